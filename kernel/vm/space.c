/* SPDX-License-Identifier: ISC */
/*
 * Address spaces: their life, fork, the harts in them, and access from outside. What programs do to their mappings is in calls/.
 *
 * A space lives while referenced by its threads (and /proc). The last reference tears it down: page tables first, then the overlay and the
 * mappings. By then no hart is in it: threads leave it (thread_set_space) before they let it go.
 */
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/thread.h"
#include "vm/frames/kmem.h"
#include "vm/view.h"

struct list space_list = LIST_INIT(space_list);
static struct kmem_cache space_cache;
static struct waitq unpinned = WAITQ_INIT(unpinned);

void space_init(void)
{
	kmem_cache_init(&space_cache, "space", sizeof(struct space), true);
	overlay_cache_init();
	mapping_init();
}

static struct space *space_alloc(void)
{
	struct space *s = kmem_cache_alloc(&space_cache);

	if (!s)
		return NULL;
	memset(&s->lock, 0, sizeof(*s) - offsetof(struct space, lock));
	store_relaxed(&s->clean, load_relaxed(&s->stale));
	rwlock_init(&s->lock, "space", RANK_SPACE);
	spin_init(&s->table_lock, "table", RANK_TABLE);
	list_init(&s->locked);
	s->refs = 1;
	if (!table_create_root(s)) {
		kmem_cache_free(&space_cache, s);
		return NULL;
	}
	return s;
}

static void space_list_add(struct space *s)
{
	spin_lock(&vm_queue_lock);
	list_append(&space_list, &s->link);
	spin_unlock(&vm_queue_lock);
}

struct space *space_create(void)
{
	struct family *f = family_create();
	struct space *s = f ? space_alloc() : NULL;

	if (!s) {
		if (f)
			family_destroy(f);
		return NULL;
	}
	overlay_init(&s->overlay, f);
	s->limits = (struct vm_limits){
		.stack = 8ul << 20, .as = UINT64_MAX, .data = UINT64_MAX, .memlock = UINT64_MAX
	};
	s->stack_top = s->mmap_top = USER_TOP;
	space_list_add(s);
	return s;
}

void space_ref(struct space *s)
{
	__atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
}

struct space *space_kth(unsigned k)
{
	struct space *s, *found = NULL;

	spin_lock(&vm_queue_lock);
	list_for_each(s, &space_list, link) {
		if (s->dying || k-- > 0)
			continue;
		s->pins++;
		found = s;
		break;
	}
	spin_unlock(&vm_queue_lock);
	return found;
}

void space_unpin(struct space *s)
{
	spin_lock(&vm_queue_lock);
	if (--s->pins == 0)
		waitq_wake_all(&unpinned);
	spin_unlock(&vm_queue_lock);
}

static void space_destroy(struct space *s)
{
	struct mapping *drop = NULL;

	assert(__atomic_load_n(&s->harts, __ATOMIC_ACQUIRE) == 0);
	spin_lock(&vm_queue_lock);
	list_remove(&s->link);
	while (s->pins)
		waitq_sleep(&unpinned, &vm_queue_lock);
	spin_unlock(&vm_queue_lock);
	space_lock_table(s);
	s->dying = true;
	spin_unlock(&s->table_lock);
	space_write(s);
	table_destroy(s);
	overlay_leave(&s->overlay);
	mapping_remove_all(s, &drop);
	rwlock_write_unlock(&s->lock);
	mapping_drop_all(drop);
	kmem_cache_free(&space_cache, s);
}

void space_unref(struct space *s)
{
	if (__atomic_fetch_sub(&s->refs, 1, __ATOMIC_ACQ_REL) == 1)
		space_destroy(s);
}

/* ---- harts ---- */

void space_activate(struct space *s)
{
	struct hart *h = this_hart();
	struct space *old = h->space;

	__atomic_fetch_or(&s->harts, 1ul << h->index,
			  __ATOMIC_SEQ_CST); /* before the first look at its tables */
	mmu_switch(s->root);
	h->space = s;
	if (old && old != s)
		__atomic_fetch_and(&old->harts, ~(1ul << h->index), __ATOMIC_RELEASE);
}

void space_leave(void)
{
	struct hart *h = this_hart();
	struct space *old = h->space;

	if (!old)
		return;
	mmu_switch(0);
	h->space = NULL;
	__atomic_fetch_and(&old->harts, ~(1ul << h->index), __ATOMIC_RELEASE);
}

/* ---- fork ---- */

static void copy_geometry(struct space *to, const struct space *from)
{
	to->brk_start = from->brk_start;
	to->brk_end = from->brk_end;
	to->data_bytes = from->data_bytes;
	to->stack_top = from->stack_top;
	to->mmap_top = from->mmap_top;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	to->limits = from->limits;
	to->peak_pages = from->npages;
}

