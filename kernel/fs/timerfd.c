/* SPDX-License-Identifier: ISC */
/*
 * timerfd_create(2): a file that is a timer. Its timer runs once; a read counts the periods that have passed since
 * and sets it again, so a short period costs nothing while nobody reads.
 *
 * t->mutex is held while the timer is set or stopped; t->lock guards what its function, in an interrupt, changes.
 * When the wall clock is set, timers that wait for a time of it are set anew; all_mutex, taken first, guards their list.
 */
#include "fs/epoll.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "proc/timer.h"
#include "vm/frames/kmem.h"

#define CLOCK_REALTIME 0

struct timerfd {
	struct mutex mutex;
	struct spinlock lock;
	bool realtime;	      /* [c] */
	struct list link;     /* [all_mutex] if so */
	bool wall;	      /* [mutex] the deadline is a time of the wall clock */
	bool cancel_on_set;   /* [mutex] then setting that clock ends a read with ECANCELED */
	bool cancelled;	      /* [lock] */
	bool expired;	      /* [lock] at `deadline_ns`, and not read since */
	uint64_t deadline_ns; /* [mutex] monotonic; 0: disarmed */
	uint64_t interval_ns; /* [mutex] 0: once */
	struct timer timer;
	struct waitq wait;
};

static struct mutex all_mutex = { .lock = SPINLOCK_INIT("timerfds", RANK_NONE),
				  .waiters = WAITQ_INIT(all_mutex.waiters) };
static struct list all = LIST_INIT(all);
static const struct vnode_ops timerfd_ops;

static void expire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	spin_lock(&t->lock);
	t->expired = true;
	waitq_wake_all(&t->wait);
	spin_unlock(&t->lock);
}

static bool has_expired(struct timerfd *t)
{
	bool expired;

	spin_lock(&t->lock);
	expired = t->expired;
	spin_unlock(&t->lock);
	return expired;
}

static bool take_cancelled(struct timerfd *t)
{
	bool cancelled;

	spin_lock(&t->lock);
	cancelled = t->cancelled;
	t->cancelled = false;
	spin_unlock(&t->lock);
	return cancelled;
}

static bool is_ready(struct timerfd *t)
{
	return t->expired || t->cancelled;
}

/* With the mutex held and the timer stopped or run out. */
static void arm(struct timerfd *t, uint64_t deadline_ns)
{
	spin_lock(&t->lock);
	t->expired = false;
	spin_unlock(&t->lock);
	t->deadline_ns = deadline_ns;
	if (deadline_ns)
		timer_set(&t->timer, deadline_ns, expire);
}

/* How often it ran out since it was last read; goes on with the next period. With the mutex held. */
static uint64_t take_ticks(struct timerfd *t)
{
	uint64_t ticks = 1;

	timer_cancel(&t->timer); /* its function is done */
	if (t->interval_ns) {
		ticks += (time_ns() - t->deadline_ns) / t->interval_ns;
		arm(t, t->deadline_ns + ticks * t->interval_ns);
	} else {
		arm(t, 0);
	}
	return ticks;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	struct timerfd *t = f->data;
	uint64_t ticks = 0;
	int r = 0;

	if (u->left < sizeof(ticks))
		return -EINVAL;
	while (!ticks && !r) {
		mutex_lock(&t->mutex);
		if (take_cancelled(t))
			r = -ECANCELED;
		else if (has_expired(t))
			ticks = take_ticks(t);
		mutex_unlock(&t->mutex);
		if (ticks || r)
			break;
		spin_lock(&t->lock);
		if (!is_ready(t))
			r = f->flags & O_NONBLOCK ? -EAGAIN : waitq_sleep_intr(&t->wait, &t->lock);
		spin_unlock(&t->lock);
	}
	if (!r)
		r = uio_out(u, &ticks, sizeof(ticks));
	return r ? r : (ssize_t)sizeof(ticks);
}

