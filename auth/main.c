/*
 * smtpd-auth: checks who clients are, for sessions that must not know how.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "../server/helper_cli.h"
#include "../server/log.h"
#include "private.h"

enum {
	PASSWORD_SIZE = 1024,
};

/* clang-format off */
static const struct cli_option options[] = {
#define FIELD(name) offsetof(struct settings, name)
	{ 'd', "database", "PATH",
	  "the mail table, which has the accounts",
	  HELPER_TEXT, FIELD(database), 0, 0 },
	{ 0, "dovecot", "SOCKET",
	  "let Dovecot check passwords",
	  HELPER_TEXT, FIELD(dovecot), 0, 0 },
	{ 0, "no-confine", NULL,
	  "keep all system calls, for debuggers",
	  HELPER_FLAG, FIELD(no_confine), 0, 0 },
	{ 0, "verifier", "NAME",
	  "read a password, and print what the table account\nkeeps of it",
	  HELPER_TEXT, FIELD(verifier_of), 0, 0 },
	{ 'V', "version", NULL, "print the version", HELPER_VERSION, 0, 0, 0 },
	{ 'h', "help", NULL, "print this", HELPER_HELP, 0, 0, 0 },
#undef FIELD
};

static const struct helper_cli command_line = {
	.name = "smtpd-auth",
	.usage = "--database=PATH [options]\n"
		 "Checks passwords for smtpd(8), which starts it so.  See "
		 "smtpd-auth(8).\n",
	.options = options,
	.noptions = sizeof options / sizeof *options,
};
/* clang-format on */

/*
 * The names that clients say are prepared (RFC 4013), so an account with a name
 * in another form would never be found.
 */
static bool
check_name(const char *name)
{
	char prepared[AUTH_NAME_MAX + 1];

	if (!verifier_prepare_name(name, prepared))
		log_line(LOG_ERR, "'%s' cannot be a name (RFC 4013)", name);
	else if (strcmp(name, prepared) != 0)
		log_line(LOG_ERR,
		    "'%s' is the same name as '%s' (RFC 4013): say that", name,
		    prepared);
	else
		return true;
	return false;
}

/* Of one line of standard input; the exit status. */
static int
print_verifier(const char *name)
{
	static char password[PASSWORD_SIZE];
	char verifier[VERIFIER_SIZE];
	size_t len;

	if (!check_name(name))
		return EX_DATAERR;
	if (!fgets(password, sizeof password, stdin))
		password[0] = '\0';
	len = strcspn(password, "\n");
	if (password[len] == '\0' && len + 1 == sizeof password) {
		log_line(LOG_ERR, "the password is too long");
		return EX_DATAERR;
	}
	password[len] = '\0';
	if (len == 0) {
		log_line(LOG_ERR, "there is no password");
		return EX_DATAERR;
	}
	if (!verifier_make(password, verifier)) {
		log_line(LOG_ERR, "this is no password: it has characters that "
				  "cannot be typed again (RFC 4013)");
		return EX_DATAERR;
	}
	puts(verifier);
	return log_output();
}

int
main(int argc, char **argv)
{
	struct settings settings = { .database = NULL };
	int status = helper_read_options(&command_line, argc, argv, &settings);

	if (status >= 0)
		return status;
	if (optind < argc)
		return helper_usage_error(
		    &command_line, "there are no arguments");
	if (settings.verifier_of)
		return print_verifier(settings.verifier_of);
	if (!settings.database)
		return helper_usage_error(
		    &command_line, "--database is missing");
	if (!helper_is_started())
		return helper_usage_error(
		    &command_line, "it is started by smtpd");
	return serve(&settings);
}
