/* SPDX-License-Identifier: ISC */
/* Formatted output. Floating point is exact: a double is expanded into all its decimal digits, then rounded. */
#include "libc.h"
#include "stream.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where text goes: a file, or memory of which the first `cap` bytes are kept; `n` counts all. */
struct sink {
	FILE *file;
	char *mem;
	size_t cap, n;
	int failed;
};

static void put(struct sink *s, const char *p, size_t n)
{
	if (s->file) {
		if (n && fwrite(p, 1, n, s->file) != n)
			s->failed = 1;
	} else if (s->n < s->cap) {
		memcpy(s->mem + s->n, p, n < s->cap - s->n ? n : s->cap - s->n);
	}
	s->n += n;
}

static void pad(struct sink *s, char c, long n)
{
	char block[32];

	memset(block, c, sizeof block);
	for (; n > 0; n -= sizeof block)
		put(s, block, n < (long)sizeof block ? (size_t)n : sizeof block);
}

struct spec {
	int left, plus, space, alt, zero;
	long width, prec; /* prec -1: none given */
};

/* A number: sign or prefix, zeros up to the precision or the width, digits. */
static void put_number(struct sink *s, const struct spec *f, const char *prefix, long zeros,
		       const char *digits, size_t n)
{
	size_t np = strlen(prefix);
	long fill = f->width - (long)(np + n) - zeros;

	if (fill < 0)
		fill = 0;
	if (f->zero && !f->left && f->prec < 0) {
		zeros += fill;
		fill = 0;
	}
	if (!f->left)
		pad(s, ' ', fill);
	put(s, prefix, np);
	pad(s, '0', zeros);
	put(s, digits, n);
	if (f->left)
		pad(s, ' ', fill);
}

static void put_integer(struct sink *s, const struct spec *f, unsigned long v, int neg, int conv)
{
	const char *set = conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = conv == 'o' ? 8 : (conv | 32) == 'x' || conv == 'p' ? 16 : 10;
	char buf[24], *p = buf + sizeof buf;
	const char *prefix = "";
	int zero = v == 0;

	for (; v; v /= base)
		*--p = set[v % base];
	size_t n = buf + sizeof buf - p;
	long zeros = f->prec < 0 ? (n ? 0 : 1) : f->prec > (long)n ? f->prec - (long)n : 0;
	if (conv == 'd')
		prefix = neg ? "-" : f->plus ? "+" : f->space ? " " : "";
	else if (conv == 'p' || (f->alt && base == 16 && !zero))
		prefix = conv == 'X' ? "0X" : "0x";
	else if (f->alt && base == 8 && !zeros)
		zeros = 1;
	put_number(s, f, prefix, zeros, p, n);
}

static void put_string(struct sink *s, const struct spec *f, const char *p, size_t n)
{
	if (!f->left)
		pad(s, ' ', f->width - (long)n);
	put(s, p, n);
	if (f->left)
		pad(s, ' ', f->width - (long)n);
}

/* ---- floating point ---- */

enum { LIMBS = 130, DIGITS = LIMBS * 9 };
#define BASE 1000000000u

/* All decimal digits of v >= 0, the first not zero (unless v is 0). Returns their number; *point of them are before
 * the decimal point (it may be negative). */
static int expand(double v, char *out, int *point)
{
	uint32_t limb[LIMBS];
	int nlimbs = 0, n = 0, exp;
	union {
		double d;
		uint64_t u;
	} x = { v };
	uint64_t m = x.u & ((1ul << 52) - 1);

	exp = (int)(x.u >> 52 & 2047);
	if (exp)
		m |= 1ul << 52;
	else
		exp = 1;
	exp -= 1075;
	for (; m && exp < 0 && !(m & 1); exp++)
		m >>= 1;
	for (; m; m /= BASE)
		limb[nlimbs++] = m % BASE;
	for (int i = exp < 0 ? -exp : exp;
	     nlimbs && i > 0;) { /* times 2^exp, or 5^-exp with the point moved */
		int step = exp < 0 ? (i < 13 ? i : 13) : (i < 29 ? i : 29);
		uint64_t mul = 1, carry = 0;
		for (int k = 0; k < step; k++)
			mul *= exp < 0 ? 5 : 2;
		for (int k = 0; k < nlimbs; k++) {
			carry += limb[k] * mul;
			limb[k] = carry % BASE;
			carry /= BASE;
		}
		for (; carry; carry /= BASE)
			limb[nlimbs++] = carry % BASE;
		i -= step;
	}
	for (int k = nlimbs; k-- > 0;)
		for (uint32_t d = BASE / 10; d; d /= 10)
			if (n || limb[k] / d)
				out[n++] = (char)('0' + limb[k] / d % 10);
	*point = n + (exp < 0 ? exp : 0);
	return n;
}

