/* SPDX-License-Identifier: ISC */
/*
 * What programs do to their mappings: mmap, munmap, mprotect, msync, madvise, mincore, brk. All with the space held for writing
 * unless said. The order of taking away is always: mappings changed, PTEs cleared, one shootdown, then the overlay's slots;
 * object references are let go after the space lock, as the last one of a file may write.
 */
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/mapping.h"

#define MMAP_MIN   (1ul << 16 >> PAGE_SHIFT) /* pages at the bottom stay free: null pointers fault */
#define USER_PAGES (USER_TOP >> PAGE_SHIFT)

enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
enum { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED };

/* A range in pages: 0, or -EINVAL (unaligned, wraps). Zero length is the caller's matter. */
static int page_range(uint64_t addr, uint64_t len, uint64_t *first, uint64_t *end)
{
	if (addr & PAGE_MASK || addr > USER_TOP || len > USER_TOP || addr + page_round_up(len) > USER_TOP)
		return -EINVAL;
	*first = addr >> PAGE_SHIFT;
	*end = *first + (page_round_up(len) >> PAGE_SHIFT);
	return 0;
}

/* The highest gap of n pages below mmap_top; 0: none. */
static uint64_t find_gap(struct space *s, uint64_t n)
{
	uint64_t top = s->mmap_top >> PAGE_SHIFT;
	struct mapping *m = mapping_at_or_after(s, top - 1), *below;

	if (m && m->start < top)
		top = m->start;
	below = m ? mapping_prev(m) : NULL;
	if (!m) {
		struct tree_node *last = tree_last(&s->mappings);

		below = last ? tree_entry(last, struct mapping, node) : NULL;
	}
	for (; below; below = mapping_prev(below)) {
		if (below->end <= top && top - below->end >= n)
			return top - n;
		top = MIN(top, below->start);
	}
	return top >= MMAP_MIN + n ? top - n : 0;
}

static bool is_free(struct space *s, uint64_t first, uint64_t end)
{
	struct mapping *m = mapping_at_or_after(s, first);

	return !m || m->start >= end;
}

/* Empties the overlay of a range whose PTEs are gone; waits as it must, with the space held. */
static void clear_overlay(struct space *s, uint64_t first, uint64_t end)
{
	struct clear_wait w = { 0 };

	while (overlay_clear(&s->overlay, first, end, &w))
		clear_wait(&w);
	purse_empty(&w.purse);
}

/* Makes `at` a boundary between mappings; 0 or -ENOMEM. */
static int split_at(struct space *s, uint64_t at)
{
	struct mapping *m = mapping_find(s, at), *fresh;

	if (!m || m->start == at)
		return 0;
	fresh = mapping_alloc();
	if (!fresh)
		return -ENOMEM;
	mapping_split(m, at, fresh);
	return 0;
}

/* The PTEs of [first, end) go, one shootdown, the private pages go. */
static void zap(struct space *s, uint64_t first, uint64_t end)
{
	table_clear_range(s, first, end);
	space_shoot(s);
	clear_overlay(s, first, end);
}

