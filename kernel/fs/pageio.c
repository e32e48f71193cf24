/* SPDX-License-Identifier: ISC */
/*
 * read() and write() of files whose contents are the pages of an object (DESIGN, invariant 8).
 *
 * User memory is touched with faults off while the page is held (or, when it is new, busy); what a fault stops is let go of, the
 * user's page is brought in, and the copy goes on. A page that is stolen again and again is gone around by a bounce frame.
 *
 * Writers hold the contents lock a chunk at a time, and wait for writeback between chunks with no lock that it takes. A page wholly written or beyond the old end is
 * filled without being read; the size grows only after the page is filled and before it stops being busy, so nobody
 * sees the bytes before they are there, and no writeback leaves with the old size and the new page.
 */
#include "arch/user.h"
#include "fs/internal.h"
#include "lib/string.h"

#define CHUNK_PAGES 256 /* a write lets others in after so many */
#define TRIES	    3	/* copies with faults off before the bounce frame */

/* ---- uio ---- */

static void uio_advance(struct uio *u, size_t n)
{
	u->addr += n;
	u->left -= n;
}

int uio_out(struct uio *u, const void *src, size_t n)
{
	size_t missed = 0;

	n = MIN(n, u->left);
	if (u->user)
		missed = user_copy_out(u->addr, src, n);
	else
		memcpy((void *)u->addr, src, n);
	uio_advance(u, n - missed);
	return missed ? -EFAULT : 0;
}

int uio_in(struct uio *u, void *dst, size_t n)
{
	size_t missed = 0;

	n = MIN(n, u->left);
	if (u->user)
		missed = user_copy_in(dst, u->addr, n);
	else
		memcpy(dst, (const void *)u->addr, n);
	uio_advance(u, n - missed);
	return missed ? -EFAULT : 0;
}

/* Both return the bytes copied. */
static size_t out_nofault(struct uio *u, const void *src, size_t n)
{
	if (u->user)
		n -= user_copy_out_nofault(u->addr, src, n);
	else
		contents_copy((void *)u->addr, src, n);
	uio_advance(u, n);
	return n;
}

static size_t in_nofault(struct uio *u, void *dst, size_t n)
{
	if (u->user)
		n -= user_copy_in_nofault(dst, u->addr, n);
	else
		contents_copy(dst, (const void *)u->addr, n);
	uio_advance(u, n);
	return n;
}

/* ---- read ---- */

/* uio_out that tells the bytes; -errno if there are none. */
static ssize_t out_some(struct uio *u, const void *src, size_t n)
{
	size_t left = u->left;
	int r = uio_out(u, src, n);

	return left == u->left ? r : (ssize_t)(left - u->left);
}

/* By way of a frame of this thread's own; bytes, or -errno. */
static ssize_t read_bounced(struct vnode *v, struct uio *u, uint64_t pos, size_t n)
{
	struct page *bounce = page_alloc_wait(), *p;
	ssize_t r;

	if (!bounce)
		return -ENOMEM;
	r = object_get_page(v->object, pos >> PAGE_SHIFT, &p);
	if (!r) {
		contents_copy(page_data(bounce), (char *)page_data(p) + (pos & PAGE_MASK), n);
		page_release(p);
		r = out_some(u, page_data(bounce), n);
	}
	page_free(bounce);
	return r;
}

/* The program's memory for the first of n bytes is not there. Bytes of one page (so that what lies before a hole is read), or -errno. */
static ssize_t read_faulting(struct vnode *v, struct uio *u, uint64_t pos, size_t n)
{
	size_t off = pos & PAGE_MASK, copied = 0;
	struct page *p;
	int r;

	n = MIN(n, PAGE_SIZE - off);
	for (unsigned try = 0; try < TRIES && !copied; try++) {
		if (thread_killed())
			return -EINTR;
		r = user_fault_in(u->addr, MIN(n, PAGE_SIZE - (u->addr & PAGE_MASK)), true);
		if (!r)
			r = object_get_page(v->object, pos >> PAGE_SHIFT, &p);
		if (r)
			return r;
		copied = out_nofault(u, (char *)page_data(p) + off, n);
		page_release(p);
	}
	return copied ? (ssize_t)copied : read_bounced(v, u, pos, n);
}

