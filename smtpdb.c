/*
 * smtpdb: finds the command and runs it.
 */
#include "reader/private.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli.h"
#include "clock.h"
#include "reader/complete.h"
#include "reader/options.h"
#include "version.h"

static int help_run(struct smtpdb *t);

/* clang-format off */
static const struct command commands[] = {
	{ "list", "", "one line for each mail",
	  OPTIONS_FILTER | OPTION(NUMBER) | OPTION(JSON), 0, 0, list_run },
	{ "watch", "", "new mails, a line for each as it comes",
	  OPTIONS_FILTER | OPTION(NUMBER) | OPTION(ONE) | OPTION(TIMEOUT) | OPTION(JSON), 0, 0, watch_run },
	{ "show", "ID...", "mails as a person reads them",
	  OPTION(HEADERS) | OPTION(HTML) | OPTION(JSON), 1, -1, show_run },
	{ "raw", "ID...", "mails as they are",
	  OPTION(DATA), 1, -1, raw_run },
	{ "extract", "ID [PART]", "a part to stdout, or all attachments to files",
	  OPTION(OUTPUT) | OPTION(DIRECTORY), 1, 2, extract_run },
	{ "index", "", "make or go on with the index for search",
	  OPTION(REBUILD), 0, 0, index_run },
	{ "search", "WORD...", "mails with all these words, the best first",
	  OPTION(JSON), 1, -1, search_run },
	{ "stats", "", "how much there is",
	  OPTION(JSON) | OPTION(OPENMETRICS) | OPTION(PLOT) | OPTION(TIMEOUT), 0, 0, stats_run },
	{ "doctor", "", "what is wrong, and the command that mends it",
	  OPTION(MILTER) | OPTION(POLICY) | OPTION(NEW_SCHEMA) | OPTION(JSON), 0, 0, doctor_run },
	{ "web", "[OPTIONS...]", "mail in a browser; see smtpdb-web --help",
	  0, 0, -1, web_run },
	{ "export", "[ID...]", "mails to files",
	  OPTION(MBOX) | OPTION(MAILDIR) | OPTION(EML) | OPTION(BARE) | OPTIONS_FILTER, 0, -1, export_run },
	{ "import", "", "mails from files",
	  OPTION(MBOX) | OPTION(MAILDIR) | OPTION(EML) | OPTION(SENDER) | OPTION(RECIPIENT), 0, 0, import_run },
	{ "copy", "FROM TO [ID]", "a database into another; - is a stream",
	  0, 2, 3, copy_run },
	{ "deliver", "[ID] [COMMAND...]", "mails to a command, until it has succeeded",
	  OPTION(NEW) | OPTION(CONSUMER) | OPTION(LEASE) | OPTION(LMTP) | OPTION(SENDMAIL) | OPTION(TIMEOUT), 0, -1, deliver_run },
	{ "rm", "ID...", "delete mails",
	  0, 1, -1, rm_run },
	{ "prune", "", "delete many mails",
	  OPTION(OLDER) | OPTION(KEEP) | OPTION(MAX_BYTES) | OPTION(HAD_BY) | OPTION(DRY_RUN) | OPTION(VACUUM), 0, 0, prune_run },
	{ "domain", "add|rm|list [NAME]", "the domains that mail is taken for",
	  OPTION(JSON), 1, 2, domain_run },
	{ "mailbox", "add|rm|list [ADDRESS]", "their mailboxes",
	  OPTION(STATE) | OPTION(MOVED_TO) | OPTION(QUOTA_MESSAGES) | OPTION(QUOTA_OCTETS) | OPTION(QUOTA_PERMANENT) | OPTION(AUTHENTICATED) | OPTION(JSON), 1, 2, mailbox_run },
	{ "alias", "add|rm|list [ADDRESS [TARGET]]", "other names of mailboxes",
	  OPTION(FORWARD) | OPTION(JSON), 1, 3, alias_run },
	{ "rule", "add|rm|list sender|client [PATTERN]", "who may send",
	  OPTION(ALLOW) | OPTION(CODE) | OPTION(ENHANCED) | OPTION(TEXT) | OPTION(AUTHENTICATED) | OPTION(JSON), 2, 3, rule_run },
	{ "quota", "add|rm|list", "how much the whole database may hold",
	  OPTION(MAX_MESSAGES) | OPTION(MAX_OCTETS) | OPTION(JSON), 1, 1, quota_run },
	{ "rate", "add|rm|list [client|sender|total|auth]", "how much may come in a time",
	  OPTION(WINDOW) | OPTION(MAX_MESSAGES) | OPTION(MAX_RECIPIENTS) | OPTION(MAX_OCTETS) | OPTION(JSON), 1, 2, rate_run },
	{ "account", "add|passwd|rm|list [NAME [ADDRESS...]]", "who may authenticate, and send as whom",
	  OPTION(CERTIFICATE) | OPTION(JSON), 1, -1, account_run },
	{ "explain", "", "what smtpd would answer, and which row says so",
	  OPTION(SENT_FROM) | OPTION(SENT_TO) | OPTION(CLIENT) | OPTION(ACCOUNT) | OPTION(MILTER) | OPTION(POLICY) | OPTION(JSON), 0, 0, explain_run },
	{ "help", "[COMMAND]", "this, or what a command takes",
	  0, 0, 1, help_run },
};
/* clang-format on */

