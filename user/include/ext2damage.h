/* SPDX-License-Identifier: ISC */
/*
 * Damage to an ext2 image: what user/ext2fuzz does in the guest and tests/host/ext2 on the host, so that a seed means the same image on both.
 * `pristine` and `size` are the caller's; find_used_end() once; then damage(seed) makes `damaged` a copy with some of its metadata changed.
 */
#ifndef EXT2DAMAGE_H
#define EXT2DAMAGE_H

#include <stdint.h>
#include <string.h>

static unsigned char *pristine, *damaged;
static size_t size, used_end;  /* used_end: what lies behind is free in the pristine image */
static size_t dirs[64], ndirs; /* where directories begin */
static uint64_t state;

static uint64_t any(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static uint32_t get32(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static void put(size_t at, uint64_t value, size_t nbytes)
{
	if (at + nbytes <= size)
		memcpy(damaged + at, &value, nbytes);
}

static uint64_t value(void)
{
	static const uint64_t edges[] = { 0,   1,    2,	   3,	 10,	11,	    12,		63,
					  255, 1023, 1024, 4096, 65535, 0x7fffffff, 0x80000000, 0xffffffff };

	return any(3) ? edges[any(sizeof(edges) / sizeof(edges[0]))] : any(UINT64_MAX);
}

/* Fields of an entry of a directory. */
static void damage_entry(unsigned block)
{
	size_t at = dirs[any(ndirs)], end = at + block, next;

	for (unsigned n = (unsigned)any(50); n; n--) {
		next = at + (get32(pristine + at + 4) & 0xffff);
		if (next >= end)
			break;
		at = next;
	}
	for (unsigned n = 1 + (unsigned)any(2); n; n--)
		switch (any(6)) {
		case 0:
			put(at, any(2) ? any(70) : value(), 4);
			break;
		case 1:
		case 2:
			put(at + 4, any(2) ? any(block / 4 + 8) * 4 : value(), 2);
			break;
		case 3:
		case 4:
			put(at + 6, any(2) ? 255 - any(8) : any(256), 1);
			break;
		case 5:
			put(at + 7, any(256), 1);
		}
}

/* A field of the superblock, a group descriptor, an inode or a directory; or any byte that is in use. */
static void damage_one(void)
{
	unsigned block = 1024u << get32(pristine + 1024 + 24);
	size_t groups = block == 1024 ? 2048 : block, table = (size_t)get32(pristine + groups + 8) * block,
	       inode_size = get32(pristine + 1024 + 88) & 0xffff;

	switch (any(10)) {
	case 0:
		put(1024 + any(66) * 4, value(), any(2) ? 4 : 2);
		break;
	case 1:
		put(groups + any(8) * 4, value(), any(2) ? 4 : 2);
		break;
	case 2:
	case 3:
	case 4: /* of the inodes that are used: the root, and from the eleventh on */
		put(table + (any(6) ? 10 + any(44) : 1) * inode_size + any(32) * 4,
		    any(2) ? any(size / block + 8) : value(), any(3) ? 4 : 2);
		break;
	case 5: { /* a word of a block in use, which may be a directory's or pointers */
		size_t at = any(used_end / 4) * 4;
		put(at, any(2) ? any(size / block + 8) : value(), any(2) ? 4 : 1);
		break;
	}
	case 6:
	case 7:
		if (ndirs)
			damage_entry(block);
		break;
	default:
		damaged[any(used_end)] ^= (unsigned char)(1u << any(8));
	}
}

static inline void find_used_end(void)
{
	for (size_t i = 0; i < size; i++)
		if (pristine[i])
			used_end = i + 1;
	for (size_t at = 0; at < used_end; at += 1024u << get32(pristine + 1024 + 24))
		if (get32(pristine + at + 4) == 0x201000c && pristine[at + 8] == '.' && ndirs < 64)
			dirs[ndirs++] = at;
}

static inline void damage(uint64_t seed)
{
	static const unsigned char many[] = { 1, 1, 1, 2, 3, 8, 30, 100 };

	state = seed * 0x9e3779b97f4a7c15ul + 1;
	memcpy(damaged, pristine, size);
	for (unsigned n = many[any(sizeof(many))]; n; n--)
		damage_one();
}

#endif
