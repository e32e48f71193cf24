/* SPDX-License-Identifier: ISC */
/* Runs one seed or many: see seeds.h. */
#include "seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool one_ended_well(void)
{
	int status;

	return wait(&status) > 0 && status == 0;
}

/* Until n were run, or it is `until`, or one failed. */
static int run_all(const struct seeds *s, uint64_t first, uint64_t n, uint64_t steps, time_t until)
{
	unsigned under_way = 0;
	bool ok = true;

	for (uint64_t seed = first; seed < first + n && time(NULL) < until && ok; seed++) {
		fflush(stdout);
		if (fork() == 0) {
			s->run(seed, steps, seed % 8);
			exit(0);
		}
		if (++under_way == 2) {
			ok &= one_ended_well();
			under_way--;
		}
	}
	for (; under_way > 0; under_way--)
		ok &= one_ended_well();
	return !ok;
}

int seeds_main(int argc, char **argv, const struct seeds *s)
{
	uint64_t seed, now = time(NULL);

	if (argc == 3 && !strcmp(argv[1], "--seconds"))
		return run_all(s, now, UINT32_MAX, s->long_steps, now + atoi(argv[2]));
	if (argc < 3)
		return run_all(s, 1, s->n, s->steps, INT64_MAX);
	seed = strtoull(argv[1], NULL, 10);
	s->run(seed, strtoull(argv[2], NULL, 10), argc > 3 ? strtoul(argv[3], NULL, 10) : seed % 8);
	return 0;
}
