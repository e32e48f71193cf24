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
	call	thread_begin

	.option	arch, +f, +d

.macro fp_each insn
	.set	i, 0
	.irp	r, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19
	\insn	\r, i(a0)
	.set	i, i + 8
	.endr
	.irp	r, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31
	\insn	\r, i(a0)
	.set	i, i + 8
	.endr
.endm

/* fp_store(struct fpstate *), fp_load(const struct fpstate *): with sstatus.FS on for just these. */
	.globl	fp_store
fp_store:
	li	t0, SSTATUS_FS
	csrs	sstatus, t0
	fp_each	fsd
	frcsr	t1
	sw	t1, 256(a0)
	csrc	sstatus, t0
	ret

	.globl	fp_load
fp_load:
	li	t0, SSTATUS_FS
	csrs	sstatus, t0
	fp_each	fld
	lw	t1, 256(a0)
	fscsr	t1
	csrc	sstatus, t0
	ret
