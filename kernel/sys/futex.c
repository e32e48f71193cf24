/* SPDX-License-Identifier: ISC */
/* futex(2). Locks with priority inheritance are not there: ENOSYS, as where Linux is built without them. */
#include "proc/futex.h"
#include "arch/user.h"
#include "proc/proc.h"
#include "sys/sys.h"

enum {
	WAIT = 0,
	WAKE = 1,
	REQUEUE = 3,
	CMP_REQUEUE = 4,
	WAKE_OP = 5,
	WAIT_BITSET = 9,
	WAKE_BITSET = 10,
	PRIVATE = 128,
	REALTIME_CLOCK = 256
};

/* The time until which to wait: monotonic. 0, -EFAULT, -EINVAL. */
static int deadline_of(int op, uint64_t utime, uint64_t *deadline)
{
	uint64_t ns, now = time_ns(), base;
	struct timespec ts;

	*deadline = UINT64_MAX;
	if (!utime)
		return 0;
	if (get_user(&ts, utime, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (uint64_t)ts.tv_nsec >= 1000000000)
		return -EINVAL;
	ns = MIN(ts.tv_sec, 9000000000l) * 1000000000ul + ts.tv_nsec;
	base = (op & 127) == WAIT ? 0 : op & REALTIME_CLOCK ? time_realtime_ns() : now;
	*deadline = ns > base ? now + (ns - base) : now;
	return 0;
}

static int64_t wait(uint64_t uaddr, bool shared, uint32_t value, uint32_t bitset, uint64_t deadline)
{
	int r = futex_wait(uaddr, shared, value, bitset, deadline);

	/* With a time limit it ends when a handler has run, whatever SA_RESTART says (futex(2)). */
	return r == -ERESTARTSYS && deadline != UINT64_MAX ? -ERESTARTNOHAND : r;
}

/* A relative time must not begin again when the call does. */
static int64_t wait_relative(struct restart *r)
{
	int64_t err = wait(r->args[0], r->args[1], r->args[2], FUTEX_ANY, r->deadline_ns);

	if (err == -ERESTARTNOHAND)
		err = -ERESTART_RESTARTBLOCK;
	r->again = err == -ERESTART_RESTARTBLOCK ? wait_relative : NULL;
	return err;
}

static int64_t begin_wait(const uint64_t *a, bool shared)
{
	struct restart *r = &thread_current()->restart;
	int op = a[1];
	uint64_t deadline;
	int err = deadline_of(op, a[3], &deadline);

	if (err)
		return err;
	if ((op & 127) == WAIT_BITSET)
		return wait(a[0], shared, a[2], a[5], deadline);
	*r = (struct restart){ NULL, deadline, { a[0], shared, (uint32_t)a[2] } };
	return wait_relative(r);
}

int64_t sys_futex(const uint64_t *a)
{
	int op = a[1];
	bool shared = !(op & PRIVATE);
	unsigned n = MAX((int)a[2], 0), n2 = MAX((int)a[3], 0);
	uint32_t value = a[5];

	if (op & REALTIME_CLOCK && (op & 127) != WAIT_BITSET)
		return -ENOSYS;
	switch (op & ~(PRIVATE | REALTIME_CLOCK)) {
	case WAIT:
	case WAIT_BITSET:
		return begin_wait(a, shared);
	case WAKE:
		return futex_wake(a[0], shared, MAX(n, 1u), FUTEX_ANY);
	case WAKE_BITSET:
		return futex_wake(a[0], shared, MAX(n, 1u), a[5]);
	case REQUEUE:
	case CMP_REQUEUE:
		if ((int)a[2] < 0 || (int)a[3] < 0)
			return -EINVAL;
		return futex_requeue(a[0], a[4], shared, n, n2, (op & 127) == CMP_REQUEUE ? &value : NULL);
	case WAKE_OP:
		return futex_wake_op(a[0], a[4], shared, MAX(n, 1u), MAX(n2, 1u), a[5]);
	default:
		return -ENOSYS;
	}
}
