/* SPDX-License-Identifier: ISC */
/*
 * System calls on sockets. There are pairs of stream sockets (socketpair) and no others: no family has addresses, so
 * nothing can be bound or connected.
 */
#include "fs/socket.h"
#include "fs/pipe.h"
#include "sys/files.h"

#define AF_UNIX	     1
#define SOCK_STREAM  1
#define SOL_SOCKET   1
#define SO_TYPE	     3
#define SO_ERROR     4
#define SO_DOMAIN    39
#define MSG_DONTWAIT 0x40
#define MSG_NOSIGNAL 0x4000

int64_t sys_socket(const uint64_t *a __unused)
{
	return -EAFNOSUPPORT;
}

int64_t sys_socketpair(const uint64_t *a)
{
	struct fdtable *t = proc_current()->files;
	int type = (int)a[1] & ~(O_NONBLOCK | O_CLOEXEC), fds[2], r;
	bool cloexec = a[1] & O_CLOEXEC;
	struct file *ends[2];

	if ((int)a[0] != AF_UNIX)
		return -EAFNOSUPPORT;
	if (type != SOCK_STREAM || ((int)a[2] != 0 && (int)a[2] != AF_UNIX))
		return -EPROTONOSUPPORT;
	r = socket_pair(a[1] & O_NONBLOCK, ends);
	if (r)
		return r;
	fds[0] = fd_install(t, ends[0], 0, cloexec);
	fds[1] = fds[0] < 0 ? fds[0] : fd_install(t, ends[1], 0, cloexec);
	if (fds[1] < 0) {
		if (fds[0] >= 0)
			fd_close(t, fds[0]);
		else
			file_unref(ends[0]);
		file_unref(ends[1]);
		return fds[1];
	}
	if (put_user(a[3], fds, sizeof(fds))) {
		fd_close(t, fds[0]);
		fd_close(t, fds[1]);
		return -EFAULT;
	}
	return 0;
}

/* The socket of a descriptor, referenced: 0, -EBADF, -ENOTSOCK. */
static int socket_get(int fd, struct file **out)
{
	struct file *f = fd_get(proc_current()->files, fd);

	if (!f)
		return -EBADF;
	if (!file_is_socket(f)) {
		file_unref(f);
		return -ENOTSOCK;
	}
	*out = f;
	return 0;
}

int64_t sys_connect(const uint64_t *a)
{
	struct file *f;
	int r = socket_get(a[0], &f);

	if (r)
		return r;
	file_unref(f);
	return -EISCONN;
}

/* No names: the family alone. */
static int64_t put_name(const uint64_t *a)
{
	const uint16_t family = AF_UNIX;
	uint32_t room, size = sizeof(family);
	struct file *f;
	int r = socket_get(a[0], &f);

	if (r)
		return r;
	file_unref(f);
	if (get_user(&room, a[2], sizeof(room)))
		return -EFAULT;
	if ((int32_t)room < 0)
		return -EINVAL;
	return put_user(a[1], &family, MIN(room, size)) || put_user(a[2], &size, sizeof(size)) ? -EFAULT : 0;
}

int64_t sys_getpeername(const uint64_t *a)
{
	return put_name(a);
}

int64_t sys_getsockname(const uint64_t *a)
{
	return put_name(a);
}

int64_t sys_getsockopt(const uint64_t *a)
{
	int32_t room, value, size = sizeof(value);
	struct file *f;
	int r = socket_get(a[0], &f);

	if (r)
		return r;
	file_unref(f);
	if (get_user(&room, a[4], sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (a[1] != SOL_SOCKET || (a[2] != SO_TYPE && a[2] != SO_ERROR && a[2] != SO_DOMAIN))
		return -ENOPROTOOPT;
	value = a[2] == SO_TYPE ? SOCK_STREAM : a[2] == SO_DOMAIN ? AF_UNIX : 0;
	size = MIN(room, size);
	return put_user(a[3], &value, size) || put_user(a[4], &size, sizeof(size)) ? -EFAULT : 0;
}

int64_t sys_shutdown(const uint64_t *a)
{
	struct file *f;
	int r = socket_get(a[0], &f);

	if (r)
		return r;
	r = socket_shutdown(f, (int)a[1]);
	file_unref(f);
	return r;
}

int64_t sys_sendto(const uint64_t *a)
{
	struct uio u = { .user = true, .addr = a[1], .left = MIN(a[2], RW_MAX) };
	struct file *f;
	int64_t r = socket_get(a[0], &f);

	if (r)
		return r;
	if (a[4])
		r = -EISCONN;
	else if (a[3] & ~(uint64_t)(MSG_DONTWAIT | MSG_NOSIGNAL))
		r = -EOPNOTSUPP;
	else
		r = socket_send(f, &u, f->flags & O_NONBLOCK || a[3] & MSG_DONTWAIT);
	file_unref(f);
	return a[3] & MSG_NOSIGNAL ? r : write_signal(r);
}

int64_t sys_recvfrom(const uint64_t *a)
{
	struct uio u = { .user = true, .addr = a[1], .left = MIN(a[2], RW_MAX) };
	const uint32_t none = 0;
	struct file *f;
	int64_t r = socket_get(a[0], &f);

	if (r)
		return r;
	r = a[3] & ~(uint64_t)MSG_DONTWAIT ?
		    -EOPNOTSUPP :
		    socket_receive(f, &u, f->flags & O_NONBLOCK || a[3] & MSG_DONTWAIT);
	if (r >= 0 && a[4] && put_user(a[5], &none, sizeof(none)))
		r = -EFAULT;
	file_unref(f);
	return r;
}
