/* SPDX-License-Identifier: ISC */
/*
 * spacetest: threads change one address space at the same time: mmap, munmap, mprotect, mremap, madvise, mlock and fork, each in
 * an arena of its own whose contents it knows, side by side, so that mappings join and part across their borders. A fork's child
 * sees what its thread knew, and changes it for itself.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "include/testlib.h"

enum { THREADS = 4, PAGES = 48, ROUNDS = 120 };

struct arena {
	pthread_t thread;
	char *at;
	uint64_t random, stamp;
	uint64_t value[PAGES]; /* of each page's first word */
	int prot[PAGES];
};

static struct arena arenas[THREADS];

static volatile uint64_t *word(struct arena *a, unsigned i)
{
	return (volatile uint64_t *)(void *)(a->at + i * PG);
}

static void check(struct arena *a)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (a->prot[i] != PROT_NONE && *word(a, i) != a->value[i])
			FAIL("page %u of arena %ld: expected %lx, seen %lx", i, (long)(a - arenas),
			     (unsigned long)a->value[i], (unsigned long)*word(a, i));
}

static void write_pages(struct arena *a, unsigned first, unsigned n)
{
	for (unsigned i = first; i < first + n; i++)
		if (a->prot[i] == RW)
			*word(a, i) = a->value[i] = ++a->stamp;
}

static void map(struct arena *a, unsigned first, unsigned n)
{
	SYS(mmap(a->at + first * PG, n * PG, RW, ANON | MAP_FIXED, -1, 0));
	for (unsigned i = first; i < first + n; i++) {
		a->value[i] = 0;
		a->prot[i] = RW;
	}
}

static void protect(struct arena *a, unsigned first, unsigned n)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, RW };
	int prot = prots[test_random(&a->random) % 4];

	SYS(mprotect(a->at + first * PG, n * PG, prot));
	for (unsigned i = first; i < first + n; i++)
		a->prot[i] = prot;
}

static void drop(struct arena *a, unsigned first, unsigned n)
{
	SYS(madvise(a->at + first * PG, n * PG, MADV_DONTNEED));
	for (unsigned i = first; i < first + n; i++)
		a->value[i] = 0;
}

/* From one half of the arena to the other. Where it was is mapped anew; where it should go, too, if it could not. */
static void move(struct arena *a, unsigned first, unsigned n)
{
	unsigned from = first % (PAGES / 2), to = from + PAGES / 2;

	n = n > PAGES / 2 - from ? PAGES / 2 - from : n;
	if (mremap(a->at + from * PG, n * PG, n * PG, MREMAP_MAYMOVE | MREMAP_FIXED, a->at + to * PG) !=
	    MAP_FAILED) {
		for (unsigned i = 0; i < n; i++) {
			a->value[to + i] = a->value[from + i];
			a->prot[to + i] = a->prot[from + i];
		}
	} else {
		EQ(errno, EFAULT); /* more than one mapping */
		map(a, to, n);
	}
	map(a, from, n);
}

static void with_child(struct arena *a)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		check(a);
		write_pages(a, 0, PAGES);
		check(a);
		_exit(0);
	}
	EXITED(pid, 0);
}

static void *run(void *arg)
{
	struct arena *a = arg;

	for (int round = 0; round < ROUNDS; round++) {
		unsigned first = (unsigned)(test_random(&a->random) % PAGES),
			 n = 1 + (unsigned)(test_random(&a->random) % (PAGES - first));

		switch (test_random(&a->random) % 12) {
		case 0:
			map(a, first, n);
			break;
		case 1:
		case 2:
			protect(a, first, n);
			break;
		case 3:
			drop(a, first, n);
			break;
		case 4:
		case 5:
			move(a, first, n);
			break;
		case 6:
			SYS(madvise(a->at + first * PG, n * PG, MADV_COLD));
			SYS(madvise(a->at + first * PG, n * PG, MADV_PAGEOUT));
			break;
		case 7:
			if (round % 8 == 0)
				with_child(a);
			break;
		default:
			write_pages(a, first, n);
		}
		check(a);
	}
	return NULL;
}

static void together(void)
{
	char *at = map_anon(THREADS * PAGES * PG);

	for (unsigned i = 0; i < THREADS; i++) {
		arenas[i] = (struct arena){ .at = at + i * PAGES * PG,
					    .random = 77 + i,
					    .stamp = (uint64_t)i << 32 };
		map(&arenas[i], 0, PAGES);
	}
	for (unsigned i = 0; i < THREADS; i++)
		EQ(pthread_create(&arenas[i].thread, NULL, run, &arenas[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		EQ(pthread_join(arenas[i].thread, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		check(&arenas[i]);
	SYS(munmap(at, THREADS * PAGES * PG));
}

/* A thread stores all the time where pages are moved away from: what has arrived in the new place changes no more. */
static volatile int moving;

static void *store_on(void *arg)
{
	volatile uint64_t *w = arg;

	for (uint64_t n = 1; moving; n++)
		for (unsigned i = 0; i < 8; i++)
			w[i * PG / sizeof(*w)] = n;
	return NULL;
}

static void moved_under_stores(void)
{
	char *from = map_anon(8 * PG), *to = map_anon(8 * PG);
	pthread_t thread;

	moving = 1;
	EQ(pthread_create(&thread, NULL, store_on, from), 0);
	for (unsigned round = 0; round < 40; round++) {
		volatile uint64_t *w = (uint64_t *)(void *)to;
		uint64_t seen[8];

		for (unsigned k = 0; !*(volatile uint64_t *)(void *)(from + 7 * PG); k++) {
			CHECK(k < 1000000); /* he has not come to where pages are new */
			sched_yield();
		}
		EQ(SYS(mremap(from, 8 * PG, 8 * PG, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to)),
		   to);
		for (unsigned i = 0; i < 8; i++)
			seen[i] = w[i * PG / sizeof(*w)];
		for (unsigned k = 0; k < 200; k++)
			for (unsigned i = 0; i < 8; i++)
				EQ(w[i * PG / sizeof(*w)], seen[i]);
	}
	moving = 0;
	EQ(pthread_join(thread, NULL), 0);
	SYS(munmap(from, 8 * PG));
	SYS(munmap(to, 8 * PG));
}

static const struct test tests[] = {
	{ "all together", together },
	{ "moved under stores", moved_under_stores },
};

TEST_MAIN("spacetest", tests)
