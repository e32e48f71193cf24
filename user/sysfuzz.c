/* SPDX-License-Identifier: ISC */
/*
 * sysfuzz [-d DIR] [-s | -r] CALLS [SEED [WORKERS]]: makes system calls with random and boundary arguments. Each worker is a user of
 * its own without privileges (with -s all are one user in one directory; with -r they are root, without the calls that end the
 * machine, take its disks away or reach others), and makes its calls in children that live for some hundred of them or a few
 * seconds; then what they left behind is killed. What the calls answer does not matter: the kernel must neither panic nor hang,
 * every child must die when it is killed, and no byte of the supervisor's may change. Needs to be root.
 */
#define _GNU_SOURCE
#include "include/testlib.h"
#include <grp.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { EPISODE = 300, SLOTS = 64, FIRST_USER = 2000, PATIENCE = 30 };

/*
 * Arguments by letter: d descriptor, D directory descriptor, p path, w memory to write, r memory to read, n length, i small
 * number, f flags, m mode, P process, s signal, a address of pages, l place for a loff_t, t timespec, v iovec, c its count, z anything.
 */
static const struct call {
	int number;
	const char *arguments;
} calls[] = {
	{ SYS_openat, "Dpfm" },
	{ SYS_openat, "Dpfm" },
	{ SYS_close, "d" },
	{ SYS_read, "dwn" },
	{ SYS_write, "drn" },
	{ SYS_readv, "dvc" },
	{ SYS_writev, "dvc" },
	{ SYS_pread64, "dwnz" },
	{ SYS_pwrite64, "drnz" },
	{ SYS_preadv, "dvczz" },
	{ SYS_pwritev, "dvczz" },
	{ SYS_lseek, "dzi" },
	{ SYS_getdents64, "dwn" },
	{ SYS_ftruncate, "dz" },
	{ SYS_truncate, "pz" },
	{ SYS_fallocate, "dizz" },
	{ SYS_fsync, "d" },
	{ SYS_sync_file_range, "dzzi" },
	{ SYS_dup, "d" },
	{ SYS_dup3, "ddf" },
	{ SYS_fcntl, "diz" },
	{ SYS_fcntl, "diw" },
	{ SYS_ioctl, "dzw" },
	{ SYS_flock, "di" },
	{ SYS_pipe2, "wf" },
	{ SYS_sendfile, "ddln" },
	{ SYS_copy_file_range, "dldlni" },
	{ SYS_splice, "dldlni" },
	{ SYS_fstat, "dw" },
	{ SYS_newfstatat, "Dpwi" },
	{ SYS_statx, "Dpizw" },
	{ SYS_statfs, "pw" },
	{ SYS_fstatfs, "dw" },
	{ SYS_faccessat, "Dpi" },
	{ SYS_mkdirat, "Dpm" },
	{ SYS_mknodat, "Dpmz" },
	{ SYS_unlinkat, "Dpi" },
	{ SYS_symlinkat, "pDp" },
	{ SYS_linkat, "DpDpi" },
	{ SYS_renameat2, "DpDpi" },
	{ SYS_readlinkat, "Dpwn" },
	{ SYS_fchmodat, "Dpm" },
	{ SYS_fchmod, "dm" },
	{ SYS_fchownat, "Dpiii" },
	{ SYS_utimensat, "Dpti" },
	{ SYS_chdir, "p" },
	{ SYS_fchdir, "d" },
	{ SYS_getcwd, "wn" },
	{ SYS_mount, "pppfr" },
	{ SYS_umount2, "pi" },
	{ SYS_mmap, "anifdz" },
	{ SYS_mmap, "anifdz" },
	{ SYS_munmap, "an" },
	{ SYS_mprotect, "ani" },
	{ SYS_mremap, "annia" },
	{ SYS_msync, "ani" },
	{ SYS_madvise, "ani" },
	{ SYS_mincore, "anw" },
	{ SYS_mlock, "an" },
	{ SYS_munlock, "an" },
	{ SYS_mlock2, "ani" },
	{ SYS_mlockall, "i" },
	{ SYS_munlockall, "" },
	{ SYS_brk, "a" },
	{ SYS_memfd_create, "pf" },
	{ SYS_shmget, "ini" },
	{ SYS_shmat, "iai" },
	{ SYS_shmdt, "a" },
	{ SYS_shmctl, "iiw" },
	{ SYS_process_vm_readv, "Pvcvci" },
	{ SYS_process_vm_writev, "Pvcvci" },
	{ SYS_kill, "Ps" },
	{ SYS_tkill, "Ps" },
	{ SYS_tgkill, "PPs" },
	{ SYS_rt_sigaction, "srwn" },
	{ SYS_rt_sigprocmask, "irwn" },
	{ SYS_rt_sigpending, "wn" },
	{ SYS_rt_sigtimedwait, "rwtn" },
	{ SYS_rt_sigsuspend, "rn" },
	{ SYS_rt_sigqueueinfo, "Psr" },
	{ SYS_rt_sigreturn, "" },
	{ SYS_sigaltstack, "rw" },
	{ SYS_wait4, "Pwiw" },
	{ SYS_waitid, "iPwiw" },
	{ SYS_getpgid, "P" },
	{ SYS_setpgid, "PP" },
	{ SYS_getsid, "P" },
	{ SYS_setsid, "" },
	{ SYS_setuid, "i" },
	{ SYS_setresuid, "iii" },
	{ SYS_setgroups, "ir" },
	{ SYS_getgroups, "iw" },
	{ SYS_prlimit64, "Pirw" },
	{ SYS_getrusage, "iw" },
	{ SYS_sysinfo, "w" },
	{ SYS_times, "w" },
	{ SYS_uname, "w" },
	{ SYS_prctl, "izzzz" },
	{ SYS_getpriority, "iP" },
	{ SYS_setpriority, "iPi" },
	{ SYS_sched_setaffinity, "Pnr" },
	{ SYS_sched_getaffinity, "Pnw" },
	{ SYS_sched_yield, "" },
	{ SYS_nanosleep, "tw" },
	{ SYS_clock_nanosleep, "iitw" },
	{ SYS_clock_gettime, "iw" },
	{ SYS_clock_settime, "it" },
	{ SYS_gettimeofday, "ww" },
	{ SYS_setitimer, "irw" },
	{ SYS_getitimer, "iw" },
	{ SYS_timer_create, "irw" },
	{ SYS_timer_settime, "iirw" },
	{ SYS_timer_delete, "i" },
	{ SYS_futex, "wiitwi" },
	{ SYS_futex, "wiitwi" },
	{ SYS_set_robust_list, "rn" },
	{ SYS_get_robust_list, "Pww" },
	{ SYS_set_tid_address, "w" },
	{ SYS_clone, "fwwww" },
	{ SYS_clone3, "rn" },
	{ SYS_execve, "prr" },
	{ SYS_ppoll, "wctrn" },
	{ SYS_pselect6, "iwwwtr" },
	{ SYS_eventfd2, "if" },
	{ SYS_epoll_create1, "f" },
	{ SYS_epoll_ctl, "didr" },
	{ SYS_epoll_pwait, "dwiirn" },
	{ SYS_timerfd_create, "if" },
	{ SYS_timerfd_settime, "dirw" },
	{ SYS_timerfd_gettime, "dw" },
	{ SYS_signalfd4, "drnf" },
	{ SYS_getrandom, "wni" },
	{ SYS_syslog, "iwn" },
	{ SYS_swapon, "pi" },
	{ SYS_swapoff, "p" },
	{ SYS_reboot, "zziz" },
	{ SYS_umask, "m" },
	{ SYS_sethostname, "rn" },
	{ SYS_fadvise64, "dzzi" },
	{ SYS_readahead, "dzn" },
	{ SYS_membarrier, "ii" },
	{ SYS_riscv_flush_icache, "aai" },
};
#define NCALLS (sizeof(calls) / sizeof(calls[0]))

