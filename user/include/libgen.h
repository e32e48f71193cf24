/* SPDX-License-Identifier: ISC */
/* The parts of a path name. Both may change their argument. */
#ifndef _LIBGEN_H
#define _LIBGEN_H

char *basename(char *path);
char *dirname(char *path);

#endif
