/* SPDX-License-Identifier: ISC */
/* The library's own view of FILE; see stdio.c. */
#ifndef STREAM_H
#define STREAM_H

#include <stdio.h>

enum { F_READ = 1, F_WRITE = 2, F_EOF = 4, F_ERR = 8, F_APPEND = 16, F_OWNBUF = 32, F_STATIC = 64 };
enum { UNGET = 8 }; /* bytes that ungetc may put back before the buffer's beginning */

/*
 * A buffer is in one of two uses: reading (rpos < rend: bytes not yet taken) or writing (wpos > 0: bytes not yet
 * written). buf is preceded by room for UNGET bytes.
 */
struct __file {
	int fd, flags, mode; /* mode: _IOFBF ..., or -1 while it is not decided */
	unsigned char *buf;
	size_t cap, wpos;
	ptrdiff_t rpos, rend;
	pid_t pid; /* of popen */
	struct __file *next;
};

int __flush(FILE *f);

#endif
