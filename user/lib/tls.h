/* SPDX-License-Identifier: ISC */
/* Room for a thread's own variables and description. */
#ifndef TLS_H
#define TLS_H

#include <stddef.h>

struct __pthread;
size_t __tls_size(void);
/* Puts both at the upper end of n bytes of zeros. */
struct __pthread *__tls_place(void *low, size_t n);

#endif
