/* SPDX-License-Identifier: ISC */
/*
 * The memory system of the simulated machine: frames, an Sv39 walker, a TLB a hart that keeps what it has, stale or not, until it is
 * fenced, and an instruction fetch that sees what it has seen before until fence.i.
 *
 * A hart's TLB is locked while an access goes through it, so a remote fence waits for the end of that. Where harts are threads of the host, this is
 * what the thread sanitizer knows about the order of a program's accesses and the kernel's; those accesses themselves, and the copies that
 * devices and the kernel make of bytes that a program may be changing, are words one after the other, each atomic.
 */
#include "arch/cpu.h"
#include "arch/user.h"
#include "lib/string.h"
#include "machine.h"
#include "vm/mapping.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#ifndef MACHINE_GUARD
#define MACHINE_GUARD 0 /* bytes behind each frame that nothing may touch: whole pages */
#endif
#define TLB_SIZE    1024
#define ICACHE_SIZE 256

static struct tlb {
	uint32_t lock; /* also of the hart's icache and satp */
	uint64_t generation;
	struct {
		uint64_t generation, vpn;
		pte_t pte;
	} entry[TLB_SIZE];
} tlbs[MAX_HARTS];

/* Of each frame: the harts whose TLB has named it since it was last free. */
static uint8_t *named_by;

static struct icache {
	uint64_t generation;
	struct {
		uint64_t generation, phys, value;
	} entry[ICACHE_SIZE];
} icaches[MAX_HARTS];

_Thread_local int machine_signal;
static pfn_t satp[MAX_HARTS];
static char *ram;
static uint64_t ram_base, ram_bytes,
	nguarded; /* frames: all but those of the table of frames, which is one array */

/* ---- RAM ---- */

void ram_start(uint64_t base, uint64_t nbytes)
{
	uint64_t nframes = nbytes >> PAGE_SHIFT;

	ram_base = base;
	ram_bytes = nbytes;
	nguarded = nframes - DIV_ROUND_UP(nframes * sizeof(struct page), PAGE_SIZE);
	ram = aligned_alloc(PAGE_SIZE, nbytes + nguarded * MACHINE_GUARD);
	memset(ram, 0x5a, nbytes + nguarded * MACHINE_GUARD);
	for (uint64_t i = 0; MACHINE_GUARD && i < nguarded; i++)
		ASAN_POISON_MEMORY_REGION(ram + i * (PAGE_SIZE + MACHINE_GUARD) + PAGE_SIZE, MACHINE_GUARD);
	named_by = calloc(nframes, 1);
	for (unsigned i = 0; i < MAX_HARTS; i++)
		tlbs[i].generation = icaches[i].generation = 1;
}

static void *at(uint64_t phys)
{
	assert(phys >= ram_base && phys < ram_base + ram_bytes);
	phys -= ram_base;
	return ram + phys + MIN(phys >> PAGE_SHIFT, nguarded) * MACHINE_GUARD;
}

/* Whoever looks at a frame or a table might be overtaken just before. */
void *phys_to_virt(uint64_t phys)
{
	machine_point();
	return at(phys);
}

uint64_t virt_to_phys(const void *virt)
{
	uint64_t off = (const char *)virt - ram;

	assert((const char *)virt >= ram && off < ram_bytes + nguarded * MACHINE_GUARD);
	return ram_base + off - MIN(off / (PAGE_SIZE + MACHINE_GUARD), nguarded) * MACHINE_GUARD;
}

/* The hart is slow now, at times very slow. */
static void linger(void)
{
	unsigned n = sched_random() % 16 ? 3 : 200;

	while (n-- > 0)
		machine_point();
}

/* Others may see, and change, half of what is copied. */
void clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE / 2);
	linger();
	memset((char *)page + PAGE_SIZE / 2, 0, PAGE_SIZE / 2);
}

/* ---- the contents of pages: byte for byte or, where that is the same, word for word, each atomic ---- */

static bool aligned(const void *p, size_t n)
{
	return !((uintptr_t)p & 7) && n >= 8;
}

static void copy_word(void *dst, const void *src)
{
	store_relaxed((uint64_t *)dst, load_relaxed((const uint64_t *)src));
}

void contents_copy(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	while (n > 0) {
		size_t k = aligned(d, n) && aligned(s, n) ? 8 : 1;

		if (k == 8)
			copy_word(d, s);
		else
			store_relaxed(d, load_relaxed(s));
		d += k;
		s += k;
		n -= k;
	}
}

void contents_clear(void *dst, size_t n)
{
	static const uint64_t zero;
	char *d = dst;

	for (size_t k; n > 0; d += k, n -= k) {
		k = aligned(d, n) ? 8 : 1;
		contents_copy(d, &zero, k);
	}
}

bool contents_are_zeros(const void *p, size_t n)
{
	const char *b = p;

	while (n > 0)
		if (load_relaxed(&b[--n]))
			return false;
	return true;
}

