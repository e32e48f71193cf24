/* SPDX-License-Identifier: ISC */
/*
 * The page fault: first the overlay, if the mapping is private; then the base; then zeros.
 *
 *	no mapping                                     grow the stack, or SIGSEGV
 *	private, overlay slot has a swap entry         busy page in its place for every member, read, again
 *	         overlay slot has a page    read       map it; writable if dirty and exclusive
 *	                                    write      exclusive: dirty it, map it; else copy it
 *	         slot EMPTY, no base        read       the zero page
 *	                                    write      a zeroed page into the slot
 *	         slot EMPTY, a base         read       map the base's page, never writable
 *	                                    write      copy the base's page into the slot
 *	shared                              read       map the base's page; writable if dirty
 *	                                    write      clean: busy, reserve, dirty, again; dirty: map it writable
 *	base page absent                               the pager reads a cluster, again
 *	base page beyond the limit                     SIGBUS
 *
 * One pass (attempt) holds the space for reading and, inside, the family's lock and then the base object's; that of a first write only
 * shares the family's lock (fault_sharing). It ends with the PTE in place, or with a step that needs these locks let go: fill the purse, wait for a busy page, read, reserve. Then
 * everything is looked up again. A fresh page is the exception: its source is held, the spinlocks are let go for the
 * copying or zeroing alone, and the slots are looked at again before it goes in.
 */
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/mapping.h"

enum { SIGBUS = 7, SIGKILL = 9, SIGSEGV = 11 };
enum { SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRERR = 2 };

/* What a pass ends with; the first is success. */
enum step { DONE, AGAIN, FILL, WAIT, SWAP_IN, READ, RESERVE, GROW, FAIL };

/* What is brought in together. Apart from the fault, most of which need none. */
struct cluster {
	uint64_t index;			      /* READ: of the page that is missing, in f->object */
	uint64_t first;			      /* once planned: the virtual pages worth bringing begin here */
	unsigned nwindow;		      /* and are so many */
	unsigned nio, nspare, want_spare;     /* want_spare: in all, with those that are here */
	struct page *io[SWAP_CLUSTER_MAX];    /* SWAP_IN: busy, in the order of their indices */
	struct page *spare[SWAP_CLUSTER_MAX]; /* frames for the neighbours of a swapped page */
};

struct fault {
	struct space *space;
	uint64_t vpn;
	struct vm_fault_info *info;
	struct cluster *cluster;
	uint8_t access;
	bool write, planned;
	bool exclusive; /* a pass that shared the family's lock could not end it */
	bool sharing;	/* this pass shares the family's lock, else it holds it */
	bool alone,
		tried_alone; /* a read failed, perhaps a neighbour's: the page by itself is next, or was */
	bool touched;	     /* the file's times know of the store */
	/* valid during a pass */
	struct mapping *m;
	struct node *leaf; /* the overlay's, if the path to it is unshared */
	pte_t *pte;	   /* its entry; sharing: an empty one */
	slot_t *base;	   /* the base's */
	struct purse purse;
	/* for the step after the pass */
	struct page *wait;     /* WAIT: this page's busy; RESERVE: busy by us */
	struct object *object; /* READ, RESERVE: referenced */
};

static enum step fail(struct fault *f, int sig, int code)
{
	f->info->sig = sig;
	f->info->code = code;
	return FAIL;
}

/* ---- PTEs ---- */

static pte_t prot_bits(unsigned prot)
{
	pte_t bits = PTE_U;

	if (prot & (PROT_READ | PROT_WRITE)) /* W without R is not a RISC-V encoding */
		bits |= PTE_R;
	if (prot & PROT_EXEC)
		bits |= PTE_X;
	return bits;
}

static pte_t mapping_bits(const struct mapping *m, bool writable)
{
	pte_t bits = prot_bits(m->prot);

	if (writable && (m->prot & PROT_WRITE))
		bits |= PTE_W | PTE_D;
	if (!m->shared)
		bits |= PTE_PRIVATE;
	return bits;
}

/* Before a page may be executed every hart's instruction fetch must see what the kernel put there. [h] */
static void make_executable(struct page *p)
{
	if (page_has(p, PG_ICACHE))
		return;
	mmu_fence_i_all();
	page_set(p, PG_ICACHE);
}

