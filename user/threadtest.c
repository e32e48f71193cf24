/* SPDX-License-Identifier: ISC */
/*
 * threadtest: threads: birth and end, locks and conditions, also between processes and left by the dead; futexes
 * as they are; fork, vfork, exec and exit among many threads; signals to threads and to processes with several;
 * floating point; memory that changes under others' feet.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "include/testlib.h"

#define OK(call) EQ(call, 0) /* pthread functions return the errno */
#define THREADS	 8

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	OK(pthread_create(&t, NULL, fn, arg));
	return t;
}

static long finish(pthread_t t)
{
	void *r;

	OK(pthread_join(t, &r));
	return (long)r;
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;

	SYS(clock_gettime(clock, &t));
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static double seconds(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_MONOTONIC, &t));
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pid_t tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* ---- birth and end ---- */

static void *identity(void *arg)
{
	pid_t *mine = arg;

	*mine = tid();
	return (void *)(long)*mine;
}

static void births(void)
{
	pthread_t t[32];
	pid_t ids[32], got[32];

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 32; i++)
			t[i] = start(identity, &ids[i]);
		for (int i = 0; i < 32; i++)
			got[i] = (pid_t)finish(t[i]);
		for (int i = 0; i < 32; i++) {
			EQ(got[i], ids[i]);
			CHECK(ids[i] > 0 && ids[i] != getpid());
			for (int j = 0; j < i; j++)
				CHECK(ids[i] != ids[j]);
		}
	}
	EQ(tid(), getpid());
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long counter, arrived;

static void *count_up(void *arg)
{
	for (long i = 0; i < (long)arg; i++) {
		OK(pthread_mutex_lock(&lock));
		counter++;
		OK(pthread_mutex_unlock(&lock));
	}
	return NULL;
}

static void mutexes(void)
{
	pthread_t t[THREADS];

	counter = 0;
	for (int i = 0; i < THREADS; i++)
		t[i] = start(count_up, (void *)20000);
	for (int i = 0; i < THREADS; i++)
		finish(t[i]);
	EQ(counter, 20000 * THREADS);
	OK(pthread_mutex_lock(&lock));
	EQ(pthread_mutex_trylock(&lock), EBUSY);
	struct timespec soon = in_ms(CLOCK_REALTIME, 20);
	EQ(pthread_mutex_timedlock(&lock, &soon), ETIMEDOUT);
	OK(pthread_mutex_unlock(&lock));
}

/* ---- conditions ---- */

static struct {
	int items[4], n, first;
	long sum;
} ring;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER;

static void *consume(void *arg)
{
	(void)arg;
	for (;;) {
		int item;

		OK(pthread_mutex_lock(&lock));
		while (ring.n == 0)
			OK(pthread_cond_wait(&changed, &lock));
		item = ring.items[ring.first];
		ring.first = (ring.first + 1) % 4;
		ring.n--;
		ring.sum += item;
		OK(pthread_cond_signal(&room));
		OK(pthread_mutex_unlock(&lock));
		if (!item)
			return NULL;
	}
}

static void produce(int item)
{
	OK(pthread_mutex_lock(&lock));
	while (ring.n == 4)
		OK(pthread_cond_wait(&room, &lock));
	ring.items[(ring.first + ring.n++) % 4] = item;
	OK(pthread_cond_signal(&changed));
	OK(pthread_mutex_unlock(&lock));
}

static void *wait_for_go(void *arg)
{
	OK(pthread_mutex_lock(&lock));
	arrived++;
	while (!counter)
		OK(pthread_cond_wait(&changed, &lock));
	arrived--;
	OK(pthread_mutex_unlock(&lock));
	return arg;
}