static const size_t ncommands = sizeof commands / sizeof *commands;

/* The subsections of smtpdb(1). */
static const struct cli_heading headings[] = {
	{ "list", "Reading" },
	{ "export", "Files" },
	{ "deliver", "Handing on" },
	{ "rm", "Deleting" },
	{ "domain", "What is accepted" },
	{ "help", "Help" },
	{ NULL, NULL },
};

enum {
	/* Summaries begin behind "  account add|passwd|rm|list ...". */
	COMMAND_COLUMN = 33,
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

/*
 * Prints one line.  Arguments that are too long for the column are cut;
 * help_command() prints all of them.
 */
static void
print_summary(const struct command *c)
{
	int left = COMMAND_COLUMN - (int)strlen("  ") - (int)strlen(c->name) -
		   (int)strlen(" ");
	int len = (int)strlen(c->args);
	bool fits = len < left;

	if (!fits)
		len = (int)strcspn(c->args, " ");
	printf("  %s %.*s", c->name, len, c->args);
	printf("%-*s%s\n", left - len, fits ? "" : " ...", c->help);
}

static int
help(void)
{
	puts("Usage: smtpdb [--database=PATH] COMMAND [options] [arguments]\n"
	     "Reads the mail table of smtpd.  See smtpdb(1).");
	for (size_t i = 0; i < ncommands; i++) {
		cli_print_heading(headings, commands[i].name);
		print_summary(&commands[i]);
	}
	putchar('\n');
	options_print(GLOBAL);
	puts("\nsmtpdb help COMMAND describes the command.");
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

/*
 * Start
 */

/* Returns NULL, after telling so, if no command has that name. */
static const struct command *
find_command(const char *name)
{
	const char *names[sizeof commands / sizeof *commands + 1] = { NULL };
	const char *meant;

	for (size_t i = 0; i < ncommands; i++) {
		names[i] = commands[i].name;
		if (strcmp(names[i], name) == 0)
			return &commands[i];
	}
	meant = cli_nearest(name, names);
	if (meant)
		smtpdb_fail(
		    0, "'%s' is no command; did you mean %s?", name, meant);
	else
		smtpdb_fail(0, "'%s' is no command; see smtpdb --help", name);
	return NULL;
}

static int
help_run(struct smtpdb *t)
{
	const struct command *c;

	if (t->nargs == 0)
		return help();
	c = find_command(t->args[0]);
	return c ? help_command(c) : EX_USAGE;
}

/*
 * Parses the options of a command.  deliver runs another command, and what
 * stands behind the name of that one is its own; but options of deliver may
 * also follow the id of the mail.
 */
static int
parse(struct smtpdb *t, const struct command *c, int argc, char **argv)
{
	bool runs_another = c->run == deliver_run;
	uint64_t set = c->options | ALWAYS;
	int first = options_parse(argc, argv, set, runs_another, t->options);
	int more;
	char *id;

	if (first < 0 || first == argc || !runs_another || t->options[OPT_NEW])
		return first;
	id = argv[first];
	more = options_parse(argc - first, argv + first, set, true, t->options);
	if (more < 0)
		return -1;
	if (t->options[OPT_NEW])
		return smtpdb_fail(-1, "which mail?  Say ID, or --new");
	first += more - 1;
	argv[first] = id;
	return first;
}

/* Sets the deadline that --timeout gives; without it there is none. */
static int
read_timeout(struct smtpdb *t)
{
	int64_t seconds;
	int status;

	t->deadline_ms = INT64_MAX;
	if (!t->options[OPT_TIMEOUT])
		return EX_OK;
	status =
	    options_duration("--timeout", t->options[OPT_TIMEOUT], &seconds);
	if (status == EX_OK && seconds < INT64_MAX / 2000)
		t->deadline_ms = clock_ms() + seconds * 1000;
	return status;
}

static int
run(struct smtpdb *t, const struct command *c)
{
	int status;

	if (t->nargs < c->min_args ||
	    (c->max_args >= 0 && t->nargs > c->max_args))
		return smtpdb_fail(EX_USAGE, "%s takes %s; see smtpdb help %s",
		    c->name, *c->args ? c->args : "no arguments", c->name);
	if (c->run == copy_run) {
		t->path = copy_database(t);
		if (!t->path)
			return c->run(t);
	}
	if (!cli_is_database(t->path))
		return smtpdb_fail(
		    EX_USAGE, "'%s': not the path of a database", t->path);
	status = smtpdb_change_over(t);
	if (status == EX_OK)
		status = read_timeout(t);
	if (status == EX_OK)
		status = c->run(t);
	if (status == EX_OK)
		status = smtpdb_flush();
	if (t->archive && archive_is_torn(t->archive))
		status = smtpdb_fail(EX_TEMPFAIL,
		    "%s was written to meanwhile, and what was read may be "
		    "wrong: try again",
		    t->path);
	archive_free(t->archive);
	return status;
}

/* getopt(3) and parse() reorder argv; another program gets it as it was. */
static char **
copy_args(int argc, char **argv)
{
	char **copy = calloc((size_t)argc + 1, sizeof *copy);

	if (!copy)
		return argv;
	memcpy(copy, argv, (size_t)argc * sizeof *copy);
	return copy;
}

int
main(int argc, char **argv)
{
	/* Static, so that leak checkers find the copy when main() returns. */
	static struct smtpdb t;
	const struct command *c;
	int first;

	t.argv = copy_args(argc, argv);
	first = options_parse(argc, argv, GLOBAL, true, t.options);
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
	t.path =
	    t.options[OPT_DATABASE] ? t.options[OPT_DATABASE] : cli_database();
	if (strcmp(argv[0], "complete") == 0) {
		t.args = argv + 1;
		t.nargs = argc - 1;
		first = complete(&t, commands, ncommands, GLOBAL);
		archive_free(t.archive);
		return first;
	}
	c = find_command(argv[0]);
	if (!c)
		return EX_USAGE;
	if (c->run == web_run &&
	    !(argc == 2 && (strcmp(argv[1], "--help") == 0 ||
			       strcmp(argv[1], "-h") == 0))) {
		t.args = argv + 1;
		t.nargs = argc - 1;
		return web_run(&t);
	}
	first = parse(&t, c, argc, argv);
	if (first < 0)
		return EX_USAGE;
	if (t.options[OPT_HELP])
		return help_command(c);
	t.args = argv + first;
	t.nargs = argc - first;
	if (t.options[OPT_DATABASE])
		t.path = t.options[OPT_DATABASE];
	return run(&t, c);
}
