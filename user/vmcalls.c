/* SPDX-License-Identifier: ISC */
/*
 * vmcalls: what the system calls about memory answer to many combinations of arguments, as a table: a row a kind of file or memory and of call,
 * a letter a combination ('.' success, the others below), after calls that change something what is mapped then. tests/oracle.vmcalls is the
 * table that Linux gives (6.18). For the superuser. Left out is what depends on the machine, the file system or the system's settings.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "include/testlib.h"

#define N(a)	    (sizeof(a) / sizeof((a)[0]))
#define TYPE_SHARED 1
#define VALIDATE    3
#define PAGES	    12 /* of the arena in which ranges are tried */

static unsigned long top;    /* where the address space of a program ends */
static char *arena, *beside; /* PAGES each, with free room around */

static const struct {
	int err;
	char letter;
} letters[] = {
	{ EINVAL, 'i' }, { EACCES, 'a' }, { EPERM, 'p' },     { ENODEV, 'n' }, { ENOMEM, 'm' },
	{ EBADF, 'b' },	 { EEXIST, 'e' }, { EOVERFLOW, 'v' }, { EAGAIN, 'g' }, { EOPNOTSUPP, 'o' },
	{ EBUSY, 'y' },	 { EFAULT, 'f' }, { ENOSYS, 's' },    { EIO, 'd' },    { ETXTBSY, 't' },
};

static char letter(long r)
{
	if (r != -1)
		return '.';
	for (unsigned i = 0; i < N(letters); i++)
		if (letters[i].err == errno)
			return letters[i].letter;
	return '?';
}

/* ---- the table ---- */

static char row[4096];
static unsigned row_len;

static void begin_row(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	row_len = (unsigned)vsnprintf(row, sizeof(row), fmt, ap);
	va_end(ap);
	row[row_len++] = ':';
	row[row_len++] = ' ';
}

static void put(char c)
{
	CHECK(row_len < sizeof(row) - 1);
	row[row_len++] = c;
}

static void end_row(void)
{
	row[row_len] = '\0';
	puts(row);
	fflush(stdout); /* for whoever looks for the call that did not come back */
}

/* ---- what is mapped ---- */

struct kind {
	const char *name;
	int fd;
};
static struct kind kinds[40];
static unsigned nkinds;

static int kind_fd(const char *name)
{
	for (unsigned i = 0; i < nkinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].fd;
	test_fail(__FILE__, __LINE__, "no kind %s", name);
}

static void add(const char *name, long fd)
{
	if (fd < 0)
		test_fail(__FILE__, __LINE__, "%s: errno %d", name, errno);
	kinds[nkinds++] = (struct kind){ name, (int)fd };
}

