/* SPDX-License-Identifier: ISC */
/*
 * Vnodes: the table by (mount, inode number), references, the end of a vnode, the list of dirty ones.
 *
 * A vnode is LOADING while one thread fills it in (others wait), then LIVE, and DYING from the moment its last reference goes:
 * `inactive` runs, which may take long, and whoever looks for the inode meanwhile waits and then loads it anew. While dying it may
 * still get passing references through its object (writeback); they end nothing, and the vnode waits for them.
 */
#include "fs/vnode.h"
#include "fs/internal.h"
#include "fs/name.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

enum { VN_LIVE, VN_LOADING, VN_DYING };

#define NBUCKETS 512

static struct spinlock table_lock = SPINLOCK_INIT("vnodes", RANK_VNODE);
static struct waitq table_wait = WAITQ_INIT(table_wait);
static struct list buckets[NBUCKETS];
static struct kmem_cache vnode_cache;

void vnodes_init(void)
{
	for (unsigned i = 0; i < NBUCKETS; i++)
		list_init(&buckets[i]);
	kmem_cache_init(&vnode_cache, "vnode", sizeof(struct vnode), false);
}

static struct list *bucket_of(const struct mount *m, uint64_t ino)
{
	return &buckets[(ino + ((uint64_t)m >> 6) * 31) % NBUCKETS];
}

static struct vnode *vnode_alloc(struct mount *m, uint64_t ino)
{
	struct vnode *v = kmem_cache_alloc(&vnode_cache);

	if (!v)
		return NULL;
	memset(v, 0, sizeof(*v));
	list_init(&v->link);
	list_init(&v->names);
	list_init(&v->dirty_link);
	v->mount = m;
	v->ino = ino;
	v->refs = 1;
	return v;
}

/* Directories nest (parent and child, rename), in an order that namei.c keeps, so their lock has no rank of its own. */
static void init_contents(struct vnode *v)
{
	if (S_ISDIR(v->mode))
		rwlock_init(&v->contents, "directory", RANK_NONE);
	else
		rwlock_init(&v->contents, "inode", RANK_INODE);
}

static void take_out(struct vnode *v)
{
	spin_lock(&table_lock);
	while (v->refs)
		waitq_sleep(&table_wait, &table_lock);
	list_remove(&v->link);
	list_remove(&v->dirty_link);
	if (v->mount)
		v->mount->nvnodes--;
	waitq_wake_all(&table_wait);
	spin_unlock(&table_lock);
	if (v->former)
		name_unref(v->former);
	kmem_cache_free(&vnode_cache, v);
}

int vnode_get(struct mount *m, uint64_t ino, int (*load)(struct vnode *v, void *arg), void *arg,
	      struct vnode **out)
{
	struct vnode *fresh = NULL, *v;
	struct list *b = bucket_of(m, ino);
	int r;

again:
	spin_lock(&table_lock);
	list_for_each(v, b, link) {
		if (v->ino != ino || v->mount != m)
			continue;
		if (v->state != VN_LIVE) {
			waitq_sleep(&table_wait, &table_lock);
			spin_unlock(&table_lock);
			goto again;
		}
		vnode_ref(v);
		spin_unlock(&table_lock);
		if (fresh)
			kmem_cache_free(&vnode_cache, fresh);
		*out = v;
		return 0;
	}
	if (!fresh) {
		spin_unlock(&table_lock);
		fresh = vnode_alloc(m, ino);
		if (!fresh)
			return -ENOMEM;
		goto again;
	}
	fresh->state = VN_LOADING;
	list_push(b, &fresh->link);
	m->nvnodes++;
	spin_unlock(&table_lock);

	r = load(fresh, arg);
	if (r) {
		__atomic_fetch_sub(&fresh->refs, 1, __ATOMIC_RELEASE);
		take_out(fresh);
		return r;
	}
	init_contents(fresh);
	spin_lock(&table_lock);
	fresh->state = VN_LIVE;
	waitq_wake_all(&table_wait);
	spin_unlock(&table_lock);
	*out = fresh;
	return 0;
}

void vnode_ref(struct vnode *v)
{
	__atomic_fetch_add(&v->refs, 1, __ATOMIC_RELAXED);
}

