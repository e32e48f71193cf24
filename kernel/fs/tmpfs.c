/* SPDX-License-Identifier: ISC */
/*
 * tmpfs: files that live in memory and swap. The contents of a file are an anonymous object, read, written
 * and mapped as the pages of any other; names and inodes are small kernel memory.
 *
 * A tnode is the inode: it stays while it has a name or a vnode. Its vnode comes and goes with use; while
 * there is one, the vnode's fields are the true ones, and its end (`inactive`) writes them back. A directory
 * has its entries in two trees, by name and by cookie (the readdir offset, given once and never again), which
 * its contents lock guards. The limit is a budget that the files' objects share: write() finds ENOSPC there, a
 * store through a mapping SIGBUS.
 */
#include "fs/tmpfs.h"
#include "fs/internal.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define NAME_MAX     255
#define FIRST_COOKIE 2 /* 0 and 1 are "." and ".." */
#define TMPFS_MAGIC  0x01021994
#define ENTRY_COST   64 /* bytes of kernel memory beside the names, for statfs */

struct tmpfs {
	struct budget *budget; /* of pages */
	uint64_t max_nodes;
	int64_t nnodes;	   /* [a] */
	uint64_t next_ino; /* [a] */
	struct spinlock lock;
	struct list nodes; /* [lock] all, for the unmount */
	struct tnode *root;
};

struct entry {
	struct tree_node by_name, by_cookie;
	struct tnode *node;
	uint64_t cookie;
	uint32_t key;
	uint8_t len;
	char name[];
};

struct tnode {
	struct tmpfs *fs;
	struct list link;
	uint64_t ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev, size;
	struct timespec atime, mtime, ctime;
	struct object *
		object; /* regular files; its `data` is the vnode while there is one, as there is while it is mapped */
	char *target;	      /* symbolic links: one piece of kernel memory or a frame */
	struct tnode *parent; /* directories; the root is its own */
	struct tree names, cookies;
	uint64_t next_cookie;
	bool (*exists)(unsigned arg);
	unsigned exists_arg;
};

static struct kmem_cache tnode_cache;
static const struct vnode_ops file_ops, dir_ops, link_ops, other_ops;

static struct tnode *node_of(const struct vnode *v)
{
	return v->data;
}

/* ---- tnodes ---- */

static struct tnode *tnode_create(struct tmpfs *fs, uint32_t mode, uint64_t rdev)
{
	struct tnode *n;

	if (__atomic_add_fetch(&fs->nnodes, 1, __ATOMIC_RELAXED) > (int64_t)fs->max_nodes) {
		__atomic_fetch_sub(&fs->nnodes, 1, __ATOMIC_RELAXED);
		return ERR_PTR(-ENOSPC);
	}
	n = kmem_cache_alloc(&tnode_cache);
	if (!n) {
		__atomic_fetch_sub(&fs->nnodes, 1, __ATOMIC_RELAXED);
		return ERR_PTR(-ENOMEM);
	}
	memset(n, 0, sizeof(*n));
	n->fs = fs;
	n->ino = __atomic_add_fetch(&fs->next_ino, 1, __ATOMIC_RELAXED);
	n->mode = mode;
	n->rdev = rdev;
	n->nlink = S_ISDIR(mode) ? 2 : 1;
	n->next_cookie = FIRST_COOKIE;
	vnode_time_now(&n->mtime);
	n->atime = n->ctime = n->mtime;
	spin_lock(&fs->lock);
	list_append(&fs->nodes, &n->link);
	spin_unlock(&fs->lock);
	if (S_ISREG(mode))
		n->object = object_create(NULL, NULL, 0); /* the caller looks */
	if (n->object) {
		n->object->anon = &memory_object_ops;
		n->object->budget = fs->budget;
		budget_ref(fs->budget);
	}
	return n;
}

static void target_free(char *target)
{
	if (target && ((uint64_t)target & PAGE_MASK) == 0)
		page_free(pfn_page(virt_to_phys(target) >> PAGE_SHIFT));
	else
		kfree(target);
}

