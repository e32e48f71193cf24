/* SPDX-License-Identifier: ISC */
/*
 * The kernel's own page table and the fences. The upper half is made once, at boot: the direct map, the root
 * entry of kernel ranges, the image. Only entries below that of the kernel ranges change later (vm/frames/kmap.c
 * locks).
 */
#include "arch/mmu.h"
#include "arch/cpu.h"
#include "arch/csr.h"
#include "arch/sbi.h"
#include "lib/string.h"
#include "vm/vm.h"

#define KERNEL_BITS (PTE_R | PTE_A | PTE_D | PTE_G)

extern pte_t mmu_kernel_root[MMU_FANOUT]; /* entry.S */
extern char image_start[], image_text_end[], image_rodata_end[], image_end[];

pte_t *mmu_kmap_table;

/* Boot's frames: those behind the image that nothing else occupies. */
static struct {
	const struct mem_range *reserved;
	unsigned nreserved;
	uint64_t next;
} boot;

static uint64_t boot_frame(void)
{
	uint64_t frame = boot.next;

	for (unsigned i = 0; i < boot.nreserved; i++) {
		const struct mem_range *r = &boot.reserved[i];

		if (frame < r->end && frame + PAGE_SIZE > r->start) {
			frame = page_round_up(r->end);
			i = -1u; /* look at all of them again */
		}
	}
	boot.next = frame + PAGE_SIZE;
	clear_page(phys_to_virt(frame));
	return frame;
}

/* Maps with the largest pages that fit. */
static void map(pte_t *root, uint64_t va, uint64_t phys, uint64_t nbytes, uint64_t bits)
{
	while (nbytes > 0) {
		pte_t *table = root;
		unsigned level = MMU_LEVELS - 1;
		uint64_t size = 1ul << (PAGE_SHIFT + 9 * level);

		while (size > nbytes || (va | phys) & (size - 1)) {
			pte_t *pte = &table[mmu_index(va, level)];

			if (!(*pte & PTE_V))
				*pte = pte_table(boot_frame() >> PAGE_SHIFT);
			table = phys_to_virt(pte_pfn(*pte) << PAGE_SHIFT);
			size >>= 9;
			level--;
		}
		table[mmu_index(va, level)] = pte_leaf(phys >> PAGE_SHIFT, KERNEL_BITS | bits);
		va += size;
		phys += size;
		nbytes -= size;
	}
}

/* The part of [start, end) in the window [low, high), into the direct map. */
static void map_direct(pte_t *root, uint64_t start, uint64_t end, uint64_t low, uint64_t high, uint64_t bits)
{
	start = MAX(start, low);
	end = MIN(end, high);
	if (start < end)
		map(root, DIRECT_MAP + start, start, end - start, bits);
}

static void map_image(pte_t *root, const char *start, const char *end, uint64_t bits)
{
	map(root, (uint64_t)start, virt_to_phys(start), end - start, bits);
}

/*
 * The new root grows on the stack and then replaces the one in use, whose direct map serves in the meantime:
 * what both map they map to the same frames.
 */
uint64_t mmu_init(const struct mem_range *ram, unsigned nram, const struct mem_range *reserved,
		  unsigned nreserved)
{
	uint64_t text = virt_to_phys(image_start), data = virt_to_phys(image_rodata_end), kmap;
	pte_t root[MMU_FANOUT] = { 0 };

	boot.reserved = reserved;
	boot.nreserved = nreserved;
	boot.next = virt_to_phys(image_end);
	for (unsigned i = 0; i < nram; i++) {
		uint64_t start = page_round_up(ram[i].start), end = page_round_down(ram[i].end);

		map_direct(root, start, end, 0, text, PTE_W);
		map_direct(root, start, end, text, data, 0);
		map_direct(root, start, end, data, UINT64_MAX, PTE_W);
	}
	map_image(root, image_start, image_text_end, PTE_X);
	map_image(root, image_text_end, image_rodata_end, 0);
	map_image(root, image_rodata_end, image_end, PTE_W);
	kmap = boot_frame();
	mmu_kmap_table = phys_to_virt(kmap);
	root[mmu_index(KMAP_BASE, 2)] = pte_table(kmap >> PAGE_SHIFT);
	memcpy(mmu_kernel_root, root, sizeof(root));
	mmu_fence_local();
	return boot.next;
}

