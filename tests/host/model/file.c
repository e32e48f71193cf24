/* SPDX-License-Identifier: ISC */
/*
 * The model's files: see model.h.
 *
 * Page n of the file is page n of a disk, or a hole. Each program has its word of each page, and of each page a count of the truncations
 * that took its word or, for private copies, the page. A truncation or a write that makes the file longer is under way between
 * size_begun and size_ended; what overlaps with one is fuzzy. A write that a truncation overlaps may turn out to be such a one.
 */
#include "fs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "model.h"

static struct vnode file = { .mode = S_IFREG };
static struct object *program_text;
static struct block_device *disk, *text_disk;
static bool hole[F_PAGES];
static struct file_word words[F_PAGES][NPROGS];
static uint32_t word_cuts[F_PAGES][NPROGS], page_cuts[F_PAGES];
static uint64_t size_begun, size_ended, ntruncated, nwriters;
static bool truncating;
static bool littered[F_PAGES]; /* its last word may be something else than 0 */
static unsigned nlittering;    /* programs that are about to say so */
static uint32_t sizes_lock;    /* a truncation and the writes that it overlaps count each other */

/* ---- pagers ---- */

static bool is_hole(const struct object *o, uint64_t index)
{
	return o == file.object && GET(hole[index]);
}

static void read_pages(struct object *o, struct page **pages, unsigned n)
{
	for (unsigned i = 0, k; i < n; i = k) {
		bool zeros = is_hole(o, pages[i]->index);

		for (k = i + 1; k < n && !zeros && !is_hole(o, pages[k]->index); k++)
			;
		if (!zeros) {
			machine_disk_pages(o == file.object ? disk : text_disk, BLOCK_READ, pages + i, k - i);
			continue;
		}
		clear_page(page_data(pages[i]));
		page_read_done(pages[i], 0);
	}
}

static void write_pages(struct object *o __unused, struct page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		SET(hole[pages[i]->index], false);
	machine_disk_pages(disk, BLOCK_WRITE, pages, n);
}

static const struct pager_ops file_ops = { .name = "model", .read = read_pages, .write = write_pages };

static uint64_t text_word(unsigned page)
{
	return 0x13 + page * 0x100000001ul;
}

void file_start(void)
{
	machine_retries_writes = true; /* what a file system would lose is of no use to the model */
	disk = machine_disk("file", F_PAGES, false);
	text_disk = machine_disk("text", X_PAGES, false);
	for (unsigned i = 0; i < X_PAGES; i++)
		for (unsigned k = 0; k < PAGE_SIZE / 8; k++)
			((uint64_t *)machine_disk_page(text_disk, i))[k] = text_word(i);
	rwlock_init(&file.contents, "file", RANK_INODE);
	file.size = F_PAGES * PAGE_SIZE;
	while (!(file.object = object_create(&file_ops, &file, F_PAGES)))
		CHECK(starved());
	while (!(program_text = object_create(&file_ops, NULL, X_PAGES)))
		CHECK(starved());
	memset(hole, true, sizeof(hole));
	size_begun = size_ended = 0;
	memset(words, 0, sizeof(words));
	memset(littered, 0, sizeof(littered));
	memset(word_cuts, 0, sizeof(word_cuts));
	memset(page_cuts, 0, sizeof(page_cuts));
}

void file_end(void)
{
	object_unref(program_text);
	object_unref(file.object);
}

static uint64_t copies(const struct program *p)
{
	return B_AT + p->region * REGION;
}

void file_map(struct program *p)
{
	map(p, copies(p), F_PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.object);
	map(p, X_AT + p->region * REGION, X_PAGES, PROT_READ | PROT_EXEC, MAP_PRIVATE, program_text);
	memset(p->b, 0, sizeof(p->b));
}

void file_map_common(struct program *p)
{
	map(p, C_AT, F_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, file.object);
}

/* ---- what a word must be ---- */

/* How things stood when an access began. */
struct begun {
	uint64_t sizes, size;
	bool quiet;
};

static struct begun begin(void)
{
	struct begun b = { .sizes = GET(size_begun) };

	b.quiet = b.sizes == GET(size_ended);
	b.size = GET(
		file.size); /* the last: if it is quiet then, and at the end, this was the size all the time */
	return b;
}

/* No truncation or growth overlapped with the access. */
static bool quiet(const struct begun *b)
{
	return b->quiet && b->sizes == GET(size_begun);
}

