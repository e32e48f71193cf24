/* SPDX-License-Identifier: ISC */
/*
 * mmaptest: what mmap, munmap, mprotect and msync promise, for private and shared, file and anonymous memory.
 * No region is larger than 2 MiB, so that it runs on a machine of 16 MiB.
 */
#define _GNU_SOURCE
#include <sys/statfs.h>
#include <sys/uio.h>

#include "include/testlib.h"

static char *map_fd(int fd, unsigned long nbytes, int prot, int flags, long at)
{
	return (char *)SYS(mmap(NULL, nbytes, prot, flags, fd, at));
}

static void private_file(void)
{
	int fd = make_file("f", 4 * PG, 1);
	char *p = map_fd(fd, 4 * PG, RW, MAP_PRIVATE, 0);
	char byte;

	SAME(p, 4 * PG, 0, 1);
	memset(p + PG, 'x', 2 * PG);
	ALL(p + PG, 2 * PG, 'x');
	SAME(p, PG, 0, 1);
	SAME(p + 3 * PG, PG, 3 * PG, 1);
	EQ(SYS(pread(fd, &byte, 1, PG)), 1);
	EQ((unsigned char)byte, pattern(PG, 1));
	SYS(munmap(p, 4 * PG));

	p = map_fd(fd, 4 * PG, PROT_READ, MAP_PRIVATE, 0);
	SAME(p, 4 * PG, 0, 1);
	SYS(munmap(p, 4 * PG));
	SYS(close(fd));

	fd = (int)SYS(open("f", O_RDONLY));
	p = map_fd(fd, 2 * PG, RW, MAP_PRIVATE, 0); /* a read-only file may be written privately */
	SYS(close(fd));
	p[0] = 'z';
	EQ(p[0], 'z');
	SAME(p + 1, 2 * PG - 1, 1, 1);
	SYS(munmap(p, 2 * PG));
	SYS(unlink("f"));
}

