/* SPDX-License-Identifier: ISC */
/*
 * ext2 with 4 KiB blocks (block n of the device is page n of its object).
 *
 * Blocks are allocated when a page first becomes dirty, zeroed indirect blocks included. map_lock guards an inode's block map, alloc_lock the
 * bitmaps and counts; both are taken with the frame reserve at hand, as writeback runs through here for memory.
 */
#include "dev/block.h"
#include "fs/internal.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/kmem.h"

#define MAGIC	  0xef53
#define ROOT_INO  2
#define BLOCK	  4096
#define PTRS	  (BLOCK / 4)
#define SECTORS	  (BLOCK / 512)
#define NAME_MAX_ 255
#define LINK_MAX_ 32000

struct super {
	uint32_t ninodes, nblocks, reserved_blocks, free_blocks, free_inodes, first_data_block;
	uint32_t log_block_size, log_frag_size, blocks_per_group, frags_per_group, inodes_per_group;
	uint32_t mtime, wtime;
	uint16_t mount_count, max_mount_count, magic, state, errors, minor_rev;
	uint32_t lastcheck, checkinterval, creator_os, rev;
	uint16_t resuid, resgid;
	uint32_t first_ino;
	uint16_t inode_size, block_group;
	uint32_t compat, incompat, ro_compat;
};

struct group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks, free_inodes, ndirs, flags;
	uint32_t reserved[3];
};

struct dinode {
	uint16_t mode, uid;
	uint32_t size, atime, ctime, mtime, dtime;
	uint16_t gid, nlink;
	uint32_t nsectors, flags, osd1, block[15], generation, file_acl, size_high, faddr;
	uint8_t frag[4];
	uint16_t uid_high, gid_high;
	uint32_t osd2;
};

struct dirent_disk {
	uint32_t ino;
	uint16_t rec_len;
	uint8_t name_len, type;
	char name[];
};

struct ext2 {
	struct mount *mount;
	struct block_device *dev;
	struct object *meta;
	uint32_t nblocks, ninodes, blocks_per_group, inodes_per_group, inode_size, first_ino, ngroups;
	uint64_t free_blocks, free_inodes; /* [alloc_lock] */
	uint16_t state;
	bool filetype;
	struct mutex alloc_lock;
};

struct inode {
	struct vnode *v;
	struct ext2 *fs;
	struct mutex map_lock;
	uint32_t block[15]; /* [map_lock] */
	uint32_t nsectors, flags, generation, file_acl, goal;
	bool fast_link;
};

static struct ext2 *fs_of(struct vnode *v)
{
	return ((struct inode *)v->data)->fs;
}

static struct inode *in(struct vnode *v)
{
	return v->data;
}

static const struct vnode_ops ext2_ops;
static struct vnode_ops
	ext2_fifo_ops; /* a FIFO's reads and writes, an inode's attributes: put together at the first mount */
static const struct pager_ops ext2_pager;

/* ---- metadata blocks ---- */

static int get_block(struct ext2 *fs, uint64_t blkno, struct page **p)
{
	if (blkno >= fs->nblocks)
		return -EIO;
	return object_get_page(fs->meta, blkno, NULL, p);
}

static void changed(struct ext2 *fs, struct page *p)
{
	if (object_make_dirty(fs->meta, p) == 0)
		object_touch_dirty(fs->meta, p);
}

static int zero_block(struct ext2 *fs, uint32_t blkno)
{
	struct page *p;
	bool fresh;
	int r = object_busy_page(fs->meta, blkno, &p, &fresh);

	if (r)
		return r;
	clear_page(page_data(p));
	object_fill_done(fs->meta, p, true);
	return 0;
}

static struct group *get_group(struct ext2 *fs, uint32_t g, struct page **p)
{
	if (get_block(fs, 1 + g / (BLOCK / sizeof(struct group)), p))
		return NULL;
	return (struct group *)page_data(*p) + g % (BLOCK / sizeof(struct group));
}

/* ---- bitmaps ---- */

static int take_bit(struct page *p, uint32_t from, uint32_t n)
{
	uint64_t *map = page_data(p);

	for (uint32_t i = from; i < n;) {
		uint64_t word = ~map[i / 64] >> (i % 64);

		if (word) {
			i += __builtin_ctzl(word);
			if (i >= n)
				break;
			map[i / 64] |= 1ul << (i % 64);
			return i;
		}
		i = (i / 64 + 1) * 64;
	}
	return -1;
}

static uint32_t group_blocks(struct ext2 *fs, uint32_t g)
{
	return MIN(fs->blocks_per_group, fs->nblocks - g * fs->blocks_per_group);
}

