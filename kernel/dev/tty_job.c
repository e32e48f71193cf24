/* SPDX-License-Identifier: ISC */
/*
 * A terminal as the controlling terminal of a session (POSIX.1-2017, 11.1.3): who may take it, which group of processes
 * is in the foreground. These ioctls are about the process that calls them. proc_lock guards the processes' side
 * (ctty, sid, pgid), t->lock, taken inside it, the terminal's (session, pgrp).
 */
#include "arch/user.h"
#include "dev/dev.h"
#include "dev/tty.h"
#include "lib/errno.h"
#include "proc/proc.h"

static bool group_in_session(int pgrp, int sid, bool *exists)
{
	struct proc *p;
	bool found = false;

	*exists = false;
	list_for_each(p, &proc_list, all)
		if (p->pgid == pgrp) {
			*exists = true;
			found |= p->sid == sid;
		}
	return found;
}

/* With both locks held. */
static int set_pgrp(struct tty *t, struct proc *p, int pgrp)
{
	bool exists;

	if (p->ctty != t || t->session != p->sid)
		return -ENOTTY;
	if (pgrp < 0)
		return -EINVAL;
	if (!group_in_session(pgrp, p->sid, &exists))
		return exists ? -EPERM : -ESRCH;
	t->pgrp = pgrp;
	return 0;
}

/* A session leader without a terminal takes one that no session has. */
static int acquire(struct tty *t, struct proc *p)
{
	if (p->ctty == t && t->session == p->sid)
		return 0;
	if (p->pid != p->sid || p->ctty || (t->session && t->session != p->sid))
		return -EPERM;
	tty_ref(t);
	p->ctty = t;
	t->session = p->sid;
	t->pgrp = p->pgid;
	return 0;
}

/* The session loses its terminal, whose reference the caller lets go; the group to hang up, or 0 (or -1: it had none). */
static int detach_session(struct tty *t, int sid)
{
	struct proc *p;
	int pgrp = t->pgrp;

	if (t->session != sid)
		return -1;
	t->session = t->pgrp = 0;
	list_for_each(p, &proc_list, all)
		if (p->sid == sid)
			p->ctty = NULL;
	return pgrp;
}

static void hang_up(int pgrp)
{
	if (pgrp <= 0)
		return;
	signal_group(pgrp, SIGHUP);
	signal_group(pgrp, SIGCONT);
}

void tty_session_end(struct tty *t, int sid)
{
	int pgrp;

	spin_lock(&proc_lock);
	spin_lock(&t->lock);
	pgrp = detach_session(t, sid);
	spin_unlock(&t->lock);
	spin_unlock(&proc_lock);
	hang_up(pgrp);
	if (pgrp >= 0)
		tty_unref(t);
}

void tty_tell_leader(struct tty *t)
{
	struct siginfo hangup = { .signo = SIGHUP, .code = SI_KERNEL },
		       go_on = { .signo = SIGCONT, .code = SI_KERNEL };
	struct proc *leader;

	spin_lock(&proc_lock);
	leader = t->session ? proc_find(t->session) : NULL;
	if (leader && leader->ctty == t) {
		signal_send(leader, &hangup);
		signal_send(leader, &go_on);
	}
	spin_unlock(&proc_lock);
}

struct tty *tty_of_session(void)
{
	struct proc *p = thread_current()->proc;
	struct tty *t;

	spin_lock(&proc_lock);
	t = p ? p->ctty : NULL;
	if (t)
		tty_ref(t);
	spin_unlock(&proc_lock);
	return t;
}

void tty_acquire_at_open(struct tty *t)
{
	struct proc *p = thread_current()->proc;

	if (!p || p->pid != p->sid || p->ctty)
		return;
	spin_lock(&proc_lock);
	spin_lock(&t->lock);
	if (!t->session)
		acquire(t, p);
	spin_unlock(&t->lock);
	spin_unlock(&proc_lock);
}

void tty_ref(struct tty *t)
{
	__atomic_fetch_add(&t->refs, 1, __ATOMIC_RELAXED);
}

void tty_unref(struct tty *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) == 0 && t != &console_tty)
		pty_free(t);
}

/* [p] Does the thread not want to hear of the signal? */
static bool deaf_to(struct proc *p, const struct thread *t, int sig)
{
	bool deaf;

	spin_lock(&p->sig_lock);
	deaf = p->actions[sig - 1].handler == SIG_IGN || t->sigmask & SIGBIT(sig);
	spin_unlock(&p->sig_lock);
	return deaf;
}

int tty_check_background(struct tty *t, int sig)
{
	struct thread *me = thread_current();
	struct proc *p = me->proc;
	int err = 0, pgrp;

	if (!p || p->ctty != t)
		return 0;
	spin_lock(&proc_lock);
	spin_lock(&t->lock);
	pgrp = p->ctty == t ? t->pgrp : 0;
	spin_unlock(&t->lock);
	if (pgrp && p->pgid != pgrp) {
		if (deaf_to(p, me, sig)) {
			err = sig == SIGTTIN ? -EIO : 0;
		} else if (proc_group_orphaned(p->pgid, NULL)) {
			err = -EIO;
		} else {
			signal_group_locked(p->pgid, sig);
			err = -ERESTARTSYS;
		}
	}
	spin_unlock(&proc_lock);
	return err;
}

static int give_up(struct tty *t, struct proc *p)
{
	int pgrp = -1, err = 0;

	spin_lock(&proc_lock);
	spin_lock(&t->lock);
	if (p->ctty != t)
		err = -ENOTTY;
	else if (p->pid == p->sid)
		pgrp = detach_session(t, p->sid);
	p->ctty = err ? p->ctty : NULL;
	spin_unlock(&t->lock);
	spin_unlock(&proc_lock);
	hang_up(pgrp);
	if (pgrp >= 0)
		tty_unref(t);
	return err;
}

int tty_job_ioctl(struct tty *t, unsigned cmd, uint64_t uarg)
{
	struct proc *p = thread_current()->proc;
	int value = 0, err = -ENOTTY;

	if (!p)
		return -ENOTTY;
	if (cmd == TIOCNOTTY)
		return give_up(t, p);
	if (cmd == TIOCSPGRP && get_user(&value, uarg, sizeof(value)))
		return -EFAULT;
	spin_lock(&proc_lock);
	spin_lock(&t->lock);
	if (cmd == TIOCSCTTY)
		err = acquire(t, p);
	else if (cmd == TIOCSPGRP)
		err = set_pgrp(t, p, value);
	else if ((cmd == TIOCGPGRP || cmd == TIOCGSID) && p->ctty == t)
		err = 0;
	if (!err && (cmd == TIOCGPGRP || cmd == TIOCGSID))
		value = cmd == TIOCGPGRP ? t->pgrp : t->session;
	spin_unlock(&t->lock);
	spin_unlock(&proc_lock);
	if (!err && (cmd == TIOCGPGRP || cmd == TIOCGSID))
		err = put_user(uarg, &value, sizeof(value));
	return err;
}
