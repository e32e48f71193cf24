/* SPDX-License-Identifier: ISC */
/*
 * Overlays: the private pages of an address space, by virtual page number, in nodes shared copy-on-write.
 *
 * Overlays cloned from one ancestor form a family with one lock and one index space. A clone is one more reference on each child
 * of the root. The rules, all under the family's lock:
 *
 *	- Who changes a slot for one member first makes every node on its path unshared (overlay_unshare). Copying a node gives
 *	  each child node a reference, each page a sharer, each swap entry a count.
 *	- Who changes it for all (swap-out, swap-in) replaces it in place in every distinct slot of that index (family_replace).
 *	- A page with one sharer, reached by unshared nodes only, is exclusive and may be written in place. Only a clone ends
 *	  that, with the space held for writing.
 *	- `sharers` of a page counts distinct slots that a walk from some member finds: so teardown empties the slots of an
 *	  unshared leaf before it lets the leaf go, and a shared leaf loses only a reference.
 */
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"
#include "vm/internal.h"

#define INDEX(vpn, level) ((vpn) >> ((level)*NODE_BITS) & (NODE_SLOTS - 1))
#define SPAN(level)	  (1ul << ((level)*NODE_BITS)) /* pages below one slot of a node of this level */

struct list family_list = LIST_INIT(family_list);
static struct kmem_cache family_cache;

void overlay_cache_init(void)
{
	kmem_cache_init(&family_cache, "family", sizeof(struct family), true);
}

struct space *overlay_space(struct overlay *ov)
{
	return container_of(ov, struct space, overlay);
}

struct family *family_create(void)
{
	struct family *f = kmem_cache_alloc(&family_cache);

	if (!f)
		return NULL;
	if (!f->home.kind) {
		spin_init(&f->home.lock, "family", RANK_FAMILY);
		f->home.kind = HOME_FAMILY;
	}
	list_init(&f->members);
	spin_lock(&vm_queue_lock);
	list_append(&family_list, &f->link);
	spin_unlock(&vm_queue_lock);
	return f;
}

void family_destroy(struct family *f)
{
	spin_lock(&vm_queue_lock);
	list_remove(&f->link);
	spin_unlock(&vm_queue_lock);
	kmem_cache_free(&family_cache, f);
}

void overlay_init(struct overlay *ov, struct family *f)
{
	memset(ov->top, 0, sizeof(ov->top));
	ov->nslots = ov->epoch = 0;
	ov->family = f;
	home_lock(&f->home);
	list_append(&f->members, &ov->link);
	spin_unlock(&f->home.lock);
}

/* ---- look-up ---- */

struct node *overlay_leaf(const struct overlay *ov, uint64_t vpn, bool *shared)
{
	struct node *n = (struct node *)load_pointer(&ov->top[vpn / SPAN(OVERLAY_LEVELS)]);
	uint32_t refs = 0; /* above 1 if those of any node are */

#pragma GCC unroll OVERLAY_LEVELS
	for (unsigned level = OVERLAY_LEVELS - 1; n; level--) {
		refs |= n->refs;
		if (level == 0)
			break;
		n = (struct node *)load_pointer(&n->slot[INDEX(vpn, level)]);
	}
	*shared = refs > 1;
	return n;
}

slot_t *overlay_find(const struct overlay *ov, uint64_t vpn, bool *shared)
{
	struct node *leaf = overlay_leaf(ov, vpn, shared);

	return leaf ? &leaf->slot[vpn & (NODE_SLOTS - 1)] : NULL;
}

static uint64_t next_below(const struct node *n, uint64_t base, uint64_t from, uint64_t end)
{
	uint64_t span = SPAN(n->level), found;

	for (unsigned i = from > base ? (from - base) / span : 0; i < NODE_SLOTS && base + i * span < end;
	     i++) {
		if (!n->slot[i])
			continue;
		if (n->level == 0)
			return base + i;
		found = next_below((const struct node *)n->slot[i], base + i * span, from, end);
		if (found != UINT64_MAX)
			return found;
	}
	return UINT64_MAX;
}

