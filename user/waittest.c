/* SPDX-License-Identifier: ISC */
/*
 * waittest: waiting for descriptors (poll, select, with signals and times), locks on files (records, whole
 * files), and the calls that move bytes in other ways than read and write: vectors, sendfile, copies, files
 * in memory.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "include/testlib.h"

static long now_ms(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

static void polling(void)
{
	int a[2], b[2], file = make_file("f", 10, 1);
	char buf[4096] = { 0 };
	long start;
	pid_t pid;

	SYS(pipe(a));
	SYS(pipe(b));
	struct pollfd p[4] = {
		{ a[0], POLLIN, 0 }, { -1, POLLIN, 7 }, { b[0], POLLIN, 0 }, { a[1], POLLOUT, 0 }
	};

	EQ(SYS(poll(p, 3, 0)), 0);
	EQ(p[1].revents, 0);
	EQ(SYS(poll(p, 4, -1)), 1);
	EQ(p[3].revents, POLLOUT);
	start = now_ms();
	EQ(SYS(poll(p, 3, 50)), 0);
	CHECK(now_ms() - start >= 49);
	start = now_ms();
	EQ(SYS(poll(NULL, 0, 20)), 0);
	CHECK(now_ms() - start >= 19);
	pid = test_fork();
	if (pid == 0) {
		nap(20);
		EQ(SYS(write(b[1], "x", 1)), 1);
		_exit(0);
	}
	EQ(SYS(poll(p, 3, -1)), 1); /* wakes by the second pipe */
	EQ(p[0].revents, 0);
	EQ(p[2].revents, POLLIN);
	EXITED(pid, 0);
	EQ(SYS(read(b[0], buf, 10)), 1);
	SYS(fcntl(a[1], F_SETFL, O_NONBLOCK));
	while (write(a[1], buf, sizeof(buf)) > 0)
		;
	EQ(SYS(poll(&p[3], 1, 0)), 0); /* full */
	EQ(SYS(read(a[0], buf, sizeof(buf))), sizeof(buf));
	EQ(SYS(poll(&p[3], 1, 0)), 1);
	SYS(close(a[1]));
	EQ(SYS(poll(p, 1, 0)), 1);
	EQ(p[0].revents, POLLIN | POLLHUP);
	SYS(close(b[0]));
	p[0] = (struct pollfd){ b[1], POLLOUT, 0 };
	EQ(SYS(poll(p, 1, -1)), 1);
	CHECK(p[0].revents & POLLERR);
	p[0] = (struct pollfd){ 77, POLLIN, 0 };
	EQ(SYS(poll(p, 1, -1)), 1);
	EQ(p[0].revents, POLLNVAL);
	p[0] = (struct pollfd){ file, POLLIN | POLLOUT, 0 };
	EQ(SYS(poll(p, 1, -1)), 1);
	EQ(p[0].revents, POLLIN | POLLOUT);
	SYS(close(a[0]));
	SYS(close(b[1]));
	SYS(close(file));
	SYS(unlink("f"));
}

static void many_descriptors(void)
{
	enum { N = 100 };
	struct pollfd p[N];
	int ends[N][2];
	pid_t pid;

	for (int i = 0; i < N; i++) {
		SYS(pipe(ends[i]));
		p[i] = (struct pollfd){ ends[i][0], POLLIN, 0 };
	}
	pid = test_fork();
	if (pid == 0) {
		nap(20);
		EQ(SYS(write(ends[71][1], "x", 1)), 1);
		_exit(0);
	}
	EQ(SYS(poll(p, N, -1)), 1);
	EQ(p[71].revents, POLLIN);
	EXITED(pid, 0);
	for (int i = 0; i < N; i++) {
		SYS(close(ends[i][0]));
		SYS(close(ends[i][1]));
	}
}

static void selecting(void)
{
	struct timeval tv = { 0, 30000 };
	fd_set r, w;
	int p[2];
	long start;

	SYS(pipe(p));
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	start = now_ms();
	EQ(SYS(select(p[0] + 1, &r, NULL, NULL, &tv)), 0);
	CHECK(now_ms() - start >= 29);
	CHECK(!FD_ISSET(p[0], &r));
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	EQ(SYS(select(p[1] + 1, &r, &w, NULL, NULL)), 1);
	CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
	EQ(SYS(write(p[1], "x", 1)), 1);
	FD_SET(p[0], &r);
	EQ(SYS(select(p[1] + 1, &r, &w, NULL, NULL)), 2);
	CHECK(FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w));
	FD_ZERO(&r);
	FD_SET(77, &r);
	ERR(select(78, &r, NULL, NULL, NULL), EBADF);
	ERR(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	SYS(close(p[0]));
	SYS(close(p[1]));
}

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* A signal that is blocked but in the call comes there and nowhere else. */
static void masks(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct timespec none = { 0, 0 };
	struct pollfd p;
	sigset_t block, old, seen;
	int ends[2];

	SYS(pipe(ends));
	p = (struct pollfd){ ends[0], POLLIN, 0 };
	SYS(sigaction(SIGUSR1, &sa, NULL));
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	SYS(sigprocmask(SIG_BLOCK, &block, &old));
	SYS(kill(getpid(), SIGUSR1));
	EQ(SYS(poll(&p, 1, 0)), 0);
	EQ(caught, 0);
	ERR(ppoll(&p, 1, NULL, &old), EINTR); /* in spite of SA_RESTART */
	EQ(caught, SIGUSR1);
	SYS(sigprocmask(SIG_SETMASK, NULL, &seen));
	CHECK(sigismember(&seen, SIGUSR1) == 1);
	EQ(SYS(ppoll(&p, 1, &none, &old)), 0);
	SYS(sigprocmask(SIG_SETMASK, NULL, &seen));
	CHECK(sigismember(&seen, SIGUSR1) == 1);
	SYS(sigprocmask(SIG_SETMASK, &old, NULL));
	SYS(close(ends[0]));
	SYS(close(ends[1]));
}

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, cmd, &l);
}

