/* SPDX-License-Identifier: ISC */
/*
 * The reverse map, and shootdowns.
 *
 * No record is kept for each PTE. A page of a family is mapped, if at all, at its own index in members' page tables; a
 * page of an object at the place that each mapping of the object gives its index. A PTE counts only if it names the
 * frame. Who walks: for a family, under its lock; for an object, with its mapping list held and the page busy, so that no
 * new PTE comes.
 */
#include "vm/internal.h"

/* The harts that may know PTEs which were weakened before. */
static uint64_t harts_in(struct space *s)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* a hart that enters after this sees the weaker PTEs */
	return __atomic_load_n(&s->harts, __ATOMIC_ACQUIRE); /* and what one that left did is done */
}

static void fence_harts(uint64_t mask)
{
	unsigned others = mask ? mmu_fence_harts(mask) : 0;

	EVENT(shootdowns);
	if (others) {
		EVENT(fences_sent);
		EVENTS(harts_fenced, others);
	}
}

void space_shoot(struct space *s)
{
	uint64_t gen = __atomic_load_n(&s->stale, __ATOMIC_ACQUIRE);
	uint64_t done = __atomic_load_n(&s->clean, __ATOMIC_ACQUIRE);

	if (done >= gen)
		return;
	fence_harts(harts_in(s));
	while (done < gen &&
	       !__atomic_compare_exchange_n(&s->clean, &done, gen, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

void space_shoot_page(struct space *s, uint64_t vpn)
{
	uint64_t mask = harts_in(s);

	if (mask == 1ul << this_hart()->index)
		mmu_fence_page(vpn << PAGE_SHIFT);
	else
		fence_harts(mask);
}

void batch_shoot(struct shoot_batch *b)
{
	while (b->n)
		space_shoot(b->spaces[--b->n]);
}

void batch_add(struct shoot_batch *b, struct space *s)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->spaces[i] == s)
			return;
	if (b->n == BATCH_SPACES)
		batch_shoot(b);
	b->spaces[b->n++] = s;
}

/* One entry; 1 if A was set. */
static unsigned visit(struct space *s, uint64_t vpn, pfn_t pfn, enum rmap_op op, struct shoot_batch *b)
{
	unsigned accessed = 0;
	pte_t *pte, e;

	space_lock_table(s);
	pte = table_find(s, vpn);
	e = pte ? pte_read(pte) : 0;
	if (!(e & PTE_V) || pte_pfn(e) != pfn)
		goto out;
	accessed = !!(e & PTE_A);
	switch (op) {
	case RMAP_COUNT:
		accessed = 1;
		goto out;
	case RMAP_PEEK:
		goto out;
	case RMAP_REFERENCED:
		if (!accessed)
			goto out;
		__atomic_fetch_and(pte, ~PTE_A, __ATOMIC_RELAXED);
		space_mark_stale(s);
		break;
	case RMAP_CLEAR_WRITE:
		if (!(e & PTE_W))
			goto out;
		table_take_write(s, pte);
		break;
	case RMAP_REMOVE:
		table_clear(s, pte);
		break;
	}
	batch_add(b, s);
out:
	spin_unlock(&s->table_lock);
	return accessed;
}

/* A page in a locked mapping counts as very much used, and keeps its PTEs unless they must only lose write permission. */
static bool refuses(enum rmap_op op)
{
	return op != RMAP_CLEAR_WRITE && op != RMAP_COUNT;
}

static bool is_locked(struct overlay *ov, struct page *p)
{
	struct space *s = overlay_space(ov);
	bool shared;
	slot_t *slot;

	if (likely(list_empty(&s->locked)))
		return false;
	slot = overlay_find(ov, p->index, &shared);
	return slot && *slot == slot_of_page(p) && space_locks(s, p->index);
}

unsigned rmap_family(struct family *f, struct page *p, enum rmap_op op, struct shoot_batch *b)
{
	struct overlay *ov;
	unsigned n = 0;

	dassert(spin_held(&f->home.lock));
	list_for_each(ov, &f->members, link)
		if (refuses(op) && is_locked(ov, p))
			n += RMAP_LOCKED;
		else
			n += visit(overlay_space(ov), p->index, page_pfn(p), op, b);
	return n;
}

unsigned rmap_object(struct object *o, struct page *p, uint64_t index, enum rmap_op op, struct shoot_batch *b)
{
	struct mapping *m;
	unsigned n = 0;

	dassert(mutex_held(&o->mapping_lock));
	list_for_each(m, &o->mappings, object_link) {
		/* start, end and offset change only with the space and this list held: see mapping.c */
		if (index < m->offset || index - m->offset >= m->end - m->start)
			continue;
		if (refuses(op) && m->flags & MF_LOCKED)
			n += RMAP_LOCKED;
		else
			n += visit(m->space, m->start + (index - m->offset), page_pfn(p), op, b);
	}
	return n;
}

unsigned rmap_busy_page(struct page *p, enum rmap_op op, struct shoot_batch *b)
{
	struct home *h = p->home;
	unsigned n;

	assert(page_has(p, PG_BUSY));
	if (h->kind == HOME_FAMILY) {
		struct family *f = container_of(h, struct family, home);

		home_lock(h);
		n = rmap_family(f, p, op, b);
		spin_unlock(&h->lock);
	} else {
		struct object *o = container_of(h, struct object, home);

		if (list_empty(&o->mappings))
			return 0;
		mutex_lock(&o->mapping_lock);
		n = rmap_object(o, p, p->index, op, b);
		mutex_unlock(&o->mapping_lock);
	}
	return n;
}
