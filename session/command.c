/*
 * What each verb does.  One table has most of that, and HELP lists it.  A
 * handler returns the reply to give.
 */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "hello.h"
#include "line.h"
#include "machine.h"
#include "param.h"
#include "starttls.h"
#include "xclient.h"

#define IN(state) (1u << (state))

enum {
	ANY_STATE = ~0,
	NO_CHUNKS =
	    ~(int)IN(ST_CHUNKS), /* RFC 3030 s. 2: not both in one mail */
	NO_MAIL = IN(ST_START) | IN(ST_IDLE), /* 5321 s. 4.1.4 */
	MAIL_BEGUN = IN(ST_MAIL) | IN(ST_RCPT),
};

enum argument {
	ARG_NONE,
	ARG_IGNORED, /* with --strict as ARG_NONE */
	ARG_NEEDED,
	ARG_ANY,
};

enum {                         /* besides those of hello.h */
	FLAG_HIDDEN = 1 << 16, /* not in HELP */
	FLAG_STRING =
	    1 << 17,         /* its argument is a String (RFC 5321 s. 4.1.2) */
	FLAG_JUNK = 1 << 18, /* leads to no mail: JUNK_MAX of these */
};

struct command {
	const char *verb;
	int in;        /* the states it is legal in */
	int in_strict; /* the same with --strict */
	enum argument argument;
	int flags;
	/* Gets the argument without blanks around it. */
	enum reply (*run)(struct session *, struct span arg);
	enum reply otherwise; /* out of place, or if `run` is NULL */
	enum reply help;
};

static enum reply cmd_mail(struct session *, struct span);
static enum reply cmd_rcpt(struct session *, struct span);
static enum reply cmd_vrfy(struct session *, struct span);
static enum reply cmd_expn(struct session *, struct span);
static enum reply cmd_data(struct session *, struct span);
static enum reply cmd_bdat(struct session *, struct span);
static enum reply cmd_rset(struct session *, struct span);
static enum reply cmd_quit(struct session *, struct span);
static enum reply cmd_help(struct session *, struct span);

