/*
 * The log: one entry per event, with fields, to the journal, to syslog or to
 * stderr.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <stdint.h>
#include <syslog.h> /* LOG_ERR and its like */

#include "../mail/span.h"

/* What happened; log.c has its name, priority and MESSAGE_ID. */
enum log_event {
	LOG_STORED,        /* a mail is a row */
	LOG_UNANSWERED,    /* the client was gone before the 250 of a row */
	LOG_REFUSED,       /* a command or a mail was refused */
	LOG_DEFERRED,      /* the same, for trouble of ours */
	LOG_MORE,          /* so many of those two had no entry */
	LOG_AUTHENTICATED, /* the client has proved who it is */
	LOG_ABANDONED,     /* the client was gone before the end of its mail */
	LOG_ENDED,         /* a session is over */
	LOG__COUNT
};

/* What the program is called in entries, where it is not smtpd; borrowed. */
void log_name(const char *name);

/*
 * Chooses where entries go, and connects to it, so that no later entry makes a
 * socket or opens a file.  If stderr is the client's socket `connection` (-1:
 * there is none), as under inetd, entries go to syslog.  From then on the process
 * ignores SIGPIPE and SIGXFSZ: whatever it writes to may be gone or full.
 */
void log_open(int connection);

/*
 * Connects again if the log's daemon has a new socket.  A process that lives long
 * calls this before it forks one that can make no socket.
 */
void log_follow(void);

/*
 * To be called behind the last that was printed on standard output.  Returns the
 * exit status: EX_IOERR, which is logged, where some of it is not there.
 */
int log_output(void);

/* Writes an entry without fields: trouble of the program itself. */
__attribute__((format(printf, 2, 3))) void log_line(
    int priority, const char *format, ...);

enum {
	LOG_ENTRY_MAX = 1536, /* octets of all values */
	LOG_FIELDS_MAX = 16,
};

/* An entry that is put together; private to log.c but for its size. */
struct log_entry {
	enum log_event event;
	size_t nfields;
	struct log_field {
		const char *name;  /* as in "client=", "SMTPD_CLIENT=" */
		struct span value; /* in `text`, printable */
	} fields[LOG_FIELDS_MAX];
	size_t len;
	char text[LOG_ENTRY_MAX];
};

void log_begin(struct log_entry *e, enum log_event event);
/*
 * Adds a field.  `name` is a lower case constant.  Peer octets are made
 * harmless: \xHH stands for every octet of what is not printable, or cannot be
 * seen (codepoint.h), so that no entry can be forged and no terminal steered.
 * What is over 400 octets is cut off, between two characters.
 */
void log_text(struct log_entry *e, const char *name, struct span value);
void log_number(struct log_entry *e, const char *name, uint64_t n);
void log_end(const struct log_entry *e);

#endif
