/* SPDX-License-Identifier: ISC */
/* A reader of flattened device trees (Devicetree Specification 0.4, chapter 5). Allocates nothing. */
#ifndef LIB_FDT_H
#define LIB_FDT_H

#include "lib/base.h"

/* 0, or -EINVAL for a bad blob. The blob must stay mapped. */
int fdt_init(const void *blob);
size_t fdt_size(void);

/* Nodes are offsets > 0; 0 is "none". */
typedef uint32_t fdt_node;

fdt_node fdt_path(const char *path);
/* The next node after `from` (0: start) whose `compatible` list contains `compatible`, in tree order. */
fdt_node fdt_compatible(fdt_node from, const char *compatible);
fdt_node fdt_first_child(fdt_node parent);
fdt_node fdt_next_sibling(fdt_node node);
const char *fdt_name(fdt_node node);
const void *fdt_prop(fdt_node node, const char *name, uint32_t *nbytes); /* NULL if absent */
bool fdt_prop_u32(fdt_node node, const char *name, uint32_t *value);
/* The i-th (address, size) of `reg`, with the parent's cell counts. */
bool fdt_reg(fdt_node node, unsigned i, uint64_t *addr, uint64_t *size);
/* The i-th memory reservation (header block) and the children of /reserved-memory, in one numbering. */
bool fdt_reserved(unsigned i, uint64_t *addr, uint64_t *size);

#endif
