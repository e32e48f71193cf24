/* SPDX-License-Identifier: ISC */
/*
 * Directories: entries in a row in each block, in no order. Removing one gives its room to the entry before it. All with the directory's
 * contents locked.
 *
 * Large ones get an index in memory, made at the first search and forgotten with the inode: a hash table with the places of entries
 * (a quarter of their byte offset, plus 1) and eight bits of their hash. Without memory for it the search is linear. What mke2fs
 * calls dir_index is read as what it is also, plain entries, and its flag goes at the first change.
 */
#include "fs/ext2/ext2.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"

#define INDEX_FROM  16384u /* bytes of a directory that is worth an index */
#define INDEX_SHARE 32	   /* of memory, for all indices of a file system */
#define PLACE	    0xffffffu
#define GONE	    PLACE /* an entry was here: the search goes on */

struct ext2_dir_index {
	uint32_t *slots;
	uint32_t nslots, nused; /* a power of 2; those not 0 */
	size_t npages;
};

struct where {
	struct page *page;		    /* held */
	struct ext2_dirent *entry, *before; /* `before`: in the same block, NULL if it is the first */
	uint64_t at;			    /* byte */
};

static struct ext2_dirent *entry_at(struct ext2_fs *fs, char *block, uint32_t off)
{
	struct ext2_dirent *e = (struct ext2_dirent *)(block + off);

	if (off + 8 > fs->block_size || e->rec_len < 8 || e->rec_len % 4 ||
	    off + e->rec_len > fs->block_size || e->name_len + 8u > e->rec_len || e->ino > fs->ninodes) {
		ext2_damaged(fs, "a directory entry makes no sense, at byte", off);
		return NULL;
	}
	return e;
}

static uint64_t nblocks_of(const struct vnode *dir)
{
	return dir->size >> ext2_of(dir)->block_shift;
}

/* Block n of the directory; its page is held. */
static int get_block(struct vnode *dir, uint64_t n, struct page **p, char **block)
{
	struct ext2_fs *fs = ext2_of(dir);
	int r = object_get_page(dir->object, n >> fs->page_shift, p);

	if (!r)
		*block = (char *)page_data(*p) + ((n & ((1u << fs->page_shift) - 1)) << fs->block_shift);
	return r;
}

static bool entry_is(const struct ext2_dirent *e, const char *name, size_t len)
{
	return e->ino && e->name_len == len && memcmp(e->name, name, len) == 0;
}

/* ---- the index ---- */

static uint32_t hash_of(const char *name, size_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h ^ h >> 15;
}

static void index_insert(struct ext2_dir_index *x, uint32_t hash, uint64_t at)
{
	uint32_t i = hash & (x->nslots - 1);

	while (x->slots[i] && (x->slots[i] & PLACE) != GONE)
		i = (i + 1) & (x->nslots - 1);
	x->nused += !x->slots[i];
	x->slots[i] = (hash & ~PLACE) | (uint32_t)(at / 4 + 1);
}

static void index_free(struct ext2_fs *fs, struct ext2_dir_index *x)
{
	if (!x)
		return;
	__atomic_fetch_sub(&fs->dir_index_bytes, x->npages * PAGE_SIZE, __ATOMIC_RELAXED);
	kmap_free(x->slots, x->npages);
	kfree(x);
}

void ext2_dir_forget(struct ext2_inode *ei)
{
	struct ext2_dir_index *x = ei->index;

	ei->index = NULL;
	index_free(ei->fs, x);
}

static struct ext2_dir_index *index_alloc(struct ext2_fs *fs, uint64_t nbytes)
{
	struct ext2_dir_index *x;
	uint32_t nslots = 4096;

