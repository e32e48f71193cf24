/* SPDX-License-Identifier: ISC */
/* Path names that match a pattern. */
#ifndef _GLOB_H
#define _GLOB_H

#include <stddef.h>
typedef struct {
	size_t gl_pathc;
	char **gl_pathv;
	size_t gl_offs;
} glob_t;
#define GLOB_ERR     1
#define GLOB_NOSORT  4
#define GLOB_NOCHECK 16
#define GLOB_APPEND  32
#define GLOB_NOSPACE 1
#define GLOB_ABORTED 2
#define GLOB_NOMATCH 3
int glob(const char *pattern, int flags, int (*errfunc)(const char *, int), glob_t *g);
void globfree(glob_t *g);

#endif
