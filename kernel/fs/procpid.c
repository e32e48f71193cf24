/* SPDX-License-Identifier: ISC */
/*
 * /proc/PID. What is wanted of a process is copied, or referenced, under proc_lock; the text is made
 * afterwards, when the process may have changed or gone: then what is left of it, or ESRCH.
 */
#include "arch/cpu.h"
#include "dev/tty.h"
#include "fs/internal.h"
#include "fs/procfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/vm.h"

#define TICK	 10000000ul /* ns in 1/100 s, the unit of times here */
#define ARGS_MAX (256ul << 10)

/* ---- references ---- */

struct space *space_of(pid_t pid)
{
	struct space *s = NULL;
	struct proc *p;

	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p && p->space) {
		s = p->space;
		space_ref(s);
	}
	spin_unlock(&proc_lock);
	return s;
}

static struct fdtable *files_of(pid_t pid)
{
	struct fdtable *t = NULL;
	struct proc *p;

	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p && p->files) {
		t = p->files;
		fdtable_ref(t);
	}
	spin_unlock(&proc_lock);
	return t;
}

static struct fs_context *fs_of(pid_t pid)
{
	struct fs_context *c = NULL;
	struct proc *p;

	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p && p->fs) {
		c = p->fs;
		fs_context_ref(c);
	}
	spin_unlock(&proc_lock);
	return c;
}

pid_t next_pid(pid_t pid)
{
	pid_t best = 0;
	struct proc *p;

	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		if (p->pid > pid && (!best || p->pid < best))
			best = p->pid;
	spin_unlock(&proc_lock);
	return best;
}

bool pid_owner(pid_t pid, uint32_t *uid, uint32_t *gid)
{
	struct proc *p;

	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p) {
		*uid = p->cred.euid;
		*gid = p->cred.egid;
	}
	spin_unlock(&proc_lock);
	return p != NULL;
}

/* ---- links ---- */

static int follow_place(pid_t pid, bool root, struct name **out)
{
	struct fs_context *c = fs_of(pid);

	if (!c)
		return -ESRCH;
	spin_lock(&c->lock);
	*out = name_ref(root ? c->root : c->cwd);
	spin_unlock(&c->lock);
	fs_context_unref(c);
	return 0;
}

int follow_cwd(pid_t pid, struct name **out)
{
	return follow_place(pid, false, out);
}

int follow_root(pid_t pid, struct name **out)
{
	return follow_place(pid, true, out);
}

/* A name for a vnode that has none; takes over its reference. */
static int name_unnamed(struct vnode *v, const char *shown, struct name **out)
{
	*out = name_anonymous(v, shown);
	if (*out)
		return 0;
	vnode_unref(v);
	return -ENOMEM;
}

int follow_exe(pid_t pid, struct name **out)
{
	struct vnode *v = NULL;
	struct proc *p;

	*out = NULL;
	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p && p->exe_name) {
		*out = name_ref(p->exe_name);
	} else if (p && p->exe) {
		v = p->exe;
		vnode_ref(v);
	}
	spin_unlock(&proc_lock);
	if (*out)
		return 0;
	return v ? name_unnamed(v, "/init (in the kernel)", out) : p ? -ENOENT : -ESRCH;
}

int next_fd(pid_t pid, unsigned fd)
{
	struct fdtable *t = files_of(pid);
	int found = -1;

	if (!t)
		return -1;
	spin_lock(&t->lock);
	for (; fd < t->size && found < 0; fd++)
		if (t->files[fd])
			found = fd;
	spin_unlock(&t->lock);
	fdtable_unref(t);
	return found;
}

int follow_fd(pid_t pid, unsigned fd, struct name **out)
{
	struct fdtable *t = files_of(pid);
	struct file *f = t ? fd_get(t, fd) : NULL;
	char shown[40];
	int r = 0;

	if (t)
		fdtable_unref(t);
	if (!f)
		return -ENOENT;
	if (f->name) {
		*out = name_ref(f->name);
	} else {
		ksnprintf(shown, sizeof(shown), S_ISFIFO(f->vnode->mode) ? "pipe:[%lu]" : "anon:[%lu]",
			  f->vnode->ino);
		vnode_ref(f->vnode);
		r = name_unnamed(f->vnode, shown, out);
	}
	file_unref(f);
	return r;
}

/* ---- memory ---- */

int show_pid_vmprint(struct text *t __unused, pid_t pid)
{
	struct space *s = space_of(pid);

	if (!s)
		return -ESRCH;
	kprintf("process %d:\n", pid);
	vm_print(s);
	space_unref(s);
	return 0;
}

