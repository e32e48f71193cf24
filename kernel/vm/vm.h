/* SPDX-License-Identifier: ISC */
/*
 * Virtual memory: the nouns (page, object, mapping, overlay, space), who guards which field, and what each
 * file offers. vm/README.md is the map to read first.
 *
 * Lock keys: [h] the lock of the page's home (an object's or a family's spinlock); [o] the object's; [f] the
 * family's; [s] the space's rwlock; [t] the space's table lock; [m] the object's mapping list mutex;
 * [q] the queue lock of reclaim.c; [a] atomic; [c] constant after creation.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include "arch/mmu.h"
#include "lib/base.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/tree.h"

struct object;
struct space;
struct mapping;
struct block_device;

/* ---- page.c: frames and their descriptors ----------------------------------------------------------- */

/* What object and family have in common: pages call either one their home. Both live in type-stable pools. */
struct home {
	struct spinlock lock;
	enum home_kind { HOME_OBJECT = 1, HOME_FAMILY } kind; /* [c] */
};

/* Of a home that may be a family, whose lock faults share (fault.c); an object's is a plain spinlock. Let go by spin_unlock(&h->lock). */
static inline void home_lock(struct home *h)
{
	spin_lock(&h->lock);
	spin_drain(&h->lock);
}

enum page_flag {
	PG_BUSY = 1 << 0,    /* one owner changes its contents or its place; nobody maps it */
	PG_DIRTY = 1 << 1,   /* newer than its copy on disk or swap */
	PG_WRITING = 1 << 2, /* a write of it is in flight: not freed, not truncated, no second write */
	PG_REFERENCED =
		1 << 3, /* used since the clock's front hand passed (read(), write(); A bits come on top) */
	PG_ERROR = 1 << 4,	/* its read failed: contents void */
	PG_WANTED = 1 << 5,	/* somebody sleeps for busy, writing or holds to end */
	PG_QUEUED = 1 << 6,	/* [q] `link` is on a reclaim queue */
	PG_ICACHE = 1 << 7,	/* every hart's instruction fetch has seen its present contents */
	PG_TABLE = 1 << 8,	/* a page table; home unused */
	PG_PUSHED = 1 << 10,	/* the clock wants it out: evict it when its write has ended */
	PG_LAUNDERED = 1 << 11, /* [q] the queue is the laundered one */
	PG_KERNEL = 1 << 9,	/* kmem, kmap and other kernel use */
	PG_AHEAD = 1 << 12,	/* [h] brought ahead of a use that has not come yet */
	PG_LAZYFREE = 1 << 13, /* MADV_FREE: private, clean without a copy; evicted, its slot becomes EMPTY */
};

struct page {
	struct home *home; /* NULL: free or the kernel's own */
	union {
		uint64_t index;	 /* [h] in the object: page number; in a family: virtual page number */
		uint64_t groups; /* [t] page table: bit i: entries 8i .. 8i+7 may be in use */
		struct page *next_table; /* page table in a purse */
	};
	uint32_t flags; /* [h], except PG_REFERENCED [a] and PG_QUEUED [q]: always changed atomically */
	uint32_t
		holds; /* [a] readers that want the contents in place: copies; taken under [h], let go without */
	union {
		uint32_t sharers; /* [h] distinct slots that name it */
		uint32_t counts;  /* [t] page table: both of the following, nvalid below */
		struct {
			uint16_t nvalid;    /* [t] page table: entries in use */
			uint16_t nwritable; /* [t] page table: writable entries of private mappings */
		};
	};
	uint32_t swap;	  /* [h] swap entry that holds the same bytes, 0: none */
	struct list link; /* free list, or a reclaim queue [q] */
};

extern struct page *page_table; /* one per frame from frame_first on */
extern struct page *page_of_0;	/* where it would begin if frame 0 had one: what is counted from */
extern pfn_t frame_first, frame_end;
extern struct page *zero_page; /* the one frame of zeros; in no home, never freed */
extern pfn_t zero_pfn;

static inline pfn_t page_pfn(const struct page *p)
{
	return p - page_of_0;
}
static inline struct page *pfn_page(pfn_t pfn)
{
	return page_of_0 + pfn;
}
static inline void *page_data(const struct page *p)
{
	return phys_to_virt(page_pfn(p) << PAGE_SHIFT);
}
static inline uint64_t page_phys(const struct page *p)
{
	return page_pfn(p) << PAGE_SHIFT;
}
static inline struct page *phys_page(uint64_t phys)
{
	return pfn_page(phys >> PAGE_SHIFT);
}

struct mem_range {
	uint64_t start, end; /* physical bytes */
};

/* Takes over all of `ram` that is not in `reserved`. Called once, first of all; the page table comes from the RAM itself. */
void vm_init(const struct mem_range *ram, unsigned nram, const struct mem_range *reserved,
	     unsigned nreserved);
