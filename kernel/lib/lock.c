/* SPDX-License-Identifier: ISC */
/*
 * Spinlocks of debug builds: who holds them, in which order of ranks they are taken, and how often one waits.
 * The ranks of the spinlocks held are a stack of the hart (interrupts are off, so the thread stays).
 */
#include "lib/lock.h"
#include "proc/thread.h"

#ifdef QUIRE_DEBUG

static struct lock_counts counts[LOCK_RANKS];

bool lock_counts(unsigned rank, struct lock_counts *c)
{
	if (rank >= LOCK_RANKS)
		return false;
	c->name = load_relaxed(&counts[rank].name);
	c->acquired = load_relaxed(&counts[rank].acquired);
	c->waited = load_relaxed(&counts[rank].waited);
	return c->name;
}

static void check_rank(const struct spinlock *l, bool nested)
{
	struct hart *h = this_hart();
	unsigned top = h->nranks ? h->ranks[h->nranks - 1] : 0;

	if (load_relaxed(&l->holder) == h)
		panic("lock %s taken twice by hart %u", l->name, h->index);
	if (l->rank && (nested ? top > l->rank : top >= l->rank))
		panic("lock %s (rank %u) taken while one of rank %u is held", l->name, l->rank, top);
}

static void note_taken(struct spinlock *l)
{
	struct hart *h = this_hart();

	store_relaxed(&l->holder, h); /* harts that do not hold it compare it with themselves */
	store_relaxed(&counts[l->rank].name, l->name);
	__atomic_fetch_add(&counts[l->rank].acquired, 1, __ATOMIC_RELAXED);
	if (l->rank) {
		assert(h->nranks < ARRAY_SIZE(h->ranks));
		h->ranks[h->nranks++] = l->rank;
	}
}

static void take(struct spinlock *l)
{
	if (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		uint64_t spins = 0;

		do {
			while (__atomic_load_n(&l->locked, __ATOMIC_RELAXED)) {
				cpu_relax();
				if (++spins == 4000000000ul)
					panic("lock %s: waited for ever", l->name);
			}
		} while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE));
		__atomic_fetch_add(&counts[l->rank].waited, 1, __ATOMIC_RELAXED);
	}
	note_taken(l);
}

void spin_lock(struct spinlock *l)
{
	intr_push();
	check_rank(l, false);
	take(l);
}

void spin_lock_nested(struct spinlock *l)
{
	intr_push();
	check_rank(l, true);
	take(l);
}

/* A try cannot deadlock, so any order is allowed; the rank counts for what is taken later. */
bool spin_trylock(struct spinlock *l)
{
	intr_push();
	if (load_relaxed(&l->holder) != this_hart() &&
	    !__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		note_taken(l);
		return true;
	}
	intr_pop();
	return false;
}

/* Locks need not be let go in the order opposite to that of taking: the rank is taken out of the stack. */
void spin_unlock(struct spinlock *l)
{
	struct hart *h = this_hart();

	if (load_relaxed(&l->holder) != h)
		panic("lock %s let go by hart %u, which does not hold it", l->name, h->index);
	if (l->rank) {
		unsigned i = h->nranks;

		while (i > 0 && h->ranks[i - 1] != l->rank)
			i--;
		assert(i > 0);
		for (; i < h->nranks; i++)
			h->ranks[i - 1] = h->ranks[i];
		h->nranks--;
	}
	store_relaxed(&l->holder, NULL);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	intr_pop();
}

bool spin_held(const struct spinlock *l)
{
	return load_relaxed(&l->holder) == this_hart();
}

#endif
