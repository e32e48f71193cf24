/* SPDX-License-Identifier: ISC */
/*
 * System calls on names: opening, making, removing, moving them, and where the process is. The work is in
 * fs/namei.c.
 */
#include "lib/string.h"
#include "sys/files.h"

#define PATH_MAX 4096

static char *page_get(void)
{
	struct page *p = page_alloc_kernel();

	return p ? page_data(p) : NULL;
}

static void page_put(char *buf)
{
	page_free(pfn_page(virt_to_phys(buf) >> PAGE_SHIFT));
}

int path_get(struct path_arg *p, uint64_t upath)
{
	ssize_t n = user_copy_string(p->room, upath, sizeof(p->room));

	p->text = p->room;
	if (likely(n != -ENAMETOOLONG))
		return n < 0 ? n : 0;
	p->text = page_get();
	if (!p->text)
		return -ENOMEM;
	n = user_copy_string(p->text, upath, PATH_MAX);
	if (n < 0)
		path_put(p);
	return n < 0 ? n : 0;
}

void path_put(struct path_arg *p)
{
	if (unlikely(p->text != p->room))
		page_put(p->text);
	p->text = p->room;
}

int at_get(int dirfd, const char *path, struct name **at)
{
	bool counted;
	struct file *f;
	int r = 0;

	*at = NULL;
	if (dirfd == AT_FDCWD || *path == '/')
		return 0;
	f = file_of(dirfd, &counted);
	if (!f)
		return -EBADF;
	if (f->name)
		*at = name_ref(f->name);
	else
		r = -ENOTDIR;
	file_done(f, counted);
	return r;
}

void at_put(struct name *at)
{
	if (at)
		name_unref(at);
}

static int descriptor_vnode(int fd, struct vnode **out)
{
	bool counted;
	struct file *f = file_of(fd, &counted);

	if (!f)
		return -EBADF;
	vnode_ref(f->vnode);
	*out = f->vnode;
	file_done(f, counted);
	return 0;
}

int at_vnode(int dirfd, uint64_t upath, int at_flags, struct vnode **out)
{
	unsigned look = at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOK_FOLLOW;
	struct name *at = NULL, *n;
	struct path_arg path;
	int r;

	if (at_flags & AT_EMPTY_PATH) {
		if (!upath)
			return descriptor_vnode(dirfd, out);
		look |= LOOK_EMPTY;
	}
	r = path_get(&path, upath);
	if (r)
		return r;
	if (!*path.text && (at_flags & AT_EMPTY_PATH) && dirfd != AT_FDCWD) {
		path_put(&path);
		return descriptor_vnode(dirfd, out);
	}
	r = at_get(dirfd, path.text, &at);
	if (!r)
		r = path_lookup(caller_fs(), caller_cred(), at, path.text, look, &n);
	if (!r) {
		*out = name_vnode(n);
		vnode_ref(*out);
		name_unref(n);
	}
	at_put(at);
	path_put(&path);
	return r;
}

/* ---- open ---- */

int64_t sys_openat(const uint64_t *a)
{
	enum { O_DIRECT = 040000 };
	struct proc *p = proc_current();
	int flags = a[2];
	struct path_arg path;
	struct name *at = NULL;
	struct file *f;
	int r;

	if (flags & O_DIRECT)
		return -EINVAL; /* there is no way around the page cache */
	r = path_get(&path, a[1]);
	if (r)
		return r;
	r = at_get(a[0], path.text, &at);
	if (!r)
		r = path_open(p->fs, &p->cred, at, path.text, flags, a[3], &f);
	if (!r) {
		do /* the call is not made again: it may have made the file */
			r = fd_install(p->files, f, 0, flags & O_CLOEXEC);
		while (r == -ENOMEM && !page_wait_memory());
		if (r < 0)
			file_unref(f);
	}
	at_put(at);
	path_put(&path);
	return r;
}

/* ---- calls of one path ---- */

/* A path and where it begins; ended by one_put. */
struct one {
	struct path_arg path;
	struct name *at;
};

static int one_get(struct one *o, int dirfd, uint64_t upath)
{
	int r = path_get(&o->path, upath);

	if (r)
		return r;
	r = at_get(dirfd, o->path.text, &o->at);
	if (r)
		path_put(&o->path);
	return r;
}

