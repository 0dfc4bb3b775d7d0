#include "line_ends.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *octets;
	char letter;
} ends[] = {
	[LINE_OPEN] = { "", '\0' },
	[LINE_CRLF] = { "\r\n", 'c' },
	[LINE_LF] = { "\n", 'l' },
	[LINE_CR] = { "\r", 'r' },
};

enum line_end
line_next(struct span *rest, struct span *ret_line)
{
	enum line_end end = LINE_OPEN;
	size_t len = 0;

	while (len < rest->len && rest->p[len] != '\r' && rest->p[len] != '\n')
		len++;
	if (len < rest->len)
		end = rest->p[len] == '\n' ? LINE_LF : LINE_CR;
	if (end == LINE_CR && len + 1 < rest->len && rest->p[len + 1] == '\n')
		end = LINE_CRLF;
	*ret_line = (struct span){ rest->p, len };
	len += strlen(ends[end].octets);
	rest->p += len;
	rest->len -= len;
	return end;
}

bool
line_convert(struct span text, const char *end, struct sink to)
{
	while (text.len > 0) {
		struct span line;
		enum line_end was = line_next(&text, &line);

		if (!sink_put(to, line) ||
		    (was != LINE_OPEN && !sink_put(to, span_of(end))))
			return false;
	}
	return true;
}

/* Octets before the dot that could end the mail; SIZE_MAX: there is none. */
static size_t
before_dot(struct span line)
{
	size_t n = 0;

	while (n < line.len && line.p[n] == '\0')
		n++;
	return n < line.len && line.p[n] == '.' ? n : SIZE_MAX;
}

bool
line_convert_to_smtp(struct span text, bool *at_start, struct sink to)
{
	while (text.len > 0) {
		struct span line;
		enum line_end was = line_next(&text, &line);
		size_t dot = *at_start ? before_dot(line) : SIZE_MAX;

		if (dot != SIZE_MAX) {
			if (!sink_put(to, (struct span){ line.p, dot + 1 }))
				return false;
			line.p += dot;
			line.len -= dot;
		}
		if (!sink_put(to, line) ||
		    (was != LINE_OPEN && !sink_put(to, span_of("\r\n"))))
			return false;
		*at_start = was != LINE_OPEN;
	}
	return true;
}

/*
 * Telling
 */

static void
tell_run(size_t n, enum line_end end, struct text *to)
{
	char run[32];

	snprintf(run, sizeof run, "%zu%c", n, ends[end].letter);
	text_add(to, span_of(run));
}

void
line_ends_tell(struct span text, struct text *to)
{
	enum line_end run = LINE_CRLF;
	bool are_plain = true;
	size_t n = 0;

	while (text.len > 0) {
		struct span line;
		enum line_end end = line_next(&text, &line);

		if (end == LINE_OPEN)
			break;
		if (end != run && n > 0) {
			tell_run(n, run, to);
			n = 0;
		}
		are_plain = are_plain && end == LINE_CRLF;
		run = end;
		n++;
	}
	if (!are_plain)
		tell_run(n, run, to);
}

/* What is left of the present run. */
struct run {
	uint64_t n;
	enum line_end end;
};

/* Takes one line end of the run, or of the next run in `told`. */
static bool
take_end(struct run *run, struct span *told)
{
	struct span digits = { told->p, 0 };

	if (run->n > 0) {
		run->n--;
		return true;
	}
	while (digits.len < told->len && told->p[digits.len] >= '0' &&
	       told->p[digits.len] <= '9')
		digits.len++;
	if (digits.len == told->len || !span_number(digits, &run->n) ||
	    run->n == 0)
		return false;
	for (run->end = LINE_CRLF; run->end <= LINE_CR; run->end++) {
		if (ends[run->end].letter == told->p[digits.len])
			break;
	}
	if (run->end > LINE_CR)
		return false;
	told->p += digits.len + 1;
	told->len -= digits.len + 1;
	run->n--;
	return true;
}

bool
line_ends_bring_back(struct span text, struct span told, struct text *to)
{
	struct run run = { 0, LINE_CRLF };

	while (text.len > 0) {
		struct span line;
		enum line_end was = line_next(&text, &line);

		text_add(to, line);
		if (was == LINE_OPEN)
			break;
		if (!take_end(&run, &told))
			return false;
		text_add(to, span_of(ends[run.end].octets));
	}
	return run.n == 0 && told.len == 0;
}
