/*
 * Who may ask.  A browser sends what any page makes it send, so each request
 * is checked: for which host it was meant (Host: the DNS may lead another name
 * here), and which page has caused it (Origin, Sec-Fetch-Site).
 */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "request.h"

/*
 * To be called before the body comes.  Is the header such that nobody before us
 * can have read another request in it (RFC 9112 s. 11.2)?  False: `ret` says
 * why not.
 */
bool guard_header(const struct request *r, struct response *ret);
/*
 * Fills is_cross_site and consumer of the request.  False: `ret` says why not.
 */
bool guard(struct request *r, struct response *ret);

#endif
