/* SPDX-License-Identifier: ISC */
/*
 * Model check of kernel/vm: random operations by several spaces against plain arrays.
 *
 *	vmmodel SEED STEPS
 *
 * Every space has four areas: A private anonymous, B a private and C a shared mapping of the same file, D anonymous memory shared with its
 * relatives. Ranges of A are unmapped, protected, moved, forgotten, freed, locked, kept from children; B is moved away and back.
 * The model knows the value of every page's first word as each space should see it. RAM is much smaller than what is used, so
 * that eviction, swap-out and swap-in run all the time. vm_audit looks at the sums now and then; at the end all is given back.
 */
#include "lib/string.h"
#include "machine.h"
#include "vm/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define NSPACES	   5
#define A_PAGES	   300
#define F_PAGES	   96 /* of the file's areas */
#define D_PAGES	   40
#define NFRAMES	   330
#define SWAP_PAGES 2048
#define A_AT	   0x10000000ul
#define B_AT	   0x20040000ul
#define C_AT	   0x30000000ul
#define D_AT	   0x3fff000000ul
#define GONE	   UINT64_MAX

struct shared {
	unsigned refs;
	uint64_t value[D_PAGES];
};

#define LOCKED_MAX 16 /* pages of a space */
#define E_AT	   0x38000000ul

/* What makes pages of A differ that lie in different mappings. */
enum { READ_ONLY = 1, LOCKED = 2, WIPE = 4, NO_FORK = 8 };

struct model {
	struct space *space; /* NULL: free slot */
	uint64_t a[A_PAGES]; /* GONE: not mapped */
	uint8_t flags[A_PAGES];
	bool lazy[A_PAGES];   /* MADV_FREE: may have become 0 */
	bool copied[F_PAGES]; /* B: has a copy of its own */
	uint64_t b[F_PAGES];
	struct shared *d;
};

static struct model models[NSPACES];
static uint64_t file_value[F_PAGES];
static unsigned file_pages = F_PAGES;
static struct object *file;
static struct block_device *disk, *swap;
static uint64_t seed, step, stamp;

