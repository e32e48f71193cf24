/* SPDX-License-Identifier: ISC */
/*
 * Swap areas, slots and their I/O.
 *
 * An area is a disk or partition with mkswap(8)'s header in its first page. Each of its slots has a count: slots of overlays and
 * objects that hold the entry, clean pages that keep it as their copy, and I/O in flight. An entry names area and slot in 32 bits and is never 0.
 *
 * swap_lock (spinning) guards counts and cursors; area_mutex (sleeping) swapon and swapoff.
 */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "dev/block.h"
#include "vm/frames/kmap.h"
#include "vm/internal.h"
#include "vm/pageout/swap.h"

#define SLOT_BITS	 27
#define BAD_SLOT	 UINT16_MAX
#define SECTORS_PER_PAGE (PAGE_SIZE >> SECTOR_SHIFT)
#define SINGLES		 256
#define SEARCH_LIMIT	 4096 /* slots looked at for a longer run, once one was found */

/* mkswap's header, version 1, at byte 1024 of the first page; the signature ends the page. */
struct swap_header {
	uint32_t version, last_page, nr_badpages;
	uint8_t uuid[16];
	char label[16];
	uint32_t padding[117];
	uint32_t badpages[];
};
#define HEADER_AT 1024
#define MAX_BAD	  ((PAGE_SIZE - HEADER_AT - sizeof(struct swap_header) - 10) / 4)

struct swap_area swap_areas[SWAP_AREAS];
static struct spinlock swap_lock = SPINLOCK_INIT("swapmap", RANK_SWAPMAP);
static struct mutex area_mutex;
static uint64_t in_flight;

void swap_init(void)
{
	mutex_init(&area_mutex, "swap", RANK_SWAP);
}

static struct swap_area *area_of(uint32_t entry)
{
	return &swap_areas[entry >> SLOT_BITS];
}

static uint32_t slot_of(uint32_t entry)
{
	return entry & ((1u << SLOT_BITS) - 1);
}

static uint32_t entry_of(const struct swap_area *a, uint32_t slot)
{
	return (uint32_t)(a - swap_areas) << SLOT_BITS | slot;
}

/* ---- counts ---- */

void swap_get(uint32_t entry, unsigned n)
{
	struct swap_area *a = area_of(entry);

	spin_lock(&swap_lock);
	assert(a->counts[slot_of(entry)] > 0 && a->counts[slot_of(entry)] + n < BAD_SLOT);
	a->counts[slot_of(entry)] += n;
	spin_unlock(&swap_lock);
}

void swap_get_run(uint32_t entry, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		swap_get(entry + i, 1);
}

void swap_put(uint32_t entry, unsigned n)
{
	struct swap_area *a = area_of(entry);
	uint16_t *count = &a->counts[slot_of(entry)];

	spin_lock(&swap_lock);
	assert(*count >= n && *count != BAD_SLOT);
	*count -= n;
	if (*count == 0)
		a->nused--;
	spin_unlock(&swap_lock);
}

unsigned swap_count(uint32_t entry)
{
	unsigned n;

	spin_lock(&swap_lock);
	n = area_of(entry)->counts[slot_of(entry)];
	spin_unlock(&swap_lock);
	return n;
}

bool swap_entry_valid(uint32_t entry)
{
	struct swap_area *a = area_of(entry);

	return a->on && slot_of(entry) > 0 && slot_of(entry) <= a->last &&
	       a->counts[slot_of(entry)] != BAD_SLOT;
}

/* The longest run of free slots, up to `want`, that a search from the cursor finds soon; its length, 0: the area is full. */
static unsigned find_run(struct swap_area *a, unsigned want, uint32_t *start)
{
	unsigned best = 0, run = 0;
	uint32_t slot = a->cursor, looked = 0, found_at = 0;

	for (; looked <= a->last && best < want; looked++, slot++) {
		if (slot > a->last || slot == 0) {
			slot = 1;
			run = 0;
		}
		run = a->counts[slot] ? 0 : run + 1;
		if (run > best) {
			if (!best)
				found_at = looked;
			best = run;
			*start = slot - run + 1;
		}
		if (best && looked - found_at > SEARCH_LIMIT)
			break;
	}
	return best;
}

/* Among areas of the highest priority that has room they take turns, a run each. */
static struct swap_area *best_area(void)
{
	static uint64_t turn;
	struct swap_area *best = NULL;

	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		struct swap_area *a = &swap_areas[i];

