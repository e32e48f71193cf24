/* SPDX-License-Identifier: ISC */
/* Disks of the simulated machine: bytes in memory, requests that end late, in any order, and sometimes with an error. */
#include "arch/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine.h"

#include <stdlib.h>

#define MAX_REQUESTS 64

static uint32_t lock; /* for the queue */
static struct block_request *queue[MAX_REQUESTS];
static unsigned nqueued, ntaken; /* ntaken: atomic */
bool machine_retries_writes;

/* A failed write may have written something. */
static int carry_out(struct block_request *r)
{
	bool reads = r->op == BLOCK_READ,
	     fails = machine_chance(reads ? &machine_trouble.read_errors : &machine_trouble.write_errors);
	unsigned n = fails ? sched_random() % r->nsegs : r->nsegs;
	uint64_t at = r->sector << SECTOR_SHIFT;

	for (unsigned i = 0; i < n; i++) {
		char *disk = (char *)r->dev->driver + at, *memory = phys_to_virt(r->segs[i].phys);

		assert(at + r->segs[i].nbytes <= r->dev->nsectors << SECTOR_SHIFT);
		contents_copy(reads ? memory : disk, reads ? disk : memory, r->segs[i].nbytes);
		at += r->segs[i].nbytes;
	}
	__atomic_fetch_add(&machine_nfailed, fails, __ATOMIC_RELAXED);
	return fails ? -EIO : 0;
}

bool disk_busy(void)
{
	return __atomic_load_n(&nqueued, __ATOMIC_RELAXED) > 0;
}

/* Takes the bytes as they are now, as DMA does. */
bool disk_interrupt(void)
{
	struct block_request *r = NULL;
	unsigned i;

	machine_lock(&lock);
	if (nqueued) {
		i = sched_random() % nqueued;
		r = queue[i];
		queue[i] = queue[nqueued - 1];
		__atomic_store_n(&nqueued, nqueued - 1, __ATOMIC_RELAXED);
	}
	machine_unlock(&lock);
	if (r)
		r->done(r, carry_out(r));
	return r;
}

struct block_request *block_request_get(void)
{
	while (__atomic_fetch_add(&ntaken, 1, __ATOMIC_RELAXED) >= MAX_REQUESTS) {
		__atomic_fetch_sub(&ntaken, 1, __ATOMIC_RELAXED);
		machine_idle(1000);
	}
	return calloc(1, sizeof(struct block_request));
}

void block_request_put(struct block_request *r)
{
	__atomic_fetch_sub(&ntaken, 1, __ATOMIC_RELAXED);
	free(r);
}

void block_submit(struct block_request *r)
{
	machine_lock(&lock);
	queue[nqueued] = r;
	__atomic_store_n(&nqueued, nqueued + 1, __ATOMIC_RELAXED);
	machine_unlock(&lock);
	machine_point();
}

int block_transfer(struct block_device *d, enum block_op op, uint64_t sector, void *buf, size_t nbytes)
{
	char *at = (char *)d->driver + (sector << SECTOR_SHIFT);

	memcpy(op == BLOCK_READ ? buf : at, op == BLOCK_READ ? at : buf, nbytes);
	return 0;
}

int block_claim(struct block_device *d __unused, const char *why __unused)
{
	return 0;
}

void block_release(struct block_device *d __unused)
{
}

struct block_device *machine_disk(const char *name, unsigned npages, bool swap)
{
	struct block_device *d = calloc(1, sizeof(*d));
	char *bytes = calloc(npages, PAGE_SIZE);

	strlcpy(d->name, name, sizeof(d->name));
	d->nsectors = (uint64_t)npages << (PAGE_SHIFT - SECTOR_SHIFT);
	d->driver = bytes;
	if (swap) {
		((uint32_t *)bytes)[256] = 1;
		((uint32_t *)bytes)[257] = npages - 1;
		memcpy(bytes + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	}
	return d;
}

void *machine_disk_page(struct block_device *d, unsigned page)
{
	return (char *)d->driver + (size_t)page * PAGE_SIZE;
}

static void pages_done(struct block_request *r, int error)
{
	if (error && r->op == BLOCK_WRITE && machine_retries_writes) {
		block_submit(r);
		return;
	}
	for (unsigned i = 0; i < r->nsegs; i++)
		if (r->op == BLOCK_READ)
			page_read_done(phys_page(r->segs[i].phys), error);
		else
			page_write_done(phys_page(r->segs[i].phys), error);
	block_request_put(r);
}

void machine_disk_pages(struct block_device *d, enum block_op op, struct page **pages, unsigned n)
{
	struct block_request *r = block_request_get();

	r->dev = d;
	r->op = op;
	r->sector = pages[0]->index << (PAGE_SHIFT - SECTOR_SHIFT);
	r->done = pages_done;
	for (r->nsegs = 0; r->nsegs < n; r->nsegs++) {
		r->segs[r->nsegs].phys = page_phys(pages[r->nsegs]);
		r->segs[r->nsegs].nbytes = PAGE_SIZE;
	}
	block_submit(r);
}