void vm_start_threads(void); /* pageoutd, pusher, writebackd; after sched_init */

/* A frame with undefined contents, or NULL: never sleeps. Threads that reclaim, hold a block map or were chosen by
 * the OOM killer may dip into the reserve (page_reserve_enter). */
struct page *page_alloc(void) __must_check;
/* A frame for the kernel's own use, marked PG_KERNEL. */
struct page *page_alloc_kernel(void) __must_check;
/* Like page_alloc, but sleeps until there is one; NULL only when this thread is being killed. No lock but inode contents
 * and busy pages may be held; not the space lock, nor the mapping list. */
struct page *page_alloc_wait(void) __must_check;
void page_free(struct page *p);
/* Sleeps until memory is no longer short: 0, or -ENOMEM when this thread is being killed. */
int page_wait_memory(void);
/* Between these the thread may use the reserve: holders of a block map, reclaim itself. Nests. */
void page_reserve_enter(void);
void page_reserve_leave(void);

/* With the home's lock held; all three may let it go, and then return true: look at everything again. */
bool page_wait_busy(struct page *p);	/* until not busy */
bool page_wait_idle(struct page *p);	/* until not busy, not held, not writing */
bool page_wait_written(struct page *p); /* until not writing */
/* With no lock held, and no reference to what the page belongs to: sleeps until something has ended of what it is in use for. */
void page_wait(struct page *p);
/* Has it any of the flags? Others may be changing those that are not of this thread's lock. */
static inline bool page_has(const struct page *p, uint32_t flags)
{
	return load_relaxed(&p->flags) & flags;
}
static inline void page_set(struct page *p, uint32_t flags)
{
	__atomic_fetch_or(&p->flags, flags, __ATOMIC_RELAXED);
}
static inline void page_clear(struct page *p, uint32_t flags)
{
	__atomic_fetch_and(&p->flags, ~flags, __ATOMIC_RELAXED);
}
void page_wake_waiters(struct page *p);
static inline void page_wake(struct page *p) /* [h] after busy, writing or holds ended */
{
	if (unlikely(page_has(p, PG_WANTED)))
		page_wake_waiters(p);
}
/* Takes the home's lock; NULL if the page has none (any more). */
struct home *page_lock_home(struct page *p);
static inline void page_hold(struct page *p) /* [h] held by the caller */
{
	__atomic_fetch_add(&p->holds, 1, __ATOMIC_RELAXED);
}
static inline bool
page_held(const struct page *p) /* [h]; false: what its holders did to the contents is seen */
{
	return __atomic_load_n(&p->holds, __ATOMIC_ACQUIRE) != 0;
}
void page_released(struct page *p); /* somebody waited for that: takes the home's lock */
/* Undoes a hold, without the home's lock: so the page may go at once, and who waits looks again after he has set PG_WANTED. */
static inline void page_release(struct page *p)
{
	dassert(load_relaxed(&p->holds) > 0);
	if (__atomic_sub_fetch(&p->holds, 1, __ATOMIC_SEQ_CST) == 0 &&
	    unlikely(__atomic_load_n(&p->flags, __ATOMIC_SEQ_CST) & PG_WANTED))
		page_released(p);
}
static inline void page_release_locked(struct page *p) /* [h] */
{
	if (__atomic_sub_fetch(&p->holds, 1, __ATOMIC_SEQ_CST) == 0)
		page_wake(p);
}
void page_end_busy(struct page *p); /* takes the home's lock */

struct vm_counts {
	uint64_t total, free, kernel, tables, file, anon, shmem, dirty, writing, reserve, low, high;
};
void vm_count(struct vm_counts *c); /* in frames; sums of racing counters */

/* One array of event counters; proc prints them under these names in /proc/vmstat. */
/* clang-format off */
#define VM_EVENTS(X)                                                                                        \
	X(pgfault) X(pgmajfault) X(pgalloc_normal) X(pgfree) X(pgpgin) X(pgpgout) X(pswpin) X(pswpout)             \
	X(pgscan_clock) X(pgsteal_anon) X(pgsteal_file) X(pgreferenced) X(allocstall_normal) X(oom_kill)           \
	X(cow_copies) X(cow_reuses) X(zero_maps) X(zero_fills) X(fault_around) X(node_shares)               \
	X(node_copies) X(tables_swept) X(shootdowns) X(fences_sent) X(harts_fenced) X(kernel_fences) X(kernel_refaults) X(swap_reads) X(swap_writes)         \
	X(swap_ra) X(file_reads) X(file_writes) X(refaults) X(fault_retries) X(writeback_runs)              \
	X(dirty_waits) X(kmem_shrunk) X(readahead) X(readahead_hit) X(readahead_unused) X(swap_ra_hit)             \
	X(pglazyfree) X(pglazyfreed)
