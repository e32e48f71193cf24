/* SPDX-License-Identifier: ISC */
/*
 * Signals: sending them, and what they do (POSIX.1-2017, 2.4). Frames on the program's stack are
 * sigframe.c's.
 *
 * p->sig_lock guards actions, the pending set and the queue, and every thread's mask, which only the thread
 * itself changes. Who queues a signal that is not blocked sets thread->sigpending and wakes the thread; the
 * thread looks on its way to user mode (signal_deliver) and in interruptible sleeps. sigpending may be set
 * for nothing: interrupted calls are then made again.
 *
 * A stopped process sleeps in signal_deliver until SIGCONT or SIGKILL sets its state back; that state is
 * proc_lock's. A SIGCONT that comes between the taking of a stop signal and the stop cancels it:
 * stop_dequeued. An exiting process takes no signals.
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "dev/dev.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/kmem.h"

#define CAUSE_CALL	   8
#define NR_restart_syscall 128
#define QUEUE_MAX	   256 /* queued real-time signals of a process */
#define REALTIME	   32  /* from here on every instance is queued */

#define UNBLOCKABLE	(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define STOPPERS	(SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define DEFAULT_IGNORED (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
/* Of the instruction that the program is at: their frames come first, so that they show it. */
#define SYNCHRONOUS                                                                             \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | \
	 SIGBIT(SIGSYS))

struct sigqueue {
	struct list link;
	struct siginfo si;
};

/* ---- sending ---- */

/* [g] Would the signal, if it were unblocked, do nothing? */
static bool ignored(const struct proc *p, int sig)
{
	uint64_t handler = p->actions[sig - 1].handler;

	if (p->pid == 1 && handler == SIG_DFL)
		return true; /* init is immune to what it does not handle */
	return handler == SIG_IGN || (handler == SIG_DFL && SIGBIT(sig) & DEFAULT_IGNORED);
}

/* [g] */
static void dequeue(struct proc *p, struct sigqueue *q)
{
	list_remove(&q->link);
	p->nqueued--;
	kfree(q);
}

/* [g] */
static void forget(struct proc *p, uint64_t set)
{
	struct sigqueue *q, *next;

	p->pending &= ~set;
	list_for_each_safe(q, next, &p->queue, link) if (SIGBIT(q->si.signo) & set) dequeue(p, q);
}

/* [g] 0, or -EAGAIN. Without memory a signal is still pending, only nothing is known of it. */
static int enqueue(struct proc *p, const struct siginfo *si)
{
	bool full = si->signo >= REALTIME && p->nqueued >= QUEUE_MAX;
	struct sigqueue *q = full ? NULL : kmalloc(sizeof(*q));

	if (!q && si->signo >= REALTIME && si->code != SI_USER)
		return -EAGAIN;
	if (q) {
		q->si = *si;
		list_append(&p->queue, &q->link);
		p->nqueued++;
	}
	p->pending |= SIGBIT(si->signo);
	waitq_wake_all(&signalfd_waitq);
	return 0;
}

static void wake_for_signal(struct thread *t)
{
	__atomic_store_n(&t->sigpending, true, __ATOMIC_SEQ_CST);
	thread_wake(t);
	if (t->state == THREAD_RUNNING && t != thread_current())
		hart_poke(t->hart); /* it may be in user mode */
}

/* [p] A stopped process goes on. */
static void resume(struct proc *p, struct thread *t, bool tell)
{
	if (p->state != PROC_STOPPED)
		return;
	p->state = PROC_RUNNING;
	if (tell) {
		p->continued = true;
		proc_tell_parent(p, CLD_CONTINUED, SIGCONT);
	}
	if (t)
		thread_wake(t);
}

int signal_send(struct proc *p, const struct siginfo *si)
{
	uint64_t bit = SIGBIT(si->signo);
	struct thread *t = proc_thread(p);
	int err = 0;

	if (p->state == PROC_ZOMBIE || p->exiting || !t)
		return 0;
	if (bit & (SIGBIT(SIGCONT) | SIGBIT(SIGKILL)))
		resume(p, t, si->signo == SIGCONT);
	spin_lock(&p->sig_lock);
	if (bit & (SIGBIT(SIGCONT) | SIGBIT(SIGKILL)))
		p->stop_dequeued = false;
	if (si->signo == SIGCONT)
		forget(p, STOPPERS);
	if (bit & STOPPERS)
		forget(p, SIGBIT(SIGCONT));
	if ((ignored(p, si->signo) && !((t->sigmask | t->sigwait) & bit)) ||
	    (si->signo < REALTIME && p->pending & bit))
		goto out;
	err = enqueue(p, si);
	if (!err && (!(t->sigmask & bit) || t->sigwait & bit))
		wake_for_signal(t);
out:
	spin_unlock(&p->sig_lock);
	return err;
}

static bool may_signal(const struct proc *from, const struct proc *to, int sig)
{
	const struct cred *c = &from->cred, *t = &to->cred;

	return c->euid == 0 || c->euid == t->suid || c->euid == t->uid || c->uid == t->suid ||
	       c->uid == t->uid || (sig == SIGCONT && from->sid == to->sid);
}

