/* SPDX-License-Identifier: ISC */
/* The commands that are the shell's own, and their table. */
#include "sh.h"
#include <sys/resource.h>
#include <sys/times.h>

int redirs_stay;
static int by_command;

static int run_true(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 0;
}

static int run_false(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 1;
}

/* What follows from an error in a special builtin: the shell ends, but not if it was called by `command`. */
int misuse(void)
{
	if (!by_command)
		leave(2);
	return 2;
}

/* A number not below 0, or -1 after a message. */
int number(const char *who, const char *s)
{
	char *end;
	long v = strtol(s, &end, 10);

	if (isdigit((unsigned char)*s) && !*end && v <= INT_MAX)
		return (int)v;
	complain("%s: bad number: %s", who, s);
	return -1;
}

static int run_break(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : 1;

	if (n <= 0)
		return misuse();
	if (loops) {
		skipping = *argv[0] == 'b' ? SKIP_BREAK : SKIP_CONTINUE;
		skip_levels = n > loops ? loops : n;
	}
	return 0;
}

static int run_return(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : last_status;

	if (n < 0)
		return misuse();
	skipping = SKIP_RETURN;
	return n;
}

static int run_exit(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : trap_status >= 0 ? trap_status : last_status;

	if (jobs_forbid_exit())
		return 1;
	shell_exit(n < 0 ? 2 : n & 255);
}

static int run_unset(int argc, char **argv)
{
	int fn = 0;

	for (int i = 1; i < argc; i++) {
		if (i == 1 && (!strcmp(argv[i], "-f") || !strcmp(argv[i], "-v"))) {
			fn = argv[i][1] == 'f';
			continue;
		}
		if (!fn) {
			unset_var(argv[i]);
			continue;
		}
		for (struct function **f = &functions; *f; f = &(*f)->next)
			if (!strcmp((*f)->name, argv[i])) {
				*f = (*f)->next; /* its body may be running: it is left alone */
				break;
			}
	}
	return 0;
}

static int run_local(int argc, char **argv)
{
	if (!frames || !ncalls)
		fail(2, "local: not in a function");
	for (int i = 1; i < argc; i++) {
		size_t n = name_len(argv[i]);
		if (!n || (argv[i][n] && argv[i][n] != '='))
			fail(2, "local: %s: bad variable name", argv[i]);
		save_var(argv[i], n);
		if (argv[i][n])
			assign(argv[i]);
	}
	return 0;
}

static int run_shift(int argc, char **argv)
{
	int n = argc > 1 ? number(argv[0], argv[1]) : 1;

	if (n < 0 || n > nargs) {
		complain("shift: can't shift that many");
		return misuse();
	}
	if (n) {
		struct mark m = mark(&scratch);
		int rest = nargs - n;
		char **v = take(&scratch, (rest + 1) * sizeof *v);
		for (int i = 0; i < rest; i++)
			v[i] = take_str(&scratch, args[i + n], strlen(args[i + n]));
		set_args(v, rest);
		release(&scratch, m);
	}
	return 0;
}

static int run_eval(int argc, char **argv)
{
	struct mark m = mark(&scratch);
	struct buf b = { 0 };

	for (int i = 1; i < argc; i++) {
		if (i > 1)
			add(&b, ' ');
		add_mem(&b, argv[i], strlen(argv[i]));
	}
	last_status = 0;
	eval_string(finish(&b, &scratch), eval_flags);
	release(&scratch, m);
	return last_status;
}

int run_exec(int argc, char **argv)
{
	if (argc > 1)
		exec_program(argv + 1);
	redirs_stay = 1;
	return 0;
}

static char *find_script(const char *name)
{
	const char *p = get_var("PATH");

	if (strchr(name, '/'))
		return (char *)name;
	for (; p; p = *p ? p + 1 : 0) {
		size_t n = strcspn(p, ":");
		char *path = take(&scratch, n + strlen(name) + 2);
		memcpy(path, p, n);
		strcat(strcpy(path + n, n ? "/" : ""), name);
		if (access(path, R_OK) == 0)
			return path;
		p += n;
	}
	return (char *)name;
}

