/* SPDX-License-Identifier: ISC */
/*
 * System V shared memory (shmget, shmat, shmdt, shmctl). A segment is an anonymous object with a number, a key, an owner and times. Its
 * attaches are the object's mappings; when one goes the vm says so (segment_unmapped), and the last one of a removed segment ends it.
 *
 * A segment may outlive all who could be ended for it. So all together have at most half of memory and swap: a store beyond is SIGBUS.
 *
 * shm_lock guards the list and all fields. It is never held while a space's lock is taken, as those who list a space's mappings come here for
 * names; a segment that is being attached is kept by its count.
 */
#include "arch/user.h"
#include "fs/internal.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "sys/sys.h"
#include "vm/frames/kmem.h"

#define IPC_CREAT     01000
#define IPC_EXCL      02000
#define SHM_NORESERVE 010000
#define SHM_RDONLY    010000
#define SHM_RND	      020000
#define SHM_REMAP     040000
#define SHM_EXEC      0100000
#define SHM_LOCK      11
#define SHM_UNLOCK    12
#define SHM_DEST      01000
#define SHM_LOCKED    02000
#define SEGMENTS_MAX  4096
#define SHM_DEVICE    1	 /* as in Linux's /proc/PID/maps: 00:01 */
#define INDEX_BITS    15 /* of an identifier: the segment's place among all; above: a number that changes */
enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, SHM_STAT = 13, SHM_INFO, SHM_STAT_ANY };

struct ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t seq, pad;
	uint64_t unused[2];
};

struct shmid_ds { /* asm-generic/shmbuf.h */
	struct ipc_perm perm;
	uint64_t segsz;
	int64_t atime, dtime, ctime;
	int32_t cpid, lpid;
	uint64_t nattch, unused[2];
};

struct shminfo { /* limits; there, too */
	uint64_t max, min, mni, seg, all, unused[4];
};

struct shm_info {
	uint32_t used_ids;
	uint64_t total, resident, swapped, attempts, successes; /* pages; the last two are always 0 */
};

struct segment {
	struct list link;
	int id;
	unsigned attaching; /* threads in shmat */
	struct object *object;
	struct shmid_ds ds; /* but nattch */
};

static struct list segments = LIST_INIT(segments);
static unsigned nsegments;
static struct budget budget = { .refs = 1, .promised = true };
static struct mutex shm_lock = MUTEX_INIT(shm_lock, "shm", RANK_NONE);
static void segment_unmapped(struct object *o);
static bool segment_describe(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino);
static const struct anon_ops segment_ops = { .describe = segment_describe, .unmapped = segment_unmapped };

static int64_t now(void)
{
	struct timespec t;

	vnode_time_now(&t);
	return t.tv_sec;
}

static int caller_pid(void)
{
	struct proc *p = thread_current()->proc;

	return p ? p->pid : 0;
}

/* ---- segments, with the lock held ---- */

static struct segment *find_id(int id)
{
	struct segment *s;

	list_for_each(s, &segments, link)
		if (s->id == id)
			return s;
	return NULL;
}

static struct segment *find_index(int index)
{
	struct segment *s;

	list_for_each(s, &segments, link)
		if ((s->id & ((1 << INDEX_BITS) - 1)) == index)
			return s;
	return NULL;
}

/* The place is the first that is free. */
static int new_id(void)
{
	static unsigned last;
	int index = 0;

	while (find_index(index))
		index++;
	last = (last + 1) & 0xffff;
	return last << INDEX_BITS | index;
}

static struct segment *find_key(int key)
{
	struct segment *s;

	list_for_each(s, &segments, link)
		if (key && s->ds.perm.key == key)
			return s;
	return NULL;
}

static void end_if_unused(struct segment *s)
{
	if (!(s->ds.perm.mode & SHM_DEST) || s->attaching || object_count_mappings(s->object))
		return;
	list_remove(&s->link);
	nsegments--;
	s->object->data = NULL; /* who takes its last mappings away may look yet */
	object_unref(s->object);
	kfree(s);
}

static bool owns(const struct segment *s)
{
	const struct cred *c = &proc_current()->cred;

	return c->euid == 0 || c->euid == s->ds.perm.uid || c->euid == s->ds.perm.cuid;
}

/* `want`: bits of a mode, of any of its three parts. */
static bool permits(const struct segment *s, unsigned want)
{
	const struct cred *c = &proc_current()->cred;
	unsigned have = s->ds.perm.mode;

	want = (want >> 6 | want >> 3 | want) & 7;
	if (c->euid == 0)
		return true;
	if (c->euid == s->ds.perm.uid || c->euid == s->ds.perm.cuid)
		have >>= 6;
	else if (cred_in_group(c, s->ds.perm.gid) || cred_in_group(c, s->ds.perm.cgid))
		have >>= 3;
	return !(want & ~have & 7);
}