static bool beyond(const struct begun *b, unsigned page)
{
	return page >= DIV_ROUND_UP(b->size, PAGE_SIZE);
}

/* Is the lane's word in the file, not just in its last page behind the end? */
static bool inside(const struct begun *b, unsigned page, unsigned lane)
{
	return page * PAGE_SIZE + LANE(lane) + 8 <= b->size;
}

static void note_store(const struct begun *b, unsigned page, unsigned lane, uint64_t value)
{
	struct file_word *w = &words[page][lane];
	uint32_t cuts = GET(word_cuts[page][lane]); /* before it is asked whether that may have changed */

	if (w->cuts != cuts)
		w->value = 0;
	w->old = w->value;
	w->value = value;
	w->fuzzy = !quiet(b);
	w->cuts = cuts;
}

static void check_word(const struct begun *b, unsigned page, unsigned lane, uint64_t seen)
{
	struct file_word *w = &words[page][lane];
	uint32_t cuts = GET(word_cuts[page][lane]);
	bool in_peace = quiet(b);

	model_note("page %u lane %u of the file: seen %lu; value %lu, old %lu, cuts %u of %u%s%s; size %#lx",
		   page, lane, seen, w->value, w->old, w->cuts, cuts, w->fuzzy ? ", fuzzy" : "",
		   in_peace ? ", quiet" : "", b->size);
	if (!in_peace) {
		CHECK(seen == 0 || seen == w->value || (w->fuzzy && seen == w->old));
		return;
	}
	if (w->cuts != cuts)
		*w = (struct file_word){ .cuts = cuts };
	CHECK(seen == w->value || (w->fuzzy && (seen == 0 || seen == w->old)));
	w->value = seen;
	w->fuzzy = false;
}

/* ---- loads and stores through mappings ---- */

static void touch_shared(struct program *p, unsigned i, bool write)
{
	uint64_t va = page_at(C_AT, i) + LANE(p->slot), seen = 0, value = new_stamp();
	struct begun b = begin();
	bool ok;

	if (!beyond(&b, i) && !inside(&b, i, p->slot))
		return;
	ok = write ? machine_store(va, value) : machine_load(va, &seen);
	model_note("page %u of C, %s: %s; size %#lx, limit %#lx", i, write ? "store" : "load",
		   ok ? "works" : "fails", b.size, GET(file.object->limit));
	CHECK(!quiet(&b) || (beyond(&b, i) ? !ok : ok || excused()));
	if (ok && write)
		note_store(&b, i, p->slot, value);
	else if (ok)
		check_word(&b, i, p->slot, seen);
}

static void touch_copy(struct program *p, unsigned i, bool write)
{
	struct copy *c = &p->b[i];
	struct begun b = begin();
	uint32_t cuts = GET(page_cuts[i]);
	uint64_t seen = 0, value = new_stamp();
	bool ok;

	if (c->copied && c->cuts != cuts)
		c->copied = false;
	if (!c->copied)
		c->lane = p->slot;
	write |= c->unknown;
	if (!beyond(&b, i) && !c->copied && !inside(&b, i, c->lane))
		return;
	ok = write ? machine_store(page_at(copies(p), i) + LANE(c->lane), value) :
		     machine_load(page_at(copies(p), i) + LANE(c->lane), &seen);
	if (!quiet(&b)) {
		c->unknown |= write;
		return;
	}
	model_note("page %u of B, region %u, %s: %s; size %#lx, limit %#lx%s", i, p->region,
		   write ? "store" : "load", ok ? "works" : "fails", b.size, GET(file.object->limit),
		   c->copied ? ", copied" : "");
	CHECK(beyond(&b, i) ? !ok : ok || excused());
	if (!ok)
		return;
	if (write)
		*c = (struct copy){ .value = value, .cuts = cuts, .lane = c->lane, .copied = true };
	else if (c->copied)
		CHECK(seen == c->value);
	else
		check_word(&b, i, c->lane, seen);
}

static void execute(struct program *p)
{
	unsigned i = pick(X_PAGES);
	uint64_t seen = 0;

	if (machine_fetch(page_at(X_AT + p->region * REGION, i) + 8 * pick(512), &seen))
		CHECK(seen == text_word(i));
	else
		CHECK(excused());
}

/* Page i of the file, to be executed, takes the place of what is there. */
static void map_page(struct program *p, uint64_t at, unsigned i)
{
	int64_t r;

	CALL(r, vm_mmap(GET(p->in)->space, at, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
			file.object, page_at(0, i), 7));
	CHECK(r == (int64_t)at);
}

