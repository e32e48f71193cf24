/* SPDX-License-Identifier: ISC */
/* Device control. */
#ifndef _SYS_IOCTL_H
#define _SYS_IOCTL_H

#define TCGETS	     0x5401
#define TCSETS	     0x5402
#define TCSETSW	     0x5403
#define TCSETSF	     0x5404
#define TCSBRK	     0x5409
#define TCXONC	     0x540a
#define TCFLSH	     0x540b
#define TIOCSCTTY    0x540e
#define TIOCGPGRP    0x540f
#define TIOCSPGRP    0x5410
#define TIOCGWINSZ   0x5413
#define TIOCSWINSZ   0x5414
#define FIONREAD     0x541b
#define TIOCNOTTY    0x5422
#define TIOCGSID     0x5429
#define TIOCOUTQ     0x5411
#define TIOCINQ	     FIONREAD
#define TIOCGPTN     0x80045430ul
#define TIOCSPTLCK   0x40045431ul
#define TIOCGPTLCK   0x80045439ul
#define TIOCSIG	     0x40045436ul
#define FIONCLEX     0x5450
#define FIOCLEX	     0x5451
#define FIONBIO	     0x5421
#define BLKROSET     0x125d
#define BLKROGET     0x125e
#define BLKGETSIZE   0x1260
#define BLKFLSBUF    0x1261
#define BLKSSZGET    0x1268
#define BLKGETSIZE64 0x80081272ul
struct winsize {
	unsigned short ws_row, ws_col, ws_xpixel, ws_ypixel;
};
int ioctl(int fd, unsigned long req, ...);

#endif
