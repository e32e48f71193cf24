/* SPDX-License-Identifier: ISC */
/*
 * Waiting for those who share a spinlock; and the spinlocks of debug builds: who holds them, in which order of ranks they are taken, and how often one waits.
 * The ranks of the spinlocks held or shared are a stack of the hart (interrupts are off, so the thread stays); so are the counts its own, as
 * counting must not make harts wait for each other.
 */
#include "lib/lock.h"
#include "proc/thread.h"

#ifdef QUIRE_DEBUG

static struct {
	struct lock_counts of[LOCK_RANKS];
} __attribute__((aligned(64))) counts[MAX_HARTS];

bool lock_counts(unsigned rank, struct lock_counts *c)
{
	*c = (struct lock_counts){ 0 };
	for (unsigned i = 0; rank < LOCK_RANKS && i < nharts; i++) {
		const struct lock_counts *mine = &counts[i].of[rank];

		c->name = load_relaxed(&mine->name) ? load_relaxed(&mine->name) : c->name;
		c->acquired += load_relaxed(&mine->acquired);
		c->waited += load_relaxed(&mine->waited);
	}
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

static void note_taken(const struct spinlock *l, bool waited)
{
	struct hart *h = this_hart();
	struct lock_counts *c = &counts[h->index].of[l->rank];

	store_relaxed(&c->name, l->name);
	store_relaxed(&c->acquired, c->acquired + 1);
	store_relaxed(&c->waited, c->waited + waited);
	if (l->rank) {
		assert(h->nranks < ARRAY_SIZE(h->ranks));
		h->ranks[h->nranks++] = l->rank;
	}
}

/* Until nobody holds it. */
static void wait_for(const struct spinlock *l)
{
	for (uint64_t spins = 0; __atomic_load_n(&l->locked, __ATOMIC_RELAXED); spins++) {
		cpu_relax();
		if (spins == 4000000000ul)
			panic("lock %s: waited for ever", l->name);
	}
}

static void take(struct spinlock *l)
{
	bool waited = false;

	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE)) {
		wait_for(l);
		waited = true;
	}
	store_relaxed(&l->holder, this_hart()); /* harts that do not hold it compare it with themselves */
	note_taken(l, waited);
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
		store_relaxed(&l->holder, this_hart());
		note_taken(l, false);
		return true;
	}
	intr_pop();
	return false;
}

/* Locks need not be let go in the order opposite to that of taking: the rank is taken out of the stack. */
static void note_let_go(const struct spinlock *l)
{
	struct hart *h = this_hart();
	unsigned i = h->nranks;

	if (!l->rank)
		return;
	while (i > 0 && h->ranks[i - 1] != l->rank)
		i--;
	assert(i > 0);
	for (; i < h->nranks; i++)
		h->ranks[i - 1] = h->ranks[i];
	h->nranks--;
}

void spin_unlock(struct spinlock *l)
{
	struct hart *h = this_hart();

	if (load_relaxed(&l->holder) != h)
		panic("lock %s let go by hart %u, which does not hold it", l->name, h->index);
	note_let_go(l);
	store_relaxed(&l->holder, NULL);
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	intr_pop();
}

void spin_share(struct spinlock *l)
{
	struct hart *h;
	bool waited = false;

	intr_push();
	check_rank(l, false);
	h = this_hart();
	assert(!h->shares);
	for (;;) {
		__atomic_store_n(&h->shares, l, __ATOMIC_RELAXED);
		cpu_fence();
		if (!__atomic_load_n(&l->locked, __ATOMIC_ACQUIRE))
			break;
		__atomic_store_n(&h->shares, NULL, __ATOMIC_RELEASE);
		wait_for(l);
		waited = true;
	}
	note_taken(l, waited);
}

void spin_unshare(struct spinlock *l)
{
	assert(this_hart()->shares == l);
	note_let_go(l);
	__atomic_store_n(&this_hart()->shares, NULL, __ATOMIC_RELEASE);
	intr_pop();
}

/* A wait here counts as one for the lock that was just taken. */
void spin_drain(const struct spinlock *l)
{
	bool waited = false;

	cpu_fence();
	for (unsigned i = 0; i < nharts; i++)
		for (; __atomic_load_n(&harts[i].shares, __ATOMIC_ACQUIRE) == l; waited = true)
			cpu_relax();
	if (waited) {
		uint64_t *n = &counts[this_hart()->index].of[l->rank].waited;

		store_relaxed(n, *n + 1);
	}
}

bool spin_held(const struct spinlock *l)
{
	return load_relaxed(&l->holder) == this_hart();
}

#else

void spin_await_sharers(const struct spinlock *l)
{
	cpu_fence();
	for (unsigned i = 0; i < nharts; i++)
		while (__atomic_load_n(&harts[i].shares, __ATOMIC_ACQUIRE) == l)
			cpu_relax();
}

#endif
