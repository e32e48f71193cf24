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

static int64_t thread_kill(pid_t tgid, pid_t tid, int sig)
{
	struct proc *p = proc_current();

	return signal_one_thread(
		p, tgid, tid,
		&(struct siginfo){ .signo = sig, .code = SI_TKILL, .pid = p->pid, .uid = p->cred.uid });
}

int64_t sys_tkill(const uint64_t *a)
{
	return thread_kill(0, (int)a[0], (int)a[1]);
}

int64_t sys_tgkill(const uint64_t *a)
{
	return (int)a[0] <= 0 ? -EINVAL : thread_kill((int)a[0], (int)a[1], (int)a[2]);
}

/*
 * A program may say anything of where a signal comes from, except, to others, that the kernel or kill(2)
 * sent it.
 */
static int64_t get_info(struct siginfo *si, int sig, uint64_t uinfo, pid_t to)
{
	if (signal_get_info(uinfo, si))
		return -EFAULT;
	if ((si->code >= 0 || si->code == SI_TKILL) && to != proc_current()->pid)
		return -EPERM;
	si->signo = sig;
	return 0;
}

int64_t sys_rt_sigqueueinfo(const uint64_t *a)
{
	struct siginfo si;
	int64_t err = get_info(&si, (int)a[1], a[2], (int)a[0]);

	return err ? err : signal_one(proc_current(), (int)a[0], &si);
}

int64_t sys_rt_tgsigqueueinfo(const uint64_t *a)
{
	struct siginfo si;
	int64_t err = (int)a[0] <= 0 ? -EINVAL : get_info(&si, (int)a[2], a[3], (int)a[0]);

	return err ? err : signal_one_thread(proc_current(), (int)a[0], (int)a[1], &si);
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
	uint64_t set = signal_pending_set(t) & t->sigmask;

	if (a[1] > SETSIZE)
		return -EINVAL;
	return put_user(a[0], &set, a[1]);
}

/* The mask comes back when a handler has run, or, if none does, before the call is made again. */
int64_t sys_rt_sigsuspend(const uint64_t *a)
{
	struct thread *t = thread_current();
	struct waitq never = WAITQ_INIT(never);
	uint64_t set;

	if (a[1] != SETSIZE)
		return -EINVAL;
	if (get_user(&set, a[0], sizeof(set)))
		return -EFAULT;
	t->saved_mask = t->sigmask;
	t->restore_mask = true;
	signal_set_mask(t->proc, t, set);
	while (!t->sigpending)
		waitq_sleep_intr(&never, NULL);
	return -ERESTARTNOHAND;
}

int64_t sys_rt_sigtimedwait(const uint64_t *a)
{
	struct thread *t = thread_current();
	uint64_t set, deadline = UINT64_MAX;
	struct timespec ts;
	struct siginfo si;
	int sig;

	if (a[3] != SETSIZE)
		return -EINVAL;
	if (get_user(&set, a[0], sizeof(set)) || (a[2] && get_user(&ts, a[2], sizeof(ts))))
		return -EFAULT;
	if (a[2] && (ts.tv_sec < 0 || (uint64_t)ts.tv_nsec >= 1000000000))
		return -EINVAL;
	if (a[2] && ts.tv_sec < 1000000000)
		deadline = time_ns() + ts.tv_sec * 1000000000 + ts.tv_nsec;
	sig = signal_wait(t->proc, t, set, deadline, &si);
	return sig > 0 && a[1] && signal_put_info(a[1], &si) ? -EFAULT : sig;
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
	} new, old = { .sp = t->altstack.sp, .size = t->altstack.size };
	bool on = signal_on_altstack(t, t->frame->sp);

	old.flags = !old.size ? SS_DISABLE : on ? SS_ONSTACK : 0;
	if (a[0] && get_user(&new, a[0], sizeof(new)))
		return -EFAULT;
	if (a[0]) {
		if (on)
			return -EPERM;
		if (new.flags & ~(uint32_t)(SS_DISABLE | SS_ONSTACK) ||
		    new.flags == (SS_DISABLE | SS_ONSTACK))
			return -EINVAL;
		if (!(new.flags &SS_DISABLE) && new.size < MINSIGSTKSZ)
			return -ENOMEM;
		t->altstack.sp = new.flags &SS_DISABLE ? 0 : new.sp;
		t->altstack.size = new.flags &SS_DISABLE ? 0 : new.size;
	}
	return a[1] ? put_user(a[1], &old, sizeof(old)) : 0;
}
