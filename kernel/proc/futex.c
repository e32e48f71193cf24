/* SPDX-License-Identifier: ISC */
/*
 * Futexes. A sleeper hangs in the bucket of its word's key: the space and the address, or, for memory that is
 * shared, the object and the offset in it, of which the sleeper holds a reference. The bucket's spinlock makes
 * "the word still holds the value" and "I am in the queue" one step: a waker changes the word first and looks
 * under that lock afterwards. So the word is read under it with faults off; where that fails it is brought in
 * with the lock let go, and all starts over.
 *
 * A sleeper may be moved to another bucket while it sleeps (requeue, both locks held, the lower address first):
 * who wants the lock of a sleeper's bucket takes it and looks whether it still is the one. A waker takes the
 * sleeper out of the bucket, and touches it no more once it has let the lock go; the sleeper leaves its stack
 * only after it had the lock.
 */
#include "proc/futex.h"
#include "arch/user.h"
#include "lib/errno.h"
#include "proc/proc.h"

#define BUCKETS	    256
#define ROBUST_MAX  2048 /* a list longer than that is taken for damaged */
#define TID_MASK    0x3fffffffu
#define OWNER_DIED  0x40000000u
#define WAITERS	    0x80000000u
#define INHERITANCE 1ul /* bit 0 of a robust list's pointers: a lock with priority inheritance */

struct key {
	uintptr_t home; /* a space or an object */
	uint64_t at;	/* bytes */
};

struct bucket {
	struct spinlock lock;
	struct list sleepers; /* struct sleeper.link, the first to come first */
};

struct sleeper {
	struct list link;      /* the bucket's lock; empty: woken */
	struct bucket *bucket; /* changed with both buckets' locks held */
	struct key key;
	uint32_t bitset;
	struct thread *thread;
};

static struct bucket buckets[BUCKETS];

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock, "futex", RANK_FUTEX);
		list_init(&buckets[i].sleepers);
	}
}

static struct bucket *bucket_of(const struct key *k)
{
	uint64_t h = (k->home >> 4) * 0x9e3779b97f4a7c15ul + (k->at >> 2) * 0xd6e8feb86659fd93ul;

	return &buckets[(h ^ h >> 32) % BUCKETS];
}

/* *held: a reference to let go when the key is not needed any more, or NULL. 0, -EINVAL, -EFAULT. */
static int key_get(uint64_t uaddr, bool shared, struct key *k, struct object **held)
{
	struct space *s = thread_current()->space;
	uint64_t offset;

	*held = NULL;
	*k = (struct key){ (uintptr_t)s, uaddr };
	if (uaddr & 3)
		return -EINVAL;
	if (uaddr >= USER_TOP)
		return -EFAULT;
	if (!shared)
		return 0;
	if (vm_shared_object(s, uaddr, held, &offset))
		return -EFAULT;
	if (*held)
		*k = (struct key){ (uintptr_t)*held, offset };
	return 0;
}

static void key_put(struct object *held)
{
	if (held)
		object_unref(held);
}

static inline bool same(const struct key *a, const struct key *b)
{
	return a->home == b->home && a->at == b->at;
}

/* ---- sleeping ---- */

/*
 * Locks the bucket with the word's value in *value. Where the page has to be brought in first that is done
 * without the lock. 0, or -EFAULT and no lock.
 */
static int lock_and_read(struct bucket *b, uint64_t uaddr, uint32_t *value)
{
	for (;;) {
		spin_lock(&b->lock);
		if (user_copy_in_nofault(value, uaddr, sizeof(*value)) == 0)
			return 0;
		spin_unlock(&b->lock);
		if (get_user(value, uaddr, sizeof(*value)))
			return -EFAULT;
	}
}

static struct bucket *lock_bucket_of(struct sleeper *s)
{
	for (;;) {
		struct bucket *b = __atomic_load_n(&s->bucket, __ATOMIC_RELAXED);

		spin_lock(&b->lock);
		if (s->bucket == b)
			return b;
		spin_unlock(&b->lock);
	}
}

/* In the queue, with the bucket's lock held, which is let go. */
static int sleep(struct sleeper *s, struct bucket *b, uint64_t deadline_ns)
{
	struct waitq never = WAITQ_INIT(never);
	int err = 0;

	while (!list_empty(&s->link) && !err) {
		err = waitq_sleep_until(&never, &b->lock, deadline_ns, true);
		spin_unlock(&b->lock);
		b = lock_bucket_of(s);
	}
	if (list_empty(&s->link))
		err = 0;
	list_remove(&s->link);
	spin_unlock(&b->lock);
	return err;
}

