/* SPDX-License-Identifier: ISC */
/*
 * The C17 string functions the kernel uses, with their standard meaning; memcpy and memset are tuned for
 * pages.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/base.h"

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *t);
/* Copies at most size-1 bytes and a NUL; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);
/* Decimal, or hexadecimal with 0x; *end behind the number. */
uint64_t strtou64(const char *s, const char **end, unsigned base);

/* Page-sized, page-aligned, unrolled. */
void clear_page(void *page);
void copy_page(void *dst, const void *src);

/* memcpy and memset for what programs may be storing to, and devices copying, at the same time: the contents of pages. */
void contents_copy(void *dst, const void *src, size_t n);
void contents_clear(void *dst, size_t n);
bool contents_are_zeros(const void *p, size_t n);

#endif
