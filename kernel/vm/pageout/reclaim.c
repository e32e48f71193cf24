/* SPDX-License-Identifier: ISC */
/*
 * Reclaim: how pages leave memory.
 *
 *	pageoutd   when free frames fall below `low`, until they reach `high`: lets the policy scan. A clean page that it offers becomes
 *	           busy and joins a batch; a dirty one goes to the pusher's queue. Batches lose their PTEs, one shootdown follows for all of
 *	           a batch, then the slots change and the frames are free.
 *	pusher     writes queued dirty pages, so that a slow disk never stops the scan: a file's with their dirty neighbours by
 *	           writeback, anonymous ones sorted by home and index into runs of swap slots. When a write has ended
 *	           and the page is still unused, it goes to the laundered queue, which pageoutd empties first.
 *
 * A page is on at most one queue (PG_QUEUED, its `link`), which vm_queue_lock guards; who pops it takes its home's lock and looks at
 * everything again. Neither thread waits for memory: both may use the reserve.
 */
#include "lib/errno.h"
#include "lib/printf.h"
#include "proc/thread.h"
#include "vm/pageout/policy.h"

#define SCAN_STEP      128
#define EVICT_BATCH    64
#define PUSH_BATCH     128 /* pages written together */
#define PUSH_START     48  /* queued pages that the pusher is woken for while the scan goes on */
#define PUSH_QUEUE_MAX 512
#define IDLE_NS	       2000000000ul /* the clock counts as turning for so long after the last scan */
#define RETRY_NS       5000000ul
#define STAMP_MASK     ((1u << STAMP_BITS) - 1)

static struct list push_queue = LIST_INIT(push_queue);
static struct list laundered = LIST_INIT(laundered);
static unsigned npush; /* length of push_queue; read without the lock for pauses */
static bool pusher_busy;
static struct waitq pageout_waitq = WAITQ_INIT(pageout_waitq), push_waitq = WAITQ_INIT(push_waitq);
static struct waitq memory_waitq = WAITQ_INIT(memory_waitq);
uint32_t reclaim_nwaiters;
static bool kicked;
static uint64_t last_scan_ns, nevicted;
/* How hard it is to find something: nothing in a quarter of a turn, then swappiness means no more; nothing in a whole one, then what is in
 * use goes too. */
static enum need { NEED_NORMAL, NEED_ALL, NEED_USED } need; /* pageoutd's; the pusher looks at it, too */

static void set_need(enum need n)
{
	store_relaxed(&need, n);
}

/* pageoutd's batch of busy, clean pages. */
static struct page *victims[EVICT_BATCH];
static unsigned nvictims;

/* ---- waiting for memory ---- */

void reclaim_kick(void)
{
	if (!__atomic_exchange_n(&kicked, true, __ATOMIC_RELAXED))
		waitq_wake_one(&pageout_waitq);
}

bool reclaim_active(void)
{
	uint64_t last = load_relaxed(&last_scan_ns);

	return last && time_ns() - last < IDLE_NS;
}

void reclaim_wake_waiters(void)
{
	waitq_wake_all(&memory_waitq);
}

int page_wait_memory(void)
{
	might_sleep();
	EVENT(allocstall_normal);
	if (thread_killed() && page_nfree() == 0)
		return -ENOMEM;
	spin_lock(&vm_queue_lock);
	__atomic_fetch_add(&reclaim_nwaiters, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&kicked, true, __ATOMIC_RELAXED);
	waitq_wake_one(&pageout_waitq);
	while (page_nfree() <= page_totals()->reserve && !thread_killed())
		waitq_sleep_until(&memory_waitq, &vm_queue_lock, time_ns() + 50000000, false);
	__atomic_fetch_sub(&reclaim_nwaiters, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&vm_queue_lock);
	return thread_killed() ? -ENOMEM : 0;
}

struct page *page_alloc_wait(void)
{
	struct page *p;

	while (!(p = page_alloc()))
		if (page_wait_memory())
			return page_alloc();
	return p;
}

/* ---- queues ---- */

static void count_push(int n)
{
	store_relaxed(&npush, npush + n);
}

static bool enqueue(struct list *q, struct page *p)
{
	bool added = false;

	spin_lock(&vm_queue_lock);
	if (!page_has(p, PG_QUEUED) && (q != &push_queue || npush < PUSH_QUEUE_MAX)) {
		page_set(p, PG_QUEUED);
		list_append(q, &p->link);
		count_push(q == &push_queue);
		added = true;
	}
	spin_unlock(&vm_queue_lock);
	return added;
}

