/* SPDX-License-Identifier: ISC */
/*
 * timertest: timers that send signals: alarm and setitimer's three, timer_create's on every clock, with overruns; what
 * fork and exec leave of them; and waiting for signals with a time limit.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/time.h>
#include <time.h>

#include "include/testlib.h"

static volatile sig_atomic_t count, last_code, last_value, last_overrun;

static void on_timer(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	count++;
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
	last_overrun = si->si_overrun;
}

static void catch (int sig)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_sigaction = on_timer;
	sa.sa_flags = SA_SIGINFO | SA_RESTART;
	SYS(sigaction(sig, &sa, NULL));
	count = 0;
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	SYS(sigprocmask(how, &set, NULL));
}

static double now(clockid_t clock)
{
	struct timespec t;

	SYS(clock_gettime(clock, &t));
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct itimerval usec(long first, long period)
{
	struct itimerval v = { { period / 1000000, period % 1000000 }, { first / 1000000, first % 1000000 } };

	return v;
}

static struct itimerspec msec(long first, long period)
{
	struct itimerspec v = { { period / 1000, period % 1000 * 1000000 },
				{ first / 1000, first % 1000 * 1000000 } };

	return v;
}

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static void alarms(void)
{
	struct itimerval v = usec(20000, 0), old;
	double began;

	catch (SIGALRM);
	EQ(alarm(100), 0);
	EQ(alarm(0), 100);
	began = now(CLOCK_MONOTONIC);
	SYS(setitimer(ITIMER_REAL, &v, NULL));
	while (!count)
		nap(1);
	CHECK(now(CLOCK_MONOTONIC) - began >= 0.0199);
	SYS(getitimer(ITIMER_REAL, &old));
	EQ(old.it_value.tv_sec + old.it_value.tv_usec, 0);

	v = usec(5000, 5000);
	count = 0;
	SYS(setitimer(ITIMER_REAL, &v, NULL));
	while (count < 5)
		nap(1);
	v = usec(0, 0);
	SYS(setitimer(ITIMER_REAL, &v, &old));
	EQ(old.it_interval.tv_usec, 5000);
	CHECK(old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 5000);
	count = 0;
	nap(15);
	EQ(count, 0);
	v = usec(0, 0);
	v.it_value.tv_usec = 1000000;
	ERR(setitimer(ITIMER_REAL, &v, NULL), EINVAL);
	ERR(setitimer((__typeof__(ITIMER_REAL))3, &old, NULL), EINVAL);
	CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
}

/* The program's time, and the process's: they stand still while it sleeps. */
static void cpu_alarms(void)
{
	const int which[] = { ITIMER_VIRTUAL, ITIMER_PROF }, sig[] = { SIGVTALRM, SIGPROF };

	for (int i = 0; i < 2; i++) {
		struct itimerval v = usec(60000, 30000), old;
		double began;

		catch (sig[i]);
		SYS(setitimer(which[i], &v, NULL));
		nap(100);
		EQ(count, 0);
		SYS(getitimer(which[i], &old));
		CHECK(old.it_value.tv_usec > 0);
		began = now(CLOCK_PROCESS_CPUTIME_ID);
		while (count < 1)
			;
		CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - began >= 0.03); /* in steps of the system's tick */
		while (count < 3)
			;
		v = usec(0, 0);
		SYS(setitimer(which[i], &v, NULL));
		CHECK(signal(sig[i], SIG_DFL) != SIG_ERR);
	}
}

static timer_t make(clockid_t clock, int sig, int value)
{
	struct sigevent ev;
	timer_t t;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = sig ? SIGEV_SIGNAL : SIGEV_NONE;
	ev.sigev_signo = sig;
	ev.sigev_value.sival_int = value;
	SYS(timer_create(clock, &ev, &t));
	return t;
}

static void set(timer_t t, long first, long period)
{
	struct itimerspec v = msec(first, period);

	SYS(timer_settime(t, 0, &v, NULL));
}

static void clocks(void)
{
	const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID,
				  CLOCK_THREAD_CPUTIME_ID };

	for (int i = 0; i < 5; i++) {
		timer_t t = make(ids[i], SIGRTMIN + i, 100 + i);
		struct itimerspec v;
		double began;

		catch (SIGRTMIN + i);
		began = now(ids[i]);
		set(t, 40, 0);
		while (!count)
			;
		CHECK(now(ids[i]) - began >= 0.0399);
		EQ(last_code, SI_TIMER);
		EQ(last_value, 100 + i);
		EQ(last_overrun, 0);
		SYS(timer_gettime(t, &v));
		EQ(v.it_value.tv_sec + v.it_value.tv_nsec, 0);

		SYS(clock_gettime(ids[i], &v.it_value)); /* a time of the clock, 30 ms from now */
		v.it_interval.tv_sec = v.it_interval.tv_nsec = 0;
		v.it_value.tv_nsec += 30000000;
		v.it_value.tv_sec += v.it_value.tv_nsec / 1000000000;
		v.it_value.tv_nsec %= 1000000000;
		began = now(ids[i]);
		SYS(timer_settime(t, TIMER_ABSTIME, &v, NULL));
		while (count < 2)
			;
		CHECK(now(ids[i]) - began >= 0.029);
		SYS(clock_gettime(ids[i], &v.it_value)); /* one that has passed */
		SYS(timer_settime(t, TIMER_ABSTIME, &v, NULL));
		while (count < 3)
			;
		SYS(timer_delete(t));
		ERR(timer_gettime(t, &v), EINVAL);
		CHECK(signal(SIGRTMIN + i, SIG_DFL) != SIG_ERR);
	}
}

