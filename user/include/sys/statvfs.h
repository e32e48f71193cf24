/* SPDX-License-Identifier: ISC */
/* Sizes of a file system, as POSIX has them. */
#ifndef _SYS_STATVFS_H
#define _SYS_STATVFS_H

#include <sys/types.h>
#define ST_RDONLY 1
#define ST_NOSUID 2
#define ST_NODEV  4
struct statvfs {
	unsigned long f_bsize, f_frsize;
	fsblkcnt_t f_blocks, f_bfree, f_bavail;
	fsfilcnt_t f_files, f_ffree, f_favail;
	unsigned long f_fsid, f_flag, f_namemax;
};
int statvfs(const char *path, struct statvfs *st);
int fstatvfs(int fd, struct statvfs *st);

#endif