/* A range of the process's memory as it is now. */
static int put_memory(struct text *t, pid_t pid, bool environment)
{
	struct space *s = space_of(pid);
	struct page *p = page_alloc_kernel();
	uint64_t at, end;
	size_t n = 1;

	if (s && p) {
		at = environment ? s->env_start : s->arg_start;
		end = environment ? s->env_end : s->arg_end;
		end = MIN(end, at + ARGS_MAX);
		for (; at < end && n; at += n) {
			n = vm_access(s, at, page_data(p), MIN(end - at, PAGE_SIZE), false);
			text_bytes(t, page_data(p), n);
		}
	}
	if (p)
		page_free(p);
	if (s)
		space_unref(s);
	return p ? 0 : -ENOMEM;
}

int show_pid_cmdline(struct text *t, pid_t pid)
{
	return put_memory(t, pid, false);
}

int show_pid_environ(struct text *t, pid_t pid)
{
	return put_memory(t, pid, true);
}

/* ---- what proc_lock guards ---- */

struct snapshot {
	char name[16], state;
	pid_t pid, ppid, pgid, sid;
	uint64_t tty;	/* its device number, or 0 */
	int foreground; /* process group of the terminal */
	int nice, exit_signal, exit_status, oom_score_adj;
	unsigned nthreads;
	struct usage usage, waited;
	uint64_t start_ns;
	uint64_t pending, thread_pending, blocked, ignored, caught;
	struct cred cred;
	struct rlimit rlimits[NRLIMITS];
	uint32_t umask, nfds;
};

static void take_threads(struct snapshot *s, struct proc *p)
{
	struct thread *t;

	proc_usage(p, &s->usage);
	list_for_each(t, &p->threads, proc_link) {
		if (t->tid == p->pid) {
			s->blocked = t->sigmask;
			s->thread_pending = t->pending.set;
		}
		if (t->state == THREAD_RUNNING || t->state == THREAD_RUNNABLE)
			s->state = 'R';
	}
}

static int take(pid_t pid, struct snapshot *s)
{
	struct proc *p;

	memset(s, 0, sizeof(*s));
	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (!p) {
		spin_unlock(&proc_lock);
		return -ESRCH;
	}
	memcpy(s->name, p->name, sizeof(s->name));
	s->name[15] = '\0';
	s->pid = p->pid;
	s->ppid = p->parent ? p->parent->pid : 0;
	s->pgid = p->pgid;
	s->sid = p->sid;
	s->tty = p->ctty ? p->ctty->rdev : 0;
	s->foreground = p->ctty ? p->ctty->pgrp : -1;
	s->nice = p->nice;
	s->exit_signal = p->exit_signal;
	s->exit_status = p->exit_status;
	s->oom_score_adj = p->oom_score_adj;
	s->nthreads = p->nthreads;
	s->start_ns = p->start_ns;
	s->pending = p->pending.set;
	s->waited = p->waited;
	s->cred = p->cred;
	memcpy(s->rlimits, p->rlimits, sizeof(s->rlimits));
	s->umask = p->fs ? p->fs->umask : 0;
	s->nfds = p->files ? p->files->size : 0;
	for (unsigned i = 0; i < NSIG; i++) {
		if (p->actions[i].handler == SIG_IGN)
			s->ignored |= 1ul << i;
		else if (p->actions[i].handler != SIG_DFL)
			s->caught |= 1ul << i;
	}
	s->state = 'S';
	take_threads(s, p);
	if (p->state == PROC_STOPPED)
		s->state = 'T';
	else if (p->state == PROC_ZOMBIE)
		s->state = 'Z';
	spin_unlock(&proc_lock);
	return 0;
}

/* proc(5): the 52 fields. Addresses, which Linux shows to few, are 0. */
int show_pid_stat(struct text *t, pid_t pid)
{
	struct space_counts c;
	struct snapshot s;
	int r = take(pid, &s);

	if (r)
		return r;
	counts_of(pid, &c);
	text_printf(t, "%d (%s) %c %d %d %d %d %d 0 %lu %lu %lu %lu ", s.pid, s.name, s.state, s.ppid, s.pgid,
		    s.sid, (int)s.tty, s.foreground, s.usage.minflt, s.waited.minflt, s.usage.majflt,
		    s.waited.majflt);
	text_printf(t, "%lu %lu %lu %lu %d %d %u 0 %lu %lu %lu %lu ", s.usage.utime_ns / TICK,
		    s.usage.stime_ns / TICK, s.waited.utime_ns / TICK, s.waited.stime_ns / TICK, 20 + s.nice,
		    s.nice, s.nthreads, s.start_ns / TICK, c.size * PAGE_SIZE, c.resident, s.rlimits[5].cur);
	text_printf(t, "0 0 0 0 0 %lu %lu %lu %lu 0 0 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 %d\n", s.pending,
		    s.blocked, s.ignored, s.caught, s.exit_signal, s.state == 'Z' ? s.exit_status : 0);
	return 0;
}

