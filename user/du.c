/* SPDX-License-Identifier: ISC */
/* du: how much of the disk trees take; each file once, however many names it has. */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <unistd.h>

#include "util.h"

struct seen {
	dev_t device;
	ino_t inode;
};

static bool all, human, summary, bytes, one_device, total;
static long long deepest = -1;
static uint64_t unit = 1024, sums[PATH_MAX / 2]; /* of each directory on the way down */
static size_t depth;
static struct seen *seen;
static size_t seen_count;
static dev_t device;

static void print(uint64_t n, const char *path)
{
	char text[16];

	if (human)
		printf("%s\t%s\n", human_size(n, text), path);
	else
		printf("%llu\t%s\n", (unsigned long long)((n + unit - 1) / unit), path);
}

/* Whether a file of several names was counted before. */
static bool counted(const struct stat *st)
{
	if (st->st_nlink < 2)
		return false;
	for (size_t i = 0; i < seen_count; i++)
		if (seen[i].device == st->st_dev && seen[i].inode == st->st_ino)
			return true;
	seen = xrealloc(seen, (seen_count + 1) * sizeof(*seen));
	seen[seen_count++] = (struct seen){ st->st_dev, st->st_ino };
	return false;
}

static int visit(const char *path, const struct stat *st, enum walk_when when, void *context)
{
	uint64_t n = bytes ? (uint64_t)st->st_size : (uint64_t)st->st_blocks * 512;
	bool directory = S_ISDIR(st->st_mode);

	(void)context;
	if (depth == 0)
		device = st->st_dev;
	if (one_device && st->st_dev != device)
		return WALK_SKIP;
	if (directory && when == WALK_FIRST) {
		if (depth + 1 == sizeof(sums) / sizeof(sums[0]))
			die("%s: too deep", path);
		sums[++depth] = n;
		return WALK_OK;
	}
	if (directory) {
		n = sums[depth--];
	} else if (counted(st)) {
		return WALK_OK;
	}
	sums[depth] += n;
	if (depth == 0 || ((directory || all) && !summary && (deepest < 0 || (long long)depth <= deepest)))
		print(n, path);
	return WALK_OK;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = { { "all", 'a' },	{ "human-readable", 'h' },
						  { "summarize", 's' }, { "bytes", 'b' },
						  { "max-depth", 'd' }, { "one-file-system", 'x' },
						  { "total", 'c' },	{ NULL, 0 } };
	static char *here[] = { ".", NULL };
	int failed = 0;

	tool_init(argc, argv, 1, "[-abchkmsx] [-d DEPTH] [FILE]...", longs);
	for (int c; (c = next_option(argc, argv, "abchkmsxd:")) != -1;) {
		all |= c == 'a';
		bytes |= c == 'b';
		total |= c == 'c';
		human |= c == 'h';
		summary |= c == 's';
		one_device |= c == 'x';
		if (c == 'b')
			unit = 1;
		else if (c == 'm')
			unit = 1024 * 1024;
		else if (c == 'k')
			unit = 1024;
		else if (c == 'd')
			deepest = need_number(optarg);
	}
	for (char **name = optind < argc ? argv + optind : here; *name; name++) {
		depth = 0;
		failed += walk(*name, 0, visit, NULL);
	}
	if (total)
		print(sums[0], "total");
	return finish(failed > 0);
}
