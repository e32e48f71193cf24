/* SPDX-License-Identifier: ISC */
/*
 * errtest: what programs do wrong: bad pointers into many calls (an error or a partial count, never a signal
 * or a wrong byte), bad descriptors, lengths, offsets, names and process numbers, and running out of
 * descriptors.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>

#include "include/testlib.h"

/* pages: a[0] good, a[1] unmapped, a[2] good, a[3] read-only, a[4] no access; and others' addresses */
static char *a;

enum { NBAD = 6 };
static void *volatile bad_to_read[NBAD], *volatile bad_to_write[NBAD];

static void set_up(void)
{
	a = map_anon(5 * PG);
	SYS(munmap(a + PG, PG));
	SYS(mprotect(a + 3 * PG, PG, PROT_READ));
	SYS(mprotect(a + 4 * PG, PG, PROT_NONE));
	bad_to_read[0] = a + PG;
	bad_to_read[1] = a + 4 * PG;
	bad_to_read[2] = (void *)8ul;
	bad_to_read[3] = (void *)(~0ul - 64 * PG + 1); /* where kernels live */
	bad_to_read[4] = (void *)(1ul << 63);
	bad_to_read[5] = (void *)(~0ul - 7); /* the end wraps around */
	for (int i = 0; i < NBAD; i++)
		bad_to_write[i] = bad_to_read[i];
	bad_to_write[1] = a + 3 * PG;
}

static void buffers(void)
{
	int fd = make_file("f", 3 * PG, 1), p[2];

	SYS(pipe(p));
	put_token(p[1], 'k');
	SYS(lseek(fd, 100, SEEK_SET));
	for (int i = 0; i < NBAD; i++) {
		ERR(read(fd, bad_to_write[i], 100), EFAULT);
		ERR(write(fd, bad_to_read[i], 100), EFAULT);
		ERR(pread(fd, bad_to_write[i], 100, 0), EFAULT);
		ERR(pwrite(fd, bad_to_read[i], 100, 0), EFAULT);
		ERR(write(p[1], bad_to_read[i], 100), EFAULT);
	}
	EQ(SYS(read(fd, bad_to_write[0], 0)), 0); /* nothing to copy, nothing wrong */
	EQ(SYS(write(fd, bad_to_read[0], 0)), 0);
	EQ(SYS(lseek(fd, 0, SEEK_CUR)), 100); /* the offset has not moved */
	ERR(read(p[0], bad_to_write[0], 10), EFAULT);
	SYS(pread(fd, a, PG, 0));
	SAME(a, PG, 0, 1); /* nothing was written */
	SYS(close(fd));
	SYS(close(p[0]));
	SYS(close(p[1]));
	SYS(unlink("f"));
}

/* a buffer that begins well and ends badly: a partial count of good bytes, or EFAULT and no effect */
static void edges(void)
{
	int fd = make_file("f", 3 * PG, 2), p[2], out;
	char *edge = a + PG - 1000, back[2000];
	long n, m;

	memset(a, 'x', PG);
	SYS(lseek(fd, 0, SEEK_SET));
	n = read(fd, edge, 2000);
	CHECK((n == -1 && errno == EFAULT) || (n > 0 && n <= 1000));
	EQ(SYS(lseek(fd, 0, SEEK_CUR)), n > 0 ? n : 0);
	if (n > 0)
		SAME(edge, (unsigned long)n, 0, 2);
	ALL(a, PG - 1000, 'x');

	fill(edge, 1000, 0, 3);
	out = (int)SYS(open("g", O_RDWR | O_CREAT, 0666));
	n = write(out, edge, 2000);
	CHECK((n == -1 && errno == EFAULT) || (n > 0 && n <= 1000));
	EQ(SYS(lseek(out, 0, SEEK_END)), n > 0 ? n : 0); /* the file is as long as was told */
	if (n > 0) {
		EQ(SYS(pread(out, back, 2000, 0)), n);
		SAME(back, (unsigned long)n, 0, 3);
	}
	SYS(pipe(p));
	SYS(fcntl(p[0], F_SETFL, O_NONBLOCK));
	n = write(p[1], edge, 2000);
	CHECK((n == -1 && errno == EFAULT) || (n > 0 && n <= 1000));
	m = read(p[0], back, 2000);
	EQ(m, n > 0 ? n : -1);
	if (n > 0)
		SAME(back, (unsigned long)n, 0, 3);

	fill(back, 2000, 0, 4);
	EQ(SYS(write(p[1], back, 2000)), 2000);
	n = read(p[0], edge, 2000);
	CHECK((n == -1 && errno == EFAULT) || (n > 0 && n <= 1000));
	if (n > 0)
		SAME(edge, (unsigned long)n, 0, 4);
	SYS(close(fd));
	SYS(close(out));
	SYS(close(p[0]));
	SYS(close(p[1]));
	SYS(unlink("f"));
	SYS(unlink("g"));
}

