/* SPDX-License-Identifier: ISC */
/* What is done with a mounted image, through the kernel's own calls: as user/ext2fuzz does it in the guest, by several threads. */
#include "arch/cpu.h"
#include "disk.h"
#include "ext2host.h"
#include "fs/internal.h"
#include "lib/string.h"
#include "machine.h"
#include "vm/internal.h"

#include <stdio.h>

#define NFRAMES	 3000
#define NHARTS	 2
#define ENTRIES	 150 /* that a worker looks at */
#define DEEPEST	 8
#define MAP_AT	 0x10000000ul
#define PATH_MAX 600

static const struct cred root;
static struct fs_context *fs;
static uint64_t random_state;
static unsigned nrunning;

static uint64_t any(uint64_t n)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return (random_state >> 33) % n;
}

static void must(int r, const char *what)
{
	if (r)
		panic("%s: error %d", what, r);
}

/* ---- calls ---- */

static struct file *open_file(const char *path, int flags)
{
	struct file *f;

	return path_open(fs, &root, NULL, path, flags, 0644, &f) ? NULL : f;
}

static ssize_t transfer(struct file *f, bool write, void *buf, size_t n, uint64_t at)
{
	struct uio u = { .addr = (uint64_t)buf, .left = n };

	return write ? file_write(f, &u, &at) : file_read(f, &u, &at);
}

static int set_size(struct file *f, uint64_t nbytes)
{
	struct attr a = { .valid = ATTR_SIZE | ATTR_FORCE, .size = nbytes };

	return vnode_setattr(f->vnode, &root, &a);
}

static void change_attributes(const char *path)
{
	struct attr a = { .valid = any(2) ? ATTR_MODE : ATTR_UID | ATTR_GID,
			  .mode = any(010000),
			  .uid = any(99999),
			  .gid = 6 };
	struct name *n;

	if (path_lookup(fs, &root, NULL, path, 0, &n))
		return;
	if (vnode_setattr(name_vnode(n), &root, &a) == 0)
		vnode_getattr(name_vnode(n), &a);
	name_unref(n);
}

/* ---- files ---- */

/* Stores through a mapping, of which some is perhaps beyond the end. */
static void map_file(struct file *f)
{
	struct space *s = space_create();
	uint64_t seen;

	if (!s)
		return;
	s->limits.memlock = UINT64_MAX;
	machine_enter(s);
	if (vm_mmap(s, MAP_AT, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		    f->vnode->object, any(4) * PAGE_SIZE, PROT_READ | PROT_WRITE) == MAP_AT) {
		for (unsigned i = 0; i < 4; i++)
			if (machine_store(MAP_AT + any(2 * PAGE_SIZE / 8) * 8, i))
				machine_load(MAP_AT + any(2 * PAGE_SIZE / 8) * 8, &seen);
		if (any(2))
			vm_msync(s, MAP_AT, 2 * PAGE_SIZE, any(2) ? 4 : 1 /* MS_SYNC, MS_ASYNC */);
		if (any(2))
			vm_munmap(s, MAP_AT, 2 * PAGE_SIZE);
	}
	machine_enter(NULL);
	space_unref(s);
}

static void use_file(const char *path)
{
	static char buf[8192]; /* whose bytes these are does not matter */
	struct file *f = open_file(path, any(3) ? O_RDWR : O_RDONLY);
	uint64_t at = 0, size;

	if (!f)
		return;
	size = f->vnode->size;
	for (unsigned i = 0; i < 40 && at < size; i++) {
		ssize_t n = transfer(f, false, buf, sizeof(buf), at);

		if (n <= 0)
			break;
		at += any(8) ? (uint64_t)n : any(1u << 30);
	}
	if (any(2))
		transfer(f, true, buf, any(sizeof(buf)), any(4) ? any(20000) : size);
	if (any(3) == 0 && f->vnode->object)
		map_file(f);
	if (any(4) == 0 && S_ISREG(f->vnode->mode) && (f->flags & O_ACCMODE) == O_RDWR)
		set_size(f, any(2) ? any(70000) : any(1ul << 33));
	if (any(8) == 0)
		file_sync(f, any(2));
	file_unref(f);
}

