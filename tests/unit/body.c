/*
 * The text after DATA, as tables and against a slow reference.  However an
 * input is cut, the outcome is the same; each piece stands in a heap block of
 * just its size, so that AddressSanitizer sees an octet read behind it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../session/body.h"
#include "../support/buffer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string literal as a span; it may hold NUL. */
#define T(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

/* What became of an input. */
struct outcome {
	struct buffer data;
	bool ended;
	bool bare_cr, bare_lf;
	size_t rest; /* octets behind the end */
	bool broken; /* the contract of body_next() */
};

/* For messages: what is not printable as \xHH, and not all of a long one. */
static const char *
show(struct span text, char buf[static 256])
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < 250; i++) {
		unsigned char c = (unsigned char)text.p[i];

		n += (size_t)sprintf(buf + n,
		    c == '\r'              ? "\\r"
		    : c == '\n'            ? "\\n"
		    : c > 0x1F && c < 0x7F ? "%c"
					   : "\\x%02X",
		    c);
	}
	buf[n] = '\0';
	return buf;
}

/*
 * Running
 */

static bool
is_within(struct span outer, struct span inner)
{
	return inner.p >= outer.p && inner.p <= outer.p + outer.len &&
	       inner.len <= (size_t)(outer.p + outer.len - inner.p);
}

/* Feeds one piece; returns the octets of it that stand behind the end. */
static size_t
feed(struct body *b, struct span piece, struct outcome *o)
{
	static const struct span crlf = T("\r\n"); /* or its CR alone */
	char *block = malloc(piece.len ? piece.len : 1);
	struct span input = { block, piece.len }, data;
	enum body_result result;

	cr_assert(block != NULL);
	memcpy(block, piece.p, piece.len);
	while ((result = body_next(b, &input, &data)) == BODY_DATA) {
		bool is_ours =
		    is_within((struct span){ block, piece.len }, data);

		if (data.len == 0 ||
		    (!is_ours && (data.len > crlf.len ||
				     memcmp(data.p, crlf.p, data.len) != 0))) {
			o->broken = true;
			break;
		}
		buffer_add(&o->data, data);
	}
	o->ended = result == BODY_END;
	if (result == BODY_MORE && input.len > 0)
		o->broken = true;
	if (!is_within((struct span){ block, piece.len }, input))
		o->broken = true;
	free(block);
	return input.len;
}

/* Feeds `first` octets, then `step` at a time. */
static void
run(struct span text, enum body_line_ends ends, size_t first, size_t step,
    struct outcome *o)
{
	struct body b;
	size_t n = first;

	*o = (struct outcome){ .ended = false };
	body_start(&b, ends);
	for (size_t at = 0; at < text.len && !o->ended && !o->broken; at += n) {
		if (at > 0)
			n = step;
		if (n > text.len - at)
			n = text.len - at;
		o->rest = text.len - at - n +
			  feed(&b, (struct span){ text.p + at, n }, o);
	}
	o->bare_cr = b.bare_cr;
	o->bare_lf = b.bare_lf;
}

static bool
is_same(const struct outcome *want, const struct outcome *got)
{
	return !got->broken && want->ended == got->ended &&
	       want->bare_cr == got->bare_cr && want->bare_lf == got->bare_lf &&
	       (!want->ended || want->rest == got->rest) &&
	       want->data.len == got->data.len &&
	       (want->data.len == 0 ||
		   memcmp(want->data.p, got->data.p, want->data.len) == 0);
}

/* Fails the test where one way to cut the input gives something else. */
static void
expect_outcome(struct span text, enum body_line_ends ends, size_t first,
    size_t step, const struct outcome *want)
{
	char input[256], data[256], want_data[256];
	struct outcome got;

	run(text, ends, first, step, &got);
	cr_expect(is_same(want, &got),
	    "\"%s\" (%s, cut at %zu, then every %zu):\n"
	    "want \"%s\" ended %d, bare CR %d, LF %d, rest %zu\n"
	    "got  \"%s\" ended %d, bare CR %d, LF %d, rest %zu%s",
	    show(text, input), ends == BODY_ANY ? "any" : "CRLF", first, step,
	    show(buffer_span(&want->data), want_data), want->ended,
	    want->bare_cr, want->bare_lf, want->rest,
	    show(buffer_span(&got.data), data), got.ended, got.bare_cr,
	    got.bare_lf, got.rest, got.broken ? ", contract broken" : "");
	buffer_free(&got.data);
}

