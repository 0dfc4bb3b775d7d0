/*
 * A header column holds what smtpd can keep of a field while a mail streams
 * by: up to HEADER_VALUE_MAX octets, with "?" for what is no UTF-8.  Where the
 * column may hold less than the mail, the field is read from the mail, so that
 * lists and filters work on what a person sees.
 */
#include <stdlib.h>
#include <string.h>

#include "../mail/header.h"
#include "private.h"

enum {
	READ_MAX = 1024 * 1024, /* octets of a header that are looked at */
	READ_FIRST = 4096,
	/* Nobody reads more of a field. */
	VALUE_MAX = 256 * 1024,
};

/*
 * Octets of the encoded word (RFC 2047) that `text` begins with, in which "?"
 * stands for itself; 0: there is none.
 */
static size_t
word_len(const char *text)
{
	size_t at = 2 + strcspn(text + 2, "? ");
	size_t end;

	if (text[at] != '?' || text[at + 1] == '\0' || text[at + 2] != '?')
		return 0;
	end = at + 3 + strcspn(text + at + 3, "?");
	return text[end] == '?' && text[end + 1] == '=' ? end + 2 : 0;
}

/* Is the column all that the mail has? */
static bool
is_whole(const char *column)
{
	size_t len = 0;

	while (column[len] != '\0') {
		if (column[len] == '?')
			return false;
		if (column[len] == '=' && column[len + 1] == '?') {
			size_t word = word_len(column + len);

			if (word == 0)
				return false;
			len += word;
		} else {
			len++;
		}
	}
	return len < HEADER_VALUE_MAX;
}

/* Reads the header, or its beginning; to be freed.  NULL: failed. */
static char *
read_header(struct archive *a, int64_t id, struct span *ret)
{
	struct header h;
	struct blob *blob = blob_begin(a->db, id, false);
	char *data = NULL;
	bool ok = true;
	size_t len = 0, want = READ_FIRST, size = blob_size(blob);

	header_start(&h);
	while (len < size && len < READ_MAX && !header_is_over(&h)) {
		size_t more = size - len < want - len ? size - len : want - len;
		char *grown = realloc(data, want);

		if (grown)
			data = grown;
		ok = grown && blob_read(blob, data + len, more, len);
		if (!ok)
			break;
		header_feed(&h, (struct span){ data + len, more });
		len += more;
		want *= 4;
	}
	if (blob_end(blob) != DATABASE_OK || !ok) {
		free(data);
		return NULL;
	}
	header_end(&h);
	*ret = (struct span){ data, (size_t)h.size };
	return data;
}

/* Copies the first field of that name; U+FFFD stands for NUL. */
static char *
copy_field(struct span header, const char *wanted)
{
	struct header_fields f = { .rest = header };
	struct span name, value;
	char *copy;
	size_t len = 0;

	do {
		if (!header_next(&f, &name, &value))
			return NULL;
	} while (!span_is(name, wanted));
	if (value.len > VALUE_MAX + 1)
		value.len = VALUE_MAX + 1;
	copy = malloc(3 * value.len + 1);
	for (size_t i = 0; copy && i < value.len; i++) {
		if (value.p[i] != '\0') {
			copy[len++] = value.p[i];
		} else {
			memcpy(copy + len, "\xEF\xBF\xBD", 3);
			len += 3;
		}
	}
	if (copy)
		copy[len] = '\0';
	return copy;
}

char *
archive_field(
    struct archive *a, int64_t id, const char *column, const char *name)
{
	struct span header;
	char *data, *value = NULL;

	if (!column || is_whole(column))
		return NULL;
	data = read_header(a, id, &header);
	if (data)
		value = copy_field(header, name);
	free(data);
	return value;
}
