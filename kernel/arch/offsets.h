/* SPDX-License-Identifier: ISC */
/* Offsets of fields for the assembly sources and arch/cpu.h; trap.c asserts that they are right. */
#ifndef ARCH_OFFSETS_H
#define ARCH_OFFSETS_H

#define TH_HART	      0
#define TH_KSTACK     8
#define TH_FRAME      16
#define TH_SCRATCH    24
#define TH_INTR_DEPTH 56
#define TH_CONTEXT    64
#define TH_FP	      176
#define TH_SIGPENDING 525

#define KSTACK_SHIFT 14

#define HART_NEED_RESCHED 32

#define NSYSCALLS  512 /* numbers that there may be */
#define CAUSE_CALL 8   /* in scause: a system call */

#define TF_EPC	   0
#define TF_X(n)	   ((n)*8)
#define TF_STATUS  256
#define TF_CAUSE   264
#define TF_TVAL	   272
#define TF_ORIG_A0 280
#define TF_SIZE	   288

#endif
