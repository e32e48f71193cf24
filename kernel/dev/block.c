/* SPDX-License-Identifier: ISC */
/*
 * Block devices: the list of them, the pool of requests, and submitting.
 *
 * The list only grows, at boot; `claimed` changes under its lock. The pool is allocated once, so that swap-out never
 * needs memory to get memory: a request in flight always comes back. A request goes get -> filled in -> submit -> (gather.c) ->
 * (driver) -> block_complete -> done -> put, or submit again. Between submit and done it is the driver's.
 */
#include "dev/block.h"
#include "arch/mmu.h"
#include "dev/partition.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"
#include "vm/vm.h"

#define POOL_MIN	   24
#define POOL_MAX	   96
#define FRAMES_PER_REQUEST 160 /* of RAM: the pool takes less than 1% of it */

_Static_assert(sizeof(struct block_request) <= PAGE_SIZE, "a request lies in one frame");

static struct spinlock list_lock = SPINLOCK_INIT("block devices", RANK_BLOCK);
static struct list devices = LIST_INIT(devices);

static struct spinlock pool_lock = SPINLOCK_INIT("block requests", RANK_BLOCK);
static struct list pool = LIST_INIT(pool);
static unsigned npool, nfree; /* all, and in the list */
static struct waitq pool_waiters = WAITQ_INIT(pool_waiters);

void block_init(void)
{
	uint64_t want = (frame_end - frame_first) / FRAMES_PER_REQUEST;
	unsigned n = MIN(MAX(want, POOL_MIN), POOL_MAX);

	for (unsigned i = 0; i < n; i++) {
		struct page *p = page_alloc_kernel();
		struct block_request *r;

		if (!p)
			panic("no memory for %u block requests", n);
		clear_page(r = page_data(p));
		list_append(&pool, &r->link);
		npool = ++nfree;
	}
}

/* A device no longer in the list by then does not exist: they are never removed. */
void block_register(struct block_device *d)
{
	if (!d->whole)
		block_queue_init(d);
	spin_lock(&list_lock);
	list_append(&devices, &d->link);
	spin_unlock(&list_lock);
	if (!d->whole)
		partition_scan(d);
}

struct block_device *block_next(struct block_device *d)
{
	struct list *l;

	spin_lock(&list_lock);
	l = d ? d->link.next : devices.next;
	spin_unlock(&list_lock);
	return l == &devices ? NULL : list_entry(l, struct block_device, link);
}

struct block_device *block_find(const char *name)
{
	struct block_device *d = NULL;

	if (strncmp(name, "/dev/", 5) == 0)
		name += 5;
	while ((d = block_next(d)) && strcmp(d->name, name) != 0)
		;
	return d;
}

struct block_device *block_find_devno(uint32_t devno)
{
	struct block_device *d = NULL;

	while ((d = block_next(d)) && d->devno != devno)
		;
	return d;
}

/* A disk and its partitions exclude one another; two partitions of a disk do not. */
static bool overlaps_claimed(const struct block_device *d)
{
	struct block_device *o;

	list_for_each(o, &devices, link)
		if (o->claimed && (o == d || o->whole == d || o == d->whole))
			return true;
	return false;
}

int block_claim(struct block_device *d, const char *why)
{
	int err = -EBUSY;

	spin_lock(&list_lock);
	if (!overlaps_claimed(d)) {
		d->claimed = why;
		err = 0;
	}
	spin_unlock(&list_lock);
	return err;
}

void block_release(struct block_device *d)
{
	spin_lock(&list_lock);
	d->claimed = NULL;
	spin_unlock(&list_lock);
}

/* [pool_lock] Who writes in the background leaves a quarter to the others. */
static struct block_request *take(void)
{
	struct list *l = nfree > (thread_current()->gathering ? npool / 4 : 0) ? list_pop(&pool) : NULL;

	nfree -= l != NULL;
	return l ? list_entry(l, struct block_request, link) : NULL;
}

struct block_request *block_request_get(void)
{
	struct block_request *r = block_request_tryget();

	might_sleep();
	if (r)
		return r;
	block_open_queues();
	spin_lock(&pool_lock);
	while (!(r = take()))
		waitq_sleep(&pool_waiters, &pool_lock);
	spin_unlock(&pool_lock);
	return r;
}

struct block_request *block_request_tryget(void)
{
	struct block_request *r;

	spin_lock(&pool_lock);
	r = take();
	spin_unlock(&pool_lock);
	return r;
}

void block_request_put(struct block_request *r)
{
	r->dev = NULL;
	r->done = NULL;
	spin_lock(&pool_lock);
	list_push(&pool, &r->link);
	nfree++;
	waitq_wake_all(&pool_waiters); /* the first may be one who leaves it to the others */
	spin_unlock(&pool_lock);
}

static uint64_t request_sectors(const struct block_request *r)
{
	uint64_t nbytes = 0;

	for (unsigned i = 0; i < r->nsegs; i++)
		nbytes += r->segs[i].nbytes;
	return nbytes >> SECTOR_SHIFT;
}

