/* SPDX-License-Identifier: ISC */
/* What the system calls on files share: descriptors, paths, credentials of the caller. */
#ifndef SYS_FILES_H
#define SYS_FILES_H

#include "arch/user.h"
#include "fs/vnode.h"
#include "proc/proc.h"
#include "sys/sys.h"

#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR	    0x200
#define AT_EACCESS	    0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT	    0x800
#define AT_EMPTY_PATH	    0x1000

/* As many bytes as one call transfers. */
#define RW_MAX 0x7ffff000ul

/*
 * The file of a descriptor of the caller, or NULL. A table that nobody shares changes only by what its one
 * thread does, which is in this call: then the table's reference is enough. file_done goes with it.
 */
static inline struct file *file_of(int fd, bool *counted)
{
	struct fdtable *t = proc_current()->files;

	*counted = __atomic_load_n(&t->refs, __ATOMIC_RELAXED) != 1;
	if (unlikely(*counted))
		return fd_get(t, fd);
	return likely((unsigned)fd < t->size) ? t->files[fd] : NULL;
}

static inline void file_done(struct file *f, bool counted)
{
	if (unlikely(counted))
		file_unref(f);
}

/* A path copied from the program: short ones need no memory. */
struct path_arg {
	char *text;
	char room[192];
};
int path_get(struct path_arg *p, uint64_t upath); /* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM */
void path_put(struct path_arg *p);

/*
 * Where a path begins: *at is a referenced name, or NULL for the current directory (also when the path is
 * absolute). 0, -EBADF, -ENOTDIR.
 */
int at_get(int dirfd, const char *path, struct name **at);
void at_put(struct name *at);

/*
 * The vnode (referenced) that a (dirfd, path, AT_ flags) triple means; AT_EMPTY_PATH with an empty path: the
 * descriptor's own.
 */
int at_vnode(int dirfd, uint64_t upath, int at_flags, struct vnode **out);

/*
 * poll.c: the signal mask that a waiting call brings with it, if umask is not 0: 1 when it is in force, 0, -EINVAL,
 * -EFAULT. After a signal it stays until the handler has run.
 */
int wait_mask_begin(uint64_t umask, uint64_t size, uint64_t *old);
void wait_mask_end(uint64_t old, bool interrupted);
/* An optional timespec of the program, as a monotonic deadline: 0 for a time of 0, UINT64_MAX for none. */
int wait_deadline(uint64_t utime, uint64_t *deadline);

/* Of a write: SIGPIPE goes with EPIPE, SIGXFSZ with EFBIG at RLIMIT_FSIZE. Passes r on. */
int64_t write_signal(int64_t r);
/* May a file be made this long: 0, or -EFBIG and SIGXFSZ. */
int64_t check_file_size(const struct vnode *v, uint64_t size);
/* No positions in it: a pipe, a terminal, an eventfd and its kin. */
bool file_without_positions(const struct file *f);
static inline bool file_is_stream(const struct file *f)
{
	return !f->vnode->object && file_without_positions(f);
}

/* A vector of buffers copied from the program. */
struct iovec {
	uint64_t base, len;
};
#define IOV_MAX	  1024
#define IOV_SMALL 16

struct iov {
	struct iovec small[IOV_SMALL], *vec;
	unsigned n;
	size_t total;
};
/* 0, -EINVAL (too many, or more than SSIZE_MAX in all), -EFAULT, -ENOMEM; iov_put in any case. */
int iov_get(struct iov *v, uint64_t uvec, uint64_t n);
void iov_put(struct iov *v);

/* What is written ends at the caller's RLIMIT_FSIZE. */
static inline void limit_write(struct uio *u)
{
	u->limit = proc_current()->rlimits[RLIMIT_FSIZE].cur;
	u->limited = u->limit != UINT64_MAX;
}

static inline struct fs_context *caller_fs(void)
{
	return proc_current()->fs;
}

static inline const struct cred *caller_cred(void)
{
	return &proc_current()->cred;
}

#endif
