/* SPDX-License-Identifier: ISC */
/*
 * Timers and the scheduler's tick. A hart's hardware timer is set to the earliest of both; nothing else
 * wakes an idle hart. Locks: one spinlock a hart (RANK_TIMER) guards its list; functions run without it, and
 * `running` tells a canceller to wait.
 */
#include "proc/timer.h"
#include "arch/cpu.h"
#include "lib/lock.h"
#include "proc/thread.h"

static struct timer_list {
	struct spinlock lock;
	struct list timers;
	struct timer *running;
	uint64_t next_tick; /* UINT64_MAX: no tick wanted; only the hart itself uses it */
} lists[MAX_HARTS];

void timer_init(void)
{
	for (unsigned i = 0; i < MAX_HARTS; i++) {
		spin_init(&lists[i].lock, "timers", RANK_TIMER);
		list_init(&lists[i].timers);
		lists[i].next_tick = UINT64_MAX;
	}
}

void timer_set(struct timer *t, uint64_t deadline_ns, void (*fn)(struct timer *t))
{
	struct timer_list *l;
	struct list *at;

	intr_push();
	t->hart = this_hart();
	t->deadline_ns = deadline_ns;
	t->fn = fn;
	l = &lists[t->hart->index];
	spin_lock(&l->lock);
	for (at = l->timers.prev; at != &l->timers; at = at->prev)
		if (list_entry(at, struct timer, link)->deadline_ns <= deadline_ns)
			break;
	list_insert_after(at, &t->link);
	t->set = true;
	if (l->timers.next == &t->link)
		timer_arm(deadline_ns);
	spin_unlock(&l->lock);
	intr_pop();
}

void timer_cancel(struct timer *t)
{
	struct timer_list *l;

	if (!t->hart)
		return;
	l = &lists[t->hart->index];
	spin_lock(&l->lock);
	while (l->running == t) {
		spin_unlock(&l->lock);
		cpu_relax();
		spin_lock(&l->lock);
	}
	if (t->set) {
		list_remove(&t->link);
		t->set = false;
	}
	spin_unlock(&l->lock);
}

static void run_expired(struct timer_list *l)
{
	spin_lock(&l->lock);
	while (!list_empty(&l->timers)) {
		struct timer *t = list_first(&l->timers, struct timer, link);

		if (t->deadline_ns > time_ns())
			break;
		list_remove(&t->link);
		t->set = false;
		l->running = t;
		spin_unlock(&l->lock);
		t->fn(t);
		spin_lock(&l->lock);
		l->running = NULL;
	}
	spin_unlock(&l->lock);
}

void timer_interrupt(bool from_user)
{
	struct hart *h = this_hart();
	struct timer_list *l = &lists[h->index];
	uint64_t now = time_ns(), next;

	h->timer_ns = UINT64_MAX;
	run_expired(l);
	if (now >= l->next_tick) {
		sched_tick(from_user);
		l->next_tick = thread_current() == h->idle ? UINT64_MAX : now + TICK_NS;
	}
	spin_lock(&l->lock);
	next = l->next_tick;
	if (!list_empty(&l->timers))
		next = MIN(next, list_first(&l->timers, struct timer, link)->deadline_ns);
	if (next == UINT64_MAX)
		timer_disarm();
	else
		timer_arm(next);
	spin_unlock(&l->lock);
}

void timer_tick_start(void)
{
	struct timer_list *l = &lists[this_hart()->index];

	if (l->next_tick != UINT64_MAX)
		return;
	l->next_tick = time_ns() + TICK_NS;
	timer_arm(l->next_tick);
}
