/* SPDX-License-Identifier: ISC */
/* Strings. */
#include "libc.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word;

/* Aligned words never cross a page, so reading past the end within one is safe. */
size_t strlen(const char *s)
{
	const char *p = s;

	for (; (uintptr_t)p & 7; p++)
		if (!*p)
			return p - s;
	while (!((*(const word *)p - 0x0101010101010101ul) & ~*(const word *)p & 0x8080808080808080ul))
		p += 8;
	while (*p)
		p++;
	return p - s;
}

size_t strnlen(const char *s, size_t n)
{
	const char *p = memchr(s, 0, n);

	return p ? (size_t)(p - s) : n;
}

char *stpcpy(char *restrict d, const char *restrict s)
{
	size_t n = strlen(s);

	memcpy(d, s, n + 1);
	return d + n;
}

char *strcpy(char *restrict d, const char *restrict s)
{
	stpcpy(d, s);
	return d;
}

char *strncpy(char *restrict d, const char *restrict s, size_t n)
{
	size_t k = strnlen(s, n);

	memcpy(d, s, k);
	memset(d + k, 0, n - k);
	return d;
}

char *strcat(char *restrict d, const char *restrict s)
{
	strcpy(d + strlen(d), s);
	return d;
}

char *strncat(char *restrict d, const char *restrict s, size_t n)
{
	size_t k = strnlen(s, n);
	char *e = d + strlen(d);

	memcpy(e, s, k);
	e[k] = 0;
	return d;
}

size_t strlcpy(char *restrict d, const char *restrict s, size_t n)
{
	size_t k = strlen(s);

	if (n) {
		size_t m = k < n ? k : n - 1;
		memcpy(d, s, m);
		d[m] = 0;
	}
	return k;
}

size_t strlcat(char *restrict d, const char *restrict s, size_t n)
{
	size_t k = strnlen(d, n);

	return k + strlcpy(d + k, s, n - k);
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

int strcoll(const char *a, const char *b)
{
	return strcmp(a, b);
}

int strcasecmp(const char *a, const char *b)
{
	while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b))
		a++, b++;
	return tolower((unsigned char)*a) - tolower((unsigned char)*b);
}

int strncasecmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && tolower((unsigned char)*a) == tolower((unsigned char)*b); n--)
		a++, b++;
	return n ? tolower((unsigned char)*a) - tolower((unsigned char)*b) : 0;
}

/* Runs of digits compare as numbers; equal numbers with more leading zeros come first. */
int strverscmp(const char *a, const char *b)
{
	while (*a && *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t za = strspn(a, "0"), zb = strspn(b, "0");
			size_t na = strspn(a + za, "0123456789"), nb = strspn(b + zb, "0123456789");
			int c = na != nb ? (na < nb ? -1 : 1) : memcmp(a + za, b + zb, na);
			if (!c && za != zb)
				c = za > zb ? -1 : 1;
			if (c)
				return c;
			a += za + na;
			b += zb + nb;
		} else if (*a != *b) {
			break;
		} else {
			a++, b++;
		}
	}
	return (unsigned char)*a - (unsigned char)*b;
}

char *strchrnul(const char *s, int c)
{
	while (*s && *s != (char)c)
		s++;
	return (char *)s;
}

char *strchr(const char *s, int c)
{
	s = strchrnul(s, c);
	return *s == (char)c ? (char *)s : 0;
}

char *strrchr(const char *s, int c)
{
	return memrchr(s, c, strlen(s) + 1);
}

char *strstr(const char *hay, const char *needle)
{
	return memmem(hay, strlen(hay), needle, strlen(needle));
}

char *strcasestr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	for (;; hay++) {
		if (!strncasecmp(hay, needle, n))
			return (char *)hay;
		if (!*hay)
			return 0;
	}
}

static size_t span(const char *s, const char *set, int in)
{
	struct byteset b = { { 0 } };
	size_t n = 0;

	while (*set)
		set_add(&b, *set++);
	while (s[n] && set_has(&b, s[n]) == in)
		n++;
	return n;
}

size_t strspn(const char *s, const char *set)
{
	return span(s, set, 1);
}

size_t strcspn(const char *s, const char *set)
{
	return span(s, set, 0);
}

char *strpbrk(const char *s, const char *set)
{
	s += strcspn(s, set);
	return *s ? (char *)s : 0;
}

char *strsep(char **s, const char *sep)
{
	char *start = *s;

	if (!start)
		return 0;
	char *end = start + strcspn(start, sep);
	*s = *end ? end + 1 : 0;
	*end = 0;
	return start;
}

char *strtok_r(char *s, const char *sep, char **save)
{
	if (!s)
		s = *save;
	if (!s)
		return 0;
	s += strspn(s, sep);
	*save = s;
	return *s ? strsep(save, sep) : 0;
}

char *strtok(char *s, const char *sep)
{
	static char *save;

	return strtok_r(s, sep, &save);
}

char *strndup(const char *s, size_t n)
{
	n = strnlen(s, n);
	char *d = malloc(n + 1);
	if (!d)
		return 0;
	memcpy(d, s, n);
	d[n] = 0;
	return d;
}

char *strdup(const char *s)
{
	return strndup(s, SIZE_MAX);
}
