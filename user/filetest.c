/* SPDX-License-Identifier: ISC */
/*
 * filetest: files and directories as POSIX has them: open's flags, offsets, append, truncation and zero
 * tails, holes, links, rename, unlinked files, directories and their listing, symbolic links, times, modes,
 * and their errors.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <time.h>

#include "include/testlib.h"

static struct stat look(const char *name)
{
	struct stat st;

	SYS(lstat(name, &st));
	return st;
}

static void touch(const char *name)
{
	SYS(close((int)SYS(open(name, O_WRONLY | O_CREAT, 0666))));
}

static void open_flags(void)
{
	int fd;
	char c;

	ERR(open("f", O_RDONLY), ENOENT);
	fd = (int)SYS(open("f", O_WRONLY | O_CREAT | O_EXCL, 0640));
	EQ(SYS(write(fd, "hello", 5)), 5);
	ERR(read(fd, &c, 1), EBADF);
	SYS(close(fd));
	ERR(close(fd), EBADF);
	ERR(open("f", O_WRONLY | O_CREAT | O_EXCL, 0640), EEXIST);
	EQ(look("f").st_size, 5);
	EQ(look("f").st_mode, S_IFREG | 0640);
	fd = (int)SYS(open("f", O_RDONLY | O_CREAT, 0600)); /* there already: opened as it is */
	EQ(look("f").st_mode, S_IFREG | 0640);
	ERR(write(fd, "x", 1), EBADF);
	EQ(SYS(fcntl(fd, F_GETFL)) & O_ACCMODE, O_RDONLY);
	SYS(close(fd));
	fd = (int)SYS(open("f", O_RDWR | O_TRUNC));
	EQ(look("f").st_size, 0);
	EQ(SYS(read(fd, &c, 1)), 0);
	SYS(close(fd));
	ERR(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	ERR(open("f/g", O_RDONLY), ENOTDIR);
	ERR(open("f/g", O_WRONLY | O_CREAT, 0666), ENOTDIR);
	ERR(open("none/g", O_WRONLY | O_CREAT, 0666), ENOENT);
	ERR(open(".", O_WRONLY), EISDIR);
	ERR(open(".", O_RDWR | O_CREAT, 0666), EISDIR);
	ERR(open("", O_RDONLY), ENOENT);
	fd = (int)SYS(open("f", O_RDONLY | O_CLOEXEC));
	EQ(SYS(fcntl(fd, F_GETFD)), FD_CLOEXEC);
	SYS(fcntl(fd, F_SETFD, 0));
	EQ(SYS(fcntl(fd, F_GETFD)), 0);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void offsets(void)
{
	int fd = make_file("f", 10000, 1), fd2, fd3;
	char buf[100];
	pid_t pid;

	EQ(SYS(lseek(fd, 0, SEEK_CUR)), 10000);
	EQ(SYS(lseek(fd, 50, SEEK_SET)), 50);
	EQ(SYS(read(fd, buf, 100)), 100);
	SAME(buf, 100, 50, 1);
	EQ(SYS(lseek(fd, -10, SEEK_CUR)), 140);
	EQ(SYS(lseek(fd, -100, SEEK_END)), 9900);
	EQ(SYS(pread(fd, buf, 100, 7)), 100); /* leaves the offset alone */
	SAME(buf, 100, 7, 1);
	EQ(SYS(lseek(fd, 0, SEEK_CUR)), 9900);
	EQ(SYS(pread(fd, buf, 100, 9950)), 50); /* short at the end */
	EQ(SYS(pread(fd, buf, 100, 20000)), 0);
	fd2 = (int)SYS(dup(fd)); /* shares the offset; another open does not */
	fd3 = (int)SYS(open("f", O_RDONLY));
	SYS(lseek(fd, 33, SEEK_SET));
	EQ(SYS(lseek(fd2, 0, SEEK_CUR)), 33);
	EQ(SYS(lseek(fd3, 0, SEEK_CUR)), 0);
	pid = test_fork();
	if (pid == 0) { /* a child shares it too */
		EQ(SYS(read(fd, buf, 10)), 10);
		_exit(0);
	}
	EXITED(pid, 0);
	EQ(SYS(lseek(fd2, 0, SEEK_CUR)), 43);
	ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	ERR(lseek(fd, -10001, SEEK_END), EINVAL);
	ERR(lseek(fd, 0, 77), EINVAL);
	EQ(SYS(lseek(fd, 0, SEEK_CUR)), 43);
	SYS(close(fd2));
	SYS(close(fd3));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void append(void)
{
	int fd = (int)SYS(open("f", O_RDWR | O_CREAT | O_APPEND, 0666)),
	    fd2 = (int)SYS(open("f", O_RDWR | O_APPEND));
	char buf[20];
	pid_t pid[4];

	EQ(SYS(write(fd, "one", 3)), 3);
	EQ(SYS(write(fd2, "two", 3)), 3);
	SYS(lseek(fd, 0, SEEK_SET));
	EQ(SYS(write(fd, "three", 5)), 5);
	EQ(SYS(lseek(fd, 0, SEEK_CUR)), 11);
	EQ(SYS(pread(fd, buf, 20, 0)), 11);
	EQ(memcmp(buf, "onetwothree", 11), 0);
	SYS(close(fd2));
	SYS(ftruncate(fd, 0));
	for (int i = 0; i < 4; i++) { /* appends of several processes do not overwrite each other */
		pid[i] = test_fork();
		if (pid[i] == 0) {
			int mine = (int)SYS(open("f", O_WRONLY | O_APPEND));

			memset(buf, 'a' + i, 10);
			for (int k = 0; k < 100; k++)
				EQ(SYS(write(mine, buf, 10)), 10);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		EXITED(pid[i], 0);
	EQ(look("f").st_size, 4000);
	for (int i = 0; i < 400; i++) {
		EQ(SYS(pread(fd, buf, 10, i * 10)), 10);
		ALL(buf, 10, buf[0]);
	}
	SYS(close(fd));
	SYS(unlink("f"));
}

static void truncation(void)
{
	static char buf[4 * PG];
	int fd = make_file("f", 3 * PG, 2);

	SYS(ftruncate(fd, PG + 10)); /* cut, and grown again: zeros, not the old bytes */
	EQ(look("f").st_size, PG + 10);
	SYS(ftruncate(fd, 3 * PG));
	EQ(SYS(pread(fd, buf, sizeof(buf), 0)), 3 * PG);
	SAME(buf, PG + 10, 0, 2);
	ALL(buf + PG + 10, 2 * PG - 10, 0);
	fill(buf, 100, 0, 3);
	SYS(ftruncate(fd, 5));
	EQ(SYS(pwrite(fd, buf, 100, 2 * PG + 50)), 100); /* a write beyond the end */
	EQ(look("f").st_size, 2 * PG + 150);
	EQ(SYS(pread(fd, buf, sizeof(buf), 0)), 2 * PG + 150);
	SAME(buf, 5, 0, 2);
	ALL(buf + 5, 2 * PG + 45, 0);
	SAME(buf + 2 * PG + 50, 100, 0, 3);
	SYS(truncate("f", 1));
	EQ(look("f").st_size, 1);
	SYS(truncate("f", 0));
	EQ(look("f").st_blocks, 0);
	ERR(ftruncate(fd, -1), EINVAL);
	ERR(truncate("none", 1), ENOENT);
	ERR(truncate(".", 1), EISDIR);
	SYS(close(fd));
	fd = (int)SYS(open("f", O_RDONLY));
	ERR(ftruncate(fd, 1), EINVAL);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void sparse(void)
{
	int fd = make_file("f", 0, 0);
	static const unsigned long at[] = { 0,	      11 * PG,	    12 * PG + 5, 1035 * PG, 1036 * PG + 1,
					    70 * MIB, 200 * MIB + 3 };
	struct stat st;
	char buf[64];

	for (int i = 6; i >= 0; i--) { /* direct, indirect and double-indirect blocks */
		fill(buf, 64, at[i], 4);
		EQ(SYS(pwrite(fd, buf, 64, (off_t)at[i])), 64);
	}
	SYS(fsync(fd));
	SYS(fstat(fd, &st));
	EQ(st.st_size, 200 * MIB + 67);
	CHECK(st.st_blocks * 512ll < 4 * (long)MIB && st.st_blocks > 0);
	for (int i = 0; i < 7; i++) {
		EQ(SYS(pread(fd, buf, 64, (off_t)at[i])), 64);
		SAME(buf, 64, at[i], 4);
		EQ(SYS(pread(fd, buf, 64, (off_t)(at[i] + 64))), i < 6 ? 64 : 0);
		if (i < 6)
			ALL(buf, 64, 0);
	}
	SYS(ftruncate(fd, 12 * PG + 70));
	SYS(fsync(fd));
	SYS(fstat(fd, &st));
	CHECK(st.st_blocks * 512ll < (long)MIB);
	EQ(SYS(pread(fd, buf, 64, 12 * PG + 5)), 64);
	SAME(buf, 64, 12 * PG + 5, 4);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void odd_sizes(void)
{
	static unsigned char buf[70000];
	int fd = make_file("f", 0, 0);
	unsigned long total = 0;

	for (unsigned long n = 1; n < 65536; n = n * 3 + 1) { /* writes of sizes that fit nothing */
		fill(buf, n, total, 5);
		EQ(SYS(write(fd, buf, n)), n);
		total += n;
	}
	SYS(lseek(fd, 0, SEEK_SET));
	for (unsigned long at = 0, n = 7; at < total; n = n * 5 % 8191 + 1) {
		long got = SYS(read(fd, buf, n));

		EQ(got, n < total - at ? n : total - at);
		SAME(buf, (unsigned long)got, at, 5);
		at += (unsigned long)got;
	}
	fill(buf, 5000, 3000, 6); /* overwriting in the middle */
	EQ(SYS(pwrite(fd, buf, 5000, 3000)), 5000);
	EQ(SYS(pread(fd, buf, 9000, 0)), 9000);
	SAME(buf, 3000, 0, 5);
	SAME(buf + 3000, 5000, 3000, 6);
	SAME(buf + 8000, 1000, 8000, 5);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void links(void)
{
	int fd = make_file("f", 100, 7);
	char buf[100];

	SYS(link("f", "g"));
	EQ(look("f").st_nlink, 2);
	EQ(look("f").st_ino, look("g").st_ino);
	ERR(link("f", "g"), EEXIST);
	ERR(link("none", "h"), ENOENT);
	ERR(link(".", "h"), EPERM);
	SYS(unlink("f"));
	EQ(look("g").st_nlink, 1);
	ERR(open("f", O_RDONLY), ENOENT);
	EQ(SYS(pread(fd, buf, 100, 0)), 100);
	SAME(buf, 100, 0, 7);
	SYS(unlink("g"));
	ERR(unlink("g"), ENOENT);
	SYS(close(fd));
}

static void unlinked_open(void)
{
	int fd = make_file("f", 3 * PG, 8), fd2;
	static char buf[3 * PG];
	struct stat st;

	SYS(unlink("f"));
	fd2 = make_file("f", 100, 9); /* the name is free again */
	SYS(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	EQ(st.st_size, 3 * PG);
	CHECK(st.st_ino != look("f").st_ino);
	EQ(SYS(pread(fd, buf, 3 * PG, 0)), 3 * PG);
	SAME(buf, 3 * PG, 0, 8);
	EQ(SYS(pwrite(fd, "x", 1, 5 * PG)), 1);
	SYS(ftruncate(fd, 10));
	SYS(fsync(fd));
	SYS(close(fd));
	EQ(SYS(pread(fd2, buf, 200, 0)), 100);
	SAME(buf, 100, 0, 9);
	SYS(close(fd2));
	SYS(unlink("f"));
}

static void renaming(void)
{
	int fd = make_file("a", 50, 10), fd2 = make_file("b", 60, 11);
	ino_t ino = look("a").st_ino;
	char buf[60];

	SYS(rename("a", "b")); /* replaces */
	ERR(lstat("a", &(struct stat){ 0 }), ENOENT);
	EQ(look("b").st_ino, ino);
	EQ(look("b").st_size, 50);
	EQ(SYS(pread(fd2, buf, 60, 0)), 60); /* the one replaced lives while open */
	SAME(buf, 60, 0, 11);
	SYS(close(fd2));
	SYS(rename("b", "b"));
	SYS(mkdir("d", 0777));
	SYS(mkdir("e", 0777));
	SYS(rename("b", "d/c"));
	EQ(look("d/c").st_ino, ino);
	ERR(rename("d/c", "e"), EISDIR);
	ERR(rename("e", "d/c"), ENOTDIR);
	ERR(rename("e", "d"), ENOTEMPTY);
	ERR(rename("none", "x"), ENOENT);
	ERR(rename("d", "d/sub"), EINVAL); /* into itself */
	SYS(rename("d", "e"));		   /* an empty directory may be replaced */
	EQ(look("e/c").st_ino, ino);
	ERR(lstat("d", &(struct stat){ 0 }), ENOENT);
	SYS(mkdir("d", 0777));
	SYS(rename("e", "d/e")); /* a directory moves: its .. follows */
	EQ(look("d/e/..").st_ino, look("d").st_ino);
	EQ(look("d").st_nlink, 3);
	SYS(rename("d/e/c", "c"));
	SYS(link("c", "c2"));
	SYS(rename("c", "c2")); /* two names of one file: nothing happens */
	EQ(look("c").st_nlink, 2);
	SYS(unlink("c"));
	SYS(unlink("c2"));
	SYS(rmdir("d/e"));
	SYS(rmdir("d"));
	SYS(close(fd));
}

static void directories(void)
{
	char path[PATH_MAX], path2[PATH_MAX];

	SYS(mkdir("d", 0755));
	EQ(look("d").st_mode, S_IFDIR | 0755);
	EQ(look("d").st_nlink, 2);
	ERR(mkdir("d", 0755), EEXIST);
	ERR(mkdir("none/d", 0755), ENOENT);
	SYS(mkdir("d/e", 0755));
	EQ(look("d").st_nlink, 3);
	ERR(rmdir("d"), ENOTEMPTY);
	touch("d/f");
	ERR(rmdir("d/f"), ENOTDIR);
	ERR(unlink("d/e"), EISDIR);
	CHECK(getcwd(path, sizeof(path)) != NULL);
	SYS(chdir("d/e"));
	CHECK(getcwd(path2, sizeof(path2)) != NULL);
	EQ(strncmp(path, path2, strlen(path)), 0);
	EQ(strcmp(path2 + strlen(path), "/d/e"), 0);
	ERR(chdir("../f"), ENOTDIR);
	ERR(chdir("none"), ENOENT);
	SYS(unlink("../f"));
	SYS(rmdir("../e")); /* where we are */
	ERR(open("x", O_WRONLY | O_CREAT, 0666), ENOENT);
	SYS(chdir(path));
	ERR(rmdir("d/."), EINVAL);
	ERR(rmdir("d/.."), ENOTEMPTY);
	SYS(rmdir("d"));
	ERR(rmdir("d"), ENOENT);
	EQ(look("/").st_ino, look("/..").st_ino);
}

static int list(const char *name, unsigned char *seen, int nseen)
{
	DIR *d = opendir(name);
	struct dirent *e;
	int n = 0, dots = 0;

	CHECK(d != NULL);
	memset(seen, 0, (size_t)nseen);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
			dots++;
		} else {
			int i = atoi(e->d_name + 1);

			CHECK(e->d_name[0] == 'n' && i >= 0 && i < nseen);
			CHECK(e->d_type == DT_REG || e->d_type == DT_UNKNOWN);
			EQ(seen[i]++, 0); /* each once */
			n++;
		}
	}
	EQ(dots, 2);
	SYS(closedir(d));
	return n;
}

static void listing(void)
{
	enum { N = 300 }; /* more than a block's worth */
	unsigned char seen[N];
	char name[200];
	DIR *d;

	SYS(mkdir("d", 0777));
	EQ(list("d", seen, N), 0);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "d/n%d.%.*s", i, i % 100,
			 "0123456789012345678901234567890123456789"
			 "012345678901234567890123456789012345678901234567890123456789");
		touch(name);
	}
	EQ(list("d", seen, N), N);
	for (int i = 0; i < N; i += 2) {
		snprintf(name, sizeof(name), "d/n%d.%.*s", i, i % 100,
			 "0123456789012345678901234567890123456789"
			 "012345678901234567890123456789012345678901234567890123456789");
		SYS(unlink(name));
	}
	EQ(list("d", seen, N), N / 2);
	for (int i = 0; i < N; i++)
		EQ(seen[i], i % 2);
	ERR(rmdir("d"), ENOTEMPTY);
	d = opendir("d"); /* everything removed while it is read */
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.') {
			snprintf(name, sizeof(name), "d/%.190s", e->d_name);
			SYS(unlink(name));
		}
	SYS(closedir(d));
	EQ(list("d", seen, N), 0);
	SYS(rmdir("d"));
	CHECK(opendir("d") == NULL && errno == ENOENT);
}

static void symbolic_links(void)
{
	char buf[200];
	int fd = make_file("f", 10, 12);

	SYS(close(fd));
	SYS(symlink("f", "s"));
	EQ(SYS(readlink("s", buf, sizeof(buf))), 1);
	EQ(buf[0], 'f');
	CHECK(S_ISLNK(look("s").st_mode));
	EQ(look("s").st_size, 1);
	SYS(close((int)SYS(open("s", O_RDONLY))));
	ERR(open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
	ERR(open("s", O_WRONLY | O_CREAT | O_EXCL, 0666), EEXIST);
	ERR(symlink("x", "s"), EEXIST);
	ERR(readlink("f", buf, sizeof(buf)), EINVAL);
	SYS(unlink("f"));
	ERR(open("s", O_RDONLY), ENOENT);			   /* dangling */
	SYS(close((int)SYS(open("s", O_WRONLY | O_CREAT, 0666)))); /* makes what it names */
	EQ(look("f").st_size, 0);
	SYS(unlink("f"));
	SYS(unlink("s"));
	SYS(symlink("t", "s"));
	SYS(symlink("s", "t"));
	ERR(open("s", O_RDONLY), ELOOP);
	ERR(stat("s/x", &(struct stat){ 0 }), ELOOP);
	SYS(unlink("s"));
	SYS(unlink("t"));
	SYS(mkdir("d", 0777));
	SYS(symlink("./d", "s"));
	touch("s/f");
	SYS(symlink("../d/./f", "d/up"));
	EQ(SYS(readlink("d/up", buf, 3)), 3); /* cut, no error */
	SYS(close((int)SYS(open("s/up", O_RDONLY))));
	SYS(unlink("s/up"));
	memset(buf, 'L', 150); /* longer than an inode holds by itself */
	buf[150] = 0;
	SYS(symlink(buf, "long"));
	memset(buf, 0, sizeof(buf));
	EQ(SYS(readlink("long", buf, sizeof(buf))), 150);
	ALL(buf, 150, 'L');
	SYS(unlink("long"));
	ERR(rmdir("s"), ENOTDIR);
	SYS(unlink("d/f"));
	SYS(unlink("s"));
	SYS(rmdir("d"));
}

static void names(void)
{
	char name[300], path[5000];

	memset(name, 'n', 256);
	name[256] = 0;
	ERR(open(name, O_WRONLY | O_CREAT, 0666), ENAMETOOLONG);
	name[255] = 0;
	touch(name);
	EQ(look(name).st_size, 0);
	SYS(unlink(name));
	memset(path, '/', sizeof(path));
	path[0] = '.';
	path[4999] = 0;
	ERR(open(path, O_RDONLY), ENAMETOOLONG);
	path[4000] = 0;
	SYS(close((int)SYS(open(path, O_RDONLY)))); /* slashes are one slash */
	touch("with \n\"odd\xff\x01 bytes");
	SYS(unlink("with \n\"odd\xff\x01 bytes"));
	SYS(mkdir("d/", 0777));
	SYS(rmdir("d/"));
	ERR(open("x/", O_WRONLY | O_CREAT, 0666), EISDIR);
	touch("x");
	ERR(open("x/", O_RDONLY), ENOTDIR);
	SYS(unlink("x"));
}

static void modes_and_times(void)
{
	int fd = make_file("f", 10, 13);
	struct timespec ts[2] = { { 1000000000, 0 }, { 1100000000, 0 } }, now;
	struct stat st;

	SYS(fchmod(fd, 0604));
	EQ(look("f").st_mode, S_IFREG | 0604);
	SYS(chmod("f", 0751));
	EQ(look("f").st_mode, S_IFREG | 0751);
	SYS(umask(027));
	touch("g");
	EQ(look("g").st_mode, S_IFREG | 0640);
	EQ(SYS(umask(022)), 027);
	SYS(unlink("g"));
	EQ(look("f").st_uid, geteuid());
	SYS(utimensat(AT_FDCWD, "f", ts, 0));
	st = look("f");
	EQ(st.st_atim.tv_sec, 1000000000);
	EQ(st.st_mtim.tv_sec, 1100000000);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	SYS(utimensat(AT_FDCWD, "f", ts, 0));
	SYS(clock_gettime(CLOCK_REALTIME, &now));
	st = look("f");
	EQ(st.st_atim.tv_sec, 1000000000);
	CHECK(st.st_mtim.tv_sec >= now.tv_sec - 2 && st.st_mtim.tv_sec <= now.tv_sec);
	ts[1].tv_sec = 5;
	ts[1].tv_nsec = 0;
	SYS(futimens(fd, ts));
	EQ(look("f").st_mtim.tv_sec, 5);
	EQ(SYS(write(fd, "x", 1)), 1); /* a write sets it */
	CHECK(look("f").st_mtim.tv_sec >= now.tv_sec - 2);
	SYS(access("f", R_OK | W_OK));
	SYS(access("f", F_OK));
	ERR(access("none", F_OK), ENOENT);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void at_calls(void)
{
	int d;
	struct stat st;

	SYS(mkdir("d", 0777));
	d = (int)SYS(open("d", O_RDONLY | O_DIRECTORY));
	SYS(close((int)SYS(openat(d, "f", O_WRONLY | O_CREAT, 0666))));
	SYS(fstatat(d, "f", &st, 0));
	CHECK(S_ISREG(st.st_mode));
	EQ(look("d/f").st_ino, st.st_ino);
	SYS(mkdirat(d, "e", 0777));
	SYS(linkat(d, "f", AT_FDCWD, "g", 0));
	SYS(renameat(AT_FDCWD, "g", d, "h"));
	EQ(look("d/h").st_nlink, 2);
	SYS(unlinkat(d, "e", AT_REMOVEDIR));
	ERR(unlinkat(d, "f", AT_REMOVEDIR), ENOTDIR);
	SYS(unlinkat(d, "f", 0));
	SYS(unlinkat(d, "h", 0));
	ERR(openat(999, "f", O_RDONLY), EBADF);
	SYS(fchdir(d));
	touch("here");
	SYS(unlink("here"));
	SYS(chdir(".."));
	SYS(close(d));
	d = (int)SYS(open("f", O_RDWR | O_CREAT, 0666));
	ERR(openat(d, "x", O_RDONLY), ENOTDIR);
	ERR(fchdir(d), ENOTDIR);
	SYS(close(d));
	SYS(unlink("f"));
	SYS(rmdir("d"));
}

static void devices(void)
{
	int null = (int)SYS(open("/dev/null", O_RDWR)), zero = (int)SYS(open("/dev/zero", O_RDWR));
	char buf[100];

	EQ(SYS(write(null, "x", 1)), 1);
	EQ(SYS(read(null, buf, 1)), 0);
	memset(buf, 1, sizeof(buf));
	EQ(SYS(read(zero, buf, sizeof(buf))), sizeof(buf));
	ALL(buf, sizeof(buf), 0);
	SYS(close(null));
	SYS(close(zero));
	null = (int)SYS(open("/dev/full", O_RDWR));
	ERR(write(null, "x", 1), ENOSPC);
	SYS(close(null));
	null = (int)SYS(open("/dev/urandom", O_RDONLY));
	EQ(SYS(read(null, buf, 64)), 64);
	EQ(SYS(read(null, buf + 32, 64)), 64);
	CHECK(memcmp(buf, buf + 32, 32) != 0);
	SYS(close(null));
}

static void many_files(void)
{
	enum { N = 64 };
	int fd[N];
	char name[20];

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		fd[i] = make_file(name, 100 + (unsigned)i * 64, (unsigned)i);
	}
	for (int i = 0; i < N; i++) {
		char buf[5000];

		EQ(SYS(pread(fd[i], buf, sizeof(buf), 0)), 100 + i * 64);
		SAME(buf, 100 + (unsigned)i * 64, 0, (unsigned)i);
	}
	for (int i = N - 1; i >= 0; i--) {
		snprintf(name, sizeof(name), "f%d", i);
		SYS(unlink(name));
		SYS(close(fd[i]));
	}
}

static const struct test tests[] = {
	{ "open flags", open_flags },
	{ "offsets", offsets },
	{ "append", append },
	{ "truncation", truncation },
	{ "sparse", sparse },
	{ "odd sizes", odd_sizes },
	{ "links", links },
	{ "unlinked but open", unlinked_open },
	{ "rename", renaming },
	{ "directories", directories },
	{ "listing", listing },
	{ "symbolic links", symbolic_links },
	{ "names", names },
	{ "modes and times", modes_and_times },
	{ "calls relative to a directory", at_calls },
	{ "devices", devices },
	{ "many files", many_files },
};

int main(int argc, char **argv)
{
	umask(022);
	return test_main("filetest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
