/* SPDX-License-Identifier: ISC */
/*
 * The serial port (16550A) and what is written on it: the terminal's bytes and the kernel's lines.
 *
 * Bytes go through one ring, emptied by the transmitter's interrupt. The kernel's messages are collected to lines
 * and go in at the start of a line, so that they do not tear the terminal's; they have left when kprintf returns.
 * Before uart_init the firmware prints; in a panic (and with every lock possibly held) everything is polled.
 * `lock` guards the ring and the registers; it may be taken under the lock of kprintf, which is of the same rank.
 */
#include "dev/uart.h"
#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/sbi.h"
#include "dev/dev.h"
#include "dev/mmio.h"
#include "lib/fdt.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmap.h"

enum { REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR };
#define REG_FCR REG_IIR

#define IER_RX		 1
#define IER_TX		 2
#define FCR_ON		 1
#define LCR_8N1		 3
#define MCR_DTR_RTS_OUT2 0xb
#define LSR_RX		 1
#define LSR_TX_EMPTY	 0x20
#define LSR_IDLE	 0x40

#define FIFO_BYTES    16
#define FIFOS_AT_ONCE 4 /* an interrupt's work: not so much that the hart is deaf for long */
#define RING_SIZE     4096
#define POLL_US	      100000 /* a transmitter that takes longer for a byte is dead */

static struct {
	struct spinlock lock;
	volatile uint8_t *regs; /* NULL: not taken over yet */
	uint32_t irq, shift;
	char ring[RING_SIZE];
	uint32_t head, tail;		 /* free running; head - tail bytes are queued */
	bool rx_interrupt, tx_interrupt; /* on */
	bool room_wanted;		 /* somebody found the ring too full */
	bool mid_line;			 /* the terminal's last byte was not a newline */
	char line[256];			 /* the kernel's, guarded by kprintf's lock */
	unsigned line_len;
} uart = { .lock = SPINLOCK_INIT("uart", RANK_CONSOLE) };

static uint8_t reg_read(unsigned reg)
{
	return mmio_read8(uart.regs + (reg << uart.shift));
}

static void reg_write(unsigned reg, uint8_t v)
{
	mmio_write8(uart.regs + (reg << uart.shift), v);
}

static void lock(void)
{
	spin_lock_nested(&uart.lock);
}

static void unlock(void)
{
	spin_unlock(&uart.lock);
}

/* Fills the transmitter, at most `times` times, as far as it takes bytes now. */
static void transmit(unsigned times)
{
	while (times-- && uart.head != uart.tail && reg_read(REG_LSR) & LSR_TX_EMPTY)
		for (unsigned i = 0; i < FIFO_BYTES && uart.head != uart.tail; i++)
			reg_write(REG_DATA, uart.ring[uart.tail++ % RING_SIZE]);
}

static void set_interrupts(bool rx, bool tx)
{
	if (uart.rx_interrupt == rx && uart.tx_interrupt == tx)
		return;
	uart.rx_interrupt = rx;
	uart.tx_interrupt = tx;
	reg_write(REG_IER, (rx ? IER_RX : 0) | (tx ? IER_TX : 0));
}

static void set_tx_interrupt(bool on)
{
	set_interrupts(uart.rx_interrupt, on);
}

void uart_receive(bool on)
{
	lock();
	set_interrupts(on, uart.tx_interrupt);
	unlock();
}

/* Empties the ring, but gives up on a transmitter that does not move. */
static void transmit_all(void)
{
	for (unsigned us = 0; us < POLL_US; us++) {
		uint32_t before = uart.tail;

		transmit(RING_SIZE / FIFO_BYTES);
		if (uart.head == uart.tail)
			return;
		if (uart.tail != before)
			us = 0;
		delay_us(1);
	}
	uart.tail = uart.head;
}

static size_t put(const char *buf, size_t n)
{
	size_t room = RING_SIZE - (uart.head - uart.tail);

	n = MIN(n, room);
	for (size_t i = 0; i < n; i++)
		uart.ring[uart.head++ % RING_SIZE] = buf[i];
	return n;
}

size_t uart_write(const char *buf, size_t n)
{
	lock();
	if (uart.regs) {
		n = put(buf, n);
		if (n)
			uart.mid_line = buf[n - 1] != '\n';
		if (!uart.tx_interrupt)
			transmit(1);
		set_tx_interrupt(uart.head != uart.tail);
	}
	unlock();
	return n;
}

size_t uart_room(void)
{
	size_t n;

	lock();
	n = RING_SIZE - (uart.head - uart.tail);
	if (n < RING_SIZE / 2)
		uart.room_wanted = true;
	unlock();
	return n;
}

bool uart_idle(void)
{
	bool idle;

	lock();
	idle = !uart.regs || (uart.head == uart.tail && reg_read(REG_LSR) & LSR_IDLE);
	unlock();
	return idle;
}

