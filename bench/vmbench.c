/* SPDX-License-Identifier: ISC */
/*
 * vmbench: memory-system micro-benchmarks over the Linux system-call ABI.
 *
 *   vmbench [-d DIR] [-m RAM_MIB] [-x SELF] [-z SEC] NAME...
 *
 * NAME is a metric of the table at the end, a group (cpu, path, io, swap), `all`,
 * or `mkfiles`, which writes the data files that the metrics read into DIR
 * (run that on the host, in the directory given to mke2fs -d).
 * One line per result:   metric value unit     (or: metric FAIL reason)
 * Lines that start with `#` are remarks.  With -z SEC, `# mark NAME.begin` and
 * `# mark NAME.end` surround a metric, each followed by a pause of SEC seconds
 * in which an observer may sample the disk counters.
 *
 * Integer arithmetic only, one thread, 4 KiB pages.  Every timed loop of the
 * cpu group is preceded by untimed rounds of the same thing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE   4096ul
#define MIB    (1ul << 20)
#define NPG    (8 * MIB / PAGE) /* pages in a fault-metric area */
#define REPS   4		/* timed rounds over such an area */
#define RW     (PROT_READ | PROT_WRITE)
#define NO_ARG __attribute__((unused)) long

typedef uint64_t u64;

static const char *dir = "/bench", *self;
static u64 ram_mib = 128, seed;
static unsigned pause_s;
static char *buf; /* 1 MiB, untouched at the start */

/* ---- small helpers ---------------------------------------------------- */

static u64 now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ul + (u64)t.tv_nsec;
}

/* run BODY WARM times untimed and N times timed; T is the time of the latter */
#define TIMED(t, warm, n, body)                             \
	do {                                                \
		for (u64 i_ = 0; i_ < (warm) + (n); i_++) { \
			if (i_ == (warm))                   \
				t = now();                  \
			body;                               \
		}                                           \
		t = now() - t;                              \
	} while (0)

/* print `total / n` with one decimal */
static void out(const char *name, u64 total, u64 n, const char *unit)
{
	u64 v = (total * 10 + n / 2) / n;
	printf("%s %lu.%lu %s\n", name, (unsigned long)(v / 10), (unsigned long)(v % 10), unit);
}

static void out_rate(const char *name, u64 bytes, u64 ns)
{
	out(name, bytes / 1024 * 1000000 / (ns / 1000 + 1), 1024, "MiB/s");
}

static void fail(const char *name, const char *what)
{
	printf("%s FAIL %s errno=%d\n", name, what, errno);
}
#define CHECK(ok, what)                 \
	do {                            \
		if (!(ok)) {            \
			fail(nm, what); \
			return;         \
		}                       \
	} while (0)

static void verdict(const char *name, u64 bad)
{
	if (bad)
		printf("%s FAIL %lu pages with wrong contents\n", name, (unsigned long)bad);
	else
		printf("# %s: contents verified\n", name);
}

static u64 rnd(void)
{
	seed = seed * 6364136223846793005ul + 1442695040888963407ul;
	return seed >> 33;
}

/* the first word of page `i` in every data file and swap area */
static u64 stamp(u64 i)
{
	return (i + 1) * 0x9e3779b97f4a7c15ul;
}

static void *map(u64 bytes, int prot, int flags, int fd)
{
	void *p = mmap(0, bytes, prot, flags, fd, 0);
	return p == MAP_FAILED ? 0 : p;
}

