/*
 * Who may ask.  A browser sends what any page makes it send, so each request is
 * looked at: for whom it was meant (Host: another name may lead here by its
 * DNS), and which page has caused it (Origin, Sec-Fetch-Site).
 */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include "request.h"

/* False: `ret` says why not.  Fills what the request is to know of it. */
bool guard(struct request *r, struct response *ret);

#endif
