/* SPDX-License-Identifier: ISC */
/* sort: puts lines in order, all of them in memory; also -c checks, -m is the same as sorting. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

enum { MAX_KEYS = 16 };

/* What is compared of a line, and how. Fields and characters count from 1; end_field 0: to the end. */
struct key {
	long field, character, end_field, end_character;
	bool numeric, reversed, fold, blanks, words, printing, own; /* own: has letters of its own */
};

struct line {
	char *text;
	size_t length;
};

static struct key keys[MAX_KEYS];
static int key_count;
static struct key general; /* the options without a key */
static bool unique, stable, check;
static int separator = -1;
static struct line *lines;
static size_t line_count, line_capacity;

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where field `number` begins. Without -t a field takes the blanks before it. */
static const char *field_start(const char *at, const char *end, long number)
{
	for (; number > 1 && at < end; number--) {
		if (separator >= 0) {
			while (at < end && *at != separator)
				at++;
			at += at < end;
		} else {
			while (at < end && is_blank(*at))
				at++;
			while (at < end && !is_blank(*at))
				at++;
		}
	}
	return at;
}

static void key_range(const struct key *k, const struct line *l, const char **start, const char **stop)
{
	const char *end = l->text + l->length, *from = field_start(l->text, end, k->field);

	if (k->blanks)
		while (from < end && is_blank(*from))
			from++;
	from = end - from > k->character - 1 ? from + k->character - 1 : end;
	const char *to = end;
	if (k->end_field && k->end_character == 0) {
		to = field_start(l->text, end, k->end_field + 1);
		if (separator >= 0 && to > l->text && (to < end || (to == end && to[-1] == separator)) &&
		    to[-1] == separator)
			to--;
	} else if (k->end_field) {
		to = field_start(l->text, end, k->end_field);
		if (k->blanks)
			while (to < end && is_blank(*to))
				to++;
		to = end - to > k->end_character ? to + k->end_character : end;
	}
	*start = from;
	*stop = to > from ? to : from;
}

/* Decimal numbers of any length, by their digits. */
static int compare_numbers(const char *a, const char *a_end, const char *b, const char *b_end)
{
	struct number {
		bool negative, zero;
		const char *digits, *point, *end;
	} n[2];
	const char *from[2] = { a, b }, *ends[2] = { a_end, b_end };

	for (int i = 0; i < 2; i++) {
		const char *at = from[i], *end = ends[i];
		while (at < end && is_blank(*at))
			at++;
		n[i].negative = at < end && *at == '-';
		at += n[i].negative;
		while (at < end && *at == '0')
			at++;
		n[i].digits = at;
		while (at < end && isdigit((unsigned char)*at))
			at++;
		n[i].point = at;
		if (at < end && *at == '.')
			for (at++; at < end && isdigit((unsigned char)*at);)
				at++;
		while (at > n[i].point && at[-1] == '0')
			at--;
		n[i].end = at > n[i].point && at[-1] == '.' ? at - 1 : at;
		n[i].zero = n[i].digits == n[i].point && n[i].end == n[i].point;
		n[i].negative &= !n[i].zero;
	}
	if (n[0].negative != n[1].negative)
		return n[0].negative ? -1 : 1;
	ptrdiff_t whole[2] = { n[0].point - n[0].digits, n[1].point - n[1].digits };
	int order = whole[0] != whole[1] ? (whole[0] > whole[1]) - (whole[0] < whole[1]) :
					   memcmp(n[0].digits, n[1].digits, (size_t)whole[0]);
	if (order == 0) {
		size_t x = (size_t)(n[0].end - n[0].point), y = (size_t)(n[1].end - n[1].point);
		order = memcmp(n[0].point, n[1].point, x < y ? x : y);
		order = order ? order : (x > y) - (x < y);
	}
	return n[0].negative ? -order : order;
}

/* The next byte that counts for -d, -i and -f, as it counts; -1 at the end. */
static int next_byte(const char **at, const char *end, const struct key *k)
{
	while (*at < end) {
		int c = (unsigned char)*(*at)++;
		if ((!k->words || isalnum(c) || is_blank((char)c)) && (!k->printing || isprint(c)))
			return k->fold ? toupper(c) : c;
	}
	return -1;
}

static int compare_counting(const char *a, const char *a_end, const char *b, const char *b_end,
			    const struct key *k)
{
	for (;;) {
		int c = next_byte(&a, a_end, k), d = next_byte(&b, b_end, k);
		if (c != d || c < 0)
			return c - d;
	}
}

static int compare_bytes(const char *a, size_t x, const char *b, size_t y)
{
	int order = memcmp(a, b, x < y ? x : y);

	return order ? order : (x > y) - (x < y);
}

static int compare_keys(const struct line *a, const struct line *b)
{
	for (int i = 0; i < key_count; i++) {
		const char *s, *s_end, *t, *t_end;
		key_range(&keys[i], a, &s, &s_end);
		key_range(&keys[i], b, &t, &t_end);
		int order = keys[i].numeric ? compare_numbers(s, s_end, t, t_end) :
			    keys[i].fold || keys[i].words || keys[i].printing ?
					      compare_counting(s, s_end, t, t_end, &keys[i]) :
					      compare_bytes(s, (size_t)(s_end - s), t, (size_t)(t_end - t));
		if (order)
			return keys[i].reversed ? -order : order;
	}
	return 0;
}