/* Bytes copied from the pages of a run, 0: the program's memory is not there, or -errno. */
static ssize_t read_run(struct vnode *v, struct readahead *ra, struct uio *u, uint64_t pos, size_t n)
{
	size_t off = pos & PAGE_MASK, done = 0;
	struct page *run[OBJECT_RUN];
	int npages;

	/* no page is made for a hole */
	if (unlikely(!v->object->ops && object_is_hole(v->object, pos >> PAGE_SHIFT)))
		return out_some(u, page_data(zero_page), MIN(n, PAGE_SIZE - off));
	npages = object_get_pages(v->object, pos >> PAGE_SHIFT, ra, run, DIV_ROUND_UP(off + n, PAGE_SIZE));
	if (unlikely(npages < 0))
		return npages;
	for (int i = 0; i < npages; i++, off = 0) {
		size_t chunk = MIN(n - done, PAGE_SIZE - off);
		size_t copied = out_nofault(u, (char *)page_data(run[i]) + off, chunk);

		page_release(run[i]);
		done += copied;
		if (unlikely(copied < chunk))
			n = done; /* the others are only let go of */
	}
	return done;
}

ssize_t pageio_read(struct vnode *v, struct readahead *ra, struct uio *u, uint64_t *offset)
{
	uint64_t start = *offset, pos = start, size;
	ssize_t r = 0;

	if ((int64_t)start < 0)
		return -EINVAL;
	while (u->left && pos < (size = __atomic_load_n(&v->size, __ATOMIC_ACQUIRE))) {
		r = read_run(v, ra, u, pos, MIN(u->left, size - pos));
		if (unlikely(r == 0))
			r = read_faulting(v, u, pos, MIN(u->left, size - pos));
		if (unlikely(r < 0))
			break;
		pos += r;
	}
	*offset = pos;
	if (unlikely(pos == start))
		return r == -ENXIO ? 0 : r; /* truncated meanwhile */
	return pos - start;
}

ssize_t vnode_read(struct vnode *v, void *buf, size_t n, uint64_t offset)
{
	struct uio u = { .user = false, .addr = (uint64_t)buf, .left = n };

	if (!v->object)
		return -EINVAL;
	return pageio_read(v, NULL, &u, &offset);
}

/* ---- the end of a file ---- */

/*
 * The page is about to hold bytes of the file up to `end`: all its blocks up to there are reserved. A page is reserved
 * when it becomes dirty, as far as the file reaches then; where blocks are smaller than pages that may be less.
 */
static int reserve_up_to(struct vnode *v, uint64_t index, uint64_t end)
{
	int r = 0;

	v->reserve_end = end;
	if (end > v->size && v->mount && v->mount->block_shift && v->mount->block_shift < PAGE_SHIFT)
		r = object_reserve(v->object, index);
	return r;
}

int pageio_zero_tail(struct vnode *v, uint64_t to)
{
	uint64_t size = v->size;
	size_t off = size & PAGE_MASK, end;
	struct page *p;
	int r;

	if (!off || to <= size || object_is_hole(v->object, size >> PAGE_SHIFT))
		return 0;
	end = MIN(to - (size - off), PAGE_SIZE);
	r = object_get_page(v->object, size >> PAGE_SHIFT, &p);
	if (r)
		return r;
	r = reserve_up_to(v, p->index, to);
	if (!r)
		r = object_make_dirty(v->object, p);
	if (!r) {
		contents_clear((char *)page_data(p) + off, end - off);
		object_touch_dirty(v->object, p);
	}
	page_release(p);
	return r;
}

static void set_size(struct vnode *v, uint64_t size)
{
	v->reserve_end = 0;
	__atomic_store_n(&v->size, size, __ATOMIC_RELEASE);
	vnode_mark_dirty(v);
}

int pageio_extend(struct vnode *v, uint64_t size)
{
	int r = pageio_zero_tail(v, size);

	if (r)
		return r;
	object_grow(v->object, DIV_ROUND_UP(size, PAGE_SIZE));
	set_size(v, size);
	return 0;
}

/* The end of the last page that is to stay; what is zeros already, in a hole for instance, is not written. */
static int zero_cut_tail(struct vnode *v, uint64_t size)
{
	size_t off = size & PAGE_MASK;
	struct page *p;
	int r = object_get_page(v->object, size >> PAGE_SHIFT, &p);

	if (r)
		return r;
	if (!contents_are_zeros((char *)page_data(p) + off, PAGE_SIZE - off)) {
		r = object_make_dirty(v->object, p);
		if (!r) {
			contents_clear((char *)page_data(p) + off, PAGE_SIZE - off);
			object_touch_dirty(v->object, p);
		}
	}
	page_release(p);
	return r;
}

