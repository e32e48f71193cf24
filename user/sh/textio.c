/* SPDX-License-Identifier: ISC */
/* echo, printf, read. */
#include "sh.h"

/* One line of descriptor 0, no byte more. With `raw` a backslash is nothing special; else it quotes (see quoted). */
static int read_line(struct buf *line, struct buf *quoted, int raw)
{
	for (;;) {
		char c;
		ssize_t n = read(0, &c, 1);
		if (n < 0 && errno == EINTR) {
			check_signals();
			if (any_pending)
				return -1;
			continue;
		}
		if (n <= 0)
			return -1;
		if (!c)
			continue;
		int esc = 0;
		if (c == '\\' && !raw) {
			if (read(0, &c, 1) != 1)
				return -1;
			if (c == '\n')
				continue;
			esc = 1;
		} else if (c == '\n') {
			return 0;
		}
		add(line, c);
		add(quoted, esc);
	}
}

static int is_ifs(const struct buf *line, const struct buf *quoted, size_t i, const char *ifs, int blank)
{
	char c = line->s[i];

	return !quoted->s[i] && c && strchr(ifs, c) && (!blank || strchr(" \t\n", c));
}

/* Splits a line into the variables; the last one takes the rest. */
static void read_fields(const struct buf *line, const struct buf *q, char **names)
{
	const char *ifs = get_var("IFS");
	size_t i = 0, n = line->n;
	struct mark m = mark(&scratch);

	ifs = ifs ? ifs : " \t\n";
	while (n && is_ifs(line, q, n - 1, ifs, 1))
		n--;
	while (i < n && is_ifs(line, q, i, ifs, 1))
		i++;
	for (; *names; names++) {
		size_t end = i, start = i;
		while (end < n && !is_ifs(line, q, end, ifs, 0))
			end++;
		size_t next = end;
		while (next < n && is_ifs(line, q, next, ifs, 1))
			next++;
		if (next < n && is_ifs(line, q, next, ifs, 0))
			next++;
		while (next < n && is_ifs(line, q, next, ifs, 1))
			next++;
		if (!names[1] && next < n) /* more than one field is left */
			end = n;
		set_var(*names, take_str(&scratch, line->s ? line->s + start : "", end - start));
		i = next;
	}
	release(&scratch, m);
}

int run_read(int argc, char **argv)
{
	static char *reply[] = { "REPLY", 0 };
	struct buf line = { 0 }, quoted = { 0 };
	int raw = 0, i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-r")) {
			raw = 1;
		} else if (!strcmp(argv[i], "-p") && i + 1 < argc) {
			fputs(argv[++i], stderr);
		} else {
			complain("read: bad option: %s", argv[i]);
			return 2;
		}
	}
	for (int k = i; k < argc; k++)
		if (!name_len(argv[k]) || argv[k][name_len(argv[k])]) {
			complain("read: %s: bad variable name", argv[k]);
			return 2;
		}
	int status = read_line(&line, &quoted, raw) < 0;
	read_fields(&line, &quoted, i < argc ? argv + i : reply);
	free(line.s);
	free(quoted.s);
	return status;
}

/* A backslash sequence of echo and printf at p, after the backslash; adds its byte. */
static const char *escape(struct buf *b, const char *p, int leading_zero)
{
	static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
	const char *hit = *p ? strchr(from, *p) : 0;
	int v = 0, n = 0;

	if (hit) {
		add(b, to[hit - from]);
		return p + 1;
	}
	if (*p >= '0' && *p <= '7') {
		p += leading_zero && *p == '0';
		for (; n < 3 && *p >= '0' && *p <= '7'; n++)
			v = v * 8 + *p++ - '0';
		add(b, v);
		return p;
	}
	add(b, '\\');
	return p;
}

/* Text with escapes; 1 if \c ended it. */
static int add_escaped(struct buf *b, const char *p)
{
	while (*p) {
		if (*p != '\\') {
			add(b, *p++);
		} else if (p[1] == 'c') {
			return 1;
		} else {
			p = escape(b, p + 1, 1);
		}
	}
	return 0;
}

