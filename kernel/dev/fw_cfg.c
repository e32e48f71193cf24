/* SPDX-License-Identifier: ISC */
/*
 * Files that QEMU hands to the guest (QEMU, docs/specs/fw_cfg): a selector register, big-endian, and a data register
 * that yields the selected item byte by byte, up to 8 in memory order for each read. Item 0x19 is the directory.
 */
#include "dev/dev.h"
#include "dev/mmio.h"
#include "lib/errno.h"
#include "lib/fdt.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"

enum { REG_DATA = 0, REG_SELECTOR = 8 };
enum { ITEM_SIGNATURE = 0, ITEM_DIRECTORY = 0x19 };
#define MAX_FILES 4096

struct file {
	uint32_t size; /* the numbers are big-endian */
	uint16_t select, reserved;
	char name[56];
};

/* One selection and its reads at a time; they are far too many for a spinlock. */
static struct mutex mutex;
static volatile uint8_t *regs;
static bool looked;

static void select(uint16_t item)
{
	*(volatile uint16_t *)(regs + REG_SELECTOR) = __builtin_bswap16(item);
}

static void read_data(void *buf, size_t n)
{
	uint8_t *to = buf;

	for (; n >= 8; n -= 8, to += 8) {
		uint64_t v = *(volatile uint64_t *)(regs + REG_DATA);

		memcpy(to, &v, 8);
	}
	while (n--)
		*to++ = mmio_read8(regs + REG_DATA);
}

/* The first use is at boot, from one thread. */
static bool present(void)
{
	fdt_node node;
	uint64_t phys, nbytes;
	char signature[4];

	if (looked)
		return regs;
	looked = true;
	mutex_init(&mutex, "fw_cfg", RANK_TTY);
	node = fdt_compatible(0, "qemu,fw-cfg-mmio");
	if (!node || !fdt_reg(node, 0, &phys, &nbytes))
		return false;
	regs = kmap_device(phys, nbytes);
	select(ITEM_SIGNATURE);
	read_data(signature, sizeof(signature));
	if (memcmp(signature, "QEMU", 4) != 0)
		regs = NULL;
	return regs;
}

/* Finds the directory entry: its numbers in our order. The mutex is held. */
static bool find(const char *name, struct file *f)
{
	uint32_t n;

	select(ITEM_DIRECTORY);
	read_data(&n, sizeof(n));
	n = MIN(__builtin_bswap32(n), MAX_FILES);
	while (n--) {
		read_data(f, sizeof(*f));
		f->name[sizeof(f->name) - 1] = '\0';
		if (strcmp(f->name, name) == 0) {
			f->size = __builtin_bswap32(f->size);
			f->select = __builtin_bswap16(f->select);
			return true;
		}
	}
	return false;
}

ssize_t fwcfg_file_size(const char *name)
{
	struct file f;
	bool found;

	if (!present())
		return -ENOENT;
	mutex_lock(&mutex);
	found = find(name, &f);
	mutex_unlock(&mutex);
	return found ? (ssize_t)f.size : -ENOENT;
}

int fwcfg_file_read(const char *name, void *buf, size_t n)
{
	struct file f;
	bool found;

	if (!present())
		return -ENOENT;
	mutex_lock(&mutex);
	found = find(name, &f);
	if (found) {
		select(f.select);
		read_data(buf, MIN(n, f.size));
	}
	mutex_unlock(&mutex);
	return found ? 0 : -ENOENT;
}
