/* SPDX-License-Identifier: ISC */
/*
 * The vnode layer: files as the rest of the kernel sees them. A vnode is one file of one mounted file system, found by its
 * inode number in a table and kept while referenced. A name (struct name) is an entry of the name cache: parent, component,
 * vnode; current directories, roots and open files hold one, so that getcwd and /proc/PID/maps know paths.
 *
 * Lock keys: [v] the vnode's contents lock; [c] constant; [a] atomic; [n] the name cache's lock.
 */
#ifndef FS_VNODE_H
#define FS_VNODE_H

#include "lib/base.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "vm/vm.h"

struct vnode;
struct mount;
struct name;
struct file;
struct cred;

/* st_mode's file types and bits (POSIX sys/stat.h) */
#define S_IFMT	    0170000
#define S_IFSOCK    0140000
#define S_IFLNK	    0120000
#define S_IFREG	    0100000
#define S_IFBLK	    0060000
#define S_IFDIR	    0040000
#define S_IFCHR	    0020000
#define S_IFIFO	    0010000
#define S_ISUID	    04000
#define S_ISGID	    02000
#define S_ISVTX	    01000
#define S_ISREG(m)  (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)  (((m)&S_IFMT) == S_IFDIR)
#define S_ISLNK(m)  (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)  (((m)&S_IFMT) == S_IFCHR)
#define S_ISBLK(m)  (((m)&S_IFMT) == S_IFBLK)
#define S_ISFIFO(m) (((m)&S_IFMT) == S_IFIFO)

struct timespec {
	int64_t tv_sec, tv_nsec;
};

/* What stat shows. Also the argument of setattr, where `valid` says which fields are to change. */
struct attr {
	unsigned valid;
#define ATTR_MODE  1
#define ATTR_UID   2
#define ATTR_GID   4
#define ATTR_SIZE  8
#define ATTR_ATIME 16
#define ATTR_MTIME 32
	uint64_t dev, ino, rdev, size, blocks /* of 512 bytes */;
	uint32_t mode, nlink, uid, gid, blksize;
	struct timespec atime, mtime, ctime;
};

struct fs_stats { /* statfs */
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, flags;
};

/* A place to copy to or from: user memory (faulting copies) or the kernel's. Both calls move `addr`, lower `left`, and return 0 or
 * -EFAULT; what was copied before the fault stays counted. */
struct uio {
	bool user;
	bool limited; /* a write to a regular file ends at byte `limit` (RLIMIT_FSIZE) */
	uint64_t addr;
	size_t left;
	uint64_t limit;
};
int uio_out(struct uio *u, const void *src, size_t n); /* kernel -> u: a read */
int uio_in(struct uio *u, void *dst, size_t n);	       /* u -> kernel: a write */

/* fn returns non-zero to stop. type is DT_* (mode >> 12). `next` is the offset behind this entry. */
typedef int (*dirent_fn)(void *arg, const char *name, size_t len, uint64_t ino, unsigned type, uint64_t next);

/* What a file system (or a device, pipe, proc file) does. All may sleep; NULL where it makes no sense (then the layer gives EINVAL, ENOTDIR,
 * EPERM ... as Linux does). The layer holds the directory's contents lock around lookup/create/... as vnode.c documents. */
