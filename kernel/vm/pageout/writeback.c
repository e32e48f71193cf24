/* SPDX-License-Identifier: ISC */
/*
 * Writeback of file objects.
 *
 * A run is up to RUN_MAX consecutive dirty pages. They become busy, lose write permission everywhere, one shootdown
 * follows, then WRITING is set, DIRTY cleared, busy ends, and the pager writes. A store in the meantime faults and
 * makes the page dirty again; no second write of it starts before the first has ended.
 *
 * Objects with dirty pages are on one list, oldest first. writebackd looks at it every second, writes what is older than
 * dirty_expire_centisecs or was put there "soon" (munmap and exit do), data of files first, then their metadata (commit), then the
 * block devices' own pages. Above dirty_background_ratio it writes all there is; from half way to dirty_ratio on writers pause, the longer the nearer
 * they come, and at dirty_ratio they wait.
 */
#include "dev/block.h"
#include "lib/printf.h"
#include "proc/thread.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"
#include "vm/internal.h"

#define RUN_MAX	       320 /* 1280 KiB */
#define CENTISEC_NS    10000000ul
#define PAUSE_MAX_NS   200000000ul
#define THROTTLE_EVERY 32 /* pages that a writer makes dirty between two looks */

static struct list dirty_objects = LIST_INIT(dirty_objects);
static struct waitq writeback_waitq = WAITQ_INIT(writeback_waitq); /* writebackd sleeps here */
static struct waitq throttled = WAITQ_INIT(throttled);		   /* writers, until their pause is over */
static struct waitq over_limit = WAITQ_INIT(over_limit);	   /* writers, until less is dirty */
static struct list line =
	LIST_INIT(line);	    /* those that wait for it, the first who came first; vm_queue_lock */
static uint64_t nwriting, nwritten; /* [a] pages of files: now, ever */
static bool kicked, shrink;	    /* under vm_queue_lock */
static unsigned (*shrinker)(void);

void object_queue_dirty(struct object *o, bool soon)
{
	spin_lock(&vm_queue_lock);
	if (list_empty(&o->dirty_link)) {
		o->dirty_since = time_ns();
		list_append(&dirty_objects, &o->dirty_link);
	}
	if (soon)
		o->dirty_since = 0;
	spin_unlock(&vm_queue_lock);
}

void writeback_kick(void)
{
	spin_lock(&vm_queue_lock);
	kicked = true;
	waitq_wake_one(&writeback_waitq);
	spin_unlock(&vm_queue_lock);
}

void writeback_look(void)
{
	spin_lock(&vm_queue_lock);
	waitq_wake_one(&writeback_waitq);
	spin_unlock(&vm_queue_lock);
}

/* ---- one object ---- */

/* Makes a run busy, starting at the first dirty page of [*pos, end). With `wait` it waits for a first page that is in use; otherwise such
 * pages are passed over. Returns the number of pages, 0 at the end; *pos moves behind. */
static unsigned gather(struct object *o, uint64_t *pos, uint64_t end, bool wait, struct page **run)
{
	unsigned n = 0;
	uint64_t i;

	spin_lock(&o->home.lock);
	while ((i = object_next(o, *pos, end, true)) != UINT64_MAX) {
		struct page *p = slot_page(*object_slot(o, i));

		if (n && (i != run[n - 1]->index + 1 || n == RUN_MAX))
			break;
		if (page_has(p, PG_BUSY | PG_WRITING) || page_held(p)) {
			if (n)
				break;
			if (wait && page_wait_idle(p))
				continue;
			*pos = i + 1;
			continue;
		}
		page_set(p, PG_BUSY);
		run[n++] = p;
		*pos = i + 1;
	}
	spin_unlock(&o->home.lock);
	return n;
}

