/* SPDX-License-Identifier: ISC */
/* System calls about time. */
#include "arch/user.h"
#include "proc/proc.h"
#include "fs/epoll.h"
#include "proc/ptimer.h"
#include "sys/sys.h"

#define NS 1000000000l

static struct spinlock wall_lock = SPINLOCK_INIT("wall clock", RANK_SIGNAL);
static struct waitq wall_sleepers = WAITQ_INIT(wall_sleepers); /* until a time of the wall clock */

enum {
	REALTIME,
	MONOTONIC,
	PROCESS_CPUTIME,
	THREAD_CPUTIME,
	MONOTONIC_RAW,
	REALTIME_COARSE,
	MONOTONIC_COARSE,
	BOOTTIME
};

/*
 * Of clocks that are made of the id of a process or thread (clock_getcpuclockid(3), pthread_getcpuclockid(3)): the
 * complement of the id, a bit for "thread", and PROF, VIRT or SCHED.
 */
static int cpu_clock_now(int clock, uint64_t *ns)
{
	enum { PROF, VIRT, SCHED, OF_THREAD };
	pid_t id = ~(clock >> 3);
	struct usage u = { 0 };
	struct thread *t = NULL;
	struct proc *p = NULL;

	if ((clock & 3) > SCHED)
		return -EINVAL;
	spin_lock(&proc_lock);
	if (clock & 4)
		t = id ? proc_thread(proc_current(), id) : thread_current();
	else
		p = id ? proc_find(id) : proc_current();
	if (t)
		usage_add_thread(&u, t);
	else if (p)
		proc_usage(p, &u);
	spin_unlock(&proc_lock);
	*ns = u.utime_ns + ((clock & 3) == VIRT ? 0 : u.stime_ns);
	return t || p ? 0 : -EINVAL;
}

static int clock_now(int clock, uint64_t *ns)
{
	struct usage u;

	if (clock < 0)
		return cpu_clock_now(clock, ns);
	switch (clock) {
	case REALTIME:
	case REALTIME_COARSE:
		*ns = time_realtime_ns();
		return 0;
	case MONOTONIC:
	case MONOTONIC_RAW:
	case MONOTONIC_COARSE:
	case BOOTTIME:
		*ns = time_ns();
		return 0;
	case PROCESS_CPUTIME:
		spin_lock(&proc_lock);
		proc_usage(proc_current(), &u);
		spin_unlock(&proc_lock);
		*ns = u.utime_ns + u.stime_ns;
		return 0;
	case THREAD_CPUTIME:
		*ns = thread_cpu_ns(thread_current());
		return 0;
	default:
		return -EINVAL;
	}
}

static int put_time(uint64_t uaddr, uint64_t ns)
{
	struct timespec ts = { ns / NS, ns % NS };

	return put_user(uaddr, &ts, sizeof(ts));
}

static int get_time(uint64_t uaddr, uint64_t *ns)
{
	struct timespec ts;

	if (get_user(&ts, uaddr, sizeof(ts)))
		return -EFAULT;
	if (ts.tv_sec < 0 || (uint64_t)ts.tv_nsec >= NS)
		return -EINVAL;
	*ns = ts.tv_sec >= INT64_MAX / NS ? INT64_MAX : ts.tv_sec * NS + ts.tv_nsec;
	return 0;
}

int64_t sys_clock_gettime(const uint64_t *a)
{
	uint64_t ns;
	int err = clock_now(a[0], &ns);

	return err ? err : put_time(a[1], ns);
}

int64_t sys_clock_getres(const uint64_t *a)
{
	uint64_t ns;
	int err = clock_now(a[0], &ns);

	return err  ? err :
	       a[1] ? put_time(a[1], a[0] == REALTIME_COARSE || a[0] == MONOTONIC_COARSE ? TICK_NS : 100) :
		      0;
}

/*
 * Sleeps until a time of the monotonic or the wall clock: 0, or interrupted, with the rest in *left_ns. The wall clock
 * may be set meanwhile.
 */