static void paths(void)
{
	char *edge = a + PG - 4;

	memcpy(edge, "abcd", 4); /* a name without an end before the end of memory */
	for (int i = 0; i <= NBAD; i++) {
		const char *bad = i < NBAD ? bad_to_read[i] : edge;

		ERR(open(bad, O_RDONLY), EFAULT);
		ERR(open(bad, O_WRONLY | O_CREAT, 0666), EFAULT);
		ERR(unlink(bad), EFAULT);
		ERR(mkdir(bad, 0777), EFAULT);
		ERR(rmdir(bad), EFAULT);
		ERR(rename(bad, "x"), EFAULT);
		ERR(rename("x", bad), EFAULT);
		ERR(link(bad, "x"), EFAULT);
		ERR(symlink(bad, "x"), EFAULT);
		ERR(chdir(bad), EFAULT);
		ERR(chmod(bad, 0777), EFAULT);
		ERR(access(bad, F_OK), EFAULT);
		ERR(readlink(bad, a, 10), EFAULT);
		ERR(truncate(bad, 0), EFAULT);
	}
	memcpy(edge, "abc", 4); /* ends with the page: fine */
	ERR(open(edge, O_RDONLY), ENOENT);
}

static void results(void)
{
	int fd = make_file("f", 10, 5);
	pid_t pid;

	SYS(symlink("f", "s"));
	for (int i = 0; i < NBAD; i++) {
		void *bad = bad_to_write[i];

		ERR(fstat(fd, bad), EFAULT);
		ERR(stat("f", bad), EFAULT);
		ERR(pipe(bad), EFAULT);
		ERR(readlink("s", bad, 10), EFAULT);
		ERR(uname(bad), EFAULT);
		ERR(nanosleep(bad_to_read[i], NULL), EFAULT);
		ERR(getrlimit(RLIMIT_STACK, bad), EFAULT);
		CHECK(getcwd(bad, 100) == NULL && errno == EFAULT);
	}
	pid = test_fork();
	if (pid == 0)
		_exit(3);
	ERR(waitpid(pid, bad_to_write[0], 0), EFAULT); /* the child is gone all the same */
	ERR(waitpid(pid, NULL, 0), ECHILD);
	SYS(close(fd));
	SYS(unlink("f"));
	SYS(unlink("s"));
}

static void exec_arguments(void)
{
	char *args[] = { "x", NULL }, *edge[] = { "x", NULL, NULL };
	int fd = make_file("f", 10, 6);

	SYS(fchmod(fd, 0755));
	SYS(close(fd));
	for (int i = 0; i < NBAD; i++) {
		edge[1] = bad_to_read[i];
		ERR(execve(bad_to_read[i], args, args), EFAULT);
		ERR(execve("f", bad_to_read[i], args), EFAULT);
		ERR(execve("f", args, bad_to_read[i]), EFAULT);
		ERR(execve("f", edge, args), EFAULT);
		ERR(execve("f", args, edge), EFAULT);
	}
	SYS(unlink("f"));
}

