/*
 * Which fields a mail is found to have, whole and octet by octet, from heap
 * blocks of just their size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../../mail/header.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string literal as a span; it may hold NUL. */
#define T(text)                                                                \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

enum {
	DATE = 1,
	FROM = 2,
	ID = 4,
	ALL = DATE | FROM | ID,
};

/* In pieces of `step` octets. */
static int
fields_of(struct span mail, size_t step)
{
	struct header h;

	header_start(&h);
	for (size_t at = 0; at < mail.len; at += step) {
		size_t n = mail.len - at < step ? mail.len - at : step;
		char *block = malloc(n);

		cr_assert(block);
		memcpy(block, mail.p + at, n);
		header_feed(&h, (struct span){ block, n });
		free(block);
	}
	header_feed(&h, (struct span){ "", 0 });
	header_end(&h);
	return (h.has[HEADER_DATE] ? DATE : 0) |
	       (h.has[HEADER_FROM] ? FROM : 0) |
	       (h.has[HEADER_MESSAGE_ID] ? ID : 0);
}

/* clang-format off */
static const struct {
	struct span mail;
	int want;
} rows[] = {
	{ T(""),                                                  0 },
	{ T("\r\n"),                                              0 },
	{ T("Date: x\r\n\r\n"),                                   DATE },
	{ T("From: x\r\n\r\n"),                                   FROM },
	{ T("Message-ID: x\r\n\r\n"),                             ID },
	{ T("From: x\r\nSubject: x\r\nDate: x\r\nMessage-ID: x\r\n\r\n"), ALL },
	/* Names have no case (RFC 5322 s. 1.2.2); there may be no text. */
	{ T("DATE:x\r\nfrom:\r\nmessage-iD:x\r\n\r\n"),           ALL },
	{ T("Date:\r\nFrom:\r\nMessage-ID:"),                     ALL },
	/* The obsolete syntax has blanks before the colon (s. 4.5). */
	{ T("Date : x\r\nFrom  : x\r\nMessage-Id   : x\r\n"),     ALL },
	{ T("Date\t: x\r\nFrom \t: x\r\n\r\n"),                   DATE | FROM },
	/* Others that only look like them. */
	{ T("Resent-Date: x\r\nX-From: x\r\nIn-Reply-To: x\r\n\r\n"), 0 },
	{ T("Dat: x\r\nDated: x\r\nDate-Sent: x\r\n: Date\r\n\r\n"), 0 },
	{ T("Fro\0m: x\r\nDate\0: x\r\n\r\n"),                    0 },
	{ T("Message-ID-Of-A-Very-Long-Name: x\r\n\r\n"),         0 },
	{ T("Date            Of: x\r\n\r\n"),                     0 },
	{ T("Delivery-Date: x\r\nDate"),                          0 },
	/* In the text of another field, folded (s. 2.2.3) or not. */
	{ T("Subject: Date: x\r\n\r\n"),                          0 },
	{ T("Subject: x\r\n Date: x\r\n\tFrom: x\r\n  Message-ID: x\r\n\r\n"), 0 },
	{ T("Subject: x\r\n Date: x\r\nFrom: x\r\n\r\n"),         FROM },
	{ T("Subject:\r\n x\r\nDate: x\r\n\r\n"),                 DATE },
	/* A CR that ends no line belongs to the text. */
	{ T("Subject: x\rDate: x\r\nFrom: x\r\n\r\n"),            FROM },
	/* Behind the empty line is the body. */
	{ T("Date: x\r\n\r\nFrom: x\r\nMessage-ID: x\r\n"),       DATE },
	{ T("\r\nDate: x\r\nFrom: x\r\n"),                        0 },
	{ T("From: x\r\n\r\n\r\nDate: x\r\n"),                    FROM },
	/* So is what follows a line that is no field. */
	{ T("Dear Sir,\r\nhello\r\nDate: x\r\n"),                 0 },
	{ T("From: x\r\nno field\r\nPump: x\r\nDate: x\r\n"),     FROM },
	{ T("From: x\r\nno field\r\n\r\nDate: x\r\n"),            FROM },
	{ T("From: x\r\nno field\r\n Date: x\r\nDate: x\r\n"),    FROM },
	/* But for one line, if a field that is usual in mail is next. */
	{ T("Dear Sir,\r\nDate: x\r\n"),                          DATE },
	{ T("Dear Sir: hi\r\nDate: x\r\n"),                       DATE },
	{ T("From: x\r\nno field\r\nDate: x\r\n"),                DATE | FROM },
	{ T("From: x\r\nno\r\nTo: x\r\nno\r\nDate: x\r\n"),       DATE | FROM },
	{ T("From: x\r\nPump 4: off\r\nno\r\nDate: x\r\n"),             FROM },
	{ T("From: x\r\nGr\xC3\xB6\xC3\x9F" "e: 5\r\nno\r\nDate: x\r\n"), FROM },
	{ T("From: x\r\nNo\rte: 5\r\nno\r\nDate: x\r\n"),              FROM },
	/* What may stand before the first one. */
	{ T("\xEF\xBB\xBF" "From: x\r\nDate: x\r\n\r\n"),         DATE | FROM },
	{ T(" \tFrom: x\r\nDate: x\r\n\r\n"),                    DATE | FROM },
	{ T("From a@b Tue Nov 24 10:54:24 2026\r\nDate: x\r\n"),  DATE },
	{ T(">From a@b Tue Nov 24 10:54:24 2026\r\nDate: x\r\n"), DATE },
	{ T("To: x\r\n\xEF\xBB\xBF" "From: x\r\nno\r\nDate: x\r\n"), 0 },
	{ T("To: x\r\nFrom a@b Tue\r\nno\r\nDate: x\r\n"),        0 },
	/* A line of blanks is the empty one, unless the header goes on. */
	{ T("From: x\r\n \r\nDear Sir: hello\r\nDate: x\r\n"),    FROM },
	{ T("From: x\r\n \r\nPump: off\r\nDate: x\r\n"),          FROM },
	{ T("From: x\r\n \t\r\nMESSAGE-ID: x\r\nDate: x\r\n"),    ALL },
	{ T("From: x\r\n \r\nContent-Type: x\r\nDate: x\r\n"),    DATE | FROM },
	{ T("From: x\r\n \r\n y\r\nPump: off\r\nDate: x\r\n"),    DATE | FROM },
};
/* clang-format on */

