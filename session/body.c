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

enum body_result
body_next(struct body *b, struct span *input, struct span *ret)
{
	const char *start = input->p; /* not reported from here on */
	const char *end = start + input->len;
	const char *p = start;
	const char *ahead = NULL;
	enum body_result result = BODY_MORE;

	while (p < end) {
		switch (b->at) {
		case LINE_START:
			if (*p != '.') {
				b->at = TEXT;
				continue;
			}
			if (p > start)
				goto report;
			start = ++p;
			b->at = DOT;
			continue;
		case DOT:
			if (*p == '\r') {
				start = ++p;
				b->at = DOT_CR;
			} else if (*p == '\n' && b->line_ends == BODY_ANY) {
				start = ++p;
				result = BODY_END;
				goto report;
			} else {
				b->at = TEXT;
			}
			continue;
		case DOT_CR:
			if (*p == '\n') {
				start = ++p;
				result = BODY_END;
				goto report;
			}
			b->bare_cr = true;
			b->at = TEXT;
			input->p = p;
			input->len = (size_t)(end - p);
			*ret = (struct span){ crlf.p, 1 };
			return BODY_DATA;
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
		case LONE_LF:
			if (p > start)
				goto report;
			input->p = p + 1;
			input->len = (size_t)(end - input->p);
			b->at = LINE_START;
			*ret = crlf;
			return BODY_DATA;
		}
	}

report:
	input->p = p;
	input->len = (size_t)(end - p);
	if (p > start) {
		ret->p = start;
		ret->len = (size_t)(p - start);
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
