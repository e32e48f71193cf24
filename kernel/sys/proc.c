/* SPDX-License-Identifier: ISC */
/* System calls about processes: identity, birth and death, limits, what the system says of itself. */
#include "arch/trap.h"
#include "arch/user.h"
#include "dev/dev.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "sys/sys.h"
#include "vm/kmem.h"

#define USER_HZ	   100
#define NOFILE_MAX 65536 /* the hard limit of the hard limit */

struct timeval {
	int64_t sec, usec;
};

static struct timeval to_timeval(uint64_t ns)
{
	return (struct timeval){ ns / 1000000000, ns / 1000 % 1000000 };
}

/* ---- birth, death ---- */

int64_t sys_clone(const uint64_t *a)
{
	struct clone_args args = { .flags = a[0] & ~0xfful,
				   .exit_signal = a[0] & 0xff,
				   .stack = a[1],
				   .parent_tid = a[2],
				   .tls = a[3],
				   .child_tid = a[4] };

	if (args.exit_signal > NSIG)
		return -EINVAL;
	return proc_clone(proc_current(), &args);
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
	proc_exit((a[0] & 0xff) << 8);
}

int64_t sys_exit_group(const uint64_t *a)
{
	proc_exit((a[0] & 0xff) << 8);
}

struct rusage {
	struct timeval utime, stime;
	int64_t maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};

int64_t sys_wait4(const uint64_t *a)
{
	struct wait_result r;
	int64_t pid;

	if ((int)a[2] & ~(WNOHANG | WUNTRACED | WCONTINUED | 0x60000000))
		return -EINVAL;
	pid = proc_wait(proc_current(), (int)a[0], (int)a[2] | WEXITED, &r);
	if (pid <= 0)
		return pid;
	if (a[1] && put_user(a[1], &r.status, sizeof(r.status)))
		return -EFAULT;
	if (a[3]) {
		struct rusage u = { .utime = to_timeval(r.utime_ns),
				    .stime = to_timeval(r.stime_ns),
				    .minflt = r.minflt,
				    .majflt = r.majflt };

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
	    !(options & (WUNTRACED | WEXITED | WCONTINUED)) || (a[0] != P_ALL && (pid_t)a[1] <= 0))
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
	}
	return a[2] ? put_user(a[2], si, sizeof(si)) : 0;
}

int64_t sys_set_tid_address(const uint64_t *a)
{
	thread_current()->clear_child_tid = a[0];
	return thread_current()->tid;
}

/* One thread a process: no robust list can be needed, as nobody else holds its locks' memory but through shared mappings. */
int64_t sys_set_robust_list(const uint64_t *a __unused)
{
	return -ENOSYS;
}

int64_t sys_futex(const uint64_t *a __unused)
{
	return -ENOSYS; /* comes with threads */
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

	/* without the lock: a struct proc stays one, and if the parent is the same afterwards the number was its own */
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

/* The new real, effective and saved id, ~0 for "as it is": root may choose, others only among the three they have. */
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

int64_t sys_setreuid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;
	uint32_t saved = (uint32_t)a[0] != ~0u || ((uint32_t)a[1] != ~0u && a[1] != c->uid) ? (uint32_t)a[1] :
											      ~0u;

	return set_three(c, &c->uid, &c->euid, &c->suid, a[0], a[1], saved);
}

