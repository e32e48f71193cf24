/* SPDX-License-Identifier: ISC */
/* head: the beginning of files; with a negative count, all but the end. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static uint64_t count = 10;
static bool in_bytes, all_but, headings;

/* Copies up to `left` bytes or lines. What was read too far is given back where the file can seek. */
static int copy_beginning(int fd, const char *name)
{
	static char buffer[IO_SIZE];
	uint64_t left = count;

	while (left > 0) {
		size_t want = in_bytes && left < sizeof(buffer) ? (size_t)left : sizeof(buffer);
		ssize_t nbytes = read(fd, buffer, want), used = 0;
		if (nbytes < 0)
			file_error(name);
		if (nbytes <= 0)
			return nbytes < 0;
		if (in_bytes) {
			used = nbytes;
			left -= (uint64_t)nbytes;
		}
		while (!in_bytes && left > 0 && used < nbytes) {
			char *newline = memchr(buffer + used, '\n', (size_t)(nbytes - used));
			used = newline ? newline - buffer + 1 : nbytes;
			left -= newline != NULL;
		}
		fwrite(buffer, 1, (size_t)used, stdout);
		if (used < nbytes)
			lseek(fd, used - nbytes, SEEK_CUR);
	}
	return 0;
}

/* Holds back the last `count` bytes or lines, whatever they are. */
static int copy_all_but(int fd, const char *name)
{
	size_t have = 0, capacity = IO_SIZE, start = 0;
	char *held = xmalloc(capacity);
	uint64_t units = 0; /* bytes or newlines in held[start..have] */
	ssize_t nbytes;

	while (1) {
		if (capacity - have < IO_SIZE) {
			memmove(held, held + start, have - start);
			have -= start;
			start = 0;
			if (capacity - have < IO_SIZE)
				held = xrealloc(held, capacity *= 2);
		}
		nbytes = read(fd, held + have, IO_SIZE);
		if (nbytes <= 0)
			break;
		for (ssize_t i = 0; i < nbytes; i++)
			units += in_bytes || held[have + (size_t)i] == '\n';
		have += (size_t)nbytes;
		size_t from = start;
		/* A last line without its newline counts as one, so one line more than the newlines say is held. */
		while (units > count && start < have) {
			char *newline = memchr(held + start, '\n', have - start);
			start = in_bytes ? start + (size_t)(units - count) : (size_t)(newline - held) + 1;
			units = in_bytes ? count : units - 1;
		}
		fwrite(held + from, 1, start - from, stdout);
	}
	if (!in_bytes && have > start && held[have - 1] != '\n' && units == count && count > 0) {
		char *newline = memchr(held + start, '\n', have - start);
		fwrite(held + start, 1, (size_t)(newline - held) + 1 - start, stdout);
	} else if (count == 0) {
		fwrite(held + start, 1, have - start, stdout);
	}
	if (nbytes < 0)
		file_error(name);
	free(held);
	return nbytes < 0;
}

static int head_file(int fd, const char *name)
{
	static bool again;

	if (headings)
		printf("%s==> %s <==\n", again ? "\n" : "", strcmp(name, "-") == 0 ? "standard input" : name);
	again = true;
	return all_but ? copy_all_but(fd, name) : copy_beginning(fd, name);
}

static void take_count(const char *text)
{
	all_but = *text == '-';
	count = need_size(text + (*text == '-' || *text == '+'));
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "lines", 'n' }, { "bytes", 'c' }, { "quiet", 'q' }, { "verbose", 'v' }, { 0 },
	};
	int named = -1;

	tool_init(argc, argv, 1, "[-n [-]LINES | -c [-]BYTES] [-qv] [FILE...]", longs);
	if (argc > 1 && argv[1][0] == '-' && argv[1][1] >= '0' && argv[1][1] <= '9') {
		take_count(argv[1] + 1);
		argv++, argc--;
	}
	for (int c; (c = next_option(argc, argv, "c:n:qv")) != -1;) {
		if (c == 'q' || c == 'v') {
			named = c == 'v';
			continue;
		}
		in_bytes = c == 'c';
		take_count(optarg);
	}
	headings = named < 0 ? argc - optind > 1 : named;
	int failed = each_input(argv + optind, head_file);
	return finish(failed > 0);
}
