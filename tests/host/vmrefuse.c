/* SPDX-License-Identifier: ISC */
/*
 * Each allocation of each operation is made to fail once: the first, then in a fresh run the second, and so on, until the operation gets
 * through with none refused.
 *
 *	vmrefuse [OPERATION]
 *
 * Every run begins with a space whose pages are dirty, shared with a child, or in swap, and with mappings of a file. Whatever becomes of the
 * operation, the audit must hold, the child and the pages beside those worked on must be as they were, and after the end everything must be
 * given back. A call must succeed or say ENOMEM, and then have changed nothing; a fault waits and gets through.
 */
#include "fs/internal.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "machine.h"
#include "vm/frames/kmem.h"
#include "vm/internal.h"

#include <stdio.h>

#define NPAGES	192
#define WORK	66 /* the first page that operations change; in swap is the one behind, shared the next */
#define F_PAGES 64
#define A_AT	0x10000000ul
#define C_AT	0x30000000ul
#define B_AT	0x31000000ul
#define FREE_AT 0x50000000ul

void abort(void) __attribute__((noreturn));

static struct space *space, *child;
static struct vnode file = { .mode = S_IFREG };
static struct block_device *disk, *swap;
static const char *doing = "start";
static uint64_t nth;

static void last_words(void)
{
	fprintf(stderr, "%s, allocation %lu refused; again: vmrefuse %s\n", doing, nth, doing);
}

#define CHECK(cond)                                                                        \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			last_words();                                                      \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* ---- the file ---- */

static void read_pages(struct object *o __unused, struct page **pages, unsigned n)
{
	machine_disk_pages(disk, BLOCK_READ, pages, n);
}

static void write_pages(struct object *o __unused, struct page **pages, unsigned n)
{
	machine_disk_pages(disk, BLOCK_WRITE, pages, n);
}

static const struct pager_ops ops = { .name = "file", .read = read_pages, .write = write_pages };

/* ---- before and after ---- */

static void map(struct space *s, uint64_t at, unsigned npages, int flags, struct object *o)
{
	CHECK(vm_mmap(s, at, npages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		      flags | MAP_FIXED | (o ? 0 : MAP_ANONYMOUS), o, 0, 7) == (int64_t)at);
}

static uint64_t page(unsigned i)
{
	return A_AT + i * PAGE_SIZE;
}

/* A third of the pages is in swap, a third the parent's own since the fork, a third shared; also of those that are worked on. */
static void begin(void)
{
	CHECK((space = space_create()));
	space->limits.memlock = UINT64_MAX;
	space->brk_start = space->brk_end = FREE_AT + 0x1000000;
	file.size = F_PAGES * PAGE_SIZE;
	CHECK((file.object = object_create(&ops, &file, F_PAGES)));
	machine_enter(space);
	map(space, A_AT, NPAGES, MAP_PRIVATE, NULL);
	map(space, C_AT, F_PAGES, MAP_SHARED, file.object);
	map(space, B_AT, F_PAGES, MAP_PRIVATE, file.object);
	for (unsigned i = 0; i < NPAGES; i++)
		CHECK(machine_store(page(i), i + 1));
	for (unsigned i = 1; i < NPAGES; i += 3)
		CHECK(vm_madvise(space, page(i), PAGE_SIZE, 21 /* PAGEOUT */) == 0);
	machine_idle(100000000);
	machine_enter(space);
	CHECK(space_fork(space, &child) == 0);
	for (unsigned i = 0; i < NPAGES; i += 3)
		CHECK(machine_store(page(i), i + 1001));
}

static void check_pages(struct space *s, unsigned first, unsigned n)
{
	machine_enter(s);
	for (unsigned i = first; i < first + n; i++) {
		uint64_t seen = 0;

		CHECK(machine_load(page(i), &seen));
		CHECK(seen == i + 1 + (s == space && i % 3 == 0 ? 1000 : 0));
	}
}

static void breach(void *arg __unused, const char *line)
{
	fprintf(stderr, "audit: %s\n", line);
}

static void end(void)
{
	CHECK(vm_audit(breach, NULL) == 0);
	check_pages(space, 0, WORK);
	check_pages(child, 0, NPAGES);
	machine_enter(NULL);
	space_unref(space);
	space_unref(child);
	object_writeback(file.object, 0, OBJECT_ALL, true);
	object_unref(file.object);
	machine_idle(3000000000);
	kmem_shrink();
	CHECK(vm_audit(breach, NULL) == 0);
}

