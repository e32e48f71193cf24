/* SPDX-License-Identifier: ISC */
/* The other name of ucontext.h. */
#ifndef _SYS_UCONTEXT_H
#define _SYS_UCONTEXT_H

#include <signal.h>

#endif