static int sealed(int seals)
{
	int fd = (int)SYS(memfd_create("sealed", MFD_ALLOW_SEALING));

	SYS(ftruncate(fd, 4 * PG));
	SYS(fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

static void make_kinds(void)
{
	int fds[2];

	SYS(close(make_file("regular", 4 * PG, 1)));
	add("file rw", open("regular", O_RDWR));
	add("file ro", open("regular", O_RDONLY));
	add("file wo", open("regular", O_WRONLY));
	add("file path", open("regular", O_PATH));
	add("directory", open(".", O_RDONLY));
	SYS(pipe(fds));
	add("pipe r", fds[0]);
	add("pipe w", fds[1]);
	SYS(mkfifo("fifo", 0600));
	add("fifo rw", open("fifo", O_RDWR));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	add("socket", fds[0]);
	add("null", open("/dev/null", O_RDWR));
	add("zero rw", open("/dev/zero", O_RDWR));
	add("zero ro", open("/dev/zero", O_RDONLY));
	add("zero wo", open("/dev/zero", O_WRONLY));
	add("full", open("/dev/full", O_RDWR));
	add("urandom", open("/dev/urandom", O_RDONLY));
	add("proc file", open("/proc/self/status", O_RDONLY));
	add("eventfd", eventfd(0, 0));
	add("epoll", epoll_create1(0));
	add("memfd", memfd_create("m", 0));
	SYS(ftruncate(kinds[nkinds - 1].fd, 4 * PG));
	add("memfd write", sealed(F_SEAL_WRITE));
	add("memfd future", sealed(F_SEAL_FUTURE_WRITE));
	add("memfd size", sealed(F_SEAL_SHRINK | F_SEAL_GROW));
	SYS(close(make_file("/dev/shm/vmcalls", 4 * PG, 2)));
	add("shm rw", open("/dev/shm/vmcalls", O_RDWR));
	add("shm ro", open("/dev/shm/vmcalls", O_RDONLY));
	SYS(unlink("/dev/shm/vmcalls"));
	SYS(unlink("regular"));
	SYS(unlink("fifo"));
	kinds[nkinds++] = (struct kind){ "closed", 999 };
	kinds[nkinds++] = (struct kind){ "none", -1 };
}

/* ---- mmap ---- */

static long try_mmap(unsigned long addr, unsigned long len, int prot, int flags, int fd, unsigned long at)
{
	long r = syscall(SYS_mmap, addr, len, prot, flags, fd, at);
	int err = errno;

	if (r != -1)
		munmap((void *)r, len);
	errno = err;
	return r;
}

static const struct {
	const char *name;
	int flags;
} types[] = {
	{ "0", 0 },
	{ "shared", MAP_SHARED },
	{ "private", MAP_PRIVATE },
	{ "validate", VALIDATE },
	{ "type 4", 4 },
	{ "private 4", MAP_PRIVATE | 4 },
	{ "shared 8", MAP_SHARED | 8 },
	{ "anon", MAP_ANONYMOUS },
	{ "anon shared", MAP_ANONYMOUS | MAP_SHARED },
	{ "anon private", MAP_ANONYMOUS | MAP_PRIVATE },
	{ "anon validate", MAP_ANONYMOUS | VALIDATE },
	{ "anon type 4", MAP_ANONYMOUS | 4 },
	{ "anon private 8", MAP_ANONYMOUS | MAP_PRIVATE | 8 },
	{ "private grows", MAP_PRIVATE | MAP_GROWSDOWN },
	{ "shared grows", MAP_SHARED | MAP_GROWSDOWN },
	{ "validate grows", VALIDATE | MAP_GROWSDOWN },
	{ "anon private grows", MAP_ANONYMOUS | MAP_PRIVATE | MAP_GROWSDOWN },
	{ "anon shared grows", MAP_ANONYMOUS | MAP_SHARED | MAP_GROWSDOWN },
	{ "validate 200", VALIDATE | 0x200 },
	{ "validate 400", VALIDATE | 0x400 },
	{ "validate 200000", VALIDATE | 0x200000 },
	{ "validate 800000", VALIDATE | 0x800000 },
	{ "validate 2000000", VALIDATE | 0x2000000 },
	{ "validate uninitialized", VALIDATE | 0x4000000 },
	{ "validate 8000000", VALIDATE | 0x8000000 },
	{ "validate 21<<26", VALIDATE | 21 << 26 },
	{ "validate 31<<26", VALIDATE | (int)(31u << 26) },
	{ "validate sign", VALIDATE | (int)0x80000000 },
	{ "validate known", VALIDATE | 0x3e800 | 0x1000 },
	{ "anon validate 200", MAP_ANONYMOUS | VALIDATE | 0x200 },
	{ "private 21<<26", MAP_PRIVATE | 21 << 26 },
	{ "anon private 21<<26", MAP_ANONYMOUS | MAP_PRIVATE | 21 << 26 },
	{ "anon shared 31<<26", MAP_ANONYMOUS | MAP_SHARED | (int)(31u << 26) },
	{ "private unknown", MAP_PRIVATE | 0x2200680 },
	{ "anon private sign", MAP_ANONYMOUS | MAP_PRIVATE | (int)0x80000000 },
	{ "huge", MAP_PRIVATE | MAP_HUGETLB },
	{ "anon huge 21", MAP_ANONYMOUS | MAP_PRIVATE | MAP_HUGETLB | 21 << 26 },
	{ "anon huge 5", MAP_ANONYMOUS | MAP_PRIVATE | MAP_HUGETLB | 5 << 26 },
	{ "private locked", MAP_PRIVATE | MAP_LOCKED },
	{ "private populate", MAP_PRIVATE | MAP_POPULATE },
	{ "shared populate", MAP_SHARED | MAP_POPULATE },
	{ "private denywrite", MAP_PRIVATE | MAP_DENYWRITE | 0x1000 },
};

static const int prots[] = { 0, 1, 2, 3, 4, 5, 7, 8, 0x10, 0x13, 0x1000003, 0x2000001, 0x3000003, -1 };

static void mmap_kinds(void)
{
	for (unsigned k = 0; k < nkinds; k++)
		for (unsigned t = 0; t < N(types); t++) {
			if (types[t].flags & MAP_ANONYMOUS && kinds[k].fd >= 0 &&
			    kinds[k].fd != kind_fd("closed"))
				continue; /* no matter which */
			begin_row("mmap %s, %s", kinds[k].name, types[t].name);
			for (unsigned p = 0; p < N(prots); p++)
				put(letter(try_mmap(0, PG, prots[p], types[t].flags, kinds[k].fd, 0)));
			end_row();
		}
}

/* Lengths and offsets at the limits; those of files on disks depend on the file system. */
static void mmap_limits(void)
{
	const unsigned long lens[] = { 0,	1,	   PG,	      5 * PG,  PG - 1, top - PG, top,
				       top + 1, 1ul << 62, 1ul << 63, -2 * PG, -PG,    -PG + 1,	 -1ul };
	const unsigned long offsets[] = {
		0,	   PG,	    1,	 5 * PG, ~0ul >> 1 & -PG, 1ul << 63, (~0ul >> 1 & -PG) - PG,
		1ul << 62, -2 * PG, -PG, -1ul
	};
	static const int flags[] = { MAP_SHARED,
				     MAP_PRIVATE,
				     VALIDATE,
				     VALIDATE | 0x200,
				     0,
				     4,
				     MAP_PRIVATE | MAP_ANONYMOUS,
				     MAP_SHARED | MAP_ANONYMOUS,
				     MAP_PRIVATE | MAP_GROWSDOWN };

	for (unsigned k = 0; k < nkinds; k++)
		for (unsigned f = 0; f < N(flags); f++) {
			begin_row("mmap %s, flags %x, limits", kinds[k].name, (unsigned)flags[f]);
			for (unsigned o = 0; o < N(offsets); o++) {
				if (strncmp(kinds[k].name, "file", 4) == 0 && offsets[o] > 5 * PG &&
				    offsets[o] < -PG)
					continue;
				for (unsigned l = 0; l < N(lens); l++)
					put(letter(try_mmap(0, lens[l], PROT_READ, flags[f], kinds[k].fd,
							    offsets[o])));
				put(' ');
			}
			end_row();
		}
}

/* Places. MAP_FIXED over what is there goes to the arena. How low one may go, the system's settings say; and an address that is an errno is
 * returned as that. */
static void mmap_places(void)
{
	const unsigned long addrs[] = { (unsigned long)arena,
					(unsigned long)arena + 1,
					(unsigned long)arena + MIB,
					top - PG,
					top,
					top - 2 * PG + 1,
					top + PG,
					1ul << 62,
					1ul << 63,
					-PG };
	const unsigned long lens[] = { 0, PG, 2 * PG, top, -PG, -1ul };
	static const int flags[] = { MAP_PRIVATE,
				     MAP_PRIVATE | MAP_FIXED,
				     MAP_PRIVATE | 0x100000,
				     MAP_PRIVATE | MAP_FIXED | 0x100000,
				     MAP_SHARED | MAP_FIXED,
				     MAP_FIXED,
				     VALIDATE | 0x100000,
				     VALIDATE | 0x200200 };
	static const char *const some[] = { "none",    "closed", "memfd", "zero rw",  "file rw",
					    "file wo", "pipe r", "null",  "directory" };

	for (unsigned k = 0; k < N(some); k++)
		for (unsigned f = 0; f < N(flags); f++) {
			int anon = k == 0 ? MAP_ANONYMOUS : 0;

			begin_row("mmap %s, flags %x, places", some[k], (unsigned)flags[f]);
			for (unsigned a = 0; a < N(addrs); a++) {
				for (unsigned l = 0; l < N(lens); l++) {
					SYS(mmap(arena, 2 * PG, PROT_READ, ANON | MAP_FIXED, -1, 0));
					put(letter(try_mmap(addrs[a], lens[l], PROT_READ, flags[f] | anon,
							    kind_fd(some[k]), 0)));
				}
				put(' ');
			}
			SYS(mmap(arena + MIB, PG, PROT_NONE, ANON | MAP_FIXED, -1,
				 0)); /* the one below which the arena is free */
			end_row();
		}
}

/* ---- ranges: the arena by a letter a page ---- */

/* a: private, rw; n: none; r: read-only; s: shared memory; S: read-only of a file open for reading; f: private file;
 * m: memfd; M: memfd sealed, read; z: private zeros of /dev/zero; g: grows down; l: locked; x: read and execute; -: not mapped */
static void lay_out(const char *layout)
{
	SYS(munmap(arena - PG, (PAGES + 2) * PG));
	for (unsigned i = 0; layout[i]; i++) {
		char *p = arena + i * PG;
		int flags = MAP_PRIVATE | MAP_ANONYMOUS, prot = RW, fd = -1;

		switch (layout[i]) {
		case '-':
			continue;
		case 'n':
			prot = 0;
			break;
		case 'r':
			prot = PROT_READ;
			break;
		case 'x':
			prot = PROT_READ | PROT_EXEC;
			break;
		case 's':
			flags = MAP_SHARED | MAP_ANONYMOUS;
			break;
		case 'S':
			flags = MAP_SHARED;
			prot = PROT_READ;
			fd = kind_fd("file ro");
			break;
		case 'F':
			flags = MAP_SHARED;
			fd = kind_fd("file rw");
			break;
		case 'f':
			flags = MAP_PRIVATE;
			fd = kind_fd("file ro");
			break;
		case 'm':
			flags = MAP_SHARED;
			fd = kind_fd("memfd");
			break;
		case 'p':
			flags = MAP_PRIVATE;
			fd = kind_fd("memfd");
			break;
		case 'q':
			flags = MAP_PRIVATE;
			prot = PROT_READ;
			fd = kind_fd("memfd");
			break;
		case 'M':
			flags = MAP_SHARED;
			prot = PROT_READ;
			fd = kind_fd("memfd future");
			break;
		case 'W':
			flags = MAP_SHARED;
			prot = PROT_READ;
			fd = kind_fd("memfd write");
			break;
		case 'T':
			flags = MAP_SHARED;
			prot = PROT_READ;
			fd = kind_fd("shm ro");
			break;
		case 'z':
			flags = MAP_PRIVATE;
			fd = kind_fd("zero rw");
			break;
		case 'g':
			flags |= MAP_GROWSDOWN;
			break;
		case 'l':
			flags |= MAP_LOCKED;
			break;
		}
		SYS(mmap(p, PG, prot, flags | MAP_FIXED, fd, 0));
	}
}

/* What the arena's pages are now, as groups of equal ones. */
static void put_layout(char *from)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], seen[PAGES + 1];

	CHECK(f != NULL);
	memset(seen, '-', PAGES);
	seen[PAGES] = '\0';
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		char how[5];

		if (sscanf(line, "%lx-%lx %4s", &start, &end, how) != 3)
			continue;
		for (unsigned i = 0; i < PAGES; i++) {
			unsigned long p = (unsigned long)from + i * PG;
			int bits = (how[0] == 'r') | (how[1] == 'w') << 1 | (how[2] == 'x') << 2;

			if (p >= start && p < end)
				seen[i] = (char)('0' + bits);
		}
	}
	fclose(f);
	for (int i = PAGES - 1; i >= 0 && seen[i] == '-'; i--)
		seen[i] = '\0';
	for (char *s = seen; *s; s++)
		put(*s);
}

