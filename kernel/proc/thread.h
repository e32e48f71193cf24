/* SPDX-License-Identifier: ISC */
/*
 * Threads and the scheduler (proc/sched.c). Preemptive: the timer interrupt switches threads in user mode and in
 * the kernel wherever interrupts are on, that is, wherever no spinlock is held. Per-hart run queues, idle harts wait in wfi.
 * Lock keys: [g] sig_lock of the thread's process; [r] the lock of its hart's run queue.
 */
#ifndef PROC_THREAD_H
#define PROC_THREAD_H

#include "lib/base.h"
#include "lib/list.h"
#include "lib/lock.h"

struct proc;
struct space;
struct trapframe;

enum thread_state { THREAD_NEW, THREAD_RUNNABLE, THREAD_RUNNING, THREAD_SLEEPING, THREAD_DEAD };

struct context { /* callee-saved registers of a thread that does not run */
	uint64_t ra, sp, s[12];
};

struct siginfo { /* kernel-side siginfo_t: the fields any signal of ours carries; laid out for the program by sigframe.c */
	int signo, err, code;
	pid_t pid;    /* or a timer's id */
	uint32_t uid; /* or its overrun */
	int status;
	uint64_t addr, value;
};
struct sigqueue { /* a signal that waits to be taken, or an idle timer's */
	struct list link;
	struct siginfo si;
	bool of_timer; /* [c] it belongs to a timer, and is not freed when it is taken */
};

struct pending { /* signals that wait: struct sigqueue; not every one of the set is in the queue */
	uint64_t set;
	struct list queue;
};

#define POLICY_IDLE 5 /* SCHED_IDLE */

struct fpstate {
	uint64_t f[32];
	uint32_t fcsr;
};

struct thread {
	struct hart *hart; /* must be first: see arch/cpu.h; the hart it runs on or ran on last */
	uint64_t kstack;   /* base; KSTACK_SIZE bytes; entry.S relies on the order of these first fields */
	struct trapframe
		*frame; /* the user's registers, at the top of the kernel stack; NULL for kernel threads */
	uint64_t scratch[4]; /* for entry.S */
	uint32_t intr_depth; /* see arch/cpu.h */
	struct context context;
	struct fpstate fp;	 /* saved at switch when dirty (sstatus.FS) */
	enum thread_state state; /* guarded by the run queue lock of its hart */
	struct list run_link;
	bool on_cpu;	       /* its registers are in a hart: written under that hart's run queue lock */
	bool boosted;	       /* woke from a sleep and has not used up a time slice since */
	uint8_t slice;	       /* ticks left */
	uint8_t passes;	       /* turns that it lets go by, being nice */
	uint8_t policy;	       /* [a] what sched_setscheduler(2) said; POLICY_IDLE is as nice as can be */
	struct space *space;   /* the address space it runs in; NULL for kernel threads */
	struct proc *proc;     /* NULL for kernel threads */
	struct list proc_link; /* proc.h */
	pid_t tid;
	char name[16];
	uint8_t faults_off; /* user_copy_*_nofault nesting */
	bool sigpending; /* something may have to be delivered: checked on the way to user mode and by *_intr sleeps */
	bool killed;	    /* [g] is to end as soon as it can: SIGKILL, exit_group or exec elsewhere */
	bool exiting;	    /* [g] on its way out: takes no signals and is not killed any more */
	bool oom_victim;    /* may use the frame reserve */
	unsigned ndirtied;  /* pages made dirty since it was last throttled: writeback.c */
	bool alloc_failed;  /* page_alloc() had nothing for it: sys/table.c */
	uint8_t reclaiming; /* this thread frees memory: it may use the reserve, and never waits for memory */
	uint8_t gathering;  /* its writes are in the background: dev/gather.c */
	uint64_t sigmask;   /* [g]; only the thread itself changes it */
	struct pending pending; /* [g] signals for this thread alone */
	struct siginfo
		fault; /* what it did wrong: comes before all other signals; signo 0: nothing. Its own */
	uint64_t utime_ns, stime_ns, last_ns; /* accounting; [r] */
	uint64_t nvcsw, nivcsw, nminflt, nmajflt;
	uint64_t clear_child_tid; /* set_tid_address */
	uint64_t robust_list;	  /* set_robust_list: the head of the locks it holds; 0: none */
	bool vfork_waiting;	  /* proc_lock: until its child has memory of its own */
	uint64_t saved_mask;	  /* sigsuspend: the mask to come back to */
	bool restore_mask;
	uint64_t sigwait; /* [g] rt_sigtimedwait: wanted though blocked */
	struct {
		uint64_t sp, size;
	} altstack; /* sigaltstack; size 0: none */
	struct restart {
		int64_t (*again)(struct restart *r);
		uint64_t deadline_ns, args[3];
	} restart; /* a call with a time limit that restart_syscall goes on with; `again` NULL: none */
#ifdef QUIRE_DEBUG
	uint8_t ranks[16]; /* sleeping locks held */
	unsigned nranks;
#endif
};

#define KSTACK_SIZE (4 * PAGE_SIZE)

/* Creates a thread that has not started; NULL: no memory. User threads get `frame` at the top of their stack. */
struct thread *thread_create(const char *name) __must_check;
/* Makes it start in fn(arg) in the kernel (fn must not return for user threads; kernel threads end by returning). */
void thread_start(struct thread *t, void (*fn)(void *), void *arg);
/* A kernel thread, started; NULL: no memory. */
struct thread *kthread_create(const char *name, void (*fn)(void *), void *arg) __must_check;
/* Ends the current thread; its memory is freed by the scheduler after the switch unless `proc` keeps it (thread_free). */
void thread_exit(void) __noreturn;
void thread_free(
	struct thread *t); /* never started, or dead and switched away for good: waits for on_cpu to end */
void thread_shrink_stacks(void); /* gives back those kept for the next threads; may sleep */
#ifdef QUIRE_DEBUG
bool thread_on_stack(
	uint64_t kstack); /* while the other harts pause: is it the stack of a thread that runs? */
#endif

/* entry.S/trap.c: goes to user mode with t->frame; for the first start of a user thread. */
void user_return(void) __noreturn;

void thread_yield(void);
void sched_init(void);
void sched_start(void) __noreturn;		  /* on each hart, becomes its idle thread */
void sched_tick(bool from_user);		  /* timer interrupt, interrupts off */
void thread_preempt(void);			  /* trap.c, interrupts off: need_resched was found set */
struct thread *sched_idle_thread(struct hart *h); /* with its stack, for a hart that is about to start */
uint64_t thread_cpu_ns(const struct thread *t);	  /* processor time used so far, also while it runs */
void thread_wake(struct thread *t);		  /* ends any sleep of it (for signals): spurious wake-up */
void thread_sleep_ns(uint64_t ns);		  /* not interruptible */
/* sync.c: with interrupts off the thread wrote its state SLEEPING; sleeps unless it was woken since. */
void sched_sleep(void);
uint64_t sched_load_runnable(void);
uint64_t sched_idle_ns(const struct hart *h); /* how long it has waited for work since boot */
/* Moves the running thread to another space (exec, exit: NULL); switches satp at once. */
void thread_set_space(struct space *s);

#endif
