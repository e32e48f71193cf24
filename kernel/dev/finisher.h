/* SPDX-License-Identifier: ISC */
/* dev/finisher.c beside what dev.h has: */
#ifndef DEV_FINISHER_H
#define DEV_FINISHER_H

/* Maps the test device, so that a panic can give its status. As early in boot as kmap works; twice does no harm. */
void finisher_init(void);

#endif