/* Who is not the superuser and may lock nothing, or two pages. */
static void mmap_locked(void)
{
	static const char *const some[] = { "none",   "closed", "memfd",     "file wo",
					    "pipe r", "null",	"directory", "memfd write" };
	static const int flags[] = { MAP_PRIVATE, MAP_SHARED, VALIDATE | 0x200, 0 };
	int fds[2];
	ssize_t n;
	pid_t pid;

	SYS(pipe(fds));
	fflush(stdout);
	pid = test_fork();
	if (pid == 0) {
		SYS(setgid(65534));
		SYS(setuid(65534));
		SYS(dup2(fds[1], STDOUT_FILENO));
		for (unsigned pages = 2; pages <= 2; pages -= 2) {
			struct rlimit limit = { pages * PG, pages * PG };

			SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
			for (unsigned k = 0; k < N(some); k++) {
				begin_row("mmap %s, locked, limit of %u pages", some[k], pages);
				for (unsigned f = 0; f < N(flags); f++)
					for (unsigned l = 0; l < 4; l++)
						put(letter(try_mmap(0, l * PG, PROT_READ,
								    flags[f] | MAP_LOCKED |
									    (k ? 0 : MAP_ANONYMOUS),
								    kind_fd(some[k]), 0)));
				end_row();
			}
			begin_row("mlock, limit of %u pages", pages);
			lay_out("aaaa");
			for (unsigned l = 0; l < 4; l++) {
				put(letter(syscall(SYS_mlock, arena, l * PG)));
				put(letter(syscall(SYS_mlock2, arena, l * PG, 1)));
				put(letter(syscall(SYS_munlock, arena, l * PG)));
			}
			put(letter(syscall(SYS_mlockall, 1)));
			put(letter(syscall(SYS_mlockall, 2)));
			put(letter(syscall(SYS_munlockall)));
			end_row();
		}
		fflush(stdout);
		_exit(0);
	}
	SYS(close(fds[1]));
	while ((n = SYS(read(fds[0], row, sizeof(row)))) > 0)
		fwrite(row, 1, (size_t)n, stdout);
	SYS(close(fds[0]));
	EXITED(pid, 0);
}

