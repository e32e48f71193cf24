/* SPDX-License-Identifier: ISC */
/*
 * sigtest: signals: handlers and what they are told, faults that a handler repairs, masks, interrupted and
 * restarted calls, default actions, stop and continue, registers kept across handlers, what exec and fork
 * inherit.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <time.h>
#include <ucontext.h>

#include "include/testlib.h"

static volatile sig_atomic_t count, last_sig, last_code, depth, deepest;
static volatile pid_t last_pid;
static volatile int last_status, repair_fd;
static char *volatile repair_at;
static uintptr_t volatile fault_at;

static void handle(int sig, void (*action)(int, siginfo_t *, void *), unsigned flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_sigaction = action;
	sa.sa_flags = (int)(flags | SA_SIGINFO);
	SYS(sigaction(sig, &sa, NULL));
}

static void set_default(int sig)
{
	CHECK(signal(sig, SIG_DFL) != SIG_ERR);
}

static void note(int sig, siginfo_t *si, void *context)
{
	(void)context;
	count++;
	last_sig = sig;
	last_code = si->si_code;
	last_pid = si->si_pid;
	last_status = si->si_status;
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static void information(void)
{
	pid_t pid;

	count = 0;
	handle(SIGUSR1, note, 0);
	SYS(kill(getpid(), SIGUSR1));
	EQ(count, 1);
	EQ(last_sig, SIGUSR1);
	EQ(last_code, SI_USER);
	EQ(last_pid, getpid());
	raise(SIGUSR1);
	EQ(count, 2);
	pid = test_fork(); /* handlers are inherited */
	if (pid == 0) {
		count = 0;
		SYS(kill(getpid(), SIGUSR1));
		_exit(count == 1 && last_pid == getpid() ? 0 : 1);
	}
	EXITED(pid, 0);
	EQ(count, 2);
	set_default(SIGUSR1);
}

static volatile int values[8];

static void note_value(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	if (count < 8)
		values[count] = si->si_value.sival_int;
	count++;
}

/* each of several that wait is told what it was sent with; real-time ones in the order of sending */
static void queues(void)
{
	const int sigs[] = { SIGUSR2, SIGRTMIN + 1, SIGUSR1, SIGRTMIN, SIGRTMIN + 1 };
	const int expected[] = { 104, 101, 103, 100,
				 102 }; /* as all are taken before a handler runs: the last one does first */
	sigset_t set, old;

	sigemptyset(&set);
	for (unsigned i = 0; i < 5; i++) {
		handle(sigs[i], note_value, SA_NODEFER);
		sigaddset(&set, sigs[i]);
	}
	for (int round = 0; round < 3; round++) {
		count = 0;
		SYS(sigprocmask(SIG_BLOCK, &set, &old));
		for (int i = 0; i < 5; i++)
			SYS(sigqueue(getpid(), sigs[i], (union sigval){ .sival_int = 100 + i }));
		EQ(count, 0);
		SYS(sigprocmask(SIG_SETMASK, &old, NULL));
		EQ(count, 5);
		for (int i = 0; i < 5; i++)
			EQ(values[i], expected[i]);
	}
	for (unsigned i = 0; i < 5; i++)
		set_default(sigs[i]);
}

static void child_died(void)
{
	pid_t pid;

	count = 0;
	handle(SIGCHLD, note, SA_RESTART);
	pid = test_fork();
	if (pid == 0)
		_exit(7);
	EXITED(pid, 7);
	EQ(count, 1);
	EQ(last_code, CLD_EXITED);
	EQ(last_pid, pid);
	EQ(last_status, 7);
	pid = test_fork();
	if (pid == 0) {
		kill(getpid(), SIGKILL);
		_exit(0);
	}
	KILLED(pid, SIGKILL);
	EQ(count, 2);
	EQ(last_code, CLD_KILLED);
	EQ(last_status, SIGKILL);
	set_default(SIGCHLD);
}

