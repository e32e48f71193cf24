/* SPDX-License-Identifier: ISC */
/*
 * Ending the machine: the SiFive test device gives QEMU an exit status; without it the firmware resets or powers off, and
 * the status is lost. Any context; nothing is taken or allocated after finisher_init.
 */
#include "dev/finisher.h"
#include "arch/cpu.h"
#include "arch/sbi.h"
#include "dev/dev.h"
#include "dev/mmio.h"
#include "dev/uart.h"
#include "lib/fdt.h"
#include "vm/frames/kmap.h"

#define FINISH_FAIL  0x3333 /* | status << 16 */
#define FINISH_PASS  0x5555
#define FINISH_RESET 0x7777

enum { SBI_SHUTDOWN = 0, SBI_COLD_REBOOT = 1 };

static volatile uint8_t *regs;

void finisher_init(void)
{
	fdt_node node = fdt_compatible(0, "sifive,test0");
	uint64_t phys, nbytes;

	if (!regs && node && fdt_reg(node, 0, &phys, &nbytes))
		regs = kmap_device(phys, nbytes);
}

static void finish(uint32_t value)
{
	uart_finish();
	if (regs) {
		mmio_write32(regs, value);
		delay_us(100000); /* QEMU ends asynchronously */
	}
}

void machine_exit(int status)
{
	status &= 0xff;
	finish(status == 0 ? FINISH_PASS : (uint32_t)status << 16 | FINISH_FAIL);
	sbi_system_reset(SBI_SHUTDOWN, status != 0);
	cpu_halt();
}

void machine_reboot(void)
{
	finish(FINISH_RESET);
	sbi_system_reset(SBI_COLD_REBOOT, 0);
	cpu_halt();
}
