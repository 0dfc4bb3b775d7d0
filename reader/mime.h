/*
 * A mail as MIME sees it (RFC 2045 to 2049, 2231, 6532): decoded fields, a flat
 * list of its leaves, and their content.  Nothing here is safe to print before
 * terminal_safe() has seen it.
 *
 * No type of GMime leaves this module.
 */
#ifndef READER_MIME_H
#define READER_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "../mail/span.h"

struct mime;

/* `data` is borrowed for the mime's life.  There is no mail that has none. */
struct mime *mime_open(struct span data);
void mime_free(struct mime *m);

/*
 * The value of a field, decoded (RFC 2047) and unfolded, as UTF-8; to be freed.
 */
char *mime_decode(const char *value);
/* Does the field, decoded, hold the words, whatever the case? */
bool mime_holds(const char *value, const char *words);

/* The fields of the mail's header; the value is as mime_decode()'s. */
int mime_nfields(const struct mime *m);
const char *mime_field_name(const struct mime *m, int i);
char *mime_field_value(const struct mime *m, int i);
/* Of the first one that has the name; NULL: none has. */
char *mime_field(const struct mime *m, const char *name);

struct mime_part {
	char *type; /* "text/plain" */
	char *name; /* of the file, decoded; or NULL */
	bool is_text;
	/* A part of what a person is to read; the rest are attachments. */
	bool is_body;
	void *object; /* private */
};

/* The leaves, in the order of the mail; the first one is part 1. */
size_t mime_nparts(const struct mime *m);
const struct mime_part *mime_part(const struct mime *m, size_t i);

/* Its octets without the transfer encoding; `p` is to be freed. */
struct span mime_content(const struct mime_part *part);
/*
 * Those of a text as a person reads them: UTF-8, as far as can be, and HTML
 * without its tags; to be freed.
 */
char *mime_text(const struct mime_part *part);

#endif
