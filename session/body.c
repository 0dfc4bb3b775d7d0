/*
 *	          "."            CR              LF
 *	LINE_START ---> DOT ---> DOT_CR ---> the end
 *	  ^   | other     | other   | other: a bare CR
 *	  |   v           v         v
 *	  |  TEXT <-------+---------+
 *	  |   | CR  ^ other: a bare CR
 *	  |   v     |
 *	  +-- AFTER_CR
 *	   LF
 *
 * The machine withholds the dot of DOT, which ends the mail or is removed, and
 * the CR of DOT_CR, which it gives back if no LF follows.  With BODY_ANY a lone
 * LF counts as CRLF everywhere.  With BODY_CRLF it is noted and stays in the
 * line, so that LF.LF, LF.CRLF and CRLF.LF end nothing.
 */
#include "body.h"

#include <string.h>

enum {
	LINE_START,
	DOT,
	DOT_CR,
	TEXT,
	AFTER_CR,
	LONE_LF, /* in front of a LF that becomes CRLF (BODY_ANY) */
};

static const struct span crlf = { "\r\n", 2 };

void
body_start(struct body *b, enum body_line_ends line_ends)
{
	*b = (struct body){ .line_ends = line_ends, .at = LINE_START };
}

/* The first `octet` from `p` on, or `end`. */
static const char *
find(const char *p, int octet, const char *end)
{
	const char *found = memchr(p, octet, (size_t)(end - p));

	return found ? found : end;
}

/*
 * These scan the line from `p` on and return where to go on.  `*ahead` keeps
 * the place of the next octet of the rarer kind (NULL: unknown): without it,
 * text full of the other kind would be searched once for each of them.
 */
static const char *
scan_crlf(struct body *b, const char *p, const char **ahead, const char *end)
{
	const char *lf;

	if (!*ahead || *ahead < p)
		*ahead = find(p, '\r', end);
	lf = find(p, '\n', *ahead);
	if (lf < *ahead) {
		b->bare_lf = true;
		return lf + 1;
	}
	if (*ahead == end)
		return end;
	b->at = AFTER_CR;
	return *ahead + 1;
}

static const char *
scan_any(struct body *b, const char *p, const char **ahead, const char *end)
{
	const char *cr;

	if (!*ahead || *ahead < p)
		*ahead = find(p, '\n', end);
	cr = find(p, '\r', *ahead);
	if (cr < *ahead) {
		b->at = AFTER_CR;
		return cr + 1;
	}
	if (*ahead < end)
		b->at = LONE_LF;
	return *ahead;
}

/*
 * Returns the end of the text from `p` on that is reported as it stands: a dot
 * at the beginning of a line, an octet that take_octet() looks at, or `end`.
 */
static const char *
scan_text(struct body *b, const char *p, const char *end)
{
	const char *ahead = NULL;

	while (p < end) {
		switch (b->at) {
		case LINE_START:
			if (*p == '.')
				return p;
			b->at = TEXT;
			continue;
		case AFTER_CR:
			if (*p == '\n') {
				p++;
				b->at = LINE_START;
			} else {
				b->bare_cr = true;
				b->at = TEXT;
			}
			continue;
		case TEXT:
			p = b->line_ends == BODY_ANY
				? scan_any(b, p, &ahead, end)
				: scan_crlf(b, p, &ahead, end);
			continue;
		default:
			return p;
		}
	}
	return p;
}

static void
skip(struct span *input)
{
	input->p++;
	input->len--;
}

/* Takes the octet where scan_text() has stopped, or reports what it withheld. */
static enum body_result
take_octet(struct body *b, struct span *input, struct span *ret)
{
	char octet = *input->p;

	switch (b->at) {
	case LINE_START:
		skip(input);
		b->at = DOT;
		return BODY_MORE;
	case DOT:
		if (octet == '\r') {
			skip(input);
			b->at = DOT_CR;
			return BODY_MORE;
		}
		if (octet == '\n' && b->line_ends == BODY_ANY) {
			skip(input);
			return BODY_END;
		}
		b->at = TEXT;
		return BODY_MORE;
	case DOT_CR:
		if (octet == '\n') {
			skip(input);
			return BODY_END;
		}
		b->bare_cr = true;
		b->at = TEXT;
		*ret = (struct span){ crlf.p, 1 };
		return BODY_DATA;
	case LONE_LF:
		skip(input);
		b->at = LINE_START;
		*ret = crlf;
		return BODY_DATA;
	}
	return BODY_MORE;
}

enum body_result
body_next(struct body *b, struct span *input, struct span *ret)
{
	enum body_result result = BODY_MORE;

	while (input->len > 0 && result == BODY_MORE) {
		const char *end = input->p + input->len;
		const char *p = scan_text(b, input->p, end);

		if (p == input->p) {
			result = take_octet(b, input, ret);
			continue;
		}
		*ret = (struct span){ input->p, (size_t)(p - input->p) };
		*input = (struct span){ p, (size_t)(end - p) };
		return BODY_DATA;
	}
	return result;
}

void
body_look(struct body *b, struct span data)
{
	const char *p = data.p, *end = data.p + data.len, *ahead = NULL;

	while (p < end && !b->bare_cr && !b->bare_lf) {
		if (b->at != AFTER_CR) {
			p = scan_crlf(b, p, &ahead, end);
			continue;
		}
		b->bare_cr = *p++ != '\n';
		b->at = TEXT;
	}
}

bool
body_is_bare(const struct body *b)
{
	return b->bare_cr || b->bare_lf || b->at == AFTER_CR;
}
