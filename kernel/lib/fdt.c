/* SPDX-License-Identifier: ISC */
/*
 * Flattened device trees. A node is the offset of its FDT_BEGIN_NODE token from the start of the blob. A look-up
 * walks the tree from its start: it is small and read at boot only. Constant after fdt_init: no lock.
 */
#include "lib/fdt.h"
#include "lib/errno.h"
#include "lib/string.h"

#define FDT_MAGIC 0xd00dfeed
#define MAX_DEPTH 16

enum { FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4, FDT_END = 9 };

static const uint8_t *blob;
static uint32_t total, structs, structs_end, strings, reservations;

static uint32_t be32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

static uint64_t be64(const void *p)
{
	return (uint64_t)be32(p) << 32 | be32((const uint8_t *)p + 4);
}

int fdt_init(const void *p)
{
	const uint8_t *b = p;

	if (((uintptr_t)p & 3) || be32(b) != FDT_MAGIC || be32(b + 20) < 16)
		return -EINVAL;
	total = be32(b + 4);
	structs = be32(b + 8);
	strings = be32(b + 12);
	reservations = be32(b + 16);
	structs_end = structs + be32(b + 36);
	if (structs < 40 || structs & 3 || structs_end > total || structs_end < structs || strings > total ||
	    reservations > total)
		return -EINVAL;
	blob = b;
	return 0;
}

size_t fdt_size(void)
{
	return total;
}

/* The token at `at`, and where the next one begins. */
static uint32_t token(uint32_t at, uint32_t *next)
{
	uint32_t t;

	if (at + 4 > structs_end)
		return FDT_END;
	t = be32(blob + at);
	at += 4;
	if (t == FDT_BEGIN_NODE)
		at += strnlen((const char *)blob + at, structs_end - at) + 1;
	else if (t == FDT_PROP)
		at += 8 + (at + 8 <= structs_end ? be32(blob + at) : 0);
	*next = ALIGN_UP(at, 4u);
	return *next > structs_end ? FDT_END : t;
}

/* A walk over all nodes in tree order, with the path to the present one. */
struct walk {
	uint32_t at;
	int depth; /* of path; the present node is path[depth - 1] */
	fdt_node path[MAX_DEPTH];
};

static fdt_node walk_next(struct walk *w)
{
	uint32_t next;

	if (w->at == 0)
		w->at = structs;
	for (;; w->at = next) {
		switch (token(w->at, &next)) {
		case FDT_BEGIN_NODE:
			if (w->depth == MAX_DEPTH)
				return 0;
			w->path[w->depth++] = w->at;
			w->at = next;
			return w->path[w->depth - 1];
		case FDT_END_NODE:
			if (--w->depth < 0)
				return 0;
			break;
		case FDT_PROP:
		case FDT_NOP:
			break;
		default:
			return 0;
		}
	}
}

const char *fdt_name(fdt_node node)
{
	return (const char *)blob + node + 4;
}

static fdt_node first_child_from(uint32_t at)
{
	uint32_t next;

	for (;; at = next) {
		uint32_t t = token(at, &next);

		if (t == FDT_BEGIN_NODE)
			return at;
		if (t != FDT_PROP && t != FDT_NOP)
			return 0;
	}
}

fdt_node fdt_first_child(fdt_node parent)
{
	uint32_t next;

	return token(parent, &next) == FDT_BEGIN_NODE ? first_child_from(next) : 0;
}

fdt_node fdt_next_sibling(fdt_node node)
{
	uint32_t at = node, next;
	int depth = 0;

	do {
		uint32_t t = token(at, &next);

		if (t == FDT_BEGIN_NODE)
			depth++;
		else if (t == FDT_END_NODE)
			depth--;
		else if (t == FDT_END)
			return 0;
		at = next;
	} while (depth > 0);
	return first_child_from(at);
}

