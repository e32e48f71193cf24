/* SPDX-License-Identifier: ISC */
/* Running commands: walks the nodes. */
#include "sh.h"
#include <fnmatch.h>

enum skip skipping;
int skip_levels, loops;

struct function *functions;
int keep_tree;
int eval_flags;

struct function *find_function(const char *name)
{
	struct function *f = functions;

	while (f && strcmp(f->name, name))
		f = f->next;
	return f;
}

static void define(struct node *n)
{
	struct function *f = find_function(n->name);

	if (!f) {
		f = xrealloc(0, sizeof *f);
		*f = (struct function){ xstrdup(n->name), 0, functions };
		functions = f;
	}
	f->body = n->a;
	keep_tree = 1;
}

static int call_function(struct function *f, int argc, char **argv, int flags)
{
	int saved_loops = loops;

	if (++ncalls > MAX_CALLS)
		fail(2, "%s: functions call each other too deeply", f->name);
	push_frame();
	args = 0;
	nargs = 0;
	set_args(argv + 1, argc - 1);
	loops = 0;
	int status = eval(f->body, flags & E_TESTED);
	if (skipping == SKIP_RETURN)
		skipping = SKIP_NONE;
	loops = saved_loops;
	pop_frame();
	ncalls--;
	return status;
}

static int run_builtin(const struct builtin *b, int argc, char **argv, int flags)
{
	eval_flags = flags & E_TESTED;
	int status = b->run(argc, argv);

	if (fflush(stdout) < 0 || ferror(stdout)) {
		if (errno != EPIPE)
			complain("%s: write error: %s", argv[0], strerror(errno));
		status = status ? status : 1;
		clearerr(stdout);
	}
	return status;
}

/* A builtin or function, with its redirections and assignments, in this process. */
static int run_inside(struct node *n, const struct builtin *b, struct function *fn, struct fields *f,
		      struct fields *assigns, int flags)
{
	struct saved *mine = saved_fds;
	int stay = b && b->special, status;

	if (redirect(n->redirs, 1) < 0) {
		undo_redirects(mine);
		if (stay && !interactive)
			leave(2);
		return 2;
	}
	if (!stay && assigns->n) {
		push_frame(); /* the positional parameters stay the same: shared */
		for (size_t i = 0; i < assigns->n; i++)
			save_var(assigns->v[i], strchr(assigns->v[i], '=') - assigns->v[i]);
	}
	for (size_t i = 0; i < assigns->n; i++) {
		struct var *v = assign(assigns->v[i]);
		if (!stay)
			v->flags |= V_EXPORT;
	}
	status = fn ? call_function(fn, (int)f->n, f->v, flags) : run_builtin(b, (int)f->n, f->v, flags);
	if (!stay && assigns->n)
		pop_frame();
	if (redirs_stay)
		keep_redirects(mine);
	else
		undo_redirects(mine);
	redirs_stay = 0;
	return status;
}

static void trace(struct fields *assigns, struct fields *f)
{
	const char *ps = expand_prompt("PS4");
	const char *sep = "";

	fflush(stdout);
	fputs(ps, stderr);
	for (size_t i = 0; i < assigns->n; i++, sep = " ")
		fprintf(stderr, "%s%s", sep, assigns->v[i]);
	for (size_t i = 0; i < f->n; i++, sep = " ")
		fprintf(stderr, "%s%s", sep, f->v[i]);
	fputc('\n', stderr);
}

/* Expands assignments; each sees those before it. They are done for that, in the innermost frame if they are to `end`. */
static void expand_assignments(struct word *w, struct fields *assigns, int end)
{
	for (; w; w = w->next) {
		add_field(assigns, expand_assignment(w->text));
		const char *s = assigns->v[assigns->n - 1];
		if (end)
			save_var(s, strchr(s, '=') - s);
		if (!end || w->next)
			assign(s);
	}
}

/* No command: assignments stay, redirections only create and check. */
static int eval_assignments(struct node *n)
{
	struct fields assigns = { 0 };
	struct saved *mine = saved_fds;
	int failed = redirect(n->redirs, 1) < 0;

	undo_redirects(mine);
	expand_assignments(n->assigns, &assigns, 0);
	if (OPT(O_XTRACE) && assigns.n)
		trace(&assigns, &(struct fields){ 0 });
	return failed ? 2 : cmdsub_status;
}