static void write_run(struct object *o, struct page **run, unsigned n)
{
	struct shoot_batch batch = { 0 };

	if (!list_empty(&o->mappings)) {
		mutex_lock(&o->mapping_lock);
		for (unsigned i = 0; i < n; i++)
			rmap_object(o, run[i], run[i]->index, RMAP_CLEAR_WRITE, &batch);
		mutex_unlock(&o->mapping_lock);
		batch_shoot(&batch);
	}
	spin_lock(&o->home.lock);
	for (unsigned i = 0; i < n; i++) {
		object_clear_dirty(o, run[i]);
		page_set(run[i], PG_WRITING);
		page_clear(run[i], PG_BUSY);
		page_wake(run[i]);
	}
	o->nwriting += n;
	spin_unlock(&o->home.lock);
	page_kind_add(PAGES_WRITING, n);
	__atomic_fetch_add(&nwriting, n, __ATOMIC_RELAXED);
	EVENT(writeback_runs);
	EVENTS(pgpgout, n * (PAGE_SIZE / 1024));
	o->ops->write(o, run, n);
}

void page_write_done(struct page *p, int error)
{
	struct home *h = p->home;
	bool file = false;

	home_lock(h);
	assert(page_has(p, PG_WRITING));
	page_clear(p, PG_WRITING);
	if (h->kind == HOME_OBJECT) {
		struct object *o = container_of(h, struct object, home);

		o->nwriting--;
		file = o->ops;
		if (error && file) {
			o->error = error;
			o->error_count++;
		}
	}
	page_wake(p);
	page_kind_add(PAGES_WRITING, -1);
	if (page_has(p, PG_PUSHED)) {
		page_clear(p, PG_PUSHED);
		if (!page_has(p, PG_DIRTY | PG_REFERENCED))
			reclaim_laundered(p);
	}
	spin_unlock(&h->lock);
	if (!file)
		return;
	__atomic_fetch_sub(&nwriting, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&nwritten, 1, __ATOMIC_RELAXED);
	if (!list_empty(&over_limit.waiters))
		waitq_wake_all(&over_limit);
}

static void wait_written(struct object *o, uint64_t first, uint64_t end)
{
	uint64_t i;

	spin_lock(&o->home.lock);
	while (o->nwriting && (i = object_next(o, first, end, false)) != UINT64_MAX) {
		slot_t s = *object_slot(o, i);

		if (slot_is_page(s) && page_wait_written(slot_page(s)))
			continue;
		first = i + 1;
	}
	spin_unlock(&o->home.lock);
}

int object_writeback(struct object *o, uint64_t first, uint64_t npages, bool wait)
{
	uint64_t end = npages > OBJECT_ALL - first ? OBJECT_ALL : first + npages, pos = first;
	uint32_t errors = o->error_count;
	struct page *run[RUN_MAX];
	unsigned n;

	if (!o->ops || !o->ops->write)
		return 0;
	while ((n = gather(o, &pos, end, wait, run)))
		write_run(o, run, n);
	if (!wait)
		return 0;
	wait_written(o, first, end);
	return o->error_count != errors ? o->error : 0;
}

/* ---- all objects ---- */

static void commit(struct object *o, bool wait)
{
	if (o->ops->commit)
		o->ops->commit(o, wait);
}

/* The oldest listed object of the kind that was queued before `before`, pinned; taken off the list. */
static struct object *take_dirty(bool metadata, uint64_t before)
{
	struct object *o;

	spin_lock(&vm_queue_lock);
	list_for_each(o, &dirty_objects, dirty_link) {
		if (o->metadata != metadata || o->dirty_since >= before)
			continue;
		list_remove(&o->dirty_link);
		object_pin(o);
		spin_unlock(&vm_queue_lock);
		return o;
	}
	spin_unlock(&vm_queue_lock);
	return NULL;
}

