/* SPDX-License-Identifier: ISC */
/*
 * /proc: the tree. A file's contents are made when it is read from its start and kept with the open file, so
 * that a reader with a small buffer sees one consistent text.
 *
 * Inode numbers say what a vnode is: kind (an index of `nodes`) in bits 0-7, a descriptor in bits 8-27, a
 * process id above. So nothing is kept for a process, and one that has gone makes its files fail with ESRCH.
 */
#include "fs/procfs.h"
#include "arch/cpu.h"
#include "fs/internal.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"

#define PROC_MAGIC 0x9fa0

enum { NONE, ROOT, PID, FD, FD_LINK, SYS, SYS_VM, SYS_KERNEL, SYS_RANDOM, SYS_FS, SELF, FIRST_FILE };

struct pnode {
	const char *name;
	uint8_t parent;
	uint32_t mode;
	proc_show show;
	proc_store store;
	int (*follow)(pid_t pid, struct name **out);
	ssize_t (*read)(pid_t pid, struct uio *u, uint64_t *offset); /* instead of show: not kept as a text */
};

#define DIRECTORY S_IFDIR | 0555
#define READ	  S_IFREG | 0444
#define WRITE	  S_IFREG | 0200
#define CHANGE	  S_IFREG | 0644
#define LINK	  S_IFLNK | 0777

static const struct pnode nodes[] = {
	[ROOT] = { "", NONE, DIRECTORY },
	[PID] = { "", NONE, DIRECTORY },
	[FD] = { "fd", PID, S_IFDIR | 0500 },
	[FD_LINK] = { "", NONE, S_IFLNK | 0700 },
	[SYS] = { "sys", ROOT, DIRECTORY },
	[SYS_VM] = { "vm", SYS, DIRECTORY },
	[SYS_KERNEL] = { "kernel", SYS, DIRECTORY },
	[SYS_RANDOM] = { "random", SYS_KERNEL, DIRECTORY },
	[SYS_FS] = { "fs", SYS, DIRECTORY },
	[SELF] = { "self", ROOT, LINK },
	[FIRST_FILE] = { "cmdline", ROOT, READ, show_cmdline },
	{ "cpuinfo", ROOT, READ, show_cpuinfo },
	{ "diskstats", ROOT, READ, show_diskstats },
	{ "filesystems", ROOT, READ, show_filesystems },
	{ "loadavg", ROOT, READ, show_loadavg },
	{ "meminfo", ROOT, READ, show_meminfo },
	{ "mounts", ROOT, READ, show_mounts },
	{ "partitions", ROOT, READ, show_partitions },
	{ "slabinfo", ROOT, S_IFREG | 0400, show_slabinfo },
	{ "stat", ROOT, READ, show_stat },
	{ "swaps", ROOT, READ, show_swaps },
	{ "sysrq-trigger", ROOT, WRITE, .store = store_sysrq },
	{ "uptime", ROOT, READ, show_uptime },
	{ "version", ROOT, READ, show_version },
	{ "vm_audit", ROOT, S_IFREG | 0600, show_vm_audit, store_vm_audit },
	{ "vmstat", ROOT, READ, show_vmstat },
	{ "drop_caches", SYS_VM, WRITE, .store = store_drop_caches },
	{ "overcommit_memory", SYS_VM, CHANGE, show_overcommit_memory, store_overcommit_memory },
	{ "overcommit_ratio", SYS_VM, CHANGE, show_overcommit_ratio, store_overcommit_ratio },
	{ "swappiness", SYS_VM, CHANGE, show_swappiness, store_swappiness },
	{ "dirty_ratio", SYS_VM, CHANGE, show_dirty_ratio, store_dirty_ratio },
	{ "dirty_background_ratio", SYS_VM, CHANGE, show_dirty_background_ratio,
	  store_dirty_background_ratio },
	{ "dirty_expire_centisecs", SYS_VM, CHANGE, show_dirty_expire_centisecs,
	  store_dirty_expire_centisecs },
	{ "dirty_writeback_centisecs", SYS_VM, CHANGE, show_dirty_writeback_centisecs,
	  store_dirty_writeback_centisecs },
	{ "min_free_kbytes", SYS_VM, CHANGE, show_min_free_kbytes, store_min_free_kbytes },
	{ "page-cluster", SYS_VM, CHANGE, show_page_cluster, store_page_cluster },
	{ "hostname", SYS_KERNEL, READ, show_hostname },
	{ "osrelease", SYS_KERNEL, READ, show_osrelease },
	{ "ostype", SYS_KERNEL, READ, show_ostype },
	{ "pid_max", SYS_KERNEL, READ, show_pid_max },
	{ "randomize_va_space", SYS_KERNEL, CHANGE, show_randomize, store_randomize },
	{ "version", SYS_KERNEL, READ, show_osversion },
	{ "boot_id", SYS_RANDOM, READ, show_boot_id },
	{ "uuid", SYS_RANDOM, READ, show_uuid },
	{ "nr_open", SYS_FS, READ, show_nr_open },
	{ "pipe-max-size", SYS_FS, READ, show_pipe_max },
	{ "clear_refs", PID, WRITE, .store = store_pid_clear_refs },
	{ "cmdline", PID, READ, show_pid_cmdline },
	{ "comm", PID, CHANGE, show_pid_comm, store_pid_comm },
	{ "cwd", PID, LINK, .follow = follow_cwd },
	{ "environ", PID, S_IFREG | 0400, show_pid_environ },
	{ "exe", PID, LINK, .follow = follow_exe },
	{ "limits", PID, READ, show_pid_limits },
	{ "maps", PID, READ, show_pid_maps },
	{ "mountinfo", PID, READ, show_mountinfo },
	{ "mounts", PID, READ, show_mounts },
	{ "oom_score_adj", PID, CHANGE, show_pid_oom_adj, store_pid_oom_adj },
	{ "pagemap", PID, S_IFREG | 0400, .read = read_pid_pagemap },
	{ "root", PID, LINK, .follow = follow_root },
	{ "smaps", PID, READ, show_pid_smaps },
	{ "stat", PID, READ, show_pid_stat },
	{ "statm", PID, READ, show_pid_statm },
	{ "status", PID, READ, show_pid_status },
	{ "vmprint", PID, S_IFREG | 0400, show_pid_vmprint },
};

