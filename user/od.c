/* SPDX-License-Identifier: ISC */
/* od: shows bytes as numbers or characters. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

enum { MAX_FORMATS = 16, MAX_WIDTH = 256 };

/* One line of output for each line of input bytes. */
struct format {
	char kind; /* a c named or printable characters, d o u x numbers */
	int size;  /* bytes a field */
	int width; /* characters a field, without the gap before it */
	bool text; /* z: printable characters behind */
};

static struct format formats[MAX_FORMATS];
static int format_count;
static char radix = 'o';
static size_t line_bytes = 16;
static uint64_t skip, limit = UINT64_MAX;
static bool show_all;

static void add_format(char kind, int size, bool text)
{
	static const int octal[] = { 0, 3, 6, 0, 11, 0, 0, 0, 22 },
			 decimal[] = { 0, 4, 6, 0, 11, 0, 0, 0, 20 };
	static const int unsigned_decimal[] = { 0, 3, 5, 0, 10, 0, 0, 0, 20 };
	struct format f = { kind, size, 3, text };

	if (format_count == MAX_FORMATS)
		die("too many formats");
	if (kind == 'o')
		f.width = octal[size];
	else if (kind == 'd')
		f.width = decimal[size];
	else if (kind == 'u')
		f.width = unsigned_decimal[size];
	else if (kind == 'x')
		f.width = size * 2;
	formats[format_count++] = f;
}

/* The value of -t: letters with sizes. */
static void add_formats(const char *text)
{
	const char *whole = text;

	while (*text) {
		char kind = *text++;
		int size = kind == 'a' || kind == 'c' ? 1 : 4;
		if (!strchr("acdoux", kind))
			die("invalid type string '%s'", whole);
		if (size == 4 && *text && strchr("CSIL", *text)) {
			size = *text == 'C' ? 1 : *text == 'S' ? 2 : *text == 'I' ? 4 : 8;
			text++;
		} else if (size == 4 && *text >= '0' && *text <= '9') {
			size = *text++ - '0';
		}
		if (size != 1 && size != 2 && size != 4 && size != 8)
			die("invalid type string '%s'", whole);
		bool with_text = *text == 'z';
		text += with_text;
		add_format(kind, size, with_text);
	}
}

static void character_text(char kind, unsigned char c, char text[8])
{
	static const char names[] =
		"nulsohstxetxeotenqackbel bs ht nl vt ff cr so sidledc1dc2dc3dc4naksynetbcan emsubesc"
		" fs gs rs us sp";
	static const char escapes[] = "0abtnvfr";
	static const char codes[] = { 0, 7, 8, 9, 10, 11, 12, 13 };

	if (kind == 'a') {
		c &= 127;
		if (c <= ' ')
			snprintf(text, 8, "%.3s", names + 3 * c);
		else
			snprintf(text, 8, c == 127 ? "del" : "%c", c);
		return;
	}
	const char *code = memchr(codes, c, sizeof(codes));
	if (code)
		snprintf(text, 8, "\\%c", escapes[code - codes]);
	else if (c >= ' ' && c < 127)
		snprintf(text, 8, "%c", c);
	else
		snprintf(text, 8, "%03o", c);
}

static void print_field(const struct format *f, const unsigned char *bytes, int width)
{
	uint64_t value = 0;
	char text[8];

	for (int i = f->size; i > 0; i--)
		value = value << 8 | bytes[i - 1];
	switch (f->kind) {
	case 'd': {
		int unused = 64 - 8 * f->size;
		printf("%*lld", width, (long long)((int64_t)(value << unused) >> unused));
		break;
	}
	case 'u':
		printf("%*llu", width, (unsigned long long)value);
		break;
	case 'o':
		printf("%*s%0*llo", width - f->width, "", f->width, (unsigned long long)value);
		break;
	case 'x':
		printf("%*s%0*llx", width - f->width, "", f->width, (unsigned long long)value);
		break;
	default:
		character_text(f->kind, bytes[0], text);
		printf("%*s", width, text);
	}
}

/* The widest format sets the length of the line; the others spread what they lack over their fields. */
static int line_width(void)
{
	int widest = 0;

	for (int i = 0; i < format_count; i++) {
		int width = (int)line_bytes / formats[i].size * (formats[i].width + 1);
		widest = width > widest ? width : widest;
	}
	return widest;
}