/* Starts writing all objects queued before `before`. Those with pages that were in use are queued again. */
static void write_queued(uint64_t before)
{
	struct object *o;

	block_gather();
	for (int metadata = 0; metadata < 2; metadata++) {
		while ((o = take_dirty(metadata, before))) {
			object_writeback(o, 0, OBJECT_ALL, false);
			if (!metadata)
				commit(o, false);
			if (load_relaxed(&o->ndirty))
				object_queue_dirty(o, false);
			object_unpin(o);
		}
	}
	block_gather_end();
}

/* Calls fn for each object with a pager, pinned, with no lock held. */
static void each_object(void (*fn)(struct object *o))
{
	struct object *o, *pinned = NULL;

	spin_lock(&vm_queue_lock);
	list_for_each(o, &object_list, link) {
		if (!o->ops || !load_relaxed(&o->nslots))
			continue;
		object_pin(o); /* keeps its place in the list, too */
		spin_unlock(&vm_queue_lock);
		fn(o);
		if (pinned)
			object_unpin(pinned);
		pinned = o;
		spin_lock(&vm_queue_lock);
	}
	spin_unlock(&vm_queue_lock);
	if (pinned)
		object_unpin(pinned);
}

static void start_file(struct object *o)
{
	if (!o->metadata && load_relaxed(&o->ndirty))
		object_writeback(o, 0, OBJECT_ALL, false);
}

static void sync_file(struct object *o)
{
	bool any;

	spin_lock(&o->home.lock); /* under it a page goes from dirty to being written */
	any = o->ndirty || o->nwriting;
	spin_unlock(&o->home.lock);
	if (o->metadata || !any)
		return;
	object_writeback(o, 0, OBJECT_ALL, true);
	commit(o, true);
}

static void sync_metadata(struct object *o)
{
	if (o->metadata)
		object_writeback(o, 0, OBJECT_ALL, true);
}

void vm_sync_all(void)
{
	block_gather();
	each_object(start_file); /* so that what lies side by side can go out as one */
	block_gather_end();
	each_object(sync_file);
	each_object(sync_metadata);
}

/* ---- the dirty limit ---- */

/* What swap writes is not the writers'. */
static uint64_t ndirty(void)
{
	return page_kind_count(PAGES_DIRTY) + __atomic_load_n(&nwriting, __ATOMIC_RELAXED);
}

/* A percentage of the memory that files may use. */
static uint64_t part(unsigned percent)
{
	return (page_nfree() + page_kind_count(PAGES_FILE)) * percent / 100;
}

/* How many ns the disks took for a page, over the last while that they wrote all the time. */
static uint64_t page_cost_ns(void)
{
	static uint64_t since, before, cost = 10000;
	uint64_t now = time_ns(), n;

	spin_lock(&vm_queue_lock);
	n = nwritten - before;
	if (now - since > 2 * PAUSE_MAX_NS) { /* nobody was throttled lately: begin anew */
		since = now;
		before = nwritten;
	} else if (n && now - since > PAUSE_MAX_NS / 2) {
		cost = (cost + (now - since) / n) / 2;
		since = now;
		before = nwritten;
	}
	n = cost;
	spin_unlock(&vm_queue_lock);
	return n;
}

/* The nearer the limit, the longer: half way above the free part a writer is as fast as the disk, and with several each is slowed
 * until all together are. */
static uint64_t pause_ns(unsigned npages, uint64_t dirty, uint64_t limit)
{
	uint64_t free = (part(vm_tunables.dirty_background_ratio) + limit) / 2;

	if (dirty >= limit)
		return PAUSE_MAX_NS;
	if (dirty <= free)
		return 0;
	return MIN(npages * page_cost_ns() * (dirty - free) / (limit - dirty), PAUSE_MAX_NS);
}

/* Until fewer pages are dirty than the limit, the first who came first: else one of several may lose again and again. */
static void wait_in_line(void)
{
	struct list me;

	if (ndirty() <= part(vm_tunables.dirty_ratio) && list_empty(&line))
		return;
	list_append(&line, &me);
	while ((line.next != &me || ndirty() > part(vm_tunables.dirty_ratio)) && !thread_killed()) {
		kicked = true;
		waitq_wake_one(&writeback_waitq);
		waitq_sleep_until(&over_limit, &vm_queue_lock, time_ns() + PAUSE_MAX_NS, false);
	}
	list_remove(&me);
	waitq_wake_all(&over_limit);
}

