/* SPDX-License-Identifier: ISC */
/*
 * Mappings: the windows of a space on base objects, in a tree by start. All with the space held, for writing where they change.
 *
 * A mapping of an object is also on the object's list, under the object's mapping list mutex, which is taken inside the
 * space lock; a locked one on the space's list, under its table lock. The reverse map reads start, end, offset and flags under these
 * alone, so they change only with the space and whichever of both lists holds the mapping.
 * A split or a cut changes them in one step: at no moment does a page that has a PTE lie outside all mappings of the list.
 */
#include "vm/frames/kmem.h"
#include "vm/mapping.h"

static struct kmem_cache mapping_cache;

void mapping_init(void)
{
	kmem_cache_init(&mapping_cache, "mapping", sizeof(struct mapping), false);
}

static struct mapping *entry(struct tree_node *n)
{
	return n ? tree_entry(n, struct mapping, node) : NULL;
}

struct mapping *mapping_next(struct mapping *m)
{
	return entry(tree_next(&m->node));
}

struct mapping *mapping_prev(struct mapping *m)
{
	return entry(tree_prev(&m->node));
}

struct mapping *mapping_first(struct space *s)
{
	return entry(tree_first(&s->mappings));
}

struct mapping *mapping_at_or_after(struct space *s, uint64_t vpn)
{
	struct tree_node *n = s->mappings.root;
	struct mapping *best = NULL;

