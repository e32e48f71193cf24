/* SPDX-License-Identifier: ISC */
/*
 * The terminal's line discipline (POSIX.1-2017, chapter 11): editing of lines, echo, signals from the keyboard, output
 * processing, reading by lines or by MIN and TIME.
 *
 * tty_input runs in the uart's interrupt and edits under t->lock; signals are sent after it is let go, because those
 * locks rank lower. Echo is dropped when the uart's ring is full, never waited for. While the input is full and
 * can be read, the uart takes nothing in.
 */
#include "dev/tty.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "dev/uart.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "proc/thread.h"

#define SIGINT	 2
#define SIGQUIT	 3
#define SIGTSTP	 20
#define SIGWINCH 28
#define POLLIN	 1
#define POLLOUT	 4
#define POLLERR	 8
#define POLLHUP	 16
#define DRAIN_NS 10000000ul /* how often a drain looks */

#define CONSOLE_RDEV 0x440 /* 4:64, ttyS0 */

static size_t serial_room(struct tty *t __unused)
{
	return uart_room();
}

static void serial_write(struct tty *t __unused, const char *buf, size_t n)
{
	uart_write(buf, n);
}

static bool serial_idle(struct tty *t __unused)
{
	return uart_idle();
}

static void serial_discard(struct tty *t __unused)
{
	uart_discard();
}

static const struct tty_port serial_port = {
	.room = serial_room,
	.write = serial_write,
	.idle = serial_idle,
	.discard = serial_discard,
	.receive = uart_receive,
};

struct tty console_tty;

void tty_setup(struct tty *t, const struct tty_port *port, uint64_t rdev)
{
	static const struct termios initial = { .iflag = ICRNL | IXON | IUTF8,
						.oflag = OPOST | ONLCR,
						.cflag = B38400 | CS8 | CREAD | HUPCL,
						.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL |
							 ECHOKE | IEXTEN,
						.cc = { [VINTR] = 3,
							[VQUIT] = 28,
							[VERASE] = 127,
							[VKILL] = 21,
							[VEOF] = 4,
							[VMIN] = 1,
							[VSTART] = 17,
							[VSTOP] = 19,
							[VSUSP] = 26,
							[VREPRINT] = 18,
							[VDISCARD] = 15,
							[VWERASE] = 23,
							[VLNEXT] = 22 } };

	t->port = port;
	t->rdev = rdev;
	t->refs = 1;
	t->termios = initial;
	mutex_init(&t->write_mutex, "tty write", RANK_TTY);
	spin_init(&t->lock, "tty", RANK_DEVICE);
	waitq_init(&t->waiters);
}

void tty_init(void)
{
	tty_setup(&console_tty, &serial_port, CONSOLE_RDEV);
	console_tty.winsize = (struct winsize){ .row = 24, .col = 80 };
}

/* ---- output ---- */

/* Where the cursor is after c; for erasing tabs. */
static void track(struct tty *t, char c)
{
	if (c == '\r' || c == '\n')
		t->column = 0;
	else if (c == '\b')
		t->column -= t->column > 0;
	else if (c == '\t')
		t->column = (t->column | 7) + 1;
	else if ((uint8_t)c >= ' ' && ((uint8_t)c & 0xc0) != 0x80 && c != 127)
		t->column++;
}

/* What c becomes on its way out: 0 to 2 bytes. */
static unsigned process(struct tty *t, char c, char out[2])
{
	uint32_t flags = t->termios.oflag;

	if (!(flags & OPOST)) {
		out[0] = c;
		return 1;
	}
	if (c == '\n' && flags & ONLCR) {
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	}
	if (c == '\r' && flags & ONOCR && t->column == 0)
		return 0;
	out[0] = c == '\r' && flags & OCRNL ? '\n' : c;
	return 1;
}