static void put_memory_lines(struct text *t, const struct space_counts *c)
{
	static const char *const names[] = { "VmPeak",	"VmSize", "VmLck", "VmHWM", "VmRSS", "RssAnon",
					     "RssFile", "VmData", "VmStk", "VmExe", "VmPTE", "VmSwap" };
	const uint64_t pages[] = { MAX(c->peak, c->size),
				   c->size,
				   c->locked,
				   c->peak_resident,
				   c->resident,
				   c->resident - c->shared,
				   c->shared,
				   c->data,
				   c->stack,
				   c->text,
				   c->tables,
				   c->swap };

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		text_printf(t, "%s:\t%8lu kB\n", names[i], pages[i] * (PAGE_SIZE / 1024));
}

int show_pid_status(struct text *t, pid_t pid)
{
	static const char letters[] = "RSTZ";
	static const char *const words[] = { "running", "sleeping", "stopped", "zombie" };
	struct space_counts c;
	struct snapshot s;
	int r = take(pid, &s);

	if (r)
		return r;
	text_printf(t,
		    "Name:\t%s\nUmask:\t%04o\nState:\t%c "
		    "(%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		    s.name, s.umask, s.state, words[strchr(letters, s.state) - letters], s.pid, s.pid,
		    s.ppid);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t", s.cred.uid,
		    s.cred.euid, s.cred.suid, s.cred.euid, s.cred.gid, s.cred.egid, s.cred.sgid, s.cred.egid,
		    s.nfds);
	for (unsigned i = 0; i < s.cred.ngroups; i++)
		text_printf(t, "%u ", s.cred.groups[i]);
	text_printf(t, "\n");
	if (counts_of(pid, &c))
		put_memory_lines(t, &c);
	text_printf(t,
		    "Threads:\t%u\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%"
		    "016lx\nSigCgt:\t%016lx\n",
		    s.nthreads, s.thread_pending, s.pending, s.blocked, s.ignored, s.caught);
	text_printf(t, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", s.usage.nvcsw,
		    s.usage.nivcsw);
	return 0;
}

static void put_limit(struct text *t, uint64_t n)
{
	if (n == UINT64_MAX)
		text_printf(t, "%-20s ", "unlimited");
	else
		text_printf(t, "%-20lu ", n);
}

int show_pid_limits(struct text *t, pid_t pid)
{
	static const struct {
		const char *name, *unit;
	} limits[NRLIMITS] = {
		{ "Max cpu time", "seconds" },	   { "Max file size", "bytes" },
		{ "Max data size", "bytes" },	   { "Max stack size", "bytes" },
		{ "Max core file size", "bytes" }, { "Max resident set", "bytes" },
		{ "Max processes", "processes" },  { "Max open files", "files" },
		{ "Max locked memory", "bytes" },  { "Max address space", "bytes" },
		{ "Max file locks", "locks" },	   { "Max pending signals", "signals" },
		{ "Max msgqueue size", "bytes" },  { "Max nice priority", "" },
		{ "Max realtime priority", "" },   { "Max realtime timeout", "us" },
	};
	struct snapshot s;
	int r = take(pid, &s);

	if (r)
		return r;
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < NRLIMITS; i++) {
		text_printf(t, "%-25s ", limits[i].name);
		put_limit(t, s.rlimits[i].cur);
		put_limit(t, s.rlimits[i].max);
		text_printf(t, "%-10s\n", limits[i].unit);
	}
	return 0;
}

/* ---- what can be changed ---- */

int show_pid_comm(struct text *t, pid_t pid)
{
	struct snapshot s;
	int r = take(pid, &s);

	if (!r)
		text_printf(t, "%s\n", s.name);
	return r;
}

int show_pid_oom_adj(struct text *t, pid_t pid)
{
	struct snapshot s;
	int r = take(pid, &s);

	if (!r)
		text_printf(t, "%d\n", s.oom_score_adj);
	return r;
}

/* A process may name itself only. */
int store_pid_comm(const char *s, pid_t pid)
{
	struct proc *p;

	if (thread_current()->proc->pid != pid)
		return -EINVAL;
	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (p)
		strlcpy(p->name, s, sizeof(p->name));
	spin_unlock(&proc_lock);
	return p ? 0 : -ESRCH;
}

int store_pid_oom_adj(const char *s, pid_t pid)
{
	bool minus = *s == '-';
	const char *digits = s + minus, *end;
	uint64_t n = strtou64(digits, &end, 10);
	bool root = thread_current()->proc->cred.euid == 0;
	int adj = minus ? -(int)n : (int)n, r = 0;
	struct proc *p;

	if (end == digits || *end || n > 1000)
		return -EINVAL;
	spin_lock(&proc_lock);
	p = proc_find(pid);
	if (!p)
		r = -ESRCH;
	else if (adj < p->oom_score_adj && !root)
		r = -EACCES;
	else
		p->oom_score_adj = adj;
	spin_unlock(&proc_lock);
	return r;
}
