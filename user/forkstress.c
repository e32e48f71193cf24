/* SPDX-License-Identifier: ISC */
/*
 * forkstress [ROUNDS] [PROCS]: trees of processes that touch memory, talk through pipes, exit, are killed
 * and become orphans, ROUNDS (20) times with about PROCS (8) at once. Every byte and every status is
 * checked.
 */
#define _GNU_SOURCE
#include <time.h>

#include "include/testlib.h"

#define NPAGES 24

static int procs = 8;
static unsigned char *area;
static uint64_t state;

static void nap(long us)
{
	struct timespec t = { 0, us * 1000 };

	nanosleep(&t, NULL);
}

static void write_all(unsigned seed)
{
	for (unsigned long p = 0; p < NPAGES; p++)
		fill(area + p * PG, 256, p * PG, seed);
}

static void check_all(unsigned seed)
{
	for (unsigned long p = 0; p < NPAGES; p++)
		SAME(area + p * PG, 256, p * PG, seed);
}

/* a binary tree of about `budget` processes; each returns the size of its subtree through the pipe */
static int tree(int budget, unsigned seed)
{
	int left = (budget - 1) / 2, right = budget - 1 - left, size = 1, fd[2], sum = 0, c;
	pid_t pid[2] = { 0, 0 };

	check_all(seed);
	SYS(pipe(fd));
	for (int i = 0; i < 2; i++) {
		int part = i ? right : left;

		if (!part)
			continue;
		pid[i] = test_fork();
		if (pid[i] == 0) {
			SYS(close(fd[0]));
			put_token(fd[1], tree(part, seed));
			_exit(part);
		}
	}
	SYS(close(fd[1]));
	write_all(seed + 100 + (unsigned)budget); /* while the children check theirs */
	while ((c = get_token(fd[0])) >= 0)
		sum += c;
	SYS(close(fd[0]));
	for (int i = 0; i < 2; i++)
		if (pid[i])
			EXITED(pid[i], i ? right : left);
	check_all(seed + 100 + (unsigned)budget);
	size += sum;
	EQ(size, budget);
	return size;
}

static void trees(unsigned round)
{
	write_all(round);
	tree(procs, round);
}

/* processes that run as long as their parent does, in several ways, killed at some moment of their lives */
static void kills(unsigned round)
{
	pid_t pid[64], parent = getpid();
	int life[2];

	write_all(round);
	SYS(pipe(life));
	for (int i = 0; i < procs; i++) {
		pid[i] = test_fork();
		if (pid[i] == 0) {
			char c;

			SYS(close(life[1]));
			if (i % 4 == 0)
				_exit((int)read(life[0], &c, 1)); /* returns only when the parent is gone */
			while (getppid() == parent) {
				write_all((unsigned)i);
				check_all((unsigned)i);
				if (i % 4 == 1)
					nap(100);
				if (i % 4 == 2)
					SYS(munmap(map_anon(64 * PG), 64 * PG));
				if (i % 4 == 3 && test_fork() == 0)
					_exit(0); /* never waited for */
				while (i % 4 == 3 && waitpid(-1, NULL, WNOHANG) > 0)
					;
			}
			_exit(0);
		}
	}
	for (int i = 0; i < procs; i++) {
		nap((long)(test_random(&state) % 3000));
		SYS(kill(pid[i], i % 2 ? SIGKILL : SIGTERM));
	}
	for (int i = procs - 1; i >= 0; i--)
		KILLED(pid[i], i % 2 ? SIGKILL : SIGTERM);
	SYS(close(life[0]));
	SYS(close(life[1]));
	check_all(round);
}

/* the middle process exits first; its children are someone else's and still end properly */
static void orphans(unsigned round)
{
	int fd[2], seen = 0, c;
	pid_t pid;

	write_all(round);
	SYS(pipe(fd));
	pid = test_fork();
	if (pid == 0) {
		pid_t middle = getpid();

		for (int i = 0; i < procs; i++)
			if (test_fork() == 0) {
				while (getppid() == middle)
					nap(500);
				check_all(round);
				put_token(fd[1], i);
				_exit(0);
			}
		_exit(9);
	}
	SYS(close(fd[1]));
	EXITED(pid, 9);
	while ((c = get_token(fd[0])) >= 0)
		seen |= 1 << c;
	EQ(seen, (1 << procs) - 1);
	SYS(close(fd[0]));
}

/* many short lives one after the other, waited for in any order */
static void waits(unsigned round)
{
	int fd[2], statuses = 0, status;
	char buf[8];

	write_all(round);
	SYS(pipe(fd));
	for (int i = 0; i < procs; i++)
		if (test_fork() == 0) {
			char *p = map_anon(MIB / 4);

			SYS(close(fd[1]));
			p[(unsigned long)i * PG] = (char)i;
			EQ(SYS(read(fd[0], buf, 1)), 1);
			_exit(i + 1);
		}
	for (int i = 0; i < procs; i++)
		put_token(fd[1], i);
	for (int i = 0; i < procs; i++) {
		SYS(wait(&status));
		CHECK(WIFEXITED(status));
		statuses += WEXITSTATUS(status);
	}
	EQ(statuses, procs * (procs + 1) / 2);
	ERR(wait(&status), ECHILD);
	SYS(close(fd[0]));
	SYS(close(fd[1]));
	check_all(round);
}

/* more children than a small machine has room for at a time, each ends at once: however long this process keeps the processor, fork works */
static void burst(unsigned round)
{
	int left = 30 * procs;

	write_all(round);
	nap(100);
	for (int i = 30 * procs; i > 0; i--) {
		if (test_fork() == 0)
			_exit(0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			left--;
	}
	while (left > 0 && SYS(wait(NULL)))
		left--;
	ERR(wait(NULL), ECHILD);
}

int main(int argc, char **argv)
{
	unsigned rounds = 20;

	argc = test_begin("forkstress", argc, argv);
	if (argc > 1)
		rounds = (unsigned)atoi(argv[1]);
	if (argc > 2)
		procs = atoi(argv[2]);
	if (argc > 3 || !rounds || procs < 1 || procs > 30) {
		fprintf(stderr, "usage: forkstress [ROUNDS] [PROCS], PROCS at most 30\n");
		return 2;
	}
	area = map_anon(NPAGES * PG);
	for (unsigned round = 1; round <= rounds; round++) {
		test_now = "trees";
		trees(round);
		test_now = "kills";
		kills(round);
		test_now = "orphans";
		orphans(round);
		test_now = "waits";
		waits(round);
		test_now = "burst";
		burst(round);
	}
	test_now = "end";
	ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
	test_ok("trees");
	test_ok("kills");
	test_ok("orphans");
	test_ok("waits");
	test_ok("burst");
	printf("forkstress: all 5 tests passed, %u rounds, %d processes\n", rounds, procs);
	return 0;
}
