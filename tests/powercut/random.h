/*
 * Numbers that look random and are the same for the same seed (splitmix64,
 * Steele, Lea and Flood 2014).
 */
#ifndef POWERCUT_RANDOM_H
#define POWERCUT_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t
random_next(struct random *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* 0 to n - 1; 0 when n is 0. */
static inline unsigned
random_below(struct random *r, unsigned n)
{
	return n ? (unsigned)(random_next(r) % n) : 0;
}

/* One stream of its own for each (seed, which). */
static inline struct random
random_stream(uint64_t seed, uint64_t which)
{
	struct random r = { seed };

	r.state = random_next(&r) ^ (which * 0xd1342543de82ef95u);
	random_next(&r);
	return r;
}

#endif
