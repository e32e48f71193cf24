/* SPDX-License-Identifier: ISC */
/* The name cache: see name.h. */
#include "fs/name.h"
#include "fs/internal.h"
#include "lib/string.h"
#include "vm/frames/kmem.h"

#define NBUCKETS    1024
#define SHRINK_PART 4  /* one in so many of the unused names is looked at when memory is short */
#define SHRINK_STEP 64 /* with the lock held */

struct spinlock names_lock = SPINLOCK_INIT("names", RANK_VNODE);
static struct list buckets[NBUCKETS];
static struct list lru = LIST_INIT(lru);
static unsigned nunused, max_unused;
static struct kmem_cache name_cache;

/* Names keep vnodes and so the pages of files that nobody has open, about a KiB each beside the pages: there may be as many as
 * memory has frames. Under pressure those go that keep no page. */
void names_init(void)
{
	struct vm_counts c;

	vm_count(&c);
	max_unused = c.total;
	for (unsigned i = 0; i < NBUCKETS; i++)
		list_init(&buckets[i]);
	kmem_cache_init(&name_cache, "name", sizeof(struct name), false);
}

static uint32_t key_of(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)s[i]) * 16777619u;
	return h;
}

static struct list *bucket_of(const struct name *parent, uint32_t key)
{
	return &buckets[(key ^ (key >> 15) ^ (uint32_t)((uint64_t)parent >> 7)) % NBUCKETS];
}

static int set_component(struct name *n, const char *component, size_t len)
{
	char *room = n->room;

	if (len > NAME_SHORT) {
		room = kmalloc(len);
		if (!room)
			return -ENOMEM;
	}
	memcpy(room, component, len);
	n->component = room;
	n->len = len;
	n->key = key_of(component, len);
	return 0;
}

struct name *name_create(struct name *parent, const char *component, size_t len)
{
	struct name *n = kmem_cache_alloc(&name_cache);

	if (!n)
		return NULL;
	memset(n, 0, sizeof(*n));
	if (set_component(n, component, len)) {
		kmem_cache_free(&name_cache, n);
		return NULL;
	}
	list_init(&n->hash);
	list_init(&n->lru);
	list_init(&n->alias);
	n->refs = 1;
	if (parent)
		n->parent = name_ref(parent);
	return n;
}

struct name *name_ref(struct name *n)
{
	__atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED);
	return n;
}

/* [n] A reference to a name that may be unused. */
static struct name *ref_locked(struct name *n)
{
	if (__atomic_fetch_add(&n->refs, 1, __ATOMIC_RELAXED) == 0 && !list_empty(&n->lru)) {
		list_remove(&n->lru);
		nunused--;
	}
	return n;
}

/* [n] Lets a reference go; names that end with it, and parents only they kept, go to `dead`. */
static void unref_locked(struct name *n, struct list *dead)
{
	while (n && __atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		if (n->hashed) {
			list_append(&lru, &n->lru);
			nunused++;
			return;
		}
		list_remove(&n->alias);
		list_append(dead, &n->lru);
		n = n->parent;
	}
}

static void bury_all(struct list *dead)
{
	struct list *l;

	while ((l = list_pop(dead))) {
		struct name *n = list_entry(l, struct name, lru);

		if (n->vnode)
			vnode_unref(n->vnode);
		if (n->component != n->room)
			kfree(n->component);
		kmem_cache_free(&name_cache, n);
	}
}

static inline void bury(struct list *dead)
{
	if (unlikely(!list_empty(dead)))
		bury_all(dead);
}

