/* SPDX-License-Identifier: ISC */
/* Control and status registers (RISC-V privileged specification 1.12). Only arch/ includes this. */
#ifndef ARCH_CSR_H
#define ARCH_CSR_H

#define SSTATUS_BIT_SIE	 (1 << 1)
#define SSTATUS_BIT_SPIE (1 << 5)
#define SSTATUS_BIT_SPP	 (1 << 8)
#define SSTATUS_FS	 (3 << 13)
#define SSTATUS_FS_CLEAN (2 << 13)
#define SSTATUS_SUM	 (1 << 18)

#define IRQ_SOFTWARE 1
#define IRQ_TIMER    5
#define IRQ_EXTERNAL 9

#define CSR_STIMECMP 0x14d

#ifndef __ASSEMBLER__
#include "lib/base.h"

#define SATP_SV39 (8ul << 60)

#define csr_read(csr)                                                    \
	({                                                               \
		uint64_t v_;                                             \
		__asm__ volatile("csrr %0, " #csr : "=r"(v_)::"memory"); \
		v_;                                                      \
	})
#define csr_write(csr, v) __asm__ volatile("csrw " #csr ", %0" ::"rK"((uint64_t)(v)) : "memory")
#define csr_set(csr, v)	  __asm__ volatile("csrs " #csr ", %0" ::"rK"((uint64_t)(v)) : "memory")
#define csr_clear(csr, v) __asm__ volatile("csrc " #csr ", %0" ::"rK"((uint64_t)(v)) : "memory")
#endif

#endif
