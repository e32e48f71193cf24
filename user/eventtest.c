/* SPDX-License-Identifier: ISC */
/*
 * eventtest: descriptors to wait on: counters, timers, signals, and epoll over all kinds of them, level- and
 * edge-triggered, once, and in each other.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>

#include "include/testlib.h"

static long now_ms(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int events_of(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	SYS(poll(&p, 1, 0));
	return p.revents;
}

/* ---- counters ---- */

static void counters(void)
{
	int fd = (int)SYS(eventfd(3, EFD_NONBLOCK));
	uint64_t v = 0;
	char c[4];

	EQ(events_of(fd), POLLIN | POLLOUT);
	EQ(SYS(read(fd, &v, sizeof(v))), 8);
	EQ(v, 3);
	ERR(read(fd, &v, sizeof(v)), EAGAIN);
	ERR(read(fd, c, sizeof(c)), EINVAL);
	ERR(write(fd, c, sizeof(c)), EINVAL);
	EQ(events_of(fd), POLLOUT);
	v = UINT64_MAX;
	ERR(write(fd, &v, sizeof(v)), EINVAL);
	v = UINT64_MAX - 1;
	EQ(SYS(write(fd, &v, sizeof(v))), 8);
	EQ(events_of(fd), POLLIN);
	v = 1;
	ERR(write(fd, &v, sizeof(v)), EAGAIN);
	v = 0;
	EQ(SYS(write(fd, &v, sizeof(v))), 8);
	EQ(SYS(read(fd, &v, sizeof(v))), 8);
	CHECK(v == UINT64_MAX - 1);
	SYS(close(fd));

	fd = (int)SYS(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	for (int i = 0; i < 2; i++) {
		EQ(SYS(read(fd, &v, sizeof(v))), 8);
		EQ(v, 1);
	}
	ERR(read(fd, &v, sizeof(v)), EAGAIN);
	SYS(close(fd));
	ERR(eventfd(0, 0x40), EINVAL);
	EQ(SYS(fcntl(fd = (int)SYS(eventfd(0, EFD_CLOEXEC)), F_GETFD)), FD_CLOEXEC);

	/* both ends wait */
	pid_t pid = test_fork();
	if (pid == 0) {
		SYS(eventfd_read(fd, &v));
		EQ(v, 7);
		usleep(50000);
		SYS(eventfd_read(fd, &v));
		_exit(0);
	}
	usleep(30000);
	SYS(eventfd_write(fd, 7));
	while (events_of(fd) & POLLIN)
		usleep(1000);
	SYS(eventfd_write(fd, UINT64_MAX - 1));
	SYS(eventfd_write(fd, 5)); /* waits for the child's second read */
	SYS(eventfd_read(fd, &v));
	EQ(v, 5);
	EXITED(pid, 0);
	SYS(close(fd));
}

/* ---- timers ---- */

static struct itimerspec in_ms(long first, long period)
{
	struct itimerspec t = { .it_value = { first / 1000, first % 1000 * 1000000 },
				.it_interval = { period / 1000, period % 1000 * 1000000 } };

	return t;
}

static void timers(void)
{
	int fd = (int)SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
	struct itimerspec t = in_ms(60, 0), old;
	uint64_t ticks;
	long start;

	ERR(read(fd, &ticks, sizeof(ticks)), EAGAIN);
	start = now_ms();
	SYS(timerfd_settime(fd, 0, &t, NULL));
	ERR(read(fd, &ticks, sizeof(ticks)), EAGAIN);
	SYS(timerfd_gettime(fd, &old));
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 60000000);
	EQ(events_of(fd), 0);
	SYS(fcntl(fd, F_SETFL, 0));
	EQ(SYS(read(fd, &ticks, sizeof(ticks))), 8); /* waits */
	EQ(ticks, 1);
	CHECK(now_ms() - start >= 59);
	SYS(timerfd_gettime(fd, &old));
	EQ(old.it_value.tv_nsec + old.it_value.tv_sec, 0);

	/* periods */
	t = in_ms(20, 20);
	start = now_ms();
	SYS(timerfd_settime(fd, 0, &t, NULL));
	usleep(110000);
	EQ(events_of(fd), POLLIN);
	EQ(SYS(read(fd, &ticks, sizeof(ticks))), 8);
	CHECK(ticks >= 5 && (long)ticks <= (now_ms() - start) / 20 + 1);
	EQ(SYS(read(fd, &ticks, sizeof(ticks))), 8);
	CHECK(ticks >= 1);
	t = in_ms(0, 0);
	SYS(timerfd_settime(fd, 0, &t, &old)); /* stops it */
	EQ(old.it_interval.tv_nsec, 20000000);
	SYS(fcntl(fd, F_SETFL, O_NONBLOCK));
	usleep(30000);
	ERR(read(fd, &ticks, sizeof(ticks)), EAGAIN);

	/* a period much shorter than anyone can read */
	t.it_value.tv_nsec = t.it_interval.tv_nsec = 1;
	SYS(timerfd_settime(fd, 0, &t, NULL));
	usleep(10000);
	EQ(SYS(read(fd, &ticks, sizeof(ticks))), 8);
	CHECK(ticks >= 9000000);
	SYS(close(fd));

	/* absolute, on both clocks: what is past is now */
	for (int clock = 0; clock < 2; clock++) {
		struct timespec now;

		fd = (int)SYS(timerfd_create(clock, 0));
		SYS(clock_gettime(clock, &now));
		t.it_interval.tv_nsec = 0;
		t.it_value = now;
		t.it_value.tv_nsec += 40000000;
		if (t.it_value.tv_nsec >= 1000000000) {
			t.it_value.tv_nsec -= 1000000000;
			t.it_value.tv_sec++;
		}
		start = now_ms();
		SYS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
		EQ(SYS(read(fd, &ticks, sizeof(ticks))), 8);
		CHECK(now_ms() - start >= 38);
		t.it_value.tv_sec = 0;
		SYS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
		EQ(SYS(read(fd, &ticks, sizeof(ticks))), 8);
		EQ(ticks, 1);
		SYS(close(fd));
	}
	ERR(timerfd_create(99, 0), EINVAL);
	ERR(timerfd_settime(0, 0, &t, NULL), EINVAL);
	fd = (int)SYS(timerfd_create(CLOCK_MONOTONIC, 0));
	t.it_value.tv_nsec = 1000000000;
	ERR(timerfd_settime(fd, 0, &t, NULL), EINVAL);
	ERR(write(fd, &ticks, 8), EINVAL);
	SYS(close(fd));
}

