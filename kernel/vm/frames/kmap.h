/* SPDX-License-Identifier: ISC */
/*
 * Virtually contiguous kernel memory with an unmapped guard page below and above each range: kernel stacks,
 * tables.
 */
#ifndef VM_KMAP_H
#define VM_KMAP_H

#include "lib/base.h"

void kmap_init(void);
/* npages zeroed pages; NULL when memory or room is short. May sleep. */
void *kmap_alloc(size_t npages) __must_check;
void kmap_free(void *p, size_t npages);
/* Maps device registers, uncached as the platform has it; panics when out of room (boot only). */
void *kmap_device(uint64_t phys, size_t nbytes);
/* Frees at once what was given back and waits for being fenced away with more. May sleep. */
void kmap_shrink(void);
#ifdef QUIRE_DEBUG
/* As if no hart had seen any of these mappings yet, but for the stacks that they run on; mmu.h. May sleep. */
void kmap_hide(void);
#endif

#endif
