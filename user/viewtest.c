/* SPDX-License-Identifier: ISC */
/* viewtest: what /proc/self tells of memory: smaps, statm, status, pagemap, clear_refs. */
#define _GNU_SOURCE
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "include/testlib.h"

#define PRESENT	  (1ull << 63)
#define FILE_PAGE (1ull << 61)

/* The number behind `name:` in a file of lines; behind the line of the mapping that begins at p, unless that is NULL. -1: none. */
static long number_in(const char *path, const char *name, const char *p)
{
	unsigned long start, n = strlen(name);
	FILE *f = fopen(path, "r");
	int here = p == NULL;
	char line[512];
	long found = -1;

	CHECK(f != NULL);
	while (found < 0 && fgets(line, sizeof(line), f)) {
		if (here && strncmp(line, name, n) == 0 && line[n] == ':')
			found = strtol(line + n + 1, NULL, 10);
		else if (p && strchr("0123456789abcdef", line[0]) && sscanf(line, "%lx-", &start) == 1)
			here = start == (unsigned long)(uintptr_t)p;
	}
	fclose(f);
	return found;
}

static long smaps(const char *p, const char *name)
{
	return number_in("/proc/self/smaps", name, p);
}

static void clear_refs(const char *what)
{
	int fd = (int)SYS(open("/proc/self/clear_refs", O_WRONLY));

	EQ(SYS(write(fd, what, 1)), 1);
	SYS(close(fd));
}

static uint64_t pagemap(const char *p)
{
	int fd = (int)SYS(open("/proc/self/pagemap", O_RDONLY));
	uint64_t e;

	EQ(SYS(pread(fd, &e, sizeof(e), (off_t)((uintptr_t)p / PG * sizeof(e)))), sizeof(e));
	SYS(close(fd));
	return e;
}

/* A mapping that joins no neighbour. */
static char *lone(unsigned long nbytes)
{
	char *p = (char *)SYS(mmap(NULL, nbytes + 2 * PG, PROT_NONE, ANON, -1, 0));

	SYS(mprotect(p + PG, nbytes, RW));
	return p + PG;
}

static void anonymous(void)
{
	char *p = lone(16 * PG);
	pid_t pid;

	EQ(smaps(p, "Size"), 64);
	EQ(smaps(p, "Rss"), 0);
	fill(p, 10 * PG, 0, 1);
	EQ(smaps(p, "Rss"), 40);
	EQ(smaps(p, "Pss"), 40);
	EQ(smaps(p, "Private_Dirty"), 40);
	EQ(smaps(p, "Anonymous"), 40);
	EQ(smaps(p, "Referenced"), 40);
	pid = test_fork();
	if (pid == 0) {
		EQ(smaps(p, "Rss"), 40);
		EQ(smaps(p, "Pss"), 20);
		EQ(smaps(p, "Shared_Dirty"), 40);
		fill(p, 4 * PG, 0, 2);
		EQ(smaps(p, "Private_Dirty"), 16);
		EQ(smaps(p, "Shared_Dirty"), 24);
		_exit(0);
	}
	EXITED(pid, 0);
	EQ(smaps(p, "Private_Dirty"), 40);
	SYS(madvise(p, 2 * PG, MADV_DONTNEED));
	EQ(smaps(p, "Rss"), 32);
	SYS(munmap(p - PG, 18 * PG));
}

static void references(void)
{
	char *p = lone(16 * PG);

	fill(p, 16 * PG, 0, 3);
	clear_refs("1");
	EQ(smaps(p, "Referenced"), 0);
	EQ(smaps(p, "Rss"), 64);
	SYS(mprotect(p, 16 * PG, PROT_READ)); /* as Linux leaves old entries in the TLB */
	SYS(mprotect(p, 16 * PG, RW));
	for (int i = 0; i < 3; i++)
		NOFAULT(load(p + i * PG));
	EQ(smaps(p, "Referenced"), 12);
	clear_refs("3"); /* files only */
	EQ(smaps(p, "Referenced"), 12);
	clear_refs("2");
	EQ(smaps(p, "Referenced"), 0);
	SYS(munmap(p - PG, 18 * PG));
}

