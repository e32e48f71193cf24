/* SPDX-License-Identifier: ISC */
/*
 * File system types, mounts, boot, sync and power off.
 *
 * mount_lock (RANK_MOUNT) guards the list of mounts and what covers what; path look-up sees `mounted` of a name under names_lock.
 */
#include "dev/block.h"
#include "fs/internal.h"
#include "fs/name.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define MS_RDONLY  1
#define MS_REMOUNT 32
#define MNT_DETACH 2
/* mount(2)'s flags that are kept with the mount; and those that say what is so anyway: silent, relatime */
#define FLAGS_KEPT                                                                                          \
	(MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC | MOUNT_SYNCHRONOUS | MOUNT_NOATIME | MOUNT_NODIRATIME | \
	 MOUNT_STRICTATIME)
#define FLAGS_BENIGN (32768 | 1 << 21)

extern struct fs_type tmpfs_type __attribute__((weak)), devfs_type __attribute__((weak)),
	devpts_type __attribute__((weak)), procfs_type __attribute__((weak));

static struct mutex mount_lock;
static struct list mounts = LIST_INIT(mounts);
static struct fs_type *types;
static uint32_t next_minor; /* of file systems without a device */

void fs_register(struct fs_type *t)
{
	t->next = types;
	types = t;
}

static struct fs_type *find_type(const char *name)
{
	struct fs_type *t;

	for (t = types; t && strcmp(t->name, name) != 0; t = t->next)
		;
	return t;
}

struct fs_type *fs_type_next(struct fs_type *t)
{
	return t ? t->next : types;
}

struct mount *mount_next(struct mount *m)
{
	struct list *next;

	spin_lock(&names_lock);
	next = m ? m->link.next : mounts.next;
	spin_unlock(&names_lock);
	return next == &mounts ? NULL : list_entry(next, struct mount, link);
}

int mount_each(int (*fn)(void *arg, struct mount *m), void *arg)
{
	struct mount *m;
	int r = 0;

	mutex_lock(&mount_lock);
	list_for_each(m, &mounts, link)
		if ((r = fn(arg, m)))
			break;
	mutex_unlock(&mount_lock);
	return r;
}

/* Mounts the type's file system, hung in nowhere yet. mount_lock is held. */
static int create_mount(struct fs_type *t, const char *source, uint32_t flags, const char *options,
			struct mount **out)
{
	struct mount *m = kzalloc(sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->type = t;
	m->read_only = flags & MS_RDONLY;
	m->flags = flags & FLAGS_KEPT;
	list_init(&m->dirty);
	strlcpy(m->source, source && *source ? source : "none", sizeof(m->source));
	strlcpy(m->options, options ? options : "", sizeof(m->options));
	m->devno = ++next_minor;
	if (t->needs_device) {
		m->dev = block_find(m->source);
		r = m->dev ? block_claim(m->dev, "mounted") : -ENOTBLK;
		if (r)
			goto fail;
		m->devno = m->dev->devno;
		if (m->dev->read_only)
			m->read_only = true;
	}
	r = m->dev ? blockdev_settle(m->dev) : 0;
	if (!r)
		r = t->mount(m, m->options);
	if (r)
		goto fail_claimed;
	m->root_name = name_create(NULL, "/", 1);
	if (!m->root_name) {
		vnode_unref(m->root);
		t->unmount(m);
		r = -ENOMEM;
		goto fail_claimed;
	}
	m->root_name->vnode = m->root;
	m->root_name->root_of = m;
	*out = m;
	return 0;
fail_claimed:
	if (m->dev)
		block_release(m->dev);
fail:
	kfree(m);
	return r;
}

/* The counterpart: nothing below the root is in use. The root's name goes, and with it the root. */
static int destroy_mount(struct mount *m)
{
	int r;

	name_unref(m->root_name);
	r = m->type->unmount ? m->type->unmount(m) : 0;
	if (m->dev) {
		int e = blockdev_settle(m->dev);

		r = r ? r : e;
		block_release(m->dev);
	}
	kfree(m);
	return r;
}

/* ---- boot ---- */

struct fs_context *fs_init(const char *root_device, bool read_only)
{
	struct fs_context *c;
	struct mount *m;
	int r;

