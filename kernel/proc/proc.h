/* SPDX-License-Identifier: ISC */
/*
 * Processes (thread groups): what their threads share. proc/process.c: table, fork, the first process;
 * proc/exit.c: exit and wait; proc/exec.c, elf.c, strings.c; proc/signal.c: sending and what signals do;
 * proc/sigframe.c: handlers' frames. Lock keys: [p] the process table lock (proc_lock, RANK_PROC_TREE); [g]
 * p->sig_lock (RANK_SIGNAL); [c] constant; [a] atomic.
 */
#ifndef PROC_PROC_H
#define PROC_PROC_H

#include "fs/vnode.h"
#include "lib/base.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "proc/thread.h"
#include "proc/timer.h"
#include "vm/vm.h"

#define NSIG	 64
#define NRLIMITS 16
enum {
	RLIMIT_CPU,
	RLIMIT_FSIZE,
	RLIMIT_DATA,
	RLIMIT_STACK,
	RLIMIT_CORE,
	RLIMIT_NPROC = 6,
	RLIMIT_NOFILE,
	RLIMIT_MEMLOCK,
	RLIMIT_AS,
	RLIMIT_SIGPENDING = 11
};

struct sigaction_k { /* as rt_sigaction(2) passes it on riscv64: no restorer */
	uint64_t handler, flags, mask;
};

struct rlimit {
	uint64_t cur, max;
};

struct usage {
	uint64_t utime_ns, stime_ns, minflt, majflt, nvcsw, nivcsw;
	uint64_t maxrss; /* pages: the most that one space, or one process of several, had */
};

#define NITIMERS	3
#define PTIMER_USER_CPU (-1) /* a clock: the time that a process spent in its program */

struct ptimer { /* ptimer.c; all zero: never used */
	struct timer timer;
	struct proc *proc;    /* [c] */
	int clock, signo;     /* [c] */
	bool posix;	      /* [c] of timer_create */
	uint64_t deadline_ns; /* [g] monotonic, or processor time; 0: it stands still */
	uint64_t interval_ns; /* [g] 0: once */
};

enum proc_state { PROC_RUNNING, PROC_STOPPED, PROC_ZOMBIE };

struct proc {
	pid_t pid;		       /* [c] */
	enum proc_state state;	       /* [p] */
	struct proc *parent;	       /* [p] */
	struct list children, sibling; /* [p] */
	struct list all;	       /* [p] */
	struct list threads;	       /* changed under [p] and [g], so either is enough to read it */
	unsigned nthreads;	       /* [p] threads on that list */
	unsigned nlive;		       /* [p] those that have not begun to end */
	struct thread *exec_thread;    /* [p] waits for the others to end */
	pid_t pgid, sid;	       /* [p] */
	struct tty *ctty;	       /* [p] */
	int exit_status;	       /* [p] as wait4 reports it */
	bool exiting;		       /* [p] all threads end: takes no more signals */
	bool execed;		       /* [p] */
	struct thread *vfork_parent;   /* [p] waits until this process has memory of its own, or none */
	bool stopping;		       /* changed under [p] and [g]: every thread is to stop */
	unsigned nstopped, stop_round; /* [p] threads that have; the stop they belong to */
	bool stop_reported, continued; /* [p] for wait4 */
	int stop_signal;	       /* [p] */
	struct waitq wait_children;    /* wait4 sleeps here with proc_lock */
	struct space *space;	       /* [p] changes at exec */
	struct fdtable *files;
	struct fs_context *fs;
	struct cred cred;
	struct vnode *exe; /* /proc/PID/exe */
	struct name *exe_name;
	char name[16]; /* comm */
	struct rlimit rlimits[NRLIMITS];
	int oom_score_adj, nice;
	uint64_t start_ns;
	struct usage ended;  /* [p] of threads that ended, and of spaces that the process left */
	struct usage waited; /* [p] of children waited for */
	/* signals */
	struct spinlock sig_lock;
	struct pending pending;	      /* [g] for any thread that does not block it */
	unsigned nqueued;	      /* [g] of all its queues */
	struct sigqueue first_signal; /* [g] is queued when none is: so a lone signal needs no memory */
	bool stop_dequeued;	      /* [g] a stop signal was taken and no SIGCONT or SIGKILL came since */
	int exit_signal;	      /* to the parent: SIGCHLD */
	int parent_death_signal;      /* [p] prctl(2): to this process, when its parent ends; 0: none */
	struct ptimer itimers[NITIMERS];  /* setitimer */
	struct list timers;		  /* [g] timer_create: ptimer.c's struct posix_timer, by id */
	unsigned ntimers;		  /* [g] */
	unsigned ncpu_timers;		  /* [g] that count processor time and run */
	struct sigaction_k actions[NSIG]; /* [g] signal n at n-1 */
};