Test(header, finds_the_fields)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t step = 1; step <= rows[i].mail.len + 1; step++) {
			int got = fields_of(rows[i].mail, step);

			if (got == rows[i].want)
				continue;
			cr_expect(false,
			    "\"%s\" (row %zu, by %zu): want %d, got %d",
			    rows[i].mail.p, i, step, rows[i].want, got);
			break;
		}
	}
}

Test(header, starts_each_mail_anew)
{
	static const char first[] = "From: x\r\nDat";
	struct header h;

	header_start(&h);
	header_feed(&h, (struct span){ first, sizeof first - 1 });
	header_start(&h);
	header_feed(&h, (struct span)T("e: x\r\nMessage-ID: x\r\n\r\n"));
	header_end(&h);
	cr_expect(!h.has[HEADER_DATE]);
	cr_expect(!h.has[HEADER_FROM]);
	cr_expect(h.has[HEADER_MESSAGE_ID]);
	header_start(&h);
	header_feed(&h, (struct span)T("Date: x\r\n"));
	header_end(&h);
	cr_expect(h.has[HEADER_DATE]);
}

/*
 * Values
 */

/* Feeds it in pieces of `step` octets. */
static void
read_mail(struct header *h, struct span mail, size_t step)
{
	header_start(h);
	for (size_t at = 0; at < mail.len; at += step) {
		size_t n = mail.len - at < step ? mail.len - at : step;

		header_feed(h, (struct span){ mail.p + at, n });
	}
	header_end(h);
}

/* clang-format off */
static const struct {
	struct span mail;
	const char *subject; /* NULL: none */
} values[] = {
	{ T("To: x\r\n\r\nSubject: in the body\r\n"),       NULL },
	{ T("Subject:\r\n\r\n"),                            "" },
	{ T("Subject: Hello \r\n\r\n"),                     "Hello" },
	{ T("subject:Hello"),                               "Hello" },
	{ T("Subject: one\r\nSubject: two\r\n\r\n"),        "one" },
	/* Unfolding takes the line end alone (RFC 5322 s. 2.2.3). */
	{ T("Subject: a\r\n b\r\n\tc\r\nTo: d\r\n\r\n"),    "a b c" },
	{ T("Subject:\r\n a\r\n\r\n"),                      "a" },
	{ T("Subject: a:b\r\n\r\n"),                        "a:b" },
	/* RFC 2047 is for who reads it. */
	{ T("Subject: =?utf-8?q?=C3=BC?=\r\n\r\n"),         "=?utf-8?q?=C3=BC?=" },
	/* No octet that a terminal or a table should not see. */
	{ T("Subject: a\x1b[31mb\0c\x7f" "d\r\n\r\n"),      "a?[31mb?c?d" },
	{ T("Subject: \xC3\xBC \xFC \xC2\x85 \xED\xA0\x80\r\n\r\n"), "\xC3\xBC ? ?? ???" },
	{ T("Subject: a\rb\r\n\r\n"),                       "a b" },
	{ T("Subject: \t a\r\r\n\r\n"),                   "a" },
};
/* clang-format on */

Test(header, keeps_values)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		for (size_t step = 1; step <= values[i].mail.len; step++) {
			struct header h;
			const char *got, *want = values[i].subject;

			read_mail(&h, values[i].mail, step);
			got = h.has[HEADER_SUBJECT] ? h.value[HEADER_SUBJECT]
						    : NULL;
			cr_expect(
			    want && got ? strcmp(want, got) == 0 : want == got,
			    "row %zu by %zu: want \"%s\", got \"%s\"", i, step,
			    want ? want : "(none)", got ? got : "(none)");
		}
	}
}

