/* SPDX-License-Identifier: ISC */
/*
 * Paths: resolving them, and the system calls that change names.
 *
 * A directory's contents lock is held for reading while a name is looked up in the file system and put into the name cache, and for
 * writing while one is made or removed. Where two are needed (rmdir, rename) the order is: the directory above first,
 * else by address; a rename between directories also holds the mount's tree still with rename_lock, so "above" stays true.
 * The lock of a directory that is to be removed or replaced comes after those of the parents.
 */
#include "fs/internal.h"
#include "fs/name.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define PATH_LONGEST 4096
#define LINKS_MAX    40

static struct mutex rename_lock;

void namei_init(void)
{
	mutex_init(&rename_lock, "rename", RANK_MOUNT);
}

/* A walk: where it is, and, after walk_parent, the last component. */
struct walk {
	const struct cred *cred;
	struct name *root, *at; /* referenced */
	struct name *from;	/* where the last step began, referenced; or NULL */
	unsigned nlinks;
	char *buf;	  /* a link's target that `last` points into, or NULL */
	const char *last; /* "" when the path was "/" */
	size_t len;
	bool slash; /* something like a trailing slash follows: it must be a directory */
};

static void walk_begin(struct walk *w, struct fs_context *fs, const struct cred *cred, struct name *at,
		       const char *path)
{
	*w = (struct walk){ .cred = cred };
	spin_lock(&fs->lock);
	w->root = name_ref(fs->root);
	w->at = name_ref(*path == '/' ? fs->root : at ? at : fs->cwd);
	spin_unlock(&fs->lock);
}

static void link_free(char *buf);

static void walk_end(struct walk *w)
{
	if (w->root)
		name_unref(w->root);
	if (w->at)
		name_unref(w->at);
	if (w->from)
		name_unref(w->from);
	link_free(w->buf);
}

/* Replaces where the walk is; takes over the reference. */
static void go(struct walk *w, struct name *n)
{
	name_unref(w->at);
	w->at = n;
}

/* The same, and keeps where it was, in case that it is at a link now. */
static void go_on(struct walk *w, struct name *n)
{
	if (w->from)
		name_unref(w->from);
	w->from = w->at;
	w->at = n;
}

/* ---- one component ---- */

/* With the contents lock of the directory held. *out is referenced and may be a name without a vnode. */
static int lookup_locked(struct name *dir, const char *comp, size_t len, struct name **out)
{
	struct vnode *d = dir->vnode, *v = NULL;
	struct name *n;
	int r;

	if (len > NAME_LONGEST)
		return -ENAMETOOLONG;
	n = name_find(dir, comp, len);
	if (!n) {
		if (!d->ops->lookup)
			return -ENOTDIR;
		n = name_create(dir, comp, len);
		if (!n)
			return -ENOMEM;
		r = d->ops->lookup(d, comp, len, &v);
		if (r && r != -ENOENT) {
			name_unref(n);
			return r;
		}
		if (v || !d->mount->no_negative)
			n = name_insert(n, v);
	}
	*out = n;
	return 0;
}

static int lookup_child(struct name *dir, const char *comp, size_t len, struct name **out)
{
	struct name *n = len <= NAME_LONGEST ? name_find(dir, comp, len) : NULL;
	int r = 0;

	if (n) {
		*out = n;
	} else {
		rwlock_read(&dir->vnode->contents);
		r = lookup_locked(dir, comp, len, out);
		rwlock_read_unlock(&dir->vnode->contents);
	}
	return r;
}

static void go_up(struct walk *w)
{
	struct name *up;

	while (w->at != w->root && w->at->root_of && w->at->root_of->covered)
		go(w, name_ref(w->at->root_of->covered));
	if (w->at == w->root)
		return;
	up = name_parent(w->at);
	if (up)
		go(w, up);
}

/* Is the walk in a directory that may be searched? */
static int check_search(struct walk *w)
{
	if (!S_ISDIR(w->at->vnode->mode))
		return -ENOTDIR;
	return vnode_permission(w->at->vnode, w->cred, 1);
}

