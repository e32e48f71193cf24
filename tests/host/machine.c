/* SPDX-License-Identifier: ISC */
/* The simulated machine: see machine.h. */
#include "machine.h"
#include "lib/cmdline.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "proc/timer.h"
#include "vm/kmap.h"
#include "vm/reclaim.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define RAM_BASE     0x80000000ul
#define STACK	     (512 << 10)
#define MAX_THREADS  8
#define TLB_SIZE     4096
#define MAX_REQUESTS 64

struct hart harts[MAX_HARTS];
unsigned nharts = 1;
struct thread *machine_current;

static char *ram;
static uint64_t ram_bytes, clock_ns = 1, random_state, first_seed;
static struct {
	struct thread thread;
	ucontext_t context;
	void (*fn)(void *);
	void *arg;
} threads[MAX_THREADS];
static unsigned nthreads;
static struct list timers = LIST_INIT(timers);

uint64_t machine_random(void)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return random_state >> 33;
}

/* ---- what kernel/lib and kernel/arch give ---- */

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputs("\n", stderr);
	va_end(ap);
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

void clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void copy_page(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}

void *phys_to_virt(uint64_t phys)
{
	assert(phys >= RAM_BASE && phys < RAM_BASE + ram_bytes);
	return ram + (phys - RAM_BASE);
}

uint64_t virt_to_phys(const void *virt)
{
	assert((const char *)virt >= ram && (const char *)virt < ram + ram_bytes);
	return RAM_BASE + ((const char *)virt - ram);
}

uint64_t time_ns(void)
{
	return clock_ns;
}

void harts_pause(void)
{
}

void harts_resume(void)
{
}

void *kmap_alloc(size_t npages)
{
	return calloc(npages, PAGE_SIZE); /* not out of the simulated RAM */
}

void kmap_free(void *p, size_t npages __unused)
{
	free(p);
}

/* The seed chooses the replacement policy. */
const char *cmdline_get(const char *key)
{
	static const char *const names[] = { "clock", "s3fifo", "fifo" };

	return strcmp(key, "vm.policy") == 0 ? names[first_seed % ARRAY_SIZE(names)] : NULL;
}

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

/* ---- threads ---- */

static struct thread *thread_at(unsigned i)
{
	return &threads[i].thread;
}

static void run_timers(void)
{
	while (!list_empty(&timers)) {
		struct timer *t = list_first(&timers, struct timer, link);

		if (t->deadline_ns > clock_ns)
			return;
		list_remove(&t->link);
		t->set = false;
		t->fn(t);
	}
}

static bool disks_step(void);

/* The next thread to run: any runnable one, by chance; when there is none, disks complete, then time passes. */
static unsigned choose(void)
{
	for (;;) {
		unsigned start = machine_random() % nthreads;

		clock_ns += 1000;
		run_timers();
		if (machine_random() % 4 == 0)
			disks_step();
		for (unsigned k = 0; k < nthreads; k++) {
			unsigned i = (start + k) % nthreads;

			if (thread_at(i)->state == THREAD_RUNNABLE)
				return i;
		}
		if (disks_step())
			continue;
		if (list_empty(&timers))
			panic("deadlock: every thread sleeps and nothing is under way");
		clock_ns = MAX(clock_ns, list_first(&timers, struct timer, link)->deadline_ns);
	}
}

static void switch_away(void)
{
	unsigned me = 0, next = choose();

	while (thread_at(me) != machine_current)
		me++;
	thread_at(next)->state = THREAD_RUNNING;
	if (next == me)
		return;
	machine_current = thread_at(next);
	swapcontext(&threads[me].context, &threads[next].context);
}

void sched_sleep(void)
{
	uint32_t depth = harts[0].intr_depth; /* a thread's own; no spinlock is held, so no ranks are */

	if (machine_current->state == THREAD_SLEEPING || machine_current->state == THREAD_RUNNABLE)
		switch_away();
	machine_current->state = THREAD_RUNNING;
	harts[0].intr_depth = depth;
}

