/* SPDX-License-Identifier: ISC */
/*
 * dirtymap FILE MIB [exit]: makes FILE of that size, stamps every word of it through a shared mapping,
 * unmaps all but one page, says so, and pauses for ever (or exits) without any sync: the system has to write it back by
 * itself.
 * dirtymap -c FILE: checks the stamps, on whatever system the file or its image is by then.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define STAMP 0x5175697265000000ull

static uint64_t stamp(unsigned long word)
{
	return (STAMP + word) ^ (word << 40);
}

static int check(const char *name)
{
	int fd = (int)SYS(open(name, O_RDONLY));
	uint64_t buf[512];
	unsigned long at = 0;
	long n;

	while ((n = SYS(read(fd, buf, sizeof(buf)))) > 0) {
		EQ(n, sizeof(buf));
		for (unsigned i = 0; i < 512; i++, at++)
			if (buf[i] != stamp(at))
				FAIL("%s: offset %lu: expected 0x%llx, seen 0x%llx", name, at * 8,
				     (unsigned long long)stamp(at), (unsigned long long)buf[i]);
	}
	CHECK(at > 0);
	printf("dirtymap: %s: %lu bytes, all stamps right\n", name, at * 8);
	return 0;
}

static int dirty(const char *name, unsigned long mib)
{
	int fd = (int)SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0666));
	unsigned long nbytes = mib * MIB;
	uint64_t *map;

	SYS(ftruncate(fd, (off_t)nbytes));
	map = (uint64_t *)SYS(mmap(NULL, nbytes, RW, MAP_SHARED, fd, 0));
	SYS(close(fd));
	for (unsigned long i = 0; i < nbytes / 8; i++)
		map[i] = stamp(i);
	/* all but the last page, which stays mapped: a part that goes is written back as the whole would be */
	SYS(munmap(map, nbytes / 2));
	SYS(munmap((char *)map + nbytes / 2, nbytes / 2 - PG));
	printf("dirtymap: %s: %lu bytes stamped and all but the last page unmapped\n", name, nbytes);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long mib;

	test_prog = "dirtymap";
	if (argc == 3 && strcmp(argv[1], "-c") == 0)
		return check(argv[2]);
	mib = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	if (!mib || argc > 4 || (argc == 4 && strcmp(argv[3], "exit") != 0)) {
		fprintf(stderr, "usage: dirtymap FILE MIB [exit] or dirtymap -c FILE\n");
		return 2;
	}
	dirty(argv[1], mib);
	while (argc == 3)
		pause();
	return 0;
}
