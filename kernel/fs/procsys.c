/* SPDX-License-Identifier: ISC */
/* /proc: what is told of the whole system, in the formats that procps, busybox and glibc read (proc(5)). */
#include "arch/cpu.h"
#include "dev/block.h"
#include "dev/dev.h"
#include "fs/internal.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "lib/cmdline.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "proc/timer.h"
#include "vm/frames/kmap.h"
#include "vm/frames/kmem.h"
#include "vm/vm.h"

#define KIB(pages)  ((uint64_t)(pages) * (PAGE_SIZE / 1024))
#define SECOND_NS   1000000000ul
#define TICKS_PER_S 100
#define OSTYPE	    "Linux" /* the system whose calls these are, as uname(2) says */
#define OSRELEASE   "6.1.0-quire"
#define OSVERSION   "#1 Quire"
#define PID_MAX	    32768
#define NR_OPEN	    1048576

/* ---- memory ---- */

/* Pages of the block devices' own objects: file systems' metadata, what Linux calls buffers. */
static uint64_t buffer_pages(void)
{
	uint64_t n = 0;

	for (struct block_device *d = block_next(NULL); d; d = block_next(d))
		n += d->object ? d->object->npages : 0;
	return n;
}

static unsigned count_threads(unsigned *nprocs)
{
	unsigned n = 0;
	struct proc *p;

	*nprocs = 0;
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		n += p->nthreads;
		++*nprocs;
	}
	spin_unlock(&proc_lock);
	return n;
}

/* An estimate as Linux makes it: what is free or can be had without swapping, less what must stay. */
static uint64_t available(const struct vm_counts *c)
{
	uint64_t file = c->file - MIN(c->file, c->dirty), keep = MIN(file / 2, c->low),
		 n = c->free + file - keep;

	return n > c->low ? n - c->low : 0;
}

int show_meminfo(struct text *t, pid_t pid __unused)
{
	uint64_t swap, swap_free, buffers = buffer_pages();
	struct vm_counts c;
	unsigned nprocs, stacks = count_threads(&nprocs) * (KSTACK_SIZE / 1024);

	vm_count(&c);
	vm_swap_totals(&swap, &swap_free);
	buffers = MIN(buffers, c.file);
#define LINE(name, kib) text_printf(t, "%-15s %8lu kB\n", name ":", (uint64_t)(kib))
	LINE("MemTotal", KIB(c.total));
	LINE("MemFree", KIB(c.free));
	LINE("MemAvailable", KIB(available(&c)));
	LINE("Buffers", KIB(buffers));
	LINE("Cached", KIB(c.file - buffers + c.shmem));
	LINE("SwapCached", 0); /* pages and their swap copies are not counted apart */
	LINE("SwapTotal", KIB(swap));
	LINE("SwapFree", KIB(swap_free));
	LINE("Dirty", KIB(c.dirty));
	LINE("Writeback", KIB(c.writing));
	LINE("AnonPages", KIB(c.anon));
	LINE("Shmem", KIB(c.shmem));
	LINE("Slab", KIB(c.kernel) - MIN(KIB(c.kernel), stacks));
	LINE("SUnreclaim", KIB(c.kernel) - MIN(KIB(c.kernel), stacks));
	LINE("KernelStack", stacks);
	LINE("PageTables", KIB(c.tables));
	LINE("CommitLimit", KIB(vm_commit_limit()));
	LINE("Committed_AS", KIB(vm_committed()));
#undef LINE
	return 0;
}

static void put_cache(void *arg, const struct kmem_cache *c)
{
	char name[24];

	ksnprintf(name, sizeof(name), strcmp(c->name, "kmalloc") ? "%s" : "%s-%u", c->name, c->size);
	text_printf(arg, "%-17s %6u %6u %6u %4u %4u : tunables %4u %4u %4u : slabdata %6u %6u %6u\n", name,
		    c->nused, c->nused + c->nfree, c->size, c->per_frame, 1, 0, 0, 0, c->nframes, c->nframes,
		    0);
}