/* Goes to the entry, mounts crossed, links not followed. */
static int step(struct walk *w, const char *comp, size_t len)
{
	struct name *n;
	int r = check_search(w);

	if (r)
		return r;
	if (len == 0 || (len == 1 && comp[0] == '.'))
		return 0;
	if (len == 2 && comp[0] == '.' && comp[1] == '.') {
		go_up(w);
		return 0;
	}
	r = lookup_child(w->at, comp, len, &n);
	if (r)
		return r;
	if (!n->vnode) {
		name_unref(n);
		return -ENOENT;
	}
	go_on(w, name_cross(n));
	return 0;
}

/* ---- symbolic links ---- */

static char *link_alloc(void)
{
	struct page *p = page_alloc_kernel();

	return p ? page_data(p) : NULL;
}

static void link_free(char *buf)
{
	if (buf)
		page_free(pfn_page(virt_to_phys(buf) >> PAGE_SHIFT));
}

static ssize_t read_link(struct vnode *v, char **out)
{
	char *buf = link_alloc();
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = v->ops->readlink ? v->ops->readlink(v, buf, PATH_LONGEST - 1) : -EINVAL;
	if (n == 0)
		n = -ENOENT;
	if (n < 0) {
		link_free(buf);
		return n;
	}
	buf[n] = '\0';
	*out = buf;
	return n;
}

static int walk_parent(struct walk *w, const char *path);

/* The walk has come to a link: goes to what it names; if `last` only up to the last component. A link that leads to a name goes there at
 * once, and *arrived says so. */
static int follow(struct walk *w, bool last, bool *arrived)
{
	struct vnode *v = w->at->vnode;
	struct name *target;
	char *buf;
	ssize_t n;
	int r;

	*arrived = false;
	if (++w->nlinks > LINKS_MAX)
		return -ELOOP;
	if (v->ops->follow) {
		r = v->ops->follow(v, &target);
		if (!r)
			go(w, target);
		*arrived = true;
		return r;
	}
	n = read_link(v, &buf);
	if (n < 0)
		return n;
	go(w, w->from);
	w->from = NULL;
	if (*buf == '/')
		go(w, name_ref(w->root));
	if (last) {
		char *old = w->buf;
		bool slash = w->slash;

		w->buf = NULL;
		r = walk_parent(w, buf);
		w->slash |= slash;
		link_free(w->buf); /* of links within the target: `last` points into buf */
		w->buf = buf;
		link_free(old);
		return r;
	}
	r = walk_parent(w, buf);
	if (!r) { /* the target's last component, and if it is a link, that one's */
		r = step(w, w->last, w->len);
		if (!r && S_ISLNK(w->at->vnode->mode))
			r = follow(w, false, arrived);
	}
	link_free(buf);
	return r;
}

/* Goes through all components but the last, following links. */
static int walk_parent(struct walk *w, const char *path)
{
	for (;;) {
		const char *end;
		bool arrived;
		int r;

		while (*path == '/')
			path++;
		for (end = path; *end && *end != '/'; end++)
			;
		w->last = path;
		w->len = end - path;
		w->slash = *end == '/';
		while (*end == '/')
			end++;
		if (!*end)
			return 0;
		r = step(w, path, w->len);
		if (!r && S_ISLNK(w->at->vnode->mode))
			r = follow(w, false, &arrived);
		if (r)
			return r;
		path = end;
	}
}

/* From walk_parent's end to the thing itself. */
static int walk_last(struct walk *w, unsigned flags)
{
	bool slash, arrived = false;
	int r;

	for (;;) {
		slash = w->slash;
		r = step(w, w->last, w->len);
		if (r || !S_ISLNK(w->at->vnode->mode) || !(slash || (flags & LOOK_FOLLOW)))
			break;
		r = follow(w, true, &arrived);
		if (r || arrived)
			break;
	}
	if (!r && (slash || (flags & LOOK_DIRECTORY)) && !S_ISDIR(w->at->vnode->mode))
		r = -ENOTDIR;
	return r;
}

