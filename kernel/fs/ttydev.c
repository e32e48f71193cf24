/* SPDX-License-Identifier: ISC */
/* Terminals as files: /dev/console, /dev/ttyS0, /dev/tty, and what those of /dev/pts have in common with them. */
#include "dev/dev.h"
#include "dev/tty.h"
#include "fs/chardev.h"
#include "proc/proc.h"

static ssize_t terminal_read(struct file *f, char *buf, size_t n, bool nonblock)
{
	return tty_read(f->data, buf, n, nonblock);
}

static ssize_t terminal_write(struct file *f, const char *buf, size_t n, bool nonblock)
{
	return tty_write(f->data, buf, n, nonblock);
}

ssize_t ttydev_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	int r = tty_check_background(f->data, SIGTTIN);

	return r ? r : read_stream(f, u, terminal_read);
}

ssize_t ttydev_write(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	struct tty *t = f->data;
	int r = t->termios.lflag & TOSTOP ? tty_check_background(t, SIGTTOU) : 0;

	return r ? r : write_stream(f, u, terminal_write);
}

int ttydev_ioctl(struct file *f, unsigned cmd, uint64_t uarg)
{
	int r = 0;

	switch (cmd) {
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSBRK:
	case TCSBRKP:
	case TCXONC:
	case TCFLSH:
		r = tty_check_background(f->data, SIGTTOU);
		break;
	case TIOCSPGRP:
		r = tty_check_background(f->data, SIGTTOU);
		r = r == -EIO ? -ENOTTY : r;
	}
	return r ? r : tty_ioctl(f->data, cmd, uarg);
}

unsigned ttydev_poll(struct file *f, struct waitq **wait)
{
	*wait = tty_waitq(f->data);
	return tty_poll(f->data);
}

void ttydev_release(struct file *f)
{
	tty_closed(f->data);
}

/* Opening /dev/console makes it nobody's controlling terminal, as on Linux. */
static int console_open(struct vnode *v, struct file *f)
{
	tty_ref(&console_tty);
	tty_opened(&console_tty);
	f->data = &console_tty;
	if (MAJOR(v->rdev) == 4 && !(f->flags & O_NOCTTY))
		tty_acquire_at_open(&console_tty);
	return 0;
}

static int ctty_open(struct vnode *v __unused, struct file *f)
{
	struct tty *t = tty_of_session();

	if (!t)
		return -ENXIO;
	tty_opened(t);
	f->data = t;
	return 0;
}

const struct vnode_ops tty_ops = { .open = console_open,
				   .release = ttydev_release,
				   .read = ttydev_read,
				   .write = ttydev_write,
				   .ioctl = ttydev_ioctl,
				   .poll = ttydev_poll };
const struct vnode_ops ctty_ops = { .open = ctty_open,
				    .release = ttydev_release,
				    .read = ttydev_read,
				    .write = ttydev_write,
				    .ioctl = ttydev_ioctl,
				    .poll = ttydev_poll };
