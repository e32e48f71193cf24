/* SPDX-License-Identifier: ISC */
/* The kernel command line (/chosen bootargs): words separated by blanks, KEY=VALUE or flags; what follows `--` is init's. */
#ifndef LIB_CMDLINE_H
#define LIB_CMDLINE_H

#include "lib/base.h"

#define CMDLINE_MAX 2048

/* Copies the line; what exceeds CMDLINE_MAX - 1 bytes is cut. */
void cmdline_init(const char *line);
/* The whole line as given, for /proc/cmdline. */
const char *cmdline_text(void);
/* The value of the last KEY=VALUE before `--`, NULL if there is none. */
const char *cmdline_get(const char *key);
/* Is the bare word there, before `--`? */
bool cmdline_flag(const char *word);
/* The i-th word after `--`; NULL beyond the last. */
const char *cmdline_init_arg(unsigned i);

#endif
