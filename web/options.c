#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>

#include "../cli.h"
#include "../server/log.h"
#include "../version.h"

enum kind {
	KIND_TEXT,
	KIND_FLAG,
	KIND_LISTEN,
	KIND_HOST,
	KIND_VERSION,
	KIND_HELP,
};

/* clang-format off */
static const struct cli_option rows[] = {
#define FIELD(name) offsetof(struct web_options, name)
	{ 'd', "database", "PATH",
	  "the mail table ($SMTPD_DATABASE, else mail.db in\n"
	  "$STATE_DIRECTORY or /var/lib/smtpd)",
	  KIND_TEXT, FIELD(database), 0, 0 },
	{ 'l', "listen", "[ADDRESS:]PORT",
	  "listen there, or on the socket PATH\n"
	  "(127.0.0.1:8025); may be given several times",
	  KIND_LISTEN, 0, 0, 0 },
	{ 0, "host", "NAME",
	  "a name that browsers know this by, besides\n"
	  "localhost and addresses; several times",
	  KIND_HOST, 0, 0, 0 },
	{ 'p', "password-file", "FILE",
	  "ask for a user and a password of FILE, as\n"
	  "htpasswd -B writes it",
	  KIND_TEXT, FIELD(password_file), 0, 0 },
	{ 0, "allow-delete", NULL,
	  "let mails be deleted",
	  KIND_FLAG, FIELD(allow_delete), 0, 0 },
	{ 0, "read-only", NULL,
	  "change nothing, not even what was read",
	  KIND_FLAG, FIELD(read_only), 0, 0 },
	{ 0, "user", "NAME",
	  "become this user (root: the owner of the\n"
	  "database's folder)",
	  KIND_TEXT, FIELD(user), 0, 0 },
	{ 0, "no-confine", NULL,
	  "keep all system calls, for debuggers",
	  KIND_FLAG, FIELD(no_confine), 0, 0 },
	{ 'V', "version", NULL,
	  "print the version",
	  KIND_VERSION, 0, 0, 0 },
	{ 'h', "help", NULL,
	  "print this",
	  KIND_HELP, 0, 0, 0 },
#undef FIELD
};
/* clang-format on */

enum {
	NROWS = sizeof rows / sizeof *rows,
	HELP_COLUMN = 30,
};

static void
print_help(const struct cli *c)
{
	puts("Usage: smtpdb-web [options]\n"
	     "Shows the mail table of smtpd to browsers and test suites.  See "
	     "smtpdb-web(1).\n");
	cli_print_help(c, HELP_COLUMN);
}

static int
end(int status, int *ret_status)
{
	*ret_status = status;
	return -1;
}

static int
add(const char **list, size_t *n, const char *value, int *ret_status)
{
	if (*n == WEB_VALUES_MAX) {
		log_line(LOG_ERR, "'%s': %d are enough", value, WEB_VALUES_MAX);
		return end(EX_USAGE, ret_status);
	}
	list[(*n)++] = value;
	return 0;
}

static int
take(const struct cli *c, const struct cli_option *row, const char *value,
    struct web_options *o, int *ret_status)
{
	char *field = (char *)o + row->field;

	switch ((enum kind)row->kind) {
	case KIND_TEXT:
		*(const char **)(void *)field = value;
		return 0;
	case KIND_FLAG:
		*(bool *)(void *)field = true;
		return 0;
	case KIND_LISTEN:
		return add(o->listen, &o->nlisten, value, ret_status);
	case KIND_HOST:
		return add(o->hosts, &o->nhosts, value, ret_status);
	case KIND_VERSION:
		puts("smtpdb-web " VERSION);
		break;
	case KIND_HELP:
		print_help(c);
		break;
	}
	return end(log_output(), ret_status);
}

int
web_options_read(
    int argc, char **argv, struct web_options *ret, int *ret_status)
{
	struct cli cli = {
		.options = rows,
		.noptions = NROWS,
		.set = UINT64_MAX,
	};
	const char *value;
	int i;

	*ret = (struct web_options){ .nlisten = 0 };
	cli_start(&cli);
	while ((i = cli_next(&cli, argc, argv, &value)) != CLI_END) {
		if (i == CLI_BAD) {
			log_line(
			    LOG_ERR, "%s; see smtpdb-web --help", cli.error);
			return end(EX_USAGE, ret_status);
		}
		if (take(&cli, &rows[i], value, ret, ret_status) < 0)
			return -1;
	}
	if (optind < argc) {
		log_line(
		    LOG_ERR, "'%s': all arguments are options", argv[optind]);
		return end(EX_USAGE, ret_status);
	}
	if (!ret->database)
		ret->database = cli_database();
	if (cli_is_postgresql(ret->database)) {
		log_line(LOG_ERR,
		    "web is there for SQLite's files alone, and not for "
		    "PostgreSQL");
		return end(EX_CONFIG, ret_status);
	}
	if (cli_is_database(ret->database))
		return 0;
	log_line(LOG_ERR, "'%s': not the path of a database", ret->database);
	return end(EX_USAGE, ret_status);
}
