/* SPDX-License-Identifier: ISC */
/*
 * Damage on request, in debug builds: the audit is audited.
 *
 * One word of the vm's state is changed just before each audit looks, with everything else standing still, and put back right after. So
 * nothing else ever sees the damage, and a test can go through all kinds of it on a running system. The audit must name what was done.
 */
#ifdef QUIRE_DEBUG
#include "lib/string.h"
#include "vm/audit/audit.h"

/* What was changed, to be put back. */
static struct {
	void *at;
	uint64_t old;
	unsigned nbytes;
} done;

static void change(void *at, unsigned nbytes, uint64_t value)
{
	done.at = at;
	done.nbytes = nbytes;
	done.old = 0;
	memcpy(&done.old, at, nbytes);
	memcpy(at, &value, nbytes);
}

#define CHANGE(lvalue, value) change(&(lvalue), sizeof(lvalue), (uint64_t)(value))

/* ---- victims: the first of their kind, so that what is named is easily found ---- */

static struct page *find_page(enum home_kind kind, uint32_t flags, uint32_t value)
{
	for (pfn_t f = frame_first; f < frame_end; f++) {
		struct page *p = pfn_page(f);

		if (p->home && p->home->kind == kind && (p->flags & (PG_BUSY | flags)) == value)
			return p;
	}
	return NULL;
}

static bool is_private(pte_t pte)
{
	return pte & PTE_PRIVATE && pte_pfn(pte) != zero_pfn;
}

static bool is_writable(pte_t pte)
{
	return pte & PTE_W;
}

static bool is_clean(pte_t pte)
{
	return !(pte & PTE_W) && !page_has(pfn_page(pte_pfn(pte)), PG_DIRTY | PG_BUSY);
}

/* As a hart walks: not below what fork suspended, where W says nothing. */
static pte_t *walk(struct space *s, uint64_t vpn)
{
	uint64_t va = vpn << PAGE_SHIFT;
	pte_t *t = phys_to_virt(s->root << PAGE_SHIFT);

	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t e = t[mmu_index(va, level)];

		if (!(e & PTE_V))
			return NULL;
		t = phys_to_virt(pte_pfn(e) << PAGE_SHIFT);
	}
	return &t[mmu_index(va, 0)];
}

/* The first entry of any settled space's leaf tables that fits. */
static pte_t *find_pte(bool (*fits)(pte_t), struct space **space)
{
	struct space *s;

	list_for_each(s, &space_list, link) {
		if (rwlock_busy(&s->lock))
			continue;
		for (struct mapping *m = mapping_first(s); m; m = mapping_next(m))
			for (uint64_t vpn = m->start; vpn < m->end; vpn++) {
				pte_t *pte = walk(s, vpn);

				if (!pte)
					vpn = ALIGN_DOWN(vpn, (uint64_t)MMU_FANOUT) + MMU_FANOUT - 1;
				else if (*pte & PTE_V && fits(*pte)) {
					*space = s;
					return pte;
				}
			}
	}
	return NULL;
}

static struct object *find_object(void)
{
	struct object *o;

	list_for_each(o, &object_list, link)
		if (o->npages)
			return o;
	return NULL;
}

static struct node *find_node(void)
{
	struct family *f;
	struct overlay *ov;

	list_for_each(f, &family_list, link)
		list_for_each(ov, &f->members, link)
			for (unsigned i = 0; i < OVERLAY_TOP; i++)
				if (ov->top[i])
					return (struct node *)ov->top[i];
	return NULL;
}

static struct space *first_space(void)
{
	return list_empty(&space_list) ? NULL : list_first(&space_list, struct space, link);
}

/* ---- the kinds of damage ---- */

static void damage_sharers(void)
{
	struct page *p = find_page(HOME_FAMILY, 0, 0);

	if (p)
		CHANGE(p->sharers, p->sharers + 1);
}

static void damage_index(void)
{
	struct page *p = find_page(HOME_FAMILY, 0, 0);

	if (p)
		CHANGE(p->index, p->index ^ 1);
}

static void damage_home(void)
{
	struct page *p = find_page(HOME_OBJECT, PG_WRITING, 0);

	if (p)
		CHANGE(p->home, 0);
}

