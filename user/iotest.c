/* SPDX-License-Identifier: ISC */
/*
 * iotest KIND ...: what programs see of disks that fail.
 *
 *	swap MIB [AREA]      private memory is filled and read back: how many pages were right, how many raised SIGBUS; then AREA cannot be
 *	                     turned off, and nothing changed
 *	shm MIB [AREA]       the same with shared memory
 *	keep MIB AREA        AREA, which memory needs, cannot be turned off, and nothing is lost
 *	shared MIB CHILDREN  memory that was written and went to swap is read by children at the same time: how many pages were read from swap
 *	file FILE PAGE       page PAGE cannot be written: every open file and mapping is told once, and the new bytes stay to be read
 *	make FILE PAGES      writes the file for "read"
 *	read FILE PAGE       page PAGE cannot be read, by read and by a mapping; all others can
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/swap.h>

#include "include/testlib.h"

static void look(unsigned char *p, unsigned long first, unsigned long npages)
{
	unsigned long right = 0, lost = 0;

	for (unsigned long i = first; i < npages; i++) {
		struct fault seen = load(p + i * PG);

		if (seen.sig) {
			FAULT(seen, SIGBUS, BUS_ADRERR, p + i * PG);
			lost++;
			continue;
		}
		SAME(p + i * PG, 64, i * PG, 1);
		right++;
	}
	printf("right %lu\nlost %lu\n", right, lost);
}

static int swap(unsigned long mib, const char *area, bool shared)
{
	unsigned long npages = mib * MIB / PG;
	unsigned char *p =
		(unsigned char *)SYS(mmap(NULL, mib * MIB, PROT_READ | PROT_WRITE,
					  MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0));

	for (unsigned long i = 0; i < npages; i++)
		fill(p + i * PG, 64, i * PG, 1);
	look(p, 0, npages);
	if (area) {
		for (unsigned long i = 0; i < npages * 3 / 4; i++) /* the rest finds room */
			if (load(p + i * PG).sig == 0)
				SYS(madvise(p + i * PG, PG, shared ? MADV_REMOVE : MADV_DONTNEED));
		ERR(swapoff(area), EIO);
		look(p, npages * 3 / 4, npages);
	}
	return 0;
}

static int keep(unsigned long mib, const char *area)
{
	unsigned long npages = mib * MIB / PG;
	unsigned char *p = map_anon(mib * MIB);

	for (unsigned long i = 0; i < npages; i++)
		fill(p + i * PG, 64, i * PG, 1);
	for (int i = 0; i < 3; i++)
		ERR(swapoff(area), ENOMEM);
	look(p, 0, npages);
	return 0;
}

static long counter(const char *name)
{
	char line[128];
	long n = -1;
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			n = atol(line + strlen(name));
	if (f)
		fclose(f);
	return n;
}

static int shared(unsigned long mib, int nchildren)
{
	unsigned long npages = mib * MIB / PG;
	unsigned char *p = map_anon(mib * MIB);
	pid_t pid[64];
	long before;

	for (unsigned long i = 0; i < npages; i++)
		fill(p + i * PG, 64, i * PG, 1);
	SYS(madvise(p, mib * MIB, MADV_PAGEOUT));
	sleep(1);
	before = counter("pswpin");
	for (int k = 0; k < nchildren; k++)
		if ((pid[k] = test_fork()) == 0) {
			for (unsigned long i = 0; i < npages; i++)
				SAME(p + i * PG, 64, i * PG, 1);
			_exit(0);
		}
	for (int k = 0; k < nchildren; k++)
		EXITED(pid[k], 0);
	printf("pages %lu\npswpin %ld\n", npages, counter("pswpin") - before);
	return 0;
}

