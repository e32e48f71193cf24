/* SPDX-License-Identifier: ISC */
/*
 * Signals: sending them, and what they do (POSIX.1-2017, 2.4). Frames on the program's stack are
 * sigframe.c's.
 *
 * p->sig_lock guards actions, what is pending for the process and for each thread, and every thread's mask,
 * which only the thread itself changes. A fault of the program's is not queued: its thread takes it next (signal_fault). Who queues a signal chooses a thread that does not block it, sets
 * its sigpending and wakes it; the thread looks on its way to user mode (signal_deliver) and in interruptible
 * sleeps. A chosen thread that then blocks the signal, or ends, passes it on (retarget). sigpending may be set
 * for nothing: interrupted calls are then made again.
 *
 * SIGKILL is never queued: it sets `killed` in all threads, as exit_group and exec do; that ends waits for
 * memory too (thread_killed).
 *
 * The thread that takes a stop signal makes the process `stopping`; each thread sleeps in signal_deliver, and
 * the last one to come there makes it PROC_STOPPED, until SIGCONT or SIGKILL. A SIGCONT that comes between
 * the taking of a stop signal and the stop cancels it: stop_dequeued. An exiting process takes no signals.
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "dev/dev.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "proc/ptimer.h"
#include "vm/frames/kmem.h"

#define NR_restart_syscall 128
#define REALTIME	   32 /* from here on every instance is queued */

#define UNBLOCKABLE	(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define STOPPERS	(SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define DEFAULT_IGNORED (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
/* Of the instruction that the program is at: their frames come first, so that they show it. */
#define SYNCHRONOUS                                                                             \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | \
	 SIGBIT(SIGSYS))

/* ---- queues ---- */

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
	if (q->of_timer)
		return;
	p->nqueued--;
	if (q != &p->first_signal)
		kfree(q);
}

/* [g] */
static void forget(struct proc *p, struct pending *pending, uint64_t set)
{
	struct sigqueue *q, *next;

	if (!(pending->set & set))
		return;
	pending->set &= ~set;
	list_for_each_safe(q, next, &pending->queue, link) if (SIGBIT(q->si.signo) & set) dequeue(p, q);
}

/* [g] Of the process and of all its threads. */
static void forget_everywhere(struct proc *p, uint64_t set)
{
	struct thread *t;

	forget(p, &p->pending, set);
	list_for_each(t, &p->threads, proc_link)
		forget(p, &t->pending, set);
}

/* [g] */
static void append(struct pending *pending, struct sigqueue *q)
{
	list_append(&pending->queue, &q->link);
	pending->set |= SIGBIT(q->si.signo);
	waitq_wake_all(&signalfd_waitq);
}

/* [g] 0, or -EAGAIN. Without memory a signal is still pending, only nothing is known of it. */
static int enqueue(struct proc *p, struct pending *pending, const struct siginfo *si)
{
	bool full = si->signo >= REALTIME && p->nqueued >= p->rlimits[RLIMIT_SIGPENDING].cur;
	struct sigqueue *q = full ? NULL : p->nqueued ? kmalloc(sizeof(*q)) : &p->first_signal;

	if (!q && si->signo >= REALTIME && si->code != SI_USER)
		return -EAGAIN;
	if (q) {
		q->si = *si;
		q->of_timer = false;
		p->nqueued++;
		append(pending, q);
	} else {
		pending->set |= SIGBIT(si->signo);
		waitq_wake_all(&signalfd_waitq);
	}
	return 0;
}

/* ---- who takes it ---- */

/* [g] */
static void wake_for_signal(struct thread *t)
{
	__atomic_store_n(&t->sigpending, true, __ATOMIC_SEQ_CST);
	thread_wake(t);
	if (t->state == THREAD_RUNNING && t != thread_current())
		hart_poke(t->hart); /* it may be in user mode */
}

/* [g] */
static inline bool takes(const struct thread *t, uint64_t bit)
{
	return !t->exiting && bit & (~t->sigmask | t->sigwait);
}