/* timers that wait for a time of the wall clock, which is set: only where that harms nobody */
static void wall_clock(void)
{
	int fd, other, until;
	struct timespec now, later;
	struct itimerspec t = in_ms(0, 0), left;
	struct utsname u;
	uint64_t ticks;

	SYS(uname(&u));
	if (!strstr(u.release, "quire"))
		return;
	fd = (int)SYS(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	other = (int)SYS(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	until = (int)SYS(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK));
	SYS(clock_gettime(CLOCK_REALTIME, &now));
	t.it_value = (struct timespec){ now.tv_sec + 1000, 0 };
	SYS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
	SYS(timerfd_settime(until, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL));
	t.it_value.tv_sec = 1000;
	SYS(timerfd_settime(other, 0, &t, NULL));
	later = (struct timespec){ now.tv_sec + 900, now.tv_nsec };
	SYS(clock_settime(CLOCK_REALTIME, &later));
	SYS(timerfd_gettime(fd, &left));
	CHECK(left.it_value.tv_sec >= 95 && left.it_value.tv_sec <= 100);
	SYS(timerfd_gettime(other, &left));
	CHECK(left.it_value.tv_sec >= 995);
	ERR(read(fd, &ticks, 8), EAGAIN);
	EQ(events_of(until), POLLIN);
	ERR(read(until, &ticks, 8), ECANCELED);
	ERR(read(until, &ticks, 8), EAGAIN);
	later.tv_sec = now.tv_sec + 1001;
	SYS(clock_settime(CLOCK_REALTIME, &later));
	SYS(fcntl(fd, F_SETFL, 0));
	EQ(SYS(read(fd, &ticks, 8)), 8);
	EQ(ticks, 1);
	ERR(read(other, &ticks, 8), EAGAIN);
	SYS(clock_settime(CLOCK_REALTIME, &now));
	SYS(close(fd) | close(other) | close(until));
}

/* ---- signals ---- */

static void signals(void)
{
	struct signalfd_siginfo si[4];
	sigset_t set, all;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGCHLD);
	SYS(sigprocmask(SIG_BLOCK, &set, NULL));
	fd = (int)SYS(signalfd(-1, &set, SFD_NONBLOCK));
	ERR(read(fd, si, sizeof(si)), EAGAIN);
	ERR(read(fd, si, sizeof(si[0]) - 1), EINVAL);
	EQ(events_of(fd), 0);
	SYS(kill(getpid(), SIGUSR1));
	EQ(events_of(fd), POLLIN);
	EQ(SYS(read(fd, si, sizeof(si))), sizeof(si[0]));
	EQ(si[0].ssi_signo, SIGUSR1);
	EQ(si[0].ssi_code, SI_USER);
	EQ(si[0].ssi_pid, getpid());
	EQ(si[0].ssi_uid, getuid());
	ERR(read(fd, si, sizeof(si)), EAGAIN);

	/* two at once; a child's end, waited for */
	SYS(fcntl(fd, F_SETFL, 0));
	pid_t pid = test_fork();
	if (pid == 0) {
		usleep(30000);
		_exit(9);
	}
	EQ(SYS(read(fd, si, sizeof(si))), sizeof(si[0]));
	EQ(si[0].ssi_signo, SIGCHLD);
	EQ(si[0].ssi_pid, pid);
	EQ(si[0].ssi_status, 9);
	EQ(si[0].ssi_code, CLD_EXITED);
	EXITED(pid, 9);
	SYS(kill(getpid(), SIGUSR1));
	SYS(kill(getpid(), SIGCHLD));
	EQ(SYS(read(fd, si, sizeof(si))), 2 * sizeof(si[0]));

	/* a new mask for the same descriptor */
	SYS(kill(getpid(), SIGUSR1));
	sigdelset(&set, SIGUSR1);
	EQ(SYS(signalfd(fd, &set, 0)), fd);
	EQ(events_of(fd), 0);
	sigaddset(&set, SIGUSR1);
	EQ(SYS(signalfd(fd, &set, 0)), fd);
	EQ(events_of(fd), POLLIN);
	EQ(SYS(read(fd, si, sizeof(si))), sizeof(si[0]));
	ERR(signalfd(0, &set, 0), EINVAL);
	ERR(signalfd(999, &set, 0), EBADF);
	sigfillset(&all);
	SYS(close(SYS(signalfd(-1, &all, 0))));
	SYS(close(fd));
	SYS(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

/* ---- epoll ---- */

static void watch(int ep, int op, int fd, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	SYS(epoll_ctl(ep, op, fd, &ev));
}

/* the one event there is now, with its descriptor; 0: none */
static unsigned one(int ep, int fd)
{
	struct epoll_event ev[3];
	int n = (int)SYS(epoll_wait(ep, ev, 3, 0));

	CHECK(n <= 1);
	if (n)
		EQ(ev[0].data.fd, fd);
	return n ? ev[0].events : 0;
}

static void control(void)
{
	void *volatile nowhere = (void *)8, *volatile beyond =
						    (void *)-4096l; /* not for the compiler's eyes */
	volatile int negative = -1;
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC)), p[2], file = make_file("f", 1, 1);

	SYS(pipe(p));
	ERR(epoll_create1(1), EINVAL);
	ERR(epoll_create(0), EINVAL);
	ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &ev), EBADF);
	ERR(epoll_ctl(999, EPOLL_CTL_ADD, p[0], &ev), EBADF);
	ERR(epoll_ctl(p[1], EPOLL_CTL_ADD, p[0], &ev), EINVAL);
	ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
	ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev), EPERM);
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev), ENOENT);
	ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), ENOENT);
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	ERR(epoll_ctl(ep, 7, p[0], &ev), EINVAL);
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], NULL), EFAULT);
	SYS(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
	ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	ERR(epoll_wait(ep, &ev, negative, 0), EINVAL);
	ERR(epoll_wait(p[0], &ev, 1, 0), EINVAL);
	ERR(epoll_wait(999, &ev, 1, 0), EBADF);
	ERR(epoll_wait(ep, beyond, 1, 0), EFAULT);
	watch(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT);
	ERR(epoll_wait(ep, nowhere, 1, 0), EFAULT);
	EQ(one(ep, p[1]), EPOLLOUT); /* it was not lost */
	SYS(close(file) | close(p[0]) | close(p[1]) | close(ep));
	SYS(unlink("f"));
}

