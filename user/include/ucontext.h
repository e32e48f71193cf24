/* SPDX-License-Identifier: ISC */
/* The machine context of a signal handler. */
#ifndef _UCONTEXT_H
#define _UCONTEXT_H

#include <signal.h>

#endif
