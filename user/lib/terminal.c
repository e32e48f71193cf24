/* SPDX-License-Identifier: ISC */
/* Terminals and pseudo-terminals. */
#include "libc.h"
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int tcgetattr(int fd, struct termios *t)
{
	return ioctl(fd, TCGETS, t);
}

int tcsetattr(int fd, int when, const struct termios *t)
{
	return ioctl(fd, TCSETS + when, t);
}

int tcflush(int fd, int queue)
{
	return ioctl(fd, TCFLSH, (long)queue);
}

int tcflow(int fd, int what)
{
	return ioctl(fd, TCXONC, (long)what);
}

int tcdrain(int fd)
{
	return ioctl(fd, TCSBRK, 1l);
}

int tcsendbreak(int fd, int dur)
{
	(void)dur;
	return ioctl(fd, TCSBRK, 0l);
}

pid_t tcgetsid(int fd)
{
	pid_t sid;

	return ioctl(fd, TIOCGSID, &sid) < 0 ? -1 : sid;
}

pid_t tcgetpgrp(int fd)
{
	pid_t pgrp;

	return ioctl(fd, TIOCGPGRP, &pgrp) < 0 ? -1 : pgrp;
}

int tcsetpgrp(int fd, pid_t pgrp)
{
	return ioctl(fd, TIOCSPGRP, &pgrp);
}

void cfmakeraw(struct termios *t)
{
	t->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	t->c_oflag &= ~OPOST;
	t->c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	t->c_cflag = (t->c_cflag & ~(CSIZE | PARENB)) | CS8;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
}

int isatty(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0;
}

char *ttyname(int fd)
{
	static char path[128];
	char link[32];

	if (!isatty(fd))
		return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = 0;
	return path;
}

/* ---- pseudo-terminals ---- */

int posix_openpt(int flags)
{
	return open("/dev/ptmx", flags);
}

/* The kernel gave the terminal to who opened the master. */
int grantpt(int fd)
{
	int n;

	return ioctl(fd, TIOCGPTN, &n);
}

int unlockpt(int fd)
{
	int off = 0;

	return ioctl(fd, TIOCSPTLCK, &off);
}

int ptsname_r(int fd, char *buf, size_t size)
{
	int n;

	if (ioctl(fd, TIOCGPTN, &n) < 0)
		return errno;
	if ((size_t)snprintf(buf, size, "/dev/pts/%d", n) >= size)
		return errno = ERANGE;
	return 0;
}

char *ptsname(int fd)
{
	static char name[32];

	return ptsname_r(fd, name, sizeof name) ? 0 : name;
}

int openpty(int *master, int *slave, char *name, const struct termios *t, const struct winsize *w)
{
	char path[32];
	int m = posix_openpt(O_RDWR | O_NOCTTY), s = -1;

	if (m < 0)
		return -1;
	if (unlockpt(m) == 0 && ptsname_r(m, path, sizeof path) == 0)
		s = open(path, O_RDWR | O_NOCTTY);
	if (s < 0) {
		close(m);
		return -1;
	}
	if (t)
		tcsetattr(s, TCSANOW, t);
	if (w)
		ioctl(s, TIOCSWINSZ, w);
	if (name)
		strcpy(name, path);
	*master = m;
	*slave = s;
	return 0;
}

int login_tty(int fd)
{
	setsid();
	if (ioctl(fd, TIOCSCTTY, 0l) < 0)
		return -1;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
	return 0;
}

pid_t forkpty(int *master, char *name, const struct termios *t, const struct winsize *w)
{
	int m, s;

	if (openpty(&m, &s, name, t, w) < 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0) {
		close(m);
		close(s);
		return -1;
	}
	if (pid == 0) {
		close(m);
		if (login_tty(s) < 0)
			_exit(1);
		return 0;
	}
	close(s);
	*master = m;
	return pid;
}
