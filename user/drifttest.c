/* SPDX-License-Identifier: ISC */
/*
 * drifttest [-d DIR] [-l WARM] ROUNDS [PROCESSES]: fork, copy on write, mmap, munmap, mprotect, mremap, truncate and msync, all at once, in more
 * memory than there is: each process has 5 MiB that it goes on using. What it stored must be there. Whoever compares free memory and
 * swap before and after sees whether anything was lost on the way. With -l it looks itself, after twice WARM rounds and again at the end, and
 * prints what /proc says then.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#include <sys/swap.h>

#define ROOM   (1280ul) /* pages that a process keeps */
#define NPAGES 24ul

static unsigned *kept;
static unsigned values[ROOM];
static unsigned stamp, state = 1;

static unsigned any(unsigned n)
{
	state = state * 1103515245 + 12345;
	return (state >> 8) % n;
}

static void use_room(void)
{
	for (unsigned k = 0; k < 12; k++) {
		unsigned i = any(ROOM);

		EQ(kept[i * (PG / 4)], values[i]);
		kept[i * (PG / 4)] = values[i] = ++stamp;
	}
}

static void see(const unsigned *p, unsigned long n, unsigned first)
{
	for (unsigned long i = 0; i < n; i++)
		EQ(p[i * (PG / 4)], (unsigned)(first + i));
}

static void put(unsigned *p, unsigned long n, unsigned first)
{
	for (unsigned long i = 0; i < n; i++)
		p[i * (PG / 4)] = first + i;
}

/* A child and its parent change the same pages, each its own. */
static void forking(unsigned round)
{
	unsigned *p = (void *)SYS(mmap(NULL, NPAGES * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	unsigned i = any(ROOM);
	int status;
	pid_t pid;

	put(p, NPAGES, round);
	pid = SYS(fork());
	if (pid == 0) {
		put(p, NPAGES / 2, ~round);
		kept[i * (PG / 4)] = 0;
		see(p, NPAGES / 2, ~round);
		see(p + NPAGES / 2 * (PG / 4), NPAGES / 2, round + NPAGES / 2);
		_exit(0);
	}
	put(p + NPAGES / 2 * (PG / 4), NPAGES / 2, 5 * round);
	EQ(SYS(waitpid(pid, &status, 0)), pid);
	EQ(status, 0);
	see(p, NPAGES / 2, round);
	see(p + NPAGES / 2 * (PG / 4), NPAGES / 2, 5 * round);
	EQ(kept[i * (PG / 4)], values[i]);
	SYS(munmap(p, NPAGES * PG));
}

static void moving(unsigned round)
{
	unsigned *p = (void *)SYS(mmap(NULL, 2 * NPAGES * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), *q;

	put(p, 2 * NPAGES, round);
	SYS(mprotect(p + 4 * (PG / 4), 8 * PG, PROT_READ));
	SYS(munmap(p + NPAGES * (PG / 4), 4 * PG));
	see(p, NPAGES, round);
	SYS(mprotect(p + 4 * (PG / 4), 8 * PG, RW));
	q = mremap(p, NPAGES * PG, 3 * NPAGES * PG, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	see(q, NPAGES, round);
	put(q, 3 * NPAGES, round + 1);
	q = mremap(q, 3 * NPAGES * PG, NPAGES * PG, 0);
	CHECK(q != MAP_FAILED);
	see(q, NPAGES, round + 1);
	SYS(munmap(q, NPAGES * PG));
	SYS(munmap(p + (NPAGES + 4) * (PG / 4), (NPAGES - 4) * PG));
}

static void truncating(int fd, unsigned round)
{
	unsigned *p, *q;

	SYS(ftruncate(fd, NPAGES * PG));
	p = (void *)SYS(mmap(NULL, NPAGES * PG, RW, MAP_SHARED, fd, 0));
	q = (void *)SYS(mmap(NULL, NPAGES * PG, RW, MAP_PRIVATE, fd, 0));
	put(p, NPAGES, round);
	put(q, NPAGES / 2, ~round);
	if (round % 16 == 0)
		SYS(msync(p, NPAGES * PG, MS_SYNC));
	SYS(ftruncate(fd, (NPAGES / 4) * PG + 100));
	SYS(ftruncate(fd, NPAGES * PG));
	see(p, NPAGES / 4, round);
	EQ(p[NPAGES / 2 * (PG / 4)], 0);
	see(q, NPAGES / 4, ~round);
	EQ(q[NPAGES / 2 * (PG / 4)], 0);
	SYS(munmap(p, NPAGES * PG));
	SYS(munmap(q, NPAGES * PG));
}

static void work(unsigned rounds, unsigned number)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "drift%u", number);
	state = number + 1;
	fd = SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	kept = (void *)SYS(mmap(NULL, ROOM * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (unsigned i = 0; i < ROOM; i++)
		kept[i * (PG / 4)] = values[i] = ++stamp;
	for (unsigned round = 1; round <= rounds; round++) {
		use_room();
		forking(round);
		moving(round);
		truncating(fd, round);
	}
	SYS(close(fd));
	SYS(unlink(name));
	_exit(0);
}

static void run(unsigned rounds, unsigned processes)
{
	int status;

	for (unsigned i = 0; i < processes; i++)
		if (SYS(fork()) == 0)
			work(rounds / processes, i);
	while (wait(&status) > 0)
		EQ(status, 0);
}

static void drop_caches(void)
{
	int fd = SYS(open("/proc/sys/vm/drop_caches", O_WRONLY));

	sync();
	EQ(SYS(write(fd, "3", 1)), 1);
	SYS(close(fd));
}

/* What is in swap comes back: so it counts with the rest, and a slot that nobody holds would not go. */
static void empty_swap(void)
{
	char name[64];
	FILE *f = fopen("/proc/swaps", "r");

	CHECK(f && fgets(name, sizeof(name), f));
	while (fscanf(f, "%63s %*[^\n]", name) == 1) {
		SYS(swapoff(name));
		SYS(swapon(name, 0));
	}
	fclose(f);
}

static void print_file(const char *name)
{
	static char buf[16384];
	int fd = SYS(open(name, O_RDONLY));
	ssize_t n;

	while ((n = SYS(read(fd, buf, sizeof(buf)))) > 0)
		SYS(write(1, buf, n));
	SYS(close(fd));
}

/* Blocks that were freed are released every five seconds. */
static void look(const char *when)
{
	drop_caches();
	empty_swap();
	sleep(6);
	drop_caches();
	printf("= %s\n", when);
	fflush(stdout);
	print_file("/proc/meminfo");
	print_file("/proc/vmstat");
	print_file("/proc/slabinfo");
}

int main(int argc, char **argv)
{
	unsigned rounds, processes, warm = 0;

	if (argc > 2 && !strcmp(argv[1], "-d")) {
		SYS(chdir(argv[2]));
		argv += 2;
		argc -= 2;
	}
	if (argc > 2 && !strcmp(argv[1], "-l")) {
		warm = atoi(argv[2]);
		argv += 2;
		argc -= 2;
	}
	rounds = argc > 1 ? atoi(argv[1]) : 40;
	processes = argc > 2 ? atoi(argv[2]) : 4;
	if (warm) {
		run(warm, processes);
		look("warm");
		run(warm, processes);
		look("before");
	}
	run(rounds, processes);
	if (warm)
		look("after");
	printf("drifttest: ok\n");
	return 0;
}
