/*
 * HTML comes octet by octet; what is kept of it is at most one tag.  Elements
 * are not matched with each other, so nothing nests here.
 *
 *	TEXT	"<" TAG		"&" ENTITY
 *	TAG	">" TEXT; HIDDEN behind <style> and its like
 *		"!--" COMMENT
 *	COMMENT	"-->" TEXT
 *	HIDDEN	"</style" TAG
 *	ENTITY	";" or what is none of a name: TEXT
 */
#include "html.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "html_layout.h"
#include "html_names.h"
#include "html_tag.h"

enum {
	TAG_MAX = 16 * 1024, /* octets of a tag that are looked at */
};

enum state {
	TEXT,
	TAG_START,
	TAG,
	COMMENT,
	HIDDEN,
	ENTITY,
};

struct html {
	struct layout layout;
	enum state state;
	struct text tag; /* behind "<" */
	char quote;      /* TAG: in an attribute's value; or 0 */
	char last;       /* TAG: the last octet that is no blank */
	int dashes;      /* dashes right before this octet */
	char hidden[HTML_NAME_MAX + 3]; /* HIDDEN: "</name", which ends it */
	size_t nhidden;                 /* octets of it that have come */
	char entity[HTML_NAME_MAX + 1]; /* behind "&" */
	size_t nentity;
};

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/*
 * Octets.  Each function takes one and returns true; or it only changes the
 * state and returns false, and the octet comes again.
 */

static bool
take_text(struct html *h, char c)
{
	h->nentity = 0;
	h->state = c == '<' ? TAG_START : ENTITY;
	return true;
}

/* "a < b" is text. */
static bool
take_tag_start(struct html *h, char c)
{
	h->tag.len = 0;
	h->quote = h->last = '\0';
	if (isalpha((unsigned char)c) || c == '/' || c == '!' || c == '?') {
		h->state = TAG;
		return false;
	}
	layout_text(&h->layout, span_of("<"));
	h->state = TEXT;
	return false;
}

static void
end_tag(struct html *h)
{
	char name[HTML_NAME_MAX + 1];

	h->state = TEXT;
	if (html_tag(&h->layout, (struct span){ h->tag.p, h->tag.len }, name) ==
	    HTML_TAG_DONE)
		return;
	snprintf(h->hidden, sizeof h->hidden, "</%s", name);
	h->nhidden = 0;
	h->state = HIDDEN;
}

static bool
take_tag(struct html *h, char c)
{
	if (!h->quote && c == '>') {
		end_tag(h);
		return true;
	}
	if (h->quote == c)
		h->quote = '\0';
	else if (!h->quote && h->last == '=' && (c == '"' || c == '\''))
		h->quote = c;
	if (!is_space(c))
		h->last = c;
	if (h->tag.len < TAG_MAX)
		text_add_char(&h->tag, c);
	if (h->tag.len == 3 && memcmp(h->tag.p, "!--", 3) == 0) {
		h->state = COMMENT;
		h->dashes = 2; /* "<!-->" is a whole one */
	}
	return true;
}

static bool
take_comment(struct html *h, char c)
{
	if (c == '>' && h->dashes >= 2)
		h->state = TEXT;
	h->dashes = c == '-' ? h->dashes + (h->dashes < 2) : 0;
	return true;
}

static bool
take_hidden(struct html *h, char c)
{
	if (tolower((unsigned char)c) == h->hidden[h->nhidden])
		h->nhidden++;
	else
		h->nhidden = c == '<';
	if (h->hidden[h->nhidden] != '\0')
		return true;
	h->tag.len = 0;
	text_add(&h->tag, span_of(h->hidden + 1));
	h->quote = h->last = '\0';
	h->state = TAG;
	return true;
}

