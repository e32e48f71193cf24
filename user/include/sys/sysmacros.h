/* SPDX-License-Identifier: ISC */
/* Device numbers. */
#ifndef _SYS_SYSMACROS_H
#define _SYS_SYSMACROS_H

#define major(d) ((unsigned)((((d) >> 32) & 0xfffff000u) | (((d) >> 8) & 0xfff)))
#define minor(d) ((unsigned)((((d) >> 12) & 0xffffff00u) | ((d)&0xff)))
#define makedev(ma, mi) \
	((((ma)&0xfffff000ul) << 32) | (((ma)&0xffful) << 8) | (((mi)&0xffffff00ul) << 12) | ((mi)&0xfful))

#endif