/* clang-format on */
enum vm_event {
#define X(name) EV_##name,
	VM_EVENTS(X)
#undef X
		EV_COUNT
};
extern uint64_t vm_events[EV_COUNT];
extern const char *const vm_event_names[EV_COUNT];
static inline void vm_count_event(enum vm_event e, uint64_t n)
{
	__atomic_fetch_add(&vm_events[e], n, __ATOMIC_RELAXED);
}
#define EVENT(name)	vm_count_event(EV_##name, 1)
#define EVENTS(name, n) vm_count_event(EV_##name, (n))

/* What /proc/sys/vm shows under Linux's names, in the units there, with the least and the greatest value. */
#define VM_TUNABLES(X)                                                                         \
	X(swappiness, 0,                                                                       \
	  200) /* below 100 anonymous pages are passed over more than files', above it less */ \
	X(dirty_ratio, 1, 100)		  /* of what could be free: writers wait */            \
	X(dirty_background_ratio, 0, 100) /* writing begins */                                 \
	X(dirty_expire_centisecs, 0, 360000)                                                   \
	X(dirty_writeback_centisecs, 0, 360000)                                                \
	X(min_free_kbytes, 64, 1048576)                                                        \
	X(overcommit_memory, 0, 2) /* commit.c */                                              \
	X(overcommit_ratio, 0, 1000)                                                           \
	X(page_cluster, 0, 5) /* swapped pages read together, as a power of 2 */
struct vm_tunables {
#define X(name, min, max) unsigned name;
	VM_TUNABLES(X)
#undef X
};
extern struct vm_tunables vm_tunables;
void vm_tunables_changed(void); /* after a store into it */

/* ---- node.c: slots, and trees of nodes with 64 of them ----------------------------------------------- */

/* EMPTY (0), a page or (inside a tree) a node, a swap entry, or in a file's object the stamp of an evicted page. */
typedef uint64_t slot_t;
#define NODE_BITS  6
#define NODE_SLOTS 64

static inline bool slot_is_page(slot_t s)
{
	return s && !(s & 3);
}
static inline bool slot_is_swap(slot_t s)
{
	return (s & 3) == 1;
}
static inline bool slot_is_stamp(slot_t s)
{
	return (s & 3) == 2;
}
static inline struct page *slot_page(slot_t s)
{
	return (struct page *)s;
}
static inline uint32_t slot_swap(slot_t s)
{
	return s >> 2;
}
static inline slot_t slot_of_page(struct page *p)
{
	return (slot_t)p;
}
static inline slot_t slot_of_swap(uint32_t entry)
{
	return (slot_t)entry << 2 | 1;
}
/* What an evicted page leaves: its swap entry, or without one (0) a mere stamp; in the upper bits the time of its eviction. */
#define STAMP_SHIFT 34
#define STAMP_BITS  30
static inline slot_t slot_stamped(uint32_t entry, uint32_t stamp)
{
	return (slot_t)stamp << STAMP_SHIFT | (entry ? slot_of_swap(entry) : 2);
}
static inline uint32_t slot_stamp(slot_t s)
{
	return s >> STAMP_SHIFT;
}

struct node {			 /* all [h] */
	slot_t slot[NODE_SLOTS]; /* level 0: slots; above: nodes */
	uint64_t dirty;		 /* objects: slots with a dirty page below (a superset above level 0) */
	uint32_t refs; /* parents that name it; above 1 it is shared and must not change for one member */
	uint32_t used; /* slots that are not EMPTY */
	uint8_t level;
	uint32_t audit; /* audit.c */
};

/* What a thread gathers before it takes a lock, because nothing is allocated under one. */
enum { WANT_FRAME = 1, WANT_ZEROS };
struct purse {
	struct page *frame;  /* for a copy or a zeroed page */
	struct node *nodes;  /* zeroed, chained through slot[0] */
	struct page *tables; /* zeroed, chained through next_table */
	uint8_t nnodes, ntables, want_nodes, want_tables;
	uint8_t want_frame; /* 0, WANT_FRAME or WANT_ZEROS */
	bool zeros;	    /* the frame is full of them */
};
/* Gets what is wanted. 0, or -ENOMEM when memory is short now (then page_wait_memory and try again). Never sleeps. */
int purse_fill(struct purse *p);
void purse_drop(struct purse *p);
static inline void purse_empty(struct purse *p)
{
	if (p->frame || p->nodes || p->tables)
		purse_drop(p);
}
/* One of what it holds; NULL, and then so many are wanted. */
struct node *purse_take_node(struct purse *p, unsigned level, unsigned want);
void purse_put_node(struct purse *p, struct node *n);	     /* one that it had, unused */
static inline struct page *purse_take_frame(struct purse *p) /* NULL: it has none */
{
	struct page *frame = p->frame;

	p->frame = NULL;
	p->want_frame = 0;
	p->zeros = false;
	return frame;
}
struct page *purse_take_table(struct purse *p, unsigned want);
/* Fills its frame with a copy of `src`, which is held. The family's lock is let go for that: the slots must be looked at again. False: no frame. */
bool purse_copy(struct purse *p, const struct page *src, struct home *family);
struct node *node_alloc(unsigned level);
void node_free(struct node *n); /* its slots are EMPTY */
void node_init(void);
uint64_t node_count(void);

