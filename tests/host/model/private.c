/* SPDX-License-Identifier: ISC */
/* The model's private anonymous memory: see model.h. */
#include "lib/string.h"
#include "model.h"

enum {
	MADV_WILLNEED = 3,
	MADV_DONTNEED,
	MADV_FREE = 8,
	MADV_COLD = 20,
	MADV_PAGEOUT,
	MADV_POPULATE_READ,
	MADV_POPULATE_WRITE
};
enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2 };

static uint64_t area(const struct program *p)
{
	return A_AT + p->region * REGION;
}

static uint64_t word_at(const struct program *p, unsigned i)
{
	return page_at(area(p), i) + LANE(p->region);
}

void private_start(struct program *p)
{
	map(p, area(p), A_PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE, NULL);
	for (unsigned i = 0; i < A_PAGES; i++)
		p->a[i] = (struct own_page){ 0 };
}

void private_common(struct program *p)
{
	map(p, S_AT, S_PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE, NULL);
	for (unsigned i = 0; i < S_PAGES; i++)
		p->s[i] = (struct word){ .known = true };
	map(p, N_AT, N_PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE, NULL);
	for (unsigned i = 0; i < N_PAGES; i++)
		p->n[i] = (struct word){ .known = true };
}

/* Takes a range away, again if memory is refused. */
static void unmap(struct program *p, uint64_t va, uint64_t nbytes)
{
	int err;

	CALL(err, vm_munmap(GET(p->in)->space, va, nbytes));
	model_trace(p, "munmap %#lx, %#lx bytes: %d", va, nbytes, err);
	CHECK(err == 0);
}

void private_end(struct program *p)
{
	unmap(p, area(p), A_PAGES * PAGE_SIZE);
	unmap(p, B_AT + p->region * REGION, F_PAGES * PAGE_SIZE);
	unmap(p, E_AT + p->region * REGION, PAGE_SIZE);
	unmap(p, X_AT + p->region * REGION, X_PAGES * PAGE_SIZE);
}

/* ---- loads and stores ---- */

static void load(struct program *p, unsigned i)
{
	struct own_page *a = &p->a[i];
	uint64_t seen = 0, rest = 0;
	bool ok = machine_load(word_at(p, i), &seen);

	CHECK(a->gone ? !ok : ok || excused());
	if (!ok)
		return;
	model_note("page %u of region %u: seen %lu, value %lu", i, p->region, seen, a->value);
	CHECK(seen == a->value || (a->freed && seen == 0));
	a->value = seen;
	if (!machine_load(page_at(area(p), i) + PAGE_SIZE - 8, &rest))
		return;
	model_note("the end of page %u of region %u: %#lx", i, p->region, rest);
	CHECK(rest == 0); /* nobody ever stored there */
}

static void store(struct program *p, unsigned i)
{
	struct own_page *a = &p->a[i];
	uint64_t value = new_stamp();
	bool ok = machine_store(word_at(p, i), value);

	CHECK(a->gone || a->read_only ? !ok : ok || excused());
	if (ok)
		private_stored(p, i, value);
}

void private_stored(struct program *p, int page, uint64_t value)
{
	p->a[page].value = value;
	p->a[page].freed = false;
}

int private_writable(struct program *p, uint64_t *va)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		unsigned i = pick(A_PAGES);

		if (p->a[i].gone || p->a[i].read_only)
			continue;
		*va = word_at(p, i);
		return i;
	}
	return -1;
}

/* ---- what is done to ranges ---- */

static void unmap_some(struct program *p)
{
	unsigned first, n;

	pick_range(A_PAGES, &first, &n);
	unmap(p, page_at(area(p), first), n * PAGE_SIZE);
	for (unsigned i = first; i < first + n; i++)
		p->a[i] = (struct own_page){ .gone = true };
}

static void map_some(struct program *p)
{
	unsigned first, n;

	pick_range(A_PAGES, &first, &n);
	map(p, page_at(area(p), first), n, PROT_READ | PROT_WRITE, MAP_PRIVATE, NULL);
	for (unsigned i = first; i < first + n; i++)
		p->a[i] = (struct own_page){ 0 };
}

static void protect_some(struct program *p)
{
	bool read_only = pick(2), hole = false;
	unsigned first, n;
	int err;

	pick_range(A_PAGES, &first, &n);
	for (unsigned i = first; i < first + n; i++)
		hole |= p->a[i].gone;
	CALL(err, vm_mprotect(GET(p->in)->space, page_at(area(p), first), n * PAGE_SIZE,
			      read_only ? PROT_READ : PROT_READ | PROT_WRITE));
	model_trace(p, "mprotect %u+%u read%s: %d", first, n, read_only ? "" : " write", err);
	CHECK(err == (hole ? -ENOMEM : 0));
	for (unsigned i = first; i < first + n && !p->a[i].gone; i++)
		p->a[i].read_only = read_only;
}

