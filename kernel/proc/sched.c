/* SPDX-License-Identifier: ISC */
/*
 * Threads and the scheduler.
 *
 * Each hart has a run queue of two lists: threads that woke from a sleep, which go first and preempt one
 * that is using up its time slice, and the others, in turn. After BOOST_STREAK picks from the first the
 * second gets its turn. Niceness is in the length of slices and in turns let go by, hart by hart.
 *
 * No thread waits while a hart is idle. A hart says in idle_mask that it is, then looks at all queues, and steals. Who makes a thread
 * runnable gives it to an idle hart, which it takes out of the mask first, so that the next thread goes elsewhere; if there is
 * none it looks at the mask once more when the thread is queued, and wakes a hart to steal it.
 *
 * States: RUNNING -> SLEEPING is written by the thread itself, which then goes on to sched_sleep() with
 * interrupts off; SLEEPING -> RUNNABLE by a waker, under the lock of the run queue of thread->hart. That
 * lock is held across the context switch and let go by the next thread, so a waker finds a thread either
 * still running (rq->current: then it finds itself runnable in sched_sleep and stays) or switched away for
 * good. thread->hart changes under that lock too.
 */
#include "arch/cpu.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "proc/ptimer.h"
#include "proc/thread.h"
#include "proc/timer.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"
#include "vm/vm.h"

#define BOOST_STREAK  8
#define STACKS_CACHED 8
#define NICE_MAX      19
#define MAX_PASSES    32 /* in a row: how long the choice may take */

static struct runq {
	struct spinlock lock;
	struct list woken, ready;
	unsigned nqueued;
	unsigned streak; /* picks from `woken` since the last from `ready` */
	struct thread *current;
	struct thread *previous; /* whom the switch in progress leaves */
} runqs[MAX_HARTS];

struct thread idle_threads[MAX_HARTS]; /* the first is where entry.S begins */
static uint64_t idle_mask;	       /* bit: hart index; atomic */
static struct kmem_cache thread_cache;

static struct { /* stacks of ended threads for the next ones, and kernel threads that have ended */
	struct spinlock lock;
	void *stacks[STACKS_CACHED];
	unsigned nstacks;
	struct list dead;
} pool = { .lock = SPINLOCK_INIT("threads", RANK_TIMER), .dead = LIST_INIT(pool.dead) };

static inline struct runq *runq_of(const struct hart *h)
{
	return &runqs[h->index];
}

/* ---- creating and freeing ---- */

static void *stack_get(void)
{
	void *stack = NULL;

	spin_lock(&pool.lock);
	if (pool.nstacks > 0)
		stack = pool.stacks[--pool.nstacks];
	spin_unlock(&pool.lock);
	return stack ? stack : kmap_alloc(KSTACK_SIZE / PAGE_SIZE);
}

static void stack_put(void *stack)
{
	spin_lock(&pool.lock);
	if (pool.nstacks < STACKS_CACHED) {
		pool.stacks[pool.nstacks++] = stack;
		stack = NULL;
	}
	spin_unlock(&pool.lock);
	if (stack)
		kmap_free(stack, KSTACK_SIZE / PAGE_SIZE);
}

void thread_shrink_stacks(void)
{
	void *stack;

	do {
		spin_lock(&pool.lock);
		stack = pool.nstacks > 0 ? pool.stacks[--pool.nstacks] : NULL;
		spin_unlock(&pool.lock);
		if (stack)
			kmap_free(stack, KSTACK_SIZE / PAGE_SIZE);
	} while (stack);
}

#ifdef QUIRE_DEBUG
bool thread_on_stack(uint64_t kstack)
{
	for (unsigned i = 0; i < nharts; i++)
		if (runqs[i].current->kstack == kstack)
			return true;
	return false;
}
#endif

static void reap_dead(void)
{
	struct list dead, *e;

	if (list_empty(&pool.dead))
		return;
	list_init(&dead);
	spin_lock(&pool.lock);
	list_splice(&dead, &pool.dead);
	spin_unlock(&pool.lock);
	while ((e = list_pop(&dead)) != NULL)
		thread_free(list_entry(e, struct thread, run_link));
}