static void level(void)
{
	int ep = (int)SYS(epoll_create1(0)), p[2];
	long start = now_ms();
	char c;

	SYS(pipe(p));
	watch(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
	EQ(one(ep, p[0]), 0);
	struct epoll_event ev;
	EQ(SYS(epoll_wait(ep, &ev, 1, 30)), 0);
	CHECK(now_ms() - start >= 29);
	put_token(p[1], 'a');
	put_token(p[1], 'b');
	EQ(one(ep, p[0]), EPOLLIN);
	EQ(one(ep, p[0]), EPOLLIN);
	EQ(SYS(read(p[0], &c, 1)), 1);
	EQ(one(ep, p[0]), EPOLLIN);
	EQ(SYS(read(p[0], &c, 1)), 1);
	EQ(one(ep, p[0]), 0);
	watch(ep, EPOLL_CTL_MOD, p[0], 0);
	put_token(p[1], 'c');
	EQ(one(ep, p[0]), 0);
	watch(ep, EPOLL_CTL_MOD, p[0], EPOLLIN);
	EQ(one(ep, p[0]), EPOLLIN);
	SYS(close(p[1]));
	EQ(one(ep, p[0]), EPOLLIN | EPOLLHUP);
	EQ(SYS(read(p[0], &c, 1)), 1);
	EQ(one(ep, p[0]), EPOLLHUP); /* asked for or not */
	SYS(close(p[0]));
	EQ(SYS(epoll_wait(ep, &ev, 1, 0)), 0); /* it went with its file */
	SYS(close(ep));
}

static void edge(void)
{
	int ep = (int)SYS(epoll_create1(0)), p[2], n = 0;
	static char buf[65536];

	SYS(pipe2(p, O_NONBLOCK));
	watch(ep, EPOLL_CTL_ADD, p[0], EPOLLIN | EPOLLET);
	put_token(p[1], 'a');
	EQ(one(ep, p[0]), EPOLLIN);
	EQ(one(ep, p[0]), 0); /* nothing new */
	put_token(p[1], 'b');
	EQ(one(ep, p[0]), EPOLLIN);
	EQ(SYS(read(p[0], buf, 1)), 1);
	EQ(one(ep, p[0]), 0);
	watch(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET); /* looks again */
	EQ(one(ep, p[0]), EPOLLIN);

	/* room: told when it comes back */
	watch(ep, EPOLL_CTL_DEL, p[0], 0);
	watch(ep, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLET);
	EQ(one(ep, p[1]), EPOLLOUT);
	while (write(p[1], buf, 4096) > 0)
		n++;
	EQ(one(ep, p[1]), 0);
	while (read(p[0], buf, sizeof(buf)) > 0)
		;
	EQ(one(ep, p[1]), EPOLLOUT);
	EQ(one(ep, p[1]), 0);
	CHECK(n >= 15);
	SYS(close(p[0]) | close(p[1]) | close(ep));
}

static void once(void)
{
	int ep = (int)SYS(epoll_create1(0)), fd = (int)SYS(eventfd(1, 0));

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT);
	EQ(one(ep, fd), EPOLLIN);
	EQ(one(ep, fd), 0);
	SYS(eventfd_write(fd, 1));
	EQ(one(ep, fd), 0);
	watch(ep, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT);
	EQ(one(ep, fd), EPOLLIN);
	EQ(one(ep, fd), 0);
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), EINVAL);
	SYS(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLEXCLUSIVE);
	EQ(one(ep, fd), EPOLLIN);
	ERR(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev), EINVAL);
	SYS(close(fd) | close(ep));
}

