/* SPDX-License-Identifier: ISC */
/* sh: the beginning, what the whole shell shares, and its ends. */
#include "sh.h"
#include <stdarg.h>

const char *arg0 = "sh";
int last_status, cmdsub_status;
int interactive, subshell;

pid_t shell_pid;
jmp_buf top_level;

void complain(const char *fmt, ...)
{
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", arg0, msg);
}

_Noreturn void leave(int status)
{
	last_status = status;
	if (interactive && !subshell)
		longjmp(top_level, 1);
	shell_exit(status);
}

static void import_environment(void)
{
	char num[24];

	for (char **e = environ; e && *e; e++) {
		size_t n = name_len(*e);
		if (n && (*e)[n] == '=')
			assign(*e)->flags |= V_EXPORT;
	}
	set_var("IFS", " \t\n")->flags &= ~V_EXPORT;
	set_var("OPTIND", "1")->flags &= ~V_EXPORT;
	snprintf(num, sizeof num, "%d", getppid());
	set_var("PPID", num)->flags &= ~V_EXPORT;
	if (!get_var("PS1"))
		set_var("PS1", geteuid() ? "$ " : "# ");
	if (!get_var("PS2"))
		set_var("PS2", "> ");
	if (!get_var("PS4"))
		set_var("PS4", "+ ");
	start_directory();
}

/* Where an interactive shell stands again after an error or ^C. */
static void back_to_prompt(struct input *base)
{
	got_int = 0;
	while (in != base) {
		if (in->alias)
			end_alias(in);
		else
			pop_input();
	}
	in->depth = 0;
	in->record.n = 0;
	in->p = in->end;
	undo_redirects(0);
	while (frames)
		pop_frame();
	release(&scratch, (struct mark){ 0 });
	skipping = SKIP_NONE;
	loops = ncalls = 0;
	tree = 0;
	keep_tree = 0;
}

/* An interactive shell begins with the commands of the file that ENV names. */
static void run_env(void)
{
	const char *path = expand_prompt("ENV");
	struct input i;

	if (!*path || geteuid() != getuid() || getegid() != getgid() || open_script(path, &i) < 0)
		return;
	push_input(&i);
	run_input(0);
	pop_input();
	skipping = SKIP_NONE;
}

static _Noreturn void run_interactive(struct input *base)
{
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	set_handler(SIGINT, on_signal);
	start_job_control();
	if (setjmp(top_level)) {
		if (got_int) {
			last_status = 130;
			fputc('\n', stderr);
		}
		back_to_prompt(base);
	} else {
		run_env();
	}
	run_input(0);
	fputc('\n', stderr);
	shell_exit(last_status);
}

int main(int argc, char **argv)
{
	const char *command = 0;
	int i = 1, want_command = 0, want_interactive = 0, want_stdin = 0;
	static struct input base;

	shell_pid = getpid();
	if (argc > 0)
		arg0 = argv[0];
	for (int sig = 1; sig < NSIG; sig++) {
		struct sigaction sa;
		if (sigaction(sig, 0, &sa) == 0 && sa.sa_handler == SIG_IGN)
			ignored_at_start |= 1ul << (sig & 63);
	}
	import_environment();
	for (; i < argc && (*argv[i] == '-' || *argv[i] == '+') && argv[i][1]; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		for (const char *p = argv[i] + 1; *p; p++) {
			if (*p == 'c')
				want_command = 1;
			else if (*p == 'i')
				want_interactive = 1;
			else if (*p == 's')
				want_stdin = 1;
			else if (*p == 'o' && i + 1 < argc) {
				int on = *argv[i] == '-';
				if (set_option(argv[++i], 0, on) < 0)
					return 2;
				break;
			} else if (*p != 'l' && set_option(0, *p, *argv[i] == '-') < 0)
				return 2;
		}
	}
	if (want_command) {
		if (i >= argc)
			fail(2, "-c requires an argument");
		command = argv[i++];
		if (i < argc)
			arg0 = argv[i++];
		set_args(argv + i, argc - i);
		push_string(&base, command, strlen(command));
		run_input(E_EXIT);
		shell_exit(last_status);
	}
	if (i < argc && !want_stdin) {
		const char *script = argv[i];
		arg0 = argv[i++];
		set_args(argv + i, argc - i);
		if (open_script(script, &base) < 0)
			fail(errno == ENOENT ? 127 : 126, "cannot open %s: %s", script, strerror(errno));
		push_input(&base);
		run_input(0);
		shell_exit(last_status);
	}
	set_args(argv + i, argc - i);
	interactive = want_interactive || (isatty(0) && isatty(2));
	base = (struct input){ .fd = 0, .single = !interactive, .line = 1 };
	push_input(&base);
	if (interactive)
		run_interactive(&base);
	run_input(0);
	shell_exit(last_status);
}