int path_lookup(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		unsigned flags, struct name **out)
{
	struct walk w;
	int r;

	walk_begin(&w, fs, cred, at, path);
	if (!*path) {
		r = !(flags & LOOK_EMPTY)				    ? -ENOENT :
		    (flags & LOOK_DIRECTORY) && !S_ISDIR(w.at->vnode->mode) ? -ENOTDIR :
									      0;
	} else {
		r = walk_parent(&w, path);
		if (!r)
			r = walk_last(&w, flags);
	}
	if (!r) {
		*out = w.at;
		w.at = NULL;
	}
	walk_end(&w);
	return r;
}

/* ---- open ---- */

static int check_open(struct vnode *v, const struct cred *cred, int flags)
{
	static const uint8_t wants[] = { [O_RDONLY] = 4, [O_WRONLY] = 2, [O_RDWR] = 6, [3] = 6 };
	unsigned want = wants[flags & O_ACCMODE];

	if (S_ISLNK(v->mode))
		return -ELOOP;
	if (flags & O_TRUNC)
		want |= 2;
	if (S_ISDIR(v->mode) && ((want & 2) || (flags & O_CREAT)))
		return -EISDIR;
	if ((S_ISCHR(v->mode) || S_ISBLK(v->mode)) && v->mount && v->mount->flags & MOUNT_NODEV)
		return -EACCES;
	if (flags & O_NOATIME && cred->euid != 0 && cred->euid != v->uid)
		return -EPERM;
	return vnode_permission(v, cred, want);
}

/* Device nodes and FIFOs of a disk's directories are opened as what they stand for. Changes *v, keeping one reference. */
static int resolve_special(struct vnode **v)
{
	struct vnode *device;
	int r;

	if (((*v)->mode & S_IFMT) == S_IFSOCK)
		return -ENXIO;
	if (!(S_ISCHR((*v)->mode) || S_ISBLK((*v)->mode)) || (*v)->ops->open || (*v)->ops->read ||
	    (*v)->object)
		return 0;
	r = device_vnode((*v)->mode, (*v)->rdev, &device);
	if (r)
		return r;
	vnode_unref(*v);
	*v = device;
	return 0;
}

/* Makes the file; takes over the reference to n. `made`: just created, no permission asked. */
static int open_name(struct name *n, const struct cred *cred, int flags, bool made, struct file **out)
{
	struct vnode *v = n->vnode;
	struct file *f;
	int r = 0;

	vnode_ref(v);
	if (!(flags & O_PATH) && !made)
		r = check_open(v, cred, flags);
	if (!r && (flags & O_DIRECTORY) && !S_ISDIR(v->mode))
		r = -ENOTDIR;
	if (!r && !(flags & O_PATH))
		r = resolve_special(&v);
	if (!r && (flags & O_TRUNC) && !made && S_ISREG(v->mode) && !(flags & O_PATH)) {
		struct attr a = { .valid = ATTR_SIZE | ATTR_FORCE, .size = 0 };

		r = vnode_begin_write(v);
		if (!r) {
			r = vnode_setattr(v, cred, &a);
			vnode_end_write(v);
		}
	}
	f = r ? NULL : file_create(v, n, flags);
	while (!f && !r && made &&
	       !page_wait_memory()) /* made again, the call would find what it has just made */
		f = file_create(v, n, flags);
	if (!f) {
		vnode_unref(v);
		name_unref(n);
		return r ? r : -ENOMEM;
	}
	if (!(flags & O_PATH)) {
		r = file_begin_write(f);
		if (!r && v->ops->open)
			r = v->ops->open(v, f);
		if (r) {
			f->flags |= O_PATH; /* nothing to release */
			file_unref(f);
			return r;
		}
	}
	f->flags &= ~O_NOCTTY; /* only open looks at it */
	*out = f;
	return 0;
}

/* May entries of the directory be made or removed? */
static int check_change(struct vnode *dir, const struct cred *cred)
{
	int r;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	r = vnode_permission(dir, cred, 3);
	if (r)
		return r;
	return dir->nlink == 0 ? -ENOENT : 0;
}

