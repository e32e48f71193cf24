/* SPDX-License-Identifier: ISC */
/*
 * policysim KIND SEED PAGES TOUCHES FRAMES LOW HIGH: how often each replacement policy faults on a reference string. Without arguments: a
 * table of them, and whether the policies keep what is promised of them.
 *
 * The kernel's policy files as they are, on a mechanism that only counts: a page is resident or not, its A bit set or not. As in the
 * kernel eviction begins when fewer than LOW frames are free, and ends at HIGH. Beside them LRU, and Belady's MIN, which knows the future;
 * both evict one page at a time, with as many frames free as the others have on the average.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/include/trace.h"
#include "lib/cmdline.h"
#include "lib/printf.h"
#include "vm/frames/kmap.h"
#include "vm/pageout/policy.h"

static uint32_t *touches, npages, ntouches, nframes, low, high;
static const char *chosen;

/* ---- what the policy files need of the kernel ---- */

struct page *page_table, *page_of_0;
pfn_t frame_first, frame_end;
uint64_t vm_events[EV_COUNT];
static struct home home;
static uint32_t *frame_of; /* by page: its frame + 1 */
static slot_t *slots;	   /* by page: what its eviction left */
static bool *used;	   /* by frame: the A bit */
static uint32_t *free_frames, nfree, nevicted;

const char *__asan_default_options(void);
const char *__asan_default_options(void) /* it ends soon, and frees nothing */
{
	return "detect_leaks=0";
}

const char *cmdline_get(const char *key __unused)
{
	return chosen;
}

void *kmap_alloc(size_t n)
{
	return calloc(n, PAGE_SIZE);
}

void kprintf(const char *fmt __unused, ...)
{
}

void panic(const char *fmt, ...)
{
	fprintf(stderr, "policysim: %s\n", fmt);
	abort();
}

void spin_lock(struct spinlock *l __unused)
{
}

void spin_unlock(struct spinlock *l __unused)
{
}

void batch_shoot(struct shoot_batch *b __unused)
{
}

bool reclaim_refault(slot_t s)
{
	return nevicted - slot_stamp(s) < nframes;
}

bool reclaim_forget_use(struct page *p, struct shoot_batch *b __unused)
{
	uint32_t f = p - page_table;
	bool was = p->home && (used[f] || p->flags & PG_REFERENCED);

	used[f] = false;
	p->flags &= ~PG_REFERENCED;
	return was;
}

bool reclaim_try(struct page *p)
{
	uint32_t f = p - page_table;

	if (!p->home || ((used[f] || p->flags & PG_REFERENCED) && !policy->ignores_use))
		return false;
	slots[p->index] = slot_stamped(1, ++nevicted);
	frame_of[p->index] = 0;
	policy_leave(p);
	p->home = NULL;
	p->flags = 0;
	used[f] = false;
	free_frames[nfree++] = f;
	return true;
}

/* ---- one policy ---- */

static void bring(uint32_t page)
{
	uint32_t f;

	if (nfree <= low)
		while (nfree < high)
			policy->scan(64);
	f = free_frames[--nfree];
	page_table[f].home = &home;
	page_table[f].index = page;
	frame_of[page] = f + 1;
	policy_enter(&page_table[f], slots[page]);
}

static uint32_t touch(uint32_t page)
{
	uint32_t fault = !frame_of[page];

	if (fault)
		bring(page);
	used[frame_of[page] - 1] = true;
	return fault;
}

static uint32_t run_policy(const char *name)
{
	uint32_t faults = 0;

	chosen = name;
	frame_end = nframes;
	page_of_0 = page_table = calloc(nframes, sizeof(*page_table));
	frame_of = calloc(npages, sizeof(*frame_of));
	slots = calloc(npages, sizeof(*slots));
	used = calloc(nframes, sizeof(*used));
	free_frames = calloc(nframes, sizeof(*free_frames));
	for (nfree = 0; nfree < nframes; nfree++)
		free_frames[nfree] = nframes - 1 - nfree;
	nevicted = 0;
	policy_init();
	for (uint32_t i = 0; i < npages; i++) /* vmtrace writes it all, and pages it out */
		slots[i] = slot_stamped(1, ++nevicted);
	for (uint32_t i = 0; i < ntouches; i++)
		faults += touch(touches[i]);
	return faults;
}

/* ---- LRU and MIN ---- */

/* The resident page with the least key goes: its last use (LRU), or minus its next one (MIN). A heap of (key, page), stale entries skipped. */
struct entry {
	int64_t key;
	uint32_t page;
};
static struct entry *heap;
static size_t nheap;