struct vnode_ops {
	/* directories; names are not NUL-terminated; results are referenced vnodes */
	int (*lookup)(struct vnode *dir, const char *name, size_t len, struct vnode **out);
	int (*create)(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		      const struct cred *cred,
		      struct vnode **out); /* files, directories, device nodes, FIFOs by mode & S_IFMT */
	int (*symlink)(struct vnode *dir, const char *name, size_t len, const char *target,
		       const struct cred *cred);
	/* a regular file without a name, in dir's file system */
	int (*tmpfile)(struct vnode *dir, uint32_t mode, const struct cred *cred, struct vnode **out);
	int (*link)(struct vnode *dir, const char *name, size_t len, struct vnode *target);
	int (*unlink)(struct vnode *dir, const char *name, size_t len,
		      struct vnode *target); /* not directories */
	int (*rmdir)(struct vnode *dir, const char *name, size_t len, struct vnode *target);
	int (*rename)(struct vnode *odir, const char *oname, size_t olen, struct vnode *ndir,
		      const char *nname, size_t nlen, struct vnode *source,
		      struct vnode *target /* or NULL */, unsigned flags);
	int (*readdir)(struct vnode *dir, uint64_t offset, dirent_fn fn, void *arg);
	/* any */
	ssize_t (*readlink)(struct vnode *v, char *buf, size_t n);
	int (*getattr)(struct vnode *v, struct attr *a); /* NULL: from the vnode's fields */
	int (*setattr)(struct vnode *v,
		       const struct attr *a); /* size: truncate or grow; permissions were checked */
	int (*fsync)(struct vnode *v, bool data_only);
	/* the last reference is gone: write back or, with no links, free the file; then let private data go */
	void (*inactive)(struct vnode *v);
	/* files without pages (devices, pipes, proc); a file of a disk file system leaves them NULL and is read and written through its
	 * object by fs/pageio.c */
	int (*open)(struct vnode *v, struct file *f);
	void (*release)(struct file *f);
	ssize_t (*read)(struct file *f, struct uio *u, uint64_t *offset);
	ssize_t (*write)(struct file *f, struct uio *u, uint64_t *offset);
	int (*ioctl)(struct file *f, unsigned cmd, uint64_t uarg);
	unsigned (*poll)(struct file *f, struct waitq **wait); /* POLL bits ready now, and what to wait on */
	/* fallocate(2): 0, -EOPNOTSUPP (NULL too), -ENOSPC, -EPERM (seals), -EINTR; takes the contents lock */
	int (*fallocate)(struct vnode *v, int mode, uint64_t offset, uint64_t nbytes);
	/* mmap: the object to map; NULL op: the vnode's object, or -ENODEV when it has none */
	int (*mmap)(struct file *f, struct object **o);
	/* a symbolic link that leads to a name rather than to a path (/proc/PID/fd/N, exe, cwd): a referenced name */
	int (*follow)(struct vnode *v, struct name **out);
	/* may this cached name still be used? false: look it up again (proc: the process may be gone). NULL: always. Spins only. */
	bool (*valid)(struct vnode *v);
	/* bytes of the kernel's memory that end with the last such file, beside the descriptors' own; spins only */
	size_t (*weight)(const struct file *f);
};

struct vnode {
	struct list link;	     /* vnode table */
	const struct vnode_ops *ops; /* [c] */
	struct mount *mount;	     /* [c] */
	uint64_t ino;		     /* [c] */
	uint32_t refs;		     /* [a] */
	uint32_t mode;		     /* type [c], bits [v] */
	uint32_t nlink, uid, gid;    /* [v] */
	uint64_t rdev;		     /* [c] */
	uint64_t size;		     /* [v], read without it as one atomic word */
	uint64_t reserve_end;	     /* [v] who is about to raise the size reserves blocks up to here */
	struct timespec atime, mtime, ctime;
	uint8_t seals;	 /* [v] of a memfd: F_SEAL_ bits and F_SEALABLE, else 0 */
	uint32_t dirty;	 /* inode fields newer than the disk's */
	int32_t writers; /* [a] files open for writing; below 0: programs that run it. Never both (ETXTBSY) */
	bool linkable;	 /* [v] made by O_TMPFILE: a link may give it a name, though it has none */
	struct object *object;	/* page cache of a regular file, or NULL */
	struct rwlock contents; /* RANK_INODE; directories: RANK_DIR */
	struct list names;	/* [n] struct name.alias */
	struct name *former;	/* [n] the name that it lost while it was in use, or NULL */
	void *data;		/* the file system's */
	uint8_t state;		/* [t] the vnode table's lock: vnode.c */
	struct list dirty_link; /* [t] in mount->dirty while `dirty` */
};

void vnode_ref(struct vnode *v);
void vnode_unref(struct vnode *v); /* may sleep: inactive */

/* For file systems. The vnode of (mount, ino), referenced: the one in the table, or a new one, for which `load` fills in ops, mode, nlink,
 * ids, rdev, size, times, object and data (0 or -errno, which is returned; no other thread sees the vnode before). May sleep; -ENOMEM. */
