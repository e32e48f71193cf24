/* SPDX-License-Identifier: ISC */
/*
 * The thread of a mounted file system: it commits inodes whose data has arrived on disk, and now and then releases freed blocks.
 *
 * An inode is on the list `ready` (once), or `committing`, or neither. An inode that goes takes itself off, or waits for the thread to be
 * through with it: so the thread needs no references.
 */
#include "fs/ext2/ext2.h"
#include "arch/cpu.h"
#include "proc/thread.h"

#define RELEASE_NS 5000000000ul

void ext2_ready(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;

	spin_lock(&fs->ready_lock);
	if (list_empty(&ei->ready_link))
		list_append(&fs->ready, &ei->ready_link);
	waitq_wake_all(&fs->ready_wait);
	spin_unlock(&fs->ready_lock);
}

void ext2_unready(struct ext2_inode *ei)
{
	struct ext2_fs *fs = ei->fs;

	spin_lock(&fs->ready_lock);
	list_remove(&ei->ready_link);
	while (fs->committing == ei)
		waitq_sleep(&fs->ready_wait, &fs->ready_lock);
	spin_unlock(&fs->ready_lock);
}

/* [ready_lock], which it lets go of for the work. */
static void commit_ready(struct ext2_fs *fs)
{
	struct list *l;

	while ((l = list_pop(&fs->ready))) {
		fs->committing = list_entry(l, struct ext2_inode, ready_link);
		spin_unlock(&fs->ready_lock);
		ext2_commit_due(fs->committing);
		spin_lock(&fs->ready_lock);
		fs->committing = NULL;
		waitq_wake_all(&fs->ready_wait);
	}
}

static void flusher(void *arg)
{
	struct ext2_fs *fs = arg;
	uint64_t next = time_ns() + RELEASE_NS;

	spin_lock(&fs->ready_lock);
	while (!fs->stop) {
		commit_ready(fs);
		if (time_ns() >= next) {
			spin_unlock(&fs->ready_lock);
			if (__atomic_load_n(&fs->freed_blocks, __ATOMIC_RELAXED))
				ext2_release(fs);
			next = time_ns() + RELEASE_NS;
			spin_lock(&fs->ready_lock);
		}
		if (list_empty(&fs->ready) && !fs->stop)
			waitq_sleep_until(&fs->ready_wait, &fs->ready_lock, next, false);
	}
	fs->stopped = true;
	waitq_wake_all(&fs->ready_wait);
	spin_unlock(&fs->ready_lock);
}

int ext2_flusher_start(struct ext2_fs *fs)
{
	fs->stop = fs->stopped = false;
	return kthread_create("ext2", flusher, fs) ? 0 : -ENOMEM;
}

void ext2_flusher_stop(struct ext2_fs *fs)
{
	spin_lock(&fs->ready_lock);
	fs->stop = true;
	waitq_wake_all(&fs->ready_wait);
	while (!fs->stopped)
		waitq_sleep(&fs->ready_wait, &fs->ready_lock);
	spin_unlock(&fs->ready_lock);
}
