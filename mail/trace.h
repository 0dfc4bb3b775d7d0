/*
 * The lines that the server adds to a mail and keeps beside it (RFC 5321
 * s. 4.4): Return-Path, Received, and for a submission what it lacks.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>

#include "envelope.h"
#include "facts.h"
#include "header.h"
#include "peer.h"

struct trace_mail {
	const struct envelope *envelope;
	const struct peer *peer;
	const struct facts *facts; /* NULL: none */
	const char *hostname;
	int64_t received_at; /* microseconds since 1970, UTC */
	/* The mail's own Date, From and Message-ID; NULL: add none. */
	const struct header *header;
	/* For Message-ID: no other mail has this and the same received_at. */
	long process_id;
};

/* The lines, each with CRLF; the row's id goes between the two. */
struct trace {
	char before_id[2048];
	char after_id[2048];
};

void trace_write(const struct trace_mail *mail, struct trace *ret);

#endif