static void periods(void)
{
	timer_t t = make(CLOCK_MONOTONIC, SIGUSR1, 7), silent = make(CLOCK_MONOTONIC, 0, 0);
	struct itimerspec v, old;
	sigset_t pending;

	catch (SIGUSR1);
	set(t, 10, 10);
	while (count < 5)
		nap(1);
	EQ(last_value, 7);
	v = msec(10000, 20000);
	SYS(timer_settime(t, 0, &v, &old));
	EQ(old.it_interval.tv_nsec, 10000000);
	SYS(timer_gettime(t, &v));
	CHECK(v.it_value.tv_sec == 9 && v.it_interval.tv_sec == 20);

	block(SIG_BLOCK, SIGUSR1); /* one signal waits, the others are counted */
	count = 0;
	set(t, 5, 5);
	nap(103);
	SYS(sigpending(&pending));
	EQ(sigismember(&pending, SIGUSR1), 1);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK(count >= 1);
	set(t, 0, 0);
	count = 0;
	block(SIG_BLOCK, SIGUSR1);
	set(t, 5, 5);
	nap(103);
	set(t, 0, 0);
	block(SIG_UNBLOCK, SIGUSR1);
	EQ(count <= 1, 1);
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);

	set(silent, 20, 50);
	nap(40);
	SYS(timer_gettime(silent, &v));
	EQ(v.it_interval.tv_nsec, 50000000);
	CHECK(v.it_value.tv_nsec > 0 && v.it_value.tv_nsec <= 50000000);
	SYS(timer_delete(silent));
	SYS(timer_delete(t));
}

static void overruns(void)
{
	struct timespec none = { 1, 0 };
	timer_t t = make(CLOCK_MONOTONIC, SIGRTMIN, 9);
	siginfo_t si;
	sigset_t want;

	sigemptyset(&want);
	sigaddset(&want, SIGRTMIN);
	block(SIG_BLOCK, SIGRTMIN);
	set(t, 10, 10);
	nap(105);
	EQ(sigtimedwait(&want, &si, &none), SIGRTMIN);
	EQ(si.si_code, SI_TIMER);
	EQ(si.si_value.sival_int, 9);
	CHECK(si.si_overrun >= 7);
	EQ(timer_getoverrun(t), si.si_overrun);
	EQ(sigtimedwait(&want, &si, &none), SIGRTMIN);
	EQ(timer_getoverrun(t), si.si_overrun);
	SYS(timer_delete(t)); /* with its signal, if one waits */
	none.tv_sec = 0;
	ERR(sigtimedwait(&want, &si, &none), EAGAIN);
	block(SIG_UNBLOCK, SIGRTMIN);
}

/* Who waits for a time of the wall clock waits for less when that is set. Not done to a system unless it is asked for. */
static int may_set_clock;

