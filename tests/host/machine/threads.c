/* SPDX-License-Identifier: ISC */
/*
 * Harts and threads of the simulated machine, for real: each thread is one of the host's, and runs while it has a hart.
 *
 * A thread takes any free hart, lets it go where it sleeps, and where interrupts are on now and then at a point. Harts go from hand to hand by
 * one atomic flag each, sleepers have a lock each: so that no order between threads comes about here that a real machine would not make,
 * too. One thread more is the devices: it takes a hart for each interrupt. Time runs TIMES as fast as the host's.
 *
 * The thread sanitizer knows no fences. What the kernel orders by one alone (the harts of a space and its stale entries) has, in this machine,
 * the lock of a TLB in its way, too.
 */
#include "lib/string.h"
#include "machine.h"
#include "proc/thread.h"
#include "proc/timer.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 16
#define TIMES	    20
#define NAP_US	    30 /* between two looks, of who waits for a hart or the devices */

struct host_thread {
	struct thread thread;
	unsigned number;
	pthread_mutex_t lock; /* state becomes RUNNABLE */
	pthread_cond_t woken;
	void (*fn)(void *);
	void *arg;
};

struct hart harts[MAX_HARTS];
unsigned nharts;
unsigned machine_rate = 12;
static bool taken[MAX_HARTS], stands[MAX_HARTS]; /* atomic: somebody has the hart; and stands still */
static struct hart *pauser;			 /* atomic: everything else stands still for it */
static struct host_thread threads[MAX_THREADS];
static unsigned nthreads; /* atomic */
static uint64_t first_seed;
static _Thread_local struct host_thread *self;
static _Thread_local uint64_t random_state;

static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list timers = LIST_INIT(timers);
static uint64_t next_deadline = UINT64_MAX; /* atomic: of the first timer */

/* What the sanitizer is told: the first race ends the run. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1 exitcode=66 history_size=4 second_deadlock_stack=1";
}

uint64_t sched_random(void)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return random_state >> 33;
}

struct thread *thread_current(void)
{
	return self ? &self->thread : NULL;
}

struct hart *this_hart(void)
{
	return self->thread.hart;
}

uint64_t time_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec * 1000000000ul + t.tv_nsec) * TIMES;
}

uint64_t time_realtime_ns(void)
{
	return time_ns();
}

/* ---- harts ---- */

/* Until whoever wants everything to stand still has finished. This hart's interrupts are on, or it was taken just now. */
static void stand_still(void)
{
	struct hart *h = this_hart(), *p;

	while ((p = __atomic_load_n(&pauser, __ATOMIC_SEQ_CST)) && p != h) {
		__atomic_store_n(&stands[h->index], true, __ATOMIC_SEQ_CST);
		while (__atomic_load_n(&pauser, __ATOMIC_ACQUIRE))
			usleep(NAP_US);
		__atomic_store_n(&stands[h->index], false, __ATOMIC_SEQ_CST); /* and look again */
	}
}

/* The scheduler's rule: a hart is in the space of what it executes. Interrupts are off. */
static void settle(void)
{
	if (this_hart()->space == self->thread.space)
		return;
	if (self->thread.space)
		space_activate(self->thread.space);
	else
		space_leave();
}

static void take_hart(uint32_t depth)
{
	unsigned i = sched_random() % nharts;

	for (unsigned tries = 1; __atomic_exchange_n(&taken[i], true, __ATOMIC_SEQ_CST); tries++) {
		i = (i + 1) % nharts;
		if (tries % nharts == 0)
			usleep(NAP_US);
	}
	self->thread.hart = &harts[i];
	stand_still();
	harts[i].intr_depth = depth + 1;
	settle();
	harts[i].intr_depth = depth;
}

/* How deep its interrupts were off. */
static uint32_t let_hart_go(void)
{
	struct hart *h = this_hart();
	uint32_t depth = h->intr_depth;

	assert(h->nranks == 0);
	h->intr_depth = 1;
	space_leave();
	h->intr_depth = 0;
	__atomic_store_n(&taken[h->index], false, __ATOMIC_SEQ_CST);
	return depth;
}

void machine_point(void)
{
	struct hart *h = this_hart();

	if (h->intr_depth == 0 && unlikely(__atomic_load_n(&pauser, __ATOMIC_RELAXED)))
		stand_still();
	if (sched_random() % (machine_rate * 8))
		return;
	if (h->intr_depth == 0 && sched_random() % 16 == 0)
		thread_yield();
	else if (sched_random() % 16 == 0)
		usleep(1u << sched_random() % 12); /* long enough for much to happen meanwhile */
	else
		sched_yield();
}

void intr_push(void)
{
	machine_point();
	this_hart()->intr_depth++;
}

void intr_pop(void)
{
	if (--this_hart()->intr_depth == 0)
		machine_point();
}

void cpu_relax(void)
{
	sched_yield();
}

/* The thread sanitizer does not know fences, but an exchange that all do in the same place. */
void cpu_fence(void)
{
	static int place;

	__atomic_fetch_add(&place, 1, __ATOMIC_SEQ_CST);
}

void cpu_point(void)
{
	if (sched_random() % 16 == 0)
		sched_yield();
}

