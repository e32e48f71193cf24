/* SPDX-License-Identifier: ISC */
/* readlink: where symbolic links lead; with -f the whole path without links. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* As realpath(3), but the last component need not exist. */
static bool real_path(const char *path, char out[4096], bool must_exist)
{
	struct stat st;

	if (realpath(path, out))
		return true;
	if (must_exist || errno != ENOENT || lstat(path, &st) == 0)
		return false;
	char *copy = xstrdup(path), *base = path_base(path);
	size_t end = strlen(copy);
	while (end > 1 && copy[end - 1] == '/')
		end--;
	while (end > 0 && copy[end - 1] != '/')
		end--;
	copy[end] = '\0';
	bool found = realpath(*copy ? copy : ".", out) != NULL;
	if (found) {
		char *whole = path_join(out, base);
		snprintf(out, 4096, "%s", whole);
		free(whole);
	}
	free(copy);
	free(base);
	return found;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "canonicalize", 'f' },
		{ "canonicalize-existing", 'e' },
		{ "no-newline", 'n' },
		{ 0 },
	};
	char target[4096];
	int failed = 0, how = 0;
	bool newline = true, verbose = false;

	tool_init(argc, argv, 1, "[-efnv] FILE...", longs);
	for (int c; (c = next_option(argc, argv, "efnqsv")) != -1;) {
		how = c == 'e' || c == 'f' ? c : how;
		newline &= c != 'n';
		verbose |= c == 'v';
	}
	if (optind == argc)
		usage();
	for (; optind < argc; optind++) {
		bool found;
		if (how) {
			found = real_path(argv[optind], target, how == 'e');
		} else {
			ssize_t length = readlink(argv[optind], target, sizeof(target) - 1);
			found = length >= 0;
			target[found ? length : 0] = '\0';
		}
		if (!found) {
			failed++;
			if (verbose)
				file_error(argv[optind]);
			continue;
		}
		fputs(target, stdout);
		if (newline)
			putchar('\n');
	}
	return finish(failed > 0);
}
