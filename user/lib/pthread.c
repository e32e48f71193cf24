/* SPDX-License-Identifier: ISC */
/*
 * Threads, over clone(2) and futexes. A thread's stack, its description and its own variables are one mapping, which
 * whoever joins it gives back; those of detached threads are given back when the next thread is made.
 *
 * A mutex's word holds the owner's id in the way that the kernel knows, so that it can mark robust ones whose owner
 * died (set_robust_list(2)). A condition is a number that goes on: a waiter sleeps while it is the one it saw.
 */
#include "pthread.h"
#include "libc.h"
#include "tls.h"
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WAKE = 1, WAIT_BITSET = 9, PRIVATE = 128, CLOCK_REALTIME_ = 256 };
#define WAITERS	   0x80000000u
#define OWNER_DIED 0x40000000u
#define TID_MASK   0x3fffffffu
#define STACK	   (1ul << 20)
#define GUARD	   4096ul

static int lock;
static struct __pthread *detached;
static void (*destructors[PTHREAD_KEYS_MAX])(void *);
static unsigned char keys_used[PTHREAD_KEYS_MAX];

static void ignore(void *value)
{
	(void)value;
}

static unsigned self_tid(void)
{
	struct __pthread *t = __self();

	if (!t->tid)
		t->tid = (int)RAW(SYS_gettid);
	return (unsigned)t->tid;
}

/* 0, -EAGAIN, -EINTR, -ETIMEDOUT. */
static long wait_on(const void *word, unsigned value, int shared, clockid_t clock,
		    const struct timespec *until)
{
	int op = WAIT_BITSET | (shared ? 0 : PRIVATE) |
		 (until && clock == CLOCK_REALTIME ? CLOCK_REALTIME_ : 0);

	return RAW(SYS_futex, word, op, value, until, 0, -1);
}

static void wake(const void *word, int n, int shared)
{
	RAW(SYS_futex, word, WAKE | (shared ? 0 : PRIVATE), n);
}

/* ---- birth and end ---- */

static int begin(void *arg)
{
	struct __pthread *t = arg;

	pthread_exit(t->fn(t->arg));
}

/* With the lock held. */
static void reap_detached(void)
{
	struct __pthread **p = &detached, *t;

	while ((t = *p)) {
		if (__atomic_load_n(&t->alive, __ATOMIC_ACQUIRE)) {
			p = &t->next;
			continue;
		}
		*p = t->next;
		munmap(t->stack, t->stack_size);
	}
}

int pthread_create(pthread_t *out, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
			  CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
	size_t want = attr && attr->stack_size ? attr->stack_size : STACK;
	size_t size = (GUARD + want + __tls_size() + 4095) & ~4095ul;
	struct __pthread *t;
	int saved = errno;
	char *stack;

	__threaded = 1;
	__lock(&lock);
	reap_detached();
	__unlock(&lock);
	stack = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return EAGAIN;
	mprotect(stack, GUARD, PROT_NONE);
	t = __tls_place(stack, size);
	t->fn = fn;
	t->arg = arg;
	t->stack = stack;
	t->stack_size = size;
	t->alive = 1;
	*out = t;
	if (clone(begin, t, flags, t, &t->tid, t + 1, &t->alive) < 0) {
		int e = errno;

		munmap(stack, size);
		errno = saved;
		return e == ENOMEM ? EAGAIN : e;
	}
	if (attr && attr->detached)
		pthread_detach(t);
	return 0;
}

static void run_destructors(struct __pthread *t)
{
	int again = 1;

	for (int round = 0; again && round < 4; round++) {
		again = 0;
		for (int i = 0; i < PTHREAD_KEYS_MAX; i++) {
			void *value = (void *)(uintptr_t)t->specific[i];

			if (!value || !keys_used[i])
				continue;
			t->specific[i] = 0;
			again = 1;
			destructors[i](value);
		}
	}
}

/* The last thread ends the process, with status 0: the kernel sees to it, but not to stdio's buffers. */
void pthread_exit(void *result)
{
	struct __pthread *t = __self();

	t->result = result;
	run_destructors(t);
	for (;;)
		RAW(SYS_exit, 0);
}

int pthread_join(pthread_t t, void **result)
{
	int alive;

	while ((alive = __atomic_load_n(&t->alive, __ATOMIC_ACQUIRE)))
		wait_on(&t->alive, (unsigned)alive, 1, 0, 0); /* shared: as the kernel wakes it */
	if (result)
		*result = t->result;
	munmap(t->stack, t->stack_size);
	return 0;
}

int pthread_detach(pthread_t t)
{
	__lock(&lock);
	t->next = detached;
	detached = t;
	__unlock(&lock);
	return 0;
}

pthread_t pthread_self(void)
{
	return __self();
}

int pthread_equal(pthread_t a, pthread_t b)
{
	return a == b;
}