/* What the next fault of a mapping that may share the family's lock probably finds. */
static void expect(struct mapping *m, uint8_t what)
{
	if (load_relaxed(&m->expect) != what && !m->object && !(m->prot & PROT_EXEC))
		store_relaxed(&m->expect, what);
}

/* Sharing the family's lock is not enough for what was found. */
static enum step exclusively(struct fault *f)
{
	f->exclusive = true;
	return AGAIN;
}

/* While the family's lock is shared: is the entry of f->vpn there, empty, and will it stay so until this fault fills it? */
static bool entry_waits(struct fault *f)
{
	struct space *s = f->space;
	pte_t *pte;

	if (spin_busy(&s->table_lock) || s->dying)
		return false;
	pte = table_make(s, f->vpn, NULL);
	if (pte && pte_read(pte))
		expect(f->m, EXPECT_ZERO_PAGE);
	f->pte = pte;
	return pte && !pte_read(pte);
}

/* A page that was brought ahead is used for the first time, or is sure to be. [h] */
static inline void note_use(struct fault *f, struct page *p)
{
	if (!page_has(p, PG_AHEAD))
		return;
	page_used_ahead(p);
	__atomic_fetch_add(&f->m->ra.hits, 1, __ATOMIC_RELAXED);
}

/* What is worth bringing with the page that is missing; asked once a fault. */
static void plan(struct fault *f, unsigned max)
{
	if (f->planned)
		return;
	f->cluster->first = f->vpn;
	f->cluster->nwindow = f->alone ? 1 : readahead_fault(&f->m->ra, f->vpn, max, &f->cluster->first);
	f->planned = true;
}

/* The virtual page behind the last one that may be mapped: the mapping's end, or that of the object below it. A truncation lowers the
 * limit first and takes what lies beyond it away then: until that is done such pages are still in their slots. The lock of the slots that
 * are looked at is held; see object.c. */
static uint64_t last_page(const struct mapping *m)
{
	uint64_t limit;

	if (!m->object)
		return m->end;
	limit = __atomic_load_n(&m->object->limit, __ATOMIC_RELAXED);
	if (limit <= m->offset)
		return m->start;
	return MIN(m->end, m->start + (limit - m->offset));
}

/* What the PTE of a neighbour should become, A clear; 0: it is right already, or none of this fault's business. `bits` are those of a page
 * that may only be read, and of one that may be written too. [h][t] */
static inline pte_t neighbour(const struct fault *f, slot_t slot, pte_t old, const pte_t *bits)
{
	struct page *p = slot_page(slot);
	pte_t value;

	if (!slot_is_page(slot) || page_has(p, PG_BUSY | PG_ERROR))
		return 0;
	if (page_has(p, PG_AHEAD) && !f->m->ra.sure) /* whether it is used shows only if it is not mapped */
		return 0;
	value = pte_leaf(page_pfn(p), bits[page_has(p, PG_DIRTY) && p->sharers == 1]);
	if (old & PTE_V && (pte_pfn(old) != page_pfn(p) || !(value & ~old & PTE_W)))
		return 0;
	return value;
}

/* The slots of a leaf in which the page at f->vpn was found. */
struct around {
	const slot_t *slot;	 /* its own */
	const struct node *over; /* that of the overlay, above a base's: there slots must be EMPTY */
	unsigned at;		 /* of 64 */
	bool writable;		 /* dirty ones that no other slot names may be written */
};

static void __attribute__((noinline))
map_neighbours(struct fault *f, const struct around *around, uint64_t lo, uint64_t hi, const pte_t *bits)
{
	const struct node *over = around->over;
	const slot_t *slot = around->slot - (f->vpn - lo);
	pte_t *pte = f->pte - (f->vpn - lo);
	unsigned n = 0;

	for (uint64_t vpn = lo; vpn < hi; vpn++, slot++, pte++) {
		pte_t value = neighbour(f, *slot, pte_read(pte), bits);

		if (!value || (over && over->slot[vpn % NODE_SLOTS]))
			continue;
		if (page_has(slot_page(*slot), PG_AHEAD))
			note_use(f, slot_page(*slot));
		if (f->m->prot & PROT_EXEC)
			make_executable(slot_page(*slot));
		table_set(f->space, pte, value);
		n++;
	}
	EVENTS(fault_around, n);
}

