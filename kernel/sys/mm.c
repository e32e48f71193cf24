/* SPDX-License-Identifier: ISC */
/* System calls about memory: argument checks in Linux's order; the work is in vm/calls and vm/pageout/swap.c. */
#include "arch/mmu.h"
#include "arch/user.h"
#include "dev/block.h"
#include "fs/vnode.h"
#include "proc/proc.h"
#include "sys/sys.h"
#include "vm/frames/kmem.h"

#define MLOCK_ONFAULT 1

/* The caller's space, which now knows how much of it the caller may lock. */
static struct space *locking_space(void)
{
	struct proc *p = proc_current();

	p->space->limits.memlock = p->cred.euid == 0 ? UINT64_MAX : p->rlimits[RLIMIT_MEMLOCK].cur;
	return p->space;
}

int64_t sys_brk(const uint64_t *a)
{
	return vm_brk(locking_space(), a[0]);
}

/* Has the last byte an offset that a file of this kind can have? */
static bool offset_fits(const struct vnode *v, uint64_t len, uint64_t offset)
{
	uint64_t max = UINT64_MAX;

	if (S_ISREG(v->mode) && v->mount && v->mount->max_size)
		max = v->mount->max_size;
	else if (S_ISREG(v->mode) || S_ISBLK(v->mode) || (v->mode & S_IFMT) == S_IFSOCK)
		max = INT64_MAX;
	len = page_round_up(len);
	return len <= max && offset >> PAGE_SHIFT <= (max - len) >> PAGE_SHIFT;
}

/* What MAP_SHARED_VALIDATE knows, on Linux too: the older types ignore other bits. */
#define MAP_KNOWN                                                                                         \
	(MAP_SHARED_VALIDATE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_DENYWRITE |                \
	 0x1000 /* EXECUTABLE */ | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | \
	 MAP_HUGETLB | MAP_HUGE_BITS)

/* With which protection at most may the file be mapped so? -errno in Linux's order. */
static int check_file(const struct file *f, const uint64_t *a)
{
	const struct vnode *v = f->vnode;
	unsigned mode = f->flags & O_ACCMODE;
	int prot = a[2], flags = a[3], type = flags & MAP_TYPE, max_prot;

	if (!offset_fits(v, a[1], a[5]))
		return -EOVERFLOW;
	if (type == 0 || type > MAP_SHARED_VALIDATE)
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && flags & ~MAP_KNOWN)
		return -EOPNOTSUPP;
	if (mode == O_WRONLY || (type != MAP_PRIVATE && prot & PROT_WRITE && mode != O_RDWR))
		return -EACCES;
	max_prot = PROT_READ | PROT_EXEC | (type == MAP_PRIVATE || mode == O_RDWR ? PROT_WRITE : 0);
	if (vnode_noexec(v)) {
		if (prot & PROT_EXEC)
			return -EPERM;
		max_prot &= ~PROT_EXEC;
	}
	if (!(v->ops && v->ops->mmap) && !(S_ISREG(v->mode) && v->object))
		return -ENODEV;
	return flags & MAP_GROWSDOWN ? -EINVAL : max_prot;
}

