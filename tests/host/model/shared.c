/* SPDX-License-Identifier: ISC */
/* The model's anonymous memory that relatives share: see model.h. */
#include "model.h"

#include <stdlib.h>

void shared_start(struct program *p)
{
	GET(p->in)->d = calloc(1, sizeof(*GET(p->in)->d));
	GET(p->in)->d->refs = 1;
	map(p, D_AT, D_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, NULL);
}

void shared_step(struct program *p)
{
	unsigned i = pick(D_PAGES), what = pick(3), slot = what == 2 ? pick(NPROGS) : p->slot;
	uint64_t *value = &GET(p->in)->d->value[i][slot], va = page_at(D_AT, i) + LANE(slot),
		 least = GET(*value), seen = 0;
	bool ok;

	if (what == 0) {
		seen = new_stamp();
		ok = machine_store(va, seen);
		if (ok)
			SET(*value, seen);
	} else { /* of others at least what they had stored before: stamps only rise */
		ok = machine_load(va, &seen);
		CHECK(!ok || (slot == p->slot ? seen == least : seen >= least));
	}
	CHECK(ok || excused());
}