uint64_t overlay_next(const struct overlay *ov, uint64_t from, uint64_t end)
{
	uint64_t found = UINT64_MAX;

	for (unsigned i = from / SPAN(OVERLAY_LEVELS);
	     found == UINT64_MAX && i < OVERLAY_TOP && i * SPAN(OVERLAY_LEVELS) < end; i++)
		if (ov->top[i])
			found = next_below((const struct node *)ov->top[i], i * SPAN(OVERLAY_LEVELS), from,
					   end);
	return found < end ? found : UINT64_MAX;
}

/* ---- sharing and unsharing ---- */

static void gain(slot_t s, unsigned level)
{
	if (!s)
		return;
	if (level > 0)
		((struct node *)s)->refs++;
	else if (slot_is_page(s))
		slot_page(s)->sharers++;
	else
		swap_get(slot_swap(s), 1);
}

static struct node *copy_node(const struct node *from, struct node *to)
{
	memcpy(to->slot, from->slot, sizeof(to->slot));
	to->level = from->level;
	to->used = from->used;
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		gain(to->slot[i], to->level);
	EVENT(node_copies);
	return to;
}

/* Puts a fresh node into an EMPTY slot, unless another fault that shares the lock was faster; returns what is there then. */
static struct node *add_node(slot_t *s, struct node *parent, struct node *fresh, struct purse *purse)
{
	slot_t there = 0;

	cpu_point();
	if (!__atomic_compare_exchange_n(s, &there, (slot_t)fresh, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE)) {
		purse_put_node(purse, fresh);
		return (struct node *)there;
	}
	if (parent)
		__atomic_fetch_add(&parent->used, 1, __ATOMIC_RELAXED);
	return fresh;
}

slot_t *overlay_unshare(struct overlay *ov, uint64_t vpn, struct purse *purse)
{
	slot_t *s = &ov->top[vpn / SPAN(OVERLAY_LEVELS)];
	struct node *parent = NULL, *n = NULL;

	for (unsigned level = OVERLAY_LEVELS; level-- > 0;) {
		n = (struct node *)load_pointer(s);
		if (!n || n->refs > 1) {
			struct node *fresh = purse_take_node(purse, level, level + 1);

			if (!fresh)
				return NULL;
			if (n) {
				dassert(spin_held(&ov->family->home.lock));
				copy_node(n, fresh);
				n->refs--;
				*s = (slot_t)fresh;
				n = fresh;
			} else {
				n = add_node(s, parent, fresh, purse);
			}
		}
		parent = n;
		s = &n->slot[INDEX(vpn, level)];
	}
	return s;
}

/* A fresh frame becomes a dirty private page, for one slot. */
static void fill_private(struct page *p, struct family *f, uint64_t vpn)
{
	store_relaxed(&p->home, &f->home);
	p->index = vpn;
	p->sharers = 1;
	page_set(p, PG_DIRTY);
	page_kind_add(PAGES_ANON, 1);
}

/* The opposite, for one that came into no slot. */
static void empty_private(struct page *p)
{
	store_relaxed(&p->home, NULL);
	p->sharers = 0;
	page_clear(p, PG_DIRTY);
	page_kind_add(PAGES_ANON, -1);
}

bool overlay_put(struct overlay *ov, uint64_t vpn, slot_t *s, slot_t was, struct page *p)
{
	struct node *leaf = container_of(s - (vpn & (NODE_SLOTS - 1)), struct node, slot[0]);

	dassert(leaf->refs == 1);
	fill_private(p, ov->family, vpn);
	cpu_point();
	if (unlikely(!__atomic_compare_exchange_n(s, &was, slot_of_page(p), false, __ATOMIC_RELEASE,
						  __ATOMIC_RELAXED))) {
		empty_private(p);
		return false;
	}
	if (was)
		return true;
	__atomic_fetch_add(&leaf->used, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&ov->nslots, 1, __ATOMIC_RELAXED);
	return true;
}

