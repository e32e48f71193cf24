/* SPDX-License-Identifier: ISC */
/*
 * Virtio over memory-mapped registers (Virtual I/O Device 1.1, 2.6 split virtqueues, 4.2 MMIO). Version 2 only.
 *
 * Who writes what: the driver writes descriptors and the avail ring, the device the used ring. A descriptor is
 * either on the free list (linked by next) or part of a chain whose head has a cookie.
 *
 * Neither side tells the other to hold its notifications (EVENT_IDX, NO_NOTIFY, NO_INTERRUPT). That takes a store,
 * a full fence and a load on each side, and QEMU before 8.0 drops the guest's fence when there is one hart, though its
 * device runs on a thread of its own: very rarely a completion was never announced, and the disk stood still. With every
 * notification sent, a look at the ring always follows what announced it, and nothing but the order of stores counts.
 */
#include "dev/virtio.h"
#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/mmu.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"
#include "vm/vm.h"

enum {
	REG_MAGIC = 0x00,
	REG_VERSION = 0x04,
	REG_DEVICE_ID = 0x08,
	REG_DEVICE_FEATURES = 0x10,
	REG_DEVICE_FEATURES_SEL = 0x14,
	REG_DRIVER_FEATURES = 0x20,
	REG_DRIVER_FEATURES_SEL = 0x24,
	REG_QUEUE_SEL = 0x30,
	REG_QUEUE_NUM_MAX = 0x34,
	REG_QUEUE_NUM = 0x38,
	REG_QUEUE_READY = 0x44,
	REG_QUEUE_NOTIFY = 0x50,
	REG_INTERRUPT_STATUS = 0x60,
	REG_INTERRUPT_ACK = 0x64,
	REG_STATUS = 0x70,
	REG_QUEUE_DESC = 0x80,
	REG_QUEUE_DRIVER = 0x90,
	REG_QUEUE_DEVICE = 0xa0,
	REG_CONFIG_GENERATION = 0xfc,
	REG_CONFIG = 0x100,
};

#define MAGIC 0x74726976 /* "virt" */

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER	   2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64
#define STATUS_FAILED	   128

#define INTERRUPT_USED	 1
#define INTERRUPT_CONFIG 2

static uint32_t reg_read(struct virtio_device *v, unsigned reg)
{
	return mmio_read32(v->regs + reg);
}

static void reg_write(struct virtio_device *v, unsigned reg, uint32_t value)
{
	mmio_write32(v->regs + reg, value);
}

static void reg_write64(struct virtio_device *v, unsigned reg, uint64_t value)
{
	reg_write(v, reg, value);
	reg_write(v, reg + 4, value >> 32);
}

static void status_add(struct virtio_device *v, uint32_t bits)
{
	reg_write(v, REG_STATUS, reg_read(v, REG_STATUS) | bits);
}

void *dma_page(void)
{
	struct page *p = page_alloc_kernel();

	if (!p)
		return NULL;
	clear_page(page_data(p));
	return page_data(p);
}

void *dma_take(struct dma_area *a, size_t nbytes)
{
	void *p;

	nbytes = ALIGN_UP(nbytes, 16ul);
	assert(nbytes <= PAGE_SIZE);
	if (!a->page || a->used + nbytes > PAGE_SIZE) {
		a->page = dma_page();
		a->used = 0;
		if (!a->page)
			return NULL;
	}
	p = a->page + a->used;
	a->used += nbytes;
	return p;
}

/* The device has reset when its status reads 0 (4.2.2.2); one that never does is given 100 ms. */
static int reset(struct virtio_device *v)
{
	reg_write(v, REG_STATUS, 0);
	for (unsigned i = 0; i < 1000; i++) {
		if (reg_read(v, REG_STATUS) == 0)
			return 0;
		delay_us(100);
	}
	return -ETIMEDOUT;
}

static uint64_t offered(struct virtio_device *v)
{
	uint64_t f;

	reg_write(v, REG_DEVICE_FEATURES_SEL, 1);
	f = (uint64_t)reg_read(v, REG_DEVICE_FEATURES) << 32;
	reg_write(v, REG_DEVICE_FEATURES_SEL, 0);
	return f | reg_read(v, REG_DEVICE_FEATURES);
}

