/* SPDX-License-Identifier: ISC */
/*
 * Wait queues, mutexes, reader-writer locks: everything that sleeps.
 *
 * A sleeper hangs itself into the queue and writes its state under the queue's lock, with the caller's lock
 * still held: so whoever changes the condition under that lock finds it there. Wakers take it off and wake
 * it under the queue's lock; a sleeper takes that lock again before its waiter, which is on its stack, goes
 * away.
 *
 * A mutex's owner word is the thread, with bit 0 set while somebody may be asleep: taking and letting go are
 * one atomic each as long as it is clear.
 */
#include "arch/cpu.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "proc/thread.h"
#include "proc/timer.h"

struct sleep_timer {
	struct timer timer;
	struct thread *thread;
};

#ifdef QUIRE_DEBUG
void might_sleep(void)
{
	intr_push();
	if (*intr_depth() != 1 || this_hart()->nranks != 0)
		panic("about to sleep with a spinlock held or interrupts off");
	intr_pop();
}

static void note_lock(uint8_t rank, bool check)
{
	struct thread *t = thread_current();

	if (!rank)
		return;
	for (unsigned i = 0; check && i < t->nranks; i++)
		if (t->ranks[i] >= rank)
			panic("sleeping lock of rank %u taken while one of rank %u is held", rank,
			      t->ranks[i]);
	assert(t->nranks < ARRAY_SIZE(t->ranks));
	t->ranks[t->nranks++] = rank;
}

static void note_unlock(uint8_t rank)
{
	struct thread *t = thread_current();
	unsigned i = t->nranks;

	if (!rank)
		return;
	while (i > 0 && t->ranks[i - 1] != rank)
		i--;
	assert(i > 0);
	for (; i < t->nranks; i++)
		t->ranks[i - 1] = t->ranks[i];
	t->nranks--;
}
#else
void might_sleep(void)
{
}

static inline void note_lock(uint8_t rank __unused, bool check __unused)
{
}

static inline void note_unlock(uint8_t rank __unused)
{
}
#endif

/* ---- wait queues ---- */

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, "waitq", RANK_WAITQ);
	list_init(&q->waiters);
}

static void sleep_timeout(struct timer *t)
{
	thread_wake(container_of(t, struct sleep_timer, timer)->thread);
}

/* Did something end the wait before it began or meanwhile? */
static int early_end(const struct thread *t, uint64_t deadline_ns, bool intr)
{
	if (intr && __atomic_load_n(&t->sigpending, __ATOMIC_RELAXED))
		return -ERESTARTSYS;
	if (deadline_ns != UINT64_MAX && time_ns() >= deadline_ns)
		return -ETIMEDOUT;
	return 0;
}

static int wait_unlock(struct waitq *q, struct spinlock *held, uint64_t deadline_ns, bool intr)
{
	struct thread *t = thread_current();
	struct sleep_timer timeout = { .thread = t };
	struct waiter w = { .thread = t };
	int error;

	intr_push();
	spin_lock(&q->lock);
	list_append(&q->waiters, &w.link);
	__atomic_store_n(&t->state, THREAD_SLEEPING, __ATOMIC_RELAXED);
	spin_unlock(&q->lock);
	if (held)
		spin_unlock(held);
	__atomic_thread_fence(
		__ATOMIC_SEQ_CST); /* the state is written before sigpending is read; see thread_wake */
	if (deadline_ns != UINT64_MAX)
		timer_set(&timeout.timer, deadline_ns, sleep_timeout);
	if (early_end(t, deadline_ns, intr) != 0)
		thread_wake(t);
	sched_sleep();
	intr_pop();
	timer_cancel(&timeout.timer);
	spin_lock(&q->lock);
	error = list_empty(&w.link) ? 0 : early_end(t, deadline_ns, intr);
	list_remove(&w.link);
	spin_unlock(&q->lock);
	return error;
}

static int wait(struct waitq *q, struct spinlock *held, uint64_t deadline_ns, bool intr)
{
	int error = wait_unlock(q, held, deadline_ns, intr);

	if (held)
		spin_lock(held);
	return error;
}

void waitq_sleep(struct waitq *q, struct spinlock *held)
{
	wait(q, held, UINT64_MAX, false);
}

void waitq_sleep_unlock(struct waitq *q, struct spinlock *held)
{
	wait_unlock(q, held, UINT64_MAX, false);
}

int waitq_sleep_intr(struct waitq *q, struct spinlock *held)
{
	return wait(q, held, UINT64_MAX, true);
}

int waitq_sleep_until(struct waitq *q, struct spinlock *held, uint64_t deadline_ns, bool intr)
{
	return wait(q, held, deadline_ns, intr);
}

/* With the queue's lock held: all functions, and the first thread or all. */
static void wake(struct waitq *q, bool all)
{
	struct waiter *w, *next;
	bool woken = false;

	list_for_each_safe(w, next, &q->waiters, link)
	{
		if (unlikely(w->fn)) {
			w->fn(w);
		} else if (all || !woken) {
			list_remove(&w->link);
			thread_wake(w->thread);
			woken = true;
		}
	}
}