/* ---- commit.c: promises of memory, and limits on what files in memory may hold ------------------------ */

/* overcommit_memory: 0 refuses what could never fit, 1 nothing, 2 what exceeds swap and overcommit_ratio % of RAM. */
enum { COMMIT_GUESS, COMMIT_ALWAYS, COMMIT_NEVER };
bool commit_take(uint64_t npages) __must_check; /* false: refused. Any context */
void commit_put(uint64_t npages);
uint64_t vm_committed(void), vm_commit_limit(void); /* in pages */

/* A number of pages that objects share: those of a tmpfs, or all System V segments. Each slot of such an object that is not EMPTY counts. */
struct budget {
	int64_t used;  /* [a] */
	int64_t max;   /* [a] */
	uint32_t refs; /* [a] */
	bool promised; /* [c] its objects' sizes are promised already, so its pages are not */
};
struct budget *budget_create(uint64_t max_pages) __must_check; /* one reference; NULL: no memory */
void budget_ref(struct budget *b);
void budget_unref(struct budget *b);

/* ---- object.c: an indexed set of pages with a pager -------------------------------------------------- */

struct pager_ops {
	const char *name;
	/* Brings in n consecutive pages, all busy and the caller's. The pager calls page_read_done() for each, now or later,
	 * from any context. May sleep. */
	void (*read)(struct object *o, struct page **pages, unsigned n);
	/* Makes sure that page `index` can be written back: 0, -ENOSPC, -EIO, -EROFS. The page is busy. May sleep. */
	int (*reserve)(struct object *o, uint64_t index);
	/* The opposite, for what lies wholly in bytes [from, end) and is not in a dirty page: a write did not come so far. The page, if
	 * it is one's own, is busy still. May sleep. */
	void (*unreserve)(struct object *o, uint64_t from, uint64_t end);
	/* Writes n consecutive pages, all PG_WRITING. page_write_done() for each, now or later, any context. May sleep. */
	void (*write)(struct object *o, struct page **pages, unsigned n);
	/* After a round of write(): bring metadata (size, block pointers, times) into the metadata's own pages. With `wait` all of what was
	 * written by now; without, the pager may do later by itself what would wait for the disk. May sleep. */
	void (*commit)(struct object *o, bool wait);
	/* msync and fsync: pages of the range are written; make all that was written durable. 0 or -EIO. May sleep. */
	int (*sync)(struct object *o);
	/* References to what keeps the object alive (a vnode): a mapping holds one. unref may sleep. */
	void (*ref)(struct object *o);
	void (*unref)(struct object *o);
	/* For /proc/PID/maps: a path into buf, the device and inode numbers. May sleep. */
	void (*describe)(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino);
	/* A store through a shared mapping happened: update times. May sleep. */
	void (*touched)(struct object *o);
};

/* What an anonymous object's owner wants to know or tell; all may be NULL. */
struct anon_ops {
	/* As in pager_ops; both or neither. */
	void (*ref)(struct object *o);
	void (*unref)(struct object *o);
	/* For /proc/PID/maps, as in pager_ops; false: it has no name (any more). May sleep. */
	bool (*describe)(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino);
	/* A mapping of it is gone, its reference not yet. No locks held, may sleep. */
	void (*unmapped)(struct object *o);
};

struct object {
	struct home home;	     /* must be first */
	const struct pager_ops *ops; /* [c] NULL: anonymous, backed by swap */
	const struct anon_ops *anon; /* [c] of an anonymous one, or NULL */
	void *data;		     /* [c] the pager's or owner's: a vnode, a block device */
	struct budget *budget;	     /* [c] what its slots are counted in, or NULL */
	uint64_t committed;	     /* [c] pages promised as a whole */
	bool sealed;		     /* [a] programs may not remove parts of it */
	bool kept;		     /* [a] its pages stay in memory */
	slot_t root;		     /* [o] height 0: the slot of index 0; else a node of level height-1 */
	uint8_t height;		     /* [o] */
	bool metadata;		     /* [c] a block device's own: written after the data of files */
	uint64_t limit;		     /* [o] pages; none lies at or beyond it unless busy */
	uint32_t refs;		     /* [a] unless ops or anon have `ref` */
	uint32_t nwriting;	     /* [o] */
	uint32_t truncating;	     /* [o] truncates under way: pages may lie beyond the limit */
	uint32_t pins;		     /* [q] writeback works on it: object_destroy waits */
	uint64_t npages, ndirty;     /* [o] */
	uint64_t nslots;	     /* [o] not EMPTY */
	uint32_t error_count; /* [o] failed writebacks so far: each open file remembers what it was told */
	int error;	      /* [o] the last one's errno */
	struct mutex mapping_lock;
	struct list mappings;	/* [m] struct mapping.object_link */
	struct list dirty_link; /* [q] objects with dirty pages */
	uint64_t dirty_since;	/* [q] ns; 0: write soon */
	struct list link;	/* [q] all objects */
};

