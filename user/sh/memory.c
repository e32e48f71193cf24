/* SPDX-License-Identifier: ISC */
/* Memory: pools, released in the order of use, and growing buffers. */
#include "sh.h"

struct block {
	struct block *below;
	size_t used, cap;
	_Alignas(16) char data[];
};

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		fail(2, "out of memory");
	return p;
}

char *xstrdup(const char *s)
{
	return strcpy(xrealloc(0, strlen(s) + 1), s);
}

void *take(struct pool *p, size_t n)
{
	n = (n + 15) & ~(size_t)15;
	if (!p->top || p->top->cap - p->top->used < n) {
		size_t cap = n > 4000 ? n : 4000;
		struct block *b = xrealloc(0, sizeof *b + cap);
		b->below = p->top;
		b->used = 0;
		b->cap = cap;
		p->top = b;
	}
	void *r = p->top->data + p->top->used;
	p->top->used += n;
	return memset(r, 0, n);
}

char *take_str(struct pool *p, const char *s, size_t n)
{
	return memcpy(take(p, n + 1), s, n);
}

struct mark mark(struct pool *p)
{
	return (struct mark){ p->top, p->top ? p->top->used : 0 };
}

void release(struct pool *p, struct mark m)
{
	while (p->top != m.top) {
		struct block *b = p->top;
		p->top = b->below;
		free(b);
	}
	if (p->top)
		p->top->used = m.used;
}

struct pool scratch; /* results of expansion; each command releases what it took */

void add(struct buf *b, int c)
{
	if (b->n == b->cap)
		b->s = xrealloc(b->s, b->cap = b->cap ? 2 * b->cap : 64);
	b->s[b->n++] = (char)c;
}

void add_mem(struct buf *b, const char *s, size_t n)
{
	while (n--)
		add(b, *s++);
}

/* The buffer as a string of the pool; the buffer is gone. */
char *finish(struct buf *b, struct pool *p)
{
	char *s = take_str(p, b->s ? b->s : "", b->n);

	free(b->s);
	*b = (struct buf){ 0 };
	return s;
}