/* [p] */
static bool addressed(const struct proc *p, const struct proc *from, pid_t pid)
{
	if (pid > 0)
		return p->pid == pid;
	if (pid == -1)
		return p->pid != 1 && p != from;
	return p->pgid == (pid ? -pid : from->pgid);
}

static int send_all(struct proc *from, pid_t pid, const struct siginfo *si)
{
	int err = -ESRCH, r;
	struct proc *p;

	if (si->signo < 0 || si->signo > NSIG)
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		if (!addressed(p, from, pid))
			continue;
		r = !may_signal(from, p, si->signo) ? -EPERM : si->signo ? signal_send(p, si) : 0;
		if (err) /* one that gets it is enough */
			err = r;
	}
	spin_unlock(&proc_lock);
	return err;
}

int signal_kill(struct proc *from, pid_t pid, int sig)
{
	return send_all(
		from, pid,
		&(struct siginfo){ .signo = sig, .code = SI_USER, .pid = from->pid, .uid = from->cred.uid });
}

int signal_one(struct proc *from, pid_t pid, const struct siginfo *si)
{
	return pid > 0 ? send_all(from, pid, si) : -EINVAL;
}

void signal_group_locked(pid_t pgid, int sig)
{
	struct siginfo si = { .signo = sig, .code = SI_KERNEL };
	struct proc *p;

	list_for_each(p, &proc_list, all)
		if (p->pgid == pgid)
			signal_send(p, &si);
}

void signal_group(int pgid, int sig)
{
	spin_lock(&proc_lock);
	signal_group_locked(pgid, sig);
	spin_unlock(&proc_lock);
}

/* ---- state ---- */

void signal_fork(struct proc *child, const struct proc *parent)
{
	memcpy(child->actions, parent->actions, sizeof(child->actions));
}

void signal_flush(struct proc *p)
{
	spin_lock(&p->sig_lock);
	forget(p, ~0ul);
	spin_unlock(&p->sig_lock);
}

/* Handlers do not survive an exec; ignored signals stay ignored. */
void signal_exec(struct proc *p)
{
	spin_lock(&p->sig_lock);
	for (unsigned i = 0; i < NSIG; i++) {
		if (p->actions[i].handler != SIG_IGN)
			p->actions[i].handler = SIG_DFL;
		p->actions[i].flags = p->actions[i].mask = 0;
	}
	spin_unlock(&p->sig_lock);
}

bool signal_pending(struct thread *t)
{
	return t->proc && __atomic_load_n(&t->proc->pending, __ATOMIC_RELAXED) & ~t->sigmask;
}

/* [g] */
static void recheck(struct proc *p, struct thread *t)
{
	__atomic_store_n(&t->sigpending, (p->pending & ~t->sigmask) != 0, __ATOMIC_SEQ_CST);
}

int signal_set_action(struct proc *p, int sig, const struct sigaction_k *new, struct sigaction_k *old)
{
	if (sig < 1 || sig > NSIG || (new &&SIGBIT(sig) & UNBLOCKABLE))
		return -EINVAL;
	spin_lock(&p->sig_lock);
	if (old)
		*old = p->actions[sig - 1];
	if (new) {
		p->actions[sig - 1] = *new;
		p->actions[sig - 1].mask &= ~UNBLOCKABLE;
		if (ignored(p, sig))
			forget(p, SIGBIT(sig));
	}
	spin_unlock(&p->sig_lock);
	return 0;
}

void signal_set_mask(struct proc *p, struct thread *t, uint64_t mask)
{
	spin_lock(&p->sig_lock);
	t->sigmask = mask & ~UNBLOCKABLE;
	recheck(p, t);
	spin_unlock(&p->sig_lock);
}

/* ---- taking ---- */

/* [g] Takes the first pending signal of `ready` off the queue; 0: none. */
static int take(struct proc *p, uint64_t ready, struct siginfo *si)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;
	int sig;

	ready &= p->pending;
	if (!ready)
		return 0;
	if (ready & SIGBIT(SIGKILL))
		ready = SIGBIT(SIGKILL);
	else if (ready & SYNCHRONOUS)
		ready &= SYNCHRONOUS;
	sig = __builtin_ctzl(ready) + 1;
	list_for_each(q, &p->queue, link) {
		if (q->si.signo != sig)
			continue;
		more = found;
		if (more)
			break;
		found = q;
	}
	*si = (struct siginfo){ .signo = sig };
	if (found) {
		*si = found->si;
		dequeue(p, found);
	}
	if (!more)
		p->pending &= ~SIGBIT(sig);
	return sig;
}

