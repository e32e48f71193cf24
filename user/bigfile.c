/* SPDX-License-Identifier: ISC */
/*
 * bigfile [-d DIR] [-k] [MIB]: a file that may be larger than memory: written, mapped shared and changed in
 * every page, unmapped, synced, dropped from the cache, then verified by read and through a new mapping.
 * The file is bigfile.dat; -k keeps it. MIB is 16 by default.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define WORDS (PG / sizeof(uint64_t))
#define BATCH 16ul /* pages per write and read */

static unsigned long npages;
static uint64_t buf[BATCH * WORDS];

static uint64_t word(unsigned long page, unsigned i)
{
	return (page + 1) * 0x9e3779b97f4a7c15ull + i;
}

/* which words of a page the mapping changes: both ends, and one that wanders */
static int is_changed(unsigned long page, unsigned i)
{
	return i == 0 || i == WORDS - 1 || i == page % WORDS;
}

static void check_page(const uint64_t *w, unsigned long page)
{
	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t want = is_changed(page, i) ? ~word(page, i) : word(page, i);

		if (w[i] != want)
			FAIL("page %lu of %lu, word %u: expected 0x%llx, seen 0x%llx", page, npages, i,
			     (unsigned long long)want, (unsigned long long)w[i]);
	}
}

static void write_file(int fd)
{
	test_now = "write";
	for (unsigned long p = 0; p < npages; p += BATCH) {
		for (unsigned long k = 0; k < BATCH; k++)
			for (unsigned i = 0; i < WORDS; i++)
				buf[k * WORDS + i] = word(p + k, i);
		EQ(SYS(write(fd, buf, sizeof(buf))), sizeof(buf));
	}
	test_ok(test_now);
}

static void change_by_map(int fd)
{
	uint64_t *map = (uint64_t *)SYS(mmap(NULL, npages * PG, RW, MAP_SHARED, fd, 0));

	test_now = "change every page";
	for (unsigned long p = 0; p < npages; p++)
		for (unsigned i = 0; i < WORDS; i++)
			if (is_changed(p, i)) {
				uint64_t *w = &map[p * WORDS + i];

				if (*w != word(p, i))
					FAIL("page %lu word %u: expected 0x%llx, seen 0x%llx", p, i,
					     (unsigned long long)word(p, i), (unsigned long long)*w);
				*w = ~*w;
			}
	SYS(munmap(map, npages * PG));
	test_ok(test_now);
}

/* as far as the system and the user's rights let us; the verification holds in any case */
static void drop_from_cache(int fd)
{
	int drop;

	test_now = "sync";
	SYS(fsync(fd));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	drop = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (drop != -1) {
		EQ(SYS(write(drop, "1\n", 2)), 2);
		SYS(close(drop));
	}
	test_ok(drop != -1 ? "sync, cache dropped" : "sync");
}

static void verify_by_read(int fd)
{
	test_now = "verify by read";
	SYS(lseek(fd, 0, SEEK_SET));
	for (unsigned long p = 0; p < npages; p += BATCH) {
		EQ(SYS(read(fd, buf, sizeof(buf))), sizeof(buf));
		for (unsigned long k = 0; k < BATCH; k++)
			check_page(buf + k * WORDS, p + k);
	}
	EQ(SYS(read(fd, buf, 1)), 0);
	test_ok(test_now);
}

static void verify_by_map(int fd)
{
	uint64_t *map = (uint64_t *)SYS(mmap(NULL, npages * PG, PROT_READ, MAP_SHARED, fd, 0));

	test_now = "verify by map";
	for (unsigned long p = npages; p-- > 0;)
		check_page(map + p * WORDS, p);
	SYS(munmap(map, npages * PG));
	test_ok(test_now);
}

int main(int argc, char **argv)
{
	const char *name = "bigfile.dat";
	unsigned long mib = 16;
	int keep = 0, fd;
	struct stat st;

	argc = test_begin("bigfile", argc, argv);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-k") == 0)
			keep = 1;
		else
			mib = strtoul(argv[i], NULL, 10);
	}
	if (!mib || argc > 3) {
		fprintf(stderr, "usage: bigfile [-d DIR] [-k] [MIB]\n");
		return 2;
	}
	npages = mib * MIB / PG;
	fd = (int)SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0666));
	write_file(fd);
	change_by_map(fd);
	drop_from_cache(fd);
	verify_by_read(fd);
	drop_from_cache(fd);
	verify_by_map(fd);
	SYS(fstat(fd, &st));
	EQ(st.st_size, mib * MIB);
	SYS(close(fd));
	if (!keep)
		SYS(unlink(name));
	printf("bigfile: %s: %lld bytes%s\n", name, (long long)st.st_size, keep ? ", kept" : "");
	printf("bigfile: all 6 tests passed\n");
	return 0;
}
