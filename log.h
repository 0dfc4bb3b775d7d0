/*
 * The log: one line an event, to the journal, to syslog or to stderr.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <syslog.h> /* LOG_ERR and its like */

#include "span.h"

enum {
	LOG_QUOTED_MAX = 400, /* room for a quoted text, with its NUL */
};

/*
 * Chooses where lines go.  Under inetd stderr is the client's socket, as is
 * `connection` (-1: there is none); then it is syslog.
 */
void log_open(int connection);

__attribute__((format(printf, 2, 3))) void log_line(
    int priority, const char *format, ...);

/*
 * Quotes what a peer sent, so that no line of the log can be forged and no
 * terminal steered: in double quotes, with \xHH for every octet that is not
 * printable ASCII or UTF-8, cut off where `ret` is full.  Returns `ret`.
 */
const char *log_quote(struct span text, char ret[LOG_QUOTED_MAX]);

#endif
