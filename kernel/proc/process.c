/* SPDX-License-Identifier: ISC */
/*
 * The process table, birth (fork) of processes and threads, the first process, the end of the system.
 *
 * proc_lock guards the tree (parent, children, groups, sessions, states); the signal state of a process has
 * its own lock, taken inside proc_lock. A process is built complete before it enters the tree; there its
 * thread starts. Death is in exit.c.
 *
 * Ids of processes and threads are one set of numbers; a process's is that of its first thread, and stays
 * its own when that thread ends before others. Each thread of a process counts as one user of its descriptor
 * table: the only user of a table need not lock it.
 */
#include "arch/trap.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/futex.h"
#include "proc/proc.h"
#include "vm/frames/kmem.h"

#define PID_MAX 32768
/* Without meaning here: nobody traces, there are no semaphores to undo. */
#define CLONE_HINTS (CLONE_PTRACE | CLONE_SYSVSEM | CLONE_DETACHED | CLONE_UNTRACED | CLONE_IO)
#define CLONE_SUPPORTED                                                                  \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_VFORK | CLONE_PARENT | CLONE_SETTLS | \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_CLEAR_SIGHAND)
/* All that the threads of a process share here; a thread with less is refused. */
#define CLONE_OF_THREADS (CLONE_THREAD | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND)

struct spinlock proc_lock = SPINLOCK_INIT("processes", RANK_PROC_TREE);
struct list proc_list = LIST_INIT(proc_list);
static struct kmem_cache proc_cache;
struct proc *init_proc;
static struct waitq vfork_waitq = WAITQ_INIT(vfork_waitq);
static pid_t last_pid;
static unsigned nprocs, nthreads; /* [p] processes in the tree; threads, where a zombie counts as one */
static unsigned room_taken;	  /* [p] frames, at the least, of what is alive and of what is being born */
static struct waitq room_waitq = WAITQ_INIT(room_waitq); /* forks, until less is alive */
#define ZOMBIES_PER_PROC 3
#define ROOM_WAIT_NS	 1000000000ul

struct proc *proc_find(pid_t pid)
{
	struct proc *p;

	list_for_each(p, &proc_list, all)
		if (p->pid == pid)
			return p;
	return NULL;
}

unsigned proc_count(void)
{
	return nthreads;
}

static struct thread *thread_among(struct proc *p, pid_t tid)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		if (t->tid == tid)
			return t;
	return NULL;
}

struct thread *proc_thread(struct proc *p, pid_t tid)
{
	struct thread *t = NULL;

	if (p)
		return thread_among(p, tid);
	list_for_each(p, &proc_list, all)
		if ((t = thread_among(p, tid)))
			return t;
	return NULL;
}

const struct cred *cred_current(void)
{
	struct proc *p = thread_current()->proc;

	return p ? &p->cred : NULL;
}

bool thread_killed(void)
{
	return thread_current()->killed;
}

/* ---- accounts ---- */

void usage_add_thread(struct usage *u, const struct thread *t)
{
	uint64_t total = thread_cpu_ns(t), user = MIN(t->utime_ns, total);

	u->utime_ns += user;
	u->stime_ns += total - user;
	u->minflt += t->nminflt;
	u->majflt += t->nmajflt;
	u->nvcsw += t->nvcsw;
	u->nivcsw += t->nivcsw;
}

void proc_usage(struct proc *p, struct usage *u)
{
	struct thread *t;

	*u = p->ended;
	if (p->space)
		u->maxrss = MAX(u->maxrss, space_peak(p->space));
	list_for_each(t, &p->threads, proc_link)
		usage_add_thread(u, t);
}

void usage_leave_space(struct proc *p)
{
	if (p->space)
		p->ended.maxrss = MAX(p->ended.maxrss, space_peak(p->space));
}

/* As Linux: SIGXCPU at the soft limit and each second after, SIGKILL at the hard one. */
void proc_check_cpu(struct proc *p)
{
	struct rlimit *limit = &p->rlimits[RLIMIT_CPU];
	struct siginfo si = { .code = SI_KERNEL };
	struct usage u;
	uint64_t seconds;

	spin_lock(&proc_lock);
	proc_usage(p, &u);
	seconds = (u.utime_ns + u.stime_ns) / 1000000000;
	if (seconds >= limit->max) {
		si.signo = SIGKILL;
	} else if (seconds >= limit->cur) {
		si.signo = SIGXCPU;
		limit->cur = seconds + 1;
	}
	if (si.signo)
		signal_send(p, &si);
	spin_unlock(&proc_lock);
}

