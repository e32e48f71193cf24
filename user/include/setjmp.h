/* SPDX-License-Identifier: ISC */
/* Non-local jumps; the buffer holds ra, sp, s0-s11, fs0-fs11 and, for sigsetjmp, the signal mask. */
#ifndef _SETJMP_H
#define _SETJMP_H

typedef struct {
	unsigned long __regs[26];
	unsigned long __saved;
	unsigned long __mask;
} jmp_buf[1];
typedef jmp_buf sigjmp_buf;
int setjmp(jmp_buf env) __attribute__((returns_twice));
int _setjmp(jmp_buf env) __attribute__((returns_twice));
int sigsetjmp(sigjmp_buf env, int save) __attribute__((returns_twice));
_Noreturn void longjmp(jmp_buf env, int val);
_Noreturn void _longjmp(jmp_buf env, int val);
_Noreturn void siglongjmp(sigjmp_buf env, int val);

#endif
