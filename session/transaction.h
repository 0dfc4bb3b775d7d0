/*
 * The mail begun: what HELO, MAIL and RCPT said, and how much of the text has
 * come.  A transaction says which reply it would give, but writes none.
 */
#ifndef TRANSACTION_H
#define TRANSACTION_H

#include "../mail/address.h"
#include "../mail/envelope.h"
#include "../mail/question.h"

enum transaction_state {
	ST_START,  /* no HELO or EHLO yet */
	ST_IDLE,   /* no mail begun */
	ST_MAIL,   /* MAIL accepted, no recipient yet */
	ST_RCPT,   /* at least one recipient */
	ST_CHUNKS, /* BDAT begun, LAST not seen */
	ST_DATA,   /* in the text after DATA */
	ST_CHUNK,  /* in the octets after BDAT */
};

/* All zero to begin with. */
struct transaction {
	enum transaction_state state;

	/* From HELO or EHLO, for all mails that follow. */
	bool greeted, esmtp;
	char helo[ADDRESS_DOMAIN_MAX + 1];

	struct envelope envelope;
	uint64_t announced_size; /* SIZE= of MAIL; 0: none */
	unsigned nrcpts;         /* RCPTs accepted; each has recipients */
	/* Some RCPT got 4yz; some got 5yz. */
	bool deferred_recipient, refused_recipient;

	bool dropped;   /* it cannot be stored; its end has not come */
	bool must_drop; /* the caller is to forget what was appended */
};

/* Frees what it owns. */
void transaction_free(struct transaction *t);
/* Forgets the mail begun, if any, and goes to ST_IDLE or ST_START. */
void transaction_reset(struct transaction *t);
/* The same, and what HELO or EHLO said. */
void transaction_forget(struct transaction *t);
/* `name` is what HELO or EHLO said, ADDRESS_DOMAIN_MAX octets at most. */
void transaction_greet(struct transaction *t, struct span name, bool esmtp);

/* Begins a mail by MAIL.  REPLY_NONE, or REPLY_NO_MEMORY: none is begun. */
enum reply transaction_begin(struct transaction *t, const struct question *q);
/*
 * Adds what RCPT was answered, all of it or nothing.  REPLY_NONE or
 * REPLY_NO_MEMORY.
 */
enum reply transaction_add(
    struct transaction *t, const struct question *q, const struct answer *a);
/* Remembers how a RCPT was answered, for a DATA that comes without any. */
void transaction_note_rcpt(struct transaction *t, int code);
/* Does it have as many recipients, or mailboxes, as it may? */
bool transaction_is_full(const struct transaction *t, unsigned max_recipients);

/*
 * Why no text may follow now; REPLY_NONE: it may.  By LMTP, no recipient is
 * always 503 (RFC 2033 s. 4.2, 4.3).
 */
enum reply transaction_check_text(const struct transaction *t, bool lmtp);
/* Is its body type BINARYMIME (RFC 3030 s. 3)? */
bool transaction_is_binary(const struct transaction *t);
/* Counts octets of the text.  False: they are not to be appended. */
bool transaction_take(struct transaction *t, size_t len, uint64_t max_size);
/* Gives up the text: the mail can no longer be stored. */
void transaction_drop(struct transaction *t);

#endif
