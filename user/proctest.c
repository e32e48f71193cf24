/* SPDX-License-Identifier: ISC */
/*
 * proctest: processes: what wait reports, sleeps that stops interrupt, signals taken by waiting for them, queued signals, groups
 * that nobody can continue, vfork, timers, limits, set-id programs, ends of many processes at once.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "include/testlib.h"

static char *self;
static volatile sig_atomic_t count, values[16];

static long now_ms(void)
{
	struct timespec t;

	SYS(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static void on_signal(int sig)
{
	(void)sig;
	count++;
}

static void on_value(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	if (count < 16)
		values[count] = si->si_value.sival_int;
	count++;
}

static void wait_stopped(pid_t pid, int sig)
{
	int st;

	EQ(SYS(waitpid(pid, &st, WUNTRACED)), pid);
	CHECK(WIFSTOPPED(st) && WSTOPSIG(st) == sig);
}

/* A process that is stopped and continued sleeps on until the time it wanted. */
static void sleep_over_stop(void)
{
	long start = now_ms();
	pid_t pid = test_fork();
	int st;

	if (pid == 0) {
		struct timespec t = { 0, 400000000 };

		_exit(nanosleep(&t, NULL) == 0 ? 0 : 1);
	}
	nap(50);
	SYS(kill(pid, SIGSTOP));
	wait_stopped(pid, SIGSTOP);
	nap(50);
	SYS(kill(pid, SIGCONT));
	EQ(SYS(waitpid(pid, &st, WCONTINUED)), pid);
	CHECK(WIFCONTINUED(st));
	EXITED(pid, 0);
	CHECK(now_ms() - start >= 400);
	CHECK(now_ms() - start < 5000);
}

/* So does poll, which ends for a signal only when a handler has run. */
static void poll_over_stop(void)
{
	long start = now_ms();
	pid_t pid = test_fork();

	if (pid == 0)
		_exit(poll(NULL, 0, 300) == 0 ? 0 : 1);
	nap(50);
	SYS(kill(pid, SIGSTOP));
	wait_stopped(pid, SIGSTOP);
	SYS(kill(pid, SIGCONT));
	EXITED(pid, 0);
	CHECK(now_ms() - start >= 300);
	pid = test_fork();
	if (pid == 0) {
		CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
		ERR(poll(NULL, 0, 10000), EINTR);
		_exit(0);
	}
	nap(100);
	SYS(kill(pid, SIGUSR1));
	EXITED(pid, 0);
}

/* Blocked signals and ignored ones do not end a sleep; handled ones do, and say what is left. */
static void sleep_and_signals(void)
{
	struct timespec t = { 0, 200000000 }, left = { 0, 0 };
	sigset_t set, old;
	pid_t pid, me = getpid();

	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SYS(sigprocmask(SIG_BLOCK, &set, &old));
	count = 0;
	pid = test_fork();
	if (pid == 0) {
		nap(20);
		kill(me, SIGUSR1);
		kill(me, SIGCONT);
		kill(me, SIGWINCH);
		_exit(0);
	}
	EQ(nanosleep(&t, &left), 0);
	EQ(count, 0);
	SYS(sigprocmask(SIG_SETMASK, &old, NULL));
	EQ(count, 1);
	EXITED(pid, 0);
	t.tv_sec = 10;
	pid = test_fork();
	if (pid == 0) {
		nap(50);
		kill(me, SIGUSR1);
		_exit(0);
	}
	ERR(nanosleep(&t, &left), EINTR);
	CHECK(left.tv_sec >= 5 && left.tv_sec <= 10);
	EXITED(pid, 0);
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

/* sigtimedwait takes blocked signals, also those whose default is to be ignored. */
static void waited_for(void)
{
	const struct timespec short_time = { 0, 30000000 }, long_time = { 20, 0 };
	sigset_t set, old;
	siginfo_t si;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR2);
	SYS(sigprocmask(SIG_BLOCK, &set, &old));
	ERR(sigtimedwait(&set, &si, &short_time), EAGAIN);
	pid = test_fork();
	if (pid == 0) {
		nap(30);
		_exit(5);
	}
	EQ(SYS(sigtimedwait(&set, &si, &long_time)), SIGCHLD);
	EQ(si.si_pid, pid);
	EQ(si.si_code, CLD_EXITED);
	EQ(si.si_status, 5);
	EXITED(pid, 5);
	SYS(raise(SIGUSR2));
	EQ(SYS(sigtimedwait(&set, &si, NULL)), SIGUSR2);
	ERR(sigtimedwait(&set, &si, &short_time), EAGAIN);
	SYS(sigprocmask(SIG_SETMASK, &old, NULL));
}