void overlay_store(struct overlay *ov, uint64_t vpn, slot_t *s, slot_t value)
{
	struct node *leaf = container_of(s - (vpn & (NODE_SLOTS - 1)), struct node, slot[0]);
	int change = !!value - !!*s;

	dassert(leaf->refs == 1);
	leaf->used += change;
	ov->nslots += change;
	*s = value;
}

bool overlay_clone(struct overlay *child, struct overlay *parent)
{
	struct family *f = parent->family;

	home_lock(&f->home);
	if (overlay_space(parent)->dying) {
		spin_unlock(&f->home.lock);
		return false;
	}
	parent->epoch++;
	child->nslots = parent->nslots;
	for (unsigned i = 0; i < OVERLAY_TOP; i++) {
		child->top[i] = parent->top[i];
		if (child->top[i]) {
			((struct node *)child->top[i])->refs++;
			EVENT(node_shares);
		}
	}
	spin_unlock(&f->home.lock);
	return true;
}

unsigned family_replace(struct family *f, uint64_t vpn, slot_t old, slot_t value)
{
	struct overlay *ov;
	unsigned n = 0;
	bool shared;

	dassert(spin_held(&f->home.lock));
	list_for_each(ov, &f->members, link) {
		slot_t *s = overlay_find(ov, vpn, &shared);

		if (s && *s == old) { /* members that share the leaf find it replaced already */
			*s = value;
			n++;
		}
	}
	return n;
}

void family_swap_in(struct family *f, uint64_t vpn, slot_t slot, struct page *p, uint32_t flag)
{
	uint32_t entry = slot_swap(slot);

	store_relaxed(&p->home, &f->home);
	p->index = vpn;
	p->swap = entry;
	page_set(p, PG_BUSY | flag);
	page_kind_add(PAGES_ANON, 1);
	p->sharers = family_replace(f, vpn, slot, slot_of_page(p));
	assert(p->sharers > 0);
	if (p->sharers > 1) /* the slots' counts go, the kept copy's comes */
		swap_put(entry, p->sharers - 1);
	policy_enter(p, slot);
}

bool family_exclusive(struct family *f, struct page *p)
{
	struct overlay *ov;
	bool shared;

	list_for_each(ov, &f->members, link) {
		slot_t *s = overlay_find(ov, p->index, &shared);

		if (s && *s == slot_of_page(p))
			return p->sharers == 1 && !shared;
	}
	return false;
}

/* MADV_FREE: nobody wants the bytes, so nothing of them is kept. */
static void drop_lazy(struct family *f, struct page *p)
{
	struct overlay *ov;
	bool shared;

	list_for_each(ov, &f->members, link) {
		slot_t *s = overlay_find(ov, p->index, &shared);

		if (s && *s == slot_of_page(p))
			overlay_store(ov, p->index, s, 0);
	}
	EVENT(pglazyfreed);
}

static void swap_out(struct family *f, struct page *p)
{
	unsigned n = family_replace(f, p->index, slot_of_page(p), slot_stamped(p->swap, reclaim_stamp()));

	assert(n == p->sharers && n > 0 && !page_has(p, PG_DIRTY));
	if (n > 1)
		swap_get(p->swap, n - 1);
}

void family_swap_out(struct family *f, struct page *p)
{
	if (p->swap)
		swap_out(f, p);
	else
		drop_lazy(f, p);
	p->swap = 0;
	p->sharers = 0;
	store_relaxed(&p->home, NULL);
	page_kind_add(PAGES_ANON, -1);
	page_clear(p, PG_BUSY | PG_ERROR | PG_LAZYFREE);
	page_wake(p);
}

/* ---- moving ---- */

