/*
 * What the session asks about an address, and what it is answered: one
 * vocabulary for the machine, the policy and the archive.  Each text in them
 * has a length and a limit, so that both fit into a message of bounded size.
 */
#ifndef QUESTION_H
#define QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "envelope.h"
#include "reply.h"
#include "span.h"
#include "verdict.h"

enum question_kind {
	QUESTION_MAIL, /* may this be the reverse-path? */
	QUESTION_RCPT, /* may this be a recipient, and where does it go? */
	QUESTION_VRFY, /* is there such a mailbox? */
	QUESTION_EXPN, /* who is on this list? */
};

struct question {
	enum question_kind kind;
	/*
	 * A path as sent, without brackets and source route, "" for <>; or
	 * the argument of VRFY or EXPN, in or without brackets.
	 */
	struct span address;
	struct span sender;   /* the reverse-path of the mail; "" if none */
	uint64_t size;        /* SIZE= of the mail, in octets; 0: not given */
	unsigned nrecipients; /* the mail has already */
	/* What else MAIL said, as in struct envelope. */
	struct question_mail {
		const char *verb, *protocol, *body_type, *dsn_return;
		struct span helo, envelope_id;
		bool smtputf8;
	} mail;
	/* What else RCPT said: NOTIFY= and ORCPT=; p is NULL where it did not. */
	struct span notify, original_recipient;
};

enum {
	/* A local part of 64 octets, "@", a domain of 255, and NUL. */
	ANSWER_ADDRESS_SIZE = 321,
	ANSWER_TABLE_SIZE = 16,
	ANSWER_ENHANCED_SIZE = 12,
	ANSWER_DETAIL_SIZE = 421, /* a line of 512 octets has room for it */
	/* Mailboxes that one recipient can go to. */
	ANSWER_MAILBOXES_MAX = 100,
	ANSWER_PACKED_SIZE = ANSWER_MAILBOXES_MAX * ANSWER_ADDRESS_SIZE,
};

/*
 * Begins with answer_clear(), which writes some octets only; nothing writes
 * more of it than is used.
 */
struct answer {
	enum verdict verdict; /* with VERDICT_OK, what follows counts */
	/*
	 * What is said: of `reply`, whose place for a detail `detail` fills;
	 * or where a row has its own words, its `code`, `enhanced` and (as
	 * `detail`) text.  Neither: the usual.
	 */
	enum reply reply;
	int code; /* 0: `reply` counts */
	char enhanced[ANSWER_ENHANCED_SIZE];
	char detail[ANSWER_DETAIL_SIZE];
	/* The row that decided: its table ("": none), and its key. */
	char table[ANSWER_TABLE_SIZE];
	char key[ANSWER_ADDRESS_SIZE];
	/* Where a recipient or a list goes, one after the other with their
	 * NULs; none: as asked. */
	unsigned nmailboxes;
	unsigned packed_len;
	char packed[ANSWER_PACKED_SIZE];
};

/*
 * Begin a mail with what QUESTION_MAIL said; add a recipient for each mailbox
 * of the answer to QUESTION_RCPT, or as it was asked for.  False: no memory;
 * the recipients are then as they were.
 */
bool question_begin_mail(const struct question *q, struct envelope *e);
bool question_add_recipient(
    const struct question *q, const struct answer *a, struct envelope *e);

/* Nothing against it, and nothing to say but the usual. */
void answer_clear(struct answer *a);

void answer_say(struct answer *a, enum reply reply, const char *detail);
/* In a row's own words; what is too long is cut. */
void answer_say_own(
    struct answer *a, int code, const char *enhanced, const char *text);
/* Notes the row that decides; `key` NULL is "". */
void answer_note_row(struct answer *a, const char *table, const char *key);

/*
 * Adds where it goes, unless it is there, in any case of its letters.  False:
 * there are too many, or it is too long.
 */
bool answer_add_mailbox(struct answer *a, const char *mailbox);
void answer_drop_mailboxes(struct answer *a);
/* The one after `last`, NULL for the first; NULL: there is none. */
const char *answer_next_mailbox(const struct answer *a, const char *last);

/*
 * What is said, for reply_write() with `detail`; lent from the answer.  Its
 * code is 0 for the usual.
 */
struct reply_text answer_reply(const struct answer *a);
/* Is that 4yz or 5yz? */
bool answer_refuses(const struct answer *a);

#endif
