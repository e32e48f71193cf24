/* SPDX-License-Identifier: ISC */
/* System calls on descriptors: reading, writing, positions, sync, truncation. */
#include "arch/mmu.h"
#include "fs/pipe.h"
#include "lib/string.h"
#include "sys/files.h"
#include "vm/frames/kmap.h"

static void __attribute__((noinline)) send_own(int sig)
{
	struct proc *p = proc_current();
	struct siginfo si = { .signo = sig, .code = SI_USER, .pid = p->pid, .uid = p->cred.uid };

	signal_send(p, &si);
}

int64_t write_signal(int64_t r)
{
	if (unlikely(r == -EPIPE))
		send_own(SIGPIPE);
	else if (unlikely(r == -EFBIG && proc_current()->rlimits[RLIMIT_FSIZE].cur != UINT64_MAX))
		send_own(SIGXFSZ);
	return r;
}

int64_t check_file_size(const struct vnode *v, uint64_t size)
{
	return size > v->size && size > proc_current()->rlimits[RLIMIT_FSIZE].cur ? write_signal(-EFBIG) : 0;
}

bool file_without_positions(const struct file *f)
{
	const struct vnode *v = f->vnode;

	return S_ISFIFO(v->mode) || (v->mode & S_IFMT) == S_IFSOCK || (v->mode & S_IFMT) == 0 ||
	       (S_ISCHR(v->mode) && v->ops && !v->ops->mmap && v->ops->poll);
}

int64_t sys_read(const uint64_t *a)
{
	struct uio u = { .user = true, .addr = a[1], .left = MIN(a[2], RW_MAX) };
	bool counted;
	struct file *f = file_of(a[0], &counted);
	ssize_t r;

	if (unlikely(!f))
		return -EBADF;
	r = likely(user_range_ok(a[1], a[2])) ? file_read(f, &u, &f->offset) : -EFAULT;
	file_done(f, counted);
	return r;
}

int64_t sys_write(const uint64_t *a)
{
	struct uio u = { .user = true, .addr = a[1], .left = MIN(a[2], RW_MAX) };
	bool counted;
	struct file *f = file_of(a[0], &counted);
	ssize_t r;

	if (unlikely(!f))
		return -EBADF;
	limit_write(&u);
	r = likely(user_range_ok(a[1], a[2])) ? file_write(f, &u, &f->offset) : -EFAULT;
	file_done(f, counted);
	return write_signal(r);
}

int64_t sys_pread64(const uint64_t *a)
{
	struct uio u = { .user = true, .addr = a[1], .left = MIN(a[2], RW_MAX) };
	uint64_t offset = a[3];
	bool counted;
	struct file *f;
	ssize_t r;

	if ((int64_t)offset < 0)
		return -EINVAL;
	f = file_of(a[0], &counted);
	if (unlikely(!f))
		return -EBADF;
	r = file_is_stream(f) ? -ESPIPE : user_range_ok(a[1], a[2]) ? file_read(f, &u, &offset) : -EFAULT;
	file_done(f, counted);
	return r;
}

int64_t sys_pwrite64(const uint64_t *a)
{
	struct uio u = { .user = true, .addr = a[1], .left = MIN(a[2], RW_MAX) };
	uint64_t offset = a[3];
	bool counted;
	struct file *f;
	ssize_t r;

	if ((int64_t)offset < 0)
		return -EINVAL;
	f = file_of(a[0], &counted);
	if (unlikely(!f))
		return -EBADF;
	limit_write(&u);
	r = file_is_stream(f) ? -ESPIPE : user_range_ok(a[1], a[2]) ? file_write(f, &u, &offset) : -EFAULT;
	file_done(f, counted);
	return write_signal(r);
}

/* ---- vectors ---- */

