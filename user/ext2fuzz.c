/* SPDX-License-Identifier: ISC */
/*
 * ext2fuzz PRISTINE DEVICE [ROUNDS [SEED]]: each round puts a copy of the pristine image with some bytes of its metadata changed on the
 * device, mounts it, walks it, reads and writes what it finds, and unmounts it. Anything may fail but the system: a call that does
 * not come back, a file system that cannot be unmounted, or a panic is a failure. Needs to be root.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

#include "include/ext2damage.h"
#include <dirent.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <time.h>

enum { MOST = 4 * 1024 * 1024, PATIENCE = 60, DEEPEST = 12, ENTRIES = 400 };

static const char *device;

/* ---- what is done with it ---- */

static unsigned entries;

static void use_file(const char *path, const struct stat *st)
{
	static char buf[8192];
	int fd = open(path, any(3) ? O_RDWR | O_NONBLOCK : O_RDONLY | O_NONBLOCK);
	off_t at = 0;

	if (fd < 0)
		return;
	for (int i = 0; i < 40 && at < st->st_size; i++) {
		ssize_t n = pread(fd, buf, sizeof(buf), at);
		if (n <= 0)
			break;
		at += any(8) ? n : (off_t)any(1u << 30);
	}
	if (any(2))
		if (pwrite(fd, buf, any(sizeof(buf)), any(4) ? (off_t)any(20000) : st->st_size) < 0)
			errno = 0;
	if (any(3) == 0) {
		char *m = mmap(NULL, 2 * PG, RW, MAP_SHARED, fd, (off_t)(any(4) * PG));
		if (m != MAP_FAILED) {
			store(m + any(2 * PG), 1);
			load(m + any(2 * PG));
			msync(m, 2 * PG, any(2) ? MS_SYNC : MS_ASYNC);
			munmap(m, 2 * PG);
		}
	}
	if (any(4) == 0 && ftruncate(fd, any(2) ? (off_t)any(70000) : (off_t)any(1ul << 33)) < 0)
		errno = 0;
	if (any(8) == 0)
		fsync(fd);
	close(fd);
}

static void walk(const char *path, int deep);

static void use(const char *path, int deep)
{
	char other[900];
	struct stat st;

	if (lstat(path, &st) < 0 || ++entries > ENTRIES)
		return;
	snprintf(other, sizeof(other), "%s.%u", path, (unsigned)any(10));
	if (S_ISDIR(st.st_mode) && deep < DEEPEST)
		walk(path, deep + 1);
	else if (S_ISREG(st.st_mode))
		use_file(path, &st);
	else if (S_ISLNK(st.st_mode) && readlink(path, other, sizeof(other) - 1) < 0)
		errno = 0;
	switch (any(14)) {
	case 0:
		rename(path, other);
		break;
	case 1:
		if (link(path, other) < 0)
			errno = 0;
		break;
	case 2:
		unlink(path);
		break;
	case 3:
		rmdir(path);
		break;
	case 4:
		chmod(path, 0700);
		break;
	case 5:
		if (symlink("some where else", other) < 0)
			errno = 0;
		break;
	case 6:
		mkdir(other, 0755);
		break;
	case 7:
		close(open(other, O_CREAT | O_EXCL | O_WRONLY, 0644));
		break;
	case 8:
		if (chown(path, 5, 6) < 0)
			errno = 0;
		break;
	}
}

static void walk(const char *path, int deep)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)) && entries < ENTRIES) {
		char name[800];
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    strlen(path) + strlen(e->d_name) < 500) {
			snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
			use(name, deep);
		}
	}
	closedir(d);
}

/* Mounts, uses and unmounts; exit status 1: it was not mounted. */
static void visit(void)
{
	if (mount(device, "m", "ext2", 0, NULL) < 0)
		_exit(1);
	walk("m", 0);
	use("m/new", 0);
	close(open("m/fresh", O_CREAT | O_RDWR, 0644));
	use("m/fresh", 0);
	if (any(4) == 0)
		sync();
	SYS(umount("m"));
	_exit(0);
}

static bool see_it_end(pid_t pid)
{
	time_t begin = time(NULL);
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (time(NULL) - begin > PATIENCE)
			FAIL("round has not ended after %d s", PATIENCE);
		usleep(500);
	}
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

static void read_pristine(const char *path)
{
	int fd = (int)SYS(open(path, O_RDONLY));

	pristine = malloc(MOST);
	damaged = malloc(MOST);
	CHECK(pristine && damaged);
	while (size < MOST) {
		long n = SYS(read(fd, pristine + size, MOST - size));
		if (n == 0)
			break;
		size += (size_t)n;
	}
	CHECK(size > 8192 && pristine[1024 + 56] == 0x53 && pristine[1024 + 57] == 0xef);
	find_used_end();
	SYS(close(fd));
}

int main(int argc, char **argv)
{
	unsigned long rounds, seed, mounted = 0;

	argc = test_begin("ext2fuzz", argc, argv);
	if (argc < 3)
		FAIL("usage: ext2fuzz PRISTINE DEVICE [ROUNDS [SEED]]");
	device = argv[2];
	rounds = argc > 3 ? strtoul(argv[3], NULL, 0) : 100;
	seed = argc > 4 ? strtoul(argv[4], NULL, 0) : 1;
	read_pristine(argv[1]);
	SYS(mkdir("m", 0755));
	for (unsigned long i = 0; i < rounds; i++) {
		int fd = (int)SYS(open(device, O_WRONLY));
		damage(seed + i);
		EQ(SYS(pwrite(fd, damaged, size, 0)), size);
		SYS(close(fd));
		pid_t pid = test_fork();
		if (pid == 0)
			visit();
		mounted += see_it_end(pid);
	}
	printf("ext2fuzz: %lu of %lu damaged images were mounted and used\n", mounted, rounds);
	return 0;
}
