/* SPDX-License-Identifier: ISC */
/* grep: prints the lines that match a pattern. Exit status 0 some did, 1 none did, 2 trouble. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "match.h"
#include "util.h"

static bool count_only, names_only, names_without, quiet, silent, only_matching, inverted, numbered,
	text_always, recursive;
static int with_name = -1; /* -1: not said */
static long long max_count = -1, before, behind;
static struct matcher *matcher;
static bool any_matched, trouble;

/* The context lines kept while they may still be wanted: a ring of `before` lines. */
struct ring {
	char **lines;
	size_t *lengths, *capacities;
	unsigned long long stored; /* lines that were put in, ever */
};

static void file_trouble(const char *name)
{
	if (!silent)
		file_error(name);
	trouble = true;
}

static void print_head(const char *name, unsigned long long number, char mark)
{
	if (with_name > 0)
		printf("%s%c", name, mark);
	if (numbered)
		printf("%llu%c", number, mark);
}

static void print_line(const char *name, unsigned long long number, char mark, const char *line,
		       size_t length)
{
	print_head(name, number, mark);
	fwrite(line, 1, length, stdout);
	putchar('\n');
}

static void print_matches(const char *name, unsigned long long number, const char *line, size_t length)
{
	size_t start, end;

	for (size_t at = 0; at <= length && matcher_find(matcher, line, length, at, &start, &end);) {
		if (end > start)
			print_line(name, number, ':', line + start, end - start);
		at = end > start ? end : end + 1;
	}
}

static void ring_put(struct ring *ring, const char *line, size_t length)
{
	size_t slot = (size_t)(ring->stored++ % (unsigned long long)before);

	if (ring->capacities[slot] < length + 1)
		ring->lines[slot] = xrealloc(ring->lines[slot], ring->capacities[slot] = length + 1);
	memcpy(ring->lines[slot], line, length);
	ring->lengths[slot] = length;
}

/* Prints what the ring holds of the lines after `printed`; the matching line is `number`. */
static void ring_print(struct ring *ring, const char *name, unsigned long long printed,
		       unsigned long long number)
{
	unsigned long long first = number > (unsigned long long)before ? number - (unsigned long long)before :
									 1;

	first = first > printed ? first : printed + 1;
	if ((before || behind) && any_matched && first > printed + 1 && printed > 0)
		puts("--");
	for (unsigned long long i = first; i < number; i++) {
		size_t slot = (size_t)((i - 1) % (unsigned long long)before);
		print_line(name, i, '-', ring->lines[slot], ring->lengths[slot]);
	}
}

static bool is_binary(FILE *in)
{
	/* Only what is buffered is looked at: the input may be a pipe. */
	int c = getc(in);
	ungetc(c, in);
	return c == '\0';
}

struct search {
	const char *name;
	struct ring ring;
	unsigned long long number, printed, matched;
	long long owed; /* lines still to print behind a match */
	bool binary;
};

/* One matching line. false: no more of this file is wanted. */
static bool on_match(struct search *s, const char *line, size_t length)
{
	s->matched++;
	if (quiet || names_only || names_without)
		return false;
	if (count_only)
		return max_count < 0 || s->matched < (unsigned long long)max_count;
	if (s->binary) {
		printf("Binary file %s matches\n", s->name);
		return false;
	}
	if (only_matching) {
		if (!inverted)
			print_matches(s->name, s->number, line, length);
	} else {
		ring_print(&s->ring, s->name, s->printed, s->number);
		print_line(s->name, s->number, ':', line, length);
	}
	any_matched = true;
	s->printed = s->number;
	s->owed = behind;
	return true;
}

static void search_lines(struct search *s, FILE *in)
{
	static char *line;
	static size_t capacity;
	ssize_t length;

	while ((length = read_line(in, &line, &capacity, NULL)) >= 0) {
		bool limit = max_count >= 0 && s->matched >= (unsigned long long)max_count;
		s->number++;
		if (limit && s->owed == 0)
			break;
		if (!s->binary && !text_always && memchr(line, '\0', (size_t)length))
			s->binary = true;
		if (!limit && matcher_find(matcher, line, (size_t)length, 0, NULL, NULL) != inverted) {
			if (!on_match(s, line, (size_t)length))
				break;
		} else if (s->owed > 0 && !count_only && !s->binary) {
			s->owed--;
			s->printed = s->number;
			print_line(s->name, s->number, '-', line, (size_t)length);
		}
		if (before)
			ring_put(&s->ring, line, (size_t)length);
	}
	if (ferror(in))
		file_trouble(s->name);
}

static void search_file(const char *path, const char *name)
{
	struct search s = { .name = name };
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	size_t lines = (size_t)before;

	if (!in) {
		file_trouble(path);
		return;
	}
	s.binary = !text_always && is_binary(in);
	if (before) {
		s.ring.lines = xmalloc(lines * sizeof(char *));
		s.ring.lengths = xmalloc(lines * sizeof(size_t));
		s.ring.capacities = xmalloc(lines * sizeof(size_t));
		memset(s.ring.lines, 0, lines * sizeof(char *));
		memset(s.ring.capacities, 0, lines * sizeof(size_t));
	}
	search_lines(&s, in);
	any_matched |= s.matched > 0;
	if (count_only && !quiet && !names_only && !names_without) {
		if (with_name > 0)
			printf("%s:", name);
		printf("%llu\n", s.matched);
	}
	if (!quiet && ((names_only && s.matched) || (names_without && !s.matched)))
		puts(name);
	for (size_t i = 0; i < lines; i++)
		free(s.ring.lines[i]);
	free(s.ring.lines);
	free(s.ring.lengths);
	free(s.ring.capacities);
	if (in != stdin)
		fclose(in);
}