static void one_put(struct one *o)
{
	at_put(o->at);
	path_put(&o->path);
}

int64_t sys_mknodat(const uint64_t *a)
{
	struct one o;
	int r = one_get(&o, a[0], a[1]);

	if (r)
		return r;
	r = path_mknod(caller_fs(), caller_cred(), o.at, o.path.text, a[2], (uint32_t)a[3]);
	one_put(&o);
	return r;
}

int64_t sys_mkdirat(const uint64_t *a)
{
	struct one o;
	int r = one_get(&o, a[0], a[1]);

	if (r)
		return r;
	r = path_mkdir(caller_fs(), caller_cred(), o.at, o.path.text, a[2]);
	one_put(&o);
	return r;
}

int64_t sys_unlinkat(const uint64_t *a)
{
	struct one o;
	int r;

	if (a[2] & ~(uint64_t)AT_REMOVEDIR)
		return -EINVAL;
	r = one_get(&o, a[0], a[1]);
	if (r)
		return r;
	r = path_unlink(caller_fs(), caller_cred(), o.at, o.path.text, a[2] & AT_REMOVEDIR);
	one_put(&o);
	return r;
}

int64_t sys_symlinkat(const uint64_t *a)
{
	struct path_arg target;
	struct one o;
	int r = path_get(&target, a[0]);

	if (r)
		return r;
	r = one_get(&o, a[1], a[2]);
	if (!r) {
		r = path_symlink(caller_fs(), caller_cred(), target.text, o.at, o.path.text);
		one_put(&o);
	}
	path_put(&target);
	return r;
}

int64_t sys_readlinkat(const uint64_t *a)
{
	size_t n = MIN(a[3], (uint64_t)PATH_MAX);
	struct one o;
	char *buf;
	int64_t r;

	if ((int)a[3] <= 0)
		return -EINVAL;
	r = one_get(&o, a[0], a[1]);
	if (r)
		return r;
	buf = page_get();
	if (buf) {
		r = path_readlink(caller_fs(), caller_cred(), o.at, o.path.text, buf, n);
		if (r > 0 && put_user(a[2], buf, r))
			r = -EFAULT;
		page_put(buf);
	} else {
		r = -ENOMEM;
	}
	one_put(&o);
	return r;
}

/* ---- calls of two paths ---- */

