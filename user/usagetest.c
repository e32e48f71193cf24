/* SPDX-License-Identifier: ISC */
/* What a process used (getrusage, wait4, waitid), and niceness: who is asked, and that it counts. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "include/testlib.h"

static const char *self;

#define SIZE (8 * MIB)

/* Uses so much memory and gives it back. */
static void use(size_t size)
{
	char *p = mmap(NULL, size, RW, ANON, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < size; i += PG)
		p[i] = 1;
	CHECK(munmap(p, size) == 0);
}

static long peak(int who)
{
	struct rusage u;

	CHECK(getrusage(who, &u) == 0);
	return u.ru_maxrss;
}

/* The largest resident set is remembered: after munmap, over exec, and by who waits. */
static void peaks(void)
{
	char text[32];
	struct rusage u;
	int status;

	CHECK(peak(RUSAGE_CHILDREN) < (long)SIZE / 1024);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		long before = peak(RUSAGE_SELF);
		use(SIZE);
		CHECK(peak(RUSAGE_SELF) >= (long)SIZE / 1024 && peak(RUSAGE_SELF) >= before);
		CHECK(peak(RUSAGE_THREAD) == peak(RUSAGE_SELF));
		snprintf(text, sizeof text, "%lu", SIZE / 1024);
		execl(self, self, "-peak", text, (char *)NULL);
		_exit(127);
	}
	CHECK(wait4(pid, &status, 0, &u) == pid);
	EQ(status, 0);
	CHECK(u.ru_maxrss >= (long)SIZE / 1024);
	CHECK(peak(RUSAGE_CHILDREN) >= (long)SIZE / 1024);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) /* a child begins anew */
		_exit(peak(RUSAGE_SELF) < (long)SIZE / 1024 && peak(RUSAGE_CHILDREN) == 0 ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	EQ(status, 0);
}

static void spin(double seconds)
{
	struct timespec now;

	do
		CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
	while ((double)now.tv_sec + (double)now.tv_nsec / 1e9 < seconds);
}

/* The system call tells the usage; the library's function has no place for it. */
static void of_waitid(void)
{
	struct rusage u = { .ru_maxrss = -1 };
	siginfo_t si;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		spin(0.1);
		_exit(0);
	}
	CHECK(syscall(SYS_waitid, P_PID, pid, &si, WEXITED | WNOWAIT, &u) == 0);
	CHECK(u.ru_utime.tv_sec + u.ru_stime.tv_sec > 0 || u.ru_utime.tv_usec + u.ru_stime.tv_usec >= 90000);
	CHECK(u.ru_maxrss > 0);
	u.ru_maxrss = -1;
	CHECK(syscall(SYS_waitid, P_PGID, 0, &si, WEXITED, &u) == 0); /* 0: one's own group */
	EQ(si.si_pid, pid);
	CHECK(u.ru_maxrss > 0);
	ERR(syscall(SYS_waitid, P_PGID, 0, &si, WEXITED, &u), ECHILD);
	ERR(syscall(SYS_wait4, (pid_t)0x80000000, 0, 0, 0), ESRCH);
}

/* A child in a group of its own that waits to be killed. */
static pid_t sleeper(uid_t uid)
{
	int fd[2];
	char c;

	CHECK(pipe(fd) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(setpgid(0, 0) == 0);
		if (uid)
			CHECK(setuid(uid) == 0);
		CHECK(write(fd[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	CHECK(read(fd[0], &c, 1) == 1);
	close(fd[0]);
	close(fd[1]);
	return pid;
}

static void end(pid_t pid)
{
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, NULL, 0) == pid);
}

static void priorities(void)
{
	pid_t a = sleeper(0);

	errno = 0;
	EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK(setpriority(PRIO_PGRP, a, 7) == 0);
	EQ(getpriority(PRIO_PROCESS, a), 7);
	EQ(getpriority(PRIO_PGRP, a), 7);
	EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK(setpriority(PRIO_PROCESS, a, 100) == 0);
	EQ(getpriority(PRIO_PGRP, a), 19);
	ERR(getpriority(PRIO_PGRP, 999999999), ESRCH);
	ERR(setpriority(PRIO_PGRP, 999999999, 1), ESRCH);
	ERR(getpriority(PRIO_USER, 54321), ESRCH);
	ERR(getpriority(3, 0), EINVAL);
	if (geteuid() == 0) {
		pid_t b = sleeper(54321);
		CHECK(setpriority(PRIO_USER, 54321, 3) == 0);
		EQ(getpriority(PRIO_PROCESS, b), 3);
		EQ(getpriority(PRIO_USER, 54321), 3);
		EQ(getpriority(PRIO_PROCESS, 0), 0);
		end(b);
		pid_t c = fork();
		CHECK(c >= 0);
		if (c == 0) {
			CHECK(setuid(54321) == 0);
			ERR(setpriority(PRIO_PROCESS, a, 19), EPERM);
			ERR(setpriority(PRIO_PROCESS, 0, -1), EACCES);
			CHECK(setpriority(PRIO_PROCESS, 0, 1) == 0);
			_exit(0);
		}
		int status;
		CHECK(waitpid(c, &status, 0) == c);
		EQ(status, 0);
	}
	end(a);
}

/* Children that compute, two for each processor, half of them nice: how much each kind got done, where they share one. */
static void niceness(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN), *done;
	pid_t kids[64];

	n = n > 16 ? 32 : 2 * n;
	done = mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(done != MAP_FAILED);
	for (long i = 0; i < n; i++) {
		kids[i] = fork();
		CHECK(kids[i] >= 0);
		if (kids[i])
			continue;
		CHECK(setpriority(PRIO_PROCESS, 0, i % 2 ? 19 : 0) == 0);
		for (;;)
			__atomic_fetch_add(&done[i % 2 * 64], 1, __ATOMIC_RELAXED);
	}
	usleep(1000000);
	for (long i = 0; i < n; i++)
		end(kids[i]);
	CHECK(done[64] > 0); /* nobody starves */
	if (n == 2 && done[0] < 3 * done[64])
		FAIL("who is nice did %ld, who is not %ld", done[64], done[0]);
	munmap(done, PG);
}

static void random_flags(void)
{
	char b[8];

	EQ(syscall(SYS_getrandom, b, sizeof b, GRND_RANDOM | GRND_NONBLOCK), sizeof b);
	EQ(syscall(SYS_getrandom, b, sizeof b, 4), sizeof b);
	ERR(syscall(SYS_getrandom, b, sizeof b, 4 | GRND_RANDOM), EINVAL);
	ERR(syscall(SYS_getrandom, b, sizeof b, 8), EINVAL);
}

static const struct test tests[] = {
	{ "peaks", peaks },	  { "waitid", of_waitid },	    { "priorities", priorities },
	{ "niceness", niceness }, { "random flags", random_flags },
};

int main(int argc, char **argv)
{
	static char path[4096];
	long n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	self = n > 0 ? path : argv[0];
	if (argc > 2 && strcmp(argv[1], "-peak") == 0)
		return peak(RUSAGE_SELF) >= atol(argv[2]) ? 0 : 1;
	return test_main("usagetest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
