/* SPDX-License-Identifier: ISC */
/*
 * forkcost: what a fork costs, at once and later, by the memory that the parent has touched, and by its mappings.
 *
 *	forkcost [-n FORKS] MIB[:MAPPINGS]...
 *
 * For each size the parent touches so much private memory, makes so many more mappings, which nobody touches, and forks FORKS times; between forks it writes one page
 * of every 2 MiB. A line says, each the median of all forks: nanoseconds of the parent's own in the call, as the child may run first; all
 * others until the child, which only waits for a byte, has exited; of the writes; then what /proc/vmstat counted from the fork to the end
 * of the writes: page faults, nodes copied, pages copied. Under icount nanoseconds are instructions.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096ul
#define MIB    (1ul << 20)
#define REGION (2 * MIB)
#define WARM   2 /* forks that are not counted */

#define MAX_FORKS 64

enum { CALL, CHILD, WRITES, FAULTS, NODES, COPIES, NFIGURES };
static const char *const counters[NFIGURES] = {
	[FAULTS] = "pgfault ", [NODES] = "node_copies ", [COPIES] = "cow_copies "
};

static uint64_t figures[NFIGURES][MAX_FORKS];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ul + (uint64_t)t.tv_nsec;
}

static void count(uint64_t *counts)
{
	static char text[8192];
	int fd = open("/proc/vmstat", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		die("/proc/vmstat");
	close(fd);
	text[n] = 0;
	for (unsigned i = FAULTS; i < NFIGURES; i++) {
		char *at = text;

		while (at && strncmp(at, counters[i], strlen(counters[i])) != 0) {
			at = strchr(at, '\n');
			at = at ? at + 1 : NULL;
		}
		counts[i] = at ? strtoull(at + strlen(counters[i]), NULL, 10) : 0;
	}
}

static void fork_once(volatile char *memory, size_t bytes, unsigned nth)
{
	uint64_t before[NFIGURES], after[NFIGURES], own, t0, t2, t3;
	int ends[2];
	pid_t child;
	char c = 0;

	if (pipe(ends))
		die("pipe");
	count(before);
	t0 = now(CLOCK_MONOTONIC);
	own = now(CLOCK_PROCESS_CPUTIME_ID);
	child = fork();
	own = now(CLOCK_PROCESS_CPUTIME_ID) - own;
	if (child < 0)
		die("fork");
	if (child == 0)
		_exit(read(ends[0], &c, 1) != 1);
	if (write(ends[1], &c, 1) != 1 || waitpid(child, NULL, 0) != child)
		die("child");
	t2 = now(CLOCK_MONOTONIC);
	for (size_t at = 0; at < bytes; at += REGION)
		memory[at]++;
	t3 = now(CLOCK_MONOTONIC);
	count(after);
	close(ends[0]);
	close(ends[1]);
	figures[CALL][nth] = own;
	figures[CHILD][nth] = t2 - t0 - own;
	figures[WRITES][nth] = t3 - t2;
	for (unsigned i = FAULTS; i < NFIGURES; i++)
		figures[i][nth] = after[i] - before[i];
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static unsigned long median(unsigned figure, unsigned n)
{
	qsort(figures[figure], n, sizeof(uint64_t), compare);
	return figures[figure][n / 2];
}

/* Pages side by side of which only every second may be written: a mapping each. */
static char *make_mappings(size_t n)
{
	char *area = mmap(NULL, n * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < n; i += 2)
		if (mprotect(area + i * PAGE, PAGE, PROT_READ | PROT_WRITE))
			die("mprotect");
	return area;
}

static void measure(size_t mib, size_t mappings, unsigned forks)
{
	size_t bytes = mib * MIB;
	char *more = mappings ? make_mappings(mappings) : NULL;
	volatile char *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < bytes; at += PAGE)
		memory[at] = 1;
	for (unsigned i = 0; i < WARM; i++)
		fork_once(memory, bytes, 0);
	for (unsigned i = 0; i < forks; i++)
		fork_once(memory, bytes, i);
	printf("%lu MiB: mappings %lu call %lu child %lu writes %lu faults %lu nodes %lu copies %lu\n",
	       (unsigned long)mib, (unsigned long)mappings, median(CALL, forks), median(CHILD, forks),
	       median(WRITES, forks), median(FAULTS, forks), median(NODES, forks), median(COPIES, forks));
	fflush(stdout);
	if (more)
		munmap(more, mappings * PAGE);
	munmap((void *)memory, bytes);
}

int main(int argc, char **argv)
{
	unsigned forks = 8;
	int arg = 1;

	if (argc > 2 && !strcmp(argv[1], "-n")) {
		forks = atoi(argv[2]);
		arg = 3;
	}
	if (arg >= argc || !forks || forks > MAX_FORKS) {
		fprintf(stderr, "usage: forkcost [-n FORKS] MIB[:MAPPINGS]...\n");
		return 2;
	}
	for (; arg < argc; arg++) {
		char *end;
		unsigned long mib = strtoul(argv[arg], &end, 10);

		measure(mib, *end == ':' ? strtoul(end + 1, NULL, 10) : 0, forks);
	}
	return 0;
}
