/* SPDX-License-Identifier: ISC */
/*
 * Promises of memory (overcommit), and budgets.
 *
 * Promised are the sizes of private mappings that may be written (MF_ACCOUNT) and of shared anonymous objects, and the pages that are
 * in files in memory. Who makes one of these larger takes a promise first; who makes it smaller gives it back. All is atomic
 * arithmetic: no locks, any context.
 */
#include "vm/frames/kmem.h"
#include "vm/internal.h"

static uint64_t committed;

uint64_t vm_committed(void)
{
	return __atomic_load_n(&committed, __ATOMIC_RELAXED);
}

static uint64_t swap_pages(void)
{
	uint64_t npages, nfree;

	vm_swap_totals(&npages, &nfree);
	return npages;
}

uint64_t vm_commit_limit(void)
{
	return page_totals()->total * vm_tunables.overcommit_ratio / 100 + swap_pages();
}

bool commit_take(uint64_t npages)
{
	uint64_t now = __atomic_add_fetch(&committed, npages, __ATOMIC_RELAXED);
	unsigned mode = vm_tunables.overcommit_memory;

	if (likely(mode == COMMIT_ALWAYS || npages == 0))
		return true;
	if (mode == COMMIT_GUESS && npages <= page_totals()->total)
		return true; /* no need to look at swap */
	if (mode == COMMIT_GUESS ? npages <= page_totals()->total + swap_pages() : now <= vm_commit_limit())
		return true;
	commit_put(npages);
	return false;
}

void commit_put(uint64_t npages)
{
	uint64_t before = __atomic_fetch_sub(&committed, npages, __ATOMIC_RELAXED);

	assert(before >= npages);
}

struct budget *budget_create(uint64_t max_pages)
{
	struct budget *b = kzalloc(sizeof(*b));

	if (!b)
		return NULL;
	b->max = max_pages;
	b->refs = 1;
	return b;
}

void budget_ref(struct budget *b)
{
	__atomic_fetch_add(&b->refs, 1, __ATOMIC_RELAXED);
}

void budget_unref(struct budget *b)
{
	if (__atomic_fetch_sub(&b->refs, 1, __ATOMIC_ACQ_REL) == 1)
		kfree(b);
}

bool budget_take(struct budget *b)
{
	if (__atomic_add_fetch(&b->used, 1, __ATOMIC_RELAXED) <= __atomic_load_n(&b->max, __ATOMIC_RELAXED) &&
	    (b->promised || commit_take(1)))
		return true;
	__atomic_fetch_sub(&b->used, 1, __ATOMIC_RELAXED);
	return false;
}

void budget_put(struct budget *b)
{
	__atomic_fetch_sub(&b->used, 1, __ATOMIC_RELAXED);
	if (!b->promised)
		commit_put(1);
}
