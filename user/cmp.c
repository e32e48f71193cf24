/* SPDX-License-Identifier: ISC */
/* cmp: compares two files byte by byte. Exit status 0 the same, 1 different, 2 trouble. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static bool list_all, silent;
static uint64_t limit = UINT64_MAX;

struct side {
	const char *name;
	int fd;
	unsigned char *bytes;
	size_t have;
};

static void open_side(struct side *side, const char *name, uint64_t skip)
{
	static char scratch[IO_SIZE];

	side->name = name;
	side->fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
	side->bytes = xmalloc(IO_SIZE);
	if (side->fd < 0)
		die_file(name);
	if (skip == 0 || lseek(side->fd, (off_t)skip, SEEK_CUR) >= 0)
		return;
	for (ssize_t nbytes = 1; skip > 0 && nbytes > 0; skip -= (uint64_t)nbytes)
		if ((nbytes = read(side->fd, scratch, skip < IO_SIZE ? (size_t)skip : IO_SIZE)) < 0)
			die_file(name);
}

static void fill(struct side *side, uint64_t left)
{
	ssize_t nbytes = read_full(side->fd, side->bytes, left < IO_SIZE ? (size_t)left : IO_SIZE);

	if (nbytes < 0)
		die_file(side->name);
	side->have = (size_t)nbytes;
}

static void tell_end(const struct side *side, uint64_t offset, uint64_t lines, bool at_line_start)
{
	if (silent)
		return;
	fflush(stdout);
	if (offset == 0)
		fprintf(stderr, "%s: EOF on %s which is empty\n", tool_name, side->name);
	else if (list_all)
		fprintf(stderr, "%s: EOF on %s after byte %llu\n", tool_name, side->name,
			(unsigned long long)offset);
	else
		fprintf(stderr, "%s: EOF on %s after byte %llu, %sline %llu\n", tool_name, side->name,
			(unsigned long long)offset, at_line_start ? "" : "in ",
			(unsigned long long)(lines - at_line_start));
}

/* The offsets of -l are as wide as the largest there can be. */
static int offset_width(const struct side *a, const struct side *b)
{
	struct stat st;
	uint64_t most = limit;

	if (fstat(a->fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < most)
		most = (uint64_t)st.st_size;
	if (fstat(b->fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size < most)
		most = (uint64_t)st.st_size;
	return most == UINT64_MAX ? 1 : snprintf(NULL, 0, "%llu", (unsigned long long)most);
}

static int compare(struct side *a, struct side *b)
{
	uint64_t offset = 0, lines = 1;
	bool different = false, at_line_start = false;
	int width = offset_width(a, b);

	for (;;) {
		fill(a, limit - offset);
		fill(b, limit - offset);
		size_t common = a->have < b->have ? a->have : b->have;
		bool same = memcmp(a->bytes, b->bytes, common) == 0;
		for (size_t i = 0; (!same || !(silent || list_all)) && i < common; i++) {
			if (a->bytes[i] != b->bytes[i]) {
				different = true;
				if (silent)
					return 1;
				unsigned long long byte = offset + i + 1;
				if (!list_all) {
					printf("%s %s differ: byte %llu, line %llu\n", a->name, b->name, byte,
					       (unsigned long long)lines);
					return 1;
				}
				printf("%*llu %3o %3o\n", width, byte, a->bytes[i], b->bytes[i]);
			}
			lines += a->bytes[i] == '\n';
		}
		if (common > 0)
			at_line_start = a->bytes[common - 1] == '\n';
		offset += common;
		if (a->have != b->have) {
			tell_end(a->have < b->have ? a : b, offset, lines, at_line_start);
			return 1;
		}
		if (common == 0 || offset == limit)
			return different;
	}
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "silent", 's' }, { "quiet", 's' }, { "verbose", 'l' }, { "bytes", 'n' }, { 0 },
	};
	struct side a, b;

	tool_init(argc, argv, 2, "[-ls] [-n BYTES] FILE1 [FILE2 [SKIP1 [SKIP2]]]", longs);
	for (int c; (c = next_option(argc, argv, "ln:s")) != -1;) {
		list_all |= c == 'l';
		silent |= c == 's';
		if (c == 'n')
			limit = need_size(optarg);
	}
	int count = argc - optind;
	if (count < 1 || count > 4)
		usage();
	open_side(&a, argv[optind], count > 2 ? need_size(argv[optind + 2]) : 0);
	open_side(&b, count > 1 ? argv[optind + 1] : "-", count > 3 ? need_size(argv[optind + 3]) : 0);
	return finish(compare(&a, &b));
}