static int64_t map_file(struct space *s, struct file *f, const uint64_t *a)
{
	struct vnode *v = f->vnode;
	struct object *o = v->object;
	int prot = a[2], flags = a[3], max_prot = check_file(f, a);

	if (max_prot >= 0 && v->ops && v->ops->mmap) {
		int err = v->ops->mmap(f, &o);

		max_prot = err ? err : max_prot;
	}
	if (max_prot >= 0 && flags & MAP_SHARED && v->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		max_prot = prot & PROT_WRITE ? -EPERM : max_prot & ~PROT_WRITE;
	return vm_mmap(s, a[0], a[1], prot, flags, o, a[5], max_prot);
}

/* There are no huge pages of any size, and of some there never will be. */
static int refuse_huge(int flags)
{
	unsigned size = (unsigned)(flags & MAP_HUGE_BITS) >> 26;

	return size == 0 || size == 21 || size == 30 ? -ENOMEM : -EINVAL;
}

int64_t sys_mmap(const uint64_t *a)
{
	struct space *s = locking_space();
	int prot = a[2], flags = a[3];
	struct file *f;
	int64_t r;

	if (a[5] & PAGE_MASK)
		return -EINVAL;
	if (flags & MAP_ANONYMOUS) {
		if (flags & MAP_HUGETLB)
			return refuse_huge(flags);
		return vm_mmap(s, a[0], a[1], prot, flags, NULL, 0, 7);
	}
	f = fd_get(proc_current()->files, (int)a[4]);
	if (!f)
		return -EBADF;
	if (f->flags & O_PATH || flags & MAP_HUGETLB) { /* nor files of them */
		r = f->flags & O_PATH ? -EBADF : -EINVAL;
		file_unref(f);
		return r;
	}
	if (f->vnode->seals)
		mutex_lock(&seals_lock);
	r = map_file(s, f, a);
	if (f->vnode->seals)
		mutex_unlock(&seals_lock);
	file_unref(f);
	return r;
}

int64_t sys_munmap(const uint64_t *a)
{
	return vm_munmap(proc_current()->space, a[0], a[1]);
}

int64_t sys_mprotect(const uint64_t *a)
{
	return vm_mprotect(proc_current()->space, a[0], a[1], a[2]);
}

int64_t sys_mremap(const uint64_t *a)
{
	return vm_mremap(locking_space(), a[0], a[1], a[2], a[3], a[4]);
}

int64_t sys_mlock(const uint64_t *a)
{
	return vm_mlock(locking_space(), a[0], a[1], MF_LOCKED);
}

int64_t sys_mlock2(const uint64_t *a)
{
	if (a[2] & ~(uint64_t)MLOCK_ONFAULT)
		return -EINVAL;
	return vm_mlock(locking_space(), a[0], a[1], a[2] ? MF_LOCKS : MF_LOCKED);
}

int64_t sys_munlock(const uint64_t *a)
{
	return vm_mlock(locking_space(), a[0], a[1], 0);
}

int64_t sys_mlockall(const uint64_t *a)
{
	return a[0] ? vm_mlockall(locking_space(), a[0]) : -EINVAL;
}

int64_t sys_munlockall(const uint64_t *a __unused)
{
	return vm_mlockall(locking_space(), 0);
}

int64_t sys_msync(const uint64_t *a)
{
	return vm_msync(proc_current()->space, a[0], a[1], a[2]);
}

int64_t sys_madvise(const uint64_t *a)
{
	return vm_madvise(proc_current()->space, a[0], a[1], a[2]);
}

int64_t sys_mincore(const uint64_t *a)
{
	uint64_t n = page_round_up(a[1]) >> PAGE_SHIFT;
	uint8_t vec[256];
	int chunk;

	if (a[0] & PAGE_MASK)
		return -EINVAL;
	if (a[1] > USER_TOP || a[0] > USER_TOP - a[1])
		return -ENOMEM;
	if (!user_range_ok(a[2], n))
		return -EFAULT;
	for (uint64_t done = 0; done < n; done += chunk) {
		chunk = vm_mincore(proc_current()->space, a[0] + (done << PAGE_SHIFT),
				   MIN(n - done, sizeof(vec)) << PAGE_SHIFT, vec);
		if (chunk < 0)
			return chunk;
		if (put_user(a[2] + done, vec, chunk))
			return -EFAULT;
	}
	return 0;
}

int64_t sys_riscv_flush_icache(const uint64_t *a)
{
	if (a[2] & ~1ul)
		return -EINVAL;
	mmu_fence_i_all();
	return 0;
}

/* The block device that a path names: 0, -ENOTBLK, ... */
static int block_by_path(uint64_t upath, struct block_device **dev, char *path, size_t size)
{
	struct proc *p = proc_current();
	struct name *name;
	ssize_t n;
	int err;

	if (p->cred.euid != 0)
		return -EPERM;
	n = user_copy_string(path, upath, size);
	if (n < 0)
		return n;
	err = path_lookup(p->fs, &p->cred, NULL, path, LOOK_FOLLOW, &name);
	if (err)
		return err;
	*dev = S_ISBLK(name_vnode(name)->mode) ? block_find_devno(name_vnode(name)->rdev) : NULL;
	name_unref(name);
	return *dev ? 0 : -EINVAL;
}

int64_t sys_swapon(const uint64_t *a)
{
	struct block_device *dev;
	char path[256];
	int err = block_by_path(a[0], &dev, path, sizeof(path));

	if (err)
		return err;
	err = block_claim(dev, "swap");
	if (err)
		return err;
	err = blockdev_settle(dev);
	if (!err)
		err = vm_swapon(dev, path, a[1]);
	if (err)
		block_release(dev);
	return err;
}

int64_t sys_swapoff(const uint64_t *a)
{
	struct block_device *dev;
	char path[256];
	int err = block_by_path(a[0], &dev, path, sizeof(path));

	return err ? err : vm_swapoff(dev);
}