/* ---- what the vm asks and tells ---- */

static void segment_unmapped(struct object *o)
{
	struct segment *s;

	mutex_lock(&shm_lock);
	s = o->data;
	if (s) {
		s->ds.dtime = now();
		s->ds.lpid = caller_pid();
		end_if_unused(s);
	}
	mutex_unlock(&shm_lock);
}

static bool segment_describe(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino)
{
	struct segment *s;

	mutex_lock(&shm_lock);
	s = o->data;
	if (s) {
		ksnprintf(buf, n, "/SYSV%08x (deleted)", s->ds.perm.key);
		*dev = SHM_DEVICE;
		*ino = s->id;
	}
	mutex_unlock(&shm_lock);
	return s;
}

/* ---- shmget ---- */

/* Pages of all segments together: swap may have come or gone. */
static uint64_t pages_max(void)
{
	uint64_t nswap, nfree;
	struct vm_counts c;

	vm_count(&c);
	vm_swap_totals(&nswap, &nfree);
	return (c.total + nswap) / 2;
}

static void set_budget(struct object *o)
{
	__atomic_store_n(&budget.max, pages_max(), __ATOMIC_RELAXED);
	budget_ref(&budget);
	o->budget = &budget;
}

static int create(int key, uint64_t nbytes, unsigned flags)
{
	const struct cred *c = &proc_current()->cred;
	struct segment *s;

	if (nbytes == 0 || nbytes > USER_TOP)
		return -EINVAL;
	if (nsegments >= SEGMENTS_MAX)
		return -ENOSPC;
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->object = object_create_shared(DIV_ROUND_UP(nbytes, PAGE_SIZE), flags & SHM_NORESERVE);
	if (!s->object) {
		kfree(s);
		return -ENOMEM;
	}
	set_budget(s->object);
	s->object->anon = &segment_ops;
	s->object->data = s;
	s->id = new_id();
	s->ds = (struct shmid_ds){
		.perm = { key, c->euid, c->egid, c->euid, c->egid, flags & 0777, .seq = 0 },
		.segsz = nbytes,
		.ctime = now(),
		.cpid = caller_pid(),
	};
	list_append(&segments, &s->link);
	nsegments++;
	return s->id;
}

static int get(int key, uint64_t nbytes, unsigned flags)
{
	struct segment *s = find_key(key);

	if (!s)
		return key && !(flags & IPC_CREAT) ? -ENOENT : create(key, nbytes, flags);
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	if (nbytes > s->ds.segsz)
		return -EINVAL;
	return permits(s, flags & 0777) ? s->id : -EACCES;
}

int64_t sys_shmget(const uint64_t *a)
{
	int64_t r;

	mutex_lock(&shm_lock);
	r = get(a[0], a[1], a[2]);
	mutex_unlock(&shm_lock);
	return r;
}

/* ---- shmat, shmdt ---- */

/* Where the caller wants it; 0: anywhere. -EINVAL. */
static int place(uint64_t *addr, unsigned flags)
{
	if (*addr & PAGE_MASK) {
		if (!(flags & SHM_RND))
			return -EINVAL;
		*addr &= ~PAGE_MASK;
	}
	return !*addr && flags & SHM_REMAP ? -EINVAL : 0;
}