/* What another process would meet: its type, range and holder. */
static struct flock conflict(int fd, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	SYS(fcntl(fd, F_GETLK, &l));
	return l;
}

static void record_locks(void)
{
	int fd = make_file("f", 100, 1), fd2, go[2], status;
	pid_t parent = getpid(), pid;
	struct flock l;
	char c;

	SYS(pipe(go));
	SYS(lock(fd, F_SETLK, F_WRLCK, 10, 30));
	SYS(lock(fd, F_SETLK, F_UNLCK, 20, 10)); /* cut in two */
	SYS(lock(fd, F_SETLK, F_RDLCK, 35, 0));
	pid = test_fork();
	if (pid == 0) {
		ERR(lock(fd, F_SETLK, F_WRLCK, 0, 0), EAGAIN); /* not inherited */
		SYS(lock(fd, F_SETLK, F_WRLCK, 20, 10));
		l = conflict(fd, F_RDLCK, 0, 15);
		EQ(l.l_type, F_WRLCK);
		EQ(l.l_start, 10);
		EQ(l.l_len, 10);
		EQ(l.l_pid, parent);
		l = conflict(fd, F_WRLCK, 1000, 1);
		EQ(l.l_type, F_RDLCK);
		EQ(l.l_start, 35);
		EQ(l.l_len, 0);
		EQ(conflict(fd, F_RDLCK, 50, 10).l_type, F_UNLCK);
		SYS(lock(fd, F_SETLK, F_RDLCK, 50, 10));
		put_token(go[1], 'a');
		SYS(lock(fd, F_SETLKW, F_WRLCK, 10, 5)); /* waits for the parent */
		_exit(5);
	}
	EQ(get_token(go[0]), 'a');
	EQ(conflict(fd, F_WRLCK, 0, 0).l_pid, pid);
	ERR(lock(fd, F_SETLK, F_WRLCK, 50, 1), EAGAIN);
	nap(20);
	EQ(waitpid(pid, &status, WNOHANG), 0);
	fd2 = (int)SYS(open("f", O_RDONLY));
	ERR(lock(fd2, F_SETLK, F_WRLCK, 90, 1), EBADF);
	SYS(close(fd2)); /* any close lets go of all the process's locks on the file */
	EXITED(pid, 5);
	EQ(conflict(fd, F_WRLCK, 0, 0).l_type, F_UNLCK); /* those of the child ended with it */
	ERR(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	ERR(lock(fd, F_SETLK, 77, 0, 1), EINVAL);

	SYS(lock(fd, F_SETLK, F_WRLCK, 0, 1));
	pid = test_fork();
	if (pid == 0) {
		SYS(lock(fd, F_SETLK, F_WRLCK, 1, 1));
		put_token(go[1], 'b');
		SYS(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
		_exit(6);
	}
	EQ(get_token(go[0]), 'b');
	nap(50);
	ERR(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK); /* each would wait for the other */
	SYS(lock(fd, F_SETLK, F_UNLCK, 0, 1));
	EXITED(pid, 6);
	SYS(close(go[1]));
	EQ(SYS(read(go[0], &c, 1)), 0);
	SYS(close(go[0]));
	SYS(close(fd));
	SYS(unlink("f"));
}

static void whole_file_locks(void)
{
	int fd = make_file("f", 1, 1), other = (int)SYS(open("f", O_RDONLY)), same = (int)SYS(dup(fd));

	SYS(flock(fd, LOCK_EX));
	ERR(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
	SYS(flock(same, LOCK_SH)); /* the same open file: converts */
	SYS(flock(other, LOCK_SH | LOCK_NB));
	ERR(flock(fd, LOCK_EX | LOCK_NB), EAGAIN);
	SYS(close(other));
	SYS(flock(fd, LOCK_EX | LOCK_NB));
	SYS(close(fd)); /* held until the last descriptor goes */
	other = (int)SYS(open("f", O_RDONLY));
	ERR(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
	SYS(close(same));
	SYS(flock(other, LOCK_SH | LOCK_NB));
	SYS(flock(other, LOCK_UN));
	ERR(flock(other, 77), EINVAL);

	/* two that convert: each lets its old lock go, so neither waits for ever */
	fd = (int)SYS(open("f", O_RDONLY));
	SYS(flock(fd, LOCK_SH));
	SYS(flock(other, LOCK_SH));
	ERR(flock(fd, LOCK_EX | LOCK_NB), EAGAIN); /* and has lost the old one */
	SYS(flock(other, LOCK_EX | LOCK_NB));
	SYS(flock(other, LOCK_SH));
	SYS(flock(fd, LOCK_SH));
	pid_t pid = test_fork();
	if (pid == 0) {
		SYS(close(fd));
		SYS(flock(other, LOCK_EX));
		SYS(flock(other, LOCK_UN));
		_exit(0);
	}
	SYS(close(other));
	SYS(flock(fd, LOCK_EX));
	SYS(flock(fd, LOCK_UN));
	EXITED(pid, 0);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void vectors(void)
{
	volatile int too_many = 100000;
	int fd = make_file("f", 0, 0);
	char a[4] = "abcd", b[6] = "efghij", in[12] = { 0 };
	struct iovec out[3] = { { a, 4 }, { NULL, 0 }, { b, 6 } }, back[2] = { { in, 3 }, { in + 3, 9 } };

	EQ(SYS(writev(fd, out, 3)), 10);
	EQ(SYS(pwritev(fd, out, 1, 20)), 4);
	EQ(SYS(preadv(fd, back, 2, 1)), 12);
	EQ(memcmp(in, "bcdefghij", 9), 0);
	EQ(SYS(preadv(fd, back, 2, 30)), 0);
	EQ(SYS(lseek(fd, 0, SEEK_SET)), 0);
	EQ(SYS(readv(fd, back, 1)), 3);
	EQ(SYS(readv(fd, back, 0)), 0);
	ERR(readv(fd, back, too_many), EINVAL);
	ERR(readv(77, back, 1), EBADF);
	ERR(preadv(fd, back, 1, -1), EINVAL);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void sending(void)
{
	enum { N = 50000 };
	static unsigned char buf[N];
	int fd = make_file("f", N, 3), to = make_file("g", 0, 0), p[2];
	off_t at = 1000;

	EQ(SYS(sendfile(to, fd, &at, N)), N - 1000);
	EQ(at, N);
	EQ(SYS(pread(to, buf, N, 0)), N - 1000);
	SAME(buf, N - 1000, 1000, 3);
	SYS(pipe(p));
	SYS(lseek(fd, 500, SEEK_SET));
	EQ(SYS(sendfile(p[1], fd, NULL, 700)), 700);
	EQ(SYS(lseek(fd, 0, SEEK_CUR)), 1200);
	EQ(SYS(read(p[0], buf, N)), 700);
	SAME(buf, 700, 500, 3);
	ERR(sendfile(77, fd, NULL, 1), EBADF);
	EQ(SYS(sendfile(to, fd, NULL, 0)), 0);
#ifdef SYS_copy_file_range
	long from = 10, dest = 100000;

	EQ(SYS(syscall(SYS_copy_file_range, fd, &from, to, &dest, 3000ul, 0u)), 3000);
	EQ(from, 3010);
	EQ(SYS(pread(to, buf, 3000, 100000)), 3000);
	SAME(buf, 3000, 10, 3);
#endif
	SYS(close(p[0]));
	SYS(close(p[1]));
	SYS(close(fd));
	SYS(close(to));
	SYS(unlink("f"));
	SYS(unlink("g"));
}

static void files_in_memory(void)
{
	int fd = (int)SYS(memfd_create("test", 0));
	struct stat st;
	char *map, buf[10];

	EQ(SYS(write(fd, "0123456789", 10)), 10);
	SYS(ftruncate(fd, 3 * PG));
	SYS(fstat(fd, &st));
	EQ(st.st_size, 3 * PG);
	map = mmap(NULL, 3 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	EQ(memcmp(map, "0123456789", 10), 0);
	ALL(map + 10, 3 * PG - 10, 0);
	memcpy(map + PG, "mapped", 6);
	EQ(SYS(pread(fd, buf, 6, PG)), 6);
	EQ(memcmp(buf, "mapped", 6), 0);
	SYS(munmap(map, 3 * PG));
	SYS(close(fd));
}

static const struct test tests[] = {
	{ "poll", polling },
	{ "poll of many", many_descriptors },
	{ "select", selecting },
	{ "signal masks", masks },
	{ "record locks", record_locks },
	{ "whole-file locks", whole_file_locks },
	{ "vectors", vectors },
	{ "sendfile and copies", sending },
	{ "files in memory", files_in_memory },
};

TEST_MAIN("waittest", tests)
