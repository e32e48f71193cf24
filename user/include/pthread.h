/* SPDX-License-Identifier: ISC */
/*
 * Threads: those parts of POSIX that programs here use. Cancellation, priorities and scheduling are not there; stdio
 * is for one thread at a time.
 */
#ifndef _PTHREAD_H
#define _PTHREAD_H

#include <signal.h>
#include <time.h>

typedef struct __pthread *pthread_t;
typedef unsigned pthread_key_t;
typedef int pthread_once_t;

typedef struct {
	size_t stack_size;
	int detached;
} pthread_attr_t;

typedef struct {
	int type, shared, robust;
} pthread_mutexattr_t;

typedef struct {
	clockid_t clock;
	int shared;
} pthread_condattr_t;

struct __link { /* of the locks that a thread holds: set_robust_list(2) */
	struct __link *prev;
	void *next; /* where the next one's `next` lies: so the kernel walks */
};

typedef struct {
	int word; /* 0, or the owner's id, FUTEX_WAITERS, FUTEX_OWNER_DIED */
	int depth, type, shared, robust;
	int state; /* robust: its owner died; nobody mended it */
	struct __link link;
} pthread_mutex_t;

typedef struct {
	unsigned seq; /* goes on at every signal */
	int shared;
	clockid_t clock;
} pthread_cond_t;

enum { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK };
#define PTHREAD_MUTEX_DEFAULT	PTHREAD_MUTEX_NORMAL
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED	1
#define PTHREAD_MUTEX_STALLED	0
#define PTHREAD_MUTEX_ROBUST	1
#define PTHREAD_CREATE_JOINABLE 0
#define PTHREAD_CREATE_DETACHED 1
#define PTHREAD_ONCE_INIT	0
#define PTHREAD_KEYS_MAX	64
#define PTHREAD_STACK_MIN	16384
#define PTHREAD_MUTEX_INITIALIZER \
	{                         \
		0                 \
	}
#define PTHREAD_COND_INITIALIZER \
	{                        \
		0                \
	}

int pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
_Noreturn void pthread_exit(void *result);
int pthread_join(pthread_t t, void **result);
int pthread_detach(pthread_t t);
pthread_t pthread_self(void);
int pthread_equal(pthread_t a, pthread_t b);
int pthread_once(pthread_once_t *once, void (*fn)(void));
int pthread_kill(pthread_t t, int sig);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old);

int pthread_attr_init(pthread_attr_t *attr);
int pthread_attr_destroy(pthread_attr_t *attr);
int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size);
int pthread_attr_setdetachstate(pthread_attr_t *attr, int state);

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int pthread_key_delete(pthread_key_t key);
int pthread_setspecific(pthread_key_t key, const void *value);
void *pthread_getspecific(pthread_key_t key);

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr);
int pthread_mutex_destroy(pthread_mutex_t *m);
int pthread_mutex_lock(pthread_mutex_t *m);
int pthread_mutex_trylock(pthread_mutex_t *m);
int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *deadline);
int pthread_mutex_unlock(pthread_mutex_t *m);
int pthread_mutex_consistent(pthread_mutex_t *m);
int pthread_mutexattr_init(pthread_mutexattr_t *attr);
int pthread_mutexattr_destroy(pthread_mutexattr_t *attr);
int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type);
int pthread_mutexattr_setpshared(pthread_mutexattr_t *attr, int shared);
int pthread_mutexattr_setrobust(pthread_mutexattr_t *attr, int robust);

int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr);
int pthread_cond_destroy(pthread_cond_t *c);
int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *deadline);
int pthread_cond_signal(pthread_cond_t *c);
int pthread_cond_broadcast(pthread_cond_t *c);
int pthread_condattr_init(pthread_condattr_t *attr);
int pthread_condattr_destroy(pthread_condattr_t *attr);
int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared);
int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock);

#endif
