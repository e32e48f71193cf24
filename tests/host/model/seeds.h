/* SPDX-License-Identifier: ISC */
/* The command line of the programs that run the model: one seed, several, or new ones for some time. */
#ifndef SEEDS_H
#define SEEDS_H

#include "lib/base.h"

/*
 * PROGRAM SEED STEPS [TROUBLE] runs one seed; PROGRAM --seconds N new ones, of `long_steps`, for so long; PROGRAM seeds 1 to n, of `steps`.
 * Without TROUBLE the seed says what goes wrong. Each of several runs in a process of its own, as the kernel's state is static, two at a
 * time. Returns main's status.
 */
struct seeds {
	uint64_t n, steps, long_steps;
	void (*run)(uint64_t seed, uint64_t steps, unsigned trouble);
};
int seeds_main(int argc, char **argv, const struct seeds *s);

#endif
