/* SPDX-License-Identifier: ISC */
/*
 * Reference strings for replacement: the same ones for vmtrace, which touches pages in that order, and for the simulator, from a kind and
 * a seed. Nothing but +, -, *, / and comparisons of doubles, so that every machine makes the same string.
 *
 *	zipf-60 .. zipf-120   page i with weight 1/i^0.60 .. 1/i^1.20, scattered
 *	loop                  half of the touches go to a tenth of the pages, the others run through all of them in a circle
 *	phase                 uniform within a third of the pages, which moves on eight times
 *	scan                  zipf-100, and every eighth of the time a scan through everything
 *	belady                1 2 3 4 1 2 5 1 2 3 4 5, again and again; each a fifth of the pages, in order
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct trace {
	const char *kind;
	uint64_t state;
	uint32_t npages, at, length, run; /* run: where a circle or a scan is */
	double *sums;			  /* of the weights, by rank */
	uint32_t *page;			  /* by rank */
};

static inline uint64_t trace_random(struct trace *t)
{
	uint64_t x = t->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return t->state = x;
}

/* i^(-percent/100): the hundredth root by Newton's method is too slow for many, so by halves of the exponent: i^(1/2), i^(1/4), ... */
static inline double trace_weight(uint32_t i, unsigned percent)
{
	double power = 1, root = i, bit = 100;

	for (unsigned step = 0; step < 24; step++, bit /= 2) {
		double guess = root;

		if (percent >= bit) { /* only its first 7 bits or so can be set, the rest is rounding's */
			power *= root;
			percent -= (unsigned)bit;
		}
		for (int k = 0; k < 60; k++)
			guess = (guess + root / guess) / 2;
		root = guess;
		if (bit < 2)
			break;
	}
	return 1 / power;
}

/* 0, or -1: no such kind, or no memory. */
static inline int trace_begin(struct trace *t, const char *kind, uint64_t seed, uint32_t npages,
			      uint32_t length)
{
	unsigned percent = !strncmp(kind, "zipf-", 5) ? (unsigned)atoi(kind + 5) : 100;
	double sum = 0;

	if (strncmp(kind, "zipf-", 5) && strcmp(kind, "loop") && strcmp(kind, "phase") &&
	    strcmp(kind, "scan") && strcmp(kind, "belady"))
		return -1;
	*t = (struct trace){
		.kind = kind, .state = seed * 0x9e3779b97f4a7c15ull + 1, .npages = npages, .length = length
	};
	t->sums = malloc(npages * sizeof(*t->sums));
	t->page = malloc(npages * sizeof(*t->page));
	if (!t->sums || !t->page)
		return -1;
	for (uint32_t i = 0; i < npages; i++) {
		sum += trace_weight(i + 1, percent);
		t->sums[i] = sum;
		t->page[i] = i;
	}
	for (uint32_t i = npages - 1; i > 0; i--) {
		uint32_t k = (uint32_t)(trace_random(t) % (i + 1)), p = t->page[i];

		t->page[i] = t->page[k];
		t->page[k] = p;
	}
	return 0;
}

static inline uint32_t trace_zipf(struct trace *t)
{
	double at = (double)(trace_random(t) >> 11) / (double)(1ull << 53) * t->sums[t->npages - 1];
	uint32_t lo = 0, hi = t->npages - 1;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (t->sums[mid] > at)
			hi = mid;
		else
			lo = mid + 1;
	}
	return t->page[lo];
}

static inline uint32_t trace_belady(struct trace *t)
{
	static const unsigned char symbols[] = { 0, 1, 2, 3, 0, 1, 4, 0, 1, 2, 3, 4 };
	uint32_t group = t->npages / 5, i = t->run++;

	return symbols[i / group % 12] * group + i % group;
}

/* The page of the next touch. */
static inline uint32_t trace_next(struct trace *t)
{
	uint32_t eighth = t->length / 8, at = t->at++;

	if (!strcmp(t->kind, "belady"))
		return trace_belady(t);
	if (!strcmp(t->kind, "loop"))
		return trace_random(t) % 2 ? t->page[trace_random(t) % (t->npages / 10)] :
					     t->run++ % t->npages;
	if (!strcmp(t->kind, "phase"))
		return (uint32_t)((at / eighth * (t->npages / 5) + trace_random(t) % (t->npages / 3)) %
				  t->npages);
	if (!strcmp(t->kind, "scan") && at % eighth + t->npages >= eighth)
		return t->run++ % t->npages;
	return trace_zipf(t);
}

#endif
