/* SPDX-License-Identifier: ISC */
/*
 * Free blocks and inodes: counts, reservations, bitmaps, and blocks that were freed but are not to be used yet.
 *
 * free_blocks counts what programs may have: clear bits, and freed blocks, whose bits are still set. `reserved` of these are promised
 * to delayed writes, so that whoever allocates out of a reservation finds a block, perhaps after a release.
 */
#include "fs/ext2/ext2.h"
#include "lib/printf.h"
#include "vm/frames/kmem.h"

struct freed {
	struct list link;
	uint32_t first, count;
};

static uint32_t group_first(const struct ext2_fs *fs, uint32_t group)
{
	return fs->first_data_block + group * fs->blocks_per_group;
}

static uint32_t group_nblocks(const struct ext2_fs *fs, uint32_t group)
{
	return MIN(fs->blocks_per_group, fs->nblocks - group_first(fs, group));
}

static void count(struct ext2_fs *fs, int64_t free, int64_t freed, int64_t reserved)
{
	spin_lock(&fs->count_lock);
	fs->free_blocks += free;
	fs->freed_blocks += freed;
	fs->reserved += reserved;
	spin_unlock(&fs->count_lock);
}

/* `keep` blocks stay free. */
static int reserve(struct ext2_fs *fs, uint64_t n, uint64_t keep)
{
	int r = 0;

	spin_lock(&fs->count_lock);
	if (fs->free_blocks < fs->reserved + n + keep)
		r = -ENOSPC;
	else
		fs->reserved += n;
	spin_unlock(&fs->count_lock);
	return r;
}

int ext2_reserve_blocks(struct ext2_fs *fs, uint64_t n)
{
	return reserve(fs, n, 0);
}

int ext2_reserve_for_caller(struct ext2_fs *fs, uint64_t n)
{
	const struct cred *c = cred_current();
	bool all = !c || c->euid == 0 || c->euid == fs->reserved_uid ||
		   (fs->reserved_gid && cred_in_group(c, fs->reserved_gid));

	return reserve(fs, n, all ? 0 : fs->reserved_blocks);
}

void ext2_unreserve_blocks(struct ext2_fs *fs, uint64_t n)
{
	spin_lock(&fs->count_lock);
	assert(fs->reserved >= n);
	fs->reserved -= n;
	spin_unlock(&fs->count_lock);
}

/* ---- bits ---- */

static bool bit_get(const uint64_t *map, uint32_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}

/* The first clear bit in [from, end), or end. */
static uint32_t next_clear(const uint64_t *map, uint32_t from, uint32_t end)
{
	while (from < end) {
		uint64_t word = ~map[from / 64] >> (from % 64);

		if (word)
			return MIN(from + (uint32_t)__builtin_ctzl(word), end);
		from = (from / 64 + 1) * 64;
	}
	return end;
}

static uint32_t run_length(const uint64_t *map, uint32_t from, uint32_t end)
{
	uint32_t i = from;

	while (i < end && !bit_get(map, i))
		i++;
	return i - from;
}

/* A run for `want` bits: the one at `from` itself, else the first of at least 16 (or want), else the longest; its length, 0: none. */
static uint32_t find_run(const uint64_t *map, uint32_t n, uint32_t from, uint32_t want, uint32_t *start)
{
	uint32_t best = 0, enough = MIN(want, 16u);

	for (int pass = 0; pass < 2; pass++) {
		uint32_t i = pass ? 0 : from, end = pass ? from : n;

		while ((i = next_clear(map, i, end)) < end) {
			uint32_t len = run_length(map, i, MIN(n, i + want));

			if (len > best) {
				best = len;
				*start = i;
			}
			if (len >= enough || (i == from && pass == 0))
				return best;
			i += len;
		}
	}
	return best;
}

static void set_bits(struct ext2_fs *fs, struct ext2_buf *b, uint32_t start, uint32_t n, bool value)
{
	uint64_t *map = b->data;

	for (uint32_t i = start; i < start + n; i++) {
		if (bit_get(map, i) == value)
			ext2_damaged(fs, "a bitmap is wrong, block", b->blkno);
		else
			map[i / 64] ^= 1ul << (i % 64);
	}
	ext2_changed(fs, b);
}

/* ---- blocks ---- */