void harts_pause(void)
{
	struct hart *h = this_hart(), *none = NULL;

	assert(h->intr_depth == 0);
	while (!__atomic_compare_exchange_n(&pauser, &none, h, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
		stand_still();
		none = NULL;
	}
	h->intr_depth++;
	for (unsigned i = 0; i < nharts; i++)
		while (&harts[i] != h && __atomic_load_n(&taken[i], __ATOMIC_SEQ_CST) &&
		       !__atomic_load_n(&stands[i], __ATOMIC_SEQ_CST))
			usleep(NAP_US);
}

void harts_resume(void)
{
	__atomic_store_n(&pauser, NULL, __ATOMIC_SEQ_CST);
	this_hart()->intr_depth--;
}

/* ---- threads ---- */

void sched_sleep(void)
{
	struct thread *t = &self->thread;

	if (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) == THREAD_SLEEPING) {
		uint32_t depth = let_hart_go();

		pthread_mutex_lock(&self->lock);
		while (__atomic_load_n(&t->state, __ATOMIC_ACQUIRE) == THREAD_SLEEPING)
			pthread_cond_wait(&self->woken, &self->lock);
		pthread_mutex_unlock(&self->lock);
		take_hart(depth);
	}
	__atomic_store_n(&t->state, THREAD_RUNNING, __ATOMIC_RELAXED);
}

void thread_wake(struct thread *t)
{
	struct host_thread *h = container_of(t, struct host_thread, thread);

	pthread_mutex_lock(&h->lock);
	if (__atomic_load_n(&t->state, __ATOMIC_RELAXED) == THREAD_SLEEPING) {
		__atomic_store_n(&t->state, THREAD_RUNNABLE, __ATOMIC_RELEASE);
		pthread_cond_signal(&h->woken);
	}
	pthread_mutex_unlock(&h->lock);
}

void thread_yield(void)
{
	uint32_t depth = let_hart_go();

	sched_yield();
	take_hart(depth);
}

static struct host_thread *make(const char *name, void (*fn)(void *), void *arg)
{
	unsigned n = __atomic_fetch_add(&nthreads, 1, __ATOMIC_RELAXED);
	struct host_thread *h = &threads[n];

	assert(n < MAX_THREADS);
	strlcpy(h->thread.name, name, sizeof(h->thread.name));
	h->thread.state = THREAD_RUNNING;
	h->number = n;
	h->fn = fn;
	h->arg = arg;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->woken, NULL);
	return h;
}

static void become(struct host_thread *h)
{
	self = h;
	random_state = first_seed * 0x9e3779b97f4a7c15ul + h->number * 0x2545f4914f6cdd1dul + 1;
	machine_seed_thread(h->number);
}

static void *begin(void *arg)
{
	become(arg);
	take_hart(0);
	self->fn(self->arg);
	panic("a thread ended");
}

static void start(struct host_thread *h, void *(*fn)(void *))
{
	pthread_t id;

	if (pthread_create(&id, NULL, fn, h) || pthread_detach(id))
		panic("no thread");
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct host_thread *h = make(name, fn, arg);

	start(h, begin);
	return &h->thread;
}

void machine_spawn(const char *name, void (*fn)(void *), void *arg)
{
	assert(kthread_create(name, fn, arg));
}

void machine_enter(struct space *s)
{
	self->thread.space = s;
	intr_push();
	settle();
	intr_pop();
}

struct space *machine_space(void)
{
	return self->thread.space;
}

void machine_idle(uint64_t ns)
{
	thread_sleep_ns(ns);
}

/* ---- devices ---- */

static void note_next(void)
{
	__atomic_store_n(&next_deadline,
			 list_empty(&timers) ? UINT64_MAX :
					       list_first(&timers, struct timer, link)->deadline_ns,
			 __ATOMIC_RELAXED);
}

void timer_set(struct timer *t, uint64_t deadline_ns, void (*fn)(struct timer *t))
{
	struct timer *at;

	pthread_mutex_lock(&timers_lock);
	t->deadline_ns = deadline_ns;
	t->fn = fn;
	t->set = true;
	list_for_each(at, &timers, link)
		if (at->deadline_ns > deadline_ns)
			break;
	list_append(&at->link, &t->link); /* before `at`; a list's head for an empty rest */
	note_next();
	pthread_mutex_unlock(&timers_lock);
}

void timer_cancel(struct timer *t)
{
	pthread_mutex_lock(&timers_lock);
	if (t->set)
		list_remove(&t->link);
	t->set = false;
	note_next();
	pthread_mutex_unlock(&timers_lock);
}

static void run_timers(void)
{
	pthread_mutex_lock(&timers_lock);
	while (!list_empty(&timers)) {
		struct timer *t = list_first(&timers, struct timer, link);

		if (t->deadline_ns > time_ns())
			break;
		list_remove(&t->link);
		t->set = false;
		t->fn(t);
	}
	note_next();
	pthread_mutex_unlock(&timers_lock);
}

static void *devices(void *arg)
{
	become(arg);
	for (;;) {
		usleep(sched_random() % (2 * NAP_US));
		if (time_ns() < __atomic_load_n(&next_deadline, __ATOMIC_RELAXED) && !disk_busy())
			continue;
		take_hart(1);
		run_timers();
		for (unsigned n = sched_random() % 8; n > 0 && disk_interrupt(); n--)
			;
		let_hart_go();
	}
	return NULL;
}

void sched_start_harts(uint64_t seed, unsigned n)
{
	first_seed = seed;
	nharts = n;
	for (unsigned i = 0; i < n; i++)
		harts[i] = (struct hart){ .index = i, .online = true };
	become(make("main", NULL, NULL));
	take_hart(0);
	start(make("devices", NULL, NULL), devices);
}