int pageio_shrink(struct vnode *v, uint64_t size)
{
	int r = 0;

	if (size & PAGE_MASK && !object_is_hole(v->object, size >> PAGE_SHIFT))
		r = zero_cut_tail(v, size);
	if (r)
		return r;
	set_size(v, size);
	object_truncate(v->object, size);
	return 0;
}

int vnode_setattr_memory(struct vnode *v, const struct attr *a)
{
	int r = 0;

	if (a->valid & ATTR_MODE && v->seals & F_SEAL_EXEC && (a->mode ^ v->mode) & 0111)
		return -EPERM;
	if (a->valid & ATTR_SIZE) {
		if (!v->object)
			return -EINVAL;
		if (v->seals & (a->size < v->size ? F_SEAL_SHRINK : a->size > v->size ? F_SEAL_GROW : 0))
			return -EPERM;
		r = a->size < v->size ? pageio_shrink(v, a->size) : pageio_extend(v, a->size);
	}
	if (!r)
		vnode_apply_attr(v, a);
	return r;
}

/* ---- write, with the contents lock held ---- */

/* A page that need not be read: beyond the end, or wholly overwritten. Bytes, 0: again (after a fault), -EAGAIN: it is here, or -errno. */
static ssize_t write_fresh(struct vnode *v, struct uio *u, uint64_t pos, size_t n)
{
	uint64_t index = pos >> PAGE_SHIFT;
	size_t off = pos & PAGE_MASK, done;
	struct page *p;
	char *data;
	bool fresh;
	int r = object_busy_page(v->object, index, &p, &fresh);

	if (r)
		return r;
	if (!fresh) {
		object_fill_abort(v->object, p, false);
		object_grow(v->object, index + 1);
		return -EAGAIN;
	}
	v->reserve_end = pos + n;
	r = object_reserve(v->object, index);
	if (r) {
		object_fill_abort(v->object, p, true);
		return r;
	}
	data = page_data(p);
	done = in_nofault(u, data + off, n);
	if (done == 0 || (done < n && pos + n < v->size)) { /* the file's own bytes would be lost */
		uio_advance(u, -done);
		object_unreserve(v->object, index << PAGE_SHIFT, (index + 1) << PAGE_SHIFT);
		object_fill_abort(v->object, p, true);
		return 0;
	}
	memset(data, 0, off);
	memset(data + off + done, 0, PAGE_SIZE - off - done);
	object_grow(v->object, index + 1);
	if (pos + done > v->size)
		set_size(v, pos + done);
	object_fill_done(v->object, p, true);
	return done;
}

/* Into a page that is held, and let go. */
static ssize_t write_present(struct vnode *v, struct uio *u, struct page *p, uint64_t pos, size_t n)
{
	size_t done;
	int r = reserve_up_to(v, p->index, pos + n);

	if (!r)
		r = object_make_dirty(v->object, p);
	if (unlikely(r)) {
		page_release(p);
		return r;
	}
	done = in_nofault(u, (char *)page_data(p) + (pos & PAGE_MASK), n);
	if (pos + done > v->size && done)
		set_size(v, pos + done);
	object_touch_dirty(v->object, p);
	page_release(p);
	return done;
}

static ssize_t write_step(struct vnode *v, struct uio *u, uint64_t pos, size_t n)
{
	uint64_t index = pos >> PAGE_SHIFT, pages = DIV_ROUND_UP(v->size, PAGE_SIZE);
	bool whole = !(pos & PAGE_MASK) && (n == PAGE_SIZE || pos + n >= v->size);

	struct page *p = whole && index < pages ? object_await_page(v->object, index) : NULL;
	ssize_t r = 0;

	if (!p && (index >= pages || whole)) {
		r = write_fresh(v, u, pos, n);
		if (r != -EAGAIN)
			return r;
	}
	r = p ? 0 : object_get_page(v->object, index, &p);
	return unlikely(r) ? r : write_present(v, u, p, pos, n);
}

