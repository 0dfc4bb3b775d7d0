/*
 * Text laid out in lines as HTML's elements want it.  For html.c and
 * html_tag.c only.
 */
#ifndef HTML_LAYOUT_H
#define HTML_LAYOUT_H

#include "text.h"

enum {
	/* What is deeper is not indented further: lines stay short. */
	LAYOUT_QUOTES_MAX = 4,
	LAYOUT_INDENT_MAX = 3,
	LAYOUT_LISTS_MAX = 16,
};

/* Starts as { .to = sink, .more = true }. */
struct layout {
	struct sink to;
	bool more; /* the sink wants it */
	struct text out;
	bool begun;      /* any text has come */
	int line_ends;   /* due before the next word */
	bool blank;      /* one is due before the next word */
	bool pre_begins; /* a line end right behind <pre> is dropped */
	int pre, quotes, lists;
	int items[LAYOUT_LISTS_MAX]; /* of the last item; -1: no numbers */
	char marker[16];             /* of an item, before its text */
	struct text url;             /* of the link; empty: none is open */
	struct text linked;          /* its text, as far as it can be a URL */
};

/* Text of the document; blanks and line ends are as in HTML. */
void layout_text(struct layout *l, struct span text);
/* A word that is not in the document. */
void layout_word(struct layout *l, struct span word);
/* Blanks before the next word. */
void layout_blank(struct layout *l);

/* Wants at least so many line ends; or one more, as <br> does. */
void layout_break(struct layout *l, int wanted);
void layout_new_line(struct layout *l);

void layout_pre(struct layout *l, bool begins);
void layout_quote(struct layout *l, bool begins);
void layout_list(struct layout *l, bool begins, bool is_numbered);
void layout_item(struct layout *l);
/* A link begins; or, with no URL, ends. */
void layout_link(struct layout *l, struct span url);

/* Ends the last line; nothing may follow. */
void layout_end(struct layout *l);

#endif
