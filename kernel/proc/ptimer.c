/* SPDX-License-Identifier: ISC */
/*
 * Timers of processes. Those of real time hang in the list of a hart (timer.c) by their monotonic deadline; those of
 * processor time are looked at in every tick that finds the process running. A timer of timer_create has one signal
 * of its own: while that waits to be taken, further ends are only counted (overruns).
 *
 * `control` is held by whoever makes, sets or ends timers, so that a timer is set by one thread at a time; sig_lock
 * guards what expire(), in an interrupt, sees and changes. A timer is stopped by making its deadline 0 under that
 * lock, and then, without it, by timer_cancel.
 */
#include "proc/ptimer.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define PERIOD_MIN_NS	200000	/* a shorter period is not kept up with, */
#define PERIOD_QUIET_NS 1000000 /* nor this one while the signal is not taken */

struct posix_timer {
	struct ptimer t;
	struct list link; /* changed under `control` and [g] */
	struct list all;  /* `control` */
	int id, notify;
	pid_t tid, counted; /* of the thread that gets the signal; whose processor time it counts */
	struct sigqueue signal;
	bool wall;		  /* [g] it was set to a time of the wall clock */
	uint64_t missed, overrun; /* [g] ends since the signal was queued; of the last one taken */
};

static struct mutex control = MUTEX_INIT(control, "timers", RANK_NONE);
static struct list posix_timers = LIST_INIT(posix_timers);

static inline bool counts_cpu(const struct ptimer *t)
{
	return t->clock == PT_PROCESS_CPU || t->clock == PT_THREAD_CPU || t->clock == PTIMER_USER_CPU;
}

static inline struct posix_timer *posix(struct ptimer *t)
{
	return container_of(t, struct posix_timer, t);
}

/* ---- clocks ---- */

static uint64_t cpu_time(const struct ptimer *t, const struct usage *u)
{
	return u->utime_ns + (t->clock == PTIMER_USER_CPU ? 0 : u->stime_ns);
}

/* [p] Of the process, or of the thread that is counted. */
static void usage_of(struct ptimer *t, struct usage *u)
{
	struct thread *counted;

	memset(u, 0, sizeof(*u));
	if (t->clock != PT_THREAD_CPU)
		proc_usage(t->proc, u);
	else if ((counted = proc_thread(t->proc, posix(t)->counted)))
		usage_add_thread(u, counted);
}

static uint64_t clock_now(struct ptimer *t)
{
	struct usage u;

	if (!counts_cpu(t))
		return time_ns();
	spin_lock(&proc_lock);
	usage_of(t, &u);
	spin_unlock(&proc_lock);
	return cpu_time(t, &u);
}

/* ---- running out ---- */

static void expire(struct timer *timer);

/* [g] To the next end that has not come yet: how many have, but for the one that is being told. */
static uint64_t advance(struct ptimer *t, uint64_t now, uint64_t least_ns)
{
	uint64_t n;

	if (!t->interval_ns) {
		t->deadline_ns = 0;
		if (counts_cpu(t))
			t->proc->ncpu_timers--;
		return 0;
	}
	n = (now - t->deadline_ns) / t->interval_ns + 1;
	t->deadline_ns += n * t->interval_ns;
	if (!counts_cpu(t))
		timer_set(&t->timer, MAX(t->deadline_ns, now + least_ns), expire);
	return n - 1;
}

/* [g] */
static void fire_posix(struct posix_timer *pt, uint64_t now)
{
	bool waits = !list_empty(&pt->signal.link);
	uint64_t more = advance(&pt->t, now, waits ? PERIOD_QUIET_NS : PERIOD_MIN_NS);

	if (pt->notify == SIGEV_NONE)
		return;
	if (waits)
		pt->missed += 1 + more;
	else if (signal_post(pt->t.proc, pt->tid, &pt->signal))
		pt->missed = more;
}