int vnode_get(struct mount *m, uint64_t ino, int (*load)(struct vnode *v, void *arg), void *arg,
	      struct vnode **out);
/* The inode's fields changed: puts it on its mount's list of dirty vnodes. Any lock may be held but the table's. */
void vnode_mark_dirty(struct vnode *v);
/* A file is written, or it is a program that runs, never both: each side counts itself in, or fails with -ETXTBSY when the other is there,
 * and out again. A mapping that may write counts as a writer. vnode_begin_run may sleep; a second one by who is counted cannot fail. */
int vnode_begin_write(struct vnode *v) __must_check;
void vnode_end_write(struct vnode *v);
int vnode_begin_run(struct vnode *v) __must_check;
void vnode_end_run(struct vnode *v);
/* The same for a process, with a reference: one more of a program that runs, and its end. */
void vnode_run_ref(struct vnode *v);
void vnode_run_unref(struct vnode *v);
/* For `inactive`: waits for passing references (writeback) to go, then destroys v->object. */
void vnode_drop_object(struct vnode *v);

/* ---- open files: file.c -------------------------------------------------------------------------------------- */

#define O_ACCMODE   3
#define O_RDONLY    0
#define O_WRONLY    1
#define O_RDWR	    2
#define O_CREAT	    0100
#define O_EXCL	    0200
#define O_NOCTTY    0400
#define O_TRUNC	    01000
#define O_APPEND    02000
#define O_NONBLOCK  04000
#define O_DSYNC	    010000
#define O_ASYNC	    020000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW  0400000
#define O_NOATIME   01000000
#define O_CLOEXEC   02000000
#define O_SYNC	    04010000
#define O_PATH	    010000000
#define O_TMPFILE   020200000
#define AT_FDCWD    (-100)

struct file {
	uint32_t refs;	     /* [a] */
	uint32_t flags;	     /* O_ flags, without O_CREAT and such */
	struct vnode *vnode; /* [c] */
	struct name *name;   /* [c] where it was opened, or NULL (pipes) */
	struct mutex lock;   /* the offset */
	uint64_t offset;
	struct readahead ra;
	uint32_t error_seen; /* of vnode->object->error_count */
	void *data;
	struct epoll_item *watchers; /* epoll.c */
	bool writer;		     /* it counts in vnode->writers and vnode->mount->nwriters */
};

struct file *file_ref(struct file *f);
void file_unref(struct file *f); /* the last one releases; may sleep */
/* A new file, one reference; takes over the references to v and n (n may be NULL); does not call ops->open. NULL: no memory. */
struct file *file_create(struct vnode *v, struct name *n, uint32_t flags);
/* A file of v without a name; `shown` is what /proc/PID/fd says. Takes over v's reference, also on failure. NULL: no memory. */
struct file *file_create_unnamed(struct vnode *v, const char *shown, uint32_t flags);
/* The same with a vnode of its own, whose operations are `ops`. 0, -ENOMEM (then data was not taken over). */
int anonymous_file(const struct vnode_ops *ops, void *data, uint32_t flags, const char *shown,
		   struct file **out);
/* The open operation of such files: they are not opened anew by way of /proc/PID/fd. -ENXIO. */
int no_open(struct vnode *v, struct file *f);
/* A file that may write counts as a writer of its vnode and its file system from now on: 0, -EROFS, -ETXTBSY. Once. */
int file_begin_write(struct file *f) __must_check;
/* The file's contents were read (or a directory's entries): its access time, as the mount's flags want it. */
void file_note_read(struct file *f);
/* lseek(2): the new offset; -ESPIPE, -EINVAL, -ENXIO (SEEK_DATA, SEEK_HOLE at or beyond the end). */
int64_t file_seek(struct file *f, int64_t offset, int whence);
/* fsync, fdatasync: data, metadata, device flush; tells a failed writeback once to each file. */
int file_sync(struct file *f, bool data_only);
/* Both work at *offset and move it; partial counts; -ERESTARTSYS when interrupted before the first byte. With offset == &f->offset they
 * take f->lock themselves (not for pipes and devices). -EBADF when not open for it. */