static int alloc_block(struct ext2 *fs, uint32_t goal, uint32_t *out)
{
	uint32_t g0 = goal < fs->nblocks ? goal / fs->blocks_per_group : 0,
		 from = goal < fs->nblocks ? goal % fs->blocks_per_group : 0;
	int r = -ENOSPC;

	mutex_lock(&fs->alloc_lock);
	for (uint32_t k = 0; k <= fs->ngroups && r == -ENOSPC && fs->free_blocks; k++, from = 0) {
		uint32_t g = (g0 + k) % fs->ngroups;
		struct page *gp, *bp;
		struct group *d = get_group(fs, g, &gp);
		int bit = -1;

		if (!d) {
			r = -EIO;
			break;
		}
		if (d->free_blocks && (r = get_block(fs, d->block_bitmap, &bp)) == 0) {
			bit = take_bit(bp, from, group_blocks(fs, g));
			if (bit >= 0) {
				changed(fs, bp);
				d->free_blocks--;
				changed(fs, gp);
				fs->free_blocks--;
				*out = g * fs->blocks_per_group + bit;
			}
			page_release(bp);
			r = bit >= 0 ? 0 : -ENOSPC;
		} else if (!d->free_blocks) {
			r = -ENOSPC;
		}
		page_release(gp);
	}
	mutex_unlock(&fs->alloc_lock);
	return r;
}

static void free_block(struct ext2 *fs, uint32_t blkno)
{
	uint32_t g = blkno / fs->blocks_per_group, bit = blkno % fs->blocks_per_group;
	struct page *gp, *bp;
	struct group *d;

	if (blkno == 0 || blkno >= fs->nblocks) {
		kprintf("ext2: %s: a file names block %u, which does not exist\n", fs->dev->name, blkno);
		return;
	}
	mutex_lock(&fs->alloc_lock);
	d = get_group(fs, g, &gp);
	if (d && get_block(fs, d->block_bitmap, &bp) == 0) {
		uint64_t *map = page_data(bp);

		if (map[bit / 64] >> (bit % 64) & 1) {
			map[bit / 64] &= ~(1ul << (bit % 64));
			changed(fs, bp);
			d->free_blocks++;
			changed(fs, gp);
			fs->free_blocks++;
		}
		page_release(bp);
	}
	if (d)
		page_release(gp);
	mutex_unlock(&fs->alloc_lock);
}

static int alloc_inode(struct ext2 *fs, uint32_t near, bool dir, uint64_t *ino)
{
	uint32_t g0 = dir ? (near * 7 + 1) % fs->ngroups : near % fs->ngroups;
	int r = -ENOSPC;

	page_reserve_enter();
	mutex_lock(&fs->alloc_lock);
	for (uint32_t k = 0; k < fs->ngroups && r == -ENOSPC; k++) {
		uint32_t g = (g0 + k) % fs->ngroups;
		struct page *gp, *bp;
		struct group *d = get_group(fs, g, &gp);

		if (!d) {
			r = -EIO;
			break;
		}
		if (d->free_inodes && (r = get_block(fs, d->inode_bitmap, &bp)) == 0) {
			uint32_t from = g == 0 ? fs->first_ino - 1 : 0;
			int bit = take_bit(bp, from, fs->inodes_per_group);

			r = -ENOSPC;
			if (bit >= 0) {
				changed(fs, bp);
				d->free_inodes--;
				d->ndirs += dir;
				changed(fs, gp);
				fs->free_inodes--;
				*ino = (uint64_t)g * fs->inodes_per_group + bit + 1;
				r = 0;
			}
			page_release(bp);
		}
		page_release(gp);
	}
	mutex_unlock(&fs->alloc_lock);
	page_reserve_leave();
	return r;
}

static void free_inode(struct ext2 *fs, uint64_t ino, bool dir)
{
	uint32_t g = (ino - 1) / fs->inodes_per_group, bit = (ino - 1) % fs->inodes_per_group;
	struct page *gp, *bp;
	struct group *d;

	page_reserve_enter();
	mutex_lock(&fs->alloc_lock);
	d = get_group(fs, g, &gp);
	if (d && get_block(fs, d->inode_bitmap, &bp) == 0) {
		((uint64_t *)page_data(bp))[bit / 64] &= ~(1ul << (bit % 64));
		changed(fs, bp);
		d->free_inodes++;
		d->ndirs -= dir;
		changed(fs, gp);
		fs->free_inodes++;
		page_release(bp);
	}
	if (d)
		page_release(gp);
	mutex_unlock(&fs->alloc_lock);
	page_reserve_leave();
}

/* ---- block map: [map_lock] ---- */

/* The path of block b: offsets into the inode's array and each indirect block; the depth, 0: beyond what a file can have. */
static unsigned path_of(uint64_t b, uint32_t *off)
{
	if (b < 12) {
		off[0] = b;
		return 1;
	}
	b -= 12;
	for (unsigned depth = 1; depth <= 3; depth++) {
		uint64_t span = 1;

		for (unsigned i = 0; i < depth; i++)
			span *= PTRS;
		if (b >= span) {
			b -= span;
			continue;
		}
		off[0] = 11 + depth;
		for (unsigned i = depth; i > 0; i--) {
			off[i] = b % PTRS;
			b /= PTRS;
		}
		return depth + 1;
	}
	return 0;
}

static int new_block(struct inode *i, bool indirect, uint32_t *out)
{
	int r = alloc_block(i->fs, i->goal, out);

	if (r)
		return r;
	i->goal = *out + 1;
	i->nsectors += SECTORS;
	vnode_mark_dirty(i->v);
	return indirect ? zero_block(i->fs, *out) : 0;
}

