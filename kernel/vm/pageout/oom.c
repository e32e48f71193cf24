/* SPDX-License-Identifier: ISC */
/*
 * The OOM killer: memory and swap are exhausted and somebody waits.
 *
 * A space is judged by what its end would give back: pages and swap slots that no other slot names, its nodes and page tables, shared
 * anonymous memory that only it maps, its mappings, and what the kernel keeps for its processes: files, bytes in pipes, stacks. Of what
 * it shares with others its part counts a quarter: those who have everything together come before those who have next to nothing.
 * oom_score_adj shifts that by thousandths of memory and swap together, and at -1000 forbids it. The processes of the worst space
 * are killed. Its faults fail from then on, its threads may use the reserve to get out, and its overlay is emptied here, at once: a
 * victim that cannot run, or waits for another, frees its memory all the same. But if an area of swap is just being turned off, that
 * ends, and nobody.
 */
#include "lib/printf.h"
#include "proc/thread.h"
#include "vm/mapping.h"

#define PATIENCE_NS 2000000000ul /* how long a victim may take before the next one is chosen */
#define TABLE_ROWS  8
#define PART	    256u

struct candidate {
	struct space *space; /* pinned */
	struct proc_oom proc;
	uint64_t pages, swap, nodes, tables, shared, kernel;
	uint64_t parts; /* of pages that others have, too, in 1/PART */
	int64_t score;
};

/* Adds what this path to the node holds, to which `ways` others lead, with it. [f] */
static void weigh_node(struct candidate *c, const struct node *n, unsigned ways)
{
	ways = MIN(ways * n->refs, PART);
	c->nodes += ways == 1;
	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		slot_t s = n->slot[i];
		unsigned sharers;

		if (!slot_is_page(s) && !slot_is_swap(s))
			continue;
		if (n->level > 0) {
			weigh_node(c, (const struct node *)s, ways);
			continue;
		}
		sharers = ways * (slot_is_page(s) ? slot_page(s)->sharers : swap_count(slot_swap(s)));
		if (sharers > 1)
			c->parts += PART / sharers;
		else if (slot_is_page(s))
			c->pages++;
		else
			c->swap++;
	}
}

/* Shared anonymous memory that no other space maps, and a part of what others do. Not counted while somebody changes the mappings: pageoutd waits for no space. */
static void weigh_shared(struct candidate *c)
{
	struct space *s = c->space;

	if (!rwlock_tryread(&s->lock))
		return;
	for (struct mapping *m = mapping_first(s), *other; m; m = mapping_next(m)) {
		struct object *o = m->object;
		unsigned others = 0;
		uint64_t n;

		if (!o || o->ops || !mutex_trylock(&o->mapping_lock))
			continue;
		list_for_each(other, &o->mappings, object_link)
			others += other->space != s;
		mutex_unlock(&o->mapping_lock);
		n = MIN(load_relaxed(&o->nslots), m->end - m->start);
		if (others)
			c->parts += n * PART / (1 + others);
		else
			c->shared += n;
	}
	rwlock_read_unlock(&s->lock);
}

static void weigh(struct candidate *c)
{
	struct overlay *ov = &c->space->overlay;
	uint64_t nswap, nfree;

	home_lock(&ov->family->home);
	for (unsigned i = 0; i < OVERLAY_TOP; i++)
		if (ov->top[i])
			weigh_node(c, (const struct node *)ov->top[i], 1);
	spin_unlock(&ov->family->home.lock);
	weigh_shared(c);
	c->tables = c->space->ntables;
	c->nodes = DIV_ROUND_UP(c->nodes, 7); /* to a frame */
	c->kernel = c->proc.kernel + DIV_ROUND_UP(c->space->nmappings * sizeof(struct mapping), PAGE_SIZE);
	vm_swap_totals(&nswap, &nfree);
	c->score = c->pages + c->swap + c->nodes + c->tables + c->shared + c->kernel + c->parts / PART / 4;
	c->score += (int64_t)(page_totals()->total + nswap) / 1000 * c->proc.adj;
}

/* Puts a candidate into the table, worst first; the space of the one that drops out is let go. */
static unsigned insert(struct candidate *table, unsigned n, struct candidate *c)
{
	unsigned at = n;

	while (at > 0 && table[at - 1].score < c->score)
		at--;
	if (n == TABLE_ROWS) {
		space_unpin(at < n ? table[n - 1].space : c->space);
		if (at == n)
			return n;
		n--;
	}
	for (unsigned i = n; i > at; i--)
		table[i] = table[i - 1];
	table[at] = *c;
	return n + 1;
}

static unsigned make_table(struct candidate *table)
{
	struct space *s;
	unsigned n = 0;

	for (unsigned k = 0; (s = space_kth(k)); k++) {
		struct candidate c = { .space = s };

		if (!proc_oom_info(s, &c.proc) || c.proc.adj <= -1000) {
			space_unpin(s);
			continue;
		}
		weigh(&c);
		n = insert(table, n, &c);
	}
	return n;
}

static void print_table(const struct candidate *table, unsigned n)
{
	uint64_t npages, nfree;

	vm_swap_totals(&npages, &nfree);
	kprintf("oom: %lu of %lu frames free, %lu of %lu swap pages free\n", page_nfree(),
		page_totals()->total, nfree, npages);
	kprintf("oom:   pid     score     pages      swap    shared  nodes tables kernel   adj name\n");
	for (unsigned i = 0; i < n; i++)
		kprintf("oom: %5d %9ld %9lu %9lu %9lu %6lu %6lu %6lu %5d %s\n", table[i].proc.pid,
			table[i].score, table[i].pages, table[i].swap, table[i].shared, table[i].nodes,
			table[i].tables, table[i].kernel, table[i].proc.adj, table[i].proc.name);
}

/* Takes the memory of a space whose processes are to die. */
static void reap(struct space *s)
{
	space_lock_table(s);
	s->dying = true; /* no PTE comes from now on, and no clone of the overlay */
	spin_unlock(&s->table_lock);
	table_clear_range(s, 0, USER_TOP >> PAGE_SHIFT);
	space_shoot(s);
	overlay_reap(&s->overlay);
}

/* Until the memory of the victim comes back. Nothing is pinned meanwhile. */
static void wait_for_exit(void)
{
	uint64_t until = time_ns() + PATIENCE_NS;

	while (time_ns() < until && page_nfree() <= page_totals()->low)
		thread_sleep_ns(5000000);
}

void oom_kill(void)
{
	static struct candidate table[TABLE_ROWS]; /* pageoutd's */
	bool killed = false;
	unsigned n;

	if (swap_stay_on())
		return;
	n = make_table(table);
	if (n)
		print_table(table, n);
	for (unsigned i = 0; i < n; i++) {
		if (!killed && proc_oom_kill(table[i].space)) {
			killed = true;
			EVENT(oom_kill);
			reap(table[i].space);
			reclaim_wake_waiters();
		}
		space_unpin(table[i].space);
	}
	if (killed)
		wait_for_exit();
	else
		thread_sleep_ns(50000000); /* nobody to kill: those who exit already must get their turn */
}
