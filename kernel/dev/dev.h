/* SPDX-License-Identifier: ISC */
/* What the rest of the kernel sees of the drivers besides block.h. */
#ifndef DEV_DEV_H
#define DEV_DEV_H

#include "lib/base.h"

/* Finds and starts everything the device tree names. Called once at boot, with interrupts and threads running. */
void dev_init(void);

/* uart.c: early polled output works from the first line of C (through SBI until dev_init). */
void console_putc(char c);
/* Panic: polled, takes no lock, works with everything else dead. */
void console_panic_putc(char c);

/* tty.c: the console terminal, /dev/console, /dev/tty, /dev/ttyS0. Line discipline per termios(3). */
struct tty;
extern struct tty console_tty;
/* Sleeps for input; -ERESTARTSYS on a signal, 0 is end of file. `nonblock`: -EAGAIN. Buffers are kernel memory. */
ssize_t tty_read(struct tty *t, char *buf, size_t n, bool nonblock);
ssize_t tty_write(struct tty *t, const char *buf, size_t n, bool nonblock);
int tty_ioctl(struct tty *t, unsigned cmd,
	      uint64_t uarg); /* TCGETS TCSETS* TIOC[GS]WINSZ TIOC[GS]PGRP TIOCSCTTY TIOCNOTTY FIONREAD ... */
unsigned tty_poll(struct tty *t); /* POLLIN, POLLOUT bits now; waiters: tty_waitq */
struct waitq *tty_waitq(struct tty *t);
void tty_input(struct tty *t, char c); /* from the uart's interrupt */
/* Whether tty_input may be called now; if not, the port's receive(false) has been called, and (true) follows. */
bool tty_has_room(struct tty *t);
/* The leader of session `sid` ends: the session loses the terminal, the foreground group gets SIGHUP and SIGCONT. */
void tty_session_end(struct tty *t, int sid);
/* Delivers a signal to a process group: provided by proc/signal.c. */
void signal_group(int pgid, int sig);

/* virtio_console.c: byte-stream ports, n = 1.. (virtserialport nr). */
bool port_exists(unsigned n);
ssize_t port_read(unsigned n, char *buf, size_t len,
		  bool nonblock); /* 0: the host side closed and all was read */
ssize_t port_write(unsigned n, const char *buf, size_t len,
		   bool nonblock); /* -EPIPE: the host side is closed */
unsigned port_poll(unsigned n);
struct waitq *port_waitq(unsigned n);
/* Waits until everything written was taken by the host (bounded); before power off. */
void port_drain(void);

/* random.c: ChaCha20 pool seeded from the device tree's rng-seed, virtio-rng and timing. */
void random_init(void);
void random_add(const void *buf, size_t n);
void random_bytes(void *buf, size_t n);
bool random_ready(void); /* seeded by a real source */

/* fw_cfg.c: the size of file `name` ("opt/quire/command"), -ENOENT; and its bytes. */
ssize_t fwcfg_file_size(const char *name);
int fwcfg_file_read(const char *name, void *buf, size_t n);

/* rtc.c (goldfish): nanoseconds since 1970, 0 without a clock. */
uint64_t rtc_read_ns(void);

/* finisher.c: ends the machine. status 0-255. Falls back to SBI system reset, then to wfi. */
void machine_exit(int status) __noreturn;
void machine_reboot(void) __noreturn;

#endif