/* Whole, octet by octet, and cut in two everywhere. */
static void
expect_any_cut(
    struct span text, enum body_line_ends ends, const struct outcome *want)
{
	expect_outcome(text, ends, text.len, 1, want);
	expect_outcome(text, ends, 1, 1, want);
	for (size_t i = 1; i < text.len; i++)
		expect_outcome(text, ends, i, text.len, want);
}

/*
 * Tables
 */

enum {
	ENDED = 1,
	BARE_CR = 2,
	BARE_LF = 4,
};

struct row {
	struct span in;
	int flags;
	struct span want; /* the data */
	size_t rest;
};

static void
check_rows(const struct row *rows, size_t n, enum body_line_ends ends)
{
	for (size_t i = 0; i < n; i++) {
		struct outcome want = {
			.ended = rows[i].flags & ENDED,
			.bare_cr = rows[i].flags & BARE_CR,
			.bare_lf = rows[i].flags & BARE_LF,
			.rest = rows[i].rest,
		};

		buffer_add(&want.data, rows[i].want);
		expect_any_cut(rows[i].in, ends, &want);
		buffer_free(&want.data);
	}
}

/* clang-format off */
/* The same with both kinds of line ends. */
static const struct row common_rows[] = {
	/* Where it ends. */
	{ T(".\r\n"),                       ENDED, T(""), 0 },
	{ T("a\r\n.\r\n"),                  ENDED, T("a\r\n"), 0 },
	{ T("\r\n.\r\n"),                   ENDED, T("\r\n"), 0 },
	{ T("a\r\n\r\n.\r\n"),              ENDED, T("a\r\n\r\n"), 0 },
	{ T("a\r\n.\r\nQUIT\r\n"),          ENDED, T("a\r\n"), 6 },
	{ T("a\r\n.\r\n.\r\n"),             ENDED, T("a\r\n"), 3 },
	{ T(".\r\n\r\n.\r\n"),              ENDED, T(""), 5 },
	{ T(".\r\n\n\r."),                  ENDED, T(""), 3 },
	/* Where it does not, yet. */
	{ T(""),                            0, T(""), 0 },
	{ T("a"),                           0, T("a"), 0 },
	{ T("a\r"),                         0, T("a\r"), 0 },
	{ T("a\r\n"),                       0, T("a\r\n"), 0 },
	{ T("a\r\n."),                      0, T("a\r\n"), 0 },
	{ T("a\r\n.\r"),                    0, T("a\r\n"), 0 },
	{ T("a.\r\n"),                      0, T("a.\r\n"), 0 },
	{ T("a\r\n .\r\n"),                 0, T("a\r\n .\r\n"), 0 },
	{ T("a\r\n. \r\n"),                 0, T("a\r\n \r\n"), 0 },
	/* Dots (RFC 5321 s. 4.5.2). */
	{ T("..\r\n.\r\n"),                 ENDED, T(".\r\n"), 0 },
	{ T("...\r\n.\r\n"),                ENDED, T("..\r\n"), 0 },
	{ T(".a\r\n.\r\n"),                 ENDED, T("a\r\n"), 0 },
	{ T("a\r\n..b\r\n.c\r\nd.\r\n.\r\n"), ENDED, T("a\r\n.b\r\nc\r\nd.\r\n"), 0 },
	{ T("a.b..c\r\n.\r\n"),             ENDED, T("a.b..c\r\n"), 0 },
	{ T("..\r\n..\r\n..\r\n.\r\n"),     ENDED, T(".\r\n.\r\n.\r\n"), 0 },
	{ T(".."),                          0, T("."), 0 },
	/* Any octet is text. */
	{ T("\0\x01\x7F\x80\xFF\r\n.\r\n"), ENDED, T("\0\x01\x7F\x80\xFF\r\n"), 0 },
	{ T(".\0\r\n.\0.\r\n.\r\n"),        ENDED, T("\0\r\n\0.\r\n"), 0 },
	/* A CR that ends no line. */
	{ T("a\rb\r\n.\r\n"),               ENDED | BARE_CR, T("a\rb\r\n"), 0 },
	{ T("\r\r\n.\r\n"),                 ENDED | BARE_CR, T("\r\r\n"), 0 },
	{ T("a\r\r\n.\r\nQUIT"),            ENDED | BARE_CR, T("a\r\r\n"), 4 },
	{ T("a\r.\r\n.\r\n"),               ENDED | BARE_CR, T("a\r.\r\n"), 0 },
	{ T(".\ra\r\n.\r\n"),               ENDED | BARE_CR, T("\ra\r\n"), 0 },
	{ T(".\r\r\n.\r\n"),                ENDED | BARE_CR, T("\r\r\n"), 0 },
	{ T(".\r.\r\n"),                    BARE_CR, T("\r.\r\n"), 0 },
	{ T("a\r\n\r.\r\n"),                BARE_CR, T("a\r\n\r.\r\n"), 0 },
	{ T("a\r\n.\r\r"),                  BARE_CR, T("a\r\n\r\r"), 0 },
	{ T("a\rb"),                        BARE_CR, T("a\rb"), 0 },
};