/* ---- birth ---- */

static bool pid_in_use(pid_t pid)
{
	struct proc *p;

	list_for_each(p, &proc_list, all)
		if (p->pid == pid || p->pgid == pid || p->sid == pid || thread_among(p, pid))
			return true;
	return false;
}

static pid_t new_pid(void)
{
	do {
		last_pid = last_pid + 1 < PID_MAX ? last_pid + 1 : 2;
	} while (pid_in_use(last_pid));
	return last_pid;
}

static struct proc *proc_alloc(void)
{
	struct proc *p = kmem_cache_alloc(&proc_cache);

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all);
	list_init(&p->threads);
	list_init(&p->pending.queue);
	list_init(&p->timers);
	waitq_init(&p->wait_children);
	spin_init(&p->sig_lock, "signals", RANK_SIGNAL);
	p->start_ns = time_ns();
	return p;
}

void proc_free(struct proc *p)
{
	signal_flush(p);
	kmem_cache_free(&proc_cache, p);
}

/* [p] Puts a complete process with its thread into the tree. */
static void enter_tree(struct proc *p, struct thread *t, struct proc *parent)
{
	p->pid = t->tid = new_pid();
	p->parent = parent;
	if (parent) {
		p->pgid = parent->pgid;
		p->sid = parent->sid;
		p->ctty = parent->ctty;
		list_append(&parent->children, &p->sibling);
	}
	list_append(&proc_list, &p->all);
	list_append(&p->threads, &t->proc_link);
	p->nthreads = p->nlive = 1;
	nprocs++;
	nthreads++;
	t->proc = p;
}

/* [p] */
static void add_thread(struct proc *p, struct thread *t)
{
	t->tid = new_pid();
	t->proc = p;
	spin_lock(&p->sig_lock);
	list_append(&p->threads, &t->proc_link);
	spin_unlock(&p->sig_lock);
	p->nthreads++;
	p->nlive++;
	nthreads++;
}

void proc_remove_thread(struct proc *p, struct thread *t)
{
	usage_add_thread(&p->ended, t);
	spin_lock(&p->sig_lock);
	list_remove(&t->proc_link);
	spin_unlock(&p->sig_lock);
	if (--p->nthreads > 0) { /* the last one is the process's own */
		nthreads--;
		proc_give_room(FRAMES_PER_THREAD);
	}
}

void proc_unlink(struct proc *p)
{
	list_remove(&p->all);
	list_remove(&p->sibling);
	nprocs--;
	nthreads--;
}

/* Where a forked child's thread starts. */
static void child_start(void *arg)
{
	uint64_t child_tid = (uintptr_t)arg;
	struct thread *t = thread_current();

	if (child_tid)
		put_user(child_tid, &t->tid, sizeof(t->tid));
	user_return();
}

