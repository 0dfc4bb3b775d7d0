/*
 * A mail as MIME sees it (RFC 2045 to 2049, 2231, 6532): decoded fields, a
 * flat list of its leaves, and their content.  Nothing here is safe to print
 * before terminal_safe() has seen it.
 *
 * Reading any mail takes time in proportion to its octets, and beside them a
 * few megabytes: no function is recursive, content is decoded in pieces, and
 * fields, parts and depth are bounded.  What is beyond a bound, or is no MIME,
 * is text of the mail: nothing vanishes.
 */
#ifndef MIME_H
#define MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "../mail/header.h"
#include "../mail/span.h"
#include "text.h"

struct mime;

/*
 * `data` is borrowed for the life of the result, which is never NULL: any
 * octets are a mail.
 */
struct mime *mime_open(struct span data);
void mime_free(struct mime *m);

/*
 * The value of a field, decoded (RFC 2047) and unfolded, as UTF-8; to be
 * freed.  A very long one is cut.
 */
char *mime_decode(struct span value);
/* Does the field, decoded, hold the words, whatever the case? */
bool mime_holds(const char *value, const char *words);

/* For header_next(): the fields of the mail, in their order. */
struct header_fields mime_fields(const struct mime *m);
/* The first field of that name, decoded, to be freed; NULL: there is none. */
char *mime_field(const struct mime *m, const char *name);
/*
 * May text of the mail stand among its fields?  It may where no empty line
 * ends the header.
 */
bool mime_is_header_open(const struct mime *m);
/* Were there more parts than are looked at?  The last one holds the rest. */
bool mime_is_cut(const struct mime *m);

struct mime_part {
	char *type;         /* "text/plain" */
	char *name;         /* of the file, decoded; or NULL */
	char *id;           /* Content-ID without brackets; or NULL */
	bool is_attachment; /* its disposition says so */
	bool is_text;
	bool is_html;
	/* A part of what a person is to read. */
	bool is_body;
	/* Is shown in a list with its number, and can be extracted. */
	bool is_listed;
	struct span octets; /* of the mail: its content, encoded */
	/* Private to mime.c. */
	char *charset; /* its label; "" for none */
	int transfer;
	bool is_flowed;     /* RFC 3676 */
	bool deletes_space; /* the same, with DelSp=yes */
};

/* The leaves, in the order of the mail; the first one is part 1. */
size_t mime_nparts(const struct mime *m);
const struct mime_part *mime_part(const struct mime *m, size_t i);

/* Each returns false where the sink wanted no more. */
/* Its octets without the transfer encoding, and how many they are. */
bool mime_content(const struct mime_part *part, struct sink to);
size_t mime_size(const struct mime_part *part);
/* A text as UTF-8, in pieces of whole characters. */
bool mime_source(const struct mime_part *part, struct sink to);
/* The same as a person reads it: HTML as text, flowed text with whole lines. */
bool mime_text(const struct mime_part *part, struct sink to);

#endif
