/* SPDX-License-Identifier: ISC */
/*
 * Files that wait for others, count, tell the time or take signals, for the system calls: epoll.c, eventfd.c,
 * timerfd.c, signalfd.c.
 */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H

#include "fs/vnode.h"

/* epoll(7)'s bits beside poll(2)'s */
#define EPOLLRDHUP     (1u << 13)
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET	       (1u << 31)

struct epoll_event {
	uint32_t events;
	uint64_t data;
};

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };

struct epoll;
struct eventfd;
struct timerfd;

int epoll_create(struct file **out);
/* -EINVAL: f is none. */
int epoll_of(struct file *f, struct epoll **out);
/*
 * epoll_ctl(2) for the file `target` as descriptor fd; may sleep. 0, -EEXIST, -ENOENT, -EPERM (cannot be waited for),
 * -EINVAL, -ELOOP, -ENOMEM.
 */
int epoll_control(struct epoll *e, int op, struct file *target, int fd, const struct epoll_event *ev);
/*
 * Waits until the deadline (0: not at all) for events, and copies up to n to the program. Their number, -EFAULT,
 * -EINTR.
 */
int64_t epoll_wait(struct epoll *e, uint64_t uevents, unsigned n, uint64_t deadline_ns);
/* The last reference to f is gone: nobody watches it any more. */
void epoll_forget(struct file *f);

int eventfd_create(uint64_t count, bool semaphore, uint32_t flags, struct file **out);

/* clock: CLOCK_REALTIME (0) or any that runs as the monotonic one. */
int timerfd_create(int clock, uint32_t flags, struct file **out);
#define TIMERFD_ABSOLUTE      1
#define TIMERFD_CANCEL_ON_SET 2
/* -EINVAL: f is none. `first` 0 disarms; times in ns of its clock if absolute. Old ones, relative, in *left, *period. */
int timerfd_set(struct file *f, unsigned how, uint64_t first, uint64_t interval, uint64_t *left,
		uint64_t *period);
/* The wall clock was set forward by so much: those that wait for a time of it are set anew. May sleep. */
void timerfds_wall_set(int64_t delta_ns);
int timerfd_get(struct file *f, uint64_t *left, uint64_t *period);

int signalfd_create(uint64_t mask, uint32_t flags, struct file **out);
int signalfd_set(struct file *f, uint64_t mask); /* -EINVAL: f is none */

#endif
