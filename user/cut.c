/* SPDX-License-Identifier: ISC */
/* cut: chosen bytes or fields of every line. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

struct range {
	unsigned long first, last;
};

static struct range *ranges;
static size_t range_count;
static char kind; /* b bytes, f fields */
static char delimiter = '\t';
static const char *out_delimiter;
static bool only_delimited, complement;

static void take_list(const char *list)
{
	for (;;) {
		struct range r = { 1, (unsigned long)-1 };
		char *end = (char *)list;
		bool any = *list >= '0' && *list <= '9';
		if (any)
			r.first = r.last = strtoul(list, &end, 10);
		if (*end == '-') {
			list = end + 1;
			r.last = (unsigned long)-1;
			if (*list >= '0' && *list <= '9')
				r.last = strtoul(list, &end, 10), any = true;
			else
				end = (char *)list;
		}
		if (!any || r.first == 0 || r.last < r.first || (*end && *end != ','))
			die("invalid list");
		ranges = xrealloc(ranges, (range_count + 1) * sizeof(*ranges));
		ranges[range_count++] = r;
		if (!*end)
			return;
		list = end + 1;
	}
}

static bool chosen(unsigned long position)
{
	for (size_t i = 0; i < range_count; i++)
		if (position >= ranges[i].first && position <= ranges[i].last)
			return !complement;
	return complement;
}

static void cut_bytes(const char *line, size_t length)
{
	bool any = false, gap = false;

	for (size_t i = 0; i < length; i++) {
		if (!chosen(i + 1)) {
			gap = any;
			continue;
		}
		if (gap && out_delimiter)
			fputs(out_delimiter, stdout);
		gap = false;
		any = true;
		putchar(line[i]);
	}
	putchar('\n');
}

static void cut_fields(const char *line, size_t length)
{
	const char *end = line + length;
	bool any = false;

	if (!memchr(line, delimiter, length)) {
		if (only_delimited)
			return;
		fwrite(line, 1, length, stdout);
		putchar('\n');
		return;
	}
	for (unsigned long position = 1; line <= end; position++) {
		const char *stop = memchr(line, delimiter, (size_t)(end - line));
		if (!stop)
			stop = end;
		if (chosen(position)) {
			if (any && out_delimiter)
				fputs(out_delimiter, stdout);
			else if (any)
				putchar(delimiter);
			any = true;
			fwrite(line, 1, (size_t)(stop - line), stdout);
		}
		line = stop + 1;
	}
	putchar('\n');
}

static int cut_file(int fd, const char *name)
{
	FILE *in = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	if (!in)
		die_file(name);
	while ((length = read_line(in, &line, &capacity, NULL)) >= 0)
		(kind == 'f' ? cut_fields : cut_bytes)(line, (size_t)length);
	bool failed = ferror(in);
	if (failed)
		file_error(name);
	free(line);
	fclose(in);
	return failed;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "bytes", 'b' },	   { "characters", 'c' },
		{ "fields", 'f' },	   { "delimiter", 'd' },
		{ "only-delimited", 's' }, { "output-delimiter", 'O' },
		{ "complement", 'C' },	   { 0 },
	};

	tool_init(argc, argv, 1, "{-b LIST | -c LIST | -f LIST [-d CHARACTER] [-s]} [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "b:c:Cd:f:nO:s")) != -1;) {
		switch (c) {
		case 'b':
		case 'c':
		case 'f':
			if (kind)
				die("only one list may be given");
			kind = c == 'f' ? 'f' : 'b';
			take_list(optarg);
			break;
		case 'C':
			complement = true;
			break;
		case 'd':
			if (strlen(optarg) > 1)
				die("the delimiter must be a single character");
			delimiter = *optarg;
			break;
		case 'O':
			out_delimiter = optarg;
			break;
		case 's':
			only_delimited = true;
			break;
		}
	}
	if (!kind)
		usage();
	int failed = each_input(argv + optind, cut_file);
	return finish(failed > 0);
}
