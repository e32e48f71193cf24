/* SPDX-License-Identifier: ISC */
/*
 * Virtio console (Virtual I/O Device 1.1, 5.3): byte streams to the host, several ports to a device.
 *
 * The start-up handshake, on the two control queues: we say DEVICE_READY; the device ADDs each port; we say PORT_READY for
 * each; the device says OPEN for those whose host side is. When a program first uses a port we say OPEN too; before
 * that the host sends nothing, so a standard input that nobody reads stays with the host. Later the device tells by OPEN 0 and 1
 * that the host side was closed or is back.
 *
 * A port's host side is: never open yet (readers and writers wait), open, or closed (end of file after what has
 * arrived; EPIPE). The device puts data into the input queue before it says that it closed, and both are looked at under
 * one lock, so an end of file never overtakes data.
 *
 * Each direction has a few buffers of one page. An input buffer is with the device, or in `arrived` until it was
 * read. An output buffer is free or with the device. `lock` guards all of it, the queues too.
 */
#include "arch/mmu.h"
#include "dev/dev.h"
#include "dev/virtio.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/vm.h"

#define F_MULTIPORT	 (1ul << 1)
#define CONFIG_MAX_PORTS 4

enum { DEVICE_READY = 0, PORT_ADD, PORT_REMOVE, PORT_READY, CONSOLE_PORT, RESIZE, PORT_OPEN, PORT_NAME };

#define PORTS		 8
#define PORT_QUEUE	 8   /* entries; more than buffers */
#define PORT_BUFS	 4   /* a direction */
#define CONTROL_QUEUE	 32  /* entries; and so many messages can be on the way */
#define CONTROL_IN_BYTES 128 /* a message; port names are cut */
#define START_MS	 1000
#define DRAIN_MS	 30000 /* without progress */

#define POLLIN	1
#define POLLOUT 4
#define POLLERR 8
#define POLLHUP 16

struct control {
	uint32_t id;
	uint16_t event, value;
};

struct buffer {
	struct list link;
	char *page;
	uint32_t len, offset; /* arrived and not yet read: [offset, len) */
};

struct port {
	bool added, host_open, host_was_open, guest_open;
	struct virtq in, out;
	struct list arrived; /* input buffers with data, in order */
	struct list free;    /* output buffers */
	struct buffer in_bufs[PORT_BUFS], out_bufs[PORT_BUFS];
	uint64_t out_count; /* output buffers that came back: progress */
	struct waitq waiters;
};

static struct console {
	struct spinlock lock;
	struct virtio_device *dev;
	struct virtq control_in, control_out;
	bool multiport, failed;
	char *in_messages;	      /* CONTROL_QUEUE of CONTROL_IN_BYTES */
	struct control *out_messages; /* CONTROL_QUEUE */
	struct list free_messages;
	struct message {
		struct list link;
		struct control *message;
	} messages[CONTROL_QUEUE];
	struct port ports[PORTS];
} con = { .lock = SPINLOCK_INIT("virtio-console", RANK_DEVICE) };

/* ---- control messages: all with the lock held ---- */

static void reclaim_messages(void)
{
	struct message *m;
	uint32_t n;

	while ((m = virtq_pop(&con.control_out, &n)))
		list_append(&con.free_messages, &m->link);
}

/* The device reads these at once or soon; there are more than it can owe us answers to. */
static void send(unsigned id, unsigned event, unsigned value)
{
	struct list *l;
	struct message *m;
	struct virtq_desc d = { .len = sizeof(struct control) };

	if (!con.multiport)
		return;
	reclaim_messages();
	l = list_pop(&con.free_messages);
	if (!l) {
		kprintf("%s: the device takes no messages; one for port %u is lost\n", con.dev->name, id);
		return;
	}
	m = list_entry(l, struct message, link);
	*m->message = (struct control){ .id = id, .event = event, .value = value };
	d.addr = virt_to_phys(m->message);
	if (!virtq_add(&con.control_out, &d, 1, m))
		list_append(&con.free_messages, &m->link);
	virtq_kick(&con.control_out);
}

static void post_message(char *buf)
{
	struct virtq_desc d = { virt_to_phys(buf), CONTROL_IN_BYTES, VIRTQ_DESC_WRITE, 0 };

	virtq_add(&con.control_in, &d, 1, buf);
}

