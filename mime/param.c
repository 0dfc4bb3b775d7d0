/*
 * Parameters are read one after the other, leniently: a ";" may be missing,
 * and an unquoted name of a file may hold blanks.
 */
#include "param.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../mail/scan.h"
#include "charset.h"
#include "words.h"

enum {
	PIECES_MAX = 256, /* of one value (RFC 2231 s. 3) */
};

struct param {
	struct span name; /* without "*0" and "*" */
	struct span value;
	bool is_quoted;  /* a quoted string without its quotes */
	bool is_encoded; /* "*" stands behind its name */
	int piece;       /* -1: the value is whole */
};

static void
skip(struct span *text, size_t len)
{
	text->p += len;
	text->len -= len;
}

static void
skip_blanks(struct span *text)
{
	while (text->len > 0 && scan_is_space(*text->p))
		skip(text, 1);
}

static struct span
trim_end(struct span text)
{
	while (text.len > 0 && scan_is_space(text.p[text.len - 1]))
		text.len--;
	return text;
}

/* Cuts the octets off before the first one of `ends`. */
static struct span
take_until(struct span *text, const char *ends)
{
	struct span taken = { text->p, 0 };

	while (taken.len < text->len && (text->p[taken.len] == '\0' ||
					    !strchr(ends, text->p[taken.len])))
		taken.len++;
	skip(text, taken.len);
	return taken;
}

static bool
is_token(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] <= ' ' || text.p[i] >= 0x7F ||
		    strchr("()<>@,;:\\\"/[]?=", text.p[i]))
			return false;
	}
	return text.len > 0;
}

bool
param_type(struct span value, char ret[PARAM_TYPE_MAX])
{
	struct span type, subtype;
	size_t len = 0;

	skip_blanks(&value);
	type = trim_end(take_until(&value, "/;"));
	if (value.len == 0 || *value.p != '/')
		return false;
	skip(&value, 1);
	skip_blanks(&value);
	subtype = take_until(&value, "; \t\r\n(,");
	if (!is_token(type) || !is_token(subtype) ||
	    type.len + subtype.len + 2 > PARAM_TYPE_MAX)
		return false;
	for (size_t i = 0; i < type.len; i++)
		ret[len++] = (char)tolower((unsigned char)type.p[i]);
	ret[len++] = '/';
	for (size_t i = 0; i < subtype.len; i++)
		ret[len++] = (char)tolower((unsigned char)subtype.p[i]);
	ret[len] = '\0';
	return true;
}

/*
 * Parameters
 */

/* A quoted string up to its end; `text` is behind the quote. */
static struct span
take_quoted(struct span *text)
{
	struct span taken = { text->p, 0 };

	while (taken.len < text->len && text->p[taken.len] != '"') {
		taken.len += text->p[taken.len] == '\\' ? 2 : 1;
		if (taken.len > text->len)
			taken.len = text->len;
	}
	skip(text, taken.len);
	if (text->len > 0)
		skip(text, 1);
	return taken;
}

/* "name*1*" is piece 1 of "name", encoded. */
static void
split_name(struct param *p)
{
	const char *star;
	char *end;

	p->piece = -1;
	p->is_encoded = p->name.len > 1 && p->name.p[p->name.len - 1] == '*';
	if (p->is_encoded)
		p->name.len--;
	star = memchr(p->name.p, '*', p->name.len);
	if (!star || star + 1 == p->name.p + p->name.len ||
	    !isdigit((unsigned char)star[1]))
		return;
	/* The "=" behind the name ends the number. */
	p->piece = (int)strtoul(star + 1, &end, 10);
	p->name.len = (size_t)(star - p->name.p);
	if (p->piece < 0 || p->piece >= PIECES_MAX)
		p->piece = PIECES_MAX - 1;
}

/*
 * The name is the last word: a comment, or a parameter without its ";", may
 * stand before it.
 */
static struct span
last_word(struct span text)
{
	size_t len = 0;

	while (len < text.len && !scan_is_space(text.p[text.len - 1 - len]))
		len++;
	return (struct span){ text.p + text.len - len, len };
}

/* Reads the next one.  False: there are no more. */
static bool
read_param(struct span *text, struct param *ret)
{
	for (;;) {
		while (text->len > 0 &&
		       (scan_is_space(*text->p) || *text->p == ';'))
			skip(text, 1);
		if (text->len == 0)
			return false;
		ret->name = last_word(trim_end(take_until(text, "=;")));
		if (text->len > 0 && *text->p == '=')
			break;
	}
	skip(text, 1);
	skip_blanks(text);
	ret->is_quoted = text->len > 0 && *text->p == '"';
	if (ret->is_quoted) {
		skip(text, 1);
		ret->value = take_quoted(text);
	} else {
		ret->value = trim_end(take_until(text, ";"));
	}
	split_name(ret);
	return true;
}

