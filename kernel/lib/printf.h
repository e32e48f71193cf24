/* SPDX-License-Identifier: ISC */
/*
 * Formatted output: %d %i %u %x %X %o %c %s %p %%, h hh l ll z t j, width, precision, - 0 # + space, and *
 * for both.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include "lib/base.h"

/* As C17 7.21.6: the length the whole text would have. */
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap);

/* To the console and the ring that dmesg reads; any context. */
void kprintf(const char *fmt, ...) __printf(1, 2);
void kvprintf(const char *fmt, va_list ap);

/*
 * Copies up to `size` bytes of the kept messages (klog_size of them) from `offset` on, the oldest first; the
 * number.
 */
size_t klog_read(char *buf, size_t size, size_t offset);
size_t klog_size(void);

#endif