/*
 * Fault-around: maps the resident pages about f->vpn, of 64 of one leaf table, or makes their PTEs writable too, if its direct neighbours lack
 * that. The lock of the slots is held. [t]
 */
static void __attribute__((noinline)) map_around(struct fault *f, const struct around *around)
{
	struct mapping *m = f->m;
	const pte_t bits[2] = { mapping_bits(m, false), mapping_bits(m, around->writable) };
	uint64_t here = f->vpn, block = ALIGN_DOWN(here, NODE_SLOTS), lo = MAX(m->start, block),
		 hi = MAX(here, MIN(last_page(m), block + NODE_SLOTS));
	unsigned at = around->at;

	lo = here - MIN(here - lo, at);
	hi = here + MIN(hi - here, NODE_SLOTS - at);
	if ((here + 1 < hi && neighbour(f, around->slot[1], pte_read(f->pte + 1), bits)) ||
	    (here > lo && neighbour(f, around->slot[-1], pte_read(f->pte - 1), bits)))
		map_neighbours(f, around, lo, hi, bits);
}

/* [t] */
static enum step put_pte(struct fault *f, pte_t value)
{
	struct space *s = f->space;
	pte_t old, *pte;

	if (unlikely(s->dying))
		return fail(f, SIGKILL, 0);
	f->pte = pte = table_make(s, f->vpn, &f->purse);
	if (unlikely(!pte))
		return FILL;
	old = pte_read(pte);
	if (old & PTE_V && pte_pfn(old) != pte_pfn(value)) {
		if (pte_pfn(old) == zero_pfn)
			expect(f->m, EXPECT_ZERO_PAGE);
		table_replace(s, f->vpn, pte, value);
	} else {
		table_set(s, pte, value);
		if (old & PTE_V)
			mmu_fence_page(f->vpn << PAGE_SHIFT);
	}
	return DONE;
}

/* Maps the frame at f->vpn, and what lies around it if the caller says where. The locks of what it belongs to are held and its page is not busy. */
static enum step install(struct fault *f, struct page *p, bool writable, const struct around *around)
{
	pte_t value = pte_leaf(page_pfn(p), mapping_bits(f->m, writable) | PTE_A);
	struct space *s = f->space;
	enum step r;

	if ((f->m->prot & PROT_EXEC) && p != zero_page)
		make_executable(p);
	if (f->m->shared)
		space_lock_table(s);
	else /* the family's lock is held, so nobody shares it */
		spin_lock(&s->table_lock);
	r = put_pte(f, value);
	if (around && r == DONE)
		map_around(f, around);
	spin_unlock(&s->table_lock);
	return r;
}

/* ---- private memory: the family's lock is held, or shared ---- */

/* The slot of f->vpn, on an unshared path; NULL: the purse lacks nodes. */
static slot_t *unshared_slot(struct fault *f)
{
	return f->leaf ? &f->leaf->slot[f->vpn % NODE_SLOTS] :
			 overlay_unshare(&f->space->overlay, f->vpn, &f->purse);
}

/* The filled frame of the purse becomes the page of f->vpn in the slot s, instead of what was there, and is mapped. */
static enum step put_fresh(struct fault *f, slot_t *s, slot_t was)
{
	struct page *p = f->purse.frame;

	if (unlikely(!overlay_put(&f->space->overlay, f->vpn, s, was, p)))
		return exclusively(f); /* another thread's fault was faster */
	purse_take_frame(&f->purse);
	policy_enter(p, 0);
	if (!f->sharing)
		return install(f, p, true, NULL);
	table_set(f->space, f->pte, pte_leaf(page_pfn(p), mapping_bits(f->m, true) | PTE_A));
	return DONE;
}

/* The slot of f->vpn on an unshared path, unchanged, when the purse's frame has been filled with a copy of src, which is held; else NULL
 * and the step to take. The family's lock is let go meanwhile. */
