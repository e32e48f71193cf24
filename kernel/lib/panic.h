/* SPDX-License-Identifier: ISC */
/* The end of the kernel. panic() itself is declared in lib/base.h. */
#ifndef LIB_PANIC_H
#define LIB_PANIC_H

#include "lib/base.h"

struct trapframe;

/* The same as panic(), for a trap of the kernel's own: shows and unwinds the registers of the frame. */
void panic_frame(const struct trapframe *f, const char *fmt, ...) __noreturn __printf(2, 3);
/* Has this hart panicked? Then it takes no locks and polls the console. */
bool panic_is_here(void);
/* Starts a new line on the console unless at the start of one. */
void kprintf_fresh_line(void);

#endif
