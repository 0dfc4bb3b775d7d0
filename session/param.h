/*
 * The parameters of MAIL and RCPT (RFC 5321 s. 4.1.1.11).  One table has those
 * that EHLO announces, the command each belongs to, and its rule.
 */
#ifndef PARAM_H
#define PARAM_H

#include "../mail/reply.h"
#include "../mail/span.h"

enum param_command {
	PARAM_MAIL = 1 << 0,
	PARAM_RCPT = 1 << 1,
};

/* What the client gave; p of a span is NULL where it gave none. */
struct params {
	const char *body_type;   /* BODY: a constant, "7BIT" if not given */
	const char *dsn_return;  /* RET: "FULL", "HDRS" or NULL */
	struct span envelope_id; /* ENVID */
	bool smtputf8;
	bool requiretls;
	uint64_t size; /* SIZE, in octets; 0 if not given */
	struct span notify;
	struct span orcpt;
};

/*
 * Reads `text`, all that follows the path; `in_tls`: it came inside TLS.
 * Returns REPLY_NONE, or the refusal
 * of the first parameter that is wrong.
 */
enum reply param_read(enum param_command command, bool in_tls, struct span text,
    struct params *ret);

/*
 * Is the path missing in `text`, which is empty or begins with a parameter, as
 * from scripts with an empty variable: "SIZE=1000", "ENVID=a@b", "SMTPUTF8"?  A
 * word with "=" is a parameter unless it also has an "@" and a keyword that
 * nobody has registered: "a=b@c".
 */
bool param_lacks_path(struct span text);

#endif