extern struct spinlock proc_lock;
extern struct list proc_list; /* [p] struct proc.all, zombies too */

/* For kernel/sys and what takes its place (ioctl, open of /dev/tty): the rest is told whom it works for. */
static inline struct proc *proc_current(void)
{
	return thread_current()->proc;
}

struct proc *proc_find(pid_t pid); /* [p] */
/*
 * Boot: makes pid 1 run init (the embedded one when path is NULL) with argv, devtmpfs on /dev and
 * descriptors 0-2 on /dev/console if the root has a /dev.
 */
void proc_start_init(struct fs_context *fs, const char *path, const void *embedded, size_t embedded_size,
		     char **argv, char **envp);

/* clone(2): the id of the child, a process or a thread of this one, or -errno. */
#define CLONE_VM	     0x100
#define CLONE_FS	     0x200
#define CLONE_FILES	     0x400
#define CLONE_SIGHAND	     0x800
#define CLONE_VFORK	     0x4000
#define CLONE_PARENT	     0x8000
#define CLONE_THREAD	     0x10000
#define CLONE_PTRACE	     0x2000
#define CLONE_SYSVSEM	     0x40000
#define CLONE_DETACHED	     0x400000
#define CLONE_UNTRACED	     0x800000
#define CLONE_IO	     0x80000000ul
#define CLONE_SETTLS	     0x80000
#define CLONE_PARENT_SETTID  0x100000
#define CLONE_CHILD_CLEARTID 0x200000
#define CLONE_CHILD_SETTID   0x1000000
#define CLONE_CLEAR_SIGHAND  0x100000000ul
struct clone_args {
	uint64_t flags, stack, parent_tid, child_tid, tls;
	int exit_signal;
};
int64_t proc_clone(struct proc *p, const struct clone_args *a);

/* exec.c: 0 bases are fixed (norandmaps), 1 stack, mmap and position-independent programs move, 2 the heap, too */
extern unsigned randomize_va_space;
/* strings.c: the strings of an exec: argv's, then envp's. Who adds them counts them. */
#define EXEC_STRING_MAX (128ul << 10)
#define EXEC_TOTAL_MAX	(2ul << 20)
struct exec_strings {
	char **pages;
	size_t used; /* bytes in them, of which the first `skip` do not count */
	size_t skip;
	char *prefix; /* a page whose last prefix_length bytes come first */
	size_t prefix_length;
	unsigned argc, envc;
};
/* Appends one string from the kernel or the program: 0, -E2BIG, -EFAULT, -ENOMEM (killed). May sleep. */
int exec_add(struct exec_strings *s, const char *text);
int exec_add_user(struct exec_strings *s, uint64_t utext);
/* `#!`: the first argument gives way to the interpreter, its argument if any, and the script's path. */
int exec_replace_first(struct exec_strings *s, const char *interpreter, const char *arg, const char *path);
/* All bytes; those from `at` on that lie together; the length of the string there. */
size_t exec_total(const struct exec_strings *s);
const char *exec_bytes(const struct exec_strings *s, size_t at, size_t *n);
size_t exec_length(const struct exec_strings *s, size_t at);
void exec_free(struct exec_strings *s);
/*
 * Replaces the program of the current process. 0: user_return goes to the new program; else nothing has
 * changed.
 */
int proc_exec(struct proc *p, struct fs_context *fs, const char *path, struct exec_strings *s,
	      struct vnode *direct);