static void mprotect_ranges(void)
{
	static const char *const layouts[] = { "aaa", "a-a", "-a",  "aSa", "Sa",  "saF", "naM", "aWa",
					       "aTz", "agg", "gga", "-gg", "xaf", "mqa", "gag" };
	static const int how[] = { 0,
				   1,
				   2,
				   3,
				   4,
				   7,
				   8,
				   0x10,
				   0x1000000 + 3,
				   0x2000000 + 3,
				   0x3000000 + 3,
				   0x1000000 + 1,
				   0x40000000,
				   (int)0x80000003 };
	const unsigned long lens[] = { 0, 1, PG, 2 * PG, 3 * PG, 5 * PG, top, -PG, -1ul };

	for (unsigned y = 0; y < N(layouts); y++)
		for (unsigned h = 0; h < N(how); h++)
			for (int at = 0; at < 3; at++) {
				begin_row("mprotect %s, %x, at %d", layouts[y], (unsigned)how[h], at);
				for (unsigned l = 0; l < N(lens); l++) {
					if (lens[l] == 1 && y)
						continue;
					/* what lies above the arena is not ours */
					if (lens[l] >= top && strchr(layouts[y], '-') == NULL &&
					    lens[l] != -1ul)
						continue;
					lay_out(layouts[y]);
					put(letter(syscall(SYS_mprotect, arena + at * PG, lens[l], how[h])));
					put_layout(arena);
					put(' ');
				}
				lay_out(layouts[y]);
				put(letter(syscall(SYS_mprotect, arena + at * PG + 1, PG, how[h])));
				put(letter(syscall(SYS_mprotect, top, PG, how[h])));
				put(letter(syscall(SYS_mprotect, -PG, PG, how[h])));
				end_row();
			}
}

