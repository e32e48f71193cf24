/* SPDX-License-Identifier: ISC */
/*
 * The two-handed clock over all frames, file and anonymous alike.
 *
 * The front hand forgets: it clears the referenced state of every page that it passes. The back hand follows three quarters of a turn
 * later and takes what nobody used in between. So a page has that time to prove itself, and it shrinks as memory runs short
 * and the hands move faster. The longer the way between the hands, the nearer to LRU: with three quarters of a turn it faults as seldom on
 * Zipf's distributions (tests/host/policysim.c).
 */
#include "vm/pageout/policy.h"

#define SOON 8 /* one part in so many of a turn */

static pfn_t front; /* offsets from frame_first; only pageoutd moves them */

static unsigned scan(unsigned n)
{
	pfn_t nframes = frame_end - frame_first, spread = nframes / 4 * 3;
	struct shoot_batch batch = { 0 };
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++) {
		pfn_t back = front >= spread ? front - spread : front + nframes - spread;

		reclaim_forget_use(pfn_page(frame_first + front), &batch);
		taken += reclaim_try(pfn_page(frame_first + back));
		store_relaxed(&front, front + 1 == nframes ? 0 : front + 1);
	}
	batch_shoot(&batch);
	EVENTS(pgscan_clock, n);
	return taken;
}

static void enter(struct page *p, bool again)
{
	if (again)
		page_set(p, PG_REFERENCED);
}

/* The back hand is there, or will be before it has gone an eighth of a turn. */
static bool soon(const struct page *p)
{
	pfn_t nframes = frame_end - frame_first, spread = nframes / 4 * 3, at = p - page_table;
	pfn_t behind = (load_relaxed(&front) + nframes - at) % nframes;

	return behind >= spread - nframes / SOON;
}

const struct policy policy_clock = { .name = "clock", .enter = enter, .scan = scan, .soon = soon };
