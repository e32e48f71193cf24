/* SPDX-License-Identifier: ISC */
/* tr: replaces, removes or squeezes bytes of standard input. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

struct list {
	unsigned char bytes[8192];
	size_t count;
};

static void add(struct list *l, int c)
{
	if (l->count == sizeof(l->bytes))
		die("set too long");
	l->bytes[l->count++] = (unsigned char)c;
}

/* A byte, plain or with a backslash, at *at. */
static int take_byte(const char **at)
{
	static const char letters[] = "abfnrtv", codes[] = "\a\b\f\n\r\t\v";
	const char *s = *at;

	if (*s != '\\' || !s[1]) {
		*at = s + 1;
		return (unsigned char)*s;
	}
	const char *letter = strchr(letters, s[1]);
	if (s[1] >= '0' && s[1] <= '7') {
		int value = 0;
		for (s++; s < *at + 4 && *s >= '0' && *s <= '7'; s++)
			value = value * 8 + (*s - '0');
		*at = s;
		return value & 255;
	}
	*at = s + 2;
	return letter ? codes[letter - letters] : (unsigned char)s[1];
}

/* "[:name:]" at *at. */
static bool take_class(const char **at, struct list *l)
{
	static const struct {
		const char *name;
		int (*in)(int);
	} classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank }, { "cntrl", iscntrl },
		{ "digit", isdigit }, { "graph", isgraph }, { "lower", islower }, { "print", isprint },
		{ "punct", ispunct }, { "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};

	if (strncmp(*at, "[:", 2) != 0)
		return false;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		size_t length = strlen(classes[i].name);
		if (strncmp(*at + 2, classes[i].name, length) != 0 || strncmp(*at + 2 + length, ":]", 2) != 0)
			continue;
		for (int c = 0; c < 256; c++)
			if (classes[i].in(c))
				add(l, c);
		*at += length + 4;
		return true;
	}
	return false;
}

/* "[c*n]" and "[c*]" (to the length of the first set) at *at. */
static bool take_repeat(const char **at, struct list *l, size_t wanted)
{
	const char *s = *at + 1;

	if (**at != '[' || !*s)
		return false;
	int c = take_byte(&s);
	if (*s != '*')
		return false;
	size_t count = 0, digits = strspn(++s, "0123456789");
	if (s[digits] != ']')
		return false;
	for (size_t i = 0; i < digits; i++)
		count = count * (*s == '0' ? 8 : 10) + (size_t)(s[i] - '0');
	if (count == 0)
		count = wanted > l->count ? wanted - l->count : 0;
	while (count-- > 0)
		add(l, c);
	*at = s + digits + 1;
	return true;
}

static void parse_set(const char *text, struct list *l, size_t wanted)
{
	while (*text) {
		if (take_class(&text, l) || take_repeat(&text, l, wanted))
			continue;
		int low = take_byte(&text), high = low;
		if (text[0] == '-' && text[1]) {
			text++;
			high = take_byte(&text);
			if (high < low)
				die("the range %c-%c is reversed", low, high);
		}
		for (int c = low; c <= high; c++)
			add(l, c);
	}
}

static void complement_set(struct list *l)
{
	bool in[256] = { false };

	for (size_t i = 0; i < l->count; i++)
		in[l->bytes[i]] = true;
	l->count = 0;
	for (int c = 0; c < 256; c++)
		if (!in[c])
			add(l, c);
}

static bool removed[256], squeezed[256];
static unsigned char replacement[256];

static int run(void)
{
	static unsigned char in[IO_SIZE], out[IO_SIZE];
	int last = -1;
	ssize_t nbytes;

	while ((nbytes = read(STDIN_FILENO, in, sizeof(in))) > 0) {
		size_t count = 0;
		for (ssize_t i = 0; i < nbytes; i++) {
			unsigned char c = replacement[in[i]];
			if (removed[in[i]] || (squeezed[c] && c == last))
				continue;
			last = c;
			out[count++] = c;
		}
		if (write_all(STDOUT_FILENO, out, count) < 0)
			die_file("write error");
	}
	if (nbytes < 0)
		die_file("read error");
	return finish(0);
}

int main(int argc, char **argv)
{
	static const struct long_name longs[] = {
		{ "complement", 'c' },
		{ "delete", 'd' },
		{ "squeeze-repeats", 's' },
		{ "truncate-set1", 't' },
		{ 0 },
	};
	static struct list from, to;
	bool complement = false, delete = false, squeeze = false, truncate = false;

	tool_init(argc, argv, 1, "[-cdst] SET1 [SET2]", longs);
	for (int c; (c = next_option(argc, argv, "+cCdst")) != -1;) {
		complement |= c == 'c' || c == 'C';
		delete |= c == 'd';
		squeeze |= c == 's';
		truncate |= c == 't';
	}
	int count = argc - optind;
	bool two = count == 2;
	if (count < 1 || count > 2 || (delete &&two != squeeze) || (!delete &&!squeeze && !two))
		usage();
	parse_set(argv[optind], &from, 0);
	if (complement)
		complement_set(&from);
	if (two)
		parse_set(argv[optind + 1], &to, from.count);
	if (two && !delete &&to.count == 0)
		die("the second set must not be empty");
	for (int c = 0; c < 256; c++)
		replacement[c] = (unsigned char)c;
	/* A shorter second set goes on with its last byte. */
	for (size_t i = 0; i < from.count; i++) {
		if (delete)
			removed[from.bytes[i]] = true;
		else if (two && (i < to.count || !truncate))
			replacement[from.bytes[i]] = to.bytes[i < to.count ? i : to.count - 1];
	}
	const struct list *squeeze_set = two ? &to : &from;
	for (size_t i = 0; squeeze && i < squeeze_set->count; i++)
		squeezed[squeeze_set->bytes[i]] = true;
	return run();
}
