/* SPDX-License-Identifier: ISC */
/*
 * What the rest of the kernel gives to kernel/fs; and the address sanitizer's knowledge of the kernel's own allocators. page.c and kmem.c
 * are compiled with their functions renamed: those of this file call them, and poison what is freed, and what lies between and behind objects.
 */
#include "arch/user.h"
#include "ext2host.h"
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/lock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "machine.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>

#define REDZONE 16 /* bytes: the alignment of objects */

uint64_t rest_nobjects;
void *rest_memset(void *at, int byte, size_t n);

/* ---- frames ---- */

struct page *refusing_page_alloc(void), *refusing_page_alloc_kernel(void);
void checking_page_free(struct page *p);

static struct page *usable(struct page *p)
{
	if (p)
		ASAN_UNPOISON_MEMORY_REGION(page_data(p), PAGE_SIZE);
	return p;
}

struct page *page_alloc(void)
{
	return usable(refusing_page_alloc());
}

struct page *page_alloc_kernel(void)
{
	return usable(refusing_page_alloc_kernel());
}

void page_free(struct page *p)
{
	void *data = page_data(p);

	ASAN_POISON_MEMORY_REGION(data, PAGE_SIZE);
	checking_page_free(p);
}

/* ---- objects: a gap behind each; a type-stable one may be looked at when it is free ---- */

void real_kmem_cache_init(struct kmem_cache *c, const char *name, size_t size, bool type_stable);
void *refusing_kmem_cache_alloc(struct kmem_cache *c);
void real_kmem_cache_free(struct kmem_cache *c, void *p);
void *real_kmalloc(size_t nbytes);
void real_kfree(void *p);

void kmem_cache_init(struct kmem_cache *c, const char *name, size_t size, bool type_stable)
{
	real_kmem_cache_init(c, name, type_stable ? size : size + REDZONE, type_stable);
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	void *p = refusing_kmem_cache_alloc(c);

	if (p && !c->type_stable) {
		ASAN_POISON_MEMORY_REGION(p, c->size);
		ASAN_UNPOISON_MEMORY_REGION(p, c->chain ? c->chain : c->size - REDZONE);
	}
	rest_nobjects += p != NULL;
	return p;
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	rest_nobjects--;
	if (!c->type_stable)
		ASAN_POISON_MEMORY_REGION(p, c->size);
	real_kmem_cache_free(c, p);
}

/* kmalloc's: before each object lies its size, in a gap of its own. */

static bool refuse(void)
{
	bool no = machine_trouble.refused && !thread_current()->reclaiming &&
		  sched_random() % machine_trouble.refused == 0;

	machine_nrefused += no;
	return no;
}

void *kmalloc(size_t nbytes)
{
	char *p = refuse() ? NULL : real_kmalloc(nbytes + 2 * REDZONE);

	if (!p)
		return NULL;
	ASAN_UNPOISON_MEMORY_REGION(p, nbytes + 2 * REDZONE);
	*(size_t *)p = nbytes;
	ASAN_POISON_MEMORY_REGION(p, nbytes + 2 * REDZONE);
	ASAN_UNPOISON_MEMORY_REGION(p + REDZONE, nbytes);
	rest_nobjects++;
	return p + REDZONE;
}

void *kzalloc(size_t nbytes)
{
	void *p = kmalloc(nbytes);

	return p ? memset(p, 0, nbytes) : NULL;
}

void kfree(void *object)
{
	char *p;

	if (!object)
		return;
	p = (char *)object - REDZONE;
	rest_nobjects--;
	ASAN_UNPOISON_MEMORY_REGION(p, REDZONE);
	ASAN_POISON_MEMORY_REGION(p, *(size_t *)p + 2 * REDZONE);
	real_kfree(p);
}

/* For page.c and kmem.c, which may write to what is free. */
__attribute__((no_sanitize("address"), optimize("no-tree-loop-distribute-patterns"))) void *
rest_memset(void *at, int byte, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)at)[i] = byte;
	return at;
}

/* ---- fs, proc, lib ---- */

const struct vnode_ops fifo_ops;

const struct cred *cred_current(void)
{
	static const struct cred root;

	return &root;
}

int device_vnode(uint32_t mode __unused, uint64_t rdev __unused, struct vnode **out __unused)
{
	return -ENXIO;
}

void epoll_forget(struct file *f __unused)
{
}

size_t user_copy_raw(void *dst __unused, const void *src __unused, size_t n __unused)
{
	panic("nobody here has user memory");
}

int ksnprintf(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vsnprintf(buf, n, fmt, ap);
	va_end(ap);
	return r;
}
