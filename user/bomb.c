/* SPDX-License-Identifier: ISC */
/*
 * bomb KIND [SECONDS]: takes all it can get of one kind of memory, until it is stopped or the time (10 s; sparse: none) is over.
 *
 *	fork     processes that fork as fast as they can
 *	malloc   private memory, each page written
 *	dirty    a shared mapping of a file, each page written, over and over
 *	shm      shared anonymous memory
 *	pipe     pipes full of bytes, by four processes, with as many descriptors as there may be
 *	write    a file of 128 MiB by write(2); says how long the longest call took, and the most that was dirty
 *	sparse   1 GiB written once every 2 MiB, again and again; then 1 GiB that is only read
 *	spread   200 GiB written once every GiB; when the time is over it must be there still
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define MIB  (1ul << 20)
#define STEP (2 * MIB)
#define GIB  (1ul << 30)

static time_t end;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static char *map(size_t n, int flags, int fd)
{
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Children are born faster than they end; the leader ends the group. */
static int fork_bomb(void)
{
	pid_t leader = getpid();
	unsigned long failed = 0;

	setpgid(0, 0);
	while (now() < end) {
		if (fork() < 0) {
			failed++;
			usleep(1000);
		}
		if (getpid() == leader)
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
	}
	if (getpid() != leader)
		_exit(0);
	signal(SIGTERM, SIG_IGN);
	while (kill(0, SIGTERM) == 0 && waitpid(-1, NULL, 0) > 0)
		;
	printf("bomb: fork failed %lu times in the leader\n", failed);
	return 0;
}

static int memory_bomb(int flags)
{
	unsigned long n = 0;

	while (now() < end) {
		char *p = map(MIB, flags | MAP_ANONYMOUS, -1);

		if (!p) {
			printf("bomb: %lu MiB, then errno %d\n", n, errno);
			return 0;
		}
		for (size_t i = 0; i < MIB; i += PAGE)
			memset(p + i, (int)n, PAGE);
		n++;
	}
	printf("bomb: %lu MiB in time\n", n);
	return 0;
}

static int pipe_bomb(void)
{
	static char buf[65536];
	unsigned long n = 0;
	int p[2];

	fork();
	fork();
	while (pipe(p) == 0) {
		fcntl(p[1], F_SETFL, O_NONBLOCK);
		for (ssize_t got; (got = write(p[1], buf, sizeof(buf))) > 0;)
			n += (unsigned long)got;
	}
	if (errno != EMFILE && errno != ENFILE)
		return perror("bomb"), 1;
	if (n < 4096 * 100) {
		printf("bomb: only %lu bytes in pipes\n", n);
		return 1;
	}
	while (wait(NULL) > 0)
		;
	return 0;
}

static int dirty_bomb(void)
{
	size_t size = 96 * MIB;
	int fd = open("bomb.dat", O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint64_t round = 0, seed = 1;
	char *p;

	unlink("bomb.dat");
	if (fd < 0 || ftruncate(fd, size) || !(p = map(size, MAP_SHARED, fd)))
		return perror("bomb"), 1;
	while (now() < end)
		for (size_t i = 0; i < size / PAGE; i++, round++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			memcpy(p + (seed >> 33) % (size / PAGE) * PAGE, &round, sizeof(round));
		}
	printf("bomb: %lu pages dirtied\n", (unsigned long)round);
	return 0;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static long dirty_kib(void)
{
	long dirty = 0, writing = 0;
	char line[200];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "Dirty: %ld", &dirty);
		sscanf(line, "Writeback: %ld", &writing);
	}
	if (f)
		fclose(f);
	return dirty + writing;
}

static int write_bomb(void)
{
	static char buf[65536];
	long longest = 0, most = 0;
	int fd = open("bomb.dat", O_RDWR | O_CREAT | O_TRUNC, 0600);

	unlink("bomb.dat");
	for (unsigned i = 0; i < 128 * MIB / sizeof(buf); i++) {
		long start = now_ms(), dirty;

		memset(buf, (int)i, sizeof(buf));
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			return perror("bomb"), 1;
		longest = now_ms() - start > longest ? now_ms() - start : longest;
		dirty = i % 16 ? 0 : dirty_kib();
		most = dirty > most ? dirty : most;
	}
	printf("longest %ld\ndirty %ld\n", longest, most);
	return 0;
}

static int sparse(void)
{
	char *p = map(GIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1),
	     *q = map(GIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (!p || !q)
		return perror("bomb"), 1;
	for (int round = 0; round < 3 || now() < end; round++)
		for (size_t i = 0; i < GIB; i += STEP) {
			uint64_t *w = (uint64_t *)(p + i);

			if (round && *w != i + round)
				return fprintf(stderr, "bomb: page at %zu has %lu\n", i, (unsigned long)*w),
				       1;
			*w = i + round + 1;
		}
	for (size_t i = 0; i < GIB; i += PAGE)
		if (*(volatile char *)(q + i))
			return fprintf(stderr, "bomb: byte at %zu is not 0\n", i), 1;
	return 0;
}

static int spread(void)
{
	char *p = map(200 * GIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	if (!p)
		return perror("bomb"), 1;
	for (size_t i = 1; i <= 200; i++)
		p[(i - 1) * GIB] = (char)i;
	while (now() < end)
		sleep(1);
	for (size_t i = 1; i <= 200; i++)
		if (p[(i - 1) * GIB] != (char)i)
			return fprintf(stderr, "bomb: byte of GiB %zu is wrong\n", i), 1;
	return 0;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	end = now() + (argc > 2 ? atoi(argv[2]) : strcmp(kind, "sparse") ? 10 : 0);
	if (!strcmp(kind, "fork"))
		return fork_bomb();
	if (!strcmp(kind, "malloc"))
		return memory_bomb(MAP_PRIVATE);
	if (!strcmp(kind, "shm"))
		return memory_bomb(MAP_SHARED);
	if (!strcmp(kind, "pipe"))
		return pipe_bomb();
	if (!strcmp(kind, "dirty"))
		return dirty_bomb();
	if (!strcmp(kind, "write"))
		return write_bomb();
	if (!strcmp(kind, "sparse"))
		return sparse();
	if (!strcmp(kind, "spread"))
		return spread();
	fprintf(stderr, "usage: bomb fork|malloc|dirty|shm|pipe|write|sparse|spread [SECONDS]\n");
	return 2;
}
