#include "script_parser.h"

#include <string.h>

#include "../../mail/base64.h"

enum {
	ANSWER_MAX = 420, /* of a text that session.h allows */
};

static bool
find_verdict(struct span name, enum verdict *ret)
{
	static const char *const names[] = {
		[VERDICT_BUSY] = "busy",
		[VERDICT_FULL] = "full",
		[VERDICT_NO_MEMORY] = "no-memory",
		[VERDICT_FAILED] = "failed",
		[VERDICT_TOO_BIG] = "too-big",
		[VERDICT_CORRUPT] = "broken",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i] && span_is(name, names[i])) {
			*ret = (enum verdict)i;
			return true;
		}
	}
	return false;
}

static bool
find_end(struct span name, enum session_end *ret)
{
	static const char *const names[] = {
		[SESSION_TIMEOUT] = "timeout",
		[SESSION_EXPIRED] = "expired",
		[SESSION_CROWDED] = "crowded",
		[SESSION_SHUTDOWN] = "shutdown",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i] && span_is(name, names[i])) {
			*ret = (enum session_end)i;
			return true;
		}
	}
	return false;
}

static bool
find_question(struct span name, enum question_kind *ret)
{
	static const char *const names[] = {
		[QUESTION_RCPT] = "ask",
		[QUESTION_MAIL] = "ask-mail",
		[QUESTION_VRFY] = "ask-vrfy",
		[QUESTION_EXPN] = "ask-expn",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (span_is(name, names[i])) {
			*ret = (enum question_kind)i;
			return true;
		}
	}
	return false;
}

/*
 * A verdict, or a reply with its enhanced code: as session.h has it, whose
 * caller would else break the contract first.
 */
static bool
read_ask(struct script_parser *p, enum question_kind kind, struct span value)
{
	struct script_step *step = script_add_step(p, SCRIPT_ASK);
	struct span enhanced;
	uint64_t code;

	step->answer.kind = kind;
	if (find_verdict(value, &step->verdict))
		return true;
	if (!span_number(span_word(&value), &code) || code < 200 || code > 599)
		return script_wrong(p, "want a verdict or a reply");
	enhanced = span_word(&value);
	if (value.len == 0 || enhanced.len >= sizeof step->answer.enhanced)
		return script_wrong(p, "want an enhanced code and a text");
	if (value.len > ANSWER_MAX || !script_is_printable(enhanced) ||
	    !script_is_printable(value))
		return script_wrong(p, "want a short text of US-ASCII");
	step->answer.code = (int)code;
	memcpy(step->answer.enhanced, enhanced.p, enhanced.len);
	script_copy_text(step, value, "");
	return true;
}

static bool
read_auth_step(struct script_parser *p, struct span value)
{
	static const char *const names[] = {
		[AUTH_MORE] = "more",
		[AUTH_DONE] = "done",
		[AUTH_REFUSED] = "refused",
		[AUTH_MALFORMED] = "malformed",
		[AUTH_TOO_OFTEN] = "too-often",
		[AUTH_TROUBLE] = "trouble",
	};
	struct script_step *step = script_add_step(p, SCRIPT_AUTH);
	struct span name = span_word(&value);

	p->script->in_process = true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!span_is(name, names[i]))
			continue;
		step->auth = (enum auth_result)i;
		/* As mail/auth.h has it. */
		if (step->auth == AUTH_MORE && !base64_is(value))
			return script_wrong(p, "want a challenge in base64");
		return script_copy_unescaped(p, step, value);
	}
	return script_wrong(p, "unknown result of AUTH");
}

static bool
read_sql(struct script_parser *p, struct span value)
{
	p->script->needs_program = true;
	script_copy_text(script_add_step(p, SCRIPT_SQL), value, "");
	return value.len > 0 ? true : script_wrong(p, "want a statement");
}

static bool
read_event(struct script_parser *p, struct span name, struct span value)
{
	enum verdict verdict = VERDICT_OK;
	enum session_end end = SESSION_EOF;
	enum question_kind question;
	enum script_kind kind;

	if (find_question(name, &question))
		return read_ask(p, question, value);
	if (span_is(name, "auth-step"))
		return read_auth_step(p, value);
	if (span_is(name, "sql"))
		return read_sql(p, value);
	if (span_is(name, "store"))
		kind = SCRIPT_STORE;
	else if (find_end(name, &end) && value.len == 0)
		kind = SCRIPT_END;
	else
		return script_wrong(p, "unknown setting or event");
	if (kind != SCRIPT_END && !find_verdict(value, &verdict))
		return script_wrong(p, "unknown verdict");

	script_add_step(p, kind);
	p->script->steps[p->script->nsteps - 1].verdict = verdict;
	p->script->steps[p->script->nsteps - 1].end = end;
	return true;
}

