/* SPDX-License-Identifier: ISC */
/*
 * The page-table format (Sv39, RISC-V privileged specification 4.4) and translation fences. Pure helpers are
 * inline; nothing here knows spaces, objects or locks. User addresses are 0 .. USER_TOP; the upper 256 root
 * entries are the kernel's and the same in every root table for ever.
 */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "lib/base.h"

typedef uint64_t pte_t;
typedef uint64_t pfn_t; /* physical frame number: physical address >> 12 */

#define PTE_V	 (1ul << 0)
#define PTE_R	 (1ul << 1)
#define PTE_W	 (1ul << 2)
#define PTE_X	 (1ul << 3)
#define PTE_U	 (1ul << 4)
#define PTE_G	 (1ul << 5)
#define PTE_A	 (1ul << 6)
#define PTE_D	 (1ul << 7)
#define PTE_SOFT (1ul << 8) /* free for software */

#define MMU_LEVELS    3 /* level 2 is the root, level 0 holds 4 KiB leaves */
#define MMU_BITS      9
#define MMU_FANOUT    512
#define MMU_ROOT_USER 256 /* root entries below the kernel's */
#define USER_TOP      (1ul << 38)

static inline pte_t pte_leaf(pfn_t pfn, uint64_t bits)
{
	return pfn << 10 | bits | PTE_V;
}

static inline pte_t pte_table(pfn_t pfn)
{
	return pfn << 10 | PTE_V;
}

static inline pfn_t pte_pfn(pte_t pte)
{
	return pte << 10 >> 20;
}

/* A leaf entry, in which harts may set A and D at any time. */
static inline pte_t pte_read(const pte_t *pte)
{
	return load_relaxed(pte);
}

static inline unsigned mmu_index(uint64_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * level) & (MMU_FANOUT - 1);
}

/* All of RAM lies at this constant distance in the kernel's half (host: simulated frames). */
#define DIRECT_MAP 0xffffffc000000000ul
#define KERNEL_OFFSET \
	0xffffffff00000000ul /* the kernel's image: virtual minus physical address, see kernel.ld */
#if defined(__riscv) && !defined(QUIRE_HOST)
static inline void *phys_to_virt(uint64_t phys)
{
	return (void *)(DIRECT_MAP + phys);
}

static inline uint64_t direct_to_phys(const void *virt) /* direct map */
{
	return (uint64_t)virt - DIRECT_MAP;
}

static inline uint64_t virt_to_phys(const void *virt) /* direct map or kernel image */
{
	uint64_t va = (uint64_t)virt;

	return va >= KERNEL_OFFSET ? va - KERNEL_OFFSET : va - DIRECT_MAP;
}
#else
void *phys_to_virt(uint64_t phys);
uint64_t virt_to_phys(const void *virt);
#define direct_to_phys virt_to_phys
#endif

/* The kernel's virtual ranges (vm/frames/kmap.c) lie in one root entry, whose level 1 table exists from boot on. */
#define KMAP_BASE 0xfffffff000000000ul
#define KMAP_SIZE (1ul << 30)
extern pte_t *mmu_kmap_table;
/* The entry of a page there; NULL while there is no level 0 table for it. */
pte_t *mmu_kmap_entry(uint64_t va);

/*
 * A hart may remember that an entry was invalid. So who made entries there valid says so by mmu_kmap_made, and fences
 * nobody: a hart that meets such an entry faults, and mmu_kmap_fault tells whether the page is mapped, and fences this
 * hart, then the access is made again (any context, any locks held). What a trap itself needs, the stack, must not fault:
 * before a hart uses another thread's stack it calls mmu_kmap_catch_up, if its `kmap_seen` is not mmu_kmap_generation.
 */
struct hart;
extern uint64_t mmu_kmap_generation;
void mmu_kmap_made(void);
void mmu_kmap_catch_up(struct hart *h); /* h: this one. Interrupts off */
bool mmu_kmap_fault(uint64_t va);
#ifdef QUIRE_DEBUG
/*
 * The emulator's harts do not remember invalid entries, so that a test makes some, while the others pause: this one can be used
 * after a hart has caught up, or, if it is to last, only after a fault. The caller fences all.
 */
void mmu_kmap_hide(pte_t *pte, bool lasting);
#endif

/*
 * Boot: the final page table of the kernel, with all of `ram` in the direct map, text and constants
 * read-only there too. Tables come from the frames behind the kernel's image, outside of `reserved`; returns the
 * end of what is used.
 */
struct mem_range;
uint64_t mmu_init(const struct mem_range *ram, unsigned nram, const struct mem_range *reserved,
		  unsigned nreserved);

/* Fills the kernel half of a fresh root table. */
void mmu_init_root(pte_t *root);

/* Points this hart's satp at `root` (0: the kernel's own table) and empties its TLB. Interrupts off. */
void mmu_switch(pfn_t root);

/*
 * Fences: this hart, one page; this hart, all; the harts of `mask` (bit = hart index), this one included if
 * named. The remote one returns how many others it fenced, when every one of them has; OpenSBI does it, also
 * on harts with interrupts off.
 */
void mmu_fence_page(uint64_t va);
void mmu_fence_local(void);
unsigned mmu_fence_harts(uint64_t mask);
/* fence.i on every online hart. */
void mmu_fence_i_all(void);

#endif
