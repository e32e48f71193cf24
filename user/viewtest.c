/* SPDX-License-Identifier: ISC */
/* viewtest: what /proc/self tells of memory: smaps, statm, status, pagemap, clear_refs. */
#define _GNU_SOURCE
#include "include/testlib.h"

#define PRESENT	  (1ull << 63)
#define FILE_PAGE (1ull << 61)

/* The number behind `name:` in a file of lines; behind the line of the mapping that begins at p, unless that is NULL. -1: none. */
static long number_in(const char *path, const char *name, const char *p)
{
	unsigned long start, n = strlen(name);
	FILE *f = fopen(path, "r");
	int here = p == NULL;
	char line[512];
	long found = -1;

	CHECK(f != NULL);
	while (found < 0 && fgets(line, sizeof(line), f)) {
		if (here && strncmp(line, name, n) == 0 && line[n] == ':')
			found = strtol(line + n + 1, NULL, 10);
		else if (p && strchr("0123456789abcdef", line[0]) && sscanf(line, "%lx-", &start) == 1)
			here = start == (unsigned long)(uintptr_t)p;
	}
	fclose(f);
	return found;
}

static long smaps(const char *p, const char *name)
{
	return number_in("/proc/self/smaps", name, p);
}

static void clear_refs(const char *what)
{
	int fd = (int)SYS(open("/proc/self/clear_refs", O_WRONLY));

	EQ(SYS(write(fd, what, 1)), 1);
	SYS(close(fd));
}

static uint64_t pagemap(const char *p)
{
	int fd = (int)SYS(open("/proc/self/pagemap", O_RDONLY));
	uint64_t e;

	EQ(SYS(pread(fd, &e, sizeof(e), (off_t)((uintptr_t)p / PG * sizeof(e)))), sizeof(e));
	SYS(close(fd));
	return e;
}

/* A mapping that joins no neighbour. */
static char *lone(unsigned long nbytes)
{
	char *p = (char *)SYS(mmap(NULL, nbytes + 2 * PG, PROT_NONE, ANON, -1, 0));

	SYS(mprotect(p + PG, nbytes, RW));
	return p + PG;
}

static void anonymous(void)
{
	char *p = lone(16 * PG);
	pid_t pid;

	EQ(smaps(p, "Size"), 64);
	EQ(smaps(p, "Rss"), 0);
	fill(p, 10 * PG, 0, 1);
	EQ(smaps(p, "Rss"), 40);
	EQ(smaps(p, "Pss"), 40);
	EQ(smaps(p, "Private_Dirty"), 40);
	EQ(smaps(p, "Anonymous"), 40);
	EQ(smaps(p, "Referenced"), 40);
	pid = test_fork();
	if (pid == 0) {
		EQ(smaps(p, "Rss"), 40);
		EQ(smaps(p, "Pss"), 20);
		EQ(smaps(p, "Shared_Dirty"), 40);
		fill(p, 4 * PG, 0, 2);
		EQ(smaps(p, "Private_Dirty"), 16);
		EQ(smaps(p, "Shared_Dirty"), 24);
		_exit(0);
	}
	EXITED(pid, 0);
	EQ(smaps(p, "Private_Dirty"), 40);
	SYS(madvise(p, 2 * PG, MADV_DONTNEED));
	EQ(smaps(p, "Rss"), 32);
	SYS(munmap(p - PG, 18 * PG));
}

static void references(void)
{
	char *p = lone(16 * PG);

	fill(p, 16 * PG, 0, 3);
	clear_refs("1");
	EQ(smaps(p, "Referenced"), 0);
	EQ(smaps(p, "Rss"), 64);
	SYS(mprotect(p, 16 * PG, PROT_READ)); /* as Linux leaves old entries in the TLB */
	SYS(mprotect(p, 16 * PG, RW));
	for (int i = 0; i < 3; i++)
		NOFAULT(load(p + i * PG));
	EQ(smaps(p, "Referenced"), 12);
	clear_refs("3"); /* files only */
	EQ(smaps(p, "Referenced"), 12);
	clear_refs("2");
	EQ(smaps(p, "Referenced"), 0);
	SYS(munmap(p - PG, 18 * PG));
}

static void of_a_file(void)
{
	int fd = make_file("f", 8 * PG, 4);
	char *p = lone(8 * PG);

	SYS(mmap(p, 8 * PG, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	for (int i = 0; i < 8; i++)
		NOFAULT(load(p + i * PG));
	EQ(smaps(p, "Rss"), 32);
	EQ(smaps(p, "Anonymous"), 0);
	p[0] = 1;
	EQ(smaps(p, "Anonymous"), 4);
	CHECK(pagemap(p + PG) & FILE_PAGE);
	CHECK(!(pagemap(p) & FILE_PAGE));
	SYS(munmap(p - PG, 10 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void page_map(void)
{
	int fd = (int)SYS(open("/proc/self/pagemap", O_RDONLY));
	uint64_t e[8];
	char *p = lone(8 * PG);

	EQ(pagemap(p), 0);
	p[PG] = 1;
	EQ(SYS(pread(fd, e, sizeof(e), (off_t)((uintptr_t)p / PG * 8))), sizeof(e));
	for (int i = 0; i < 8; i++)
		EQ(e[i] >> 63, i == 1);
	SYS(madvise(p, 8 * PG, MADV_DONTNEED));
	EQ(pagemap(p + PG), 0);
	ERR(pread(fd, e, 7, 0), EINVAL);
	ERR(pread(fd, e, 8, 4), EINVAL);
	SYS(munmap(p - PG, 10 * PG));
	EQ(pagemap(p), 0);
	SYS(close(fd));
}

static void statm(long *size, long *resident)
{
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f != NULL);
	EQ(fscanf(f, "%ld %ld", size, resident), 2);
	fclose(f);
}

static void sums(void)
{
	long size, resident, size2, resident2, data = number_in("/proc/self/status", "VmData", NULL);
	char *p;

	statm(&size, &resident);
	p = map_anon(1000 * PG);
	fill(p, 800 * PG, 0, 5);
	statm(&size2, &resident2);
	EQ(size2 - size, 1000);
	/* Linux counts in batches of some 32 pages a hart. */
	CHECK(resident2 - resident >= 600 && resident2 - resident <= 1000);
	EQ(number_in("/proc/self/status", "VmData", NULL) - data, 4000);
	SYS(mlock(p, 10 * PG));
	EQ(number_in("/proc/self/status", "VmLck", NULL), 40);
	SYS(munmap(p, 1000 * PG));
	EQ(number_in("/proc/self/status", "VmLck", NULL), 0);
}

static const struct test tests[] = {
	{ "anonymous memory", anonymous },
	{ "references", references },
	{ "a file", of_a_file },
	{ "pagemap", page_map },
	{ "sums", sums },
};

TEST_MAIN("viewtest", tests)
