/* SPDX-License-Identifier: ISC */
/*
 * Harts and threads of the simulated machine.
 *
 * A hart executes a thread or its idle loop; each of these is a coroutine, and the host runs one of them. resume() lets another hart go on,
 * at any point, also within a critical section: locks are contended as on a real machine. A thread leaves its hart where it sleeps, and where
 * interrupts are on also at a point (preemption). Interrupts are calls of disk_interrupt and of timers on whatever the hart executes,
 * where they are on.
 */
#include "lib/string.h"
#include "machine.h"
#include "proc/thread.h"
#include "proc/timer.h"

#include <pthread.h>
#include <stdlib.h>
#include <ucontext.h>

void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **old_bottom, size_t *old_size);

#define STACK	    (512 << 10)
#define MAX_THREADS 24
#define POINT_NS    500

struct coroutine {
	struct thread thread;
	void *place[5];	    /* __builtin_setjmp's */
	ucontext_t context; /* for its first start */
	char *stack;
	size_t stack_bytes;
	void *fake_stack; /* the address sanitizer's */
	bool started;
	void (*fn)(void *);
	void *arg;
	uint32_t depth; /* of interrupts off, while it is on no hart */
	bool on_hart, idle;
};

struct hart harts[MAX_HARTS];
unsigned nharts;
unsigned machine_rate = 12;
static struct coroutine threads[MAX_THREADS], idles[MAX_HARTS];
static unsigned nthreads;
static struct coroutine *executes[MAX_HARTS]; /* what each hart executes */
static struct coroutine *running;	      /* what the host executes */
static struct hart *pauser;		      /* everything else stands still for it */
static struct list timers = LIST_INIT(timers);
static uint64_t clock_ns = 1, random_state;

uint64_t sched_random(void)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return random_state >> 33;
}

struct thread *thread_current(void)
{
	return running ? &running->thread : NULL;
}

struct hart *this_hart(void)
{
	return running->thread.hart;
}

uint64_t time_ns(void)
{
	return clock_ns;
}

uint64_t time_realtime_ns(void)
{
	return clock_ns;
}

/* ---- from coroutine to coroutine ---- */

/* The scheduler's rule: a hart is in the space of what it executes. */
static void settle(void)
{
	struct hart *h = this_hart();

	if (h->space == running->thread.space)
		return;
	h->intr_depth++;
	if (running->thread.space)
		space_activate(running->thread.space);
	else
		space_leave();
	h->intr_depth--;
}

/* This file is compiled without sanitizers: so this is only a few instructions, where swapcontext would be two system calls. */
static void __attribute__((noinline)) resume(struct coroutine *to)
{
	struct coroutine *from = running;

	if (to == from)
		return;
	running = to;
	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
	if (!__builtin_setjmp(from->place)) {
		if (to->started)
			__builtin_longjmp(to->place, 1);
		to->started = true;
		setcontext(&to->context);
	}
	__sanitizer_finish_switch_fiber(running->fake_stack, NULL, NULL);
}

/* The hart executes something else from now on. */
static void switch_to(struct coroutine *to)
{
	struct hart *h = this_hart();

	running->depth = h->intr_depth;
	running->on_hart = false;
	executes[h->index] = to;
	to->thread.hart = h;
	to->on_hart = true;
	h->intr_depth = to->depth;
	assert(h->nranks == 0);
	resume(to);
	settle();
}

static struct coroutine *idle_of(struct hart *h)
{
	return &idles[h->index];
}

/* A thread that could run and is on no hart; NULL. */
static struct coroutine *runnable(void)
{
	unsigned start = sched_random() % nthreads;

	for (unsigned k = 0; k < nthreads; k++) {
		struct coroutine *c = &threads[(start + k) % nthreads];

		if (!c->on_hart && c->thread.state == THREAD_RUNNABLE)
			return c;
	}
	return NULL;
}

static bool all_idle(void)
{
	for (unsigned i = 0; i < nharts; i++)
		if (!executes[i]->idle)
			return false;
	return true;
}

static void other_hart(void)
{
	resume(executes[sched_random() % nharts]);
}

/* ---- interrupts and time ---- */

static void run_timers(void)
{
	while (!list_empty(&timers)) {
		struct timer *t = list_first(&timers, struct timer, link);

		if (t->deadline_ns > clock_ns)
			return;
		list_remove(&t->link);
		t->set = false;
		t->fn(t);
	}
}

/* Interrupts are on. False: there was nothing to come. */
static bool interrupt(void)
{
	struct hart *h = this_hart();
	bool any;

	h->intr_depth++;
	run_timers();
	any = disk_interrupt();
	h->intr_depth--;
	return any;
}

void timer_set(struct timer *t, uint64_t deadline_ns, void (*fn)(struct timer *t))
{
	struct timer *at;

	t->deadline_ns = deadline_ns;
	t->fn = fn;
	t->set = true;
	list_for_each(at, &timers, link)
		if (at->deadline_ns > deadline_ns)
			break;
	list_append(&at->link, &t->link); /* before `at`; a list's head for an empty rest */
}

void timer_cancel(struct timer *t)
{
	if (t->set)
		list_remove(&t->link);
	t->set = false;
}

/* ---- points ---- */

static void stand_still(void)
{
	if (this_hart() == pauser)
		return;
	if (this_hart()->intr_depth == 0)
		resume(executes[pauser->index]);
}

