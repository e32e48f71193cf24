/* SPDX-License-Identifier: ISC */
/* Open files and descriptor tables. */
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/lock.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"

static struct kmem_cache file_cache;

void files_init(void)
{
	kmem_cache_init(&file_cache, "file", sizeof(struct file), false);
}

struct file *file_create(struct vnode *v, struct name *n, uint32_t flags)
{
	struct file *f = kmem_cache_alloc(&file_cache);

	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->refs = 1;
	f->flags = flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
	f->vnode = v;
	f->name = n;
	mutex_init(&f->lock, "file offset", RANK_NONE);
	if (v->object)
		f->error_seen = v->object->error_count;
	return f;
}

struct file *file_create_unnamed(struct vnode *v, const char *shown, uint32_t flags)
{
	struct name *n;
	struct file *f;

	vnode_ref(v);
	n = name_anonymous(v, shown);
	f = n ? file_create(v, n, flags) : NULL;
	if (!f) {
		if (n)
			name_unref(n);
		else
			vnode_unref(v);
		vnode_unref(v);
	}
	return f;
}

int no_open(struct vnode *v __unused, struct file *f __unused)
{
	return -ENXIO;
}

int anonymous_file(const struct vnode_ops *ops, void *data, uint32_t flags, const char *shown,
		   struct file **out)
{
	struct vnode *v = vnode_create_anonymous(ops, 0600, NULL);

	*out = v ? file_create_unnamed(v, shown, flags) : NULL;
	if (!*out)
		return -ENOMEM;
	(*out)->data = data;
	return 0;
}

int file_begin_write(struct file *f)
{
	int r;

	if ((f->flags & O_ACCMODE) == O_RDONLY || !S_ISREG(f->vnode->mode))
		return 0;
	r = mount_begin_write(f->vnode->mount);
	if (r)
		return r;
	r = vnode_begin_write(f->vnode);
	if (r)
		mount_end_write(f->vnode->mount);
	f->writer = r == 0;
	return r;
}

