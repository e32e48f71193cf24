/* SPDX-License-Identifier: ISC */
/*
 * The process table: birth (fork), death, and waiting for children.
 *
 * proc_lock guards the tree (parent, children, groups, sessions, states); the signal state of a process has its own lock, taken inside
 * proc_lock. A process that ends lets go of memory and files first, with no lock held; then, in one step under proc_lock, it hands its
 * children to init, becomes a zombie and tells its parent. From then on only a waiting parent (or, if the parent does not want to
 * know, the process itself) frees the struct. The thread goes on for the rest of its way without a process.
 */
#include "arch/trap.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/kmem.h"

#define PID_MAX 32768

struct spinlock proc_lock = SPINLOCK_INIT("processes", RANK_PROC_TREE);
struct list proc_list = LIST_INIT(proc_list);
static struct kmem_cache proc_cache;
static struct proc *init_proc;
static struct waitq vfork_waitq = WAITQ_INIT(vfork_waitq);
static pid_t last_pid;
static unsigned nprocs;

struct proc *proc_current(void)
{
	return thread_current()->proc;
}

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
	return nprocs;
}

struct thread *proc_thread(struct proc *p)
{
	return list_empty(&p->threads) ? NULL : list_first(&p->threads, struct thread, proc_link);
}

bool thread_killed(void)
{
	struct proc *p = thread_current()->proc;

	return p && (p->pending & SIGBIT(SIGKILL));
}

/* ---- birth ---- */

static bool pid_in_use(pid_t pid)
{
	struct proc *p;

	list_for_each(p, &proc_list, all)
		if (p->pid == pid || p->pgid == pid || p->sid == pid)
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
	list_init(&p->queue);
	waitq_init(&p->wait_children);
	spin_init(&p->sig_lock, "signals", RANK_SIGNAL);
	p->start_ns = time_ns();
	return p;
}

static void proc_free(struct proc *p)
{
	signal_flush(p);
	kmem_cache_free(&proc_cache, p);
}

/* Puts a finished process with its thread into the tree. */
static void enter_tree(struct proc *p, struct thread *t, struct proc *parent)
{
	spin_lock(&proc_lock);
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
	p->nthreads = 1;
	nprocs++;
	t->proc = p;
	spin_unlock(&proc_lock);
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
	if (!(a->flags & CLONE_VM) || a->flags & CLONE_VFORK)
		t->altstack = me->altstack;
}

/* Memory, files and directories for the child, shared or copied; 0 or -ENOMEM with nothing kept. */
static int copy_resources(struct proc *c, struct proc *p, uint64_t flags)
{
	int err = 0;

	if (flags & CLONE_VM) {
		space_ref(p->space);
		c->space = p->space;
	} else {
		err = space_fork(p->space, &c->space);
		if (err)
			return err;
	}
	if (flags & CLONE_FILES)
		fdtable_ref(p->files);
	c->files = flags & CLONE_FILES ? p->files : fdtable_clone(p->files);
	if (flags & CLONE_FS)
		fs_context_ref(p->fs);
	c->fs = flags & CLONE_FS ? p->fs : fs_context_clone(p->fs);
	if (c->files && c->fs)
		return 0;
	if (c->files)
		fdtable_unref(c->files);
	if (c->fs)
		fs_context_unref(c->fs);
	space_unref(c->space);
	return -ENOMEM;
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
		vnode_ref(c->exe);
	if (c->exe_name)
		name_ref(c->exe_name);
	signal_fork(c, p);
}

/* The parent of a vfork goes on when the child has a space of its own or none. */
static void vfork_wait(struct proc *p, pid_t pid)
{
	struct proc *c;

	spin_lock(&proc_lock);
	while ((c = proc_find(pid)) && c->parent == p && !c->vfork_done && !thread_killed())
		waitq_sleep(&vfork_waitq, &proc_lock);
	spin_unlock(&proc_lock);
}

void proc_vfork_done(struct proc *p)
{
	spin_lock(&proc_lock);
	p->vfork_done = true;
	waitq_wake_all(&vfork_waitq);
	spin_unlock(&proc_lock);
}

int64_t proc_clone(struct proc *p, const struct clone_args *a)
{
	struct thread *t;
	struct proc *c;
	pid_t pid;
	int err = -EAGAIN;

	if (a->flags & CLONE_THREAD)
		return -ENOSYS;
	if (a->flags & CLONE_SIGHAND)
		return -EINVAL; /* goes with threads only here */
	if (nprocs >= p->rlimits[6].cur)
		return -EAGAIN;
	c = proc_alloc();
	t = c ? thread_create(p->name) : NULL;
	if (!t)
		goto fail;
	err = copy_resources(c, p, a->flags);
	if (err)
		goto fail;
	copy_identity(c, p);
	c->exit_signal = a->exit_signal;
	copy_thread(t, a);
	t->space = c->space;
	enter_tree(c, t, a->flags & CLONE_PARENT && p->parent ? p->parent : p);
	pid = c->pid;
	if (a->flags & CLONE_PARENT_SETTID)
		put_user(a->parent_tid, &pid, sizeof(pid));
	thread_start(t, child_start, (void *)(a->flags & CLONE_CHILD_SETTID ? a->child_tid : 0));
	if (a->flags & CLONE_VFORK)
		vfork_wait(p, pid);
	return pid;
fail:
	if (t)
		thread_free(t);
	if (c)
		proc_free(c);
	return err;
}