/* A new object with one reference, or NULL. `ops` NULL: anonymous memory. */
struct object *object_create(const struct pager_ops *ops, void *data, uint64_t limit_pages) __must_check;
/* An anonymous object of fixed size whose pages are promised as a whole (unless noreserve): NULL: refused, or no memory. */
struct object *object_create_shared(uint64_t npages, bool noreserve) __must_check;
void object_ref(struct object *o);		  /* through the owner's `ref` if there is one */
void object_unref(struct object *o);		  /* may sleep */
unsigned object_count_mappings(struct object *o); /* takes the mapping list */
/* Is there a shared mapping through which it may be written, now or after an mprotect? Takes the mapping list. */
bool object_has_writers(struct object *o);
/* The pager's side, when nothing names the object any more (no mapping, no file): drops every page, dirty or not (write it
 * back first if it matters), and frees it. May sleep for busy pages. */
void object_destroy(struct object *o);

/* Read-ahead state of one open file or mapping; zero at first. See readahead.c. */
struct readahead {
	uint64_t next;	/* file: the index after the last one read; mapping: the page after the last window */
	uint64_t ahead; /* file: first index not yet asked for */
	uint64_t first; /* mapping: where the last window began */
	uint32_t window;	 /* pages */
	uint32_t hits;		 /* mapping: [a] pages of the window that were used since it was brought */
	bool sure;		 /* mapping: the last window was sequential, or its predecessor useful */
	bool random, sequential; /* posix_fadvise, madvise */
};

#define OBJECT_RUN 16 /* pages that one call gives at most */
/* The page at `index` with valid contents, held, and those behind it that are ready, up to the `want` that the caller will read: how many
 * (page_release each). Reads the first with a cluster if absent; ra may be NULL. -ENXIO beyond the limit, -EIO, -ENOSPC (budget), -ENOMEM when
 * being killed. May sleep; locks allowed: inode contents and above, block map. */
int object_get_pages(struct object *o, uint64_t index, struct readahead *ra, struct page **out,
		     uint64_t want) __must_check;
/* The same for one page (page_release it): 0, -errno. */
int object_get_page(struct object *o, uint64_t index, struct page **out) __must_check;
/* The same without I/O: NULL unless resident and valid. Held. */
struct page *object_find_page(struct object *o, uint64_t index);
/* The same, but it waits while the page is busy (not while it is written). */
struct page *object_await_page(struct object *o, uint64_t index);
/* Is there nothing at the index of an anonymous object? It reads as zeros, then. */
bool object_is_hole(struct object *o, uint64_t index);
/* Starts reading what is absent of a range, as far as memory is to spare; does not wait for I/O. */
void object_prefetch(struct object *o, uint64_t first, uint64_t npages);
/* The page at `index`, busy and the caller's, for filling or changing as a whole; created if absent, also beyond the limit (then
 * *fresh, contents undefined; end with object_fill_done or object_fill_abort). Waits for writeback of it. May sleep. */
int object_busy_page(struct object *o, uint64_t index, struct page **out, bool *fresh) __must_check;
/* Ends busy; `dirty`: reserve first with object_reserve. */
void object_fill_done(struct object *o, struct page *p, bool dirty);
/* Ends busy without valid contents: a fresh page is removed. */
void object_fill_abort(struct object *o, struct page *p, bool fresh);
/* Calls the pager's reserve for a page that is busy or held: 0, -ENOSPC, ... */
int object_reserve(struct object *o, uint64_t index);
void object_unreserve(struct object *o, uint64_t from, uint64_t end);
/* A held page is about to be written by write(): makes it dirty first (reserving if it was clean). 0, -ENOSPC, -EIO, -EROFS. After the
 * copy call object_touch_dirty: should it be executed since, instruction fetch has not seen the new bytes. May sleep. */
int object_make_dirty(struct object *o, struct page *p) __must_check;
void object_touch_dirty(struct object *o, struct page *p);
/* Raises the limit after the new pages were filled. */
void object_grow(struct object *o, uint64_t limit_pages);
/* Truncates: lowers the limit, unmaps, drops private copies and pages beyond `nbytes`, zeroes the tail of the last page again, if it
 * is there: the caller has zeroed and dirtied it before, but a store through a mapping may have come since. The caller holds inode
 * contents. May sleep. */
void object_truncate(struct object *o, uint64_t nbytes);
/* Removes clean or dirty pages of a range without writing them (hole punching, O_TRUNC replacement). May sleep. */
void object_drop_range(struct object *o, uint64_t first, uint64_t npages);
/* Evicts clean, unmapped pages (drop_caches). */
void object_drop_clean(struct object *o);
/* Writes dirty pages of [first, first+npages) in runs; `wait`: until they and those in flight are done; 0 or the -errno of a failed one.
 * No locks but inode contents. May sleep. */
