/* SPDX-License-Identifier: ISC */
/* The library's own view of a thread: what lies below its thread pointer; see pthread.c. */
#ifndef LIB_PTHREAD_H
#define LIB_PTHREAD_H

#include <pthread.h>

struct __pthread {
	int tid;	  /* 0: not asked for yet (the first thread, or after fork) */
	int alive;	  /* the kernel makes it 0 and wakes it when the thread has ended */
	int robust_known; /* the kernel knows `robust` */
	int detached;
	void *(*fn)(void *);
	void *arg, *result;
	void *stack; /* the mapping, of which this is the upper end */
	size_t stack_size;
	struct __pthread *next; /* detached ones whose stacks are to be given back */
	const void *specific[PTHREAD_KEYS_MAX];
	struct { /* set_robust_list(2) from locks.next on */
		struct __link locks;
		long offset;
		void *pending;
	} robust;
};

static inline struct __pthread *__self(void)
{
	struct __pthread *tp;

	__asm__("mv %0, tp" : "=r"(tp));
	return tp - 1;
}

/* Locks of the library's own: 0 free, 1 held, 2 and somebody waits. Nothing happens while there are no threads. */
extern int __threaded;
void __lock(int *l);
void __unlock(int *l);
extern int __malloc_lock;
/* Called first of all, and in the child of a fork: the thread that there is. */
void __tls_start(void);
void __thread_forked(void);

#endif