int show_slabinfo(struct text *t, pid_t pid __unused)
{
	text_printf(t, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
		       "<objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
		       "slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	kmem_each(put_cache, t);
	return 0;
}

/* Debug builds: for each rank of spinlocks, how often one was taken, and how often somebody had to wait for it. */
static void put_lock_counts(struct text *t)
{
#ifdef QUIRE_DEBUG
	struct lock_counts c;
	char name[32];

	for (unsigned rank = 0; rank < LOCK_RANKS; rank++) {
		if (!lock_counts(rank, &c))
			continue;
		strlcpy(name, rank ? c.name : "unranked", sizeof(name));
		for (char *s = name; *s; s++)
			if (*s == ' ')
				*s = '_';
		text_printf(t, "lock_%s_taken %lu\nlock_%s_waited %lu\n", name, c.acquired, name, c.waited);
	}
#else
	(void)t;
#endif
}

int show_vmstat(struct text *t, pid_t pid __unused)
{
	struct vm_counts c;

	vm_count(&c);
	text_printf(t, "nr_free_pages %lu\nnr_file_pages %lu\nnr_anon_pages %lu\nnr_shmem %lu\n", c.free,
		    c.file + c.shmem, c.anon, c.shmem);
	text_printf(t,
		    "nr_dirty %lu\nnr_writeback %lu\nnr_page_table_pages %lu\nnr_kernel_pages %lu\nnr_nodes "
		    "%lu\n",
		    c.dirty, c.writing, c.tables, c.kernel, node_count());
	for (unsigned i = 0; i < EV_COUNT; i++)
		text_printf(t, "%s %lu\n", vm_event_names[i],
			    __atomic_load_n(&vm_events[i], __ATOMIC_RELAXED));
	put_lock_counts(t);
	return 0;
}

int show_swaps(struct text *t, pid_t pid __unused)
{
	struct swap_info s;

	text_printf(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	for (unsigned i = 0; vm_swap_info(i, &s); i++)
		text_printf(t, "%-40s%s\t%lu\t%s%lu\t%s%d\n", s.path, "partition", KIB(s.npages),
			    KIB(s.npages) < 10000000 ? "\t" : "", KIB(s.used),
			    KIB(s.used) < 10000000 ? "\t" : "", s.priority);
	return 0;
}

static void audit_line(void *arg, const char *line)
{
	text_printf(arg, "audit: %s\n", line);
}

int show_vm_audit(struct text *t, pid_t pid __unused)
{
	unsigned n = vm_audit(audit_line, t);

	if (n)
		text_printf(t, "%u breach%s\n", n, n > 1 ? "es" : "");
	else
		text_printf(t, "ok\n");
	return 0;
}

int store_vm_audit(const char *s __unused, pid_t pid __unused)
{
#ifdef QUIRE_DEBUG
	if (strcmp(s, "hide"))
		return vm_audit_damage(s);
	kmap_hide();
	return 0;
#else
	return -EINVAL;
#endif
}

/* ---- processors and time ---- */

static uint64_t ns_ticks(uint64_t ns)
{
	return ns / (SECOND_NS / TICKS_PER_S);
}

int show_stat(struct text *t, pid_t pid __unused)
{
	uint64_t user = 0, kernel = 0, idle = 0, interrupts = 0, switches = 0, now = time_ns();
	struct proc *p;
	pid_t last = 0;

	for (unsigned i = 0; i < nharts; i++) {
		user += harts[i].ticks_user;
		kernel += harts[i].ticks_kernel;
		idle += ns_ticks(sched_idle_ns(&harts[i]));
		interrupts += harts[i].ninterrupts;
		switches += harts[i].nswitches;
	}
	text_printf(t, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user, kernel, idle);
	for (unsigned i = 0; i < nharts; i++)
		text_printf(t, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", i, harts[i].ticks_user,
			    harts[i].ticks_kernel, ns_ticks(sched_idle_ns(&harts[i])));
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		last = MAX(last, p->pid);
	spin_unlock(&proc_lock);
	text_printf(t, "intr %lu\nctxt %lu\nbtime %lu\nprocesses %d\nprocs_running %lu\nprocs_blocked 0\n",
		    interrupts, switches, (time_realtime_ns() - now) / SECOND_NS, last,
		    sched_load_runnable());
	return 0;
}

int show_uptime(struct text *t, pid_t pid __unused)
{
	uint64_t now = ns_ticks(time_ns()), idle = 0;

	for (unsigned i = 0; i < nharts; i++)
		idle += ns_ticks(sched_idle_ns(&harts[i]));
	text_printf(t, "%lu.%02lu %lu.%02lu\n", now / 100, now % 100, idle / 100, idle % 100);
	return 0;
}

/*
 * Averages of the number of runnable threads over 1, 5 and 15 minutes, in 1/2048, from a look each five
 * seconds.
 */
#define LOAD_ONE      2048
#define LOAD_EVERY_NS (5 * SECOND_NS)
static const uint32_t load_keep[3] = { 1884, 2014, 2037 }; /* e^(-5/60), e^(-5/300), e^(-5/900) */
static uint64_t load[3];
static struct timer load_timer;

static void load_sample(struct timer *timer)
{
	uint64_t n = sched_load_runnable() * LOAD_ONE;

	for (unsigned i = 0; i < 3; i++)
		load[i] = (load[i] * load_keep[i] + n * (LOAD_ONE - load_keep[i])) / LOAD_ONE;
	timer_set(timer, time_ns() + LOAD_EVERY_NS, load_sample);
}

void loadavg_start(void)
{
	static bool started;

	if (!__atomic_exchange_n(&started, true, __ATOMIC_RELAXED))
		timer_set(&load_timer, time_ns() + LOAD_EVERY_NS, load_sample);
}

void system_loads(uint64_t loads[3])
{
	for (unsigned i = 0; i < 3; i++)
		loads[i] = load[i] * (65536 / LOAD_ONE);
}

int show_loadavg(struct text *t, pid_t pid __unused)
{
	unsigned nprocs, nthreads = count_threads(&nprocs);
	struct proc *p;
	pid_t last = 0;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t x = load[i] + LOAD_ONE / 200;

		text_printf(t, "%lu.%02lu ", x / LOAD_ONE, x % LOAD_ONE * 100 / LOAD_ONE);
	}
	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all)
		last = MAX(last, p->pid);
	spin_unlock(&proc_lock);
	text_printf(t, "%lu/%u %d\n", sched_load_runnable(), nthreads, last);
	return 0;
}