ssize_t file_read(struct file *f, struct uio *u, uint64_t *offset);
ssize_t file_write(struct file *f, struct uio *u, uint64_t *offset);
/* Reads kernel-side (exec). Bytes read or -errno. */
ssize_t vnode_read(struct vnode *v, void *buf, size_t n, uint64_t offset);

struct fdtable { /* shared by the threads of a process */
	struct spinlock lock;
	uint32_t refs, max /* RLIMIT_NOFILE */;
	unsigned size;
	struct file **files;
	uint8_t *cloexec; /* one byte a descriptor */
};
struct fdtable *fdtable_create(void);
struct fdtable *fdtable_clone(struct fdtable *t); /* fork */
void fdtable_ref(struct fdtable *t);
void fdtable_unref(struct fdtable *t);
void fdtable_close_on_exec(struct fdtable *t);
/* About how many bytes the kernel keeps for its files; of a file that others have, too, this one's part. Spins only. */
uint64_t fdtable_weight(struct fdtable *t);
/* The lowest free descriptor >= from; takes over the reference. -EMFILE, -ENOMEM. */
int fd_install(struct fdtable *t, struct file *f, int from, bool cloexec);
struct file *fd_get(struct fdtable *t, int fd); /* referenced, or NULL */
int fd_close(struct fdtable *t, int fd);	/* 0, -EBADF */
/* dup3: puts f (its reference is taken over on success) at fd, closing what was there. fd, -EBADF beyond the limit, -ENOMEM. */
int fd_replace(struct fdtable *t, struct file *f, int fd, bool cloexec);

/* ---- names and paths: namei.c ---------------------------------------------------------------------------------- */

/* Of the thread that runs this; NULL: a kernel thread. Provided by proc. */
const struct cred *cred_current(void);

struct cred {
	uint32_t uid, gid, euid, egid, suid, sgid;
	unsigned ngroups;
	uint32_t groups[32];
	bool no_new_privs; /* prctl(2): set-id programs mean nothing, for good */
};

struct fs_context { /* a process's view: root, current directory, umask */
	struct spinlock lock;
	uint32_t refs;
	struct name *root, *cwd;
	uint32_t umask;
};
struct fs_context *fs_context_clone(struct fs_context *c); /* a copy of its own; NULL: no memory */
void fs_context_ref(struct fs_context *c);		   /* clone(CLONE_FS) */
void fs_context_unref(struct fs_context *c);

struct name *name_ref(struct name *n);
void name_unref(struct name *n);
struct vnode *name_vnode(struct name *n); /* not referenced anew; NULL for a negative entry */
/* The absolute path within root; the length, or -ERANGE, -ENOENT (removed). */
ssize_t name_path(struct name *n, struct name *root, char *buf, size_t size);
/* As /proc shows it: one that was removed with its former path and " (deleted)". The length, or -ERANGE. */
ssize_t name_show(struct name *n, char *buf, size_t size);
/* The same by one of the names that the cache has for the file; "(deleted)" when it has none. */
void name_show_vnode(const struct vnode *v, char *buf, size_t size);

#define LOOK_FOLLOW    1 /* a symbolic link at the end is followed */
#define LOOK_DIRECTORY 2 /* must be a directory */
#define LOOK_EMPTY     4 /* AT_EMPTY_PATH */
/* Resolves a kernel-side path from `at` (NULL: the current directory). A referenced name in *out. */
int path_lookup(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		unsigned flags, struct name **out);
/* open(2) without the descriptor: all O_ flags. */
int path_open(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path, int flags,
	      uint32_t mode, struct file **out);
/* The system calls on names, with all their checks and errno; paths are the kernel's copies. `at` NULL: the current directory. May sleep. */
/* mknod(2) and mkdir(2); the umask is applied here. */
int path_mknod(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
	       uint32_t mode, uint64_t rdev);
int path_mkdir(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
	       uint32_t mode);
int path_unlink(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		bool directory /* rmdir */);
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE	 2 /* source and target, which must be there, change places */
int path_rename(struct fs_context *fs, const struct cred *cred, struct name *oat, const char *opath,
		struct name *nat, const char *npath, unsigned flags);
