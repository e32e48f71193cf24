/* SPDX-License-Identifier: ISC */
/*
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023), adapted to A bits: a new page is on
 * trial in a small queue, a tenth of memory; only one that is used again gets into the main queue, a clock that counts up to three uses. So a
 * scan, however long, passes through the small queue alone. A page that comes back soon after its eviction goes to the main queue at once.
 *
 * An A bit says that a page was used, not how often, and the fault that brings a page sets it. So the small queue has two halves: on
 * the way from the first (NEW) to the second (TRIAL) the use so far, which is the first one with all that belongs to it, is forgotten.
 * A page that passed the trial has one use counted in the main queue.
 *
 * How large the small queue is follows what is found: it grows, up to a half, when more than one in nine pages pass the trial while those of
 * the main queue lie unused, as when a working set moves on, and shrinks back to a tenth when the main queue is the one in use.
 */
#include "vm/pageout/policy.h"

#define NEW   LIST_A
#define TRIAL LIST_B
#define MAIN  LIST_C
#define LEAST 10 /* the small queue is at least one part in so many of all pages, */
#define MOST  2	 /* and at most one in so many */
#define PASS  8	 /* what a page that passes the trial adds to it, where any other look adds or takes one */

static int64_t small; /* how many pages it should have. pageoutd's */

static void enter(struct page *p, bool again)
{
	policy_move(p, again ? MAIN : NEW, 0);
}

static void age_new(struct shoot_batch *batch)
{
	struct page *p = policy_oldest(NEW);

	if (!p)
		return;
	reclaim_forget_use(p, batch);
	policy_move(p, TRIAL, 0);
}

static unsigned look_at_trial(struct shoot_batch *batch)
{
	struct page *p = policy_oldest(TRIAL);
	bool used = p && reclaim_forget_use(p, batch);

	if (!p)
		return 0;
	small += used ? PASS : -1;
	policy_move(p, MAIN,
		    used); /* also what cannot go now: many such in TRIAL would keep all eyes on it */
	return used ? 0 : reclaim_try(p);
}

static unsigned look_at_main(struct shoot_batch *batch)
{
	struct page *p = policy_oldest(MAIN);
	unsigned mark = p ? policy_mark(p) : 0;
	bool used = p && reclaim_forget_use(p, batch);

	if (!p)
		return 0;
	if (used || mark) {
		small -= used;
		policy_move(p, MAIN, used ? MIN(mark + 1, (unsigned)POLICY_MARK_MAX) : mark - 1);
		return 0;
	}
	small++;
	policy_move(p, MAIN, 0); /* what cannot go now had its turn */
	return reclaim_try(p);
}

static unsigned look_at_one(struct shoot_batch *batch)
{
	uint64_t nnew = policy_length(NEW), ntrial = policy_length(TRIAL), nmain = policy_length(MAIN);
	int64_t all = nnew + ntrial + nmain;
	bool small_first;

	small = MIN(MAX(small, all / LEAST), all / MOST);
	small_first = nnew + ntrial > (uint64_t)small || !nmain;
	if (nnew && (nnew > (uint64_t)small / 2 || (small_first && !ntrial)))
		return age_new(batch), 0;
	return small_first ? look_at_trial(batch) : look_at_main(batch);
}

static unsigned scan(unsigned n)
{
	struct shoot_batch batch = { 0 };
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += look_at_one(&batch);
	batch_shoot(&batch);
	EVENTS(pgscan_clock, n);
	return taken;
}

const struct policy policy_s3fifo = { .name = "s3fifo", .ordered = true, .enter = enter, .scan = scan };
