/* SPDX-License-Identifier: ISC */
/* Processes: creation, identity, limits, waiting; and memory mapping. Thin entries to the kernel. */
#include "libc.h"
#include "pthread.h"
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL(type, name, params, ...)         \
	type name params                      \
	{                                     \
		return (type)SC(__VA_ARGS__); \
	}

// clang-format off
CALL(int, execve, (const char *path, char *const argv[], char *const envp[]), SYS_execve, path, argv, envp)
CALL(int, fexecve, (int fd, char *const argv[], char *const envp[]), SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH)
CALL(pid_t, getpid, (void), SYS_getpid)
CALL(pid_t, getppid, (void), SYS_getppid)
CALL(pid_t, gettid, (void), SYS_gettid)
CALL(pid_t, getpgrp, (void), SYS_getpgid, 0)
CALL(pid_t, getpgid, (pid_t pid), SYS_getpgid, pid)
CALL(pid_t, getsid, (pid_t pid), SYS_getsid, pid)
CALL(int, setpgid, (pid_t pid, pid_t pgrp), SYS_setpgid, pid, pgrp)
CALL(pid_t, setsid, (void), SYS_setsid)
CALL(uid_t, getuid, (void), SYS_getuid)
CALL(uid_t, geteuid, (void), SYS_geteuid)
CALL(gid_t, getgid, (void), SYS_getgid)
CALL(gid_t, getegid, (void), SYS_getegid)
CALL(int, setuid, (uid_t uid), SYS_setuid, uid)
CALL(int, setgid, (gid_t gid), SYS_setgid, gid)
CALL(int, seteuid, (uid_t uid), SYS_setresuid, -1, uid, -1)
CALL(int, setegid, (gid_t gid), SYS_setresgid, -1, gid, -1)
CALL(int, setreuid, (uid_t r, uid_t e), SYS_setreuid, r, e)
CALL(int, setregid, (gid_t r, gid_t e), SYS_setregid, r, e)
CALL(int, setresuid, (uid_t r, uid_t e, uid_t s), SYS_setresuid, r, e, s)
CALL(int, setresgid, (gid_t r, gid_t e, gid_t s), SYS_setresgid, r, e, s)
CALL(int, getresuid, (uid_t *r, uid_t *e, uid_t *s), SYS_getresuid, r, e, s)
CALL(int, getresgid, (gid_t *r, gid_t *e, gid_t *s), SYS_getresgid, r, e, s)
CALL(int, getgroups, (int n, gid_t *list), SYS_getgroups, n, list)
CALL(int, setgroups, (size_t n, const gid_t *list), SYS_setgroups, n, list)
CALL(pid_t, wait, (int *status), SYS_wait4, -1, status, 0, 0)
CALL(pid_t, waitpid, (pid_t pid, int *status, int options), SYS_wait4, pid, status, options, 0)
CALL(pid_t, wait3, (int *status, int options, struct rusage *ru), SYS_wait4, -1, status, options, ru)
CALL(pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *ru), SYS_wait4, pid, status, options, ru)
CALL(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), SYS_waitid, type, id, info, options, 0)
CALL(int, getrlimit, (int res, struct rlimit *r), SYS_prlimit64, 0, res, 0, r)
CALL(int, setrlimit, (int res, const struct rlimit *r), SYS_prlimit64, 0, res, r, 0)
CALL(int, prlimit, (pid_t pid, int res, const struct rlimit *new, struct rlimit *old),
	SYS_prlimit64, pid, res, new, old)