int iov_get(struct iov *v, uint64_t uvec, uint64_t n)
{
	v->vec = v->small;
	v->n = n;
	v->total = 0;
	if (n > IOV_MAX)
		return -EINVAL;
	if (n > IOV_SMALL)
		v->vec = kmap_alloc(DIV_ROUND_UP(n * sizeof(struct iovec), PAGE_SIZE));
	if (!v->vec)
		return -ENOMEM;
	if (get_user(v->vec, uvec, n * sizeof(struct iovec)))
		return -EFAULT;
	for (unsigned i = 0; i < n; i++) {
		if (v->vec[i].len > INT64_MAX - v->total)
			return -EINVAL;
		v->total += v->vec[i].len;
	}
	return 0;
}

void iov_put(struct iov *v)
{
	if (v->vec && v->vec != v->small)
		kmap_free(v->vec, DIV_ROUND_UP(v->n * sizeof(struct iovec), PAGE_SIZE));
}

/* Short vectors are written in one piece, so that nothing comes in between. */
static ssize_t write_gathered(struct file *f, struct iov *v, uint64_t *offset)
{
	struct page *p = page_alloc_kernel();
	size_t at = 0, missed = 0;
	ssize_t r = -EFAULT;

	if (!p)
		return -ENOMEM;
	for (unsigned i = 0; i < v->n && !missed; i++) {
		missed = user_copy_in((char *)page_data(p) + at, v->vec[i].base, v->vec[i].len);
		at += v->vec[i].len - missed;
	}
	if (at) { /* as far as there is memory */
		struct uio u = { .addr = (uint64_t)page_data(p), .left = at };

		limit_write(&u);
		r = file_write(f, &u, offset);
	}
	page_free(p);
	return r;
}

static ssize_t transfer_vector(struct file *f, struct iov *v, uint64_t *offset, bool write)
{
	size_t total = 0, room = RW_MAX;
	ssize_t r = 0;

	if (write && v->n > 1 && v->total && v->total <= PAGE_SIZE)
		return write_gathered(f, v, offset);
	for (unsigned i = 0; i < v->n && room; i++) {
		size_t n = MIN(v->vec[i].len, room);
		struct uio u = { .user = true, .addr = v->vec[i].base, .left = n };

		if (!n && i + 1 < v->n)
			continue;
		if (write)
			limit_write(&u);
		r = write ? file_write(f, &u, offset) : file_read(f, &u, offset);
		if (r < 0)
			break;
		total += r;
		room -= r;
		if ((size_t)r < n || (!write && !f->vnode->object)) /* streams give what is there now */
			break;
	}
	return total ? (ssize_t)total : r;
}

/* offset NULL: the file's own. */
static int64_t vector_call(const uint64_t *a, uint64_t *offset, bool write)
{
	struct iov v;
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = offset && file_is_stream(f) ? -ESPIPE : iov_get(&v, a[1], a[2]);
	if (r != -ESPIPE) {
		if (!r)
			r = transfer_vector(f, &v, offset ? offset : &f->offset, write);
		iov_put(&v);
	}
	file_done(f, counted);
	return write ? write_signal(r) : r;
}

int64_t sys_readv(const uint64_t *a)
{
	return vector_call(a, NULL, false);
}

int64_t sys_writev(const uint64_t *a)
{
	return vector_call(a, NULL, true);
}

int64_t sys_preadv(const uint64_t *a)
{
	uint64_t offset = a[3];

	return (int64_t)offset < 0 ? -EINVAL : vector_call(a, &offset, false);
}

int64_t sys_pwritev(const uint64_t *a)
{
	uint64_t offset = a[3];

	return (int64_t)offset < 0 ? -EINVAL : vector_call(a, &offset, true);
}

/* ---- from file to file ---- */

static bool may_write(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY && !(f->flags & O_PATH);
}

static bool may_read(const struct file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY && !(f->flags & O_PATH);
}

