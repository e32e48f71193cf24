/* SPDX-License-Identifier: ISC */
/*
 * cowtest: after a fork each process has its own memory. Generations of forks, exits in every order, writes
 * before and after the others' exits, by programs and by the kernel, in data, bss, heap, stack and mapped
 * memory.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#define NPAGES 32

static unsigned char *area; /* NPAGES pages, page i holding pattern(.., seed of its last writer) */

static int initialised[2048] = { 1, 2, 3 };
static int zeroed[2048];

static void write_page(int i, unsigned seed)
{
	fill(area + (unsigned long)i * PG, PG, (unsigned long)i * PG, seed);
}

static void check_page(int i, unsigned seed)
{
	SAME(area + (unsigned long)i * PG, PG, (unsigned long)i * PG, seed);
}

static void new_area(unsigned seed)
{
	area = map_anon(NPAGES * PG);
	for (int i = 0; i < NPAGES; i++)
		write_page(i, seed);
}

static void drop_area(void)
{
	SYS(munmap(area, NPAGES * PG));
}

static void segments(void)
{
	int local[512], *heap = malloc(64 * 1024);
	pid_t pid;

	CHECK(heap != NULL);
	memset(local, 1, sizeof(local));
	memset(heap, 2, 64 * 1024);
	pid = test_fork();
	if (pid == 0) {
		EQ(initialised[1], 2);
		EQ(zeroed[1000], 0);
		initialised[1] = 77;
		zeroed[1000] = 78;
		local[300] = 79;
		heap[9000] = 80;
		EQ(*(volatile int *)&local[300], 79);
		EQ(*(volatile int *)&heap[9000], 80);
		_exit(initialised[1] == 77 && zeroed[1000] == 78 && heap[9000] == 80 ? 0 : 1);
	}
	zeroed[2] = 5; /* while the child runs, or before, or after */
	EXITED(pid, 0);
	EQ(initialised[1], 2);
	EQ(zeroed[1000], 0);
	EQ(*(volatile int *)&local[300], 0x01010101);
	EQ(*(volatile int *)&heap[9000], 0x02020202);
	free(heap);
}

/* each generation writes its own page and checks those of all its ancestors */
static void descend(int depth, int deepest)
{
	pid_t pid;

	for (int i = 0; i < NPAGES; i++)
		check_page(i, i < depth ? 100 + (unsigned)i : 1);
	if (depth == deepest)
		return;
	write_page(depth, 100 + (unsigned)depth);
	pid = test_fork();
	if (pid == 0) {
		descend(depth + 1, deepest);
		_exit(0);
	}
	write_page(depth, 200); /* after the fork: no descendant may see it */
	EXITED(pid, 0);
	check_page(depth, 200);
	check_page(depth + 1, 1);
}

static void generations(void)
{
	new_area(1);
	descend(0, 8);
	drop_area();
}

/* three children write and leave in the order given; all others' memory stays as it was */
static void leave_in_order(const int *order)
{
	int go[3][2], done[3][2];
	pid_t pid[3];

	for (int c = 0; c < 3; c++) {
		SYS(pipe(go[c]));
		SYS(pipe(done[c]));
		write_page(c, 50 + (unsigned)c); /* between forks: older children must not see it */
		pid[c] = test_fork();
		if (pid[c] == 0) {
			write_page(10, 60 + (unsigned)c);
			write_page(11 + c, 60 + (unsigned)c);
			put_token(done[c][1], 'w');
			EQ(get_token(go[c][0]), 'g');
			for (int i = 0; i < 10; i++)
				check_page(i, i <= c ? 50 + (unsigned)i : 1);
			check_page(10, 60 + (unsigned)c);
			for (int i = 0; i < 3; i++)
				check_page(11 + i, i == c ? 60 + (unsigned)c : 1);
			_exit(c);
		}
	}
	for (int c = 0; c < 3; c++)
		EQ(get_token(done[c][0]), 'w');
	for (int k = 0; k < 3; k++) {
		int c = order[k];

		put_token(go[c][1], 'g');
		EXITED(pid[c], c);
		check_page(10, k ? 70 + (unsigned)k : 1); /* what the round before left */
		write_page(10, 71 + (unsigned)k);
		check_page(11 + c, 1);
	}
	for (int i = 0; i < NPAGES; i++)
		if (i != 10)
			check_page(i, i < 3 ? 50 + (unsigned)i : 1);
	for (int c = 0; c < 3; c++)
		for (int i = 0; i < 2; i++) {
			SYS(close(go[c][i]));
			SYS(close(done[c][i]));
		}
}

