/* SPDX-License-Identifier: ISC */
/*
 * /dev ("devtmpfs"): a tmpfs tree that is born with the devices the machine has. So links, directories and
 * nodes can be made in it as in any other. A serial port's entry is there while its port is.
 *
 * Also the character devices themselves, by Linux's numbers, for nodes on any file system.
 */
#include "arch/user.h"
#include "dev/block.h"
#include "dev/dev.h"
#include "fs/chardev.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "fs/tmpfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/frames/kmem.h"

#define PORT_MAJOR 253 /* Linux gives virtio-ports a dynamic one */
#define NPORTS	   8

/* ---- a page to pass bytes through ---- */

static char *bounce_get(void)
{
	struct page *p = page_alloc_kernel();

	while (!p && page_wait_memory() == 0)
		p = page_alloc_kernel();
	return p ? page_data(p) : NULL;
}

static void bounce_put(char *b)
{
	page_free(pfn_page(virt_to_phys(b) >> PAGE_SHIFT));
}

/* Devices whose bytes are gone once they are read: the program's memory is brought in before. */
static int prepare_out(struct uio *u, size_t n)
{
	return u->user ? user_fault_in(u->addr, n, true) : 0;
}

ssize_t read_stream(struct file *f, struct uio *u, stream_read read)
{
	size_t n = MIN(u->left, PAGE_SIZE);
	char *buf;
	ssize_t r;

	if (!n)
		return 0;
	r = prepare_out(u, n);
	if (r)
		return r;
	buf = bounce_get();
	if (!buf)
		return -ENOMEM;
	r = read(f, buf, n, f->flags & O_NONBLOCK);
	if (r > 0 && uio_out(u, buf, r))
		r = -EFAULT;
	bounce_put(buf);
	return r;
}

ssize_t write_stream(struct file *f, struct uio *u, stream_write write)
{
	char *buf = u->left ? bounce_get() : NULL;
	ssize_t total = 0, r = 0;

	if (!buf)
		return u->left ? -ENOMEM : 0;
	while (u->left) {
		size_t before = u->left, n = MIN(u->left, PAGE_SIZE);
		int e = uio_in(u, buf, n);

		n = before - u->left;
		r = n ? write(f, buf, n, f->flags & O_NONBLOCK) : e;
		if (r > 0)
			total += r;
		if (r < (ssize_t)n || e) {
			if (r >= 0 && e)
				r = e;
			break;
		}
	}
	bounce_put(buf);
	return total ? total : r;
}

/* ---- memory devices ---- */

static ssize_t null_read(struct file *f __unused, struct uio *u __unused, uint64_t *offset __unused)
{
	return 0;
}

static ssize_t null_write(struct file *f __unused, struct uio *u, uint64_t *offset __unused)
{
	size_t n = u->left;

	u->left = 0;
	return n;
}

static ssize_t zero_read(struct file *f __unused, struct uio *u, uint64_t *offset __unused)
{
	size_t total = u->left;

	while (u->left && !thread_killed()) {
		size_t n = MIN(u->left, 16 * PAGE_SIZE), missed = 0;

		if (u->user)
			missed = user_zero(u->addr, n);
		else
			memset((void *)u->addr, 0, n);
		u->addr += n - missed;
		u->left -= n - missed;
		if (missed)
			break;
	}
	return total > u->left ? (ssize_t)(total - u->left) : total ? -EFAULT : 0;
}

static ssize_t full_write(struct file *f __unused, struct uio *u, uint64_t *offset __unused)
{
	return u->left ? -ENOSPC : 0;
}

/* No object: anonymous memory. */
static int zero_mmap(struct file *f __unused, struct object **o)
{
	*o = NULL;
	return 0;
}

static unsigned always_ready(struct file *f __unused, struct waitq **wait)
{
	*wait = NULL;
	return POLLIN | POLLOUT;
}

static const struct vnode_ops null_ops = { .read = null_read, .write = null_write, .poll = always_ready };
static const struct vnode_ops zero_ops = {
	.read = zero_read, .write = null_write, .poll = always_ready, .mmap = zero_mmap
};
static const struct vnode_ops full_ops = { .read = zero_read, .write = full_write, .poll = always_ready };

/* ---- random, urandom: the generator never blocks ---- */

static ssize_t random_read(struct file *f __unused, struct uio *u, uint64_t *offset __unused)
{
	size_t total = u->left;
	char buf[256];

	while (u->left && !thread_killed()) {
		size_t n = MIN(u->left, sizeof(buf));

		random_bytes(buf, n);
		if (uio_out(u, buf, n))
			break;
	}
	memset(buf, 0, sizeof(buf));
	__asm__ volatile("" : : "r"(buf) : "memory"); /* keeps the memset */
	return total > u->left ? (ssize_t)(total - u->left) : total ? -EFAULT : 0;
}

static ssize_t random_write(struct file *f __unused, struct uio *u, uint64_t *offset __unused)
{
	size_t total = u->left;
	char buf[256];

	while (u->left && !thread_killed()) {
		size_t before = u->left;
		int e = uio_in(u, buf, MIN(u->left, sizeof(buf)));

		for (size_t at = 0; at < before - u->left; at += 8) /* too short to count as a seed */
			random_add(buf + at, MIN(8ul, before - u->left - at));
		if (e)
			break;
	}
	return total > u->left ? (ssize_t)(total - u->left) : total ? -EFAULT : 0;
}

static const struct vnode_ops random_ops = { .read = random_read,
					     .write = random_write,
					     .poll = always_ready };

/* ---- kmsg: what is written becomes a kernel message; dmesg reads by syslog(2) ---- */

