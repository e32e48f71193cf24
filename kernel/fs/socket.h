/* SPDX-License-Identifier: ISC */
/* Connected pairs of stream sockets: see socket.c. */
#ifndef FS_SOCKET_H
#define FS_SOCKET_H

#include "fs/vnode.h"

enum { SHUT_RD, SHUT_WR, SHUT_RDWR };

/* Two connected sockets; flags O_NONBLOCK. 0, -ENOMEM. */
int socket_pair(uint32_t flags, struct file *ends[2]);
bool file_is_socket(const struct file *f);
/* shutdown(2): 0, -EINVAL. */
int socket_shutdown(struct file *f, int how);
/* As read and write, but `nonblock` says whether to wait. */
ssize_t socket_receive(struct file *f, struct uio *u, bool nonblock);
ssize_t socket_send(struct file *f, struct uio *u, bool nonblock);

#endif
