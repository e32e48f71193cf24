/* SPDX-License-Identifier: ISC */
/* The serial port below the terminal: a byte ring out, a call for each byte in. */
#ifndef DEV_UART_H
#define DEV_UART_H

#include "lib/base.h"

/* Finds the console's port in the device tree and takes over from the firmware. */
void uart_init(void);
/* Queues up to n bytes as they are; how many. Any context. */
size_t uart_write(const char *buf, size_t n);
/* Free bytes of the ring. When it was less than half, tty_output_ready() is called once it is half again. */
size_t uart_room(void);
/* Everything written has left. */
bool uart_idle(void);
/* Forgets what has not left yet. */
void uart_discard(void);
/* Whether bytes are taken in. While they are not they wait in the port and with who sends them. Any context. */
void uart_receive(bool on);
/* Sends everything that is queued, polling, without a lock: the machine ends. */
void uart_finish(void);

/* tty.c: the ring has room again. Called from the interrupt handler with no lock held. */
void tty_init(void);
void tty_output_ready(void);

#endif
