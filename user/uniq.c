/* SPDX-License-Identifier: ISC */
/* uniq: of equal lines that follow each other, one. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util.h"

static bool counted, repeated_only, unique_only, fold;
static long long skip_fields, skip_bytes;

static const char *compared_part(const char *line)
{
	for (long long i = 0; i < skip_fields; i++) {
		line += strspn(line, " \t");
		line += strcspn(line, " \t");
	}
	for (long long i = 0; i < skip_bytes && *line; i++)
		line++;
	return line;
}

static void print_group(const char *line, unsigned long long count)
{
	if ((repeated_only && count == 1) || (unique_only && count > 1))
		return;
	if (counted)
		printf("%7llu ", count);
	puts(line);
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "count", 'c' },
		{ "repeated", 'd' },
		{ "unique", 'u' },
		{ "ignore-case", 'i' },
		{ "skip-fields", 'f' },
		{ "skip-chars", 's' },
		{ 0 },
	};
	char *line = NULL, *kept = NULL;
	size_t capacity = 0, kept_capacity = 0;
	unsigned long long count = 0;

	tool_init(argc, argv, 1, "[-cdiu] [-f FIELDS] [-s BYTES] [INPUT [OUTPUT]]", longs);
	for (int c; (c = next_option(argc, argv, "cdf:is:u")) != -1;) {
		counted |= c == 'c';
		repeated_only |= c == 'd';
		unique_only |= c == 'u';
		fold |= c == 'i';
		if (c == 'f')
			skip_fields = need_number(optarg);
		if (c == 's')
			skip_bytes = need_number(optarg);
	}
	if (argc - optind > 2)
		usage();
	if (optind < argc && strcmp(argv[optind], "-") != 0 && !freopen(argv[optind], "r", stdin))
		die_file(argv[optind]);
	if (argc - optind == 2 && !freopen(argv[optind + 1], "w", stdout))
		die_file(argv[optind + 1]);
	while (read_line(stdin, &line, &capacity, NULL) >= 0) {
		if (count > 0 &&
		    (fold ? strcasecmp : strcmp)(compared_part(line), compared_part(kept)) == 0) {
			count++;
			continue;
		}
		if (count > 0)
			print_group(kept, count);
		char *old = kept; /* the two lines change places */
		size_t old_capacity = kept_capacity;
		kept = line, kept_capacity = capacity;
		line = old, capacity = old_capacity;
		count = 1;
	}
	if (ferror(stdin))
		die_file("read");
	if (count > 0)
		print_group(kept, count);
	return finish(0);
}
