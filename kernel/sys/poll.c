/* SPDX-License-Identifier: ISC */
/*
 * ppoll and pselect6: for each descriptor its file's poll operation says what is ready and which queue to
 * wait on. A file without one is always ready. All queues are joined before the first look, so nothing is
 * missed in between.
 */
#include "arch/cpu.h"
#include "fs/pipe.h"
#include "lib/string.h"
#include "sys/files.h"
#include "vm/frames/kmap.h"

struct pollfd {
	int fd;
	int16_t events, revents;
};

#define FEW 8

struct poll {
	unsigned n;
	struct pollfd *fds;
	struct waiter *waiters; /* on joined[i]; at most one a descriptor */
	struct waitq **joined;
	struct file **files;
	void *memory;
	size_t npages;
	struct pollfd few_fds[FEW];
	struct waiter few_waiters[FEW];
	struct waitq *few_joined[FEW];
	struct file *few_files[FEW];
};

static int poll_begin(struct poll *p, unsigned n)
{
	size_t each = sizeof(struct pollfd) + sizeof(struct waiter) + sizeof(struct waitq *) +
		      sizeof(struct file *);

	p->n = n;
	p->fds = p->few_fds;
	p->waiters = p->few_waiters;
	p->joined = p->few_joined;
	p->files = p->few_files;
	p->npages = 0;
	if (n > FEW) {
		p->npages = DIV_ROUND_UP(n * each, PAGE_SIZE);
		p->memory = kmap_alloc(p->npages);
		if (!p->memory)
			return -ENOMEM;
		p->waiters = p->memory;
		p->joined = (struct waitq **)(p->waiters + n);
		p->files = (struct file **)(p->joined + n);
		p->fds = (struct pollfd *)(p->files + n);
	}
	for (unsigned i = 0; i < n; i++)
		p->files[i] = NULL;
	return 0;
}

static void poll_end(struct poll *p)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->files[i])
			file_unref(p->files[i]);
	if (p->npages)
		kmap_free(p->memory, p->npages);
}

/* The POLL bits of one file; *wait: its queue. */
static unsigned look(struct file *f, struct waitq **wait)
{
	unsigned events;

	*wait = NULL;
	if (f->flags & O_PATH)
		return POLLNVAL;
	if (!f->vnode->ops || !f->vnode->ops->poll)
		return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	events = f->vnode->ops->poll(f, wait);
	return events | (events & POLLIN ? POLLRDNORM : 0) | (events & POLLOUT ? POLLWRNORM : 0);
}

/* How many descriptors have something to tell. */
static int look_all(struct poll *p)
{
	int ready = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct waitq *q;

		p->fds[i].revents = 0;
		if (p->fds[i].fd < 0)
			continue;
		p->fds[i].revents = p->files[i] ? look(p->files[i], &q) &
							  (p->fds[i].events | POLLERR | POLLHUP | POLLNVAL) :
						  POLLNVAL;
		ready += p->fds[i].revents != 0;
	}
	return ready;
}

/* Joins the queues there are; their number. */
static unsigned join_all(struct poll *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++) {
		struct waitq *q = NULL;

		if (p->files[i])
			look(p->files[i], &q);
		if (!q)
			continue;
		waitq_join(q, &p->waiters[n]);
		p->joined[n++] = q;
	}
	return n;
}

/*
 * fds and files are filled in. The number of ready descriptors, 0 after the deadline (0: at once),
 * -ERESTARTNOHAND.
 */
static int poll_wait(struct poll *p, uint64_t deadline)
{
	int ready = look_all(p), r = 0;

	while (!ready && !r && deadline) {
		unsigned n = join_all(p);

		ready = look_all(p);
		if (!ready)
			r = waitq_sleep_any(p->waiters, n, deadline, true);
		for (unsigned i = 0; i < n; i++)
			waitq_leave(p->joined[i], &p->waiters[i]);
		if (!ready)
			ready = look_all(p);
	}
	return ready ? ready : r == -ERESTARTSYS ? -ERESTARTNOHAND : 0;
}

