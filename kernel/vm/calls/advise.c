/* SPDX-License-Identifier: ISC */
/*
 * What programs say and ask about their mappings' pages: msync, madvise, mincore, mlock, and bringing pages in for them.
 * Calls over a range go through each_part (mapping.c).
 */
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/pageout/policy.h"
#include "vm/view.h"

enum { SIGKILL = 9 };
enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };
enum {
	MADV_NORMAL,
	MADV_RANDOM,
	MADV_SEQUENTIAL,
	MADV_WILLNEED,
	MADV_DONTNEED,
	MADV_FREE = 8,
	MADV_REMOVE,
	MADV_DONTFORK,
	MADV_DOFORK,
	MADV_DONTDUMP = 16,
	MADV_DODUMP,
	MADV_WIPEONFORK,
	MADV_KEEPONFORK,
	MADV_COLD,
	MADV_PAGEOUT,
	MADV_POPULATE_READ,
	MADV_POPULATE_WRITE,
	MADV_DONTNEED_LOCKED,
};

/* each_part with the space held for writing; or for reading, where nothing changes mappings. */
static int change_parts(struct space *s, uint64_t first, uint64_t end, part_fn fn, int what)
{
	struct mapping *drop = NULL;
	int err;

	space_write(s);
	err = each_part(s, first, end, true, fn, what, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return err;
}

static int visit_parts(struct space *s, uint64_t first, uint64_t end, part_fn fn, int what)
{
	int err;

	rwlock_read(&s->lock);
	err = each_part(s, first, end, true, fn, what, NULL);
	rwlock_read_unlock(&s->lock);
	return err;
}

/* ---- bringing pages in ---- */

/* As mlock and MAP_POPULATE want it; -1: pages come by faults only. */
static int lock_access(const struct mapping *m)
{
	if (m->flags & MF_ONFAULT)
		return -1;
	if (!m->shared && m->prot & PROT_WRITE)
		return ACCESS_WRITE;
	return m->prot & (PROT_READ | PROT_WRITE) ? ACCESS_READ : ACCESS_EXEC;
}

/* Until where the mapping at vpn goes, at most `end`, and the access that brings its pages in. 0 or -errno. */
static int look(struct space *s, uint64_t vpn, uint64_t *end, int *access)
{
	struct mapping *m;
	int err = 0;

	rwlock_read(&s->lock);
	m = mapping_find(s, vpn);
	if (!m) {
		err = -ENOMEM;
	} else {
		*end = MIN(*end, m->end);
		if (*access == FOR_LOCK)
			*access = lock_access(m);
		else if (*access & ~m->prot)
			err = -EINVAL;
	}
	rwlock_read_unlock(&s->lock);
	return err;
}

int populate(struct space *s, uint64_t first, uint64_t end, unsigned access)
{
	struct vm_fault_info info;

	while (first < end) {
		uint64_t stop = end;
		int with = access, err = look(s, first, &stop, &with);

		if (err)
			return err;
		for (; with >= 0 && first < stop; first++)
			if (vm_fault(s, first << PAGE_SHIFT, with, &info))
				return info.sig == SIGKILL ? -EINTR : -EFAULT;
		first = stop;
	}
	return 0;
}

/* ---- mlock ---- */

static int set_lock(struct part *p)
{
	if (!part_carve(p))
		return -ENOMEM;
	mapping_change(p->m, p->m->prot, (p->m->flags & ~MF_LOCKS) | p->what);
	return 0;
}

int vm_mlock(struct space *s, uint64_t addr, uint64_t len, unsigned lock)
{
	struct mapping *drop = NULL;
	uint64_t first, end, n;
	int err = 0;

	if (lock && !s->limits.memlock)
		return -EPERM;
	n = page_round_up(len + (addr & PAGE_MASK));
	addr = page_round_down(addr);
	if (addr + n < addr)
		return -EINVAL;
	if (page_range(addr, n, &first, &end))
		return -ENOMEM;
	space_write(s);
	n = s->nlocked + (end - first) - mapped_in(s, first, end, MF_LOCKED);
	if (lock && n > s->limits.memlock >> PAGE_SHIFT)
		err = -ENOMEM;
	else
		err = each_part(s, first, end, false, set_lock, lock, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	if (err || lock != MF_LOCKED)
		return err;
	err = populate(s, first, end, FOR_LOCK);
	return err == -EFAULT ? -ENOMEM : err == -ENOMEM ? -EAGAIN : err;
}

int vm_mlockall(struct space *s, int flags)
{
	unsigned lock = flags & MCL_ONFAULT ? MF_LOCKS : flags ? MF_LOCKED : 0;
	struct mapping *drop = NULL;
	int err = 0;

	if (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (flags && !s->limits.memlock)
		return -EPERM;
	space_write(s);
	if (flags & MCL_CURRENT && s->npages > s->limits.memlock >> PAGE_SHIFT)
		err = -ENOMEM;
	if (!err)
		s->future = flags & MCL_FUTURE ? lock : 0;
	if (!err && (flags & MCL_CURRENT || !flags))
		each_part(s, 0, USER_PAGES, true, set_lock, lock, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	for (uint64_t vpn = 0; !err && flags & MCL_CURRENT && lock == MF_LOCKED && !thread_killed();) {
		struct mapping *m;
		uint64_t end;

		rwlock_read(&s->lock);
		m = mapping_at_or_after(s, vpn);
		vpn = m ? MAX(vpn, m->start) : USER_PAGES;
		end = m ? m->end : USER_PAGES;
		rwlock_read_unlock(&s->lock);
		if (!m)
			break;
		populate(s, vpn, end, FOR_LOCK); /* what cannot be brought in is no error here */
		vpn = end;
	}
	return err;
}

/* ---- msync, and advice that ends at objects ---- */

/* The object and pages behind the next mapping of [*vpn, end) that is on one, referenced; *vpn moves behind. NULL: no more; *err: -ENOMEM if
 * a part is not mapped, or what `check` says of a mapping, which ends it. */
static struct object *next_object(struct space *s, uint64_t *vpn, uint64_t end, uint64_t *first, uint64_t *n,
				  int (*check)(struct mapping *m, int what), int what, int *err)
{
	struct object *o = NULL;

	rwlock_read(&s->lock);
	while (*vpn < end && !o) {
		struct mapping *m = mapping_at_or_after(s, *vpn);
		uint64_t stop;
		int e;

		if (!m || m->start > *vpn)
			*err = -ENOMEM;
		if (!m || m->start >= end) {
			*vpn = end;
			break;
		}
		e = check(m, what);
		if (e < 0) {
			*err = e;
			*vpn = end;
			break;
		}
		*vpn = MAX(*vpn, m->start);
		stop = MIN(end, m->end);
		if (e && m->object) {
			o = m->object;
			object_ref(o);
			*first = m->offset + (*vpn - m->start);
			*n = stop - *vpn;
		}
		*vpn = stop;
	}
	rwlock_read_unlock(&s->lock);
	return o;
}

static int may_sync(struct mapping *m, int flags)
{
	if (flags & MS_INVALIDATE && m->flags & MF_LOCKED)
		return -EBUSY;
	return flags & MS_SYNC && m->shared && m->object->ops;
}

/* What writeback of the object failed at since the mapping at vpn was last told. */
static int untold_error(struct space *s, uint64_t vpn, struct object *o)
{
	struct mapping *m;
	int err = 0;

	rwlock_read(&s->lock);
	m = mapping_find(s, vpn);
	if (m && m->object == o) {
		uint32_t count = __atomic_load_n(&o->error_count, __ATOMIC_RELAXED);

		if (__atomic_exchange_n(&m->error_seen, count, __ATOMIC_RELAXED) != count)
			err = o->error;
	}
	rwlock_read_unlock(&s->lock);
	return err;
}

int vm_msync(struct space *s, uint64_t addr, uint64_t len, int flags)
{
	uint64_t vpn, end, first, n;
	struct object *o;
	int hole = 0, err = 0, e;

	if (addr & PAGE_MASK || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (!page_round_up(len)) /* also when rounding makes it 0, as on Linux */
		return 0;
	if (page_range(addr, page_round_up(len), &vpn, &end))
		return -ENOMEM;
	while (!err && (o = next_object(s, &vpn, end, &first, &n, may_sync, flags, &hole))) {
		object_writeback(o, first, n, true);
		e = o->ops->sync ? o->ops->sync(o) : 0;
		err = untold_error(s, vpn - 1, o);
		err = err ? err : e;
		object_unref(o);
	}
	return err ? err : hole;
}

static int may_prefetch(struct mapping *m, int what __unused)
{
	return m->object != NULL;
}

static int may_remove(struct mapping *m, int what __unused)
{
	if (m->flags & MF_LOCKED || !(m->object || m->flags & MF_ZERO))
		return -EINVAL;
	if (!m->shared || !(m->max_prot & PROT_WRITE))
		return -EACCES;
	if (load_relaxed(&m->object->sealed))
		return -EPERM;
	return m->object->ops ? -EOPNOTSUPP : 1;
}

static int advise_objects(struct space *s, uint64_t vpn, uint64_t end, bool remove)
{
	uint64_t first, n;
	struct object *o;
	int err = 0;

	while ((o = next_object(s, &vpn, end, &first, &n, remove ? may_remove : may_prefetch, 0, &err))) {
		if (remove)
			object_drop_range(o, first, n);
		else
			object_prefetch(o, first, n);
		object_unref(o);
	}
	return err;
}

/* ---- advice about private pages ---- */

static int evictable_part(const struct mapping *m)
{
	return m->flags & MF_LOCKED ? -EINVAL : 0;
}

static int forget_part(struct part *p)
{
	int err = p->what == MADV_DONTNEED_LOCKED ? 0 : evictable_part(p->m);

	if (err)
		return err;
	table_clear_range(p->m->space, p->first, p->end);
	space_shoot(p->m->space);
	if (!p->m->shared)
		clear_overlay(p->m->space, p->first, p->end);
	return 0;
}

/* [f] Its bytes are not wanted: clean, without a copy; the first store makes it dirty again. */
static void make_lazy(struct family *f, struct page *p)
{
	if (page_has(p, PG_BUSY | PG_WRITING) || page_held(p) || !family_exclusive(f, p))
		return; /* as it is: this is advice */
	if (p->swap)
		swap_put(p->swap, 1);
	p->swap = 0;
	page_clear(p, PG_DIRTY | PG_REFERENCED);
	page_set(p, PG_LAZYFREE);
	EVENT(pglazyfree);
}

static int free_part(struct part *p)
{
	struct space *s = p->m->space;
	struct family *f = s->overlay.family;
	uint64_t vpn = p->first;

	if (evictable_part(p->m) || p->m->shared || p->m->object)
		return -EINVAL;
	table_protect_range(s, p->first, p->end, ~(pte_t)PTE_W);
	space_shoot(s);
	for (;; vpn++) {
		bool shared, in_swap;
		slot_t slot;

		home_lock(&f->home);
		vpn = overlay_next(&s->overlay, vpn, p->end);
		slot = vpn == UINT64_MAX ? 0 : *overlay_find(&s->overlay, vpn, &shared);
		in_swap = slot_is_swap(slot);
		if (slot_is_page(slot))
			make_lazy(f, slot_page(slot));
		spin_unlock(&f->home.lock);
		if (vpn == UINT64_MAX)
			return 0;
		if (in_swap)
			clear_overlay(s, vpn, vpn + 1);
	}
}

/* COLD: as if not used lately. PAGEOUT: out with it. Pages that others share are left to them. */
static int cool_part(struct part *p)
{
	struct shoot_batch batch = { 0 };
	int err = evictable_part(p->m);
	struct page_view v;

	for (uint64_t vpn = p->first; !err; vpn++) {
		vpn = view_next(p->m, vpn, p->end);
		if (vpn >= p->end)
			break;
		view_page(p->m, vpn, true, &v);
		if (!v.page)
			continue;
		if (!v.shared)
			reclaim_forget_use(v.page, &batch);
		page_release(v.page);
		if (!v.shared && p->what == MADV_PAGEOUT) {
			batch_shoot(&batch);
			reclaim_page_out(v.page);
		}
	}
	batch_shoot(&batch);
	if (p->what == MADV_PAGEOUT)
		reclaim_start_writing();
	return err;
}

/* Starts reading private pages from swap, neighbours there together, while memory is to spare. */
static int fetch_part(struct part *p)
{
	struct space *s = p->m->space;
	struct family *f = s->overlay.family;
	struct page *run[SWAP_CLUSTER_MAX], *page = NULL;
	uint64_t vpn = p->first;
	uint32_t entry = 0;
	unsigned n = 0;

	while (!p->m->shared && page_nfree() > page_totals()->low) {
		bool shared, joins = true;
		slot_t slot = 0;

		if (!page && !(page = page_alloc()))
			break;
		home_lock(&f->home);
		vpn = overlay_next(&s->overlay, vpn, p->end);
		if (vpn != UINT64_MAX)
			slot = *overlay_find(&s->overlay, vpn, &shared);
		if (slot_is_swap(slot)) {
			joins = n == 0 || (n < SWAP_CLUSTER_MAX && slot_swap(slot) == entry + n);
			if (joins) {
				entry = slot_swap(slot) - n;
				family_swap_in(f, vpn, slot, page, PG_AHEAD);
				run[n++] = page;
				page = NULL;
			}
		}
		spin_unlock(&f->home.lock);
		if (vpn == UINT64_MAX)
			break;
		if (joins) {
			vpn++;
		} else {
			swap_read(entry, run, n);
			n = 0;
		}
	}
	if (n)
		swap_read(entry, run, n);
	if (page)
		page_free(page);
	return 0;
}

static int flag_part(struct part *p)
{
	struct readahead ra = p->m->ra;
	unsigned flags = p->m->flags;

	switch (p->what) {
	case MADV_DONTFORK:
		flags |= MF_DONTFORK;
		break;
	case MADV_DOFORK:
		flags &= ~MF_DONTFORK;
		break;
	case MADV_WIPEONFORK:
		if (p->m->object || flags & MF_ZERO)
			return -EINVAL;
		flags |= MF_WIPEONFORK;
		break;
	case MADV_KEEPONFORK:
		flags &= ~MF_WIPEONFORK;
		break;
	case MADV_DONTDUMP: /* there are no dumps */
	case MADV_DODUMP:
		break;
	default:
		ra = (struct readahead){ .random = p->what == MADV_RANDOM,
					 .sequential = p->what == MADV_SEQUENTIAL };
	}
	if (!part_carve(p))
		return -ENOMEM;
	p->m->ra = ra;
	mapping_change(p->m, p->m->prot, flags);
	return 0;
}

int vm_madvise(struct space *s, uint64_t addr, uint64_t len, int advice)
{
	uint64_t first, end;
	int err;

	if ((advice > MADV_DONTNEED && advice < MADV_FREE) ||
	    (advice > MADV_DOFORK && advice < MADV_DONTDUMP) || advice < 0 || advice > MADV_DONTNEED_LOCKED ||
	    addr & PAGE_MASK)
		return -EINVAL;
	if (page_range(addr, len, &first, &end))
		return -EINVAL;
	if (first == end)
		return 0;
	switch (advice) {
	case MADV_WILLNEED:
		err = visit_parts(s, first, end, fetch_part, advice);
		advise_objects(s, first, end, false);
		return err;
	case MADV_REMOVE:
		return advise_objects(s, first, end, true);
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
		return change_parts(s, first, end, forget_part, advice);
	case MADV_FREE:
		return change_parts(s, first, end, free_part, advice);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return visit_parts(s, first, end, cool_part, advice);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		return populate(s, first, end, advice == MADV_POPULATE_READ ? ACCESS_READ : ACCESS_WRITE);
	default:
		return change_parts(s, first, end, flag_part, advice);
	}
}

/* ---- mincore ---- */

int vm_mincore(struct space *s, uint64_t addr, uint64_t len, uint8_t *vec)
{
	uint64_t first, end, vpn;

	if (addr & PAGE_MASK)
		return -EINVAL;
	if (page_range(addr, len, &first, &end))
		return -ENOMEM;
	rwlock_read(&s->lock);
	for (vpn = first; vpn < end; vpn++) {
		struct mapping *m = mapping_find(s, vpn);
		struct page_view v;

		if (!m)
			break;
		view_page(m, vpn, false, &v);
		vec[vpn - first] = v.page || v.zero;
		if (v.page)
			page_release(v.page);
	}
	rwlock_read_unlock(&s->lock);
	return vpn > first || first == end ? (int)(vpn - first) : -ENOMEM;
}
