/* SPDX-License-Identifier: ISC */
/*
 * The model of tests/host/model with threads of the host as harts, under the thread sanitizer:
 *
 *	vmtsan [SEED STEPS [TROUBLE]]
 *	vmtsan --seconds N
 *
 * SEED chooses what the programs do and how many harts there are, not the order: `again` is the way to see a race once more, not a promise.
 * TROUBLE as in vmrace.c. Without arguments: several seeds, what `make test` runs.
 */
#include "model/model.h"
#include "model/seeds.h"

static void run(uint64_t seed, uint64_t steps, unsigned trouble)
{
	model_trouble(trouble);
	model_run(seed, steps, 2 + seed % (MAX_HARTS - 1));
}

int main(int argc, char **argv)
{
	static const struct seeds seeds = { .n = 8, .steps = 4000, .long_steps = 20000, .run = run };

	return seeds_main(argc, argv, &seeds);
}