/* clang-format off */
static const struct command commands[] = {
	{ "HELO", ANY_STATE,  ANY_STATE,   ARG_ANY,     FLAG_SMTP | FLAG_JUNK,   hello_helo, REPLY_IS_LMTP,        REPLY_HELP_HELO },
	{ "EHLO", ANY_STATE,  ANY_STATE,   ARG_NEEDED,  FLAG_SMTP | FLAG_JUNK,   hello_ehlo, REPLY_IS_LMTP,        REPLY_HELP_EHLO },
	{ "LHLO", ANY_STATE,  ANY_STATE,   ARG_NEEDED,  FLAG_LMTP | FLAG_JUNK,   hello_ehlo, REPLY_UNKNOWN,        REPLY_HELP_LHLO },
	{ "MAIL", NO_MAIL,    IN(ST_IDLE), ARG_NEEDED,  0,                       cmd_mail, REPLY_BAD_SEQUENCE,     REPLY_HELP_MAIL },
	{ "RCPT", MAIL_BEGUN, MAIL_BEGUN,  ARG_NEEDED,  0,                       cmd_rcpt, REPLY_NEEDS_MAIL,       REPLY_HELP_RCPT },
	{ "DATA", NO_CHUNKS,  NO_CHUNKS,   ARG_NONE,    0,                       cmd_data, REPLY_BAD_SEQUENCE,     REPLY_HELP_DATA },
	{ "BDAT", ANY_STATE,  ANY_STATE,   ARG_ANY,     0,                       cmd_bdat, 0,                      REPLY_HELP_BDAT },
	{ "RSET", ANY_STATE,  ANY_STATE,   ARG_NONE,    FLAG_JUNK,               cmd_rset, 0,                      REPLY_HELP_RSET },
	{ "NOOP", ANY_STATE,  ANY_STATE,   ARG_ANY,     FLAG_STRING | FLAG_JUNK, NULL,     REPLY_OK,               REPLY_HELP_NOOP },
	{ "QUIT", ANY_STATE,  ANY_STATE,   ARG_IGNORED, 0,                       cmd_quit, 0,                      REPLY_HELP_QUIT },
	{ "VRFY", ANY_STATE,  ANY_STATE,   ARG_NEEDED,  FLAG_STRING | FLAG_JUNK, cmd_vrfy, 0,                      REPLY_HELP_VRFY },
	{ "EXPN", ANY_STATE,  ANY_STATE,   ARG_NEEDED,  FLAG_STRING | FLAG_JUNK, cmd_expn, 0,                      REPLY_HELP_EXPN },
	{ "HELP", ANY_STATE,  ANY_STATE,   ARG_ANY,     FLAG_STRING | FLAG_JUNK, cmd_help, 0,                      REPLY_HELP_HELP },
	{ "AUTH", NO_MAIL,    IN(ST_IDLE), ARG_NEEDED,  FLAG_AUTH | FLAG_JUNK,   auth_begin, REPLY_BAD_SEQUENCE,   REPLY_HELP_AUTH },
	{ "STARTTLS",
	          NO_MAIL,    IN(ST_IDLE), ARG_NONE,    FLAG_TLS | FLAG_JUNK,    starttls_run, REPLY_BAD_SEQUENCE, REPLY_HELP_STARTTLS },
	{ "SEND", NO_MAIL,    IN(ST_IDLE), ARG_NEEDED,  FLAG_RFC821,             cmd_mail, REPLY_BAD_SEQUENCE,     REPLY_HELP_SEND },
	{ "SOML", NO_MAIL,    IN(ST_IDLE), ARG_NEEDED,  FLAG_RFC821,             cmd_mail, REPLY_BAD_SEQUENCE,     REPLY_HELP_SOML },
	{ "SAML", NO_MAIL,    IN(ST_IDLE), ARG_NEEDED,  FLAG_RFC821,             cmd_mail, REPLY_BAD_SEQUENCE,     REPLY_HELP_SAML },
	{ "XCLIENT", NO_MAIL, NO_MAIL,     ARG_NEEDED,  FLAG_XCLIENT | FLAG_JUNK, xclient_run, REPLY_BAD_SEQUENCE, REPLY_HELP_XCLIENT },
	{ "XFORWARD", NO_MAIL, NO_MAIL,    ARG_NEEDED,  FLAG_XCLIENT | FLAG_JUNK, xclient_run_forward, REPLY_BAD_SEQUENCE, REPLY_HELP_XFORWARD },
	/* RFC 5321 s. F.1: not without strong authentication. */
	{ "TURN", ANY_STATE,  ANY_STATE,   ARG_ANY,     0,                       NULL,     REPLY_NOT_IMPLEMENTED,  REPLY_HELP_TURN },
	/* What a browser says that a page has made to post a mail. */
	{ "GET",     ANY_STATE, ANY_STATE, ARG_ANY,     FLAG_HIDDEN,             NULL,     REPLY_NOT_SMTP,         0 },
	{ "POST",    ANY_STATE, ANY_STATE, ARG_ANY,     FLAG_HIDDEN,             NULL,     REPLY_NOT_SMTP,         0 },
	{ "CONNECT", ANY_STATE, ANY_STATE, ARG_ANY,     FLAG_HIDDEN,             NULL,     REPLY_NOT_SMTP,         0 },
};
/* clang-format on */

static const size_t ncommands = sizeof commands / sizeof *commands;

/*
 * MAIL, RCPT
 */

/* MAIL and RCPT begin alike. */
struct path_command {
	const char *keyword;
	enum param_command params;
	enum reply syntax; /* there is no path */
	enum reply fault[ADDRESS__COUNT];
};

static const struct path_command mail_command = {
	.keyword = "FROM:",
	.params = PARAM_MAIL,
	.syntax = REPLY_MAIL_SYNTAX,
	.fault = {
		[ADDRESS_BAD_SYNTAX] = REPLY_MAIL_PATH,
		[ADDRESS_BAD_UTF8] = REPLY_BAD_UTF8,
		[ADDRESS_LOCAL_TOO_LONG] = REPLY_MAIL_LOCAL_TOO_LONG,
		[ADDRESS_DOMAIN_TOO_LONG] = REPLY_MAIL_DOMAIN_TOO_LONG,
		[ADDRESS_PATH_TOO_LONG] = REPLY_MAIL_PATH_TOO_LONG,
	},
};

