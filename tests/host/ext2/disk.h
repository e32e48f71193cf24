/* SPDX-License-Identifier: ISC */
#ifndef EXT2HOST_DISK_H
#define EXT2HOST_DISK_H

#include "dev/block.h"

/* A disk that the kernel finds under this name, `size` bytes at `bytes`. */
void disk_add(const char *name, void *bytes, size_t size);

#endif