/* From a network peer, LF alone ends nothing (RFC 5321 s. 2.3.8, 4.1.1.4). */
static const struct row crlf_rows[] = {
	{ T("a\nb\r\n.\r\n"),               ENDED | BARE_LF, T("a\nb\r\n"), 0 },
	{ T("a\n.\n"),                      BARE_LF, T("a\n.\n"), 0 },
	{ T("a\n.\r\n"),                    BARE_LF, T("a\n.\r\n"), 0 },
	{ T("a\r\n.\n"),                    BARE_LF, T("a\r\n\n"), 0 },
	{ T("a\n.\nMAIL FROM:<>\r\n.\r\n"), ENDED | BARE_LF, T("a\n.\nMAIL FROM:<>\r\n"), 0 },
	{ T("a\n.\r\nMAIL FROM:<>\r\n.\r\n"), ENDED | BARE_LF, T("a\n.\r\nMAIL FROM:<>\r\n"), 0 },
	{ T("a\r\n.\nMAIL FROM:<>\r\n.\r\n"), ENDED | BARE_LF, T("a\r\n\nMAIL FROM:<>\r\n"), 0 },
	{ T(".\n.\r\n.\r\n"),               ENDED | BARE_LF, T("\n.\r\n"), 0 },
	{ T("\n"),                          BARE_LF, T("\n"), 0 },
	{ T("\n.\r\n"),                     BARE_LF, T("\n.\r\n"), 0 },
	{ T("\n\r\n.\r\nX"),                ENDED | BARE_LF, T("\n\r\n"), 1 },
	{ T("\n\r\n\r\n.\r\n"),             ENDED | BARE_LF, T("\n\r\n\r\n"), 0 },
	{ T("a\r\n\n.\r\n"),                BARE_LF, T("a\r\n\n.\r\n"), 0 },
	{ T("a\n\r.\r\n"),                  BARE_CR | BARE_LF, T("a\n\r.\r\n"), 0 },
	{ T("a\n\rb\r\n.\r\n"),             ENDED | BARE_CR | BARE_LF, T("a\n\rb\r\n"), 0 },
	{ T("\r.\n.\r\n"),                  BARE_CR | BARE_LF, T("\r.\n.\r\n"), 0 },
	/* What is wrong behind the end is not the mail's fault. */
	{ T("a\r\n.\r\nb\nc\rd"),           ENDED, T("a\r\n"), 5 },
};

