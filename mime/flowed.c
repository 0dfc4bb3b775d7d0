/*
 * Each line is:
 *
 *	QUOTES	">" for each depth, and one blank that is no text (RFC 3676
 *		s. 4.4): MARK
 *	MARK	up to three octets, which may be the signature's "-- ": TEXT
 *	TEXT	what a person reads
 */
#include "flowed.h"

#include <string.h>

enum state {
	QUOTES,
	MARK,
	TEXT,
};

static const char mark[] = "-- ";

static void
put(struct flowed *f, struct span text)
{
	f->more = f->more && sink_put(f->to, text);
}

static void
put_many(struct flowed *f, char c, size_t n)
{
	char some[64];

	memset(some, c, sizeof some);
	for (; n > sizeof some; n -= sizeof some)
		put(f, (struct span){ some, sizeof some });
	put(f, (struct span){ some, n });
}

/* Ends the paragraph, if a line was to go on. */
static void
end_paragraph(struct flowed *f)
{
	if (f->open)
		put(f, span_of(f->open));
	f->open = NULL;
}

/* Begins a line of its own. */
static void
begin_line(struct flowed *f, bool is_empty)
{
	end_paragraph(f);
	put_many(f, '>', f->depth);
	if (f->depth > 0 && !is_empty)
		put_many(f, ' ', 1);
}

/*
 * Begins the text of a line, which goes on with the one before it, but not at
 * another depth (s. 4.5).
 */
static void
begin_text(struct flowed *f)
{
	struct span marked = { mark, f->nmarked };

	if (!f->open || f->paragraph != f->depth)
		begin_line(f, false);
	else if (!f->deletes_space)
		put_many(f, ' ', 1);
	f->open = NULL;
	f->nblanks = f->nmarked == 3;
	marked.len -= f->nblanks;
	put(f, marked);
	f->state = TEXT;
}

/* Puts text without line ends, and keeps the blanks at its end back. */
static void
put_text(struct flowed *f, struct span text)
{
	size_t len = text.len;

	if (f->state != TEXT)
		begin_text(f);
	while (len > 0 && text.p[len - 1] == ' ')
		len--;
	if (len > 0) {
		put_many(f, ' ', f->nblanks);
		put(f, (struct span){ text.p, len });
		f->nblanks = 0;
	}
	f->nblanks += text.len - len;
}

/*
 * Ends a line.  An empty one, which a person sees, and the signature's mark
 * (s. 4.3) are no part of a paragraph, whatever the line before ends in.
 */
static void
end_line(struct flowed *f, const char *line_end)
{
	bool is_mark = f->state == MARK && f->nmarked == 3;

	if (f->state != TEXT && (f->nmarked == 0 || is_mark)) {
		begin_line(f, !is_mark);
		put(f, (struct span){ mark, f->nmarked });
	} else if (f->state != TEXT) {
		begin_text(f);
	}
	if (f->nblanks > 0) {
		put_many(f, ' ', f->nblanks - 1);
		f->open = line_end;
		f->paragraph = f->depth;
	} else {
		put(f, span_of(line_end));
	}
	f->state = QUOTES;
	f->depth = f->nmarked = f->nblanks = 0;
}

/*
 * Takes some of the text, which has no line end.  Returns how many octets, or
 * 0: only the state has changed.
 */
static size_t
take(struct flowed *f, struct span text)
{
	switch ((enum state)f->state) {
	case QUOTES:
		if (*text.p == '>') {
			f->depth++;
			return 1;
		}
		f->state = MARK;
		return *text.p == ' ';
	case MARK:
		if (f->nmarked < 3 && *text.p == mark[f->nmarked]) {
			f->nmarked++;
			return 1;
		}
		begin_text(f);
		return 0;
	case TEXT:
		put_text(f, text);
		return text.len;
	}
	return text.len;
}

static void
take_all(struct flowed *f, struct span text)
{
	while (text.len > 0) {
		size_t len = take(f, text);

		text.p += len;
		text.len -= len;
	}
}

static bool
put_piece(void *arg, struct span piece)
{
	struct flowed *f = arg;

	while (piece.len > 0 && f->more) {
		size_t len = 0;

		if (f->has_cr && *piece.p != '\n')
			put_text(f, span_of("\r"));
		while (len < piece.len && piece.p[len] != '\r' &&
		       piece.p[len] != '\n')
			len++;
		take_all(f, (struct span){ piece.p, len });
		if (len < piece.len && piece.p[len] == '\n')
			end_line(f, f->has_cr && len == 0 ? "\r\n" : "\n");
		f->has_cr = len < piece.len && piece.p[len] == '\r';
		len += len < piece.len;
		piece.p += len;
		piece.len -= len;
	}
	return f->more;
}

void
flowed_begin(struct flowed *f, bool deletes_space, struct sink to)
{
	*f = (struct flowed){
		.to = to,
		.deletes_space = deletes_space,
		.more = true,
	};
}

struct sink
flowed_sink(struct flowed *f)
{
	return (struct sink){ put_piece, f };
}

bool
flowed_end(struct flowed *f)
{
	if (f->has_cr)
		put_text(f, span_of("\r"));
	if (f->state != QUOTES || f->depth > 0)
		end_line(f, "");
	end_paragraph(f);
	return f->more;
}