/* It is off its queue: whoever frees it asks for the flag without the lock, and then may use the link. */
static void unqueued(struct page *p)
{
	__atomic_fetch_and(&p->flags, ~(PG_QUEUED | PG_LAUNDERED), __ATOMIC_RELEASE);
}

static struct page *dequeue(struct list *q)
{
	struct page *p = NULL;
	struct list *l;

	spin_lock(&vm_queue_lock);
	l = list_pop(q);
	if (l) {
		p = list_entry(l, struct page, link);
		unqueued(p);
		count_push(-(q == &push_queue));
	}
	spin_unlock(&vm_queue_lock);
	return p;
}

void reclaim_dequeue(struct page *p)
{
	spin_lock(&vm_queue_lock);
	if (page_has(p, PG_QUEUED)) {
		if (!page_has(p, PG_LAUNDERED))
			count_push(-1);
		list_remove(&p->link);
		unqueued(p);
	}
	spin_unlock(&vm_queue_lock);
}

void reclaim_laundered(struct page *p)
{
	spin_lock(&vm_queue_lock);
	if (!page_has(p, PG_QUEUED)) {
		page_set(p, PG_QUEUED | PG_LAUNDERED);
		list_append(&laundered, &p->link);
		waitq_wake_one(&pageout_waitq);
	}
	spin_unlock(&vm_queue_lock);
}

/* ---- one page ---- */

static struct object *object_of(struct home *h)
{
	return container_of(h, struct object, home);
}

static struct family *family_of(struct home *h)
{
	return container_of(h, struct family, home);
}

bool reclaim_forget_use(struct page *p, struct shoot_batch *b)
{
	struct home *h = page_lock_home(p);
	uint64_t index;
	bool used;

	if (!h)
		return false;
	used = page_has(p, PG_REFERENCED);
	page_clear(p, PG_REFERENCED);
	if (h->kind == HOME_FAMILY) {
		used |= rmap_family(family_of(h), p, RMAP_REFERENCED, b) > 0;
		spin_unlock(&h->lock);
		return used;
	}
	if (list_empty(&object_of(h)->mappings)) {
		spin_unlock(&h->lock);
		return used;
	}
	index = p->index;
	spin_lock(&vm_queue_lock); /* the page keeps the object there until it is pinned */
	object_pin(object_of(h));
	spin_unlock(&vm_queue_lock);
	spin_unlock(&h->lock);
	mutex_lock(&object_of(h)->mapping_lock);
	used |= rmap_object(object_of(h), p, index, RMAP_REFERENCED, b) > 0;
	mutex_unlock(&object_of(h)->mapping_lock);
	object_unpin(object_of(h));
	return used;
}

/* [h] Could it be evicted, but for being used? */
static bool evictable(struct page *p)
{
	return !page_has(p, PG_BUSY | PG_WRITING) && !page_held(p);
}

static bool anonymous(struct home *h)
{
	return h->kind == HOME_FAMILY || !object_of(h)->ops;
}

static bool swap_has_room(void)
{
	uint64_t npages, nfree;

	vm_swap_totals(&npages, &nfree);
	return nfree > 0;
}

/* Ends the eviction of a busy page: its PTEs are gone and shot down. `used`: it was used after all and stays. */
static void finish(struct page *p, bool used)
{
	struct home *h = p->home;

	home_lock(h);
	if (h->kind == HOME_FAMILY && !p->swap && !family_exclusive(family_of(h), p)) {
		page_clear(p, PG_LAZYFREE); /* MADV_FREE, then a fork: too many slots to empty */
		page_set(p, PG_DIRTY);
		used = true;
	}
	if (used) {
		page_clear(p, PG_BUSY);
		page_set(p, PG_REFERENCED);
		page_wake(p);
		spin_unlock(&h->lock);
		EVENT(pgreferenced);
		return;
	}
	if (h->kind == HOME_FAMILY) {
		family_swap_out(family_of(h), p);
	} else {
		page_clear(p, PG_ERROR);
		object_detach(object_of(h), p, slot_stamped(p->swap, reclaim_stamp()));
	}
	spin_unlock(&h->lock);
	__atomic_fetch_add(&nevicted, 1, __ATOMIC_RELAXED);
	if (page_has(p, PG_AHEAD))
		EVENT(readahead_unused);
	if (anonymous(h))
		EVENT(pgsteal_anon);
	else
		EVENT(pgsteal_file);
	page_free(p);
}

