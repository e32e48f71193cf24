/* SPDX-License-Identifier: ISC */
/* What the files of vm/ tell each other and nobody else. */
#ifndef VM_INTERNAL_H
#define VM_INTERNAL_H

#include "lib/errno.h"
#include "vm/vm.h"

void kmem_init(void);
void object_init(void);
void space_init(void);
void overlay_cache_init(void);
void pageoutd(void *arg);
void pusher(void *arg);
void writebackd(void *arg);

/* page.c: how many pages of each kind there are; racing atomic counters. */
enum page_kind { PAGES_FILE, PAGES_ANON, PAGES_SHMEM, PAGES_TABLE, PAGES_DIRTY, PAGES_WRITING, PAGE_KINDS };
extern uint64_t vm_page_counts[PAGE_KINDS];
static inline void page_kind_add(enum page_kind k, int64_t n)
{
	__atomic_fetch_add(&vm_page_counts[k], n, __ATOMIC_RELAXED);
}
static inline uint64_t page_kind_count(enum page_kind k)
{
	return load_relaxed(&vm_page_counts[k]);
}
uint64_t page_nfree(void);
/* For the audit, with all other harts standing still. */
void page_each_free(void (*fn)(void *arg, struct page *p), void *arg);
const struct vm_counts *page_totals(void);

/* ---- rmap.c: shootdown batches and the reverse map ---- */

/* Spaces whose PTEs were weakened and that must be shot down before the caller relies on it. No references: spaces are
 * type-stable, a space that ended has no harts, and shooting down its successor does no harm. */
#define BATCH_SPACES 16
struct shoot_batch {
	unsigned n;
	struct space *spaces[BATCH_SPACES];
};
void batch_add(struct shoot_batch *b, struct space *s);
void batch_shoot(struct shoot_batch *b); /* fences them all and empties the batch */
/* Fences every hart in the space if a PTE of it was weakened since the last time. Any context, locks allowed. */
void space_shoot(struct space *s);
/* The same for one PTE that was cleared just now, and of which `stale` need not know. A spinlock is held. */
void space_shoot_page(struct space *s, uint64_t vpn);
/* [t] a PTE of the space was removed or lost a permission. */
void space_mark_stale(struct space *s);

enum rmap_op {
	RMAP_REFERENCED, /* count and clear A bits */
	RMAP_PEEK,	 /* count A bits */
	RMAP_COUNT,	 /* count PTEs, whatever locks them */
	RMAP_CLEAR_WRITE,
	RMAP_REMOVE, /* also counts A bits */
};
#define RMAP_LOCKED (1u << 16) /* what each locked mapping of the page adds to the count of uses */
/* Applies `op` to every PTE that names the page, collecting spaces in `b`; the number of PTEs that had A set. A page of a family: its
 * lock is held. A page of an object, at `index` there: the mapping list is held and no spinlock, and the page is busy or may have gone. */
unsigned rmap_family(struct family *f, struct page *p, enum rmap_op op, struct shoot_batch *b);
unsigned rmap_object(struct object *o, struct page *p, uint64_t index, enum rmap_op op,
		     struct shoot_batch *b);
/* Either, for a busy page, with no lock held. */
unsigned rmap_busy_page(struct page *p, enum rmap_op op, struct shoot_batch *b);

/* ---- table.c: page tables, all with s->table_lock held unless said ---- */

#define PTE_PRIVATE PTE_SOFT /* the entry belongs to a private mapping */

pte_t *table_find(struct space *s, uint64_t vpn); /* NULL: no leaf table there */
/* The entry, with tables from the purse: NULL: purse->want_tables says what it lacks. Without a purse NULL if it is not there, or suspended. */
pte_t *table_make(struct space *s, uint64_t vpn, struct purse *purse);
/* Invalid -> valid, or more permission for the same frame. An empty entry may be set by who shares the family's lock, found this one free
 * and knows that nobody else sets it. */
void table_set(struct space *s, pte_t *pte, pte_t value);
/* Valid -> another frame than that of zeros, with a shootdown between. */
void table_replace(struct space *s, uint64_t vpn, pte_t *pte, pte_t value);
void table_clear(struct space *s, pte_t *pte);	    /* valid -> invalid; marks stale */
void table_take_write(struct space *s, pte_t *pte); /* clears W and D; marks stale */
/* The rest take the lock themselves. None shoots down. */
void table_clear_range(struct space *s, uint64_t first, uint64_t end);
void table_protect_range(struct space *s, uint64_t first, uint64_t end,
			 uint64_t keep_bits);				/* takes R, W, X not in keep_bits */
void table_forget_range(struct space *s, uint64_t first, uint64_t end); /* takes A bits */
uint64_t table_count_shared(struct space *s);				/* entries whose pages are objects' */
/* fork: no entry of a private mapping stays writable, in time that does not depend on their number. */
void table_suspend(struct space *s);
/* Frees the leaf tables in which no hart noted a use, and those above that stay empty; takes the lock, shoots down. How many went. */
unsigned table_sweep(struct space *s);
bool table_create_root(struct space *s); /* false: no memory */
void table_destroy(struct space *s);	 /* no hart is in the space; it has no entries after that */
struct page *table_alloc(void);
void table_free(struct page *p);

