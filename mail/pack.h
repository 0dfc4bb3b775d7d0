/*
 * Values as the octets of a message between two processes of one machine and
 * one build: integers of fixed width in the order of the machine, text with
 * its length before it.  Neither side checks after each value: what does not
 * fit, or is not there, sets `failed`, and everything after it is refused too.
 */
#ifndef MAIL_PACK_H
#define MAIL_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

/* A message being written into `size` octets at `p`, `len` of them so far. */
struct pack {
	char *p;
	size_t len, size;
	bool failed;
};

void pack_u8(struct pack *m, uint8_t n);
void pack_u32(struct pack *m, uint32_t n);
void pack_u64(struct pack *m, uint64_t n);
/* A span whose p is NULL stays one, and is told from an empty one. */
void pack_span(struct pack *m, struct span text);
/* The same for a string; NULL is fine. */
void pack_text(struct pack *m, const char *text);

/* What is left of a message being read. */
struct unpack {
	struct span rest;
	bool failed;
};

/* 0 where nothing could be read. */
uint8_t unpack_u8(struct unpack *m);
uint32_t unpack_u32(struct unpack *m);
uint64_t unpack_u64(struct unpack *m);
/* Octets, lent from the message: any may occur. */
struct span unpack_span(struct unpack *m);
/*
 * Text that may go into a row or a header: UTF-8 without control characters,
 * or, of `nullable`, none at all; anything else fails.  Lent, without a NUL
 * behind it.
 */
struct span unpack_text(struct unpack *m, size_t max, bool nullable);
/* True when all of it was read, and nothing failed. */
bool unpack_is_done(const struct unpack *m);

#endif