/* What the supervisor sees of its workers, and a worker of its child. */
static struct shared {
	volatile uint64_t made, episodes, killed;
	volatile int now[SLOTS]; /* the call that each worker's child is in */
} * shared;

static const int not_as_root[] = {
	SYS_mount,
	SYS_umount2,
	SYS_chroot,
	SYS_swapon,
	SYS_swapoff,
	SYS_reboot,
	SYS_clock_settime,
	SYS_kill,
	SYS_tkill,
	SYS_tgkill,
	SYS_rt_sigqueueinfo,
	SYS_settimeofday,
	SYS_sethostname,
	SYS_setpriority,
	SYS_setdomainname,
	SYS_rt_tgsigqueueinfo,
	SYS_process_vm_writev,
	SYS_prlimit64,
	SYS_adjtimex,
	SYS_clock_adjtime,
};

static bool as_root, together;
static char *common; /* shared by all children */
static uint64_t state;
static char *memory; /* of the child: writable, read-only, forbidden, unmapped pages in turn */

static uint64_t any(uint64_t n)
{
	return test_random(&state) % n;
}

static uint64_t boundary(void)
{
	static const uint64_t edges[] = { 0,
					  1,
					  2,
					  3,
					  7,
					  8,
					  4095,
					  4096,
					  4097,
					  65535,
					  65536,
					  1ul << 20,
					  0x7ffffffful,
					  0x80000000ul,
					  0xfffffffful,
					  1ul << 32,
					  1ul << 38,
					  (1ul << 38) - 4096,
					  1ul << 39,
					  1ul << 62,
					  1ul << 63,
					  ~0ul,
					  ~0ul - 1,
					  -4096ul,
					  -4095ul,
					  (1ul << 63) - 1,
					  0xffffffc000000000ul,
					  0xffffffd600000000ul,
					  0xffffffff80000000ul };
	uint64_t e = edges[any(sizeof(edges) / sizeof(edges[0]))];

	return any(4) ? e : e + any(17) - 8;
}