static void on_fault_unprotect(int sig, siginfo_t *si, void *context)
{
	(void)context;
	count++;
	last_sig = sig;
	last_code = si->si_code;
	fault_at = (uintptr_t)si->si_addr;
	if (mprotect((void *)(fault_at & ~(PG - 1)), PG, RW) == -1)
		_exit(9);
}

static void repair_protection(void)
{
	volatile unsigned char *p = map_anon(16 * PG);

	fill(p, 16 * PG, 0, 1);
	SYS(mprotect((void *)(uintptr_t)p, 16 * PG, PROT_READ));
	handle(SIGSEGV, on_fault_unprotect, 0);
	count = 0;
	for (unsigned i = 0; i < 16; i++) {
		unsigned long at = i * PG + i * 200;

		p[at] = 200; /* the store is done again when the handler returns */
		EQ(count, i + 1);
		EQ(last_sig, SIGSEGV);
		EQ(last_code, SEGV_ACCERR);
		EQ(fault_at, p + at);
		EQ(p[at], 200);
		p[at] = pattern(at, 1);
	}
	EQ(count, 16);
	SAME(p, 16 * PG, 0, 1);
	set_default(SIGSEGV);
	SYS(munmap((void *)(uintptr_t)p, 16 * PG));
}

static void on_fault_map(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	count++;
	last_code = si->si_code;
	fault_at = (uintptr_t)si->si_addr;
	if (mmap((void *)(fault_at & ~(PG - 1)), PG, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED)
		_exit(9);
}

static void repair_mapping(void)
{
	volatile unsigned char *p = map_anon(4 * PG);

	SYS(munmap((void *)(uintptr_t)p, 4 * PG));
	handle(SIGSEGV, on_fault_map, 0);
	count = 0;
	EQ(p[2 * PG + 5], 0);
	EQ(count, 1);
	EQ(last_code, SEGV_MAPERR);
	EQ(fault_at, p + 2 * PG + 5);
	p[3 * PG] = 7;
	EQ(p[3 * PG], 7);
	EQ(count, 2);
	set_default(SIGSEGV);
	SYS(munmap((void *)(uintptr_t)p, 4 * PG));
}

static void on_fault_extend(int sig, siginfo_t *si, void *context)
{
	(void)context;
	count++;
	last_sig = sig;
	last_code = si->si_code;
	fault_at = (uintptr_t)si->si_addr;
	if (ftruncate(repair_fd, (off_t)((fault_at - (uintptr_t)repair_at) / PG + 1) * (off_t)PG) == -1)
		_exit(9);
}

static void repair_file(void)
{
	volatile unsigned char *p;

	repair_fd = make_file("f", PG, 2);
	p = (unsigned char *)SYS(mmap(NULL, 8 * PG, RW, MAP_SHARED, repair_fd, 0));
	repair_at = (char *)(uintptr_t)p;
	handle(SIGBUS, on_fault_extend, 0);
	count = 0;
	SAME(p, PG, 0, 2);
	p[4 * PG + 9] = 'x';
	EQ(count, 1);
	EQ(last_sig, SIGBUS);
	EQ(last_code, BUS_ADRERR);
	EQ(fault_at, p + 4 * PG + 9);
	EQ(lseek(repair_fd, 0, SEEK_END), 5 * PG);
	EQ(p[3 * PG], 0);
	EQ(p[7 * PG], 0);
	EQ(count, 2);
	set_default(SIGBUS);
	SYS(munmap((void *)(uintptr_t)p, 8 * PG));
	SYS(close(repair_fd));
	SYS(unlink("f"));
}

static void faults_uncaught(void)
{
	volatile char *p = map_anon(PG);
	sigset_t set;
	pid_t pid;

	SYS(munmap((void *)(uintptr_t)p, PG));
	pid = test_fork();
	if (pid == 0) {
		p[0] = 1;
		_exit(0);
	}
	KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (pid == 0) { /* blocked or ignored: a fault kills all the same */
		sigemptyset(&set);
		sigaddset(&set, SIGSEGV);
		SYS(sigprocmask(SIG_BLOCK, &set, NULL));
		p[0] = 1;
		_exit(0);
	}
	KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_IGN);
		p[0] = 1;
		_exit(0);
	}
	KILLED(pid, SIGSEGV);
	pid = test_fork();
	if (pid == 0) {
		repair_fd = make_file("f", 0, 0);
		p = (char *)SYS(mmap(NULL, PG, RW, MAP_SHARED, repair_fd, 0));
		p[0] = 1;
		_exit(0);
	}
	KILLED(pid, SIGBUS);
	SYS(unlink("f"));
}

