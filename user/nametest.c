/* SPDX-License-Identifier: ISC */
/*
 * nametest: the calls on names that POSIX does not have, or leaves open: exchanging renames, files without a name,
 * descriptors that stand for a path, statx, times; and renames of directories in all their cases.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>

#include "include/testlib.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE	 2
#endif

static ino_t ino_of(const char *name)
{
	struct stat st;

	SYS(lstat(name, &st));
	return st.st_ino;
}

static int links(const char *name)
{
	struct stat st;

	SYS(lstat(name, &st));
	return (int)st.st_nlink;
}

static void put_file(const char *name, const char *text)
{
	int fd = (int)SYS(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	EQ(SYS(write(fd, text, strlen(text))), strlen(text));
	SYS(close(fd));
}

static void holds(const char *name, const char *text)
{
	char buf[64] = "";
	int fd = (int)SYS(open(name, O_RDONLY));

	EQ(SYS(read(fd, buf, sizeof(buf) - 1)), strlen(text));
	EQ(strcmp(buf, text), 0);
	SYS(close(fd));
}

static int swap(const char *a, const char *b)
{
	return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static void exchange(void)
{
	char cwd[4096], name[] = "a-name-that-is-longer-than-what-is-kept-in-place", *dir;
	ino_t a, b;

	put_file("a", "first");
	put_file("b", "second");
	a = ino_of("a");
	b = ino_of("b");
	SYS(swap("a", "b"));
	EQ(ino_of("a"), b);
	EQ(ino_of("b"), a);
	holds("a", "second");
	SYS(swap("a", "a"));
	ERR(swap("a", "none"), ENOENT);
	ERR(swap("none", "a"), ENOENT);
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 0x80), EINVAL);
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	SYS(renameat2(AT_FDCWD, "a", AT_FDCWD, name, RENAME_NOREPLACE));
	SYS(swap("b", name));
	EQ(ino_of("b"), b);

	/* a file and a directory, in different directories; where somebody is goes along */
	SYS(mkdir("d", 0777) | mkdir("d/e", 0777) | mkdir("d/e/f", 0777) | mkdir("g", 0777));
	put_file("g/x", "third");
	EQ(links("d"), 3);
	EQ(links("g"), 2);
	SYS(chdir("d/e/f"));
	SYS(swap("../../../g/x", "../../e"));
	CHECK(getcwd(cwd, sizeof(cwd)) && (dir = strstr(cwd, "/g/x/f")) && !dir[6]);
	SYS(chdir("../../.."));
	holds("d/e", "third");
	EQ(links("d"), 2);
	EQ(links("g"), 3);
	EQ(ino_of("g/x/.."), ino_of("g"));

	/* two directories */
	SYS(mkdir("d/h", 0777));
	SYS(swap("d/h", "g/x"));
	EQ(ino_of("d/h/.."), ino_of("d"));
	EQ(ino_of("g/x/.."), ino_of("g"));
	SYS(rmdir("d/h/f"));
	ERR(swap("d", "d/h"), EINVAL); /* not with what lies in it */
	ERR(swap("d/h", "d"), EINVAL);
	SYS(symlink("nowhere", "l"));
	SYS(swap("l", "b")); /* links are not followed */
	struct stat st;
	SYS(lstat("b", &st));
	CHECK(S_ISLNK(st.st_mode));
	SYS(unlink("l") | unlink("b") | unlink(name) | unlink("d/e") | rmdir("d/h") | rmdir("g/x") |
	    rmdir("d") | rmdir("g"));
}

