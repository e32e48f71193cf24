/* SPDX-License-Identifier: ISC */
/* Old names of limits. */
#ifndef _SYS_PARAM_H
#define _SYS_PARAM_H

#include <limits.h>
#define MAXPATHLEN PATH_MAX
#define MIN(a, b)  ((a) < (b) ? (a) : (b))
#define MAX(a, b)  ((a) > (b) ? (a) : (b))

#endif