void thread_wake(struct thread *t)
{
	if (t->state == THREAD_SLEEPING)
		t->state = THREAD_RUNNABLE;
}

void thread_yield(void)
{
	uint32_t depth = harts[0].intr_depth;

	machine_current->state = THREAD_RUNNABLE;
	switch_away();
	machine_current->state = THREAD_RUNNING;
	harts[0].intr_depth = depth;
}

void timer_set(struct timer *t, uint64_t deadline_ns, void (*fn)(struct timer *t))
{
	struct timer *at;

	t->deadline_ns = deadline_ns;
	t->fn = fn;
	t->set = true;
	list_for_each(at, &timers, link)
		if (at->deadline_ns > deadline_ns)
			break;
	list_append(&at->link, &t->link); /* before `at`; a list's head for an empty rest */
}

void timer_cancel(struct timer *t)
{
	if (t->set)
		list_remove(&t->link);
	t->set = false;
}

static void begin(void)
{
	harts[0].intr_depth = 0;
	harts[0].nranks = 0;
	for (unsigned i = 0; i < nthreads; i++)
		if (thread_at(i) == machine_current)
			threads[i].fn(threads[i].arg);
	panic("a thread ended");
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	unsigned i = nthreads++;

	assert(i < MAX_THREADS);
	snprintf(threads[i].thread.name, sizeof(threads[i].thread.name), "%s", name);
	threads[i].fn = fn;
	threads[i].arg = arg;
	getcontext(&threads[i].context);
	threads[i].context.uc_stack.ss_sp = malloc(STACK);
	threads[i].context.uc_stack.ss_size = STACK;
	makecontext(&threads[i].context, begin, 0);
	thread_at(i)->state = THREAD_RUNNABLE;
	return thread_at(i);
}

void machine_idle(uint64_t ns)
{
	thread_sleep_ns(ns);
}

/* ---- disks ---- */

static struct block_request *queue[MAX_REQUESTS];
static unsigned nqueued;

static void carry_out(struct block_request *r)
{
	char *disk = r->dev->driver;
	uint64_t at = r->sector << SECTOR_SHIFT;

	for (unsigned i = 0; i < r->nsegs; i++) {
		assert(at + r->segs[i].nbytes <= r->dev->nsectors << SECTOR_SHIFT);
		if (r->op == BLOCK_READ)
			memcpy(phys_to_virt(r->segs[i].phys), disk + at, r->segs[i].nbytes);
		else
			memcpy(disk + at, phys_to_virt(r->segs[i].phys), r->segs[i].nbytes);
		at += r->segs[i].nbytes;
	}
}

/* Completes one queued request, by chance; false: none. A write takes the bytes as they are then, as DMA does. */
static bool disks_step(void)
{
	struct block_request *r;
	unsigned i;

	if (!nqueued)
		return false;
	i = machine_random() % nqueued;
	r = queue[i];
	queue[i] = queue[--nqueued];
	carry_out(r);
	r->done(r, 0);
	return true;
}

struct block_request *block_request_get(void)
{
	while (nqueued == MAX_REQUESTS)
		disks_step();
	return calloc(1, sizeof(struct block_request));
}

void block_request_put(struct block_request *r)
{
	free(r);
}

void block_submit(struct block_request *r)
{
	queue[nqueued++] = r;
}

int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *buf, size_t nbytes)
{
	char *at = (char *)d->driver + (sector << SECTOR_SHIFT);

	memcpy(op == BLOCK_READ ? buf : at, op == BLOCK_READ ? at : buf, nbytes);
	return 0;
}

int block_claim(struct block_device *d __unused, const char *why __unused)
{
	return 0;
}

void block_release(struct block_device *d __unused)
{
}

struct block_device *machine_disk(const char *name, unsigned npages, bool swap)
{
	struct block_device *d = calloc(1, sizeof(*d));
	char *bytes = calloc(npages, PAGE_SIZE);