int64_t sys_setregid(const uint64_t *a)
{
	struct cred *c = &proc_current()->cred;
	uint32_t saved = (uint32_t)a[0] != ~0u || ((uint32_t)a[1] != ~0u && a[1] != c->gid) ? (uint32_t)a[1] :
											      ~0u;

	return set_three(c, &c->gid, &c->egid, &c->sgid, a[0], a[1], saved);
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

/* ---- limits and accounts ---- */

/* Limits that the vm enforces are kept with the space. */
static void apply_limits(struct proc *p)
{
	p->space->limits.stack = p->rlimits[RLIMIT_STACK].cur;
	p->space->limits.as = p->rlimits[RLIMIT_AS].cur;
	p->space->limits.data = p->rlimits[RLIMIT_DATA].cur;
	p->files->max = MIN(p->rlimits[RLIMIT_NOFILE].cur, (uint64_t)NOFILE_MAX);
}

int64_t sys_prlimit64(const uint64_t *a)
{
	struct proc *me = proc_current(), *p;
	struct rlimit new, old;
	int64_t err = 0;

	if (a[1] >= NRLIMITS)
		return -EINVAL;
	if (a[2] && get_user(&new, a[2], sizeof(new)))
		return -EFAULT;
	if (a[2] && new.cur > new.max)
		return -EINVAL;
	if (a[2] && a[1] == RLIMIT_NOFILE && new.max > NOFILE_MAX)
		return -EPERM;
	spin_lock(&proc_lock);
	p = (int)a[0] ? proc_find(a[0]) : me;
	if (!p)
		err = -ESRCH;
	else if (p != me && me->cred.euid != 0 && me->cred.uid != p->cred.uid)
		err = -EPERM;
	if (!err)
		old = p->rlimits[a[1]];
	if (!err && a[2] && new.max > old.max && me->cred.euid != 0)
		err = -EPERM;
	if (!err && a[2]) {
		p->rlimits[a[1]] = new;
		if (p->space && p->files)
			apply_limits(p);
	}
	spin_unlock(&proc_lock);
	if (!err && a[3] && put_user(a[3], &old, sizeof(old)))
		err = -EFAULT;
	return err;
}

int64_t sys_getrlimit(const uint64_t *a)
{
	const uint64_t args[6] = { 0, a[0], 0, a[1] };

	return sys_prlimit64(args);
}

int64_t sys_setrlimit(const uint64_t *a)
{
	const uint64_t args[6] = { 0, a[0], a[1], 0 };

	return sys_prlimit64(args);
}

int64_t sys_getrusage(const uint64_t *a)
{
	struct proc *p = proc_current();
	struct thread *t = thread_current();
	struct rusage u = { 0 };

	switch ((int)a[0]) {
	case 0:
	case 1: /* RUSAGE_THREAD */
		u.utime = to_timeval(p->utime_ns + t->utime_ns);
		u.stime = to_timeval(p->stime_ns + thread_cpu_ns(t) - t->utime_ns);
		u.minflt = p->minflt + t->nminflt;
		u.majflt = p->majflt + t->nmajflt;
		u.nvcsw = t->nvcsw;
		u.nivcsw = t->nivcsw;
		u.maxrss = p->space->nresident * (PAGE_SIZE / 1024);
		break;
	case -1:
		u.utime = to_timeval(p->cutime_ns);
		u.stime = to_timeval(p->cstime_ns);
		u.minflt = p->cminflt;
		u.majflt = p->cmajflt;
		break;
	default:
		return -EINVAL;
	}
	return put_user(a[1], &u, sizeof(u));
}

int64_t sys_times(const uint64_t *a)
{
	struct proc *p = proc_current();
	struct thread *t = thread_current();
	const uint64_t tick = 1000000000 / USER_HZ;
	const int64_t tms[4] = { (p->utime_ns + t->utime_ns) / tick,
				 (p->stime_ns + thread_cpu_ns(t) - t->utime_ns) / tick, p->cutime_ns / tick,
				 p->cstime_ns / tick };

	if (a[0] && put_user(a[0], tms, sizeof(tms)))
		return -EFAULT;
	return time_ns() / tick;
}

int64_t sys_getpriority(const uint64_t *a)
{
	struct proc *p;
	int64_t r = -ESRCH;

	if (a[0] > 2)
		return -EINVAL;
	spin_lock(&proc_lock);
	p = a[0] != 0 || !(int)a[1] ? proc_current() : proc_find(a[1]);
	if (p)
		r = 20 - p->nice;
	spin_unlock(&proc_lock);
	return r;
}

int64_t sys_setpriority(const uint64_t *a)
{
	struct proc *me = proc_current(), *p;
	int nice = MAX(MIN((int)a[2], 19), -20);
	int64_t err = -ESRCH;

	if (a[0] > 2)
		return -EINVAL;
	spin_lock(&proc_lock);
	p = a[0] != 0 || !(int)a[1] ? me : proc_find(a[1]);
	if (p)
		err = me->cred.euid != 0 && nice < p->nice ? -EACCES : 0;
	if (!err)
		p->nice = nice; /* reported; the scheduler treats all alike */
	spin_unlock(&proc_lock);
	return err;
}

/* ---- the rest ---- */

int64_t sys_umask(const uint64_t *a)
{
	struct fs_context *fs = proc_current()->fs;
	uint32_t old;

	spin_lock(&fs->lock);
	old = fs->umask;
	fs->umask = a[0] & 0777;
	spin_unlock(&fs->lock);
	return old;
}

int64_t sys_uname(const uint64_t *a)
{
	static const char names[6][65] = { "Linux", "quire", "6.1.0-quire", "#1 Quire", "riscv64", "(none)" };

	return put_user(a[0], names, sizeof(names));
}

int64_t sys_prctl(const uint64_t *a)
{
	enum { PR_SET_NAME = 15, PR_GET_NAME = 16 };
	struct proc *p = proc_current();
	char name[16] = { 0 };

	switch (a[0]) {
	case PR_SET_NAME: {
		ssize_t n = user_copy_string(name, a[1], sizeof(name));

		if (n == -EFAULT)
			return n;
		name[15] = '\0';
		spin_lock(&proc_lock);
		memcpy(p->name, name, sizeof(name));
		spin_unlock(&proc_lock);
		return 0;
	}
	case PR_GET_NAME:
		return put_user(a[1], p->name, sizeof(p->name));
	default:
		return -EINVAL;
	}
}

int64_t sys_sysinfo(const uint64_t *a)
{
	struct {
		int64_t uptime;
		uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
		uint16_t procs, pad;
		uint32_t pad2;
		uint64_t totalhigh, freehigh;
		uint32_t mem_unit, pad3;
	} info = { .uptime = time_ns() / 1000000000, .mem_unit = 1 };
	struct vm_counts c;
	uint64_t npages, nfree;

	vm_count(&c);
	vm_swap_totals(&npages, &nfree);
	info.totalram = c.total * PAGE_SIZE;
	info.freeram = c.free * PAGE_SIZE;
	info.sharedram = c.shmem * PAGE_SIZE;
	info.totalswap = npages * PAGE_SIZE;
	info.freeswap = nfree * PAGE_SIZE;
	info.procs = proc_count();
	return put_user(a[0], &info, sizeof(info));
}

int64_t sys_personality(const uint64_t *a)
{
	return a[0] == 0 || (uint32_t)a[0] == ~0u ? 0 : -EINVAL;
}

int64_t sys_capget(const uint64_t *a __unused)
{
	return -ENOSYS;
}

int64_t sys_capset(const uint64_t *a __unused)
{
	return -ENOSYS;
}

int64_t sys_sched_yield(const uint64_t *a __unused)
{
	thread_yield();
	return 0;
}

int64_t sys_sched_getaffinity(const uint64_t *a)
{
	uint64_t mask = (1ul << nharts) - 1;
	int64_t r = (int)a[0] ? of_process(a[0], false) : 0;

	if (r < 0)
		return r;
	if (a[1] < sizeof(mask) || a[1] % sizeof(mask))
		return -EINVAL;
	return put_user(a[2], &mask, sizeof(mask)) ? -EFAULT : (int64_t)sizeof(mask);
}

int64_t sys_getrandom(const uint64_t *a)
{
	uint8_t buf[256];
	uint64_t done = 0, n = MIN(a[1], 33554431ul);

	if (a[2] & ~7ul)
		return -EINVAL;
	while (done < n && !(done && thread_killed())) {
		size_t k = MIN(n - done, sizeof(buf));

		random_bytes(buf, k);
		if (put_user(a[0] + done, buf, k))
			return done ? (int64_t)done : -EFAULT;
		done += k;
	}
	return done;
}

/* syslog(2): reading the ring; what changes the console's level is refused. */
int64_t sys_syslog(const uint64_t *a)
{
	enum { READ_ALL = 3, READ_CLEAR = 4, SIZE_UNREAD = 9, SIZE_BUFFER = 10 };
	size_t size = klog_size(), n = MIN((size_t)(int)MAX((int)a[2], 0), size), done = 0;
	char buf[256];

	switch ((int)a[0]) {
	case READ_ALL:
	case READ_CLEAR:
		if ((int)a[2] < 0 || !a[1])
			return -EINVAL;
		while (done < n) {
			size_t k = klog_read(buf, MIN(sizeof(buf), n - done), size - n + done);

			if (!k)
				break;
			if (put_user(a[1] + done, buf, k))
				return -EFAULT;
			done += k;
		}
		return done;
	case SIZE_UNREAD:
	case SIZE_BUFFER:
		return size;
	default:
		return -EINVAL;
	}
}

int64_t sys_reboot(const uint64_t *a)
{
	enum {
		MAGIC1 = 0xfee1dead,
		MAGIC2 = 672274793,
		RESTART = 0x01234567,
		HALT = 0xcdef0123,
		POWER_OFF = 0x4321fedc
	};

	if (proc_current()->cred.euid != 0)
		return -EPERM;
	if ((uint32_t)a[0] != MAGIC1 || (uint32_t)a[1] != MAGIC2)
		return -EINVAL;
	switch ((uint32_t)a[2]) {
	case RESTART:
		system_reboot();
	case HALT:
	case POWER_OFF:
		system_shutdown(0);
	case 0: /* what Ctrl-Alt-Del does */
	case 0x89abcdef:
		return 0;
	default:
		return -EINVAL;
	}
}