/* Opens a file of commands, out of the way of the script's own descriptors. */
int open_script(const char *path, struct input *i)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, SAVED_FD);
	close(fd);
	*i = (struct input){ .fd = high, .line = 1 };
	return high < 0 ? -1 : 0;
}

static int run_dot(int argc, char **argv)
{
	struct input i;

	if (argc < 2)
		fail(2, ".: file name missing");
	if (open_script(find_script(argv[1]), &i) < 0) {
		complain(".: cannot open %s: %s", argv[1], strerror(errno));
		return misuse();
	}
	if (argc > 2) {
		push_frame();
		args = 0;
		nargs = 0;
		set_args(argv + 2, argc - 2);
	}
	push_input(&i);
	last_status = 0;
	run_input(eval_flags);
	pop_input();
	if (argc > 2)
		pop_frame();
	if (skipping == SKIP_RETURN)
		skipping = SKIP_NONE;
	return last_status;
}

static int describe(const char *name, int verbose)
{
	static const char *const reserved[] = { "if",	"then",	 "else",  "elif", "fi", "do", "done", "case",
						"esac", "while", "until", "for",  "in", "{",  "}",    "!" };
	const struct builtin *b = find_builtin(name);
	char *path;

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (!strcmp(name, reserved[i])) {
			printf("%s%s\n", name, verbose ? " is a shell keyword" : "");
			return 0;
		}
	if (describe_alias(name, verbose))
		return 0;
	if (b && b->special)
		printf("%s%s\n", name, verbose ? " is a special shell builtin" : "");
	else if (find_function(name))
		printf("%s%s\n", name, verbose ? " is a shell function" : "");
	else if (b)
		printf("%s%s\n", name, verbose ? " is a shell builtin" : "");
	else if ((path = find_program(name)))
		printf("%s%s%s\n", verbose ? name : "", verbose ? " is " : "", path);
	else {
		if (verbose)
			printf("%s: not found\n", name);
		return 127;
	}
	return 0;
}

static int run_type(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; i < argc; i++)
		status |= describe(argv[i], 1);
	return status;
}

/* command [-v|-V|-p] NAME...: as if there were no function of that name. */
static int run_command(int argc, char **argv)
{
	int i = 1;

	if (argc > 2 && (!strcmp(argv[1], "-v") || !strcmp(argv[1], "-V")))
		return describe(argv[2], argv[1][1] == 'V');
	if (argc > 1 && (!strcmp(argv[1], "-p") || !strcmp(argv[1], "--")))
		i++;
	if (i >= argc)
		return 0;
	const struct builtin *b = find_builtin(argv[i]);
	if (b) {
		by_command = 1;
		int status = b->run(argc - i, argv + i);
		by_command = 0;
		return status;
	}
	struct job *j = new_job(0);
	if (fork_job(j, 0) == 0)
		exec_program(argv + i);
	return run_foreground(j);
}

/* Where programs were found is not remembered: there is nothing to list or to forget, only names to look for. */
static int run_hash(int argc, char **argv)
{
	int status = 0;

	for (int i = argc > 1 && !strcmp(argv[1], "-r") ? 2 : 1; i < argc; i++)
		if (!find_builtin(argv[i]) && !find_function(argv[i]) && !find_program(argv[i])) {
			complain("hash: %s: not found", argv[i]);
			status = 1;
		}
	return status;
}

static int run_times(int argc, char **argv)
{
	struct rusage r[2];

	(void)argc, (void)argv;
	getrusage(RUSAGE_SELF, &r[0]);
	getrusage(RUSAGE_CHILDREN, &r[1]);
	for (int i = 0; i < 2; i++) {
		const struct timeval *u = &r[i].ru_utime, *s = &r[i].ru_stime;
		printf("%ldm%ld.%06lds %ldm%ld.%06lds\n", u->tv_sec / 60, u->tv_sec % 60, (long)u->tv_usec,
		       s->tv_sec / 60, s->tv_sec % 60, (long)s->tv_usec);
	}
	return 0;
}

