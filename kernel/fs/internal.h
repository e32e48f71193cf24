/* SPDX-License-Identifier: ISC */
/* What the files of fs/ tell each other, and what a file system may use beyond vnode.h. */
#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H

#include "fs/vnode.h"

struct block_device;

/* vnode.c */
/* Takes the next dirty vnode off the mount's list, referenced; NULL: none. The caller clears v->dirty before it writes the fields. */
struct vnode *vnode_next_dirty(struct mount *m);
void vnode_for_each(struct mount *m, void (*fn)(struct vnode *v, void *arg), void *arg);
void vnode_time_now(struct timespec *t);
bool cred_in_group(const struct cred *c, uint32_t gid);
void vnode_apply_attr(struct vnode *v, const struct attr *a);
/* For pagers whose object's data is the vnode. */
void vnode_object_ref(struct object *o);
void vnode_object_unref(struct object *o);
/* The owner of the object of a file in memory, `data` its vnode, as the three below of a pager's: memfile.c. */
extern const struct anon_ops memory_object_ops;
void vnode_object_describe(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino);
void vnode_object_touched(struct object *o);

/* For files that live in memory only (memfiles, tmpfs): setattr, fallocate. */
int vnode_setattr_memory(struct vnode *v, const struct attr *a);
int memory_fallocate(struct vnode *v, int mode, uint64_t at, uint64_t nbytes);

/* boot: called once by fs_init */
void vnodes_init(void);
void namei_init(void);
void files_init(void);
struct fs_context *fs_context_create(struct name *root);
/* for /proc/filesystems: NULL gives the first */
struct fs_type *fs_type_next(struct fs_type *t);
/* Calls fn for each mount, in the order in which they were made, none coming or going meanwhile; ends when fn returns non-zero. */
int mount_each(int (*fn)(void *arg, struct mount *m), void *arg);

/* pageio.c: for files whose contents are v->object. [v] is taken where needed. */
ssize_t pageio_read(struct vnode *v, struct readahead *ra, struct uio *u, uint64_t *offset);
ssize_t pageio_write(struct vnode *v, struct uio *u, uint64_t *offset, bool append);
/* Both with [v] held for writing. zero_tail makes the bytes from the size to `to`, at most to the end of its page, zeros. */
int pageio_zero_tail(struct vnode *v, uint64_t to);
/* A longer size, with a hole; and a shorter one, as far as pages go. */
int pageio_extend(struct vnode *v, uint64_t size);
int pageio_shrink(struct vnode *v, uint64_t size);

/* blockdev.c: the object of a device, made at first use; belongs to the device for good. NULL: no memory. */
struct object *blockdev_object(struct block_device *d);
/*
 * A file system with blocks smaller than a page: pages of the device's object hold blocks of files too, whose cached bytes are stale.
 * Only what this bitmap of 512-byte sectors marks is written. `map` NULL: whole pages again. -ENOMEM: too many. The file system sets bits with
 * blockdev_mark before it touches the page dirty.
 */
int blockdev_set_filter(struct block_device *d, uint64_t *map);
void blockdev_mark(struct block_device *d, uint64_t sector, unsigned nsectors);
void blockdev_unmark(struct block_device *d, uint64_t sector, unsigned nsectors);

#endif
