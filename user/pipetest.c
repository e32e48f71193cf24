/* SPDX-License-Identifier: ISC */
/* pipetest: pipes: order, end of file, capacity, atomic writes, sharing by dup and fork, blocking and not. */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <sys/uio.h>
#include <time.h>

#include "include/testlib.h"

#ifndef PIPE_BUF
#define PIPE_BUF 4096
#endif

static int fd[2];

static void open_pipe(void)
{
	SYS(pipe(fd));
}

static void close_pipe(void)
{
	SYS(close(fd[0]));
	SYS(close(fd[1]));
}

static void nap(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

static void basics(void)
{
	char buf[100];
	struct stat st;

	open_pipe();
	EQ(SYS(write(fd[1], "hello, pipe", 11)), 11);
	EQ(SYS(read(fd[0], buf, 5)), 5);
	EQ(memcmp(buf, "hello", 5), 0);
	EQ(SYS(write(fd[1], "!", 1)), 1);
	EQ(SYS(read(fd[0], buf, sizeof(buf))), 7); /* what is there, not what was asked */
	EQ(memcmp(buf, ", pipe!", 7), 0);
	EQ(SYS(write(fd[1], buf, 0)), 0);
	SYS(fstat(fd[0], &st));
	CHECK(S_ISFIFO(st.st_mode));
	ERR(lseek(fd[0], 0, SEEK_CUR), ESPIPE);
	ERR(pread(fd[0], buf, 1, 0), ESPIPE);
	ERR(pwrite(fd[1], buf, 1, 0), ESPIPE);
	ERR(read(fd[1], buf, 1), EBADF);
	ERR(write(fd[0], buf, 1), EBADF);
	ERR(ftruncate(fd[1], 0), EINVAL);
	SYS(close(fd[1]));
	EQ(SYS(read(fd[0], buf, 1)), 0);
	EQ(SYS(read(fd[0], buf, 1)), 0);
	SYS(close(fd[0]));
}

static void end_of_file(void)
{
	char c;
	pid_t pid;

	open_pipe();
	pid = test_fork();
	if (pid == 0) {
		SYS(close(fd[0]));
		nap(20);
		put_token(fd[1], 'x');
		nap(20);
		_exit(0); /* closes the last writing end while the parent waits */
	}
	SYS(close(fd[1]));
	EQ(get_token(fd[0]), 'x');
	EQ(SYS(read(fd[0], &c, 1)), 0);
	EXITED(pid, 0);
	SYS(close(fd[0]));
}

static void large(void)
{
	enum { TOTAL = 4 << 20 };
	static unsigned char buf[10007];
	unsigned long at = 0;
	long n;
	pid_t pid;

	open_pipe();
	pid = test_fork();
	if (pid == 0) {
		SYS(close(fd[0]));
		while (at < TOTAL) { /* sizes around and above the pipe's */
			unsigned long len = 1 + at * 7919 % sizeof(buf);

			if (len > TOTAL - at)
				len = TOTAL - at;
			fill(buf, len, at, 1);
			EQ(SYS(write(fd[1], buf, len)), len); /* blocking writes are complete */
			at += len;
		}
		_exit(0);
	}
	SYS(close(fd[1]));
	while ((n = SYS(read(fd[0], buf, 1 + at * 104729 % sizeof(buf)))) > 0) {
		SAME(buf, (unsigned long)n, at, 1);
		at += (unsigned long)n;
	}
	EQ(at, TOTAL);
	EXITED(pid, 0);
	SYS(close(fd[0]));
}

static void one_large_write(void)
{
	unsigned long n = MIB / 2, at = 0;
	unsigned char *buf = malloc(n);
	long got;
	pid_t pid;

	CHECK(buf != NULL);
	open_pipe();
	pid = test_fork();
	if (pid == 0) {
		SYS(close(fd[0]));
		fill(buf, n, 0, 2);
		EQ(SYS(write(fd[1], buf, n)), n);
		_exit(0);
	}
	SYS(close(fd[1]));
	while ((got = SYS(read(fd[0], buf, 3000))) > 0) {
		SAME(buf, (unsigned long)got, at, 2);
		at += (unsigned long)got;
	}
	EQ(at, n);
	EXITED(pid, 0);
	SYS(close(fd[0]));
	free(buf);
}

static void atomic_writes(void)
{
	enum { WRITERS = 4, RECORDS = 100, SIZE = 1000 };
	unsigned char buf[SIZE];
	int seen[WRITERS] = { 0 };
	pid_t pid[WRITERS];

	CHECK(SIZE <= PIPE_BUF);
	open_pipe();
	for (int w = 0; w < WRITERS; w++) {
		pid[w] = test_fork();
		if (pid[w] == 0) {
			memset(buf, 'a' + w, SIZE);
			for (int i = 0; i < RECORDS; i++)
				EQ(SYS(write(fd[1], buf, SIZE)), SIZE);
			_exit(0);
		}
	}
	SYS(close(fd[1]));
	for (;;) {
		unsigned long got = 0;
		long n = 0;

		while (got < SIZE && (n = SYS(read(fd[0], buf + got, SIZE - got))) > 0)
			got += (unsigned long)n;
		if (!got)
			break;
		EQ(got, SIZE);
		ALL(buf, SIZE, buf[0]); /* a record is of one writer */
		CHECK(buf[0] >= 'a' && buf[0] < 'a' + WRITERS);
		seen[buf[0] - 'a']++;
	}
	for (int w = 0; w < WRITERS; w++) {
		EQ(seen[w], RECORDS);
		EXITED(pid[w], 0);
	}
	SYS(close(fd[0]));
}

static void not_blocking(void)
{
	char buf[512];
	long total = 0, n;

	SYS(pipe2(fd, O_NONBLOCK));
	EQ(SYS(fcntl(fd[0], F_GETFL)) & O_NONBLOCK, O_NONBLOCK);
	ERR(read(fd[0], buf, 1), EAGAIN);
	memset(buf, 'n', sizeof(buf));
	while ((n = write(fd[1], buf, sizeof(buf))) > 0)
		total += n;
	EQ(n, -1);
	EQ(errno, EAGAIN);
	CHECK(total >= PIPE_BUF && total <= 16 * (long)MIB);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0) {
		ALL(buf, (unsigned long)n, 'n');
		total -= n;
	}
	EQ(total, 0);
	EQ(errno, EAGAIN);
	SYS(fcntl(fd[0], F_SETFL, 0));
	EQ(SYS(fcntl(fd[0], F_GETFL)) & O_NONBLOCK, 0);
	EQ(SYS(fcntl(fd[1], F_GETFL)) & O_NONBLOCK, O_NONBLOCK);
	SYS(close(fd[1]));
	EQ(SYS(read(fd[0], buf, 1)), 0);
	SYS(close(fd[0]));
}