/* In a directory that hands its group on, nobody makes a program run with a group that is not theirs. */
static uint32_t mode_in(const struct vnode *dir, uint32_t mode, const struct cred *cred)
{
	bool program = !S_ISDIR(mode) && (mode & (S_ISGID | 010)) == (S_ISGID | 010);

	if (program && dir->mode & S_ISGID && cred->euid != 0 && !cred_in_group(cred, dir->gid))
		mode &= ~S_ISGID;
	return mode;
}

/* Creates what n, a name without a vnode, stands for; the directory's contents are held for writing. */
static int create_at(struct name *dir, struct name *n, const struct cred *cred, uint32_t mode, uint64_t rdev)
{
	struct vnode *v;
	int r = check_change(dir->vnode, cred);

	if (r)
		return r;
	if (!dir->vnode->ops->create || ((S_ISCHR(mode) || S_ISBLK(mode)) && cred->euid != 0))
		return -EPERM;
	if ((r = mount_begin_write(dir->vnode->mount)))
		return r;
	mode = mode_in(dir->vnode, mode, cred);
	r = dir->vnode->ops->create(dir->vnode, n->component, n->len, mode, rdev, cred, &v);
	mount_end_write(dir->vnode->mount);
	if (!r && n->hashed)
		name_fill(n, v);
	else if (!r)
		n->vnode = v; /* not in the cache: this file system keeps no absent names */
	return r;
}

/* The last component of an open with O_CREAT: *out a referenced name (perhaps of a link, which the caller follows), *made if it is new. */
static int open_create(struct walk *w, int flags, uint32_t mode, struct name **out, bool *made)
{
	struct name *n;
	bool exists;
	int r = check_search(w);

	if (r)
		return r;
	exists = w->len == 0 || (w->len == 1 && w->last[0] == '.') ||
		 (w->len == 2 && w->last[0] == '.' && w->last[1] == '.');
	if (exists || w->slash)
		return exists && flags & O_EXCL ? -EEXIST : -EISDIR;
	*made = false;
	r = lookup_child(w->at, w->last, w->len, &n);
	if (!r && !n->vnode) {
		name_unref(n);
		rwlock_write(&w->at->vnode->contents);
		r = lookup_locked(w->at, w->last, w->len, &n);
		if (!r && !n->vnode) {
			r = create_at(w->at, n, w->cred, mode, 0);
			if (r)
				name_unref(n);
			*made = r == 0;
		}
		rwlock_write_unlock(&w->at->vnode->contents);
	}
	if (r)
		return r;
	if (!*made && (flags & O_EXCL)) {
		name_unref(n);
		return -EEXIST;
	}
	*out = name_cross(n);
	return 0;
}

static int make_tmpfile(struct vnode *dir, const struct cred *cred, uint32_t mode, struct vnode **out)
{
	int r = vnode_permission(dir, cred, 3);

	if (!r && !dir->ops->tmpfile)
		r = -EOPNOTSUPP;
	if (!r)
		r = mount_begin_write(dir->mount);
	if (r)
		return r;
	rwlock_write(&dir->contents);
	r = dir->ops->tmpfile(dir, mode, cred, out);
	rwlock_write_unlock(&dir->contents);
	mount_end_write(dir->mount);
	return r;
}

/* O_TMPFILE: the path names the directory whose file system the file is in. */
static int open_tmpfile(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
			int flags, uint32_t mode, struct file **out)
{
	struct name *dir, *n;
	struct vnode *v;
	char shown[32];
	size_t len;
	int r;

	if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_CREAT))
		return -EINVAL;
	r = path_lookup(fs, cred, at, path, (flags & O_NOFOLLOW ? 0 : LOOK_FOLLOW) | LOOK_DIRECTORY, &dir);
	if (r)
		return r;
	r = make_tmpfile(dir->vnode, cred, mode_in(dir->vnode, S_IFREG | (mode & 07777 & ~fs->umask), cred),
			 &v);
	if (r) {
		name_unref(dir);
		return r;
	}
	v->linkable = !(flags & O_EXCL);
	len = ksnprintf(shown, sizeof(shown), "#%lu", v->ino); /* as removed from the directory */
	name_set_former(v, name_create(dir, shown, len));
	n = name_create(dir, shown, len);
	name_unref(dir);
	if (!n) {
		vnode_unref(v);
		return -ENOMEM;
	}
	n->vnode = v;
	return open_name(n, cred, flags & ~O_TMPFILE, true, out);
}