/* [alloc_lock] In one group, from bit `from` on; *got 0: none there. */
static int alloc_in_group(struct ext2_fs *fs, uint32_t group, uint32_t from, uint32_t want, uint32_t *first,
			  uint32_t *got)
{
	uint32_t n = group_nblocks(fs, group), start = 0, len = 0;
	struct ext2_buf db, b;
	struct ext2_group *d = ext2_group(fs, group, &db);
	int r = d ? 0 : -EIO;

	*got = 0;
	if (!r && d->free_blocks && !(r = ext2_get(fs, d->block_bitmap, &b))) {
		len = find_run(b.data, n, from < n ? from : 0, want, &start);
		if (len) {
			set_bits(fs, &b, start, len, true);
			d->free_blocks -= MIN(len, d->free_blocks);
		} else {
			ext2_damaged(fs, "free blocks are counted but not found in group", group);
			d->free_blocks = 0;
		}
		ext2_changed(fs, &db);
		ext2_put(&b);
		*first = group_first(fs, group) + start;
		*got = len;
	}
	if (d)
		ext2_put(&db);
	return r;
}

static int alloc_somewhere(struct ext2_fs *fs, uint32_t goal, uint32_t want, uint32_t *first, uint32_t *got)
{
	uint32_t group, from;
	int r = 0;

	if (!ext2_block_valid(fs, goal))
		goal = fs->first_data_block + 1;
	group = (goal - fs->first_data_block) / fs->blocks_per_group;
	from = (goal - fs->first_data_block) % fs->blocks_per_group;
	*got = 0;
	mutex_lock(&fs->alloc_lock);
	for (uint32_t i = 0; i <= fs->ngroups && !*got && !r; i++) {
		r = alloc_in_group(fs, group, from, want, first, got);
		group = (group + 1) % fs->ngroups;
		from = 0;
	}
	mutex_unlock(&fs->alloc_lock);
	return r;
}

int ext2_alloc_blocks(struct ext2_fs *fs, uint32_t goal, uint32_t want, uint32_t *first, uint32_t *got)
{
	int r = alloc_somewhere(fs, goal, want, first, got);

	if (!r && !*got && !(r = ext2_release(fs)))
		r = alloc_somewhere(fs, goal, want, first, got);
	if (!r && !*got) {
		ext2_damaged(fs, "there are fewer free blocks than counted:", fs->free_blocks);
		r = -ENOSPC;
	}
	if (!r)
		count(fs, -(int64_t)*got, 0, -(int64_t)*got);
	return r;
}

/* [alloc_lock] Clears the bits of blocks that may lie in several groups. */
static void clear_blocks(struct ext2_fs *fs, uint32_t first, uint32_t n)
{
	while (n) {
		uint32_t group = (first - fs->first_data_block) / fs->blocks_per_group;
		uint32_t start = (first - fs->first_data_block) % fs->blocks_per_group;
		uint32_t part = MIN(n, fs->blocks_per_group - start);
		struct ext2_buf db, b;
		struct ext2_group *d = ext2_group(fs, group, &db);

		if (d && ext2_get(fs, d->block_bitmap, &b) == 0) {
			set_bits(fs, &b, start, part, false);
			d->free_blocks += part;
			ext2_changed(fs, &db);
			ext2_put(&b);
		}
		if (d)
			ext2_put(&db);
		first += part;
		n -= part;
	}
}

void ext2_free_unused(struct ext2_fs *fs, uint32_t first, uint32_t n)
{
	mutex_lock(&fs->alloc_lock);
	clear_blocks(fs, first, n);
	mutex_unlock(&fs->alloc_lock);
	count(fs, n, 0, 0);
}

/* ---- blocks that were freed ---- */

static struct freed *freed_new(struct ext2_fs *fs, uint32_t blkno)
{
	struct freed *f;

	while (!(f = kmalloc(sizeof(*f))))
		if (page_wait_memory()) { /* better lost until the next e2fsck than used too early */
			kprintf("ext2: %s: no memory to free block %u\n", fs->dev->name, blkno);
			return NULL;
		}
	f->first = blkno;
	f->count = 1;
	return f;
}

void ext2_gather_freed(struct ext2_fs *fs, struct list *freed, uint32_t blkno)
{
	struct freed *f = list_empty(freed) ? NULL : list_entry(freed->prev, struct freed, link);

	if (!ext2_block_valid(fs, blkno)) {
		ext2_damaged(fs, "a file names block", blkno);
	} else if (f && f->first + f->count == blkno) {
		f->count++;
	} else if (f && f->first == blkno + 1) {
		f->first--;
		f->count++;
	} else if ((f = freed_new(fs, blkno))) {
		list_append(freed, &f->link);
	}
}