static void exit_orders(void)
{
	static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
					  { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };

	for (int i = 0; i < 6; i++) {
		new_area(1);
		leave_in_order(orders[i]);
		drop_area();
	}
}

static void parent_first(void)
{
	int result[2], gone[2];
	pid_t pid;

	new_area(1);
	SYS(pipe(result));
	SYS(pipe(gone));
	pid = test_fork();
	if (pid == 0) {
		write_page(0, 2);
		if (test_fork() == 0) {
			SYS(close(gone[1]));
			EQ(get_token(gone[0]), -1); /* the parent is gone when its end of the pipe is */
			check_page(0, 2);
			check_page(1, 1);
			for (int i = 0; i < NPAGES; i++)
				write_page(i, 3);
			for (int i = 0; i < NPAGES; i++)
				check_page(i, 3);
			put_token(result[1], 'k');
			_exit(0);
		}
		write_page(1, 4);
		_exit(0);
	}
	SYS(close(gone[1]));
	SYS(close(result[1]));
	EXITED(pid, 0);
	EQ(get_token(result[0]), 'k');
	EQ(get_token(result[0]), -1);
	for (int i = 0; i < NPAGES; i++)
		check_page(i, 1);
	SYS(close(gone[0]));
	SYS(close(result[0]));
	drop_area();
}

static void before_and_after(void)
{
	int up[2], down[2];
	pid_t pid;

	new_area(1);
	SYS(pipe(up));
	SYS(pipe(down));
	pid = test_fork();
	if (pid == 0) {
		write_page(0, 5);
		put_token(up[1], 1);
		EQ(get_token(down[0]), 2); /* the parent wrote pages 0 to 3 */
		check_page(0, 5);
		for (int i = 1; i < 4; i++)
			check_page(i, 1);
		write_page(1, 6);
		_exit(0);
	}
	EQ(get_token(up[0]), 1);
	check_page(0, 1);
	for (int i = 0; i < 4; i++)
		write_page(i, 7);
	put_token(down[1], 2);
	EXITED(pid, 0);
	for (int i = 0; i < 4; i++)
		check_page(i, 7);
	for (int i = 4; i < NPAGES; i++) { /* the only one again: written in place or copied, never lost */
		check_page(i, 1);
		write_page(i, 8);
		check_page(i, 8);
	}
	for (int i = 0; i < 2; i++) {
		SYS(close(up[i]));
		SYS(close(down[i]));
	}
	drop_area();
}

static void siblings(void)
{
	pid_t pid[4];

	new_area(1);
	for (unsigned c = 0; c < 4; c++) {
		pid[c] = test_fork();
		if (pid[c] == 0) {
			for (int round = 0; round < 20; round++)
				for (int i = (int)c; i < NPAGES; i += 4)
					write_page(i, 10 * c + (unsigned)round);
			for (int i = 0; i < NPAGES; i++)
				check_page(i, i % 4 == (int)c ? 10 * c + 19 : 1);
			_exit(0);
		}
	}
	for (int c = 0; c < 4; c++)
		EXITED(pid[c], 0);
	for (int i = 0; i < NPAGES; i++)
		check_page(i, 1);
	drop_area();
}

