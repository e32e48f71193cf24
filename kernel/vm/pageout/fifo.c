/* SPDX-License-Identifier: ISC */
/* First in, first out: the page that came first goes first, used or not. For comparison, and for Belady's anomaly. */
#include "vm/pageout/policy.h"

static void enter(struct page *p, bool again __unused)
{
	policy_move(p, LIST_A, 0);
}

static unsigned scan(unsigned n)
{
	unsigned taken = 0;
	struct page *p;

	for (unsigned i = 0; i < n && (p = policy_oldest(LIST_A)); i++) {
		policy_move(p, LIST_A, 0); /* what cannot go now had its turn */
		taken += reclaim_try(p);
	}
	EVENTS(pgscan_clock, n);
	return taken;
}

const struct policy policy_fifo = {
	.name = "fifo", .ordered = true, .ignores_use = true, .enter = enter, .scan = scan
};
