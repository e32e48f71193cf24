/* SPDX-License-Identifier: ISC */
/* What lies behind one page of a mapping now: for mincore, madvise and what /proc tells. */
#ifndef VM_VIEW_H
#define VM_VIEW_H

#include "vm/mapping.h"

struct page_view {
	struct page *page; /* resident, valid and held; NULL: none */
	uint32_t swap;	   /* the swap entry in its place, 0: none */
	bool private;	   /* it is the overlay's */
	bool mapped;	   /* a PTE of the space names it */
	bool zero;	   /* the zero page is mapped */
	bool accessed;	   /* used since someone last looked */
	bool shared;	   /* other spaces have or map it too */
	unsigned users;	   /* how many do, this one included; 0 unless asked for */
};

/* With the space held. `count`: also who else has it, which takes the object's mapping list. The page must be released. */
void view_page(struct mapping *m, uint64_t vpn, bool count, struct page_view *v);
/* The first page at or after vpn, before `end`, where an overlay's slot or the base's is not EMPTY; `end`: none. */
uint64_t view_next(struct mapping *m, uint64_t vpn, uint64_t end);

/* Is the page in memory as the program sees it? What is private counts without a PTE, as page tables are only a cache. */
static inline bool view_resident(const struct page_view *v)
{
	return v->mapped || v->zero || (v->private && v->page);
}
/* All pages of the mapping count as unused from now on. */
void view_forget_use(struct mapping *m);
/* What is mapped now is the most that was, from now on (space_peak). */
void view_forget_peak(struct space *s);

#endif
