/* What smtpd and smtpdb have in common on their command lines. */
#ifndef USAGE_H
#define USAGE_H

#include <stdbool.h>

/*
 * Where the database is if nobody says it: $SMTPD_DATABASE, or mail.db in
 * $STATE_DIRECTORY (systemd.exec(5)) or in /var/lib/smtpd.
 */
const char *usage_database(void);

/* False: SQLite would take it for a database that is gone when it closes. */
bool usage_is_database(const char *path);

/*
 * Prints an option's lines of the help: `letter` 0 and `value` NULL where there
 * are none; `help`, whose lines end with "\n", begins in that column.
 */
void usage_print(int letter, const char *name, const char *value,
    const char *help, int column);

#endif