static void renames(void)
{
	SYS(mkdir("a", 0777) | mkdir("a/b", 0777) | mkdir("c", 0777));
	put_file("f", "f");
	ERR(rename("a", "a/b/x"), EINVAL);
	ERR(rename("a/b", "a"), ENOTEMPTY);
	ERR(rename("c", "a"), ENOTEMPTY);
	ERR(rename("c", "f"), ENOTDIR);
	ERR(rename("f", "c"), EISDIR);
	ERR(rename("c/.", "x"), EBUSY);
	ERR(rename("c", "a/."), EBUSY);
	ERR(rename("f/", "x"), ENOTDIR);
	ERR(rename("f", "x/"), ENOTDIR);
	ERR(rename("none", "x"), ENOENT);
	ERR(rename("f", "none/x"), ENOENT);
	ERR(rename("f", "f/x"), ENOTDIR);
	SYS(rename("c", "a/b")); /* over an empty directory */
	EQ(links("a"), 3);
	SYS(rename("a/b/", "d/"));
	EQ(links("a"), 2);
	SYS(link("f", "g"));
	SYS(rename("f", "g")); /* two names of one file: nothing happens */
	EQ(links("f"), 2);
	SYS(unlink("f"));
	SYS(rename("g", "a/g"));
	holds("a/g", "f");
	SYS(unlink("a/g") | rmdir("a") | rmdir("d"));
}