static void tnode_free(struct tnode *n)
{
	struct tmpfs *fs = n->fs;

	spin_lock(&fs->lock);
	list_remove(&n->link);
	spin_unlock(&fs->lock);
	__atomic_fetch_sub(&fs->nnodes, 1, __ATOMIC_RELAXED);
	if (n->object)
		object_destroy(n->object);
	target_free(n->target);
	kmem_cache_free(&tnode_cache, n);
}

/* ---- the entries of a directory ---- */

static uint32_t key_of(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h;
}

static int compare(const struct entry *e, uint32_t key, const char *name, size_t len)
{
	if (e->key != key)
		return key < e->key ? -1 : 1;
	if (e->len != len)
		return len < e->len ? -1 : 1;
	return memcmp(name, e->name, len);
}

static struct entry *entry_find(struct tnode *dir, const char *name, size_t len)
{
	uint32_t key = key_of(name, len);
	struct tree_node *at = dir->names.root;

	while (at) {
		struct entry *e = tree_entry(at, struct entry, by_name);
		int c = compare(e, key, name, len);

		if (c == 0)
			return e;
		at = c < 0 ? at->left : at->right;
	}
	return NULL;
}

static struct entry *entry_alloc(const char *name, size_t len)
{
	struct entry *e = kzalloc(sizeof(*e) + len);

	if (!e)
		return NULL;
	memcpy(e->name, name, len);
	e->len = len;
	e->key = key_of(name, len);
	return e;
}

static void entry_insert(struct tnode *dir, struct entry *e, struct tnode *n)
{
	struct tree_node **link = &dir->names.root, *parent = NULL;

	e->node = n;
	while (*link) {
		parent = *link;
		link = compare(tree_entry(parent, struct entry, by_name), e->key, e->name, e->len) < 0 ?
			       &parent->left :
			       &parent->right;
	}
	tree_link(&dir->names, parent, link, &e->by_name);
	e->cookie = dir->next_cookie++;
	parent = tree_last(&dir->cookies);
	tree_link(&dir->cookies, parent, parent ? &parent->right : &dir->cookies.root, &e->by_cookie);
}

static void entry_remove(struct tnode *dir, struct entry *e)
{
	tree_remove(&dir->names, &e->by_name);
	tree_remove(&dir->cookies, &e->by_cookie);
	kfree(e);
}

static struct entry *entry_from(struct tnode *dir, uint64_t cookie)
{
	struct tree_node *at = dir->cookies.root, *best = NULL;

