/*
 * Values as the octets of a message between two processes of one machine and
 * one build.  Integers have a fixed width and the order of the machine; a text
 * has its length in front of it.  A value that does not fit, or is not there,
 * sets `failed`, and so all later ones fail too: one check at the end is
 * enough.
 */
#ifndef MAIL_PACK_H
#define MAIL_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/* A message that is written to `size` octets at `p`, `len` of them so far. */
struct pack {
	char *p;
	size_t len, size;
	bool failed;
};

void pack_u8(struct pack *m, uint8_t n);
void pack_u32(struct pack *m, uint32_t n);
void pack_u64(struct pack *m, uint64_t n);
/* A span whose p is NULL is not the same as an empty one. */
void pack_span(struct pack *m, struct span text);
/* The same for a string; NULL is fine. */
void pack_text(struct pack *m, const char *text);

/* The rest of a message that is read. */
struct unpack {
	struct span rest;
	bool failed;
};

/* These return 0 where nothing could be read. */
uint8_t unpack_u8(struct unpack *m);
uint32_t unpack_u32(struct unpack *m);
uint64_t unpack_u64(struct unpack *m);
/* Lends octets from the message; any may occur. */
struct span unpack_span(struct unpack *m);
/*
 * Lends text for a row or a header, without a NUL behind it: UTF-8 without
 * control characters, or with `nullable` no text at all.  Anything else fails.
 */
struct span unpack_text(struct unpack *m, size_t max, bool nullable);
/* Was all of it read, and did nothing fail? */
bool unpack_is_done(const struct unpack *m);

#endif
