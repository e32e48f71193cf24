/* SPDX-License-Identifier: ISC */
/*
 * The replacement policy: which page next. Mechanism (reclaim.c) asks for candidates and knows nothing of their order; a policy
 * knows nothing of locks, PTEs or I/O beyond the verdict on one page. One is chosen at boot: vm.policy=NAME.
 */
#ifndef VM_POLICY_H
#define VM_POLICY_H

#include "vm/internal.h"

struct policy {
	const char *name;
	bool ordered;	  /* it keeps the pages in lists: policy.c's links are wanted */
	bool ignores_use; /* an offered page goes even if it was used since */
	/* A page has come into a home, whose lock is held; `again`: it was evicted lately. */
	void (*enter)(struct page *p, bool again);
	/* Looks at up to n pages and offers those that should go; returns how many were accepted. Only pageoutd calls it. */
	unsigned (*scan)(unsigned n);
	/* Whether the page's turn is near, if nobody uses it; NULL: as far as it knows, any page's. */
	bool (*soon)(const struct page *p);
};
extern const struct policy policy_clock, policy_fifo, policy_s3fifo;
extern const struct policy *policy; /* [c] after boot */

/* What the mechanism offers a policy. Both take the locks they need and may sleep for a mapping list. */
/* Clears the referenced state and the A bits; were there any? The shootdown, on which a later answer relies, is the caller's. */
bool reclaim_forget_use(struct page *p, struct shoot_batch *b);
bool reclaim_try(struct page *p); /* puts an unused page on its way out; false: used or not evictable */

/* ---- policy.c: lists of frames, oldest first, for policies that keep an order ---- */

enum policy_list { LIST_NONE, LIST_A, LIST_B, LIST_C, POLICY_LISTS };

/* Moves the page, wherever it is, to the young end of the list, with a mark of 0 to POLICY_MARK_MAX. */
void policy_move(struct page *p, enum policy_list l, unsigned mark);
unsigned policy_mark(const struct page *p);
#define POLICY_MARK_MAX 3
/* The oldest of the list; NULL: it is empty. It may leave at any time, and is then just some frame. */
struct page *policy_oldest(enum policy_list l);
uint64_t policy_length(enum policy_list l);

#endif
