/* SPDX-License-Identifier: ISC */
/*
 * Mounting, the superblock, and metadata blocks.
 *
 * A metadata block is a part of a page of the device's object. Where blocks are smaller than pages, such a page may also cover blocks of
 * files, which it must not write: then each changed block is marked (blockdev_mark).
 */
#include "fs/ext2/ext2.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"

/* ---- metadata blocks ---- */

static unsigned sectors_shift(const struct ext2_fs *fs)
{
	return fs->block_shift - SECTOR_SHIFT;
}

static void set_data(struct ext2_fs *fs, uint64_t blkno, struct ext2_buf *b)
{
	b->blkno = blkno;
	b->data = (char *)page_data(b->page) + ((blkno & ((1u << fs->page_shift) - 1)) << fs->block_shift);
}

int ext2_get(struct ext2_fs *fs, uint64_t blkno, struct ext2_buf *b)
{
	int r;

	if (blkno >= fs->nblocks)
		return ext2_damaged(fs, "metadata is said to be in block", blkno);
	r = object_get_page(fs->meta, blkno >> fs->page_shift, &b->page);
	if (r)
		return r == -ENOMEM ? r : -EIO;
	set_data(fs, blkno, b);
	return 0;
}

int ext2_peek(struct ext2_fs *fs, uint64_t blkno, struct ext2_buf *b)
{
	b->page = object_find_page(fs->meta, blkno >> fs->page_shift);
	if (!b->page)
		return -EAGAIN;
	set_data(fs, blkno, b);
	return 0;
}

void ext2_put(struct ext2_buf *b)
{
	if (b->page)
		page_release(b->page);
	b->page = NULL;
}

void ext2_changed(struct ext2_fs *fs, struct ext2_buf *b)
{
	if (fs->filter)
		blockdev_mark(fs->dev, (uint64_t)b->blkno << sectors_shift(fs), 1u << sectors_shift(fs));
	if (object_make_dirty(fs->meta, b->page) == 0)
		object_touch_dirty(fs->meta, b->page);
}

static int make_zeros(struct ext2_fs *fs, uint32_t blkno)
{
	struct ext2_buf b;
	struct page *p;
	bool fresh;
	int r;

	if (fs->filter) { /* the page has other blocks, too */
		r = ext2_get(fs, blkno, &b);
		if (r)
			return r;
		memset(b.data, 0, fs->block_size);
		ext2_changed(fs, &b);
		ext2_put(&b);
	} else {
		r = object_busy_page(fs->meta, blkno, &p, &fresh);
		if (r)
			return r;
		clear_page(page_data(p));
		object_fill_done(fs->meta, p, true);
	}
	return 0;
}

int ext2_write_zeros(struct ext2_fs *fs, uint32_t blkno, uint32_t n)
{
	uint64_t first = blkno >> fs->page_shift, last = (blkno + n - 1) >> fs->page_shift;
	int r = 0;

	for (uint32_t i = 0; i < n && !r; i++)
		r = make_zeros(fs, blkno + i);
	return r ? r : object_writeback(fs->meta, first, last - first + 1, true);
}

void ext2_forget(struct ext2_fs *fs, uint32_t blkno)
{
	if (!ext2_block_valid(fs, blkno))
		return;
	if (fs->filter)
		blockdev_unmark(fs->dev, (uint64_t)blkno << sectors_shift(fs), 1u << sectors_shift(fs));
	else
		object_drop_range(fs->meta, blkno, 1);
}

struct ext2_group *ext2_group(struct ext2_fs *fs, uint32_t group, struct ext2_buf *b)
{
	uint32_t per_block = fs->block_size / sizeof(struct ext2_group);

	if (ext2_get(fs, fs->first_desc + group / per_block, b))
		return NULL;
	return (struct ext2_group *)b->data + group % per_block;
}

int ext2_damaged(struct ext2_fs *fs, const char *what, uint64_t number)
{
	if (!__atomic_exchange_n(&fs->complained, true, __ATOMIC_RELAXED))
		kprintf("ext2: %s: damaged, run e2fsck: %s %lu\n", fs->dev->name, what, number);
	return -EIO;
}

/* ---- the superblock ---- */

static struct ext2_super *super_get(struct ext2_fs *fs, struct ext2_buf *b)
{
	if (ext2_get(fs, EXT2_SUPER_BYTE >> fs->block_shift, b))
		return NULL;
	return (struct ext2_super *)((char *)b->data + (EXT2_SUPER_BYTE & (fs->block_size - 1)));
}

