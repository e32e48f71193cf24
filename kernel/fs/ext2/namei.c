/* SPDX-License-Identifier: ISC */
/* The operations on names and attributes. The vnode layer holds the directories' contents locks and has made the checks of POSIX. */
#include "fs/ext2/ext2.h"
#include "fs/name.h"
#include "lib/string.h"

/* A directory may be reached by one name only: else it might lie in itself, and who locks it and what is in it would wait for itself. */
static bool has_two_names(struct vnode *dir, const char *name, size_t len, struct vnode *v)
{
	return S_ISDIR(v->mode) && (v == dir || v == dir->mount->root || name_elsewhere(v, dir, name, len));
}

static int lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	uint64_t ino;
	int r = ext2_dir_find(dir, name, len, &ino);

	if (!r)
		r = vnode_get(dir->mount, ino, ext2_load, ext2_of(dir), out);
	if (r)
		return r;
	if (has_two_names(dir, name, len, *out))
		r = ext2_damaged(ext2_of(dir), "a directory has two names, inode", ino);
	else if ((*out)->nlink == 0) /* it was removed by the last name that its links count */
		r = ext2_damaged(ext2_of(dir), "a name leads to a removed inode,", ino);
	if (r)
		vnode_unref(*out);
	return r;
}

static int make_dots(struct vnode *v, uint64_t parent)
{
	int r = ext2_dir_add(v, ".", 1, v->ino, S_IFDIR);

	return r ? r : ext2_dir_add(v, "..", 2, parent, S_IFDIR);
}

static int make(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		const char *target, const struct cred *cred, struct vnode **out)
{
	struct vnode *v;
	int r;

	if (len > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	if (S_ISDIR(mode) && dir->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	r = ext2_new_inode(dir, mode, rdev, target, cred, &v);
	if (r)
		return r;
	if (S_ISDIR(mode))
		r = make_dots(v, dir->ino);
	if (!r)
		r = ext2_dir_add(dir, name, len, v->ino, mode);
	if (r) {
		v->nlink = 0;
		vnode_unref(v);
		return r;
	}
	if (S_ISDIR(mode)) {
		ext2_add_links(v, 1);
		ext2_add_links(dir, 1);
	}
	*out = v;
	return 0;
}

static int create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		  const struct cred *cred, struct vnode **out)
{
	return make(dir, name, len, mode, rdev, NULL, cred, out);
}

static int make_nameless(struct vnode *dir, uint32_t mode, const struct cred *cred, struct vnode **out)
{
	int r = ext2_new_inode(dir, mode, 0, NULL, cred, out);

	if (!r) {
		(*out)->nlink = 0;
		vnode_mark_dirty(*out);
	}
	return r;
}

static int make_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
			const struct cred *cred)
{
	struct vnode *v;
	int r;

	if (strlen(target) >= ext2_of(dir)->block_size) /* with its NUL it has one block */
		return -ENAMETOOLONG;
	r = make(dir, name, len, S_IFLNK | 0777, 0, target, cred, &v);
	if (!r)
		vnode_unref(v);
	return r;
}

