/* SPDX-License-Identifier: ISC */
/*
 * stacktest [-d DIR] [MIB]: the stack grows by itself to its limit (8 MiB here) and not beyond, in small and
 * large steps, for programs, for the kernel's copies and for signal frames; it stops short of what lies
 * below it.
 * MIB (default 4, at most 7) is how deep every page is touched; the tests at the limit touch a page in
 * sixteen.
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <sys/resource.h>

#include "include/testlib.h"

#define LIMIT (8 * MIB)
#define BELOW (3 * MIB) /* the neighbour's distance from the stack pointer */

static unsigned long depth = 4 * MIB;
static char *stack_top;
static volatile sig_atomic_t handled;

/* frames of 800 bytes and more down to `bottom`; contents checked on the way up */
__attribute__((noinline)) static unsigned long small_frames(uintptr_t bottom, unsigned long n)
{
	volatile unsigned long frame[100];
	unsigned long deeper = 0;

	for (unsigned i = 0; i < 100; i++)
		frame[i] = n + i;
	if ((uintptr_t)frame > bottom)
		deeper = small_frames(bottom, n + 1);
	for (unsigned i = 0; i < 100; i++)
		if (frame[i] != n + i)
			FAIL("frame %lu word %u: expected %lu, seen %lu", n, i, n + i, frame[i]);
	return deeper + 1;
}

/* 64 KiB a step, one byte of it touched */
__attribute__((noinline)) static int large_frames(uintptr_t bottom)
{
	volatile char frame[64 * 1024 - 256];
	int below = 0;

	frame[0] = 1;
	if ((uintptr_t)frame > bottom)
		below = large_frames(bottom);
	return below + frame[0];
}

/* the neighbour is mapped shared, so that the parent sees whether the child's stack ran into it */
static struct report {
	uintptr_t fault;
	int code;
} * report;

static void on_overflow(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	report->fault = (uintptr_t)si->si_addr;
	report->code = si->si_code;
	_exit(42);
}

static void on_other_stack(void)
{
	stack_t ss;
	struct sigaction sa;

	memset(&ss, 0, sizeof(ss));
	ss.ss_size = 64 * 1024;
	ss.ss_sp = map_anon(ss.ss_size);
	SYS(sigaltstack(&ss, NULL));
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_sigaction = on_overflow;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
	SYS(sigaction(SIGSEGV, &sa, NULL));
}