static bool move_slot(struct overlay *ov, uint64_t from, uint64_t to, struct clear_wait *w)
{
	slot_t *s = overlay_unshare(ov, from, &w->purse), *t, old;
	struct page *p;

	t = s ? overlay_unshare(ov, to, &w->purse) : NULL;
	if (!t)
		return false;
	assert(!*t);
	old = *s;
	p = slot_is_page(old) ? slot_page(old) : NULL;
	if (p && page_has(p, PG_BUSY)) {
		w->page = p;
		return false;
	}
	if (p && p->sharers > 1 && page_has(p, PG_ERROR)) { /* its read failed: there is nothing to copy */
		family_swap_out(ov->family, p);
		page_free(p);
		return false;
	}
	if (p && p->sharers > 1) {
		uint64_t epoch = ov->epoch;
		bool copied;

		page_hold(p);
		copied = purse_copy(&w->purse, p, &ov->family->home);
		page_release_locked(p); /* not before: what was copied is still the page at its place now */
		/* a truncate or the OOM killer may have let nodes go */
		if (!copied || ov->epoch != epoch || *s != old || page_has(p, PG_BUSY) || p->sharers == 1)
			return false;
		p->sharers--;
		p = purse_take_frame(&w->purse);
		old = slot_of_page(p);
		fill_private(p, ov->family, to);
	} else if (p) {
		p->index = to;
	}
	overlay_store(ov, from, s, 0);
	overlay_store(ov, to, t, old);
	return true;
}

int overlay_move(struct overlay *ov, uint64_t from, uint64_t to, struct clear_wait *w)
{
	bool shared, moved;
	slot_t *s;

	w->page = NULL;
	home_lock(&ov->family->home);
	s = overlay_find(ov, from, &shared);
	moved = !s || !*s || move_slot(ov, from, to, w);
	spin_unlock(&ov->family->home.lock);
	return moved ? 0 : -EAGAIN;
}

/* ---- taking away ---- */

/* Empties one slot of an unshared leaf. False: its page is in use. */
static bool drop_slot(slot_t *s, struct clear_wait *w)
{
	struct page *p;

	if (slot_is_swap(*s)) {
		swap_put(slot_swap(*s), 1);
		*s = 0;
		return true;
	}
	p = slot_page(*s);
	if (page_has(p, PG_BUSY) || (p->sharers == 1 && (page_has(p, PG_WRITING) || page_held(p)))) {
		w->page = p;
		return false;
	}
	*s = 0;
	if (--p->sharers == 0) {
		if (p->swap)
			swap_put(p->swap, 1);
		p->swap = 0;
		store_relaxed(&p->home, NULL);
		page_kind_add(PAGES_ANON, -1);
		page_free(p);
	}
	return true;
}

/* How clear_below left a node: still in use; unshared and empty; not ours any more; it must wait; the lock was held long enough. */
enum cleared { CLEARED_SOME, CLEARED_EMPTY, CLEARED_DETACHED, CLEARED_WAIT, CLEARED_YIELD };
#define CLEAR_BUDGET 256 /* slots in one holding of the lock */

static enum cleared clear_leaf(struct overlay *ov, struct node *n, unsigned lo, unsigned hi,
			       struct clear_wait *w)
{
	for (unsigned i = lo, left = n->used; i < hi && left; i++) {
		if (!n->slot[i])
			continue;
		left--;
		if (w->budget == 0)
			return CLEARED_YIELD;
		w->budget--;
		if (!drop_slot(&n->slot[i], w)) {
			if (w->passing)
				continue;
			return CLEARED_WAIT;
		}
		n->used--;
		ov->nslots--;
	}
	return n->used ? CLEARED_SOME : CLEARED_EMPTY;
}

static uint64_t count_slots(const struct node *n)
{
	uint64_t sum = 0;

	if (n->level == 0)
		return n->used;
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		if (n->slot[i])
			sum += count_slots((struct node *)n->slot[i]);
	return sum;
}

static enum cleared clear_below(struct overlay *ov, slot_t *s, uint64_t first, uint64_t end,
				struct clear_wait *w);

