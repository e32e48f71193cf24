/* SPDX-License-Identifier: ISC */
/* Formats of the fixed-width integers. */
#ifndef _INTTYPES_H
#define _INTTYPES_H

#include <stdint.h>
#define PRId8	"d"
#define PRId16	"d"
#define PRId32	"d"
#define PRId64	"ld"
#define PRIi32	"i"
#define PRIi64	"li"
#define PRIu8	"u"
#define PRIu16	"u"
#define PRIu32	"u"
#define PRIu64	"lu"
#define PRIo32	"o"
#define PRIo64	"lo"
#define PRIx8	"x"
#define PRIx16	"x"
#define PRIx32	"x"
#define PRIx64	"lx"
#define PRIX32	"X"
#define PRIX64	"lX"
#define PRIdPTR "ld"
#define PRIuPTR "lu"
#define PRIxPTR "lx"
#define PRIdMAX "ld"
#define PRIuMAX "lu"
#define PRIxMAX "lx"
#define SCNd32	"d"
#define SCNu32	"u"
#define SCNx32	"x"
#define SCNd64	"ld"
#define SCNu64	"lu"
#define SCNx64	"lx"
#define SCNuPTR "lu"
#define SCNxPTR "lx"
intmax_t strtoimax(const char *s, char **end, int base);
uintmax_t strtoumax(const char *s, char **end, int base);

#endif