int futex_wait(uint64_t uaddr, bool shared, uint32_t value, uint32_t bitset, uint64_t deadline_ns)
{
	struct sleeper s = { .bitset = bitset, .thread = thread_current() };
	struct object *held;
	uint32_t seen;
	int err;

	if (!bitset)
		return -EINVAL;
	err = key_get(uaddr, shared, &s.key, &held);
	if (err)
		return err;
	s.bucket = bucket_of(&s.key);
	err = lock_and_read(s.bucket, uaddr, &seen);
	if (!err && seen != value) {
		spin_unlock(&s.bucket->lock);
		err = -EAGAIN;
	} else if (!err) {
		list_append(&s.bucket->sleepers, &s.link);
		err = sleep(&s, s.bucket, deadline_ns);
	}
	key_put(held);
	return err;
}

/* ---- waking ---- */

/* With the bucket's lock held. */
static unsigned wake_in(struct bucket *b, const struct key *k, unsigned n, uint32_t bitset)
{
	struct sleeper *s, *next;
	unsigned woken = 0;

	list_for_each_safe(s, next, &b->sleepers, link)
	{
		if (woken == n)
			break;
		if (!same(&s->key, k) || !(s->bitset & bitset))
			continue;
		list_remove(&s->link);
		thread_wake(s->thread);
		woken++;
	}
	return woken;
}

int futex_wake(uint64_t uaddr, bool shared, unsigned n, uint32_t bitset)
{
	struct object *held;
	struct bucket *b;
	struct key k;
	int r;

	if (!bitset)
		return -EINVAL;
	r = key_get(uaddr, shared, &k, &held);
	if (r)
		return r;
	b = bucket_of(&k);
	spin_lock(&b->lock);
	r = wake_in(b, &k, n, bitset);
	spin_unlock(&b->lock);
	key_put(held);
	return r;
}

/* ---- two words ---- */

struct pair {
	struct key key[2];
	struct object *held[2];
	struct bucket *bucket[2];
};

static void pair_put(struct pair *p)
{
	key_put(p->held[0]);
	key_put(p->held[1]);
}

static int pair_get(struct pair *p, uint64_t uaddr, uint64_t uaddr2, bool shared)
{
	int err;

	p->held[1] = NULL;
	err = key_get(uaddr, shared, &p->key[0], &p->held[0]);
	if (!err)
		err = key_get(uaddr2, shared, &p->key[1], &p->held[1]);
	if (err) {
		pair_put(p);
		return err;
	}
	for (unsigned i = 0; i < 2; i++)
		p->bucket[i] = bucket_of(&p->key[i]);
	return 0;
}

static void pair_lock(const struct pair *p)
{
	spin_lock(&MIN(p->bucket[0], p->bucket[1])->lock);
	if (p->bucket[0] != p->bucket[1])
		spin_lock_nested(&MAX(p->bucket[0], p->bucket[1])->lock);
}

static void pair_unlock(const struct pair *p)
{
	if (p->bucket[0] != p->bucket[1])
		spin_unlock(&MAX(p->bucket[0], p->bucket[1])->lock);
	spin_unlock(&MIN(p->bucket[0], p->bucket[1])->lock);
}

static unsigned move(const struct pair *p, unsigned n)
{
	struct sleeper *s, *next;
	unsigned moved = 0;

	list_for_each_safe(s, next, &p->bucket[0]->sleepers, link)
	{
		if (moved == n)
			break;
		if (!same(&s->key, &p->key[0]))
			continue;
		list_remove(&s->link);
		list_append(&p->bucket[1]->sleepers, &s->link);
		s->key = p->key[1];
		__atomic_store_n(&s->bucket, p->bucket[1], __ATOMIC_RELAXED);
		moved++;
	}
	return moved;
}

int futex_requeue(uint64_t uaddr, uint64_t uaddr2, bool shared, unsigned nwake, unsigned nmove,
		  const uint32_t *value)
{
	uint32_t seen = 0;
	struct pair p;
	unsigned moved;
	int r = pair_get(&p, uaddr, uaddr2, shared);

	if (r)
		return r;
	for (;;) {
		pair_lock(&p);
		if (!value || user_copy_in_nofault(&seen, uaddr, sizeof(seen)) == 0)
			break;
		pair_unlock(&p);
		if (get_user(&seen, uaddr, sizeof(seen))) {
			pair_put(&p);
			return -EFAULT;
		}
	}
	if (value && seen != *value) {
		r = -EAGAIN;
	} else {
		r = wake_in(p.bucket[0], &p.key[0], nwake, FUTEX_ANY);
		moved = same(&p.key[0], &p.key[1]) ? 0 : move(&p, nmove);
		if (value)
			r += moved;
	}
	pair_unlock(&p);
	pair_put(&p);
	return r;
}