static int bmap(struct inode *i, uint64_t b, bool create, uint32_t *out)
{
	uint32_t off[4], *slot;
	unsigned depth = path_of(b, off);
	struct page *p = NULL;
	int r = 0;

	*out = 0;
	if (!depth)
		return -EFBIG;
	slot = &i->block[off[0]];
	for (unsigned level = 1;; level++) {
		if (!*slot) {
			uint32_t fresh;

			if (!create)
				break;
			r = new_block(i, level < depth, &fresh);
			if (r)
				break;
			*slot = fresh;
			if (p)
				changed(i->fs, p);
		}
		if (level == depth) {
			*out = *slot;
			break;
		}
		uint32_t next = *slot;

		if (p)
			page_release(p);
		p = NULL;
		r = get_block(i->fs, next, &p);
		if (r)
			return r;
		slot = (uint32_t *)page_data(p) + off[level];
	}
	if (p)
		page_release(p);
	return r;
}

/* Frees what lies at or beyond file block `from` below a pointer that covers [base, base + span); true: the pointer itself goes. */
static bool free_tree(struct inode *i, uint32_t blkno, unsigned depth, uint64_t base, uint64_t span,
		      uint64_t from)
{
	bool all = from <= base, dirty = false;
	struct page *p;

	if (base + span <= from)
		return false;
	if (depth > 0 && get_block(i->fs, blkno, &p) == 0) {
		uint32_t *ptr = page_data(p);

		span /= PTRS;
		for (unsigned k = 0; k < PTRS; k++)
			if (ptr[k] && free_tree(i, ptr[k], depth - 1, base + k * span, span, from)) {
				ptr[k] = 0;
				dirty = true;
			}
		if (dirty && !all)
			changed(i->fs, p);
		page_release(p);
	}
	if (!all)
		return false;
	if (depth > 0) /* or the cached block would be written over what the block is used for next */
		object_drop_range(i->fs->meta, blkno, 1);
	free_block(i->fs, blkno);
	i->nsectors -= MIN(i->nsectors, (uint32_t)SECTORS);
	return true;
}

static void free_from(struct inode *i, uint64_t from)
{
	uint64_t base = 12, span = PTRS;

	page_reserve_enter();
	mutex_lock(&i->map_lock);
	for (unsigned k = 0; k < 12; k++)
		if (i->block[k] && free_tree(i, i->block[k], 0, k, 1, from))
			i->block[k] = 0;
	for (unsigned d = 1; d <= 3; d++, base += span, span *= PTRS)
		if (i->block[11 + d] && free_tree(i, i->block[11 + d], d, base, span, from))
			i->block[11 + d] = 0;
	i->goal = 0;
	mutex_unlock(&i->map_lock);
	page_reserve_leave();
	vnode_mark_dirty(i->v);
}

/* ---- pager ---- */

static int map_page(struct inode *i, uint64_t index, bool create, uint32_t *blkno)
{
	int r;

	page_reserve_enter();
	mutex_lock(&i->map_lock);
	r = bmap(i, index, create, blkno);
	mutex_unlock(&i->map_lock);
	page_reserve_leave();
	return r;
}

static void io_done(struct block_request *r, int error)
{
	for (unsigned k = 0; k < r->nsegs; k++)
		if (r->op == BLOCK_READ)
			page_read_done(r->owner[k], error);
		else
			page_write_done(r->owner[k], error);
	block_request_put(r);
}

static void submit_run(struct ext2 *fs, enum block_op op, uint32_t blkno, struct page **pages, unsigned n)
{
	struct block_request *r = block_request_get();

	r->dev = fs->dev;
	r->op = op;
	r->sector = (uint64_t)blkno * SECTORS;
	r->nsegs = n;
	r->done = io_done;
	for (unsigned k = 0; k < n; k++) {
		r->segs[k].phys = page_phys(pages[k]);
		r->segs[k].nbytes = BLOCK;
		r->owner[k] = pages[k];
	}
	block_submit(r);
}

static void finish_page(enum block_op op, struct page *p, int error)
{
	if (op == BLOCK_READ)
		page_read_done(p, error);
	else
		page_write_done(p, error);
}

static void transfer(struct object *o, enum block_op op, struct page **pages, unsigned n)
{
	struct vnode *v = o->data;
	uint32_t first = 0, blkno;
	unsigned start = 0, run = 0;

	for (unsigned k = 0; k < n; k++) {
		int r = map_page(in(v), pages[k]->index, false, &blkno);

		if (!r && run && blkno == first + run && run < BLOCK_MAX_SEGS) {
			run++;
			continue;
		}
		if (run)
			submit_run(fs_of(v), op, first, pages + start, run);
		run = 0;
		if (r || !blkno) {
			if (!r && op == BLOCK_READ)
				clear_page(page_data(pages[k]));
			finish_page(op, pages[k], r ? r : op == BLOCK_READ ? 0 : -EIO);
			continue;
		}
		first = blkno;
		start = k;
		run = 1;
	}
	if (run)
		submit_run(fs_of(v), op, first, pages + start, run);
}

static void pager_read(struct object *o, struct page **pages, unsigned n)
{
	transfer(o, BLOCK_READ, pages, n);
}

static void pager_write(struct object *o, struct page **pages, unsigned n)
{
	transfer(o, BLOCK_WRITE, pages, n);
}