void name_unref(struct name *n)
{
	struct list dead = LIST_INIT(dead);
	uint32_t refs = __atomic_load_n(&n->refs, __ATOMIC_RELAXED);
	bool many;

	while (refs > 1)
		if (__atomic_compare_exchange_n(&n->refs, &refs, refs - 1, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return;
	spin_lock(&names_lock);
	unref_locked(n, &dead);
	many = nunused > max_unused;
	spin_unlock(&names_lock);
	bury(&dead);
	if (many)
		names_shrink(8);
}

static void unhash_locked(struct name *n)
{
	if (!n->hashed)
		return;
	n->hashed = false;
	list_remove(&n->hash);
	list_remove(&n->alias);
}

/* [n] An unused name goes. */
static void evict_locked(struct name *n, struct list *dead)
{
	list_remove(&n->lru);
	nunused--;
	unhash_locked(n);
	list_append(dead, &n->lru);
	unref_locked(n->parent, dead);
}

unsigned names_shrink(unsigned n)
{
	struct list dead = LIST_INIT(dead);
	unsigned done = 0;

	spin_lock(&names_lock);
	for (; done < n && !list_empty(&lru); done++)
		evict_locked(list_first(&lru, struct name, lru), &dead);
	spin_unlock(&names_lock);
	bury(&dead);
	return done;
}

/* Does the name keep pages in memory? They are evicted one by one; what they were read for may come again. */
static bool keeps_pages(const struct name *n)
{
	return n->vnode && n->vnode->object && n->vnode->object->npages;
}

/* Looks at the n oldest. */
static unsigned shrink_cold(unsigned n)
{
	struct list dead = LIST_INIT(dead);
	unsigned done = 0;

	spin_lock(&names_lock);
	for (; n && !list_empty(&lru); n--) {
		struct name *oldest = list_first(&lru, struct name, lru);

		if (keeps_pages(oldest)) {
			list_remove(&oldest->lru);
			list_append(&lru, &oldest->lru);
			continue;
		}
		evict_locked(oldest, &dead);
		done++;
	}
	spin_unlock(&names_lock);
	bury(&dead);
	return done;
}

unsigned names_shrink_cold(void)
{
	unsigned left = __atomic_load_n(&nunused, __ATOMIC_RELAXED) / SHRINK_PART + 1, done = 0;

	for (; left > SHRINK_STEP; left -= SHRINK_STEP)
		done += shrink_cold(SHRINK_STEP);
	return done + shrink_cold(left);
}

void names_drop_mount(struct mount *m)
{
	struct list dead = LIST_INIT(dead);
	struct name *n;
	bool found;

	do { /* a parent becomes unused when its last child goes */
		struct name *next;

		found = false;
		spin_lock(&names_lock);
		list_for_each_safe(n, next, &lru, lru)
		{
			struct name *top = n;

			while (top->parent)
				top = top->parent;
			if (top->root_of != m)
				continue;
			evict_locked(n, &dead);
			found = true;
			break;
		}
		spin_unlock(&names_lock);
		bury(&dead);
	} while (found);
}

/* [n] */
static struct name *find_locked(struct name *parent, const char *component, size_t len, uint32_t key)
{
	struct name *n;

	list_for_each(n, bucket_of(parent, key), hash)
		if (n->key == key && n->parent == parent && n->len == len &&
		    memcmp(n->component, component, len) == 0)
			return n;
	return NULL;
}

struct name *name_find(struct name *parent, const char *component, size_t len)
{
	uint32_t key = key_of(component, len);
	struct list dead = LIST_INIT(dead);
	struct name *n;

	spin_lock(&names_lock);
	n = find_locked(parent, component, len, key);
	if (n && n->vnode && n->vnode->ops->valid && !n->vnode->ops->valid(n->vnode)) {
		ref_locked(n);
		unhash_locked(n);
		unref_locked(n, &dead);
		n = NULL;
	}
	if (n)
		ref_locked(n);
	spin_unlock(&names_lock);
	bury(&dead);
	return n;
}

static void hash_locked(struct name *n)
{
	n->hashed = true;
	list_push(bucket_of(n->parent, n->key), &n->hash);
	if (n->vnode)
		list_push(&n->vnode->names, &n->alias);
}

struct name *name_insert(struct name *n, struct vnode *v)
{
	struct name *other;

	spin_lock(&names_lock);
	other = find_locked(n->parent, n->component, n->len, n->key);
	if (other) {
		ref_locked(other);
	} else {
		n->vnode = v;
		if (n->parent->hashed ||
		    n->parent->root_of) /* nothing is remembered of a removed directory */
			hash_locked(n);
	}
	spin_unlock(&names_lock);
	if (!other)
		return n;
	if (v)
		vnode_unref(v);
	name_unref(n);
	return other;
}

void name_fill(struct name *n, struct vnode *v)
{
	spin_lock(&names_lock);
	assert(!n->vnode);
	n->vnode = v;
	list_push(&v->names, &n->alias);
	spin_unlock(&names_lock);
}

/* [n] The entry is gone from its directory. What is known not to be in a directory would keep a removed one, and its inode. */
static void remove_locked(struct name *n, struct list *dead)
{
	struct name *child, *next;

	unhash_locked(n);
	if (!n->vnode || !S_ISDIR(n->vnode->mode))
		return;
	list_for_each_safe(child, next, &lru, lru) if (child->parent == n) evict_locked(child, dead);
}

void name_unhash(struct name *n)
{
	struct list dead = LIST_INIT(dead);

	spin_lock(&names_lock);
	remove_locked(n, &dead);
	spin_unlock(&names_lock);
	bury(&dead);
}

void name_invalidate(struct name *parent, const char *component, size_t len)
{
	struct list dead = LIST_INIT(dead);
	struct name *n;

	spin_lock(&names_lock);
	n = find_locked(parent, component, len, key_of(component, len));
	if (n) {
		ref_locked(n);
		unhash_locked(n);
		unref_locked(n, &dead);
	}
	spin_unlock(&names_lock);
	bury(&dead);
}

int name_move(struct name *n, struct name *parent, const char *component, size_t len)
{
	struct list dead = LIST_INIT(dead);
	struct name scratch = { 0 }, *old, *there;
	char *old_long;

	if (set_component(&scratch, component, len))
		return -ENOMEM;
	name_ref(parent);
	spin_lock(&names_lock);
	there = find_locked(parent, component, len, scratch.key);
	if (there && there != n) {
		ref_locked(there);
		remove_locked(there, &dead);
		unref_locked(there, &dead);
	}
	unhash_locked(n);
	old = n->parent;
	old_long = n->component == n->room ? NULL : n->component;
	n->parent = parent;
	n->len = len;
	n->key = scratch.key;
	if (len > NAME_SHORT) {
		n->component = scratch.component;
	} else {
		memcpy(n->room, component, len);
		n->component = n->room;
	}
	hash_locked(n);
	unref_locked(old, &dead);
	spin_unlock(&names_lock);
	kfree(old_long);
	bury(&dead);
	return 0;
}

static void swap_components(struct name *a, struct name *b)
{
	char room[NAME_SHORT], *component = a->component;
	bool a_short = a->component == a->room, b_short = b->component == b->room;
	uint16_t len = a->len;
	uint32_t key = a->key;

	memcpy(room, a->room, sizeof(room));
	memcpy(a->room, b->room, sizeof(room));
	memcpy(b->room, room, sizeof(room));
	a->component = b_short ? a->room : b->component;
	b->component = a_short ? b->room : component;
	a->len = b->len;
	b->len = len;
	a->key = b->key;
	b->key = key;
}

void name_exchange(struct name *a, struct name *b)
{
	struct name *parent;

	spin_lock(&names_lock);
	unhash_locked(a);
	unhash_locked(b);
	swap_components(a, b);
	parent = a->parent; /* their references go with them */
	a->parent = b->parent;
	b->parent = parent;
	hash_locked(a);
	hash_locked(b);
	spin_unlock(&names_lock);
}

struct name *name_parent(struct name *n)
{
	struct name *parent;

	spin_lock(&names_lock);
	parent = n->parent ? ref_locked(n->parent) : NULL;
	spin_unlock(&names_lock);
	return parent;
}

bool name_is_above(struct name *a, struct name *n)
{
	spin_lock(&names_lock);
	while (n && n != a)
		n = n->parent;
	spin_unlock(&names_lock);
	return n == a;
}

bool name_elsewhere(struct vnode *v, const struct vnode *dir, const char *component, size_t len)
{
	struct name *n;
	bool found = false;

	spin_lock(&names_lock);
	list_for_each(n, &v->names, alias)
		found |= n->parent->vnode != dir || n->len != len ||
			 memcmp(n->component, component, len) != 0;
	spin_unlock(&names_lock);
	return found;
}

struct vnode *name_vnode(struct name *n)
{
	return n->vnode;
}

struct name *name_cross(struct name *n)
{
	struct list dead = LIST_INIT(dead);

	if (likely(!__atomic_load_n(&n->mounted, __ATOMIC_RELAXED)))
		return n;
	spin_lock(&names_lock);
	while (n->mounted) {
		struct name *top = ref_locked(n->mounted->root_name);

		unref_locked(n, &dead);
		n = top;
	}
	spin_unlock(&names_lock);
	bury(&dead);
	return n;
}

struct name *name_anonymous(struct vnode *v, const char *shown)
{
	struct name *n = name_create(NULL, shown, strlen(shown));

	if (n)
		n->vnode = v;
	return n;
}

/* [n] Built from the end of the buffer, where `suffix` is, towards its start. `removed`: names that left the tree are named, too. */
static ssize_t path_locked(struct name *n, struct name *root, bool removed, const char *suffix, char *buf,
			   size_t size)
{
	size_t len = strlen(suffix), at = size - 1 - len, end = at;

	if (size < len + 2)
		return -ERANGE;
	memcpy(buf + at, suffix, len + 1);
	while (n != root) {
		if (n->root_of) {
			if (!n->root_of->covered)
				break;
			n = n->root_of->covered;
			continue;
		}
		if (!n->hashed && !removed && n->parent)
			return -ENOENT;
		if (at < n->len + 1u)
			return -ERANGE;
		at -= n->len;
		memcpy(buf + at, n->component, n->len);
		if (!n->parent) /* anonymous: shown as it is */
			break;
		buf[--at] = '/';
		n = n->parent;
	}
	if (at == end)
		buf[--at] = '/';
	memmove(buf, buf + at, size - at);
	return size - 1 - at;
}

ssize_t name_path(struct name *n, struct name *root, char *buf, size_t size)
{
	ssize_t r;

	spin_lock(&names_lock);
	r = path_locked(n, root, false, "", buf, size);
	spin_unlock(&names_lock);
	return r;
}

/* [n] */
static ssize_t show_locked(struct name *n, char *buf, size_t size)
{
	bool removed = n->parent && !n->hashed;

	return path_locked(n, NULL, true, removed ? " (deleted)" : "", buf, size);
}

ssize_t name_show(struct name *n, char *buf, size_t size)
{
	ssize_t r;

	spin_lock(&names_lock);
	r = show_locked(n, buf, size);
	spin_unlock(&names_lock);
	return r;
}

void name_show_vnode(const struct vnode *v, char *buf, size_t size)
{
	struct name *n;

	spin_lock(&names_lock);
	n = list_empty(&v->names) ? v->former : list_first(&v->names, struct name, alias);
	if (!n || show_locked(n, buf, size) < 0)
		strlcpy(buf, "(deleted)", size);
	spin_unlock(&names_lock);
}

void name_set_former(struct vnode *v, struct name *former)
{
	struct name *old;

	spin_lock(&names_lock);
	old = v->former;
	v->former = former;
	spin_unlock(&names_lock);
	if (old)
		name_unref(old);
}

void name_remember(struct name *n)
{
	struct vnode *v = n->vnode;
	struct name *former;

	if (!v || !S_ISREG(v->mode) || __atomic_load_n(&v->refs, __ATOMIC_RELAXED) == 1)
		return;
	former = name_create(n->parent, n->component, n->len);
	if (former)
		name_set_former(v, former);
}
