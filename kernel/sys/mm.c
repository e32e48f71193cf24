/* SPDX-License-Identifier: ISC */
/* System calls about memory: argument checks in Linux's order; the work is in vm/mmap.c and vm/swap.c. */
#include "arch/mmu.h"
#include "arch/user.h"
#include "dev/block.h"
#include "fs/vnode.h"
#include "proc/proc.h"
#include "sys/sys.h"
#include "vm/kmem.h"

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

/* The object behind a descriptor and what its open mode allows: 0, or -errno. */
static int file_object(struct file *f, int prot, int flags, struct object **o, int *max_prot)
{
	unsigned mode = f->flags & O_ACCMODE;
	bool shared = (flags & MAP_SHARED_VALIDATE) != MAP_PRIVATE;

	if (f->flags & O_PATH)
		return -EBADF;
	if (mode == O_WRONLY || (shared && prot & PROT_WRITE && mode != O_RDWR))
		return -EACCES;
	*max_prot = shared && mode != O_RDWR ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE | PROT_EXEC;
	if (f->vnode->mount && f->vnode->mount->flags & MOUNT_NOEXEC) {
		if (prot & PROT_EXEC)
			return -EPERM;
		*max_prot &= ~PROT_EXEC;
	}
	*o = f->vnode->object;
	if (f->vnode->ops && f->vnode->ops->mmap)
		return f->vnode->ops->mmap(f, o);
	return S_ISREG(f->vnode->mode) && *o ? 0 : -ENODEV;
}

/* Has the last byte an offset that a file of this kind can have? */
static bool offset_fits(struct file *f, uint64_t len, uint64_t offset)
{
	struct vnode *v = f->vnode;
	uint64_t max = S_ISREG(v->mode) && v->mount && v->mount->max_size ? v->mount->max_size : INT64_MAX;

	if (!S_ISREG(v->mode) && !S_ISBLK(v->mode))
		return true;
	len = page_round_up(len);
	return len <= max && offset >> PAGE_SHIFT <= (max - len) >> PAGE_SHIFT;
}

static int64_t map_file(struct space *s, struct file *f, const uint64_t *a)
{
	int prot = a[2], flags = a[3], max_prot = 7, err;
	struct object *o = NULL;

	err = offset_fits(f, a[1], a[5]) ? file_object(f, prot, flags, &o, &max_prot) : -EOVERFLOW;
	if (!err && flags & MAP_SHARED && f->vnode->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		err = prot & PROT_WRITE ? -EPERM : 0;
		max_prot &= ~PROT_WRITE;
	}
	return err ? err : vm_mmap(s, a[0], a[1], prot, flags, o, a[5], max_prot);
}

/* Of all that mmap has to say of a call that failed with `err` the errno that Linux has first. */
static int first_refusal(struct space *s, const uint64_t *a, int err)
{
	int first = vm_mmap_refusal(s, a[0], a[1], a[3]);

	return first ? first : err;
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
		r = vm_mmap(s, a[0], a[1], prot, flags, NULL, 0, 7);
		return likely(r >= 0) ? r : first_refusal(s, a, r);
	}
	f = fd_get(proc_current()->files, (int)a[4]);
	if (!f)
		return -EBADF;
	if (f->vnode->seals)
		mutex_lock(&seals_lock);
	r = flags & MAP_SHARED_VALIDATE ? map_file(s, f, a) : -EINVAL;
	if (f->vnode->seals)
		mutex_unlock(&seals_lock);
	file_unref(f);
	return r >= 0 ? r : first_refusal(s, a, r);
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
