/* SPDX-License-Identifier: ISC */
/*
 * callfuzz [-r] [SECONDS [SEED [PROCESSES]]]: system calls with arguments as wrong as possible, from several processes at
 * a time that share a directory, files and mappings. Whatever they do to themselves, others and the kernel go on.
 * They run as nobody, or with -r as root, without the calls that end the machine or take its disks away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PG     4096ul
#define NFDS   12
#define LIFE   700 /* calls of one process, at most; it may end earlier by what it does */
#define NOBODY 65534

/*
 * Arguments: d directory, F descriptor, s path, p memory, n size, f flags, i small number, a page address, o offset,
 * P protection, M flags of mmap, S signal, m mode, g process, v vector of buffers, w its length, z 0
 */
static const struct call {
	int number;
	const char *args;
} calls[] = {
	{ 5, "sspni" },	   { 7, "Fspni" },   { 8, "sspn" },   { 10, "Fspn" },	 { 11, "spn" },
	{ 13, "Fpn" },	   { 14, "ss" },     { 17, "pn" },    { 19, "if" },	 { 20, "f" },
	{ 21, "FiFp" },	   { 22, "Fpiipn" }, { 23, "F" },     { 24, "FFf" },	 { 25, "Fip" },
	{ 25, "Fii" },	   { 29, "Fip" },    { 29, "Ffp" },   { 32, "Fi" },	 { 33, "dsmi" },
	{ 34, "dsm" },	   { 35, "dsf" },    { 36, "sds" },   { 37, "dsdsf" },	 { 43, "sp" },
	{ 44, "Fp" },	   { 45, "so" },     { 46, "Fo" },    { 47, "Fioo" },	 { 48, "dsi" },
	{ 49, "s" },	   { 50, "F" },	     { 52, "Fm" },    { 53, "dsm" },	 { 54, "dsiif" },
	{ 55, "Fii" },	   { 56, "dsfm" },   { 56, "dsfm" },  { 57, "F" },	 { 59, "pf" },
	{ 61, "Fpn" },	   { 62, "Foi" },    { 63, "Fpn" },   { 63, "Fpn" },	 { 64, "Fpn" },
	{ 64, "Fpn" },	   { 65, "Fvw" },    { 66, "Fvw" },   { 67, "Fpno" },	 { 68, "Fpno" },
	{ 69, "Fvwo" },	   { 70, "Fvwo" },   { 71, "FFpn" },  { 72, "npppp" },	 { 73, "pipp" },
	{ 74, "Fpnf" },	   { 78, "dspn" },   { 79, "dspf" },  { 80, "Fp" },	 { 82, "F" },
	{ 83, "F" },	   { 84, "Foof" },   { 85, "if" },    { 86, "Fipp" },	 { 87, "Fp" },
	{ 88, "dspf" },	   { 90, "pp" },     { 91, "pp" },    { 92, "f" },	 { 95, "igpfp" },
	{ 96, "p" },	   { 98, "piippi" }, { 99, "pn" },    { 101, "pp" },	 { 102, "ip" },
	{ 103, "ipp" },	   { 113, "ip" },    { 114, "ip" },   { 115, "iipp" },	 { 116, "ipn" },
	{ 123, "gnp" },	   { 124, "" },	     { 129, "gS" },   { 130, "gS" },	 { 131, "ggS" },
	{ 132, "pp" },	   { 133, "pn" },    { 134, "Spp8" }, { 135, "ipp8" },	 { 136, "p8" },
	{ 137, "ppp8" },   { 138, "gSp" },   { 139, "" },     { 140, "igi" },	 { 141, "ig" },
	{ 148, "ppp" },	   { 150, "ppp" },   { 153, "p" },    { 154, "gg" },	 { 155, "g" },
	{ 156, "g" },	   { 157, "" },	     { 158, "ip" },   { 159, "np" },	 { 160, "p" },
	{ 163, "ip" },	   { 164, "ip" },    { 165, "ip" },   { 166, "m" },	 { 167, "ippp" },
	{ 169, "pp" },	   { 179, "p" },     { 198, "iii" },  { 203, "Fpn" },	 { 205, "Fpp" },
	{ 214, "a" },	   { 214, "p" },     { 215, "an" },   { 216, "annfa" },	 { 216, "annia" },
	{ 220, "fpppp" },  { 220, "ipppp" }, { 221, "spp" },  { 222, "anPMFo" }, { 222, "anPMFo" },
	{ 223, "Fooi" },   { 226, "anP" },   { 226, "anP" },  { 227, "ani" },	 { 228, "an" },
	{ 229, "an" },	   { 230, "i" },     { 231, "" },     { 232, "anp" },	 { 233, "ani" },
	{ 233, "ani" },	   { 240, "ggSp" },  { 259, "aaf" },  { 260, "gpfp" },	 { 261, "gipp" },
	{ 267, "F" },	   { 276, "dsdsf" }, { 278, "pnf" },  { 279, "sf" },	 { 284, "ani" },
	{ 285, "FpFpni" }, { 291, "dsffp" }, { 436, "iif" },  { 439, "dsif" },	 { 441, "Fpippn" },
	{ 452, "dsmf" },   { 40, "sssfp" },  { 39, "sf" },    { 51, "s" },	 { 224, "si" },
	{ 225, "s" },	   { 112, "ip" },    { 170, "pp" },   { 143, "ii" },	 { 144, "i" },
	{ 145, "ii" },	   { 146, "i" },     { 147, "iii" },  { 149, "iii" },
};

