/* SPDX-License-Identifier: ISC */
/* mapping.c for the rest of vm/: the space is held, for writing where mappings change. */
#ifndef VM_MAPPING_H
#define VM_MAPPING_H

#include "vm/internal.h"

void mapping_init(void);
/* A copy of all but where it hangs: `m` may be on lists that others change. Its space is held. NULL: no memory. */
struct mapping *mapping_copy(const struct mapping *m);
void mapping_discard(struct mapping *m); /* one that was never inserted */
/* One that is to be put in s: what mapping_put looks at is zero, the rest undefined. */
static inline void mapping_blank(struct mapping *m, struct space *s)
{
	m->space = s;
	m->start = m->end = m->offset = 0;
	m->object = NULL;
	m->prot = m->max_prot = 0;
	m->shared = false;
	m->flags = 0;
	m->ra = (struct readahead){ 0 };
	m->error_seen = 0;
	m->expect = EXPECT_NOTHING;
}
struct mapping *mapping_first(struct space *s);
struct mapping *mapping_find(struct space *s, uint64_t vpn);	    /* that contains vpn, or NULL */
struct mapping *mapping_at_or_after(struct space *s, uint64_t vpn); /* the first with end > vpn, or NULL */
struct mapping *mapping_next(struct mapping *m);
struct mapping *mapping_prev(struct mapping *m);
/* The caller has taken the promise for MF_ACCOUNT, filled in everything but space and links, and holds the object reference that becomes the mapping's. */
void mapping_insert(struct space *s, struct mapping *m);
/* The same with a copy of m, or by making longer a neighbour of its kind: then 1, and m's reference is left over. 0; -ENOMEM. */
int mapping_put(struct space *s, const struct mapping *m, struct mapping **drop);
/* With its promise, from tree and lists; the reference stays, on the drop list. */
void mapping_remove(struct mapping *m, struct mapping **drop);
/* All of a space that ends; its sums stay as they were. */
void mapping_remove_all(struct space *s, struct mapping **drop);
/* fork: the child's mappings, of which there are none, become copies of the parent's; one with MF_DONTFORK only keeps its place, to be removed by the caller. False: no
 * memory, or more would be promised than may be; then nothing but mapping_remove_all may follow. */
bool mapping_clone_all(struct space *child, struct space *parent);
/* Cuts m in two at `at`, inside it: the upper part, or NULL: no memory. */
struct mapping *mapping_split(struct mapping *m, uint64_t at);
/* Makes m's part of [first, end) a mapping of its own. NULL: no memory, and it may have been cut at one end. */
struct mapping *mapping_carve(struct mapping *m, uint64_t first, uint64_t end);
/* What may change in place; with MF_ACCOUNT newly set the promise was taken. */
void mapping_change(struct mapping *m, unsigned prot, unsigned flags);
/* Is memory of this kind limited by RLIMIT_DATA, and promised? */
static inline bool mapping_is_data(unsigned prot, bool shared, unsigned flags)
{
	return !shared && prot & PROT_WRITE && !(flags & MF_STACK);
}
/* Growing needs the promise taken; shrinking gives it back. */
void mapping_resize(struct mapping *m, uint64_t start, uint64_t end);
/* Joins m with equal neighbours; what became superfluous goes on the drop list. Returns the mapping that now covers m's range. */
struct mapping *mapping_merge(struct mapping *m, struct mapping **drop);
/* Part of it was unmapped: what it dirtied is written soon. */
void mapping_queue_dirty(const struct mapping *m);
/* With no lock held: lets go of the references (a vnode's last may write and free a file) and frees the mappings. What the program
 * dirtied through them is queued for prompt writeback. */
void mapping_drop_all(struct mapping *drop);

/* A part of one mapping, [first, end), and what is to be done with it. */
struct part {
	struct mapping *m;
	uint64_t first, end;
	int what;
};
typedef int (*part_fn)(struct part *p);
/* Calls fn for each mapping's part of [first, end); where mappings may change (`drop`), it is joined with equal neighbours after. 0; fn's
 * error at once; -ENOMEM when something is not mapped: at once, or with `past_holes` at the end. */
int each_part(struct space *s, uint64_t first, uint64_t end, bool past_holes, part_fn fn, int what,
	      struct mapping **drop);
/* The part becomes a mapping of its own, which fn may change. False: no memory. */
static inline bool part_carve(struct part *p)
{
	struct mapping *m = mapping_carve(p->m, p->first, p->end);

	p->m = m ? m : p->m;
	return m;
}

/* ---- calls/mmap.c ---- */
#define MMAP_MIN   (1ul << 16 >> PAGE_SHIFT) /* pages at the bottom stay free: null pointers fault */
#define USER_PAGES (USER_TOP >> PAGE_SHIFT)
#define GUARD_GAP  256 /* pages that stay free below a stack, as on Linux */
/* A range in pages: 0, or -EINVAL (unaligned, wraps). Zero length is the caller's matter. What goes beyond the last page of a space ends one
 * behind it, where nothing is ever mapped: who walks a range does what it can before that hole, as on Linux. */
int page_range(uint64_t addr, uint64_t len, uint64_t *first, uint64_t *end);
/* How many pages of [first, end) lie in mappings that have all of `flags`. */
uint64_t mapped_in(struct space *s, uint64_t first, uint64_t end, unsigned flags);
/* The highest gap of n pages; 0: none. */
uint64_t find_gap(struct space *s, uint64_t n);
bool range_is_free(struct space *s, uint64_t first, uint64_t end);
/* Empties the overlay of a range whose PTEs are gone; waits as it must, with the space held. */
void clear_overlay(struct space *s, uint64_t first, uint64_t end);
int unmap_range(struct space *s, uint64_t first, uint64_t end, struct mapping **drop);
/* May n pages more of this kind be mapped, when `gone` others make room for them: 0, -ENOMEM (RLIMIT_AS, RLIMIT_DATA), -EAGAIN (RLIMIT_MEMLOCK). */
int check_limits(struct space *s, uint64_t n, uint64_t gone, bool data, bool locked);
/* Brings the pages of a range in, with no lock held. `access`: for that, or FOR_LOCK as mlock wants it: for writing where stores
 * would copy, nothing where pages come by faults only. 0, -ENOMEM (a hole), -EINVAL (not permitted), -EFAULT. */
#define FOR_LOCK 0
int populate(struct space *s, uint64_t first, uint64_t end, unsigned access);

#endif
