/* SPDX-License-Identifier: ISC */
/*
 * The ranks of all locks: a thread takes locks in rising rank only (equal ranks never nest, except where the
 * locker says so with *_nested). Debug builds assert it. vm/README.md explains the order.
 */
#ifndef LIB_LOCKRANK_H
#define LIB_LOCKRANK_H

enum lock_rank {
	RANK_NONE = 0, /* not checked */
	/* sleeping */
	RANK_MOUNT,	    /* mount table, rename across directories */
	RANK_DIR,	    /* directory contents */
	RANK_INODE,	    /* inode contents: write, truncate */
	RANK_COMMIT,	    /* an inode's metadata on its way to disk: nothing but writeback under it */
	RANK_PIPE,	    /* pipe buffer */
	RANK_TTY,	    /* terminal line discipline */
	RANK_SPACE,	    /* an address space (rwlock) */
	RANK_BUSY,	    /* page busy (not a lock object; data before metadata) */
	RANK_MAPPING_LIST,  /* an object's list of mappings */
	RANK_BLOCK_MAP,	    /* an inode's block map */
	RANK_BLOCK_RELEASE, /* making freed blocks available */
	RANK_BLOCK_ALLOC,   /* the bitmaps and counts of a file system */
	RANK_SWAP,	    /* list of swap areas: swapon, swapoff */
	RANK_KMAP,	    /* kernel virtual ranges */
	/* spinning (interrupts off) */
	RANK_PROC_TREE = 32, /* process table, parents and children, groups and sessions */
	RANK_SIGNAL,	     /* signal state of a process */
	RANK_FILES,	     /* file table */
	RANK_FUTEX,	     /* a bucket of futexes */
	RANK_VNODE,	     /* vnode table and name cache */
	RANK_FAMILY,	     /* overlays cloned from one ancestor */
	RANK_OBJECT,	     /* slots of an object */
	RANK_TABLE,	     /* page tables of a space */
	RANK_SWAPMAP,	     /* swap slots' counts */
	RANK_KMEM,	     /* a kmem cache */
	RANK_FRAME,	     /* frame allocator */
	RANK_VMQUEUE,	     /* pusher queue, dirty object list */
	RANK_BLOCK,	     /* block request pool */
	RANK_DEVICE,	     /* a driver's queue and registers */
	RANK_WAITQ,	     /* a wait queue */
	RANK_READY,	     /* an epoll's list of files that may be ready; then again wait queues, nested */
	RANK_RUNQ,	     /* a run queue */
	RANK_TIMER,	     /* timer list */
	RANK_CONSOLE,	     /* kernel messages */
};

#endif