int virtio_begin(struct virtio_device *v, uint64_t wanted)
{
	int err = reset(v);

	if (err)
		return err;
	status_add(v, STATUS_ACKNOWLEDGE);
	status_add(v, STATUS_DRIVER);
	v->features = offered(v) & (wanted | VIRTIO_F_VERSION_1);
	if (!(v->features & VIRTIO_F_VERSION_1))
		return -ENODEV;
	reg_write(v, REG_DRIVER_FEATURES_SEL, 1);
	reg_write(v, REG_DRIVER_FEATURES, v->features >> 32);
	reg_write(v, REG_DRIVER_FEATURES_SEL, 0);
	reg_write(v, REG_DRIVER_FEATURES, v->features);
	status_add(v, STATUS_FEATURES_OK);
	return reg_read(v, REG_STATUS) & STATUS_FEATURES_OK ? 0 : -EIO;
}

static void interrupt(void *arg)
{
	struct virtio_device *v = arg;
	uint32_t why = reg_read(v, REG_INTERRUPT_STATUS);

	/* Acknowledged first: what completes after this raises the line again. */
	reg_write(v, REG_INTERRUPT_ACK, why);
	io_fence();
	if (why)
		v->interrupt(v, why & INTERRUPT_CONFIG);
}

int virtio_start(struct virtio_device *v)
{
	int err = intr_register(v->irq, interrupt, v, v->name);

	if (err)
		return err;
	status_add(v, STATUS_DRIVER_OK);
	return 0;
}

void virtio_fail(struct virtio_device *v)
{
	reset(v);
	status_add(v, STATUS_FAILED);
}

bool virtio_broken(struct virtio_device *v)
{
	return reg_read(v, REG_STATUS) & STATUS_NEEDS_RESET;
}

void virtio_config(struct virtio_device *v, unsigned offset, void *buf, unsigned nbytes)
{
	uint8_t *to = buf;
	uint32_t generation;
	unsigned tries = 0;

	do {
		generation = reg_read(v, REG_CONFIG_GENERATION);
		for (unsigned i = 0; i < nbytes; i++)
			to[i] = mmio_read8(v->regs + REG_CONFIG + offset + i);
	} while (reg_read(v, REG_CONFIG_GENERATION) != generation && ++tries < 100);
}

int virtq_create(struct virtq *q, struct virtio_device *v, unsigned index, unsigned max_size,
		 struct dma_area *a)
{
	unsigned n;

	reg_write(v, REG_QUEUE_SEL, index);
	n = MIN(reg_read(v, REG_QUEUE_NUM_MAX), MIN(max_size, VIRTQ_MAX_SIZE));
	while (n & (n - 1)) /* the size is a power of 2 */
		n &= n - 1;
	if (n == 0 || reg_read(v, REG_QUEUE_READY))
		return -ENOENT;
	*q = (struct virtq){ .dev = v, .index = index, .size = n, .nfree = n };
	q->desc = dma_take(a, n * sizeof(struct virtq_desc));
	q->avail = dma_take(a, sizeof(struct virtq_avail) + n * 2);
	q->used = dma_take(a, sizeof(struct virtq_used) + n * 8);
	q->cookies = kzalloc(n * sizeof(void *));
	if (!q->desc || !q->avail || !q->used || !q->cookies) {
		kfree(q->cookies);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++)
		q->desc[i].next = i + 1;
	reg_write(v, REG_QUEUE_NUM, n);
	reg_write64(v, REG_QUEUE_DESC, virt_to_phys(q->desc));
	reg_write64(v, REG_QUEUE_DRIVER, virt_to_phys((void *)q->avail));
	reg_write64(v, REG_QUEUE_DEVICE, virt_to_phys((void *)q->used));
	io_fence();
	reg_write(v, REG_QUEUE_READY, 1);
	return 0;
}

