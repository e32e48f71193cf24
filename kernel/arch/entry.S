/* SPDX-License-Identifier: ISC */
/*
 * The first instructions of each hart, with translation off. The jump to the upper half goes through the
 * trap vector: the fetch behind the write of satp faults, and stvec already names the place in the upper
 * half, so no identity mapping is ever needed.
 */
#include "arch/csr.h"
#include "arch/offsets.h"

.macro enter_upper_half
	la	t0, mmu_kernel_root
	srli	t0, t0, 12
	li	t1, 8
	slli	t1, t1, 60	/* Sv39 */
	or	t0, t0, t1
	la	t1, 1f
	li	t2, 0xffffffff00000000
	add	t1, t1, t2
	csrw	stvec, t1
	sfence.vma
	csrw	satp, t0
	nop			/* faults: goes on at 1 in the upper half */
	.balign	4
1:
	sfence.vma
.endm

	.section .head, "ax"
	.option	norvc

/*
 * a0: hart id, a1: physical address of the device tree. The firmware (OpenSBI 1.1) may send a hart here that is to be
 * started elsewhere: it marks it as startable before it has written where. Such a hart goes where it should be.
 */
	.globl	_start
_start:
	csrw	sie, zero
	csrw	sscratch, zero
	la	t0, boot_begun
	li	t1, 1
	amoswap.w.aqrl t1, t1, (t0)
	bnez	t1, secondary_start
	la	t0, bss_start
	la	t1, bss_end
1:	sd	zero, 0(t0)
	sd	zero, 8(t0)
	addi	t0, t0, 16
	bltu	t0, t1, 1b
	enter_upper_half
	la	tp, idle_threads
	la	t0, harts
	sd	t0, TH_HART(tp)
	la	t0, boot_stack
	sd	t0, TH_KSTACK(tp)
	la	sp, boot_stack_top
	mv	s1, a0
	mv	s2, a1
	call	trap_init_hart
	mv	a0, s1
	mv	a1, s2
	call	kernel_main
1:	wfi
	j	1b

/* hart_starting names the hart's idle thread (virtual), whose stack this becomes. */
	.globl	secondary_start
secondary_start:
	csrw	sie, zero
	csrw	sscratch, zero
	enter_upper_half
	la	t0, hart_starting
	ld	tp, 0(t0)
	ld	sp, TH_KSTACK(tp)
	li	t0, 1
	slli	t0, t0, KSTACK_SHIFT
	add	sp, sp, t0
	call	trap_init_hart
	call	hart_main
1:	wfi
	j	1b

	.section .stack, "aw"
	.balign	16
boot_stack:
	.zero	1 << KSTACK_SHIFT
boot_stack_top:

/*
 * The kernel's root table. As loaded it has what the first hart needs until mmu_init: gigapages for the first
 * 16 GiB of the direct map, and one for the kernel's image.
 */
	.data
boot_begun:
	.word	0
	.balign	4096
	.globl	mmu_kernel_root
mmu_kernel_root:
	.zero	256 * 8
	.set	gib, 0
	.rept	16
	.dword	gib << 28 | 0xc7	/* V R W A D */
	.set	gib, gib + 1
	.endr
	.zero	(510 - 256 - 16) * 8
	.dword	2 << 28 | 0xcf		/* V R W X A D */
	.dword	0
