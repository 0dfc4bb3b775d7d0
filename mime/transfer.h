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

/* Of a field Content-Transfer-Encoding. */
enum transfer transfer_find(struct span name);

/*
 * Decodes all of it, in pieces.  What is not of the encoding is passed over
 * (base64) or stays as it is (quoted-printable).
 */
bool transfer_decode(enum transfer way, struct span encoded, struct sink to);

#endif