/* [g] */
static void fire(struct ptimer *t, uint64_t now)
{
	struct siginfo si = { .signo = t->signo, .code = SI_KERNEL };

	if (t->posix) {
		fire_posix(posix(t), now);
		return;
	}
	signal_send_held(t->proc, &si);
	advance(t, now, PERIOD_MIN_NS);
}

static inline bool resumes(const struct ptimer *t)
{
	return t->signo == SIGCONT || t->signo == SIGKILL;
}

static void expire(struct timer *timer)
{
	struct ptimer *t = container_of(timer, struct ptimer, timer);
	struct proc *p = t->proc;
	bool tree = resumes(t), due;

	if (tree)
		spin_lock(&proc_lock);
	spin_lock(&p->sig_lock);
	due = t->deadline_ns;
	if (due)
		fire(t, MAX(time_ns(), t->deadline_ns));
	spin_unlock(&p->sig_lock);
	if (tree && due)
		signal_resume(p, t->signo);
	if (tree)
		spin_unlock(&proc_lock);
}

/* [p] [g] Does the process go on if it was about to stop? */
static bool look(struct ptimer *t)
{
	struct usage u;

	if (!t->deadline_ns || !counts_cpu(t))
		return false;
	usage_of(t, &u);
	if (cpu_time(t, &u) < t->deadline_ns)
		return false;
	fire(t, cpu_time(t, &u));
	return resumes(t);
}

void ptimer_tick(struct proc *p)
{
	struct posix_timer *pt;
	bool go_on = false;

	spin_lock(&proc_lock);
	spin_lock(&p->sig_lock);
	for (unsigned i = 0; i < NITIMERS; i++)
		look(&p->itimers[i]);
	list_for_each(pt, &p->timers, link)
		go_on |= look(&pt->t);
	spin_unlock(&p->sig_lock);
	if (go_on)
		signal_resume(p, SIGCONT);
	spin_unlock(&proc_lock);
}

void ptimer_taken(struct sigqueue *q, struct siginfo *si)
{
	struct posix_timer *pt = container_of(q, struct posix_timer, signal);

	pt->overrun = MIN(pt->missed, (uint64_t)INT32_MAX);
	pt->missed = 0;
	si->uid = pt->overrun;
}

/* ---- setting ---- */

/* With `control` held: afterwards expire() neither runs nor will. */
static void stop(struct ptimer *t)
{
	struct proc *p = t->proc;

	if (!p)
		return;
	spin_lock(&p->sig_lock);
	if (t->deadline_ns && counts_cpu(t))
		p->ncpu_timers--;
	t->deadline_ns = 0;
	spin_unlock(&p->sig_lock);
	timer_cancel(&t->timer);
}

/* With `control` held, the timer stopped. */
static void start(struct ptimer *t, uint64_t deadline_ns, uint64_t interval_ns)
{
	struct proc *p = t->proc;

	spin_lock(&p->sig_lock);
	t->interval_ns = interval_ns;
	t->deadline_ns = deadline_ns;
	if (counts_cpu(t))
		p->ncpu_timers++;
	else
		timer_set(&t->timer, deadline_ns, expire);
	spin_unlock(&p->sig_lock);
}

/* What is due is not off: one nanosecond is left of it, or, where nobody is told, the next period counts. */
static void get(struct ptimer *t, struct ptimer_time *out)
{
	uint64_t now = clock_now(t), deadline = t->deadline_ns;

	*out = (struct ptimer_time){ .interval_ns = t->interval_ns };
	if (!deadline)
		return;
	if (now >= deadline && t->posix && t->interval_ns)
		deadline += ((now - deadline) / t->interval_ns + 1) * t->interval_ns;
	out->left_ns = deadline > now ? deadline - now : 1;
}

/* ---- setitimer ---- */

void itimer_get(struct proc *p, unsigned which, struct ptimer_time *now)
{
	static const int clocks[] = { PT_MONOTONIC, PTIMER_USER_CPU, PT_PROCESS_CPU };
	static const int signals[] = { SIGALRM, SIGVTALRM, SIGPROF };
	struct ptimer *t = &p->itimers[which];

	mutex_lock(&control);
	if (!t->proc) {
		t->clock = clocks[which];
		t->signo = signals[which];
		t->proc = p;
	}
	get(t, now);
	mutex_unlock(&control);
}

