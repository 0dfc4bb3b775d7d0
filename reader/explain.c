/*
 * explain: what smtpd would answer, and which row says so.  The same questions
 * are put to the same store/policy.h; nothing is counted.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../archive.h"
#include "../clock.h"
#include "../mail/address.h"
#include "envelope_field.h"
#include "json.h"
#include "options.h"
#include "smtpdb.h"
#include "terminal.h"

static void
print_json(const char *what, const struct policy_answer *a)
{
	struct json j = { 0 };

	json_open(&j, NULL, '{');
	json_text(&j, "command", what);
	json_integer(&j, "code", a->code ? a->code : 250);
	json_text(&j, "enhanced", a->code ? a->enhanced : NULL);
	json_text(&j, "text", a->code ? a->text : NULL);
	json_text(&j, "table", a->table && *a->table ? a->table : NULL);
	json_text(&j, "row", a->table && *a->table ? a->key : NULL);
	json_open(&j, "mailboxes", '[');
	for (unsigned i = 0; i < a->nmailboxes; i++)
		json_text(&j, NULL, a->mailbox[i]);
	json_close(&j, ']');
	json_close(&j, '}');
}

static void
print_text(const char *what, const struct policy_answer *a)
{
	terminal_print(span_of(what), TERMINAL_LINE);
	if (a->code)
		printf("\n  %d %s ", a->code, a->enhanced);
	else
		fputs("\n  250 ", stdout);
	terminal_print(span_of(a->code ? a->text : "taken"), TERMINAL_LINE);
	if (a->table && *a->table) {
		printf("\n  by table %s, row '", a->table);
		terminal_print(span_of(a->key), TERMINAL_LINE);
		putchar('\'');
	} else {
		fputs("\n  by no row", stdout);
	}
	for (unsigned i = 0; i < a->nmailboxes; i++) {
		fputs("\n  goes to ", stdout);
		terminal_print(span_of(a->mailbox[i]), TERMINAL_LINE);
	}
	putchar('\n');
}

static void
print(const struct smtpdb *t, const char *what, const struct policy_answer *a)
{
	if (t->options[OPT_JSON])
		print_json(what, a);
	else
		print_text(what, a);
}

static int
explain_sender(struct smtpdb *t, struct policy_query *q, bool *ret_refused)
{
	struct policy_answer answer = { 0 };
	char what[ADDRESS_PATH_MAX + 64];

	q->address = q->sender;
	snprintf(what, sizeof what, "%s: MAIL FROM:<%s>", q->client_address,
	    q->sender.p);
	if (archive_ask_mail(t->archive, q, &answer) != VERDICT_OK)
		return smtpdb_fail_archive(t);
	print(t, what, &answer);
	*ret_refused = answer.code >= 400;
	return EX_OK;
}

static int
explain_recipient(struct smtpdb *t, struct policy_query *q)
{
	struct policy_answer answer = { 0 };
	char what[ADDRESS_PATH_MAX + 64];

	q->address = span_of(t->options[OPT_TO]);
	snprintf(what, sizeof what, "%s: RCPT TO:<%s>", q->client_address,
	    q->address.p);
	if (archive_ask_rcpt(t->archive, q, &answer) != VERDICT_OK)
		return smtpdb_fail_archive(t);
	print(t, what, &answer);
	return EX_OK;
}

int
explain_run(struct smtpdb *t)
{
	static char hostname[HOST_NAME_MAX + 1] = "localhost";
	const char *from = t->options[OPT_FROM];
	const char *to = t->options[OPT_TO];
	const char *client = t->options[OPT_CLIENT];
	struct policy_query q = {
		.hostname = hostname,
		.client_address = "local",
		.sender = span_of(from ? from : ""),
		.now = clock_us() / 1000000,
		.utf8 = true,
	};
	char address[IP_TEXT_SIZE];
	bool refused = false;
	int status;

	if (client && strchr(client, '/'))
		return smtpdb_fail(EX_USAGE, "--client is one address");
	if (client) {
		status = options_network(client, address);
		if (status != EX_OK)
			return status;
		q.client_address = address;
	}
	gethostname(hostname, sizeof hostname - 1);
	if (!envelope_is_path(q.sender.p) ||
	    (to && (*to == '\0' || !envelope_is_path(to))))
		return smtpdb_fail(EX_USAGE, "--from or --to is no address");
	status = smtpdb_open(t, false);
	if (status == EX_OK)
		status = explain_sender(t, &q, &refused);
	if (status == EX_OK && to && !refused)
		status = explain_recipient(t, &q);
	return status;
}
