#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "../filters.h"
#include "../mail/address.h"
#include "../version.h"
#include "log.h"
#include "option_rows.h"

/* Logs why `text` is no value for this row. */
static bool
read_number(const struct cli_option *row, const char *text, uint64_t *ret)
{
	static const struct {
		bool (*read)(const char *text, uint64_t *ret);
		const char *what, *unit;
	} kinds[] = {
		[KIND_NUMBER] = { cli_read_number, "number", "" },
		[KIND_SIZE] = { cli_read_size, "size",
		    " octets, such as 10K or 5M" },
		[KIND_DURATION] = { cli_read_duration, "time",
		    " seconds, such as 90 or 30m" },
	};

	if (kinds[row->kind].read(text, ret) && *ret >= row->min &&
	    *ret <= row->max)
		return true;
	log_line(LOG_ERR, "--%s: '%s' is not a %s from %llu to %llu%s",
	    row->name, text, kinds[row->kind].what,
	    (unsigned long long)row->min, (unsigned long long)row->max,
	    kinds[row->kind].unit);
	return false;
}

/*
 * Finds the full name of the machine.  /etc/hosts and the DNS are asked only if
 * the kernel has the short one.
 */
static const char *
full_hostname(void)
{
	static char name[HOST_NAME_MAX + 1];
	static char full[ADDRESS_DOMAIN_MAX + 1];
	struct addrinfo hints = { .ai_flags = AI_CANONNAME };
	struct addrinfo *found;

	if (gethostname(name, sizeof name - 1) < 0 ||
	    !address_is_domain(span_of(name), ADDRESS_LENIENT))
		return "localhost";
	if (strchr(name, '.') || getaddrinfo(name, NULL, &hints, &found) != 0)
		return name;
	if (found->ai_canonname &&
	    address_is_domain(span_of(found->ai_canonname), ADDRESS_LENIENT) &&
	    strlen(found->ai_canonname) < sizeof full)
		strcpy(full, found->ai_canonname);
	freeaddrinfo(found);
	return full[0] != '\0' ? full : name;
}

static int
read_auth(const char *text, struct options *o, int *ret_status)
{
	struct span rest = span_of(text);

	if (strcmp(text, "any") == 0) {
		o->auth = AUTH_BY_ANY;
	} else if (strcmp(text, "rows") == 0) {
		o->auth = AUTH_BY_ROWS;
	} else if (span_skip(&rest, "dovecot:") && rest.len > 0) {
		o->auth = AUTH_BY_DOVECOT;
		o->auth_dovecot = rest.p;
	} else {
		log_line(LOG_ERR,
		    "--auth: '%s' is none of rows, any and dovecot:SOCKET",
		    text);
		*ret_status = EX_USAGE;
		return -1;
	}
	return 0;
}

static bool
add_to_list(struct text_list *list, const char *value)
{
	if (list->n == LISTENERS_MAX)
		return false;
	list->texts[list->n++] = value;
	return true;
}

/* Takes one option.  Returns 0 to go on, or -1 as options_read() does. */
static int
take(const struct cli *c, const struct cli_option *row, const char *value,
    struct options *o, int *ret_status)
{
	char *field = (char *)o + row->field;

	switch ((enum option_kind)row->kind) {
	case KIND_TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case KIND_AUTH:
		return read_auth(value, o, ret_status);
	case KIND_NETWORKS:
		if (networks_add((struct networks *)(void *)field, value))
			return 0;
		log_line(LOG_ERR,
		    "--%s: '%s' is not a list of networks, such as "
		    "192.0.2.0/24,2001:db8::1,local",
		    row->name, value);
		*ret_status = EX_USAGE;
		return -1;
	case KIND_LIST:
		if (add_to_list((struct text_list *)(void *)field, value))
			return 0;
		log_line(
		    LOG_ERR, "--%s: %d are enough", row->name, LISTENERS_MAX);
		*ret_status = EX_USAGE;
		return -1;
	case KIND_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case KIND_NUMBER:
	case KIND_SIZE:
	case KIND_DURATION:
		if (read_number(row, value, (uint64_t *)(void *)field))
			return 0;
		*ret_status = EX_USAGE;
		return -1;
	case KIND_VERSION:
		puts("smtpd " VERSION);
		break;
	case KIND_HELP:
		option_rows_print(c);
		break;
	}
	*ret_status = log_output();
	return -1;
}

static int
usage_error(const char *what, int *ret_status)
{
	log_line(LOG_ERR, "%s; see smtpd --help", what);
	*ret_status = EX_USAGE;
	return -1;
}

/* Takes a word that is no option. */
static int
usage_error_of(const char *word, const char *what, int *ret_status)
{
	log_line(LOG_ERR, "'%s': %s; see smtpd --help", word, what);
	*ret_status = EX_USAGE;
	return -1;
}

