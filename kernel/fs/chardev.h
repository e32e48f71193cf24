/* SPDX-License-Identifier: ISC */
/* Character devices: what the files that implement them share. */
#ifndef FS_CHARDEV_H
#define FS_CHARDEV_H

#include "fs/vnode.h"

/* Linux's numbers: both below 256, or as its 32-bit encoding has them */
#define DEV(major, minor) ((uint64_t)(major) << 8 | (minor))
#define MAJOR(dev)	  ((dev) >> 8 & 0xfff)
#define MINOR(dev)	  ((dev)&0xff)

typedef ssize_t (*stream_read)(struct file *f, char *buf, size_t n, bool nonblock);
typedef ssize_t (*stream_write)(struct file *f, const char *buf, size_t n, bool nonblock);

/* By way of a page of the kernel's: one read, of at most that much; and all of it. May sleep. */
ssize_t read_stream(struct file *f, struct uio *u, stream_read read);
ssize_t write_stream(struct file *f, struct uio *u, stream_write write);

/* ttydev.c: the console, the terminal of the process's session, terminals of /dev/pts; devpts.c: /dev/ptmx */
extern const struct vnode_ops tty_ops, ctty_ops, ptmx_ops;
struct tty;
/* What release, read ... of a terminal's file do; f->data is the tty. */
void ttydev_release(struct file *f);
ssize_t ttydev_read(struct file *f, struct uio *u, uint64_t *offset);
ssize_t ttydev_write(struct file *f, struct uio *u, uint64_t *offset);
int ttydev_ioctl(struct file *f, unsigned cmd, uint64_t uarg);
unsigned ttydev_poll(struct file *f, struct waitq **wait);

#endif
