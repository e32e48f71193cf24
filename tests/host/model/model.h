/* SPDX-License-Identifier: ISC */
/*
 * Model check of kernel/vm and fs/pageio.c: random operations of several programs, on several harts, against plain arrays.
 *
 * A program is a thread in a space of its own or one that it shares. What it stores is what only it stores: its own regions of the space,
 * and its own word of each page that others use too. So it knows what it must load, whatever the others and the vm's threads do at the
 * same time. Truncations concern everybody: who overlaps with one accepts what either order gives.
 *
 *	private.c  A: private anonymous memory of a thread's own, everything done to it; S: the same, common to the threads of a space
 *	shared.c   D: anonymous memory shared with relatives
 *	file.c     one file: C mapped shared, B mapped private, read(), write(), truncation; X: a file that is executed;
 *	           E: a page of the first one, executed after a write()
 *	model.c    programs: their beginning, forks, threads, ends; the choice of what to do; the end of it all
 *
 * Programs may run at the same time (machine/threads.c). What the model itself keeps of several of them is read and written with GET and SET:
 * relaxed, so that the thread sanitizer learns from it of no order that the kernel does not make.
 */
#ifndef MODEL_H
#define MODEL_H

#include "lib/errno.h"
#include "machine.h"
#include "proc/thread.h"

#include <stdio.h>

#define NPROGS	  4 /* programs at once, and lanes */
#define A_PAGES	  300
#define S_PAGES	  48
#define N_PAGES	  6
#define D_PAGES	  40
#define D_PUNCHED 28 /* from here on holes are punched */
#define F_PAGES	  96
#define X_PAGES	  80

#define REGION	0x4000000ul /* a thread's own areas lie so far apart */
#define A_AT	0x10000000ul
#define B_AT	0x20040000ul
#define E_AT	0x20140000ul
#define X_AT	0x30000000ul
#define C_AT	0x3000000000ul
#define S_AT	0x3400000000ul
#define D_AT	0x3fff000000ul
#define N_AT	(D_AT + 0x100000ul) /* in one leaf table with D */
#define LANE(k) ((k)*520ul)	    /* where in a page a lane's word is */
#define LITTER	(PAGE_SIZE - 8)

#define GET(x)	  __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
/* The new value. */
#define ADD(x, n) __atomic_add_fetch(&(x), (n), __ATOMIC_RELAXED)

struct word { /* of a page, as a lane knows it */
	uint64_t value;
	bool known;
};

struct own_page { /* of A */
	uint64_t value;
	bool gone, read_only, freed /* MADV_FREE: may be zero already */;
};

struct file_word { /* what one lane stored in one page of the file */
	uint64_t value, old;
	uint32_t cuts; /* of this word, that were known when it was stored */
	bool fuzzy;    /* a truncation overlapped: value, old or 0 */
};

struct copy { /* of a page of the file, in B */
	uint64_t value;
	uint32_t cuts;
	uint8_t lane;
	bool copied, unknown;
};

struct shared { /* a piece of D */
	unsigned refs;
	uint64_t value[D_PAGES][NPROGS];
};

struct model_space {
	struct space *space;
	unsigned refs;	  /* programs in it that stay */
	unsigned users;	  /* and those that are leaving */
	uint32_t regions; /* in use */
	struct shared *d;
	uint64_t stored[S_PAGES]
		       [NPROGS]; /* by the threads of this space, in S: what each must at least be by now */
	/* The same in N, with the number of drops that had begun by then (DROP_SHIFT); all of them had ended. */
	uint64_t stored_new[N_PAGES][NPROGS];
	uint64_t drops_begun, drops_ended;
};

struct program {
	unsigned slot;		/* also its lane in what spaces share */
	unsigned region;	/* also its lane in what threads of a space share */
	struct model_space *in; /* NULL: it does not run */
	bool ready;		/* whoever made it has finished that */
	bool fresh;		/* forked just now: others' regions are still there */
	struct own_page a[A_PAGES];
	struct word s[S_PAGES];
	struct word n[N_PAGES];
	struct copy b[F_PAGES];
};

extern struct program programs[NPROGS];
/* A value that nobody has stored yet: larger than all before. */
uint64_t new_stamp(void);

void model_failed(const char *file, int line, const char *what) __attribute__((noreturn));
#define CHECK(cond)                                              \
	do {                                                     \
		if (!(cond))                                     \
			model_failed(__FILE__, __LINE__, #cond); \
	} while (0)

/* What is about to be checked, told if it fails. */
void __printf(1, 2) model_note(const char *fmt, ...);
/* With TRACE in the environment: what was done, on stderr. */
void __printf(2, 3) model_trace(const struct program *p, const char *fmt, ...);
/* A number below n. */
unsigned pick(unsigned n);
/* A range of at most 70 of n pages. */
void pick_range(unsigned npages, unsigned *first, unsigned *n);
static inline uint64_t page_at(uint64_t base, unsigned i)
{
	return base + i * PAGE_SIZE;
}
/* An access failed: is that the fault of a disk that fails, or of memory that is refused? */
bool excused(void);
/* This thread's last call failed because it found no frame; waits for some. */
bool starved(void);
/* A call as kernel/sys makes it: again when it found no frame. */
#define CALL(r, call)                                   \
	do {                                            \
		thread_current()->alloc_failed = false; \
		(r) = (call);                           \
	} while ((r) == -ENOMEM && starved())
void map(struct program *p, uint64_t at, unsigned npages, int prot, int flags, struct object *o);

/* private.c */
void private_start(struct program *p);	/* a new space or thread: maps A */
void private_common(struct program *p); /* a new space: maps S */
void private_end(struct program *p);
void private_step(struct program *p);
void common_step(struct program *p);
/* A page of A that may be stored to, and its address; -1: none was found. */
int private_writable(struct program *p, uint64_t *va);
/* The program's word there holds this now. */
void private_stored(struct program *p, int page, uint64_t value);

/* shared.c */
void shared_start(struct program *p);
void shared_step(struct program *p, bool holes);

/* file.c */
void file_start(void);
void file_map(struct program *p);	 /* B and X */
void file_map_common(struct program *p); /* C */
void file_step(struct program *p, bool often /* is its size changed */);
void file_check_disk(void); /* with nothing else going on */
void file_end(void);

/* model.c: 1 reads fail, 2 writes fail, 4 allocations are refused, now and then. */
void model_trouble(unsigned bits);
/* Runs `steps` operations, on so many harts; then everything must be given back. */
void model_run(uint64_t seed, uint64_t steps, unsigned harts);
void model_stop(void); /* no more operations */

#endif