static void file_private(void)
{
	int fd = make_file("f", NPAGES * PG, 1);
	pid_t pid;

	area = (unsigned char *)SYS(mmap(NULL, NPAGES * PG, RW, MAP_PRIVATE, fd, 0));
	write_page(0, 2);
	pid = test_fork();
	if (pid == 0) {
		check_page(0, 2);
		write_page(0, 3);
		write_page(1, 3);
		pid = test_fork();
		if (pid == 0) {
			write_page(1, 4);
			write_page(2, 4);
			check_page(0, 3);
			_exit(0);
		}
		EXITED(pid, 0);
		check_page(1, 3);
		check_page(2, 1);
		_exit(0);
	}
	EXITED(pid, 0);
	check_page(0, 2);
	for (int i = 1; i < NPAGES; i++)
		check_page(i, 1);
	drop_area();
	area = (unsigned char *)SYS(mmap(NULL, NPAGES * PG, PROT_READ, MAP_SHARED, fd, 0));
	for (int i = 0; i < NPAGES; i++)
		check_page(i, 1);
	drop_area();
	SYS(close(fd));
	SYS(unlink("f"));
}

/* read() writes into pages that a fork shares */
static void kernel_writes(void)
{
	int fd = make_file("f", 4 * PG, 9), up[2], down[2];
	pid_t pid;

	new_area(1);
	SYS(pipe(up));
	SYS(pipe(down));
	pid = test_fork();
	if (pid == 0) {
		EQ(SYS(pread(fd, area, 4 * PG, 0)), 4 * PG);
		for (int i = 0; i < 4; i++)
			check_page(i, 9);
		put_token(up[1], 1);
		EQ(SYS(read(down[0], area + 20 * PG + 10, 3)), 3);
		EQ(memcmp(area + 20 * PG + 10, "abc", 3), 0);
		SAME(area + 20 * PG, 10, 20 * PG, 1);
		check_page(5, 1);
		_exit(0);
	}
	EQ(get_token(up[0]), 1);
	for (int i = 0; i < NPAGES; i++)
		check_page(i, 1);
	EQ(SYS(pread(fd, area + 5 * PG, 10, 0)), 10);
	EQ(SYS(write(down[1], "abc", 3)), 3);
	EXITED(pid, 0);
	SAME(area + 5 * PG, 10, 0, 9);
	SAME(area + 5 * PG + 10, PG - 10, 5 * PG + 10, 1);
	check_page(20, 1);
	for (int i = 0; i < 2; i++) {
		SYS(close(up[i]));
		SYS(close(down[i]));
	}
	drop_area();
	SYS(close(fd));
	SYS(unlink("f"));
}

static void unmap_in_child(void)
{
	pid_t pid;

	new_area(1);
	pid = test_fork();
	if (pid == 0) {
		SYS(munmap(area, 8 * PG));
		SYS(mmap(area, 8 * PG, RW, ANON | MAP_FIXED, -1, 0));
		ALL(area, 8 * PG, 0);
		write_page(3, 2);
		_exit(0);
	}
	SYS(munmap(area + 8 * PG, 8 * PG));
	SYS(mmap(area + 8 * PG, 8 * PG, RW, ANON | MAP_FIXED, -1, 0));
	EXITED(pid, 0);
	ALL(area + 8 * PG, 8 * PG, 0);
	for (int i = 0; i < NPAGES; i++)
		if (i < 8 || i >= 16)
			check_page(i, 1);
	drop_area();
}

static void many_forks(void)
{
	new_area(1);
	for (unsigned round = 0; round < 60; round++) {
		int page = (int)(round % NPAGES);
		pid_t pid = test_fork();

		if (pid == 0) {
			check_page(page, round < NPAGES ? 1 : 2 + round - NPAGES);
			write_page(page, 99);
			check_page((page + 1) % NPAGES, round + 1 < NPAGES ? 1 : 3 + round - NPAGES);
			_exit(0);
		}
		EXITED(pid, 0);
		write_page(page, 2 + round);
	}
	for (int i = 0; i < NPAGES; i++)
		check_page(i, i < 28 ? 34 + (unsigned)i : 2 + (unsigned)i);
	drop_area();
}

static const struct test tests[] = {
	{ "data, bss, heap, stack", segments },	  { "generations", generations },
	{ "orders of exit", exit_orders },	  { "parent exits first", parent_first },
	{ "before and after", before_and_after }, { "siblings", siblings },
	{ "private file pages", file_private },	  { "kernel writes", kernel_writes },
	{ "munmap on one side", unmap_in_child }, { "many forks", many_forks },
};

TEST_MAIN("cowtest", tests)