static const struct path_command rcpt_command = {
	.keyword = "TO:",
	.params = PARAM_RCPT,
	.syntax = REPLY_RCPT_SYNTAX,
	.fault = {
		[ADDRESS_BAD_SYNTAX] = REPLY_RCPT_PATH,
		[ADDRESS_BAD_UTF8] = REPLY_BAD_UTF8,
		[ADDRESS_LOCAL_TOO_LONG] = REPLY_RCPT_LOCAL_TOO_LONG,
		[ADDRESS_DOMAIN_TOO_LONG] = REPLY_RCPT_DOMAIN_TOO_LONG,
		[ADDRESS_PATH_TOO_LONG] = REPLY_RCPT_PATH_TOO_LONG,
	},
};

static enum reply
read_path(const struct session *s, const struct path_command *c,
    struct span arg, struct address_path *ret_path, struct params *ret_params)
{
	enum address_mode mode =
	    s->conf->strict ? ADDRESS_STRICT : ADDRESS_LENIENT;
	enum reply id;

	if (!span_skip(&arg, c->keyword) || param_lacks_path(arg))
		return c->syntax;
	id = c->fault[address_read_path(&arg, mode, ret_path)];
	if (id != REPLY_NONE)
		return id;
	return param_read(c->params, starttls_is_inside(s), arg, ret_params);
}

/* The reply follows when the caller has answered (session_answer()). */
static enum reply
ask_about(struct session *s, enum question_kind kind, struct span address,
    struct span sender)
{
	s->question = (struct question){
		.kind = kind,
		.address = address,
		.sender = sender,
		.size = s->mail.announced_size,
		.nrecipients = s->mail.envelope.nrecipients,
	};
	s->utf8_reply = s->mail.envelope.smtputf8;
	s->pending = SESSION_ASK;
	return REPLY_NONE;
}

static struct span
claimed_as(const struct session *s)
{
	const char *name = s->auth ? auth_claimed(s->auth) : "";

	return *name ? span_of(name) : (struct span){ NULL, 0 };
}

static enum reply
cmd_mail(struct session *s, struct span arg)
{
	struct params params;
	struct address_path path;
	enum reply id;

	if (s->counts.mails >= MAILS_MAX)
		return REPLY_TOO_MANY_MAILS;
	id = read_path(s, &mail_command, arg, &path, &params);
	if (id != REPLY_NONE)
		return id;

	/* Postmaster lacks a domain only as a forward-path. */
	if (s->conf->strict && path.mailbox.len > 0 && path.domain.len == 0)
		return REPLY_MAIL_PATH;
	if (s->conf->strict && path.non_ascii && !params.smtputf8)
		return REPLY_NEEDS_SMTPUTF8;
	if (params.size > s->conf->max_size)
		return REPLY_TOO_BIG;
	s->mail.announced_size = params.size;
	ask_about(s, QUESTION_MAIL, path.mailbox, path.mailbox);
	s->question.mail = (struct question_mail){
		.verb = s->command->verb,
		.protocol = hello_protocol(s, params.smtputf8),
		.helo = span_of(s->mail.helo),
		.body_type = params.body_type,
		.dsn_return = params.dsn_return,
		.envelope_id = params.envelope_id,
		.claimed_as = claimed_as(s),
		.smtputf8 = params.smtputf8,
		.requiretls = params.requiretls,
	};
	s->utf8_reply = params.smtputf8;
	return REPLY_NONE;
}

static enum reply
check_rcpt(const struct session *s, struct span arg, struct span *ret_mailbox,
    struct params *ret_params)
{
	struct address_path path;
	enum reply id = read_path(s, &rcpt_command, arg, &path, ret_params);

	if (id != REPLY_NONE)
		return id;

	if (path.mailbox.len == 0)
		return REPLY_RCPT_NULL;
	if (s->conf->strict && path.non_ascii && !s->mail.envelope.smtputf8)
		return REPLY_NEEDS_SMTPUTF8;
	if (transaction_is_full(&s->mail, s->conf->max_recipients))
		return REPLY_TOO_MANY_RECIPIENTS;
	*ret_mailbox = path.mailbox;
	return REPLY_NONE;
}