/* The pages of a file's mappings, too, and asking for them does not count as use. */
static void references_to_a_file(void)
{
	int fd = make_file("f", 8 * PG, 4);
	char *p = (char *)SYS(mmap(NULL, 8 * PG, RW, MAP_SHARED, fd, 0));

	SYS(fsync(fd));
	SAME(p, 8 * PG, 0, 4);
	EQ(smaps(p, "Referenced"), 32);
	clear_refs("2"); /* all but files */
	EQ(smaps(p, "Referenced"), 32);
	clear_refs("3");
	EQ(smaps(p, "Rss"), 32);
	EQ(smaps(p, "Referenced"), 0);
	SYS(mprotect(p, 8 * PG, PROT_NONE)); /* empties Linux's TLB, as above */
	SYS(mprotect(p, 8 * PG, RW));
	NOFAULT(load(p + PG));
	EQ(smaps(p, "Referenced"), 4);
	clear_refs("1");
	EQ(smaps(p, "Referenced"), 0);
	SYS(munmap(p, 8 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

/* What lies in swap belongs in parts to all who have it, also before one of them touches it. Without swap nothing goes there. */
static void swapped(void)
{
	char *p = lone(16 * PG);

	fill(p, 16 * PG, 0, 7);
	SYS(madvise(p, 16 * PG, MADV_PAGEOUT));
	for (int i = 0; i < 300 && smaps(p, "Swap") < 64; i++)
		usleep(10000);
	if (smaps(p, "Swap") == 64) {
		pid_t pid;

		EQ(smaps(p, "SwapPss"), 64);
		pid = test_fork();
		if (pid == 0) {
			EQ(smaps(p, "Swap"), 64);
			EQ(smaps(p, "SwapPss"), 32);
			_exit(0);
		}
		EXITED(pid, 0);
		EQ(smaps(p, "SwapPss"), 64);
	}
	SAME(p, 16 * PG, 0, 7);
	SYS(munmap(p - PG, 18 * PG));
}

static void most_resident(void)
{
	char *p = map_anon(2 * MIB);
	long before;

	fill(p, 2 * MIB, 0, 6);
	SYS(munmap(p, 2 * MIB));
	before = number_in("/proc/self/status", "VmHWM", NULL);
	clear_refs("5");
	CHECK(number_in("/proc/self/status", "VmHWM", NULL) <= before - 1024);
}

static void of_a_file(void)
{
	int fd = make_file("f", 8 * PG, 4);
	char *p = lone(8 * PG);

	SYS(mmap(p, 8 * PG, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	for (int i = 0; i < 8; i++)
		NOFAULT(load(p + i * PG));
	EQ(smaps(p, "Rss"), 32);
	EQ(smaps(p, "Anonymous"), 0);
	p[0] = 1;
	EQ(smaps(p, "Anonymous"), 4);
	CHECK(pagemap(p + PG) & FILE_PAGE);
	CHECK(!(pagemap(p) & FILE_PAGE));
	SYS(munmap(p - PG, 10 * PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void page_map(void)
{
	int fd = (int)SYS(open("/proc/self/pagemap", O_RDONLY));
	uint64_t e[8];
	char *p = lone(8 * PG);

	EQ(pagemap(p), 0);
	p[PG] = 1;
	EQ(SYS(pread(fd, e, sizeof(e), (off_t)((uintptr_t)p / PG * 8))), sizeof(e));
	for (int i = 0; i < 8; i++)
		EQ(e[i] >> 63, i == 1);
	SYS(madvise(p, 8 * PG, MADV_DONTNEED));
	EQ(pagemap(p + PG), 0);
	ERR(pread(fd, e, 7, 0), EINVAL);
	ERR(pread(fd, e, 8, 4), EINVAL);
	SYS(munmap(p - PG, 10 * PG));
	EQ(pagemap(p), 0);
	SYS(close(fd));
}

static void statm(long *size, long *resident)
{
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f != NULL);
	EQ(fscanf(f, "%ld %ld", size, resident), 2);
	fclose(f);
}

static void sums(void)
{
	long size, resident, size2, resident2, data = number_in("/proc/self/status", "VmData", NULL);
	char *p;

	statm(&size, &resident);
	p = map_anon(1000 * PG);
	fill(p, 800 * PG, 0, 5);
	statm(&size2, &resident2);
	EQ(size2 - size, 1000);
	/* Linux counts in batches of some 32 pages a hart. */
	CHECK(resident2 - resident >= 600 && resident2 - resident <= 1000);
	EQ(number_in("/proc/self/status", "VmData", NULL) - data, 4000);
	SYS(mlock(p, 10 * PG));
	EQ(number_in("/proc/self/status", "VmLck", NULL), 40);
	SYS(munmap(p, 1000 * PG));
	EQ(number_in("/proc/self/status", "VmLck", NULL), 0);
}

/* ---- names ---- */

/* The last column of the line of the mapping that begins at p; the numbers there are those of `st`, if that is not NULL. */
static char *shown(const char *p, const struct stat *st)
{
	unsigned long start, major, minor, ino;
	FILE *f = fopen("/proc/self/maps", "r");
	static char line[512];
	int at;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		EQ(sscanf(line, "%lx-%*x %*s %*x %lx:%lx %lu %n", &start, &major, &minor, &ino, &at), 4);
		if (start != (unsigned long)(uintptr_t)p)
			continue;
		fclose(f);
		if (st) {
			EQ(ino, st->st_ino);
			EQ(makedev(major, minor), st->st_dev);
		}
		return line + at;
	}
	test_fail(__FILE__, __LINE__, "no mapping begins at %p", (void *)p);
}

#define SHOWN(p, st, ...)                                    \
	do {                                                 \
		char want_[512];                             \
		snprintf(want_, sizeof(want_), __VA_ARGS__); \
		TEXT(shown(p, st), want_);                   \
	} while (0)

static void text_is(const char *seen, const char *want, const char *file, int line)
{
	if (strcmp(seen, want) != 0)
		test_fail(file, line, "expected \"%s\", seen \"%s\"", want, seen);
}
#define TEXT(seen, want) text_is(seen, want, __FILE__, __LINE__)

/* What a link in /proc/self says. */
static char *link_of(const char *name, int fd)
{
	static char text[512];
	char path[64];

	snprintf(path, sizeof(path), name, fd);
	text[SYS(readlink(path, text, sizeof(text) - 1))] = '\0';
	return text;
}

static char here[256];

static void names_of_files(void)
{
	char want[512];
	struct stat st;
	char *p, *q;
	int fd;

	CHECK(getcwd(here, sizeof(here)) != NULL);
	SYS(mkdir("d", 0700));
	fd = make_file("d/f", 2 * PG, 6);
	SYS(fstat(fd, &st));
	p = (char *)SYS(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, PG));
	q = (char *)SYS(mmap(NULL, PG, RW, MAP_PRIVATE, fd, 0));
	SHOWN(p, &st, "%s/d/f", here);
	SYS(rename("d/f", "d/g"));
	SHOWN(p, &st, "%s/d/g", here);
	SYS(unlink("d/g"));
	SHOWN(p, &st, "%s/d/g (deleted)", here);
	snprintf(want, sizeof(want), "%s/d/g (deleted)", here);
	TEXT(link_of("/proc/self/fd/%d", fd), want);
	SYS(close(fd)); /* now the mappings alone keep it */
	SHOWN(p, &st, "%s/d/g (deleted)", here);
	SYS(rename("d", "e"));
	SHOWN(q, &st, "%s/e/g (deleted)", here);
	SYS(rmdir("e"));
	SHOWN(q, &st, "%s/e/g (deleted)", here);
	SAME(q, PG, 0, 6);
	SYS(munmap(p, PG));
	SYS(munmap(q, PG));

	fd = make_file("line\nblank f", PG, 7); /* replaced by a rename */
	p = (char *)SYS(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0));
	SYS(close(fd));
	SHOWN(p, NULL, "%s/line\\012blank f", here);
	SYS(close(make_file("f", PG, 8)));
	SYS(rename("f", "line\nblank f"));
	SHOWN(p, NULL, "%s/line\\012blank f (deleted)", here);
	SYS(unlink("line\nblank f"));
	SYS(munmap(p, PG));
}

static void names_of_unnamed(void)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600), id;
	char want[512];
	struct stat st;
	char *p;

	if (fd >= 0) {
		SYS(ftruncate(fd, PG));
		SYS(fstat(fd, &st));
		p = (char *)SYS(mmap(NULL, PG, RW, MAP_SHARED, fd, 0));
		snprintf(want, sizeof(want), "%s/#%lu (deleted)", here, (unsigned long)st.st_ino);
		TEXT(link_of("/proc/self/fd/%d", fd), want);
		SYS(close(fd));
		SHOWN(p, &st, "%s/#%lu (deleted)", here, (unsigned long)st.st_ino);
		SYS(munmap(p, PG));
	}
	fd = (int)SYS(memfd_create("some name", 0));
	TEXT(link_of("/proc/self/fd/%d", fd), "/memfd:some name (deleted)");
	SYS(ftruncate(fd, 3 * PG));
	SYS(fstat(fd, &st));
	p = (char *)SYS(mmap(NULL, 3 * PG, RW, MAP_SHARED, fd, 0));
	SYS(close(fd));
	fill(p, 3 * PG, 0, 9);
	SYS(munmap(p + PG, PG));
	SHOWN(p, &st, "/memfd:some name (deleted)");
	SHOWN(p + 2 * PG, &st, "/memfd:some name (deleted)");
	SAME(p + 2 * PG, PG, 2 * PG, 9);
	SYS(munmap(p, 3 * PG));

	memset(want, 'n', 249);
	want[249] = '\0';
	fd = (int)SYS(memfd_create(want, 0)); /* the longest */
	EQ(strlen(link_of("/proc/self/fd/%d", fd)), strlen("/memfd:") + 249 + strlen(" (deleted)"));
	SYS(close(fd));
	want[249] = 'n';
	want[250] = '\0';
	ERR(memfd_create(want, 0), EINVAL);

	id = (int)SYS(shmget(0x5e60123, PG, IPC_CREAT | 0600));
	p = (char *)SYS(shmat(id, NULL, 0));
	SYS(shmctl(id, IPC_RMID, NULL));
	CHECK(strncmp(shown(p, NULL), "/SYSV", 5) == 0 && strcmp(shown(p, NULL) + 13, " (deleted)") == 0);
	SYS(shmdt(p));
}

static void names_of_zeros(void)
{
	int fd = (int)SYS(open("/dev/zero", O_RDWR));
	char *p = lone(6 * PG);

	SYS(mmap(p, 2 * PG, RW, MAP_PRIVATE | MAP_FIXED, fd, 0));
	SYS(mmap(p + 2 * PG, PG, RW, MAP_SHARED | MAP_FIXED, fd, 0));
	SYS(mmap(p + 3 * PG, PG, RW, MAP_PRIVATE | MAP_FIXED, fd, PG));
	SYS(mmap(p + 4 * PG, PG, RW, MAP_PRIVATE | MAP_FIXED, fd,
		 2 * PG)); /* goes on where the one before ends */
	SYS(close(fd));
	SHOWN(p, NULL, "/dev/zero");
	EQ(smaps(p, "Size"), 8); /* does not join its neighbours */
	SHOWN(p + 2 * PG, NULL, "/dev/zero (deleted)");
	SHOWN(p + 3 * PG, NULL, "/dev/zero");
	EQ(smaps(p + 3 * PG, "Size"), 8);
	SHOWN(p + 5 * PG, NULL, "%s", "");
	fill(p, 6 * PG, 0, 1);
	SHOWN(p, NULL, "/dev/zero");
	SYS(munmap(p - PG, 8 * PG));
	p = (char *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	SHOWN(p, NULL, "/dev/zero (deleted)");
	SYS(munmap(p, PG));
}

/* Links to what was removed. */
static void removed_places(void)
{
	pid_t pid = test_fork();
	char want[512], buf[512];

	if (pid == 0) {
		CHECK(getcwd(here, sizeof(here)) != NULL);
		SYS(mkdir("gone", 0700));
		SYS(chdir("gone"));
		SYS(rmdir("../gone"));
		snprintf(want, sizeof(want), "%s/gone (deleted)", here);
		TEXT(link_of("/proc/self/cwd%.0d", 0), want);
		EQ(syscall(SYS_getcwd, buf, sizeof(buf)), -1);
		EQ(errno, ENOENT);
		_exit(0);
	}
	EXITED(pid, 0);
}

static const struct test tests[] = {
	{ "anonymous memory", anonymous },
	{ "references", references },
	{ "references to a file", references_to_a_file },
	{ "swapped", swapped },
	{ "most resident", most_resident },
	{ "a file", of_a_file },
	{ "pagemap", page_map },
	{ "sums", sums },
	{ "names of files", names_of_files },
	{ "names of what has none", names_of_unnamed },
	{ "names of zeros", names_of_zeros },
	{ "removed places", removed_places },
};

TEST_MAIN("viewtest", tests)