static void advise_some(struct program *p)
{
	static const int advices[] = { MADV_WILLNEED, MADV_DONTNEED,	  MADV_DONTNEED,
				       MADV_FREE,     MADV_COLD,	  MADV_PAGEOUT,
				       MADV_PAGEOUT,  MADV_POPULATE_READ, MADV_POPULATE_WRITE };
	int advice = advices[pick(ARRAY_SIZE(advices))], err;
	bool hole = false, read_only = false;
	unsigned first, n;

	pick_range(A_PAGES, &first, &n);
	CALL(err, vm_madvise(GET(p->in)->space, page_at(area(p), first), n * PAGE_SIZE, advice));
	model_trace(p, "madvise %u+%u %d: %d", first, n, advice, err);
	for (unsigned i = first; i < first + n; i++) {
		hole |= p->a[i].gone;
		read_only |= p->a[i].read_only;
		if (p->a[i].gone)
			continue;
		if (advice == MADV_DONTNEED && !err)
			p->a[i].value = 0;
		if (advice == MADV_DONTNEED || advice == MADV_FREE)
			p->a[i].freed = true;
	}
	CHECK(!err || hole || err == -EINVAL /* a locked part, and what was before it is done */ ||
	      excused() || (read_only && advice == MADV_POPULATE_WRITE));
}

/* Not more than a few pages at once: all of them together must leave memory to use. */
static void lock_some(struct program *p)
{
	unsigned first, n;
	int err;

	vm_mlock(GET(p->in)->space, area(p), A_PAGES * PAGE_SIZE, 0);
	pick_range(A_PAGES, &first, &n);
	n = MIN(n, 8u);
	err = vm_mlock(GET(p->in)->space, page_at(area(p), first), n * PAGE_SIZE,
		       pick(2) ? MF_LOCKED : MF_LOCKS);
	CHECK(!err || err == -ENOMEM || excused());
}

static void forget(struct program *p, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		p->a[i] = (struct own_page){ .gone = true };
}

/* A range that moves, and may shrink; onto what is there. Without shrinking it may have holes, but for its first page: they stay where they
 * are, and so does what lies in their new places. */
static void move_some(struct program *p)
{
	struct own_page moved[A_PAGES], there[A_PAGES];
	unsigned from, n, to, keep;
	int64_t r;

	pick_range(A_PAGES, &from, &n);
	keep = 1 + pick(n);
	to = pick(A_PAGES - keep + 1);
	if (to < from + n && from < to + keep)
		return; /* they overlap: EINVAL */
	CALL(r, vm_mremap(GET(p->in)->space, page_at(area(p), from), n * PAGE_SIZE, keep * PAGE_SIZE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, page_at(area(p), to)));
	model_trace(p, "mremap %u+%u to %u+%u: %ld", from, n, to, keep, r);
	memcpy(moved, &p->a[from], n * sizeof(moved[0]));
	memcpy(there, &p->a[to], keep * sizeof(there[0]));
	forget(p, from, n);
	forget(p, to, keep);
	if (r == -EFAULT ||
	    r == -EINVAL) { /* shrinking of more than one mapping; told before or after the new place was cleared; or a part had moved */
		unmap(p, page_at(area(p), to), keep * PAGE_SIZE);
		unmap(p, page_at(area(p), from), n * PAGE_SIZE);
		return;
	}
	CHECK(r == (int64_t)page_at(area(p), to));
	for (unsigned i = 0; i < keep; i++)
		p->a[to + i] = keep == n && moved[i].gone ? there[i] : moved[i];
}

void private_step(struct program *p)
{
	unsigned what = pick(100);

	if (what < 40)
		load(p, pick(A_PAGES));
	else if (what < 84)
		store(p, pick(A_PAGES));
	else if (what < 86)
		unmap_some(p);
	else if (what < 90)
		map_some(p);
	else if (what < 94)
		protect_some(p);
	else if (what < 97)
		advise_some(p);
	else if (what < 98)
		lock_some(p);
	else
		move_some(p);
}

/* ---- S ---- */

/* Another thread's word: stamps only rise, so what it had stored before is the least that may be seen. */
static void look_at_other(struct program *p, unsigned i)
{
	unsigned region = pick(NPROGS);
	uint64_t least = GET(GET(p->in)->stored[i][region]), seen = 0;

	if (!machine_load(page_at(S_AT, i) + LANE(region), &seen)) {
		CHECK(excused());
		return;
	}
	model_note("page %u of S, lane %u, by region %u: seen %lu, at least %lu", i, region, p->region, seen,
		   least);
	CHECK(seen >= least);
}

