/* SPDX-License-Identifier: ISC */
/*
 * Pages of files to and from the disk: the object's pager.
 *
 * Pages whose blocks lie in a row go out in one request, those that lie in a row in memory in one segment of it. A page with smaller blocks in several places (only where blocks are smaller than
 * pages) is moved piece by piece, each waited for with map_lock let go. A request that writes blocks which no pointer names yet belongs to one
 * extent; when the extent's last request ends, the inode is ready to be committed, before the page stops being written.
 */
#include "fs/ext2/ext2.h"
#include "lib/string.h"
#include "proc/thread.h"

struct batch { /* a request being put together */
	struct ext2_fs *fs;
	enum block_op op;
	struct block_request *r;
	uint32_t next; /* the block that would continue it; 0: none does */
};

static void page_done(enum block_op op, struct page *p, int error)
{
	if (op == BLOCK_READ)
		page_read_done(p, error);
	else
		page_write_done(p, error);
}

static void extent_done(struct ext2_extent *e, int error)
{
	struct ext2_inode *ei = e->ei;

	if (error)
		__atomic_store_n(&e->failed, true, __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&e->inflight, 1, __ATOMIC_ACQ_REL) == 0)
		ext2_ready(ei);
}

static void io_done(struct block_request *r, int error)
{
	if (r->arg)
		extent_done(r->arg, error);
	for (unsigned i = 0; i < r->nsegs; i++)
		for (uint32_t at = 0; at < r->segs[i].nbytes; at += PAGE_SIZE)
			page_done(r->op, phys_page(r->segs[i].phys + at), error);
	block_request_put(r);
}

static void batch_flush(struct batch *t)
{
	if (t->r)
		block_submit(t->r);
	t->r = NULL;
}

static struct block_request *request_new(struct batch *t, uint32_t blkno, struct ext2_extent *e)
{
	struct block_request *r = block_request_get();

	r->dev = t->fs->dev;
	r->op = t->op;
	r->sector = (uint64_t)blkno << (t->fs->block_shift - SECTOR_SHIFT);
	r->nsegs = 0;
	r->arg = e;
	if (e)
		__atomic_fetch_add(&e->inflight, 1, __ATOMIC_RELAXED);
	return r;
}

static void batch_add(struct batch *t, struct page *p, uint32_t blkno, uint32_t nblocks,
		      struct ext2_extent *e)
{
	struct block_request *r = t->r;
	struct block_seg *s = r ? &r->segs[r->nsegs - 1] : NULL;
	bool joins = s && s->phys + s->nbytes == page_phys(p);

	if (r && (t->next != blkno || r->arg != e || (r->nsegs == BLOCK_MAX_SEGS && !joins)))
		batch_flush(t);
	if (!t->r) {
		t->r = request_new(t, blkno, e);
		t->r->done = io_done;
	}
	r = t->r;
	if (r->nsegs && joins)
		s->nbytes += nblocks << t->fs->block_shift;
	else
		r->segs[r->nsegs++] =
			(struct block_seg){ .phys = page_phys(p), .nbytes = nblocks << t->fs->block_shift };
	t->next = blkno + nblocks; /* fewer than a page only at the end of the file */
}

struct piece { /* of a page: n blocks from its block `at` on */
	uint32_t at, n, blkno;
	struct ext2_extent *e; /* its inflight counts this */
};

/* It is waited for. */
static int transfer_piece(struct batch *t, struct page *p, const struct piece *piece)
{
	struct block_request *r = request_new(t, piece->blkno, NULL);
	int error;

	r->nsegs = 1;
	r->segs[0].phys = page_phys(p) + (piece->at << t->fs->block_shift);
	r->segs[0].nbytes = piece->n << t->fs->block_shift;
	error = block_submit_wait(r);
	block_request_put(r);
	if (piece->e)
		extent_done(piece->e, error);
	return error;
}

/* ---- where blocks are: [map_lock] ---- */

struct place {
	uint64_t first;	       /* [first, first + count) of the file ... */
	uint32_t count, blkno; /* ... lie here; blkno 0: nowhere */
	struct ext2_extent *e;
};

static int find(struct ext2_inode *ei, uint64_t b, uint32_t max, struct place *at)
{
	struct ext2_extent *e = ext2_extent_at(ei, b);

	at->first = b;
	if (!e || e->first > b) {
		at->e = NULL;
		return ext2_bmap(ei, b, e ? MIN(e->first - b, (uint64_t)max) : max, &at->blkno, &at->count);
	}
	at->e = e;
	at->count = MIN((uint64_t)max, e->first + e->count - b);
	at->blkno = e->blkno ? e->blkno + (b - e->first) : 0;
	return 0;
}

