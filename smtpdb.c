/*
 * smtpdb: finds the command and runs it.
 */
#include "reader/smtpdb.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "cli.h"
#include "reader/options.h"
#include "version.h"

/* clang-format off */
static const struct command commands[] = {
	{ "list", "", "one line for each mail",
	  OPTIONS_FILTER | OPTION(NUMBER) | OPTION(JSON), 0, 0, list_run },
	{ "watch", "", "the same, as they come",
	  OPTIONS_FILTER | OPTION(NUMBER) | OPTION(JSON), 0, 0, watch_run },
	{ "show", "ID...", "mails as a person reads them",
	  OPTION(HEADERS) | OPTION(HTML) | OPTION(JSON), 1, -1, show_run },
	{ "raw", "ID...", "mails as they are",
	  OPTION(DATA), 1, -1, raw_run },
	{ "extract", "ID [PART]", "a part to standard output, or all attachments to files",
	  OPTION(OUTPUT) | OPTION(DIRECTORY), 1, 2, extract_run },
	{ "export", "[ID...]", "mails to files",
	  OPTION(MBOX) | OPTION(MAILDIR) | OPTION(EML) | OPTION(BARE) | OPTIONS_FILTER, 0, -1, export_run },
	{ "import", "", "mails from files",
	  OPTION(MBOX) | OPTION(MAILDIR) | OPTION(EML) | OPTION(SENDER) | OPTION(RECIPIENT), 0, 0, import_run },
	{ "deliver", "[ID] [COMMAND...]", "mails to a command, once it has succeeded never again",
	  OPTION(NEW) | OPTION(CONSUMER) | OPTION(LEASE) | OPTION(LMTP) | OPTION(SENDMAIL), 0, -1, deliver_run },
	{ "rm", "ID...", "delete mails; 5-9 is a range",
	  0, 1, -1, rm_run },
	{ "prune", "", "delete many mails",
	  OPTION(OLDER) | OPTION(KEEP) | OPTION(MAX_BYTES) | OPTION(HAD_BY) | OPTION(DRY_RUN) | OPTION(VACUUM), 0, 0, prune_run },
	{ "domain", "add|rm|list [NAME]", "the domains that mail is taken for",
	  OPTION(JSON), 1, 2, domain_run },
	{ "mailbox", "add|rm|list [ADDRESS]", "their mailboxes",
	  OPTION(STATE) | OPTION(MOVED_TO) | OPTION(QUOTA_MESSAGES) | OPTION(QUOTA_OCTETS) | OPTION(QUOTA_PERMANENT) | OPTION(NO_QUOTA_PERMANENT) | OPTION(JSON), 1, 2, mailbox_run },
	{ "alias", "add|rm|list [ADDRESS [TARGET]]", "other names of mailboxes",
	  OPTION(FORWARD) | OPTION(NO_FORWARD) | OPTION(JSON), 1, 3, alias_run },
	{ "rule", "add|rm|list sender|client [PATTERN]", "who may send",
	  OPTION(ALLOW) | OPTION(DENY) | OPTION(CODE) | OPTION(ENHANCED) | OPTION(TEXT) | OPTION(JSON), 2, 3, rule_run },
	{ "quota", "add|rm|list", "how much the whole database may hold",
	  OPTION(MAX_MESSAGES) | OPTION(MAX_OCTETS) | OPTION(JSON), 1, 1, quota_run },
	{ "rate", "add|rm|list [client|sender|total]", "how much may come in a time",
	  OPTION(WINDOW) | OPTION(MAX_MESSAGES) | OPTION(MAX_RECIPIENTS) | OPTION(MAX_OCTETS) | OPTION(JSON), 1, 2, rate_run },
	{ "explain", "", "what would be answered, and which row says so",
	  OPTION(FROM) | OPTION(TO) | OPTION(CLIENT) | OPTION(JSON), 0, 0, explain_run },
	{ "index", "", "make or go on with the index for search",
	  OPTION(REBUILD), 0, 0, index_run },
	{ "search", "WORD...", "mails that hold all these words, the best first",
	  OPTION(JSON), 1, -1, search_run },
	{ "stats", "", "how much there is",
	  OPTION(JSON) | OPTION(OPENMETRICS) | OPTION(PLOT), 0, 0, stats_run },
	{ "doctor", "", "what is wrong, and the command that mends it",
	  OPTION(JSON), 0, 0, doctor_run },
};
/* clang-format on */

