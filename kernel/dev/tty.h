/* SPDX-License-Identifier: ISC */
/* Terminals: the numbers and structures of Linux's asm-generic termbits.h and ioctls.h, and struct tty. */
#ifndef DEV_TTY_H
#define DEV_TTY_H

#include "lib/base.h"
#include "lib/lock.h"

#define NCCS 19
struct termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[NCCS];
};

struct winsize {
	uint16_t row, col, xpixel, ypixel;
};

enum {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2
};

/* iflag */
#define ISTRIP	0x20
#define INLCR	0x40
#define IGNCR	0x80
#define ICRNL	0x100
#define IXON	0x400
#define IXANY	0x800
#define IMAXBEL 0x2000
#define IUTF8	0x4000
/* oflag */
#define OPOST  0x1
#define ONLCR  0x4
#define OCRNL  0x8
#define ONOCR  0x10
#define ONLRET 0x20
/* cflag */
#define CREAD  0x80
#define CS8    0x30
#define HUPCL  0x400
#define B38400 0xf
/* lflag */
#define ISIG	0x1
#define ICANON	0x2
#define ECHO	0x8
#define ECHOE	0x10
#define ECHOK	0x20
#define ECHONL	0x40
#define NOFLSH	0x80
#define TOSTOP	0x100
#define ECHOCTL 0x200
#define ECHOKE	0x800
#define IEXTEN	0x8000

#define TCGETS	   0x5401
#define TCSETS	   0x5402
#define TCSETSW	   0x5403
#define TCSETSF	   0x5404
#define TCSBRK	   0x5409
#define TCXONC	   0x540a
#define TCFLSH	   0x540b
#define TIOCSCTTY  0x540e
#define TIOCGPGRP  0x540f
#define TIOCSPGRP  0x5410
#define TIOCOUTQ   0x5411
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONREAD   0x541b
#define TIOCGPTN   0x80045430 /* the number of a pseudo-terminal; its lock; a signal for its group */
#define TIOCSPTLCK 0x40045431
#define TIOCGPTLCK 0x80045439
#define TIOCSIG	   0x40045436
#define TIOCNOTTY  0x5422
#define TCSBRKP	   0x5425
#define TIOCGSID   0x5429

#define TTY_BUF 4096 /* a power of 2; the longest line is one less, as in Linux */

struct tty;

/* Where a terminal's output goes: the serial port, or the other end of a pseudo-terminal. All with t->lock held. */
struct tty_port {
	size_t (*room)(struct tty *t); /* bytes that write takes now */
	void (*write)(struct tty *t, const char *buf, size_t n);
	bool (*idle)(struct tty *t); /* everything written has left */
	void (*discard)(struct tty *t);
	void (*receive)(bool on); /* may it call tty_input; NULL: it asks tty_has_room itself */
};

/*
 * Input lies in a ring indexed by free-running counters: [tail, canon) is complete lines, [canon, head) the line being
 * edited. Without ICANON all of [tail, head) can be read, and canon is not used.
 */
struct tty {
	const struct tty_port *port; /* [c] */
	uint64_t rdev;		     /* [c] */
	uint32_t refs;		     /* [a] open files, the session, a master; the console's do not count */
	struct mutex write_mutex;    /* one writer at a time, so that their lines stay whole */
	struct spinlock lock;	     /* guards all that follows; taken by the uart's interrupt */
	struct waitq waiters;	     /* readers, writers, pollers */
	struct termios termios;
	struct winsize winsize;
	uint8_t buf[TTY_BUF];
	uint64_t
		eol[TTY_BUF / 64]; /* a bit for each byte: a line ends here. '\0' with it is an end of file */
	uint32_t head, tail, canon;
	uint32_t column, line_column; /* of the cursor; where the edited line began */
	bool literal;		      /* ^V: the next character means itself */
	bool stopped;		      /* ^S */
	bool hung_up;		      /* the other end is gone for good */
	bool opened;		      /* it was open once */
	unsigned nopen;		      /* files */
	bool throttled;		      /* the port was told not to receive */
	int pgrp, session;	      /* 0: none */
};

/* The modes and keys a terminal begins with. `t` is zeroed; one reference. */
void tty_setup(struct tty *t, const struct tty_port *port, uint64_t rdev);
/* The other end is gone: readers find the end of the file, writers EIO, the session's leader gets SIGHUP. */
void tty_hang_up(struct tty *t);
/* Bytes from the other end of a pseudo-terminal: how many of n were taken. */
size_t tty_feed(struct tty *t, const char *buf, size_t n);
/*
 * With t->lock held: may tty_feed go on? A line that is too long loses what does not fit, as at a keyboard, so that
 * it can still be ended or erased; else the bytes wait for a reader.
 */
bool tty_takes_input(struct tty *t);
/* A file of it was opened (holding a reference); the file is closed, and its reference let go. */
void tty_opened(struct tty *t);
void tty_closed(struct tty *t);

/* tty_job.c: the ioctls about sessions and process groups; -ENOTTY for others. */
int tty_job_ioctl(struct tty *t, unsigned cmd, uint64_t uarg);
/* A session leader without a terminal that opens one (without O_NOCTTY) takes it if no session has it. */
void tty_acquire_at_open(struct tty *t);
/*
 * A process in the background reads from its controlling terminal (SIGTTIN) or changes it (SIGTTOU): its group gets
 * the signal, and the call is made again when it goes on: -ERESTARTSYS. If it ignores or blocks the signal, it may
 * change the terminal, but not read (-EIO); in an orphaned group it may neither (POSIX.1-2017, 11.1.4).
 */
int tty_check_background(struct tty *t, int sig);
/* SIGHUP and SIGCONT for the leader of its session. */
void tty_tell_leader(struct tty *t);
/* The terminal of the current process's session, referenced, or NULL. */
struct tty *tty_of_session(void);
void tty_ref(struct tty *t);
void tty_unref(struct tty *t);

/* pty.c: the last reference to a pseudo-terminal's tty is gone. */
void pty_free(struct tty *t);
extern const struct tty_port pty_port;

#endif
