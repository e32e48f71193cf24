/* SPDX-License-Identifier: ISC */
/*
 * Jobs: pipelines in front, in the background, or stopped. With job control (set -m, on in an interactive shell) each has a
 * process group of its own, and the one in front has the terminal; without it all stay in the shell's group and never stop.
 * POSIX XCU 2.9.3.1, and 11.1 of the base definitions.
 */
#include "sh.h"
#include <termios.h>

enum state { RUNNING, STOPPED, DONE };
struct process {
	pid_t pid;
	int status; /* as waitpid gives it */
	enum state state;
};
struct job {
	struct process *procs;
	int nprocs, number; /* number 0: not on the list */
	pid_t group;	    /* 0: the shell's own */
	char *text;
	unsigned long used; /* when it was last started, stopped or continued, in events */
	int told;	    /* its end was told: only $! may still ask for it */
	struct termios modes;
	int has_modes; /* of the terminal, when it stopped */
	struct job *next;
};
static struct job *jobs; /* in the background or stopped, not waited for */
static unsigned long events;
static int tty = -1; /* the terminal, with job control */
static struct termios shell_modes;
static int exit_was_told;
pid_t last_bg;

/* ---- a job's text ---- */

static void word_text(struct buf *b, const char *p)
{
	static const char *const open[] = { [SUB] = "$(", [PARAM] = "${", [ARITH] = "$((" };
	static const char *const close[] = { [SUB] = ")", [PARAM] = "}", [ARITH] = "))" };
	char stack[MAX_DEPTH];
	int n = 0;

	for (; *p; p++) {
		const char *s = 0;
		if (*p == ESC && p[1])
			add(b, *++p);
		else if (*p == END && n)
			s = close[(int)stack[--n]];
		else if (*p >= SUB && *p <= ARITH && *p != END && n < MAX_DEPTH)
			s = open[(int)(stack[n++] = *p)];
		else
			add(b, *p);
		if (s)
			add_mem(b, s, strlen(s));
	}
}

static void add_str(struct buf *b, const char *s)
{
	add_mem(b, s, strlen(s));
}

static void words_text(struct buf *b, struct word *w)
{
	for (; w; w = w->next) {
		if (b->n && b->s[b->n - 1] != ' ')
			add(b, ' ');
		word_text(b, w->text);
	}
}

static void node_text(struct buf *b, struct node *n);

static void joined_text(struct buf *b, struct node *n, const char *between)
{
	for (; n; n = n->next) {
		node_text(b, n);
		if (n->next)
			add_str(b, between);
	}
}

/* Compound commands only by what they begin with. */
static void node_text(struct buf *b, struct node *n)
{
	static const char *const begins[] = {
		[N_GROUP] = "{ ...; }",	 [N_IF] = "if ...",	[N_WHILE] = "while ...",
		[N_UNTIL] = "until ...", [N_CASE] = "case ...", [N_FUNCTION] = "function"
	};

	switch (n->kind) {
	case N_SIMPLE:
		words_text(b, n->assigns);
		words_text(b, n->words);
		break;
	case N_PIPE:
		joined_text(b, n->a, " | ");
		break;
	case N_LIST:
		joined_text(b, n->a, "; ");
		break;
	case N_AND:
	case N_OR:
		node_text(b, n->a);
		add_str(b, n->kind == N_AND ? " && " : " || ");
		node_text(b, n->b);
		break;
	case N_NOT:
		add_str(b, "! ");
		node_text(b, n->a);
		break;
	case N_BG:
		node_text(b, n->a);
		add_str(b, " &");
		break;
	case N_SUBSHELL:
		add(b, '(');
		node_text(b, n->a);
		add(b, ')');
		break;
	case N_FOR:
		add_str(b, "for ");
		add_str(b, n->name);
		add_str(b, " ...");
		break;
	default:
		add_str(b, begins[n->kind]);
	}
	for (struct redir *r = n->redirs; r; r = r->next) {
		add(b, ' ');
		if (r->fd > 1)
			add(b, '0' + r->fd % 10);
		add_str(b, tok_names[r->op]);
		if (r->op != T_DLESS && r->op != T_DLESSDASH)
			word_text(b, r->text);
	}
}

/* ---- the list ---- */

static enum state job_state(const struct job *j)
{
	enum state s = DONE;