void itimer_set(struct proc *p, unsigned which, const struct ptimer_time *new, struct ptimer_time *old)
{
	struct ptimer *t = &p->itimers[which];

	itimer_get(p, which, old);
	mutex_lock(&control);
	stop(t);
	if (new->left_ns)
		start(t, clock_now(t) + new->left_ns, new->interval_ns);
	mutex_unlock(&control);
}

/* ---- timer_create ---- */

/* With `control` held. */
static struct posix_timer *find(struct proc *p, int id)
{
	struct posix_timer *pt;

	list_for_each(pt, &p->timers, link)
		if (pt->id == id)
			return pt;
	return NULL;
}

static bool is_own_thread(struct proc *p, pid_t tid)
{
	bool own;

	spin_lock(&proc_lock);
	own = proc_thread(p, tid);
	spin_unlock(&proc_lock);
	return own;
}

/*
 * Turns the clock into one that is known here. Those that name a process or thread by its id must mean this process,
 * or one of its threads: *counted.
 */
static bool known_clock(struct proc *p, int *clock, pid_t *counted)
{
	enum { PROF, VIRT, SCHED, OF_THREAD = 4 };
	pid_t id = ~(*clock >> 3);

	*counted = thread_current()->tid;
	if (*clock >= 0)
		return *clock == PT_REALTIME || *clock == PT_MONOTONIC || *clock == PT_BOOTTIME ||
		       *clock == PT_PROCESS_CPU || *clock == PT_THREAD_CPU;
	if ((*clock & 3) > SCHED || (*clock & OF_THREAD && (*clock & 3) == VIRT))
		return false;
	if (*clock & OF_THREAD) {
		*counted = id ? id : *counted;
		*clock = PT_THREAD_CPU;
		return is_own_thread(p, *counted);
	}
	*clock = (*clock & 3) == VIRT ? PTIMER_USER_CPU : PT_PROCESS_CPU;
	return !id || id == p->pid;
}

static bool sensible(struct proc *p, int notify, int signo, pid_t tid)
{
	if (notify == SIGEV_NONE)
		return true;
	if (signo < 1 || signo > NSIG)
		return false;
	if (notify == SIGEV_THREAD_ID)
		return is_own_thread(p, tid);
	return notify == SIGEV_SIGNAL || notify == SIGEV_THREAD;
}

/* With `control` held: the lowest free id, and before which timer it comes; timers count as signals that may have to be queued. */
static int new_id(struct proc *p, struct list **before)
{
	struct posix_timer *pt;
	int id = 0;

	if (p->ntimers + p->nqueued >= p->rlimits[RLIMIT_SIGPENDING].cur)
		return -EAGAIN;
	list_for_each(pt, &p->timers, link) {
		if (pt->id != id)
			break;
		id++;
	}
	*before = &pt->link; /* at the end that of p->timers */
	return id;
}

int ptimer_create(struct proc *p, int clock, int notify, int signo, pid_t tid, const uint64_t *value)
{
	struct posix_timer *pt;
	struct list *before;
	pid_t counted;
	int id;

	if (!known_clock(p, &clock, &counted) || !sensible(p, notify, signo, tid))
		return -EINVAL;
	pt = kzalloc(sizeof(*pt));
	if (!pt)
		return -ENOMEM;
	mutex_lock(&control);
	id = new_id(p, &before);
	if (id >= 0) {
		pt->t = (struct ptimer){ .proc = p, .clock = clock, .signo = signo, .posix = true };
		pt->id = id;
		pt->notify = notify;
		pt->tid = notify == SIGEV_THREAD_ID ? tid : 0;
		pt->counted = counted;
		list_init(&pt->signal.link);
		pt->signal.of_timer = true;
		pt->signal.si = (struct siginfo){
			.signo = signo, .code = SI_TIMER, .pid = id, .value = value ? *value : (uint64_t)id
		};
		spin_lock(&p->sig_lock);
		list_append(before, &pt->link);
		p->ntimers++;
		spin_unlock(&p->sig_lock);
		list_append(&posix_timers, &pt->all);
	}
	mutex_unlock(&control);
	if (id < 0)
		kfree(pt);
	return id;
}

