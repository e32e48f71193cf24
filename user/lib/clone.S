/* SPDX-License-Identifier: ISC */
/* clone(fn, stack, flags, arg, ptid, tls, ctid): the child runs fn(arg) on `stack` and exits with its result. */
	.text
	.globl clone
	.type clone, @function
clone:
	andi a1, a1, -16
	addi a1, a1, -16
	sd a0, 0(a1)
	sd a3, 8(a1)
	mv a0, a2
	mv a2, a4
	mv a3, a5
	mv a4, a6
	li a7, 220		/* clone(flags, stack, ptid, tls, ctid) */
	ecall
	beqz a0, 1f
	tail __ret
1:	li fp, 0
	ld t0, 0(sp)
	ld a0, 8(sp)
	jalr t0
	li a7, 93		/* exit: this thread only */
	ecall
	unimp
	.size clone, . - clone

/* vfork(): the child returns first, on the parent's stack; what it does to the frames above is the program's care. */
	.globl vfork
	.type vfork, @function
vfork:
	li a0, 0x4111		/* CLONE_VM | CLONE_VFORK | SIGCHLD */
	li a1, 0
	li a7, 220
	ecall
	bltz a0, 1f
	ret
1:	tail __ret
	.size vfork, . - vfork
