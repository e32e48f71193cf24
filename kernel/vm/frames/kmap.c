/* SPDX-License-Identifier: ISC */
/*
 * Kernel virtual ranges: [KMAP_BASE, KMAP_BASE + KMAP_SIZE). The ranges in use are a list in the order of
 * their addresses, each with a free page behind it; the search for room goes on where the last one ended.
 * Level 0 tables come on demand and stay. Everything is guarded by one mutex; before a range is used again,
 * its translations were fenced away.
 */
#include "vm/frames/kmap.h"
#include "arch/cpu.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"
#include "vm/vm.h"

#define KMAP_BITS (PTE_R | PTE_W | PTE_A | PTE_D | PTE_G)
#define FIRST	  1ul /* page 0 of the region is the first guard */
#define NPAGES	  (KMAP_SIZE / PAGE_SIZE)

struct range {
	struct list link;
	uint64_t first, npages; /* page numbers from KMAP_BASE */
};

static struct mutex lock;
static struct list ranges;
static struct list *cursor; /* the range behind which the last one was put, or the list's head */
static size_t nframes;

void kmap_init(void)
{
	mutex_init(&lock, "kmap", RANK_KMAP);
	list_init(&ranges);
	cursor = &ranges;
}

/* The kernel's own ranges are every hart's, so all but this one get a remote fence. */
static void fence_all(void)
{
	EVENTS(kernel_fences, mmu_fence_harts((1ul << nharts) - 1) != 0);
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
	pte_t *upper = &mmu_kmap_table[mmu_index(va, 1)];

	if (!(*upper & PTE_V)) {
		struct page *table = page_alloc_kernel();

		if (!table)
			return NULL;
		clear_page(page_data(table));
		nframes++;
		__atomic_store_n(upper, pte_table(page_pfn(table)), __ATOMIC_RELEASE);
	}
	return (pte_t *)phys_to_virt(pte_pfn(*upper) << PAGE_SHIFT) + mmu_index(va, 0);
}

/* Unmaps the first n pages of the range; their frames are freed when no hart can reach them any more. */
static void unmap(struct range *r, uint64_t n)
{
	struct list freed;

	list_init(&freed);
	for (uint64_t i = 0; i < n; i++) {
		pte_t *pte = entry(r->first + i);

		list_push(&freed, &pfn_page(pte_pfn(*pte))->link);
		*pte = 0;
	}
	fence_all();
	while (!list_empty(&freed)) {
		page_free(list_entry(list_pop(&freed), struct page, link));
		nframes--;
	}
}

static uint64_t map_frames(struct range *r)
{
	for (uint64_t i = 0; i < r->npages; i++) {
		pte_t *pte = entry(r->first + i);
		struct page *p = pte ? page_alloc_kernel() : NULL;

		if (!p)
			return i;
		clear_page(page_data(p));
		*pte = pte_leaf(page_pfn(p), KMAP_BITS);
		nframes++;
	}
	return r->npages;
}

void *kmap_alloc(size_t npages)
{
	struct range *r = kmalloc(sizeof(*r));
	uint64_t n;
	void *p = NULL;

	if (!r)
		return NULL;
	r->npages = npages;
	mutex_lock(&lock);
	if (!place(r)) {
		kfree(r);
	} else if ((n = map_frames(r)) < npages) {
		unmap(r, n);
		forget(r);
	} else {
		/*
		 * From invalid to valid: another hart that sees the old entry faults; make that impossible.
		 */
		fence_all();
		p = (void *)(KMAP_BASE + r->first * PAGE_SIZE);
	}
	mutex_unlock(&lock);
	return p;
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
	unmap(r, npages);
	forget(r);
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
	fence_all();
	mutex_unlock(&lock);
	return (void *)(KMAP_BASE + r->first * PAGE_SIZE + (phys - start));
}

size_t kmap_nframes(void)
{
	return nframes;
}
