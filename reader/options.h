/*
 * The options of all commands in one table, from which come what getopt_long()
 * wants and what --help prints; and the values of options and arguments.
 */
#ifndef READER_OPTIONS_H
#define READER_OPTIONS_H

#include "../mail/ip.h"
#include "private.h"

/*
 * Reads the options of the set; stops at the first argument when `in_order`.
 * Returns the index of the first argument, or -1 after telling why.
 */
int options_parse(int argc, char **argv, uint64_t set, bool in_order,
    const char **ret_values);
/* One line or more for each option of the set. */
void options_print(uint64_t set);
/* The same as names, for shells: "--json", "--number=". */
void options_print_names(uint64_t set, const char *prefix);
/*
 * Which option of the set a word is, "-n", "--number" or "--number=5", and
 * whether the next word is its value.  OPT__COUNT: none.
 */
enum smtpdb_option options_find(
    uint64_t set, const char *word, bool *ret_wants_next);

/*
 * Each reads a text as a person writes it, writes `*ret` and returns EX_OK;
 * or says what is wrong with `what`, and returns EX_USAGE.
 */

/*
 * Mails: "5", "5-9", "last" for the newest that there is, or "5-last".
 */
enum {
	OPTIONS_LAST = 0, /* the id of no mail */
};
struct ids {
	int64_t first, last;
};
int options_ids(const char *text, struct ids *ret);
int options_number(const char *what, const char *text, int64_t *ret);
/* Octets: "10", "10K", "5M", "1G", in powers of 1024. */
int options_size(const char *what, const char *text, int64_t *ret);
/* Seconds: "90", "90s", "30m", "12h", "7d", "2w", "1y" of 365 days. */
int options_duration(const char *what, const char *text, int64_t *ret);

/*
 * "192.0.2.1", "2001:db8::/32" or "local" as smtpd writes addresses, without
 * bits behind the prefix: what is compared is text.
 */
int options_network(const char *given, char ret[IP_TEXT_SIZE]);

/* Are --milter and --policy lists of addresses? */
int options_check_filters(struct smtpdb *t);

/* Fills the filter from --from and its like. */
int options_filter(struct smtpdb *t, struct archive_filter *ret);
#define OPTIONS_FILTER                                                         \
	(OPTION(FROM) | OPTION(TO) | OPTION(SUBJECT) | OPTION(MAILBOX) |       \
	    OPTION(SINCE) | OPTION(UNTIL) | OPTION(LARGER) |                   \
	    OPTION(QUARANTINED))

#endif