static int pager_reserve(struct object *o, uint64_t index)
{
	struct vnode *v = o->data;
	uint32_t blkno;

	if (v->mount->read_only)
		return -EROFS;
	return map_page(in(v), index, true, &blkno);
}

static int write_inode(struct vnode *v);

static void pager_commit(struct object *o)
{
	write_inode(o->data);
}

static int flush_meta(struct ext2 *fs);

static int pager_sync(struct object *o)
{
	struct vnode *v = o->data;
	int r = write_inode(v);

	return r ? r : flush_meta(fs_of(v));
}

static const struct pager_ops ext2_pager = {
	.name = "ext2",
	.read = pager_read,
	.reserve = pager_reserve,
	.write = pager_write,
	.commit = pager_commit,
	.sync = pager_sync,
	.ref = vnode_object_ref,
	.unref = vnode_object_unref,
	.describe = vnode_object_describe,
	.touched = vnode_object_touched,
};

/* ---- inodes ---- */

static struct dinode *get_dinode(struct ext2 *fs, uint64_t ino, struct page **p)
{
	uint32_t g = (ino - 1) / fs->inodes_per_group, k = (ino - 1) % fs->inodes_per_group;
	struct page *gp;
	struct group *d;
	uint64_t at;

	if (ino == 0 || ino > fs->ninodes || !(d = get_group(fs, g, &gp)))
		return NULL;
	at = (uint64_t)d->inode_table * BLOCK + (uint64_t)k * fs->inode_size;
	page_release(gp);
	if (get_block(fs, at / BLOCK, p))
		return NULL;
	return (struct dinode *)((char *)page_data(*p) + at % BLOCK);
}

static int write_inode(struct vnode *v)
{
	struct inode *i = in(v);
	struct page *p;
	struct dinode *d;

	v->dirty = false;
	page_reserve_enter();
	mutex_lock(&i->map_lock);
	d = get_dinode(i->fs, v->ino, &p);
	if (d) {
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
		d->dtime = v->nlink ? 0 : v->ctime.tv_sec;
		d->nsectors = i->nsectors;
		d->flags = i->flags;
		d->generation = i->generation;
		d->file_acl = i->file_acl;
		memcpy(d->block, i->block, sizeof(d->block));
		changed(i->fs, p);
		page_release(p);
	}
	mutex_unlock(&i->map_lock);
	page_reserve_leave();
	return d ? 0 : -EIO;
}

static int setup(struct vnode *v, struct inode *i)
{
	v->data = i;
	i->v = v;
	mutex_init(&i->map_lock, "map", RANK_BLOCK_MAP);
	v->ops = S_ISFIFO(v->mode) ? &ext2_fifo_ops : &ext2_ops;
	i->fast_link = S_ISLNK(v->mode) && v->size < 60 && i->nsectors == (i->file_acl ? SECTORS : 0u);
	if (S_ISREG(v->mode) || S_ISDIR(v->mode) || (S_ISLNK(v->mode) && !i->fast_link)) {
		v->object = object_create(&ext2_pager, v, DIV_ROUND_UP(v->size, PAGE_SIZE));
		if (!v->object)
			return -ENOMEM;
	}
	if (S_ISCHR(v->mode) || S_ISBLK(v->mode))
		v->rdev = i->block[0] ? ((i->block[0] >> 8 & 0xff) << 8 | (i->block[0] & 0xff)) : i->block[1];
	return 0;
}

static int load(struct vnode *v, void *arg)
{
	struct ext2 *fs = arg;
	struct inode *i = kzalloc(sizeof(*i));
	struct page *p;
	struct dinode *d;
	int r;

	if (!i)
		return -ENOMEM;
	d = get_dinode(fs, v->ino, &p);
	if (!d) {
		kfree(i);
		return -EIO;
	}
	i->fs = fs;
	v->mode = d->mode;
	v->nlink = d->nlink;
	v->uid = d->uid | d->uid_high << 16;
	v->gid = d->gid | d->gid_high << 16;
	v->size = d->size;
	if (S_ISREG(d->mode))
		v->size |= (uint64_t)d->size_high << 32;
	v->atime.tv_sec = d->atime;
	v->mtime.tv_sec = d->mtime;
	v->ctime.tv_sec = d->ctime;
	i->nsectors = d->nsectors;
	i->flags = d->flags;
	i->generation = d->generation;
	i->file_acl = d->file_acl;
	memcpy(i->block, d->block, sizeof(i->block));
	page_release(p);
	r = v->nlink == 0 || v->mode == 0 || (int64_t)v->size < 0 ? -EIO : setup(v, i);
	if (r) {
		kfree(i);
		v->data = NULL;
	}
	return r;
}

struct fresh {
	struct ext2 *fs;
	uint32_t mode, uid, gid;
	uint64_t rdev;
	const char *target; /* of a symbolic link */
};

