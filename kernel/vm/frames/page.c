/* SPDX-License-Identifier: ISC */
/*
 * Frames and their descriptors.
 *
 * A frame is free (on the free list or in a hart's small cache), the kernel's own (PG_KERNEL, PG_TABLE), or has one
 * page with a home. The page's state words belong to the home's lock. They change with atomic operations all the
 * same, as PG_REFERENCED and PG_QUEUED are set by others.
 *
 *	busy      one owner fills, moves or evicts the page. Set under the home's lock only while the page is neither
 *	          busy nor held nor being written, except by writeback, which is busy only while it takes write
 *	          permission away. Nobody installs a PTE for a busy page.
 *	holds     readers that copy from or into it in place; it stays where it is. Busy waits for holds. Taken under the home's
 *	          lock, so that no new one comes while that is held; let go without it.
 *	writing   I/O from the frame is in flight; it may be mapped and written (then it is dirty again).
 *
 * Allocation never sleeps. The last `reserve` frames are for those who free memory: see page_reserve_enter.
 */
#include "vm/vm.h"
#include "dev/block.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/pageout/swap.h"

#define CACHE_MIN    15 /* in little memory; one more than a hart keeps, as below */
#define CACHE_MAX    63
#define WAIT_BUCKETS 64

struct frame_cache {
	unsigned n;   /* changed by its hart alone, interrupts off; read by others for a sum */
	unsigned max; /* a half of it, rounded up, comes and goes at once */
	struct page *page[CACHE_MAX];
};

struct page *page_table, *page_of_0;
pfn_t frame_first, frame_end;
struct page *zero_page;
pfn_t zero_pfn;
uint64_t vm_events[EV_COUNT];
const char *const vm_event_names[EV_COUNT] = {
#define X(name) #name,
	VM_EVENTS(X)
#undef X
};

struct vm_tunables vm_tunables = {
	.swappiness = 100,
	.dirty_ratio = 20,
	.dirty_background_ratio = 10,
	.dirty_expire_centisecs = 200,
	.dirty_writeback_centisecs = 100,
	.overcommit_ratio = 50,
	.page_cluster = 5,
};

static struct spinlock frame_lock = SPINLOCK_INIT("frame", RANK_FRAME);
static struct list free_list = LIST_INIT(free_list);
static uint64_t nfree_listed; /* under frame_lock, read without */
static struct frame_cache frame_caches[MAX_HARTS];
static struct vm_counts totals; /* total, reserve, low, high */
static struct waitq page_waitqs[WAIT_BUCKETS];
uint64_t vm_page_counts[PAGE_KINDS];

static void give_range(uint64_t start, uint64_t end)
{
	for (pfn_t f = DIV_ROUND_UP(start, PAGE_SIZE); f < end >> PAGE_SHIFT; f++) {
		struct page *p = pfn_page(f);

		*p = (struct page){ 0 };
		list_append(&free_list, &p->link);
		store_relaxed(&nfree_listed, nfree_listed + 1);
		totals.total++;
	}
}

/* Gives [start, end) less what lies in `reserved`. */
static void give_unreserved(uint64_t start, uint64_t end, const struct mem_range *reserved, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (reserved[i].end <= start || reserved[i].start >= end)
			continue;
		if (reserved[i].start > start)
			give_unreserved(start, reserved[i].start, reserved, n);
		if (reserved[i].end < end)
			give_unreserved(reserved[i].end, end, reserved, n);
		return;
	}
	give_range(start, end);
}

static bool overlaps(uint64_t start, uint64_t end, const struct mem_range *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (r[i].start < end && start < r[i].end)
			return true;
	return false;
}

/* A place for the page table: the highest one that no reservation touches. */
static uint64_t place_table(const struct mem_range *ram, unsigned nram, const struct mem_range *reserved,
			    unsigned nres, uint64_t nbytes)
{
	for (unsigned i = nram; i-- > 0;)
		for (uint64_t end = ALIGN_DOWN(ram[i].end, PAGE_SIZE); end >= ram[i].start + nbytes;
		     end -= PAGE_SIZE)
			if (!overlaps(end - nbytes, end, reserved, nres))
				return end - nbytes;
	panic("vm: no room for the table of %lu KiB that describes the frames", nbytes >> 10);
}

/* min_free_kbytes is four times the reserve: what is free for others than reclaim moves about it. */
static void set_watermarks(void)
{
	totals.reserve = MIN((uint64_t)vm_tunables.min_free_kbytes * 1024 / PAGE_SIZE / 4, totals.total / 8);
	totals.low = totals.reserve * 2 + MIN(totals.total / 128, 1024ul);
	totals.high = totals.low + MIN(totals.total / 64, 2048ul);
}

void vm_tunables_changed(void)
{
	set_watermarks();
	reclaim_kick();
	writeback_look();
}