/* first of the tests: the stack is still small */
static void neighbour(void)
{
	char here, *p = (char *)(((uintptr_t)&here & ~(PG - 1)) - BELOW);
	pid_t pid;

	SYS(mmap(p, 4 * PG, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	fill(p, 4 * PG, 0, 1);
	pid = test_fork();
	if (pid == 0) {
		on_other_stack();
		small_frames((uintptr_t)p, 0);
		_exit(0);
	}
	EXITED(pid, 42);
	SAME(p, 4 * PG, 0, 1);
	EQ(report->code, SEGV_MAPERR);
	CHECK(report->fault >= (uintptr_t)p + 5 * PG); /* a gap of at least a page was left */
	CHECK(report->fault < (uintptr_t)p + BELOW);
	pid = test_fork();
	if (pid == 0) {
		small_frames((uintptr_t)p, 0); /* with no room for a signal frame: killed */
		_exit(0);
	}
	KILLED(pid, SIGSEGV);
	SAME(p, 4 * PG, 0, 1);
	SYS(munmap(p, 4 * PG));
}

static void alloca_steps(void)
{
	char *p;

	for (unsigned long n = 100; n < depth / 4; n *= 2) {
		p = alloca(n);
		*(volatile char *)p = 'a';
		EQ(p[0], 'a');
	}
}

static void recursion(void)
{
	CHECK(small_frames((uintptr_t)stack_top - depth, 0) > depth / PG);
	CHECK(small_frames((uintptr_t)stack_top - depth, 7) >
	      depth / PG); /* again, now on pages that are there */
}

__attribute__((noinline)) static void read_below(int fd)
{
	char buf[128 * 1024];

	EQ(SYS(pread(fd, buf, 3 * PG, 0)), 3 * PG); /* the lowest pages: only the kernel touches them */
	SAME(buf, 3 * PG, 0, 2);
}

static void kernel_copy(void)
{
	int fd = make_file("f", 3 * PG, 2);
	pid_t pid = test_fork();

	if (pid == 0) {
		*(volatile char *)alloca(depth) = 1;
		read_below(fd);
		_exit(0);
	}
	EXITED(pid, 0);
	SYS(close(fd));
	SYS(unlink("f"));
}

static void on_signal(int sig)
{
	volatile char frame[3 * PG];

	(void)sig;
	frame[0] = frame[PG] = 1;
	handled += frame[0];
}

static void signal_frames(void)
{
	pid_t pid;

	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	pid = test_fork();
	if (pid == 0) {
		for (int i = 1; i <= 40; i++) { /* frames at different places within a page, on fresh pages */
			*(volatile char *)alloca(3 * PG + 112 * (unsigned)i) = 1;
			SYS(kill(getpid(), SIGUSR1));
			EQ(handled, i);
		}
		_exit(0);
	}
	EXITED(pid, 0);
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

static void forked_deep(void)
{
	volatile char *p = alloca(MIB);
	pid_t pid;

	for (unsigned long at = 0; at < MIB; at += PG)
		p[at] = (char)(at / PG);
	pid = test_fork();
	if (pid == 0) {
		for (unsigned long at = 0; at < MIB; at += PG) {
			EQ(p[at], (char)(at / PG));
			p[at] = 99;
		}
		large_frames((uintptr_t)p - 2 * MIB);
		_exit(0);
	}
	EXITED(pid, 0);
	for (unsigned long at = 0; at < MIB; at += PG)
		EQ(p[at], (char)(at / PG));
}

static void near_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		CHECK(large_frames((uintptr_t)stack_top - LIMIT + 512 * 1024) > 100);
		_exit(0);
	}
	EXITED(pid, 0);
}

static void beyond_limit(void)
{
	pid_t pid = test_fork();

	if (pid == 0) {
		large_frames((uintptr_t)stack_top - 2 * LIMIT);
		_exit(0);
	}
	KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (pid == 0) {
		on_other_stack();
		large_frames((uintptr_t)stack_top - 2 * LIMIT);
		_exit(0);
	}
	EXITED(pid, 42);
	EQ(report->code, SEGV_MAPERR);
	CHECK(report->fault < (uintptr_t)stack_top - LIMIT + 256 * 1024); /* all of the limit could be used */
	CHECK(report->fault > (uintptr_t)stack_top - LIMIT - 256 * 1024); /* and no more */
	FAULT(load(stack_top - LIMIT - MIB), SIGSEGV, SEGV_MAPERR, stack_top - LIMIT - MIB);
	FAULT(store(stack_top - LIMIT - MIB + 3, 1), SIGSEGV, SEGV_MAPERR, stack_top - LIMIT - MIB + 3);
}

static const struct test tests[] = {
	{ "stops before a neighbour", neighbour },
	{ "alloca", alloca_steps },
	{ "recursion", recursion },
	{ "kernel copies", kernel_copy },
	{ "signal frames", signal_frames },
	{ "fork", forked_deep },
	{ "near the limit", near_limit },
	{ "beyond the limit", beyond_limit },
};

int main(int argc, char **argv)
{
	struct rlimit lim;
	char here;

	stack_top = &here;
	if (argc > 1 && atoi(argv[argc - 1]) > 0) {
		depth = (unsigned long)atoi(argv[--argc]) * MIB;
		if (depth > 7 * MIB) {
			fprintf(stderr, "usage: stacktest [-d DIR] [MIB], at most 7\n");
			return 2;
		}
	}
	SYS(getrlimit(RLIMIT_STACK, &lim));
	lim.rlim_cur = LIMIT;
	SYS(setrlimit(RLIMIT_STACK, &lim));
	report = (struct report *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	return test_main("stacktest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