/* Processes and queues as many of n bytes as the port takes; how many. */
static size_t output(struct tty *t, const char *buf, size_t n)
{
	char out[256];
	size_t room = MIN(t->port->room(t), sizeof(out)), len = 0, i;

	for (i = 0; i < n && len + 2 <= room; i++) {
		len += process(t, buf[i], out + len);
		track(t, buf[i]);
	}
	t->port->write(t, out, len);
	return i;
}

void tty_output_ready(void)
{
	struct tty *t = &console_tty;

	spin_lock(&t->lock);
	waitq_wake_all(&t->waiters);
	spin_unlock(&t->lock);
}

ssize_t tty_write(struct tty *t, const char *buf, size_t n, bool nonblock)
{
	size_t done = 0;
	int err = 0;

	mutex_lock(&t->write_mutex);
	spin_lock(&t->lock);
	while (done < n && !err) {
		size_t len = t->stopped || t->hung_up ? 0 : output(t, buf + done, n - done);

		done += len;
		if (t->hung_up) {
			err = -EIO;
		} else if (len > 0) { /* let interrupts in */
			spin_unlock(&t->lock);
			spin_lock(&t->lock);
		} else if (nonblock) {
			err = -EAGAIN;
		} else {
			err = waitq_sleep_intr(&t->waiters, &t->lock);
		}
	}
	spin_unlock(&t->lock);
	mutex_unlock(&t->write_mutex);
	return done || !err ? (ssize_t)done : err;
}

/* Waits until the last byte left the port: 0 or -ERESTARTSYS. */
static int drain(struct tty *t)
{
	int err = 0;

	spin_lock(&t->lock);
	while (!t->port->idle(t) && err != -ERESTARTSYS)
		err = waitq_sleep_until(&t->waiters, &t->lock, time_ns() + DRAIN_NS, true);
	spin_unlock(&t->lock);
	return err == -ERESTARTSYS ? err : 0;
}

/* ---- echo and editing: all with t->lock held ---- */

static void echo_raw(struct tty *t, const char *s, size_t n)
{
	output(t, s, n);
}

static bool is_control(uint8_t c)
{
	return c < ' ' || c == 127;
}

static bool shown_as_control(struct tty *t, uint8_t c)
{
	return t->termios.lflag & ECHOCTL && is_control(c) && c != '\t' &&
	       !(c == '\n' && t->termios.lflag & ICANON);
}

static void echo(struct tty *t, uint8_t c)
{
	if (!(t->termios.lflag & ECHO) && !(c == '\n' && t->termios.lflag & ECHONL))
		return;
	if (shown_as_control(t, c)) {
		char s[2] = { '^', (char)(c ^ 0x40) };

		echo_raw(t, s, 2);
	} else {
		echo_raw(t, (const char *)&c, 1);
	}
}

static uint8_t at(struct tty *t, uint32_t i)
{
	return t->buf[i % TTY_BUF];
}

/* The column after showing c at `column`. */
static uint32_t advance(struct tty *t, uint8_t c, uint32_t column)
{
	if (c == '\t')
		return (column | 7) + 1;
	if (shown_as_control(t, c))
		return column + 2;
	if (is_control(c) || (t->termios.iflag & IUTF8 && (c & 0xc0) == 0x80))
		return column;
	return column + 1;
}

/* Takes the last character (in UTF-8, all its bytes) off the line being edited, and off the screen if `show`. */
static void erase_one(struct tty *t, bool show)
{
	uint32_t before = t->line_column, after;
	uint8_t c;

	do
		c = at(t, --t->head);
	while (t->termios.iflag & IUTF8 && (c & 0xc0) == 0x80 && t->head != t->canon);
	if (!show || !(t->termios.lflag & ECHO))
		return;
	for (uint32_t i = t->canon; i != t->head; i++)
		before = advance(t, at(t, i), before);
	for (after = advance(t, c, before); after > before; after--)
		echo_raw(t, c == '\t' ? "\b" : "\b \b", c == '\t' ? 1 : 3);
}

