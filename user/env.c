/* SPDX-License-Identifier: ISC */
/* env: runs a command in a changed environment, or prints the environment. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

extern char **environ;

int main(int argc, char **argv)
{
	static char *nothing[] = { NULL };
	const char *dir = NULL;
	char end = '\n';

	tool_init(argc, argv, 125,
		  "[-0i] [-u NAME]... [-C DIRECTORY] [NAME=VALUE]... [COMMAND [ARGUMENT...]]", NULL);
	for (int c; (c = next_option(argc, argv, "+0C:iu:")) != -1;) {
		switch (c) {
		case '0':
			end = '\0';
			break;
		case 'C':
			dir = optarg;
			break;
		case 'i':
			environ = nothing;
			break;
		case 'u':
			if (unsetenv(optarg) < 0)
				die("cannot unset '%s': %s", optarg, strerror(errno));
			break;
		}
	}
	if (optind < argc && strcmp(argv[optind], "-") == 0) {
		environ = nothing;
		optind++;
	}
	for (; optind < argc && strchr(argv[optind], '='); optind++)
		if (putenv(argv[optind]) != 0)
			die("cannot set '%s': %s", argv[optind], strerror(errno));
	if (dir && chdir(dir) < 0)
		die("cannot change directory to '%s': %s", dir, strerror(errno));
	if (optind < argc) {
		if (end == '\0')
			die("-0 goes with no command");
		execvp(argv[optind], argv + optind);
		complain("'%s': %s", argv[optind], strerror(errno));
		return errno == ENOENT ? 127 : 126;
	}
	for (char **entry = environ; *entry; entry++) {
		fputs(*entry, stdout);
		putchar(end);
	}
	return finish(0);
}
