/* SPDX-License-Identifier: ISC */
/* Inodes: from their table and back, new ones, the end of one. */
#include "fs/ext2/ext2.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

static struct kmem_cache inode_cache;

void ext2_inode_init(void)
{
	static bool done;

	if (!done)
		kmem_cache_init(&inode_cache, "ext2 inode", sizeof(struct ext2_inode), false);
	done = true;
}

/* All zero. NULL: no memory. */
static struct ext2_inode *new_inode(void)
{
	struct ext2_inode *ei = kmem_cache_alloc(&inode_cache);

	return ei ? memset(ei, 0, sizeof(*ei)) : NULL;
}

/* The inode in its table; *b is held. NULL: I/O error. */
static struct ext2_dinode *dinode(struct ext2_fs *fs, uint64_t ino, struct ext2_buf *b)
{
	uint32_t group = (ino - 1) / fs->inodes_per_group;
	uint64_t at = (uint64_t)((ino - 1) % fs->inodes_per_group) * fs->inode_size;
	struct ext2_buf db;
	struct ext2_group *d;
	uint32_t table;

	if (ino == 0 || ino > fs->ninodes || !(d = ext2_group(fs, group, &db)))
		return NULL;
	table = d->inode_table;
	ext2_put(&db);
	if (ext2_get(fs, table + (at >> fs->block_shift), b))
		return NULL;
	return (struct ext2_dinode *)((char *)b->data + (at & (fs->block_size - 1)));
}

static uint64_t device_of(const struct ext2_inode *ei)
{
	uint32_t old = ei->block[0]; /* 8 bits each; newer numbers are in the second word */

	return old ? (old >> 8 & 0xff) << 8 | (old & 0xff) : ei->block[1];
}

/* What follows from the mode. */
static int set_up(struct vnode *v, struct ext2_inode *ei)
{
	uint32_t own_sectors =
		ei->nsectors - (ei->file_acl ? MIN(ei->nsectors, ei->fs->block_size / EXT2_SECTOR) : 0);

	v->data = ei;
	v->ops = S_ISFIFO(v->mode) ? &ext2_fifo_ops : &ext2_ops;
	ei->v = v;
	mutex_init(&ei->map_lock, "block map", RANK_BLOCK_MAP);
	list_init(&ei->ready_link);
	ei->fast_link = S_ISLNK(v->mode) && v->size < EXT2_FAST_LINK && !own_sectors;
	if (S_ISCHR(v->mode) || S_ISBLK(v->mode))
		v->rdev = device_of(ei);
	if (!S_ISREG(v->mode) && !S_ISDIR(v->mode) && !(S_ISLNK(v->mode) && !ei->fast_link))
		return 0;
	v->object = object_create(&ext2_pager, v, DIV_ROUND_UP(v->size, PAGE_SIZE));
	return v->object ? 0 : -ENOMEM;
}

static int unset(struct vnode *v, struct ext2_inode *ei, int r)
{
	v->data = NULL;
	kmem_cache_free(&inode_cache, ei);
	return r;
}

static void read_fields(struct vnode *v, struct ext2_inode *ei, const struct ext2_dinode *d)
{
	v->mode = d->mode;
	v->nlink = d->nlink;
	v->uid = d->uid | (uint32_t)d->uid_high << 16;
	v->gid = d->gid | (uint32_t)d->gid_high << 16;
	v->size = d->size | (S_ISREG(d->mode) ? (uint64_t)d->size_high << 32 : 0);
	v->atime.tv_sec = (int32_t)d->atime;
	v->mtime.tv_sec = (int32_t)d->mtime;
	v->ctime.tv_sec = (int32_t)d->ctime;
	ei->nsectors = d->nsectors;
	ei->flags = d->flags;
	ei->generation = d->generation;
	ei->file_acl = d->file_acl;
	memcpy(ei->block, d->block, sizeof(ei->block));
}

/* What a directory entry must not lead to. */
static bool sane(const struct vnode *v, const struct ext2_fs *fs)
{
	uint32_t type = v->mode & S_IFMT;

	if (v->nlink == 0 || v->size > fs->mount->max_size)
		return false;
	if (type == S_IFDIR)
		return v->size % fs->block_size == 0;
	if (type == S_IFLNK)
		return v->size < PAGE_SIZE;
	return type == S_IFREG || type == S_IFCHR || type == S_IFBLK || type == S_IFIFO || type == S_IFSOCK;
}

int ext2_load(struct vnode *v, void *arg)
{
	struct ext2_fs *fs = arg;
	struct ext2_inode *ei = new_inode();
	struct ext2_dinode *d;
	struct ext2_buf b;
	int r;

	if (!ei)
		return -ENOMEM;
	ei->fs = fs;
	d = dinode(fs, v->ino, &b);
	if (!d)
		return unset(v, ei, -EIO);
	read_fields(v, ei, d);
	ext2_put(&b);
	if (!sane(v, fs))
		return unset(v, ei, ext2_damaged(fs, "a name leads to a free or damaged inode,", v->ino));
	r = set_up(v, ei);
	return r ? unset(v, ei, r) : 0;
}

