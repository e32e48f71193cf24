/* SPDX-License-Identifier: ISC */
/* eventfd(2): a file that is a counter. Reading waits until it is not 0, writing until there is room. */
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "vm/frames/kmem.h"

#define MOST (UINT64_MAX - 1)

struct eventfd {
	struct spinlock lock;
	uint64_t count; /* [lock] */
	bool semaphore; /* [c] a read takes 1 */
	struct waitq wait;
};

static ssize_t eventfd_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	struct eventfd *e = f->data;
	uint64_t value = 0;
	int r = 0;

	if (u->left < sizeof(value))
		return -EINVAL;
	spin_lock(&e->lock);
	while (!e->count && !r)
		r = f->flags & O_NONBLOCK ? -EAGAIN : waitq_sleep_intr(&e->wait, &e->lock);
	if (!r) {
		value = e->semaphore ? 1 : e->count;
		e->count -= value;
		waitq_wake_all(&e->wait);
	}
	spin_unlock(&e->lock);
	if (!r)
		r = uio_out(u, &value, sizeof(value));
	return r ? r : (ssize_t)sizeof(value);
}

static ssize_t eventfd_write(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	struct eventfd *e = f->data;
	uint64_t value;
	int r = 0;

	if (u->left < sizeof(value))
		return -EINVAL;
	if (uio_in(u, &value, sizeof(value)))
		return -EFAULT;
	if (value > MOST)
		return -EINVAL;
	spin_lock(&e->lock);
	while (value > MOST - e->count && !r)
		r = f->flags & O_NONBLOCK ? -EAGAIN : waitq_sleep_intr(&e->wait, &e->lock);
	if (!r) {
		e->count += value;
		waitq_wake_all(&e->wait);
	}
	spin_unlock(&e->lock);
	return r ? r : (ssize_t)sizeof(value);
}

static unsigned eventfd_poll(struct file *f, struct waitq **wait)
{
	struct eventfd *e = f->data;
	uint64_t count;

	*wait = &e->wait;
	spin_lock(&e->lock);
	count = e->count;
	spin_unlock(&e->lock);
	return (count ? POLLIN : 0) | (count < MOST ? POLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->data);
}

static const struct vnode_ops eventfd_ops = { .open = no_open,
					      .release = eventfd_release,
					      .read = eventfd_read,
					      .write = eventfd_write,
					      .poll = eventfd_poll };

int eventfd_create(uint64_t count, bool semaphore, uint32_t flags, struct file **out)
{
	struct eventfd *e = kzalloc(sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	spin_init(&e->lock, "eventfd", RANK_FILES);
	waitq_init(&e->wait);
	e->count = count;
	e->semaphore = semaphore;
	r = anonymous_file(&eventfd_ops, e, O_RDWR | flags, "anon_inode:[eventfd]", out);
	if (r)
		kfree(e);
	return r;
}