/* The counts, and the state if it is not negative. */
static int super_write(struct ext2_fs *fs, int state)
{
	struct ext2_buf b;
	struct ext2_super *s = super_get(fs, &b);
	struct timespec now;

	if (!s)
		return -EIO;
	vnode_time_now(&now);
	spin_lock(&fs->count_lock);
	s->free_blocks = fs->free_blocks - fs->freed_blocks;
	s->free_inodes = fs->free_inodes;
	spin_unlock(&fs->count_lock);
	s->wtime = now.tv_sec;
	if (state >= 0)
		s->state = state | (fs->complained ? EXT2_ERROR : 0);
	ext2_changed(fs, &b);
	ext2_put(&b);
	return 0;
}

void ext2_note_large_file(struct ext2_fs *fs)
{
	struct ext2_buf b;
	struct ext2_super *s = super_get(fs, &b);

	if (!s)
		return;
	if (s->rev >= 1 && !(s->ro_compat & EXT2_RO_LARGE_FILE)) {
		s->ro_compat |= EXT2_RO_LARGE_FILE;
		ext2_changed(fs, &b);
	}
	ext2_put(&b);
}

int ext2_flush_metadata(struct ext2_fs *fs)
{
	int r = object_writeback(fs->meta, 0, OBJECT_ALL, true), e = block_flush(fs->dev);

	return r ? r : e;
}

static int set_state(struct ext2_fs *fs, uint16_t state)
{
	int r = super_write(fs, state), e = ext2_flush_metadata(fs);

	return r ? r : e;
}

/* ---- mounting ---- */

static int refuse(struct mount *m, const char *why, uint64_t number)
{
	kprintf("ext2: %s: %s (%#lx)\n", m->dev->name, why, number);
	return -EINVAL;
}

static int check_features(struct mount *m, const struct ext2_super *s)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} known[] = { { 0x1, "compression" },  { 0x4, "needs_recovery" },
		      { 0x8, "journal_dev" },  { 0x10, "meta_bg" },
		      { 0x40, "extent" },      { 0x80, "64bit" },
		      { 0x100, "mmp" },	       { 0x200, "flex_bg" },
		      { 0x400, "ea_inode" },   { 0x2000, "metadata_csum_seed" },
		      { 0x4000, "large_dir" }, { 0x8000, "inline_data" },
		      { 0x10000, "encrypt" },  { 0x20000, "casefold" } };
	uint32_t unknown = s->rev ? s->incompat & ~EXT2_INCOMPAT_FILETYPE : 0;

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (unknown & known[i].bit) {
			kprintf("ext2: %s: has the feature %s, which Quire does not know\n", m->dev->name,
				known[i].name);
			return -EINVAL;
		}
	if (unknown)
		return refuse(m, "has features that Quire does not know", unknown);
	unknown = s->rev ? s->ro_compat & ~(EXT2_RO_SPARSE_SUPER | EXT2_RO_LARGE_FILE) : 0;
	if (unknown && !m->read_only) {
		kprintf("ext2: %s: mounted read-only, as it has features that Quire cannot write (%#x)\n",
			m->dev->name, unknown);
		m->read_only = true;
	}
	return 0;
}

static int check_geometry(struct mount *m, const struct ext2_super *s)
{
	uint32_t block_size = 1024u << MIN(s->log_block_size, 20u), bits = block_size * 8;
	uint64_t ngroups;

	if (s->log_block_size > 2)
		return refuse(m, "the block size is not 1, 2 or 4 KiB", block_size);
	if (!s->blocks_per_group || s->blocks_per_group > bits || !s->inodes_per_group ||
	    s->inodes_per_group > bits)
		return refuse(m, "impossible groups", s->blocks_per_group);
	if (s->first_data_block != (block_size == 1024) || s->nblocks < 8 ||
	    s->nblocks > m->dev->nsectors / (block_size / EXT2_SECTOR))
		return refuse(m, "impossible number of blocks", s->nblocks);
	if (s->rev &&
	    (s->inode_size < 128 || s->inode_size > block_size || s->inode_size & (s->inode_size - 1)))
		return refuse(m, "impossible inode size", s->inode_size);
	if (s->rev && (s->first_ino < 11 || s->first_ino > s->inodes_per_group))
		return refuse(m, "impossible first inode", s->first_ino);
	ngroups = DIV_ROUND_UP((uint64_t)s->nblocks - s->first_data_block, s->blocks_per_group);
	if (s->ninodes != ngroups * s->inodes_per_group)
		return refuse(m, "impossible number of inodes", s->ninodes);
	return 0;
}

