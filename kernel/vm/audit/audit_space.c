/* SPDX-License-Identifier: ISC */
/*
 * The audit of spaces: mappings, what of the overlay they cover, and page tables against both.
 *
 * A space that somebody holds for writing is in the middle of something: then only what its spinlocks guard is checked. So is a list of
 * mappings whose mutex is held.
 */
#include "vm/audit/audit.h"

/* ---- mappings ---- */

static bool on_list(const struct mapping *m)
{
	const struct mapping *at;

	list_for_each(at, &m->object->mappings, object_link)
		if (at == m)
			return true;
	return false;
}

static void check_mappings(struct audit *a, struct space *s)
{
	uint64_t npages = 0, ndata = 0, nlocked = 0, end = 0;
	uint32_t n = 0;

	for (struct mapping *m = mapping_first(s); m; m = mapping_next(m)) {
		if (m->space != s || m->start >= m->end || m->start < end || m->end > USER_TOP >> PAGE_SHIFT)
			audit_breach(a, "mapping %#lx-%#lx behind one that ends at %#lx is out of place",
				     m->start, m->end, end);
		if (m->object && !m->object->mapping_lock.owner && !on_list(m))
			audit_breach(a, "mapping %#lx-%#lx is not on its object's list", m->start, m->end);
		npages += m->end - m->start;
		ndata += mapping_is_data(m->prot, m->shared, m->flags) ? m->end - m->start : 0;
		nlocked += m->flags & MF_LOCKED ? m->end - m->start : 0;
		a->npromised += m->flags & MF_ACCOUNT ? m->end - m->start : 0;
		end = m->end;
		n++;
	}
	if (n != s->nmappings || npages != s->npages)
		audit_breach(a, "a space has %u mappings of %lu pages, says %u, %lu", n, npages, s->nmappings,
			     s->npages);
	if (ndata != s->ndata || nlocked != s->nlocked)
		audit_breach(a, "a space maps %lu pages of data, %lu locked; says %lu, %lu", ndata, nlocked,
			     s->ndata, s->nlocked);
}

/* One that is being made by fork, or taken apart again, is on no list of spaces, and its mappings are not settled. */
static bool is_settled(const struct space *s)
{
	return s->link.next && !list_empty(&s->link) && !rwlock_busy(&s->lock);
}

/* Every mapping on an object's list must be one of its space's. */
static void check_list(struct audit *a, struct object *o)
{
	struct mapping *m;

	if (o->mapping_lock.owner)
		return;
	list_for_each(m, &o->mappings, object_link)
		if (m->object != o)
			audit_breach(a, "mapping %#lx-%#lx is on another object's list", m->start, m->end);
		else if (is_settled(m->space) && mapping_at_or_after(m->space, m->start) != m)
			audit_breach(a, "mapping %#lx-%#lx is on its object's list, but not in its space",
				     m->start, m->end);
}

/* ---- the overlay as this space sees it ---- */

/* Slots in use below n; each must lie in a private mapping, and before the end of its base. */
static uint64_t check_slots(struct audit *a, struct space *s, struct node *n, uint64_t base, bool settled)
{
	struct mapping *m = NULL;
	uint64_t sum = 0;

	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		uint64_t vpn = base + ((uint64_t)i << (n->level * NODE_BITS));

		if (!n->slot[i])
			continue;
		if (n->level > 0) {
			sum += check_slots(a, s, (struct node *)n->slot[i], vpn, settled);
			continue;
		}
		sum++;
		if (!settled)
			continue;
		if (!m || vpn >= m->end)
			m = mapping_at_or_after(s, vpn);
		if (!m || vpn < m->start || m->shared)
			audit_breach(a, "vpn %#lx: a private page or swap entry outside all private mappings",
				     vpn);
		else if (m->object && !m->object->truncating &&
			 m->offset + (vpn - m->start) >= m->object->limit)
			audit_breach(a, "vpn %#lx: a private copy beyond the end of its file", vpn);
	}
	return sum;
}

static void check_overlay(struct audit *a, struct space *s, bool settled)
{
	struct overlay *ov = &s->overlay, *member;
	uint64_t n = 0;
	bool found = false;

	list_for_each(member, &ov->family->members, link)
		found |= member == ov;
	if (!found)
		audit_breach(a, "a space's overlay is no member of its family");
	for (unsigned i = 0; i < OVERLAY_TOP; i++)
		if (ov->top[i])
			n += check_slots(a, s, (struct node *)ov->top[i],
					 (uint64_t)i << (OVERLAY_LEVELS * NODE_BITS), settled);
	if (n != ov->nslots)
		audit_breach(a, "an overlay has %lu slots in use, says %lu", n, ov->nslots);
}

/* ---- page tables ---- */

struct pte_sums {
	uint64_t resident, tables;
	uint16_t nvalid, nwritable;
};