/* What the child shall not have of its parent, or empty. */
static void wipe(struct space *child)
{
	struct mapping *drop = NULL, *m, *next;

	for (m = mapping_first(child); m; m = next) {
		next = mapping_next(m);
		if (m->flags & (MF_DONTFORK | MF_WIPEONFORK))
			clear_overlay(child, m->start, m->end);
		if (m->flags & MF_DONTFORK)
			mapping_remove(m, &drop);
	}
	mapping_drop_all(drop); /* without references: no lock matters */
}

static void discard_clone(struct space *child)
{
	struct mapping *drop = NULL;

	mapping_remove_all(child, &drop);
	mapping_drop_all(drop);
	overlay_leave(&child->overlay);
	table_destroy(child);
	kmem_cache_free(&space_cache, child);
}

int space_fork(struct space *parent, struct space **out)
{
	struct space *child;
	bool cloned;

	while (!(child = space_alloc()))
		if (page_wait_memory())
			return -ENOMEM;
	space_write(parent);
	copy_geometry(child, parent);
	overlay_init(&child->overlay,
		     parent->overlay.family); /* a truncation may come by way of its mappings */
	if (!mapping_clone_all(child, parent)) {
		rwlock_write_unlock(&parent->lock);
		discard_clone(child);
		return -ENOMEM;
	}
	table_suspend(parent);
	space_shoot(parent); /* before the clone: no store may reach a page that the child shares */
	cloned = overlay_clone(&child->overlay, &parent->overlay);
	if (cloned)
		wipe(child);
	rwlock_write_unlock(&parent->lock);
	if (!cloned) {
		discard_clone(child);
		return -ENOMEM;
	}
	space_list_add(child);
	*out = child;
	return 0;
}

/* ---- the stack ---- */

static int grow_down(struct space *s, struct mapping *m, uint64_t vpn)
{
	struct mapping *prev = mapping_prev(m);
	uint64_t n = m->start - vpn;

	if (!(m->flags & MF_GROWSDOWN) || (m->end - vpn) << PAGE_SHIFT > s->limits.stack ||
	    check_limits(s, n, 0, false, m->flags & MF_LOCKED))
		return -EFAULT;
	/* what may not be touched, and another stack, need no gap */
	if (prev && prev->end + (prev->prot && !(prev->flags & MF_GROWSDOWN) ? GUARD_GAP : 0) > vpn)
		return -EFAULT;
	if (m->flags & MF_ACCOUNT && !commit_take(n))
		return -EFAULT;
	mapping_resize(m, vpn, m->end);
	return 0;
}

int space_grow_stack(struct space *s, uint64_t vpn)
{
	struct mapping *m;
	int err = -EFAULT;

	space_write(s);
	m = mapping_at_or_after(s, vpn);
	if (m && vpn >= m->start)
		err = 0; /* another thread was faster */
	else if (m)
		err = grow_down(s, m, vpn);
	rwlock_write_unlock(&s->lock);
	return err;
}

bool space_locks(struct space *s, uint64_t vpn)
{
	struct mapping *m;
	bool locks = false;

	spin_lock(&s->table_lock);
	list_for_each(m, &s->locked, locked_link)
		locks |= vpn >= m->start && vpn < m->end;
	spin_unlock(&s->table_lock);
	return locks;
}

/* ---- access from outside ---- */

/* Looks at the page of vpn: v->page, held, or v->zero serves the access; neither: a fault must come first. False: it is not allowed. What can
 * only be written, the hardware reads, too; but not for others. */
static bool view_access(struct space *s, uint64_t vpn, bool write, struct page_view *v)
{
	struct mapping *m = mapping_find(s, vpn);

	if (!m || !(m->prot & (write ? PROT_WRITE : PROT_READ | PROT_EXEC)))
		return false;
	view_page(m, vpn, false, v);
	v->zero &= !write && !v->page;
	if (write && v->page && (v->shared || (!m->shared && !v->private) || !page_has(v->page, PG_DIRTY))) {
		page_release(v->page);
		v->page = NULL;
	}
	return true;
}

