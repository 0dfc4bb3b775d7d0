/*
 * One mail as pages and APIs show it: its people, its subject, its parts.
 */
#ifndef WEB_LETTER_H
#define WEB_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../archive.h"
#include "../mime/file_name.h"
#include "../mime/mime.h"
#include "addresses.h"

enum part_role {
	PART_TEXT,     /* text that a person reads, without HTML */
	PART_HTML,     /* the same as HTML */
	PART_INLINE,   /* what the HTML shows by cid: */
	PART_ATTACHED, /* a file */
};

enum part_role part_role(const struct mime_part *part);

/* What lists show of a mail.  Starts as { 0 }. */
struct brief {
	int64_t id; /* 0: the struct is empty */
	int64_t received_at;
	int64_t size;
	size_t nattached;
	struct addresses from, to, cc, reply_to;
	/* Recipients of the envelope that no header names. */
	struct addresses bcc;
	char *reverse_path;
	char *subject;
	char *message_id; /* without brackets */
	char *snippet;    /* the beginning of the text, in one line */
	char *aside;      /* why a filter has put it aside; "": it has not */
};

void brief_reset(struct brief *b);

/* A mail that is open; starts as { 0 }. */
struct letter {
	struct archive_mail mail;
	struct mime *mime;
	struct brief brief;
};

/* Returns 1; 0: there is no such mail; or -1.  To be closed in any case. */
int letter_open(struct letter *l, struct archive *a, int64_t id);
void letter_close(struct letter *l);

/* The time of the field Date in seconds since 1970; else when it came. */
int64_t letter_date(const struct letter *l);
/* All texts of that role, as UTF-8; PART_TEXT as mime_text() has it. */
void letter_text(const struct letter *l, enum part_role role, struct sink to);

#endif
