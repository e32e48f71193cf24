/* SPDX-License-Identifier: ISC */
/*
 * Virtio disks (Virtual I/O Device 1.1, 5.2).
 *
 * A request is: a header, the segments, a status byte. The descriptors for these are the request's own head, segs
 * and tail, which lie side by side and are laid out as descriptors; with INDIRECT_DESC the queue gets one entry that
 * points at them, so nothing is allocated or copied for a request and each takes one slot of the queue.
 *
 * A request is pending (in `pending`, in order of arrival), then with the device (its address is a queue cookie),
 * then done. A device that takes fewer segments than a request has gets it in parts, one after the other; after each
 * the request goes to the head of `pending` again. `lock` guards the queue, the list and the requests on either.
 */
#include "arch/mmu.h"
#include "dev/block.h"
#include "dev/virtio.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define F_SIZE_MAX (1ul << 1)
#define F_SEG_MAX  (1ul << 2)
#define F_RO	   (1ul << 5)
#define F_FLUSH	   (1ul << 9)

enum { CONFIG_CAPACITY = 0, CONFIG_SIZE_MAX = 8, CONFIG_SEG_MAX = 12 };
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4 };
enum { STATUS_OK = 0 };

#define DISK_MAJOR  254
#define DISK_MINORS 16 /* the disk and its partitions */

struct virtio_disk {
	struct block_device disk;
	struct virtio_device *dev;
	struct virtq queue;
	struct spinlock lock;
	struct list pending;
	unsigned max_segs;	/* a part */
	uint32_t max_seg_bytes; /* UINT32_MAX: any */
	bool dead;
};

_Static_assert(sizeof(struct block_seg) == sizeof(struct virtq_desc), "a segment is a descriptor");
_Static_assert(offsetof(struct block_request, segs) ==
		       offsetof(struct block_request, head) + sizeof(struct virtq_desc),
	       "the head lies before the segments");
_Static_assert(offsetof(struct block_request, tail) ==
		       offsetof(struct block_request, segs) + BLOCK_MAX_SEGS * sizeof(struct virtq_desc),
	       "the tail lies behind the segments");

/* Indices in the table that begins with head. */
#define TABLE_SEG(i) ((i) + 1)
#define TABLE_TAIL   TABLE_SEG(BLOCK_MAX_SEGS)
#define TABLE_SIZE   (TABLE_TAIL + 1)

/* Chooses the segments of the next part. One that is too long for the device is cut, and is a part by itself. */
static void choose_part(struct virtio_disk *d, struct block_request *r)
{
	struct block_seg *seg = &r->segs[r->part];
	unsigned end = r->part;

	if (seg->nbytes > d->max_seg_bytes) {
		if (!r->uncut.nbytes)
			r->uncut = *seg;
		seg->nbytes = d->max_seg_bytes;
	}
	if (r->uncut.nbytes) {
		r->part_end = r->part + 1;
		return;
	}
	while (end < r->nsegs && end - r->part < d->max_segs && r->segs[end].nbytes <= d->max_seg_bytes)
		end++;
	r->part_end = end;
}

/* Links head, the part's segments and tail; the number of descriptors. */
static unsigned link_chain(struct virtio_disk *d, struct block_request *r)
{
	static const uint32_t types[] = {
		[BLOCK_READ] = TYPE_IN, [BLOCK_WRITE] = TYPE_OUT, [BLOCK_FLUSH] = TYPE_FLUSH
	};
	uint16_t direction = r->op == BLOCK_READ ? VIRTQ_DESC_WRITE : 0;

	r->header.type = types[r->op];
	r->header.reserved = 0;
	r->status = 0xff;
	r->head = (struct block_seg){ virt_to_phys(&r->header), sizeof(r->header), VIRTQ_DESC_NEXT,
				      TABLE_TAIL };
	r->tail = (struct block_seg){ virt_to_phys(&r->status), sizeof(r->status), VIRTQ_DESC_WRITE, 0 };
	if (r->op == BLOCK_FLUSH) {
		r->header.sector = 0;
		return 2;
	}
	choose_part(d, r);
	r->head.next = TABLE_SEG(r->part);
	for (unsigned i = r->part; i < r->part_end; i++) {
		r->segs[i].flags = direction | VIRTQ_DESC_NEXT;
		r->segs[i].next = TABLE_SEG(i + 1);
	}
	r->segs[r->part_end - 1].next = TABLE_TAIL;
	return 2 + r->part_end - r->part;
}

/* Gives the next part of the request to the device, if its queue has room. */
static bool start_part(struct virtio_disk *d, struct block_request *r)
{
	const struct virtq_desc *table = (const struct virtq_desc *)&r->head;
	bool indirect = d->dev->features & VIRTIO_F_INDIRECT_DESC;
	unsigned n;

	if (indirect && d->queue.nfree) {
		struct virtq_desc one = { virt_to_phys(&r->head), TABLE_SIZE * sizeof(one),
					  VIRTQ_DESC_INDIRECT, 0 };

		link_chain(d, r);
		return virtq_add(&d->queue, &one, 1, r);
	}
	if (indirect || d->queue.nfree < 2 + MIN(r->nsegs, d->max_segs))
		return false;
	n = link_chain(d, r);
	return virtq_add(&d->queue, table, n, r);
}

/* Starts what fits, in order. */
static void start_pending(struct virtio_disk *d)
{
	while (!list_empty(&d->pending)) {
		struct block_request *r = list_first(&d->pending, struct block_request, link);

		if (!start_part(d, r))
			break;
		list_remove(&r->link);
	}
	virtq_kick(&d->queue);
}

