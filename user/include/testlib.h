/* SPDX-License-Identifier: ISC */
/*
 * What the test programs share: checks that say file, line, expected and seen, and exit 1; a table of tests
 * and its main(); children that are waited for; loads and stores that may fault; patterns and random numbers.
 * The programs are plain POSIX and run on any Unix with 4 KiB pages, so Linux can be their oracle.
 */
#ifndef TESTLIB_H
#define TESTLIB_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define PG   4096ul
#define MIB  (1ul << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct test {
	const char *name;
	void (*run)(void);
};

struct fault {
	int sig; /* 0: the access was carried out */
	int code;
	uintptr_t addr;
};

static const char *test_prog = "?", *test_now = "start";
static char test_scratch[64];
static pid_t test_main_pid, test_kids[128];
static int test_nkids;
static sigjmp_buf test_env;
static volatile struct fault test_seen;

/* ---- checks ---- */

/* ends the children not waited for, so that a failure leaves nobody behind in a pipe */
static inline void test_end_kids(void)
{
	for (int i = 0; i < test_nkids; i++)
		if (waitpid(test_kids[i], NULL, WNOHANG) == 0)
			kill(test_kids[i], SIGKILL);
}

/* SIGXCPU, which no test uses: a descendant failed, and the main process may be waiting for its token */
static inline void test_on_failure(int sig)
{
	(void)sig;
	test_end_kids();
	_exit(1);
}

__attribute__((noreturn, format(printf, 3, 4))) static inline void test_fail(const char *file, int line,
									     const char *fmt, ...)
{
	va_list ap;

	printf("%s: %s: FAILED at %s:%d: ", test_prog, test_now, file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	test_end_kids();
	if (test_main_pid && getpid() != test_main_pid)
		kill(test_main_pid, SIGXCPU);
	_exit(1);
}

static inline long test_sys(long seen, const char *what, const char *file, int line)
{
	if (seen == -1)
		test_fail(file, line, "%s: expected success, seen errno %d (%s)", what, errno,
			  strerror(errno));
	return seen;
}

static inline void test_err(long seen, int want, const char *what, const char *file, int line)
{
	if (seen != -1)
		test_fail(file, line, "%s: expected errno %d (%s), seen success, result %ld", what, want,
			  strerror(want), seen);
	if (errno != want)
		test_fail(file, line, "%s: expected errno %d (%s), seen %d (%s)", what, want, strerror(want),
			  errno, strerror(errno));
}

static inline void test_eq(long seen, long want, const char *what, const char *file, int line)
{
	if (seen != want)
		test_fail(file, line, "%s: expected %ld (0x%lx), seen %ld (0x%lx)", what, want,
			  (unsigned long)want, seen, (unsigned long)seen);
}

static inline void test_fault(struct fault seen, struct fault want, const char *what, const char *file,
			      int line)
{
	if (seen.sig != want.sig || (want.sig && (seen.code != want.code || seen.addr != want.addr)))
		test_fail(file, line, "%s: expected signal %d code %d at %lx, seen signal %d code %d at %lx",
			  what, want.sig, want.code, (unsigned long)want.addr, seen.sig, seen.code,
			  (unsigned long)seen.addr);
}

#define FAIL(...)	test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SYS(call)	test_sys((long)(call), #call, __FILE__, __LINE__) /* must not return -1; its result */
#define ERR(call, want) test_err((errno = 0, (long)(call)), want, #call, __FILE__, __LINE__)
#define EQ(seen, want)	test_eq((long)(seen), (long)(want), #seen, __FILE__, __LINE__)
#define NOFAULT(access) test_fault(access, (struct fault){ 0, 0, 0 }, #access, __FILE__, __LINE__)
#define CHECK(cond)                                             \
	do {                                                    \
		if (!(cond))                                    \
			FAIL("expected %s, seen false", #cond); \
	} while (0)
#define FAULT(access, sig, code, at) \
	test_fault(access, (struct fault){ sig, code, (uintptr_t)(at) }, #access, __FILE__, __LINE__)

/* ---- accesses that may fault ---- */

static inline void test_on_fault(int sig, siginfo_t *si, void *context)
{
	(void)context;
	test_seen.sig = sig;
	test_seen.code = si->si_code;
	test_seen.addr = (uintptr_t)si->si_addr;
	siglongjmp(test_env, 1);
}

static inline void test_catch(struct sigaction old[2])
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = test_on_fault;
	sa.sa_flags = SA_SIGINFO;
	sigemptyset(&sa.sa_mask);
	SYS(sigaction(SIGSEGV, &sa, &old[0]));
	SYS(sigaction(SIGBUS, &sa, &old[1]));
	test_seen.sig = test_seen.code = 0;
	test_seen.addr = 0;
}

static inline struct fault test_caught(struct sigaction old[2])
{
	struct fault f = { test_seen.sig, test_seen.code, test_seen.addr };

	SYS(sigaction(SIGSEGV, &old[0], NULL));
	SYS(sigaction(SIGBUS, &old[1], NULL));
	return f;
}

/* load a byte; says which fault that was */
static inline struct fault load(const volatile void *p)
{
	static struct sigaction old[2];

	test_catch(old);
	if (!sigsetjmp(test_env, 1))
		(void)*(const volatile unsigned char *)p;
	return test_caught(old);
}

static inline struct fault store(volatile void *p, int byte)
{
	static struct sigaction old[2];

	test_catch(old);
	if (!sigsetjmp(test_env, 1))
		*(volatile unsigned char *)p = (unsigned char)byte;
	return test_caught(old);
}

/* ---- children, and tokens in pipes to order them ---- */

static inline pid_t test_fork(void)
{
	pid_t pid;

	fflush(stdout);
	if (test_nkids == (int)(sizeof(test_kids) / sizeof(test_kids[0])))
		test_nkids = 0;
	pid = (pid_t)SYS(fork());
	if (pid == 0)
		test_nkids = 0;
	else
		test_kids[test_nkids++] = pid;
	return pid;
}

static inline int test_reap(pid_t pid)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got == -1 && errno == EINTR);
	SYS(got);
	EQ(got, pid);
	return status;
}