/* Clears below one slot of a node (or of the top array) and lets the child go if nothing of it is left for us. */
static enum cleared clear_child(struct overlay *ov, slot_t *s, uint64_t first, uint64_t end,
				struct clear_wait *w)
{
	enum cleared c = clear_below(ov, s, first, end, w);

	if (c == CLEARED_EMPTY)
		node_free((struct node *)*s);
	if (c == CLEARED_EMPTY || c == CLEARED_DETACHED)
		*s = 0;
	return c;
}

/* Empties [first, end), counted from where the node in *s begins. */
static enum cleared clear_below(struct overlay *ov, slot_t *s, uint64_t first, uint64_t end,
				struct clear_wait *w)
{
	struct node *n = (struct node *)*s, *fresh;
	uint64_t span = SPAN(n->level), next;

	if (n->refs > 1) {
		if (end - first == span * NODE_SLOTS) { /* others keep it: one reference less */
			if (!w->leaving)
				ov->nslots -= count_slots(n);
			n->refs--;
			return CLEARED_DETACHED;
		}
		fresh = purse_take_node(&w->purse, n->level, 1);
		if (!fresh)
			return CLEARED_WAIT;
		*s = (slot_t)copy_node(n, fresh);
		n->refs--;
		n = fresh;
	}
	if (n->level == 0)
		return clear_leaf(ov, n, first, end, w);
	for (unsigned left = n->used; first < end && left; first = next) {
		uint64_t base = ALIGN_DOWN(first, span);
		enum cleared c;

		s = &n->slot[first / span];
		next = base + span;
		if (!*s)
			continue;
		left--;
		c = clear_child(ov, s, first - base, MIN(end, next) - base, w);
		if (c == CLEARED_WAIT || c == CLEARED_YIELD)
			return c;
		n->used -= !*s;
	}
	return n->used ? CLEARED_SOME : CLEARED_EMPTY;
}

int overlay_clear(struct overlay *ov, uint64_t first, uint64_t end, struct clear_wait *w)
{
	const uint64_t span = SPAN(OVERLAY_LEVELS);

	w->page = NULL;
	while (first < end) {
		uint64_t base = ALIGN_DOWN(first, span), next = base + span;
		slot_t *s = &ov->top[first / span];
		enum cleared c = CLEARED_SOME;

		home_lock(&ov->family->home);
		w->budget = CLEAR_BUDGET;
		ov->epoch++;
		if (*s)
			c = clear_child(ov, s, first - base, MIN(end, next) - base, w);
		spin_unlock(&ov->family->home.lock);
		if (c == CLEARED_WAIT)
			return -EAGAIN;
		if (c != CLEARED_YIELD)
			first = next;
	}
	return 0;
}

int clear_wait_or_fail(struct clear_wait *w)
{
	if (w->page)
		page_wait(w->page);
	while (purse_fill(&w->purse))
		if (page_wait_memory())
			return -ENOMEM;
	return 0;
}

void clear_wait(struct clear_wait *w)
{
	if (w->page)
		page_wait(w->page);
	page_reserve_enter();
	while (purse_fill(&w->purse))
		if (page_wait_memory())
			thread_yield();
	page_reserve_leave();
}

void overlay_reap(struct overlay *ov)
{
	struct clear_wait w = { .passing = true };

	overlay_clear(ov, 0, USER_TOP >> PAGE_SHIFT, &w);
}

void overlay_leave(struct overlay *ov)
{
	struct clear_wait w = { .leaving = true };
	struct family *f = ov->family;
	bool last;

	while (overlay_clear(ov, 0, USER_TOP >> PAGE_SHIFT, &w))
		clear_wait(&w);
	purse_empty(&w.purse);
	home_lock(&f->home);
	ov->nslots = 0;
	list_remove(&ov->link);
	last = list_empty(&f->members);
	spin_unlock(&f->home.lock);
	if (last)
		family_destroy(f);
}