/* look: LOOK_FOLLOW (AT_SYMLINK_FOLLOW), LOOK_EMPTY, for the old path. */
int path_link(struct fs_context *fs, const struct cred *cred, struct name *oat, const char *opath,
	      unsigned look, struct name *nat, const char *npath);
int path_symlink(struct fs_context *fs, const struct cred *cred, const char *target, struct name *at,
		 const char *path);
ssize_t path_readlink(struct fs_context *fs, const struct cred *cred, struct name *at, const char *path,
		      char *buf, size_t n);
/* chdir, fchdir (n's reference is not taken over); chroot likewise. 0, -ENOTDIR, -EACCES. */
int fs_chdir(struct fs_context *fs, const struct cred *cred, struct name *n);
int fs_chroot(struct fs_context *fs, const struct cred *cred, struct name *n);
/* stat: everything but st_mode's meaning is the file system's. */
int vnode_getattr(struct vnode *v, struct attr *a);
/* chmod, chown, truncate, utimes as a->valid says, with the permission checks of each (owner, root, writable; -EPERM, -EACCES, -EROFS,
 * -EISDIR, -EINVAL, -EFBIG); chown and truncate clear set-id bits. ATTR_NOW: the times are the present one (write permission is enough).
 * ATTR_FORCE: no permission checks, and the caller counts as a writer if
 * it must (ftruncate on a file open for writing). ATTR_CHOWN: it is chown, perhaps of nothing. */
#define ATTR_NOW   64
#define ATTR_FORCE 128
#define ATTR_CHOWN 256
int vnode_setattr(struct vnode *v, const struct cred *cred, const struct attr *a);
/* A symbolic link of /proc that leads to a file, not to a path: what ops->follow gives (a referenced name, or a name made by
 * name_anonymous for a file without one). */
struct name *
name_anonymous(struct vnode *v,
	       const char *shown); /* takes over the vnode's reference on success; NULL: no memory */
/* What a file that never had a name, or has none any more, is shown as: takes over the reference to a name without a vnode; NULL: nothing. */
void name_set_former(struct vnode *v, struct name *former);
/* Drops what `parent`'s entry `component` says in the name cache: for file systems whose names come and go by themselves (proc). */
void name_invalidate(struct name *parent, const char *component, size_t len);
/* Lets up to n unused cached names go, and with them the vnodes and pages only they keep; the number. May sleep. */
unsigned names_shrink(unsigned n);
/* Memory is short: looks at a quarter of the unused names, the longest unused first, and lets those go that keep no page. May sleep. */
unsigned names_shrink_cold(void);
/* access: bits R 4, W 2, X 1; 0 or -EACCES. */
int vnode_permission(struct vnode *v, const struct cred *cred, unsigned want);

/* ---- mounts ------------------------------------------------------------------------------------------------------ */

struct mount {
	struct list link;
	const struct fs_type *type;
	struct block_device *dev; /* or NULL */
	uint64_t devno;
	bool read_only;
	bool freezing;	/* it is about to become read-only: nobody may begin to write */
	uint32_t flags; /* MOUNT_ */
#define MOUNT_NOSUID	  2
#define MOUNT_NODEV	  4
#define MOUNT_NOEXEC	  8
#define MOUNT_SYNCHRONOUS 16
#define MOUNT_NOATIME	  1024
#define MOUNT_NODIRATIME  2048
#define MOUNT_STRICTATIME (1u << 24)
	uint32_t nwriters; /* [a] files open for writing, and changes under way */
	struct vnode *root;
	struct name *covered; /* the directory it is mounted on; NULL for the first */
	struct name *root_name;
	char source[64], options[64];
	uint32_t nvnodes; /* busy check */
	void *data;
	struct list dirty;   /* struct vnode.dirty_link, under the vnode table's lock */
	uint64_t max_size;   /* of a file, bytes; 0: no limit of its own */
	uint8_t block_shift; /* of a block smaller than a page; 0: pages are the unit of reservation */
	bool no_negative; /* names that are absent are looked up each time (proc, devfs: entries appear by themselves) */
};