static void munmap_ranges(void)
{
	const unsigned long addrs[] = { (unsigned long)arena,
					(unsigned long)arena + PG,
					(unsigned long)arena + 1,
					top - PG,
					top,
					top + PG,
					1ul << 63,
					-PG };
	const unsigned long lens[] = { 0, 1, PG, 2 * PG, PG + 1, 1ul << 63, -PG, -1ul };

	for (unsigned a = 0; a < N(addrs); a++) {
		begin_row("munmap #%u", a);
		for (unsigned l = 0; l < N(lens); l++) {
			lay_out("aaaa");
			put(letter(syscall(SYS_munmap, addrs[a], lens[l])));
			put_layout(arena);
			put(' ');
		}
		end_row();
	}
}

/* ---- mremap ---- */

static void one_mremap(const char *layout, unsigned long from, unsigned long old, unsigned long new,
		       int flags, unsigned long to)
{
	long r;

	lay_out(layout);
	SYS(munmap(beside, PAGES * PG));
	r = syscall(SYS_mremap, from, old, new, flags, to);
	put(letter(r));
	if (r != -1 && (r < (long)arena || r >= (long)(arena + PAGES * PG)) &&
	    (r < (long)beside || r >= (long)(beside + PAGES * PG))) {
		put('>'); /* somewhere else */
		munmap((void *)r, new);
	}
	put_layout(arena);
	put('/');
	put_layout(beside);
	put(' ');
}

