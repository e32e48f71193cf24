/* SPDX-License-Identifier: ISC */
/*
 * The kernel's own small memory. kmem caches hand out objects of one size from single frames; frames whose
 * objects are all free go back. kmalloc serves sizes up to KMALLOC_MAX from size classes. Neither sleeps nor waits: NULL when
 * there is no frame to spare (callers return -ENOMEM). Larger or virtually contiguous memory: kmap.h.
 */
#ifndef VM_KMEM_H
#define VM_KMEM_H

#include "lib/base.h"
#include "lib/list.h"
#include "lib/lock.h"

#define KMALLOC_MAX 2048

struct kmem_cache {
	struct spinlock lock;
	const char *name;
	uint16_t size; /* bytes, rounded up to 8 */
	uint16_t per_frame;
	uint16_t
		chain; /* where in a free object the next one is named; not 0: behind it, and its contents stay */
	bool type_stable; /* a stale pointer still names an object of this type: frames are not given back */
	bool shrinks;	  /* but by kmem_shrink: stale pointers are held with interrupts off only */
	struct list partial; /* slabs with a free object */
	uint32_t nfree, nused, nframes;
	struct list link; /* all caches */
};

void kmem_cache_init(struct kmem_cache *c, const char *name, size_t size, bool type_stable);
/* Of objects that are full of zeros when they are freed, but for fields that every user sets, and come so. */
void kmem_cache_init_zeroed(struct kmem_cache *c, const char *name, size_t size);
void *kmem_cache_alloc(struct kmem_cache *c) __must_check; /* contents undefined, unless said */
void kmem_cache_free(struct kmem_cache *c, void *p);

void *kmalloc(size_t nbytes) __must_check;
void *kzalloc(size_t nbytes) __must_check;
void kfree(void *p); /* NULL is allowed */
/* Calls fn for each cache; its counts may be changing. */
void kmem_each(void (*fn)(void *arg, const struct kmem_cache *c), void *arg);
/* Gives back all frames of caches in which no object is used; how many. No locks held. */
unsigned kmem_shrink(void);

#endif
