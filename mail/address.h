/*
 * The envelope grammar of RFC 5321 s. 4.1.2 with RFC 6531's UTF-8: paths,
 * mailboxes, domains, address literals, ESMTP parameters and xtext.
 *
 * Every function takes a span and looks at nothing else; none allocates.
 * What is returned points into the span that was given.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include "span.h"

enum {
	ADDRESS_LOCAL_MAX = 64,   /* 5321 s. 4.5.3.1.1, octets */
	ADDRESS_DOMAIN_MAX = 255, /* 5321 s. 4.5.3.1.2 */
	ADDRESS_PATH_MAX = 256,   /* 5321 s. 4.5.3.1.3, with the brackets */
};

/* How much of what is on the wire, but in no RFC, is let through. */
enum address_mode {
	ADDRESS_STRICT, /* the grammar and nothing else */
	/*
	 * Also: blanks or a name before the path, blanks around what its
	 * brackets hold, a path without brackets (it then ends at a blank), a
	 * local part without a domain, or longer than ADDRESS_LOCAL_MAX, dots
	 * anywhere in an unquoted one ("local.@x"), "_" in domain labels.
	 */
	ADDRESS_LENIENT,
};

enum address_result {
	ADDRESS_OK,
	ADDRESS_BAD_SYNTAX,
	ADDRESS_BAD_UTF8,        /* not UTF-8 (RFC 3629) */
	ADDRESS_LOCAL_TOO_LONG,  /* over ADDRESS_LOCAL_MAX; only strict */
	ADDRESS_DOMAIN_TOO_LONG, /* over ADDRESS_DOMAIN_MAX, or a label over 63
				  */
	ADDRESS_PATH_TOO_LONG,   /* over ADDRESS_PATH_MAX, source route included
				  */
	ADDRESS__COUNT
};

/* A Reverse-path or Forward-path without its brackets and source route. */
struct address_path {
	struct span mailbox; /* as sent, case and quotes kept; len 0 for <> */
	struct span local;   /* the part before "@", quotes kept */
	struct span domain;  /* the part after "@"; len 0 where there is none */
	bool non_ascii;      /* needs SMTPUTF8 (RFC 6531 s. 3.3) */
};

/*
 * Reads one path from the front of `*text` and moves `*text` behind it, to
 * the blank or the end that follows.  `<>` and (whatever its case)
 * `<postmaster>` are read in both modes; whether they are allowed is the
 * caller's business.  A source route `<@a,@b:user@c>` must be well-formed;
 * it is dropped (RFC 5321 s. C, F.2).  On any result but ADDRESS_OK, `*text`
 * and `*ret` are unchanged.
 */
enum address_result address_read_path(
    struct span *text, enum address_mode mode, struct address_path *ret);

/*
 * Is it a Domain, or an address-literal as "[192.0.2.1]", "[IPv6:2001:db8::1]"
 * or "[tag:content]" (s. 4.1.3), which EHLO's argument must be?  Domains may
 * hold UTF-8 labels (RFC 6531 s. 3.3) of characters that can be seen
 * (codepoint.h).
 */
bool address_is_domain(struct span text, enum address_mode mode);

/* One esmtp-param, "KEYWORD" or "KEYWORD=value" (RFC 5321 s. 4.1.2). */
struct address_param {
	struct span keyword;
	struct span value; /* p is NULL where there was no "=" */
};

/*
 * Reads the next parameter from `*text`, skipping blanks before it, and moves
 * `*text` behind it.  Returns 1 when one was read, 0 at the end, -1 when what
 * stands there is none (`*text` is then unchanged).  A value may hold UTF-8
 * (RFC 6531 s. 3.3, 6533 s. 3), which is checked.
 */
int address_read_param(struct span *text, struct address_param *ret);

#endif