static void mremap_ranges(void)
{
	static const char *const layouts[] = { "aa", "a-a", "aar", "ss", "FF", "S",
					       "zz", "gg",  "ll",  "mM", "n",  "-a" };
	static const struct {
		unsigned old, new;
	} lens[] = { { 1, 1 }, { 2, 1 }, { 1, 2 }, { 2, 4 }, { 0, 1 },
		     { 0, 0 }, { 1, 0 }, { 3, 3 }, { 3, 1 }, { 3, 4 } };
	const unsigned long huge[] = { top, 1ul << 62, 1ul << 63, -PG, -1ul };

	for (unsigned y = 0; y < N(layouts); y++)
		for (int flags = 0; flags < 9; flags++) {
			begin_row("mremap %s, %d", layouts[y], flags);
			for (unsigned l = 0; l < N(lens); l++)
				one_mremap(layouts[y], (unsigned long)arena, lens[l].old * PG,
					   lens[l].new *PG, flags, (unsigned long)beside);
			end_row();
			begin_row("mremap %s, %d, limits", layouts[y], flags);
			for (unsigned h = 0; h < N(huge); h++) {
				one_mremap(layouts[y], (unsigned long)arena, PG, huge[h], flags,
					   (unsigned long)beside);
				one_mremap(layouts[y], huge[h], PG, PG, flags, (unsigned long)beside);
				one_mremap(layouts[y], (unsigned long)arena, PG, PG, flags, huge[h]);
				one_mremap(layouts[y], (unsigned long)arena, huge[h], huge[h], flags,
					   (unsigned long)beside);
				one_mremap(layouts[y], (unsigned long)arena, huge[h], PG, flags,
					   (unsigned long)beside);
			}
			one_mremap(layouts[y], (unsigned long)arena + 1, PG, PG, flags,
				   (unsigned long)beside);
			one_mremap(layouts[y], (unsigned long)arena, PG, PG, flags,
				   (unsigned long)beside + 1);
			one_mremap(layouts[y], (unsigned long)arena, 2 * PG, 2 * PG, flags,
				   (unsigned long)arena + PG);
			one_mremap(layouts[y], (unsigned long)arena, PG, 2 * PG, flags, (unsigned long)arena);
			one_mremap(layouts[y], (unsigned long)arena, PG, PG, flags, top - PG);
			end_row();
		}
}

/* ---- madvise ---- */

static void madvise_kinds(void)
{
	static const char *const layouts[] = { "a", "n", "r",	"x",  "s",   "S",   "F",  "f",
					       "m", "p", "q",	"M",  "W",   "T",   "z",  "g",
					       "l", "-", "a-a", "am", "aSa", "asa", "lal" };
	static const int advices[] = { -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
				       16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 99 };

	for (unsigned y = 0; y < N(layouts); y++) {
		unsigned long n = strlen(layouts[y]);

		begin_row("madvise %s", layouts[y]);
		for (unsigned i = 0; i < N(advices); i++) {
			if (advices[i] == 9 && strchr(layouts[y], 'F'))
				continue; /* what the file system can */
			lay_out(layouts[y]);
			put(letter(syscall(SYS_madvise, arena, n * PG, advices[i])));
		}
		end_row();
	}
}

