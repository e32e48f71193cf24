/* SPDX-License-Identifier: ISC */
/*
 * Looks addresses up in the table that tools/mkksyms makes from the linked kernel.
 *
 * The kernel is linked twice: with an empty table, from which the real one is made, and with that. The table
 * comes after all text, so no function moves. Constant data, no locks.
 */
#include <stddef.h>

#include "lib/ksyms.h"

/* Written by tools/mkksyms; offsets count from base, names and files point into text. */
struct ksym_table {
	uint64_t base;	 /* address of the first function */
	uint32_t nbytes; /* of text from there */
	uint32_t nfuncs;
	const uint32_t *start; /* first byte of each function, rising */
	const uint32_t *name;  /* its name, in text */
	const uint32_t *lines; /* its line records, in records */
	const uint32_t *file;  /* name of each source file, in text */
	const char *text;
	const uint8_t *records;
	const uint32_t *frames; /* the rows of its stack frame, in frame_records */
	const uint8_t *frame_records;
};

extern const struct ksym_table ksym_table;

static uint32_t varint(const uint8_t **p)
{
	uint32_t value = 0;
	unsigned shift = 0;

	do {
		value |= (uint32_t)(**p & 0x7f) << shift;
		shift += 7;
	} while (*(*p)++ & 0x80);
	return value;
}

/*
 * A function's records say where its lines begin: how far from the record before (in units of 2 bytes, plus one;
 * 0 ends them), then the change of line as a zigzag number doubled, and odd when a file number follows.
 */
static void find_line(const struct ksym_table *t, const uint8_t *p, uint32_t at, const char **file,
		      unsigned *line)
{
	uint32_t pos = 0, fileno = 0, current = 0, step;

	while ((step = varint(&p)) != 0) {
		uint32_t change;

		pos += (step - 1) * 2;
		if (pos > at)
			return;
		change = varint(&p);
		if (change & 1)
			fileno = varint(&p);
		change >>= 1;
		current += (change >> 1) ^ -(change & 1);
		*line = current;
		*file = current != 0 ? t->text + t->file[fileno] : NULL;
	}
}

/* The number of the function that holds pc; -1 outside of the kernel's text. */
static int64_t find_function(const struct ksym_table *t, uintptr_t pc)
{
	uint32_t low = 0, high = t->nfuncs;

	if (pc - t->base >= t->nbytes)
		return -1;
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (t->start[mid] <= pc - t->base)
			low = mid;
		else
			high = mid;
	}
	return low;
}

bool ksym_lookup(uintptr_t pc, const char **func, uintptr_t *offset, const char **file, unsigned *line)
{
	const struct ksym_table *t = &ksym_table;
	int64_t n = find_function(t, pc);

	*file = NULL;
	*line = 0;
	if (n < 0)
		return false;
	*func = t->text + t->name[n];
	*offset = pc - t->base - t->start[n];
	find_line(t, t->records + t->lines[n], (uint32_t)*offset, file, line);
	return true;
}

/*
 * A function's rows say from where on how much of the stack is its own: how far from the row before (in units of 2 bytes,
 * plus one; 0 ends them), the stack in units of 16 bytes, and the place of the return address in units of 8.
 */
bool ksym_frame(uintptr_t pc, size_t *nbytes, size_t *below)
{
	const struct ksym_table *t = &ksym_table;
	int64_t n = find_function(t, pc);
	bool found = false;
	const uint8_t *p;
	uint32_t step;

	if (n < 0)
		return false;
	p = t->frame_records + t->frames[n];
	for (uint64_t pos = t->base + t->start[n]; (step = varint(&p)) != 0; found = true) {
		pos += (step - 1) * 2;
		if (pos > pc)
			break;
		*nbytes = varint(&p) * 16;
		*below = varint(&p) * 8;
	}
	return found;
}