/* ---- operations: 0 or -errno ---- */

static int result(int64_t r)
{
	return r < 0 ? r : 0;
}

static int do_create(void)
{
	struct space *s = space_create();

	if (s)
		space_unref(s);
	return s ? 0 : -ENOMEM;
}

static int do_mmap(void)
{
	return result(vm_mmap(space, FREE_AT, 9 * PAGE_SIZE, 3, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0, 7));
}

static int do_mmap_shared(void)
{
	return result(vm_mmap(space, FREE_AT, 9 * PAGE_SIZE, 3, MAP_SHARED | MAP_ANONYMOUS, NULL, 0, 7));
}

static int do_mmap_over(void)
{
	return result(vm_mmap(space, page(WORK + 20), 90 * PAGE_SIZE, 3,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, 7));
}

static int do_munmap(void)
{
	return vm_munmap(space, page(WORK + 20), 90 * PAGE_SIZE);
}

static int do_mprotect(void)
{
	return vm_mprotect(space, page(WORK + 20), 90 * PAGE_SIZE, PROT_READ);
}

static int do_brk(void)
{
	uint64_t want = space->brk_start + 5 * PAGE_SIZE;

	return vm_brk(space, want) == want ? 0 : -ENOMEM;
}

static int do_dontneed(void)
{
	return vm_madvise(space, page(WORK + 20), 90 * PAGE_SIZE, 4);
}

static int do_wipe_on_fork(void)
{
	return vm_madvise(space, page(WORK + 20), 90 * PAGE_SIZE, 18);
}

static int do_mlock(void)
{
	return vm_mlock(space, page(WORK + 20), 30 * PAGE_SIZE, MF_LOCKED);
}

static int do_mremap(void)
{
	return result(vm_mremap(space, page(WORK + 20), 90 * PAGE_SIZE, 90 * PAGE_SIZE, 1 | 2, FREE_AT));
}

static int do_mremap_grow(void)
{
	return result(vm_mremap(space, page(WORK + 20), 90 * PAGE_SIZE, 190 * PAGE_SIZE, 1, 0));
}

static int do_fork(void)
{
	struct space *s;
	int err = space_fork(space, &s);

	if (!err)
		space_unref(s);
	return err;
}

static int touch(uint64_t first, unsigned n, unsigned step, bool write)
{
	uint64_t seen;

	machine_enter(space);
	for (unsigned i = 0; i < n; i += step)
		CHECK(write ? machine_store(first + i * PAGE_SIZE + 8, 7) :
			      machine_load(first + i * PAGE_SIZE, &seen));
	return 0;
}

static int do_copy(void)
{
	return touch(page(WORK + 2), 60, 3, true);
}

static int do_swap_in(void)
{
	return touch(page(WORK + 1), 60, 3, false);
}

static int do_swap_in_write(void)
{
	return touch(page(WORK + 1), 60, 3, true);
}

static int do_file_load(void)
{
	return touch(C_AT, F_PAGES, 1, false);
}

static int do_file_store(void)
{
	return touch(C_AT, F_PAGES, 1, true);
}

static int do_file_copy(void)
{
	return touch(B_AT, F_PAGES, 1, true);
}

static int do_zero(void)
{
	int err = do_mmap();

	return err ? err : touch(FREE_AT, 9, 1, true);
}

static int do_write(void)
{
	struct uio u = { .user = true, .addr = page(0), .left = 20 * PAGE_SIZE };
	uint64_t at = 40 * PAGE_SIZE + 100;
	ssize_t r;

	machine_enter(space);
	r = pageio_write(&file, &u, &at, false);
	CHECK(r == 20 * (ssize_t)PAGE_SIZE || r == -ENOMEM);
	return result(r);
}

static int do_read(void)
{
	struct uio u = { .user = true, .addr = page(WORK), .left = 20 * PAGE_SIZE };
	uint64_t at = 3 * PAGE_SIZE + 100;
	ssize_t r;

	machine_enter(space);
	r = pageio_read(&file, NULL, &u, &at);
	CHECK(r == 20 * (ssize_t)PAGE_SIZE || r == -ENOMEM);
	return result(r);
}

