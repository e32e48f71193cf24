/* SPDX-License-Identifier: ISC */
/* Waiting for file descriptors. */
#ifndef _POLL_H
#define _POLL_H

#include <signal.h>
#include <time.h>
#define POLLIN	   1
#define POLLPRI	   2
#define POLLOUT	   4
#define POLLERR	   8
#define POLLHUP	   16
#define POLLNVAL   32
#define POLLRDNORM 64
#define POLLRDHUP  0x2000
#define POLLWRNORM 256
typedef unsigned long nfds_t;
struct pollfd {
	int fd;
	short events;
	short revents;
};
int poll(struct pollfd *fds, nfds_t n, int ms);
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask);

#endif
