#include "complete.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "options.h"
#include "terminal.h"

enum {
	IDS_MAX = 20, /* ids that are offered */
	GIVEN_MAX = 4,
};

/* What a word can be. */
enum kind {
	KIND_NONE,
	KIND_FILES,
	KIND_FOLDERS,
	KIND_COMMANDS, /* of the system */
	KIND_OURS,     /* commands of smtpdb */
	KIND_IDS,
	KIND_VERBS,
	KIND_ACCOUNT_VERBS,
	KIND_ACCOUNTS,
	KIND_SCOPES,
	KIND_RULES,
	KIND_STATES,
	KIND_CONSUMERS,
	KIND_DOMAINS,
	KIND_MAILBOXES,
	KIND_ALIASES,
	KIND_TARGETS,
	KIND_SENDERS,
	KIND_CLIENTS,
};

/* clang-format off */
static const struct {
	enum kind kind;
	const char *words[6];
} word_lists[] = {
	{ KIND_VERBS,  { "add", "rm", "list" } },
	{ KIND_SCOPES, { "client", "sender", "total", "auth" } },
	{ KIND_ACCOUNT_VERBS, { "add", "passwd", "rm", "list" } },
	{ KIND_RULES,  { "sender", "client" } },
	{ KIND_STATES, { "open", "disabled", "busy", "not-allowed", "moved", "none" } },
};

static const struct {
	enum kind kind;
	enum archive_rules table;
	size_t column;
} tables[] = {
	{ KIND_DOMAINS,   RULES_DOMAIN,  0 },
	{ KIND_MAILBOXES, RULES_MAILBOX, 0 },
	{ KIND_ALIASES,   RULES_ALIAS,   0 },
	{ KIND_TARGETS,   RULES_ALIAS,   1 },
	{ KIND_SENDERS,   RULES_SENDER,  0 },
	{ KIND_CLIENTS,   RULES_CLIENT,  0 },
};

static const struct {
	enum smtpdb_option option;
	enum kind kind;
} values[] = {
	{ OPT_DATABASE,  KIND_FILES },
	{ OPT_OUTPUT,    KIND_FILES },
	{ OPT_DIRECTORY, KIND_FOLDERS },
	{ OPT_MBOX,      KIND_FILES },
	{ OPT_MAILDIR,   KIND_FOLDERS },
	{ OPT_EML,       KIND_FILES },
	{ OPT_PLOT,      KIND_FILES },
	{ OPT_LMTP,      KIND_FILES },
	{ OPT_MAILBOX,   KIND_MAILBOXES },
	{ OPT_MOVED_TO,  KIND_MAILBOXES },
	{ OPT_RECIPIENT, KIND_MAILBOXES },
	{ OPT_STATE,     KIND_STATES },
	{ OPT_ACCOUNT,   KIND_ACCOUNTS },
	{ OPT_CONSUMER,  KIND_CONSUMERS },
	{ OPT_HAD_BY,    KIND_CONSUMERS },
};

/*
 * What stands at each place of a command's arguments; with `after`, only if
 * that word was given before.
 */
