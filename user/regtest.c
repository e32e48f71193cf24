/* SPDX-License-Identifier: ISC */
/*
 * regtest: what a system call, a fault, a signal and a fork leave of a program's registers: all but a0.
 *
 * Registers are filled and looked at by a few lines of assembly (RISC-V's; elsewhere there is nothing to see, and each check succeeds).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __riscv
/* Each fills s0 - s11 and t1 - t6, does one thing, and returns a bit for each of them that has changed. */
unsigned long regs_call(long number, long a0, long a1, long a2, long a3, long *result);
unsigned long regs_store(volatile char *at);

__asm__(".macro regs_begin\n"
	"	addi	sp, sp, -128\n"
	"	sd	ra, 0(sp)\n"
	"	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
	"	sd	s\\n, 8 + 8 * \\n(sp)\n"
	"	li	s\\n, 0x7700 + \\n\n"
	"	.endr\n"
	"	.irp	n, 1, 2, 3, 4, 5, 6\n"
	"	li	t\\n, 0x6600 + \\n\n"
	"	.endr\n"
	".endm\n"
	".macro regs_end\n"
	"	li	a0, 0\n"
	"	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
	"	li	t0, 0x7700 + \\n\n"
	"	xor	t0, t0, s\\n\n"
	"	snez	t0, t0\n"
	"	slli	t0, t0, \\n\n"
	"	or	a0, a0, t0\n"
	"	.endr\n"
	"	.irp	n, 1, 2, 3, 4, 5, 6\n"
	"	li	t0, 0x6600 + \\n\n"
	"	xor	t0, t0, t\\n\n"
	"	snez	t0, t0\n"
	"	slli	t0, t0, 12 + \\n\n"
	"	or	a0, a0, t0\n"
	"	.endr\n"
	"	ld	ra, 0(sp)\n"
	"	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
	"	ld	s\\n, 8 + 8 * \\n(sp)\n"
	"	.endr\n"
	"	addi	sp, sp, 128\n"
	"	ret\n"
	".endm\n"
	"	.globl	regs_call\n"
	"regs_call:\n"
	"	regs_begin\n"
	"	sd	a5, 120(sp)\n"
	"	mv	a7, a0\n"
	"	mv	a0, a1\n"
	"	mv	a1, a2\n"
	"	mv	a2, a3\n"
	"	mv	a3, a4\n"
	"	li	a4, 0\n"
	"	ecall\n"
	"	ld	t0, 120(sp)\n"
	"	sd	a0, (t0)\n"
	"	regs_end\n"
	"	.globl	regs_store\n"
	"regs_store:\n"
	"	regs_begin\n"
	"	sb	zero, (a0)\n"
	"	regs_end\n");
#else
static unsigned long regs_call(long number, long a0, long a1, long a2, long a3, long *result)
{
	*result = syscall(number, a0, a1, a2, a3);
	if (*result < 0)
		*result = -errno;
	return 0;
}

static unsigned long regs_store(volatile char *at)
{
	*at = 0;
	return 0;
}
#endif

static volatile int nsignals;
static volatile char *closed; /* a page that the handler opens */

static void on_signal(int sig)
{
	volatile unsigned long waste[24]; /* enough work that registers are wanted */

	for (unsigned i = 0; i < 24; i++)
		waste[i] = i * nsignals;
	for (unsigned i = 1; i < 24; i++)
		waste[i] += waste[i - 1];
	nsignals++;
	if (sig == SIGSEGV)
		mprotect((void *)closed, 4096, PROT_READ | PROT_WRITE);
}

static void expect(const char *what, unsigned long changed, long result, long wanted)
{
	if (changed || result != wanted) {
		printf("regtest: %s: registers %#lx changed, result %ld, not %ld\n", what, changed, result,
		       wanted);
		exit(1);
	}
}

static void expect_call(const char *what, long wanted, long number, long a0, long a1)
{
	long r;
	unsigned long changed = regs_call(number, a0, a1, 0, 0, &r);

	expect(what, changed, r, wanted);
}

static void expect_store(const char *what, volatile char *at)
{
	unsigned long changed = regs_store(at);

	expect(what, changed, *at, 0);
}

static void check_fork(void)
{
	int status;
	long r;
#ifdef SYS_fork
	unsigned long changed = regs_call(SYS_fork, 0, 0, 0, 0, &r);
#else
	unsigned long changed = regs_call(SYS_clone, SIGCHLD, 0, 0, 0, &r);
#endif

	if (r == 0)
		_exit(changed ? 1 : 0);
	if (r < 0 || waitpid(r, &status, 0) != r)
		exit(2);
	expect("fork", changed, status, 0);
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	volatile char *fresh;

	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	for (int round = 0; round < 200; round++) {
		expect_call("getppid", getppid(), SYS_getppid, 0, 0);
		expect_call("close", -EBADF, SYS_close, -1, 0);
		expect_call("no call", -ENOSYS, 5000, 0, 0);
		expect_call("execve", -ENOENT, SYS_execve, (long)"/nonexistent", 0);
		expect_call("sched_yield", 0, SYS_sched_yield, 0, 0);
		nsignals = 0;
		expect_call("kill", 0, SYS_kill, getpid(), SIGUSR1);
		fresh = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (fresh == MAP_FAILED || closed == MAP_FAILED)
			return 2;
		expect_store("a fault", fresh);
		expect_store("a fault with a handler", closed);
		expect("signals", 0, nsignals, 2);
		munmap((void *)fresh, 4096);
		munmap((void *)closed, 4096);
		if (round % 10 == 0)
			check_fork();
	}
	printf("regtest: ok\n");
	return 0;
}
