/* SPDX-License-Identifier: ISC */
/*
 * Balanced binary search trees (AVL) with the nodes inside their elements. The caller compares, searches and
 * locks:
 *
 *	struct tree_node **link = &t->root, *parent = NULL;
 *	while (*link) {
 *		parent = *link;
 *		link = key < tree_entry(parent, struct x, node)->key ? &parent->left : &parent->right;
 *	}
 *	tree_link(t, parent, link, &x->node);
 */
#ifndef LIB_TREE_H
#define LIB_TREE_H

#include "lib/base.h"

struct tree_node {
	struct tree_node *left, *right, *parent;
	int32_t height; /* of the subtree: a leaf has 1 */
};

struct tree {
	struct tree_node *root;
};

#define TREE_INIT            \
	{                    \
		.root = NULL \
	}
#define tree_entry(ptr, type, member) container_of(ptr, type, member)

static inline void tree_init(struct tree *t)
{
	t->root = NULL;
}

static inline bool tree_empty(const struct tree *t)
{
	return t->root == NULL;
}

/* Hangs `node` into the empty *link below `parent` (NULL: the root) and balances. */
void tree_link(struct tree *t, struct tree_node *parent, struct tree_node **link, struct tree_node *node);
void tree_remove(struct tree *t, struct tree_node *node);
/* Makes `to`, which is empty, a tree of the same shape, of what clone(arg, n) makes of each node. False: that was NULL, and `to`, with what
 * was made until then, can only be gone through. */
bool tree_clone(struct tree *to, const struct tree *from,
		struct tree_node *(*clone)(void *arg, struct tree_node *n), void *arg);

/* In order; NULL at the ends. */
struct tree_node *tree_first(const struct tree *t);
struct tree_node *tree_last(const struct tree *t);
struct tree_node *tree_next(const struct tree_node *node);
struct tree_node *tree_prev(const struct tree_node *node);

#endif
