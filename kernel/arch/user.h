/* SPDX-License-Identifier: ISC */
/*
 * Touching user memory from the kernel: with SUM set for just these routines and a fix-up table for their
 * faults. A fault goes to vm_fault() of the current space unless faults are off for the thread; so nothing
 * that a fault takes may be held (DESIGN, invariant 8). Addresses are checked against USER_TOP.
 */
#ifndef ARCH_USER_H
#define ARCH_USER_H

#include "arch/csr.h"
#include "arch/mmu.h"
#include "lib/base.h"

static inline bool user_range_ok(uint64_t uaddr, size_t n)
{
	return n <= USER_TOP && uaddr <= USER_TOP - n;
}

/* user_copy.S: the loop alone, without a look at the addresses. */
size_t user_copy_raw(void *dst, const void *src, size_t n);
/* Both return the number of bytes NOT copied (0: all; n also where not all of it is user memory). May sleep in a fault. */
size_t user_copy_in(void *dst, uint64_t usrc, size_t n);
size_t user_copy_out(uint64_t udst, const void *src, size_t n);
/* Zeroes user memory; the number of bytes not zeroed. */
size_t user_zero(uint64_t udst, size_t n);

/*
 * The same with faults off: a page that is not mapped stops the copy. Sleeps never, so any lock may be held.
 */
size_t user_copy_in_nofault(void *dst, uint64_t usrc, size_t n);
size_t user_copy_out_nofault(uint64_t udst, const void *src, size_t n);

/*
 * Touches (reads, or writes back what is there) one byte of each page of the range with faults on; 0 or
 * -EFAULT.
 */
int user_fault_in(uint64_t uaddr, size_t n, bool write);

/*
 * Copies a string of at most max bytes with its NUL; its length, -EFAULT, or -ENAMETOOLONG when max is too
 * small.
 */
ssize_t user_copy_string(char *dst, uint64_t usrc, size_t max);

/* 0 or -EFAULT for whole objects. */
static inline int get_user(void *dst, uint64_t usrc, size_t n)
{
	return user_range_ok(usrc, n) && !user_copy_raw(dst, (const void *)usrc, n) ? 0 : -14;
}

static inline int put_user(uint64_t udst, const void *src, size_t n)
{
	return user_range_ok(udst, n) && !user_copy_raw((void *)udst, src, n) ? 0 : -14;
}

/*
 * For what has a fixed layout, straight-line moves of n bytes (a constant, a multiple of 8) to or from the program: between user_begin()
 * and user_end(), which let the kernel touch it, with nothing else between. Who uses them has checked the
 * addresses; a fault that cannot be mended goes to the label `fault`, with some words moved.
 */
static inline void user_begin(void)
{
	csr_set(sstatus, SSTATUS_SUM);
}

static inline void user_end(void)
{
	csr_clear(sstatus, SSTATUS_SUM);
}

#define USER_WORDS(body, fault)                                    \
	"1:	.set	.Lat, 0\n	.rept	%c[nwords]\n" body \
	"	.set	.Lat, .Lat + 8\n	.endr\n2:\n"                       \
	".pushsection .fixup, \"a\"\n	.balign 8\n	.dword 1b, 2b, %l[" #fault "]\n	.popsection"

#define user_move_words(dst, src, n, fault)                                                           \
	__asm__ goto(USER_WORDS("ld t0, .Lat(%[from])\n sd t0, .Lat(%[to])\n", fault)::[to] "r"(dst), \
		     [from] "r"(src), [nwords] "i"((n) / 8)                                           \
		     : "t0", "memory"                                                                 \
		     : fault)
#define user_zero_words(dst, n, fault)                                                                 \
	__asm__ goto(USER_WORDS("sd zero, .Lat(%[to])\n", fault)::[to] "r"(dst), [nwords] "i"((n) / 8) \
		     : "memory"                                                                        \
		     : fault)

/* 32-bit atomic compare and exchange on user memory (futexes); 0 and *old, or -EFAULT. */
int user_cmpxchg32(uint64_t uaddr, uint32_t expect, uint32_t desired, uint32_t *old);

#endif
