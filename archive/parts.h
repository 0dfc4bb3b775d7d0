/*
 * What a schema consists of, read from the statements that make it.
 */
#ifndef ARCHIVE_PARTS_H
#define ARCHIVE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "../mail/span.h"

enum part_kind {
	PART_TABLE,
	PART_COLUMN,
	PART_CONSTRAINT, /* of a table; that of a column belongs to the column */
	PART_INDEX,
	PART_VIEW,
	PART_TRIGGER,
	PART_FUNCTION,
	PART_SEQUENCE,
	PART__COUNT
};

/* The spans point into the text that was read. */
struct part {
	enum part_kind kind;
	struct span table; /* of a column or constraint; else empty */
	struct span name;  /* without quotes; of a constraint, its text */
	struct span text;  /* of a column or constraint; else the statement */
	struct span tail;  /* of a table: what stands behind its columns */
};

struct parts {
	struct part *part;
	size_t n;
};

/*
 * Reads the statements of SQLite and PostgreSQL, as far as the schemas have
 * them; others are passed over.  `ret` starts as { 0 } and is to be reset.  0,
 * or -1: there is no memory.
 */
int parts_read(const char *text, struct parts *ret);
void parts_reset(struct parts *p);

/*
 * Cuts off the next token: a word, which may have dots; a text in quotes or
 * between "$$"; or one other octet.  Comments and blanks are passed over.
 * Empty: there are no more.
 */
struct span parts_token(struct span *rest);

/* Are these the same tokens, whatever the quotes of names and their case? */
bool parts_are_same(struct span a, struct span b);
/* Is it one of the tokens outside of all parentheses? */
bool parts_have(struct span text, const char *word);

/*
 * The text in one line, without comments; to be freed.  NULL: there is no
 * memory.
 */
char *parts_line(struct span text);

#endif
