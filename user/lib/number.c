/* SPDX-License-Identifier: ISC */
/* Numbers from text, arithmetic helpers, sorting and searching, random numbers. */
#include "libc.h"
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int digit(int c)
{
	return isdigit(c) ? c - '0' : isalpha(c) ? (c | 32) - 'a' + 10 : 99;
}

/* Magnitude and sign; *over says that it did not fit. The end is `s` itself when there is no number. */
static unsigned long parse(const char *s, char **end, int base, int *neg, int *over)
{
	const char *p = s;
	unsigned long v = 0;
	int any = 0;

	*neg = *over = 0;
	while (isspace((unsigned char)*p))
		p++;
	if (*p == '+' || *p == '-')
		*neg = *p++ == '-';
	if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 32) == 'x' &&
	    digit((unsigned char)p[2]) < 16) {
		p += 2;
		base = 16;
	} else if (base == 0) {
		base = *p == '0' ? 8 : 10;
	}
	for (int d; (d = digit((unsigned char)*p)) < base; p++, any = 1)
		if (__builtin_mul_overflow(v, (unsigned long)base, &v) || __builtin_add_overflow(v, d, &v))
			*over = 1;
	if (end)
		*end = (char *)(any ? p : s);
	return v;
}

unsigned long strtoul(const char *s, char **end, int base)
{
	int neg, over;
	unsigned long v = parse(s, end, base, &neg, &over);

	if (over) {
		errno = ERANGE;
		return ULONG_MAX;
	}
	return neg ? -v : v;
}

long strtol(const char *s, char **end, int base)
{
	int neg, over;
	unsigned long v = parse(s, end, base, &neg, &over);

	if (over || v > (unsigned long)LONG_MAX + neg) {
		errno = ERANGE;
		return neg ? LONG_MIN : LONG_MAX;
	}
	return neg ? (long)-v : (long)v;
}

long long strtoll(const char *s, char **end, int base)
{
	return strtol(s, end, base);
}

unsigned long long strtoull(const char *s, char **end, int base)
{
	return strtoul(s, end, base);
}

intmax_t strtoimax(const char *s, char **end, int base)
{
	return strtol(s, end, base);
}

uintmax_t strtoumax(const char *s, char **end, int base)
{
	return strtoul(s, end, base);
}

int atoi(const char *s)
{
	return (int)strtol(s, 0, 10);
}

long atol(const char *s)
{
	return strtol(s, 0, 10);
}

long long atoll(const char *s)
{
	return strtol(s, 0, 10);
}

/* Decimal only. Nineteen digits, scaled in 113-bit arithmetic: correctly rounded but for rare near-ties. */
double strtod(const char *s, char **end)
{
	const char *p = s;
	unsigned long m = 0;
	long exp = 0;
	int neg = 0, any = 0, point = 0;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '+' || *p == '-')
		neg = *p++ == '-';
	if (!strncasecmp(p, "inf", 3) || !strncasecmp(p, "nan", 3)) {
		double v = (*p | 32) == 'i' ? __builtin_inf() : __builtin_nan("");
		if (end)
			*end = (char *)p + (strncasecmp(p, "infinity", 8) ? 3 : 8);
		return neg ? -v : v;
	}
	for (; isdigit((unsigned char)*p) || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = 1;
			continue;
		}
		any = 1;
		if (m < 1000000000000000000ul)
			m = m * 10 + (*p - '0');
		else
			exp++;
		exp -= point;
	}
	if (any && (*p | 32) == 'e') {
		char *e;
		long x = strtol(p + 1, &e, 10);
		if (e != p + 1 && !isspace((unsigned char)p[1])) {
			exp += x > 9999 ? 9999 : x < -9999 ? -9999 : x;
			p = e;
		}
	}
	if (end)
		*end = (char *)(any ? p : s);
	long double v = m, ten = 10;
	for (long n = exp < 0 ? -exp : exp; n && m; n >>= 1, ten *= ten)
		if (n & 1)
			v = exp < 0 ? v / ten : v * ten;
	double r = (double)v;
	if (m && (r == 0 || __builtin_isinf(r)))
		errno = ERANGE;
	return neg ? -r : r;
}

double atof(const char *s)
{
	return strtod(s, 0);
}

int abs(int x)
{
	return x < 0 ? -x : x;
}

long labs(long x)
{
	return x < 0 ? -x : x;
}

long long llabs(long long x)
{
	return x < 0 ? -x : x;
}

div_t div(int a, int b)
{
	return (div_t){ a / b, a % b };
}

ldiv_t ldiv(long a, long b)
{
	return (ldiv_t){ a / b, a % b };
}

lldiv_t lldiv(long long a, long long b)
{
	return (lldiv_t){ a / b, a % b };
}

static void swap(char *a, char *b, size_t size)
{
	for (; size >= 8; size -= 8, a += 8, b += 8) {
		char t[8];
		memcpy(t, a, 8);
		memcpy(a, b, 8);
		memcpy(b, t, 8);
	}
	while (size--) {
		char t = *a;
		*a++ = *b;
		*b++ = t;
	}
}

/* Heap sort: no memory, no recursion, no bad case. */
void qsort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	char *b = base;

	for (size_t heap = n / 2, last = n; last > 1;) {
		if (heap)
			heap--;
		else
			swap(b, b + --last * size, size);
		for (size_t i = heap, kid; (kid = 2 * i + 1) < last; i = kid) {
			if (kid + 1 < last && cmp(b + kid * size, b + (kid + 1) * size) < 0)
				kid++;
			if (cmp(b + i * size, b + kid * size) >= 0)
				break;
			swap(b + i * size, b + kid * size, size);
		}
	}
}

void *bsearch(const void *key, const void *base, size_t n, size_t size,
	      int (*cmp)(const void *, const void *))
{
	const char *b = base;

	while (n) {
		const char *mid = b + n / 2 * size;
		int c = cmp(key, mid);
		if (!c)
			return (void *)mid;
		if (c > 0) {
			b = mid + size;
			n -= n / 2 + 1;
		} else {
			n /= 2;
		}
	}
	return 0;
}

static uint64_t seed64 = 1;

static uint32_t step(uint64_t *s)
{
	*s = *s * 6364136223846793005ul + 1442695040888963407ul;
	return (uint32_t)(*s >> 33);
}

int rand(void)
{
	return (int)step(&seed64);
}

void srand(unsigned s)
{
	seed64 = s;
}

int rand_r(unsigned *s)
{
	uint64_t v = *s;

	step(&v);
	*s = (unsigned)(v >> 32);
	return (int)step(&v);
}

long random(void)
{
	return rand();
}

void srandom(unsigned s)
{
	srand(s);
}
