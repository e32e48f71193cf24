/* SPDX-License-Identifier: ISC */
/*
 * ttytest: terminals, on pseudo-terminals: lines and their editing, echo, what is done to input and output, raw
 * reads with MIN and TIME, signals from the keyboard and of the window's size, sessions, hanging up.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#include "include/testlib.h"

static int master, slave;
static struct termios modes;

static void begin(void)
{
	SYS(openpty(&master, &slave, NULL, NULL, NULL));
	SYS(tcgetattr(slave, &modes));
}

static void end(void)
{
	SYS(close(slave));
	SYS(close(master));
}

static void set(void)
{
	SYS(tcsetattr(slave, TCSANOW, &modes));
}

static long now_ms(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int ready(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return SYS(poll(&p, 1, ms)) == 1 && (p.revents & POLLIN);
}

static void put(int fd, const char *s)
{
	EQ(SYS(write(fd, s, strlen(s))), strlen(s));
}

static void show(const char *s, long n, char *out)
{
	for (long i = 0; i < n; i++)
		out += sprintf(out, s[i] >= ' ' && s[i] < 127 ? "%c" : "\\x%02x", (unsigned char)s[i]);
	*out = 0;
}

/* just these bytes come from fd, in as many pieces as they like, and nothing after them */
static void expect_at(int fd, const char *want, long n, int line)
{
	char got[512], a[2048], b[2048];
	long have = 0;

	while (have < n && ready(fd, 3000))
		have += SYS(read(fd, got + have, sizeof(got) - (unsigned long)have));
	if (have == n && ready(fd, 20))
		have += SYS(read(fd, got + have, sizeof(got) - (unsigned long)have));
	if (have != n || memcmp(got, want, (unsigned long)n)) {
		show(want, n, a);
		show(got, have, b);
		test_fail(__FILE__, line, "expected \"%s\", seen \"%s\"", a, b);
	}
}

#define EXPECT(fd, want) expect_at(fd, want, sizeof(want) - 1, __LINE__)

/* one read gives just this */
static void line_at(int fd, const char *want, long n, int line)
{
	char got[8192];
	long have = ready(fd, 3000) ? SYS(read(fd, got, sizeof(got))) : -2;

	if (have != n || memcmp(got, want, (unsigned long)n))
		test_fail(__FILE__, line, "expected a line of %ld, seen %ld: %.*s", n, have, (int)have, got);
}

#define LINE(fd, want) line_at(fd, want, sizeof(want) - 1, __LINE__)
#define QUIET(fd)      CHECK(!ready(fd, 30))

/* ---- */

static void pairs(void)
{
	char name[64], path[64], c;
	struct stat st, by_name;
	struct pollfd p;
	int n, on, m = (int)SYS(posix_openpt(O_RDWR | O_NOCTTY));

	SYS(ptsname_r(m, name, sizeof(name)));
	SYS(ioctl(m, TIOCGPTN, &n));
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	EQ(strcmp(name, path), 0);
	EQ(strcmp(ptsname(m), path), 0);
	ERR(open(name, O_RDWR | O_NOCTTY), EIO); /* locked until unlockpt */
	SYS(ioctl(m, TIOCGPTLCK, &on));
	EQ(on, 1);
	SYS(grantpt(m));
	SYS(unlockpt(m));
	SYS(ioctl(m, TIOCGPTLCK, &on));
	EQ(on, 0);
	int s = (int)SYS(open(name, O_RDWR | O_NOCTTY));
	CHECK(isatty(m) && isatty(s));
	EQ(strcmp(ttyname(s), name), 0);
	SYS(fstat(s, &st));
	SYS(stat(name, &by_name));
	CHECK(S_ISCHR(st.st_mode));
	EQ(st.st_ino, by_name.st_ino);
	EQ(st.st_uid, getuid());
	EQ(st.st_rdev >> 8, 136);
	EQ(st.st_mode & 0666 & ~0620, 0);
	ERR(lseek(s, 0, SEEK_SET), ESPIPE);
	ERR(lseek(m, 0, SEEK_SET), ESPIPE);

	/* the terminal's files are closed: the master reads what is left, then EIO; a new one brings it back */
	put(s, "left");
	SYS(close(s));
	EXPECT(m, "left");
	ERR(read(m, &c, 1), EIO);
	p = (struct pollfd){ .fd = m, .events = POLLIN | POLLOUT };
	EQ(SYS(poll(&p, 1, 0)), 1);
	CHECK(p.revents & POLLHUP);
	s = (int)SYS(open(name, O_RDWR | O_NOCTTY | O_NONBLOCK));
	put(s, "again\n");
	EXPECT(m, "again\r\n");
	ERR(read(s, &c, 1), EAGAIN);

	/* the master is closed: the terminal is hung up, and its name gone */
	SYS(close(m));
	EQ(SYS(read(s, &c, 1)), 0);
	ERR(write(s, "x", 1), EIO);
	ERR(ioctl(s, TIOCGWINSZ, &st), EIO);
	p = (struct pollfd){ .fd = s, .events = POLLIN | POLLOUT };
	EQ(SYS(poll(&p, 1, 0)), 1);
	CHECK(p.revents & POLLHUP);
	ERR(stat(name, &st), ENOENT);
	SYS(close(s));

	/* two at once are two */
	int m2, s2;
	char other[64];
	SYS(openpty(&m, &s, name, NULL, NULL));
	SYS(openpty(&m2, &s2, other, NULL, NULL));
	CHECK(strcmp(name, other) != 0);
	put(m, "one\n");
	put(m2, "two\n");
	LINE(s, "one\n");
	LINE(s2, "two\n");
	SYS(close(m) | close(s) | close(m2) | close(s2));
}

