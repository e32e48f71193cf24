/* SPDX-License-Identifier: ISC */
/* System calls about signals. Sets are 8 bytes. */
#include "arch/trap.h"
#include "arch/user.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "sys/sys.h"

#define SETSIZE sizeof(uint64_t)

int64_t sys_kill(const uint64_t *a)
{
	return signal_kill(proc_current(), (int)a[0], (int)a[1]);
}

static int64_t to_thread(pid_t tgid, pid_t tid, int sig)
{
	if (tid <= 0 || (tgid != 0 && tgid <= 0))
		return -EINVAL;
	if (tgid && tgid != tid) /* one thread a process */
		return -ESRCH;
	return signal_kill(proc_current(), tid, sig);
}

int64_t sys_tkill(const uint64_t *a)
{
	return to_thread(0, (int)a[0], (int)a[1]);
}

int64_t sys_tgkill(const uint64_t *a)
{
	return (int)a[0] <= 0 ? -EINVAL : to_thread((int)a[0], (int)a[1], (int)a[2]);
}

int64_t sys_rt_sigaction(const uint64_t *a)
{
	struct sigaction_k new, old;
	int err;

	if (a[3] != SETSIZE)
		return -EINVAL;
	if (a[1] && get_user(&new, a[1], sizeof(new)))
		return -EFAULT;
	err = signal_set_action(proc_current(), (int)a[0], a[1] ? &new : NULL, &old);
	if (!err && a[2] && put_user(a[2], &old, sizeof(old)))
		err = -EFAULT;
	return err;
}

int64_t sys_rt_sigprocmask(const uint64_t *a)
{
	enum { BLOCK, UNBLOCK, SETMASK };
	struct thread *t = thread_current();
	uint64_t old = t->sigmask, set;

	if (a[3] != SETSIZE)
		return -EINVAL;
	if (a[1]) {
		if (get_user(&set, a[1], sizeof(set)))
			return -EFAULT;
		switch ((int)a[0]) {
		case BLOCK:
			set |= old;
			break;
		case UNBLOCK:
			set = old & ~set;
			break;
		case SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_mask(t->proc, t, set);
	}
	return a[2] ? put_user(a[2], &old, sizeof(old)) : 0;
}

int64_t sys_rt_sigpending(const uint64_t *a)
{
	struct thread *t = thread_current();
	uint64_t set = t->proc->pending & t->sigmask;

	if (a[1] > SETSIZE)
		return -EINVAL;
	return put_user(a[0], &set, a[1]);
}

int64_t sys_rt_sigsuspend(const uint64_t *a)
{
	struct thread *t = thread_current();
	struct waitq never = WAITQ_INIT(never);
	struct spinlock lock = SPINLOCK_INIT("sigsuspend", RANK_SIGNAL);
	uint64_t set;

	if (a[1] != SETSIZE)
		return -EINVAL;
	if (get_user(&set, a[0], sizeof(set)))
		return -EFAULT;
	t->saved_mask = t->sigmask;
	t->restore_mask = true;
	signal_set_mask(t->proc, t, set);
	spin_lock(&lock);
	while (!signal_pending(t))
		waitq_sleep_intr(&never, &lock);
	spin_unlock(&lock);
	return -EINTR;
}

int64_t sys_rt_sigtimedwait(const uint64_t *a)
{
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	struct waitq never = WAITQ_INIT(never);
	struct spinlock lock = SPINLOCK_INIT("sigtimedwait", RANK_SIGNAL);
	uint64_t set, old = t->sigmask, deadline = UINT64_MAX;
	struct timespec ts;
	struct siginfo si;
	int sig, err = 0;

	if (a[3] != SETSIZE)
		return -EINVAL;
	if (get_user(&set, a[0], sizeof(set)) || (a[2] && get_user(&ts, a[2], sizeof(ts))))
		return -EFAULT;
	if (a[2] && (ts.tv_sec < 0 || (uint64_t)ts.tv_nsec >= 1000000000))
		return -EINVAL;
	if (a[2])
		deadline = time_ns() + ts.tv_sec * 1000000000 + ts.tv_nsec;
	signal_set_mask(p, t, old & ~set);
	spin_lock(&lock);
	while (!(p->pending & set) && !err)
		err = signal_pending(t) ? -EINTR : waitq_sleep_until(&never, &lock, deadline, true);
	spin_unlock(&lock);
	sig = signal_take(p, set, &si);
	signal_set_mask(p, t, old);
	if (!sig)
		return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
	return a[1] && signal_put_info(a[1], &si) ? -EFAULT : sig;
}

int64_t sys_rt_sigreturn(const uint64_t *a __unused)
{
	return signal_return(thread_current()->frame);
}

int64_t sys_sigaltstack(const uint64_t *a)
{
	enum { SS_ONSTACK = 1, SS_DISABLE = 2, MINSIGSTKSZ = 2048 };
	struct thread *t = thread_current();
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} new, old = { .sp = t->altstack.sp, .flags = t->altstack.flags, .size = t->altstack.size };
	bool on = t->altstack.size && t->frame->sp - t->altstack.sp < t->altstack.size;

	if (a[0] && get_user(&new, a[0], sizeof(new)))
		return -EFAULT;
	if (!t->altstack.size)
		old.flags = SS_DISABLE;
	else
		old.flags = on ? SS_ONSTACK : 0;
	if (a[0]) {
		if (on)
			return -EPERM;
		if (new.flags & ~(uint32_t)(SS_DISABLE | SS_ONSTACK))
			return -EINVAL;
		if (!(new.flags & SS_DISABLE) && new.size < MINSIGSTKSZ)
			return -ENOMEM;
		t->altstack.sp = new.flags & SS_DISABLE ? 0 : new.sp;
		t->altstack.size = new.flags & SS_DISABLE ? 0 : new.size;
		t->altstack.flags = new.flags & SS_DISABLE;
	}
	return a[1] ? put_user(a[1], &old, sizeof(old)) : 0;
}