/* The same, and what is delayed gets blocks. -EAGAIN: no memory now. */
static int find_or_allocate(struct ext2_inode *ei, uint64_t b, uint32_t max, struct place *at)
{
	struct ext2_spares spares = { 0 };
	uint32_t blkno, got;
	int r = find(ei, b, max, at);

	if (r || at->blkno)
		return r;
	if (!at->e) /* a dirty page whose block was not reserved: its reservation was lost to an I/O error */
		return -EIO;
	if (!ext2_spares_get(&spares)) {
		ext2_spares_put(&spares);
		return -EAGAIN;
	}
	r = ext2_alloc_blocks(ei->fs, ei->goal, at->count, &blkno, &got);
	if (!r) {
		at->e = ext2_pend(at->e, b, got, blkno, &spares);
		at->blkno = blkno;
		at->count = got;
		ei->goal = blkno + got;
	}
	ext2_spares_put(&spares);
	return r;
}

/* ---- a page ---- */

/* *at as seen from block b: moves on within a run, or finds the next. `max`: how many blocks are of interest. */
static int advance(struct ext2_inode *ei, enum block_op op, uint64_t b, uint32_t max, struct place *at)
{
	if (b - at->first < at->count)
		return 0;
	return op == BLOCK_READ ? find(ei, b, max, at) : find_or_allocate(ei, b, max, at);
}

static uint32_t place_blkno(const struct place *at, uint64_t b)
{
	return at->blkno ? at->blkno + (b - at->first) : 0;
}

/* Where the blocks of a page are: the number of pieces. What goes wrong on the way is in *error. */
static unsigned find_pieces(struct batch *t, struct ext2_inode *ei, struct page *p, uint32_t nblocks,
			    struct place *at, struct piece *piece, int *error)
{
	uint64_t first = p->index << t->fs->page_shift;
	unsigned npieces = 0;

	for (uint32_t i = 0, n; i < nblocks; i += n) {
		*error = advance(ei, t->op, first + i, nblocks - i, at);
		if (*error)
			break;
		n = MIN(nblocks - i, at->count - (uint32_t)(first + i - at->first));
		if (at->blkno) {
			piece[npieces++] = (struct piece){ i, n, place_blkno(at, first + i), at->e };
			if (at->e)
				__atomic_fetch_add(&at->e->inflight, 1, __ATOMIC_RELAXED);
		} else if (t->op == BLOCK_READ) {
			memset((char *)page_data(p) + (i << t->fs->block_shift), 0, n << t->fs->block_shift);
		}
	}
	return npieces;
}

/* A page in several places. The disk is waited for without the lock, *at is found anew: an extent that was allocated here lies in the page as a whole, or
 * what lies before it was submitted, so that none is ready too early. */
static int transfer_pieces(struct batch *t, struct ext2_inode *ei, struct page *p, uint32_t nblocks,
			   struct place *at)
{
	struct piece piece[PAGE_SIZE >> 10];
	int error = 0, e;
	unsigned n = find_pieces(t, ei, p, nblocks, at, piece, &error);

	mutex_unlock(&ei->map_lock);
	for (unsigned i = 0; i < n; i++) {
		e = transfer_piece(t, p, &piece[i]);
		error = error ? error : e;
	}
	mutex_lock(&ei->map_lock);
	at->count = 0;
	return error;
}

/* Starts (or does) the transfer of one page, of which nblocks matter, with `max` blocks to come. -EAGAIN: nothing was done. */
static int transfer_page(struct batch *t, struct ext2_inode *ei, struct page *p, uint32_t nblocks,
			 uint32_t max, struct place *at)
{
	uint64_t b = p->index << t->fs->page_shift;
	int r = 0;

	if (nblocks && b - at->first >= at->count) {
		if (t->r && (t->op == BLOCK_WRITE || !ext2_bmap_resident(ei, b)))
			batch_flush(t); /* nobody waits for a request with another kept back */
		r = advance(ei, t->op, b, max, at);
	}
	if (!r && nblocks && b + nblocks <= at->first + at->count) {
		if (at->blkno) {
			batch_add(t, p, place_blkno(at, b), nblocks, at->e);
			return 0;
		}
		clear_page(page_data(p)); /* only reads find holes */
	} else if (!r && nblocks) {
		batch_flush(t);
		r = transfer_pieces(t, ei, p, nblocks, at);
	}
	if (r != -EAGAIN)
		page_done(t->op, p, r);
	return r;
}