/* an item is of a file and a descriptor: copies of the descriptor keep it */
static void copies(void)
{
	int ep = (int)SYS(epoll_create1(0)), fd = (int)SYS(eventfd(1, 0)), copy = (int)SYS(dup(fd));

	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN);
	EQ(one(ep, fd), EPOLLIN);
	SYS(close(fd));
	EQ(one(ep, fd), EPOLLIN);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = copy };
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, copy, &ev));
	struct epoll_event two[4];
	EQ(SYS(epoll_wait(ep, two, 4, 0)), 2);
	SYS(close(copy));
	EQ(SYS(epoll_wait(ep, two, 4, 0)), 0);

	/* a child shares it */
	fd = (int)SYS(eventfd(0, 0));
	watch(ep, EPOLL_CTL_ADD, fd, EPOLLIN);
	pid_t pid = test_fork();
	if (pid == 0) {
		SYS(eventfd_write(fd, 1));
		_exit(0);
	}
	EQ(SYS(epoll_wait(ep, two, 4, -1)), 1);
	EXITED(pid, 0);
	SYS(close(ep)); /* first the epoll, then what it watched */
	SYS(close(fd));
}

/* more descriptors are ready than are asked for: all have their turn */
static void turns(void)
{
	int ep = (int)SYS(epoll_create1(0)), fd[200], seen[200] = { 0 };
	struct epoll_event ev[7];

	for (int i = 0; i < 200; i++) {
		fd[i] = (int)SYS(eventfd(1, 0));
		ev[0] = (struct epoll_event){ .events = EPOLLIN, .data.u32 = (uint32_t)i };
		SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev[0]));
	}
	for (int got = 0; got < 200;) {
		int n = (int)SYS(epoll_wait(ep, ev, 7, 0));

		CHECK(n > 0);
		got += n;
		while (n--)
			seen[ev[n].data.u32]++;
	}
	for (int i = 0; i < 200; i++) {
		CHECK(seen[i] >= 1 && seen[i] <= 2);
		SYS(close(fd[i]));
	}
	EQ(SYS(epoll_wait(ep, ev, 7, 0)), 0);
	SYS(close(ep));
}