/* [map_lock] */
static int write_inode(struct ext2_inode *ei)
{
	struct vnode *v = ei->v;
	struct ext2_buf b;
	struct ext2_dinode *d;

	/* who changes a field from now on says so again; an exchange, so that the fields are read after it */
	(void)__atomic_exchange_n(&v->dirty, false, __ATOMIC_SEQ_CST);
	d = dinode(ei->fs, v->ino, &b);
	if (!d)
		return -EIO;
	d->mode = v->mode;
	d->uid = v->uid;
	d->uid_high = v->uid >> 16;
	d->gid = v->gid;
	d->gid_high = v->gid >> 16;
	d->size = v->size;
	if (S_ISREG(v->mode))
		d->size_high = v->size >> 32;
	d->atime = v->atime.tv_sec;
	d->mtime = v->mtime.tv_sec;
	d->ctime = v->ctime.tv_sec;
	d->nlink = v->nlink;
	d->dtime = ei->dtime;
	d->nsectors = ei->nsectors;
	d->flags = ei->flags;
	d->generation = ei->generation;
	d->file_acl = ei->file_acl;
	memcpy(d->block, ei->block, sizeof(d->block));
	ext2_changed(ei->fs, &b);
	ext2_put(&b);
	if (S_ISREG(v->mode) && v->size > INT32_MAX)
		ext2_note_large_file(ei->fs);
	return 0;
}

/* Commit and truncation of an inode exclude each other. A sleeping lock of a bit, as there are many inodes. */
static void commit_lock(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;

	might_sleep();
	spin_lock(&fs->ready_lock);
	while (ei->commit_locked)
		waitq_sleep(&fs->commit_wait, &fs->ready_lock);
	ei->commit_locked = true;
	spin_unlock(&fs->ready_lock);
}

static void commit_unlock(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;

	spin_lock(&fs->ready_lock);
	ei->commit_locked = false;
	waitq_wake_all(&fs->commit_wait);
	spin_unlock(&fs->ready_lock);
}

/* Installs what has arrived. [map_lock], let go of while the zeros of new indirect blocks are written. */
static int install(struct ext2_inode *ei)
{
	struct ext2_tables t = { 0 };
	int r;

	while ((r = ext2_install(ei, &t)) == -EAGAIN) {
		mutex_unlock(&ei->map_lock);
		r = ext2_write_zeros(ei->fs, t.next, t.n);
		mutex_lock(&ei->map_lock);
		if (r)
			break;
	}
	ext2_tables_give_back(ei, &t);
	return r;
}

int ext2_commit(struct ext2_inode *ei)
{
	int r, e;

	if (ei->v->mount->read_only)
		return 0;
	page_reserve_enter();
	commit_lock(ei);
	mutex_lock(&ei->map_lock);
	r = install(ei);
	e = write_inode(ei);
	mutex_unlock(&ei->map_lock);
	commit_unlock(ei);
	page_reserve_leave();
	return r ? r : e;
}

void ext2_commit_due(struct ext2_inode *ei)
{
	bool due;

	mutex_lock(&ei->map_lock);
	due = ei->v->dirty || !tree_empty(&ei->extents);
	mutex_unlock(&ei->map_lock);
	if (due)
		ext2_commit(ei);
}

int ext2_free_from(struct ext2_inode *ei, uint64_t b)
{
	struct list freed = LIST_INIT(freed);
	int r;

	page_reserve_enter();
	commit_lock(ei);
	mutex_lock(&ei->map_lock);
	ext2_drop_extents(ei, b);
	ext2_free_pointers(ei, b, &freed);
	r = write_inode(ei);
	ext2_free_gathered(ei->fs, &freed);
	mutex_unlock(&ei->map_lock);
	commit_unlock(ei);
	page_reserve_leave();
	return r;
}

static bool has_blocks(const struct ext2_inode *ei)
{
	return ei->v->object != NULL;
}

/* No name, no open file, no mapping leads to it any more. */
static void remove_inode(struct ext2_inode *ei)
{
	struct vnode *v = ei->v;
	bool directory = S_ISDIR(v->mode), blocks = has_blocks(ei);

	if (v->object)
		vnode_drop_object(v);
	ext2_unready(ei);
	vnode_time_now(&v->ctime);
	v->size = 0;
	ei->dtime = v->ctime.tv_sec;
	if (blocks) {
		ext2_free_from(ei, 0);
	} else {
		mutex_lock(&ei->map_lock);
		memset(ei->block, 0, sizeof(ei->block)); /* not pointers: a target, a device */
		write_inode(ei);
		mutex_unlock(&ei->map_lock);
	}
	ext2_free_inode(ei->fs, v->ino, directory);
}