static void print_format(const struct format *f, const unsigned char *bytes, size_t nbytes)
{
	int fields = (int)line_bytes / f->size, used = ((int)nbytes + f->size - 1) / f->size;
	int pad = line_width() - fields * (f->width + 1), pad_left = pad;

	for (int i = 0; i < used; i++) {
		int next_pad = pad * (fields - 1 - i) / fields;
		print_field(f, bytes + i * f->size, f->width + 1 + pad_left - next_pad);
		pad_left = next_pad;
	}
	if (f->text) {
		for (int i = used; i < fields; i++)
			printf("%*s", f->width + 1 + pad / fields, "");
		printf("  >");
		for (size_t i = 0; i < nbytes; i++)
			putchar(bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.');
		putchar('<');
	}
	putchar('\n');
}

static void print_address(uint64_t address)
{
	switch (radix) {
	case 'o':
		printf("%07llo", (unsigned long long)address);
		break;
	case 'd':
		printf("%07llu", (unsigned long long)address);
		break;
	case 'x':
		printf("%06llx", (unsigned long long)address);
		break;
	}
}

static void print_line(uint64_t address, unsigned char *bytes, size_t nbytes)
{
	memset(bytes + nbytes, 0, MAX_WIDTH + 8 - nbytes); /* a last field may reach beyond the end */
	for (int i = 0; i < format_count; i++) {
		if (i == 0)
			print_address(address);
		else
			printf("%*s", radix == 'n' ? 0 : radix == 'x' ? 6 : 7, "");
		print_format(&formats[i], bytes, nbytes);
	}
}

/* The operands as one input. */
static char **names;
static FILE *in;
static int failed;

static bool open_next(void)
{
	while (!in && *names) {
		in = strcmp(*names, "-") == 0 ? stdin : fopen(*names, "r");
		if (!in) {
			file_error(*names);
			failed++;
		}
		names++;
	}
	return in != NULL;
}

static size_t get(unsigned char *bytes, size_t want)
{
	size_t have = 0;

	while (have < want && open_next()) {
		have += fread(bytes + have, 1, want - have, in);
		if (have == want)
			break;
		if (ferror(in)) {
			file_error(names[-1]);
			failed++;
		}
		if (in != stdin)
			fclose(in);
		in = NULL;
	}
	return have;
}

static void skip_input(void)
{
	static unsigned char scratch[IO_SIZE];
	struct stat st;

	for (uint64_t left = skip; left > 0;) {
		if (open_next() && fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode) &&
		    (uint64_t)st.st_size > left && fseeko(in, (off_t)left, SEEK_CUR) == 0)
			return;
		size_t done = get(scratch, left < IO_SIZE ? (size_t)left : IO_SIZE);
		if (done == 0)
			die("cannot skip past end of combined input");
		left -= done;
	}
}

static void dump(void)
{
	static unsigned char lines[2][MAX_WIDTH + 8];
	uint64_t address = skip, left = limit;
	bool starred = false;
	int now = 0;

	for (bool first = true; left > 0; first = false, now ^= 1) {
		size_t nbytes = get(lines[now], left < line_bytes ? (size_t)left : line_bytes);
		if (nbytes == 0)
			break;
		left -= nbytes;
		bool same = !first && !show_all && nbytes == line_bytes &&
			    memcmp(lines[0], lines[1], nbytes) == 0;
		if (!same)
			print_line(address, lines[now], nbytes);
		else if (!starred)
			puts("*");
		starred = same;
		address += nbytes;
	}
	print_address(address);
	if (radix != 'n')
		putchar('\n');
}

static uint64_t need_offset(const char *text)
{
	char *end;

	if (text[0] == '0' && text[1]) { /* hexadecimal and octal, as in C */
		errno = 0;
		uint64_t value = strtoull(text, &end, 0);
		if (*end || errno)
			die("invalid number '%s'", text);
		return value;
	}
	return need_size(text);
}

int main(int argc, char **argv)
{
	static char *standard_input[] = { "-", NULL };
	static const struct long_name longs[] = {
		{ "address-radix", 'A' },
		{ "skip-bytes", 'j' },
		{ "read-bytes", 'N' },
		{ "format", 't' },
		{ "output-duplicates", 'v' },
		{ "width", 'w' },
		{ 0 },
	};
	static const struct {
		char letter;
		const char *type;
	} old[] = { { 'b', "o1" }, { 'c', "c" }, { 'd', "u2" }, { 'o', "o2" }, { 's', "d2" },
		    { 'x', "x2" }, { 'a', "a" }, { 'i', "d4" }, { 'l', "d8" } };

	tool_init(argc, argv, 1,
		  "[-abcdilosvx] [-A doxn] [-j SKIP] [-N COUNT] [-t TYPE]... [-w WIDTH] [FILE...]", longs);
	for (int c; (c = next_option(argc, argv, "A:abcdij:lN:ost:vw:x")) != -1;) {
		switch (c) {
		case 'A':
			radix = *optarg;
			break;
		case 'j':
			skip = need_offset(optarg);
			break;
		case 'N':
			limit = need_offset(optarg);
			break;
		case 't':
			add_formats(optarg);
			break;
		case 'v':
			show_all = true;
			break;
		case 'w':
			line_bytes = need_size(optarg);
			break;
		}
		for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
			if (old[i].letter == c)
				add_formats(old[i].type);
	}
	if (!strchr("doxn", radix) || !radix)
		die("invalid output address radix '%c'", radix);
	if (format_count == 0)
		add_format('o', 2, false);
	for (int i = 0; i < format_count; i++)
		if (line_bytes == 0 || line_bytes > MAX_WIDTH || line_bytes % (size_t)formats[i].size)
			die("invalid width %zu", line_bytes);
	names = optind < argc ? argv + optind : standard_input;
	skip_input();
	dump();
	return finish(failed > 0);
}
