/* SPDX-License-Identifier: ISC */
/* Descriptors to wait on: epoll, eventfd, timerfd, signalfd. */
#include "libc.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int epoll_create1(int flags)
{
	return SC(SYS_epoll_create1, flags);
}

int epoll_create(int size)
{
	if (size <= 0) {
		errno = EINVAL;
		return -1;
	}
	return epoll_create1(0);
}

int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return SC(SYS_epoll_ctl, epfd, op, fd, event);
}

int epoll_pwait(int epfd, struct epoll_event *events, int n, int ms, const sigset_t *mask)
{
	return SC(SYS_epoll_pwait, epfd, events, n, ms, mask, sizeof(sigset_t));
}

int epoll_wait(int epfd, struct epoll_event *events, int n, int ms)
{
	return epoll_pwait(epfd, events, n, ms, 0);
}

int eventfd(unsigned count, int flags)
{
	return SC(SYS_eventfd2, count, flags);
}

int eventfd_read(int fd, eventfd_t *value)
{
	return read(fd, value, sizeof *value) == sizeof *value ? 0 : -1;
}

int eventfd_write(int fd, eventfd_t value)
{
	return write(fd, &value, sizeof value) == sizeof value ? 0 : -1;
}

int timerfd_create(int clock, int flags)
{
	return SC(SYS_timerfd_create, clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	return SC(SYS_timerfd_settime, fd, flags, value, old);
}

int timerfd_gettime(int fd, struct itimerspec *value)
{
	return SC(SYS_timerfd_gettime, fd, value);
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
	return SC(SYS_signalfd4, fd, mask, sizeof *mask, flags);
}
