/* SPDX-License-Identifier: ISC */
/*
 * System calls that ask for and change what is known of files: stat, access, modes, owners, times, file
 * systems.
 */
#include "arch/cpu.h"
#include "lib/string.h"
#include "sys/files.h"

/* ---- stat ---- */

struct ustat { /* struct stat, asm-generic */
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev, pad1;
	int64_t size;
	int32_t blksize, pad2;
	int64_t blocks;
	struct timespec atime, mtime, ctime;
	uint32_t unused[2];
};

static int put_stat(uint64_t ustat, struct vnode *v)
{
	struct attr a;
	struct ustat st;
	int r = vnode_getattr(v, &a);

	if (r)
		return r;
	st = (struct ustat){ .dev = a.dev,
			     .ino = a.ino,
			     .mode = a.mode,
			     .nlink = a.nlink,
			     .uid = a.uid,
			     .gid = a.gid,
			     .rdev = a.rdev,
			     .size = a.size,
			     .blksize = a.blksize,
			     .blocks = a.blocks,
			     .atime = a.atime,
			     .mtime = a.mtime,
			     .ctime = a.ctime };
	return put_user(ustat, &st, sizeof(st));
}

int64_t sys_newfstatat(const uint64_t *a)
{
	struct vnode *v;
	int r;

	if (a[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	r = at_vnode(a[0], a[1], a[3], &v);
	if (r)
		return r;
	r = put_stat(a[2], v);
	vnode_unref(v);
	return r;
}

int64_t sys_fstat(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = put_stat(a[1], f->vnode);
	file_done(f, counted);
	return r;
}

struct statx_time {
	int64_t sec;
	uint32_t nsec;
	int32_t pad;
};

struct statx { /* statx(2) */
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad0;
	uint64_t ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t spare[14];
};

static uint32_t dev_major(uint64_t dev)
{
	return dev >> 8 & 0xfff;
}

static uint32_t dev_minor(uint64_t dev)
{
	return (dev & 0xff) | (dev >> 12 & 0xfff00);
}

static struct statx_time statx_time(struct timespec t)
{
	return (struct statx_time){ .sec = t.tv_sec, .nsec = t.tv_nsec };
}

static int put_statx(uint64_t ustatx, struct vnode *v)
{
	enum { BASIC = 0x7ff };
	struct statx sx;
	struct attr a;
	int r = vnode_getattr(v, &a);

	if (r)
		return r;
	sx = (struct statx){ .mask = BASIC,
			     .blksize = a.blksize,
			     .nlink = a.nlink,
			     .uid = a.uid,
			     .gid = a.gid,
			     .mode = a.mode,
			     .ino = a.ino,
			     .size = a.size,
			     .blocks = a.blocks,
			     .atime = statx_time(a.atime),
			     .ctime = statx_time(a.ctime),
			     .mtime = statx_time(a.mtime),
			     .rdev_major = dev_major(a.rdev),
			     .rdev_minor = dev_minor(a.rdev),
			     .dev_major = dev_major(a.dev),
			     .dev_minor = dev_minor(a.dev) };
	return put_user(ustatx, &sx, sizeof(sx));
}

int64_t sys_statx(const uint64_t *a)
{
	enum { SYNC_TYPE = 0x6000, RESERVED_MASK = (int)0x80000000 };
	struct vnode *v;
	int r;

	if (a[2] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | SYNC_TYPE) ||
	    (a[2] & SYNC_TYPE) == SYNC_TYPE || (a[3] & (uint32_t)RESERVED_MASK))
		return -EINVAL;
	r = at_vnode(a[0], a[1], a[2], &v);
	if (r)
		return r;
	r = put_statx(a[4], v);
	vnode_unref(v);
	return r;
}

/* ---- statfs ---- */

struct ustatfs {
	int64_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree;
	int32_t fsid[2];
	int64_t namelen, frsize, flags, spare[4];
};

static int put_statfs(uint64_t ustatfs, struct vnode *v)
{
	enum { ST_RDONLY = 1, ST_VALID = 0x20, PIPEFS_MAGIC = 0x50495045 };
	const uint32_t ST_SAME = MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC | MOUNT_SYNCHRONOUS |
				 MOUNT_NOATIME | MOUNT_NODIRATIME;
	struct fs_stats s = { .type = PIPEFS_MAGIC, .bsize = PAGE_SIZE, .namelen = 255 };
	struct mount *m = v->mount;
	struct ustatfs st;
	int r = m && m->type->statfs ? m->type->statfs(m, &s) : 0;

	if (r)
		return r;
	st = (struct ustatfs){ .type = s.type,
			       .bsize = s.bsize,
			       .blocks = s.blocks,
			       .bfree = s.bfree,
			       .bavail = s.bavail,
			       .files = s.files,
			       .ffree = s.ffree,
			       .fsid = { m ? m->devno : 0, 0 },
			       .namelen = s.namelen,
			       .frsize = s.bsize,
			       .flags = s.flags | ST_VALID | (m && m->read_only ? ST_RDONLY : 0) |
					(m ? m->flags & ST_SAME : 0) };
	return put_user(ustatfs, &st, sizeof(st));
}

int64_t sys_statfs(const uint64_t *a)
{
	struct vnode *v;
	int r = at_vnode(AT_FDCWD, a[0], 0, &v);

	if (r)
		return r;
	r = put_statfs(a[1], v);
	vnode_unref(v);
	return r;
}

int64_t sys_fstatfs(const uint64_t *a)
{
	bool counted;
	struct file *f = file_of(a[0], &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = put_statfs(a[1], f->vnode);
	file_done(f, counted);
	return r;
}

/* ---- access ---- */

static int64_t check_access(const uint64_t *a, int flags)
{
	struct cred real = *caller_cred();
	struct vnode *v;
	int r;

	if (a[2] & ~7ul || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	r = at_vnode(a[0], a[1], flags & ~AT_EACCESS, &v);
	if (r)
		return r;
	if (!(flags & AT_EACCESS)) {
		real.euid = real.uid;
		real.egid = real.gid;
	}
	r = a[2] ? vnode_permission(v, &real, a[2]) : 0;
	vnode_unref(v);
	return r;
}

int64_t sys_faccessat(const uint64_t *a)
{
	return check_access(a, 0);
}

int64_t sys_faccessat2(const uint64_t *a)
{
	return check_access(a, a[3]);
}

/* ---- modes and owners ---- */

static int64_t set_by_path(int dirfd, uint64_t upath, int flags, const struct attr *attr)
{
	struct vnode *v;
	int r = at_vnode(dirfd, upath, flags, &v);

	if (r)
		return r;
	r = S_ISLNK(v->mode) && (attr->valid & ATTR_MODE) ? -EOPNOTSUPP :
							    vnode_setattr(v, caller_cred(), attr);
	vnode_unref(v);
	return r;
}

static int64_t set_by_fd(int fd, const struct attr *attr)
{
	bool counted;
	struct file *f = file_of(fd, &counted);
	int64_t r;

	if (!f)
		return -EBADF;
	r = f->flags & O_PATH ? -EBADF : vnode_setattr(f->vnode, caller_cred(), attr);
	file_done(f, counted);
	return r;
}

int64_t sys_fchmod(const uint64_t *a)
{
	struct attr attr = { .valid = ATTR_MODE, .mode = a[1] & 07777 };

	return set_by_fd(a[0], &attr);
}

int64_t sys_fchmodat(const uint64_t *a)
{
	struct attr attr = { .valid = ATTR_MODE, .mode = a[2] & 07777 };

	return set_by_path(a[0], a[1], 0, &attr);
}

int64_t sys_fchmodat2(const uint64_t *a)
{
	struct attr attr = { .valid = ATTR_MODE, .mode = a[2] & 07777 };

	if (a[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return set_by_path(a[0], a[1], a[3], &attr);
}

static struct attr owner_attr(uint32_t uid, uint32_t gid)
{
	return (struct attr){ .valid = ATTR_CHOWN | (uid != UINT32_MAX ? ATTR_UID : 0) |
				       (gid != UINT32_MAX ? ATTR_GID : 0),
			      .uid = uid,
			      .gid = gid };
}

int64_t sys_fchown(const uint64_t *a)
{
	struct attr attr = owner_attr(a[1], a[2]);

	return set_by_fd(a[0], &attr);
}

int64_t sys_fchownat(const uint64_t *a)
{
	struct attr attr = owner_attr(a[2], a[3]);

	if (a[4] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return set_by_path(a[0], a[1], a[4], &attr);
}

/* ---- times ---- */

#define UTIME_NOW  ((1l << 30) - 1)
#define UTIME_OMIT ((1l << 30) - 2)

static bool time_valid(const struct timespec *t)
{
	return t->tv_nsec == UTIME_NOW || t->tv_nsec == UTIME_OMIT ||
	       (t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

static unsigned fill_time(struct timespec *to, const struct timespec *from, unsigned bit)
{
	uint64_t now = time_realtime_ns();

	if (from->tv_nsec == UTIME_OMIT)
		return 0;
	*to = from->tv_nsec == UTIME_NOW ? (struct timespec){ now / 1000000000, now % 1000000000 } : *from;
	return bit;
}

int64_t sys_utimensat(const uint64_t *a)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct attr attr = { 0 };

	if (a[2] && get_user(t, a[2], sizeof(t)))
		return -EFAULT;
	if (a[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) || !time_valid(&t[0]) ||
	    !time_valid(&t[1]))
		return -EINVAL;
	attr.valid = fill_time(&attr.atime, &t[0], ATTR_ATIME) | fill_time(&attr.mtime, &t[1], ATTR_MTIME);
	if (!attr.valid)
		return 0; /* not even the path is looked at (POSIX allows; Linux does so) */
	if (t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW)
		attr.valid |= ATTR_NOW;
	if (!a[1])
		return (int)a[0] == AT_FDCWD ? -EFAULT : set_by_fd(a[0], &attr);
	return set_by_path(a[0], a[1], a[3], &attr);
}
