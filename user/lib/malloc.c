/* SPDX-License-Identifier: ISC */
/*
 * The heap: boundary tags, segregated free lists, memory from brk; large blocks are mappings of their own.
 *
 * A chunk is a header of two words and its payload: `prev` is the size of the chunk below (0: none), `size` its
 * own, a multiple of 16, with two flags. Neighbouring free chunks are always merged. A region of chunks ends with
 * a header of size HEAD that is in use; when the break moves on from there that header becomes a chunk.
 * Free chunks lie in bins by size, the small ones exact, larger ones four bins to a power of two. One lock for all.
 */
#include "libc.h"
#include "pthread.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { USED = 1, MAPPED = 2, FLAGS = 15 };
enum { HEAD = 16, MINCHUNK = 32, NBINS = 128, EXACT = 64 };
#define BIG  (128ul << 10) /* from this size on a block is a mapping */
#define GROW (64ul << 10)  /* the break moves by at least this */
#define TRIM (256ul << 10) /* a free top of this size is given back */

struct chunk {
	size_t prev;
	size_t size;
	struct chunk *next, **link; /* of a free chunk: its bin */
};

static struct chunk *bins[NBINS];
static struct chunk *top; /* the header that ends the newest region of the break */

static size_t size_of(const struct chunk *c)
{
	return c->size & ~(size_t)FLAGS;
}

static struct chunk *at(struct chunk *c, ptrdiff_t off)
{
	return (struct chunk *)((char *)c + off);
}

static void *payload(struct chunk *c)
{
	return (char *)c + HEAD;
}

static struct chunk *chunk_of(void *p)
{
	return (struct chunk *)((char *)p - HEAD);
}

static int bin_of(size_t size)
{
	size_t u = size / 16;

	if (u < EXACT)
		return (int)u;
	int log = 63 - __builtin_clzl(u); /* at least 6 */
	int b = EXACT + (log - 6) * 4 + (int)((u >> (log - 2)) & 3);
	return b < NBINS ? b : NBINS - 1;
}

static void insert(struct chunk *c)
{
	struct chunk **bin = &bins[bin_of(size_of(c))];

	c->next = *bin;
	c->link = bin;
	if (c->next)
		c->next->link = &c->next;
	*bin = c;
}

static void removec(struct chunk *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
}

static void set_size(struct chunk *c, size_t size, int flags)
{
	c->size = size | flags;
	at(c, size)->prev = size;
}

/* Frees a chunk of a region: merges it with its free neighbours and puts it in its bin. */
static struct chunk *release(struct chunk *c)
{
	size_t size = size_of(c);
	struct chunk *n = at(c, size);

	if (!(n->size & USED)) {
		removec(n);
		size += size_of(n);
	}
	if (c->prev && !(at(c, -c->prev)->size & USED)) {
		c = at(c, -c->prev);
		removec(c);
		size += size_of(c);
	}
	set_size(c, size, 0);
	insert(c);
	return c;
}

/* A region [p, p + n): one chunk, given as free, and the header that ends it. */
static struct chunk *region(void *p, size_t n)
{
	struct chunk *c = p;

	c->prev = 0;
	set_size(c, n - HEAD, USED);
	at(c, n - HEAD)->size = HEAD | USED;
	return release(c);
}

/* More memory, so that a free chunk of `size` exists: from the break, or, when that is in the way, a mapping. */
static int grow(size_t size)
{
	size_t n = (size + 2 * HEAD + GROW - 1) & ~(GROW - 1);
	char *p = sbrk(n);

	if (p == (char *)-1) {
		p = mmap(0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return -1;
		region(p, n);
		return 0;
	}
	if (top && p == (char *)top + HEAD) {
		struct chunk *c = top;
		top = at(c, n);
		set_size(c, n, USED);
		top->size = HEAD | USED;
		release(c);
		return 0;
	}
	size_t skew = -(uintptr_t)p & 15;
	n = (n - skew) & ~15ul;
	top = (struct chunk *)(p + skew + n - HEAD);
	region(p + skew, n);
	return 0;
}

static void trim(struct chunk *c)
{
	size_t give = size_of(c) & ~4095ul;

	if (at(c, size_of(c)) != top || give < TRIM || sbrk(0) != (char *)top + HEAD)
		return;
	give -= 4096; /* keeps something, and a chunk to stand on */
	removec(c);
	set_size(c, size_of(c) - give, 0);
	insert(c);
	top = at(c, size_of(c));
	top->size = HEAD | USED;
	sbrk(-(ptrdiff_t)give);
}

/* Makes `c`, in use, `size` long and frees the rest. */
static void split(struct chunk *c, size_t size)
{
	size_t rest = size_of(c) - size;

	if (rest < MINCHUNK) {
		set_size(c, size + rest, USED);
		return;
	}
	set_size(c, size, USED);
	set_size(at(c, size), rest, USED);
	release(at(c, size));
}

static struct chunk *find(size_t size)
{
	for (int b = bin_of(size); b < NBINS; b++)
		for (struct chunk *c = bins[b]; c; c = c->next)
			if (size_of(c) >= size) {
				removec(c);
				return c;
			}
	return 0;
}

static void *map_block(size_t n)
{
	size_t len = (n + HEAD + 4095) & ~4095ul;
	struct chunk *c = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return 0;
	c->size = len | USED | MAPPED;
	return payload(c);
}

static size_t chunk_size(size_t n)
{
	size_t size = (n + HEAD + 15) & ~15ul;

	return size < MINCHUNK ? MINCHUNK : size;
}

/* malloc; by another name, as the compiler has ideas about what lies around the result of that one. */
static void *allocate(size_t n)
{
	if (n > PTRDIFF_MAX - 2 * GROW) {
		errno = ENOMEM;
		return 0;
	}
	if (n >= BIG)
		return map_block(n);
	size_t size = chunk_size(n);
	struct chunk *c = find(size);
	if (!c && (grow(size) < 0 || !(c = find(size)))) {
		errno = ENOMEM;
		return 0;
	}
	split(c, size);
	return payload(c);
}

static void discard(void *p)
{
	struct chunk *c = chunk_of(p);
	if (!(c->size & USED))
		abort(); /* freed twice, or overwritten from below */
	if (c->size & MAPPED) {
		int saved = errno;
		munmap(c, size_of(c));
		errno = saved;
		return;
	}
	trim(release(c));
}

void *malloc(size_t n)
{
	__lock(&__malloc_lock);
	void *p = allocate(n);
	__unlock(&__malloc_lock);
	return p;
}

void free(void *p)
{
	if (!p)
		return;
	__lock(&__malloc_lock);
	discard(p);
	__unlock(&__malloc_lock);
}

void *calloc(size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return 0;
	}
	void *p = malloc(total);
	if (p && !(chunk_of(p)->size & MAPPED))
		memset(p, 0, total);
	return p;
}