/* What the device could not do anyway is refused here: 0, -EINVAL, -EROFS, -EIO beyond the end. */
static int check(const struct block_request *r)
{
	const struct block_device *d = r->dev;
	uint64_t nsectors;

	if (r->op == BLOCK_FLUSH)
		return 0;
	if (r->nsegs == 0 || r->nsegs > BLOCK_MAX_SEGS)
		return -EINVAL;
	for (unsigned i = 0; i < r->nsegs; i++)
		if (r->segs[i].nbytes == 0 || r->segs[i].nbytes & ((1 << SECTOR_SHIFT) - 1))
			return -EINVAL;
	if (r->op == BLOCK_WRITE && d->read_only)
		return -EROFS;
	nsectors = request_sectors(r);
	if (r->sector > d->nsectors || nsectors > d->nsectors - r->sector)
		return -EIO;
	return 0;
}

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void count_on(struct block_device *d, const struct block_request *r, uint64_t nsectors)
{
	if (r->op == BLOCK_FLUSH) {
		add(&d->stats.flushes, 1);
	} else if (r->op == BLOCK_READ) {
		add(&d->stats.reads, 1);
		add(&d->stats.read_sectors, nsectors);
	} else {
		add(&d->stats.writes, 1);
		add(&d->stats.write_sectors, nsectors);
	}
	for (const struct block_request *j = r->joined; r->background && j; j = j->joined)
		add(&d->stats.writes_joined, 1);
}

void block_count(const struct block_request *r)
{
	uint64_t nsectors = r->op == BLOCK_FLUSH ? 0 : request_sectors(r);

	count_on(r->dev, r, nsectors);
	if (r->dev->whole)
		count_on(r->dev->whole, r, nsectors);
}

static void count_under_way(struct block_device *d)
{
	__atomic_fetch_add(&d->stats.in_flight, 1, __ATOMIC_RELAXED);
}

static void count_completed(struct block_device *d, int error)
{
	if (error)
		add(&d->stats.errors, 1);
	__atomic_fetch_sub(&d->stats.in_flight, 1, __ATOMIC_RELAXED);
}

static struct block_device *disk_of(const struct block_request *r)
{
	return r->dev->whole ? r->dev->whole : r->dev;
}

/* To the device, or, if it may wait, into the queue of writes in the background. */
static void submit(struct block_request *r, bool may_wait)
{
	struct block_device *d = r->dev, *disk = disk_of(r);

	r->background = false;
	r->error = check(r);
	count_under_way(d);
	if (d->whole)
		count_under_way(disk);
	if (r->error || (r->op == BLOCK_FLUSH && !d->can_flush)) {
		block_count(r);
		block_complete(r, r->error);
		return;
	}
	r->header.sector = r->sector + (d->whole ? d->first_sector : 0);
	r->part = r->part_end = 0;
	r->uncut.nbytes = 0;
	if (may_wait && block_hold_back(disk, r))
		return;
	block_count(r);
	disk->submit(disk, r);
}

void block_submit(struct block_request *r)
{
	submit(r, true);
}

/* After it failed together with others; it is counted as under way already. */
void block_submit_again(struct block_request *r)
{
	struct block_device *disk = disk_of(r);

	r->header.sector = r->sector + (r->dev->whole ? r->dev->first_sector : 0);
	r->part = r->part_end = 0;
	r->uncut.nbytes = 0;
	block_count(r);
	disk->submit(disk, r);
}

void block_complete(struct block_request *r, int error)
{
	if (r->background) {
		block_gathered_done(disk_of(r), r, error);
		return;
	}
	count_completed(r->dev, error);
	if (r->dev->whole)
		count_completed(r->dev->whole, error);
	r->done(r, error);
}

/* The thread that waits keeps this on its stack: the waker touches nothing of it once it lets the lock go. */
struct sync {
	struct spinlock lock;
	struct waitq waiters;
	bool done;
	int error;
};

static void sync_done(struct block_request *r, int error)
{
	struct sync *s = r->arg;

	spin_lock(&s->lock);
	s->error = error;
	s->done = true;
	waitq_wake_all(&s->waiters);
	spin_unlock(&s->lock);
}

int block_submit_wait(struct block_request *r)
{
	void (*done)(struct block_request *, int) = r->done;
	void *arg = r->arg;
	struct sync s = { .done = false };

	might_sleep();
	spin_init(&s.lock, "block wait", RANK_BLOCK);
	waitq_init(&s.waiters);
	r->done = sync_done;
	r->arg = &s;
	submit(r, false);
	spin_lock(&s.lock);
	while (!s.done)
		waitq_sleep(&s.waiters, &s.lock);
	spin_unlock(&s.lock);
	r->done = done;
	r->arg = arg;
	return s.error;
}

int block_flush(struct block_device *d)
{
	struct block_request *r;
	int err;

	if (!d->can_flush)
		return 0;
	r = block_request_get();
	r->dev = d;
	r->op = BLOCK_FLUSH;
	r->nsegs = 0;
	err = block_submit_wait(r);
	block_request_put(r);
	return err;
}

int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *buf, size_t nbytes)
{
	struct block_request *r = block_request_get();
	uint64_t phys = virt_to_phys(buf);
	int err = 0;

	r->dev = d;
	r->op = op;
	r->nsegs = 1;
	while (nbytes && !err) {
		size_t n = MIN(nbytes, 1ul << 20);

		r->sector = sector;
		r->segs[0] = (struct block_seg){ .phys = phys, .nbytes = n };
		err = block_submit_wait(r);
		sector += n >> SECTOR_SHIFT;
		phys += n;
		nbytes -= n;
	}
	block_request_put(r);
	return err;
}