static unsigned timerfd_poll(struct file *f, struct waitq **wait)
{
	struct timerfd *t = f->data;

	bool ready;

	*wait = &t->wait;
	spin_lock(&t->lock);
	ready = is_ready(t);
	spin_unlock(&t->lock);
	return ready ? POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->data;

	mutex_lock(&all_mutex);
	list_remove(&t->link);
	mutex_unlock(&all_mutex);
	timer_cancel(&t->timer);
	kfree(t);
}

static const struct vnode_ops timerfd_ops = {
	.open = no_open, .release = timerfd_release, .read = timerfd_read, .poll = timerfd_poll
};

int timerfd_create(int clock, uint32_t flags, struct file **out)
{
	struct timerfd *t = kzalloc(sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	mutex_init(&t->mutex, "timerfd", RANK_NONE);
	spin_init(&t->lock, "timerfd", RANK_FILES);
	waitq_init(&t->wait);
	t->realtime = clock == CLOCK_REALTIME;
	list_init(&t->link);
	r = anonymous_file(&timerfd_ops, t, O_RDWR | flags, "anon_inode:[timerfd]", out);
	if (r) {
		kfree(t);
	} else if (t->realtime) {
		mutex_lock(&all_mutex);
		list_append(&all, &t->link);
		mutex_unlock(&all_mutex);
	}
	return r;
}

void timerfds_wall_set(int64_t delta_ns)
{
	struct timerfd *t;

	mutex_lock(&all_mutex);
	list_for_each(t, &all, link) {
		mutex_lock(&t->mutex);
		if (t->wall && t->deadline_ns && !has_expired(t)) {
			timer_cancel(&t->timer);
			arm(t, MAX((int64_t)t->deadline_ns - delta_ns, 1l));
		}
		if (t->wall && t->cancel_on_set) {
			spin_lock(&t->lock);
			t->cancelled = true;
			waitq_wake_all(&t->wait);
			spin_unlock(&t->lock);
		}
		mutex_unlock(&t->mutex);
	}
	mutex_unlock(&all_mutex);
}

/* The monotonic time of `first`; never 0. */
static uint64_t deadline_of(const struct timerfd *t, bool absolute, uint64_t first)
{
	uint64_t now = time_ns(), clock_now = t->realtime ? time_realtime_ns() : now, left;

	left = !absolute ? first : first > clock_now ? first - clock_now : 0;
	return MAX(left > INT64_MAX - now ? (uint64_t)INT64_MAX : now + left, 1ul);
}

static void get_times(struct timerfd *t, uint64_t *left, uint64_t *interval)
{
	uint64_t now = time_ns(), next = t->deadline_ns;

	if (next && next <= now && t->interval_ns)
		next += ((now - next) / t->interval_ns + 1) * t->interval_ns;
	*left = !next || next <= now ? 0 : next - now;
	*interval = t->interval_ns;
}

int timerfd_set(struct file *f, unsigned how, uint64_t first, uint64_t interval, uint64_t *left,
		uint64_t *old_interval)
{
	struct timerfd *t = f->data;

	if (f->vnode->ops != &timerfd_ops)
		return -EINVAL;
	mutex_lock(&t->mutex);
	get_times(t, left, old_interval);
	timer_cancel(&t->timer);
	t->interval_ns = interval;
	t->wall = t->realtime && how & TIMERFD_ABSOLUTE && first;
	t->cancel_on_set = how & TIMERFD_CANCEL_ON_SET;
	take_cancelled(t);
	arm(t, first ? deadline_of(t, how & TIMERFD_ABSOLUTE, first) : 0);
	mutex_unlock(&t->mutex);
	return 0;
}

int timerfd_get(struct file *f, uint64_t *left, uint64_t *interval)
{
	struct timerfd *t = f->data;

	if (f->vnode->ops != &timerfd_ops)
		return -EINVAL;
	mutex_lock(&t->mutex);
	get_times(t, left, interval);
	mutex_unlock(&t->mutex);
	return 0;
}