/* Up to CHUNK_PAGES pages; bytes written, or -errno when none; *fault: then the user's memory at u->addr is missing. */
static ssize_t write_chunk(struct vnode *v, struct uio *u, uint64_t pos, bool *fault)
{
	uint64_t start = pos, unit = PAGE_SIZE;
	ssize_t r = 0;

	for (unsigned i = 0; i < CHUNK_PAGES && u->left; i++) {
		size_t n = MIN(unit - (pos & (unit - 1)), u->left);

		if (pos > v->size && (r = pageio_zero_tail(v, pos)))
			break;
		r = write_step(v, u, pos, n);
		if (r == -ENOSPC && unit == PAGE_SIZE && v->mount && v->mount->block_shift &&
		    v->mount->block_shift < PAGE_SHIFT) {
			unit = 1u << v->mount->block_shift; /* there may be room for a part of the page */
			continue;
		}
		if (r < 0)
			break;
		pos += r;
		if ((size_t)r < n) {
			*fault = true;
			break;
		}
	}
	if (r < 0 || *fault) { /* it did not come as far as it reserved */
		v->reserve_end = 0;
		object_unreserve(v->object, v->size, UINT64_MAX);
	}
	return pos > start ? (ssize_t)(pos - start) : MIN(r, 0);
}

/* Brings what a fault stopped, or after some tries makes a copy of it in a frame, allocated once: *kept. 0 or -errno. */
static int bring_in(struct uio *u, unsigned try, struct uio *kept, struct page **bounce)
{
	size_t n = MIN(u->left, PAGE_SIZE - (u->addr & PAGE_MASK));

	if (try < TRIES)
		return user_fault_in(u->addr, MAX(n, 1ul), false);
	if (!*bounce)
		*bounce = page_alloc_wait();
	if (!*bounce)
		return -ENOMEM;
	n -= user_copy_in(page_data(*bounce), u->addr, n);
	*kept = (struct uio){ .addr = (uint64_t)page_data(*bounce), .left = n };
	return n ? 0 : -EFAULT;
}

/* What seals allow of a write: a page that would grow the file is refused as a whole, as on Linux. */
static int check_seals(struct vnode *v, struct uio *u, uint64_t pos)
{
	uint64_t end = pos + u->left;

	if (v->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return -EPERM;
	if (!(v->seals & F_SEAL_GROW) || end <= v->size)
		return 0;
	if (page_round_down(v->size) <= pos)
		return -EPERM;
	u->left = page_round_down(v->size) - pos;
	return 0;
}

static int check_room(struct vnode *v, struct uio *u, uint64_t pos)
{
	uint64_t max = v->mount && v->mount->max_size ? v->mount->max_size : INT64_MAX;

	if ((int64_t)pos < 0)
		return -EINVAL;
	if (S_ISBLK(v->mode))
		max = v->size;
	else if (u->limited)
		max = MIN(max, u->limit);
	if (pos >= max && u->left)
		return S_ISBLK(v->mode) ? -ENOSPC : -EFBIG;
	if (u->left > max - pos)
		u->left = max - pos;
	return 0;
}

/* Only root's writes leave set-id bits. */
static void note_written(struct vnode *v)
{
	const struct cred *cred;

	vnode_time_now(&v->mtime);
	v->ctime = v->mtime;
	if (unlikely(v->mode & (S_ISUID | S_ISGID)) && S_ISREG(v->mode) && (cred = cred_current()) &&
	    cred->euid != 0)
		v->mode &= ~(S_ISUID | ((v->mode & 010) ? S_ISGID : 0));
	vnode_mark_dirty(v);
}

ssize_t pageio_write(struct vnode *v, struct uio *u, uint64_t *offset, bool append)
{
	struct page *bounce = NULL;
	struct uio kept; /* a copy of the first of what is left */
	size_t total = 0;
	unsigned try = 0;
	ssize_t r = 0;

	if (v->mount && v->mount->read_only && !S_ISBLK(v->mode))
		return -EROFS;
	while (u->left && r >= 0) {
		struct uio *from = likely(try < TRIES) ? u : &kept;
		bool fault = false;

		vm_throttle_writer(MIN(DIV_ROUND_UP(u->left, PAGE_SIZE), (size_t)CHUNK_PAGES));
		rwlock_write(&v->contents);
		if (append)
			*offset = v->size;
		r = check_room(v, u, *offset);
		if (!r && unlikely(v->seals))
			r = check_seals(v, u, *offset);
		from->left = MIN(from->left, u->left);
		if (!r)
			r = write_chunk(v, from, *offset, &fault);
		if (r > 0)
			note_written(v);
		rwlock_write_unlock(&v->contents);
		if (r > 0) {
			*offset += r;
			total += r;
			try = 0;
			if (unlikely(from == &kept))
				uio_advance(u, r);
		}
		if (unlikely(fault))
			r = bring_in(u, ++try, &kept, &bounce);
		if (r >= 0 && u->left && thread_killed())
			r = -EINTR;
	}
	if (bounce)
		page_free(bounce);
	return total ? (ssize_t)total : r;
}
