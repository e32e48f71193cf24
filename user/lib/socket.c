/* SPDX-License-Identifier: ISC */
/* Sockets. */
#include "libc.h"
#include <sys/socket.h>

int socket(int family, int type, int protocol)
{
	return SC(SYS_socket, family, type, protocol);
}

int socketpair(int family, int type, int protocol, int fd[2])
{
	return SC(SYS_socketpair, family, type, protocol, fd);
}

int shutdown(int fd, int how)
{
	return SC(SYS_shutdown, fd, how);
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return SC(SYS_sendto, fd, buf, n, flags, 0, 0);
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return SC(SYS_recvfrom, fd, buf, n, flags, 0, 0);
}

int getpeername(int fd, struct sockaddr *a, socklen_t *n)
{
	return SC(SYS_getpeername, fd, a, n);
}

int getsockname(int fd, struct sockaddr *a, socklen_t *n)
{
	return SC(SYS_getsockname, fd, a, n);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *n)
{
	return SC(SYS_getsockopt, fd, level, option, value, n);
}
