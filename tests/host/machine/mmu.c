/* SPDX-License-Identifier: ISC */
/*
 * The memory system of the simulated machine: frames, an Sv39 walker, a TLB a hart that keeps what it has, stale or not, until it is
 * fenced, and an instruction fetch that sees what it has seen before until fence.i.
 */
#include "arch/cpu.h"
#include "arch/user.h"
#include "lib/string.h"
#include "machine.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

#ifndef MACHINE_GUARD
#define MACHINE_GUARD 0 /* bytes behind each frame that nothing may touch: whole pages */
#endif
#define TLB_SIZE    1024
#define ICACHE_SIZE 256

static struct tlb {
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

int machine_signal;
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

/* Others may see, and change, half of what is copied. */
void clear_page(void *page)
{
	memset(page, 0, PAGE_SIZE / 2);
	machine_point();
	memset((char *)page + PAGE_SIZE / 2, 0, PAGE_SIZE / 2);
}

void copy_page(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE / 2);
	machine_point();
	memcpy((char *)dst + PAGE_SIZE / 2, (const char *)src + PAGE_SIZE / 2, PAGE_SIZE / 2);
}

/* ---- fences ---- */

void mmu_init_root(pte_t *root __unused)
{
}

void mmu_fence_local(void)
{
	tlbs[this_hart()->index].generation++;
}

void mmu_fence_page(uint64_t va)
{
	uint64_t vpn = va >> PAGE_SHIFT;
	struct tlb *t;

	machine_point();
	t = &tlbs[this_hart()->index];
	if (t->entry[vpn % TLB_SIZE].vpn == vpn)
		t->entry[vpn % TLB_SIZE].generation = 0;
}

/* One hart after the other, as the firmware's messages arrive. */
unsigned mmu_fence_harts(uint64_t mask)
{
	for (unsigned i = 0; i < nharts; i++) {
		machine_point();
		if (mask >> i & 1)
			tlbs[i].generation++;
	}
	return 0;
}

void mmu_fence_i_all(void)
{
	for (unsigned i = 0; i < nharts; i++) {
		machine_point();
		icaches[i].generation++;
	}
}

void mmu_switch(pfn_t root)
{
	satp[this_hart()->index] = root;
	mmu_fence_local();
}

/* ---- translation ---- */

static pte_t *walk(pfn_t root, uint64_t va)
{
	pte_t *t = at(root << PAGE_SHIFT);

	for (unsigned level = MMU_LEVELS - 1; level > 0; level--) {
		pte_t e = t[mmu_index(va, level)];

		if (!(e & PTE_V))
			return NULL;
		t = at(pte_pfn(e) << PAGE_SHIFT);
	}
	return &t[mmu_index(va, 0)];
}

/*
 * What the kernel owes to whoever uses a translation, however old: the table names no other frame in its place, and a store makes a page dirty
 * that is dirty already, so that it is not lost.
 */
static void check_use(uint64_t va, pte_t believed, bool store)
{
	const pte_t *pte = walk(satp[this_hart()->index], va);

	assert(!pte || !(*pte & PTE_V) || pte_pfn(*pte) == pte_pfn(believed));
	assert(!store || pfn_page(pte_pfn(believed))->flags & PG_DIRTY);
}

void tlb_check_unreached(pfn_t pfn)
{
	uint8_t *named = &named_by[pfn - (ram_base >> PAGE_SHIFT)];

	for (unsigned h = 0; *named; h++, *named >>= 1)
		for (unsigned i = 0; *named & 1 && i < TLB_SIZE; i++)
			assert(tlbs[h].entry[i].generation != tlbs[h].generation ||
			       pte_pfn(tlbs[h].entry[i].pte) != pfn);
}

/* The place in simulated RAM, or NULL: a fault. What the TLB holds is believed; now and then it happens to have lost it. */
static void *translate(uint64_t va, pte_t need)
{
	struct tlb *t = &tlbs[this_hart()->index];
	uint64_t vpn = va >> PAGE_SHIFT;
	unsigned i = vpn % TLB_SIZE;

	need |= PTE_V | PTE_U;
	if (t->entry[i].generation != t->generation || t->entry[i].vpn != vpn ||
	    (t->entry[i].pte & need) != need || sched_random() % 64 == 0) {
		pte_t *pte = walk(satp[this_hart()->index], va);

		if (!pte || (*pte & need) != need)
			return NULL;
		*pte |= PTE_A | (need & PTE_W ? PTE_D : 0);
		t->entry[i].generation = t->generation;
		t->entry[i].vpn = vpn;
		t->entry[i].pte = *pte;
		named_by[pte_pfn(*pte) - (ram_base >> PAGE_SHIFT)] |= 1u << this_hart()->index;
	}
	check_use(va, t->entry[i].pte, need & PTE_W);
	return (char *)at(pte_pfn(t->entry[i].pte) << PAGE_SHIFT) + (va & PAGE_MASK);
}

static pte_t bits_of(unsigned access)
{
	return access == ACCESS_WRITE ? PTE_R | PTE_W : access == ACCESS_EXEC ? PTE_X : PTE_R;
}

static void *reach(uint64_t va, unsigned access)
{
	struct vm_fault_info info;
	void *p;

	machine_point();
	while (!(p = translate(va, bits_of(access))))
		if (vm_fault(machine_space(), va, access, &info)) {
			machine_signal = info.sig;
			return NULL;
		}
	return p;
}

bool machine_load(uint64_t va, uint64_t *value)
{
	uint64_t *p = reach(va, ACCESS_READ);

	if (p)
		*value = *p;
	return p;
}

bool machine_store(uint64_t va, uint64_t value)
{
	uint64_t *p = reach(va, ACCESS_WRITE);

	if (p)
		*p = value;
	return p;
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
		c->entry[i].value = *p;
	}
	*value = c->entry[i].value;
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

		machine_point();
		p = va >= USER_TOP ? NULL : fault ? reach(va, access) : translate(va, bits_of(access));
		if (!p)
			break;
		memcpy(out ? p : buf, out ? buf : p, k);
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
	for (uint64_t va = page_round_down(uaddr); va < uaddr + n; va += PAGE_SIZE)
		if (!reach(MAX(va, uaddr), write ? ACCESS_WRITE : ACCESS_READ))
			return -14;
	return 0;
}