static void conditions(void)
{
	pthread_t t[THREADS];
	struct timespec soon;
	double began;

	ring.n = ring.first = 0;
	ring.sum = 0;
	for (int i = 0; i < 4; i++)
		t[i] = start(consume, NULL);
	for (int i = 1; i <= 3000; i++)
		produce(i);
	for (int i = 0; i < 4; i++)
		produce(0);
	for (int i = 0; i < 4; i++)
		finish(t[i]);
	EQ(ring.sum, 3000l * 3001 / 2);

	counter = arrived = 0;
	for (long i = 0; i < THREADS; i++)
		t[i] = start(wait_for_go, (void *)i);
	OK(pthread_mutex_lock(&lock));
	while (arrived < THREADS) {
		OK(pthread_mutex_unlock(&lock));
		sched_yield();
		OK(pthread_mutex_lock(&lock));
	}
	counter = 1;
	OK(pthread_cond_broadcast(&changed));
	OK(pthread_mutex_unlock(&lock));
	for (long i = 0; i < THREADS; i++)
		EQ(finish(t[i]), i);
	EQ(arrived, 0);

	began = seconds();
	soon = in_ms(CLOCK_REALTIME, 30);
	OK(pthread_mutex_lock(&lock));
	EQ(pthread_cond_timedwait(&changed, &lock, &soon), ETIMEDOUT);
	OK(pthread_mutex_unlock(&lock));
	CHECK(seconds() - began >= 0.029);
}

/* ---- what is each thread's own ---- */

static __thread long own = 7;
static pthread_key_t key;
static long destroyed;

static void destroy(void *value)
{
	__atomic_fetch_add(&destroyed, (long)value, __ATOMIC_RELAXED);
}

static void *use_own(void *arg)
{
	long n = (long)arg;

	EQ(own, 7);
	own = n;
	OK(pthread_setspecific(key, arg));
	for (int i = 0; i < 200; i++) {
		errno = (int)n;
		sched_yield();
		EQ(errno, n);
		EQ(own, n);
		EQ((long)pthread_getspecific(key), n);
	}
	return arg;
}

static void own_data(void)
{
	pthread_t t[THREADS];

	destroyed = 0;
	OK(pthread_key_create(&key, destroy));
	for (long i = 1; i <= THREADS; i++)
		t[i - 1] = start(use_own, (void *)i);
	for (long i = 1; i <= THREADS; i++)
		EQ(finish(t[i - 1]), i);
	EQ(own, 7);
	EQ(destroyed, THREADS * (THREADS + 1) / 2);
	OK(pthread_key_delete(key));
}

/* ---- floating point, with handlers that use it too ---- */

static volatile int computing;

static void on_compute(int sig)
{
	volatile double x = sig;

	for (int i = 0; i < 50; i++)
		x = x * 1.5 + 1.0 / x;
}

static double series(double x, int steps)
{
	double a = x, b = x + 1, c = x + 2, d = x + 3, e = x + 4, f = x + 5, g = x + 6, h = x + 7;

	for (int i = 0; i < steps; i++) {
		a = a * 0.5 + b;
		b = b * 0.25 + c;
		c = c * 0.125 + d;
		d = d * 0.5 + e;
		e = e * 0.25 + f;
		f = f * 0.125 + g;
		g = g * 0.5 + h;
		h = h * 0.25 + x;
	}
	return a + b + c + d + e + f + g + h;
}

static void *compute(void *arg)
{
	double x = (double)(long)arg, want = series(x, 20000);

	for (int i = 0; i < 15; i++)
		if (series(x, 20000) != want)
			FAIL("thread %ld computed another value", (long)arg);
	__atomic_fetch_sub(&computing, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void floating_point(void)
{
	pthread_t t[THREADS];

	CHECK(signal(SIGUSR1, on_compute) != SIG_ERR);
	computing = THREADS;
	for (long i = 0; i < THREADS; i++)
		t[i] = start(compute, (void *)(i + 1));
	for (int i = 0; computing; i++) {
		OK(pthread_kill(t[i % THREADS], SIGUSR1)); /* not joined yet: it may be sent one */
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++)
		finish(t[i]);
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

/* ---- locks between processes, and of the dead ---- */

struct shared {
	pthread_mutex_t lock, robust;
	pthread_cond_t turned;
	long count;
	int turn;
};

static void init_shared(struct shared *s)
{
	pthread_mutexattr_t ma;
	pthread_condattr_t ca;

	memset(s, 0, sizeof(*s));
	OK(pthread_mutexattr_init(&ma));
	OK(pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED));
	OK(pthread_mutex_init(&s->lock, &ma));
	OK(pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST));
	OK(pthread_mutex_init(&s->robust, &ma));
	OK(pthread_mutexattr_destroy(&ma));
	OK(pthread_condattr_init(&ca));
	OK(pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED));
	OK(pthread_cond_init(&s->turned, &ca));
	OK(pthread_condattr_destroy(&ca));
}

