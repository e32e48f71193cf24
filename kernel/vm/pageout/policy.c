/* SPDX-License-Identifier: ISC */
/*
 * The choice of a replacement policy, and lists of frames for those that keep an order.
 *
 * The links lie beside the frames' descriptors, as numbers of frames, and cost 8 bytes a frame, only if the policy wants them.
 * A frame is on one list from the moment its page comes into a home until it is freed. lists_lock guards all of it.
 */
#include "vm/pageout/policy.h"
#include "lib/cmdline.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"

#define NIL ((1u << 30) - 1)

struct place {
	uint32_t older : 30, mark : 2;
	uint32_t younger : 30, list : 2;
};

static const struct policy *const policies[] = { &policy_clock, &policy_fifo, &policy_s3fifo };
const struct policy *policy = &policy_clock;
bool policy_ordered;
static struct spinlock lists_lock = SPINLOCK_INIT("policy", RANK_VMQUEUE);
static struct place *places;
static struct list_ends {
	uint32_t oldest, youngest;
	uint64_t length;
} lists[POLICY_LISTS];

void policy_init(void)
{
	const char *name = cmdline_get("vm.policy");
	uint64_t nbytes = (frame_end - frame_first) * sizeof(struct place);

	for (unsigned i = 0; name && i < ARRAY_SIZE(policies); i++)
		if (strcmp(name, policies[i]->name) == 0)
			policy = policies[i];
	if (name && strcmp(name, policy->name) != 0)
		kprintf("vm: no replacement policy %s: %s it is\n", name, policy->name);
	for (unsigned l = 0; l < POLICY_LISTS; l++)
		lists[l] = (struct list_ends){ .oldest = NIL, .youngest = NIL };
	policy_ordered = policy->ordered;
	places = policy->ordered ? kmap_alloc(DIV_ROUND_UP(nbytes, PAGE_SIZE)) : NULL;
	if (policy->ordered && !places)
		panic("vm: no memory for the lists of the policy %s", policy->name);
}

static uint32_t number(const struct page *p)
{
	return p - page_table;
}

static void leave_list(uint32_t i)
{
	struct place *at = &places[i];

	if (at->list == LIST_NONE)
		return;
	if (at->older == NIL)
		lists[at->list].oldest = at->younger;
	else
		places[at->older].younger = at->younger;
	if (at->younger == NIL)
		lists[at->list].youngest = at->older;
	else
		places[at->younger].older = at->older;
	lists[at->list].length--;
	at->list = LIST_NONE;
}

void policy_move(struct page *p, enum policy_list l, unsigned mark)
{
	uint32_t i = number(p);

	spin_lock(&lists_lock);
	leave_list(i);
	places[i] = (struct place){ .older = lists[l].youngest, .younger = NIL, .list = l, .mark = mark };
	if (lists[l].youngest == NIL)
		lists[l].oldest = i;
	else
		places[lists[l].youngest].younger = i;
	lists[l].youngest = i;
	lists[l].length++;
	spin_unlock(&lists_lock);
}

static void __attribute__((noinline)) enter_again(struct page *p, slot_t old)
{
	policy->enter(p, reclaim_refault(old));
}

void policy_enter(struct page *p, slot_t old)
{
	if (slot_stamp(old))
		enter_again(p, old);
	else
		policy->enter(p, false);
}

void policy_leave(struct page *p)
{
	if (!places)
		return;
	spin_lock(&lists_lock);
	leave_list(number(p));
	spin_unlock(&lists_lock);
}

unsigned policy_mark(const struct page *p)
{
	unsigned mark;

	spin_lock(&lists_lock); /* the word is the neighbours', too */
	mark = places[number(p)].mark;
	spin_unlock(&lists_lock);
	return mark;
}

struct page *policy_oldest(enum policy_list l)
{
	uint32_t i;

	spin_lock(&lists_lock);
	i = lists[l].oldest;
	spin_unlock(&lists_lock);
	return i == NIL ? NULL : page_table + i;
}

uint64_t policy_length(enum policy_list l)
{
	uint64_t length;

	spin_lock(&lists_lock);
	length = lists[l].length;
	spin_unlock(&lists_lock);
	return length;
}