static int
read_all(int argc, char **argv, struct options *ret, int *ret_status)
{
	struct cli cli;
	const char *value;
	int i;

	option_rows_start(&cli);
	while ((i = cli_next(&cli, argc, argv, &value)) != CLI_END) {
		if (i == CLI_BAD)
			return usage_error(cli.error, ret_status);
		if (take(&cli, &option_rows[i], value, ret, ret_status) < 0)
			return -1;
	}
	if (optind < argc)
		return usage_error_of(
		    argv[optind], "all arguments are options", ret_status);
	return 0;
}

/* Their addresses, and what to do without one. */
static int
read_filters(struct options *o, int *ret_status)
{
	const char *const lists[] = { o->milters, o->policies,
		o->end_policies };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const char *fault = lists[i] ? filters_check(lists[i]) : NULL;

		if (fault)
			return usage_error_of(lists[i], fault, ret_status);
	}
	o->milter_accepts = strcmp(o->milter_default, "accept") == 0;
	if (o->milter_accepts || strcmp(o->milter_default, "tempfail") == 0)
		return 0;
	return usage_error(
	    "--milter-default is neither tempfail nor accept", ret_status);
}

/* NULL: nothing is wrong with them. */
static const char *
fault_of_tls(const struct options *o)
{
	bool any =
	    o->tls_keys.n > 0 || o->tls_ca || o->tls_require_client || o->tls;

	if (any && o->tls_certs.n == 0)
		return "--tls-cert is missing";
	if (o->tls_require_client && !o->tls_ca)
		return "--tls-require-client needs --tls-ca";
	if (o->tls && strcmp(o->tls, "immediate") != 0 &&
	    strcmp(o->tls, "starttls") != 0)
		return "--tls is neither immediate nor starttls";
	if (o->tls_keys.n > 0 && o->tls_keys.n != o->tls_certs.n)
		return "each --tls-cert has a --tls-key, or none has";
	return NULL;
}

int
options_read(int argc, char **argv, struct options *ret, int *ret_status)
{
	const char *fault;

	*ret = (struct options){
		.argv = argv,
		.max_size = 52428800,
		.max_recipients = 1000,
		.max_errors = 20,
		.timeout_sec = 300,
		.session_timeout_sec = 3600,
		.milter_default = "tempfail",
		.milter_timeout_sec = 30,
		.max_connections = 200,
		.max_per_source = 20,
		.idle_exit_sec = 60,
		.stop_timeout_sec = 30,
	};
	if (read_all(argc, argv, ret, ret_status) < 0)
		return -1;
	if (read_filters(ret, ret_status) < 0)
		return -1;
	if (ret->listen.n > 0)
		ret->idle_exit_sec = 0; /* nothing would start it again */
	if (!ret->database)
		ret->database = cli_database();
	if (!cli_is_database(ret->database))
		return usage_error_of(
		    ret->database, "not the path of a database", ret_status);
	if (ret->auth_required && ret->auth == AUTH_BY_NONE)
		return usage_error("--auth-required needs --auth", ret_status);
	fault = fault_of_tls(ret);
	if (fault)
		return usage_error(fault, ret_status);
	if (!ret->hostname)
		ret->hostname = full_hostname();
	else if (!address_is_domain(span_of(ret->hostname), ADDRESS_LENIENT))
		return usage_error_of(
		    ret->hostname, "not a host name", ret_status);
	return 0;
}

struct session_conf
options_session(const struct options *o)
{
	static const enum session_auth auth[] = {
		[AUTH_BY_NONE] = SESSION_AUTH_NONE,
		[AUTH_BY_ANY] = SESSION_AUTH_CLAIM,
		[AUTH_BY_ROWS] = SESSION_AUTH_ASK,
		[AUTH_BY_DOVECOT] = SESSION_AUTH_ASK,
	};

	return (struct session_conf){
		.hostname = o->hostname,
		.version = VERSION,
		.max_size = o->max_size,
		.max_recipients = (unsigned)o->max_recipients,
		.max_errors = (unsigned)o->max_errors,
		.strict = o->strict,
		.rfc821 = o->rfc821,
		.vrfy = o->vrfy,
		.lmtp = o->lmtp,
		.xclient = o->fronts.xclient.local,
		.auth = auth[o->auth],
	};
}

struct listen_conf
options_listen(const struct options *o)
{
	return (struct listen_conf){
		.hostname = o->hostname,
		.max_connections = o->max_connections,
		.max_per_source = o->max_per_source,
		.fronts = &o->fronts,
		.idle_exit_sec = o->idle_exit_sec,
		.session_timeout_sec = o->session_timeout_sec,
		.workers_leave = o->milters || o->policies || o->end_policies,
		.stop_timeout_sec = o->stop_timeout_sec,
	};
}
