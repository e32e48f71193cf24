/* SPDX-License-Identifier: ISC */
/*
 * Memory and strings. Copies and fills work on words of 8 bytes, 64 bytes a round; where source and
 * destination lie differently in their words, the words are read aligned and shifted together, because a
 * misaligned access may trap to the firmware.
 */
#include "lib/string.h"

#define WORD sizeof(uint64_t)

/* Copies n / 8 words to the aligned d from s, which lies `skew` bytes beyond a word boundary. */
static void copy_skewed(uint64_t *d, const uint8_t *s, size_t nwords)
{
	unsigned skew = (uintptr_t)s & (WORD - 1);
	const uint64_t *w = (const uint64_t *)(s - skew);
	unsigned down = skew * 8, up = 64 - down;
	uint64_t low = *w++;

	for (; nwords >= 4; nwords -= 4, d += 4, w += 4) {
		uint64_t a = w[0], b = w[1], c = w[2], e = w[3];

		d[0] = low >> down | a << up;
		d[1] = a >> down | b << up;
		d[2] = b >> down | c << up;
		d[3] = c >> down | e << up;
		low = e;
	}
	while (nwords-- > 0) {
		uint64_t high = *w++;

		*d++ = low >> down | high << up;
		low = high;
	}
}

static void copy_words(uint64_t *d, const uint64_t *s, size_t nwords)
{
	for (; nwords >= 8; nwords -= 8, d += 8, s += 8) {
		uint64_t a = s[0], b = s[1], c = s[2], e = s[3], f = s[4], g = s[5], h = s[6], i = s[7];

		d[0] = a, d[1] = b, d[2] = c, d[3] = e;
		d[4] = f, d[5] = g, d[6] = h, d[7] = i;
	}
	while (nwords-- > 0)
		*d++ = *s++;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (n >= 2 * WORD) {
		size_t nbytes;

		for (; (uintptr_t)d & (WORD - 1); n--)
			*d++ = *s++;
		nbytes = ALIGN_DOWN(n, WORD);
		if ((uintptr_t)s & (WORD - 1))
			copy_skewed((uint64_t *)d, s, nbytes / WORD);
		else
			copy_words((uint64_t *)d, (const uint64_t *)s, nbytes / WORD);
		d += nbytes;
		s += nbytes;
		n -= nbytes;
	}
	while (n-- > 0)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (d <= s || d >= s + n)
		return memcpy(dst, src,
			      n); /* which goes forward and reads each word before it writes there */
	if (((uintptr_t)d & (WORD - 1)) == ((uintptr_t)s & (WORD - 1))) {
		for (; n > 0 && (uintptr_t)(d + n) & (WORD - 1); n--)
			d[n - 1] = s[n - 1];
		for (; n >= WORD; n -= WORD)
			*(uint64_t *)(d + n - WORD) = *(const uint64_t *)(s + n - WORD);
	}
	for (; n > 0; n--)
		d[n - 1] = s[n - 1];
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;

	if (n >= 2 * WORD) {
		uint64_t v = (uint8_t)c * 0x0101010101010101ul, *w;

		for (; (uintptr_t)d & (WORD - 1); n--)
			*d++ = (uint8_t)c;
		for (w = (uint64_t *)d; n >= 64; n -= 64, w += 8) {
			w[0] = v, w[1] = v, w[2] = v, w[3] = v;
			w[4] = v, w[5] = v, w[6] = v, w[7] = v;
		}
		for (; n >= WORD; n -= WORD)
			*w++ = v;
		d = (uint8_t *)w;
	}
	while (n-- > 0)
		*d++ = (uint8_t)c;
	return dst;
}

/* Words of a page in one round: what a loop costs beside its stores is little, and the distances still fit an instruction. */
enum { ROUND = 128 };

void clear_page(void *page)
{
	uint64_t *w = page, *end = w + PAGE_SIZE / WORD;

	for (; w != end; w += ROUND) {
#pragma GCC unroll ROUND
		for (unsigned i = 0; i < ROUND; i++)
			w[i] = 0;
	}
}

void copy_page(void *dst, const void *src)
{
	uint64_t *d = dst;
	const uint64_t *s = src, *end = s + PAGE_SIZE / WORD;

	for (; s != end; d += ROUND, s += ROUND) {
#pragma GCC unroll ROUND
		for (unsigned i = 0; i < ROUND; i++)
			d[i] = s[i];
	}
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	if ((((uintptr_t)x | (uintptr_t)y) & (WORD - 1)) == 0)
		for (; n >= WORD && *(const uint64_t *)x == *(const uint64_t *)y; n -= WORD) {
			x += WORD;
			y += WORD;
		}
	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const uint8_t *p = s; n > 0; n--, p++)
		if (*p == (uint8_t)c)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return p - s;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b)
			return (uint8_t)*a - (uint8_t)*b;
		if (!*a)
			break;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	for (;; s++) {
		if (*s == (char)c)
			last = s;
		if (!*s)
			return (char *)(uintptr_t)last;
	}
}

char *strstr(const char *s, const char *t)
{
	size_t n = strlen(t);

	for (;; s++) {
		if (strncmp(s, t, n) == 0)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src);

	if (size > 0) {
		size_t n = MIN(len, size - 1);

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

uint64_t strtou64(const char *s, const char **end, unsigned base)
{
	uint64_t v = 0;

	if ((base == 0 || base == 16) && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit(s[2]) < 16) {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = 10;
	}
	for (; digit(*s) < (int)base; s++)
		v = v * base + digit(*s);
	if (end)
		*end = s;
	return v;
}

void contents_copy(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
}

void contents_clear(void *dst, size_t n)
{
	memset(dst, 0, n);
}

bool contents_are_zeros(const void *p, size_t n)
{
	const uint8_t *b = p;

	for (; n && (uintptr_t)b & 7; n--)
		if (*b++)
			return false;
	for (; n >= 8; n -= 8, b += 8)
		if (*(const uint64_t *)b)
			return false;
	while (n)
		if (b[--n])
			return false;
	return true;
}
