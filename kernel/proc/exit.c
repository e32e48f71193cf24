/* SPDX-License-Identifier: ISC */
/*
 * The end of processes, and waiting for children.
 *
 * A process that ends lets go of memory and files first, with no lock held; then, in one step under
 * proc_lock, it hands its children to init, becomes a zombie and tells its parent. From then on only a
 * waiting parent (or, if the parent does not want to know, the process itself) frees the struct. The thread
 * goes the rest of its way without a process; the scheduler frees it.
 *
 * `exiting` is set first of all: such a process gets no signals any more, so that what it has to do at the
 * end, deleting the blocks of an unlinked file for instance, is not cut short by SIGKILL.
 */
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/string.h"
#include "proc/proc.h"

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
	if (files)
		fdtable_unref(files);
	if (fs)
		fs_context_unref(fs);
	if (exe_name)
		name_unref(exe_name);
	if (exe)
		vnode_unref(exe);
}

static void leave_memory(struct proc *p, struct thread *t)
{
	uint32_t zero = 0;

	if (t->clear_child_tid && __atomic_load_n(&p->space->refs, __ATOMIC_RELAXED) > 1)
		put_user(t->clear_child_tid, &zero, sizeof(zero));
	thread_set_space(NULL);
}

static void take_accounts(struct proc *p, const struct thread *t)
{
	p->utime_ns += t->utime_ns;
	p->stime_ns += thread_cpu_ns(t) - t->utime_ns;
	p->minflt += t->nminflt;
	p->majflt += t->nmajflt;
}

static void begin_exit(struct proc *p)
{
	spin_lock(&proc_lock);
	p->exiting = true;
	spin_unlock(&proc_lock);
	signal_flush(p);
	p->alarm_interval_ns = 0;
	timer_cancel(&p->alarm);
}

void proc_exit(int status)
{
	struct thread *t = thread_current();
	struct list unwanted = LIST_INIT(unwanted), *l;
	struct proc *p = t->proc;

	if (p == init_proc)
		system_shutdown(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
	begin_exit(p);
	if (p->ctty && p->pid == p->sid)
		tty_session_end(p->ctty, p->sid);
	leave_memory(p, t);
	proc_let_go(p);
	proc_vfork_done(p);

	spin_lock(&proc_lock);
	take_accounts(p, t);
	list_remove(&t->proc_link);
	p->nthreads = 0;
	t->proc = NULL;
	orphan_children(p, &unwanted);
	if (p->parent && p->parent->pgid != p->pgid && p->parent->sid == p->sid)
		hang_up_orphans(p->pgid, p);
	p->exit_status = status;
	p->state = PROC_ZOMBIE;
	proc_give_room();
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

static void fill_usage(struct wait_result *r, const struct proc *c)
{
	r->pid = c->pid;
	r->uid = c->cred.uid;
	r->utime_ns = c->utime_ns + c->cutime_ns;
	r->stime_ns = c->stime_ns + c->cstime_ns;
	r->minflt = c->minflt + c->cminflt;
	r->majflt = c->majflt + c->cmajflt;
}

/* [p] */
static void bury(struct proc *p, struct proc *c, const struct wait_result *r)
{
	p->cutime_ns += r->utime_ns;
	p->cstime_ns += r->stime_ns;
	p->cminflt += r->minflt;
	p->cmajflt += r->majflt;
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
