/* SPDX-License-Identifier: ISC */
/* mkdir: makes directories. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static bool verbose;

static int make(const char *path, mode_t mode, bool may_exist)
{
	if (mkdir(path, mode) < 0) {
		int error = errno;
		if (may_exist && is_directory(path))
			return 0;
		errno = error;
		file_error(path);
		return -1;
	}
	if (verbose)
		printf("%s: created directory '%s'\n", tool_name, path);
	return 0;
}

/* Directories on the way get the usual mode, and u+wx so that the next one can be made in them. */
static int make_parents(const char *path)
{
	char *copy = xstrdup(path);
	mode_t mask = umask(0);
	int result = 0;

	umask(mask & ~0300u);
	for (char *slash = copy + strspn(copy, "/"); result == 0 && (slash = strchr(slash, '/')) != NULL;) {
		char *behind = slash + strspn(slash, "/");
		if (!*behind)
			break;
		*slash = '\0';
		result = make(copy, 0777, true);
		*slash = '/';
		slash = behind;
	}
	umask(mask);
	free(copy);
	return result;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "parents", 'p' }, { "mode", 'm' }, { "verbose", 'v' }, { 0 }
	};
	const char *mode_text = NULL;
	bool parents = false;
	mode_t mode = 0777;
	int failed = 0;

	tool_init(argc, argv, 1, "[-pv] [-m MODE] DIRECTORY...", longs);
	for (int c; (c = next_option(argc, argv, "m:pv")) != -1;) {
		mode_text = c == 'm' ? optarg : mode_text;
		parents |= c == 'p';
		verbose |= c == 'v';
	}
	if (optind == argc)
		usage();
	if (mode_text && !parse_mode(mode_text, S_IFDIR | 0777, &mode))
		die("invalid mode '%s'", mode_text);
	for (int i = optind; i < argc; i++) {
		bool existed = parents && is_directory(argv[i]);
		if ((parents && make_parents(argv[i]) < 0) || make(argv[i], mode & 0777, parents) < 0) {
			failed++;
		} else if (mode_text && !existed && chmod(argv[i], mode) < 0) {
			file_error(argv[i]);
			failed++;
		}
	}
	return finish(failed > 0);
}
