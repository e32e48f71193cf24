/* SPDX-License-Identifier: ISC */
/*
 * scale: first writes to PAGES pages of private memory each, by one and by four workers, each on a range of its own: threads of one
 * process, then processes.
 *
 *	scale [-n WORKERS] [-r ROUNDS] [PAGES]
 *
 * A line says how long a worker took for a page. bare (bare/bare.c) does the same traps and stores without a kernel; bench/scaling
 * compares how much slower each gets when four do it.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	    4096ul
#define MAX_WORKERS 8
#define MAX_ROUNDS  99

enum { MAP = 'm', TOUCH = 't', UNMAP = 'u', STOP = 's' }; /* what a worker is told to do */

static unsigned long pages = 4096, rounds = 41;
static int orders[MAX_WORKERS][2], done[2]; /* pipes */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ul + (uint64_t)t.tv_nsec;
}

static void work(unsigned worker)
{
	volatile char *p = NULL;
	char order;

	while (read(orders[worker][0], &order, 1) == 1 && order != STOP) {
		if (order == MAP) {
			p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				 0);
			if (p == MAP_FAILED)
				die("mmap");
		} else if (order == TOUCH) {
			for (unsigned long i = 0; i < pages; i++)
				p[i * PAGE] = 1;
		} else {
			munmap((void *)p, pages * PAGE);
		}
		if (write(done[1], &order, 1) != 1)
			die("write");
	}
}

static void *thread(void *arg)
{
	work((uintptr_t)arg);
	return NULL;
}

static void order(unsigned n, char what)
{
	for (unsigned i = 0; i < n; i++)
		if (write(orders[i][1], &what, 1) != 1)
			die("write");
}

static uint64_t time_of(unsigned n, char what)
{
	uint64_t t = now();
	char c;

	order(n, what);
	for (unsigned i = 0; i < n; i++)
		if (read(done[0], &c, 1) != 1)
			die("read");
	return now() - t;
}

/* How long all workers together take to touch their pages; nobody maps or unmaps meanwhile. */
static uint64_t round_of(unsigned n)
{
	uint64_t t;

	time_of(n, MAP);
	usleep(20000); /* all of them wait */
	t = time_of(n, TOUCH);
	time_of(n, UNMAP);
	return t;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *kind, unsigned n, uint64_t *times)
{
	qsort(times, rounds, sizeof(*times), compare);
	printf("%s %u: %lu ns a page\n", kind, n, (unsigned long)(times[rounds / 2] / pages));
	fflush(stdout);
}

static void measure(const char *kind, unsigned n)
{
	uint64_t by_itself[MAX_ROUNDS], with_others[MAX_ROUNDS];
	pthread_t threads[MAX_WORKERS];
	pid_t children[MAX_WORKERS];

	for (unsigned i = 0; i < n; i++) {
		if (*kind == 't') {
			if (pthread_create(&threads[i], NULL, thread, (void *)(uintptr_t)i))
				die("pthread_create");
			continue;
		}
		children[i] = fork();
		if (children[i] < 0)
			die("fork");
		if (children[i] == 0) {
			work(i);
			_exit(0);
		}
	}
	for (unsigned r = 0; r < rounds; r++) {
		by_itself[r] = round_of(1);
		with_others[r] = round_of(n);
	}
	order(n, STOP);
	for (unsigned i = 0; i < n; i++) {
		if (*kind == 't')
			pthread_join(threads[i], NULL);
		else
			waitpid(children[i], NULL, 0);
	}
	report(kind, 1, by_itself);
	report(kind, n, with_others);
}

int main(int argc, char **argv)
{
	unsigned long n = 4;
	int option;

	while ((option = getopt(argc, argv, "n:r:")) > 0)
		*(option == 'n' ? &n : &rounds) = option == '?' ? 0 : strtoul(optarg, NULL, 10);
	if (optind < argc)
		pages = strtoul(argv[optind], NULL, 10);
	if (n < 1 || n > MAX_WORKERS || rounds < 1 || rounds > MAX_ROUNDS || pages < 1) {
		fprintf(stderr, "usage: scale [-n WORKERS] [-r ROUNDS] [PAGES]\n");
		return 2;
	}
	for (unsigned i = 0; i < n; i++)
		if (pipe(orders[i]))
			die("pipe");
	if (pipe(done))
		die("pipe");
	measure("threads", n);
	measure("processes", n);
	return 0;
}