struct file *file_ref(struct file *f)
{
	__atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

void file_unref(struct file *f)
{
	if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (unlikely(f->watchers))
		epoll_forget(f);
	file_locks_forget(f->vnode, f);
	if (f->vnode->ops && f->vnode->ops->release && !(f->flags & O_PATH))
		f->vnode->ops->release(f);
	if (f->writer) {
		vnode_end_write(f->vnode);
		mount_end_write(f->vnode->mount);
	}
	if (f->name)
		name_unref(f->name);
	vnode_unref(f->vnode);
	kmem_cache_free(&file_cache, f);
}

static bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* The access time moves at the first read after a change: enough for who asks "read since it was written?", and cheap. */
static inline void note_read(struct file *f)
{
	struct vnode *v = f->vnode;
	uint32_t flags = v->mount ? v->mount->flags : MOUNT_NOATIME;

	if (likely(later(&v->atime, &v->mtime) && !later(&v->ctime, &v->atime)) &&
	    !(flags & MOUNT_STRICTATIME))
		return;
	if (flags & MOUNT_NOATIME || f->flags & O_NOATIME || v->mount->read_only || v->mount->freezing ||
	    (S_ISDIR(v->mode) && flags & MOUNT_NODIRATIME))
		return;
	vnode_time_now(&v->atime);
	vnode_mark_dirty(v);
}

void file_note_read(struct file *f)
{
	note_read(f);
}

static inline ssize_t read_unlocked(struct file *f, struct uio *u, uint64_t *offset)
{
	struct vnode *v = f->vnode;
	ssize_t r;

	if (v->ops && v->ops->read)
		return v->ops->read(f, u, offset);
	if (S_ISDIR(v->mode))
		return -EISDIR;
	if (!v->object)
		return -EINVAL;
	r = pageio_read(v, &f->ra, u, offset);
	if (r > 0 || (r == 0 && u->left)) /* a read of no bytes is none */
		note_read(f);
	return r;
}

ssize_t file_read(struct file *f, struct uio *u, uint64_t *offset)
{
	bool lock = offset == &f->offset && f->vnode->object;
	ssize_t r;

	if (unlikely((f->flags & O_ACCMODE) == O_WRONLY || (f->flags & O_PATH)))
		return -EBADF;
	if (lock)
		mutex_lock(&f->lock);
	r = read_unlocked(f, u, offset);
	if (lock)
		mutex_unlock(&f->lock);
	return r;
}

static inline ssize_t write_unlocked(struct file *f, struct uio *u, uint64_t *offset)
{
	struct vnode *v = f->vnode;
	ssize_t r;
	int e;

	if (v->ops && v->ops->write)
		return v->ops->write(f, u, offset);
	if (!v->object)
		return S_ISDIR(v->mode) ? -EISDIR : -EINVAL;
	r = pageio_write(v, u, offset, f->flags & O_APPEND);
	if (r > 0 &&
	    unlikely(f->flags & (O_DSYNC | O_SYNC) || (v->mount && v->mount->flags & MOUNT_SYNCHRONOUS))) {
		e = file_sync(f, !(f->flags & (O_SYNC & ~O_DSYNC)));
		if (e)
			return e;
	}
	return r;
}

ssize_t file_write(struct file *f, struct uio *u, uint64_t *offset)
{
	bool lock = offset == &f->offset && f->vnode->object;
	ssize_t r;

	if (unlikely((f->flags & O_ACCMODE) == O_RDONLY || (f->flags & O_PATH)))
		return -EBADF;
	if (lock)
		mutex_lock(&f->lock);
	r = write_unlocked(f, u, offset);
	if (lock)
		mutex_unlock(&f->lock);
	return r;
}

int file_sync(struct file *f, bool data_only)
{
	struct vnode *v = f->vnode;
	int r = 0;

	if (f->flags & O_PATH)
		return -EBADF;
	if (v->ops && v->ops->fsync)
		r = v->ops->fsync(v, data_only);
	else if (!v->object)
		return S_ISDIR(v->mode) || S_ISREG(v->mode) ? 0 : -EINVAL;
	if (v->object) { /* also what writeback failed at since this file was last told */
		uint32_t count = __atomic_load_n(&v->object->error_count, __ATOMIC_RELAXED);

		if (count != __atomic_exchange_n(&f->error_seen, count, __ATOMIC_RELAXED) && !r)
			r = v->object->error ? v->object->error : -EIO;
	}
	return r;
}

int64_t file_seek(struct file *f, int64_t offset, int whence)
{
	struct vnode *v = f->vnode;
	uint64_t size = __atomic_load_n(&v->size, __ATOMIC_RELAXED);
	int64_t base = 0, max, r;

	if (f->flags & O_PATH)
		return -EBADF;
	if (S_ISFIFO(v->mode) || (S_ISCHR(v->mode) && v->ops && !v->ops->mmap && v->ops->poll) ||
	    (v->mode & S_IFMT) == S_IFSOCK)
		return -ESPIPE;
	mutex_lock(&f->lock);
	switch (whence) {
	case 0:
		break;
	case 1:
		base = f->offset;
		break;
	case 2:
		base = size;
		break;
	case 3: /* SEEK_DATA: holes may be taken for data */
	case 4: /* SEEK_HOLE: there is one at the end */
		if (offset < 0 || (uint64_t)offset >= size) {
			mutex_unlock(&f->lock);
			return -ENXIO;
		}
		if (whence == 4)
			offset = size;
		break;
	default:
		mutex_unlock(&f->lock);
		return -EINVAL;
	}
	max = S_ISREG(v->mode) && v->mount && v->mount->max_size ? v->mount->max_size : INT64_MAX;
	if (__builtin_add_overflow(base, offset, &r) || r < 0 || r > max)
		r = -EINVAL;
	else
		f->offset = r;
	mutex_unlock(&f->lock);
	return r;
}

/* ---- descriptor tables ---- */

#define FIRST_SIZE 32

/* The two arrays in one piece: pointers, then a byte each. */
static size_t arrays_nbytes(unsigned size)
{
	return size * (sizeof(struct file *) + 1);
}

static struct file **arrays_alloc(unsigned size)
{
	size_t n = arrays_nbytes(size);