/* Real-time signals are queued, each with its value, in order. */
static void queued(void)
{
	struct sigaction sa;
	sigset_t set, old;
	int sig = 40;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_value;
	sa.sa_flags = SA_SIGINFO;
	SYS(sigaction(sig, &sa, NULL));
	sigemptyset(&set);
	sigaddset(&set, sig);
	SYS(sigprocmask(SIG_BLOCK, &set, &old));
	count = 0;
	for (int i = 0; i < 10; i++)
		SYS(sigqueue(getpid(), sig, (union sigval){ .sival_int = 100 + i }));
	EQ(count, 0);
	SYS(sigprocmask(SIG_SETMASK, &old, NULL));
	EQ(count, 10);
	for (int i = 0; i < 10; i++)
		EQ(values[i], 100 + i);
	CHECK(signal(sig, SIG_DFL) != SIG_ERR);
	ERR(sigqueue(getpid(), 65, (union sigval){ .sival_int = 0 }), EINVAL);
}

/* A group whose parents are all gone or in it is not stopped by the terminal's signals; stopped ones are hung up. */
static void orphaned_groups(void)
{
	pid_t pid = test_fork();
	int p[2];
	char c = 0;

	if (pid == 0) {
		SYS(setsid());
		raise(SIGTSTP); /* nothing: nobody could continue us */
		raise(SIGTTIN);
		_exit(3);
	}
	EXITED(pid, 3);
	SYS(pipe(p));
	pid = test_fork();
	if (pid == 0) {
		pid_t kid = SYS(fork());

		if (kid == 0) {
			SYS(setpgid(0, 0));
			CHECK(signal(SIGHUP, on_signal) != SIG_ERR);
			count = 0;
			SYS(write(p[1], "s", 1));
			SYS(kill(getpid(), SIGSTOP));
			SYS(write(p[1], count == 1 ? "h" : "-", 1));
			_exit(0);
		}
		wait_stopped(kid, SIGSTOP);
		_exit(0); /* its group is orphaned now: SIGHUP, SIGCONT */
	}
	EXITED(pid, 0);
	SYS(close(p[1]));
	EQ(SYS(read(p[0], &c, 1)), 1);
	EQ(c, 's');
	EQ(SYS(read(p[0], &c, 1)), 1);
	EQ(c, 'h');
	EQ(SYS(read(p[0], &c, 1)), 0);
	SYS(close(p[0]));
}

static volatile int shared_word;

static int vfork_child(void *arg)
{
	nap(50);
	shared_word = 77;
	if (arg) {
		execl(self, "proctest", "-exit", "9", (char *)NULL);
		_exit(1);
	}
	_exit(8);
}

/* The parent stands still until the child has left its memory, which is one with its own. */
static void vforked(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		shared_word = 0;
		pid = (pid_t)SYS(clone(vfork_child, stack + sizeof(stack), flags, i ? stack : NULL));
		EQ(shared_word, 77);
		EXITED(pid, i ? 9 : 8);
	}
}