/* Ends an entity; one that is no character stays as it is. */
static void
end_entity(struct html *h, bool has_end)
{
	char text[HTML_NAME_MAX + 3] = "&";
	size_t len;
	uint32_t c;

	h->entity[h->nentity] = '\0';
	c = h->nentity > 0 ? html_character(h->entity) : 0;
	h->state = TEXT;
	if (c != 0) {
		len = text_encode(c, text);
	} else {
		memcpy(text + 1, h->entity, h->nentity);
		len = 1 + h->nentity;
		if (has_end)
			text[len++] = ';';
	}
	layout_text(&h->layout, (struct span){ text, len });
}

static bool
take_entity(struct html *h, char c)
{
	if ((isalnum((unsigned char)c) || c == '#') &&
	    h->nentity < HTML_NAME_MAX) {
		h->entity[h->nentity++] = c;
		return true;
	}
	end_entity(h, c == ';');
	return c == ';';
}

static bool
take(struct html *h, char c)
{
	switch (h->state) {
	case TEXT:
		return take_text(h, c);
	case TAG_START:
		return take_tag_start(h, c);
	case TAG:
		return take_tag(h, c);
	case COMMENT:
		return take_comment(h, c);
	case HIDDEN:
		return take_hidden(h, c);
	case ENTITY:
		return take_entity(h, c);
	}
	return true;
}

static bool
put(void *arg, struct span piece)
{
	struct html *h = arg;

	while (piece.len > 0 && h->layout.more) {
		size_t len = 0;

		while (h->state == TEXT && len < piece.len &&
		       piece.p[len] != '<' && piece.p[len] != '&')
			len++;
		if (len > 0)
			layout_text(&h->layout, (struct span){ piece.p, len });
		else
			len = take(h, *piece.p);
		piece.p += len;
		piece.len -= len;
	}
	return h->layout.more;
}

struct html *
html_begin(struct sink to)
{
	struct html *h = text_resize(NULL, sizeof *h);

	*h = (struct html){ .layout = { .to = to, .more = true } };
	return h;
}

struct sink
html_sink(struct html *h)
{
	return (struct sink){ put, h };
}

bool
html_end(struct html *h)
{
	bool more;

	if (h->state == ENTITY)
		end_entity(h, false);
	/* A "<" that began no tag, or one that was cut, is text. */
	if (h->state == TAG_START || h->state == TAG) {
		layout_text(&h->layout, span_of("<"));
		if (h->state == TAG)
			layout_text(
			    &h->layout, (struct span){ h->tag.p, h->tag.len });
	}
	layout_end(&h->layout);
	more = h->layout.more;
	text_free(&h->tag);
	free(h);
	return more;
}

/*
 * The charset
 */

/* The value behind "charset" and "=", maybe in quotes. */
static struct span
value_behind(struct span rest)
{
	struct span value = { rest.p, 0 };
	bool begun = false;

	for (; rest.len > 0; rest.p++, rest.len--) {
		bool is_mark = *rest.p == '"' || *rest.p == '\'';

		if (!begun && *rest.p == '=') {
			begun = true;
			value.p = rest.p + 1;
		} else if (is_space(*rest.p) || (begun && is_mark)) {
			if (value.len > 0)
				break;
			value.p = rest.p + 1;
		} else if (!begun || strchr(";>/?", *rest.p)) {
			break;
		} else {
			value.len++;
		}
	}
	return value;
}

/*
 * "<meta charset=x>", "<meta http-equiv=... content='text/html; charset=x'>",
 * and XML's "encoding='x'"; the first of them.
 */
struct span
html_charset(struct span octets)
{
	bool in_tag = false;

	for (size_t i = 0; i < octets.len; i++) {
		struct span rest = { octets.p + i, octets.len - i };
		struct span label;

		if (*rest.p == '<')
			in_tag = span_skip(&rest, "<meta") ||
				 span_skip(&rest, "<?xml");
		if (octets.p[i] == '>')
			in_tag = false;
		if (!in_tag || (!span_skip(&rest, "charset") &&
				   !span_skip(&rest, "encoding")))
			continue;
		label = value_behind(rest);
		if (label.len > 0)
			return label;
	}
	return span_of("");
}
