/*
 * The rows that say what is accepted, which smtpd-db(5) describes: as a person
 * changes them, and what smtpd would answer by them.
 */
#ifndef READER_ARCHIVE_RULES_H
#define READER_ARCHIVE_RULES_H

#include "../policy.h"
#include "../archive.h"

enum archive_rules {
	RULES_DOMAIN,
	RULES_MAILBOX,
	RULES_ALIAS,
	RULES_SENDER,
	RULES_CLIENT,
	RULES__COUNT
};

enum {
	RULES_KEYS_MAX = 2,
	RULES_COLUMNS_MAX = 8,
};

/* The names of the columns, NULL at the end; the first ones are the key. */
const char *const *archive_rules_columns(enum archive_rules which);
int archive_rules_nkeys(enum archive_rules which);

/*
 * Makes the row, or changes it.  `values` has one for each column; NULL where
 * nothing is said of it.  Returns 1; 0: the row cannot be as it was to be,
 * archive_error() says why; or -1.
 */
int archive_rules_add(
    struct archive *a, enum archive_rules which, const char *const *values);
/* Deletes what has these keys (NULL: any).  Returns how many, or -1. */
int archive_rules_remove(
    struct archive *a, enum archive_rules which, const char *const *keys);

struct archive_table {
	char **cells; /* nrows times the columns; NULL for NULL */
	size_t nrows;
	size_t ncolumns;
};

/* All rows.  Returns 0 or -1.  `ret` is to be reset afterwards. */
int archive_rules_list(
    struct archive *a, enum archive_rules which, struct archive_table *ret);
void archive_table_reset(struct archive_table *t);

/*
 * The questions of store/policy.h, put to the database that the archive has
 * open; nothing is counted.
 */
enum store_result archive_ask_mail(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret);
enum store_result archive_ask_rcpt(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret);

#endif