static void erase_word(struct tty *t)
{
	while (t->head != t->canon && (at(t, t->head - 1) == ' ' || at(t, t->head - 1) == '\t'))
		erase_one(t, true);
	while (t->head != t->canon && at(t, t->head - 1) != ' ' && at(t, t->head - 1) != '\t')
		erase_one(t, true);
}

static void erase_line(struct tty *t, uint8_t c)
{
	bool clean = (t->termios.lflag & (ECHOKE | ECHOE)) == (ECHOKE | ECHOE);

	while (t->head != t->canon)
		erase_one(t, clean);
	if (!clean) {
		echo(t, c);
		if (t->termios.lflag & ECHOK)
			echo(t, '\n');
	}
}

static void reprint(struct tty *t)
{
	echo(t, t->termios.cc[VREPRINT]);
	echo(t, '\n');
	t->line_column = 0;
	for (uint32_t i = t->canon; i != t->head; i++)
		echo(t, at(t, i));
}

static void flush_input(struct tty *t)
{
	t->tail = t->canon = t->head;
	t->literal = false;
	memset(t->eol, 0, sizeof(t->eol));
}

static bool test_eol(struct tty *t, uint32_t i)
{
	return t->eol[i % TTY_BUF / 64] >> i % 64 & 1;
}

static void set_eol(struct tty *t, uint32_t i, bool on)
{
	uint64_t bit = 1ul << i % 64;

	if (on)
		t->eol[i % TTY_BUF / 64] |= bit;
	else
		t->eol[i % TTY_BUF / 64] &= ~bit;
}

static void store(struct tty *t, uint8_t c, bool eol)
{
	set_eol(t, t->head, eol);
	t->buf[t->head++ % TTY_BUF] = c;
	if (eol) {
		t->canon = t->head;
		waitq_wake_all(&t->waiters);
	}
}

static bool is_cc(struct tty *t, uint8_t c, unsigned which)
{
	return c == t->termios.cc[which] && c != 0;
}

/* ICANON's own characters. True: c was one. */
static bool edit(struct tty *t, uint8_t c)
{
	bool extended = t->termios.lflag & IEXTEN;

	if (is_cc(t, c, VERASE) || c == '\b') {
		if (t->head != t->canon)
			erase_one(t, true);
	} else if (is_cc(t, c, VKILL)) {
		erase_line(t, c);
	} else if (extended && is_cc(t, c, VWERASE)) {
		erase_word(t);
	} else if (extended && is_cc(t, c, VREPRINT)) {
		reprint(t);
	} else if (extended && is_cc(t, c, VLNEXT)) {
		t->literal = true;
		if (t->termios.lflag & ECHO && t->termios.lflag & ECHOCTL)
			echo_raw(t, "^\b", 2);
	} else if (is_cc(t, c, VEOF)) {
		store(t, '\0', true);
	} else {
		return false;
	}
	return true;
}

/* A character for the program. One place is kept for what ends the line. */
static void accept(struct tty *t, uint8_t c, bool literal)
{
	bool canonical = t->termios.lflag & ICANON;
	bool eol = canonical && !literal && (c == '\n' || is_cc(t, c, VEOL) || is_cc(t, c, VEOL2));
	uint32_t room = TTY_BUF - (t->head - t->tail);

	if (room == 0 || (canonical && room == 1 && !eol)) {
		if (t->termios.iflag & IMAXBEL)
			echo_raw(t, "\a", 1);
		return;
	}
	if (canonical && t->head == t->canon)
		t->line_column = t->column;
	echo(t, c);
	store(t, c, eol);
	if (!canonical)
		waitq_wake_all(&t->waiters);
}

/* The signal that c stands for, or 0. */
static int keyboard_signal(struct tty *t, uint8_t c)
{
	if (!(t->termios.lflag & ISIG))
		return 0;
	return is_cc(t, c, VINTR) ? SIGINT : is_cc(t, c, VQUIT) ? SIGQUIT : is_cc(t, c, VSUSP) ? SIGTSTP : 0;
}

