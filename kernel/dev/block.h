/* SPDX-License-Identifier: ISC */
/*
 * Block devices and asynchronous, scatter-gather requests over page frames.
 *
 * A request comes from a fixed pool (block_request_get may sleep for one, but every request in flight ends without
 * needing another, so it always comes; reclaim may use it). Fill it in, submit it, and `done` is called exactly
 * once, in interrupt context or from block_submit itself, with 0 or a negative errno; `done` may put the request back or
 * submit it again. Requests may be completed in any order. A FLUSH completes when all writes completed before it was submitted
 * are durable. Partitions are block devices that shift sectors and pass on.
 */
#ifndef DEV_BLOCK_H
#define DEV_BLOCK_H

#include "lib/base.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "proc/timer.h"

#define SECTOR_SHIFT 9
#define BLOCK_MAX_SEGS \
	245 /* as many as let a request fit into a frame, which the device reads by its physical address */

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };

struct block_device;
struct object;

/* Laid out as a virtio descriptor, so that a request's segments are their own indirect table (virtio_blk.c). */
struct block_seg {
	uint64_t phys;
	uint32_t nbytes;      /* a multiple of 512 */
	uint16_t flags, next; /* the driver's */
};

struct block_request {
	struct list link; /* the owner's while not submitted, then the driver's */
	struct block_device *dev;
	enum block_op op;
	uint16_t own_segs;	      /* gather.c: before others joined it */
	bool background, hurried;     /* gather.c */
	struct block_request *joined; /* gather.c: the next of those that it carries */
	uint64_t sector;
	unsigned nsegs;
	struct block_seg head; /* the driver's, directly before and after the segments */
	struct block_seg segs[BLOCK_MAX_SEGS];
	struct block_seg tail;
	void (*done)(struct block_request *r, int error);
	void *arg; /* the owner's */
	/* driver private */
	int error;
	uint16_t part, part_end; /* the segments now with the device, when it takes fewer than there are */
	struct block_seg
		uncut; /* what segs[part] is while the device is given a piece of it; nbytes 0: it is whole */
	uint8_t status;
	struct {
		uint32_t type, reserved;
		uint64_t sector; /* on the whole device; block_submit sets it */
	} header;
};

struct block_stats {
	uint64_t reads, read_sectors, writes, writes_joined, write_sectors, flushes, errors;
	uint32_t in_flight;
};

struct block_queue { /* gather.c has its states; [its lock] */
	struct spinlock lock;
	struct list waiting;
	unsigned nwaiting, nhurried;
	bool open, starting, timed;
	uint32_t nbytes; /* in the device */
	uint64_t position;
	struct timer timer;
};

struct block_device {
	struct list link;
	char name[16];	/* "vda", "vda1" */
	uint32_t devno; /* makedev(major, minor) in Linux's encoding; vda is 254:0, vda1 254:1, vdb 254:16 */
	uint64_t nsectors;
	bool read_only, can_flush;
	struct block_device *whole; /* for a partition */
	uint64_t first_sector;	    /* of a partition */
	void (*submit)(struct block_device *d, struct block_request *r);
	void *driver;
	struct block_stats stats; /* changed by atomic additions */
	struct block_queue queue; /* a disk's, not a partition's */
	/* fs/blockdev.c: the page cache of the device (metadata, and reads of /dev/vda) and who uses it exclusively */
	struct object *object;
	const char *claimed; /* "mounted", "swap"; guarded by the device list lock */
};

void block_init(void);
void block_register(struct block_device *d);	   /* kernel prints its line; scans for partitions later */
struct block_device *block_find(const char *name); /* "vda" or "/dev/vda"; NULL */
struct block_device *block_find_devno(uint32_t devno);
struct block_device *block_next(struct block_device *d); /* iterate: NULL gives the first */
/* Exclusive use by a mount or a swap area: 0 or -EBUSY. */
int block_claim(struct block_device *d, const char *why);
void block_release(struct block_device *d);

struct block_request *block_request_get(void);	  /* may sleep */
struct block_request *block_request_tryget(void); /* NULL when none is free */
void block_request_put(struct block_request *r);  /* any context */
void block_submit(struct block_request *r);	  /* never sleeps; any number may be queued */
/* For drivers: ends a request, keeps the statistics and calls done. No lock held. */
void block_complete(struct block_request *r, int error);
/* Submits and waits; 0 or -EIO. Does not put the request. */
int block_submit_wait(struct block_request *r);
/* Flushes the device's write cache and waits; 0 also when the device has none. */
int block_flush(struct block_device *d);
/* One synchronous transfer to or from kernel memory in the direct map: boot, mount, swapon headers. */
int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *buf, size_t nbytes);

/* ---- gather.c ---- */

/* What this thread submits from now on are writes in the background: held back for some ms, joined, and started only few at a time; but
 * block_submit_wait starts at once. Calls nest. */
void block_gather(void);
void block_gather_end(void);
/* Somebody waits for the write of this frame: if it is held back it is among the next to start. Any context; a home's lock may be held. */
void block_hurry(uint64_t phys);
/* The pool is empty: nothing is held back any more. No lock held. */
void block_open_queues(void);

/* Between block.c and gather.c. */
void block_queue_init(struct block_device *disk);
bool block_hold_back(struct block_device *disk,
		     struct block_request *r); /* false: it goes to the device now */
void block_gathered_done(struct block_device *disk, struct block_request *r, int error);
void block_submit_again(struct block_request *r);
void block_count(const struct block_request *r);

#endif