/* On the monotonic clock, or that of processor time. */
static uint64_t deadline_of(struct ptimer *t, uint64_t time_ns_, bool absolute)
{
	uint64_t now = clock_now(t), wall;

	if (!absolute)
		return time_ns_ > INT64_MAX - now ? INT64_MAX : now + time_ns_;
	if (t->clock != PT_REALTIME)
		return time_ns_;
	wall = time_realtime_ns();
	return time_ns_ > wall ? MIN(now + (time_ns_ - wall), (uint64_t)INT64_MAX) : now;
}

int ptimer_set(struct proc *p, int id, bool absolute, const struct ptimer_time *new, struct ptimer_time *old)
{
	struct posix_timer *pt;

	mutex_lock(&control);
	pt = find(p, id);
	if (pt) {
		get(&pt->t, old);
		stop(&pt->t);
		spin_lock(&p->sig_lock);
		pt->missed = pt->overrun = 0;
		spin_unlock(&p->sig_lock);
		pt->t.interval_ns = new->interval_ns;
		pt->wall = absolute && pt->t.clock == PT_REALTIME;
		if (new->left_ns)
			start(&pt->t, MAX(deadline_of(&pt->t, new->left_ns, absolute), 1ul),
			      new->interval_ns);
	}
	mutex_unlock(&control);
	return pt ? 0 : -EINVAL;
}

void ptimers_wall_set(int64_t delta_ns)
{
	struct posix_timer *pt;

	mutex_lock(&control);
	list_for_each(pt, &posix_timers, all) {
		int64_t deadline = pt->t.deadline_ns;

		if (!pt->wall || !deadline)
			continue;
		stop(&pt->t);
		start(&pt->t, MAX(deadline - delta_ns, 1l), pt->t.interval_ns);
	}
	mutex_unlock(&control);
}

int ptimer_get(struct proc *p, int id, struct ptimer_time *now)
{
	struct posix_timer *pt;

	mutex_lock(&control);
	pt = find(p, id);
	if (pt)
		get(&pt->t, now);
	mutex_unlock(&control);
	return pt ? 0 : -EINVAL;
}

int ptimer_overrun(struct proc *p, int id)
{
	struct posix_timer *pt;
	int n;

	mutex_lock(&control);
	pt = find(p, id);
	n = pt ? (int)pt->overrun : -EINVAL;
	mutex_unlock(&control);
	return n;
}

/* With `control` held. A signal of it that waits goes too. */
static void destroy(struct proc *p, struct posix_timer *pt)
{
	stop(&pt->t);
	spin_lock(&p->sig_lock);
	signal_unpost(p, &pt->signal);
	list_remove(&pt->link);
	p->ntimers--;
	spin_unlock(&p->sig_lock);
	list_remove(&pt->all);
	kfree(pt);
}

int ptimer_delete(struct proc *p, int id)
{
	struct posix_timer *pt;

	mutex_lock(&control);
	pt = find(p, id);
	if (pt)
		destroy(p, pt);
	mutex_unlock(&control);
	return pt ? 0 : -EINVAL;
}

void ptimers_drop(struct proc *p)
{
	if (list_empty(&p->timers))
		return;
	mutex_lock(&control);
	while (!list_empty(&p->timers))
		destroy(p, list_first(&p->timers, struct posix_timer, link));
	mutex_unlock(&control);
}

void ptimers_end(struct proc *p)
{
	ptimers_drop(p);
	for (unsigned i = 0; i < NITIMERS; i++)
		stop(&p->itimers[i]);
}
