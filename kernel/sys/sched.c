/* SPDX-License-Identifier: ISC */
/*
 * System calls about scheduling. Niceness says how threads share a hart: SCHED_OTHER, and its kin that Linux has, may be
 * asked for; real-time policies are refused, and a thread is tied to no hart.
 */
#include "arch/cpu.h"
#include "arch/user.h"
#include "proc/proc.h"
#include "proc/timer.h"
#include "sys/sys.h"

enum { OTHER, FIFO, RR, BATCH, IDLE = POLICY_IDLE, RESET_ON_FORK = 0x40000000 };

/*
 * The policy of a thread (0: the current one), which becomes `change` if that is not negative. -EINVAL, -ESRCH,
 * -EPERM.
 */
static int thread_policy(pid_t tid, int change)
{
	const struct cred *me = &proc_current()->cred;
	struct thread *t = thread_current();
	int r;

	if (tid < 0)
		return -EINVAL;
	spin_lock(&proc_lock);
	if (tid)
		t = proc_thread(NULL, tid);
	if (!t)
		r = -ESRCH;
	else if (change >= 0 && me->euid != 0 && me->euid != t->proc->cred.euid &&
		 me->euid != t->proc->cred.uid)
		r = -EPERM;
	else
		r = t->policy = change >= 0 ? change : t->policy;
	spin_unlock(&proc_lock);
	return r;
}

int64_t sys_sched_yield(const uint64_t *a __unused)
{
	thread_yield();
	return 0;
}

int64_t sys_sched_getaffinity(const uint64_t *a)
{
	uint64_t mask = (1ul << nharts) - 1;
	int err = thread_policy(a[0], -1);

	if (err < 0)
		return err;
	if (a[1] < sizeof(mask) || a[1] % sizeof(mask))
		return -EINVAL;
	return put_user(a[2], &mask, sizeof(mask)) ? -EFAULT : (int64_t)sizeof(mask);
}

int64_t sys_sched_getscheduler(const uint64_t *a)
{
	return thread_policy(a[0], -1);
}

int64_t sys_sched_getparam(const uint64_t *a)
{
	const int32_t priority = 0;
	int err = thread_policy(a[0], -1);

	return err < 0 ? err : put_user(a[1], &priority, sizeof(priority));
}

static int64_t set_policy(pid_t tid, int policy, uint64_t uparam)
{
	int32_t priority;
	int r;

	if (get_user(&priority, uparam, sizeof(priority)))
		return -EFAULT;
	policy &= ~RESET_ON_FORK;
	if ((policy != OTHER && policy != BATCH && policy != IDLE) || priority != 0)
		return -EINVAL;
	r = thread_policy(tid, policy);
	return MIN(r, 0);
}

int64_t sys_sched_setscheduler(const uint64_t *a)
{
	return set_policy(a[0], a[1], a[2]);
}

int64_t sys_sched_setparam(const uint64_t *a)
{
	int policy = thread_policy(a[0], -1);

	return policy < 0 ? policy : set_policy(a[0], policy, a[1]);
}

static bool known(int policy)
{
	return policy >= OTHER && policy <= IDLE && policy != 4;
}

/* What the policies allow as Linux has them, though the real-time ones are refused. */
int64_t sys_sched_get_priority_max(const uint64_t *a)
{
	return !known(a[0]) ? -EINVAL : (int)a[0] == FIFO || (int)a[0] == RR ? 99 : 0;
}

int64_t sys_sched_get_priority_min(const uint64_t *a)
{
	return !known(a[0]) ? -EINVAL : (int)a[0] == FIFO || (int)a[0] == RR ? 1 : 0;
}

int64_t sys_sched_rr_get_interval(const uint64_t *a)
{
	const struct timespec slice = { 0, SLICE_TICKS * TICK_NS };
	int err = thread_policy(a[0], -1);

	return err < 0 ? err : put_user(a[1], &slice, sizeof(slice));
}