static int file(const char *name, unsigned long page)
{
	int a = (int)SYS(open(name, O_RDWR)), b = (int)SYS(open(name, O_RDWR)), c;
	unsigned char buf[PG], again[PG];
	unsigned char *p = (unsigned char *)SYS(
		mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, b, (long)(page * PG)));
	unsigned char *q;

	test_now = "fsync";
	fill(buf, PG, 0, 7);
	EQ(pwrite(a, buf, PG, (long)(page * PG)), PG);
	ERR(fsync(a), EIO);
	SYS(fsync(a));
	c = (int)SYS(open(name, O_RDWR));
	SYS(fsync(c));
	EQ(pread(c, again, PG, (long)(page * PG)), PG);
	CHECK(!memcmp(buf, again, PG));
	test_ok("fsync");

	test_now = "msync";
	ERR(msync(p, PG, MS_SYNC), EIO);
	SYS(msync(p, PG, MS_SYNC));
	p[5] ^= 1;
	ERR(msync(p, PG, MS_SYNC), EIO);
	SYS(msync(p, PG, MS_SYNC));
	CHECK(p[5] == (buf[5] ^ 1));
	ERR(fdatasync(c), EIO);
	SYS(fdatasync(c));
	q = (unsigned char *)SYS(mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, c, 0));
	SYS(msync(q, PG, MS_SYNC)); /* made after all that failed */
	SYS(munmap(q, PG));
	test_ok("msync");

	test_now = "writeback";
	ERR(fsync(a), EIO);
	buf[9] ^= 1;
	EQ(pwrite(c, buf, PG, (long)(page * PG)), PG);
	sync();
	ERR(fsync(a), EIO);
	ERR(fsync(c), EIO);
	SYS(fsync(a));
	SYS(fsync(c));
	test_ok("writeback");
	return 0;
}

static int reading(const char *name, unsigned long page)
{
	int fd = (int)SYS(open(name, O_RDONLY));
	unsigned long npages = (unsigned long)SYS(lseek(fd, 0, SEEK_END)) / PG;
	unsigned char *p = (unsigned char *)SYS(mmap(NULL, npages * PG, PROT_READ, MAP_PRIVATE, fd, 0)),
		      buf[PG];

	for (int round = 0; round < 2; round++) {
		test_now = round ? "mapping" : "read";
		for (unsigned long i = 0; i < npages; i++) {
			if (round && i == page) {
				FAULT(load(p + i * PG), SIGBUS, BUS_ADRERR, p + i * PG);
			} else if (i == page) {
				ERR(pread(fd, buf, PG, (long)(i * PG)), EIO);
			} else {
				EQ(round ? PG : (unsigned long)SYS(pread(fd, buf, PG, (long)(i * PG))), PG);
				SAME(round ? p + i * PG : buf, 64, i * PG, 3);
			}
		}
		test_ok(test_now);
	}
	return 0;
}

static int make(const char *name, unsigned long npages)
{
	int fd = (int)SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
	unsigned char buf[PG];

	for (unsigned long i = 0; i < npages; i++) {
		fill(buf, PG, i * PG, 3);
		EQ(write(fd, buf, PG), PG);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "";

	argc = test_begin("iotest", argc, argv);
	if (argc >= 3 && (!strcmp(kind, "swap") || !strcmp(kind, "shm")))
		return swap(strtoul(argv[2], NULL, 10), argv[3], !strcmp(kind, "shm"));
	if (argc == 4 && !strcmp(kind, "keep"))
		return keep(strtoul(argv[2], NULL, 10), argv[3]);
	if (argc == 4 && !strcmp(kind, "shared") && atoi(argv[3]) <= 64)
		return shared(strtoul(argv[2], NULL, 10), atoi(argv[3]));
	if (argc == 4 && !strcmp(kind, "make"))
		return make(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(kind, "file"))
		return file(argv[2], strtoul(argv[3], NULL, 10));
	if (argc == 4 && !strcmp(kind, "read"))
		return reading(argv[2], strtoul(argv[3], NULL, 10));
	fprintf(stderr,
		"usage: iotest {swap | shm} MIB [AREA] | keep MIB AREA | shared MIB CHILDREN | make FILE "
		"PAGES | file FILE "
		"PAGE | read FILE PAGE\n");
	return 2;
}
