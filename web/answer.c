#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../clock.h"
#include "connections.h"

enum {
	PING_EVERY_MS = 15000, /* to see who has gone */
	/* An answer of more is given in pieces of this size. */
	PIECE = 64 * 1024,
};

/*
 * Events
 */

struct events {
	struct web *web;
	struct place *place;
	int64_t changes; /* changes that were told */
	int64_t told_at_ms;
};

/* Writes the next event; without one, suspends the connection. */
static ssize_t
read_events(void *arg, uint64_t position, char *ret, size_t max)
{
	struct events *e = arg;
	int64_t last = 0, now = clock_ms();
	int len;

	(void)position;
	if (e->place->is_leaving)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (e->changes == e->web->changes &&
	    now < e->told_at_ms + PING_EVERY_MS) {
		connection_put_aside(
		    e->place->connection, e->told_at_ms + PING_EVERY_MS);
		return 0;
	}
	mails_last_id(&e->web->mails, &last);
	len = e->changes == e->web->changes
		  ? snprintf(ret, max, ":\n\n")
		  : snprintf(ret, max, "id: %lld\ndata: {\"last\":%lld}\n\n",
			(long long)last, (long long)last);
	e->changes = e->web->changes;
	e->told_at_ms = e->place->got_on_at = now;
	return len > 0 && (size_t)len < max ? len
					    : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *
make_events(const struct request *r)
{
	struct events *e = text_resize(NULL, sizeof *e);

	/*
	 * The first ping comes at once, to tell the browser that it is
	 * connected.
	 */
	*e = (struct events){
		.web = r->web,
		.place = connection_place(r->connection),
		.changes = r->web->changes,
		.told_at_ms = -PING_EVERY_MS,
	};
	return MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, 256, read_events, e, free);
}

/*
 * Other answers
 */

static void
add_headers(struct MHD_Response *to, const struct response *r)
{
	const struct {
		const char *name, *value;
	} fields[] = {
		{ "Content-Type", r->type },
		{ "Content-Security-Policy",
		    r->policy ? r->policy
			      : "default-src 'none'; frame-ancestors 'none'" },
		{ "X-Frame-Options", r->is_framed ? "SAMEORIGIN" : "DENY" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "X-DNS-Prefetch-Control", "off" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control",
		    r->is_static ? "private, max-age=300" : "no-store" },
		{ "Content-Disposition",
		    *r->disposition ? r->disposition : NULL },
		{ "WWW-Authenticate", r->challenge },
		{ "Allow", *r->allow ? r->allow : NULL },
		{ "Connection", r->is_last ? "close" : NULL },
	};

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		if (fields[i].value)
			MHD_add_response_header(
			    to, fields[i].name, fields[i].value);
	}
}

/* Gives a piece of the answer that the place keeps. */
static ssize_t
read_piece(void *arg, uint64_t position, char *ret, size_t max)
{
	struct place *place = arg;
	size_t left = place->octets - (size_t)position;
	size_t len = left < max ? left : max;

	if (place->is_leaving)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	memcpy(ret, place->answer + position, len);
	place->got_on_at = clock_ms();
	return (ssize_t)len;
}

static struct MHD_Response *
make_pieces(struct MHD_Connection *connection, const struct response *response)
{
	connection_hold(connection, response->body, response->len);
	return MHD_create_response_from_callback(response->len, PIECE,
	    read_piece, connection_place(connection), NULL);
}

static struct MHD_Response *
make_answer(const struct request *r, const struct response *response)
{
	if (response->is_events)
		return make_events(r);
	if (response->len > PIECE)
		return make_pieces(r->connection, response);
	return MHD_create_response_from_buffer(
	    response->len, response->body, MHD_RESPMEM_MUST_FREE);
}

enum MHD_Result
answer(const struct request *r, const struct response *response)
{
	struct MHD_Response *to = make_answer(r, response);
	enum MHD_Result result;

	if (!to)
		exit(EX_OSERR); /* no memory, as in text.h */
	add_headers(to, response);
	result = MHD_queue_response(r->connection, response->status, to);
	MHD_destroy_response(to);
	return result;
}