static int load_fresh(struct vnode *v, void *arg)
{
	struct fresh *f = arg;
	struct inode *i = kzalloc(sizeof(*i));
	int r;

	if (!i)
		return -ENOMEM;
	i->fs = f->fs;
	v->mode = f->mode;
	v->nlink = S_ISDIR(f->mode) ? 2 : 1;
	v->uid = f->uid;
	v->gid = f->gid;
	vnode_time_now(&v->mtime);
	v->atime = v->ctime = v->mtime;
	if (S_ISCHR(f->mode) || S_ISBLK(f->mode))
		i->block[f->rdev < 65536 ? 0 : 1] = f->rdev;
	if (f->target && strlen(f->target) < 60) {
		strlcpy((char *)i->block, f->target, sizeof(i->block));
		v->size = strlen(f->target);
	}
	r = setup(v, i);
	if (f->target && v->size == 0 && !r) { /* a long target goes into a block */
		i->fast_link = false;
		if (!v->object)
			v->object = object_create(&ext2_pager, v, 0);
		if (!v->object)
			r = -ENOMEM;
	}
	if (r) {
		kfree(i);
		v->data = NULL;
		return r;
	}
	i->goal = (v->ino - 1) / f->fs->inodes_per_group * f->fs->blocks_per_group;
	vnode_mark_dirty(v);
	return 0;
}

static void inactive(struct vnode *v)
{
	struct inode *i = in(v);
	bool gone = v->nlink == 0;

	if (!i)
		return;
	if (v->object) {
		if (!gone)
			object_writeback(v->object, 0, OBJECT_ALL, true);
		vnode_drop_object(v);
	}
	if (gone) {
		bool dir = S_ISDIR(v->mode);

		vnode_time_now(&v->ctime);
		if (!i->fast_link && !S_ISCHR(v->mode) && !S_ISBLK(v->mode) && !S_ISFIFO(v->mode))
			free_from(i, 0);
		v->size = 0;
		write_inode(v);
		free_inode(i->fs, v->ino, dir);
	} else if (v->dirty) {
		write_inode(v);
	}
	v->data = NULL;
	kfree(i);
}

/* ---- directories ---- */

/* Calls with each page of the directory held; entries are checked before they are used. */
static struct dirent_disk *entry_at(struct page *p, unsigned off)
{
	struct dirent_disk *e = (struct dirent_disk *)((char *)page_data(p) + off);

	if (off > BLOCK - 12 || e->rec_len < 8 || e->rec_len % 4 || off + e->rec_len > BLOCK ||
	    e->name_len + 8u > e->rec_len)
		return NULL;
	return e;
}

/* Finds an entry: its page held, *prev the offset of the one before it (or of itself). */
static int dir_find(struct vnode *dir, const char *name, size_t len, struct page **out, unsigned *at,
		    unsigned *prev)
{
	for (uint64_t n = 0; n < dir->size / BLOCK; n++) {
		struct dirent_disk *e;
		struct page *p;
		unsigned before = 0;
		int r = object_get_page(dir->object, n, NULL, &p);

		if (r)
			return r;
		for (unsigned off = 0; off < BLOCK; off += e->rec_len) {
			e = entry_at(p, off);
			if (!e) {
				page_release(p);
				return -EIO;
			}
			if (e->ino && e->name_len == len && !memcmp(e->name, name, len)) {
				*out = p;
				*at = off;
				*prev = before;
				return 0;
			}
			before = off;
		}
		page_release(p);
	}
	return -ENOENT;
}

static unsigned need(size_t len)
{
	return ALIGN_UP(8 + len, 4);
}

static unsigned type_of(struct ext2 *fs, uint32_t mode)
{
	static const uint8_t types[16] = { [1] = 5, [2] = 3, [4] = 2, [6] = 4, [8] = 1, [10] = 7, [12] = 6 };

	return fs->filetype ? types[mode >> 12 & 15] : 0;
}

static void fill_entry(struct dirent_disk *e, uint64_t ino, const char *name, size_t len, unsigned type)
{
	e->ino = ino;
	e->name_len = len;
	e->type = type;
	memcpy(e->name, name, len);
}

static void touch_dir(struct vnode *dir)
{
	vnode_time_now(&dir->mtime);
	dir->ctime = dir->mtime;
	in(dir)->flags &= ~0x1000u; /* no hashed index any more */
	vnode_mark_dirty(dir);
}

static int dir_add(struct vnode *dir, const char *name, size_t len, uint64_t ino, uint32_t mode)
{
	unsigned type = type_of(fs_of(dir), mode);
	struct page *p;
	int r;

	for (uint64_t n = 0;; n++) {
		struct dirent_disk *e;
		bool fresh = n >= dir->size / BLOCK;

		if (fresh) {
			r = pageio_extend(dir, dir->size + BLOCK);
			if (r)
				return r;
		}
		r = object_get_page(dir->object, n, NULL, &p);
		if (r)
			return r;
		r = object_make_dirty(dir->object, p);
		if (r) {
			page_release(p);
			if (fresh)
				pageio_shrink(dir, dir->size - BLOCK);
			return r;
		}
		if (fresh)
			((struct dirent_disk *)page_data(p))->rec_len = BLOCK;
		for (unsigned off = 0; off < BLOCK; off += e->rec_len) {
			unsigned used;

			e = entry_at(p, off);
			if (!e) {
				page_release(p);
				return -EIO;
			}
			used = e->ino ? need(e->name_len) : 0;
			if (e->rec_len - used < need(len))
				continue;
			if (used) {
				unsigned rest = e->rec_len - used;

				e->rec_len = used;
				e = (struct dirent_disk *)((char *)e + used);
				e->rec_len = rest;
			}
			fill_entry(e, ino, name, len, type);
			object_touch_dirty(dir->object, p);
			page_release(p);
			touch_dir(dir);
			return 0;
		}
		page_release(p);
	}
}

