/* SPDX-License-Identifier: ISC */
/* Starts the drivers of what the device tree names, in the order in which they are needed. */
#include "dev/dev.h"
#include "dev/block.h"
#include "dev/finisher.h"
#include "dev/uart.h"
#include "dev/virtio.h"
#include "lib/fdt.h"
#include "lib/printf.h"

#define VIRTIO_NODES 64

struct node {
	uint64_t phys, nbytes;
	uint32_t irq;
};

/* In rising address order, whatever the tree's, so that disks keep their names. */
static unsigned find_virtio(struct node *nodes)
{
	unsigned n = 0;
	fdt_node f = 0;

	while (n < VIRTIO_NODES && (f = fdt_compatible(f, "virtio,mmio"))) {
		struct node new;
		unsigned i;

		if (!fdt_reg(f, 0, &new.phys, &new.nbytes) || !fdt_prop_u32(f, "interrupts", &new.irq))
			continue;
		for (i = n++; i > 0 && nodes[i - 1].phys > new.phys; i--)
			nodes[i] = nodes[i - 1];
		nodes[i] = new;
	}
	return n;
}

void dev_init(void)
{
	static struct node nodes[VIRTIO_NODES];
	uint64_t seconds;
	unsigned n;

	finisher_init();
	tty_init();
	uart_init();
	seconds = rtc_read_ns() / 1000000000;
	if (seconds)
		kprintf("rtc: %lu seconds since 1970\n", seconds);
	n = find_virtio(nodes);
	for (unsigned i = 0; i < n; i++)
		virtio_probe(nodes[i].phys, nodes[i].nbytes, nodes[i].irq);
}
