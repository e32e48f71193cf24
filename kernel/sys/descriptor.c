/* SPDX-License-Identifier: ISC */
/* System calls about descriptors themselves: making, copying and closing them, fcntl, ioctl, locks. */
#include "fs/lock.h"
#include "fs/pipe.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "sys/files.h"

/* ---- making and closing ---- */

int64_t sys_close(const uint64_t *a)
{
	return fd_close(proc_current()->files, a[0]);
}

int64_t sys_close_range(const uint64_t *a)
{
	enum { UNSHARE = 2, CLOEXEC = 4 };
	struct fdtable *t = proc_current()->files;
	uint32_t first = a[0], last = a[1];

	if (a[2] & ~(uint64_t)(UNSHARE | CLOEXEC) || first > last)
		return -EINVAL;
	if ((a[2] & UNSHARE) && __atomic_load_n(&t->refs, __ATOMIC_RELAXED) != 1)
		return -EINVAL; /* nothing here shares a table yet unshares it */
	for (uint32_t fd = first; fd <= last && fd < t->size; fd++) {
		if (!(a[2] & CLOEXEC)) {
			fd_close(t, fd);
			continue;
		}
		spin_lock(&t->lock);
		if (fd < t->size && t->files[fd])
			t->cloexec[fd] = 1;
		spin_unlock(&t->lock);
	}
	return 0;
}

int64_t sys_pipe2(const uint64_t *a)
{
	struct proc *p = proc_current();
	struct file *ends[2];
	int fds[2], flags = a[1], r;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	r = pipe_create(flags & O_NONBLOCK, &p->cred, ends);
	if (r)
		return r;
	fds[0] = fd_install(p->files, ends[0], 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		file_unref(ends[0]);
		file_unref(ends[1]);
		return fds[0];
	}
	fds[1] = fd_install(p->files, ends[1], 0, flags & O_CLOEXEC);
	if (fds[1] < 0) {
		fd_close(p->files, fds[0]);
		file_unref(ends[1]);
		return fds[1];
	}
	if (put_user(a[0], fds, sizeof(fds))) {
		fd_close(p->files, fds[0]);
		fd_close(p->files, fds[1]);
		return -EFAULT;
	}
	return 0;
}

/* A file in memory without a name: reads, writes and maps like one of tmpfs. */
int64_t sys_memfd_create(const uint64_t *a)
{
	enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_NOEXEC_SEAL = 8, MFD_EXEC = 16 };
	const unsigned known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC;
	char name[250], shown[280];
	struct vnode *v;
	struct file *f;
	ssize_t len = user_copy_string(name, a[0], sizeof(name));
	int fd;

	if ((uint32_t)a[1] & ~known || (a[1] & MFD_NOEXEC_SEAL && a[1] & MFD_EXEC) || len == -ENAMETOOLONG)
		return -EINVAL;
	if (len < 0)
		return len;
	ksnprintf(shown, sizeof(shown), "/memfd:%s (deleted)", name);
	v = memfile_create(NULL, 0);
	if (!v)
		return -ENOMEM;
	v->mode = S_IFREG | (a[1] & MFD_NOEXEC_SEAL ? 0666 : 0777);
	v->nlink = 0;
	v->seals = a[1] & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) ? F_SEALABLE : 0;
	v->seals |= a[1] & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : 0;
	name_set_former(v, name_anonymous(NULL, shown));
	f = file_create_unnamed(v, shown, O_RDWR);
	if (!f)
		return -ENOMEM;
	fd = fd_install(proc_current()->files, f, 0, a[1] & MFD_CLOEXEC);
	if (fd < 0)
		file_unref(f);
	return fd;
}

/* ---- copying ---- */

static int64_t duplicate(int fd, int from, bool cloexec)
{
	struct fdtable *t = proc_current()->files;
	struct file *f = fd_get(t, fd);
	int r;

	if (!f)
		return -EBADF;
	r = fd_install(t, f, from, cloexec);
	if (r < 0)
		file_unref(f);
	return r;
}

