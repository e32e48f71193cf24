/* SPDX-License-Identifier: ISC */
/*
 * Pipes and FIFOs: bytes between a tail and a head that only rise, in frames that come when they are written to
 * and go when they have been read. There are 16 places for frames, or as many as F_SETPIPE_SZ asked for.
 *
 * User memory is touched with no lock held. A reader that has made itself `reading` owns the bytes [tail,
 * head) as they are then, a writer that is `writing` owns what follows up to `reserved`; the other side goes
 * on meanwhile, and others of its own side wait for their turn. Nobody sleeps for data or room while it is
 * reading or writing.
 *
 * A write of up to PIPE_BUF bytes waits for room for all of it. A longer one goes in as room of PIPE_BUF
 * comes; so a reader of single bytes does not cause a switch for each.
 *
 * The frames of pipes belong to no space, so nobody could be held to account for them. When pipes have an eighth of
 * memory, each takes more only up to PIPE_BUF: a full one has bytes then too, so its reader will wake the writers.
 */
#include "fs/pipe.h"
#include "arch/user.h"
#include "fs/internal.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define NFRAMES (PIPE_SIZE / PAGE_SIZE) /* of a new pipe */

struct pipe {
	struct spinlock lock;
	bool reading, writing;
	uint32_t want;		       /* the least room that a sleeping writer waits for */
	uint64_t head, tail, reserved; /* bytes ever written, ever read, and what a writer may be filling */
	struct page **frames;	       /* a frame's place is (position / PAGE_SIZE) % nframes */
	uint32_t nframes;	       /* both change only while this thread is reading and writing */
	uint32_t readers, writers;     /* open ends */
	uint32_t reads, writes;	       /* ends ever opened, for the opens of FIFOs that wait for each other */
	struct waitq read_wait, write_wait, turn_wait, open_wait;
	struct waitq poll_read, poll_write, poll_both; /* files open for reading, for writing, for both */
	struct waitq *reader_wait,
		*writer_wait; /* sockets: [c] their own queues, woken as the first two; or NULL */
	uint32_t refs;	      /* FIFOs: [fifos_lock] open files and opens under way */
	struct list link;     /* FIFOs: [fifos_lock] */
	struct vnode *vnode;  /* FIFOs: whose it is */
};

static struct spinlock fifos_lock = SPINLOCK_INIT("fifos", RANK_FILES);
static struct list fifos = LIST_INIT(fifos);

static uint64_t nframes_used;	/* [a] by all pipes */
static uint64_t nframes_wanted; /* at most, but for PIPE_BUF bytes in each */

struct pipe *pipe_alloc(void)
{
	struct pipe *p = kzalloc(sizeof(*p));
	struct vm_counts c;

	if (!p)
		return NULL;
	if (!nframes_wanted) {
		vm_count(&c);
		nframes_wanted = c.total / 8;
	}
	p->nframes = NFRAMES;
	p->frames = kzalloc(NFRAMES * sizeof(p->frames[0]));
	if (!p->frames) {
		kfree(p);
		return NULL;
	}
	spin_init(&p->lock, "pipe", RANK_FILES);
	p->want = UINT32_MAX;
	waitq_init(&p->read_wait);
	waitq_init(&p->write_wait);
	waitq_init(&p->turn_wait);
	waitq_init(&p->open_wait);
	waitq_init(&p->poll_read);
	waitq_init(&p->poll_write);
	waitq_init(&p->poll_both);
	return p;
}

static void put_frame(struct page *frame)
{
	if (!frame)
		return;
	page_free(frame);
	__atomic_fetch_sub(&nframes_used, 1, __ATOMIC_RELAXED);
}

void pipe_free(struct pipe *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->nframes; i++)
		put_frame(p->frames[i]);
	kfree(p->frames);
	kfree(p);
}

size_t pipe_weight(const struct pipe *p)
{
	return sizeof(*p) + p->nframes * sizeof(p->frames[0]) + page_round_up(p->head - p->tail);
}