static uint64_t ino_of(unsigned kind, pid_t pid, unsigned fd)
{
	return kind | (uint64_t)fd << 8 | (uint64_t)pid << 28;
}

static unsigned kind_of(const struct vnode *v)
{
	return v->ino & 0xff;
}

static unsigned fd_of(const struct vnode *v)
{
	return v->ino >> 8 & 0xfffff;
}

static pid_t pid_of(const struct vnode *v)
{
	return v->ino >> 28;
}

static const struct pnode *node_of(const struct vnode *v)
{
	return &nodes[kind_of(v)];
}

/* ---- text ---- */

static void *buffer_alloc(size_t n)
{
	struct page *p;

	if (n > PAGE_SIZE)
		return kmap_alloc(n / PAGE_SIZE);
	p = page_alloc_kernel();
	return p ? page_data(p) : NULL;
}

static void buffer_free(void *buf, size_t n)
{
	if (n > PAGE_SIZE)
		kmap_free(buf, n / PAGE_SIZE);
	else if (buf)
		page_free(pfn_page(virt_to_phys(buf) >> PAGE_SHIFT));
}

void text_free(struct text *t)
{
	buffer_free(t->buf, t->cap);
	*t = (struct text){ 0 };
}

/* Makes room for n more bytes. */
static bool reserve(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : PAGE_SIZE;
	char *buf;

	while (cap - t->len < n)
		cap *= 2;
	if (cap == t->cap)
		return true;
	buf = t->failed ? NULL : buffer_alloc(cap);
	if (!buf) {
		t->failed = true;
		return false;
	}
	memcpy(buf, t->buf, t->len);
	buffer_free(t->buf, t->cap);
	t->buf = buf;
	t->cap = cap;
	return true;
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	size_t n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = kvsnprintf(t->buf + t->len, t->cap - t->len, fmt, ap);
	if (n >= t->cap - t->len && reserve(t, n + 1))
		kvsnprintf(t->buf + t->len, t->cap - t->len, fmt, again);
	if (!t->failed)
		t->len += n;
	va_end(again);
	va_end(ap);
}

void text_bytes(struct text *t, const void *bytes, size_t n)
{
	if (!reserve(t, n))
		return;
	memcpy(t->buf + t->len, bytes, n);
	t->len += n;
}

/* ---- files ---- */

/* Makes the text of an open file anew. f->lock is held. */
static int make_text(struct file *f, struct text **out)
{
	struct text *t = f->data;
	int r;

	if (!t) {
		t = kzalloc(sizeof(*t));
		if (!t)
			return -ENOMEM;
		f->data = t;
	}
	text_free(t);
	r = node_of(f->vnode)->show(t, pid_of(f->vnode));
	if (!r && t->failed)
		r = -ENOMEM;
	if (r) {
		text_free(t);
		kfree(t);
		f->data = NULL;
		return r;
	}
	*out = t;
	return 0;
}

