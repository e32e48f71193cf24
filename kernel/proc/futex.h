/* SPDX-License-Identifier: ISC */
/* Futexes: sleeping on a 32-bit word of user memory until somebody who changed it says so (futex(2)). */
#ifndef PROC_FUTEX_H
#define PROC_FUTEX_H

#include "lib/base.h"

struct thread;

#define FUTEX_ANY 0xffffffffu /* the bitset that matches every other */

void futex_init(void);

/*
 * All take addresses of the current space's words, 4-byte aligned (-EINVAL). `shared`: whoever maps the same
 * object at the same offset means the same futex; else it is this space's own, which is cheaper. May sleep; no
 * locks.
 */

/*
 * Sleeps while nobody wakes the word, if it still holds `value` (-EAGAIN). 0 when woken, maybe without cause;
 * -ETIMEDOUT at the deadline (monotonic; UINT64_MAX: none), -ERESTARTSYS for a signal; -EFAULT, -EINVAL: bitset 0.
 */
int futex_wait(uint64_t uaddr, bool shared, uint32_t value, uint32_t bitset, uint64_t deadline_ns);
/* Wakes at most n sleepers whose bitset shares a bit: their number. */
int futex_wake(uint64_t uaddr, bool shared, unsigned n, uint32_t bitset);
/*
 * Wakes `nwake` sleepers of the first word and lets `nmove` others sleep on at the second, if the first still
 * holds *value (-EAGAIN; NULL: in any case). The number woken, and with `value` also of those moved.
 */
int futex_requeue(uint64_t uaddr, uint64_t uaddr2, bool shared, unsigned nwake, unsigned nmove,
		  const uint32_t *value);
/*
 * Changes the second word as `op` says (FUTEX_OP of futex(2)), wakes n sleepers of the first and, if the second's
 * old value was as `op` asks, n2 of the second. The number woken; -ENOSYS for an unknown op.
 */
int futex_wake_op(uint64_t uaddr, uint64_t uaddr2, bool shared, unsigned n, unsigned n2, uint32_t op);
/* A thread leaves its memory: the robust locks it holds are marked with FUTEX_OWNER_DIED, a waiter of each wakes. */
void futex_thread_exit(struct thread *t);

#endif
