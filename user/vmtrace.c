/* SPDX-License-Identifier: ISC */
/*
 * vmtrace KIND SEED PAGES TOUCHES: touches private memory, which was written before and has all been paged out, page by page in the order
 * of a reference string (include/trace.h). Says how many pages had to be read in meanwhile, and in how many frames: those that held its
 * pages or were free, on the average. What was in memory at first would depend on how fast the disk took what was written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "include/trace.h"

#define PAGE 4096ul

#define LOOKS 20

static const char *const names[] = { "pgmajfault", "nr_free_pages" };
static uint64_t seen[2];
static unsigned char *in_memory;

static void look(void)
{
	char line[80], name[64];
	unsigned long n;
	FILE *f = fopen("/proc/vmstat", "r");

	while (f && fgets(line, sizeof(line), f))
		for (int i = 0; i < 2; i++)
			if (sscanf(line, "%60s %lu", name, &n) == 2 && !strcmp(name, names[i]))
				seen[i] = n;
	if (f)
		fclose(f);
}

static uint32_t resident(void *p, uint32_t npages)
{
	uint32_t n = 0;

	if (mincore(p, npages * PAGE, in_memory))
		return npages;
	for (uint32_t i = 0; i < npages; i++)
		n += in_memory[i] & 1;
	return n;
}

/* Until nothing of it is in memory. */
static int page_out(void *p, uint32_t npages)
{
	uint32_t left = npages;

	for (int round = 0; round < 100 && left; round++) {
		if (madvise(p, npages * PAGE, MADV_PAGEOUT))
			return perror("vmtrace"), -1;
		usleep(20000);
		left = resident(p, npages);
	}
	return left ? fprintf(stderr, "vmtrace: %u pages stay in memory\n", left), -1 : 0;
}

int main(int argc, char **argv)
{
	uint32_t npages = argc == 5 ? (uint32_t)atoi(argv[3]) : 0,
		 ntouches = npages ? (uint32_t)atoi(argv[4]) : 0, sum = 0;
	uint64_t begin, frames = 0, every = ntouches / LOOKS;
	volatile uint32_t *p;
	struct trace t;

	if (ntouches < 100 || npages < 100 ||
	    trace_begin(&t, argv[1], strtoull(argv[2], NULL, 10), npages, ntouches)) {
		fprintf(stderr, "usage: vmtrace KIND SEED PAGES TOUCHES\n");
		return 2;
	}
	in_memory = malloc(npages);
	p = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || !in_memory)
		return perror("vmtrace"), 1;
	for (uint32_t i = 0; i < npages; i++)
		p[i * (PAGE / 4)] = i + 1;
	if (page_out((void *)p, npages))
		return 1;
	look();
	begin = seen[0];
	for (uint32_t i = 0; i < ntouches; i++) {
		uint32_t page = trace_next(&t);

		if (p[page * (PAGE / 4)] != page + 1)
			return fprintf(stderr, "vmtrace: page %u is wrong\n", page), 1;
		sum = sum * 31 + page;
		if (i % every == every - 1) {
			look();
			frames += seen[1] + resident((void *)p, npages);
		}
	}
	printf("faults %lu\nframes %lu\nsum %u\n", (unsigned long)(seen[0] - begin),
	       (unsigned long)(frames / (ntouches / every)), sum);
	return 0;
}
