/* SPDX-License-Identifier: ISC */
/* System calls about limits and accounts of processes, and what the system says of itself. */
#include "arch/user.h"
#include "dev/dev.h"
#include "fs/procfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "sys/sys.h"
#include "sys/usage.h"

#define USER_HZ	   100
#define NOFILE_MAX 65536 /* the hard limit of the hard limit */

/* ---- limits and accounts ---- */

/* Limits that the vm enforces are kept with the space. */
static void apply_limits(struct proc *p)
{
	p->space->limits.stack = p->rlimits[RLIMIT_STACK].cur;
	p->space->limits.as = p->rlimits[RLIMIT_AS].cur;
	p->space->limits.data = p->rlimits[RLIMIT_DATA].cur;
	p->files->max = MIN(p->rlimits[RLIMIT_NOFILE].cur, (uint64_t)NOFILE_MAX);
}

/* May a process with the one identity look into one with the other (ptrace(2))? */
static bool owns(const struct cred *me, const struct cred *c)
{
	return me->euid == 0 || (me->uid == c->uid && me->uid == c->euid && me->uid == c->suid &&
				 me->gid == c->gid && me->gid == c->egid && me->gid == c->sgid);
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
	else if (p != me && !owns(&me->cred, &p->cred))
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

struct rusage to_rusage(const struct usage *u)
{
	return (struct rusage){ .utime = to_timeval(u->utime_ns),
				.stime = to_timeval(u->stime_ns),
				.minflt = u->minflt,
				.majflt = u->majflt,
				.nvcsw = u->nvcsw,
				.nivcsw = u->nivcsw,
				.maxrss = u->maxrss * (PAGE_SIZE / 1024) };
}

int64_t sys_getrusage(const uint64_t *a)
{
	enum { SELF = 0, THREAD = 1, CHILDREN = -1 };
	struct proc *p = proc_current();
	struct usage u = { 0 };
	struct rusage r;

	if ((int)a[0] < CHILDREN || (int)a[0] > THREAD)
		return -EINVAL;
	spin_lock(&proc_lock);
	if ((int)a[0] == SELF)
		proc_usage(p, &u);
	else if ((int)a[0] == CHILDREN)
		u = p->waited;
	else {
		u.maxrss = MAX(p->ended.maxrss, space_peak(p->space));
		usage_add_thread(&u, thread_current());
	}
	spin_unlock(&proc_lock);
	r = to_rusage(&u);
	return put_user(a[1], &r, sizeof(r));
}

int64_t sys_times(const uint64_t *a)
{
	struct proc *p = proc_current();
	const uint64_t tick = 1000000000 / USER_HZ;
	struct usage u, c;

	spin_lock(&proc_lock);
	proc_usage(p, &u);
	c = p->waited;
	spin_unlock(&proc_lock);
	const int64_t tms[4] = { u.utime_ns / tick, u.stime_ns / tick, c.utime_ns / tick, c.stime_ns / tick };

	if (a[0] && put_user(a[0], tms, sizeof(tms)))
		return -EFAULT;
	return time_ns() / tick;
}

/* [p] Is `p` among those whom `which` and `who` of getpriority(2) name? `who` 0: the caller, its group, its user. */
static bool is_meant(const struct proc *p, int which, uint32_t who)
{
	enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
	const struct proc *me = proc_current();

	if (p->state == PROC_ZOMBIE)
		return false;
	if (which == PRIO_PROCESS)
		return who ? p->pid == (pid_t)who : p == me;
	if (which == PRIO_PGRP)
		return p->pgid == (who ? (pid_t)who : me->pgid);
	return p->cred.uid == (who ? who : me->cred.uid);
}

int64_t sys_getpriority(const uint64_t *a)
{
	struct proc *p;
	int64_t r = -ESRCH;

	if (a[0] > 2)
		return -EINVAL;
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		if (is_meant(p, a[0], a[1]))
			r = MAX(r, 20 - p->nice);
	spin_unlock(&proc_lock);
	return r;
}

static int set_nice(struct proc *p, int nice)
{
	const struct cred *me = &proc_current()->cred;

	if (me->euid != 0 && me->euid != p->cred.euid && me->euid != p->cred.uid)
		return -EPERM;
	if (me->euid != 0 && nice < p->nice)
		return -EACCES;
	p->nice = nice;
	return 0;
}

int64_t sys_setpriority(const uint64_t *a)
{
	int nice = MAX(MIN((int)a[2], 19), -20), err = 0;
	struct proc *p;
	bool any = false;

	if (a[0] > 2)
		return -EINVAL;
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		if (is_meant(p, a[0], a[1])) {
			int r = set_nice(p, nice);

			any = true;
			err = r ? r : err;
		}
	spin_unlock(&proc_lock);
	return any ? err : -ESRCH;
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

/* uname(2)'s fields; two of them can be set. */
enum { NODENAME = 1, DOMAINNAME = 5 };
static char names[6][HOSTNAME_SIZE] = { "Linux", "quire", "6.1.0-quire", "#1 Quire", "riscv64", "(none)" };
static struct spinlock uname_lock = SPINLOCK_INIT("host name", RANK_FILES);

void system_hostname(char name[HOSTNAME_SIZE])
{
	spin_lock(&uname_lock);
	memcpy(name, names[NODENAME], HOSTNAME_SIZE);
	spin_unlock(&uname_lock);
}

int64_t sys_uname(const uint64_t *a)
{
	char copy[sizeof(names) / HOSTNAME_SIZE][HOSTNAME_SIZE];

	spin_lock(&uname_lock);
	memcpy(copy, names, sizeof(copy));
	spin_unlock(&uname_lock);
	return put_user(a[0], copy, sizeof(copy));
}

static int64_t set_name(unsigned field, uint64_t uname, uint64_t n)
{
	char name[HOSTNAME_SIZE] = { 0 };

	if (proc_current()->cred.euid != 0)
		return -EPERM;
	if (n >= HOSTNAME_SIZE)
		return -EINVAL;
	if (get_user(name, uname, n))
		return -EFAULT;
	spin_lock(&uname_lock);
	memcpy(names[field], name, sizeof(name));
	spin_unlock(&uname_lock);
	return 0;
}

int64_t sys_sethostname(const uint64_t *a)
{
	return set_name(NODENAME, a[0], (uint32_t)a[1]);
}

int64_t sys_setdomainname(const uint64_t *a)
{
	return set_name(DOMAINNAME, a[0], (uint32_t)a[1]);
}

int64_t sys_prctl(const uint64_t *a)
{
	enum {
		PR_SET_PDEATHSIG = 1,
		PR_GET_PDEATHSIG = 2,
		PR_SET_NAME = 15,
		PR_GET_NAME = 16,
		PR_SET_NO_NEW_PRIVS = 38,
		PR_GET_NO_NEW_PRIVS = 39
	};
	struct thread *t = thread_current();
	struct proc *p = t->proc;
	char name[16] = { 0 };

	switch (a[0]) {
	case PR_SET_NAME: {
		ssize_t n = user_copy_string(name, a[1], sizeof(name));

		if (n == -EFAULT)
			return n;
		name[15] = '\0';
		spin_lock(&proc_lock);
		memcpy(t->name, name, sizeof(name));
		if (t->tid == p->pid)
			memcpy(p->name, name, sizeof(name));
		spin_unlock(&proc_lock);
		return 0;
	}
	case PR_GET_NAME:
		return put_user(a[1], t->name, sizeof(t->name));
	case PR_SET_PDEATHSIG:
		if (a[1] > NSIG)
			return -EINVAL;
		spin_lock(&proc_lock);
		p->parent_death_signal = a[1];
		spin_unlock(&proc_lock);
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user(a[1], &p->parent_death_signal, sizeof(p->parent_death_signal));
	case PR_SET_NO_NEW_PRIVS:
		if (a[1] != 1 || a[2] || a[3] || a[4])
			return -EINVAL;
		p->cred.no_new_privs = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return a[1] || a[2] || a[3] || a[4] ? -EINVAL : p->cred.no_new_privs;
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
	system_loads(info.loads);
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

int64_t sys_getrandom(const uint64_t *a)
{
	uint8_t buf[256];
	uint64_t done = 0, n = MIN(a[1], 33554431ul);

	if (a[2] & ~7ul || (a[2] & 6) == 6) /* GRND_RANDOM and GRND_INSECURE */
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