static enum reply
cmd_rcpt(struct session *s, struct span arg)
{
	struct params params;
	struct span mailbox;
	enum reply id = check_rcpt(s, arg, &mailbox, &params);

	if (id != REPLY_NONE) {
		transaction_note_rcpt(&s->mail, replies[id].code);
		return id;
	}
	ask_about(
	    s, QUESTION_RCPT, mailbox, span_of(s->mail.envelope.reverse_path));
	s->question.notify = params.notify;
	s->question.original_recipient = params.orcpt;
	return REPLY_NONE;
}

/* VRFY and EXPN may end in SMTPUTF8 (RFC 6531 s. 3.7.4.2). */
static enum reply
ask_name(struct session *s, enum question_kind kind, struct span arg)
{
	static const char utf8[] = " SMTPUTF8";
	size_t len = sizeof utf8 - 1;
	bool may_be_utf8 = false;

	if (arg.len > len &&
	    span_is((struct span){ arg.p + arg.len - len, len }, utf8)) {
		arg.len -= len;
		may_be_utf8 = true;
	}
	ask_about(s, kind, span_trim(arg), span_of(""));
	s->utf8_reply = may_be_utf8;
	return REPLY_NONE;
}

static enum reply
cmd_vrfy(struct session *s, struct span arg)
{
	return s->conf->vrfy ? ask_name(s, QUESTION_VRFY, arg)
			     : REPLY_CANNOT_VRFY;
}

static enum reply
cmd_expn(struct session *s, struct span arg)
{
	return s->conf->vrfy ? ask_name(s, QUESTION_EXPN, arg)
			     : REPLY_NOT_IMPLEMENTED;
}

/* Counts one more command that leads to no mail: is it one too many? */
static bool
is_too_much(struct session *s)
{
	return s->njunk++ >= JUNK_MAX;
}

/*
 * DATA, BDAT
 */

static enum reply
cmd_data(struct session *s, struct span arg)
{
	enum reply id = transaction_check_text(&s->mail, s->conf->lmtp);

	(void)arg;
	if (id != REPLY_NONE)
		return id;
	if (transaction_is_binary(&s->mail))
		return REPLY_NEEDS_BDAT; /* RFC 3030 s. 3 */
	body_start(&s->body, s->conf->any_line_end ? BODY_ANY : BODY_CRLF);
	s->mail.state = ST_DATA;
	return REPLY_START_MAIL;
}

/*
 * The octets follow whatever the reply is, so they are always read (RFC 3030 s.
 * 2).  If their number is malformed, the octets cannot be told from commands,
 * so the session closes.
 */
static enum reply
cmd_bdat(struct session *s, struct span arg)
{
	struct span octets = span_word(&arg);

	while (octets.len > 1 && *octets.p == '0') { /* 1*DIGIT */
		octets.p++;
		octets.len--;
	}
	if (!span_number(octets, &s->chunk_size) ||
	    s->chunk_size == UINT64_MAX ||
	    (arg.len > 0 && !span_is(arg, "LAST"))) {
		session_reply(s, REPLY_BDAT_SYNTAX);
		return REPLY_LOST_TRACK;
	}
	if (s->chunk_size == 0 && is_too_much(s))
		return REPLY_TOO_MANY_COMMANDS;
	s->chunk_reply = transaction_check_text(&s->mail, s->conf->lmtp);
	if (s->mail.state != ST_CHUNKS)
		body_start(&s->body, BODY_CRLF);
	s->chunk_left = s->chunk_size;
	s->chunk_last = arg.len > 0;
	s->chunk_from = s->mail.state;
	s->mail.state = ST_CHUNK;
	return REPLY_NONE;
}

/*
 * The rest
 */

static enum reply
cmd_rset(struct session *s, struct span arg)
{
	(void)arg;
	transaction_reset(&s->mail);
	return REPLY_FLUSHED;
}

static enum reply
cmd_quit(struct session *s, struct span arg)
{
	(void)arg;
	s->closing = true;
	return REPLY_CLOSING;
}

static const struct command *
find_command(struct span verb)
{
	for (size_t i = 0; i < ncommands; i++) {
		if (span_is(verb, commands[i].verb))
			return &commands[i];
	}
	return NULL;
}