static void copy_thread(struct thread *t, const struct clone_args *a)
{
	struct thread *me = thread_current();

	fp_save();
	t->fp = me->fp;
	*t->frame = *me->frame;
	t->frame->status &= ~(3ul << 13); /* FS off: loaded at first use */
	t->frame->a0 = 0;
	if (a->stack)
		t->frame->sp = a->stack;
	if (a->flags & CLONE_SETTLS)
		t->frame->tp = a->tls;
	if (a->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = a->child_tid;
	t->sigmask = me->sigmask;
	t->policy = me->policy;
	if (!(a->flags & CLONE_VM) || a->flags & CLONE_VFORK)
		t->altstack = me->altstack;
}

/*
 * Memory, files and directories for the child, shared or copied: 0 or -ENOMEM. proc_let_go() undoes it, also
 * a part of it.
 */
static int copy_resources(struct proc *c, struct proc *p, uint64_t flags)
{
	int err = 0;

	if (flags & CLONE_VM) {
		space_ref(p->space);
		c->space = p->space;
	} else {
		err = space_fork(p->space, &c->space);
	}
	if (err)
		return err;
	if (flags & CLONE_FILES)
		fdtable_ref(p->files);
	c->files = flags & CLONE_FILES ? p->files : fdtable_clone(p->files);
	if (flags & CLONE_FS)
		fs_context_ref(p->fs);
	c->fs = flags & CLONE_FS ? p->fs : fs_context_clone(p->fs);
	return c->files && c->fs ? 0 : -ENOMEM;
}

static void copy_identity(struct proc *c, struct proc *p)
{
	c->cred = p->cred;
	memcpy(c->rlimits, p->rlimits, sizeof(c->rlimits));
	memcpy(c->name, p->name, sizeof(c->name));
	c->oom_score_adj = p->oom_score_adj;
	c->nice = p->nice;
	c->exe = p->exe;
	c->exe_name = p->exe_name;
	if (c->exe)
		vnode_run_ref(c->exe);
	if (c->exe_name)
		name_ref(c->exe_name);
	signal_fork(c, p);
}

/* A thread that is killed waits no longer; its child must not know it any more then. */
static void vfork_wait(struct thread *t)
{
	struct proc *c;

	spin_lock(&proc_lock);
	while (t->vfork_waiting && !t->killed)
		waitq_sleep(&vfork_waitq, &proc_lock);
	if (t->vfork_waiting)
		list_for_each(c, &proc_list, all)
			if (c->vfork_parent == t)
				c->vfork_parent = NULL;
	spin_unlock(&proc_lock);
}

void proc_vfork_done(struct proc *p)
{
	spin_lock(&proc_lock);
	if (p->vfork_parent) {
		p->vfork_parent->vfork_waiting = false;
		p->vfork_parent = NULL;
		waitq_wake_all(&vfork_waitq);
	}
	spin_unlock(&proc_lock);
}

/* As much as memory has room for, were each process and thread as small as it can be: so a fork bomb cannot fill it. */
static unsigned room(void)
{
	struct vm_counts c;

	vm_count(&c);
	return MAX(c.total, 32ul * FRAMES_PER_PROC);
}

/*
 * Counts a child before it is made, when there is room for it. Without room it waits a while: those that are on their way to
 * their end may only want for the processor or for memory. A zombie, which perhaps this caller alone may bury, takes no room.
 */
static int take_room(unsigned frames)
{
	uint64_t deadline = time_ns() + ROOM_WAIT_NS;
	int err = 0;

	spin_lock(&proc_lock);
	while (room_taken + frames > room() && !err)
		err = waitq_sleep_until(&room_waitq, &proc_lock, deadline, true);
	if (!err)
		room_taken += frames;
	spin_unlock(&proc_lock);
	return err == -ETIMEDOUT ? -EAGAIN : err ? -ERESTARTNOINTR : 0;
}

void proc_give_room(unsigned frames)
{
	room_taken -= frames;
	waitq_wake_all(&room_waitq);
}

/* [p] RLIMIT_NPROC counts the threads of a user; not for root. */
static bool user_has_too_many(const struct proc *p)
{
	uint64_t limit = p->rlimits[RLIMIT_NPROC].cur, n = 0;
	struct proc *q;

	if (nthreads < limit || p->cred.uid == 0 || p->cred.euid == 0)
		return false;
	list_for_each(q, &proc_list, all)
		if (q->cred.uid == p->cred.uid)
			n += MAX(q->nthreads, 1u);
	return n >= limit;
}

/*
 * [p] May this thread have a child now? A signal comes first: one for a whole group must not miss the child.
 * The call is then made again, after the signal.
 */
static int may_clone(struct proc *p)
{
	if (user_has_too_many(p) || nprocs >= room() / FRAMES_PER_PROC * (1 + ZOMBIES_PER_PROC))
		return -EAGAIN;
	return signal_pending(thread_current()) ? -ERESTARTNOINTR : 0;
}

/* Into the tree: the child's pid, or -errno. */
static int64_t give_birth(struct proc *p, struct proc *c, struct thread *t, const struct clone_args *a)
{
	bool sibling = a->flags & CLONE_PARENT;
	struct thread *me = thread_current();
	int64_t r;

	spin_lock(&proc_lock);
	r = may_clone(p);
	if (!r && sibling && !p->parent)
		r = -EINVAL;
	if (!r)
		enter_tree(c, t, sibling ? p->parent : p);
	if (!r && a->flags & CLONE_VFORK) {
		c->vfork_parent = me;
		me->vfork_waiting = true;
	}
	spin_unlock(&proc_lock);
	return r ? r : c->pid;
}

/* The child's first steps are its own, but for what the parent's memory is to show before it runs. */
static void set_going(struct thread *t, const struct clone_args *a)
{
	if (a->flags & CLONE_PARENT_SETTID)
		put_user(a->parent_tid, &t->tid, sizeof(t->tid));
	/* A new process goes first: most exec or exit soon, and what the parent writes before that would be copied. */
	if (!(a->flags & CLONE_VM))
		thread_current()->boosted = false;
	thread_start(t, child_start, (void *)(a->flags & CLONE_CHILD_SETTID ? a->child_tid : 0));
}

static int64_t create_thread(struct proc *p, const struct clone_args *a)
{
	struct thread *t = thread_create(thread_current()->name);
	int64_t r;

	if (!t)
		return -ENOMEM;
	copy_thread(t, a);
	t->space = p->space;
	fdtable_ref(p->files);
	spin_lock(&proc_lock);
	r = may_clone(p);
	if (!r) {
		add_thread(p, t);
		r = t->tid;
	}
	spin_unlock(&proc_lock);
	if (r > 0) {
		set_going(t, a);
		return r;
	}
	fdtable_unref(p->files);
	thread_free(t);
	return r;
}

static int64_t create_process(struct proc *p, const struct clone_args *a)
{
	struct proc *c = proc_alloc();
	struct thread *t = c ? thread_create(p->name) : NULL;
	int64_t pid = t ? copy_resources(c, p, a->flags) : -ENOMEM;

	if (!pid) {
		copy_identity(c, p);
		/* For a stranger it is not the caller who chooses. */
		c->exit_signal = a->flags & CLONE_PARENT ? p->exit_signal : a->exit_signal;
		if (a->flags & CLONE_CLEAR_SIGHAND)
			signal_exec(c);
		copy_thread(t, a);
		t->space = c->space;
		pid = give_birth(p, c, t, a);
	}
	if (pid > 0) {
		set_going(t, a);
		return pid;
	}
	if (t)
		thread_free(t);
	if (c) {
		proc_let_go(c);
		proc_free(c);
	}
	return pid;
}

int64_t proc_clone(struct proc *p, const struct clone_args *a)
{
	bool of_process = a->flags & CLONE_THREAD;
	unsigned frames = of_process ? FRAMES_PER_THREAD : FRAMES_PER_PROC;
	uint64_t known = CLONE_SUPPORTED | CLONE_HINTS | (of_process ? CLONE_OF_THREADS : 0);
	int64_t pid;

	if (a->flags & ~known || (of_process && ((a->flags & CLONE_OF_THREADS) != CLONE_OF_THREADS ||
						 a->flags & (CLONE_VFORK | CLONE_CLEAR_SIGHAND))))
		return -EINVAL;
	pid = take_room(frames);
	if (pid)
		return pid;
	pid = of_process ? create_thread(p, a) : create_process(p, a);
	if (pid < 0) {
		spin_lock(&proc_lock);
		proc_give_room(frames);
		spin_unlock(&proc_lock);
	}
	if (pid > 0 && a->flags & CLONE_VFORK)
		vfork_wait(thread_current());
	return pid;
}

/* ---- the OOM killer's eyes and hand ---- */

/* [p] Bytes of the kernel's. */
static uint64_t kernel_weight(const struct proc *p)
{
	return p->nthreads * (sizeof(struct thread) + KSTACK_SIZE) +
	       (p->nqueued + p->ntimers) * sizeof(struct sigqueue) +
	       (p->files ? fdtable_weight(p->files) / p->files->refs * p->nthreads : 0);
}

bool proc_oom_info(struct space *s, struct proc_oom *o)
{
	uint64_t nbytes = 0;
	struct proc *p;

	o->pid = 0;
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		if (p->space != s || p == init_proc)
			continue;
		if (!o->pid || p->oom_score_adj < o->adj)
			o->adj = p->oom_score_adj;
		o->pid = p->pid;
		strlcpy(o->name, p->name, sizeof(o->name));
		nbytes += kernel_weight(p);
	}
	spin_unlock(&proc_lock);
	o->kernel = DIV_ROUND_UP(nbytes, PAGE_SIZE);
	return o->pid;
}

