/* SPDX-License-Identifier: ISC */
/*
 * Page tables: a cache of mappings and overlay, nothing more. Any entry or whole leaf table may be dropped at any time.
 *
 * s->table_lock guards the tables, the counts in their pages and nresident. Whoever removes an entry or a permission
 * marks the space stale; whoever relies on that calls space_shoot first. A frame of a table that was unhooked is freed
 * only after a shootdown, as harts may still walk it.
 */
#include "lib/string.h"
#include "vm/reclaim.h"

/* Above this many writable entries it is cheaper to drop a leaf table and refault than to visit its entries. */
#define UNHOOK_WRITABLE 16

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
	return pfn_page(virt_to_phys(pte) >> PAGE_SHIFT);
}

struct page *table_alloc(void)
{
	struct page *p = page_alloc();

	if (!p)
		return NULL;
	p->flags = PG_TABLE;
	p->nvalid = p->nwritable = 0;
	page_kind_add(PAGES_TABLE, 1);
	clear_page(page_data(p));
	return p;
}

static void table_free(struct page *p)
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

pte_t *table_find(struct space *s, uint64_t vpn)
{
	uint64_t va = vpn << PAGE_SHIFT;
	pte_t *t = root_of(s);

	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t e = t[mmu_index(va, level)];

		if (!(e & PTE_V))
			return NULL;
		t = pte_child(e);
	}
	return &t[mmu_index(va, 0)];
}

/* The entry of the middle table that points at the leaf of vpn, which exists. */
static pte_t *table_entry(struct space *s, uint64_t vpn)
{
	uint64_t va = vpn << PAGE_SHIFT;

	return &pte_child(root_of(s)[mmu_index(va, 2)])[mmu_index(va, 1)];
}

pte_t *table_make(struct space *s, uint64_t vpn, struct purse *purse)
{
	uint64_t va = vpn << PAGE_SHIFT;
	pte_t *t = root_of(s);

	dassert(spin_held(&s->table_lock));
	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t *e = &t[mmu_index(va, level)];

		if (!(*e & PTE_V)) {
			if (!purse->ntables) {
				purse->want_tables = level;
				return NULL;
			}
			*e = pte_table(page_pfn(purse->tables[--purse->ntables]));
			table_page(e)->nvalid++;
			s->ntables++;
		}
		t = pte_child(*e);
	}
	return &t[mmu_index(va, 0)];
}

static bool is_private_writable(pte_t pte)
{
	return (pte & (PTE_W | PTE_PRIVATE)) == (PTE_W | PTE_PRIVATE);
}

static bool counts_as_resident(pte_t pte)
{
	return pte_pfn(pte) != page_pfn(zero_page);
}

void space_mark_stale(struct space *s)
{
	__atomic_fetch_add(&s->stale, 1, __ATOMIC_RELEASE);
}

void table_set(struct space *s, pte_t *pte, pte_t value)
{
	struct page *table = table_page(pte);
	pte_t old = *pte;

	dassert(spin_held(&s->table_lock) && (value & PTE_V));
	if (old & PTE_V) {
		dassert(pte_pfn(old) == pte_pfn(value));
		__atomic_fetch_or(pte, value, __ATOMIC_RELEASE); /* harts may be setting A and D */
	} else {
		table->nvalid++;
		s->nresident += counts_as_resident(value);
		__atomic_store_n(pte, value, __ATOMIC_RELEASE);
	}
	table->nwritable += is_private_writable(old | value) - is_private_writable(old);
}

/* Harts set A and D in entries by themselves, so every change of a valid one is an atomic exchange. */
void table_clear(struct space *s, pte_t *pte)
{
	struct page *table = table_page(pte);
	pte_t old = __atomic_exchange_n(pte, 0, __ATOMIC_ACQ_REL);

	dassert(spin_held(&s->table_lock) && (old & PTE_V));
	table->nvalid--;
	table->nwritable -= is_private_writable(old);
	s->nresident -= counts_as_resident(old);
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

/* The first page at or after vpn, at most `end`, whose 2 MiB have a leaf table. [t] */
static uint64_t next_leaf(struct space *s, uint64_t vpn, uint64_t end)
{
	const uint64_t gigabyte = MMU_FANOUT * MMU_FANOUT;
	pte_t *root = root_of(s);

	while (vpn < end) {
		pte_t e = root[mmu_index(vpn << PAGE_SHIFT, 2)], *mid;

		if (!(e & PTE_V)) {
			vpn = ALIGN_DOWN(vpn, gigabyte) + gigabyte;
			continue;
		}
		mid = pte_child(e);
		for (unsigned i = mmu_index(vpn << PAGE_SHIFT, 1); i < MMU_FANOUT;
		     i++, vpn = ALIGN_DOWN(vpn, MMU_FANOUT) + MMU_FANOUT)
			if (mid[i] & PTE_V)
				return MIN(vpn, end);
	}
	return end;
}

/* Calls fn for every valid entry of [first, end), with the lock held for one leaf table's work. */
static void each_entry(struct space *s, uint64_t first, uint64_t end,
		       void (*fn)(struct space *, pte_t *, uint64_t), uint64_t arg)
{
	for (uint64_t vpn = first; vpn < end;) {
		uint64_t stop;
		pte_t *pte;

		spin_lock(&s->table_lock);
		vpn = next_leaf(s, vpn, end);
		stop = MIN(end, ALIGN_DOWN(vpn, MMU_FANOUT) + MMU_FANOUT);
		pte = vpn < end ? table_find(s, vpn) : NULL;
		for (; pte && vpn < stop && table_page(pte)->nvalid; vpn++, pte++)
			if (*pte & PTE_V)
				fn(s, pte, arg);
		spin_unlock(&s->table_lock);
		vpn = stop;
	}
}

static void clear_entry(struct space *s, pte_t *pte, uint64_t arg __unused)
{
	if (*pte & PTE_A && counts_as_resident(*pte))
		page_set(pte_page(*pte), PG_REFERENCED);
	table_clear(s, pte);
}

void table_clear_range(struct space *s, uint64_t first, uint64_t end)
{
	each_entry(s, first, end, clear_entry, 0);
}

static void restrict_entry(struct space *s, pte_t *pte, uint64_t keep_bits)
{
	pte_t taken = *pte & (PTE_R | PTE_W | PTE_X) & ~keep_bits;

	if (!(*pte & (PTE_R | PTE_X) & keep_bits))
		clear_entry(s, pte, 0); /* an entry with neither R nor X would be a pointer to a table */
	else if (taken)
		take_bits(s, pte, taken | (taken & PTE_W ? PTE_D : 0));
}

void table_protect_range(struct space *s, uint64_t first, uint64_t end, uint64_t keep_bits)
{
	each_entry(s, first, end, restrict_entry, keep_bits);
}

/* What the harts noted in a table that goes is kept for the clock. */
static void carry_references(const pte_t *leaf)
{
	for (unsigned i = 0; i < MMU_FANOUT; i++)
		if ((leaf[i] & (PTE_V | PTE_A)) == (PTE_V | PTE_A) && counts_as_resident(leaf[i]))
			page_set(pte_page(leaf[i]), PG_REFERENCED);
}

static uint64_t count_resident(const pte_t *leaf)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < MMU_FANOUT; i++)
		n += (leaf[i] & PTE_V) && counts_as_resident(leaf[i]);
	return n;
}

