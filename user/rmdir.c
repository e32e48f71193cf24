/* SPDX-License-Identifier: ISC */
/* rmdir: removes empty directories. */
#include <string.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "parents", 'p' }, { "verbose", 'v' }, { 0 } };
	bool parents = false, verbose = false;
	int failed = 0;

	tool_init(argc, argv, 1, "[-pv] DIRECTORY...", longs);
	for (int c; (c = next_option(argc, argv, "pv")) != -1;) {
		parents |= c == 'p';
		verbose |= c == 'v';
	}
	if (optind == argc)
		usage();
	for (int i = optind; i < argc; i++) {
		for (char *path = argv[i], *slash;; *slash = '\0') {
			if (verbose)
				printf("%s: removing directory, '%s'\n", tool_name, path);
			if (rmdir(path) < 0) {
				file_error(path);
				failed++;
				break;
			}
			for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
				path[end - 1] = '\0';
			slash = strrchr(path, '/');
			if (!parents || !slash || slash == path)
				break;
			while (slash > path + 1 && slash[-1] == '/')
				slash--;
		}
	}
	return finish(failed > 0);
}
