/* SPDX-License-Identifier: ISC */
/*
 * fencetest: how many remote fences memory operations send, by /proc/vmstat, while three threads spin on other harts
 * and while none does. Needs four processors and the counters of Quire, else there is nothing to check.
 *
 *	fencetest [EVICT_MIB]	with EVICT_MIB also touches so much, more than there is memory
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "include/testlib.h"

#define SPINNERS 3
#define PAGES	 256ul
#define BURST	 24 /* threads at once: for most of them the kernel has no stack from one that has ended */

static volatile unsigned long turns[SPINNERS];
static volatile int stop;

static long counter(const char *name)
{
	static char text[8192];
	size_t length = strlen(name);
	int fd = SYS(open("/proc/vmstat", O_RDONLY));
	long n = SYS(read(fd, text, sizeof(text) - 1));
	char *at = text;

	SYS(close(fd));
	text[n] = 0;
	while (at && !(strncmp(at, name, length) == 0 && at[length] == ' ')) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return at ? strtol(at + length, NULL, 10) : -1;
}

/* Those of programs' memory and those of the kernel's own. */
static long fences(void)
{
	return counter("fences_sent") + counter("kernel_fences");
}

static void *spin(void *arg)
{
	volatile unsigned long *mine = arg;

	while (!stop)
		++*mine;
	return NULL;
}

/* All of them have run since this was called: they are on harts of their own, as this thread never sleeps meanwhile. */
static void all_spin(void)
{
	for (int i = 0; i < SPINNERS; i++)
		for (unsigned long was = turns[i]; turns[i] == was;)
			;
}

static char *touched(void)
{
	char *p = map_anon(PAGES * PG);

	for (unsigned long i = 0; i < PAGES; i++)
		p[i * PG] = 1;
	return p;
}

static long fences_of_munmap(bool spinning __attribute__((unused)))
{
	char *p = touched();
	long before = fences();

	SYS(munmap(p, PAGES * PG));
	return fences() - before;
}

static long fences_of_mprotect(bool spinning __attribute__((unused)))
{
	char *p = touched();
	long before = fences(), sent;

	SYS(mprotect(p, PAGES * PG, PROT_READ));
	sent = fences() - before;
	SYS(munmap(p, PAGES * PG));
	return sent;
}

static long fences_of_madvise(bool spinning __attribute__((unused)))
{
	char *p = touched();
	long before = fences(), sent;

	SYS(madvise(p, PAGES * PG, MADV_DONTNEED));
	sent = fences() - before;
	SYS(munmap(p, PAGES * PG));
	return sent;
}

/* The call's own: each page that the parent copies afterwards may cost one more where others run. */
static long fences_of_fork(bool spinning)
{
	char *p = touched();
	long before = fences(), copies = counter("cow_copies"), sent;
	pid_t child = SYS(fork());

	if (child == 0)
		_exit(0);
	sent = fences() - before;
	if (spinning)
		sent -= counter("cow_copies") - copies;
	SYS(waitpid(child, NULL, 0));
	SYS(munmap(p, PAGES * PG));
	return sent;
}

static const struct {
	const char *name;
	long (*fences)(bool spinning);
} operations[] = {
	{ "munmap", fences_of_munmap },
	{ "mprotect", fences_of_mprotect },
	{ "madvise", fences_of_madvise },
	{ "fork", fences_of_fork },
};

static void check_all(const char *when, bool spinning)
{
	for (unsigned i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		long most = 0, least = LONG_MAX;

		for (int round = 0; round < 3; round++) {
			long n;

			if (spinning)
				all_spin();
			n = operations[i].fences(spinning);
			most = n > most ? n : most;
			least = n < least ? n : least;
		}
		printf("fencetest: %s, %s: %ld to %ld remote fences\n", operations[i].name, when, least,
		       most);
		if (most > spinning)
			FAIL("%s sent %ld remote fences", operations[i].name, most);
		if (spinning && most == 0 && operations[i].fences != fences_of_fork)
			FAIL("%s sent no remote fence", operations[i].name);
	}
}

static pid_t children[2 * BURST];
static unsigned nchildren;
static int gate[2]; /* all of them, and the threads of a burst, wait for its end */

static void *wait_at_gate(void *arg __attribute__((unused)))
{
	char c;

	SYS(read(gate[0], &c, 1));
	return NULL;
}

static void fork_one(void)
{
	pid_t child = SYS(fork());

	if (child == 0) {
		close(gate[1]);
		wait_at_gate(NULL);
		_exit(0);
	}
	children[nchildren++] = child;
}

/*
 * That a new thread's stack is mapped for the kernel is no reason to send a fence. A fork may send one of the program's, and so may
 * each page copied. Nobody ends meanwhile, as the stacks of those that end are unmapped, and that is told to all harts.
 */