static ssize_t proc_read(struct file *f, struct uio *u, uint64_t *offset)
{
	struct text *t;
	ssize_t r = 0;

	if (node_of(f->vnode)->read)
		return node_of(f->vnode)->read(pid_of(f->vnode), u, offset);
	if (!node_of(f->vnode)->show)
		return -EINVAL;
	mutex_lock(&f->lock);
	t = f->data;
	if (!t || *offset == 0)
		r = make_text(f, &t);
	if (!r && *offset < t->len && u->left) {
		size_t n = MIN(u->left, t->len - *offset), before = u->left;
		int e = uio_out(u, t->buf + *offset, n);

		r = before - u->left;
		if (!r)
			r = e;
		else
			*offset += r;
	}
	mutex_unlock(&f->lock);
	return r;
}

static ssize_t proc_write(struct file *f, struct uio *u, uint64_t *offset)
{
	size_t n = u->left;
	char *s;
	int r;

	if (!node_of(f->vnode)->store)
		return -EINVAL;
	if (n >= 1024)
		return -EINVAL;
	s = kmalloc(n + 1);
	if (!s)
		return -ENOMEM;
	r = uio_in(u, s, n);
	if (!r) {
		s[n] = '\0';
		if (n && s[n - 1] == '\n')
			s[n - 1] = '\0';
		r = node_of(f->vnode)->store(s, pid_of(f->vnode));
	}
	kfree(s);
	if (r)
		return r;
	*offset += n;
	return n;
}

static void text_release(struct file *f)
{
	struct text *t = f->data;

	if (!t)
		return;
	text_free(t);
	kfree(t);
}

static int proc_getattr(struct vnode *v, struct attr *a)
{
	a->size = a->blocks = 0;
	a->blksize = 1024;
	if (pid_of(v))
		pid_owner(pid_of(v), &a->uid, &a->gid);
	return 0;
}

/* A shell's `>` truncates: allowed, and nothing. All else about these files is not for programs to change. */
static int proc_setattr(struct vnode *v __unused, const struct attr *a)
{
	return a->valid & ~(ATTR_SIZE | ATTR_FORCE) ? -EPERM : 0;
}

/* ---- links ---- */

static int proc_follow(struct vnode *v, struct name **out)
{
	const struct cred *cred = &thread_current()->proc->cred;
	uint32_t uid = 0, gid;

	if (!pid_owner(pid_of(v), &uid, &gid))
		return -ESRCH;
	if (cred->euid != 0 && cred->euid != uid)
		return -EACCES;
	if (kind_of(v) == FD_LINK)
		return follow_fd(pid_of(v), fd_of(v), out);
	return node_of(v)->follow(pid_of(v), out);
}

static ssize_t proc_readlink(struct vnode *v, char *buf, size_t n)
{
	struct page *p = page_alloc_kernel();
	struct name *name;
	ssize_t r = -ENOMEM;

	if (!p)
		return r;
	r = proc_follow(v, &name);
	if (!r) {
		r = name_show(name, page_data(p), PAGE_SIZE);
		name_unref(name);
	}
	if (r > 0) {
		r = MIN((size_t)r, n);
		memcpy(buf, page_data(p), r);
	}
	page_free(p);
	return r;
}

static ssize_t self_readlink(struct vnode *v __unused, char *buf, size_t n)
{
	struct proc *p = thread_current()->proc;
	char text[16];
	size_t len = ksnprintf(text, sizeof(text), "%d", p ? p->pid : 0);

	memcpy(buf, text, MIN(len, n));
	return MIN(len, n);
}

/* ---- directories ---- */

/* A decimal number without leading zeros, -1 for anything else. */
static int64_t number_of(const char *name, size_t len)
{
	int64_t n = 0;

	if (!len || len > 9 || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		n = n * 10 + (name[i] - '0');
	}
	return n;
}

static int load(struct vnode *v, void *arg);

static int get_vnode(struct vnode *dir, uint64_t ino, struct vnode **out)
{
	return vnode_get(dir->mount, ino, load, NULL, out);
}

static int proc_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	unsigned kind = kind_of(dir);
	pid_t pid = pid_of(dir);
	int64_t n = number_of(name, len);
	uint32_t id;

	if (pid && !pid_owner(pid, &id, &id))
		return -ENOENT;
	if (kind == FD)
		return n >= 0 && n < 1 << 20 && next_fd(pid, n) == n ?
			       get_vnode(dir, ino_of(FD_LINK, pid, n), out) :
			       -ENOENT;
	if (kind == ROOT && n > 0)
		return pid_owner(n, &id, &id) ? get_vnode(dir, ino_of(PID, n, 0), out) : -ENOENT;
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		if (nodes[i].name && nodes[i].parent == kind && strlen(nodes[i].name) == len &&
		    memcmp(nodes[i].name, name, len) == 0)
			return get_vnode(dir, ino_of(i, pid, 0), out);
	return -ENOENT;
}

