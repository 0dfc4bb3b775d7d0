#include "log.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/utf8.h"
#include "systemd.h"

enum {
	VALUE_MAX = 400,
	LINE_SIZE = 2 * LOG_ENTRY_MAX,
};

/* clang-format off */
static const struct {
	const char *name;
	int priority;
	const char *message_id; /* of units/smtpd.catalog */
} events[LOG__COUNT] = {
	[LOG_STORED]     = { "stored",     LOG_INFO,    "7dda3e52fbe64b25a60e133e91fe8267" },
	[LOG_UNANSWERED] = { "unanswered", LOG_WARNING, "f0dd28335c7b41d9829657e04de74b47" },
	[LOG_REFUSED]    = { "refused",    LOG_INFO,    "1802bf8cc93340ed98f2b8893b0d0db4" },
	[LOG_DEFERRED]   = { "deferred",   LOG_ERR,     "ad6a52f5b68041eba3b16cfa66baff6b" },
	[LOG_MORE]       = { "more",       LOG_INFO,    "f64739da71424c04a67b120c454cbfb7" },
	[LOG_ABANDONED]  = { "abandoned",  LOG_INFO,    "7145f7fbc7124017b8116e79472c9130" },
	[LOG_ENDED]      = { "ended",      LOG_DEBUG,   "449fddf98f5b4d49ac06050ae5777afc" },
};
/* clang-format on */

static enum {
	TO_STDERR, /* a person reads it */
	TO_JOURNAL,
	TO_SYSLOG,
} target;

/* Is stderr this very socket, or not even open? */
static bool
stderr_is_unfit(int connection)
{
	struct stat err, other;

	if (fstat(STDERR_FILENO, &err) < 0)
		return true;
	return connection >= 0 && fstat(connection, &other) == 0 &&
	       S_ISSOCK(err.st_mode) && err.st_dev == other.st_dev &&
	       err.st_ino == other.st_ino;
}

/* systemd.exec(5): JOURNAL_STREAM has the device and inode of the stream. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat err;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &err) == 0 && err.st_dev == device &&
	       err.st_ino == inode;
}

void
log_open(int connection)
{
	if (stderr_is_unfit(connection)) {
		target = TO_SYSLOG;
		openlog("smtpd", LOG_PID, LOG_MAIL);
	} else if (stderr_is_journal()) {
		target = TO_JOURNAL;
	}
}

/*
 * Text that grows in a buffer, and stops where that is full.  Only `len` is
 * set to begin with: zeros for all of it were a sixth of the instructions of
 * a mail.
 */
struct line {
	size_t len;
	char text[LINE_SIZE];
};

static void
add(struct line *l, const char *text, size_t len)
{
	if (len > sizeof l->text - l->len)
		len = sizeof l->text - l->len;
	memcpy(l->text + l->len, text, len);
	l->len += len;
}

static void
add_text(struct line *l, const char *text)
{
	add(l, text, strlen(text));
}

/*
 * Sends one line.  On stderr it is one write, so that the lines of many
 * processes do not mix; the journal takes "<N>" before it (sd-daemon(3)).
 */
static void
send_line(int priority, const char *text, size_t len)
{
	const char digit = (char)('0' + priority);
	struct line line __attribute__((uninitialized));

	line.len = 0;
	if (target == TO_SYSLOG) {
		syslog(priority, "%.*s", (int)len, text);
		return;
	}
	if (target == TO_JOURNAL) {
		add_text(&line, "<");
		add(&line, &digit, 1);
		add_text(&line, ">");
	} else if (priority == LOG_DEBUG) {
		return;
	} else {
		add_text(&line, "smtpd: ");
	}
	if (len > sizeof line.text - line.len - 1)
		len = sizeof line.text - line.len - 1;
	add(&line, text, len);
	add_text(&line, "\n");
	while (write(STDERR_FILENO, line.text, line.len) < 0 && errno == EINTR)
		;
}

void
log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	send_line(priority, text, strlen(text));
}

void
log_begin(struct log_entry *e, enum log_event event)
{
	e->event = event;
	e->nfields = 0;
	e->len = 0;
}

static void
put(struct log_entry *e, char octet)
{
	e->text[e->len++] = octet;
}

void
log_text(struct log_entry *e, const char *name, struct span value)
{
	bool utf8 = utf8_is_printable(value);
	size_t start = e->len;

	if (e->nfields == LOG_FIELDS_MAX)
		return;
	for (size_t i = 0; i < value.len && e->len < start + VALUE_MAX &&
			   e->len + 4 <= sizeof e->text;
	     i++) {
		unsigned char octet = (unsigned char)value.p[i];

		if (octet < 0x20 || octet == 0x7f || octet == '\\' ||
		    (octet >= 0x80 && !utf8)) {
			static const char hex[] = "0123456789abcdef";

			put(e, '\\');
			put(e, 'x');
			put(e, hex[octet >> 4]);
			put(e, hex[octet & 15]);
		} else {
			put(e, (char)octet);
		}
	}
	e->fields[e->nfields++] =
	    (struct log_field){ name, { e->text + start, e->len - start } };
}

void
log_number(struct log_entry *e, const char *name, uint64_t n)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
	log_text(e, name, span_of(digits));
}

/* In a line, text that could be mistaken for more than a value is quoted. */
static bool
needs_quotes(struct span value)
{
	return value.len == 0 || memchr(value.p, ' ', value.len) ||
	       memchr(value.p, '"', value.len) ||
	       memchr(value.p, '=', value.len);
}

/* "stored message=42 client=192.0.2.1 ..." */
static void
format_line(const struct log_entry *e, struct line *line)
{
	add_text(line, events[e->event].name);
	for (size_t i = 0; i < e->nfields; i++) {
		const struct log_field *f = &e->fields[i];
		const char *quote = needs_quotes(f->value) ? "\"" : "";

		add_text(line, " ");
		add_text(line, f->name);
		add_text(line, "=");
		add_text(line, quote);
		for (size_t j = 0; j < f->value.len; j++) {
			if (f->value.p[j] == '"')
				add_text(line, "\\");
			add(line, f->value.p + j, 1);
		}
		add_text(line, quote);
	}
}

/*
 * The same with fields of its own, SMTPD_CLIENT= and so on (see
 * systemd.journal-fields(7)); false: the journal did not take it.
 */
static bool
send_journal(const struct log_entry *e, const struct line *line)
{
	struct line text;
	struct iovec fields[LOG_FIELDS_MAX + 4];
	size_t n = 0;

	text.len = 0;
	for (size_t i = 0; i < e->nfields; i++) {
		const struct log_field *f = &e->fields[i];
		char *start = text.text + text.len;

		add_text(&text, "SMTPD_");
		for (const char *p = f->name; *p; p++) {
			char upper = (char)(*p - 'a' + 'A');

			add(&text, *p >= 'a' && *p <= 'z' ? &upper : p, 1);
		}
		add_text(&text, "=");
		add(&text, f->value.p, f->value.len);
		fields[n++] = (struct iovec){ start,
			(size_t)(text.text + text.len - start) };
	}
	return systemd_journal_send(events[e->event].priority,
	    events[e->event].message_id, (struct span){ line->text, line->len },
	    fields, n);
}

void
log_end(const struct log_entry *e)
{
	struct line line __attribute__((uninitialized));

	line.len = 0;
	format_line(e, &line);
	if (target != TO_JOURNAL || !send_journal(e, &line))
		send_line(events[e->event].priority, line.text, line.len);
}