/* ---- interval timers: the real one; the others need no more than a refusal ---- */

struct itimerval {
	int64_t interval_sec, interval_usec, sec, usec;
};

static void alarm_fire(struct timer *timer)
{
	struct proc *p = container_of(timer, struct proc, alarm);
	struct siginfo si = { .signo = SIGALRM, .code = SI_KERNEL };

	signal_send(p, &si);
	if (p->alarm_interval_ns)
		timer_set(timer, time_ns() + p->alarm_interval_ns, alarm_fire);
}

static void current_alarm(struct proc *p, struct itimerval *v)
{
	uint64_t now = time_ns(), left = p->alarm.set && p->alarm.deadline_ns > now ? p->alarm.deadline_ns - now : p->alarm.set ? 1000 : 0;

	*v = (struct itimerval){ p->alarm_interval_ns / 1000000000, p->alarm_interval_ns / 1000 % 1000000, left / 1000000000,
				 left / 1000 % 1000000 };
}

int64_t sys_getitimer(const uint64_t *a)
{
	struct itimerval v;

	if (a[0] != 0)
		return -EINVAL;
	current_alarm(proc_current(), &v);
	return put_user(a[1], &v, sizeof(v));
}

int64_t sys_setitimer(const uint64_t *a)
{
	struct proc *p = proc_current();
	struct itimerval new = { 0 }, old;
	uint64_t ns;

	if (a[0] != 0)
		return -EINVAL;
	if (a[1] && get_user(&new, a[1], sizeof(new)))
		return -EFAULT;
	if (new.sec < 0 || new.interval_sec < 0 || (uint64_t)new.usec > 999999 || (uint64_t)new.interval_usec > 999999)
		return -EINVAL;
	current_alarm(p, &old);
	p->alarm_interval_ns = 0;
	timer_cancel(&p->alarm);
	ns = new.sec * 1000000000ul + new.usec * 1000;
	p->alarm_interval_ns = new.interval_sec * 1000000000ul + new.interval_usec * 1000;
	if (ns)
		timer_set(&p->alarm, time_ns() + ns, alarm_fire);
	return a[2] ? put_user(a[2], &old, sizeof(old)) : 0;
}
