/* SPDX-License-Identifier: ISC */
/* Diagnostics with the program's name and, for err and warn, errno's text. */
#ifndef _ERR_H
#define _ERR_H

#include <stdarg.h>
_Noreturn void err(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void errx(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