static inline size_t size_of(const struct pipe *p)
{
	return p->nframes * PAGE_SIZE;
}

static inline size_t room_of(const struct pipe *p)
{
	bool scarce = __atomic_load_n(&nframes_used, __ATOMIC_RELAXED) >= nframes_wanted;
	size_t size = scarce ? MIN(size_of(p), PIPE_BUF) : size_of(p), used = p->head - p->tail;

	return used < size ? size - used : 0;
}

static inline struct page **frame_at(struct pipe *p, uint64_t pos)
{
	return &p->frames[pos / PAGE_SIZE % p->nframes];
}

static void wake_reading_pollers(struct pipe *p)
{
	waitq_wake_all(&p->poll_read);
	waitq_wake_all(&p->poll_both);
	if (p->reader_wait)
		waitq_wake_all(p->reader_wait);
}

static void wake_writing_pollers(struct pipe *p)
{
	waitq_wake_all(&p->poll_write);
	waitq_wake_all(&p->poll_both);
	if (p->writer_wait)
		waitq_wake_all(p->writer_wait);
}

void pipe_set_waiters(struct pipe *p, struct waitq *reader, struct waitq *writer)
{
	p->reader_wait = reader;
	p->writer_wait = writer;
}

/* ---- reading ---- */

/* Copies out n bytes from the tail; those that arrived. */
static size_t copy_out(struct pipe *p, struct uio *u, size_t n)
{
	uint64_t pos = p->tail;
	size_t before = u->left;

	while (n) {
		size_t part = MIN(n, PAGE_SIZE - (pos & PAGE_MASK));

		if (uio_out(u, (char *)page_data(*frame_at(p, pos)) + (pos & PAGE_MASK), part))
			break;
		pos += part;
		n -= part;
	}
	return before - u->left;
}

/* With the lock held: n bytes were read. Frames go that neither what is left nor a writer needs. */
static void consume(struct pipe *p, size_t n)
{
	uint64_t end = p->writing ? p->reserved : p->head;

	for (uint64_t i = p->tail / PAGE_SIZE; i < (p->tail + n) / PAGE_SIZE; i++)
		if (end <= (i + p->nframes) * PAGE_SIZE) {
			put_frame(p->frames[i % p->nframes]);
			p->frames[i % p->nframes] = NULL;
		}
	p->tail += n;
	if (room_of(p) >= p->want) {
		p->want = UINT32_MAX;
		waitq_wake_all(&p->write_wait);
	}
	if (room_of(p) >= PIPE_BUF)
		wake_writing_pollers(p);
}

ssize_t pipe_take(struct pipe *p, bool nonblock, struct uio *u)
{
	size_t n, done;
	int r;

	if (!u->left)
		return 0;
	spin_lock(&p->lock);
	for (;;) {
		if (unlikely(p->reading)) {
			waitq_sleep(&p->turn_wait, &p->lock);
			continue;
		}
		n = p->head - p->tail;
		if (n)
			break;
		r = !p->writers ? 0 : nonblock ? -EAGAIN : waitq_sleep_intr(&p->read_wait, &p->lock);
		if (r || !p->writers) {
			if (!r && p->head != p->tail)
				continue; /* the last writer wrote before it went */
			spin_unlock(&p->lock);
			return r;
		}
	}
	p->reading = true;
	spin_unlock(&p->lock);
	done = copy_out(p, u, MIN(n, u->left));
	spin_lock(&p->lock);
	consume(p, done);
	p->reading = false;
	if (p->head != p->tail)
		waitq_wake_all(&p->read_wait);
	waitq_wake_all(&p->turn_wait);
	spin_unlock(&p->lock);
	return done ? (ssize_t)done : -EFAULT;
}

static ssize_t pipe_read(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return pipe_take(f->data, f->flags & O_NONBLOCK, u);
}

/* ---- writing ---- */

static struct page *take_frame(void)
{
	struct page *frame = page_alloc_kernel();