/* An address: good, at the end of a good page, read-only, forbidden, nowhere, the kernel's, unaligned. */
static uint64_t address(bool for_write)
{
	uint64_t page = (uint64_t)memory + any(16) * PG;

	switch (any(12)) {
	case 0:
		return boundary();
	case 1:
		return page + PG - any(64);
	case 2:
		return page + any(PG);
	case 3:
		return page;
	case 4:
		return (uint64_t)common + any(PG);
	default:
		return (uint64_t)memory + (for_write ? 0 : any(2) * PG) + any(256) * 8;
	}
}

/* Memory with something in it that may pass for a structure. */
static uint64_t content(void)
{
	uint64_t *at = (uint64_t *)(memory + any(500) * 8);

	for (int i = 0; i < 8; i++)
		at[i] = any(3) ? any(5) : any(2) ? boundary() : address(true);
	return any(8) ? (uint64_t)at : address(false);
}

static uint64_t timespec(void)
{
	uint64_t *at = (uint64_t *)(memory + 2048 + any(32) * 16);

	at[0] = any(4) ? 0 : boundary();
	at[1] = any(4) ? any(20000000) : boundary();
	return any(6) ? (uint64_t)at : any(2) ? 0 : address(false);
}

static uint64_t vector(void)
{
	struct iovec *v = (struct iovec *)(memory + 3072);

	for (int i = 0; i < 8; i++) {
		v[i].iov_base = (void *)address(true);
		v[i].iov_len = any(3) ? any(5000) : boundary();
	}
	return any(8) ? (uint64_t)v : address(false);
}

static uint64_t path(void)
{
	/* the first RELATIVE are all that root is given: with them it does the system no harm */
	enum { RELATIVE = 14 };
	static const char *const names[] = { "a",
					     "b",
					     "c",
					     "d",
					     "d/a",
					     "d/e",
					     "d/e/f",
					     ".",
					     "",
					     "l",
					     "l/x",
					     "a/b",
					     "loop",
					     "./d//b",
					     "..",
					     "/",
					     "/tmp",
					     "/proc/self/maps",
					     "/proc/self/mem",
					     "/proc/self/smaps",
					     "/proc/self/fd",
					     "/proc/self/fd/3",
					     "/proc/self/exe",
					     "/proc/self/cwd/a",
					     "/proc/self/environ",
					     "/proc/self/oom_score_adj",
					     "/proc/self/status",
					     "/proc/self/task",
					     "/proc/1/maps",
					     "/proc/vmstat",
					     "/proc/meminfo",
					     "/proc/self/pagemap",
					     "/dev/null",
					     "/dev/zero",
					     "/dev/full",
					     "/dev/urandom",
					     "/dev/tty",
					     "/dev/console",
					     "/dev/vda",
					     "/dev/ptmx",
					     "/dev/shm/x",
					     "/dev/kmsg",
					     "/bin/true",
					     "/bin/sh",
					     "/etc/passwd",
					     "/proc/sys/vm/swappiness",
					     "/proc/sysrq-trigger",
					     "/dev/pts/0",
					     "/nowhere" };
	char *at = memory + 1024 + any(4) * 128;

	if (any(40) == 0) { /* too long, or without an end */
		memset(at, any(2) ? 'x' : '/', PG - 1024);
		return (uint64_t)at;
	}
	strcpy(at, names[any(as_root ? RELATIVE : sizeof(names) / sizeof(names[0]))]);
	return any(12) ? (uint64_t)at : address(false);
}

