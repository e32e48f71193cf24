/* SPDX-License-Identifier: ISC */
/* Calls into the firmware. */
#include "arch/sbi.h"

enum {
	EXT_LEGACY_PUTCHAR = 0x01,
	EXT_TIME = 0x54494d45,
	EXT_IPI = 0x735049,
	EXT_RFENCE = 0x52464e43,
	EXT_HSM = 0x48534d,
	EXT_SRST = 0x53525354,
};

struct sbi_result sbi_call(uint64_t ext, uint64_t fn, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
			   uint64_t a4)
{
	register uint64_t r0 __asm__("a0") = a0;
	register uint64_t r1 __asm__("a1") = a1;
	register uint64_t r2 __asm__("a2") = a2;
	register uint64_t r3 __asm__("a3") = a3;
	register uint64_t r4 __asm__("a4") = a4;
	register uint64_t r6 __asm__("a6") = fn;
	register uint64_t r7 __asm__("a7") = ext;

	__asm__ volatile("ecall"
			 : "+r"(r0), "+r"(r1)
			 : "r"(r2), "r"(r3), "r"(r4), "r"(r6), "r"(r7)
			 : "memory");
	return (struct sbi_result){ .error = (int64_t)r0, .value = (int64_t)r1 };
}

void sbi_console_putc(char c)
{
	sbi_call(EXT_LEGACY_PUTCHAR, 0, (uint8_t)c, 0, 0, 0, 0);
}

void sbi_set_timer(uint64_t time)
{
	sbi_call(EXT_TIME, 0, time, 0, 0, 0, 0);
}

void sbi_send_ipi(uint64_t hartid)
{
	sbi_call(EXT_IPI, 0, 1, hartid, 0, 0, 0);
}

int64_t sbi_hart_start(uint64_t hartid, uint64_t phys_entry, uint64_t arg)
{
	return sbi_call(EXT_HSM, 0, hartid, phys_entry, arg, 0, 0).error;
}

void sbi_remote_fence_i(uint64_t hartid_mask)
{
	sbi_call(EXT_RFENCE, 0, hartid_mask, 0, 0, 0, 0);
}

/* Size 0 with start 0 means everything. */
void sbi_remote_sfence(uint64_t hartid_mask)
{
	sbi_call(EXT_RFENCE, 1, hartid_mask, 0, 0, 0, 0);
}

void sbi_system_reset(uint32_t type, uint32_t reason)
{
	sbi_call(EXT_SRST, 0, type, reason, 0, 0, 0);
}