#define CHECK(cond)                                                                                  \
	do {                                                                                         \
		if (!(cond)) {                                                                       \
			fprintf(stderr, "%s:%d: step %lu: not so: %s\nreproduce: vmmodel %lu %lu\n", \
				__FILE__, __LINE__, step, #cond, seed, step + 1);                    \
			abort();                                                                     \
		}                                                                                    \
	} while (0)

/* ---- the file: page n is page n of the disk ---- */

static void file_read(struct object *o __unused, struct page **pages, unsigned n)
{
	machine_disk_pages(disk, BLOCK_READ, pages, n);
}

static void file_write(struct object *o __unused, struct page **pages, unsigned n)
{
	machine_disk_pages(disk, BLOCK_WRITE, pages, n);
}

static const struct pager_ops file_ops = { .name = "model", .read = file_read, .write = file_write };

/* ---- one space ---- */

static void map(struct model *m, uint64_t at, unsigned npages, int flags, struct object *o)
{
	flags |= MAP_FIXED | (o ? 0 : MAP_ANONYMOUS);
	CHECK(vm_mmap(m->space, at, npages * PAGE_SIZE, PROT_READ | PROT_WRITE, flags, o, 0, 7) ==
	      (int64_t)at);
}

static void start_space(struct model *m)
{
	memset(m, 0, sizeof(*m));
	m->space = space_create();
	CHECK(m->space);
	m->d = calloc(1, sizeof(*m->d));
	m->d->refs = 1;
	map(m, A_AT, A_PAGES, MAP_PRIVATE, NULL);
	map(m, B_AT, F_PAGES, MAP_PRIVATE, file);
	map(m, C_AT, F_PAGES, MAP_SHARED, file);
	map(m, D_AT, D_PAGES, MAP_SHARED, NULL);
}

static void end_space(struct model *m)
{
	machine_enter(NULL);
	space_unref(m->space);
	if (--m->d->refs == 0)
		free(m->d);
	m->space = NULL;
}

static void fork_space(struct model *m, struct model *child)
{
	struct space *s;

	CHECK(space_fork(m->space, &s) == 0);
	*child = *m;
	child->space = s;
	child->d->refs++;
	for (unsigned i = 0; i < A_PAGES; i++) {
		if (m->a[i] == GONE || !(m->flags[i] & (WIPE | NO_FORK))) {
			child->flags[i] &= ~LOCKED;
			continue;
		}
		child->a[i] = m->flags[i] & NO_FORK ? GONE : 0;
		child->lazy[i] = false;
		child->flags[i] &= m->flags[i] & NO_FORK ? 0 : ~LOCKED;
	}
}

static void check_load(uint64_t va, uint64_t expected)
{
	uint64_t seen = 0;

	CHECK(machine_load(va, &seen));
	CHECK(seen == expected);
}

static void check_fault(uint64_t va, bool write)
{
	uint64_t seen;

	CHECK(!(write ? machine_store(va, 1) : machine_load(va, &seen)));
}

static uint64_t page_at(uint64_t base, unsigned i)
{
	return base + i * PAGE_SIZE;
}

static void touch_a(struct model *m, unsigned i, bool write)
{
	uint64_t va = page_at(A_AT, i);

	if (m->a[i] == GONE || (write && m->flags[i] & READ_ONLY)) {
		check_fault(va, write);
		return;
	}
	if (write) {
		CHECK(machine_store(va, m->a[i] = ++stamp));
		m->lazy[i] = false;
	} else if (m->lazy[i]) {
		uint64_t seen;

		CHECK(machine_load(va, &seen));
		CHECK(seen == m->a[i] || seen == 0);
		m->a[i] = seen;
	} else {
		check_load(va, m->a[i]);
	}
}

static void touch_b(struct model *m, unsigned i, bool write)
{
	uint64_t va = page_at(B_AT, i);

	if (i >= file_pages) {
		check_fault(va, write);
	} else if (write) {
		CHECK(machine_store(va, m->b[i] = ++stamp));
		m->copied[i] = true;
	} else {
		check_load(va, m->copied[i] ? m->b[i] : file_value[i]);
	}
}

static void touch_c(unsigned i, bool write)
{
	uint64_t va = page_at(C_AT, i);

	if (i >= file_pages)
		check_fault(va, write);
	else if (write)
		CHECK(machine_store(va, file_value[i] = ++stamp));
	else
		check_load(va, file_value[i]);
}

static void touch_d(struct model *m, unsigned i, bool write)
{
	if (write)
		CHECK(machine_store(page_at(D_AT, i), m->d->value[i] = ++stamp));
	else
		check_load(page_at(D_AT, i), m->d->value[i]);
}

static void touch(struct model *m)
{
	bool write = machine_random() % 2;

	machine_enter(m->space);
	switch (machine_random() % 4) {
	case 0:
		touch_a(m, machine_random() % A_PAGES, write);
		break;
	case 1:
		touch_b(m, machine_random() % F_PAGES, write);
		break;
	case 2:
		touch_c(machine_random() % F_PAGES, write);
		break;
	default:
		touch_d(m, machine_random() % D_PAGES, write);
	}
}

/* ---- the other operations ---- */

static void range(unsigned npages, unsigned *first, unsigned *n)
{
	*first = machine_random() % npages;
	*n = 1 + machine_random() % MIN(npages - *first, 70u);
}

static void set_a(struct model *m, unsigned first, unsigned n, uint64_t value)
{
	for (unsigned i = first; i < first + n; i++) {
		m->a[i] = value;
		m->flags[i] = 0;
		m->lazy[i] = false;
	}
}

static void unmap(struct model *m)
{
	unsigned first, n;
	int err;

	range(A_PAGES, &first, &n);
	do /* as kernel/sys does: a mapping may have to be cut */
		err = vm_munmap(m->space, page_at(A_AT, first), n * PAGE_SIZE);
	while (err == -ENOMEM && !page_wait_memory());
	CHECK(err == 0);
	set_a(m, first, n, GONE);
}

static void remap(struct model *m)
{
	unsigned first, n;

	range(A_PAGES, &first, &n);
	map(m, page_at(A_AT, first), n, MAP_PRIVATE, NULL);
	set_a(m, first, n, 0);
}

static void protect(struct model *m, bool read_only)
{
	unsigned first, n, i;
	bool hole = false;
	int err;

	range(A_PAGES, &first, &n);
	err = vm_mprotect(m->space, page_at(A_AT, first), n * PAGE_SIZE,
			  read_only ? PROT_READ : PROT_READ | PROT_WRITE);
	for (i = first; i < first + n; i++) {
		hole |= m->a[i] == GONE;
		if (!hole)
			m->flags[i] = (m->flags[i] & ~READ_ONLY) | (read_only ? READ_ONLY : 0);
	}
	CHECK(err == (hole ? -ENOMEM : 0));
}

/* Moves a part of A to another place in A: with DONTUNMAP, or not. */
static void move(struct model *m)
{
	int flags = 1 | 2 | (machine_random() % 4 ? 0 : 4); /* MAYMOVE, FIXED, DONTUNMAP */
	unsigned from, to, n, other;
	int64_t r;

	range(A_PAGES, &from, &n);
	range(A_PAGES, &to, &other);
	if (to + n > A_PAGES || (from < to + n && to < from + n))
		return;
	r = vm_mremap(m->space, page_at(A_AT, from), n * PAGE_SIZE, n * PAGE_SIZE, flags, page_at(A_AT, to));
	if (m->a[from] == GONE) {
		CHECK(r == -EFAULT);
		return;
	}
	CHECK(r == (int64_t)page_at(A_AT, to));
	for (unsigned i = 0; i < n; i++) {
		if (m->a[from + i] == GONE)
			continue; /* what lies in a gap stays */
		m->a[to + i] = m->a[from + i];
		m->flags[to + i] = m->flags[from + i];
		m->lazy[to + i] = m->lazy[from + i];
		m->lazy[from + i] = false;
		m->a[from + i] = flags & 4 ? 0 : GONE;
		m->flags[from + i] &= flags & 4 ? ~LOCKED : 0;
	}
}

/* Moves B away, looks at it there, and moves it back. */
static void shuttle(struct model *m)
{
	CHECK(vm_mremap(m->space, B_AT, F_PAGES * PAGE_SIZE, F_PAGES * PAGE_SIZE, 1 | 2, E_AT) == E_AT);
	machine_enter(m->space);
	check_fault(B_AT, false);
	for (unsigned k = 0; k < 8; k++) {
		unsigned i = machine_random() % F_PAGES;

		if (i >= file_pages)
			check_fault(page_at(E_AT, i), true);
		else
			check_load(page_at(E_AT, i), m->copied[i] ? m->b[i] : file_value[i]);
	}
	CHECK(vm_mremap(m->space, E_AT, F_PAGES * PAGE_SIZE, F_PAGES * PAGE_SIZE, 1 | 2, B_AT) == B_AT);
}

/* DONTNEED or FREE: what is locked ends it. */
static void forget(struct model *m, unsigned first, unsigned n, bool lazily)
{
	bool hole = false, locked = false;
	int err = vm_madvise(m->space, page_at(A_AT, first), n * PAGE_SIZE, lazily ? 8 : 4);

	for (unsigned i = first; i < first + n && !locked; i++) {
		hole |= m->a[i] == GONE;
		if (m->a[i] == GONE)
			continue;
		locked = m->flags[i] & LOCKED;
		if (locked)
			break;
		m->lazy[i] |= lazily;
		if (!lazily)
			m->a[i] = 0;
	}
	CHECK(err == (locked ? -EINVAL : hole ? -ENOMEM : 0));
}

static void forget_some(struct model *m, bool lazily)
{
	unsigned first, n;

	range(A_PAGES, &first, &n);
	forget(m, first, n, lazily);
}

/* Inheritance: 18 WIPEONFORK, 19 KEEPONFORK, 10 DONTFORK, 11 DOFORK. */
static void inherit(struct model *m)
{
	static const int advice[] = { 18, 19, 10, 11 };
	unsigned what = machine_random() % 4, flag = what < 2 ? WIPE : NO_FORK, first, n;
	bool hole = false;
	int err;

	range(A_PAGES, &first, &n);
	err = vm_madvise(m->space, page_at(A_AT, first), n * PAGE_SIZE, advice[what]);
	for (unsigned i = first; i < first + n; i++) {
		hole |= m->a[i] == GONE;
		if (m->a[i] != GONE)
			m->flags[i] = (m->flags[i] & ~flag) | (what % 2 ? 0 : flag);
	}
	CHECK(err == (hole ? -ENOMEM : 0));
}

static void check_locked(struct model *m)
{
	uint8_t resident;

	for (unsigned i = 0; i < A_PAGES; i++) {
		if (!(m->flags[i] & LOCKED) || !m->a[i])
			continue; /* the zero page may be mapped or not */
		CHECK(vm_mincore(m->space, page_at(A_AT, i), PAGE_SIZE, &resident) == 1);
		CHECK(resident);
	}
}

static void lock(struct model *m)
{
	unsigned first, n, nlocked = 0;
	bool hole = false;
	int err;

	range(A_PAGES, &first, &n);
	n = MIN(n, 8u);
	for (unsigned i = 0; i < A_PAGES; i++)
		nlocked += !!(m->flags[i] & LOCKED);
	if (nlocked + n > LOCKED_MAX) {
		CHECK(vm_mlockall(m->space, 0) == 0);
		for (unsigned i = 0; i < A_PAGES; i++)
			m->flags[i] &= ~LOCKED;
		return;
	}
	err = vm_mlock(m->space, page_at(A_AT, first), n * PAGE_SIZE, MF_LOCKED);
	for (unsigned i = first; i < first + n; i++) {
		hole |= m->a[i] == GONE;
		if (!hole)
			m->flags[i] |= LOCKED;
	}
	CHECK(err == (hole ? -ENOMEM : 0));
	if (hole) { /* what lies before the hole is locked, but was not brought in */
		CHECK(vm_mlockall(m->space, 0) == 0);
		for (unsigned i = 0; i < A_PAGES; i++)
			m->flags[i] &= ~LOCKED;
	}
}

/* A hole in D, for all who share it. */
static void punch(struct model *m)
{
	unsigned first, n;

	range(D_PAGES, &first, &n);
	CHECK(vm_madvise(m->space, page_at(D_AT, first), n * PAGE_SIZE, 9 /* REMOVE */) == 0);
	for (unsigned i = first; i < first + n; i++)
		m->d->value[i] = 0;
}

/* WILLNEED, COLD or PAGEOUT of a part of everything: nothing changes that a program sees. */
static void advise(struct model *m)
{
	static const uint64_t at[] = { A_AT, B_AT, C_AT, D_AT };
	static const unsigned npages[] = { A_PAGES, F_PAGES, F_PAGES, D_PAGES };
	static const int advice[] = { 3, 20, 21 };
	unsigned k = machine_random() % 4, first, n;

	range(npages[k], &first, &n);
	vm_madvise(m->space, page_at(at[k], first), n * PAGE_SIZE, advice[machine_random() % 3]);
}

static void truncate_file(void)
{
	unsigned to = machine_random() % (F_PAGES + 1);

	if (to > file_pages) {
		object_grow(file, to);
		for (unsigned i = file_pages; i < to; i++) { /* as a hole reads */
			file_value[i] = 0;
			memset(machine_disk_page(disk, i), 0, PAGE_SIZE);
		}
	} else {
		object_truncate(file, (uint64_t)to << PAGE_SHIFT);
		for (unsigned i = to; i < file_pages; i++)
			for (unsigned k = 0; k < NSPACES; k++)
				models[k].copied[i] = false;
	}
	file_pages = to;
}

static void check_disk(void)
{
	for (unsigned i = 0; i < file_pages; i++)
		CHECK(*(uint64_t *)machine_disk_page(disk, i) == file_value[i]);
}

static void last_words(void)
{
	fprintf(stderr, "reproduce: vmmodel %lu %lu\n", seed, step + 1);
}

static void breach(void *arg __unused, const char *line)
{
	fprintf(stderr, "audit: %s\n", line);
}

static void swap_off_and_on(void)
{
	int err = vm_swapoff(swap);

	CHECK(err == 0 || err == -ENOMEM);
	while (!err && (err = vm_swapon(swap, "/dev/swap", 0)) == -ENOMEM)
		err = page_wait_memory(); /* as kernel/sys does, and calls again */
	CHECK(err == 0 || err == -ENOMEM);
}

/* Locks do not pass to the child, so mappings that were apart for them are alike there; some children go over them at once. */
static void fork_and_forget(struct model *m, struct model *other)
{
	fork_space(m, other);
	if (other->space && step % 8 == 0)
		forget(other, 0, A_PAGES, step % 16 == 0);
}

static void operate(struct model *m, struct model *other)
{
	unsigned what = machine_random() % 1000;

	if (what < 900)
		touch(m);
	else if (what < 910)
		unmap(m);
	else if (what < 925)
		remap(m);
	else if (what < 945)
		protect(m, what % 2);
	else if (what < 951)
		forget_some(m, what % 2);
	else if (what < 957)
		move(m);
	else if (what < 958)
		shuttle(m);
	else if (what < 962 && !other->space)
		fork_and_forget(m, other);
	else if (what < 968 && other->space && other != m)
		end_space(other);
	else if (what < 972)
		truncate_file();
	else if (what < 980 && object_writeback(file, 0, OBJECT_ALL, true) == 0)
		check_disk();
	else if (what < 984)
		vm_drop_caches();
	else if (what < 990)
		machine_idle(machine_random() % 3000000000);
	else if (what < 991)
		swap_off_and_on();
	else if (what < 994)
		inherit(m);
	else if (what < 996)
		lock(m);
	else if (what < 998)
		punch(m);
	else
		advise(m);
}

int main(int argc, char **argv)
{
	uint64_t steps = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000, npages, nfree;
	struct vm_counts before, after;
	struct model *m = &models[0];

	seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	machine_last_words = last_words;
	machine_start(seed, NFRAMES, 1);
	disk = machine_disk("file", F_PAGES, false);
	swap = machine_disk("swap", SWAP_PAGES, true);
	CHECK(vm_swapon(swap, "/dev/swap", 0) == 0);
	file = object_create(&file_ops, NULL, F_PAGES);
	vm_count(&before);
	start_space(&models[0]);
	for (step = 0; step < steps; step++) {
		if (machine_random() % 4 == 0) /* else the same again, with what its TLB holds */
			m = &models[machine_random() % NSPACES];
		if (!m->space)
			m = &models[0];
		if (!m->space)
			start_space(m);
		operate(m, &models[machine_random() % NSPACES]);
		if (step % 20 == 0 && m->space)
			check_locked(m);
		if (step % 500 == 0)
			CHECK(vm_audit(breach, NULL) == 0);
	}
	for (unsigned i = 0; i < NSPACES; i++)
		if (models[i].space)
			end_space(&models[i]);
	object_writeback(file, 0, OBJECT_ALL, true);
	check_disk();
	object_unref(file);
	machine_idle(1000000000);
	CHECK(vm_audit(breach, NULL) == 0);
	vm_swap_totals(&npages, &nfree);
	CHECK(nfree == npages);
	CHECK(node_count() == 0);
	CHECK(vm_committed() == 0);
	vm_count(&after);
	CHECK(after.anon == 0 && after.file == 0 && after.shmem == 0 && after.tables == 0 &&
	      after.dirty == 0);
	CHECK(after.free + 16 >= before.free); /* type-stable slabs stay */
	printf("vmmodel: seed %lu: %lu steps, %lu faults, %lu swapped out, %lu in, %lu copies: ok\n", seed,
	       steps, vm_events[EV_pgfault], vm_events[EV_pswpout], vm_events[EV_pswpin],
	       vm_events[EV_cow_copies]);
	return 0;
}