static int dir_remove(struct vnode *dir, const char *name, size_t len)
{
	unsigned at, prev;
	struct page *p;
	int r = dir_find(dir, name, len, &p, &at, &prev);

	if (r)
		return r;
	r = object_make_dirty(dir->object, p);
	if (!r) {
		struct dirent_disk *e = entry_at(p, at), *before = entry_at(p, prev);

		e->ino = 0;
		if (at != prev)
			before->rec_len += e->rec_len;
		object_touch_dirty(dir->object, p);
		touch_dir(dir);
	}
	page_release(p);
	return r;
}

static int dir_set(struct vnode *dir, const char *name, size_t len, uint64_t ino, uint32_t mode)
{
	unsigned at, prev;
	struct page *p;
	int r = dir_find(dir, name, len, &p, &at, &prev);

	if (r)
		return r;
	r = object_make_dirty(dir->object, p);
	if (!r) {
		entry_at(p, at)->ino = ino;
		entry_at(p, at)->type = type_of(fs_of(dir), mode);
		object_touch_dirty(dir->object, p);
		touch_dir(dir);
	}
	page_release(p);
	return r;
}

static int dir_empty(struct vnode *dir)
{
	for (uint64_t n = 0; n < dir->size / BLOCK; n++) {
		struct dirent_disk *e;
		struct page *p;
		int r = object_get_page(dir->object, n, NULL, &p);

		if (r)
			return r;
		for (unsigned off = 0; off < BLOCK && !r; off += e->rec_len) {
			e = entry_at(p, off);
			if (!e) {
				r = -EIO;
				break;
			}
			if (e->ino && !(e->name[0] == '.' &&
					(e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'))))
				r = -ENOTEMPTY;
		}
		page_release(p);
		if (r)
			return r;
	}
	return 0;
}

static int readdir(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg)
{
	static const uint8_t dt[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };

	for (uint64_t n = offset / BLOCK; n < dir->size / BLOCK; n++) {
		struct dirent_disk *e;
		struct page *p;
		bool stop = false;
		int r = object_get_page(dir->object, n, NULL, &p);

		if (r)
			return r;
		for (unsigned off = 0; off < BLOCK && !stop; off += e->rec_len) {
			e = entry_at(p, off);
			if (!e) {
				r = -EIO;
				break;
			}
			if (e->ino && n * BLOCK + off >= offset)
				stop = fn(arg, e->name, e->name_len, e->ino,
					  fs_of(dir)->filetype ? dt[e->type & 7] : 0,
					  n * BLOCK + off + e->rec_len);
		}
		page_release(p);
		if (r || stop)
			return r;
	}
	return 0;
}

static int lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	unsigned at, prev;
	struct page *p;
	uint64_t ino;
	int r = dir_find(dir, name, len, &p, &at, &prev);

	if (r)
		return r;
	ino = entry_at(p, at)->ino;
	page_release(p);
	return vnode_get(dir->mount, ino, load, fs_of(dir), out);
}

static void add_links(struct vnode *v, int n)
{
	__atomic_fetch_add(&v->nlink, n, __ATOMIC_RELAXED);
	vnode_time_now(&v->ctime);
	vnode_mark_dirty(v);
}

static int make_dots(struct vnode *v, uint64_t parent)
{
	int r = dir_add(v, ".", 1, v->ino, S_IFDIR);

	return r ? r : dir_add(v, "..", 2, parent, S_IFDIR);
}

static int new_inode(struct vnode *dir, const char *name, size_t len, struct fresh *f,
		     const struct cred *cred, struct vnode **out)
{
	struct ext2 *fs = fs_of(dir);
	uint64_t ino;
	int r;

	if (len > NAME_MAX_)
		return -ENAMETOOLONG;
	if (S_ISDIR(f->mode) && dir->nlink >= LINK_MAX_)
		return -EMLINK;
	f->fs = fs;
	f->uid = cred->euid;
	f->gid = cred->egid;
	if (dir->mode & S_ISGID) {
		f->gid = dir->gid;
		if (S_ISDIR(f->mode))
			f->mode |= S_ISGID;
	}
	r = alloc_inode(fs, (dir->ino - 1) / fs->inodes_per_group, S_ISDIR(f->mode), &ino);
	if (r)
		return r;
	r = vnode_get(dir->mount, ino, load_fresh, f, out);
	if (r) {
		free_inode(fs, ino, S_ISDIR(f->mode));
		return r;
	}
	if (S_ISDIR(f->mode))
		r = make_dots(*out, dir->ino);
	if (!r && f->target && !in(*out)->fast_link) {
		struct uio u = { .addr = (uint64_t)f->target, .left = strlen(f->target) };
		uint64_t pos = 0;
		ssize_t n = pageio_write(*out, &u, &pos, false);

		r = n < 0 ? n : 0;
	}
	if (!r)
		r = dir_add(dir, name, len, ino, f->mode);
	if (r) {
		(*out)->nlink = 0;
		vnode_unref(*out);
	} else if (S_ISDIR(f->mode)) {
		add_links(dir, 1);
	}
	return r;
}

static int create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		  const struct cred *cred, struct vnode **out)
{
	struct fresh f = { .mode = mode, .rdev = rdev };

	return new_inode(dir, name, len, &f, cred, out);
}

static int make_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
			const struct cred *cred)
{
	struct fresh f = { .mode = S_IFLNK | 0777, .target = target };
	struct vnode *v;
	int r = new_inode(dir, name, len, &f, cred, &v);

	if (!r)
		vnode_unref(v);
	return r;
}

