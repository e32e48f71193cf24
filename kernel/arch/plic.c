/* SPDX-License-Identifier: ISC */
/*
 * External interrupts: the platform-level interrupt controller (RISC-V PLIC specification 1.0). Each source
 * goes to one hart, chosen in turn when its handler is registered. The table of handlers only grows.
 */
#include "arch/cpu.h"
#include "arch/intr.h"
#include "lib/errno.h"
#include "lib/fdt.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "vm/frames/kmap.h"

#define MAX_SOURCES    128
#define PRIORITY(irq)  ((irq)*4)
#define ENABLE(ctx)    (0x2000 + (ctx)*0x80)
#define CONTEXT(ctx)   (0x200000 + (ctx)*0x1000)
#define CONTEXTS_START 0x200000
#define SUPERVISOR     9 /* a context's interrupt number at its hart */

static volatile uint8_t *sources, *contexts; /* priorities and enables; thresholds and claims */
static int context_of[MAX_HARTS];
static struct spinlock lock = SPINLOCK_INIT("plic", RANK_DEVICE);
static unsigned nregistered;
static struct {
	intr_handler fn;
	void *arg;
	const char *name;
} handlers[MAX_SOURCES];

static inline volatile uint32_t *source_reg(uint32_t offset)
{
	return (volatile uint32_t *)(sources + offset);
}

static inline volatile uint32_t *context_reg(uint32_t offset)
{
	return (volatile uint32_t *)(contexts + offset - CONTEXTS_START);
}

static uint32_t cell(const void *prop, unsigned i)
{
	const uint8_t *b = (const uint8_t *)prop + i * 4;

	return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

/* The hart whose interrupt controller has the phandle, or NULL. */
static struct hart *find_hart(uint32_t phandle)
{
	fdt_node cpu, child;
	uint32_t value;
	uint64_t hartid;

	for (cpu = fdt_first_child(fdt_path("/cpus")); cpu; cpu = fdt_next_sibling(cpu))
		for (child = fdt_first_child(cpu); child; child = fdt_next_sibling(child)) {
			if (!fdt_prop_u32(child, "phandle", &value) || value != phandle ||
			    !fdt_reg(cpu, 0, &hartid, NULL))
				continue;
			for (unsigned i = 0; i < MAX_HARTS; i++)
				if (harts[i].timer_ns && harts[i].hartid == hartid)
					return &harts[i];
		}
	return NULL;
}

void intr_init(void)
{
	fdt_node node = fdt_compatible(0, "riscv,plic0");
	uint32_t nbytes = 0;
	const void *map;
	uint64_t phys, size;

	if (!node)
		node = fdt_compatible(0, "sifive,plic-1.0.0");
	map = fdt_prop(node, "interrupts-extended", &nbytes);
	if (!node || !map || !fdt_reg(node, 0, &phys, &size)) {
		kprintf("plic: none in the device tree: no device interrupts\n");
		return;
	}
	for (unsigned i = 0; i < MAX_HARTS; i++)
		context_of[i] = -1;
	sources = kmap_device(phys, ENABLE(nbytes / 8));
	contexts = kmap_device(phys + CONTEXTS_START, (nbytes / 8) * 0x1000ul);
	for (unsigned ctx = 0; ctx < nbytes / 8; ctx++) {
		struct hart *h = find_hart(cell(map, 2 * ctx));

		if (!h || cell(map, 2 * ctx + 1) != SUPERVISOR)
			continue;
		context_of[h->index] = (int)ctx;
		for (unsigned i = 0; i < MAX_SOURCES / 32; i++)
			*source_reg(ENABLE(ctx) + i * 4) = 0;
		*context_reg(CONTEXT(ctx)) = 0; /* threshold: any priority above 0 */
	}
}

int intr_register(unsigned irq, intr_handler fn, void *arg, const char *name)
{
	int error = 0, ctx;

	if (irq == 0 || irq >= MAX_SOURCES || !sources)
		return -EINVAL;
	spin_lock(&lock);
	ctx = context_of[nregistered % nharts];
	if (handlers[irq].fn) {
		error = -EBUSY;
	} else if (ctx < 0) {
		error = -EINVAL;
	} else {
		nregistered++;
		handlers[irq].arg = arg;
		handlers[irq].name = name;
		__atomic_store_n(&handlers[irq].fn, fn, __ATOMIC_RELEASE);
		*source_reg(PRIORITY(irq)) = 1;
		*context_reg(CONTEXT(ctx)) = 0; /* again: the firmware raises it as it starts a hart */
		*source_reg(ENABLE(ctx) + irq / 32 * 4) |= 1u << irq % 32;
	}
	spin_unlock(&lock);
	return error;
}

void intr_external(void)
{
	int ctx = context_of[this_hart()->index];
	uint32_t irq;

	if (!sources || ctx < 0)
		return;
	while ((irq = *context_reg(CONTEXT(ctx) + 4)) != 0) {
		intr_handler fn = irq < MAX_SOURCES ? __atomic_load_n(&handlers[irq].fn, __ATOMIC_ACQUIRE) :
						      NULL;

		if (fn)
			fn(handlers[irq].arg);
		*context_reg(CONTEXT(ctx) + 4) = irq; /* complete */
	}
}