void vm_init(const struct mem_range *ram, unsigned nram, const struct mem_range *reserved, unsigned nreserved)
{
	struct mem_range all[32];
	uint64_t lowest = UINT64_MAX, highest = 0, nbytes, at;

	assert(nreserved < ARRAY_SIZE(all));
	for (unsigned i = 0; i < nram; i++) {
		lowest = MIN(lowest, ram[i].start);
		highest = MAX(highest, ram[i].end);
	}
	frame_first = DIV_ROUND_UP(lowest, PAGE_SIZE);
	frame_end = highest >> PAGE_SHIFT;
	nbytes = page_round_up((frame_end - frame_first) * sizeof(struct page));
	at = place_table(ram, nram, reserved, nreserved, nbytes);
	page_table = phys_to_virt(at);
	page_of_0 = (struct page *)((uintptr_t)page_table - frame_first * sizeof(struct page));
	memset(page_table, 0, nbytes);
	for (pfn_t f = frame_first; f < frame_end; f++)
		pfn_page(f)->flags = PG_KERNEL;

	memcpy(all, reserved, nreserved * sizeof(*reserved));
	all[nreserved] = (struct mem_range){ at, at + nbytes };
	for (unsigned i = 0; i < nram; i++)
		give_unreserved(ram[i].start, ram[i].end, all, nreserved + 1);
	vm_tunables.min_free_kbytes = MIN(MAX(totals.total / 128, 32ul), 512ul) * 4 * (PAGE_SIZE / 1024);
	set_watermarks();
	for (unsigned i = 0; i < MAX_HARTS; i++)
		frame_caches[i].max = MIN(MAX(totals.total / 1024, CACHE_MIN + 1ul), CACHE_MAX + 1ul) - 1;
	for (unsigned i = 0; i < WAIT_BUCKETS; i++)
		waitq_init(&page_waitqs[i]);
	kmem_init();
	node_init();
	object_init();
	space_init();
	swap_init();
	zero_page = page_alloc_kernel();
	zero_pfn = page_pfn(zero_page);
	clear_page(page_data(zero_page));
}

/* ---- allocation ---- */

void page_reserve_enter(void)
{
	thread_current()->reclaiming++;
}

void page_reserve_leave(void)
{
	assert(thread_current()->reclaiming > 0);
	thread_current()->reclaiming--;
}

static bool may_use_reserve(void)
{
	struct thread *t = thread_current();

	return t && (t->reclaiming || t->oom_victim);
}

static void cache_put(struct frame_cache *c, struct page *p)
{
	c->page[c->n] = p;
	store_relaxed(&c->n, c->n + 1);
}

static struct page *cache_take(struct frame_cache *c)
{
	store_relaxed(&c->n, c->n - 1);
	return c->page[c->n];
}

/* This hart's. Interrupts are off. */
static inline struct frame_cache *frame_cache(void)
{
	return &frame_caches[this_hart()->index];
}

/* Interrupts are off. False: nothing that this thread may have. */
static bool refill(struct frame_cache *c)
{
	uint64_t keep = may_use_reserve() ? 0 : totals.reserve, want;
	struct list *last = &free_list;

	spin_lock(&frame_lock);
	want = nfree_listed > keep ? MIN(nfree_listed - keep, (c->max + 1ul) / 2) : 0;
	if (keep == 0)
		want = MIN(want, 1ul);	  /* what is left goes to those who need it, not into caches */
	for (unsigned i = want; i > 0;) { /* so that they are taken in the list's order */
		last = last->next;
		c->page[--i] = list_entry(last, struct page, link);
	}
	list_drop_first(&free_list, last);
	store_relaxed(&c->n, want);
	store_relaxed(&nfree_listed, nfree_listed - want);
	spin_unlock(&frame_lock);
	if (page_nfree() < totals.low)
		reclaim_kick();
	return c->n > 0;
}

/* The hart's cache is empty; interrupts are off, and on again after. */
static struct page *__attribute__((noinline)) alloc_slowly(void)
{
	bool found = refill(frame_cache());

	intr_pop();
	if (found)
		return page_alloc(); /* maybe on another hart */
	if (thread_current())
		thread_current()->alloc_failed = true;
	return NULL;
}

struct page *page_alloc(void)
{
	struct frame_cache *c;
	struct page *p;

	intr_push();
	c = frame_cache();
	if (unlikely(!c->n))
		return alloc_slowly();
	p = cache_take(c);
	intr_pop();
	dassert(!p->home && !p->flags && !p->holds);
	p->sharers = 0;
	p->swap = 0;
	EVENT(pgalloc_normal);
	return p;
}

struct page *page_alloc_kernel(void)
{
	struct page *p = page_alloc();

	if (p)
		store_relaxed(&p->flags, PG_KERNEL);
	return p;
}

static void spill(struct frame_cache *c, unsigned keep)
{
	spin_lock(&frame_lock);
	while (c->n > keep) {
		list_push(&free_list, &cache_take(c)->link);
		store_relaxed(&nfree_listed, nfree_listed + 1);
	}
	spin_unlock(&frame_lock);
}

static void __attribute__((noinline)) leave_queues(struct page *p)
{
	if (page_has(p, PG_QUEUED))
		reclaim_dequeue(p);
	if (page_has(p, PG_WANTED))
		page_wake(p);
	policy_leave(p);
}

