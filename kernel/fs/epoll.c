/* SPDX-License-Identifier: ISC */
/*
 * epoll(7). An epoll has an item for each (file, descriptor) it watches. The item hangs in the wait queue that the
 * file's poll operation names; each wake-up there calls item_woken, which puts the item on the ready list. So the
 * list names all that may be ready; who waits takes items off it, asks their files, and puts back those that are
 * ready and level-triggered.
 *
 * Locks: e->mutex guards the set of items, and is held while files are asked; one of an epoll that watches another
 * is taken first (watching in circles is refused; nest_mutex holds the shape still while that is looked at).
 * watch_mutex, inside it, guards the lists of the items that watch a file. e->lock (spinning) guards the ready list.
 *
 * A file that is watched is not referenced: its end takes it out of all epolls.
 */
#include "fs/epoll.h"
#include "arch/user.h"
#include "fs/pipe.h"
#include "lib/string.h"
#include "lib/tree.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"

#define WATCHES_PART 25
#define MAX_NESTS    4 /* an epoll in an epoll in ... */
#define PRIVATE	     (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define ALWAYS	     (POLLERR | POLLHUP)

struct epoll {
	struct mutex mutex;
	struct tree items;
	uint32_t nitems; /* changed with the mutex */
	struct spinlock lock;
	struct list ready; /* [lock] struct epoll_item.ready */
	struct waitq wait; /* epoll_wait, and who polls this file */
	struct file *file; /* its own, for those that watch it */
	uint32_t refs;	   /* [a] the file, and epoll_forget at work */
};

struct epoll_item {
	struct tree_node node;
	struct epoll *epoll;
	struct file *file;
	int fd;
	struct waiter waiter;
	struct waitq *queue;
	struct list ready;	 /* [epoll->lock] */
	struct epoll_item *next; /* [watch_mutex] of file->watchers */
	struct epoll_event event;
};

static struct mutex watch_mutex = { .lock = SPINLOCK_INIT("epoll watchers", RANK_NONE),
				    .waiters = WAITQ_INIT(watch_mutex.waiters) };
static struct mutex nest_mutex = { .lock = SPINLOCK_INIT("epoll nests", RANK_NONE),
				   .waiters = WAITQ_INIT(nest_mutex.waiters) };

static uint64_t nwatches; /* [a] */
static const struct vnode_ops epoll_ops;

int epoll_of(struct file *f, struct epoll **out)
{
	if (f->vnode->ops != &epoll_ops)
		return -EINVAL;
	*out = f->data;
	return 0;
}

static void epoll_unref(struct epoll *e)
{
	if (!__atomic_sub_fetch(&e->refs, 1, __ATOMIC_ACQ_REL))
		kfree(e);
}

/* ---- the ready list ---- */

static void make_ready(struct epoll_item *i)
{
	struct epoll *e = i->epoll;

	spin_lock(&e->lock);
	if (list_empty(&i->ready))
		list_append(&e->ready, &i->ready);
	spin_unlock(&e->lock);
}

/* With the lock of the queue that the item is in held. */
static void item_woken(struct waiter *w)
{
	struct epoll_item *i = container_of(w, struct epoll_item, waiter);

	make_ready(i);
	waitq_wake_nested(&i->epoll->wait);
}

static struct epoll_item *take_ready(struct epoll *e)
{
	struct list *l;

	spin_lock(&e->lock);
	l = list_pop(&e->ready);
	spin_unlock(&e->lock);
	return l ? list_entry(l, struct epoll_item, ready) : NULL;
}

static unsigned count_ready(struct epoll *e)
{
	struct epoll_item *i;
	unsigned n = 0;

	spin_lock(&e->lock);
	list_for_each(i, &e->ready, ready)
		n++;
	spin_unlock(&e->lock);
	return n;
}

/* What of the events asked for the file has. Having had one, a one-shot item asks for nothing. */
static uint32_t item_events(struct epoll_item *i)
{
	uint32_t asked = i->event.events & ~PRIVATE, events;
	struct waitq *q;

	if (!asked)
		return 0;
	events = i->file->vnode->ops->poll(i->file, &q);
	events |= (events & POLLIN ? POLLRDNORM : 0) | (events & POLLOUT ? POLLWRNORM : 0);
	return events & asked;
}

/* ---- items ---- */

static int compare(const struct epoll_item *i, const struct file *f, int fd)
{
	return i->file != f ? (i->file < f ? -1 : 1) : i->fd != fd ? (i->fd < fd ? -1 : 1) : 0;
}

static struct epoll_item *find(struct epoll *e, const struct file *f, int fd)
{
	struct tree_node *at = e->items.root;

	while (at) {
		struct epoll_item *i = tree_entry(at, struct epoll_item, node);
		int c = compare(i, f, fd);

		if (!c)
			return i;
		at = c > 0 ? at->left : at->right;
	}
	return NULL;
}

