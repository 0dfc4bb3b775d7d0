/*
 * explain: what smtpd would answer, and which row says so.  The same questions
 * are put to the same policy; nothing is counted.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../archive.h"
#include "../clock.h"
#include "../mail/address.h"
#include "../mail/auth.h"
#include "../mime/json.h"
#include "envelope_field.h"
#include "options.h"
#include "private.h"
#include "service.h"
#include "terminal.h"

/* Who asks, and which filters would be asked after the tables; NULL: none. */
struct asked {
	const struct policy_asker *asker;
	char *policies, *milters;
};

static void
print_json(const char *what, const struct answer *a, int code, const char *text,
    const struct asked *asked)
{
	const char *enhanced = answer_reply(a).enhanced;
	struct json j = { 0 };

	json_open(&j, NULL, '{');
	json_text(&j, "command", what);
	json_text(&j, "account", asked->asker->account);
	json_integer(&j, "code", code ? code : 250);
	json_text(&j, "enhanced", code ? enhanced : NULL);
	json_text(&j, "text", code ? text : NULL);
	json_text(&j, "table", *a->table ? a->table : NULL);
	json_text(&j, "row", *a->key ? a->key : NULL);
	json_open(&j, "mailboxes", '[');
	for (const char *m = NULL; (m = answer_next_mailbox(a, m));)
		json_text(&j, NULL, m);
	json_close(&j, ']');
	json_text(&j, "policy", asked->policies);
	json_text(&j, "milter", asked->milters);
	json_close(&j, '}');
}

static void
print_asked(const char *who, const char *list)
{
	if (!list)
		return;
	printf("\n  then asks %s ", who);
	terminal_print(span_of(list), TERMINAL_LINE);
}

static void
print_text(const char *what, const struct answer *a, int code, const char *text,
    const struct asked *asked)
{
	terminal_print(span_of(what), TERMINAL_LINE);
	if (code)
		printf("\n  %d %s ", code, answer_reply(a).enhanced);
	else
		fputs("\n  250 ", stdout);
	terminal_print(span_of(code ? text : "taken"), TERMINAL_LINE);
	if (*a->table && !*a->key) {
		printf("\n  by table %s, which has no such row", a->table);
	} else if (*a->table) {
		printf("\n  by table %s, row '", a->table);
		terminal_print(span_of(a->key), TERMINAL_LINE);
		putchar('\'');
	} else if (a->reply == REPLY_AUTH_REQUIRED) {
		fputs("\n  by --auth-required, which smtpd is given", stdout);
	} else {
		fputs("\n  by no row", stdout);
	}
	for (const char *m = NULL; (m = answer_next_mailbox(a, m));) {
		fputs("\n  goes to ", stdout);
		terminal_print(span_of(m), TERMINAL_LINE);
	}
	print_asked("the policy servers", asked->policies);
	print_asked("the milters", asked->milters);
	putchar('\n');
}

/* Returns the filters that the command line names, or else the service's. */
static char *
list_of(const struct smtpdb *t, enum smtpdb_option option, const char *prefix)
{
	return t->options[option] ? strdup(t->options[option])
				  : service_option(prefix);
}

/*
 * Filters are asked only about what the tables accept, and policy servers only
 * about recipients.
 */
static void
print(const struct smtpdb *t, const struct policy_asker *asker,
    const char *what, const struct answer *a, bool is_rcpt)
{
	struct asked asked = { asker, NULL, NULL };
	struct reply_values values = { .detail = a->detail, .utf8 = true };
	struct reply_text reply = answer_reply(a);
	char text[REPLY_LINE_MAX] = "";

	if (!answer_refuses(a) && is_rcpt)
		asked.policies = list_of(t, OPT_POLICY, "--policy=");
	if (!answer_refuses(a))
		asked.milters = list_of(t, OPT_MILTER, "--milter=");
	if (reply.code != 0)
		reply_write_text(text, sizeof text, &reply, &values);
	if (t->options[OPT_JSON])
		print_json(what, a, reply.code, text, &asked);
	else
		print_text(what, a, reply.code, text, &asked);
	free(asked.policies);
	free(asked.milters);
}

/* Asks, and prints what is answered. */
static int
explain(struct smtpdb *t, const struct policy_asker *asker,
    const struct question *q, bool *ret_refused)
{
	struct answer answer;
	char what[ADDRESS_PATH_MAX + AUTH_NAME_MAX + 64];

	snprintf(what, sizeof what, "%s%s%s: %s:<%s>", asker->client_address,
	    asker->account ? " as " : "", asker->account ? asker->account : "",
	    q->kind == QUESTION_MAIL ? "MAIL FROM" : "RCPT TO", q->address.p);
	if (archive_ask(t->archive, asker, q, &answer) != VERDICT_OK)
		return smtpdb_fail_archive(t);
	print(t, asker, what, &answer, q->kind == QUESTION_RCPT);
	*ret_refused = answer_refuses(&answer);
	return EX_OK;
}

/*
 * Warns of an account that nobody can authenticate as: smtpd would never give
 * this answer.
 */
static int
warn_unknown(struct smtpdb *t, const char *account)
{
	char *auth = service_option("--auth=");
	bool has_others = auth && strncmp(auth, "dovecot:", 8) == 0;
	int found = has_others ? 1 : archive_account_has(t->archive, account);

	free(auth);
	if (found == 0)
		smtpdb_fail(0,
		    "warning: there is no account '%s', so nobody can "
		    "authenticate as that",
		    account);
	return found < 0 ? smtpdb_fail_archive(t) : EX_OK;
}

/* Do smtpd's options let only those send who have authenticated? */
static bool
requires_auth(void)
{
	char *required = service_option("--auth-required");

	free(required);
	return required != NULL;
}

int
explain_run(struct smtpdb *t)
{
	static char hostname[HOST_NAME_MAX + 1] = "localhost";
	const char *from = t->options[OPT_SENT_FROM];
	const char *to = t->options[OPT_SENT_TO];
	const char *client = t->options[OPT_CLIENT];
	struct policy_asker asker = {
		.hostname = hostname,
		.client_address = "local",
		.now = clock_us() / 1000000,
		.account = t->options[OPT_ACCOUNT],
		.auth_required = requires_auth(),
	};
	struct question q = {
		.kind = QUESTION_MAIL,
		.address = span_of(from ? from : ""),
		.sender = span_of(from ? from : ""),
	};
	char address[IP_TEXT_SIZE];
	bool refused = false;
	int status;

	status = options_check_filters(t);
	if (status != EX_OK)
		return status;
	if (client && strchr(client, '/'))
		return smtpdb_fail(EX_USAGE, "--client is one address");
	if (client) {
		status = options_network(client, address);
		if (status != EX_OK)
			return status;
		asker.client_address = address;
	}
	gethostname(hostname, sizeof hostname - 1);
	if (!envelope_is_path(q.sender.p) ||
	    (to && (*to == '\0' || !envelope_is_path(to))))
		return smtpdb_fail(EX_USAGE, "--from or --to is no address");
	if (asker.account && *asker.account == '\0')
		return smtpdb_fail(EX_USAGE, "--account is a name");
	status = smtpdb_open(t, false);
	if (status == EX_OK && asker.account)
		status = warn_unknown(t, asker.account);
	if (status == EX_OK)
		status = explain(t, &asker, &q, &refused);
	if (status != EX_OK || !to || refused)
		return status;
	q.kind = QUESTION_RCPT;
	q.address = span_of(to);
	return explain(t, &asker, &q, &refused);
}