static int sleep_until(uint64_t until, bool wall, uint64_t *left_ns)
{
	struct spinlock own = SPINLOCK_INIT("sleep", RANK_SIGNAL), *lock = wall ? &wall_lock : &own;
	struct waitq never = WAITQ_INIT(never), *queue = wall ? &wall_sleepers : &never;
	uint64_t now;
	int err = 0;

	spin_lock(lock);
	for (;;) {
		now = wall ? time_realtime_ns() : time_ns();
		if (now >= until || err == -ERESTARTSYS)
			break;
		err = waitq_sleep_until(queue, lock, time_ns() + (until - now), true);
	}
	spin_unlock(lock);
	*left_ns = now < until ? until - now : 0;
	return *left_ns ? -ERESTART_RESTARTBLOCK : 0;
}

/* Sets the wall clock, for those too who wait for a time of it. */
static void set_wall(uint64_t ns)
{
	int64_t delta;

	spin_lock(&wall_lock);
	delta = ns - time_realtime_ns();
	time_set_realtime(ns);
	waitq_wake_all(&wall_sleepers);
	spin_unlock(&wall_lock);
	ptimers_wall_set(delta);
	timerfds_wall_set(delta);
}

int64_t sys_clock_settime(const uint64_t *a)
{
	uint64_t ns;
	int err;

	if (a[0] != REALTIME)
		return -EINVAL;
	if (proc_current()->cred.euid != 0)
		return -EPERM;
	err = get_time(a[1], &ns);
	if (!err)
		set_wall(ns);
	return err;
}

/*
 * When no handler runs (the process was stopped and continued, say) restart_syscall sleeps on until the same
 * time.
 */
static int64_t nap_on(struct restart *r)
{
	uint64_t left, uleft = r->args[0];
	int err = sleep_until(r->deadline_ns, r->args[1], &left);

	r->again = err ? nap_on : NULL;
	return err && uleft && put_time(uleft, left) ? -EFAULT : err;
}

static int64_t nap(uint64_t deadline, bool wall, uint64_t uleft)
{
	struct restart *r = &thread_current()->restart;

	*r = (struct restart){ .deadline_ns = deadline, .args = { uleft, wall } };
	return nap_on(r);
}

int64_t sys_restart_syscall(const uint64_t *a __unused)
{
	struct restart *r = &thread_current()->restart;

	return r->again ? r->again(r) : -EINTR;
}

int64_t sys_nanosleep(const uint64_t *a)
{
	uint64_t ns, now = time_ns();
	int err = get_time(a[0], &ns);

	return err ? err : nap(ns > INT64_MAX - now ? INT64_MAX : now + ns, false, a[1]);
}

int64_t sys_clock_nanosleep(const uint64_t *a)
{
	uint64_t ns, now, mono = time_ns();
	int err = get_time(a[2], &ns);

	if (err)
		return err;
	if (a[0] == THREAD_CPUTIME || clock_now(a[0], &now))
		return -EINVAL;
	if (a[0] == PROCESS_CPUTIME)
		return -EOPNOTSUPP; /* it would have to count only while others run */
	if (a[1] & 1)		    /* TIMER_ABSTIME */
		return nap(ns, a[0] == REALTIME, 0);
	return nap(ns > INT64_MAX - mono ? INT64_MAX : mono + ns, false, a[3]);
}

int64_t sys_gettimeofday(const uint64_t *a)
{
	uint64_t ns = time_realtime_ns();
	const int64_t tv[2] = { ns / NS, ns / 1000 % 1000000 };
	const int32_t tz[2] = { 0, 0 };

	if ((a[0] && put_user(a[0], tv, sizeof(tv))) || (a[1] && put_user(a[1], tz, sizeof(tz))))
		return -EFAULT;
	return 0;
}

int64_t sys_settimeofday(const uint64_t *a)
{
	int64_t tv[2];

	if (proc_current()->cred.euid != 0)
		return -EPERM;
	if (!a[0])
		return 0;
	if (get_user(tv, a[0], sizeof(tv)))
		return -EFAULT;
	if (tv[0] < 0 || (uint64_t)tv[1] > 999999)
		return -EINVAL;
	set_wall(tv[0] * NS + tv[1] * 1000);
	return 0;
}
