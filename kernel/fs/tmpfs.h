/* SPDX-License-Identifier: ISC */
/* The file system in memory, as devfs uses it to keep its tree in. */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "fs/vnode.h"

struct tnode;

/* Fills in the mount with an empty tree, as fs_type.mount and fs_type.unmount do. */
int tmpfs_mount_tree(struct mount *m, const char *options, uint32_t root_mode);
int tmpfs_unmount_tree(struct mount *m);
struct tnode *tmpfs_root(struct mount *m);
/* Before anyone sees the tree: a new entry of any type, `target` for a symbolic link; NULL: no memory.
 * A directory's link in its parent is the caller's to count. */
struct tnode *tmpfs_add(struct tnode *dir, const char *name, uint32_t mode, uint64_t rdev,
			const char *target);
/* The entry is there only while exists(arg) says so. */
void tmpfs_set_exists(struct tnode *n, bool (*exists)(unsigned arg), unsigned arg);
/*
 * Where such a tree's vnodes of devices get their operations from: character devices by number, NULL for
 * none.
 */
const struct vnode_ops *chardev_ops(uint64_t rdev);
int tmpfs_statfs(struct mount *m, struct fs_stats *st);

#endif
