/* SPDX-License-Identifier: ISC */
/*
 * What programs do to their mappings: mmap, munmap, mprotect, brk, and what advise.c and mremap.c share with them. All with the space
 * held for writing unless said. The order of taking away is always: PTEs cleared, one shootdown, mappings changed, then the
 * overlay's slots; object references are let go after the space lock, as the last one of a file may write.
 */
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/mapping.h"

#define MAPPINGS_MAX 65530 /* of a space, as on Linux */

int page_range(uint64_t addr, uint64_t len, uint64_t *first, uint64_t *end)
{
	uint64_t n = page_round_up(len), last = addr + n;

	if (unlikely(addr & PAGE_MASK || n < len || last < addr))
		return -EINVAL;
	*first = addr >> PAGE_SHIFT;
	*end = last >> PAGE_SHIFT;
	if (unlikely(last > USER_TOP))
		*end = MIN(*end, MAX(*first, (uint64_t)USER_PAGES) + 1);
	return 0;
}

/* ---- placing ---- */

/* Where a mapping begins, with the gap below it if it is a stack. */
static uint64_t guarded_start(const struct mapping *m)
{
	return m->flags & MF_GROWSDOWN ? m->start - MIN(m->start, (uint64_t)GUARD_GAP) : m->start;
}

bool range_is_free(struct space *s, uint64_t first, uint64_t end)
{
	struct mapping *m = mapping_at_or_after(s, first);

	return !m || m->start >= end;
}

/* The highest gap of n pages between MMAP_MIN and top; 0: none. */
static uint64_t gap_below(struct space *s, uint64_t top, uint64_t n)
{
	struct mapping *m = mapping_at_or_after(s, top - 1);
	struct tree_node *last = m ? NULL : tree_last(&s->mappings);

	if (m)
		top = MIN(top, guarded_start(m));
	m = m ? mapping_prev(m) : last ? tree_entry(last, struct mapping, node) : NULL;
	for (; m; m = mapping_prev(m)) {
		if (m->end <= top && top - m->end >= n)
			return top - n;
		top = MIN(top, guarded_start(m));
	}
	return top >= MMAP_MIN + n ? top - n : 0;
}

uint64_t find_gap(struct space *s, uint64_t n)
{
	uint64_t at = gap_below(s, s->mmap_top >> PAGE_SHIFT, n);

	return at ? at : gap_below(s, USER_PAGES, n);
}

/* Where the mapping goes; 0 and -errno in *err when nowhere. */
static inline uint64_t place(struct space *s, uint64_t addr, uint64_t n, int flags, int *err)
{
	uint64_t first = page_round_down(addr) >> PAGE_SHIFT;
	struct mapping *m;

	*err = -ENOMEM;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (addr > USER_TOP - (n << PAGE_SHIFT))
			return 0;
		*err = addr & PAGE_MASK ? -EINVAL : first < MMAP_MIN ? -EPERM : -EEXIST;
		if (addr & PAGE_MASK || first < MMAP_MIN ||
		    (flags & MAP_FIXED_NOREPLACE && !range_is_free(s, first, first + n)))
			return 0;
		return first;
	}
	if (first >= MMAP_MIN && first <= USER_PAGES - n) {
		m = mapping_at_or_after(s, first);
		if (!m || guarded_start(m) >= first + n)
			return first; /* the hint fits */
	}
	return find_gap(s, n);
}

/* ---- taking away ---- */

void clear_overlay(struct space *s, uint64_t first, uint64_t end)
{
	struct clear_wait w = { 0 };

	while (overlay_clear(&s->overlay, first, end, &w))
		clear_wait(&w);
	purse_empty(&w.purse);
}