void ext2_inactive(struct vnode *v)
{
	struct ext2_inode *ei = ext2_i(v);

	if (!ei) /* it was never loaded */
		return;
	if (v->nlink == 0 && !v->mount->read_only) {
		remove_inode(ei);
	} else {
		if (v->object)
			object_writeback(v->object, 0, OBJECT_ALL, true);
		ext2_commit_due(ei);
		if (v->object)
			vnode_drop_object(v);
		ext2_unready(ei);
		mutex_lock(&ei->map_lock);
		ext2_drop_extents(ei, 0); /* what an I/O error left */
		mutex_unlock(&ei->map_lock);
	}
	ext2_dir_forget(ei);
	v->data = NULL;
	kmem_cache_free(&inode_cache, ei);
}

void ext2_add_links(struct vnode *v, int n)
{
	uint32_t old = __atomic_load_n(&v->nlink, __ATOMIC_RELAXED), now;
	uint32_t least = S_ISDIR(v->mode) && n == -1 ? 1 : 0; /* damaged, it may have counted too few */

	do
		now = n < 0 && old < least - n ? MIN(old, least) : old + n;
	while (!__atomic_compare_exchange_n(&v->nlink, &old, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	vnode_time_now(&v->ctime);
	vnode_mark_dirty(v);
}

/* ---- new ones ---- */

struct fresh {
	struct ext2_fs *fs;
	uint32_t mode, uid, gid;
	uint64_t rdev;
	const char *target;
	bool loaded;
};

static int load_fresh(struct vnode *v, void *arg)
{
	struct fresh *f = arg;
	struct ext2_inode *ei = new_inode();
	int r;

	if (!ei)
		return -ENOMEM;
	ei->fs = f->fs;
	v->mode = f->mode;
	v->nlink = 1;
	v->uid = f->uid;
	v->gid = f->gid;
	vnode_time_now(&v->mtime);
	v->atime = v->ctime = v->mtime;
	ei->generation = v->mtime.tv_nsec;
	ei->goal = f->fs->first_data_block +
		   (v->ino - 1) / f->fs->inodes_per_group * f->fs->blocks_per_group + 1;
	if (S_ISCHR(f->mode) || S_ISBLK(f->mode)) {
		uint64_t major = f->rdev >> 8 & 0xfff;

		ei->block[f->rdev < 65536 && major < 256 ? 0 : 1] = f->rdev;
	}
	if (f->target && strlen(f->target) < EXT2_FAST_LINK) {
		strlcpy((char *)ei->block, f->target, sizeof(ei->block));
		v->size = strlen(f->target);
	} else if (f->target) {
		ei->nsectors = 1; /* so that set_up gives it pages; there is nothing yet */
	}
	r = set_up(v, ei);
	ei->nsectors = 0;
	if (r)
		return unset(v, ei, r);
	vnode_mark_dirty(v);
	f->loaded = true;
	return 0;
}

/* The target of a symbolic link that is too long for the inode. */
static int write_target(struct vnode *v, const char *target)
{
	struct uio u = { .addr = (uint64_t)target, .left = strlen(target) };
	uint64_t at = 0, all = u.left;
	ssize_t n = pageio_write(v, &u, &at, false);

	return n < 0 ? (int)n : (uint64_t)n < all ? -ENOSPC : 0;
}

int ext2_new_inode(struct vnode *dir, uint32_t mode, uint64_t rdev, const char *target,
		   const struct cred *cred, struct vnode **out)
{
	struct ext2_fs *fs = ext2_of(dir);
	struct fresh f = {
		.fs = fs, .mode = mode, .rdev = rdev, .target = target, .uid = cred->euid, .gid = cred->egid
	};
	uint64_t ino;
	int r;

	if (dir->mode & S_ISGID) {
		f.gid = dir->gid;
		f.mode |= S_ISDIR(mode) ? S_ISGID : 0;
	}
	r = ext2_alloc_inode(dir, S_ISDIR(mode), &ino);
	if (r)
		return r;
	r = vnode_get(dir->mount, ino, load_fresh, &f, out);
	if (r) {
		ext2_free_inode(fs, ino, S_ISDIR(mode));
		return r;
	}
	if (!f.loaded) { /* it may be the directory itself, whose lock is held */
		vnode_unref(*out);
		return ext2_damaged(fs, "an inode in use was marked free:", ino);
	}
	r = target && !ext2_i(*out)->fast_link ? write_target(*out, target) : ext2_commit(ext2_i(*out));
	if (r) {
		(*out)->nlink = 0;
		vnode_unref(*out);
	}
	return r;
}
