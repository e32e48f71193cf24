/* SPDX-License-Identifier: ISC */
/* AVL trees: after each change the path to the root is walked once, and stops where no height changes. */
#include "lib/tree.h"

static int height(const struct tree_node *n)
{
	return n ? n->height : 0;
}

static void measure(struct tree_node *n)
{
	n->height = 1 + MAX(height(n->left), height(n->right));
}

/* Puts `new` where `old` hangs below its parent. */
static void replace(struct tree *t, struct tree_node *old, struct tree_node *new)
{
	struct tree_node *parent = old->parent;

	if (!parent)
		t->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->parent = parent;
}

/* The left child rises above n; it is returned. */
static struct tree_node *rotate_right(struct tree *t, struct tree_node *n)
{
	struct tree_node *up = n->left;

	replace(t, n, up);
	n->left = up->right;
	if (n->left)
		n->left->parent = n;
	up->right = n;
	n->parent = up;
	measure(n);
	measure(up);
	return up;
}

static struct tree_node *rotate_left(struct tree *t, struct tree_node *n)
{
	struct tree_node *up = n->right;

	replace(t, n, up);
	n->right = up->left;
	if (n->right)
		n->right->parent = n;
	up->left = n;
	n->parent = up;
	measure(n);
	measure(up);
	return up;
}

static void rebalance(struct tree *t, struct tree_node *n)
{
	while (n) {
		int before = n->height, lean = height(n->left) - height(n->right);

		if (lean > 1) {
			if (height(n->left->left) < height(n->left->right))
				rotate_left(t, n->left);
			n = rotate_right(t, n);
		} else if (lean < -1) {
			if (height(n->right->right) < height(n->right->left))
				rotate_right(t, n->right);
			n = rotate_left(t, n);
		} else {
			measure(n);
		}
		if (n->height == before)
			return;
		n = n->parent;
	}
}

void tree_link(struct tree *t, struct tree_node *parent, struct tree_node **link, struct tree_node *node)
{
	node->left = node->right = NULL;
	node->parent = parent;
	node->height = 1;
	*link = node;
	rebalance(t, parent);
}

void tree_remove(struct tree *t, struct tree_node *node)
{
	struct tree_node *start; /* the lowest node whose subtree lost height */

	if (node->left && node->right) {
		struct tree_node *next = node->right;

		while (next->left)
			next = next->left;
		start = next->parent == node ? next : next->parent;
		if (next->parent != node) {
			replace(t, next, next->right);
			next->right = node->right;
			next->right->parent = next;
		}
		next->left = node->left;
		next->left->parent = next;
		next->height = node->height;
		replace(t, node, next);
	} else {
		start = node->parent;
		replace(t, node, node->left ? node->left : node->right);
	}
	node->left = node->right = node->parent = NULL;
	rebalance(t, start);
}

bool tree_clone(struct tree *to, const struct tree *from,
		struct tree_node *(*clone)(void *arg, struct tree_node *n), void *arg)
{
	struct tree_node *n = from->root, *parent = NULL, **link = &to->root, *c;

	while (n) {
		c = clone(arg, n);
		if (!c)
			return false;
		*c = (struct tree_node){ .parent = parent, .height = n->height };
		*link = c;
		if (n->left) {
			link = &c->left;
			n = n->left;
		} else { /* up to where the right side is still to come */
			while (n && (!n->right || c->right)) {
				n = n->parent;
				c = c->parent;
			}
			if (!n)
				break;
			link = &c->right;
			n = n->right;
		}
		parent = c;
	}
	return true;
}

struct tree_node *tree_first(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n && n->left)
		n = n->left;
	return n;
}

struct tree_node *tree_last(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n && n->right)
		n = n->right;
	return n;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	struct tree_node *n = node->right;

	if (n) {
		while (n->left)
			n = n->left;
		return n;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}

struct tree_node *tree_prev(const struct tree_node *node)
{
	struct tree_node *n = node->left;

	if (n) {
		while (n->right)
			n = n->right;
		return n;
	}
	while (node->parent && node->parent->left == node)
		node = node->parent;
	return node->parent;
}