int show_cpuinfo(struct text *t, pid_t pid __unused)
{
	for (unsigned i = 0; i < nharts; i++)
		text_printf(t, "processor\t: %u\nhart\t\t: %lu\nisa\t\t: rv64imafdc\nmmu\t\t: sv39\n\n", i,
			    harts[i].hartid);
	return 0;
}

/* ---- disks ---- */

static unsigned major_of(const struct block_device *d)
{
	return d->devno >> 8 & 0xfff;
}

static unsigned minor_of(const struct block_device *d)
{
	return (d->devno & 0xff) | (d->devno >> 12 & 0xfff00);
}

int show_partitions(struct text *t, pid_t pid __unused)
{
	text_printf(t, "major minor  #blocks  name\n\n");
	for (struct block_device *d = block_next(NULL); d; d = block_next(d))
		text_printf(t, "%4u  %7u %10lu %s\n", major_of(d), minor_of(d), d->nsectors / 2, d->name);
	return 0;
}

/* Times of requests are not kept: those fields are 0. */
int show_diskstats(struct text *t, pid_t pid __unused)
{
	for (struct block_device *d = block_next(NULL); d; d = block_next(d)) {
		const struct block_stats *s = &d->stats;

		text_printf(t, "%4u %7u %s %lu 0 %lu 0 %lu %lu %lu 0 %u 0 0 0 0 0 0 %lu 0\n", major_of(d),
			    minor_of(d), d->name, s->reads, s->read_sectors, s->writes, s->writes_joined,
			    s->write_sectors, s->in_flight, s->flushes);
	}
	return 0;
}

int show_filesystems(struct text *t, pid_t pid __unused)
{
	for (struct fs_type *f = fs_type_next(NULL); f; f = fs_type_next(f))
		text_printf(t, "%s\t%s\n", f->needs_device ? "" : "nodev", f->name);
	return 0;
}

