/* SPDX-License-Identifier: ISC */
/* Memory from the stack frame. */
#ifndef _ALLOCA_H
#define _ALLOCA_H

#define alloca __builtin_alloca

#endif