static int make_link(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	int r;

	if (target->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	r = ext2_dir_add(dir, name, len, target->ino, target->mode);
	if (!r)
		ext2_add_links(target, 1);
	return r;
}

static int unlink(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	int r = ext2_dir_remove(dir, name, len);

	if (!r)
		ext2_add_links(target, -1);
	return r;
}

static int remove_directory(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	int r = ext2_dir_empty(target);

	if (!r)
		r = ext2_dir_remove(dir, name, len);
	if (!r) {
		ext2_add_links(target, -(int)target->nlink);
		ext2_add_links(dir, -1);
	}
	return r;
}

/* A directory that came from odir to ndir: its "..", and the links of both. */
static int move_directory(struct vnode *v, struct vnode *odir, struct vnode *ndir)
{
	int r = ext2_dir_set(v, "..", 2, ndir->ino, S_IFDIR);

	if (!r) {
		ext2_add_links(odir, -1);
		ext2_add_links(ndir, 1);
	}
	return r;
}

static void changed(struct vnode *v)
{
	vnode_time_now(&v->ctime);
	vnode_mark_dirty(v);
}

static int exchange(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir, const char *nname,
		    size_t nlen, struct vnode *source, struct vnode *target)
{
	int r = ext2_dir_set(ndir, nname, nlen, source->ino, source->mode);

	if (!r)
		r = ext2_dir_set(odir, oname, olen, target->ino, target->mode);
	if (!r && odir != ndir && S_ISDIR(source->mode))
		r = move_directory(source, odir, ndir);
	if (!r && odir != ndir && S_ISDIR(target->mode))
		r = move_directory(target, ndir, odir);
	changed(source);
	changed(target);
	return r;
}

static int rename(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir, const char *nname,
		  size_t nlen, struct vnode *source, struct vnode *target, unsigned flags)
{
	bool dir = S_ISDIR(source->mode);
	int r;

	if (nlen > EXT2_NAME_LEN)
		return -ENAMETOOLONG;
	if (flags & RENAME_EXCHANGE)
		return exchange(odir, oname, olen, ndir, nname, nlen, source, target);
	if (dir && odir != ndir && !target && ndir->nlink >= EXT2_LINK_MAX)
		return -EMLINK;
	if (target && S_ISDIR(target->mode) && (r = ext2_dir_empty(target)))
		return r;
	r = target ? ext2_dir_set(ndir, nname, nlen, source->ino, source->mode) :
		     ext2_dir_add(ndir, nname, nlen, source->ino, source->mode);
	if (r)
		return r;
	if (target)
		ext2_add_links(target, S_ISDIR(target->mode) ? -(int)target->nlink : -1);
	if (target && dir)
		ext2_add_links(ndir, -1);
	r = ext2_dir_remove(odir, oname, olen);
	if (!r && dir && odir != ndir)
		r = move_directory(source, odir, ndir);
	changed(source);
	return r;
}

static ssize_t read_link(struct vnode *v, char *buf, size_t n)
{
	n = MIN(n, v->size);
	if (!ext2_i(v)->fast_link)
		return vnode_read(v, buf, n, 0);
	memcpy(buf, ext2_i(v)->block, n);
	return n;
}

int ext2_getattr(struct vnode *v, struct attr *a)
{
	struct ext2_inode *ei = ext2_i(v);
	uint32_t per_block = ei->fs->block_size / EXT2_SECTOR;
	uint64_t blocks = ei->nsectors;

	mutex_lock(&ei->map_lock); /* what is delayed counts, too */
	for (struct tree_node *n = tree_first(&ei->extents); n; n = tree_next(n))
		blocks += (uint64_t)tree_entry(n, struct ext2_extent, node)->count * per_block;
	mutex_unlock(&ei->map_lock);
	a->blocks = blocks;
	a->blksize = MAX(ei->fs->block_size, (uint32_t)PAGE_SIZE);
	return 0;
}

static int set_size(struct vnode *v, uint64_t size)
{
	struct ext2_fs *fs = ext2_of(v);
	int r;

	if (!v->object)
		return -EINVAL;
	if (size >= v->size)
		return size > v->mount->max_size ? -EFBIG : pageio_extend(v, size);
	r = pageio_shrink(v, size);
	return r ? r : ext2_free_from(ext2_i(v), DIV_ROUND_UP(size, (uint64_t)fs->block_size));
}

int ext2_setattr(struct vnode *v, const struct attr *a)
{
	int r = a->valid & ATTR_SIZE ? set_size(v, a->size) : 0;

	if (!r) {
		vnode_apply_attr(v, a);
		vnode_mark_dirty(v);
	}
	return r;
}

static int sync_file(struct vnode *v, bool data_only __unused)
{
	int r = v->object ? object_writeback(v->object, 0, OBJECT_ALL, true) : 0, e = ext2_commit(ext2_i(v));

	r = r ? r : e;
	e = ext2_flush_metadata(ext2_of(v));
	return r ? r : e;
}

const struct vnode_ops ext2_ops = {
	.lookup = lookup,
	.create = create,
	.tmpfile = make_nameless,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = unlink,
	.rmdir = remove_directory,
	.rename = rename,
	.readdir = ext2_readdir,
	.readlink = read_link,
	.getattr = ext2_getattr,
	.setattr = ext2_setattr,
	.fsync = sync_file,
	.inactive = ext2_inactive,
};
