/* SPDX-License-Identifier: ISC */
/*
 * The end of threads and processes, and waiting for children.
 *
 * A thread that ends takes no more signals, not even SIGKILL, so that what it has to do at the end, deleting
 * the blocks of an unlinked file for instance, is not cut short; it leaves the memory, then the process. The
 * one that brings `nlive` to 0 is the last: it waits until the others have left, and ends the process.
 *
 * A process that ends lets go of memory and files first, with no lock held; then, in one step under
 * proc_lock, it hands its children to init, becomes a zombie and tells its parent. From then on only a
 * waiting parent (or, if the parent does not want to know, the process itself) frees the struct. The thread
 * goes the rest of its way without a process; the scheduler frees it.
 *
 * All threads end (exit_group, a fatal signal: `exiting`), or all but one (exec: `exec_thread`), by being
 * killed. Whichever comes first decides.
 */
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/string.h"
#include "proc/futex.h"
#include "proc/proc.h"
#include "proc/ptimer.h"

/* ---- telling the parent ---- */

static bool wants_no_children(const struct proc *parent)
{
	const struct sigaction_k *sa = &parent->actions[SIGCHLD - 1];

	return sa->handler == SIG_IGN || sa->flags & SA_NOCLDWAIT;
}

void proc_tell_parent(struct proc *p, int code, int status)
{
	bool ended = code == CLD_EXITED || code == CLD_KILLED;
	struct siginfo si = { .signo = ended ? p->exit_signal : SIGCHLD,
			      .code = code,
			      .pid = p->pid,
			      .uid = p->cred.uid,
			      .status = status };

	if (!p->parent)
		return;
	if (si.signo && (ended || !(p->parent->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP)))
		signal_send(p->parent, &si);
	waitq_wake_all(&p->parent->wait_children);
}

static void tell_of_death(struct proc *p)
{
	int sig = p->exit_status & 0x7f;

	proc_tell_parent(p, sig ? CLD_KILLED : CLD_EXITED, sig ? sig : p->exit_status >> 8);
}

/* ---- orphans ---- */

bool proc_group_orphaned(pid_t pgid, const struct proc *skip)
{
	struct proc *p;

	list_for_each(p, &proc_list, all)
		if (p->pgid == pgid && p != skip && p->state != PROC_ZOMBIE && p->parent &&
		    p->parent->pid != 1 && p->parent->pgid != pgid && p->parent->sid == p->sid)
			return false;
	return true;
}

static bool group_has_stopped(pid_t pgid)
{
	struct proc *p;

	list_for_each(p, &proc_list, all)
		if (p->pgid == pgid && p->state == PROC_STOPPED)
			return true;
	return false;
}

/*
 * [p] A stopped group that loses the last one who could continue it is hung up and continued (POSIX, _exit).
 */
static void hang_up_orphans(pid_t pgid, const struct proc *skip)
{
	if (!group_has_stopped(pgid) || !proc_group_orphaned(pgid, skip))
		return;
	signal_group_locked(pgid, SIGHUP);
	signal_group_locked(pgid, SIGCONT);
}

/*
 * [p] The children go to init; those that are dead already are its business now, or, if it does not care,
 * nobody's: *unwanted.
 */
static void orphan_children(struct proc *p, struct list *unwanted)
{
	struct list *l;

	while ((l = list_pop(&p->children))) {
		struct proc *c = list_entry(l, struct proc, sibling);
		struct siginfo si = { .signo = c->parent_death_signal, .code = SI_KERNEL };

		if (si.signo)
			signal_send(c, &si);
		c->parent = init_proc;
		c->exit_signal = SIGCHLD;
		list_append(&init_proc->children, &c->sibling);
		if (c->state == PROC_ZOMBIE) {
			tell_of_death(c);
			if (wants_no_children(init_proc)) {
				proc_unlink(c);
				list_append(unwanted, &c->sibling);
			}
		} else if (c->pgid != p->pgid && c->sid == p->sid) {
			hang_up_orphans(c->pgid, NULL);
		}
	}
}

/* ---- exit ---- */