/* Behind the last block that matters: a write leaves out what lies beyond the end of the file. */
static uint64_t end_of(struct ext2_fs *fs, enum block_op op, struct vnode *v, struct page *last)
{
	uint64_t size = __atomic_load_n(&v->size, __ATOMIC_ACQUIRE), end = (last->index + 1)
									   << fs->page_shift;

	return op == BLOCK_READ ? end : MIN(end, DIV_ROUND_UP(size, (uint64_t)fs->block_size));
}

static void transfer(struct object *o, enum block_op op, struct page **pages, unsigned n)
{
	struct vnode *v = o->data;
	struct ext2_inode *ei = ext2_i(v);
	struct batch t = { .fs = ei->fs, .op = op };
	struct place at = { .count = 0 };
	uint64_t end = end_of(ei->fs, op, v, pages[n - 1]);
	uint64_t begin = pages[0]->index << ei->fs->page_shift,
		 last = pages[n - 1]->index << ei->fs->page_shift;

	page_reserve_enter();
	mutex_lock(&ei->map_lock);
	if (op == BLOCK_READ && !ext2_bmap_same_table(ei->fs, begin, last))
		find(ei, last, 1, &at); /* its table is read now, or it would cut a request */
	at.count = 0;
	for (unsigned i = 0; i < n;) {
		uint64_t first = pages[i]->index << ei->fs->page_shift, left = end > first ? end - first : 0;

		if (transfer_page(&t, ei, pages[i], MIN(left, 1ul << ei->fs->page_shift), left, &at) !=
		    -EAGAIN) {
			i++;
			continue;
		}
		batch_flush(&t); /* memory comes from what others finish, perhaps under the lock */
		mutex_unlock(&ei->map_lock);
		at.count = 0;
		thread_sleep_ns(1000000);
		mutex_lock(&ei->map_lock);
	}
	mutex_unlock(&ei->map_lock);
	batch_flush(&t);
	page_reserve_leave();
}

static void pager_read(struct object *o, struct page **pages, unsigned n)
{
	transfer(o, BLOCK_READ, pages, n);
}

static void pager_write(struct object *o, struct page **pages, unsigned n)
{
	transfer(o, BLOCK_WRITE, pages, n);
}

/* All blocks of the page up to the end of the file, or to where it is about to end. */
static int pager_reserve(struct object *o, uint64_t index)
{
	struct vnode *v = o->data;
	struct ext2_inode *ei = ext2_i(v);
	struct ext2_fs *fs = ei->fs;
	uint64_t bytes = MAX(__atomic_load_n(&v->size, __ATOMIC_RELAXED), v->reserve_end);
	uint64_t first = index << fs->page_shift, end = DIV_ROUND_UP(bytes, (uint64_t)fs->block_size);
	unsigned fresh = 0; /* bit i: block first + i */
	int r = 0;

	if (v->mount->read_only)
		return -EROFS;
	end = MIN(MAX(end, first + 1), first + (1u << fs->page_shift));
	page_reserve_enter();
	mutex_lock(&ei->map_lock);
	for (uint64_t b = first; b < end && r >= 0; b++) {
		r = ext2_delay(ei, b);
		fresh |= (r == 1) << (b - first);
	}
	for (unsigned i = 0; r < 0 && fresh >> i; i++)
		if (fresh >> i & 1)
			ext2_undelay(ei, first + i, first + i + 1);
	mutex_unlock(&ei->map_lock);
	page_reserve_leave();
	return MIN(r, 0);
}

static void pager_unreserve(struct object *o, uint64_t from, uint64_t end)
{
	struct ext2_inode *ei = ext2_i(o->data);

	mutex_lock(&ei->map_lock);
	ext2_undelay(ei, DIV_ROUND_UP(from, (uint64_t)ei->fs->block_size), end >> ei->fs->block_shift);
	mutex_unlock(&ei->map_lock);
}

static void pager_commit(struct object *o, bool wait)
{
	struct ext2_inode *ei = ext2_i(o->data);
	bool later;

	mutex_lock(&ei->map_lock);
	later = !wait && !tree_empty(&ei->extents); /* by the mount's thread, when the data has arrived */
	mutex_unlock(&ei->map_lock);
	if (!later)
		ext2_commit_due(ei);
}

static int pager_sync(struct object *o)
{
	struct ext2_inode *ei = ext2_i(o->data);
	int r = ext2_commit(ei), e = ext2_flush_metadata(ei->fs);

	return r ? r : e;
}

const struct pager_ops ext2_pager = {
	.name = "ext2",
	.read = pager_read,
	.reserve = pager_reserve,
	.unreserve = pager_unreserve,
	.write = pager_write,
	.commit = pager_commit,
	.sync = pager_sync,
	.ref = vnode_object_ref,
	.unref = vnode_object_unref,
	.describe = vnode_object_describe,
	.touched = vnode_object_touched,
};