/* ---- object.c: [o] ---- */

slot_t *object_slot(struct object *o, uint64_t index);				 /* NULL: no node there */
slot_t *object_slot_make(struct object *o, uint64_t index, struct purse *purse); /* NULL: purse->want_nodes */
void object_mark_dirty(struct object *o, struct page *p);
void object_clear_dirty(struct object *o, struct page *p);
/* Takes a page from its slot, busy or not; the caller frees it. A kept swap copy's count passes to a swap entry in `replacement`. */
void object_detach(struct object *o, struct page *p, slot_t replacement);
/* The first index in [from, end) whose slot is in use, or holds a dirty page; UINT64_MAX: none. */
uint64_t object_next(struct object *o, uint64_t from, uint64_t end, bool dirty);
/* Starts reading what is absent of [first, first+n), which `index` lies in; takes the lock, waits for memory only for that page. The others
 * count as brought ahead. */
#define CLUSTER_MAX 64 /* pages in one read */
int object_read_in(struct object *o, uint64_t first, unsigned n, uint64_t index);
/* Ends busy of a page that was valid before and is dirty now. */
void object_fill_keep(struct object *o, struct page *p);
/* Removes a page whose read failed, so that the next look-up reads again. */
void object_drop_failed(struct object *o, uint64_t index);
/* Writeback works on an object between these: it is not destroyed meanwhile. object_pin: vm_queue_lock held. */
void object_pin(struct object *o);
void object_unpin(struct object *o);
extern struct list object_list;
extern struct spinlock
	vm_queue_lock; /* RANK_VMQUEUE: object_list, dirty list, family and space lists, reclaim queues */

/* [h] a page that was brought ahead is used for the first time */
static inline void page_used_ahead(struct page *p)
{
	page_clear(p, PG_AHEAD);
	EVENT(readahead_hit);
	if (p->swap)
		EVENT(swap_ra_hit);
}

#define SWAP_CLUSTER_MAX 32

/* ---- readahead.c: how many pages to bring, at most 64, beginning with *first ---- */
/* A fault at `index` finds nothing; the window is a power of two, at most `max`. */
unsigned readahead_fault(struct readahead *ra, uint64_t index, unsigned max, uint64_t *first);
/* read() comes to `index`, of `want` pages that it is to read, and found it or not; 0: nothing to bring. ra may be NULL: the page alone. */
unsigned readahead_read(struct readahead *ra, uint64_t index, bool hit, uint64_t want, uint64_t *first);

/* ---- commit.c ---- */
bool budget_take(
	struct budget *b); /* one page; false: the budget is used up, or promises are refused. Any context */
void budget_put(struct budget *b);

/* ---- overlay.c: [f] ---- */
extern struct list family_list;
struct family *family_create(void);
void family_destroy(struct family *f);			 /* without members */
void overlay_init(struct overlay *ov, struct family *f); /* takes the lock */
/* The slot of a virtual page number, NULL if no node is there; *shared: some node on the path is shared. */
slot_t *overlay_find(const struct overlay *ov, uint64_t vpn, bool *shared);
struct node *overlay_leaf(const struct overlay *ov, uint64_t vpn, bool *shared);
/* The slot with an unshared path, nodes made or copied from the purse; NULL: purse->want_nodes. */
slot_t *overlay_unshare(struct overlay *ov, uint64_t vpn, struct purse *purse);
/* The first virtual page number in [from, end) whose slot is not EMPTY; UINT64_MAX: none. */
uint64_t overlay_next(const struct overlay *ov, uint64_t from, uint64_t end);
/* Changes what a slot of an unshared leaf holds, counting slots in use; sharers and swap counts are the caller's. */
void overlay_store(struct overlay *ov, uint64_t vpn, slot_t *s, slot_t value);
/* A fresh frame becomes a dirty private page in such a slot, instead of what was there; EMPTY: also while the family's lock is only shared,
 * and false if it is EMPTY no more. */
bool overlay_put(struct overlay *ov, uint64_t vpn, slot_t *s, slot_t was, struct page *p) __must_check;
/* The child, an empty member of the parent's family, shares all that the parent has. False: the parent's space is dying, and its overlay may have been emptied. Takes the family's lock. */
bool overlay_clone(struct overlay *child, struct overlay *parent);
/* Puts `new_slot` in place of `old` at vpn in every member; returns how many distinct slots changed. */
unsigned family_replace(struct family *f, uint64_t vpn, slot_t old, slot_t new_slot);
/* A fresh page takes the place of a swap entry in every member, busy: its read is to follow. The entry becomes its kept copy.
 * `flag`: PG_REFERENCED, or PG_AHEAD. */
void family_swap_in(struct family *f, uint64_t vpn, slot_t entry, struct page *p, uint32_t flag);
/* The reverse for a clean, busy page without PTEs; the caller frees the frame. */
void family_swap_out(struct family *f, struct page *p);
/* Empties [first, end) of one member, a leaf at a time under the lock, which it takes. No PTE of the range may be left, and the space
 * must have been shot down. It never waits itself: -EAGAIN says that clear_wait(w) must be called, with no lock held that a holder of
 * a busy page may want, and then overlay_clear again. */
