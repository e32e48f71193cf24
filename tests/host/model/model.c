/* SPDX-License-Identifier: ISC */
/* The model's programs, and the choice of what they do: see model.h. */
#include "model.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"
#include "vm/internal.h"

#include <errno.h>
#include <stdlib.h>

#define SWAP_PAGES 4096
#define AUDIT_EACH 150

static const unsigned ram_sizes[] = { 480, 320, 250 }; /* frames; what the programs use are more */

struct program programs[NPROGS];
static uint64_t stamp, step;
static uint64_t seed, steps;
static unsigned nended, trouble;
static struct block_device *swap;

static _Thread_local char note[200];

uint64_t new_stamp(void)
{
	return ADD(stamp, 1);
}

void model_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note, sizeof(note), fmt, ap);
	va_end(ap);
}

void model_trace(const struct program *p, const char *fmt, ...)
{
	static int on = -1;
	va_list ap;

	if (on < 0)
		on = getenv("TRACE") != NULL;
	if (!on)
		return;
	fprintf(stderr, "%6lu: program %u region %u: ", GET(step), p->slot, p->region);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void last_words(void)
{
	fprintf(stderr, "last looked at: %s; last signal %d, %lu of I/O failed, %lu allocations refused\n",
		note, machine_signal, GET(machine_nfailed), GET(machine_nrefused));
	fprintf(stderr, "at step %lu; again: ", GET(step));
	if (GET(steps) == UINT64_MAX)
		fprintf(stderr, "%s with this input in a file\n", program_invocation_name);
	else
		fprintf(stderr, "%s %lu %lu %u\n", program_invocation_name, seed, steps, trouble);
}

void model_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	last_words();
	abort();
}

unsigned pick(unsigned n)
{
	return machine_random() % n;
}

void pick_range(unsigned npages, unsigned *first, unsigned *n)
{
	*first = pick(npages);
	*n = 1 + pick(MIN(npages - *first, 70u));
}

bool excused(void)
{
	return machine_trouble.read_errors;
}

bool starved(void)
{
	return thread_current()->alloc_failed && page_wait_memory() == 0;
}

void map(struct program *p, uint64_t at, unsigned npages, int prot, int flags, struct object *o)
{
	int64_t r;

	flags |= MAP_FIXED | MAP_NORESERVE | (o ? 0 : MAP_ANONYMOUS);
	CALL(r, vm_mmap(GET(p->in)->space, at, npages * PAGE_SIZE, prot, flags, o, 0, 7));
	model_trace(p, "mmap %#lx, %u pages: %ld", at, npages, r);
	CHECK(r == (int64_t)at);
}

/* ---- programs begin and end ---- */

static void enter(struct program *p, struct model_space *in)
{
	SET(p->in, in);
	ADD(in->refs, 1);
	ADD(in->users, 1);
}

static bool is_ready(const struct program *p)
{
	return __atomic_load_n(&p->ready, __ATOMIC_ACQUIRE);
}

static void set_ready(struct program *p, bool ready)
{
	__atomic_store_n(&p->ready, ready, __ATOMIC_RELEASE);
}

