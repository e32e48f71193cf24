/* SPDX-License-Identifier: ISC */
/*
 * Signals (POSIX.1-2017, 2.4; Linux riscv64 frame layout, asm/ucontext.h and asm/sigcontext.h).
 *
 * p->sig_lock guards actions, the pending set and the queue; a thread's mask is changed by the thread alone. Whoever queues a signal sets
 * thread->sigpending and wakes the thread; the thread looks on its way to user mode (signal_deliver) and in interruptible sleeps.
 * A stopped process sleeps in signal_deliver until SIGCONT or SIGKILL sets its state back; that state belongs to proc_lock.
 */
#include "arch/trap.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/kmem.h"

#define SS_ONSTACK 1
#define SS_DISABLE 2
#define CAUSE_CALL 8
#define QUEUE_MAX 256 /* queued real-time signals a process */

#define UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define STOPPERS (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define DEFAULT_IGNORED (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))

struct sigqueue {
	struct list link;
	struct siginfo si;
};

/* ---- what lies on the program's stack ---- */

struct user_siginfo { /* 128 bytes */
	int32_t signo, err, code, pad;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			union {
				int32_t status;
				uint64_t value;
			};
		};
		uint64_t addr;
		uint64_t room[14];
	};
};
_Static_assert(sizeof(struct user_siginfo) == 128, "siginfo_t");

struct user_context {
	uint64_t flags, link;
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} stack;
	uint64_t mask;
	uint8_t unused[120];
	uint64_t regs[32] __attribute__((aligned(16))); /* pc, x1 .. x31 */
	uint64_t f[32];
	uint32_t fcsr;
	uint8_t extension[528 - 260]; /* the union is as large as the quad registers; its last words end the list of extensions: zeros */
};
_Static_assert(offsetof(struct user_context, regs) == 176 && sizeof(struct user_context) == 960, "ucontext_t");

struct sigframe {
	struct user_siginfo info;
	struct user_context context;
};

static void siginfo_to_user(struct user_siginfo *u, const struct siginfo *si)
{
	memset(u, 0, sizeof(*u));
	u->signo = si->signo;
	u->err = si->err;
	u->code = si->code;
	switch (si->signo) {
	case SIGILL:
	case SIGTRAP:
	case SIGBUS:
	case SIGFPE:
	case SIGSEGV:
		if (si->code > 0 && si->code != SI_KERNEL) {
			u->addr = si->addr;
			return;
		}
		break;
	case SIGCHLD:
		u->pid = si->pid;
		u->uid = si->uid;
		u->status = si->status;
		return;
	}
	u->pid = si->pid;
	u->uid = si->uid;
	u->value = si->value;
}

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
static void forget(struct proc *p, uint64_t set)
{
	struct sigqueue *q, *next;

	p->pending &= ~set;
	list_for_each_safe(q, next, &p->queue, link)
		if (SIGBIT(q->si.signo) & set) {
			list_remove(&q->link);
			kfree(q);
		}
}

static void wake_for_signal(struct proc *p)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link) {
		__atomic_store_n(&t->sigpending, true, __ATOMIC_SEQ_CST);
		thread_wake(t);
		if (t->state == THREAD_RUNNING && t != thread_current())
			hart_poke(t->hart); /* it may be in user mode */
	}
}

/* [p] A stopped process goes on. */
static void resume(struct proc *p, bool tell)
{
	if (p->state != PROC_STOPPED)
		return;
	p->state = PROC_RUNNING;
	if (tell) {
		p->continued = true;
		proc_tell_parent(p, 6, SIGCONT);
	}
}

int signal_send(struct proc *p, const struct siginfo *si)
{
	int sig = si->signo, err = 0;
	struct sigqueue *q = NULL;
	struct thread *t = proc_thread(p);
	bool drop;

	if (p->state == PROC_ZOMBIE)
		return 0;
	if (sig == SIGCONT || sig == SIGKILL)
		resume(p, sig == SIGCONT);
	spin_lock(&p->sig_lock);
	if (sig == SIGCONT)
		forget(p, STOPPERS);
	if (SIGBIT(sig) & STOPPERS)
		forget(p, SIGBIT(SIGCONT));
	drop = (ignored(p, sig) && !(t && t->sigmask & SIGBIT(sig))) || (sig < 32 && p->pending & SIGBIT(sig));
	if (!drop) {
		q = kmalloc(sizeof(*q));
		if (q) {
			q->si = *si;
			list_append(&p->queue, &q->link);
		} else if (sig >= 32) {
			err = -EAGAIN;
			drop = true;
		}
	}
	if (!drop)
		p->pending |= SIGBIT(sig);
	spin_unlock(&p->sig_lock);
	if (!drop || sig == SIGCONT)
		wake_for_signal(p);
	return err;
}

