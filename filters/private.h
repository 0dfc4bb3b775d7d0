/*
 * What the modules of filters/ share: chain.c (all filters of a session, the
 * front), end.c (the end of a mail), shown.c (a mail as milters are shown it),
 * ruling.c (what follows from what one says), milter_client.c and
 * milter_envelope.c (one milter), policy_client.c (one policy server).
 */
#ifndef FILTERS_PRIVATE_H
#define FILTERS_PRIVATE_H

#include "../filters.h"
#include "../mail/address.h"
#include "../mail/change.h"
#include "channel.h"
#include "milter.h"

enum {
	/* A header section that is longer is shown as if it ended there. */
	HEADER_SECTION_MAX = 256 * 1024,
	PREPENDED_MAX = 16 * 1024,
	TROUBLE_MAX = 512,
	END_STEPS = 10, /* the wait at the end of the data, in steps */
	END_WAITS = 4,  /* so many of those for one that is still at work */
	CONNECT_MS = 10000,
	ID_MAX = 48,
	PROTOCOL_MAX = 16,
};

/* How a command or a mail is refused. */
struct refusal {
	int code;
	char enhanced[ANSWER_ENHANCED_SIZE];
	char text[ANSWER_DETAIL_SIZE];
};

/* What comes out of asking one. */
enum ruling {
	RULING_NONE,    /* go on */
	RULING_ACCEPT,  /* this one need not see more */
	RULING_REFUSE,  /* as a struct refusal says */
	RULING_DISCARD, /* take the mail, and put it aside */
	RULING_FAILED,  /* this one cannot be asked any more */
};

/* The mail begun, and who sends it, as all filters are told it. */
struct told {
	const char *hostname, *version;
	struct peer peer;
	const struct facts *facts;
	char helo[ADDRESS_DOMAIN_MAX + 1];
	char protocol[PROTOCOL_MAX];
	char sender[CHANGE_PATH_MAX + 1];
	char id[ID_MAX]; /* the macro i; instance= */
	uint64_t size;   /* announced, and then what it has */
};

struct milter {
	struct channel channel;
	int64_t step_ms;
	uint32_t version, actions, steps;
	bool is_agreed;  /* the options are */
	bool is_out;     /* of this session: it has accepted it */
	bool in_mail;    /* it has been shown MAIL, and is to see more */
	bool skips_body; /* it has seen enough of it */
	int64_t end_by_ms;
	/* Whom it was shown; nobody yet where the address is empty. */
	struct peer peer;
	char helo[ADDRESS_DOMAIN_MAX + 1];
	bool knows_helo;
	struct refusal refused; /* all mails of this client; code 0: not */
	struct refusal refused_helo;
};

struct policy_server {
	struct channel channel;
	int64_t step_ms;
};

/*
 * One milter.  Each of these shows it something, if it is to see that.  Where
 * the ruling is RULING_REFUSE, `*ret` says how.
 */

/* Begins a mail: whose it is, if that is news, and MAIL. */
enum ruling milter_show_mail(struct milter *m, const struct told *told,
    const struct question *q, struct refusal *ret);
enum ruling milter_show_rcpt(
    struct milter *m, const struct question *q, struct refusal *ret);
enum ruling milter_show_data(
    struct milter *m, const struct told *told, struct refusal *ret);
/* The value with the blank in front of it, and without the last line end. */
enum ruling milter_show_field(
    struct milter *m, struct span name, struct span value, struct refusal *ret);
enum ruling milter_show_end_of_header(struct milter *m, struct refusal *ret);
enum ruling milter_show_body(
    struct milter *m, struct span octets, struct refusal *ret);

/*
 * milter_packet() begins a packet, in a buffer that all share.
 * milter_exchange() sends it and returns the ruling, which a filter does not
 * send if `is_mute`.
 */
struct pack milter_packet(enum milter_command command);
bool milter_send(struct milter *m, struct pack *packet);
bool milter_receive(struct milter *m, struct span *ret);
enum ruling milter_exchange(
    struct milter *m, struct pack *packet, bool is_mute, struct refusal *ret);
/* Is the milter to see the step that the flag `no` leaves out? */
bool milter_sees(const struct milter *m, unsigned no);

struct macro {
	const char *name, *value;
};