/* ---- death ---- */

static bool wants_no_children(struct proc *parent)
{
	const struct sigaction_k *sa = &parent->actions[SIGCHLD - 1];

	return sa->handler == SIG_IGN || sa->flags & SA_NOCLDWAIT;
}

/* [p] SIGCHLD or whatever the parent asked for, with what happened. */
static void tell_parent(struct proc *p, int code, int status)
{
	struct siginfo si = { .signo = p->exit_signal, .code = code, .pid = p->pid, .uid = p->cred.uid, .status = status };

	if (!p->parent)
		return;
	if (code >= 4) /* stopped or continued: always SIGCHLD */
		si.signo = SIGCHLD;
	if (si.signo)
		signal_send(p->parent, &si);
	waitq_wake_all(&p->parent->wait_children);
}

void proc_tell_parent(struct proc *p, int code, int status)
{
	tell_parent(p, code, status);
}

/* [p] The children go to init; those that are dead already are its business now. */
static void orphan_children(struct proc *p)
{
	struct list *l;

	while ((l = list_pop(&p->children))) {
		struct proc *c = list_entry(l, struct proc, sibling);

		c->parent = init_proc;
		c->exit_signal = SIGCHLD;
		list_append(&init_proc->children, &c->sibling);
		if (c->state == PROC_ZOMBIE)
			tell_parent(c, 1, c->exit_status >> 8);
	}
}

static void release_resources(struct proc *p, struct thread *t)
{
	struct space *s = p->space;
	uint32_t zero = 0;

	if (t->clear_child_tid && s && __atomic_load_n(&s->refs, __ATOMIC_RELAXED) > 1)
		put_user(t->clear_child_tid, &zero, sizeof(zero));
	timer_cancel(&p->alarm);
	fdtable_unref(p->files);
	spin_lock(&proc_lock); /* /proc may be looking */
	p->files = NULL;
	p->space = NULL;
	spin_unlock(&proc_lock);
	thread_set_space(NULL);
	space_unref(s);
	fs_context_unref(p->fs);
	p->fs = NULL;
	proc_vfork_done(p);
	if (p->exe_name)
		name_unref(p->exe_name);
	p->exe_name = NULL;
	if (p->exe)
		vnode_unref(p->exe);
	p->exe = NULL;
}

static void take_accounts(struct proc *p, struct thread *t)
{
	p->utime_ns += t->utime_ns;
	p->stime_ns += thread_cpu_ns(t) - t->utime_ns;
	p->minflt += t->nminflt;
	p->majflt += t->nmajflt;
}

/* [p] Out of the tree; the caller frees it. */
static void leave_tree(struct proc *p)
{
	list_remove(&p->all);
	list_remove(&p->sibling);
	nprocs--;
}

static int exit_code(int status)
{
	return status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
}

void proc_exit(int status)
{
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	bool alone;

	spin_lock(&proc_lock);
	p->exiting = true;
	spin_unlock(&proc_lock);
	if (p == init_proc)
		system_shutdown(exit_code(status));
	if (p->ctty && p->pid == p->sid)
		tty_session_end(p->ctty, p->sid);
	release_resources(p, t);

	spin_lock(&proc_lock);
	take_accounts(p, t);
	list_remove(&t->proc_link);
	p->nthreads = 0;
	t->proc = NULL;
	orphan_children(p);
	p->exit_status = status;
	p->state = PROC_ZOMBIE;
	alone = !p->parent || wants_no_children(p->parent);
	tell_parent(p, status & 0x7f ? 2 : 1, status & 0x7f ? status & 0x7f : status >> 8);
	if (alone)
		leave_tree(p);
	spin_unlock(&proc_lock);
	if (alone)
		proc_free(p);
	thread_exit();
}

/* ---- waiting ---- */

static bool matches(const struct proc *c, const struct proc *p, pid_t pid)
{
	if (pid > 0)
		return c->pid == pid;
	if (pid == 0)
		return c->pgid == p->pgid;
	return pid == -1 || c->pgid == -pid;
}