/* All threads of the current process end; wait status: code << 8 or signal. */
void proc_exit(int status) __noreturn;
/* exit(2): only this thread, unless it is the last. */
void proc_exit_thread(int status) __noreturn;
/* A killed thread ends, and its process if it was SIGKILL. */
void proc_exit_killed(void) __noreturn;
/*
 * exec: ends all other threads and waits until they are gone; the current one has the process's id then.
 * -EAGAIN: it is itself to end.
 */
int proc_end_others(struct proc *p) __must_check;
/* [p] Are all threads to stop, and did they? Then the parent hears of it. */
void proc_note_stopped(struct proc *p);

/* The process has memory of its own, or none any more: a vfork's parent goes on. */
void proc_vfork_done(struct proc *p);
/* [p] SIGCHLD with CLD_ code and status, and whoever waits wakes. */
enum { CLD_EXITED = 1, CLD_KILLED, CLD_STOPPED = 5, CLD_CONTINUED };
void proc_tell_parent(struct proc *p, int code, int status);
/*
 * [p] Does nobody in the session but outside of the group look after it (POSIX.1-2017, 3.264)? `skip` does
 * not count.
 */
bool proc_group_orphaned(pid_t pgid, const struct proc *skip);
/* exit.c's and process.c's own: out of the tree [p], then freed. */
void proc_unlink(struct proc *p);
/* [p] The room that a process, or one more thread of it, took: a fork that waits for it may go on. */
#define FRAMES_PER_PROC	  64
#define FRAMES_PER_THREAD 12
void proc_give_room(unsigned frames);
void proc_remove_thread(struct proc *p, struct thread *t);
/*
 * Lets go of memory, files, directories and program; the thread does not run in the space (any more). May
 * sleep.
 */
void proc_let_go(struct proc *p);
void proc_free(struct proc *p);
extern struct proc *init_proc;

struct wait_result {
	pid_t pid;
	uint32_t uid;
	int status; /* as wait4 gives it */
	struct usage usage;
};
/* wait4's selection by pid and options; the pid, 0 (WNOHANG), -ECHILD, -ERESTARTSYS. */
int64_t proc_wait(struct proc *p, pid_t pid, int options, struct wait_result *r);
#define WNOHANG	   1
#define WUNTRACED  2
#define WEXITED	   4
#define WCONTINUED 8
#define WNOWAIT	   0x1000000
unsigned proc_count(void); /* of threads: what RLIMIT_NPROC limits */
/* [p] The thread of that id in the process, or (NULL) in any; NULL. */
struct thread *proc_thread(struct proc *p, pid_t tid);

/* What the process has used so far: the threads that ended and the others. */
void usage_add_thread(struct usage *u, const struct thread *t);
void proc_usage(struct proc *p, struct usage *u); /* [p] */
/* [p] The process is about to leave its space: what that had at most is kept. */
void usage_leave_space(struct proc *p);
/* RLIMIT_CPU of the current process, which is finite. From the scheduler's tick. */
void proc_check_cpu(struct proc *p);

/* Signals. */
enum {
	SIGHUP = 1,
	SIGINT,
	SIGQUIT,
	SIGILL,
	SIGTRAP,
	SIGABRT,
	SIGBUS,
	SIGFPE,
	SIGKILL,
	SIGUSR1,
	SIGSEGV,
	SIGUSR2,
	SIGPIPE,
	SIGALRM,
	SIGTERM,
	SIGSTKFLT,
	SIGCHLD,
	SIGCONT,
	SIGSTOP,
	SIGTSTP,
	SIGTTIN,
	SIGTTOU,
	SIGURG,
	SIGXCPU,
	SIGXFSZ,
	SIGVTALRM,
	SIGPROF,
	SIGWINCH,
	SIGIO,
	SIGPWR,
	SIGSYS
};
#define SIG_DFL	     0ul
#define SIG_IGN	     1ul
#define SA_NOCLDSTOP 1ul
#define SA_NOCLDWAIT 2ul
#define SA_SIGINFO   4ul
#define SA_ONSTACK   0x08000000ul
#define SA_RESTART   0x10000000ul
#define SA_NODEFER   0x40000000ul
#define SA_RESETHAND 0x80000000ul
#define SI_USER	     0
#define SI_KERNEL    0x80
#define SI_QUEUE     (-1)
#define SI_TKILL     (-6)
#define SIGBIT(n)    (1ul << ((n)-1))

