/* SPDX-License-Identifier: ISC */
/* What the files of /proc are made of: procfs.c has the tree, procsys.c and procpid.c the contents. */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "fs/vnode.h"

struct proc;

/* Text that grows. A failure for want of memory is kept, and ends the read with -ENOMEM. */
struct text {
	char *buf;
	size_t len, cap;
	bool failed;
};
void text_printf(struct text *t, const char *fmt, ...) __printf(2, 3); /* may sleep; no spinlock held */
void text_bytes(struct text *t, const void *bytes, size_t n);
void text_escaped(struct text *t, const char *s, const char *which); /* those characters in octal */
void text_free(struct text *t);

/* A file's contents: 0, or -errno. pid is 0 outside the directories of processes. May sleep. */
typedef int (*proc_show)(struct text *t, pid_t pid);
/* What was written, as a string without its last newline. 0 or -errno. */
typedef int (*proc_store)(const char *s, pid_t pid);

int show_cmdline(struct text *t, pid_t pid), show_cpuinfo(struct text *t, pid_t pid),
	show_diskstats(struct text *t, pid_t pid);
int show_filesystems(struct text *t, pid_t pid), show_loadavg(struct text *t, pid_t pid),
	show_meminfo(struct text *t, pid_t pid);
int show_partitions(struct text *t, pid_t pid), show_slabinfo(struct text *t, pid_t pid),
	show_stat(struct text *t, pid_t pid), show_swaps(struct text *t, pid_t pid);
int show_uptime(struct text *t, pid_t pid), show_version(struct text *t, pid_t pid),
	show_vm_audit(struct text *t, pid_t pid);
int show_vmstat(struct text *t, pid_t pid);
int show_randomize(struct text *t, pid_t pid), store_randomize(const char *s, pid_t pid);
#define X(name, least, most) \
	int show_##name(struct text *t, pid_t pid), store_##name(const char *s, pid_t pid);
VM_TUNABLES(X)
#undef X
int show_hostname(struct text *t, pid_t pid), show_ostype(struct text *t, pid_t pid),
	show_osrelease(struct text *t, pid_t pid);
int show_osversion(struct text *t, pid_t pid), show_pid_max(struct text *t, pid_t pid),
	show_uuid(struct text *t, pid_t pid);
int show_boot_id(struct text *t, pid_t pid), show_pipe_max(struct text *t, pid_t pid),
	show_nr_open(struct text *t, pid_t pid);
int store_drop_caches(const char *s, pid_t pid), store_sysrq(const char *s, pid_t pid);
int store_vm_audit(const char *s,
		   pid_t pid); /* debug builds: what audits shall find damaged; or "hide": kmap.h */
void loadavg_start(void);

int show_pid_cmdline(struct text *t, pid_t pid), show_pid_comm(struct text *t, pid_t pid),
	show_pid_environ(struct text *t, pid_t pid);
int show_pid_limits(struct text *t, pid_t pid), show_pid_maps(struct text *t, pid_t pid),
	show_mounts(struct text *t, pid_t pid);
int show_mountinfo(struct text *t, pid_t pid);
int show_pid_oom_adj(struct text *t, pid_t pid), show_pid_stat(struct text *t, pid_t pid),
	show_pid_statm(struct text *t, pid_t pid);
int show_pid_smaps(struct text *t, pid_t pid), store_pid_clear_refs(const char *s, pid_t pid);
ssize_t read_pid_pagemap(pid_t pid, struct uio *u, uint64_t *offset);
int show_pid_status(struct text *t, pid_t pid), show_pid_vmprint(struct text *t, pid_t pid);
int store_pid_comm(const char *s, pid_t pid), store_pid_oom_adj(const char *s, pid_t pid);
/* Where the links of a process lead: a referenced name. 0, -ESRCH, -ENOENT, -ENOMEM. */
int follow_exe(pid_t pid, struct name **out), follow_cwd(pid_t pid, struct name **out),
	follow_root(pid_t pid, struct name **out);
int follow_fd(pid_t pid, unsigned fd, struct name **out);
/* The first open descriptor >= fd; -1: none, or no such process. */
int next_fd(pid_t pid, unsigned fd);
/* Referenced; NULL: there is none. And its counts, 0 and false without one. */
struct space *space_of(pid_t pid);
bool counts_of(pid_t pid, struct space_counts *c);
/* The smallest process id above pid; 0: none. And whose it is. */
pid_t next_pid(pid_t pid);
bool pid_owner(pid_t pid, uint32_t *uid, uint32_t *gid); /* false: there is no such process */

/* sysinfo(2)'s: the averages of /proc/loadavg in 1/65536. */
void system_loads(uint64_t loads[3]);

#endif