int pthread_once(pthread_once_t *once, void (*fn)(void))
{
	enum { NEW, BEGUN, DONE };
	int seen = NEW;

	if (__atomic_compare_exchange_n(once, &seen, BEGUN, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
		fn();
		__atomic_store_n(once, DONE, __ATOMIC_RELEASE);
		wake(once, INT_MAX, 0);
	}
	while (__atomic_load_n(once, __ATOMIC_ACQUIRE) != DONE)
		wait_on(once, BEGUN, 0, 0, 0);
	return 0;
}

int pthread_kill(pthread_t t, int sig)
{
	if (t == __self())
		self_tid();
	int r = (int)-RAW(SYS_tgkill, getpid(), t->tid ? t->tid : getpid(), sig);
	return r == ESRCH ? 0 : r; /* it has ended, but may be named until it is joined */
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)-RAW(SYS_rt_sigprocmask, how, set, old, sizeof(sigset_t));
}

int pthread_attr_init(pthread_attr_t *attr)
{
	*attr = (pthread_attr_t){ 0 };
	return 0;
}

int pthread_attr_destroy(pthread_attr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size)
{
	if (size < PTHREAD_STACK_MIN)
		return EINVAL;
	attr->stack_size = size;
	return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attr, int state)
{
	attr->detached = state;
	return 0;
}

/* ---- keys ---- */

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
	int e = EAGAIN;

	__lock(&lock);
	for (unsigned i = 0; e && i < PTHREAD_KEYS_MAX; i++)
		if (!keys_used[i]) {
			keys_used[i] = 1;
			destructors[i] = destroy ? destroy : ignore;
			*key = i;
			e = 0;
		}
	__unlock(&lock);
	return e;
}

int pthread_key_delete(pthread_key_t key)
{
	if (key >= PTHREAD_KEYS_MAX || !keys_used[key])
		return EINVAL;
	keys_used[key] = 0;
	return 0;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	if (key >= PTHREAD_KEYS_MAX)
		return EINVAL;
	__self()->specific[key] = value;
	return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
	return key < PTHREAD_KEYS_MAX ? (void *)(uintptr_t)__self()->specific[key] : 0;
}

/* ---- mutexes ---- */

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr)
{
	*m = (pthread_mutex_t){ 0 };
	if (attr) {
		m->type = attr->type;
		m->shared = attr->shared || attr->robust; /* the kernel wakes waiters as shared ones */
		m->robust = attr->robust;
	}
	return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *m)
{
	return m->word ? EBUSY : 0;
}

