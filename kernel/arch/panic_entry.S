/* SPDX-License-Identifier: ISC */
/*
 * panic(fmt, ...): saves the caller's registers as a trap does, for panic_called to show. The arguments behind
 * fmt lie in the frame in a row, a1 to a7, as a list of variable arguments has them: there may be seven.
 */
#include "arch/csr.h"
#include "arch/offsets.h"

	.text
	.globl	panic
panic:
	addi	sp, sp, -TF_SIZE
	.irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	sd	x\n, TF_X(\n)(sp)
	.endr
	.irp n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd	x\n, TF_X(\n)(sp)
	.endr
	addi	t0, sp, TF_SIZE
	csrr	t1, sstatus
	sd	t0, TF_X(2)(sp)
	sd	t1, TF_STATUS(sp)
	sd	ra, TF_EPC(sp)
	sd	zero, TF_CAUSE(sp)
	sd	zero, TF_TVAL(sp)
	mv	a0, sp
	call	panic_called
