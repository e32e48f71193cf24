/* SPDX-License-Identifier: ISC */
/* Device registers: loads and stores of one width, done once and in program order, and the barrier between them and RAM. */
#ifndef DEV_MMIO_H
#define DEV_MMIO_H

#include "lib/base.h"

/* Orders all earlier accesses, to memory and devices, before all later ones. */
static inline void io_fence(void)
{
	__asm__ volatile("fence iorw, iorw" ::: "memory");
}

static inline uint8_t mmio_read8(const volatile void *reg)
{
	return *(const volatile uint8_t *)reg;
}

static inline uint32_t mmio_read32(const volatile void *reg)
{
	return *(const volatile uint32_t *)reg;
}

static inline void mmio_write8(volatile void *reg, uint8_t v)
{
	*(volatile uint8_t *)reg = v;
}

static inline void mmio_write32(volatile void *reg, uint32_t v)
{
	*(volatile uint32_t *)reg = v;
}

#endif
