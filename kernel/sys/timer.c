/* SPDX-License-Identifier: ISC */
/* System calls about timers that send signals: setitimer's, and those of timer_create. */
#include "arch/user.h"
#include "proc/proc.h"
#include "proc/ptimer.h"
#include "sys/sys.h"

#define NS	1000000000ul
#define SEC_MAX 9000000000l /* some 285 years: beyond that no time is told from another */

struct itimerval {
	int64_t interval_sec, interval_usec, sec, usec;
};

struct itimerspec {
	struct timespec interval, value;
};

static uint64_t to_ns(int64_t sec, int64_t nsec)
{
	return MIN(sec, SEC_MAX) * NS + nsec;
}

/* ---- setitimer ---- */

static int put_itimer(uint64_t uaddr, const struct ptimer_time *t)
{
	uint64_t left = t->left_ns ? MAX(t->left_ns, 1000ul) : 0;
	struct itimerval v = { t->interval_ns / NS, t->interval_ns % NS / 1000, left / NS, left % NS / 1000 };

	return put_user(uaddr, &v, sizeof(v));
}

int64_t sys_getitimer(const uint64_t *a)
{
	struct ptimer_time now;

	if ((uint32_t)a[0] >= NITIMERS)
		return -EINVAL;
	itimer_get(proc_current(), a[0], &now);
	return put_itimer(a[1], &now);
}

int64_t sys_setitimer(const uint64_t *a)
{
	struct itimerval v = { 0 };
	struct ptimer_time new, old;

	if ((uint32_t)a[0] >= NITIMERS)
		return -EINVAL;
	if (a[1] && get_user(&v, a[1], sizeof(v)))
		return -EFAULT;
	if (v.sec < 0 || v.interval_sec < 0 || (uint64_t)v.usec > 999999 ||
	    (uint64_t)v.interval_usec > 999999)
		return -EINVAL;
	new = (struct ptimer_time){ to_ns(v.sec, v.usec * 1000),
				    to_ns(v.interval_sec, v.interval_usec * 1000) };
	itimer_set(proc_current(), a[0], &new, &old);
	return a[2] ? put_itimer(a[2], &old) : 0;
}

/* ---- timer_create ---- */

static int put_time(uint64_t uaddr, const struct ptimer_time *t)
{
	struct itimerspec v = { { t->interval_ns / NS, t->interval_ns % NS },
				{ t->left_ns / NS, t->left_ns % NS } };

	return put_user(uaddr, &v, sizeof(v));
}

int64_t sys_timer_create(const uint64_t *a)
{
	struct {
		uint64_t value;
		int32_t signo, notify, tid;
		int32_t room[11];
	} ev = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	struct proc *p = proc_current();
	int id;

	_Static_assert(sizeof(ev) == 64, "sigevent_t is part of the ABI");
	if (a[1] && get_user(&ev, a[1], sizeof(ev)))
		return -EFAULT;
	id = ptimer_create(p, a[0], ev.notify, ev.signo, ev.tid, a[1] ? &ev.value : NULL);
	if (id < 0)
		return id;
	if (!put_user(a[2], &id, sizeof(id)))
		return 0;
	ptimer_delete(p, id);
	return -EFAULT;
}

int64_t sys_timer_settime(const uint64_t *a)
{
	struct ptimer_time new, old;
	struct itimerspec v;
	int err;

	if (get_user(&v, a[2], sizeof(v)))
		return -EFAULT;
	if (v.value.tv_sec < 0 || (uint64_t)v.value.tv_nsec >= NS || v.interval.tv_sec < 0 ||
	    (uint64_t)v.interval.tv_nsec >= NS)
		return -EINVAL;
	new = (struct ptimer_time){ to_ns(v.value.tv_sec, v.value.tv_nsec),
				    to_ns(v.interval.tv_sec, v.interval.tv_nsec) };
	err = ptimer_set(proc_current(), a[0], a[1] & 1 /* TIMER_ABSTIME */, &new, &old);
	return err ? err : a[3] ? put_time(a[3], &old) : 0;
}

int64_t sys_timer_gettime(const uint64_t *a)
{
	struct ptimer_time now;
	int err = ptimer_get(proc_current(), a[0], &now);

	return err ? err : put_time(a[1], &now);
}

int64_t sys_timer_getoverrun(const uint64_t *a)
{
	return ptimer_overrun(proc_current(), a[0]);
}

int64_t sys_timer_delete(const uint64_t *a)
{
	return ptimer_delete(proc_current(), a[0]);
}
