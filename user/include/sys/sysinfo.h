/* SPDX-License-Identifier: ISC */
/* Memory and load in one structure. */
#ifndef _SYS_SYSINFO_H
#define _SYS_SYSINFO_H

#include <sys/types.h>
struct sysinfo {
	long uptime;
	unsigned long loads[3];
	unsigned long totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	unsigned short procs, pad;
	unsigned long totalhigh, freehigh;
	unsigned mem_unit;
};
int sysinfo(struct sysinfo *si);
int get_nprocs(void);

#endif