	while (nslots < nbytes / 8) /* an entry has 12 bytes or more, commonly 20 */
		nslots *= 2;
	if (nbytes / 4 >= GONE || __atomic_load_n(&fs->dir_index_bytes, __ATOMIC_RELAXED) + nslots * 4 >
					  (frame_end - frame_first) * (PAGE_SIZE / INDEX_SHARE))
		return NULL;
	x = kzalloc(sizeof(*x));
	if (!x)
		return NULL;
	x->nslots = nslots;
	x->npages = DIV_ROUND_UP(nslots * 4, PAGE_SIZE);
	x->slots = kmap_alloc(x->npages);
	if (!x->slots) {
		kfree(x);
		return NULL;
	}
	memset(x->slots, 0, x->npages * PAGE_SIZE);
	__atomic_fetch_add(&fs->dir_index_bytes, x->npages * PAGE_SIZE, __ATOMIC_RELAXED);
	return x;
}

static bool index_is_full(const struct ext2_dir_index *x)
{
	return x->nused >= x->nslots / 4 * 3;
}

/* Enters the names of one block; false: unreadable, damaged, or too many. */
static bool index_block(struct vnode *dir, struct ext2_dir_index *x, uint64_t n)
{
	struct ext2_fs *fs = ext2_of(dir);
	struct ext2_dirent *e = NULL;
	struct page *p;
	char *block;

	if (get_block(dir, n, &p, &block))
		return false;
	for (uint32_t off = 0; off < fs->block_size && !index_is_full(x); off += e->rec_len) {
		e = entry_at(fs, block, off);
		if (!e)
			break;
		if (e->ino)
			index_insert(x, hash_of(e->name, e->name_len), (n << fs->block_shift) + off);
	}
	page_release(p);
	return e && !index_is_full(x);
}

/* Searches hold the directory for reading only, and may come several at a time: each makes an index, all but the first
 * to be ready in vain. NULL: no memory, or it would be too large. */
static struct ext2_dir_index *index_build(struct vnode *dir)
{
	struct ext2_inode *ei = ext2_i(dir);
	struct ext2_dir_index *x = index_alloc(ei->fs, dir->size), *first = NULL;

