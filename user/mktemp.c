/* SPDX-License-Identifier: ISC */
/* mktemp: makes a file or directory of a name that is not taken yet, and prints it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "directory", 'd' }, { "tmpdir", 't' }, { "quiet", 'q' }, { 0 }
	};
	const char *dir = NULL, *environment = getenv("TMPDIR");
	bool directory = false, quiet = false, in_tmp = false;

	tool_init(argc, argv, 1, "[-dqt] [-p DIRECTORY] [TEMPLATE]", longs);
	for (int c; (c = next_option(argc, argv, "dp:qt")) != -1;) {
		directory |= c == 'd';
		quiet |= c == 'q';
		in_tmp |= c == 't';
		dir = c == 'p' ? optarg : dir;
	}
	if (argc - optind > 1)
		usage();
	const char *template = optind < argc ? argv[optind] : "tmp.XXXXXXXXXX";
	if (!dir && (in_tmp || optind == argc))
		dir = environment && *environment ? environment : "/tmp";
	size_t length = strlen(template);
	if (length < 6 || strcmp(template + length - 6, "XXXXXX") != 0)
		die("'%s': a template ends in at least six X", template);
	char *path = dir ? path_join(dir, template) : xstrdup(template);
	bool made;
	if (directory) {
		made = mkdtemp(path) != NULL;
	} else {
		int fd = mkstemp(path);
		made = fd >= 0 && close(fd) == 0;
	}
	if (!made) {
		if (!quiet)
			file_error(dir ? dir : template);
		return 1;
	}
	puts(path);
	return finish(0);
}
