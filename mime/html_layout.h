/*
 * Text laid out in lines as HTML's elements want it.  Only html.c includes
 * this.
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
	int line_ends;   /* behind the text so far */
	bool blank;      /* one is due before the next word */
	bool pre_begins; /* a line end at once is none of the text */
	int pre, quotes, lists;
	int items[LAYOUT_LISTS_MAX]; /* of the list; -1: not numbered */
	char marker[16];             /* of an item, before its text */
	struct text url;             /* of the link; empty: none is open */
	struct text linked;          /* its text, as far as it can be a URL */
};

/* Text of the document; blanks and line ends are as in HTML. */
void layout_text(struct layout *l, struct span text);
/* One word of ours. */
void layout_word(struct layout *l, struct span word);
/* Blanks before the next word. */
void layout_blank(struct layout *l);

/* At least so many line ends; one more, as <br> wants it. */
void layout_break(struct layout *l, int wanted);
void layout_new_line(struct layout *l);

void layout_pre(struct layout *l, bool begins);
void layout_quote(struct layout *l, bool begins);
void layout_list(struct layout *l, bool begins, bool is_numbered);
void layout_item(struct layout *l);
/* A link begins; or, with no URL, ends. */
void layout_link(struct layout *l, struct span url);

/* The last line ends; nothing comes behind it. */
void layout_end(struct layout *l);

#endif