	for (uint64_t n = 0; x && n < nblocks_of(dir); n++)
		if (!index_block(dir, x, n)) {
			index_free(ei->fs, x);
			x = NULL;
		}
	if (!x ||
	    __atomic_compare_exchange_n(&ei->index, &first, x, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return x;
	index_free(ei->fs, x);
	return first;
}

static void index_add(struct vnode *dir, const struct where *w)
{
	struct ext2_inode *ei = ext2_i(dir);

	if (ei->index && index_is_full(ei->index))
		ext2_dir_forget(ei); /* the next search makes a larger one */
	else if (ei->index && w->at / 4 + 1 < GONE)
		index_insert(ei->index, hash_of(w->entry->name, w->entry->name_len), w->at);
}

static void index_remove(struct vnode *dir, const struct where *w)
{
	struct ext2_dir_index *x = ext2_i(dir)->index;
	uint32_t i;

	if (!x)
		return;
	for (i = hash_of(w->entry->name, w->entry->name_len); x->slots[i & (x->nslots - 1)]; i++)
		if ((x->slots[i & (x->nslots - 1)] & PLACE) == w->at / 4 + 1) {
			x->slots[i & (x->nslots - 1)] = GONE;
			return;
		}
}

/* ---- searching ---- */

/* In block n, up to byte `only` of the directory or (UINT64_MAX) all of it. 0, -ENOENT, -EIO. */
static int find_in_block(struct vnode *dir, uint64_t n, const char *name, size_t len, struct where *w)
{
	struct ext2_fs *fs = ext2_of(dir);
	struct ext2_dirent *e;
	char *block;
	int r = get_block(dir, n, &w->page, &block);

	if (r)
		return r;
	w->before = NULL;
	for (uint32_t off = 0; off < fs->block_size; off += e->rec_len) {
		e = entry_at(fs, block, off);
		if (!e) {
			r = -EIO;
			break;
		}
		if (entry_is(e, name, len)) {
			w->entry = e;
			w->at = (n << fs->block_shift) + off;
			return 0;
		}
		w->before = e;
	}
	page_release(w->page);
	return r ? r : -ENOENT;
}

static int find_by_index(struct vnode *dir, const struct ext2_dir_index *x, const char *name, size_t len,
			 struct where *w)
{
	uint32_t hash = hash_of(name, len), slot;
	int r = -ENOENT;

	for (uint32_t i = hash; r == -ENOENT && (slot = x->slots[i & (x->nslots - 1)]); i++)
		if ((slot & ~PLACE) == (hash & ~PLACE) && (slot & PLACE) != GONE)
			r = find_in_block(dir,
					  (uint64_t)((slot & PLACE) - 1) * 4 >> ext2_of(dir)->block_shift,
					  name, len, w);
	return r;
}

/* The entry of the name, its page held. 0, -ENOENT, -EIO. */
static int find(struct vnode *dir, const char *name, size_t len, struct where *w)
{
	int r = -ENOENT;

	struct ext2_dir_index *x = __atomic_load_n(&ext2_i(dir)->index, __ATOMIC_ACQUIRE);

	if (!x && dir->size >= INDEX_FROM)
		x = index_build(dir);
	if (x)
		return find_by_index(dir, x, name, len, w);
	for (uint64_t n = 0; n < nblocks_of(dir) && r == -ENOENT; n++)
		r = find_in_block(dir, n, name, len, w);
	return r;
}

int ext2_dir_find(struct vnode *dir, const char *name, size_t len, uint64_t *ino)
{
	struct where w;
	int r = find(dir, name, len, &w);

	if (r)
		return r;
	*ino = w.entry->ino;
	page_release(w.page);
	return 0;
}

/* ---- changing: the page is made dirty before its bytes change ---- */

static uint32_t room_for(size_t len)
{
	return ALIGN_UP(8 + (uint32_t)len, 4u);
}

static uint8_t type_of(const struct ext2_fs *fs, uint32_t mode)
{
	static const uint8_t types[16] = { [1] = 5, [2] = 3, [4] = 2, [6] = 4, [8] = 1, [10] = 7, [12] = 6 };

	return fs->filetype ? types[mode >> 12 & 15] : 0;
}

static void touch(struct vnode *dir)
{
	vnode_time_now(&dir->mtime);
	dir->ctime = dir->mtime;
	ext2_i(dir)->flags &= ~EXT2_INDEX_FL;
	vnode_mark_dirty(dir);
}

/* An entry of block n with `need` bytes to spare, cut so that what is left is an unused entry of its own. -ENOENT: none. */
static int make_room(struct vnode *dir, uint64_t n, uint32_t need, struct where *w)
{
	struct ext2_fs *fs = ext2_of(dir);
	struct ext2_dirent *e;
	char *block;
	int r = get_block(dir, n, &w->page, &block);

	if (r)
		return r;
	r = -ENOENT;
	for (uint32_t off = 0, used; off < fs->block_size; off += e->rec_len) {
		e = entry_at(fs, block, off);
		if (!e) {
			r = -EIO;
			break;
		}
		used = e->ino ? room_for(e->name_len) : 0;
		if (e->rec_len < used + need)
			continue;
		r = object_make_dirty(dir->object, w->page);
		if (r)
			break;
		w->entry = (struct ext2_dirent *)((char *)e + used);
		w->at = (n << fs->block_shift) + off + used;
		if (used) {
			w->entry->rec_len = e->rec_len - used;
			w->entry->ino = 0;
			e->rec_len = used;
		}
		return 0;
	}
	page_release(w->page);
	return r;
}

/* One more block, all of it an unused entry. */
static int add_block(struct vnode *dir, struct where *w)
{
	struct ext2_fs *fs = ext2_of(dir);
	uint64_t n = nblocks_of(dir);
	char *block;
	int r = pageio_extend(dir, dir->size + fs->block_size);

	if (r)
		return r;
	r = get_block(dir, n, &w->page, &block);
	if (!r && (r = object_make_dirty(dir->object, w->page)))
		page_release(w->page);
	if (r) {
		pageio_shrink(dir, dir->size - fs->block_size);
		ext2_free_from(ext2_i(dir), n);
		return r;
	}
	w->entry = (struct ext2_dirent *)block;
	w->at = n << fs->block_shift;
	w->entry->ino = 0;
	w->entry->name_len = 0;
	w->entry->rec_len = fs->block_size;
	return 0;
}

int ext2_dir_add(struct vnode *dir, const char *name, size_t len, uint64_t ino, uint32_t mode)
{
	struct ext2_inode *ei = ext2_i(dir);
	struct where w;
	int r = -ENOENT;

	for (uint64_t n = ei->room_hint; n < nblocks_of(dir) && r == -ENOENT; n++) {
		r = make_room(dir, n, room_for(len), &w);
		ei->room_hint = n;
	}
	if (r == -ENOENT)
		r = add_block(dir, &w);
	if (r)
		return r;
	w.entry->ino = ino;
	w.entry->name_len = len;
	w.entry->type = type_of(ei->fs, mode);
	memcpy(w.entry->name, name, len);
	index_add(dir, &w);
	object_touch_dirty(dir->object, w.page);
	page_release(w.page);
	touch(dir);
	return 0;
}

/* Finds the entry and makes its page dirty. */
static int find_for_change(struct vnode *dir, const char *name, size_t len, struct where *w)
{
	int r = find(dir, name, len, w);

	if (r)
		return r;
	r = object_make_dirty(dir->object, w->page);
	if (r)
		page_release(w->page);
	return r;
}

int ext2_dir_remove(struct vnode *dir, const char *name, size_t len)
{
	struct ext2_inode *ei = ext2_i(dir);
	struct where w;
	int r = find_for_change(dir, name, len, &w);

	if (r)
		return r;
	index_remove(dir, &w);
	w.entry->ino = 0;
	if (w.before)
		w.before->rec_len += w.entry->rec_len;
	ei->room_hint = MIN(ei->room_hint, w.at >> ei->fs->block_shift);
	object_touch_dirty(dir->object, w.page);
	page_release(w.page);
	touch(dir);
	return 0;
}

int ext2_dir_set(struct vnode *dir, const char *name, size_t len, uint64_t ino, uint32_t mode)
{
	struct where w;
	int r = find_for_change(dir, name, len, &w);

	if (r)
		return r;
	w.entry->ino = ino;
	w.entry->type = type_of(ext2_of(dir), mode);
	object_touch_dirty(dir->object, w.page);
	page_release(w.page);
	touch(dir);
	return 0;
}

/* ---- reading ---- */

/* Calls fn for the entries of block n from byte `offset` of the directory on. 1: fn wants no more; 0; -EIO. */
static int read_block(struct vnode *dir, uint64_t n, uint64_t offset, dirent_fn fn, void *arg)
{
	static const uint8_t dt[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };
	struct ext2_fs *fs = ext2_of(dir);
	struct ext2_dirent *e;
	struct page *p;
	char *block;
	int r = get_block(dir, n, &p, &block);

	if (r)
		return r;
	for (uint32_t off = 0; off < fs->block_size && !r; off += e->rec_len) {
		uint64_t at = (n << fs->block_shift) + off;

		e = entry_at(fs, block, off);
		if (!e) {
			r = -EIO;
			break;
		}
		if (e->ino && at >= offset &&
		    fn(arg, e->name, e->name_len, e->ino, dt[fs->filetype ? e->type & 7 : 0],
		       at + e->rec_len))
			r = 1;
	}
	page_release(p);
	return r;
}

int ext2_readdir(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg)
{
	int r = 0;

	for (uint64_t n = offset >> ext2_of(dir)->block_shift; n < nblocks_of(dir) && !r; n++)
		r = read_block(dir, n, offset, fn, arg);
	return MIN(r, 0);
}

static int is_other(void *arg, const char *name, size_t len, uint64_t ino __unused, unsigned type __unused,
		    uint64_t next __unused)
{
	bool *other = arg;

	*other = !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
	return *other;
}

int ext2_dir_empty(struct vnode *dir)
{
	bool other = false;
	int r = ext2_readdir(dir, 0, is_other, &other);

	return r ? r : other ? -ENOTEMPTY : 0;
}
