/* SPDX-License-Identifier: ISC */
/* cp: copies files and directory trees. */
#include <stdlib.h>
#include <unistd.h>

#include "util.h"

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "recursive", 'r' },
		{ "archive", 'a' },
		{ "force", 'f' },
		{ "no-clobber", 'n' },
		{ "verbose", 'v' },
		{ "interactive", 'i' },
		{ "preserve", 'p' },
		{ "dereference", 'L' },
		{ "no-dereference", 'P' },
		{ "target-directory", 't' },
		{ "no-target-directory", 'T' },
		{ 0 },
	};
	struct copy_how how = { 0 };
	const char *target = NULL;
	bool no_directory = false, follow = false, no_follow = false;
	int failed = 0;

	tool_init(argc, argv, 1, "[-adfiLnPprRTv] SOURCE... TARGET", longs);
	for (int c; (c = next_option(argc, argv, "adfHiLnPprRt:Tv")) != -1;) {
		switch (c) {
		case 'a':
			how.recursive = how.preserve = no_follow = true;
			break;
		case 'd':
		case 'P':
			no_follow = true, follow = false;
			break;
		case 'f':
			how.force = true;
			break;
		case 'H':
			how.follow = WALK_FOLLOW_TOP;
			break;
		case 'i':
			how.ask = true;
			break;
		case 'L':
			follow = true, no_follow = false;
			break;
		case 'n':
			how.no_clobber = true;
			break;
		case 'p':
			how.preserve = true;
			break;
		case 'r':
		case 'R':
			how.recursive = true;
			break;
		case 't':
			target = optarg;
			break;
		case 'T':
			no_directory = true;
			break;
		case 'v':
			how.verbose = true;
			break;
		}
	}
	/* Without -L and -P a lone file's link is followed, a tree's links are copied as links. */
	how.links_as_links = no_follow || (how.recursive && !follow);
	if (follow)
		how.follow = WALK_FOLLOW;
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
		failed += copy_tree(argv[i], to, &how);
		free(to);
	}
	return finish(failed > 0);
}