/* ---- N: threads that store into the same new pages, whose leaf goes, too, when all of them are dropped again ---- */

#define DROP_SHIFT 48

static void drop_new(struct program *p)
{
	struct model_space *in = GET(p->in);
	int err = 0;

	ADD(in->drops_begun, 1);
	if (!machine_trouble.refused &&
	    pick(2)) /* a mapping anew, of which first writes are expected again */
		map(p, N_AT, N_PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE, NULL);
	else
		CALL(err, vm_madvise(in->space, N_AT, N_PAGES * PAGE_SIZE, MADV_DONTNEED));
	ADD(in->drops_ended, 1);
	for (unsigned k = 0; !err && k < N_PAGES; k++)
		p->n[k] = (struct word){ .known = true };
}

/* Splits the mapping under those that fill it, and merges it again. */
static void protect_new(struct program *p)
{
	struct space *space = GET(p->in)->space;
	int err;

	for (unsigned n = 0; n < 4; n++) {
		uint64_t va = page_at(N_AT, pick(N_PAGES));

		CALL(err, vm_mprotect(space, va, PAGE_SIZE, PROT_READ));
		CALL(err, vm_mprotect(space, va, PAGE_SIZE, PROT_READ | PROT_WRITE));
		CHECK(err == 0);
	}
}

static void store_new(struct program *p, unsigned i, uint64_t va, uint64_t value)
{
	struct model_space *in = GET(p->in);
	uint64_t ended = GET(in->drops_ended), begun = GET(in->drops_begun);

	if (!machine_store(va, value))
		return;
	p->n[i] = (struct word){ value, true };
	if (begun == ended && GET(in->drops_begun) == begun)
		SET(in->stored_new[i][p->region], begun << DROP_SHIFT | value);
}

static bool stored_since(const struct model_space *in, uint64_t stored)
{
	return GET(in->drops_begun) % (1ul << (64 - DROP_SHIFT)) == stored >> DROP_SHIFT;
}

/* Another thread's word, if nobody drops it: no zeros, and nothing older, may be seen any more. */
static void look_at_new(struct program *p, unsigned i)
{
	struct model_space *in = GET(p->in);
	unsigned region = pick(NPROGS);
	uint64_t stored = GET(in->stored_new[i][region]), least = stored << 16 >> 16, seen = 0;

	if (!stored || !stored_since(in, stored) || !machine_load(page_at(N_AT, i) + LANE(region), &seen) ||
	    !stored_since(in, stored))
		return;
	model_note("page %u of N, lane %u, by region %u: seen %lu, at least %lu", i, region, p->region, seen,
		   least);
	CHECK(seen >= least);
}

static void new_pages(struct program *p)
{
	for (unsigned round = 0; round < 8; round++) {
		unsigned i = pick(N_PAGES);
		uint64_t va = page_at(N_AT, i) + LANE(p->region), seen = 0;

		if (pick(6) == 0) {
			drop_new(p);
			continue; /* to read zeros now would make writes be expected no longer */
		}
		if (pick(8) == 0)
			protect_new(p);
		else if (pick(8))
			store_new(p, i, va, new_stamp());
		look_at_new(p, pick(N_PAGES));
		if (!machine_load(va, &seen)) {
			CHECK(excused());
			continue;
		}
		model_note("page %u of N, lane %u: seen %lu, value %lu", i, p->region, seen, p->n[i].value);
		CHECK(!p->n[i].known || seen == p->n[i].value || seen == 0); /* dropped by another thread */
		p->n[i] = (struct word){ seen, true };
	}
}

void common_step(struct program *p)
{
	unsigned i = pick(pick(2) ? 3 : S_PAGES); /* on a few of them several harts are at once */
	uint64_t va = page_at(S_AT, i) + LANE(p->region), seen = 0;
	struct word *w = &p->s[i];
	unsigned what = pick(3);

	if (pick(3) == 0) {
		new_pages(p);
		return;
	}
	if (what == 0) {
		uint64_t value = new_stamp();
		bool ok = machine_store(va, value);

		CHECK(ok || excused());
		if (ok) {
			*w = (struct word){ value, true };
			SET(GET(p->in)->stored[i][p->region], value);
		}
		return;
	}
	if (what == 1) {
		look_at_other(p, i);
		return;
	}
	if (!machine_load(va, &seen)) {
		CHECK(excused());
		return;
	}
	model_note("page %u of S, lane %u: seen %lu, value %lu", i, p->region, seen, w->value);
	CHECK(!w->known || seen == w->value);
	*w = (struct word){ seen, true };
}