static void wall_clock(void)
{
	struct timespec old, t;
	pid_t sleeper;
	timer_t x;

	if (!may_set_clock)
		return;
	x = make(CLOCK_REALTIME, SIGUSR1, 0);
	catch (SIGUSR1);
	SYS(clock_gettime(CLOCK_REALTIME, &old));
	t = old;
	t.tv_sec += 100;
	sleeper = test_fork();
	if (sleeper == 0)
		_exit(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
	SYS(timer_settime(x, TIMER_ABSTIME, &(struct itimerspec){ .it_value = t }, NULL));
	nap(20);
	EQ(count, 0);
	EQ(waitpid(sleeper, NULL, WNOHANG), 0);
	t.tv_sec += 10;
	SYS(clock_settime(CLOCK_REALTIME, &t));
	EXITED(sleeper, 0);
	while (!count)
		nap(1);
	SYS(clock_gettime(CLOCK_REALTIME, &t));
	t.tv_sec -= 110;
	SYS(clock_settime(CLOCK_REALTIME, &t));
	SYS(timer_delete(x));
	CHECK(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
}

/* Many timers, each with its own signal though the number is one. */
static void many(void)
{
	struct timespec limit = { 5, 0 };
	unsigned long seen = 0;
	timer_t t[40];
	siginfo_t si;
	sigset_t want;

	sigemptyset(&want);
	sigaddset(&want, SIGRTMIN + 1);
	block(SIG_BLOCK, SIGRTMIN + 1);
	for (int i = 0; i < 40; i++)
		set(t[i] = make(CLOCK_MONOTONIC, SIGRTMIN + 1, i), 10 + i % 7, 0);
	for (int i = 0; i < 40; i++) {
		EQ(sigtimedwait(&want, &si, &limit), SIGRTMIN + 1);
		CHECK(!(seen >> si.si_value.sival_int & 1));
		seen |= 1ul << si.si_value.sival_int;
	}
	EQ(seen, (1ul << 40) - 1);
	for (int i = 0; i < 40; i++)
		SYS(timer_delete(t[i]));
	for (int i = 0; i < 200; i++) { /* set, stopped and deleted at any moment */
		timer_t x = make(CLOCK_MONOTONIC, SIGRTMIN + 1, 0);
		struct itimerspec v = { { 0, 1 + i * 1000 }, { 0, 1 + i * 500 } };

		SYS(timer_settime(x, 0, &v, NULL));
		if (i % 3)
			sched_yield();
		if (i % 2)
			set(x, 0, 0);
		SYS(timer_delete(x));
	}
	limit.tv_sec = 0;
	ERR(sigtimedwait(&want, NULL, &limit), EAGAIN);
	block(SIG_UNBLOCK, SIGRTMIN + 1);
}

/* A process that has stopped goes on by its own timer. */
static void awakening(void)
{
	int status, fds[2];
	pid_t pid;

	SYS(pipe(fds));
	pid = test_fork();
	if (pid == 0) {
		set(make(CLOCK_MONOTONIC, SIGCONT, 0), 300, 0);
		raise(SIGSTOP);
		get_token(fds[0]); /* a stop at once would hide that it went on */
		set(make(CLOCK_MONOTONIC, SIGKILL, 0), 300, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	EQ(SYS(waitpid(pid, &status, WCONTINUED)), pid);
	CHECK(WIFCONTINUED(status));
	put_token(fds[1], 1);
	KILLED(pid, SIGKILL);
	SYS(close(fds[0]));
	SYS(close(fds[1]));
}

static void errors(void)
{
	struct itimerspec v = msec(1, 0);
	struct sigevent ev;
	timer_t t;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ERR(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
	ev.sigev_signo = 65;
	ERR(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
	ev.sigev_signo = SIGUSR1;
	ERR(timer_create(99, &ev, &t), EINVAL);
	t = make(CLOCK_MONOTONIC, SIGUSR1, 0);
	v.it_value.tv_nsec = 1000000000;
	ERR(timer_settime(t, 0, &v, NULL), EINVAL);
	SYS(timer_delete(t));
	ERR(timer_delete(t), EINVAL);
	ERR(timer_getoverrun(t), EINVAL);
}

/* A fork's child has no timers; exec keeps setitimer's and ends the others. */
static void inheritance(void)
{
	struct itimerval v = usec(60000, 0), old;
	char *const args[] = { (char *)"timertest", (char *)"--wait", NULL };
	timer_t t;
	pid_t pid;

	SYS(setitimer(ITIMER_REAL, &v, NULL));
	catch (SIGALRM);
	pid = test_fork();
	if (pid == 0) {
		SYS(getitimer(ITIMER_REAL, &old));
		_exit(old.it_value.tv_sec + old.it_value.tv_usec ? 1 : 0);
	}
	EXITED(pid, 0);
	while (!count)
		nap(1);
	CHECK(signal(SIGALRM, SIG_DFL) != SIG_ERR);
	v = usec(600000, 0);
	for (int how = 0; how < 2; how++) {
		pid = test_fork();
		if (pid == 0) {
			t = make(CLOCK_MONOTONIC, SIGUSR1, 0);
			set(t, 500, 0); /* a slow exec is faster */
			if (how)
				SYS(setitimer(ITIMER_REAL, &v, NULL));
			execv("/proc/self/exe", args);
			_exit(1);
		}
		if (how)
			KILLED(pid, SIGALRM);
		else
			EXITED(pid, 0);
	}
}

static const struct test tests[] = {
	{ "alarm", alarms },	      { "processor time", cpu_alarms },
	{ "clocks", clocks },	      { "periods", periods },
	{ "overruns", overruns },     { "many", many },
	{ "wall clock", wall_clock }, { "awakening", awakening },
	{ "errors", errors },	      { "inheritance", inheritance },
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--wait") == 0) {
		nap(800);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--set-clock") == 0) {
		may_set_clock = 1;
		argv[1] = argv[0];
		argc--;
		argv++;
	}
	return test_main("timertest", tests, (int)(sizeof(tests) / sizeof(tests[0])), argc, argv);
}
