/* SPDX-License-Identifier: ISC */
/*
 * Advisory locks on ranges of files. Few exist at a time, so they are one list under one spinlock, and
 * whoever waits looks again whenever one goes.
 *
 * An owner's own ranges never overlap: a new one cuts or swallows what it had there, and joins equal
 * neighbours. The memory that cutting may need is taken before the lock. Record locks of processes that would
 * wait in a circle fail with EDEADLK.
 */
#include "fs/lock.h"
#include "vm/frames/kmem.h"

struct held {
	struct list link;
	struct vnode *vnode;
	void *owner;
	int type;
	int64_t start, end;
	pid_t pid;
	bool whole;
};

struct waiting { /* on the stack of who waits */
	struct list link;
	void *owner, *holder;
};

#define FRAMES_PER_LOCK \
	4 /* of memory: more ranges than that are refused, as all are walked for each new one */

uint32_t file_locks_held;
static struct spinlock lock = SPINLOCK_INIT("file locks", RANK_VNODE);
static struct list all = LIST_INIT(all), sleepers = LIST_INIT(sleepers);
static struct waitq changed = WAITQ_INIT(changed);

static bool same_owner(const struct held *h, const struct file_lock_request *q)
{
	return h->vnode == q->vnode && h->owner == q->owner && h->whole == q->whole;
}

static struct held *conflict(const struct file_lock_request *q)
{
	struct held *h;

	list_for_each(h, &all, link)
		if (h->vnode == q->vnode && h->whole == q->whole && h->owner != q->owner &&
		    h->start <= q->end && q->start <= h->end &&
		    (h->type == FILE_LOCK_WRITE || q->type == FILE_LOCK_WRITE))
			return h;
	return NULL;
}

/* Does `holder`, or whom it waits for, wait for `owner`? */
static bool circular(const void *owner, const void *holder)
{
	struct waiting *w;

	for (unsigned steps = 0; holder && steps < 64; steps++) {
		const void *next = NULL;

		if (holder == owner)
			return true;
		list_for_each(w, &sleepers, link)
			if (w->owner == holder)
				next = w->holder;
		holder = next;
	}
	return false;
}

static void discard(struct held *h, struct list *dead)
{
	list_remove(&h->link);
	list_push(dead, &h->link);
	file_locks_held--;
}

static void insert(struct held *h)
{
	list_push(&all, &h->link);
	file_locks_held++;
}

/*
 * Takes [q->start, q->end] out of what the owner has; `spare` becomes the upper part of one that is cut in
 * two.
 */
static void carve(const struct file_lock_request *q, struct held **spare, struct list *dead)
{
	struct held *h, *tmp;

	list_for_each_safe(h, tmp, &all, link)
	{
		if (!same_owner(h, q) || h->start > q->end || q->start > h->end)
			continue;
		if (h->start < q->start && h->end > q->end) {
			**spare = *h;
			(*spare)->start = q->end + 1;
			h->end = q->start - 1;
			insert(*spare);
			*spare = NULL;
		} else if (h->start < q->start) {
			h->end = q->start - 1;
		} else if (h->end > q->end) {
			h->start = q->end + 1;
		} else {
			discard(h, dead);
		}
	}
}

/* Joins the new range with neighbours of its type. */
static void join(struct held *new, struct list *dead)
{
	struct held *h, *tmp;

	list_for_each_safe(h, tmp, &all, link)
	{
		if (h == new || h->vnode != new->vnode || h->owner != new->owner || h->whole != new->whole ||
		    h->type != new->type)
			continue;
		if (h->end != INT64_MAX && h->end + 1 == new->start)
			new->start = h->start;
		else if (new->end != INT64_MAX &&new->end + 1 == h->start)
			new->end = h->end;
		else
			continue;
		discard(h, dead);
	}
}

static int wait_for(struct file_lock_request *q)
{
	struct held *h;
	int r = 0;

	while (!r && q->type != FILE_UNLOCK && (h = conflict(q))) {
		struct waiting w = { .owner = q->owner, .holder = h->owner };

		if (!q->wait)
			return -EAGAIN;
		if (!q->whole && q->pid >= 0 && circular(q->owner, h->owner))
			return -EDEADLK;
		list_push(&sleepers, &w.link);
		r = waitq_sleep_intr(&changed, &lock);
		list_remove(&w.link);
	}
	return r;
}

/* flock(2): another kind of lock means letting the old one go first, so that two who convert do not wait for each other. */
static void let_go_to_convert(const struct file_lock_request *q, struct list *dead)
{
	struct held *h, *tmp;

	list_for_each_safe(h, tmp, &all, link) if (same_owner(h, q) && h->type != q->type) discard(h, dead);
	if (!list_empty(dead))
		waitq_wake_all(&changed);
}

static void bury(struct list *dead)
{
	struct list *l;

	while ((l = list_pop(dead)))
		kfree(list_entry(l, struct held, link));
}

int file_lock(struct file_lock_request *q)
{
	struct held *new = kzalloc(sizeof(*new)), *spare = kzalloc(sizeof(*spare));
	struct list dead = LIST_INIT(dead);
	int r;

	if (!new || !spare ||
	    (q->type != FILE_UNLOCK && file_locks_held > (frame_end - frame_first) / FRAMES_PER_LOCK)) {
		kfree(new);
		kfree(spare);
		return -ENOLCK;
	}
	spin_lock(&lock);
	if (q->whole)
		let_go_to_convert(q, &dead);
	r = wait_for(q);
	if (!r) {
		carve(q, &spare, &dead);
		if (q->type != FILE_UNLOCK) {
			*new = (struct held){ .vnode = q->vnode,
					      .owner = q->owner,
					      .type = q->type,
					      .start = q->start,
					      .end = q->end,
					      .pid = q->pid,
					      .whole = q->whole };
			insert(new);
			join(new, &dead);
			new = NULL;
		}
		waitq_wake_all(&changed);
	}
	spin_unlock(&lock);
	bury(&dead);
	kfree(new);
	kfree(spare);
	return r;
}

void file_lock_test(struct file_lock_request *q)
{
	struct held *h;

	spin_lock(&lock);
	h = conflict(q);
	if (h) {
		q->type = h->type;
		q->start = h->start;
		q->end = h->end;
		q->pid = h->pid;
	} else {
		q->type = FILE_UNLOCK;
	}
	spin_unlock(&lock);
}

void file_locks_drop(struct vnode *v, void *owner)
{
	struct list dead = LIST_INIT(dead);
	struct held *h, *tmp;

	spin_lock(&lock);
	list_for_each_safe(h, tmp, &all, link) if (h->vnode == v && h->owner == owner) discard(h, &dead);
	waitq_wake_all(&changed);
	spin_unlock(&lock);
	bury(&dead);
}
