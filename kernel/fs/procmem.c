/* SPDX-License-Identifier: ISC */
/*
 * What /proc/PID tells of memory: maps, smaps, statm, pagemap, clear_refs, as proc(5) has them. The space is held for reading while its
 * mappings are walked; pages are looked at one by one, so a sum is one over moments.
 */
#include "fs/internal.h"
#include "fs/procfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "vm/view.h"

/* ---- maps and smaps ---- */

struct maps_arg {
	struct text *t;
	char *path;
	bool sums; /* smaps */
};

/* The name of what is mapped; "": none. */
static const char *describe(struct maps_arg *a, struct mapping *m, uint64_t *dev, uint64_t *ino)
{
	struct object *o = m->object;

	if (o && o->ops && o->ops->describe) {
		o->ops->describe(o, a->path, PAGE_SIZE, dev, ino);
		return a->path;
	}
	if (m->start << PAGE_SHIFT == SIGTRAMP)
		return "[sigpage]";
	if (o && o->anon && o->anon->describe && o->anon->describe(o, a->path, PAGE_SIZE, dev, ino))
		return a->path;
	if (m->flags & MF_ZERO)
		return "/dev/zero";
	if (o) /* shared memory without a name is called so by Linux */
		return "/dev/zero (deleted)";
	return m->flags & MF_HEAP ? "[heap]" : m->flags & MF_STACK ? "[stack]" : "";
}

static void put_range(struct maps_arg *a, struct mapping *m)
{
	uint64_t dev = 0, ino = 0;
	size_t at = a->t->len;
	const char *path = describe(a, m, &dev, &ino);

	text_printf(a->t, "%08lx-%08lx %c%c%c%c %08lx %02lx:%02lx %lu ", m->start << PAGE_SHIFT,
		    m->end << PAGE_SHIFT, m->prot & PROT_READ ? 'r' : '-', m->prot & PROT_WRITE ? 'w' : '-',
		    m->prot & PROT_EXEC ? 'x' : '-', m->shared ? 's' : 'p',
		    m->object || m->flags & MF_ZERO ? m->offset << PAGE_SHIFT : 0, dev >> 8 & 0xfff,
		    (dev & 0xff) | (dev >> 12 & 0xfff00), ino);
	if (*path) {
		size_t used = a->t->len - at;

		text_printf(a->t, "%*s", used < 73 ? (int)(73 - used) : 0, "");
		text_escaped(a->t, path, "\n");
	}
	text_printf(a->t, "\n");
}

struct sums { /* bytes */
	uint64_t rss, pss, pss_dirty, clean[2], dirty[2] /* by shared */, referenced, anonymous, lazy, swap,
		swap_pss;
};

static void add_page(struct sums *s, const struct page_view *v)
{
	uint64_t part = PAGE_SIZE / MAX(v->users, 1u);
	bool dirty = v->page && page_has(v->page, PG_DIRTY);

	if (!v->page) {
		s->swap += v->swap ? PAGE_SIZE : 0;
		s->swap_pss += v->swap ? part : 0;
	}
	if (!view_resident(v) || v->zero)
		return;
	s->rss += PAGE_SIZE;
	s->pss += part;
	s->pss_dirty += dirty ? part : 0;
	*(dirty ? &s->dirty[v->shared] : &s->clean[v->shared]) += PAGE_SIZE;
	s->referenced += v->accessed ? PAGE_SIZE : 0;
	s->anonymous += v->private ? PAGE_SIZE : 0;
	s->lazy += page_has(v->page, PG_LAZYFREE) ? PAGE_SIZE : 0;
}

static void put_flags(struct text *t, const struct mapping *m)
{
	static const struct {
		unsigned flag;
		char name[4];
	} names[] = { { MF_GROWSDOWN, " gd" }, { MF_LOCKED, " lo" },	{ MF_DONTFORK, " dc" },
		      { MF_ACCOUNT, " ac" },   { MF_NORESERVE, " nr" }, { MF_WIPEONFORK, " wf" } };
	static const char *const prots[] = { " rd", " wr", " ex" }, *const max_prots[] = { " mr", " mw",
											   " me" };

	text_printf(t, "VmFlags:");
	for (unsigned i = 0; i < 3; i++)
		if (m->prot >> i & 1)
			text_printf(t, "%s", prots[i]);
	text_printf(t, "%s", m->shared ? " sh" : "");
	for (unsigned i = 0; i < 3; i++)
		if (m->max_prot >> i & 1)
			text_printf(t, "%s", max_prots[i]);
	text_printf(t, "%s", m->shared ? " ms" : "");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (m->flags & names[i].flag)
			text_printf(t, "%s", names[i].name);
	text_printf(t, "%s%s \n", m->ra.sequential ? " sr" : "", m->ra.random ? " rr" : "");
}

static void put_sums(struct text *t, struct mapping *m)
{
	struct sums s = { 0 };
	struct page_view v;

	for (uint64_t vpn = view_next(m, m->start, m->end); vpn < m->end;
	     vpn = view_next(m, vpn + 1, m->end)) {
		view_page(m, vpn, true, &v);
		add_page(&s, &v);
		if (v.page)
			page_release(v.page);
	}
#define LINE(name, bytes) text_printf(t, "%-15s %8lu kB\n", name ":", (uint64_t)(bytes) / 1024)
	LINE("Size", (m->end - m->start) << PAGE_SHIFT);
	LINE("KernelPageSize", PAGE_SIZE);
	LINE("MMUPageSize", PAGE_SIZE);
	LINE("Rss", s.rss);
	LINE("Pss", s.pss);
	LINE("Pss_Dirty", s.pss_dirty);
	LINE("Shared_Clean", s.clean[1]);
	LINE("Shared_Dirty", s.dirty[1]);
	LINE("Private_Clean", s.clean[0]);
	LINE("Private_Dirty", s.dirty[0]);
	LINE("Referenced", s.referenced);
	LINE("Anonymous", s.anonymous);
	LINE("LazyFree", s.lazy);
	LINE("Swap", s.swap);
	LINE("SwapPss", s.swap_pss);
	LINE("Locked", m->flags & MF_LOCKED ? s.pss : 0);
#undef LINE
	put_flags(t, m);
}

