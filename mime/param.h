/* Content-Type, Content-Disposition and their parameters (RFC 2045, 2231). */
#ifndef PARAM_H
#define PARAM_H

#include "text.h"

enum {
	PARAM_TYPE_MAX = 128,
};

/* "text/plain", in lower case.  False: the value is no media type. */
bool param_type(struct span value, char ret[PARAM_TYPE_MAX]);

/*
 * The octets of the parameter: its pieces put together, in whatever order they
 * stand.  Pieces and encoded values (RFC 2231) go before a plain one.
 * `ret_label` is the charset that the value names, or empty.  False: there is
 * no such parameter.
 */
bool param_octets(struct span value, const char *name, struct text *ret,
    struct text *ret_label, bool *ret_encoded);

/* The same as UTF-8, to be freed, with encoded words decoded; NULL: none. */
char *param_text(struct span value, const char *name);

#endif