static inline slot_t *prepare_slot(struct fault *f, struct page *src, enum step *step)
{
	struct overlay *ov = &f->space->overlay;
	slot_t *s = unshared_slot(f), was;
	uint64_t epoch = ov->epoch;

	*step = FILL;
	if (!s)
		return NULL;
	was = *s;
	if (!purse_copy(&f->purse, src, &ov->family->home))
		return NULL;
	*step = AGAIN;
	/* the limit, too: a truncation that waited for this lock has already taken the PTEs beyond its end */
	return ov->epoch == epoch && *s == was && f->vpn < last_page(f->m) ? s : NULL;
}

static enum step copy_private(struct fault *f, struct page *p)
{
	enum step r;
	slot_t *s;

	page_hold(p);
	s = prepare_slot(f, p, &r);
	page_release_locked(p); /* not before: what was copied is still the page at its place now */
	if (!s)
		return r;
	if (page_has(p, PG_BUSY) || p->sharers == 1)
		return AGAIN;
	dassert(*s == slot_of_page(p));
	EVENT(cow_copies);
	p->sharers--; /* others keep it */
	return put_fresh(f, s, slot_of_page(p));
}

/* It is exclusive: make it dirty, so that it may be mapped writable. */
static void dirty_private(struct page *p)
{
	if (p->swap) {
		swap_put(p->swap, 1);
		p->swap = 0;
	}
	if (!page_has(p, PG_DIRTY)) {
		page_clear(p, PG_LAZYFREE);
		page_set(p, PG_DIRTY);
	}
	EVENT(cow_reuses);
}

/* The read of a swapped page failed, or that of a cluster with it: back to its swap entry, and once more by itself. [f] */
static enum step read_again(struct fault *f, struct page *p)
{
	if (f->tried_alone || !p->swap)
		return fail(f, SIGBUS, BUS_ADRERR);
	family_swap_out(f->space->overlay.family, p);
	page_free(p);
	f->alone = true;
	f->planned = false;
	return AGAIN;
}

static enum step fault_overlay_page(struct fault *f, struct node *leaf, bool shared, struct page *p)
{
	unsigned at = f->vpn % NODE_SLOTS;
	bool exclusive = p->sharers == 1 && !shared;

	expect(f->m, EXPECT_PAGE);
	if (page_has(p, PG_BUSY)) {
		f->wait = p;
		return WAIT;
	}
	if (page_has(p, PG_ERROR))
		return read_again(f, p);
	note_use(f, p);
	if (f->write) {
		if (!exclusive)
			return copy_private(f, p);
		dirty_private(p);
	}
	return install(f, p, exclusive && page_has(p, PG_DIRTY),
		       &(struct around){ .slot = &leaf->slot[at], .at = at, .writable = !shared });
}

static struct page *take_spare(struct fault *f)
{
	return f->cluster->nspare ? f->cluster->spare[--f->cluster->nspare] : NULL;
}

/* The swapped page of a slot gets a frame and joins the cluster. */
static void swap_in_slot(struct fault *f, const struct node *leaf, unsigned slot, struct page *p,
			 uint32_t flag)
{
	f->cluster->io[f->cluster->nio++] = p;
	family_swap_in(f->space->overlay.family, ALIGN_DOWN(f->vpn, NODE_SLOTS) + slot, leaf->slot[slot], p,
		       flag);
}

/* The swapped page, and what lies in its window, in this leaf and this mapping: all of it while that proved useful, else only what also
 * lies beside it in swap. */
static enum step fault_swapped(struct fault *f, const struct node *leaf)
{
	uint64_t base = ALIGN_DOWN(f->vpn, NODE_SLOTS);
	unsigned here = f->vpn - base, lo, hi;
	uint32_t entry = slot_swap(leaf->slot[here]);

	plan(f, MIN(1u << vm_tunables.page_cluster, (unsigned)SWAP_CLUSTER_MAX));
	if (!f->purse.frame) {
		f->purse.want_frame = WANT_FRAME;
		f->cluster->want_spare = f->cluster->nwindow - 1;
		return FILL;
	}
	lo = MAX(MAX(f->cluster->first, f->m->start), base) - base;
	hi = MIN(MIN(f->cluster->first + f->cluster->nwindow, f->m->end), base + NODE_SLOTS) - base;
	f->cluster->nio = 0;
	for (unsigned i = lo; i < hi; i++) {
		struct page *p;

		if (i == here) {
			swap_in_slot(f, leaf, i, purse_take_frame(&f->purse), PG_REFERENCED);
		} else if (slot_is_swap(leaf->slot[i]) &&
			   (f->m->ra.sure || slot_swap(leaf->slot[i]) + here == entry + i) &&
			   (p = take_spare(f))) {
			swap_in_slot(f, leaf, i, p, PG_AHEAD);
		}
	}
	return SWAP_IN;
}

