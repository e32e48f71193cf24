/* SPDX-License-Identifier: ISC */
/* What the files of the audit tell each other. */
#ifndef VM_AUDIT_H
#define VM_AUDIT_H

#include "vm/mapping.h"
#include "vm/pageout/swap.h"

#define AUDIT_LINES 32
#define AUDIT_LINE  120

struct audit {
	uint32_t *sharers; /* by frame: slots, or page tables' parents, found that name it */
	uint16_t *counts[SWAP_AREAS];
	uint64_t frame_pages, swap_pages[SWAP_AREAS];
	uint64_t pages[PAGE_KINDS]; /* found */
	uint64_t nnodes, nbusy, npromised;
	unsigned nbreaches;
	char lines[AUDIT_LINES][AUDIT_LINE];
};

void __printf(2, 3) audit_breach(struct audit *a, const char *fmt, ...);

/* audit_space.c: mappings and page tables of every space; before the frames are looked at. */
void audit_spaces(struct audit *a);

#ifdef QUIRE_DEBUG
/* damage.c: does the damage that was asked for, and undoes it. */
void damage_do(struct audit *a);
void damage_undo(void);
#else
static inline void damage_do(struct audit *a __unused)
{
}
static inline void damage_undo(void)
{
}
#endif

#endif