static int unmap_range(struct space *s, uint64_t first, uint64_t end, struct mapping **drop)
{
	struct mapping *m = mapping_at_or_after(s, first), *next;
	bool private = false;

	if (!m || m->start >= end)
		return 0;
	if (split_at(s, first) || split_at(s, end))
		return -ENOMEM;
	table_clear_range(s, first, end);
	space_shoot(
		s); /* before the mappings leave the objects' lists: who evicts a page looks for PTEs there */
	for (m = mapping_at_or_after(s, first); m && m->start < end; m = next) {
		next = mapping_next(m);
		private |= !m->shared;
		mapping_remove(m);
		m->next_dropped = *drop;
		*drop = m;
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

	if (err || len == 0)
		return -EINVAL;
	rwlock_write(&s->lock);
	err = unmap_range(s, first, end, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return err;
}

/* ---- mmap ---- */

static int check_mmap(uint64_t addr, uint64_t len, int flags, struct object *object, uint64_t offset)
{
	int type = flags & MAP_SHARED_VALIDATE;

	if (len == 0 || type == 0 || (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && addr & PAGE_MASK))
		return -EINVAL;
	if (flags & MAP_GROWSDOWN && (object || type != MAP_PRIVATE))
		return -EINVAL;
	if (page_round_up(len) == 0 || page_round_up(len) > USER_TOP)
		return -ENOMEM;
	if (object && (offset & PAGE_MASK))
		return -EINVAL;
	if (object && offset + len < offset)
		return -EOVERFLOW;
	return 0;
}

/* Where the mapping goes; 0 and -errno in *err when nowhere. */
static uint64_t place(struct space *s, uint64_t addr, uint64_t n, int flags, int *err)
{
	uint64_t first = page_round_down(addr) >> PAGE_SHIFT;

	*err = -ENOMEM;
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (first < MMAP_MIN) {
			*err = -EPERM;
			return 0;
		}
		if (first + n > USER_PAGES)
			return 0;
		if (flags & MAP_FIXED_NOREPLACE && !is_free(s, first, first + n)) {
			*err = -EEXIST;
			return 0;
		}
		return first;
	}
	if (first >= MMAP_MIN && first + n <= USER_PAGES && is_free(s, first, first + n))
		return first; /* the hint fits */
	return find_gap(s, n);
}

static uint64_t private_writable_pages(struct space *s)
{
	uint64_t n = 0;

	for (struct mapping *m = mapping_first(s); m; m = mapping_next(m))
		if (!m->shared && m->prot & PROT_WRITE && !m->stack)
			n += m->end - m->start;
	return n;
}

static bool over_limits(struct space *s, uint64_t n, bool data)
{
	if (s->npages + n > s->limits.as >> PAGE_SHIFT)
		return true;
	return data && s->limits.data < UINT64_MAX &&
	       private_writable_pages(s) + n > s->limits.data >> PAGE_SHIFT;
}

static void populate(struct space *s, uint64_t first, uint64_t end, int prot)
{
	unsigned access = prot & PROT_WRITE ? ACCESS_WRITE : prot & PROT_READ ? ACCESS_READ : 0;
	struct vm_fault_info info;

	for (uint64_t vpn = first; access && vpn < end && !thread_killed(); vpn++)
		if (vm_fault(s, vpn << PAGE_SHIFT, access, &info))
			return;
}

int64_t vm_mmap(struct space *s, uint64_t addr, uint64_t len, int prot, int flags, struct object *object,
		uint64_t offset, int max_prot)
{
	bool shared = (flags & MAP_SHARED_VALIDATE) != MAP_PRIVATE;
	int err = check_mmap(addr, len, flags, object, offset);
	uint64_t n = page_round_up(len) >> PAGE_SHIFT, first;
	struct mapping *m, *drop = NULL;
	struct object *own = NULL;

	if (err)
		return err;
	m = mapping_alloc();
	if (!m)
		return -ENOMEM;
	if (!object && shared) { /* memory of its own that forked children share */
		own = object = object_create(NULL, NULL, n);
		if (!own) {
			mapping_discard(m);
			return -ENOMEM;
		}
		offset = 0;
	} else if (object) {
		object_ref(object);
	}
	rwlock_write(&s->lock);
	first = place(s, addr, n, flags, &err);
	if (!first)
		goto fail;
	err = -ENOMEM;
	if (over_limits(s, n, !shared && prot & PROT_WRITE))
		goto fail;
	if (unmap_range(s, first, first + n, &drop))
		goto fail;
	*m = (struct mapping){
		.start = first,
		.end = first + n,
		.object = object,
		.offset = object ? offset >> PAGE_SHIFT : 0,
		.prot = prot & 7,
		.max_prot = max_prot & 7,
		.shared = shared,
		.growsdown = flags & MAP_GROWSDOWN,
	};
	mapping_insert(s, m);
	if (!own)
		mapping_merge(m, &drop);
	s->peak_pages = MAX(s->peak_pages, s->npages);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	if (flags & (MAP_POPULATE | MAP_LOCKED))
		populate(s, first, first + n, prot);
	return first << PAGE_SHIFT;
fail:
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	if (object)
		object_unref(object);
	mapping_discard(m);
	return err;
}

int vm_map_stack(struct space *s, uint64_t stack_top, uint64_t nbytes)
{
	struct mapping *m = mapping_alloc();

	if (!m)
		return -ENOMEM;
	rwlock_write(&s->lock);
	*m = (struct mapping){
		.start = (stack_top - page_round_up(nbytes)) >> PAGE_SHIFT,
		.end = stack_top >> PAGE_SHIFT,
		.prot = PROT_READ | PROT_WRITE,
		.max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
		.growsdown = true,
		.stack = true,
	};
	mapping_insert(s, m);
	s->stack_top = stack_top;
	rwlock_write_unlock(&s->lock);
	return 0;
}

/* ---- brk ---- */

uint64_t vm_brk(struct space *s, uint64_t addr)
{
	struct mapping *drop = NULL, *m = NULL;
	uint64_t old_end, new_end, result;

	rwlock_write(&s->lock);
	result = s->brk_end;
	if (addr < s->brk_start || addr > USER_TOP)
		goto out;
	old_end = page_round_up(s->brk_end) >> PAGE_SHIFT;
	new_end = page_round_up(addr) >> PAGE_SHIFT;
	if (addr - s->brk_start + s->data_bytes > s->limits.data)
		goto out;
	if (new_end < old_end) {
		if (unmap_range(s, new_end, old_end, &drop))
			goto out;
	} else if (new_end > old_end) {
		m = mapping_alloc();
		if (!m || !is_free(s, old_end, new_end) || over_limits(s, new_end - old_end, true)) {
			mapping_discard(m);
			goto out;
		}
		*m = (struct mapping){
			.start = old_end,
			.end = new_end,
			.prot = PROT_READ | PROT_WRITE,
			.max_prot = PROT_READ | PROT_WRITE | PROT_EXEC,
			.heap = true,
		};
		mapping_insert(s, m);
		mapping_merge(m, &drop);
		s->peak_pages = MAX(s->peak_pages, s->npages);
	}
	result = s->brk_end = addr;
out:
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return result;
}

/* ---- mprotect ---- */

/* 0 when [first, end) is mapped without a hole; -ENOMEM. */
static int check_mapped(struct space *s, uint64_t first, uint64_t end)
{
	for (struct mapping *m = mapping_at_or_after(s, first); first < end; m = mapping_next(m)) {
		if (!m || m->start > first)
			return -ENOMEM;
		first = m->end;
	}
	return 0;
}

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

/* Changes one mapping's part of [first, end); the boundaries are split here. Returns the mapping that now holds it, or NULL: no memory. */
static struct mapping *protect_one(struct space *s, struct mapping *m, uint64_t first, uint64_t end, int prot,
				   struct mapping **drop)
{
	if (m->prot == prot)
		return m;
	if (m->start < first) {
		if (split_at(s, first))
			return NULL;
		m = mapping_find(s, first);
	}
	if (m->end > end && split_at(s, end))
		return NULL;
	if (m->prot & ~prot) /* less permission: PTEs follow now; more comes by faults */
		table_protect_range(s, m->start, m->end, kept_bits(prot));
	m->prot = prot;
	return mapping_merge(m, drop);
}

int vm_mprotect(struct space *s, uint64_t addr, uint64_t len, int prot)
{
	struct mapping *drop = NULL, *m;
	uint64_t first, end;
	int err = page_range(addr, len, &first, &end);

	if (addr & PAGE_MASK || prot & ~7)
		return -EINVAL;
	if (len == 0)
		return 0;
	if (err)
		return -ENOMEM;
	rwlock_write(&s->lock);
	/* as on Linux, what lies before a hole or a refusal is changed */
	for (m = mapping_at_or_after(s, first); first < end; m = mapping_next(m)) {
		if (!m || m->start > first)
			err = -ENOMEM;
		else if (prot & ~m->max_prot)
			err = -EACCES;
		if (err)
			break;
		m = protect_one(s, m, first, end, prot, &drop);
		if (!m) {
			err = -ENOMEM;
			break;
		}
		first = m->end;
	}
	space_shoot(s);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return err;
}

/* ---- msync, madvise, mincore ---- */

/* The object and pages behind the next shared file mapping of [*vpn, end), referenced; *vpn moves behind. NULL: no more; *hole if a part is
 * not mapped. Takes the space for reading. */
static struct object *next_shared(struct space *s, uint64_t *vpn, uint64_t end, uint64_t *first, uint64_t *n,
				  bool *hole)
{
	struct object *o = NULL;

	rwlock_read(&s->lock);
	while (*vpn < end && !o) {
		struct mapping *m = mapping_at_or_after(s, *vpn);
		uint64_t stop;

		if (!m || m->start > *vpn)
			*hole = true;
		if (!m || m->start >= end) {
			*vpn = end;
			break;
		}
		*vpn = MAX(*vpn, m->start);
		stop = MIN(end, m->end);
		if (m->shared && m->object && m->object->ops) {
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

int vm_msync(struct space *s, uint64_t addr, uint64_t len, int flags)
{
	uint64_t vpn, end, first, n;
	struct object *o;
	bool hole = false;
	int err = 0, e;

	if (addr & PAGE_MASK || flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (page_range(addr, len, &vpn, &end))
		return -ENOMEM;
	while ((o = next_shared(s, &vpn, end, &first, &n, &hole))) {
		if (flags & MS_SYNC) {
			e = object_writeback(o, first, n, true);
			if (!e && o->ops->sync)
				e = o->ops->sync(o);
			err = err ? err : e;
		}
		object_unref(o);
	}
	return err ? err : hole ? -ENOMEM : 0;
}

static int advise_pattern(struct space *s, uint64_t first, uint64_t end, int advice)
{
	struct mapping *drop = NULL, *m;
	int err = 0;

	rwlock_write(&s->lock);
	err = check_mapped(s, first, end);
	if (!err && (split_at(s, first) || split_at(s, end)))
		err = -ENOMEM;
	for (m = err ? NULL : mapping_find(s, first); m && m->start < end; m = mapping_next(m)) {
		m->random = advice == MADV_RANDOM;
		m->sequential = advice == MADV_SEQUENTIAL;
		m->ra = (struct readahead){ .random = m->random, .sequential = m->sequential };
		m = mapping_merge(m, &drop);
	}
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	return err;
}

static int advise_dontneed(struct space *s, uint64_t first, uint64_t end)
{
	int err;

	rwlock_write(&s->lock);
	err = check_mapped(s, first, end);
	zap(s, first, end); /* shared pages only lose their PTEs: no slot of the overlay lies there */
	rwlock_write_unlock(&s->lock);
	return err;
}

int vm_madvise(struct space *s, uint64_t addr, uint64_t len, int advice)
{
	uint64_t first, end;

	if (page_range(addr, len, &first, &end))
		return -EINVAL;
	if (first == end)
		return 0;
	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
		return advise_pattern(s, first, end, advice);
	case MADV_WILLNEED: {
		int err;

		rwlock_read(&s->lock);
		err = check_mapped(s, first, end);
		rwlock_read_unlock(&s->lock);
		return err; /* a hint */
	}
	case MADV_DONTNEED:
		return advise_dontneed(s, first, end);
	default:
		return -EINVAL;
	}
}

static bool is_resident(struct space *s, struct mapping *m, uint64_t vpn)
{
	struct family *f = s->overlay.family;
	struct page *p;
	bool shared, in = false, empty = true;
	slot_t *slot;

	if (!m->shared) {
		spin_lock(&f->home.lock);
		slot = overlay_find(&s->overlay, vpn, &shared);
		if (slot && *slot) {
			empty = false;
			in = slot_is_page(*slot);
		}
		spin_unlock(&f->home.lock);
	}
	if (!empty || !m->object)
		return in;
	p = object_find_page(m->object, m->offset + (vpn - m->start));
	if (p)
		page_release(p);
	return p;
}

int vm_mincore(struct space *s, uint64_t addr, uint64_t len, uint8_t *vec)
{
	uint64_t first, end;
	int err;

	if (addr & PAGE_MASK)
		return -EINVAL;
	if (page_range(addr, len, &first, &end))
		return -ENOMEM;
	rwlock_read(&s->lock);
	err = check_mapped(s, first, end);
	for (uint64_t vpn = first; !err && vpn < end; vpn++)
		vec[vpn - first] = is_resident(s, mapping_find(s, vpn), vpn);
	rwlock_read_unlock(&s->lock);
	return err;
}
