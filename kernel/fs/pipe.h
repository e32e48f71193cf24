/* SPDX-License-Identifier: ISC */
/* Pipes for the system calls: see pipe.c. */
#ifndef FS_PIPE_H
#define FS_PIPE_H

#include "fs/vnode.h"

#define PIPE_BUF      4096	/* POSIX: what is written whole */
#define PIPE_SIZE     65536	/* bytes that fit, of a new pipe */
#define PIPE_SIZE_MAX (1 << 20) /* the most that F_SETPIPE_SZ gives */

/* poll(2)'s bits, as every poll operation gives them */
#define POLLIN	   1
#define POLLPRI	   2
#define POLLOUT	   4
#define POLLERR	   8
#define POLLHUP	   16
#define POLLNVAL   32
#define POLLRDNORM 64
#define POLLRDBAND 128
#define POLLWRNORM 256

#define FIONREAD 0x541b

/* pipe2(2) without descriptors: ends[0] reads, ends[1] writes; flags O_NONBLOCK. 0, -ENOMEM. */
int pipe_create(uint32_t flags, const struct cred *cred, struct file *ends[2]);
bool vnode_is_pipe(const struct vnode *v);
/* Of a pipe's or FIFO's file: the bytes that fit; and others, rounded up, for the new size or -EBUSY (too much is in
 * it), -EPERM, -ENOMEM. Waits for readers and writers at work. */
int64_t pipe_size(struct file *f);
int64_t pipe_resize(struct file *f, size_t nbytes);

#endif
