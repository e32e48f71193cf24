/* SPDX-License-Identifier: ISC */
/*
 * Objects: indexed sets of pages with a pager. The page cache is the pages of file objects and nothing else.
 *
 * Pages hang in a tree of nodes as high as the largest index needs; an object with only page 0 needs no node. Nodes of an object
 * are never shared. `dirty` bits in the nodes find dirty pages fast: exact in leaves, above them a superset that
 * searches correct.
 *
 * An absent page comes in busy: it is put into its slot under the object's lock, filled without it, and whoever
 * wants it meanwhile waits for busy to end. The limit is checked under the object's lock wherever a page is
 * put in or mapped (and, where a private copy is mapped, under the family's), so truncate lowers it first and then only has
 * to remove what is there.
 */
#include "lib/string.h"
#include "vm/frames/kmem.h"
#include "vm/internal.h"

struct list object_list = LIST_INIT(object_list);
struct spinlock vm_queue_lock = SPINLOCK_INIT("vmqueue", RANK_VMQUEUE);
static struct kmem_cache object_cache;
static struct waitq unpinned = WAITQ_INIT(unpinned);

void object_init(void)
{
	kmem_cache_init(&object_cache, "object", sizeof(struct object), true);
	object_cache.shrinks = true; /* see page_lock_home and page_wait */
}

static enum page_kind kind_of(const struct object *o)
{
	return o->ops ? PAGES_FILE : PAGES_SHMEM;
}

/* ---- life ---- */

struct object *object_create(const struct pager_ops *ops, void *data, uint64_t limit_pages)
{
	struct object *o = kmem_cache_alloc(&object_cache);

	if (!o)
		return NULL;
	if (!o->home.kind) { /* first use of this memory: later ones must not disturb who looks at a stale home */
		spin_init(&o->home.lock, "object", RANK_OBJECT);
		o->home.kind = HOME_OBJECT;
	}
	o->ops = ops;
	o->anon = NULL;
	o->data = data;
	o->budget = NULL;
	o->committed = 0;
	o->sealed = o->kept = false;
	o->nslots = 0;
	o->root = 0;
	o->height = 0;
	o->metadata = false;
	store_relaxed(&o->limit, limit_pages);
	o->refs = 1;
	o->nwriting = o->truncating = o->pins = o->error_count = 0;
	o->npages = o->ndirty = 0;
	o->error = 0;
	mutex_init(&o->mapping_lock, "mappings", RANK_MAPPING_LIST);
	list_init(&o->mappings);
	list_init(&o->dirty_link);
	spin_lock(&vm_queue_lock);
	list_append(&object_list, &o->link);
	spin_unlock(&vm_queue_lock);
	return o;
}

struct object *object_create_shared(uint64_t npages, bool noreserve)
{
	uint64_t promise = noreserve && vm_tunables.overcommit_memory != COMMIT_NEVER ? 0 : npages;
	struct object *o;

	if (!commit_take(promise))
		return NULL;
	o = object_create(NULL, NULL, npages);
	if (o)
		o->committed = promise;
	else
		commit_put(promise);
	return o;
}

void object_ref(struct object *o)
{
	if (o->ops && o->ops->ref)
		o->ops->ref(o);
	else if (o->anon && o->anon->ref)
		o->anon->ref(o);
	else
		__atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
}

void object_unref(struct object *o)
{
	if (o->ops && o->ops->unref)
		o->ops->unref(o);
	else if (o->anon && o->anon->unref)
		o->anon->unref(o);
	else if (__atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL) == 1)
		object_destroy(o);
}

unsigned object_count_mappings(struct object *o)
{
	struct mapping *m;
	unsigned n = 0;

	mutex_lock(&o->mapping_lock);
	list_for_each(m, &o->mappings, object_link)
		n++;
	mutex_unlock(&o->mapping_lock);
	return n;
}

bool object_has_writers(struct object *o)
{
	struct mapping *m;
	bool found = false;

	mutex_lock(&o->mapping_lock);
	list_for_each(m, &o->mappings, object_link)
		found |= m->shared && m->max_prot & PROT_WRITE;
	mutex_unlock(&o->mapping_lock);
	return found;
}

void object_pin(struct object *o)
{
	o->pins++;
}

