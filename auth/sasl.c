/*
 * An exchange by GNU SASL, which asks for what it needs through a callback.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <gsasl.h>

#include "private.h"

struct sasl {
	struct exchange *exchange;
	Gsasl_session *session;
	char account[AUTH_NAME_MAX + 1]; /* that it proves to be, in the end */
	bool knows_verifier;
	struct verifier verifier;
};

/* May the client act as that account?  Only as its own. */
static bool
may_act_as(const struct sasl *s, const char *name)
{
	char prepared[AUTH_NAME_MAX + 1];

	return !name || *name == '\0' || strcmp(name, s->account) == 0 ||
	       (verifier_prepare_name(name, prepared) &&
		   strcmp(prepared, s->account) == 0);
}

/* The name that the client gives, in the one form that it has in the table. */
static bool
take_name(struct sasl *s)
{
	const char *name = gsasl_property_fast(s->session, GSASL_AUTHID);

	return name && verifier_prepare_name(name, s->account) &&
	       may_act_as(s, gsasl_property_fast(s->session, GSASL_AUTHZID));
}

/* Asks once for an exchange. */
static bool
find_verifier(struct sasl *s)
{
	const char *text;

	if (s->knows_verifier)
		return true;
	if (!take_name(s)) {
		s->exchange->why = AUTH_REFUSED;
		return false;
	}
	text = exchange_ask(s->exchange, span_of(s->account), false);
	if (text && !verifier_read(text, &s->verifier))
		s->exchange->why = AUTH_TROUBLE;
	s->knows_verifier = s->exchange->why == AUTH_DONE;
	return s->knows_verifier;
}

static int
validate_password(struct sasl *s)
{
	const char *password = gsasl_property_fast(s->session, GSASL_PASSWORD);

	if (!password || !find_verifier(s) ||
	    !verifier_fits(&s->verifier, password))
		return GSASL_AUTHENTICATION_ERROR;
	return GSASL_OK;
}

/* EXTERNAL: the certificate has one account, whatever the client says. */
static int
validate_certificate(struct sasl *s)
{
	const char *name = exchange_ask(s->exchange, span_of(""), true);

	if (!name || *name == '\0' || strlen(name) > AUTH_NAME_MAX)
		return GSASL_AUTHENTICATION_ERROR;
	strcpy(s->account, name);
	return may_act_as(s, gsasl_property_fast(s->session, GSASL_AUTHZID))
		   ? GSASL_OK
		   : GSASL_AUTHENTICATION_ERROR;
}

static int
call_back(Gsasl *context, Gsasl_session *session, Gsasl_property what)
{
	struct sasl *s = gsasl_callback_hook_get(context);
	const char *text = NULL;

	if (what == GSASL_VALIDATE_SIMPLE)
		return validate_password(s);
	if (what == GSASL_VALIDATE_EXTERNAL)
		return validate_certificate(s);
	if (what != GSASL_SCRAM_ITER && what != GSASL_SCRAM_SALT &&
	    what != GSASL_SCRAM_STOREDKEY && what != GSASL_SCRAM_SERVERKEY)
		return GSASL_NO_CALLBACK;
	if (!find_verifier(s))
		return GSASL_AUTHENTICATION_ERROR;
	if (what == GSASL_SCRAM_ITER)
		text = s->verifier.iterations;
	else if (what == GSASL_SCRAM_SALT)
		text = s->verifier.salt;
	else if (what == GSASL_SCRAM_STOREDKEY)
		text = s->verifier.stored;
	else
		text = s->verifier.server;
	return gsasl_property_set(session, what, text);
}

