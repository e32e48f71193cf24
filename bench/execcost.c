/* SPDX-License-Identifier: ISC */
/*
 * execcost: what starting a program costs, from the disk and from the cache.
 *
 *	execcost PROGRAM [ARGUMENT...]
 *
 * Runs it with caches dropped, and then RUNS times again. A line says of either: pages read and requests for them as /proc/vmstat counts
 * them; page faults; and the nanoseconds (under icount instructions) from before the fork to after the wait, of the later runs the median.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS 9

enum { KIB, REQUESTS, FAULTS, NCOUNTS };
static const char *const names[NCOUNTS] = { "pgpgin ", "file_reads ", "pgfault " };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
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
	for (unsigned i = 0; i < NCOUNTS; i++) {
		char *at = text;

		while (at && strncmp(at, names[i], strlen(names[i])) != 0) {
			at = strchr(at, '\n');
			at = at ? at + 1 : NULL;
		}
		counts[i] = at ? strtoull(at + strlen(names[i]), NULL, 10) : 0;
	}
}

/* The time; what was counted is in `counts`. */
static uint64_t run(char **argv, uint64_t *counts)
{
	uint64_t before[NCOUNTS], start, took;
	int status;
	pid_t child;

	count(before);
	start = now();
	child = fork();
	if (child == 0) {
		execv(argv[0], argv);
		_exit(126);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		die("child");
	took = now() - start;
	count(counts);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 126)
		die(argv[0]);
	for (unsigned i = 0; i < NCOUNTS; i++)
		counts[i] -= before[i];
	return took;
}

static void tell(const char *when, const uint64_t *counts, uint64_t took)
{
	printf("%s: pages %lu requests %lu faults %lu took %lu\n", when, (unsigned long)counts[KIB] / 4,
	       (unsigned long)counts[REQUESTS], (unsigned long)counts[FAULTS], (unsigned long)took);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	uint64_t counts[NCOUNTS], took[RUNS];
	struct stat st;
	int fd;

	if (argc < 2 || stat(argv[1], &st)) {
		fprintf(stderr, "usage: execcost PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	printf("file: pages %lu\n", (unsigned long)(st.st_size + 4095) / 4096);
	run(argv + 1, counts); /* its name and the blocks' places are known from now on */
	sync();
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (fd < 0 || write(fd, "1", 1) != 1)
		die("drop_caches");
	close(fd);
	took[0] = run(argv + 1, counts);
	tell("cold", counts, took[0]);
	for (unsigned i = 0; i < RUNS; i++)
		took[i] = run(argv + 1, counts);
	qsort(took, RUNS, sizeof(*took), compare);
	tell("warm", counts, took[RUNS / 2]);
	return 0;
}