static bool may_signal(const struct proc *from, const struct proc *to, int sig)
{
	const struct cred *c = &from->cred, *t = &to->cred;

	return c->euid == 0 || c->euid == t->suid || c->euid == t->uid || c->uid == t->suid || c->uid == t->uid ||
	       (sig == SIGCONT && from->sid == to->sid);
}

int signal_kill(struct proc *from, pid_t pid, int sig)
{
	struct siginfo si = { .signo = sig, .code = SI_USER, .pid = from->pid, .uid = from->cred.uid };
	struct proc *p;
	int err = -ESRCH;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		bool hit = pid > 0 ? p->pid == pid : pid == -1 ? p->pid != 1 && p != from : p->pgid == (pid ? -pid : from->pgid);

		if (!hit)
			continue;
		if (!may_signal(from, p, sig)) {
			if (err)
				err = -EPERM;
			continue;
		}
		err = 0;
		if (sig)
			signal_send(p, &si);
	}
	spin_unlock(&proc_lock);
	return err;
}

void signal_group(int pgid, int sig)
{
	struct siginfo si = { .signo = sig, .code = SI_KERNEL };
	struct proc *p;

	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		if (p->pgid == pgid)
			signal_send(p, &si);
	spin_unlock(&proc_lock);
}

/* ---- state ---- */

void signal_fork(struct proc *child, const struct proc *parent)
{
	memcpy(child->actions, parent->actions, sizeof(child->actions));
}

void signal_flush(struct proc *p)
{
	forget(p, ~0ul);
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
	struct proc *p = t->proc;

	return p && (p->pending & ~(t->sigmask & ~UNBLOCKABLE));
}

static void recheck(struct proc *p, struct thread *t)
{
	__atomic_store_n(&t->sigpending, (p->pending & ~(t->sigmask & ~UNBLOCKABLE)) != 0, __ATOMIC_SEQ_CST);
}

int signal_set_action(struct proc *p, int sig, const struct sigaction_k *new, struct sigaction_k *old)
{
	if (sig < 1 || sig > NSIG || (new && SIGBIT(sig) & UNBLOCKABLE))
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

/* ---- delivering ---- */

/* [g] Takes the first pending signal of `ready` off the queue; 0: none. */
static int take(struct proc *p, uint64_t ready, struct siginfo *si)
{
	struct sigqueue *q, *found = NULL;
	bool more = false;
	int sig;

	ready &= p->pending;
	if (!ready)
		return 0;
	sig = ready & SIGBIT(SIGKILL) ? SIGKILL : __builtin_ctzl(ready) + 1;
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
		list_remove(&found->link);
		kfree(found);
	}
	if (!more)
		p->pending &= ~SIGBIT(sig);
	return sig;
}

int signal_take(struct proc *p, uint64_t set, struct siginfo *si)
{
	int sig;

	spin_lock(&p->sig_lock);
	sig = take(p, set, si);
	spin_unlock(&p->sig_lock);
	return sig;
}

int signal_put_info(uint64_t uaddr, const struct siginfo *si)
{
	struct user_siginfo u;

	siginfo_to_user(&u, si);
	return put_user(uaddr, &u, sizeof(u));
}

/* The next signal to act upon, with its action: 0 when there is none. */
static int take_signal(struct proc *p, struct thread *t, struct siginfo *si, struct sigaction_k *sa)
{
	int sig;

	spin_lock(&p->sig_lock);
	sig = take(p, ~(t->sigmask & ~UNBLOCKABLE), si);
	if (sig) {
		*sa = p->actions[sig - 1];
		if (sa->handler > SIG_IGN && sa->flags & SA_RESETHAND)
			p->actions[sig - 1].handler = SIG_DFL;
	}
	recheck(p, t);
	spin_unlock(&p->sig_lock);
	return sig;
}

static void stop(struct proc *p, int sig)
{
	spin_lock(&proc_lock);
	if (!(p->pending & (SIGBIT(SIGKILL) | SIGBIT(SIGCONT)))) {
		p->state = PROC_STOPPED;
		p->stop_signal = sig;
		p->stop_reported = p->continued = false;
		if (p->parent && !(p->parent->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP))
			proc_tell_parent(p, 5, sig);
		else if (p->parent)
			waitq_wake_all(&p->parent->wait_children);
		while (p->state == PROC_STOPPED)
			waitq_sleep(&p->wait_children, &proc_lock); /* resume() comes with thread_wake */
	}
	spin_unlock(&proc_lock);
}

static void default_action(struct proc *p, int sig)
{
	if (SIGBIT(sig) & DEFAULT_IGNORED)
		return;
	if (p->pid == 1 && sig != SIGKILL)
		return;
	if (SIGBIT(sig) & STOPPERS)
		stop(p, sig);
	else
		proc_exit(sig);
}

static bool on_altstack(const struct thread *t, uint64_t sp)
{
	return !(t->altstack.flags & SS_DISABLE) && sp - t->altstack.sp < t->altstack.size;
}

