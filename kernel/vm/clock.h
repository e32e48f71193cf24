/* SPDX-License-Identifier: ISC */
/*
 * The replacement policy: which frame next. Mechanism (reclaim.c) asks for candidates and knows nothing of their order; a policy
 * knows nothing of locks, PTEs or I/O beyond the verdict on one page.
 */
#ifndef VM_CLOCK_H
#define VM_CLOCK_H

#include "vm/reclaim.h"

/* What the mechanism offers a policy. Both take the locks they need and may sleep for a mapping list. */
void reclaim_forget_use(struct page *p,
			struct shoot_batch *b); /* clears the referenced state and the A bits */
bool reclaim_try(struct page *p); /* puts an unused page on its way out; false: used or not evictable */

/* Looks at up to n frames and offers those that should go; returns how many were accepted. */
unsigned clock_scan(unsigned n);

#endif
