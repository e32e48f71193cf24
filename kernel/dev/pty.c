/* SPDX-License-Identifier: ISC */
/*
 * Pseudo-terminals: a terminal whose other end is a file, the master. What programs write to the terminal lies,
 * processed, in a ring until the master reads it; what the master writes is typed.
 *
 * The terminal's lock guards the ring and the states, too; everyone on either end waits on the terminal's queue.
 * A pty lives as long as its tty is referenced: by the master, by open terminal files, by a session. Its index
 * is free again after that. pty_lock guards the table, and what an entry shows.
 */
#include "dev/pty.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "dev/tty.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"

#define RING	4096 /* a power of 2 */
#define POLLIN	1
#define POLLOUT 4
#define POLLHUP 16

struct pty {
	struct tty tty;
	struct pty_entry entry; /* [pty_lock] owner and mode; else [c] */
	bool visible;		/* [pty_lock] the master is open */
	bool locked;		/* [tty.lock] until TIOCSPTLCK */
	uint32_t head, tail;	/* [tty.lock] free-running */
	char ring[RING];
};

static struct spinlock pty_lock = SPINLOCK_INIT("ptys", RANK_DEVICE);
static struct pty *ptys[PTY_MAX]; /* [pty_lock] */
static uint64_t last_serial;	  /* [pty_lock] */

#define NPAGES DIV_ROUND_UP(sizeof(struct pty), PAGE_SIZE)

static struct pty *pty_of(struct tty *t)
{
	return container_of(t, struct pty, tty);
}

/* ---- the terminal's output ---- */

static size_t ring_room(struct tty *t)
{
	return RING - (pty_of(t)->head - pty_of(t)->tail);
}

static void ring_write(struct tty *t, const char *buf, size_t n)
{
	struct pty *p = pty_of(t);

	n = MIN(n, ring_room(t));
	for (size_t i = 0; i < n; i++)
		p->ring[p->head++ % RING] = buf[i];
	if (n)
		waitq_wake_all(&t->waiters);
}

/* As on Linux: what is in the ring has left the terminal. */
static bool ring_idle(struct tty *t __unused)
{
	return true;
}

static void ring_discard(struct tty *t)
{
	pty_of(t)->tail = pty_of(t)->head;
}

const struct tty_port pty_port = {
	.room = ring_room, .write = ring_write, .idle = ring_idle, .discard = ring_discard
};

/* ---- life ---- */

int pty_create(uint32_t mode, uint32_t uid, uint32_t gid, struct pty **out)
{
	struct pty *p = kmap_alloc(NPAGES);
	unsigned i = 0;

	if (!p)
		return -ENOMEM;
	memset(p, 0, sizeof(*p));
	spin_lock(&pty_lock);
	while (i < PTY_MAX && ptys[i])
		i++;
	if (i < PTY_MAX) {
		p->entry = (struct pty_entry){
			.index = i, .serial = ++last_serial, .mode = mode, .uid = uid, .gid = gid
		};
		tty_setup(&p->tty, &pty_port, (uint64_t)PTY_MAJOR << 8 | i);
		p->locked = p->visible = true;
		ptys[i] = p;
	}
	spin_unlock(&pty_lock);
	if (i == PTY_MAX) {
		kmap_free(p, NPAGES);
		return -ENOSPC;
	}
	*out = p;
	return 0;
}

void pty_close_master(struct pty *p)
{
	spin_lock(&pty_lock);
	p->visible = false;
	spin_unlock(&pty_lock);
	tty_hang_up(&p->tty);
	tty_unref(&p->tty);
}

void pty_free(struct tty *t)
{
	struct pty *p = pty_of(t);

	spin_lock(&pty_lock);
	ptys[p->entry.index] = NULL;
	spin_unlock(&pty_lock);
	kmap_free(p, NPAGES);
}

/* ---- the master's end ---- */

/* With the lock held: the last terminal file is closed. */
static bool other_closed(const struct pty *p)
{
	return p->tty.opened && p->tty.nopen == 0;
}

ssize_t pty_read(struct pty *p, char *buf, size_t n, bool nonblock)
{
	struct tty *t = &p->tty;
	size_t done = 0;
	int err = 0;

	spin_lock(&t->lock);
	while (n && p->head == p->tail && !err)
		err = other_closed(p) ? -EIO : nonblock ? -EAGAIN : waitq_sleep_intr(&t->waiters, &t->lock);
	while (done < n && p->tail != p->head)
		buf[done++] = p->ring[p->tail++ % RING];
	if (done)
		waitq_wake_all(&t->waiters);
	spin_unlock(&t->lock);
	return done ? (ssize_t)done : err;
}