static void full_pipe_blocks(void)
{
	char buf[4096];
	long n;
	pid_t pid;

	SYS(pipe(fd));
	SYS(fcntl(fd[1], F_SETFL, O_NONBLOCK));
	memset(buf, 1, sizeof(buf));
	while (write(fd[1], buf, sizeof(buf)) > 0)
		;
	while (write(fd[1], buf, 1) > 0)
		;
	SYS(fcntl(fd[1], F_SETFL, 0));
	pid = test_fork();
	if (pid == 0) {
		SYS(close(fd[0]));
		put_token(fd[1], 2); /* sleeps until there is room */
		_exit(0);
	}
	SYS(close(fd[1]));
	nap(20);
	EQ(waitpid(pid, NULL, WNOHANG), 0);
	do {
		n = SYS(read(fd[0], buf, sizeof(buf)));
		if (n > 0 && buf[n - 1] == 2)
			break;
	} while (n > 0);
	CHECK(n > 0);
	EQ(SYS(read(fd[0], buf, 1)), 0);
	EXITED(pid, 0);
	SYS(close(fd[0]));
}

static void reader_leaves(void)
{
	char buf[4096] = { 0 };
	pid_t pid;

	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	open_pipe();
	pid = test_fork();
	if (pid == 0) {
		SYS(close(fd[1]));
		nap(20);
		_exit(0); /* the writer sleeps on a full pipe */
	}
	SYS(close(fd[0]));
	while (write(fd[1], buf, sizeof(buf)) > 0)
		;
	EQ(errno, EPIPE);
	EXITED(pid, 0);
	SYS(close(fd[1]));
	CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
}

static void duplicates(void)
{
	int d, e;
	char c;

	open_pipe();
	d = (int)SYS(dup(fd[1]));
	e = (int)SYS(dup2(fd[1], 50));
	EQ(e, 50);
	EQ(SYS(dup2(e, e)), e);
	ERR(dup2(49, 50), EBADF);
	ERR(dup2(fd[1], -1), EBADF);
	SYS(close(fd[1]));
	put_token(d, 'd');
	put_token(e, 'e');
	EQ(get_token(fd[0]), 'd');
	SYS(close(d));
	EQ(get_token(fd[0]), 'e');
	d = (int)SYS(fcntl(e, F_DUPFD, 60));
	CHECK(d >= 60);
	SYS(close(e)); /* another writing end is still open */
	put_token(d, 'f');
	EQ(get_token(fd[0]), 'f');
	EQ(SYS(dup2(fd[0], d)), d); /* closes the last writing end */
	EQ(SYS(read(d, &c, 1)), 0);
	SYS(close(d));
	SYS(close(fd[0]));
	EQ(SYS(pipe2(fd, O_CLOEXEC)), 0);
	EQ(SYS(fcntl(fd[0], F_GETFD)), FD_CLOEXEC);
	d = (int)SYS(dup(fd[0]));
	EQ(SYS(fcntl(d, F_GETFD)), 0);
	SYS(close(d));
	close_pipe();
	ERR(pipe2(fd, 1), EINVAL);
}