/* A program that does not run, taken by p: in its space, but not ready; NULL. */
static struct program *take_unused(const struct program *p)
{
	for (unsigned i = 0; i < NPROGS; i++) {
		struct model_space *none = NULL;

		if (!GET(programs[i].in) &&
		    __atomic_compare_exchange_n(&programs[i].in, &none, GET(p->in), false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return &programs[i];
	}
	return NULL;
}

static void start(struct program *p)
{
	struct model_space *in = calloc(1, sizeof(*in)), *none = NULL;

	if (!__atomic_compare_exchange_n(&p->in, &none, in, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		free(in);
		return;
	}
	in->refs = in->users = 1;
	while (!(in->space = space_create()))
		CHECK(starved());
	in->space->limits.memlock = UINT64_MAX;
	in->regions = 1;
	p->region = 0;
	p->fresh = false;
	machine_enter(in->space);
	private_start(p);
	private_common(p);
	shared_start(p);
	file_map(p);
	file_map_common(p);
	set_ready(p, true);
}

static void end(struct program *p)
{
	struct model_space *in = GET(p->in);
	struct space *s = in->space;

	set_ready(p, false);
	if (ADD(in->refs, -1) > 0)
		private_end(p); /* others go on */
	machine_enter(NULL);
	__atomic_fetch_and(&in->regions, ~(1u << p->region), __ATOMIC_RELEASE);
	__atomic_store_n(&p->in, NULL, __ATOMIC_RELEASE);
	if (__atomic_sub_fetch(&in->users, 1, __ATOMIC_ACQ_REL) == 0) {
		if (__atomic_sub_fetch(&in->d->refs, 1, __ATOMIC_ACQ_REL) == 0)
			free(in->d);
		free(in);
	}
	space_unref(s);
}

/* The child has the parent's regions and does its part; what other threads of the parent had is unmapped. */
static void fork_program(struct program *p)
{
	struct program *child = take_unused(p);
	struct model_space *in;
	struct space *s;
	unsigned slot;
	int err;

	if (!child)
		return;
	slot = child->slot;
	in = calloc(1, sizeof(*in));
	CALL(err, space_fork(GET(p->in)->space, &s));
	model_trace(p, "fork: %d: program %u", err, child->slot);
	CHECK(err == 0);
	*in = (struct model_space){ .space = s, .regions = 1u << p->region, .d = GET(p->in)->d };
	ADD(in->d->refs, 1);
	memcpy(child->a, p->a, sizeof(p->a));
	memcpy(child->b, p->b, sizeof(p->b));
	memcpy(child->s, p->s, sizeof(p->s));
	memcpy(child->n, p->n, sizeof(p->n));
	child->slot = slot;
	child->region = p->region;
	child->fresh = true;
	enter(child, in);
	set_ready(child, true);
}

static void thread_program(struct program *p)
{
	struct program *other = take_unused(p);
	unsigned region = 0;

	if (!other)
		return;
	while (__atomic_fetch_or(&GET(p->in)->regions, 1u << region, __ATOMIC_ACQUIRE) >> region & 1)
		region++;
	space_ref(GET(p->in)->space);
	other->region = region;
	other->fresh = false;
	enter(other, GET(p->in));
	model_trace(p, "thread: program %u region %u", other->slot, region);
	private_start(other);
	file_map(other);
	memset(other->s, 0, sizeof(other->s)); /* what lay in its lane before is unknown */
	memset(other->n, 0, sizeof(other->n));
	set_ready(other, true);
}

static void tidy(struct program *p)
{
	unsigned mine = p->region;

	for (p->region = 0; p->region < NPROGS; p->region++)
		if (p->region != mine)
			private_end(p);
	p->region = mine;
	p->fresh = false;
}

/* ---- what to do ---- */

static void breach(void *arg __unused, const char *line)
{
	fprintf(stderr, "audit: %s\n", line);
}

static void audit(void)
{
	CHECK(vm_audit(breach, NULL) == 0);
}

static void swap_off_and_on(void)
{
	static bool under_way;
	int err;

	if (machine_trouble.read_errors || machine_trouble.refused ||
	    __atomic_exchange_n(&under_way, true, __ATOMIC_ACQUIRE))
		return;
	err = vm_swapoff(swap);
	CHECK(err == 0 || err == -ENOMEM);
	while (!err && (err = vm_swapon(swap, "/dev/swap", 0)) == -ENOMEM)
		err = page_wait_memory();
	CHECK(err == 0 || err == -ENOMEM);
	__atomic_store_n(&under_way, false, __ATOMIC_RELEASE);
}

static void look_around(struct program *p)
{
	uint8_t vec[A_PAGES];
	struct vm_counts c;
	uint64_t word;

	vm_mincore(GET(p->in)->space, A_AT + p->region * REGION, A_PAGES * PAGE_SIZE, vec);
	vm_count(&c);
	pick(NPROGS);
	vm_access(GET(p->in)->space, S_AT + pick(S_PAGES) * PAGE_SIZE, &word, 8, false);
}

/* Of 1000 operations: those on private memory end below the first number, and so on; the rest look around. A seed chooses the mood. */
enum { PRIVATE, COMMON, SHARED, FILES, FORK, THREAD, END, DROP, IDLE, SWAPOFF, NUMBERS };
static const uint16_t moods[][NUMBERS] = {
	{ 400, 500, 600, 970, 978, 981, 986, 988, 993, 994 },
	{ 200, 300, 350, 930, 960, 965, 985, 987, 990, 991 }, /* files, forks */
	{ 500, 700, 720, 850, 890, 910, 940, 945, 985, 988 }, /* forks, threads, sleep */
};

static void operate(struct program *p)
{
	const uint16_t *below = moods[seed / 4 % ARRAY_SIZE(moods)];
	unsigned what = pick(1000);

	if (p->fresh)
		tidy(p);
	else if (what < below[PRIVATE])
		private_step(p);
	else if (what < below[COMMON])
		common_step(p);
	else if (what < below[SHARED])
		shared_step(p, seed / 4 % ARRAY_SIZE(moods) != 2);
	else if (what < below[FILES])
		file_step(p, seed / 4 % ARRAY_SIZE(moods) == 1);
	else if (what < below[FORK])
		fork_program(p);
	else if (what < below[THREAD])
		thread_program(p);
	else if (what < below[END])
		end(p);
	else if (what < below[DROP])
		vm_drop_caches();
	else if (what < below[IDLE])
		machine_idle(machine_random() % 300000000);
	else if (what < below[SWAPOFF])
		swap_off_and_on();
	else
		look_around(p);
}

static bool alone(const struct program *p)
{
	for (unsigned i = 0; i < NPROGS; i++)
		if (&programs[i] != p && GET(programs[i].in))
			return false;
	return true;
}

/* Gives the place of a program up for good, if nobody is in it. */
static bool leave(struct program *p)
{
	static struct model_space nobody;
	struct model_space *none = NULL;

	return __atomic_compare_exchange_n(&p->in, &none, &nobody, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void program(void *arg)
{
	struct program *p = arg;

	while (GET(step) < GET(steps)) {
		if (!is_ready(p) && (GET(p->in) || !alone(p) || p != &programs[GET(step) % NPROGS])) {
			machine_idle(20000); /* until somebody forks */
			continue;
		}
		if (!is_ready(p)) {
			start(p);
			continue;
		}
		machine_enter(GET(p->in)->space);
		operate(p);
		if (ADD(step, 1) % AUDIT_EACH == 1)
			audit();
	}
	while (!leave(p)) /* others may still fork into its place */
		if (is_ready(p))
			end(p);
		else
			machine_idle(20000);
	__atomic_fetch_add(&nended, 1, __ATOMIC_RELEASE);
	for (;;)
		machine_idle(UINT64_MAX / 4);
}

/* ---- the whole ---- */

static void check_nothing_left(const struct vm_counts *before)
{
	struct vm_counts after;
	uint64_t npages, nfree;

	audit();
	vm_swap_totals(&npages, &nfree);
	CHECK(nfree == npages);
	CHECK(node_count() == 0);
	kmem_shrink();
	vm_count(&after);
	CHECK(after.anon == 0 && after.file == 0 && after.shmem == 0 && after.tables == 0 &&
	      after.dirty == 0 && after.writing == 0);
	CHECK(after.free + 24 >= before->free); /* type-stable slabs stay */
}

void model_stop(void)
{
	SET(steps, GET(step));
}

void model_trouble(unsigned bits)
{
	trouble = bits;
	machine_trouble.read_errors = bits & 1 ? 40 : 0;
	machine_trouble.write_errors = bits & 2 ? 30 : 0;
	machine_trouble.refused = bits & 4 ? 60 : 0;
}

void model_run(uint64_t with_seed, uint64_t nsteps, unsigned harts)
{
	struct vm_counts before;
	int err;

	static const unsigned rates[] = { 12, 4, 30, 2 };

	seed = with_seed;
	steps = nsteps;
	machine_rate = rates[seed / 2 % ARRAY_SIZE(rates)];
	machine_last_words = last_words;
	machine_start(seed, ram_sizes[seed / 3 % ARRAY_SIZE(ram_sizes)], harts);
	swap = machine_disk("swap", SWAP_PAGES, true);
	CALL(err, vm_swapon(swap, "/dev/swap", 0));
	CHECK(err == 0);
	vm_count(&before);
	file_start();
	for (unsigned i = 0; i < NPROGS; i++)
		programs[i].slot = i;
	for (unsigned i = 0; i < NPROGS; i++)
		machine_spawn("program", program, &programs[i]);
	while (__atomic_load_n(&nended, __ATOMIC_ACQUIRE) < NPROGS)
		machine_idle(1000000);
	SET(machine_trouble.read_errors, 0); /* the vm's threads may be at work */
	SET(machine_trouble.write_errors, 0);
	SET(machine_trouble.refused, 0);
	file_check_disk();
	file_end();
	machine_idle(3000000000);
	check_nothing_left(&before);
	printf("%s: seed %lu, %u harts: %lu steps, %lu faults, %lu swapped out, %lu in, %lu copies, %lu "
	       "of I/O failed, %lu refused: ok\n",
	       program_invocation_short_name, seed, nharts, step, GET(vm_events[EV_pgfault]),
	       GET(vm_events[EV_pswpout]), GET(vm_events[EV_pswpin]), GET(vm_events[EV_cow_copies]),
	       GET(machine_nfailed), GET(machine_nrefused));
}
