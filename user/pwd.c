/* SPDX-License-Identifier: ISC */
/* pwd: the working directory; with -L as $PWD has it, if that is true. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	const char *logical = getenv("PWD");
	bool want_logical = false;
	struct stat here, there;
	char path[4096];

	tool_init(argc, argv, 1, "[-L | -P]", NULL);
	for (int c; (c = next_option(argc, argv, "LP")) != -1;)
		want_logical = c == 'L';
	if (want_logical && logical && *logical == '/' && !strstr(logical, "/.") &&
	    stat(logical, &there) == 0 && stat(".", &here) == 0 && here.st_dev == there.st_dev &&
	    here.st_ino == there.st_ino) {
		puts(logical);
		return finish(0);
	}
	if (!getcwd(path, sizeof(path)))
		die_file("getcwd");
	puts(path);
	return finish(0);
}
