/* SPDX-License-Identifier: ISC */
/* The BSD names of string functions. */
#ifndef _STRINGS_H
#define _STRINGS_H

#include <string.h>
#define bzero(d, n)    memset((d), 0, (n))
#define bcopy(s, d, n) memmove((d), (s), (n))
#define bcmp(a, b, n)  memcmp((a), (b), (n))
#define index(s, c)    strchr((s), (c))
#define rindex(s, c)   strrchr((s), (c))
#define ffs(x)	       __builtin_ffs(x)
#define ffsl(x)	       __builtin_ffsl(x)
#define ffsll(x)       __builtin_ffsll(x)

#endif