size_t vm_access(struct space *s, uint64_t va, void *buf, size_t n, bool write)
{
	struct vm_fault_info info;
	size_t done = 0;

	while (done < n) {
		uint64_t at = va + done, offset = at & PAGE_MASK;
		size_t chunk = MIN(n - done, PAGE_SIZE - offset);
		struct page_view v;
		bool allowed;

		if (vm_fault(s, at, write ? ACCESS_WRITE : ACCESS_READ, &info) || thread_killed())
			break;
		rwlock_read(&s->lock);
		allowed = view_access(s, at >> PAGE_SHIFT, write, &v);
		rwlock_read_unlock(&s->lock);
		if (!allowed)
			break;
		if (!v.page && !v.zero)
			continue; /* gone again: fault again */
		if (v.zero)
			memset((char *)buf + done, 0, chunk);
		else if (write)
			contents_copy((char *)page_data(v.page) + offset, (char *)buf + done, chunk);
		else
			contents_copy((char *)buf + done, (char *)page_data(v.page) + offset, chunk);
		if (v.page)
			page_release(v.page);
		done += chunk;
	}
	return done;
}

int vm_shared_object(struct space *s, uint64_t va, struct object **o, uint64_t *offset)
{
	struct mapping *m;
	int err = 0;

	*o = NULL;
	rwlock_read(&s->lock);
	m = mapping_find(s, va >> PAGE_SHIFT);
	if (!m) {
		err = -EFAULT;
	} else if (m->shared) {
		*o = m->object;
		object_ref(*o);
		*offset = ((va >> PAGE_SHIFT) - m->start + m->offset) << PAGE_SHIFT | (va & PAGE_MASK);
	}
	rwlock_read_unlock(&s->lock);
	return err;
}

/* ---- /proc ---- */

int vm_each_mapping(struct space *s, int (*fn)(void *arg, struct mapping *m), void *arg)
{
	int r = 0;

	rwlock_read(&s->lock);
	for (struct mapping *m = mapping_first(s); m && !r; m = mapping_next(m))
		r = fn(arg, m);
	rwlock_read_unlock(&s->lock);
	return r;
}

/* ---- vmprint ---- */

static void print_table(const pte_t *t, unsigned level, uint64_t base)
{
	static const char indent[] = ".. .. ..";
	unsigned n = level == MMU_LEVELS - 1 ? MMU_ROOT_USER : MMU_FANOUT;

	for (unsigned i = 0; i < n; i++) {
		uint64_t va = base + ((uint64_t)i << (PAGE_SHIFT + 9 * level));
		pte_t e = t[i];

		if (!e)
			continue;
		kprintf("%.*s%3u: va %010lx pte %016lx pa %09lx %c%c%c%c%c%c%s\n",
			(int)(MMU_LEVELS - level) * 3 - 1, indent, i, va, e, pte_pfn(e) << PAGE_SHIFT,
			e & PTE_R ? 'r' : '-', e & PTE_W ? 'w' : '-', e & PTE_X ? 'x' : '-',
			e & PTE_U ? 'u' : '-', e & PTE_A ? 'a' : '-', e & PTE_D ? 'd' : '-',
			e & PTE_V ? "" : " suspended");
		if (level > 0)
			print_table(phys_to_virt(pte_pfn(e) << PAGE_SHIFT), level - 1, va);
	}
}

static void print_node(const struct node *n, uint64_t base)
{
	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		uint64_t vpn = base + ((uint64_t)i << (n->level * NODE_BITS));
		slot_t s = n->slot[i];

		if (!s)
			continue;
		if (n->level > 0)
			print_node((struct node *)s, vpn);
		else if (slot_is_swap(s))
			kprintf("  %010lx swap %u\n", vpn << PAGE_SHIFT, slot_swap(s));
		else
			kprintf("  %010lx pa %09lx sharers %u%s%s%s\n", vpn << PAGE_SHIFT,
				page_phys(slot_page(s)), slot_page(s)->sharers,
				page_has(slot_page(s), PG_DIRTY) ? " dirty" : "",
				slot_page(s)->swap ? " copy in swap" : "",
				n->refs > 1 ? " in a shared node" : "");
	}
}

void vm_print(struct space *s)
{
	struct family *f = s->overlay.family;

	rwlock_read(&s->lock);
	kprintf("page table %09lx, %lu tables, %lu entries\n", s->root << PAGE_SHIFT, s->ntables,
		s->nresident);
	space_lock_table(s);
	print_table(phys_to_virt(s->root << PAGE_SHIFT), MMU_LEVELS - 1, 0);
	spin_unlock(&s->table_lock);
	kprintf("overlay, %lu slots in use\n", s->overlay.nslots);
	home_lock(&f->home);
	for (unsigned i = 0; i < OVERLAY_TOP; i++)
		if (s->overlay.top[i])
			print_node((struct node *)s->overlay.top[i],
				   (uint64_t)i << (OVERLAY_LEVELS * NODE_BITS));
	spin_unlock(&f->home.lock);
	rwlock_read_unlock(&s->lock);
}