static void descriptors(void)
{
	static const int fds[] = { -1, 77, 1000000, 0x7fffffff, -2147483647 };
	char buf[10];
	struct stat st;

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		int fd = fds[i];

		ERR(read(fd, buf, 1), EBADF);
		ERR(write(fd, buf, 1), EBADF);
		ERR(pread(fd, buf, 1, 0), EBADF);
		ERR(pwrite(fd, buf, 1, 0), EBADF);
		ERR(lseek(fd, 0, SEEK_CUR), EBADF);
		ERR(fstat(fd, &st), EBADF);
		ERR(ftruncate(fd, 0), EBADF);
		ERR(fsync(fd), EBADF);
		ERR(close(fd), EBADF);
		ERR(dup(fd), EBADF);
		ERR(dup2(fd, 5), EBADF);
		ERR(fcntl(fd, F_GETFL), EBADF);
		ERR(fchdir(fd), EBADF);
		ERR(fchmod(fd, 0), EBADF);
		ERR(ioctl(fd, TIOCGWINSZ, buf), EBADF);
		ERR(mmap(NULL, PG, PROT_READ, MAP_SHARED, fd, 0), EBADF);
	}
}

/* Descriptors that have no positions. */
static void nowhere(void)
{
	int fds[] = { (int)SYS(eventfd(1, 0)), (int)SYS(timerfd_create(CLOCK_MONOTONIC, 0)),
		      (int)SYS(epoll_create1(0)) };
	char buf[8] = { 0 };

	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		ERR(pread(fds[i], buf, 8, 0), ESPIPE);
		ERR(pwrite(fds[i], buf, 8, 0), ESPIPE);
		ERR(ftruncate(fds[i], 0), EINVAL);
		SYS(close(fds[i]));
	}
}

static void numbers(void)
{
	int fd = make_file("f", 100, 7), dir = (int)SYS(open(".", O_RDONLY)), null;
	char buf[100];
	struct timespec t = { 0, 1000000000 }, u = { -1, 0 };
	volatile unsigned long huge = ~0ul, most = ~0ul >> 1;
	long n;

	SYS(lseek(fd, 0, SEEK_SET));
	n = read(fd, buf, huge); /* longer than any address space */
	CHECK(n == -1 && (errno == EFAULT || errno == EINVAL));
	n = write(fd, buf, huge);
	CHECK(n == -1 && (errno == EFAULT || errno == EINVAL));
	SYS(lseek(fd, 0, SEEK_SET));
	null = (int)SYS(open("/dev/null", O_RDONLY));
	n = read(null, buf, most);
	CHECK(n == 0 || (n == -1 && errno == EFAULT));
	SYS(close(null));
	ERR(pread(fd, buf, 1, -1), EINVAL);
	ERR(pwrite(fd, buf, 1, -1), EINVAL);
	ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	ERR(lseek(fd, 0, 99), EINVAL);
	ERR(ftruncate(fd, -1), EINVAL);
	ERR(fcntl(fd, 9999), EINVAL);
	ERR(fcntl(fd, F_DUPFD, -1), EINVAL);
	ERR(ioctl(fd, TIOCGWINSZ, buf), ENOTTY);
	ERR(read(dir, buf, 10), EISDIR);
	ERR(write(dir, buf, 10), EBADF);
	ERR(nanosleep(&t, NULL), EINVAL);
	ERR(nanosleep(&u, NULL), EINVAL);
	ERR(clock_gettime(9999, &t), EINVAL);
	ERR(readlink("f", buf, 10), EINVAL);
	ERR(kill(getpid(), 65), EINVAL);
	ERR(kill(0x7ffffffe, SIGTERM), ESRCH);
	ERR(waitpid(0x7ffffffe, NULL, 0), ECHILD);
	ERR(waitpid(-1, NULL, 0), ECHILD);
	ERR(waitpid(-1, NULL, 0x4000000), EINVAL);
	ERR(setpgid(0x7ffffffe, 0), ESRCH);
	ERR(getpgid(0x7ffffffe), ESRCH);
	CHECK(getcwd(buf, 1) == NULL && errno == ERANGE);
	SYS(close(fd));
	SYS(close(dir));
	SYS(unlink("f"));
}

