/* SPDX-License-Identifier: ISC */
/* The library's own: system calls, and what its files share. */
#ifndef LIBC_H
#define LIBC_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

static inline long __raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;
	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}

#define RAW_(nr, a, b, c, d, e, f, ...) \
	__raw(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* The call's result as the kernel gives it: a negative errno on failure. */
#define RAW(...) RAW_(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
/* The same as C programs want it: -1 and errno. */
#define SC(...) __ret(RAW(__VA_ARGS__))

long __ret(long r);

extern unsigned long *__auxv;
_Noreturn void __libc_start(long *sp);
void __stdio_flush_all(void);

/* Is `c` among the bytes of the set (256 bits)? */
struct byteset {
	unsigned long bits[4];
};
static inline void set_add(struct byteset *s, unsigned char c)
{
	s->bits[c / 64] |= 1ul << (c % 64);
}
static inline int set_has(const struct byteset *s, unsigned char c)
{
	return (s->bits[c / 64] >> (c % 64)) & 1;
}

#endif