uint32_t reclaim_stamp(void)
{
	uint32_t stamp = load_relaxed(&nevicted) & STAMP_MASK;

	return stamp ? stamp : 1;
}

void reclaim_expire_stamps(void)
{
	__atomic_fetch_add(&nevicted, page_totals()->total, __ATOMIC_RELAXED);
}

static bool is_recent(slot_t s)
{
	return ((reclaim_stamp() - slot_stamp(s)) & STAMP_MASK) < page_totals()->total;
}

bool reclaim_refault(slot_t s)
{
	if (!is_recent(s))
		return false;
	EVENT(refaults);
	return true;
}

bool reclaim_stamp_expired(slot_t s)
{
	return slot_is_stamp(s) && !is_recent(s);
}

/* Do so many uses keep a page? */
static bool keeps(unsigned nuses)
{
	return nuses >= RMAP_LOCKED || (nuses && load_relaxed(&need) != NEED_USED && !policy->ignores_use);
}

static void evict_victims(void)
{
	struct shoot_batch batch = { 0 };
	bool used[EVICT_BATCH];

	for (unsigned i = 0; i < nvictims; i++)
		used[i] = keeps(rmap_busy_page(victims[i], RMAP_REMOVE, &batch));
	batch_shoot(&batch);
	for (unsigned i = 0; i < nvictims; i++)
		finish(victims[i], used[i]);
	nvictims = 0;
}

static bool recently_used(struct home *h, struct page *p)
{
	struct shoot_batch none = { 0 };

	if (keeps(page_has(p, PG_REFERENCED)) ||
	    (h->kind == HOME_OBJECT && load_relaxed(&object_of(h)->kept)))
		return true;
	return h->kind == HOME_FAMILY && keeps(rmap_family(family_of(h), p, RMAP_PEEK, &none));
}

/* swappiness as a share: of anonymous pages below 100, of files' above it, so many of a hundred are taken. In need all are. */
static bool passed_over(struct home *h)
{
	static unsigned credit[2];
	bool anon = anonymous(h);
	unsigned share = anon ? vm_tunables.swappiness : 200 - vm_tunables.swappiness;

	if (share >= 100 || need != NEED_NORMAL)
		return false;
	credit[anon] += share;
	if (credit[anon] < 100)
		return true;
	credit[anon] -= 100;
	return false;
}

/* The page was unused when the policy looked: clean ones become victims, dirty ones are queued for the pusher. */
bool reclaim_try(struct page *p)
{
	struct home *h = page_lock_home(p);
	bool taken = false;

	if (!h)
		return false;
	if (!evictable(p) || recently_used(h, p) || passed_over(h))
		goto out;
	if (page_has(p, PG_DIRTY)) {
		if (!anonymous(h) || swap_has_room()) {
			page_set(p, PG_PUSHED);
			taken = enqueue(&push_queue, p);
		}
	} else {
		dassert(!page_held(p));
		page_set(p, PG_BUSY);
		victims[nvictims++] = p;
		taken = true;
	}
out:
	spin_unlock(&h->lock);
	if (nvictims == EVICT_BATCH)
		evict_victims();
	return taken;
}

static void wake_pusher(unsigned at_least)
{
	spin_lock(&vm_queue_lock);
	if (npush >= at_least)
		waitq_wake_one(&push_waitq);
	spin_unlock(&vm_queue_lock);
}

void reclaim_page_out(struct page *p)
{
	struct home *h;

	while (load_relaxed(&npush) >= PUSH_QUEUE_MAX / 2 && !thread_killed()) {
		wake_pusher(1);
		thread_sleep_ns(RETRY_NS);
	}
	h = page_lock_home(p);
	if (!h)
		return;
	if (evictable(p) && !recently_used(h, p)) {
		if (!page_has(p, PG_DIRTY)) {
			reclaim_laundered(p);
		} else if (!anonymous(h) || swap_has_room()) {
			page_set(p, PG_PUSHED);
			enqueue(&push_queue, p);
		}
	}
	spin_unlock(&h->lock);
}

void reclaim_start_writing(void)
{
	wake_pusher(1);
}

/* ---- pageoutd ---- */

static void evict_laundered(void)
{
	struct page *p;

	while ((p = dequeue(&laundered)))
		reclaim_try(p);
}

