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
#include "model/seeds.h"

static void run(uint64_t seed, uint64_t steps, unsigned trouble)
{
	model_trouble(trouble);
	model_run(seed, steps, 1 + seed % 4);
}

int main(int argc, char **argv)
{
	static const struct seeds seeds = { .n = 40, .steps = 15000, .long_steps = 40000, .run = run };

	return seeds_main(argc, argv, &seeds);
}
