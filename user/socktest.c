/* SPDX-License-Identifier: ISC */
/* socktest: connected pairs of stream sockets. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "include/testlib.h"

static int s[2];

static void begin(int type)
{
	SYS(socketpair(AF_UNIX, type, 0, s));
}

static int events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	SYS(poll(&p, 1, 0));
	return p.revents;
}

static void basics(void)
{
	struct sockaddr a;
	socklen_t n = sizeof(a);
	struct stat st;
	char buf[16];
	int value, none[2];

	begin(SOCK_STREAM | SOCK_CLOEXEC);
	EQ(SYS(fcntl(s[0], F_GETFD)), FD_CLOEXEC);
	SYS(fstat(s[0], &st));
	CHECK(S_ISSOCK(st.st_mode));
	ERR(lseek(s[0], 0, SEEK_SET), ESPIPE);
	EQ(SYS(write(s[0], "there", 5)), 5);
	EQ(SYS(write(s[1], "and back", 8)), 8);
	EQ(SYS(read(s[1], buf, 16)), 5);
	EQ(SYS(recv(s[0], buf, 4, 0)), 4);
	EQ(SYS(recv(s[0], buf, 16, MSG_DONTWAIT)), 4);
	ERR(recv(s[0], buf, 16, MSG_DONTWAIT), EAGAIN);
	EQ(SYS(send(s[0], "x", 1, MSG_NOSIGNAL)), 1);
	EQ(SYS(read(s[1], buf, 16)), 1);
	SYS(getpeername(s[0], &a, &n));
	EQ(a.sa_family, AF_UNIX);
	EQ(n, sizeof(sa_family_t));
	n = sizeof(value);
	SYS(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &value, &n));
	EQ(value, SOCK_STREAM);
	n = sizeof(a);
	ERR(getpeername(0, &a, &n), ENOTSOCK);
	ERR(getpeername(999, &a, &n), EBADF);
	ERR(shutdown(s[0], 5), EINVAL);
	ERR(socketpair(99, SOCK_STREAM, 0, none), EAFNOSUPPORT);
	SYS(close(s[0]) | close(s[1]));
}

static void ends(void)
{
	char c;

	begin(SOCK_STREAM | SOCK_NONBLOCK);
	EQ(events_of(s[0]), POLLOUT);
	ERR(read(s[0], &c, 1), EAGAIN);
	put_token(s[1], 'a');
	EQ(events_of(s[0]), POLLIN | POLLOUT);
	SYS(shutdown(s[1], SHUT_WR)); /* half of it goes on */
	ERR(send(s[1], "b", 1, MSG_NOSIGNAL), EPIPE);
	EQ(events_of(s[0]), POLLIN | POLLOUT | POLLRDHUP);
	EQ(get_token(s[0]), 'a');
	EQ(SYS(read(s[0], &c, 1)), 0);
	put_token(s[0], 'c');
	EQ(get_token(s[1]), 'c');
	SYS(close(s[1]));
	EQ(events_of(s[0]) & POLLHUP, POLLHUP);
	EQ(SYS(read(s[0], &c, 1)), 0);
	signal(SIGPIPE, SIG_IGN);
	ERR(write(s[0], "d", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	pid_t pid = test_fork();
	if (pid == 0) {
		send(s[0], "e", 1, 0);
		_exit(0);
	}
	KILLED(pid, SIGPIPE);
	SYS(close(s[0]));
}

/* a mebibyte each way at once, and an epoll that hears of both directions */
static void both_ways(void)
{
	static unsigned char out[1 << 20], in[1 << 20];
	int ep = (int)SYS(epoll_create1(0));
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT };
	unsigned long sent = 0, got = 0;

	begin(SOCK_STREAM);
	pid_t pid = test_fork();
	if (pid == 0) { /* sends back what comes */
		SYS(close(s[0]));
		for (long n; (n = SYS(read(s[1], in, 5000))) > 0;)
			for (long at = 0; at < n;)
				at += SYS(write(s[1], in + at, (unsigned long)(n - at)));
		_exit(0);
	}
	SYS(close(s[1]));
	SYS(fcntl(s[0], F_SETFL, O_NONBLOCK));
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &ev));
	fill(out, sizeof(out), 0, 4);
	while (got < sizeof(in)) {
		EQ(SYS(epoll_wait(ep, &ev, 1, 10000)), 1);
		if (ev.events & EPOLLIN) {
			long n = read(s[0], in + got, sizeof(in) - got);

			CHECK(n > 0);
			got += (unsigned long)n;
		}
		if (ev.events & EPOLLOUT && sent < sizeof(out)) {
			long n = write(s[0], out + sent,
				       sizeof(out) - sent < 9000 ? sizeof(out) - sent : 9000);

			if (n > 0)
				sent += (unsigned long)n;
			if (sent == sizeof(out)) {
				SYS(shutdown(s[0], SHUT_WR));
				ev.events = EPOLLIN;
				SYS(epoll_ctl(ep, EPOLL_CTL_MOD, s[0], &ev));
			}
		}
	}
	SAME(in, sizeof(in), 0, 4);
	EXITED(pid, 0);
	SYS(close(s[0]) | close(ep));
}

static const struct test tests[] = { { "basics", basics }, { "ends", ends }, { "both ways", both_ways } };

TEST_MAIN("socktest", tests)
