/* SPDX-License-Identifier: ISC */
/*
 * signalfd(2): a file from which a process reads the signals that are pending for it, instead of having them
 * delivered. It means the signals of whoever reads or polls, also after a fork.
 */
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/frames/kmem.h"

struct signalfd {
	uint64_t mask; /* [a] the signals it gives */
};

struct signalfd_siginfo {
	uint32_t signo;
	int32_t err, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, integer;
	uint64_t ptr, utime, stime, addr;
	uint8_t pad[48];
};
_Static_assert(sizeof(struct signalfd_siginfo) == 128, "signalfd_siginfo is part of the ABI");

/* One queue for all: a waiter finds out whether a signal was its own. */
struct waitq signalfd_waitq = WAITQ_INIT(signalfd_waitq);

static uint64_t mask_of(const struct signalfd *s)
{
	return __atomic_load_n(&s->mask, __ATOMIC_RELAXED);
}

static int put_one(struct uio *u, const struct siginfo *si)
{
	struct signalfd_siginfo out;

	memset(&out, 0, sizeof(out));
	out.signo = si->signo;
	out.err = si->err;
	out.code = si->code;
	out.pid = si->pid;
	out.uid = si->uid;
	out.status = si->status;
	out.integer = (int32_t)si->value;
	out.ptr = si->value;
	out.addr = si->addr;
	return uio_out(u, &out, sizeof(out));
}

/* As many as there are and fit; waits for the first. */
static ssize_t signalfd_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	struct signalfd *s = f->data;
	struct proc *p = proc_current();
	ssize_t total = 0;
	int r = 0;

	if (u->left < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	while (u->left >= sizeof(struct signalfd_siginfo) && !r) {
		bool wait = !total && !(f->flags & O_NONBLOCK);
		struct siginfo si;

		r = signal_wait(p, thread_current(), mask_of(s), wait ? UINT64_MAX : 0, &si);
		if (r < 0)
			break;
		r = put_one(u, &si);
		if (!r)
			total += sizeof(struct signalfd_siginfo);
	}
	return total ? total : r == -EINTR ? -ERESTARTSYS : r;
}

static unsigned signalfd_poll(struct file *f, struct waitq **wait)
{
	*wait = &signalfd_waitq;
	return signal_pending_set(thread_current()) & mask_of(f->data) ? POLLIN : 0;
}

static void signalfd_release(struct file *f)
{
	kfree(f->data);
}

static const struct vnode_ops signalfd_ops = {
	.open = no_open, .release = signalfd_release, .read = signalfd_read, .poll = signalfd_poll
};

static uint64_t takable(uint64_t mask)
{
	return mask & ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
}

int signalfd_create(uint64_t mask, uint32_t flags, struct file **out)
{
	struct signalfd *s = kzalloc(sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->mask = takable(mask);
	r = anonymous_file(&signalfd_ops, s, O_RDWR | flags, "anon_inode:[signalfd]", out);
	if (r)
		kfree(s);
	return r;
}

int signalfd_set(struct file *f, uint64_t mask)
{
	if (f->vnode->ops != &signalfd_ops)
		return -EINVAL;
	__atomic_store_n(&((struct signalfd *)f->data)->mask, takable(mask), __ATOMIC_RELAXED);
	waitq_wake_all(&signalfd_waitq);
	return 0;
}
