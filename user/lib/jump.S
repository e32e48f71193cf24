/* SPDX-License-Identifier: ISC */
/* setjmp and longjmp: ra, sp, s0-s11, fs0-fs11 at 0; whether a mask was kept at 208; the mask at 216. */
	.macro regs op, fop
	\op ra, 0(a0)
	\op sp, 8(a0)
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11
	\op s\n, 16+8*\n(a0)
	.endr
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11
	\fop fs\n, 112+8*\n(a0)
	.endr
	.endm

	.text
	.globl setjmp, _setjmp, sigsetjmp
	.type sigsetjmp, @function
sigsetjmp:
	sd a1, 208(a0)
	beqz a1, setjmp
	mv t0, a0
	li a0, 0		/* SIG_BLOCK */
	li a1, 0
	addi a2, t0, 216
	li a3, 8
	li a7, 135		/* rt_sigprocmask */
	ecall
	mv a0, t0
	.type setjmp, @function
setjmp:
_setjmp:
	regs sd, fsd
	li a0, 0
	ret

	.globl longjmp, _longjmp, siglongjmp
	.type siglongjmp, @function
siglongjmp:
	ld t0, 208(a0)
	beqz t0, longjmp
	mv t0, a0
	mv t1, a1
	li a0, 2		/* SIG_SETMASK */
	addi a1, t0, 216
	li a2, 0
	li a3, 8
	li a7, 135
	ecall
	mv a0, t0
	mv a1, t1
	.type longjmp, @function
longjmp:
_longjmp:
	regs ld, fld
	seqz a0, a1
	add a0, a0, a1
	ret
