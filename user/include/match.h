/* SPDX-License-Identifier: ISC */
/* Regular expressions (POSIX basic and extended, of bytes) for grep, sed and their like. */
#ifndef MATCH_H
#define MATCH_H

#include <stdbool.h>
#include <stddef.h>

enum {
	MATCH_EXTENDED = 1, /* ( ) { } | + ? are operators without a backslash */
	MATCH_LITERAL = 2,  /* no character is an operator */
	MATCH_FOLD = 4,	    /* letters match in both cases */
	MATCH_WORD = 8,	    /* only where no word character stands before or behind */
	MATCH_LINE = 16,    /* only the whole text */
};
enum { MATCH_GROUPS = 10 }; /* the whole match, and \1 to \9 */

struct matcher;

struct matcher *matcher_new(int flags);
/* Adds an alternative. NULL, or what is wrong with the pattern. */
const char *matcher_add(struct matcher *m, const char *pattern, size_t length);
/*
 * The leftmost longest match that begins at `from` or later (with back-references: the one that takes most at each step).
 * With start and end NULL it may stop at any match.
 */
bool matcher_find(struct matcher *m, const char *text, size_t length, size_t from, size_t *start,
		  size_t *end);
/* Of a match just found: where each group begins and ends, (size_t)-1 for one that took no part. */
void matcher_groups(struct matcher *m, const char *text, size_t length, size_t start, size_t end,
		    size_t groups[2 * MATCH_GROUPS]);

#endif