static void robust_begin(pthread_mutex_t *m)
{
	struct __pthread *t = __self();

	if (!m->robust)
		return;
	self_tid();
	if (!t->robust_known) {
		t->robust.locks = (struct __link){ &t->robust.locks, &t->robust.locks.next };
		t->robust.offset =
			(long)offsetof(pthread_mutex_t, word) - (long)offsetof(pthread_mutex_t, link.next);
		RAW(SYS_set_robust_list, &t->robust.locks.next, 24);
		t->robust_known = 1;
	}
	*(void *volatile *)&t->robust.pending = &m->link.next;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void robust_end(pthread_mutex_t *m)
{
	if (!m->robust)
		return;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*(void *volatile *)&__self()->robust.pending = 0;
}

static struct __link *link_at(void *next)
{
	return (struct __link *)((char *)next - offsetof(struct __link, next));
}

static void robust_link(pthread_mutex_t *m)
{
	struct __link *head = &__self()->robust.locks;

	if (!m->robust)
		return;
	m->link = (struct __link){ head, head->next };
	link_at(head->next)->prev = &m->link;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	*(void *volatile *)&head->next = &m->link.next;
}

static void robust_unlink(pthread_mutex_t *m)
{
	if (!m->robust)
		return;
	link_at(m->link.next)->prev = m->link.prev;
	*(void *volatile *)&m->link.prev->next = m->link.next;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Takes a free word: 1, or 0: *seen is the present one. The bit OWNER_DIED goes. */
static int take(pthread_mutex_t *m, unsigned *seen, unsigned waiters)
{
	while (!(*seen & TID_MASK))
		if (__atomic_compare_exchange_n((unsigned *)&m->word, seen,
						self_tid() | (*seen & WAITERS) | waiters, 0, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return 1;
	return 0;
}

/* The lock is this thread's; `seen`: the word before. */
static int taken(pthread_mutex_t *m, unsigned seen)
{
	robust_link(m);
	if (seen & OWNER_DIED)
		m->state = EOWNERDEAD;
	if (m->state == ENOTRECOVERABLE) {
		pthread_mutex_unlock(m);
		return ENOTRECOVERABLE;
	}
	return m->state;
}

/* This thread has it already: 0 if that is as good, an errno, or -1: wait like everybody. */
static int have_already(pthread_mutex_t *m, unsigned word)
{
	if (m->type == PTHREAD_MUTEX_NORMAL || (word & TID_MASK) != self_tid())
		return -1;
	if (m->type == PTHREAD_MUTEX_ERRORCHECK)
		return EDEADLK;
	m->depth++;
	return 0;
}

static int lock_until(pthread_mutex_t *m, const struct timespec *until)
{
	unsigned seen = (unsigned)__atomic_load_n(&m->word, __ATOMIC_RELAXED), waiters = 0;
	int r = have_already(m, seen);

	if (r >= 0)
		return r;
	robust_begin(m);
	for (r = 0; !take(m, &seen, waiters);) {
		if (!(seen & WAITERS) &&
		    !__atomic_compare_exchange_n((unsigned *)&m->word, &seen, seen | WAITERS, 0,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		r = (int)-wait_on(&m->word, seen | WAITERS, m->shared, CLOCK_REALTIME, until);
		if (r == ETIMEDOUT || r == EINVAL)
			break;
		r = 0;
		waiters = WAITERS; /* others may be waiting still */
		seen = (unsigned)__atomic_load_n(&m->word, __ATOMIC_RELAXED);
	}
	if (!r)
		r = taken(m, seen);
	robust_end(m);
	return r;
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
	return lock_until(m, 0);
}

int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *deadline)
{
	return lock_until(m, deadline);
}

int pthread_mutex_trylock(pthread_mutex_t *m)
{
	unsigned seen = (unsigned)__atomic_load_n(&m->word, __ATOMIC_RELAXED);
	int r = have_already(m, seen);

	if (r >= 0)
		return r == EDEADLK ? EBUSY : r;
	robust_begin(m);
	r = take(m, &seen, 0) ? taken(m, seen) : EBUSY;
	robust_end(m);
	return r;
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	unsigned before;

	if (m->type != PTHREAD_MUTEX_NORMAL || m->robust)
		if (((unsigned)m->word & TID_MASK) != self_tid())
			return EPERM;
	if (m->depth > 0) {
		m->depth--;
		return 0;
	}
	robust_begin(m);
	robust_unlink(m);
	if (m->state == EOWNERDEAD)
		m->state = ENOTRECOVERABLE;
	before = __atomic_exchange_n((unsigned *)&m->word, 0, __ATOMIC_RELEASE);
	if (before & WAITERS)
		wake(&m->word, 1, m->shared);
	robust_end(m);
	return 0;
}

int pthread_mutex_consistent(pthread_mutex_t *m)
{
	if (m->state != EOWNERDEAD)
		return EINVAL;
	m->state = 0;
	return 0;
}

int pthread_mutexattr_init(pthread_mutexattr_t *attr)
{
	*attr = (pthread_mutexattr_t){ 0 };
	return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type)
{
	attr->type = type;
	return 0;
}

int pthread_mutexattr_setpshared(pthread_mutexattr_t *attr, int shared)
{
	attr->shared = shared;
	return 0;
}

int pthread_mutexattr_setrobust(pthread_mutexattr_t *attr, int robust)
{
	attr->robust = robust;
	return 0;
}

/* ---- conditions ---- */

int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr)
{
	*c = (pthread_cond_t){ 0 };
	if (attr) {
		c->shared = attr->shared;
		c->clock = attr->clock;
	}
	return 0;
}

int pthread_cond_destroy(pthread_cond_t *c)
{
	(void)c;
	return 0;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *deadline)
{
	unsigned seq = __atomic_load_n(&c->seq, __ATOMIC_RELAXED);
	int r = pthread_mutex_unlock(m), again;
	long w;

	if (r)
		return r;
	w = wait_on(&c->seq, seq, c->shared, c->clock, deadline);
	again = pthread_mutex_lock(m);
	return again ? again : w == -ETIMEDOUT || w == -EINVAL ? (int)-w : 0;
}

int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m)
{
	return pthread_cond_timedwait(c, m, 0);
}

static int go_on(pthread_cond_t *c, int n)
{
	__atomic_fetch_add(&c->seq, 1, __ATOMIC_SEQ_CST);
	wake(&c->seq, n, c->shared);
	return 0;
}

int pthread_cond_signal(pthread_cond_t *c)
{
	return go_on(c, 1);
}

int pthread_cond_broadcast(pthread_cond_t *c)
{
	return go_on(c, INT_MAX);
}

int pthread_condattr_init(pthread_condattr_t *attr)
{
	*attr = (pthread_condattr_t){ 0 };
	return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr)
{
	(void)attr;
	return 0;
}

int pthread_condattr_setpshared(pthread_condattr_t *attr, int shared)
{
	attr->shared = shared;
	return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock)
{
	attr->clock = clock;
	return 0;
}