void object_unpin(struct object *o)
{
	spin_lock(&vm_queue_lock);
	if (--o->pins == 0)
		waitq_wake_all(&unpinned);
	spin_unlock(&vm_queue_lock);
}

static void remove_pages(struct object *o, uint64_t first, uint64_t end);

/* Nodes that a look-up made and nothing was put into. */
static void free_nodes(struct node *n)
{
	for (unsigned i = 0; n->level > 0 && i < NODE_SLOTS; i++) {
		if (n->slot[i])
			free_nodes((struct node *)n->slot[i]);
		n->slot[i] = 0;
	}
	node_free(n);
}

void object_destroy(struct object *o)
{
	uint64_t promise = o->committed;
	slot_t root;
	bool nodes;

	might_sleep();
	assert(list_empty(&o->mappings));
	spin_lock(&o->home.lock);
	store_relaxed(&o->limit,
		      0); /* who has it pinned (writeback, swapoff) may look, but brings nothing in */
	o->truncating++;
	spin_unlock(&o->home.lock);
	remove_pages(o, 0, OBJECT_ALL);
	assert(o->npages == 0 && o->ndirty == 0);
	spin_lock(&o->home.lock);
	root = o->root;
	nodes = o->height > 0;
	o->root = o->height = 0;
	spin_unlock(&o->home.lock);
	if (nodes)
		free_nodes((struct node *)root);
	o->committed = 0;
	commit_put(promise);
	if (o->budget)
		budget_unref(o->budget);
	spin_lock(&vm_queue_lock);
	while (o->pins) /* who walks object_list relies on the place of a pinned object */
		waitq_sleep(&unpinned, &vm_queue_lock);
	list_remove(&o->link);
	list_remove(&o->dirty_link);
	spin_unlock(&vm_queue_lock);
	kmem_cache_free(&object_cache, o);
}

/* ---- slots, all with the object's lock held ---- */

static uint64_t reach(unsigned height) /* indices that a tree of this height holds */
{
	return height * NODE_BITS >= 64 ? UINT64_MAX : 1ul << (height * NODE_BITS);
}

static inline slot_t *find_slot(struct object *o, uint64_t index)
{
	unsigned shift = o->height * NODE_BITS;
	struct node *n = (struct node *)o->root;

	if (shift < 64 && index >> shift)
		return NULL;
	if (!shift)
		return &o->root;
	while ((shift -= NODE_BITS) && n)
		n = (struct node *)n->slot[index >> shift & (NODE_SLOTS - 1)];
	return n ? &n->slot[index & (NODE_SLOTS - 1)] : NULL;
}

slot_t *object_slot(struct object *o, uint64_t index)
{
	return find_slot(o, index);
}

static struct node *take_node(struct object *o, struct purse *purse, unsigned level)
{
	return purse_take_node(purse, level, o->height + 3);
}

static bool raise_to(struct object *o, uint64_t index, struct purse *purse)
{
	while (index >= reach(o->height)) {
		struct node *n = take_node(o, purse, o->height);

		if (!n)
			return false;
		if (o->root) {
			n->slot[0] = o->root;
			n->used = 1;
			n->dirty = o->height ?
					   ((struct node *)o->root)->dirty != 0 :
					   slot_is_page(o->root) && page_has(slot_page(o->root), PG_DIRTY);
		}
		o->root = (slot_t)n;
		o->height++;
	}
	return true;
}

slot_t *object_slot_make(struct object *o, uint64_t index, struct purse *purse)
{
	slot_t *s = &o->root;
	struct node *n = NULL;

	dassert(spin_held(&o->home.lock));
	if (!raise_to(o, index, purse))
		return NULL;
	for (unsigned level = o->height; level-- > 0;) {
		if (!*s) {
			struct node *child = take_node(o, purse, level);

			if (!child)
				return NULL;
			*s = (slot_t)child;
			if (n)
				n->used++;
		}
		n = (struct node *)*s;
		s = &n->slot[index >> (level * NODE_BITS) & (NODE_SLOTS - 1)];
	}
	return s;
}