	while (at) {
		if (tree_entry(at, struct entry, by_cookie)->cookie >= cookie) {
			best = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	return best ? tree_entry(best, struct entry, by_cookie) : NULL;
}

static bool visible(const struct tnode *n)
{
	return !n->exists || n->exists(n->exists_arg);
}

/* ---- vnodes ---- */

/* Operations of devices and FIFOs with those of a tmpfs inode put in; made once for each kind. */
static const struct vnode_ops *special_ops(const struct vnode_ops *of)
{
	static struct {
		const struct vnode_ops *of;
		struct vnode_ops ops;
	} made[16];
	static struct spinlock lock = SPINLOCK_INIT("device operations", RANK_FILES);
	unsigned i;

	spin_lock(&lock);
	for (i = 0; i < ARRAY_SIZE(made) && made[i].of && made[i].of != of; i++)
		;
	assert(i < ARRAY_SIZE(made));
	if (!made[i].of) {
		made[i].of = of;
		made[i].ops = *of;
		made[i].ops.getattr = other_ops.getattr;
		made[i].ops.setattr = other_ops.setattr;
		made[i].ops.inactive = other_ops.inactive;
	}
	spin_unlock(&lock);
	return &made[i].ops;
}

static int load_special(struct vnode *v)
{
	const struct vnode_ops *ops = NULL;

	v->ops = &other_ops;
	if (S_ISFIFO(v->mode)) {
		ops = &fifo_ops;
	} else if (S_ISCHR(v->mode)) {
		ops = chardev_ops(v->rdev);
	} else if (S_ISBLK(v->mode)) {
		int r = blockdev_attach(v);

		if (r == -ENOMEM)
			return r;
		if (!r)
			ops = v->ops;
	}
	if (ops)
		v->ops = special_ops(ops);
	return 0;
}

static int load(struct vnode *v, void *arg)
{
	struct tnode *n = arg;

	v->data = n;
	v->mode = n->mode;
	v->nlink = n->nlink;
	v->uid = n->uid;
	v->gid = n->gid;
	v->rdev = n->rdev;
	v->size = n->size;
	v->atime = n->atime;
	v->mtime = n->mtime;
	v->ctime = n->ctime;
	v->object = n->object;
	if (S_ISREG(n->mode)) {
		v->ops = &file_ops;
		n->object->data = v;
	} else if (S_ISDIR(n->mode)) {
		v->ops = &dir_ops;
	} else if (S_ISLNK(n->mode)) {
		v->ops = &link_ops;
	} else {
		return load_special(v);
	}
	return 0;
}

static void inactive(struct vnode *v)
{
	struct tnode *n = node_of(v);

	v->object = NULL;
	if (n->object)
		n->object->data = NULL;
	n->mode = v->mode;
	n->nlink = v->nlink;
	n->uid = v->uid;
	n->gid = v->gid;
	n->size = S_ISBLK(v->mode) ? 0 : v->size;
	n->atime = v->atime;
	n->mtime = v->mtime;
	n->ctime = v->ctime;
	if (n->nlink == 0)
		tnode_free(n);
}

static int get_vnode(struct mount *m, struct tnode *n, struct vnode **out)
{
	return vnode_get(m, n->ino, load, n, out);
}

static void touch(struct vnode *v)
{
	vnode_time_now(&v->mtime);
	v->ctime = v->mtime;
}

/* Links change under the locks of different directories. */
static void add_links(struct vnode *v, int n)
{
	__atomic_fetch_add(&v->nlink, n, __ATOMIC_RELAXED);
	vnode_time_now(&v->ctime);
}

static int tmpfs_getattr(struct vnode *v, struct attr *a)
{
	struct tnode *n = node_of(v);

	a->blocks = 0;
	if (n->object)
		a->blocks = n->object->nslots * (PAGE_SIZE / 512);
	else if (S_ISDIR(v->mode))
		a->size = n->next_cookie * ENTRY_COST;
	else if (!S_ISLNK(v->mode))
		a->size = 0; /* a block device's, too, as on Linux: lseek tells it */
	return 0;
}

static int tmpfs_setattr(struct vnode *v, const struct attr *a)
{
	if (node_of(v)->object)
		return vnode_setattr_memory(v, a);
	vnode_apply_attr(v, a);
	return 0;
}

/* ---- directories ---- */

static int tmpfs_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	struct entry *e = entry_find(node_of(dir), name, len);

	if (!e || !visible(e->node))
		return -ENOENT;
	return get_vnode(dir->mount, e->node, out);
}

static int tmpfs_readdir(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg)
{
	struct tnode *d = node_of(dir);
	struct tree_node *at;
	struct entry *e;

	if (offset == 0 && fn(arg, ".", 1, d->ino, S_IFDIR >> 12, 1))
		return 0;
	if (offset <= 1 && fn(arg, "..", 2, d->parent->ino, S_IFDIR >> 12, FIRST_COOKIE))
		return 0;
	e = entry_from(d, offset);
	for (at = e ? &e->by_cookie : NULL; at; at = tree_next(at)) {
		e = tree_entry(at, struct entry, by_cookie);
		if (visible(e->node) &&
		    fn(arg, e->name, e->len, e->node->ino, e->node->mode >> 12, e->cookie + 1))
			break;
	}
	return 0;
}

/*
 * A tnode hung into the directory; ERR_PTR. Its ids are the creator's, the group's the directory's if that is
 * set-gid.
 */
static struct tnode *add_node(struct tnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev)
{
	struct entry *e = entry_alloc(name, len);
	struct tnode *n;

