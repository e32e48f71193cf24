/* SPDX-License-Identifier: ISC */
/*
 * The block map: pointers on disk (the inode's fifteen and the indirect blocks), and in memory the extents that are not among them yet.
 * All with the inode's map_lock held.
 *
 * Reserving is exact: a delayed block promises itself and those indirect blocks on its path that are neither there nor promised
 * already. Installing uses up what was promised.
 *
 * An indirect block (table) is promised (a node in `promises`), then in the hands of the one who commits (struct ext2_tables: blocks out of the promises'
 * reservation that nothing names), then on disk as zeros, then named by what is above it, and the promise is gone. The committer holds
 * commit_lock from the allocation on, but no map_lock while the zeros are written: writers, which reserve, do not wait for the disk. Meanwhile extents may come
 * and be allocated; those that wait for the tables stay, since only commit and truncation, which takes commit_lock too, end a PENDING extent.
 * So no promise that was taken up is dropped.
 */
#include "fs/ext2/ext2.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

static struct kmem_cache extent_cache, promise_cache;

void ext2_bmap_init(void)
{
	static bool done;

	if (!done) {
		kmem_cache_init(&extent_cache, "ext2 extent", sizeof(struct ext2_extent), false);
		kmem_cache_init(&promise_cache, "ext2 promise", sizeof(struct ext2_promise), false);
	}
	done = true;
}

/* ---- paths ---- */

struct path {
	unsigned
		depth; /* 1: in the inode; else as many tables, the inode's own included; 0: beyond what a file can have */
	uint64_t base;	  /* the first block below the inode's pointer */
	uint32_t slot[4]; /* in each table */
};

static void path_of(const struct ext2_fs *fs, uint64_t b, struct path *p)
{
	uint64_t base = EXT2_NDIRECT;

	p->depth = 1;
	p->base = b;
	p->slot[0] = b;
	if (b < EXT2_NDIRECT)
		return;
	for (unsigned height = 1; height <= 3; height++) {
		uint64_t span = 1ul << (height * fs->ptrs_shift), rest = b - base;

		if (rest < span) {
			p->depth = 1 + height;
			p->base = base;
			p->slot[0] = EXT2_NDIRECT + height - 1;
			for (unsigned i = height; i > 0; i--, rest >>= fs->ptrs_shift)
				p->slot[i] = rest & ((1u << fs->ptrs_shift) - 1);
			return;
		}
		base += span;
	}
	p->depth = 0;
}

uint64_t ext2_max_blocks(const struct ext2_fs *fs)
{
	uint64_t n = EXT2_NDIRECT;

	for (unsigned height = 1; height <= 3; height++)
		n += 1ul << (height * fs->ptrs_shift);
	/* the inode counts sectors in 32 bits, indirect blocks too */
	return MIN(n, (uint64_t)UINT32_MAX / (fs->block_size / EXT2_SECTOR) / 1025 * 1024);
}

/*
 * Follows the path to the first pointer that is 0, or to the last: its table is *level (0: the inode), *table its pointers. The table
 * is held in *buf unless it is the inode's.
 */
static int follow_by(struct ext2_inode *ei, const struct path *p, unsigned *level, uint32_t **table,
		     struct ext2_buf *buf, int (*get)(struct ext2_fs *fs, uint64_t blkno, struct ext2_buf *b))
{
	buf->page = NULL;
	*table = ei->block;
	for (*level = 0; *level + 1 < p->depth; ++*level) {
		uint32_t next = (*table)[p->slot[*level]];
		int r;

		if (!next)
			return 0;
		ext2_put(buf);
		if (!ext2_block_valid(ei->fs, next))
			return ext2_damaged(ei->fs, "an indirect block is said to be", next);
		r = get(ei->fs, next, buf);
		if (r)
			return r;
		*table = buf->data;
	}
	return 0;
}

static int follow(struct ext2_inode *ei, const struct path *p, unsigned *level, uint32_t **table,
		  struct ext2_buf *buf)
{
	return follow_by(ei, p, level, table, buf, ext2_get);
}

