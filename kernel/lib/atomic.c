/* SPDX-License-Identifier: ISC */
/*
 * Atomic operations on single bytes, which the compiler calls by these names because the A extension has
 * none: done on the aligned word around the byte.
 */
#include "lib/base.h"

uint8_t atomic_exchange_byte(volatile void *p, uint8_t value, int order) __asm__("__atomic_exchange_1");
bool atomic_compare_exchange_byte(volatile void *p, void *expected, uint8_t desired, bool weak, int success,
				  int failure) __asm__("__atomic_compare_exchange_1");

static uint32_t *word_of(volatile void *p, unsigned *shift)
{
	*shift = ((uintptr_t)p & 3) * 8;
	return (uint32_t *)((uintptr_t)p & ~3ul);
}

uint8_t atomic_exchange_byte(volatile void *p, uint8_t value, int order __unused)
{
	unsigned shift;
	uint32_t *word = word_of(p, &shift), old = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(word, &old, (old & ~(0xffu << shift)) | (uint32_t)value << shift,
					    true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	return (uint8_t)(old >> shift);
}

bool atomic_compare_exchange_byte(volatile void *p, void *expected, uint8_t desired, bool weak __unused,
				  int success __unused, int failure __unused)
{
	unsigned shift;
	uint32_t *word = word_of(p, &shift), old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	uint8_t *want = expected;

	while ((uint8_t)(old >> shift) == *want)
		if (__atomic_compare_exchange_n(word, &old,
						(old & ~(0xffu << shift)) | (uint32_t)desired << shift, true,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	*want = (uint8_t)(old >> shift);
	return false;
}
