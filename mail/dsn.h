/*
 * The values of the parameters of DSN (RFC 3461), and of others that are
 * written like them.
 */
#ifndef DSN_H
#define DSN_H

#include <stdbool.h>

#include "span.h"

enum {
	DSN_ORCPT_MAX = 500, /* 3461 s. 4.2, octets */
	DSN_ENVID_MAX = 100, /* 3461 s. 4.4 */
	DSN_AUTH_MAX = 500,  /* 4954 s. 3 (4) */
};

/* xtext, non-empty, as ENVID carries (RFC 3461 s. 4). */
bool dsn_is_xtext(struct span text);
/*
 * The address of AUTH: xtext, or one of those forms of RFC 6533 (RFC 4954 s. 5,
 * 6531 s. 3.4).
 */
bool dsn_is_auth(struct span text);
/*
 * addr-type ";" xtext, as ORCPT carries (RFC 3461 s. 4.2); with the type
 * "utf-8", RFC 6533's utf-8-addr-xtext or utf-8-addr-unitext.
 */
bool dsn_is_orcpt(struct span text);

#endif
