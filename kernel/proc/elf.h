/* SPDX-License-Identifier: ISC */
/* ELF programs on their way into a space: between exec.c and elf.c. */
#ifndef PROC_ELF_H
#define PROC_ELF_H

#include "fs/vnode.h"
#include "vm/vm.h"

enum { ET_DYN = 3 };

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* A program file being loaded. */
struct image {
	struct vnode *vnode;
	struct elf_header h;
	struct elf_segment *segments; /* one kernel page */
	uint64_t base;		      /* added to every address */
	uint64_t first, end;
};

/*
 * Reads and checks the headers: 0, -ENOEXEC, -ENOMEM, -EIO. image_close() in any case. The vnode stays the
 * caller's.
 */
int image_open(struct image *im, struct vnode *v);
void image_close(struct image *im);
/*
 * Maps all segments at im->base; or finds a place, for an interpreter. 0 or -errno. The space is not one
 * that runs.
 */
int image_map(struct space *s, struct image *im);
int image_map_anywhere(struct space *s, struct image *im);
/* Where the program headers lie in memory; 0: nowhere. */
uint64_t image_phdr_address(const struct image *im);
bool image_executable_stack(const struct image *im);
int image_interpreter(const struct image *im, char *path, size_t size);

#endif
