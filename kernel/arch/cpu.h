/* SPDX-License-Identifier: ISC */
/*
 * Harts, interrupt state and time. In the kernel `tp` holds the current struct thread, whose `hart` field
 * names the hart it runs on; that is stable only with interrupts off. The host build has its own version of
 * this file.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "arch/offsets.h"
#include "lib/base.h"

struct thread;
struct space;

struct hart {
	unsigned index;	 /* 0 .. nharts-1, dense */
	uint64_t hartid; /* the SBI's number */
	struct thread *idle;
	struct space *space; /* whose page table satp names; NULL: the kernel's own */
	bool need_resched;
	bool online;
	void *frame_cache;		   /* vm/frames/page.c */
	uint64_t ticks_user, ticks_kernel; /* timer ticks */
	uint64_t idle_ns,
		idle_since; /* waiting for work: in all, and since when it waits now (0: it does not) */
	uint64_t nswitches, ninterrupts;
	uint64_t timer_ns;  /* what the timer is set to; UINT64_MAX: nothing */
	bool stopped;	    /* by harts_stop or harts_pause */
	const void *shares; /* the spinlock that it shares: lib/lock.h */
	uint64_t kmap_seen; /* how far it sees what was mapped for the kernel: mmu.h */
#ifdef QUIRE_DEBUG
	uint8_t ranks[32];
	unsigned nranks;
#endif
} __attribute__((aligned(64))); /* so that harts do not fight for a cache line */

extern struct hart harts[MAX_HARTS];
extern unsigned nharts; /* those that run */

register struct thread *thread_in_tp __asm__("tp");

static inline struct thread *thread_current(void)
{
	return thread_in_tp;
}

/*
 * The hart that runs this; call with interrupts off. Defined beside struct thread, whose first field it
 * reads.
 */
static inline struct hart *this_hart(void)
{
	struct hart *h;

	__asm__ volatile("ld %0, 0(tp)" : "=r"(h)); /* thread->hart is the first field of struct thread */
	return h;
}

/*
 * intr_push turns interrupts off and counts; intr_pop undoes the innermost. Every spinlock is one level, and an interrupt's handling
 * is one: a thread's interrupts are on where its count is 0. It is a field of struct thread, like `hart`.
 */
static inline uint32_t *intr_depth(void)
{
	return (uint32_t *)((char *)thread_current() + TH_INTR_DEPTH);
}

static inline void intr_push(void)
{
	__asm__ volatile("csrci sstatus, 2" ::: "memory");
	++*intr_depth();
}

static inline void intr_pop(void)
{
	if (--*intr_depth() == 0)
		__asm__ volatile("csrsi sstatus, 2" ::: "memory");
}

static inline void cpu_intr_off(void)
{
	__asm__ volatile("csrci sstatus, 2" ::: "memory");
}

static inline void cpu_intr_on(void)
{
	__asm__ volatile("csrsi sstatus, 2" ::: "memory");
}

/* Waits until an interrupt is pending, also with interrupts off; may return without one. */
static inline void cpu_wait(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

/* What this hart stored is seen by others before it loads what follows. */
static inline void cpu_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* What comes next is one of several steps that other harts may see halfway: there the simulated machine of tests/host lets one go on. */
static inline void cpu_point(void)
{
}

static inline void cpu_relax(void)
{
	__asm__ volatile("" ::: "memory");
}

/* Monotonic nanoseconds since boot. */
uint64_t time_ns(void);
/* Nanoseconds since 1970 (RTC at boot plus monotonic, or as set). */
uint64_t time_realtime_ns(void);

/* clock_settime: what time_realtime_ns() says now. */
void time_set_realtime(uint64_t ns);

/*
 * arch/time.c: reads the frequency from the device tree; then each hart asks for its timer interrupt at or
 * soon after `ns` (monotonic) unless an earlier one is due. Interrupts off.
 */
void time_init(void);
void timer_arm(uint64_t ns);
void timer_disarm(void);

/* arch/smp.c. harts_find lists the harts of the device tree, the one that boots first. */
void harts_find(uint64_t boot_hartid);
/* Starts all others, which then run sched_start(); returns when they are online. */
void harts_start(void);
/* An interrupt to another hart, so that it looks for work. Any context. */
void hart_poke(struct hart *h);
/* Panic: the other harts stop for good; waits a while, not for ever. */
void harts_stop(void);
/* All other harts stand still, holding no spinlock, until harts_resume. The caller holds no spinlock. */
void harts_pause(void);
void harts_resume(void);
/* The software interrupt that the above send. Interrupts off. */
void harts_interrupt(void);
void cpu_halt(void) __attribute__((noreturn));

/* Busy-waits; for device reset only. */
void delay_us(unsigned us);

#endif
