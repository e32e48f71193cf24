/* SPDX-License-Identifier: ISC */
/*
 * zerotest: memory never written is zero, reading it costs no memory (so it may be larger than the
 * machine's), and memory given back comes again as zero, without a trace of what was in it.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define READ_SIZE (256 * MIB)

static char bss[256 * 1024];
static char data_and_bss[PG + 1] = { 1 };

static void many_reads(void)
{
	char *p = (char *)SYS(mmap(NULL, READ_SIZE, RW, ANON | MAP_NORESERVE, -1, 0));
	unsigned long sum = 0;

	for (unsigned long at = 0; at < READ_SIZE; at += PG)
		sum += *(volatile unsigned long *)(p + at + at / PG % 512 * 8);
	EQ(sum, 0);
	for (unsigned long at = 0; at < READ_SIZE; at += 16 * MIB) {
		*(volatile char *)(p + at) = 'w'; /* a write after the read */
		EQ(p[at], 'w');
		ALL(p + at + 1, 2 * PG - 1, 0);
	}
	for (unsigned long at = 0; at < READ_SIZE; at += 16 * MIB) /* the zero page itself is unharmed */
		ALL(p + at + 3 * PG, PG, 0);
	SYS(munmap(p, READ_SIZE));
}

static void read_only(void)
{
	char *p = (char *)SYS(mmap(NULL, 4 * PG, PROT_READ, ANON, -1, 0));

	ALL(p, 4 * PG, 0);
	FAULT(store(p + PG, 1), SIGSEGV, SEGV_ACCERR, p + PG);
	ALL(p, 4 * PG, 0);
	SYS(mprotect(p, 4 * PG, RW)); /* pages already read become writable, each its own */
	p[PG] = 1;
	EQ(p[0], 0);
	EQ(p[2 * PG], 0);
	SYS(munmap(p, 4 * PG));
}

static void segments(void)
{
	ALL(bss, sizeof(bss), 0);
	bss[sizeof(bss) / 2] = 1;
	ALL(bss, sizeof(bss) / 2, 0);
	ALL(bss + sizeof(bss) / 2 + 1, sizeof(bss) / 2 - 1, 0);
	ALL(data_and_bss + 1, PG, 0);
}

/* fill with a secret, give back, get again, as another kind of memory */
static void no_stale_memory(void)
{
	for (int round = 0; round < 8; round++) {
		unsigned long n = MIB / 2 + (unsigned long)round * 8 * PG;
		char *p = map_anon(n), *q;

		ALL(p, n, 0);
		memset(p, 0xa5, n);
		SYS(munmap(p, n));
		q = (char *)SYS(mmap(NULL, n, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
		ALL(q, n, 0);
		memset(q, 0x5a, n);
		SYS(munmap(q, n));
	}
}

static void no_stale_processes(void)
{
	for (int round = 0; round < 8; round++) {
		pid_t pid = test_fork();

		if (pid == 0) {
			char *p = map_anon(MIB);

			ALL(p, MIB, 0);
			memset(p, 0xc3, MIB);
			_exit(0);
		}
		EXITED(pid, 0);
	}
}

static void calloc_is_zero(void)
{
	for (int round = 0; round < 4; round++) {
		char *p = malloc(200000), *q = malloc(3000);

		CHECK(p != NULL && q != NULL);
		memset(p, 0xee, 200000);
		memset(q, 0xee, 3000);
		free(p);
		free(q);
		p = calloc(200, 1000);
		q = calloc(30, 100);
		CHECK(p != NULL && q != NULL);
		ALL(p, 200000, 0);
		ALL(q, 3000, 0);
		free(p);
		free(q);
	}
}

static void file_holes(void)
{
	int fd = make_file("f", 3 * PG / 2, 1);
	char *p, buf[PG];

	SYS(ftruncate(fd, 16 * PG));
	SYS(lseek(fd, 3 * PG / 2, SEEK_SET));
	for (unsigned long at = 3 * PG / 2; at < 16 * PG;) {
		long n = SYS(read(fd, buf, sizeof(buf)));

		CHECK(n > 0);
		ALL(buf, (unsigned long)n, 0);
		at += (unsigned long)n;
	}
	p = (char *)SYS(mmap(NULL, 16 * PG, RW, MAP_SHARED, fd, 0));
	SAME(p, 3 * PG / 2, 0, 1);
	ALL(p + 3 * PG / 2, 16 * PG - 3 * PG / 2, 0);
	fill(p, 16 * PG, 0, 2);
	SYS(ftruncate(fd, 100)); /* cut off and grown again: the old bytes do not come back */
	SYS(ftruncate(fd, 16 * PG));
	SAME(p, 100, 0, 2);
	ALL(p + 100, 16 * PG - 100, 0);
	SYS(munmap(p, 16 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void sparse_write(void)
{
	int fd = make_file("f", 0, 0);
	char buf[PG];

	EQ(SYS(pwrite(fd, "x", 1, 50 * PG + 17)), 1);
	for (int i = 0; i < 50; i++) {
		EQ(SYS(pread(fd, buf, PG, i * (off_t)PG)), PG);
		ALL(buf, PG, 0);
	}
	EQ(SYS(pread(fd, buf, PG, 50 * PG)), 18);
	ALL(buf, 17, 0);
	EQ(buf[17], 'x');
	SYS(close(fd));
	SYS(unlink("f"));
}

static void forked(void)
{
	char *p = map_anon(64 * PG);
	pid_t pid;

	ALL(p, 32 * PG, 0); /* half of it read, half untouched */
	pid = test_fork();
	if (pid == 0) {
		ALL(p, 64 * PG, 0);
		memset(p + 16 * PG, 1, 32 * PG);
		ALL(p, 16 * PG, 0);
		ALL(p + 48 * PG, 16 * PG, 0);
		_exit(0);
	}
	p[0] = 2;
	EXITED(pid, 0);
	p[0] = 0;
	ALL(p, 64 * PG, 0);
	SYS(munmap(p, 64 * PG));
}

static const struct test tests[] = {
	{ "many reads", many_reads },
	{ "read-only", read_only },
	{ "bss", segments },
	{ "memory again", no_stale_memory },
	{ "another process's memory", no_stale_processes },
	{ "calloc", calloc_is_zero },
	{ "holes and cut-off tails", file_holes },
	{ "sparse writes", sparse_write },
	{ "fork", forked },
};

TEST_MAIN("zerotest", tests)
