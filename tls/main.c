/*
 * smtpd-tls: stands between clients that speak TLS and sessions that do not.
 */
#include <getopt.h>
#include <sysexits.h>

#include "private.h"

/* clang-format off */
static const struct cli_option options[] = {
#define FIELD(name) offsetof(struct settings, name)
	{ 'c', "cert", "FILE",
	  "a certificate with its chain, PEM; several for\nseveral names",
	  HELPER_LIST, FIELD(certs), 0, 0 },
	{ 'k', "key", "FILE",
	  "its private key (in the file of the certificate)",
	  HELPER_LIST, FIELD(keys), 0, 0 },
	{ 0, "ca", "FILE",
	  "ask clients for a certificate by one of these",
	  HELPER_TEXT, FIELD(ca), 0, 0 },
	{ 0, "require-client", NULL,
	  "and refuse those that have none",
	  HELPER_FLAG, FIELD(require_client), 0, 0 },
	{ 0, "no-confine", NULL,
	  "keep all system calls, for debuggers",
	  HELPER_FLAG, FIELD(no_confine), 0, 0 },
	{ 'V', "version", NULL, "print the version", HELPER_VERSION, 0, 0, 0 },
	{ 'h', "help", NULL, "print this", HELPER_HELP, 0, 0, 0 },
#undef FIELD
};

static const struct helper_cli command_line = {
	.name = "smtpd-tls",
	.usage = "--cert=FILE [options] -- PROGRAM [ARGUMENT...]\n"
		 "Speaks TLS with the client on standard input and output, and "
		 "runs the program\nwith the clear text.  Without a program it "
		 "serves smtpd(8), which starts it so.\nSee smtpd-tls(8).\n",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.in_order = true,
};
/* clang-format on */

/* NULL: nothing is. */
static const char *
what_is_wrong(const struct settings *s)
{
	if (s->certs.n == 0)
		return "--cert is missing";
	if (s->keys.n > 0 && s->keys.n != s->certs.n)
		return "each --cert has a --key, or none has";
	if (s->require_client && !s->ca)
		return "--require-client needs --ca";
	return NULL;
}

int
main(int argc, char **argv)
{
	struct settings settings = { .ca = NULL };
	int status = helper_read_options(&command_line, argc, argv, &settings);
	const char *wrong;
	struct certs *certs;

	if (status >= 0)
		return status;
	wrong = what_is_wrong(&settings);
	if (!wrong && optind == argc && !helper_is_started())
		wrong = "which program is to be run?";
	if (wrong)
		return helper_usage_error(&command_line, wrong);
	certs = certs_open(&settings);
	if (!certs)
		return EX_CONFIG;
	return optind < argc ? wrap(&settings, certs, argv + optind)
			     : serve(&settings, certs);
}