static void nested(void)
{
	int in = (int)SYS(epoll_create1(0)), out = (int)SYS(epoll_create1(0)), fd = (int)SYS(eventfd(0, 0));
	struct epoll_event ev = { .events = EPOLLIN };
	int chain[8], r;
	uint64_t v;

	watch(in, EPOLL_CTL_ADD, fd, EPOLLIN);
	watch(out, EPOLL_CTL_ADD, in, EPOLLIN);
	EQ(one(out, in), 0);
	EQ(events_of(in), 0);
	SYS(eventfd_write(fd, 1));
	EQ(one(out, in), EPOLLIN);
	EQ(events_of(out), POLLIN);
	EQ(events_of(in), POLLIN);
	EQ(one(in, fd), EPOLLIN);
	EQ(one(out, in), EPOLLIN);
	SYS(eventfd_read(fd, &v));
	EQ(one(out, in), 0);

	/* a waiter on the outer one hears of the innermost */
	pid_t pid = test_fork();
	if (pid == 0) {
		usleep(30000);
		SYS(eventfd_write(fd, 1));
		_exit(0);
	}
	EQ(SYS(epoll_wait(out, &ev, 1, -1)), 1);
	EXITED(pid, 0);

	/* no circles, and not too deep */
	ev.events = EPOLLIN;
	ERR(epoll_ctl(in, EPOLL_CTL_ADD, out, &ev), ELOOP);
	int third = (int)SYS(epoll_create1(0));
	SYS(epoll_ctl(third, EPOLL_CTL_ADD, out, &ev));
	ERR(epoll_ctl(in, EPOLL_CTL_ADD, third, &ev), ELOOP);
	SYS(close(third));
	for (int i = 0; i < 8; i++)
		chain[i] = (int)SYS(epoll_create1(0));
	for (r = 1; r < 8; r++) /* each watches the one before */
		if (epoll_ctl(chain[r], EPOLL_CTL_ADD, chain[r - 1], &ev) < 0)
			break;
	EQ(errno, ELOOP);
	EQ(r, 5);
	for (int i = 0; i < 8; i++) {
		SYS(close(chain[i]));
		chain[i] = (int)SYS(epoll_create1(0));
	}
	for (r = 1; r < 8; r++) /* each is watched by the one before */
		if (epoll_ctl(chain[r - 1], EPOLL_CTL_ADD, chain[r], &ev) < 0)
			break;
	EQ(errno, ELOOP);
	EQ(r, 5);
	for (int i = 0; i < 8; i++)
		SYS(close(chain[i]));
	SYS(close(in) | close(out) | close(fd));
}