void proc_let_go(struct proc *p)
{
	struct space *space;
	struct fdtable *files;
	struct fs_context *fs;
	struct name *exe_name;
	struct vnode *exe;

	spin_lock(&proc_lock); /* /proc may be looking */
	usage_leave_space(p);
	space = p->space;
	files = p->files;
	fs = p->fs;
	exe_name = p->exe_name;
	exe = p->exe;
	p->space = NULL;
	p->files = NULL;
	p->fs = NULL;
	p->exe_name = NULL;
	p->exe = NULL;
	spin_unlock(&proc_lock);
	if (space)
		space_unref(space);
	if (exe) /* before the files: who sees its pipe closed may write the program */
		vnode_run_unref(exe);
	if (files)
		fdtable_unref(files);
	if (fs)
		fs_context_unref(fs);
	if (exe_name)
		name_unref(exe_name);
}

/*
 * Thread t is about to leave its memory, at its end or by exec: who shares the memory and waits for its locks, or
 * for its end, is told.
 */
static void tell_memory(struct proc *p, struct thread *t)
{
	uint64_t at = t->clear_child_tid;
	uint32_t zero = 0;

	futex_thread_exit(t);
	t->clear_child_tid = 0;
	if (at &&
	    (__atomic_load_n(&p->nthreads, __ATOMIC_RELAXED) > 1 ||
	     __atomic_load_n(&p->space->refs, __ATOMIC_RELAXED) > 1) &&
	    !put_user(at, &zero, sizeof(zero)))
		futex_wake(at, true, 1, FUTEX_ANY);
}

/* [p] All threads but `me`; they go when they next look. */
static void kill_others(struct proc *p, const struct thread *me)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		if (t != me)
			signal_kill_thread(t);
}

/* [p] */
static void begin_exit(struct proc *p, int status)
{
	p->exiting = true;
	p->exit_status = status;
	kill_others(p, thread_current());
}

void proc_note_stopped(struct proc *p)
{
	if (!p->stopping || p->state != PROC_RUNNING || p->nstopped != p->nthreads)
		return;
	p->state = PROC_STOPPED;
	p->stop_reported = p->continued = false;
	proc_tell_parent(p, CLD_STOPPED, p->stop_signal);
}

/* A thread that is not the last leaves the process, and touches nothing of it any more. */
static void leave(struct proc *p, struct thread *t)
{
	fdtable_unref(p->files);
	spin_lock(&proc_lock);
	proc_remove_thread(p, t);
	t->proc = NULL;
	proc_note_stopped(p);
	waitq_wake_all(&p->wait_children); /* the last thread, or exec, may wait for this */
	spin_unlock(&proc_lock);
}

/* [p] Until the current thread is the only one that has not gone. */
static void wait_for_others(struct proc *p)
{
	while (p->nthreads > 1)
		waitq_sleep(&p->wait_children, &proc_lock);
}

int proc_end_others(struct proc *p)
{
	struct thread *t = thread_current();
	int err = 0;

	spin_lock(&proc_lock);
	if (p->exiting || p->exec_thread) {
		err = -EAGAIN;
	} else {
		p->exec_thread = t;
		kill_others(p, t);
		wait_for_others(p);
	}
	spin_unlock(&proc_lock);
	if (err)
		return err;
	tell_memory(p, t);
	spin_lock(&proc_lock);
	p->exec_thread = NULL;
	t->tid = p->pid;
	spin_unlock(&proc_lock);
	return 0;
}

