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

/* For all who share it; of what they store meanwhile the puncher knows nothing, but of what he stored himself nothing is left. */
static void punch(struct program *p)
{
	unsigned first = D_PUNCHED + pick(D_PAGES - D_PUNCHED), n = 1 + pick(D_PAGES - first);
	int err;

	CALL(err, vm_madvise(GET(p->in)->space, page_at(D_AT, first), n * PAGE_SIZE, 9 /* REMOVE */));
	model_trace(p, "punch %u+%u of D: %d", first, n, err);
	CHECK(err == 0);
	for (unsigned i = first; i < first + n; i++)
		SET(GET(p->in)->d->value[i][p->slot], 0);
}

static void load_or_store(struct program *p)
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
		CHECK(!ok || (slot == p->slot ? seen == least : seen >= least) || (i >= D_PUNCHED && !seen));
		if (ok && slot == p->slot)
			SET(*value, seen); /* what was punched away does not come back */
	}
	CHECK(ok || excused());
}

void shared_step(struct program *p, bool holes)
{
	if (holes && pick(16) == 0)
		punch(p);
	else
		load_or_store(p);
}
