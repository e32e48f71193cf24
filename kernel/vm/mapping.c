/* SPDX-License-Identifier: ISC */
/*
 * Mappings: the windows of a space on base objects, in a tree by start. All with the space held, for writing where they change.
 *
 * A mapping of an object is also on the object's list, under the object's mapping list mutex, which is taken inside the
 * space lock. The reverse map reads start, end, offset and flags under that mutex alone, or under the space's table lock, so they
 * change only with all three held.
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

static inline struct mapping *find_by(struct space *s, uint64_t vpn, struct mapping **hint)
{
	struct mapping *m = load_relaxed(hint);

	if (m && vpn >= m->start && vpn < m->end)
		return m;
	m = mapping_at_or_after(s, vpn);
	if (!m || vpn < m->start)
		return NULL;
	store_relaxed(hint, m);
	return m;
}

struct mapping *mapping_find(struct space *s, uint64_t vpn)
{
	return find_by(s, vpn, &s->hints.of[0]);
}

struct mapping *mapping_find_here(struct space *s, uint64_t vpn)
{
	return find_by(s, vpn, &s->hints.of[this_hart()->index % SPACE_HINTS]);
}

struct mapping *mapping_alloc(void)
{
	return kmem_cache_alloc(&mapping_cache);
}

void mapping_discard(struct mapping *m)
{
	if (m)
		kmem_cache_free(&mapping_cache, m);
}

void mapping_copy(struct mapping *to, const struct mapping *from)
{
	to->start = from->start;
	to->end = from->end;
	to->space = from->space;
	to->object = from->object;
	to->offset = from->offset;
	to->prot = from->prot;
	to->max_prot = from->max_prot;
	to->shared = from->shared;
	to->flags = from->flags;
	to->ra = from->ra;
	to->error_seen = load_relaxed(&from->error_seen);
	to->expect = load_relaxed(&from->expect);
}

bool mapping_is_data(unsigned prot, bool shared, unsigned flags)
{
	return !shared && prot & PROT_WRITE && !(flags & MF_STACK);
}

/* The space's sums, when n pages of a kind like m's come or (n < 0) go. */
static void count(const struct mapping *m, int64_t n)
{
	struct space *s = m->space;

	s->npages += n;
	if (mapping_is_data(m->prot, m->shared, m->flags))
		s->ndata += n;
	if (m->flags & MF_LOCKED)
		s->nlocked += n;
}

/* Where start, end, offset and flags change: the reverse map looks at them with the object's list or the table lock held. */
static void begin_change(struct mapping *m)
{
	if (m->object)
		mutex_lock(&m->object->mapping_lock);
	spin_lock(&m->space->table_lock);
}

static void end_change(struct mapping *m)
{
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

void mapping_insert(struct space *s, struct mapping *m)
{
	m->space = s;
	if (m->object || m->prot & PROT_EXEC)
		m->expect = EXPECT_PAGE;
	link_into_tree(s, m);
	count(m, m->end - m->start);
	begin_change(m);
	link_lists(m);
	end_change(m);
}

void mapping_remove(struct mapping *m)
{
	struct space *s = m->space;

	tree_remove(&s->mappings, &m->node);
	s->nmappings--;
	count(m, -(int64_t)(m->end - m->start));
	if (m->flags & MF_ACCOUNT)
		commit_put(m->end - m->start);
	s->hints = (struct space_hints){ 0 };
	begin_change(m);
	unlink_lists(m);
	end_change(m);
}

struct mapping *mapping_split(struct mapping *m, uint64_t at, struct mapping *fresh)
{
	assert(at > m->start && at < m->end);
	mapping_copy(fresh, m);
	fresh->start = at;
	fresh->offset = m->offset + (at - m->start);
	if (m->object)
		object_ref(m->object);
	begin_change(m);
	m->end = at;
	link_lists(fresh);
	end_change(m);
	link_into_tree(m->space, fresh);
	return fresh;
}

int mapping_cut(struct space *s, uint64_t at)
{
	struct mapping *m = mapping_find(s, at), *fresh;

	if (!m || m->start == at)
		return 0;
	fresh = mapping_alloc();
	if (!fresh)
		return -ENOMEM;
	mapping_split(m, at, fresh);
	return 0;
}

void mapping_change(struct mapping *m, unsigned prot, unsigned flags)
{
	int64_t n = m->end - m->start;

	count(m, -n);
	begin_change(m);
	if (m->flags & ~flags & MF_LOCKED)
		list_remove(&m->locked_link);
	if (flags & ~m->flags & MF_LOCKED)
		list_append(&m->space->locked, &m->locked_link);
	m->prot = prot;
	m->flags = flags;
	if (prot & PROT_EXEC)
		m->expect = EXPECT_PAGE;
	end_change(m);
	count(m, n);
}

void mapping_resize(struct mapping *m, uint64_t start, uint64_t end)
{
	int64_t more = (end - start) - (m->end - m->start);

	count(m, more);
	if (more < 0 && m->flags & MF_ACCOUNT)
		commit_put(-more);
	begin_change(m);
	m->offset +=
		start - m->start; /* may wrap for a moment below a stack: anonymous mappings do not use it */
	m->start = start;
	m->end = end;
	end_change(m);
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
	begin_change(a);
	a->end = b->end;
	unlink_lists(b);
	end_change(a);
	tree_remove(&b->space->mappings, &b->node);
	b->space->nmappings--;
	b->space->hints = (struct space_hints){ 0 };
	b->next_dropped = *drop;
	*drop = b;
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
	next = mapping_alloc();
	if (!next)
		return -ENOMEM;
	mapping_copy(next, m);
	mapping_insert(s, next);
	return 0;
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