static int eval_program(struct node *n, struct fields *f, struct fields *assigns, int flags)
{
	if (!(flags & E_EXIT) || traps[0]) {
		struct job *j = new_job(interactive ? n : 0);
		if (fork_job(j, 0) > 0)
			return run_foreground(j);
	} else {
		fflush(stdout);
		become_child(0);
	}
	if (redirect(n->redirs, 0) < 0)
		_exit(2);
	for (size_t i = 0; i < assigns->n; i++)
		assign(assigns->v[i])->flags |= V_EXPORT;
	exec_program(f->v);
}

static int eval_simple(struct node *n, int flags)
{
	struct fields f = { 0 }, assigns = { 0 };
	struct mark m = mark(&scratch);
	const struct builtin *b = 0;
	struct function *fn = 0;
	int status;

	cmdsub_status = 0;
	expand_command(&f, n->words);
	expand_redirs(n->redirs);
	if (f.n) {
		if (n->assigns) {
			push_frame();
			expand_assignments(n->assigns, &assigns, 1);
			pop_frame();
		}
		if (OPT(O_XTRACE))
			trace(&assigns, &f);
		b = find_builtin(f.v[0]);
		if (!b || !b->special)
			fn = find_function(f.v[0]);
	}
	if (!f.n)
		status = eval_assignments(n);
	else if (b || fn)
		status = run_inside(n, fn ? 0 : b, fn, &f, &assigns, flags);
	else
		status = eval_program(n, &f, &assigns, flags);
	release(&scratch, m);
	return status;
}

/* Does a pipe's end become descriptor `fd` in this child. */
static void move_fd(int from, int fd)
{
	if (from == fd) {
		fcntl(fd, F_SETFD, 0);
	} else {
		dup2(from, fd);
		close(from);
	}
}

/* Starts the processes of a pipeline. */
static void start_pipe(struct node *n, struct job *j, int flags)
{
	int prev = -1;

	for (struct node *s = n->a; s; s = s->next) {
		int fd[2] = { -1, -1 };
		if (s->next && pipe2(fd, O_CLOEXEC) < 0)
			fail(2, "cannot make a pipe: %s", strerror(errno));
		if (fork_job(j, 0) == 0) {
			int tested = flags & E_TESTED;
			if (fd[0] >= 0)
				close(fd[0]);
			if (prev >= 0)
				move_fd(prev, 0);
			if (fd[1] >= 0)
				move_fd(fd[1], 1);
			shell_exit(eval(s, E_EXIT | tested));
		}
		if (prev >= 0)
			close(prev);
		if (fd[1] >= 0)
			close(fd[1]);
		prev = fd[0];
	}
}

static int eval_pipe(struct node *n, int flags)
{
	struct job *j = new_job(interactive ? n : 0);

	start_pipe(n, j, flags);
	return run_foreground(j);
}

static int eval_background(struct node *n)
{
	struct job *j = new_job(n->a);

	if (fork_job(j, 1) == 0) {
		int null = OPT(O_MONITOR) ? -1 : open("/dev/null", O_RDONLY);
		if (null > 0)
			move_fd(null, 0);
		shell_exit(eval(n->a, E_EXIT));
	}
	run_background(j);
	return 0;
}

static int eval_subshell(struct node *n, int flags)
{
	if (!(flags & E_EXIT) || traps[0]) {
		struct job *j = new_job(interactive ? n : 0);
		if (fork_job(j, 0) > 0)
			return run_foreground(j);
	} else {
		fflush(stdout);
		become_child(0);
	}
	expand_redirs(n->redirs);
	if (redirect(n->redirs, 0) < 0)
		_exit(2);
	shell_exit(eval(n->a, E_EXIT | (flags & E_TESTED)));
}

/* After a loop's body: whether the loop ends. */
static int loop_ends(void)
{
	if (skipping == SKIP_NONE)
		return 0;
	if (skipping == SKIP_RETURN)
		return 1;
	if (--skip_levels > 0)
		return 1;
	int stop = skipping == SKIP_BREAK;
	skipping = SKIP_NONE;
	return stop;
}

static int eval_while(struct node *n, int flags)
{
	int status = 0;

	loops++;
	for (;;) {
		int cond = eval(n->a, E_TESTED);
		if (skipping) {
			if (skipping == SKIP_RETURN)
				status = cond;
			if (loop_ends())
				break;
			continue;
		}
		if (!cond != (n->kind == N_WHILE))
			break;
		status = eval(n->b, flags & E_TESTED);
		if (loop_ends())
			break;
	}
	loops--;
	return status;
}