static void lines(void)
{
	char buf[16];
	struct pollfd p;
	int n;

	begin();
	put(master, "par");
	QUIET(slave);
	put(master, "t\nnext\n");
	LINE(slave, "part\n");
	EQ(SYS(read(slave, buf, 2)), 2);
	SYS(ioctl(slave, FIONREAD, &n));
	EQ(n, 3);
	LINE(slave, "xt\n");
	QUIET(slave);
	EXPECT(master, "part\r\nnext\r\n");

	/* editing */
	put(master, "abc\x7fX\n");
	LINE(slave, "abX\n");
	EXPECT(master, "abc\b \bX\r\n");
	put(master, "one two  \x17zwei\n");
	LINE(slave, "one zwei\n");
	EXPECT(master, "one two  \b \b\b \b\b \b\b \b\b \bzwei\r\n");
	put(master, "gone\x15here\n");
	LINE(slave, "here\n");
	EXPECT(master, "gone\b \b\b \b\b \b\b \bhere\r\n");
	put(master, "\x7f\x7fy\n"); /* nothing to erase */
	LINE(slave, "y\n");
	EXPECT(master, "y\r\n");
	put(master, "a\001\177b\n"); /* ^A takes two columns */
	LINE(slave, "ab\n");
	EXPECT(master, "a^A\b \b\b \bb\r\n");
	put(master, "a\x16\x7fq\n"); /* ^V: the next one means itself */
	LINE(slave, "a\x7fq\n");
	EXPECT(master, "a^\b^?q\r\n");
	put(master, "a\x12\n"); /* ^R: again */
	LINE(slave, "a\n");
	EXPECT(master, "a^R\r\na\r\n");

	/* ends of files */
	put(master, "\x04");
	p = (struct pollfd){ .fd = slave, .events = POLLIN };
	EQ(SYS(poll(&p, 1, 3000)), 1);
	EQ(SYS(read(slave, buf, sizeof(buf))), 0);
	put(master, "no newline\x04");
	LINE(slave, "no newline");
	put(master, "more\n");
	LINE(slave, "more\n");
	EXPECT(master, "no newlinemore\r\n");

	/* other ends of lines */
	modes.c_cc[VEOL] = ';';
	modes.c_cc[VEOL2] = '!';
	set();
	put(master, "a;b!c\n");
	LINE(slave, "a;");
	LINE(slave, "b!");
	LINE(slave, "c\n");
	EXPECT(master, "a;b!c\r\n");
	end();
}