static enum auth_result
result_of(const struct sasl *s, int rc)
{
	if (s->exchange->why != AUTH_DONE && rc != GSASL_NEEDS_MORE)
		return s->exchange->why;
	switch (rc) {
	case GSASL_OK:
		return AUTH_DONE;
	case GSASL_NEEDS_MORE:
		return AUTH_MORE;
	case GSASL_MECHANISM_PARSE_ERROR:
	case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
		return AUTH_MALFORMED;
	case GSASL_MALLOC_ERROR:
	case GSASL_CRYPTO_ERROR:
		return AUTH_TROUBLE;
	default:
		return AUTH_REFUSED;
	}
}

/* Sends a challenge, and returns the client's response, which may be empty. */
static struct auth_step
challenge(struct sasl *s, struct span octets)
{
	char base64[AUTH_CHALLENGE_MAX + 1];
	struct auth_answer a = { .result = AUTH_MORE };

	if (octets.len > (AUTH_CHALLENGE_MAX - 4) / 4 * 3)
		a.result = AUTH_TROUBLE;
	else
		a.challenge.len = base64_write(octets, base64);
	a.challenge.p = base64;
	exchange_answer(s->exchange, &a);
	return exchange_read(s->exchange);
}

_Noreturn static void
conclude(struct sasl *s, enum auth_result result)
{
	struct auth_answer a = { .result = result };

	if (s->account[0] != '\0')
		a.account = span_of(s->account);
	if (result == AUTH_DONE && a.account.len == 0)
		a.result = AUTH_REFUSED;
	exchange_answer(s->exchange, &a);
	_exit(EX_OK);
}

/*
 * Refuses a client that says it is bound to the channel (RFC 5802 s. 6), since
 * nothing here checks that; GNU SASL would accept it as bound.
 */
static bool
insists_on_binding(const struct sasl *s, const char *octets, size_t len)
{
	const char *mechanism = gsasl_mechanism_name(s->session);

	return mechanism && strncmp(mechanism, "SCRAM-", 6) == 0 && len > 1 &&
	       memcmp(octets, "p=", 2) == 0;
}

/* Steps until it is over. */
_Noreturn static void
talk(struct sasl *s, struct auth_step step)
{
	static char octets[BASE64_TEXT_SIZE];

	for (;;) {
		char *output = NULL;
		size_t len = 0, output_len = 0;
		enum auth_result result;
		int rc;

		if (step.response.p)
			len = base64_read(step.response, octets);
		if (!s->knows_verifier && insists_on_binding(s, octets, len))
			conclude(s, AUTH_REFUSED);
		rc = gsasl_step(s->session, step.response.p ? octets : NULL,
		    len, &output, &output_len);
		result = result_of(s, rc);
		if (result == AUTH_DONE && output_len > 0) {
			/* What the server proves; the client says nothing. */
			step =
			    challenge(s, (struct span){ output, output_len });
			if (step.response.len > 0)
				result = AUTH_MALFORMED;
		}
		if (result != AUTH_MORE)
			conclude(s, result);
		step = challenge(s, (struct span){ output, output_len });
		gsasl_free(output);
	}
}

void
sasl_run(struct exchange *x)
{
	struct sasl s = { .exchange = x };
	struct auth_step step = exchange_read(x);
	Gsasl *context;
	char name[GSASL_MAX_MECHANISM_SIZE + 1] = "";

	x->why = AUTH_DONE;
	if (step.mechanism.len <= GSASL_MAX_MECHANISM_SIZE)
		memcpy(name, step.mechanism.p, step.mechanism.len);
	if (gsasl_init(&context) != GSASL_OK)
		conclude(&s, AUTH_TROUBLE);
	gsasl_callback_set(context, call_back);
	gsasl_callback_hook_set(context, &s);
	if (gsasl_server_start(context, name, &s.session) != GSASL_OK)
		conclude(&s, AUTH_TROUBLE);
	/* LOGIN asks for the name first, whoever has said it already. */
	if (strcmp(name, "LOGIN") == 0 && step.response.p) {
		char *output = NULL;
		size_t len = 0;

		gsasl_step(s.session, NULL, 0, &output, &len);
		gsasl_free(output);
	}
	talk(&s, step);
}