/* Frees the nodes on the path to `index` that became empty; the new value for the slot that named n. */
static slot_t prune(struct node *n, uint64_t index)
{
	unsigned i = index >> (n->level * NODE_BITS) & (NODE_SLOTS - 1);

	if (n->level > 0 && n->slot[i]) {
		n->slot[i] = prune((struct node *)n->slot[i], index);
		if (!n->slot[i]) {
			n->used--;
			n->dirty &= ~(1ul << i);
		}
	}
	if (n->used)
		return (slot_t)n;
	node_free(n);
	return 0;
}

/* Changes what a slot holds, counting; nodes that become empty go. */
static void store(struct object *o, uint64_t index, slot_t *s, slot_t value)
{
	store_relaxed(&o->nslots, o->nslots + !!value - !!*s);
	if (o->budget && *s && !value)
		budget_put(o->budget);
	if (o->height) {
		struct node *leaf = container_of(s - (index & (NODE_SLOTS - 1)), struct node, slot[0]);

		leaf->used += !!value - !!*s;
		if (!value)
			leaf->dirty &= ~(1ul << (index & (NODE_SLOTS - 1)));
		*s = value;
		if (!leaf->used)
			o->root = prune((struct node *)o->root, index);
	} else {
		*s = value;
	}
	if (!o->root)
		o->height = 0;
}

static void attach(struct object *o, uint64_t index, slot_t *s, struct page *p, uint32_t flags)
{
	store_relaxed(&p->home, &o->home);
	p->index = index;
	p->sharers = 1;
	policy_enter(p, *s);
	store(o, index, s, slot_of_page(p));
	page_set(p, flags);
	o->npages++;
	page_kind_add(kind_of(o), 1);
}

void object_detach(struct object *o, struct page *p, slot_t replacement)
{
	slot_t *s = object_slot(o, p->index);

	dassert(spin_held(&o->home.lock) && s && *s == slot_of_page(p));
	assert(!page_has(p, PG_WRITING) && !page_held(p));
	if (page_has(p, PG_DIRTY))
		object_clear_dirty(o, p);
	store(o, p->index, s, replacement);
	if (p->swap && !slot_is_swap(replacement))
		swap_put(p->swap, 1);
	p->swap = 0;
	p->sharers = 0;
	store_relaxed(&p->home, NULL);
	o->npages--;
	page_kind_add(kind_of(o), -1);
	page_clear(p, PG_BUSY);
	page_wake(p);
}

/* ---- dirty pages ---- */

static void mark_path(struct object *o, uint64_t index)
{
	struct node *n = (struct node *)o->root;

	for (unsigned level = o->height; level-- > 0;) {
		unsigned i = index >> (level * NODE_BITS) & (NODE_SLOTS - 1);

		n->dirty |= 1ul << i;
		n = (struct node *)n->slot[i];
	}
}

void object_mark_dirty(struct object *o, struct page *p)
{
	dassert(spin_held(&o->home.lock));
	if (p->swap) { /* its copy is out of date */
		swap_put(p->swap, 1);
		p->swap = 0;
	}
	if (page_has(p, PG_DIRTY))
		return;
	page_set(p, PG_DIRTY);
	mark_path(o, p->index);
	store_relaxed(&o->ndirty, o->ndirty + 1);
	if (o->ndirty == 1 && o->ops)
		object_queue_dirty(o, false);
	if (o->ops)
		page_kind_add(PAGES_DIRTY, 1);
}

void object_clear_dirty(struct object *o, struct page *p)
{
	slot_t *s = object_slot(o, p->index);

	page_clear(p, PG_DIRTY);
	if (o->height)
		container_of(s - (p->index & (NODE_SLOTS - 1)), struct node, slot[0])->dirty &=
			~(1ul << (p->index & (NODE_SLOTS - 1)));
	store_relaxed(&o->ndirty, o->ndirty - 1);
	if (o->ops)
		page_kind_add(PAGES_DIRTY, -1);
}

#define NONE UINT64_MAX