static void submit(struct block_device *disk, struct block_request *r)
{
	struct virtio_disk *d = disk->driver;
	bool dead;

	spin_lock(&d->lock);
	dead = d->dead;
	if (!dead) {
		list_append(&d->pending, &r->link);
		start_pending(d);
	}
	spin_unlock(&d->lock);
	if (dead)
		block_complete(r, -EIO);
}

/* The segment that was cut: on to its next piece (false), or whole again (true). */
static bool finish_cut(struct block_request *r, bool failed)
{
	struct block_seg *seg = &r->segs[r->part];
	uint32_t upto = seg->phys - r->uncut.phys + seg->nbytes;

	if (!failed && upto < r->uncut.nbytes) {
		seg->phys += seg->nbytes;
		seg->nbytes = r->uncut.nbytes - upto;
		return false;
	}
	*seg = r->uncut;
	r->uncut.nbytes = 0;
	return true;
}

/* The device is done with a part. True: and with the request, r->error says how. */
static bool finish_part(struct block_request *r)
{
	bool failed = r->status != STATUS_OK;

	r->error = failed ? -EIO : 0;
	if (r->op == BLOCK_FLUSH)
		return true;
	for (unsigned i = r->part; i < r->part_end; i++)
		r->header.sector += r->segs[i].nbytes >> SECTOR_SHIFT;
	if (r->uncut.nbytes && !finish_cut(r, failed))
		return false;
	r->part = r->part_end;
	return failed || r->part == r->nsegs;
}

/* The device is of no use any more: all that it or we have ends with -EIO. */
static void die(struct virtio_disk *d, struct list *finished)
{
	struct block_request *r;

	kprintf("%s: %s: the device failed; its requests end with errors from now on\n", d->dev->name,
		d->disk.name);
	d->dead = true;
	virtio_fail(d->dev);
	while ((r = virtq_take_back(&d->queue))) {
		if (r->uncut.nbytes)
			finish_cut(r, true);
		list_append(&d->pending, &r->link);
	}
	list_for_each(r, &d->pending, link)
		r->error = -EIO;
	list_splice(finished, &d->pending);
}

static void interrupt(struct virtio_device *v, bool config_changed)
{
	struct virtio_disk *d = v->driver;
	struct list finished = LIST_INIT(finished), *l;
	struct block_request *r;
	uint32_t nbytes;

	spin_lock(&d->lock);
	while ((r = virtq_pop(&d->queue, &nbytes)))
		if (finish_part(r))
			list_append(&finished, &r->link);
		else
			list_push(&d->pending, &r->link);
	start_pending(d);
	if (!d->dead && (d->queue.broken || (config_changed && virtio_broken(v))))
		die(d, &finished);
	spin_unlock(&d->lock);
	while ((l = list_pop(&finished))) {
		r = list_entry(l, struct block_request, link);
		block_complete(r, r->error);
	}
}

static void read_limits(struct virtio_disk *d)
{
	struct virtio_device *v = d->dev;
	unsigned room = d->queue.size - 2; /* a chain is never longer than the queue */
	uint32_t n;

	virtio_config(v, CONFIG_CAPACITY, &d->disk.nsectors, 8);
	d->max_segs = MIN(BLOCK_MAX_SEGS, room);
	if (v->features & F_SEG_MAX) {
		virtio_config(v, CONFIG_SEG_MAX, &n, 4);
		d->max_segs = MIN(d->max_segs, MAX(n, 1u));
	}
	d->max_seg_bytes = UINT32_MAX;
	if (v->features & F_SIZE_MAX) {
		virtio_config(v, CONFIG_SIZE_MAX, &n, 4);
		d->max_seg_bytes = MAX(ALIGN_DOWN(n, 512u), 512u);
	}
	d->disk.read_only = v->features & F_RO;
	d->disk.can_flush = v->features & F_FLUSH;
}

static int start(struct virtio_disk *d)
{
	struct virtio_device *v = d->dev;
	struct dma_area area = { .page = NULL };
	int err = virtio_begin(v, VIRTIO_F_INDIRECT_DESC | F_SIZE_MAX | F_SEG_MAX | F_RO | F_FLUSH);

	if (err)
		return err;
	err = virtq_create(&d->queue, v, 0, VIRTQ_MAX_SIZE, &area);
	if (err)
		return err;
	if (d->queue.size < 4) /* header, status, a segment; sizes are powers of 2 */
		return -EIO;
	read_limits(d);
	v->driver = d;
	v->interrupt = interrupt;
	return virtio_start(v);
}

int virtio_blk_start(struct virtio_device *v)
{
	static unsigned ndisks;
	struct virtio_disk *d = ndisks < 26 ? kzalloc(sizeof(*d)) : NULL;
	int err;

	if (!d)
		return -ENOMEM;
	d->dev = v;
	spin_init(&d->lock, "virtio-blk", RANK_DEVICE);
	list_init(&d->pending);
	d->disk.driver = d;
	d->disk.submit = submit;
	err = start(d);
	if (err)
		return err; /* d stays: an interrupt may name it */
	ksnprintf(d->disk.name, sizeof(d->disk.name), "vd%c", 'a' + ndisks);
	d->disk.devno = DISK_MAJOR << 8 | (ndisks * DISK_MINORS & 0xff) |
			(ndisks * DISK_MINORS & ~0xffu) << 12;
	ndisks++;
	kprintf("virtio-blk: %s: %lu sectors%s%s, %u requests of %u segments\n", d->disk.name,
		d->disk.nsectors, d->disk.read_only ? ", read-only" : "", d->disk.can_flush ? ", flush" : "",
		d->queue.size, d->max_segs);
	block_register(&d->disk);
	return 0;
}
