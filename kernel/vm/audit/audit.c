/* SPDX-License-Identifier: ISC */
/*
 * vm_audit: checks the invariants as sums over the whole system, with the other harts standing still.
 *
 * Harts stand still only where interrupts are on, so never inside a spinlock: what spinlocks guard is consistent, while operations of
 * several steps may be half done. So busy pages may have PTEs that are about to go, a space that somebody holds for writing may have mappings
 * that do not fit its PTEs, and while pages are on their way to swap a slot may have more counts than are found.
 *
 * Everything is counted anew in tables of its own (slots by frame, parents by node, holders by swap slot) and compared with what the
 * structures say. This file has what lies in slots, nodes, frames and swap; audit_space.c has mappings and page tables. Breaches are collected
 * and printed when all run again.
 */
#include "vm/audit/audit.h"
#include "lib/printf.h"
#include "vm/frames/kmap.h"

#define FREE_FRAME UINT32_MAX /* in `sharers`: the allocator has it */

static uint32_t epoch; /* node->audit is epoch << 16 | parents found */

void audit_breach(struct audit *a, const char *fmt, ...)
{
	va_list ap;

	if (a->nbreaches < AUDIT_LINES) {
		va_start(ap, fmt);
		kvsnprintf(a->lines[a->nbreaches], AUDIT_LINE, fmt, ap);
		va_end(ap);
	}
	a->nbreaches++;
}

/* ---- slots and nodes ---- */

/* False: the area was turned on only after the audit had made its tables. */
static bool counts_area(const struct audit *a, unsigned i)
{
	return swap_areas[i].on && a->counts[i] && a->swap_pages[i] == swap_areas[i].map_pages;
}

static void count_swap(struct audit *a, uint32_t entry, const char *where)
{
	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		if (!swap_areas[i].on || !swap_entry_in(entry, &swap_areas[i]))
			continue;
		if (!swap_entry_valid(entry))
			audit_breach(a, "%s holds swap entry %u, which is no usable slot", where, entry);
		else if (counts_area(a, i))
			a->counts[i][entry & ((1u << 27) - 1)]++;
		return;
	}
	audit_breach(a, "%s holds swap entry %u of no area", where, entry);
}

static void count_page(struct audit *a, struct home *h, uint64_t index, struct page *p)
{
	if (p < page_table || p >= page_table + (frame_end - frame_first)) {
		audit_breach(a, "slot %#lx holds %p, which is no page", index, (void *)p);
		return;
	}
	a->sharers[p - page_table]++;
	if (p->home != h)
		audit_breach(a, "frame %#lx lies in slot %#lx, but has another home", page_pfn(p), index);
	else if (p->index != index)
		audit_breach(a, "frame %#lx lies in slot %#lx, but has index %#lx", page_pfn(p), index,
			     p->index);
}

static void count_slot(struct audit *a, struct home *h, uint64_t index, slot_t s)
{
	if (slot_is_page(s))
		count_page(a, h, index, slot_page(s));
	else if (slot_is_swap(s))
		count_swap(a, slot_swap(s), h->kind == HOME_FAMILY ? "an overlay" : "an object");
}

static void check_node(struct audit *a, struct home *h, struct node *n, uint64_t base)
{
	unsigned used = 0;

	if (n->audit >> 16 == epoch) { /* another parent was here */
		n->audit++;
		return;
	}
	n->audit = epoch << 16 | 1;
	a->nnodes++;
	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		uint64_t index = base + ((uint64_t)i << (n->level * NODE_BITS));

		if (!n->slot[i])
			continue;
		used++;
		if (n->level > 0)
			check_node(a, h, (struct node *)n->slot[i], index);
		else
			count_slot(a, h, index, n->slot[i]);
	}
	if (used != n->used)
		audit_breach(a, "node at %#lx level %u uses %u slots, says %u", base, n->level, used,
			     n->used);
}

/* Second walk: every node's references are known now. */
static void check_refs(struct audit *a, struct node *n, uint64_t base)
{
	if (n->audit >> 16 != epoch)
		return; /* seen already */
	if ((n->audit & 0xffff) != n->refs)
		audit_breach(a, "node at %#lx level %u has %u parents, says %u", base, n->level,
			     n->audit & 0xffff, n->refs);
	n->audit = 0;
	for (unsigned i = 0; n->level > 0 && i < NODE_SLOTS; i++)
		if (n->slot[i])
			check_refs(a, (struct node *)n->slot[i],
				   base + ((uint64_t)i << (n->level * NODE_BITS)));
}