static inline enum step map_zeros(struct fault *f)
{
	expect(f->m, EXPECT_ZERO_PAGE);
	EVENT(zero_maps);
	return install(f, zero_page, false, NULL);
}

/* A write; the lock may be shared. */
static enum step fault_zero(struct fault *f)
{
	slot_t *s;

	if (load_relaxed(&f->m->expect) == EXPECT_PAGE)
		expect(f->m, EXPECT_NOTHING);
	if (!f->purse.zeros) {
		f->purse.want_frame = WANT_ZEROS;
		return FILL;
	}
	s = unshared_slot(f);
	if (!s)
		return FILL;
	EVENT(zero_fills);
	return put_fresh(f, s, 0);
}

/* ---- the base: its lock is taken here, inside the family's if the mapping is private ---- */

/* The base's page for f->vpn, usable now; or NULL and the step to take. */
static struct page *base_page(struct fault *f, enum step *step)
{
	struct object *o = f->m->object;
	uint64_t index = f->m->offset + (f->vpn - f->m->start), lo;
	struct page *p;
	slot_t *s;

	if (index >= o->limit) {
		*step = fail(f, SIGBUS, BUS_ADRERR);
		return NULL;
	}
	f->base = s = object_slot(o, index);
	p = s && slot_is_page(*s) ? slot_page(*s) : NULL;
	if (p && !page_has(p, PG_BUSY | PG_ERROR)) {
		note_use(f, p);
		return p;
	}
	if (p && page_has(p, PG_BUSY)) {
		f->wait = p;
		*step = WAIT;
		return NULL;
	}
	if (p && f->tried_alone) {
		*step = fail(f, SIGBUS, BUS_ADRERR);
		return NULL;
	}
	if (p)
		f->alone = true;
	object_ref(o);
	f->object = o;
	f->cluster->index = index;
	plan(f, o->ops ? CLUSTER_MAX : 1u << vm_tunables.page_cluster);
	lo = MAX(f->cluster->first, f->m->start);
	f->cluster->nwindow -= lo - f->cluster->first;
	f->cluster->first = index - (f->vpn - lo); /* from here on an index of the object */
	*step = READ;
	return NULL;
}

/* A copy of the base's page, which is held. */
static enum step copy_base(struct fault *f, struct page *p)
{
	enum step r;
	slot_t *s = prepare_slot(f, p, &r);

	dassert(p->home == &f->m->object->home);
	page_release(p);
	if (!s)
		return r;
	EVENT(cow_copies);
	return put_fresh(f, s, 0);
}

/* `over`: the overlay's leaf, if the mapping is private and it has one. */
static enum step install_base(struct fault *f, struct page *p, bool writable, const struct node *over)
{
	struct around around = {
		.slot = f->base, .at = p->index % NODE_SLOTS, .writable = f->m->shared, .over = over
	};

	return install(f, p, writable, f->m->object->height ? &around : NULL); /* else it has but one page */
}

static enum step fault_private_base(struct fault *f, const struct node *leaf)
{
	struct object *o = f->m->object;
	struct page *p;
	enum step r;

	spin_lock(&o->home.lock);
	p = base_page(f, &r);
	if (p && f->write)
		page_hold(p);
	else if (p)
		r = install_base(f, p, false, leaf);
	spin_unlock(&o->home.lock);
	return p && f->write ? copy_base(f, p) : r;
}

static enum step fault_shared(struct fault *f)
{
	struct object *o = f->m->object;
	struct page *p;
	enum step r;

	spin_lock(&o->home.lock);
	p = base_page(f, &r);
	if (!p)
		goto out;
	if (f->write && !page_has(p, PG_DIRTY)) {
		if (o->ops && !page_has(p, PG_WRITING)) { /* while it is being written its blocks are there */
			if (page_held(p)) {
				f->wait = p;
				r = WAIT;
				goto out;
			}
			page_set(p, PG_BUSY);
			object_ref(o);
			f->object = o;
			f->wait = p;
			r = RESERVE;
			goto out;
		}
		object_mark_dirty(o, p);
	}
	r = install_base(f, p, page_has(p, PG_DIRTY), NULL);
out:
	spin_unlock(&o->home.lock);
	if (r == DONE && f->write && !f->touched && o->ops && o->ops->touched)
		o->ops->touched(o); /* the page was dirty already */
	return r;
}