/* ---- mounts: those below the root directory of the process ---- */

struct mounts_arg {
	struct text *t;
	struct name *root;
	char *path;
	bool info; /* mountinfo */
	unsigned id;
};

void text_escaped(struct text *t, const char *s, const char *which)
{
	for (; *s; s++) {
		if (strchr(which, *s))
			text_printf(t, "\\%03o", *s);
		else
			text_bytes(t, s, 1);
	}
}

static int put_mount(void *arg, struct mount *m)
{
	struct mounts_arg *a = arg;
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = { { MOUNT_SYNCHRONOUS, ",sync" }, { MOUNT_NOSUID, ",nosuid" },
		      { MOUNT_NODEV, ",nodev" },      { MOUNT_NOEXEC, ",noexec" },
		      { MOUNT_NOATIME, ",noatime" },  { MOUNT_NODIRATIME, ",nodiratime" } };
	char access[80];

	strlcpy(access, m->read_only ? "ro" : "rw", sizeof(access));
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (m->flags & words[i].flag)
			strlcpy(access + strlen(access), words[i].word, sizeof(access) - strlen(access));
	a->id++;
	if (name_path(m->root_name, a->root, a->path, PAGE_SIZE) < 0)
		return 0;
	if (a->info) {
		text_printf(a->t, "%u %u %lu:%lu / ", a->id, m->covered ? 1 : 0, m->devno >> 8 & 0xfff,
			    (m->devno & 0xff) | (m->devno >> 12 & 0xfff00));
		text_escaped(a->t, a->path, " \t\n\\");
		text_printf(a->t, " %s - %s ", access, m->type->name);
		text_escaped(a->t, m->source, " \t\n\\");
		text_printf(a->t, " %s\n", access);
		return 0;
	}
	text_escaped(a->t, m->source, " \t\n\\");
	text_printf(a->t, " ");
	text_escaped(a->t, a->path, " \t\n\\");
	text_printf(a->t, " %s %s%s%s 0 0\n", m->type->name, access, *m->options ? "," : "", m->options);
	return 0;
}

static int put_mounts(struct text *t, pid_t pid, bool info)
{
	struct mounts_arg a = { .t = t, .info = info };
	struct page *p = page_alloc_kernel();
	int r;

	if (!p)
		return -ENOMEM;
	r = follow_root(pid ? pid : thread_current()->proc->pid, &a.root);
	if (!r) {
		a.path = page_data(p);
		mount_each(put_mount, &a);
		name_unref(a.root);
	}
	page_free(p);
	return r;
}

int show_mounts(struct text *t, pid_t pid)
{
	return put_mounts(t, pid, false);
}

int show_mountinfo(struct text *t, pid_t pid)
{
	return put_mounts(t, pid, true);
}

/* ---- constants and small things ---- */

int show_cmdline(struct text *t, pid_t pid __unused)
{
	text_printf(t, "%.4094s\n", cmdline_text());
	return 0;
}

int show_version(struct text *t, pid_t pid __unused)
{
	text_printf(t, "%s version %s (quire) (gcc " __VERSION__ ") %s\n", OSTYPE, OSRELEASE, OSVERSION);
	return 0;
}

#define CONSTANT(name, ...)                                 \
	int show_##name(struct text *t, pid_t pid __unused) \
	{                                                   \
		text_printf(t, __VA_ARGS__);                \
		return 0;                                   \
	}
CONSTANT(randomize, "%u\n", randomize_va_space)

int show_hostname(struct text *t, pid_t pid __unused)
{
	char name[HOSTNAME_SIZE];

	system_hostname(name);
	text_printf(t, "%s\n", name);
	return 0;
}

CONSTANT(ostype, "%s\n", OSTYPE)
CONSTANT(osrelease, "%s\n", OSRELEASE)
CONSTANT(osversion, "%s\n", OSVERSION)
CONSTANT(pid_max, "%d\n", PID_MAX)
CONSTANT(nr_open, "%d\n", NR_OPEN)
CONSTANT(pipe_max, "%d\n", PIPE_SIZE_MAX)

