/*
 * Reads the values of a stream (copy.h), which may be malformed anywhere.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "private.h"

enum {
	/* No column but a mail's data is longer. */
	VALUE_MAX = 64 * 1024 * 1024,
};

int
copy_fail(struct copy_input *in, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return archive_fail_result(
	    in->a, database_fail(in->a->db, VERDICT_CORRUPT, "%s", text));
}

int
copy_fail_input(struct copy_input *in)
{
	if (ferror(in->from))
		return archive_fail_result(in->a,
		    database_fail_errno(in->a->db, "reading the copy", errno));
	if (feof(in->from))
		return copy_fail(
		    in, "the copy ends too early; what came is kept");
	return copy_fail(in, "this is no copy as smtpdb makes it");
}

int
copy_read_length(struct copy_input *in, uint64_t *ret)
{
	int c = getc(in->from), digits = 0;

	while (c == '\n')
		c = getc(in->from);
	if (c == '-')
		return getc(in->from) == ',' ? 0 : copy_fail_input(in);
	for (*ret = 0; c >= '0' && c <= '9' && digits < 18; digits++) {
		*ret = *ret * 10 + (uint64_t)(c - '0');
		c = getc(in->from);
	}
	return digits > 0 && c == ':' ? 1 : copy_fail_input(in);
}

int
copy_read_octets(struct copy_input *in, char *to, size_t len)
{
	return fread(to, 1, len, in->from) == len ? 0 : copy_fail_input(in);
}

int
copy_read_comma(struct copy_input *in)
{
	return getc(in->from) == ',' ? 0 : copy_fail_input(in);
}

static int
make_room(struct copy_input *in, struct copy_value *v, size_t len)
{
	char *grown;

	if (len < v->room)
		return 0;
	grown = realloc(v->p, len + 1);
	if (!grown)
		return archive_fail(
		    in->a, "reading the copy", DATABASE_NO_MEMORY);
	v->p = grown;
	v->room = len + 1;
	return 0;
}

int
copy_read_rest(struct copy_input *in, struct copy_value *v, uint64_t len)
{
	if (len > VALUE_MAX)
		return copy_fail_input(in);
	if (make_room(in, v, (size_t)len) < 0 ||
	    copy_read_octets(in, v->p, (size_t)len) < 0)
		return -1;
	v->p[len] = '\0';
	v->len = (size_t)len;
	v->is_null = false;
	return copy_read_comma(in);
}

int
copy_read_value(struct copy_input *in, struct copy_value *v)
{
	uint64_t len = 0;
	int result = copy_read_length(in, &len);

	if (result > 0)
		return copy_read_rest(in, v, len);
	v->is_null = true;
	v->len = 0;
	return result;
}

int
copy_read_word(struct copy_input *in, char ret[COPY_WORD_SIZE])
{
	struct copy_value *v = &in->word;

	if (copy_read_value(in, v) < 0)
		return -1;
	if (v->is_null || v->len >= COPY_WORD_SIZE)
		return copy_fail_input(in);
	memcpy(ret, v->p, v->len + 1);
	return 0;
}