static int64_t attach(struct segment *s, uint64_t addr, unsigned flags)
{
	int prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
	int map = MAP_SHARED | (!addr ? 0 : flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
	int64_t r = vm_mmap(proc_current()->space, addr, s->ds.segsz, prot, map, s->object, 0,
			    flags & SHM_RDONLY ? prot : 7);

	mutex_lock(&shm_lock);
	s->attaching--;
	if (r > 0) {
		s->ds.atime = now();
		s->ds.lpid = caller_pid();
	}
	end_if_unused(s);
	mutex_unlock(&shm_lock);
	return r == -EEXIST ? -EINVAL : r;
}

int64_t sys_shmat(const uint64_t *a)
{
	uint64_t addr = a[1];
	unsigned flags = a[2];
	struct segment *s;
	int err = place(&addr, flags);

	if (err)
		return err;
	mutex_lock(&shm_lock);
	s = find_id(a[0]);
	if (!s)
		err = -EINVAL;
	else if (!permits(s, (flags & SHM_RDONLY ? 4 : 6) | (flags & SHM_EXEC ? 1 : 0)))
		err = -EACCES;
	else
		s->attaching++;
	mutex_unlock(&shm_lock);
	return err ? err : attach(s, addr, flags);
}

struct detach {
	uint64_t base, start, end; /* bytes; the first piece found of the attach at `base` */
	struct object *object;
};

static int find_piece(void *arg, struct mapping *m)
{
	struct detach *d = arg;

	if (!m->object || m->object->anon != &segment_ops || (d->object && m->object != d->object) ||
	    (m->start - m->offset) << PAGE_SHIFT != d->base)
		return 0;
	d->start = m->start << PAGE_SHIFT;
	d->end = m->end << PAGE_SHIFT;
	if (!d->object) {
		object_ref(m->object);
		d->object = m->object;
	}
	return 1;
}

int64_t sys_shmdt(const uint64_t *a)
{
	struct space *space = proc_current()->space;
	struct detach d = { .base = a[0] };
	int err = 0;

	while (!err && vm_each_mapping(space, find_piece, &d))
		err = vm_munmap(space, d.start, d.end - d.start);
	if (!d.object)
		return -EINVAL;
	object_unref(d.object);
	return err;
}

/* ---- shmctl ---- */

/* SHM_LOCK: what is in memory stays there, and what comes. */
static int keep(struct segment *s, bool on)
{
	const struct proc *p = proc_current();
	uint64_t limit = p->cred.euid == 0 ? UINT64_MAX : p->rlimits[RLIMIT_MEMLOCK].cur;

	if (on && !limit)
		return -EPERM;
	if (on && page_round_up(s->ds.segsz) > limit)
		return -ENOMEM;
	store_relaxed(&s->object->kept, on);
	s->ds.perm.mode = (s->ds.perm.mode & ~SHM_LOCKED) | (on ? SHM_LOCKED : 0);
	return 0;
}

static bool is_stat(int cmd)
{
	return cmd == IPC_STAT || cmd == SHM_STAT || cmd == SHM_STAT_ANY;
}

static int control(int id, int cmd, struct shmid_ds *ds)
{
	struct segment *s = cmd == SHM_STAT || cmd == SHM_STAT_ANY ? find_index(id) : find_id(id);

	if (!s)
		return -EINVAL;
	if (is_stat(cmd)) {
		*ds = s->ds;
		ds->nattch = object_count_mappings(s->object);
		if (cmd != SHM_STAT_ANY && !permits(s, 4))
			return -EACCES;
		return cmd == IPC_STAT ? 0 : s->id;
	}
	if (!owns(s))
		return -EPERM;
	if (cmd == SHM_LOCK || cmd == SHM_UNLOCK)
		return keep(s, cmd == SHM_LOCK);
	s->ds.ctime = now();
	if (cmd == IPC_SET) {
		s->ds.perm.uid = ds->perm.uid;
		s->ds.perm.gid = ds->perm.gid;
		s->ds.perm.mode = (s->ds.perm.mode & ~0777u) | (ds->perm.mode & 0777);
		return 0;
	}
	s->ds.perm.mode |= SHM_DEST;
	s->ds.perm.key = 0;
	end_if_unused(s);
	return 0;
}

/* IPC_INFO and SHM_INFO: limits, or sums over all. The highest index in use, or -EFAULT. */
static int put_info(int cmd, uint64_t to)
{
	struct shminfo limits = { USER_TOP, 1, SEGMENTS_MAX, SEGMENTS_MAX, pages_max(), { 0 } };
	struct shm_info i = { 0 };
	struct segment *s;
	int last = 0, err;

	mutex_lock(&shm_lock);
	list_for_each(s, &segments, link) {
		uint64_t npages = load_relaxed(&s->object->npages), nslots = load_relaxed(&s->object->nslots);

		i.used_ids++;
		i.total += DIV_ROUND_UP(s->ds.segsz, PAGE_SIZE);
		i.resident += npages;
		i.swapped += nslots - MIN(npages, nslots);
		last = MAX(last, s->id & ((1 << INDEX_BITS) - 1));
	}
	mutex_unlock(&shm_lock);
	err = cmd == IPC_INFO ? put_user(to, &limits, sizeof(limits)) : put_user(to, &i, sizeof(i));
	return err ? -EFAULT : last;
}

int64_t sys_shmctl(const uint64_t *a)
{
	struct shmid_ds ds;
	int cmd = a[1], err;

	if (cmd == IPC_INFO || cmd == SHM_INFO)
		return put_info(cmd, a[2]);
	if (!is_stat(cmd) && cmd != IPC_SET && cmd != IPC_RMID && cmd != SHM_LOCK && cmd != SHM_UNLOCK)
		return -EINVAL;
	if (cmd == IPC_SET && get_user(&ds, a[2], sizeof(ds)))
		return -EFAULT;
	mutex_lock(&shm_lock);
	err = control(a[0], cmd, &ds);
	mutex_unlock(&shm_lock);
	if (err >= 0 && is_stat(cmd) && put_user(a[2], &ds, sizeof(ds)))
		return -EFAULT;
	return err;
}