static void timers(void)
{
	struct itimerval it = { { 0, 10000 }, { 0, 20000 } }, old;
	long start = now_ms();
	sigset_t none;

	sigemptyset(&none);
	CHECK(signal(SIGALRM, on_signal) != SIG_ERR);
	count = 0;
	SYS(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 10)
		sigsuspend(&none);
	CHECK(now_ms() - start >= 100);
	memset(&it, 0, sizeof(it));
	SYS(setitimer(ITIMER_REAL, &it, &old));
	EQ(old.it_interval.tv_usec, 10000);
	EQ(SYS(alarm(100)), 0);
	CHECK(alarm(0) >= 99);
	CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
}

static void limits(void)
{
	struct rlimit r;
	pid_t pid;

	SYS(getrlimit(RLIMIT_NOFILE, &r));
	pid = test_fork();
	if (pid == 0) {
		r.rlim_cur = 10;
		SYS(setrlimit(RLIMIT_NOFILE, &r));
		ERR(dup2(0, 10), EBADF);
		SYS(dup2(0, 9));
		while (dup(0) >= 0)
			;
		EQ(errno, EMFILE);
		r.rlim_cur = r.rlim_max = 8;
		SYS(setrlimit(RLIMIT_NOFILE, &r));
		r.rlim_cur = 9;
		ERR(setrlimit(RLIMIT_NOFILE, &r), EINVAL);
		ERR(getrlimit((unsigned)99, &r), EINVAL);
		r.rlim_cur = r.rlim_max = 64 * MIB;
		SYS(setrlimit(RLIMIT_AS, &r));
		CHECK(mmap(NULL, 128 * MIB, RW, ANON, -1, 0) == MAP_FAILED);
		EQ(errno, ENOMEM);
		_exit(0);
	}
	EXITED(pid, 0);
}

/* Who waits for a child that another one of its kind is buried before, or that is stopped meanwhile, misses nothing. */
static void crowds(void)
{
	enum { N = 24, ROUNDS = 10 };

	for (int round = 0; round < ROUNDS; round++) {
		pid_t pid[N], got;
		int st, seen = 0;

		for (int i = 0; i < N; i++) {
			pid[i] = (pid_t)SYS(fork());
			if (pid[i] == 0) {
				if (i % 3 == 0)
					_exit(i);
				if (i % 3 == 1 && fork() == 0) { /* orphans for init */
					nap(i % 7);
					_exit(0);
				}
				for (;;)
					if (i % 3 == 1)
						_exit(i);
					else
						pause();
			}
		}
		for (int i = 2; i < N; i += 3)
			SYS(kill(pid[i], i % 2 ? SIGKILL : SIGTERM));
		while ((got = waitpid(-1, &st, 0)) > 0) {
			int i = 0;

			while (pid[i] != got)
				i++;
			if (i % 3 == 2)
				CHECK(WIFSIGNALED(st) && WTERMSIG(st) == (i % 2 ? SIGKILL : SIGTERM));
			else
				CHECK(WIFEXITED(st) && WEXITSTATUS(st) == i);
			seen++;
		}
		EQ(errno, ECHILD);
		EQ(seen, N);
	}
}

/* Children that nobody wants to hear of are buried by the system. */
static void unwanted_children(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
		for (int i = 0; i < 8; i++)
			if (SYS(fork()) == 0)
				_exit(0);
		ERR(wait(NULL), ECHILD);
		_exit(0);
	}
	EXITED(pid, 0);
}