/* The first index >= from below n whose slot is dirty (or, with `dirty` false, in use); NONE. */
static uint64_t node_next(struct node *n, uint64_t from, bool dirty)
{
	unsigned shift = n->level * NODE_BITS;

	for (unsigned i = from >> shift; i < NODE_SLOTS; i++, from = 0) {
		uint64_t below = from & ((1ul << shift) - 1), found;

		if (dirty ? !(n->dirty >> i & 1) : !n->slot[i])
			continue;
		if (n->level == 0)
			return i;
		found = node_next((struct node *)n->slot[i], below, dirty);
		if (found != NONE)
			return ((uint64_t)i << shift) + found;
		if (dirty && below == 0)
			n->dirty &= ~(1ul << i);
	}
	return NONE;
}

/* The first index in [from, end) in use, or with a dirty page; NONE. */
uint64_t object_next(struct object *o, uint64_t from, uint64_t end, bool dirty)
{
	uint64_t found = NONE;

	if (!o->root || from >= reach(o->height))
		return NONE;
	if (o->height)
		found = node_next((struct node *)o->root, from, dirty);
	else if (!dirty || (slot_is_page(o->root) && page_has(slot_page(o->root), PG_DIRTY)))
		found = 0;
	return found < end ? found : NONE;
}

/* ---- bringing pages in ---- */

/* A read whose I/O failed leaves a page marked PG_ERROR: it goes as soon as nobody holds it. True if it went. */
static bool drop_failed(struct object *o, struct page *p)
{
	if (!page_has(p, PG_ERROR) || page_held(p))
		return false;
	object_detach(o, p, p->swap ? slot_of_swap(p->swap) : 0);
	page_free(p);
	return true;
}

void object_drop_failed(struct object *o, uint64_t index)
{
	slot_t *s;

	spin_lock(&o->home.lock);
	s = object_slot(o, index);
	if (s && slot_is_page(*s) && !page_has(slot_page(*s), PG_BUSY))
		drop_failed(o, slot_page(*s));
	spin_unlock(&o->home.lock);
}

static void read_run(struct object *o, struct page **pages, unsigned n)
{
	if (n && o->ops) {
		EVENT(file_reads);
		EVENTS(pgpgin, n * (PAGE_SIZE / 1024));
		o->ops->read(o, pages, n);
		return;
	}
	for (unsigned i = 0; i < n;) { /* anonymous: zeros, or runs of swap entries */
		unsigned k = i + 1;

		if (!pages[i]->swap) {
			clear_page(page_data(pages[i]));
			page_read_done(pages[i++], 0);
			continue;
		}
		while (k < n && pages[k]->swap == pages[i]->swap + (k - i))
			k++;
		swap_read(pages[i]->swap, pages + i, k - i);
		i = k;
	}
}

/* [o] Puts the purse's frame, busy, into an absent slot: 1. 0: there is a page, or a hole that need not be filled. -EAGAIN: the purse
 * says what it lacks; -ENXIO beyond the limit; -ENOSPC. */
static int put_absent(struct object *o, uint64_t index, bool wanted, struct purse *purse)
{
	slot_t *s = object_slot(o, index);

	if (index >= o->limit)
		return -ENXIO;
	if (s && slot_is_page(*s))
		return 0;
	if (!o->ops && !wanted && !(s && *s))
		return 0;
	if (!s)
		s = object_slot_make(o, index, purse);
	purse->want_frame = WANT_FRAME;
	if (!s || !purse->frame)
		return -EAGAIN;
	if (o->budget && !*s && !budget_take(o->budget))
		return -ENOSPC;
	if (slot_is_swap(*s)) /* the slot's count becomes the kept copy's */
		purse->frame->swap = slot_swap(*s);
	attach(o, index, s, purse->frame, wanted ? PG_BUSY : PG_BUSY | PG_AHEAD);
	purse->frame = NULL;
	return 1;
}

/* Reads what is absent of [first, first+n), but of anonymous memory's holes only `index`. Frames are taken only as long as there are some to
 * spare, but for `index`: some progress on that is made, or it is there, or beyond the limit; -ENOSPC; -ENOMEM: this thread is being killed. */