int run_echo(int argc, char **argv)
{
	struct buf b = { 0 };
	int i = 1, newline = 1, stop = 0;

	if (argc > 1 && !strcmp(argv[1], "-n")) {
		newline = 0;
		i++;
	}
	for (int first = i; i < argc && !stop; i++) {
		if (i > first)
			add(&b, ' ');
		stop = add_escaped(&b, argv[i]);
	}
	if (newline && !stop)
		add(&b, '\n');
	if (b.n)
		fwrite(b.s, 1, b.n, stdout);
	free(b.s);
	return 0;
}

struct printf_args {
	char **v;
	int taken, status;
};

static const char *next_arg(struct printf_args *a)
{
	a->taken = 1;
	return *a->v ? *a->v++ : 0;
}

static long integer_arg(struct printf_args *a, int is_unsigned)
{
	const char *s = next_arg(a);
	char *end;

	if (!s)
		return 0;
	if (*s == '\'' || *s == '"')
		return (unsigned char)s[1];
	errno = 0;
	long v = is_unsigned && *s != '-' ? (long)strtoul(s, &end, 0) : strtol(s, &end, 0);
	if (errno || *end || end == s) {
		complain("printf: %s: %s", s,
			 errno	  ? strerror(errno) :
			 end == s ? "expected numeric value" :
				    "not completely converted");
		a->status = 1;
	}
	return v;
}

/* One conversion, from after the percent sign. */
static const char *printf_one(struct buf *out, const char *p, struct printf_args *a, int *stop)
{
	char spec[64] = "%", *text = 0;
	size_t n = 1;
	int star[2], stars = 0, len;

	for (; *p && strchr("-+ #0123456789.*", *p) && n < sizeof spec - 4; p++) {
		if (*p == '*' && stars < 2)
			n += snprintf(spec + n, sizeof spec - n, "%d",
				      star[stars++] = (int)integer_arg(a, 0));
		else
			spec[n++] = *p;
	}
	int conv = *p;
	if (conv && strchr("diouxX", conv)) {
		spec[n++] = 'l';
		spec[n++] = (char)conv;
		long v = integer_arg(a, conv != 'd' && conv != 'i');
		len = asprintf(&text, spec, v);
	} else if (conv && strchr("eEfFgG", conv)) {
		const char *s = next_arg(a);
		spec[n++] = (char)conv;
		len = asprintf(&text, spec, s ? strtod(s, 0) : 0.0);
	} else if (conv == 'c' || conv == 's' || conv == 'b') {
		const char *s = next_arg(a);
		struct buf b = { 0 };
		if (conv == 'b')
			*stop = add_escaped(&b, s ? s : "");
		else if (s)
			add_mem(&b, s, conv == 'c' ? *s != 0 : strlen(s));
		add(&b, 0);
		spec[n++] = 's';
		len = asprintf(&text, spec, b.s);
		free(b.s);
	} else {
		complain("printf: %%%c: invalid directive", conv);
		a->status = 2;
		*stop = 1;
		return p;
	}
	if (len > 0)
		add_mem(out, text, len);
	free(text);
	return p + 1;
}

int run_printf(int argc, char **argv)
{
	struct printf_args a = { argv + 2, 0, 0 };
	struct buf out = { 0 };
	int stop = 0;

	if (argc > 1 && !strcmp(argv[1], "--"))
		argv++, argc--, a.v++;
	if (argc < 2) {
		complain("printf: usage: printf FORMAT [ARGUMENT]...");
		return 2;
	}
	do {
		a.taken = 0;
		for (const char *p = argv[1]; *p && !stop;) {
			if (*p == '\\')
				p = escape(&out, p + 1, 0);
			else if (*p == '%' && p[1] == '%')
				add(&out, *p), p += 2;
			else if (*p == '%')
				p = printf_one(&out, p + 1, &a, &stop);
			else
				add(&out, *p++);
		}
	} while (*a.v && a.taken && !stop);
	if (out.n)
		fwrite(out.s, 1, out.n, stdout);
	free(out.s);
	return a.status;
}
