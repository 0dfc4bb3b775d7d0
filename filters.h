/*
 * The programs that see a mail before it is accepted: milters, which see all of
 * it (version 6 of the protocol of sendmail's libmilter), and policy servers,
 * which are asked about recipients (Postfix's policy delegation).
 *
 * A session connects to all of them when it starts, before it gives up making
 * sockets; one that fails is not tried again in the session.  The mail stays as
 * the client sent it: what a filter changes comes as instructions
 * (mail/change.h), which are stored behind the mail.
 */
#ifndef FILTERS_H
#define FILTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/facts.h"
#include "mail/header.h"
#include "mail/peer.h"
#include "mail/question.h"
#include "mail/span.h"

struct filters;

enum {
	/* Of each kind. */
	FILTERS_MAX = 4,
};

/* Lists of addresses, "unix:PATH" or "inet:HOST:PORT", with commas. */
struct filters_conf {
	const char *milters;      /* NULL: none, as below */
	const char *policies;     /* asked about each recipient */
	const char *end_policies; /* asked once at the end of the data */
	/*
	 * If a filter fails, go on without it; else the client is to try again.
	 */
	bool accepts_by_default;
	/*
	 * For each step of a filter; at the end of the data ten times that, and
	 * up to four times as long while it says that it is still at work.
	 */
	uint64_t timeout_sec;
	const char *hostname;
	const char *version;
};

/* Checks such a list.  Returns NULL, or what is wrong with it. */
const char *filters_check(const char *list);

/*
 * Calls `tell` for each address of the list: NULL, or why it cannot be
 * connected to.
 */
void filters_try(const char *list, int timeout_ms,
    void (*tell)(void *arg, const char *address, const char *fault), void *arg);

/*
 * Connects to all that are configured; `*ret` is NULL if none is.  False: no
 * memory.  A filter that cannot be reached fails when it is asked.
 */
bool filters_open(const struct filters_conf *conf, struct filters **ret);
void filters_close(struct filters *f);

/*
 * Waits for the client of a session at `fd`.  True: something has come there.
 * False: the session is to end, and another one with new connections to take
 * its place, since a filter has closed one, or they grow old; `fd` then takes
 * nothing any more.
 */
bool filters_wait(const struct filters *f, int fd);

/*
 * Shows the filters a MAIL or RCPT that the rows accept.  The answer becomes a
 * refusal if a filter refuses.  `facts` are lent until the next question.
 */
void filters_ask(struct filters *f, const struct peer *peer,
    const struct facts *facts, const struct question *q, struct answer *answer);

/* Shows the filters octets of the mail, with which `header` has been fed. */
void filters_text(
    struct filters *f, struct span text, const struct header *header);
/* The mail was given up. */
void filters_drop(struct filters *f);

enum filters_step {
	FILTERS_CHANGE,    /* append `octets` behind the mail */
	FILTERS_RECIPIENT, /* `octets` are an address: one more recipient */
	FILTERS_ACCEPT,    /* the mail is to be stored */
	FILTERS_REFUSE,    /* `answer` says how to refuse it */
};

struct filters_end {
	struct span octets;     /* lent until the next call */
	const char *quarantine; /* why it is put aside; NULL: it is not */
};

/*
 * The end of the data.  Returns one step of what the filters say; to be called
 * until that is FILTERS_ACCEPT or FILTERS_REFUSE.  `e` is what was accepted.
 */
enum filters_step filters_conclude(struct filters *f, const struct envelope *e,
    const struct header *header, struct filters_end *ret,
    struct answer *answer);

/*
 * The filter that has decided something since the last call, or NULL: it has
 * refused, changed something, or put the mail aside.
 */
const char *filters_decider(struct filters *f);
/* Trouble with a filter since the last call, as one line of text; or NULL. */
const char *filters_trouble(struct filters *f);

#endif