	if (!e)
		return ERR_PTR(-ENOMEM);
	n = tnode_create(dir->fs, mode, rdev);
	if (IS_ERR(n)) {
		kfree(e);
		return n;
	}
	if (S_ISREG(mode) && !n->object) {
		tnode_free(n);
		kfree(e);
		return ERR_PTR(-ENOMEM);
	}
	n->parent = dir;
	entry_insert(dir, e, n);
	return n;
}

static void set_owner(struct tnode *n, const struct vnode *dir, const struct cred *cred)
{
	n->uid = cred->euid;
	n->gid = cred->egid;
	if (dir->mode & S_ISGID) {
		n->gid = dir->gid;
		if (S_ISDIR(n->mode))
			n->mode |= S_ISGID;
	}
}

static void remove_node(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	struct entry *e = entry_find(node_of(dir), name, len);

	assert(e && e->node == node_of(target));
	entry_remove(node_of(dir), e);
	if (S_ISDIR(target->mode)) {
		add_links(target, -2);
		add_links(dir, -1);
	} else {
		add_links(target, -1);
	}
	touch(dir);
}

static int tmpfs_create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
			const struct cred *cred, struct vnode **out)
{
	struct tnode *n;
	int r;

	if (entry_find(node_of(dir), name, len)) /* one that does not exist just now */
		return -EEXIST;
	n = add_node(node_of(dir), name, len, mode, S_ISCHR(mode) || S_ISBLK(mode) ? rdev : 0);
	if (IS_ERR(n))
		return PTR_ERR(n);
	set_owner(n, dir, cred);
	r = get_vnode(dir->mount, n, out);
	if (r) {
		entry_remove(node_of(dir), entry_find(node_of(dir), name, len));
		tnode_free(n);
		return r;
	}
	if (S_ISDIR(mode))
		add_links(dir, 1);
	touch(dir);
	return 0;
}

static int tmpfs_tmpfile(struct vnode *dir, uint32_t mode, const struct cred *cred, struct vnode **out)
{
	struct tnode *n = tnode_create(node_of(dir)->fs, mode, 0);
	int r = -ENOMEM;

	if (IS_ERR(n))
		return PTR_ERR(n);
	n->nlink = 0;
	set_owner(n, dir, cred);
	if (n->object)
		r = get_vnode(dir->mount, n, out);
	if (r)
		tnode_free(n);
	return r;
}

static char *target_copy(const char *target, size_t len)
{
	struct page *p;
	char *copy;

	if (len < 1024) {
		copy = kmalloc(len + 1);
	} else {
		p = page_alloc_kernel();
		copy = p ? page_data(p) : NULL;
	}
	return copy ? memcpy(copy, target, len + 1) : NULL;
}

static int tmpfs_symlink(struct vnode *dir, const char *name, size_t len, const char *target,
			 const struct cred *cred)
{
	char *copy = target_copy(target, strlen(target));
	struct tnode *n;

	if (!copy)
		return -ENOMEM;
	if (entry_find(node_of(dir), name, len)) {
		target_free(copy);
		return -EEXIST;
	}
	n = add_node(node_of(dir), name, len, S_IFLNK | 0777, 0);
	if (IS_ERR(n)) {
		target_free(copy);
		return PTR_ERR(n);
	}
	set_owner(n, dir, cred);
	n->target = copy;
	n->size = strlen(copy);
	touch(dir);
	return 0;
}

static int tmpfs_link(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	struct entry *e;

	if (entry_find(node_of(dir), name, len))
		return -EEXIST;
	e = entry_alloc(name, len);
	if (!e)
		return -ENOMEM;
	entry_insert(node_of(dir), e, node_of(target));
	add_links(target, 1);
	touch(dir);
	return 0;
}

static int tmpfs_unlink(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	remove_node(dir, name, len, target);
	return 0;
}

static int tmpfs_rmdir(struct vnode *dir, const char *name, size_t len, struct vnode *target)
{
	if (!tree_empty(&node_of(target)->names))
		return -ENOTEMPTY;
	remove_node(dir, name, len, target);
	return 0;
}

/* A directory's parent is another one now. */
static void change_parent(struct vnode *v, struct vnode *odir, struct vnode *ndir)
{
	if (!S_ISDIR(v->mode) || odir == ndir)
		return;
	node_of(v)->parent = node_of(ndir);
	add_links(odir, -1);
	add_links(ndir, 1);
}

static int exchange(struct vnode *odir, struct entry *a, struct vnode *ndir, struct entry *b,
		    struct vnode *source, struct vnode *target)
{
	a->node = node_of(target);
	b->node = node_of(source);
	change_parent(source, odir, ndir);
	change_parent(target, ndir, odir);
	vnode_time_now(&source->ctime);
	vnode_time_now(&target->ctime);
	touch(odir);
	touch(ndir);
	return 0;
}

