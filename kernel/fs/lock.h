/* SPDX-License-Identifier: ISC */
/* Advisory locks: POSIX record locks, open-file-description locks and flock(2). */
#ifndef FS_LOCK_H
#define FS_LOCK_H

#include "fs/vnode.h"

enum { FILE_LOCK_READ, FILE_LOCK_WRITE, FILE_UNLOCK }; /* F_RDLCK, F_WRLCK, F_UNLCK */

struct file_lock_request {
	struct vnode *vnode;
	void *owner; /* the descriptor table (record locks), or the open file (the other two) */
	int type;
	int64_t start, end; /* bytes, both included */
	pid_t pid;
	bool wait;
	bool whole; /* flock: a kind of its own, which record locks do not see */
};

/* 0, -EAGAIN, -EDEADLK, -ENOLCK (no memory), -ERESTARTSYS. May sleep. */
int file_lock(struct file_lock_request *q);
/* The first lock that would be in the way is put into *q; type FILE_UNLOCK when there is none. */
void file_lock_test(struct file_lock_request *q);
/* Lets go what `owner` holds on v. */
void file_locks_drop(struct vnode *v, void *owner);
extern uint32_t file_locks_held; /* [a] all of them: nothing to drop when it is 0 */

static inline void file_locks_forget(struct vnode *v, void *owner)
{
	if (unlikely(__atomic_load_n(&file_locks_held, __ATOMIC_RELAXED)))
		file_locks_drop(v, owner);
}

#endif
