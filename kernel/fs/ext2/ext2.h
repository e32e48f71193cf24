/* SPDX-License-Identifier: ISC */
/*
 * ext2: the disk format, the nouns, and what each file offers.
 *
 * Metadata blocks (superblock, group descriptors, bitmaps, inode tables, indirect blocks) are cached in the block device's object:
 * ext2_get one, change it, ext2_changed; writeback does the rest. Directories and files have objects of their own.
 *
 * Writing a file. The first dirtying of a page reserves its blocks, and the indirect blocks they may need: a DELAYED extent, in
 * memory only. Writeback allocates runs for what is delayed and writes them: a PENDING extent. When the data has arrived, ext2_commit
 * puts the pointers into the inode and its indirect blocks. So a block that metadata names holds the file's data already, and
 * the order in which metadata is written does not matter. A new indirect block is on disk, as zeros, before anything names it.
 *
 * Freeing. Blocks that metadata on disk may still name stay taken in the bitmaps (the list `freed`) until that metadata was
 * written: ext2_release. Programs see them as free at once; an allocation that finds nothing else releases first.
 *
 * Locks, in order: an inode's commit_lock (who puts pointers into place or takes them away; he may write meanwhile) and map_lock (block map
 * and extents; writers take it, so under it the disk is written only by a release that makes room), fs->release_lock, fs->alloc_lock (bitmaps, descriptors,
 * freed), and the spinlocks count_lock and ready_lock. No metadata block is held while one of the sleeping ones is taken but alloc_lock, nor
 * while blocks are allocated: a release waits for held metadata.
 */
#ifndef FS_EXT2_EXT2_H
#define FS_EXT2_EXT2_H

#include "dev/block.h"
#include "fs/internal.h"
#include "lib/tree.h"

#define EXT2_MAGIC	0xef53
#define EXT2_ROOT_INO	2
#define EXT2_NDIRECT	12
#define EXT2_NAME_LEN	255
#define EXT2_LINK_MAX	32000
#define EXT2_VALID	1      /* state: unmounted cleanly */
#define EXT2_ERROR	2      /* state: errors were seen */
#define EXT2_INDEX_FL	0x1000 /* a directory with a hashed index */
#define EXT2_FAST_LINK	60     /* shorter targets of symbolic links lie in the inode */
#define EXT2_SECTOR	512    /* what an inode's block count counts */
#define EXT2_SUPER_BYTE 1024   /* of the device */

#define EXT2_INCOMPAT_FILETYPE 0x0002
#define EXT2_RO_SPARSE_SUPER   0x0001
#define EXT2_RO_LARGE_FILE     0x0002

struct ext2_super {
	uint32_t ninodes, nblocks, reserved_blocks, free_blocks, free_inodes, first_data_block;
	uint32_t log_block_size, log_frag_size, blocks_per_group, frags_per_group, inodes_per_group;
	uint32_t mtime, wtime;
	uint16_t mount_count, max_mount_count, magic, state, errors, minor_rev;
	uint32_t lastcheck, checkinterval, creator_os, rev;
	uint16_t resuid, resgid;
	/* revision 1 */
	uint32_t first_ino;
	uint16_t inode_size, block_group;
	uint32_t compat, incompat, ro_compat;
	uint8_t uuid[16];
	char volume[16], last_mounted[64];
	uint8_t rest[824];
};
_Static_assert(sizeof(struct ext2_super) == 1024, "the superblock");

struct ext2_group {
	uint32_t block_bitmap, inode_bitmap, inode_table;
	uint16_t free_blocks, free_inodes, ndirs, flags;
	uint32_t reserved[3];
};

struct ext2_dinode {
	uint16_t mode, uid;
	uint32_t size, atime, ctime, mtime, dtime;
	uint16_t gid, nlink;
	uint32_t nsectors, flags, osd1, block[15], generation, file_acl, size_high, faddr;
	uint8_t frag[4];
	uint16_t uid_high, gid_high;
	uint32_t osd2;
};
_Static_assert(sizeof(struct ext2_dinode) == 128, "an inode of revision 0");

struct ext2_dirent {
	uint32_t ino; /* 0: unused */
	uint16_t rec_len;
	uint8_t name_len, type; /* type 0 without the filetype feature */
	char name[];
};

struct ext2_fs {
	struct mount *mount;
	struct block_device *dev;
	struct object *meta; /* the device's */
	uint32_t block_size, block_shift, page_shift /* blocks in a page, log2 */, ptrs_shift;
	uint32_t nblocks, ninodes, first_data_block, blocks_per_group, inodes_per_group, ngroups;
	uint32_t inode_size, first_ino, first_desc;
	uint32_t reserved_blocks; /* what mke2fs kept back for root, and for these: */
	uint16_t reserved_uid, reserved_gid;
	bool filetype, complained;
	uint16_t state;	  /* as it was at the mount */
	uint64_t *filter; /* see blockdev_set_filter */
	size_t filter_pages;
	struct mutex alloc_lock, release_lock;
	struct list freed; /* [alloc_lock] */
	struct spinlock count_lock;
	uint64_t free_blocks, reserved; /* [count_lock] free to the eye of programs; of these, promised */
	uint64_t freed_blocks;	  /* [count_lock] free, but taken in the bitmaps until the next release */
	uint64_t free_inodes;	  /* [count_lock] */
	uint32_t dir_index_bytes; /* [a] */
	/* flush.c: inodes whose data has arrived, and the thread that commits them */
	struct spinlock ready_lock;
	struct list ready;		      /* [ready_lock] */
	struct ext2_inode *committing;	      /* [ready_lock] the thread works on it */
	struct waitq ready_wait, commit_wait; /* inode.c has the latter */
	bool stop, stopped;		      /* [ready_lock] */
};

