/* SPDX-License-Identifier: ISC */
/* The host's version of arch/cpu.h: one simulated hart on which threads are coroutines, so that a seed repeats exactly. */
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
#ifdef QUIRE_DEBUG
	uint8_t ranks[32];
	unsigned nranks;
#endif
};

extern struct hart harts[MAX_HARTS];
extern unsigned nharts;
extern struct thread *machine_current;

static inline struct thread *thread_current(void)
{
	return machine_current;
}

static inline struct hart *this_hart(void)
{
	return &harts[0];
}

static inline void intr_push(void)
{
	harts[0].intr_depth++;
}

static inline void intr_pop(void)
{
	harts[0].intr_depth--;
}

static inline void cpu_relax(void)
{
	panic("a spinlock is contended on a single hart");
}

uint64_t time_ns(void);
void harts_pause(void);
void harts_resume(void);

#endif
