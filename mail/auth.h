/*
 * What a session asks about AUTH (RFC 4954), and the answer; and both as
 * messages between a session and smtpd-auth.
 */
#ifndef MAIL_AUTH_H
#define MAIL_AUTH_H

#include "base64.h"
#include "pack.h"

enum {
	AUTH_NAME_MAX = 255,     /* octets of an account's name */
	AUTH_MECHANISM_MAX = 20, /* RFC 4422 s. 3.1 */
	AUTH_CHALLENGE_MAX = 1536,
	AUTH_MESSAGE_MAX = BASE64_LINE_MAX + 1024,
};

struct auth_step {
	/* A word of what is offered, to begin an exchange; p NULL: goes on. */
	struct span mechanism;
	/* Base64, in at most BASE64_LINE_MAX octets; p NULL: none yet. */
	struct span response;
};

enum auth_result {
	AUTH_MORE,      /* 334, with a challenge */
	AUTH_DONE,      /* 235 */
	AUTH_REFUSED,   /* 535: not these credentials */
	AUTH_MALFORMED, /* 501: not what the mechanism says */
	AUTH_TOO_OFTEN, /* 454: guesses, too many in a time */
	AUTH_TROUBLE,   /* 454: ours */
};

struct auth_answer {
	enum auth_result result;
	struct span challenge; /* base64, at most AUTH_CHALLENGE_MAX octets */
	struct span account;   /* that the client is, or tried to be */
	uint32_t wait_ms;      /* before the client is told */
};

/*
 * `subject` is of the client's certificate, from a session without a writer,
 * which would know it; p NULL: there is none.
 */
void auth_write_step(
    struct pack *m, const struct auth_step *step, struct span subject);
/* False: malformed.  What is read is lent from the message, in both. */
bool auth_read_step(
    struct unpack *m, struct auth_step *ret, struct span *ret_subject);

void auth_write_answer(struct pack *m, const struct auth_answer *a);
bool auth_read_answer(struct unpack *m, struct auth_answer *ret);

/* The name in a response of PLAIN, decoded.  False: it is none. */
bool auth_read_plain(struct span text, struct span *ret_name);

#endif
