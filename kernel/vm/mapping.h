/* SPDX-License-Identifier: ISC */
/* mapping.c for the rest of vm/: the space is held, for writing where mappings change. */
#ifndef VM_MAPPING_H
#define VM_MAPPING_H

#include "vm/reclaim.h"

void mapping_init(void);
struct mapping *mapping_alloc(void);	 /* contents undefined; NULL: no memory */
void mapping_discard(struct mapping *m); /* one that was never inserted; NULL is allowed */
struct mapping *mapping_first(struct space *s);
struct mapping *mapping_find(struct space *s, uint64_t vpn);	    /* that contains vpn, or NULL */
struct mapping *mapping_at_or_after(struct space *s, uint64_t vpn); /* the first with end > vpn, or NULL */
struct mapping *mapping_next(struct mapping *m);
struct mapping *mapping_prev(struct mapping *m);
/* The caller has filled in everything but space and links, and holds the object reference that becomes the mapping's. */
void mapping_insert(struct space *s, struct mapping *m);
void mapping_remove(struct mapping *m); /* from tree and list; the reference stays: put it on a drop list */
/* Cuts m in two at `at`; `fresh` becomes the upper part, which is returned. */
struct mapping *mapping_split(struct mapping *m, uint64_t at, struct mapping *fresh);
void mapping_resize(struct mapping *m, uint64_t start, uint64_t end);
/* Joins m with equal neighbours; what became superfluous goes on the drop list. Returns the mapping that now covers m's range. */
struct mapping *mapping_merge(struct mapping *m, struct mapping **drop);
/* With no lock held: lets go of the references (a vnode's last may write and free a file) and frees the mappings. What the program
 * dirtied through them is queued for prompt writeback. */
void mapping_drop_all(struct mapping *drop);

#endif
