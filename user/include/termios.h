/* SPDX-License-Identifier: ISC */
/* Terminal modes; the structure is the kernel's of TCGETS. */
#ifndef _TERMIOS_H
#define _TERMIOS_H

#include <sys/types.h>
#include <sys/ioctl.h>
#define NCCS 19
typedef unsigned tcflag_t, speed_t;
typedef unsigned char cc_t;
struct termios {
	tcflag_t c_iflag;
	tcflag_t c_oflag;
	tcflag_t c_cflag;
	tcflag_t c_lflag;
	cc_t c_line;
	cc_t c_cc[NCCS];
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
#define IGNBRK	  1
#define BRKINT	  2
#define IGNPAR	  4
#define PARMRK	  8
#define INPCK	  16
#define ISTRIP	  32
#define INLCR	  64
#define IGNCR	  128
#define ICRNL	  256
#define IXON	  02000
#define IXANY	  04000
#define IXOFF	  010000
#define IMAXBEL	  020000
#define IUTF8	  040000
#define OPOST	  1
#define ONLCR	  4
#define OCRNL	  8
#define ONOCR	  16
#define ONLRET	  32
#define CSIZE	  060
#define CS8	  060
#define CSTOPB	  0100
#define CREAD	  0200
#define PARENB	  0400
#define HUPCL	  02000
#define CLOCAL	  04000
#define B9600	  015
#define B38400	  017
#define B115200	  010002
#define ISIG	  1
#define ICANON	  2
#define ECHO	  010
#define ECHOE	  020
#define ECHOK	  040
#define ECHONL	  0100
#define NOFLSH	  0200
#define TOSTOP	  0400
#define ECHOCTL	  01000
#define ECHOKE	  04000
#define IEXTEN	  0100000
#define TCSANOW	  0
#define TCSADRAIN 1
#define TCSAFLUSH 2
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2
#define TCOOFF	  0
#define TCOON	  1
#define TCIOFF	  2
#define TCION	  3
int tcflow(int fd, int what);
int tcgetattr(int fd, struct termios *t);
int tcsetattr(int fd, int when, const struct termios *t);
int tcflush(int fd, int queue);
int tcdrain(int fd);
int tcsendbreak(int fd, int dur);
pid_t tcgetsid(int fd);
void cfmakeraw(struct termios *t);

#endif