/*
 * Queues a signal for the process and wakes who takes it. proc_lock is held; or, but for SIGKILL, SIGCONT and the
 * stopping ones, it is enough that the process cannot go: it is the current one. Any context. 0, or
 * -EAGAIN: too many real-time signals are queued.
 */
int signal_send(struct proc *p, const struct siginfo *si);
/* [g] The same to the process, for a signal of the kernel's that neither kills nor stops by its number. */
void signal_send_held(struct proc *p, const struct siginfo *si);
/*
 * [g] Queues a signal that is not queued now, for a thread of the process (tid 0: any). False: nobody would take it,
 * as it is ignored or the thread has gone. And takes it back, if it is still queued.
 */
bool signal_post(struct proc *p, pid_t tid, struct sigqueue *q);
/* [p] After that, for SIGCONT and SIGKILL: a process that stops, or has, goes on. */
void signal_resume(struct proc *p, int sig);
void signal_unpost(struct proc *p, struct sigqueue *q);
/*
 * kill(2): 0, -ESRCH, -EPERM, -EINVAL; and to one process (rt_sigqueueinfo) or thread (tgkill; tgid 0: of any
 * process) with any siginfo; signo 0: only the checks.
 */
int signal_kill(struct proc *from, pid_t pid, int sig);
int signal_one(struct proc *from, pid_t pid, const struct siginfo *si);
int signal_one_thread(struct proc *from, pid_t tgid, pid_t tid, const struct siginfo *si);
/* [p] The thread is to end: it is told and woken, once it sleeps or goes to user mode. */
void signal_kill_thread(struct thread *t);
/* [p] signal_group() with the lock held. */
void signal_group_locked(pid_t pgid, int sig);
/* fs/signalfd.c: woken whenever a signal becomes pending for somebody. */
extern struct waitq signalfd_waitq;
/* Something to deliver to this thread, its own: unmasked and not ignored. */
bool signal_pending(struct thread *t);
void signal_fork(struct proc *child, const struct proc *parent);
void signal_exec(struct proc *p);
void signal_flush(struct proc *p); /* forgets everything that is pending */
/* The current thread takes no more signals; what waited for the process another thread gets. */
void signal_thread_exit(struct proc *p, struct thread *t);
/* The signals that are pending for the thread, blocked or not. */
uint64_t signal_pending_set(struct thread *t);
int signal_set_action(struct proc *p, int sig, const struct sigaction_k *new, struct sigaction_k *old);
void signal_set_mask(struct proc *p, struct thread *t, uint64_t mask);

/*
 * sigframe.c. The trampoline page that calls rt_sigreturn, as an object to be mapped at SIGTRAMP in every
 * space.
 */
#define SIGTRAMP (USER_TOP - PAGE_SIZE)
void signal_init(void);
struct object *signal_trampoline(void);
struct trapframe;
/* Makes the program go on in the handler, and with `mask` behind it. -EFAULT: no stack for it. */
int signal_push_frame(struct thread *t, struct trapframe *f, const struct siginfo *si,
		      const struct sigaction_k *sa, uint64_t mask);
bool signal_on_altstack(const struct thread *t, uint64_t sp);
/* rt_sigtimedwait: the signal of the set that came, -EAGAIN at the deadline, -EINTR for another one. */
int signal_wait(struct proc *p, struct thread *t, uint64_t set, uint64_t deadline_ns, struct siginfo *si);
/* siginfo_t in the program's memory: 0 or -EFAULT. */
int signal_put_info(uint64_t uaddr, const struct siginfo *si);
int signal_get_info(uint64_t uaddr, struct siginfo *si); /* rt_sigqueueinfo's */
int64_t signal_return(struct trapframe *f);		 /* rt_sigreturn */

/*
 * The end of pid 1, or reboot(2): everything is written, then the machine ends with the status, or starts
 * again. May sleep.
 */
void system_shutdown(int status) __noreturn;
void system_reboot(void) __noreturn;
/* What sethostname(2) said last, with its NUL. */
#define HOSTNAME_SIZE 65
void system_hostname(char name[HOSTNAME_SIZE]);

#endif
