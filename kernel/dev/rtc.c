/* SPDX-License-Identifier: ISC */
/* The clock that survives: Goldfish RTC, a counter of nanoseconds since 1970. Reading the low half latches the high one. */
#include "dev/dev.h"
#include "dev/mmio.h"
#include "lib/fdt.h"
#include "lib/lock.h"
#include "vm/frames/kmap.h"

enum { REG_TIME_LOW = 0, REG_TIME_HIGH = 4 };

static struct spinlock lock = SPINLOCK_INIT("rtc", RANK_DEVICE);
static volatile uint8_t *regs;

static volatile uint8_t *map(void)
{
	fdt_node node = fdt_compatible(0, "google,goldfish-rtc");
	uint64_t phys, nbytes;

	return node && fdt_reg(node, 0, &phys, &nbytes) ? kmap_device(phys, nbytes) : NULL;
}

uint64_t rtc_read_ns(void)
{
	uint64_t low, high;

	if (!regs)
		regs = map();
	if (!regs)
		return 0;
	spin_lock(&lock);
	low = mmio_read32(regs + REG_TIME_LOW);
	high = mmio_read32(regs + REG_TIME_HIGH);
	spin_unlock(&lock);
	return high << 32 | low;
}
