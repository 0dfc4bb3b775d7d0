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
 * stand.  What is encoded (RFC 2231 s. 4) goes before what is not.  `ret_label`
 * is the charset that it names, or empty.  False: there is no such parameter.
 */
bool param_octets(struct span value, const char *name, struct text *ret,
    struct text *ret_label, bool *ret_encoded);

/* The same as UTF-8, also where encoded words stand in it; NULL: none. */
char *param_text(struct span value, const char *name);

#endif
