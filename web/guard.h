/*
 * Who may ask.  A browser sends what any page makes it send, so each request
 * is checked: for which host it was meant (Host: the DNS may lead another name
 * here), and which page has caused it (Origin, Sec-Fetch-Site).
 */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "request.h"

/*
 * Fills is_cross_site and consumer of the request.  False: `ret` says why not.
 */
bool guard(struct request *r, struct response *ret);

#endif