int path_open(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path, int flags,
	      uint32_t mode, struct file **out)
{
	bool made = false, arrived = false;
	struct name *n;
	struct walk w;
	int r;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return open_tmpfile(fs, cred, at, path, flags, mode, out);
	if (flags & (O_TMPFILE & ~O_DIRECTORY))
		return -EINVAL;
	if (!(flags & O_CREAT) || (flags & O_PATH)) {
		r = path_lookup(fs, cred, at, path,
				(flags & O_NOFOLLOW ? 0 : LOOK_FOLLOW) |
					(flags & O_DIRECTORY ? LOOK_DIRECTORY : 0),
				&n);
		return r ? r : open_name(n, cred, flags, false, out);
	}
	if (flags & O_DIRECTORY)
		return -EINVAL;
	if (!*path)
		return -ENOENT;
	mode = S_IFREG | (mode & 07777 & ~fs->umask);
	walk_begin(&w, fs, cred, at, path);
	r = walk_parent(&w, path);
	while (!r) {
		r = open_create(&w, flags, mode, &n, &made);
		if (r || !S_ISLNK(n->vnode->mode) || (flags & O_NOFOLLOW))
			break;
		go_on(&w, n);
		r = follow(&w, true, &arrived);
		if (!r && arrived) {
			n = name_ref(w.at);
			break;
		}
	}
	walk_end(&w);
	return r ? r : open_name(n, cred, flags, made, out);
}

/* ---- making names ---- */

/* Goes to the parent of a name that is to be made or removed. The last component must be a real name; `special` is the
 * errno when it is not. */
static int begin_change(struct walk *w, struct fs_context *fs, const struct cred *cred, struct name *at,
			const char *path, int special)
{
	int r;

	if (!*path)
		return memset(w, 0, sizeof(*w)), -ENOENT;
	walk_begin(w, fs, cred, at, path);
	r = walk_parent(w, path);
	if (!r)
		r = check_search(w);
	if (r)
		return r;
	if (w->len == 0)
		return special == -EINVAL ? -EBUSY : special;
	if (w->last[0] == '.' && (w->len == 1 || (w->len == 2 && w->last[1] == '.')))
		return special == -EINVAL && w->len == 2 ? -ENOTEMPTY : special;
	return 0;
}

static int make_node(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		     uint32_t mode, uint64_t rdev)
{
	struct name *n = NULL;
	struct walk w;
	int r = begin_change(&w, fs, cred, at, path, -EEXIST);

	if (r)
		goto out;
	rwlock_write(&w.at->vnode->contents);
	r = lookup_locked(w.at, w.last, w.len, &n);
	if (!r) {
		if (n->vnode)
			r = -EEXIST;
		else if (w.slash && !S_ISDIR(mode))
			r = -ENOENT;
		else
			r = create_at(w.at, n, cred, mode, rdev);
	}
	rwlock_write_unlock(&w.at->vnode->contents);
	if (n)
		name_unref(n);
out:
	walk_end(&w);
	return r;
}

int path_mknod(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
	       uint32_t mode, uint64_t rdev)
{
	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(mode) && !S_ISCHR(mode) && !S_ISBLK(mode) && !S_ISFIFO(mode) &&
	    (mode & S_IFMT) != S_IFSOCK)
		return -EINVAL;
	return make_node(fs, cred, at, path, (mode & S_IFMT) | (mode & 07777 & ~fs->umask), rdev);
}

int path_mkdir(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
	       uint32_t mode)
{
	return make_node(fs, cred, at, path, S_IFDIR | (mode & 01777 & ~fs->umask), 0);
}

