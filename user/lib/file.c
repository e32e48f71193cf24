/* SPDX-License-Identifier: ISC */
/* Files and directories: thin entries to the kernel. */
#include "libc.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#define CWD AT_FDCWD

int openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return SC(SYS_openat, dirfd, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return SC(SYS_openat, CWD, path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
	return SC(SYS_openat, CWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int fcntl(int fd, int cmd, ...)
{
	va_list ap;

	va_start(ap, cmd);
	long arg = va_arg(ap, long);
	va_end(ap);
	return SC(SYS_fcntl, fd, cmd, arg);
}

int ioctl(int fd, unsigned long req, ...)
{
	va_list ap;

	va_start(ap, req);
	long arg = va_arg(ap, long);
	va_end(ap);
	return SC(SYS_ioctl, fd, req, arg);
}

/* One line a call; `args` are the call's own, after its number. */
#define CALL(type, name, params, ...)         \
	type name params                      \
	{                                     \
		return (type)SC(__VA_ARGS__); \
	}

// clang-format off
CALL(ssize_t, read, (int fd, void *buf, size_t n), SYS_read, fd, buf, n)
CALL(ssize_t, write, (int fd, const void *buf, size_t n), SYS_write, fd, buf, n)
CALL(ssize_t, pread, (int fd, void *buf, size_t n, off_t off), SYS_pread64, fd, buf, n, off)
CALL(ssize_t, pwrite, (int fd, const void *buf, size_t n, off_t off), SYS_pwrite64, fd, buf, n, off)
CALL(ssize_t, readv, (int fd, const struct iovec *v, int n), SYS_readv, fd, v, n)
CALL(ssize_t, writev, (int fd, const struct iovec *v, int n), SYS_writev, fd, v, n)
CALL(ssize_t, preadv, (int fd, const struct iovec *v, int n, off_t off), SYS_preadv, fd, v, n, off)
CALL(ssize_t, pwritev, (int fd, const struct iovec *v, int n, off_t off), SYS_pwritev, fd, v, n, off)
CALL(ssize_t, process_vm_readv, (pid_t pid, const struct iovec *l, unsigned long nl, const struct iovec *r,
	unsigned long nr, unsigned long flags), SYS_process_vm_readv, pid, l, nl, r, nr, flags)
CALL(ssize_t, process_vm_writev, (pid_t pid, const struct iovec *l, unsigned long nl, const struct iovec *r,
	unsigned long nr, unsigned long flags), SYS_process_vm_writev, pid, l, nl, r, nr, flags)
CALL(off_t, lseek, (int fd, off_t off, int whence), SYS_lseek, fd, off, whence)
CALL(int, close, (int fd), SYS_close, fd)
CALL(int, close_range, (unsigned first, unsigned last, int flags), SYS_close_range, first, last, flags)
CALL(int, dup, (int fd), SYS_dup, fd)
CALL(int, dup3, (int fd, int to, int flags), SYS_dup3, fd, to, flags)
CALL(int, pipe, (int fd[2]), SYS_pipe2, fd, 0)
CALL(int, pipe2, (int fd[2], int flags), SYS_pipe2, fd, flags)
CALL(int, fsync, (int fd), SYS_fsync, fd)
CALL(int, fdatasync, (int fd), SYS_fdatasync, fd)
CALL(int, syncfs, (int fd), SYS_syncfs, fd)
CALL(int, truncate, (const char *path, off_t len), SYS_truncate, path, len)
CALL(int, ftruncate, (int fd, off_t len), SYS_ftruncate, fd, len)
CALL(int, flock, (int fd, int op), SYS_flock, fd, op)
CALL(int, fallocate, (int fd, int mode, off_t off, off_t len), SYS_fallocate, fd, mode, off, len)
CALL(int, sync_file_range, (int fd, off_t off, off_t len, unsigned flags), SYS_sync_file_range, fd, off, len, flags)
CALL(ssize_t, readahead, (int fd, off_t off, size_t n), SYS_readahead, fd, off, n)
CALL(ssize_t, sendfile, (int out, int in, off_t *off, size_t n), SYS_sendfile, out, in, off, n)
CALL(ssize_t, splice, (int in, off_t *inoff, int out, off_t *outoff, size_t n, unsigned flags),
	SYS_splice, in, inoff, out, outoff, n, flags)
CALL(ssize_t, copy_file_range, (int in, off_t *inoff, int out, off_t *outoff, size_t n, unsigned flags),
	SYS_copy_file_range, in, inoff, out, outoff, n, flags)
CALL(int, access, (const char *path, int mode), SYS_faccessat, CWD, path, mode)
CALL(int, unlink, (const char *path), SYS_unlinkat, CWD, path, 0)
CALL(int, unlinkat, (int dirfd, const char *path, int flags), SYS_unlinkat, dirfd, path, flags)
CALL(int, rmdir, (const char *path), SYS_unlinkat, CWD, path, AT_REMOVEDIR)
CALL(int, link, (const char *from, const char *to), SYS_linkat, CWD, from, CWD, to, 0)
CALL(int, linkat, (int fromfd, const char *from, int tofd, const char *to, int flags),
	SYS_linkat, fromfd, from, tofd, to, flags)
CALL(int, symlink, (const char *text, const char *path), SYS_symlinkat, text, CWD, path)
CALL(int, symlinkat, (const char *text, int dirfd, const char *path), SYS_symlinkat, text, dirfd, path)
CALL(ssize_t, readlink, (const char *path, char *buf, size_t n), SYS_readlinkat, CWD, path, buf, n)
CALL(ssize_t, readlinkat, (int dirfd, const char *path, char *buf, size_t n), SYS_readlinkat, dirfd, path, buf, n)
CALL(int, rename, (const char *from, const char *to), SYS_renameat2, CWD, from, CWD, to, 0)
CALL(int, renameat, (int fromfd, const char *from, int tofd, const char *to),
	SYS_renameat2, fromfd, from, tofd, to, 0)
CALL(int, renameat2, (int fromfd, const char *from, int tofd, const char *to, unsigned flags),
	SYS_renameat2, fromfd, from, tofd, to, flags)
CALL(int, chown, (const char *path, uid_t uid, gid_t gid), SYS_fchownat, CWD, path, uid, gid, 0)
CALL(int, lchown, (const char *path, uid_t uid, gid_t gid), SYS_fchownat, CWD, path, uid, gid, AT_SYMLINK_NOFOLLOW)
CALL(int, fchown, (int fd, uid_t uid, gid_t gid), SYS_fchown, fd, uid, gid)
CALL(int, fchownat, (int dirfd, const char *path, uid_t uid, gid_t gid, int flags),
	SYS_fchownat, dirfd, path, uid, gid, flags)
CALL(int, chdir, (const char *path), SYS_chdir, path)
CALL(int, fchdir, (int fd), SYS_fchdir, fd)
CALL(int, chroot, (const char *path), SYS_chroot, path)
CALL(int, stat, (const char *path, struct stat *st), SYS_newfstatat, CWD, path, st, 0)
CALL(int, lstat, (const char *path, struct stat *st), SYS_newfstatat, CWD, path, st, AT_SYMLINK_NOFOLLOW)
CALL(int, fstat, (int fd, struct stat *st), SYS_fstat, fd, st)
CALL(int, fstatat, (int dirfd, const char *path, struct stat *st, int flags),
	SYS_newfstatat, dirfd, path, st, flags)
CALL(int, statx, (int dirfd, const char *path, int flags, unsigned mask, struct statx *st),
	SYS_statx, dirfd, path, flags, mask, st)
CALL(int, chmod, (const char *path, mode_t mode), SYS_fchmodat, CWD, path, mode)
CALL(int, fchmod, (int fd, mode_t mode), SYS_fchmod, fd, mode)
CALL(mode_t, umask, (mode_t mask), SYS_umask, mask)
CALL(int, mkdir, (const char *path, mode_t mode), SYS_mkdirat, CWD, path, mode)
CALL(int, mkdirat, (int dirfd, const char *path, mode_t mode), SYS_mkdirat, dirfd, path, mode)
CALL(int, mkfifo, (const char *path, mode_t mode), SYS_mknodat, CWD, path, (mode & 07777) | S_IFIFO, 0)
CALL(int, mknod, (const char *path, mode_t mode, dev_t dev), SYS_mknodat, CWD, path, mode, dev)
CALL(int, mknodat, (int dirfd, const char *path, mode_t mode, dev_t dev), SYS_mknodat, dirfd, path, mode, dev)
CALL(int, utimensat, (int dirfd, const char *path, const struct timespec ts[2], int flags),
	SYS_utimensat, dirfd, path, ts, flags)
CALL(int, futimens, (int fd, const struct timespec ts[2]), SYS_utimensat, fd, 0, ts, 0)
CALL(int, statfs, (const char *path, struct statfs *st), SYS_statfs, path, st)
CALL(int, fstatfs, (int fd, struct statfs *st), SYS_fstatfs, fd, st)
CALL(int, mount, (const char *src, const char *dir, const char *type, unsigned long flags, const void *data),
	SYS_mount, src, dir, type, flags, data)
CALL(int, umount, (const char *dir), SYS_umount2, dir, 0)
CALL(int, umount2, (const char *dir, int flags), SYS_umount2, dir, flags)
CALL(int, swapon, (const char *path, int flags), SYS_swapon, path, flags)
CALL(int, swapoff, (const char *path), SYS_swapoff, path)
CALL(int, ppoll, (struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask),
	SYS_ppoll, fds, n, ts, mask, sizeof(sigset_t))
CALL(ssize_t, getdents64, (int fd, void *buf, size_t n), SYS_getdents64, fd, buf, n)
// clang-format on

int dup2(int fd, int to)
{
	if (fd == to)
		return fcntl(fd, F_GETFL) < 0 ? -1 : to; /* dup3 refuses this */
	return SC(SYS_dup3, fd, to, 0);
}

void sync(void)
{
	RAW(SYS_sync);
}

int posix_fallocate(int fd, off_t off, off_t len)
{
	return (int)-RAW(SYS_fallocate, fd, 0, off, len);
}

int posix_fadvise(int fd, off_t off, off_t len, int advice)
{
	return (int)-RAW(SYS_fadvise64, fd, off, len, advice);
}

int lockf(int fd, int cmd, off_t len)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_len = len };

	switch (cmd) {
	case F_TEST:
		if (fcntl(fd, F_GETLK, &l) < 0)
			return -1;
		if (l.l_type == F_UNLCK)
			return 0;
		errno = EACCES;
		return -1;
	case F_ULOCK:
		l.l_type = F_UNLCK;
		return fcntl(fd, F_SETLK, &l);
	case F_TLOCK:
		return fcntl(fd, F_SETLK, &l);
	case F_LOCK:
		return fcntl(fd, F_SETLKW, &l);
	}
	errno = EINVAL;
	return -1;
}

/* The plain call has no flags; faccessat2 is asked only when there are some. */
int faccessat(int dirfd, const char *path, int mode, int flags)
{
	return flags ? SC(SYS_faccessat2, dirfd, path, mode, flags) : SC(SYS_faccessat, dirfd, path, mode);
}

int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
{
	if (flags) {
		errno = EOPNOTSUPP; /* links have no mode of their own */
		return -1;
	}
	return SC(SYS_fchmodat, dirfd, path, mode);
}

int remove(const char *path)
{
	int r = unlink(path);

	return r < 0 && errno == EISDIR ? rmdir(path) : r;
}

char *getcwd(char *buf, size_t n)
{
	char tmp[PATH_MAX];

	if (!buf)
		return SC(SYS_getcwd, tmp, sizeof tmp) < 0 ? 0 : strdup(tmp);
	return SC(SYS_getcwd, buf, n) < 0 ? 0 : buf;
}

int utime(const char *path, const struct utimbuf *t)
{
	struct timespec ts[2];

	if (t) {
		ts[0] = (struct timespec){ t->actime, 0 };
		ts[1] = (struct timespec){ t->modtime, 0 };
	}
	return utimensat(CWD, path, t ? ts : 0, 0);
}

int utimes(const char *path, const struct timeval tv[2])
{
	struct timespec ts[2];

	for (int i = 0; tv && i < 2; i++)
		ts[i] = (struct timespec){ tv[i].tv_sec, tv[i].tv_usec * 1000 };
	return utimensat(CWD, path, tv ? ts : 0, 0);
}

static int to_statvfs(int r, const struct statfs *s, struct statvfs *v)
{
	if (r == 0)
		*v = (struct statvfs){ .f_bsize = s->f_bsize,
				       .f_frsize = s->f_frsize ? s->f_frsize : s->f_bsize,
				       .f_blocks = s->f_blocks,
				       .f_bfree = s->f_bfree,
				       .f_bavail = s->f_bavail,
				       .f_files = s->f_files,
				       .f_ffree = s->f_ffree,
				       .f_favail = s->f_ffree,
				       .f_fsid = (unsigned)s->f_fsid.__val[0],
				       .f_flag = s->f_flags,
				       .f_namemax = s->f_namelen };
	return r;
}

int statvfs(const char *path, struct statvfs *st)
{
	struct statfs s;

	return to_statvfs(statfs(path, &s), &s, st);
}

int fstatvfs(int fd, struct statvfs *st)
{
	struct statfs s;

	return to_statvfs(fstatfs(fd, &s), &s, st);
}

int poll(struct pollfd *fds, nfds_t n, int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000l };

	return SC(SYS_ppoll, fds, n, ms < 0 ? 0 : &ts, 0, sizeof(sigset_t));
}

int pselect(int n, fd_set *r, fd_set *w, fd_set *e, const struct timespec *ts, const sigset_t *mask)
{
	struct timespec left; /* the kernel writes the time left */
	struct {
		const sigset_t *mask;
		size_t size;
	} m = { mask, sizeof *mask };

	if (ts)
		left = *ts;
	return SC(SYS_pselect6, n, r, w, e, ts ? &left : 0, &m);
}

int select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv)
{
	struct timespec ts;
	struct {
		const sigset_t *mask;
		size_t size;
	} m = { 0, sizeof(sigset_t) };

	if (tv)
		ts = (struct timespec){ tv->tv_sec, tv->tv_usec * 1000 };
	int got = SC(SYS_pselect6, n, r, w, e, tv ? &ts : 0, &m);
	if (tv) {
		tv->tv_sec = ts.tv_sec;
		tv->tv_usec = ts.tv_nsec / 1000;
	}
	return got;
}