/* A PTE that names another frame than it should: the page behind it in memory. */
static void damage_pte(void)
{
	struct space *s;
	pte_t *pte = find_pte(is_private, &s);

	if (pte)
		CHANGE(*pte, pte_leaf(pte_pfn(*pte) ^ 1, *pte & 0x3ff));
}

static void damage_write(void)
{
	struct space *s;
	pte_t *pte = find_pte(is_clean, &s);

	if (pte)
		CHANGE(*pte, *pte | PTE_W);
}

static void damage_dirty(void)
{
	struct space *s;
	pte_t *pte = find_pte(is_writable, &s);
	struct page *p = pte ? pfn_page(pte_pfn(*pte)) : NULL;

	if (p)
		CHANGE(p->flags, p->flags & ~PG_DIRTY);
}

static void damage_entries(void)
{
	struct space *s;
	pte_t *pte = find_pte(is_private, &s);
	struct page *table = pte ? pfn_page(virt_to_phys(pte) >> PAGE_SHIFT) : NULL;

	if (table)
		CHANGE(table->nvalid, table->nvalid - 1);
}

static void damage_resident(void)
{
	struct space *s = first_space();

	if (s)
		CHANGE(s->nresident, s->nresident + 1);
}

/* One less is wrong also while pages are on their way to swap. */
static void damage_swap(void)
{
	uint16_t *count = NULL;

	for (unsigned i = 0; i < SWAP_AREAS; i++)
		for (uint32_t slot = 1; swap_areas[i].on && slot <= swap_areas[i].last; slot++)
			if (swap_areas[i].counts[slot] != UINT16_MAX &&
			    (!count || swap_areas[i].counts[slot] > *count))
				count = &swap_areas[i].counts[slot];
	if (count)
		CHANGE(*count, *count ? *count - 1 : 1);
}

static void damage_node(void)
{
	struct node *n = find_node();

	if (n)
		CHANGE(n->refs, n->refs + 1);
}

static void damage_used(void)
{
	struct node *n = find_node();

	if (n)
		CHANGE(n->used, n->used + 1);
}

static void damage_slots(void)
{
	struct space *s = first_space();

	if (s)
		CHANGE(s->overlay.nslots, s->overlay.nslots - 1);
}

static void damage_pages(void)
{
	struct object *o = find_object();

	if (o)
		CHANGE(o->npages, o->npages - 1);
}

static void damage_limit(void)
{
	struct object *o = find_object();

	if (o)
		CHANGE(o->limit, 0);
}

static void damage_mapping(void)
{
	struct space *s = first_space();
	struct mapping *m = s ? mapping_first(s) : NULL;

	if (m)
		CHANGE(m->end, m->end + 1);
}

static void damage_counter(void)
{
	CHANGE(vm_page_counts[PAGES_ANON], vm_page_counts[PAGES_ANON] + 1);
}

static void damage_zero(void)
{
	CHANGE(*(uint64_t *)page_data(zero_page), 1);
}

static void note_first(void *arg, struct page *p)
{
	struct page **first = arg;

	*first = p;
}

static void damage_free(void)
{
	struct page *p = NULL;

	page_each_free(note_first, &p);
	if (p)
		CHANGE(p->holds, 1);
}

static const struct damage {
	const char *name;
	void (*fn)(void);
} kinds[] = {
	{ "sharers", damage_sharers }, { "index", damage_index },	{ "home", damage_home },
	{ "pte", damage_pte },	       { "write", damage_write },	{ "dirty", damage_dirty },
	{ "entries", damage_entries }, { "resident", damage_resident }, { "swap", damage_swap },
	{ "node", damage_node },       { "used", damage_used },		{ "slots", damage_slots },
	{ "pages", damage_pages },     { "limit", damage_limit },	{ "mapping", damage_mapping },
	{ "counter", damage_counter }, { "zero", damage_zero },		{ "free", damage_free },
};

static const struct damage *wanted;

int vm_audit_damage(const char *what)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, what)) {
			wanted = &kinds[i];
			return 0;
		}
	wanted = NULL;
	return strcmp(what, "none") ? -EINVAL : 0;
}

void damage_do(struct audit *a)
{
	if (!wanted)
		return;
	wanted->fn();
	if (!done.at)
		audit_breach(a, "nothing there to be damaged: %s", wanted->name);
}

void damage_undo(void)
{
	if (done.at)
		memcpy(done.at, &done.old, done.nbytes);
	done.at = NULL;
}
#endif