struct thread *thread_create(const char *name)
{
	struct thread *t;
	void *stack = stack_get();

	if (!stack)
		return NULL;
	t = kmem_cache_alloc(&thread_cache);
	if (!t) {
		stack_put(stack);
		return NULL;
	}
	memset(t, 0, sizeof(*t));
	t->hart = &harts[0];
	t->intr_depth = 1; /* it begins with the lock of its run queue held */
	t->kstack = (uint64_t)stack;
	t->frame = (struct trapframe *)(t->kstack + KSTACK_SIZE - sizeof(struct trapframe));
	trapframe_init(t->frame, 0, 0);
	list_init(&t->run_link);
	list_init(&t->proc_link);
	list_init(&t->pending.queue);
	strlcpy(t->name, name, sizeof(t->name));
	return t;
}

void thread_free(struct thread *t)
{
	while (t->state != THREAD_NEW &&
	       (__atomic_load_n(&t->on_cpu, __ATOMIC_ACQUIRE) || t->state != THREAD_DEAD))
		thread_yield();
	stack_put((void *)t->kstack);
	kmem_cache_free(&thread_cache, t);
}

struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg)
{
	struct thread *t;

	reap_dead(); /* not for a program's thread: fork does not wait until their stacks are unmapped */
	t = thread_create(name);
	if (!t)
		return NULL;
	t->frame = NULL;
	thread_start(t, fn, arg);
	return t;
}

/* ---- niceness ---- */

static int niceness(const struct thread *t)
{
	return !t->proc ? 0 : t->policy == POLICY_IDLE ? NICE_MAX : t->proc->nice;
}

/* Slices of who is not nice are longer, up to six times; who is nice passes, up to nine turns of ten. */
static void new_slice(struct thread *t)
{
	int nice = niceness(t);

	t->slice = SLICE_TICKS * (nice < 0 ? 1 - nice / 4 : 1);
	t->passes = nice > 0 ? nice / 2 : 0;
}

/* ---- queues ---- */

/* With the queue's lock held. */
static void enqueue(struct runq *q, struct thread *t, bool first)
{
	struct list *l = t->boosted ? &q->woken : &q->ready;

	if (first)
		list_push(l, &t->run_link);
	else
		list_append(l, &t->run_link);
	q->nqueued++;
}

/* The next in turn; who is nice lets some turns go by while others wait. */
static struct thread *pop_ready(struct runq *q)
{
	struct thread *t;

	for (unsigned i = 0;; i++) {
		t = list_entry(list_pop(&q->ready), struct thread, run_link);
		if (t->passes == 0 || i == MAX_PASSES || list_empty(&q->ready))
			return t;
		t->passes--;
		list_append(&q->ready, &t->run_link);
	}
}

static struct thread *dequeue(struct runq *q)
{
	struct list *e = NULL;

	if (q->nqueued == 0)
		return NULL;
	q->nqueued--;
	if (q->streak < BOOST_STREAK || list_empty(&q->ready))
		e = list_pop(&q->woken);
	q->streak = e ? q->streak + 1 : 0;
	return e ? list_entry(e, struct thread, run_link) : pop_ready(q);
}

/* An idle hart is given one thread, or woken to look for one, by whoever takes it out of the mask. */
static bool claim(const struct hart *h)
{
	uint64_t bit = 1ul << h->index;

	return load_relaxed(&idle_mask) & bit && __atomic_fetch_and(&idle_mask, ~bit, __ATOMIC_SEQ_CST) & bit;
}

static struct hart *claim_any(void)
{
	uint64_t idle;

	while ((idle = load_relaxed(&idle_mask)) != 0)
		if (claim(&harts[__builtin_ctzl(idle)]))
			return &harts[__builtin_ctzl(idle)];
	return NULL;
}

/* The queue's thread has to wait. A hart that became idle meanwhile either sees it there or is seen here, and steals it. */
static void offer_work(void)
{
	struct hart *h;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* queued before idle_mask is read; see sched_start */
	h = claim_any();
	if (h)
		hart_poke(h);
}