static void masks(void)
{
	sigset_t set, old, pending;

	handle(SIGUSR1, note, 0);
	handle(SIGUSR2, note, 0);
	count = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SYS(sigprocmask(SIG_BLOCK, &set, &old));
	CHECK(!sigismember(&old, SIGUSR1));
	SYS(kill(getpid(), SIGUSR1));
	SYS(kill(getpid(), SIGUSR1)); /* pending once */
	SYS(kill(getpid(), SIGUSR2)); /* not blocked */
	EQ(count, 1);
	EQ(last_sig, SIGUSR2);
	SYS(sigpending(&pending));
	CHECK(sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
	SYS(sigprocmask(SIG_SETMASK, &old, &set));
	CHECK(sigismember(&set, SIGUSR1));
	EQ(count, 2);
	EQ(last_sig, SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGKILL);
	sigaddset(&set, SIGSTOP);
	SYS(sigprocmask(SIG_BLOCK, &set, NULL)); /* silently not blocked */
	SYS(sigprocmask(SIG_SETMASK, NULL, &set));
	CHECK(!sigismember(&set, SIGKILL) && !sigismember(&set, SIGSTOP));
	ERR(sigprocmask(99, &set, NULL), EINVAL);
	set_default(SIGUSR1);
	set_default(SIGUSR2);
}

static void suspend(void)
{
	sigset_t set, none;
	pid_t pid, me = getpid();

	handle(SIGUSR1, note, 0);
	count = 0;
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	SYS(sigprocmask(SIG_BLOCK, &set, NULL));
	pid = test_fork();
	if (pid == 0) {
		for (int i = 0; i < 10; i++) {
			SYS(kill(me, SIGUSR1));
			nap(2);
		}
		_exit(0);
	}
	while (count < 3)
		ERR(sigsuspend(&none), EINTR);
	SYS(sigprocmask(SIG_SETMASK, NULL, &set));
	CHECK(sigismember(&set, SIGUSR1)); /* the mask is back */
	EXITED(pid, 0);
	SYS(sigprocmask(SIG_SETMASK, &none, NULL));
	set_default(SIGUSR1);
}

static void nest(int sig, siginfo_t *si, void *context)
{
	(void)si;
	(void)context;
	depth++;
	count++;
	if (depth > deepest)
		deepest = depth;
	if (count < 5)
		kill(getpid(), sig);
	depth--;
}

static void flags(void)
{
	struct sigaction sa;

	handle(SIGUSR1, nest, 0); /* blocked while handled: one after the other */
	count = depth = deepest = 0;
	SYS(kill(getpid(), SIGUSR1));
	EQ(count, 5);
	EQ(deepest, 1);
	handle(SIGUSR1, nest, SA_NODEFER);
	count = depth = deepest = 0;
	SYS(kill(getpid(), SIGUSR1));
	EQ(count, 5);
	EQ(deepest, 5);
	handle(SIGUSR1, note, SA_RESETHAND);
	SYS(kill(getpid(), SIGUSR1));
	SYS(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL);
	memset(&sa, 0, sizeof(sa)); /* sa_mask blocks others during the handler */
	sigemptyset(&sa.sa_mask);
	sa.sa_sigaction = nest;
	sa.sa_flags = SA_SIGINFO;
	sigaddset(&sa.sa_mask, SIGUSR2);
	SYS(sigaction(SIGUSR1, &sa, NULL));
	SYS(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_sigaction == nest && sigismember(&sa.sa_mask, SIGUSR2) && (sa.sa_flags & SA_SIGINFO));
	set_default(SIGUSR1);
	ERR(sigaction(SIGKILL, &sa, NULL), EINVAL);
	ERR(sigaction(SIGSTOP, &sa, NULL), EINVAL);
	ERR(sigaction(0, &sa, NULL), EINVAL);
	ERR(sigaction(1000, &sa, NULL), EINVAL);
}

/* a child signals us, then writes the byte that the parent waits for */
static void interrupted_read(unsigned sa_flags)
{
	int fd[2];
	char c = 0;
	pid_t pid, me = getpid();

	SYS(pipe(fd));
	handle(SIGUSR1, note, sa_flags);
	count = 0;
	pid = test_fork();
	if (pid == 0) {
		nap(30);
		SYS(kill(me, SIGUSR1));
		nap(30);
		put_token(fd[1], 'b');
		_exit(0);
	}
	if (sa_flags & SA_RESTART) {
		EQ(SYS(read(fd[0], &c, 1)), 1);
	} else {
		ERR(read(fd[0], &c, 1), EINTR);
		EQ(count, 1);
		EQ(SYS(read(fd[0], &c, 1)), 1);
	}
	EQ(count, 1);
	EQ(c, 'b');
	EXITED(pid, 0);
	SYS(close(fd[0]));
	SYS(close(fd[1]));
	set_default(SIGUSR1);
}

static void interruption(void)
{
	struct timespec t = { 10, 0 }, left = { 0, 0 };
	pid_t pid, me = getpid();

	interrupted_read(0);
	interrupted_read(SA_RESTART);
	handle(SIGUSR1, note, SA_RESTART);
	pid = test_fork();
	if (pid == 0) {
		nap(20);
		SYS(kill(me, SIGUSR1));
		nap(20);
		_exit(5);
	}
	EXITED(pid, 5);
	pid = test_fork();
	if (pid == 0) {
		nap(20);
		SYS(kill(me, SIGUSR1));
		_exit(0);
	}
	ERR(nanosleep(&t, &left), EINTR);
	CHECK(left.tv_sec > 0 && left.tv_sec < 10);
	EXITED(pid, 0);
	set_default(SIGUSR1);
}

static void broken_pipe(void)
{
	int fd[2];
	pid_t pid;

	SYS(pipe(fd));
	SYS(close(fd[0]));
	handle(SIGPIPE, note, 0);
	count = 0;
	ERR(write(fd[1], "x", 1), EPIPE);
	EQ(count, 1);
	CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	ERR(write(fd[1], "x", 1), EPIPE);
	set_default(SIGPIPE);
	pid = test_fork();
	if (pid == 0) {
		if (write(fd[1], "x", 1))
			_exit(0);
		_exit(0);
	}
	KILLED(pid, SIGPIPE);
	SYS(close(fd[1]));
}

static void default_actions(void)
{
	static const int deadly[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGABRT, SIGKILL,
				      SIGUSR1, SIGUSR2, SIGTERM, SIGALRM };
	static const int harmless[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	pid_t pid;

	for (unsigned i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		pid = test_fork();
		if (pid == 0) {
			set_default(deadly[i] == SIGKILL ? SIGTERM : deadly[i]);
			SYS(kill(getpid(), deadly[i]));
			_exit(0);
		}
		KILLED(pid, deadly[i]);
	}
	for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		SYS(kill(getpid(), harmless[i]));
	pid = test_fork();
	if (pid == 0)
		abort();
	KILLED(pid, SIGABRT);
	pid = test_fork();
	if (pid == 0)
		for (;;)
			pause();
	nap(10);
	EQ(waitpid(pid, NULL, WNOHANG), 0);
	SYS(kill(pid, 0));
	SYS(kill(pid, SIGTERM)); /* wakes and ends a sleeper */
	KILLED(pid, SIGTERM);
	pid = test_fork();
	if (pid == 0)
		for (volatile unsigned long i = 0;; i++)
			; /* ends one that never enters the kernel */
	nap(10);
	SYS(kill(pid, SIGKILL));
	KILLED(pid, SIGKILL);
	ERR(kill(pid, 0), ESRCH);
	ERR(kill(getpid(), 1000), EINVAL);
	ERR(kill(getpid(), -1), EINVAL);
}

static void stop_and_continue(void)
{
	volatile unsigned *counter = (unsigned *)SYS(mmap(NULL, PG, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	int status;
	unsigned before;
	pid_t pid = test_fork();

	if (pid == 0)
		for (;;)
			++*counter;
	while (!*counter)
		nap(1);
	SYS(kill(pid, SIGSTOP));
	EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told once */
	before = *counter;
	nap(20);
	EQ(*counter, before);
	SYS(kill(pid, SIGCONT));
	EQ(SYS(waitpid(pid, &status, WCONTINUED)), pid);
	CHECK(WIFCONTINUED(status));
	while (*counter == before)
		nap(1);
	SYS(kill(pid, SIGSTOP));
	EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
	SYS(kill(pid, SIGTERM)); /* waits for the continuation; SIGKILL does not */
	nap(10);
	EQ(waitpid(pid, &status, WNOHANG), 0);
	SYS(kill(pid, SIGKILL));
	EQ(SYS(waitpid(pid, &status, 0)), pid);
	CHECK(WIFSIGNALED(status));
	SYS(munmap((void *)(uintptr_t)counter, PG));
}

static volatile double handler_sum;

static void compute(int sig)
{
	double x = 1.5;

	(void)sig;
	for (int i = 0; i < 20; i++) /* uses the floating-point registers */
		x = x * 1.01 + count;
	handler_sum = x;
	count++;
}

/* what a loop keeps in registers survives handlers and switches to others that compute too */
static void registers(void)
{
	double a = 1, b = 2, c = 3, d = 4;
	unsigned long w = 1, x = 2, y = 3, z = 4, n = 0;
	pid_t pid, me = getpid();

	handle(SIGUSR1, note, 0);
	CHECK(signal(SIGUSR1, compute) != SIG_ERR);
	count = 0;
	pid = test_fork();
	if (pid == 0) {
		for (int i = 0; i < 300; i++) {
			compute(0);
			SYS(kill(me, SIGUSR1));
			nap(0);
		}
		_exit(0);
	}
	do { /* once at least, should the child be done already */
		for (int i = 0; i < 1000; i++, n++) {
			a += 1, b += 2, c += 3, d += 4;
			w += 1, x += 2, y += 3, z += 4;
			if (w * 2 != x || w * 3 != y || w * 4 != z)
				FAIL("integer registers: seen %lu %lu %lu %lu", w, x, y, z);
			if (a * 2 != b || a * 3 != c || a * 4 != d)
				FAIL("floating-point registers: seen %ld %ld %ld %ld", (long)a, (long)b,
				     (long)c, (long)d);
		}
	} while (waitpid(pid, NULL, WNOHANG) == 0);
	CHECK(count > 0 && n > 0 && (unsigned long)a == n + 1 && w == n + 1);
	set_default(SIGUSR1);
}

static sigjmp_buf escape;

static void on_escape(int sig)
{
	siglongjmp(escape, sig);
}

static void long_jumps(void)
{
	sigset_t set;
	volatile int n = 0;

	CHECK(signal(SIGUSR1, on_escape) != SIG_ERR);
	while (n < 100) {
		if (sigsetjmp(escape, 1) == 0) {
			SYS(kill(getpid(), SIGUSR1));
			FAIL("expected the handler to jump, seen it return");
		}
		n++;
		SYS(sigprocmask(SIG_SETMASK, NULL, &set));
		CHECK(!sigismember(&set, SIGUSR1));
	}
	set_default(SIGUSR1);
}

static volatile uintptr_t handler_sp;

static void on_alternate(int sig)
{
	(void)sig;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
}

static void alternate_stack(void)
{
	stack_t ss, old;
	struct sigaction sa;
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), low;

	memset(&ss, 0, sizeof(ss));
	ss.ss_size = 64 * 1024;
	ss.ss_sp = map_anon(ss.ss_size);
	SYS(sigaltstack(&ss, &old));
	CHECK(old.ss_flags & SS_DISABLE);
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = on_alternate;
	sa.sa_flags = SA_ONSTACK;
	SYS(sigaction(SIGUSR1, &sa, NULL));
	SYS(kill(getpid(), SIGUSR1));
	low = (uintptr_t)ss.ss_sp;
	CHECK(handler_sp > low && handler_sp <= low + ss.ss_size);
	sa.sa_flags = 0;
	SYS(sigaction(SIGUSR1, &sa, NULL));
	SYS(kill(getpid(), SIGUSR1));
	CHECK(handler_sp < here && handler_sp > here - 64 * 1024);
	SYS(sigaltstack(NULL, &old));
	EQ(old.ss_sp, ss.ss_sp);
	EQ(old.ss_size, ss.ss_size);
	ss.ss_flags = SS_DISABLE;
	SYS(sigaltstack(&ss, NULL));
	set_default(SIGUSR1);
	SYS(munmap(ss.ss_sp, 64 * 1024));
}

static void on_no_room(int sig, siginfo_t *si, void *context)
{
	ucontext_t *c = context;

	(void)sig;
	(void)si;
	_exit(count || sigismember(&c->uc_sigmask, SIGUSR2) || sigismember(&c->uc_sigmask, SIGSEGV));
}

/* with too little stack left for SIGUSR1's frame */
static int signal_without_room(void *stack)
{
	struct sigaction sa;
	volatile char *used;
	stack_t ss;

	memset(&ss, 0, sizeof(ss));
	ss.ss_size = 64 * 1024;
	ss.ss_sp = map_anon(ss.ss_size);
	SYS(sigaltstack(&ss, NULL));
	handle(SIGSEGV, on_no_room, SA_ONSTACK);
	memset(&sa, 0, sizeof(sa));
	sigfillset(&sa.sa_mask);
	sa.sa_sigaction = note;
	sa.sa_flags = SA_SIGINFO;
	SYS(sigaction(SIGUSR1, &sa, NULL));
	count = 0;
	used = __builtin_alloca((uintptr_t)__builtin_frame_address(0) - (uintptr_t)stack - 700);
	*used = 1;
	kill(getpid(), SIGUSR1);
	return 2;
}

/* a handler that has no room for its frame does not run, and blocks nothing: not the SIGSEGV that tells of it */
static void no_room(void)
{
	char *stack = map_anon(4 * PG);
	pid_t pid;

	SYS(mprotect(stack, PG, PROT_NONE));
	pid = SYS(clone(signal_without_room, stack + 4 * PG, SIGCHLD, stack + PG));
	EXITED(pid, 0);
	SYS(munmap(stack, 4 * PG));
}

static sigjmp_buf before_fault;

static void jump_back(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)si;
	(void)context;
	siglongjmp(before_fault, 1);
}

/* each fault's frame is written to a stack that was swapped out */
static void fault_for_ever(char *stack, volatile char *nothing)
{
	enum { PAGEOUT = 21 };
	stack_t ss;

	memset(&ss, 0, sizeof(ss));
	ss.ss_sp = stack;
	ss.ss_size = 16 * PG;
	SYS(sigaltstack(&ss, NULL));
	handle(SIGSEGV, jump_back, SA_ONSTACK);
	for (;;)
		if (!sigsetjmp(before_fault, 1)) {
			madvise(stack, ss.ss_size, PAGEOUT);
			*nothing = 1;
		}
}

/* a process that is killed while a frame is written ends by that, and not because the frame was not finished */
static void killed_at_frame(void)
{
	char *nothing = mmap(NULL, PG, PROT_NONE, ANON, -1, 0);

	for (int round = 0; round < 80; round++) {
		char *stack = map_anon(16 * PG);
		pid_t pid;

		memset(stack, 1, 16 * PG);
		pid = test_fork();
		if (pid == 0)
			fault_for_ever(stack, nothing);
		usleep(2000 + round * 97 % 1500);
		SYS(kill(pid, SIGKILL));
		KILLED(pid, SIGKILL);
		SYS(munmap(stack, 16 * PG));
	}
	SYS(munmap(nothing, PG));
}

static void groups(void)
{
	pid_t leader = test_fork(), member;
	int status;

	if (leader == 0) {
		SYS(setpgid(0, 0));
		member = test_fork();
		if (member == 0)
			for (;;)
				pause();
		if (signal(SIGUSR1, SIG_IGN) == SIG_ERR)
			_exit(1);
		nap(10);
		EQ(getpgid(member), getpid());
		SYS(kill(0, SIGUSR1)); /* the whole group, the sender (who ignores it) too */
		KILLED(member, SIGUSR1);
		_exit(0);
	}
	EXITED(leader, 0);
	leader = test_fork();
	if (leader == 0)
		for (;;)
			pause();
	SYS(setpgid(leader, leader));
	SYS(kill(-leader, SIGTERM));
	EQ(SYS(waitpid(-leader, &status, 0)), leader);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	ERR(kill(-leader, SIGTERM), ESRCH);
}

static char *self;

/* sigtest -inherited: run by the test below; exits 0 if the signals are as exec must leave them */
static int inherited(void)
{
	struct sigaction sa;
	sigset_t set;

	SYS(sigaction(SIGUSR1, NULL, &sa));
	CHECK(sa.sa_handler == SIG_DFL); /* had a handler */
	SYS(sigaction(SIGUSR2, NULL, &sa));
	CHECK(sa.sa_handler == SIG_IGN);
	SYS(sigprocmask(SIG_SETMASK, NULL, &set));
	CHECK(sigismember(&set, SIGTERM) && !sigismember(&set, SIGINT));
	SYS(sigpending(&set));
	CHECK(sigismember(&set, SIGTERM));
	return 0;
}

static void across_exec(void)
{
	sigset_t set;
	pid_t pid = test_fork();

	if (pid == 0) {
		handle(SIGUSR1, note, 0);
		signal(SIGUSR2, SIG_IGN);
		sigemptyset(&set);
		sigaddset(&set, SIGTERM);
		SYS(sigprocmask(SIG_BLOCK, &set, NULL));
		SYS(kill(getpid(), SIGTERM));
		SYS(execl(self, "sigtest", "-inherited", (char *)NULL));
	}
	EXITED(pid, 0);
}

static const struct test tests[] = {
	{ "information", information },
	{ "queues", queues },
	{ "SIGCHLD", child_died },
	{ "repair by mprotect", repair_protection },
	{ "repair by mmap", repair_mapping },
	{ "repair by ftruncate", repair_file },
	{ "faults uncaught", faults_uncaught },
	{ "masks", masks },
	{ "sigsuspend", suspend },
	{ "flags", flags },
	{ "interruption", interruption },
	{ "SIGPIPE", broken_pipe },
	{ "default actions", default_actions },
	{ "stop and continue", stop_and_continue },
	{ "registers", registers },
	{ "long jumps", long_jumps },
	{ "alternate stack", alternate_stack },
	{ "no room for a frame", no_room },
	{ "killed at a frame", killed_at_frame },
	{ "process groups", groups },
	{ "exec", across_exec },
};

int main(int argc, char **argv)
{
	static char path[4096];
	long n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	self = n > 0 ? path : argv[0];
	if (argc > 1 && strcmp(argv[1], "-inherited") == 0)
		return inherited();
	return test_main("sigtest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
