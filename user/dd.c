/* SPDX-License-Identifier: ISC */
/* dd: copies in blocks of chosen sizes, from and to chosen places. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

enum {
	NOTRUNC = 1,
	SYNC = 2,
	NOERROR = 4,
	FSYNC = 8,
	FDATASYNC = 16,
	EXCL = 32,
	NOCREAT = 64,
	SWAB = 128,
	UCASE = 256,
	LCASE = 512,
	FULLBLOCK = 1024,
	COUNT_BYTES = 2048,
	SKIP_BYTES = 4096,
	SEEK_BYTES = 8192
};

struct word {
	const char *name;
	int value;
};

static const struct word conversions[] = {
	{ "notrunc", NOTRUNC },
	{ "sync", SYNC },
	{ "noerror", NOERROR },
	{ "fsync", FSYNC },
	{ "fdatasync", FDATASYNC },
	{ "excl", EXCL },
	{ "nocreat", NOCREAT },
	{ "swab", SWAB },
	{ "ucase", UCASE },
	{ "lcase", LCASE },
	{ 0 },
};
static const struct word in_words[] = {
	{ "fullblock", FULLBLOCK },
	{ "count_bytes", COUNT_BYTES },
	{ "skip_bytes", SKIP_BYTES },
	{ 0 },
};
static const struct word out_words[] = { { "seek_bytes", SEEK_BYTES }, { 0 } };
static const struct word open_words[] = {
	{ "append", O_APPEND },
	{ "dsync", O_DSYNC },
	{ "sync", O_SYNC },
	{ "nonblock", O_NONBLOCK },
	{ "nofollow", O_NOFOLLOW },
	{ "directory", O_DIRECTORY },
#ifdef O_DIRECT
	{ "direct", O_DIRECT },
#endif
	{ 0 },
};

static const char *in_name, *out_name;
static uint64_t in_size = 512, out_size = 512, skip, seek, count = UINT64_MAX;
static int options, in_open, out_open;
static char verbosity = 'd'; /* d as usual, x noxfer, n none */

static unsigned long long in_full, in_part, out_full, out_part, out_bytes;
static unsigned char *pending; /* output gathered for one block of out_size */
static size_t pending_bytes;

/* Adds what the comma-separated words of `list` stand for to *flags, or to *open_flags. */
static void take_words(char *list, const struct word *table, int *flags, int *open_flags)
{
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		const struct word *w = table;
		while (w->name && strcmp(w->name, name) != 0)
			w++;
		if (w->name) {
			*flags |= w->value;
			continue;
		}
		for (w = open_words; open_flags && w->name && strcmp(w->name, name) != 0;)
			w++;
		if (!open_flags || !w->name)
			die("invalid flag '%s'", name);
		*open_flags |= w->value;
	}
}

static uint64_t block_size(const char *text)
{
	uint64_t size = need_size(text);

	if (size == 0 || size > 1ull << 31)
		die("invalid block size '%s'", text);
	return size;
}

static void take_operand(char *operand)
{
	char *value = strchr(operand, '=');

	if (!value)
		usage();
	*value++ = '\0';
	if (strcmp(operand, "if") == 0)
		in_name = value;
	else if (strcmp(operand, "of") == 0)
		out_name = value;
	else if (strcmp(operand, "ibs") == 0)
		in_size = block_size(value);
	else if (strcmp(operand, "obs") == 0)
		out_size = block_size(value);
	else if (strcmp(operand, "bs") == 0)
		in_size = out_size = block_size(value);
	else if (strcmp(operand, "skip") == 0 || strcmp(operand, "iseek") == 0)
		skip = need_size(value);
	else if (strcmp(operand, "seek") == 0 || strcmp(operand, "oseek") == 0)
		seek = need_size(value);
	else if (strcmp(operand, "count") == 0)
		count = need_size(value);
	else if (strcmp(operand, "conv") == 0)
		take_words(value, conversions, &options, NULL);
	else if (strcmp(operand, "iflag") == 0)
		take_words(value, in_words, &options, &in_open);
	else if (strcmp(operand, "oflag") == 0)
		take_words(value, out_words, &options, &out_open);
	else if (strcmp(operand, "status") == 0)
		verbosity = strcmp(value, "none") == 0 ? 'n' : strcmp(value, "noxfer") == 0 ? 'x' : 'd';
	else
		die("unrecognized operand '%s'", operand);
}

