/* SPDX-License-Identifier: ISC */
/*
 * kernel/fs with ext2, and kernel/vm below it, on the simulated machine of tests/host/machine, over disks whose bytes are images that
 * mke2fs made.
 *
 *	ext2host.c  images, processes, e2fsck            disk.c   disks and their interrupt
 *	work.c      what is done with a mounted image    rest.c   what the rest of the kernel gives; freed memory that must not be touched
 *
 * ext2host.c knows only the host's headers, the others only the kernel's.
 */
#ifndef EXT2HOST_H
#define EXT2HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts the machine with a root file system on /dev/vda; the image under test is /dev/vdb, `size` bytes at `bytes`. */
void work_start(uint64_t seed, void *root, void *bytes, size_t size);
/* Files of every kind onto the image, which must be whole. */
void work_populate(void);
enum trouble { TROUBLE_NONE, TROUBLE_IO, TROUBLE_MEMORY };
/* Mounts the image, has nworkers walk, read and write it at the same time, and unmounts it. False: it could not be mounted. */
bool work_round(uint64_t seed, unsigned nworkers, enum trouble trouble);

/* Objects of kernel memory that are not freed. */
extern uint64_t rest_nobjects;

#endif