void copy_page(void *dst, const void *src)
{
	contents_copy(dst, src, PAGE_SIZE / 2);
	linger();
	contents_copy((char *)dst + PAGE_SIZE / 2, (const char *)src + PAGE_SIZE / 2, PAGE_SIZE / 2);
}

/* ---- fences ---- */

static struct tlb *own_tlb(void)
{
	struct tlb *t = &tlbs[this_hart()->index];

	machine_lock(&t->lock);
	return t;
}

void mmu_init_root(pte_t *root __unused)
{
}

void mmu_fence_local(void)
{
	struct tlb *t = own_tlb();

	store_relaxed(&t->generation, t->generation + 1);
	machine_unlock(&t->lock);
}

void mmu_fence_page(uint64_t va)
{
	uint64_t vpn = va >> PAGE_SHIFT;
	struct tlb *t;

	machine_point();
	t = own_tlb();
	if (t->entry[vpn % TLB_SIZE].vpn == vpn)
		store_relaxed(&t->entry[vpn % TLB_SIZE].generation, 0);
	machine_unlock(&t->lock);
}

/* One hart after the other, as the firmware's messages arrive. */
unsigned mmu_fence_harts(uint64_t mask)
{
	for (unsigned i = 0; i < nharts; i++) {
		machine_point();
		if (!(mask >> i & 1))
			continue;
		machine_lock(&tlbs[i].lock);
		store_relaxed(&tlbs[i].generation, tlbs[i].generation + 1);
		machine_unlock(&tlbs[i].lock);
	}
	return 0;
}

void mmu_fence_i_all(void)
{
	for (unsigned i = 0; i < nharts; i++) {
		machine_point();
		machine_lock(&tlbs[i].lock);
		icaches[i].generation++;
		machine_unlock(&tlbs[i].lock);
	}
}

void mmu_switch(pfn_t root)
{
	struct tlb *t = own_tlb();

	satp[this_hart()->index] = root;
	store_relaxed(&t->generation, t->generation + 1);
	machine_unlock(&t->lock);
}

/* ---- translation ---- */

static pte_t *walk(pfn_t root, uint64_t va)
{
	pte_t *t = at(root << PAGE_SHIFT);

	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t e = __atomic_load_n(&t[mmu_index(va, level)], __ATOMIC_ACQUIRE);

		if (!(e & PTE_V))
			return NULL;
		t = at(pte_pfn(e) << PAGE_SHIFT);
	}
	return &t[mmu_index(va, 0)];
}

