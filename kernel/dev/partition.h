/* SPDX-License-Identifier: ISC */
/* Partitions of a disk, as block devices of their own. */
#ifndef DEV_PARTITION_H
#define DEV_PARTITION_H

struct block_device;

/* Reads the disk's table and registers what it finds. A disk without a table, or with a bad one, has none. Sleeps. */
void partition_scan(struct block_device *disk);

#endif