/* [g] A thread that does not block the signal; rather one that has nothing to look at yet. */
static struct thread *choose_thread(struct proc *p, uint64_t bit)
{
	struct thread *t, *busy = NULL;

	list_for_each(t, &p->threads, proc_link) {
		if (!takes(t, bit))
			continue;
		if (!t->sigpending)
			return t;
		if (!busy)
			busy = t;
	}
	return busy;
}

/* [g] The signal is pending for the thread, or (NULL) for any. */
static void wake_taker(struct proc *p, struct thread *only, uint64_t bit)
{
	struct thread *t = only ? only : choose_thread(p, bit);

	if (t && takes(t, bit))
		wake_for_signal(t);
}

/* [g] Does a thread that could be meant block or wait for it? Then the signal is kept, ignored or not. */
static bool wanted_later(const struct proc *p, const struct thread *only, uint64_t bit)
{
	const struct thread *t;

	if (only)
		return (only->sigmask | only->sigwait) & bit;
	list_for_each(t, &p->threads, proc_link)
		if ((t->sigmask | t->sigwait) & bit)
			return true;
	return false;
}

/* [g] The thread no longer takes these of the process's signals: another one is to look. */
static void retarget(struct proc *p, const struct thread *from, uint64_t set)
{
	struct thread *t;

	set &= p->pending.set;
	if (!set)
		return;
	list_for_each(t, &p->threads, proc_link)
		if (t != from && takes(t, set))
			wake_for_signal(t);
}

/* ---- sending ---- */

/* [p] A process that stops, or has, goes on. */
static void resume(struct proc *p, bool tell)
{
	bool stopped = p->state == PROC_STOPPED;
	struct thread *t;

	if (!p->stopping)
		return;
	spin_lock(&p->sig_lock);
	p->stopping = false;
	p->nstopped = 0;
	p->stop_round++;
	list_for_each(t, &p->threads, proc_link)
		thread_wake(t);
	spin_unlock(&p->sig_lock);
	if (stopped)
		p->state = PROC_RUNNING;
	if (stopped && tell) {
		p->continued = true;
		proc_tell_parent(p, CLD_CONTINUED, SIGCONT);
	}
}

void signal_resume(struct proc *p, int sig)
{
	resume(p, sig == SIGCONT);
}

/* [g] */
static void kill_thread(struct thread *t)
{
	if (t->exiting)
		return;
	t->killed = true;
	wake_for_signal(t);
}

void signal_kill_thread(struct thread *t)
{
	struct proc *p = t->proc;

	spin_lock(&p->sig_lock);
	kill_thread(t);
	spin_unlock(&p->sig_lock);
}

/* [g] SIGKILL is never queued: all threads end. */
static void kill_all(struct proc *p)
{
	struct thread *t;

	if (!ignored(p, SIGKILL))
		list_for_each(t, &p->threads, proc_link)
			kill_thread(t);
}

/* [g] What a signal does when it is sent, blocked or not. True: that was all. */
static bool at_once(struct proc *p, int sig)
{
	uint64_t bit = SIGBIT(sig);

	if (likely(!(bit & (STOPPERS | SIGBIT(SIGCONT) | SIGBIT(SIGKILL)))))
		return false;
	if (bit & (SIGBIT(SIGCONT) | SIGBIT(SIGKILL)))
		p->stop_dequeued = false;
	if (sig == SIGKILL)
		kill_all(p);
	if (sig == SIGCONT)
		forget_everywhere(p, STOPPERS);
	if (bit & STOPPERS)
		forget_everywhere(p, SIGBIT(SIGCONT));
	return sig == SIGKILL;
}

/* [g] To the thread `only`, or to any. */
static int send_locked(struct proc *p, struct thread *only, const struct siginfo *si)
{
	struct pending *pending = only ? &only->pending : &p->pending;
	uint64_t bit = SIGBIT(si->signo);
	int err;

	if (at_once(p, si->signo))
		return 0;
	if ((ignored(p, si->signo) && !wanted_later(p, only, bit)) ||
	    (si->signo < REALTIME && pending->set & bit))
		return 0;
	err = enqueue(p, pending, si);
	if (!err)
		wake_taker(p, only, bit);
	return err;
}

