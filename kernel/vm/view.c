/* SPDX-License-Identifier: ISC */
/*
 * Looking at a space without changing it: pages one by one (view.h), and the sums that /proc shows (and their reset). The space is held for reading. What a
 * page is may change as soon as its home's lock is let go; but it stays valid, and where it is, while it is held.
 */
#include "lib/string.h"
#include "vm/view.h"

/* The overlay's part. True: it has something in the slot. */
static bool view_private(struct mapping *m, uint64_t vpn, bool count, struct page_view *v)
{
	struct family *f = m->space->overlay.family;
	struct overlay *ov;
	bool shared = false;
	slot_t *s, slot;

	home_lock(&f->home);
	s = overlay_find(&m->space->overlay, vpn, &shared);
	slot = s ? *s : 0;
	v->private = slot;
	if (slot_is_swap(slot)) {
		v->swap = slot_swap(slot);
	} else if (slot) {
		struct page *p = slot_page(slot);

		v->shared = shared || p->sharers > 1;
		v->swap = p->swap;
		if (!page_has(p, PG_BUSY | PG_ERROR)) {
			page_hold(p);
			v->page = p;
		}
	}
	if (slot && count)
		list_for_each(ov, &f->members, link)
			if ((s = overlay_find(ov, vpn, &shared)) && *s == slot)
				v->users++;
	if (slot_is_swap(slot) && count) /* one that mremap carried elsewhere holds the entry, too */
		v->users = MAX(v->users, swap_count(v->swap));
	spin_unlock(&f->home.lock);
	return slot;
}

static void view_base(struct mapping *m, uint64_t vpn, bool count, struct page_view *v)
{
	uint64_t index = m->offset + (vpn - m->start);
	struct shoot_batch none = { 0 };
	struct object *o = m->object;
	slot_t *s;

	spin_lock(&o->home.lock);
	s = object_slot(o, index);
	if (s && slot_is_swap(*s)) {
		v->swap = slot_swap(*s);
	} else if (s && slot_is_page(*s) && !page_has(slot_page(*s), PG_BUSY | PG_ERROR)) {
		v->page = slot_page(*s); /* held here, as object_find_page would count it as used */
		page_hold(v->page);
	}
	spin_unlock(&o->home.lock);
	if (!v->page || !count)
		return;
	mutex_lock(&o->mapping_lock);
	v->users = rmap_object(o, v->page, index, RMAP_COUNT, &none);
	mutex_unlock(&o->mapping_lock);
	v->shared = v->users > 1;
}

void view_page(struct mapping *m, uint64_t vpn, bool count, struct page_view *v)
{
	struct space *s = m->space;
	pte_t *pte, e;

	*v = (struct page_view){ 0 };
	if ((m->shared || !view_private(m, vpn, count, v)) && m->object)
		view_base(m, vpn, count, v);
	space_lock_table(s);
	pte = table_find(s, vpn);
	e = pte ? pte_read(pte) : 0;
	if (!(e & PTE_V))
		e = 0;
	spin_unlock(&s->table_lock);
	v->zero = e && pte_pfn(e) == zero_pfn;
	v->mapped = e && v->page && pte_pfn(e) == page_pfn(v->page);
	v->accessed = (v->mapped && e & PTE_A) || (v->page && page_has(v->page, PG_REFERENCED));
}

uint64_t view_next(struct mapping *m, uint64_t vpn, uint64_t end)
{
	struct overlay *ov = &m->space->overlay;
	uint64_t at = end, i, delta = m->offset - m->start;

	if (!m->shared) {
		home_lock(&ov->family->home);
		at = MIN(overlay_next(ov, vpn, end), end);
		spin_unlock(&ov->family->home.lock);
	}
	if (!m->object)
		return at;
	spin_lock(&m->object->home.lock);
	i = object_next(m->object, vpn + delta, at + delta, false);
	spin_unlock(&m->object->home.lock);
	return i == UINT64_MAX ? at : i - delta;
}

void view_forget_use(struct mapping *m)
{
	struct page_view v;

	for (uint64_t vpn = view_next(m, m->start, m->end); vpn < m->end;
	     vpn = view_next(m, vpn + 1, m->end)) {
		struct home *h;

		view_page(m, vpn, false, &v);
		if (!v.page)
			continue;
		h = page_lock_home(v.page);
		if (h) {
			page_clear(v.page, PG_REFERENCED);
			spin_unlock(&h->lock);
		}
		page_release(v.page);
	}
	table_forget_range(m->space, m->start, m->end);
	space_shoot(m->space);
}

void view_forget_peak(struct space *s)
{
	space_lock_table(s);
	s->peak_resident = 0;
	spin_unlock(&s->table_lock);
}

/* ---- sums ---- */

/* Slots of the overlay that lie in swap. */
static uint64_t count_swapped(struct overlay *ov)
{
	uint64_t n = 0;

	for (uint64_t vpn = 0; vpn < USER_PAGES; vpn = ALIGN_DOWN(vpn, NODE_SLOTS) + NODE_SLOTS) {
		bool shared;
		slot_t *slots;

		home_lock(&ov->family->home);
		vpn = overlay_next(ov, vpn, USER_PAGES);
		slots = vpn < USER_PAGES ? overlay_find(ov, ALIGN_DOWN(vpn, NODE_SLOTS), &shared) : NULL;
		for (unsigned i = 0; slots && i < NODE_SLOTS; i++)
			n += slot_is_swap(slots[i]);
		spin_unlock(&ov->family->home.lock);
		if (!slots)
			break;
	}
	return n;
}

void vm_space_counts(struct space *s, struct space_counts *c)
{
	*c = (struct space_counts){ 0 };
	rwlock_read(&s->lock);
	c->size = s->npages;
	c->peak = MAX(s->peak_pages, s->npages);
	c->resident = s->nresident;
	c->peak_resident = space_peak(s);
	c->tables = s->ntables;
	c->private_slots = s->overlay.nslots;
	c->shared = table_count_shared(s);
	c->locked = s->nlocked;
	c->swap = count_swapped(&s->overlay);
	for (struct mapping *m = mapping_first(s); m; m = mapping_next(m)) {
		uint64_t n = m->end - m->start;

		if (m->flags & MF_STACK)
			c->stack += n;
		else if (m->prot & PROT_EXEC)
			c->text += n;
		else if (!m->shared && m->prot & PROT_WRITE)
			c->data += n;
	}
	rwlock_read_unlock(&s->lock);
}