int object_read_in(struct object *o, uint64_t first, unsigned n, uint64_t index)
{
	struct page *run[CLUSTER_MAX];
	struct purse purse = { 0 };
	unsigned nrun = 0, i = 0, here = index - first, nahead = 0;
	int r = 0;

	n = MIN(n, CLUSTER_MAX);
	while (i < n) {
		if (purse_fill(&purse)) {
			read_run(o, run, nrun); /* nobody waits while he has busy pages */
			nrun = 0;
			if (i > here)
				break;
			if (i == here && page_wait_memory())
				return purse_empty(&purse), -ENOMEM;
			i = here;
			continue;
		}
		spin_lock(&o->home.lock);
		r = put_absent(o, first + i, i == here, &purse);
		if (r == 1) {
			run[nrun++] = slot_page(*object_slot(o, first + i));
			nahead += i != here;
		}
		spin_unlock(&o->home.lock);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			break;
		if (r == 0) { /* a page that is there already ends a run */
			read_run(o, run, nrun);
			nrun = 0;
		}
		i++;
	}
	read_run(o, run, nrun);
	purse_empty(&purse);
	EVENTS(readahead, nahead);
	return r == -ENOSPC && i == here ? r : 0;
}

bool object_is_hole(struct object *o, uint64_t index)
{
	bool hole;
	slot_t *s;

	if (o->ops)
		return false;
	spin_lock(&o->home.lock);
	s = object_slot(o, index);
	hole = index < o->limit && !(s && *s);
	spin_unlock(&o->home.lock);
	return hole;
}

void object_prefetch(struct object *o, uint64_t first, uint64_t npages)
{
	uint64_t end = npages > OBJECT_ALL - first ? OBJECT_ALL : first + npages;

	while (first < end && first < load_relaxed(&o->limit) && page_nfree() > page_totals()->low) {
		if (!o->ops) { /* what is in swap */
			spin_lock(&o->home.lock);
			first = object_next(o, first, end, false);
			spin_unlock(&o->home.lock);
		}
		if (first >= end || object_read_in(o, first, MIN(end - first, (uint64_t)CLUSTER_MAX), first))
			break;
		first += CLUSTER_MAX;
	}
}

/* Holds the page at `index` and those behind it in its node, at most `max`, as long as they are ready: how many, or -ENXIO. */
static inline int hold_ready(struct object *o, uint64_t index, struct page **out, uint64_t max)
{
	int n = 0;
	slot_t *s;

	spin_lock(&o->home.lock);
	if (unlikely(index >= o->limit))
		return spin_unlock(&o->home.lock), -ENXIO;
	max = MIN(max, o->limit - index);
	max = MIN(max, o->height ? NODE_SLOTS - index % NODE_SLOTS : 1);
	s = find_slot(o, index);
	for (; s && max && slot_is_page(*s); s++, max--) {
		struct page *p = slot_page(*s);
		uint32_t flags = load_relaxed(&p->flags); /* busy and error change under this lock only */

		if (flags & (PG_BUSY | PG_ERROR))
			break;
		page_hold(p);
		if (!(flags & PG_REFERENCED))
			page_set(p, PG_REFERENCED);
		if (flags & PG_AHEAD)
			page_used_ahead(p);
		out[n++] = p;
	}
	spin_unlock(&o->home.lock);
	return n;
}

enum reading {
	CLUSTER,
	ALONE,
	DONE_ALONE
}; /* after a failed read, perhaps a neighbour's, the page by itself is next */

/* Looks at the page at `index`, which was not ready: waits for it, brings it, or drops it when its read has failed. 0: look again. */
static int make_ready(struct object *o, uint64_t index, struct readahead *ra, uint64_t want,
		      enum reading *how)
{
	enum reading was = *how;
	bool wait, failed;
	uint64_t first = index;
	struct page *p;
	slot_t *s;
	unsigned n;

	spin_lock(&o->home.lock);
	s = object_slot(o, index);
	p = s && slot_is_page(*s) ? slot_page(*s) : NULL;
	wait = p && page_wait_busy(p);
	failed = p && !wait && page_has(p, PG_ERROR);
	if (failed)
		drop_failed(o, p);
	spin_unlock(&o->home.lock);
	if (failed) {
		*how = ALONE;
		return was == DONE_ALONE ? -EIO : 0;
	}
	if (p)
		return 0;
	if (was == CLUSTER) {
		n = readahead_read(ra, index, false, want, &first);
	} else {
		n = 1;
		*how = DONE_ALONE;
	}
	return object_read_in(o, first, n, index);
}

