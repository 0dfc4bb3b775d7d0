/*
 * Who the client of a session is, as proxies and fronts tell the writer.
 */
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/sessions.h"

TestSuite(writer_client, .init = sessions_begin, .fini = sessions_end,
    .timeout = 600);

static struct fronts fronts;

/* Starts the writer anew, with these fronts. */
static void
restart_with(const char *proxy, const char *xclient)
{
	sessions_stop_writer();
	memset(&fronts, 0, sizeof fronts);
	if (proxy)
		cr_assert(networks_add(&fronts.proxy, proxy));
	if (xclient)
		cr_assert(networks_add(&fronts.xclient, xclient));
	sessions_conf.fronts = &fronts;
	sessions_start_writer();
}

static enum verdict
say_client(struct store *st, const struct peer *client, bool forwarded)
{
	const struct fronted said = { .client = *client,
		.forwarded = forwarded };

	return store_introduce(st, &said);
}

static const struct peer client = { .address = "203.0.113.1", .port = 4712 };

Test(writer_client, takes_the_client_of_a_proxy_before_anything_else)
{
	struct store *st;
	int64_t id = 0;

	restart_with("192.0.2.0/24", NULL);
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, false));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT client_address, client_port FROM message",
	    "203.0.113.1|4712");
	cr_expect(say_client(st, &client, false) != VERDICT_OK,
	    "the session was not ended by the second");
	store_free(st);
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	cr_expect(say_client(st, &client, false) != VERDICT_OK,
	    "a session was believed that had spoken before");
	store_free(st);
}

Test(writer_client, takes_no_client_from_a_session_of_others)
{
	struct store *st = sessions_connect_store();

	cr_expect(say_client(st, &client, false) != VERDICT_OK);
	store_free(st);
	restart_with("203.0.113.0/24", "203.0.113.0/24");
	st = sessions_connect_store();
	cr_expect(say_client(st, &client, false) != VERDICT_OK);
	store_free(st);
}

Test(writer_client, takes_another_client_as_long_as_the_last_one_may_say_so)
{
	const struct peer other = { .address = "192.0.2.7", .port = 1 };
	const struct peer local = { .address = PEER_LOCAL };
	struct store *st;
	int64_t id = 0;

	restart_with(NULL, "192.0.2.0/24");
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &other, false));
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, false));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT client_address, client_port FROM message"
	    " ORDER BY id DESC LIMIT 1",
	    "203.0.113.1|4712");
	cr_expect(say_client(st, &other, false) != VERDICT_OK);
	store_free(st);
	st = sessions_connect_store();
	cr_expect(say_client(st, &local, false) != VERDICT_OK);
	store_free(st);
}

Test(
    writer_client, lets_a_front_forward_the_mails_of_one_client_after_the_other)
{
	const struct peer other = { .address = "203.0.113.2", .port = 1 };
	struct store *st;
	int64_t id = 0;

	restart_with("198.51.100.0/24", "192.0.2.0/24");
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, true));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &other, true));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(&sessions_box, "SELECT client_address FROM message",
	    "203.0.113.1 203.0.113.2");
	EXPECT_RESULT(st, VERDICT_OK, say_client(st, &client, false));
	cr_expect(say_client(st, &other, true) != VERDICT_OK);
	store_free(st);
}

Test(writer_client, takes_the_account_of_a_client_from_a_front)
{
	const struct fronted said = {
		.client = { .address = "203.0.113.1", .port = 1 },
		.login = { "ann", 3 },
	};
	struct store *st;
	int64_t id = 0;

	restart_with(NULL, "192.0.2.0/24");
	st = sessions_connect_store();
	EXPECT_RESULT(st, VERDICT_OK, store_introduce(st, &said));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(&sessions_box,
	    "SELECT authenticated_as, protocol FROM message", "ann|ESMTPA");
	store_free(st);
}

Test(writer_client, takes_no_certificate_of_a_front_for_its_clients)
{
	const struct fronted said = {
		.client = { .address = "203.0.113.1", .port = 1 },
		.login = { "", 0 },
	};
	struct store *st;
	int64_t id = 0;
	int tls;

	restart_with(NULL, "192.0.2.0/24");
	st = sessions_connect_store();
	tls = sessions_connect_teller(FACT_BIT(FACT_CLIENT_SUBJECT));
	sessions_tell(tls, 1, FACT_CLIENT_SUBJECT, "/CN=front");
	EXPECT_RESULT(st, VERDICT_OK, store_introduce(st, &said));
	EXPECT_RESULT(st, VERDICT_OK, sessions_put(st, 10, &id));
	EXPECT_QUERY(
	    &sessions_box, "SELECT client_subject FROM message", "NULL");
	store_free(st);
	close(tls);
}
