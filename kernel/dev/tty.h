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
#define TIOCNOTTY  0x5422
#define TCSBRKP	   0x5425
#define TIOCGSID   0x5429

#define TTY_BUF 4096 /* a power of 2; the longest line is one less, as in Linux */

/*
 * Input lies in a ring indexed by free-running counters: [tail, canon) is complete lines, [canon, head) the line being
 * edited. Without ICANON all of [tail, head) can be read, and canon is not used.
 */
struct tty {
	struct mutex write_mutex; /* one writer at a time, so that their lines stay whole */
	struct spinlock lock;	  /* guards all that follows; taken by the uart's interrupt */
	struct waitq waiters;	  /* readers, writers, pollers */
	struct termios termios;
	struct winsize winsize;
	uint8_t buf[TTY_BUF];
	uint64_t
		eol[TTY_BUF / 64]; /* a bit for each byte: a line ends here. '\0' with it is an end of file */
	uint32_t head, tail, canon;
	uint32_t column, line_column; /* of the cursor; where the edited line began */
	bool literal;		      /* ^V: the next character means itself */
	bool stopped;		      /* ^S */
	int pgrp, session;	      /* 0: none */
};

/* tty_job.c: the ioctls about sessions and process groups; -ENOTTY for others. */
int tty_job_ioctl(struct tty *t, unsigned cmd, uint64_t uarg);

#endif