void signal_send_held(struct proc *p, const struct siginfo *si)
{
	if (!p->exiting && !list_empty(&p->threads))
		send_locked(p, NULL, si);
}

bool signal_post(struct proc *p, pid_t tid, struct sigqueue *q)
{
	struct thread *only = tid ? proc_thread(p, tid) : NULL;
	uint64_t bit = SIGBIT(q->si.signo);

	if (p->exiting || list_empty(&p->threads) || (tid && (!only || only->exiting)))
		return false;
	if (at_once(p, q->si.signo) || (ignored(p, q->si.signo) && !wanted_later(p, only, bit)))
		return false;
	append(only ? &only->pending : &p->pending, q);
	wake_taker(p, only, bit);
	return true;
}

/* [g] */
static bool unpost_from(struct pending *pending, struct sigqueue *q)
{
	struct sigqueue *other;
	bool found = false, more = false;

	list_for_each(other, &pending->queue, link) {
		found |= other == q;
		more |= other != q && other->si.signo == q->si.signo;
	}
	if (found && !more)
		pending->set &= ~SIGBIT(q->si.signo);
	return found;
}

void signal_unpost(struct proc *p, struct sigqueue *q)
{
	bool found = unpost_from(&p->pending, q);
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		if (!found)
			found = unpost_from(&t->pending, q);
	list_remove(&q->link);
}

static int send(struct proc *p, struct thread *only, const struct siginfo *si)
{
	int err = 0;

	if (p->state == PROC_ZOMBIE || p->exiting)
		return 0;
	if (SIGBIT(si->signo) & (SIGBIT(SIGCONT) | SIGBIT(SIGKILL)))
		resume(p, si->signo == SIGCONT);
	spin_lock(&p->sig_lock);
	if (!list_empty(&p->threads) && !(only && only->exiting))
		err = send_locked(p, only, si);
	spin_unlock(&p->sig_lock);
	return err;
}

int signal_send(struct proc *p, const struct siginfo *si)
{
	return send(p, NULL, si);
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
		r = !may_signal(from, p, si->signo) ? -EPERM : si->signo ? send(p, NULL, si) : 0;
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

int signal_one_thread(struct proc *from, pid_t tgid, pid_t tid, const struct siginfo *si)
{
	struct thread *t;
	int err = -ESRCH;

	if (tid <= 0 || tgid < 0 || si->signo < 0 || si->signo > NSIG)
		return -EINVAL;
	spin_lock(&proc_lock);
	t = proc_thread(NULL, tid);
	if (t && (!tgid || t->proc->pid == tgid))
		err = !may_signal(from, t->proc, si->signo) ? -EPERM : si->signo ? send(t->proc, t, si) : 0;
	spin_unlock(&proc_lock);
	return err;
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
	forget_everywhere(p, ~0ul);
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

void signal_thread_exit(struct proc *p, struct thread *t)
{
	spin_lock(&p->sig_lock);
	t->exiting = true;
	t->killed = false;
	forget(p, &t->pending, ~0ul);
	retarget(p, t, ~0ul);
	spin_unlock(&p->sig_lock);
}

uint64_t signal_pending_set(struct thread *t)
{
	return __atomic_load_n(&t->proc->pending.set, __ATOMIC_RELAXED) |
	       __atomic_load_n(&t->pending.set, __ATOMIC_RELAXED);
}

static inline bool is_pending(struct thread *t)
{
	return t->killed || t->proc->stopping || signal_pending_set(t) & ~t->sigmask;
}

bool signal_pending(struct thread *t)
{
	return t->proc && is_pending(t);
}

/* [g] The thread's own: who changes any of this does it under the lock. */
static void recheck(struct thread *t)
{
	__atomic_store_n(&t->sigpending, is_pending(t), __ATOMIC_SEQ_CST);
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
			forget_everywhere(p, SIGBIT(sig));
	}
	spin_unlock(&p->sig_lock);
	return 0;
}

/* [g] What the process waits to have taken, and this thread blocks from now on, another one is to look at. */
static void change_mask(struct proc *p, struct thread *t, uint64_t mask)
{
	uint64_t blocked = mask & ~t->sigmask & p->pending.set;

	t->sigmask = mask;
	if (blocked)
		retarget(p, t, blocked);
}

void signal_set_mask(struct proc *p, struct thread *t, uint64_t mask)
{
	spin_lock(&p->sig_lock);
	change_mask(p, t, mask & ~UNBLOCKABLE);
	recheck(t);
	spin_unlock(&p->sig_lock);
}

/* ---- taking ---- */

/* [g] Takes the first signal of `ready` off the queue. */
static int take_from(struct proc *p, struct pending *pending, uint64_t ready, struct siginfo *si)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;
	int sig;

	if (ready & SYNCHRONOUS)
		ready &= SYNCHRONOUS;
	sig = __builtin_ctzl(ready) + 1;
	list_for_each(q, &pending->queue, link) {
		if (q->si.signo != sig)
			continue;
		more = found;
		if (more)
			break;
		found = q;
	}
	if (found) {
		*si = found->si;
		if (found->of_timer)
			ptimer_taken(found, si);
		dequeue(p, found);
	} else {
		*si = (struct siginfo){ .signo = sig };
	}
	if (!more)
		pending->set &= ~SIGBIT(sig);
	return sig;
}