/* From a file, it ends a line and becomes CRLF. */
static const struct row any_rows[] = {
	{ T(".\n"),                         ENDED, T(""), 0 },
	{ T("a\n.\n"),                      ENDED, T("a\r\n"), 0 },
	{ T("\n.\n"),                       ENDED, T("\r\n"), 0 },
	{ T("\n\n\n.\n\n"),                 ENDED, T("\r\n\r\n\r\n"), 1 },
	{ T("a\n"),                         0, T("a\r\n"), 0 },
	{ T("a\n."),                        0, T("a\r\n"), 0 },
	{ T("\n"),                          0, T("\r\n"), 0 },
	{ T("a\nb\r\nc\n.\r\nX"),           ENDED, T("a\r\nb\r\nc\r\n"), 1 },
	{ T("a\r\n.\nX"),                   ENDED, T("a\r\n"), 1 },
	{ T("..\n.a\n.\n"),                 ENDED, T(".\r\na\r\n"), 0 },
	{ T("a\r\n\n.\r\n"),                ENDED, T("a\r\n\r\n"), 0 },
	{ T(". \n.\n"),                     ENDED, T(" \r\n"), 0 },
	/* CR alone still is none. */
	{ T("a\n\r.\n"),                    BARE_CR, T("a\r\n\r.\r\n"), 0 },
	{ T("a\rb\n.\n"),                   ENDED | BARE_CR, T("a\rb\r\n"), 0 },
	{ T("a\r\r\n.\n"),                  ENDED | BARE_CR, T("a\r\r\n"), 0 },
	{ T(".\r.\n.\n"),                   ENDED | BARE_CR, T("\r.\r\n"), 0 },
};
/* clang-format on */

Test(body, takes_the_dots_out)
{
	check_rows(common_rows, COUNT(common_rows), BODY_CRLF);
	check_rows(common_rows, COUNT(common_rows), BODY_ANY);
}

Test(body, ends_lines_with_crlf_only)
{
	check_rows(crlf_rows, COUNT(crlf_rows), BODY_CRLF);
}

Test(body, ends_lines_of_a_file_with_lf)
{
	check_rows(any_rows, COUNT(any_rows), BODY_ANY);
}

Test(body, starts_each_mail_anew)
{
	struct body b;
	struct outcome o = { .ended = false };

	body_start(&b, BODY_CRLF);
	cr_expect(feed(&b, (struct span)T("a\rb\nc\r\n."), &o) == 0);
	cr_expect(b.bare_cr && b.bare_lf && !o.ended);
	body_start(&b, BODY_CRLF);
	cr_expect(!b.bare_cr && !b.bare_lf);
	cr_expect(feed(&b, (struct span)T("\r\n.\r\nX"), &o) == 1);
	cr_expect(!b.bare_cr && !b.bare_lf && o.ended);
	buffer_free(&o.data);
}

/* As in BDAT: whole and cut in two everywhere. */
Test(body, looks_for_bare_line_ends)
{
	static const struct {
		struct span in;
		bool bare;
	} rows[] = {
		{ T(""), false },
		{ T("a"), false },
		{ T("a\r\nb\r\n\r\n"), false },
		{ T("\n"), true },
		{ T("\r"), true },
		{ T("a\nb"), true },
		{ T("a\rb"), true },
		{ T("a\r\r\n"), true },
		{ T("a\r\n\n"), true },
		{ T("a\r\nb\r"), true },
		{ T("\n\r"), true },
	};
	struct body b;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span in = rows[i].in;

		for (size_t cut = 0; cut <= in.len; cut++) {
			body_start(&b, BODY_CRLF);
			body_look(&b, (struct span){ in.p, cut });
			body_look(
			    &b, (struct span){ in.p + cut, in.len - cut });
			cr_expect(body_is_bare(&b) == rows[i].bare,
			    "row %zu cut at %zu", i, cut);
		}
	}
}