static volatile sig_atomic_t caught;

static void note(int sig)
{
	caught = sig;
}

static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = note, .sa_flags = SA_RESTART }, old;
	int ep = (int)SYS(epoll_create1(0));
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct epoll_event ev;
	sigset_t set, none;

	SYS(sigaction(SIGALRM, &sa, &old));
	SYS(setitimer(ITIMER_REAL, &soon, NULL));
	ERR(epoll_wait(ep, &ev, 1, -1), EINTR); /* whatever SA_RESTART says */
	EQ(caught, SIGALRM);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigemptyset(&none);
	SYS(sigprocmask(SIG_BLOCK, &set, NULL));
	caught = 0;
	SYS(raise(SIGALRM));
	EQ(SYS(epoll_wait(ep, &ev, 1, 20)), 0);
	EQ(caught, 0);
	ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
	EQ(caught, SIGALRM);
	SYS(sigprocmask(SIG_SETMASK, NULL, &none));
	CHECK(sigismember(&none, SIGALRM));
	SYS(sigprocmask(SIG_UNBLOCK, &set, NULL));
	SYS(sigaction(SIGALRM, &old, NULL));
	SYS(close(ep));
}

/* timers, signals, pipes and terminals in one epoll, with several processes at both ends */
static void all_kinds(void)
{
	int ep = (int)SYS(epoll_create1(0)), p[2], tfd = (int)SYS(timerfd_create(CLOCK_MONOTONIC, 0)), sfd,
	    rounds = 0;
	struct itimerspec t = in_ms(5, 5);
	struct signalfd_siginfo si;
	struct epoll_event ev[4];
	long bytes = 0, ticks = 0, told = 0;
	char buf[512];
	sigset_t set;
	uint64_t v;
	pid_t pid[3];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	SYS(sigprocmask(SIG_BLOCK, &set, NULL));
	sfd = (int)SYS(signalfd(-1, &set, 0));
	SYS(pipe(p));
	watch(ep, EPOLL_CTL_ADD, p[0], EPOLLIN);
	watch(ep, EPOLL_CTL_ADD, tfd, EPOLLIN | EPOLLET);
	watch(ep, EPOLL_CTL_ADD, sfd, EPOLLIN);
	SYS(timerfd_settime(tfd, 0, &t, NULL));
	for (int i = 0; i < 3; i++) {
		pid[i] = test_fork();
		if (pid[i] == 0) {
			for (int k = 0; k < 200; k++) {
				SYS(write(p[1], buf, 100));
				if (k % 50 == 0)
					SYS(kill(getppid(), SIGUSR2));
				usleep(500);
			}
			_exit(0);
		}
	}
	SYS(close(p[1]));
	for (int over = 0; !over;) {
		int n = (int)SYS(epoll_wait(ep, ev, 4, 5000));

		CHECK(n > 0);
		for (rounds++; n--;) {
			if (ev[n].data.fd == p[0]) {
				long got = SYS(read(p[0], buf, sizeof(buf)));

				bytes += got;
				over |= got == 0;
			} else if (ev[n].data.fd == tfd) {
				SYS(read(tfd, &v, 8));
				ticks += (long)v;
			} else {
				SYS(read(sfd, &si, sizeof(si)));
				told++;
			}
		}
	}
	EQ(bytes, 60000);
	CHECK(ticks > 5 && told >= 1 && told <= 12);
	for (int i = 0; i < 3; i++)
		EXITED(pid[i], 0);
	SYS(close(ep) | close(p[0]) | close(tfd) | close(sfd));
	SYS(sigprocmask(SIG_UNBLOCK, &set, NULL));
}

