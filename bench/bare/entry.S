/* SPDX-License-Identifier: ISC */
/*
 * The machine's side of the calibration program: how a hart starts, its traps, the way into the program and back.
 *
 * Translation is off until bare.c turns it on with an identity map, so addresses here never change. In user mode sscratch
 * holds the hart's struct worker, in the kernel's mode 0; its first fields are the frame, the stack and a
 * place for sp (bare.c asserts that).
 */
#define WORKER_STACK 256
#define WORKER_SP    264
#define WORKER_SAVED 272

	.section .head, "ax"
	.globl	_start
_start:				/* OpenSBI: a0 hart id */
	la	sp, boot_stack_top
	la	t0, trap
	csrw	stvec, t0
	csrw	sscratch, zero
	call	bare_main
1:	j	1b

	.globl	second_start
second_start:			/* a0 hart id, a1 its struct worker */
	ld	sp, WORKER_STACK(a1)
	la	t0, trap
	csrw	stvec, t0
	csrw	sscratch, zero
	mv	a0, a1
	call	bare_worker
1:	wfi
	j	1b

	.text
	.balign	4
trap:
	csrrw	tp, sscratch, tp
	bnez	tp, 1f
	csrr	tp, sscratch
	csrr	a0, scause
	csrr	a1, sepc
	csrr	a2, stval
	call	bare_died
1:
	sd	x1, 8(tp)
	sd	x2, 16(tp)
	sd	x3, 24(tp)
	.irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
	sd	x\n, 8 * \n(tp)
	.endr
	.irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd	x\n, 8 * \n(tp)
	.endr
	csrrw	t0, sscratch, zero
	sd	t0, 32(tp)
	ld	sp, WORKER_SP(tp)
	csrr	a1, scause
	li	t0, 8
	beq	a1, t0, program_done
	csrr	t0, sepc
	csrr	t1, sstatus
	sd	t0, 0(tp)
	sd	t1, WORKER_SAVED + 13 * 8(tp)
	mv	a0, tp
	csrr	a2, stval
	call	bare_fault
	ld	t0, 0(tp)
	ld	t1, WORKER_SAVED + 13 * 8(tp)
	csrw	sepc, t0
	csrw	sstatus, t1
	csrw	sscratch, tp
	ld	x1, 8(tp)
	ld	x2, 16(tp)
	ld	x3, 24(tp)
	.irp n, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
	ld	x\n, 8 * \n(tp)
	.endr
	.irp n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	x\n, 8 * \n(tp)
	.endr
	ld	x4, 32(tp)
	sret

/* void enter_user(struct worker *w, uint64_t pc, uint64_t first, uint64_t end): runs the program until its call. */
	.globl	enter_user
enter_user:
	sd	sp, WORKER_SP(a0)
	sd	ra, WORKER_SAVED(a0)
	sd	tp, WORKER_SAVED + 96(a0)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
	sd	s\n, WORKER_SAVED + 8 + 8 * \n(a0)
	.endr
	sd	s11, WORKER_SAVED + 14 * 8(a0)
	csrw	sscratch, a0
	csrw	sepc, a1
	li	t0, 0x100		/* SPP: sret goes to the program */
	csrc	sstatus, t0
	mv	a0, a2
	mv	a1, a3
	sret
program_done:
	mv	a0, tp
	ld	ra, WORKER_SAVED(a0)
	ld	tp, WORKER_SAVED + 96(a0)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
	ld	s\n, WORKER_SAVED + 8 + 8 * \n(a0)
	.endr
	ld	s11, WORKER_SAVED + 14 * 8(a0)
	ret

/* The program, on a page of its own: a store into each page of [a0, a1). */
	.balign	4096
	.globl	program
program:
	li	t0, 1
	li	t1, 4096
1:	sb	t0, 0(a0)
	add	a0, a0, t1
	bltu	a0, a1, 1b
	ecall
	.balign	4096

	.bss
	.balign	16
boot_stack:
	.space	16384
boot_stack_top:
