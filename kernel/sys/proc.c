/* SPDX-License-Identifier: ISC */
/* System calls about processes: birth and death, identity, groups and sessions. */
#include "arch/trap.h"
#include "arch/user.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "sys/sys.h"
#include "sys/usage.h"

/* ---- birth, death ---- */

/* What Linux refuses whoever asks for it: the parts of a process are shared in this order. */
static bool sensible(const struct clone_args *c)
{
	return !(c->flags & CLONE_THREAD && !(c->flags & CLONE_SIGHAND)) &&
	       !(c->flags & CLONE_SIGHAND && !(c->flags & CLONE_VM)) &&
	       !(c->flags & CLONE_SIGHAND && c->flags & CLONE_CLEAR_SIGHAND);
}

int64_t clone_saved(const uint64_t *a)
{
	struct clone_args args = { .flags = a[0] & 0xffffff00ul,
				   .exit_signal = a[0] & 0xff,
				   .stack = a[1],
				   .parent_tid = a[2],
				   .tls = a[3],
				   .child_tid = a[4] };

	if (args.exit_signal > NSIG || !sensible(&args))
		return -EINVAL;
	return proc_clone(proc_current(), &args);
}

/* Bytes of a program's structure beyond what is known here must be zero: 0, -E2BIG, -EFAULT. */
static int check_tail(uint64_t uaddr, uint64_t n)
{
	uint64_t word;

	for (; n > 0; n -= MIN(n, sizeof(word)), uaddr += sizeof(word)) {
		word = 0;
		if (get_user(&word, uaddr, MIN(n, sizeof(word))))
			return -EFAULT;
		if (word)
			return -E2BIG;
	}
	return 0;
}

int64_t clone3_saved(const uint64_t *a)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
			set_tid_size, cgroup;
	} u = { 0 };
	struct clone_args args;
	int err = 0;

	if (a[1] < 64)
		return -EINVAL;
	if (a[1] > PAGE_SIZE)
		return -E2BIG;
	if (a[1] > sizeof(u))
		err = check_tail(a[0] + sizeof(u), a[1] - sizeof(u));
	if (err)
		return err;
	if (get_user(&u, a[0], MIN(a[1], sizeof(u))))
		return -EFAULT;
	/* ids of one's own choice, and groups of resources, are not there */
	if (u.set_tid || u.set_tid_size || u.flags & 0xff || u.flags & CLONE_DETACHED ||
	    u.exit_signal > NSIG || (u.flags & (CLONE_THREAD | CLONE_PARENT) && u.exit_signal) ||
	    !u.stack != !u.stack_size || u.stack_size > USER_TOP || u.stack > USER_TOP - u.stack_size)
		return -EINVAL;
	args = (struct clone_args){ .flags = u.flags,
				    .stack = u.stack + u.stack_size,
				    .parent_tid = u.parent_tid,
				    .child_tid = u.child_tid,
				    .tls = u.tls,
				    .exit_signal = u.exit_signal };
	return sensible(&args) ? proc_clone(proc_current(), &args) : -EINVAL;
}

/* The strings of a NULL-terminated vector of the program; *n counts them. */
static int gather(struct exec_strings *s, uint64_t uvec, unsigned *n)
{
	uint64_t ptr;
	int err = 0;

	for (*n = 0; uvec && !err; uvec += sizeof(ptr)) {
		if (get_user(&ptr, uvec, sizeof(ptr)))
			return -EFAULT;
		if (!ptr)
			break;
		err = exec_add_user(s, ptr);
		*n += 1;
	}
	return err;
}

static int64_t execve(const uint64_t *a, char *path, struct exec_strings *s)
{
	struct proc *p = proc_current();
	int64_t n = user_copy_string(path, a[0], PAGE_SIZE);
	int err;

	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	err = gather(s, a[1], &s->argc);
	if (!err && s->argc == 0) { /* as Linux: no program gets an empty argv */
		err = exec_add(s, "");
		s->argc = 1;
	}
	if (!err)
		err = gather(s, a[2], &s->envc);
	return err ? err : proc_exec(p, p->fs, path, s, NULL);
}

int64_t sys_execve(const uint64_t *a)
{
	struct exec_strings s = { 0 };
	struct page *page; /* PATH_MAX is as large */
	int64_t r;

	while (!(page = page_alloc_kernel()))
		if (page_wait_memory())
			return -ENOMEM;
	r = execve(a, page_data(page), &s);
	exec_free(&s);
	page_free(page);
	return r;
}

int64_t sys_exit(const uint64_t *a)
{
	proc_exit_thread((a[0] & 0xff) << 8);
}

int64_t sys_exit_group(const uint64_t *a)
{
	proc_exit((a[0] & 0xff) << 8);
}

int64_t sys_wait4(const uint64_t *a)
{
	struct wait_result r;
	int64_t pid;

	if ((int)a[2] & ~(WNOHANG | WUNTRACED | WCONTINUED | 0x60000000))
		return -EINVAL;
	if ((int)a[0] == INT32_MIN) /* no group can be called so */
		return -ESRCH;
	pid = proc_wait(proc_current(), (int)a[0], (int)a[2] | WEXITED, &r);
	if (pid <= 0)
		return pid;
	if (a[1] && put_user(a[1], &r.status, sizeof(r.status)))
		return -EFAULT;
	if (a[3]) {
		struct rusage u = to_rusage(&r.usage);

		if (put_user(a[3], &u, sizeof(u)))
			return -EFAULT;
	}
	return pid;
}

int64_t sys_waitid(const uint64_t *a)
{
	enum { P_ALL, P_PID, P_PGID };
	struct wait_result r = { 0 };
	int options = a[3];
	pid_t pid = a[0] == P_ALL ? -1 : a[0] == P_PID ? (pid_t)a[1] : -(pid_t)a[1];
	int32_t si[32] = { 0 };
	int64_t got;

	if (a[0] > P_PGID || options & ~(WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT) ||
	    !(options & (WUNTRACED | WEXITED | WCONTINUED)) || (a[0] != P_ALL && (pid_t)a[1] < 0) ||
	    (a[0] == P_PID && a[1] == 0))
		return -EINVAL;
	got = proc_wait(proc_current(), pid, options, &r);
	if (got < 0)
		return got;
	if (got > 0) {
		bool stopped = (r.status & 0xff) == 0x7f, continued = r.status == 0xffff,
		     killed = !stopped && !continued && r.status & 0x7f;

		si[0] = SIGCHLD;
		si[2] = continued ? 6 : stopped ? 5 : killed ? 2 : 1;
		si[4] = r.pid;
		si[5] = r.uid;
		si[6] = continued ? SIGCONT : killed ? r.status & 0x7f : r.status >> 8;
		if (a[4]) {
			struct rusage u = to_rusage(&r.usage);

			if (put_user(a[4], &u, sizeof(u)))
				return -EFAULT;
		}
	}
	return a[2] ? put_user(a[2], si, sizeof(si)) : 0;
}

int64_t sys_set_tid_address(const uint64_t *a)
{
	thread_current()->clear_child_tid = a[0];
	return thread_current()->tid;
}

#define ROBUST_HEAD_SIZE 24

int64_t sys_set_robust_list(const uint64_t *a)
{
	if (a[1] != ROBUST_HEAD_SIZE)
		return -EINVAL;
	thread_current()->robust_list = a[0];
	return 0;
}

int64_t sys_get_robust_list(const uint64_t *a)
{
	const struct cred *me = &proc_current()->cred;
	uint64_t head = 0, size = ROBUST_HEAD_SIZE;
	struct thread *t = thread_current();
	int err = 0;

	spin_lock(&proc_lock);
	if ((int)a[0])
		t = proc_thread(NULL, a[0]);
	if (!t)
		err = -ESRCH;
	else if (me->euid != 0 && me->euid != t->proc->cred.uid)
		err = -EPERM;
	else
		head = t->robust_list;
	spin_unlock(&proc_lock);
	if (!err && (put_user(a[2], &size, sizeof(size)) || put_user(a[1], &head, sizeof(head))))
		err = -EFAULT;
	return err;
}

/* ---- identity ---- */

int64_t sys_getpid(const uint64_t *a __unused)
{
	return proc_current()->pid;
}

int64_t sys_gettid(const uint64_t *a __unused)
{
	return thread_current()->tid;
}

int64_t sys_getppid(const uint64_t *a __unused)
{
	struct proc *me = proc_current(), *parent;
	pid_t pid;

	/*
	 * without the lock: a struct proc stays one, and if the parent is the same afterwards the number was
	 * its own
	 */
	do {
		parent = __atomic_load_n(&me->parent, __ATOMIC_ACQUIRE);
		pid = parent ? __atomic_load_n(&parent->pid, __ATOMIC_ACQUIRE) : 0;
	} while (unlikely(__atomic_load_n(&me->parent, __ATOMIC_RELAXED) != parent));
	return pid;
}

int64_t sys_getuid(const uint64_t *a __unused)
{
	return proc_current()->cred.uid;
}

int64_t sys_geteuid(const uint64_t *a __unused)
{
	return proc_current()->cred.euid;
}

int64_t sys_getgid(const uint64_t *a __unused)
{
	return proc_current()->cred.gid;
}

int64_t sys_getegid(const uint64_t *a __unused)
{
	return proc_current()->cred.egid;
}

static int64_t put_three(const uint64_t *a, uint32_t x, uint32_t y, uint32_t z)
{
	return put_user(a[0], &x, 4) || put_user(a[1], &y, 4) || put_user(a[2], &z, 4) ? -EFAULT : 0;
}

int64_t sys_getresuid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	return put_three(a, c->uid, c->euid, c->suid);
}

int64_t sys_getresgid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	return put_three(a, c->gid, c->egid, c->sgid);
}

