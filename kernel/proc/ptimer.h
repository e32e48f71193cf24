/* SPDX-License-Identifier: ISC */
/* Timers of processes: setitimer(2)'s three, and those of timer_create(2). */
#ifndef PROC_PTIMER_H
#define PROC_PTIMER_H

#include "proc/proc.h"

/* clockid_t of those that timers know. */
enum { PT_REALTIME = 0, PT_MONOTONIC = 1, PT_PROCESS_CPU = 2, PT_THREAD_CPU = 3, PT_BOOTTIME = 7 };
enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
#define SI_TIMER (-2)

struct ptimer_time {
	uint64_t left_ns, interval_ns; /* left 0: disarmed */
};

/*
 * setitimer(2): `which` < NITIMERS. All here: for the current process; may sleep; take sig_lock and, for processor
 * time, proc_lock.
 */
void itimer_set(struct proc *p, unsigned which, const struct ptimer_time *new, struct ptimer_time *old);
void itimer_get(struct proc *p, unsigned which, struct ptimer_time *now);

/*
 * timer_create(2): its id, -EINVAL (clock, notify, signo or tid), -EAGAIN (too many), -ENOMEM. `value` NULL: the id
 * itself is the signal's value.
 */
int ptimer_create(struct proc *p, int clock, int notify, int signo, pid_t tid, const uint64_t *value);
/*
 * `absolute`: left_ns is a time of the timer's clock. An interval that is too short to keep up with is made up for by
 * overruns. 0 or -EINVAL: no such timer.
 */
int ptimer_set(struct proc *p, int id, bool absolute, const struct ptimer_time *new, struct ptimer_time *old);
int ptimer_get(struct proc *p, int id, struct ptimer_time *now);
int ptimer_overrun(struct proc *p, int id); /* of the last signal that was taken; -EINVAL */
int ptimer_delete(struct proc *p, int id);

/* The wall clock was set forward by so much: who waits for a time of it waits for less. May sleep. */
void ptimers_wall_set(int64_t delta_ns);
/* exec: those of timer_create end. exit: all. May sleep. */
void ptimers_drop(struct proc *p);
void ptimers_end(struct proc *p);
/* sched.c, in the timer interrupt, when the current thread's process has timers of processor time. */
void ptimer_tick(struct proc *p);
/* signal.c, [g]: the signal of a timer is taken, which says how often it ran out without being heard. */
void ptimer_taken(struct sigqueue *q, struct siginfo *si);

#endif
