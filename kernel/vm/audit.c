/* SPDX-License-Identifier: ISC */
/*
 * vm_audit: checks the invariants as sums over the whole system, with the other harts standing still.
 *
 * Harts stand still only where interrupts are on, so never inside a spinlock: what spinlocks guard is consistent, while operations of
 * several steps may be half done. So busy pages may have PTEs that are about to go, and while swap writes are in flight a slot may
 * have more counts than are found.
 *
 * Everything is counted anew in tables of its own (sharers by frame, references by node, swap counts by slot) and
 * compared with what the structures say. Breaches are collected and printed when all run again.
 */
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/kmap.h"
#include "vm/mapping.h"
#include "vm/swap.h"

#define MAX_LINES 32
#define LINE	  120

struct audit {
	uint32_t *sharers; /* by frame: slots found that name it */
	uint16_t *counts[SWAP_AREAS];
	uint64_t frame_pages, swap_pages[SWAP_AREAS];
	unsigned nbreaches;
	char lines[MAX_LINES][LINE];
};

static uint32_t epoch; /* node->audit is epoch << 16 | parents found */

static void __printf(2, 3) breach(struct audit *a, const char *fmt, ...)
{
	va_list ap;

	if (a->nbreaches < MAX_LINES) {
		va_start(ap, fmt);
		kvsnprintf(a->lines[a->nbreaches], LINE, fmt, ap);
		va_end(ap);
	}
	a->nbreaches++;
}

/* ---- slots and nodes ---- */

static void count_swap(struct audit *a, uint32_t entry, const char *where)
{
	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		if (!swap_areas[i].on || !swap_entry_in(entry, &swap_areas[i]))
			continue;
		if (!swap_entry_valid(entry))
			breach(a, "%s holds swap entry %u, which is no usable slot", where, entry);
		else
			a->counts[i][entry & ((1u << 27) - 1)]++;
		return;
	}
	breach(a, "%s holds swap entry %u of no area", where, entry);
}

static void count_page(struct audit *a, struct home *h, uint64_t index, struct page *p)
{
	if (p < page_table || p >= page_table + (frame_end - frame_first)) {
		breach(a, "slot %#lx holds %p, which is no page", index, (void *)p);
		return;
	}
	a->sharers[p - page_table]++;
	if (p->home != h)
		breach(a, "frame %#lx lies in slot %#lx, but has another home", page_pfn(p), index);
	else if (p->index != index)
		breach(a, "frame %#lx lies in slot %#lx, but has index %#lx", page_pfn(p), index, p->index);
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
		breach(a, "node at %#lx level %u uses %u slots, says %u", base, n->level, used, n->used);
}

/* Second walk: every node's references are known now. */
static void check_refs(struct audit *a, struct node *n, uint64_t base)
{
	if (n->audit >> 16 != epoch)
		return; /* seen already */
	if ((n->audit & 0xffff) != n->refs)
		breach(a, "node at %#lx level %u has %u parents, says %u", base, n->level, n->audit & 0xffff,
		       n->refs);
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
	uint64_t npages = 0, ndirty = 0, i, next = 0;

	if (o->height) {
		check_node(a, &o->home, (struct node *)o->root, 0);
		check_refs(a, (struct node *)o->root, 0);
	} else if (o->root) {
		count_slot(a, &o->home, 0, o->root);
	}
	for (; (i = object_next(o, next, OBJECT_ALL, false)) != UINT64_MAX; next = i + 1) {
		slot_t s = *object_slot(o, i);

		if (!slot_is_page(s))
			continue;
		npages++;
		if (i >= o->limit && !(slot_page(s)->flags & PG_BUSY) && !o->ops)
			breach(a, "page %#lx of an object lies beyond its limit %#lx", i, o->limit);
		if (!(slot_page(s)->flags & PG_DIRTY))
			continue;
		ndirty++;
		if (object_next(o, i, i + 1, true) != i)
			breach(a, "dirty page %#lx of an object is not marked in its nodes", i);
	}
	if (npages != o->npages || ndirty != o->ndirty)
		breach(a, "object has %lu pages, %lu dirty; says %lu, %lu", npages, ndirty, o->npages,
		       o->ndirty);
}

/* ---- frames ---- */

static void check_frame(struct audit *a, struct page *p)
{
	uint32_t found = a->sharers[p - page_table];

	if (!p->home) {
		if (found)
			breach(a, "frame %#lx is free or the kernel's, but %u slots name it", page_pfn(p),
			       found);
		return;
	}
	if (found != p->sharers)
		breach(a, "frame %#lx is named by %u slots, says %u", page_pfn(p), found, p->sharers);
	if (p->swap)
		count_swap(a, p->swap, "a page");
	if (p->swap && p->flags & PG_DIRTY)
		breach(a, "frame %#lx is dirty and keeps a swap copy", page_pfn(p));
}

static void check_swap(struct audit *a, unsigned i)
{
	struct swap_area *area = &swap_areas[i];
	uint64_t used = 0;
	bool exact = swap_in_flight() == 0;

	for (uint32_t slot = 1; slot <= area->last; slot++) {
		uint16_t found = a->counts[i][slot], says = area->counts[slot];

		if (says == UINT16_MAX)
			continue;
		used += says > 0;
		if (found > says || (exact && found != says))
			breach(a, "swap slot %u of %s is held %u times, says %u", slot, area->path, found,
			       says);
	}
	if (used != area->nused)
		breach(a, "%s has %lu slots in use, says %lu", area->path, used, area->nused);
}