	while (n) {
		struct mapping *m = entry(n);

		if (vpn < m->end) {
			best = m;
			if (vpn >= m->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

struct mapping *mapping_find(struct space *s, uint64_t vpn)
{
	struct mapping **hint = &s->hints.of[this_hart()->index % SPACE_HINTS], *m = load_relaxed(hint);

	if (m && vpn >= m->start && vpn < m->end)
		return m;
	m = mapping_at_or_after(s, vpn);
	if (!m || vpn < m->start)
		return NULL;
	store_relaxed(hint, m);
	return m;
}

struct mapping *mapping_copy(const struct mapping *m)
{
	struct mapping *c = kmem_cache_alloc(&mapping_cache);

	if (!c)
		return NULL;
	c->start = m->start;
	c->end = m->end;
	c->space = m->space;
	c->object = m->object;
	c->offset = m->offset;
	c->prot = m->prot;
	c->max_prot = m->max_prot;
	c->shared = m->shared;
	c->flags = m->flags;
	c->ra = m->ra;
	c->error_seen = load_relaxed(&m->error_seen);
	c->expect = load_relaxed(&m->expect);
	return c;
}

void mapping_discard(struct mapping *m)
{
	kmem_cache_free(&mapping_cache, m);
}

/* The space's sums, when n pages of a mapping, or of what it is to become, come or (n < 0) go. */
static inline void count(const struct mapping *m, unsigned prot, unsigned flags, int64_t n)
{
	struct space *s = m->space;

	s->npages += n;
	if (mapping_is_data(prot, m->shared, flags))
		s->ndata += n;
	if (flags & MF_LOCKED)
		s->nlocked += n;
}

/* Where start, end, offset and flags change, of a mapping that is or becomes one with `flags`. */
static void begin_change(struct mapping *m, unsigned flags)
{
	if (m->object)
		mutex_lock(&m->object->mapping_lock);
	if (flags & MF_LOCKED)
		spin_lock(&m->space->table_lock);
}

static void end_change(struct mapping *m, unsigned flags)
{
	if (flags & MF_LOCKED)
		spin_unlock(&m->space->table_lock);
	if (m->object)
		mutex_unlock(&m->object->mapping_lock);
}

/* The two lists of a mapping. */
static void link_lists(struct mapping *m)
{
	if (m->object)
		list_append(&m->object->mappings, &m->object_link);
	if (m->flags & MF_LOCKED)
		list_append(&m->space->locked, &m->locked_link);
}

static void unlink_lists(struct mapping *m)
{
	if (m->object)
		list_remove(&m->object_link);
	if (m->flags & MF_LOCKED)
		list_remove(&m->locked_link);
}

static void link_into_tree(struct space *s, struct mapping *m)
{
	struct tree_node **link = &s->mappings.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = m->start < entry(parent)->start ? &parent->left : &parent->right;
	}
	tree_link(&s->mappings, parent, link, &m->node);
	s->nmappings++;
}

static void take_from_tree(struct mapping *m)
{
	struct space *s = m->space;

	tree_remove(&s->mappings, &m->node);
	s->nmappings--;
	s->hints = (struct space_hints){ 0 };
}

static void drop_on(struct mapping **drop, struct mapping *m)
{
	m->next_dropped = *drop;
	*drop = m;
}

void mapping_insert(struct space *s, struct mapping *m)
{
	m->space = s;
	if (m->object || m->prot & PROT_EXEC)
		m->expect = EXPECT_PAGE;
	link_into_tree(s, m);
	count(m, m->prot, m->flags, m->end - m->start);
	begin_change(m, m->flags);
	link_lists(m);
	end_change(m, m->flags);
}

/* All of removing but for the tree and the space's sums. */
static void let_go(struct mapping *m, struct mapping **drop)
{
	if (m->flags & MF_ACCOUNT)
		commit_put(m->end - m->start);
	begin_change(m, m->flags);
	unlink_lists(m);
	end_change(m, m->flags);
	drop_on(drop, m);
}

void mapping_remove(struct mapping *m, struct mapping **drop)
{
	take_from_tree(m);
	count(m, m->prot, m->flags, -(int64_t)(m->end - m->start));
	let_go(m, drop);
}

void mapping_remove_all(struct space *s, struct mapping **drop)
{
	for (struct mapping *m = mapping_first(s); m; m = mapping_next(m))
		let_go(m, drop);
	tree_init(&s->mappings);
}

static struct tree_node *clone(void *child, struct tree_node *n)
{
	struct mapping *m = entry(n), *c;

	store_relaxed(&m->expect, EXPECT_PAGE); /* on both sides */
	c = mapping_copy(m);
	if (!c)
		return NULL;
	c->space = child;
	c->flags &= ~MF_LOCKS; /* locks are not inherited */
	if (c->flags & MF_DONTFORK) {
		c->flags &= ~MF_ACCOUNT;
		c->object = NULL;
	} else if (c->flags & MF_ACCOUNT && !commit_take(c->end - c->start)) {
		mapping_discard(c);
		return NULL;
	}
	if (c->object)
		object_ref(c->object);
	begin_change(c, c->flags);
	link_lists(c);
	end_change(c, c->flags);
	return &c->node;
}

bool mapping_clone_all(struct space *child, struct space *parent)
{
	child->nmappings = parent->nmappings;
	child->npages = parent->npages;
	child->ndata = parent->ndata;
	return tree_clone(&child->mappings, &parent->mappings, clone, child);
}

struct mapping *mapping_split(struct mapping *m, uint64_t at)
{
	struct mapping *upper = mapping_copy(m);

	if (!upper)
		return NULL;
	assert(at > m->start && at < m->end);
	upper->start = at;
	upper->offset = m->offset + (at - m->start);
	if (m->object)
		object_ref(m->object);
	begin_change(m, m->flags);
	m->end = at;
	link_lists(upper);
	end_change(m, m->flags);
	link_into_tree(m->space, upper);
	return upper;
}

struct mapping *mapping_carve(struct mapping *m, uint64_t first, uint64_t end)
{
	if (m->start < first)
		m = mapping_split(m, first);
	if (m && m->end > end && !mapping_split(m, end))
		return NULL;
	return m;
}

void mapping_change(struct mapping *m, unsigned prot, unsigned flags)
{
	unsigned either = m->flags | flags;
	int64_t n = m->end - m->start;

	count(m, m->prot, m->flags, -n);
	count(m, prot, flags, n);
	begin_change(m, either);
	if (m->flags & ~flags & MF_LOCKED)
		list_remove(&m->locked_link);
	if (flags & ~m->flags & MF_LOCKED)
		list_append(&m->space->locked, &m->locked_link);
	m->prot = prot;
	m->flags = flags;
	if (prot & PROT_EXEC)
		m->expect = EXPECT_PAGE;
	end_change(m, either);
}

void mapping_resize(struct mapping *m, uint64_t start, uint64_t end)
{
	int64_t more = (end - start) - (m->end - m->start);

	count(m, m->prot, m->flags, more);
	if (more < 0 && m->flags & MF_ACCOUNT)
		commit_put(-more);
	begin_change(m, m->flags);
	m->offset +=
		start - m->start; /* may wrap for a moment below a stack: anonymous mappings do not use it */
	m->start = start;
	m->end = end;
	end_change(m, m->flags);
}

/* Could they be one, if they touched? */
static bool same_kind(const struct mapping *a, const struct mapping *b)
{
	return a->object == b->object && a->prot == b->prot && a->max_prot == b->max_prot &&
	       a->shared == b->shared && a->flags == b->flags && a->ra.random == b->ra.random &&
	       a->ra.sequential == b->ra.sequential &&
	       (!(a->object || a->flags & MF_ZERO) || a->offset - a->start == b->offset - b->start);
}

static bool can_merge(const struct mapping *a, const struct mapping *b)
{
	return a->end == b->start && same_kind(a, b);
}

/* Makes b part of a; b is gone. The object's reference that b held is put on `drop`. */
static void absorb(struct mapping *a, struct mapping *b, struct mapping **drop)
{
	begin_change(a, a->flags);
	a->end = b->end;
	unlink_lists(b);
	end_change(a, a->flags);
	take_from_tree(b);
	drop_on(drop, b);
}

struct mapping *mapping_merge(struct mapping *m, struct mapping **drop)
{
	struct mapping *prev = mapping_prev(m), *next;

	if (prev && can_merge(prev, m)) {
		absorb(prev, m, drop);
		m = prev;
	}
	next = mapping_next(m);
	if (next && can_merge(m, next))
		absorb(m, next, drop);
	return m;
}

int mapping_put(struct space *s, const struct mapping *m, struct mapping **drop)
{
	struct mapping *next = mapping_at_or_after(s, m->start),
		       *prev = next ? mapping_prev(next) : entry(tree_last(&s->mappings));

	if (prev && can_merge(prev, m)) {
		mapping_resize(prev, prev->start, m->end);
		if (next && can_merge(prev, next))
			absorb(prev, next, drop);
		return 1;
	}
	if (next && can_merge(m, next)) {
		mapping_resize(next, m->start, next->end);
		return 1;
	}
	next = mapping_copy(m);
	if (!next)
		return -ENOMEM;
	mapping_insert(s, next);
	return 0;
}

int each_part(struct space *s, uint64_t first, uint64_t end, bool past_holes, part_fn fn, int what,
	      struct mapping **drop)
{
	struct mapping *m = mapping_at_or_after(s, first);
	int err, hole = 0;

	while (first < end && m && m->start < end) {
		struct part p = { m, MAX(first, m->start), MIN(end, m->end), what };

		if (m->start > first)
			hole = -ENOMEM;
		if (hole && !past_holes)
			return hole;
		err = fn(&p);
		if (err)
			return err;
		m = drop ? mapping_merge(p.m, drop) : m;
		first = p.end; /* and not m's: what it was joined with is still to come */
		if (first == m->end && first < end)
			m = mapping_next(m);
	}
	return first < end ? -ENOMEM : hole;
}

void mapping_queue_dirty(const struct mapping *m)
{
	struct object *o = m->object;

	if (o && m->shared && m->prot & PROT_WRITE && o->ops && load_relaxed(&o->ndirty))
		object_queue_dirty(o, true);
}

void mapping_drop_all(struct mapping *drop)
{
	while (drop) {
		struct mapping *m = drop;

		drop = m->next_dropped;
		if (m->object) {
			mapping_queue_dirty(m);
			if (m->object->anon && m->object->anon->unmapped)
				m->object->anon->unmapped(m->object);
			object_unref(m->object);
		}
		kmem_cache_free(&mapping_cache, m);
	}
}