int64_t sys_linkat(const uint64_t *a)
{
	unsigned look = (a[4] & AT_SYMLINK_FOLLOW ? LOOK_FOLLOW : 0) |
			(a[4] & AT_EMPTY_PATH ? LOOK_EMPTY : 0);
	struct one from, to;
	int r;

	if (a[4] & ~(uint64_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = one_get(&from, a[0], a[1]);
	if (r)
		return r;
	r = one_get(&to, a[2], a[3]);
	if (!r) {
		r = path_link(caller_fs(), caller_cred(), from.at, from.path.text, look, to.at, to.path.text);
		one_put(&to);
	}
	one_put(&from);
	return r;
}

int64_t sys_renameat2(const uint64_t *a)
{
	struct one from, to;
	int r = one_get(&from, a[0], a[1]);

	if (r)
		return r;
	r = one_get(&to, a[2], a[3]);
	if (!r) {
		r = path_rename(caller_fs(), caller_cred(), from.at, from.path.text, to.at, to.path.text,
				a[4]);
		one_put(&to);
	}
	one_put(&from);
	return r;
}

/* ---- directories ---- */

struct listing {
	char *buf;
	size_t used, size;
	uint64_t next; /* the offset behind the last entry that fitted */
	bool narrow;   /* not even one does */
};

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
} __packed __attribute__((aligned(8)));

static int add_entry(void *arg, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next)
{
	struct listing *l = arg;
	size_t n = ALIGN_UP(offsetof(struct dirent64, name) + len + 1, 8ul);
	struct dirent64 *d = (struct dirent64 *)(l->buf + l->used);

	if (n > l->size - l->used) {
		l->narrow = !l->used;
		return 1;
	}
	*(uint64_t *)((char *)d + n - 8) = 0; /* what follows the name */
	d->ino = ino;
	d->off = next;
	d->reclen = n;
	d->type = type;
	memcpy(d->name, name, len);
	l->used += n;
	l->next = next;
	return 0;
}

static int64_t list(struct file *f, uint64_t ubuf, size_t size)
{
	struct vnode *v = f->vnode;
	struct listing l = { .buf = page_get(), .size = MIN(size, PAGE_SIZE) };
	int64_t r;

	if (!l.buf)
		return -ENOMEM;
	mutex_lock(&f->lock);
	l.next = f->offset;
	rwlock_read(&v->contents);
	r = v->nlink ? v->ops->readdir(v, f->offset, add_entry, &l) : -ENOENT;
	rwlock_read_unlock(&v->contents);
	if (!r && l.narrow)
		r = -EINVAL;
	if (!r && l.used && put_user(ubuf, l.buf, l.used))
		r = -EFAULT;
	if (!r) {
		f->offset = l.next;
		r = l.used;
		file_note_read(f);
	}
	mutex_unlock(&f->lock);
	page_put(l.buf);
	return r;
}

int64_t sys_getdents64(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	if (f->flags & O_PATH)
		r = -EBADF;
	else
		r = S_ISDIR(f->vnode->mode) && f->vnode->ops->readdir ? list(f, a[1], (uint32_t)a[2]) :
									-ENOTDIR;
	file_done(f, counted);
	return r;
}

int64_t sys_getcwd(const uint64_t *a)
{
	struct fs_context *fs = caller_fs();
	char *buf = page_get();
	struct name *cwd, *root;
	ssize_t r;

	if (!buf)
		return -ENOMEM;
	spin_lock(&fs->lock);
	cwd = name_ref(fs->cwd);
	root = name_ref(fs->root);
	spin_unlock(&fs->lock);
	r = name_path(cwd, root, buf, PATH_MAX);
	name_unref(cwd);
	name_unref(root);
	if (r >= 0) {
		r++; /* with the NUL */
		if ((uint64_t)r > a[1])
			r = -ERANGE;
		else if (put_user(a[0], buf, r))
			r = -EFAULT;
	}
	page_put(buf);
	return r;
}

static int change_to(uint64_t upath,
		     int (*change)(struct fs_context *fs, const struct cred *cred, struct name *n))
{
	struct path_arg path;
	struct name *n;
	int r = path_get(&path, upath);

	if (r)
		return r;
	r = path_lookup(caller_fs(), caller_cred(), NULL, path.text, LOOK_FOLLOW | LOOK_DIRECTORY, &n);
	path_put(&path);
	if (r)
		return r;
	r = change(caller_fs(), caller_cred(), n);
	name_unref(n);
	return r;
}

int64_t sys_chdir(const uint64_t *a)
{
	return change_to(a[0], fs_chdir);
}

int64_t sys_chroot(const uint64_t *a)
{
	return change_to(a[0], fs_chroot);
}

int64_t sys_fchdir(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = f->name ? fs_chdir(caller_fs(), caller_cred(), f->name) : -ENOTDIR;
	file_done(f, counted);
	return r;
}

/* ---- mounts ---- */

/* An optional string. */
static int string_get(struct path_arg *p, uint64_t utext, const char **out)
{
	*out = NULL;
	p->text = p->room;
	if (!utext)
		return 0;
	*out = p->text;
	int r = path_get(p, utext);
	*out = p->text;
	return r;
}

int64_t sys_mount(const uint64_t *a)
{
	struct path_arg arg[4];
	const char *text[4];
	static const uint8_t from[4] = { 0, 1, 2, 4 };
	unsigned n = 0;
	int r = 0;

	while (n < 4 && !(r = string_get(&arg[n], a[from[n]], &text[n])))
		n++;
	if (!r && !text[1])
		r = -EFAULT;
	if (!r)
		r = fs_mount(caller_fs(), caller_cred(), text[0], text[1], text[2], a[3], text[3]);
	while (n--)
		path_put(&arg[n]);
	return r;
}

int64_t sys_umount2(const uint64_t *a)
{
	struct path_arg path;
	int r = path_get(&path, a[0]);

	if (r)
		return r;
	r = fs_umount(caller_fs(), caller_cred(), path.text, a[1]);
	path_put(&path);
	return r;
}
