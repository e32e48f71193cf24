/* SPDX-License-Identifier: ISC */
/* mremaptest: mremap shrinks, grows in place and moves, for all kinds of memory, with forks in between. */
#define _GNU_SOURCE
#include "include/testlib.h"

/* a hole of nbytes in which a mapping can grow or not, as the test decides */
static char *make_room(unsigned long nbytes)
{
	char *p = (char *)SYS(mmap(NULL, nbytes, PROT_NONE, ANON | MAP_NORESERVE, -1, 0));

	SYS(munmap(p, nbytes));
	return p;
}

static char *fixed_anon(char *at, unsigned long nbytes)
{
	return (char *)SYS(mmap(at, nbytes, RW, ANON | MAP_FIXED, -1, 0));
}

static void shrink(void)
{
	char *p = map_anon(8 * PG);

	fill(p, 8 * PG, 0, 1);
	EQ(SYS(mremap(p, 8 * PG, 3 * PG, 0)), p);
	SAME(p, 3 * PG, 0, 1);
	FAULT(load(p + 3 * PG), SIGSEGV, SEGV_MAPERR, p + 3 * PG);
	FAULT(load(p + 8 * PG - 1), SIGSEGV, SEGV_MAPERR, p + 8 * PG - 1);
	EQ(SYS(mremap(p, 3 * PG, 3 * PG, 0)), p);
	SYS(munmap(p, 3 * PG));
}

static void grow_in_place(void)
{
	char *p = fixed_anon(make_room(8 * PG), 2 * PG);

	fill(p, 2 * PG, 0, 2);
	EQ(SYS(mremap(p, 2 * PG, 6 * PG, 0)), p);
	SAME(p, 2 * PG, 0, 2);
	ALL(p + 2 * PG, 4 * PG, 0);
	fill(p + 2 * PG, 4 * PG, 2 * PG, 2);
	SAME(p, 6 * PG, 0, 2);
	SYS(munmap(p, 6 * PG));
}

static void grow_by_moving(void)
{
	char *p = fixed_anon(make_room(8 * PG), 4 * PG), *q;

	fixed_anon(p + 4 * PG, PG); /* in the way; of the same kind, so that it may have been joined */
	fill(p, 5 * PG, 0, 3);
	ERR(mremap(p, 4 * PG, 8 * PG, 0), ENOMEM);
	SAME(p, 5 * PG, 0, 3);
	q = (char *)SYS(mremap(p, 4 * PG, 100 * PG, MREMAP_MAYMOVE));
	CHECK(q != p);
	SAME(q, 4 * PG, 0, 3);
	ALL(q + 4 * PG, 96 * PG, 0);
	FAULT(load(p), SIGSEGV, SEGV_MAPERR, p);
	SAME(p + 4 * PG, PG, 4 * PG, 3);
	fill(q, 100 * PG, 0, 4);
	SAME(q, 100 * PG, 0, 4);
	SYS(munmap(q, 100 * PG));
	SYS(munmap(p + 4 * PG, PG));
}

static void to_fixed(void)
{
	char *p = map_anon(4 * PG), *q = map_anon(8 * PG);

	fill(p, 4 * PG, 0, 5);
	fill(q, 8 * PG, 0, 6);
	EQ(SYS(mremap(p, 4 * PG, 4 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q + 2 * PG)), q + 2 * PG);
	SAME(q, 2 * PG, 0, 6);
	SAME(q + 2 * PG, 4 * PG, 0, 5);
	SAME(q + 6 * PG, 2 * PG, 6 * PG, 6);
	FAULT(load(p), SIGSEGV, SEGV_MAPERR, p);
	SYS(munmap(q, 8 * PG));
}