/* Fed to the end and then again: the second mail is not part of the first. */
Test(body, lends_the_rest_to_whoever_is_next)
{
	char text[] = "a\r\n.\r\nb\r\n.\r\nQUIT\r\n";
	struct span input = span_of(text), data;
	struct body b;

	for (char want = 'a'; want <= 'b'; want++) {
		body_start(&b, BODY_CRLF);
		cr_assert(body_next(&b, &input, &data) == BODY_DATA);
		cr_expect(data.len == 3 && data.p[0] == want);
		cr_assert(body_next(&b, &input, &data) == BODY_END);
	}
	cr_expect(input.len == 6 && memcmp(input.p, "QUIT\r\n", 6) == 0);
}

/*
 * A reference that looks at all of the text at once: a mail ends at the first
 * CRLF.CRLF, if a CRLF is imagined before it.
 */

/* Makes every lone LF a CRLF; `from[i]` is where octet i ended before. */
static struct buffer
with_crlf(struct span text, size_t *from)
{
	struct buffer b = { .p = NULL };

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r')) {
			from[b.len] = i + 1;
			buffer_add(&b, span_of("\r"));
		}
		from[b.len] = i + 1;
		buffer_add(&b, (struct span){ text.p + i, 1 });
	}
	return b;
}

static bool
is_line_start(struct span text, size_t i)
{
	return i == 0 ||
	       (i >= 2 && text.p[i - 2] == '\r' && text.p[i - 1] == '\n');
}

/* Where the line of the final dot starts, or the length. */
static size_t
find_final_dot(struct span text)
{
	for (size_t i = 0; i + 3 <= text.len; i++) {
		if (is_line_start(text, i) &&
		    memcmp(text.p + i, ".\r\n", 3) == 0)
			return i;
	}
	return text.len;
}

static void
note_bare(struct span text, struct outcome *o)
{
	for (size_t i = 0; i < text.len; i++) {
		char before = i > 0 ? text.p[i - 1] : '\0';

		if (text.p[i] == '\n' && before != '\r')
			o->bare_lf = true;
		if (text.p[i] != '\n' && before == '\r')
			o->bare_cr = true;
	}
}

static void
refer(struct span text, enum body_line_ends ends, struct outcome *o)
{
	size_t *from = malloc((2 * text.len + 1) * sizeof *from);
	struct buffer lines = { .p = NULL };
	struct span all;
	size_t end, dot;

	*o = (struct outcome){ .ended = false };
	if (ends == BODY_ANY)
		lines = with_crlf(text, from);
	else
		buffer_add(&lines, text);
	all = buffer_span(&lines);
	dot = find_final_dot(all);
	o->ended = dot < all.len;
	end = o->ended ? dot + 3 : all.len;
	if (o->ended)
		o->rest = text.len - (ends == BODY_ANY ? from[end - 1] : end);
	note_bare((struct span){ text.p, text.len - o->rest }, o);
	if (ends == BODY_ANY)
		o->bare_lf = false;
	for (size_t i = 0; i < dot; i++) {
		bool is_stuffing = is_line_start(all, i) && all.p[i] == '.';

		/* The CR behind a dot could be that of the end. */
		if (is_stuffing && i + 2 == dot && all.p[i + 1] == '\r')
			break;
		if (!is_stuffing)
			buffer_add(&o->data, (struct span){ all.p + i, 1 });
	}
	buffer_free(&lines);
	free(from);
}

/* Repeatable on every machine. */
static uint32_t
random_number(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % below;
}

static void
expect_as_reference(struct span text, size_t first, size_t step)
{
	for (int ends = BODY_CRLF; ends <= BODY_ANY; ends++) {
		struct outcome want;

		refer(text, (enum body_line_ends)ends, &want);
		expect_outcome(
		    text, (enum body_line_ends)ends, first, step, &want);
		buffer_free(&want.data);
	}
}

