#include "log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/codepoint.h"
#include "../mail/utf8.h"

enum {
	VALUE_MAX = 400,
	/* All values, even if each octet is quoted, their names and more. */
	LINE_SIZE = 2 * LOG_ENTRY_MAX + 1024,
};

/* clang-format off */
static const struct {
	const char *name;
	int priority;
	const char *message_id; /* of units/smtpd.catalog */
} events[LOG__COUNT] = {
	[LOG_STORED]        = { "stored",        LOG_INFO,    "7dda3e52fbe64b25a60e133e91fe8267" },
	[LOG_UNANSWERED]    = { "unanswered",    LOG_WARNING, "f0dd28335c7b41d9829657e04de74b47" },
	[LOG_REFUSED]       = { "refused",       LOG_INFO,    "1802bf8cc93340ed98f2b8893b0d0db4" },
	[LOG_DEFERRED]      = { "deferred",      LOG_ERR,     "ad6a52f5b68041eba3b16cfa66baff6b" },
	[LOG_MORE]          = { "more",          LOG_INFO,    "f64739da71424c04a67b120c454cbfb7" },
	[LOG_AUTHENTICATED] = { "authenticated", LOG_INFO,    "93ba84375d754724a4e2f63fb135bd4e" },
	[LOG_ABANDONED]     = { "abandoned",     LOG_INFO,    "7145f7fbc7124017b8116e79472c9130" },
	[LOG_ENDED]         = { "ended",         LOG_DEBUG,   "449fddf98f5b4d49ac06050ae5777afc" },
};
/* clang-format on */

/*
 * Where entries go.  The socket is connected before a session can no longer
 * make one (confine.h); -1: nobody listens.
 */
static struct {
	enum target {
		TO_STDERR, /* a person reads it */
		TO_JOURNAL,
		TO_SYSLOG,
	} target;
	int socket;
	bool is_stream;
	dev_t device; /* of the socket's name, when it was connected */
	ino_t inode;
} to = { .socket = -1 };

/* clang-format off */
static const char *const names[] = {
	[TO_JOURNAL] = "/run/systemd/journal/socket",
	[TO_SYSLOG]  = "/dev/log",
};
/* clang-format on */

static const char *program = "smtpd";

void
log_name(const char *name)
{
	program = name;
}

/* Is stderr this socket, or closed? */
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

/* JOURNAL_STREAM has the device and inode of the stream (systemd.exec(5)). */
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

/* Keeps it from being descriptor 0, 1 or 2. */
static int
above_stderr(int fd)
{
	int moved = fd;

	if (fd >= 0 && fd <= STDERR_FILENO) {
		moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		close(fd);
	}
	return moved;
}

static int
connect_to(const char *path, int type)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = above_stderr(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	strcpy(name.sun_path, path);
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&name, sizeof name) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void
log_follow(void)
{
	const char *path = names[to.target];
	struct stat now;

	if (!path || stat(path, &now) < 0 ||
	    (now.st_dev == to.device && now.st_ino == to.inode))
		return;
	if (to.socket >= 0)
		close(to.socket);
	to.device = now.st_dev;
	to.inode = now.st_ino;
	to.socket = connect_to(path, SOCK_DGRAM);
	/* Some daemons of syslog take a stream, as with syslog(3). */
	to.is_stream = to.socket < 0 && to.target == TO_SYSLOG;
	if (to.is_stream)
		to.socket = connect_to(path, SOCK_STREAM);
}

