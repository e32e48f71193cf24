/* SPDX-License-Identifier: ISC */
/*
 * Partition tables: GPT (UEFI Specification 2.10, chapter 5) and MBR with its chain of extended records. All that is
 * read is distrusted: a partition that does not lie on the disk, or one too many for the minor numbers, is left out with
 * a line. A disk can also hold a file system from its first sector on; then there is usually no table's signature, and
 * entries that make no sense mean that there is none.
 */
#include "dev/partition.h"
#include "dev/block.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define SECTOR		512
#define MAX_PARTITIONS	15 /* minors of a disk */
#define MAX_LOGICAL	32 /* length of the chain */
#define GPT_MAX_ENTRIES 256

enum {
	TYPE_NONE = 0,
	TYPE_EXTENDED = 5,
	TYPE_EXTENDED_LBA = 0xf,
	TYPE_LINUX_EXTENDED = 0x85,
	TYPE_GPT = 0xee
};

struct __packed mbr_entry {
	uint8_t active, chs_first[3], type, chs_last[3];
	uint32_t first, count;
};

struct __packed mbr {
	uint8_t code[446];
	struct mbr_entry entry[4];
	uint16_t signature; /* 0xaa55 */
};
_Static_assert(sizeof(struct mbr) == SECTOR, "one sector");

struct __packed gpt_header {
	char signature[8]; /* "EFI PART" */
	uint32_t revision, header_bytes, header_crc, reserved;
	uint64_t self, other, first_usable, last_usable;
	uint8_t disk_guid[16];
	uint64_t entries_at;
	uint32_t nentries, entry_bytes, entries_crc;
};

struct __packed gpt_entry {
	uint64_t type[2], guid[2];
	uint64_t first, last, attributes;
	uint16_t name[36];
};

static bool read_sector(struct block_device *d, uint64_t sector, void *buf)
{
	return sector < d->nsectors && block_transfer(d, BLOCK_READ, sector, buf, SECTOR) == 0;
}

static void add(struct block_device *disk, unsigned number, uint64_t first, uint64_t count)
{
	struct block_device *p;

	if (count == 0 || first >= disk->nsectors || count > disk->nsectors - first ||
	    number > MAX_PARTITIONS) {
		kprintf("%s: partition %u (sectors %lu+%lu) left out\n", disk->name, number, first, count);
		return;
	}
	p = kzalloc(sizeof(*p));
	if (!p) {
		kprintf("%s: no memory for partition %u\n", disk->name, number);
		return;
	}
	ksnprintf(p->name, sizeof(p->name), "%s%u", disk->name, number);
	p->devno = disk->devno + number; /* within the low 8 bits of the minor: 16 to a disk */
	p->nsectors = count;
	p->first_sector = first;
	p->whole = disk;
	p->read_only = disk->read_only;
	p->can_flush = disk->can_flush;
	p->submit = disk->submit;
	p->driver = disk->driver;
	kprintf("%s: %lu sectors at %lu\n", p->name, count, first);
	block_register(p);
}