/* items come and go, in one process, while others make them ready */
static void races(void)
{
	int ep = (int)SYS(epoll_create1(0)), fd[8];
	struct epoll_event ev[8];
	uint64_t seed = 7, v;
	pid_t pid[2];

	for (int i = 0; i < 8; i++)
		fd[i] = (int)SYS(eventfd(0, EFD_NONBLOCK));
	for (int k = 0; k < 2; k++) {
		pid[k] = test_fork();
		if (pid[k] == 0) {
			for (int i = 0; i < 4000; i++)
				SYS(eventfd_write(fd[i % 8], 1));
			_exit(0);
		}
	}
	for (int i = 0; i < 3000; i++) {
		int at = (int)(test_random(&seed) % 8);
		struct epoll_event add = { .events = i % 3 ? EPOLLIN : EPOLLIN | EPOLLET, .data.fd = fd[at] };

		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd[at], &add) < 0)
			SYS(epoll_ctl(ep, EPOLL_CTL_DEL, fd[at], NULL));
		int n = (int)SYS(epoll_wait(ep, ev, 8, 0));
		for (int k = 0; k < n; k++)
			if (read(ev[k].data.fd, &v, 8) < 0)
				EQ(errno, EAGAIN);
		if (i % 100 == 0) {
			SYS(close(fd[at]));
			fd[at] = (int)SYS(eventfd(0, EFD_NONBLOCK));
		}
	}
	EXITED(pid[0], 0);
	EXITED(pid[1], 0);
	for (int i = 0; i < 8; i++)
		SYS(close(fd[i]));
	EQ(SYS(epoll_wait(ep, ev, 8, 0)), 0);
	SYS(close(ep));
}

static const struct test tests[] = {
	{ "counters", counters },   { "timers", timers },   { "wall clock", wall_clock },
	{ "signals", signals },	    { "control", control }, { "level", level },
	{ "edge", edge },	    { "once", once },	    { "copies", copies },
	{ "turns", turns },	    { "nested", nested },   { "interrupted", interrupted },
	{ "all kinds", all_kinds }, { "races", races },
};

TEST_MAIN("eventtest", tests)
