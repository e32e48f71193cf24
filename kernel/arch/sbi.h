/* SPDX-License-Identifier: ISC */
/*
 * Calls into the firmware (RISC-V SBI specification 1.0). Errors are the SBI's negative codes. Any context.
 */
#ifndef ARCH_SBI_H
#define ARCH_SBI_H

#include "lib/base.h"

struct sbi_result {
	int64_t error, value;
};

struct sbi_result sbi_call(uint64_t ext, uint64_t fn, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
			   uint64_t a4);

void sbi_console_putc(char c);	    /* legacy console: polled */
void sbi_set_timer(uint64_t time);  /* absolute, in timebase units; UINT64_MAX: never */
void sbi_send_ipi(uint64_t hartid); /* a supervisor software interrupt */
int64_t sbi_hart_start(uint64_t hartid, uint64_t phys_entry, uint64_t arg);
/* Both fence on the harts of the SBI's mask and return when all have. */
void sbi_remote_fence_i(uint64_t hartid_mask);
void sbi_remote_sfence(uint64_t hartid_mask);
/* System reset: type 0 shutdown, 1 cold reboot. Returns only if the firmware cannot. */
void sbi_system_reset(uint32_t type, uint32_t reason);

#endif