bool virtq_add(struct virtq *q, const struct virtq_desc *chain, unsigned n, void *cookie)
{
	const struct virtq_desc *from = chain;
	unsigned head = q->free_head, i = head;

	if (q->nfree < n || q->broken)
		return false;
	/* Free descriptors are linked already as the chain will be. */
	for (;;) {
		struct virtq_desc *d = &q->desc[i];

		d->addr = from->addr;
		d->len = from->len;
		d->flags = from->flags;
		i = d->next;
		if (!(from->flags & VIRTQ_DESC_NEXT))
			break;
		from = &chain[from->next];
	}
	q->free_head = i;
	q->nfree -= n;
	q->cookies[head] = cookie;
	q->avail->ring[q->avail_idx++ & (q->size - 1)] = head;
	return true;
}

void virtq_kick(struct virtq *q)
{
	if (q->kicked == q->avail_idx)
		return;
	io_fence(); /* descriptors before the index that shows them */
	q->avail->idx = q->avail_idx;
	q->kicked = q->avail_idx;
	io_fence();
	reg_write(q->dev, REG_QUEUE_NOTIFY, q->index);
}

/* Puts the chain that begins at head back on the free list. */
static void *release(struct virtq *q, unsigned head)
{
	void *cookie = q->cookies[head];
	unsigned i = head, n = 1;

	while (q->desc[i].flags & VIRTQ_DESC_NEXT) {
		i = q->desc[i].next;
		n++;
	}
	q->desc[i].next = q->free_head;
	q->free_head = head;
	q->nfree += n;
	q->cookies[head] = NULL;
	return cookie;
}

void *virtq_pop(struct virtq *q, uint32_t *nbytes)
{
	uint32_t head;
	unsigned slot = q->last_used & (q->size - 1);

	if (q->broken || q->last_used == q->used->idx)
		return NULL;
	io_fence(); /* the index before the entry and the data */
	head = q->used->ring[slot].id;
	*nbytes = q->used->ring[slot].len;
	if (head >= q->size || !q->cookies[head]) {
		kprintf("%s: queue %u: the device returned %u, which it did not have\n", q->dev->name,
			q->index, head);
		q->broken = true;
		return NULL;
	}
	q->last_used++;
	return release(q, head);
}

void *virtq_take_back(struct virtq *q)
{
	for (unsigned i = 0; i < q->size; i++)
		if (q->cookies[i])
			return release(q, i);
	return NULL;
}

static int start_driver(struct virtio_device *v)
{
	switch (v->id) {
	case VIRTIO_ID_BLOCK:
		return virtio_blk_start(v);
	case VIRTIO_ID_CONSOLE:
		return virtio_console_start(v);
	case VIRTIO_ID_RNG:
		return virtio_rng_start(v);
	}
	kprintf("virtio: device type %u has no driver\n", v->id);
	return -ENODEV;
}

static const char *type_name(uint32_t id)
{
	switch (id) {
	case VIRTIO_ID_BLOCK:
		return "virtio-blk";
	case VIRTIO_ID_CONSOLE:
		return "virtio-console";
	case VIRTIO_ID_RNG:
		return "virtio-rng";
	}
	return "virtio";
}

void virtio_probe(uint64_t phys, uint64_t nbytes, uint32_t irq)
{
	struct virtio_device probe = { .regs = kmap_device(phys, nbytes), .irq = irq };
	struct virtio_device *v;
	int err;

	if (reg_read(&probe, REG_MAGIC) != MAGIC)
		return;
	probe.id = reg_read(&probe, REG_DEVICE_ID);
	if (probe.id == 0) /* nothing plugged in */
		return;
	if (reg_read(&probe, REG_VERSION) != 2) {
		kprintf("virtio: legacy device of type %u at %#lx skipped (-global "
			"virtio-mmio.force-legacy=false)\n",
			probe.id, phys);
		return;
	}
	v = kmalloc(sizeof(*v));
	if (!v) {
		kprintf("virtio: no memory for the device at %#lx\n", phys);
		return;
	}
	*v = probe;
	ksnprintf(v->name, sizeof(v->name), "%s@%lx", type_name(v->id), phys);
	err = start_driver(v);
	if (err) {
		if (err != -ENODEV)
			kprintf("%s: does not start: error %d\n", v->name, -err);
		virtio_fail(v);
		/* v stays: a registered interrupt may still name it */
	}
}