static void take_geometry(struct ext2_fs *fs, const struct ext2_super *s)
{
	fs->block_shift = 10 + s->log_block_size;
	fs->block_size = 1u << fs->block_shift;
	fs->page_shift = PAGE_SHIFT - fs->block_shift;
	fs->ptrs_shift = fs->block_shift - 2;
	fs->nblocks = s->nblocks;
	fs->ninodes = s->ninodes;
	fs->first_data_block = s->first_data_block;
	fs->blocks_per_group = s->blocks_per_group;
	fs->inodes_per_group = s->inodes_per_group;
	fs->ngroups = DIV_ROUND_UP(s->nblocks - s->first_data_block, s->blocks_per_group);
	fs->inode_size = s->rev ? s->inode_size : 128;
	fs->first_ino = s->rev ? s->first_ino : 11;
	fs->first_desc = s->first_data_block + 1;
	fs->reserved_blocks = s->reserved_blocks;
	fs->reserved_uid = s->resuid;
	fs->reserved_gid = s->resgid;
	fs->filetype = s->rev && s->incompat & EXT2_INCOMPAT_FILETYPE;
	fs->state = s->state;
}

/* The groups' descriptors lead to blocks that exist; their counts are the file system's. */
static int check_groups(struct ext2_fs *fs)
{
	uint64_t table = DIV_ROUND_UP((uint64_t)fs->inodes_per_group * fs->inode_size, fs->block_size);

	for (uint32_t g = 0; g < fs->ngroups; g++) {
		struct ext2_buf b;
		struct ext2_group *d = ext2_group(fs, g, &b);
		bool good;

		if (!d)
			return -EIO;
		good = ext2_block_valid(fs, d->block_bitmap) && ext2_block_valid(fs, d->inode_bitmap) &&
		       ext2_block_valid(fs, d->inode_table) &&
		       ext2_block_valid(fs, d->inode_table + table - 1) &&
		       d->free_blocks <= fs->blocks_per_group && d->free_inodes <= fs->inodes_per_group;
		fs->free_blocks += d->free_blocks;
		fs->free_inodes += d->free_inodes;
		ext2_put(&b);
		if (!good)
			return refuse(fs->mount, "impossible descriptor of group", g);
	}
	return 0;
}

/* Blocks smaller than pages: which sectors of the device may be written through the metadata's pages. */
static int make_filter(struct ext2_fs *fs)
{
	if (fs->block_size == PAGE_SIZE)
		return 0;
	fs->filter_pages = DIV_ROUND_UP(DIV_ROUND_UP(fs->dev->nsectors, 8), PAGE_SIZE);
	fs->filter = kmap_alloc(fs->filter_pages);
	if (!fs->filter)
		return -ENOMEM;
	memset(fs->filter, 0, fs->filter_pages * PAGE_SIZE);
	return blockdev_set_filter(fs->dev, fs->filter);
}

static void fs_free(struct ext2_fs *fs)
{
	if (fs->filter) {
		blockdev_set_filter(fs->dev, NULL);
		kmap_free(fs->filter, fs->filter_pages);
	}
	ext2_forget_freed(fs);
	kfree(fs);
}

static struct ext2_fs *fs_new(struct mount *m)
{
	struct ext2_fs *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->mount = m;
	fs->dev = m->dev;
	fs->meta = blockdev_object(m->dev);
	list_init(&fs->freed);
	list_init(&fs->ready);
	mutex_init(&fs->alloc_lock, "ext2 bitmaps", RANK_BLOCK_ALLOC);
	mutex_init(&fs->release_lock, "ext2 release", RANK_BLOCK_RELEASE);
	spin_init(&fs->count_lock, "ext2 counts", RANK_BLOCK);
	spin_init(&fs->ready_lock, "ext2 ready", RANK_BLOCK);
	waitq_init(&fs->ready_wait);
	waitq_init(&fs->commit_wait);
	return fs;
}

static int read_super(struct ext2_fs *fs)
{
	struct mount *m = fs->mount;
	struct ext2_super *s = kmalloc(sizeof(*s));
	int r = s ? block_transfer(fs->dev, BLOCK_READ, EXT2_SUPER_BYTE >> SECTOR_SHIFT, s, sizeof(*s)) :
		    -ENOMEM;

	if (!r && s->magic != EXT2_MAGIC)
		r = refuse(m, "no ext2 file system", s->magic);
	if (!r && s->rev > 1)
		r = refuse(m, "unknown revision", s->rev);
	if (!r)
		r = check_features(m, s);
	if (!r)
		r = check_geometry(m, s);
	if (!r) {
		take_geometry(fs, s);
		m->max_size = ext2_max_blocks(fs) << fs->block_shift;
		m->block_shift = fs->block_shift;
		if (!(s->state & EXT2_VALID))
			kprintf("ext2: %s: was not unmounted cleanly, e2fsck should look at it\n",
				m->dev->name);
		else if (s->state & EXT2_ERROR)
			kprintf("ext2: %s: has errors, e2fsck should look at it\n", m->dev->name);
	}
	kfree(s);
	return r;
}