	return n <= KMALLOC_MAX ? kzalloc(n) : kmap_alloc(DIV_ROUND_UP(n, PAGE_SIZE));
}

static void arrays_free(struct file **files, unsigned size)
{
	size_t n = arrays_nbytes(size);

	if (n <= KMALLOC_MAX)
		kfree(files);
	else if (files)
		kmap_free(files, DIV_ROUND_UP(n, PAGE_SIZE));
}

struct fdtable *fdtable_create(void)
{
	struct fdtable *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	spin_init(&t->lock, "descriptors", RANK_FILES);
	t->refs = 1;
	t->max = 1024;
	t->size = FIRST_SIZE;
	t->files = arrays_alloc(t->size);
	if (!t->files) {
		kfree(t);
		return NULL;
	}
	t->cloexec = (uint8_t *)(t->files + t->size);
	return t;
}

void fdtable_ref(struct fdtable *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

void fdtable_unref(struct fdtable *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (unsigned i = 0; i < t->size; i++) {
		if (!t->files[i])
			continue;
		file_locks_forget(t->files[i]->vnode, t);
		file_unref(t->files[i]);
	}
	arrays_free(t->files, t->size);
	kfree(t);
}

/* Makes room for descriptor `fd`. 0, -ENOMEM. */
static int grow(struct fdtable *t, unsigned fd)
{
	unsigned size = FIRST_SIZE, old_size;
	struct file **files, **old;

	while (size <= fd)
		size *= 2;
	files = arrays_alloc(size);
	if (!files)
		return -ENOMEM;
	spin_lock(&t->lock);
	old = t->files;
	old_size = t->size;
	if (old_size >= size) { /* another thread was faster */
		spin_unlock(&t->lock);
		arrays_free(files, size);
		return 0;
	}
	memcpy(files, old, old_size * sizeof(*files));
	memcpy(files + size, t->cloexec, old_size);
	t->files = files;
	t->cloexec = (uint8_t *)(files + size);
	t->size = size;
	spin_unlock(&t->lock);
	arrays_free(old, old_size);
	return 0;
}

struct fdtable *fdtable_clone(struct fdtable *t)
{
	struct fdtable *c = fdtable_create();
	unsigned size;

	if (!c)
		return NULL;
	c->max = t->max;
	for (;;) {
		spin_lock(&t->lock);
		size = t->size;
		while (size > FIRST_SIZE && !t->files[size - 1])
			size--;
		if (size <= c->size)
			break;
		spin_unlock(&t->lock);
		if (grow(c, size - 1)) {
			fdtable_unref(c);
			return NULL;
		}
	}
	for (unsigned i = 0; i < size; i++)
		if (t->files[i]) {
			c->files[i] = file_ref(t->files[i]);
			c->cloexec[i] = t->cloexec[i];
		}
	spin_unlock(&t->lock);
	return c;
}

/* With its vnode and name; and the pages of a file in memory that has no name and is not mapped, which the file alone keeps. */
static uint64_t file_weight(const struct file *f)
{
	const struct vnode *v = f->vnode;
	const struct object *o = v->object;
	uint64_t nbytes = sizeof(*f) + sizeof(*v) + 256;

	if (o && !o->ops && (!v->nlink || !v->mount) && list_empty(&o->mappings))
		nbytes += o->nslots * PAGE_SIZE;
	return nbytes + (v->ops && v->ops->weight ? v->ops->weight(f) : 0);
}

uint64_t fdtable_weight(struct fdtable *t)
{
	uint64_t sum;

	spin_lock(&t->lock);
	sum = arrays_nbytes(t->size);
	for (unsigned i = 0; i < t->size; i++)
		if (t->files[i])
			sum += file_weight(t->files[i]) / t->files[i]->refs;
	spin_unlock(&t->lock);
	return sum;
}

void fdtable_close_on_exec(struct fdtable *t)
{
	for (unsigned i = 0; i < t->size; i++)
		if (t->files[i] && t->cloexec[i])
			fd_close(t, i);
}

int fd_install(struct fdtable *t, struct file *f, int from, bool cloexec)
{
	unsigned fd;

	for (;;) {
		spin_lock(&t->lock);
		for (fd = from; fd < t->size && t->files[fd]; fd++)
			;
		if (fd >= t->max) {
			spin_unlock(&t->lock);
			return -EMFILE;
		}
		if (fd < t->size) {
			t->files[fd] = f;
			t->cloexec[fd] = cloexec;
			spin_unlock(&t->lock);
			return fd;
		}
		spin_unlock(&t->lock);
		if (grow(t, fd))
			return -ENOMEM;
	}
}

struct file *fd_get(struct fdtable *t, int fd)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if ((unsigned)fd < t->size && t->files[fd])
		f = file_ref(t->files[fd]);
	spin_unlock(&t->lock);
	return f;
}

int fd_close(struct fdtable *t, int fd)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if ((unsigned)fd < t->size) {
		f = t->files[fd];
		t->files[fd] = NULL;
		t->cloexec[fd] = 0;
	}
	spin_unlock(&t->lock);
	if (!f)
		return -EBADF;
	file_locks_forget(f->vnode, t);
	file_unref(f);
	return 0;
}

int fd_replace(struct fdtable *t, struct file *f, int fd, bool cloexec)
{
	struct file *old;

	if (fd < 0 || (unsigned)fd >= t->max)
		return -EBADF;
	for (;;) {
		spin_lock(&t->lock);
		if ((unsigned)fd < t->size)
			break;
		spin_unlock(&t->lock);
		if (grow(t, fd))
			return -ENOMEM;
	}
	old = t->files[fd];
	t->files[fd] = f;
	t->cloexec[fd] = cloexec;
	spin_unlock(&t->lock);
	if (old) {
		file_locks_forget(old->vnode, t);
		file_unref(old);
	}
	return fd;
}
