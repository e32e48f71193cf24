/* SPDX-License-Identifier: ISC */
/*
 * fulltest DIR: a file system with little room, through a mapping: stores into a sparse file larger than what is free succeed until
 * the room is used up, then they get SIGBUS; what was stored stays, read() sees it; room that is given back can be used again.
 */
#define _GNU_SOURCE
#include <sys/statvfs.h>

#include "include/testlib.h"

static unsigned long room(int fd)
{
	struct statvfs s;

	SYS(fstatvfs(fd, &s));
	return s.f_bavail * s.f_frsize;
}

static void full(void)
{
	int fd = (int)SYS(open("f", O_RDWR | O_CREAT | O_EXCL, 0666));
	unsigned long npages = room(fd) / PG + 64, n;
	char *p, byte;

	SYS(ftruncate(fd, (off_t)(npages * PG)));
	p = (char *)SYS(mmap(NULL, npages * PG, RW, MAP_SHARED, fd, 0));
	for (n = 0; n < npages; n++) {
		struct fault f = store(p + n * PG, (int)(n % 255) + 1);

		if (f.sig) {
			test_fault(f, (struct fault){ SIGBUS, BUS_ADRERR, (uintptr_t)(p + n * PG) }, "store",
				   __FILE__, __LINE__);
			break;
		}
	}
	CHECK(n > 8 && n < npages);
	ALL(p + (n - 1) * PG + 1, PG - 1, 0);
	for (unsigned long i = 0; i < n; i++) {
		EQ(SYS(pread(fd, &byte, 1, (off_t)(i * PG))), 1);
		EQ((unsigned char)byte, i % 255 + 1);
	}
	FAULT(store(p + n * PG, 1), SIGBUS, BUS_ADRERR, p + n * PG); /* again */
	ERR(pwrite(fd, "x", 1, (off_t)(n * PG)), ENOSPC);
	EQ(SYS(pread(fd, &byte, 1, (off_t)(n * PG))), 1); /* a hole reads */
	EQ(byte, 0);
	SYS(ftruncate(fd, (off_t)((n - 4) * PG)));
	SYS(ftruncate(fd, (off_t)(npages * PG)));
	SYS(fsync(fd));
	NOFAULT(store(p + n * PG, 'n')); /* there is room again */
	EQ(p[n * PG], 'n');
	for (unsigned long i = 0; i < n - 4; i++)
		EQ((unsigned char)p[i * PG], i % 255 + 1);
	SYS(munmap(p, npages * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static const struct test tests[] = {
	{ "full", full },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		SYS(chdir(argv[1]));
	return test_main("fulltest", tests, 1, 1, argv);
}
