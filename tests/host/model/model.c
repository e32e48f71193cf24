/* SPDX-License-Identifier: ISC */
/* The model's programs, and the choice of what they do: see model.h. */
#include "model.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/kmem.h"
#include "vm/reclaim.h"

#include <stdlib.h>

#define NFRAMES	   480
#define SWAP_PAGES 4096
#define AUDIT_EACH 150

struct program programs[NPROGS];
uint64_t model_stamp, model_step;
static uint64_t seed, steps;
static unsigned nended;
static struct block_device *swap;

static char note[200];

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
	fprintf(stderr, "%6lu: program %u region %u: ", model_step, p->slot, p->region);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void last_words(void)
{
	fprintf(stderr, "last looked at: %s; last signal %d, %lu of I/O failed, %lu allocations refused\n",
		note, machine_signal, machine_nfailed, machine_nrefused);
	fprintf(stderr, "at step %lu; again: vmrace %lu %lu\n", model_step, seed, steps);
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
	CALL(r, vm_mmap(p->in->space, at, npages * PAGE_SIZE, prot, flags, o, 0, 7));
	model_trace(p, "mmap %#lx, %u pages: %ld", at, npages, r);
	CHECK(r == (int64_t)at);
}

/* ---- programs begin and end ---- */

static void enter(struct program *p, struct model_space *in)
{
	p->in = in;
	in->refs++;
	in->users++;
}

static struct program *unused(void)
{
	for (unsigned i = 0; i < NPROGS; i++)
		if (!programs[i].in)
			return &programs[i];
	return NULL;
}

static void start(struct program *p)
{
	struct model_space *in = calloc(1, sizeof(*in));

	while (!(in->space = space_create()))
		CHECK(starved());
	in->space->limits.memlock = UINT64_MAX;
	in->regions = 1;
	p->region = 0;
	p->fresh = false;
	enter(p, in);
	machine_enter(in->space);
	private_start(p);
	private_common(p);
	shared_start(p);
	file_map(p);
	file_map_common(p);
	p->ready = true;
}

static void end(struct program *p)
{
	struct model_space *in = p->in;
	struct space *s = in->space;

	p->ready = false;
	if (--in->refs > 0)
		private_end(p); /* others go on */
	machine_enter(NULL);
	in->regions &= ~(1u << p->region);
	p->in = NULL;
	if (--in->users == 0) {
		if (--in->d->refs == 0)
			free(in->d);
		free(in);
	}
	space_unref(s);
}

/* The child has the parent's regions and does its part; what other threads of the parent had is unmapped. */
static void fork_program(struct program *p)
{
	struct program *child = unused();
	struct model_space *in;
	struct space *s;
	unsigned slot;
	int err;

	if (!child)
		return;
	slot = child->slot;
	child->in = p->in; /* taken; not ready */
	in = calloc(1, sizeof(*in));
	CALL(err, space_fork(p->in->space, &s));
	model_trace(p, "fork: %d: program %u", err, child->slot);
	CHECK(err == 0);
	*in = (struct model_space){ .space = s, .regions = 1u << p->region, .d = p->in->d };
	in->d->refs++;
	memcpy(child->a, p->a, sizeof(p->a));
	memcpy(child->b, p->b, sizeof(p->b));
	memcpy(child->s, p->s, sizeof(p->s));
	child->slot = slot;
	child->region = p->region;
	child->fresh = true;
	enter(child, in);
	child->ready = true;
}

static void thread_program(struct program *p)
{
	struct program *other = unused();
	unsigned region = 0;

	if (!other)
		return;
	while (p->in->regions >> region & 1)
		region++;
	p->in->regions |= 1u << region;
	space_ref(p->in->space);
	other->region = region;
	other->fresh = false;
	enter(other, p->in);
	model_trace(p, "thread: program %u region %u", other->slot, region);
	private_start(other);
	file_map(other);
	memset(other->s, 0, sizeof(other->s)); /* what lay in its lane before is unknown */
	other->ready = true;
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

	if (under_way || machine_trouble.read_errors || machine_trouble.refused)
		return;
	under_way = true;
	err = vm_swapoff(swap);
	CHECK(err == 0 || err == -ENOMEM);
	while (!err && (err = vm_swapon(swap, "/dev/swap", 0)) == -ENOMEM)
		err = page_wait_memory();
	CHECK(err == 0 || err == -ENOMEM);
	under_way = false;
}

static void look_around(struct program *p)
{
	uint8_t vec[A_PAGES];
	struct vm_counts c;
	uint64_t word;

	vm_mincore(p->in->space, A_AT + p->region * REGION, A_PAGES * PAGE_SIZE, vec);
	vm_count(&c);
	vm_access(programs[pick(NPROGS)].in == p->in ? p->in->space : p->in->space,
		  S_AT + pick(S_PAGES) * PAGE_SIZE, &word, 8, false);
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
		shared_step(p);
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
		if (&programs[i] != p && programs[i].in)
			return false;
	return true;
}

static void program(void *arg)
{
	struct program *p = arg;

	while (model_step < steps) {
		if (!p->ready && (p->in || !alone(p) || p != &programs[model_step % NPROGS])) {
			machine_idle(20000); /* until somebody forks */
			continue;
		}
		if (!p->ready)
			start(p);
		machine_enter(p->in->space);
		operate(p);
		if (model_step++ % AUDIT_EACH == 0)
			audit();
	}
	while (p->in && !p->ready)
		machine_idle(20000);
	if (p->in)
		end(p);
	nended++;
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
	steps = model_step;
}

void model_run(uint64_t with_seed, uint64_t nsteps)
{
	unsigned harts = 1 + with_seed % 4;
	struct vm_counts before;
	int err;

	static const unsigned rates[] = { 12, 4, 30, 2 };

	seed = with_seed;
	steps = nsteps;
	machine_rate = rates[seed / 2 % ARRAY_SIZE(rates)];
	machine_last_words = last_words;
	machine_start(seed, NFRAMES, harts);
	swap = machine_disk("swap", SWAP_PAGES, true);
	CALL(err, vm_swapon(swap, "/dev/swap", 0));
	CHECK(err == 0);
	vm_count(&before);
	file_start();
	for (unsigned i = 0; i < NPROGS; i++) {
		programs[i].slot = i;
		machine_spawn("program", program, &programs[i]);
	}
	while (nended < NPROGS)
		machine_idle(1000000);
	machine_trouble = (struct machine_trouble){ 0 };
	file_check_disk();
	file_end();
	machine_idle(3000000000);
	check_nothing_left(&before);
	printf("vmrace: seed %lu, %u harts: %lu steps, %lu faults, %lu swapped out, %lu in, %lu copies, %lu "
	       "of I/O failed, "
	       "%lu refused: ok\n",
	       seed, harts, steps, vm_events[EV_pgfault], vm_events[EV_pswpout], vm_events[EV_pswpin],
	       vm_events[EV_cow_copies], machine_nfailed, machine_nrefused);
}