/*
 * The new real, effective and saved id, ~0 for "as it is": root may choose, others only among the three they
 * have.
 */
static int set_three(const struct cred *c, uint32_t *real, uint32_t *effective, uint32_t *saved, uint32_t r,
		     uint32_t e, uint32_t s)
{
	const uint32_t want[3] = { r, e, s };

	for (unsigned i = 0; i < 3; i++)
		if (want[i] != ~0u && c->euid != 0 && want[i] != *real && want[i] != *effective &&
		    want[i] != *saved)
			return -EPERM;
	if (r != ~0u)
		*real = r;
	if (e != ~0u)
		*effective = e;
	if (s != ~0u)
		*saved = s;
	return 0;
}

int64_t sys_setresuid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	return set_three(c, &c->uid, &c->euid, &c->suid, a[0], a[1], a[2]);
}

int64_t sys_setresgid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	return set_three(c, &c->gid, &c->egid, &c->sgid, a[0], a[1], a[2]);
}

int64_t sys_setuid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;
	uint32_t all = c->euid == 0 ? (uint32_t)a[0] : ~0u;

	return set_three(c, &c->uid, &c->euid, &c->suid, all, a[0], all);
}

int64_t sys_setgid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;
	uint32_t all = c->euid == 0 ? (uint32_t)a[0] : ~0u;

	return set_three(c, &c->gid, &c->egid, &c->sgid, all, a[0], all);
}

/* setreuid, setregid: whoever takes another identity gives the saved one up. */
static int set_pair(const struct cred *c, uint32_t *real, uint32_t *effective, uint32_t *saved, uint32_t r,
		    uint32_t e)
{
	const uint32_t old = *real;

	if (c->euid != 0 && ((r != ~0u && r != *real && r != *effective) ||
			     (e != ~0u && e != *real && e != *effective && e != *saved)))
		return -EPERM;
	if (e != ~0u)
		*effective = e;
	if (r != ~0u)
		*real = r;
	if (r != ~0u || (e != ~0u && e != old))
		*saved = *effective;
	return 0;
}

int64_t sys_setreuid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	return set_pair(c, &c->uid, &c->euid, &c->suid, a[0], a[1]);
}

int64_t sys_setregid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	return set_pair(c, &c->gid, &c->egid, &c->sgid, a[0], a[1]);
}

int64_t sys_getgroups(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;

	if ((int)a[0] < 0 || (a[0] && a[0] < c->ngroups))
		return -EINVAL;
	if (a[0] && put_user(a[1], c->groups, c->ngroups * sizeof(c->groups[0])))
		return -EFAULT;
	return c->ngroups;
}

int64_t sys_setgroups(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred, fresh = *c;

	if (c->euid != 0)
		return -EPERM;
	if (a[0] > ARRAY_SIZE(c->groups))
		return -EINVAL;
	if (get_user(fresh.groups, a[1], a[0] * sizeof(c->groups[0])))
		return -EFAULT;
	fresh.ngroups = a[0];
	*c = fresh;
	return 0;
}

/* ---- groups and sessions ---- */

int64_t sys_setpgid(const uint64_t *a)
{
	struct proc *me = proc_current(), *p, *q;
	pid_t pid = (int)a[0] ? (int)a[0] : me->pid, pgid = (int)a[1] ? (int)a[1] : pid;
	bool exists = pgid == pid;
	int err = 0;

	if ((int)a[1] < 0)
		return -EINVAL;
	spin_lock(&proc_lock);
	p = proc_find(pid);
	list_for_each(q, &proc_list, all)
		exists |= q->pgid == pgid && q->sid == me->sid;
	if (!p || (p != me && p->parent != me) || p->state == PROC_ZOMBIE)
		err = -ESRCH;
	else if (p != me && p->execed)
		err = -EACCES;
	else if (p->sid != me->sid || p->pid == p->sid || !exists)
		err = -EPERM;
	else
		p->pgid = pgid;
	spin_unlock(&proc_lock);
	return err;
}

static int64_t of_process(pid_t pid, bool session)
{
	struct proc *p;
	int64_t r = -ESRCH;

	spin_lock(&proc_lock);
	p = pid ? proc_find(pid) : proc_current();
	if (p)
		r = session ? p->sid : p->pgid;
	spin_unlock(&proc_lock);
	return r;
}

int64_t sys_getpgid(const uint64_t *a)
{
	return of_process(a[0], false);
}

int64_t sys_getsid(const uint64_t *a)
{
	return of_process(a[0], true);
}

int64_t sys_setsid(const uint64_t *a __unused)
{
	struct proc *me = proc_current(), *p;
	int64_t r = me->pid;

	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		if (p->pgid == me->pid)
			r = -EPERM;
	if (r > 0) {
		me->pgid = me->sid = me->pid;
		me->ctty = NULL;
	}
	spin_unlock(&proc_lock);
	return r;
}
