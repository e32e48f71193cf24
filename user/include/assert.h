/* SPDX-License-Identifier: ISC */
/* assert(): told on standard error, then abort(). */
#ifndef _ASSERT_H
#define _ASSERT_H

#undef assert
#ifdef NDEBUG
#define assert(x) ((void)0)
#else
#define assert(x) ((x) ? (void)0 : __assert_fail(#x, __FILE__, __LINE__, __func__))
#endif
#ifndef static_assert
#define static_assert _Static_assert
#endif
_Noreturn void __assert_fail(const char *expr, const char *file, int line, const char *func);

#endif
