/*
 * A mail cut into its parts (RFC 2046 s. 5.1), by one pass over its lines.
 * Only mime.c includes this.
 */
#ifndef MIME_SPLIT_H
#define MIME_SPLIT_H

#include "text.h"

struct mime_leaf {
	struct span header;  /* of its own; empty: it has none */
	struct span content; /* still encoded */
	/* The type if it has no Content-Type, or one that is not valid. */
	const char *default_type;
	int parent;     /* in `multiparts`; -1: the mail itself */
	unsigned child; /* its index among the children of the parent */
};

struct mime_multipart {
	int parent;
	unsigned child;
	bool is_alternative;
	unsigned nchildren;
};

struct mime_split {
	struct span header;   /* of the mail */
	bool is_header_plain; /* fields only, up to an empty line */
	bool is_cut;          /* the last leaf is all the rest */
	struct mime_leaf *leaves;
	size_t nleaves, cap_leaves;
	struct mime_multipart *multiparts;
	size_t nmultiparts, cap_multiparts;
};

void mime_split(struct span mail, struct mime_split *ret);
void mime_split_free(struct mime_split *s);

/*
 * The first field of that name in a header.  False: there is none; `ret` is
 * empty.
 */
bool mime_find(struct span header, const char *name, struct span *ret);

#endif