static void private_write_first(void)
{
	int fd = make_file("f", 2 * PG, 2);
	char *p = map_fd(fd, 2 * PG, RW, MAP_PRIVATE, 0);

	NOFAULT(store(p + 100, 'a')); /* the first access is a write: the rest of the page is the file's */
	SAME(p, 100, 0, 2);
	EQ(p[100], 'a');
	SAME(p + 101, 2 * PG - 101, 101, 2);
	SYS(munmap(p, 2 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void shared_file(void)
{
	int fd = make_file("f", 16 * PG, 3);
	char *p = map_fd(fd, 16 * PG, RW, MAP_SHARED, 0), *q;

	SAME(p, 16 * PG, 0, 3);
	for (int i = 0; i < 16; i += 2)
		fill(p + i * PG, PG, i * PG, 4);
	SYS(munmap(p, 16 * PG));
	SYS(close(fd));

	fd = (int)SYS(open("f", O_RDONLY));
	p = malloc(16 * PG);
	CHECK(p != NULL);
	EQ(SYS(read(fd, p, 16 * PG)), 16 * PG);
	q = map_fd(fd, 16 * PG, PROT_READ, MAP_SHARED, 0);
	for (int i = 0; i < 16; i++) {
		SAME(p + i * PG, PG, i * PG, i % 2 ? 3 : 4);
		SAME(q + i * PG, PG, i * PG, i % 2 ? 3 : 4);
	}
	free(p);
	SYS(munmap(q, 16 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void anonymous(void)
{
	char *p = map_anon(MIB), *q = (char *)SYS(mmap(NULL, MIB, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	CHECK((uintptr_t)p % PG == 0 && (uintptr_t)q % PG == 0);
	ALL(p, MIB / 2, 0);
	fill(p, MIB, 0, 5);
	fill(q, MIB, 0, 6);
	SAME(p, MIB, 0, 5);
	SAME(q, MIB, 0, 6);
	SYS(munmap(p, MIB));
	SYS(munmap(q, MIB));
	p = (char *)SYS(mmap(NULL, 1, RW, ANON, -1, 0)); /* one byte is a page */
	fill(p, PG, 0, 5);
	SAME(p, PG, 0, 5);
	SYS(munmap(p, 1));
	FAULT(load(p + PG - 1), SIGSEGV, SEGV_MAPERR, p + PG - 1);
}

static void offsets(void)
{
	int fd = make_file("f", 8 * PG, 7);
	char *p = map_fd(fd, 2 * PG, RW, MAP_SHARED, 3 * PG),
	     *q = map_fd(fd, 4 * PG, PROT_READ, MAP_SHARED, PG);
	char *r = map_fd(fd, PG, RW, MAP_PRIVATE, 7 * PG);

	SAME(p, 2 * PG, 3 * PG, 7);
	SAME(q, 4 * PG, PG, 7);
	SAME(r, PG, 7 * PG, 7);
	fill(p + PG, PG, 4 * PG, 8);
	SAME(q + 3 * PG, PG, 4 * PG, 8); /* the same page seen through another window */
	SAME(q, 3 * PG, PG, 7);
	SYS(munmap(p, 2 * PG));
	SYS(munmap(q, 4 * PG));
	SYS(munmap(r, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* a file system without a store, where what lies beyond the end is not kept from being written out */
static int is_tmpfs(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && s.f_type == 0x01021994;
}

static void partial_page(void)
{
	unsigned long size = 2 * PG + 100;
	int fd = make_file("f", size, 9);
	char *p = map_fd(fd, size, RW, MAP_SHARED, 0), *q = map_fd(fd, size, RW, MAP_PRIVATE, 0);
	struct stat st;
	char buf[200];

	SAME(p, size, 0, 9);
	ALL(p + size, PG - 100, 0);
	ALL(q + size, PG - 100, 0);
	memset(p + size, 'T', PG - 100); /* allowed, and lost */
	memset(q + size, 'U', PG - 100);
	ALL(q + size, PG - 100, 'U');
	p[size - 1] = 'e';
	SYS(fstat(fd, &st));
	EQ(st.st_size, size);
	SYS(lseek(fd, 2 * PG, SEEK_SET));
	EQ(SYS(read(fd, buf, sizeof(buf))), 100);
	EQ(buf[99], 'e');
	SYS(msync(p, size, MS_SYNC));
	SYS(munmap(p, size));
	SYS(munmap(q, size));
	SYS(ftruncate(fd, 3 * PG));
	p = map_fd(fd, 3 * PG, PROT_READ, MAP_SHARED, 0);
	EQ(p[size - 1], 'e');
	if (!is_tmpfs(fd))
		ALL(p + size, PG - 100, 0);
	SYS(munmap(p, 3 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void fixed(void)
{
	int fd = make_file("f", 4 * PG, 10);
	char *p = map_anon(8 * PG);

	fill(p, 8 * PG, 0, 11);
	EQ(SYS(mmap(p + 2 * PG, 2 * PG, RW, MAP_SHARED | MAP_FIXED, fd, PG)), p + 2 * PG);
	SAME(p, 2 * PG, 0, 11);
	SAME(p + 2 * PG, 2 * PG, PG, 10);
	SAME(p + 4 * PG, 4 * PG, 4 * PG, 11);
	EQ(SYS(mmap(p + 3 * PG, 2 * PG, RW, ANON | MAP_FIXED, -1, 0)), p + 3 * PG);
	SAME(p + 2 * PG, PG, PG, 10);
	ALL(p + 3 * PG, 2 * PG, 0); /* what was there is gone, private pages too */
	SAME(p + 5 * PG, 3 * PG, 5 * PG, 11);
	EQ(SYS(mmap(p, 8 * PG, PROT_NONE, ANON | MAP_FIXED | MAP_NORESERVE, -1, 0)), p);
	FAULT(load(p + 7 * PG), SIGSEGV, SEGV_ACCERR, p + 7 * PG);
	for (int i = 3; i >= 0; i--) /* a reservation, filled from behind, as loaders do */
		SYS(mmap(p + 2 * i * PG, PG, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, i * PG));
	for (int i = 0; i < 4; i++) {
		SAME(p + 2 * i * PG, PG, i * PG, 10);
		FAULT(load(p + (2 * i + 1) * PG), SIGSEGV, SEGV_ACCERR, p + (2 * i + 1) * PG);
	}
	ERR(mmap(p + 1, PG, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	SYS(munmap(p, 8 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void unmap_holes(void)
{
	char *p = map_anon(8 * PG);

	fill(p, 8 * PG, 0, 12);
	SYS(munmap(p, PG));
	SYS(munmap(p + 7 * PG, PG));
	SYS(munmap(p + 3 * PG, 2 * PG));
	FAULT(load(p), SIGSEGV, SEGV_MAPERR, p);
	FAULT(store(p + PG - 1, 1), SIGSEGV, SEGV_MAPERR, p + PG - 1);
	FAULT(load(p + 3 * PG + 5), SIGSEGV, SEGV_MAPERR, p + 3 * PG + 5);
	FAULT(store(p + 5 * PG - 1, 1), SIGSEGV, SEGV_MAPERR, p + 5 * PG - 1);
	FAULT(load(p + 7 * PG), SIGSEGV, SEGV_MAPERR, p + 7 * PG);
	SAME(p + PG, 2 * PG, PG, 12);
	SAME(p + 5 * PG, 2 * PG, 5 * PG, 12);
	SYS(munmap(p, PG));		 /* nothing there: no error */
	SYS(munmap(p + 2 * PG, 4 * PG)); /* across the hole and into both neighbours */
	SAME(p + PG, PG, PG, 12);
	SAME(p + 6 * PG, PG, 6 * PG, 12);
	FAULT(load(p + 2 * PG), SIGSEGV, SEGV_MAPERR, p + 2 * PG);
	FAULT(load(p + 6 * PG - 1), SIGSEGV, SEGV_MAPERR, p + 6 * PG - 1);
	EQ(SYS(mmap(p + 2 * PG, 4 * PG, RW, ANON | MAP_FIXED, -1, 0)), p + 2 * PG);
	ALL(p + 2 * PG, 4 * PG, 0);
	SYS(munmap(p, 8 * PG));
	for (int i = 0; i < 8; i++)
		FAULT(load(p + i * PG), SIGSEGV, SEGV_MAPERR, p + i * PG);
}

static void protect(void)
{
	char *p = map_anon(8 * PG);

	fill(p, 8 * PG, 0, 13);
	SYS(mprotect(p + 2 * PG, 3 * PG, PROT_READ));
	SAME(p, 8 * PG, 0, 13);
	FAULT(store(p + 2 * PG, 1), SIGSEGV, SEGV_ACCERR, p + 2 * PG);
	FAULT(store(p + 5 * PG - 1, 1), SIGSEGV, SEGV_ACCERR, p + 5 * PG - 1);
	NOFAULT(store(p + 2 * PG - 1, pattern(2 * PG - 1, 13)));
	NOFAULT(store(p + 5 * PG, pattern(5 * PG, 13)));
	SYS(mprotect(p + 3 * PG, PG, PROT_NONE));
	FAULT(load(p + 3 * PG + 7), SIGSEGV, SEGV_ACCERR, p + 3 * PG + 7);
	FAULT(store(p + 3 * PG, 1), SIGSEGV, SEGV_ACCERR, p + 3 * PG);
	NOFAULT(load(p + 4 * PG));
	SYS(mprotect(p, 8 * PG, RW)); /* over several pieces at once */
	SAME(p, 8 * PG, 0, 13);
	fill(p, 8 * PG, 0, 14);
	SAME(p, 8 * PG, 0, 14);
	SYS(munmap(p + 4 * PG, PG));
	ERR(mprotect(p + 4 * PG, PG, RW), ENOMEM);
	ERR(mprotect(p + 3 * PG, 3 * PG, RW), ENOMEM);
	ERR(mprotect(p + 1, PG, RW), EINVAL);
	SYS(mprotect(p + 4 * PG, 0, RW));
	SYS(munmap(p, 8 * PG));
}

static void protect_untouched(void)
{
	char *p = (char *)SYS(mmap(NULL, 4 * PG, PROT_NONE, ANON, -1, 0));

	FAULT(load(p), SIGSEGV, SEGV_ACCERR, p);
	SYS(mprotect(p, 2 * PG, PROT_READ));
	ALL(p, 2 * PG, 0);
	FAULT(store(p, 1), SIGSEGV, SEGV_ACCERR, p);
	SYS(mprotect(p, 2 * PG, RW));
	NOFAULT(store(p, 1));
	EQ(p[0], 1);
	ALL(p + 1, 2 * PG - 1, 0);
	FAULT(load(p + 2 * PG), SIGSEGV, SEGV_ACCERR, p + 2 * PG);
	SYS(munmap(p, 4 * PG));
}

static void protect_shared(void)
{
	int fd = make_file("f", 2 * PG, 15);
	char *p = map_fd(fd, 2 * PG, PROT_READ, MAP_SHARED, 0);

	SAME(p, 2 * PG, 0, 15);
	FAULT(store(p + 9, 1), SIGSEGV, SEGV_ACCERR, p + 9);
	SYS(mprotect(p, PG, RW)); /* the descriptor may write, so this may too */
	NOFAULT(store(p + 9, 'w'));
	FAULT(store(p + PG, 1), SIGSEGV, SEGV_ACCERR, p + PG);
	SYS(munmap(p, 2 * PG));
	SYS(close(fd));
	fd = (int)SYS(open("f", O_RDONLY));
	p = map_fd(fd, 2 * PG, PROT_READ, MAP_SHARED, 0);
	EQ(p[9], 'w');
	ERR(mprotect(p, PG, RW), EACCES);
	SYS(munmap(p, 2 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

__attribute__((noinline)) static int successor(int x)
{
	return x + 1;
}

static void execute(void)
{
	char *p = map_anon(2 * PG);
	int (*f)(int);
	struct sigaction old[2];
	volatile int got = 0;

	memcpy(p + PG - 32, (const char *)(uintptr_t)successor, 64); /* code that crosses the page border */
	f = (int (*)(int))(uintptr_t)(p + PG - 32);
	test_catch(old);
	if (!sigsetjmp(test_env, 1))
		got = f(1);
	FAULT(test_caught(old), SIGSEGV, SEGV_ACCERR, p + PG - 32);
	EQ(got, 0);
	SYS(mprotect(p, 2 * PG, PROT_READ | PROT_EXEC));
	__builtin___clear_cache(p, p + 2 * PG);
	EQ(f(41), 42);
#ifdef __riscv /* where it can be: others may be able to read what they execute, or say so in another way */
	SYS(mprotect(p, 2 * PG, PROT_EXEC));
	EQ(f(41), 42);
	FAULT(load(p), SIGSEGV, SEGV_ACCERR, p);
	FAULT(store(p, 1), SIGSEGV, SEGV_ACCERR, p);
#endif
	SYS(munmap(p, 2 * PG));
}

static void bus_error(void)
{
	int fd = make_file("f", PG + 10, 16), pipefd[2];
	char *p = map_fd(fd, 4 * PG, RW, MAP_SHARED, 0), *q = map_fd(fd, 4 * PG, RW, MAP_PRIVATE, 0);

	NOFAULT(load(p + 2 * PG - 1));
	NOFAULT(load(q + 2 * PG - 1));
	FAULT(load(p + 2 * PG), SIGBUS, BUS_ADRERR, p + 2 * PG);
	FAULT(store(p + 2 * PG + 123, 1), SIGBUS, BUS_ADRERR, p + 2 * PG + 123);
	FAULT(load(q + 3 * PG + 1), SIGBUS, BUS_ADRERR, q + 3 * PG + 1);
	FAULT(store(q + 4 * PG - 1, 1), SIGBUS, BUS_ADRERR, q + 4 * PG - 1);
	SYS(pipe(pipefd)); /* the kernel's own accesses fail with an error, not a signal */
	ERR(write(pipefd[1], p + 2 * PG, 1), EFAULT);
	SYS(close(pipefd[0]));
	SYS(close(pipefd[1]));
	SYS(lseek(fd, 0, SEEK_SET));
	ERR(read(fd, p + 3 * PG, 10), EFAULT);
	SYS(ftruncate(fd, 3 * PG)); /* pages appear as the file grows */
	NOFAULT(store(p + 2 * PG, 'g'));
	EQ(q[2 * PG], 'g');
	FAULT(load(p + 3 * PG), SIGBUS, BUS_ADRERR, p + 3 * PG);
	SYS(munmap(p, 4 * PG));
	SYS(munmap(q, 4 * PG));
	SYS(ftruncate(fd, 0));
	p = map_fd(fd, PG, RW, MAP_SHARED, 0); /* an empty file maps, but has no page */
	FAULT(load(p), SIGBUS, BUS_ADRERR, p);
	SYS(munmap(p, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void coherence_shared(void)
{
	int fd = make_file("f", 4 * PG, 17);
	char *p = map_fd(fd, 8 * PG, RW, MAP_SHARED, 0), *q = map_fd(fd, 4 * PG, RW, MAP_SHARED, 0);
	char buf[300];

	for (int i = 0; i < 300; i++)
		buf[i] = (char)pattern(PG - 150 + i, 18);
	SAME(p, PG, 0, 17);
	EQ(SYS(pwrite(fd, buf, 300, PG - 150)), 300); /* over a page border, one page mapped in, one not */
	SAME(p + PG - 150, 300, PG - 150, 18);
	SAME(q + PG - 150, 300, PG - 150, 18);
	SAME(p + PG + 150, PG - 150, PG + 150, 17);
	fill(p + 2 * PG, PG, 2 * PG, 19);
	EQ(SYS(pread(fd, buf, 300, 2 * PG + 7)), 300);
	SAME(buf, 300, 2 * PG + 7, 19);
	SAME(q + 2 * PG, PG, 2 * PG, 19);
	for (int i = 0; i < 100; i++) { /* alternately through the map and the calls */
		char c = (char)i, d;

		p[i] = c;
		EQ(SYS(pread(fd, &d, 1, i)), 1);
		EQ(d, c);
		c = (char)~c;
		EQ(SYS(pwrite(fd, &c, 1, i)), 1);
		EQ(p[i], c);
		EQ(q[i], c);
	}
	FAULT(load(p + 4 * PG), SIGBUS, BUS_ADRERR, p + 4 * PG);
	EQ(SYS(pwrite(fd, "tail", 4, 5 * PG)), 4);
	EQ(memcmp(p + 5 * PG, "tail", 5), 0);
	ALL(p + 4 * PG, PG, 0);
	SYS(munmap(p, 8 * PG));
	SYS(munmap(q, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void coherence_private(void)
{
	int fd = make_file("f", 3 * PG, 20);
	char *p = map_fd(fd, 3 * PG, RW, MAP_PRIVATE, 0), *s = map_fd(fd, 3 * PG, RW, MAP_SHARED, 0);

	SAME(p, 3 * PG, 0, 20);
	EQ(SYS(pwrite(fd, "one", 3, 50)), 3); /* not copied yet: as Linux has it, the file shows through */
	EQ(memcmp(p + 50, "one", 3), 0);
	s[PG + 50] = 'S';
	EQ(p[PG + 50], 'S');
	p[60] = 'P'; /* page 0 is a copy from here on */
	EQ(SYS(pwrite(fd, "two", 3, 50)), 3);
	s[70] = 'T';
	EQ(memcmp(p + 50, "one", 3), 0);
	EQ((unsigned char)p[70], pattern(70, 20));
	EQ((unsigned char)s[60], pattern(60, 20));
	EQ(SYS(pwrite(fd, "two", 3, PG + 50)), 3);
	EQ(memcmp(p + PG + 50, "two", 3), 0);
	SYS(munmap(p, 3 * PG));
	SYS(munmap(s, 3 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void shared_other_process(void)
{
	int up[2], down[2], fd = make_file("f", 2 * PG, 21);
	char *p = map_fd(fd, 2 * PG, RW, MAP_SHARED, 0);
	pid_t pid;

	SYS(pipe(up));
	SYS(pipe(down));
	pid = test_fork();
	if (pid == 0) {
		int fd2 = (int)SYS(open("f", O_RDWR));
		char *q = map_fd(fd2, 2 * PG, RW, MAP_SHARED, 0);

		q[PG + 1] = 'c';
		put_token(up[1], 1);
		EQ(get_token(down[0]), 2);
		EQ(q[PG + 2], 'p');
		EQ(p[PG + 2], 'p'); /* the inherited mapping is the same memory */
		p[5] = 'i';
		_exit(0);
	}
	EQ(get_token(up[0]), 1);
	EQ(p[PG + 1], 'c');
	p[PG + 2] = 'p';
	put_token(down[1], 2);
	EXITED(pid, 0);
	EQ(p[5], 'i');
	for (int i = 0; i < 2; i++) {
		SYS(close(up[i]));
		SYS(close(down[i]));
	}
	SYS(munmap(p, 2 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void sync_calls(void)
{
	int fd = make_file("f", 4 * PG, 22);
	char *p = map_fd(fd, 4 * PG, RW, MAP_SHARED, 0), *a = map_anon(2 * PG);

	fill(p, 4 * PG, 0, 23);
	SYS(msync(p, 4 * PG, MS_SYNC));
	SYS(msync(p, 4 * PG, MS_SYNC)); /* clean now */
	fill(p + PG, PG, PG, 24);
	SYS(msync(p + PG, PG, MS_ASYNC));
	SYS(msync(p, 4 * PG, MS_INVALIDATE));
	SAME(p + PG, PG, PG, 24);
	SAME(p + 2 * PG, 2 * PG, 2 * PG, 23);
	fill(p + PG, PG, PG, 25); /* clean and mapped: the write must be seen again */
	SYS(msync(p, 100, MS_SYNC));
	SYS(fsync(fd));
	fill(p + PG, 10, PG, 26);
	SYS(msync(a, 2 * PG, MS_SYNC));
	ERR(msync(p + 1, PG, MS_SYNC), EINVAL);
	ERR(msync(p, PG, MS_SYNC | MS_ASYNC), EINVAL);
	ERR(msync(p, PG, 64), EINVAL);
	EQ(msync(p, ~0ul, MS_SYNC), 0); /* rounded up that is 0 */
	SYS(munmap(a + PG, PG));
	ERR(msync(a, 2 * PG, MS_SYNC), ENOMEM);
	SYS(munmap(a, PG));
	SYS(munmap(p, 4 * PG));
	SYS(fsync(fd));
	p = map_fd(fd, 4 * PG, PROT_READ, MAP_SHARED, 0);
	SAME(p + PG, 10, PG, 26);
	SAME(p + PG + 10, PG - 10, PG + 10, 25);
	SYS(munmap(p, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void unlinked_and_closed(void)
{
	int fd = make_file("f", 3 * PG, 27);
	char *p = map_fd(fd, 3 * PG, RW, MAP_SHARED, 0), *q = map_fd(fd, 3 * PG, RW, MAP_PRIVATE, 0);
	struct stat st;

	SYS(unlink("f"));
	SYS(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	SYS(close(fd)); /* only the mappings hold the file now */
	ERR(open("f", O_RDONLY), ENOENT);
	SAME(p, 3 * PG, 0, 27);
	fill(p, PG, 0, 28);
	SAME(q, PG, 0, 28);
	SYS(munmap(p, PG));
	SAME(q, PG, 0, 28);
	SAME(p + PG, 2 * PG, PG, 27);
	fd = make_file("f", 3 * PG, 29); /* a new file of the same name is another file */
	SAME(q + PG, 2 * PG, PG, 27);
	SYS(munmap(p + PG, 2 * PG));
	SYS(munmap(q, 3 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void shared_anonymous(void)
{
	unsigned *counter = (unsigned *)SYS(mmap(NULL, PG * 2, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t pid[4];

	for (int i = 0; i < 4; i++) {
		pid[i] = test_fork();
		if (pid[i] == 0) {
			for (int k = 0; k < 5000; k++)
				__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
			counter[PG / sizeof(unsigned) + (unsigned)i] =
				100u + (unsigned)i; /* untouched before the fork */
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		EXITED(pid[i], 0);
	EQ(*counter, 20000);
	for (unsigned i = 0; i < 4; i++)
		EQ(counter[PG / sizeof(unsigned) + i], 100 + i);
	SYS(munmap(counter, 2 * PG));
}

static void fork_private(void)
{
	int up[2], down[2], fd = make_file("f", 2 * PG, 30);
	char *a = map_anon(4 * PG), *p = map_fd(fd, 2 * PG, RW, MAP_PRIVATE, 0);
	pid_t pid;

	SYS(pipe(up));
	SYS(pipe(down));
	fill(a, 2 * PG, 0, 31);
	p[0] = 'b';
	pid = test_fork();
	if (pid == 0) {
		fill(a, PG, 0, 32);
		a[3 * PG] = 'c'; /* untouched at the fork */
		p[PG] = 'c';
		put_token(up[1], 1);
		EQ(get_token(down[0]), 2);
		SAME(a, PG, 0, 32);
		SAME(a + PG, PG, PG, 31);
		EQ(a[2 * PG], 0);
		EQ(p[0], 'b');
		EQ(p[PG], 'c');
		_exit(0);
	}
	EQ(get_token(up[0]), 1);
	SAME(a, 2 * PG, 0, 31);
	ALL(a + 2 * PG, 2 * PG, 0);
	EQ(p[0], 'b');
	EQ((unsigned char)p[PG], pattern(PG, 30));
	fill(a + PG, PG, PG, 33);
	a[2 * PG] = 'p';
	p[0] = 'p';
	put_token(down[1], 2);
	EXITED(pid, 0);
	SAME(a, PG, 0, 31);
	SAME(a + PG, PG, PG, 33);
	EQ(a[3 * PG], 0);
	for (int i = 0; i < 2; i++) {
		SYS(close(up[i]));
		SYS(close(down[i]));
	}
	SYS(munmap(a, 4 * PG));
	SYS(munmap(p, 2 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void fork_protection(void)
{
	char *a = map_anon(4 * PG);
	pid_t pid;

	fill(a, 4 * PG, 0, 34);
	SYS(mprotect(a, PG, PROT_READ));
	pid = test_fork();
	if (pid == 0) {
		FAULT(store(a, 1), SIGSEGV, SEGV_ACCERR, a);
		SYS(munmap(a + PG, PG));
		FAULT(load(a + PG), SIGSEGV, SEGV_MAPERR, a + PG);
		SYS(mprotect(a, PG, RW));
		a[0] = 'c';
		_exit(0);
	}
	EXITED(pid, 0);
	SAME(a, 4 * PG, 0, 34); /* what the child did to its space is its own */
	FAULT(store(a, 1), SIGSEGV, SEGV_ACCERR, a);
	pid = test_fork();
	if (pid == 0) {
		a[0] = 1; /* uncaught */
		_exit(0);
	}
	KILLED(pid, SIGSEGV);
	SYS(munmap(a, 4 * PG));
}

static void many_mappings(void)
{
	enum { N = 200 };
	int fd = make_file("f", N * PG, 35);
	char *p = map_anon(N * PG);

	fill(p, N * PG, 0, 36);
	for (int i = 0; i < N; i += 2)
		SYS(mprotect(p + i * PG, PG, PROT_READ));
	for (int i = 0; i < N; i++) {
		if (i % 2)
			NOFAULT(store(p + i * PG, pattern(i * PG, 36)));
		else
			FAULT(store(p + i * PG, 0), SIGSEGV, SEGV_ACCERR, p + i * PG);
	}
	SYS(mprotect(p, N * PG, RW)); /* may become one again */
	SAME(p, N * PG, 0, 36);
	fill(p, N * PG, 0, 37);
	for (int i = 0; i < N; i += 2)
		SYS(munmap(p + i * PG, PG));
	for (int i = 1; i < N; i += 2)
		SAME(p + i * PG, PG, i * PG, 37);
	for (int i = 0; i < N; i++) /* the file backwards, a mapping a page */
		SYS(mmap(p + i * PG, PG, RW, MAP_SHARED | MAP_FIXED, fd, (N - 1 - i) * PG));
	for (int i = 0; i < N; i++)
		SAME(p + i * PG, PG, (N - 1 - i) * PG, 35);
	fill(p, PG, (N - 1) * PG, 38);
	SYS(mmap(p + PG, (N - 1) * PG, PROT_READ, MAP_SHARED | MAP_FIXED, fd, PG));
	SAME(p + (N - 1) * PG, PG, (N - 1) * PG, 38);
	SYS(munmap(p, N * PG));
	FAULT(load(p + 77 * PG), SIGSEGV, SEGV_MAPERR, p + 77 * PG);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void adjacent(void)
{
	char *p = map_anon(6 * PG);
	int fd = make_file("f", 6 * PG, 39);

	SYS(munmap(p, 6 * PG));
	for (int i = 5; i >= 0; i--) /* neighbours of one kind, which a kernel may join */
		SYS(mmap(p + i * PG, PG, RW, ANON | MAP_FIXED, -1, 0));
	fill(p, 6 * PG, 0, 40);
	SAME(p, 6 * PG, 0, 40);
	SYS(munmap(p + PG, 4 * PG));
	SAME(p, PG, 0, 40);
	SAME(p + 5 * PG, PG, 5 * PG, 40);
	for (int i = 0; i < 6; i++)
		SYS(mmap(p + i * PG, PG, RW, MAP_PRIVATE | MAP_FIXED, fd, i * PG));
	p[2 * PG] = 'x';
	SYS(mprotect(p + 2 * PG, PG, PROT_READ));
	SYS(mprotect(p + 2 * PG, PG, RW));
	EQ(p[2 * PG], 'x');
	SAME(p, 2 * PG, 0, 39);
	SAME(p + 3 * PG, 3 * PG, 3 * PG, 39);
	SYS(munmap(p, 6 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void errors(void)
{
	int fd = make_file("f", 2 * PG, 41), ro = (int)SYS(open("f", O_RDONLY)),
	    wo = (int)SYS(open("f", O_WRONLY));
	int dir = (int)SYS(open(".", O_RDONLY | O_DIRECTORY)), pipefd[2];
	char *p = map_anon(PG);

	SYS(pipe(pipefd));
	ERR(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	ERR(mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	ERR(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 1), EINVAL);
	ERR(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, PG / 2), EINVAL);
	ERR(mmap(NULL, PG, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	ERR(mmap(NULL, PG, PROT_READ, 0, fd, 0), EINVAL);
	ERR(mmap(NULL, PG, PROT_READ, MAP_SHARED, -1, 0), EBADF);
	ERR(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, 999, 0), EBADF);
	ERR(mmap(NULL, PG, RW, MAP_SHARED, ro, 0), EACCES);
	ERR(mmap(NULL, PG, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	ERR(mmap(NULL, PG, PROT_WRITE, MAP_SHARED, wo, 0), EACCES); /* a mapping can always be read */
	ERR(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	ERR(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	ERR(mmap(NULL, PG, PROT_READ, MAP_PRIVATE, pipefd[0], 0), ENODEV);
	ERR(mmap(NULL, 1ul << 62, RW, ANON, -1, 0), ENOMEM);
	ERR(mmap(NULL, ~0ul, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	ERR(mmap((void *)(1ul << 62), PG, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	ERR(munmap(p + 1, PG), EINVAL);
	ERR(munmap(p, 0), EINVAL);
	ERR(munmap(p, ~0ul & ~(PG - 1)), EINVAL);
	ERR(munmap((void *)(1ul << 62), PG), EINVAL);
	SYS(munmap(p, 1));
	SYS(close(fd));
	SYS(close(ro));
	SYS(close(wo));
	SYS(close(dir));
	SYS(close(pipefd[0]));
	SYS(close(pipefd[1]));
	SYS(unlink("f"));
}

static void truncation(void)
{
	int fd = make_file("f", 4 * PG, 42);
	char *p = map_fd(fd, 4 * PG, RW, MAP_SHARED, 0), *q = map_fd(fd, 4 * PG, RW, MAP_PRIVATE, 0);

	SAME(p, 4 * PG, 0, 42);
	fill(p + 3 * PG, PG, 3 * PG, 43); /* dirty, and cut off */
	q[0] = 'q';
	q[2 * PG] = 'q'; /* a private copy, beyond the end in a moment */
	SYS(ftruncate(fd, PG + 1000));
	NOFAULT(load(p + 2 * PG - 1));
	SAME(p, PG + 1000, 0, 42);
	ALL(p + PG + 1000, PG - 1000, 0);
	FAULT(load(p + 2 * PG), SIGBUS, BUS_ADRERR, p + 2 * PG);
	FAULT(store(p + 3 * PG + 11, 1), SIGBUS, BUS_ADRERR, p + 3 * PG + 11);
	FAULT(load(q + 2 * PG), SIGBUS, BUS_ADRERR, q + 2 * PG);
	FAULT(load(q + 3 * PG), SIGBUS, BUS_ADRERR, q + 3 * PG);
	EQ(q[0], 'q');
	SYS(ftruncate(fd, 4 * PG));
	SAME(p, PG + 1000, 0, 42);
	ALL(p + PG + 1000, 3 * PG - 1000, 0);
	ALL(q + 2 * PG, 2 * PG, 0);
	EQ(q[0], 'q');
	fill(p + 3 * PG, PG, 3 * PG, 44);
	SAME(q + 3 * PG, PG, 3 * PG, 44);
	SYS(munmap(q, 4 * PG));
	SYS(munmap(p, 4 * PG));
	SYS(close(fd));
	fd = (int)SYS(open("f", O_RDWR | O_TRUNC)); /* everything gone at once */
	p = map_fd(fd, PG, PROT_READ, MAP_SHARED, 0);
	FAULT(load(p), SIGBUS, BUS_ADRERR, p);
	SYS(munmap(p, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* Asks for the pages to be taken out of memory and waits for that, where it can be had. */
static void page_out(char *p, unsigned n)
{
	unsigned char in_memory[16];
	unsigned resident = n;

	SYS(madvise(p, n * PG, MADV_PAGEOUT));
	for (int i = 0; i < 50 && resident; i++) {
		SYS(mincore(p, n * PG, in_memory));
		resident = 0;
		for (unsigned j = 0; j < n; j++)
			resident += in_memory[j] & 1;
		if (resident)
			usleep(2000);
	}
}

static void own_pages(void)
{
	int fd = make_file("f", 4 * PG, 45);
	char *p = map_fd(fd, 4 * PG, RW, MAP_SHARED, 0);

	/* the copy's source or target is a page of the file itself, mapped in or not */
	EQ(SYS(pwrite(fd, p, PG, 0)), PG);
	SAME(p, 4 * PG, 0, 45);
	EQ(SYS(pwrite(fd, p, PG, 2 * PG)), PG);
	SAME(p + 2 * PG, PG, 0, 45);
	EQ(SYS(pread(fd, p + PG, PG, PG)), PG);
	SAME(p + PG, PG, PG, 45);
	EQ(SYS(pread(fd, p + 3 * PG, PG, PG)), PG);
	SAME(p + 3 * PG, PG, PG, 45);
	SYS(munmap(p, 4 * PG));
	p = map_fd(fd, 4 * PG, RW, MAP_SHARED, 0);
	EQ(SYS(pwrite(fd, p, 2 * PG, PG)), 2 * PG);
	SAME(p + PG, PG, 0, 45);
	for (int i = 0; i < 4; i++) { /* of pages that are not in memory, each the copy's source and target */
		fill(p, 4 * PG, 0, 45);
		SYS(fsync(fd));
		page_out(p, 4);
		EQ(SYS(pwrite(fd, p + i * PG, PG, i * PG)), PG);
		EQ(SYS(pwrite(fd, p, 4 * PG, 0)), 4 * PG);
		SYS(fsync(fd));
		page_out(p, 4);
		EQ(SYS(pread(fd, p + i * PG, PG, i * PG)), PG);
		SAME(p, 4 * PG, 0, 45);
	}
	fill(p + 3 * PG, PG, PG, 45);
	SYS(munmap(p, 4 * PG));
	p = map_fd(fd, 4 * PG, RW, MAP_PRIVATE, 0);
	EQ(SYS(pread(fd, p + 3 * PG, PG, 0)), PG); /* the kernel's write makes the private copy */
	SAME(p + 3 * PG, PG, 0, 45);
	SYS(munmap(p, 4 * PG));
	p = map_fd(fd, 4 * PG, PROT_READ, MAP_SHARED, 0);
	SAME(p + 3 * PG, PG, PG, 45);
	SYS(munmap(p, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void kernel_copies(void)
{
	int fd = make_file("f", 4 * PG, 46), pipefd[2];
	char *a = map_anon(4 * PG), *r = map_anon(PG);

	SYS(lseek(fd, 0, SEEK_SET));
	EQ(SYS(read(fd, a, 4 * PG)), 4 * PG); /* into untouched memory */
	SAME(a, 4 * PG, 0, 46);
	SYS(mprotect(r, PG, PROT_READ));
	SYS(lseek(fd, 0, SEEK_SET));
	ERR(read(fd, r, 10), EFAULT);
	ALL(r, PG, 0);
	SYS(pipe(pipefd));
	EQ(SYS(write(pipefd[1], r, 100)), 100); /* from the zero page */
	memset(a, 'x', 100);
	EQ(SYS(read(pipefd[0], a, 100)), 100);
	ALL(a, 100, 0);
	SYS(close(pipefd[0]));
	SYS(close(pipefd[1]));
	SYS(munmap(r, PG));
	SYS(munmap(a, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void holes(void)
{
	int fd = make_file("f", 0, 0);
	char *p, byte = 1;

	SYS(ftruncate(fd, MIB));
	p = map_fd(fd, MIB, RW, MAP_SHARED, 0);
	ALL(p + MIB / 2, 4 * PG, 0);
	for (unsigned long at = 0; at < MIB; at += 16 * PG)
		fill(p + at, 64, at, 47);
	SYS(msync(p, MIB, MS_SYNC));
	SYS(munmap(p, MIB));
	for (unsigned long at = 0; at < MIB; at += 16 * PG) {
		char buf[64];

		EQ(SYS(pread(fd, buf, 64, (off_t)at)), 64);
		SAME(buf, 64, at, 47);
		EQ(SYS(pread(fd, &byte, 1, (off_t)(at + 5 * PG))), 1);
		EQ(byte, 0);
	}
	SYS(close(fd));
	SYS(unlink("f"));
}

static void null_and_wild(void)
{
	volatile uintptr_t low = 64; /* volatile: the compiler shall not reason about it */
	char *p = map_anon(2 * PG);

	FAULT(load((void *)low), SIGSEGV, SEGV_MAPERR, 64);
	FAULT(store((void *)low, 1), SIGSEGV, SEGV_MAPERR, 64);
	SYS(munmap(p + PG, PG));
	FAULT(load(p + PG), SIGSEGV, SEGV_MAPERR, p + PG);
	NOFAULT(load(p + PG - 1));
	SYS(munmap(p, PG));
}

/* Handlers that repair what a fault found and return: the access is made again. */
static int repair_fd;
static volatile int repairs;

static void repair(int sig, siginfo_t *si, void *context)
{
	char *page = (char *)((uintptr_t)si->si_addr & ~(PG - 1));

	(void)context;
	repairs++;
	if (sig == SIGBUS)
		SYS(ftruncate(repair_fd, 4 * PG));
	else if (si->si_code == SEGV_ACCERR)
		SYS(mprotect(page, PG, RW));
	else
		SYS(mmap(page, PG, RW, ANON | MAP_FIXED, -1, 0));
}

static void repaired(void)
{
	struct sigaction sa, old[2];
	char *p = map_anon(4 * PG), *q;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = repair;
	sa.sa_flags = SA_SIGINFO;
	SYS(sigaction(SIGSEGV, &sa, &old[0]));
	SYS(sigaction(SIGBUS, &sa, &old[1]));
	repair_fd = make_file("f", PG, 48);
	q = map_fd(repair_fd, 4 * PG, RW, MAP_SHARED, 0);
	fill(p, 4 * PG, 0, 49);
	SYS(mprotect(p + PG, PG, PROT_READ));
	SYS(munmap(p + 2 * PG, PG));
	for (unsigned long i = 0; i < 4; i++)
		((volatile char *)p)[i * PG + 7] = 'r';
	EQ(repairs, 2);
	for (unsigned long i = 0; i < 4; i++)
		EQ(p[i * PG + 7], 'r');
	ALL(p + 2 * PG + 8, PG - 8, 0);
	SAME(p + PG + 8, PG - 8, PG + 8, 49);
	((volatile char *)q)[3 * PG] = 'b';
	EQ(repairs, 3);
	EQ(q[3 * PG], 'b');
	ALL(q + PG, 2 * PG, 0);
	SYS(sigaction(SIGSEGV, &old[0], NULL));
	SYS(sigaction(SIGBUS, &old[1], NULL));
	SYS(munmap(p, 4 * PG));
	SYS(munmap(q, 4 * PG));
	SYS(close(repair_fd));
	SYS(unlink("f"));
}

/* System calls that come to the end of what is mapped say how far they came. */
static void partial_counts(void)
{
	int fd = make_file("f", 4 * PG, 50);
	char *p = map_anon(4 * PG), byte;
	struct iovec v[4];

	SYS(munmap(p + 2 * PG, PG));
	EQ(SYS(pread(fd, p + PG + 100, 2 * PG, 0)), PG - 100);
	SAME(p + PG + 100, PG - 100, 0, 50);
	memset(p + PG, 'w', PG);
	EQ(SYS(pwrite(fd, p + PG, 2 * PG, 0)), PG);
	EQ(SYS(pread(fd, &byte, 1, PG)), 1);
	EQ((unsigned char)byte, pattern(PG, 50));
	for (int i = 0; i < 4; i++)
		v[i] = (struct iovec){ p + 2 * PG - 10, i == 2 ? 11 : i };
	EQ(SYS(pwritev(fd, v, 4, PG)), 11); /* 0, 1, 10 of 11 */
	v[1].iov_base = p + 2 * PG;
	ERR(pwritev(fd, v, 4, PG), EFAULT);
	SYS(mprotect(p + PG, PG, PROT_READ));
	EQ(SYS(pread(fd, p, 2 * PG, 2 * PG)), PG); /* up to what may not be written */
	ERR(pread(fd, p + PG, PG, 0), EFAULT);
	EQ(SYS(pwrite(fd, p, 2 * PG, 0)), 2 * PG);
	SYS(munmap(p, 4 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static const struct test tests[] = {
	{ "private file", private_file },
	{ "private file, written first", private_write_first },
	{ "shared file", shared_file },
	{ "anonymous", anonymous },
	{ "offsets", offsets },
	{ "partial last page", partial_page },
	{ "MAP_FIXED", fixed },
	{ "munmap of parts", unmap_holes },
	{ "mprotect", protect },
	{ "mprotect of untouched memory", protect_untouched },
	{ "mprotect of a shared file", protect_shared },
	{ "execute", execute },
	{ "SIGBUS beyond the end", bus_error },
	{ "shared file with read and write", coherence_shared },
	{ "private file with read and write", coherence_private },
	{ "shared file in two processes", shared_other_process },
	{ "msync", sync_calls },
	{ "unlinked and closed", unlinked_and_closed },
	{ "shared anonymous", shared_anonymous },
	{ "fork, private copies", fork_private },
	{ "fork, protection", fork_protection },
	{ "many mappings", many_mappings },
	{ "neighbours", adjacent },
	{ "errors", errors },
	{ "truncation", truncation },
	{ "read and write of a file's own pages", own_pages },
	{ "kernel copies", kernel_copies },
	{ "holes", holes },
	{ "null pointer and edges", null_and_wild },
	{ "repaired by handlers", repaired },
	{ "partial counts", partial_counts },
};

TEST_MAIN("mmaptest", tests)