	while (!frame && page_wait_memory() == 0)
		frame = page_alloc_kernel();
	if (frame)
		__atomic_fetch_add(&nframes_used, 1, __ATOMIC_RELAXED);
	return frame;
}

/* Copies n bytes in behind the head; those that came, or -errno. */
static ssize_t copy_in(struct pipe *p, struct uio *u, size_t n)
{
	uint64_t pos = p->head;
	size_t before = u->left;
	int r = 0;

	while (n && !r) {
		size_t part = MIN(n, PAGE_SIZE - (pos & PAGE_MASK));
		struct page **frame = frame_at(p, pos);

		if (!*frame)
			*frame = take_frame();
		r = *frame ? uio_in(u, (char *)page_data(*frame) + (pos & PAGE_MASK), part) : -ENOMEM;
		pos += part;
		n -= part;
	}
	return before == u->left ? r : (ssize_t)(before - u->left);
}

/* With the lock held. How much of `left` bytes may go in now; 0: sleep. `whole`: all or nothing. */
static size_t room_for(const struct pipe *p, size_t left, bool whole)
{
	size_t room = room_of(p);

	if (room >= left)
		return left;
	return whole || room < PIPE_BUF ? 0 : room;
}

/*
 * Waits until some bytes may be written and makes this thread `writing`. *n: how many. 0 or -errno. Takes the
 * lock, lets it go.
 */
static int begin_write(struct pipe *p, size_t left, bool whole, bool nonblock, size_t *n)
{
	int r = 0;

	spin_lock(&p->lock);
	while (!r) {
		if (!p->readers) {
			r = -EPIPE;
			break;
		}
		if (unlikely(p->writing)) {
			waitq_sleep(&p->turn_wait, &p->lock);
			continue;
		}
		*n = room_for(p, left, whole);
		if (nonblock && !*n && !whole)
			*n = room_of(p);
		if (*n)
			break;
		if (nonblock) {
			r = -EAGAIN;
			break;
		}
		p->want = MIN(p->want, MIN(left, PIPE_BUF));
		r = waitq_sleep_intr(&p->write_wait, &p->lock);
	}
	if (!r) {
		p->writing = true;
		p->reserved = p->head + *n;
	}
	spin_unlock(&p->lock);
	return r;
}

static void end_write(struct pipe *p, ssize_t done)
{
	spin_lock(&p->lock);
	if (done > 0)
		p->head += done;
	p->writing = false;
	waitq_wake_all(&p->turn_wait);
	waitq_wake_all(&p->read_wait);
	wake_reading_pollers(p);
	spin_unlock(&p->lock);
}

ssize_t pipe_put(struct pipe *p, bool nonblock, struct uio *u)
{
	bool whole = u->left <= PIPE_BUF;
	size_t total = 0, n = 0;
	ssize_t r = 0;

	while (u->left) {
		r = begin_write(p, u->left, whole, nonblock, &n);
		if (r)
			break;
		r = copy_in(p, u, n);
		end_write(p, r);
		if (r < 0)
			break;
		total += r;
		if ((size_t)r < n) {
			r = -EFAULT;
			break;
		}
	}
	return total ? (ssize_t)total : r;
}

static ssize_t pipe_write(struct file *f, struct uio *u, uint64_t *offset __unused)
{
	return pipe_put(f->data, f->flags & O_NONBLOCK, u);
}

/* ---- state ---- */

static unsigned pipe_poll(struct file *f, struct waitq **wait)
{
	struct pipe *p = f->data;
	unsigned mode = f->flags & O_ACCMODE;

	*wait = mode == O_RDONLY ? &p->poll_read : mode == O_WRONLY ? &p->poll_write : &p->poll_both;
	return pipe_events(p, mode);
}

unsigned pipe_events(struct pipe *p, unsigned mode)
{
	unsigned events = 0;

	spin_lock(&p->lock);
	if (mode != O_WRONLY) {
		if (p->head != p->tail)
			events |= POLLIN;
		if (!p->writers && p->writes)
			events |= POLLHUP;
	}
	if (mode != O_RDONLY) {
		if (room_of(p) >= PIPE_BUF)
			events |= POLLOUT;
		if (!p->readers)
			events |= POLLERR;
	}
	spin_unlock(&p->lock);
	return events;
}