static void burst(const char *when, pthread_t *threads, bool spinning)
{
	long kernel = counter("kernel_fences"), sent = counter("fences_sent"), copies = counter("cow_copies");

	for (int i = 0; i < BURST; i++) {
		if (spinning)
			all_spin();
		if (threads)
			EQ(pthread_create(&threads[i], NULL, wait_at_gate, NULL), 0);
		else
			fork_one();
	}
	copies = counter("cow_copies") - copies;
	sent = counter("fences_sent") - sent;
	kernel = counter("kernel_fences") - kernel;
	printf("fencetest: %d %s, %s: %ld remote fences, %ld of the kernel's own\n", BURST,
	       threads ? "threads" : "forks", when, sent, kernel);
	if (kernel != 0)
		FAIL("%ld remote fences of the kernel's own for new threads", kernel);
	if (sent > (spinning ? BURST + copies : 0))
		FAIL("%ld remote fences for %d new threads and %ld copied pages", sent, BURST, copies);
}

static void end_burst(pthread_t *threads)
{
	close(gate[1]);
	while (nchildren > 0)
		SYS(waitpid(children[--nchildren], NULL, 0));
	for (int i = 0; i < BURST; i++)
		EQ(pthread_join(threads[i], NULL), 0);
	close(gate[0]);
}

static void start_spinning(pthread_t *threads)
{
	stop = 0;
	for (int i = 0; i < SPINNERS; i++)
		EQ(pthread_create(&threads[i], NULL, spin, (void *)&turns[i]), 0);
}

static void end_spinning(pthread_t *threads)
{
	stop = 1;
	for (int i = 0; i < SPINNERS; i++)
		EQ(pthread_join(threads[i], NULL), 0);
}

/* For so many pieces the kernel maps memory of its own, which it unmaps afterwards; the fence for that may wait for others. */
static void read_pieces(void)
{
	enum { PIECES = 300 };
	static char bytes[PIECES];
	struct iovec vec[PIECES];
	int fd = SYS(open("/proc/self/exe", O_RDONLY));

	for (int i = 0; i < PIECES; i++)
		vec[i] = (struct iovec){ &bytes[i], 1 };
	EQ(SYS(readv(fd, vec, PIECES)), PIECES);
	SYS(close(fd));
}

/* Such memory, and not much of it, waits to be used again. The number of the kernel's fences until then. */
static long leave_some_waiting(void)
{
	long before = counter("kernel_fences"), fences;

	while ((fences = counter("kernel_fences")) == before)
		read_pieces();
	read_pieces();
	return fences;
}

/* Where memory is short it waits no longer. */
static void check_none_waits(long kernel_fences)
{
	for (int i = 0; i < 300 && counter("kernel_fences") == kernel_fences; i++)
		usleep(10000);
	if (counter("kernel_fences") == kernel_fences)
		FAIL("what the kernel had unmapped was not used again");
}

static void evict(unsigned long mib)
{
	char *p = map_anon(mib * MIB);
	long fences = counter("fences_sent"), out = counter("pgsteal_anon");
	long kernel = leave_some_waiting();

	for (int round = 0; round < 2; round++)
		for (unsigned long i = 0; i < mib * MIB; i += PG)
			p[i]++;
	out = counter("pgsteal_anon") - out;
	fences = counter("fences_sent") - fences;
	printf("fencetest: %ld pages evicted with %ld remote fences\n", out, fences);
	if (fences > out / 32)
		FAIL("more than one remote fence for 32 pages");
	if (out < 1000)
		FAIL("only %ld pages were evicted", out);
	check_none_waits(kernel);
	SYS(munmap(p, mib * MIB));
}

int main(int argc, char **argv)
{
	pthread_t spinners[SPINNERS], waiters[BURST];

	argc = test_begin("fencetest", argc, argv);
	if (sysconf(_SC_NPROCESSORS_ONLN) < SPINNERS + 1 || counter("fences_sent") < 0) {
		printf("fencetest: nothing to check: needs four harts and Quire's counters\n");
		return 0;
	}
	check_all("alone", false);
	start_spinning(spinners);
	check_all("with three threads", true);
	end_spinning(spinners);
	check_all("alone again", false);
	SYS(pipe(gate));
	burst("alone", NULL, false);
	start_spinning(spinners);
	burst("with three threads", NULL, true);
	burst("with three threads", waiters, true);
	end_spinning(spinners);
	end_burst(waiters);
	if (argc > 1)
		evict(strtoul(argv[1], NULL, 10));
	printf("fencetest: ok\n");
	return 0;
}
