/* SPDX-License-Identifier: ISC */
/*
 * scale: first writes to PAGES pages of private memory each, by one and by four workers, each on a range of its own: threads of one
 * process, then processes.
 *
 *	scale [-n WORKERS] [PAGES]
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
#define ROUNDS	    10

static unsigned long pages = 4096;
static int start[2], done[2]; /* pipes */

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

/* Touches npages of fresh memory once for each byte that it reads from `start`. */
static void work(unsigned long npages)
{
	char c;

	while (read(start[0], &c, 1) == 1 && c) {
		volatile char *p =
			mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		for (unsigned long i = 0; i < npages; i++)
			p[i * PAGE] = 1;
		if (write(done[1], &c, 1) != 1)
			die("write");
		munmap((void *)p, npages * PAGE);
	}
}

static void *thread(void *arg)
{
	work((uintptr_t)arg);
	return NULL;
}

/* All workers' time for one round; they wait for the next before it begins. */
static uint64_t round_of(unsigned n)
{
	char go[MAX_WORKERS], c;
	uint64_t t;

	memset(go, 1, sizeof(go));
	usleep(20000); /* all of them wait */
	t = now();
	if (write(start[1], go, n) != (ssize_t)n)
		die("write");
	for (unsigned i = 0; i < n; i++)
		if (read(done[0], &c, 1) != 1)
			die("read");
	return now() - t;
}

static void measure(const char *kind, unsigned n)
{
	uint64_t best = UINT64_MAX;
	pthread_t threads[MAX_WORKERS];
	pid_t children[MAX_WORKERS];
	char stop[MAX_WORKERS] = { 0 };

	for (unsigned i = 0; i < n; i++) {
		if (*kind == 't') {
			if (pthread_create(&threads[i], NULL, thread, (void *)pages))
				die("pthread_create");
			continue;
		}
		children[i] = fork();
		if (children[i] < 0)
			die("fork");
		if (children[i] == 0) {
			work(pages);
			_exit(0);
		}
	}
	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t t = round_of(n);

		best = t < best ? t : best;
	}
	if (write(start[1], stop, n) != (ssize_t)n)
		die("write");
	for (unsigned i = 0; i < n; i++) {
		if (*kind == 't')
			pthread_join(threads[i], NULL);
		else
			waitpid(children[i], NULL, 0);
	}
	printf("%s %u: %lu ns a page\n", kind, n, (unsigned long)(best / pages));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	unsigned n = 4;
	int arg = 1;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		n = atoi(argv[2]);
		arg = 3;
	}
	if (arg < argc)
		pages = strtoul(argv[arg], NULL, 10);
	if (n < 1 || n > MAX_WORKERS || pages < 1) {
		fprintf(stderr, "usage: scale [-n WORKERS] [PAGES]\n");
		return 2;
	}
	if (pipe(start) || pipe(done))
		die("pipe");
	measure("threads", 1);
	measure("threads", n);
	measure("processes", 1);
	measure("processes", n);
	return 0;
}
