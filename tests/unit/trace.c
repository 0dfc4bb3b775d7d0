/*
 * The lines added to a mail (RFC 5321 s. 4.4), written out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "../../mail/address.h"
#include "../../mail/trace.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Wednesday, 15 Nov 2023 06:13:20 UTC and a bit. */
static const int64_t then = 1700028800123456;

static struct recipient recipients[] = {
	{ .forward_path = "b@mx.example" },
	{ .forward_path = "c@mx.example" },
};

static const struct envelope simple = {
	.protocol = "ESMTP",
	.helo = "client.example",
	.reverse_path = "a@client.example",
	.recipients = recipients,
	.nrecipients = 1,
};

static const struct peer somebody = { .address = "192.0.2.1", .port = 4711 };

/* All of it, with "#" where the id belongs; lent until the next call. */
static const char *
trace_of(const struct envelope *e, const struct peer *peer,
    const struct header *header)
{
	static char text[sizeof(struct trace) + 1];
	struct trace_mail mail = {
		.envelope = e,
		.peer = peer,
		.hostname = "mx.example",
		.received_at = then,
		.header = header,
		.process_id = 4242,
	};
	struct trace *trace = malloc(sizeof *trace);

	cr_assert(trace);
	memset(trace, 'x', sizeof *trace);
	trace_write(&mail, trace);
	snprintf(text, sizeof text, "%s#%s", trace->before_id, trace->after_id);
	free(trace);
	return text;
}

static void
expect(const char *want, const char *got)
{
	cr_expect(strcmp(want, got) == 0, "want \"%s\", got \"%s\"", want, got);
}

Test(trace, has_the_form_of_the_standard)
{
	expect("Return-Path: <a@client.example>\r\n"
	       "Received: from client.example ([192.0.2.1])\r\n"
	       "\tby mx.example with ESMTP id #\r\n"
	       "\tfor <b@mx.example>;\r\n"
	       "\tWed, 15 Nov 2023 06:13:20 +0000\r\n",
	    trace_of(&simple, &somebody, NULL));
}

Test(trace, names_the_protocol)
{
	struct envelope e = simple;

	e.protocol = "UTF8SMTP";
	cr_expect(strstr(trace_of(&e, &somebody, NULL),
	    "\tby mx.example with UTF8SMTP id #"));
}

Test(trace, has_a_return_path_for_the_null_path)
{
	static const char want[] = "Return-Path: <>\r\nReceived: ";
	struct envelope e = simple;

	e.reverse_path = "";
	cr_expect(
	    strncmp(trace_of(&e, &somebody, NULL), want, strlen(want)) == 0);
}