int unmap_range(struct space *s, uint64_t first, uint64_t end, struct mapping **drop)
{
	struct mapping *m = mapping_at_or_after(s, first), *next;
	bool private = false;

	if (!m || m->start >= end)
		return 0;
	if (m->start < first && m->end > end && !mapping_split(m, end)) /* within one: that becomes two */
		return -ENOMEM;
	table_clear_range(s, first, end);
	space_shoot(
		s); /* before the mappings leave the objects' lists: who evicts a page looks for PTEs there */
	for (; m && m->start < end; m = next) {
		next = mapping_next(m);
		private |= !m->shared;
		if (m->start < first) {
			mapping_resize(m, m->start, first);
			mapping_queue_dirty(m);
		} else if (m->end > end) {
			mapping_resize(m, end, m->end);
			mapping_queue_dirty(m);
		} else {
			mapping_remove(m, drop);
		}
	}
	if (private)
		clear_overlay(s, first, end);
	return 0;
}

int vm_munmap(struct space *s, uint64_t addr, uint64_t len)
{
	struct mapping *drop = NULL;
	uint64_t first, end;
	int err = page_range(addr, len, &first, &end);

	if (err || len == 0 || end > USER_PAGES)
		return -EINVAL;
	space_write(s);
	err = unmap_range(s, first, end, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return err;
}

/* ---- mmap ---- */

/* Of a mapping that is to be locked: -EPERM, -EAGAIN. */
static int may_lock(const struct space *s, uint64_t n, int flags)
{
	if (flags & MAP_LOCKED && !s->limits.memlock)
		return -EPERM;
	if ((flags & MAP_LOCKED || s->future) && s->nlocked + n > s->limits.memlock >> PAGE_SHIFT)
		return -EAGAIN;
	return 0;
}

int check_limits(struct space *s, uint64_t n, uint64_t gone, bool data, bool locked)
{
	if (locked && s->nlocked + n > s->limits.memlock >> PAGE_SHIFT)
		return -EAGAIN;
	n -= gone;
	if (s->npages + n > s->limits.as >> PAGE_SHIFT)
		return -ENOMEM;
	return data && s->ndata + n > s->limits.data >> PAGE_SHIFT ? -ENOMEM : 0;
}

/* Of a mapping of no file, or of one that may be mapped so. */
static int check_kind(int flags, struct object *object)
{
	int type = flags & MAP_TYPE;

	if (flags & MAP_ANONYMOUS && type != MAP_PRIVATE && type != MAP_SHARED)
		return -EINVAL;
	return flags & MAP_GROWSDOWN && (object || type != MAP_PRIVATE) ? -EINVAL : 0;
}

static unsigned mapping_flags(struct space *s, int prot, int flags, const struct object *object)
{
	unsigned f = s->future | (flags & MAP_LOCKED ? MF_LOCKED : 0) |
		     (flags & MAP_GROWSDOWN ? MF_GROWSDOWN : 0);

	if (!(flags & (MAP_ANONYMOUS | MAP_SHARED)) && !object)
		f |= MF_ZERO;
	if (flags & MAP_NORESERVE && vm_tunables.overcommit_memory != COMMIT_NEVER)
		f |= MF_NORESERVE;
	else if (mapping_is_data(prot, flags & MAP_SHARED, 0))
		f |= MF_ACCOUNT;
	return f;
}

uint64_t mapped_in(struct space *s, uint64_t first, uint64_t end, unsigned flags)
{
	uint64_t n = 0;

	for (struct mapping *m = mapping_at_or_after(s, first); m && m->start < end; m = mapping_next(m))
		if ((m->flags & flags) == flags)
			n += MIN(m->end, end) - MAX(m->start, first);
	return n;
}

/* Makes room for m (its flags, protection and object are filled in), takes its promise and puts it in. 0; 1: it joined a neighbour, and
 * its reference is left over; or -errno: `refusal` is one that comes before those about memory. */
static int enter(struct space *s, struct mapping *m, uint64_t addr, uint64_t n, int flags, int refusal,
		 struct mapping **drop)
{
	int err;

	if (s->nmappings > MAPPINGS_MAX)
		return -ENOMEM;
	m->start = place(s, addr, n, flags, &err);
	m->end = m->start + n;
	if (!m->start)
		return err;
	err = may_lock(s, n, flags);
	if (!err)
		err = refusal;
	if (!err)
		err = check_limits(s, n, flags & MAP_FIXED ? mapped_in(s, m->start, m->end, 0) : 0,
				   mapping_is_data(m->prot, m->shared, m->flags), false);
	if (err)
		return err;
	if (m->flags & MF_ACCOUNT && !commit_take(n))
		return -ENOMEM;
	err = flags & MAP_FIXED ? unmap_range(s, m->start, m->end, drop) : 0;
	if (!err)
		err = mapping_put(s, m, drop);
	if (err < 0 && m->flags & MF_ACCOUNT)
		commit_put(n);
	s->peak_pages = MAX(s->peak_pages, s->npages);
	return err;
}

int64_t vm_mmap(struct space *s, uint64_t addr, uint64_t len, int prot, int flags, struct object *object,
		uint64_t offset, int max_prot)
{
	int err = max_prot < 0 ? max_prot : check_kind(flags, object);
	uint64_t n = page_round_up(len) >> PAGE_SHIFT;
	struct mapping *drop = NULL, m;

	if (len == 0)
		return -EINVAL;
	if (n == 0 || n > USER_PAGES)
		return -ENOMEM;
	mapping_blank(&m, s);
	m.prot = prot & 7;
	m.max_prot = max_prot & 7;
	m.shared = flags & MAP_SHARED;
	if (object || !m.shared)
		m.offset = offset >> PAGE_SHIFT;
	if (object) {
		object_ref(object);
	} else if (m.shared && !err) { /* memory of its own that forked children share */
		object = object_create_shared(n, flags & MAP_NORESERVE);
		if (!object)
			err = -ENOMEM;
	}
	m.object = object;
	m.error_seen = object ? object->error_count : 0;
	space_write(s);
	m.flags = mapping_flags(s, prot, flags, object);
	err = enter(s, &m, addr, n, flags, err, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	if (err && object)
		object_unref(object);
	if (err < 0)
		return err;
	if ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE || (m.flags & MF_LOCKS) == MF_LOCKED)
		populate(s, m.start, m.end, FOR_LOCK);
	return m.start << PAGE_SHIFT;
}

int vm_map_stack(struct space *s, uint64_t stack_top, uint64_t nbytes)
{
	uint64_t end = stack_top >> PAGE_SHIFT, n = page_round_up(nbytes) >> PAGE_SHIFT;
	struct mapping *drop = NULL, m = { .start = end - n,
					   .end = end,
					   .prot = PROT_READ | PROT_WRITE,
					   .max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
					   .flags = MF_GROWSDOWN | MF_STACK | MF_ACCOUNT };
	int err;

	if (!commit_take(n))
		return -ENOMEM;
	space_write(s);
	err = mapping_put(s, &m, &drop); /* there is no other stack that it could join */
	s->stack_top = stack_top;
	rwlock_write_unlock(&s->lock);
	if (err)
		commit_put(n);
	return err;
}

/* ---- brk ---- */

static int grow_heap(struct space *s, uint64_t old_end, uint64_t new_end, struct mapping **drop)
{
	struct mapping *next = mapping_at_or_after(s, old_end);
	struct mapping m = { .start = old_end,
			     .end = new_end,
			     .prot = PROT_READ | PROT_WRITE,
			     .max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
			     .flags = MF_HEAP | MF_ACCOUNT | s->future };
	uint64_t n = new_end - old_end;

	if (next && guarded_start(next) < new_end)
		return -ENOMEM;
	if (check_limits(s, n, 0, true, m.flags & MF_LOCKED) || !commit_take(n))
		return -ENOMEM;
	if (mapping_put(s, &m, drop) < 0) {
		commit_put(n);
		return -ENOMEM;
	}
	s->peak_pages = MAX(s->peak_pages, s->npages);
	return 0;
}

uint64_t vm_brk(struct space *s, uint64_t addr)
{
	struct mapping *drop = NULL;
	uint64_t old_end, new_end, result;
	bool bring = false;
	int err = 0;

	space_write(s);
	result = s->brk_end;
	old_end = page_round_up(s->brk_end) >> PAGE_SHIFT;
	new_end = page_round_up(addr) >> PAGE_SHIFT;
	if (addr < s->brk_start || addr > USER_TOP || addr - s->brk_start + s->data_bytes > s->limits.data)
		err = -EINVAL;
	else if (new_end < old_end)
		err = unmap_range(s, new_end, old_end, &drop);
	else if (new_end > old_end)
		err = grow_heap(s, old_end, new_end, &drop);
	if (!err) {
		result = s->brk_end = addr;
		bring = new_end > old_end && s->future == MF_LOCKED;
	}
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	if (bring)
		populate(s, old_end, new_end, FOR_LOCK);
	return result;
}

/* ---- mprotect ---- */

static pte_t kept_bits(int prot)
{
	pte_t keep = ~(pte_t)(PTE_R | PTE_W | PTE_X);

	if (prot & (PROT_READ | PROT_WRITE))
		keep |= PTE_R;
	if (prot & PROT_WRITE)
		keep |= PTE_W;
	if (prot & PROT_EXEC)
		keep |= PTE_X;
	return keep;
}

/* A private mapping becomes writable: it counts as data from now on, and may have to be promised. 0 or -ENOMEM. */
static int become_data(struct mapping *m, int prot, unsigned *flags)
{
	const struct space *s = m->space;
	uint64_t n = m->end - m->start;

	if (mapping_is_data(m->prot, m->shared, m->flags) || !mapping_is_data(prot, m->shared, m->flags))
		return 0;
	if (s->ndata + n > s->limits.data >> PAGE_SHIFT)
		return -ENOMEM;
	if (*flags & (MF_ACCOUNT | MF_NORESERVE))
		return 0;
	*flags |= MF_ACCOUNT;
	return commit_take(n) ? 0 : -ENOMEM;
}

static int protect_part(struct part *p)
{
	unsigned flags = p->m->flags;
	int prot = p->what;

	if (prot & ~p->m->max_prot)
		return -EACCES;
	if (p->m->prot == prot)
		return 0;
	if (!part_carve(p) || become_data(p->m, prot, &flags))
		return -ENOMEM;
	if (p->m->prot & ~prot) /* less permission: PTEs follow now; more comes by faults */
		table_protect_range(p->m->space, p->first, p->end, kept_bits(prot));
	mapping_change(p->m, prot, flags);
	return 0;
}

int vm_mprotect(struct space *s, uint64_t addr, uint64_t len, int prot)
{
	bool down = prot & PROT_GROWSDOWN, up = prot & PROT_GROWSUP;
	struct mapping *drop = NULL, *m;
	uint64_t first, end;
	int err = page_range(addr, len, &first, &end);

	prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP | PROT_SEM);
	if (addr & PAGE_MASK || (down && up))
		return -EINVAL;
	if (len == 0)
		return 0;
	if (err)
		return -ENOMEM;
	if (prot & ~7)
		return -EINVAL;
	space_write(s);
	m = down || up ? mapping_at_or_after(s, first) : NULL;
	if (down && m && m->start < end) { /* the whole stack from its start on */
		err = m->flags & MF_GROWSDOWN ? 0 : -EINVAL;
		first = m->start;
	} else if (up && m && m->start <= first) { /* nothing grows up */
		err = -EINVAL;
	}
	if (!err) /* as on Linux, what lies before a hole or a refusal is changed */
		err = each_part(s, first, end, false, protect_part, prot, &drop);
	space_shoot(s);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return err;
}