void machine_point(void)
{
	struct hart *h;

	clock_ns += POINT_NS;
	if (pauser) {
		stand_still();
		return;
	}
	if (sched_random() % machine_rate)
		return;
	h = this_hart();
	if (h->intr_depth == 0 && !running->idle) {
		unsigned what = sched_random() % 64;

		if (what < 8)
			interrupt();
		if (what == 8 && runnable()) { /* seldom: it empties the TLB */
			running->thread.state = THREAD_RUNNABLE;
			switch_to(idle_of(this_hart()));
		}
	}
	other_hart();
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

void cpu_fence(void)
{
	machine_point();
}

void cpu_point(void)
{
	if (!pauser && sched_random() % 4 == 0)
		other_hart();
}

/* Waits for something that another hart has to do. */
void cpu_relax(void)
{
	clock_ns += POINT_NS;
	if (!pauser) {
		other_hart();
		return;
	}
	stand_still();
	for (unsigned i = 0, start = sched_random() % nharts; i < nharts; i++) {
		struct hart *h = &harts[(start + i) % nharts];

		if (h != this_hart() && h != pauser && h->intr_depth > 0) {
			resume(executes[h->index]);
			return;
		}
	}
}

void harts_pause(void)
{
	intr_push();
	while (pauser)
		cpu_relax();
	pauser = this_hart();
	for (unsigned i = 0; i < nharts; i++)
		while (&harts[i] != pauser && harts[i].intr_depth > 0)
			resume(executes[i]);
}

void harts_resume(void)
{
	pauser = NULL;
	intr_pop();
}

static void idle_loop(void)
{
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	settle();
	for (;;) {
		struct coroutine *next;

		if (pauser) {
			resume(executes[pauser->index]);
			continue;
		}
		next = runnable();
		if (next) {
			next->thread.state = THREAD_RUNNING;
			switch_to(next);
		} else if (!all_idle()) {
			clock_ns += POINT_NS;
			if (sched_random() % 16 == 0)
				interrupt();
			other_hart();
		} else if (!interrupt() && !runnable()) {
			if (list_empty(&timers))
				panic("deadlock: every thread sleeps and nothing is under way");
			clock_ns = MAX(clock_ns, list_first(&timers, struct timer, link)->deadline_ns);
		}
	}
}

/* ---- threads ---- */

void sched_sleep(void)
{
	struct thread *t = &running->thread;

	if (t->state == THREAD_SLEEPING)
		switch_to(idle_of(this_hart()));
	t->state = THREAD_RUNNING;
}

void thread_wake(struct thread *t)
{
	if (t->state == THREAD_SLEEPING)
		t->state = THREAD_RUNNABLE;
}

void thread_yield(void)
{
	running->thread.state = THREAD_RUNNABLE;
	switch_to(idle_of(this_hart()));
}

static void begin(void)
{
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
	settle();
	running->fn(running->arg);
	machine_enter(NULL);
	running->thread.state = THREAD_DEAD;
	switch_to(idle_of(this_hart()));
}

static void make(struct coroutine *c, const char *name, void (*start)(void))
{
	strlcpy(c->thread.name, name, sizeof(c->thread.name));
	getcontext(&c->context);
	c->stack = aligned_alloc(64, STACK);
	c->stack_bytes = STACK;
	c->context.uc_stack.ss_sp = c->stack;
	c->context.uc_stack.ss_size = STACK;
	makecontext(&c->context, start, 0);
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct coroutine *c = threads;

	while (c < threads + nthreads && (c->thread.state != THREAD_DEAD || c->on_hart))
		c++;
	if (c == threads + nthreads)
		nthreads++;
	assert(nthreads <= MAX_THREADS);
	free(c->stack);
	*c = (struct coroutine){ 0 };
	make(c, name, begin);
	c->fn = fn;
	c->arg = arg;
	c->thread.state = THREAD_RUNNABLE;
	return &c->thread;
}

void machine_spawn(const char *name, void (*fn)(void *), void *arg)
{
	assert(kthread_create(name, fn, arg));
}

void machine_enter(struct space *s)
{
	running->thread.space = s;
	settle();
}

struct space *machine_space(void)
{
	return running->thread.space;
}

void machine_idle(uint64_t ns)
{
	thread_sleep_ns(ns);
}

void sched_start_harts(uint64_t seed, unsigned n)
{
	pthread_attr_t host;
	void *stack;

	random_state = seed * 0x9e3779b97f4a7c15ul + 1;
	nharts = n;
	for (unsigned i = 0; i < n; i++) {
		harts[i] = (struct hart){ .index = i, .online = true };
		make(&idles[i], "idle", idle_loop);
		idles[i].idle = idles[i].on_hart = true;
		idles[i].thread.hart = &harts[i];
		idles[i].thread.state = THREAD_RUNNING;
		executes[i] = &idles[i];
	}
	running = &threads[nthreads++]; /* the caller, on hart 0 */
	strlcpy(running->thread.name, "main", sizeof(running->thread.name));
	running->thread.hart = &harts[0];
	running->thread.state = THREAD_RUNNING;
	running->started = running->on_hart = true;
	pthread_getattr_np(pthread_self(), &host);
	pthread_attr_getstack(&host, &stack, &running->stack_bytes);
	pthread_attr_destroy(&host);
	running->stack = stack;
	idles[0].on_hart = false;
	executes[0] = running;
}
