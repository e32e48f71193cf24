/* SPDX-License-Identifier: ISC */
/* Formatted input from a string or a file. */
#include "libc.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
	const char *s; /* a string, or NULL: the file */
	FILE *f;
	long taken;
};

static int next(struct source *in)
{
	int c = in->s ? (*in->s ? (unsigned char)*in->s++ : EOF) : fgetc(in->f);

	if (c != EOF)
		in->taken++;
	return c;
}

static void back(struct source *in, int c)
{
	if (c == EOF)
		return;
	in->taken--;
	if (in->s)
		in->s--;
	else
		ungetc(c, in->f);
}

static void skip_space(struct source *in)
{
	int c;

	while (isspace(c = next(in)))
		;
	back(in, c);
}

static void store(void *p, int size, long v)
{
	if (size >= 2)
		*(long *)p = v;
	else if (size == -1)
		*(short *)p = (short)v;
	else if (size == -2)
		*(char *)p = (char)v;
	else
		*(int *)p = (int)v;
}

/* Collects what looks like a number into buf; its length, 0 if there is none. */
static int collect(struct source *in, char *buf, int max, const char *set, int hexok)
{
	int n = 0, c = 0;

	while (n < max) {
		c = next(in);
		int sign = n == 0 && (c == '+' || c == '-');
		int x = hexok && (c | 32) == 'x' && n > 0 && buf[n - 1] == '0' &&
			(n == 1 || (n == 2 && !isdigit((unsigned char)buf[0])));
		if (c == EOF || !c || !(sign || x || strchr(set, c)))
			break;
		if (x)
			set = "0123456789abcdefABCDEF";
		buf[n++] = (char)c;
		c = EOF;
	}
	back(in, c);
	buf[n] = 0;
	return n;
}

static int scan_integer(struct source *in, int conv, int width, int size, void *to)
{
	char buf[72], *end;
	int base = conv == 'd' || conv == 'u' ? 10 : conv == 'o' ? 8 : conv == 'i' ? 0 : 16;
	const char *set = base == 8 ? "01234567" : base == 16 ? "0123456789abcdefABCDEF" : "0123456789";

	collect(in, buf, width && width < 70 ? width : 70, set, base == 0 || base == 16);
	long v = conv == 'd' || conv == 'i' ? strtol(buf, &end, base) : (long)strtoul(buf, &end, base);
	if (end == buf)
		return 0;
	if (to)
		store(to, size, v);
	return 1;
}

static int scan_double(struct source *in, int width, int size, void *to)
{
	char buf[72], *end;

	collect(in, buf, width && width < 70 ? width : 70, "0123456789.eE+-", 0);
	double v = strtod(buf, &end);
	if (end == buf)
		return 0;
	if (to && size >= 2)
		*(double *)to = v;
	else if (to)
		*(float *)to = (float)v;
	return 1;
}

/* Characters of a set into `to` (if any): at most `width`; the number taken. */
static int scan_set(struct source *in, const struct byteset *set, int width, char *to)
{
	int n = 0, c = EOF;

	while (n < width && (c = next(in)) != EOF && set_has(set, (unsigned char)c)) {
		if (to)
			to[n] = (char)c;
		n++;
		c = EOF;
	}
	back(in, c);
	return n;
}

static const char *parse_set(const char *p, struct byteset *set)
{
	int invert = *p == '^';

	memset(set, 0, sizeof *set);
	p += invert;
	for (const char *start = p; *p && (*p != ']' || p == start); p++) {
		if (p[0] == '-' && p > start && p[1] && p[1] != ']') {
			for (int c = (unsigned char)p[-1]; c <= (unsigned char)p[1]; c++)
				set_add(set, (unsigned char)c);
			p++;
		} else {
			set_add(set, *p);
		}
	}
	for (int i = 0; invert && i < 4; i++)
		set->bits[i] = ~set->bits[i];
	return p;
}

static const struct byteset not_space = { { ~((1ul << ' ') | (31ul << '\t')), ~0ul, ~0ul, ~0ul } };
static const struct byteset any = { { ~0ul, ~0ul, ~0ul, ~0ul } };

/* One conversion; 1 done, 0 no match. *p is at the conversion character, and stays on its last. */
static int convert(struct source *in, const char **p, int width, int size, void *to)
{
	struct byteset set;
	int n;

	switch (**p) {
	case 'd':
	case 'i':
	case 'u':
	case 'o':
	case 'x':
	case 'X':
	case 'p':
		return scan_integer(in, **p == 'X' ? 'x' : **p, width, **p == 'p' ? 2 : size, to);
	case 'f':
	case 'e':
	case 'g':
		return scan_double(in, width, size, to);
	case 'c':
		n = scan_set(in, &any, width ? width : 1, to);
		return n == (width ? width : 1);
	case 's':
		n = scan_set(in, &not_space, width ? width : 1 << 30, to);
		break;
	case '[':
		*p = parse_set(*p + 1, &set);
		n = scan_set(in, &set, width ? width : 1 << 30, to);
		break;
	default:
		return 0;
	}
	if (n && to)
		((char *)to)[n] = 0;
	return n > 0;
}

static int scan(struct source *in, const char *p, va_list *ap)
{
	int done = 0, c;

	for (; *p; p++) {
		if (isspace((unsigned char)*p)) {
			skip_space(in);
			continue;
		}
		if (*p != '%' || p[1] == '%') {
			if (*p == '%') {
				p++;
				skip_space(in);
			}
			if ((c = next(in)) != (unsigned char)*p) {
				back(in, c);
				return c == EOF && !done ? EOF : done;
			}
			continue;
		}
		int skip = p[1] == '*', size = 0;
		p += 1 + skip;
		int width = isdigit((unsigned char)*p) ? (int)strtol(p, (char **)&p, 10) : 0;
		for (; strchr("hlzjtL", *p) && *p; p++)
			size = *p == 'h' ? size - 1 : 2;
		if (*p == 'n') {
			if (!skip)
				store(va_arg(*ap, void *), size, in->taken);
			continue;
		}
		if (!strchr("c[", *p))
			skip_space(in);
		c = next(in);
		back(in, c);
		if (c == EOF)
			return done ? done : EOF;
		if (!convert(in, &p, width, size, skip ? 0 : va_arg(*ap, void *)))
			return done;
		done += !skip;
	}
	return done;
}

int vsscanf(const char *s, const char *fmt, va_list ap)
{
	struct source in = { .s = s };
	va_list copy;

	va_copy(copy, ap);
	int n = scan(&in, fmt, &copy);
	va_end(copy);
	return n;
}

int vfscanf(FILE *f, const char *fmt, va_list ap)
{
	struct source in = { .f = f };
	va_list copy;

	va_copy(copy, ap);
	int n = scan(&in, fmt, &copy);
	va_end(copy);
	return n;
}

int sscanf(const char *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsscanf(s, fmt, ap);
	va_end(ap);
	return n;
}

int fscanf(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vfscanf(f, fmt, ap);
	va_end(ap);
	return n;
}

int scanf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vfscanf(stdin, fmt, ap);
	va_end(ap);
	return n;
}