	for (int i = 0; i < j->nprocs; i++) {
		if (j->procs[i].state == RUNNING)
			return RUNNING;
		if (j->procs[i].state == STOPPED)
			s = STOPPED;
	}
	return s;
}

static pid_t last_pid(const struct job *j)
{
	return j->procs[j->nprocs - 1].pid;
}

struct job *new_job(struct node *n)
{
	struct job *j = xrealloc(0, sizeof *j);
	struct buf b = { 0 };

	*j = (struct job){ 0 };
	if (n)
		node_text(&b, n);
	add(&b, 0);
	j->text = b.s;
	return j;
}

static void drop_job(struct job *j)
{
	for (struct job **p = &jobs; *p; p = &(*p)->next)
		if (*p == j) {
			*p = j->next;
			break;
		}
	free(j->procs);
	free(j->text);
	free(j);
}

void forget_jobs(void)
{
	while (jobs)
		drop_job(jobs);
}

static void list_job(struct job *j)
{
	struct job **tail = &jobs;
	int number = 1;

	j->used = ++events;
	if (j->number)
		return;
	for (; *tail; tail = &(*tail)->next)
		if ((*tail)->number >= number && !(*tail)->told)
			number = (*tail)->number + 1;
	j->number = number;
	*tail = j;
}

/* The job that %+ means: the one stopped last, else the one started last; with `than`, the next best. */
static struct job *current_job(const struct job *than)
{
	struct job *best = 0;

	for (struct job *j = jobs; j; j = j->next)
		if (j != than && !j->told &&
		    (!best || (job_state(j) == STOPPED) > (job_state(best) == STOPPED) ||
		     ((job_state(j) == STOPPED) == (job_state(best) == STOPPED) && j->used > best->used)))
			best = j;
	return best;
}

/* %N, %+, %%, %-, %NAME, %?TEXT, and N alone; NULL after a message. */
static struct job *find_job(const char *who, const char *spec)
{
	const char *s = *spec == '%' ? spec + 1 : spec;
	struct job *found = 0, *j;

	if (!*s || !strcmp(s, "%") || !strcmp(s, "+"))
		found = current_job(0);
	else if (!strcmp(s, "-"))
		found = current_job(current_job(0));
	else
		for (j = jobs; j; j = j->next) {
			if (j->told)
				continue;
			if (isdigit((unsigned char)*s) ? j->number == atoi(s) :
			    *s == '?'		       ? strstr(j->text, s + 1) != 0 :
							 !strncmp(j->text, s, strlen(s)))
				found = j;
		}
	if (!found)
		complain("%s: %s: no such job", who, spec);
	return found;
}

pid_t job_target(const char *spec, int sig)
{
	struct job *j = find_job("kill", spec);

	if (!j)
		return 0;
	if (j->group && job_state(j) == STOPPED && sig != SIGSTOP && sig != SIGTSTP && sig != SIGCONT)
		kill(-j->group, SIGCONT); /* or it would never see the signal */
	return j->group ? -j->group : last_pid(j);
}

/* ---- processes ---- */

static void note(struct process *p, int status)
{
	p->status = status;
	p->state = WIFSTOPPED(status) ? STOPPED : WIFCONTINUED(status) ? RUNNING : DONE;
}

pid_t fork_job(struct job *j, int background)
{
	int control = OPT(O_MONITOR) && !subshell;

	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		fail(2, "cannot fork: %s", strerror(errno));
	pid_t me = pid ? pid : getpid();
	if (control) { /* both do it, as neither knows who is first */
		if (!j->group)
			j->group = me;
		setpgid(me, j->group);
		if (!background && tty >= 0)
			tcsetpgrp(tty, j->group);
	}
	if (pid == 0) {
		become_child(background && !control);
		for (int i = 0; control && i < 3; i++)
			set_handler((int[]){ SIGTSTP, SIGTTIN, SIGTTOU }[i], SIG_DFL);
		return 0;
	}
	j->procs = xrealloc(j->procs, (size_t)(j->nprocs + 1) * sizeof *j->procs);
	j->procs[j->nprocs++] = (struct process){ .pid = pid };
	return pid;
}

static void tell_signal(int status)
{
	if (!WIFSIGNALED(status))
		return;
	int sig = WTERMSIG(status);
	if (sig == SIGINT && interactive)
		got_int = 1;
	if (sig != SIGINT && sig != SIGPIPE)
		fprintf(stderr, "%s%s\n", strsignal(sig), WCOREDUMP(status) ? " (core dumped)" : "");
}

