/* SPDX-License-Identifier: ISC */
/*
 * Nodes of 64 slots, and the purse in which a thread carries what it may need under a lock. Trees are walked where
 * they live: object.c (one root of any height) and overlay.c (four roots of fixed height).
 */
#include "lib/string.h"
#include "vm/frames/kmem.h"
#include "vm/internal.h"

static struct kmem_cache node_cache;

void node_init(void)
{
	kmem_cache_init_zeroed(&node_cache, "node", sizeof(struct node));
	assert(node_cache.per_frame == 7);
}

struct node *node_alloc(unsigned level)
{
	struct node *n = kmem_cache_alloc(&node_cache);

	if (n) { /* the slots are EMPTY, as node_free left them */
		n->dirty = 0;
		n->refs = 1;
		n->used = 0;
		n->level = level;
		n->audit = 0;
	}
	return n;
}

void node_free(struct node *n)
{
	for (unsigned i = 0; i < NODE_SLOTS; i++)
		dassert(!n->slot[i]);
	kmem_cache_free(&node_cache, n);
}

uint64_t node_count(void)
{
	return node_cache.nused;
}

static int __attribute__((noinline)) fill_nodes_and_tables(struct purse *p)
{
	for (; p->nnodes < p->want_nodes; p->nnodes++) {
		struct node *n = node_alloc(0);

		if (!n)
			return -ENOMEM;
		n->slot[0] = (slot_t)p->nodes;
		p->nodes = n;
	}
	for (; p->ntables < p->want_tables; p->ntables++) {
		struct page *t = table_alloc();

		if (!t)
			return -ENOMEM;
		t->next_table = p->tables;
		p->tables = t;
	}
	return 0;
}

int purse_fill(struct purse *p)
{
	if ((p->nnodes < p->want_nodes || p->ntables < p->want_tables) && fill_nodes_and_tables(p))
		return -ENOMEM;
	if (!p->want_frame)
		return 0;
	if (!p->frame)
		p->frame = page_alloc();
	if (!p->frame)
		return -ENOMEM;
	if (p->want_frame == WANT_ZEROS && !p->zeros) {
		clear_page(page_data(p->frame));
		p->zeros = true;
	}
	return 0;
}

struct node *purse_take_node(struct purse *p, unsigned level, unsigned want)
{
	struct node *n = p->nodes;

	if (!n) {
		p->want_nodes = want;
		return NULL;
	}
	p->nodes = (struct node *)n->slot[0];
	p->nnodes--;
	n->slot[0] = 0;
	n->level = level;
	return n;
}

void purse_put_node(struct purse *p, struct node *n)
{
	n->slot[0] = (slot_t)p->nodes;
	p->nodes = n;
	p->nnodes++;
}

struct page *purse_take_table(struct purse *p, unsigned want)
{
	struct page *t = p->tables;

	if (!t) {
		p->want_tables = want;
		return NULL;
	}
	p->tables = t->next_table;
	p->ntables--;
	t->groups = 0;
	return t;
}

bool purse_copy(struct purse *p, const struct page *src, struct home *family)
{
	spin_unlock(&family->lock);
	if (!p->frame)
		p->frame = page_alloc();
	p->want_frame = p->frame ? 0 : WANT_FRAME;
	p->zeros = false;
	if (p->frame) /* whatever it held from an earlier try */
		copy_page(page_data(p->frame), page_data(src));
	home_lock(family);
	return p->frame;
}

void purse_drop(struct purse *p)
{
	struct node *n;
	struct page *t;

	while ((n = purse_take_node(p, 0, 0)))
		node_free(n);
	while ((t = purse_take_table(p, 0)))
		table_free(t);
	if (p->frame)
		page_free(p->frame);
	p->frame = NULL;
}