/* [p] Has this child something to tell? */
static bool reportable(struct proc *c, int options, struct wait_result *r)
{
	if (c->state == PROC_ZOMBIE && options & WEXITED) {
		r->status = c->exit_status;
		return true;
	}
	if (c->state == PROC_STOPPED && options & WUNTRACED && !c->stop_reported) {
		r->status = c->stop_signal << 8 | 0x7f;
		if (!(options & WNOWAIT))
			c->stop_reported = true;
		return true;
	}
	if (c->continued && options & WCONTINUED) {
		r->status = 0xffff;
		if (!(options & WNOWAIT))
			c->continued = false;
		return true;
	}
	return false;
}

static void fill_usage(struct wait_result *r, const struct proc *c)
{
	r->pid = c->pid;
	r->utime_ns = c->utime_ns + c->cutime_ns;
	r->stime_ns = c->stime_ns + c->cstime_ns;
	r->minflt = c->minflt + c->cminflt;
	r->majflt = c->majflt + c->cmajflt;
}

static void reap(struct proc *p, struct proc *c, const struct wait_result *r)
{
	p->cutime_ns += r->utime_ns;
	p->cstime_ns += r->stime_ns;
	p->cminflt += r->minflt;
	p->cmajflt += r->majflt;
	leave_tree(c);
}

int64_t proc_wait(struct proc *p, pid_t pid, int options, struct wait_result *r)
{
	struct proc *c, *dead = NULL;
	bool any;
	int err;

	spin_lock(&proc_lock);
	for (;;) {
		any = false;
		list_for_each(c, &p->children, sibling) {
			if (!matches(c, p, pid))
				continue;
			any = true;
			if (reportable(c, options, r))
				goto found;
		}
		err = !any ? -ECHILD : 0;
		if (err || options & WNOHANG)
			break;
		err = waitq_sleep_intr(&p->wait_children, &proc_lock);
		if (err)
			break;
	}
	spin_unlock(&proc_lock);
	return err;
found:
	fill_usage(r, c);
	if (c->state == PROC_ZOMBIE && !(options & WNOWAIT)) {
		reap(p, c, r);
		dead = c;
	}
	spin_unlock(&proc_lock);
	if (dead)
		proc_free(dead);
	return r->pid;
}

/* ---- the OOM killer's hand ---- */

bool proc_oom_kill(struct space *s)
{
	struct siginfo si = { .signo = SIGKILL, .code = SI_KERNEL };
	struct thread *t;
	bool any = false;
	struct proc *p;

	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		if (p->space != s || p == init_proc || p->exiting)
			continue;
		any = true;
		kprintf("Out of memory: killed process %d (%s)\n", p->pid, p->name);
		list_for_each(t, &p->threads, proc_link)
			t->oom_victim = true;
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
	p->rlimits[3].cur = 8ul << 20;				/* STACK */
	p->rlimits[4].cur = 0;					/* CORE */
	p->rlimits[6] = (struct rlimit){ 4096, 4096 };		/* NPROC */
	p->rlimits[7] = (struct rlimit){ 1024, 4096 };		/* NOFILE */
	p->rlimits[8] = (struct rlimit){ 8ul << 20, 8ul << 20 }; /* MEMLOCK */
}

/* Descriptors 0 to 2 on the console, if the root has one already; init opens its own otherwise. */
static void open_console(struct proc *p)
{
	struct file *f;

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
		if (!v)
			panic("no memory for init");
	}
	err = proc_exec(p, p->fs, boot_init.path ? boot_init.path : "init", &boot_init.strings, v);
	if (err)
		panic("cannot run %s: error %d", boot_init.path ? boot_init.path : "the embedded init", -err);
	if (v)
		vnode_unref(v);
	exec_free(&boot_init.strings);
	user_return();
}

void proc_start_init(struct fs_context *fs, const char *path, const void *embedded, size_t embedded_size, char **argv, char **envp)
{
	struct thread *t;
	struct proc *p;

	kmem_cache_init(&proc_cache, "proc", sizeof(struct proc), false);
	signal_init();
	p = proc_alloc();
	t = thread_create("init");
	if (!p || !t)
		panic("no memory for the first process");
	boot_init.path = path;
	boot_init.embedded = embedded;
	boot_init.size = embedded_size;
	for (unsigned i = 0; argv[i]; i++)
		if (exec_add(&boot_init.strings, argv[i]))
			panic("init's arguments are too long");
	boot_init.strings.argc = boot_init.strings.envc;
	boot_init.strings.envc = 0;
	for (unsigned i = 0; envp[i]; i++)
		if (exec_add(&boot_init.strings, envp[i]))
			panic("init's environment is too long");
	default_limits(p);
	p->fs = fs;
	p->files = fdtable_create();
	if (!p->files)
		panic("no memory for the first process");
	strlcpy(p->name, "init", sizeof(p->name));
	p->exit_signal = SIGCHLD;
	enter_tree(p, t, NULL);
	p->pgid = p->sid = 0;
	init_proc = p;
	thread_start(t, init_start, NULL);
}

void system_shutdown(int status)
{
	kprintf("shutting down, status %d\n", status);
	fs_shutdown();
	port_drain();
	machine_exit(status);
}
