/* SPDX-License-Identifier: ISC */
/*
 * socketpair(2) for streams: two pipes, crosswise. Each side has a wait queue of its own, which both pipes wake, so
 * that who polls waits in one place. The pair lives until both sides are closed.
 */
#include "fs/socket.h"
#include "arch/user.h"
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "vm/frames/kmem.h"

struct socket {
	struct pair *pair;
	unsigned side;
	uint32_t shut; /* [a] 1: does not read any more, 2: does not write */
};

struct pair {
	uint32_t refs;
	struct pipe *pipe[2]; /* side s reads pipe[s] */
	struct waitq wait[2];
	struct socket socket[2];
};

static struct pipe *in_of(const struct socket *s)
{
	return s->pair->pipe[s->side];
}

static struct pipe *out_of(const struct socket *s)
{
	return s->pair->pipe[!s->side];
}

ssize_t socket_receive(struct file *f, struct uio *u, bool nonblock)
{
	struct socket *s = f->data;

	return s->shut & 1 ? 0 : pipe_take(in_of(s), nonblock, u);
}

ssize_t socket_send(struct file *f, struct uio *u, bool nonblock)
{
	struct socket *s = f->data;

	return s->shut & 2 ? -EPIPE : pipe_put(out_of(s), nonblock, u);
}

static ssize_t socket_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return socket_receive(f, u, f->flags & O_NONBLOCK);
}

static ssize_t socket_write(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return socket_send(f, u, f->flags & O_NONBLOCK);
}

static unsigned socket_poll(struct file *f, struct waitq **wait)
{
	struct socket *s = f->data;
	unsigned in = pipe_events(in_of(s), O_RDONLY), out = pipe_events(out_of(s), O_WRONLY),
		 events = in & POLLIN;
	bool no_more = in & POLLHUP || s->shut & 1, no_reader = out & POLLERR || s->shut & 2;

	*wait = &s->pair->wait[s->side];
	if (no_more)
		events |= POLLIN | EPOLLRDHUP;
	if (no_reader || out & POLLOUT)
		events |= POLLOUT;
	if (no_more && no_reader)
		events |= POLLHUP;
	return events;
}

/* Lets go of the directions `which` that are still there. */
static void shut(struct socket *s, uint32_t which)
{
	uint32_t fresh = which & ~__atomic_fetch_or(&s->shut, which, __ATOMIC_ACQ_REL);

	if (fresh & 1)
		pipe_drop_ends(in_of(s), O_RDONLY);
	if (fresh & 2)
		pipe_drop_ends(out_of(s), O_WRONLY);
	waitq_wake_all(&s->pair->wait[s->side]);
}

int socket_shutdown(struct file *f, int how)
{
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	shut(f->data, how + 1);
	return 0;
}

static void pair_free(struct pair *p)
{
	pipe_free(p->pipe[0]);
	pipe_free(p->pipe[1]);
	kfree(p);
}

static void socket_release(struct file *f)
{
	struct socket *s = f->data;

	shut(s, 3);
	if (!__atomic_sub_fetch(&s->pair->refs, 1, __ATOMIC_ACQ_REL))
		pair_free(s->pair);
}

static int socket_ioctl(struct file *f, unsigned cmd, uint64_t uarg)
{
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	n = pipe_nbytes(in_of(f->data));
	return put_user(uarg, &n, sizeof(n));
}

static int no_fsync(struct vnode *v __unused, bool data_only __unused)
{
	return -EINVAL;
}

/* What it can still read, which is kept for it. */
static size_t socket_weight(const struct file *f)
{
	const struct socket *s = f->data;

	return pipe_weight(in_of(s)) + sizeof(*s->pair) / 2;
}

/* It has the operation, which decides what mmap(2) says of odd flags. */
static int socket_mmap(struct file *f __unused, struct object **o __unused)
{
	return -ENODEV;
}

static const struct vnode_ops socket_ops = { .open = no_open,
					     .release = socket_release,
					     .read = socket_read,
					     .write = socket_write,
					     .ioctl = socket_ioctl,
					     .poll = socket_poll,
					     .fsync = no_fsync,
					     .mmap = socket_mmap,
					     .weight = socket_weight };

bool file_is_socket(const struct file *f)
{
	return f->vnode->ops == &socket_ops && !(f->flags & O_PATH);
}

static struct pair *pair_alloc(void)
{
	struct pair *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 2;
	p->pipe[0] = pipe_alloc();
	p->pipe[1] = pipe_alloc();
	if (!p->pipe[0] || !p->pipe[1]) {
		pair_free(p);
		return NULL;
	}
	for (unsigned side = 0; side < 2; side++) {
		waitq_init(&p->wait[side]);
		p->socket[side] = (struct socket){ .pair = p, .side = side };
		pipe_set_waiters(p->pipe[side], &p->wait[side], &p->wait[!side]);
		pipe_add_ends(p->pipe[side], O_RDWR);
	}
	return p;
}

int socket_pair(uint32_t flags, struct file *ends[2])
{
	struct pair *p = pair_alloc();

	if (!p)
		return -ENOMEM;
	for (unsigned side = 0; side < 2; side++) {
		if (anonymous_file(&socket_ops, &p->socket[side], O_RDWR | flags, "socket:", &ends[side])) {
			if (side) {
				p->refs = 1;
				file_unref(ends[0]);
			} else {
				pair_free(p);
			}
			return -ENOMEM;
		}
		ends[side]->vnode->mode = S_IFSOCK | 0777;
	}
	return 0;
}
