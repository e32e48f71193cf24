/* SPDX-License-Identifier: ISC */
/*
 * The simulated machine under kernel/vm on the host: RAM, one hart with a TLB that keeps stale entries until it is told, threads as
 * coroutines that switch only where they sleep, a clock that jumps to the next deadline when all sleep, and memory disks whose requests
 * complete out of order and late. Everything follows from the seed.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "dev/block.h"
#include "vm/vm.h"

/* Makes RAM of nframes frames and starts the vm and its threads; the caller is the first thread. */
void machine_start(uint64_t seed, unsigned nframes);
uint64_t machine_random(void);
/* A disk of npages zeroed pages; with `swap`, with mkswap's header. */
struct block_device *machine_disk(const char *name, unsigned npages, bool swap);
void *machine_disk_page(struct block_device *d, unsigned page);
/* Lets the other threads and the disks run until the clock has passed ns more. */
void machine_idle(uint64_t ns);
/* Enters a space (NULL: leaves), as a context switch does. */
void machine_enter(struct space *s);
/* A load or store of a word by the program in the entered space: through the TLB, the page table, the fault. False: it would get a signal. */
bool machine_load(uint64_t va, uint64_t *value);
bool machine_store(uint64_t va, uint64_t value);

#endif