static void set_host_open(struct port *p, bool open)
{
	p->host_open = open;
	p->host_was_open |= open;
	waitq_wake_all(&p->waiters);
}

static void receive(const struct control *c)
{
	struct port *p;

	if (c->id >= PORTS)
		return; /* more ports than anybody asked for */
	p = &con.ports[c->id];
	switch (c->event) {
	case PORT_ADD:
		/* Without queues (more ports than the device announced) it is not usable. */
		p->added = p->in.size && p->out.size;
		send(c->id, PORT_READY, p->added);
		if (p->guest_open)
			send(c->id, PORT_OPEN, 1);
		break;
	case PORT_REMOVE:
		p->added = false;
		set_host_open(p, false);
		break;
	case CONSOLE_PORT: /* a stream like the others to us, and must be opened to be one */
		break;
	case PORT_OPEN:
		set_host_open(p, c->value);
		break;
	}
}

static void receive_all(void)
{
	uint32_t n;
	char *buf;

	while ((buf = virtq_pop(&con.control_in, &n))) {
		struct control c;

		memcpy(&c, buf, sizeof(c));
		post_message(buf);
		if (n >= sizeof(c))
			receive(&c);
	}
	virtq_kick(&con.control_in);
}

/* ---- data: all with the lock held ---- */

static void post_input(struct port *p, struct buffer *b)
{
	struct virtq_desc d = { virt_to_phys(b->page), PAGE_SIZE, VIRTQ_DESC_WRITE, 0 };

	if (!virtq_add(&p->in, &d, 1, b))
		con.failed = true;
}

static void collect_input(struct port *p)
{
	struct buffer *b;
	uint32_t n;

	while ((b = virtq_pop(&p->in, &n))) {
		b->len = MIN(n, PAGE_SIZE);
		b->offset = 0;
		if (b->len)
			list_append(&p->arrived, &b->link);
		else
			post_input(p, b);
	}
}

static void reclaim_output(struct port *p)
{
	struct buffer *b;
	uint32_t n;

	while ((b = virtq_pop(&p->out, &n))) {
		list_append(&p->free, &b->link);
		p->out_count++;
	}
}

static void fail(void)
{
	kprintf("%s: the device failed; its ports are closed\n", con.dev->name);
	con.failed = true;
	virtio_fail(con.dev);
	for (unsigned i = 0; i < PORTS; i++) {
		con.ports[i].host_was_open = true;
		set_host_open(&con.ports[i], false);
	}
}

static void interrupt_port(struct port *p)
{
	collect_input(p);
	reclaim_output(p);
	waitq_wake_all(&p->waiters);
}

static void interrupt(struct virtio_device *v, bool config_changed)
{
	spin_lock(&con.lock);
	if (con.multiport)
		receive_all();
	for (unsigned i = 0; i < PORTS; i++)
		if (con.ports[i].added)
			interrupt_port(&con.ports[i]);
	if (!con.failed && config_changed && virtio_broken(v))
		fail();
	spin_unlock(&con.lock);
}

/* ---- the interface ---- */

static struct port *find(unsigned n)
{
	return n < PORTS && __atomic_load_n(&con.ports[n].added, __ATOMIC_ACQUIRE) ? &con.ports[n] : NULL;
}

bool port_exists(unsigned n)
{
	return find(n) != NULL;
}

/* Pages for the buffers of one direction: 0 or -ENOMEM. Two threads may come at once; the second's are given back. */
static int fill_buffers(struct buffer *bufs, struct port *p, bool input)
{
	struct page *pages[PORT_BUFS];
	unsigned n = 0;
	int err = 0;

	while (n < PORT_BUFS && (pages[n] = page_alloc_kernel()))
		n++;
	if (n < PORT_BUFS)
		err = -ENOMEM;
	spin_lock(&con.lock);
	if (!err && !bufs[0].page) {
		for (unsigned i = 0; i < PORT_BUFS; i++) {
			bufs[i].page = page_data(pages[i]);
			if (input)
				post_input(p, &bufs[i]);
			else
				list_append(&p->free, &bufs[i].link);
		}
		n = 0;
		virtq_kick(&p->in);
	}
	spin_unlock(&con.lock);
	while (n)
		page_free(pages[--n]);
	return err;
}

