/* SPDX-License-Identifier: ISC */
/* time: runs a command and tells the time it took, in the format of POSIX; -v also faults and memory. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

static void print_seconds(FILE *out, const char *what, long long microseconds)
{
	fprintf(out, "%s %lld.%02lld\n", what, microseconds / 1000000, microseconds % 1000000 / 10000);
}

static long long in_microseconds(struct timeval t)
{
	return (long long)t.tv_sec * 1000000 + t.tv_usec;
}

static void run(char **command)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	execvp(command[0], command);
	complain("%s: %s", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int main(int argc, char **argv)
{
	struct timespec begun, ended;
	struct rusage usage_of;
	bool verbose = false, append = false;
	const char *out_name = NULL;
	FILE *out = stderr;
	int status;

	tool_init(argc, argv, 125, "[-pv] [-o FILE [-a]] COMMAND [ARGUMENT...]", NULL);
	for (int c; (c = next_option(argc, argv, "+ao:pv")) != -1;) {
		append |= c == 'a';
		verbose |= c == 'v';
		if (c == 'o')
			out_name = optarg;
	}
	if (optind == argc)
		usage();
	if (out_name && !(out = fopen(out_name, append ? "a" : "w")))
		die_file(out_name);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	pid_t child = fork();
	if (child < 0)
		die_file("fork");
	/* ^C is for the command; its time is told all the same. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (child == 0)
		run(argv + optind);
	while (wait4(child, &status, 0, &usage_of) < 0)
		if (errno != EINTR)
			die_file("wait");
	clock_gettime(CLOCK_MONOTONIC, &ended);
	if (WIFSIGNALED(status))
		fprintf(out, "Command terminated by signal %d\n", WTERMSIG(status));
	print_seconds(out, "real",
		      (ended.tv_sec - begun.tv_sec) * 1000000ll + (ended.tv_nsec - begun.tv_nsec) / 1000);
	print_seconds(out, "user", in_microseconds(usage_of.ru_utime));
	print_seconds(out, "sys", in_microseconds(usage_of.ru_stime));
	if (verbose)
		fprintf(out,
			"maxrss_kib %ld\nminor_faults %ld\nmajor_faults %ld\nblocks_in %ld\nblocks_out %ld\n",
			usage_of.ru_maxrss, usage_of.ru_minflt, usage_of.ru_majflt, usage_of.ru_inblock,
			usage_of.ru_oublock);
	if (fflush(out) != 0 || (out != stderr && fclose(out) != 0))
		die_file(out_name ? out_name : "standard error");
	return finish(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}
