/* SPDX-License-Identifier: ISC */
/* The types and small macros that every file of the kernel uses. */
#ifndef LIB_BASE_H
#define LIB_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (PAGE_SIZE - 1)
#define MAX_HARTS  8

#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b)			((a) < (b) ? (a) : (b))
#define MAX(a, b)			((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, a)		((x) & ~((typeof(x))(a)-1))
#define ALIGN_UP(x, a)			ALIGN_DOWN((x) + (a)-1, a)
#define DIV_ROUND_UP(x, n)		(((x) + (n)-1) / (n))
#define page_round_up(x)		ALIGN_UP((uint64_t)(x), PAGE_SIZE)
#define page_round_down(x)		ALIGN_DOWN((uint64_t)(x), PAGE_SIZE)

/* One access to a word that others read or write at the same time, without order among other accesses: what is seen may be out of date. */
#define load_relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#ifdef QUIRE_HOST
#define store_relaxed(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#else /* gcc 12 makes an atomic exchange of the above */
#define store_relaxed(p, v) ((void)(*(volatile __typeof__(*(p)) *)(p) = (v)))
#endif
/* A pointer to what another hart filled before it stored the pointer: loads through it see that. The machine keeps such loads in order. */
#ifdef QUIRE_HOST
#define load_pointer(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#else
#define load_pointer(p) load_relaxed(p)
#endif

#define likely(x)      __builtin_expect(!!(x), 1)
#define unlikely(x)    __builtin_expect(!!(x), 0)
#define __noreturn     __attribute__((noreturn))
#define __printf(f, a) __attribute__((format(printf, f, a)))
#define __packed       __attribute__((packed))
#define __unused       __attribute__((unused))
#define __must_check   __attribute__((warn_unused_result))
#define fallthrough    __attribute__((fallthrough))

typedef int64_t off_t;
typedef int64_t ssize_t;
typedef int32_t pid_t;

/* A fatal inconsistency of the kernel's own: message, registers, backtrace, the other harts stopped, exit 255. */
void panic(const char *fmt, ...) __noreturn __printf(1, 2);

/* assert: always on, for cheap checks. dassert: only with make DEBUG=1. */
#define assert(cond)                                                                     \
	do {                                                                             \
		if (unlikely(!(cond)))                                                   \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
	} while (0)
#ifdef QUIRE_DEBUG
#define dassert(cond) assert(cond)
#else
#define dassert(cond) ((void)sizeof(!(cond)))
#endif

#endif
