/*
 * What filters say, read (filters/milter.h, the actions of policy servers), and
 * what becomes of it in the store (mail/change.h).
 */
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../filters/private.h"
#include "../support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* A string with NULs in it, without the last one. */
#define OCTETS(text)                                                           \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

static char space[CHANGE_VALUE_MAX];

/* Reads a copy of exactly its size, which stays until the next one. */
static bool
read_reply(struct span packet, uint32_t steps, struct milter_reply *ret)
{
	static char *copy;

	free(copy);
	copy = malloc(packet.len + 1);
	copy = realloc(copy, packet.len > 0 ? packet.len : 1);
	memcpy(copy, packet.p, packet.len);
	return milter_read_reply(
	    (struct span){ copy, packet.len }, steps, space, ret);
}

static bool
is_text(struct span text, const char *want)
{
	return text.len == strlen(want) && memcmp(text.p, want, text.len) == 0;
}

/* NULL: any will do. */
static bool
has_value(const struct milter_reply *r, const char *want)
{
	return !want || is_text(r->change.value, want);
}

/*
 * Replies of milters
 */

Test(milter, reads_what_changes_a_mail)
{
	static const struct {
		struct span packet;
		enum change_action action;
		uint32_t place;
		const char *name, *value;
	} rows[] = {
		{ OCTETS("hX-A\0b\0"), CHANGE_ADD_HEADER, 0, "X-A", " b" },
		{ OCTETS("hX-A\0b\n\tc\0"), CHANGE_ADD_HEADER, 0, "X-A",
		    " b\r\n\tc" },
		{ OCTETS("hX-A\0b\r\n c\0"), CHANGE_ADD_HEADER, 0, "X-A",
		    " b\r\n c" },
		/* No second field can be smuggled in. */
		{ OCTETS("hX-A\0b\nBcc: x\0"), CHANGE_ADD_HEADER, 0, "X-A",
		    " b\r\n\tBcc: x" },
		{ OCTETS("hX-A\0b\n\nbody\0"), CHANGE_ADD_HEADER, 0, "X-A",
		    " b\r\n\t\r\n\tbody" },
		{ OCTETS("hX-A\0b\r\n\0"), CHANGE_ADD_HEADER, 0, "X-A", " b" },
		/* The first field for a filter is our Received. */
		{ OCTETS("i\0\0\0\0X-A\0b\0"), CHANGE_INSERT_HEADER, 0, "X-A",
		    " b" },
		{ OCTETS("i\0\0\0\1X-A\0b\0"), CHANGE_INSERT_HEADER, 0, "X-A",
		    " b" },
		{ OCTETS("i\0\0\0\3X-A\0b\0"), CHANGE_INSERT_HEADER, 2, "X-A",
		    " b" },
		{ OCTETS("m\0\0\0\2X-A\0b\0"), CHANGE_CHANGE_HEADER, 2, "X-A",
		    " b" },
		{ OCTETS("m\0\0\0\0X-A\0b\0"), CHANGE_CHANGE_HEADER, 1, "X-A",
		    " b" },
		{ OCTETS("m\0\0\0\1X-A\0\0"), CHANGE_DELETE_HEADER, 1, "X-A",
		    "" },
		{ OCTETS("b\0\r\n"), CHANGE_REPLACE_BODY, 0, "", NULL },
		{ OCTETS("e<a@b.example>\0SIZE=1\0"), CHANGE_SENDER, 0, "",
		    "a@b.example" },
		{ OCTETS("e<>\0"), CHANGE_SENDER, 0, "", "" },
		{ OCTETS("-<a@b.example>\0"), CHANGE_DELETE_RECIPIENT, 0, "",
		    "a@b.example" },
		{ OCTETS("-a@b.example\0"), CHANGE_DELETE_RECIPIENT, 0, "",
		    "a@b.example" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct milter_reply r;

		cr_assert(read_reply(rows[i].packet, 0, &r), "row %zu", i);
		cr_expect(r.change.action == rows[i].action &&
			      r.change.place == rows[i].place,
		    "row %zu: action %d at %u", i, (int)r.change.action,
		    r.change.place);
		cr_expect(is_text(r.change.name, rows[i].name), "row %zu", i);
		cr_expect(has_value(&r, rows[i].value), "row %zu: \"%.*s\"", i,
		    (int)r.change.value.len, r.change.value.p);
	}
}

Test(milter, keeps_the_blank_where_that_was_agreed)
{
	struct milter_reply r;
	struct span packet = OCTETS("hX-A\0b\0");

	cr_assert(read_reply(packet, MILTER_LEADING_SPACE, &r));
	cr_expect(is_text(r.change.value, "b"));
}

Test(milter, reads_codes_with_their_texts)
{
	static const struct {
		struct span packet;
		int code;
		const char *enhanced, *text;
	} rows[] = {
		{ OCTETS("y550 5.1.1 gone\0"), 550, "5.1.1", "gone" },
		{ OCTETS("y451 wait 100%%\0"), 451, "4.7.1", "wait 100%" },
		{ OCTETS("y550 4.1.1 x\0"), 550, "5.7.1", "4.1.1 x" },
		{ OCTETS("y421\0"), 421, "4.7.1", "Refused by a filter" },
		{ OCTETS("y554-5.7.0 a\r\n554 5.7.0 b\0"), 554, "5.7.0",
		    "a b" },
		{ OCTETS("y550 \x1b[31m\xe9\0"), 550, "5.7.1", "?[31m?" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct milter_reply r;

		cr_assert(read_reply(rows[i].packet, 0, &r), "row %zu", i);
		cr_expect(r.code == rows[i].code, "row %zu: %d", i, r.code);
		cr_expect_str_eq(r.enhanced, rows[i].enhanced, "row %zu", i);
		cr_expect_str_eq(r.text, rows[i].text, "row %zu", i);
	}
}

Test(milter, takes_nothing_malformed)
{
	static const struct span packets[] = {
		OCTETS(""),
		OCTETS("?"),
		OCTETS("O\0\0\0\6"),
		OCTETS("y250 2.0.0 fine\0"),
		OCTETS("y999 x\0"),
		OCTETS("y550x\0"),
		OCTETS("y550 no end"),
		OCTETS("y554-a\r\n250 b\0"),
		OCTETS("y554-\r\n\r\n\0"),
		OCTETS("hX-A\0no end"),
		OCTETS("hX A\0b\0"),
		OCTETS("hX:A\0b\0"),
		OCTETS("h\0b\0"),
		OCTETS("hX-A"),
		OCTETS("i\0\0"),
		OCTETS("i\377\377\377\377X-A\0b\0"),
		OCTETS("m\0\0\0\1X-A\0"),
		OCTETS("+\0"),
		OCTETS("+<>\0"),
		OCTETS("-a\x01\0"),
		OCTETS("e<a\r\nb>\0"),
		OCTETS("q"),
	};

	for (size_t i = 0; i < COUNT(packets); i++) {
		struct milter_reply r;

		cr_expect(not(read_reply(packets[i], 0, &r)), "row %zu", i);
	}
}

Test(milter, agrees_only_to_what_there_is)
{
	static const struct {
		struct span packet;
		bool is_fine;
	} rows[] = {
		{ OCTETS("O\0\0\0\6\0\0\1\377\0\37\7\377"), true },
		{ OCTETS("O\0\0\0\2\0\0\0\1\0\0\0\0"), true },
		/* Macros that it asks for. */
		{ OCTETS("O\0\0\0\6\0\0\1\377\0\0\0\0\0\0\0\1i\0"), true },
		{ OCTETS("O\0\0\0\7\0\0\1\377\0\0\0\0"), false },
		{ OCTETS("O\0\0\0\1\0\0\1\377\0\0\0\0"), false },
		/* To be shown rejected recipients. */
		{ OCTETS("O\0\0\0\6\0\0\1\377\0\0\10\0"), false },
		{ OCTETS("O\0\0\0\6\0\0\1\377\0\0\0"), false },
		{ OCTETS("c"), false },
		{ OCTETS(""), false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct milter_options o;

		cr_expect(
		    milter_read_options(rows[i].packet, &o) == rows[i].is_fine,
		    "row %zu", i);
	}
}

Test(milter, has_a_limit_for_packets)
{
	static const unsigned char big[] = { 0, 2, 0, 1 },
				   most[] = { 0, 2, 0, 0 };

	cr_expect(eq(sz, milter_read_length(big), 0));
	cr_expect(eq(sz, milter_read_length(most), MILTER_PACKET_MAX));
}

/*
 * Policy servers
 */

Test(policy_server, is_understood)
{
	static const struct {
		const char *action;
		enum ruling ruling;
		int code;
		const char *enhanced, *text;
	} rows[] = {
		{ "DUNNO", RULING_NONE, 0, "", "" },
		{ "dunno whatever", RULING_NONE, 0, "", "" },
		{ "OK", RULING_ACCEPT, 0, "", "" },
		{ "1234567", RULING_ACCEPT, 0, "", "" },
		{ "REJECT", RULING_REFUSE, 554, "5.7.1", "Access denied" },
		{ "REJECT 5.1.1 gone", RULING_REFUSE, 554, "5.1.1", "gone" },
		{ "DEFER", RULING_REFUSE, 450, "4.7.1", "Try again later" },
		{ "defer_if_permit 4.2.0 Greylisted", RULING_NONE, 450, "4.2.0",
		    "Greylisted" },
		{ "550 no", RULING_REFUSE, 550, "5.7.1", "no" },
		{ "421 4.7.2 bye", RULING_REFUSE, 421, "4.7.2", "bye" },
		{ "HOLD", RULING_NONE, 0, "", "held by a policy server" },
		{ "DISCARD virus", RULING_NONE, 0, "", "virus" },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct policy_reply r;

		cr_assert(policy_read_action(span_of(rows[i].action), &r), "%s",
		    rows[i].action);
		cr_expect(r.ruling == rows[i].ruling &&
			      r.refusal.code == rows[i].code,
		    "%s: %d", rows[i].action, r.refusal.code);
		cr_expect_str_eq(r.refusal.enhanced, rows[i].enhanced);
		cr_expect_str_eq(r.refusal.text, rows[i].text);
	}
}

Test(policy_server, prepends_a_header)
{
	struct policy_reply r;

	cr_assert(policy_read_action(
	    span_of("PREPEND Received-SPF: pass (x) a=b"), &r));
	cr_expect(is_text(r.name, "Received-SPF"));
	cr_expect(is_text(r.value, " pass (x) a=b"));
}

Test(policy_server, says_nothing_else)
{
	static const char *const actions[] = { "", "FILTER x:y", "250 OK",
		"REDIRECT a@b", "PREPEND", "PREPEND no field", "PREPEND a b: c",
		"REJECT \x01", "DUNNO\r" };

	for (size_t i = 0; i < COUNT(actions); i++) {
		struct policy_reply r;

		cr_expect(not(policy_read_action(span_of(actions[i]), &r)),
		    "%s", actions[i]);
	}
}

Test(filters, have_addresses)
{
	static const char *const good[] = { "unix:/run/x.sock",
		"inet:localhost:8891", "inet:[::1]:8891", "unix:a,unix:b" };
	static const char *const bad[] = { "", "/run/x.sock",
		"unix:", "inet:8891", "inet:host:", "inet::25", "unix:a,b",
		"unix:a,unix:b,unix:c,unix:d,unix:e" };

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(filters_check(good[i]) == NULL, "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect(filters_check(bad[i]) != NULL, "%s", bad[i]);
}

/*
 * Changes
 */

Test(change, is_read_as_it_was_written)
{
	static const struct change change = {
		.action = CHANGE_CHANGE_HEADER,
		.filter = OCTETS("unix:x"),
		.place = 7,
		.name = OCTETS("Subject"),
		.value = OCTETS(" a\r\n b"),
	};
	char octets[256];
	struct pack m = { .p = octets, .size = sizeof octets };
	struct change got;

	change_write(&m, &change);
	for (size_t len = 0; len <= m.len; len++) {
		struct unpack in = { .rest = { octets, len } };

		cr_expect(change_read(&in, &got) == (len == m.len));
	}
	cr_expect(got.place == 7 && is_text(got.filter, "unix:x") &&
		  is_text(got.name, "Subject") &&
		  is_text(got.value, " a\r\n b"));
}

Test(change, of_a_header_stays_one_field)
{
	static const struct span bad[] = { OCTETS("a\r\nBcc: x"),
		OCTETS("a\nb"), OCTETS("a\rb"), OCTETS("a\r\n"),
		OCTETS("a\r\n\r\nb"), OCTETS("a\0b") };

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct change c = { .action = CHANGE_ADD_HEADER,
			.filter = OCTETS("x"),
			.name = OCTETS("X"),
			.value = bad[i] };

		cr_expect(not(change_is_valid(&c)), "row %zu", i);
	}
}

static void
begin(void)
{
	suite_begin(60000);
}

TestSuite(change_rows, .init = begin, .fini = suite_end, .timeout = 600);

static uint64_t
append_change(enum change_action action, const char *name, struct span value)
{
	static char octets[CHANGE_MAX];
	struct pack m = { .p = octets, .size = sizeof octets };

	change_write(&m, &(struct change){ .action = action,
			     .filter = OCTETS("unix:x"),
			     .place = 1,
			     .name = span_of(name),
			     .value = value });
	store_append(st, (struct span){ octets, m.len });
	return m.len;
}

Test(change_rows, stand_beside_a_mail_that_stays_as_it_was)
{
	static const size_t sizes[] = { 5, 300000 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		static char body[60000];
		struct envelope envelope = *scratch_mail()->envelope;
		struct store_mail mail = *scratch_mail();
		int64_t id = 0;

		envelope.size = sizes[i];
		mail.envelope = &envelope;
		mail.quarantine = "looks bad";
		scratch_append(st, 1, sizes[i], 10000);
		mail.changes = append_change(
		    CHANGE_CHANGE_HEADER, "Subject", span_of(" \xff"));
		mail.changes += append_change(CHANGE_REPLACE_BODY, "",
		    (struct span){ body, sizeof body });
		mail.changes += append_change(
		    CHANGE_DELETE_RECIPIENT, "", span_of("B@mx.EXAMPLE"));
		mail.changes +=
		    append_change(CHANGE_SENDER, "", span_of("new@x.example"));
		EXPECT_RESULT(st, VERDICT_OK, store_commit(st, &mail, &id));
		cr_expect(scratch_holds(&box, id, 1, sizes[i]));
	}
	EXPECT_QUERY(&box,
	    "SELECT position, filter, action, place, name, length(value),"
	    " typeof(value) FROM filter_change WHERE message_id = 2",
	    "1|unix:x|change-header|1|Subject|2|blob "
	    "2|unix:x|replace-body|NULL|NULL|60000|blob "
	    "3|unix:x|change-sender|NULL|NULL|13|text");
	EXPECT_QUERY(&box,
	    "SELECT forward_path, mailbox, added, quarantine FROM recipient"
	    " JOIN message ON id = message_id WHERE id = 2",
	    "b@mx.example||0|looks bad");
	EXPECT_QUERY(&box, "SELECT count(*) FROM inbox", "0");
}

Test(change_rows, that_are_malformed_make_no_mail)
{
	struct envelope envelope = *scratch_mail()->envelope;
	struct store_mail mail = *scratch_mail();
	int64_t id = 0;

	envelope.size = 5;
	mail.envelope = &envelope;
	scratch_append(st, 1, 5, 5);
	mail.changes =
	    append_change(CHANGE_ADD_HEADER, "X", span_of(" a\r\nBcc: b"));
	EXPECT_RESULT(st, VERDICT_FAILED, store_commit(st, &mail, &id));
	scratch_append(st, 1, 5, 5);
	store_append(st, span_of("x"));
	mail.changes = 1;
	EXPECT_RESULT(st, VERDICT_FAILED, store_commit(st, &mail, &id));
	EXPECT_QUERY(&box, "SELECT count(*) FROM message", "0");
}
