/* SPDX-License-Identifier: ISC */
/* Signals and traps. */
#include "sh.h"

char *traps[NSIG];
volatile sig_atomic_t got_int, any_pending;
static volatile sig_atomic_t pending[NSIG];
unsigned long ignored_at_start;
int trap_status = -1;

void on_signal(int sig)
{
	if (sig == SIGINT && !traps[SIGINT]) {
		got_int = 1;
		return;
	}
	pending[sig] = 1;
	any_pending = 1;
}

void set_handler(int sig, sighandler_t h)
{
	struct sigaction sa = { .sa_handler = h };

	sigaction(sig, &sa, 0);
}

void reset_traps(void)
{
	trap_status = -1;
	for (int sig = 0; sig < NSIG; sig++) {
		if (traps[sig] && *traps[sig]) {
			traps[sig] = 0;
			if (sig)
				signal(sig, SIG_DFL);
		}
		pending[sig] = 0;
	}
}

int trap_due(void)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (pending[sig])
			return 128 + sig;
	return 0;
}

static void run_traps(void)
{
	any_pending = 0;
	for (int sig = 1; sig < NSIG; sig++) {
		if (!pending[sig])
			continue;
		pending[sig] = 0;
		if (traps[sig] && *traps[sig]) {
			int status = last_status, outer = trap_status;
			char *cmd = xstrdup(traps[sig]);
			trap_status = status;
			eval_string(cmd, 0);
			free(cmd);
			trap_status = outer;
			last_status = status;
		}
	}
}

/* What a command leaves to its end: traps that came, and ^C at a terminal. */
void check_signals(void)
{
	if (got_int && interactive && !subshell)
		longjmp(top_level, 1);
	if (any_pending)
		run_traps();
}

_Noreturn void shell_exit(int status)
{
	if (traps[0] && *traps[0]) {
		char *cmd = traps[0];
		traps[0] = 0;
		trap_status = last_status = status;
		skipping = SKIP_NONE;
		eval_string(cmd, 0);
	}
	fflush(stdout);
	_exit(status);
}

/* A signal by number or name (with or without SIG); -1 if there is none. 0 is EXIT. */
static int signal_number(const char *s)
{
	if (isdigit((unsigned char)*s)) {
		char *end;
		long v = strtol(s, &end, 10);
		return !*end && v < NSIG ? (int)v : -1;
	}
	if (!strncasecmp(s, "SIG", 3))
		s += 3;
	if (!strcasecmp(s, "EXIT"))
		return 0;
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i) && !strcasecmp(s, sigabbrev_np(i)))
			return i;
	return -1;
}

static int list_signals(int argc, char **argv)
{
	if (argc > 2) {
		int n = number("kill", argv[2]);
		if (n < 0)
			return 2;
		n &= 127;
		puts(n && sigabbrev_np(n) ? sigabbrev_np(n) : "?");
		return 0;
	}
	for (int i = 1; i < 32; i++)
		printf("%s%c", sigabbrev_np(i), i % 8 && i < 31 ? ' ' : '\n');
	return 0;
}

int run_kill(int argc, char **argv)
{
	int sig = SIGTERM, i = 1, status = 0;

	if (argc > 1 && !strcmp(argv[1], "-l"))
		return list_signals(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "-s")) {
		sig = signal_number(argv[2]);
		i = 3;
	} else if (argc > 1 && argv[1][0] == '-' && argv[1][1] && strcmp(argv[1], "--")) {
		sig = signal_number(argv[1] + 1);
		i = 2;
	}
	if (sig < 0) {
		complain("kill: bad signal: %s", argv[i - 1]);
		return 2;
	}
	if (i < argc && !strcmp(argv[i], "--"))
		i++;
	if (i >= argc) {
		complain("kill: usage: kill [-SIGNAL] PID|%%JOB...");
		return 2;
	}
	for (; i < argc; i++) {
		char *end = "";
		long pid = *argv[i] == '%' ? job_target(argv[i], sig) : strtol(argv[i], &end, 10);
		if (*argv[i] == '%' && !pid) {
			status = 1;
		} else if (*end || end == argv[i]) {
			complain("kill: bad process number: %s", argv[i]);
			status = 2;
		} else if (kill((pid_t)pid, sig) < 0) {
			complain("kill: %s: %s", argv[i], strerror(errno));
			status = 1;
		}
	}
	return status;
}

static void set_trap(int sig, const char *action)
{
	free(traps[sig]);
	traps[sig] = action ? xstrdup(action) : 0;
	if (!sig)
		return;
	if (ignored_at_start >> sig & 1)
		return; /* what was ignored at the start stays so */
	if (!action && sig == SIGINT && interactive && !subshell)
		set_handler(sig, on_signal);
	else if (!action && (sig == SIGQUIT || sig == SIGTERM) && interactive && !subshell)
		set_handler(sig, SIG_IGN);
	else if (!action && (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) && OPT(O_MONITOR) &&
		 !subshell)
		set_handler(sig, SIG_IGN);
	else
		set_handler(sig, !action ? SIG_DFL : *action ? on_signal : SIG_IGN);
}

int run_trap(int argc, char **argv)
{
	int i = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1, status = 0;
	const char *action = 0;

	if (i >= argc) {
		for (int sig = 0; sig < NSIG; sig++)
			if (traps[sig]) {
				fputs("trap -- ", stdout);
				print_quoted(traps[sig]);
				printf(" %s\n", sig ? sigabbrev_np(sig) ? sigabbrev_np(sig) : "?" : "EXIT");
			}
		return 0;
	}
	if (argc - i > 1 && !isdigit((unsigned char)argv[i][0])) {
		action = strcmp(argv[i], "-") ? argv[i] : 0;
		i++;
	}
	for (; i < argc; i++) {
		int sig = signal_number(argv[i]);
		if (sig < 0) {
			complain("trap: %s: bad trap", argv[i]);
			status = 1;
			continue;
		}
		set_trap(sig, action);
	}
	return status;
}