/* Keeps `keep` digits (which may be 0 or negative), rounded to nearest, ties to even. */
static int round_digits(char *d, int n, long keep, int *point)
{
	if (keep >= n)
		return n;
	if (keep < 0)
		return 0;
	int up = d[keep] > '5';
	if (d[keep] == '5') {
		up = keep > 0 && (d[keep - 1] & 1);
		for (int i = (int)keep + 1; i < n; i++)
			if (d[i] != '0')
				up = 1;
	}
	n = (int)keep;
	if (!up)
		return n;
	for (int i = n; i-- > 0;) {
		if (d[i]++ < '9')
			return n;
		d[i] = '0';
	}
	memmove(d + 1, d, n);
	d[0] = '1';
	++*point;
	return n + 1;
}

static char digit_at(const char *d, int n, long i)
{
	return i >= 0 && i < n ? d[i] : '0';
}

static void put_double(struct sink *s, struct spec *f, double v, int conv)
{
	static const long limit =
		1000; /* digits after the point; more are zeros anyway for any use of this */
	char digits[DIGITS + 2], text[DIGITS + 1100], *p = text;
	int neg = __builtin_signbit(v) != 0, point, style = conv | 32, trim = 0;
	const char *prefix = neg ? "-" : f->plus ? "+" : f->space ? " " : "";
	long prec = f->prec < 0 ? 6 : f->prec > limit ? limit : f->prec;

	if (__builtin_isnan(v) || __builtin_isinf(v)) {
		const char *w = __builtin_isnan(v) ? (conv < 'a' ? "NAN" : "nan") :
				conv < 'a'	   ? "INF" :
						     "inf";
		f->zero = 0;
		f->prec = -1;
		put_number(s, f, prefix, 0, w, 3);
		return;
	}
	int n = expand(neg ? -v : v, digits, &point);
	if (n == 0)
		point = 1;
	if (style == 'g') {
		prec = prec ? prec : 1;
		n = round_digits(digits, n, prec, &point);
		trim = !f->alt;
		style = point - 1 < -4 || point - 1 >= prec ? 'e' : 'f';
		prec -= style == 'e' ? 1 : point;
	} else {
		n = round_digits(digits, n, style == 'e' ? prec + 1 : point + prec, &point);
	}
	long first = style == 'e' ? 1 : point; /* digits before the point */
	if (first <= 0)
		*p++ = '0';
	for (long i = 0; i < first; i++)
		*p++ = digit_at(digits, n, i);
	if (prec > 0 || f->alt)
		*p++ = '.';
	for (long i = 0; i < prec; i++)
		*p++ = digit_at(digits, n, first + i);
	if (trim && prec > 0) {
		while (p[-1] == '0')
			p--;
		if (p[-1] == '.')
			p--;
	}
	if (style == 'e') {
		int e = n ? point - 1 : 0, a = e < 0 ? -e : e;
		*p++ = conv < 'a' ? 'E' : 'e';
		*p++ = e < 0 ? '-' : '+';
		if (a >= 100)
			*p++ = (char)('0' + a / 100);
		*p++ = (char)('0' + a / 10 % 10);
		*p++ = (char)('0' + a % 10);
	}
	f->prec = -1;
	put_number(s, f, prefix, 0, text, p - text);
}

/* ---- the format ---- */

static const char *parse_spec(const char *p, struct spec *f, va_list *ap)
{
	*f = (struct spec){ .prec = -1 };
	for (;; p++) {
		if (*p == '-')
			f->left = 1;
		else if (*p == '+')
			f->plus = 1;
		else if (*p == ' ')
			f->space = 1;
		else if (*p == '#')
			f->alt = 1;
		else if (*p == '0')
			f->zero = 1;
		else
			break;
	}
	if (*p == '*') {
		f->width = va_arg(*ap, int);
		if (f->width < 0) {
			f->left = 1;
			f->width = -f->width;
		}
		p++;
	} else {
		f->width = strtol(p, (char **)&p, 10); /* flags are over: there is no sign */
	}
	if (*p == '.') {
		if (*++p == '*') {
			f->prec = va_arg(*ap, int);
			if (f->prec < 0)
				f->prec = -1;
			p++;
		} else {
			f->prec = *p >= '0' && *p <= '9' ? strtol(p, (char **)&p, 10) : 0;
		}
	}
	return p;
}

static long signed_arg(va_list *ap, int size)
{
	long v = size >= 2 ? va_arg(*ap, long) : va_arg(*ap, int);

	return size == -1 ? (short)v : size == -2 ? (signed char)v : v;
}

static unsigned long unsigned_arg(va_list *ap, int size)
{
	unsigned long v = size >= 2 ? va_arg(*ap, unsigned long) : va_arg(*ap, unsigned);

	return size == -1 ? (unsigned short)v : size == -2 ? (unsigned char)v : v;
}

