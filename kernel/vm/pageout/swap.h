/* SPDX-License-Identifier: ISC */
/* Swap areas, for swap.c, swapoff.c and the audit. */
#ifndef VM_SWAP_H
#define VM_SWAP_H

#include "vm/internal.h"

#define SWAP_AREAS 8

struct swap_area {
	bool on,
		leaving; /* leaving: swapoff brings everything back, nothing new goes there; false again: it is to give up */
	struct block_device *dev;
	char path[64];
	int priority;
	uint64_t turn;	 /* when it was last allocated from */
	uint32_t last;	 /* the highest slot; slot 0 is the header */
	uint64_t nslots; /* usable ones */
	uint64_t nused;
	uint32_t cursor;  /* where the search for free slots goes on */
	uint32_t single;  /* after a failed write so many slots are allocated one by one */
	uint32_t nbad;	  /* slots that could not be written */
	uint16_t *counts; /* by slot */
	uint64_t map_pages;
};

extern struct swap_area swap_areas[SWAP_AREAS];
/* Frames of the area's map; 0: it is off. */
size_t swap_map_pages(const struct swap_area *a);
void swap_init(void);
bool swap_entry_in(uint32_t entry, const struct swap_area *a);
/* swapoff.c: one walk over all families and anonymous objects that reads every page whose entry lies in the area. 0, -ENOMEM. */
int swap_bring_back(struct swap_area *a);

#endif
