/* SPDX-License-Identifier: ISC */
/* Pseudo-terminals, and a process on one. */
#ifndef _PTY_H
#define _PTY_H

#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

int openpty(int *master, int *slave, char *name, const struct termios *t, const struct winsize *w);
pid_t forkpty(int *master, char *name, const struct termios *t, const struct winsize *w);
int login_tty(int fd);

#endif
