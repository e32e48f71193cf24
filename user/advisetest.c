/* SPDX-License-Identifier: ISC */
/* advisetest: madvise in all its forms, mincore, mlock and its limit, mmap's rarer flags, limits on address space and data. */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/syscall.h>

#include "include/testlib.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

static char *map_file(int fd, unsigned long nbytes, int prot, int flags)
{
	return (char *)SYS(mmap(NULL, nbytes, prot, flags, fd, 0));
}

static unsigned resident(char *p, unsigned long nbytes)
{
	unsigned char vec[256];
	unsigned n = 0;

	SYS(mincore(p, nbytes, vec));
	for (unsigned long i = 0; i < nbytes / PG; i++)
		n += vec[i] & 1;
	return n;
}

/* ---- what drops pages ---- */

static void dontneed(void)
{
	int fd = make_file("f", 4 * PG, 1);
	char *a = map_anon(8 * PG), *p = map_file(fd, 4 * PG, RW, MAP_PRIVATE),
	     *s = map_file(fd, 4 * PG, RW, MAP_SHARED);

	fill(a, 8 * PG, 0, 2);
	SYS(madvise(a + 2 * PG, 3 * PG, MADV_DONTNEED));
	SAME(a, 2 * PG, 0, 2);
	ALL(a + 2 * PG, 3 * PG, 0);
	SAME(a + 5 * PG, 3 * PG, 5 * PG, 2);
	fill(p, 4 * PG, 0, 3);
	SYS(madvise(p, 2 * PG, MADV_DONTNEED)); /* the file shows again */
	SAME(p, 2 * PG, 0, 1);
	SAME(p + 2 * PG, 2 * PG, 2 * PG, 3);
	fill(s, PG, 0, 4);
	SYS(madvise(s, 4 * PG, MADV_DONTNEED)); /* shared: nothing is lost */
	SAME(s, PG, 0, 4);
	SYS(munmap(a + 3 * PG, PG));
	ERR(madvise(a, 8 * PG, MADV_DONTNEED), ENOMEM); /* but what is mapped was done */
	ALL(a, 3 * PG, 0);
	ALL(a + 4 * PG, 4 * PG, 0);
	SYS(madvise(a, 0, MADV_DONTNEED));
	ERR(madvise(a + 1, PG, MADV_DONTNEED), EINVAL);
	ERR(madvise(a, PG, 5), EINVAL);
	ERR(madvise(a, PG, 1234), EINVAL);
	ERR(madvise(a, ~0ul, MADV_DONTNEED), EINVAL);
	SYS(munmap(a, 8 * PG));
	SYS(munmap(p, 4 * PG));
	SYS(munmap(s, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void dontneed_fork(void)
{
	char *a = map_anon(4 * PG);
	pid_t pid;

	fill(a, 4 * PG, 0, 5);
	pid = test_fork();
	if (pid == 0) {
		SYS(madvise(a, 2 * PG, MADV_DONTNEED));
		ALL(a, 2 * PG, 0);
		SAME(a + 2 * PG, 2 * PG, 2 * PG, 5);
		_exit(0);
	}
	EXITED(pid, 0);
	SAME(a, 4 * PG, 0, 5);
	SYS(munmap(a, 4 * PG));
}

/* every page is the old one or zeros, and a page that was written since is kept */
static void free_advice(void)
{
	int fd = make_file("f", PG, 6);
	char *a = map_anon(64 * PG), *p = map_file(fd, PG, RW, MAP_PRIVATE);

	fill(a, 64 * PG, 0, 7);
	SYS(madvise(a, 64 * PG, MADV_FREE));
	for (unsigned i = 0; i < 64; i += 2)
		a[i * PG + 100] = 'w';
	for (unsigned i = 0; i < 64; i++) {
		char *q = a + i * PG;

		if (i % 2 == 0)
			EQ(q[100], 'w');
		if (q[0] == 0)
			ALL(q, 100, 0);
		else
			SAME(q, 100, i * PG, 7);
	}
	ERR(madvise(p, PG, MADV_FREE), EINVAL); /* anonymous memory only */
	SYS(munmap(a, 64 * PG));
	SYS(munmap(p, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void out_and_in(void)
{
	int fd = make_file("f", 32 * PG, 8);
	char *a = map_anon(32 * PG), *s = map_file(fd, 32 * PG, RW, MAP_SHARED);
	static const int advice[] = { MADV_COLD,       MADV_PAGEOUT, MADV_WILLNEED,
				      MADV_SEQUENTIAL, MADV_RANDOM,  MADV_NORMAL };

	for (unsigned round = 0; round < 3; round++) {
		fill(a, 32 * PG, 0, 9 + round);
		fill(s, 32 * PG, 0, 19 + round);
		for (unsigned i = 0; i < sizeof(advice) / sizeof(*advice); i++) {
			SYS(madvise(a, 32 * PG, advice[i]));
			SYS(madvise(s, 32 * PG, advice[i]));
			SAME(a + i * PG, PG, i * PG, 9 + round);
		}
		SAME(a, 32 * PG, 0, 9 + round);
		SAME(s, 32 * PG, 0, 19 + round);
	}
	SYS(munmap(a, 32 * PG));
	SYS(munmap(s, 32 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void removal(void)
{
	char *s = (char *)SYS(mmap(NULL, 8 * PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), *a = map_anon(PG);

	fill(s, 8 * PG, 0, 10);
	SYS(madvise(s + PG, 2 * PG, MADV_REMOVE)); /* a hole */
	SAME(s, PG, 0, 10);
	ALL(s + PG, 2 * PG, 0);
	SAME(s + 3 * PG, 5 * PG, 3 * PG, 10);
	ERR(madvise(a, PG, MADV_REMOVE), EINVAL);
	SYS(munmap(s, 8 * PG));
	SYS(munmap(a, PG));
}

static void populate(void)
{
	int fd = make_file("f", 2 * PG, 11);
	char *a = map_anon(8 * PG), *r = (char *)SYS(mmap(NULL, 2 * PG, PROT_READ, ANON, -1, 0)),
	     *s = map_file(fd, 4 * PG, RW, MAP_SHARED);

	SYS(madvise(a, 4 * PG, MADV_POPULATE_WRITE));
	EQ(resident(a, 8 * PG), 4);
	SYS(madvise(a, 8 * PG, MADV_POPULATE_READ));
	ALL(a, 8 * PG, 0);
	SYS(madvise(r, 2 * PG, MADV_POPULATE_READ));
	ERR(madvise(r, 2 * PG, MADV_POPULATE_WRITE), EINVAL);
	SYS(madvise(s, 2 * PG, MADV_POPULATE_WRITE));
	SAME(s, 2 * PG, 0, 11);
	ERR(madvise(s, 4 * PG, MADV_POPULATE_READ), EFAULT); /* beyond the end */
	SYS(mprotect(r, PG, PROT_WRITE));
	ERR(madvise(r, PG, MADV_POPULATE_READ), EINVAL); /* loads may work there, but are not allowed */
	SYS(munmap(a + 2 * PG, PG));
	ERR(madvise(a, 8 * PG, MADV_POPULATE_WRITE), ENOMEM);
	SYS(munmap(a, 8 * PG));
	SYS(munmap(r, 2 * PG));
	SYS(munmap(s, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* ---- children ---- */

static void inheritance(void)
{
	int fd = make_file("f", PG, 12);
	char *a = map_anon(8 * PG), *s = map_file(fd, PG, RW, MAP_SHARED);
	pid_t pid;

	fill(a, 8 * PG, 0, 13);
	SYS(madvise(a + PG, 2 * PG, MADV_WIPEONFORK));
	SYS(madvise(a + 2 * PG, PG, MADV_KEEPONFORK));
	SYS(madvise(a + 4 * PG, 2 * PG, MADV_DONTFORK));
	SYS(madvise(a + 5 * PG, PG, MADV_DOFORK));
	ERR(madvise(s, PG, MADV_WIPEONFORK), EINVAL); /* private anonymous memory only */
	pid = test_fork();
	if (pid == 0) {
		SAME(a, PG, 0, 13);
		ALL(a + PG, PG, 0);
		SAME(a + 2 * PG, 2 * PG, 2 * PG, 13);
		FAULT(load(a + 4 * PG), SIGSEGV, SEGV_MAPERR, a + 4 * PG);
		SAME(a + 5 * PG, 3 * PG, 5 * PG, 13);
		a[PG] = 'c';
		pid = test_fork(); /* wiped again */
		if (pid == 0) {
			ALL(a + PG, PG, 0);
			_exit(0);
		}
		EXITED(pid, 0);
		EQ(a[PG], 'c');
		_exit(0);
	}
	EXITED(pid, 0);
	SAME(a, 8 * PG, 0, 13);
	SYS(munmap(a, 8 * PG));
	SYS(munmap(s, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* ---- mincore ---- */

static void in_core(void)
{
	int fd = make_file("f", 4 * PG, 14);
	char *a = map_anon(8 * PG), *s = map_file(fd, 4 * PG, PROT_READ, MAP_SHARED);
	unsigned char vec[8];

	EQ(resident(a, 8 * PG), 0);
	a[2 * PG] = 1;
	SYS(mincore(a, 8 * PG, vec));
	for (int i = 0; i < 8; i++)
		EQ(vec[i] & 1, i == 2);
	EQ(resident(s, 4 * PG), 4); /* just written: in the page cache */
	ERR(mincore(a + 1, PG, vec), EINVAL);
	SYS(munmap(a + 4 * PG, PG));
	memset(vec, 8, sizeof(vec));
	ERR(mincore(a, 8 * PG, vec), ENOMEM);
	for (int i = 0; i < 8; i++) /* told up to the hole */
		EQ(vec[i], i < 4 ? i == 2 : 8);
	ERR(mincore(a, PG, (unsigned char *)8), EFAULT);
	SYS(munmap(a, 8 * PG));
	SYS(munmap(s, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* ---- locking ---- */

static void locking(void)
{
	char *a = map_anon(16 * PG);

	SYS(mlock(a + 4 * PG + 100, PG)); /* two pages */
	EQ(resident(a, 16 * PG), 2);
	ERR(madvise(a, 16 * PG, MADV_DONTNEED), EINVAL);
	a[4 * PG] = 'l';
	ERR(madvise(a + 4 * PG, PG, MADV_FREE), EINVAL);
	ERR(madvise(a + 4 * PG, PG, MADV_PAGEOUT), EINVAL);
	EQ(a[4 * PG], 'l');
	ERR(msync(a, 16 * PG, MS_INVALIDATE), EBUSY);
	SYS(munlock(a + 4 * PG, PG));
	SYS(munlock(a + 5 * PG, PG));
	SYS(madvise(a, 16 * PG, MADV_DONTNEED));
	EQ(a[4 * PG], 0);
	SYS(syscall(SYS_mlock2, a, 4 * PG, 1)); /* MLOCK_ONFAULT */
	EQ(resident(a, 4 * PG), 0);
	a[PG] = 1;
	EQ(resident(a, 4 * PG), 1);
	ERR(syscall(SYS_mlock2, a, 4 * PG, 2), EINVAL);
	SYS(munmap(a + 8 * PG, PG));
	ERR(mlock(a + 6 * PG, 4 * PG), ENOMEM);
	ERR(munlock(a + 6 * PG, 4 * PG), ENOMEM);
	SYS(munmap(a, 16 * PG));
	a = (char *)SYS(mmap(NULL, 4 * PG, RW, ANON | MAP_LOCKED, -1, 0));
	EQ(resident(a, 4 * PG), 4);
	SYS(munmap(a, 4 * PG));
	a = (char *)SYS(mmap(NULL, 4 * PG, RW, ANON | MAP_POPULATE, -1, 0));
	EQ(resident(a, 4 * PG), 4);
	SYS(munmap(a, 4 * PG));
}

static void lock_all(void)
{
	char *a = map_anon(4 * PG), *b;

	ERR(mlockall(0), EINVAL);
	ERR(mlockall(8), EINVAL);
	ERR(mlockall(MCL_ONFAULT), EINVAL);
	SYS(mlockall(MCL_FUTURE));
	EQ(resident(a, 4 * PG), 0);
	b = map_anon(4 * PG);
	EQ(resident(b, 4 * PG), 4);
	SYS(mlockall(MCL_CURRENT));
	EQ(resident(a, 4 * PG), 4);
	SYS(munlockall());
	SYS(munmap(b, 4 * PG));
	b = map_anon(4 * PG);
	EQ(resident(b, 4 * PG), 0);
	SYS(munmap(b, 4 * PG));
	SYS(munmap(a, 4 * PG));
}

static void lock_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		struct rlimit r = { 8 * PG, 8 * PG };
		char *a = map_anon(16 * PG);

		SYS(setrlimit(RLIMIT_MEMLOCK, &r));
		if (geteuid() == 0)
			SYS(setuid(12345));
		SYS(mlock(a, 8 * PG));
		SYS(mlock(a, 4 * PG)); /* locked already: counts once */
		ERR(mlock(a + 8 * PG, PG), ENOMEM);
		ERR(mmap(NULL, PG, RW, ANON | MAP_LOCKED, -1, 0), EAGAIN);
		ERR(mlockall(MCL_CURRENT), ENOMEM);
		SYS(munlock(a, 4 * PG));
		SYS(mlock(a + 8 * PG, 4 * PG));
		ERR(mremap(a + 8 * PG, 4 * PG, 8 * PG, MREMAP_MAYMOVE), EAGAIN);
		SYS(munlock(a, 16 * PG));
		r.rlim_cur = r.rlim_max = 0;
		SYS(setrlimit(RLIMIT_MEMLOCK, &r));
		ERR(mlock(a, PG), EPERM);
		ERR(mlockall(MCL_FUTURE), EPERM);
		ERR(mmap(NULL, PG, RW, ANON | MAP_LOCKED, -1, 0), EPERM);
		SYS(munlock(a, PG));
		_exit(0);
	}
	EXITED(pid, 0);
}

static void lock_fork(void)
{
	char *a = map_anon(4 * PG);
	pid_t pid;

	fill(a, 4 * PG, 0, 15);
	SYS(mlock(a, 4 * PG));
	pid = test_fork();
	if (pid == 0) { /* locks are not inherited */
		SYS(madvise(a, 4 * PG, MADV_DONTNEED));
		ALL(a, 4 * PG, 0);
		_exit(0);
	}
	EXITED(pid, 0);
	fill(a, 4 * PG, 0, 16);
	SAME(a, 4 * PG, 0, 16);
	SYS(munmap(a, 4 * PG));
}

/* ---- mmap ---- */

static void flags(void)
{
	int fd = make_file("f", 4 * PG, 17);
	char *a = map_anon(8 * PG);

	SYS(munmap(a + 2 * PG, 2 * PG));
	ERR(mmap(a + PG, 2 * PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	EQ(SYS(mmap(a + 2 * PG, 2 * PG, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0)), a + 2 * PG);
	ERR(mmap(NULL, PG, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	ERR(mmap(NULL, PG, RW, MAP_SHARED_VALIDATE | (1 << 23), fd, 0), EOPNOTSUPP);
	SYS(munmap((void *)SYS(mmap(NULL, PG, RW, MAP_SHARED_VALIDATE, fd, 0)), PG));
	ERR(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
	ERR(mmap(NULL, PG, RW, MAP_PRIVATE | MAP_GROWSDOWN, fd, 0), EINVAL);
	ERR(syscall(SYS_mmap, NULL, PG, RW, MAP_PRIVATE, fd, PG / 2), EINVAL);
	ERR(syscall(SYS_mmap, NULL, 2 * PG, RW, MAP_PRIVATE, fd, ~0ul - PG + 1), EOVERFLOW);
	ERR(syscall(SYS_mmap, NULL, PG, RW, MAP_PRIVATE, fd, 1ul << 63), EOVERFLOW);
	ERR(syscall(SYS_mmap, NULL, PG, RW, MAP_SHARED, fd, (1ul << 63) - PG), EOVERFLOW);
	ERR(mmap(NULL, PG, RW, MAP_PRIVATE | MAP_HUGETLB, fd, 0), EINVAL);
	ERR(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	ERR(mmap(NULL, ~0ul, RW, ANON, -1, 0), ENOMEM);
	ERR(mmap(NULL, PG, RW, MAP_PRIVATE, 1000, 0), EBADF);
	ERR(mmap((void *)PG, PG, RW, ANON | MAP_FIXED, -1, (off_t)PG / 2), EINVAL);
	SYS(munmap(a, 8 * PG));
	a = (char *)SYS(mmap(NULL, 4 * PG, RW, ANON | MAP_NORESERVE | MAP_STACK, -1, 0));
	fill(a, 4 * PG, 0, 18);
	SAME(a, 4 * PG, 0, 18);
	SYS(munmap(a, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* Of two things that are wrong, the place comes before the file. */
static void first_refusal(void)
{
	int fd = make_file("f", 4 * PG, 17), blind = SYS(open("f", O_WRONLY)), dir = SYS(open(".", O_RDONLY));
	int zero = SYS(open("/dev/zero", O_RDWR));
	char *a = map_anon(2 * PG);

	ERR(mmap(a, PG, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, blind, 0), EEXIST);
	ERR(mmap(a, PG, RW, MAP_SHARED | MAP_FIXED, blind, 0), EACCES);
	ERR(mmap(a + 1, PG, PROT_READ, MAP_PRIVATE | MAP_FIXED, dir, 0), EINVAL);
	ERR(mmap(a, PG, PROT_READ, MAP_PRIVATE | MAP_FIXED, dir, 0), ENODEV);
	ERR(mmap(a, PG, RW, MAP_FIXED_NOREPLACE, fd, 0), EEXIST);
	ERR(mmap(a, PG, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	ERR(syscall(SYS_mmap, NULL, ~0ul - 2 * PG, RW, MAP_SHARED, blind, 0), ENOMEM);
	ERR(syscall(SYS_mmap, NULL, ~0ul - 2 * PG, RW, MAP_SHARED, fd, 16 * PG), ENOMEM);
	ERR(mmap(NULL, 0, RW, MAP_SHARED, blind, 0), EINVAL);
	ERR(syscall(SYS_mmap, NULL, PG, RW, MAP_SHARED, fd, 1ul << 63), EOVERFLOW);
	ERR(syscall(SYS_mmap, NULL, PG, RW, MAP_SHARED, blind, 1ul << 63), EOVERFLOW);
	ERR(syscall(SYS_mmap, NULL, PG, RW, MAP_SHARED, fd, (1ul << 63) - PG), EOVERFLOW);
	SYS(munmap((void *)SYS(mmap(NULL, PG, RW, MAP_SHARED_VALIDATE, zero, 0)), PG));
	SYS(munmap(a, 2 * PG));
	SYS(close(fd));
	SYS(close(blind));
	SYS(close(dir));
	SYS(close(zero));
	SYS(unlink("f"));
}

/* A range that leaves the address space ends in a hole: what lies before that is done. */
static void far_ranges(void)
{
	char *a = map_anon(4 * PG), *b = map_anon(PG);
	unsigned long far = 1ul << 62;

	SYS(munmap(a + 3 * PG, PG));
	fill(a, 3 * PG, 0, 21);
	ERR(syscall(SYS_mprotect, a + PG, far, PROT_READ), ENOMEM);
	EQ(store(a, 1).sig, 0);
	EQ(store(a + PG, 1).sig, SIGSEGV);
	EQ(store(a + 2 * PG, 1).sig, SIGSEGV);
	SYS(mprotect(a, 3 * PG, RW | 8 /* PROT_SEM */));
	SYS(madvise(a, 3 * PG, MADV_DONTNEED));
	ERR(syscall(SYS_madvise, a + PG, far, MADV_POPULATE_WRITE), ENOMEM);
	EQ(resident(a, 3 * PG), 2);
	ERR(syscall(SYS_mlock, a, far), ENOMEM);
	SYS(munlock(a, 3 * PG));
	ERR(syscall(SYS_munmap, a, far), EINVAL);
	ERR(syscall(SYS_mprotect, a, ~0ul - PG, PROT_READ), ENOMEM);
	SYS(syscall(SYS_msync, a, ~0ul, MS_ASYNC)); /* no pages, as it wraps */
	SYS(munmap(b, PG));
	ERR(syscall(SYS_mremap, b, far, PG, 0, 0), EFAULT);
	ERR(syscall(SYS_mremap, a, far, PG, 0, 0), EINVAL);
	SYS(munmap(a, 3 * PG));
}

static void grows_down(void)
{
	char *room = (char *)SYS(mmap(NULL, 600 * PG, PROT_NONE, ANON | MAP_NORESERVE, -1, 0)), *top;

	SYS(munmap(room, 600 * PG));
	top = (char *)SYS(mmap(room + 590 * PG, 2 * PG, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
	top[0] = 1;
	for (int i = 1; i < 200; i++)
		NOFAULT(store(top - i * (long)PG, i));
	for (int i = 1; i < 200; i++)
		EQ((unsigned char)top[-i * (long)PG], i);
	SYS(mmap(room + 100 * PG, PG, RW, ANON | MAP_FIXED, -1, 0));
	FAULT(store(room + 102 * PG, 1), SIGSEGV, SEGV_MAPERR, room + 102 * PG); /* the guard gap */
	SYS(munmap(room, 600 * PG));
}

/* ---- limits ---- */

/* of the whole space */
static unsigned long number_of_pages(void)
{
	int fd = (int)SYS(open("/proc/self/statm", O_RDONLY));
	char buf[100] = "";

	SYS(read(fd, buf, sizeof(buf) - 1));
	SYS(close(fd));
	return strtoul(buf, NULL, 10);
}

static void space_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		struct rlimit r = { 1ul << 30, 1ul << 30 };
		char *a = map_anon(6 * PG);

		SYS(munmap(a + 4 * PG, 2 * PG));
		SYS(setrlimit(RLIMIT_AS, &r));
		ERR(mmap(NULL, 1ul << 30, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
		ERR(mremap(a, 4 * PG, 1ul << 30, MREMAP_MAYMOVE), ENOMEM);
		ERR(sbrk(1 << 30), ENOMEM);
		fill(a, 4 * PG, 0, 19);
		SAME(a, 4 * PG, 0, 19);
		r.rlim_cur = number_of_pages() * PG;
		SYS(setrlimit(RLIMIT_AS, &r));
		ERR(mmap(NULL, PG, PROT_READ, ANON, -1, 0), ENOMEM);
		EQ(SYS(mmap(a + PG, 3 * PG, RW, ANON | MAP_FIXED, -1, 0)), a + PG); /* in place of others */
		ERR(mmap(a + 3 * PG, 2 * PG, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
		SAME(a, PG, 0, 19);
		_exit(0);
	}
	EXITED(pid, 0);
}

static void data_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		struct rlimit r = { 64 * MIB, 64 * MIB };
		char *a;

		SYS(setrlimit(RLIMIT_DATA, &r));
		ERR(mmap(NULL, 64 * MIB, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
		a = (char *)SYS(mmap(NULL, 64 * MIB, PROT_READ, ANON | MAP_NORESERVE, -1, 0));
		ERR(mprotect(a, 64 * MIB, RW), ENOMEM); /* becomes data */
		SYS(munmap((void *)SYS(mmap(NULL, 64 * MIB, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
					    -1, 0)),
			   64 * MIB));
		_exit(0);
	}
	EXITED(pid, 0);
}

/* Locks are not inherited, so that the child has two mappings alike, side by side. */
static void after_fork(void)
{
	volatile char *a = map_anon(4 * PG);
	pid_t pid;

	for (int i = 0; i < 4; i++)
		a[i * PG] = 1;
	SYS(mlock((void *)a, 2 * PG));
	pid = test_fork();
	if (pid == 0) {
		SYS(madvise((void *)a, 4 * PG, MADV_DONTNEED));
		for (int i = 0; i < 4; i++)
			EQ(a[i * PG], 0);
		_exit(0);
	}
	EXITED(pid, 0);
	SYS(munmap((void *)a, 4 * PG));
}

static const struct test tests[] = {
	{ "DONTNEED", dontneed },
	{ "DONTNEED after a fork", dontneed_fork },
	{ "FREE", free_advice },
	{ "out and in", out_and_in },
	{ "REMOVE", removal },
	{ "POPULATE", populate },
	{ "WIPEONFORK, DONTFORK", inheritance },
	{ "mincore", in_core },
	{ "mlock", locking },
	{ "mlockall", lock_all },
	{ "RLIMIT_MEMLOCK", lock_limit },
	{ "locks and fork", lock_fork },
	{ "mmap's flags", flags },
	{ "first refusal", first_refusal },
	{ "far ranges", far_ranges },
	{ "MAP_GROWSDOWN", grows_down },
	{ "RLIMIT_AS", space_limit },
	{ "RLIMIT_DATA", data_limit },
	{ "after fork", after_fork },
};

TEST_MAIN("advisetest", tests)