ssize_t pty_write(struct pty *p, const char *buf, size_t n, bool nonblock)
{
	struct tty *t = &p->tty;
	size_t done = 0;
	int err = 0;

	while (done < n && !err) {
		done += tty_feed(t, buf + done, n - done);
		if (done == n)
			break;
		spin_lock(&t->lock);
		if (!tty_takes_input(t))
			err = nonblock ? -EAGAIN : waitq_sleep_intr(&t->waiters, &t->lock);
		spin_unlock(&t->lock);
	}
	return done ? (ssize_t)done : err;
}

unsigned pty_poll(struct pty *p, struct waitq **wait)
{
	unsigned events = 0;

	*wait = &p->tty.waiters;
	spin_lock(&p->tty.lock);
	if (p->head != p->tail)
		events |= POLLIN;
	if (other_closed(p))
		events |= POLLHUP;
	if (tty_takes_input(&p->tty))
		events |= POLLOUT;
	spin_unlock(&p->tty.lock);
	return events;
}

static int put_int(uint64_t uarg, int value)
{
	return put_user(uarg, &value, sizeof(value));
}

static int set_lock(struct pty *p, uint64_t uarg)
{
	int on;

	if (get_user(&on, uarg, sizeof(on)))
		return -EFAULT;
	spin_lock(&p->tty.lock);
	p->locked = on != 0;
	spin_unlock(&p->tty.lock);
	return 0;
}

/* A signal for the foreground group, as from the keyboard. */
static int send_signal(struct pty *p, uint64_t sig)
{
	int pgrp;

	if (sig < 1 || sig > 31)
		return -EINVAL;
	spin_lock(&p->tty.lock);
	pgrp = p->tty.pgrp;
	spin_unlock(&p->tty.lock);
	if (pgrp > 0)
		signal_group(pgrp, sig);
	return 0;
}

int pty_ioctl(struct pty *p, unsigned cmd, uint64_t uarg)
{
	struct tty *t = &p->tty;
	int value;

	switch (cmd) {
	case TIOCGPTN:
		return put_int(uarg, p->entry.index);
	case TIOCSPTLCK:
		return set_lock(p, uarg);
	case TIOCSIG:
		return send_signal(p, uarg);
	case TIOCGPTLCK:
	case TIOCGPGRP:
	case TIOCGSID:
	case FIONREAD:
		spin_lock(&t->lock);
		value = cmd == TIOCGPTLCK ? p->locked :
			cmd == TIOCGPGRP  ? t->pgrp :
			cmd == TIOCGSID	  ? t->session :
					    (int)(p->head - p->tail);
		spin_unlock(&t->lock);
		return cmd == TIOCGSID && !value ? -ENOTTY : put_int(uarg, value);
	case TIOCSCTTY:
	case TIOCSPGRP:
	case TIOCNOTTY:
		return -ENOTTY;
	case TCFLSH: /* this end's input is the other's output */
		return tty_ioctl(t, cmd, uarg == 0 || uarg == 1 ? 1 - uarg : uarg);
	}
	return tty_ioctl(t, cmd, uarg);
}

/* ---- entries ---- */

bool pty_next(unsigned from, struct pty_entry *e)
{
	unsigned i = from;

	spin_lock(&pty_lock);
	while (i < PTY_MAX && !(ptys[i] && ptys[i]->visible))
		i++;
	if (i < PTY_MAX)
		*e = ptys[i]->entry;
	spin_unlock(&pty_lock);
	return i < PTY_MAX;
}

/* With pty_lock held. */
static struct pty *find(const struct pty_entry *e)
{
	struct pty *p = e->index < PTY_MAX ? ptys[e->index] : NULL;

	return p && p->visible && p->entry.serial == e->serial ? p : NULL;
}

void pty_set_entry(const struct pty_entry *e)
{
	struct pty *p;

	spin_lock(&pty_lock);
	p = find(e);
	if (p)
		p->entry = *e;
	spin_unlock(&pty_lock);
}

int pty_open_terminal(const struct pty_entry *e, struct tty **out)
{
	struct pty *p;

	spin_lock(&pty_lock);
	p = find(e);
	if (p)
		tty_ref(&p->tty);
	spin_unlock(&pty_lock);
	if (!p)
		return -EIO;
	if (__atomic_load_n(&p->locked, __ATOMIC_RELAXED)) {
		tty_unref(&p->tty);
		return -EIO;
	}
	tty_opened(&p->tty);
	*out = &p->tty;
	return 0;
}