static void long_line(void)
{
	static char big[5000], got[8192];

	begin();
	modes.c_lflag &= ~(tcflag_t)ECHO;
	modes.c_iflag &= ~(tcflag_t)IMAXBEL;
	set();
	memset(big, 'x', sizeof(big));
	EQ(SYS(write(master, big, sizeof(big))),
	   sizeof(big)); /* what does not fit is lost, but for the end */
	put(master, "\n");
	CHECK(ready(slave, 3000));
	EQ(SYS(read(slave, got, sizeof(got))), 4096);
	CHECK(got[4094] == 'x' && got[4095] == '\n');
	put(master, "after\n");
	LINE(slave, "after\n");
	end();
}

static void echoes(void)
{
	begin();
	modes.c_lflag &= ~(tcflag_t)ECHO;
	set();
	put(master, "silent\n");
	LINE(slave, "silent\n");
	QUIET(master);
	modes.c_lflag |= ECHONL;
	set();
	put(master, "silent\n");
	LINE(slave, "silent\n");
	EXPECT(master, "\r\n");
	modes.c_lflag = (modes.c_lflag | ECHO) & ~(tcflag_t)(ECHONL | ECHOCTL);
	set();
	put(master, "a\x01\n");
	LINE(slave, "a\x01\n");
	EXPECT(master, "a\x01\r\n");
	modes.c_lflag |= ECHOCTL;
	modes.c_lflag &= ~(tcflag_t)(ECHOKE | ECHOK);
	set();
	put(master, "ab\x15x\n");
	LINE(slave, "x\n");
	EXPECT(master, "ab^Ux\r\n");
	modes.c_lflag |= ECHOK;
	set();
	put(master, "ab\x15x\n");
	LINE(slave, "x\n");
	EXPECT(master, "ab^U\r\nx\r\n");
	put(master, "tab\t\x7f.\n"); /* goes back to where the tab began */
	LINE(slave, "tab.\n");
	EXPECT(master, "tab\t\b\b\b\b\b.\r\n");
	end();
}

static void input_flags(void)
{
	begin();
	modes.c_lflag &= ~(tcflag_t)ECHO;
	set();
	put(master, "cr\r");
	LINE(slave, "cr\n");
	modes.c_iflag &= ~(tcflag_t)ICRNL;
	set();
	put(master, "c\rr\n");
	LINE(slave, "c\rr\n");
	modes.c_iflag |= IGNCR;
	set();
	put(master, "c\rr\n");
	LINE(slave, "cr\n");
	modes.c_iflag = (modes.c_iflag & ~(tcflag_t)IGNCR) | INLCR;
	modes.c_cc[VEOL] = '\r';
	set();
	put(master, "nl\n");
	LINE(slave, "nl\r");
	modes.c_iflag = (modes.c_iflag & ~(tcflag_t)INLCR) | ISTRIP;
	modes.c_cc[VEOL] = 0;
	set();
	put(master, "\xe1\xe2\n");
	LINE(slave, "ab\n");
	end();
}

static void utf8(void)
{
	begin();
	modes.c_iflag |= IUTF8;
	set();
	put(master, "\xc3\xa4\xc3\xb6\x7f.\n");
	LINE(slave, "\xc3\xa4.\n");
	EXPECT(master, "\xc3\xa4\xc3\xb6\b \b.\r\n");
	modes.c_iflag &= ~(tcflag_t)IUTF8;
	set();
	put(master, "a\xc3\xb6\x7f\x7f.\n");
	LINE(slave, "a.\n");
	end();
}

static void output_flags(void)
{
	begin();
	put(slave, "a\nb\rc\n");
	EXPECT(master, "a\r\nb\rc\r\n");
	modes.c_oflag &= ~(tcflag_t)ONLCR;
	set();
	put(slave, "a\n");
	EXPECT(master, "a\n");
	modes.c_oflag |= OCRNL;
	set();
	put(slave, "a\rb");
	EXPECT(master, "a\nb");
	modes.c_oflag = (modes.c_oflag & ~(tcflag_t)OCRNL) | ONOCR | ONLCR;
	set();
	put(slave, "\n\ra\r\r");
	EXPECT(master, "\r\na\r");
	modes.c_oflag &= ~(tcflag_t)OPOST;
	set();
	put(slave, "\n\r\n\r");
	EXPECT(master, "\n\r\n\r");
	end();
}

