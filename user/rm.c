/* SPDX-License-Identifier: ISC */
/* rm: removes files and directory trees. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* The root directory and the names . and .. are never meant. */
static bool is_refused(const char *path, bool recursive)
{
	struct stat st, root;
	char *base = path_base(path);
	bool dots = strcmp(base, ".") == 0 || strcmp(base, "..") == 0;

	free(base);
	if (dots)
		complain("%s: refusing to remove '.' or '..'", path);
	else if (recursive && lstat(path, &st) == 0 && stat("/", &root) == 0 && st.st_ino == root.st_ino &&
		 st.st_dev == root.st_dev && (dots = true))
		complain("%s: refusing to remove the root directory", path);
	return dots;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "recursive", 'r' }, { "force", 'f' }, { "verbose", 'v' }, { "dir", 'd' }, { 0 },
	};
	struct remove_how how = { 0 };
	int failed = 0;

	tool_init(argc, argv, 1, "[-dfirRv] FILE...", longs);
	for (int c; (c = next_option(argc, argv, "dfirRv")) != -1;) {
		switch (c) {
		case 'd':
			how.empty_directories = true;
			break;
		case 'f':
			how.force = true, how.ask = false;
			break;
		case 'i':
			how.ask = true, how.force = false;
			break;
		case 'r':
		case 'R':
			how.recursive = true;
			break;
		case 'v':
			how.verbose = true;
			break;
		}
	}
	if (optind == argc && !how.force)
		usage();
	for (int i = optind; i < argc; i++)
		failed += is_refused(argv[i], how.recursive) || remove_tree(argv[i], &how) > 0;
	return finish(failed > 0);
}