/* ---- page tables ---- */

struct pte_sums {
	uint64_t resident;
	uint16_t nvalid, nwritable;
};

static void check_private_pte(struct audit *a, struct space *s, struct mapping *m, uint64_t vpn, pte_t pte)
{
	struct page *p = pfn_page(pte_pfn(pte));
	struct node *leaf;
	slot_t slot;
	bool shared;

	spin_lock(&s->overlay.family->home.lock); /* free, as nobody else runs */
	leaf = overlay_leaf(&s->overlay, vpn, &shared);
	spin_unlock(&s->overlay.family->home.lock);
	slot = leaf ? leaf->slot[vpn % NODE_SLOTS] : 0;
	if (slot == slot_of_page(p)) {
		if (pte & PTE_W && (p->sharers != 1 || shared))
			breach(a, "vpn %#lx: writable PTE of a page that others share", vpn);
	} else if (slot) {
		breach(a, "vpn %#lx: PTE names frame %#lx, the overlay's slot does not", vpn, page_pfn(p));
	} else if (p != zero_page && (!m->object || p->home != &m->object->home)) {
		breach(a, "vpn %#lx: PTE names frame %#lx, which is not the base's", vpn, page_pfn(p));
	} else if (pte & PTE_W) {
		breach(a, "vpn %#lx: writable PTE of the base's page in a private mapping", vpn);
	}
}

static void check_pte(struct audit *a, struct space *s, uint64_t vpn, pte_t pte, struct pte_sums *sums)
{
	struct mapping *m = mapping_at_or_after(s, vpn);
	struct page *p = pfn_page(pte_pfn(pte));

	sums->nvalid++;
	sums->nwritable += (pte & (PTE_W | PTE_PRIVATE)) == (PTE_W | PTE_PRIVATE);
	sums->resident += p != zero_page;
	if (rwlock_busy(&s->lock))
		return; /* somebody is in the middle of changing its mappings */
	if (!m || vpn < m->start) {
		breach(a, "vpn %#lx: PTE outside all mappings", vpn);
		return;
	}
	if (p != zero_page && !p->home) {
		breach(a, "vpn %#lx: PTE names frame %#lx, which has no home", vpn, page_pfn(p));
		return;
	}
	if (pte & PTE_W && !(p->flags & PG_DIRTY) && !(p->flags & PG_BUSY))
		breach(a, "vpn %#lx: writable PTE of a clean page", vpn);
	if (!m->shared)
		check_private_pte(a, s, m, vpn, pte);
	else if (p->home != &m->object->home || p->index != m->offset + (vpn - m->start))
		breach(a, "vpn %#lx: shared PTE names frame %#lx, not the object's page", vpn, page_pfn(p));
}

static void check_table(struct audit *a, struct space *s, pte_t *t, unsigned level, uint64_t base,
			struct pte_sums *total)
{
	struct page *page = pfn_page(virt_to_phys(t) >> PAGE_SHIFT);
	unsigned n = level == MMU_LEVELS - 1 ? MMU_ROOT_USER : MMU_FANOUT;
	struct pte_sums sums = { 0 };

	for (unsigned i = 0; i < n; i++) {
		uint64_t vpn = base + ((uint64_t)i << (9 * level));

		if (!(t[i] & PTE_V))
			continue;
		if (level == 0) {
			check_pte(a, s, vpn, t[i], &sums);
		} else {
			sums.nvalid++;
			check_table(a, s, phys_to_virt(pte_pfn(t[i]) << PAGE_SHIFT), level - 1, vpn, total);
		}
	}
	if (sums.nvalid != page->nvalid || sums.nwritable != page->nwritable)
		breach(a, "table at vpn %#lx level %u: %u entries, %u writable; says %u, %u", base, level,
		       sums.nvalid, sums.nwritable, page->nvalid, page->nwritable);
	total->resident += sums.resident;
}

static void check_spaces(struct audit *a)
{
	struct space *s;

	list_for_each(s, &space_list, link) {
		struct pte_sums total = { 0 };

		check_table(a, s, phys_to_virt(s->root << PAGE_SHIFT), MMU_LEVELS - 1, 0, &total);
		if (total.resident != s->nresident)
			breach(a, "a space has %lu resident PTEs, says %lu", total.resident, s->nresident);
	}
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
		if (!swap_areas[i].on)
			continue;
		a->swap_pages[i] = swap_areas[i].map_pages;
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
	for (pfn_t f = frame_first; f < frame_end; f++)
		check_frame(a, pfn_page(f));
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		if (a->counts[i] && swap_areas[i].on)
			check_swap(a, i);
	check_spaces(a);
}

unsigned vm_audit(void (*fn)(void *arg, const char *line), void *arg)
{
	size_t npages = DIV_ROUND_UP(sizeof(struct audit), PAGE_SIZE);
	struct audit *a = kmap_alloc(npages);
	unsigned n;

	if (!a || !alloc_tables(a)) {
		fn(arg, "no memory for the audit's tables");
		n = 1;
	} else {
		harts_pause();
		check_all(a);
		harts_resume();
		for (unsigned i = 0; i < MIN(a->nbreaches, (unsigned)MAX_LINES); i++)
			fn(arg, a->lines[i]);
		n = a->nbreaches;
	}
	if (a) {
		free_tables(a);
		kmap_free(a, npages);
	}
	return n;
}