static int push_frame(struct thread *t, struct trapframe *f, const struct siginfo *si, const struct sigaction_k *sa)
{
	uint64_t sp = f->sp, at;
	struct sigframe *frame = kzalloc(sizeof(*frame));
	int err;

	if (!frame)
		return -ENOMEM;
	if (sa->flags & SA_ONSTACK && t->altstack.size && !(t->altstack.flags & SS_DISABLE) && !on_altstack(t, sp))
		sp = t->altstack.sp + t->altstack.size;
	at = ALIGN_DOWN(sp - sizeof(*frame), 16);
	siginfo_to_user(&frame->info, si);
	frame->context.stack.sp = t->altstack.sp;
	frame->context.stack.size = t->altstack.size;
	frame->context.stack.flags = t->altstack.size ? (on_altstack(t, f->sp) ? SS_ONSTACK : 0) : SS_DISABLE;
	frame->context.mask = t->restore_mask ? t->saved_mask : t->sigmask;
	memcpy(frame->context.regs, f, sizeof(frame->context.regs)); /* epc, x1 .. x31 lie in the same order */
	fp_save();
	memcpy(frame->context.f, t->fp.f, sizeof(frame->context.f));
	frame->context.fcsr = t->fp.fcsr;
	err = put_user(at, frame, sizeof(*frame));
	kfree(frame);
	if (err)
		return err;
	f->ra = SIGTRAMP;
	f->sp = at;
	f->a0 = si->signo;
	f->a1 = at + offsetof(struct sigframe, info);
	f->a2 = at + offsetof(struct sigframe, context);
	f->epc = sa->handler;
	return 0;
}

/* The interrupted system call ends with EINTR, or is made again. */
static void settle_call(struct trapframe *f, bool again)
{
	if (f->cause != CAUSE_CALL || (int64_t)f->a0 != -ERESTARTSYS)
		return;
	if (again) {
		f->a0 = f->orig_a0;
		f->epc -= 4;
	} else {
		f->a0 = -EINTR;
	}
	f->cause = 0; /* once */
}

static void run_handler(struct proc *p, struct thread *t, struct trapframe *f, const struct siginfo *si, const struct sigaction_k *sa)
{
	uint64_t mask = t->sigmask | sa->mask;

	settle_call(f, sa->flags & SA_RESTART);
	if (push_frame(t, f, si, sa)) {
		proc_exit(SIGSEGV); /* no stack to run it on */
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
	settle_call(f, true);
	if (t->restore_mask) { /* sigsuspend ended without a handler */
		t->restore_mask = false;
		signal_set_mask(p, t, t->saved_mask);
	}
}

int64_t signal_return(struct trapframe *f)
{
	struct thread *t = thread_current();
	struct user_context *c = kmalloc(sizeof(*c));
	uint64_t at = f->sp + offsetof(struct sigframe, context);

	if (!c || get_user(c, at, sizeof(*c))) {
		kfree(c);
		signal_fault(SIGSEGV, SI_KERNEL, f->sp);
		return f->a0;
	}
	memcpy(f, c->regs, sizeof(c->regs));
	fp_save();
	memcpy(t->fp.f, c->f, sizeof(c->f));
	t->fp.fcsr = c->fcsr & 0xff;
	fp_restore();
	f->cause = 0;
	signal_set_mask(t->proc, t, c->mask);
	kfree(c);
	return f->a0;
}

void signal_fault(int sig, int code, uint64_t addr)
{
	struct siginfo si = { .signo = sig, .code = code, .addr = addr };
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	struct sigaction_k *sa = &p->actions[sig - 1];

	spin_lock(&proc_lock);
	spin_lock(&p->sig_lock);
	if (t->sigmask & SIGBIT(sig) || sa->handler == SIG_IGN) { /* it cannot be put off: the program would fault for ever */
		sa->handler = SIG_DFL;
		t->sigmask &= ~SIGBIT(sig);
	}
	spin_unlock(&p->sig_lock);
	if (p->pid == 1 && sa->handler == SIG_DFL) {
		spin_unlock(&proc_lock);
		proc_exit(sig);
	}
	signal_send(p, &si);
	spin_unlock(&proc_lock);
}

/* ---- the trampoline ---- */

static struct object *trampoline;

void signal_init(void)
{
	static const uint32_t code[] = { 0x08b00893 /* li a7, 139 */, 0x00000073 /* ecall */ };
	struct page *p;
	bool fresh;

	trampoline = object_create(NULL, NULL, 1);
	if (!trampoline || object_busy_page(trampoline, 0, &p, &fresh))
		panic("no memory for the signal trampoline");
	clear_page(page_data(p));
	memcpy(page_data(p), code, sizeof(code));
	object_fill_done(trampoline, p, true);
}

struct object *signal_trampoline(void)
{
	return trampoline;
}