static void check_private_pte(struct audit *a, struct space *s, struct mapping *m, uint64_t vpn, pte_t pte)
{
	struct page *p = pfn_page(pte_pfn(pte));
	struct node *leaf;
	slot_t slot;
	bool shared;

	home_lock(&s->overlay.family->home); /* free, as nobody else runs */
	leaf = overlay_leaf(&s->overlay, vpn, &shared);
	spin_unlock(&s->overlay.family->home.lock);
	slot = leaf ? leaf->slot[vpn % NODE_SLOTS] : 0;
	if (slot == slot_of_page(p)) {
		if (pte & PTE_W && (p->sharers != 1 || shared))
			audit_breach(a, "vpn %#lx: writable PTE of a page that others share", vpn);
	} else if (slot) {
		audit_breach(a, "vpn %#lx: PTE names frame %#lx, the overlay's slot does not", vpn,
			     page_pfn(p));
	} else if (p != zero_page &&
		   (!m->object || p->home != &m->object->home || p->index != m->offset + (vpn - m->start))) {
		audit_breach(a, "vpn %#lx: PTE names frame %#lx, which is not the base's", vpn, page_pfn(p));
	} else if (pte & PTE_W) {
		audit_breach(a, "vpn %#lx: writable PTE of the base's page in a private mapping", vpn);
	}
}

/* `suspended`: its W does not count. */
static void check_pte(struct audit *a, struct space *s, uint64_t vpn, pte_t pte, bool suspended,
		      struct pte_sums *sums)
{
	struct mapping *m;
	struct page *p = pfn_page(pte_pfn(pte));

	sums->nvalid++;
	sums->nwritable += (pte & (PTE_W | PTE_PRIVATE)) == (PTE_W | PTE_PRIVATE);
	sums->resident += p != zero_page;
	if (suspended && pte & PTE_PRIVATE)
		pte &= ~PTE_W;
	if (pte_pfn(pte) < frame_first || pte_pfn(pte) >= frame_end || (p != zero_page && !p->home)) {
		audit_breach(a, "vpn %#lx: PTE names frame %#lx, which has no home", vpn, pte_pfn(pte));
		return;
	}
	if (rwlock_busy(&s->lock))
		return;
	m = mapping_at_or_after(s, vpn);
	if (!m || vpn < m->start) {
		audit_breach(a, "vpn %#lx: PTE outside all mappings", vpn);
		return;
	}
	if (pte & PTE_W && !(m->prot & PROT_WRITE))
		audit_breach(a, "vpn %#lx: writable PTE in a mapping that is not", vpn);
	if (pte & PTE_W && !page_has(p, PG_DIRTY) && !page_has(p, PG_BUSY))
		audit_breach(a, "vpn %#lx: writable PTE of a clean page", vpn);
	if (!(pte & PTE_PRIVATE) != m->shared)
		audit_breach(a, "vpn %#lx: PTE and mapping disagree on private or shared", vpn);
	if (!m->shared)
		check_private_pte(a, s, m, vpn, pte);
	else if (p->home != &m->object->home || p->index != m->offset + (vpn - m->start))
		audit_breach(a, "vpn %#lx: shared PTE names frame %#lx, not the object's page", vpn,
			     page_pfn(p));
}

static void check_table(struct audit *a, struct space *s, pte_t *t, unsigned level, uint64_t base,
			bool suspended, struct pte_sums *total)
{
	struct page *page = pfn_page(virt_to_phys(t) >> PAGE_SHIFT);
	unsigned n = level == MMU_LEVELS - 1 ? MMU_ROOT_USER : MMU_FANOUT;
	struct pte_sums sums = { 0 };

	total->tables++;
	if (!page_has(page, PG_TABLE) || a->sharers[page - page_table]++)
		audit_breach(a, "frame %#lx is a page table at vpn %#lx: flags %#x, used before %u times",
			     page_pfn(page), base, page->flags, a->sharers[page - page_table]);
	for (unsigned i = 0; i < n; i++) {
		uint64_t vpn = base + ((uint64_t)i << (9 * level));

		if (!t[i])
			continue;
		if (!(page->groups >> (i / (MMU_FANOUT / 64)) & 1))
			audit_breach(a, "table at vpn %#lx level %u: entry %u lies in no group", base, level,
				     i);
		if (level == 0) {
			check_pte(a, s, vpn, t[i], suspended, &sums);
		} else {
			sums.nvalid++;
			check_table(a, s, phys_to_virt(pte_pfn(t[i]) << PAGE_SHIFT), level - 1, vpn,
				    suspended || !(t[i] & PTE_V), total);
		}
	}
	if (sums.nvalid != page->nvalid || sums.nwritable != page->nwritable)
		audit_breach(a, "table at vpn %#lx level %u: %u entries, %u writable; says %u, %u", base,
			     level, sums.nvalid, sums.nwritable, page->nvalid, page->nwritable);
	total->resident += sums.resident;
}

static void check_tables(struct audit *a, struct space *s)
{
	struct pte_sums total = { 0 };

	check_table(a, s, phys_to_virt(s->root << PAGE_SHIFT), MMU_LEVELS - 1, 0, false, &total);
	if (total.resident != s->nresident || total.tables != s->ntables)
		audit_breach(a, "a space has %lu resident PTEs in %lu tables, says %lu, %lu", total.resident,
			     total.tables, s->nresident, s->ntables);
}

void audit_spaces(struct audit *a)
{
	struct object *o;
	struct space *s;

	list_for_each(s, &space_list, link) {
		bool settled = !rwlock_busy(&s->lock);

		if (settled)
			check_mappings(a, s);
		check_overlay(a, s, settled && !s->dying);
		check_tables(a, s);
	}
	list_for_each(o, &object_list, link)
		check_list(a, o);
}
