/* SPDX-License-Identifier: ISC */
/* dirname: paths without their last component. */
#include <string.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	tool_init(argc, argv, 1, "PATH...", NULL);
	while (next_option(argc, argv, "") != -1)
		;
	if (optind == argc)
		usage();
	for (; optind < argc; optind++) {
		const char *path = argv[optind];
		size_t end = strlen(path);
		while (end > 0 && path[end - 1] == '/')
			end--;
		while (end > 0 && path[end - 1] != '/')
			end--;
		while (end > 1 && path[end - 1] == '/')
			end--;
		if (end > 0)
			printf("%.*s\n", (int)end, path);
		else
			puts(*path == '/' ? "/" : ".");
	}
	return finish(0);
}
