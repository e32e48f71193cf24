/* SPDX-License-Identifier: ISC */
/*
 * /dev/pts ("devpts") and /dev/ptmx: opening ptmx makes a pseudo-terminal, whose file is its master's end; while
 * that is open, /dev/pts has an entry for the terminal, by its index. Owner and mode of an entry are kept with the
 * pseudo-terminal; a vnode's inode number is the serial number of what it stands for.
 */
#include "dev/pty.h"
#include "dev/tty.h"
#include "fs/chardev.h"
#include "fs/internal.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"

#define ROOT_INO     1
#define FIRST_COOKIE 2
#define DEVPTS_MAGIC 0x1cd1

static uint32_t entry_mode = 0600, entry_gid = ~0u; /* of the last mount: ~0 is the opener's group */

static struct pty_entry entry_of(const struct vnode *v)
{
	return (struct pty_entry){ .index = MINOR(v->rdev),
				   .serial = v->ino - ROOT_INO,
				   .mode = v->mode & 07777,
				   .uid = v->uid,
				   .gid = v->gid };
}

/* ---- the terminal's end ---- */

static int pts_open(struct vnode *v, struct file *f)
{
	struct pty_entry e = entry_of(v);
	struct tty *t;
	int r = pty_open_terminal(&e, &t);

	if (r)
		return r;
	f->data = t;
	if (!(f->flags & O_NOCTTY))
		tty_acquire_at_open(t);
	return 0;
}

static bool pts_valid(struct vnode *v)
{
	struct pty_entry e, mine = entry_of(v);

	return pty_next(mine.index, &e) && e.serial == mine.serial;
}

static int pts_setattr(struct vnode *v, const struct attr *a)
{
	struct pty_entry e;

	vnode_apply_attr(v, a);
	e = entry_of(v);
	pty_set_entry(&e);
	return 0;
}

static const struct vnode_ops pts_ops = { .open = pts_open,
					  .release = ttydev_release,
					  .read = ttydev_read,
					  .write = ttydev_write,
					  .ioctl = ttydev_ioctl,
					  .poll = ttydev_poll,
					  .setattr = pts_setattr,
					  .valid = pts_valid };

/* ---- the master's end ---- */

static int ptmx_open(struct vnode *v __unused, struct file *f)
{
	const struct cred *c = &proc_current()->cred;
	struct pty *p;
	int r = pty_create(entry_mode, c->euid, entry_gid == ~0u ? c->egid : entry_gid, &p);

	if (!r)
		f->data = p;
	return r;
}

static void ptmx_release(struct file *f)
{
	pty_close_master(f->data);
}

static ssize_t master_read(struct file *f, char *buf, size_t n, bool nonblock)
{
	return pty_read(f->data, buf, n, nonblock);
}

static ssize_t master_write(struct file *f, const char *buf, size_t n, bool nonblock)
{
	return pty_write(f->data, buf, n, nonblock);
}

static ssize_t ptmx_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return read_stream(f, u, master_read);
}

static ssize_t ptmx_write(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return write_stream(f, u, master_write);
}

static int ptmx_ioctl(struct file *f, unsigned cmd, uint64_t uarg)
{
	return pty_ioctl(f->data, cmd, uarg);
}

static unsigned ptmx_poll(struct file *f, struct waitq **wait)
{
	return pty_poll(f->data, wait);
}

const struct vnode_ops ptmx_ops = { .open = ptmx_open,
				    .release = ptmx_release,
				    .read = ptmx_read,
				    .write = ptmx_write,
				    .ioctl = ptmx_ioctl,
				    .poll = ptmx_poll };

/* ---- the directory ---- */

static int load_entry(struct vnode *v, void *arg)
{
	const struct pty_entry *e = arg;

	v->ops = &pts_ops;
	v->mode = S_IFCHR | e->mode;
	v->uid = e->uid;
	v->gid = e->gid;
	v->nlink = 1;
	v->rdev = DEV(PTY_MAJOR, e->index);
	vnode_time_now(&v->mtime);
	v->atime = v->ctime = v->mtime;
	return 0;
}

static int devpts_lookup(struct vnode *dir, const char *name, size_t len, struct vnode **out)
{
	struct pty_entry e;
	unsigned index = 0;

	if (!len || len > 3 || (len > 1 && *name == '0'))
		return -ENOENT;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -ENOENT;
		index = index * 10 + (name[i] - '0');
	}
	if (!pty_next(index, &e) || e.index != index)
		return -ENOENT;
	return vnode_get(dir->mount, ROOT_INO + e.serial, load_entry, &e, out);
}

static int devpts_readdir(struct vnode *dir __unused, uint64_t offset, dirent_fn fn, void *arg)
{
	struct pty_entry e;
	char name[8];

	if (offset == 0 && fn(arg, ".", 1, ROOT_INO, S_IFDIR >> 12, 1))
		return 0;
	if (offset <= 1 && fn(arg, "..", 2, ROOT_INO, S_IFDIR >> 12, FIRST_COOKIE))
		return 0;
	for (uint64_t i = offset > FIRST_COOKIE ? offset - FIRST_COOKIE : 0; pty_next(i, &e);
	     i = e.index + 1) {
		size_t len = ksnprintf(name, sizeof(name), "%u", e.index);

		if (fn(arg, name, len, ROOT_INO + e.serial, S_IFCHR >> 12, FIRST_COOKIE + e.index + 1))
			break;
	}
	return 0;
}

static const struct vnode_ops dir_ops = { .lookup = devpts_lookup, .readdir = devpts_readdir };

static int load_root(struct vnode *v, void *arg __unused)
{
	v->ops = &dir_ops;
	v->mode = S_IFDIR | 0755;
	v->nlink = 2;
	vnode_time_now(&v->mtime);
	v->atime = v->ctime = v->mtime;
	return 0;
}

/* gid=N, mode=OCTAL; others are refused, but for what only says what is so anyway. */
static int parse_options(const char *s)
{
	uint32_t mode = 0600, gid = ~0u;

	while (*s) {
		const char *end = s;

		if (strncmp(s, "gid=", 4) == 0)
			gid = strtou64(s + 4, &end, 10);
		else if (strncmp(s, "mode=", 5) == 0)
			mode = strtou64(s + 5, &end, 8) & 0777;
		else if (strncmp(s, "newinstance", 11) != 0 && strncmp(s, "ptmxmode=", 9) != 0)
			return -EINVAL;
		if (end == s)
			while (*end && *end != ',')
				end++;
		if (*end && *end != ',')
			return -EINVAL;
		s = end + (*end == ',');
	}
	entry_mode = mode;
	entry_gid = gid;
	return 0;
}

static int devpts_mount(struct mount *m, const char *options)
{
	int r = parse_options(options);

	if (r)
		return r;
	m->no_negative = true;
	return vnode_get(m, ROOT_INO, load_root, NULL, &m->root);
}

static int devpts_statfs(struct mount *m __unused, struct fs_stats *st)
{
	*st = (struct fs_stats){ .type = DEVPTS_MAGIC, .bsize = PAGE_SIZE, .namelen = 255 };
	return 0;
}

struct fs_type devpts_type = { .name = "devpts", .mount = devpts_mount, .statfs = devpts_statfs };
