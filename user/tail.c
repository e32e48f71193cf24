/* SPDX-License-Identifier: ISC */
/* tail: the end of files, or all from a line or byte on; -f waits for more. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

static uint64_t count = 10;
static bool in_bytes, from_start, follow, headings;

/* From unit `count` (of 1...) to the end. */
static int print_from(int fd, const char *name)
{
	static char buffer[IO_SIZE];
	uint64_t skip = count > 0 ? count - 1 : 0;
	ssize_t nbytes;

	while (skip > 0 && (nbytes = read(fd, buffer, sizeof(buffer))) != 0) {
		if (nbytes < 0) {
			file_error(name);
			return 1;
		}
		ssize_t used = 0;
		if (in_bytes)
			used = skip < (uint64_t)nbytes ? (ssize_t)skip : nbytes;
		skip -= (uint64_t)used;
		while (!in_bytes && skip > 0 && used < nbytes) {
			char *newline = memchr(buffer + used, '\n', (size_t)(nbytes - used));
			used = newline ? newline - buffer + 1 : nbytes;
			skip -= newline != NULL;
		}
		fwrite(buffer + used, 1, (size_t)(nbytes - used), stdout);
	}
	fflush(stdout);
	return copy_fd(fd, name, STDOUT_FILENO, "write error") < 0;
}

/* A file that can seek: finds the start of the last lines backwards. false: it cannot. */
static bool seek_back(int fd)
{
	static char buffer[4096];
	struct stat st;
	off_t begin = lseek(fd, 0, SEEK_CUR);

	/* A file that says it is empty may be one of /proc. */
	if (begin < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= begin)
		return false;
	if (in_bytes) {
		uint64_t size = (uint64_t)(st.st_size - begin);
		return lseek(fd, count < size ? st.st_size - (off_t)count : begin, SEEK_SET) >= 0;
	}
	uint64_t found = 0;
	for (off_t end = st.st_size; end > begin;) {
		size_t want = end - begin < (off_t)sizeof(buffer) ? (size_t)(end - begin) : sizeof(buffer);
		if (pread(fd, buffer, want, end - (off_t)want) != (ssize_t)want)
			return false;
		for (size_t i = want; i > 0; i--) {
			off_t at = end - (off_t)want + (off_t)i; /* just behind byte i-1 */
			if (buffer[i - 1] == '\n' && at != st.st_size && ++found >= count)
				return lseek(fd, count ? at : st.st_size, SEEK_SET) >= 0;
		}
		end -= (off_t)want;
	}
	return lseek(fd, count ? begin : st.st_size, SEEK_SET) >= 0;
}

/* What cannot seek is read to its end, and no more of it kept than may be wanted. */
static int print_end_of_stream(int fd, const char *name)
{
	size_t have = 0, start = 0, capacity = 2 * IO_SIZE;
	char *held = xmalloc(capacity);
	uint64_t units = 0; /* bytes, or newlines, in held[start..have) */
	ssize_t nbytes;

	for (;;) {
		if (capacity - have < IO_SIZE) {
			memmove(held, held + start, have - start);
			have -= start;
			start = 0;
			if (have > capacity / 2)
				held = xrealloc(held, capacity *= 2);
		}
		nbytes = read(fd, held + have, IO_SIZE);
		if (nbytes <= 0)
			break;
		for (ssize_t i = 0; i < nbytes; i++)
			units += in_bytes || held[have + (size_t)i] == '\n';
		have += (size_t)nbytes;
		while (units > count && start < have) {
			/* The newline at the very end does not begin another line. */
			if (!in_bytes && units == count + 1 && held[have - 1] != '\n')
				break;
			char *newline = memchr(held + start, '\n', have - start);
			start = in_bytes ? start + (size_t)(units - count) : (size_t)(newline - held) + 1;
			units = in_bytes ? count : units - 1;
		}
	}
	if (!in_bytes && have > start && held[have - 1] != '\n' && count > 0)
		while (units >= count) { /* the last line has no newline, and counts */
			start = (size_t)((char *)memchr(held + start, '\n', have - start) - held) + 1;
			units--;
		}
	if (count > 0)
		fwrite(held + start, 1, have - start, stdout);
	if (nbytes < 0)
		file_error(name);
	free(held);
	return nbytes < 0;
}

static int tail_file(int fd, const char *name)
{
	static bool again;

	if (headings)
		printf("%s==> %s <==\n", again ? "\n" : "", strcmp(name, "-") == 0 ? "standard input" : name);
	again = true;
	if (from_start)
		return print_from(fd, name);
	if (!seek_back(fd))
		return print_end_of_stream(fd, name);
	fflush(stdout);
	return copy_fd(fd, name, STDOUT_FILENO, "write error") < 0;
}

/* Looks at the files for ever; one that shrank is read from its beginning. */
static void follow_files(char **names, int nfiles)
{
	int *fds = xmalloc((size_t)nfiles * sizeof(*fds)), last = nfiles - 1;
	struct timespec pause = { 0, 250000000 };

	for (int i = 0; i < nfiles; i++) {
		fds[i] = strcmp(names[i], "-") == 0 ? STDIN_FILENO : open(names[i], O_RDONLY | O_CLOEXEC);
		lseek(fds[i], 0, SEEK_END);
	}
	for (;; nanosleep(&pause, NULL)) {
		for (int i = 0; i < nfiles; i++) {
			struct stat st;
			off_t at = lseek(fds[i], 0, SEEK_CUR);
			if (fds[i] < 0 || fstat(fds[i], &st) < 0)
				continue;
			if (S_ISREG(st.st_mode) && st.st_size < at) {
				complain("%s: file truncated", names[i]);
				lseek(fds[i], 0, SEEK_SET);
			}
			if (S_ISREG(st.st_mode) && st.st_size == at)
				continue;
			if (headings && last != i)
				printf("\n==> %s <==\n", names[i]);
			last = i;
			fflush(stdout);
			if (copy_fd(fds[i], names[i], STDOUT_FILENO, "write error") < 0)
				exit(1);
		}
	}
}

static void take_count(const char *text)
{
	from_start = *text == '+';
	count = need_size(text + (*text == '-' || *text == '+'));
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "lines", 'n' },   { "bytes", 'c' },  { "quiet", 'q' },
		{ "verbose", 'v' }, { "follow", 'f' }, { 0 },
	};
	static char *standard_input[] = { "-", NULL };
	int named = -1;

	tool_init(argc, argv, 1, "[-n [+]LINES | -c [+]BYTES] [-fqv] [FILE...]", longs);
	if (argc > 1 && (argv[1][0] == '-' || argv[1][0] == '+') && argv[1][1] >= '0' && argv[1][1] <= '9') {
		take_count(argv[1]);
		argv++, argc--;
	}
	for (int c; (c = next_option(argc, argv, "c:fn:qv")) != -1;) {
		if (c == 'q' || c == 'v')
			named = c == 'v';
		follow |= c == 'f';
		if (c != 'c' && c != 'n')
			continue;
		in_bytes = c == 'c';
		take_count(optarg);
	}
	int nfiles = argc - optind;
	headings = named < 0 ? nfiles > 1 : named;
	int failed = each_input(argv + optind, tail_file);
	if (follow)
		follow_files(nfiles ? argv + optind : standard_input, nfiles ? nfiles : 1);
	return finish(failed > 0);
}