/* ---- directories ---- */

struct listing {
	char names[24][256];
	unsigned n;
	uint64_t next;
};

static int note_name(void *arg, const char *name, size_t len, uint64_t ino __unused, unsigned type __unused,
		     uint64_t next)
{
	struct listing *l = arg;

	if (l->n == ARRAY_SIZE(l->names))
		return 1;
	memcpy(l->names[l->n], name, len);
	l->names[l->n++][len] = '\0';
	l->next = next;
	return 0;
}

static int list(struct vnode *dir, struct listing *l)
{
	int r;

	l->n = 0;
	rwlock_read(&dir->contents);
	r = dir->nlink ? dir->ops->readdir(dir, l->next, note_name, l) : -ENOENT;
	rwlock_read_unlock(&dir->contents);
	return r;
}

static void use(const char *path, unsigned deep, unsigned *nseen);

static void walk(const char *path, unsigned deep, unsigned *nseen)
{
	struct file *f = open_file(path, O_RDONLY | O_DIRECTORY);
	struct listing l = { .next = 0 };

	while (f && list(f->vnode, &l) == 0 && l.n && *nseen < ENTRIES)
		for (unsigned i = 0; i < l.n; i++) {
			char name[PATH_MAX + 300];

			if (strlen(path) < PATH_MAX - 300 && strcmp(l.names[i], ".") &&
			    strcmp(l.names[i], "..")) {
				snprintf(name, sizeof(name), "%s/%s", path, l.names[i]);
				use(name, deep, nseen);
			}
		}
	if (f)
		file_unref(f);
}

static void change_name(const char *path)
{
	char other[PATH_MAX + 330];
	struct file *f;

	snprintf(other, sizeof(other), "%s.%u", path, (unsigned)any(10));
	switch (any(14)) {
	case 0:
		path_rename(fs, &root, NULL, path, NULL, other, any(4) ? 0 : RENAME_EXCHANGE);
		break;
	case 1:
		path_link(fs, &root, NULL, path, 0, NULL, other);
		break;
	case 2:
		path_unlink(fs, &root, NULL, path, false);
		break;
	case 3:
		path_unlink(fs, &root, NULL, path, true);
		break;
	case 4:
		change_attributes(path);
		break;
	case 5:
		path_symlink(fs, &root,
			     any(2) ? "some where else" :
				      "/m/a/long/one/that/does/not/fit/into/the/inode/of/the/link/itself",
			     NULL, other);
		break;
	case 6:
		path_mkdir(fs, &root, NULL, other, 0755);
		break;
	case 7:
		f = open_file(other, O_CREAT | O_EXCL | O_RDWR);
		if (f)
			file_unref(f);
		break;
	case 8: /* into another directory */
		snprintf(other, sizeof(other), "/m/%s", any(2) ? "d/moved" : "moved");
		path_rename(fs, &root, NULL, path, NULL, other, 0);
		break;
	}
}

static void use(const char *path, unsigned deep, unsigned *nseen)
{
	char target[300];
	struct name *n;
	uint32_t mode;

	if (++*nseen > ENTRIES || path_lookup(fs, &root, NULL, path, 0, &n))
		return;
	mode = name_vnode(n)->mode;
	name_unref(n);
	if (S_ISDIR(mode) && deep < DEEPEST)
		walk(path, deep + 1, nseen);
	else if (S_ISREG(mode))
		use_file(path);
	else if (S_ISLNK(mode))
		path_readlink(fs, &root, NULL, path, target, sizeof(target));
	change_name(path);
}

static void worker(void *arg __unused)
{
	unsigned nseen = 0;
	struct file *f;

	walk("/m", 0, &nseen);
	f = open_file("/m/fresh", O_CREAT | O_RDWR);
	if (f)
		file_unref(f);
	nseen = 0;
	use("/m/fresh", 0, &nseen);
	if (any(4) == 0)
		fs_sync_all();
	nrunning--;
}

