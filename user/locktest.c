/* SPDX-License-Identifier: ISC */
/*
 * locktest [MIB]: what is locked stays in memory while a child uses MIB (20) of it, more than a small machine has: private pages,
 * which a fork shares, and pages of a file.
 */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "include/testlib.h"

enum { N = 256 }; /* pages of each kind */
static unsigned long mib = 20;

static void use_memory(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		char *p = map_anon(mib * MIB);

		for (int round = 0; round < 2; round++) {
			for (unsigned long at = 0; at < mib * MIB; at += PG)
				*(volatile unsigned long *)(void *)(p + at) = at + (unsigned long)round;
			for (unsigned long at = 0; at < mib * MIB; at += PG)
				EQ(*(volatile unsigned long *)(void *)(p + at), at + (unsigned long)round);
		}
		_exit(0);
	}
	EXITED(pid, 0);
}

static long major_faults(void)
{
	struct rusage u;

	SYS(getrusage(RUSAGE_SELF, &u));
	return u.ru_majflt;
}

static void stays(void)
{
	int fd = make_file("f", N * PG, 2);
	char *a = map_anon(N * PG), *s = (char *)SYS(mmap(NULL, N * PG, RW, MAP_SHARED, fd, 0));
	unsigned char vec[N];
	long before;

	fill(a, N * PG, 0, 1);
	SYS(mlock(a, N * PG));
	SYS(mlock(s, N * PG));
	use_memory();
	SYS(mincore(a, N * PG, vec));
	for (int i = 0; i < N; i++)
		EQ(vec[i] & 1, 1);
	SYS(mincore(s, N * PG, vec));
	for (int i = 0; i < N; i++)
		EQ(vec[i] & 1, 1);
	before = major_faults();
	for (int i = 0; i < N; i++) {
		EQ((unsigned char)a[i * PG], pattern(i * PG, 1));
		EQ((unsigned char)s[i * PG], pattern(i * PG, 2));
	}
	EQ(major_faults() - before, 0);
	SYS(munlock(a, N * PG));
	use_memory();
	SAME(a, N * PG, 0, 1);
	SYS(munmap(a, N * PG));
	SYS(munmap(s, N * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static const struct test tests[] = {
	{ "stays", stays },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		mib = strtoul(argv[1], NULL, 10);
	return test_main("locktest", tests, 1, 1, argv);
}
