/* SPDX-License-Identifier: ISC */
/* The fixed-width integers, as the compiler has them. */
#ifndef _STDINT_H
#define _STDINT_H

#include <stdint-gcc.h>

#endif
