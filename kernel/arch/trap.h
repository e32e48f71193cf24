/* SPDX-License-Identifier: ISC */
/* The registers of an interrupted user program, saved at the top of its thread's kernel stack. */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include "lib/base.h"

struct thread;

struct trapframe {
	uint64_t epc; /* order of Linux's user_regs_struct: pc, then x1..x31 */
	/* but in calls and faults, unless they are wanted, not s0 .. s11: trap_entry.S */
	uint64_t ra, sp, gp, tp, t0, t1, t2, s0, s1, a0, a1, a2, a3, a4, a5, a6, a7;
	uint64_t s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6;
	uint64_t status;
	uint64_t cause; /* a system call that writes s0 .. s11 sets it to 0: they are loaded then */
	uint64_t tval;
	uint64_t orig_a0; /* for restarting system calls */
};

/* sstatus of a user program: 64-bit, interrupts on; its floating point is off until its first use traps. */
#define USER_STATUS (2ul << 32 | 1ul << 5)

/* A program's registers at its start: all zero but these. `status` must not be zeroed otherwise. */
static inline void trapframe_init(struct trapframe *f, uint64_t pc, uint64_t sp)
{
	*f = (struct trapframe){ .epc = pc, .sp = sp, .status = USER_STATUS };
}

/* Called by trap.c; provided by sys/table.c, proc/signal.c. */
int64_t syscall_failed(struct trapframe *f, int64_t r);
/*
 * A fault or trap of the program that the kernel cannot mend: the thread takes this signal on its way back, whatever it blocks or
 * ignores. SIGKILL ends the process here.
 */
void signal_fault(int sig, int code, uint64_t addr);
/*
 * On the way back to user mode with thread->sigpending set (or the process exiting): may not return.
 * Interrupts on.
 */
void signal_deliver(struct trapframe *f);

/*
 * Floating point of the current thread: fp_save brings thread->fp up to date (before reading or copying it);
 * fp_restore makes the program see what was written there (sigreturn; exec after zeroing it).
 */
void fp_save(void);
void fp_restore(void);

/* sched.c, at a switch away from a user thread: saves the registers if dirty; the next use reloads them. */
void fp_switch_out(struct thread *t);

/* context.S: goes on as `next`, and returns when somebody switches back. */
void context_switch(struct thread *prev, struct thread *next);
/* context.S: where a new thread begins: sched.c's thread_begin(s0, s1). */
void thread_trampoline(void);

/* Points this hart's trap vector at the kernel. */
void trap_init_hart(void);
/* The end of its boot: interrupts come from now on, where they are on. */
void trap_interrupts_begin(void);

#endif
