/* SPDX-License-Identifier: ISC */
/*
 * The walk of swapoff: finds every slot, in overlays and in anonymous objects, that holds an entry of the area, and reads its page in. One
 * slot at a time; a slot that appears behind the walk's back (a fork, a path copied) is found by the next walk.
 */
#include "vm/pageout/swap.h"

/* The first vpn >= from below n whose slot holds an entry of the area; UINT64_MAX. Relative to n. */
static uint64_t next_in_node(const struct node *n, uint64_t from, const struct swap_area *a)
{
	unsigned shift = n->level * NODE_BITS;

	for (unsigned i = from >> shift; i < NODE_SLOTS; i++, from = 0) {
		uint64_t found;

		if (!n->slot[i])
			continue;
		if (n->level == 0) {
			if (slot_is_swap(n->slot[i]) && swap_entry_in(slot_swap(n->slot[i]), a))
				return i;
			continue;
		}
		found = next_in_node((const struct node *)n->slot[i], from & ((1ul << shift) - 1), a);
		if (found != UINT64_MAX)
			return ((uint64_t)i << shift) + found;
	}
	return UINT64_MAX;
}

/* The same over a whole overlay. [f] */
static uint64_t next_in_overlay(const struct overlay *ov, uint64_t from, const struct swap_area *a)
{
	const uint64_t span = 1ul << (OVERLAY_LEVELS * NODE_BITS);

	for (uint64_t i = from / span; i < OVERLAY_TOP; i++, from = i * span) {
		uint64_t found = ov->top[i] ? next_in_node((const struct node *)ov->top[i], from % span, a) :
					      UINT64_MAX;

		if (found != UINT64_MAX)
			return i * span + found;
	}
	return UINT64_MAX;
}

/* Reads a page of the family, at or after *vpn, which moves behind it, that is in the area. 1: done, look on; 0: none found there; -ENOMEM.
 * What other members have before it is left to the next walk. */
static int bring_one(struct family *f, uint64_t *vpn, const struct swap_area *a)
{
	struct page *p = page_alloc();
	struct overlay *ov;
	uint32_t entry = 0;
	slot_t slot;

	if (!p)
		return page_wait_memory() ? -ENOMEM : 1;
	home_lock(&f->home);
	list_for_each(ov, &f->members, link) {
		uint64_t at = next_in_overlay(ov, *vpn, a);
		bool shared;

		if (at == UINT64_MAX)
			continue;
		slot = *overlay_find(ov, at, &shared);
		entry = slot_swap(slot);
		family_swap_in(f, at, slot, p, PG_AHEAD);
		*vpn = at + 1;
		break;
	}
	spin_unlock(&f->home.lock);
	if (!entry) {
		page_free(p);
		return 0;
	}
	swap_read(entry, &p, 1);
	return 1;
}

static int bring_family(struct family *f, const struct swap_area *a)
{
	uint64_t vpn = 0;
	int r;

	while ((r = bring_one(f, &vpn, a)) > 0) {
		if (thread_killed())
			return -EINTR;
		if (!load_relaxed(&a->leaving)) /* memory is exhausted: swap_stay_on */
			return -ENOMEM;
	}
	return r;
}

static int bring_object(struct object *o, const struct swap_area *a)
{
	uint64_t i, next = 0;
	int err = 0;

	spin_lock(&o->home.lock);
	while (!err && (i = object_next(o, next, OBJECT_ALL, false)) != UINT64_MAX) {
		slot_t s = *object_slot(o, i);

		next = i + 1;
		if (!slot_is_swap(s) || !swap_entry_in(slot_swap(s), a))
			continue;
		spin_unlock(&o->home.lock);
		err = load_relaxed(&a->leaving) ? object_read_in(o, i, 1, i) : -ENOMEM;
		spin_lock(&o->home.lock);
	}
	spin_unlock(&o->home.lock);
	return err;
}

/* Families are type-stable and their list is walked a step at a time: `f` stays a family, if perhaps another one. */
int swap_bring_back(struct swap_area *a)
{
	struct family *f;
	struct object *o, *pinned = NULL;
	int err = 0;

	for (unsigned k = 0;; k++) {
		unsigned i = 0;
		bool found = false;

		spin_lock(&vm_queue_lock);
		list_for_each(f, &family_list, link) {
			found = i++ == k;
			if (found)
				break;
		}
		spin_unlock(&vm_queue_lock);
		if (!found)
			break;
		err = bring_family(f, a);
		if (err)
			return err;
	}
	spin_lock(&vm_queue_lock);
	list_for_each(o, &object_list, link) {
		if (o->ops || err)
			continue;
		object_pin(o);
		spin_unlock(&vm_queue_lock);
		err = bring_object(o, a);
		if (pinned)
			object_unpin(pinned);
		pinned = o;
		spin_lock(&vm_queue_lock);
	}
	spin_unlock(&vm_queue_lock);
	if (pinned)
		object_unpin(pinned);
	return err;
}
