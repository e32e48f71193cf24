/* SPDX-License-Identifier: ISC */
/*
 * Writes in the background: held back for a moment, so that those that lie side by side go out as one, and kept few in the device, so that
 * what somebody waits for does not stand behind all that is dirty.
 *
 * A thread that gathers (writebackd, sync) has its writes put into the queue of their disk, by sector. The queue is HELD until HOLD_NS after
 * its first write, until it has HOLD_MAX of them, or until somebody is done gathering or finds the pool of requests empty; then it is OPEN
 * until it is empty: while less than IN_DEVICE bytes are on their way, writes are started, upwards from where the last one ended, but first
 * those that somebody waits for (block_hurry). Writes that continue each other become one request: the segments are put behind the first
 * one's, and their own requests hang on its `joined` until it ends. If it fails, each is tried by itself. All else goes past the queue.
 *
 * A queue's lock (RANK_BLOCK) guards it and the requests in it; nothing is started and nothing ends with it held. Who starts writes says so
 * in `starting`, and does it until there is nothing to start: others leave it to him, so that a disk that fails at once ends no
 * stack.
 */
#include "dev/block.h"
#include "proc/thread.h"

#define HOLD_NS	  5000000ul
#define HOLD_MAX  64
#define IN_DEVICE (1u << 19)
#define JOIN_MAX  (1u << 18) /* bytes of a request of several */

static uint32_t nwaiting; /* [a] in all queues */

void block_queue_init(struct block_device *disk)
{
	spin_init(&disk->queue.lock, "writes held back", RANK_BLOCK);
	list_init(&disk->queue.waiting);
}

static uint32_t nbytes_of(const struct block_request *r)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < r->nsegs; i++)
		n += r->segs[i].nbytes;
	return n;
}

static uint64_t end_of(const struct block_request *r)
{
	return r->header.sector + (nbytes_of(r) >> SECTOR_SHIFT);
}

static struct block_request *next_of(struct block_queue *q, struct block_request *r)
{
	return r->link.next == &q->waiting ? NULL : list_entry(r->link.next, struct block_request, link);
}

/* ---- starting: [q->lock] ---- */

static void take_out(struct block_queue *q, struct block_request *r)
{
	list_remove(&r->link);
	q->nwaiting--;
	q->nhurried -= r->hurried;
	__atomic_fetch_sub(&nwaiting, 1, __ATOMIC_RELAXED);
}

static struct block_request *choose(struct block_queue *q)
{
	struct block_request *r;

	list_for_each(r, &q->waiting, link)
		if (q->nhurried ? r->hurried : r->header.sector >= q->position)
			return r;
	return list_first(&q->waiting, struct block_request, link);
}

/* Those that continue r become a part of it. `next` is the one behind it in the queue. */
static void join(struct block_queue *q, struct block_request *r, struct block_request *next)
{
	struct block_request **joined = &r->joined, *after;

	for (; next && next->dev == r->dev && next->header.sector == end_of(r) &&
	       r->nsegs + next->nsegs <= BLOCK_MAX_SEGS && nbytes_of(r) + nbytes_of(next) <= JOIN_MAX;
	     next = after) {
		after = next_of(q, next);
		take_out(q, next);
		for (unsigned i = 0; i < next->nsegs; i++)
			r->segs[r->nsegs++] = next->segs[i];
		*joined = next;
		joined = &next->joined;
	}
}

/* The next one to start; NULL: none now, and the caller is not `starting` any more. */
static struct block_request *take(struct block_queue *q)
{
	struct block_request *r, *next;

	q->open = q->open && q->nwaiting;
	if (!q->open || q->nbytes >= IN_DEVICE) {
		q->starting = false;
		return NULL;
	}
	r = choose(q);
	next = next_of(q, r);
	take_out(q, r);
	join(q, r, next);
	q->nbytes += nbytes_of(r);
	q->position = end_of(r);
	return r;
}

static void start(struct block_device *disk, bool open)
{
	struct block_queue *q = &disk->queue;
	struct block_request *r;
	bool mine;

	spin_lock(&q->lock);
	q->open = q->open || open;
	mine = !q->starting;
	q->starting = true;
	while (mine && (r = take(q))) {
		spin_unlock(&q->lock);
		block_count(r);
		disk->submit(disk, r);
		spin_lock(&q->lock);
	}
	spin_unlock(&q->lock);
}

/* ---- holding back ---- */

static void held_long_enough(struct timer *t)
{
	struct block_device *disk = container_of(t, struct block_device, queue.timer);

	spin_lock(&disk->queue.lock);
	disk->queue.timed = false;
	spin_unlock(&disk->queue.lock);
	start(disk, true);
}

bool block_hold_back(struct block_device *disk, struct block_request *r)
{
	struct block_queue *q = &disk->queue;
	struct list *at;
	bool full;

	r->background = r->op == BLOCK_WRITE && thread_current()->gathering;
	if (!r->background)
		return false;
	r->joined = NULL;
	r->own_segs = r->nsegs;
	r->hurried = false;
	spin_lock(&q->lock);
	for (at = q->waiting.prev; at != &q->waiting; at = at->prev)
		if (list_entry(at, struct block_request, link)->header.sector < r->header.sector)
			break;
	list_insert_after(at, &r->link);
	q->nwaiting++;
	__atomic_fetch_add(&nwaiting, 1, __ATOMIC_RELAXED);
	full = q->nwaiting >= HOLD_MAX;
	if (!q->open && !full && !q->timed) {
		q->timed = true;
		timer_set(&q->timer, time_ns() + HOLD_NS, held_long_enough);
	}
	spin_unlock(&q->lock);
	if (full)
		start(disk, true);
	return true;
}

void block_open_queues(void)
{
	if (!__atomic_load_n(&nwaiting, __ATOMIC_RELAXED))
		return;
	for (struct block_device *d = block_next(NULL); d; d = block_next(d))
		if (!d->whole)
			start(d, true);
}

void block_gather(void)
{
	thread_current()->gathering++;
}

void block_gather_end(void)
{
	thread_current()->gathering--;
	block_open_queues();
}

/* ---- what somebody waits for ---- */

static bool has_frame(const struct block_request *r, uint64_t phys)
{
	for (unsigned i = 0; i < r->nsegs; i++)
		if (phys - r->segs[i].phys < r->segs[i].nbytes)
			return true;
	return false;
}

static void hurry(struct block_queue *q, uint64_t phys)
{
	struct block_request *r;

	spin_lock(&q->lock);
	list_for_each(r, &q->waiting, link)
		if (!r->hurried && has_frame(r, phys)) {
			r->hurried = true;
			q->nhurried++;
			break;
		}
	spin_unlock(&q->lock);
}

void block_hurry(uint64_t phys)
{
	if (!__atomic_load_n(&nwaiting, __ATOMIC_RELAXED))
		return;
	for (struct block_device *d = block_next(NULL); d; d = block_next(d))
		if (!d->whole)
			hurry(&d->queue, phys);
}

/* ---- the end of one ---- */

void block_gathered_done(struct block_device *disk, struct block_request *r, int error)
{
	struct block_queue *q = &disk->queue;
	uint32_t nbytes = nbytes_of(r);
	bool alone = !r->joined;

	r->nsegs = r->own_segs;
	for (struct block_request *next; r; r = next) {
		next = r->joined;
		r->background = false;
		if (error && !alone)
			block_submit_again(r);
		else
			block_complete(r, error);
	}
	spin_lock(&q->lock);
	q->nbytes -= nbytes;
	spin_unlock(&q->lock);
	start(disk, false);
}