void uart_discard(void)
{
	lock();
	uart.tail = uart.head;
	unlock();
}

/* The kernel's line goes out at once, so that whatever happens next it was seen. */
static void put_line(void)
{
	lock();
	if (RING_SIZE - (uart.head - uart.tail) < uart.line_len + 2)
		transmit_all();
	if (uart.mid_line)
		put("\r\n", 2);
	uart.mid_line = false;
	put(uart.line, uart.line_len);
	uart.line_len = 0;
	transmit_all();
	unlock();
}

void console_putc(char c)
{
	if (!uart.regs) {
		sbi_console_putc(c);
		return;
	}
	if (c == '\n')
		uart.line[uart.line_len++] = '\r';
	uart.line[uart.line_len++] = c;
	if (c == '\n' || uart.line_len >= sizeof(uart.line) - 2)
		put_line();
}

static void poll_out(char c)
{
	for (unsigned us = 0; us < POLL_US && !(reg_read(REG_LSR) & LSR_TX_EMPTY); us++)
		delay_us(1);
	reg_write(REG_DATA, c);
}

void uart_finish(void)
{
	if (!uart.regs)
		return;
	for (; uart.tail != uart.head; uart.tail++)
		poll_out(uart.ring[uart.tail % RING_SIZE]);
	for (unsigned i = 0; i < uart.line_len; i++)
		poll_out(uart.line[i]);
	uart.line_len = 0;
	for (unsigned us = 0; us < POLL_US && !(reg_read(REG_LSR) & LSR_IDLE); us++)
		delay_us(1);
}

void console_panic_putc(char c)
{
	if (!uart.regs) {
		sbi_console_putc(c);
		return;
	}
	uart_finish();	     /* what came before the panic comes first */
	if (uart.mid_line) { /* the terminal's text ends here */
		uart.mid_line = false;
		poll_out('\r');
		poll_out('\n');
	}
	if (c == '\n')
		poll_out('\r');
	poll_out(c);
}

static void receive(void)
{
	while (reg_read(REG_LSR) & LSR_RX && tty_has_room(&console_tty))
		tty_input(&console_tty, (char)reg_read(REG_DATA));
}

static void interrupt(void *arg __unused)
{
	bool ready;

	/* Only this handler reads the receiver, and the PLIC gives one interrupt to one hart at a time. */
	receive();
	lock();
	reg_read(REG_IIR);
	if (uart.tx_interrupt) {
		transmit(FIFOS_AT_ONCE);
		set_tx_interrupt(uart.head != uart.tail);
	}
	ready = uart.room_wanted && uart.head - uart.tail <= RING_SIZE / 2;
	if (ready)
		uart.room_wanted = false;
	unlock();
	if (ready)
		tty_output_ready();
}

/* The port that /chosen stdout-path names (its options behind ':' are the firmware's), or the first there is. */
static fdt_node find(void)
{
	fdt_node chosen = fdt_path("/chosen"), node = 0;
	const char *path = chosen ? fdt_prop(chosen, "stdout-path", NULL) : NULL;
	char buf[128];

	if (path && strlcpy(buf, path, sizeof(buf)) < sizeof(buf)) {
		char *options = strchr(buf, ':');

		if (options)
			*options = '\0';
		node = fdt_path(buf);
	}
	if (!node)
		node = fdt_compatible(0, "ns16550a");
	return node;
}

void uart_init(void)
{
	fdt_node node = find();
	uint64_t phys, nbytes;
	volatile uint8_t *regs;

	if (!node || !fdt_reg(node, 0, &phys, &nbytes) || !fdt_prop_u32(node, "interrupts", &uart.irq)) {
		kprintf("uart: none in the device tree; the firmware prints, and nothing is read\n");
		return;
	}
	fdt_prop_u32(node, "reg-shift", &uart.shift);
	regs = kmap_device(phys, nbytes);
	lock();
	uart.regs = regs;
	reg_write(REG_IER, 0);
	reg_write(REG_LCR, LCR_8N1);
	reg_write(REG_FCR, FCR_ON); /* what was typed before is kept */
	/* The firmware emptied the FIFO without a read, and a read is what QEMU waits for before it sends more. */
	if (!(reg_read(REG_LSR) & LSR_RX))
		reg_read(REG_DATA);
	reg_write(REG_MCR, MCR_DTR_RTS_OUT2);
	unlock();
	if (intr_register(uart.irq, interrupt, NULL, "uart") != 0) {
		kprintf("uart: interrupt %u is not to be had\n", uart.irq);
		return;
	}
	uart_receive(true);
	kprintf("uart: ns16550a at %#lx, irq %u\n", phys, uart.irq);
}