static void walk_overlays(struct audit *a, bool second)
{
	struct family *f;
	struct overlay *ov;

	list_for_each(f, &family_list, link)
		list_for_each(ov, &f->members, link)
			for (unsigned i = 0; i < OVERLAY_TOP; i++) {
				struct node *n = (struct node *)ov->top[i];
				uint64_t base = (uint64_t)i << (OVERLAY_LEVELS * NODE_BITS);

				if (n && second)
					check_refs(a, n, base);
				else if (n)
					check_node(a, &f->home, n, base);
			}
}

static void check_object(struct audit *a, struct object *o)
{
	uint64_t npages = 0, ndirty = 0, nwriting = 0, nslots = 0, i, next = 0;

	if (o->height) {
		check_node(a, &o->home, (struct node *)o->root, 0);
		check_refs(a, (struct node *)o->root, 0);
	} else if (o->root) {
		count_slot(a, &o->home, 0, o->root);
	}
	for (; (i = object_next(o, next, OBJECT_ALL, false)) != UINT64_MAX; next = i + 1) {
		slot_t s = *object_slot(o, i);

		nslots++;
		if (!slot_is_page(s))
			continue;
		npages++;
		nwriting += page_has(slot_page(s), PG_WRITING);
		if (i >= o->limit && !page_has(slot_page(s), PG_BUSY) && !o->truncating)
			audit_breach(a, "page %#lx of an object lies beyond its limit %#lx: flags %#x", i,
				     o->limit, slot_page(s)->flags);
		if (!page_has(slot_page(s), PG_DIRTY))
			continue;
		ndirty++;
		if (object_next(o, i, i + 1, true) != i)
			audit_breach(a, "dirty page %#lx of an object is not marked in its nodes", i);
	}
	if (npages != o->npages || ndirty != o->ndirty || nwriting != o->nwriting)
		audit_breach(a, "object has %lu pages, %lu dirty, %lu being written; says %lu, %lu, %u",
			     npages, ndirty, nwriting, o->npages, o->ndirty, o->nwriting);
	if (ndirty && o->ops && o->ops->write && list_empty(&o->dirty_link) && !o->pins)
		audit_breach(a, "object with %lu dirty pages is on no list that writes them", ndirty);
	if (nslots != o->nslots)
		audit_breach(a, "object uses %lu slots, says %lu", nslots, o->nslots);
	a->npromised += o->committed + (o->budget && !o->budget->promised ? nslots : 0);
	a->pages[o->ops ? PAGES_FILE : PAGES_SHMEM] += npages;
	a->pages[PAGES_DIRTY] += o->ops ? ndirty : 0;
}

/* ---- frames ---- */

static void note_free(void *arg, struct page *p)
{
	struct audit *a = arg;
	uint32_t *found = &a->sharers[p - page_table];

	if (*found == FREE_FRAME)
		audit_breach(a, "frame %#lx is free twice", page_pfn(p));
	else if (*found)
		audit_breach(a, "frame %#lx is free, but %u slots name it", page_pfn(p), *found);
	else if (p->home || p->flags || p->holds || p->swap)
		audit_breach(a, "frame %#lx is free, but in use: flags %#x, holds %u, swap %u", page_pfn(p),
			     p->flags, p->holds, p->swap);
	*found = FREE_FRAME;
}

/* A frame without a home: the kernel's, a page table, or in some thread's purse. */
static void check_homeless(struct audit *a, struct page *p, uint32_t found)
{
	if (found && found != FREE_FRAME && !page_has(p, PG_TABLE))
		audit_breach(a, "frame %#lx is free or the kernel's, but %u slots name it", page_pfn(p),
			     found);
	if (page_has(p, PG_DIRTY | PG_WRITING | PG_BUSY) || p->holds)
		audit_breach(a, "frame %#lx is in no home: flags %#x, holds %u", page_pfn(p), p->flags,
			     p->holds);
}

static void check_frame(struct audit *a, struct page *p)
{
	uint32_t found = a->sharers[p - page_table];

	if (!p->home) {
		check_homeless(a, p, found);
		return;
	}
	if (found != p->sharers || !found)
		audit_breach(a, "frame %#lx is named by %u slots, says %u", page_pfn(p), found, p->sharers);
	if (p->swap)
		count_swap(a, p->swap, "a page");
	if (p->swap && page_has(p, PG_DIRTY))
		audit_breach(a, "frame %#lx is dirty and keeps a swap copy", page_pfn(p));
	if (page_has(p, PG_BUSY) && p->holds)
		audit_breach(a, "frame %#lx is busy and held by %u", page_pfn(p), p->holds);
	if (page_has(p, PG_TABLE | PG_KERNEL))
		audit_breach(a, "frame %#lx has a home and flags %#x", page_pfn(p), p->flags);
	a->nbusy += page_has(p, PG_BUSY);
	a->pages[PAGES_ANON] += p->home->kind == HOME_FAMILY;
	a->pages[PAGES_WRITING] += page_has(p, PG_WRITING);
}

