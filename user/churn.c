/* SPDX-License-Identifier: ISC */
/*
 * churn [-d DIR] ROUNDS [SEED [WORKERS [keep]]]: several processes change the same few files and directories at once, with everything that
 * changes them: writes, truncation, stores through mappings, syncs, links, renames, removal. Whoever comes late finds things
 * gone; no more is expected than errors that say so, zeros or some worker's bytes in the files, and, afterwards, a file system that
 * its checker finds clean.
 */
#define _GNU_SOURCE
#include "include/testlib.h"
#include <dirent.h>

#define NAMES	 12
#define MAX_SIZE (200 * 1024ul)

static uint64_t state;

static unsigned below(unsigned n)
{
	return (unsigned)(test_random(&state) >> 20) % n;
}

static const char *name(void)
{
	static char names[4][32];
	static unsigned next;
	char *s = names[next++ % 4];
	unsigned n = below(NAMES);

	if (n % 3)
		snprintf(s, 32, "d%u/f%u", n % 3, n);
	else
		snprintf(s, 32, "f%u", n);
	return s;
}

/* What another worker may have brought about; anything else is a failure. */
static void expect(long r)
{
	if (r == -1 && errno != ENOENT && errno != EEXIST && errno != ENOTDIR && errno != EISDIR &&
	    errno != ENOTEMPTY && errno != ENOSPC && errno != EPERM && errno != EINVAL && errno != EMLINK &&
	    errno != EBUSY && errno != ELOOP)
		FAIL("errno %d (%s)", errno, strerror(errno));
}

static jmp_buf beyond;

static void on_bus(int sig)
{
	(void)sig;
	longjmp(beyond, 1);
}

static void check(const unsigned char *b, long n)
{
	for (long i = 0; i < n; i++)
		if (b[i] && (b[i] < 'a' || b[i] > 'z'))
			FAIL("byte 0x%x, which nobody wrote", b[i]);
}

static void use_mapping(int fd, unsigned char letter)
{
	const volatile unsigned long npages = below(20) + 1;
	unsigned char *volatile p =
		mmap(NULL, npages * PG, RW, below(3) ? MAP_SHARED : MAP_PRIVATE, fd, (off_t)(below(20) * PG));

	if (p == MAP_FAILED)
		return;
	if (!setjmp(beyond))
		for (unsigned i = 0; i < 12; i++) {
			unsigned char *at = p + below((unsigned)(npages * PG));

			check(at, 1);
			*at = letter;
		}
	if (below(4) == 0)
		(void)msync(p, npages * PG, below(2) ? MS_SYNC : MS_ASYNC); /* a full disk says so here */
	SYS(munmap(p, npages * PG));
}

static void use_file(unsigned char letter)
{
	static unsigned char buf[5 * PG];
	int fd = open(name(), O_RDWR | (below(3) ? O_CREAT : 0) | (below(12) ? 0 : O_TRUNC), 0666);
	long n;

	expect(fd);
	if (fd < 0)
		return;
	memset(buf, letter, sizeof(buf));
	for (unsigned i = below(6) + 1; i > 0; i--) {
		off_t at = (off_t)below(MAX_SIZE);

		switch (below(8)) {
		case 0:
		case 1:
		case 2:
			expect(pwrite(fd, buf, below(sizeof(buf)) + 1, at));
			break;
		case 3:
			n = SYS(pread(fd, buf, sizeof(buf), at));
			check(buf, n);
			memset(buf, letter, sizeof(buf));
			break;
		case 4:
			expect(ftruncate(fd, at));
			break;
		case 5:
		case 6:
			use_mapping(fd, letter);
			break;
		default:
			if (below(6) == 0)
				(void)fsync(fd);
		}
	}
	SYS(close(fd));
}

static void use_names(void)
{
	DIR *d;

	switch (below(7)) {
	case 0:
		expect(unlink(name()));
		break;
	case 1:
		expect(rename(name(), name()));
		break;
	case 2:
		expect(link(name(), name()));
		break;
	case 3:
		expect(mkdir(name(), 0777));
		break;
	case 4:
		expect(rmdir(name()));
		break;
	case 5:
		expect(symlink(name(), name()));
		break;
	default:
		d = opendir(below(2) ? "." : "d1");
		while (d && readdir(d))
			;
		if (d)
			SYS(closedir(d));
	}
}

static void work(unsigned worker, unsigned rounds)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_bus;
	sa.sa_flags = SA_NODEFER;
	SYS(sigaction(SIGBUS, &sa, NULL));
	state += worker * 7919;
	for (unsigned i = 0; i < rounds; i++)
		if (below(3))
			use_file((unsigned char)('a' + worker));
		else
			use_names();
	_exit(0);
}

/* Directories may have become anything's names: what is there goes, whatever it is. */
static void clean(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[600];

	CHECK(d != NULL);
	while ((e = readdir(d))) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		SYS(lstat(path, &st));
		if (S_ISDIR(st.st_mode)) {
			clean(path);
			SYS(rmdir(path));
		} else {
			SYS(unlink(path));
		}
	}
	SYS(closedir(d));
}

int main(int argc, char **argv)
{
	unsigned rounds, workers;
	pid_t pids[26];

	argc = test_begin("churn", argc, argv);
	CHECK(argc > 1);
	rounds = (unsigned)atoi(argv[1]);
	state = argc > 2 ? (uint64_t)atoi(argv[2]) : 1;
	workers = argc > 3 ? (unsigned)atoi(argv[3]) : 6;
	CHECK(workers > 0 && workers <= 26);
	test_enter();
	SYS(mkdir("d1", 0777));
	SYS(mkdir("d2", 0777));
	for (unsigned i = 0; i < workers; i++) {
		pids[i] = test_fork();
		if (pids[i] == 0)
			work(i, rounds);
	}
	for (unsigned i = 0; i < workers; i++)
		EXITED(pids[i], 0);
	if (argc <= 4) {
		clean(".");
		test_leave();
	}
	printf("churn: %u rounds of %u workers\n", rounds, workers);
	return 0;
}