static int run_getopts(int argc, char **argv)
{
	static int inside, last_index;
	char text[16] = "?";

	if (argc < 3) {
		complain("getopts: usage: getopts OPTIONS NAME [ARG]...");
		return 2;
	}
	const char *opts = argv[1], *ind = get_var("OPTIND");
	int index = ind ? atoi(ind) : 1, n = argc > 3 ? argc - 3 : nargs, status = 0, quiet = *opts == ':';
	char **v = argc > 3 ? argv + 3 : args;
	if (index != last_index || index < 1)
		inside = 0;
	index = index < 1 ? 1 : index;
	const char *arg = index <= n ? v[index - 1] : 0;
	unset_var("OPTARG");
	if (!inside && (!arg || arg[0] != '-' || !arg[1] || !strcmp(arg, "--"))) {
		if (arg && !strcmp(arg, "--"))
			index++;
		status = 1;
	} else {
		int c = arg[++inside];
		const char *o = c == ':' ? 0 : strchr(opts, c);
		int last = !arg[inside + 1];
		char letter[2] = { (char)c, 0 };
		text[0] = o ? (char)c : '?';
		if (!o) {
			if (quiet)
				set_var("OPTARG", letter);
			else
				complain("bad option: -%c", c);
		} else if (o[1] == ':') {
			if (!last) {
				set_var("OPTARG", arg + inside + 1);
			} else if (index < n) {
				set_var("OPTARG", v[index++]);
			} else {
				text[0] = quiet ? ':' : '?';
				if (quiet)
					set_var("OPTARG", letter);
				else
					complain("no argument for -%c option", c);
			}
			last = 1;
		}
		if (last) {
			index++;
			inside = 0;
		}
	}
	set_var(argv[2], text);
	snprintf(text, sizeof text, "%d", last_index = index);
	set_var("OPTIND", text);
	return status;
}

/* In the order of strcmp. */
static const struct builtin builtins[] = {
	{ ".", run_dot, 1 },	       { ":", run_true, 1 },	      { "[", run_test, 0 },
	{ "alias", run_alias, 0 },     { "bg", run_fg, 0 },	      { "break", run_break, 1 },
	{ "cd", run_cd, 0 },	       { "command", run_command, 0 }, { "continue", run_break, 1 },
	{ "echo", run_echo, 0 },       { "eval", run_eval, 1 },	      { "exec", run_exec, 1 },
	{ "exit", run_exit, 1 },       { "export", run_export, 1 },   { "false", run_false, 0 },
	{ "fg", run_fg, 0 },	       { "getopts", run_getopts, 0 }, { "hash", run_hash, 0 },
	{ "history", run_history, 0 }, { "jobs", run_jobs, 0 },	      { "kill", run_kill, 0 },
	{ "local", run_local, 1 },     { "printf", run_printf, 0 },   { "pwd", run_pwd, 0 },
	{ "read", run_read, 0 },       { "readonly", run_export, 1 }, { "return", run_return, 1 },
	{ "set", run_set, 1 },	       { "shift", run_shift, 1 },     { "test", run_test, 0 },
	{ "times", run_times, 1 },     { "trap", run_trap, 1 },	      { "true", run_true, 0 },
	{ "type", run_type, 0 },       { "ulimit", run_ulimit, 0 },   { "umask", run_umask, 0 },
	{ "unalias", run_unalias, 0 }, { "unset", run_unset, 1 },     { "wait", run_wait, 0 },
};

static int compare_name(const void *key, const void *b)
{
	return strcmp(key, ((const struct builtin *)b)->name);
}

const struct builtin *find_builtin(const char *name)
{
	return bsearch(name, builtins, sizeof builtins / sizeof *builtins, sizeof *builtins, compare_name);
}

void builtin_names(void (*found)(void *to, const char *name), void *to)
{
	for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
		found(to, builtins[i].name);
}
