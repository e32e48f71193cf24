/* SPDX-License-Identifier: ISC */
/*
 * racetest [-d DIR] [TEXT]: what a truncation takes away stays away, however fast others touch it meanwhile:
 * neighbours mapped around a fault, private copies, mappings that a fork is just making.
 */
#define _GNU_SOURCE
#include "include/testlib.h"
#include <stdbool.h>

#define NPAGES 48ul
/* On one hart fewer: whoever waits for another waits for its slice of time. */
#define ROUNDS (sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 60u : 12u)
#define PLACE \
	((void *)0x20000000) /* the file's pages and the virtual ones have the same places in their groups of 64 */

/* The file has been through half as many rounds: even steps, it is filled; odd ones, it shrank and grew again. */
static volatile struct shared {
	unsigned step, seen;
} * shared;

static jmp_buf again;

static void on_fault(int sig)
{
	(void)sig;
	longjmp(again, 1);
}

static void catch_faults(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_fault;
	sa.sa_flags = SA_NODEFER;
	SYS(sigaction(SIGBUS, &sa, NULL));
}

static void new_shared(void)
{
	shared = (void *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	shared->step = shared->seen = 0;
}

static void await(volatile unsigned *word, unsigned want)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != want)
		SYS(usleep(10));
}

static void refill(int fd)
{
	static unsigned char page[PG];

	memset(page, 0xab, PG);
	for (unsigned long i = 0; i < NPAGES; i++)
		EQ(SYS(pwrite(fd, page, PG, (off_t)(i * PG))), PG);
}

/* A file in memory without a name, whose pages MADV_REMOVE takes. */
static int memory_file(void)
{
	int fd = (int)SYS(open("/dev/shm/racetest", O_RDWR | O_CREAT | O_TRUNC, 0600));

	SYS(unlink("/dev/shm/racetest"));
	return fd;
}

/* In the toucher, between two steps. */
static void touch(volatile char *p, int flags)
{
	static volatile unsigned long k;

	if (flags == MAP_SHARED) { /* page 0 is never lost: its faults bring the neighbours */
		SYS(madvise((char *)p, PG, MADV_DONTNEED));
		EQ((unsigned char)p[0], 0xab);
	} else if (!setjmp(again)) {
		k = k % (NPAGES - 1) + 1;
		(void)p[k * PG];
	}
}

static void toucher(int fd, int flags)
{
	volatile char *p = (char *)SYS(mmap(PLACE, NPAGES * PG, RW, flags | MAP_FIXED, fd, 0));

	catch_faults();
	for (unsigned round = 0; round < ROUNDS; round++) {
		await(&shared->step, 2 * round);
		for (unsigned long i = 1; flags == MAP_PRIVATE && i < NPAGES; i++)
			p[i * PG] = 'x';
		__atomic_store_n(&shared->seen, 2 * round + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&shared->step, __ATOMIC_ACQUIRE) != 2 * round + 1)
			touch(p, flags);
		for (unsigned long i = 1; i < NPAGES; i++)
			EQ(p[i * PG + round % PG], 0);
		__atomic_store_n(&shared->seen, 2 * round + 2, __ATOMIC_RELEASE);
	}
	_exit(0);
}

static void truncations(int flags, bool remove)
{
	int fd = remove ? memory_file() : make_file("f", 0, 0);
	char *own = (char *)SYS(mmap(NULL, NPAGES * PG, RW, MAP_SHARED, fd, 0));
	pid_t pid;

	new_shared();
	refill(fd);
	pid = test_fork();
	if (pid == 0)
		toucher(fd, flags);
	for (unsigned round = 0; round < ROUNDS; round++) {
		await(&shared->seen, 2 * round + 1);
		if (remove) {
			SYS(madvise(own + PG, (NPAGES - 1) * PG, MADV_REMOVE));
		} else {
			SYS(ftruncate(fd, PG));
			SYS(ftruncate(fd, NPAGES * PG));
		}
		__atomic_store_n(&shared->step, 2 * round + 1, __ATOMIC_RELEASE);
		await(&shared->seen, 2 * round + 2);
		refill(fd);
		__atomic_store_n(&shared->step, 2 * round + 2, __ATOMIC_RELEASE);
	}
	EXITED(pid, 0);
	SYS(munmap(own, NPAGES * PG));
	SYS(munmap((void *)shared, PG));
	SYS(close(fd));
	if (!remove)
		SYS(unlink("f"));
}

static void around_faults(void)
{
	truncations(MAP_SHARED, false);
}

static void private_copies(void)
{
	truncations(MAP_PRIVATE, false);
}

static void removed(void)
{
	truncations(MAP_SHARED, true);
}

static void forker(int fd)
{
	volatile char *p = (char *)SYS(mmap(NULL, NPAGES * PG, RW, MAP_PRIVATE, fd, 0));

	while (!__atomic_load_n(&shared->step, __ATOMIC_ACQUIRE)) {
		pid_t pid;

		p[0]++;
		pid = test_fork();
		if (pid == 0)
			_exit(0);
		EXITED(pid, 0);
		__atomic_fetch_add(&shared->seen, 1, __ATOMIC_RELAXED);
	}
	_exit(0);
}

/* The file shrinks while a fork clones a mapping of it. */
static void forks(void)
{
	int fd = make_file("f", 0, 0);
	pid_t pid;

	new_shared();
	refill(fd);
	pid = test_fork();
	if (pid == 0)
		forker(fd);
	for (unsigned round = 0; round < 3000 || shared->seen < 100; round++) {
		SYS(ftruncate(fd, PG));
		SYS(ftruncate(fd, NPAGES * PG));
	}
	__atomic_store_n(&shared->step, 1, __ATOMIC_RELEASE);
	EXITED(pid, 0);
	SYS(munmap((void *)shared, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void grows_down(void)
{
	int fd = make_file("f", PG, 1);

	ERR(mmap(NULL, PG, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0), EINVAL);
	ERR(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
	SYS(close(fd));
	SYS(unlink("f"));
}

static const struct test tests[] = {
	{ "truncate, neighbours of faults", around_faults }, { "truncate, private copies", private_copies },
	{ "MADV_REMOVE, neighbours of faults", removed },    { "truncate, forks", forks },
	{ "only anonymous memory grows down", grows_down },
};

TEST_MAIN("racetest", tests)