static void shared_file(void)
{
	int fd = make_file("f", 8 * PG, 7);
	char *p = (char *)SYS(mmap(NULL, 2 * PG, RW, MAP_SHARED, fd, 2 * PG)), c;

	p = (char *)SYS(mremap(p, 2 * PG, 6 * PG, MREMAP_MAYMOVE));
	SAME(p, 6 * PG, 2 * PG, 7);
	p[5 * PG] = 'm';
	EQ(SYS(pread(fd, &c, 1, 7 * PG)), 1);
	EQ(c, 'm');
	p = (char *)SYS(mremap(p, 6 * PG, 10 * PG, MREMAP_MAYMOVE));
	FAULT(load(p + 6 * PG), SIGBUS, BUS_ADRERR, p + 6 * PG);
	SYS(munmap(p, 10 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void private_file(void)
{
	int fd = make_file("f", 8 * PG, 8);
	char *p = (char *)SYS(mmap(NULL, 4 * PG, RW, MAP_PRIVATE, fd, 0)), *q = make_room(16 * PG);

	fill(p + PG, PG, PG, 9);
	EQ(SYS(mremap(p, 4 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q)), q);
	SAME(q, PG, 0, 8);
	SAME(q + PG, PG, PG, 9);
	SAME(q + 2 * PG, 6 * PG, 2 * PG, 8);
	SYS(munmap(q, 8 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void after_fork(void)
{
	char *p = map_anon(8 * PG), *q = make_room(16 * PG);
	pid_t pid;

	fill(p, 8 * PG, 0, 10);
	pid = test_fork();
	if (pid == 0) {
		EQ(SYS(mremap(p, 8 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q)), q);
		SAME(q, 8 * PG, 0, 10);
		fill(q, 4 * PG, 0, 11);
		if ((pid = test_fork()) == 0) {
			SAME(q, 4 * PG, 0, 11);
			fill(q, 8 * PG, 0, 12);
			_exit(0);
		}
		EXITED(pid, 0);
		SAME(q, 4 * PG, 0, 11);
		SAME(q + 4 * PG, 4 * PG, 4 * PG, 10);
		FAULT(load(p), SIGSEGV, SEGV_MAPERR, p);
		_exit(0);
	}
	fill(p + 6 * PG, PG, 6 * PG, 13);
	EXITED(pid, 0);
	SAME(p, 6 * PG, 0, 10);
	SAME(p + 6 * PG, PG, 6 * PG, 13);
	SYS(munmap(p, 8 * PG));
}

/* Pages that were put into swap, by themselves and shared with a child, go along. */
static void swapped(void)
{
	enum { N = 256 };
	char *p = map_anon(N * PG), *q = make_room(2 * N * PG);
	pid_t pid;

	fill(p, N * PG, 0, 14);
	SYS(madvise(p, N * PG, MADV_PAGEOUT));
	NOFAULT(load(p + 5 * PG)); /* some are back, clean, with their copies kept */
	EQ(SYS(mremap(p, N * PG, N * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q)), q);
	SAME(q, N / 2 * PG, 0, 14);
	SYS(madvise(q, N * PG, MADV_PAGEOUT));
	pid = test_fork();
	if (pid == 0) {
		EQ(SYS(mremap(q, N * PG, N * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q + N * PG)), q + N * PG);
		for (int i = 0; i < N; i += 2)
			q[(N + i) * PG] = 'c';
		SYS(madvise(q + N * PG, N * PG, MADV_PAGEOUT));
		for (int i = 1; i < N; i += 2)
			SAME(q + (N + i) * PG, PG, i * PG, 14);
		for (int i = 0; i < N; i += 2) {
			EQ(q[(N + i) * PG], 'c');
			SAME(q + (N + i) * PG + 1, PG - 1, i * PG + 1, 14);
		}
		_exit(0);
	}
	EXITED(pid, 0);
	SAME(q, N * PG, 0, 14);
	SYS(munmap(q, N * PG));
}

static void old_stays(void)
{
	char *p = map_anon(8 * PG), *q;

	fill(p, 8 * PG, 0, 15);
	q = (char *)SYS(mremap(p, 8 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL));
	CHECK(q != p);
	SAME(q, 8 * PG, 0, 15);
	ALL(p, 8 * PG, 0); /* mapped still, and empty */
	fill(p, 8 * PG, 0, 16);
	EQ(SYS(mremap(p, 8 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, q)), q);
	SAME(q, 8 * PG, 0, 16);
	ALL(p, 8 * PG, 0);
	ERR(mremap(p, 8 * PG, 9 * PG, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), EINVAL);
	ERR(mremap(p, 8 * PG, 8 * PG, MREMAP_DONTUNMAP, NULL), EINVAL);
	SYS(munmap(p, 8 * PG));
	SYS(munmap(q, 8 * PG));
}

static void twice_mapped(void)
{
	char *p = (char *)SYS(mmap(NULL, 4 * PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), *a = map_anon(PG),
	     *q;

	fill(p, 4 * PG, 0, 17);
	q = (char *)SYS(mremap(p, 0, 4 * PG, MREMAP_MAYMOVE)); /* the same memory once more */
	CHECK(q != p);
	SAME(q, 4 * PG, 0, 17);
	q[PG] = 't';
	EQ(p[PG], 't');
	ERR(mremap(a, 0, PG, MREMAP_MAYMOVE), EINVAL); /* of shared memory only */
	SYS(munmap(p, 4 * PG));
	EQ(q[PG], 't');
	SYS(munmap(q, 4 * PG));
	SYS(munmap(a, PG));
}

static void errors(void)
{
	char *p = map_anon(4 * PG);

	ERR(mremap(p + 1, PG, 2 * PG, MREMAP_MAYMOVE), EINVAL);
	ERR(mremap(p, 4 * PG, 0, MREMAP_MAYMOVE), EINVAL);
	ERR(mremap(p, 4 * PG, 4 * PG, 1 << 20), EINVAL);
	ERR(mremap(p, 4 * PG, 4 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, p + PG), EINVAL); /* overlaps itself */
	ERR(mremap(p, 4 * PG, 4 * PG, MREMAP_FIXED, p + 8 * PG), EINVAL);
	SYS(munmap(p + 2 * PG, PG));
	ERR(mremap(p + 2 * PG, PG, 2 * PG, MREMAP_MAYMOVE), EFAULT);
	SYS(munmap(p, 4 * PG));
}

/* Several mappings at once, with the gaps between them (Linux 6.17). */
static void several(void)
{
	int fd = make_file("f", 4 * PG, 20);
	char *p = make_room(32 * PG), *q = p + 16 * PG;
	char resident;

	SYS(mmap(p, 3 * PG, RW, ANON | MAP_FIXED, -1, 0));
	fill(p, 3 * PG, 0, 21);
	SYS(mprotect(p + PG, PG, PROT_READ));
	SYS(mmap(p + 5 * PG, 2 * PG, RW, MAP_SHARED | MAP_FIXED, fd, PG));
	SYS(mmap(p + 7 * PG, 2 * PG, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	fill(p + 7 * PG, PG, 0, 22);
	SYS(mmap(q, 16 * PG, RW, ANON | MAP_FIXED, -1, 0)); /* what lies in a gap stays */
	fill(q, 16 * PG, 0, 23);
	EQ(SYS(mremap(p + PG, 7 * PG, 7 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q + PG)), q + PG);
	SAME(p, PG, 0, 21);
	FAULT(load(p + PG), SIGSEGV, SEGV_MAPERR, p + PG);
	FAULT(load(p + 7 * PG), SIGSEGV, SEGV_MAPERR, p + 7 * PG);
	SAME(p + 8 * PG, PG, PG, 20);
	SAME(q, PG, 0, 23);
	SAME(q + PG, 2 * PG, PG, 21);
	FAULT(store(q + PG, 1), SIGSEGV, SEGV_ACCERR, q + PG);
	NOFAULT(store(q + 2 * PG, 1));
	SAME(q + 3 * PG, 2 * PG, 3 * PG, 23);
	SAME(q + 5 * PG, 2 * PG, PG, 20);
	SAME(q + 7 * PG, PG, 0, 22);
	SAME(q + 8 * PG, 8 * PG, 8 * PG, 23);

	EQ(SYS(mremap(q, 9 * PG, 9 * PG, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, p)), p);
	SAME(p, PG, 0, 23);
	SAME(p + 5 * PG, 2 * PG, PG, 20);
	SAME(p + 7 * PG, PG, 0, 22);
	ALL(q, 2 * PG, 0);
	SAME(q + 5 * PG, 2 * PG, PG, 20);
	SAME(q + 7 * PG, PG, 0, 20);
	ALL(q + 8 * PG, PG, 0);

	SYS(munmap(p, PG)); /* a hole where the range begins */
	EQ(mremap(p, 4 * PG, 4 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, q), MAP_FAILED);
	EQ(errno, EFAULT);
	EQ(mincore(q, PG, (void *)&resident), 0);
	SYS(munmap(p, 16 * PG));
	SYS(munmap(q, 16 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static const struct test tests[] = {
	{ "shrink", shrink },
	{ "grow in place", grow_in_place },
	{ "grow by moving", grow_by_moving },
	{ "MREMAP_FIXED", to_fixed },
	{ "shared file", shared_file },
	{ "private file", private_file },
	{ "fork", after_fork },
	{ "swapped", swapped },
	{ "DONTUNMAP", old_stays },
	{ "mapped twice", twice_mapped },
	{ "several mappings", several },
	{ "errors", errors },
};

TEST_MAIN("mremaptest", tests)