	strlcpy(d->name, name, sizeof(d->name));
	d->nsectors = (uint64_t)npages << (PAGE_SHIFT - SECTOR_SHIFT);
	d->driver = bytes;
	if (swap) {
		((uint32_t *)bytes)[256] = 1;
		((uint32_t *)bytes)[257] = npages - 1;
		memcpy(bytes + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	}
	return d;
}

void *machine_disk_page(struct block_device *d, unsigned page)
{
	return (char *)d->driver + (size_t)page * PAGE_SIZE;
}

/* ---- the hart: TLB and page-table walk ---- */

static struct {
	bool valid;
	uint64_t vpn;
	pte_t pte;
	pte_t *from;
} tlb[TLB_SIZE];
static pfn_t satp;

void mmu_init_root(pte_t *root __unused)
{
}

void mmu_fence_local(void)
{
	memset(tlb, 0, sizeof(tlb));
}

void mmu_fence_page(uint64_t va)
{
	tlb[(va >> PAGE_SHIFT) % TLB_SIZE].valid = false;
}

unsigned mmu_fence_harts(uint64_t mask)
{
	if (mask & 1)
		mmu_fence_local();
	return 0;
}

void mmu_fence_i_all(void)
{
}

void mmu_switch(pfn_t root)
{
	satp = root;
	mmu_fence_local();
}

void machine_enter(struct space *s)
{
	if (s == harts[0].space)
		return; /* the TLB stays as it is */
	if (s)
		space_activate(s);
	else
		space_leave();
}

static pte_t *walk(uint64_t va)
{
	pte_t *t = phys_to_virt(satp << PAGE_SHIFT);

	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t e = t[mmu_index(va, level)];

		if (!(e & PTE_V))
			return NULL;
		t = phys_to_virt(pte_pfn(e) << PAGE_SHIFT);
	}
	return &t[mmu_index(va, 0)];
}

/* The address in simulated RAM, or NULL: a fault. What the TLB holds is believed, stale or not. */
static uint64_t *translate(uint64_t va, bool write)
{
	uint64_t vpn = va >> PAGE_SHIFT;
	unsigned i = vpn % TLB_SIZE;
	pte_t need = PTE_V | PTE_R | (write ? PTE_W : 0);

	if (!(tlb[i].valid && tlb[i].vpn == vpn && (tlb[i].pte & need) == need)) {
		pte_t *pte = walk(va);

		if (!pte || (*pte & need) != need)
			return NULL;
		*pte |= PTE_A | (write ? PTE_D : 0);
		tlb[i].valid = true;
		tlb[i].vpn = vpn;
		tlb[i].pte = *pte;
	}
	return (uint64_t *)((char *)phys_to_virt(pte_pfn(tlb[i].pte) << PAGE_SHIFT) + (va & PAGE_MASK));
}

static uint64_t *reach(uint64_t va, bool write)
{
	struct vm_fault_info info;
	uint64_t *p;

	while (!(p = translate(va, write)))
		if (vm_fault(harts[0].space, va, write ? ACCESS_WRITE : ACCESS_READ, &info))
			return NULL;
	return p;
}

bool machine_load(uint64_t va, uint64_t *value)
{
	uint64_t *p = reach(va, false);

	if (p)
		*value = *p;
	return p;
}

bool machine_store(uint64_t va, uint64_t value)
{
	uint64_t *p = reach(va, true);

	if (p)
		*p = value;
	return p;
}

/* ---- start ---- */

void machine_start(uint64_t seed, unsigned nframes)
{
	struct mem_range range, firmware;

	first_seed = seed;
	random_state = seed * 0x9e3779b97f4a7c15ul + 1;
	ram_bytes = (uint64_t)nframes << PAGE_SHIFT;
	ram = aligned_alloc(PAGE_SIZE, ram_bytes);
	memset(ram, 0x5a, ram_bytes);
	nthreads = 1;
	machine_current = thread_at(0);
	machine_current->state = THREAD_RUNNING;
	range = (struct mem_range){ RAM_BASE, RAM_BASE + ram_bytes };
	firmware = (struct mem_range){ RAM_BASE, RAM_BASE + 4 * PAGE_SIZE };
	vm_init(&range, 1, &firmware, 1);
	vm_start_threads();
}
