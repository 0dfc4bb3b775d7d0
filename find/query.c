#include "query.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <wctype.h>

/* Scripts without blanks, and those that join much to a word. */
/* clang-format off */
static const struct {
	uint32_t from, to;
} unspaced[] = {
	{ 0x0E00, 0x0FFF },   /* Thai, Lao, Tibetan */
	{ 0x1000, 0x109F },   /* Myanmar */
	{ 0x1100, 0x11FF },   /* Hangul */
	{ 0x1780, 0x17FF },   /* Khmer */
	{ 0x2E80, 0xA4CF },   /* ideographs, kana, Yi */
	{ 0xA960, 0xA97F },   /* Hangul */
	{ 0xAC00, 0xD7FF },
	{ 0xF900, 0xFAFF },   /* ideographs */
	{ 0xFF66, 0xFFDC },   /* kana, Hangul */
	{ 0x1B000, 0x1B16F }, /* kana */
	{ 0x20000, 0x3FFFF }, /* ideographs */
};
/* clang-format on */

static bool
is_unspaced(uint32_t c)
{
	for (size_t i = 0; i < sizeof unspaced / sizeof *unspaced; i++) {
		if (c >= unspaced[i].from && c <= unspaced[i].to)
			return true;
	}
	return false;
}

void
query_split(struct span text, struct text *to)
{
	while (text.len > 0) {
		size_t len = 0;
		uint32_t c;

		while (len < text.len && (unsigned char)text.p[len] < 0x80 &&
		       text.p[len] != '\0')
			len++;
		if (len > 0) {
			text_add(to, (struct span){ text.p, len });
		} else {
			bool alone;

			len = text_read(text, &c);
			alone = c == TEXT_NONE || c == 0 || is_unspaced(c);
			if (alone)
				text_add_char(to, ' ');
			if (c < TEXT_NONE && c != 0)
				text_add_code(to, c);
			if (alone)
				text_add_char(to, ' ');
		}
		text.p += len;
		text.len -= len;
	}
}

/*
 * Queries
 */

struct reader {
	struct text *to;
	const char *rest;
	bool operators;
	bool joins; /* an operator stands before what comes next */
	bool begun; /* something is there that it could join */
};

/* Is there a letter or a digit?  The index holds nothing else. */
static bool
has_token(struct span text)
{
	locale_t locale = text_unicode();

	while (text.len > 0) {
		uint32_t c;
		size_t len = text_read(text, &c);

		if (c < 0x80 ? isalnum((int)c)
			     : c < TEXT_NONE && locale &&
				   iswalnum_l((wint_t)c, locale))
			return true;
		text.p += len;
		text.len -= len;
	}
	return false;
}

static void
add_and(struct reader *r)
{
	if (r->begun && !r->joins)
		text_add(r->to, span_of(" AND "));
	r->joins = false;
	r->begun = true;
}

/* Adds the words in quotes, in which nothing is an operator to FTS5. */
static void
add_phrase(
    struct reader *r, const char *column, struct span words, bool is_prefix)
{
	struct text apart = { 0 };

	if (!has_token(words))
		return;
	add_and(r);
	if (column) {
		text_add_char(r->to, '"');
		text_add(r->to, span_of(column));
		text_add(r->to, span_of("\" : "));
	}
	query_split(words, &apart);
	text_add_char(r->to, '"');
	for (size_t i = 0; i < apart.len; i++) {
		if (apart.p[i] == '"')
			text_add_char(r->to, '"');
		text_add_char(r->to, apart.p[i]);
	}
	text_add_char(r->to, '"');
	if (is_prefix)
		text_add(r->to, span_of(" *"));
	text_free(&apart);
}

static const char *
take_column(const char **rest)
{
	static const char *const names[] = { "from", "to", "subject", "text" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if (strncasecmp(*rest, names[i], len) == 0 &&
		    (*rest)[len] == ':' && (*rest)[len + 1] != '\0' &&
		    !isspace((unsigned char)(*rest)[len + 1])) {
			*rest += len + 1;
			return names[i];
		}
	}
	return NULL;
}

/* Takes words in quotes, or one word without. */
static void
take_phrase(struct reader *r)
{
	const char *column = take_column(&r->rest);
	bool quoted = *r->rest == '"';
	struct span words = { r->rest + quoted, 0 };
	bool is_prefix;

	if (quoted)
		words.len = strcspn(words.p, "\"");
	else
		words.len = strcspn(words.p, " \t\r\n");
	r->rest = words.p + words.len;
	r->rest += quoted && *r->rest == '"';
	if (!quoted && r->operators) {
		while (words.len > 0 && words.p[words.len - 1] == ')') {
			words.len--;
			r->rest--;
		}
	}
	is_prefix = quoted ? *r->rest == '*'
			   : words.len > 1 && words.p[words.len - 1] == '*';
	r->rest += quoted && is_prefix;
	add_phrase(r, column, words, is_prefix);
}

static bool
take_operator(struct reader *r)
{
	static const char *const names[] = { "AND", "OR", "NOT" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(r->rest, names[i], len) != 0 ||
		    !isspace((unsigned char)r->rest[len]))
			continue;
		text_add_char(r->to, ' ');
		text_add(r->to, span_of(names[i]));
		text_add_char(r->to, ' ');
		r->rest += len;
		r->joins = true;
		return true;
	}
	return false;
}

static bool
take_parenthesis(struct reader *r)
{
	if (*r->rest != '(' && *r->rest != ')')
		return false;
	if (*r->rest == '(')
		add_and(r);
	text_add_char(r->to, *r->rest);
	r->joins = *r->rest == '(';
	r->rest++;
	return true;
}

char *
query_read(const char *words, bool operators)
{
	struct text query = { 0 };
	struct reader r = { &query, words, operators, .joins = false };

	for (;;) {
		while (isspace((unsigned char)*r.rest))
			r.rest++;
		if (*r.rest == '\0')
			break;
		if (!operators || (!take_operator(&r) && !take_parenthesis(&r)))
			take_phrase(&r);
	}
	if (query.len == 0)
		text_add(&query, span_of("\"\""));
	return text_take(&query);
}
