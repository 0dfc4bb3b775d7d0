#include "authenticate.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "entries.h"
#include "launcher.h"
#include "programs.h"

/* Does somebody check what clients say? */
static bool
is_asked(const struct options *o)
{
	return o->auth == AUTH_BY_ROWS || o->auth == AUTH_BY_DOVECOT;
}

int
authenticate_prepare(const struct options *o, const struct peer *peer)
{
	if (!is_asked(o))
		return -1;
	return launch_later(&programs_of(o)[HELPER_AUTH], NULL, peer);
}

/* Can nobody read what the client says on its way? */
static bool
is_private(const struct authenticator *a)
{
	struct ip ip;

	return facts_has(a->facts, FACT_TLS) || peer_is_local(a->peer) ||
	       (ip_read(a->peer->address, &ip) && ip_is_loopback(&ip)) ||
	       a->options->auth_insecure;
}

void
authenticate_offer(const struct authenticator *a, struct session *s)
{
	const char *mechanisms = NULL;

	if (a->link >= 0 && is_private(a)) {
		if (a->options->auth == AUTH_BY_DOVECOT)
			mechanisms = "PLAIN LOGIN";
		else if (facts_has(a->facts, FACT_CLIENT_SUBJECT))
			mechanisms = "PLAIN LOGIN SCRAM-SHA-256 EXTERNAL";
		else
			mechanisms = "PLAIN LOGIN SCRAM-SHA-256";
	}
	session_offer_auth(s, mechanisms);
	if (is_asked(a->options))
		record_offer(a->record, mechanisms);
}

static bool
send_step(const struct authenticator *a, const struct auth_step *step)
{
	char message[AUTH_MESSAGE_MAX];
	struct pack m = { .p = message, .size = sizeof message };
	struct span subject = span_of(a->facts->text[FACT_CLIENT_SUBJECT]);
	ssize_t n;

	if (subject.len == 0)
		subject.p = NULL;
	auth_write_step(&m, step, subject);
	if (m.failed)
		return false;
	do
		n = send(a->link, m.p, m.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)m.len;
}

/* What is lent stands in `message`. */
static bool
receive_answer(const struct authenticator *a, struct connection *c,
    char message[AUTH_MESSAGE_MAX], struct auth_answer *ret)
{
	struct unpack in;
	ssize_t n;

	if (connection_wait(c, a->link) != CONNECTION_OK)
		return false;
	n = recv(a->link, message, AUTH_MESSAGE_MAX, 0);
	in = (struct unpack){ .rest = { message, n > 0 ? (size_t)n : 0 } };
	return n > 0 && auth_read_answer(&in, ret);
}

/* Success has its entry here; a refusal has that of all refusals. */
static void
note(struct authenticator *a, const struct auth_answer *answer)
{
	struct facts said = { .text = { "" } };

	if (answer->account.p)
		facts_set(&said, FACT_ACCOUNT, answer->account);
	if (answer->result == AUTH_DONE) {
		facts_add(a->facts, &said);
		entry_authenticated(
		    a->peer, a->mechanism, a->facts->text[FACT_ACCOUNT]);
	} else {
		strcpy(a->tried, said.text[FACT_ACCOUNT]);
	}
}

void
authenticate(struct authenticator *a, struct session *s, struct connection *c)
{
	struct auth_step step = session_auth_step(s);
	struct auth_answer answer = { .result = AUTH_TROUBLE };
	char message[AUTH_MESSAGE_MAX];

	if (step.mechanism.len > 0 && step.mechanism.len < sizeof a->mechanism)
		snprintf(a->mechanism, sizeof a->mechanism, "%.*s",
		    (int)step.mechanism.len, step.mechanism.p);
	if (a->link >= 0 &&
	    (!send_step(a, &step) || !receive_answer(a, c, message, &answer))) {
		close(a->link);
		a->link = -1;
		authenticate_offer(a, s);
		answer.result = AUTH_TROUBLE;
	}
	/* A guess costs time. */
	if (answer.wait_ms > 0)
		connection_pause(c, answer.wait_ms);
	note(a, &answer);
	record_auth(a->record, answer.result, answer.challenge);
	session_auth_answer(s, answer.result, answer.challenge);
}
