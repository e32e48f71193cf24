/* SPDX-License-Identifier: ISC */
/*
 * Timers: a function called once, at a time. Each hart has a list, in the order of the deadlines, of the
 * timers that were set there.
 */
#ifndef PROC_TIMER_H
#define PROC_TIMER_H

#include "lib/base.h"
#include "lib/list.h"

struct hart;

struct timer {
	struct list link;     /* its hart's timer lock */
	uint64_t deadline_ns; /* monotonic */
	void (*fn)(struct timer *t);
	struct hart *hart; /* where it was set */
	bool set;
};

#define TICK_NS	    10000000ul
#define SLICE_TICKS 2 /* how long a thread runs while others want to */

void timer_init(void);
/*
 * fn runs once, in interrupt context, at or soon after the deadline; it may set the timer again. The timer
 * must not be set already. Any context.
 */
void timer_set(struct timer *t, uint64_t deadline_ns, void (*fn)(struct timer *t));
/*
 * Afterwards the timer is not set and fn does not run (any more); harmless if it never was (zeroed). Not
 * from fn itself; the caller holds no lock that fn takes.
 */
void timer_cancel(struct timer *t);

/* trap.c: interrupts off. */
void timer_interrupt(bool from_user);
/*
 * sched.c, interrupts off: this hart has something to run, so sched_tick is called every TICK_NS until it
 * idles.
 */
void timer_tick_start(void);

#endif