static void set_stopped(struct tty *t, bool stopped)
{
	t->stopped = stopped;
	waitq_wake_all(&t->waiters);
}

/* ^S and ^Q. True: c was one. */
static bool flow_control(struct tty *t, uint8_t c)
{
	if (!(t->termios.iflag & IXON))
		return false;
	if (is_cc(t, c, VSTART) || is_cc(t, c, VSTOP)) {
		set_stopped(t, is_cc(t, c, VSTOP) && !(t->stopped && is_cc(t, c, VSTART)));
		return true;
	}
	if (t->stopped && t->termios.iflag & IXANY)
		set_stopped(t, false);
	return false;
}

/* Handles c; the signal to send, or 0. */
static int input(struct tty *t, uint8_t c)
{
	uint32_t iflag = t->termios.iflag;
	int sig;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if (t->literal) {
		t->literal = false;
		accept(t, c, true);
		return 0;
	}
	if (c == '\r' && iflag & IGNCR)
		return 0;
	if (c == '\r' && iflag & ICRNL)
		c = '\n';
	else if (c == '\n' && iflag & INLCR)
		c = '\r';
	if (flow_control(t, c))
		return 0;
	sig = keyboard_signal(t, c);
	if (sig) {
		if (!(t->termios.lflag & NOFLSH))
			flush_input(t);
		set_stopped(t, false);
		echo(t, c);
		return sig;
	}
	if (!(t->termios.lflag & ICANON) || !edit(t, c))
		accept(t, c, false);
	return 0;
}

void tty_input(struct tty *t, char c)
{
	int sig, pgrp;

	spin_lock(&t->lock);
	sig = input(t, (uint8_t)c);
	pgrp = t->pgrp;
	spin_unlock(&t->lock);
	if (sig && pgrp > 0)
		signal_group(pgrp, sig);
}

bool tty_takes_input(struct tty *t)
{
	return TTY_BUF - (t->head - t->tail) > 1 || (t->termios.lflag & ICANON && t->tail == t->canon);
}

/* Lets the port send, or stops it until a reader made room. */
static bool control_input(struct tty *t)
{
	bool takes = tty_takes_input(t);

	if (t->port->receive && t->throttled == takes) {
		t->throttled = !takes;
		t->port->receive(takes);
	}
	return takes;
}

bool tty_has_room(struct tty *t)
{
	bool room;

	spin_lock(&t->lock);
	room = control_input(t);
	spin_unlock(&t->lock);
	return room;
}

size_t tty_feed(struct tty *t, const char *buf, size_t n)
{
	size_t done = 0;

	while (done < n && tty_has_room(t))
		tty_input(t, buf[done++]);
	return done;
}

void tty_opened(struct tty *t)
{
	spin_lock(&t->lock);
	t->opened = true;
	t->nopen++;
	spin_unlock(&t->lock);
}

void tty_closed(struct tty *t)
{
	spin_lock(&t->lock);
	if (--t->nopen == 0)
		waitq_wake_all(&t->waiters);
	spin_unlock(&t->lock);
	tty_unref(t);
}

void tty_hang_up(struct tty *t)
{
	spin_lock(&t->lock);
	t->hung_up = true;
	waitq_wake_all(&t->waiters);
	spin_unlock(&t->lock);
	tty_tell_leader(t);
}

/* ---- reading ---- */

static bool is_eof_mark(struct tty *t, uint32_t i)
{
	return test_eol(t, i) && at(t, i) == '\0';
}