/*
 * A sleeper that could miss the change is already on the list, whose emptiness may so be read without the
 * lock: it joined before it looked, and the change was made before this look. Where both look without a lock of
 * the condition's, as poll does, only the fences order that.
 */
static inline bool nobody_waits(const struct waitq *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return list_empty(&q->waiters);
}

void waitq_wake_one(struct waitq *q)
{
	if (nobody_waits(q))
		return;
	spin_lock(&q->lock);
	wake(q, false);
	spin_unlock(&q->lock);
}

void waitq_wake_all(struct waitq *q)
{
	if (nobody_waits(q))
		return;
	spin_lock(&q->lock);
	wake(q, true);
	spin_unlock(&q->lock);
}

void waitq_wake_nested(struct waitq *q)
{
	if (nobody_waits(q))
		return;
	spin_lock_nested(&q->lock);
	wake(q, true);
	spin_unlock(&q->lock);
}

/* ---- several queues at once: poll ---- */

void waitq_join(struct waitq *q, struct waiter *w)
{
	w->thread = thread_current();
	w->fn = NULL;
	waitq_join_fn(q, w);
}

void waitq_join_fn(struct waitq *q, struct waiter *w)
{
	spin_lock(&q->lock);
	list_append(&q->waiters, &w->link);
	spin_unlock(&q->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* in the queue before the condition is read: nobody_waits */
}

void waitq_leave(struct waitq *q, struct waiter *w)
{
	spin_lock(&q->lock); /* also waits for a waker that has just taken it off */
	list_remove(&w->link);
	spin_unlock(&q->lock);
}

static bool any_taken_off(const struct waiter *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list_empty(&w[i].link))
			return true;
	return false;
}

int waitq_sleep_any(struct waiter *w, unsigned n, uint64_t deadline_ns, bool intr)
{
	struct thread *t = thread_current();
	struct sleep_timer timeout = { .thread = t };

	might_sleep();
	intr_push();
	__atomic_store_n(&t->state, THREAD_SLEEPING, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* wakers take a waiter off before they read the state */
	if (deadline_ns != UINT64_MAX)
		timer_set(&timeout.timer, deadline_ns, sleep_timeout);
	if (any_taken_off(w, n) || early_end(t, deadline_ns, intr) != 0)
		thread_wake(t);
	sched_sleep();
	intr_pop();
	timer_cancel(&timeout.timer);
	return any_taken_off(w, n) ? 0 : early_end(t, deadline_ns, intr);
}

void thread_sleep_ns(uint64_t ns)
{
	uint64_t deadline = time_ns() + ns;
	struct waitq q = WAITQ_INIT(q);

	while (wait(&q, NULL, deadline, false) == 0)
		;
}

/* ---- mutex ---- */

#define CONTENDED 1ul

static inline bool owner_cas(struct mutex *m, uintptr_t from, uintptr_t to, int order)
{
	return __atomic_compare_exchange_n((uintptr_t *)&m->owner, &from, to, false, order, __ATOMIC_RELAXED);
}

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank)
{
	spin_init(&m->lock, name, RANK_NONE);
	m->owner = NULL;
	m->rank = rank;
	waitq_init(&m->waiters);
}

/* Bit 0 is set by who goes to sleep; the last of the sleepers to get the mutex does not set it again. */
static void __attribute__((noinline)) mutex_lock_slow(struct mutex *m)
{
	uintptr_t self = (uintptr_t)thread_current();

	assert(!mutex_held(m));
	spin_lock(&m->lock);
	for (;;) {
		uintptr_t owner = (uintptr_t)__atomic_load_n(&m->owner, __ATOMIC_RELAXED);

		if (owner == 0) {
			if (owner_cas(m, 0, self | (list_empty(&m->waiters.waiters) ? 0 : CONTENDED),
				      __ATOMIC_ACQUIRE))
				break;
		} else if (owner & CONTENDED || owner_cas(m, owner, owner | CONTENDED, __ATOMIC_RELAXED)) {
			waitq_sleep(&m->waiters, &m->lock);
		}
	}
	spin_unlock(&m->lock);
}

void mutex_lock(struct mutex *m)
{
#ifdef QUIRE_DEBUG
	might_sleep();
#endif
	note_lock(m->rank, true);
	if (unlikely(!owner_cas(m, 0, (uintptr_t)thread_current(), __ATOMIC_ACQUIRE)))
		mutex_lock_slow(m);
}

bool mutex_trylock(struct mutex *m)
{
	if (!owner_cas(m, 0, (uintptr_t)thread_current(), __ATOMIC_ACQUIRE))
		return false;
	note_lock(m->rank, false);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	note_unlock(m->rank);
	if (likely(owner_cas(m, (uintptr_t)thread_current(), 0, __ATOMIC_RELEASE)))
		return;
	assert(mutex_held(m));
	spin_lock(&m->lock);
	__atomic_store_n(&m->owner, NULL, __ATOMIC_RELEASE);
	waitq_wake_one(&m->waiters);
	spin_unlock(&m->lock);
}

