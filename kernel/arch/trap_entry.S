/* SPDX-License-Identifier: ISC */
/*
 * Traps. In user mode sscratch holds the thread, in the kernel 0. A trap of a program saves its registers in
 * the thread's frame, at the top of its kernel stack; one of the kernel pushes a frame of the same form.
 */
#include "arch/csr.h"
#include "arch/offsets.h"

/*
 * C code and a switch of threads keep s0 - s11. So they are saved only for who reads them in the frame (a signal's handler, fork), and loaded only after
 * who writes them there (sigreturn, exec).
 */
.macro save_others
	sd	x1, TF_X(1)(sp)
	sd	x3, TF_X(3)(sp)
	.irp n, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	sd	x\n, TF_X(\n)(sp)
	.endr
.endm

.macro restore_others
	ld	x1, TF_X(1)(sp)
	ld	x3, TF_X(3)(sp)
	.irp n, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
	ld	x\n, TF_X(\n)(sp)
	.endr
.endm

.macro save_kept frame
	.irp n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	sd	x\n, TF_X(\n)(\frame)
	.endr
.endm

.macro restore_kept
	.irp n, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
	ld	x\n, TF_X(\n)(sp)
	.endr
.endm

	.text
	.balign	4
	.globl	trap_entry
trap_entry:
	csrrw	tp, sscratch, tp
	beqz	tp, from_kernel

	sd	sp, TH_SCRATCH(tp)
	ld	sp, TH_FRAME(tp)
	save_others
	csrrw	t0, sscratch, zero
	ld	t1, TH_SCRATCH(tp)
	csrr	t2, sepc
	csrr	t3, sstatus
	csrr	a1, scause
	sd	t0, TF_X(4)(sp)
	sd	t1, TF_X(2)(sp)
	sd	t3, TF_STATUS(sp)
	sd	a1, TF_CAUSE(sp)
	li	t4, CAUSE_CALL
	bne	a1, t4, not_a_call

	addi	t2, t2, 4
	sd	t2, TF_EPC(sp)
	sd	a0, TF_ORIG_A0(sp)
	csrsi	sstatus, SSTATUS_BIT_SIE
	lla	t0, syscall_table
	li	t1, NSYSCALLS
	bgeu	a7, t1, no_call
	slli	t1, a7, 3
	add	t0, t0, t1
	ld	t0, (t0)
	addi	a0, sp, TF_X(10)	/* the arguments, a0 to a5 in a row */
	beqz	t0, no_call
	jalr	t0
	sd	a0, TF_X(10)(sp)
	ld	t0, TF_CAUSE(sp)	/* calls that replace the program's registers leave another */
	li	t1, CAUSE_CALL
	bne	t0, t1, user_exit_all
	bltz	a0, call_failed

	/* sp is the frame; s0 - s11 are what they were */
user_exit:
	csrci	sstatus, SSTATUS_BIT_SIE
	ld	t1, TH_HART(tp)
	lbu	t0, TH_SIGPENDING(tp)
	lbu	t1, HART_NEED_RESCHED(t1)
	or	t0, t0, t1
	bnez	t0, user_exit_slow
user_exit_now:
	ld	t0, TF_EPC(sp)
	ld	t1, TF_STATUS(sp)
	csrw	sscratch, tp
	csrw	sepc, t0
	csrw	sstatus, t1
	restore_others
	ld	x4, TF_X(4)(sp)
	ld	sp, TF_X(2)(sp)
	sret

no_call:
	li	a0, -38			/* ENOSYS */
	sd	a0, TF_X(10)(sp)
	j	user_exit
call_failed:
	mv	a1, a0
	mv	a0, sp
	call	syscall_failed
	sd	a0, TF_X(10)(sp)
	ld	t0, TF_CAUSE(sp)
	li	t1, CAUSE_CALL
	beq	t0, t1, user_exit
	j	user_exit_all

user_exit_slow:
	save_kept sp
1:	mv	a0, sp
	call	trap_user_exit
user_exit_all:
	csrci	sstatus, SSTATUS_BIT_SIE
	ld	t1, TH_HART(tp)
	lbu	t0, TH_SIGPENDING(tp)
	lbu	t1, HART_NEED_RESCHED(t1)
	or	t0, t0, t1
	bnez	t0, 1b
	restore_kept
	j	user_exit_now

not_a_call:
	sd	t2, TF_EPC(sp)
	mv	a0, sp
	call	trap_user
	j	user_exit

	.globl	user_return
user_return:
	ld	sp, TH_FRAME(tp)
	j	user_exit_all

/* The calls whose child gets all registers; a0 is the place of the frame's a0. */
	.globl	sys_clone, sys_clone3
sys_clone:
	addi	t0, a0, -TF_X(10)
	save_kept t0
	j	clone_saved
sys_clone3:
	addi	t0, a0, -TF_X(10)
	save_kept t0
	j	clone3_saved

from_kernel:
	csrrw	tp, sscratch, tp
	sd	t0, (TH_SCRATCH + 8)(tp)
	ld	t0, TH_KSTACK(tp)
	sub	t0, sp, t0
	addi	t0, t0, -TF_SIZE
	srli	t0, t0, KSTACK_SHIFT
	bnez	t0, stack_overflow
	ld	t0, (TH_SCRATCH + 8)(tp)
	addi	sp, sp, -TF_SIZE
	.globl	kernel_frame, stack_overflow
kernel_frame:
	save_others
	save_kept sp
	addi	t0, sp, TF_SIZE
	csrr	t1, sepc
	csrr	t2, sstatus
	csrr	t3, scause
	csrr	t4, stval
	sd	t0, TF_X(2)(sp)
	sd	tp, TF_X(4)(sp)
	sd	t1, TF_EPC(sp)
	sd	t2, TF_STATUS(sp)
	sd	t3, TF_CAUSE(sp)
	sd	t4, TF_TVAL(sp)
	li	t0, SSTATUS_SUM
	csrc	sstatus, t0
	mv	a0, sp
	call	trap_kernel
	ld	t0, TF_EPC(sp)
	ld	t1, TF_STATUS(sp)
	csrw	sepc, t0
	csrw	sstatus, t1
	restore_others
	addi	sp, sp, TF_SIZE
	sret

/* No room for a frame: the panic runs on a stack of its own. */
stack_overflow:
	ld	t0, (TH_SCRATCH + 8)(tp)
	sd	sp, (TH_SCRATCH + 16)(tp)
	la	sp, overflow_stack_top - TF_SIZE
	save_others
	save_kept sp
	ld	t0, (TH_SCRATCH + 16)(tp)
	csrr	t1, sepc
	csrr	t2, sstatus
	csrr	t3, scause
	csrr	t4, stval
	sd	t0, TF_X(2)(sp)
	sd	tp, TF_X(4)(sp)
	sd	t1, TF_EPC(sp)
	sd	t2, TF_STATUS(sp)
	sd	t3, TF_CAUSE(sp)
	sd	t4, TF_TVAL(sp)
	mv	a0, sp
	call	trap_stack_overflow

	.bss
	.balign	16
	.zero	4096
overflow_stack_top:

/* Is there a stimecmp register? Returns 1, or 0 when its first write traps. */
	.text
	.globl	probe_stimecmp
probe_stimecmp:
	la	t0, 1f
	csrrw	t1, stvec, t0
	li	t2, -1
	li	a0, 0
	csrw	CSR_STIMECMP, t2
	li	a0, 1
	.balign	4
1:	csrw	stvec, t1
	ret
