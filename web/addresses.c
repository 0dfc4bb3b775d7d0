#include "addresses.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../mime/mime.h"

/* One address that is being read. */
struct reading {
	struct addresses *to;
	struct text phrase;  /* outside of brackets */
	struct text comment; /* the last one in parentheses */
	struct text angle;   /* within <> */
	bool has_angle;
};

static char *
take(struct text *t)
{
	char *decoded = mime_decode((struct span){ t->p, t->len });

	text_free(t);
	return decoded;
}

/* Takes the text without the blanks that may stand anywhere in an address. */
static char *
take_address(struct text *t)
{
	struct text plain = { 0 };

	for (size_t i = 0; i < t->len; i++) {
		if (!strchr(" \t\r\n", t->p[i]))
			text_add_char(&plain, t->p[i]);
	}
	text_free(t);
	return text_take(&plain);
}

void
addresses_add(struct addresses *to, const char *name, const char *address)
{
	if (to->n >= ADDRESSES_MAX)
		return;
	to->list = text_resize(to->list, (to->n + 1) * sizeof *to->list);
	to->list[to->n++] = (struct address){
		.name = text_copy(name),
		.address = text_copy(address),
	};
}

static void
end_one(struct reading *r)
{
	char *comment = take(&r->comment), *name, *address;

	if (r->has_angle) {
		address = take_address(&r->angle);
		name = take(&r->phrase);
	} else {
		address = take_address(&r->phrase);
		name = text_copy("");
	}
	text_free(&r->angle);
	if (*address != '\0' || *name != '\0')
		addresses_add(r->to, *name ? name : comment, address);
	free(comment);
	free(name);
	free(address);
	r->has_angle = false;
}

/*
 * Reads what stands in quotes or parentheses, without the escapes; returns the
 * octets taken.
 */
static size_t
read_enclosed(struct span rest, char end, struct text *to)
{
	size_t at = 1;
	int depth = 1;

	for (; at < rest.len; at++) {
		char c = rest.p[at];

		if (c == '\\' && at + 1 < rest.len)
			c = rest.p[++at];
		else if (c == '(' && end == ')')
			depth++;
		else if (c == end && --depth == 0)
			return at + 1;
		text_add_char(to, c);
	}
	return at;
}

static size_t
read_angle(struct reading *r, struct span rest)
{
	size_t at = 1;

	r->has_angle = true;
	text_free(&r->angle);
	while (at < rest.len && rest.p[at] != '>')
		text_add_char(&r->angle, rest.p[at++]);
	return at < rest.len ? at + 1 : at;
}

static size_t
read_some(struct reading *r, struct span rest)
{
	switch (*rest.p) {
	case '"':
		return read_enclosed(rest, '"', &r->phrase);
	case '(':
		text_free(&r->comment);
		return read_enclosed(rest, ')', &r->comment);
	case '<':
		return read_angle(r, rest);
	case ':': /* the name of a group, unless an address has one */
		if (r->phrase.len == 0 ||
		    !memchr(r->phrase.p, '@', r->phrase.len))
			text_free(&r->phrase);
		else
			text_add_char(&r->phrase, ':');
		return 1;
	case ',':
	case ';':
		end_one(r);
		return 1;
	}
	text_add_char(&r->phrase, *rest.p);
	return 1;
}

void
addresses_read(struct span value, struct addresses *to)
{
	struct reading r = { .to = to };

	while (value.len > 0 && to->n < ADDRESSES_MAX) {
		size_t len = read_some(&r, value);

		value.p += len;
		value.len -= len;
	}
	end_one(&r);
}

int
addresses_have(const struct addresses *a, const char *address)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcasecmp(a->list[i].address, address) == 0)
			return 1;
	}
	return 0;
}

void
addresses_reset(struct addresses *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->list[i].name);
		free(a->list[i].address);
	}
	free(a->list);
	*a = (struct addresses){ 0 };
}
