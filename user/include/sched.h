/* SPDX-License-Identifier: ISC */
/* Processes made by parts, and the scheduler. */
#ifndef _SCHED_H
#define _SCHED_H

#include <sys/types.h>
#define CLONE_VM	     0x100
#define CLONE_FS	     0x200
#define CLONE_FILES	     0x400
#define CLONE_SIGHAND	     0x800
#define CLONE_VFORK	     0x4000
#define CLONE_PARENT	     0x8000
#define CLONE_THREAD	     0x10000
#define CLONE_SYSVSEM	     0x40000
#define CLONE_SETTLS	     0x80000
#define CLONE_PARENT_SETTID  0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define CLONE_CHILD_SETTID   0x1000000

typedef struct {
	unsigned long __bits[16];
} cpu_set_t;
#define CPU_SETSIZE	1024
#define CPU_ZERO(s)	__builtin_memset((s), 0, sizeof(cpu_set_t))
#define CPU_SET(c, s)	((s)->__bits[(c) / 64] |= 1ul << ((c) % 64))
#define CPU_CLR(c, s)	((s)->__bits[(c) / 64] &= ~(1ul << ((c) % 64)))
#define CPU_ISSET(c, s) (((s)->__bits[(c) / 64] >> ((c) % 64)) & 1)
#define CPU_COUNT(s)	__sched_cpucount(s)

int sched_yield(void);
int sched_getaffinity(pid_t pid, size_t n, cpu_set_t *set);
int sched_setaffinity(pid_t pid, size_t n, const cpu_set_t *set);
int __sched_cpucount(const cpu_set_t *set);
/* `stack` is the top of the child's stack; fn runs there and its result is the child's exit status. */
int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);

#endif