/* A hart with nothing to do for a thread that becomes runnable, its last one if possible; NULL: there is none. The lock of the
 * last one's queue is held. */
static struct hart *choose_hart(const struct thread *t, const struct runq *q)
{
	struct hart *last = t->hart;

	if (last == this_hart() && q->current == last->idle && q->nqueued == 0) /* in an interrupt */
		return last;
	return claim(last) ? last : claim_any();
}

/*
 * Queues a runnable thread that is on no queue and runs nowhere, with the lock of its hart's queue held,
 * which is let go. It may go to another hart: nobody else cares for a runnable thread meanwhile.
 */
static void place(struct thread *t, struct runq *q)
{
	struct hart *h = choose_hart(t, q);

	if (h && h != t->hart) {
		t->hart = h;
		spin_unlock(&q->lock);
		q = runq_of(h);
		spin_lock(&q->lock);
	}
	h = t->hart;
	enqueue(q, t, false);
	if (q->current == h->idle) { /* it looks at its queue before it waits */
		if (h != this_hart())
			hart_poke(h);
	} else {
		if (t->boosted && !q->current->boosted) {
			h->need_resched = true;
			if (h != this_hart())
				hart_poke(h);
		}
		offer_work();
	}
	spin_unlock(&q->lock);
}

/* The lock of the run queue of the thread's hart. */
static struct runq *lock_runq(const struct thread *t)
{
	for (;;) {
		struct hart *h = __atomic_load_n(&t->hart, __ATOMIC_RELAXED);
		struct runq *q = runq_of(h);

		spin_lock(&q->lock);
		if (t->hart == h)
			return q;
		spin_unlock(&q->lock);
	}
}

void thread_start(struct thread *t, void (*fn)(void *), void *arg)
{
	struct runq *q;

	t->context.ra = (uint64_t)thread_trampoline;
	t->context.sp = t->frame ? (uint64_t)t->frame : t->kstack + KSTACK_SIZE;
	t->context.s[0] = (uint64_t)fn;
	t->context.s[1] = (uint64_t)arg;
	new_slice(t);
	t->boosted = niceness(t) <= 0;
	intr_push();
	t->hart = this_hart();
	q = runq_of(t->hart);
	spin_lock(&q->lock);
	t->state = THREAD_RUNNABLE;
	place(t, q);
	intr_pop();
}

void thread_wake(struct thread *t)
{
	struct runq *q;

	__atomic_thread_fence(
		__ATOMIC_SEQ_CST); /* what the sleeper waits for was written before its state is read */
	if (__atomic_load_n(&t->state, __ATOMIC_RELAXED) != THREAD_SLEEPING)
		return;
	q = lock_runq(t);
	if (t->state == THREAD_SLEEPING) {
		t->state = THREAD_RUNNABLE;
		if (q->current != t) {
			t->boosted = niceness(t) <= 0;
			new_slice(t);
			place(t, q);
			return;
		}
	}
	spin_unlock(&q->lock);
}

/* ---- switching ---- */

static void account(struct thread *t, uint64_t now, bool user)
{
	*(user ? &t->utime_ns : &t->stime_ns) += now - t->last_ns;
	t->last_ns = now;
}

/* Never less than was told before, whichever hart asks: so with what a running thread has used since its last account. */
uint64_t thread_cpu_ns(const struct thread *t)
{
	struct runq *q = lock_runq(t);
	uint64_t used = t->utime_ns + t->stime_ns, now = time_ns();

	if (q->current == t && now > t->last_ns)
		used += now - t->last_ns;
	spin_unlock(&q->lock);
	return used;
}

/* In the next thread, with the lock of the run queue held: the previous one's registers are saved. */
static void switch_done(struct runq *q)
{
	struct thread *prev = q->previous;

	if (prev->state == THREAD_DEAD && !prev->proc) {
		spin_lock(&pool.lock);
		list_append(&pool.dead, &prev->run_link);
		spin_unlock(&pool.lock);
	}
	__atomic_store_n(&prev->on_cpu, false, __ATOMIC_RELEASE);
}

