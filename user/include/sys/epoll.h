/* SPDX-License-Identifier: ISC */
/* Watching many descriptors. */
#ifndef _SYS_EPOLL_H
#define _SYS_EPOLL_H

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#define EPOLL_CLOEXEC  O_CLOEXEC
#define EPOLLIN	       0x1u
#define EPOLLPRI       0x2u
#define EPOLLOUT       0x4u
#define EPOLLERR       0x8u
#define EPOLLHUP       0x10u
#define EPOLLRDNORM    0x40u
#define EPOLLWRNORM    0x100u
#define EPOLLRDHUP     0x2000u
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP    (1u << 29)
#define EPOLLONESHOT   (1u << 30)
#define EPOLLET	       (1u << 31)
#define EPOLL_CTL_ADD  1
#define EPOLL_CTL_DEL  2
#define EPOLL_CTL_MOD  3

typedef union epoll_data {
	void *ptr;
	int fd;
	uint32_t u32;
	uint64_t u64;
} epoll_data_t;
struct epoll_event {
	uint32_t events;
	epoll_data_t data;
};

int epoll_create(int size);
int epoll_create1(int flags);
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int epoll_wait(int epfd, struct epoll_event *events, int n, int ms);
int epoll_pwait(int epfd, struct epoll_event *events, int n, int ms, const sigset_t *mask);

#endif
