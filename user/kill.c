/* SPDX-License-Identifier: ISC */
/* kill: sends a signal to processes and process groups. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "util.h"

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "HUP", SIGHUP },	 { "INT", SIGINT },   { "QUIT", SIGQUIT },   { "ILL", SIGILL },
	{ "TRAP", SIGTRAP },	 { "ABRT", SIGABRT }, { "BUS", SIGBUS },     { "FPE", SIGFPE },
	{ "KILL", SIGKILL },	 { "USR1", SIGUSR1 }, { "SEGV", SIGSEGV },   { "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE },	 { "ALRM", SIGALRM }, { "TERM", SIGTERM },   { "CHLD", SIGCHLD },
	{ "CONT", SIGCONT },	 { "STOP", SIGSTOP }, { "TSTP", SIGTSTP },   { "TTIN", SIGTTIN },
	{ "TTOU", SIGTTOU },	 { "URG", SIGURG },   { "XCPU", SIGXCPU },   { "XFSZ", SIGXFSZ },
	{ "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH }, { "IO", SIGIO },
	{ "PWR", SIGPWR },	 { "SYS", SIGSYS },
};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

/* A number or a name with or without SIG, in either case; 0 only tests. -1: unknown. */
static int signal_number(const char *text)
{
	long long number;

	if (parse_number(text, &number))
		return number >= 0 && number <= 64 ? (int)number : -1;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int i = 0; i < SIGNALS; i++)
		if (strcasecmp(signals[i].name, text) == 0)
			return signals[i].number;
	return strcasecmp(text, "EXIT") == 0 ? 0 : -1;
}

static int need_signal(const char *text)
{
	int number = signal_number(text);

	if (number < 0)
		die("%s: invalid signal", text);
	return number;
}

/* Names for numbers (also exit statuses above 128) and numbers for names; without operands all names. */
static int list_signals(char **operands)
{
	for (int i = 0; !*operands && i < SIGNALS; i++)
		printf("%2d %s\n", signals[i].number, signals[i].name);
	for (; *operands; operands++) {
		int number = isdigit((unsigned char)**operands) ? (int)(need_number(*operands) & 127) : -1,
		    i = 0;
		if (number < 0) {
			printf("%d\n", need_signal(*operands));
			continue;
		}
		while (i < SIGNALS && signals[i].number != number)
			i++;
		if (i == SIGNALS)
			die("%s: invalid signal", *operands);
		puts(signals[i].name);
	}
	return finish(0);
}

int main(int argc, char **argv)
{
	int number = SIGTERM, failed = 0, i = 1;

	tool_init(argc, argv, 1, "[-s SIGNAL | -SIGNAL] PID... | -l [SIGNAL...]", NULL);
	if (argc > 1 && strcmp(argv[1], "-l") == 0)
		return list_signals(argv + 2);
	if (argc > 2 && (strcmp(argv[1], "-s") == 0 || strcmp(argv[1], "-n") == 0)) {
		number = need_signal(argv[2]);
		i = 3;
	} else if (argc > 1 && argv[1][0] == '-' && argv[1][1] && strcmp(argv[1], "--") != 0) {
		number = need_signal(argv[1] + 1);
		i = 2;
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	if (i == argc)
		usage();
	for (; i < argc; i++) {
		long long pid;
		if (!parse_number(argv[i], &pid) || (pid_t)pid != pid) {
			complain("%s: not a process id", argv[i]);
			failed++;
		} else if (kill((pid_t)pid, number) < 0) {
			complain("(%s): %s", argv[i], strerror(errno));
			failed++;
		}
	}
	return finish(failed > 0);
}
