/*
 * smtpd-auth: checks who clients are, for sessions that must not know how.
 */
#include <sys/socket.h>

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "../server/log.h"
#include "../version.h"
#include "private.h"

enum {
	OPTION_DATABASE,
	OPTION_DOVECOT,
	OPTION_NO_CONFINE,
	OPTION_VERIFIER,
	OPTION_VERSION,
	OPTION_HELP,
	NOPTIONS,
	HELP_COLUMN = 24,
	PASSWORD_SIZE = 1024,
};

/* clang-format off */
static const struct cli_option options[NOPTIONS] = {
	[OPTION_DATABASE] = { 'd', "database", "PATH",
	  "the mail table, which has the accounts", 0, 0, 0, 0 },
	[OPTION_DOVECOT] = { 0, "dovecot", "SOCKET",
	  "let Dovecot check passwords", 0, 0, 0, 0 },
	[OPTION_NO_CONFINE] = { 0, "no-confine", NULL,
	  "keep all system calls, for debuggers", 0, 0, 0, 0 },
	[OPTION_VERIFIER] = { 0, "verifier", NULL,
	  "read a password, and print what the table account\nkeeps of it",
	  0, 0, 0, 0 },
	[OPTION_VERSION] = { 'V', "version", NULL, "print the version", 0, 0, 0, 0 },
	[OPTION_HELP] = { 'h', "help", NULL, "print this", 0, 0, 0, 0 },
};
/* clang-format on */

static int
usage_error(const char *what)
{
	log_line(LOG_ERR, "%s; see smtpd-auth --help", what);
	return EX_USAGE;
}

static void
print_help(const struct cli *c)
{
	puts("Usage: smtpd-auth --database=PATH [options]\n"
	     "Checks passwords for smtpd(8), which starts it so.  See "
	     "smtpd-auth(8).\n");
	cli_print_help(c, HELP_COLUMN);
}

/* One line of standard input; the exit status. */
static int
print_verifier(void)
{
	static char password[PASSWORD_SIZE];
	char verifier[VERIFIER_SIZE];
	size_t len;

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
	return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

/* -1: go on; else the exit status. */
static int
take(struct settings *s, const struct cli *c, int option, const char *value)
{
	switch (option) {
	case OPTION_DATABASE:
		s->database = value;
		break;
	case OPTION_DOVECOT:
		s->dovecot = value;
		break;
	case OPTION_NO_CONFINE:
		s->no_confine = true;
		break;
	case OPTION_VERIFIER:
		return print_verifier();
	case OPTION_VERSION:
		puts("smtpd-auth " VERSION);
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
	if (optind < argc)
		return usage_error("there are no arguments");
	if (!s->database)
		return usage_error("--database is missing");
	return -1;
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

/* Standard error of classic inetd is the client's connection. */
static bool
is_of_network(int fd)
{
	int family = AF_UNSPEC;
	socklen_t len = sizeof family;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 &&
	       family != AF_UNIX;
}

int
main(int argc, char **argv)
{
	struct settings settings = { .database = NULL };
	int status;

	log_open(is_of_network(STDERR_FILENO) ? STDERR_FILENO : -1);
	status = read_options(argc, argv, &settings);
	if (status >= 0)
		return status;
	if (!is_control(STDIN_FILENO))
		return usage_error("it is started by smtpd");
	return serve(&settings);
}