	mutex_init(&mount_lock, "mounts", RANK_MOUNT);
	vnodes_init();
	names_init();
	vm_set_shrinker(names_shrink_cold);
	namei_init();
	files_init();
	fs_register(&ext2_type);
	if (&procfs_type)
		fs_register(&procfs_type);
	if (&devfs_type)
		fs_register(&devfs_type);
	if (&devpts_type)
		fs_register(&devpts_type);
	if (&tmpfs_type)
		fs_register(&tmpfs_type);

	if (!root_device || !*root_device)
		panic("no root file system: the command line has no root=/dev/...");
	r = create_mount(&ext2_type, root_device, read_only ? MS_RDONLY : 0, "", &m);
	if (r == -ENOTBLK)
		panic("no root file system: there is no disk %s", root_device);
	if (r)
		panic("no root file system: %s cannot be mounted (error %d)", root_device, -r);
	list_append(&mounts, &m->link);
	c = fs_context_create(m->root_name);
	if (!c)
		panic("no memory for the first process's root directory");
	return c;
}

/* ---- mount(2), umount2(2) ---- */

int mount_begin_write(struct mount *m)
{
	if (!m)
		return 0;
	__atomic_fetch_add(&m->nwriters, 1, __ATOMIC_SEQ_CST);
	if (!m->read_only && !__atomic_load_n(&m->freezing, __ATOMIC_SEQ_CST))
		return 0;
	mount_end_write(m);
	return -EROFS;
}

void mount_end_write(struct mount *m)
{
	if (m)
		__atomic_fetch_sub(&m->nwriters, 1, __ATOMIC_SEQ_CST);
}

/* Files that will yet be written: removed ones that are open, and those that are mapped to be stored to. */
static void look_for_writer(struct vnode *v, void *arg)
{
	bool *found = arg;

	*found |= v->nlink == 0 || (v->object && S_ISREG(v->mode) && object_has_writers(v->object));
}

static bool has_writers(struct mount *m)
{
	bool found = __atomic_load_n(&m->nwriters, __ATOMIC_SEQ_CST) != 0;

	if (!found)
		vnode_for_each(m, look_for_writer, &found);
	return found;
}

/* `force`: the system ends; whoever writes will fail. */
static int to_read_only(struct mount *m, bool force)
{
	int r = 0;

	__atomic_store_n(&m->freezing, true, __ATOMIC_SEQ_CST);
	if (!force && has_writers(m))
		r = -EBUSY;
	if (!r && !force)
		vm_sync_all();
	if (!r && m->type->remount)
		r = m->type->remount(m, true);
	if (!r)
		m->read_only = true;
	__atomic_store_n(&m->freezing, false, __ATOMIC_SEQ_CST);
	return r;
}

static int to_writable(struct mount *m)
{
	int r = 0;

	if (m->dev && m->dev->read_only)
		return -EROFS;
	if (m->type->remount)
		r = m->type->remount(m, false);
	if (!r)
		m->read_only = false;
	return r;
}

static int remount(struct mount *m, uint32_t flags)
{
	bool read_only = flags & MS_RDONLY;
	int r = read_only == m->read_only ? 0 : read_only ? to_read_only(m, false) : to_writable(m);

	if (!r)
		m->flags = flags & FLAGS_KEPT;
	return r;
}

/* Hangs m over the directory (a reference is kept). -EBUSY if it is the root of the tree or covered already. */
static int cover(struct mount *m, struct name *dir)
{
	int r = 0;

	spin_lock(&names_lock);
	if (dir->mounted) {
		r = -EBUSY;
	} else {
		name_ref(dir);
		m->covered = dir;
		__atomic_store_n(&dir->mounted, m, __ATOMIC_RELEASE);
		list_append(&mounts, &m->link);
	}
	spin_unlock(&names_lock);
	return r;
}

static int mount_on(struct name *dir, const char *source, const char *type, uint64_t flags,
		    const char *options)
{
	struct fs_type *t = find_type(type);
	struct mount *m;
	int r;

	if (!t)
		return -ENODEV;
	if (!S_ISDIR(dir->vnode->mode))
		return -ENOTDIR;
	r = create_mount(t, source, flags, options, &m);
	if (r)
		return r;
	r = cover(m, dir);
	if (r) {
		names_drop_mount(m);
		destroy_mount(m);
	}
	return r;
}

int fs_mount(struct fs_context *fs, const struct cred *cred, const char *source, const char *target,
	     const char *type, uint64_t flags, const char *options)
{
	struct name *dir;
	int r;

	if (cred->euid != 0)
		return -EPERM;
	if ((flags & 0xffff0000) == 0xc0ed0000) /* a magic number of long ago */
		flags &= 0xffff;
	if (flags & ~(uint64_t)(MS_RDONLY | MS_REMOUNT | FLAGS_KEPT | FLAGS_BENIGN))
		return -EINVAL;
	r = path_lookup(fs, cred, NULL, target, LOOK_FOLLOW | LOOK_DIRECTORY, &dir);
	if (r)
		return r;
	mutex_lock(&mount_lock);
	if (!(flags & MS_REMOUNT))
		r = type ? mount_on(dir, source, type, flags, options) : -EINVAL;
	else if (dir->root_of)
		r = remount(dir->root_of, flags);
	else
		r = -EINVAL;
	mutex_unlock(&mount_lock);
	name_unref(dir);
	return r;
}

/* Takes the mount out if nothing in it is in use: besides its own two (name and vnode of the root), `nrefs` references to the root's name. */
static int uncover(struct mount *m, unsigned nrefs)
{
	int r = 0;

	names_drop_mount(m);
	if (m->type->sync)
		m->type->sync(m, true);
	names_drop_mount(m);
	spin_lock(&names_lock);
	if (m->root_name->refs > 1 + nrefs || m->nvnodes > 1 || m->root_name->mounted || m->root->refs > 1) {
		r = -EBUSY;
	} else {
		__atomic_store_n(&m->covered->mounted, NULL, __ATOMIC_RELEASE);
		list_remove(&m->link);
	}
	spin_unlock(&names_lock);
	return r;
}

int fs_umount(struct fs_context *fs, const struct cred *cred, const char *target, int flags)
{
	struct name *n, *covered;
	struct mount *m;
	int r;

	if (cred->euid != 0)
		return -EPERM;
	if (flags & ~15 || (flags & MNT_DETACH))
		return -EINVAL;
	r = path_lookup(fs, cred, NULL, target, LOOK_FOLLOW, &n);
	if (r)
		return r;
	mutex_lock(&mount_lock);
	m = n->root_of;
	if (!m)
		r = -EINVAL;
	else if (!m->covered)
		r = -EBUSY; /* the root */
	else
		r = uncover(m, 1);
	if (!r) {
		covered = m->covered;
		name_unref(n);
		r = destroy_mount(m);
		n = covered;
	}
	mutex_unlock(&mount_lock);
	name_unref(n);
	return r;
}

/* ---- sync and the end ---- */

int fs_sync_all(void)
{
	struct mount *m;
	int r = 0;

	vm_sync_all();
	mutex_lock(&mount_lock);
	list_for_each(m, &mounts, link) {
		int e = m->type->sync && !m->read_only ? m->type->sync(m, true) : 0;

		if (e && !r)
			r = e;
	}
	mutex_unlock(&mount_lock);
	for (struct block_device *d = block_next(NULL); d; d = block_next(d)) {
		int e = d->whole ? 0 : block_flush(d);

		if (e && !r)
			r = e;
	}
	return r;
}

void fs_shutdown(void)
{
	struct mount *m;

	fs_sync_all();
	mutex_lock(&mount_lock);
	list_for_each(m, &mounts, link) {
		int r = m->read_only ? 0 : to_read_only(m, true);

		if (r)
			kprintf("%s: %s was not left clean (error %d)\n", m->type->name, m->source, -r);
	}
	mutex_unlock(&mount_lock);
	for (struct block_device *d = block_next(NULL); d; d = block_next(d))
		if (!d->whole)
			block_flush(d);
}
