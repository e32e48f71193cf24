/* SPDX-License-Identifier: ISC */
/*
 * Locks and wait queues.
 *
 * spinlock: held with interrupts off on this hart, so also no preemption; never sleep with one held. Some are shared, too: harts that do what
 * may go on at the same time say so each in a place of its own (spin_share), and wait for nobody but a holder; who takes such a lock
 * waits for them at once afterwards (spin_drain).
 * mutex, rwlock: sleeping; not for interrupt handlers. An rwlock prefers waiting writers to new readers, and those that waited for a
 * writer to the next one.
 * waitq: threads that wait for a condition which a spinlock guards:
 *
 *	spin_lock(&x->lock);
 *	while (!x->ready)
 *		waitq_sleep(&x->waiters, &x->lock);	// lets the lock go, sleeps, takes it again
 *	spin_unlock(&x->lock);
 *
 * and whoever makes it true does so under the lock and calls waitq_wake_all/_one (under the lock or after; also
 * from interrupt handlers). Spinlock operations are inline here over arch/cpu.h; the sleeping ones are in
 * proc/sched.c (on the host in the simulated machine of tests/host).
 */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

#include "arch/cpu.h"
#include "lib/base.h"
#include "lib/list.h"
#include "lib/lockrank.h"

struct thread;

struct spinlock {
	uint32_t locked;
	uint8_t rank;
#ifdef QUIRE_DEBUG
	const char *name;
	void *holder; /* the hart */
#endif
};

/* Only debug builds keep the name: each file in memory has half a dozen locks. */
#ifdef QUIRE_DEBUG
#define SPINLOCK_INIT(nm, rk)              \
	{                                  \
		.rank = (rk), .name = (nm) \
	}
#else
#define SPINLOCK_INIT(nm, rk) \
	{                     \
		.rank = (rk)  \
	}
#endif

static inline void spin_init(struct spinlock *l, const char *name __unused, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INIT(name, rank);
}

#ifdef QUIRE_DEBUG
/* lib/lock.c: with rank checks, holder and contention counts. */
void spin_lock(struct spinlock *l);
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);
void spin_lock_nested(struct spinlock *l); /* another lock of the same rank is held on purpose */
void spin_share(struct spinlock *l);
void spin_unshare(struct spinlock *l);
void spin_drain(const struct spinlock *l);
bool spin_held(const struct spinlock *l);
/* Of all locks of a rank together; `name` is one's. False: there was none yet, or no such rank. */
struct lock_counts {
	const char *name;
	uint64_t acquired, waited;
};
#define LOCK_RANKS 64
bool lock_counts(unsigned rank, struct lock_counts *c);
#else
static inline void spin_lock(struct spinlock *l)
{
	intr_push();
	while (unlikely(__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			cpu_relax();
}

static inline bool spin_trylock(struct spinlock *l)
{
	intr_push();
	if (likely(!__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)))
		return true;
	intr_pop();
	return false;
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	intr_pop();
}

static inline void spin_lock_nested(struct spinlock *l)
{
	spin_lock(l);
}

/* One at a time on a hart; spinlocks of higher rank may be taken inside. */
static inline void spin_share(struct spinlock *l)
{
	struct hart *h;

	intr_push();
	h = this_hart();
	for (;;) {
		store_relaxed(&h->shares, l);
		cpu_fence();
		if (likely(!__atomic_load_n(&l->locked, __ATOMIC_ACQUIRE)))
			return;
		__atomic_store_n(&h->shares, NULL, __ATOMIC_RELEASE);
		while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED))
			cpu_relax();
	}
}

static inline void spin_unshare(struct spinlock *l __unused)
{
	__atomic_store_n(&this_hart()->shares, NULL, __ATOMIC_RELEASE);
	intr_pop();
}

/* The lock, or one that those who share this one look at while they do, has just been taken: waits for them. */
void spin_await_sharers(const struct spinlock *l);
static inline void spin_drain(const struct spinlock *l)
{
	if (unlikely(nharts > 1))
		spin_await_sharers(l);
}

/* In release builds only "somebody holds it": for assertions. */
static inline bool spin_held(const struct spinlock *l)
{
	return load_relaxed(&l->locked);
}
#endif

