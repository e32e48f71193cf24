/* SPDX-License-Identifier: ISC */
/* mv: renames files; across file systems it copies and removes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static bool ask, no_clobber, verbose;

/* The copy replaces what was there under the rules of rename(2). */
static int move_across(const char *from, const char *to, const struct stat *st)
{
	struct stat old;
	struct copy_how copy = { .recursive = true, .preserve = true, .links_as_links = true };
	struct remove_how remove = { .recursive = true, .force = true };

	if (lstat(to, &old) == 0) {
		if (S_ISDIR(old.st_mode) != S_ISDIR(st->st_mode)) {
			errno = S_ISDIR(old.st_mode) ? EISDIR : ENOTDIR;
			file_error(to);
			return 1;
		}
		if ((S_ISDIR(old.st_mode) ? rmdir : unlink)(to) < 0) {
			file_error(to);
			return 1;
		}
	}
	if (copy_tree(from, to, &copy) > 0)
		return 1;
	return remove_tree(from, &remove) > 0;
}

static int move(const char *from, const char *to)
{
	struct stat st, old;

	if (lstat(from, &st) < 0) {
		file_error(from);
		return 1;
	}
	if (lstat(to, &old) == 0) {
		/* Also of two links of one file: rename(2) would do nothing and say it did. */
		if (old.st_dev == st.st_dev && old.st_ino == st.st_ino) {
			complain("'%s' and '%s' are the same file", from, to);
			return 1;
		}
		if (no_clobber || (ask && !confirm("overwrite", to)))
			return 0;
	}
	int failed = 0;
	if (rename(from, to) < 0) {
		if (errno == EXDEV) {
			failed = move_across(from, to, &st);
		} else {
			complain("cannot move '%s' to '%s': %s", from, to, strerror(errno));
			failed = 1;
		}
	}
	if (verbose && !failed)
		printf("renamed '%s' -> '%s'\n", from, to);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "force", 'f' },
		{ "interactive", 'i' },
		{ "no-clobber", 'n' },
		{ "verbose", 'v' },
		{ "target-directory", 't' },
		{ "no-target-directory", 'T' },
		{ 0 },
	};
	const char *target = NULL;
	bool no_directory = false;
	int failed = 0;

	tool_init(argc, argv, 1, "[-finTv] SOURCE... TARGET", longs);
	for (int c; (c = next_option(argc, argv, "fint:Tv")) != -1;) {
		switch (c) {
		case 'f':
			ask = no_clobber = false;
			break;
		case 'i':
			ask = true, no_clobber = false;
			break;
		case 'n':
			no_clobber = true, ask = false;
			break;
		case 't':
			target = optarg;
			break;
		case 'T':
			no_directory = true;
			break;
		case 'v':
			verbose = true;
			break;
		}
	}
	if (argc - optind < (target ? 1 : 2))
		usage();
	int last = target ? argc : argc - 1;
	if (!target)
		target = argv[last];
	bool into = !no_directory && is_directory(target);
	if (!into && last - optind > 1)
		die("%s: not a directory", target);
	for (int i = optind; i < last; i++) {
		char *to = path_into(target, into, argv[i]);
		failed += move(argv[i], to);
		free(to);
	}
	return finish(failed > 0);
}