static uint64_t process(void)
{
	switch (any(8)) {
	case 0:
		return boundary();
	case 1:
		return 1;
	case 2:
		return (uint64_t)-1;
	case 3:
		return (uint64_t)getppid();
	default:
		return any(2) ? (uint64_t)getpid() : 0;
	}
}

static uint64_t argument(char kind)
{
	switch (kind) {
	case 'd':
		return any(10) ? any(24) : boundary();
	case 'D':
		return any(4) ? (uint64_t)AT_FDCWD : any(24);
	case 'p':
		return path();
	case 'w':
	case 'l':
		return any(20) ? address(true) : 0;
	case 'r':
		return any(20) ? content() : 0;
	case 'n':
		return any(3) ? any(3 * PG) : boundary();
	case 'i':
		return any(5) ? any(9) : any(2) ? 1ul << any(32) : boundary();
	case 'f':
		return any(3) ? 1ul << any(32) | 1ul << any(32) | any(3) : any(2) ? any(4) : boundary();
	case 'm':
		return any(2) ? 0777 : any(0200000);
	case 'P':
		return process();
	case 's':
		return any(6) ? any(66) : boundary();
	case 'a':
		return any(4) ? ((uint64_t)memory & ~(PG - 1)) + any(64) * PG : any(2) ? 0 : boundary();
	case 't':
		return timespec();
	case 'v':
		return vector();
	case 'c':
		return any(6) ? any(9) : boundary();
	default:
		return any(3) ? any(100000) : boundary();
	}
}

/* A new process or thread must not go on with the fuzzing, nor return into a stack that is not its own. */
static void no_company(long number, uint64_t *a)
{
	if (number == SYS_clone)
		a[0] &= ~(uint64_t)(0x100 | 0x4000 | 0x10000); /* not CLONE_VM, CLONE_VFORK, CLONE_THREAD */
}

static void one_call(int slot)
{
	const struct call *c = &calls[any(NCALLS)];
	long number = any(30) ? c->number : (long)any(470);
	uint64_t a[6] = { 0 };
	size_t known = number == c->number ? strlen(c->arguments) : 0;

	for (size_t i = 0; as_root && i < sizeof(not_as_root) / sizeof(not_as_root[0]); i++)
		if (number == not_as_root[i])
			return;
	if (number == SYS_exit || number == SYS_exit_group || number == SYS_clone3)
		return;
	for (size_t i = 0; i < 6; i++)
		a[i] = argument(i < known ? c->arguments[i] : 'z');
	no_company(number, a);
	shared->now[slot] = (int)number;
	pid_t me = getpid();
	syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (getpid() != me)
		_exit(0);
	__atomic_fetch_add(&shared->made, 1, __ATOMIC_RELAXED);
}

static void set_limit(int what, rlim_t most)
{
	struct rlimit r = { most, most };

	setrlimit(what, &r);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* The child: its own memory, some descriptors, then calls until it has made enough or dies of one. */
static void episode(int slot, uint64_t seed)
{
	int fd[2];

	state = seed;
	set_limit(RLIMIT_AS, 64 * MIB);
	set_limit(RLIMIT_FSIZE, MIB);
	set_limit(RLIMIT_NPROC, 12);
	set_limit(RLIMIT_NOFILE, 40);
	for (int sig = 1; sig < 32; sig++)
		if (any(4) && sig != SIGSEGV && sig != SIGBUS && sig != SIGILL && sig != SIGFPE)
			signal(sig, any(2) ? on_signal : SIG_DFL);
	/* between guards, so that what runs over its end does not reach what is shared with the supervisor */
	memory = mmap(NULL, 144 * PG, PROT_NONE, MAP_ANONYMOUS | (any(2) ? MAP_SHARED : MAP_PRIVATE), -1, 0);
	if (memory == MAP_FAILED || mprotect(memory += 64 * PG, 16 * PG, RW))
		_exit(0);
	mprotect(memory + 5 * PG, PG, PROT_READ);
	mprotect(memory + 7 * PG, PG, PROT_NONE);
	munmap(memory + 9 * PG, PG);
	mmap(memory + 11 * PG, PG, RW, MAP_SHARED | MAP_FIXED, open("a", O_RDWR | O_CREAT, 0666), 0);
	open("b", O_RDWR | O_CREAT | O_APPEND, 0666);
	open(".", O_RDONLY | O_DIRECTORY);
	mkdir("d", 0777);
	symlink("d", "l");
	symlink("loop", "loop");
	if (pipe(fd) == 0)
		fcntl(fd[1], F_SETFL, O_NONBLOCK);
	signal(SIGALRM, on_signal); /* ends what waits */
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 20000 }, { 0, 20000 } }, NULL);
	for (int i = 0; i < EPISODE; i++)
		one_call(slot);
	_exit(0);
}