/* Somebody holds it. Those who share another lock and find this one free may rely on that until they let go, if its takers drain. */
static inline bool spin_busy(const struct spinlock *l)
{
	return __atomic_load_n(&l->locked, __ATOMIC_ACQUIRE);
}

struct waitq {
	struct spinlock lock;
	struct list waiters; /* struct waiter, on the sleepers' stacks */
};

/*
 * A thread, which a wake-up takes off the queue; or a function (epoll), which each wake-up calls, with the queue's
 * lock held, and which stays. It may spin for locks of a higher rank, and wake others by waitq_wake_nested.
 */
struct waiter {
	struct list link;
	struct thread *thread;
	void (*fn)(struct waiter *w);
};

#define WAITQ_INIT(wq)                                                                         \
	{                                                                                      \
		.lock = SPINLOCK_INIT("waitq", RANK_WAITQ), .waiters = LIST_INIT((wq).waiters) \
	}

void waitq_init(struct waitq *q);

/* Lets `held` go, sleeps until woken, takes `held` again. Spurious wake-ups happen: loop on the condition. */
void waitq_sleep(struct waitq *q, struct spinlock *held);
void waitq_sleep_unlock(struct waitq *q, struct spinlock *held); /* does not take it again */

/* The same, but ends early: -ERESTARTSYS when a signal is to be delivered to this thread, else 0. */
int waitq_sleep_intr(struct waitq *q, struct spinlock *held);

/* Also ends at `deadline_ns` (monotonic, time_ns()): -ETIMEDOUT; `intr` says whether signals end it. */
int waitq_sleep_until(struct waitq *q, struct spinlock *held, uint64_t deadline_ns, bool intr);

/* Waiting on several queues at once (poll): join each, look at the conditions, sleep until a wake-up took one of the n waiters off,
 * leave each. A waiter that joins stays in place until it leaves. Returns 0, -ETIMEDOUT, -ERESTARTSYS as above. */
void waitq_join(struct waitq *q, struct waiter *w);
void waitq_leave(struct waitq *q, struct waiter *w);
/* The same with fn filled in: afterwards it is called; after leaving it is not, and does not run any more. */
void waitq_join_fn(struct waitq *q, struct waiter *w);
int waitq_sleep_any(struct waiter *w, unsigned n, uint64_t deadline_ns, bool intr);

void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);
void waitq_wake_nested(struct waitq *q); /* all, from a waiter's function */

struct mutex {
	struct spinlock lock;
	struct thread *owner;
	struct waitq waiters;
	uint8_t rank;
};

#define MUTEX_INIT(m, name, lock_rank)                                                      \
	{                                                                                   \
		.lock = SPINLOCK_INIT(name, RANK_NONE), .waiters = WAITQ_INIT((m).waiters), \
		.rank = (lock_rank)                                                         \
	}

void mutex_init(struct mutex *m, const char *name, enum lock_rank rank);
void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m); /* by this thread */

/* state: number of readers, or RW_WRITER; waiting writers are counted apart. The fast paths are one atomic each. A writer that lets go
 * passes the lock to all readers that wait by then, so neither kind starves the other. */
struct rwlock {
	int32_t state;
	uint32_t waiting; /* threads asleep or about to sleep; while not 0, releases take the slow path */
	uint32_t writers_waiting;
	uint32_t readers_waiting,
		turn; /* under `lock`; turn: how often the lock was passed to waiting readers */
	struct spinlock lock;
	struct waitq readers, writers;
	uint8_t rank;
	struct thread *owner; /* the writer */
};
#define RW_WRITER (-1)

void rwlock_init(struct rwlock *l, const char *name, enum lock_rank rank);
void rwlock_read(struct rwlock *l);
bool rwlock_tryread(struct rwlock *l);
void rwlock_read_unlock(struct rwlock *l);
void rwlock_write(struct rwlock *l);
bool rwlock_trywrite(struct rwlock *l);
void rwlock_write_unlock(struct rwlock *l);
/* Somebody holds it for writing. False: all that the last writer did is seen. */
static inline bool rwlock_busy(const struct rwlock *l)
{
	return __atomic_load_n(&l->state, __ATOMIC_ACQUIRE) == RW_WRITER;
}
bool rwlock_write_held(const struct rwlock *l); /* by this thread */

/* Asserts (debug) that this thread may sleep now: no spinlock held, interrupts on. */
void might_sleep(void);

#endif
