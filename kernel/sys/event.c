/* SPDX-License-Identifier: ISC */
/* System calls that make descriptors to wait on: epoll, eventfd, timerfd, signalfd. */
#include "arch/cpu.h"
#include "fs/epoll.h"
#include "lib/string.h"
#include "sys/files.h"

#define NS 1000000000l

/* Gives the file a descriptor; r: what making it returned. */
static int64_t install(int r, struct file *f, bool cloexec)
{
	int fd;

	if (r)
		return r;
	fd = fd_install(proc_current()->files, f, 0, cloexec);
	if (fd < 0)
		file_unref(f);
	return fd;
}

/* ---- epoll ---- */

int64_t sys_epoll_create1(const uint64_t *a)
{
	struct file *f = NULL;

	if (a[0] & ~(uint64_t)O_CLOEXEC)
		return -EINVAL;
	return install(epoll_create(&f), f, a[0] & O_CLOEXEC);
}

int64_t sys_epoll_ctl(const uint64_t *a)
{
	struct fdtable *t = proc_current()->files;
	struct epoll_event ev = { 0 };
	struct file *f, *target;
	struct epoll *e;
	int r = -EBADF;

	if ((int)a[1] != EPOLL_CTL_DEL && get_user(&ev, a[3], sizeof(ev)))
		return -EFAULT;
	f = fd_get(t, a[0]);
	target = fd_get(t, a[2]);
	if (f && target && !((f->flags | target->flags) & O_PATH)) {
		r = epoll_of(f, &e);
		if (r && (!target->vnode->ops || !target->vnode->ops->poll))
			r = -EPERM; /* as Linux: the target is looked at first */
		if (!r)
			r = epoll_control(e, (int)a[1], target, (int)a[2], &ev);
	}
	if (f)
		file_unref(f);
	if (target)
		file_unref(target);
	return r;
}

static int64_t wait_for_events(const uint64_t *a, uint64_t deadline, uint64_t umask, uint64_t size)
{
	uint64_t old_mask;
	struct epoll *e;
	struct file *f;
	int64_t r;
	int masked;

	if ((int)a[2] <= 0 || a[2] > INT32_MAX / sizeof(struct epoll_event))
		return -EINVAL;
	if (a[1] > USER_TOP || a[2] * sizeof(struct epoll_event) > USER_TOP - a[1])
		return -EFAULT;
	f = fd_get(proc_current()->files, a[0]);
	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : epoll_of(f, &e);
	masked = r ? 0 : wait_mask_begin(umask, size, &old_mask);
	if (masked < 0)
		r = masked;
	if (!r)
		r = epoll_wait(e, a[1], a[2], deadline);
	if (masked > 0)
		wait_mask_end(old_mask, r == -EINTR);
	file_unref(f);
	return r;
}

int64_t sys_epoll_pwait(const uint64_t *a)
{
	int ms = (int)a[3];
	uint64_t deadline = ms < 0 ? UINT64_MAX : ms == 0 ? 0 : time_ns() + ms * 1000000ul;

	return wait_for_events(a, deadline, a[4], a[5]);
}

int64_t sys_epoll_pwait2(const uint64_t *a)
{
	uint64_t deadline;
	int r = wait_deadline(a[3], &deadline);

	return r ? r : wait_for_events(a, deadline, a[4], a[5]);
}

/* ---- eventfd ---- */

int64_t sys_eventfd2(const uint64_t *a)
{
	enum { SEMAPHORE = 1 };
	struct file *f = NULL;

	if (a[1] & ~(uint64_t)(SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	return install(eventfd_create((uint32_t)a[0], a[1] & SEMAPHORE, a[1] & O_NONBLOCK, &f), f,
		       a[1] & O_CLOEXEC);
}

/* ---- timerfd ---- */

int64_t sys_timerfd_create(const uint64_t *a)
{
	enum { REALTIME, MONOTONIC, BOOTTIME = 7 };
	struct file *f = NULL;

	if (a[1] & ~(uint64_t)(O_NONBLOCK | O_CLOEXEC) ||
	    (a[0] != REALTIME && a[0] != MONOTONIC && a[0] != BOOTTIME))
		return -EINVAL;
	return install(timerfd_create((int)a[0], a[1] & O_NONBLOCK, &f), f, a[1] & O_CLOEXEC);
}

struct itimerspec {
	struct timespec interval, value;
};

static bool time_ok(const struct timespec *t)
{
	return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < NS;
}

static uint64_t to_ns(const struct timespec *t)
{
	return t->tv_sec >= INT64_MAX / NS ? (uint64_t)INT64_MAX : (uint64_t)(t->tv_sec * NS + t->tv_nsec);
}

static int put_times(uint64_t uaddr, uint64_t left, uint64_t interval)
{
	struct itimerspec out = { .interval = { interval / NS, interval % NS },
				  .value = { left / NS, left % NS } };

	return put_user(uaddr, &out, sizeof(out));
}

int64_t sys_timerfd_settime(const uint64_t *a)
{
	uint64_t left = 0, interval = 0;
	struct itimerspec new;
	struct file *f;
	int r;

	if (get_user(&new, a[2], sizeof(new)))
		return -EFAULT;
	if (a[1] & ~(uint64_t)(TIMERFD_ABSOLUTE | TIMERFD_CANCEL_ON_SET) || !time_ok(&new.interval) ||
	    !time_ok(&new.value))
		return -EINVAL;
	f = fd_get(proc_current()->files, a[0]);
	if (!f)
		return -EBADF;
	r = timerfd_set(f, a[1], to_ns(&new.value), to_ns(&new.interval), &left, &interval);
	file_unref(f);
	return r ? r : a[3] ? put_times(a[3], left, interval) : 0;
}

int64_t sys_timerfd_gettime(const uint64_t *a)
{
	struct file *f = fd_get(proc_current()->files, a[0]);
	uint64_t left, interval;
	int r;

	if (!f)
		return -EBADF;
	r = timerfd_get(f, &left, &interval);
	file_unref(f);
	return r ? r : put_times(a[1], left, interval);
}

/* ---- signalfd ---- */

int64_t sys_signalfd4(const uint64_t *a)
{
	struct file *f = NULL;
	uint64_t mask;
	int r;

	if (a[3] & ~(uint64_t)(O_NONBLOCK | O_CLOEXEC) || a[2] != sizeof(mask))
		return -EINVAL;
	if (get_user(&mask, a[1], sizeof(mask)))
		return -EFAULT;
	if ((int)a[0] == -1)
		return install(signalfd_create(mask, a[3] & O_NONBLOCK, &f), f, a[3] & O_CLOEXEC);
	f = fd_get(proc_current()->files, a[0]);
	if (!f)
		return -EBADF;
	r = signalfd_set(f, mask);
	file_unref(f);
	return r ? r : (int)a[0];
}