static void chain(void)
{
	enum { N = 6 };
	int in, first;
	pid_t pid[N];

	open_pipe();
	first = fd[1];
	in = fd[0];
	for (int i = 0; i < N; i++) {
		SYS(pipe(fd));
		pid[i] = test_fork();
		if (pid[i] == 0) {
			int c;

			SYS(close(first));
			SYS(close(fd[0]));
			while ((c = get_token(in)) >= 0)
				put_token(fd[1], c + 1);
			_exit(0);
		}
		SYS(close(in));
		SYS(close(fd[1]));
		in = fd[0];
	}
	for (int i = 0; i < 100; i++) {
		put_token(first, i);
		EQ(get_token(in), i + N);
	}
	SYS(close(first)); /* the end of file travels down the chain */
	EQ(get_token(in), -1);
	for (int i = 0; i < N; i++)
		EXITED(pid[i], 0);
	SYS(close(in));
}

static void named(void)
{
	struct stat st;
	pid_t pid;
	int f;

	SYS(mkfifo("p", 0600));
	ERR(mkfifo("p", 0600), EEXIST);
	SYS(stat("p", &st));
	CHECK(S_ISFIFO(st.st_mode));
	ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	pid = test_fork();
	if (pid == 0) {
		f = (int)SYS(open("p", O_WRONLY));
		put_token(f, 'n');
		_exit(0);
	}
	f = (int)SYS(open("p", O_RDONLY)); /* the two opens wait for each other */
	EQ(get_token(f), 'n');
	EQ(get_token(f), -1);
	EXITED(pid, 0);
	SYS(close(f));
	SYS(unlink("p"));
}

/* how many bytes fit, and that they are still there when the size has changed */
static void sizes(void)
{
	static unsigned char buf[1 << 20], back[1 << 20];

	open_pipe();
	EQ(SYS(fcntl(fd[0], F_GETPIPE_SZ)), 65536);
	EQ(SYS(fcntl(fd[1], F_SETPIPE_SZ, 100000)), 131072);
	EQ(SYS(fcntl(fd[0], F_GETPIPE_SZ)), 131072);
	SYS(fcntl(fd[1], F_SETFL, O_NONBLOCK));
	fill(buf, sizeof(buf), 0, 3);
	EQ(SYS(write(fd[1], buf, sizeof(buf))), 131072);
	ERR(fcntl(fd[1], F_SETPIPE_SZ, 65536), EBUSY);
	EQ(SYS(read(fd[0], back, 65536)), 65536);
	EQ(SYS(fcntl(fd[1], F_SETPIPE_SZ, 65536)), 65536);
	ERR(write(fd[1], buf, 1), EAGAIN);
	EQ(SYS(fcntl(fd[1], F_SETPIPE_SZ, 1 << 20)), 1 << 20);
	EQ(SYS(write(fd[1], buf + 131072, (1 << 20) - 131072)), (1 << 20) - 131072);
	for (long at = 65536; at < 1 << 20;)
		at += SYS(read(fd[0], back + at, sizeof(back) - (unsigned long)at));
	SAME(back, sizeof(back), 0, 3);
	EQ(SYS(fcntl(fd[1], F_SETPIPE_SZ, 1)), 4096);
	EQ(SYS(write(fd[1], buf, 8192)), 4096);
	EQ(SYS(read(fd[0], back, 8192)), 4096);
	EQ(SYS(fcntl(fd[1], F_SETPIPE_SZ, 0)), 4096);
	ERR(fcntl(open(".", O_RDONLY), F_GETPIPE_SZ), EBADF);
	SYS(close(fd[1] + 1)); /* that directory */
	close_pipe();
}

static int events_of(int f, int asked)
{
	struct pollfd p = { .fd = f, .events = (short)asked };

	SYS(poll(&p, 1, 0));
	return p.revents;
}

