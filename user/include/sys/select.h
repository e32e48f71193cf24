/* SPDX-License-Identifier: ISC */
/* select over sets of descriptors. */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H

#include <signal.h>
#include <sys/time.h>
#define FD_SETSIZE 1024
typedef struct {
	unsigned long __bits[FD_SETSIZE / 64];
} fd_set;
#define FD_ZERO(s)     __builtin_memset((s), 0, sizeof(fd_set))
#define FD_SET(f, s)   ((s)->__bits[(f) / 64] |= 1ul << ((f) % 64))
#define FD_CLR(f, s)   ((s)->__bits[(f) / 64] &= ~(1ul << ((f) % 64)))
#define FD_ISSET(f, s) (((s)->__bits[(f) / 64] >> ((f) % 64)) & 1)
int select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv);
int pselect(int n, fd_set *r, fd_set *w, fd_set *e, const struct timespec *ts, const sigset_t *mask);

#endif