struct clear_wait {
	struct purse purse;
	struct page *page; /* busy, held or being written */
	unsigned budget;   /* slots still to be emptied before the lock is let go once */
	bool leaving;	   /* the overlay goes: need not count */
	bool passing;	   /* pages in use are passed over instead of waited for */
};
int overlay_clear(struct overlay *ov, uint64_t first, uint64_t end, struct clear_wait *w);
/* Moves what slot `from` holds to the EMPTY slot `to` under the same rules: an exclusive page is renumbered, a swap entry carried over, of
 * a page that others share a copy goes in. Takes the lock. 0, or -EAGAIN as above. */
int overlay_move(struct overlay *ov, uint64_t from, uint64_t to, struct clear_wait *w);
/* One slot names the page, and no fork shares it. */
bool family_exclusive(struct family *f, struct page *p);
void clear_wait(struct clear_wait *w);
/* Without the reserve: 0, or -ENOMEM when this thread is being killed. */
int clear_wait_or_fail(struct clear_wait *w);
/* Empties what can be emptied at once of an overlay whose space is dying and has no PTE left. */
void overlay_reap(struct overlay *ov);
void overlay_leave(
	struct overlay *
		ov); /* the space is gone: clears everything, leaves the family, frees it with its last member */
struct space *overlay_space(struct overlay *ov);

/* ---- swap.c ---- */
void swap_get(uint32_t entry, unsigned n);     /* n more references */
void swap_get_run(uint32_t entry, unsigned n); /* one more for each of n consecutive entries */
void swap_put(uint32_t entry, unsigned n);     /* frees the slot with the last */
unsigned swap_count(uint32_t entry);
/* Up to *n consecutive free slots, each with one reference (the I/O's); the first entry, 0: swap is full. */
uint32_t swap_alloc(unsigned *n);
/* Starts reading n consecutive entries into busy pages; page_read_done for each. May sleep. */
void swap_read(uint32_t entry, struct page **pages, unsigned n);
/* Starts writing n PG_WRITING pages to consecutive entries; swap_write_done for each, which ends in page_write_done. */
void swap_write(uint32_t entry, struct page **pages, unsigned n);
bool swap_entry_valid(uint32_t entry);
/* Memory is exhausted: makes swapoff give up, with ENOMEM. False: none is at work. */
bool swap_stay_on(void);
uint64_t swap_in_flight(void);

/* ---- reclaim.c ---- */
void reclaim_kick(void);   /* any context */
bool reclaim_active(void); /* the clock turns, or did lately: references matter */
/* The time of evictions: one more for each. Never 0. */
uint32_t reclaim_stamp(void);
void reclaim_expire_stamps(void); /* as if a memory full had been evicted since any was left */
/* What the slot held was evicted lately: fewer evictions ago than there are frames. Counts it. */
bool reclaim_refault(slot_t s);
bool reclaim_stamp_expired(slot_t s); /* it is a mere stamp, and of no use any more */
/* Drops expired stamps of a file, and nodes that hold nothing else. */
void object_drop_stamps(struct object *o);
void reclaim_dequeue(struct page *p); /* the page leaves whatever reclaim queue it is on */
extern uint32_t reclaim_nwaiters;     /* [a] */
static inline bool reclaim_waiters(void)
{
	return __atomic_load_n(&reclaim_nwaiters, __ATOMIC_RELAXED) > 0;
}
void reclaim_wake_waiters(void);
/* PAGEOUT: an unused page starts on its way out, now; reclaim_start_writing after the last one. Take locks, may sleep. */
void reclaim_page_out(struct page *p);
void reclaim_start_writing(void);
void reclaim_laundered(struct page *p); /* a write ended: the page may go now */
/* policy.c */
void policy_init(void);			       /* once, before there is any page in a home */
void policy_enter(struct page *p, slot_t old); /* [h] it has come into a home, in place of `old` */
extern bool policy_ordered;		       /* it keeps pages in lists, and wants to know: */
void policy_leave(struct page *p);	       /* it is freed */

/* writeback.c */
void writeback_kick(void);
void writeback_look(
	void); /* writebackd looks now whether something is to be written, not when its time has come */
void caches_want_shrink(void); /* writebackd gives back memory of the kernel's own caches soon */
void object_queue_dirty(struct object *o, bool soon);

/* space.c */
extern struct list space_list; /* vm_queue_lock */
/* The k-th space of the list that is not dying, pinned: its end waits for space_unpin, and so the pageoutd never has to do it, which
 * may take memory. NULL: there are not so many. */
struct space *space_kth(unsigned k);
void space_unpin(struct space *s);
/* Is the page in a locked mapping? Takes the table lock. */
bool space_locks(struct space *s, uint64_t vpn);
/* Makes the stack mapping above vpn reach down to it. 0, or -ENOMEM, -EFAULT: there is none, or a limit or the guard gap forbids. */
int space_grow_stack(struct space *s, uint64_t vpn);

/* oom.c */
void oom_kill(void);

#endif
