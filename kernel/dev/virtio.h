/* SPDX-License-Identifier: ISC */
/*
 * Virtio 1.1 devices behind memory-mapped registers (version 2), and split virtqueues.
 *
 * A driver's start: virtio_begin (reset, features), virtq_create for each queue, virtio_start. A queue has no lock
 * of its own: its driver's lock guards it. Nothing here sleeps; only virtq_create and dma_take allocate.
 */
#ifndef DEV_VIRTIO_H
#define DEV_VIRTIO_H

#include "dev/mmio.h"

#define VIRTIO_ID_BLOCK	  2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG	  4

#define VIRTIO_F_INDIRECT_DESC (1ul << 28)
#define VIRTIO_F_VERSION_1     (1ul << 32)

#define VIRTQ_MAX_SIZE 256 /* so that a descriptor table fits one page */

#define VIRTQ_DESC_NEXT	    1
#define VIRTQ_DESC_WRITE    2 /* the device writes */
#define VIRTQ_DESC_INDIRECT 4

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct virtq_avail {
	uint16_t flags, idx, ring[];
};

struct virtq_used {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[];
};

struct virtio_device {
	volatile uint8_t *regs;
	uint32_t id, irq;
	uint64_t features; /* agreed on */
	char name[24];	   /* "virtio-blk 3" for messages */
	void (*interrupt)(struct virtio_device *v, bool config_changed);
	void *driver;
};

struct virtq {
	struct virtio_device *dev;
	uint16_t index, size;
	uint16_t free_head, nfree; /* free descriptors, linked by next */
	uint16_t avail_idx, kicked, last_used;
	bool broken;
	struct virtq_desc *desc;
	volatile struct virtq_avail *avail;
	volatile struct virtq_used *used;
	void **cookies; /* by head descriptor; NULL: not in use */
};

/* Memory for a device in pieces that do not cross a page. Zeroed, for the life of the system. */
struct dma_area {
	char *page;
	size_t used;
};
void *dma_page(void) __must_check; /* a zeroed page, or NULL */
void *dma_take(struct dma_area *a, size_t nbytes) __must_check;

/* Resets the device and agrees on VERSION_1 and what it offers of `wanted`; 0, -EIO, -ENODEV, -ETIMEDOUT. */
int virtio_begin(struct virtio_device *v, uint64_t wanted);
/* Registers the interrupt and lets the device go; 0 or an error. */
int virtio_start(struct virtio_device *v);
/* Gives up: the device is told that the driver failed and stops touching memory. */
void virtio_fail(struct virtio_device *v);
/* The device asks for a reset or its queue makes no sense: it is of no use any more. */
bool virtio_broken(struct virtio_device *v);
/* Reads device configuration, again until it did not change meanwhile. */
void virtio_config(struct virtio_device *v, unsigned offset, void *buf, unsigned nbytes);

/* A queue of at most max_size (a power of 2) entries; 0, -ENOENT (the device has no such queue), -ENOMEM. */
int virtq_create(struct virtq *q, struct virtio_device *v, unsigned index, unsigned max_size,
		 struct dma_area *a);
/* Queues the chain that begins at chain[0] and has n descriptors linked by NEXT; false: no room. */
bool virtq_add(struct virtq *q, const struct virtq_desc *chain, unsigned n, void *cookie);
/* Shows the device what was added, and wakes it. */
void virtq_kick(struct virtq *q);
/* The cookie of a chain that the device is done with, and how much it wrote; NULL: none. */
void *virtq_pop(struct virtq *q, uint32_t *nbytes);
/* After a reset: any chain still out, taken back; NULL: none. */
void *virtq_take_back(struct virtq *q);

/* The drivers; each takes over v (kept) or fails with an errno and frees nothing of v. */
int virtio_blk_start(struct virtio_device *v);
int virtio_console_start(struct virtio_device *v);
int virtio_rng_start(struct virtio_device *v);
/* dev_init: one node of the device tree. */
void virtio_probe(uint64_t phys, uint64_t nbytes, uint32_t irq);

/* virtio_rng.c: asks the device for more, if there is one. Any context. */
void virtio_rng_request(void);

#endif
