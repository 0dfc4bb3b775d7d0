/*
 * What a filter changes in a mail, as one instruction.  The instructions of a
 * mail on its way follow it in the spool; in the database each is a row of
 * filter_change, except CHANGE_DELETE_RECIPIENT, which the store carries out.
 */
#ifndef MAIL_CHANGE_H
#define MAIL_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "pack.h"
#include "span.h"

enum change_action {
	CHANGE_ADD_HEADER,
	CHANGE_INSERT_HEADER, /* behind `place` fields */
	CHANGE_CHANGE_HEADER, /* the one of the name at `place`, from 1 */
	CHANGE_DELETE_HEADER,
	CHANGE_REPLACE_BODY,
	CHANGE_SENDER,
	CHANGE_DELETE_RECIPIENT, /* the rows whose forward_path is `value` */
	CHANGE__COUNT
};

enum {
	CHANGE_FILTER_MAX = 255,     /* octets of a filter's name */
	CHANGE_NAME_MAX = 998,       /* of a field's */
	CHANGE_PATH_MAX = 320,       /* of a sender or a recipient */
	CHANGE_RECIPIENTS_MAX = 100, /* that filters add to one mail */
	CHANGE_VALUE_MAX = 128 * 1024,
	/* Of one instruction, packed. */
	CHANGE_MAX =
	    CHANGE_VALUE_MAX + CHANGE_NAME_MAX + CHANGE_FILTER_MAX + 64,
};

struct change {
	enum change_action action;
	struct span filter; /* which one, as its option names it */
	uint32_t place;
	struct span name;  /* of a field; empty where there is none */
	struct span value; /* of a field: with CRLF, but for the last one */
};

/* As filter_change.action has it. */
const char *change_action_name(enum change_action action);
/* CHANGE__COUNT: there is none of that name. */
enum change_action change_action_of(const char *name);
/* Does it have a name, and so a place (but for CHANGE_ADD_HEADER)? */
bool change_has_name(enum change_action action);

/*
 * Is it one that may be stored and followed: a header stays one field, however
 * it is folded, and texts are texts?
 */
bool change_is_valid(const struct change *c);

/*
 * Is its value shown as text in a column that takes both?  UTF-8, with CR, LF and
 * TAB in it.
 */
bool change_is_text(const struct change *c);

void change_write(struct pack *m, const struct change *c);
/* Lends from the message.  False: it is malformed, or not valid. */
bool change_read(struct unpack *m, struct change *ret);

#endif