static bool
read_input(struct script_parser *p, struct span value)
{
	if (span_is(value, "file"))
		p->script->input = SCRIPT_FILE;
	else if (span_is(value, "any"))
		p->script->input = SCRIPT_ANY;
	else
		return script_wrong(
		    p, "want \"! input file\" or \"! input any\"");
	p->script->conf.any_line_end = p->script->input == SCRIPT_FILE;
	return true;
}

static bool
read_flag(struct script_parser *p, struct span value, bool *ret)
{
	*ret = true;
	return value.len == 0 ? true
			      : script_wrong(p, "this setting has no value");
}

static bool
read_word(struct script_parser *p, struct span value, char *ret, size_t size)
{
	if (value.len == 0 || value.len >= size)
		return script_wrong(p, "want a short text");
	memcpy(ret, value.p, value.len);
	ret[value.len] = '\0';
	p->script->needs_program = true;
	return true;
}

static bool
read_limit(struct script_parser *p, struct span value, unsigned *ret)
{
	uint64_t n;

	if (!span_number(value, &n) || n > 1000000)
		return script_wrong(p, "want a number");
	*ret = (unsigned)n;
	return true;
}

/* The real program is called mx.example. */
static bool
read_hostname(struct script_parser *p, struct span value)
{
	struct script *s = p->script;

	if (value.len == 0 || value.len >= sizeof s->hostname ||
	    !script_is_printable(value))
		return script_wrong(p, "want the name of a host");
	memcpy(s->hostname, value.p, value.len);
	s->hostname[value.len] = '\0';
	s->conf.hostname = s->hostname;
	s->in_process = true;
	return true;
}

/* "any", or who checks is the script: "none", or what is offered. */
static bool
read_auth(struct script_parser *p, struct span value)
{
	struct script *s = p->script;

	s->conf.auth = SESSION_AUTH_CLAIM;
	if (span_is(value, "any"))
		return true;
	s->conf.auth = SESSION_AUTH_ASK;
	s->in_process = true;
	if (span_is(value, "none"))
		return true;
	if (value.len == 0 || value.len >= sizeof s->mechanisms ||
	    !script_is_printable(value))
		return script_wrong(p, "want some mechanisms");
	memcpy(s->mechanisms, value.p, value.len);
	s->mechanisms[value.len] = '\0';
	s->conf.auth_mechanisms = s->mechanisms;
	return true;
}

/* The real program would need a key for it. */
static bool
read_tls(struct script_parser *p, struct span value, bool *ret)
{
	p->script->in_process = true;
	return read_flag(p, value, ret);
}

/* False without an error: it is no setting. */
static bool
read_setting(struct script_parser *p, struct span name, struct span value)
{
	struct session_conf *c = &p->script->conf;

	if (span_is(name, "hostname"))
		return read_hostname(p, value);
	if (span_is(name, "max-size"))
		return span_number(value, &c->max_size)
			   ? true
			   : script_wrong(p, "want a number");
	if (span_is(name, "max-recipients"))
		return read_limit(p, value, &c->max_recipients);
	if (span_is(name, "max-errors"))
		return read_limit(p, value, &c->max_errors);
	if (span_is(name, "strict"))
		return read_flag(p, value, &c->strict);
	if (span_is(name, "rfc821"))
		return read_flag(p, value, &c->rfc821);
	if (span_is(name, "vrfy"))
		return read_flag(p, value, &c->vrfy);
	if (span_is(name, "lmtp"))
		return read_flag(p, value, &c->lmtp);
	if (span_is(name, "xclient"))
		return read_flag(p, value, &c->xclient);
	if (span_is(name, "auth"))
		return read_auth(p, value);
	if (span_is(name, "starttls"))
		return read_tls(p, value, &c->starttls);
	if (span_is(name, "in-tls"))
		return read_tls(p, value, &c->in_tls);
	if (span_is(name, "option"))
		return read_word(
		    p, value, p->script->option, sizeof p->script->option);
	if (span_is(name, "client"))
		return read_word(
		    p, value, p->script->client, sizeof p->script->client);
	if (span_is(name, "in-process"))
		return read_flag(p, value, &p->script->in_process);
	if (span_is(name, "input"))
		return read_input(p, value);
	return false;
}

bool
script_read_bang(struct script_parser *p, struct span text)
{
	struct span name = span_word(&text);

	if (read_setting(p, name, text))
		return p->talking ? script_wrong(p, "a setting after the start")
				  : true;
	if (p->error->text[0])
		return false;
	return read_event(p, name, text);
}