static int put_mapping(void *arg, struct mapping *m)
{
	struct maps_arg *a = arg;

	put_range(a, m);
	if (a->sums)
		put_sums(a->t, m);
	return a->t->failed;
}

static int show_mappings(struct text *t, pid_t pid, bool sums)
{
	struct space *s = space_of(pid);
	struct page *p = page_alloc_kernel();
	struct maps_arg a = { .t = t, .sums = sums };
	int r = p ? 0 : -ENOMEM;

	if (s && p) {
		a.path = page_data(p);
		vm_each_mapping(s, put_mapping, &a);
	}
	if (p)
		page_free(p);
	if (s)
		space_unref(s);
	return r;
}

int show_pid_maps(struct text *t, pid_t pid)
{
	return show_mappings(t, pid, false);
}

int show_pid_smaps(struct text *t, pid_t pid)
{
	return show_mappings(t, pid, true);
}

/* ---- sums ---- */

bool counts_of(pid_t pid, struct space_counts *c)
{
	struct space *s = space_of(pid);

	memset(c, 0, sizeof(*c));
	if (!s)
		return false;
	vm_space_counts(s, c);
	space_unref(s);
	return true;
}

int show_pid_statm(struct text *t, pid_t pid)
{
	struct space_counts c;

	counts_of(pid, &c);
	text_printf(t, "%lu %lu %lu %lu 0 %lu 0\n", c.size, c.resident, c.shared, c.text, c.data + c.stack);
	return 0;
}

/* ---- pagemap ---- */

#define MAP_PRESENT   (1ul << 63)
#define MAP_SWAPPED   (1ul << 62)
#define MAP_FILE      (1ul << 61)
#define MAP_EXCLUSIVE (1ul << 56)

static uint64_t entry_of(struct mapping *m, uint64_t vpn, bool show_frames)
{
	struct page_view v;
	uint64_t e = 0;

	view_page(m, vpn, true, &v);
	if (view_resident(&v)) {
		e = MAP_PRESENT | (show_frames ? page_pfn(v.zero ? zero_page : v.page) : 0);
		e |= v.zero || v.shared ? 0 : MAP_EXCLUSIVE;
	} else if (!v.page && v.swap) { /* bits 0-4: which swap area, above: the slot in it */
		e = MAP_SWAPPED |
		    (show_frames ? v.swap >> 27 | (uint64_t)(v.swap & ((1u << 27) - 1)) << 5 : 0);
	}
	if (e && !v.private && !v.zero)
		e |= MAP_FILE;
	if (v.page)
		page_release(v.page);
	return e;
}

static void fill_entries(struct space *s, uint64_t vpn, uint64_t *entries, unsigned n, bool show_frames)
{
	rwlock_read(&s->lock);
	for (unsigned i = 0; i < n; i++) {
		struct mapping *m = mapping_find(s, vpn + i);

		entries[i] = m ? entry_of(m, vpn + i, show_frames) : 0;
	}
	rwlock_read_unlock(&s->lock);
}

ssize_t read_pid_pagemap(pid_t pid, struct uio *u, uint64_t *offset)
{
	bool show_frames = thread_current()->proc->cred.euid == 0;
	struct space *s;
	struct page *p;
	size_t total = 0, n;
	int err = 0;

	if ((*offset | u->left) % sizeof(uint64_t))
		return -EINVAL;
	s = space_of(pid);
	p = page_alloc_kernel();
	while (s && p && !err && u->left && *offset / sizeof(uint64_t) < USER_PAGES && !thread_killed()) {
		n = MIN(MIN(u->left, PAGE_SIZE) / sizeof(uint64_t), USER_PAGES - *offset / sizeof(uint64_t));
		fill_entries(s, *offset / sizeof(uint64_t), page_data(p), n, show_frames);
		n *= sizeof(uint64_t);
		err = uio_out(u, page_data(p), n);
		if (err)
			break;
		*offset += n;
		total += n;
	}
	if (!p)
		err = -ENOMEM;
	else
		page_free(p);
	if (s)
		space_unref(s);
	return total ? (ssize_t)total : err;
}

/* ---- clear_refs ---- */

static int forget_use(void *arg, struct mapping *m)
{
	int kind = *(int *)arg;

	if (kind == 1 || (kind == 2 && !m->object) || (kind == 3 && m->object))
		view_forget_use(m);
	return 0;
}

/* 1: all pages, 2: those of anonymous mappings, 3: of files'; 5: VmHWM. 4 is about soft-dirty bits, which are not there. */
int store_pid_clear_refs(const char *text, pid_t pid)
{
	int kind = text[0] - '0';
	struct space *s;

	if (kind < 1 || kind > 5 || kind == 4 || text[1])
		return -EINVAL;
	s = space_of(pid);
	if (!s)
		return -ESRCH;
	if (kind == 5)
		view_forget_peak(s);
	else
		vm_each_mapping(s, forget_use, &kind);
	space_unref(s);
	return 0;
}