static void madvise_ranges(void)
{
	static const int advices[] = { 0, 1, 3, 4, 8, 9, 10, 16, 18, 20, 21, 22, 23, 24, 5, 99 };

	for (unsigned i = 0; i < N(advices); i++) {
		begin_row("madvise %d", advices[i]);
		lay_out("aaa");
		put(letter(syscall(SYS_madvise, arena + 1, PG, advices[i])));
		put(letter(syscall(SYS_madvise, arena, 0, advices[i])));
		put(letter(syscall(SYS_madvise, arena + 1, 0, advices[i])));
		put(letter(syscall(SYS_madvise, arena, PG - 1, advices[i])));
		put(letter(syscall(SYS_madvise, arena + 3 * PG, PG, advices[i])));
		put(letter(syscall(SYS_madvise, arena + 2 * PG, 2 * PG, advices[i])));
		put(letter(syscall(SYS_madvise, arena - PG, 2 * PG, advices[i])));
		put(letter(syscall(SYS_madvise, arena, -PG, advices[i])));
		put(letter(syscall(SYS_madvise, arena, -1ul, advices[i])));
		if (advices[i] < 4) /* all that is mapped above: advice without consequences */
			put(letter(syscall(SYS_madvise, arena, 1ul << 63, advices[i])));
		put(letter(syscall(SYS_madvise, top, PG, advices[i])));
		put(letter(syscall(SYS_madvise, 1ul << 63, PG, advices[i])));
		put(letter(syscall(SYS_madvise, -PG, PG, advices[i])));
		put(letter(syscall(SYS_madvise, top, 0, advices[i])));
		end_row();
	}
}

/* ---- msync, mincore, mlock ---- */

static void msync_ranges(void)
{
	static const char *const layouts[] = { "aaa", "a-a", "F-F", "Fal", "laF", "mSz", "l-a" };

	for (unsigned y = 0; y < N(layouts); y++) {
		begin_row("msync %s", layouts[y]);
		lay_out(layouts[y]);
		for (int flags = 0; flags < 10; flags++) {
			put(letter(syscall(SYS_msync, arena, PG, flags)));
			put(letter(syscall(SYS_msync, arena, 3 * PG, flags)));
			put(letter(syscall(SYS_msync, arena + PG, PG, flags)));
			put(letter(syscall(SYS_msync, arena + 2 * PG, 2 * PG, flags)));
			put(letter(syscall(SYS_msync, arena + 1, PG, flags)));
			put(letter(syscall(SYS_msync, arena, 0, flags)));
			put(letter(syscall(SYS_msync, arena + 1, 0, flags)));
			put(letter(syscall(SYS_msync, arena, -1ul, flags)));
			put(letter(syscall(SYS_msync, arena, -PG, flags)));
			put(letter(syscall(SYS_msync, arena, 1ul << 63, flags)));
			put(letter(syscall(SYS_msync, top, PG, flags)));
			put(letter(syscall(SYS_msync, -PG, PG, flags)));
			put(' ');
		}
		end_row();
	}
}

static void mincore_ranges(void)
{
	static const char *const layouts[] = { "aaa", "a-a", "-aa", "Fzs", "nnn" };
	unsigned char vec[2 * PG / 1024];
	char *bad = arena - PG;

	for (unsigned y = 0; y < N(layouts); y++) {
		begin_row("mincore %s", layouts[y]);
		lay_out(layouts[y]);
		put(letter(syscall(SYS_mincore, arena, PG, vec)));
		put(letter(syscall(SYS_mincore, arena, 3 * PG, vec)));
		put(letter(syscall(SYS_mincore, arena, 3 * PG - 1, vec)));
		put(letter(syscall(SYS_mincore, arena + 2 * PG, 2 * PG, vec)));
		put(letter(syscall(SYS_mincore, arena, 0, vec)));
		put(letter(syscall(SYS_mincore, arena, 0, bad)));
		put(letter(syscall(SYS_mincore, arena + 1, 0, vec)));
		put(letter(syscall(SYS_mincore, arena, 3 * PG, bad)));
		put(letter(syscall(SYS_mincore, arena + PG, PG, bad)));
		put(letter(syscall(SYS_mincore, arena, PG, -1ul)));
		put(letter(syscall(SYS_mincore, arena, -1ul, vec)));
		put(letter(syscall(SYS_mincore, arena, -PG, vec)));
		put(letter(syscall(SYS_mincore, arena, top, vec)));
		put(letter(syscall(SYS_mincore, top, PG, vec)));
		put(letter(syscall(SYS_mincore, top, 0, vec)));
		put(letter(syscall(SYS_mincore, -PG, PG, vec)));
		put(letter(syscall(SYS_mincore, top - PG, PG, vec)));
		end_row();
	}
}

