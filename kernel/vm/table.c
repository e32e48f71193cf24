/* SPDX-License-Identifier: ISC */
/*
 * Page tables: a cache of mappings and overlay, nothing more. Any entry or whole leaf table may be dropped at any time.
 *
 * s->table_lock guards the tables, the counts in their pages and nresident. Whoever removes an entry or a permission
 * marks the space stale; whoever relies on that calls space_shoot first.
 *
 * An entry above the leaves is empty, valid, or suspended: it names its table but is not valid, so harts do not walk
 * it. What lies below a suspended entry is as it was, but that a private entry's W no longer counts. So fork takes
 * write permission away from everything by suspending a few root entries; the next fault below one makes it
 * valid again (resume) after handing the state down a level: it suspends the entries of the table, or in a leaf clears
 * the W bits.
 *
 * The page of a table knows how many entries are in use and, as `groups`, about where: who visits them skips the rest.
 */
#include "lib/string.h"
#include "vm/internal.h"

#define GROUP (MMU_FANOUT / 64) /* entries for which a bit in `groups` stands */

static struct page *pte_page(pte_t pte)
{
	return pfn_page(pte_pfn(pte));
}

static pte_t *pte_child(pte_t pte)
{
	return phys_to_virt(pte_pfn(pte) << PAGE_SHIFT);
}

/* The page of the table that an entry lies in. */
static struct page *table_page(const pte_t *pte)
{
	return pfn_page(direct_to_phys(pte) >> PAGE_SHIFT);
}

static unsigned entry_index(const pte_t *pte)
{
	return ((uintptr_t)pte & PAGE_MASK) / sizeof(*pte);
}

struct page *table_alloc(void)
{
	struct page *p = page_alloc();

	if (!p)
		return NULL;
	store_relaxed(&p->flags, PG_TABLE);
	p->nvalid = p->nwritable = 0;
	p->groups = 0;
	page_kind_add(PAGES_TABLE, 1);
	clear_page(page_data(p));
	return p;
}

void table_free(struct page *p)
{
	page_clear(p, PG_TABLE);
	page_kind_add(PAGES_TABLE, -1);
	page_free(p);
}

bool table_create_root(struct space *s)
{
	struct page *p = table_alloc();

	if (!p)
		return false;
	s->root = page_pfn(p);
	s->ntables = 1;
	mmu_init_root(page_data(p));
	return true;
}

static pte_t *root_of(struct space *s)
{
	return phys_to_virt(s->root << PAGE_SHIFT);
}

/* The entry of a page in the leaf table, if all above it are there and have the bits; NULL. */
static inline pte_t *walk(struct space *s, uint64_t vpn, pte_t bits)
{
	pte_t *t = root_of(s);

	for (unsigned shift = (MMU_LEVELS - 1) * MMU_BITS; shift > 0; shift -= MMU_BITS) {
		pte_t e = t[vpn >> shift & (MMU_FANOUT - 1)];

		if (!(e & bits))
			return NULL;
		t = pte_child(e);
	}
	return &t[vpn & (MMU_FANOUT - 1)];
}

pte_t *table_find(struct space *s, uint64_t vpn)
{
	return likely(s->root) ? walk(s, vpn, ~0ul) : NULL; /* suspended ones, too */
}

/* ---- entries in use ---- */

/* `counts` is 1, and in the upper half nwritable's share. Also for faults that share the family's lock. */
static void note_used(struct page *table, unsigned i, uint32_t counts)
{
	uint64_t group = 1ul << (i / GROUP);

	__atomic_fetch_add(&table->counts, counts, __ATOMIC_RELAXED);
	if (!(__atomic_load_n(&table->groups, __ATOMIC_RELAXED) & group))
		__atomic_fetch_or(&table->groups, group, __ATOMIC_RELAXED);
}

static void note_unused(struct page *table)
{
	if (--table->nvalid == 0)
		table->groups = 0;
}

/* The first entry in use from i on; MMU_FANOUT: none, or i is `end` already. */
static inline unsigned next_used(const struct page *table, const pte_t *t, unsigned i, unsigned end)
{
	for (uint64_t groups = i < end ? table->groups >> (i / GROUP) : 0; groups; groups >>= 1) {
		unsigned stop = (i | (GROUP - 1)) + 1;

		for (; groups & 1 && i < stop; i++)
			if (pte_read(&t[i]))
				return i;
		i = stop;
	}
	return MMU_FANOUT;
}

