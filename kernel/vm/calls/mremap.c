/* SPDX-License-Identifier: ISC */
/*
 * mremap. A mapping that moves takes its private pages along: an exclusive page is renumbered, a swap entry carried over, of a page shared
 * since a fork a copy goes in, because a family has one index space (overlay.c). The base's pages come by faults.
 *
 * Everything that may fail comes before anything is taken away, but for copies: when they fail, what was moved goes back to where
 * it was, into nodes that are still there, and so needs no memory. Several mappings move one after the other, each of them so.
 */
#include "proc/thread.h"
#include "vm/mapping.h"

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MREMAP_DONTUNMAP = 4 };

struct move {
	struct space *s;
	uint64_t from, nold; /* the part of a mapping that moves */
	uint64_t to, nnew;
	int flags;
	struct mapping *drop;
	bool bring; /* locked: what has grown is to be brought in */
};

/* Moves the slots of n pages. 0, or -ENOMEM and as much was moved as lies below *done; `must`: cannot fail, with the reserve's help. */
static int move_slots(struct space *s, uint64_t from, uint64_t to, uint64_t n, uint64_t *done, bool must)
{
	struct family *f = s->overlay.family;
	struct clear_wait w = { 0 };
	int err = 0;

	for (*done = 0; *done < n; ++*done) {
		uint64_t next;

		home_lock(&f->home);
		next = overlay_next(&s->overlay, from + *done, from + n);
		spin_unlock(&f->home.lock);
		if (next == UINT64_MAX)
			break;
		*done = next - from;
		while (!err && overlay_move(&s->overlay, next, to + *done, &w))
			if (must)
				clear_wait(&w);
			else
				err = clear_wait_or_fail(&w);
		if (err)
			break;
	}
	purse_empty(&w.purse);
	return err;
}

static int move_private(struct move *v)
{
	uint64_t n = MIN(v->nold, v->nnew), done, back;

	if (!move_slots(v->s, v->from, v->to, n, &done, false))
		return 0;
	/* exclusive pages and entries only, into nodes that are still there unless others emptied them too */
	move_slots(v->s, v->to, v->from, done, &back, true);
	clear_overlay(v->s, v->to, v->to + v->nnew);
	return -ENOMEM;
}

/* What stays in the old place of m: nothing, or with DONTUNMAP an empty mapping. */
static void leave(struct move *v, struct mapping *m)
{
	if (!v->nold)
		return;
	if (!m->shared)
		clear_overlay(v->s, v->from, v->from + v->nold); /* empty nodes */
	if (v->flags & MREMAP_DONTUNMAP) {
		mapping_change(m, m->prot, m->flags & ~MF_LOCKS);
		return;
	}
	mapping_remove(m, &v->drop);
}

/* The mapping m holds the part that moves; the new place is free. 0 or -errno, and then nothing has changed. */
static int move(struct move *v, struct mapping *m)
{
	struct space *s = v->s;
	struct mapping *fresh = mapping_copy(m);
	int err = 0;

	if (!fresh)
		return -ENOMEM;
	if (m->flags & MF_ACCOUNT && !commit_take(v->nnew)) {
		mapping_discard(fresh);
		return -ENOMEM;
	}
	fresh->start = v->to;
	fresh->end = v->to + v->nnew;
	fresh->offset = m->offset + (v->from - m->start);
	fresh->flags &= ~(MF_STACK | MF_HEAP);
	if (v->nold)
		m = mapping_carve(m, v->from, v->from + v->nold);
	if (!m) {
		if (fresh->flags & MF_ACCOUNT)
			commit_put(v->nnew);
		mapping_discard(fresh);
		return -ENOMEM;
	}
	table_clear_range(s, v->from, v->from + v->nold);
	space_shoot(s);
	if (fresh->object)
		object_ref(fresh->object);
	mapping_insert(s, fresh);
	if (!m->shared)
		err = move_private(v);
	if (err) {
		mapping_remove(fresh, &v->drop);
		return err;
	}
	leave(v, m);
	v->bring = (fresh->flags & MF_LOCKS) == MF_LOCKED && v->nnew > v->nold;
	mapping_merge(fresh, &v->drop);
	if (v->flags & MREMAP_DONTUNMAP && v->nold) /* after that, as the two may have become one */
		mapping_merge(mapping_find(s, v->from), &v->drop);
	s->peak_pages = MAX(s->peak_pages, s->npages);
	return 0;
}

/* May the part of m grow from nold to nnew pages? In the order of Linux's checks. */
static int check_growth(struct move *v, struct mapping *m)
{
	uint64_t more = v->nnew - v->nold;

	if (!v->nold && !m->shared)
		return -EINVAL;
	if (v->nold > m->end - v->from)
		return -EFAULT;
	if (v->nnew <= v->nold)
		return 0;
	if (m->object && m->offset + (v->from - m->start) + v->nnew > UINT64_MAX >> PAGE_SHIFT)
		return -EINVAL;
	return check_limits(v->s, more, 0, mapping_is_data(m->prot, m->shared, m->flags),
			    m->flags & MF_LOCKED);
}