static void mlock_ranges(void)
{
	static const char *const layouts[] = { "aaa", "a-a", "-aa", "nra", "Fzs", "ana" };

	for (unsigned y = 0; y < N(layouts); y++)
		for (int call = 0; call < 6; call++) {
			static const char *const names[] = { "mlock",	 "mlock2 0",  "mlock2 1",
							     "mlock2 2", "mlock2 -1", "munlock" };

			begin_row("%s %s", names[call], layouts[y]);
#define LOCK(addr, len)                                                                             \
	do {                                                                                        \
		lay_out(layouts[y]);                                                                \
		put(letter(call == 0 ? syscall(SYS_mlock, addr, len) :                              \
			   call == 5 ? syscall(SYS_munlock, addr, len) :                            \
				       syscall(SYS_mlock2, addr, len, call == 4 ? -1 : call - 1))); \
	} while (0)
			LOCK(arena, PG);
			LOCK(arena, 3 * PG);
			LOCK(arena + 1, PG);
			LOCK(arena + 1, 0);
			LOCK(arena, 0);
			LOCK(arena + PG, PG);
			LOCK(arena + 2 * PG, 2 * PG);
			LOCK(arena - PG, 2 * PG);
			LOCK(arena, -1ul);
			LOCK(arena, -PG);
			LOCK(arena + 1, -1ul);
			LOCK(top, PG);
			LOCK(top, 0);
			LOCK(1ul << 63, PG);
			LOCK(-PG, PG);
			LOCK(-PG, 2 * PG);
			end_row();
#undef LOCK
		}
	begin_row("mlockall");
	for (int flags = -1; flags < 10; flags++) {
		pid_t pid = test_fork();
		int status;

		if (pid == 0) {
			long r = syscall(SYS_mlockall, flags & 1 ? (flags | 4) : flags);

			_exit(letter(r));
		}
		SYS(waitpid(pid, &status, 0));
		test_nkids = 0;
		put((char)WEXITSTATUS(status));
	}
	put(letter(syscall(SYS_munlockall)));
	end_row();
}

/* ---- where the space ends ---- */

static unsigned long find_top(void)
{
	unsigned long low = 1ul << 32,
		      high = 1ul << 62; /* the last page that can be mapped lies in [low, high) */

	while (high - low > PG) {
		unsigned long mid = (low + (high - low) / 2) & -PG;
		long r = try_mmap(mid, PG, 0, ANON | 0x100000, -1, 0);

		if (r != -1 || errno == EEXIST)
			low = mid;
		else
			high = mid;
	}
	return low + PG;
}

static void call_table(void)
{
	top = find_top();
	arena = (char *)SYS(mmap(NULL, 16 * MIB, PROT_NONE, ANON, -1, 0));
	SYS(munmap(arena, 16 * MIB));
	arena += 4 * MIB;
	beside = arena + 4 * MIB;
	SYS(mmap(arena + MIB, PG, PROT_NONE, ANON | MAP_FIXED, -1,
		 0)); /* what comes next behind it is nothing special */
	make_kinds();
	mmap_kinds();
	mmap_limits();
	mmap_places();
	mmap_locked();
	munmap_ranges();
	mprotect_ranges();
	mremap_ranges();
	madvise_kinds();
	madvise_ranges();
	msync_ranges();
	mincore_ranges();
	mlock_ranges();
}

static const struct test tests[] = { { "call table", call_table } };

TEST_MAIN("vmcalls", tests)
