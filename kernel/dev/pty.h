/* SPDX-License-Identifier: ISC */
/* Pseudo-terminals for the file system of /dev/pts: see pty.c. */
#ifndef DEV_PTY_H
#define DEV_PTY_H

#include "lib/base.h"

struct pty;
struct tty;
struct waitq;

#define PTY_MAX	  64
#define PTY_MAJOR 136

/* What /dev/pts shows of one. The serial number is never given twice. */
struct pty_entry {
	unsigned index;
	uint64_t serial;
	uint32_t mode, uid, gid;
};

/* A new one, locked, with its master end open; its entry's owner and mode. -ENOSPC: too many; -ENOMEM. */
int pty_create(uint32_t mode, uint32_t uid, uint32_t gid, struct pty **out);
/* The master closes: the terminal hangs up, and its entry is gone. */
void pty_close_master(struct pty *p);
/* As tty_read and tty_write, at the master's end. -EIO: every terminal file is closed and all was read. */
ssize_t pty_read(struct pty *p, char *buf, size_t n, bool nonblock);
ssize_t pty_write(struct pty *p, const char *buf, size_t n, bool nonblock);
unsigned pty_poll(struct pty *p, struct waitq **wait);
int pty_ioctl(struct pty *p, unsigned cmd, uint64_t uarg);

/* The first entry with an index of at least `from`: false if there is none. */
bool pty_next(unsigned from, struct pty_entry *e);
/* Owner and mode of an entry change. */
void pty_set_entry(const struct pty_entry *e);
/* The terminal's end, referenced and counted as open: 0, -EIO (locked, or gone). */
int pty_open_terminal(const struct pty_entry *e, struct tty **out);

#endif
