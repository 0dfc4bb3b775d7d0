/*
 * What is known of a session beside its client's address, and not from what the
 * client says: facts come from processes that the session cannot speak for.
 * smtpd-tls tells the writer what was negotiated, over a socket that the
 * listener gave it with the right to do so (server/introduce.h, mail/wire.h),
 * so a session that was taken over can claim none of them.
 *
 * A new fact is a constant here, its right where the listener grants it, and
 * its use where rows are written.
 */
#ifndef MAIL_FACTS_H
#define MAIL_FACTS_H

#include <stdbool.h>

#include "span.h"

enum fact {
	FACT_TLS,            /* version and cipher suite; "": no TLS */
	FACT_ACCOUNT,        /* that the client has proved it is */
	FACT_CLIENT_SUBJECT, /* of the certificate that the client proved */
	FACT__COUNT
};

enum {
	FACT_SIZE = 256, /* with NUL; what is longer is cut */
};

/* The right to tell a fact, as a bit of a mask. */
#define FACT_BIT(fact) (1u << (fact))

/* All "": nothing is known. */
struct facts {
	char text[FACT__COUNT][FACT_SIZE];
};

bool facts_has(const struct facts *f, enum fact fact);
/* The two words of FACT_TLS; empty where there is no TLS. */
struct span facts_tls_version(const struct facts *f);
const char *facts_cipher(const struct facts *f);
/*
 * Keeps printable UTF-8 (anything else is "?"), cut between two characters.
 */
void facts_set(struct facts *f, enum fact fact, struct span text);
/*
 * What this protocol is called with these facts; SMTP, which has no extensions,
 * stays SMTP.
 */
const char *facts_protocol(const struct facts *f, const char *protocol);
/* Those that the text of `from` has take the place of what `f` has. */
void facts_add(struct facts *f, const struct facts *from);
/*
 * A front speaks for a client that has proved this account; "": none.  What the
 * front's own certificate says is not the client's.  p NULL: nothing is said.
 */
void facts_take_login(struct facts *f, struct span login);

#endif
