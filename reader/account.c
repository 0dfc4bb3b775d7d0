/*
 * account: who may authenticate, by which password, and send as whom.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../mail/auth.h"
#include "../mail/utf8.h"
#include "../mime/json.h"
#include "columns.h"
#include "password.h"
#include "private.h"
#include "rule_values.h"

static int
check_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > AUTH_NAME_MAX ||
	    !utf8_is_printable(span_of(name)))
		return smtpdb_fail(EX_DATAERR,
		    "'%s': a name has 1 to %d octets of printable UTF-8", name,
		    AUTH_NAME_MAX);
	return EX_OK;
}

static int
check_patterns(char *const *patterns)
{
	int status = EX_OK;

	for (; *patterns && status == EX_OK; patterns++)
		status = rule_check_address(*patterns, true);
	return status;
}

/*
 * Opens the database and looks for the account.  EX_OK, or the status of an
 * error that was told.
 */
static int
look_up(struct smtpdb *t, const char *name, bool make, bool *ret_found)
{
	int status = smtpdb_open(t, make);
	int found;

	if (status != EX_OK)
		return status;
	found = archive_account_has(t->archive, name);
	*ret_found = found > 0;
	return found < 0 ? smtpdb_fail_archive(t) : EX_OK;
}

static int
put(struct smtpdb *t, const struct archive_account *a, char *const *patterns)
{
	int result = archive_account_put(t->archive, a, patterns);

	if (result < 0)
		return smtpdb_fail_archive(t);
	if (result == 0)
		return smtpdb_fail(EX_DATAERR,
		    "the table does not take this account; has another one "
		    "this certificate?");
	return EX_OK;
}

/*
 * A new account needs a password or a certificate.  One that is there keeps
 * its password.
 */
static int
add(struct smtpdb *t, const char *name, char *const *patterns)
{
	struct archive_account a = { .name = name,
		.subject = t->options[OPT_CERTIFICATE] };
	char verifier[PASSWORD_VERIFIER_SIZE];
	bool is_there = false;
	int status = check_name(name);

	if (status == EX_OK)
		status = check_patterns(patterns);
	if (status == EX_OK)
		status = look_up(t, name, true, &is_there);
	if (status == EX_OK && is_there && !*patterns && !a.subject)
		return smtpdb_fail(EX_DATAERR,
		    "there is '%s' already; smtpdb account passwd changes its "
		    "password",
		    name);
	if (status == EX_OK && !is_there && !a.subject) {
		status = password_read_verifier(name, verifier);
		a.verifier = verifier;
	}
	return status == EX_OK ? put(t, &a, patterns) : status;
}

static int
change_password(struct smtpdb *t, const char *name)
{
	static char *const no_patterns[] = { NULL };
	char verifier[PASSWORD_VERIFIER_SIZE];
	const struct archive_account a = { .name = name, .verifier = verifier };
	bool is_there = false;
	int status = look_up(t, name, false, &is_there);

	if (status == EX_OK && !is_there)
		return smtpdb_fail(EX_NOINPUT, "there is no '%s'", name);
	if (status == EX_OK)
		status = password_read_verifier(name, verifier);
	return status == EX_OK ? put(t, &a, no_patterns) : status;
}

static int
rm(struct smtpdb *t, const char *name, char *const *patterns)
{
	int status = smtpdb_open(t, false);
	int n;

	if (status != EX_OK)
		return status;
	n = archive_account_remove(t->archive, name, patterns);
	if (n < 0)
		return smtpdb_fail_archive(t);
	if (n == 0)
		return smtpdb_fail(EX_NOINPUT, "there is no '%s'%s", name,
		    *patterns ? " with that address" : "");
	return EX_OK;
}

/*
 * list
 */

struct listing {
	char **cells;
	size_t ncells;
};

static void
print_json(void *context, const char *const *row)
{
	struct json j = { 0 };

	(void)context;
	json_open(&j, NULL, '{');
	json_text(&j, "name", row[0]);
	json_bool(&j, "password", row[1] != NULL);
	json_text(&j, "certificate", row[2]);
	json_text(&j, "addresses", row[3]);
	json_close(&j, '}');
}

static void
add_cells(void *context, const char *const *row)
{
	struct listing *l = context;
	size_t n = l->ncells + ARCHIVE_ACCOUNT_COLUMNS;
	char **more = realloc(l->cells, n * sizeof *more);

	if (!more)
		return;
	l->cells = more;
	for (int i = 0; i < ARCHIVE_ACCOUNT_COLUMNS; i++)
		more[l->ncells++] = strdup(row[i]   ? row[i]
					   : i == 1 ? "no"
						    : "-");
}

static int
list(struct smtpdb *t)
{
	static const struct column columns[ARCHIVE_ACCOUNT_COLUMNS] = {
		{ "ACCOUNT", false },
		{ "PASSWORD", false },
		{ "CERTIFICATE", false },
		{ "SENDS AS", false },
	};
	struct listing l = { .cells = NULL };
	bool is_json = t->options[OPT_JSON];
	int status = smtpdb_open(t, false);

	if (status != EX_OK)
		return status;
	if (archive_account_list(
		t->archive, is_json ? print_json : add_cells, &l) < 0)
		status = smtpdb_fail_archive(t);
	else if (!is_json)
		columns_print(columns, ARCHIVE_ACCOUNT_COLUMNS, l.cells,
		    l.ncells / ARCHIVE_ACCOUNT_COLUMNS);
	while (l.ncells > 0)
		free(l.cells[--l.ncells]);
	free(l.cells);
	return status;
}

int
account_run(struct smtpdb *t)
{
	const char *verb = t->args[0], *name = t->args[1];
	char **patterns = t->nargs > 1 ? t->args + 2 : t->args + 1;

	if (strcmp(verb, "list") == 0 && !name)
		return list(t);
	if (name && strcmp(verb, "add") == 0)
		return add(t, name, patterns);
	if (name && strcmp(verb, "passwd") == 0 && !*patterns)
		return change_password(t, name);
	if (name && strcmp(verb, "rm") == 0)
		return rm(t, name, patterns);
	return smtpdb_fail(EX_USAGE,
	    "say account add NAME [ADDRESS...], passwd NAME, rm NAME "
	    "[ADDRESS...] or list");
}