static const size_t ncommands = sizeof commands / sizeof *commands;

enum {
	COMMAND_COLUMN = 26,
};

#define ALWAYS (OPTION(DATABASE) | OPTION(HELP))
#define GLOBAL (ALWAYS | OPTION(VERSION))

/*
 * Help
 */

static void
print_usage(const struct command *c)
{
	printf(
	    "smtpdb %s [options]%s%s", c->name, *c->args ? " " : "", c->args);
}

static int
help(void)
{
	puts("Usage: smtpdb [--database=PATH] COMMAND [options] [arguments]\n"
	     "Reads the mail table of smtpd.  See smtpdb(1).\n");
	for (size_t i = 0; i < ncommands; i++) {
		const struct command *c = &commands[i];
		int width =
		    printf("  %s%s%s", c->name, *c->args ? " " : "", c->args);

		if (width >= COMMAND_COLUMN) {
			putchar('\n');
			width = 0;
		}
		printf("%*s%s\n", COMMAND_COLUMN - width, "", c->help);
	}
	putchar('\n');
	options_print(GLOBAL);
	puts("\nsmtpdb COMMAND --help describes the command.");
	return smtpdb_flush();
}

static int
help_command(const struct command *c)
{
	fputs("Usage: ", stdout);
	print_usage(c);
	printf("\n\n  %s\n\n", c->help);
	options_print(c->options | ALWAYS);
	return smtpdb_flush();
}

/* For the shell's completion: the commands, or the options of one. */
static int
print_names(const struct command *c)
{
	if (c)
		options_print_names(c->options | ALWAYS);
	for (size_t i = 0; !c && i < ncommands; i++)
		puts(commands[i].name);
	return smtpdb_flush();
}

/*
 * Start
 */

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < ncommands; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int
run(struct smtpdb *t, const struct command *c)
{
	int status;

	if (t->nargs < c->min_args ||
	    (c->max_args >= 0 && t->nargs > c->max_args))
		return smtpdb_fail(EX_USAGE,
		    "%s takes %s; see smtpdb %s --help", c->name,
		    *c->args ? c->args : "no arguments", c->name);
	if (!cli_is_database(t->path))
		return smtpdb_fail(
		    EX_USAGE, "'%s': not the path of a database", t->path);
	status = c->run(t);
	if (status == EX_OK)
		status = smtpdb_flush();
	archive_free(t->archive);
	return status;
}

int
main(int argc, char **argv)
{
	struct smtpdb t = { .path = NULL };
	const struct command *c;
	int first = options_parse(argc, argv, GLOBAL, true, t.options);

	setlocale(LC_CTYPE, "");
	if (first < 0)
		return EX_USAGE;
	if (t.options[OPT_VERSION])
		return puts("smtpdb " VERSION), smtpdb_flush();
	if (t.options[OPT_HELP])
		return help();
	argc -= first;
	argv += first;
	if (argc == 0)
		return smtpdb_fail(
		    EX_USAGE, "which command?  See smtpdb --help");
	c = find_command(argv[0]);
	if (strcmp(argv[0], "complete") == 0)
		return print_names(argc > 1 ? find_command(argv[1]) : NULL);
	if (!c)
		return smtpdb_fail(
		    EX_USAGE, "'%s' is no command; see smtpdb --help", argv[0]);
	/* What stands behind deliver's command is the command's own. */
	first = options_parse(
	    argc, argv, c->options | ALWAYS, c->run == deliver_run, t.options);
	if (first < 0)
		return EX_USAGE;
	if (t.options[OPT_HELP])
		return help_command(c);
	t.args = argv + first;
	t.nargs = argc - first;
	t.path =
	    t.options[OPT_DATABASE] ? t.options[OPT_DATABASE] : cli_database();
	return run(&t, c);
}