static void convert(struct sink *s, struct spec *f, int conv, int size, va_list *ap)
{
	char c;
	const char *str;
	long v;

	switch (conv) {
	case 'd':
	case 'i':
		v = signed_arg(ap, size);
		put_integer(s, f, v < 0 ? -(unsigned long)v : (unsigned long)v, v < 0, 'd');
		break;
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		put_integer(s, f, unsigned_arg(ap, size), 0, conv);
		break;
	case 'p':
		put_integer(s, f, (unsigned long)va_arg(*ap, void *), 0, 'p');
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_string(s, f, &c, 1);
		break;
	case 's':
		str = va_arg(*ap, const char *);
		if (!str)
			str = "(null)";
		put_string(s, f, str, f->prec >= 0 ? strnlen(str, f->prec) : strlen(str));
		break;
	case 'm':
		str = strerror(errno);
		put_string(s, f, str, strlen(str));
		break;
	case 'e':
	case 'E':
	case 'f':
	case 'F':
	case 'g':
	case 'G':
		put_double(s, f, size == 3 ? (double)va_arg(*ap, long double) : va_arg(*ap, double), conv);
		break;
	case 'n':
		*va_arg(*ap, int *) = (int)s->n;
		break;
	default:
		c = (char)conv;
		put(s, &c, 1);
	}
}

static void format(struct sink *s, const char *p, va_list *ap)
{
	for (;;) {
		size_t plain = strchrnul(p, '%') - p;
		struct spec f;
		int size = 0;

		put(s, p, plain);
		p += plain;
		if (!*p)
			return;
		p = parse_spec(p + 1, &f, ap);
		for (;; p++) {
			if (*p == 'h')
				size--;
			else if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't')
				size = 2;
			else if (*p == 'L')
				size = 3;
			else
				break;
		}
		if (!*p)
			return;
		convert(s, &f, *p++, size, ap);
	}
}

int vsnprintf(char *mem, size_t n, const char *fmt, va_list ap)
{
	struct sink s = { .mem = mem, .cap = n ? n - 1 : 0 };
	va_list copy;

	va_copy(copy, ap);
	format(&s, fmt, &copy);
	va_end(copy);
	if (n)
		mem[s.n < s.cap ? s.n : s.cap] = 0;
	return (int)s.n;
}

/* An unbuffered file gets a buffer for the length of one call, so that a message is one write. */
int vfprintf(FILE *f, const char *fmt, va_list ap)
{
	struct sink s = { .file = f };
	struct __file saved = *f;
	unsigned char tmp[256];
	va_list copy;

	if (f->mode == _IONBF && !f->wpos && f->rpos == f->rend) {
		f->mode = _IOFBF;
		f->buf = tmp;
		f->cap = sizeof tmp;
	}
	va_copy(copy, ap);
	format(&s, fmt, &copy);
	va_end(copy);
	if (f->buf == tmp) {
		if (__flush(f) < 0)
			s.failed = 1;
		f->mode = saved.mode;
		f->buf = saved.buf;
		f->cap = saved.cap;
	}
	return s.failed ? -1 : (int)s.n;
}

int vdprintf(int fd, const char *fmt, va_list ap)
{
	unsigned char buf[UNGET + 512];
	FILE f = {
		.fd = fd, .flags = F_WRITE, .mode = _IOFBF, .buf = buf + UNGET, .cap = sizeof buf - UNGET
	};
	int n = vfprintf(&f, fmt, ap);

	return __flush(&f) < 0 ? -1 : n;
}

int vprintf(const char *fmt, va_list ap)
{
	return vfprintf(stdout, fmt, ap);
}

int vsprintf(char *mem, const char *fmt, va_list ap)
{
	return vsnprintf(mem, (size_t)1 << 30, fmt, ap);
}

int vasprintf(char **out, const char *fmt, va_list ap)
{
	int n = vsnprintf(0, 0, fmt, ap);

	*out = malloc(n + 1);
	return *out ? vsnprintf(*out, n + 1, fmt, ap) : -1;
}

#define FORWARD(call)      \
	va_list ap;        \
	va_start(ap, fmt); \
	int n = call;      \
	va_end(ap);        \
	return n

int printf(const char *fmt, ...)
{
	FORWARD(vfprintf(stdout, fmt, ap));
}

int fprintf(FILE *f, const char *fmt, ...)
{
	FORWARD(vfprintf(f, fmt, ap));
}

int dprintf(int fd, const char *fmt, ...)
{
	FORWARD(vdprintf(fd, fmt, ap));
}

int sprintf(char *mem, const char *fmt, ...)
{
	FORWARD(vsprintf(mem, fmt, ap));
}

int snprintf(char *mem, size_t size, const char *fmt, ...)
{
	FORWARD(vsnprintf(mem, size, fmt, ap));
}

int asprintf(char **out, const char *fmt, ...)
{
	FORWARD(vasprintf(out, fmt, ap));
}