void
log_open(int connection)
{
	/* A reader that is gone, and a file that may not grow, are errors. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (stderr_is_unfit(connection))
		to.target = TO_SYSLOG;
	else if (stderr_is_journal())
		to.target = TO_JOURNAL;
	log_follow();
}

/*
 * Text that grows in a buffer and stops when that is full.  Only `len` is set
 * at first: zeros for all of it were a sixth of the instructions of a mail.
 * One thread logs; a line on its stack would be two page faults more.
 */
static struct line {
	size_t len;
	char text[LINE_SIZE];
} one_line;

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

/* Writes it at the end of `digits`. */
static struct span
format_number(char digits[20], uint64_t n)
{
	size_t first = 20;

	do
		digits[--first] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	return (struct span){ digits + first, 20 - first };
}

static void
add_number(struct line *l, uint64_t n)
{
	char digits[20];
	struct span text = format_number(digits, n);

	add(l, text.p, text.len);
}

/*
 * Writes what stands before a line.  The journal's stream takes "<N>"
 * (sd-daemon(3)).  A line to syslog has no time: the daemon stamps it, whatever
 * our time zone is.
 */
static void
begin_line(struct line *l, int priority)
{
	l->len = 0;
	if (to.target == TO_STDERR) {
		add_text(l, program);
		add_text(l, ": ");
		return;
	}
	add_text(l, "<");
	add_number(l, (uint64_t)(to.target == TO_SYSLOG ? LOG_MAIL | priority
							: priority));
	add_text(l, ">");
	if (to.target == TO_SYSLOG) {
		add_text(l, program);
		add_text(l, "[");
		add_number(l, (uint64_t)getpid());
		add_text(l, "]: ");
	}
}

/* Sends to the socket.  False: it was not taken. */
static bool
send_all(const struct line *l)
{
	ssize_t n;

	do
		n = send(to.socket, l->text, l->len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0;
}

/*
 * Writes one line.  On stderr that is one write(), so the lines of processes do
 * not mix.
 */
static void
end_line(struct line *l, int priority)
{
	if (to.target == TO_SYSLOG) {
		if (to.is_stream)
			add(l, "", 1);
		send_all(l);
		return;
	}
	if (to.target == TO_STDERR && priority == LOG_DEBUG)
		return;
	if (l->len == sizeof l->text)
		l->len--;
	add_text(l, "\n");
	while (write(STDERR_FILENO, l->text, l->len) < 0 && errno == EINTR)
		;
}

/* Without the character at the end that was cut in two. */
static size_t
trim_cut(const char *text, size_t len)
{
	for (size_t back = 1; back <= 3 && back <= len; back++) {
		const char *p = text + len - back;

		if ((*p & 0xC0) == 0xC0)
			return utf8_len((struct span){ p, back }) ? len
								  : len - back;
	}
	return len;
}

void
log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	begin_line(&one_line, priority);
	add(&one_line, text, trim_cut(text, strlen(text)));
	end_line(&one_line, priority);
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

static void
put_escaped(struct log_entry *e, unsigned char octet)
{
	static const char hex[] = "0123456789abcdef";

	put(e, '\\');
	put(e, 'x');
	put(e, hex[octet >> 4]);
	put(e, hex[octet & 15]);
}

/* Octets of the character in front, whatever it is. */
static size_t
whole_len(struct span text)
{
	size_t len = utf8_len(text);

	return len > 0 ? len : 1;
}

void
log_text(struct log_entry *e, const char *name, struct span value)
{
	size_t start = e->len, end = start + VALUE_MAX;
	size_t len;

	if (e->nfields == LOG_FIELDS_MAX)
		return;
	if (end > sizeof e->text)
		end = sizeof e->text;
	for (; value.len > 0; value.p += len, value.len -= len) {
		bool shown = *value.p != '\\' && codepoint_visible_len(value);

		len = whole_len(value);
		if (e->len + (shown ? len : 4 * len) > end)
			break;
		for (size_t i = 0; i < len; i++) {
			if (shown)
				put(e, value.p[i]);
			else
				put_escaped(e, (unsigned char)value.p[i]);
		}
	}
	e->fields[e->nfields++] =
	    (struct log_field){ name, { e->text + start, e->len - start } };
}

void
log_number(struct log_entry *e, const char *name, uint64_t n)
{
	char digits[20];

	log_text(e, name, format_number(digits, n));
}

/* Quotes a value that could be read as more than one. */
static bool
needs_quotes(struct span value)
{
	return value.len == 0 || memchr(value.p, ' ', value.len) ||
	       memchr(value.p, '"', value.len) ||
	       memchr(value.p, '=', value.len);
}

/* "stored message=42 client=192.0.2.1 ..." */
static void
add_entry(struct line *line, const struct log_entry *e)
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

/* Writes a field of the journal; its value has no newline (see log_text). */
static void
add_field(struct line *l, const char *name, struct span value)
{
	add_text(l, name);
	add_text(l, "=");
	add(l, value.p, value.len);
	add_text(l, "\n");
}

/* Whole, or not at all: the journal takes no entry with half a field. */
static void
add_own_field(struct line *l, const struct log_field *f)
{
	static const char prefix[] = "SMTPD_";

	if (l->len + sizeof prefix + strlen(f->name) + f->value.len + 2 >
	    sizeof l->text)
		return;
	add_text(l, prefix);
	for (const char *p = f->name; *p; p++) {
		char upper = (char)(*p - 'a' + 'A');

		add(l, *p >= 'a' && *p <= 'z' ? &upper : p, 1);
	}
	add_field(l, "", f->value);
}

/*
 * Sends the entry to the journal in its own protocol: one datagram of fields,
 * with ours as SMTPD_CLIENT= and so on (systemd.journal-fields(7)).  False: it
 * was not taken.
 */
static bool
send_journal(const struct log_entry *e)
{
	char priority = (char)('0' + events[e->event].priority);
	struct line *l = &one_line;

	if (to.socket < 0)
		return false;
	l->len = 0;
	add_text(l, "MESSAGE=");
	add_entry(l, e);
	add_text(l, "\n");
	add_field(l, "MESSAGE_ID", span_of(events[e->event].message_id));
	add_field(l, "PRIORITY", (struct span){ &priority, 1 });
	add_field(l, "SYSLOG_IDENTIFIER", span_of(program));
	for (size_t i = 0; i < e->nfields; i++)
		add_own_field(l, &e->fields[i]);
	return send_all(l);
}

void
log_end(const struct log_entry *e)
{
	int priority = events[e->event].priority;

	if (to.target == TO_JOURNAL && send_journal(e))
		return;
	begin_line(&one_line, priority);
	add_entry(&one_line, e);
	end_line(&one_line, priority);
}

int
log_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EX_OK;
	/* As SIGPIPE would have ended us, were it not ignored. */
	if (errno != EPIPE)
		log_line(LOG_ERR, "standard output: %s", strerror(errno));
	return EX_IOERR;
}