/* RFC 5321 s. 4.1.3: the tag stands before IPv6, and none before IPv4. */
Test(trace, writes_the_peer_as_a_literal)
{
	static const struct {
		const char *address, *want;
	} rows[] = {
		{ "192.0.2.255", " ([192.0.2.255])\r\n" },
		{ "2001:db8::1", " ([IPv6:2001:db8::1])\r\n" },
		{ "::1", " ([IPv6:::1])\r\n" },
		{ "fe80:1111:2222:3333:4444:5555:6666:7777",
		    " ([IPv6:fe80:1111:2222:3333:4444:5555:6666:7777])\r\n" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct peer peer = { .port = 25 };
		const char *text;

		strcpy(peer.address, rows[i].address);
		text = trace_of(&simple, &peer, NULL);
		cr_expect(strstr(text, rows[i].want), "%s", text);
	}
}

Test(trace, has_no_literal_for_an_unknown_peer)
{
	struct peer peer = { .address = "unknown" };

	cr_expect(strstr(trace_of(&simple, &peer, NULL),
	    "Received: from client.example\r\n"));
}

Test(trace, has_no_literal_for_a_local_peer)
{
	struct peer peer = { .address = "local" };

	expect("Return-Path: <a@client.example>\r\n"
	       "Received: from client.example\r\n"
	       "\tby mx.example with ESMTP id #\r\n"
	       "\tfor <b@mx.example>;\r\n"
	       "\tWed, 15 Nov 2023 06:13:20 +0000\r\n",
	    trace_of(&simple, &peer, NULL));
}

/* One would learn of the other, whom no field need mention. */
Test(trace, names_no_recipient_of_several)
{
	struct envelope e = simple;
	const char *text;

	e.nrecipients = 2;
	text = trace_of(&e, &somebody, NULL);
	cr_expect(!strstr(text, "for"), "%s", text);
	cr_expect(!strstr(text, "b@"), "%s", text);
	cr_expect(strstr(text, " id #;\r\n\tWed, 15 Nov"), "%s", text);
}

/* Only a Domain or a literal may stand behind "from"; the rest is in helo. */
Test(trace, names_the_client_only_as_a_domain)
{
	static const struct {
		const char *helo, *want;
	} rows[] = {
		{ "client.example", "client.example" },
		{ "localhost", "localhost" },
		{ "[192.0.2.7]", "[192.0.2.7]" },
		{ "[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]" },
		{ "", "unknown" },
		{ "not a domain", "unknown" },
		{ "a\r\nX: y", "unknown" },
		{ "(comment", "unknown" },
		{ "x;y", "unknown" },
		{ "[nothing", "unknown" },
		{ "a..b", "unknown" },
		/* UTF-8 is for the addresses (RFC 6531 s. 3.7.3). */
		{ "m\xC3\xBCnchen.example", "unknown" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct envelope e = simple;
		const char *text;
		char want[100];

		e.helo = rows[i].helo;
		snprintf(want, sizeof want,
		    "\r\nReceived: from %s ([192.0.2.1])\r\n", rows[i].want);
		text = trace_of(&e, &somebody, NULL);
		cr_expect(strstr(text, want), "%s: %s", rows[i].helo, text);
	}
}

Test(trace, keeps_addresses_in_utf8)
{
	struct recipient to[] = { { .forward_path =
					"\xE7\x94\xA8@mx.example" } };
	struct envelope e = simple;

	e.protocol = "UTF8SMTP";
	e.smtputf8 = true;
	e.reverse_path = "j\xC3\xBCrgen@m\xC3\xBCnchen.example";
	e.recipients = to;
	expect("Return-Path: <j\xC3\xBCrgen@m\xC3\xBCnchen.example>\r\n"
	       "Received: from client.example ([192.0.2.1])\r\n"
	       "\tby mx.example with UTF8SMTP id #\r\n"
	       "\tfor <\xE7\x94\xA8@mx.example>;\r\n"
	       "\tWed, 15 Nov 2023 06:13:20 +0000\r\n",
	    trace_of(&e, &somebody, NULL));
}

/* The reverse-path has no other place; the client of a mail knows itself. */
Test(trace, names_no_recipient_in_utf8_unless_smtputf8_was_asked_for)
{
	struct recipient to[] = { { .forward_path =
					"\xE7\x94\xA8@mx.example" } };
	struct envelope e = simple;

	e.reverse_path = "j\xC3\xBCrgen@client.example";
	e.recipients = to;
	expect("Return-Path: <j\xC3\xBCrgen@client.example>\r\n"
	       "Received: from client.example ([192.0.2.1])\r\n"
	       "\tby mx.example with ESMTP id #;\r\n"
	       "\tWed, 15 Nov 2023 06:13:20 +0000\r\n",
	    trace_of(&e, &somebody, NULL));
}

/*
 * Submission (RFC 6409 s. 8)
 */

#define DATE_LINE "Date: Wed, 15 Nov 2023 06:13:20 +0000\r\n"
#define FROM_LINE "From: <a@client.example>\r\n"
#define ID_LINE "Message-ID: <1700028800123456.4242@mx.example>\r\n"

Test(trace, adds_the_fields_that_a_submission_lacks)
{
	static const struct {
		struct header has;
		const char *want;
	} rows[] = {
		{ { .has = { false } }, DATE_LINE FROM_LINE ID_LINE },
		{ { .has = { [HEADER_DATE] = true } }, FROM_LINE ID_LINE },
		{ { .has = { [HEADER_FROM] = true } }, DATE_LINE ID_LINE },
		{ { .has = { [HEADER_MESSAGE_ID] = true } },
		    DATE_LINE FROM_LINE },
		{ { .has = { [HEADER_DATE] = true, [HEADER_FROM] = true } },
		    ID_LINE },
		{ { .has = { [HEADER_DATE] = true,
			[HEADER_FROM] = true,
			[HEADER_MESSAGE_ID] = true } },
		    "" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char want[1024];

		snprintf(want, sizeof want, "%s%s",
		    trace_of(&simple, &somebody, NULL), rows[i].want);
		expect(want, trace_of(&simple, &somebody, &rows[i].has));
	}
}

/* A From must hold an address (RFC 5322 s. 3.6.2), which <> is not. */
Test(trace, adds_a_from_for_the_null_path)
{
	struct header none = { .has = { false } };
	struct envelope e = simple;
	const char *text, *from;
	struct span path;
	struct address_path parts;

	e.reverse_path = "";
	text = trace_of(&e, &somebody, &none);
	from = strstr(text, "\r\nFrom: <");
	cr_assert(from, "%s", text);
	path = span_of(from + strlen("\r\nFrom: "));
	path.len = strcspn(path.p, "\r");
	cr_expect(
	    address_read_path(&path, ADDRESS_STRICT, &parts) == ADDRESS_OK &&
		path.len == 0 && parts.domain.len > 0,
	    "%s", from);
}

/*
 * Dates (RFC 5322 s. 3.3)
 */

/* The Date line holds the same as the Received line. */
static void
expect_date(int64_t microseconds, const char *want)
{
	struct header none = { .has = { false } };
	struct trace_mail mail = {
		.envelope = &simple,
		.peer = &somebody,
		.hostname = "mx.example",
		.received_at = microseconds,
		.header = &none,
	};
	struct trace trace;
	char line[100];

	trace_write(&mail, &trace);
	snprintf(line, sizeof line, ";\r\n\t%s\r\nDate: %s\r\n", want, want);
	cr_expect(strstr(trace.after_id, line), "%lld: want \"%s\", got \"%s\"",
	    (long long)microseconds, want, trace.after_id);
}

static const struct {
	int64_t seconds;
	const char *want;
} dates[] = {
	{ 0, "Thu, 01 Jan 1970 00:00:00 +0000" },
	{ 951782399, "Mon, 28 Feb 2000 23:59:59 +0000" },
	{ 951782400, "Tue, 29 Feb 2000 00:00:00 +0000" },
	{ 1709251199, "Thu, 29 Feb 2024 23:59:59 +0000" },
	{ 1711846800, "Sun, 31 Mar 2024 01:00:00 +0000" },
	{ 1735689599, "Tue, 31 Dec 2024 23:59:59 +0000" },
	{ 1735689600, "Wed, 01 Jan 2025 00:00:00 +0000" },
	{ 2147483648, "Tue, 19 Jan 2038 03:14:08 +0000" },
	{ 4102444800, "Fri, 01 Jan 2100 00:00:00 +0000" },
};

Test(trace, writes_dates)
{
	for (size_t i = 0; i < COUNT(dates); i++) {
		expect_date(dates[i].seconds * 1000000, dates[i].want);
		expect_date(dates[i].seconds * 1000000 + 999999, dates[i].want);
	}
}

/* Whatever the zone of the host: the clock time is UTC, and said to be. */
Test(trace, writes_dates_in_utc)
{
	static const char *const zones[] = { "Asia/Kathmandu", "XYZ-13",
		"America/Los_Angeles", "ABC+11:30" };

	for (size_t i = 0; i < COUNT(zones); i++) {
		setenv("TZ", zones[i], 1);
		tzset();
		for (size_t j = 0; j < COUNT(dates); j++)
			expect_date(dates[j].seconds * 1000000, dates[j].want);
	}
}

/*
 * Lengths
 */

/* Everything as long as it can be: nothing is cut off, and lines end. */
Test(trace, has_room_for_the_longest)
{
	static char path[ADDRESS_PATH_MAX - 1], domain[ADDRESS_DOMAIN_MAX + 1];
	struct recipient to[] = { { .forward_path = path } };
	struct header none = { .has = { false } };
	struct envelope e = simple;
	struct peer peer = { .port = 65535 };
	struct trace_mail mail = {
		.envelope = &e,
		.peer = &peer,
		.hostname = domain,
		.received_at = then,
		.header = &none,
		.process_id = 2147483647,
	};
	struct trace trace;
	char end[600];

	memset(path, 'p', sizeof path - 1);
	path[64] = '@';
	for (size_t i = 0; i < sizeof domain - 1; i++)
		domain[i] = i % 64 == 63 ? '.' : 'd';
	strcpy(peer.address, "fe80:1111:2222:3333:4444:5555:6666:7777");
	e.helo = domain;
	e.reverse_path = path;
	e.recipients = to;
	trace_write(&mail, &trace);
	snprintf(end, sizeof end, "\r\n\tby %s with ESMTP id ", domain);
	cr_expect(
	    strlen(trace.before_id) > 800 &&
		strcmp(trace.before_id + strlen(trace.before_id) - strlen(end),
		    end) == 0,
	    "%s", trace.before_id);
	snprintf(end, sizeof end,
	    "\r\nMessage-ID: <1700028800123456.2147483647@%s>\r\n", domain);
	cr_expect(strcmp(trace.after_id + strlen(trace.after_id) - strlen(end),
		      end) == 0,
	    "%s", trace.after_id);
	cr_expect(strstr(trace.after_id, path), "%s", trace.after_id);
}