static void raw_reads(void)
{
	struct termios seen;
	char buf[16];
	long start;
	pid_t pid;

	begin();
	cfmakeraw(&modes);
	modes.c_cc[VMIN] = 1;
	set();
	SYS(tcgetattr(slave, &seen));
	EQ(seen.c_lflag, modes.c_lflag);
	EQ(seen.c_cc[VMIN], 1);
	put(master, "\x03\x04\r\x7f\x15"); /* nothing means anything */
	expect_at(slave, "\x03\x04\r\x7f\x15", 5, __LINE__);
	QUIET(master);

	/* MIN 0, TIME 0: what is there */
	modes.c_cc[VMIN] = 0;
	set();
	EQ(SYS(read(slave, buf, 4)), 0);
	put(master, "xy");
	CHECK(ready(slave, 3000));
	EQ(SYS(read(slave, buf, 4)), 2);

	/* MIN 0, TIME: a byte, or the time from the start */
	modes.c_cc[VTIME] = 2;
	set();
	start = now_ms();
	EQ(SYS(read(slave, buf, 4)), 0);
	CHECK(now_ms() - start >= 190);

	/* MIN 3: that many */
	modes.c_cc[VMIN] = 3;
	modes.c_cc[VTIME] = 0;
	set();
	pid = test_fork();
	if (pid == 0) {
		usleep(50000);
		put(master, "a");
		usleep(50000);
		put(master, "bcd");
		_exit(0);
	}
	EQ(SYS(read(slave, buf, 3)), 3);
	EQ(memcmp(buf, "abc", 3), 0);
	EXITED(pid, 0);
	modes.c_cc[VMIN] = 1;
	set();
	EXPECT(slave, "d");

	/* MIN 3, TIME: the time runs between bytes, not before the first */
	modes.c_cc[VMIN] = 3;
	modes.c_cc[VTIME] = 2;
	set();
	pid = test_fork();
	if (pid == 0) {
		usleep(400000);
		put(master, "ab");
		_exit(0);
	}
	start = now_ms();
	EQ(SYS(read(slave, buf, 8)), 2);
	CHECK(now_ms() - start >= 390 + 190);
	EXITED(pid, 0);
	end();
}

/* what is there when the mode changes is still there after */
static void switching(void)
{
	begin();
	put(master, "half");
	EXPECT(master, "half"); /* it has arrived */
	modes.c_lflag &= ~(tcflag_t)ICANON;
	set();
	EXPECT(slave, "half");
	put(master, "raw\n");
	EXPECT(slave, "raw\n");
	EXPECT(master, "raw^J"); /* it ends no line here */
	modes.c_lflag |= ICANON;
	set();
	put(master, "line\n");
	LINE(slave, "line\n");
	EXPECT(master, "line\r\n");

	put(master, "thrown away\n");
	EXPECT(master, "thrown away\r\n");
	SYS(tcflush(slave, TCIFLUSH));
	QUIET(slave);
	put(master, "and this");
	EXPECT(master, "and this");
	SYS(tcsetattr(slave, TCSAFLUSH, &modes));
	put(master, "\n");
	LINE(slave, "\n");
	ERR(tcflush(slave, 7), EINVAL);
	end();
}

static void flow(void)
{
	begin();
	SYS(fcntl(slave, F_SETFL, O_NONBLOCK));
	put(master, "\x13");
	for (int i = 0; i < 300 && write(slave, "x", 1) == 1; i++)
		usleep(10000); /* it stops when the byte has arrived */
	ERR(write(slave, "y", 1), EAGAIN);
	put(master, "\x11");
	for (int i = 0; i < 300 && write(slave, "z", 1) != 1; i++)
		usleep(10000);
	SYS(tcflow(slave, TCOOFF));
	ERR(write(slave, "y", 1), EAGAIN);
	SYS(tcflow(slave, TCOON));
	put(slave, "z");
	SYS(tcdrain(slave));
	ERR(ioctl(slave, TCXONC, 9l), EINVAL);
	end();
}

/* ---- sessions ---- */

static volatile sig_atomic_t got[NSIG];

static void note(int sig)
{
	got[sig]++;
}

static void catch (int sig)
{
	struct sigaction sa = { .sa_handler = note };

	SYS(sigaction(sig, &sa, NULL));
}

static void await(int sig)
{
	for (int i = 0; i < 300 && !got[sig]; i++)
		usleep(10000);
	if (!got[sig])
		FAIL("signal %d did not come", sig);
}

