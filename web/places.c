#include "places.h"

#include <assert.h>
#include <string.h>

struct place *
places_take(struct places *p, struct MHD_Connection *connection,
    struct ip source, int64_t now)
{
	struct place *free = p->all;

	assert(p->n < PLACES_MAX);
	while (free->connection)
		free++;
	*free = (struct place){
		.connection = connection,
		.source = source,
		.got_on_at = now,
	};
	p->n++;
	return free;
}

void
places_free(struct places *p, struct place *place)
{
	*place = (struct place){ .connection = NULL };
	p->n--;
}

size_t
places_octets(const struct places *p)
{
	size_t sum = 0;

	for (size_t i = 0; i < PLACES_MAX; i++) {
		if (!p->all[i].is_leaving)
			sum += p->all[i].octets;
	}
	return sum;
}

bool
places_is_one_leaving(const struct places *p)
{
	for (size_t i = 0; i < PLACES_MAX; i++) {
		if (p->all[i].is_leaving)
			return true;
	}
	return false;
}

static size_t
holds(const struct place *place, enum places_held held)
{
	if (!place->connection || place->is_leaving)
		return 0;
	return held == PLACES_OCTETS ? place->octets : 1;
}

static size_t
source_holds(
    const struct places *p, const struct ip *source, enum places_held held)
{
	size_t sum = 0;

	for (size_t i = 0; i < PLACES_MAX; i++) {
		if (memcmp(&p->all[i].source, source, sizeof *source) == 0)
			sum += holds(&p->all[i], held);
	}
	return sum;
}

struct place *
places_choose(struct places *p, enum places_held held)
{
	struct place *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < PLACES_MAX; i++) {
		struct place *at = &p->all[i];
		size_t sum;

		if (holds(at, held) == 0)
			continue;
		sum = source_holds(p, &at->source, held);
		if (sum > most ||
		    (best && sum == most && at->got_on_at < best->got_on_at)) {
			best = at;
			most = sum;
		}
	}
	return best;
}