static void print_job(FILE *to, const struct job *j, int with_pid)
{
	const struct job *current = current_job(0);
	int status = j->procs[j->nprocs - 1].status;
	char what[40] = "Running", pid[16] = "";

	if (job_state(j) == STOPPED)
		snprintf(what, sizeof what, "Stopped");
	else if (job_state(j) == DONE && WIFSIGNALED(status))
		snprintf(what, sizeof what, "%s", strsignal(WTERMSIG(status)));
	else if (job_state(j) == DONE && exit_code(status))
		snprintf(what, sizeof what, "Done(%d)", exit_code(status));
	else if (job_state(j) == DONE)
		snprintf(what, sizeof what, "Done");
	if (with_pid)
		snprintf(pid, sizeof pid, "%d ", j->group ? j->group : last_pid(j));
	fprintf(to, "[%d]%c %s%-22s %s%s\n", j->number,
		j == current		  ? '+' :
		j == current_job(current) ? '-' :
					    ' ',
		pid, what, j->text, job_state(j) == RUNNING ? " &" : "");
}

/* The job has ended, or stopped: the shell has the terminal again. */
static void take_terminal(struct job *j)
{
	int unclean = job_state(j) == STOPPED || WIFSIGNALED(j->procs[j->nprocs - 1].status);

	if (tty < 0 || !j->group)
		return;
	tcsetpgrp(tty, getpgrp());
	j->has_modes = job_state(j) == STOPPED && tcgetattr(tty, &j->modes) == 0;
	if (unclean)
		tcsetattr(tty, TCSADRAIN, &shell_modes);
	else
		tcgetattr(tty, &shell_modes);
}

int run_foreground(struct job *j)
{
	int status = 0, code = 0;

	for (int i = 0; i < j->nprocs; i++) {
		struct process *p = &j->procs[i];
		while (p->state == RUNNING) {
			if (waitpid(p->pid, &status, j->group ? WUNTRACED : 0) == p->pid)
				note(p, status);
			else if (errno != EINTR)
				note(p, 127 << 8);
		}
		if (exit_code(p->status))
			code = exit_code(p->status);
	}
	take_terminal(j);
	status = j->procs[j->nprocs - 1].status;
	if (job_state(j) == STOPPED) {
		list_job(j);
		fputc('\n', stderr);
		print_job(stderr, j, 0);
		return 128 + SIGTSTP;
	}
	tell_signal(status);
	drop_job(j);
	return OPT(O_PIPEFAIL) ? code : exit_code(status);
}

void run_background(struct job *j)
{
	reap_jobs(0);
	last_bg = last_pid(j);
	list_job(j);
	if (interactive && !subshell)
		fprintf(stderr, "[%d] %d\n", j->number, last_bg);
}

void reap_jobs(int tell)
{
	int status;

	for (struct job *j = jobs, *next; j; j = next) {
		enum state before = job_state(j);
		next = j->next;
		for (int i = 0; i < j->nprocs; i++)
			while (j->procs[i].state != DONE &&
			       waitpid(j->procs[i].pid, &status, WNOHANG | WUNTRACED | WCONTINUED) ==
				       j->procs[i].pid)
				note(&j->procs[i], status);
		if (job_state(j) == STOPPED && before != STOPPED)
			j->used = ++events;
		if (tell && !j->told && job_state(j) != RUNNING &&
		    (job_state(j) == DONE || before == RUNNING)) {
			print_job(stderr, j, 0);
			j->told = job_state(j) == DONE;
		}
		if (j->told && last_pid(j) != last_bg)
			drop_job(j);
	}
}

void start_job_control(void)
{
	int fd = isatty(2) ? 2 : 0;

	if (tty >= 0)
		return;
	if (isatty(fd) && tcgetpgrp(fd) > 0) {
		while (tcgetpgrp(fd) != getpgrp())
			kill(0, SIGTTIN); /* until whoever started the shell puts it in front */
		tty = fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FD);
	}
	if (tty < 0) {
		if (interactive)
			complain("no terminal of its own: no job control");
		OPT(O_MONITOR) = !interactive;
		return;
	}
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	setpgid(0, 0);
	tcsetpgrp(tty, getpgrp());
	tcgetattr(tty, &shell_modes);
	OPT(O_MONITOR) = 1;
}