#define each_used(i, table, t, from, end) \
	for (unsigned i = next_used(table, t, from, end); i < (end); i = next_used(table, t, i + 1, end))

/* ---- suspending ---- */

static bool is_private_writable(pte_t pte)
{
	return (pte & (PTE_W | PTE_PRIVATE)) == (PTE_W | PTE_PRIVATE);
}

/* Hands the state of a suspended entry down to what its table holds, and makes it valid. Since fork's shootdown no hart walks there. */
static void resume(pte_t *entry, unsigned level)
{
	struct page *table = pte_page(*entry);
	pte_t *t = pte_child(*entry);

	if (level > 1) {
		each_used(i, table, t, 0, MMU_FANOUT)
			t[i] &= ~PTE_V;
	} else {
		for (unsigned i = 0; table->nwritable; i++, t += GROUP) {
			assert(i < MMU_FANOUT / GROUP);
			for (unsigned k = 0; table->groups >> i & 1 && k < GROUP; k++)
				if (is_private_writable(t[k])) {
					t[k] &= ~(PTE_W | PTE_D);
					table->nwritable--;
				}
		}
	}
	__atomic_store_n(entry, *entry | PTE_V, __ATOMIC_RELEASE);
}

void table_suspend(struct space *s)
{
	pte_t *root = root_of(s);
	struct page *table = pfn_page(s->root);

	spin_lock(&s->table_lock); /* no fault goes on, as the space is held for writing */
	each_used(i, table, root, 0, MMU_FANOUT)
		__atomic_store_n(&root[i], root[i] & ~PTE_V, __ATOMIC_RELEASE);
	space_mark_stale(s);
	spin_unlock(&s->table_lock);
}

/* ---- entries ---- */

/* Makes an entry above the leaves valid. False: no table for it in the purse. */
static bool make_valid(struct space *s, pte_t *entry, unsigned level, struct purse *purse)
{
	struct page *fresh;

	if (*entry) {
		resume(entry, level);
		return true;
	}
	fresh = purse_take_table(purse, level);
	if (!fresh)
		return false;
	__atomic_store_n(entry, pte_table(page_pfn(fresh)), __ATOMIC_RELEASE); /* behind the table's zeros */
	note_used(table_page(entry), entry_index(entry), 1);
	s->ntables++;
	return true;
}

static pte_t *__attribute__((noinline)) make_path(struct space *s, uint64_t vpn, struct purse *purse)
{
	pte_t *t = root_of(s);

	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t *e = &t[mmu_index(vpn << PAGE_SHIFT, level)];

		if (!(*e & PTE_V) && !make_valid(s, e, level, purse))
			return NULL;
		t = pte_child(*e);
	}
	return &t[mmu_index(vpn << PAGE_SHIFT, 0)];
}

pte_t *table_make(struct space *s, uint64_t vpn, struct purse *purse)
{
	pte_t *pte = walk(s, vpn, PTE_V);

	dassert(!purse || spin_held(&s->table_lock));
	return likely(pte) || !purse ? pte : make_path(s, vpn, purse);
}

static bool counts_as_resident(pte_t pte)
{
	return pte_pfn(pte) != zero_pfn;
}

void space_mark_stale(struct space *s)
{
	__atomic_fetch_add(&s->stale, 1, __ATOMIC_RELEASE);
}

void table_set(struct space *s, pte_t *pte, pte_t value)
{
	pte_t old = pte_read(pte);

	dassert(value & PTE_V);
	if (old & PTE_V) {
		dassert(spin_held(&s->table_lock) && pte_pfn(old) == pte_pfn(value));
		__atomic_fetch_or(pte, value, __ATOMIC_RELEASE); /* harts may be setting A and D */
		table_page(pte)->nwritable += is_private_writable(old | value) - is_private_writable(old);
	} else {
		cpu_point();
		note_used(table_page(pte), entry_index(pte), 1 + (is_private_writable(value) << 16));
		if (counts_as_resident(value))
			__atomic_fetch_add(&s->nresident, 1, __ATOMIC_RELAXED);
		__atomic_store_n(pte, value, __ATOMIC_RELEASE);
	}
}