static int tmpfs_rename(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
			const char *nname, size_t nlen, struct vnode *source, struct vnode *target,
			unsigned flags)
{
	struct entry *e;

	if (flags & RENAME_EXCHANGE)
		return exchange(odir, entry_find(node_of(odir), oname, olen), ndir,
				entry_find(node_of(ndir), nname, nlen), source, target);
	if (target && S_ISDIR(target->mode) && !tree_empty(&node_of(target)->names))
		return -ENOTEMPTY;
	if (!target && entry_find(node_of(ndir), nname, nlen))
		return -EEXIST;
	e = entry_alloc(nname, nlen);
	if (!e)
		return -ENOMEM;
	if (target)
		remove_node(ndir, nname, nlen, target);
	entry_remove(node_of(odir), entry_find(node_of(odir), oname, olen));
	entry_insert(node_of(ndir), e, node_of(source));
	change_parent(source, odir, ndir);
	vnode_time_now(&source->ctime);
	touch(odir);
	touch(ndir);
	return 0;
}

static ssize_t tmpfs_readlink(struct vnode *v, char *buf, size_t n)
{
	n = MIN(n, v->size);
	memcpy(buf, node_of(v)->target, n);
	return n;
}

static int no_fsync(struct vnode *v __unused, bool data_only __unused)
{
	return 0;
}

static const struct vnode_ops file_ops = {
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.fallocate = memory_fallocate,
	.fsync = no_fsync,
	.inactive = inactive,
};
static const struct vnode_ops dir_ops = {
	.lookup = tmpfs_lookup,
	.create = tmpfs_create,
	.tmpfile = tmpfs_tmpfile,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.readdir = tmpfs_readdir,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.fsync = no_fsync,
	.inactive = inactive,
};
static const struct vnode_ops link_ops = {
	.readlink = tmpfs_readlink,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.inactive = inactive,
};
static const struct vnode_ops other_ops = { .getattr = tmpfs_getattr,
					    .setattr = tmpfs_setattr,
					    .inactive = inactive };

/* ---- mounting ---- */

/* 16m, 50%, 4096: bytes. False: not understood. */
static bool parse_size(const char *s, const char *end, uint64_t *out)
{
	struct vm_counts c;
	const char *p;

	*out = strtou64(s, &p, 10);
	if (p == s)
		return false;
	if (p < end && *p == '%') {
		vm_count(&c);
		*out = c.total * PAGE_SIZE / 100 * *out;
		return p + 1 == end;
	}
	if (p < end) {
		const char *units = "kmgt", *unit = strchr(units, *p | 0x20);

		if (!unit)
			return false;
		*out <<= 10 * (unit - units + 1);
		p++;
	}
	return p == end;
}

static int parse_option(const char *s, size_t len, struct tmpfs *fs, uint32_t *mode, uint32_t *ids)
{
	const char *value = memchr(s, '=', len), *end = s + len, *p;
	size_t key = value ? (size_t)(value++ - s) : len;
	uint64_t n;

#define IS(text) (key == sizeof(text) - 1 && memcmp(s, text, key) == 0)
	if (!value)
		return IS("") || IS("rw") || IS("ro") || IS("defaults") ? 0 : -EINVAL;
	if (IS("size")) {
		if (!parse_size(value, end, &n))
			return -EINVAL;
		fs->budget->max = n ? DIV_ROUND_UP(n, PAGE_SIZE) : INT64_MAX;
	} else if (IS("nr_inodes")) {
		if (!parse_size(value, end, &n))
			return -EINVAL;
		fs->max_nodes = n ? n : INT64_MAX;
	} else if (IS("mode")) {
		for (*mode = 0, p = value; p < end && *p >= '0' && *p <= '7'; p++)
			*mode = *mode << 3 | (*p - '0');
		if (p != end || p == value || *mode > 07777)
			return -EINVAL;
	} else if (IS("uid") || IS("gid")) {
		ids[*s == 'g'] = strtou64(value, &p, 10);
		if (p != end || p == value)
			return -EINVAL;
	} else {
		return -EINVAL;
	}
#undef IS
	return 0;
}