int path_symlink(struct fs_context *fs, const struct cred *cred, const char *target, struct name *at,
		 const char *path)
{
	struct name *n = NULL;
	struct walk w;
	int r;

	if (!*target)
		return -ENOENT;
	if (strnlen(target, PATH_LONGEST) == PATH_LONGEST)
		return -ENAMETOOLONG;
	r = begin_change(&w, fs, cred, at, path, -EEXIST);
	if (r)
		goto out;
	rwlock_write(&w.at->vnode->contents);
	r = lookup_locked(w.at, w.last, w.len, &n);
	if (!r && n->vnode)
		r = -EEXIST;
	else if (!r && w.slash)
		r = -ENOENT;
	if (!r)
		r = check_change(w.at->vnode, cred);
	if (!r)
		r = mount_begin_write(w.at->vnode->mount);
	if (!r) {
		r = w.at->vnode->ops->symlink ?
			    w.at->vnode->ops->symlink(w.at->vnode, n->component, n->len, target, cred) :
			    -EPERM;
		mount_end_write(w.at->vnode->mount);
	}
	if (!r)
		name_unhash(n); /* the next look-up finds it */
	rwlock_write_unlock(&w.at->vnode->contents);
	if (n)
		name_unref(n);
out:
	walk_end(&w);
	return r;
}

int path_link(struct fs_context *fs, const struct cred *cred, struct name *oat, const char *opath,
	      unsigned look, struct name *nat, const char *npath)
{
	struct name *old, *n = NULL;
	struct vnode *dir;
	struct walk w;
	int r = path_lookup(fs, cred, oat, opath, look, &old);

	if (r)
		return r;
	r = begin_change(&w, fs, cred, nat, npath, -EEXIST);
	if (r)
		goto out;
	dir = w.at->vnode;
	rwlock_write(&dir->contents);
	r = lookup_locked(w.at, w.last, w.len, &n);
	if (!r && n->vnode)
		r = -EEXIST;
	else if (!r && w.slash)
		r = -ENOENT;
	else if (!r && dir->mount != old->vnode->mount)
		r = -EXDEV;
	else if (!r && S_ISDIR(old->vnode->mode))
		r = -EPERM;
	if (!r)
		r = check_change(dir, cred);
	if (!r && old->vnode->nlink == 0 && !old->vnode->linkable)
		r = -ENOENT;
	if (!r)
		r = mount_begin_write(dir->mount);
	if (!r) {
		r = dir->ops->link ? dir->ops->link(dir, n->component, n->len, old->vnode) : -EPERM;
		mount_end_write(dir->mount);
		if (!r)
			old->vnode->linkable = false;
	}
	if (!r && n->hashed) {
		vnode_ref(old->vnode);
		name_fill(n, old->vnode);
	}
	rwlock_write_unlock(&dir->contents);
	if (n)
		name_unref(n);
out:
	walk_end(&w);
	name_unref(old);
	return r;
}

/* ---- removing and moving names ---- */

/* A directory with the sticky bit: only owners take things away. */
static int check_sticky(struct vnode *dir, struct vnode *v, const struct cred *cred)
{
	if (!(dir->mode & S_ISVTX) || cred->euid == 0 || cred->euid == v->uid || cred->euid == dir->uid)
		return 0;
	return -EPERM;
}

static int remove_locked(struct walk *w, struct name *n, bool directory)
{
	struct vnode *dir = w->at->vnode, *v = n->vnode;
	int r;

	if (!v)
		return -ENOENT;
	r = check_change(dir, w->cred);
	if (!r)
		r = check_sticky(dir, v, w->cred);
	if (r)
		return r;
	if (directory != S_ISDIR(v->mode))
		return directory ? -ENOTDIR : -EISDIR;
	if (w->slash && !S_ISDIR(v->mode))
		return -ENOTDIR;
	if (__atomic_load_n(&n->mounted, __ATOMIC_RELAXED))
		return -EBUSY;
	if (!(directory ? dir->ops->rmdir : dir->ops->unlink))
		return -EPERM;
	if ((r = mount_begin_write(dir->mount)))
		return r;
	if (directory) {
		rwlock_write(&v->contents);
		r = dir->ops->rmdir(dir, n->component, n->len, v);
		rwlock_write_unlock(&v->contents);
	} else {
		r = dir->ops->unlink(dir, n->component, n->len, v);
	}
	mount_end_write(dir->mount);
	return r;
}