CALL(int, getrusage, (int who, struct rusage *ru), SYS_getrusage, who, ru)
CALL(int, setpriority, (int which, id_t who, int prio), SYS_setpriority, which, who, prio)
CALL(clock_t, times, (struct tms *t), SYS_times, t)
CALL(int, uname, (struct utsname *u), SYS_uname, u)
CALL(int, sethostname, (const char *name, size_t n), SYS_sethostname, name, n)
CALL(int, sysinfo, (struct sysinfo *si), SYS_sysinfo, si)
CALL(int, reboot, (int cmd), SYS_reboot, 0xfee1dead, 672274793, cmd, 0)
CALL(int, klogctl, (int op, char *buf, int n), SYS_syslog, op, buf, n)
CALL(ssize_t, getrandom, (void *buf, size_t n, unsigned flags), SYS_getrandom, buf, n, flags)
CALL(int, sched_yield, (void), SYS_sched_yield)
CALL(int, sched_setaffinity, (pid_t pid, size_t n, const cpu_set_t *set), SYS_sched_setaffinity, pid, n, set)

CALL(void *, mmap, (void *addr, size_t n, int prot, int flags, int fd, off_t off),
	SYS_mmap, addr, n, prot, flags, fd, off)
CALL(int, munmap, (void *addr, size_t n), SYS_munmap, addr, n)
CALL(int, mprotect, (void *addr, size_t n, int prot), SYS_mprotect, addr, n, prot)
CALL(int, msync, (void *addr, size_t n, int flags), SYS_msync, addr, n, flags)
CALL(int, madvise, (void *addr, size_t n, int advice), SYS_madvise, addr, n, advice)
CALL(int, mincore, (void *addr, size_t n, unsigned char *vec), SYS_mincore, addr, n, vec)
CALL(int, mlock, (const void *addr, size_t n), SYS_mlock, addr, n)
CALL(int, mlock2, (const void *addr, size_t n, unsigned flags), SYS_mlock2, addr, n, flags)
CALL(int, munlock, (const void *addr, size_t n), SYS_munlock, addr, n)
CALL(int, mlockall, (int flags), SYS_mlockall, flags)
CALL(int, munlockall, (void), SYS_munlockall)
CALL(int, remap_file_pages, (void *addr, size_t n, int prot, size_t pgoff, int flags),
	SYS_remap_file_pages, addr, n, prot, pgoff, flags)
CALL(int, memfd_create, (const char *name, unsigned flags), SYS_memfd_create, name, flags)
CALL(int, shmget, (key_t key, size_t n, int flags), SYS_shmget, key, n, flags)
CALL(void *, shmat, (int id, const void *addr, int flags), SYS_shmat, id, addr, flags)
CALL(int, shmdt, (const void *addr), SYS_shmdt, addr)
CALL(int, shmctl, (int id, int cmd, struct shmid_ds *buf), SYS_shmctl, id, cmd, buf)
// clang-format on

pid_t _Fork(void)
{
	pid_t pid = (pid_t)SC(SYS_clone, SIGCHLD);

	if (pid == 0)
		__thread_forked();
	return pid;
}

/* The child has no other threads: no lock may be theirs. */
pid_t fork(void)
{
	__lock(&__malloc_lock);
	pid_t pid = _Fork();
	__unlock(&__malloc_lock);
	return pid;
}