fdt_node fdt_path(const char *path)
{
	fdt_node node = structs;

	for (;;) {
		size_t n;

		while (*path == '/')
			path++;
		if (!*path)
			return node;
		n = strchr(path, '/') ? (size_t)(strchr(path, '/') - path) : strlen(path);
		for (node = fdt_first_child(node); node; node = fdt_next_sibling(node)) {
			const char *name = fdt_name(node);

			/* a name without a unit address stands for the first such node */
			if (strncmp(name, path, n) == 0 && (!name[n] || name[n] == '@'))
				break;
		}
		if (!node)
			return 0;
		path += n;
	}
}

const void *fdt_prop(fdt_node node, const char *name, uint32_t *nbytes)
{
	uint32_t at, next;

	if (!node || token(node, &at) != FDT_BEGIN_NODE)
		return NULL;
	for (;; at = next) {
		uint32_t t = token(at, &next), name_at;

		if (t == FDT_NOP)
			continue;
		if (t != FDT_PROP)
			return NULL;
		name_at = strings + be32(blob + at + 8);
		if (name_at < total && strcmp((const char *)blob + name_at, name) == 0) {
			if (nbytes)
				*nbytes = be32(blob + at + 4);
			return blob + at + 12;
		}
	}
}

bool fdt_prop_u32(fdt_node node, const char *name, uint32_t *value)
{
	uint32_t nbytes;
	const void *p = fdt_prop(node, name, &nbytes);

	if (!p || nbytes < 4)
		return false;
	*value = be32(p);
	return true;
}

static bool is_compatible(fdt_node node, const char *compatible)
{
	uint32_t nbytes;
	const char *p = fdt_prop(node, "compatible", &nbytes), *end = p + nbytes;

	if (!p)
		return false;
	while (p < end) {
		if (strcmp(p, compatible) == 0)
			return true;
		p += strnlen(p, end - p) + 1;
	}
	return false;
}

fdt_node fdt_compatible(fdt_node from, const char *compatible)
{
	struct walk w = { 0 };
	fdt_node node;

	while ((node = walk_next(&w)) != 0)
		if (node > from && is_compatible(node, compatible))
			return node;
	return 0;
}

static fdt_node parent_of(fdt_node child)
{
	struct walk w = { 0 };
	fdt_node node;

	while ((node = walk_next(&w)) != 0)
		if (node == child)
			return w.depth > 1 ? w.path[w.depth - 2] : 0;
	return 0;
}

static uint64_t cells(const uint8_t *p, uint32_t n)
{
	return n == 0 ? 0 : n == 1 ? be32(p) : be64(p + 4 * (n - 2));
}

bool fdt_reg(fdt_node node, unsigned i, uint64_t *addr, uint64_t *size)
{
	fdt_node parent = parent_of(node);
	uint32_t naddr = 2, nsize = 1, nbytes;
	const uint8_t *p = fdt_prop(node, "reg", &nbytes);

	fdt_prop_u32(parent, "#address-cells", &naddr);
	fdt_prop_u32(parent, "#size-cells", &nsize);
	if (!p || (uint64_t)(i + 1) * (naddr + nsize) * 4 > nbytes)
		return false;
	p += i * (naddr + nsize) * 4;
	*addr = cells(p, naddr);
	if (size)
		*size = cells(p + 4 * naddr, nsize);
	return true;
}

bool fdt_reserved(unsigned i, uint64_t *addr, uint64_t *size)
{
	const uint8_t *p = blob + reservations;
	fdt_node node;

	for (; p + 16 <= blob + total && (be64(p) || be64(p + 8)); p += 16) {
		if (i-- > 0)
			continue;
		*addr = be64(p);
		*size = be64(p + 8);
		return true;
	}
	for (node = fdt_first_child(fdt_path("/reserved-memory")); node; node = fdt_next_sibling(node))
		for (unsigned k = 0; fdt_reg(node, k, addr, size); k++)
			if (i-- == 0)
				return true;
	return false;
}