/* a child that leads a session on the terminal, with a pipe to tell when it is ready; 0 in the child */
static int tell[2];

static pid_t session(void)
{
	pid_t pid;

	begin();
	SYS(pipe(tell));
	pid = test_fork();
	if (pid == 0) {
		SYS(close(master));
		ERR(open("/dev/tty", O_RDWR), ENXIO + 0 * SYS(setsid()));
		ERR(tcgetpgrp(slave), ENOTTY);
		SYS(ioctl(slave, TIOCSCTTY, 0));
		return 0;
	}
	SYS(close(slave));
	return pid;
}

static void finish(pid_t pid)
{
	EXITED(pid, 0);
	SYS(close(master));
	SYS(close(tell[0]) | close(tell[1]));
}

static void keyboard(void)
{
	pid_t pid = session();

	if (pid == 0) {
		EQ(tcgetpgrp(slave), getpid());
		EQ(tcgetsid(slave), getpid());
		catch (SIGINT);
		catch (SIGQUIT);
		catch (SIGTSTP);
		put_token(tell[1], 'r');
		await(SIGINT);
		put_token(tell[1], 'i');
		await(SIGQUIT);
		put_token(tell[1], 'q');
		await(SIGTSTP);
		LINE(slave, "kept\n"); /* what was typed before a signal is gone, but for NOFLSH */
		modes.c_lflag |= NOFLSH;
		set();
		got[SIGINT] = 0;
		put_token(tell[1], 'n');
		await(SIGINT);
		LINE(slave, "stays\n");
		modes.c_lflag &= ~(tcflag_t)ISIG;
		set();
		got[SIGINT] = 0;
		put_token(tell[1], 's');
		LINE(slave, "\x03\n");
		EQ(got[SIGINT], 0);
		_exit(0);
	}
	EQ(get_token(tell[0]), 'r');
	put(master, "lost");
	EXPECT(master, "lost");
	put(master, "\x03");
	EQ(get_token(tell[0]), 'i');
	EXPECT(master, "^C");
	put(master, "\x1c");
	EQ(get_token(tell[0]), 'q');
	EXPECT(master, "^\\");
	put(master, "\x1a");
	EXPECT(master, "^Z");
	put(master, "kept\n");
	EQ(get_token(tell[0]), 'n');
	put(master, "st\003ays\n");
	EQ(get_token(tell[0]), 's');
	put(master, "\x03\n");
	finish(pid);
}

static void window(void)
{
	struct winsize w = { .ws_row = 33, .ws_col = 99 }, seen;
	pid_t pid = session();

	if (pid == 0) {
		catch (SIGWINCH);
		SYS(ioctl(slave, TIOCSWINSZ, &w));
		await(SIGWINCH);
		got[SIGWINCH] = 0;
		SYS(ioctl(slave, TIOCSWINSZ, &w)); /* no change, no signal */
		EQ(got[SIGWINCH], 0);
		put_token(tell[1], 'r');
		await(SIGWINCH);
		SYS(ioctl(slave, TIOCGWINSZ, &seen));
		EQ(seen.ws_row, 40);
		EQ(seen.ws_col, 99);
		_exit(0);
	}
	EQ(get_token(tell[0]), 'r');
	SYS(ioctl(master, TIOCGWINSZ, &seen));
	EQ(seen.ws_row, 33);
	seen.ws_row = 40;
	SYS(ioctl(master, TIOCSWINSZ, &seen));
	finish(pid);
}