static int search_visit(const char *path, const struct stat *st, enum walk_when when, void *context)
{
	if (when == WALK_FIRST && S_ISREG(st->st_mode) && !(quiet && any_matched))
		search_file(path, path + *(const size_t *)context);
	return WALK_OK;
}

/* `hidden` characters at the beginning of names below it are not shown. */
static void search_operand(const char *path, size_t hidden)
{
	if (strcmp(path, "-") == 0) {
		search_file(path, "(standard input)");
	} else if (is_directory(path)) {
		if (recursive) {
			trouble |= walk(path, WALK_FOLLOW_TOP, search_visit, &hidden) > 0;
		} else {
			errno = EISDIR;
			file_trouble(path);
		}
	} else {
		search_file(path, path);
	}
}

/* Patterns are the lines of a text. */
static void add_patterns(const char *text, size_t length)
{
	for (const char *end = text + length;; text++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		const char *error = matcher_add(matcher, text, (size_t)(stop - text));
		if (error)
			die("%s", error);
		text = stop;
		if (!newline)
			break;
	}
}

static void add_pattern_file(const char *path)
{
	size_t length;
	char *text = slurp(strcmp(path, "-") == 0 ? "/dev/stdin" : path, &length);

	if (!text)
		die_file(path);
	if (length > 0)
		add_patterns(text, length - (text[length - 1] == '\n'));
	free(text);
}

static const struct long_name longs[] = {
	{ "extended-regexp", 'E' },
	{ "fixed-strings", 'F' },
	{ "ignore-case", 'i' },
	{ "invert-match", 'v' },
	{ "word-regexp", 'w' },
	{ "line-regexp", 'x' },
	{ "count", 'c' },
	{ "files-with-matches", 'l' },
	{ "files-without-match", 'L' },
	{ "line-number", 'n' },
	{ "only-matching", 'o' },
	{ "quiet", 'q' },
	{ "silent", 'q' },
	{ "recursive", 'r' },
	{ "no-messages", 's' },
	{ "no-filename", 'h' },
	{ "with-filename", 'H' },
	{ "regexp", 'e' },
	{ "file", 'f' },
	{ "max-count", 'm' },
	{ "text", 'a' },
	{ "after-context", 'A' },
	{ "before-context", 'B' },
	{ "context", 'C' },
	{ 0 },
};
static const char letters[] = "A:aB:C:ce:EFf:GHhiLlm:noqRrsvwxy";

static int match_flag(int letter)
{
	switch (letter) {
	case 'E':
		return MATCH_EXTENDED;
	case 'F':
		return MATCH_LITERAL;
	case 'i':
	case 'y':
		return MATCH_FOLD;
	case 'w':
		return MATCH_WORD;
	case 'x':
		return MATCH_LINE;
	default:
		return 0;
	}
}

static void take_option(int letter)
{
	switch (letter) {
	case 'A':
		behind = need_number(optarg);
		break;
	case 'a':
		text_always = true;
		break;
	case 'B':
		before = need_number(optarg);
		break;
	case 'C':
		before = behind = need_number(optarg);
		break;
	case 'c':
		count_only = true;
		break;
	case 'H':
		with_name = 1;
		break;
	case 'h':
		with_name = 0;
		break;
	case 'L':
		names_without = true;
		break;
	case 'l':
		names_only = true;
		break;
	case 'm':
		max_count = need_number(optarg);
		break;
	case 'n':
		numbered = true;
		break;
	case 'o':
		only_matching = true;
		break;
	case 'q':
		quiet = true;
		break;
	case 'R':
	case 'r':
		recursive = true;
		break;
	case 's':
		silent = true;
		break;
	case 'v':
		inverted = true;
		break;
	}
}

int main(int argc, char **argv)
{
	static char *standard_input[] = { "-", NULL }, *here[] = { ".", NULL };
	struct pattern_option {
		int letter;
		const char *value;
	} *given = NULL;
	size_t pattern_count = 0;
	int flags = 0;

	tool_init(argc, argv, 2,
		  "[-EFaciHhLlnoqrsvwx] [-ABCm NUMBER] {PATTERN | -e PATTERN | -f FILE}... [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, letters)) != -1;) {
		flags |= match_flag(c);
		take_option(c);
		if (c != 'e' && c != 'f')
			continue;
		given = xrealloc(given, (pattern_count + 1) * sizeof(*given));
		given[pattern_count++] = (struct pattern_option){ c, optarg };
	}
	if (before < 0 || behind < 0)
		die("context length out of range");
	matcher = matcher_new(flags);
	if (pattern_count == 0) {
		if (optind == argc)
			usage();
		add_patterns(argv[optind], strlen(argv[optind]));
		optind++;
	}
	for (size_t i = 0; i < pattern_count; i++) {
		if (given[i].letter == 'e')
			add_patterns(given[i].value, strlen(given[i].value));
		else
			add_pattern_file(given[i].value);
	}
	if (with_name < 0)
		with_name = recursive || argc - optind > 1;
	for (char **name = optind < argc ? argv + optind : recursive ? here : standard_input; *name; name++) {
		if (quiet && any_matched)
			break;
		search_operand(*name, name == here ? strlen("./") : 0);
	}
	int status = quiet && any_matched ? 0 : trouble ? 2 : !any_matched;
	return finish(status);
}
