/* SPDX-License-Identifier: ISC */
/* basename: the last component of paths, without a suffix. */
#include <string.h>
#include <unistd.h>

#include "util.h"

static void print_base(const char *path, const char *suffix)
{
	char *base = path_base(path);
	size_t length = strlen(base), cut = suffix ? strlen(suffix) : 0;

	if (cut > 0 && length > cut && strcmp(base + length - cut, suffix) == 0)
		base[length - cut] = '\0';
	puts(base);
}

int main(int argc, char **argv)
{
	const char *suffix = NULL;
	bool many = false;

	tool_init(argc, argv, 1, "PATH [SUFFIX] | -a [-s SUFFIX] PATH...", NULL);
	for (int c; (c = next_option(argc, argv, "+as:")) != -1;) {
		many = true;
		suffix = c == 's' ? optarg : suffix;
	}
	int count = argc - optind;
	if (count < 1 || (!many && count > 2))
		usage();
	if (!many && count == 2)
		suffix = argv[--argc];
	for (; optind < argc; optind++)
		print_base(argv[optind], suffix);
	return finish(0);
}
