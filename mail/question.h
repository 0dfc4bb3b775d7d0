/*
 * What the session asks about an address, and the answer: one vocabulary for
 * the machine, the policy and the archive.  Each text in them has a length and
 * a limit, so both fit into a message of bounded size.
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
	/* The rest of MAIL, as in struct envelope. */
	struct question_mail {
		const char *verb, *protocol, *body_type, *dsn_return;
		struct span helo, envelope_id, claimed_as;
		bool smtputf8, requiretls;
	} mail;
	/* The rest of RCPT: NOTIFY= and ORCPT=; p is NULL if not given. */
	struct span notify, original_recipient;
	bool added; /* a filter asks, at the end of the mail */
};

enum {
	/* A local part of 64 octets, "@", a domain of 255, and NUL. */
	ANSWER_ADDRESS_SIZE = 321,
	ANSWER_TABLE_SIZE = 16,
	ANSWER_ENHANCED_SIZE = 12,
	ANSWER_DETAIL_SIZE = 421, /* fits into a reply line of 512 octets */
	/* One recipient can go to so many mailboxes. */
	ANSWER_MAILBOXES_MAX = 100,
	ANSWER_PACKED_SIZE = ANSWER_MAILBOXES_MAX * ANSWER_ADDRESS_SIZE,
};

/*
 * An answer begins with answer_clear().  No function writes more octets of it
 * than are used.
 */
struct answer {
	enum verdict verdict; /* with VERDICT_OK, what follows counts */
	/*
	 * The reply: `reply`, with `detail` in its place for one; or in a row's
	 * own words `code`, `enhanced` and (as `detail`) the text.  Without
	 * either, the session gives its usual reply.
	 */
	enum reply reply;
	int code; /* 0: no row's words */
	char enhanced[ANSWER_ENHANCED_SIZE];
	char detail[ANSWER_DETAIL_SIZE];
	/* The row that decided: its table ("": none), and its key. */
	char table[ANSWER_TABLE_SIZE];
	char key[ANSWER_ADDRESS_SIZE];
	/*
	 * Where a recipient or a list goes: strings one behind the other.
	 * None: the recipient goes where it was sent.
	 */
	unsigned nmailboxes;
	unsigned packed_len;
	char packed[ANSWER_PACKED_SIZE];
};

/*
 * These fill an envelope from QUESTION_MAIL, and from QUESTION_RCPT: a
 * recipient for each mailbox of the answer, or one as it was sent.  False: no
 * memory; the recipients are then as they were.
 */
bool question_begin_mail(const struct question *q, struct envelope *e);
bool question_add_recipient(
    const struct question *q, const struct answer *a, struct envelope *e);

/* Accepts, with the usual reply. */
void answer_clear(struct answer *a);

void answer_say(struct answer *a, enum reply reply, const char *detail);
/* Says it in a row's own words; what is too long is cut. */
void answer_say_own(
    struct answer *a, int code, const char *enhanced, const char *text);
/* Notes the row that decides; `key` NULL is "". */
void answer_note_row(struct answer *a, const char *table, const char *key);

/*
 * Adds a mailbox that is not there yet, whatever the case of its letters.
 * False: there are too many, or it is too long.
 */
bool answer_add_mailbox(struct answer *a, const char *mailbox);
void answer_drop_mailboxes(struct answer *a);
/* Returns the one behind `last` (NULL: the first), or NULL. */
const char *answer_next_mailbox(const struct answer *a, const char *last);

/*
 * Returns what reply_write() needs besides `detail`, lent from the answer.  A
 * code of 0 is the usual reply.
 */
struct reply_text answer_reply(const struct answer *a);
/* Is the reply 4yz or 5yz? */
bool answer_refuses(const struct answer *a);

#endif