/* Not as root: they end the machine, take its disks or its clock away, or reach processes that are not ours. */
static const int only_nobody[] = { 39, 40, 51, 112, 129, 130, 131, 138, 170, 224, 225, 240 };

static uint64_t state;
static char *area; /* pages: good, unmapped, good, read-only, no access, of a file, beyond its end */
static char *shared;
static bool as_root;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t n)
{
	return rnd() % n;
}

static const char *const paths[] = {
	"a",
	"b",
	"c",
	"d",
	"d/a",
	"d/b",
	"d/e",
	"d/e/f",
	".",
	"..",
	"l",
	"l/a",
	"d/../a",
	"",
	"/",
	"none",
	"./a/",
	"d//b",
	"loop",
	"/proc/self/maps",
	"/proc/self/fd/3",
	"/proc/self/fd",
	"/proc/self/exe",
	"/proc/self/cwd/a",
	"/proc/self/stat",
	"/proc/self/environ",
	"/proc/self/oom_score_adj",
	"/proc/1/maps",
	"/proc/meminfo",
	"/proc/self/vmprint",
	"/dev/null",
	"/dev/zero",
	"/dev/full",
	"/dev/tty",
	"/dev/urandom",
	"/dev/vda",
	"/dev/ptmx",
	"/dev/pts/0",
	"/dev/pts",
	"/dev/kmsg",
	"/dev/shm/x",
	"/tmp",
	"/bin/true",
	"/bin/sh",
	"/proc/sys/vm/swappiness",
	"/proc/self/task",
	"prog",
	"user.x",
	"tmpfs",
};

#define RELATIVE 19 /* the first ones, which root cannot harm the system by */

static uint64_t size(void)
{
	static const uint64_t sizes[] = {
		0,	   1,	      7,	 8,	    100,       4095,	    4096,
		4097,	   8192,      65536,	 1ul << 20, 1ul << 26, 1ul << 31,   (1ul << 31) - 1,
		1ul << 32, 1ul << 38, 1ul << 47, 1ul << 63, ~0ul,      ~0ul - 4095, (1ul << 63) - 1
	};

	return below(4) ? below(3 * PG) : sizes[below(sizeof(sizes) / sizeof(sizes[0]))];
}

static uint64_t memory(void)
{
	switch (below(12)) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)area + below(7 * PG);
	case 2:
		return (uint64_t)area + PG - below(64);
	case 3:
		return 1 + below(64);
	case 4:
		return 0xffffffc080200000ul + below(1 << 26);
	case 5:
		return rnd();
	case 6:
		return (uint64_t)shared + below(4 * PG);
	case 7:
		return 0x4000000000ul - below(3) * 8;
	case 8:
		return (uint64_t)&calls + below(PG);
	default:
		return (uint64_t)area + below(2) * 2 * PG + (below(PG - 512) & ~7ul);
	}
}

static uint64_t flags(void)
{
	switch (below(4)) {
	case 0:
		return 0;
	case 1:
		return 1ul << below(32);
	case 2:
		return rnd() & rnd() & 0xffffff;
	default:
		return below(128);
	}
}

static void fill(void)
{
	uint64_t *p = (uint64_t *)(area + below(2) * 2 * PG);

	for (unsigned i = 0; i < PG / 8; i++)
		p[i] = below(3) ? below(300) : below(2) ? memory() : rnd() >> below(64);
}