/* By way of a frame. *from and *to move by what was written; `to` NULL: out's own offset. */
static ssize_t copy_between(struct file *in, uint64_t *from, struct file *out, uint64_t *to, size_t n)
{
	struct page *p = page_alloc_kernel();
	size_t total = 0;
	ssize_t r = 0;

	if (!p)
		return -ENOMEM;
	while (n && !thread_killed()) {
		uint64_t pos = *from;
		struct uio u = { .addr = (uint64_t)page_data(p),
				 .left = MIN(n, PAGE_SIZE - (pos & PAGE_MASK)) };

		r = file_read(in, &u, &pos);
		if (r <= 0)
			break;
		u = (struct uio){ .addr = (uint64_t)page_data(p), .left = r };
		limit_write(&u);
		r = file_write(out, &u, to ? to : &out->offset);
		if (r <= 0)
			break;
		*from += r;
		total += r;
		n -= r;
	}
	page_free(p);
	return total ? (ssize_t)total : r;
}

/* An offset argument: the program's variable if there is one, else the file's own. */
static int offset_get(uint64_t uoff, struct file *f, uint64_t *offset)
{
	if (!uoff) {
		*offset = f->offset;
		return 0;
	}
	if (get_user(offset, uoff, sizeof(*offset)))
		return -EFAULT;
	return (int64_t)*offset < 0 ? -EINVAL : 0;
}

static int offset_put(uint64_t uoff, struct file *f, uint64_t offset)
{
	if (uoff)
		return put_user(uoff, &offset, sizeof(offset));
	file_seek(f, offset, 0);
	return 0;
}

static int64_t send_file(struct file *out, struct file *in, uint64_t uoff, size_t n)
{
	uint64_t from;
	int64_t r;

	if (!may_read(in) || !may_write(out))
		return -EBADF;
	if (uoff && file_is_stream(in))
		return -ESPIPE;
	if (!in->vnode->object || (out->flags & O_APPEND))
		return -EINVAL;
	r = offset_get(uoff, in, &from);
	if (r)
		return r;
	r = copy_between(in, &from, out, NULL, MIN(n, RW_MAX));
	if (r > 0 && offset_put(uoff, in, from))
		return -EFAULT;
	return write_signal(r);
}

int64_t sys_sendfile(const uint64_t *a)
{
	struct fdtable *t = proc_current()->files;
	struct file *out = fd_get(t, a[0]), *in = fd_get(t, a[1]);
	int64_t r = out && in ? send_file(out, in, a[2], a[3]) : -EBADF;

	if (out)
		file_unref(out);
	if (in)
		file_unref(in);
	return r;
}

static int64_t copy_range(struct file *in, uint64_t uin, struct file *out, uint64_t uout, size_t n)
{
	uint64_t from, to;
	int64_t r;

	if (!may_read(in) || !may_write(out) || (out->flags & O_APPEND))
		return -EBADF;
	if (S_ISDIR(in->vnode->mode) || S_ISDIR(out->vnode->mode))
		return -EISDIR;
	if (!S_ISREG(in->vnode->mode) || !S_ISREG(out->vnode->mode))
		return -EINVAL;
	if (!in->vnode->object)
		return -EOPNOTSUPP;
	n = MIN(n, RW_MAX);
	r = offset_get(uin, in, &from);
	if (!r)
		r = offset_get(uout, out, &to);
	if (r)
		return r;
	if (in->vnode == out->vnode && from < to + n && to < from + n)
		return -EINVAL;
	r = copy_between(in, &from, out, &to, n);
	if (r > 0 && (offset_put(uin, in, from) || offset_put(uout, out, to)))
		return -EFAULT;
	return write_signal(r);
}

int64_t sys_copy_file_range(const uint64_t *a)
{
	struct fdtable *t = proc_current()->files;
	struct file *in = fd_get(t, a[0]), *out = fd_get(t, a[2]);
	int64_t r = a[5] ? -EINVAL : in && out ? copy_range(in, a[1], out, a[3], a[4]) : -EBADF;

	if (out)
		file_unref(out);
	if (in)
		file_unref(in);
	return r;
}

/* ---- positions, lengths, advice ---- */

int64_t sys_lseek(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = file_seek(f, a[1], (int)a[2]);
	file_done(f, counted);
	return r;
}