static void enter_space(struct hart *h, struct space *s)
{
	if (h->space == s)
		return;
	if (s)
		space_activate(s);
	else
		space_leave();
}

static void switch_to(struct runq *q, struct thread *prev, struct thread *next)
{
	struct hart *h = this_hart();
	uint64_t now = time_ns();

	account(prev, now, false);
	next->last_ns = now;
	if (prev->frame)
		fp_switch_out(prev);
	h->nswitches++;
	h->need_resched = false;
	next->hart = h;
	next->state = THREAD_RUNNING;
	next->on_cpu = true;
	q->current = next;
	q->previous = prev;
	enter_space(h, next->space);
	if (unlikely(h->kmap_seen != load_relaxed(&mmu_kmap_generation))) /* its stack may be new */
		mmu_kmap_catch_up(h);
	if (prev == h->idle)
		timer_tick_start();
	context_switch(prev, next);
	switch_done(runq_of(this_hart())); /* back again, perhaps on another hart */
}

/* With the lock of this hart's queue held; the current thread is queued already, or sleeps, or is dead. */
static void schedule(struct runq *q)
{
	struct hart *h = this_hart();
	struct thread *prev = thread_current(), *next = dequeue(q);

	if (!next)
		next = h->idle;
	if (next != prev) {
		switch_to(q, prev, next);
		return;
	}
	prev->state = THREAD_RUNNING; /* it was the only one */
	h->need_resched = false;
}

/* The current thread goes to the end (or, with its slice unfinished, the head) of its list. */
static void give_way(bool first)
{
	struct thread *t = thread_current();
	struct runq *q;

	intr_push();
	q = runq_of(this_hart());
	spin_lock(&q->lock);
	if (t != this_hart()->idle) {
		t->state = THREAD_RUNNABLE;
		enqueue(q, t, first);
	}
	schedule(q);
	spin_unlock(&runq_of(this_hart())->lock);
	intr_pop();
}

void thread_yield(void)
{
	struct thread *t = thread_current();

	t->boosted = false;
	t->nvcsw++;
	give_way(false);
}

/* A woken thread may have come while this one's slice lasts: then this one is the next of its kind again. */
void thread_preempt(void)
{
	struct thread *t = thread_current();
	bool unfinished = t->slice > 0;

	if (!unfinished)
		new_slice(t);
	t->nivcsw++;
	give_way(unfinished);
}

void sched_tick(bool from_user)
{
	struct hart *h = this_hart();
	struct thread *t = thread_current();

	if (t == h->idle)
		return;
	if (from_user)
		h->ticks_user++;
	else
		h->ticks_kernel++;
	spin_lock(&runq_of(h)->lock);
	account(t, time_ns(), from_user);
	spin_unlock(&runq_of(h)->lock);
	if (t->proc && unlikely(t->proc->rlimits[RLIMIT_CPU].cur != UINT64_MAX))
		proc_check_cpu(t->proc);
	if (t->proc && t->proc->ncpu_timers)
		ptimer_tick(t->proc);
	if (t->slice > 0)
		t->slice--;
	if (t->slice == 0) {
		t->boosted = false;
		if (runq_of(h)->nqueued > 0)
			h->need_resched = true;
		else
			new_slice(t);
	}
}

/*
 * Sleeps if the thread's state is still SLEEPING. The caller turned interrupts off before it wrote the
 * state, so that it is not preempted with it.
 */
void sched_sleep(void)
{
	struct thread *t = thread_current();
	struct runq *q = runq_of(this_hart());

	dassert(*intr_depth() == 1);
	spin_lock(&q->lock);
	if (t->state == THREAD_SLEEPING) {
		t->nvcsw++;
		schedule(q);
		q = runq_of(this_hart());
	} else {
		t->state = THREAD_RUNNING;
	}
	spin_unlock(&q->lock);
}

/* context.S: a new thread begins as the next one of a switch. */
void thread_begin(void (*fn)(void *), void *arg);
void thread_begin(void (*fn)(void *), void *arg)
{
	struct runq *q = runq_of(this_hart());

	switch_done(q);
	if (thread_current()->frame)
		fp_restore();
	spin_unlock(&q->lock);
	fn(arg);
	thread_exit();
}