/* The first use of a port in a direction. */
static int use(struct port *p, bool input)
{
	struct buffer *bufs = input ? p->in_bufs : p->out_bufs;
	int err = 0;

	if (!__atomic_load_n(&bufs[0].page, __ATOMIC_ACQUIRE))
		err = fill_buffers(bufs, p, input);
	if (err || __atomic_load_n(&p->guest_open, __ATOMIC_ACQUIRE))
		return err;
	spin_lock(&con.lock);
	if (!p->guest_open) {
		p->guest_open = true;
		send(p - con.ports, PORT_OPEN, 1);
	}
	spin_unlock(&con.lock);
	return 0;
}

static bool closed(const struct port *p)
{
	return p->host_was_open && !p->host_open;
}

/* What has arrived, up to n bytes. */
static size_t take(struct port *p, char *buf, size_t n)
{
	size_t done = 0;

	while (done < n && !list_empty(&p->arrived)) {
		struct buffer *b = list_first(&p->arrived, struct buffer, link);
		size_t len = MIN(n - done, b->len - b->offset);

		memcpy(buf + done, b->page + b->offset, len);
		done += len;
		b->offset += len;
		if (b->offset == b->len) {
			list_remove(&b->link);
			post_input(p, b);
		}
	}
	virtq_kick(&p->in);
	return done;
}

ssize_t port_read(unsigned n, char *buf, size_t len, bool nonblock)
{
	struct port *p = find(n);
	ssize_t got = p ? use(p, true) : -ENXIO;

	if (got || len == 0)
		return got;
	spin_lock(&con.lock);
	for (;;) {
		collect_input(p);
		got = take(p, buf, MIN(len, PORT_BUFS * PAGE_SIZE));
		if (got || closed(p))
			break;
		got = nonblock ? -EAGAIN : waitq_sleep_intr(&p->waiters, &con.lock);
		if (got)
			break;
	}
	spin_unlock(&con.lock);
	return got;
}

/* Copies one buffer's worth out; the number of bytes, 0: no buffer is free. */
static size_t put(struct port *p, const char *buf, size_t n)
{
	struct list *l = list_pop(&p->free);
	struct virtq_desc d = { .flags = 0 };
	struct buffer *b;

	if (!l)
		return 0;
	b = list_entry(l, struct buffer, link);
	d.addr = virt_to_phys(b->page);
	d.len = MIN(n, PAGE_SIZE);
	memcpy(b->page, buf, d.len);
	if (!virtq_add(&p->out, &d, 1, b)) {
		list_push(&p->free, &b->link);
		return 0;
	}
	virtq_kick(&p->out);
	return d.len;
}

ssize_t port_write(unsigned n, const char *buf, size_t len, bool nonblock)
{
	struct port *p = find(n);
	int err = p ? use(p, false) : -ENXIO;
	size_t done = 0;

	if (err)
		return err;
	spin_lock(&con.lock);
	while (done < len && !err) {
		size_t got = 0;

		reclaim_output(p);
		if (closed(p)) {
			err = -EPIPE;
		} else if (p->host_open && (got = put(p, buf + done, len - done))) {
			done += got;
			spin_unlock(&con.lock); /* let interrupts in */
			spin_lock(&con.lock);
		} else {
			err = nonblock ? -EAGAIN : waitq_sleep_intr(&p->waiters, &con.lock);
		}
	}
	spin_unlock(&con.lock);
	return done || !err ? (ssize_t)done : err;
}

unsigned port_poll(unsigned n)
{
	struct port *p = find(n);
	unsigned events = 0;

	if (!p || use(p, true))
		return POLLERR;
	spin_lock(&con.lock);
	collect_input(p);
	reclaim_output(p);
	if (!list_empty(&p->arrived))
		events |= POLLIN;
	if (closed(p))
		events |= POLLIN | POLLHUP;
	else if (p->host_open && (!p->out_bufs[0].page || !list_empty(&p->free)))
		events |= POLLOUT;
	spin_unlock(&con.lock);
	return events;
}

struct waitq *port_waitq(unsigned n)
{
	return n < PORTS ? &con.ports[n].waiters : NULL;
}

