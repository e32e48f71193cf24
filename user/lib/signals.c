/* SPDX-License-Identifier: ISC */
/* Signals. The kernel supplies the return trampoline, so there is no restorer to name. */
#include "libc.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define SIZE sizeof(sigset_t)

int kill(pid_t pid, int sig)
{
	return SC(SYS_kill, pid, sig);
}

int killpg(pid_t pgrp, int sig)
{
	return kill(-pgrp, sig);
}

int tgkill(pid_t pid, pid_t tid, int sig)
{
	return SC(SYS_tgkill, pid, tid, sig);
}

int raise(int sig)
{
	return tgkill(getpid(), gettid(), sig);
}

int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	return SC(SYS_rt_sigaction, sig, act, old, SIZE);
}

sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART }, old;

	return sigaction(sig, &sa, &old) < 0 ? SIG_ERR : old.sa_handler;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return SC(SYS_rt_sigprocmask, how, set, old, SIZE);
}

int sigsuspend(const sigset_t *mask)
{
	return SC(SYS_rt_sigsuspend, mask, SIZE);
}

int sigpending(sigset_t *set)
{
	return SC(SYS_rt_sigpending, set, SIZE);
}

int sigaltstack(const stack_t *ss, stack_t *old)
{
	return SC(SYS_sigaltstack, ss, old);
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
	return SC(SYS_rt_sigtimedwait, set, info, timeout, SIZE);
}

int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, 0);
}

int sigwait(const sigset_t *set, int *sig)
{
	int r;

	do
		r = sigtimedwait(set, 0, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return errno;
	*sig = r;
	return 0;
}

int sigqueue(pid_t pid, int sig, const union sigval value)
{
	siginfo_t si = { .si_signo = sig, .si_code = SI_QUEUE };

	si.si_pid = getpid();
	si.si_uid = getuid();
	si.si_value = value;
	return SC(SYS_rt_sigqueueinfo, pid, sig, &si);
}

int sigemptyset(sigset_t *set)
{
	set->__bits = 0;
	return 0;
}

int sigfillset(sigset_t *set)
{
	set->__bits = ~0ul;
	return 0;
}

static int valid(int sig)
{
	if (sig > 0 && sig < NSIG)
		return 1;
	errno = EINVAL;
	return 0;
}

int sigaddset(sigset_t *set, int sig)
{
	if (!valid(sig))
		return -1;
	set->__bits |= 1ul << (sig - 1);
	return 0;
}

int sigdelset(sigset_t *set, int sig)
{
	if (!valid(sig))
		return -1;
	set->__bits &= ~(1ul << (sig - 1));
	return 0;
}

int sigismember(const sigset_t *set, int sig)
{
	return valid(sig) ? (int)((set->__bits >> (sig - 1)) & 1) : -1;
}

int pause(void)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, 0, &now);
	return sigsuspend(&now);
}

int getitimer(int which, struct itimerval *cur)
{
	return SC(SYS_getitimer, which, cur);
}

int setitimer(int which, const struct itimerval *new, struct itimerval *old)
{
	return SC(SYS_setitimer, which, new, old);
}

int timer_create(clockid_t id, struct sigevent *ev, timer_t *timer)
{
	return SC(SYS_timer_create, id, ev, timer);
}

int timer_settime(timer_t timer, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	return SC(SYS_timer_settime, timer, flags, new, old);
}

int timer_gettime(timer_t timer, struct itimerspec *now)
{
	return SC(SYS_timer_gettime, timer, now);
}

int timer_getoverrun(timer_t timer)
{
	return SC(SYS_timer_getoverrun, timer);
}

int timer_delete(timer_t timer)
{
	return SC(SYS_timer_delete, timer);
}

unsigned alarm(unsigned seconds)
{
	struct itimerval new = { .it_value.tv_sec = seconds }, old = { 0 };

	setitimer(ITIMER_REAL, &new, &old);
	return (unsigned)old.it_value.tv_sec + !!old.it_value.tv_usec;
}

static const struct {
	const char *abbrev, *text;
} names[] = {
	[SIGHUP] = { "HUP", "Hangup" },
	[SIGINT] = { "INT", "Interrupt" },
	[SIGQUIT] = { "QUIT", "Quit" },
	[SIGILL] = { "ILL", "Illegal instruction" },
	[SIGTRAP] = { "TRAP", "Trace/breakpoint trap" },
	[SIGABRT] = { "ABRT", "Aborted" },
	[SIGBUS] = { "BUS", "Bus error" },
	[SIGFPE] = { "FPE", "Floating point exception" },
	[SIGKILL] = { "KILL", "Killed" },
	[SIGUSR1] = { "USR1", "User defined signal 1" },
	[SIGSEGV] = { "SEGV", "Segmentation fault" },
	[SIGUSR2] = { "USR2", "User defined signal 2" },
	[SIGPIPE] = { "PIPE", "Broken pipe" },
	[SIGALRM] = { "ALRM", "Alarm clock" },
	[SIGTERM] = { "TERM", "Terminated" },
	[SIGSTKFLT] = { "STKFLT", "Stack fault" },
	[SIGCHLD] = { "CHLD", "Child exited" },
	[SIGCONT] = { "CONT", "Continued" },
	[SIGSTOP] = { "STOP", "Stopped (signal)" },
	[SIGTSTP] = { "TSTP", "Stopped" },
	[SIGTTIN] = { "TTIN", "Stopped (tty input)" },
	[SIGTTOU] = { "TTOU", "Stopped (tty output)" },
	[SIGURG] = { "URG", "Urgent I/O condition" },
	[SIGXCPU] = { "XCPU", "CPU time limit exceeded" },
	[SIGXFSZ] = { "XFSZ", "File size limit exceeded" },
	[SIGVTALRM] = { "VTALRM", "Virtual timer expired" },
	[SIGPROF] = { "PROF", "Profiling timer expired" },
	[SIGWINCH] = { "WINCH", "Window changed" },
	[SIGIO] = { "IO", "I/O possible" },
	[SIGPWR] = { "PWR", "Power failure" },
	[SIGSYS] = { "SYS", "Bad system call" },
};
#define NNAMES ((int)(sizeof names / sizeof *names))

const char *sigabbrev_np(int sig)
{
	return sig > 0 && sig < NNAMES ? names[sig].abbrev : 0;
}

char *strsignal(int sig)
{
	static char other[32];

	if (sig > 0 && sig < NNAMES)
		return (char *)names[sig].text;
	snprintf(other, sizeof other, sig >= 32 && sig <= 64 ? "Real-time signal %d" : "Unknown signal %d",
		 sig >= 32 && sig <= 64 ? sig - SIGRTMIN : sig);
	return other;
}