/* Blocks of a file that no pointer names yet: DELAYED with blkno 0, else PENDING. */
struct ext2_extent {
	struct tree_node node; /* in ei->extents by `first` */
	uint64_t first;
	uint32_t count, blkno;
	uint32_t inflight; /* [a] requests */
	bool failed;	   /* [a] one of them did */
	struct ext2_inode *ei;
};

struct ext2_promise { /* an indirect block that is reserved, as it may be needed */
	struct tree_node node;
	uint64_t key; /* first block of the file below it, and its height (1: names data blocks) */
};

struct ext2_inode {
	struct vnode *v;
	struct ext2_fs *fs;
	struct mutex map_lock;
	uint32_t block[15]; /* [map_lock] */
	uint32_t nsectors;  /* [map_lock] */
	uint32_t flags, generation, file_acl, dtime;
	struct tree extents, promises; /* [map_lock] */
	struct { /* [map_lock] a run of pointers that was seen: forgotten by truncation */
		uint64_t first;
		uint32_t count, blkno;
	} seen;
	uint32_t goal; /* [map_lock] where the next block should lie */
	bool fast_link;
	bool commit_locked;	/* [ready_lock] */
	struct list ready_link; /* [ready_lock] */
	/* directories, with the directory's contents locked: dir.c */
	uint64_t room_hint; /* no room below this block */
	struct ext2_dir_index *index;
};

static inline struct ext2_inode *ext2_i(const struct vnode *v)
{
	return v->data;
}

static inline struct ext2_fs *ext2_of(const struct vnode *v)
{
	return ext2_i(v)->fs;
}

static inline bool ext2_block_valid(const struct ext2_fs *fs, uint64_t blkno)
{
	return blkno > fs->first_data_block && blkno < fs->nblocks;
}

/* ---- super.c ---- */

/* A metadata block, held until ext2_put. */
struct ext2_buf {
	struct page *page;
	void *data;
	uint32_t blkno;
};
/* 0, -EIO, -ENOMEM (this thread is being killed). May sleep. */
int ext2_get(struct ext2_fs *fs, uint64_t blkno, struct ext2_buf *b) __must_check;
int ext2_peek(struct ext2_fs *fs, uint64_t blkno,
	      struct ext2_buf *b) __must_check; /* -EAGAIN: not here without I/O */
void ext2_put(struct ext2_buf *b);
/* It was changed: it will be written. */
void ext2_changed(struct ext2_fs *fs, struct ext2_buf *b);
/* Blocks in a row that become metadata: zeros, on disk when this returns. 0 or an error. */
int ext2_write_zeros(struct ext2_fs *fs, uint32_t blkno, uint32_t n);
/* A block that is metadata no more: what is cached of it must not be written over its next contents. */
void ext2_forget(struct ext2_fs *fs, uint32_t blkno);
/* Says on the console, once a mount, that the image is damaged. Returns -EIO. */
int ext2_damaged(struct ext2_fs *fs, const char *what, uint64_t number);
/* The group's descriptor, held in *b. */
struct ext2_group *ext2_group(struct ext2_fs *fs, uint32_t group, struct ext2_buf *b);
/* Makes all metadata durable, but for the superblock's counts: those are of use only after a clean end. */
int ext2_flush_metadata(struct ext2_fs *fs);
void ext2_note_large_file(struct ext2_fs *fs);

/* ---- balloc.c ---- */

/* 0 or -ENOSPC; exact. The second leaves what is kept back for root, unless the thread may have it. */
int ext2_reserve_blocks(struct ext2_fs *fs, uint64_t n);
int ext2_reserve_for_caller(struct ext2_fs *fs, uint64_t n);
void ext2_unreserve_blocks(struct ext2_fs *fs, uint64_t n);
/* Up to `want` blocks in a row near the goal, out of the reservation. 0, -EIO, -ENOSPC (the image lied). May release. */
int ext2_alloc_blocks(struct ext2_fs *fs, uint32_t goal, uint32_t want, uint32_t *first, uint32_t *got);
/* Blocks that nothing on disk has ever named. */
void ext2_free_unused(struct ext2_fs *fs, uint32_t first, uint32_t n);
/* Blocks that metadata on disk may name are gathered in a list; when that metadata was changed in memory, the list is given up. */
void ext2_gather_freed(struct ext2_fs *fs, struct list *freed, uint32_t blkno);
void ext2_free_gathered(struct ext2_fs *fs, struct list *freed);
/* The file system goes: what could not be released for an I/O error stays taken until the next e2fsck. */
void ext2_forget_freed(struct ext2_fs *fs);
/* Writes the metadata, then makes what was freed before available. */
int ext2_release(struct ext2_fs *fs);
int ext2_alloc_inode(struct vnode *dir, bool directory, uint64_t *ino);
void ext2_free_inode(struct ext2_fs *fs, uint64_t ino, bool directory);