/* What the process does last, in its only thread. */
static void end_process(struct proc *p, struct thread *t) __noreturn;
static void end_process(struct proc *p, struct thread *t)
{
	struct list unwanted = LIST_INIT(unwanted), *l;
	int status = p->exit_status;

	if (p == init_proc)
		system_shutdown(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
	signal_flush(p);
	ptimers_end(p);
	if (p->ctty && p->pid == p->sid)
		tty_session_end(p->ctty, p->sid);
	proc_let_go(p);
	proc_vfork_done(p);

	spin_lock(&proc_lock);
	proc_remove_thread(p, t);
	t->proc = NULL;
	orphan_children(p, &unwanted);
	if (p->parent && p->parent->pgid != p->pgid && p->parent->sid == p->sid)
		hang_up_orphans(p->pgid, p);
	p->state = PROC_ZOMBIE;
	proc_give_room(FRAMES_PER_PROC);
	tell_of_death(p);
	if (!p->parent || (p->exit_signal == SIGCHLD && wants_no_children(p->parent))) {
		proc_unlink(p);
		list_append(&unwanted, &p->sibling);
	}
	spin_unlock(&proc_lock);
	while ((l = list_pop(&unwanted)))
		proc_free(list_entry(l, struct proc, sibling));
	thread_exit();
}

static void end_thread(struct proc *p, struct thread *t) __noreturn;
static void end_thread(struct proc *p, struct thread *t)
{
	bool last;

	signal_thread_exit(p, t);
	tell_memory(p, t);
	thread_set_space(NULL);
	spin_lock(&proc_lock);
	last = --p->nlive == 0;
	if (last) {
		p->exiting = true;
		wait_for_others(p);
	}
	spin_unlock(&proc_lock);
	if (last)
		end_process(p, t);
	leave(p, t);
	thread_exit();
}

void proc_exit(int status)
{
	struct thread *t = thread_current();
	struct proc *p = t->proc;

	spin_lock(&proc_lock);
	if (!p->exiting && !p->exec_thread)
		begin_exit(p, status);
	spin_unlock(&proc_lock);
	end_thread(p, t);
}

/* The process's status is that of its first thread, whichever is the last. */
void proc_exit_thread(int status)
{
	struct thread *t = thread_current();
	struct proc *p = t->proc;

	spin_lock(&proc_lock);
	if (!p->exiting && t->tid == p->pid)
		p->exit_status = status;
	spin_unlock(&proc_lock);
	end_thread(p, t);
}

void proc_exit_killed(void)
{
	proc_exit(SIGKILL);
}

/* ---- waiting ---- */

static bool matches(const struct proc *c, const struct proc *p, pid_t pid)
{
	if (pid > 0)
		return c->pid == pid;
	if (pid == 0)
		return c->pgid == p->pgid;
	return pid == -1 || (pid != INT32_MIN && c->pgid == -pid);
}

/* [p] Has this child something to tell? Told once, unless it is only looked at. */
static bool reportable(struct proc *c, int options, struct wait_result *r)
{
	bool keep = options & WNOWAIT;

	if (c->state == PROC_ZOMBIE) {
		r->status = c->exit_status;
		return options & WEXITED;
	}
	if (c->state == PROC_STOPPED && options & WUNTRACED && !c->stop_reported) {
		r->status = c->stop_signal << 8 | 0x7f;
		c->stop_reported = !keep;
		return true;
	}
	if (c->continued && options & WCONTINUED) {
		r->status = 0xffff;
		c->continued = keep;
		return true;
	}
	return false;
}

static void usage_add(struct usage *to, const struct usage *u)
{
	to->utime_ns += u->utime_ns;
	to->stime_ns += u->stime_ns;
	to->minflt += u->minflt;
	to->majflt += u->majflt;
	to->nvcsw += u->nvcsw;
	to->nivcsw += u->nivcsw;
	to->maxrss = MAX(to->maxrss, u->maxrss);
}

static void fill_usage(struct wait_result *r, const struct proc *c)
{
	r->pid = c->pid;
	r->uid = c->cred.uid;
	r->usage = c->ended;
	usage_add(&r->usage, &c->waited);
}

/* [p] */
static void bury(struct proc *p, struct proc *c, const struct wait_result *r)
{
	usage_add(&p->waited, &r->usage);
	proc_unlink(c);
}

/* [p] A child with news, or NULL; *any: is there one to wait for at all? */
static struct proc *find_news(struct proc *p, pid_t pid, int options, struct wait_result *r, bool *any)
{
	struct proc *c;

	*any = false;
	list_for_each(c, &p->children, sibling) {
		if (!matches(c, p, pid))
			continue;
		*any = true;
		if (reportable(c, options, r))
			return c;
	}
	return NULL;
}

int64_t proc_wait(struct proc *p, pid_t pid, int options, struct wait_result *r)
{
	struct proc *c, *dead = NULL;
	int64_t result = 0;
	bool any;

	spin_lock(&proc_lock);
	while (!(c = find_news(p, pid, options, r, &any)) && !result) {
		if (!any)
			result = -ECHILD;
		else if (options & WNOHANG)
			break;
		else
			result = waitq_sleep_intr(&p->wait_children, &proc_lock);
	}
	if (c) {
		fill_usage(r, c);
		result = r->pid;
		if (c->state == PROC_ZOMBIE && !(options & WNOWAIT)) {
			bury(p, c, r);
			dead = c;
		}
	}
	spin_unlock(&proc_lock);
	if (dead)
		proc_free(dead);
	return result;
}