		if (!a->on || a->leaving || a->nused >= a->nslots)
			continue;
		if (!best || a->priority > best->priority ||
		    (a->priority == best->priority && a->turn < best->turn))
			best = a;
	}
	if (best)
		best->turn = ++turn;
	return best;
}

uint32_t swap_alloc(unsigned *n)
{
	struct swap_area *a;
	uint32_t start = 0;
	unsigned got = 0;

	spin_lock(&swap_lock);
	a = best_area();
	if (a && a->single) {
		a->single--;
		*n = 1;
	}
	if (a)
		got = find_run(a, *n, &start);
	for (unsigned i = 0; i < got; i++)
		a->counts[start + i] = 1;
	if (got) {
		a->nused += got;
		a->cursor = start + got;
	}
	spin_unlock(&swap_lock);
	*n = got;
	return got ? entry_of(a, start) : 0;
}

size_t swap_map_pages(const struct swap_area *a)
{
	size_t n;

	spin_lock(&swap_lock);
	n = a->on ? a->map_pages : 0;
	spin_unlock(&swap_lock);
	return n;
}

void vm_swap_totals(uint64_t *npages, uint64_t *nfree)
{
	*npages = *nfree = 0;
	spin_lock(&swap_lock);
	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		if (!swap_areas[i].on)
			continue;
		*npages += swap_areas[i].nslots;
		if (!swap_areas[i].leaving)
			*nfree += swap_areas[i].nslots - swap_areas[i].nused;
	}
	spin_unlock(&swap_lock);
}

bool vm_swap_info(unsigned i, struct swap_info *info)
{
	bool found = false;

	spin_lock(&swap_lock);
	for (unsigned k = 0; k < SWAP_AREAS && !found; k++) {
		struct swap_area *a = &swap_areas[k];

		if (!a->on || i-- > 0)
			continue;
		strlcpy(info->path, a->path, sizeof(info->path));
		info->npages = a->nslots;
		info->used = a->nused;
		info->priority = a->priority;
		found = true;
	}
	spin_unlock(&swap_lock);
	return found;
}

uint64_t swap_in_flight(void)
{
	return __atomic_load_n(&in_flight, __ATOMIC_RELAXED);
}

/* ---- I/O ---- */

static void read_done(struct block_request *r, int error)
{
	for (unsigned i = 0; i < r->nsegs; i++)
		page_read_done(phys_page(r->segs[i].phys), error);
	block_request_put(r);
	__atomic_fetch_sub(&in_flight, 1, __ATOMIC_RELAXED);
}

/* A write of n slots failed. One slot alone will not be used again: the I/O's reference to it was the last; of several nobody knows which
 * it was, so they are tried again one by one. */
static void note_bad(uint32_t entry, unsigned n)
{
	struct swap_area *a = area_of(entry);
	uint32_t slot = slot_of(entry);

	spin_lock(&swap_lock);
	if (n == 1) {
		assert(a->counts[slot] == 1);
		a->counts[slot] = BAD_SLOT;
		a->nused--;
		a->nslots--;
		a->nbad++;
	} else {
		a->cursor = slot;
		a->single = SINGLES;
	}
	spin_unlock(&swap_lock);
	if (n == 1 && !(a->nbad & (a->nbad - 1))) /* on a dead disk they are many */
		kprintf("swap: %s: slot %u cannot be written and is not used any more; %u so far\n", a->path,
			slot, a->nbad);
}

/* A write failed: the page keeps its bytes, so it is dirty again and gives up the slot. [h] */
static void keep_page(struct page *p, uint32_t entry)
{
	struct home *h = p->home;

	home_lock(h);
	if (p->swap == entry) {
		swap_put(entry, 1);
		p->swap = 0;
	}
	if (h->kind == HOME_OBJECT)
		object_mark_dirty(container_of(h, struct object, home), p);
	else
		page_set(p, PG_DIRTY);
	spin_unlock(&h->lock);
}

static void write_done(struct block_request *r, int error)
{
	uint32_t entry = (uintptr_t)r->arg;

	for (unsigned i = 0; i < r->nsegs; i++) {
		struct page *p = phys_page(r->segs[i].phys);

		if (error)
			keep_page(p, entry + i);
		page_write_done(p, 0);
		if (!error || r->nsegs > 1)
			swap_put(entry + i, 1); /* the I/O's */
	}
	if (error)
		note_bad(entry, r->nsegs);
	block_request_put(r);
	__atomic_fetch_sub(&in_flight, 1, __ATOMIC_RELAXED);
}