static int parse_options(const char *options, struct tmpfs *fs, uint32_t *mode, uint32_t *ids)
{
	int r = 0;

	while (*options && !r) {
		const char *comma = strchr(options, ',');
		size_t len = comma ? (size_t)(comma - options) : strlen(options);

		r = parse_option(options, len, fs, mode, ids);
		options += len + (comma != NULL);
	}
	return r;
}

int tmpfs_mount_tree(struct mount *m, const char *options, uint32_t root_mode)
{
	struct tmpfs *fs = kzalloc(sizeof(*fs));
	uint32_t ids[2] = { 0, 0 };
	struct vm_counts c;
	struct tnode *root;
	int r;

	if (!fs)
		return -ENOMEM;
	if (!tnode_cache.size) /* mounts come one at a time */
		kmem_cache_init(&tnode_cache, "tnode", sizeof(struct tnode), false);
	vm_count(&c);
	fs->max_nodes = c.total / 2;
	fs->budget = budget_create(c.total / 2);
	if (!fs->budget) {
		kfree(fs);
		return -ENOMEM;
	}
	spin_init(&fs->lock, "tmpfs", RANK_FILES);
	list_init(&fs->nodes);
	r = parse_options(options, fs, &root_mode, ids);
	root = r ? ERR_PTR(r) : tnode_create(fs, S_IFDIR | root_mode, 0);
	if (IS_ERR(root)) {
		budget_unref(fs->budget);
		kfree(fs);
		return PTR_ERR(root);
	}
	root->parent = fs->root = root;
	root->uid = ids[0];
	root->gid = ids[1];
	m->data = fs;
	r = get_vnode(m, root, &m->root);
	if (r)
		tmpfs_unmount_tree(m);
	return r;
}

static int tmpfs_mount(struct mount *m, const char *options)
{
	return tmpfs_mount_tree(m, options, 01777);
}

int tmpfs_unmount_tree(struct mount *m)
{
	struct tmpfs *fs = m->data;

	while (!list_empty(&fs->nodes)) {
		struct tnode *n = list_first(&fs->nodes, struct tnode, link);

		while (!tree_empty(&n->names))
			entry_remove(n, tree_entry(n->names.root, struct entry, by_name));
		tnode_free(n);
	}
	budget_unref(fs->budget);
	kfree(fs);
	return 0;
}

struct tnode *tmpfs_root(struct mount *m)
{
	return ((struct tmpfs *)m->data)->root;
}

struct tnode *tmpfs_add(struct tnode *dir, const char *name, uint32_t mode, uint64_t rdev, const char *target)
{
	struct tnode *n = add_node(dir, name, strlen(name), mode, rdev);

	if (IS_ERR(n))
		return NULL;
	if (target) {
		n->target = target_copy(target, strlen(target));
		if (!n->target) {
			entry_remove(dir, entry_find(dir, name, strlen(name)));
			tnode_free(n);
			return NULL;
		}
		n->size = strlen(target);
	}
	return n;
}

void tmpfs_set_exists(struct tnode *n, bool (*exists)(unsigned arg), unsigned arg)
{
	n->exists = exists;
	n->exists_arg = arg;
}

int tmpfs_statfs(struct mount *m, struct fs_stats *st)
{
	struct tmpfs *fs = m->data;
	int64_t used = __atomic_load_n(&fs->budget->used, __ATOMIC_RELAXED), max = fs->budget->max,
		nodes = __atomic_load_n(&fs->nnodes, __ATOMIC_RELAXED);

	memset(st, 0, sizeof(*st));
	st->type = TMPFS_MAGIC;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	if (max < INT64_MAX) {
		st->blocks = max;
		st->bfree = st->bavail = max > used ? max - used : 0;
	}
	if (fs->max_nodes < INT64_MAX) {
		st->files = fs->max_nodes;
		st->ffree = (int64_t)fs->max_nodes > nodes ? fs->max_nodes - nodes : 0;
	}
	return 0;
}

struct fs_type tmpfs_type = {
	.name = "tmpfs",
	.mount = tmpfs_mount,
	.unmount = tmpfs_unmount_tree,
	.statfs = tmpfs_statfs,
};