static bool writes_under_way(void)
{
	bool queued;

	spin_lock(&vm_queue_lock); /* the pusher becomes busy before it takes the last page off the queue */
	queued = pusher_busy || npush;
	spin_unlock(&vm_queue_lock);
	return queued || page_kind_count(PAGES_WRITING) || swap_in_flight();
}

static void pause_for(uint64_t ns)
{
	spin_lock(&vm_queue_lock);
	waitq_sleep_until(&pageout_waitq, &vm_queue_lock, time_ns() + ns, false);
	spin_unlock(&vm_queue_lock);
}

/* Page tables that nobody used in half a turn go: they come back by faults. */
static unsigned sweep_tables(void)
{
	struct space *s;
	unsigned n = 0;

	for (unsigned k = 0; (s = space_kth(k)); k++) {
		n += table_sweep(s);
		space_unpin(s);
	}
	return n;
}

/*
 * Scans until enough is free. Two turns of the clock that found next to nothing, though the second takes even what is in use, while
 * nothing is being written either, mean that memory and swap are exhausted: then, if somebody waits, the OOM killer comes. Next to
 * nothing: the last pages of running programs, taken and wanted back at once, are no way out.
 */
static void make_room(void)
{
	static uint64_t until_sweep;
	uint64_t scanned = 0, found = 0, turn = 2 * (frame_end - frame_first);

	while (page_nfree() < page_totals()->high) {
		unsigned taken;

		store_relaxed(&last_scan_ns, time_ns());
		evict_laundered();
		taken = policy->scan(SCAN_STEP);
		evict_victims();
		until_sweep -= MIN(until_sweep, (uint64_t)SCAN_STEP);
		if (!until_sweep) {
			taken += sweep_tables();
			caches_want_shrink();
			until_sweep = turn / 4;
		}
		wake_pusher(PUSH_START);
		if (reclaim_waiters() && page_nfree() > page_totals()->reserve)
			reclaim_wake_waiters();
		scanned += SCAN_STEP;
		found += taken;
		if (found > turn / 256)
			found = scanned = 0;
		set_need(scanned < turn / 4 ? NEED_NORMAL : scanned < turn ? NEED_ALL : NEED_USED);
		if (load_relaxed(&npush) >= PUSH_QUEUE_MAX / 2 ||
		    (scanned > turn / 4 && writes_under_way())) {
			wake_pusher(1);
			pause_for(RETRY_NS);
		}
		if (scanned <= 2 * turn)
			continue;
		if (page_nfree() > page_totals()->low)
			return; /* good enough, nothing more to be had */
		if (writes_under_way())
			continue;
		if (!reclaim_waiters())
			return;
		oom_kill();
		scanned = found = 0;
	}
}

void pageoutd(void *arg __unused)
{
	page_reserve_enter();
	for (;;) {
		spin_lock(&vm_queue_lock);
		while (!__atomic_exchange_n(&kicked, false, __ATOMIC_RELAXED) && list_empty(&laundered))
			waitq_sleep_until(&pageout_waitq, &vm_queue_lock, time_ns() + 1000000000, false);
		spin_unlock(&vm_queue_lock);
		evict_laundered();
		evict_victims();
		make_room();
		set_need(NEED_NORMAL);
		wake_pusher(1);
		if (reclaim_waiters())
			reclaim_wake_waiters();
	}
}

/* ---- pusher ---- */

static bool comes_before(const struct page *a, const struct page *b)
{
	return a->home != b->home ? a->home < b->home : a->index < b->index;
}

static void sort_pages(struct page **v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		struct page *p = v[i];
		unsigned k = i;

		for (; k > 0 && comes_before(p, v[k - 1]); k--)
			v[k] = v[k - 1];
		v[k] = p;
	}
}

/* A run of busy anonymous pages becomes writable no more, then goes out to consecutive swap slots from `entry`. */
static void push_run(uint32_t entry, struct page **run, unsigned n)
{
	struct shoot_batch batch = { 0 };

	for (unsigned i = 0; i < n; i++)
		rmap_busy_page(run[i], RMAP_CLEAR_WRITE, &batch);
	batch_shoot(&batch);
	dassert(!batch.n);	/* no hart writes them any more */
	swap_get_run(entry, n); /* the pages' own counts, beside the I/O's */
	for (unsigned i = 0; i < n; i++) {
		struct home *h = run[i]->home;

		home_lock(h);
		if (h->kind == HOME_OBJECT) {
			object_clear_dirty(object_of(h), run[i]);
			object_of(h)->nwriting++;
		} else {
			page_clear(run[i], PG_DIRTY);
		}
		run[i]->swap = entry + i;
		page_set(run[i], PG_WRITING);
		page_clear(run[i], PG_BUSY);
		page_wake(run[i]);
		spin_unlock(&h->lock);
	}
	page_kind_add(PAGES_WRITING, n);
	swap_write(entry, run, n);
}

