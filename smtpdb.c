/*
 * smtpdb: finds the command and runs it.
 */
#include "reader/smtpdb.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "reader/mime.h"
#include "reader/options.h"
#include "cli.h"
#include "version.h"

/* clang-format off */
static const struct command commands[] = {
	{ "list", "", "one line for each mail",
	  OPTIONS_FILTER | OPTION(NUMBER) | OPTION(JSON), 0, 0, list_run },
	{ "watch", "", "the same, as they come",
	  OPTIONS_FILTER | OPTION(NUMBER) | OPTION(JSON), 0, 0, watch_run },
	{ "show", "ID...", "mails as a person reads them",
	  OPTION(HEADERS) | OPTION(JSON), 1, -1, show_run },
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
	  OPTION(STATE) | OPTION(MOVED_TO) | OPTION(QUOTA_MESSAGES) | OPTION(QUOTA_OCTETS) | OPTION(QUOTA_PERMANENT) | OPTION(JSON), 1, 2, mailbox_run },
	{ "alias", "add|rm|list [ADDRESS [TARGET]]", "other names of mailboxes",
	  OPTION(FORWARD) | OPTION(JSON), 1, 3, alias_run },
	{ "rule", "add|rm|list sender|client [PATTERN]", "who may send",
	  OPTION(ALLOW) | OPTION(CODE) | OPTION(ENHANCED) | OPTION(TEXT) | OPTION(JSON), 2, 3, rule_run },
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
 * Messages
 */

int
smtpdb_fail(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("smtpdb: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

int
smtpdb_fail_errno(int status, const char *what)
{
	return smtpdb_fail(status, "%s: %s", what, strerror(errno));
}

static int
status_of(enum verdict result)
{
	switch (result) {
	case VERDICT_OK:
		return EX_OK;
	case VERDICT_BUSY:
	case VERDICT_FULL:
		return EX_TEMPFAIL;
	case VERDICT_NO_MEMORY:
		return EX_OSERR;
	case VERDICT_FAILED:
		return EX_IOERR;
	case VERDICT_TOO_BIG:
	case VERDICT_CORRUPT:
		return EX_DATAERR;
	case VERDICT_UNUSABLE:
		return EX_CONFIG;
	}
	return EX_SOFTWARE;
}

int
smtpdb_fail_archive(const struct smtpdb *t)
{
	return smtpdb_fail(status_of(archive_result(t->archive)), "%s",
	    archive_error(t->archive));
}

int
smtpdb_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	return smtpdb_fail_errno(EX_IOERR, "standard output");
}

/*
 * The database
 */

/*
 * A database that root makes must be smtpd's, who owns the folder; so root
 * makes it in the owner's name.  Returns whether that was begun.
 */
static bool
become_owner(const char *path)
{
	char folder[PATH_MAX];
	struct stat st;

	snprintf(folder, sizeof folder, "%s", path);
	return geteuid() == 0 && access(path, F_OK) < 0 &&
	       stat(dirname(folder), &st) == 0 && st.st_uid != 0 &&
	       setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0;
}

static enum verdict
open_archive(struct smtpdb *t)
{
	bool changed = become_owner(t->path);
	enum verdict result = archive_open(t->archive);

	if (changed && (seteuid(0) < 0 || setegid(0) < 0))
		abort(); /* who was root may become it again */
	return result;
}

int
smtpdb_open(struct smtpdb *t, bool make)
{
	if (t->archive)
		return EX_OK;
	if (!make && access(t->path, F_OK) < 0)
		return smtpdb_fail_errno(EX_NOINPUT, t->path);
	t->conf.path = t->path;
	t->conf.wait_ms = STORE_WAIT_MS;
	t->conf.holds = mime_holds;
	t->archive = archive_new(&t->conf);
	if (!t->archive)
		return smtpdb_fail_errno(EX_OSERR, "start");
	if (open_archive(t) != VERDICT_OK)
		return smtpdb_fail_archive(t);
	return EX_OK;
}

int
smtpdb_read(struct smtpdb *t, const char *arg, struct archive_mail *ret)
{
	int64_t id;
	int status = options_id(arg, &id);
	int found;

	if (status != EX_OK)
		return status;
	found = archive_read(t->archive, id, ret);
	if (found < 0)
		return smtpdb_fail_archive(t);
	if (found == 0)
		return smtpdb_fail(
		    EX_NOINPUT, "there is no mail %lld", (long long)id);
	return EX_OK;
}

int
smtpdb_each(struct smtpdb *t,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg)
{
	struct archive_mail mail = { 0 };
	int status = EX_OK;

	for (int i = 0; i < t->nargs && status == EX_OK; i++) {
		status = smtpdb_read(t, t->args[i], &mail);
		if (status == EX_OK)
			status = one(t, &mail, arg);
	}
	archive_mail_reset(&mail);
	return status;
}

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
	t.path = t.options[OPT_DATABASE] ? t.options[OPT_DATABASE]
					 : cli_database();
	return run(&t, c);
}