void ext2_free_gathered(struct ext2_fs *fs, struct list *freed)
{
	uint64_t n = 0;
	struct freed *f;

	list_for_each(f, freed, link)
		n += f->count;
	if (!n)
		return;
	mutex_lock(&fs->alloc_lock);
	list_splice(&fs->freed, freed);
	mutex_unlock(&fs->alloc_lock);
	count(fs, n, n, 0);
}

int ext2_release(struct ext2_fs *fs)
{
	struct list freed = LIST_INIT(freed), *l;
	int r = 0;

	page_reserve_enter();
	mutex_lock(&fs->release_lock);
	mutex_lock(&fs->alloc_lock);
	list_splice(&freed, &fs->freed);
	mutex_unlock(&fs->alloc_lock);
	if (!list_empty(&freed))
		r = ext2_flush_metadata(fs);
	mutex_lock(&fs->alloc_lock);
	while (!r && (l = list_pop(&freed))) {
		struct freed *f = list_entry(l, struct freed, link);

		clear_blocks(fs, f->first, f->count);
		count(fs, 0, -(int64_t)f->count, 0);
		kfree(f);
	}
	list_splice(&fs->freed, &freed); /* only after an error */
	mutex_unlock(&fs->alloc_lock);
	mutex_unlock(&fs->release_lock);
	page_reserve_leave();
	return r;
}

void ext2_forget_freed(struct ext2_fs *fs)
{
	struct list *l;

	while ((l = list_pop(&fs->freed)))
		kfree(list_entry(l, struct freed, link));
}

/* ---- inodes ---- */

/* [alloc_lock] In one group; 0: taken, -ENOSPC: none there. */
static int take_inode(struct ext2_fs *fs, uint32_t group, bool directory, uint64_t *ino)
{
	uint32_t from = group == 0 ? fs->first_ino - 1 : 0, bit;
	struct ext2_buf db, b;
	struct ext2_group *d = ext2_group(fs, group, &db);
	int r = d ? -ENOSPC : -EIO;

	if (d && d->free_inodes && !(r = ext2_get(fs, d->inode_bitmap, &b))) {
		bit = next_clear(b.data, from, fs->inodes_per_group);
		r = -ENOSPC;
		if (bit < fs->inodes_per_group) {
			set_bits(fs, &b, bit, 1, true);
			d->free_inodes--;
			d->ndirs += directory;
			ext2_changed(fs, &db);
			*ino = (uint64_t)group * fs->inodes_per_group + bit + 1;
			r = 0;
		}
		ext2_put(&b);
	}
	if (d)
		ext2_put(&db);
	return r;
}

/* Files near their directory, directories a few groups on, so that each has room for its own. */
int ext2_alloc_inode(struct vnode *dir, bool directory, uint64_t *ino)
{
	struct ext2_fs *fs = ext2_of(dir);
	uint32_t parent = (dir->ino - 1) / fs->inodes_per_group, group = parent;
	int r = -ENOSPC;

	if (directory)
		group = (parent * 7 + 1) % fs->ngroups;
	page_reserve_enter();
	mutex_lock(&fs->alloc_lock);
	for (uint32_t i = 0; i < fs->ngroups && r == -ENOSPC; i++)
		r = take_inode(fs, (group + i) % fs->ngroups, directory, ino);
	mutex_unlock(&fs->alloc_lock);
	page_reserve_leave();
	if (!r) {
		spin_lock(&fs->count_lock);
		fs->free_inodes--;
		spin_unlock(&fs->count_lock);
	}
	return r;
}

void ext2_free_inode(struct ext2_fs *fs, uint64_t ino, bool directory)
{
	uint32_t group = (ino - 1) / fs->inodes_per_group, bit = (ino - 1) % fs->inodes_per_group;
	struct ext2_buf db, b;
	struct ext2_group *d;

	page_reserve_enter();
	mutex_lock(&fs->alloc_lock);
	d = ext2_group(fs, group, &db);
	if (d && ext2_get(fs, d->inode_bitmap, &b) == 0) {
		set_bits(fs, &b, bit, 1, false);
		d->free_inodes++;
		d->ndirs -= directory && d->ndirs;
		ext2_changed(fs, &db);
		ext2_put(&b);
	}
	if (d)
		ext2_put(&db);
	mutex_unlock(&fs->alloc_lock);
	page_reserve_leave();
	spin_lock(&fs->count_lock);
	fs->free_inodes++;
	spin_unlock(&fs->count_lock);
}
