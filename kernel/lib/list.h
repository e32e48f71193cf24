/* SPDX-License-Identifier: ISC */
/*
 * Doubly linked circular lists with the links inside their elements. The caller locks; but whether a list is empty may be asked without the
 * lock, so `next` changes in one store.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/base.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(l)       \
	{                  \
		&(l), &(l) \
	}

static inline void list_init(struct list *l)
{
	l->prev = l;
	store_relaxed(&l->next, l);
}

static inline bool list_empty(const struct list *l)
{
	return load_relaxed(&l->next) == l;
}

static inline void list_insert_after(struct list *at, struct list *e)
{
	e->prev = at;
	store_relaxed(&e->next, at->next);
	at->next->prev = e;
	store_relaxed(&at->next, e);
}

/* list_push adds at the head, list_append at the tail. */
static inline void list_push(struct list *head, struct list *e)
{
	list_insert_after(head, e);
}

static inline void list_append(struct list *head, struct list *e)
{
	list_insert_after(head->prev, e);
}

/* Takes `e` off its list and leaves it a list of its own, so that removing it twice is harmless. */
static inline void list_remove(struct list *e)
{
	store_relaxed(&e->prev->next, e->next);
	e->next->prev = e->prev;
	list_init(e);
}

static inline struct list *list_pop(struct list *head)
{
	struct list *e = head->next;

	if (e == head)
		return NULL;
	list_remove(e);
	return e;
}

/* Takes the first elements, up to `last`, off. Their links are void. */
static inline void list_drop_first(struct list *head, struct list *last)
{
	last->next->prev = head;
	store_relaxed(&head->next, last->next);
}

/* Moves all of `from` to the tail of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	store_relaxed(&to->prev->next, from->next);
	store_relaxed(&from->prev->next, to);
	to->prev = from->prev;
	list_init(from);
}

#define list_entry(ptr, type, member)  container_of(ptr, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_for_each(var, head, member)                                                   \
	for (var = list_entry((head)->next, typeof(*var), member); &var->member != (head); \
	     var = list_entry(var->member.next, typeof(*var), member))
#define list_for_each_safe(var, tmp, head, member)                    \
	for (var = list_entry((head)->next, typeof(*var), member),    \
	    tmp = list_entry(var->member.next, typeof(*var), member); \
	     &var->member != (head); var = tmp, tmp = list_entry(tmp->member.next, typeof(*var), member))

#endif
