/*
 * The places of connections, and which one is given to who comes when all are
 * taken.
 *
 * A client that sends or reads an octet a second is not idle, so a time of
 * silence does not find it.  What counts is when a connection last got on: it
 * was made, its request was there, or a piece of its answer was taken.  In the
 * source that holds the most, the one that has stood longest has to leave.
 */
#ifndef WEB_PLACES_H
#define WEB_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/ip.h"

enum {
	PLACES_MAX = 200,
};

struct MHD_Connection;

/* Times are those of clock_ms(). */
struct place {
	struct MHD_Connection *connection; /* NULL: the place is free */
	struct ip source; /* ip_source(); all 0: it has no address */
	int64_t got_on_at;
	int64_t waits_until; /* it is suspended, for that long; 0: it is not */
	char *answer;        /* that is sent in pieces; its own; or NULL */
	size_t octets;       /* of it */
	bool is_leaving;
};

struct places {
	struct place all[PLACES_MAX];
	size_t n; /* that are taken */
};

/* What the sources hold. */
enum places_held {
	PLACES_CONNECTIONS,
	PLACES_OCTETS,
};

/* There is a free place: who asks has seen to that. */
struct place *places_take(struct places *p, struct MHD_Connection *connection,
    struct ip source, int64_t now);
void places_free(struct places *p, struct place *place);

/* The octets of all answers, but for those that are leaving. */
size_t places_octets(const struct places *p);
/* Is one leaving that still has its place? */
bool places_is_one_leaving(const struct places *p);
/* Returns the one to leave; NULL: none holds any. */
struct place *places_choose(struct places *p, enum places_held held);

#endif
