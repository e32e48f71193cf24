/* SPDX-License-Identifier: ISC */
/*
 * Program files: ELF-64 as in the System V ABI, for riscv. Nothing in a file is believed: every header field
 * is checked before it is used. Segments are mapped from the file's object and come in by demand paging.
 */
#include "proc/elf.h"
#include "lib/string.h"

enum { ET_EXEC = 2, EM_RISCV = 243, PT_LOAD = 1, PT_INTERP = 3, PT_GNU_STACK = 0x6474e551 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };
#define MAX_SEGMENTS (PAGE_SIZE / sizeof(struct elf_segment))

static int image_read(struct vnode *v, void *buf, size_t n, uint64_t offset)
{
	ssize_t got = vnode_read(v, buf, n, offset);

	return got < 0 ? got : (size_t)got < n ? -ENOEXEC : 0;
}

static int check_header(const struct elf_header *h)
{
	static const uint8_t magic[7] = { 0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little-endian */, 1 };

	if (memcmp(h->ident, magic, sizeof(magic)) || h->machine != EM_RISCV ||
	    (h->type != ET_EXEC && h->type != ET_DYN))
		return -ENOEXEC;
	if (h->phentsize != sizeof(struct elf_segment) || h->phnum == 0 || h->phnum > MAX_SEGMENTS)
		return -ENOEXEC;
	return 0;
}

/* The extent of the loadable segments; -ENOEXEC for any that makes no sense. */
static int check_segments(struct image *im)
{
	im->first = UINT64_MAX;
	for (unsigned i = 0; i < im->h.phnum; i++) {
		const struct elf_segment *g = &im->segments[i];

		if (g->type != PT_LOAD || g->memsz == 0)
			continue;
		if (g->filesz > g->memsz || g->vaddr >= USER_TOP || g->memsz > USER_TOP - g->vaddr ||
		    g->offset > INT64_MAX || g->filesz > INT64_MAX - g->offset ||
		    (g->vaddr ^ g->offset) & PAGE_MASK)
			return -ENOEXEC;
		if (im->end > page_round_down(g->vaddr) && im->first != UINT64_MAX)
			return -ENOEXEC; /* overlapping, or out of order */
		im->first = MIN(im->first, page_round_down(g->vaddr));
		im->end = page_round_up(g->vaddr + g->memsz);
	}
	return im->first == UINT64_MAX ? -ENOEXEC : 0;
}

int image_open(struct image *im, struct vnode *v)
{
	struct page *p = page_alloc_kernel();
	int err;

	if (!p)
		return -ENOMEM;
	im->vnode = v;
	im->segments = page_data(p);
	err = image_read(v, &im->h, sizeof(im->h), 0);
	if (!err)
		err = check_header(&im->h);
	if (!err)
		err = im->h.phoff > INT64_MAX ?
			      -ENOEXEC :
			      image_read(v, im->segments, im->h.phnum * sizeof(struct elf_segment),
					 im->h.phoff);
	if (!err)
		err = check_segments(im);
	return err;
}

void image_close(struct image *im)
{
	if (im->segments)
		page_free(pfn_page(virt_to_phys(im->segments) >> PAGE_SHIFT));
	im->segments = NULL;
}

/* ---- mapping ---- */

static int seg_prot(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

/*
 * The bytes between a segment's file data and the end of that page are zero in memory, whatever the file has
 * there.
 */
static int zero_tail(struct space *s, uint64_t from, int prot)
{
	size_t n = page_round_up(from) - from;

	return prot & PROT_WRITE && vm_access(s, from, page_data(zero_page), n, true) != n ? -ENOMEM : 0;
}

static int map_segment(struct space *s, struct image *im, const struct elf_segment *g)
{
	uint64_t start = page_round_down(im->base + g->vaddr), data_end = im->base + g->vaddr + g->filesz;
	uint64_t file_end = page_round_up(data_end), end = page_round_up(im->base + g->vaddr + g->memsz);
	int prot = seg_prot(g->flags);
	int64_t r;

	if (g->filesz > 0) {
		r = vm_mmap(s, start, file_end - start, prot, MAP_PRIVATE | MAP_FIXED, im->vnode->object,
			    page_round_down(g->offset), 7);
		if (r < 0)
			return r;
		if (g->memsz > g->filesz && data_end & PAGE_MASK) {
			int err = zero_tail(s, data_end, prot);

			if (err)
				return err;
		}
	} else {
		file_end = start;
	}
	if (end > file_end) {
		r = vm_mmap(s, file_end, end - file_end, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL,
			    0, 7);
		if (r < 0)
			return r;
	}
	return 0;
}

int image_map(struct space *s, struct image *im)
{
	for (unsigned i = 0; i < im->h.phnum; i++) {
		const struct elf_segment *g = &im->segments[i];
		int err = g->type == PT_LOAD && g->memsz ? map_segment(s, im, g) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* An interpreter may lie anywhere: room for all of it is found first. */
int image_map_anywhere(struct space *s, struct image *im)
{
	int64_t at = vm_mmap(s, 0, im->end - im->first, 0, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, 7);

	if (at < 0)
		return at;
	im->base = at - im->first;
	return image_map(s, im);
}

/* The address of the program headers in memory, for AT_PHDR. */
uint64_t image_phdr_address(const struct image *im)
{
	for (unsigned i = 0; i < im->h.phnum; i++) {
		const struct elf_segment *g = &im->segments[i];

		if (g->type == PT_LOAD && im->h.phoff >= g->offset && im->h.phoff < g->offset + g->filesz)
			return im->base + g->vaddr + (im->h.phoff - g->offset);
	}
	return 0;
}

/* A program that asks for an executable stack gets one. */
bool image_executable_stack(const struct image *im)
{
	for (unsigned i = 0; i < im->h.phnum; i++)
		if (im->segments[i].type == PT_GNU_STACK)
			return im->segments[i].flags & PF_X;
	return false;
}

/* The path that PT_INTERP names: 1, 0 without one, or -errno. */
int image_interpreter(const struct image *im, char *path, size_t size)
{
	const struct elf_segment *g = NULL;
	int err;

	for (unsigned i = 0; i < im->h.phnum && !g; i++)
		if (im->segments[i].type == PT_INTERP)
			g = &im->segments[i];
	if (!g)
		return 0;
	if (g->filesz < 2 || g->filesz > size || g->offset > INT64_MAX)
		return -ENOEXEC;
	err = image_read(im->vnode, path, g->filesz, g->offset);
	if (err)
		return err;
	return path[g->filesz - 1] ? -ENOEXEC : 1;
}
