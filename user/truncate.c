/* SPDX-License-Identifier: ISC */
/* truncate: sets the size of files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

/* The new size by the prefix: + - more and less, < > at most and at least, / % down and up to a multiple. */
static bool new_size(char prefix, uint64_t old, uint64_t value, uint64_t *size)
{
	uint64_t rest = (prefix == '/' || prefix == '%') ? old % value : 0;
	bool overflow = false;

	switch (prefix) {
	case '+':
		overflow = __builtin_add_overflow(old, value, size);
		break;
	case '-':
		*size = old > value ? old - value : 0;
		break;
	case '<':
		*size = old < value ? old : value;
		break;
	case '>':
		*size = old > value ? old : value;
		break;
	case '/':
		*size = old - rest;
		break;
	case '%':
		overflow = __builtin_add_overflow(old, rest ? value - rest : 0, size);
		break;
	default:
		*size = value;
	}
	return !overflow && *size <= INT64_MAX;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "size", 's' },
		{ "no-create", 'c' },
		{ "reference", 'r' },
		{ 0 },
	};
	const char *text = NULL;
	char prefix = 0;
	bool create = true;
	uint64_t value = 0, reference = 0;
	const char *reference_name = NULL;
	int failed = 0;
	struct stat st;

	tool_init(argc, argv, 1, "[-c] {-s [+-<>/%]SIZE | -r FILE} FILE...", longs);
	for (int c; (c = next_option(argc, argv, "cr:s:")) != -1;) {
		if (c == 'c')
			create = false;
		else if (c == 'r')
			reference_name = optarg;
		else
			text = optarg;
	}
	if (optind == argc || (!text && !reference_name))
		usage();
	if (reference_name) {
		if (stat(reference_name, &st) < 0)
			die_file(reference_name);
		reference = value = (uint64_t)st.st_size;
	}
	if (text) {
		prefix = *text && strchr("+-<>/%", *text) ? *text++ : 0;
		value = need_size(text);
		if ((prefix == '/' || prefix == '%') && value == 0)
			die("division by zero");
		if (reference_name && !prefix)
			die("with -r the size must be relative");
	}
	for (int i = optind; i < argc; i++) {
		uint64_t size;
		int fd = open(argv[i], O_WRONLY | (create ? O_CREAT : 0) | O_NONBLOCK | O_CLOEXEC, 0666);
		if (fd < 0) {
			if (create || errno != ENOENT) {
				file_error(argv[i]);
				failed++;
			}
			continue;
		}
		if (fstat(fd, &st) < 0) {
			file_error(argv[i]);
			failed++;
		} else if (!new_size(prefix, reference_name ? reference : (uint64_t)st.st_size, value,
				     &size)) {
			complain("%s: %s", argv[i], strerror(EFBIG));
			failed++;
		} else if (ftruncate(fd, (off_t)size) < 0) {
			file_error(argv[i]);
			failed++;
		}
		close(fd);
	}
	return finish(failed > 0);
}