int jobs_forbid_exit(void)
{
	int stopped = 0;

	for (struct job *j = jobs; j; j = j->next)
		stopped |= job_state(j) == STOPPED;
	if (!interactive || subshell || !stopped || exit_was_told)
		return 0;
	exit_was_told = 1;
	complain("there are stopped jobs");
	return 1;
}

/* ---- wait, jobs, fg, bg ---- */

/* Waits for one; a signal that has a trap ends the waiting, and the trap is run after the command. */
static int wait_job(struct job *j, int *interrupted)
{
	*interrupted = 0;
	for (int i = 0; i < j->nprocs; i++) {
		struct process *p = &j->procs[i];
		while (p->state == RUNNING) {
			int status;
			if (waitpid(p->pid, &status, j->group ? WUNTRACED : 0) == p->pid) {
				note(p, status);
			} else if (errno != EINTR) {
				note(p, 127 << 8);
			} else if (trap_due()) {
				*interrupted = 1;
				return trap_due();
			} else if (got_int && interactive) {
				check_signals();
			}
		}
	}
	return exit_code(j->procs[j->nprocs - 1].status);
}

static int wait_all(void)
{
	int status, interrupted;

	for (struct job *j = jobs, *next; j; j = next) {
		next = j->next;
		if (job_state(j) == STOPPED)
			continue;
		status = wait_job(j, &interrupted);
		if (interrupted)
			return status;
		if (job_state(j) == DONE)
			drop_job(j);
	}
	return 0;
}

static struct job *job_of_process(pid_t pid)
{
	for (struct job *j = jobs; j; j = j->next)
		for (int i = 0; i < j->nprocs; i++)
			if (j->procs[i].pid == pid)
				return j;
	return 0;
}

int run_wait(int argc, char **argv)
{
	int status = 0, interrupted;

	if (argc == 1)
		return wait_all();
	for (int i = 1; i < argc; i++) {
		struct job *j = *argv[i] == '%' ? find_job("wait", argv[i]) :
						  job_of_process((pid_t)strtol(argv[i], 0, 10));
		status = 127;
		if (!j)
			continue;
		status = wait_job(j, &interrupted);
		if (interrupted)
			return status;
		if (job_state(j) != DONE)
			continue;
		tell_signal(j->procs[j->nprocs - 1].status);
		drop_job(j);
	}
	return status;
}

int run_jobs(int argc, char **argv)
{
	int mode = argc > 1 && (!strcmp(argv[1], "-l") || !strcmp(argv[1], "-p")) ? argv[1][1] : 0;

	reap_jobs(0);
	for (struct job *j = jobs, *next; j; j = next) {
		next = j->next;
		if (j->told)
			continue;
		if (mode == 'p')
			printf("%d\n", j->group ? j->group : j->procs[0].pid);
		else
			print_job(stdout, j, mode == 'l');
		j->told = job_state(j) == DONE;
		if (j->told && last_pid(j) != last_bg)
			drop_job(j);
	}
	return 0;
}

static int continue_job(struct job *j, int foreground)
{
	list_job(j);
	for (int i = 0; i < j->nprocs; i++)
		if (j->procs[i].state == STOPPED)
			j->procs[i].state = RUNNING;
	if (foreground && tty >= 0) {
		tcsetpgrp(tty, j->group);
		if (j->has_modes)
			tcsetattr(tty, TCSADRAIN, &j->modes);
	}
	kill(-j->group, SIGCONT);
	return foreground ? run_foreground(j) : 0;
}

/* fg and bg */
int run_fg(int argc, char **argv)
{
	int foreground = *argv[0] == 'f', status = 0;

	if (!OPT(O_MONITOR)) {
		complain("%s: no job control", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc || i == 1; i++) {
		struct job *j = find_job(argv[0], i < argc ? argv[i] : "%+");
		if (!j || !j->group || job_state(j) == DONE) {
			if (j)
				complain("%s: %s has ended", argv[0], j->text);
			return 1;
		}
		if (foreground)
			puts(j->text);
		else
			printf("[%d] %s &\n", j->number, j->text);
		fflush(stdout);
		status = continue_job(j, foreground);
	}
	return status;
}
