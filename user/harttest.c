/* SPDX-License-Identifier: ISC */
/*
 * harttest: no thread waits for a hart while another hart has nothing to do.
 *
 * As many workers as there are harts want to run, and no more. So hardly any is ever preempted: that takes a second thread
 * in the queue of its hart. (A thread of the kernel may come between now and then.)
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <time.h>

#include "include/testlib.h"

#define MAX_HARTS 8
#define ROUNDS	  60
#define AWHILE	  3000 /* microseconds */

enum { PING = 'p', OCCUPY = 'o', WORK = 'w', END = 'e' }; /* what a thread is told to do */

static struct thread {
	pthread_t id;
	int orders[2]; /* a pipe */
} workers[MAX_HARTS], occupants[MAX_HARTS];
static int nharts, done[2];
static unsigned at_work, finished;
static bool occupied;
static long preempted;

static long preemptions(void)
{
	struct rusage use;

	SYS(getrusage(RUSAGE_THREAD, &use));
	return use.ru_nivcsw;
}

/* All begin at once and go on until all are at work: who shares a hart stays in a queue as long as the slice of the other lasts. The last
 * to finish says so. */
static bool work_together(void)
{
	long before = preemptions();

	__atomic_fetch_add(&at_work, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&at_work, __ATOMIC_RELAXED) < (unsigned)nharts)
		;
	__atomic_fetch_add(&preempted, preemptions() - before, __ATOMIC_RELAXED);
	return __atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED) == (unsigned)nharts;
}

static void *obey(void *arg)
{
	struct thread *t = arg;
	char order;

	for (;;) {
		CHECK(read(t->orders[0], &order, 1) == 1);
		if (order == END)
			return NULL;
		while (order == OCCUPY && __atomic_load_n(&occupied, __ATOMIC_RELAXED))
			;
		if (order != WORK || work_together())
			CHECK(write(done[1], &order, 1) == 1);
	}
}

static void tell(struct thread *threads, int n, char order)
{
	for (int i = 0; i < n; i++)
		CHECK(write(threads[i].orders[1], &order, 1) == 1);
}

static void wait_for(int n)
{
	char c;

	for (int i = 0; i < n; i++)
		CHECK(read(done[0], &c, 1) == 1);
}

static void setup(void)
{
	nharts = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (nharts > MAX_HARTS)
		nharts = MAX_HARTS;
	preempted = 0;
	if (done[1] == 0)
		SYS(pipe(done));
}

static void judge(void)
{
	printf("%d workers, %d rounds: preempted %ld times\n", nharts, ROUNDS, preempted);
	CHECK(preempted <= 2);
}

static void start(struct thread *threads, int n, void *(*fn)(void *))
{
	for (int i = 0; i < n; i++) {
		SYS(pipe(threads[i].orders));
		EQ(pthread_create(&threads[i].id, NULL, fn, &threads[i]), 0);
	}
}

static void join(struct thread *threads, int n)
{
	for (int i = 0; i < n; i++)
		EQ(pthread_join(threads[i].id, NULL), 0);
}

/* All workers ran last on the one hart that the occupants left them, and are woken together when the others are idle. */
static void test_woken_at_once(void)
{
	setup();
	start(workers, nharts, obey);
	start(occupants, nharts - 1, obey);
	for (int round = 0; round < ROUNDS; round++) {
		occupied = true;
		tell(occupants, nharts - 1, OCCUPY);
		usleep(AWHILE);
		for (int i = 0; i < nharts; i++) {
			tell(&workers[i], 1, PING);
			wait_for(1);
		}
		__atomic_store_n(&occupied, false, __ATOMIC_RELAXED);
		wait_for(nharts - 1);
		usleep(AWHILE);
		at_work = finished = 0;
		tell(workers, nharts, WORK);
		wait_for(1);
	}
	tell(workers, nharts, END);
	tell(occupants, nharts - 1, END);
	join(workers, nharts);
	join(occupants, nharts - 1);
	judge();
}

static void spin(unsigned us)
{
	struct timespec t, until;

	SYS(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &until));
	until.tv_nsec += us * 1000l;
	do
		SYS(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
	while ((t.tv_sec - until.tv_sec) * 1000000000l + t.tv_nsec < until.tv_nsec);
}

static void *sleep_and_spin(void *arg)
{
	unsigned seed = 1 + (unsigned)((struct thread *)arg - workers);
	long before = preemptions();

	for (int round = 0; round < ROUNDS; round++) {
		usleep(rand_r(&seed) % AWHILE);
		spin(rand_r(&seed) % AWHILE);
	}
	__atomic_fetch_add(&preempted, preemptions() - before, __ATOMIC_RELAXED);
	return NULL;
}

/* They sleep and wake at times of their own. */
static void test_woken_apart(void)
{
	setup();
	start(workers, nharts, sleep_and_spin);
	join(workers, nharts);
	judge();
}

static const struct test tests[] = {
	{ "woken at once", test_woken_at_once },
	{ "woken apart", test_woken_apart },
};

TEST_MAIN("harttest", tests)
