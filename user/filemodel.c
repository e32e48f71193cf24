/* SPDX-License-Identifier: ISC */
/*
 * filemodel [-d DIR] [-s SEED] [STEPS]: random reads, writes, truncations, mapped loads and stores, msync, fsync,
 * reopening, and dropping of caches on one file, compared byte by byte with an array. Says the seed; the same
 * seed repeats the same steps. STEPS is 2000 by default.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define MAX  (384ul << 10)
#define NAME "filemodel.dat"

static unsigned char model[MAX + PG], buf[MAX];
static unsigned long size, step;
static unsigned char *map; /* of all MAX bytes, shared; NULL: not mapped */
static int fd;
static uint64_t state;

static unsigned long below(unsigned long n)
{
	return n ? test_random(&state) % n : 0;
}

/* mostly short, sometimes long, often at the edges of blocks and pages */
static unsigned long some_length(void)
{
	static const unsigned long around[] = { 1, 511, 512, 1024, 2048, 4095, 4096, 4097, 8192, 65536 };

	return below(3) ? 1 + below(6000) : around[below(sizeof(around) / sizeof(around[0]))];
}

static unsigned long some_offset(unsigned long max)
{
	unsigned long at = below(4) ? below(max) : below(max / 512 + 1) * 512;

	return at < max ? at : max;
}

static void same(const unsigned char *seen, unsigned long at, unsigned long n, const char *how)
{
	for (unsigned long i = 0; i < n; i++)
		if (seen[i] != model[at + i])
			FAIL("step %lu, %s: byte %lu of %lu: expected 0x%x, seen 0x%x", step, how, at + i,
			     size, model[at + i], seen[i]);
}

static void do_write(void)
{
	unsigned long at = some_offset(below(3) ? size : MAX), n = some_length();

	if (n > MAX - at)
		n = MAX - at;
	for (unsigned long i = 0; i < n; i++)
		buf[i] = (unsigned char)test_random(&state);
	EQ(SYS(pwrite(fd, buf, n, (off_t)at)), n);
	memcpy(model + at, buf, n);
	if (at + n > size && n)
		size = at + n;
}

static void do_read(void)
{
	unsigned long at = some_offset(MAX), n = some_length(), want;

	if (n > MAX)
		n = MAX;
	want = at >= size ? 0 : size - at < n ? size - at : n;
	EQ(SYS(pread(fd, buf, n, (off_t)at)), want);
	same(buf, at, want, "read");
}

static void do_truncate(void)
{
	unsigned long to = some_offset(below(3) ? size : MAX);

	SYS(ftruncate(fd, (off_t)to));
	if (to < size)
		memset(model + to, 0, size - to);
	size = to;
}

static void need_map(void)
{
	if (!map)
		map = (unsigned char *)SYS(mmap(NULL, MAX, RW, MAP_SHARED, fd, 0));
}

static void do_store(void)
{
	unsigned long at = below(size), n = some_length();

	if (!size)
		return;
	if (n > size - at)
		n = size - at;
	need_map();
	for (unsigned long i = 0; i < n; i++)
		model[at + i] = map[at + i] = (unsigned char)test_random(&state);
}

static void do_load(void)
{
	unsigned long at = below(size), n = some_length(), end = (size + PG - 1) / PG * PG;

	if (!size)
		return;
	if (n > end - at)
		n = end - at;
	need_map();
	same(map + at, at, n, "load"); /* zeros behind the end, up to the page's */
}

static void do_msync(void)
{
	if (map)
		SYS(msync(map, MAX, below(2) ? MS_SYNC : MS_ASYNC));
}

static void unmap(void)
{
	if (map)
		SYS(munmap(map, MAX));
	map = NULL;
}

static void do_reopen(void)
{
	unmap();
	SYS(close(fd));
	fd = (int)SYS(open(NAME, O_RDWR));
}

/* as far as the system lets us: Quire and a root on Linux */
static void do_drop(void)
{
	int drop = open("/proc/sys/vm/drop_caches", O_WRONLY);

	SYS(fsync(fd));
	if (drop == -1)
		return;
	if (write(drop, "3\n", 2) != 2)
		CHECK(errno == EPERM || errno == EACCES || errno == EROFS);
	SYS(close(drop));
}

static void do_append(void)
{
	unsigned long n = 1 + below(3000);
	int other;

	if (n > MAX - size)
		return;
	for (unsigned long i = 0; i < n; i++)
		buf[i] = (unsigned char)test_random(&state);
	other = (int)SYS(open(NAME, O_WRONLY | O_APPEND));
	EQ(SYS(write(other, buf, n)), n);
	SYS(close(other));
	memcpy(model + size, buf, n);
	size += n;
}

static void check_all(void)
{
	struct stat st;

	SYS(fstat(fd, &st));
	EQ(st.st_size, size);
	EQ(SYS(pread(fd, buf, MAX, 0)), size);
	same(buf, 0, size, "whole file");
}

static void one_step(void)
{
	static const struct {
		unsigned weight;
		void (*run)(void);
	} ops[] = { { 30, do_write }, { 25, do_read },	{ 8, do_truncate }, { 25, do_store },
		    { 20, do_load },  { 3, do_msync },	{ 2, do_reopen },   { 2, unmap },
		    { 2, do_drop },   { 8, do_append }, { 2, check_all } };
	unsigned long pick = below(127);

	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (pick < ops[i].weight) {
			ops[i].run();
			return;
		}
		pick -= ops[i].weight;
	}
}

int main(int argc, char **argv)
{
	unsigned long steps = 2000, seed = 1;
	int n = test_begin("filemodel", argc, argv);

	for (int i = 1; i < n; i++)
		if (strcmp(argv[i], "-s") == 0 && i + 1 < n)
			seed = strtoul(argv[++i], NULL, 0);
		else
			steps = strtoul(argv[i], NULL, 0);
	test_now = "model";
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	fd = (int)SYS(open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0666));
	for (step = 0; step < steps; step++)
		one_step();
	check_all();
	do_reopen();
	do_drop();
	check_all();
	SYS(close(fd));
	SYS(unlink(NAME));
	printf("filemodel: seed %lu, %lu steps: ok\n", seed, steps);
	return 0;
}