static void take_turns(struct shared *s, int me, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		OK(pthread_mutex_lock(&s->lock));
		while (s->turn != me)
			OK(pthread_cond_wait(&s->turned, &s->lock));
		s->turn = !me;
		s->count++;
		OK(pthread_cond_broadcast(&s->turned));
		OK(pthread_mutex_unlock(&s->lock));
	}
}

/* The same file, at another address in each process. */
static void between_processes(void)
{
	int fd = make_file("shared", 4 * PG, 1);
	struct shared *s = (struct shared *)SYS(mmap(NULL, 4 * PG, RW, MAP_SHARED, fd, 0)), *there;
	pid_t pid;

	init_shared(s);
	pid = test_fork();
	if (pid == 0) {
		there = (struct shared *)SYS(mmap(NULL, 4 * PG, RW, MAP_SHARED, fd, 0));
		CHECK(there != s);
		SYS(munmap(s, 4 * PG));
		take_turns(there, 1, 300);
		_exit(0);
	}
	take_turns(s, 0, 300);
	EXITED(pid, 0);
	EQ(s->count, 600);
	SYS(munmap(s, 4 * PG));
	SYS(close(fd));
	SYS(unlink("shared"));
}

static void *die_with(void *arg)
{
	OK(pthread_mutex_lock(arg));
	return NULL;
}

static void *die_with_later(void *arg)
{
	OK(pthread_mutex_lock(arg));
	nap(30); /* somebody waits by then */
	return NULL;
}

static void mend(pthread_mutex_t *m)
{
	EQ(pthread_mutex_lock(m), EOWNERDEAD);
	OK(pthread_mutex_consistent(m));
	OK(pthread_mutex_unlock(m));
	OK(pthread_mutex_lock(m));
	OK(pthread_mutex_unlock(m));
}