int signal_wait(struct proc *p, struct thread *t, uint64_t set, uint64_t deadline_ns, struct siginfo *si)
{
	struct waitq never = WAITQ_INIT(never);
	int sig, err = 0;

	set &= ~UNBLOCKABLE;
	spin_lock(&p->sig_lock);
	t->sigwait = set;
	while (!(sig = take(p, set, si)) && !err && !(p->pending & ~t->sigmask)) {
		__atomic_store_n(&t->sigpending, false,
				 __ATOMIC_SEQ_CST); /* under the lock: whoever sends sets it again */
		err = waitq_sleep_until(&never, &p->sig_lock, deadline_ns, true);
		if (err != -ETIMEDOUT)
			err = 0;
	}
	t->sigwait = 0;
	recheck(p, t);
	spin_unlock(&p->sig_lock);
	return sig ? sig : err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

/* The next signal to act upon, with its action: 0 when there is none. */
static int take_signal(struct proc *p, struct thread *t, struct siginfo *si, struct sigaction_k *sa)
{
	int sig;

	spin_lock(&p->sig_lock);
	sig = take(p, ~t->sigmask, si);
	if (sig) {
		*sa = p->actions[sig - 1];
		if (sa->handler > SIG_IGN && sa->flags & SA_RESETHAND)
			p->actions[sig - 1].handler = SIG_DFL;
		p->stop_dequeued = SIGBIT(sig) & STOPPERS;
	}
	recheck(p, t);
	spin_unlock(&p->sig_lock);
	return sig;
}

/* ---- acting ---- */

static bool stop_still_wanted(struct proc *p)
{
	bool wanted;

	spin_lock(&p->sig_lock);
	wanted = p->stop_dequeued && !(p->pending & SIGBIT(SIGKILL));
	spin_unlock(&p->sig_lock);
	return wanted;
}

/* A group that nobody would continue is not stopped from the terminal. */
static void stop(struct proc *p, int sig)
{
	spin_lock(&proc_lock);
	if (stop_still_wanted(p) && (sig == SIGSTOP || !proc_group_orphaned(p->pgid, NULL))) {
		p->state = PROC_STOPPED;
		p->stop_signal = sig;
		p->stop_reported = p->continued = false;
		proc_tell_parent(p, CLD_STOPPED, sig);
		while (p->state == PROC_STOPPED)
			waitq_sleep(&p->wait_children, &proc_lock); /* until resume() */
	}
	spin_unlock(&proc_lock);
}

static void default_action(struct proc *p, int sig)
{
	if (SIGBIT(sig) & DEFAULT_IGNORED || p->pid == 1)
		return;
	if (SIGBIT(sig) & STOPPERS)
		stop(p, sig);
	else
		proc_exit(sig);
}

/*
 * The interrupted system call ends with EINTR, or is made again. `sa`: of the handler that runs before, or
 * NULL.
 */
static void settle_call(struct trapframe *f, const struct sigaction_k *sa)
{
	int64_t r = f->a0;

	if (f->cause != CAUSE_CALL || r > -ERESTARTSYS || r < -ERESTART_RESTARTBLOCK)
		return;
	f->cause = 0; /* once */
	if (sa && r != -ERESTARTNOINTR && !(r == -ERESTARTSYS && sa->flags & SA_RESTART)) {
		f->a0 = -EINTR;
		return;
	}
	f->a0 = f->orig_a0;
	f->epc -= 4;
	if (r == -ERESTART_RESTARTBLOCK)
		f->a7 = NR_restart_syscall;
}

static void run_handler(struct proc *p, struct thread *t, struct trapframe *f, const struct siginfo *si,
			const struct sigaction_k *sa)
{
	uint64_t mask = t->sigmask | sa->mask;

	settle_call(f, sa);
	if (signal_push_frame(t, f, si, sa)) {
		if (si->signo == SIGSEGV)
			proc_exit(SIGSEGV);
		signal_fault(SIGSEGV, SI_KERNEL, 0); /* its handler may have a stack of its own */
		return;
	}
	t->restore_mask = false;
	if (!(sa->flags & SA_NODEFER))
		mask |= SIGBIT(si->signo);
	signal_set_mask(p, t, mask);
}

void signal_deliver(struct trapframe *f)
{
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	struct sigaction_k sa;
	struct siginfo si;
	int sig;

	while ((sig = take_signal(p, t, &si, &sa))) {
		if (sa.handler == SIG_DFL)
			default_action(p, sig);
		else if (sa.handler != SIG_IGN)
			run_handler(p, t, f, &si, &sa);
	}
	settle_call(f, NULL);
	if (t->restore_mask) { /* sigsuspend goes on: no handler ran */
		t->restore_mask = false;
		signal_set_mask(p, t, t->saved_mask);
	}
}

void signal_fault(int sig, int code, uint64_t addr)
{
	struct siginfo si = { .signo = sig, .code = code, .addr = addr };
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	struct sigaction_k *sa = &p->actions[sig - 1];
	bool fatal;

	spin_lock(&proc_lock);
	spin_lock(&p->sig_lock);
	if (t->sigmask & SIGBIT(sig) ||
	    sa->handler == SIG_IGN) { /* it cannot be put off: the program would fault for ever */
		sa->handler = SIG_DFL;
		t->sigmask &= ~SIGBIT(sig);
	}
	fatal = p->pid == 1 && sa->handler == SIG_DFL; /* init is not immune to its own faults */
	spin_unlock(&p->sig_lock);
	if (!fatal)
		signal_send(p, &si);
	spin_unlock(&proc_lock);
	if (fatal)
		proc_exit(sig);
}