static enum step sharing_pass(struct fault *f)
{
	struct space *s = f->space;
	struct mapping *m = rwlock_busy(&s->lock) ? NULL : mapping_find(s, f->vpn);
	bool shared;

	cpu_point();
	if (!m || m->shared || !(m->prot & PROT_WRITE) || load_relaxed(&m->expect) != EXPECT_NOTHING)
		return exclusively(f);
	f->m = m;
	f->leaf = overlay_leaf(&s->overlay, f->vpn, &shared);
	if (shared || (f->leaf && load_relaxed(&f->leaf->slot[f->vpn % NODE_SLOTS])) || !entry_waits(f))
		return exclusively(f);
	return fault_zero(f);
}

/*
 * Faults that only add, each to a place of its own, share the family's lock and nothing else: an EMPTY slot gets a page, an empty entry of a
 * table that is there its PTE, an overlay a node. Who is the first to fill the slot fills the entry. What else they find they leave to a
 * pass that takes the space and holds the lock; the mapping tells what to expect, the space whether to begin so.
 */
static enum step fault_sharing(struct fault *f)
{
	struct spinlock *l = &f->space->overlay.family->home.lock;
	enum step r;

	f->purse.want_frame = WANT_ZEROS;
	if (purse_fill(&f->purse))
		return FILL;
	f->sharing = true;
	do {
		spin_share(l);
		r = sharing_pass(f);
		spin_unshare(l);
	} while (r == FILL && purse_fill(&f->purse) == 0);
	f->sharing = false;
	if (load_relaxed(&f->space->adding) == f->exclusive)
		store_relaxed(&f->space->adding, !f->exclusive);
	return r;
}

static enum step fault_holding(struct fault *f)
{
	struct overlay *ov = &f->space->overlay;
	struct node *leaf;
	enum step r;
	bool shared;
	slot_t slot;

	home_lock(&ov->family->home);
	leaf = overlay_leaf(ov, f->vpn, &shared);
	slot = leaf ? leaf->slot[f->vpn % NODE_SLOTS] : 0;
	f->leaf = shared ? NULL : leaf;
	if (slot && f->vpn >= last_page(f->m)) /* a private copy that a truncation is about to drop */
		r = fail(f, SIGBUS, BUS_ADRERR);
	else if (slot_is_page(slot))
		r = fault_overlay_page(f, leaf, shared, slot_page(slot));
	else if (slot_is_swap(slot))
		r = fault_swapped(f, leaf);
	else if (f->m->object)
		r = fault_private_base(f, leaf);
	else
		r = f->write ? fault_zero(f) : map_zeros(f);
	spin_unlock(&ov->family->home.lock);
	return r;
}

static enum step fault_private(struct fault *f)
{
	uint8_t e = f->write ? load_relaxed(&f->m->expect) : EXPECT_PAGE; /* a read needs no frame */

	if (e == EXPECT_NOTHING && !f->exclusive)
		return fault_sharing(f);
	if (e != EXPECT_PAGE) {
		f->purse.want_frame = WANT_ZEROS;
		if (purse_fill(&f->purse))
			return FILL;
	}
	return fault_holding(f);
}

/* ---- passes and the steps between them ---- */

static enum step attempt(struct fault *f)
{
	struct space *s = f->space;
	enum step r;

	if (f->write && load_relaxed(&s->adding) && !f->exclusive) {
		r = fault_sharing(f);
		if (!f->exclusive)
			return r;
	}
	rwlock_read(&s->lock);
	f->m = mapping_find(s, f->vpn);
	if (!f->m)
		r = GROW;
	else if (!(f->m->prot & f->access) &&
		 !(f->access == ACCESS_READ && f->m->prot & PROT_WRITE)) /* W implies R */
		r = fail(f, SIGSEGV, SEGV_ACCERR);
	else if (f->m->shared)
		r = fault_shared(f);
	else
		r = fault_private(f);
	rwlock_read_unlock(&s->lock);
	return r;
}

