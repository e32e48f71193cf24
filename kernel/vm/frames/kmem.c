/* SPDX-License-Identifier: ISC */
/*
 * Small kernel memory: slabs of one frame each. The slab's header is at the start of its frame, so an object's slab
 * is found by rounding its address down. A slab is on its cache's partial list while it has a free object; free
 * objects are chained through a word of theirs. A slab without used objects gives its frame back, but one a cache
 * is kept against thrashing. Type-stable caches keep all of them. These, and those of zeroed objects, start with zeros and chain through a
 * word behind the object, so that a freed object's fields stay as they were. Under pressure kmem_shrink gives back all empty slabs, of
 * a type-stable cache if nobody sleeps with a stale pointer (`shrinks`).
 */
#include "vm/frames/kmem.h"
#include "lib/string.h"
#include "vm/internal.h"

struct slab {
	struct list link; /* cache->partial, or alone when full */
	struct kmem_cache *cache;
	void *free;
	uint16_t nused;
};

#define SLAB_ROOM (PAGE_SIZE - sizeof(struct slab))
#define POISON	  0xdb

static const uint16_t class_sizes[] = {
	16, 32, 48, 64, 96, 128, 192, 256, 336, 448, 576, 800, 1008, 1344, KMALLOC_MAX - 32, KMALLOC_MAX
};
static struct list caches = LIST_INIT(caches); /* never shorter; caches_lock guards its growing */
static struct spinlock caches_lock = SPINLOCK_INIT("kmem caches", RANK_KMEM);
static struct kmem_cache classes[ARRAY_SIZE(class_sizes)];
static uint8_t class_of[KMALLOC_MAX / 16 + 1]; /* by size in units of 16, rounded up */

void kmem_cache_init(struct kmem_cache *c, const char *name, size_t size, bool type_stable)
{
	size = ALIGN_UP(size, 8);
	*c = (struct kmem_cache){ .name = name, .size = size, .type_stable = type_stable };
	if (type_stable) {
		c->chain = size;
		c->size += 8;
	}
	c->per_frame = SLAB_ROOM / c->size;
	assert(c->per_frame > 0);
	spin_init(&c->lock, "kmem", RANK_KMEM);
	list_init(&c->partial);
	spin_lock(&caches_lock);
	list_append(&caches, &c->link);
	spin_unlock(&caches_lock);
}

void kmem_cache_init_zeroed(struct kmem_cache *c, const char *name, size_t size)
{
	kmem_cache_init(c, name, size, true);
	c->type_stable = false;
}

/* The word of a free object that names the next one. */
static void **chain(struct kmem_cache *c, void *obj)
{
	return (void **)((char *)obj + c->chain);
}

static struct slab *slab_create(struct kmem_cache *c)
{
	struct page *p = page_alloc_kernel();
	struct slab *s;
	char *obj;

	if (!p)
		return NULL;
	s = page_data(p);
	if (c->chain)
		clear_page(s);
	*s = (struct slab){ .cache = c };
	obj = (char *)s + PAGE_SIZE - (size_t)c->per_frame * c->size;
	for (unsigned i = 0; i < c->per_frame; i++, obj += c->size) {
		*chain(c, obj) = s->free;
		s->free = obj;
	}
	return s;
}

static void *take(struct kmem_cache *c, struct slab *s)
{
	void *obj = s->free;

	s->free = *chain(c, obj);
	s->nused++;
	c->nused++;
	c->nfree--;
	if (!s->free)
		list_remove(&s->link);
	return obj;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	struct slab *s;
	void *obj;

	spin_lock(&c->lock);
	if (list_empty(&c->partial)) {
		s = slab_create(c);
		if (!s) {
			spin_unlock(&c->lock);
			return NULL;
		}
		c->nframes++;
		c->nfree += c->per_frame;
		list_push(&c->partial, &s->link);
	}
	obj = take(c, list_first(&c->partial, struct slab, link));
	spin_unlock(&c->lock);
	return obj;
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	struct slab *s = (struct slab *)page_round_down((uintptr_t)p);
	struct page *frame = NULL;

	assert(s->cache == c);
#ifdef QUIRE_DEBUG
	if (!c->chain)
		memset(p, POISON, c->size);
#endif
	spin_lock(&c->lock);
	assert(s->nused > 0);
	if (!s->free)
		list_push(&c->partial, &s->link);
	*chain(c, p) = s->free;
	s->free = p;
	c->nused--;
	c->nfree++;
	if (--s->nused == 0 && !c->type_stable && c->nfree > c->per_frame) {
		list_remove(&s->link);
		c->nframes--;
		c->nfree -= c->per_frame;
		frame = pfn_page(virt_to_phys(s) >> PAGE_SHIFT);
	}
	spin_unlock(&c->lock);
	if (frame)
		page_free(frame);
}

/* Takes all empty slabs off the cache. */
static void take_empty(struct kmem_cache *c, struct list *empty)
{
	struct slab *s, *next;

	spin_lock(&c->lock);
	list_for_each_safe(s, next, &c->partial, link)
	{
		if (s->nused)
			continue;
		list_remove(&s->link);
		list_append(empty, &s->link);
		c->nframes--;
		c->nfree -= c->per_frame;
	}
	spin_unlock(&c->lock);
}

unsigned kmem_shrink(void)
{
	struct list empty = LIST_INIT(empty), *l;
	struct kmem_cache *c;
	unsigned n = 0;

	list_for_each(c, &caches, link)
		if (c->shrinks)
			take_empty(c, &empty);
	if (!list_empty(&empty)) { /* whoever follows a stale pointer now does it with interrupts off */
		harts_pause();
		harts_resume();
	}
	list_for_each(c, &caches, link)
		if (!c->type_stable)
			take_empty(c, &empty);
	for (; (l = list_pop(&empty)); n++)
		page_free(pfn_page(virt_to_phys(l) >> PAGE_SHIFT));
	return n;
}

void kmem_each(void (*fn)(void *arg, const struct kmem_cache *c), void *arg)
{
	const struct kmem_cache *c;

	list_for_each(c, &caches, link)
		fn(arg, c);
}

void kmem_init(void)
{
	unsigned c = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		kmem_cache_init(&classes[i], "kmalloc", class_sizes[i], false);
	for (unsigned units = 0; units < ARRAY_SIZE(class_of); units++) {
		while (class_sizes[c] < units * 16)
			c++;
		class_of[units] = c;
	}
}

void *kmalloc(size_t nbytes)
{
	assert(nbytes <= KMALLOC_MAX);
	return kmem_cache_alloc(&classes[class_of[DIV_ROUND_UP(nbytes, 16)]]);
}

void *kzalloc(size_t nbytes)
{
	void *p = kmalloc(nbytes);

	return p ? memset(p, 0, nbytes) : NULL;
}

void kfree(void *p)
{
	if (p)
		kmem_cache_free(((struct slab *)page_round_down((uintptr_t)p))->cache, p);
}
