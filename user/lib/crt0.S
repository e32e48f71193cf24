/* SPDX-License-Identifier: ISC */
/*
 * Start of a program: hands the kernel's stack (argc, argv, envp, auxv) to __libc_start.
 *
 * Programs are compiled hosted (-std=gnu17 -march=rv64gc -mabi=lp64d -mcmodel=medany, -nostdinc with
 * user/include before the compiler's own headers) and linked -static -nostdlib -nostartfiles as
 * crt0.o program.o libc.a -lgcc. The library itself needs -ffreestanding -fno-tree-loop-distribute-patterns.
 */
	.text
	.globl _start
	.type _start, @function
_start:
	.option push
	.option norelax
	lla gp, __global_pointer$
	.option pop
	li fp, 0
	li ra, 0
	mv a0, sp
	andi sp, sp, -16
	call __libc_start
	unimp
	.size _start, . - _start
