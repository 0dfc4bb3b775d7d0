#include "rule_values.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "../cli.h"
#include "../mail/address.h"
#include "envelope_field.h"
#include "options.h"

enum {
	/* As in schema.sql. */
	MOVED_TO_MAX = 254,
	TEXT_MAX = 400,
	WINDOW_MAX = 604800,
};

static const uint64_t limit_max = UINT64_C(9000000000000000000);

/*
 * Each check returns what is wrong with a value, to be printed behind the
 * option's name; NULL: nothing.
 */

static const char *
check_state(const char *text)
{
	static const char *const states[] = { "open", "disabled", "busy",
		"not-allowed", "moved", NULL };

	for (int i = 0; states[i]; i++) {
		if (strcmp(text, states[i]) == 0)
			return NULL;
	}
	return "is none of open, disabled, busy, not-allowed and moved";
}

static const char *
check_moved_to(const char *text)
{
	return strlen(text) <= MOVED_TO_MAX && strchr(text, '@') &&
		       envelope_is_path(text)
		   ? NULL
		   : "is no address";
}

static const char *
check_code(const char *text)
{
	bool is_code = strlen(text) == 3 && strchr("45", text[0]) &&
		       strchr("012345", text[1]) &&
		       strchr("0123456789", text[2]);

	return is_code && strcmp(text, "421") != 0
		   ? NULL
		   : "is no reply code that refuses: 400 to 459 or 500 to 559, "
		     "but for 421, which would end the session";
}

/* "5.7.1": no number with zeros in front or over 999 (RFC 3463 s. 2). */
static const char *
check_enhanced(const char *text)
{
	static const char wrong[] =
	    "is no enhanced status code that refuses, such as 5.7.1";
	const char *p = text;

	for (int i = 0; i < 3; i++) {
		size_t len = strspn(p, "0123456789");

		if (len < 1 || len > (i == 0 ? 1 : 3) ||
		    (len > 1 && *p == '0') || p[len] != (i < 2 ? '.' : '\0'))
			return wrong;
		p += len + 1;
	}
	return *text == '4' || *text == '5' ? NULL : wrong;
}

static const char *
check_text(const char *text)
{
	size_t len = strlen(text);

	for (const char *p = text; *p; p++) {
		if (*p < ' ' || *p > '~')
			return "has other characters than printable US-ASCII, "
			       "which a reply cannot have";
	}
	if (len == 0)
		return "is empty";
	return len <= TEXT_MAX ? NULL : "is longer than 400 characters";
}

enum kind {
	KIND_TEXT,
	KIND_FLAG,
	KIND_NUMBER,
	KIND_SIZE,
	KIND_TIME,
};

/* clang-format off */
/* Which options fill which column. */
static const struct fill {
	const char *column;
	enum kind kind;
	enum smtpdb_option option;
	const char *name;
	const char *(*check)(const char *text);
} fills[] = {
	{ "state",           KIND_TEXT,   OPT_STATE,           "--state", check_state },
	{ "moved_to",        KIND_TEXT,   OPT_MOVED_TO,        "--moved-to", check_moved_to },
	{ "quota_messages",  KIND_NUMBER, OPT_QUOTA_MESSAGES,  "--quota-messages", NULL },
	{ "quota_octets",    KIND_SIZE,   OPT_QUOTA_OCTETS,    "--quota-octets", NULL },
	{ "quota_permanent", KIND_FLAG,   OPT_QUOTA_PERMANENT, "--quota-permanent", NULL },
	{ "forward",         KIND_FLAG,   OPT_FORWARD,         "--forward", NULL },
	{ "authenticated",   KIND_FLAG,   OPT_AUTHENTICATED,   "--authenticated", NULL },
	{ "allow",           KIND_FLAG,   OPT_ALLOW,           "--allow", NULL },
	{ "code",            KIND_TEXT,   OPT_CODE,            "--code", check_code },
	{ "enhanced",        KIND_TEXT,   OPT_ENHANCED,        "--enhanced", check_enhanced },
	{ "text",            KIND_TEXT,   OPT_TEXT,            "--text", check_text },
	{ "window_sec",      KIND_TIME,   OPT_WINDOW,          "--window", NULL },
	{ "max_messages",    KIND_NUMBER, OPT_MAX_MESSAGES,    "--max-messages", NULL },
	{ "max_recipients",  KIND_NUMBER, OPT_MAX_RECIPIENTS,  "--max-recipients", NULL },
	{ "max_octets",      KIND_SIZE,   OPT_MAX_OCTETS,      "--max-octets", NULL },
};
/* clang-format on */

static const struct fill *
find_fill(const char *column)
{
	for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
		if (strcmp(fills[i].column, column) == 0)
			return &fills[i];
	}
	return NULL;
}

/*
 * SQLite does not complain of a text that is compared with a number, so
 * numbers are read here; `room` is for their digits.
 */
static int
read_number(
    const struct fill *fill, const char *given, char *room, const char **ret)
{
	int64_t n = 0;
	int status = EX_OK;

	if (fill->kind == KIND_NUMBER)
		status = options_number(fill->name, given, &n);
	else if (fill->kind == KIND_SIZE)
		status = options_size(fill->name, given, &n);
	else
		status = options_duration(fill->name, given, &n);
	if (status != EX_OK)
		return status;
	if (fill->kind == KIND_TIME && (n < 1 || n > WINDOW_MAX))
		return smtpdb_fail(
		    EX_DATAERR, "%s: a time from 1s to 7d", fill->name);
	if ((uint64_t)n > limit_max)
		return smtpdb_fail(
		    EX_DATAERR, "%s: '%s' is too much", fill->name, given);
	snprintf(room, RULE_NUMBER_SIZE, "%lld", (long long)n);
	*ret = room;
	return EX_OK;
}