/* All that the user has left: without privileges kill(-1) reaches nothing else. Of root's the child's group must do. */
static void kill_all_of(uid_t user, pid_t child)
{
	pid_t pid;

	kill(-child, SIGKILL);
	if (as_root)
		return;
	pid = fork();
	if (pid == 0) {
		if (setresuid(user, user, user) == 0)
			kill(-1, SIGKILL);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* Waits for the child at most two seconds, then kills it; if that does not end it the kernel has failed. */
static void see_it_end(pid_t pid, uid_t user, int slot)
{
	time_t begin = time(NULL);
	bool killed = false;

	while (waitpid(pid, NULL, WNOHANG) != pid) {
		time_t past = time(NULL) - begin;
		if (past >= 2 && !killed) {
			kill_all_of(user, pid);
			kill(pid, SIGKILL);
			killed = true;
			__atomic_fetch_add(&shared->killed, 1, __ATOMIC_RELAXED);
		}
		if (past >= PATIENCE)
			FAIL("process %d was killed and does not end; its last system call is %d", pid,
			     shared->now[slot]);
		usleep(2000);
	}
}

static void worker(int slot, uint64_t seed, uint64_t total)
{
	uid_t user = as_root ? 0 : FIRST_USER + (together ? 0 : (uid_t)slot);
	char dir[32];
	pid_t pid = 0;

	snprintf(dir, sizeof(dir), "user%d", together ? 0 : slot);
	if (mkdir(dir, 0777) < 0)
		EQ(errno, EEXIST);
	SYS(chown(dir, user, user));
	SYS(chdir(dir));
	for (uint64_t n = 0; shared->made < total; n++) {
		uint64_t s = seed * 1000003 + (uint64_t)slot * 10007 + n;
		pid = fork();
		if (pid < 0) {
			usleep(10000);
			continue;
		}
		if (pid == 0) {
			int null = open("/dev/null", O_RDWR);
			setsid();
			for (int fd = 0; fd < 3; fd++)
				dup2(null, fd);
			if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user))
				_exit(1);
			episode(slot, s);
		}
		see_it_end(pid, user, slot);
		__atomic_fetch_add(&shared->episodes, 1, __ATOMIC_RELAXED);
		if (n % 16 == 15)
			kill_all_of(user, pid);
	}
	kill_all_of(user, pid);
	_exit(0);
}

static char guard[PG] __attribute__((aligned(4096)));

int main(int argc, char **argv)
{
	uint64_t total, seed;
	pid_t pids[SLOTS];
	int workers;

	argc = test_begin("sysfuzz", argc, argv);
	if (argc > 1 && argv[1][0] == '-') {
		together = argv[1][1] == 's';
		as_root = argv[1][1] == 'r';
		argc--;
		argv++;
	}
	total = argc > 1 ? strtoul(argv[1], NULL, 0) : 50000;
	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	workers = argc > 3 ? atoi(argv[3]) : 4;
	if (workers < 1 || workers > SLOTS)
		workers = 4;
	shared = mmap(NULL, sizeof(*shared), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	common = mmap(NULL, 66 * PG, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(common != MAP_FAILED && mprotect(common, 2 * PG, RW) == 0);
	memset(guard, 0x5a, sizeof(guard));
	for (int i = 0; i < workers; i++)
		if ((pids[i] = test_fork()) == 0)
			worker(i, seed, total);
	for (int i = 0; i < workers; i++)
		EXITED(pids[i], 0);
	for (size_t i = 0; i < sizeof(guard); i++)
		EQ(guard[i], 0x5a);
	printf("sysfuzz: %llu calls by %llu children, of which %llu had to be killed\n",
	       (unsigned long long)shared->made, (unsigned long long)shared->episodes,
	       (unsigned long long)shared->killed);
	return 0;
}
