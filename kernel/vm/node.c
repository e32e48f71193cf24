/* SPDX-License-Identifier: ISC */
/*
 * Nodes of 64 slots, and the purse in which a thread carries what it may need under a lock. Trees are walked where
 * they live: object.c (one root of any height) and overlay.c (four roots of fixed height).
 */
#include "lib/string.h"
#include "vm/kmem.h"
#include "vm/reclaim.h"

static struct kmem_cache node_cache;

void node_init(void)
{
	kmem_cache_init(&node_cache, "node", sizeof(struct node), false);
	assert(node_cache.per_frame == 7);
}

struct node *node_alloc(unsigned level)
{
	struct node *n = kmem_cache_alloc(&node_cache);

	if (n) {
		memset(n, 0, sizeof(*n));
		n->refs = 1;
		n->level = level;
	}
	return n;
}

void node_free(struct node *n)
{
	kmem_cache_free(&node_cache, n);
}

uint64_t node_count(void)
{
	return node_cache.nused;
}

int purse_fill(struct purse *p)
{
	while (p->nnodes < p->want_nodes) {
		struct node *n = node_alloc(0);

		if (!n)
			return -ENOMEM;
		p->nodes[p->nnodes++] = n;
	}
	while (p->ntables < p->want_tables) {
		struct page *t = table_alloc();

		if (!t)
			return -ENOMEM;
		p->tables[p->ntables++] = t;
	}
	if (p->want_frame && !p->frame) {
		p->frame = page_alloc();
		if (!p->frame)
			return -ENOMEM;
		p->zeroed = false;
	}
	if (p->want_zeroed && p->frame && !p->zeroed) {
		clear_page(page_data(p->frame));
		p->zeroed = true;
	}
	return 0;
}

void purse_empty(struct purse *p)
{
	while (p->nnodes)
		node_free(p->nodes[--p->nnodes]);
	while (p->ntables) {
		p->tables[--p->ntables]->flags = 0;
		page_kind_add(PAGES_TABLE, -1);
		page_free(p->tables[p->ntables]);
	}
	if (p->frame)
		page_free(p->frame);
	p->frame = NULL;
}