void mmu_init_root(pte_t *root)
{
	memcpy(root + MMU_ROOT_USER, mmu_kernel_root + MMU_ROOT_USER, PAGE_SIZE / 2);
}

/* ---- the kernel's ranges ---- */

uint64_t mmu_kmap_generation;

pte_t *mmu_kmap_entry(uint64_t va)
{
	pte_t upper = __atomic_load_n(&mmu_kmap_table[mmu_index(va, 1)], __ATOMIC_ACQUIRE);

	return upper & PTE_V ? (pte_t *)phys_to_virt(pte_pfn(upper) << PAGE_SHIFT) + mmu_index(va, 0) : NULL;
}

#ifdef QUIRE_DEBUG
/* Hidden is what is neither 0 nor valid; with PTE_SOFT until a fault. */
void mmu_kmap_hide(pte_t *pte, bool lasting)
{
	if (*pte)
		*pte = (*pte & ~(PTE_V | PTE_SOFT)) | (lasting ? PTE_SOFT : 0);
}

static void reveal(pte_t *pte, bool lasting)
{
	pte_t e = pte_read(pte);

	while (e && !(e & PTE_V) && (lasting || !(e & PTE_SOFT)) &&
	       !__atomic_compare_exchange_n(pte, &e, e | PTE_V, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void reveal_all(void)
{
	for (uint64_t at = 0; at < KMAP_SIZE; at += PAGE_SIZE * MMU_FANOUT) {
		pte_t *table = mmu_kmap_entry(KMAP_BASE + at);

		for (unsigned i = 0; table && i < MMU_FANOUT; i++)
			reveal(&table[i], false);
	}
}
#else
static void reveal(pte_t *pte __unused, bool lasting __unused)
{
}

static void reveal_all(void)
{
}
#endif

void mmu_kmap_made(void)
{
	__atomic_fetch_add(&mmu_kmap_generation, 1, __ATOMIC_RELEASE);
}

void mmu_kmap_catch_up(struct hart *h)
{
	h->kmap_seen = __atomic_load_n(&mmu_kmap_generation, __ATOMIC_ACQUIRE);
	reveal_all();
	mmu_fence_local();
}

bool mmu_kmap_fault(uint64_t va)
{
	pte_t *pte = va - KMAP_BASE < KMAP_SIZE ? mmu_kmap_entry(va) : NULL;

	if (pte)
		reveal(pte, true);
	if (!pte || !(pte_read(pte) & PTE_V))
		return false;
	EVENT(kernel_refaults);
	mmu_fence_local();
	return true;
}

/* ---- switching and fences ---- */

void mmu_switch(pfn_t root)
{
	if (root == 0)
		root = virt_to_phys(mmu_kernel_root) >> PAGE_SHIFT;
	csr_write(satp, SATP_SV39 | root);
	__asm__ volatile("sfence.vma" ::: "memory");
}

void mmu_fence_page(uint64_t va)
{
	__asm__ volatile("sfence.vma %0" ::"r"(va) : "memory");
}

void mmu_fence_local(void)
{
	__asm__ volatile("sfence.vma" ::: "memory");
}

/* The SBI's mask has hart ids, ours has indices. Returns how many. */
static unsigned hartids(uint64_t mask, uint64_t *ids)
{
	unsigned n = 0;

	*ids = 0;
	for (; mask; mask &= mask - 1, n++)
		*ids |= 1ul << harts[__builtin_ctzl(mask)].hartid;
	return n;
}

unsigned mmu_fence_harts(uint64_t mask)
{
	uint64_t self, ids;
	unsigned others = 0;

	intr_push();
	self = 1ul << this_hart()->index;
	if (mask & self)
		mmu_fence_local();
	if (mask & ~self) {
		others = hartids(mask & ~self, &ids);
		sbi_remote_sfence(ids);
	}
	intr_pop();
	return others;
}

void mmu_fence_i_all(void)
{
	uint64_t others, ids;

	intr_push();
	others = ((1ul << nharts) - 1) & ~(1ul << this_hart()->index);
	__asm__ volatile("fence.i" ::: "memory");
	if (others) {
		hartids(others, &ids);
		sbi_remote_fence_i(ids);
	}
	intr_pop();
}