int path_unlink(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		bool directory)
{
	struct name *n = NULL;
	struct walk w;
	int r = begin_change(&w, fs, cred, at, path, directory ? -EINVAL : -EISDIR);

	if (r)
		goto out;
	rwlock_write(&w.at->vnode->contents);
	r = lookup_locked(w.at, w.last, w.len, &n);
	if (!r)
		r = remove_locked(&w, n, directory);
	if (!r) {
		name_remember(n);
		name_unhash(n);
	}
	rwlock_write_unlock(&w.at->vnode->contents);
	if (n)
		name_unref(n); /* perhaps the file's end: with the directory free for others */
out:
	walk_end(&w);
	return r;
}

/* Both directories for writing; the same one once. The one above the other first. rename_lock is held if they differ. */
static void lock_two(struct name *a, struct name *b)
{
	struct name *first = a, *second = b;

	if (a->vnode == b->vnode) {
		rwlock_write(&a->vnode->contents);
		return;
	}
	if (name_is_above(b, a) || (!name_is_above(a, b) && b->vnode < a->vnode)) {
		first = b;
		second = a;
	}
	rwlock_write(&first->vnode->contents);
	rwlock_write(&second->vnode->contents);
}

static void unlock_two(struct name *a, struct name *b)
{
	rwlock_write_unlock(&a->vnode->contents);
	if (a->vnode != b->vnode)
		rwlock_write_unlock(&b->vnode->contents);
}

