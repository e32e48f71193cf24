/* SPDX-License-Identifier: ISC */
/*
 * lazytest [-d DIR] [MIB]: memory costs only what is touched. A sparse gigabyte (or MIB), private and
 * shared, grown and shrunk breaks, and a fork of it all, on a machine with a hundredth of that.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define STRIDE (2 * MIB)

static unsigned long area = 1024 * MIB;

static void touch_sparsely(char *p, unsigned seed)
{
	for (unsigned long at = 0; at < area; at += STRIDE)
		*(volatile unsigned long *)(p + at + (at / STRIDE * PG) % STRIDE) = at + seed;
}

static void check_sparsely(char *p, unsigned seed)
{
	for (unsigned long at = 0; at < area; at += STRIDE) {
		unsigned long inner = (at / STRIDE * PG) % STRIDE;

		EQ(*(volatile unsigned long *)(p + at + inner), at + seed);
		EQ(*(volatile unsigned long *)(p + at + inner + 8), 0);
		EQ(p[at + (inner + STRIDE / 2) % STRIDE], 0); /* never written */
	}
}

static void sparse_private(void)
{
	char *p = (char *)SYS(mmap(NULL, area, RW, ANON | MAP_NORESERVE, -1, 0));

	touch_sparsely(p, 1);
	check_sparsely(p, 1);
	SYS(munmap(p, area));
	FAULT(load(p + area / 2), SIGSEGV, SEGV_MAPERR, p + area / 2);
	p = (char *)SYS(mmap(NULL, area, RW, ANON | MAP_NORESERVE, -1, 0));
	EQ(p[0], 0);
	SYS(munmap(p, area));
}

static void sparse_fork(void)
{
	char *p = (char *)SYS(mmap(NULL, area, RW, ANON | MAP_NORESERVE, -1, 0));
	pid_t pid;

	p[area - 1] = 'p';
	for (unsigned long at = 0; at < area; at += 16 * STRIDE)
		p[at] = 'p';
	pid = test_fork();
	if (pid == 0) {
		for (unsigned long at = 0; at < area; at += 16 * STRIDE) {
			EQ(p[at], 'p');
			p[at + PG] = 'c';
		}
		EQ(p[area - 1], 'p');
		_exit(0);
	}
	EXITED(pid, 0);
	for (unsigned long at = 0; at < area; at += 16 * STRIDE)
		EQ(p[at + PG], 0);
	SYS(munmap(p, area));
}

static void sparse_shared(void)
{
	char *p = (char *)SYS(mmap(NULL, area, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));

	for (unsigned long at = 0; at < area; at += 8 * STRIDE)
		*(volatile unsigned long *)(p + at) = at + 3;
	for (unsigned long at = 0; at < area; at += 8 * STRIDE)
		EQ(*(volatile unsigned long *)(p + at), at + 3);
	SYS(munmap(p, area));
}

static void sparse_file(void)
{
	int fd = make_file("f", 0, 0);
	struct stat st;
	char *p, c;

	SYS(ftruncate(fd, (off_t)area));
	p = (char *)SYS(mmap(NULL, area, RW, MAP_SHARED, fd, 0));
	for (unsigned long at = 0; at < area; at += 32 * STRIDE)
		p[at + 5] = 'f';
	EQ(p[area - 1], 0);
	SYS(munmap(p, area));
	SYS(fsync(fd));
	SYS(fstat(fd, &st));
	EQ(st.st_size, area);
	CHECK((unsigned long)st.st_blocks * 512 < area / 16); /* holes have no blocks */
	for (unsigned long at = 0; at < area; at += 32 * STRIDE) {
		EQ(SYS(pread(fd, &c, 1, (off_t)at + 5)), 1);
		EQ(c, 'f');
		EQ(SYS(pread(fd, &c, 1, (off_t)at + PG)), 1);
		EQ(c, 0);
	}
	SYS(close(fd));
	SYS(unlink("f"));
}

static void reservations(void)
{
	char *p[8];

	for (int i = 0; i < 8; i++) {
		p[i] = (char *)SYS(mmap(NULL, area, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));
		SYS(mprotect(p[i] + area / 2, PG, RW));
		p[i][area / 2] = (char)i;
	}
	for (int i = 0; i < 8; i++) {
		EQ(p[i][area / 2], i);
		SYS(munmap(p[i], area));
	}
}

/* a child, so that malloc of this process need not know */
static void program_break(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		char *base = (char *)SYS(sbrk(0)), *start;
		unsigned long odd = (uintptr_t)base % PG ? PG - (uintptr_t)base % PG : 0;

		SYS(sbrk((intptr_t)odd));
		start = (char *)SYS(sbrk(64 * (intptr_t)MIB));
		EQ(start, base + odd);
		EQ(sbrk(0), start + 64 * MIB);
		for (unsigned long at = 0; at < 64 * MIB; at += MIB) {
			EQ(start[at], 0);
			start[at] = 'b';
		}
		start[64 * MIB - 1] = 'e';
		SYS(sbrk(-63 * (intptr_t)MIB));
		EQ(sbrk(0), start + MIB);
		EQ(start[0], 'b');
		FAULT(load(start + MIB), SIGSEGV, SEGV_MAPERR, start + MIB);
		FAULT(load(start + 64 * MIB - 1), SIGSEGV, SEGV_MAPERR, start + 64 * MIB - 1);
		SYS(sbrk(MIB)); /* grown again, it is zero again */
		EQ(start[MIB], 0);
		EQ(start[0], 'b');
		SYS(sbrk(100)); /* within a page */
		start[2 * MIB + 99] = 1;
		SYS(brk(start + MIB));
		EQ(sbrk(0), start + MIB);
		_exit(0);
	}
	EXITED(pid, 0);
}

static const struct test tests[] = {
	{ "sparse private", sparse_private }, { "sparse and forked", sparse_fork },
	{ "sparse shared", sparse_shared },   { "sparse file", sparse_file },
	{ "reservations", reservations },     { "program break", program_break },
};

int main(int argc, char **argv)
{
	/* MIB if the last argument is a number; test_main() takes the others */
	if (argc > 1 && atoi(argv[argc - 1]) > 0) {
		area = (unsigned long)atoi(argv[argc - 1]) * MIB / (32 * STRIDE) * (32 * STRIDE);
		argc--;
		if (!area) {
			fprintf(stderr, "usage: lazytest [-d DIR] [MIB], at least 64\n");
			return 2;
		}
	}
	return test_main("lazytest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