/* FIFOs: opens that do not wait, ends that come back, data that outlives no reader */
static void named_ends(void)
{
	char c;
	int in, out, both;

	SYS(mkfifo("p", 0600));
	in = (int)SYS(open("p", O_RDONLY | O_NONBLOCK));
	EQ(SYS(read(in, &c, 1)), 0); /* nobody has it open for writing */
	EQ(events_of(in, POLLIN), 0);
	out = (int)SYS(open("p", O_WRONLY | O_NONBLOCK));
	ERR(read(in, &c, 1), EAGAIN);
	put_token(out, 'a');
	EQ(events_of(in, POLLIN), POLLIN);
	SYS(close(out));
	EQ(events_of(in, POLLIN), POLLIN | POLLHUP);
	EQ(get_token(in), 'a');
	EQ(SYS(read(in, &c, 1)), 0);
	EQ(events_of(in, POLLIN), POLLHUP);
	out = (int)SYS(open("p", O_WRONLY));
	EQ(events_of(in, POLLIN), 0); /* open again */
	put_token(out, 'b');
	SYS(close(in));
	signal(SIGPIPE, SIG_IGN);
	ERR(write(out, &c, 1), EPIPE);
	EQ(events_of(out, POLLOUT) & POLLERR, POLLERR);
	in = (int)SYS(open("p", O_RDONLY | O_NONBLOCK));
	EQ(get_token(in), 'b'); /* somebody had it open all the time */
	SYS(close(in));
	SYS(close(out));
	signal(SIGPIPE, SIG_DFL);

	/* with both ends in one descriptor nobody waits */
	both = (int)SYS(open("p", O_RDWR));
	put_token(both, 'c');
	EQ(events_of(both, POLLIN | POLLOUT), POLLIN | POLLOUT);
	SYS(unlink("p")); /* the name is gone, the pipe is not */
	EQ(get_token(both), 'c');
	ERR(lseek(both, 0, SEEK_SET), ESPIPE);
	SYS(close(both));
	ERR(open("p", O_RDONLY), ENOENT);
}

/* More pieces than a kernel may want to keep on its stack, and larger in all than a page. */
static void long_vectors(void)
{
	enum { PIECES = 300, PIECE = 40, ROUNDS = 10 };
	static unsigned char buf[PIECES * PIECE];
	struct iovec vec[PIECES];
	unsigned long at = 0;
	long n;
	pid_t pid;

	for (int i = 0; i < PIECES; i++)
		vec[i] = (struct iovec){ buf + i * PIECE, PIECE };
	open_pipe();
	pid = test_fork();
	if (pid == 0) {
		for (; at < ROUNDS * sizeof(buf); at += sizeof(buf)) {
			fill(buf, sizeof(buf), at, 1);
			EQ(SYS(writev(fd[1], vec, PIECES)), sizeof(buf));
		}
		_exit(0);
	}
	SYS(close(fd[1]));
	while ((n = SYS(readv(fd[0], vec, PIECES))) > 0) {
		SAME(buf, (unsigned long)n, at, 1);
		at += (unsigned long)n;
	}
	EQ(at, ROUNDS * sizeof(buf));
	EXITED(pid, 0);
	SYS(close(fd[0]));
}

/* Of many pipes that one process waits for, another one writes to one after the other. */
static void long_polls(void)
{
	enum { PIPES = 60, TURNS = 200 };
	struct pollfd fds[PIPES];
	int ends[PIPES];
	pid_t pid;

	for (int i = 0; i < PIPES; i++) {
		open_pipe();
		fds[i] = (struct pollfd){ fd[0], POLLIN, 0 };
		ends[i] = fd[1];
	}
	open_pipe();
	pid = test_fork();
	if (pid == 0) {
		for (int turn = 0; turn < TURNS; turn++) {
			put_token(ends[turn * 7 % PIPES], (char)(turn % 100));
			EQ(get_token(fd[0]), turn % 100);
		}
		_exit(0);
	}
	for (int turn = 0; turn < TURNS; turn++) {
		EQ(SYS(poll(fds, PIPES, -1)), 1);
		EQ(fds[turn * 7 % PIPES].revents, POLLIN);
		EQ(get_token(fds[turn * 7 % PIPES].fd), turn % 100);
		put_token(fd[1], (char)(turn % 100));
	}
	EXITED(pid, 0);
	close_pipe();
	for (int i = 0; i < PIPES; i++) {
		SYS(close(fds[i].fd));
		SYS(close(ends[i]));
	}
}

static const struct test tests[] = {
	{ "basics", basics },
	{ "end of file", end_of_file },
	{ "4 MiB in pieces", large },
	{ "one large write", one_large_write },
	{ "atomic writes", atomic_writes },
	{ "O_NONBLOCK", not_blocking },
	{ "full pipe", full_pipe_blocks },
	{ "reader leaves", reader_leaves },
	{ "duplicates", duplicates },
	{ "chain", chain },
	{ "named pipe", named },
	{ "sizes", sizes },
	{ "named ends", named_ends },
	{ "long vectors", long_vectors },
	{ "long polls", long_polls },
};

TEST_MAIN("pipetest", tests)
