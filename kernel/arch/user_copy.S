/* SPDX-License-Identifier: ISC */
/*
 * The loops that touch user memory, with SUM set for just these. All advance their registers at the end of a
 * round, so that after a fault the byte loop can go on where the round began, and stops at the very byte.
 * Leaf routines without a stack frame; what faults is in the table .fixup: start, end, where to go on.
 */
#include "arch/csr.h"

.macro fixup from, to, handler
	.pushsection .fixup, "a"
	.balign	8
	.dword	\from, \to, \handler
	.popsection
.endm

.macro move8 offset			/* eight words from a1 to a0 */
	.set	i, \offset
	.irp	r, a3, a4, a5, a6, a7, t1, t2, t3
	ld	\r, i(a1)
	.set	i, i + 8
	.endr
	.set	i, \offset
	.irp	r, a3, a4, a5, a6, a7, t1, t2, t3
	sd	\r, i(a0)
	.set	i, i + 8
	.endr
.endm

	.text
/* user_copy_raw(a0 dst, a1 src, a2 n): the number of bytes not copied. One of both is user memory. */
	.globl	user_copy_raw
user_copy_raw:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
copy_fast:
	or	t4, a0, a1
	andi	t4, t4, 7
	beqz	t4, 2f
	li	t4, 16
	bltu	a2, t4, copy_tail
	xor	t4, a0, a1
	andi	t4, t4, 7
	bnez	t4, copy_skewed
1:	andi	t4, a0, 7		/* bytes up to a word boundary */
	beqz	t4, 2f
	lb	a3, 0(a1)
	sb	a3, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	j	1b
2:	li	t4, 2048
	bltu	a2, t4, 4f
3:	.set	at, 0
	.rept	2048 / 64
	move8	at
	.set	at, at + 64
	.endr
	add	a0, a0, t4
	add	a1, a1, t4
	sub	a2, a2, t4
	bgeu	a2, t4, 3b
	beqz	a2, copy_done
4:	andi	t4, a2, 255 * 8		/* the other words, by a jump into as many moves */
	beqz	t4, copy_tail
	lla	t5, 5f
	sub	t5, t5, t4
	jr	t5
	.option	push
	.option	norvc			/* a move has as many bytes as what it moves */
	.set	i, 254 * 8
	.rept	255
	ld	a3, i(a1)
	sd	a3, i(a0)
	.set	i, i - 8
	.endr
	.option	pop
5:	add	a0, a0, t4
	add	a1, a1, t4
	sub	a2, a2, t4
	j	copy_tail

/*
 * Source and destination lie differently in their words: aligned reads, shifted together. An aligned word
 * that holds a byte of the source is on a page of the source.
 */
copy_skewed:
1:	andi	t4, a0, 7
	beqz	t4, 2f
	lb	a3, 0(a1)
	sb	a3, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	j	1b
2:	li	t4, 8
	bltu	a2, t4, copy_tail
	andi	t5, a1, 7
	sub	t6, a1, t5		/* the aligned word of the next byte */
	slli	t5, t5, 3		/* bits to shift down; up: 64 less that, which is its negative */
	neg	t2, t5
	ld	a3, 0(t6)
3:	ld	a4, 8(t6)
	srl	a5, a3, t5
	sll	a6, a4, t2
	or	a5, a5, a6
	sd	a5, 0(a0)
	mv	a3, a4
	addi	t6, t6, 8
	addi	a0, a0, 8
	addi	a1, a1, 8
	addi	a2, a2, -8
	bgeu	a2, t4, 3b
copy_fast_end:
copy_tail:
	beqz	a2, copy_done
1:	lb	a3, 0(a1)
	sb	a3, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	bnez	a2, 1b
copy_done:
	csrc	sstatus, t0
	mv	a0, a2
	ret
	fixup	copy_fast, copy_fast_end, copy_tail
	fixup	copy_tail, copy_done, copy_done

/* user_zero_raw(a0 dst, a1 n): the number of bytes not zeroed. */
	.globl	user_zero_raw
user_zero_raw:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
zero_fast:
	li	t4, 16
	bltu	a1, t4, zero_tail
1:	andi	t4, a0, 7
	beqz	t4, 2f
	sb	zero, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, -1
	j	1b
2:	li	t4, 64
	bltu	a1, t4, 4f
3:	.irp	i, 0, 8, 16, 24, 32, 40, 48, 56
	sd	zero, \i(a0)
	.endr
	addi	a0, a0, 64
	addi	a1, a1, -64
	bgeu	a1, t4, 3b
4:	li	t4, 8
	bltu	a1, t4, zero_tail
5:	sd	zero, 0(a0)
	addi	a0, a0, 8
	addi	a1, a1, -8
	bgeu	a1, t4, 5b
zero_fast_end:
zero_tail:
	beqz	a1, zero_done
1:	sb	zero, 0(a0)
	addi	a0, a0, 1
	addi	a1, a1, -1
	bnez	a1, 1b
zero_done:
	csrc	sstatus, t0
	mv	a0, a1
	ret
	fixup	zero_fast, zero_fast_end, zero_tail
	fixup	zero_tail, zero_done, zero_done

/*
 * user_string_raw(a0 dst, a1 src, a2 max): the length without the NUL, max if there is none within, -1 for a
 * fault.
 */
	.globl	user_string_raw
user_string_raw:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
	mv	a5, a1
	add	a2, a1, a2
	sub	a0, a0, a1		/* from a byte of the source to where it goes */
string_loop:
	beq	a1, a2, string_done
	lbu	a4, 0(a1)
	add	a3, a0, a1
	sb	a4, 0(a3)
	addi	a1, a1, 1
	bnez	a4, string_loop
	addi	a1, a1, -1
string_done:
	sub	a0, a1, a5
	csrc	sstatus, t0
	ret
string_fault:
	li	a0, -1
	csrc	sstatus, t0
	ret
	fixup	string_loop, string_fault, string_fault

/* user_touch(a0 address, a1 write): 0, or -1 for a fault. */
	.globl	user_touch
user_touch:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
touch_start:
	bnez	a1, 1f
	lb	a1, 0(a0)
	j	2f
1:	andi	a0, a0, -4		/* an atomic that changes nothing: another thread may write there */
	amoor.w	zero, zero, (a0)
2:	li	a0, 0
	j	touch_done
touch_end:
	li	a0, -1
touch_done:
	csrc	sstatus, t0
	ret
	fixup	touch_start, touch_end, touch_end

/* user_cmpxchg_raw(a0 address, a1 expect, a2 desired, a3 old *): 0, or -1 for a fault. */
	.globl	user_cmpxchg_raw
user_cmpxchg_raw:
	li	t0, SSTATUS_SUM
	csrs	sstatus, t0
	sext.w	a1, a1
cas_start:
	lr.w.aqrl a4, (a0)
	bne	a4, a1, 1f
	sc.w.aqrl a5, a2, (a0)
	bnez	a5, cas_start
1:	li	a0, 0
	j	cas_done
cas_end:
	li	a0, -1
cas_done:
	csrc	sstatus, t0
	sw	a4, 0(a3)
	ret
	fixup	cas_start, cas_end, cas_end