static void *remap_block(struct chunk *c, size_t n)
{
	size_t len = (n + HEAD + 4095) & ~4095ul;
	struct chunk *m = mremap(c, size_of(c), len, MREMAP_MAYMOVE);

	if (m == MAP_FAILED)
		return 0;
	m->size = len | USED | MAPPED;
	return payload(m);
}

/* Grows a chunk in place into a free neighbour above. */
static int extend(struct chunk *c, size_t size)
{
	struct chunk *n = at(c, size_of(c));

	if (n->size & USED || size_of(c) + size_of(n) < size)
		return 0;
	removec(n);
	set_size(c, size_of(c) + size_of(n), USED);
	split(c, size);
	return 1;
}

static void *resize(void *p, size_t n)
{
	if (n > PTRDIFF_MAX - 2 * GROW) {
		errno = ENOMEM;
		return 0;
	}
	struct chunk *c = chunk_of(p);
	size_t have = size_of(c) - HEAD;
	if (c->size & MAPPED) {
		void *q = n >= BIG ? remap_block(c, n) : 0;
		if (q)
			return q;
	} else if (chunk_size(n) <= size_of(c)) {
		split(c, chunk_size(n));
		return p;
	} else if (n < BIG && extend(c, chunk_size(n))) {
		return p;
	}
	void *q = allocate(n);
	if (!q)
		return 0;
	memcpy(q, p, n < have ? n : have);
	discard(p);
	return q;
}

void *realloc(void *p, size_t n)
{
	if (!p)
		return malloc(n);
	if (n == 0) {
		free(p);
		return 0;
	}
	__lock(&__malloc_lock);
	void *q = resize(p, n);
	__unlock(&__malloc_lock);
	return q;
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total)) {
		errno = ENOMEM;
		return 0;
	}
	return realloc(p, total);
}

/* Over-allocates from a region and gives the ends back; a block this large is kept out of mappings. */
static void *allocate_aligned(size_t align, size_t n)
{
	if (n > PTRDIFF_MAX / 2 || align > PTRDIFF_MAX / 2) {
		errno = ENOMEM;
		return 0;
	}
	size_t size = chunk_size(n), want = size + align + MINCHUNK;
	struct chunk *c = find(want);
	if (!c && (grow(want) < 0 || !(c = find(want)))) {
		errno = ENOMEM;
		return 0;
	}
	set_size(c, size_of(c), USED);
	uintptr_t p = (uintptr_t)payload(c);
	uintptr_t q = (p + align - 1) & -align;
	if (q != p) {
		if (q - p < MINCHUNK)
			q += align;
		struct chunk *a = chunk_of((void *)q);
		size_t whole = size_of(c);
		set_size(c, q - p, USED);
		set_size(a, whole - (q - p), USED);
		release(c);
		c = a;
	}
	split(c, size);
	return payload(c);
}

void *aligned_alloc(size_t align, size_t n)
{
	if (!align || align & (align - 1)) {
		errno = EINVAL;
		return 0;
	}
	if (align <= 16)
		return malloc(n);
	__lock(&__malloc_lock);
	void *p = allocate_aligned(align, n);
	__unlock(&__malloc_lock);
	return p;
}

int posix_memalign(void **p, size_t align, size_t n)
{
	int saved = errno;
	void *q = aligned_alloc(align, n);
	int e = q ? 0 : errno;

	errno = saved;
	if (q)
		*p = q;
	return e;
}
