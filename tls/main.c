/*
 * smtpd-tls: stands between clients that speak TLS and sessions that do not.
 */
#include <sys/socket.h>

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "../server/log.h"
#include "../version.h"
#include "private.h"

enum {
	OPTION_CERT,
	OPTION_KEY,
	OPTION_CA,
	OPTION_REQUIRE,
	OPTION_NO_CONFINE,
	OPTION_VERSION,
	OPTION_HELP,
	NOPTIONS,
	HELP_COLUMN = 24,
};

/* clang-format off */
static const struct cli_option options[NOPTIONS] = {
	[OPTION_CERT] = { 'c', "cert", "FILE",
	  "a certificate with its chain, PEM; several for several names", 0, 0, 0, 0 },
	[OPTION_KEY] = { 'k', "key", "FILE",
	  "its private key (in the file of the certificate)", 0, 0, 0, 0 },
	[OPTION_CA] = { 0, "ca", "FILE",
	  "ask clients for a certificate by one of these", 0, 0, 0, 0 },
	[OPTION_REQUIRE] = { 0, "require-client", NULL,
	  "and refuse those that have none", 0, 0, 0, 0 },
	[OPTION_NO_CONFINE] = { 0, "no-confine", NULL,
	  "keep all system calls, for debuggers", 0, 0, 0, 0 },
	[OPTION_VERSION] = { 'V', "version", NULL, "print the version", 0, 0, 0, 0 },
	[OPTION_HELP] = { 'h', "help", NULL, "print this", 0, 0, 0, 0 },
};
/* clang-format on */

static int
usage_error(const char *what)
{
	log_line(LOG_ERR, "%s; see smtpd-tls --help", what);
	return EX_USAGE;
}

static void
print_help(const struct cli *c)
{
	puts("Usage: smtpd-tls --cert=FILE [options] -- PROGRAM [ARGUMENT...]\n"
	     "Speaks TLS with the client on standard input and output, and "
	     "runs the program with\nthe clear text.  Without a program it "
	     "serves smtpd(8), which starts it so.\nSee smtpd-tls(8).\n");
	cli_print_help(c, HELP_COLUMN);
}

/* -1: go on; else the exit status. */
static int
take(struct settings *s, const struct cli *c, int option, const char *value)
{
	switch (option) {
	case OPTION_CERT:
		if (s->ncerts == CERTS_MAX)
			return usage_error("too many certificates");
		s->certs[s->ncerts++] = value;
		break;
	case OPTION_KEY:
		if (s->nkeys == CERTS_MAX)
			return usage_error("too many keys");
		s->keys[s->nkeys++] = value;
		break;
	case OPTION_CA:
		s->ca = value;
		break;
	case OPTION_REQUIRE:
		s->require_client = true;
		break;
	case OPTION_NO_CONFINE:
		s->no_confine = true;
		break;
	case OPTION_VERSION:
		puts("smtpd-tls " VERSION);
		return EX_OK;
	case OPTION_HELP:
		print_help(c);
		return EX_OK;
	}
	return -1;
}

static int
read_options(int argc, char **argv, struct settings *s)
{
	struct cli cli = {
		.options = options,
		.noptions = NOPTIONS,
		.set = UINT64_MAX,
		.in_order = true,
	};
	const char *value;
	int i, status;

	cli_start(&cli);
	while ((i = cli_next(&cli, argc, argv, &value)) != CLI_END) {
		if (i == CLI_BAD)
			return usage_error(cli.error);
		status = take(s, &cli, i, value);
		if (status >= 0)
			return status;
	}
	if (s->ncerts == 0)
		return usage_error("--cert is missing");
	if (s->nkeys > 0 && s->nkeys != s->ncerts)
		return usage_error("each --cert has a --key, or none has");
	if (s->require_client && !s->ca)
		return usage_error("--require-client needs --ca");
	return -1;
}

/* Standard error of classic inetd is the client's connection. */
static bool
is_of_network(int fd)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof family;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 &&
	       family != AF_UNIX;
}

/* The listener and its like speak in whole messages. */
static bool
is_control(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET;
}

int
main(int argc, char **argv)
{
	struct settings settings = { .ncerts = 0 };
	struct certs *certs;
	int status;

	log_open(is_of_network(STDERR_FILENO) ? STDERR_FILENO : -1);
	status = read_options(argc, argv, &settings);
	if (status >= 0)
		return status;
	if (optind == argc && !is_control(STDIN_FILENO))
		return usage_error("which program is to be run?");
	certs = certs_open(&settings);
	if (!certs)
		return EX_CONFIG;
	return optind < argc ? wrap(&settings, certs, argv + optind)
			     : serve(&settings, certs);
}