static uint64_t argument(char kind)
{
	switch (kind) {
	case 'd':
		return below(3) ? (uint64_t)AT_FDCWD : below(NFDS + 4);
	case 'F':
		return below(16) ? below(NFDS + 4) : rnd();
	case 's':
		return below(12) ?
			       (uint64_t)paths[below(as_root ? RELATIVE : sizeof(paths) / sizeof(paths[0]))] :
			       memory();
	case 'n':
		return size();
	case 'f':
		return flags();
	case 'i':
		return below(10) ? below(24) : (uint64_t) - (int64_t)below(3);
	case 'a':
		return below(3) ? ((uint64_t)(below(2) ? area : shared) + below(9) * PG) & ~(PG - 1) :
				  memory();
	case 'o':
		return below(3) ? below(10 * PG) : size();
	case 'P':
		return below(10) ? below(8) : flags();
	case 'M':
		return below(5) ? (1 + below(2)) | (below(2) * 0x20) | (below(3) ? 0 : 0x10) |
					  (below(4) ? 0 : below(256) << 12) :
				  flags();
	case 'S':
		return below(66);
	case 'm':
		return rnd() & (below(8) ? 0777 : 0177777);
	case 'g':
		return below(3) ? (uint64_t)getpid() : below(3) ? 0 : 1ul << below(33);
	case 'v':
		return below(4) ? (uint64_t)area + (below(64) << 4) : memory();
	case 'w':
		return below(8) ? below(8) : size();
	case '8':
		return below(8) ? 8 : size();
	case 'p':
		return memory();
	}
	return rnd();
}

static void one_call(void)
{
	const struct call *c = &calls[below(sizeof(calls) / sizeof(calls[0]))];
	uint64_t a[6] = { 0 };
	unsigned n = 0;

	for (unsigned i = 0; as_root && i < sizeof(only_nobody) / sizeof(only_nobody[0]); i++)
		if (c->number == only_nobody[i])
			return;
	for (; c->args[n]; n++)
		a[n] = argument(c->args[n]);
	for (; n < 6; n++)
		a[n] = below(4) ? 0 : rnd();
	/* A clone with a stack somewhere is a thread or process that jumps into nowhere: as good as any. */
	syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void set_up(void)
{
	int fd;

	area = mmap(0, 7 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(area + 3 * PG, PG, PROT_READ);
	mprotect(area + 4 * PG, PG, PROT_NONE);
	munmap(area + PG, PG);
	fd = open("b", O_RDWR | O_CREAT, 0666);
	if (fd >= 0) {
		ftruncate(fd, PG / 2);
		mmap(area + 5 * PG, 2 * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	}
	open("a", O_RDWR | O_CREAT, 0666);
	open("d", O_RDONLY | O_DIRECTORY);
	open("/dev/zero", O_RDWR);
	open("/proc/self/maps", O_RDONLY);
	pipe((int[2]){ 0 });
	open("/proc/self/fd", O_RDONLY);
	open("c", O_RDWR | O_CREAT | O_APPEND, 0666);
}

static void work(uint64_t seed)
{
	struct rlimit limit = { 64, 64 };
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	close(null);
	state = seed * 0x9e3779b97f4a7c15ul + 0x1234567;
	setrlimit(RLIMIT_NOFILE, &limit);
	limit = (struct rlimit){ 256, 256 };
	setrlimit(RLIMIT_NPROC, &limit);
	limit = (struct rlimit){ 8 << 20, 8 << 20 };
	setrlimit(RLIMIT_FSIZE, &limit);
	if (!as_root && (setgid(NOBODY) || setuid(NOBODY)))
		_exit(1);
	set_up();
	for (int i = 0; i < LIFE; i++) {
		if (i % 8 == 0)
			fill();
		one_call();
	}
	_exit(0);
}

static void directory(void)
{
	mkdir("fuzz", 0777);
	if (chdir("fuzz")) {
		perror("fuzz");
		exit(1);
	}
	chmod(".", 0777);
	mkdir("d", 0777);
	chmod("d", 0777);
	symlink("d", "l");
	symlink("loop", "loop");
}

int main(int argc, char **argv)
{
	struct timespec tick = { 0, 5000000 };
	uint64_t seed, nprocs, begun = 0;
	time_t end;

	if (argc > 1 && strcmp(argv[1], "-r") == 0) {
		as_root = true;
		argc--;
		argv++;
	}
	end = time(0) + (argc > 1 ? atoi(argv[1]) : 10);
	seed = argc > 2 ? strtoul(argv[2], 0, 0) : 1;
	nprocs = argc > 3 ? strtoul(argv[3], 0, 0) : 4;
	directory();
	shared = mmap(0, 4 * PG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	signal(SIGHUP, SIG_IGN);
	while (time(0) < end) {
		pid_t pids[16];

		for (uint64_t i = 0; i < nprocs && i < 16; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				setpgid(0, 0);
				work(seed + begun);
			}
			begun++;
		}
		for (uint64_t i = 0; i < nprocs && i < 16; i++) {
			for (int turn = 0; turn < 60; turn++) {
				if (waitpid(pids[i], 0, WNOHANG) == pids[i])
					break;
				nanosleep(&tick, 0);
				if (turn == 59) {
					kill(pids[i], SIGKILL);
					waitpid(pids[i], 0, 0);
				}
			}
			kill(-pids[i], SIGKILL);
		}
	}
	printf("callfuzz: %lu processes from seed %lu\n", (unsigned long)begun, (unsigned long)seed);
	return 0;
}