static void groups(void)
{
	pid_t pid = session(), kid;
	int fd, other;

	if (pid == 0) {
		fd = (int)SYS(open("/dev/tty", O_RDWR));
		EQ(tcgetpgrp(fd), getpid());
		ERR(tcsetpgrp(fd, getpgid(getppid())), EPERM); /* another session's */
		ERR(tcsetpgrp(fd, -1), EINVAL);
		ERR(setsid(), EPERM);
		kid = test_fork();
		if (kid == 0) {
			SYS(setpgid(0, 0));
			catch (SIGINT);
			put_token(tell[1], 'k');
			await(SIGINT);
			_exit(0);
		}
		catch (SIGINT);
		EQ(get_token(tell[0]), 'k');
		SYS(tcsetpgrp(fd, kid));
		EQ(tcgetpgrp(slave), kid);
		EQ(tcgetsid(slave), getpid());
		put_token(tell[1], 'r'); /* who reads this is the main process */
		EXITED(kid, 0);
		EQ(got[SIGINT], 0);

		/* a terminal is one session's, and a session has one */
		SYS(openpty(&other, &fd, NULL, NULL, NULL));
		ERR(ioctl(fd, TIOCSCTTY, 0), EPERM);
		ERR(tcgetpgrp(fd), ENOTTY);
		_exit(0);
	}
	for (pid_t now = 0; now == 0 || now == pid; now = tcgetpgrp(master))
		usleep(1000);
	EQ(get_token(tell[0]), 'r');
	put(master, "\x03");
	finish(pid);
}

static void no_terminal(void)
{
	pid_t pid = session(), kid;
	char name[64];

	if (pid == 0) {
		/* without O_NOCTTY a leader without a terminal takes one by opening it */
		strcpy(name, ttyname(slave));
		catch (SIGHUP);
		catch (SIGCONT);
		SYS(ioctl(slave, TIOCNOTTY));
		await(SIGHUP); /* the foreground group's, which it is in */
		ERR(open("/dev/tty", O_RDWR), ENXIO);
		SYS(open(name, O_RDWR | O_NOCTTY));
		ERR(tcgetpgrp(slave), ENOTTY);
		SYS(open(name, O_RDWR));
		EQ(tcgetpgrp(slave), getpid());

		/* a child without a session of its own leaves it alone, and does not take it from others */
		kid = test_fork();
		if (kid == 0) {
			SYS(ioctl(slave, TIOCNOTTY));
			ERR(open("/dev/tty", O_RDWR), ENXIO);
			SYS(setsid());
			ERR(ioctl(slave, TIOCSCTTY, 0), EPERM);
			_exit(0);
		}
		EXITED(kid, 0);
		EQ(tcgetpgrp(slave), getpid());
		_exit(0);
	}
	finish(pid);
}

static void hanging_up(void)
{
	pid_t pid = session();
	char c;

	if (pid == 0) {
		catch (SIGHUP);
		catch (SIGCONT);
		put_token(tell[1], 'r');
		await(SIGHUP);
		EQ(read(slave, &c, 1), 0);
		ERR(write(slave, &c, 1), EIO);
		_exit(0);
	}
	EQ(get_token(tell[0]), 'r');
	SYS(close(master));
	master = dup(tell[0]);
	finish(pid);
}

/* the end of the leader: the foreground group is told, and the terminal is free */
static void leader_ends(void)
{
	pid_t pid = session(), kid;
	int done[2];

	if (pid == 0) {
		SYS(pipe(done));
		kid = test_fork();
		if (kid == 0) {
			catch (SIGHUP);
			SYS(close(done[0]));
			put_token(done[1], 'r');
			await(SIGHUP);
			put_token(tell[1], 'h');
			_exit(0);
		}
		EQ(get_token(done[0]), 'r');
		_exit(0);
	}
	EQ(get_token(tell[0]), 'h');
	EXITED(pid, 0);
	SYS(close(master));
	SYS(close(tell[0]) | close(tell[1]));
}

static void stopped(pid_t pid, int sig)
{
	int status;

	EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != sig)
		FAIL("expected a stop by %d, seen status 0x%x", sig, (unsigned)status);
}