void thread_exit(void)
{
	struct runq *q;

	reap_dead(); /* who ended before, so that few stacks wait for the next thread to be created */
	intr_push();
	q = runq_of(this_hart());
	spin_lock(&q->lock);
	thread_current()->state = THREAD_DEAD;
	schedule(q);
	panic("a dead thread runs");
}

void thread_set_space(struct space *s)
{
	intr_push();
	thread_current()->space = s;
	enter_space(this_hart(), s);
	intr_pop();
}

/* ---- harts ---- */

void sched_init(void)
{
	for (unsigned i = 0; i < MAX_HARTS; i++) {
		spin_init(&runqs[i].lock, "run queue", RANK_RUNQ);
		list_init(&runqs[i].woken);
		list_init(&runqs[i].ready);
		harts[i].idle = &idle_threads[i];
		idle_threads[i].hart = &harts[i];
		idle_threads[i].state = THREAD_RUNNING;
		idle_threads[i].on_cpu = true;
		list_init(&idle_threads[i].run_link);
		ksnprintf(idle_threads[i].name, sizeof(idle_threads[i].name), "idle/%u", i);
		runqs[i].current = &idle_threads[i];
	}
	kmem_cache_init(&thread_cache, "thread", sizeof(struct thread), true);
	timer_init();
}

struct thread *sched_idle_thread(struct hart *h)
{
	if (!h->idle->kstack) {
		void *stack = kmap_alloc(KSTACK_SIZE / PAGE_SIZE);

		if (!stack)
			panic("no memory for the stack of hart %u", h->index);
		h->idle->kstack = (uint64_t)stack;
	}
	return h->idle;
}

/* Takes the thread of another hart that would run last. */
static bool steal(struct hart *self)
{
	for (unsigned i = 1; i < nharts; i++) {
		struct runq *q = &runqs[(self->index + i) % nharts];
		struct thread *t;

		if (__atomic_load_n(&q->nqueued, __ATOMIC_RELAXED) == 0)
			continue;
		spin_lock(&q->lock);
		if (q->nqueued == 0) {
			spin_unlock(&q->lock);
			continue;
		}
		t = list_entry(list_empty(&q->ready) ? q->woken.prev : q->ready.prev, struct thread,
			       run_link);
		list_remove(&t->run_link);
		q->nqueued--;
		t->hart = self;
		spin_unlock(&q->lock);
		q = runq_of(self);
		spin_lock(&q->lock);
		enqueue(q, t, false);
		spin_unlock(&q->lock);
		return true;
	}
	return false;
}

static void wait_for_work(struct hart *h)
{
	__atomic_store_n(&h->idle_since, time_ns(), __ATOMIC_RELAXED);
	cpu_wait();
	h->idle_ns += time_ns() - h->idle_since;
	__atomic_store_n(&h->idle_since, 0, __ATOMIC_RELAXED);
}

uint64_t sched_idle_ns(const struct hart *h)
{
	uint64_t since = __atomic_load_n(&h->idle_since, __ATOMIC_RELAXED), now = time_ns();

	return h->idle_ns + (since && since < now ? now - since : 0);
}

void sched_start(void)
{
	struct hart *h = this_hart();
	struct runq *q = runq_of(h);

	trap_interrupts_begin();
	for (;;) {
		intr_push();
		/* The mask first, then the look at the queue: a waker does it the other way round. */
		__atomic_fetch_or(&idle_mask, 1ul << h->index, __ATOMIC_SEQ_CST);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&q->nqueued, __ATOMIC_RELAXED) == 0 && !steal(h))
			wait_for_work(h);
		__atomic_fetch_and(&idle_mask, ~(1ul << h->index), __ATOMIC_SEQ_CST);
		spin_lock(&q->lock);
		if (q->nqueued > 1)
			offer_work();
		if (q->nqueued > 0)
			schedule(q);
		spin_unlock(&q->lock);
		intr_pop();
	}
}

uint64_t sched_load_runnable(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < nharts; i++)
		n += runqs[i].nqueued + (runqs[i].current != harts[i].idle);
	return n;
}