static const struct {
	const char *command;
	int place;
	bool and_on; /* also at all places behind it */
	const char *after;
	enum kind kind;
} places[] = {
	{ "show",     0, true,  NULL,     KIND_IDS },
	{ "raw",      0, true,  NULL,     KIND_IDS },
	{ "extract",  0, false, NULL,     KIND_IDS },
	{ "export",   0, true,  NULL,     KIND_IDS },
	{ "rm",       0, true,  NULL,     KIND_IDS },
	{ "copy",     0, false, NULL,     KIND_FILES },
	{ "copy",     1, false, NULL,     KIND_FILES },
	{ "deliver",  0, false, NULL,     KIND_IDS },
	{ "deliver",  1, false, NULL,     KIND_COMMANDS },
	{ "deliver",  2, true,  NULL,     KIND_FILES },
	{ "help",     0, false, NULL,     KIND_OURS },
	{ "domain",   0, false, NULL,     KIND_VERBS },
	{ "domain",   1, false, "rm",     KIND_DOMAINS },
	{ "mailbox",  0, false, NULL,     KIND_VERBS },
	{ "mailbox",  1, false, "add",    KIND_MAILBOXES },
	{ "mailbox",  1, false, "rm",     KIND_MAILBOXES },
	{ "alias",    0, false, NULL,     KIND_VERBS },
	{ "alias",    1, false, "add",    KIND_ALIASES },
	{ "alias",    1, false, "rm",     KIND_ALIASES },
	{ "alias",    2, false, "add",    KIND_MAILBOXES },
	{ "alias",    2, false, "rm",     KIND_TARGETS },
	{ "rule",     0, false, NULL,     KIND_VERBS },
	{ "rule",     1, false, NULL,     KIND_RULES },
	{ "rule",     2, false, "sender", KIND_SENDERS },
	{ "rule",     2, false, "client", KIND_CLIENTS },
	{ "account",  0, false, NULL,     KIND_ACCOUNT_VERBS },
	{ "account",  1, false, "add",    KIND_ACCOUNTS },
	{ "account",  1, false, "passwd", KIND_ACCOUNTS },
	{ "account",  1, false, "rm",     KIND_ACCOUNTS },
	{ "account",  2, true,  "add",    KIND_MAILBOXES },
	{ "quota",    0, false, NULL,     KIND_VERBS },
	{ "rate",     0, false, NULL,     KIND_VERBS },
	{ "rate",     1, false, "add",    KIND_SCOPES },
	{ "rate",     1, false, "rm",     KIND_SCOPES },
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct completion {
	struct smtpdb *t;
	const struct command *commands;
	size_t ncommands;
	const struct command *command; /* NULL: not given yet */
	const char *word;              /* to be completed */
	const char *lead;              /* what stands before it: "--state=" */
	enum smtpdb_option option;     /* whose value it is; OPT__COUNT: none */
	const char *given[GIVEN_MAX];  /* the first arguments before it */
	int ngiven;
	int nargs;    /* all of them */
	bool is_lost; /* no command has that name */
};

static void
offer(const struct completion *c, const char *word)
{
	if (strncmp(word, c->word, strlen(c->word)) != 0)
		return;
	fputs(c->lead, stdout);
	terminal_print(span_of(word), TERMINAL_LINE);
	putchar('\n');
}

static bool
is_open(struct smtpdb *t)
{
	return smtpdb_open(t, false) == EX_OK;
}

static void
offer_column(
    const struct completion *c, enum archive_rules table, size_t column)
{
	struct archive_table rows;

	if (!is_open(c->t))
		return;
	if (archive_rules_list(c->t->archive, table, &rows) == 0) {
		for (size_t i = 0; i < rows.nrows; i++) {
			const char *cell =
			    rows.cells[i * rows.ncolumns + column];

			if (cell)
				offer(c, cell);
		}
	}
	archive_table_reset(&rows);
}

static void
offer_consumers(const struct completion *c)
{
	char *names = is_open(c->t) ? archive_consumers(c->t->archive) : NULL;

	for (char *rest = names, *name; (name = strsep(&rest, "\n"));)
		offer(c, name);
	free(names);
}

static void
offer_account(void *context, const char *const *row)
{
	offer(context, row[0]);
}

static void
offer_ids(const struct completion *c)
{
	const struct archive_filter all = { 0 };
	struct archive_page page = { .nrows = 0 };

	offer(c, "last");
	if (!is_open(c->t) ||
	    archive_list_newest(c->t->archive, &all, IDS_MAX, &page) < 0)
		return;
	for (size_t i = page.nrows; i-- > 0;) {
		char id[24];

		snprintf(id, sizeof id, "%lld", (long long)page.rows[i].id);
		offer(c, id);
	}
	archive_page_reset(&page);
}

static void
offer_kind(const struct completion *c, enum kind kind)
{
	for (size_t i = 0; i < COUNT(word_lists); i++) {
		if (word_lists[i].kind != kind)
			continue;
		for (size_t n = 0;
		     n < COUNT(word_lists[i].words) && word_lists[i].words[n];
		     n++)
			offer(c, word_lists[i].words[n]);
	}
	for (size_t i = 0; i < COUNT(tables); i++) {
		if (tables[i].kind == kind)
			offer_column(c, tables[i].table, tables[i].column);
	}
	if (kind == KIND_FILES)
		puts(":files");
	if (kind == KIND_FOLDERS)
		puts(":folders");
	if (kind == KIND_COMMANDS)
		puts(":commands");
	if (kind == KIND_IDS)
		offer_ids(c);
	if (kind == KIND_CONSUMERS)
		offer_consumers(c);
	if (kind == KIND_ACCOUNTS && is_open(c->t))
		archive_account_list(c->t->archive, offer_account, (void *)c);
	for (size_t i = 0; kind == KIND_OURS && i < c->ncommands; i++)
		offer(c, c->commands[i].name);
}

static void
offer_value(const struct completion *c, enum smtpdb_option option)
{
	for (size_t i = 0; i < COUNT(values); i++) {
		if (values[i].option == option)
			offer_kind(c, values[i].kind);
	}
}

static bool
is_given(const struct completion *c, const char *word)
{
	for (int i = 0; i < c->ngiven; i++) {
		if (strcmp(c->given[i], word) == 0)
			return true;
	}
	return false;
}

static void
offer_argument(const struct completion *c)
{
	const char *command = c->command->name;
	int place = c->nargs;

	/* With --new no id of a mail is given. */
	if (strcmp(command, "deliver") == 0 && c->t->options[OPT_NEW])
		place++;
	for (size_t i = 0; i < COUNT(places); i++) {
		if (strcmp(places[i].command, command) == 0 &&
		    (places[i].place == place ||
			(places[i].and_on && places[i].place < place)) &&
		    (!places[i].after || is_given(c, places[i].after))) {
			offer_kind(c, places[i].kind);
			return;
		}
	}
}

/* Options, or the value of one behind its "=". */
static void
offer_option(struct completion *c, uint64_t set)
{
	const char *equals = strchr(c->word, '=');
	char *lead;
	bool wants_next;

	if (!equals) {
		options_print_names(set, c->word);
		return;
	}
	lead = strndup(c->word, (size_t)(equals - c->word) + 1);
	if (!lead)
		return;
	lead[equals - c->word] = '\0';
	c->option = options_find(set, lead, &wants_next);
	lead[equals - c->word] = '=';
	c->lead = lead;
	c->word = equals + 1;
	offer_value(c, c->option);
	free(lead);
}

/* Takes a word that stands before the one to be completed. */
static void
take(struct completion *c, const char *word, uint64_t set)
{
	bool wants_next = false;

	if (c->option != OPT__COUNT) { /* its value */
		c->t->options[c->option] = word;
		c->option = OPT__COUNT;
	} else if (word[0] == '-' && word[1] != '\0') {
		enum smtpdb_option option =
		    options_find(set, word, &wants_next);
		const char *equals = strchr(word, '=');

		if (wants_next)
			c->option = option;
		else if (option != OPT__COUNT)
			c->t->options[option] = equals ? equals + 1 : "";
	} else if (!c->command) {
		for (size_t i = 0; i < c->ncommands; i++) {
			if (strcmp(c->commands[i].name, word) == 0)
				c->command = &c->commands[i];
		}
		c->is_lost = !c->command;
	} else {
		if (c->ngiven < GIVEN_MAX)
			c->given[c->ngiven++] = word;
		c->nargs++;
	}
}

/* Messages would appear in the line that somebody is typing. */
static void
be_quiet(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDERR_FILENO);
	close(null);
}

int
complete(struct smtpdb *t, const struct command *commands, size_t ncommands,
    uint64_t global)
{
	struct completion c = {
		.t = t,
		.commands = commands,
		.ncommands = ncommands,
		.word = t->nargs > 0 ? t->args[t->nargs - 1] : "",
		.lead = "",
		.option = OPT__COUNT,
	};
	uint64_t set = global;

	be_quiet();
	for (int i = 0; i < t->nargs - 1; i++) {
		take(&c, t->args[i], set);
		if (c.command)
			set = c.command->options | OPTION(DATABASE) |
			      OPTION(HELP);
	}
	if (t->options[OPT_DATABASE])
		t->path = t->options[OPT_DATABASE];
	if (c.is_lost || smtpdb_change_over(t) != EX_OK)
		return EX_OK;
	if (c.option != OPT__COUNT)
		offer_value(&c, c.option);
	else if (c.word[0] == '-')
		offer_option(&c, set);
	else if (!c.command)
		offer_kind(&c, KIND_OURS);
	else
		offer_argument(&c);
	return smtpdb_flush();
}