/*
 * Offsets: 0, 1 "." and ".."; then the static entries by kind; from NUMBERED on the processes or descriptors.
 */
#define STATIC	 2
#define NUMBERED 0x1000

static int list_numbers(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg)
{
	bool fds = kind_of(dir) == FD;
	unsigned at = offset > NUMBERED ? offset - NUMBERED : 0;
	char name[16];

	for (;; at++) {
		int n = fds ? next_fd(pid_of(dir), at) : next_pid((pid_t)at - 1);

		if (fds ? n < 0 : n <= 0)
			return 0;
		at = n;
		if (fn(arg, name, ksnprintf(name, sizeof(name), "%d", n),
		       fds ? ino_of(FD_LINK, pid_of(dir), n) : ino_of(PID, n, 0),
		       fds ? S_IFLNK >> 12 : S_IFDIR >> 12, NUMBERED + (uint64_t)n + 1))
			return 0;
	}
}

static uint64_t parent_ino(struct vnode *dir)
{
	unsigned kind = kind_of(dir);

	if (kind == PID || kind == ROOT || nodes[kind].parent == ROOT)
		return ino_of(ROOT, 0, 0);
	return ino_of(nodes[kind].parent, pid_of(dir), 0);
}

static int proc_readdir(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg)
{
	unsigned kind = kind_of(dir);

	if (offset == 0 && fn(arg, ".", 1, dir->ino, S_IFDIR >> 12, 1))
		return 0;
	if (offset <= 1 && fn(arg, "..", 2, parent_ino(dir), S_IFDIR >> 12, STATIC))
		return 0;
	for (unsigned i = offset > STATIC ? offset - STATIC : 0; i < ARRAY_SIZE(nodes); i++)
		if (nodes[i].name && nodes[i].parent == kind &&
		    fn(arg, nodes[i].name, strlen(nodes[i].name), ino_of(i, pid_of(dir), 0),
		       nodes[i].mode >> 12, STATIC + i + 1))
			return 0;
	return kind == ROOT || kind == FD ? list_numbers(dir, offset, fn, arg) : 0;
}

/* ---- vnodes ---- */

/*
 * Descriptors come and go: their names are looked up each time. A process's are good as long as there is a
 * process of that number; the name cache's lock is held, so the table of processes can only be tried.
 */
static bool proc_valid(struct vnode *v)
{
	bool there;

	if (kind_of(v) == FD_LINK)
		return false;
	if (!pid_of(v))
		return true;
	if (!spin_trylock(&proc_lock))
		return false;
	there = proc_find(pid_of(v)) != NULL;
	spin_unlock(&proc_lock);
	return there;
}

static const struct vnode_ops dir_ops = {
	.lookup = proc_lookup,
	.readdir = proc_readdir,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.valid = proc_valid,
};
static const struct vnode_ops file_ops = {
	.read = proc_read,
	.write = proc_write,
	.release = text_release,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.valid = proc_valid,
};
static const struct vnode_ops link_ops = {
	.readlink = proc_readlink,
	.follow = proc_follow,
	.getattr = proc_getattr,
	.setattr = proc_setattr,
	.valid = proc_valid,
};
static const struct vnode_ops self_ops = { .readlink = self_readlink,
					   .getattr = proc_getattr,
					   .setattr = proc_setattr };

static int load(struct vnode *v, void *arg __unused)
{
	uint32_t mode = node_of(v)->mode;

	v->mode = mode;
	v->nlink = S_ISDIR(mode) ? 2 : 1;
	if (pid_of(v))
		pid_owner(pid_of(v), &v->uid, &v->gid);
	vnode_time_now(&v->mtime);
	v->atime = v->ctime = v->mtime;
	if (kind_of(v) == SELF)
		v->ops = &self_ops;
	else
		v->ops = S_ISDIR(mode) ? &dir_ops : S_ISLNK(mode) ? &link_ops : &file_ops;
	return 0;
}

static int proc_mount(struct mount *m, const char *options __unused)
{
	_Static_assert(ARRAY_SIZE(nodes) < 256, "kinds have eight bits");

	m->no_negative = true;
	loadavg_start();
	return vnode_get(m, ino_of(ROOT, 0, 0), load, NULL, &m->root);
}

static int proc_unmount(struct mount *m __unused)
{
	return 0;
}

static int proc_statfs(struct mount *m __unused, struct fs_stats *st)
{
	*st = (struct fs_stats){ .type = PROC_MAGIC, .bsize = PAGE_SIZE, .namelen = 255 };
	return 0;
}

struct fs_type procfs_type = {
	.name = "proc", .noexec = true, .mount = proc_mount, .unmount = proc_unmount, .statfs = proc_statfs
};