static void check_frames(struct audit *a)
{
	const uint64_t *zeros = page_data(zero_page);

	page_each_free(note_free, a);
	for (pfn_t f = frame_first; f < frame_end; f++)
		check_frame(a, pfn_page(f));
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*zeros); i++)
		if (zeros[i]) {
			audit_breach(a, "the zero page is not zero");
			break;
		}
}

/* What the counters say that vm_count and the writers' throttle rely on. */
static void check_totals(struct audit *a)
{
	static const char *const names[PAGE_KINDS] = { "of files",    "anonymous", "of shared memory",
						       "page tables", "dirty",	   "being written" };

	for (unsigned k = 0; k < PAGE_KINDS; k++) {
		uint64_t says = vm_page_counts[k];
		/* those are counted a moment after their state was changed */
		bool late = k == PAGES_WRITING || k == PAGES_TABLE;

		if (k != PAGES_TABLE && (late ? says > a->pages[k] : says != a->pages[k]))
			audit_breach(a, "%lu pages are %s, the counter says %ld", a->pages[k], names[k],
				     (int64_t)says);
	}
	if (a->npromised > vm_committed()) /* promises are taken before, and given back after */
		audit_breach(a, "%lu pages are promised, the counter says %lu", a->npromised, vm_committed());
	if (a->nnodes > node_count())
		audit_breach(a, "%lu nodes are in use, the allocator says %lu", a->nnodes, node_count());
}

static void check_swap(struct audit *a, unsigned i)
{
	struct swap_area *area = &swap_areas[i];
	uint64_t used = 0;
	bool exact = swap_in_flight() == 0 && a->nbusy == 0 && a->pages[PAGES_WRITING] == 0;

	for (uint32_t slot = 1; slot <= area->last; slot++) {
		uint16_t found = a->counts[i][slot], says = area->counts[slot];

		if (says == UINT16_MAX)
			continue;
		used += says > 0;
		if (found > says || (exact && found != says))
			audit_breach(a, "swap slot %u of %s is held %u times, says %u", slot, area->path,
				     found, says);
	}
	if (used != area->nused)
		audit_breach(a, "%s has %lu slots in use, says %lu", area->path, used, area->nused);
}

/* ---- all ---- */

static void free_tables(struct audit *a)
{
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		if (a->counts[i])
			kmap_free(a->counts[i], a->swap_pages[i]);
	if (a->sharers)
		kmap_free(a->sharers, a->frame_pages);
}

static bool alloc_tables(struct audit *a)
{
	a->frame_pages = DIV_ROUND_UP((frame_end - frame_first) * sizeof(*a->sharers), PAGE_SIZE);
	a->sharers = kmap_alloc(a->frame_pages);
	for (unsigned i = 0; i < SWAP_AREAS && a->sharers; i++) {
		a->swap_pages[i] = swap_map_pages(&swap_areas[i]);
		if (!a->swap_pages[i])
			continue;
		a->counts[i] = kmap_alloc(a->swap_pages[i]);
		if (!a->counts[i])
			return false;
	}
	return a->sharers;
}

static void check_all(struct audit *a)
{
	struct object *o;

	epoch = epoch == 0xffff ? 1 : epoch + 1;
	walk_overlays(a, false);
	walk_overlays(a, true);
	list_for_each(o, &object_list, link)
		check_object(a, o);
	audit_spaces(a);
	check_frames(a);
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		if (counts_area(a, i))
			check_swap(a, i);
	check_totals(a);
}

/* The audit's memory, zeroed; waits for it, and may use the reserve, as a look at a machine under pressure is worth most. NULL: none. */
static struct audit *begin(void)
{
	size_t npages = DIV_ROUND_UP(sizeof(struct audit), PAGE_SIZE);
	struct audit *a;

	page_reserve_enter();
	for (unsigned tries = 0; tries < 100; tries++) {
		a = kmap_alloc(npages);
		if (a && alloc_tables(a))
			break;
		if (a) {
			free_tables(a);
			kmap_free(a, npages);
			a = NULL;
		}
		if (page_wait_memory())
			break;
	}
	page_reserve_leave();
	return a;
}

unsigned vm_audit(void (*fn)(void *arg, const char *line), void *arg)
{
	struct audit *a = begin();
	unsigned n;

	if (!a) {
		fn(arg, "no memory for the audit's tables");
		return 1;
	}
	harts_pause();
	damage_do(a);
	check_all(a);
	damage_undo();
	harts_resume();
	for (unsigned i = 0; i < MIN(a->nbreaches, (unsigned)AUDIT_LINES); i++)
		fn(arg, a->lines[i]);
	n = a->nbreaches;
	free_tables(a);
	kmap_free(a, DIV_ROUND_UP(sizeof(*a), PAGE_SIZE));
	return n;
}