void table_replace(struct space *s, uint64_t vpn, pte_t *pte, pte_t value)
{
	pte_t old = __atomic_exchange_n(pte, 0, __ATOMIC_ACQ_REL);

	dassert(spin_held(&s->table_lock) && old & value & PTE_V && counts_as_resident(value));
	space_shoot_page(s, vpn);
	table_page(pte)->nwritable += is_private_writable(value) - is_private_writable(old);
	if (!counts_as_resident(old))
		__atomic_fetch_add(&s->nresident, 1, __ATOMIC_RELAXED);
	__atomic_store_n(pte, value, __ATOMIC_RELEASE);
}

static void lose_resident(struct space *s, unsigned n)
{
	s->peak_resident = MAX(s->peak_resident, s->nresident);
	s->nresident -= n;
}

/* Harts set A and D in entries by themselves, so every change of a valid one is an atomic exchange. */
void table_clear(struct space *s, pte_t *pte)
{
	struct page *table = table_page(pte);
	pte_t old = __atomic_exchange_n(pte, 0, __ATOMIC_ACQ_REL);

	dassert(spin_held(&s->table_lock) && (old & PTE_V));
	note_unused(table);
	table->nwritable -= is_private_writable(old);
	lose_resident(s, counts_as_resident(old));
	space_mark_stale(s);
}

static void take_bits(struct space *s, pte_t *pte, pte_t bits)
{
	pte_t old = __atomic_fetch_and(pte, ~bits, __ATOMIC_ACQ_REL);

	if (is_private_writable(old) && (bits & PTE_W))
		table_page(pte)->nwritable--;
	space_mark_stale(s);
}

void table_take_write(struct space *s, pte_t *pte)
{
	dassert(spin_held(&s->table_lock));
	take_bits(s, pte, PTE_W | PTE_D);
}

/* The entry in a leaf table of the first page at or after *vpn, below `end`, whose 2 MiB have one; NULL: none. [t] */
static pte_t *next_leaf(struct space *s, uint64_t *vpn, uint64_t end)
{
	const uint64_t gigabyte = MMU_FANOUT * MMU_FANOUT;
	pte_t *pte = NULL;

	while (s->root && *vpn < end && !(pte = walk(s, *vpn, ~0ul))) {
		pte_t e = root_of(s)[mmu_index(*vpn << PAGE_SHIFT, 2)];
		unsigned used = MMU_FANOUT;

		if (e && ALIGN_DOWN(*vpn, MMU_FANOUT) + MMU_FANOUT < end)
			used = next_used(pte_page(e), pte_child(e), mmu_index(*vpn << PAGE_SHIFT, 1),
					 MMU_FANOUT);
		*vpn = ALIGN_DOWN(*vpn, gigabyte) + used * MMU_FANOUT;
	}
	return pte;
}

/* Calls fn for every entry in use of [first, end), with the lock held for one leaf table's work. */
static inline void each_entry(struct space *s, uint64_t first, uint64_t end,
			      void (*fn)(struct space *, pte_t *, uint64_t), uint64_t arg)
{
	pte_t *pte;

	do {
		space_lock_table(s);
		pte = next_leaf(s, &first, end);
		if (pte) {
			unsigned at = entry_index(pte), last = MIN(MMU_FANOUT, at + (end - first));
			pte_t *leaf = pte - at;
			struct page *table = table_page(leaf);

			each_used(i, table, leaf, at, last)
				fn(s, &leaf[i], arg);
			first = ALIGN_DOWN(first, MMU_FANOUT) + MMU_FANOUT;
		}
		spin_unlock(&s->table_lock);
	} while (pte && first < end);
}

static void clear_entry(struct space *s, pte_t *pte, uint64_t arg __unused)
{
	pte_t e = pte_read(pte);

	if (e & PTE_A && counts_as_resident(e))
		page_set(pte_page(e), PG_REFERENCED);
	table_clear(s, pte);
}

void table_clear_range(struct space *s, uint64_t first, uint64_t end)
{
	each_entry(s, first, end, clear_entry, 0);
}

static void restrict_entry(struct space *s, pte_t *pte, uint64_t keep_bits)
{
	pte_t e = pte_read(pte), taken = e & (PTE_R | PTE_W | PTE_X) & ~keep_bits;

	if (!(e & (PTE_R | PTE_X) & keep_bits))
		clear_entry(s, pte, 0); /* an entry with neither R nor X would be a pointer to a table */
	else if (taken)
		take_bits(s, pte, taken | (taken & PTE_W ? PTE_D : 0));
}

