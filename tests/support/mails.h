/*
 * What was stored, wherever it was found, and how a transcript's "=" lines
 * are held against it.
 */
#ifndef MAILS_H
#define MAILS_H

#include "buffer.h"
#include "script.h"

struct mail {
	char *field[SCRIPT_WORD__COUNT]; /* NULL counts as "" */
	char **rcpts;                    /* as "= rcpt" writes them */
	unsigned nrcpts;
	struct buffer body;
};

/* All zero is none. */
struct mails {
	struct mail *mail;
	unsigned nmails;
};

/* The mail is lent until the next one is added. */
struct mail *mails_add(struct mails *m);
/* `text` is copied; NULL is allowed. */
void mail_set(struct mail *mail, enum script_word word, const char *text);
void mail_add_rcpt(struct mail *mail, const struct recipient *r);
/* Adds the mail as a session hands it to a store. */
void mails_copy(struct mails *m, const struct envelope *e, struct span body);
void mails_free(struct mails *m);

/* How much of the mails has been listed; all zero is nothing. */
struct mails_cursor {
	unsigned nmails; /* the last of them is the one being listed */
	unsigned nrcpts;
	size_t body_len;
};

/* Checks one step of the kind SCRIPT_STORED. */
bool mails_match(const struct mails *m, struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error);
/* Checks that all is listed.  `step` is for the message. */
bool mails_match_all(const struct mails *m, const struct mails_cursor *c,
    const struct script *s, const struct script_step *step,
    struct script_error *ret_error);
/*
 * Checks all steps of a script that is over, when "= none" can only say that
 * nothing of the mail before it is left.
 */
bool mails_match_script(const struct mails *m, const struct script *s,
    struct script_error *ret_error);

#endif
