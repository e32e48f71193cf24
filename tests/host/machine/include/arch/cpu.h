/* SPDX-License-Identifier: ISC */
/* The host's version of arch/cpu.h: simulated harts, see tests/host/machine/sched.c. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "lib/base.h"

struct thread;
struct space;

struct hart {
	unsigned index;
	struct space *space;
	uint32_t intr_depth;
	bool online;
	uint8_t ranks[32];
	unsigned nranks;
	const void *shares;
};

extern struct hart harts[MAX_HARTS];
extern unsigned nharts;

struct thread *thread_current(void);
struct hart *this_hart(void);
static inline uint32_t *intr_depth(void)
{
	return &this_hart()->intr_depth;
}
void intr_push(void);
void intr_pop(void);
void cpu_relax(void);
void cpu_fence(void);
void cpu_point(void);
uint64_t time_ns(void);
uint64_t time_realtime_ns(void);
void harts_pause(void);
void harts_resume(void);

#endif