/* [g] What the thread did wrong cannot be put off: the program would fault for ever. */
static int take_fault(struct proc *p, struct thread *t, struct siginfo *si)
{
	uint64_t *handler;

	*si = t->fault;
	t->fault.signo = 0;
	handler = &p->actions[si->signo - 1].handler;
	if (t->sigmask & SIGBIT(si->signo) || *handler == SIG_IGN) {
		*handler = SIG_DFL;
		t->sigmask &= ~SIGBIT(si->signo);
	}
	return si->signo;
}

/* [g] The thread's own come before the process's; 0: none. */
static int take(struct proc *p, struct thread *t, uint64_t ready, struct siginfo *si)
{
	if (t->pending.set & ready)
		return take_from(p, &t->pending, t->pending.set & ready, si);
	if (p->pending.set & ready)
		return take_from(p, &p->pending, p->pending.set & ready, si);
	return 0;
}

int signal_wait(struct proc *p, struct thread *t, uint64_t set, uint64_t deadline_ns, struct siginfo *si)
{
	struct waitq never = WAITQ_INIT(never);
	int sig, err = 0;

	set &= ~UNBLOCKABLE;
	spin_lock(&p->sig_lock);
	t->sigwait = set;
	while (!(sig = take(p, t, set, si)) && !err && !signal_pending(t)) {
		__atomic_store_n(&t->sigpending, false,
				 __ATOMIC_SEQ_CST); /* under the lock: whoever sends sets it again */
		err = waitq_sleep_until(&never, &p->sig_lock, deadline_ns, true);
		if (err != -ETIMEDOUT)
			err = 0;
	}
	t->sigwait = 0;
	retarget(p, t, set & t->sigmask);
	recheck(t);
	spin_unlock(&p->sig_lock);
	return sig ? sig : err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

/* The next signal to act upon, with its action: 0 when there is none. For a handler the mask is changed, from *mask. */
static int take_signal(struct proc *p, struct thread *t, struct siginfo *si, struct sigaction_k *sa,
		       uint64_t *mask)
{
	int sig;

	spin_lock(&p->sig_lock);
	sig = t->fault.signo ? take_fault(p, t, si) : take(p, t, ~t->sigmask, si);
	if (sig) {
		*sa = p->actions[sig - 1];
		*mask = t->sigmask;
		if (sa->handler > SIG_IGN) {
			if (sa->flags & SA_RESETHAND)
				p->actions[sig - 1].handler = SIG_DFL;
			change_mask(p, t, t->sigmask | sa->mask | (sa->flags & SA_NODEFER ? 0 : SIGBIT(sig)));
		}
		if (SIGBIT(sig) & STOPPERS)
			p->stop_dequeued = true;
	}
	recheck(t);
	spin_unlock(&p->sig_lock);
	return sig;
}

/* ---- acting ---- */

/*
 * All threads are to stop, unless the signal's effect was taken back meanwhile. A group that nobody would
 * continue is not stopped from the terminal.
 */
static void stop(struct proc *p, int sig)
{
	struct thread *t;

	spin_lock(&proc_lock);
	if (sig == SIGSTOP || !proc_group_orphaned(p->pgid, NULL)) {
		spin_lock(&p->sig_lock);
		if (p->stop_dequeued && !p->stopping && !p->exiting) {
			p->stopping = true;
			p->stop_signal = sig;
			list_for_each(t, &p->threads, proc_link)
				wake_for_signal(t);
		}
		spin_unlock(&p->sig_lock);
	}
	spin_unlock(&proc_lock);
}

/* This thread's part in it: it sleeps until resume(), or its end. */
static void stay_stopped(struct proc *p, struct thread *t)
{
	unsigned round;

	spin_lock(&proc_lock);
	round = p->stop_round;
	if (p->stopping && !t->killed) {
		p->nstopped++;
		proc_note_stopped(p);
		while (p->stopping && p->stop_round == round && !t->killed)
			waitq_sleep(&p->wait_children, &proc_lock);
		if (p->stopping && p->stop_round == round)
			p->nstopped--;
	}
	spin_unlock(&proc_lock);
}

static void default_action(struct proc *p, int sig, bool fault)
{
	if (SIGBIT(sig) & DEFAULT_IGNORED || (p->pid == 1 && !fault))
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
			const struct sigaction_k *sa, uint64_t mask)
{
	settle_call(f, sa);
	if (signal_push_frame(t, f, si, sa, t->restore_mask ? t->saved_mask : mask)) {
		if (si->signo == SIGSEGV &&
		    !t->killed) /* who is killed may not have waited for its stack's pages */
			proc_exit(SIGSEGV);
		signal_set_mask(p, t, mask);
		signal_fault(SIGSEGV, SI_KERNEL, 0); /* its handler may have a stack of its own */
		return;
	}
	t->restore_mask = false;
}

void signal_deliver(struct trapframe *f)
{
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	struct sigaction_k sa;
	struct siginfo si;
	uint64_t mask;
	bool fault;
	int sig;

	for (;;) {
		if (t->killed)
			proc_exit_killed();
		if (p->stopping) {
			stay_stopped(p, t);
			continue;
		}
		fault = t->fault.signo;
		sig = take_signal(p, t, &si, &sa, &mask);
		if (!sig)
			break;
		if (sa.handler == SIG_DFL)
			default_action(p, sig, fault);
		else if (sa.handler != SIG_IGN)
			run_handler(p, t, f, &si, &sa, mask);
		if (!__atomic_load_n(&t->sigpending, __ATOMIC_RELAXED))
			break;
	}
	settle_call(f, NULL);
	if (t->restore_mask) { /* sigsuspend goes on: no handler ran */
		t->restore_mask = false;
		signal_set_mask(p, t, t->saved_mask);
	}
}

void signal_fault(int sig, int code, uint64_t addr)
{
	struct thread *t = thread_current();

	if (sig == SIGKILL) { /* if it is on its way already, how the process ends depends on who sent it */
		if (!t->killed)
			proc_exit(sig);
		return;
	}
	assert(!t->fault.signo);
	t->fault = (struct siginfo){ .signo = sig, .code = code, .addr = addr };
	__atomic_store_n(&t->sigpending, true, __ATOMIC_RELAXED);
}