/* Lines with equal keys are compared whole, unless -s or -u. */
static int compare_lines(const struct line *a, const struct line *b)
{
	int order = compare_keys(a, b);

	if (order || stable || unique)
		return order;
	order = compare_bytes(a->text, a->length, b->text, b->length);
	return general.reversed ? -order : order;
}

/* Merge sort: keeps the order of equal lines. `spare` has room for as many lines. */
static void merge_sort(struct line *part, size_t count, struct line *spare)
{
	if (count < 2)
		return;
	size_t half = count / 2, i = 0, j = half;
	merge_sort(part, half, spare);
	merge_sort(part + half, count - half, spare);
	if (compare_lines(&part[half - 1], &part[half]) <= 0)
		return;
	for (size_t k = 0; k < count; k++)
		spare[k] = j == count || (i < half && compare_lines(&part[i], &part[j]) <= 0) ? part[i++] :
												part[j++];
	memcpy(part, spare, count * sizeof(*part));
}

static int read_lines(int fd, const char *name)
{
	FILE *in = fdopen(dup(fd), "r");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	if (!in)
		die_file(name);
	while ((length = read_line(in, &line, &capacity, NULL)) >= 0) {
		if (line_count == line_capacity) {
			line_capacity = line_capacity ? line_capacity * 2 : 256;
			lines = xrealloc(lines, line_capacity * sizeof(*lines));
		}
		char *text = memcpy(xmalloc((size_t)length + 1), line, (size_t)length + 1);
		lines[line_count++] = (struct line){ text, (size_t)length };
	}
	if (ferror(in))
		die_file(name);
	free(line);
	fclose(in);
	return 0;
}

/* Letters behind a key or an option; returns where they end. */
static const char *take_letters(const char *at, struct key *k)
{
	for (; *at && strchr("nrfbgdi", *at); at++) {
		k->numeric |= *at == 'n' || *at == 'g';
		k->reversed |= *at == 'r';
		k->fold |= *at == 'f';
		k->blanks |= *at == 'b';
		k->words |= *at == 'd';
		k->printing |= *at == 'i';
		k->own = true;
	}
	return at;
}

/* "F[.C][letters][,F[.C][letters]]" */
static void take_key(const char *text)
{
	struct key k = { .character = 1 };
	char *end;

	k.field = strtol(text, &end, 10);
	if (*end == '.')
		k.character = strtol(end + 1, &end, 10);
	const char *at = take_letters(end, &k);
	if (*at == ',') {
		k.end_field = strtol(at + 1, &end, 10);
		if (*end == '.')
			k.end_character = strtol(end + 1, &end, 10);
		at = take_letters(end, &k);
	}
	if (*at || k.field < 1 || k.character < 1 || key_count == MAX_KEYS)
		die("invalid key '%s'", text);
	keys[key_count++] = k;
}

static void finish_keys(void)
{
	if (key_count == 0)
		keys[key_count++] = (struct key){ .field = 1, .character = 1 };
	for (int i = 0; i < key_count; i++) {
		if (keys[i].own)
			continue;
		keys[i].numeric = general.numeric;
		keys[i].reversed = general.reversed;
		keys[i].fold = general.fold;
		keys[i].blanks = general.blanks;
		keys[i].words = general.words;
		keys[i].printing = general.printing;
	}
}

static int check_order(const char *name)
{
	for (size_t i = 1; i < line_count; i++) {
		int order = compare_lines(&lines[i - 1], &lines[i]);
		if (order > 0 || (unique && order == 0)) {
			if (check && name)
				complain("%s:%zu: disorder: %s", name, i + 1, lines[i].text);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "numeric-sort", 'n' },
		{ "reverse", 'r' },
		{ "ignore-case", 'f' },
		{ "unique", 'u' },
		{ "key", 'k' },
		{ "output", 'o' },
		{ "check", 'c' },
		{ "stable", 's' },
		{ "field-separator", 't' },
		{ 0 },
	};
	const char *out_name = NULL;

	tool_init(argc, argv, 2, "[-bcdfimnrsu] [-k KEY]... [-t CHARACTER] [-o FILE] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "bcdfgik:mno:rst:u")) != -1;) {
		char letter[2] = { (char)c, '\0' };
		switch (c) {
		case 'c':
			check = true;
			break;
		case 'k':
			take_key(optarg);
			break;
		case 'o':
			out_name = optarg;
			break;
		case 's':
			stable = true;
			break;
		case 't':
			separator = (unsigned char)*optarg;
			break;
		case 'u':
			unique = true;
			break;
		default:
			take_letters(letter, &general);
		}
	}
	finish_keys();
	if (check && argc - optind > 1)
		usage();
	if (each_input(argv + optind, read_lines) > 0)
		return 2;
	if (check)
		return finish(check_order(optind < argc ? argv[optind] : "-"));
	struct line *spare = xmalloc(line_count * sizeof(*spare));
	merge_sort(lines, line_count, spare);
	if (out_name && !freopen(out_name, "w", stdout)) /* only now: it may be an input, too */
		die_file(out_name);
	for (size_t i = 0; i < line_count; i++) {
		if (unique && i > 0 && compare_lines(&lines[i - 1], &lines[i]) == 0)
			continue;
		fwrite(lines[i].text, 1, lines[i].length, stdout);
		putchar('\n');
	}
	return finish(0);
}