int wait_mask_begin(uint64_t umask, uint64_t size, uint64_t *old)
{
	struct thread *t = thread_current();
	uint64_t mask;

	if (!umask)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (get_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	*old = t->sigmask;
	signal_set_mask(t->proc, t, mask);
	return 1;
}

void wait_mask_end(uint64_t old, bool interrupted)
{
	struct thread *t = thread_current();

	if (interrupted) {
		t->saved_mask = old;
		t->restore_mask = true;
	} else {
		signal_set_mask(t->proc, t, old);
	}
}

static int masked_wait(struct poll *p, uint64_t deadline, uint64_t umask, uint64_t size)
{
	uint64_t old;
	int masked = wait_mask_begin(umask, size, &old), r;

	if (masked < 0)
		return masked;
	r = poll_wait(p, deadline);
	if (masked)
		wait_mask_end(old, r == -ERESTARTNOHAND);
	return r;
}

int wait_deadline(uint64_t utime, uint64_t *deadline)
{
	struct timespec ts;

	*deadline = UINT64_MAX;
	if (!utime)
		return 0;
	if (get_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= 1000000000)
		return -EINVAL;
	*deadline = 0;
	if (ts.tv_sec > INT64_MAX / 2000000000)
		*deadline = UINT64_MAX;
	else if (ts.tv_sec || ts.tv_nsec)
		*deadline = time_ns() + ts.tv_sec * 1000000000 + ts.tv_nsec;
	return 0;
}

/* Linux writes the time that is left back, as select(2)'s callers may expect. */
static void put_left(uint64_t utime, uint64_t deadline)
{
	uint64_t now = time_ns(), left = deadline > now ? deadline - now : 0;
	struct timespec ts = { left / 1000000000, left % 1000000000 };

	if (utime && deadline != UINT64_MAX && put_user(utime, &ts, sizeof(ts)))
		return; /* read-only memory: not an error */
}

int64_t sys_ppoll(const uint64_t *a)
{
	struct fdtable *t = proc_current()->files;
	uint32_t n = a[1];
	uint64_t deadline;
	struct poll p;
	int64_t r;
	int bad = 0;

	if (n > t->max)
		return -EINVAL;
	r = wait_deadline(a[2], &deadline);
	if (!r)
		r = poll_begin(&p, n);
	if (r)
		return r;
	if (get_user(p.fds, a[0], n * sizeof(struct pollfd))) {
		r = -EFAULT;
		goto out;
	}
	for (unsigned i = 0; i < n; i++) {
		if (p.fds[i].fd >= 0 && !(p.files[i] = fd_get(t, p.fds[i].fd)))
			bad++;
		p.fds[i].revents = 0;
	}
	r = masked_wait(&p, bad ? 0 : deadline, a[3], a[4]);
	for (unsigned i = 0; i < n && r >= 0; i++)
		if (put_user(a[0] + i * sizeof(struct pollfd) + offsetof(struct pollfd, revents),
			     &p.fds[i].revents, 2))
			r = -EFAULT;
	put_left(a[2], deadline);
out:
	poll_end(&p);
	return r;
}

/* ---- pselect6 ---- */

#define SELECT_IN  (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define SELECT_OUT (POLLOUT | POLLWRNORM | POLLERR)
#define SELECT_EX  POLLPRI

static const unsigned select_events[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };

/* sets[k]: the program's bit map k, of `nwords` words, or absent. */
static int select_gather(struct poll *p, unsigned nfds, uint64_t sets[3][16])
{
	struct fdtable *t = proc_current()->files;
	unsigned n = 0;

	for (unsigned fd = 0; fd < nfds; fd++) {
		struct pollfd *e = &p->fds[n];

		*e = (struct pollfd){ .fd = fd };
		for (unsigned k = 0; k < 3; k++)
			if (sets[k][fd / 64] >> (fd % 64) & 1)
				e->events |= select_events[k];
		if (!e->events)
			continue;
		p->files[n] = fd_get(t, fd);
		if (!p->files[n])
			return -EBADF;
		n++;
	}
	p->n = n;
	return 0;
}

static int select_result(const struct poll *p, uint64_t sets[3][16])
{
	int bits = 0;

	memset(sets, 0, 3 * sizeof(sets[0]));
	for (unsigned i = 0; i < p->n; i++)
		for (unsigned k = 0; k < 3; k++)
			if (p->fds[i].revents & p->fds[i].events & select_events[k]) {
				unsigned asked = k == 0 ? POLLIN : k == 1 ? POLLOUT : POLLPRI;

				if (!(p->fds[i].events & asked))
					continue; /* POLLERR belongs to the sets that the descriptor is in */
				sets[k][p->fds[i].fd / 64] |= 1ul << (p->fds[i].fd % 64);
				bits++;
			}
	return bits;
}

#define SELECT_MAX 1024

int64_t sys_pselect6(const uint64_t *a)
{
	struct {
		uint64_t mask, size;
	} sig = { 0 };
	unsigned nfds = MIN(a[0], (uint64_t)SELECT_MAX);
	size_t nbytes = DIV_ROUND_UP(nfds, 64) * 8;
	uint64_t sets[3][16], deadline;
	struct poll p;
	int64_t r;

	if ((int)a[0] < 0)
		return -EINVAL;
	memset(sets, 0, sizeof(sets));
	for (unsigned k = 0; k < 3; k++)
		if (a[1 + k] && get_user(sets[k], a[1 + k], nbytes))
			return -EFAULT;
	if (a[5] && get_user(&sig, a[5], sizeof(sig)))
		return -EFAULT;
	r = wait_deadline(a[4], &deadline);
	if (!r)
		r = poll_begin(&p, nfds);
	if (r)
		return r;
	r = select_gather(&p, nfds, sets);
	if (!r)
		r = masked_wait(&p, deadline, sig.mask, sig.size);
	if (r >= 0) {
		r = select_result(&p, sets);
		for (unsigned k = 0; k < 3; k++)
			if (a[1 + k] && put_user(a[1 + k], sets[k], nbytes))
				r = -EFAULT;
	}
	put_left(a[4], deadline);
	poll_end(&p);
	return r;
}
