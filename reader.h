/*
 * The commands of smtpdb that read, with --json, for programs that show their
 * output in another form.
 */
#ifndef READER_H
#define READER_H

/*
 * Runs the command `what` and prints its output on standard output: stats,
 * hours, metrics, doctor, or the list of domain, mailbox, alias, sender,
 * client, quota or rate.  Each line is a JSON object, but metrics prints
 * OpenMetrics.  Returns the command's exit status; EX_USAGE: no command has
 * that name.
 */
int reader_tell(const char *database, const char *what);

#endif
