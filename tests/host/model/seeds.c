/* SPDX-License-Identifier: ISC */
/* Runs one seed or many: see seeds.h. */
#include "seeds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run {
	pid_t pid;
	uint64_t seed;
};

/* Waits for one of two. False: it failed, of whatever, and how to see that again was said. */
static bool one_ended_well(struct run *runs, uint64_t steps)
{
	int status;
	pid_t pid = wait(&status);

	for (unsigned i = 0; i < 2; i++) {
		if (runs[i].pid != pid)
			continue;
		runs[i].pid = 0;
		if (status)
			fprintf(stderr, "failed; again: %s %lu %lu %lu\n", program_invocation_name,
				runs[i].seed, steps, runs[i].seed % 8);
	}
	return status == 0;
}

/* Until n were run, or it is `until`, or one failed. */
static int run_all(const struct seeds *s, uint64_t first, uint64_t n, uint64_t steps, time_t until)
{
	struct run runs[2] = { 0 };
	bool ok = true;

	for (uint64_t seed = first; seed < first + n && time(NULL) < until && ok; seed++) {
		struct run *r = runs[0].pid ? &runs[1] : &runs[0];

		fflush(stdout);
		*r = (struct run){ fork(), seed };
		if (r->pid == 0) {
			s->run(seed, steps, seed % 8);
			exit(0);
		}
		if (runs[0].pid && runs[1].pid)
			ok &= one_ended_well(runs, steps);
	}
	while (runs[0].pid || runs[1].pid)
		ok &= one_ended_well(runs, steps);
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
