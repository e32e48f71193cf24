/* SPDX-License-Identifier: ISC */
/* Signals: Linux numbers and the frame that riscv64 kernels build (uapi layouts). */
#ifndef _SIGNAL_H
#define _SIGNAL_H

#include <sys/types.h>
#include <time.h>

#define SIGHUP	  1
#define SIGINT	  2
#define SIGQUIT	  3
#define SIGILL	  4
#define SIGTRAP	  5
#define SIGABRT	  6
#define SIGIOT	  6
#define SIGBUS	  7
#define SIGFPE	  8
#define SIGKILL	  9
#define SIGUSR1	  10
#define SIGSEGV	  11
#define SIGUSR2	  12
#define SIGPIPE	  13
#define SIGALRM	  14
#define SIGTERM	  15
#define SIGSTKFLT 16
#define SIGCHLD	  17
#define SIGCONT	  18
#define SIGSTOP	  19
#define SIGTSTP	  20
#define SIGTTIN	  21
#define SIGTTOU	  22
#define SIGURG	  23
#define SIGXCPU	  24
#define SIGXFSZ	  25
#define SIGVTALRM 26
#define SIGPROF	  27
#define SIGWINCH  28
#define SIGIO	  29
#define SIGPOLL	  29
#define SIGPWR	  30
#define SIGSYS	  31
#define SIGRTMIN  34
#define SIGRTMAX  64
#define NSIG	  65
#define _NSIG	  65

#define SA_NOCLDSTOP 1
#define SA_NOCLDWAIT 2
#define SA_SIGINFO   4
#define SA_ONSTACK   0x08000000
#define SA_RESTART   0x10000000
#define SA_NODEFER   0x40000000
#define SA_RESETHAND 0x80000000

#define SIG_BLOCK   0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2

#define SS_ONSTACK  1
#define SS_DISABLE  2
#define MINSIGSTKSZ 2048
#define SIGSTKSZ    8192

#define SI_USER	      0
#define SI_KERNEL     0x80
#define SI_QUEUE      (-1)
#define SI_TIMER      (-2)
#define SI_TKILL      (-6)
#define ILL_ILLOPC    1
#define FPE_INTDIV    1
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define BUS_OBJERR    3
#define TRAP_BRKPT    1
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_TRAPPED   4
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

typedef void (*sighandler_t)(int);
typedef int sig_atomic_t;
#define SIG_DFL ((sighandler_t)0)
#define SIG_IGN ((sighandler_t)1)
#define SIG_ERR ((sighandler_t)-1)

union sigval {
	int sival_int;
	void *sival_ptr;
};

/* What a timer does when it runs out. A function in a thread of its own (SIGEV_THREAD) is not there. */
struct sigevent {
	union sigval sigev_value;
	int sigev_signo, sigev_notify;
	pid_t sigev_notify_thread_id;
	int __room[11];
};
#define SIGEV_SIGNAL	0
#define SIGEV_NONE	1
#define SIGEV_THREAD_ID 4

typedef struct {
	int si_signo;
	int si_errno;
	int si_code;
	int __pad0;
	union {
		char __pad[112];
		struct {
			pid_t pid;
			uid_t uid;
			union {
				union sigval value;
				struct {
					int status;
					int __pad1;
					clock_t utime, stime;
				};
			};
		} __proc;
		struct {
			int tid;
			int overrun;
			union sigval value;
		} __timer;
		struct {
			void *addr;
			short addr_lsb;
		} __fault;
	} __u;
} siginfo_t;
#define si_pid	   __u.__proc.pid
#define si_uid	   __u.__proc.uid
#define si_status  __u.__proc.status
#define si_utime   __u.__proc.utime
#define si_stime   __u.__proc.stime
#define si_value   __u.__proc.value
#define si_int	   __u.__proc.value.sival_int
#define si_ptr	   __u.__proc.value.sival_ptr
#define si_addr	   __u.__fault.addr
#define si_timerid __u.__timer.tid
#define si_overrun __u.__timer.overrun

struct sigaction {
	union {
		sighandler_t sa_handler;
		void (*sa_sigaction)(int, siginfo_t *, void *);
	};
	unsigned long sa_flags;
	sigset_t sa_mask;
};

typedef struct {
	void *ss_sp;
	int ss_flags;
	size_t ss_size;
} stack_t;

typedef unsigned long greg_t;
enum { REG_PC = 0, REG_RA = 1, REG_SP = 2, REG_TP = 4, REG_S0 = 8, REG_A0 = 10 };

typedef struct {
	greg_t __gregs[32]; /* pc, then x1 to x31 */
	union {
		struct {
			unsigned long f[32];
			unsigned fcsr;
		} d;
		struct {
			unsigned long f[64] __attribute__((aligned(16)));
			unsigned fcsr;
			unsigned reserved[3];
		} q;
	} __fpregs;
} mcontext_t;

typedef struct __ucontext {
	unsigned long uc_flags;
	struct __ucontext *uc_link;
	stack_t uc_stack;
	sigset_t uc_sigmask;
	char __unused[1024 / 8 - sizeof(sigset_t)];
	mcontext_t uc_mcontext;
} ucontext_t;

int kill(pid_t pid, int sig);
int killpg(pid_t pgrp, int sig);
int tgkill(pid_t pid, pid_t tid, int sig);
int raise(int sig);
sighandler_t signal(int sig, sighandler_t handler);
int sigaction(int sig, const struct sigaction *act, struct sigaction *old);
int sigprocmask(int how, const sigset_t *set, sigset_t *old);
int sigsuspend(const sigset_t *mask);
int sigpending(sigset_t *set);
int sigaltstack(const stack_t *ss, stack_t *old);
int sigwait(const sigset_t *set, int *sig);
int sigwaitinfo(const sigset_t *set, siginfo_t *info);
int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout);
int sigqueue(pid_t pid, int sig, const union sigval value);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int sig);
int sigdelset(sigset_t *set, int sig);
int sigismember(const sigset_t *set, int sig);
void psignal(int sig, const char *msg);

#endif
