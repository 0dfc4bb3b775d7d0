/*
 * A tag: its name, its attributes, and what it does to the text.
 */
#include "html_tag.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "html_names.h"

/*
 * Attributes
 */

static bool
is_name_octet(char c)
{
	return isalnum((unsigned char)c) || c == '#';
}

/* Adds the value of an attribute, with characters for their names. */
static void
add_value(struct span value, struct text *to)
{
	while (value.len > 0) {
		char name[HTML_NAME_MAX + 1];
		size_t len = 0;
		uint32_t c = 0;

		while (*value.p == '&' && len + 1 < value.len &&
		       len < HTML_NAME_MAX && is_name_octet(value.p[len + 1])) {
			name[len] = value.p[len + 1];
			len++;
		}
		name[len] = '\0';
		if (len > 0 && len + 1 < value.len && value.p[len + 1] == ';')
			c = html_character(name);
		if (c != 0)
			text_add_code(to, c);
		else
			text_add_char(to, *value.p);
		value.p += c != 0 ? len + 2 : 1;
		value.len -= c != 0 ? len + 2 : 1;
	}
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static struct span
take_word(struct span *text, const char *ends)
{
	struct span word = { text->p, 0 };

	while (word.len < text->len && !is_space(text->p[word.len]) &&
	       !(text->p[word.len] != '\0' && strchr(ends, text->p[word.len])))
		word.len++;
	text->p += word.len;
	text->len -= word.len;
	return word;
}

static void
skip_spaces(struct span *text, const char *more)
{
	while (text->len > 0 &&
	       (is_space(*text->p) ||
		   (*text->p != '\0' && strchr(more, *text->p)))) {
		text->p++;
		text->len--;
	}
}

static struct span
take_value(struct span *text)
{
	struct span value;
	const char *end;

	if (text->len == 0 || !strchr("\"'", *text->p))
		return take_word(text, ">");
	end = memchr(text->p + 1, *text->p, text->len - 1);
	value.p = text->p + 1;
	value.len = end ? (size_t)(end - value.p) : text->len - 1;
	text->p += value.len + 1 + (end != NULL);
	text->len -= value.len + 1 + (end != NULL);
	return value;
}

/*
 * The value of the first attribute of that name, as it stands there; empty:
 * none.
 */
static struct span
attribute(struct span tag, const char *name)
{
	take_word(&tag, "/");
	for (;;) {
		struct span found, value = span_of("");

		skip_spaces(&tag, "/");
		if (tag.len == 0)
			return value;
		found = take_word(&tag, "=/");
		skip_spaces(&tag, "");
		if (tag.len > 0 && *tag.p == '=') {
			tag.p++;
			tag.len--;
			skip_spaces(&tag, "");
			value = take_value(&tag);
		}
		if (span_is(found, name))
			return value;
	}
}

static void
do_link(struct layout *l, struct span tag, bool begins)
{
	struct text url = { 0 };

	if (begins)
		add_value(attribute(tag, "href"), &url);
	layout_link(l, (struct span){ url.p, url.len });
	text_free(&url);
}

static void
do_image(struct layout *l, struct span tag, bool begins)
{
	struct text alt = { 0 };

	(void)begins;
	add_value(attribute(tag, "alt"), &alt);
	if (alt.len > 0) {
		layout_text(l, span_of("["));
		layout_text(l, (struct span){ alt.p, alt.len });
		layout_text(l, span_of("]"));
	}
	text_free(&alt);
}

static void
do_break(struct layout *l, struct span tag, bool begins)
{
	(void)begins;
	(void)tag;
	layout_break(l, 1);
}

static void
do_block(struct layout *l, struct span tag, bool begins)
{
	(void)begins;
	(void)tag;
	layout_break(l, 2);
}

static void
do_new_line(struct layout *l, struct span tag, bool begins)
{
	(void)begins;
	(void)tag;
	layout_new_line(l);
}

static void
do_rule(struct layout *l, struct span tag, bool begins)
{
	(void)begins;
	(void)tag;
	layout_break(l, 1);
	layout_word(l, span_of("--------"));
	layout_break(l, 1);
}

static void
do_cell(struct layout *l, struct span tag, bool begins)
{
	(void)begins;
	(void)tag;
	layout_blank(l);
}

static void
do_pre(struct layout *l, struct span tag, bool begins)
{
	(void)tag;
	layout_pre(l, begins);
}

static void
do_quote(struct layout *l, struct span tag, bool begins)
{
	(void)tag;
	layout_quote(l, begins);
}

static void
do_list(struct layout *l, struct span tag, bool begins)
{
	(void)tag;
	layout_list(l, begins, false);
}

static void
do_numbered(struct layout *l, struct span tag, bool begins)
{
	(void)tag;
	layout_list(l, begins, true);
}

static void
do_item(struct layout *l, struct span tag, bool begins)
{
	(void)tag;
	if (begins)
		layout_item(l);
	else
		layout_break(l, 1);
}

/* In the order of strcmp(). */
/* clang-format off */
static const struct tag {
	const char *name;
	/* NULL: what the element contains is no text. */
	void (*act)(struct layout *l, struct span tag, bool begins);
} tags[] = {
	{ "a",          do_link },
	{ "address",    do_break },
	{ "article",    do_break },
	{ "blockquote", do_quote },
	{ "br",         do_new_line },
	{ "caption",    do_break },
	{ "center",     do_break },
	{ "dd",         do_break },
	{ "div",        do_break },
	{ "dl",         do_block },
	{ "dt",         do_break },
	{ "fieldset",   do_break },
	{ "figcaption", do_break },
	{ "figure",     do_break },
	{ "footer",     do_break },
	{ "form",       do_break },
	{ "h1",         do_block },
	{ "h2",         do_block },
	{ "h3",         do_block },
	{ "h4",         do_block },
	{ "h5",         do_block },
	{ "h6",         do_block },
	{ "header",     do_break },
	{ "hr",         do_rule },
	{ "img",        do_image },
	{ "li",         do_item },
	{ "listing",    do_pre },
	{ "main",       do_break },
	{ "nav",        do_break },
	{ "ol",         do_numbered },
	{ "option",     do_break },
	{ "p",          do_block },
	{ "pre",        do_pre },
	{ "script",     NULL },
	{ "section",    do_break },
	{ "style",      NULL },
	{ "table",      do_block },
	{ "td",         do_cell },
	{ "th",         do_cell },
	{ "title",      NULL },
	{ "tr",         do_break },
	{ "ul",         do_list },
};
/* clang-format on */

static int
compare(const void *name, const void *tag)
{
	return strcmp(name, ((const struct tag *)tag)->name);
}

enum html_tag
html_tag(struct layout *l, struct span tag, char ret_name[HTML_NAME_MAX + 1])
{
	bool ends = tag.len > 0 && *tag.p == '/';
	const struct tag *found;
	size_t len = 0;

	while (ends + len < tag.len && len < HTML_NAME_MAX &&
	       isalnum((unsigned char)tag.p[ends + len])) {
		ret_name[len] = (char)tolower((unsigned char)tag.p[ends + len]);
		len++;
	}
	ret_name[len] = '\0';
	found = bsearch(
	    ret_name, tags, sizeof tags / sizeof *tags, sizeof *tags, compare);
	if (!found)
		return HTML_TAG_DONE;
	if (!found->act)
		return ends ? HTML_TAG_DONE : HTML_TAG_HIDES;
	found->act(l, tag, !ends);
	return HTML_TAG_DONE;
}