/* a group in the background: reading stops it, changing the terminal too, writing as the terminal is set */
static void background(void)
{
	pid_t pid = session(), kid, orphan;
	char c, buf[64];

	if (pid == 0) {
		signal(SIGTTOU, SIG_IGN);
		kid = test_fork();
		if (kid == 0) {
			SYS(setpgid(0, 0));
			EQ(SYS(read(slave, buf, sizeof(buf))), 12); /* stopped first */
			_exit(7);
		}
		stopped(kid, SIGTTIN);
		put_token(tell[1], 'r');
		SYS(tcsetpgrp(slave, kid));
		SYS(kill(-kid, SIGCONT));
		EXITED(kid, 7);
		SYS(tcsetpgrp(slave, getpid()));
		kid = test_fork();
		if (kid == 0) {
			SYS(setpgid(0, 0));
			signal(SIGTTIN, SIG_IGN);
			ERR(read(slave, &c, 1), EIO);
			set(); /* SIGTTOU is ignored: it may, also in the background */
			put(slave, "done");
			_exit(0);
		}
		EXITED(kid, 0);
		_exit(9);
	}
	EQ(get_token(tell[0]), 'r');
	put(master, "for the job\n");
	EXPECT(master, "for the job\r\ndone");
	EXITED(pid, 9);
	SYS(close(master));
	SYS(close(tell[0]) | close(tell[1]));

	/* stops while it writes or changes; an orphan gets an error instead */
	pid = session();
	if (pid == 0) {
		signal(SIGTTOU, SIG_IGN);
		modes.c_lflag |= TOSTOP;
		set();
		kid = test_fork();
		if (kid == 0) {
			SYS(setpgid(0, 0));
			signal(SIGTTOU, SIG_DFL);
			put(slave, "a");
			modes.c_lflag &= ~(tcflag_t)ECHO;
			set();
			_exit(7);
		}
		stopped(kid, SIGTTOU);
		SYS(tcsetpgrp(slave, kid));
		SYS(kill(kid, SIGCONT));
		EXITED(kid, 7);
		SYS(tcsetpgrp(slave, getpid()));
		kid = test_fork();
		if (kid == 0) {
			SYS(setpgid(0, 0));
			signal(SIGTTOU, SIG_DFL);
			modes.c_lflag |= ECHO;
			set();
			_exit(8);
		}
		stopped(kid, SIGTTOU);
		SYS(kill(kid, SIGKILL));
		KILLED(kid, SIGKILL);
		kid = test_fork();
		if (kid == 0) {
			SYS(setpgid(0, 0));
			orphan = test_fork();
			if (orphan == 0) {
				while (getppid() == getpgrp())
					usleep(1000);
				signal(SIGTTOU, SIG_DFL);
				ERR(read(slave, &c, 1), EIO);
				ERR(write(slave, "x", 1), EIO);
				ERR(tcsetattr(slave, TCSANOW, &modes), EIO);
				put_token(tell[1], 'o');
				_exit(0);
			}
			_exit(0);
		}
		EXITED(kid, 0);
		EQ(get_token(tell[0]), 'o');
		_exit(0);
	}
	EXPECT(master, "a");
	finish(pid);
}

/* a shell on a pseudo-terminal, as a terminal emulator runs one */
static void shell(void)
{
	char *argv[] = { "sh", "-c", "stty size >/dev/null 2>&1; read x; echo got $x; exit 5", NULL };
	struct winsize w = { .ws_row = 24, .ws_col = 80 };
	pid_t pid = forkpty(&master, NULL, NULL, &w);

	SYS(pid);
	if (pid == 0) {
		execv("/bin/sh", argv);
		_exit(127);
	}
	put(master, "it\n");
	EXPECT(master, "it\r\ngot it\r\n");
	ERR(read(master, argv, 1), EIO);
	EXITED(pid, 5);
	SYS(close(master));
}

/* many open at once, and again: none is lost */
static void many(void)
{
	int m[30], s[30];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 30; i++)
			SYS(openpty(&m[i], &s[i], NULL, NULL, NULL));
		for (int i = 0; i < 30; i++) {
			put(m[i], "x\n");
			LINE(s[i], "x\n");
			SYS(close(round % 2 ? m[i] : s[i]));
		}
		for (int i = 0; i < 30; i++)
			SYS(close(round % 2 ? s[i] : m[i]));
	}
}

static const struct test tests[] = {
	{ "pairs", pairs },
	{ "lines", lines },
	{ "long line", long_line },
	{ "echoes", echoes },
	{ "input flags", input_flags },
	{ "utf8", utf8 },
	{ "output flags", output_flags },
	{ "raw reads", raw_reads },
	{ "switching", switching },
	{ "flow", flow },
	{ "keyboard", keyboard },
	{ "window", window },
	{ "groups", groups },
	{ "no terminal", no_terminal },
	{ "hanging up", hanging_up },
	{ "leader ends", leader_ends },
	{ "background", background },
	{ "shell", shell },
	{ "many", many },
};

TEST_MAIN("ttytest", tests)
