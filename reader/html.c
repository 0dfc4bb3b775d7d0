#include "html.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

/* What a tag does to the text. */
enum effect {
	EFFECT_NONE,
	EFFECT_BREAK, /* a line ends */
	EFFECT_BLOCK, /* and an empty one follows */
	EFFECT_CELL,  /* a blank */
	EFFECT_HIDE,  /* what is in it is not text */
};

/* clang-format off */
static const struct tag {
	const char *name;
	enum effect effect;
} tags[] = {
	{ "br",         EFFECT_BREAK },
	{ "div",        EFFECT_BREAK },
	{ "tr",         EFFECT_BREAK },
	{ "li",         EFFECT_BREAK },
	{ "p",          EFFECT_BLOCK },
	{ "h1",         EFFECT_BLOCK },
	{ "h2",         EFFECT_BLOCK },
	{ "h3",         EFFECT_BLOCK },
	{ "h4",         EFFECT_BLOCK },
	{ "ul",         EFFECT_BLOCK },
	{ "ol",         EFFECT_BLOCK },
	{ "table",      EFFECT_BLOCK },
	{ "pre",        EFFECT_BLOCK },
	{ "blockquote", EFFECT_BLOCK },
	{ "hr",         EFFECT_BLOCK },
	{ "td",         EFFECT_CELL },
	{ "th",         EFFECT_CELL },
	{ "head",       EFFECT_HIDE },
	{ "script",     EFFECT_HIDE },
	{ "style",      EFFECT_HIDE },
	{ "title",      EFFECT_HIDE },
};

static const struct entity {
	const char *name;
	gunichar c;
} entities[] = {
	{ "amp",    '&' },    { "lt",     '<' },    { "gt",     '>' },
	{ "quot",   '"' },    { "apos",   '\'' },   { "nbsp",   ' ' },
	{ "copy",   0xA9 },   { "reg",    0xAE },   { "euro",   0x20AC },
	{ "auml",   0xE4 },   { "ouml",   0xF6 },   { "uuml",   0xFC },
	{ "Auml",   0xC4 },   { "Ouml",   0xD6 },   { "Uuml",   0xDC },
	{ "szlig",  0xDF },   { "eacute", 0xE9 },   { "egrave", 0xE8 },
	{ "agrave", 0xE0 },   { "ccedil", 0xE7 },   { "ntilde", 0xF1 },
	{ "ndash",  0x2013 }, { "mdash",  0x2014 }, { "hellip", 0x2026 },
	{ "lsquo",  0x2018 }, { "rsquo",  0x2019 }, { "ldquo",  0x201C },
	{ "rdquo",  0x201D }, { "laquo",  0xAB },   { "raquo",  0xBB },
	{ "bull",   0x2022 }, { "middot", 0xB7 },   { "trade",  0x2122 },
};
/* clang-format on */

struct text {
	GString *out;
	int line_ends; /* at the end of `out` */
	bool blank;    /* one is due before the next word */
};

static void
break_line(struct text *t, int wanted)
{
	t->blank = false;
	for (; t->out->len > 0 && t->line_ends < wanted; t->line_ends++)
		g_string_append_c(t->out, '\n');
}

/* A run of blanks is one, and none at the start of a line. */
static void
add(struct text *t, const char *p, size_t len)
{
	if (len == 1 && g_ascii_isspace(*p)) {
		t->blank = true;
		return;
	}
	if (t->blank && t->out->len > 0 && t->line_ends == 0)
		g_string_append_c(t->out, ' ');
	t->blank = false;
	t->line_ends = 0;
	g_string_append_len(t->out, p, (gssize)len);
}

static gunichar
number_entity(const char *digits)
{
	bool hex = *digits == 'x' || *digits == 'X';
	unsigned long n = strtoul(digits + hex, NULL, hex ? 16 : 10);

	return n > 0 && n < 0x110000 && g_unichar_validate((gunichar)n)
		   ? (gunichar)n
		   : 0xFFFD;
}

/* Reads "&name;"; what is none stays as it is.  Returns behind it. */
static const char *
add_entity(struct text *t, const char *p)
{
	size_t len = strcspn(p + 1, "; <&\r\n");
	gunichar c = 0;
	char utf8[8];

	if (p[1 + len] == ';' && p[1] == '#')
		c = number_entity(p + 2);
	for (size_t i = 0; i < G_N_ELEMENTS(entities) && c == 0; i++) {
		if (strncmp(entities[i].name, p + 1, len) == 0 &&
		    entities[i].name[len] == '\0')
			c = entities[i].c;
	}
	if (c == 0 || len == 0) {
		add(t, p, 1);
		return p + 1;
	}
	add(t, utf8, (size_t)g_unichar_to_utf8(c, utf8));
	p += 1 + len;
	return *p == ';' ? p + 1 : p;
}

/* The octets of the tag's name, and what it does. */
static size_t
find_tag(const char *name, enum effect *ret)
{
	size_t len = 0;

	while (isalnum((unsigned char)name[len]))
		len++;
	*ret = EFFECT_NONE;
	for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
		if (strlen(tags[i].name) == len &&
		    strncasecmp(tags[i].name, name, len) == 0)
			*ret = tags[i].effect;
	}
	return len;
}

/* The end of "<name": the next "</name", or the end of all. */
static const char *
skip_hidden(const char *p, const char *name, size_t len)
{
	while ((p = strstr(p, "</"))) {
		if (strncasecmp(p + 2, name, len) == 0)
			return p;
		p += 2;
	}
	return "";
}

/* `p` is at "<".  Returns behind the tag, or the comment. */
static const char *
take_tag(struct text *t, const char *p)
{
	bool closing = p[1] == '/';
	const char *name = p + 1 + closing;
	enum effect effect;
	size_t len;

	if (strncmp(p, "<!--", 4) == 0) {
		const char *end = strstr(p + 4, "-->");

		return end ? end + 3 : "";
	}
	len = find_tag(name, &effect);
	if (len == 0 && *name != '!' && *name != '?') {
		add(t, p, 1); /* a "<" that is meant */
		return p + 1;
	}
	if (effect == EFFECT_BREAK)
		break_line(t, 1);
	else if (effect == EFFECT_BLOCK)
		break_line(t, 2);
	else if (effect == EFFECT_CELL)
		t->blank = true;
	p = strchr(name, '>');
	if (!p)
		return "";
	return effect == EFFECT_HIDE && !closing ? skip_hidden(p, name, len)
						 : p + 1;
}

char *
html_to_text(const char *html)
{
	struct text t = { .out = g_string_new(NULL) };

	while (*html) {
		if (*html == '<')
			html = take_tag(&t, html);
		else if (*html == '&')
			html = add_entity(&t, html);
		else
			add(&t, html++, 1);
	}
	break_line(&t, 1);
	return g_string_free(t.out, FALSE);
}
