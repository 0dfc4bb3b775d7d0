/*
 * One SMTP session as a machine: it takes octets, gives octets, and returns
 * events for what needs the world.  It does no I/O and reads no clock,
 * environment or random source (`make lint` checks that), so a test can play
 * any disk and any client.
 *
 *	session_next() says what the caller must do.  The caller does it,
 *	reports back with the function named beside the event, and asks again.
 *
 * Spans and pointers that the session lends are valid until the next call of
 * session_next().
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/auth.h"
#include "mail/envelope.h"
#include "mail/question.h"
#include "mail/span.h"
#include "mail/verdict.h"

struct session;

enum session_auth {
	SESSION_AUTH_NONE,  /* there is no AUTH (RFC 4954) */
	SESSION_AUTH_ASK,   /* the caller checks who the client is */
	SESSION_AUTH_CLAIM, /* whatever the client says is taken, as a claim */
};

struct session_conf {
	const char *hostname; /* in the greeting and the replies */
	const char *version;  /* for HELP STATUS */
	uint64_t max_size;    /* octets of a mail */
	unsigned max_recipients;
	unsigned max_errors; /* 5yz replies, then 421 */
	bool strict;         /* refuse what only lenient readers take */
	bool rfc821;         /* SEND, SOML, SAML */
	bool vrfy;           /* ask about VRFY and EXPN */
	bool lmtp;           /* RFC 2033, instead of SMTP */
	bool any_line_end;   /* LF alone ends a line: the input is a file */
	enum session_auth auth;
	/* With SESSION_AUTH_ASK, until session_offer_auth(). */
	const char *auth_mechanisms;
	/* These may still change before the first session_next(). */
	bool starttls; /* offer STARTTLS (RFC 3207) */
	bool in_tls;   /* the connection is inside TLS from the beginning */
	bool xclient;  /* offered, until session_offer_xclient() */
};

enum session_event {
	SESSION_READ,  /* session_feed(), or session_end() */
	SESSION_WRITE, /* send session_output(), then session_sent() */
	SESSION_ASK,   /* answer session_question() by session_answer() */
	SESSION_BODY,  /* append session_body() to the mail */
	SESSION_STORE, /* commit session_envelope(), then session_stored() */
	SESSION_DROP,  /* forget what was appended, if anything was */
	/* Answer session_auth_step() by session_auth_answer(). */
	SESSION_AUTHENTICATE,
	/*
	 * Let the client begin TLS, then session_secured(); or, if that fails,
	 * session_end().
	 */
	SESSION_START_TLS,
	SESSION_CLIENT, /* session_client(), then session_take_client() */
	SESSION_REPORT, /* a command was refused: session_refusal(), to log */
	SESSION_CLOSE,  /* nothing is left to do */
};

/* Why the session ends before the client says QUIT. */
enum session_end {
	SESSION_EOF,      /* the client is gone: no reply */
	SESSION_TIMEOUT,  /* the client was silent for too long: 421 4.4.2 */
	SESSION_EXPIRED,  /* the session took too long: 421 4.4.2 */
	SESSION_CROWDED,  /* others want its place: 421 4.7.0 */
	SESSION_SHUTDOWN, /* the server stops: 421 4.3.2 */
};

struct session_refusal {
	int code;            /* 4yz or 5yz */
	struct span command; /* the line refused, or "" for no command at all */
	struct span reply;   /* its first line, with the code, without CRLF */
};

struct session_counts {
	unsigned commands, errors, mails, recipients;
	uint64_t octets; /* of stored mails */
};

/*
 * Starts a session; the first event is the greeting's SESSION_WRITE.  `conf`
 * and its strings are borrowed for the session's life.  NULL: no memory.
 */
struct session *session_new(const struct session_conf *conf);
void session_free(struct session *s);

enum session_event session_next(struct session *s);

/*
 * Lends `len` > 0 octets from the client.  How input is cut carries no meaning.
 * Only after SESSION_READ.  `buf` must not change until the next SESSION_READ
 * or SESSION_CLOSE.
 */
void session_feed(struct session *s, const char *buf, size_t len);
/*
 * Says that no more input will come, and why.  Only after SESSION_READ or
 * SESSION_START_TLS.  The session gives up the mail begun, as it does when it
 * closes.
 */
void session_end(struct session *s, enum session_end why);

struct span session_output(const struct session *s);
/* Says that `len` octets of session_output() were sent. */
void session_sent(struct session *s, size_t len);

const struct question *session_question(const struct session *s);
/* Lends the answer until the next event that reads, asks or closes. */
void session_answer(struct session *s, const struct answer *answer);

/*
 * AUTH, with SESSION_AUTH_ASK.  Any answer but AUTH_MORE ends an exchange, and
 * so does another AUTH.
 */
struct auth_step session_auth_step(const struct session *s);
/* `challenge` is for AUTH_MORE. */
void session_auth_answer(
    struct session *s, enum auth_result result, struct span challenge);
/*
 * Offers these mechanisms from now on.  They are separated by blanks and
 * borrowed for the session's life.  NULL offers none, as without encryption
 * (538).
 */
void session_offer_auth(struct session *s, const char *mechanisms);

/*
 * Offers XCLIENT and XFORWARD to a peer that is trusted to say who its client
 * is, or takes that back, also between SESSION_CLIENT and the answer to it.
 * False: there is no memory, and it is not offered.
 */
bool session_offer_xclient(struct session *s, bool offered);
/* What it said, lent; what it did not say is NULL, or -1. */
struct session_client {
	const char *address; /* to be checked; "": it has none */
	const char *login;   /* "": none */
	int port;            /* 0: unknown */
	bool forwarded;      /* XFORWARD: the front goes on to speak */
};
struct session_client session_client(const struct session *s);
/*
 * With REPLY_NONE, the session continues with that client; else this is why it
 * cannot.
 */
void session_take_client(struct session *s, enum reply refusal);

struct span session_body(const struct session *s);
const struct envelope *session_envelope(const struct session *s);
/* `id` is that of the row, if the verdict is VERDICT_OK. */
void session_stored(struct session *s, enum verdict verdict, int64_t id);

/*
 * At SESSION_STORE, session_refuse_mail() refuses the mail as the answer says,
 * 4yz or 5yz, in place of session_stored().  Before either,
 * session_add_recipient() adds a recipient that the answer has accepted; false:
 * no memory.
 */
void session_refuse_mail(struct session *s, const struct answer *answer);
bool session_add_recipient(
    struct session *s, const struct question *q, const struct answer *answer);

/*
 * Says that what the client sends from here on comes from inside TLS.  The
 * session forgets all that was said before (RFC 3207 s. 4.2).
 */
void session_secured(struct session *s);

/* Has a mail been begun and not stored? */
bool session_has_mail(const struct session *s);
/* Is its text arriving, or part of it between two chunks? */
bool session_has_text(const struct session *s);

struct session_refusal session_refusal(const struct session *s);
struct session_counts session_counts(const struct session *s);

#endif
