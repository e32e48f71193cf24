/* SPDX-License-Identifier: ISC */
/*
 * Files in memory: those without a name (memfd, the embedded init), seals, and fallocate, which tmpfs uses, too. Contents are pages of an
 * anonymous object; where nothing was written is a hole, which takes no memory and reads as zeros.
 */
#include "fs/internal.h"
#include "lib/string.h"
#include "proc/thread.h"

static struct budget no_limit = { .max = INT64_MAX,
				  .refs = 1 }; /* their pages count as promised, like those of tmpfs */

static bool describe(struct object *o, char *buf, size_t n, uint64_t *dev, uint64_t *ino)
{
	vnode_object_describe(o, buf, n, dev, ino);
	return true;
}

const struct anon_ops memory_object_ops = {
	.ref = vnode_object_ref,
	.unref = vnode_object_unref,
	.describe = describe,
};

static int memfile_getattr(struct vnode *v, struct attr *a)
{
	a->blocks = v->object->nslots * (PAGE_SIZE / 512);
	return 0;
}

static const struct vnode_ops memfile_ops = {
	.getattr = memfile_getattr,
	.fallocate = memory_fallocate,
	.inactive = vnode_drop_object,
};

static int memfile_fill(struct object *o, const char *bytes, size_t n)
{
	for (uint64_t index = 0; index * PAGE_SIZE < n; index++) {
		size_t left = MIN(n - index * PAGE_SIZE, PAGE_SIZE);
		struct page *p;
		bool fresh;
		int r = object_busy_page(o, index, &p, &fresh);

		if (r)
			return r;
		memcpy(page_data(p), bytes + index * PAGE_SIZE, left);
		memset((char *)page_data(p) + left, 0, PAGE_SIZE - left);
		object_fill_done(o, p, true);
	}
	return 0;
}

struct vnode *memfile_create(const void *bytes, size_t n)
{
	struct vnode *v = vnode_create_anonymous(&memfile_ops, S_IFREG | 0555, NULL);

	if (!v)
		return NULL;
	v->object = object_create(NULL, v, DIV_ROUND_UP(n, PAGE_SIZE));
	if (v->object) {
		v->object->anon = &memory_object_ops;
		v->object->budget = &no_limit;
		budget_ref(&no_limit);
	}
	if (!v->object || memfile_fill(v->object, bytes, n)) {
		vnode_unref(v);
		return NULL;
	}
	v->size = n;
	return v;
}

/* ---- seals ---- */

struct mutex seals_lock = MUTEX_INIT(seals_lock, "seals", RANK_NONE);

int vnode_seals(struct vnode *v)
{
	if (!S_ISREG(v->mode) || !v->object || v->object->ops)
		return -EINVAL;
	return v->seals & F_SEALABLE ? v->seals & ~F_SEALABLE : F_SEAL_SEAL;
}

int vnode_add_seals(struct vnode *v, unsigned seals)
{
	int r = vnode_seals(v);

	if (r < 0 || seals & ~F_SEALS_ALL)
		return -EINVAL;
	mutex_lock(&seals_lock); /* no mapping comes meanwhile */
	rwlock_write(&v->contents);
	r = 0;
	if (seals & F_SEAL_EXEC && v->mode & 0111) /* what can be executed stays as it is */
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	if (vnode_seals(v) & F_SEAL_SEAL)
		r = -EPERM;
	else if (seals & ~v->seals & F_SEAL_WRITE && object_has_writers(v->object))
		r = -EBUSY;
	else
		v->seals |= seals;
	if (v->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		store_relaxed(&v->object->sealed, true);
	rwlock_write_unlock(&v->contents);
	mutex_unlock(&seals_lock);
	return r;
}

/* ---- fallocate ---- */

/* Zeros within one page; where there is none they are there already. */
static int zero_part(struct vnode *v, uint64_t at, uint64_t end)
{
	struct object *o = v->object;
	struct page *p;
	int r;

	if (at >= end || at >= v->size || object_is_hole(o, at >> PAGE_SHIFT))
		return 0;
	r = object_get_page(o, at >> PAGE_SHIFT, &p);
	if (!r)
		r = object_make_dirty(o, p);
	if (r)
		return r;
	memset((char *)page_data(p) + (at & PAGE_MASK), 0, end - at);
	object_touch_dirty(o, p);
	page_release(p);
	return 0;
}

static int punch(struct vnode *v, uint64_t at, uint64_t end)
{
	uint64_t first = DIV_ROUND_UP(at, PAGE_SIZE), last = end >> PAGE_SHIFT;
	int r;

	if (v->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	r = zero_part(v, at, MIN(end, first << PAGE_SHIFT));
	if (!r && last >= first)
		r = zero_part(v, last << PAGE_SHIFT, end);
	if (!r && last > first)
		object_drop_range(v->object, first, last - first);
	return r;
}

static int reserve(struct vnode *v, uint64_t at, uint64_t end, bool keep_size)
{
	uint64_t size = v->size, to = MAX(end, size);
	struct page *p;
	int r;

	if (end > size && v->seals & F_SEAL_GROW)
		return -EPERM;
	if (keep_size)
		to = size;
	r = to > size ? pageio_extend(v, to) : 0;
	for (uint64_t i = at >> PAGE_SHIFT; !r && i < DIV_ROUND_UP(MIN(end, to), PAGE_SIZE); i++) {
		r = thread_killed() ? -EINTR : object_get_page(v->object, i, &p);
		if (!r)
			page_release(p);
	}
	if (r && to > size)
		pageio_shrink(v, size);
	return r;
}

int memory_fallocate(struct vnode *v, int mode, uint64_t at, uint64_t nbytes)
{
	int r;

	if (mode != 0 && mode != FALLOC_KEEP_SIZE && mode != (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE))
		return -EOPNOTSUPP;
	rwlock_write(&v->contents);
	if (mode & FALLOC_PUNCH_HOLE)
		r = punch(v, at, at + nbytes);
	else
		r = reserve(v, at, at + nbytes, mode & FALLOC_KEEP_SIZE);
	if (!r) {
		vnode_time_now(&v->ctime);
		v->mtime = v->ctime;
	}
	rwlock_write_unlock(&v->contents);
	return r;
}
