/* SPDX-License-Identifier: ISC */
/*
 * S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: FIFO queues are all you need for cache eviction, SOSP 2023), adapted to A bits: a new page is on
 * trial in a small queue, a tenth of memory; only one that is used again gets into the main queue, a clock. So a scan, however long, passes
 * through the small queue alone. A page that comes back soon after its eviction goes to the main queue at once.
 *
 * An A bit says that a page was used, not how often, and the fault that brings a page sets it. So the small queue has two halves: on
 * the way from the first (NEW) to the second (TRIAL) the use so far, which is the first one with all that belongs to it, is forgotten.
 */
#include "vm/policy.h"

#define NEW   LIST_A
#define TRIAL LIST_B
#define MAIN  LIST_C

static void enter(struct page *p, bool again)
{
	policy_move(p, again ? MAIN : NEW);
}

static unsigned look_at_one(struct shoot_batch *batch)
{
	uint64_t nnew = policy_length(NEW), ntrial = policy_length(TRIAL), nmain = policy_length(MAIN);
	uint64_t all = nnew + ntrial + nmain;
	bool small_first = nnew + ntrial > all / 10 || !nmain;
	struct page *p;

	if (nnew && (nnew > all / 20 || (small_first && !ntrial))) {
		p = policy_oldest(NEW);
		if (!p)
			return 0;
		reclaim_forget_use(p, batch);
		policy_move(p, TRIAL);
		return 0;
	}
	p = policy_oldest(small_first ? TRIAL : MAIN);
	if (!p)
		return 0;
	if (reclaim_forget_use(p, batch)) {
		policy_move(p, MAIN);
		return 0;
	}
	policy_move(p, small_first ? TRIAL : MAIN); /* what cannot go now had its turn */
	return reclaim_try(p);
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