/* ---- rounds ---- */

static int mount_image(void)
{
	return fs_mount(fs, &root, "/dev/vdb", "/m", "ext2", 0, "");
}

/* What is still being written for others holds a file for a moment. */
static void unmount_image(void)
{
	int r;

	for (unsigned i = 0; (r = fs_umount(fs, &root, "/m", 0)) == -EBUSY && i < 1000; i++)
		machine_idle(10000000);
	if (r && !machine_nfailed && !machine_nrefused)
		panic("unmount: error %d", r);
	if (r == -EBUSY)
		panic("unmount: busy");
}

/* A look-up may leave an empty node in the device's object; it goes when a page does that was in it. */
static void tidy_device(void)
{
	struct block_device *d = block_find("vdb");
	struct object *o = blockdev_object(d);
	struct page *p;

	for (uint64_t i = 0; i < d->nsectors >> (PAGE_SHIFT - SECTOR_SHIFT); i++) {
		must(object_get_page(o, i, &p), "read");
		page_release(p);
	}
	must(blockdev_settle(d), "settle");
}

bool work_round(uint64_t seed, unsigned nworkers, enum trouble trouble)
{
	random_state = seed;
	machine_trouble.read_errors = machine_trouble.write_errors = trouble == TROUBLE_IO ? 30 : 0;
	machine_trouble.refused = trouble == TROUBLE_MEMORY ? 60 : 0;
	if (mount_image()) {
		machine_trouble = (struct machine_trouble){ 0 };
		tidy_device();
		return false;
	}
	nrunning = nworkers;
	for (unsigned i = 0; i < nworkers; i++)
		machine_spawn("worker", worker, NULL);
	while (nrunning)
		machine_idle(1000000);
	unmount_image();
	machine_trouble = (struct machine_trouble){ 0 };
	tidy_device();
	return true;
}

static void put_file(const char *path, uint64_t at, size_t nbytes)
{
	static char bytes[100000];
	struct file *f = open_file(path, O_CREAT | O_EXCL | O_RDWR);

	assert(f && nbytes <= sizeof(bytes));
	for (size_t i = 0; i < nbytes; i++)
		bytes[i] = any(256);
	assert(transfer(f, true, bytes, nbytes, at) == (ssize_t)nbytes);
	file_unref(f);
}

void work_populate(void)
{
	char name[130];

	must(mount_image(), "mount");
	must(path_mkdir(fs, &root, NULL, "/m/d", 0755), "mkdir");
	must(path_mkdir(fs, &root, NULL, "/m/d/e", 0755), "mkdir");
	put_file("/m/small", 0, 700);
	put_file("/m/d/indirect", 0, 40000);
	put_file("/m/d/e/long", 0, 90000);
	put_file("/m/holes", 300000, 13);
	put_file("/m/far", 70000000, 5000);
	must(path_symlink(fs, &root, "small", NULL, "/m/fast"), "symlink");
	memset(name, 'x', sizeof(name));
	name[100] = '\0';
	must(path_symlink(fs, &root, name, NULL, "/m/slow"), "symlink");
	must(path_link(fs, &root, NULL, "/m/small", 0, NULL, "/m/d/hard"), "link");
	must(path_mknod(fs, &root, NULL, "/m/fifo", S_IFIFO | 0600, 0), "mknod");
	for (unsigned i = 0; i < 40; i++) { /* more than a block of the largest size */
		snprintf(name, sizeof(name), "/m/d/e/entry-%u-%0100u", i, i);
		put_file(name, 0, 0);
	}
	unmount_image();
}

void work_start(uint64_t seed, void *root_bytes, void *bytes, size_t size)
{
	machine_rate = 50;
	machine_start(seed, NFRAMES, NHARTS);
	block_init();
	disk_add("vda", root_bytes, size);
	disk_add("vdb", bytes, size);
	fs = fs_init("/dev/vda", false);
	must(path_mkdir(fs, &root, NULL, "/m", 0755), "mkdir");
}