static int grow_in_place(struct move *v, struct mapping *m)
{
	uint64_t end = v->from + v->nnew, more = end - m->end;

	if (v->from + v->nold != m->end || end > USER_PAGES || !range_is_free(v->s, m->end, end))
		return -ENOMEM;
	if (m->flags & MF_ACCOUNT && !commit_take(more))
		return -ENOMEM;
	v->bring = (m->flags & MF_LOCKS) == MF_LOCKED;
	mapping_resize(m, m->start, end);
	mapping_merge(m, &v->drop);
	v->s->peak_pages = MAX(v->s->peak_pages, v->s->npages);
	return 0;
}

static int to_new_place(struct move *v)
{
	struct mapping *m;
	int err;

	if (v->flags & MREMAP_FIXED) {
		if (v->to < MMAP_MIN)
			return -EPERM;
		err = unmap_range(v->s, v->to, v->to + v->nnew, &v->drop);
		if (err)
			return err;
	}
	if (v->nold > v->nnew) {
		err = unmap_range(v->s, v->from + v->nnew, v->from + v->nold, &v->drop);
		if (err)
			return err;
		v->nold = v->nnew;
	}
	m = mapping_find(v->s, v->from);
	if (!m)
		return -EFAULT;
	err = check_growth(v, m);
	if (!err && v->flags & MREMAP_DONTUNMAP)
		err = check_limits(v->s, v->nnew, 0, mapping_is_data(m->prot, m->shared, m->flags), false);
	if (err)
		return err;
	if (!(v->flags & MREMAP_FIXED)) {
		if (v->to < MMAP_MIN || !range_is_free(v->s, v->to, v->to + v->nnew))
			v->to = find_gap(v->s, v->nnew);
		if (!v->to)
			return -ENOMEM;
	}
	return move(v, m);
}

/* MREMAP_FIXED without a change of size: all mappings of the range, with the same gaps between them; as far as it came, if one cannot. */
static int move_each(struct move *v)
{
	uint64_t from = v->from, end = from + v->nold, to = v->to, at = from;
	struct mapping *m = mapping_find(v->s, from);
	int err = m ? 0 : -EFAULT;

	for (; !err && m && m->start < end; m = at < end ? mapping_at_or_after(v->s, at) : NULL) {
		if (m->flags & MF_ZERO && (at > from || m->end < end)) /* no device's with others */
			return -EFAULT;
		v->from = MAX(at, m->start);
		at = MIN(end, m->end);
		v->nold = v->nnew = at - v->from;
		v->to = to + (v->from - from);
		err = to_new_place(v);
	}
	v->to = to;
	return err;
}

/* With the space held for writing. v->to becomes the result's page. */
static int remap(struct move *v)
{
	struct mapping *m;
	int err;

	if (v->flags & MREMAP_FIXED && v->nold == v->nnew)
		return move_each(v);
	m = mapping_find(v->s, v->from);
	if (!m)
		return -EFAULT;
	if (v->nold > v->nnew && v->nold > USER_PAGES - v->from)
		return -EINVAL;
	if (v->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return to_new_place(v);
	v->to = v->from;
	if (v->nold == v->nnew)
		return 0;
	if (v->nold > v->nnew)
		return unmap_range(v->s, v->from + v->nnew, v->from + v->nold, &v->drop);
	err = check_growth(v, m);
	if (err)
		return err;
	err = grow_in_place(v, m);
	if (!err || !(v->flags & MREMAP_MAYMOVE))
		return err;
	v->to = find_gap(v->s, v->nnew);
	return v->to ? move(v, m) : -ENOMEM;
}

/* What can be said of the arguments alone. 0, -EINVAL. */
static int check_arguments(const struct move *v, uint64_t old, uint64_t fixed)
{
	if (v->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || old & PAGE_MASK || !v->nnew ||
	    v->nnew > USER_PAGES)
		return -EINVAL;
	if (!(v->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		return 0;
	if (!(v->flags & MREMAP_MAYMOVE) || fixed & PAGE_MASK || fixed > USER_TOP - (v->nnew << PAGE_SHIFT) ||
	    (v->flags & MREMAP_DONTUNMAP && v->nold != v->nnew))
		return -EINVAL;
	return old + (v->nold << PAGE_SHIFT) > fixed && v->to + v->nnew > v->from ? -EINVAL : 0;
}

int64_t vm_mremap(struct space *s, uint64_t old, uint64_t old_len, uint64_t new_len, int flags,
		  uint64_t fixed)
{
	struct move v = { .s = s, .from = old >> PAGE_SHIFT, .to = fixed >> PAGE_SHIFT, .flags = flags };
	int err;

	v.nold = page_round_up(old_len) >> PAGE_SHIFT;
	v.nnew = page_round_up(new_len) >> PAGE_SHIFT;
	err = check_arguments(&v, old, fixed);
	if (err)
		return err;
	if (old >= USER_TOP)
		return -EFAULT;
	space_write(s);
	err = remap(&v);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(v.drop);
	if (err)
		return err;
	if (v.bring)
		populate(s, v.to + v.nold, v.to + v.nnew, FOR_LOCK);
	return v.to << PAGE_SHIFT;
}
