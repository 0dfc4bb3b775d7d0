/*
 * What the files of auth/ share: main.c reads the options; serve.c is the one
 * process that has the accounts (accounts.c), and gives each exchange a process
 * of its own (child.c), which parses what a client says by GNU SASL (sasl.c) or
 * has Dovecot do it (dovecot.c), and speaks with its parent (exchange.c);
 * verifier.c knows how a password is kept.
 */
#ifndef AUTH_PRIVATE_H
#define AUTH_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../mail/auth.h"
#include "../mail/peer.h"

enum {
	/* Both ends of SCRAM hash a password so often. */
	VERIFIER_ITERATIONS = 10000,
	VERIFIER_SALT_LEN = 16,
	VERIFIER_SIZE = 256,
	SECRET_LEN = 32,
};

struct settings {
	const char *database; /* its path; NULL: Dovecot has the accounts */
	const char *dovecot;  /* the path of its socket */
	bool no_confine;
	/* Make a verifier for this account, and nothing else; or NULL. */
	const char *verifier_of;
};

/* verifier.c */

/*
 * A verifier as the table account has it, split; each part is base64 but for
 * the number.
 */
struct verifier {
	char iterations[12];
	char salt[64], stored[64], server[64];
};

/* False: it is none. */
bool verifier_read(const char *text, struct verifier *ret);
/* Makes one of a password, which ends in NUL.  False: it cannot be had. */
bool verifier_make(const char *password, char ret[VERIFIER_SIZE]);
/* A name as the table has it (RFC 4013).  False: it cannot be one. */
bool verifier_prepare_name(const char *name, char ret[AUTH_NAME_MAX + 1]);
/*
 * The verifier for a name that does not exist: always the same for the same
 * secret.  A client that does not know the secret cannot tell it from another
 * one, and no password fits it.
 */
bool verifier_pretend(
    const char *secret, struct span name, char ret[VERIFIER_SIZE]);
/* Does the password fit?  In the same time whether it does or not. */
bool verifier_fits(const struct verifier *v, const char *password);

/* accounts.c */

struct accounts;

/* NULL: no memory. */
struct accounts *accounts_open(const char *database);
/*
 * The verifier of this name, or one that nothing fits; or, if `by_subject`, the
 * name of the account whose certificate that is, or "".  False: trouble of
 * ours; logged.
 */
bool accounts_find(struct accounts *a, struct span key, bool by_subject,
    char ret[VERIFIER_SIZE]);
/*
 * May this client go on, or has it guessed too often?  With `failed`, counts
 * one more wrong guess, in one transaction with the look, and without it, only
 * reads.  AUTH_DONE: it may.
 */
enum auth_result accounts_check(
    struct accounts *a, const struct peer *peer, bool failed);

/* child.c, exchange.c, sasl.c, dovecot.c */

/* One exchange, in the process that has it. */
struct exchange {
	const struct settings *settings;
	struct peer peer;
	int parent;           /* a socket to serve.c */
	enum auth_result why; /* what the parent has against it, or AUTH_DONE */
	char message[AUTH_MESSAGE_MAX];
};

/* What it says to its parent, in front of a message. */
enum exchange_says {
	EXCHANGE_ASKS = 1, /* for a verifier: u8 by_subject, the key */
	EXCHANGE_ANSWERS,  /* the session's step: an answer */
};

/*
 * Serves the exchange to its end; never returns.  The parent sends each step as
 * it came, and for EXCHANGE_ASKS a result, with AUTH_DONE the text.
 */
_Noreturn void child_run(struct exchange *x);
/* The next step; lent until the next message.  Never returns at the end. */
struct auth_step exchange_read(struct exchange *x);
/* Never returns unless it is AUTH_MORE. */
void exchange_answer(struct exchange *x, const struct auth_answer *a);
/* The text, or NULL, with the reason in `why`; lent likewise. */
const char *exchange_ask(struct exchange *x, struct span key, bool by_subject);

_Noreturn void sasl_run(struct exchange *x);
/* `fd` is connected to Dovecot. */
_Noreturn void dovecot_run(struct exchange *x, int fd);
/* -1: logged. */
int dovecot_connect(const char *path);

/* serve.c */

/* Serves whom the listener introduces on standard input; the exit status. */
int serve(const struct settings *settings);

#endif