int object_writeback(struct object *o, uint64_t first, uint64_t npages, bool wait);
#define OBJECT_ALL UINT64_MAX
/* Completion, from any context. */
void page_read_done(struct page *p, int error);
void page_write_done(struct page *p, int error);
/* Writers of files call this with no lock held, before they make up to `npages` pages dirty: sleeps the longer the more is dirty, and while
 * too much is. */
void vm_throttle_writer(unsigned npages);
/* sync(2): writes every dirty page of every object: files first, then commit, then metadata. Waits. */
void vm_sync_all(void);
/* Under pressure, four times a turn of the clock, fn is called by a thread that may sleep, to let go of some of what the kernel keeps only
 * for speed. One only. */
void vm_set_shrinker(unsigned (*fn)(void));
/* echo 1 >/proc/sys/vm/drop_caches: clean, unmapped pages go, and what remembers evicted ones. */
void vm_drop_caches(void);

/* ---- overlay.c ---------------------------------------------------------------------------------------- */

struct family {
	struct home home;    /* must be first */
	struct list members; /* [f] struct overlay.link */
	struct list link;    /* [q] all families */
};

enum {
	OVERLAY_LEVELS = 4
}; /* nodes of level 3 .. 0 below the top array; 2 + 4*6 = 26 bits of virtual page number */
#define OVERLAY_TOP 4

#define CACHE_LINE 64
struct overlay {
	struct family *family;	 /* [c] until exec */
	struct list link;	 /* [f] */
	slot_t top[OVERLAY_TOP]; /* [f] */
	uint64_t epoch;		 /* [f] while it stays the same, so does an unshared path */
	char apart[CACHE_LINE];	 /* every first write of every hart changes what follows */
	uint64_t nslots;	 /* [f] slots in use as seen from here: pages and swap entries */
};

/* ---- mapping.c, space.c ----------------------------------------------------------------------------------- */

/* Linux's numbers. */
#define PROT_READ	    1
#define PROT_WRITE	    2
#define PROT_EXEC	    4
#define PROT_SEM	    0x8 /* for atomic operations: nothing more */
#define PROT_GROWSDOWN	    0x01000000
#define PROT_GROWSUP	    0x02000000
#define MAP_SHARED	    0x01
#define MAP_PRIVATE	    0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE	    0x0f
#define MAP_FIXED	    0x10
#define MAP_ANONYMOUS	    0x20
#define MAP_GROWSDOWN	    0x100
#define MAP_DENYWRITE	    0x800
#define MAP_LOCKED	    0x2000
#define MAP_NORESERVE	    0x4000
#define MAP_POPULATE	    0x8000
#define MAP_NONBLOCK	    0x10000
#define MAP_STACK	    0x20000
#define MAP_HUGETLB	    0x40000
#define MAP_HUGE_BITS	    0x7c000000 /* which size */
#define MAP_FIXED_NOREPLACE 0x100000

enum mapping_flag {
	MF_GROWSDOWN = 1 << 0,
	MF_STACK = 1 << 1, /* the first thread's */
	MF_HEAP = 1 << 2,
	MF_ZERO = 1 << 3,	/* a private mapping of /dev/zero: anonymous, but shown as that file's */
	MF_LOCKED = 1 << 5,	/* no page of it is evicted */
	MF_ONFAULT = 1 << 6,	/* with MF_LOCKED: pages come by faults only */
	MF_DONTFORK = 1 << 7,	/* the child has no such mapping */
	MF_WIPEONFORK = 1 << 8, /* the child has it, empty */
	MF_ACCOUNT = 1 << 9,	/* its size is taken from the promises (commit.c) */
	MF_NORESERVE = 1 << 10,
};
#define MF_LOCKS (MF_LOCKED | MF_ONFAULT)

/* Of private memory: neither slot nor PTE, a PTE of the zero page, or a slot that is not EMPTY. */
enum { EXPECT_NOTHING, EXPECT_ZERO_PAGE, EXPECT_PAGE };

struct mapping {
	struct tree_node node;	  /* [s] in space->mappings by start */
	uint64_t start, end;	  /* [s] virtual page numbers */
	struct space *space;	  /* [c] */
	struct object *object;	  /* [c] the base; NULL: zeros */
	uint64_t offset;	  /* [s] page index in the object of `start` */
	uint8_t prot, max_prot;	  /* [s] PROT_ bits */
	bool shared;		  /* [c] */
	uint16_t flags; /* MF_ */ /* [s] and, as start, end and offset, [m], if locked [t] */
	struct readahead ra;	  /* [a] of faults, by virtual page number */
	struct list object_link;  /* [m] */
	uint32_t error_seen;	  /* [a] failed writebacks of the object that msync has told of */
	uint8_t expect;		  /* [a] what the next fault probably finds, as the last one did: fault.c */
	struct list locked_link;  /* [t] in space->locked, with MF_LOCKED */
	struct mapping
		*next_dropped; /* once out of the tree: a list of those whose reference is to be let go */
};