int64_t sys_ftruncate(const uint64_t *a)
{
	struct attr attr = { .valid = ATTR_SIZE | ATTR_FORCE, .size = a[1] };
	bool counted;
	struct file *f;
	int64_t r;

	if ((int64_t)a[1] < 0)
		return (f = file_of(a[0], &counted)) ? file_done(f, counted), -EINVAL : -EBADF;
	f = file_of(a[0], &counted);
	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else
		r = may_write(f) && S_ISREG(f->vnode->mode) ? check_file_size(f->vnode, a[1]) : -EINVAL;
	if (!r)
		r = vnode_setattr(f->vnode, caller_cred(), &attr);
	file_done(f, counted);
	return r;
}

int64_t sys_truncate(const uint64_t *a)
{
	struct attr attr = { .valid = ATTR_SIZE, .size = a[1] };
	struct vnode *v;
	int r;

	if ((int64_t)a[1] < 0)
		return -EINVAL;
	r = at_vnode(AT_FDCWD, a[0], 0, &v);
	if (r)
		return r;
	r = S_ISREG(v->mode) ? check_file_size(v, a[1]) : 0;
	if (!r)
		r = vnode_setattr(v, caller_cred(), &attr);
	vnode_unref(v);
	return r;
}

int64_t sys_fallocate(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	if ((int64_t)a[2] < 0 || (int64_t)a[3] <= 0)
		r = -EINVAL;
	else if (!may_write(f))
		r = -EBADF;
	else if (file_is_stream(f))
		r = -ESPIPE;
	else if (!S_ISREG(f->vnode->mode))
		r = S_ISDIR(f->vnode->mode) ? -EISDIR : -ENODEV;
	else if (a[2] + a[3] > INT64_MAX)
		r = -EFBIG;
	else if (f->vnode->ops && f->vnode->ops->fallocate)
		r = f->vnode->ops->fallocate(f->vnode, a[1], a[2], a[3]);
	else
		r = -EOPNOTSUPP;
	file_done(f, counted);
	return r;
}

int64_t sys_fadvise64(const uint64_t *a)
{
	enum { NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, NOREUSE };
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r = 0;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else if (file_is_stream(f))
		r = -ESPIPE;
	else if ((int64_t)a[2] < 0 || a[3] > NOREUSE)
		r = -EINVAL;
	else if (a[3] == RANDOM || a[3] == NORMAL || a[3] == SEQUENTIAL)
		f->ra.random = a[3] == RANDOM;
	file_done(f, counted);
	return r;
}

/* ---- sync ---- */

int64_t sys_sync(const uint64_t *a __unused)
{
	fs_sync_all();
	return 0;
}

int64_t sys_syncfs(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : fs_sync_all();
	file_done(f, counted);
	return r;
}

static int64_t sync_fd(int fd, bool data_only)
{
	bool counted;
	struct file *f = file_of(fd, &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = file_sync(f, data_only);
	file_done(f, counted);
	return r;
}

int64_t sys_fsync(const uint64_t *a)
{
	return sync_fd(a[0], false);
}

int64_t sys_fdatasync(const uint64_t *a)
{
	return sync_fd(a[0], true);
}

int64_t sys_sync_file_range(const uint64_t *a)
{
	enum { WAIT_BEFORE = 1, WRITE = 2, WAIT_AFTER = 4 };
	uint64_t first = a[1] / PAGE_SIZE,
		 npages = a[2] ? DIV_ROUND_UP((a[1] & PAGE_MASK) + a[2], PAGE_SIZE) : OBJECT_ALL - first;
	bool counted;
	struct file *f;
	int64_t r = 0;

	if (a[3] & ~(uint64_t)(WAIT_BEFORE | WRITE | WAIT_AFTER) || (int64_t)a[1] < 0 || (int64_t)a[2] < 0)
		return -EINVAL;
	f = file_of(a[0], &counted);
	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else if (file_is_stream(f))
		r = -ESPIPE;
	else if (f->vnode->object && f->vnode->object->ops && a[3])
		r = object_writeback(f->vnode->object, first, npages, a[3] & (WAIT_BEFORE | WAIT_AFTER));
	file_done(f, counted);
	return r;
}
