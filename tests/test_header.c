/*
 * Which fields a mail is found to have, whole and octet by octet, from heap
 * blocks of just their size.
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../header.h"

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
	{ T("Dear Sir,\r\nDate: x\r\n"),                          0 },
	{ T("From: x\r\nno field\r\nDate: x\r\n"),                FROM },
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
	cr_expect(!h.has[HEADER_DATE]);
	cr_expect(!h.has[HEADER_FROM]);
	cr_expect(h.has[HEADER_MESSAGE_ID]);
	header_start(&h);
	header_feed(&h, (struct span)T("Date: x\r\n"));
	cr_expect(h.has[HEADER_DATE]);
}