struct vm_limits { /* bytes; the owner's RLIMITs, copied in by prlimit and exec; memlock before each call that may lock */
	uint64_t stack, as, data, memlock;
};

#define SPACE_HINTS 4 /* a power of two */
struct space_hints {
	struct mapping *of[SPACE_HINTS]; /* harts */
};

struct space {
	/* These outlast a space, for a late shootdown of the former user of its memory. */
	uint64_t stale, clean; /* [a] generations: a PTE was weakened; everything up to there was shot down */
	uint64_t harts;	       /* [a] bit: hart index whose satp names root */
	struct rwlock lock;    /* from here on all is new */
	struct tree mappings;  /* [s] */
	struct space_hints
		hints; /* [a] where the last look-up of a hart ended; valid while the lock is held */
	bool adding; /* [a] a guess: the next write fault is a first write, which needs only share the family's lock */
	uint32_t nmappings;	 /* [s] */
	uint64_t npages;	 /* [s] pages mapped (address space, not memory) */
	uint64_t ndata, nlocked; /* [s] of them in private writable mappings but the stack; in locked ones */
	uint16_t future;	 /* [s] MF_LOCKS of mappings to come (mlockall) */
	struct list locked;	 /* [t] mappings with MF_LOCKED */
	struct overlay
		overlay; /* its count, and the next, in a line of their own: faults of other harts read what is about */
	uint64_t nresident; /* [t] valid PTEs, the zero page's not counted */
	char apart[CACHE_LINE];
	struct spinlock table_lock;
	pfn_t root;		     /* [t] root table; 0 once the space is being torn down */
	uint64_t peak_resident;	     /* [t] what nresident was at most, noted when it falls */
	uint64_t ntables;	     /* [t] */
	uint32_t refs;		     /* [a] */
	uint32_t pins;		     /* [q] pageoutd looks at it: space_destroy waits */
	bool dying;		     /* [t] exit or the OOM killer: faults fail */
	uint64_t brk_start, brk_end; /* [s] bytes */
	uint64_t data_bytes;	     /* [s] initialised data, for RLIMIT_DATA */
	uint64_t stack_top;	     /* [s] bytes */
	uint64_t mmap_top;	     /* [s] bytes: mappings are placed below */
	uint64_t arg_start, arg_end, env_start, env_end; /* [s] for /proc/PID/cmdline */
	struct vm_limits limits;
	struct list link; /* all spaces */
	uint64_t peak_pages;
};

/* Takes the space for writing. A fault that shares the family's lock looks mappings up without taking the space, if nobody has it for
 * writing: so those are waited for. Sleeps. */
static inline void space_write(struct space *s)
{
	rwlock_write(&s->lock);
	spin_drain(&s->overlay.family->home.lock);
}

/* Takes s->table_lock. A fault that shares the family's lock fills entries without it, if it finds it free: so those are waited for. */
static inline void space_lock_table(struct space *s)
{
	spin_lock(&s->table_lock);
	spin_drain(&s->overlay.family->home.lock);
}

/* An empty space in a family of its own, one reference; NULL: no memory. */
struct space *space_create(void) __must_check;
/* fork: *child is a copy-on-write clone. 0, -ENOMEM. Takes the space for writing; waits for memory. */
int space_fork(struct space *parent, struct space **child);
void space_ref(struct space *s);
/* The last reference unmaps everything: may sleep. */
void space_unref(struct space *s);
/* Scheduler hooks, interrupts off: this hart's satp comes to name s (entering: bit, fence, satp, sfence.vma), or the kernel's
 * own table (leave). The scheduler skips activate when hart->space == s already. space_leave clears hart->space. */
void space_activate(struct space *s);
/* The most pages that were mapped in it at once; no lock, so of now. */
static inline uint64_t space_peak(const struct space *s)
{
	return MAX(__atomic_load_n(&s->peak_resident, __ATOMIC_RELAXED),
		   __atomic_load_n(&s->nresident, __ATOMIC_RELAXED));
}
void space_leave(void);
/* Before the last reference goes no hart may stay in the space: the exiting thread calls thread_set_space(NULL) itself, and
 * an idle or kernel thread's hart that lazily stays is sent away by space_unref through space_evict_harts (an IPI or, simpler,
 * the scheduler leaves a space whenever it switches to idle or a kernel thread: that is what Quire does). */

