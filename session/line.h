/*
 * What a line looks like before it is run as a command.  Some lines close the
 * session although they cannot be run: what follows a malformed BDAT are octets
 * and no commands, and what follows a request of HTTP or the start of TLS is
 * what a page has a browser say.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>

#include "../mail/span.h"

/*
 * Cuts off the password that AUTH may have behind its mechanism, or in its
 * place.
 */
struct span line_to_show(struct span line);

/* Does it have a control character?  TAB counts as white space. */
bool line_has_control(struct span line);

/*
 * Could the line be a malformed BDAT: with octets in front of the verb or
 * behind it, or (`is_cut`) with an end that was not kept?
 */
bool line_may_be_bdat(struct span line, bool is_cut);

/* Does a quoted string in it have no end (RFC 5321 s. 4.1.2)? */
bool line_has_open_quote(struct span line);

/*
 * Does it end like a request line of HTTP (RFC 9112 s. 3), or of a protocol
 * that is written alike?
 */
bool line_ends_as_request(struct span line);
/* Does it begin a handshake of TLS (RFC 8446 s. 5.1)? */
bool line_begins_tls(struct span line);

/* Is its second word a path or URL, as in a request line of HTTP? */
bool line_has_target(struct span line);

#endif
