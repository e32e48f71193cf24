/* SPDX-License-Identifier: ISC */
/*
 * The kernel command line (/chosen bootargs): words separated by blanks that are not between double
 * quotes, KEY=VALUE or flags; what follows `--` is init's.
 */
#ifndef LIB_CMDLINE_H
#define LIB_CMDLINE_H

#include "lib/base.h"

#define CMDLINE_MAX 2048

/* Copies the line; what exceeds CMDLINE_MAX - 1 bytes is cut. */
void cmdline_init(const char *line);
/*
 * The bytes of a command that the front end wants run, or NULL. They are the rest of the line after its
 * first " quire.command=", any bytes but NUL, up to 64 KiB; they lie where @line of cmdline_init was (the
 * device tree), and are not part of the other answers. (QEMU before 8 cannot give such a file by -fw_cfg on
 * this machine.)
 */
const char *cmdline_command(void);
/* The whole line as given but for the command, for /proc/cmdline. */
const char *cmdline_text(void);
/* The value of the last KEY=VALUE before `--`, NULL if there is none. */
const char *cmdline_get(const char *key);
/* Is the bare word there, before `--`? */
bool cmdline_flag(const char *word);
/* The i-th word after `--`; NULL beyond the last. */
const char *cmdline_init_arg(unsigned i);

#endif