/* `npages` from `index` on were there: is it time to bring the next window? Returns npages. */
static int __attribute__((noinline))
read_ahead(struct object *o, uint64_t index, struct readahead *ra, int npages, uint64_t want)
{
	uint64_t last = index + npages - 1, first;
	unsigned n;

	if (index == ra->next) /* a sequential read of all of them */
		ra->next = last;
	n = readahead_read(ra, last, true, want - npages + 1, &first);
	ra->next = last + 1;
	if (n)
		object_read_in(o, first, n, first - 1); /* none of it is needed now */
	return npages;
}

static int __attribute__((noinline))
wait_for_pages(struct object *o, uint64_t index, struct readahead *ra, struct page **out, uint64_t want)
{
	enum reading how = CLUSTER;
	int got, err;

	do {
		err = make_ready(o, index, ra, want, &how);
		got = err ? err : hold_ready(o, index, out, MIN(want, (uint64_t)OBJECT_RUN));
	} while (!got);
	return got > 0 && ra ? read_ahead(o, index, ra, got, want) : got;
}

int object_get_pages(struct object *o, uint64_t index, struct readahead *ra, struct page **out, uint64_t want)
{
	int got = hold_ready(o, index, out, MIN(want, (uint64_t)OBJECT_RUN));

	if (unlikely(!got))
		return wait_for_pages(o, index, ra, out, want);
	if (!ra || got < 0)
		return got;
	if (ra->window && index + got + ra->window / 2 > ra->ahead)
		return read_ahead(o, index, ra, got, want);
	ra->next = index + got;
	return got;
}

int object_get_page(struct object *o, uint64_t index, struct page **out)
{
	int r = object_get_pages(o, index, NULL, out, 1);

	return r < 0 ? r : 0;
}

struct page *object_find_page(struct object *o, uint64_t index)
{
	struct page *p;

	return hold_ready(o, index, &p, 1) > 0 ? p : NULL;
}

struct page *object_await_page(struct object *o, uint64_t index)
{
	struct page *p;
	bool again;
	slot_t *s;

	do {
		if (hold_ready(o, index, &p, 1) > 0)
			return p;
		spin_lock(&o->home.lock);
		s = index < o->limit ? object_slot(o, index) : NULL;
		p = s && slot_is_page(*s) ? slot_page(*s) : NULL;
		again = p && (page_wait_busy(p) || !page_has(p, PG_ERROR));
		spin_unlock(&o->home.lock);
	} while (again);
	return NULL;
}

int object_busy_page(struct object *o, uint64_t index, struct page **out, bool *fresh)
{
	struct purse purse = { .want_frame = WANT_FRAME, .want_nodes = 2 };
	slot_t *s;

	might_sleep();
	for (;;) {
		spin_lock(&o->home.lock);
		s = object_slot_make(o, index, &purse);
		if (s && slot_is_page(*s)) {
			struct page *p = slot_page(*s);

			if (!page_wait_idle(p)) {
				*fresh = page_has(p, PG_ERROR);
				page_clear(p, PG_ERROR);
				page_set(p, PG_BUSY);
				*out = p;
				break;
			}
		} else if (s && slot_is_swap(*s)) {
			spin_unlock(&o->home.lock);
			if (object_read_in(o, index, 1, index))
				goto killed;
			continue;
		} else if (s && purse.frame) {
			if (o->budget && !*s && !budget_take(o->budget)) {
				spin_unlock(&o->home.lock);
				purse_empty(&purse);
				return -ENOSPC;
			}
			*out = purse.frame;
			*fresh = true;
			purse.frame = NULL;
			attach(o, index, s, *out, PG_BUSY);
			break;
		}
		spin_unlock(&o->home.lock);
		if (purse_fill(&purse) && page_wait_memory())
			goto killed;
	}
	spin_unlock(&o->home.lock);
	purse_empty(&purse);
	return 0;
killed:
	purse_empty(&purse);
	return -ENOMEM;
}

void object_fill_done(struct object *o, struct page *p, bool dirty)
{
	spin_lock(&o->home.lock);
	assert(page_has(p, PG_BUSY));
	page_clear(p, PG_BUSY | PG_ICACHE | PG_ERROR);
	page_set(p, PG_REFERENCED);
	if (dirty)
		object_mark_dirty(o, p);
	page_wake(p);
	spin_unlock(&o->home.lock);
}

