/* SPDX-License-Identifier: ISC */
/*
 * The virtio entropy source (Virtual I/O Device 1.1, 5.4): one queue, one buffer. A request is out or not; what comes is
 * given to random.c. The first one is waited for, a little, so that the first program finds the pool seeded.
 */
#include "arch/mmu.h"
#include "dev/dev.h"
#include "dev/virtio.h"
#include "lib/errno.h"
#include "lib/lock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"

#define BUF_BYTES 64
#define WAIT_MS	  200

static struct rng {
	struct spinlock lock; /* guards all that follows */
	struct virtio_device *dev;
	struct virtq queue;
	uint8_t *buf;
	bool requested;
	uint64_t nreceived; /* bytes */
} rng = { .lock = SPINLOCK_INIT("virtio-rng", RANK_DEVICE) };

void virtio_rng_request(void)
{
	struct virtq_desc d = { .len = BUF_BYTES, .flags = VIRTQ_DESC_WRITE };

	/* The caller may hold a lock of any rank, this one too: then there is a request already, or the next will do. */
	if (!__atomic_load_n(&rng.dev, __ATOMIC_ACQUIRE) || !spin_trylock(&rng.lock))
		return;
	d.addr = virt_to_phys(rng.buf);
	if (!rng.requested && virtq_add(&rng.queue, &d, 1, &rng)) {
		rng.requested = true;
		virtq_kick(&rng.queue);
	}
	spin_unlock(&rng.lock);
}

static void interrupt(struct virtio_device *v __unused, bool config_changed __unused)
{
	uint32_t n;

	spin_lock(&rng.lock);
	while (virtq_pop(&rng.queue, &n)) {
		n = MIN(n, BUF_BYTES);
		random_add(rng.buf, n);
		memset(rng.buf, 0, BUF_BYTES);
		rng.nreceived += n;
		rng.requested = false;
	}
	spin_unlock(&rng.lock);
}

static uint64_t received(void)
{
	uint64_t n;

	spin_lock(&rng.lock);
	n = rng.nreceived;
	spin_unlock(&rng.lock);
	return n;
}

int virtio_rng_start(struct virtio_device *v)
{
	struct dma_area area = { .page = NULL };
	int err;

	if (rng.dev)
		return -EBUSY; /* one is enough */
	err = virtio_begin(v, 0);
	if (!err)
		err = virtq_create(&rng.queue, v, 0, 1, &area);
	if (err)
		return err;
	rng.buf = dma_take(&area, BUF_BYTES);
	v->interrupt = interrupt;
	err = rng.buf ? virtio_start(v) : -ENOMEM;
	if (err)
		return err;
	__atomic_store_n(&rng.dev, v, __ATOMIC_RELEASE);
	virtio_rng_request();
	for (unsigned ms = 0; ms < WAIT_MS && !received(); ms++)
		thread_sleep_ns(1000000);
	kprintf("virtio-rng: %lu bytes\n", received());
	return 0;
}