static void insert(struct epoll *e, struct epoll_item *i)
{
	struct tree_node **link = &e->items.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = compare(tree_entry(parent, struct epoll_item, node), i->file, i->fd) > 0 ?
			       &parent->left :
			       &parent->right;
	}
	tree_link(&e->items, parent, link, &i->node);
	mutex_lock(&watch_mutex);
	i->next = i->file->watchers;
	i->file->watchers = i;
	mutex_unlock(&watch_mutex);
}

/* With e->mutex held. */
static void remove_item(struct epoll *e, struct epoll_item *i)
{
	struct epoll_item **at;

	waitq_leave(i->queue, &i->waiter);
	spin_lock(&e->lock);
	list_remove(&i->ready);
	spin_unlock(&e->lock);
	tree_remove(&e->items, &i->node);
	mutex_lock(&watch_mutex);
	for (at = &i->file->watchers; *at != i; at = &(*at)->next)
		;
	*at = i->next;
	mutex_unlock(&watch_mutex);
	e->nitems--;
	__atomic_fetch_sub(&nwatches, 1, __ATOMIC_RELAXED);
	kfree(i);
}

/* Something may be ready that was not looked at: the item says so, and who waits is woken. */
static void look_again(struct epoll *e, struct epoll_item *i)
{
	if (!item_events(i))
		return;
	make_ready(i);
	waitq_wake_all(&e->wait);
}

/* -ENOSPC: all epolls together may take one part of memory in WATCHES_PART, as on Linux. */
static struct epoll_item *item_alloc(void)
{
	uint64_t most = (frame_end - frame_first) * PAGE_SIZE / WATCHES_PART / sizeof(struct epoll_item);
	struct epoll_item *i;

	if (__atomic_add_fetch(&nwatches, 1, __ATOMIC_RELAXED) <= most) {
		i = kzalloc(sizeof(*i));
		if (i)
			return i;
		most = UINT64_MAX;
	}
	__atomic_fetch_sub(&nwatches, 1, __ATOMIC_RELAXED);
	return ERR_PTR(most == UINT64_MAX ? -ENOMEM : -ENOSPC);
}

static int add(struct epoll *e, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *i;
	struct waitq *q = NULL;

	if (find(e, f, fd))
		return -EEXIST;
	f->vnode->ops->poll(f, &q);
	if (!q)
		return -EPERM;
	i = item_alloc();
	if (IS_ERR(i))
		return PTR_ERR(i);
	i->epoll = e;
	i->file = f;
	i->fd = fd;
	i->event = *ev;
	i->event.events |= ALWAYS;
	i->queue = q;
	i->waiter.fn = item_woken;
	list_init(&i->ready);
	list_init(&i->waiter.link);
	insert(e, i);
	e->nitems++;
	waitq_join_fn(q, &i->waiter);
	look_again(e, i);
	return 0;
}

static int modify(struct epoll *e, struct epoll_item *i, const struct epoll_event *ev)
{
	if (!i)
		return -ENOENT;
	if ((i->event.events | ev->events) & EPOLLEXCLUSIVE)
		return -EINVAL;
	i->event = *ev;
	i->event.events |= ALWAYS;
	look_again(e, i);
	return 0;
}

/* ---- epolls that watch epolls ---- */

/* How many more lie below e, at most; -ELOOP if `seek` is among them, or too many are. */
static int depth_below(struct epoll *e, const struct epoll *seek, unsigned level)
{
	struct tree_node *at;
	int deepest = 0;

	if (e == seek || level > MAX_NESTS)
		return -ELOOP;
	mutex_lock(&e->mutex);
	for (at = tree_first(&e->items); at && deepest >= 0; at = tree_next(at)) {
		struct epoll *below;
		int depth;

		if (epoll_of(tree_entry(at, struct epoll_item, node)->file, &below))
			continue;
		depth = depth_below(below, seek, level + 1);
		deepest = depth < 0 ? depth : MAX(deepest, depth + 1);
	}
	mutex_unlock(&e->mutex);
	return deepest;
}

/* The same above it, with watch_mutex held; nest_mutex keeps the chains short. */
static int depth_above(const struct epoll *e)
{
	int highest = 0;

	for (struct epoll_item *i = e->file->watchers; i; i = i->next)
		highest = MAX(highest, depth_above(i->epoll) + 1);
	return highest;
}

static int check_nesting(struct epoll *e, struct epoll *target)
{
	int below = depth_below(target, e, 0), above;

	if (below < 0)
		return below;
	mutex_lock(&watch_mutex);
	above = depth_above(e);
	mutex_unlock(&watch_mutex);
	return above + 1 + below > MAX_NESTS ? -ELOOP : 0;
}

/* ---- the calls ---- */

static int change(struct epoll *e, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *i;
	int r = 0;

	mutex_lock(&e->mutex);
	i = find(e, f, fd);
	if (op == EPOLL_CTL_ADD)
		r = add(e, f, fd, ev);
	else if (op == EPOLL_CTL_MOD)
		r = modify(e, i, ev);
	else if (i)
		remove_item(e, i);
	else
		r = -ENOENT;
	mutex_unlock(&e->mutex);
	return r;
}