bool ext2_bmap_same_table(const struct ext2_fs *fs, uint64_t b, uint64_t c)
{
	if (b < EXT2_NDIRECT || c < EXT2_NDIRECT)
		return b < EXT2_NDIRECT && c < EXT2_NDIRECT;
	return (b - EXT2_NDIRECT) >> fs->ptrs_shift == (c - EXT2_NDIRECT) >> fs->ptrs_shift;
}

bool ext2_bmap_resident(struct ext2_inode *ei, uint64_t b)
{
	struct ext2_buf buf;
	struct path p;
	unsigned level;
	uint32_t *table;
	bool resident;

	path_of(ei->fs, b, &p);
	resident = follow_by(ei, &p, &level, &table, &buf, ext2_peek) == 0;
	ext2_put(&buf);
	return resident;
}

/* How many pointers from table[i] on continue what it says: blocks in a row, or zeros. */
static uint32_t pointers_run(const uint32_t *table, uint32_t i, uint32_t end)
{
	uint32_t n = 1;

	while (i + n < end && table[i + n] == (table[i] ? table[i] + n : 0))
		n++;
	return n;
}

int ext2_bmap(struct ext2_inode *ei, uint64_t b, uint32_t max, uint32_t *blkno, uint32_t *run)
{
	uint32_t nptrs = 1u << ei->fs->ptrs_shift, i, *table;
	struct ext2_buf buf;
	struct path p;
	unsigned level;
	uint64_t n;
	int r;

	if (b - ei->seen.first < ei->seen.count) {
		*blkno = ei->seen.blkno + (b - ei->seen.first);
		*run = MIN(max, ei->seen.count - (uint32_t)(b - ei->seen.first));
		return 0;
	}
	path_of(ei->fs, b, &p);
	if (!p.depth)
		return -EFBIG;
	r = follow(ei, &p, &level, &table, &buf);
	if (r)
		return r;
	i = p.slot[level];
	*blkno = table[i];
	if (level + 1 == p.depth) {
		n = pointers_run(table, i, level ? nptrs : EXT2_NDIRECT);
	} else { /* a hole as far as the missing table reaches */
		uint64_t span = 1ul << ((p.depth - 1 - level) * ei->fs->ptrs_shift);

		n = span - ((b - p.base) & (span - 1));
	}
	ext2_put(&buf);
	*run = MIN(max, n);
	if (*blkno && (!ext2_block_valid(ei->fs, *blkno) || !ext2_block_valid(ei->fs, *blkno + *run - 1)))
		return ext2_damaged(ei->fs, "a file names block", *blkno);
	if (*blkno) {
		ei->seen.first = b;
		ei->seen.count = MIN(n, (uint64_t)ei->fs->nblocks - *blkno);
		ei->seen.blkno = *blkno;
	}
	return 0;
}

/* ---- extents and promises ---- */

struct ext2_extent *ext2_extent_at(struct ext2_inode *ei, uint64_t b)
{
	struct tree_node *n = ei->extents.root;
	struct ext2_extent *found = NULL;

