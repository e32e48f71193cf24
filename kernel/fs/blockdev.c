/* SPDX-License-Identifier: ISC */
/*
 * Block devices as files: each has one object, which is the contents of /dev/NAME and the cache of a file system's metadata on it.
 * Page n is bytes [n * 4096, ...) of the device; the last one may be cut. While a file system with blocks smaller than a page is mounted,
 * only the sectors it marked are written (see internal.h).
 */
#include "arch/user.h"
#include "dev/block.h"
#include "fs/internal.h"
#include "lib/printf.h"
#include "lib/string.h"

#define SECTORS_PER_PAGE (PAGE_SIZE >> SECTOR_SHIFT)

/* Which sectors of a page are there: the device's end may cut it. */
static unsigned page_nsectors(struct block_device *d, const struct page *p)
{
	return MIN(d->nsectors - p->index * SECTORS_PER_PAGE, SECTORS_PER_PAGE);
}

static void pages_done(struct block_request *r, int error)
{
	for (unsigned i = 0; i < r->nsegs; i++) {
		struct page *p = phys_page(r->segs[i].phys);

		if (r->op == BLOCK_WRITE) {
			page_write_done(p, error);
			continue;
		}
		if (r->segs[i].nbytes < PAGE_SIZE)
			memset((char *)page_data(p) + r->segs[i].nbytes, 0, PAGE_SIZE - r->segs[i].nbytes);
		page_read_done(p, error);
	}
	block_request_put(r);
}

/* Whole pages, in requests of as many as one takes. */
static void transfer(struct block_device *d, enum block_op op, struct page **pages, unsigned n)
{
	while (n) {
		struct block_request *r = block_request_get();
		unsigned take = MIN(n, BLOCK_MAX_SEGS);

		r->dev = d;
		r->op = op;
		r->sector = pages[0]->index * SECTORS_PER_PAGE;
		r->nsegs = take;
		r->done = pages_done;
		for (unsigned i = 0; i < take; i++) {
			uint32_t nbytes = page_nsectors(d, pages[i]) << SECTOR_SHIFT;

			r->segs[i].phys = page_phys(pages[i]);
			r->segs[i].nbytes = nbytes;
		}
		block_submit(r);
		pages += take;
		n -= take;
	}
}

static void blockdev_read(struct object *o, struct page **pages, unsigned n)
{
	transfer(o->data, BLOCK_READ, pages, n);
}

/* ---- pages of which only some sectors may be written ---- */

struct filter { /* one entry a device that needs one */
	struct block_device *dev;
	uint64_t *map;
};
static struct filter filters[8]; /* slots are filled and emptied by mount and unmount only */

static uint64_t *filter_of(struct block_device *d)
{
	for (unsigned i = 0; i < ARRAY_SIZE(filters); i++)
		if (filters[i].dev == d)
			return filters[i].map;
	return NULL;
}

int blockdev_set_filter(struct block_device *d, uint64_t *map)
{
	for (unsigned i = 0; i < ARRAY_SIZE(filters); i++) {
		if (map ? filters[i].dev != NULL : filters[i].dev != d)
			continue;
		filters[i].map = map;
		__atomic_store_n(&filters[i].dev, map ? d : NULL, __ATOMIC_RELEASE);
		return 0;
	}
	return map ? -ENOMEM : 0;
}

void blockdev_mark(struct block_device *d, uint64_t sector, unsigned nsectors)
{
	uint64_t *map = filter_of(d);

	for (unsigned i = 0; map && i < nsectors; i++)
		__atomic_fetch_or(&map[(sector + i) / 64], 1ul << ((sector + i) % 64), __ATOMIC_RELEASE);
}

void blockdev_unmark(struct block_device *d, uint64_t sector, unsigned nsectors)
{
	uint64_t *map = filter_of(d);

	for (unsigned i = 0; map && i < nsectors; i++)
		__atomic_fetch_and(&map[(sector + i) / 64], ~(1ul << ((sector + i) % 64)), __ATOMIC_RELEASE);
}

static bool take_mark(uint64_t *map, uint64_t sector)
{
	return __atomic_fetch_and(&map[sector / 64], ~(1ul << (sector % 64)), __ATOMIC_ACQ_REL) >>
		       (sector % 64) &
	       1;
}

/* The next run of marked sectors of the page, from its sector `i` on: what r is to write. False: there is none. */
static bool next_run(uint64_t *map, struct block_request *r, struct page *p, unsigned i)
{
	uint64_t first = p->index * SECTORS_PER_PAGE;
	unsigned n = page_nsectors(r->dev, p), start;

	while (i < n && !take_mark(map, first + i))
		i++;
	for (start = i++; i < n && take_mark(map, first + i); i++)
		;
	if (start >= n)
		return false;
	r->sector = first + start;
	r->segs[0].phys = page_phys(p) + (start << SECTOR_SHIFT);
	r->segs[0].nbytes = (i - start) << SECTOR_SHIFT;
	return true;
}

/* The runs of a page one after the other, pages side by side. r->arg: one failed. */
static void run_done(struct block_request *r, int error)
{
	struct page *p = phys_page(r->segs[0].phys);
	uint64_t end = r->sector + (r->segs[0].nbytes >> SECTOR_SHIFT);

	if (error)
		r->arg = r;
	if (next_run(filter_of(r->dev), r, p, end - p->index * SECTORS_PER_PAGE)) {
		block_submit(r);
		return;
	}
	page_write_done(p, r->arg ? -EIO : 0);
	block_request_put(r);
}