/* RFC 9562, version 4 */
static void put_uuid(struct text *t, uint8_t *b)
{
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (unsigned i = 0; i < 16; i++)
		text_printf(t, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	text_printf(t, "\n");
}

int show_uuid(struct text *t, pid_t pid __unused)
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	put_uuid(t, b);
	return 0;
}

int show_boot_id(struct text *t, pid_t pid __unused)
{
	static uint8_t id[16];
	static bool made;

	if (!__atomic_exchange_n(&made, true, __ATOMIC_RELAXED))
		random_bytes(id, sizeof(id));
	put_uuid(t, id);
	return 0;
}

/* ---- what can be written ---- */

#define X(name, least, most)                                                 \
	int show_##name(struct text *t, pid_t pid __unused)                  \
	{                                                                    \
		text_printf(t, "%u\n", vm_tunables.name);                    \
		return 0;                                                    \
	}                                                                    \
	int store_##name(const char *s, pid_t pid __unused)                  \
	{                                                                    \
		return store_tunable(&vm_tunables.name, s, (least), (most)); \
	}
static int store_tunable(unsigned *value, const char *s, unsigned least, unsigned most)
{
	const char *end;
	uint64_t n = strtou64(s, &end, 10);

	if (end == s || *end || n < least || n > most)
		return -EINVAL;
	*value = n;
	vm_tunables_changed();
	return 0;
}
VM_TUNABLES(X)
#undef X

int store_randomize(const char *s, pid_t pid __unused)
{
	if (s[0] < '0' || s[0] > '2' || s[1])
		return -EINVAL;
	randomize_va_space = s[0] - '0';
	return 0;
}

int store_drop_caches(const char *s, pid_t pid __unused)
{
	const char *end;
	uint64_t what = strtou64(s, &end, 10);

	if (end == s || *end || what < 1 || what > 4) /* 4, on Linux: no line in its log from now on */
		return -EINVAL;
	if (what & 2)
		while (names_shrink(64) > 0)
			;
	if (what & 1)
		vm_drop_caches();
	thread_shrink_stacks();
	kmap_shrink();
	kmem_shrink();
	return 0;
}

static void sysrq_memory(void)
{
	uint64_t swap, swap_free;
	struct vm_counts c;

	vm_count(&c);
	vm_swap_totals(&swap, &swap_free);
	kprintf("memory in KiB: total %lu, free %lu, file %lu, anonymous %lu, shared %lu, tables %lu, kernel "
		"%lu\n",
		KIB(c.total), KIB(c.free), KIB(c.file), KIB(c.anon), KIB(c.shmem), KIB(c.tables),
		KIB(c.kernel));
	kprintf("dirty %lu, being written %lu; swap %lu, of it free %lu\n", KIB(c.dirty), KIB(c.writing),
		KIB(swap), KIB(swap_free));
}

static void sysrq_threads(void)
{
	static const char *const states[] = { [THREAD_NEW] = "new",
					      [THREAD_RUNNABLE] = "runnable",
					      [THREAD_RUNNING] = "running",
					      [THREAD_SLEEPING] = "sleeping",
					      [THREAD_DEAD] = "dead" };
	struct thread *t;
	struct proc *p;

	spin_lock(&proc_lock);
	list_for_each(p, &proc_list, all) {
		if (p->state == PROC_ZOMBIE)
			kprintf("%5d %5d %-16s zombie\n", p->pid, p->parent ? p->parent->pid : 0, p->name);
		list_for_each(t, &p->threads, proc_link)
			kprintf("%5d %5d %-16s %s\n", p->pid, p->parent ? p->parent->pid : 0, p->name,
				states[t->state]);
	}
	spin_unlock(&proc_lock);
}

int store_sysrq(const char *s, pid_t pid __unused)
{
	switch (*s) {
	case 'b':
		machine_reboot();
	case 'c':
		panic("sysrq: crash asked for");
	case 'm':
		sysrq_memory();
		return 0;
	case 's':
		return fs_sync_all();
	case 't':
		sysrq_threads();
		return 0;
	}
	return -EINVAL;
}