/*
 * Values
 */

/*
 * A backslash quotes a quote or itself; else it stays, as in paths of Windows.
 */
static void
add_value(const struct param *p, struct text *to)
{
	for (size_t i = 0; i < p->value.len; i++) {
		char c = p->value.p[i];

		if (p->is_quoted && c == '\\' && i + 1 < p->value.len &&
		    (p->value.p[i + 1] == '"' || p->value.p[i + 1] == '\\'))
			c = p->value.p[++i];
		if (c != '\r' && c != '\n')
			text_add_char(to, c);
	}
}

static void
add_encoded(struct span value, struct text *to)
{
	for (size_t i = 0; i < value.len; i++) {
		int high =
		    i + 2 < value.len ? scan_hex_value(value.p[i + 1]) : -1;
		int low =
		    i + 2 < value.len ? scan_hex_value(value.p[i + 2]) : -1;

		if (value.p[i] == '%' && high >= 0 && low >= 0) {
			text_add_char(to, (char)(high << 4 | low));
			i += 2;
		} else if (value.p[i] != '\r' && value.p[i] != '\n') {
			text_add_char(to, value.p[i]);
		}
	}
}

/* Cuts "charset'language'" off, if it is there. */
static void
take_charset(struct span *value, struct text *ret)
{
	struct span rest = *value;
	struct span label = take_until(&rest, "'");

	if (rest.len == 0)
		return;
	skip(&rest, 1);
	take_until(&rest, "'");
	if (rest.len == 0)
		return;
	skip(&rest, 1);
	*value = rest;
	text_add(ret, label);
}

/* The first piece, or the value without pieces, names the charset. */
static void
add_piece(struct param *p, struct text *to, struct text *label)
{
	if (!p->is_encoded) {
		add_value(p, to);
		return;
	}
	if (p->piece <= 0)
		take_charset(&p->value, label);
	add_encoded(p->value, to);
}

/* Which form of a parameter counts if there are several, the least first. */
enum rank {
	RANK_NONE,
	RANK_PLAIN,
	RANK_PIECES,
	RANK_ENCODED,
};

static enum rank
rank_of(const struct param *p)
{
	if (p->piece >= 0)
		return RANK_PIECES;
	return p->is_encoded ? RANK_ENCODED : RANK_PLAIN;
}

/*
 * Skips the type, unless the value begins with a parameter: "filename=a.pdf".
 */
static void
skip_type(struct span *value)
{
	struct span rest, type;

	skip_blanks(value);
	rest = *value;
	type = take_until(&rest, "; \t\r\n");
	if (!memchr(type.p, '=', type.len))
		*value = rest;
}

bool
param_octets(struct span value, const char *name, struct text *ret,
    struct text *ret_label, bool *ret_encoded)
{
	struct param pieces[PIECES_MAX], best, p;
	enum rank rank = RANK_NONE;

	for (int i = 0; i < PIECES_MAX; i++)
		pieces[i].name.p = NULL;
	skip_type(&value);
	while (read_param(&value, &p)) {
		if (!span_is(p.name, name))
			continue;
		if (p.piece >= 0 && !pieces[p.piece].name.p)
			pieces[p.piece] = p;
		if (rank_of(&p) > rank) {
			rank = rank_of(&p);
			best = p;
		}
	}
	*ret_encoded = rank > RANK_PLAIN;
	if (rank == RANK_PIECES) {
		*ret_encoded = false;
		for (int i = 0; i < PIECES_MAX; i++) {
			if (!pieces[i].name.p)
				continue;
			*ret_encoded |= pieces[i].is_encoded;
			add_piece(&pieces[i], ret, ret_label);
		}
	} else if (rank != RANK_NONE) {
		add_piece(&best, ret, ret_label);
	}
	return rank != RANK_NONE;
}

char *
param_text(struct span value, const char *name)
{
	struct text octets = { 0 }, label = { 0 }, text = { 0 };
	bool is_encoded;

	if (!param_octets(value, name, &octets, &label, &is_encoded)) {
		text_free(&octets);
		text_free(&label);
		return NULL;
	}
	if (is_encoded) {
		struct charset charset;

		charset_begin(&charset,
		    charset_find((struct span){ label.p, label.len }),
		    sink_to_text(&text));
		charset_put(&charset, (struct span){ octets.p, octets.len });
		charset_end(&charset);
	} else {
		words_decode((struct span){ octets.p, octets.len }, &text);
	}
	text_free(&octets);
	text_free(&label);
	return text_take(&text);
}