static void write_marked(struct block_device *d, uint64_t *map, struct page *p)
{
	struct block_request *r = block_request_get();

	r->dev = d;
	r->op = BLOCK_WRITE;
	r->nsegs = 1;
	r->done = run_done;
	r->arg = NULL;
	if (next_run(map, r, p, 0)) {
		block_submit(r);
		return;
	}
	page_write_done(p, 0);
	block_request_put(r);
}

static void blockdev_write(struct object *o, struct page **pages, unsigned n)
{
	struct block_device *d = o->data;
	uint64_t *map = filter_of(d);

	if (!map) {
		transfer(d, BLOCK_WRITE, pages, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		write_marked(d, map, pages[i]);
}

static int blockdev_reserve(struct object *o, uint64_t index __unused)
{
	struct block_device *d = o->data;

	return d->read_only ? -EROFS : 0;
}

static int blockdev_sync(struct object *o)
{
	return block_flush(o->data);
}

/* A device's object stays as long as the device, that is, for good. */
static void stay(struct object *o __unused)
{
}

static void blockdev_describe(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino)
{
	struct block_device *d = o->data;

	ksnprintf(buf, n, "/dev/%s", d->name);
	*dev = 0;
	*ino = d->devno;
}

static const struct pager_ops blockdev_pager = {
	.name = "block device",
	.read = blockdev_read,
	.reserve = blockdev_reserve,
	.write = blockdev_write,
	.sync = blockdev_sync,
	.ref = stay,
	.unref = stay,
	.describe = blockdev_describe,
};

struct object *blockdev_object(struct block_device *d)
{
	static struct mutex lock;
	static bool ready;

	if (!ready) { /* first called at boot, by the root's mount */
		mutex_init(&lock, "block device objects", RANK_SWAP);
		ready = true;
	}
	mutex_lock(&lock);
	if (!d->object) {
		struct object *o =
			object_create(&blockdev_pager, d, DIV_ROUND_UP(d->nsectors, SECTORS_PER_PAGE));

		if (o)
			o->metadata = true;
		d->object = o;
	}
	mutex_unlock(&lock);
	return d->object;
}

int blockdev_settle(struct block_device *d)
{
	int r = 0, e;

	for (struct block_device *o = block_next(NULL); o; o = block_next(o)) {
		if (!o->object || (o != d && o->whole != d && o != d->whole))
			continue;
		e = object_writeback(o->object, 0, OBJECT_ALL, true);
		r = r ? r : e;
		object_drop_range(o->object, 0, OBJECT_ALL);
	}
	return r;
}

/* ---- /dev/NAME ---- */

static int dev_open(struct vnode *v, struct file *f)
{
	struct block_device *d = block_find_devno(v->rdev);

	if (!d)
		return -ENXIO;
	if ((f->flags & O_ACCMODE) != O_RDONLY) {
		if (d->read_only)
			return -EROFS;
		if (d->claimed) /* written below its user it would be torn */
			return -EBUSY;
	}
	return 0;
}

static ssize_t dev_read(struct file *f, struct uio *u, uint64_t *offset)
{
	return pageio_read(f->vnode, &f->ra, u, offset);
}

static ssize_t dev_write(struct file *f, struct uio *u, uint64_t *offset)
{
	struct block_device *d = block_find_devno(f->vnode->rdev);

	if (d->claimed)
		return -EBUSY;
	return pageio_write(f->vnode, u, offset, false);
}

static int dev_fsync(struct vnode *v, bool data_only __unused)
{
	int r = object_writeback(v->object, 0, OBJECT_ALL, true), e = block_flush(v->object->data);

	return r ? r : e;
}

#define BLKROGET     0x125e
#define BLKGETSIZE   0x1260
#define BLKFLSBUF    0x1261
#define BLKSSZGET    0x1268
#define BLKBSZGET    0x80081270
#define BLKGETSIZE64 0x80081272

static int dev_ioctl(struct file *f, unsigned cmd, uint64_t uarg)
{
	struct block_device *d = block_find_devno(f->vnode->rdev);
	uint64_t size = d->nsectors << SECTOR_SHIFT;
	int i;

	switch (cmd) {
	case BLKROGET:
		i = d->read_only;
		return put_user(uarg, &i, sizeof(i));
	case BLKSSZGET:
		i = 512;
		return put_user(uarg, &i, sizeof(i));
	case BLKBSZGET:
		i = PAGE_SIZE;
		return put_user(uarg, &i, sizeof(i));
	case BLKGETSIZE:
		return put_user(uarg, &d->nsectors, sizeof(d->nsectors));
	case BLKGETSIZE64:
		return put_user(uarg, &size, sizeof(size));
	case BLKFLSBUF:
		i = dev_fsync(f->vnode, false);
		object_drop_clean(d->object);
		return i;
	}
	return -ENOTTY;
}

static const struct vnode_ops blockdev_ops = {
	.open = dev_open,
	.read = dev_read,
	.write = dev_write,
	.fsync = dev_fsync,
	.ioctl = dev_ioctl,
};

int blockdev_attach(struct vnode *v)
{
	struct block_device *d = block_find_devno(v->rdev);

	if (!d)
		return -ENXIO;
	v->object = blockdev_object(d);
	if (!v->object)
		return -ENOMEM;
	v->ops = &blockdev_ops;
	v->size = d->nsectors << SECTOR_SHIFT;
	return 0;
}