/* A leaf that allows it, with A (and D) set as harts do: only if it is still what was looked at. 0: a fault. */
static pte_t look_up(uint64_t va, pte_t need)
{
	pte_t *pte = walk(satp[this_hart()->index], va), old, noted;

	if (!pte)
		return 0;
	old = __atomic_load_n(pte, __ATOMIC_ACQUIRE);
	do {
		if ((old & need) != need)
			return 0;
		noted = old | PTE_A | (need & PTE_W ? PTE_D : 0);
	} while (noted != old &&
		 !__atomic_compare_exchange_n(pte, &old, noted, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return noted;
}

/*
 * What the kernel owes to whoever uses a translation, however old: the table names no other frame in its place, and a store makes a page dirty
 * that is dirty already, so that it is not lost.
 */
static void check_use(uint64_t va, pte_t believed, bool store)
{
	const pte_t *place = walk(satp[this_hart()->index], va);
	pte_t pte = place ? pte_read(place) : 0;

	assert(!(pte & PTE_V) || pte_pfn(pte) == pte_pfn(believed));
	assert(!store || page_has(pfn_page(pte_pfn(believed)), PG_DIRTY));
}

/* Without the locks of the TLBs, which would order this thread behind what the harts did: who fills an entry writes its generation last. */
void tlb_check_unreached(pfn_t pfn)
{
	unsigned named = __atomic_exchange_n(&named_by[pfn - (ram_base >> PAGE_SHIFT)], 0, __ATOMIC_RELAXED);

	for (unsigned h = 0; named; h++, named >>= 1)
		for (unsigned i = 0; named & 1 && i < TLB_SIZE; i++)
			assert(load_relaxed(&tlbs[h].entry[i].generation) !=
				       load_relaxed(&tlbs[h].generation) ||
			       pte_pfn(load_relaxed(&tlbs[h].entry[i].pte)) != pfn);
}

/* The place in simulated RAM, or NULL: a fault. What the TLB holds is believed; now and then it happens to have lost it. */
static void *translate(struct tlb *t, uint64_t va, pte_t need)
{
	uint64_t vpn = va >> PAGE_SHIFT;
	unsigned i = vpn % TLB_SIZE;

	need |= PTE_V | PTE_U;
	if (t->entry[i].generation != t->generation || t->entry[i].vpn != vpn ||
	    (t->entry[i].pte & need) != need || sched_random() % 64 == 0) {
		pte_t pte = look_up(va, need);

		if (!pte)
			return NULL;
		t->entry[i].vpn = vpn;
		store_relaxed(&t->entry[i].pte, pte);
		store_relaxed(&t->entry[i].generation, t->generation);
		__atomic_fetch_or(&named_by[pte_pfn(pte) - (ram_base >> PAGE_SHIFT)],
				  1u << this_hart()->index, __ATOMIC_RELAXED);
	}
	check_use(va, t->entry[i].pte, need & PTE_W);
	return (char *)at(pte_pfn(t->entry[i].pte) << PAGE_SHIFT) + (va & PAGE_MASK);
}

static pte_t bits_of(unsigned access)
{
	return access == ACCESS_WRITE ? PTE_R | PTE_W : access == ACCESS_EXEC ? PTE_X : PTE_R;
}

/* Without a fault. Unless NULL, the hart's TLB is locked until end_access. */
static void *try_reach(uint64_t va, unsigned access)
{
	struct tlb *t = own_tlb();
	void *p = translate(t, va, bits_of(access));

	if (!p)
		machine_unlock(&t->lock);
	return p;
}

static void end_access(void)
{
	machine_unlock(&tlbs[this_hart()->index].lock);
}

/* What a mapping expects of the next fault is a guess, and must do no harm if it is wrong. */
static void change_guess(struct space *s, uint64_t vpn)
{
	struct mapping *m;

	rwlock_read(&s->lock);
	m = mapping_find(s, vpn);
	if (m && !m->shared && !m->object && !(m->prot & PROT_EXEC) && sched_random() % 2)
		store_relaxed(&m->expect, sched_random() % 3);
	rwlock_read_unlock(&s->lock);
}

static void *reach(uint64_t va, unsigned access)
{
	struct vm_fault_info info;
	void *p;

	machine_point();
	while (!(p = try_reach(va, access))) {
		change_guess(machine_space(), va >> PAGE_SHIFT);
		if (vm_fault(machine_space(), va, access, &info)) {
			machine_signal = info.sig;
			return NULL;
		}
	}
	return p;
}

bool machine_load(uint64_t va, uint64_t *value)
{
	uint64_t *p = reach(va, ACCESS_READ);

	if (!p)
		return false;
	*value = __atomic_load_n(p, __ATOMIC_RELAXED);
	end_access();
	return true;
}

bool machine_store(uint64_t va, uint64_t value)
{
	uint64_t *p = reach(va, ACCESS_WRITE);

	if (!p)
		return false;
	__atomic_store_n(p, value, __ATOMIC_RELAXED);
	end_access();
	return true;
}

bool machine_fetch(uint64_t va, uint64_t *value)
{
	uint64_t *p = reach(va, ACCESS_EXEC), phys;
	struct icache *c = &icaches[this_hart()->index];
	unsigned i;

	if (!p)
		return false;
	phys = virt_to_phys(p);
	i = (phys >> PAGE_SHIFT) % ICACHE_SIZE;
	if (c->entry[i].generation != c->generation || c->entry[i].phys != phys) {
		c->entry[i].generation = c->generation;
		c->entry[i].phys = phys;
		c->entry[i].value = __atomic_load_n(p, __ATOMIC_RELAXED);
	}
	*value = c->entry[i].value;
	end_access();
	return true;
}

/* ---- the kernel's copies to and from programs ---- */

#define CHUNK 64 /* bytes that nobody sees half of */

static size_t copy(uint64_t va, void *buf, size_t n, bool out, bool fault)
{
	while (n > 0) {
		size_t k = MIN(MIN(n, (size_t)CHUNK), PAGE_SIZE - (va & PAGE_MASK));
		unsigned access = out ? ACCESS_WRITE : ACCESS_READ;
		char *p;

		linger();
		p = va >= USER_TOP ? NULL : fault ? reach(va, access) : try_reach(va, access);
		if (!p)
			break;
		contents_copy(out ? p : buf, out ? buf : p, k);
		end_access();
		va += k;
		buf = (char *)buf + k;
		n -= k;
	}
	return n;
}

size_t user_copy_in(void *dst, uint64_t usrc, size_t n)
{
	return copy(usrc, dst, n, false, true);
}

size_t user_copy_out(uint64_t udst, const void *src, size_t n)
{
	return copy(udst, (void *)src, n, true, true);
}

size_t user_copy_in_nofault(void *dst, uint64_t usrc, size_t n)
{
	return copy(usrc, dst, n, false, false);
}

size_t user_copy_out_nofault(uint64_t udst, const void *src, size_t n)
{
	return copy(udst, (void *)src, n, true, false);
}

int user_fault_in(uint64_t uaddr, size_t n, bool write)
{
	for (uint64_t va = page_round_down(uaddr); va < uaddr + n; va += PAGE_SIZE) {
		if (!reach(MAX(va, uaddr), write ? ACCESS_WRITE : ACCESS_READ))
			return -14;
		end_access();
	}
	return 0;
}