/* a child, whose limit is its own */
static void too_many_open(void)
{
	struct rlimit lim;
	int fd, p[2], n = 0;
	pid_t pid = test_fork();

	if (pid == 0) {
		SYS(getrlimit(RLIMIT_NOFILE, &lim));
		lim.rlim_cur = 40;
		SYS(setrlimit(RLIMIT_NOFILE, &lim));
		while ((fd = open("/dev/null", O_RDONLY)) != -1) {
			CHECK(fd < 40);
			n++;
		}
		EQ(errno, EMFILE);
		CHECK(n > 20);
		ERR(dup(0), EMFILE);
		ERR(pipe(p), EMFILE);
		ERR(dup2(0, 40), EBADF);
		ERR(fcntl(0, F_DUPFD, 40), EINVAL);
		SYS(close(39));
		ERR(pipe(p), EMFILE); /* one is not enough, and is not lost */
		EQ(SYS(dup(0)), 39);
		lim.rlim_cur = lim.rlim_max + 1;
		if (lim.rlim_cur)
			ERR(setrlimit(RLIMIT_NOFILE, &lim), EINVAL);
		_exit(0);
	}
	EXITED(pid, 0);
}

static void jumps(void)
{
	static void *volatile wild[] = { (void *)0x40ul, (void *)(~0ul - 64 * PG + 1) };

	for (int i = 0; i < 2; i++) {
		pid_t pid = test_fork();

		if (pid == 0) {
			((void (*)(void))(uintptr_t)wild[i])();
			_exit(0);
		}
		KILLED(pid, SIGSEGV);
		pid = test_fork();
		if (pid == 0) {
			*(volatile char *)wild[i] = 1;
			_exit(0);
		}
		KILLED(pid, SIGSEGV);
	}
}

/* mknod makes no directory, no link, and nothing of a kind that there is not. */
static void kinds(void)
{
	struct stat st;

	ERR(mknod("n", S_IFDIR | 0777, 0), EPERM);
	for (mode_t kind = 0; kind < 16; kind++)
		if (kind != 0 && kind != S_IFREG >> 12 && kind != S_IFIFO >> 12 && kind != S_IFCHR >> 12 &&
		    kind != S_IFBLK >> 12 && kind != S_IFSOCK >> 12 && kind != S_IFDIR >> 12)
			ERR(mknod("n", kind << 12 | 0777, 0), EINVAL);
	SYS(mknod("n", 07644, 0));
	SYS(stat("n", &st));
	EQ(st.st_mode, S_IFREG | 07644);
	SYS(unlink("n"));
	SYS(open("n", O_CREAT | O_WRONLY, 0177600));
	SYS(stat("n", &st));
	EQ(st.st_mode, S_IFREG | 07600);
	SYS(unlink("n"));
}

/* Nobody is told of input by a signal: who asks for it is told so. Not as Linux, which has it. */
static void signal_driven(void)
{
	int p[2], one = 1;

	SYS(pipe(p));
	ERR(fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK), EINVAL);
	EQ(fcntl(p[0], F_GETFL), O_RDONLY);
	ERR(fcntl(p[0], F_SETOWN, getpid()), EINVAL);
	ERR(ioctl(p[0], 0x5452 /* FIOASYNC */, &one), ENOTTY);
	SYS(close(p[0]) | close(p[1]));
}

static const struct test tests[] = {
	{ "buffers", buffers },
	{ "buffers that end badly", edges },
	{ "paths", paths },
	{ "results", results },
	{ "exec's arguments", exec_arguments },
	{ "descriptors", descriptors },
	{ "nowhere", nowhere },
	{ "numbers", numbers },
	{ "too many open files", too_many_open },
	{ "wild jumps and stores", jumps },
	{ "kinds of files", kinds },
	{ "signal-driven input", signal_driven },
};

int main(int argc, char **argv)
{
	set_up();
	return test_main("errtest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