	while (n) {
		struct ext2_extent *e = tree_entry(n, struct ext2_extent, node);

		if (b < e->first + e->count) {
			found = e;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

static void extent_link(struct ext2_inode *ei, struct ext2_extent *e, uint64_t first, uint32_t count,
			uint32_t blkno)
{
	struct tree_node **link = &ei->extents.root, *parent = NULL;

	*e = (struct ext2_extent){ .first = first, .count = count, .blkno = blkno, .ei = ei };
	while (*link) {
		parent = *link;
		link = first < tree_entry(parent, struct ext2_extent, node)->first ? &parent->left :
										     &parent->right;
	}
	tree_link(&ei->extents, parent, link, &e->node);
}

bool ext2_spares_get(struct ext2_spares *s)
{
	for (; s->n < ARRAY_SIZE(s->extent); s->n++) {
		s->extent[s->n] = kmem_cache_alloc(&extent_cache);
		if (!s->extent[s->n])
			return false;
	}
	return true;
}

void ext2_spares_put(struct ext2_spares *s)
{
	while (s->n > 0)
		kmem_cache_free(&extent_cache, s->extent[--s->n]);
}

static void extent_free(struct ext2_extent *e)
{
	tree_remove(&e->ei->extents, &e->node);
	kmem_cache_free(&extent_cache, e);
}

static uint64_t promise_key(const struct ext2_fs *fs, const struct path *p, uint64_t b, unsigned height)
{
	uint64_t span = 1ul << (height * fs->ptrs_shift);

	return (p->base + ((b - p->base) & ~(span - 1))) << 2 | height;
}

static struct ext2_promise *promise_find(struct ext2_inode *ei, uint64_t key)
{
	struct tree_node *n = ei->promises.root;

	while (n) {
		struct ext2_promise *q = tree_entry(n, struct ext2_promise, node);

		if (q->key == key)
			return q;
		n = key < q->key ? n->left : n->right;
	}
	return NULL;
}

static void promise_link(struct ext2_inode *ei, struct ext2_promise *q)
{
	struct tree_node **link = &ei->promises.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = q->key < tree_entry(parent, struct ext2_promise, node)->key ? &parent->left :
										     &parent->right;
	}
	tree_link(&ei->promises, parent, link, &q->node);
}

static void promise_free(struct ext2_inode *ei, struct ext2_promise *q)
{
	tree_remove(&ei->promises, &q->node);
	kmem_cache_free(&promise_cache, q);
}

/* The promises that block b needs and nobody has made yet, for the tables below `level`. Their number, or -ENOMEM. */
static int promises_needed(struct ext2_inode *ei, const struct path *p, uint64_t b, unsigned level,
			   struct ext2_promise *new[3])
{
	int n = 0;

	for (unsigned height = p->depth - 1 - level; height > 0; height--) {
		uint64_t key = promise_key(ei->fs, p, b, height);

		if (promise_find(ei, key))
			continue;
		new[n] = kmem_cache_alloc(&promise_cache);
		if (!new[n]) {
			while (n > 0)
				kmem_cache_free(&promise_cache, new[--n]);
			return -ENOMEM;
		}
		new[n++]->key = key;
	}
	return n;
}

/* b is neither in an extent nor has it a pointer. */
static int delay_new(struct ext2_inode *ei, uint64_t b)
{
	struct ext2_extent *before = b ? ext2_extent_at(ei, b - 1) : NULL;
	bool joins = before && before->first < b && !before->blkno;
	struct ext2_extent *e = joins ? before : kmem_cache_alloc(&extent_cache);
	struct ext2_promise *new[3];
	struct ext2_buf buf;
	struct path p;
	uint32_t *table;
	unsigned level;
	int n = 0, r = e ? 0 : -ENOMEM;

	path_of(ei->fs, b, &p);
	if (!r)
		r = follow(ei, &p, &level, &table, &buf);
	if (!r) {
		ext2_put(&buf);
		n = promises_needed(ei, &p, b, level, new);
		r = n < 0 ? n : ext2_reserve_for_caller(ei->fs, 1 + n);
	}
	if (!r && joins)
		e->count++;
	else if (!r)
		extent_link(ei, e, b, 1, 0);
	else if (e && !joins)
		kmem_cache_free(&extent_cache, e);
	for (int i = 0; i < n; i++)
		if (r)
			kmem_cache_free(&promise_cache, new[i]);
		else
			promise_link(ei, new[i]);
	return r;
}

int ext2_delay(struct ext2_inode *ei, uint64_t b)
{
	struct ext2_extent *e = ext2_extent_at(ei, b);
	uint32_t blkno, run;
	int r;

	if (e && e->first <= b)
		return 0;
	if (b >= ext2_max_blocks(ei->fs))
		return -EFBIG;
	r = ext2_bmap(ei, b, e ? MIN(e->first - b, (uint64_t)UINT32_MAX) : UINT32_MAX, &blkno, &run);
	if (!r && !blkno && !(r = delay_new(ei, b)))
		r = 1;
	return r;
}

/* Takes [lo, hi) out of a DELAYED extent. False: no memory to cut it in two. */
static bool shorten(struct ext2_inode *ei, struct ext2_extent *e, uint64_t lo, uint64_t hi)
{
	uint64_t end = e->first + e->count;
	struct ext2_extent *behind = NULL;

	if (e->first < lo && hi < end && !(behind = kmem_cache_alloc(&extent_cache)))
		return false;
	if (behind)
		extent_link(ei, behind, hi, end - hi, 0);
	if (e->first < lo) {
		e->count = lo - e->first;
	} else if (hi < end) {
		e->first = hi;
		e->count = end - hi;
	} else {
		extent_free(e);
	}
	return true;
}

static void drop_promises(struct ext2_inode *ei, uint64_t b);

void ext2_undelay(struct ext2_inode *ei, uint64_t b, uint64_t end)
{
	struct ext2_extent *e;

	while (b < end && (e = ext2_extent_at(ei, b)) && e->first < end) {
		uint64_t lo = MAX(b, e->first), hi = MIN(end, e->first + e->count);

		if (!e->blkno && shorten(ei, e, lo, hi))
			ext2_unreserve_blocks(ei->fs, hi - lo);
		b = hi;
	}
	if (tree_empty(&ei->extents))
		drop_promises(ei, 0);
}

struct ext2_extent *ext2_pend(struct ext2_extent *e, uint64_t b, uint32_t n, uint32_t blkno,
			      struct ext2_spares *spares)
{
	struct ext2_inode *ei = e->ei;
	uint64_t end = e->first + e->count;
	struct ext2_extent *new;

	assert(!e->blkno && e->first <= b && b + n <= end && spares->n == 2);
	if (b == e->first && b + n == end) {
		e->blkno = blkno;
		return e;
	}
	if (b == e->first) { /* the rest keeps the node, whose place in the tree does not change */
		e->first += n;
		e->count -= n;
	} else {
		e->count = b - e->first;
		if (b + n < end)
			extent_link(ei, spares->extent[--spares->n], b + n, end - (b + n), 0);
	}
	new = spares->extent[--spares->n];
	extent_link(ei, new, b, n, blkno);
	return new;
}

/* ---- installing pointers ---- */

#define TABLES_MAX 16 /* made at a time */

static bool has_arrived(const struct ext2_extent *e)
{
	return e->blkno && !__atomic_load_n(&e->inflight, __ATOMIC_ACQUIRE);
}

/* Whether a block below the promised table can be installed now. */
static bool promise_due(struct ext2_inode *ei, const struct ext2_promise *q)
{
	uint64_t first = q->key >> 2, end = first + (1ul << ((q->key & 3) * ei->fs->ptrs_shift));
	struct ext2_extent *e = ext2_extent_at(ei, first);

	while (e && e->first < end && !has_arrived(e)) {
		struct tree_node *n = tree_next(&e->node);

		e = n ? tree_entry(n, struct ext2_extent, node) : NULL;
	}
	return e && e->first < end;
}

/* Blocks in a row for as many tables as will be needed soon. */
static int tables_take(struct ext2_inode *ei, struct ext2_tables *t)
{
	struct tree_node *n = tree_first(&ei->promises);
	unsigned want = 0;
	int r;

	for (; n && want < TABLES_MAX; n = tree_next(n))
		want += promise_due(ei, tree_entry(n, struct ext2_promise, node));
	r = ext2_alloc_blocks(ei->fs, ei->goal, want, &t->next, &t->n);
	if (r)
		return r;
	ei->goal = t->next + t->n;
	return -EAGAIN;
}

void ext2_tables_give_back(struct ext2_inode *ei, struct ext2_tables *t)
{
	for (; t->n; t->next++, t->n--) {
		ext2_forget(ei->fs, t->next);
		ext2_free_unused(ei->fs, t->next, 1);
		if (ext2_reserve_blocks(ei->fs, 1)) /* somebody was faster */
			promise_free(ei, tree_entry(tree_last(&ei->promises), struct ext2_promise, node));
	}
	if (tree_empty(&ei->extents)) /* made for what was truncated before it was written */
		drop_promises(ei, 0);
}

/* The promise of this table, or a new one for what an I/O error broke; NULL: there is no room. */
static struct ext2_promise *promise_of(struct ext2_inode *ei, uint64_t key)
{
	struct ext2_promise *q = promise_find(ei, key);

	if (q || !(q = kmem_cache_alloc(&promise_cache)))
		return q;
	q->key = key;
	if (ext2_reserve_blocks(ei->fs, 1)) {
		kmem_cache_free(&promise_cache, q);
		return NULL;
	}
	promise_link(ei, q);
	return q;
}

/* Names a new table of this height on the path of b in `slot` of the table above it. No block is held. -EAGAIN: *t is to be written first. */
static int make_table(struct ext2_inode *ei, const struct path *p, uint64_t b, unsigned level,
		      struct ext2_tables *t)
{
	struct ext2_promise *q = promise_of(ei, promise_key(ei->fs, p, b, p->depth - 1 - level));
	struct ext2_buf buf;
	uint32_t *table;
	unsigned again;
	int r = q ? 0 : -ENOSPC;

	if (!r && !t->n)
		r = tables_take(ei, t);
	if (!r)
		r = follow(ei, p, &again, &table, &buf);
	if (r)
		return r;
	assert(again == level);
	table[p->slot[level]] = t->next++;
	t->n--;
	if (buf.page)
		ext2_changed(ei->fs, &buf);
	ext2_put(&buf);
	promise_free(ei, q);
	ei->nsectors += ei->fs->block_size / EXT2_SECTOR;
	return 0;
}

/* As many pointers of the extent as lie in one table, from block e->first on, which moves. */
static int install_some(struct ext2_inode *ei, struct ext2_extent *e, struct ext2_tables *t)
{
	uint32_t nptrs = 1u << ei->fs->ptrs_shift, *table, i, n;
	struct ext2_buf buf;
	struct path p;
	unsigned level;
	int r;

	assert(!__atomic_load_n(&e->inflight, __ATOMIC_RELAXED)); /* never a pointer before its data */
	path_of(ei->fs, e->first, &p);
	r = follow(ei, &p, &level, &table, &buf);
	if (r)
		return r;
	i = p.slot[level];
	if (level + 1 < p.depth) {
		ext2_put(&buf);
		return make_table(ei, &p, e->first, level, t);
	}
	n = MIN(e->count, (level ? nptrs : EXT2_NDIRECT) - i);
	for (uint32_t k = 0; k < n; k++)
		table[i + k] = e->blkno + k;
	if (buf.page)
		ext2_changed(ei->fs, &buf);
	ext2_put(&buf);
	ei->nsectors += n * (ei->fs->block_size / EXT2_SECTOR);
	e->first += n;
	e->blkno += n;
	e->count -= n;
	return 0;
}

/* Its write failed: what the blocks hold is unknown, and nothing shall name them. */
static void revert(struct ext2_extent *e)
{
	ext2_free_unused(e->ei->fs, e->blkno, e->count);
	if (ext2_reserve_blocks(
		    e->ei->fs,
		    e->count)) { /* taken meanwhile: should a page be dirty again, it fails again */
		extent_free(e);
		return;
	}
	e->blkno = 0;
	e->failed = false;
}

int ext2_install(struct ext2_inode *ei, struct ext2_tables *t)
{
	struct tree_node *n = tree_first(&ei->extents), *next;
	int r = 0;

	for (; n && !r; n = next) {
		struct ext2_extent *e = tree_entry(n, struct ext2_extent, node);

		next = tree_next(n);
		if (!has_arrived(e))
			continue;
		if (e->failed) {
			revert(e);
			continue;
		}
		while (e->count && !r)
			r = install_some(ei, e, t);
		if (!e->count)
			extent_free(e);
	}
	return r;
}

/* ---- truncation ---- */

static void drop_promises(struct ext2_inode *ei, uint64_t b)
{
	struct tree_node *n = tree_last(&ei->promises), *before;

	for (; n; n = before) {
		struct ext2_promise *q = tree_entry(n, struct ext2_promise, node);

		before = tree_prev(n);
		if (q->key >> 2 < b)
			break;
		promise_free(ei, q);
		ext2_unreserve_blocks(ei->fs, 1);
	}
}

void ext2_drop_extents(struct ext2_inode *ei, uint64_t b)
{
	struct ext2_extent *e;

	while ((e = ext2_extent_at(ei, b))) {
		uint64_t keep = e->first < b ? b - e->first : 0;

		assert(keep || !e->inflight);
		if (e->blkno)
			ext2_free_unused(ei->fs, e->blkno + keep, e->count - keep);
		else
			ext2_unreserve_blocks(ei->fs, e->count - keep);
		e->count = keep;
		if (!keep)
			extent_free(e);
	}
	drop_promises(ei, tree_empty(&ei->extents) ? 0 : b);
}

/* The tables that free_tree holds. One that an image names again below itself is freed once: its page stays held until then. */
struct held_table {
	uint32_t blkno;
	const struct held_table *above;
};

static bool is_held(const struct held_table *t, uint32_t blkno)
{
	for (; t; t = t->above)
		if (t->blkno == blkno)
			return true;
	return false;
}

/* Frees what lies at or beyond `from` below a pointer that covers [base, base + span); true: the pointer itself goes. */
static bool free_tree(struct ext2_inode *ei, uint32_t blkno, unsigned height, uint64_t base, uint64_t from,
		      const struct held_table *above, struct list *freed)
{
	uint64_t span = 1ul << (height * ei->fs->ptrs_shift);
	struct held_table here = { blkno, above };
	bool all = from <= base;
	struct ext2_buf buf;

	if (base + span <= from)
		return false;
	if (is_held(above, blkno)) {
		ext2_damaged(ei->fs, "a table of blocks names itself:", blkno);
		return all;
	}
	if (height > 0 && ext2_block_valid(ei->fs, blkno) && ext2_get(ei->fs, blkno, &buf) == 0) {
		uint32_t *table = buf.data;
		bool dirty = false;

		span >>= ei->fs->ptrs_shift;
		for (uint32_t i = 0; i < 1u << ei->fs->ptrs_shift; i++)
			if (table[i] &&
			    free_tree(ei, table[i], height - 1, base + i * span, from, &here, freed)) {
				dirty = !all;
				if (!all)
					table[i] = 0;
			}
		if (dirty)
			ext2_changed(ei->fs, &buf);
		ext2_put(&buf);
	}
	if (!all)
		return false;
	if (height > 0)
		ext2_forget(ei->fs, blkno);
	ext2_gather_freed(ei->fs, freed, blkno);
	ei->nsectors -= MIN(ei->nsectors, ei->fs->block_size / EXT2_SECTOR);
	return true;
}

void ext2_free_pointers(struct ext2_inode *ei, uint64_t b, struct list *freed)
{
	uint64_t base = EXT2_NDIRECT;

	ei->seen.count = 0;
	ei->goal = 0;
	for (unsigned i = 0; i < EXT2_NDIRECT; i++)
		if (ei->block[i] && free_tree(ei, ei->block[i], 0, i, b, NULL, freed))
			ei->block[i] = 0;
	for (unsigned height = 1; height <= 3; height++) {
		uint32_t *top = &ei->block[EXT2_NDIRECT + height - 1];

		if (*top && free_tree(ei, *top, height, base, b, NULL, freed))
			*top = 0;
		base += 1ul << (height * ei->fs->ptrs_shift);
	}
}
