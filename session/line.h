/*
 * What a command line looks like before anyone takes it for a command.  Some
 * lines must close the session although they cannot be run: behind a BDAT come
 * octets that are no commands, behind a request of HTTP come its fields.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>

#include "../mail/span.h"

/* Has it a control character?  TAB is white space, and none. */
bool line_has_control(struct span line);

/*
 * Could it be a BDAT that is not understood: for what stands in front of the
 * verb, for what stands behind it, or (`is_cut`) because only the beginning of
 * the line is known?
 */
bool line_may_be_bdat(struct span line, bool is_cut);

/* Is a quotation mark without its pair in it (RFC 5321 s. 4.1.2)? */
bool line_has_open_quote(struct span line);

/* Does it end as a request of HTTP does (RFC 9112 s. 3)? */
bool line_ends_in_http(struct span line);

/* Is its second word a path or a URL, as in a request of HTTP? */
bool line_has_target(struct span line);

#endif
