/* SPDX-License-Identifier: ISC */
/*
 * The model of tests/host/model as a program:
 *
 *	vmrace [SEED STEPS [TROUBLE]]
 *	vmrace --seconds N
 *
 * SEED repeats a run exactly. TROUBLE: 1 reads fail, 2 writes fail, 4 allocations are refused; by default as the seed says.
 * Without arguments: several seeds, what `make test` runs. With --seconds: new seeds for so long.
 */
#include "model/model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run(uint64_t seed, uint64_t steps, unsigned trouble)
{
	machine_trouble.read_errors = trouble & 1 ? 40 : 0;
	machine_trouble.write_errors = trouble & 2 ? 30 : 0;
	machine_trouble.refused = trouble & 4 ? 60 : 0;
	model_run(seed, steps);
}

/* Each seed in a process of its own, two at a time: the kernel's state is static. Until nseeds were run, or it is `until`. */
static int run_all(uint64_t first, uint64_t nseeds, uint64_t steps, time_t until)
{
	unsigned under_way = 0;
	int status, failed = 0;

	for (uint64_t i = 0; i < nseeds && time(NULL) < until && !failed; i++) {
		uint64_t seed = first + i;

		fflush(stdout);
		if (fork() == 0) {
			run(seed, steps, seed % 8);
			exit(0);
		}
		if (++under_way == 2) {
			wait(&status);
			under_way--;
			failed |= status != 0;
		}
	}
	while (under_way-- > 0) {
		wait(&status);
		failed |= status != 0;
	}
	return failed;
}

int main(int argc, char **argv)
{
	uint64_t seed, steps;

	if (argc == 3 && !strcmp(argv[1], "--seconds"))
		return run_all(time(NULL), UINT64_MAX, 40000, time(NULL) + atoi(argv[2]));
	if (argc < 3)
		return run_all(1, 40, 15000, INT64_MAX);
	seed = strtoull(argv[1], NULL, 10);
	steps = strtoull(argv[2], NULL, 10);
	run(seed, steps, argc > 3 ? strtoul(argv[3], NULL, 10) : seed % 8);
	return 0;
}