/* The hart's cache is full, or somebody waits for what is in it. Interrupts are off. */
static void __attribute__((noinline)) give_back(struct frame_cache *c)
{
	bool wanted = reclaim_waiters();

	spill(c, wanted ? 0 : c->max / 2);
	if (wanted)
		reclaim_wake_waiters();
}

void page_free(struct page *p)
{
	struct frame_cache *c;
	uint32_t flags =
		__atomic_load_n(&p->flags, __ATOMIC_ACQUIRE); /* before the link is used: see unqueued */

	assert(p != zero_page && !(flags & (PG_BUSY | PG_WRITING)) && !page_held(p) && !p->swap);
	if (unlikely(flags & (PG_QUEUED | PG_WANTED) || policy_ordered))
		leave_queues(p);
	store_relaxed(&p->home, NULL);
	store_relaxed(&p->flags, 0); /* who held it last may still look whether somebody waits */
#ifdef QUIRE_DEBUG
	memset(page_data(p), 0xa5, PAGE_SIZE);
#endif
	EVENT(pgfree);
	intr_push();
	c = frame_cache();
	cache_put(c, p);
	if (unlikely(c->n == c->max || reclaim_waiters()))
		give_back(c);
	intr_pop();
}

uint64_t page_nfree(void)
{
	return load_relaxed(&nfree_listed);
}

void page_each_free(void (*fn)(void *arg, struct page *p), void *arg)
{
	struct page *p;

	list_for_each(p, &free_list, link)
		fn(arg, p);
	for (unsigned i = 0; i < MAX_HARTS; i++)
		for (unsigned k = 0; k < frame_caches[i].n; k++)
			fn(arg, frame_caches[i].page[k]);
}

void vm_count(struct vm_counts *c)
{
	*c = totals;
	c->free = page_nfree();
	for (unsigned i = 0; i < MAX_HARTS; i++)
		c->free += load_relaxed(&frame_caches[i].n);
	c->file = page_kind_count(PAGES_FILE);
	c->anon = page_kind_count(PAGES_ANON);
	c->shmem = page_kind_count(PAGES_SHMEM);
	c->tables = page_kind_count(PAGES_TABLE);
	c->dirty = page_kind_count(PAGES_DIRTY);
	c->writing = page_kind_count(PAGES_WRITING);
	c->kernel = c->total - MIN(c->total, c->free + c->file + c->anon + c->shmem + c->tables);
}

const struct vm_counts *page_totals(void)
{
	return &totals;
}

/* ---- state ---- */

static struct waitq *page_waitq(const struct page *p)
{
	return &page_waitqs[(p - page_table) % WAIT_BUCKETS];
}

static void page_sleep(struct page *p)
{
	struct home *h = p->home;

	assert(h && spin_held(&h->lock));
	if (page_has(p, PG_WRITING))
		block_hurry(page_phys(p));
	page_set(p, PG_WANTED);
	waitq_sleep(page_waitq(p), &h->lock);
	spin_drain(&h->lock);
}

bool page_wait_busy(struct page *p)
{
	if (!page_has(p, PG_BUSY))
		return false;
	page_sleep(p);
	return true;
}

bool page_wait_written(struct page *p)
{
	if (!page_has(p, PG_WRITING))
		return false;
	page_sleep(p);
	return true;
}

/* [h] Is it busy, held or being written? Then who ends that wakes. As holds end without the lock, they are seen again once PG_WANTED is set. */
static bool in_use(struct page *p)
{
	if (!page_has(p, PG_BUSY | PG_WRITING) && !page_held(p))
		return false;
	__atomic_fetch_or(&p->flags, PG_WANTED, __ATOMIC_SEQ_CST);
	return page_has(p, PG_BUSY | PG_WRITING) || __atomic_load_n(&p->holds, __ATOMIC_SEQ_CST);
}

bool page_wait_idle(struct page *p)
{
	if (!in_use(p))
		return false;
	page_sleep(p);
	return true;
}

void page_wait(struct page *p)
{
	struct home *h = page_lock_home(p);

	if (h && in_use(p))
		waitq_sleep_unlock(page_waitq(p), &h->lock); /* the home may end meanwhile */
	else if (h)
		spin_unlock(&h->lock);
}

void page_wake_waiters(struct page *p)
{
	page_clear(p, PG_WANTED);
	waitq_wake_all(page_waitq(p));
}

struct home *page_lock_home(struct page *p)
{
	struct home *h;

	intr_push();
	while ((h = load_relaxed(&p->home))) {
		home_lock(
			h); /* homes are type-stable as long as interrupts are off: at worst the wrong one */
		if (load_relaxed(&p->home) == h)
			break;
		spin_unlock(&h->lock);
	}
	intr_pop();
	return h;
}

void page_released(struct page *p)
{
	struct home *h = page_lock_home(p);

	if (h) {
		page_wake(p);
		spin_unlock(&h->lock);
	}
}

void page_end_busy(struct page *p)
{
	struct home *h = p->home;

	home_lock(h);
	assert(page_has(p, PG_BUSY));
	page_clear(p, PG_BUSY);
	page_wake(p);
	spin_unlock(&h->lock);
}
