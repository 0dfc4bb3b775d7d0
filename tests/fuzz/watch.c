#include "watch.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum {
	/* A line that is too long is told so before its end. */
	LINE_MIN = 512, /* RFC 5321 s. 4.5.3.1.4 */
};

void
watch_begin(struct watch *w, const struct session_conf *conf)
{
	*w = (struct watch){
		.any_line_end = conf->any_line_end,
		.strict = conf->strict,
		.lmtp = conf->lmtp,
	};
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

/*
 * The code of the only reply; it may be followed by a 421, and by LMTP by others
 * of the same code.
 */
static int
only_code(const struct watch *w, struct span said)
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
			fuzz_promise_of(nreplies == 1 || this == 421 ||
					    (w->lmtp && this == code),
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

/* The end of the line from `p` on, CRLF or what else ends one. */
static const char *
find_end(const struct watch *w, const char *p, const char *end)
{
	const char *lf = p;

	while ((lf = memchr(lf, '\n', (size_t)(end - lf)))) {
		if (lf > p && lf[-1] == '\r')
			return lf - 1;
		if (w->any_line_end)
			return lf;
		lf++;
	}
	return end;
}

/*
 * The text of a mail by the letter of RFC 5321 s. 4.5.2, a line at a time; the
 * last line is the dot.  `ret_bare`: there is a CR or LF that ends no line.
 */
static void
unstuff(const struct watch *w, struct buffer *ret, bool *ret_bare)
{
	const char *p = w->text.p, *end = p + w->text.len;

	*ret_bare = false;
	while (p < end) {
		const char *stop = find_end(w, p, end);
		struct span line = { p, (size_t)(stop - p) };

		*ret_bare |= memchr(p, '\r', line.len) != NULL ||
			     memchr(p, '\n', line.len) != NULL;
		p = stop < end && *stop == '\r' ? stop + 2 : stop + 1;
		if (line.len > 0 && *line.p == '.') {
			line.p++;
			line.len--;
		}
		if (p < end) {
			buffer_add(ret, line);
			buffer_add(ret, (struct span){ "\r\n", 2 });
		}
	}
}

/* The text after DATA has ended. */
static void
check_text(const struct watch *w, const struct mail *stored)
{
	struct buffer want = { .p = NULL };
	bool is_bare;

	unstuff(w, &want, &is_bare);
	fuzz_promise_of(!w->strict || !is_bare,
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
	fuzz_promise_of(n == 0 || !w->secured || w->mail_inside,
	    "no mail begun before TLS goes on inside: ", buffer_span(&w->line));
	w->nmails = r->mails->nmails;
	if (!may)
		return;
	fuzz_promise_of(n == (only_code(w, r->said) == 250),
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

/* BDAT's number, below 2^64 - 1, and LAST; false: it cannot be understood. */
static bool
read_bdat(struct watch *w, struct span arg)
{
	struct span octets = span_word(&arg);

	w->chunk_left = 0;
	if (octets.len == 0)
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
	return w->chunk_left != UINT64_MAX &&
	       (arg.len == 0 || span_is(arg, "LAST"));
}

/*
 * Could the client mean to send octets behind this line?  Whatever stands
 * before the first letter was not meant to be there.
 */
static bool
may_be_bdat(struct span line)
{
	while (line.len > 0 && !isalpha((unsigned char)*line.p)) {
		line.p++;
		line.len--;
	}
	return span_skip(&line, "BDAT") &&
	       (line.len == 0 || !isalpha((unsigned char)*line.p));
}

/* Is it one that the server can understand? */
static bool
is_bdat(struct watch *w, struct span line)
{
	struct span verb;

	for (size_t i = 0; i < line.len; i++) {
		if (iscntrl((unsigned char)line.p[i]) && line.p[i] != '\t')
			return false;
	}
	line = span_trim(line);
	verb = span_word(&line);
	return span_is(verb, "BDAT") && read_bdat(w, line);
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

/* All that was said before TLS is forgotten (RFC 3207 s. 4.2). */
static void
note_tls(struct watch *w, struct span line, const struct watch_reaction *r)
{
	int code = only_code(w, r->said);
	struct span verb;

	if (r->secured) {
		fuzz_promise_of(code == 220, "STARTTLS is 220: ", r->said);
		fuzz_promise_of(!w->secured, "TLS begins once: ", line);
		w->secured = true;
		return;
	}
	line = span_trim(line);
	verb = span_word(&line);
	if (w->secured && code == 354)
		fuzz_promise_of(w->mail_inside,
		    "DATA inside TLS needs a MAIL there: ", line);
	w->mail_inside |= w->secured && code == 250 &&
			  (span_is(verb, "MAIL") || span_is(verb, "SEND") ||
			      span_is(verb, "SOML") || span_is(verb, "SAML"));
}

/* The command in `w->line` is whole. */
static void
end_line(struct watch *w, const struct watch_reaction *r)
{
	struct span line = buffer_span(&w->line);

	line.len -= line.len > 1 && line.p[line.len - 2] == '\r' ? 2 : 1;
	if (is_bdat(w, line)) {
		w->place = WATCH_CHUNK;
		chunk_octet(w, r);
		return;
	}
	fuzz_promise_of(r->said.len > 0, "a command is answered: ", line);
	check_stored(w, r, false);
	note_tls(w, line, r);
	if (may_be_bdat(line))
		fuzz_promise_of(r->closed, "a BDAT lost is the end: ", line);
	else if (only_code(w, r->said) == 354)
		w->place = WATCH_TEXT;
	else if (only_code(w, r->said) == 334)
		w->place = WATCH_AUTH;
	buffer_clear(&w->line);
}

/* What stands behind the last LF, but for one at the very end. */
static struct span
last_piece(const struct watch *w)
{
	struct span line = buffer_span(&w->line);
	size_t at = line.len > 0 ? line.len - 1 : 0;

	while (at > 0 && line.p[at - 1] != '\n')
		at--;
	return (struct span){ line.p + at, line.len - at };
}

/* A line that is too long, or holds a bare LF, is told so before its end. */
static void
line_octet(struct watch *w, char octet, const struct watch_reaction *r)
{
	bool may_be_told = w->line.len > LINE_MIN || octet == '\n';
	bool is_told =
	    may_be_told && r->said.len > 0 && only_code(w, r->said) == 500;

	buffer_add(&w->line, (struct span){ &octet, 1 });
	if (ends_in(&w->line, w->any_line_end ? "\n" : "\r\n") && !w->is_told &&
	    !(is_told && w->line.len > LINE_MIN)) {
		end_line(w, r);
		return;
	}
	fuzz_promise_of(r->said.len == 0 || (is_told && !w->is_told) ||
			    (may_be_told && r->closed),
	    "half a command is not answered: ", buffer_span(&w->line));
	w->is_told |= is_told;
	if (octet == '\n' || is_told)
		fuzz_promise_of(r->closed || !may_be_bdat(last_piece(w)),
		    "a BDAT lost is the end: ", buffer_span(&w->line));
	check_stored(w, r, false);
	if (ends_in(&w->line, w->any_line_end ? "\n" : "\r\n"))
		end_place(w);
}

static void
auth_octet(struct watch *w, char octet, const struct watch_reaction *r)
{
	bool is_end;

	buffer_add(&w->line, (struct span){ &octet, 1 });
	is_end = ends_in(&w->line, w->any_line_end ? "\n" : "\r\n");
	fuzz_promise_of(is_end == (r->said.len > 0),
	    "a response is answered at its end: ", buffer_span(&w->line));
	check_stored(w, r, false);
	if (!is_end)
		return;
	end_place(w);
	if (only_code(w, r->said) == 334)
		w->place = WATCH_AUTH;
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
	case WATCH_AUTH:
		auth_octet(w, octet, r);
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
