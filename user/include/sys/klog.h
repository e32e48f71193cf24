/* SPDX-License-Identifier: ISC */
/* The kernel's message ring: 2 read once, 3 read all, 5 clear, 10 size of the ring. */
#ifndef _SYS_KLOG_H
#define _SYS_KLOG_H

int klogctl(int op, char *buf, int n);

#endif