static void push_anonymous(struct page **v, unsigned n)
{
	sort_pages(v, n);
	for (unsigned i = 0; i < n;) {
		unsigned k = n - i;
		uint32_t entry = swap_alloc(&k);

		if (!entry) {
			for (; i < n; i++)
				page_end_busy(v[i]);
			return;
		}
		push_run(entry, v + i, k);
		i += k;
	}
}

static void push_file(struct object *o, uint64_t index)
{
	object_writeback(o, ALIGN_DOWN(index, NODE_SLOTS), NODE_SLOTS, false);
	object_unpin(o);
}

/* What the pusher is about to write: busy anonymous pages. */
struct push {
	struct page *page[PUSH_BATCH];
	unsigned n;
};

static void join(struct push *b, struct page *p)
{
	dassert(!page_held(p));
	page_set(p, PG_BUSY);
	b->page[b->n++] = p;
}

/* The 64 slots of the leaf that names the page; NULL: it lies in none. [h] */
static const slot_t *leaf_of(struct home *h, struct page *p)
{
	uint64_t first = ALIGN_DOWN(p->index, NODE_SLOTS);
	struct overlay *ov;
	bool shared;

	if (h->kind == HOME_OBJECT)
		return object_of(h)->height ? object_slot(object_of(h), first) : NULL;
	list_for_each(ov, &family_of(h)->members, link) {
		struct node *leaf = overlay_leaf(ov, first, &shared);

		if (leaf && leaf->slot[p->index - first] == slot_of_page(p))
			return leaf->slot;
	}
	return NULL;
}

/* Dirty neighbours that nobody used lately go out in the same request, so that they lie together in swap, too. They stay in memory,
 * clean, until their own turn comes. [h] */
static void join_neighbours(struct push *b, struct home *h, struct page *p)
{
	const slot_t *slots = leaf_of(h, p);

	for (unsigned i = 0; slots && i < NODE_SLOTS && b->n < PUSH_BATCH; i++) {
		struct page *q = slot_is_page(slots[i]) ? slot_page(slots[i]) : NULL;

		if (!q || !page_has(q, PG_DIRTY) || !evictable(q) || recently_used(h, q))
			continue;
		if (policy->soon && !policy->soon(q))
			continue;
		reclaim_dequeue(q);
		join(b, q);
	}
}

/* Takes a queued page: an anonymous one joins the batch with its neighbours; a file's is written here. */
static void prepare(struct push *b, struct page *p)
{
	struct home *h = page_lock_home(p);
	uint64_t index;

	if (!h)
		return;
	if (!page_has(p, PG_DIRTY) || !evictable(p)) {
		spin_unlock(&h->lock);
		return;
	}
	if (anonymous(h)) {
		join(b, p);
		join_neighbours(b, h, p);
		spin_unlock(&h->lock);
		return;
	}
	index = p->index;
	spin_lock(&vm_queue_lock);
	object_pin(object_of(h));
	spin_unlock(&vm_queue_lock);
	spin_unlock(&h->lock);
	push_file(object_of(h), index);
}

void pusher(void *arg __unused)
{
	static struct push batch;
	struct page *p;

	page_reserve_enter();
	for (;;) {
		spin_lock(&vm_queue_lock);
		pusher_busy = false;
		while (list_empty(&push_queue))
			waitq_sleep(&push_waitq, &vm_queue_lock);
		pusher_busy = true;
		spin_unlock(&vm_queue_lock);
		batch.n = 0;
		while (batch.n < PUSH_BATCH && (p = dequeue(&push_queue)))
			prepare(&batch, p);
		push_anonymous(batch.page, batch.n);
	}
}

void vm_start_threads(void)
{
	policy_init();
	if (!kthread_create("pageoutd", pageoutd, NULL) || !kthread_create("pusher", pusher, NULL) ||
	    !kthread_create("writebackd", writebackd, NULL))
		panic("no memory for the kernel's threads");
}
