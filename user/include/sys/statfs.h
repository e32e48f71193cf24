/* SPDX-License-Identifier: ISC */
/* Sizes of a file system, as the kernel gives them. */
#ifndef _SYS_STATFS_H
#define _SYS_STATFS_H

#include <sys/types.h>
typedef struct {
	int __val[2];
} fsid_t;
struct statfs {
	long f_type;
	long f_bsize;
	fsblkcnt_t f_blocks, f_bfree, f_bavail;
	fsfilcnt_t f_files, f_ffree;
	fsid_t f_fsid;
	long f_namelen;
	long f_frsize;
	long f_flags;
	long f_spare[4];
};
int statfs(const char *path, struct statfs *st);
int fstatfs(int fd, struct statfs *st);

#endif