static int make_link(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	int r;

	if (target->nlink >= LINK_MAX_)
		return -EMLINK;
	r = dir_add(dir, name, len, target->ino, target->mode);
	if (!r)
		add_links(target, 1);
	return r;
}

static int do_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	int r = dir_remove(dir, name, len);

	if (!r)
		add_links(target, -1);
	return r;
}

static int do_rmdir(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	int r = dir_empty(target);

	if (!r)
		r = dir_remove(dir, name, len);
	if (!r) {
		add_links(target, -(int)target->nlink);
		add_links(dir, -1);
	}
	return r;
}

static int do_rename(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
		     const char *nname, size_t nlen, struct vnode *source, struct vnode *target,
		     unsigned flags)
{
	bool dir = S_ISDIR(source->mode);
	int r;

	if (flags & 2)
		return -EINVAL;
	if (target && S_ISDIR(target->mode) && (r = dir_empty(target)))
		return r;
	r = target ? dir_set(ndir, nname, nlen, source->ino, source->mode) :
		     dir_add(ndir, nname, nlen, source->ino, source->mode);
	if (r)
		return r;
	if (target)
		add_links(target, S_ISDIR(target->mode) ? -(int)target->nlink : -1);
	if (target && dir)
		add_links(ndir, -1);
	r = dir_remove(odir, oname, olen);
	if (!r && dir && odir != ndir) {
		r = dir_set(source, "..", 2, ndir->ino, S_IFDIR);
		add_links(odir, -1);
		add_links(ndir, 1);
	}
	vnode_time_now(&source->ctime);
	vnode_mark_dirty(source);
	return r;
}

/* ---- the rest of the operations ---- */

static ssize_t do_readlink(struct vnode *v, char *buf, size_t n)
{
	n = MIN(n, v->size);
	if (!in(v)->fast_link)
		return vnode_read(v, buf, n, 0);
	memcpy(buf, in(v)->block, n);
	return n;
}

static int do_getattr(struct vnode *v, struct attr *a)
{
	a->blocks = in(v)->nsectors;
	return 0;
}

static int do_setattr(struct vnode *v, const struct attr *a)
{
	int r = 0;

	if (a->valid & ATTR_SIZE) {
		if (!v->object)
			return -EINVAL;
		if (a->size < v->size) {
			r = pageio_shrink(v, a->size);
			if (!r)
				free_from(in(v), DIV_ROUND_UP(a->size, BLOCK));
		} else {
			r = a->size > (uint64_t)PTRS * PTRS * PTRS * BLOCK ? -EFBIG :
									     pageio_extend(v, a->size);
		}
	}
	if (!r) {
		vnode_apply_attr(v, a);
		vnode_mark_dirty(v);
	}
	return r;
}

/* All metadata pages and the counts to the disk, in durable form. */
static int write_super(struct ext2 *fs, int state)
{
	struct page *p;
	struct super *s;
	struct timespec now;
	int r = get_block(fs, 0, &p);

	if (r)
		return r;
	s = (struct super *)((char *)page_data(p) + 1024);
	mutex_lock(&fs->alloc_lock);
	vnode_time_now(&now);
	s->free_blocks = fs->free_blocks;
	s->free_inodes = fs->free_inodes;
	s->wtime = now.tv_sec;
	if (state >= 0)
		s->state = state;
	changed(fs, p);
	mutex_unlock(&fs->alloc_lock);
	page_release(p);
	return 0;
}

static int flush_meta(struct ext2 *fs)
{
	int r, e;

	r = write_super(fs, -1);
	e = object_writeback(fs->meta, 0, OBJECT_ALL, true);
	r = r ? r : e;
	e = block_flush(fs->dev);
	return r ? r : e;
}

static int do_fsync(struct vnode *v, bool data_only __unused)
{
	int r = v->object ? object_writeback(v->object, 0, OBJECT_ALL, true) : 0, e = write_inode(v);

	r = r ? r : e;
	e = flush_meta(fs_of(v));
	return r ? r : e;
}

static const struct vnode_ops ext2_ops = {
	.lookup = lookup,
	.create = create,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = do_unlink,
	.rmdir = do_rmdir,
	.rename = do_rename,
	.readdir = readdir,
	.readlink = do_readlink,
	.getattr = do_getattr,
	.setattr = do_setattr,
	.fsync = do_fsync,
	.inactive = inactive,
};

/* ---- mounting ---- */

static int refuse(struct block_device *d, const char *why, uint32_t number)
{
	kprintf("ext2: %s: %s (%#x)\n", d->name, why, number);
	return -EINVAL;
}