bool proc_oom_kill(struct space *s)
{
	struct siginfo si = { .signo = SIGKILL, .code = SI_KERNEL };
	struct thread *t;
	bool any = false;
	struct proc *p;

	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		if (p->space != s || p == init_proc)
			continue;
		any = true;
		list_for_each(t, &p->threads, proc_link)
			t->oom_victim = true;
		if (p->exiting) /* it lets its memory go anyway, with the reserve sooner */
			continue;
		kprintf("Out of memory: killed process %d (%s)\n", p->pid, p->name);
		signal_send(p, &si);
	}
	spin_unlock(&proc_lock);
	return any;
}

/* ---- the first process, the end ---- */

static struct {
	const char *path;
	const void *embedded;
	size_t size;
	struct exec_strings strings;
} boot_init;

static void default_limits(struct proc *p)
{
	for (unsigned i = 0; i < NRLIMITS; i++)
		p->rlimits[i] = (struct rlimit){ UINT64_MAX, UINT64_MAX };
	p->rlimits[RLIMIT_STACK].cur = 8ul << 20;
	p->rlimits[RLIMIT_CORE].cur = 0;
	p->rlimits[RLIMIT_NPROC] = (struct rlimit){ 4096, 4096 };
	p->rlimits[RLIMIT_NOFILE] = (struct rlimit){ 1024, 4096 };
	p->rlimits[RLIMIT_SIGPENDING] = (struct rlimit){ 1024, 1024 };
	p->rlimits[RLIMIT_MEMLOCK] = (struct rlimit){ 8ul << 20, 8ul << 20 };
}