static void set_id(void)
{
	char *copy = "./setid";
	char buf[4096];
	long n;
	int from, to;
	pid_t pid;

	if (geteuid() != 0)
		return;
	from = (int)SYS(open(self, O_RDONLY));
	to = (int)SYS(open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	while ((n = SYS(read(from, buf, sizeof(buf)))) > 0)
		EQ(SYS(write(to, buf, (size_t)n)), n);
	SYS(fchown(to, 1234, 5678));
	SYS(fchmod(to, 06755));
	SYS(close(from));
	SYS(close(to));
	pid = test_fork();
	if (pid == 0) {
		SYS(execl(copy, "proctest", "-ids", (char *)NULL));
	}
	EXITED(pid, 0);
	SYS(unlink(copy));
}

/* STOP and CONT in turn, killed in the middle: no state is missed, and SIGKILL ends it in any. */
static void stop_storm(void)
{
	for (int round = 0; round < 5; round++) {
		pid_t victim = test_fork(), other;

		if (victim == 0)
			for (;;)
				getppid();
		other = test_fork();
		if (other == 0) {
			for (int i = 0; i < 300; i++)
				kill(victim, i & 1 ? SIGCONT : SIGSTOP);
			_exit(0);
		}
		for (int i = 0; i < 300; i++)
			kill(victim, i % 3 ? SIGCONT : SIGTSTP);
		EXITED(other, 0);
		SYS(kill(victim, SIGKILL));
		KILLED(victim, SIGKILL);
	}
}

static void touch_pages(int n)
{
	volatile char *p =
		mmap(0, (size_t)n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	for (int i = 0; i < n; i++)
		p[i * 4096] = 1;
	SYS(munmap((void *)p, (size_t)n * 4096));
}

/* Page faults are counted for getrusage and wait4, also those of children. */
static void fault_counts(void)
{
	struct rusage before, after;
	pid_t child;
	int st;

	SYS(getrusage(RUSAGE_SELF, &before));
	touch_pages(16);
	SYS(getrusage(RUSAGE_SELF, &after));
	CHECK(after.ru_minflt > before.ru_minflt);
	SYS(getrusage(RUSAGE_CHILDREN, &before));
	child = test_fork();
	if (child == 0) {
		touch_pages(16);
		_exit(0);
	}
	EQ(wait4(child, &st, 0, &after), child);
	CHECK(after.ru_minflt > 0);
	SYS(getrusage(RUSAGE_CHILDREN, &after));
	CHECK(after.ru_minflt > before.ru_minflt);
}

/* A child made for one's own parent has its usual signal: nobody chooses what a stranger gets. */
static void sibling_signal(void)
{
	pid_t child, sibling;
	int p[2];

	count = 0;
	signal(SIGUSR1, on_signal);
	SYS(pipe(p));
	child = test_fork();
	if (child == 0) {
		sibling = SYS(syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0));
		if (sibling)
			SYS(write(p[1], &sibling, sizeof(sibling)));
		_exit(0);
	}
	EXITED(child, 0);
	EQ(SYS(read(p[0], &sibling, sizeof(sibling))), (long)sizeof(sibling));
	EXITED(sibling, 0);
	EQ(count, 0);
	signal(SIGUSR1, SIG_DFL);
	SYS(close(p[0]));
	SYS(close(p[1]));
}

static int ids(void)
{
	return getuid() == 0 && geteuid() == 1234 && getegid() == 5678 && setuid(0) == 0 && geteuid() == 0 ?
		       0 :
		       1;
}

static const struct test tests[] = {
	{ "sleep over stop", sleep_over_stop },
	{ "poll over stop", poll_over_stop },
	{ "sleep and signals", sleep_and_signals },
	{ "waited for", waited_for },
	{ "queued", queued },
	{ "orphaned groups", orphaned_groups },
	{ "vfork", vforked },
	{ "timers", timers },
	{ "limits", limits },
	{ "crowds", crowds },
	{ "unwanted children", unwanted_children },
	{ "set-id", set_id },
	{ "stop storm", stop_storm },
	{ "fault counts", fault_counts },
	{ "sibling's signal", sibling_signal },
};

int main(int argc, char **argv)
{
	static char path[4096];
	long n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	self = n > 0 ? path : argv[0];
	if (argc > 2 && strcmp(argv[1], "-exit") == 0)
		return atoi(argv[2]);
	if (argc > 1 && strcmp(argv[1], "-ids") == 0)
		return ids();
	return test_main("proctest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