static void heap_push(struct entry e)
{
	size_t i = nheap++;

	for (; i > 0 && heap[(i - 1) / 2].key > e.key; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = e;
}

static struct entry heap_pop(void)
{
	struct entry top = heap[0], last = heap[--nheap];
	size_t i = 0, k;

	while ((k = 2 * i + 1) < nheap) {
		if (k + 1 < nheap && heap[k + 1].key < heap[k].key)
			k++;
		if (heap[k].key >= last.key)
			break;
		heap[i] = heap[k];
		i = k;
	}
	heap[i] = last;
	return top;
}

static uint32_t run_keys(bool future)
{
	uint32_t faults = 0, resident = 0, *next = calloc(ntouches, sizeof(*next));
	int64_t *key = calloc(npages, sizeof(*key)); /* 0: not resident */

	heap = calloc(ntouches + 1, sizeof(*heap));
	nheap = 0;
	uint32_t *seen = malloc(npages * sizeof(*seen));

	for (uint32_t i = 0; i < npages; i++)
		seen[i] = ntouches + i; /* never again; in some order */
	for (uint32_t i = ntouches; i-- > 0; seen[touches[i]] = i)
		next[i] = seen[touches[i]];
	for (uint32_t i = 0; i < ntouches; i++) {
		uint32_t page = touches[i];

		if (!key[page]) {
			faults++;
			if (resident == nframes - (low + high) / 2) {
				struct entry e;

				do
					e = heap_pop();
				while (key[e.page] != e.key);
				key[e.page] = 0;
				resident--;
			}
			resident++;
		}
		key[page] = future ? -(int64_t)next[i] : (int64_t)i + 1;
		heap_push((struct entry){ key[page], page });
	}
	return faults;
}

enum { CLOCK, S3FIFO, FIFO, NPOLICIES, LRU = NPOLICIES, MIN_, NRESULTS };
static const char *const names[NRESULTS] = { "clock", "s3fifo", "fifo", "lru", "min" };

/* The checksum of the string. */
static uint32_t simulate(const char *kind, uint64_t seed, uint32_t result[NRESULTS])
{
	struct trace t;
	uint32_t sum = 0;

	if (trace_begin(&t, kind, seed, npages, ntouches) || high >= nframes)
		panic("no such reference string, or too few frames");
	touches = malloc(ntouches * sizeof(*touches));
	for (uint32_t i = 0; i < ntouches; i++) {
		touches[i] = trace_next(&t);
		sum = sum * 31 + touches[i];
	}
	for (unsigned i = 0; i < NPOLICIES; i++)
		result[i] = run_policy(names[i]);
	result[LRU] = run_keys(false);
	result[MIN_] = run_keys(true);
	return sum;
}

static void expect(bool ok, const char *what, const char *kind)
{
	if (ok)
		return;
	fprintf(stderr, "policysim: %s: %s\n", kind, what);
	exit(1);
}

static void try_one(const char *kind, uint32_t pages, uint32_t frames, uint32_t r[NRESULTS])
{
	npages = pages;
	ntouches = strcmp(kind, "zipf-120") ? 100000 : 300000; /* most are to few pages */
	nframes = frames;
	simulate(kind, 1, r);
	printf("%-9s %6u pages %5u frames:", kind, pages, frames);
	for (unsigned i = 0; i < NRESULTS; i++)
		printf(" %s %u", names[i], r[i]);
	printf("\n");
	for (unsigned i = 0; i < MIN_; i++)
		expect(r[i] >= r[MIN_], "fewer faults than the fewest possible", kind);
}

/* What is promised of the policies. */
static void check_all(void)
{
	static const char *const zipf[] = { "zipf-60", "zipf-80", "zipf-100", "zipf-120" };
	uint32_t r[NRESULTS], more[NRESULTS];

	low = 93; /* as in 16 MiB */
	high = 151;
	for (unsigned i = 0; i < ARRAY_SIZE(zipf); i++) {
		try_one(zipf[i], 20000, 3600, r);
		expect(r[CLOCK] <= r[LRU], "clock is worse than LRU", zipf[i]);
		expect(r[S3FIFO] <= 0.95 * r[CLOCK], "S3-FIFO is not clearly better than clock", zipf[i]);
	}
	try_one("scan", 6000, 3600, r);
	expect(r[S3FIFO] <= 0.93 * r[LRU], "S3-FIFO breaks down in scans", "scan");
	try_one("loop", 20000, 3600, r);
	expect(r[S3FIFO] <= 0.9 * r[CLOCK], "S3-FIFO loses the hot set to the loop", "loop");
	try_one("phase", 20000, 3600, r);
	expect(r[S3FIFO] <= 1.03 * r[CLOCK], "S3-FIFO keeps what is over", "phase");
	low = 0;
	high = 1;
	try_one("belady", 5000, 3500, r);
	try_one("belady", 5000, 4000, more);
	expect(more[FIFO] > r[FIFO] && more[LRU] <= r[LRU], "no anomaly of FIFO", "belady");
	low = 120;
	high = 240;
	try_one("phase", 20000, 7000, r);
	expect(r[S3FIFO] <= 1.05 * r[CLOCK], "S3-FIFO keeps what is over", "phase");
	try_one("zipf-80", 20000, 7000, r);
	expect(r[S3FIFO] <= r[CLOCK], "S3-FIFO is worse than clock", "zipf-80");
}

int main(int argc, char **argv)
{
	uint32_t r[NRESULTS], sum;

	if (argc == 1)
		return check_all(), 0;
	if (argc != 8) {
		fprintf(stderr, "usage: policysim [KIND SEED PAGES TOUCHES FRAMES LOW HIGH]\n");
		return 2;
	}
	npages = (uint32_t)atoi(argv[3]);
	ntouches = (uint32_t)atoi(argv[4]);
	nframes = (uint32_t)atoi(argv[5]);
	low = (uint32_t)atoi(argv[6]);
	high = (uint32_t)atoi(argv[7]);
	sum = simulate(argv[1], strtoull(argv[2], NULL, 10), r);
	for (unsigned i = 0; i < NRESULTS; i++)
		printf("%s %u\n", names[i], r[i]);
	printf("sum %u\n", sum);
	return 0;
}