static void print_statistics(const struct timespec *begun)
{
	struct timespec now;

	if (verbosity == 'n')
		return;
	fprintf(stderr, "%llu+%llu records in\n%llu+%llu records out\n", in_full, in_part, out_full,
		out_part);
	if (verbosity == 'x')
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	unsigned long long us = (unsigned long long)(now.tv_sec - begun->tv_sec) * 1000000 +
				(unsigned long long)((now.tv_nsec - begun->tv_nsec) / 1000);
	us = us ? us : 1;
	unsigned long long kilobytes =
		out_bytes / us * 1000 + out_bytes % us * 1000 / us; /* of 1000, a second */
	fprintf(stderr, "%llu byte%s copied, %llu.%06llu s, %llu.%llu MB/s\n", out_bytes,
		out_bytes == 1 ? "" : "s", us / 1000000, us % 1000000, kilobytes / 1000,
		kilobytes % 1000 / 100);
}

static bool write_block(const void *bytes, size_t nbytes)
{
	for (size_t done = 0; done < nbytes;) {
		ssize_t now = write(STDOUT_FILENO, (const char *)bytes + done, nbytes - done);
		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0) {
			out_part += done > 0;
			complain("error writing '%s': %s", out_name ? out_name : "standard output",
				 strerror(errno));
			out_bytes += done;
			return false;
		}
		done += (size_t)now;
	}
	out_bytes += nbytes;
	if (nbytes == out_size)
		out_full++;
	else
		out_part++;
	return true;
}

/* Output goes out in blocks of out_size, or block by block as it came in when the sizes are the same. */
static bool put(const unsigned char *bytes, size_t nbytes)
{
	if (in_size == out_size)
		return write_block(bytes, nbytes);
	while (nbytes > 0) {
		size_t room = out_size - pending_bytes, now = nbytes < room ? nbytes : room;
		memcpy(pending + pending_bytes, bytes, now);
		pending_bytes += now;
		bytes += now;
		nbytes -= now;
		if (pending_bytes < out_size)
			break;
		pending_bytes = 0;
		if (!write_block(pending, out_size))
			return false;
	}
	return true;
}

static void convert(unsigned char *bytes, size_t nbytes)
{
	for (size_t i = 0; (options & SWAB) && i + 1 < nbytes; i += 2) {
		unsigned char first = bytes[i];
		bytes[i] = bytes[i + 1];
		bytes[i + 1] = first;
	}
	for (size_t i = 0; i < nbytes; i++) {
		if ((options & UCASE) && bytes[i] >= 'a' && bytes[i] <= 'z')
			bytes[i] -= 32;
		else if ((options & LCASE) && bytes[i] >= 'A' && bytes[i] <= 'Z')
			bytes[i] += 32;
	}
}

static ssize_t get(unsigned char *block, size_t want)
{
	ssize_t nbytes;

	if (options & FULLBLOCK)
		return read_full(STDIN_FILENO, block, want);
	while ((nbytes = read(STDIN_FILENO, block, want)) < 0 && errno == EINTR)
		;
	return nbytes;
}

