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

void
authenticate_prepare(struct context *c)
{
	c->auth = -1;
	if (is_asked(c->options))
		c->auth = launch_later(
		    &programs_of(c->options)[HELPER_AUTH], NULL, &c->peer);
}

/* Can nobody read what the client says on its way? */
static bool
is_private(const struct context *c)
{
	struct ip ip;

	return facts_has(&c->facts, FACT_TLS) || peer_is_local(&c->peer) ||
	       (ip_read(c->peer.address, &ip) && ip_is_loopback(&ip)) ||
	       c->options->auth_insecure;
}

void
authenticate_offer(const struct context *c)
{
	const char *mechanisms = NULL;

	if (c->auth >= 0 && is_private(c)) {
		if (c->options->auth == AUTH_BY_DOVECOT)
			mechanisms = "PLAIN LOGIN";
		else if (facts_has(&c->facts, FACT_CLIENT_SUBJECT))
			mechanisms = "PLAIN LOGIN SCRAM-SHA-256 EXTERNAL";
		else
			mechanisms = "PLAIN LOGIN SCRAM-SHA-256";
	}
	session_offer_auth(c->session, mechanisms);
	if (is_asked(c->options))
		record_offer(c->record, mechanisms);
}

static bool
send_step(const struct context *c, const struct auth_step *step)
{
	char message[AUTH_MESSAGE_MAX];
	struct pack m = { .p = message, .size = sizeof message };
	struct span subject = span_of(c->facts.text[FACT_CLIENT_SUBJECT]);
	ssize_t n;

	if (subject.len == 0)
		subject.p = NULL;
	auth_write_step(&m, step, subject);
	if (m.failed)
		return false;
	do
		n = send(c->auth, m.p, m.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)m.len;
}

/* Spans of the answer are lent from `message`. */
static bool
receive_answer(const struct context *c, char message[AUTH_MESSAGE_MAX],
    struct auth_answer *ret)
{
	struct unpack in;
	ssize_t n;

	if (connection_wait(c->connection, c->auth) != CONNECTION_OK)
		return false;
	n = recv(c->auth, message, AUTH_MESSAGE_MAX, 0);
	in = (struct unpack){ .rest = { message, n > 0 ? (size_t)n : 0 } };
	return n > 0 && auth_read_answer(&in, ret);
}

/* Success has its entry here; a refusal has that of all refusals. */
static void
note(struct context *c, const struct auth_answer *answer)
{
	struct facts said = { .text = { "" } };

	if (answer->account.p)
		facts_set(&said, FACT_ACCOUNT, answer->account);
	if (answer->result == AUTH_DONE) {
		facts_add(&c->facts, &said);
		entry_authenticated(
		    &c->entries, c->mechanism, c->facts.text[FACT_ACCOUNT]);
	} else {
		strcpy(c->tried, said.text[FACT_ACCOUNT]);
	}
}

void
authenticate(struct context *c)
{
	struct auth_step step = session_auth_step(c->session);
	struct auth_answer answer = { .result = AUTH_TROUBLE };
	char message[AUTH_MESSAGE_MAX];

	if (step.mechanism.len > 0 && step.mechanism.len < sizeof c->mechanism)
		snprintf(c->mechanism, sizeof c->mechanism, "%.*s",
		    (int)step.mechanism.len, step.mechanism.p);
	if (c->auth >= 0 &&
	    (!send_step(c, &step) || !receive_answer(c, message, &answer))) {
		close(c->auth);
		c->auth = -1;
		authenticate_offer(c);
		answer.result = AUTH_TROUBLE;
	}
	/* A wrong guess costs the client time. */
	if (answer.wait_ms > 0)
		connection_pause(c->connection, answer.wait_ms);
	note(c, &answer);
	record_auth(c->record, answer.result, answer.challenge);
	session_auth_answer(c->session, answer.result, answer.challenge);
}