static void
help_all(struct session *s)
{
	char verbs[256];
	size_t len = 0;

	for (size_t i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];

		if (c->flags & FLAG_HIDDEN || !hello_offers(s, c->flags))
			continue;
		len += (size_t)snprintf(verbs + len, sizeof verbs - len, "%s%s",
		    len > 0 ? " " : "", c->verb);
	}
	session_say(s, &replies[REPLY_HELP_VERBS],
	    (struct reply_values){ .detail = verbs }, true);
	session_say(
	    s, &replies[REPLY_HELP_HINT], (struct reply_values){ 0 }, true);
	session_reply(s, REPLY_HELP_STATUS_HINT);
}

/* System status (211): the version, the limits, and what was done so far. */
static void
help_status(struct session *s)
{
	const struct session_conf *c = s->conf;
	const struct session_counts *n = &s->counts;
	struct reply_values version = { .detail = c->version };
	struct reply_values limits = { .numbers = { c->max_size,
					   c->max_recipients, MAILS_MAX,
					   c->max_errors } };
	struct reply_values counts = { .numbers = { n->commands, n->errors,
					   n->mails, n->recipients,
					   n->octets } };

	session_say(s, &replies[REPLY_STATUS], version, true);
	session_say(s, &replies[REPLY_STATUS_LIMITS], limits, true);
	session_say(s, &replies[REPLY_STATUS_COUNTS], counts, false);
}

static enum reply
cmd_help(struct session *s, struct span arg)
{
	const struct command *c = find_command(arg);

	if (arg.len == 0)
		help_all(s);
	else if (span_is(arg, "STATUS"))
		help_status(s);
	else if (c && c->help != REPLY_NONE && hello_offers(s, c->flags))
		session_reply(s, c->help);
	else
		return REPLY_HELP_UNKNOWN;
	return REPLY_NONE;
}

/* Any method of HTTP counts, also one that has the name of a verb of SMTP. */
static bool
is_foreign(struct span line)
{
	struct span rest = span_trim(line);
	const struct command *c = find_command(span_word(&rest));

	return line_ends_as_request(line) || line_begins_tls(line) ||
	       (!c && line_has_target(line)) ||
	       (c && c->otherwise == REPLY_NOT_SMTP);
}

enum reply
command_refuse(struct session *s, enum reply why)
{
	struct span line = { s->line, s->line_len };

	if (is_foreign(line))
		return REPLY_NOT_SMTP;
	if (!line_may_be_bdat(line, s->line_over))
		return why;
	if (why != REPLY_NONE)
		session_reply(s, why);
	return REPLY_LOST_TRACK;
}

enum reply
command_run(struct session *s)
{
	struct span arg = { s->line, s->line_len };
	const struct command *c;
	int legal;

	if (line_has_control(arg))
		return command_refuse(s, REPLY_BAD_OCTET);
	if (line_ends_as_request(arg))
		return REPLY_NOT_SMTP;
	arg = span_trim(arg);
	c = find_command(span_word(&arg));
	if (!c)
		return command_refuse(s, REPLY_UNKNOWN);
	if (!hello_offers(s, c->flags & (FLAG_SMTP | FLAG_LMTP)))
		return c->otherwise;
	if (!hello_offers(s, c->flags))
		return REPLY_NOT_IMPLEMENTED;
	legal = s->conf->strict ? c->in_strict : c->in;
	if (!(legal & IN(s->mail.state)))
		return s->mail.state == ST_CHUNKS ? REPLY_BAD_SEQUENCE
						  : c->otherwise;
	if (arg.len > 0 && (c->argument == ARG_NONE ||
			       (c->argument == ARG_IGNORED && s->conf->strict)))
		return REPLY_NO_ARGUMENT;
	if (c->argument == ARG_NEEDED && arg.len == 0)
		return REPLY_NEEDS_ARGUMENT;
	if (s->conf->strict && c->flags & FLAG_STRING &&
	    line_has_open_quote(arg))
		return REPLY_OPEN_QUOTE;
	if (c->flags & FLAG_JUNK && is_too_much(s))
		return REPLY_TOO_MANY_COMMANDS;
	s->command = c;
	return c->run ? c->run(s, arg) : c->otherwise;
}