void table_protect_range(struct space *s, uint64_t first, uint64_t end, uint64_t keep_bits)
{
	each_entry(s, first, end, restrict_entry, keep_bits);
}

static void forget_entry(struct space *s, pte_t *pte, uint64_t arg __unused)
{
	if (pte_read(pte) & PTE_A)
		take_bits(s, pte, PTE_A);
}

void table_forget_range(struct space *s, uint64_t first, uint64_t end)
{
	each_entry(s, first, end, forget_entry, 0);
}

static void count_shared(struct space *s __unused, pte_t *pte, uint64_t sum)
{
	const struct home *h = load_relaxed(&pte_page(pte_read(pte))->home);

	*(uint64_t *)sum += h && h->kind == HOME_OBJECT;
}

uint64_t table_count_shared(struct space *s)
{
	uint64_t n = 0;

	each_entry(s, 0, USER_TOP >> PAGE_SHIFT, count_shared, (uint64_t)&n);
	return n;
}

/* ---- dropping ---- */

static uint64_t count_resident(const struct page *table, const pte_t *leaf)
{
	uint64_t n = 0;

	each_used(i, table, leaf, 0, MMU_FANOUT)
		n += counts_as_resident(pte_read(&leaf[i]));
	return n;
}

/* Has a hart used the table since the clock's hand took the A bits of its pages? Those of the zero page, which lies in no home, are
 * taken here. [t] */
static bool leaf_used(struct space *s, const struct page *table, pte_t *leaf)
{
	bool used = false;

	each_used(i, table, leaf, 0, MMU_FANOUT) {
		pte_t e = pte_read(&leaf[i]);

		if (!(e & PTE_A))
			continue;
		used = true;
		if (!counts_as_resident(e))
			take_bits(s, &leaf[i], PTE_A);
	}
	return used;
}

/* Takes the table that an entry names out of its own table. [t] */
static void unhook(struct space *s, pte_t *entry, struct list *freed)
{
	list_append(freed, &pte_page(*entry)->link);
	store_relaxed(entry, 0);
	note_unused(table_page(entry));
	s->ntables--;
}

/* Takes out the leaf table at vpn, which exists, and the one above that it leaves empty. [t] */
static void unhook_leaf(struct space *s, uint64_t vpn, struct list *freed)
{
	uint64_t va = vpn << PAGE_SHIFT;
	pte_t *upper = &root_of(s)[mmu_index(va, 2)], *entry = &pte_child(*upper)[mmu_index(va, 1)];

	lose_resident(s, count_resident(pte_page(*entry), pte_child(*entry)));
	unhook(s, entry, freed);
	if (pte_page(*upper)->nvalid == 0)
		unhook(s, upper, freed);
	space_mark_stale(s);
}

unsigned table_sweep(struct space *s)
{
	struct list freed = LIST_INIT(freed), *l;
	uint64_t vpn = 0;
	unsigned n = 0;
	pte_t *leaf;

	do {
		space_lock_table(s);
		leaf = next_leaf(s, &vpn, USER_TOP >> PAGE_SHIFT);
		if (leaf && !leaf_used(s, table_page(leaf), leaf))
			unhook_leaf(s, vpn, &freed);
		spin_unlock(&s->table_lock);
		vpn += MMU_FANOUT;
	} while (leaf);
	space_shoot(s);
	for (; (l = list_pop(&freed)); n++) /* harts may have walked them until the shootdown */
		table_free(list_entry(l, struct page, link));
	EVENTS(tables_swept, n);
	return n;
}

static void free_below(pte_t entry, unsigned level)
{
	struct page *table = pte_page(entry);
	const pte_t *t = pte_child(entry);

	each_used(i, table, t, 0, level > 1 ? MMU_FANOUT : 0)
		free_below(t[i], level - 1);
	table_free(table);
}

void table_destroy(struct space *s)
{
	pfn_t root = s->root;

	assert(__atomic_load_n(&s->harts, __ATOMIC_ACQUIRE) == 0);
	if (reclaim_active()) /* what the harts noted is kept for the clock */
		table_clear_range(s, 0, USER_TOP >> PAGE_SHIFT);
	spin_lock(&s->table_lock); /* no fault goes on here any more */
	s->root = 0;
	s->nresident = s->ntables = 0;
	spin_unlock(&s->table_lock);
	free_below(pte_table(root), MMU_LEVELS);
}