static void submit(uint32_t entry, struct page **pages, unsigned n, enum block_op op)
{
	while (n > 0) {
		unsigned k = MIN(n, BLOCK_MAX_SEGS);
		struct block_request *r = block_request_get();

		r->dev = area_of(entry)->dev;
		r->op = op;
		r->sector = slot_of(entry) * SECTORS_PER_PAGE;
		r->nsegs = k;
		for (unsigned i = 0; i < k; i++)
			r->segs[i] = (struct block_seg){ .phys = page_phys(pages[i]), .nbytes = PAGE_SIZE };
		r->done = op == BLOCK_READ ? read_done : write_done;
		r->arg = (void *)(uintptr_t)entry;
		__atomic_fetch_add(&in_flight, 1, __ATOMIC_RELAXED);
		block_submit(r);
		entry += k;
		pages += k;
		n -= k;
	}
}

void swap_read(uint32_t entry, struct page **pages, unsigned n)
{
	EVENT(swap_reads);
	EVENTS(pswpin, n);
	submit(entry, pages, n, BLOCK_READ);
}

void swap_write(uint32_t entry, struct page **pages, unsigned n)
{
	EVENT(swap_writes);
	EVENTS(pswpout, n);
	submit(entry, pages, n, BLOCK_WRITE);
}

/* ---- swapon ---- */

/* Checks the header in `page` and fills in the area: 0, or -EINVAL with a line that says why. */
static int read_header(struct swap_area *a, const char *page, struct block_device *dev)
{
	const struct swap_header *h = (const void *)(page + HEADER_AT);
	uint64_t dev_pages = dev->nsectors / SECTORS_PER_PAGE;
	const char *why = NULL;

	if (memcmp(page + PAGE_SIZE - 10, "SWAPSPACE2", 10))
		why = "no swap signature for 4 KiB pages";
	else if (h->version != 1)
		why = "unknown swap header version";
	else if (h->last_page < 9 || h->last_page >= 1u << SLOT_BITS)
		why = "swap area of unusable size";
	else if (h->last_page >= dev_pages)
		why = "swap header claims more than the device holds";
	else if (h->nr_badpages > MAX_BAD)
		why = "too many bad pages listed";
	if (why) {
		kprintf("swap: %s: %s\n", dev->name, why);
		return -EINVAL;
	}
	a->last = h->last_page;
	a->nslots = h->last_page;
	return 0;
}

static void mark_bad(struct swap_area *a, const char *page)
{
	const struct swap_header *h = (const void *)(page + HEADER_AT);

	a->counts[0] = BAD_SLOT;
	for (unsigned i = 0; i < h->nr_badpages; i++) {
		uint32_t bad = h->badpages[i];

		if (bad > 0 && bad <= a->last && a->counts[bad] != BAD_SLOT) {
			a->counts[bad] = BAD_SLOT;
			a->nslots--;
		}
	}
}

/* Of an area that is given none: below all that are on. [area_mutex] */
static int lowest_priority(void)
{
	int least = -1;

	for (unsigned i = 0; i < SWAP_AREAS; i++)
		if (swap_areas[i].on)
			least = MIN(least, swap_areas[i].priority);
	return least - 1;
}

static int turn_on(struct swap_area *a, struct block_device *dev, const char *path, int flags)
{
	struct page *page = page_alloc_kernel();
	int err = -ENOMEM;

	if (!page)
		return err;
	err = block_transfer(dev, BLOCK_READ, 0, page_data(page), PAGE_SIZE);
	if (!err)
		err = read_header(a, page_data(page), dev);
	if (err)
		goto out;
	a->map_pages = DIV_ROUND_UP((a->last + 1) * sizeof(uint16_t), PAGE_SIZE);
	a->counts = kmap_alloc(a->map_pages);
	if (!a->counts) {
		err = -ENOMEM;
		goto out;
	}
	mark_bad(a, page_data(page));
	a->dev = dev;
	a->nused = 0;
	a->cursor = 1;
	a->single = a->nbad = 0;
	a->leaving = false;
	a->priority = flags & SWAP_FLAG_PREFER ? flags & 0x7fff : lowest_priority();
	strlcpy(a->path, path, sizeof(a->path));
	spin_lock(&swap_lock);
	a->on = true;
	spin_unlock(&swap_lock);
	kprintf("swap: %s: %lu KiB, priority %d\n", path, a->nslots * (PAGE_SIZE / 1024), a->priority);
out:
	page_free(page);
	return err;
}