/* A clean page of a file is about to be written through a mapping: f->wait is busy, f->object referenced. */
static enum step reserve(struct fault *f)
{
	struct object *o = f->object;
	int err = object_reserve(o, f->wait->index);

	if (err)
		page_end_busy(f->wait);
	else
		object_fill_keep(o, f->wait);
	if (!err && o->ops->touched)
		o->ops->touched(o);
	f->touched = true;
	object_unref(o);
	if (err)
		return fail(f, SIGBUS, BUS_ADRERR);
	vm_throttle_writer(1);
	return AGAIN;
}

static enum step read_base(struct fault *f)
{
	unsigned n = f->cluster->nwindow;
	int err;

	object_drop_failed(f->object,
			   f->cluster->index); /* a read failed before, perhaps a neighbour's: once more */
	err = object_read_in(f->object, f->cluster->first, n, f->cluster->index);
	object_unref(f->object);
	f->tried_alone = f->alone;
	f->info->major = true;
	f->planned = false; /* `first` is no virtual page any more */
	if (err == -ENOSPC)
		return fail(f, SIGBUS, BUS_ADRERR);
	return err ? fail(f, SIGKILL, 0) : AGAIN;
}

/* Reads what fault_swapped prepared, a request for each run of neighbours in swap. */
static enum step swap_in(struct fault *f)
{
	f->info->major = true;
	f->tried_alone = f->alone;
	EVENTS(swap_ra, f->cluster->nio - 1);
	EVENTS(readahead, f->cluster->nio - 1);
	for (unsigned i = 0, k; i < f->cluster->nio; i = k) {
		uint32_t entry = f->cluster->io[i]->swap;

		for (k = i + 1; k < f->cluster->nio && f->cluster->io[k]->swap == entry + (k - i); k++)
			;
		swap_read(entry, f->cluster->io + i, k - i);
	}
	return AGAIN;
}

static enum step fill(struct fault *f)
{
	while (f->cluster->nspare < f->cluster->want_spare) {
		struct page *p = page_alloc();

		if (!p)
			break;
		f->cluster->spare[f->cluster->nspare++] = p;
	}
	f->cluster->want_spare = 0;
	if (purse_fill(&f->purse) && page_wait_memory())
		return fail(f, SIGKILL, 0);
	return AGAIN;
}

static enum step between(struct fault *f, enum step r)
{
	switch (r) {
	case AGAIN:
		EVENT(fault_retries);
		return AGAIN;
	case FILL:
		return fill(f);
	case WAIT:
		page_wait(f->wait);
		return AGAIN;
	case SWAP_IN:
		return swap_in(f);
	case READ:
		return read_base(f);
	case RESERVE:
		return reserve(f);
	case GROW:
		return space_grow_stack(f->space, f->vpn) ? fail(f, SIGSEGV, SEGV_MAPERR) : AGAIN;
	default:
		return r;
	}
}

int vm_fault(struct space *s, uint64_t va, unsigned access, struct vm_fault_info *info)
{
	struct cluster cluster;
	struct fault f;
	enum step r;

	EVENT(pgfault);
	if (unlikely(va >= USER_TOP)) {
		*info = (struct vm_fault_info){ SIGSEGV, SEGV_MAPERR, false };
		return -EFAULT;
	}
	f.space = s;
	f.vpn = va >> PAGE_SHIFT;
	f.info = info;
	f.cluster = &cluster;
	f.access = access;
	f.write = access & ACCESS_WRITE;
	f.planned = f.exclusive = f.sharing = f.alone = f.tried_alone = f.touched = info->major = false;
	f.purse = (struct purse){ 0 };
	cluster.nspare = cluster.want_spare = 0;
	while ((r = attempt(&f)) != DONE && (r = between(&f, r)) == AGAIN)
		if (unlikely(thread_killed())) {
			r = fail(&f, SIGKILL, 0);
			break;
		}
	purse_empty(&f.purse);
	while (cluster.nspare)
		page_free(cluster.spare[--cluster.nspare]);
	if (info->major)
		EVENT(pgmajfault);
	return r == DONE ? 0 : -EFAULT;
}
