/* SPDX-License-Identifier: ISC */
/*
 * The simulated machine under kernel/vm and the page-cache side of kernel/fs: RAM, harts with TLBs that keep stale entries until they
 * are told, threads, a clock, and memory disks whose requests complete late and in any order. There are two kinds of it:
 *
 * With sched.c one of the harts runs at any moment; at points (locks, fences, table walks, copies of pages, loads and stores) another one
 * may go on in its place, a thread be preempted or an interrupt come in. All of that follows from the seed, so a failure repeats. The clock
 * jumps to the next deadline when all sleep.
 *
 * With threads.c threads are the host's, and run at the same time: for the thread sanitizer, which sees who relies on an order that
 * nothing guarantees. The seed chooses what they do, not when.
 *
 *	sched.c, threads.c  harts, threads, time         mmu.c      TLBs, page-table walks, loads and stores, copies to and from programs
 *	disk.c              disks                        support.c  what kernel/lib and others give; refused allocations
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "dev/block.h"
#include "vm/vm.h"

/* ---- what may go wrong: one in so many, 0: nothing ---- */
struct machine_trouble {
	unsigned read_errors, write_errors, refused; /* I/O that fails; allocations that fail */
	uint64_t refuse_nth;			     /* exactly the n-th allocation from now on fails */
};
extern struct machine_trouble machine_trouble;
extern uint64_t machine_nfailed, machine_nrefused; /* so many did */

/* Makes RAM of nframes frames and nharts harts, and starts the vm and its threads; the caller is the first thread. */
void machine_start(uint64_t seed, unsigned nframes, unsigned nharts);
/* The test's own random numbers; the schedule has others. */
extern uint64_t (*machine_random)(void);
/* Called by panic(): what to say last. */
extern void (*machine_last_words)(void);

/* ---- threads ---- */

/* A thread of a program: in a space (machine_enter), or in none. */
void machine_spawn(const char *name, void (*fn)(void *), void *arg);
/* Enters a space (NULL: leaves) with this thread. */
void machine_enter(struct space *s);
void machine_idle(uint64_t ns); /* sleeps */
/* Another hart may go on here, an interrupt come, the thread be preempted. */
void machine_point(void);
/* One in n points changes something. */
extern unsigned machine_rate;
struct space *machine_space(void); /* of this thread */

/* ---- loads and stores of words by the program: through the TLB, the page table, the fault. False: it would get a signal ---- */
bool machine_load(uint64_t va, uint64_t *value);
bool machine_store(uint64_t va, uint64_t value);
extern _Thread_local int machine_signal; /* which, the last time */
/* An instruction fetch: what this hart's fetch sees, which is stale until fence.i. */
bool machine_fetch(uint64_t va, uint64_t *value);

/* ---- disks ---- */

/* A disk of npages zeroed pages; with `swap`, with mkswap's header. */
struct block_device *machine_disk(const char *name, unsigned npages, bool swap);
void *machine_disk_page(struct block_device *d, unsigned page);
/* A pager's request: n pages with consecutive indices, from or to the disk's pages of the same numbers. Each is told of its end. */
void machine_disk_pages(struct block_device *d, enum block_op op, struct page **pages, unsigned n);
/* A write of such pages that fails is made again until it succeeds. */
extern bool machine_retries_writes;

/* ---- between the files of the machine ---- */

/* One disk request ends, if there is one. With a hart's interrupts off. */
bool disk_interrupt(void);
/* The frame is about to be free: nobody may reach it any more. */
void tlb_check_unreached(pfn_t pfn);
bool disk_busy(void);
/* One in *one_in; 0: never. */
bool machine_chance(const unsigned *one_in);
uint64_t sched_random(void);
void sched_start_harts(uint64_t seed, unsigned n);
void ram_start(uint64_t base, uint64_t nbytes);
/* A new thread's random numbers, for the test's own use. */
void machine_seed_thread(uint64_t n);

/* A lock of the machine's own, for a few instructions without a point between them. */
void machine_lock(uint32_t *lock);
static inline void machine_unlock(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

#endif