/* Up to n bytes of one line. 0 is an end of file. */
static size_t take_line(struct tty *t, char *buf, size_t n)
{
	size_t i = 0;

	while (i < n && t->tail != t->canon) {
		uint32_t here = t->tail++;
		bool eol = test_eol(t, here);

		if (is_eof_mark(t, here)) {
			set_eol(t, here, false);
			return i;
		}
		buf[i++] = at(t, here);
		set_eol(t, here, false);
		if (eol)
			return i;
	}
	/* The mark right behind what was asked for goes with it, or the next read would report an end of file. */
	if (i > 0 && t->tail != t->canon && is_eof_mark(t, t->tail))
		set_eol(t, t->tail++, false);
	return i;
}

static size_t take_raw(struct tty *t, char *buf, size_t n)
{
	size_t i = 0;

	while (i < n && t->tail != t->head)
		buf[i++] = at(t, t->tail++);
	return i;
}

static ssize_t read_line(struct tty *t, char *buf, size_t n, bool nonblock)
{
	while (t->tail == t->canon) {
		if (t->hung_up)
			return 0;
		int err = nonblock ? -EAGAIN : waitq_sleep_intr(&t->waiters, &t->lock);

		if (err)
			return err;
		if (!(t->termios.lflag & ICANON))
			return -EAGAIN; /* the mode changed: tty_read starts over */
	}
	return take_line(t, buf, n);
}

/* MIN and TIME as in termios(3); TIME counts tenths of a second. */
static ssize_t read_raw(struct tty *t, char *buf, size_t n, bool nonblock)
{
	uint32_t min = t->termios.cc[VMIN];
	uint64_t time = t->termios.cc[VTIME] * 100000000ul;
	uint32_t want = MAX(MIN(min, n), 1u), seen = t->head - t->tail;
	uint64_t deadline = time_ns() + time;
	int err = 0;

	while (t->head - t->tail < want && !err && !t->hung_up) {
		if (nonblock)
			err = -EAGAIN;
		else if (min == 0 && time == 0)
			break;
		else if (time && (min == 0 || seen)) /* from the start, or between bytes */
			err = waitq_sleep_until(&t->waiters, &t->lock, deadline, true);
		else
			err = waitq_sleep_intr(&t->waiters, &t->lock);
		if (t->head - t->tail != seen) {
			seen = t->head - t->tail;
			deadline = time_ns() + time;
		}
		if (t->termios.lflag & ICANON)
			return -EAGAIN; /* the mode changed: tty_read starts over */
	}
	if (t->head == t->tail && err && err != -ETIMEDOUT)
		return err;
	return take_raw(t, buf, n);
}

ssize_t tty_read(struct tty *t, char *buf, size_t n, bool nonblock)
{
	ssize_t got;

	if (n == 0)
		return 0;
	spin_lock(&t->lock);
	do
		got = t->termios.lflag & ICANON ? read_line(t, buf, MIN(n, TTY_BUF), nonblock) :
						  read_raw(t, buf, MIN(n, TTY_BUF), nonblock);
	while (got == -EAGAIN && !nonblock);
	control_input(t);
	waitq_wake_all(&t->waiters); /* who feeds a pseudo-terminal may wait for room */
	spin_unlock(&t->lock);
	return got;
}

static bool readable(struct tty *t)
{
	return t->termios.lflag & ICANON ? t->tail != t->canon : t->tail != t->head;
}

unsigned tty_poll(struct tty *t)
{
	unsigned events = 0;

	spin_lock(&t->lock);
	if (readable(t) || t->hung_up)
		events |= POLLIN;
	if (t->hung_up)
		events |= POLLOUT | POLLERR | POLLHUP;
	else if (!t->stopped && t->port->room(t) >= 2)
		events |= POLLOUT;
	spin_unlock(&t->lock);
	return events;
}

struct waitq *tty_waitq(struct tty *t)
{
	return &t->waiters;
}

/* ---- ioctl ---- */

