/* SPDX-License-Identifier: ISC */
/*
 * The OOM killer: memory and swap are exhausted and somebody waits. The processes of the space with the most private pages, in
 * memory and in swap, are killed. Faults in that space fail from then on, and its threads may use the reserve to get out.
 */
#include "lib/printf.h"
#include "proc/thread.h"
#include "vm/reclaim.h"

#define PATIENCE_NS 2000000000ul /* how long a victim may take before the next one is chosen */
#define TRIED_MAX   8

static bool get_unless_ended(struct space *s)
{
	uint32_t refs = __atomic_load_n(&s->refs, __ATOMIC_RELAXED);

	while (refs && !__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
						    __ATOMIC_RELAXED))
		;
	return refs > 0;
}

static bool among(struct space *const *v, unsigned n, const struct space *s)
{
	while (n > 0)
		if (v[--n] == s)
			return true;
	return false;
}

/* The largest space that is not dying and not among those tried, referenced; NULL. */
static struct space *choose(struct space *const *tried, unsigned ntried)
{
	struct space *s, *best = NULL;

	spin_lock(&vm_queue_lock);
	list_for_each(s, &space_list, link)
		if (!s->dying && s->refs && !among(tried, ntried, s) &&
		    (!best || s->overlay.nslots > best->overlay.nslots))
			best = s;
	if (best && !get_unless_ended(best))
		best = NULL;
	spin_unlock(&vm_queue_lock);
	return best;
}

/* Until the victim's memory comes back; no reference is held meanwhile, so that its exit frees the space before its parent hears of it. */
static void wait_for_exit(void)
{
	uint64_t until = time_ns() + PATIENCE_NS;

	while (time_ns() < until && page_nfree() <= page_totals()->low)
		thread_sleep_ns(5000000);
}

void oom_kill(void)
{
	struct space *tried[TRIED_MAX], *s;
	uint64_t npages, nfree;

	for (unsigned n = 0; n < TRIED_MAX && (s = choose(tried, n)); n++) {
		vm_swap_totals(&npages, &nfree);
		kprintf("oom: %lu of %lu frames free, %lu of %lu swap pages free; the largest space has %lu "
			"private pages\n",
			page_nfree(), page_totals()->total, nfree, npages, s->overlay.nslots);
		tried[n] = s;
		if (proc_oom_kill(s)) {
			EVENT(oom_kill);
			spin_lock(&s->table_lock);
			s->dying = true;
			spin_unlock(&s->table_lock);
			reclaim_wake_waiters();
			space_unref(s);
			wait_for_exit();
			return;
		}
		space_unref(s);
	}
	thread_sleep_ns(50000000); /* nobody to kill: those who exit already must get their turn */
}
