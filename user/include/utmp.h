/* SPDX-License-Identifier: ISC */
/* Only what programs take from here: login_tty. Nobody records who is logged in. */
#ifndef _UTMP_H
#define _UTMP_H

int login_tty(int fd);

#endif