/* Devices in /dev, if the root has such a directory, and descriptors 0 to 2 on the console: any program can be init. */
static void open_console(struct proc *p)
{
	struct file *f;

	fs_mount(p->fs, &p->cred, "devtmpfs", "/dev", "devtmpfs", 0, "");
	if (path_open(p->fs, &p->cred, NULL, "/dev/console", O_RDWR, 0, &f))
		return;
	for (int fd = 0; fd < 3; fd++)
		fd_install(p->files, file_ref(f), fd, false);
	file_unref(f);
}

static void init_start(void *arg __unused)
{
	struct proc *p = proc_current();
	struct vnode *v = NULL;
	int err;

	open_console(p);
	if (!boot_init.path) {
		v = memfile_create(boot_init.embedded, boot_init.size);
		if (!v || vnode_begin_run(v))
			panic("no memory for init");
	}
	err = proc_exec(p, p->fs, boot_init.path ? boot_init.path : "init", &boot_init.strings, v);
	if (err)
		panic("cannot run %s: error %d", boot_init.path ? boot_init.path : "the embedded init", -err);
	if (v)
		vnode_run_unref(v);
	exec_free(&boot_init.strings);
	user_return();
}

void proc_start_init(struct fs_context *fs, const char *path, const void *embedded, size_t embedded_size,
		     char **argv, char **envp)
{
	struct thread *t;
	struct proc *p;

	kmem_cache_init(&proc_cache, "proc", sizeof(struct proc), true); /* getppid reads without a lock */
	signal_init();
	futex_init();
	p = proc_alloc();
	t = thread_create("init");
	if (!p || !t)
		panic("no memory for the first process");
	boot_init.path = path;
	boot_init.embedded = embedded;
	boot_init.size = embedded_size;
	for (; argv[boot_init.strings.argc]; boot_init.strings.argc++)
		if (exec_add(&boot_init.strings, argv[boot_init.strings.argc]))
			panic("init's arguments are too long");
	for (; envp[boot_init.strings.envc]; boot_init.strings.envc++)
		if (exec_add(&boot_init.strings, envp[boot_init.strings.envc]))
			panic("init's environment is too long");
	default_limits(p);
	p->fs = fs;
	p->files = fdtable_create();
	if (!p->files)
		panic("no memory for the first process");
	strlcpy(p->name, "init", sizeof(p->name));
	p->exit_signal = SIGCHLD;
	spin_lock(&proc_lock);
	enter_tree(p, t, NULL);
	room_taken += FRAMES_PER_PROC;
	init_proc = p;
	spin_unlock(&proc_lock);
	thread_start(t, init_start, NULL);
}

/* Once: a second caller only waits for the end that the first one brings. */
static void shut_down_files(void)
{
	static bool begun;

	while (__atomic_exchange_n(&begun, true, __ATOMIC_ACQUIRE))
		thread_sleep_ns(1000000000);
	fs_shutdown();
	port_drain();
}

void system_shutdown(int status)
{
	uint64_t up, idle = 0;

	kprintf("shutting down, status %d\n", status);
	shut_down_files();
	up = time_ns();
	for (unsigned i = 0; i < nharts; i++)
		idle += sched_idle_ns(&harts[i]);
	kprintf("up %lu us, harts idle for %lu us\n", up / 1000, idle / 1000);
	machine_exit(status);
}

void system_reboot(void)
{
	kprintf("starting again\n");
	shut_down_files();
	machine_reboot();
}