/* ---- behind the end ---- */

/* A store into the last page, behind the end of the file: nobody may see it in the file later. */
static void litter(void)
{
	struct begun b = begin();
	unsigned last = b.size >> PAGE_SHIFT;

	if (!(b.size & PAGE_MASK))
		return;
	ADD(nlittering, 1);
	if (machine_store(page_at(C_AT, last) + LITTER, new_stamp()) && !quiet(&b))
		SET(littered[last], true); /* it may be in the file by now */
	ADD(nlittering, -1);
}

static void look_for_litter(unsigned i)
{
	struct begun b = begin();
	uint64_t seen = 0;

	if (page_at(0, i + 1) > b.size || !machine_load(page_at(C_AT, i) + LITTER, &seen) || !quiet(&b))
		return;
	model_note("page %u of the file, its last word: seen %lu; size %#lx", i, seen, b.size);
	CHECK(seen == 0 || GET(nlittering) || GET(littered[i]));
}

/* ---- read and write ---- */

/* The program's buffer: a word of A, or its word of the file's own mapping. */
static bool buffer(struct program *p, unsigned page, int *own, uint64_t *va)
{
	struct begun b = begin();

	if (pick(4) == 0 && inside(&b, page, p->slot)) {
		*own = -1;
		*va = page_at(C_AT, page) + LANE(p->slot);
		return true;
	}
	*own = private_writable(p, va);
	return *own >= 0;
}

/* The lane's word of the page, by write(). */
static bool write_at(struct program *p, unsigned i, struct uio *u, uint64_t value)
{
	uint64_t at = page_at(0, i) + LANE(p->slot), truncated;
	struct begun b;
	bool longer;
	ssize_t r;

	machine_lock(&sizes_lock);
	longer = at + 8 > GET(file.size) || truncating; /* it may be, when its turn comes */
	ADD(size_begun, longer);
	truncated = ntruncated;
	nwriters++;
	machine_unlock(&sizes_lock);
	b = begin();
	r = pageio_write(&file, u, &at, false);
	machine_lock(&sizes_lock);
	nwriters--;
	ADD(size_ended, longer + (ntruncated - truncated));
	machine_unlock(&sizes_lock);
	CHECK(r == 8 || excused() || !quiet(&b));
	if (r == 8)
		note_store(&b, i, p->slot, value);
	return r == 8;
}

static void write_word(struct program *p, unsigned i)
{
	uint64_t value = new_stamp();
	struct uio u = { .user = true, .left = 8 };
	unsigned from = pick(F_PAGES);
	struct begun b = begin();
	int own;

	if (!buffer(p, from, &own, &u.addr) || !machine_store(u.addr, value))
		return;
	if (own >= 0)
		private_stored(p, own, value);
	else
		note_store(&b, from, p->slot, value);
	write_at(p, i, &u, value);
}

/* What is written and then executed, in a new mapping, is what was written, though it was executed before. */
static void execute_written(struct program *p, unsigned i)
{
	uint64_t at = E_AT + p->region * REGION, value = new_stamp(), seen = 0;
	struct uio u = { .addr = (uint64_t)&value, .left = 8 };
	struct begun b = begin();

	if (!inside(&b, i, p->slot))
		return;
	map_page(p, at, i);
	machine_fetch(at + LANE(p->slot), &seen);
	if (!write_at(p, i, &u, value))
		return;
	b = begin();
	if (!inside(&b, i, p->slot))
		return;
	map_page(p, at, i);
	if (machine_fetch(at + LANE(p->slot), &seen))
		check_word(&b, i, p->slot, seen);
}

static void read_word(struct program *p, unsigned i)
{
	uint64_t at = page_at(0, i) + LANE(p->slot), va, seen = 0, value = new_stamp();
	struct uio u = { .user = true, .left = 8 };
	unsigned into = pick(F_PAGES);
	struct begun b = begin(), b2;
	ssize_t r;
	int own;

	if (!buffer(p, into, &own, &va) || !machine_store(va, value))
		return;
	if (own >= 0)
		private_stored(p, own, value);
	else
		note_store(&b, into, p->slot, value);
	u.addr = va;
	b = begin();
	r = pageio_read(&file, NULL, &u, &at);
	if (quiet(&b))
		CHECK(r == (inside(&b, i, p->slot) ? 8 : 0) || excused());
	if (r != 8)
		return;
	b2 = begin();
	if (!machine_load(va, &seen)) {
		CHECK(own < 0 || excused());
		return;
	}
	if (own >= 0)
		private_stored(p, own, seen);
	if (!quiet(&b) || !quiet(&b2) || own >= 0) {
		if (own >= 0)
			check_word(&b, i, p->slot, seen);
		else
			note_store(&b, into, p->slot, seen);
		return;
	}
	note_store(&b2, into, p->slot, seen);
	check_word(&b, i, p->slot, seen);
}