/* Sends those that have a value, for the command that follows. */
bool milter_send_macros(struct milter *m, enum milter_command command,
    const struct macro *macros, size_t n);

/* The end of the mail: tells it, then takes what it says one by one. */
enum ruling milter_tell_end(struct milter *m, const struct told *told);
/*
 * RULING_NONE: `*ret_reply` changes something, or its kind is MILTER_CONTINUE
 * and that was all.
 */
enum ruling milter_take_reply(
    struct milter *m, struct milter_reply *ret_reply, struct refusal *ret);

/* Ends the mail that the milter was shown, if any. */
void milter_abort(struct milter *m);
void milter_quit(struct milter *m);

/* What a policy server says. */
struct policy_reply {
	enum ruling ruling; /* RULING_ACCEPT: no other one is to be asked */
	struct refusal refusal;
	bool defers;     /* the refusal counts if nobody else refuses */
	bool is_put_off; /* the mail is put aside, as the text says */
	/* A header to be put in front; an empty name: none. */
	struct span name, value;
};

/* Reads the action; spans are lent from it.  False: unknown or malformed. */
bool policy_read_action(struct span action, struct policy_reply *ret);

/*
 * Asks one of them about the recipient of `q`; or with NULL about the mail of
 * `e` at its end.
 */
enum ruling policy_server_ask(struct policy_server *s, const struct told *told,
    const struct question *q, const struct envelope *e,
    struct policy_reply *ret);

/* shown.c: a mail, shown piece by piece. */
struct shown {
	char *header; /* the beginning of the mail, while the header lasts */
	size_t header_len;
	bool is_body; /* the header was shown, and the body follows */
};

struct filters;

void shown_reset(struct shown *t);
void shown_free(struct shown *t);
/* Shows DATA, before the first octet. */
void shown_data(struct filters *f);
/* `h` has been fed with the octets. */
void shown_feed(struct filters *f, struct shown *t, struct span octets,
    const struct header *h);
/* Shows what is left at the end of the mail, of which `h` was told. */
void shown_end(struct filters *f, struct shown *t, const struct header *h);

struct list {
	struct filter_address addresses[FILTERS_MAX];
	size_t n;
};

struct servers {
	struct list list;
	struct policy_server servers[FILTERS_MAX];
};

struct filters {
	struct filters_conf conf;
	struct list milter_list;
	struct milter milters[FILTERS_MAX];
	struct servers policies, end_policies;
	struct told told;

	/* The mail begun. */
	unsigned nmails;
	bool has_text;          /* DATA was shown */
	bool is_discarded;      /* or put aside: no other needs to see it */
	struct refusal refusal; /* for the end of the data; code 0: none */
	char quarantine[ANSWER_DETAIL_SIZE]; /* why; empty: it is not */
	struct shown shown;
	char prepended[PREPENDED_MAX]; /* what policy servers change */
	struct pack changes;           /* in `prepended` */
	unsigned nprepended;

	/* The end of the mail. */
	enum stage {
		STAGE_TEXT, /* it has not come */
		STAGE_PREPENDED,
		STAGE_TELL,
		STAGE_LISTEN,
	} stage;
	size_t at;            /* the milter */
	unsigned nrecipients; /* that were added */

	const char *decider;
	const char *trouble;
	char trouble_text[TROUBLE_MAX];
};

/*
 * ruling.c: what follows from what a filter says.  RULING_NONE or
 * RULING_REFUSE is left.
 */

/* One has failed, and the option says what to do without it. */
enum ruling ruling_do_without(
    struct filters *f, struct channel *c, struct refusal *ret);
enum ruling ruling_follow(struct filters *f, struct milter *m,
    enum ruling ruling, struct refusal *refusal);
/* The same in the text of a mail: a refusal is kept for its end. */
void ruling_follow_text(struct filters *f, struct milter *m, enum ruling ruling,
    struct refusal *refusal);
/* Is this milter to see more of this mail? */
bool ruling_is_awaited(const struct filters *f, const struct milter *m);

/* chain.c */

/*
 * Asks one list of policy servers; the first that refuses or says OK ends it.
 * RULING_NONE or RULING_REFUSE.
 */
enum ruling chain_ask_policies(struct filters *f, struct servers *s,
    const struct question *q, const struct envelope *e, struct refusal *ret);

#endif