int vm_swapon(struct block_device *dev, const char *path, int flags)
{
	struct swap_area *a = NULL;
	int err;

	mutex_lock(&area_mutex);
	for (unsigned i = 0; i < SWAP_AREAS && !a; i++)
		if (!swap_areas[i].on)
			a = &swap_areas[i];
	err = a ? turn_on(a, dev, path, flags) : -EPERM;
	mutex_unlock(&area_mutex);
	return err;
}

/* ---- swapoff ---- */

/* Would so many pages fit into memory and the other areas? File pages that are clean count as free. */
static bool would_fit(uint64_t nused)
{
	uint64_t npages, nfree;
	struct vm_counts c;

	vm_count(&c);
	vm_swap_totals(&npages, &nfree);
	return nused < c.free + c.file - MIN(c.file, c.dirty) + nfree - MIN(c.free, c.high);
}

static uint64_t slots_used(const struct swap_area *a)
{
	uint64_t n;

	spin_lock(&swap_lock);
	n = a->nused;
	spin_unlock(&swap_lock);
	return n;
}

/* Clean pages that keep a copy in the area give it up and are dirty from now on. -EIO: some could not be read, and their copies stay. */
static int drop_copies(struct swap_area *a)
{
	int err = 0;

	for (pfn_t f = frame_first; f < frame_end; f++) {
		struct page *p = pfn_page(f);
		struct home *h = page_lock_home(p);

		if (!h)
			continue;
		if (!p->swap || area_of(p->swap) != a) {
			spin_unlock(&h->lock);
			continue;
		}
		if (page_has(p, PG_BUSY | PG_WRITING)) {
			spin_unlock(&h->lock);
			page_wait(p);
			continue;
		}
		if (page_has(p, PG_ERROR)) {
			err = -EIO;
		} else if (h->kind == HOME_OBJECT) {
			object_mark_dirty(container_of(h, struct object, home), p);
		} else {
			swap_put(p->swap, 1);
			p->swap = 0;
			page_set(p, PG_DIRTY);
		}
		spin_unlock(&h->lock);
	}
	return err;
}

static int swapoff_area(struct swap_area *a)
{
	uint64_t nused;
	int err = 0;

	spin_lock(&swap_lock);
	store_relaxed(&a->leaving, true);
	spin_unlock(&swap_lock);
	while (!err && (nused = slots_used(a)) > 0) {
		if (!load_relaxed(&a->leaving) || !would_fit(nused))
			err = -ENOMEM;
		else if (thread_killed())
			err = -EINTR;
		else
			err = swap_bring_back(a);
		if (!err)
			err = drop_copies(a);
	}
	spin_lock(&swap_lock);
	if (!err && !a->leaving)
		err = -ENOMEM;
	store_relaxed(&a->leaving, false);
	if (!err)
		a->on = false;
	spin_unlock(&swap_lock);
	return err;
}

bool swap_stay_on(void)
{
	bool any = false;

	spin_lock(&swap_lock);
	for (unsigned i = 0; i < SWAP_AREAS; i++) {
		any |= swap_areas[i].leaving;
		store_relaxed(&swap_areas[i].leaving, false);
	}
	spin_unlock(&swap_lock);
	return any;
}

int vm_swapoff(struct block_device *dev)
{
	struct swap_area *a = NULL;
	int err = -EINVAL;

	mutex_lock(&area_mutex);
	for (unsigned i = 0; i < SWAP_AREAS; i++)
		if (swap_areas[i].on && swap_areas[i].dev == dev)
			a = &swap_areas[i];
	if (a)
		err = swapoff_area(a);
	if (!err) {
		kmap_free(a->counts, a->map_pages);
		a->counts = NULL;
		block_release(dev);
	}
	mutex_unlock(&area_mutex);
	return err;
}

bool swap_entry_in(uint32_t entry, const struct swap_area *a)
{
	return area_of(entry) == a;
}
