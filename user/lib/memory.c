/* SPDX-License-Identifier: ISC */
/* Blocks of bytes. The hot ones work in aligned words, since the hardware may trap on unaligned ones. */
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word;
#define ALIGNED(p) (((uintptr_t)(p)&7) == 0)

void *memset(void *d, int c, size_t n)
{
	unsigned char *p = d;
	word w = (unsigned char)c * 0x0101010101010101ul;

	for (; n && !ALIGNED(p); n--)
		*p++ = (unsigned char)c;
	for (; n >= 64; n -= 64, p += 64) {
		word *q = (word *)p;
		q[0] = q[1] = q[2] = q[3] = q[4] = q[5] = q[6] = q[7] = w;
	}
	for (; n >= 8; n -= 8, p += 8)
		*(word *)p = w;
	while (n--)
		*p++ = (unsigned char)c;
	return d;
}

/* Source and destination differ in alignment: aligned loads, shifted together. */
static size_t copy_shifted(unsigned char *d, const unsigned char *s, size_t n)
{
	unsigned r = (uintptr_t)s & 7;
	const word *w = (const word *)(s - r);
	word a = *w++;
	size_t done = 0;

	for (; done + 16 <= n; done += 8) { /* 16: never loads a word wholly beyond the source */
		word b = *w++;
		*(word *)(d + done) = a >> (8 * r) | b << (64 - 8 * r);
		a = b;
	}
	return done;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if (n >= 16) {
		for (; !ALIGNED(d); n--)
			*d++ = *s++;
		if (!ALIGNED(s)) {
			size_t k = copy_shifted(d, s, n);
			d += k;
			s += k;
			n -= k;
		} else {
			for (; n >= 64; n -= 64, d += 64, s += 64) {
				word *q = (word *)d;
				const word *r = (const word *)s;
				word a = r[0], b = r[1], c = r[2], e = r[3];
				word f = r[4], g = r[5], h = r[6], i = r[7];
				q[0] = a, q[1] = b, q[2] = c, q[3] = e;
				q[4] = f, q[5] = g, q[6] = h, q[7] = i;
			}
			for (; n >= 8; n -= 8, d += 8, s += 8)
				*(word *)d = *(const word *)s;
		}
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	unsigned char *d = dst;
	const unsigned char *s = src;

	if (d == s || d + n <= s || s + n <= d)
		return memcpy(dst, src, n);
	int words = (((uintptr_t)d ^ (uintptr_t)s) & 7) == 0;
	if (d < s) {
		if (words) {
			for (; n && !ALIGNED(d); n--)
				*d++ = *s++;
			for (; n >= 8; n -= 8, d += 8, s += 8)
				*(word *)d = *(const word *)s;
		}
		while (n--)
			*d++ = *s++;
	} else {
		if (words) {
			for (; n && !ALIGNED(d + n); n--)
				d[n - 1] = s[n - 1];
			for (; n >= 8; n -= 8)
				*(word *)(d + n - 8) = *(const word *)(s + n - 8);
		}
		while (n--)
			d[n] = s[n];
	}
	return dst;
}

void *mempcpy(void *restrict d, const void *restrict s, size_t n)
{
	return (char *)memcpy(d, s, n) + n;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	if (ALIGNED(p) && ALIGNED(q))
		for (; n >= 8 && *(const word *)p == *(const word *)q; n -= 8, p += 8, q += 8)
			;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const unsigned char *p = s; n; n--, p++)
		if (*p == (unsigned char)c)
			return (void *)p;
	return 0;
}

void *rawmemchr(const void *s, int c)
{
	const unsigned char *p = s;

	while (*p != (unsigned char)c)
		p++;
	return (void *)p;
}

void *memrchr(const void *s, int c, size_t n)
{
	const unsigned char *p = s;

	while (n--)
		if (p[n] == (unsigned char)c)
			return (void *)(p + n);
	return 0;
}

void *memmem(const void *hay, size_t hn, const void *needle, size_t nn)
{
	const char *h = hay, *n = needle;

	if (nn == 0)
		return (void *)hay;
	for (; hn >= nn; h++, hn--) {
		const char *hit = memchr(h, *n, hn - nn + 1);
		if (!hit)
			return 0;
		hn -= hit - h;
		h = hit;
		if (!memcmp(h, n, nn))
			return (void *)h;
	}
	return 0;
}

void explicit_bzero(void *d, size_t n)
{
	memset(d, 0, n);
	__asm__ volatile("" : : "r"(d) : "memory");
}