static void unhook(struct space *s, pte_t *entry, struct list *freed)
{
	struct page *t = pte_page(*entry);

	if (reclaim_active())
		carry_references(pte_child(*entry));
	s->nresident -= count_resident(pte_child(*entry));
	*entry = 0;
	table_page(entry)->nvalid--;
	s->ntables--;
	list_append(freed, &t->link);
	space_mark_stale(s);
}

static void unwrite_leaf(struct space *s, pte_t *entry, struct list *freed)
{
	struct page *t = pte_page(*entry);
	pte_t *leaf = pte_child(*entry);

	if (t->nwritable > UNHOOK_WRITABLE) {
		unhook(s, entry, freed);
		EVENT(tables_unhooked);
		return;
	}
	for (unsigned i = 0; i < MMU_FANOUT && t->nwritable; i++)
		if (is_private_writable(leaf[i]))
			table_take_write(s, &leaf[i]);
}

void table_unwrite_private(struct space *s, struct list *freed)
{
	pte_t *root = root_of(s);

	spin_lock(&s->table_lock);
	for (unsigned i = 0; i < MMU_ROOT_USER; i++) {
		pte_t *mid = root[i] & PTE_V ? pte_child(root[i]) : NULL;
		unsigned left = mid ? pte_page(root[i])->nvalid : 0; /* entries not yet come upon */

		for (unsigned j = 0; left; j++) {
			if (!(mid[j] & PTE_V))
				continue;
			left--;
			if (pte_page(mid[j])->nwritable)
				unwrite_leaf(s, &mid[j], freed);
		}
	}
	spin_unlock(&s->table_lock);
}

void table_free_list(struct list *freed)
{
	struct list *l;

	while ((l = list_pop(freed)))
		table_free(list_entry(l, struct page, link));
}

/* Has a hart used the table since the clock's hand took the A bits of its pages? Those of the zero page, which lies in no home, are
 * taken here. [t] */
static bool leaf_used(struct space *s, pte_t *leaf)
{
	unsigned left = table_page(leaf)->nvalid;
	bool used = false;

	for (unsigned i = 0; left && i < MMU_FANOUT; i++) {
		if (!(leaf[i] & PTE_V))
			continue;
		left--;
		if (!(leaf[i] & PTE_A))
			continue;
		used = true;
		if (!counts_as_resident(leaf[i]))
			take_bits(s, &leaf[i], PTE_A);
	}
	return used;
}

unsigned table_sweep(struct space *s)
{
	const uint64_t end = USER_TOP >> PAGE_SHIFT;
	struct list freed = LIST_INIT(freed);
	unsigned n = 0;

	for (uint64_t vpn = 0; vpn < end; vpn = ALIGN_DOWN(vpn, MMU_FANOUT) + MMU_FANOUT) {
		spin_lock(&s->table_lock);
		vpn = next_leaf(s, vpn, end);
		if (vpn < end) {
			pte_t *leaf = table_find(s, ALIGN_DOWN(vpn, MMU_FANOUT));

			if (!leaf_used(s, leaf)) {
				unhook(s, table_entry(s, vpn), &freed);
				n++;
			}
		}
		spin_unlock(&s->table_lock);
	}
	if (n || s->stale != s->clean)
		space_shoot(s);
	table_free_list(&freed);
	EVENTS(tables_swept, n);
	return n;
}

void table_destroy(struct space *s)
{
	pte_t *root = root_of(s);

	assert(s->harts == 0);
	for (unsigned i = 0; i < MMU_ROOT_USER; i++) {
		pte_t *mid = root[i] & PTE_V ? pte_child(root[i]) : NULL;
		unsigned left = mid ? pte_page(root[i])->nvalid : 0;

		for (unsigned j = 0; left; j++) {
			if (!(mid[j] & PTE_V))
				continue;
			left--;
			table_free(pte_page(mid[j]));
		}
		if (mid)
			table_free(pte_page(root[i]));
	}
	table_free(pfn_page(s->root));
	s->root = 0;
}
