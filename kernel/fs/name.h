/* SPDX-License-Identifier: ISC */
/*
 * The name cache (name.c) as path look-up (namei.c) and mounts (mount.c) see it.
 *
 * A name is found by (parent, component) in a hash table while `hashed`; what nobody references lies on a list, the longest
 * unused first, and is let go when the list is too long. A name holds a reference to its parent and to its vnode; one without a vnode says that
 * the directory has no such entry. Names that leave the tree (unlink, rename over it) are unhashed and end with their last reference.
 *
 * Lock keys: [n] names_lock; [a] atomic, changed from or to 0 under names_lock.
 */
#ifndef FS_NAME_H
#define FS_NAME_H

#include "fs/vnode.h"

#define NAME_SHORT   24
#define NAME_LONGEST 255

struct name {
	struct list hash, lru, alias; /* [n] */
	struct name *parent;	      /* [n] */
	struct vnode *vnode;	      /* [n] set once */
	struct mount *mounted;	      /* [n] the file system whose root covers this directory */
	struct mount *root_of;	      /* [c] this is the root of a mount */
	uint32_t refs;		      /* [a] */
	uint32_t key;		      /* [n] hash of the component */
	uint16_t len;		      /* [n] */
	bool hashed;		      /* [n] */
	char *component;	      /* [n] `room`, or kmalloc'ed; not NUL-terminated */
	char room[NAME_SHORT];
};

extern struct spinlock names_lock; /* RANK_VNODE */

void names_init(void);
/* Not hashed, one reference; takes a reference to parent; none of the vnode. NULL: no memory. */
struct name *name_create(struct name *parent, const char *component, size_t len);
/* The cached entry, referenced, or NULL. */
struct name *name_find(struct name *parent, const char *component, size_t len);
/* Hashes n, giving it the vnode (its reference is taken over) or none; if another thread was faster, n and the vnode are let go and its
 * name is returned. The directory's contents lock is held. */
struct name *name_insert(struct name *n, struct vnode *v);
/* A name without a vnode gets one (the reference is taken over). The directory's contents are held for writing. */
void name_fill(struct name *n, struct vnode *v);
/* The entry is gone from its directory. */
void name_unhash(struct name *n);
/* Moves n to another place; whatever the cache had there is unhashed. 0 or -ENOMEM (then nothing changed). */
int name_move(struct name *n, struct name *parent, const char *component, size_t len);
/* Two cached names of one file system change places. */
void name_exchange(struct name *a, struct name *b);
/* n is about to leave its directory, whose contents are held for writing: if its file is in use, mappings of it go on being shown under
 * this name (as far as there is memory for it). */
void name_remember(struct name *n);
/* The parent within its file system, referenced; NULL for a root. */
struct name *name_parent(struct name *n);
/* Is a the same as n, or above it (within one file system)? */
bool name_is_above(struct name *a, struct name *n);
/* Has the vnode a cached name that is another entry than this one of dir? */
bool name_elsewhere(struct vnode *v, const struct vnode *dir, const char *component, size_t len);
/* Lets go every unused name below the mount's root. */
void names_drop_mount(struct mount *m);

/* The mounted root on top of n: takes over n's reference and returns the one of the result. */
struct name *name_cross(struct name *n);

#endif
