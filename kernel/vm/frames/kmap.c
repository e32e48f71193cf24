/* SPDX-License-Identifier: ISC */
/*
 * Kernel virtual ranges: [KMAP_BASE, KMAP_BASE + KMAP_SIZE). The ranges in use are a list in the order of
 * their addresses, each with a free page behind it; the search for room goes on where the last one ended.
 * Level 0 tables come on demand and stay. Everything is guarded by one mutex. A new mapping fences no other hart
 * (arch/mmu.h says how they come to see it). What is given back stays in the list, and its frames stay allocated, until
 * its translations are fenced away on all harts, together with those of others, or memory is short.
 */
#include "vm/frames/kmap.h"
#include "arch/cpu.h"
#include "lib/list.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"
#include "vm/vm.h"

#define KMAP_BITS (PTE_R | PTE_W | PTE_A | PTE_D | PTE_G)
#define FIRST	  1ul /* page 0 of the region is the first guard */
#define NPAGES	  (KMAP_SIZE / PAGE_SIZE)
#define STALE_MAX 32ul /* pages given back that may wait for their fence */

struct range {
	struct list link;
	uint64_t first, npages; /* page numbers from KMAP_BASE */
	struct range *next_stale;
};

static struct mutex lock;
static struct list ranges;
static struct list *cursor; /* the range behind which the last one was put, or the list's head */
static struct range *stale; /* given back, not fenced */
static struct list stale_frames;
static uint64_t nstale; /* frames */

void kmap_init(void)
{
	mutex_init(&lock, "kmap", RANK_KMAP);
	list_init(&ranges);
	cursor = &ranges;
	list_init(&stale_frames);
}

static uint64_t gap_start(const struct list *at)
{
	const struct range *r = list_entry(at, struct range, link);

	return at == &ranges ? FIRST : r->first + r->npages + 1;
}

static uint64_t gap_end(const struct list *at)
{
	return at->next == &ranges ? NPAGES : list_entry(at->next, struct range, link)->first;
}

/* Puts r into the first gap that fits, from the cursor on and then from the start. */
static bool place(struct range *r)
{
	struct list *at = cursor;

	do {
		if (gap_start(at) + r->npages + 1 <= gap_end(at)) {
			r->first = gap_start(at);
			list_insert_after(at, &r->link);
			cursor = &r->link;
			return true;
		}
		at = at->next;
	} while (at != cursor);
	return false;
}

static void forget(struct range *r)
{
	if (cursor == &r->link)
		cursor = r->link.prev;
	list_remove(&r->link);
	kfree(r);
}

/* The entry for a page of the region; NULL when there is no memory for its table. */
static pte_t *entry(uint64_t pageno)
{
	uint64_t va = KMAP_BASE + pageno * PAGE_SIZE;
	pte_t *pte = mmu_kmap_entry(va);

	if (!pte) {
		struct page *table = page_alloc_kernel();

		if (!table)
			return NULL;
		clear_page(page_data(table));
		__atomic_store_n(&mmu_kmap_table[mmu_index(va, 1)], pte_table(page_pfn(table)),
				 __ATOMIC_RELEASE);
		pte = mmu_kmap_entry(va);
	}
	return pte;
}

static void free_frames(struct list *frames)
{
	while (!list_empty(frames))
		page_free(list_entry(list_pop(frames), struct page, link));
}

/* Takes all frames before it makes the first entry: what was never valid need not be fenced away. */
static bool map_frames(struct range *r)
{
	struct list frames;

	list_init(&frames);
	for (uint64_t i = 0; i < r->npages; i++) {
		struct page *p = entry(r->first + i) ? page_alloc_kernel() : NULL;

		if (!p) {
			free_frames(&frames);
			return false;
		}
		clear_page(page_data(p));
		list_push(&frames, &p->link);
	}
	for (uint64_t i = 0; i < r->npages; i++)
		*entry(r->first + i) =
			pte_leaf(page_pfn(list_entry(list_pop(&frames), struct page, link)), KMAP_BITS);
	mmu_kmap_made();
	return true;
}

void *kmap_alloc(size_t npages)
{
	struct range *r = kmalloc(sizeof(*r));
	void *p = NULL;

	if (!r)
		return NULL;
	r->npages = npages;
	mutex_lock(&lock);
	if (!place(r))
		kfree(r);
	else if (!map_frames(r))
		forget(r);
	else
		p = (void *)(KMAP_BASE + r->first * PAGE_SIZE);
	mutex_unlock(&lock);
	return p;
}

/* The kernel's own ranges are every hart's, so all but this one get a remote fence. */
static void fence_stale(void)
{
	struct range *r;

	EVENTS(kernel_fences, mmu_fence_harts((1ul << nharts) - 1) != 0);
	free_frames(&stale_frames);
	while ((r = stale) != NULL) {
		stale = r->next_stale;
		forget(r);
	}
	nstale = 0;
}

void kmap_free(void *p, size_t npages)
{
	uint64_t first = ((uint64_t)p - KMAP_BASE) / PAGE_SIZE;
	struct range *r;

	mutex_lock(&lock);
	list_for_each(r, &ranges, link)
		if (r->first == first)
			break;
	assert(&r->link != &ranges && r->npages == npages);
	for (uint64_t i = 0; i < npages; i++) {
		pte_t *pte = entry(first + i);

		list_push(&stale_frames, &pfn_page(pte_pfn(*pte))->link);
		*pte = 0;
	}
	r->next_stale = stale;
	stale = r;
	nstale += npages;
	if (nstale >= STALE_MAX)
		fence_stale();
	mutex_unlock(&lock);
}

void kmap_shrink(void)
{
	mutex_lock(&lock);
	if (nstale > 0)
		fence_stale();
	mutex_unlock(&lock);
}

void *kmap_device(uint64_t phys, size_t nbytes)
{
	struct range *r = kmalloc(sizeof(*r));
	uint64_t start = page_round_down(phys);

	if (!r)
		panic("no memory to map a device");
	r->npages = (page_round_up(phys + nbytes) - start) / PAGE_SIZE;
	mutex_lock(&lock);
	if (!place(r))
		panic("no room to map a device of %zu bytes", nbytes);
	for (uint64_t i = 0; i < r->npages; i++) {
		pte_t *pte = entry(r->first + i);

		if (!pte)
			panic("no memory to map a device");
		*pte = pte_leaf((start >> PAGE_SHIFT) + i, KMAP_BITS);
	}
	mmu_kmap_made();
	mutex_unlock(&lock);
	return (void *)(KMAP_BASE + r->first * PAGE_SIZE + (phys - start));
}

#ifdef QUIRE_DEBUG
void kmap_hide(void)
{
	struct range *r;

	mutex_lock(&lock);
	harts_pause();
	list_for_each(r, &ranges, link) {
		bool stack = r->npages == KSTACK_SIZE / PAGE_SIZE;

		for (uint64_t i = 0; i < r->npages; i++)
			if (!stack || !thread_on_stack(KMAP_BASE + r->first * PAGE_SIZE))
				mmu_kmap_hide(entry(r->first + i), !stack);
	}
	mmu_kmap_made();
	mmu_fence_harts((1ul << nharts) - 1);
	harts_resume();
	mutex_unlock(&lock);
}
#endif