static void *anon(u64 bytes)
{
	return map(bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static void wtouch(volatile char *p, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		p[i * PAGE] = 1;
}

static void rtouch(volatile char *p, u64 pages)
{
	for (u64 i = 0; i < pages; i++)
		(void)p[i * PAGE];
}

static int openf(const char *name, int flags)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return open(path, flags, 0644);
}

/* ---- cpu group -------------------------------------------------------- */

static void m_null(const char *nm, long n, NO_ARG unused)
{
	u64 t = 0;
	TIMED(t, 1000, (u64)n, syscall(SYS_getppid));
	out(nm, t, n, "ns/call");
}

/* kind: 'w' first-touch write, 'r' first-touch read, 'z' write after read */
static void m_anon(const char *nm, long kind, NO_ARG unused)
{
	u64 t, sum = 0;
	for (int r = 0; r <= REPS; r++) {
		char *p = anon(NPG * PAGE);
		CHECK(p, "mmap");
		if (kind == 'z')
			rtouch(p, NPG);
		t = now();
		(kind == 'r' ? rtouch : wtouch)(p, NPG);
		if (r)
			sum += now() - t;
		munmap(p, NPG * PAGE);
	}
	out(nm, sum, REPS * NPG, "ns/page");
}

/* the parent writes pages that it shares with a live or with a dead child */
static void m_cow(const char *nm, long live, NO_ARG unused)
{
	u64 t, sum = 0;
	char *p = anon(NPG * PAGE), c;
	CHECK(p, "mmap");
	wtouch(p, NPG);
	for (int r = 0; r <= REPS; r++) {
		int fd[2];
		CHECK(!pipe(fd), "pipe");
		pid_t k = fork();
		CHECK(k >= 0, "fork");
		if (!k) {
			close(fd[1]);
			if (live)
				(void)!read(fd[0], &c, 1);
			_exit(0);
		}
		close(fd[0]);
		if (!live)
			waitpid(k, 0, 0);
		t = now();
		wtouch(p, NPG);
		if (r)
			sum += now() - t;
		close(fd[1]);
		if (live)
			waitpid(k, 0, 0);
	}
	munmap(p, NPG * PAGE);
	out(nm, sum, REPS * NPG, "ns/page");
}

/* fork, exit, wait with `mib` MiB of touched memory; with -1, exec as well */
static void m_fork(const char *nm, long mib, long n)
{
	char *av[] = { "vmbench", "--exit", 0 }, *ev[] = { 0 }, *p = 0;
	u64 t = 0, bytes = mib > 0 ? mib * MIB : 0;
	int st, bad = 0;
	if (bytes) {
		p = anon(bytes);
		CHECK(p, "mmap");
		wtouch(p, bytes / PAGE);
	}
	TIMED(t, 2, (u64)n, {
		pid_t k = fork();
		CHECK(k >= 0, "fork");
		if (!k) {
			if (mib < 0)
				execve(self, av, ev);
			_exit(mib < 0 ? 9 : 7);
		}
		waitpid(k, &st, 0);
		bad |= !WIFEXITED(st) || WEXITSTATUS(st) != 7;
	});
	if (p)
		munmap(p, bytes);
	CHECK(!bad, "child status");
	out(nm, t / 100, n * 10, "us/op");
}

/* map cached.bin (8 MiB, in the page cache) and touch each page once */
static void m_filemap(const char *nm, long share, long prot)
{
	u64 t, sum = 0;
	int fd = openf("cached.bin", O_RDONLY);
	CHECK(fd >= 0, "open cached.bin");
	while (read(fd, buf, MIB) > 0)
		;
	for (int r = 0; r <= REPS; r++) {
		char *p = map(NPG * PAGE, prot, share, fd);
		CHECK(p, "mmap");
		t = now();
		(prot & PROT_WRITE ? wtouch : rtouch)(p, NPG);
		if (r)
			sum += now() - t;
		munmap(p, NPG * PAGE);
	}
	close(fd);
	out(nm, sum, REPS * NPG, "ns/page");
}

static void m_mmap(const char *nm, long n, long touch)
{
	u64 t = 0;
	TIMED(t, 100, (u64)n, {
		volatile char *p = anon(PAGE);
		CHECK(p, "mmap");
		if (touch)
			*p = 1;
		munmap((void *)p, PAGE);
	});
	out(nm, t, n, "ns/op");
}

/* pread over cached.bin (8 MiB); with n < 0, pwrite over scratch.bin (1 MiB) */
static void m_fileop(const char *nm, long size, long n)
{
	u64 t = 0, off = 0, span = n < 0 ? MIB : 8 * MIB;
	int wr = n < 0, fd = openf(wr ? "scratch.bin" : "cached.bin", wr ? O_RDWR : O_RDONLY);
	CHECK(fd >= 0, "open");
	n = wr ? -n : n;
	TIMED(t, span / size, (u64)n, {
		ssize_t r = wr ? pwrite(fd, buf, size, off) : pread(fd, buf, size, off);
		CHECK(r == size, "io");
		off = (off + size) % span;
	});
	close(fd);
	if (size == (long)MIB)
		out_rate(nm, (u64)n * size, t);
	else
		out(nm, t, n, "ns/op");
}

/*
 * One op: mprotect(R), load, mprotect(RW), store, on the middle one of three
 * pages.  The others keep PROT_NONE, or with split the RW that it returns to.
 */
static void m_mprot(const char *nm, long n, long split)
{
	u64 t = 0;
	char *base = map(3 * PAGE, split ? RW : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	volatile char *p = base + PAGE;
	CHECK(base, "mmap");
	TIMED(t, 100, (u64)n, {
		CHECK(!mprotect((void *)p, PAGE, PROT_READ), "mprotect r");
		(void)*p;
		CHECK(!mprotect((void *)p, PAGE, RW), "mprotect rw");
		*p = 2;
	});
	out(nm, t, n, "ns/op");
	munmap(base, 3 * PAGE);
}

/* one op: a byte to the child and a byte back (two switches) */
static void m_pipe(const char *nm, long n, NO_ARG unused)
{
	u64 t = 0;
	int a[2], b[2];
	char c = 0;
	CHECK(!pipe(a) && !pipe(b), "pipe");
	pid_t k = fork();
	CHECK(k >= 0, "fork");
	if (!k) {
		close(a[1]);
		close(b[0]);
		while (read(a[0], &c, 1) == 1)
			(void)!write(b[1], &c, 1);
		_exit(0);
	}
	close(a[0]);
	close(b[1]);
	TIMED(t, 100, (u64)n, CHECK(write(a[1], &c, 1) == 1 && read(b[0], &c, 1) == 1, "io"));
	close(a[1]);
	close(b[0]);
	waitpid(k, 0, 0);
	out(nm, t, n, "ns/trip");
}

/* one op: open a file three names down, and close it; with what == 's' only stat it */
static void m_open(const char *nm, long what, long n)
{
	char path[300];
	struct stat st;
	u64 t = 0;
	int fd;
	snprintf(path, sizeof path, "%s/cached.bin", dir);
	TIMED(t, 100, (u64)n, {
		if (what == 's') {
			CHECK(!stat(path, &st), "stat");
		} else {
			CHECK((fd = open(path, O_RDONLY)) >= 0, "open");
			close(fd);
		}
	});
	out(nm, t, n, "ns/op");
}

/* read a directory of `files` names from the beginning; per name */
static void m_dirscan(const char *nm, long files, long n)
{
	char path[300];
	struct dirent *e;
	u64 t = 0, seen = 0;
	DIR *d;
	snprintf(path, sizeof path, "%s/names", dir);
	CHECK(!mkdir(path, 0755) || errno == EEXIST, "mkdir");
	for (long i = 0; i < files; i++) {
		snprintf(path, sizeof path, "%s/names/name-%ld", dir, i);
		int fd = open(path, O_RDWR | O_CREAT, 0644);
		CHECK(fd >= 0, "create");
		close(fd);
	}
	snprintf(path, sizeof path, "%s/names", dir);
	CHECK((d = opendir(path)), "opendir");
	TIMED(t, 1, (u64)n, {
		rewinddir(d);
		for (seen = 0; (e = readdir(d)); seen++)
			;
		CHECK(seen == (u64)files + 2, "count");
	});
	closedir(d);
	out(nm, t, n * seen, "ns/name");
}

/* `n` writes of a pipe's worth to a child that reads them; per 4 KiB */
static void m_pipethru(const char *nm, long chunk, long n)
{
	u64 t = 0;
	int a[2];
	CHECK(!pipe(a), "pipe");
	memset(buf, 1, chunk);
	pid_t k = fork();
	CHECK(k >= 0, "fork");
	if (!k) {
		close(a[1]);
		while (read(a[0], buf, chunk) > 0)
			;
		_exit(0);
	}
	close(a[0]);
	TIMED(t, 16, (u64)n, CHECK(write(a[1], buf, chunk) == chunk, "write"));
	close(a[1]);
	waitpid(k, 0, 0);
	out(nm, t, n * (chunk / PAGE), "ns/4KiB");
}

/* two processes that give way to each other; per switch */
static void m_yield(const char *nm, long n, NO_ARG unused)
{
	u64 t = 0;
	pid_t k = fork();
	CHECK(k >= 0, "fork");
	if (!k)
		for (;;)
			sched_yield();
	TIMED(t, 100, (u64)n, sched_yield());
	kill(k, SIGKILL);
	waitpid(k, 0, 0);
	out(nm, t, n * 2, "ns/switch");
}

static volatile long nsignals;

/* count; after a fault, step over the faulting load */
static void on_signal(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	nsignals++;
	if (sig != SIGSEGV)
		return;
#ifdef __riscv
	unsigned long *pc = (unsigned long *)&((ucontext_t *)uc)->uc_mcontext;
	*pc += (*(uint16_t *)*pc & 3) == 3 ? 4 : 2;
#else
	(void)uc;
	_exit(3);
#endif
}

static void m_signal(const char *nm, long sig, long n)
{
	u64 t = 0;
	struct sigaction sa, old;
	volatile char *p = map(PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	pid_t me = getpid();
	CHECK(p, "mmap");
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = on_signal;
	sa.sa_flags = SA_SIGINFO;
	CHECK(!sigaction(sig, &sa, &old), "sigaction");
	nsignals = 0;
	TIMED(t, 100, (u64)n, if (sig == SIGSEGV)(void) * p; else kill(me, sig));
	sigaction(sig, &old, 0);
	munmap((void *)p, PAGE);
	CHECK(nsignals == n + 100, "handler count");
	out(nm, t, n, "ns/signal");
}

/* ---- io group --------------------------------------------------------- */

static void m_msync16(const char *nm, long pages, long rounds)
{
	u64 bad = 0, bytes = pages * PAGE;
	int fd = openf("shared.bin", O_RDWR);
	CHECK(fd >= 0, "open shared.bin");
	volatile u64 *p = map(bytes, RW, MAP_SHARED, fd);
	CHECK(p, "mmap");
	for (long i = 0; i < pages; i++) /* bring it in */
		bad += p[i * 512] != stamp(i);
	for (long r = 0; r < rounds; r++) {
		u64 t0 = now();
		for (long i = 0; i < pages; i++)
			p[i * 512 + 1] = i + r;
		u64 t1 = now();
		CHECK(!msync((void *)p, bytes, MS_SYNC), "msync");
		u64 t2 = now();
		out("msync16_dirty", t1 - t0, pages, "ns/page");
		out("msync16_sync", (t2 - t1) / 1000, 1000, "ms");
	}
	munmap((void *)p, bytes);
	close(fd);
	verdict(nm, bad);
}

static void m_filewrite(const char *nm, long mib, long chunk)
{
	u64 t0 = now(), t1, t2;
	int fd = openf("new.bin", O_RDWR | O_CREAT | O_TRUNC);
	CHECK(fd >= 0, "create new.bin");
	for (long done = 0; done < mib * (long)MIB; done += chunk)
		CHECK(write(fd, buf, chunk) == chunk, "write");
	t1 = now();
	CHECK(!fsync(fd), "fsync");
	t2 = now();
	close(fd);
	out_rate("filewrite_write", mib * MIB, t1 - t0);
	out_rate("filewrite_withfsync", mib * MIB, t2 - t0);
}

static void m_coldread(const char *nm, long mib, long chunk)
{
	u64 bad = 0, pos = 0, t = now();
	ssize_t r;
	int fd = openf("coldr.bin", O_RDONLY);
	CHECK(fd >= 0, "open coldr.bin");
	for (; (r = read(fd, buf, chunk)) > 0; pos += r)
		for (ssize_t o = 0; o < r; o += PAGE)
			bad += *(u64 *)(buf + o) != stamp((pos + o) / PAGE);
	out_rate(nm, pos, now() - t);
	close(fd);
	verdict(nm, bad + (pos != mib * MIB));
}

static void m_coldmmap(const char *nm, long pages, NO_ARG unused)
{
	u64 bad = 0, t = now();
	int fd = openf("coldm.bin", O_RDONLY);
	CHECK(fd >= 0, "open coldm.bin");
	volatile u64 *p = map(pages * PAGE, PROT_READ, MAP_SHARED, fd);
	CHECK(p, "mmap");
	for (long i = 0; i < pages; i++)
		bad += p[i * 512] != stamp(i);
	out_rate(nm, pages * PAGE, now() - t);
	munmap((void *)p, pages * PAGE);
	close(fd);
	verdict(nm, bad);
}

/* uniform page reads from a mapping of twice the memory */
static void m_randmap(const char *nm, long n, long advise)
{
	u64 bad = 0, pages = 2 * ram_mib * MIB / PAGE;
	int fd = openf("rand.bin", O_RDONLY);
	CHECK(fd >= 0, "open rand.bin");
	volatile u64 *p = map(pages * PAGE, PROT_READ, MAP_SHARED, fd);
	CHECK(p, "mmap");
	if (advise && madvise((void *)p, pages * PAGE, MADV_RANDOM))
		fail(nm, "madvise (ignored)");
	seed = 42 + advise;
	u64 t = now();
	for (long i = 0; i < n; i++) {
		u64 k = rnd() % pages;
		bad += p[k * 512] != stamp(k);
	}
	out(nm, (now() - t) / 100, n * 10, "us/touch");
	munmap((void *)p, pages * PAGE);
	close(fd);
	verdict(nm, bad);
}

/* ---- swap group ------------------------------------------------------- */

static void m_swapseq(const char *nm, NO_ARG u1, NO_ARG u2)
{
	u64 bad = 0, pages = 2 * ram_mib * MIB / PAGE, t0, t1, t2;
	volatile u64 *p = anon(pages * PAGE);
	CHECK(p, "mmap");
	t0 = now();
	for (u64 i = 0; i < pages; i++)
		p[i * 512] = stamp(i);
	t1 = now();
	for (u64 i = 0; i < pages; i++)
		bad += p[i * 512] != stamp(i);
	t2 = now();
	out("swapseq_write", (t1 - t0) / 100, pages * 10, "us/page");
	out("swapseq_reread", (t2 - t1) / 100, pages * 10, "us/page");
	munmap((void *)p, pages * PAGE);
	verdict(nm, bad);
}

/*
 * Approximately Zipf(1): the power-of-two bucket is uniform, and the rank is
 * uniform in its bucket.  A multiplication spreads the ranks over the area.
 */
static u64 zipf(u64 n)
{
	unsigned bits = 0;
	while (n >> bits)
		bits++;
	for (;;) {
		unsigned k = rnd() % bits;
		u64 r = (1ul << k) - 1 + (rnd() & ((1ul << k) - 1));
		if (r < n)
			return r * 7919 % n;
	}
}

/* n random touches, one in four a write, over 1.5 times the memory */
static void m_swaprand(const char *nm, long n, long zipfian)
{
	u64 bad = 0, pages = (ram_mib + ram_mib / 2) * MIB / PAGE, t = 0;
	volatile u64 *p = anon(pages * PAGE);
	CHECK(p, "mmap");
	for (u64 i = 0; i < pages; i++)
		p[i * 512] = stamp(i);
	seed = 42;
	TIMED(t, (u64)n, (u64)n, { /* as many to warm up */
				   u64 k = zipfian ? zipf(pages) : rnd() % pages;
				   bad += p[k * 512] != stamp(k);
				   if ((i_ & 3) == 0)
					   p[k * 512 + 1]++;
	});
	out(nm, t / 100, n * 10, "us/touch");
	munmap((void *)p, pages * PAGE);
	verdict(nm, bad);
}

/* ---- driver ----------------------------------------------------------- */

static const struct metric {
	const char *name, *group;
	void (*run)(const char *, long, long);
	long a, b;
} metrics[] = {
	{ "null", "cpu", m_null, 50000, 0 },
	{ "anonw", "cpu", m_anon, 'w', 0 },
	{ "anonr", "cpu", m_anon, 'r', 0 },
	{ "war", "cpu", m_anon, 'z', 0 },
	{ "cow", "cpu", m_cow, 1, 0 },
	{ "cowlast", "cpu", m_cow, 0, 0 },
	{ "fork0", "cpu", m_fork, 0, 200 },
	{ "fork16", "cpu", m_fork, 16, 20 },
	{ "fork64", "cpu", m_fork, 64, 8 },
	{ "exec", "cpu", m_fork, -1, 100 },
	{ "mapshr", "cpu", m_filemap, MAP_SHARED, PROT_READ },
	{ "mapprivw", "cpu", m_filemap, MAP_PRIVATE, RW },
	{ "mmap", "cpu", m_mmap, 5000, 0 },
	{ "mmaptouch", "cpu", m_mmap, 5000, 1 },
	{ "read4k", "cpu", m_fileop, PAGE, 8192 },
	{ "read1m", "cpu", m_fileop, MIB, 64 },
	{ "write4k", "cpu", m_fileop, PAGE, -4096 },
	{ "mprot", "cpu", m_mprot, 5000, 0 },
	{ "mprotsplit", "cpu", m_mprot, 5000, 1 },
	{ "pipe", "cpu", m_pipe, 4000, 0 },
	{ "segv", "cpu", m_signal, SIGSEGV, 3000 },
	{ "kill", "cpu", m_signal, SIGUSR1, 3000 },
	{ "write1m", "path", m_fileop, MIB, -64 },
	{ "openclose", "path", m_open, 'o', 5000 },
	{ "stat", "path", m_open, 's', 5000 },
	{ "dirscan", "path", m_dirscan, 1000, 20 },
	{ "pipethru", "path", m_pipethru, 65536, 512 },
	{ "yield", "path", m_yield, 5000, 0 },
	{ "coldread", "io", m_coldread, 64, 65536 },
	{ "coldmmap", "io", m_coldmmap, 64 * MIB / PAGE, 0 },
	{ "randmmap", "io", m_randmap, 8192, 0 },
	{ "randmadv", "io", m_randmap, 8192, 1 },
	{ "msync16", "io", m_msync16, 16 * MIB / PAGE, 3 },
	{ "filewrite", "io", m_filewrite, 16, 65536 },
	{ "swapseq", "swap", m_swapseq, 0, 0 },
	{ "swapzipf", "swap", m_swaprand, 200000, 1 },
	{ "swapuni", "swap", m_swaprand, 20000, 0 },
};

static int mkfiles(void)
{
	const struct {
		const char *name;
		u64 mib;
	} f[] = { { "cached.bin", 8 }, { "scratch.bin", 1 }, { "shared.bin", 16 },
		  { "coldr.bin", 64 }, { "coldm.bin", 64 },  { "rand.bin", 2 * ram_mib } };
	u64 page[PAGE / 8];
	for (int n = 0; n < 6; n++) {
		int fd = openf(f[n].name, O_RDWR | O_CREAT | O_TRUNC);
		for (u64 i = 0; i < f[n].mib * MIB / PAGE; i++) {
			for (u64 w = 0; w < PAGE / 8; w++)
				page[w] = w ? i ^ w << 32 : stamp(i);
			if (fd < 0 || write(fd, page, PAGE) != (ssize_t)PAGE) {
				perror(f[n].name);
				return 1;
			}
		}
		close(fd);
	}
	return 0;
}

static void mark(const char *name, const char *edge)
{
	if (pause_s) {
		printf("# mark %s.%s\n", name, edge);
		sleep(pause_s);
	}
}

int main(int argc, char **argv)
{
	int a = 1, hits = 0;
	if (argc == 2 && !strcmp(argv[1], "--exit"))
		_exit(7);
	self = argv[0];
	for (; a + 1 < argc && argv[a][0] == '-'; a += 2) {
		switch (argv[a][1]) {
		case 'd':
			dir = argv[a + 1];
			break;
		case 'm':
			ram_mib = strtoul(argv[a + 1], 0, 10);
			break;
		case 'x':
			self = argv[a + 1];
			break;
		case 'z':
			pause_s = strtoul(argv[a + 1], 0, 10);
			break;
		}
	}
	setvbuf(stdout, 0, _IOLBF, 1024);
	if (a < argc && !strcmp(argv[a], "mkfiles"))
		return mkfiles();
	for (; a < argc; a++) {
		for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
			const struct metric *m = &metrics[i];
			if (strcmp(argv[a], m->name) && strcmp(argv[a], m->group) && strcmp(argv[a], "all"))
				continue;
			hits++;
			buf = anon(MIB);
			mark(m->name, "begin");
			m->run(m->name, m->a, m->b);
			mark(m->name, "end");
			munmap(buf, MIB);
		}
	}
	if (!hits)
		printf("usage: vmbench [-d DIR] [-m RAM_MIB] [-x SELF] [-z SEC] "
		       "cpu|path|io|swap|all|mkfiles|METRIC...\n");
	printf("# vmbench done\n");
	return !hits;
}