int64_t sys_dup(const uint64_t *a)
{
	return duplicate(a[0], 0, false);
}

int64_t sys_dup3(const uint64_t *a)
{
	struct fdtable *t = proc_current()->files;
	struct file *f;
	int r;

	if ((a[2] & ~(uint64_t)O_CLOEXEC) || (int)a[0] == (int)a[1])
		return -EINVAL;
	if ((uint32_t)a[1] >= t->max)
		return -EBADF;
	f = fd_get(t, a[0]);
	if (!f)
		return -EBADF;
	r = fd_replace(t, f, a[1], a[2] & O_CLOEXEC);
	if (r < 0)
		file_unref(f);
	return r;
}

/* ---- fcntl ---- */

enum {
	F_DUPFD,
	F_GETFD,
	F_SETFD,
	F_GETFL,
	F_SETFL,
	F_GETLK,
	F_SETLK,
	F_SETLKW,
	F_OFD_GETLK = 36,
	F_OFD_SETLK,
	F_OFD_SETLKW,
	F_DUPFD_CLOEXEC = 1030,
	F_SETPIPE_SZ,
	F_GETPIPE_SZ,
	F_ADD_SEALS,
	F_GET_SEALS,
};

/* struct flock of the 64-bit ABI */
struct uflock {
	int16_t type, whence;
	int64_t start, len;
	int32_t pid;
};

/* The range in absolute bytes, both ends in it. */
static int lock_range(struct file *f, const struct uflock *u, struct file_lock_request *q)
{
	int64_t base = 0, start, end;

	if (u->whence == 1)
		base = f->offset;
	else if (u->whence == 2)
		base = f->vnode->size;
	else if (u->whence != 0)
		return -EINVAL;
	if (__builtin_add_overflow(base, u->start, &start))
		return -EOVERFLOW;
	if (u->len < 0) {
		end = start - 1;
		if (__builtin_add_overflow(start, u->len, &start))
			return -EINVAL;
	} else if (u->len == 0) {
		end = INT64_MAX;
	} else if (__builtin_add_overflow(start, u->len - 1, &end)) {
		return -EOVERFLOW;
	}
	if (start < 0)
		return -EINVAL;
	q->start = start;
	q->end = end;
	return 0;
}

static int64_t record_lock(struct file *f, int cmd, uint64_t ulock)
{
	bool ofd = cmd >= F_OFD_GETLK, get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct proc *p = proc_current();
	struct file_lock_request q = { .vnode = f->vnode,
				       .owner = ofd ? (void *)f : (void *)p->files,
				       .pid = ofd ? -1 : p->pid };
	struct uflock u;
	int r;

	if (get_user(&u, ulock, sizeof(u)))
		return -EFAULT;
	if (u.type < FILE_LOCK_READ || u.type > FILE_UNLOCK || (get && u.type == FILE_UNLOCK) ||
	    (ofd && u.pid))
		return -EINVAL;
	q.type = u.type;
	q.wait = cmd == F_SETLKW || cmd == F_OFD_SETLKW;
	r = lock_range(f, &u, &q);
	if (r)
		return r;
	if (!get) {
		unsigned mode = f->flags & O_ACCMODE;

		if ((q.type == FILE_LOCK_READ && mode == O_WRONLY) ||
		    (q.type == FILE_LOCK_WRITE && mode == O_RDONLY))
			return -EBADF;
		return file_lock(&q);
	}
	file_lock_test(&q);
	u.type = q.type;
	if (q.type != FILE_UNLOCK) {
		u.whence = 0;
		u.start = q.start;
		u.len = q.end == INT64_MAX ? 0 : q.end - q.start + 1;
		u.pid = q.pid;
	}
	return put_user(ulock, &u, sizeof(u));
}

