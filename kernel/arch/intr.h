/* SPDX-License-Identifier: ISC */
/*
 * External interrupts through the PLIC. Handlers run with interrupts off, on whichever hart took it; they
 * must not sleep.
 */
#ifndef ARCH_INTR_H
#define ARCH_INTR_H

#include "lib/base.h"

typedef void (*intr_handler)(void *arg);
/* irq: the PLIC source number of the device tree's `interrupts`. 0, or -EBUSY / -EINVAL. */
int intr_register(unsigned irq, intr_handler fn, void *arg, const char *name);

/* Boot: finds the PLIC and prepares it for all harts of the device tree; without one intr_register fails. */
void intr_init(void);
/* trap.c: an external interrupt of this hart. */
void intr_external(void);

#endif
