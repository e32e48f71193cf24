/* SPDX-License-Identifier: ISC */
/* ln: makes hard and symbolic links. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static bool symbolic, force, ask, verbose;

static int link_one(const char *target, const char *path)
{
	struct stat st, old;

	if (!symbolic && lstat(target, &st) < 0) {
		file_error(target);
		return 1;
	}
	if (!symbolic && S_ISDIR(st.st_mode)) {
		complain("%s: hard link not allowed for directory", target);
		return 1;
	}
	if ((force || ask) && lstat(path, &old) == 0 && !S_ISDIR(old.st_mode)) {
		if (!symbolic && old.st_dev == st.st_dev && old.st_ino == st.st_ino) {
			complain("'%s' and '%s' are the same file", target, path);
			return 1;
		}
		if (ask && !confirm("replace", path))
			return 0;
		if (unlink(path) < 0 && errno != ENOENT) {
			file_error(path);
			return 1;
		}
	}
	if ((symbolic ? symlink(target, path) : link(target, path)) < 0) {
		complain("failed to create %s link '%s': %s", symbolic ? "symbolic" : "hard", path,
			 strerror(errno));
		return 1;
	}
	if (verbose)
		printf("'%s' %s '%s'\n", path, symbolic ? "->" : "=>", target);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "symbolic", 's' },	     { "force", 'f' },
		{ "interactive", 'i' },	     { "no-dereference", 'n' },
		{ "target-directory", 't' }, { "no-target-directory", 'T' },
		{ "verbose", 'v' },	     { 0 },
	};
	const char *where = NULL;
	bool no_directory = false, keep_link = false;
	struct stat st;
	int failed = 0;

	tool_init(argc, argv, 1, "[-finsTv] TARGET... [LINK | DIRECTORY]", longs);
	for (int c; (c = next_option(argc, argv, "fint:sTv")) != -1;) {
		switch (c) {
		case 'f':
			force = true, ask = false;
			break;
		case 'i':
			ask = true, force = false;
			break;
		case 'n':
			keep_link = true;
			break;
		case 's':
			symbolic = true;
			break;
		case 't':
			where = optarg;
			break;
		case 'T':
			no_directory = true;
			break;
		case 'v':
			verbose = true;
			break;
		}
	}
	if (optind == argc)
		usage();
	int last = where || argc - optind == 1 ? argc : argc - 1;
	if (!where)
		where = last == argc ? "." : argv[last];
	bool into = !no_directory && is_directory(where) &&
		    !(keep_link && lstat(where, &st) == 0 && S_ISLNK(st.st_mode));
	if (!into && last - optind > 1)
		die("%s: not a directory", where);
	for (int i = optind; i < last; i++) {
		char *path = path_into(where, into, argv[i]);
		failed += link_one(argv[i], path);
		free(path);
	}
	return finish(failed > 0);
}