int epoll_control(struct epoll *e, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	const uint32_t with_exclusive = POLLIN | POLLOUT | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
	struct epoll *target = NULL;
	int r = 0;

	if (!f->vnode->ops || !f->vnode->ops->poll)
		return -EPERM;
	if (f->data == e && f->vnode->ops == &epoll_ops)
		return -EINVAL;
	epoll_of(f, &target);
	if (op < EPOLL_CTL_ADD || op > EPOLL_CTL_MOD)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && ev->events & EPOLLEXCLUSIVE &&
	    (op == EPOLL_CTL_MOD || target || ev->events & ~with_exclusive))
		return -EINVAL;
	if (op != EPOLL_CTL_ADD || !target)
		return change(e, op, f, fd, ev);
	mutex_lock(&nest_mutex);
	r = check_nesting(e, target);
	if (!r)
		r = change(e, op, f, fd, ev);
	mutex_unlock(&nest_mutex);
	return r;
}

/* With e->mutex held. The events that there are now, each file asked at most once. */
static int64_t harvest(struct epoll *e, uint64_t uevents, unsigned n)
{
	unsigned looks = count_ready(e), got = 0;
	struct epoll_item *i;

	while (looks-- && got < n && (i = take_ready(e))) {
		struct epoll_event out;

		memset(&out, 0, sizeof(out)); /* its padding, too */
		out.events = item_events(i);
		out.data = i->event.data;
		if (!out.events)
			continue;
		if (put_user(uevents + got * sizeof(out), &out, sizeof(out))) {
			make_ready(i);
			return got ? (int64_t)got : -EFAULT;
		}
		got++;
		if (i->event.events & EPOLLONESHOT)
			i->event.events &= PRIVATE;
		else if (!(i->event.events & EPOLLET))
			make_ready(i);
	}
	return got;
}

static bool may_be_ready(struct epoll *e)
{
	return __atomic_load_n(&e->ready.next, __ATOMIC_RELAXED) != &e->ready;
}

int64_t epoll_wait(struct epoll *e, uint64_t uevents, unsigned n, uint64_t deadline_ns)
{
	struct waiter w;
	int64_t got;
	int r = 0;

	for (;;) {
		mutex_lock(&e->mutex);
		got = harvest(e, uevents, n);
		mutex_unlock(&e->mutex);
		if (got || r || !deadline_ns)
			break;
		waitq_join(&e->wait, &w);
		if (!may_be_ready(e))
			r = waitq_sleep_any(&w, 1, deadline_ns, true);
		waitq_leave(&e->wait, &w);
	}
	return got ? got : r == -ERESTARTSYS ? -EINTR : 0;
}

/* ---- as a file ---- */

/* Ready when something it watches is. What is found not to be leaves the list. */
static unsigned epoll_poll(struct file *f, struct waitq **wait)
{
	struct epoll *e = f->data;
	struct epoll_item *i;
	unsigned events = 0;

	*wait = &e->wait;
	mutex_lock(&e->mutex);
	while (!events && (i = take_ready(e)))
		if (item_events(i)) {
			make_ready(i);
			events = POLLIN;
		}
	mutex_unlock(&e->mutex);
	return events;
}

static void epoll_release(struct file *f)
{
	struct epoll *e = f->data;
	struct tree_node *at;

	mutex_lock(&e->mutex);
	while ((at = tree_first(&e->items)))
		remove_item(e, tree_entry(at, struct epoll_item, node));
	mutex_unlock(&e->mutex);
	epoll_unref(e);
}

void epoll_forget(struct file *f)
{
	for (;;) {
		struct epoll_item *i;
		struct epoll *e;

		mutex_lock(&watch_mutex);
		i = f->watchers;
		e = i ? i->epoll : NULL;
		if (e)
			__atomic_fetch_add(&e->refs, 1, __ATOMIC_RELAXED);
		mutex_unlock(&watch_mutex);
		if (!e)
			return;
		mutex_lock(&e->mutex); /* the item may have gone before */
		mutex_lock(&watch_mutex);
		for (i = f->watchers; i && i->epoll != e; i = i->next)
			;
		mutex_unlock(&watch_mutex);
		if (i)
			remove_item(e, i);
		mutex_unlock(&e->mutex);
		epoll_unref(e);
	}
}

static size_t epoll_weight(const struct file *f)
{
	const struct epoll *e = f->data;

	return sizeof(*e) + e->nitems * sizeof(struct epoll_item);
}

static const struct vnode_ops epoll_ops = {
	.open = no_open, .release = epoll_release, .poll = epoll_poll, .weight = epoll_weight
};

int epoll_create(struct file **out)
{
	struct epoll *e = kzalloc(sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	mutex_init(&e->mutex, "epoll", RANK_NONE);
	spin_init(&e->lock, "epoll ready", RANK_READY);
	list_init(&e->ready);
	waitq_init(&e->wait);
	e->refs = 1;
	r = anonymous_file(&epoll_ops, e, O_RDWR, "anon_inode:[eventpoll]", out);
	if (r)
		kfree(e);
	else
		e->file = *out;
	return r;
}