struct fs_type {
	const char *name; /* "ext2", "tmpfs", "devtmpfs", "devpts", "proc" */
	bool needs_device;
	bool noexec; /* no file of it is ever executed, whatever the mount's flags say */
	/* fills m->root, m->data; 0, -EINVAL (bad image, with a kprintf line that says what), -EIO, -ENOMEM */
	int (*mount)(struct mount *m, const char *options);
	int (*unmount)(struct mount *m); /* everything is written and no vnode is referenced */
	int (*sync)(struct mount *m, bool wait);
	int (*statfs)(struct mount *m, struct fs_stats *st);
	/* to read-only (power off with files open: everything is written and marked clean) or back; NULL: just the flag */
	int (*remount)(struct mount *m, bool read_only);
	struct fs_type *next;
};
void fs_register(struct fs_type *t);
/* Neither executed nor mapped for that: what is mounted noexec or by its kind; pipes, sockets and such without a name. */
bool vnode_noexec(const struct vnode *v);
/* Around what changes the file system: -EROFS. m may be NULL. */
int mount_begin_write(struct mount *m) __must_check;
void mount_end_write(struct mount *m);
/* fs_init registers these; those of helper files are weak: absent ones are left out. */
extern struct fs_type ext2_type, tmpfs_type, devfs_type, devpts_type, procfs_type;

/* devfs: the vnode (referenced) of a device by type and number, for device nodes on any file system: *out's ops work on it. -ENXIO. */
int device_vnode(uint32_t mode, uint64_t rdev, struct vnode **out);
/* pipe.c: open of a FIFO: sets f->data, may sleep for the other end; and reads and writes of such files (f->vnode is the FIFO). */
extern const struct vnode_ops fifo_ops; /* open, release, read, write, ioctl, poll are used */

/* blockdev.c: makes v (S_IFBLK, rdev set) the block device file: ops, object, size. 0, -ENXIO, -ENOMEM. The object belongs to the device. */
int blockdev_attach(struct vnode *v);

/* Boot: registers the file systems and mounts the root; panics with a clear line without one. Returns the first context. */
struct fs_context *fs_init(const char *root_device, bool read_only);
int fs_mount(struct fs_context *fs, const struct cred *cred, const char *source, const char *target,
	     const char *type, uint64_t flags, const char *options);
int fs_umount(struct fs_context *fs, const struct cred *cred, const char *target, int flags);
struct mount *mount_next(struct mount *m); /* for /proc/mounts; iterate: NULL gives the first */
int fs_sync_all(void);			   /* sync(2): all pages, all metadata, and device flushes; waits */
/* Power off: sync, unmount or remount read-only everything, flush the disks. */
void fs_shutdown(void);

/* A vnode without a file system's table: pipes, memfd, the embedded init. One reference. */
struct vnode *vnode_create_anonymous(const struct vnode_ops *ops, uint32_t mode, void *data);
/* ---- blockdev.c ---- */

/*
 * Before a device changes hands (a file system is mounted on it or unmounted, it becomes swap): what was written to it, to the disk it
 * is on or to its partitions is on the disk, and nothing of it is cached, as it would go stale. 0, -EIO. May sleep.
 */
int blockdev_settle(struct block_device *d);

/* ---- memfile.c ---- */

/* A regular file in memory holding a copy of the bytes, with mode 0555. */
struct vnode *memfile_create(const void *bytes, size_t n);
#define FALLOC_KEEP_SIZE  1
#define FALLOC_PUNCH_HOLE 2
/* Seals of memfd_create(2), Linux's numbers. */
#define F_SEAL_SEAL	    1
#define F_SEAL_SHRINK	    2
#define F_SEAL_GROW	    4
#define F_SEAL_WRITE	    8
#define F_SEAL_FUTURE_WRITE 16
#define F_SEAL_EXEC	    32 /* the bits for execution stay as they are */
#define F_SEALS_ALL	    63
#define F_SEALABLE	    128 /* ours */
extern struct mutex
	seals_lock; /* who maps a file that can be sealed holds it from the look at the seals on */
int vnode_seals(struct vnode *v);		      /* -EINVAL: not a file in memory */
int vnode_add_seals(struct vnode *v, unsigned seals); /* 0, -EPERM, -EBUSY (writable mappings), -EINVAL */

#endif
