/*
 * What dump.c writes and load.c reads: all rows of a database, as a text of
 * values.
 *
 *	smtpd-copy 4            a line: the version of the tables
 *	7:message,2:17,...      a row: the table's name, then all of its columns
 *	4:page,                 all rows of the mails so far have come
 *	5:rules,                from here on the rows are those of other tables
 *	5:given,6:domain,2:12,  the highest id that a table has given
 *	3:end,
 *
 * A value is its length, a colon, its octets and a comma; NULL is "-,".  Line
 * ends may stand between values.  Mails come in the order of their ids, each
 * before its rows in other tables.  The data of the last mail of a page may be
 * of any length.
 */
#ifndef ARCHIVE_COPY_H
#define ARCHIVE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define COPY_HEAD "smtpd-copy %d\n"

enum copy_kind {
	COPY_INTEGER,
	COPY_TEXT,
	COPY_OCTETS,
	COPY_VALUE, /* of filter_change; SQLite stores text as text */
};

enum {
	COPY_COLUMNS_MAX = 28,
	COPY_KEYS_MAX = 2,
	/* A mail of more is written and read piece by piece. */
	COPY_SMALL_OCTETS = 64 * 1024,
	COPY_WORD_SIZE = 32, /* of a name, with its NUL */
};

struct copy_table {
	const char *name;
	/* The columns of the key, by which the rows are sorted. */
	const char *keys[COPY_KEYS_MAX];
	bool gives_ids;
	struct copy_column {
		const char *name; /* NULL: there are no more */
		enum copy_kind kind;
	} columns[COPY_COLUMNS_MAX + 1];
};

/* In the order in which they are copied. */
enum copy_which {
	COPY_MESSAGE,
	COPY_RECIPIENT,
	COPY_FILTER_CHANGE,
	COPY_RULES, /* the first of those that are copied whole */
	COPY__TABLES = 15,
};

extern const struct copy_table copy_tables[COPY__TABLES];

/* copy_input.c: reading.  The archive keeps the cause of a failure. */

struct archive;

/* The memory is kept for the next value. */
struct copy_value {
	char *p; /* with a NUL behind it */
	size_t len, room;
	bool is_null;
};

struct copy_input {
	struct archive *a;
	FILE *from;
	struct copy_value word; /* the last name that was read */
};

/* Each keeps the cause and returns -1. */
__attribute__((format(printf, 2, 3))) int copy_fail(
    struct copy_input *in, const char *format, ...);
int copy_fail_input(struct copy_input *in);

/* 0 or -1. */
int copy_read_word(struct copy_input *in, char ret[COPY_WORD_SIZE]);
int copy_read_value(struct copy_input *in, struct copy_value *v);
/*
 * The same in steps.  Reads up to the colon: 1; 0: the value is NULL, and
 * complete; or -1.
 */
int copy_read_length(struct copy_input *in, uint64_t *ret);
/* Reads all octets and the comma. */
int copy_read_rest(struct copy_input *in, struct copy_value *v, uint64_t len);
/* Reads some of the octets; and the comma. */
int copy_read_octets(struct copy_input *in, char *to, size_t len);
int copy_read_comma(struct copy_input *in);

#endif