/* how many names are in the directory, besides . and .. */
static int count(const char *name)
{
	DIR *d = opendir(name);
	int n = -2;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void nameless(void)
{
	char path[64], buf[8];
	struct stat st;
	int fd;

	SYS(mkdir("d", 0777));
	ERR(open("d", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	ERR(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
	put_file("f", "f");
	ERR(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	umask(027);
	fd = (int)SYS(open("d", O_TMPFILE | O_RDWR, 0666));
	umask(022);
	EQ(SYS(write(fd, "text", 4)), 4);
	EQ(count("d"), 0);
	SYS(fstat(fd, &st));
	EQ(st.st_nlink, 0);
	EQ(st.st_mode, S_IFREG | 0640);
	EQ(st.st_size, 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	SYS(linkat(AT_FDCWD, path, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
	SYS(fstat(fd, &st));
	EQ(st.st_nlink, 1);
	EQ(count("d"), 1);
	holds("d/named", "text");
	ERR(linkat(AT_FDCWD, path, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW), EEXIST);
	SYS(unlink("d/named")); /* once it had a name it gets none again */
	ERR(linkat(AT_FDCWD, path, AT_FDCWD, "d/again", AT_SYMLINK_FOLLOW), ENOENT);
	EQ(SYS(pread(fd, buf, 8, 0)), 4);
	SYS(close(fd));
	fd = (int)SYS(open("d", O_TMPFILE | O_WRONLY | O_EXCL, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ERR(linkat(AT_FDCWD, path, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW), ENOENT);
	SYS(close(fd));
	for (int i = 0; i < 50; i++) {
		fd = (int)SYS(open("d", O_TMPFILE | O_RDWR, 0600));
		SYS(ftruncate(fd, 100000));
		EQ(SYS(pwrite(fd, "end", 3, 99997)), 3);
		SYS(close(fd));
	}
	SYS(unlink("f") | rmdir("d"));
}

static void paths(void)
{
	char buf[64], c;
	struct stat st;
	int d, f, l;

	SYS(mkdir("d", 0777));
	put_file("d/f", "text");
	SYS(chmod("d/f", 0));
	SYS(symlink("d/f", "l"));
	f = (int)SYS(open("d/f", O_PATH | O_RDWR | O_TRUNC | O_CREAT)); /* only the path counts */
	SYS(fstat(f, &st));
	EQ(st.st_size, 4);
	EQ(SYS(fcntl(f, F_GETFL)) & (O_PATH | O_ACCMODE | O_TRUNC), O_PATH);
	ERR(read(f, &c, 1), EBADF);
	ERR(write(f, &c, 1), EBADF);
	ERR(lseek(f, 0, SEEK_SET), EBADF);
	ERR(ftruncate(f, 0), EBADF);
	ERR(fchmod(f, 0600), EBADF);
	ERR(fchown(f, 0, 0), EBADF);
	ERR(fsync(f), EBADF);
	ERR(ioctl(f, 0x541b, buf), EBADF);
	ERR(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, f, 0), EBADF);
	SYS(close(SYS(dup(f))));
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", f);
	SYS(chmod(buf, 0600));
	SYS(close(SYS(open(buf, O_RDONLY)))); /* opened anew by its path */
	d = (int)SYS(open("d", O_PATH | O_DIRECTORY));
	SYS(close(SYS(openat(d, "f", O_RDONLY))));
	ERR(syscall(SYS_getdents64, d, buf, sizeof(buf)), EBADF);
	SYS(fchdir(d));
	SYS(chdir(".."));
	ERR(open("d/f", O_PATH | O_DIRECTORY), ENOTDIR);
	ERR(open("none", O_PATH), ENOENT);
	l = (int)SYS(open("l", O_PATH | O_NOFOLLOW));
	SYS(fstat(l, &st));
	CHECK(S_ISLNK(st.st_mode));
	EQ(SYS(readlinkat(l, "", buf, sizeof(buf))), 3);
	ERR(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	SYS(close(f) | close(d) | close(l));
	SYS(unlink("d/f") | unlink("l") | rmdir("d"));
}

static void times(void)
{
	struct timespec t[2] = { { 1000000000, 0 }, { 1100000000, 0 } };
	struct timespec now = { 0, UTIME_NOW }, omit = { 0, UTIME_OMIT };
	struct stat st;
	time_t start = time(NULL);

	put_file("f", "x");
	SYS(symlink("f", "l"));
	SYS(utimensat(AT_FDCWD, "f", t, 0));
	SYS(stat("f", &st));
	EQ(st.st_atime, 1000000000);
	EQ(st.st_mtime, 1100000000);
	CHECK(st.st_ctime >= start);
	t[0] = omit;
	t[1].tv_sec = 1200000000;
	SYS(utimensat(AT_FDCWD, "f", t, 0));
	SYS(stat("f", &st));
	EQ(st.st_atime, 1000000000);
	EQ(st.st_mtime, 1200000000);
	t[0] = now;
	t[1] = omit;
	SYS(utimensat(AT_FDCWD, "f", t, 0));
	SYS(stat("f", &st));
	CHECK(st.st_atime >= start);
	EQ(st.st_mtime, 1200000000);
	t[0] = t[1] = omit;
	SYS(utimensat(AT_FDCWD, "f", t, 0));
	t[0].tv_nsec = 1000000000;
	ERR(utimensat(AT_FDCWD, "f", t, 0), EINVAL);
	t[0] = t[1] = (struct timespec){ 77, 0 };
	SYS(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
	SYS(lstat("l", &st));
	EQ(st.st_mtime, 77);
	SYS(stat("f", &st));
	EQ(st.st_mtime, 1200000000);
	SYS(utimensat(AT_FDCWD, "l", t, 0));
	SYS(stat("f", &st));
	EQ(st.st_mtime, 77);
	int fd = (int)SYS(open("f", O_RDONLY));
	SYS(futimens(fd, NULL));
	SYS(fstat(fd, &st));
	CHECK(st.st_mtime >= start && st.st_atime >= start);
	SYS(close(fd));
	SYS(unlink("f") | unlink("l"));
}

static void extended_stat(void)
{
	struct statx sx;
	struct stat st;

	put_file("f", "12345");
	SYS(link("f", "g"));
	SYS(stat("f", &st));
	SYS(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
	EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	EQ(sx.stx_size, 5);
	EQ(sx.stx_nlink, 2);
	EQ(sx.stx_ino, st.st_ino);
	EQ(sx.stx_mode, st.st_mode);
	EQ(sx.stx_uid, st.st_uid);
	EQ(sx.stx_gid, st.st_gid);
	EQ(sx.stx_blocks, st.st_blocks);
	EQ(sx.stx_blksize, st.st_blksize);
	EQ(sx.stx_mtime.tv_sec, st.st_mtim.tv_sec);
	EQ(sx.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	EQ((sx.stx_dev_major << 8) + sx.stx_dev_minor, ((st.st_dev >> 8 & 0xfff) << 8) + (st.st_dev & 0xff));
	SYS(symlink("f", "l"));
	SYS(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx));
	CHECK(S_ISLNK(sx.stx_mode));
	int fd = (int)SYS(open("f", O_RDONLY));
	SYS(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
	EQ(sx.stx_size, 5);
	ERR(statx(fd, "", 0, STATX_SIZE, &sx), ENOENT);
	ERR(statx(AT_FDCWD, "f", 0x6000, STATX_SIZE, &sx), EINVAL);
	ERR(statx(AT_FDCWD, "none", 0, STATX_SIZE, &sx), ENOENT);
	ERR(statx(AT_FDCWD, "f", 0, 0x80000000u, &sx), EINVAL);
	SYS(close(fd));
	SYS(unlink("f") | unlink("g") | unlink("l"));
}

/* links to links, and what is too long */
static void following(void)
{
	char name[300], path[5000];
	struct stat st;

	SYS(symlink("loop2", "loop1") | symlink("loop1", "loop2"));
	ERR(stat("loop1", &st), ELOOP);
	ERR(open("loop1/x", O_RDONLY), ELOOP);
	SYS(lstat("loop1", &st));
	SYS(mkdir("d", 0777));
	put_file("d/0", "end");
	for (int i = 1; i <= 41; i++) {
		snprintf(path, sizeof(path), "%d", i - 1);
		snprintf(name, sizeof(name), "d/%d", i);
		SYS(symlink(path, name));
	}
	holds("d/40", "end");
	ERR(open("d/41", O_RDONLY), ELOOP);
	for (int i = 0; i <= 41; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		SYS(unlink(name));
	}
	memset(name, 'n', 256);
	name[255] = '\0';
	put_file(name, "long");
	SYS(unlink(name));
	name[255] = 'n';
	name[256] = '\0';
	ERR(open(name, O_CREAT | O_WRONLY, 0666), ENAMETOOLONG);
	ERR(stat(name, &st), ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[4095] = '\0';
	SYS(stat(path, &st));
	path[4095] = '/';
	path[4096] = '\0';
	ERR(stat(path, &st), ENAMETOOLONG);
	memset(path, 'l', 4095);
	path[4095] = '\0';
	ERR(symlink(path, ""), ENOENT);
	SYS(symlink("none", "dangling"));
	ERR(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0666), EEXIST);
	ERR(mkdir("dangling", 0777), EEXIST);
	SYS(close(SYS(open("dangling", O_CREAT | O_WRONLY, 0666)))); /* makes what it names */
	SYS(stat("none", &st));
	SYS(unlink("none") | unlink("dangling") | unlink("loop1") | unlink("loop2") | rmdir("d"));
}

/* Which error it is when there are several; what is no file. */
static void which_error(void)
{
	int fd;

	SYS(mkdir("d", 0777) | mkdir("d/s", 0777) | symlink("d", "l"));
	put_file("f", "f");
	ERR(rename(".", "none/x"), ENOENT);
	ERR(rename("d/.", "f/x"), ENOTDIR);
	ERR(rename("d/.", "f"), EBUSY);
	ERR(renameat2(AT_FDCWD, "f", AT_FDCWD, "d/", RENAME_NOREPLACE), EEXIST);
	ERR(renameat2(AT_FDCWD, "d", AT_FDCWD, "d/s", RENAME_NOREPLACE), EEXIST);
	ERR(renameat2(AT_FDCWD, "d", AT_FDCWD, "d/new", RENAME_NOREPLACE), EINVAL);
	ERR(open("..", O_CREAT | O_EXCL | O_WRONLY, 0666), EEXIST);
	ERR(open("d/../", O_CREAT | O_EXCL | O_WRONLY, 0666), EEXIST);
	ERR(open("d/", O_CREAT | O_EXCL | O_WRONLY, 0666), EISDIR);
	ERR(open("..", O_CREAT | O_WRONLY, 0666), EISDIR);
	ERR(open("l", O_TMPFILE | O_NOFOLLOW | O_RDWR, 0600), ENOTDIR);
	fd = (int)SYS(open("f", O_RDONLY));
	ERR(lseek(fd, INT64_MAX, SEEK_END), EINVAL);
	SYS(close(fd));
	SYS(mknod("socket", S_IFSOCK | 0600, 0));
	ERR(open("socket", O_RDWR), ENXIO);
	SYS(close(SYS(open("socket", O_PATH))));
	SYS(unlink("socket") | unlink("l") | unlink("f") | rmdir("d/s") | rmdir("d"));
}

/* What a store through a mapping does to the times, be the page clean or dirty. */
static void times_of_stores(void)
{
	int fd = (int)SYS(open("f", O_CREAT | O_RDWR, 0600));
	struct stat before, after;
	struct statfs fs;
	char *p;

	SYS(fstatfs(fd, &fs));
	if (fs.f_type == 0x01021994) { /* Linux's tmpfs does not tell either */
		SYS(close(fd) | unlink("f"));
		return;
	}
	EQ(SYS(write(fd, "dirty", 5)), 5);
	p = (char *)SYS(mmap(NULL, PG, RW, MAP_SHARED, fd, 0));
	for (int i = 0; i < 2; i++) {
		usleep(20000);
		SYS(fstat(fd, &before));
		NOFAULT(store(p, i));
		SYS(msync(p, PG, MS_SYNC)); /* clean from now on */
		SYS(fstat(fd, &after));
		CHECK(before.st_mtim.tv_sec < after.st_mtim.tv_sec ||
		      before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
	}
	SYS(munmap(p, PG));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void copy_program(const char *from, const char *to)
{
	static char buf[65536];
	int in = (int)SYS(open(from, O_RDONLY)), out = (int)SYS(open(to, O_WRONLY | O_CREAT, 0755));
	ssize_t n;

	while ((n = SYS(read(in, buf, sizeof(buf)))) > 0)
		EQ(write(out, buf, n), n);
	SYS(close(in) | close(out));
}

/* The program runs with `command`, and fd 3 to read from when that is not -1. Returns its number when its exec is over; *err is exec's errno. */
static pid_t start(const char *program, const char *command, int in, int *err)
{
	int done[2], status;
	pid_t pid;

	SYS(pipe2(done, O_CLOEXEC));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		if (in >= 0)
			dup2(in, 3);
		execl(program, "sh", "-c", command, NULL);
		status = errno;
		_exit(write(done[1], &status, sizeof(status)) < 0);
	}
	SYS(close(done[1]));
	*err = 0;
	SYS(read(done[0], err, sizeof(*err)));
	SYS(close(done[0]));
	if (*err)
		SYS(waitpid(pid, &status, 0));
	return pid;
}

static int exec_error(const char *program)
{
	int err, status;
	pid_t pid = start(program, "exit 0", -1, &err);

	if (!err)
		EQ(waitpid(pid, &status, 0), pid);
	return err;
}

/* What is open for writing, or mapped so, does not run. */
static void written_text(void)
{
	int fd;
	char *p;

	copy_program("/bin/sh", "prog");
	EQ(exec_error("./prog"), 0);
	fd = (int)SYS(open("prog", O_RDWR));
	EQ(exec_error("./prog"), ETXTBSY);
	p = (char *)SYS(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0));
	SYS(close(fd));
	EQ(exec_error("./prog"), ETXTBSY);
	SYS(munmap(p, PG));
	EQ(exec_error("./prog"), 0);
	fd = (int)SYS(open("script", O_WRONLY | O_CREAT, 0755));
	EQ(write(fd, "#!./prog\n", 9), 9);
	EQ(exec_error("./script"), ETXTBSY);
	SYS(close(fd));
	EQ(exec_error("./script"), 0);
	fd = (int)SYS(open("prog", O_WRONLY));
	EQ(exec_error("./script"), ETXTBSY);
	SYS(close(fd));
	put_file("prog", "\177ELF, or not");
	EQ(exec_error("./prog"), ENOEXEC);
	put_file("script", "#!./none\n");
	EQ(exec_error("./script"), ENOENT);
	put_file("prog", "what failed to run can be written");
	put_file("script", "");
	SYS(unlink("prog") | unlink("script"));
}

static void not_written(const char *name)
{
	struct stat before, after;

	SYS(stat(name, &before));
	ERR(open(name, O_WRONLY), ETXTBSY);
	ERR(open(name, O_RDWR | O_CREAT | O_TRUNC, 0755), ETXTBSY);
	ERR(open(name, O_RDONLY | O_TRUNC), ETXTBSY);
	ERR(open(name, O_RDWR | O_APPEND), ETXTBSY);
	ERR(truncate(name, 0), ETXTBSY);
	SYS(stat(name, &after));
	EQ(after.st_size, before.st_size);
}

/* What runs, also only after a fork, is not written; all else can be done with it. A script that runs can be written. */
static void running_text(void)
{
	int err, status, in[2], out[2];
	pid_t pid;
	char c;

	copy_program("/bin/sh", "prog");
	SYS(pipe(in) | pipe(out));
	SYS(fcntl(in[1], F_SETFD, FD_CLOEXEC) | fcntl(out[0], F_SETFD, FD_CLOEXEC));
	pid = start("./prog", "(read x <&3; :) & exit 0", in[0], &err);
	EQ(err, 0);
	SYS(close(out[1]));
	EQ(waitpid(pid, &status, 0), pid);
	EQ(status, 0);
	not_written("prog");
	SYS(close(SYS(open("prog", O_RDONLY))));
	SYS(chmod("prog", 0700));
	SYS(utimensat(AT_FDCWD, "prog", NULL, 0));
	SYS(rename("prog", "moved"));
	not_written("moved");
	put_file("prog", "another");
	SYS(close(in[1]));
	EQ(read(out[0], &c, 1), 0); /* the last that runs it is gone */
	put_file("moved", "now it can be written");
	SYS(close(in[0]) | close(out[0]));

	put_file("script", "#!/bin/sh\nread x <&3\n");
	SYS(chmod("script", 0755));
	SYS(pipe(in));
	SYS(fcntl(in[1], F_SETFD, FD_CLOEXEC));
	pid = start("./script", "", in[0], &err);
	EQ(err, 0);
	SYS(close(SYS(open("script", O_WRONLY))));
	SYS(close(in[0]) | close(in[1]));
	EQ(waitpid(pid, &status, 0), pid);
	SYS(unlink("prog") | unlink("moved") | unlink("script"));
}

/* Who makes a memfd may go on writing it while it runs; who opens it by its link in /proc may not. */
static void memory_text(void)
{
	int made = (int)SYS(memfd_create("prog", MFD_CLOEXEC)),
	    fd = (int)SYS(fcntl(made, F_DUPFD_CLOEXEC, 10));
	int sh = (int)SYS(open("/bin/sh", O_RDONLY)), err, status, in[2];
	char path[32], *p, byte;
	struct stat st;
	pid_t pid;

	SYS(close(made)); /* the program finds its input there */
	SYS(fstat(sh, &st));
	SYS(ftruncate(fd, st.st_size));
	p = (char *)SYS(mmap(NULL, (size_t)st.st_size, RW, MAP_SHARED, fd, 0));
	EQ(SYS(pread(sh, p, (size_t)st.st_size, 0)), st.st_size);
	SYS(close(sh));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	SYS(pipe(in));
	SYS(fcntl(in[1], F_SETFD, FD_CLOEXEC));
	pid = start(path, "read x <&3", in[0], &err);
	EQ(err, 0);
	ERR(truncate(path, st.st_size), ETXTBSY);
	not_written(path);
	EQ(SYS(pread(fd, &byte, 1, 0)), 1);
	EQ(SYS(pwrite(fd, &byte, 1, 0)), 1);
	SYS(ftruncate(fd, st.st_size));
	SYS(ftruncate(fd, st.st_size + 1));
	NOFAULT(store(p, byte));
	SYS(close(in[0]) | close(in[1]));
	EQ(waitpid(pid, &status, 0), pid);
	sh = (int)SYS(open(path, O_RDWR));
	EQ(exec_error(path), ETXTBSY);
	SYS(close(sh));
	EQ(exec_error(path), 0);
	SYS(munmap(p, (size_t)st.st_size));
	SYS(close(fd));
}

static const struct test tests[] = {
	{ "exchange", exchange },
	{ "renames", renames },
	{ "nameless", nameless },
	{ "paths", paths },
	{ "times", times },
	{ "extended stat", extended_stat },
	{ "following", following },
	{ "which error", which_error },
	{ "times of stores", times_of_stores },
	{ "written text", written_text },
	{ "running text", running_text },
	{ "text in memory", memory_text },
};

TEST_MAIN("nametest", tests)