static void robust(void)
{
	struct shared *s = (struct shared *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	static char *const nobody[] = { (char *)"threadtest", (char *)"--nothing", NULL };
	pthread_t t;
	pid_t pid;

	init_shared(s);
	finish(start(die_with, &s->robust));
	mend(&s->robust);
	t = start(die_with_later, &s->robust);
	nap(10);
	mend(&s->robust);
	finish(t);
	for (int how = 0; how < 3; how++) {
		pid = test_fork();
		if (pid == 0) {
			OK(pthread_mutex_lock(&s->robust));
			s->turn = 5;
			if (how == 0)
				_exit(0);
			nap(20);
			if (how == 1)
				kill(getpid(), SIGKILL);
			execv("/proc/self/exe", nobody); /* memory that exec takes away as well */
			_exit(1);
		}
		while (__atomic_load_n(&s->turn, __ATOMIC_RELAXED) != 5)
			sched_yield();
		s->turn = 0;
		mend(&s->robust);
		if (how == 1)
			KILLED(pid, SIGKILL);
		else
			EXITED(pid, 0);
	}
	SYS(munmap(s, PG));
}

/* ---- futex(2) ---- */

enum { WAIT, WAKE, REQUEUE = 3, CMP_REQUEUE, WAKE_OP, WAIT_BITSET = 9, WAKE_BITSET, PRIVATE = 128 };

static long futex(volatile int *word, int op, int value, const void *arg, volatile int *word2, int value3)
{
	return syscall(SYS_futex, word, op, value, arg, word2, value3);
}

static volatile int words[2], sleeping;

static void *sleep_at(void *arg)
{
	int bits = (int)(long)arg;

	__atomic_fetch_add(&sleeping, 1, __ATOMIC_SEQ_CST);
	return (void *)futex(&words[0], WAIT_BITSET | PRIVATE, 0, NULL, NULL, bits);
}

/* Until as many are asleep at a word as can be woken there is no other way to know than to ask by requeue to itself. */
static void until_asleep(int n)
{
	while (futex(&words[0], CMP_REQUEUE | PRIVATE, 0, (void *)(long)INT_MAX, &words[1], 0) != n)
		EQ(futex(&words[1], CMP_REQUEUE | PRIVATE, 0, (void *)(long)INT_MAX, &words[0], 0) <= n, 1);
	EQ(futex(&words[1], CMP_REQUEUE | PRIVATE, 0, (void *)(long)INT_MAX, &words[0], 0), n);
}

static void futexes(void)
{
	struct timespec soon = { 0, 20000000 }, bad = { 0, 1000000000 };
	pthread_t t[6];
	volatile int *shared;
	double began;
	pid_t pid;

	words[0] = words[1] = 0;
	ERR(futex(&words[0], WAIT | PRIVATE, 1, NULL, NULL, 0), EAGAIN);
	ERR(futex((int *)((char *)words + 1), WAIT, 0, NULL, NULL, 0), EINVAL);
	ERR(futex((int *)PG, WAIT, 0, NULL, NULL, 0), EFAULT);
	ERR(futex(&words[0], WAIT, 0, &bad, NULL, 0), EINVAL);
	ERR(futex(&words[0], WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	ERR(futex(&words[0], 77, 0, NULL, NULL, 0), ENOSYS);
	began = seconds();
	ERR(futex(&words[0], WAIT | PRIVATE, 0, &soon, NULL, 0), ETIMEDOUT);
	CHECK(seconds() - began >= 0.019);
	EQ(futex(&words[0], WAKE | PRIVATE, INT_MAX, NULL, NULL, 0), 0);

	for (int i = 0; i < 6; i++)
		t[i] = start(sleep_at, (void *)(1l << i));
	until_asleep(6);
	EQ(futex(&words[0], WAKE_BITSET | PRIVATE, INT_MAX, NULL, NULL, 1 << 3), 1);
	EQ(finish(t[3]), 0);
	EQ(futex(&words[0], WAKE_BITSET | PRIVATE, INT_MAX, NULL, NULL, 1 << 3), 0);
	ERR(futex(&words[0], CMP_REQUEUE | PRIVATE, 1, (void *)1, &words[1], 5), EAGAIN);
	EQ(futex(&words[0], CMP_REQUEUE | PRIVATE, 1, (void *)3, &words[1], 0),
	   4); /* one wakes, three move */
	EQ(futex(&words[0], WAKE | PRIVATE, INT_MAX, NULL, NULL, 0), 1);
	words[1] = 3; /* add 2, wake two at the second as it was 3 */
	EQ(futex(&words[0], WAKE_OP | PRIVATE, 1, (void *)2, &words[1], 1 << 28 | 2 << 12 | 3), 2);
	EQ(words[1], 5);
	EQ(futex(&words[1], WAKE | PRIVATE, INT_MAX, NULL, NULL, 0), 1);
	for (int i = 0; i < 6; i++)
		if (i != 3)
			EQ(finish(t[i]), 0);

	shared = (volatile int *)SYS(mmap(NULL, 2 * PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid = test_fork();
	if (pid == 0)
		_exit(futex(&shared[PG / 4 + 1], WAIT, 0, NULL, NULL, 0) == 0 ? 0 : 1);
	while (futex(&shared[PG / 4 + 1], WAKE, 1, NULL, NULL, 0) == 0)
		EQ(futex(&shared[1], WAKE, 1, NULL, NULL, 0), 0); /* the same place of another page */
	EXITED(pid, 0);
	SYS(munmap((void *)(uintptr_t)shared, 2 * PG));
}

/* ---- processes of several threads ---- */

static pthread_t crowd[THREADS];
static int pipe_fds[2];

static void *stay(void *arg)
{
	char c;

	switch ((long)arg % 4) {
	case 0:
		for (;;)
			pause();
	case 1:
		SYS(read(pipe_fds[0], &c, 1));
		return NULL;
	case 2:
		for (;;)
			__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	default:
		OK(pthread_mutex_lock(&lock));
		for (;;)
			OK(pthread_cond_wait(&changed, &lock));
	}
}

static void make_crowd(void)
{
	SYS(pipe(pipe_fds));
	for (long i = 0; i < THREADS; i++)
		crowd[i] = start(stay, (void *)i);
}

static void *end_with_5(void *arg)
{
	(void)arg;
	nap(20);
	_exit(5);
}

static void *exec_now(void *arg)
{
	char number[16];
	char *const args[] = { (char *)"threadtest", (char *)"--single", number, NULL };

	(void)arg;
	snprintf(number, sizeof(number), "%d", getpid());
	execv("/proc/self/exe", args);
	_exit(1);
}

static void *return_late(void *arg)
{
	nap(20);
	return arg;
}

/* Ends of processes with many threads: by one of them, by exec from one of them, by signals; by the last. */
static void ends(void)
{
	pid_t pid;

	for (int round = 0; round < 10; round++)
		for (int how = 0; how < 5; how++) {
			pid = test_fork();
			if (pid == 0) {
				if (how == 4) { /* the first thread ends, the others go on for a while */
					for (int i = 0; i < THREADS; i++)
						start(return_late, NULL);
					pthread_exit(NULL);
				}
				make_crowd();
				if (how == 0)
					_exit(6);
				if (how == 1)
					start(end_with_5, NULL);
				else if (how == 2)
					start(exec_now, NULL);
				for (;;)
					pause();
			}
			if (how == 3) {
				nap(5);
				SYS(kill(pid, SIGTERM));
				KILLED(pid, SIGTERM);
			} else {
				const int want[] = { 6, 5, 42, 0, 0 };

				EXITED(pid, want[how]);
			}
		}
}

static void *fork_some(void *arg)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = (pid_t)SYS(fork());
		int status;

		if (pid == 0)
			_exit(tid() == getpid() && (long)arg < 100 ? 3 : 1);
		EQ(SYS(waitpid(pid, &status, 0)), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	}
	return NULL;
}

static void forks(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(fork_some, (void *)i);
	for (int i = 0; i < THREADS; i++)
		finish(t[i]);
}

static volatile int stop_it;

static void *run_on(void *arg)
{
	volatile long *n = arg;

	while (!stop_it)
		++*n;
	return NULL;
}

/* The parent waits until the child has gone, its other threads go on. */
static void vforks(void)
{
	volatile long running = 0;
	pthread_t t;
	struct timespec rest = { 0, 30000000 };
	volatile int seen = 0;
	long before;
	pid_t pid;

	stop_it = 0;
	t = start(run_on, (void *)&running);
	while (!running)
		;
	before = running;
	pid = vfork();
	if (pid == 0) {
		nanosleep(&rest, NULL);
		seen = 1;
		_exit(7);
	}
	EQ(seen, 1); /* memory is shared */
	CHECK(running > before);
	stop_it = 1;
	EXITED(pid, 7);
	finish(t);
}

/* ---- signals ---- */

static volatile pid_t taken_by;
static volatile int ntaken;

static void on_taken(int sig)
{
	(void)sig;
	taken_by = tid();
	__atomic_fetch_add(&ntaken, 1, __ATOMIC_SEQ_CST);
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	OK(pthread_sigmask(how, &set, NULL));
}

static volatile pid_t open_tid;

/* The only thread that does not block SIGUSR1. */
static void *keep_open(void *arg)
{
	block(SIG_UNBLOCK, SIGUSR1);
	open_tid = tid();
	while (!stop_it)
		if (arg)
			nap(1);
	block(SIG_BLOCK, SIGUSR1);
	return NULL;
}

static void *sigwait_one(void *arg)
{
	sigset_t set;
	int sig;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	OK(sigwait(&set, &sig));
	return (void *)(long)sig;
}

static void signals(void)
{
	struct sigaction sa;
	sigset_t pending;
	pthread_t t, u;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_taken;
	sigemptyset(&sa.sa_mask);
	SYS(sigaction(SIGUSR1, &sa, NULL));
	block(SIG_BLOCK, SIGUSR1);
	block(SIG_BLOCK, SIGUSR2);
	for (long busy = 0; busy < 2; busy++) {
		open_tid = 0;
		stop_it = ntaken = 0;
		t = start(keep_open, busy ? NULL : (void *)1);
		while (!open_tid)
			sched_yield();
		for (int i = 0; i < 20; i++) { /* to the process: the one that takes it */
			SYS(kill(getpid(), SIGUSR1));
			while (ntaken != i + 1)
				sched_yield();
			EQ(taken_by, open_tid);
		}
		OK(pthread_kill(pthread_self(), SIGUSR1)); /* to this thread: it stays blocked here */
		nap(5);
		EQ(ntaken, 20);
		SYS(sigpending(&pending));
		EQ(sigismember(&pending, SIGUSR1), 1);
		stop_it = 1;
		finish(t);
		block(SIG_UNBLOCK, SIGUSR1);
		EQ(ntaken, 21);
		EQ(taken_by, getpid());
		block(SIG_BLOCK, SIGUSR1);
	}
	t = start(sigwait_one, NULL);
	u = start(sigwait_one, NULL);
	SYS(kill(getpid(), SIGUSR2));
	nap(2);
	OK(pthread_kill(t, SIGUSR2));
	OK(pthread_kill(u, SIGUSR2)); /* one has got the first already, and this one, or is gone: both end */
	EQ(finish(t), SIGUSR2);
	EQ(finish(u), SIGUSR2);
	while (sigpending(&pending) == 0 && sigismember(&pending, SIGUSR2))
		sigwait_one(NULL);
	block(SIG_UNBLOCK, SIGUSR1);
	block(SIG_UNBLOCK, SIGUSR2);
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

/* A stop stops every thread, SIGCONT lets every one go on. */
static void stops(void)
{
	volatile long *n = (volatile long *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	long before[THREADS];
	int status;
	pid_t pid;

	stop_it = 0;
	pid = test_fork();
	if (pid == 0) {
		for (int i = 0; i < THREADS; i++)
			start(run_on, (void *)(uintptr_t)&n[i]);
		for (;;)
			pause();
	}
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < THREADS; i++)
			before[i] = n[i];
		for (int i = 0; i < THREADS; i++)
			while (n[i] == before[i])
				nap(1);
		SYS(kill(pid, SIGSTOP));
		EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		for (int i = 0; i < THREADS; i++)
			before[i] = n[i];
		nap(10);
		for (int i = 0; i < THREADS; i++)
			EQ(n[i], before[i]);
		SYS(kill(pid, SIGCONT));
		EQ(SYS(waitpid(pid, &status, WCONTINUED)), pid);
		CHECK(WIFCONTINUED(status));
	}
	SYS(kill(pid, SIGSTOP));
	EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
	SYS(kill(pid, SIGKILL));
	KILLED(pid, SIGKILL);
	SYS(munmap((void *)(uintptr_t)n, PG));
}

static void nothing(int sig)
{
	(void)sig;
}

static void *signal_itself(void *arg)
{
	for (;;)
		OK(pthread_kill(pthread_self(), SIGUSR1));
	return arg;
}

/* Other threads take other signals all the time: no stop is lost. */
static void stops_among_signals(void)
{
	pid_t pid = test_fork();
	int status;

	if (pid == 0) {
		CHECK(signal(SIGUSR1, nothing) != SIG_ERR);
		for (int i = 0; i < 3; i++)
			start(signal_itself, NULL);
		signal_itself(NULL);
	}
	for (int round = 0; round < 5000; round++) {
		SYS(kill(pid, SIGSTOP));
		EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
		CHECK(WIFSTOPPED(status));
		SYS(kill(pid, SIGCONT));
	}
	SYS(kill(pid, SIGKILL));
	KILLED(pid, SIGKILL);
}

static __thread sigjmp_buf back;
static __thread uintptr_t fault_address;

static void on_segv(int sig, siginfo_t *si, void *context)
{
	stack_t now;

	(void)sig;
	(void)context;
	fault_address = (uintptr_t)si->si_addr;
	if (sigaltstack(NULL, &now) || !(now.ss_flags & SS_ONSTACK))
		_exit(9);
	siglongjmp(back, 1);
}

static void *fault_often(void *arg)
{
	volatile char *p = map_anon(4 * PG);
	stack_t ss = { .ss_sp = map_anon(16 * PG), .ss_size = 16 * PG };

	SYS(sigaltstack(&ss, NULL));
	SYS(mprotect((void *)(uintptr_t)(p + PG), PG, PROT_NONE));
	for (long i = 0; i < 200; i++) {
		long at = PG + (i * 37 + (long)arg) % PG;

		fault_address = 0;
		if (!sigsetjmp(back, 1)) {
			p[at] = 1;
			FAIL("no fault");
		}
		EQ(fault_address, p + at);
	}
	ss.ss_flags = SS_DISABLE;
	SYS(sigaltstack(&ss, NULL));
	SYS(munmap(ss.ss_sp, 16 * PG));
	SYS(munmap((void *)(uintptr_t)p, 4 * PG));
	return NULL;
}

static void faults(void)
{
	pthread_t t[THREADS];
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_segv;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigemptyset(&sa.sa_mask);
	SYS(sigaction(SIGSEGV, &sa, NULL));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(fault_often, (void *)i);
	for (int i = 0; i < THREADS; i++)
		finish(t[i]);
	CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
}

/* ---- one memory ---- */

static unsigned char *arena;
#define ARENA (256 * PG)

/* Maps, fills, protects, reads and unmaps ranges of its own between those of others. */
static void *remap(void *arg)
{
	unsigned me = (unsigned)(long)arg;
	uint64_t seed = me + 1;

	for (int i = 0; i < 150; i++) {
		unsigned long n = (1 + test_random(&seed) % 8) * PG;
		unsigned char *p = map_anon(n);

		fill(p, n, 0, me);
		if (i % 3 == 0)
			SYS(mprotect(p, n, PROT_READ));
		SAME(p, n, 0, me);
		if (i % 4 == 0) {
			SYS(madvise(p, n, MADV_DONTNEED));
			ALL(p, n, 0);
		}
		SYS(munmap(p, n));
	}
	return NULL;
}

/* Each writes its own bytes of pages that all write; some of them are taken away and come back, by fork's hand. */
static void *share_pages(void *arg)
{
	unsigned long me = (unsigned long)arg;

	for (int i = 1; i <= 5; i++) {
		for (unsigned long at = me; at < ARENA; at += THREADS * 61)
			((volatile unsigned char *)arena)[at] = (unsigned char)(i + (int)me);
		if (i % 3 == 0)
			fork_some((void *)99);
		for (unsigned long at = me; at < ARENA; at += THREADS * 61)
			EQ(((volatile unsigned char *)arena)[at], (unsigned char)(i + (int)me));
	}
	return NULL;
}

static void memory(void)
{
	pthread_t t[2 * THREADS];

	arena = map_anon(ARENA);
	for (long i = 0; i < THREADS; i++) {
		t[i] = start(remap, (void *)i);
		t[THREADS + i] = start(share_pages, (void *)i);
	}
	for (int i = 0; i < 2 * THREADS; i++)
		finish(t[i]);
	SYS(munmap(arena, ARENA));
}

static void *come_and_wait(void *arg)
{
	volatile char stack[8192];

	fill(stack, sizeof(stack), 0, (unsigned)(long)arg);
	wait_for_go(NULL);
	SAME(stack, sizeof(stack), 0, (unsigned)(long)arg);
	return NULL;
}

static void crowds(void)
{
	static pthread_t t[200];
	pthread_attr_t attr;

	counter = arrived = 0;
	OK(pthread_attr_init(&attr));
	OK(pthread_attr_setstacksize(&attr, 64 << 10));
	for (long i = 0; i < 200; i++)
		OK(pthread_create(&t[i], &attr, come_and_wait, (void *)i));
	OK(pthread_attr_destroy(&attr));
	OK(pthread_mutex_lock(&lock));
	while (arrived < 200) {
		OK(pthread_mutex_unlock(&lock));
		nap(1);
		OK(pthread_mutex_lock(&lock));
	}
	counter = 1;
	OK(pthread_cond_broadcast(&changed));
	OK(pthread_mutex_unlock(&lock));
	for (int i = 0; i < 200; i++)
		finish(t[i]);
}

/* ---- one alarm, many hands ---- */

static void *set_alarm(void *arg)
{
	struct itimerval v = { { 0, 0 }, { 100 + (long)arg, 0 } };

	for (int i = 0; i < 5000; i++)
		SYS(setitimer(ITIMER_REAL, &v, NULL));
	return NULL;
}

static void alarms(void)
{
	struct itimerval v = { { 0, 0 }, { 0, 0 } };
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(set_alarm, (void *)i);
	for (int i = 0; i < THREADS; i++)
		finish(t[i]);
	SYS(setitimer(ITIMER_REAL, &v, NULL));
	nap(20);
}

static const struct test tests[] = {
	{ "births", births },
	{ "mutexes", mutexes },
	{ "conditions", conditions },
	{ "own data", own_data },
	{ "floating point", floating_point },
	{ "between processes", between_processes },
	{ "robust locks", robust },
	{ "futexes", futexes },
	{ "ends of processes", ends },
	{ "forks", forks },
	{ "vfork", vforks },
	{ "signals", signals },
	{ "stop and continue", stops },
	{ "stops among signals", stops_among_signals },
	{ "faults", faults },
	{ "memory", memory },
	{ "two hundred", crowds },
	{ "alarms", alarms },
};

/* What exec_now runs: nothing but the first thread is left, and it has the process's id. */
static int single(const char *pid)
{
	char line[128];
	int threads = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Threads: %d", &threads) == 1)
			break;
	if (f)
		fclose(f);
	return threads == 1 && getpid() == atoi(pid) && tid() == getpid() ? 42 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--nothing") == 0)
		return 0;
	if (argc > 2 && strcmp(argv[1], "--single") == 0)
		return single(argv[2]);
	return test_main("threadtest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
