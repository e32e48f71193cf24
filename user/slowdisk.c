/* SPDX-License-Identifier: ISC */
/*
 * slowdisk LOAD N SECONDS: what stands still, and how long, while N processes make pages dirty faster than the disk takes them.
 *
 * LOAD is `write` (each fills a file of its own, 64 KiB a call, again from the start at 24 MiB), `map` (each writes all over a shared
 * mapping of 24 MiB) or `none`. Beside them a process for each probe does one small thing over and over in the same directory. A line
 * says of each the longest call in ms and how many there were; the last line of the load's own, a page's store being a call of `map`.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB   (1ul << 20)
#define PAGE  4096ul
#define LOAD  (24 * MIB)
#define SMALL (16 * PAGE)

struct result {
	unsigned long longest_ns, calls;
};

static struct result *results; /* shared */
static uint64_t end;
static char buf[65536];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ul + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void check(int good, const char *what)
{
	if (!good)
		die(what);
}

static void took(struct result *r, uint64_t start)
{
	uint64_t ns = now() - start;

	r->longest_ns = ns > r->longest_ns ? ns : r->longest_ns;
	r->calls++;
}

/* ---- loads ---- */

static int load_file(unsigned i)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "load%u", i);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	check(fd >= 0, name);
	return fd;
}

static void load_write(struct result *r, unsigned i)
{
	int fd = load_file(i);
	off_t at = 0;

	while (now() < end) {
		uint64_t start = now();

		check(pwrite(fd, buf, sizeof(buf), at) == sizeof(buf), "write");
		took(r, start);
		at = (at + (off_t)sizeof(buf)) % (off_t)LOAD;
	}
}

static void load_map(struct result *r, unsigned i)
{
	int fd = load_file(i);
	uint64_t seed = i + 1;
	char *p;

	check(ftruncate(fd, LOAD) == 0, "ftruncate");
	p = mmap(NULL, LOAD, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check(p != MAP_FAILED, "mmap");
	while (now() < end) {
		uint64_t start = now();

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		memcpy(p + (seed >> 33) % (LOAD / PAGE) * PAGE, &seed, sizeof(seed));
		took(r, start);
	}
}

/* ---- probes: `fd` is an open file of SMALL bytes, all in the cache ---- */

static void probe_read(int fd)
{
	check(pread(fd, buf, PAGE, (off_t)(now() % 16 * PAGE)) == (ssize_t)PAGE, "read");
}

static void probe_map(int fd)
{
	char *p = mmap(NULL, SMALL, PROT_READ, MAP_SHARED, fd, 0);

	check(p != MAP_FAILED, "mmap");
	for (size_t i = 0; i < SMALL; i += PAGE)
		(void)*(volatile char *)(p + i);
	munmap(p, SMALL);
}

static void probe_stat(int fd)
{
	struct stat st;

	(void)fd;
	check(stat("small", &st) == 0 && lstat("load0", &st) == 0, "stat");
}

static void probe_open(int fd)
{
	int other = open("small", O_RDONLY);

	(void)fd;
	check(other >= 0, "open");
	close(other);
}

static void probe_create(int fd)
{
	static unsigned n;
	char name[32];

	(void)fd;
	snprintf(name, sizeof(name), "new%u", n++ % 8);
	unlink(name);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	check(fd >= 0, "create");
	close(fd);
}

static void probe_rename(int fd)
{
	static unsigned n;

	(void)fd;
	if (!n++)
		check(symlink("small", "a") == 0, "symlink");
	check(rename(n % 2 ? "a" : "b", n % 2 ? "b" : "a") == 0, "rename");
}

static void probe_append(int fd)
{
	static int other = -1;

	(void)fd;
	if (other < 0)
		other = open("appended", O_RDWR | O_CREAT | O_APPEND, 0600);
	check(write(other, buf, 100) == 100, "append");
}

static void probe_memory(int fd)
{
	char *p = mmap(NULL, SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fd;
	check(p != MAP_FAILED, "mmap");
	for (size_t i = 0; i < SMALL; i += PAGE)
		p[i] = 1;
	munmap(p, SMALL);
}

static void probe_fsync(int fd)
{
	static int other = -1;

	(void)fd;
	if (other < 0)
		other = open("synced", O_RDWR | O_CREAT, 0600);
	check(pwrite(other, buf, PAGE, (off_t)(now() % 4 * PAGE)) == (ssize_t)PAGE && fsync(other) == 0,
	      "fsync");
}

/* A file that is not in memory: its pages have to be read. */
static void probe_cold(int fd)
{
	static off_t at;

	fd = open("large", O_RDONLY);
	check(fd >= 0 && pread(fd, buf, PAGE, at) == (ssize_t)PAGE, "cold");
	at = (at + (off_t)(64 * PAGE)) % (off_t)(8 * MIB);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

static const struct {
	const char *name;
	void (*once)(int fd);
} probes[] = {
	{ "read", probe_read },	    { "map", probe_map },	{ "stat", probe_stat },
	{ "open", probe_open },	    { "create", probe_create }, { "rename", probe_rename },
	{ "append", probe_append }, { "memory", probe_memory }, { "fsync", probe_fsync },
	{ "cold", probe_cold },
};
#define NPROBES (sizeof(probes) / sizeof(probes[0]))

static void probe(unsigned i)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int fd = open("small", O_RDONLY);

	check(fd >= 0, "small");
	while (now() < end) {
		uint64_t start = now();

		probes[i].once(fd);
		took(&results[i], start);
		nanosleep(&pause, NULL);
	}
}

static void make(const char *name, size_t nbytes)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	check(fd >= 0, name);
	for (size_t i = 0; i < nbytes; i += PAGE)
		check(write(fd, buf, PAGE) == (ssize_t)PAGE, name);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 2 ? (unsigned)atoi(argv[2]) : 1, nall = NPROBES + n;
	void (*load)(struct result *, unsigned) = argc > 1 && !strcmp(argv[1], "write") ? load_write :
											  load_map;
	int status, bad = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: slowdisk write|map|none N SECONDS\n");
		return 2;
	}
	if (!strcmp(argv[1], "none"))
		nall = NPROBES;
	results = mmap(NULL, nall * sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	check(results != MAP_FAILED, "mmap");
	make("small", SMALL);
	make("large", 8 * MIB);
	make("load0", 0);
	sync();
	end = now() + (uint64_t)atoi(argv[3]) * 1000000000ul;
	for (unsigned i = 0; i < nall; i++) {
		pid_t pid = fork();

		check(pid >= 0, "fork");
		if (pid)
			continue;
		if (i < NPROBES)
			probe(i);
		else
			load(&results[i], i - NPROBES);
		return 0;
	}
	while (wait(&status) > 0)
		bad |= status;
	for (unsigned i = NPROBES + 1; i < nall; i++) {
		struct result *all = &results[NPROBES];

		all->calls += results[i].calls;
		all->longest_ns = results[i].longest_ns > all->longest_ns ? results[i].longest_ns :
									    all->longest_ns;
	}
	for (unsigned i = 0; i < nall && i <= NPROBES; i++)
		printf("%s %lu %lu\n", i < NPROBES ? probes[i].name : argv[1],
		       results[i].longest_ns / 1000000, results[i].calls);
	return bad != 0;
}
