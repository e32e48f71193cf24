/* SPDX-License-Identifier: ISC */
/*
 * committest: promises of memory under overcommit_memory 0, 1 and 2. As root, and it changes the system's setting while it
 * runs: so it is not for a machine that others use.
 */
#define _GNU_SOURCE
#include "include/testlib.h"

static void set(const char *name, int value)
{
	char path[64], text[16];
	int fd, n = snprintf(text, sizeof(text), "%d\n", value);

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	fd = (int)SYS(open(path, O_WRONLY));
	EQ(SYS(write(fd, text, (size_t)n)), n);
	SYS(close(fd));
}

/* A line of /proc/meminfo, in bytes. */
static unsigned long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[128];

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtoul(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return kib << 10;
}

static void *map(unsigned long nbytes, int prot, int flags)
{
	return mmap(NULL, nbytes, prot, flags | MAP_ANONYMOUS, -1, 0);
}

static void guess(void)
{
	unsigned long all = meminfo("MemTotal") + meminfo("SwapTotal");
	char *p;

	set("overcommit_memory", 0);
	ERR(map(all + MIB, RW, MAP_PRIVATE), ENOMEM); /* could never be */
	p = (char *)SYS(map(all / 2, RW, MAP_PRIVATE));
	SYS(munmap((void *)SYS(map(all - MIB, RW, MAP_PRIVATE)), all - MIB)); /* each for itself */
	SYS(munmap(p, all / 2));
	SYS(munmap((void *)SYS(map(2 * all, RW, MAP_PRIVATE | MAP_NORESERVE)), 2 * all));
	SYS(munmap((void *)SYS(map(2 * all, PROT_READ, MAP_PRIVATE)), 2 * all));
	p = (char *)SYS(map(2 * all, PROT_READ, MAP_PRIVATE));
	ERR(mprotect(p, 2 * all, RW), ENOMEM);
	SYS(munmap(p, 2 * all));
	ERR(map(2 * all, RW, MAP_SHARED), ENOMEM);
}

static void always(void)
{
	unsigned long all = meminfo("MemTotal") + meminfo("SwapTotal");

	set("overcommit_memory", 1);
	SYS(munmap((void *)SYS(map(16 * all, RW, MAP_PRIVATE)), 16 * all));
	SYS(munmap((void *)SYS(map(4 * all, RW, MAP_SHARED)), 4 * all));
}

static void never(void)
{
	unsigned long room, before;
	char *p, *q;
	pid_t pid;
	int fd;

	set("overcommit_memory", 2);
	set("overcommit_ratio", 50);
	before = meminfo("Committed_AS");
	room = (meminfo("CommitLimit") - before) & ~(8 * PG - 1);
	ERR(map(room + MIB, RW, MAP_PRIVATE), ENOMEM);
	ERR(map(room + MIB, RW, MAP_PRIVATE | MAP_NORESERVE), ENOMEM);
	p = (char *)SYS(map(room / 2, RW, MAP_PRIVATE));
	EQ(meminfo("Committed_AS") - before, room / 2);
	ERR(map(room / 2 + MIB, RW, MAP_PRIVATE), ENOMEM);
	ERR(map(room / 2 + MIB, RW, MAP_SHARED), ENOMEM);
	q = (char *)SYS(map(room, PROT_READ, MAP_PRIVATE)); /* cannot be written: needs nothing */
	ERR(mprotect(q, room, RW), ENOMEM);
	SYS(mprotect(q, 4 * PG, RW));
	SYS(munmap(q, room));
	ERR(mremap(p, room / 2, room + MIB, MREMAP_MAYMOVE), ENOMEM);
	SYS(munmap(p + PG, PG));
	SYS(munmap(p, room / 2));
	EQ(meminfo("Committed_AS"), before);
	p = (char *)SYS(map(room * 3 / 4, RW, MAP_PRIVATE));
	ERR(fork(), ENOMEM); /* the child would need as much again */
	SYS(munmap(p, room * 3 / 4));
	p = (char *)SYS(map(room / 4, RW, MAP_PRIVATE));
	pid = test_fork();
	if (pid == 0) {
		CHECK(meminfo("Committed_AS") >= before + room / 2 - 2 * PG);
		_exit(0);
	}
	EXITED(pid, 0);
	SYS(munmap(p, room / 4));
	fd = (int)SYS(memfd_create("x", 0)); /* files in memory count by their pages */
	SYS(ftruncate(fd, (off_t)(4 * room)));
	EQ(SYS(pwrite(fd, "x", 1, 0)), 1);
	EQ(SYS(pwrite(fd, "x", 1, (off_t)(2 * room))), 1);
	EQ(meminfo("Committed_AS") - before, 2 * PG);
	SYS(close(fd));
	EQ(meminfo("Committed_AS"), before);
}

static void reset(void)
{
	set("overcommit_memory", 0);
}

static const struct test tests[] = {
	{ "0: what could never be", guess },
	{ "1: always", always },
	{ "2: never more than there is", never },
	{ "back", reset },
};

TEST_MAIN("committest", tests)