static int check_super(struct mount *m, const struct super *s)
{
	if (s->magic != MAGIC)
		return refuse(m->dev, "no ext2 file system", s->magic);
	if (s->log_block_size != 2)
		return refuse(m->dev, "block size is not 4 KiB", 1024u << MIN(s->log_block_size, 20u));
	if (s->rev > 1)
		return refuse(m->dev, "unknown revision", s->rev);
	if (s->rev == 1 && s->incompat & ~2u)
		return refuse(m->dev, "unknown incompatible features", s->incompat & ~2u);
	if (s->rev == 1 && s->ro_compat & ~3u && !m->read_only) {
		kprintf("ext2: %s: unknown read-only features (%#x), mounted read-only\n", m->dev->name,
			s->ro_compat & ~3u);
		m->read_only = true;
	}
	if (!s->blocks_per_group || s->blocks_per_group > BLOCK * 8 || !s->inodes_per_group ||
	    s->inodes_per_group > BLOCK * 8 || s->nblocks < 8 || s->nblocks > m->dev->nsectors / SECTORS ||
	    s->first_data_block != 0)
		return refuse(m->dev, "impossible geometry", s->nblocks);
	if (s->rev == 1 &&
	    (s->inode_size < 128 || s->inode_size > BLOCK || s->inode_size & (s->inode_size - 1)))
		return refuse(m->dev, "impossible inode size", s->inode_size);
	if (s->ninodes > DIV_ROUND_UP((uint64_t)s->nblocks, s->blocks_per_group) * s->inodes_per_group)
		return refuse(m->dev, "impossible number of inodes", s->ninodes);
	return 0;
}

static int set_state(struct ext2 *fs, uint16_t state)
{
	int r = write_super(fs, state), e;

	e = object_writeback(fs->meta, 0, 1, true);
	return r ? r : e;
}

static int ext2_mount(struct mount *m, const char *options __unused)
{
	struct ext2 *fs = kzalloc(sizeof(*fs));
	struct super *s;
	struct page *p;
	int r;

	if (!fs)
		return -ENOMEM;
	ext2_fifo_ops = fifo_ops;
	ext2_fifo_ops.getattr = do_getattr;
	ext2_fifo_ops.setattr = do_setattr;
	ext2_fifo_ops.inactive = inactive;
	fs->mount = m;
	fs->dev = m->dev;
	fs->nblocks = 1;
	fs->meta = blockdev_object(m->dev);
	mutex_init(&fs->alloc_lock, "ext2", RANK_BLOCK_ALLOC);
	r = fs->meta ? get_block(fs, 0, &p) : -ENOMEM;
	if (r)
		goto fail;
	s = (struct super *)((char *)page_data(p) + 1024);
	r = check_super(m, s);
	if (!r) {
		fs->nblocks = s->nblocks;
		fs->ninodes = s->ninodes;
		fs->blocks_per_group = s->blocks_per_group;
		fs->inodes_per_group = s->inodes_per_group;
		fs->inode_size = s->rev ? s->inode_size : 128;
		fs->first_ino = s->rev ? s->first_ino : 11;
		fs->filetype = s->rev && s->incompat & 2;
		fs->ngroups = DIV_ROUND_UP(fs->nblocks, fs->blocks_per_group);
		fs->state = s->state;
		fs->free_blocks = s->free_blocks;
		fs->free_inodes = s->free_inodes;
		if (!(s->state & 1))
			kprintf("ext2: %s: was not unmounted cleanly\n", m->dev->name);
		if (!m->read_only)
			s->mount_count++;
	}
	page_release(p);
	if (r)
		goto fail;
	m->data = fs;
	if (!m->read_only)
		set_state(fs, fs->state & ~1);
	r = vnode_get(m, ROOT_INO, load, fs, &m->root);
	if (!r && !S_ISDIR(m->root->mode)) {
		vnode_unref(m->root);
		r = refuse(m->dev, "the root is no directory", ROOT_INO);
	}
	if (!r)
		return 0;
fail:
	kfree(fs);
	return r;
}

static int ext2_sync(struct mount *m, bool wait __unused)
{
	struct ext2 *fs = m->data;
	struct vnode *v;

	if (m->read_only)
		return 0;
	while ((v = vnode_next_dirty(m))) {
		write_inode(v);
		vnode_unref(v);
	}
	return flush_meta(fs);
}

static int ext2_remount(struct mount *m, bool read_only)
{
	struct ext2 *fs = m->data;
	int r = 0;

	if (read_only) {
		r = ext2_sync(m, true);
		if (!r)
			r = set_state(fs, fs->state);
	} else {
		r = set_state(fs, fs->state & ~1);
	}
	return r ? r : block_flush(fs->dev);
}

static int ext2_unmount(struct mount *m)
{
	struct ext2 *fs = m->data;
	int r = m->read_only ? 0 : ext2_remount(m, true);

	kfree(fs);
	return r;
}

static int ext2_statfs(struct mount *m, struct fs_stats *st)
{
	struct ext2 *fs = m->data;

	st->type = MAGIC;
	st->bsize = BLOCK;
	st->blocks = fs->nblocks;
	st->bfree = st->bavail = fs->free_blocks;
	st->files = fs->ninodes;
	st->ffree = fs->free_inodes;
	st->namelen = NAME_MAX_;
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
