#include "param.h"

#include <string.h>

#include "../mail/address.h"
#include "../mail/dsn.h"

static enum reply
read_size(struct span value, struct params *p)
{
	return span_number(value, &p->size) ? REPLY_NONE : REPLY_PARAM_VALUE;
}

static enum reply
read_body(struct span value, struct params *p)
{
	static const char *const types[] = { "7BIT", "8BITMIME", "BINARYMIME" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (span_is(value, types[i])) {
			p->body_type = types[i];
			return REPLY_NONE;
		}
	}
	return value.p ? REPLY_BODY_UNKNOWN : REPLY_PARAM_VALUE;
}

/* SMTPUTF8 has no value (RFC 6531 s. 3.4). */
static enum reply
read_smtputf8(struct span value, struct params *p)
{
	p->smtputf8 = true;
	return value.p ? REPLY_PARAM_VALUE : REPLY_NONE;
}

/* REQUIRETLS has no value (RFC 8689 s. 4). */
static enum reply
read_requiretls(struct span value, struct params *p)
{
	p->requiretls = true;
	return value.p ? REPLY_PARAM_VALUE : REPLY_NONE;
}

static enum reply
read_ret(struct span value, struct params *p)
{
	if (span_is(value, "FULL"))
		p->dsn_return = "FULL";
	else if (span_is(value, "HDRS"))
		p->dsn_return = "HDRS";
	else
		return REPLY_PARAM_VALUE;
	return REPLY_NONE;
}

static enum reply
read_envid(struct span value, struct params *p)
{
	p->envelope_id = value;
	if (value.len > DSN_ENVID_MAX || !dsn_is_xtext(value))
		return REPLY_PARAM_VALUE;
	return REPLY_NONE;
}

/* NEVER alone, or a list of the others (RFC 3461 s. 4.1); words may repeat. */
static enum reply
read_notify(struct span value, struct params *p)
{
	static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
	const size_t nwords = sizeof words / sizeof *words;
	struct span rest = value;
	size_t i;

	p->notify = value;
	if (span_is(value, "NEVER"))
		return REPLY_NONE;
	do {
		for (i = 0; i < nwords && !span_skip(&rest, words[i]); i++)
			;
		if (i == nwords)
			return REPLY_PARAM_VALUE;
	} while (span_skip(&rest, ","));
	return rest.len == 0 ? REPLY_NONE : REPLY_PARAM_VALUE;
}

static enum reply
read_orcpt(struct span value, struct params *p)
{
	p->orcpt = value;
	if (value.len > DSN_ORCPT_MAX || !dsn_is_orcpt(value))
		return REPLY_PARAM_VALUE;
	return REPLY_NONE;
}

/*
 * AUTH= is checked and not kept: nobody trusts the client that says who
 * submitted the mail.  But clients add it anywhere (RFC 4954 s. 5), so it is
 * accepted from all.
 */
static enum reply
read_auth(struct span value, struct params *p)
{
	(void)p;
	if (value.len > DSN_AUTH_MAX || !dsn_is_auth(value))
		return REPLY_PARAM_VALUE;
	return REPLY_NONE;
}

/* clang-format off */
static const struct {
	const char *keyword;
	enum param_command command;
	bool needs_tls;
	enum reply (*read)(struct span, struct params *);
} rows[] = {
	{ "SIZE",       PARAM_MAIL, false, read_size },       /* RFC 1870 s. 6 */
	{ "BODY",       PARAM_MAIL, false, read_body },       /* RFC 6152 s. 2, 3030 s. 3 */
	{ "SMTPUTF8",   PARAM_MAIL, false, read_smtputf8 },   /* RFC 6531 s. 3.4 */
	{ "RET",        PARAM_MAIL, false, read_ret },        /* RFC 3461 s. 4.3 */
	{ "ENVID",      PARAM_MAIL, false, read_envid },      /* RFC 3461 s. 4.4 */
	{ "AUTH",       PARAM_MAIL, false, read_auth },       /* RFC 4954 s. 5 */
	{ "REQUIRETLS", PARAM_MAIL, true,  read_requiretls }, /* RFC 8689 s. 4 */
	{ "NOTIFY",     PARAM_RCPT, false, read_notify },     /* RFC 3461 s. 4.1 */
	{ "ORCPT",      PARAM_RCPT, false, read_orcpt },      /* RFC 3461 s. 4.2 */
};
/* clang-format on */

static const size_t nrows = sizeof rows / sizeof *rows;

enum reply
param_read(enum param_command command, bool in_tls, struct span text,
    struct params *ret)
{
	struct address_param given;
	unsigned seen = 0;
	int got;

	*ret = (struct params){ .body_type = "7BIT" };
	while ((got = address_read_param(&text, &given)) > 0) {
		enum reply id;
		size_t i = 0;

		while (
		    i < nrows && !(rows[i].command == command &&
				     (in_tls || !rows[i].needs_tls) &&
				     span_is(given.keyword, rows[i].keyword)))
			i++;
		if (i == nrows)
			return REPLY_PARAM_UNKNOWN;
		if (seen & 1u << i)
			return REPLY_PARAM_TWICE;
		seen |= 1u << i;
		id = rows[i].read(given.value, ret);
		if (id != REPLY_NONE)
			return id;
	}
	return got < 0 ? REPLY_PARAM_SYNTAX : REPLY_NONE;
}

/* Registered parameters that are not offered, where the difference matters. */
static const char *const others[] = {
	"SUBMITTER", /* RFC 4405 s. 4 */
	"SOLICIT",   /* RFC 3865 s. 4 */
	"TRANSID",   /* RFC 1845 s. 4 */
};

static bool
is_keyword(struct span word)
{
	for (size_t i = 0; i < nrows; i++) {
		if (span_is(word, rows[i].keyword))
			return true;
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (span_is(word, others[i]))
			return true;
	}
	return false;
}

/* keyword "=" value, as far as it matters here. */
static bool
is_assignment(struct span word)
{
	const char *equals = memchr(word.p, '=', word.len);
	struct span keyword = word, text;
	struct address_param given;

	if (!equals)
		return false;
	keyword.len = (size_t)(equals - word.p);
	text = keyword;
	if (address_read_param(&text, &given) <= 0 || text.len > 0)
		return false;
	return is_keyword(keyword) || !memchr(word.p, '@', word.len);
}

bool
param_lacks_path(struct span text)
{
	struct span rest = span_trim(text), word = span_word(&rest);

	return word.len == 0 || span_is(word, "SMTPUTF8") ||
	       span_is(word, "REQUIRETLS") || is_assignment(word);
}
