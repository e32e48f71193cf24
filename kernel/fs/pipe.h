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

/* For sockets: a pipe without files. Ends are O_RDONLY and O_WRONLY; new ones have none. NULL: no memory. */
struct pipe;
struct pipe *pipe_alloc(void);
void pipe_free(struct pipe *p);
/* Before anyone uses it: queues that are woken when a reader's, a writer's events may have changed. */
void pipe_set_waiters(struct pipe *p, struct waitq *reader, struct waitq *writer);
void pipe_add_ends(struct pipe *p, unsigned mode);
void pipe_drop_ends(struct pipe *p, unsigned mode);
/* As read and write of the file; -EPIPE without a signal. */
ssize_t pipe_take(struct pipe *p, bool nonblock, struct uio *u);
ssize_t pipe_put(struct pipe *p, bool nonblock, struct uio *u);
/* POLL bits for an end of that mode; and the bytes that can be read. */
unsigned pipe_events(struct pipe *p, unsigned mode);
size_t pipe_nbytes(struct pipe *p);
/* About how many bytes of memory it takes. Spins only. */
size_t pipe_weight(const struct pipe *p);

#endif