/* ---- sizes ---- */

static void count_cuts(uint64_t size)
{
	for (unsigned i = 0; i < F_PAGES; i++) {
		ADD(page_cuts[i], i >= DIV_ROUND_UP(size, PAGE_SIZE));
		if (page_at(0, i) + LITTER >= size)
			SET(littered[i], false);
		for (unsigned k = 0; k < NPROGS; k++)
			ADD(word_cuts[i][k], page_at(0, i) + LANE(k) >= size);
	}
}

static void set_size(void)
{
	uint64_t size = pick(4) ? pick(F_PAGES + 1) * PAGE_SIZE : pick(F_PAGES * PAGE_SIZE / 520 - 4) * 520ul;
	int r;

	size = MIN(size, F_PAGES * PAGE_SIZE);
	rwlock_write(&file.contents);
	machine_lock(&sizes_lock);
	ADD(size_begun, 1 + nwriters);
	ntruncated++;
	truncating = true;
	machine_unlock(&sizes_lock);
	if (size < file.size) {
		count_cuts(size);
		r = pageio_shrink(&file, size);
		for (unsigned i = DIV_ROUND_UP(file.size, PAGE_SIZE); i < F_PAGES; i++)
			SET(hole[i], true); /* its block is free */
		CHECK(r == 0 || excused());
	} else {
		r = pageio_extend(&file, size);
		CHECK(r == 0 || excused());
	}
	machine_lock(&sizes_lock);
	ADD(size_ended, 1);
	truncating = false;
	machine_unlock(&sizes_lock);
	rwlock_write_unlock(&file.contents);
}

/* A part of B becomes a mapping of its own, and no longer. */
static void cut(struct program *p)
{
	unsigned first, n;
	int err;

	pick_range(F_PAGES, &first, &n);
	CALL(err, vm_mprotect(GET(p->in)->space, page_at(copies(p), first), n * PAGE_SIZE, PROT_READ));
	CHECK(err == 0);
	for (unsigned i = first; i < first + MIN(n, 3u); i++)
		if (!p->b[i].unknown) /* else it would be stored to */
			touch_copy(p, i, false);
	CALL(err, vm_mprotect(GET(p->in)->space, page_at(copies(p), first), n * PAGE_SIZE,
			      PROT_READ | PROT_WRITE));
	CHECK(err == 0);
}

void file_step(struct program *p, bool often)
{
	unsigned what = pick(1000);

	if (pick(100) == 0)
		cut(p);
	if (often && pick(12) == 0) {
		set_size();
		return;
	}
	if (what < 20)
		litter();
	else if (what < 40)
		look_for_litter(pick(F_PAGES));
	else if (what < 350)
		touch_shared(p, pick(F_PAGES), pick(2));
	else if (what < 650)
		touch_copy(p, pick(F_PAGES), pick(2));
	else if (what < 740)
		execute(p);
	else if (what < 750)
		execute_written(p, pick(F_PAGES));
	else if (what < 850)
		write_word(p, pick(F_PAGES));
	else if (what < 950)
		read_word(p, pick(F_PAGES));
	else if (what < 965)
		set_size();
	else if (what < 985)
		vm_msync(GET(p->in)->space, C_AT, F_PAGES * PAGE_SIZE, 4 /* MS_SYNC */);
	else
		object_writeback(file.object, pick(F_PAGES), 1 + pick(F_PAGES), pick(2));
}

void file_check_disk(void)
{
	struct begun b = begin();

	CHECK(object_writeback(file.object, 0, OBJECT_ALL, true) == 0);
	for (unsigned i = 0; !beyond(&b, i) && i < F_PAGES; i++)
		for (unsigned k = 0; k < NPROGS; k++)
			if (inside(&b, i, k))
				check_word(&b, i, k,
					   hole[i] ? 0 :
						     *(uint64_t *)((char *)machine_disk_page(disk, i) +
								   LANE(k)));
}
