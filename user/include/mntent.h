/* SPDX-License-Identifier: ISC */
/* Reading mount tables such as /proc/mounts. */
#ifndef _MNTENT_H
#define _MNTENT_H

#include <stdio.h>
struct mntent {
	char *mnt_fsname;
	char *mnt_dir;
	char *mnt_type;
	char *mnt_opts;
	int mnt_freq;
	int mnt_passno;
};
FILE *setmntent(const char *path, const char *mode);
struct mntent *getmntent(FILE *f);
int endmntent(FILE *f);
char *hasmntopt(const struct mntent *m, const char *opt);

#endif