Test(header, keeps_a_bounded_part_of_a_value)
{
	struct header h;

	header_start(&h);
	header_feed(&h, (struct span)T("To: "));
	for (int i = 0; i < 100000; i++)
		header_feed(&h, (struct span)T("12345678\r\n "));
	header_feed(&h, (struct span)T("\r\nFrom: x\r\n\r\n"));
	header_end(&h);
	cr_expect(strlen(h.value[HEADER_TO]) <= HEADER_VALUE_MAX);
	cr_expect(strlen(h.value[HEADER_TO]) > HEADER_VALUE_MAX - 9);
	cr_expect(h.has[HEADER_FROM]);
}

/* clang-format off */
static const struct {
	struct span mail;
	uint64_t size;
} sizes[] = {
	{ T(""),                              0 },
	{ T("\r\n"),                          2 },
	{ T("\r\nbody\r\n"),                  2 },
	{ T("To: x\r\n\r\nbody\r\n"),         9 },
	{ T("To: x\r\n y\r\n\r\n\r\nbody"),   13 },
	{ T("To: x\n\nbody\n"),               7 }, /* BDAT may bring it */
	/* No empty line: all that is header. */
	{ T("To: x\r\n"),                     7 },
	{ T("To: x"),                         5 },
	{ T("Dear Sir,\r\n\r\nbody\r\n"),     0 },
	{ T("To: x\r\nDear Sir,\r\n\r\n"),    7 },
	{ T("To: x\r\nDear Sir: hi\r\n"),     7 },
	{ T("To: x\r\nhi\r\nCc: y\r\n\r\nz"), 20 },
	{ T("To: x\r\nhi\r\n\r\nCc: y\r\n"),  7 },
	/* A line of blanks is of it, and those behind it are not. */
	{ T("To: x\r\n \r\nPump: off\r\n"),   10 },
	{ T("To: x\r\n \r\nCc: y\r\n\r\nz"),  19 },
	{ T(" \r\nTo: x\r\n"),                3 },
	{ T("\xEF\xBB\xBF" "To: x\r\n\r\nbody"), 12 },
};
/* clang-format on */

Test(header, measures_the_section)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t step = 1; step <= sizes[i].mail.len + 1; step++) {
			struct header h;

			read_mail(&h, sizes[i].mail, step);
			cr_expect(h.size == sizes[i].size,
			    "row %zu by %zu: want %d, got %d", i, step,
			    (int)sizes[i].size, (int)h.size);
		}
	}
}

/* clang-format off */
static const struct {
	struct span section;
	const char *want;
} sections[] = {
	{ T(""),                                    "" },
	{ T("\r\n"),                                "" },
	{ T("A: b\r\nC : d\r\n e\r\n\r\n"),           "A[ b\r\n]C[ d\r\n e\r\n]" },
	{ T("A:\nB:c"),                             "A[\n]B[c]" },
	{ T("\xEF\xBB\xBF" " A: b\r\n \r\n"),        "A[ b\r\n \r\n]" },
	{ T("From a@b Tue 10:54\r\nA: b\r\n"),      "From_[a@b Tue 10:54\r\n]A[ b\r\n]" },
	{ T("From : b\r\n"),                        "From[ b\r\n]" },
	{ T("A: b\r\nno field\r\nTo: c\r\n\r\n"),   "A[ b\r\n][no field\r\n]To[ c\r\n]" },
	{ T("no: field or: so\r\nTo: c\r\n"),       "no[ field or: so\r\n]To[ c\r\n]" },
};
/* clang-format on */

Test(header, reads_field_by_field)
{
	for (size_t i = 0; i < COUNT(sections); i++) {
		struct header_fields f = { .rest = sections[i].section };
		struct span name, value;
		char got[256] = "";
		size_t len = 0;

		while (header_next(&f, &name, &value))
			len += (size_t)snprintf(got + len, sizeof got - len,
			    "%.*s[%.*s]", (int)name.len, name.p, (int)value.len,
			    value.p);
		cr_expect_str_eq(got, sections[i].want, "row %zu", i);
	}
}

Test(header, tells_whether_text_can_be_in_it)
{
	static const struct {
		struct span mail;
		bool want;
	} ends[] = {
		{ T("A: b\r\n\r\n"), true },
		{ T("A: b\n\nc"), true },
		{ T("A: b\r\n"), false },
		{ T("A: b\r\nc\r\n\r\n"), false },
		{ T("A: b\r\n \r\nc\r\n"), false },
	};

	for (size_t i = 0; i < COUNT(ends); i++) {
		struct header h;

		read_mail(&h, ends[i].mail, 1);
		cr_expect(h.is_plain == ends[i].want, "row %zu", i);
	}
}

Test(header, tells_when_it_is_over)
{
	struct header h;

	header_start(&h);
	cr_expect(!header_is_over(&h));
	header_feed(&h, (struct span)T("To: x\r\n\r"));
	cr_expect(!header_is_over(&h));
	header_feed(&h, (struct span)T("\n"));
	cr_expect(header_is_over(&h));
}