/* what a fault wants, one of */
#define ACCESS_READ  PROT_READ
#define ACCESS_WRITE PROT_WRITE
#define ACCESS_EXEC  PROT_EXEC
struct vm_fault_info {
	int sig,
		code; /* SIGSEGV or SIGBUS and si_code; SIGKILL when the process is to die for want of memory */
	bool major;   /* it waited for a disk */
};
/* Makes the access possible: 0 with info->major set, or -EFAULT with all of *info. May sleep; no lock held. */
int vm_fault(struct space *s, uint64_t va, unsigned access, struct vm_fault_info *info);

/* The system calls' work. Addresses in bytes. Negative errno as Linux gives it. All take s->lock for writing and may sleep. */
/* `object` (a reference of the mapping's own is taken) NULL: anonymous; `max_prot`: what mprotect may ever give, or the -errno of a file
 * that may not be mapped so: what there is to be said of length, place and locks comes before it. */
int64_t vm_mmap(struct space *s, uint64_t addr, uint64_t len, int prot, int flags, struct object *object,
		uint64_t offset, int max_prot);
int vm_munmap(struct space *s, uint64_t addr, uint64_t len);
int vm_mprotect(struct space *s, uint64_t addr, uint64_t len, int prot);
int vm_msync(struct space *s, uint64_t addr, uint64_t len, int flags);
int vm_madvise(struct space *s, uint64_t addr, uint64_t len, int advice);
/* lock: 0 (munlock), MF_LOCKED, MF_LOCKS. */
int vm_mlock(struct space *s, uint64_t addr, uint64_t len, unsigned lock);
/* mlockall(2) with its flags; 0: munlockall. */
int vm_mlockall(struct space *s, int flags);
uint64_t vm_brk(struct space *s, uint64_t addr); /* the new (or unchanged) break */
int64_t vm_mremap(struct space *s, uint64_t old, uint64_t old_len, uint64_t new_len, int flags,
		  uint64_t fixed);
/* One byte a page into vec, kernel memory, until something is not mapped: how many, or -ENOMEM: not even the first. */
int vm_mincore(struct space *s, uint64_t addr, uint64_t len, uint8_t *vec);
/* exec: the initial stack mapping [stack_top - size, stack_top), growing down. */
int vm_map_stack(struct space *s, uint64_t stack_top, uint64_t nbytes);
/* Copies from (or to) another space by faulting and holding its pages: bytes copied. May sleep. */
size_t vm_access(struct space *s, uint64_t va, void *buf, size_t n, bool write);

/*
 * What all who share the memory at va know it by: the object, with a reference, and the offset in bytes; NULL: it
 * is private. -EFAULT: nothing is mapped there. May sleep.
 */
int vm_shared_object(struct space *s, uint64_t va, struct object **o, uint64_t *offset);

/* /proc: calls fn for each mapping in order with the space read-locked; stops when it returns non-zero. */
int vm_each_mapping(struct space *s, int (*fn)(void *arg, struct mapping *m), void *arg);
struct space_counts {
	uint64_t size, resident, shared, text, data, stack, swap, tables, private_slots, peak, peak_resident,
		locked; /* pages */
};
void vm_space_counts(struct space *s, struct space_counts *c);
/* Prints the page table and the overlay of a space to the console (vmprint). */
void vm_print(struct space *s);

/* ---- swap.c ------------------------------------------------------------------------------------------- */

#define SWAP_FLAG_PREFER 0x8000
/* The device is claimed by the caller (block_claim), who releases it again after an error. -EINVAL, -EPERM, -ENOMEM, -EIO. */
int vm_swapon(struct block_device *dev, const char *path, int flags);
int vm_swapoff(struct block_device *dev); /* releases the device; -EINVAL, -ENOMEM */
struct swap_info {
	char path[64];
	uint64_t npages, used;
	int priority;
};
bool vm_swap_info(unsigned i, struct swap_info *info);
void vm_swap_totals(uint64_t *npages, uint64_t *nfree);

/* ---- oom.c, audit.c -------------------------------------------------------------------------------------- */

/* Provided by proc: SIGKILL to every process in the space; prints its line; false: none there (or init). */
bool proc_oom_kill(struct space *s);
/*
 * Provided by proc: one process of the space, the strictest oom_score_adj of them all, and how many pages the kernel's own memory for them
 * takes: their files and what these hold, stacks, signals, timers. False: none there, or init.
 */
struct proc_oom {
	int pid, adj;
	uint64_t kernel;
	char name[16];
};
bool proc_oom_info(struct space *s, struct proc_oom *o);
/* Is the current thread to die (a fatal signal is pending)? Ends waits for memory. Provided by proc. */
bool thread_killed(void);

/* Checks every invariant with the other harts stopped; prints each breach through fn; returns the number of breaches. */
unsigned vm_audit(void (*fn)(void *arg, const char *line), void *arg);
#ifdef QUIRE_DEBUG
/* From now on each audit finds one thing damaged ("sharers", "pte", "swap" ...: see damage.c; "none": nothing), and mends it before the
 * others go on. -EINVAL: unknown. */
int vm_audit_damage(const char *what);
#endif

#endif