/* Whether the names are such that one can become the other, as far as where they are goes. */
static int check_places(struct walk *o, struct walk *n, struct name *from, struct name *to, unsigned flags)
{
	struct vnode *source = from->vnode, *target = to->vnode;

	if (!source || (!target && flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (target && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE && n->slash && !S_ISDIR(target->mode))
		return -ENOTDIR;
	if (!S_ISDIR(source->mode) && (o->slash || (n->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (from == n->at || name_is_above(from, n->at))
		return -EINVAL;
	if (target && (to == o->at || name_is_above(to, o->at)))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

/* May v go from one directory to the other? The ".." of a directory is written into it. */
static int check_moved(struct vnode *v, struct vnode *from, struct vnode *to, const struct cred *cred)
{
	int r = check_change(from, cred);

	if (!r)
		r = check_sticky(from, v, cred);
	if (!r && from != to && S_ISDIR(v->mode))
		r = vnode_permission(v, cred, 2);
	return r;
}

static int check_rename(struct walk *o, struct walk *n, struct name *from, struct name *to, unsigned flags)
{
	struct vnode *odir = o->at->vnode, *ndir = n->at->vnode, *source = from->vnode, *target = to->vnode;
	int r = check_moved(source, odir, ndir, o->cred);

	if (!r && flags & RENAME_EXCHANGE)
		r = check_moved(target, ndir, odir, o->cred);
	else if (!r)
		r = check_change(ndir, o->cred);
	if (!r && target)
		r = check_sticky(ndir, target, o->cred);
	if (r)
		return r;
	if (target && !(flags & RENAME_EXCHANGE) && S_ISDIR(source->mode) != S_ISDIR(target->mode))
		return S_ISDIR(source->mode) ? -ENOTDIR : -EISDIR;
	return from->mounted || to->mounted ? -EBUSY : 0;
}

static int rename_locked(struct walk *o, struct walk *n, struct name *from, struct name *to, unsigned flags)
{
	struct vnode *odir = o->at->vnode, *ndir = n->at->vnode, *target = to->vnode;
	bool lock_target = target && S_ISDIR(target->mode);
	int r = check_places(o, n, from, to, flags);

	if (r || from->vnode == target)
		return r;
	if ((r = check_rename(o, n, from, to, flags)))
		return r;
	if (!odir->ops->rename)
		return -EPERM;
	if ((r = mount_begin_write(odir->mount)))
		return r;
	if (lock_target)
		rwlock_write(&target->contents);
	r = odir->ops->rename(odir, from->component, from->len, ndir, n->last, n->len, from->vnode, target,
			      flags);
	if (lock_target)
		rwlock_write_unlock(&target->contents);
	mount_end_write(odir->mount);
	if (!r && flags & RENAME_EXCHANGE) {
		name_exchange(from, to);
		return 0;
	}
	if (!r)
		name_remember(to);
	if (!r && name_move(from, n->at, n->last, n->len)) {
		name_unhash(from); /* no memory for the cache's copy: it forgets both */
		name_unhash(to);
	}
	return r;
}

int path_rename(struct fs_context *fs, const struct cred *cred, struct name *oat, const char *opath,
		struct name *nat, const char *npath, unsigned flags)
{
	struct name *from = NULL, *to = NULL;
	struct walk o, n = { 0 };
	int r, e, exists = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE) || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	r = begin_change(&o, fs, cred, oat, opath, -EBUSY);
	if (r && r != -EBUSY)
		goto out;
	e = begin_change(&n, fs, cred, nat, npath, exists);
	if (e && e != exists)
		r = e;
	else if (o.at->vnode->mount != n.at->vnode->mount)
		r = -EXDEV;
	else if (!r)
		r = e;
	if (r)
		goto out;
	mutex_lock(&rename_lock);
	lock_two(o.at, n.at);
	r = lookup_locked(o.at, o.last, o.len, &from);
	if (!r)
		r = lookup_locked(n.at, n.last, n.len, &to);
	if (!r)
		r = rename_locked(&o, &n, from, to, flags);
	unlock_two(o.at, n.at);
	mutex_unlock(&rename_lock);
	if (from)
		name_unref(from);
	if (to)
		name_unref(to);
out:
	walk_end(&o);
	walk_end(&n);
	return r;
}

ssize_t path_readlink(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		      char *buf, size_t n)
{
	struct name *name;
	struct vnode *v;
	ssize_t r = path_lookup(fs, cred, at, path, LOOK_EMPTY, &name);

	if (r)
		return r;
	v = name->vnode;
	r = S_ISLNK(v->mode) && v->ops->readlink ? v->ops->readlink(v, buf, n) : *path ? -EINVAL : -ENOENT;
	name_unref(name);
	return r;
}

/* ---- contexts ---- */

struct fs_context *fs_context_create(struct name *root)
{
	struct fs_context *c = kzalloc(sizeof(*c));

	if (!c)
		return NULL;
	spin_init(&c->lock, "fs context", RANK_FILES);
	c->refs = 1;
	c->root = name_ref(root);
	c->cwd = name_ref(root);
	c->umask = 022;
	return c;
}

struct fs_context *fs_context_clone(struct fs_context *c)
{
	struct fs_context *n = kzalloc(sizeof(*n));

	if (!n)
		return NULL;
	spin_init(&n->lock, "fs context", RANK_FILES);
	n->refs = 1;
	spin_lock(&c->lock);
	n->root = name_ref(c->root);
	n->cwd = name_ref(c->cwd);
	n->umask = c->umask;
	spin_unlock(&c->lock);
	return n;
}

void fs_context_ref(struct fs_context *c)
{
	__atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
}

void fs_context_unref(struct fs_context *c)
{
	if (__atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL))
		return;
	name_unref(c->root);
	name_unref(c->cwd);
	kfree(c);
}

static int change_dir(struct fs_context *fs, const struct cred *cred, struct name *n, struct name **place)
{
	struct name *old;
	int r;

	if (!S_ISDIR(n->vnode->mode))
		return -ENOTDIR;
	r = vnode_permission(n->vnode, cred, 1);
	if (r)
		return r;
	name_ref(n);
	spin_lock(&fs->lock);
	old = *place;
	*place = n;
	spin_unlock(&fs->lock);
	name_unref(old);
	return 0;
}

int fs_chdir(struct fs_context *fs, const struct cred *cred, struct name *n)
{
	return change_dir(fs, cred, n, &fs->cwd);
}

int fs_chroot(struct fs_context *fs, const struct cred *cred, struct name *n)
{
	if (cred->euid != 0)
		return -EPERM;
	return change_dir(fs, cred, n, &fs->root);
}