static int eval_for(struct node *n, int flags)
{
	struct mark m = mark(&scratch);
	struct fields f = { 0 };
	int status = 0;

	if (n->all_args)
		for (int i = 0; i < nargs; i++)
			add_field(&f, take_str(&scratch, args[i], strlen(args[i])));
	else
		expand_fields(&f, n->words, 0);
	loops++;
	for (size_t i = 0; i < f.n; i++) {
		set_var(n->name, f.v[i]);
		status = eval(n->a, flags & E_TESTED);
		if (loop_ends())
			break;
	}
	loops--;
	release(&scratch, m);
	return status;
}

static int eval_case(struct node *n, int flags)
{
	struct mark m = mark(&scratch);
	char *subject = expand_string(n->name, 0);

	for (struct arm *a = n->arms; a; a = a->next)
		for (struct word *w = a->patterns; w; w = w->next)
			if (!fnmatch(expand_pattern(w->text), subject, 0)) {
				release(&scratch, m);
				return a->body ? eval(a->body, flags) : 0;
			}
	release(&scratch, m);
	return 0;
}

static int eval_list(struct node *n, int flags)
{
	int status = 0;

	for (struct node *i = n->a; i && !skipping; i = i->next)
		status = eval(i, i->next ? flags & E_TESTED : flags);
	return status;
}

static int eval_and_or(struct node *n, int flags)
{
	int status = eval(n->a, E_TESTED);

	if (skipping || (status == 0) != (n->kind == N_AND))
		return status;
	return eval(n->b, flags);
}

static int eval_kind(struct node *n, int flags)
{
	int cond;

	switch (n->kind) {
	case N_SIMPLE:
		return eval_simple(n, flags);
	case N_PIPE:
		return eval_pipe(n, flags);
	case N_AND:
	case N_OR:
		return eval_and_or(n, flags);
	case N_NOT:
		cond = eval(n->a, E_TESTED);
		return skipping ? cond : !cond;
	case N_LIST:
		return eval_list(n, flags);
	case N_BG:
		return eval_background(n);
	case N_SUBSHELL:
		return eval_subshell(n, flags);
	case N_GROUP:
		return eval(n->a, flags);
	case N_IF:
		cond = eval(n->a, E_TESTED);
		if (skipping)
			return cond;
		return cond == 0 ? eval(n->b, flags) : n->c ? eval(n->c, flags) : 0;
	case N_WHILE:
	case N_UNTIL:
		return eval_while(n, flags);
	case N_FOR:
		return eval_for(n, flags);
	case N_CASE:
		return eval_case(n, flags);
	case N_FUNCTION:
		define(n);
		return 0;
	}
	return 0;
}

/* Runs a command; its status, which is also $?. */
int eval(struct node *n, int flags)
{
	int own_redirs = n->redirs && n->kind != N_SIMPLE && n->kind != N_SUBSHELL;
	struct saved *mine = saved_fds;
	int status;

	check_signals();
	if (OPT(O_NOEXEC) && !interactive)
		return 0;
	if (own_redirs) {
		struct mark m = mark(&scratch);
		expand_redirs(n->redirs);
		status = redirect(n->redirs, 1) < 0 ? 2 : eval_kind(n, flags & E_TESTED);
		undo_redirects(mine);
		release(&scratch, m);
	} else {
		status = eval_kind(n, flags);
	}
	last_status = status;
	if (status && OPT(O_ERREXIT) && !(flags & E_TESTED) && !skipping &&
	    (n->kind == N_SIMPLE || n->kind == N_PIPE || n->kind == N_SUBSHELL || own_redirs))
		leave(status);
	check_signals();
	return status;
}

/* Whether nothing but blanks is left of a string input. */
static int at_end(void)
{
	return in->fd < 0 && !in->alias && in->p + strspn(in->p, " \t\n") >= in->end;
}

/* Runs all of the innermost input. */
void run_input(int flags)
{
	struct pool *outer = tree;
	struct input *mine = in;

	while (!skipping) {
		struct lookahead saved = look;
		struct pool p = { 0 };
		struct node *n = 0;
		int outer_keep = keep_tree;
		tree = &p;
		keep_tree = 0;
		int more = parse_line(&n);
		if (more && n)
			eval(n, flags & E_EXIT && !(at_end()) ? flags & ~E_EXIT : flags);
		look = saved;
		if (!keep_tree)
			release(&p, (struct mark){ 0 });
		keep_tree = outer_keep;
		tree = outer;
		if (!more)
			break;
		if (interactive && !in->below)
			reap_jobs(1);
	}
	while (in != mine)
		end_alias(in);
}

void eval_string(const char *s, int flags)
{
	struct input i;

	push_string(&i, s, strlen(s));
	run_input(flags);
	pop_input();
}
