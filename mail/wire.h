/*
 * What a session and the writer say to each other, over one SOCK_SEQPACKET
 * socket a session: both ends of each message stand in wire.c.  A session has
 * one message outstanding: it asks, waits for the reply, and asks again;
 * WIRE_DROP, WIRE_RETRACT and WIRE_TELL alone have no reply.
 *
 *	WIRE_ASK    a question (mail/question.h)      an answer
 *	WIRE_SPOOL  room for a big mail               a result, with a file
 *	WIRE_PIECE  recipients and octets of a mail   a result
 *	WIRE_LAST   the same, and commit it           a result, when it is done
 *	WIRE_DROP   forget the mail begun             -
 *	WIRE_RETRACT  a filter refuses what the last   -
 *	            answer has added
 *	WIRE_PEER   who the client is                 a result
 *
 * Who was introduced with a right to it tells the writer facts of a session:
 *
 *	WIRE_TELL   the session's number, and facts   -
 *	WIRE_WHO    the session's number              all that is known of it
 *
 * Nobody need wait for a reply to that: the writer hears what was told before
 * it reads what any session has said later.
 *
 * The functions that read check everything: what a session sends may be
 * anything.  Spans that they return are lent from the message.
 */
#ifndef MAIL_WIRE_H
#define MAIL_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "envelope.h"
#include "facts.h"
#include "header.h"
#include "networks.h"
#include "pack.h"
#include "question.h"
#include "verdict.h"

enum {
	/* Linux lets through 212,960 octets a message by default. */
	WIRE_MAX = 64 * 1024,
	WIRE_CAUSE_MAX = 512,
	/* Of the recipients of one message; the rest has room for all else. */
	WIRE_RECIPIENTS_MAX = WIRE_MAX / 2,
	/* What WIRE_LAST has more than WIRE_PIECE. */
	WIRE_MAIL_MAX =
	    64 + WIRE_CAUSE_MAX + HEADER__COUNT * (4 + HEADER_VALUE_MAX),
	/* Of a mail in messages; with more it has a file (WIRE_SPOOL). */
	WIRE_DATA_MAX = 256 * 1024,
	/* A mail with what filters change has --max-size and this at most. */
	WIRE_CHANGES_ROOM = 1024 * 1024,
	/* Of one text of the envelope: a whole command line has room. */
	WIRE_TEXT_MAX = 2048,
	/* Of a whole WIRE_TELL. */
	WIRE_FACTS_MAX = 16 + FACT__COUNT * (5 + FACT_SIZE),
};

enum wire_kind {
	WIRE_ASK = 1,
	WIRE_SPOOL,
	WIRE_PIECE,
	WIRE_LAST,
	WIRE_DROP,
	WIRE_RETRACT,
	WIRE_PEER,
	WIRE_TELL,
	WIRE_WHO,
	WIRE_ANSWER,
	WIRE_KNOWN,
	WIRE_RESULT,
};

/* Begins a message; or reads how it begins.  0: that is no message of ours. */
void wire_begin(struct pack *m, enum wire_kind kind);
enum wire_kind wire_kind(struct unpack *m);

void wire_write_question(struct pack *m, const struct question *q);
bool wire_read_question(struct unpack *m, struct question *ret);

/*
 * `is_open`: no table has anything to say about recipients of this mail, so
 * the session need not ask.  `cause` is for its log, where the verdict is not
 * VERDICT_OK.
 */
void wire_write_answer(
    struct pack *m, const struct answer *a, bool is_open, const char *cause);
bool wire_read_answer(struct unpack *m, struct answer *ret, bool *ret_is_open,
    char ret_cause[WIRE_CAUSE_MAX]);

/*
 * A piece begins with recipients that were not asked about, and the end of
 * them; then comes, of WIRE_LAST, what it says of the whole mail; the rest is
 * data.  False: no room for this one, and the message is as it was.
 */
bool wire_add_recipient(struct pack *m, const struct recipient *r);
void wire_end_recipients(struct pack *m);
/*
 * Adds them to the envelope, up to `max` in all; false: malformed, too many,
 * or no memory.
 */
bool wire_read_recipients(struct unpack *m, unsigned max, struct envelope *e);

/* What WIRE_LAST says of the whole mail. */
struct wire_mail {
	uint64_t size;
	bool spooled; /* its octets are in the file of WIRE_SPOOL */
	bool bare_line_ends;
	const struct header *header; /* to be written */
	/* Octets behind the mail that say what filters change (change.h). */
	uint64_t changes;
	struct span quarantine; /* why it is put aside; p is NULL: it is not */
};

/* Makes the message the last one of the mail. */
void wire_make_last(struct pack *m, const struct wire_mail *mail);
bool wire_read_mail(
    struct unpack *m, struct wire_mail *ret, struct header *ret_header);

/*
 * Of WIRE_PEER.  Whether the session may say so is for the writer to know, who
 * knows from the listener who is at the other end of the connection.
 */
void wire_write_peer(struct pack *m, const struct fronted *said);
bool wire_read_peer(struct unpack *m, struct fronted *ret);

/* Those that are known of the session with this number. */
void wire_write_facts(struct pack *m, uint64_t number, const struct facts *f);
/* False: malformed, or one that is not in the mask `may_tell` (FACT_BIT). */
bool wire_read_facts(struct unpack *m, unsigned may_tell, uint64_t *ret_number,
    struct facts *ret);

void wire_write_who(struct pack *m, uint64_t number);
bool wire_read_who(struct unpack *m, uint64_t *ret_number);
/* The client's address as it is by now (--proxy), and the facts. */
void wire_write_known(struct pack *m, uint64_t number, const struct peer *peer,
    const struct facts *f);
bool wire_read_known(struct unpack *m, uint64_t *ret_number,
    struct peer *ret_peer, struct facts *ret);

struct wire_result {
	enum verdict verdict;
	int64_t id; /* of the row */
	bool again; /* the row was there before (--dedupe) */
	char cause[WIRE_CAUSE_MAX];
};

void wire_write_result(struct pack *m, const struct wire_result *r);
bool wire_read_result(struct unpack *m, struct wire_result *ret);

#endif