static inline void test_exited(pid_t pid, int want, const char *file, int line)
{
	int status = test_reap(pid);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != want)
		test_fail(file, line, "child: expected exit status %d, seen wait status 0x%x", want,
			  (unsigned)status);
}

static inline void test_killed(pid_t pid, int want, const char *file, int line)
{
	int status = test_reap(pid);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != want)
		test_fail(file, line, "child: expected death by signal %d, seen wait status 0x%x", want,
			  (unsigned)status);
}

#define EXITED(pid, status) test_exited(pid, status, __FILE__, __LINE__)
#define KILLED(pid, sig)    test_killed(pid, sig, __FILE__, __LINE__)

static inline void put_token(int fd, int c)
{
	unsigned char b = (unsigned char)c;

	EQ(SYS(write(fd, &b, 1)), 1);
}

/* the next byte of a pipe, or -1 at its end */
static inline int get_token(int fd)
{
	unsigned char b;
	long n;

	do
		n = read(fd, &b, 1);
	while (n == -1 && errno == EINTR);
	return SYS(n) ? b : -1;
}

/* ---- patterns ---- */

static inline uint64_t test_random(uint64_t *state)
{
	uint64_t x = *state ? *state : 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

/* the byte that belongs at offset `at` of the pattern with that seed: differs from page to page */
static inline unsigned char pattern(unsigned long at, unsigned seed)
{
	return (unsigned char)(at * 31 + (at >> 8) * 17 + (at >> 16) * 5 + seed * 101 + 1);
}

static inline void fill(volatile void *p, unsigned long nbytes, unsigned long at, unsigned seed)
{
	for (unsigned long i = 0; i < nbytes; i++)
		((volatile unsigned char *)p)[i] = pattern(at + i, seed);
}

static inline void test_same(const volatile void *p, unsigned long nbytes, unsigned long at, unsigned seed,
			     const char *file, int line)
{
	const volatile unsigned char *b = p;

	for (unsigned long i = 0; i < nbytes; i++)
		if (b[i] != pattern(at + i, seed))
			test_fail(file, line, "byte %lu of %lu: expected pattern %u 0x%x, seen 0x%x", i,
				  nbytes, seed, pattern(at + i, seed), b[i]);
}

static inline void test_all(const volatile void *p, unsigned long nbytes, int want, const char *file,
			    int line)
{
	const volatile unsigned char *b = p;

	for (unsigned long i = 0; i < nbytes; i++)
		if (b[i] != want)
			test_fail(file, line, "byte %lu of %lu: expected 0x%x, seen 0x%x", i, nbytes,
				  (unsigned)want, b[i]);
}

#define SAME(p, nbytes, at, seed) test_same(p, nbytes, at, seed, __FILE__, __LINE__)
#define ALL(p, nbytes, byte)	  test_all(p, nbytes, byte, __FILE__, __LINE__)

static inline void *map_anon(unsigned long nbytes)
{
	return (void *)SYS(mmap(NULL, nbytes, RW, ANON, -1, 0));
}

/* a new file with nbytes of pattern; open for reading and writing */
static inline int make_file(const char *name, unsigned long nbytes, unsigned seed)
{
	static unsigned char buf[PG];
	int fd = (int)SYS(open(name, O_RDWR | O_CREAT | O_TRUNC, 0666));

	for (unsigned long at = 0; at < nbytes; at += PG) {
		unsigned long n = nbytes - at < PG ? nbytes - at : PG;

		fill(buf, n, at, seed);
		EQ(SYS(write(fd, buf, n)), n);
	}
	return fd;
}

/* ---- the programs' frame ---- */

/* takes `-d DIR` from the arguments and goes there; returns the number of arguments left */
static inline int test_begin(const char *prog, int argc, char **argv)
{
	int n = 1;

	test_prog = prog;
	test_main_pid = getpid();
	CHECK(signal(SIGXCPU, test_on_failure) != SIG_ERR);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-d") == 0 && i + 1 < argc)
			SYS(chdir(argv[++i]));
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

static inline void test_ok(const char *name)
{
	printf("%s: %s: ok\n", test_prog, name);
	fflush(stdout);
}

/* makes and enters a directory of the program's own, in which its files lie */
static inline void test_enter(void)
{
	snprintf(test_scratch, sizeof(test_scratch), "%s.%ld", test_prog, (long)getpid());
	SYS(mkdir(test_scratch, 0777));
	SYS(chdir(test_scratch));
}

/* leaves the directory; a file left in it, or a child not waited for, is a failure of its own */
static inline void test_leave(void)
{
	char name[80];

	test_now = "end";
	ERR(waitpid(-1, NULL, WNOHANG), ECHILD);
	SYS(chdir(".."));
	snprintf(name, sizeof(name), "./%s", test_scratch);
	SYS(rmdir(name));
}

/* PROG [-d DIR] [TEXT]: runs the tests, or those with TEXT in their names */
static inline int test_main(const char *prog, const struct test *tests, int ntests, int argc, char **argv)
{
	int nrun = 0;

	argc = test_begin(prog, argc, argv);
	test_enter();
	for (int i = 0; i < ntests; i++) {
		if (argc > 1 && !strstr(tests[i].name, argv[1]))
			continue;
		test_now = tests[i].name;
		tests[i].run();
		test_ok(test_now);
		nrun++;
	}
	test_leave();
	printf("%s: all %d tests passed\n", prog, nrun);
	fflush(stdout);
	return nrun ? 0 : 1;
}

#define TEST_MAIN(prog, tests)                                                                        \
	int main(int argc, char **argv)                                                               \
	{                                                                                             \
		return test_main(prog, tests, (int)(sizeof(tests) / sizeof((tests)[0])), argc, argv); \
	}

#endif