long syscall(long nr, ...)
{
	va_list ap;
	long a[6];

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return SC(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int prctl(int op, ...)
{
	va_list ap;
	long a[4];

	va_start(ap, op);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	return SC(SYS_prctl, op, a[0], a[1], a[2], a[3]);
}

void *mremap(void *addr, size_t old, size_t new, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	void *to = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) ? va_arg(ap, void *) : 0;
	va_end(ap);
	return (void *)SC(SYS_mremap, addr, old, new, flags, to);
}

int posix_madvise(void *addr, size_t n, int advice)
{
	/* Linux's DONTNEED throws private pages away, which POSIX does not allow. */
	return advice == POSIX_MADV_DONTNEED ? 0 : (int)-RAW(SYS_madvise, addr, n, advice);
}

static int shm_path(const char *name, char out[PATH_MAX])
{
	while (*name == '/')
		name++;
	if (!*name || strchr(name, '/') || strlen(name) > NAME_MAX) {
		errno = EINVAL;
		return -1;
	}
	strcpy(out, "/dev/shm/");
	strcat(out, name);
	return 0;
}

int shm_open(const char *name, int flags, mode_t mode)
{
	char path[PATH_MAX];

	return shm_path(name, path) ? -1 : open(path, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

int shm_unlink(const char *name)
{
	char path[PATH_MAX];

	return shm_path(name, path) ? -1 : unlink(path);
}

/* The kernel gives 20 - nice, so that no result looks like an error. */
int getpriority(int which, id_t who)
{
	long r = SC(SYS_getpriority, which, who);

	return r < 0 ? -1 : (int)(20 - r);
}

int nice(int inc)
{
	errno = 0;
	int now = getpriority(PRIO_PROCESS, 0);
	if (now == -1 && errno)
		return -1;
	if (setpriority(PRIO_PROCESS, 0, now + inc) < 0) {
		if (errno == EACCES) /* what setpriority says is EPERM here, in POSIX */
			errno = EPERM;
		return -1;
	}
	return getpriority(PRIO_PROCESS, 0);
}

int sched_getaffinity(pid_t pid, size_t n, cpu_set_t *set)
{
	long r = SC(SYS_sched_getaffinity, pid, n, set); /* the number of bytes written */

	if (r < 0)
		return -1;
	memset((char *)set + r, 0, n - r);
	return 0;
}

int __sched_cpucount(const cpu_set_t *set)
{
	int n = 0;

	for (int i = 0; i < CPU_SETSIZE; i++)
		n += CPU_ISSET(i, set);
	return n;
}

int get_nprocs(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

int getpagesize(void)
{
	return 4096;
}

long sysconf(int name)
{
	struct rlimit r;
	struct sysinfo si;

	switch (name) {
	case _SC_ARG_MAX:
		return 131072;
	case _SC_CHILD_MAX:
		return getrlimit(RLIMIT_NPROC, &r) || r.rlim_cur == RLIM_INFINITY ? -1 : (long)r.rlim_cur;
	case _SC_CLK_TCK:
		return 100;
	case _SC_OPEN_MAX:
		return getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == RLIM_INFINITY ? -1 : (long)r.rlim_cur;
	case _SC_PAGESIZE:
		return getpagesize();
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
		return get_nprocs();
	case _SC_PHYS_PAGES:
		return sysinfo(&si) ? -1 : (long)(si.totalram * si.mem_unit / getpagesize());
	case _SC_AVPHYS_PAGES:
		return sysinfo(&si) ? -1 : (long)(si.freeram * si.mem_unit / getpagesize());
	}
	errno = EINVAL;
	return -1;
}

long pathconf(const char *path, int name)
{
	(void)path;
	switch (name) {
	case _PC_NAME_MAX:
		return NAME_MAX;
	case _PC_PATH_MAX:
		return PATH_MAX;
	case _PC_PIPE_BUF:
		return PIPE_BUF;
	}
	errno = EINVAL;
	return -1;
}

int gethostname(char *name, size_t n)
{
	struct utsname u;

	if (uname(&u) < 0)
		return -1;
	if (strlen(u.nodename) >= n) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(name, u.nodename);
	return 0;
}

int getentropy(void *buf, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = getrandom((char *)buf + got, n - got, 0);
		if (r < 0 && errno != EINTR)
			return -1;
		got += r > 0 ? r : 0;
	}
	return 0;
}

int getloadavg(double *avg, int n)
{
	struct sysinfo si;

	if (sysinfo(&si))
		return -1;
	n = n > 3 ? 3 : n;
	for (int i = 0; i < n; i++)
		avg[i] = (double)si.loads[i] / 65536;
	return n;
}

/* The break, as the kernel keeps it; brk(2) answers a request it refuses with the old one. */
static char *curbrk;

int brk(void *end)
{
	curbrk = (char *)RAW(SYS_brk, end);
	if (curbrk == end)
		return 0;
	errno = ENOMEM;
	return -1;
}

void *sbrk(ptrdiff_t n)
{
	if (!curbrk)
		curbrk = (char *)RAW(SYS_brk, 0);
	char *old = curbrk;
	if (n && brk(old + n) < 0)
		return (void *)-1;
	return old;
}
