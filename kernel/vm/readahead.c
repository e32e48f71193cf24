/* SPDX-License-Identifier: ISC */
/*
 * Read-ahead: how much to bring when a page is missing, for read(), for faults on files and for faults on swapped memory.
 *
 * The state is one stream's: an open file's or a mapping's. A miss right behind (or before) the last window is sequential, and windows
 * double up to the largest. Any other miss judges the last window by its hits: pages that it brought ahead of a use
 * (PG_AHEAD) and that were used since. One of which half was used is doubled, one of which less than a quarter was used is halved, down to
 * the page alone. So random access soon reads little more than it touches, and clusters that help grow.
 *
 * The state is a hint: threads of a space change it racing, with relaxed accesses, and nothing worse than a poor window comes of it.
 */
#include "vm/internal.h"

#define RA_START 4  /* pages of a stream's first sequential window */
#define RA_FIRST 16 /* of a mapping's first window: most programs are read whole */

static unsigned power_of_two(unsigned n) /* at most n */
{
	return 1u << (31 - __builtin_clz(n));
}

unsigned readahead_fault(struct readahead *ra, uint64_t index, unsigned max, uint64_t *first)
{
	unsigned window = ra->window, hits = ra->hits, n = window;
	bool forward = index == ra->next, backward = index + 1 == ra->first;

	ra->hits = 0;
	ra->sure = forward || backward || (window > 1 && 2 * hits >= window - 1);
	if (ra->random)
		n = 1;
	else if (!window)
		n = RA_FIRST;
	else if (ra->sure)
		n = MAX(2 * window, (unsigned)RA_START);
	else if (4 * hits < window)
		n = MAX(window / 2, 1u);
	n = power_of_two(MIN(ra->sequential ? max : n, max));
	if (backward && !forward)
		*first = index + 1 - MIN((uint64_t)n, index + 1);
	else
		*first = forward || ra->sequential ? index : ALIGN_DOWN(index, (uint64_t)n);
	ra->window = n;
	ra->first = *first;
	ra->next = *first + n;
	return n;
}

unsigned readahead_read(struct readahead *ra, uint64_t index, bool hit, uint64_t want, uint64_t *first)
{
	bool sequential = ra && (index == ra->next || index + 1 == ra->next);

	*first = index;
	if (!ra || ra->random)
		return !hit;
	if (hit) { /* half of the window used up: ask for the next */
		if (!sequential || !ra->window || index + ra->window / 2 < ra->ahead)
			return 0;
		*first = MAX(ra->ahead, index + 1);
	} else if (!sequential && index) {
		ra->window = MIN(MAX(want, 1ul), (uint64_t)CLUSTER_MAX);
		ra->ahead = index + ra->window;
		return ra->window;
	}
	ra->window = MIN(MAX(MAX(ra->window * 2ul, want), (uint64_t)RA_START), (uint64_t)CLUSTER_MAX);
	if (ra->sequential)
		ra->window = CLUSTER_MAX;
	ra->ahead = *first + ra->window;
	return ra->window;
}
