/* SPDX-License-Identifier: ISC */
/*
 * Damaged images of ext2 under the kernel's own code, and whole ones, on the host and under sanitizers.
 *
 *	ext2host                        some hundred images of each block size: what `make test` runs
 *	ext2host IMAGES [FIRST SEED]    so many of each block size
 *	ext2host --again BLOCK SEED     one again, in this process; VERBOSE=1 shows what the kernel says
 *
 * A damaged image is mounted, walked, read, written and unmounted by one or two threads, with disks that fail or allocations that are
 * refused in some rounds. Whatever may fail, nothing may be touched that is not to be, hang, or be left in memory after the unmount. In one
 * round of eight the image is whole: then e2fsck finds nothing afterwards.
 */
#include "ext2host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../user/include/ext2damage.h"

#define PATIENCE    120 /* seconds that a round may take on a busy machine */
#define WHOLE(seed) ((seed) % 8 == 0)

static char folder[] = "/tmp/ext2host.XXXXXX";
static const unsigned blocks[] = { 1024, 2048, 4096 };
static unsigned char *root; /* an image with nothing on it, for the root file system */

static char *path_of(const char *name, long number)
{
	static char path[4][100];
	static unsigned which;

	which = (which + 1) % 4;
	snprintf(path[which], sizeof(path[which]), "%s/%s-%ld", folder, name, number);
	return path[which];
}

static void fail(const char *what)
{
	fprintf(stderr, "ext2host: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int run(const char *command, const char *path)
{
	char line[300];

	snprintf(line, sizeof(line), "PATH=$PATH:/sbin:/usr/sbin %s %s >%s 2>&1", command, path,
		 path_of("out", 0));
	return system(line);
}

static void save(const char *path, const void *bytes)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(bytes, 1, size, f) != size || fclose(f))
		fail(path);
}

/* The image must be as e2fsck wants it. */
static bool is_clean(const char *path)
{
	char line[200];

	if (run("e2fsck -fn", path) == 0)
		return true;
	snprintf(line, sizeof(line), "cat %s >&2", path_of("out", 0));
	if (system(line))
		fail("cat");
	return false;
}

/* ---- one round, in a process of its own ---- */

static int one(uint64_t seed)
{
	unsigned nworkers = 1 + seed / 8 % 2;
	enum trouble trouble = seed % 16 == 3			? TROUBLE_IO :
			       seed % 16 == 5 || seed % 64 == 8 ? TROUBLE_MEMORY :
								  TROUBLE_NONE;
	uint64_t nobjects = rest_nobjects;
	bool mounted;

	alarm(PATIENCE);
	if (WHOLE(seed))
		memcpy(damaged, pristine, size);
	else
		damage(seed);
	mounted = work_round(seed, nworkers, trouble);
	if (rest_nobjects != nobjects) {
		fprintf(stderr, "%ld objects of the kernel's memory are left\n",
			(long)(rest_nobjects - nobjects));
		return 1;
	}
	if (WHOLE(seed)) {
		char *path = path_of("whole", getpid());
		bool clean;

		save(path, damaged);
		clean = is_clean(path);
		unlink(path);
		if (!clean || (!mounted && trouble == TROUBLE_NONE))
			return 1;
	}
	return mounted ? 0 : 2;
}

/* An image that mke2fs made and the kernel filled; the machine runs with it from then on. Its bytes are in `pristine`. */
static void begin(unsigned block, uint64_t seed)
{
	char command[200], *path = path_of("image", block);
	FILE *f;

	size = block == 1024 ? 400 << 10 : 800 << 10;
	pristine = malloc(size);
	damaged = malloc(size);
	root = malloc(size);
	snprintf(command, sizeof(command),
		 "truncate -s %zu %s && mke2fs -q -F -t ext2 -b %u -N 80 -E root_owner=0:0", size, path,
		 block);
	if (run(command, path) || !(f = fopen(path, "r")) || fread(damaged, 1, size, f) != size || fclose(f))
		fail("mke2fs");
	memcpy(root, damaged, size);
	work_start(seed, root, damaged, size);
	work_populate();
	memcpy(pristine, damaged, size);
	save(path, pristine);
	if (!is_clean(path))
		exit(1);
	unlink(path);
	find_used_end();
	work_round(8, 1, TROUBLE_NONE); /* what is made once is there from now on */
}

/* All of one block size, two at a time: how many were mounted, or -1. */
static int run_block(unsigned block, unsigned nimages, uint64_t first)
{
	struct {
		pid_t pid;
		uint64_t seed;
	} under_way[2] = { 0 };
	unsigned nmounted = 0;
	bool failed = false;

	begin(block, block);
	for (uint64_t i = 0; i < nimages + 2 && !failed; i++) {
		unsigned slot = i % 2;
		int status;

		if (under_way[slot].pid) {
			waitpid(under_way[slot].pid, &status, 0);
			nmounted += status == 0;
			if (status != 0 && status != 2 << 8) {
				fprintf(stderr, "ext2host --again %u %lu: failed, status %#x\n", block,
					under_way[slot].seed, status);
				failed = true;
			}
		}
		under_way[slot].pid = 0;
		under_way[slot].seed = first + i;
		if (i < nimages && (under_way[slot].pid = fork()) == 0)
			_exit(one(first + i));
	}
	return failed ? -1 : (int)nmounted;
}

static int run_all(unsigned nimages, uint64_t first)
{
	for (unsigned i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		pid_t pid = fork(); /* the kernel's state is static */
		int status;

		if (pid == 0) {
			int n = run_block(blocks[i], nimages, first + blocks[i]);

			printf("ext2host: blocks of %u: %d of %u images were mounted\n", blocks[i], n,
			       nimages);
			fflush(stdout);
			_exit(n < (int)nimages / 2);
		}
		waitpid(pid, &status, 0);
		if (status)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	int r;

	if (!mkdtemp(folder))
		fail(folder);
	if (argc == 4 && !strcmp(argv[1], "--again")) {
		begin((unsigned)atoi(argv[2]), strtoull(argv[2], NULL, 10));
		r = one(strtoull(argv[3], NULL, 10));
		printf("ext2host: status %d\n", r);
	} else {
		r = run_all(argc > 1 ? (unsigned)atoi(argv[1]) : 670,
			    argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
	}
	unlink(path_of("out", 0));
	rmdir(folder);
	return r;
}
