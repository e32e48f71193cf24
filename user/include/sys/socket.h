/* SPDX-License-Identifier: ISC */
/* Sockets: connected pairs of streams. */
#ifndef _SYS_SOCKET_H
#define _SYS_SOCKET_H

#include <fcntl.h>
#include <sys/types.h>

typedef unsigned socklen_t;
typedef unsigned short sa_family_t;
struct sockaddr {
	sa_family_t sa_family;
	char sa_data[14];
};
#define AF_UNIX	      1
#define AF_INET	      2
#define PF_UNIX	      AF_UNIX
#define SOCK_STREAM   1
#define SOCK_DGRAM    2
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC  O_CLOEXEC
#define SOL_SOCKET    1
#define SO_TYPE	      3
#define SO_ERROR      4
#define SHUT_RD	      0
#define SHUT_WR	      1
#define SHUT_RDWR     2
#define MSG_DONTWAIT  0x40
#define MSG_NOSIGNAL  0x4000
int socket(int family, int type, int protocol);
int socketpair(int family, int type, int protocol, int fd[2]);
int shutdown(int fd, int how);
ssize_t send(int fd, const void *buf, size_t n, int flags);
ssize_t recv(int fd, void *buf, size_t n, int flags);
int getpeername(int fd, struct sockaddr *a, socklen_t *n);
int getsockname(int fd, struct sockaddr *a, socklen_t *n);
int getsockopt(int fd, int level, int option, void *value, socklen_t *n);

#endif
