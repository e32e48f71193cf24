/* SPDX-License-Identifier: ISC */
/*
 * swaptest [MIB]: anonymous memory larger than the machine's, every word of it checked: filled, read in
 * order, rewritten in random order, then diverging in two processes after a fork, and read once more. MIB is
 * 16 by default.
 * The fork needs room for another two fifths of MIB.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define WORDS (PG / sizeof(uint64_t))

static uint64_t *area;
static unsigned long npages;

static uint64_t page_seed(unsigned long page, unsigned generation)
{
	return (page + 1) * 0x9e3779b97f4a7c15ull + generation * 0xc2b2ae3d27d4eb4full;
}

static void fill_page(unsigned long page, unsigned generation)
{
	uint64_t seed = page_seed(page, generation), *w = area + page * WORDS;

	for (unsigned i = 0; i < WORDS; i++)
		w[i] = seed + i;
}

static void check_page(unsigned long page, unsigned generation)
{
	uint64_t seed = page_seed(page, generation), *w = area + page * WORDS;

	for (unsigned i = 0; i < WORDS; i++)
		if (w[i] != seed + i)
			FAIL("page %lu of %lu, word %u: expected generation %u 0x%llx, seen 0x%llx", page,
			     npages, i, generation, (unsigned long long)(seed + i), (unsigned long long)w[i]);
}

static void swap_use(void)
{
	char line[200];
	FILE *f = fopen("/proc/swaps", "r");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (line[0] == '/')
			printf("swaptest: %s", line);
	fclose(f);
}

static void pass(const char *name)
{
	test_ok(test_now);
	test_now = name;
}

/* every page once, jumping about: a walk over the next power of two that leaves out what is too large */
static void random_order(void)
{
	unsigned long size = 1, at = 12345, nseen = 0;

	while (size < npages)
		size *= 2;
	for (unsigned long i = 0; i < size; i++) {
		at = (at * 1664525 + 1013904223) % size;
		if (at >= npages)
			continue;
		check_page(at, 1);
		fill_page(at, 2);
		nseen++;
	}
	EQ(nseen, npages);
}

/* checks all and rewrites each step-th page, twice, so that own writes are seen too */
static void diverge(unsigned step, unsigned generation)
{
	for (int round = 0; round < 2; round++)
		for (unsigned long p = 0; p < npages; p++) {
			check_page(p, round && p % step == 0 ? generation : 2);
			if (!round && p % step == 0)
				fill_page(p, generation);
		}
}

int main(int argc, char **argv)
{
	unsigned long mib = 16;
	pid_t pid;

	argc = test_begin("swaptest", argc, argv);
	if (argc > 1)
		mib = strtoul(argv[1], NULL, 10);
	if (argc > 2 || !mib) {
		fprintf(stderr, "usage: swaptest [MIB]\n");
		return 2;
	}
	npages = mib * MIB / PG;
	area = (uint64_t *)SYS(mmap(NULL, npages * PG, RW, ANON | MAP_NORESERVE, -1, 0));

	test_now = "fill";
	for (unsigned long p = 0; p < npages; p++)
		fill_page(p, 1);
	pass("read in order");
	swap_use();
	for (unsigned long p = 0; p < npages; p++)
		check_page(p, 1);
	pass("rewrite in random order");
	random_order();
	pass("two processes");
	pid = test_fork();
	if (pid == 0) {
		diverge(4, 3);
		_exit(0);
	}
	diverge(5, 4);
	EXITED(pid, 0);
	swap_use();
	pass("read backwards");
	for (unsigned long p = npages; p-- > 0;)
		check_page(p, p % 5 == 0 ? 4 : 2);
	SYS(munmap(area, npages * PG));
	pass("end");
	printf("swaptest: all 5 tests passed, %lu MiB\n", mib);
	return 0;
}
