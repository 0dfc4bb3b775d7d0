/* The encodings that mail travels in (RFC 2045 s. 6, RFC 2047 s. 4). */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "text.h"

enum transfer {
	TRANSFER_NONE, /* 7bit, 8bit, binary, and what is not known */
	TRANSFER_BASE64,
	TRANSFER_QUOTED_PRINTABLE,
	TRANSFER_Q, /* of an encoded word */
	TRANSFER_UUENCODE,
};

/* What a field Content-Transfer-Encoding names. */
enum transfer transfer_find(struct span name);

/*
 * Decodes all of it, in pieces.  Octets that are not of the encoding are
 * passed over (base64) or stay as they are (quoted-printable).
 */
bool transfer_decode(enum transfer way, struct span encoded, struct sink to);

#endif