/* All texts of CR, LF, dot and a letter up to this length. */
Test(body, does_as_the_reference_with_every_short_text)
{
	enum {
		LONGEST = 7
	};
	static const char alphabet[] = "\r\n.a";
	char text[LONGEST];

	for (size_t len = 1; len <= LONGEST; len++) {
		for (unsigned n = 0; n < 1u << 2 * len; n++) {
			struct span in = { text, len };

			for (size_t i = 0; i < len; i++)
				text[i] = alphabet[n >> 2 * i & 3];
			expect_as_reference(in, len, 1);
			expect_as_reference(in, 1, 1);
			expect_as_reference(in, 1 + n % len, len);
		}
	}
}

Test(body, does_as_the_reference_with_random_texts)
{
	static const char *const words[] = { "\r\n", "\r\n", "\r\n.", "\r\n..",
		"\n", "\r", ".", "a", "text", ".\r\n", "\r\n.\r", "\xFF" };
	enum {
		ROUNDS = 20000,
		NWORDS = 40
	};
	uint32_t state = 2463534242;

	for (int round = 0; round < ROUNDS; round++) {
		struct buffer text = { .p = NULL };
		uint32_t n = 1 + random_number(&state, NWORDS);
		/* Half of them without bare CR and LF. */
		bool is_clean = round % 2;

		for (uint32_t i = 0; i < n; i++) {
			const char *word =
			    words[random_number(&state, COUNT(words))];

			if (is_clean &&
			    (strcmp(word, "\r") == 0 || *word == '\n' ||
				word[strlen(word) - 1] == '\r'))
				continue;
			buffer_add(&text, span_of(word));
		}
		if (text.len > 0)
			expect_as_reference(buffer_span(&text),
			    1 + random_number(&state, (uint32_t)text.len),
			    1 + random_number(&state, 9));
		buffer_free(&text);
	}
}

/*
 * Long texts
 */

/*
 * With time in the square of the length, one row would take minutes.  Files
 * come in pieces as the program reads them: each line of theirs is a step, for
 * which the next CR is searched once more.
 */
Test(body, takes_long_input_in_linear_time, .timeout = 600)
{
	enum {
		LEN = 1 << 20,
		PIECE = 1 << 16
	};
	static const char *const fillers[] = { "a", "a\r\n", "..\r\n", ".",
		"\n", "\r", ".a\n", "\r\r\n", "\r\n.a", ".\r" };

	for (size_t i = 0; i < 2 * COUNT(fillers); i++) {
		const char *filler = fillers[i / 2];
		enum body_line_ends ends = i % 2 ? BODY_ANY : BODY_CRLF;
		size_t n = LEN / strlen(filler);
		struct buffer text = { .p = NULL };
		struct outcome o;

		buffer_add(&text, span_of("x"));
		for (size_t j = 0; j < n; j++)
			buffer_add(&text, span_of(filler));
		buffer_add(&text, span_of("\r\n.\r\nrest"));
		run(buffer_span(&text), ends,
		    ends == BODY_ANY ? PIECE : text.len, PIECE, &o);
		cr_expect(o.ended && o.rest == 4 && !o.broken, "row %zu", i);
		buffer_free(&o.data);
		buffer_free(&text);
	}
}

Test(body, keeps_long_lines_exactly)
{
	enum {
		LEN = 1 << 20
	};
	struct buffer text = { .p = NULL };
	struct outcome want = { .ended = true };
	char *line = malloc(LEN);

	cr_assert(line != NULL);
	for (size_t i = 0; i < LEN; i++)
		line[i] = (char)(i * 2654435761u >> 24);
	for (size_t i = 0; i < LEN; i++) {
		if (line[i] == '\r' || line[i] == '\n')
			line[i] = '.';
	}
	buffer_add(&text, span_of("."));
	buffer_add(&text, (struct span){ line, LEN });
	buffer_add(&text, span_of("\r\n.\r\n"));
	buffer_add(&want.data, (struct span){ line, LEN });
	buffer_add(&want.data, span_of("\r\n"));
	expect_outcome(buffer_span(&text), BODY_CRLF, text.len, 1, &want);
	expect_outcome(buffer_span(&text), BODY_ANY, 1000, 4099, &want);
	buffer_free(&text);
	buffer_free(&want.data);
	free(line);
}