static uint32_t crc32(uint32_t crc, const void *buf, size_t n)
{
	const uint8_t *p = buf;

	crc = ~crc;
	while (n--) {
		crc ^= *p++;
		for (unsigned i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* Reads the header at `sector` and checks its sums, the entries' too. */
static bool gpt_valid(struct block_device *d, uint64_t sector, struct gpt_header *h, uint8_t *buf)
{
	uint32_t crc, sum = 0;
	uint64_t nbytes;

	if (!read_sector(d, sector, buf))
		return false;
	memcpy(h, buf, sizeof(*h));
	if (memcmp(h->signature, "EFI PART", 8) != 0 || h->self != sector || h->header_bytes < sizeof(*h) ||
	    h->header_bytes > SECTOR)
		return false;
	crc = h->header_crc;
	((struct gpt_header *)buf)->header_crc = 0;
	if (crc32(0, buf, h->header_bytes) != crc)
		return false;
	/* Entries of 128 bytes times a power of 2, which never cross a sector when they are at most one. */
	if (h->entry_bytes < sizeof(struct gpt_entry) || SECTOR % h->entry_bytes != 0 ||
	    h->nentries > GPT_MAX_ENTRIES)
		return false;
	nbytes = (uint64_t)h->nentries * h->entry_bytes;
	for (uint64_t done = 0; done < nbytes; done += SECTOR) {
		if (!read_sector(d, h->entries_at + done / SECTOR, buf))
			return false;
		sum = crc32(sum, buf, MIN(nbytes - done, SECTOR));
	}
	return sum == h->entries_crc;
}

static void scan_gpt(struct block_device *d, uint8_t *buf)
{
	struct gpt_header h;
	struct gpt_entry e;
	unsigned per_sector;

	if (!gpt_valid(d, 1, &h, buf) && !gpt_valid(d, d->nsectors - 1, &h, buf)) {
		kprintf("%s: neither of its GPT headers is valid\n", d->name);
		return;
	}
	per_sector = SECTOR / h.entry_bytes;
	for (unsigned i = 0; i < h.nentries; i++) {
		if (i % per_sector == 0 && !read_sector(d, h.entries_at + i / per_sector, buf))
			return;
		memcpy(&e, buf + i % per_sector * h.entry_bytes, sizeof(e));
		if (e.type[0] | e.type[1])
			add(d, i + 1, e.first, e.last + 1 - e.first);
	}
}

static bool is_extended(const struct mbr_entry *e)
{
	return e->type == TYPE_EXTENDED || e->type == TYPE_EXTENDED_LBA || e->type == TYPE_LINUX_EXTENDED;
}

/* Each record has one partition, relative to itself, and the next record, relative to the first. */
static void scan_extended(struct block_device *d, uint64_t base, struct mbr *m)
{
	uint64_t at = base;

	for (unsigned number = 5; number < 5 + MAX_LOGICAL; number++) {
		if (!read_sector(d, at, m) || m->signature != 0xaa55)
			return;
		if (m->entry[0].type != TYPE_NONE)
			add(d, number, at + m->entry[0].first, m->entry[0].count);
		if (!is_extended(&m->entry[1]) || m->entry[1].first == 0)
			return;
		at = base + m->entry[1].first;
	}
}

/* A boot sector of a file system has the signature too, but not entries that are active or not, on the disk. */
static bool mbr_plausible(const struct block_device *d, const struct mbr *m)
{
	if (m->signature != 0xaa55)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const struct mbr_entry *e = &m->entry[i];

		if (e->active & 0x7f)
			return false;
		if (e->type != TYPE_NONE && e->type != TYPE_GPT && (e->count == 0 || e->first >= d->nsectors))
			return false;
	}
	return true;
}

static void scan_mbr(struct block_device *d, struct mbr *m)
{
	struct mbr_entry entries[4];

	memcpy(entries, m->entry, sizeof(entries));
	for (unsigned i = 0; i < 4; i++)
		if (is_extended(&entries[i]))
			scan_extended(d, entries[i].first, m);
		else if (entries[i].type != TYPE_NONE)
			add(d, i + 1, entries[i].first, entries[i].count);
}

static bool has_gpt(const struct mbr *m)
{
	for (unsigned i = 0; i < 4; i++)
		if (m->entry[i].type == TYPE_GPT)
			return true;
	return false;
}

void partition_scan(struct block_device *disk)
{
	struct mbr *m = kmalloc(SECTOR);

	if (!m) {
		kprintf("%s: no memory to look for partitions\n", disk->name);
		return;
	}
	if (read_sector(disk, 0, m) && mbr_plausible(disk, m)) {
		if (has_gpt(m))
			scan_gpt(disk, (uint8_t *)m);
		else
			scan_mbr(disk, m);
	}
	kfree(m);
}