bool mutex_held(const struct mutex *m)
{
	return ((uintptr_t)__atomic_load_n(&m->owner, __ATOMIC_RELAXED) & ~CONTENDED) ==
	       (uintptr_t)thread_current();
}

/* ---- reader-writer lock ---- */

void rwlock_init(struct rwlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct rwlock){ .rank = rank };
	spin_init(&l->lock, name, RANK_NONE);
	waitq_init(&l->readers);
	waitq_init(&l->writers);
}

static inline bool try_read(struct rwlock *l)
{
	int32_t n = __atomic_load_n(&l->state, __ATOMIC_RELAXED);

	while (n >= 0 && !__atomic_load_n(&l->writers_waiting, __ATOMIC_RELAXED))
		if (__atomic_compare_exchange_n(&l->state, &n, n + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static inline bool try_write(struct rwlock *l)
{
	int32_t none = 0;

	if (!__atomic_compare_exchange_n(&l->state, &none, RW_WRITER, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	store_relaxed(&l->owner, thread_current());
	return true;
}

/*
 * Both slow paths count themselves as waiting before they look at the state again; who lets go changes the
 * state before it looks at the count. So one of them sees the other.
 */
static void __attribute__((noinline)) read_slow(struct rwlock *l)
{
	uint32_t turn;

	spin_lock(&l->lock);
	turn = l->turn;
	l->readers_waiting++;
	__atomic_fetch_add(&l->waiting, 1, __ATOMIC_SEQ_CST);
	while (turn == l->turn && !try_read(l))
		waitq_sleep(&l->readers, &l->lock);
	if (turn == l->turn)
		l->readers_waiting--; /* else it was passed on, and counted in `state` */
	__atomic_fetch_sub(&l->waiting, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&l->lock);
}

static void __attribute__((noinline)) write_slow(struct rwlock *l)
{
	spin_lock(&l->lock);
	__atomic_fetch_add(&l->waiting, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&l->writers_waiting, 1, __ATOMIC_SEQ_CST);
	while (!try_write(l))
		waitq_sleep(&l->writers, &l->lock);
	__atomic_fetch_sub(&l->writers_waiting, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_sub(&l->waiting, 1, __ATOMIC_SEQ_CST);
	spin_unlock(&l->lock);
}

/* The writer lets go: to the readers that wait, if there are any, whoever else may be waiting. */
static void __attribute__((noinline)) pass_on(struct rwlock *l)
{
	spin_lock(&l->lock);
	__atomic_store_n(&l->state, (int32_t)l->readers_waiting, __ATOMIC_SEQ_CST);
	if (l->readers_waiting) {
		l->readers_waiting = 0;
		l->turn++;
		waitq_wake_all(&l->readers);
	} else {
		waitq_wake_one(&l->writers);
	}
	spin_unlock(&l->lock);
}

static void __attribute__((noinline)) release_slow(struct rwlock *l)
{
	spin_lock(&l->lock);
	if (l->writers_waiting)
		waitq_wake_one(&l->writers);
	else
		waitq_wake_all(&l->readers);
	spin_unlock(&l->lock);
}

void rwlock_read(struct rwlock *l)
{
#ifdef QUIRE_DEBUG
	might_sleep();
#endif
	note_lock(l->rank, true);
	if (unlikely(!try_read(l)))
		read_slow(l);
}

bool rwlock_tryread(struct rwlock *l)
{
	if (!try_read(l))
		return false;
	note_lock(l->rank, false);
	return true;
}

void rwlock_read_unlock(struct rwlock *l)
{
	int32_t before;

	note_unlock(l->rank);
	before = __atomic_fetch_sub(&l->state, 1, __ATOMIC_SEQ_CST);
	dassert(before > 0);
	if (unlikely(before == 1 && __atomic_load_n(&l->waiting, __ATOMIC_SEQ_CST)))
		release_slow(l);
}

void rwlock_write(struct rwlock *l)
{
#ifdef QUIRE_DEBUG
	might_sleep();
#endif
	note_lock(l->rank, true);
	if (unlikely(!try_write(l)))
		write_slow(l);
}

bool rwlock_trywrite(struct rwlock *l)
{
	if (!try_write(l))
		return false;
	note_lock(l->rank, false);
	return true;
}

void rwlock_write_unlock(struct rwlock *l)
{
	note_unlock(l->rank);
	dassert(rwlock_write_held(l));
	store_relaxed(&l->owner, NULL);
	if (unlikely(__atomic_load_n(&l->waiting, __ATOMIC_RELAXED))) {
		pass_on(l);
		return;
	}
	__atomic_exchange_n(&l->state, 0, __ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(&l->waiting, __ATOMIC_SEQ_CST)))
		release_slow(l);
}

bool rwlock_write_held(const struct rwlock *l)
{
	return load_relaxed(&l->owner) == thread_current();
}