static int note_mount(struct ext2_fs *fs)
{
	struct ext2_buf b;
	struct ext2_super *s = super_get(fs, &b);
	struct timespec now;

	if (!s)
		return -EIO;
	vnode_time_now(&now);
	s->mtime = now.tv_sec;
	s->mount_count++;
	ext2_changed(fs, &b);
	ext2_put(&b);
	return set_state(fs, fs->state & ~EXT2_VALID);
}

static int get_root(struct ext2_fs *fs)
{
	struct mount *m = fs->mount;
	int r = vnode_get(m, EXT2_ROOT_INO, ext2_load, fs, &m->root);

	if (!r && !S_ISDIR(m->root->mode)) {
		vnode_unref(m->root);
		r = refuse(m, "the root is no directory", EXT2_ROOT_INO);
	}
	return r;
}

static int begin_writing(struct ext2_fs *fs)
{
	int r = note_mount(fs);

	return r ? r : ext2_flusher_start(fs);
}

static int ext2_mount(struct mount *m, const char *options __unused)
{
	struct ext2_fs *fs = fs_new(m);
	int r;

	if (!fs)
		return -ENOMEM;
	ext2_bmap_init();
	ext2_inode_init();
	ext2_fifo_ops = fifo_ops;
	ext2_fifo_ops.getattr = ext2_getattr;
	ext2_fifo_ops.setattr = ext2_setattr;
	ext2_fifo_ops.inactive = ext2_inactive;
	m->data = fs;
	if (m->dev->read_only)
		m->read_only = true;
	r = fs->meta ? read_super(fs) : -ENOMEM;
	if (!r)
		r = make_filter(fs);
	if (!r)
		r = check_groups(fs);
	if (!r)
		r = get_root(fs);
	if (!r && !m->read_only && (r = begin_writing(fs)))
		vnode_unref(m->root);
	if (r)
		fs_free(fs);
	return r;
}

struct vnode_ops ext2_fifo_ops; /* a FIFO's reads and writes, an inode's attributes */

static void commit_vnode(struct vnode *v, void *arg __unused)
{
	if (v->data)
		ext2_commit(ext2_i(v));
}

/* The data was written before. Twice, as what was freed can be cleared only after the first time. */
static int ext2_sync(struct mount *m, bool wait __unused)
{
	struct ext2_fs *fs = m->data;
	struct vnode *v;
	int r, e;

	if (m->read_only)
		return 0;
	while ((v = vnode_next_dirty(m))) {
		commit_vnode(v, NULL);
		vnode_unref(v);
	}
	r = ext2_release(fs);
	e = super_write(fs, -1);
	r = r ? r : e;
	e = ext2_flush_metadata(fs);
	return r ? r : e;
}

static int to_read_only(struct ext2_fs *fs)
{
	int r;

	vnode_for_each(fs->mount, commit_vnode, NULL);
	r = ext2_sync(fs->mount, true);
	ext2_flusher_stop(fs);
	return r ? r : set_state(fs, fs->state);
}

static int ext2_remount(struct mount *m, bool read_only)
{
	return read_only ? to_read_only(m->data) : begin_writing(m->data);
}

static int ext2_unmount(struct mount *m)
{
	int r = m->read_only ? 0 : to_read_only(m->data);

	fs_free(m->data);
	return r;
}

static int ext2_statfs(struct mount *m, struct fs_stats *st)
{
	struct ext2_fs *fs = m->data;

	st->type = EXT2_MAGIC;
	st->bsize = fs->block_size;
	st->blocks = fs->nblocks;
	spin_lock(&fs->count_lock);
	st->bfree = fs->free_blocks - fs->reserved;
	st->ffree = fs->free_inodes;
	spin_unlock(&fs->count_lock);
	st->bavail = st->bfree - MIN(st->bfree, (uint64_t)fs->reserved_blocks);
	st->files = fs->ninodes;
	st->namelen = EXT2_NAME_LEN;
	return 0;
}

struct fs_type ext2_type = {
	.name = "ext2",
	.needs_device = true,
	.mount = ext2_mount,
	.unmount = ext2_unmount,
	.sync = ext2_sync,
	.statfs = ext2_statfs,
	.remount = ext2_remount,
};
