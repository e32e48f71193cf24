/* SPDX-License-Identifier: ISC */
/*
 * What the rest of the kernel gives to kernel/vm and fs/pageio.c, on the simulated machine; and allocations that are refused: page.c and
 * kmem.c are compiled with their allocating functions renamed, and everybody else calls those here. So is page_free, before which it is seen
 * that no TLB still names the frame.
 */
#include "dev/block.h"
#include "arch/cpu.h"
#include "lib/cmdline.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine.h"
#include "proc/thread.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define RAM_BASE 0x80000000ul

struct machine_trouble machine_trouble;
uint64_t machine_nfailed, machine_nrefused;
void (*machine_last_words)(void);
static _Thread_local uint64_t model_state;
static uint64_t first_seed;

static uint64_t next_random(void)
{
	model_state = model_state * 6364136223846793005ul + 1442695040888963407ul;
	return model_state >> 33;
}

uint64_t (*machine_random)(void) = next_random;

void machine_seed_thread(uint64_t n)
{
	model_state = (first_seed + n * 1000003) * 0x2545f4914f6cdd1dul + 7;
}

void machine_lock(uint32_t *lock)
{
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* ---- lib ---- */

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("\n", stderr);
	va_end(ap);
	if (machine_last_words)
		machine_last_words();
	abort();
}

void kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (getenv("VERBOSE"))
		vfprintf(stderr, fmt, ap);
	va_end(ap);
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return vsnprintf(buf, size, fmt, ap);
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	snprintf(dst, size, "%s", src);
	return strlen(src);
}

/* The seed chooses the replacement policy. */
const char *cmdline_get(const char *key)
{
	static const char *const names[] = { "clock", "s3fifo", "fifo" };

	return strcmp(key, "vm.policy") == 0 ? names[first_seed % ARRAY_SIZE(names)] : NULL;
}

void *kmap_alloc(size_t npages)
{
	return calloc(npages, PAGE_SIZE); /* not out of the simulated RAM */
}

void kmap_free(void *p, size_t npages __unused)
{
	free(p);
}

void kmap_shrink(void)
{
}

/* ---- proc ---- */

bool thread_killed(void)
{
	return false;
}

bool proc_oom_info(struct space *s __unused, struct proc_oom *o __unused)
{
	return false;
}

bool proc_oom_kill(struct space *s __unused)
{
	panic("out of memory");
}

/* ---- allocations that fail ---- */

struct page *real_page_alloc(void), *real_page_alloc_kernel(void);
void real_page_free(struct page *p);
void *real_kmem_cache_alloc(struct kmem_cache *c);

bool machine_chance(const unsigned *one_in)
{
	unsigned n = __atomic_load_n(one_in, __ATOMIC_RELAXED);

	return n && sched_random() % n == 0;
}

static bool refuse(void)
{
	bool no = machine_trouble.refuse_nth && --machine_trouble.refuse_nth == 0;

	/* who frees memory has the reserve, on which it relies */
	if (!no && !thread_current()->reclaiming)
		no = machine_chance(&machine_trouble.refused);
	if (no) {
		thread_current()->alloc_failed = true;
		__atomic_fetch_add(&machine_nrefused, 1, __ATOMIC_RELAXED);
	}
	return no;
}

struct page *page_alloc(void)
{
	return refuse() ? NULL : real_page_alloc();
}

void page_free(struct page *p)
{
	tlb_check_unreached(page_pfn(p));
	real_page_free(p);
}

struct page *page_alloc_kernel(void)
{
	return refuse() ? NULL : real_page_alloc_kernel();
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	return refuse() ? NULL : real_kmem_cache_alloc(c);
}

/* ---- start ---- */

void machine_start(uint64_t seed, unsigned nframes, unsigned n)
{
	uint64_t end = RAM_BASE + ((uint64_t)nframes << PAGE_SHIFT);
	struct mem_range range = { RAM_BASE, end }, firmware = { RAM_BASE, RAM_BASE + 4 * PAGE_SIZE };

	first_seed = seed;
	machine_seed_thread(0);
	sched_start_harts(seed, n);
	ram_start(RAM_BASE, end - RAM_BASE);
	vm_init(&range, 1, &firmware, 1);
	vm_start_threads();
}

/* ---- dev/gather.c: no write is held back ---- */

void block_gather(void)
{
}

void block_gather_end(void)
{
}

void block_hurry(uint64_t phys __unused)
{
}

void block_open_queues(void)
{
}

void block_queue_init(struct block_device *disk __unused)
{
}

bool block_hold_back(struct block_device *disk __unused, struct block_request *r __unused)
{
	return false;
}

void block_gathered_done(struct block_device *disk __unused, struct block_request *r __unused,
			 int error __unused)
{
	abort();
}