static ssize_t kmsg_write(struct file *f __unused, struct uio *u, uint64_t *offset __unused)
{
	size_t n = u->left, len = MIN(n, 1000ul);
	char buf[1001], *text = buf;

	if (uio_in(u, buf, len))
		return -EFAULT;
	u->left = 0; /* a longer record is cut */
	while (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	if (*text == '<' && strchr(text, '>')) /* a priority */
		text = strchr(text, '>') + 1;
	kprintf("%s\n", text);
	return n;
}

static const struct vnode_ops kmsg_ops = { .write = kmsg_write };

/* ---- serial ports ---- */

static int port_open(struct vnode *v, struct file *f __unused)
{
	return port_exists(MINOR(v->rdev)) ? 0 : -ENXIO;
}

static ssize_t read_port(struct file *f, char *buf, size_t n, bool nonblock)
{
	return port_read(MINOR(f->vnode->rdev), buf, n, nonblock);
}

static ssize_t write_port(struct file *f, const char *buf, size_t n, bool nonblock)
{
	return port_write(MINOR(f->vnode->rdev), buf, n, nonblock);
}

static ssize_t port_dev_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return read_stream(f, u, read_port);
}

static ssize_t port_dev_write(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return write_stream(f, u, write_port);
}

static unsigned port_dev_poll(struct file *f, struct waitq **wait)
{
	unsigned n = MINOR(f->vnode->rdev);

	*wait = port_waitq(n);
	return port_poll(n);
}

static const struct vnode_ops port_ops = {
	.open = port_open, .read = port_dev_read, .write = port_dev_write, .poll = port_dev_poll
};

/* ---- by number ---- */

static const struct chardev {
	uint64_t rdev;
	const char *name;
	uint32_t mode;
	const struct vnode_ops *ops;
} chardevs[] = {
	{ DEV(1, 3), "null", 0666, &null_ops },	     { DEV(1, 5), "zero", 0666, &zero_ops },
	{ DEV(1, 7), "full", 0666, &full_ops },	     { DEV(1, 8), "random", 0666, &random_ops },
	{ DEV(1, 9), "urandom", 0666, &random_ops }, { DEV(1, 11), "kmsg", 0644, &kmsg_ops },
	{ DEV(5, 0), "tty", 0666, &ctty_ops },	     { DEV(5, 1), "console", 0600, &tty_ops },
	{ DEV(4, 64), "ttyS0", 0660, &tty_ops },     { DEV(5, 2), "ptmx", 0666, &ptmx_ops },
};

const struct vnode_ops *chardev_ops(uint64_t rdev)
{
	for (unsigned i = 0; i < ARRAY_SIZE(chardevs); i++)
		if (chardevs[i].rdev == rdev)
			return chardevs[i].ops;
	return MAJOR(rdev) == PORT_MAJOR && MINOR(rdev) < NPORTS ? &port_ops : NULL;
}

int device_vnode(uint32_t mode, uint64_t rdev, struct vnode **out)
{
	const struct vnode_ops *ops = S_ISCHR(mode) ? chardev_ops(rdev) : NULL;
	struct vnode *v;
	int r = 0;

	if (S_ISCHR(mode) && !ops)
		return -ENXIO;
	v = vnode_create_anonymous(ops, mode, NULL);
	if (!v)
		return -ENOMEM;
	v->rdev = rdev;
	if (S_ISBLK(mode))
		r = blockdev_attach(v);
	if (r)
		vnode_unref(v);
	else
		*out = v;
	return r;
}

/* ---- the tree ---- */

static bool add(struct mount *m, const char *name, uint32_t mode, uint64_t rdev, const char *target)
{
	return tmpfs_add(tmpfs_root(m), name, mode, rdev, target) != NULL;
}

static bool add_ports(struct mount *m)
{
	for (unsigned n = 1; n < NPORTS; n++) {
		struct tnode *t;
		char name[16];

		ksnprintf(name, sizeof(name), "vport0p%u", n);
		t = tmpfs_add(tmpfs_root(m), name, S_IFCHR | 0600, DEV(PORT_MAJOR, n), NULL);
		if (!t)
			return false;
		tmpfs_set_exists(t, port_exists, n);
	}
	return true;
}

static bool add_all(struct mount *m)
{
	bool ok = true;

	for (unsigned i = 0; i < ARRAY_SIZE(chardevs); i++)
		ok &= add(m, chardevs[i].name, S_IFCHR | chardevs[i].mode, chardevs[i].rdev, NULL);
	for (struct block_device *d = block_next(NULL); d; d = block_next(d))
		ok &= add(m, d->name, S_IFBLK | 0660, d->devno, NULL);
	ok &= add_ports(m);
	ok &= add(m, "fd", S_IFLNK | 0777, 0, "/proc/self/fd");
	ok &= add(m, "stdin", S_IFLNK | 0777, 0, "/proc/self/fd/0");
	ok &= add(m, "stdout", S_IFLNK | 0777, 0, "/proc/self/fd/1");
	ok &= add(m, "stderr", S_IFLNK | 0777, 0, "/proc/self/fd/2");
	ok &= add(m, "shm", S_IFDIR | 01777, 0, NULL);
	ok &= add(m, "pts", S_IFDIR | 0755, 0, NULL);
	m->root->nlink += 2;
	return ok;
}

static int devfs_mount(struct mount *m, const char *options)
{
	int r = tmpfs_mount_tree(m, options, 0755);

	if (r)
		return r;
	m->no_negative = true; /* ports come by themselves */
	if (add_all(m))
		return 0;
	vnode_unref(m->root);
	tmpfs_unmount_tree(m);
	return -ENOMEM;
}

struct fs_type devfs_type = {
	.name = "devtmpfs",
	.mount = devfs_mount,
	.unmount = tmpfs_unmount_tree,
	.statfs = tmpfs_statfs,
};
