/* SPDX-License-Identifier: ISC */
/* A driver below kernel/dev/block.c: bytes in memory; requests end late, in any order, and sometimes with an error. */
#include "disk.h"
#include "arch/cpu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine.h"

#include <stdlib.h>

static struct list queue = LIST_INIT(queue);
static unsigned nqueued;

static bool chance(unsigned one_in)
{
	return one_in && sched_random() % one_in == 0;
}

/* Frames that follow one another are one segment. */
static uint64_t carry_out_segment(struct block_device *d, bool reads, uint64_t at, const struct block_seg *s)
{
	assert(at + s->nbytes <= d->nsectors << SECTOR_SHIFT);
	for (uint32_t done = 0, n; done < s->nbytes; done += n, at += n) {
		char *disk = (char *)d->driver + at, *memory = phys_to_virt(s->phys + done);

		n = MIN(s->nbytes - done, PAGE_SIZE - ((s->phys + done) & PAGE_MASK));
		memcpy(reads ? memory : disk, reads ? disk : memory, n);
	}
	return at;
}

/* Of a request that fails, any part may have been done. */
static int carry_out(struct block_request *r)
{
	bool reads = r->op == BLOCK_READ;
	bool fails = chance(reads ? machine_trouble.read_errors : machine_trouble.write_errors);
	unsigned n = r->op == BLOCK_FLUSH ? 0 : fails ? sched_random() % r->nsegs : r->nsegs;
	struct block_device *d = r->dev->whole ? r->dev->whole : r->dev;
	uint64_t at = r->header.sector << SECTOR_SHIFT;

	for (unsigned i = 0; i < n; i++)
		at = carry_out_segment(d, reads, at, &r->segs[i]);
	machine_nfailed += fails;
	return fails ? -EIO : 0;
}

bool disk_interrupt(void)
{
	struct list *l = queue.next;
	struct block_request *r;

	if (!nqueued)
		return false;
	for (uint64_t i = sched_random() % nqueued--; i > 0; i--)
		l = l->next;
	list_remove(l);
	r = list_entry(l, struct block_request, link);
	block_complete(r, carry_out(r));
	return true;
}

static void submit(struct block_device *d __unused, struct block_request *r)
{
	list_append(&queue, &r->link);
	nqueued++;
	machine_point();
}

void disk_add(const char *name, void *bytes, size_t size)
{
	static unsigned ndisks;
	struct block_device *d = calloc(1, sizeof(*d));

	strlcpy(d->name, name, sizeof(d->name));
	d->devno = 254 << 8 | ndisks++ << 4;
	d->nsectors = size >> SECTOR_SHIFT;
	d->can_flush = true;
	d->submit = submit;
	d->driver = bytes;
	block_register(d);
}
