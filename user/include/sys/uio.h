/* SPDX-License-Identifier: ISC */
/* Scattered reads and gathered writes. */
#ifndef _SYS_UIO_H
#define _SYS_UIO_H

#include <sys/types.h>
struct iovec {
	void *iov_base;
	size_t iov_len;
};
ssize_t readv(int fd, const struct iovec *iov, int n);
ssize_t writev(int fd, const struct iovec *iov, int n);
ssize_t preadv(int fd, const struct iovec *iov, int n, off_t off);
ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t off);
ssize_t process_vm_readv(pid_t pid, const struct iovec *l, unsigned long nl, const struct iovec *r,
			 unsigned long nr, unsigned long flags);
ssize_t process_vm_writev(pid_t pid, const struct iovec *l, unsigned long nl, const struct iovec *r,
			  unsigned long nr, unsigned long flags);

#endif
