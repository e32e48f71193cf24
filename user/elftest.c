/* SPDX-License-Identifier: ISC */
/*
 * elftest [ROUNDS [SEED]]: programs with damaged headers. exec must refuse them or run them to whatever end they come to; the system
 * goes on either way, and gets all memory back. The header's and segments' fields are set to values at the edges, or to random ones.
 */
#define _GNU_SOURCE
#include <sys/time.h>

#include "include/testlib.h"

#define HEAD  64
#define ENTRY 56 /* of the program header table */

static const char *self = "/proc/self/exe";
static unsigned char image[256 * 1024];
static long size;
static unsigned long state = 1;

static unsigned long pick(void)
{
	state = state * 6364136223846793005ul + 1442695040888963407ul;
	return state >> 33;
}

static unsigned long edge(void)
{
	static const unsigned long edges[] = { 0,
					       1,
					       2,
					       7,
					       4095,
					       4096,
					       4097,
					       65536,
					       0x7ffffffful,
					       0x80000000ul,
					       ~0ul,
					       ~0ul >> 1,
					       1ul << 63,
					       ~4095ul,
					       1ul << 38,
					       (1ul << 38) - 1,
					       0x3ffffff000,
					       0x10000 };

	return pick() % 3 ? edges[pick() % (sizeof(edges) / sizeof(edges[0]))] : pick() << 31 ^ pick();
}

static void put_field(long at, unsigned long value, int nbytes)
{
	if (at >= 0 && at + nbytes <= size)
		memcpy(image + at, &value, (size_t)nbytes);
}

/* One to three fields of the ELF header from e_type on, or of a segment. */
static void damage(void)
{
	static const struct {
		int at, n;
	} head[] = { { 16, 2 }, { 18, 2 }, { 24, 8 }, { 32, 8 }, { 48, 4 }, { 54, 2 }, { 56, 2 } },
	  entry[] = { { 0, 4 }, { 4, 4 }, { 8, 8 }, { 16, 8 }, { 32, 8 }, { 40, 8 }, { 48, 8 } };
	int nsegments = image[56];

	for (unsigned i = pick() % 3 + 1; i > 0; i--) {
		unsigned field = pick() % 7;

		if (pick() % 4 == 0)
			put_field(head[field].at, edge(), head[field].n);
		else
			put_field(HEAD + (long)(pick() % (unsigned)(nsegments + 1)) * ENTRY + entry[field].at,
				  edge(), entry[field].n);
	}
}

static void write_image(long n)
{
	int fd = (int)SYS(open("damaged", O_WRONLY | O_CREAT | O_TRUNC, 0755));

	EQ(SYS(write(fd, image, (size_t)n)), n);
	SYS(close(fd));
}

/* Whatever it does, it ends: of itself, by a signal, or by the alarm. */
static void run(void)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 200000 } };
	pid_t pid = test_fork();
	int st;

	if (pid == 0) {
		setitimer(ITIMER_REAL, &soon, NULL);
		execl("./damaged", "damaged", "-end", (char *)NULL);
		_exit(0);
	}
	EQ(SYS(waitpid(pid, &st, 0)), pid);
	CHECK(WIFEXITED(st) || WIFSIGNALED(st));
}

int main(int argc, char **argv)
{
	static unsigned char whole[sizeof(image)];
	long rounds = argc > 1 ? atol(argv[1]) : 300;
	int fd;

	if (argc > 1 && strcmp(argv[1], "-end") == 0)
		return 3;
	if (argc > 2)
		state = (unsigned long)atol(argv[2]);
	test_prog = "elftest";
	fd = open(self, O_RDONLY);
	if (fd < 0)
		fd = (int)SYS(open(argv[0], O_RDONLY));
	size = SYS(read(fd, whole, sizeof(whole)));
	SYS(close(fd));
	for (long i = 0; i < rounds; i++) {
		memcpy(image, whole, sizeof(image));
		if (i % 8 == 7) { /* cut short */
			write_image((long)(pick() % (unsigned long)size));
		} else {
			damage();
			write_image(size);
		}
		run();
	}
	memcpy(image, whole, sizeof(image));
	write_image(size);
	run();
	SYS(unlink("damaged"));
	printf("elftest: %ld programs with damaged headers\n", rounds);
	return 0;
}