/* Input that is there already changes its meaning: what was being edited can be read, or is a line by itself. */
static void set_termios(struct tty *t, const struct termios *new)
{
	bool was = t->termios.lflag & ICANON, is = new->lflag &ICANON;

	t->termios = *new;
	if (was != is) {
		t->canon = t->head;
		if (t->head != t->tail)
			set_eol(t, t->head - 1, is);
		t->literal = false;
	}
	if (!(new->iflag &IXON))
		t->stopped = false;
	control_input(t);
	waitq_wake_all(&t->waiters);
}

static int set_termios_user(struct tty *t, unsigned cmd, uint64_t uarg)
{
	struct termios new;
	int err = get_user(&new, uarg, sizeof(new));

	if (!err && cmd != TCSETS)
		err = drain(t);
	if (err)
		return err;
	spin_lock(&t->lock);
	if (cmd == TCSETSF)
		flush_input(t);
	set_termios(t, &new);
	spin_unlock(&t->lock);
	return 0;
}

static int set_winsize(struct tty *t, uint64_t uarg)
{
	struct winsize new;
	int err = get_user(&new, uarg, sizeof(new)), pgrp = 0;

	if (err)
		return err;
	spin_lock(&t->lock);
	if (memcmp(&t->winsize, &new, sizeof(new)) != 0)
		pgrp = t->pgrp;
	t->winsize = new;
	spin_unlock(&t->lock);
	if (pgrp > 0)
		signal_group(pgrp, SIGWINCH);
	return 0;
}

static int put_int(uint64_t uarg, int value)
{
	return put_user(uarg, &value, sizeof(value));
}

/* Bytes that a read would give: without the marks of ends of file. */
static int count_input(struct tty *t)
{
	int n = 0;

	spin_lock(&t->lock);
	if (t->termios.lflag & ICANON)
		for (uint32_t i = t->tail; i != t->canon; i++)
			n += !is_eof_mark(t, i);
	else
		n = t->head - t->tail;
	spin_unlock(&t->lock);
	return n;
}

static int flush(struct tty *t, uint64_t which)
{
	if (which > 2)
		return -EINVAL;
	spin_lock(&t->lock);
	if (which != 1) {
		flush_input(t);
		control_input(t);
	}
	if (which != 0)
		t->port->discard(t);
	waitq_wake_all(&t->waiters);
	spin_unlock(&t->lock);
	return 0;
}

/* tcflow(3): 0 and 1 stop and start output; 2 and 3 send STOP and START. */
static int flow(struct tty *t, uint64_t what)
{
	if (what > 3)
		return -EINVAL;
	spin_lock(&t->lock);
	if (what < 2)
		set_stopped(t, what == 0);
	else
		t->port->write(t, (const char *)&t->termios.cc[what == 2 ? VSTOP : VSTART], 1);
	spin_unlock(&t->lock);
	return 0;
}

int tty_ioctl(struct tty *t, unsigned cmd, uint64_t uarg)
{
	struct termios termios;
	struct winsize winsize;

	if (__atomic_load_n(&t->hung_up, __ATOMIC_RELAXED))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCGETS:
		spin_lock(&t->lock);
		termios = t->termios;
		spin_unlock(&t->lock);
		return put_user(uarg, &termios, sizeof(termios));
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios_user(t, cmd, uarg);
	case TIOCGWINSZ:
		spin_lock(&t->lock);
		winsize = t->winsize;
		spin_unlock(&t->lock);
		return put_user(uarg, &winsize, sizeof(winsize));
	case TIOCSWINSZ:
		return set_winsize(t, uarg);
	case FIONREAD:
		return put_int(uarg, count_input(t));
	case TIOCOUTQ:
		return put_int(uarg, t->port->idle(t) ? 0 : 1);
	case TCSBRK: /* no line to break; tcdrain(3) is TCSBRK with an argument */
	case TCSBRKP:
		return drain(t);
	case TCFLSH:
		return flush(t, uarg);
	case TCXONC:
		return flow(t, uarg);
	}
	return tty_job_ioctl(t, cmd, uarg);
}