/* Output buffers that the device still has; *progress counts those it gave back. */
static unsigned outstanding(uint64_t *progress)
{
	unsigned n = 0;

	*progress = 0;
	spin_lock(&con.lock);
	for (unsigned i = 0; i < PORTS && !con.failed; i++) {
		struct port *p = &con.ports[i];

		if (!p->added)
			continue;
		reclaim_output(p);
		n += p->out.size - p->out.nfree;
		*progress += p->out_count;
	}
	spin_unlock(&con.lock);
	return n;
}

void port_drain(void)
{
	uint64_t before = 0, now;

	for (unsigned ms = 0; ms < DRAIN_MS && outstanding(&now); ms++) {
		if (now != before)
			ms = 0;
		before = now;
		thread_sleep_ns(1000000);
	}
}

/* ---- start ---- */

static int create_queues(struct virtio_device *v, struct dma_area *area)
{
	uint32_t nports = 1;
	int err = 0;

	if (con.multiport) {
		virtio_config(v, CONFIG_MAX_PORTS, &nports, 4);
		err = virtq_create(&con.control_in, v, 2, CONTROL_QUEUE, area);
		if (!err)
			err = virtq_create(&con.control_out, v, 3, CONTROL_QUEUE, area);
	}
	for (unsigned i = 0; i < MIN(nports, PORTS) && !err; i++) {
		unsigned index = i == 0 ? 0 : 2 * i + 2; /* 2 and 3 are control */

		err = virtq_create(&con.ports[i].in, v, index, PORT_QUEUE, area);
		if (!err)
			err = virtq_create(&con.ports[i].out, v, index + 1, PORT_QUEUE, area);
	}
	return err;
}

static int create_messages(struct dma_area *area)
{
	list_init(&con.free_messages);
	if (!con.multiport)
		return 0;
	con.in_messages = dma_take(area, CONTROL_QUEUE * CONTROL_IN_BYTES);
	con.out_messages = dma_take(area, CONTROL_QUEUE * sizeof(struct control));
	if (!con.in_messages || !con.out_messages)
		return -ENOMEM;
	for (unsigned i = 0; i < con.control_in.size; i++)
		post_message(con.in_messages + i * CONTROL_IN_BYTES);
	for (unsigned i = 0; i < con.control_out.size; i++) {
		con.messages[i].message = &con.out_messages[i];
		list_append(&con.free_messages, &con.messages[i].link);
	}
	return 0;
}

/* Nothing to be read, nothing to be answered: the device has said what it had to say. */
static bool handshake_idle(void)
{
	uint16_t before;
	bool idle;

	spin_lock(&con.lock);
	reclaim_messages();
	idle = con.control_out.nfree == con.control_out.size;
	before = con.control_in.last_used; /* an answer is there before its question comes back */
	receive_all();
	idle = idle && con.control_in.last_used == before;
	spin_unlock(&con.lock);
	return idle;
}

static void handshake(void)
{
	spin_lock(&con.lock);
	if (con.multiport) {
		virtq_kick(&con.control_in);
		send(0, DEVICE_READY, 1);
	} else {
		con.ports[0].added = true;
		set_host_open(&con.ports[0], true);
	}
	spin_unlock(&con.lock);
	for (unsigned ms = 0; con.multiport && ms < START_MS && !handshake_idle(); ms++)
		thread_sleep_ns(1000000);
}

static int start(struct virtio_device *v)
{
	struct dma_area area = { .page = NULL };
	int err = virtio_begin(v, F_MULTIPORT);

	if (err)
		return err;
	con.multiport = v->features & F_MULTIPORT;
	err = create_queues(v, &area);
	if (!err)
		err = create_messages(&area);
	v->interrupt = interrupt;
	return err ? err : virtio_start(v);
}

int virtio_console_start(struct virtio_device *v)
{
	int err;

	if (con.dev)
		return -EBUSY; /* the ports' numbers are one device's */
	con.dev = v;
	for (unsigned i = 0; i < PORTS; i++) {
		waitq_init(&con.ports[i].waiters);
		list_init(&con.ports[i].arrived);
		list_init(&con.ports[i].free);
	}
	err = start(v);
	if (err) {
		con.dev = NULL;
		return err;
	}
	handshake();
	kprintf("virtio-console: ports");
	for (unsigned i = 0; i < PORTS; i++)
		if (port_exists(i))
			kprintf(" %u", i);
	kprintf("\n");
	return 0;
}