size_t pipe_nbytes(struct pipe *p)
{
	size_t n;

	spin_lock(&p->lock);
	n = p->head - p->tail;
	spin_unlock(&p->lock);
	return n;
}

static int pipe_ioctl(struct file *f, unsigned cmd, uint64_t uarg)
{
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	n = pipe_nbytes(f->data);
	return put_user(uarg, &n, sizeof(n));
}

/* Both turns: nobody reads or writes until give_turns. Takes the lock and lets it go. */
static void take_turns(struct pipe *p)
{
	spin_lock(&p->lock);
	while (p->reading || p->writing)
		waitq_sleep(&p->turn_wait, &p->lock);
	p->reading = p->writing = true;
	p->reserved = p->head;
	spin_unlock(&p->lock);
}

static void give_turns(struct pipe *p)
{
	spin_lock(&p->lock);
	p->reading = p->writing = false;
	waitq_wake_all(&p->turn_wait);
	waitq_wake_all(&p->read_wait);
	waitq_wake_all(&p->write_wait);
	wake_writing_pollers(p);
	spin_unlock(&p->lock);
}

int64_t pipe_size(struct file *f)
{
	return size_of(f->data);
}

int64_t pipe_resize(struct file *f, size_t nbytes)
{
	struct pipe *p = f->data;
	struct page **fresh, **old;
	uint32_t n = 1;
	int64_t r;

	if (nbytes > PIPE_SIZE_MAX)
		return -EPERM;
	while (n * PAGE_SIZE < nbytes)
		n *= 2;
	fresh = kzalloc(n * sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	take_turns(p);
	old = p->frames;
	r = n * PAGE_SIZE;
	if (p->head > page_round_down(p->tail) + n * PAGE_SIZE) {
		r = -EBUSY; /* what is in it lies in more frames */
		old = fresh;
	} else {
		for (uint64_t i = p->tail / PAGE_SIZE; i < DIV_ROUND_UP(p->head, PAGE_SIZE); i++) {
			fresh[i % n] = old[i % p->nframes];
			old[i % p->nframes] = NULL;
		}
		for (unsigned i = 0; i < p->nframes; i++) /* one that a failed write left */
			put_frame(old[i]);
		p->frames = fresh;
		p->nframes = n;
	}
	give_turns(p);
	kfree(old);
	return r;
}

static void add_ends(struct pipe *p, unsigned mode)
{
	if (mode != O_WRONLY) {
		p->readers++;
		p->reads++;
	}
	if (mode != O_RDONLY) {
		p->writers++;
		p->writes++;
	}
	waitq_wake_all(&p->open_wait);
}

void pipe_add_ends(struct pipe *p, unsigned mode)
{
	spin_lock(&p->lock);
	add_ends(p, mode);
	spin_unlock(&p->lock);
}

void pipe_drop_ends(struct pipe *p, unsigned mode)
{
	spin_lock(&p->lock);
	if (mode != O_WRONLY)
		p->readers--;
	if (mode != O_RDONLY)
		p->writers--;
	waitq_wake_all(&p->read_wait);
	waitq_wake_all(&p->write_wait);
	wake_reading_pollers(p);
	wake_writing_pollers(p);
	spin_unlock(&p->lock);
}

/* ---- pipes without a name ---- */

/* Also of /proc/PID/fd/N: another end of the same pipe. */
static int pipe_open(struct vnode *v, struct file *f)
{
	struct pipe *p = v->data;

	f->data = p;
	pipe_add_ends(p, f->flags & O_ACCMODE);
	return 0;
}

/* A file's part of it. */
static size_t end_weight(const struct file *f)
{
	const struct pipe *p = f->data;

	return p ? pipe_weight(p) / MAX(p->readers + p->writers, 1u) : 0;
}

static void pipe_release(struct file *f)
{
	pipe_drop_ends(f->data, f->flags & O_ACCMODE);
}

static void pipe_inactive(struct vnode *v)
{
	pipe_free(v->data);
}

static int no_fsync(struct vnode *v __unused, bool data_only __unused)
{
	return -EINVAL;
}

static const struct vnode_ops pipe_ops = {
	.open = pipe_open,
	.release = pipe_release,
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.fsync = no_fsync,
	.inactive = pipe_inactive,
	.weight = end_weight,
};

int pipe_create(uint32_t flags, const struct cred *cred, struct file *ends[2])
{
	struct pipe *p = pipe_alloc();
	struct vnode *v = p ? vnode_create_anonymous(&pipe_ops, S_IFIFO | 0600, p) : NULL;

	if (!v) {
		pipe_free(p);
		return -ENOMEM;
	}
	v->uid = cred->euid;
	v->gid = cred->egid;
	ends[0] = file_create(v, NULL, O_RDONLY | flags);
	if (!ends[0]) {
		vnode_unref(v);
		return -ENOMEM;
	}
	pipe_open(v, ends[0]);
	vnode_ref(v);
	ends[1] = file_create(v, NULL, O_WRONLY | flags);
	if (!ends[1]) {
		vnode_unref(v);
		file_unref(ends[0]);
		return -ENOMEM;
	}
	pipe_open(v, ends[1]);
	return 0;
}

bool vnode_is_pipe(const struct vnode *v)
{
	return v->ops && v->ops->read == pipe_read;
}

/* ---- FIFOs: while one is open, its pipe is found by the vnode ---- */

static struct pipe *fifo_get(struct vnode *v)
{
	struct pipe *fresh = pipe_alloc(), *p;

	spin_lock(&fifos_lock);
	list_for_each(p, &fifos, link)
		if (p->vnode == v) {
			p->refs++;
			spin_unlock(&fifos_lock);
			pipe_free(fresh);
			return p;
		}
	if (fresh) {
		fresh->vnode = v;
		fresh->refs = 1;
		list_push(&fifos, &fresh->link);
	}
	spin_unlock(&fifos_lock);
	return fresh;
}

static void fifo_put(struct pipe *p)
{
	bool last;

	spin_lock(&fifos_lock);
	last = --p->refs == 0;
	if (last)
		list_remove(&p->link);
	spin_unlock(&fifos_lock);
	if (last)
		pipe_free(p);
}

/*
 * POSIX open(): an end opens when the other one does; without blocking, a reader at once and a writer only if
 * there is a reader.
 */
static int fifo_open(struct vnode *v, struct file *f)
{
	unsigned mode = f->flags & O_ACCMODE;
	struct pipe *p = fifo_get(v);
	int r = 0;

	if (!p)
		return -ENOMEM;
	spin_lock(&p->lock);
	if (mode == O_WRONLY && !p->readers && (f->flags & O_NONBLOCK)) {
		spin_unlock(&p->lock);
		fifo_put(p);
		return -ENXIO;
	}
	add_ends(p, mode);
	if (mode == O_RDONLY && !(f->flags & O_NONBLOCK)) {
		uint32_t writes = p->writes;

		while (!r && !p->writers && p->writes == writes)
			r = waitq_sleep_intr(&p->open_wait, &p->lock);
	} else if (mode == O_WRONLY) {
		uint32_t reads = p->reads;

		while (!r && !p->readers && p->reads == reads)
			r = waitq_sleep_intr(&p->open_wait, &p->lock);
	}
	spin_unlock(&p->lock);
	if (r) {
		pipe_drop_ends(p, mode);
		fifo_put(p);
		return r;
	}
	f->data = p;
	return 0;
}

static void fifo_release(struct file *f)
{
	pipe_drop_ends(f->data, f->flags & O_ACCMODE);
	fifo_put(f->data);
}

const struct vnode_ops fifo_ops = {
	.open = fifo_open,
	.release = fifo_release,
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.fsync = no_fsync,
	.weight = end_weight,
};
