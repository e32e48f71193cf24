/* SPDX-License-Identifier: ISC */
/*
 * Counting zeros below the lowest bit, which the compiler calls by this name because the base instruction set has
 * nothing for it: a multiplication by a de Bruijn sequence brings a number that is the bit's own to the top.
 */
#include "lib/base.h"

int count_trailing_zeros(uint64_t x) __asm__("__ctzdi2");

int count_trailing_zeros(uint64_t x)
{
	static const uint8_t place[64] = { 0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,  34, 55, 48, 28,
					   62, 5,  39, 46, 44, 42, 22, 9,  24, 35, 59, 56, 49, 18, 29, 11,
					   63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21, 23, 58, 17, 10,
					   51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12 };

	return place[(x & -x) * 0x022fdd63cc95386dul >> 58];
}
