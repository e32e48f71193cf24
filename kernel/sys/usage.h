/* SPDX-License-Identifier: ISC */
/* Used resources as programs see them. */
#ifndef SYS_USAGE_H
#define SYS_USAGE_H

#include "lib/base.h"

struct timeval {
	int64_t sec, usec;
};

struct rusage {
	struct timeval utime, stime;
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};

struct usage;
/* `u` as getrusage(2) and wait4(2) give it; memory is not in it. */
struct rusage to_rusage(const struct usage *u);

static inline struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){ ns / 1000000000, ns / 1000 % 1000000 };
}

#endif
