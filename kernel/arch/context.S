/* SPDX-License-Identifier: ISC */
/* Switching between threads in the kernel, and their floating-point registers. */
#include "arch/csr.h"
#include "arch/offsets.h"

#define C(n) (TH_CONTEXT + 8 * (n))

	.text
/* context_switch(prev, next) */
	.globl	context_switch
context_switch:
	sd	ra, C(0)(a0)
	sd	sp, C(1)(a0)
	sd	s0, C(2)(a0)
	sd	s1, C(3)(a0)
	.irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	sd	s\n, C(\n + 2)(a0)
	.endr
	ld	ra, C(0)(a1)
	ld	sp, C(1)(a1)
	ld	s0, C(2)(a1)
	ld	s1, C(3)(a1)
	.irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	ld	s\n, C(\n + 2)(a1)
	.endr
	mv	tp, a1
	ret

	.globl	thread_trampoline
thread_trampoline:
	mv	a0, s0
	mv	a1, s1
	li	s0, 0
	call	thread_begin

	.option	arch, +f, +d

/* fp_store(struct fpstate *), fp_load(const struct fpstate *): with sstatus.FS on for just these. */
	.globl	fp_store
fp_store:
	li	t0, SSTATUS_FS
	csrs	sstatus, t0
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fsd	f\n, 8 * \n(a0)
	.endr
	frcsr	t1
	sw	t1, 256(a0)
	csrc	sstatus, t0
	ret

	.globl	fp_load
fp_load:
	li	t0, SSTATUS_FS
	csrs	sstatus, t0
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fld	f\n, 8 * \n(a0)
	.endr
	lw	t1, 256(a0)
	fscsr	t1
	csrc	sstatus, t0
	ret