void vnode_unref(struct vnode *v)
{
	uint32_t refs = __atomic_load_n(&v->refs, __ATOMIC_RELAXED);

	while (refs > 1)
		if (__atomic_compare_exchange_n(&v->refs, &refs, refs - 1, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return;
	spin_lock(&table_lock);
	assert(v->refs > 0);
	if (__atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) || v->state == VN_DYING) {
		waitq_wake_all(&table_wait);
		spin_unlock(&table_lock);
		return;
	}
	v->state = VN_DYING;
	spin_unlock(&table_lock);
	if (v->ops && v->ops->inactive)
		v->ops->inactive(v);
	take_out(v);
}

int vnode_begin_write(struct vnode *v)
{
	int32_t n = __atomic_load_n(&v->writers, __ATOMIC_RELAXED);

	do {
		if (n < 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(&v->writers, &n, n + 1, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return 0;
}

void vnode_end_write(struct vnode *v)
{
	int32_t before = __atomic_fetch_sub(&v->writers, 1, __ATOMIC_SEQ_CST);

	assert(before > 0);
}

int vnode_begin_run(struct vnode *v)
{
	int32_t n = __atomic_load_n(&v->writers, __ATOMIC_RELAXED);

	do {
		if (n > 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(&v->writers, &n, n - 1, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	/* who runs it already has looked, and since then nobody could open it to map it; who made a memfd writes it uncounted, also so */
	if (n == 0 && v->mount && v->object && object_has_writers(v->object)) {
		vnode_end_run(v);
		return -ETXTBSY;
	}
	return 0;
}

void vnode_end_run(struct vnode *v)
{
	int32_t before = __atomic_fetch_add(&v->writers, 1, __ATOMIC_SEQ_CST);

	assert(before < 0);
}

void vnode_run_ref(struct vnode *v)
{
	int32_t before = __atomic_fetch_sub(&v->writers, 1, __ATOMIC_SEQ_CST);

	assert(before < 0);
	vnode_ref(v);
}

void vnode_run_unref(struct vnode *v)
{
	vnode_end_run(v);
	vnode_unref(v);
}

void vnode_drop_object(struct vnode *v)
{
	spin_lock(&table_lock);
	while (v->refs)
		waitq_sleep(&table_wait, &table_lock);
	spin_unlock(&table_lock);
	if (v->object)
		object_destroy(v->object);
	v->object = NULL;
}

void vnode_mark_dirty(struct vnode *v)
{
	if (__atomic_exchange_n(&v->dirty, true, __ATOMIC_ACQ_REL) || !v->mount)
		return;
	spin_lock(&table_lock);
	if (list_empty(&v->dirty_link))
		list_append(&v->mount->dirty, &v->dirty_link);
	spin_unlock(&table_lock);
}

struct vnode *vnode_next_dirty(struct mount *m)
{
	struct vnode *v;

	spin_lock(&table_lock);
	list_for_each(v, &m->dirty, dirty_link) {
		if (v->state != VN_LIVE)
			continue; /* its own `inactive` writes it */
		vnode_ref(v);
		list_remove(&v->dirty_link);
		spin_unlock(&table_lock);
		return v;
	}
	spin_unlock(&table_lock);
	return NULL;
}

/* fn is called for each live vnode of the mount, referenced. */
void vnode_for_each(struct mount *m, void (*fn)(struct vnode *v, void *arg), void *arg)
{
	for (unsigned i = 0; i < NBUCKETS; i++) {
		uint64_t skip = 0, n;
		struct vnode *v;

again:
		n = 0;
		spin_lock(&table_lock);
		list_for_each(v, &buckets[i], link) {
			if (v->mount != m || v->state != VN_LIVE || n++ < skip)
				continue;
			skip++;
			vnode_ref(v);
			spin_unlock(&table_lock);
			fn(v, arg);
			vnode_unref(v);
			goto again;
		}
		spin_unlock(&table_lock);
	}
}

/* ---- vnodes without a file system ---- */

struct vnode *vnode_create_anonymous(const struct vnode_ops *ops, uint32_t mode, void *data)
{
	static uint64_t next_ino;
	struct vnode *v = vnode_alloc(NULL, __atomic_add_fetch(&next_ino, 1, __ATOMIC_RELAXED));

	if (!v)
		return NULL;
	v->ops = ops;
	v->mode = mode;
	v->nlink = 1;
	v->data = data;
	vnode_time_now(&v->mtime);
	v->atime = v->ctime = v->mtime;
	init_contents(v);
	return v;
}

/* ---- what the pagers of all file systems share ---- */

void vnode_object_ref(struct object *o)
{
	vnode_ref(o->data);
}

void vnode_object_unref(struct object *o)
{
	vnode_unref(o->data);
}

void vnode_object_describe(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino)
{
	struct vnode *v = o->data;

	*dev = v->mount ? v->mount->devno : 0;
	*ino = v->ino;
	name_show_vnode(v, buf, n);
}

void vnode_object_touched(struct object *o)
{
	struct vnode *v = o->data;

	vnode_time_now(&v->mtime);
	v->ctime = v->mtime;
	vnode_mark_dirty(v);
}

void vnode_time_now(struct timespec *t)
{
	uint64_t ns = time_realtime_ns();

	t->tv_sec = ns / 1000000000;
	t->tv_nsec = ns % 1000000000;
}

/* ---- attributes and permissions ---- */

bool vnode_noexec(const struct vnode *v)
{
	if (v->mount)
		return v->mount->type->noexec || v->mount->flags & MOUNT_NOEXEC;
	return !S_ISREG(v->mode) && !S_ISCHR(v->mode);
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->egid == gid)
		return true;
	for (unsigned i = 0; i < c->ngroups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

int vnode_permission(struct vnode *v, const struct cred *cred, unsigned want)
{
	unsigned have;

	if ((want & 2) && v->mount && v->mount->read_only &&
	    (S_ISREG(v->mode) || S_ISDIR(v->mode) || S_ISLNK(v->mode)))
		return -EROFS;
	if (cred->euid == 0) {
		if (!(want & 1) || S_ISDIR(v->mode) || (v->mode & 0111))
			return 0;
		return -EACCES;
	}
	if (cred->euid == v->uid)
		have = v->mode >> 6;
	else if (cred_in_group(cred, v->gid))
		have = v->mode >> 3;
	else
		have = v->mode;
	return (want & ~have & 7) ? -EACCES : 0;
}

int vnode_getattr(struct vnode *v, struct attr *a)
{
	uint64_t size = load_relaxed(&v->size);

	*a = (struct attr){ .dev = v->mount ? v->mount->devno : 0,
			    .ino = v->ino,
			    .rdev = v->rdev,
			    .size = size,
			    .blocks = DIV_ROUND_UP(size, 512),
			    .mode = v->mode,
			    .nlink = v->nlink,
			    .uid = v->uid,
			    .gid = v->gid,
			    .blksize = PAGE_SIZE,
			    .atime = v->atime,
			    .mtime = v->mtime,
			    .ctime = v->ctime };
	return v->ops && v->ops->getattr ? v->ops->getattr(v, a) : 0;
}

static int check_setattr(struct vnode *v, const struct cred *cred, const struct attr *a)
{
	bool owner = cred->euid == 0 || cred->euid == v->uid;

	if ((a->valid & ATTR_SIZE) && !(a->valid & ATTR_FORCE)) {
		int r = vnode_permission(v, cred, 2);
		if (r)
			return r;
	}
	if ((a->valid & ATTR_MODE) && !owner)
		return -EPERM;
	if ((a->valid & ATTR_UID) && cred->euid != 0 && (!owner || a->uid != v->uid))
		return -EPERM;
	if ((a->valid & ATTR_GID) && cred->euid != 0 &&
	    (!owner || (a->gid != v->gid && !cred_in_group(cred, a->gid))))
		return -EPERM;
	if ((a->valid & (ATTR_ATIME | ATTR_MTIME)) && !owner && !(a->valid & ATTR_FORCE)) {
		if (!(a->valid & ATTR_NOW))
			return -EPERM;
		return vnode_permission(v, cred, 2);
	}
	return 0;
}

/* The fields that need no file system's help. */
void vnode_apply_attr(struct vnode *v, const struct attr *a)
{
	if (a->valid & ATTR_MODE)
		v->mode = (v->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		v->uid = a->uid;
	if (a->valid & ATTR_GID)
		v->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		v->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		v->mtime = a->mtime;
	vnode_time_now(&v->ctime);
	if (a->valid & ATTR_SIZE)
		v->mtime = v->ctime;
	vnode_mark_dirty(v);
}

static int check_size(struct vnode *v, const struct attr *a)
{
	if (S_ISDIR(v->mode))
		return -EISDIR;
	if (!S_ISREG(v->mode))
		return -EINVAL;
	if ((int64_t)a->size < 0)
		return -EINVAL;
	if (v->mount && v->mount->max_size && a->size > v->mount->max_size)
		return -EFBIG;
	return 0;
}

int vnode_setattr(struct vnode *v, const struct cred *cred, const struct attr *given)
{
	struct attr a = *given;
	bool counts = (a.valid & (ATTR_SIZE | ATTR_FORCE)) == ATTR_SIZE;
	int r;

	if ((a.valid & ATTR_SIZE) && (r = check_size(v, &a)))
		return r;
	if (a.valid & ATTR_NOW) {
		vnode_time_now(&a.mtime);
		a.atime = a.mtime;
	}
	if ((r = mount_begin_write(v->mount)))
		return r;
	rwlock_write(&v->contents);
	r = check_setattr(v, cred, &a);
	if (!r && counts)
		r = vnode_begin_write(v);
	if (r)
		goto out;
	if (a.valid & ATTR_MODE) {
		if (cred->euid != 0 && !cred_in_group(cred, v->gid))
			a.mode &= ~S_ISGID;
	} else if ((a.valid & ATTR_CHOWN || (a.valid & ATTR_SIZE && cred->euid != 0)) && S_ISREG(v->mode) &&
		   (v->mode & (S_ISUID | S_ISGID))) {
		a.valid |= ATTR_MODE;
		a.mode = v->mode & ~(S_ISUID | ((v->mode & 010) ? S_ISGID : 0));
	}
	if (v->ops && v->ops->setattr)
		r = v->ops->setattr(v, &a);
	else
		r = vnode_setattr_memory(v, &a);
	if (counts)
		vnode_end_write(v);
out:
	rwlock_write_unlock(&v->contents);
	mount_end_write(v->mount);
	return r;
}
