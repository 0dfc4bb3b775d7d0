/*
 * Puts a command line together from the input.
 */
#include "machine.h"

#include <string.h>

/* Does the LF at the end of `taken` end the line? */
static bool
ends_line(const struct session *s, struct span taken)
{
	char before = taken.len > 1 ? taken.p[taken.len - 2] : s->last;

	return before == '\r' || s->conf->any_line_end;
}

/* Answers a line once, and skips the rest of it. */
static void
refuse_line(struct session *s, enum reply why)
{
	bool is_first = !s->line_refused;

	s->line_refused = true;
	if (!s->closing)
		session_conclude(
		    s, command_refuse(s, is_first ? why : REPLY_NONE));
}

/* Keeps what there is room for, and refuses a line that is longer. */
static void
append_to_line(struct session *s, struct span text)
{
	size_t room = sizeof s->line - s->line_len;
	size_t len = text.len < room ? text.len : room;

	memcpy(s->line + s->line_len, text.p, len);
	s->line_len += len;
	if (len < text.len && !s->line_over) {
		s->line_over = true;
		refuse_line(s, REPLY_LINE_TOO_LONG);
	}
}

static void
begin_line(struct session *s)
{
	if (!s->in_line)
		s->line_refused = false;
	s->in_line = true;
	s->line_over = false;
	s->line_len = 0;
}

bool
line_read(struct session *s)
{
	struct span taken = s->in;
	const char *lf = memchr(taken.p, '\n', taken.len);
	bool is_end;

	if (!s->in_line || s->last == '\n')
		begin_line(s);
	if (lf)
		taken.len = (size_t)(lf + 1 - taken.p);
	is_end = lf && ends_line(s, taken);
	s->in_line = !is_end;
	s->last = taken.p[taken.len - 1];
	s->in.p += taken.len;
	s->in.len -= taken.len;
	append_to_line(s, taken);
	if (!lf)
		return false;

	if (s->line[s->line_len - 1] == '\n')
		s->line_len--;
	if (is_end && s->line_len > 0 && s->line[s->line_len - 1] == '\r')
		s->line_len--;
	if (!is_end || s->line_refused)
		refuse_line(s, REPLY_LF_ALONE);
	return is_end && !s->line_refused;
}
