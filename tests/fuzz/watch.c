#include "watch.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum {
	/* A line that is too long is told so before its end. */
	LINE_MIN = 512, /* RFC 5321 s. 4.5.3.1.4 */
};

void
watch_begin(struct watch *w, bool any_line_end)
{
	*w = (struct watch){ .any_line_end = any_line_end };
}

void
watch_end(struct watch *w)
{
	buffer_free(&w->line);
	buffer_free(&w->text);
	buffer_free(&w->chunks);
}

static bool
ends_in(const struct buffer *b, const char *end)
{
	size_t len = strlen(end);

	return b->len >= len && memcmp(b->p + b->len - len, end, len) == 0;
}

/* The code of the only reply; it may be followed by a 421. */
static int
only_code(struct span said)
{
	int code = 0;
	unsigned nreplies = 0;

	for (struct span rest = said; rest.len > 0;) {
		const char *lf = memchr(rest.p, '\n', rest.len);
		int this = atoi(rest.p);

		fuzz_promise(lf && rest.len > 4, "a reply is whole");
		if (rest.p[3] != '-') {
			nreplies++;
			code = nreplies == 1 ? this : code;
			fuzz_promise_of(nreplies == 1 || this == 421,
			    "one reply to one command: ", said);
		}
		rest.len -= (size_t)(lf + 1 - rest.p);
		rest.p = lf + 1;
	}
	return code;
}

/*
 * Where a mail may be stored
 */

/*
 * The text of a mail by the letter of RFC 5321 s. 4.5.2, a line at a time.
 * False: there is a line end that is none.
 */
static bool
unstuff(const struct watch *w, struct buffer *ret)
{
	const char *p = w->text.p, *end = p + w->text.len;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf && lf > p && lf[-1] == '\r' ? lf - 1 : lf;

		if (!lf || memchr(p, '\r', (size_t)(stop - p)) ||
		    (stop == lf && !w->any_line_end))
			return false;
		if (p < stop && *p == '.')
			p++;
		else if (lf + 1 == end)
			return false; /* the last one is the dot's */
		if (lf + 1 < end) {
			buffer_add(ret, (struct span){ p, (size_t)(stop - p) });
			buffer_add(ret, (struct span){ "\r\n", 2 });
		}
		p = lf + 1;
	}
	return true;
}

/* The text after DATA has ended. */
static void
check_text(const struct watch *w, const struct mail *stored)
{
	struct buffer want = { .p = NULL };
	bool clean = unstuff(w, &want);

	fuzz_promise_of(clean,
	    "no mail with a bare CR or LF is stored: ", buffer_span(&w->text));
	fuzz_promise_of(want.len == stored->body.len &&
			    (want.len == 0 ||
				memcmp(want.p, stored->body.p, want.len) == 0),
	    "a mail is the text without its dots: ", buffer_span(&w->text));
	buffer_free(&want);
}

/* The octets of all BDATs end in those of the mail. */
static void
check_chunks(const struct watch *w, const struct mail *stored)
{
	size_t len = stored->body.len;

	fuzz_promise_of(
	    w->chunks.len >= len &&
		(len == 0 || memcmp(w->chunks.p + w->chunks.len - len,
				 stored->body.p, len) == 0),
	    "a mail is the octets of its BDATs: ", buffer_span(&w->chunks));
}

/* `may`: a mail may end here. */
static void
check_stored(struct watch *w, const struct watch_reaction *r, bool may)
{
	unsigned n = r->mails->nmails - w->nmails;

	fuzz_promise_of(n <= (may ? 1u : 0u),
	    "a mail is stored at its end and nowhere else: ",
	    buffer_span(w->place == WATCH_TEXT ? &w->text : &w->line));
	w->nmails = r->mails->nmails;
	if (!may)
		return;
	fuzz_promise_of(n == (only_code(r->said) == 250),
	    "250 is for what is stored: ", r->said);
	if (n > 0 && w->place == WATCH_TEXT)
		check_text(w, &r->mails->mail[w->nmails - 1]);
	else if (n > 0)
		check_chunks(w, &r->mails->mail[w->nmails - 1]);
}

/*
 * Places
 */

static void
end_place(struct watch *w)
{
	buffer_clear(&w->line);
	buffer_clear(&w->text);
	w->is_told = false;
	w->place = WATCH_LINE;
}

