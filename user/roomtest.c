/* SPDX-License-Identifier: ISC */
/*
 * roomtest [-d DIR] [TEXT]: what a file takes of its disk: nothing for holes, nothing for what a write that
 * failed did not write, and not what is kept for root; and that names are found by many at once.
 */
#define _GNU_SOURCE
#include "include/testlib.h"
#include <stdbool.h>
#include <sys/statvfs.h>

/* On a large disk others may be at work: then it counts nothing. */
static unsigned long nfree(int fd)
{
	struct statvfs st;

	SYS(fsync(fd));
	SYS(fstatvfs(fd, &st));
	return st.f_blocks * st.f_frsize < 1024 * MIB ? st.f_bfree : 0;
}

static unsigned long nsectors(int fd)
{
	struct stat st;

	SYS(fstat(fd, &st));
	return (unsigned long)st.st_blocks;
}

static unsigned long size_of(int fd)
{
	struct stat st;

	SYS(fstat(fd, &st));
	return (unsigned long)st.st_size;
}

/* Two pages, of which the second is not there. */
static char *half(void)
{
	char *p = map_anon(2 * PG);

	memset(p, 'h', PG);
	SYS(munmap(p + PG, PG));
	return p;
}

static void faults(void)
{
	int fd = make_file("f", 100, 1);
	unsigned long before = nfree(fd), sectors = nsectors(fd);
	char *p = half();

	ERR(write(fd, p + PG, 64 * PG), EFAULT);
	EQ(size_of(fd), 100);
	ERR(pwrite(fd, p + PG, PG, (off_t)MIB), EFAULT);
	ERR(pwrite(fd, p + PG, 700, 3000), EFAULT);
	SYS(ftruncate(fd, 100)); /* a Linux was seen to have moved the end */
	EQ(nsectors(fd), sectors);
	EQ(nfree(fd), before);
	EQ(pwrite(fd, p + PG - 10, 3 * PG, 200), 10);
	EQ(size_of(fd), 210);
	EQ(nsectors(fd), sectors);
	EQ(nfree(fd), before);
	SYS(ftruncate(fd, MIB)); /* holes from here on; the first page may take room as a whole */
	before = nfree(fd);
	sectors = nsectors(fd);
	ERR(pwrite(fd, p + PG, PG, 16 * PG), EFAULT);
	EQ(nsectors(fd), sectors);
	EQ(nfree(fd), before);
	SYS(munmap(p, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void cut_in_hole(void)
{
	int fd = make_file("f", 0, 0);
	char *p;

	SYS(ftruncate(fd, MIB));
	SYS(ftruncate(fd, MIB / 2 + 100));
	SYS(ftruncate(fd, 77));
	EQ(nsectors(fd), 0);
	EQ(pwrite(fd, "tail", 4, 96), 4);
	SYS(ftruncate(fd, 98));
	SYS(ftruncate(fd, PG));
	p = (char *)SYS(mmap(NULL, PG, RW, MAP_SHARED, fd, 0));
	EQ(p[97], 'a');
	ALL(p + 98, PG - 98, 0);
	p[2000] = 'm';
	SYS(ftruncate(fd, 1999));
	EQ(p[2000], 0);
	SYS(ftruncate(fd, PG));
	EQ(p[2000], 0);
	SYS(munmap(p, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

#define NAMES 1500

static void name_of(int i, char name[32])
{
	snprintf(name, 32, "d/a rather long name %04d", i);
}

/* Nobody remembers the directory: if the system cannot be told to forget, the test shows nothing, and passes. */
static void forget(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	sync();
	if (fd >= 0) {
		(void)!write(fd, "3", 1);
		SYS(close(fd));
	}
}

static void find_all(int begin)
{
	struct stat st;
	char name[32];

	for (int i = 0; i < NAMES; i++) {
		name_of((begin + i) % NAMES, name);
		SYS(stat(name, &st));
	}
}

static void many_search(void)
{
	char name[32];

	SYS(mkdir("d", 0777));
	for (int i = 0; i < NAMES; i++) {
		name_of(i, name);
		SYS(mknod(name, S_IFREG | 0666, 0));
	}
	for (int round = 0; round < 8; round++) {
		int go[2];
		pid_t pids[4];

		forget();
		SYS(pipe(go));
		for (int k = 0; k < 4; k++) {
			pids[k] = test_fork();
			if (pids[k] == 0) {
				SYS(close(go[1]));
				EQ(get_token(go[0]), -1); /* all at once */
				find_all(k * NAMES / 4);
				_exit(0);
			}
		}
		SYS(close(go[0]));
		SYS(close(go[1]));
		for (int k = 0; k < 4; k++)
			EXITED(pids[k], 0);
	}
	for (int i = 0; i < NAMES; i++) {
		name_of(i, name);
		SYS(unlink(name));
	}
	SYS(rmdir("d"));
}

/* One page of a device, alone, and then with the next: its cache has no tree yet. Without such a device nothing is shown. */
static void device(void)
{
	static char page[2][2 * PG];
	int fd = open("/dev/vdb", O_RDONLY);

	if (fd < 0)
		return;
	SYS(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	EQ(pread(fd, page[0], PG, 0), PG);
	EQ(pread(fd, page[1], 2 * PG, 0), 2 * PG);
	EQ(memcmp(page[0], page[1], PG), 0);
	SYS(close(fd));
}

/* Fills the disk as another user, then as root. Only by name: it takes all there is. */
static void kept(void)
{
	static char block[16 * PG];
	struct statvfs st;
	int fd = make_file("f", 0, 0), status;
	pid_t pid = test_fork();

	if (pid == 0) {
		SYS(setgid(1000));
		SYS(setuid(1000));
		while (write(fd, block, sizeof(block)) > 0)
			;
		EQ(errno, ENOSPC);
		SYS(fstatvfs(fd, &st));
		CHECK(st.f_bavail < 16 && st.f_bfree > 100);
		_exit(0);
	}
	status = test_reap(pid);
	EQ(status, 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	EQ(errno, ENOSPC);
	SYS(fstatvfs(fd, &st));
	CHECK(st.f_bfree < 16);
	SYS(close(fd));
	SYS(unlink("f"));
}

static const struct test tests[] = {
	{ "writes that fault", faults },
	{ "truncation in a hole", cut_in_hole },
	{ "many search a directory", many_search },
	{ "first pages of a device", device },
};

static const struct test alone[] = { { "kept for root", kept } };

int main(int argc, char **argv)
{
	bool all = argc > 1 && strcmp(argv[argc - 1], "kept") == 0;

	return all ? test_main("roomtest", alone, 1, argc, argv) :
		     test_main("roomtest", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
