/*
 * Plays input to the session machine in this process, in place of client,
 * network, disk and clock, and holds the machine to what session.h
 * promises.  Each piece of input is an exact-size heap block that is gone when
 * the machine asks for the next, so AddressSanitizer sees what is read beside
 * it or later.
 */
#ifndef PLAYER_H
#define PLAYER_H

#include "../../session.h"
#include "buffer.h"
#include "mails.h"

enum play_cut {
	PLAY_BURSTS,    /* all that is sent before the next reply at once */
	PLAY_OCTETS,    /* one octet at a time, output too */
	PLAY_LINE_ENDS, /* after every CR and every LF */
	PLAY__COUNT
};

extern const char *const play_cut_names[PLAY__COUNT];

struct player;

/* What questions and commits come to.  A function that is NULL says yes. */
struct play_world {
	void *context;
	/* Fills in what is more than answer_clear(). */
	void (*answer)(
	    void *context, const struct question *q, struct answer *ret);
	enum verdict (*store)(void *context);
	/* True: the next mail is refused so, as filters do, and not stored. */
	bool (*refuse)(void *context, struct answer *ret);
	/* Lends the challenge. */
	enum auth_result (*authenticate)(
	    void *context, struct span *ret_challenge);
};

/*
 * `conf` and `world` (NULL: it says yes) are borrowed for the player's life.
 * NULL: there is no memory for a session.
 */
struct player *player_new(const struct session_conf *conf, enum play_cut cut,
    const struct play_world *world);
void player_free(struct player *p);

/* What comes after the close is not sent. */
void player_send(struct player *p, struct span octets);
/* No more input will come; the session then runs to its close. */
void player_end(struct player *p, enum session_end why);

bool player_closed(const struct player *p);
/* Has what was sent last begun TLS? What stood behind it there is lost. */
bool player_secured(const struct player *p);
/* What the server sent; the caller takes it out. */
struct buffer *player_output(struct player *p);
const struct mails *player_mails(const struct player *p);
/* The first promise that was broken; NULL: none. */
const char *player_broken(const struct player *p);

#endif