static int do_truncate(void)
{
	int err;

	touch(B_AT, F_PAGES, 1, true);
	rwlock_write(&file.contents);
	err = pageio_shrink(&file, 5 * PAGE_SIZE + 77);
	if (!err)
		err = pageio_extend(&file, 50 * PAGE_SIZE);
	rwlock_write_unlock(&file.contents);
	return err;
}

static int do_sync(void)
{
	touch(C_AT, F_PAGES, 1, true);
	return vm_msync(space, C_AT, F_PAGES * PAGE_SIZE, 4);
}

static int do_swapoff(void)
{
	int err = vm_swapoff(swap);

	return err ? err : vm_swapon(swap, "/dev/swap", 0);
}

static int do_access(void)
{
	uint64_t words[2] = { 7, 7 };

	CHECK(vm_access(space, page(WORK + 2) + 8, words, 16, true) == 16);
	CHECK(vm_access(space, page(WORK + 4) + 8, words, 16, false) == 16);
	return 0;
}

static const struct operation {
	const char *name;
	int (*fn)(void);
	bool partly; /* what was done before the failure stays, as on Linux */
} operations[] = {
	{ "create", do_create, false },
	{ "mmap", do_mmap, false },
	{ "mmap-shared", do_mmap_shared, false },
	{ "mmap-over", do_mmap_over, false },
	{ "munmap", do_munmap, false },
	{ "mprotect", do_mprotect, true },
	{ "brk", do_brk, false },
	{ "dontneed", do_dontneed, true },
	{ "wipe-on-fork", do_wipe_on_fork, false },
	{ "mlock", do_mlock, false },
	{ "mremap", do_mremap, false },
	{ "mremap-grow", do_mremap_grow, false },
	{ "fork", do_fork, false },
	{ "copy", do_copy, true },
	{ "swap-in", do_swap_in, false },
	{ "swap-in-write", do_swap_in_write, true },
	{ "file-load", do_file_load, false },
	{ "file-store", do_file_store, false },
	{ "file-copy", do_file_copy, false },
	{ "zero", do_zero, true },
	{ "write", do_write, false },
	{ "read", do_read, true },
	{ "truncate", do_truncate, false },
	{ "sync", do_sync, false },
	{ "swapoff", do_swapoff, false },
	{ "access", do_access, true },
};

/* One run; false: no allocation was refused, the operation is through. */
static bool try_one(const struct operation *op, uint64_t n, struct vm_counts *after)
{
	uint64_t npages, nfree, before;
	bool refused;
	int err;

	nth = n;
	begin();
	before = machine_nrefused;
	machine_trouble.refuse_nth = n;
	err = op->fn();
	refused = machine_nrefused != before;
	machine_trouble.refuse_nth = 0;
	CHECK(err == 0 || (err == -ENOMEM && refused));
	CHECK(vm_audit(breach, NULL) == 0);
	if (err && !op->partly)
		check_pages(space, 0, NPAGES);
	if (op->fn == do_swapoff && err) { /* it may be off now */
		err = vm_swapon(swap, "/dev/swap", 0);
		CHECK(err == 0 || err == -EPERM || err == -EBUSY || err == -EINVAL);
	}
	end();
	vm_swap_totals(&npages, &nfree);
	CHECK(npages == nfree);
	CHECK(node_count() == 0);
	CHECK(vm_committed() == 0);
	vm_count(after);
	return refused;
}

int main(int argc, char **argv)
{
	struct vm_counts first, now;
	uint64_t total = 0;

	machine_last_words = last_words;
	machine_start(1, 4000, 1);
	disk = machine_disk("file", 2 * F_PAGES, false);
	swap = machine_disk("swap", 4096, true);
	CHECK(vm_swapon(swap, "/dev/swap", 0) == 0);
	rwlock_init(&file.contents, "file", RANK_INODE);
	for (unsigned i = 0; i < ARRAY_SIZE(operations); i++) {
		uint64_t n = 1;

		doing = operations[i].name;
		if (argc > 1 && strcmp(argv[1], doing))
			continue;
		try_one(&operations[i], 0, &first); /* what stays of the first run is kept for later ones */
		try_one(&operations[i], 0, &first);
		for (; try_one(&operations[i], n, &now); n++)
			CHECK(now.free == first.free && now.kernel == first.kernel);
		CHECK(n < 10000);
		printf("%s %lu ", doing, n - 1);
		total += n - 1;
	}
	printf("\nvmrefuse: %lu allocations refused: ok\n", total);
	return 0;
}