/* BDAT's number and LAST; false: it cannot be understood. */
static bool
read_bdat(struct watch *w, struct span arg)
{
	struct span octets = span_word(&arg);

	w->chunk_left = 0;
	if (octets.len == 0 || octets.len > 20)
		return false;
	for (; octets.len > 0; octets.p++, octets.len--) {
		unsigned digit = (unsigned char)*octets.p - '0';

		if (digit > 9)
			return false;
		if (w->chunk_left > (UINT64_MAX - digit) / 10)
			w->chunk_left = UINT64_MAX;
		else
			w->chunk_left = w->chunk_left * 10 + digit;
	}
	w->chunk_last = arg.len > 0;
	return arg.len == 0 || span_is(arg, "LAST");
}

static bool
has_control_character(struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
			return true;
	}
	return false;
}

static void
chunk_octet(struct watch *w, const struct watch_reaction *r)
{
	if (w->chunk_left > 0) {
		fuzz_promise_of(r->said.len == 0 && !r->closed,
		    "the octets of a BDAT are not commands: ", r->said);
		check_stored(w, r, false);
		return;
	}
	fuzz_promise(r->said.len > 0, "a BDAT is answered at its end");
	check_stored(w, r, w->chunk_last);
	end_place(w);
}

/* The command in `w->line` is whole. */
static void
end_line(struct watch *w, const struct watch_reaction *r)
{
	struct span line = buffer_span(&w->line), arg, verb;
	bool is_bdat;

	line.len -= line.len > 1 && line.p[line.len - 2] == '\r' ? 2 : 1;
	arg = span_trim(line);
	verb = span_word(&arg);
	is_bdat = span_is(verb, "BDAT") && !has_control_character(line);
	if (is_bdat && read_bdat(w, arg)) {
		w->place = WATCH_CHUNK;
		chunk_octet(w, r);
		return;
	}
	fuzz_promise_of(r->said.len > 0, "a command is answered: ", line);
	check_stored(w, r, false);
	if (is_bdat)
		fuzz_promise_of(r->closed, "a BDAT lost is the end: ", line);
	else if (only_code(r->said) == 354)
		w->place = WATCH_TEXT;
	buffer_clear(&w->line);
}

static void
line_octet(struct watch *w, char octet, const struct watch_reaction *r)
{
	bool is_told = w->line.len > LINE_MIN && r->said.len > 0 &&
		       only_code(r->said) == 500;

	buffer_add(&w->line, (struct span){ &octet, 1 });
	if (ends_in(&w->line, w->any_line_end ? "\n" : "\r\n")) {
		fuzz_promise_of(!w->is_told || r->said.len == 0,
		    "a command is answered once: ", r->said);
		if (!w->is_told && !is_told)
			end_line(w, r);
		else
			end_place(w);
		return;
	}
	fuzz_promise_of(r->said.len == 0 || (is_told && !w->is_told),
	    "half a command is not answered: ", buffer_span(&w->line));
	w->is_told |= is_told;
	check_stored(w, r, false);
}

static void
text_octet(struct watch *w, char octet, const struct watch_reaction *r)
{
	bool is_end;

	buffer_add(&w->text, (struct span){ &octet, 1 });
	is_end = ends_in(&w->text, "\r\n.\r\n") ||
		 (w->text.len == 3 && ends_in(&w->text, ".\r\n"));
	if (w->any_line_end)
		is_end |= ends_in(&w->text, "\n.\n") ||
			  ends_in(&w->text, "\n.\r\n") ||
			  (w->text.len == 2 && ends_in(&w->text, ".\n"));
	fuzz_promise_of(is_end == (r->said.len > 0),
	    "CRLF.CRLF and nothing else ends a mail: ", buffer_span(&w->text));
	check_stored(w, r, is_end);
	if (is_end)
		end_place(w);
}

void
watch_octet(struct watch *w, char octet, const struct watch_reaction *r)
{
	switch (w->place) {
	case WATCH_LINE:
		line_octet(w, octet, r);
		break;
	case WATCH_TEXT:
		text_octet(w, octet, r);
		break;
	case WATCH_CHUNK:
		buffer_add(&w->chunks, (struct span){ &octet, 1 });
		w->chunk_left--;
		chunk_octet(w, r);
		break;
	}
}