static int64_t set_cloexec(int fd, bool on)
{
	struct fdtable *t = proc_current()->files;
	int64_t r = -EBADF;

	spin_lock(&t->lock);
	if ((unsigned)fd < t->size && t->files[fd]) {
		t->cloexec[fd] = on;
		r = 0;
	}
	spin_unlock(&t->lock);
	return r;
}

static int64_t control(struct file *f, int fd, int cmd, uint64_t arg)
{
	const uint32_t changes = O_APPEND | O_NONBLOCK;
	struct fdtable *t = proc_current()->files;

	if ((f->flags & O_PATH) && cmd != F_DUPFD && cmd != F_DUPFD_CLOEXEC && cmd != F_GETFD &&
	    cmd != F_SETFD && cmd != F_GETFL)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return (uint32_t)arg >= t->max ? -EINVAL : duplicate(fd, arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return t->cloexec[fd] != 0;
	case F_SETFD:
		return set_cloexec(fd, arg & 1);
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		if (arg & O_ASYNC) /* nobody is told by a signal */
			return -EINVAL;
		if (arg & ~f->flags & O_NOATIME && caller_cred()->euid != 0 &&
		    caller_cred()->euid != f->vnode->uid)
			return -EPERM;
		f->flags = (f->flags & ~changes) | (arg & changes);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return record_lock(f, cmd, arg);
	case F_GETPIPE_SZ:
		return vnode_is_pipe(f->vnode) ? pipe_size(f) : -EBADF;
	case F_SETPIPE_SZ:
		return vnode_is_pipe(f->vnode) ? pipe_resize(f, (uint32_t)arg) : -EBADF;
	case F_ADD_SEALS:
		return (f->flags & O_ACCMODE) == O_RDONLY ? -EPERM : vnode_add_seals(f->vnode, arg);
	case F_GET_SEALS:
		return vnode_seals(f->vnode);
	}
	return -EINVAL;
}

int64_t sys_fcntl(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = control(f, a[0], a[1], a[2]);
	file_done(f, counted);
	return r;
}

int64_t sys_flock(const uint64_t *a)
{
	enum { SH = 1, EX = 2, NB = 4, UN = 8 };
	struct file_lock_request q = {
		.end = INT64_MAX, .pid = proc_current()->pid, .whole = true, .wait = !(a[1] & NB)
	};
	bool counted;
	struct file *f;
	int64_t r;

	switch (a[1] & ~(uint64_t)NB) {
	case SH:
		q.type = FILE_LOCK_READ;
		break;
	case EX:
		q.type = FILE_LOCK_WRITE;
		break;
	case UN:
		q.type = FILE_UNLOCK;
		break;
	default:
		return -EINVAL;
	}
	f = file_of(a[0], &counted);
	if (!f)
		return -EBADF;
	q.vnode = f->vnode;
	q.owner = f;
	r = f->flags & O_PATH ? -EBADF : file_lock(&q);
	file_done(f, counted);
	return r;
}

/* ---- ioctl ---- */

#define FIONBIO	 0x5421
#define FIONCLEX 0x5450
#define FIOCLEX	 0x5451

static int64_t device_control(struct file *f, int fd, unsigned cmd, uint64_t uarg)
{
	struct vnode *v = f->vnode;
	int on;

	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return set_cloexec(fd, cmd == FIOCLEX);
	case FIONBIO:
		if (get_user(&on, uarg, sizeof(on)))
			return -EFAULT;
		f->flags = on ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
		return 0;
	case FIONREAD:
		if (S_ISREG(v->mode)) {
			on = MIN(MAX((int64_t)(v->size - f->offset), 0l), (int64_t)INT32_MAX);
			return put_user(uarg, &on, sizeof(on));
		}
	}
	return v->ops && v->ops->ioctl ? v->ops->ioctl(f, cmd, uarg) : -ENOTTY;
}

int64_t sys_ioctl(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : device_control(f, a[0], a[1], a[2]);
	file_done(f, counted);
	return r;
}