void object_fill_keep(struct object *o, struct page *p)
{
	spin_lock(&o->home.lock);
	assert(page_has(p, PG_BUSY));
	page_clear(p, PG_BUSY);
	object_mark_dirty(o, p);
	page_wake(p);
	spin_unlock(&o->home.lock);
}

void object_fill_abort(struct object *o, struct page *p, bool fresh)
{
	if (!fresh) {
		page_end_busy(p);
		return;
	}
	spin_lock(&o->home.lock);
	object_detach(o, p, 0);
	spin_unlock(&o->home.lock);
	page_free(p);
}

int object_reserve(struct object *o, uint64_t index)
{
	return o->ops && o->ops->reserve ? o->ops->reserve(o, index) : 0;
}

void object_unreserve(struct object *o, uint64_t from, uint64_t end)
{
	if (o->ops && o->ops->unreserve)
		o->ops->unreserve(o, from, end);
}

int object_make_dirty(struct object *o, struct page *p)
{
	int err;

	if (page_has(p, PG_DIRTY))
		return 0; /* it is held: no writeback cleans it */
	err = object_reserve(o, p->index);
	if (err)
		return err;
	object_touch_dirty(o, p);
	return 0;
}

void object_touch_dirty(struct object *o, struct page *p)
{
	if (page_has(p, PG_DIRTY) && !p->swap && !page_has(p, PG_ICACHE))
		return;
	spin_lock(&o->home.lock);
	page_clear(p, PG_ICACHE);
	object_mark_dirty(o, p);
	spin_unlock(&o->home.lock);
}

void page_read_done(struct page *p, int error)
{
	if (error)
		page_set(p, PG_ERROR);
	page_end_busy(p);
}

/* ---- growing, truncating ---- */

void object_grow(struct object *o, uint64_t limit_pages)
{
	spin_lock(&o->home.lock);
	store_relaxed(&o->limit, MAX(o->limit, limit_pages));
	spin_unlock(&o->home.lock);
}

/* Removes what lies in [first, end): pages whatever their state, waiting for busy, holds and I/O; swap entries; stamps. */
static void remove_pages(struct object *o, uint64_t first, uint64_t end)
{
	uint64_t i;

	spin_lock(&o->home.lock);
	while ((i = object_next(o, first, end, false)) != NONE) {
		slot_t *s = object_slot(o, i);

		if (slot_is_page(*s)) {
			struct page *p = slot_page(*s);

			if (page_wait_idle(p))
				continue;
			object_detach(o, p, 0);
			page_free(p);
		} else {
			if (slot_is_swap(*s))
				swap_put(slot_swap(*s), 1);
			store(o, i, s, 0);
		}
		first = i + 1;
		spin_unlock(&o->home.lock); /* one slot's work: others get their turn */
		spin_lock(&o->home.lock);
	}
	spin_unlock(&o->home.lock);
}

void object_drop_stamps(struct object *o)
{
	uint64_t i, next = 0;

	spin_lock(&o->home.lock);
	while (o->nslots > o->npages && (i = object_next(o, next, OBJECT_ALL, false)) != UINT64_MAX) {
		if (reclaim_stamp_expired(*object_slot(o, i)))
			store(o, i, object_slot(o, i), 0);
		next = i + 1;
		if (next % NODE_SLOTS == 0) { /* others get their turn */
			spin_unlock(&o->home.lock);
			spin_lock(&o->home.lock);
		}
	}
	spin_unlock(&o->home.lock);
}

/* Afterwards every fault that looked at the limit before it was lowered has put its PTE where table_clear_range finds it: for a private
 * page that happens under the family's lock. */
static void let_faults_end(struct space *s)
{
	struct family *f = s->overlay.family;

	home_lock(&f->home);
	spin_unlock(&f->home.lock);
}

