/* SPDX-License-Identifier: ISC */
/* Disks of the simulated machine: bytes in memory, requests that end late, in any order, and sometimes with an error. */
#include "arch/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine.h"

#include <stdlib.h>

#define MAX_REQUESTS 64

static struct block_request *queue[MAX_REQUESTS];
static unsigned nqueued, ntaken;

static bool chance(unsigned one_in)
{
	return one_in && sched_random() % one_in == 0;
}

/* A failed write may have written something. */
static int carry_out(struct block_request *r)
{
	bool reads = r->op == BLOCK_READ,
	     fails = chance(reads ? machine_trouble.read_errors : machine_trouble.write_errors);
	unsigned n = fails ? sched_random() % r->nsegs : r->nsegs;
	uint64_t at = r->sector << SECTOR_SHIFT;

	for (unsigned i = 0; i < n; i++) {
		char *disk = (char *)r->dev->driver + at, *memory = phys_to_virt(r->segs[i].phys);

		assert(at + r->segs[i].nbytes <= r->dev->nsectors << SECTOR_SHIFT);
		memcpy(reads ? memory : disk, reads ? disk : memory, r->segs[i].nbytes);
		at += r->segs[i].nbytes;
	}
	machine_nfailed += fails;
	return fails ? -EIO : 0;
}

/* Takes the bytes as they are now, as DMA does. */
bool disk_interrupt(void)
{
	struct block_request *r;
	unsigned i;

	if (!nqueued)
		return false;
	i = sched_random() % nqueued;
	r = queue[i];
	queue[i] = queue[--nqueued];
	r->done(r, carry_out(r));
	return true;
}

struct block_request *block_request_get(void)
{
	while (ntaken == MAX_REQUESTS)
		machine_idle(1000);
	ntaken++;
	return calloc(1, sizeof(struct block_request));
}

void block_request_put(struct block_request *r)
{
	ntaken--;
	free(r);
}

void block_submit(struct block_request *r)
{
	queue[nqueued++] = r;
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
