/*
 * What smtpdb says of an archive, for programs that show it in another form:
 * its commands, with --json.
 */
#ifndef READER_H
#define READER_H

/*
 * Runs the command of that name on standard output: stats, hours, doctor, or
 * the list of domain, mailbox, alias, sender, client, quota or rate.  Each line
 * is an object; those of metrics are OpenMetrics.  Returns its exit status; EX_USAGE: there is none of that name.
 */
int reader_tell(const char *database, const char *what);

#endif
