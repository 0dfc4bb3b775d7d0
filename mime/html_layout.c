#include "html_layout.h"

#include <stdio.h>
#include <string.h>

enum {
	OUT_MAX = 16 * 1024,
	URL_MAX = 4000,
	LINKED_MAX = URL_MAX,
};

static void
flush(struct layout *l)
{
	if (l->more)
		l->more =
		    sink_put(l->to, (struct span){ l->out.p, l->out.len });
	l->out.len = 0;
}

static void
add(struct layout *l, struct span octets)
{
	text_add(&l->out, octets);
	if (l->out.len >= OUT_MAX)
		flush(l);
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/*
 * Writes the quote marks and the indentation of a line, and the marker of an
 * item.
 */
static void
begin_line(struct layout *l)
{
	static const char quotes[] = "> > > > ";
	static const char blanks[] = "      ";
	int nquotes = least(l->quotes, LAYOUT_QUOTES_MAX);
	int indent = least(l->lists, LAYOUT_INDENT_MAX);

	if (*l->marker && indent > 0)
		indent--;
	add(l, (struct span){ quotes, (size_t)nquotes * 2 });
	add(l, (struct span){ blanks, (size_t)indent * 2 });
	add(l, span_of(l->marker));
	l->marker[0] = '\0';
}

/* Adds a word, or a part of a preformatted line. */
static void
add_word(struct layout *l, struct span word)
{
	for (int i = 0; l->begun && i < l->line_ends; i++)
		add(l, span_of("\n"));
	if (!l->begun || l->line_ends > 0)
		begin_line(l);
	else if (l->blank)
		add(l, span_of(" "));
	if (l->url.len > 0 && l->linked.len + word.len < LINKED_MAX)
		text_add(&l->linked, word);
	l->begun = true;
	l->blank = false;
	l->line_ends = 0;
	add(l, word);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/*
 * Octets of a character that is a blank (NO-BREAK SPACE), or has no width and
 * only says where a line may break; 0: it is another one.
 */
static size_t
odd_len(struct span text, bool *ret_blank)
{
	static const struct {
		const char *p;
		bool is_blank;
	} odd[] = {
		{ "\xC2\xA0", true }, { "\xC2\xAD", false }, /* SOFT HYPHEN */
		{ "\xCD\x8F", false },     /* COMBINING GRAPHEME JOINER */
		{ "\xE2\x80\x8B", false }, /* ZERO WIDTH SPACE */
		{ "\xE2\x81\xA0", false }, /* WORD JOINER */
		{ "\xEF\xBB\xBF", false }, /* ZERO WIDTH NO-BREAK SPACE */
	};

	if ((unsigned char)*text.p < 0xC2)
		return 0;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		size_t len = strlen(odd[i].p);

		if (text.len >= len && memcmp(text.p, odd[i].p, len) == 0) {
			*ret_blank = odd[i].is_blank;
			return len;
		}
	}
	return 0;
}

static size_t
word_len(struct span text)
{
	size_t len = 0;
	bool unused;

	while (len < text.len && !is_blank(text.p[len]) &&
	       odd_len(
		   (struct span){ text.p + len, text.len - len }, &unused) == 0)
		len++;
	return len;
}

/* A line of preformatted text, or a part of one. */
static void
add_pre(struct layout *l, struct span text)
{
	while (text.len > 0) {
		size_t len = 0;

		while (len < text.len && text.p[len] != '\n' &&
		       text.p[len] != '\r')
			len++;
		if (len > 0) {
			add_word(l, (struct span){ text.p, len });
			l->pre_begins = false;
		}
		text.p += len;
		text.len -= len;
		if (text.len == 0)
			return;
		if (*text.p == '\n' && !l->pre_begins)
			layout_new_line(l);
		l->pre_begins = l->pre_begins && *text.p != '\n';
		text.p++;
		text.len--;
	}
}

void
layout_text(struct layout *l, struct span text)
{
	if (l->pre > 0) {
		add_pre(l, text);
		return;
	}
	while (text.len > 0 && l->more) {
		bool blank = true;
		size_t len = is_blank(*text.p) ? 1 : odd_len(text, &blank);

		if (len > 0) {
			l->blank |= blank;
		} else {
			len = word_len(text);
			add_word(l, (struct span){ text.p, len });
		}
		text.p += len;
		text.len -= len;
	}
}

void
layout_word(struct layout *l, struct span word)
{
	add_word(l, word);
}

void
layout_blank(struct layout *l)
{
	l->blank = true;
}

void
layout_break(struct layout *l, int wanted)
{
	l->blank = false;
	if (*l->marker)
		wanted = 1; /* a paragraph begins an item */
	if (l->line_ends < wanted)
		l->line_ends = wanted;
}

/* Only preformatted text keeps more than one empty line in a row. */
void
layout_new_line(struct layout *l)
{
	if (l->pre == 0 && l->line_ends >= 2)
		return;
	layout_break(l, l->line_ends + 1);
}

void
layout_pre(struct layout *l, bool begins)
{
	layout_break(l, 2);
	l->pre_begins = begins;
	l->pre += begins ? 1 : l->pre > 0 ? -1 : 0;
}

void
layout_quote(struct layout *l, bool begins)
{
	layout_break(l, 2);
	l->quotes += begins ? 1 : l->quotes > 0 ? -1 : 0;
}

void
layout_list(struct layout *l, bool begins, bool is_numbered)
{
	layout_break(l, l->lists + begins > 1 ? 1 : 2);
	l->lists += begins ? 1 : l->lists > 0 ? -1 : 0;
	if (begins && l->lists <= LAYOUT_LISTS_MAX)
		l->items[l->lists - 1] = is_numbered ? 0 : -1;
}

void
layout_item(struct layout *l)
{
	int *n = l->lists > 0 ? &l->items[least(l->lists, LAYOUT_LISTS_MAX) - 1]
			      : NULL;

	layout_break(l, 1);
	if (n && *n >= 0)
		snprintf(l->marker, sizeof l->marker, "%d. ", ++*n);
	else
		snprintf(l->marker, sizeof l->marker, "* ");
}

/* Drops the scheme and the last slash, which people do not write. */
static struct span
bare_url(struct span url)
{
	static const char *const schemes[] = { "http://", "https://",
		"mailto:", "tel:" };

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (span_skip(&url, schemes[i]))
			break;
	}
	if (url.len > 0 && url.p[url.len - 1] == '/')
		url.len--;
	return url;
}