static int
read_value(const struct smtpdb *t, const struct fill *fill, char *room,
    const char **ret)
{
	const char *given = t->options[fill->option];
	const char *wrong;

	if (!given)
		return EX_OK;
	if (fill->kind == KIND_FLAG) {
		*ret = strcmp(given, cli_no) == 0 ? "0" : "1";
		return EX_OK;
	}
	if (strcmp(given, "none") == 0) {
		*ret = archive_rules_default;
		return EX_OK;
	}
	if (fill->kind != KIND_TEXT)
		return read_number(fill, given, room, ret);
	wrong = fill->check(given);
	if (wrong)
		return smtpdb_fail(
		    EX_DATAERR, "%s: '%s' %s", fill->name, given, wrong);
	*ret = given;
	return EX_OK;
}

static bool
is_said(const char *value)
{
	return value && value != archive_rules_default;
}

/* The places of sender_rule's columns; client_rule has all but the last. */
enum {
	RULE_ALLOW = 1,
	RULE_CODE,
	RULE_ENHANCED,
	RULE_TEXT,
	RULE_AUTHENTICATED,
};

/*
 * A rule that is added refuses unless --allow is given, even if the row that
 * it replaces allowed.  A rule with --authenticated allows those who have
 * authenticated.
 */
static int
complete_allow(
    const struct smtpdb *t, enum archive_rules which, struct rule_values *v)
{
	const char *allow = t->options[OPT_ALLOW];
	bool authenticated = v->value[RULE_AUTHENTICATED] &&
			     strcmp(v->value[RULE_AUTHENTICATED], "1") == 0;

	if (which == RULES_CLIENT && t->options[OPT_AUTHENTICATED])
		return smtpdb_fail(EX_USAGE,
		    "a client's rule counts before it can authenticate; "
		    "--authenticated is for rules of senders and for "
		    "mailboxes");
	if (authenticated && allow && strcmp(allow, cli_no) == 0)
		return smtpdb_fail(EX_USAGE,
		    "--authenticated refuses only who has no account; leave "
		    "out --deny");
	if (authenticated)
		v->value[RULE_ALLOW] = "1";
	else if (!allow)
		v->value[RULE_ALLOW] = "0";
	if (which == RULES_SENDER && !v->value[RULE_AUTHENTICATED])
		v->value[RULE_AUTHENTICATED] = "0";
	return EX_OK;
}

/*
 * A reply's two codes agree in their first digit, so when only one is given,
 * the other is set to match it.
 */
static int
complete_reply(const struct smtpdb *t, struct rule_values *v)
{
	const char **code = &v->value[RULE_CODE];
	const char **enhanced = &v->value[RULE_ENHANCED];
	bool is_reply = t->options[OPT_CODE] || t->options[OPT_ENHANCED] ||
			t->options[OPT_TEXT];

	if (strcmp(v->value[RULE_ALLOW], "1") == 0 && is_reply)
		return smtpdb_fail(EX_USAGE,
		    "a rule that allows says nothing to a client; leave out "
		    "--code, --enhanced and --text");
	if (is_said(*code) && !is_said(*enhanced))
		*enhanced = **code == '4' ? "4.7.1" : "5.7.1";
	else if (is_said(*enhanced) && !is_said(*code))
		*code = **enhanced == '4' ? "450" : "550";
	else if (*code && !is_said(*enhanced))
		*enhanced = archive_rules_default;
	else if (*enhanced && !is_said(*code))
		*code = archive_rules_default;
	if (is_said(*code) && **code != **enhanced)
		return smtpdb_fail(EX_DATAERR,
		    "--code=%s and --enhanced=%s begin with different digits",
		    *code, *enhanced);
	v->nsaid++;
	return EX_OK;
}

int
rule_values_read(
    const struct smtpdb *t, enum archive_rules which, struct rule_values *ret)
{
	const char *const *columns = archive_rules_columns(which);
	int status = EX_OK;

	*ret = (struct rule_values){ .nsaid = 0 };
	for (int i = 0; columns[i] && status == EX_OK; i++) {
		const struct fill *fill = find_fill(columns[i]);

		if (fill)
			status =
			    read_value(t, fill, ret->room[i], &ret->value[i]);
		ret->nsaid += ret->value[i] != NULL;
	}
	if (status != EX_OK || (which != RULES_SENDER && which != RULES_CLIENT))
		return status;
	status = complete_allow(t, which, ret);
	return status == EX_OK ? complete_reply(t, ret) : status;
}

int
rule_check_address(const char *text, bool may_be_domain)
{
	const char *at = strrchr(text, '@');
	const char *domain = at ? at + 1 : text;

	if (!at && !may_be_domain)
		return smtpdb_fail(
		    EX_DATAERR, "'%s' is no address: it has no \"@\"", text);
	if (at == text || (at && !envelope_is_path(text)) ||
	    !address_is_domain(span_of(domain), ADDRESS_LENIENT))
		return smtpdb_fail(EX_DATAERR,
		    "'%s' is no %s that a client can name", text,
		    at ? "address" : "domain");
	return EX_OK;
}