/* The word's new value, or -ENOSYS. */
static int64_t operate(unsigned op, uint32_t old, uint32_t arg)
{
	enum { SET, ADD, OR, ANDN, XOR };

	switch (op) {
	case SET:
		return arg;
	case ADD:
		return (uint32_t)(old + arg);
	case OR:
		return old | arg;
	case ANDN:
		return old & ~arg;
	case XOR:
		return old ^ arg;
	default:
		return -ENOSYS;
	}
}

/* 0 or 1, or -ENOSYS. */
static int compare(unsigned cmp, int32_t old, int32_t arg)
{
	const bool results[] = { old == arg, old != arg, old<arg, old <= arg, old> arg, old >= arg };

	return cmp < ARRAY_SIZE(results) ? results[cmp] : -ENOSYS;
}

/* Sign-extended 12 bits at `shift`. */
static inline int32_t field(uint32_t op, unsigned shift)
{
	return (int32_t)(op << (20 - shift)) >> 20;
}

/* 0 or 1 as the old value compares, or -errno. */
static int change_word(uint64_t uaddr, uint32_t op)
{
	bool shift = op >> 31;
	uint32_t arg = shift ? 1u << (field(op, 12) & 31) : (uint32_t)field(op, 12), old, seen;
	int cmp = compare(op >> 24 & 15, 0, 0);
	int64_t new = operate(op >> 28 & 7, 0, arg);

	if (cmp < 0 || new < 0)
		return -ENOSYS;
	if (get_user(&old, uaddr, sizeof(old)))
		return -EFAULT;
	for (;;) {
		int err = user_cmpxchg32(uaddr, old, operate(op >> 28 & 7, old, arg), &seen);

		if (err)
			return err;
		if (seen == old)
			return compare(op >> 24 & 15, old, field(op, 0));
		old = seen;
	}
}

/*
 * The change need not be one step with the waking: who sleeps on the second word looked at it before it was
 * changed, and is in its queue by the time the lock is taken.
 */
int futex_wake_op(uint64_t uaddr, uint64_t uaddr2, bool shared, unsigned n, unsigned n2, uint32_t op)
{
	struct pair p;
	int also, r = pair_get(&p, uaddr, uaddr2, shared);

	if (r)
		return r;
	also = change_word(uaddr2, op);
	if (also < 0) {
		pair_put(&p);
		return also;
	}
	pair_lock(&p);
	r = wake_in(p.bucket[0], &p.key[0], n, FUTEX_ANY);
	if (also)
		r += wake_in(p.bucket[1], &p.key[1], n2, FUTEX_ANY);
	pair_unlock(&p);
	pair_put(&p);
	return r;
}

/* ---- robust lists (set_robust_list(2)) ---- */

/* The lock, if it is the thread's, is nobody's now. `pending`: it was about to be taken or let go. */
static int orphan_lock(uint64_t uaddr, uint32_t tid, bool pending)
{
	uint32_t word, seen;
	int err;

	if (uaddr & 3 || get_user(&word, uaddr, sizeof(word)))
		return -EFAULT;
	if (pending && !word) { /* let go, but nobody was told yet */
		futex_wake(uaddr, true, 1, FUTEX_ANY);
		return 0;
	}
	while ((word & TID_MASK) == tid) {
		err = user_cmpxchg32(uaddr, word, (word & WAITERS) | OWNER_DIED, &seen);
		if (err)
			return err;
		if (seen == word) {
			if (word & WAITERS)
				futex_wake(uaddr, true, 1, FUTEX_ANY);
			break;
		}
		word = seen;
	}
	return 0;
}

void futex_thread_exit(struct thread *t)
{
	struct {
		uint64_t next;
		int64_t offset;
		uint64_t pending;
	} head;
	uint64_t start = t->robust_list, entry, next;

	t->robust_list = 0;
	if (!start || get_user(&head, start, sizeof(head)))
		return;
	head.pending &= ~INHERITANCE;
	for (unsigned n = 0; (entry = head.next & ~INHERITANCE) != start && n < ROBUST_MAX; n++) {
		/* the lock may be freed, or used elsewhere, as soon as it is let go: so what follows it first */
		if (get_user(&next, entry, sizeof(next)))
			break;
		if (entry != head.pending && orphan_lock(entry + head.offset, t->tid, false))
			break;
		head.next = next;
	}
	if (head.pending)
		orphan_lock(head.pending + head.offset, t->tid, true);
}