static void __attribute__((noinline)) throttle(unsigned npages, uint64_t dirty)
{
	struct thread *t = thread_current();
	uint64_t limit = part(vm_tunables.dirty_ratio), ns;

	writeback_kick();
	t->ndirtied += npages;
	if (t->ndirtied < THROTTLE_EVERY && dirty < limit)
		return;
	ns = pause_ns(t->ndirtied, dirty, limit);
	t->ndirtied = 0;
	if (!ns)
		return;
	EVENT(dirty_waits);
	spin_lock(&vm_queue_lock);
	waitq_sleep_until(&throttled, &vm_queue_lock, time_ns() + ns, false);
	wait_in_line();
	spin_unlock(&vm_queue_lock);
}

void vm_throttle_writer(unsigned npages)
{
	uint64_t dirty = ndirty();

	if (unlikely(dirty > part(vm_tunables.dirty_background_ratio)))
		throttle(npages, dirty);
}

/* Not by pageoutd: the last reference of a file may write, and wait for who waits for memory. */
void caches_want_shrink(void)
{
	spin_lock(&vm_queue_lock);
	shrink = true;
	waitq_wake_one(&writeback_waitq);
	spin_unlock(&vm_queue_lock);
}

void vm_set_shrinker(unsigned (*fn)(void))
{
	shrinker = fn;
}

static void shrink_caches(void)
{
	static uint32_t stamp;

	if (((reclaim_stamp() - stamp) & ((1u << STAMP_BITS) - 1)) > page_totals()->total / 2) {
		each_object(object_drop_stamps);
		stamp = reclaim_stamp();
	}
	if (shrinker)
		shrinker();
	kmap_shrink();
	EVENTS(kmem_shrunk, kmem_shrink());
}

void writebackd(void *arg __unused)
{
	for (;;) {
		unsigned interval = vm_tunables.dirty_writeback_centisecs; /* 0: age is no reason to write */
		bool all, cold, asked;
		uint64_t age;

		spin_lock(&vm_queue_lock);
		if (!kicked && !shrink)
			waitq_sleep_until(&writeback_waitq, &vm_queue_lock,
					  time_ns() + (interval ? interval : 500) * CENTISEC_NS, false);
		all = kicked && page_kind_count(PAGES_DIRTY) > part(vm_tunables.dirty_background_ratio) / 2;
		asked = kicked;
		cold = shrink;
		kicked = shrink = false;
		spin_unlock(&vm_queue_lock);
		age = all ? 0 : MIN(vm_tunables.dirty_expire_centisecs * CENTISEC_NS, time_ns());
		if (asked || interval)
			write_queued(time_ns() - age);
		waitq_wake_all(&over_limit);
		if (cold)
			shrink_caches();
	}
}

/* ---- drop_caches ---- */

void object_drop_clean(struct object *o)
{
	uint64_t i, next = 0;

	spin_lock(&o->home.lock);
	while ((i = object_next(o, next, OBJECT_ALL, false)) != UINT64_MAX) {
		slot_t s = *object_slot(o, i);
		struct page *p = slot_is_page(s) ? slot_page(s) : NULL;

		next = i + 1;
		if (p && !page_has(p, PG_BUSY | PG_WRITING | PG_DIRTY) && !page_held(p) &&
		    list_empty(&o->mappings)) {
			object_detach(o, p, 0);
			page_free(p);
		}
		spin_unlock(&o->home.lock);
		spin_lock(&o->home.lock);
	}
	spin_unlock(&o->home.lock);
}

void vm_drop_caches(void)
{
	each_object(object_drop_clean);
	reclaim_expire_stamps();
	each_object(object_drop_stamps);
}