/* The copy itself. false: it ended early, which has been complained about. */
static bool copy_blocks(void)
{
	unsigned char *block = xmalloc(in_size);
	uint64_t left = count;
	bool fine = true;

	while (left > 0) {
		size_t want = (options & COUNT_BYTES) && left < in_size ? (size_t)left : in_size;
		ssize_t nbytes = get(block, want);
		if (nbytes < 0) {
			complain("error reading '%s': %s", in_name ? in_name : "standard input",
				 strerror(errno));
			fine = false;
			if (!(options & NOERROR) || lseek(STDIN_FILENO, (off_t)want, SEEK_CUR) < 0)
				break;
			if (!(options & SYNC))
				continue;
			nbytes = 0;
		} else if (nbytes == 0) {
			break;
		}
		if ((size_t)nbytes == in_size)
			in_full++;
		else
			in_part++;
		if (count != UINT64_MAX)
			left -= options & COUNT_BYTES ? (uint64_t)nbytes : 1;
		convert(block, (size_t)nbytes);
		if (options & SYNC) {
			memset(block + nbytes, 0, in_size - (size_t)nbytes);
			nbytes = (ssize_t)in_size;
		}
		if (!put(block, (size_t)nbytes)) {
			pending_bytes = 0;
			fine = false;
			break;
		}
	}
	if (pending_bytes > 0)
		fine &= write_block(pending, pending_bytes);
	free(block);
	return fine;
}

static void open_files(uint64_t seek_bytes)
{
	if (in_name) {
		int fd = open(in_name, O_RDONLY | in_open);
		if (fd < 0 || (fd != STDIN_FILENO && dup2(fd, STDIN_FILENO) < 0))
			die("failed to open '%s': %s", in_name, strerror(errno));
	}
	if (!out_name)
		return;
	/* With seek=, what lies before it is kept. */
	int flags = O_WRONLY | out_open | (options & NOCREAT ? 0 : O_CREAT) | (options & EXCL ? O_EXCL : 0) |
		    (options & NOTRUNC || seek_bytes ? 0 : O_TRUNC);
	int fd = open(out_name, flags, 0666);
	if (fd < 0 || (fd != STDOUT_FILENO && dup2(fd, STDOUT_FILENO) < 0))
		die("failed to open '%s': %s", out_name, strerror(errno));
	struct stat st;
	if (seek_bytes && !(options & NOTRUNC) && fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	    ftruncate(STDOUT_FILENO, (off_t)seek_bytes) < 0)
		die("failed to truncate '%s': %s", out_name, strerror(errno));
}

static void skip_input(uint64_t nbytes)
{
	static char scratch[IO_SIZE];

	if (nbytes == 0 || lseek(STDIN_FILENO, (off_t)nbytes, SEEK_CUR) >= 0)
		return;
	while (nbytes > 0) {
		ssize_t now = read(STDIN_FILENO, scratch, nbytes < IO_SIZE ? (size_t)nbytes : IO_SIZE);
		if (now < 0)
			die("error reading '%s': %s", in_name ? in_name : "standard input", strerror(errno));
		if (now == 0)
			break;
		nbytes -= (uint64_t)now;
	}
}

int main(int argc, char **argv)
{
	struct timespec begun;

	tool_init(argc, argv, 1,
		  "[if=FILE] [of=FILE] [bs=|ibs=|obs=SIZE] [count=N] [skip=N] [seek=N] [conv=WORDS] "
		  "[iflag=WORDS] "
		  "[oflag=WORDS] [status=none|noxfer]",
		  NULL);
	for (int i = 1; i < argc; i++)
		take_operand(argv[i]);
	uint64_t seek_bytes = seek, skip_bytes = skip;
	if ((!(options & SEEK_BYTES) && __builtin_mul_overflow(seek, out_size, &seek_bytes)) ||
	    seek_bytes > INT64_MAX ||
	    (!(options & SKIP_BYTES) && __builtin_mul_overflow(skip, in_size, &skip_bytes)) ||
	    skip_bytes > INT64_MAX)
		die("offset too large");
	pending = in_size == out_size ? NULL : xmalloc(out_size);
	open_files(seek_bytes);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	skip_input(skip_bytes);
	if (seek_bytes && lseek(STDOUT_FILENO, (off_t)seek_bytes, SEEK_CUR) < 0)
		die("cannot seek '%s': %s", out_name ? out_name : "standard output", strerror(errno));
	bool fine = copy_blocks();
	if ((options & (FSYNC | FDATASYNC)) && (options & FSYNC ? fsync : fdatasync)(STDOUT_FILENO) < 0) {
		complain("fsync failed for '%s': %s", out_name ? out_name : "standard output",
			 strerror(errno));
		fine = false;
	}
	print_statistics(&begun);
	return finish(!fine);
}