/* Puts the URL behind the text of the link, unless the text is the URL. */
static void
end_link(struct layout *l)
{
	struct span url = { l->url.p, l->url.len };
	struct span bare = bare_url(url);
	struct span text =
	    bare_url((struct span){ l->linked.p, l->linked.len });
	struct text shown = { 0 };
	bool blank = l->blank; /* behind the text, so behind the URL */

	if (url.len == 0)
		return;
	l->url.len = 0;
	if (bare.len == text.len &&
	    (bare.len == 0 || memcmp(bare.p, text.p, bare.len) == 0))
		return;
	text_add_char(&shown, '<');
	text_add(&shown, url);
	text_add_char(&shown, '>');
	l->blank = l->line_ends == 0;
	add_word(l, (struct span){ shown.p, shown.len });
	l->blank = blank;
	text_free(&shown);
}

void
layout_link(struct layout *l, struct span url)
{
	end_link(l);
	l->linked.len = 0;
	if (url.len == 0 || *url.p == '#' || span_skip(&url, "javascript:"))
		return;
	for (size_t i = 0; i < url.len && l->url.len < URL_MAX; i++) {
		if (!is_blank(url.p[i]))
			text_add_char(&l->url, url.p[i]);
	}
	if (l->url.len == URL_MAX)
		text_add(&l->url, span_of("..."));
}

void
layout_end(struct layout *l)
{
	end_link(l);
	if (l->begun)
		add(l, span_of("\n"));
	flush(l);
	text_free(&l->out);
	text_free(&l->url);
	text_free(&l->linked);
}
