/* SPDX-License-Identifier: ISC */
/*
 * treetest: kernel/lib/tree.c against an array that says which keys are there.
 *
 *	treetest [SEED [STEPS]]
 *
 * After each step: the order, the parents, the heights, and that no two sides differ by more than one level. Clones have the shape of
 * what they were made of; clones that end half-way can be gone through.
 */
#include "lib/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 200

struct element {
	struct tree_node node;
	unsigned key;
};

static struct element elements[KEYS], copies[KEYS];
static bool present[KEYS];
static struct tree tree;
static unsigned step, left; /* how many nodes may still be cloned */

#define MUST(cond)                                                                                      \
	do {                                                                                            \
		if (!(cond)) {                                                                          \
			fprintf(stderr, "treetest: step %u, line %d: not %s\n", step, __LINE__, #cond); \
			exit(1);                                                                        \
		}                                                                                       \
	} while (0)

static unsigned key_of(const struct tree_node *n)
{
	return tree_entry(n, struct element, node)->key;
}

static int check_below(const struct tree_node *n, const struct tree_node *parent)
{
	int l, r;

	if (!n)
		return 0;
	MUST(n->parent == parent);
	l = check_below(n->left, n);
	r = check_below(n->right, n);
	MUST(l - r <= 1 && r - l <= 1);
	MUST(n->height == 1 + (l > r ? l : r));
	return n->height;
}

static void check(const struct tree *t)
{
	struct tree_node *n = tree_first(t), *last = NULL;

	check_below(t->root, NULL);
	for (unsigned k = 0; k < KEYS; k++) {
		if (!present[k])
			continue;
		MUST(n && key_of(n) == k && tree_prev(n) == last);
		last = n;
		n = tree_next(n);
	}
	MUST(!n && tree_last(t) == last && tree_empty(t) == !last);
}

static void add(unsigned key)
{
	struct tree_node **link = &tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = key < key_of(parent) ? &parent->left : &parent->right;
	}
	tree_link(&tree, parent, link, &elements[key].node);
}

static struct tree_node *clone(void *arg, struct tree_node *n)
{
	MUST(arg == copies);
	if (left == 0)
		return NULL;
	left--;
	memset(&copies[key_of(n)].node, 0xaa, sizeof(struct tree_node));
	return &copies[key_of(n)].node;
}

static void check_same(const struct tree_node *a, const struct tree_node *b)
{
	MUST(!a == !b);
	if (!a)
		return;
	MUST(key_of(a) == key_of(b) && a != b);
	check_same(a->left, b->left);
	check_same(a->right, b->right);
}

static void check_clone(unsigned npresent, unsigned most)
{
	struct tree to = TREE_INIT;
	unsigned n = 0;

	left = most;
	MUST(tree_clone(&to, &tree, clone, copies) == (most >= npresent));
	for (struct tree_node *c = tree_first(&to); c; c = tree_next(c))
		n++;
	MUST(n == (most < npresent ? most : npresent));
	if (most < npresent)
		return;
	check_same(tree.root, to.root);
	check(&to);
}

int main(int argc, char **argv)
{
	unsigned seed = argc > 1 ? atoi(argv[1]) : 1, steps = argc > 2 ? atoi(argv[2]) : 20000, n = 0;

	srandom(seed);
	for (unsigned k = 0; k < KEYS; k++)
		elements[k].key = copies[k].key = k;
	for (step = 0; step < steps; step++) {
		unsigned k = random() % (step % 2000 < 1000 ? KEYS : KEYS / 10);

		if (present[k])
			tree_remove(&tree, &elements[k].node);
		else
			add(k);
		present[k] = !present[k];
		n += present[k] ? 1 : -1;
		check(&tree);
		if (step % 10 == 0)
			check_clone(n, random() % 2 ? n : (unsigned)random() % (n + 1));
	}
	printf("treetest: %u steps with seed %u\n", steps, seed);
	return 0;
}