/* One pass over the mappings of [first, end): PTEs away, private copies too. -EAGAIN with *w saying what to wait for. */
static int unmap_pass(struct object *o, uint64_t first, uint64_t end, bool private_too, struct clear_wait *w)
{
	struct mapping *m;
	int err = 0;

	mutex_lock(&o->mapping_lock);
	list_for_each(m, &o->mappings, object_link) {
		uint64_t lo = MAX(first, m->offset), hi = MIN(end, m->offset + (m->end - m->start));

		if (lo >= hi)
			continue;
		lo = m->start + (lo - m->offset);
		hi = m->start + (hi - m->offset);
		if (private_too && !m->shared)
			let_faults_end(m->space);
		table_clear_range(m->space, lo, hi);
		space_shoot(m->space);
		if (private_too && !m->shared)
			err = overlay_clear(&m->space->overlay, lo, hi, w);
		if (err)
			break;
	}
	mutex_unlock(&o->mapping_lock);
	return err;
}

static void unmap_everywhere(struct object *o, uint64_t first, uint64_t end, bool private_too)
{
	struct clear_wait w = { 0 };

	if (list_empty(
		    &o->mappings)) /* a file system's metadata never has any, and its holder may be in a block map */
		return;
	while (unmap_pass(o, first, end, private_too, &w))
		clear_wait(&w);
	purse_empty(&w.purse);
}

void object_truncate(struct object *o, uint64_t nbytes)
{
	uint64_t limit = DIV_ROUND_UP(nbytes, PAGE_SIZE), tail = nbytes & PAGE_MASK;
	struct page *p = NULL;
	slot_t *s;

	spin_lock(&o->home.lock);
	store_relaxed(&o->limit, MIN(o->limit, limit));
	o->truncating++;
	spin_unlock(&o->home.lock);
	unmap_everywhere(o, limit, OBJECT_ALL, true);
	remove_pages(o, limit, OBJECT_ALL);
	spin_lock(&o->home.lock);
	o->truncating--;
	while (tail) {
		s = object_slot(o, limit - 1);
		p = s && slot_is_page(*s) ? slot_page(*s) : NULL;
		if (!p || !page_wait_idle(p))
			break;
	}
	if (p)
		page_set(p, PG_BUSY);
	spin_unlock(&o->home.lock);
	if (!p)
		return;
	if (contents_are_zeros((char *)page_data(p) + tail,
			       PAGE_SIZE - tail)) { /* a hole, perhaps: nothing to write */
		page_end_busy(p);
		return;
	}
	contents_clear((char *)page_data(p) + tail, PAGE_SIZE - tail);
	object_fill_done(o, p, true);
}

#define DROP_BATCH 64

/* Empties slots of [*first, end) that hold no page, and makes a batch of pages busy, waiting for the first; *first moves behind. */
static unsigned gather_dropped(struct object *o, uint64_t *first, uint64_t end, struct page **batch)
{
	unsigned n = 0;
	uint64_t i;

	spin_lock(&o->home.lock);
	while (n < DROP_BATCH && (i = object_next(o, *first, end, false)) != NONE) {
		slot_t *s = object_slot(o, i);
		struct page *p = slot_is_page(*s) ? slot_page(*s) : NULL;

		if (p && n && (page_has(p, PG_BUSY | PG_WRITING) || page_held(p)))
			break; /* nobody waits while he has busy pages */
		if (p && page_wait_idle(p))
			continue;
		if (p) {
			page_set(p, PG_BUSY);
			batch[n++] = p;
		} else {
			if (slot_is_swap(*s))
				swap_put(slot_swap(*s), 1);
			store(o, i, s, 0);
		}
		*first = i + 1;
	}
	spin_unlock(&o->home.lock);
	return n;
}

void object_drop_range(struct object *o, uint64_t first, uint64_t npages)
{
	uint64_t end = npages > OBJECT_ALL - first ? OBJECT_ALL : first + npages;
	struct page *batch[DROP_BATCH];
	unsigned n;

	/* the limit stays, so only that a page is busy keeps new PTEs away */
	while ((n = gather_dropped(o, &first, end, batch))) {
		unmap_everywhere(o, batch[0]->index, batch[n - 1]->index + 1, false);
		for (unsigned i = 0; i < n; i++) {
			spin_lock(&o->home.lock);
			object_detach(o, batch[i], 0);
			spin_unlock(&o->home.lock);
			page_free(batch[i]);
		}
	}
}