/* ---- bmap.c: with map_lock held ---- */

uint64_t ext2_max_blocks(const struct ext2_fs *fs);
/* Where block b is, for how many blocks in a row (at most `max`) that goes on: *blkno 0 is a hole, or what is delayed. */
int ext2_bmap(struct ext2_inode *ei, uint64_t b, uint32_t max, uint32_t *blkno, uint32_t *run);
/* Whether the pointers to two blocks of a file lie in one table, or in the inode. */
bool ext2_bmap_same_table(const struct ext2_fs *fs, uint64_t b, uint64_t c);
/* Whether ext2_bmap would need no I/O. */
bool ext2_bmap_resident(struct ext2_inode *ei, uint64_t b);
/* The extent with block b, or the first behind it, or NULL. */
struct ext2_extent *ext2_extent_at(struct ext2_inode *ei, uint64_t b);
/* Reserves block b unless it is there already, or reserved. 1: reserved now; 0, -ENOSPC, -ENOMEM, -EIO, -EFBIG. */
int ext2_delay(struct ext2_inode *ei, uint64_t b);
/* Gives up what is delayed in [b, end). */
void ext2_undelay(struct ext2_inode *ei, uint64_t b, uint64_t end);
/* What ext2_pend may need; false: no memory now. */
struct ext2_spares {
	unsigned n;
	struct ext2_extent *extent[2];
};
bool ext2_spares_get(struct ext2_spares *s);
void ext2_spares_put(struct ext2_spares *s);
/* Makes [b, b + n) of a DELAYED extent PENDING at blkno: the extent that it is now. */
struct ext2_extent *ext2_pend(struct ext2_extent *e, uint64_t b, uint32_t n, uint32_t blkno,
			      struct ext2_spares *spares);
/* Blocks for indirect blocks that nothing names yet; each stands for a promise. */
struct ext2_tables {
	uint32_t next, n;
};
/* Puts the pointers of what has arrived into place, with commit_lock held, too. -EAGAIN: the tables *t are to be on disk as zeros first, then again. */
int ext2_install(struct ext2_inode *ei, struct ext2_tables *t);
void ext2_tables_give_back(struct ext2_inode *ei, struct ext2_tables *t);
/* Forgets extents and promises from block b on; frees pointers from there on into the list. */
void ext2_drop_extents(struct ext2_inode *ei, uint64_t b);
void ext2_free_pointers(struct ext2_inode *ei, uint64_t b, struct list *freed);
void ext2_bmap_init(void);

/* ---- inode.c ---- */

void ext2_inode_init(void);
int ext2_load(struct vnode *v, void *fs);
int ext2_new_inode(struct vnode *dir, uint32_t mode, uint64_t rdev, const char *target,
		   const struct cred *cred, struct vnode **out);
/* Installs what has arrived and puts the inode into its table. Takes commit_lock and map_lock. May sleep. */
int ext2_commit(struct ext2_inode *ei);
/* The same unless there is nothing to say, as sync or fsync were faster: the inode's table, perhaps in memory no more, is left alone then. */
void ext2_commit_due(struct ext2_inode *ei);
/* Frees all blocks from b on. Takes commit_lock and map_lock. */
int ext2_free_from(struct ext2_inode *ei, uint64_t b);
void ext2_inactive(struct vnode *v);
void ext2_add_links(struct vnode *v, int n);

/* ---- dir.c: the directory's contents are locked ---- */

int ext2_dir_find(struct vnode *dir, const char *name, size_t len, uint64_t *ino);
int ext2_dir_add(struct vnode *dir, const char *name, size_t len, uint64_t ino, uint32_t mode);
int ext2_dir_remove(struct vnode *dir, const char *name, size_t len);
int ext2_dir_set(struct vnode *dir, const char *name, size_t len, uint64_t ino, uint32_t mode);
int ext2_dir_empty(struct vnode *dir); /* 0, -ENOTEMPTY, -EIO */
int ext2_readdir(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg);
void ext2_dir_forget(struct ext2_inode *ei);

/* ---- pager.c, flush.c, namei.c ---- */

extern const struct pager_ops ext2_pager;
/* The inode has data that arrived: the thread commits it. Any context. */
void ext2_ready(struct ext2_inode *ei);
/* No more: the inode goes. */
void ext2_unready(struct ext2_inode *ei);
int ext2_flusher_start(struct ext2_fs *fs);
void ext2_flusher_stop(struct ext2_fs *fs);
extern const struct vnode_ops ext2_ops;
extern struct vnode_ops ext2_fifo_ops;
int ext2_getattr(struct vnode *v, struct attr *a);
int ext2_setattr(struct vnode *v, const struct attr *a);

#endif
