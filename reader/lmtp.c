/*
 * One connection for each mail, one command at a time.  The caller learns
 * which mailboxes have the mail, so that a later try gives nobody a second
 * copy.
 */
#include "lmtp.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../clock.h"
#include "connect.h"
#include "line_ends.h"
#include "private.h"
#include "rights.h"
#include "terminal.h"

enum {
	TIMEOUT_SEC =
	    600, /* as long as DATA's end may take (RFC 5321 s. 4.5.3.2.6) */
	REPLY_MAX = 1024,
	LINE_OCTETS_MAX = 65536, /* a longer line is no reply */
	/* Lines of one reply, of which LHLO has the most. */
	REPLY_LINES_MAX = 200,
};

struct lmtp {
	const char *where;
	int fd;
	FILE *out;
	/* Read, and not yet looked at: from `at` on. */
	char input[REPLY_MAX];
	size_t at, len;
	char reply[REPLY_MAX]; /* the last line of it */
	const char *why;       /* why there is no reply */
	bool has_8bitmime, has_smtputf8;
	bool lost; /* the server, not the mail, is the trouble */
};

static int
start(struct lmtp *l)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_SEC };
	const char *cause = "";
	int copy;

	rights_begin();
	l->fd = connect_to(l->where, &cause);
	rights_end();
	if (l->fd < 0)
		return smtpdb_fail(EX_TEMPFAIL, "%s: %s", l->where, cause);
	setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	copy = dup(l->fd);
	l->out = copy < 0 ? NULL : fdopen(copy, "w");
	if (!l->out)
		return smtpdb_fail_errno(EX_OSERR, l->where);
	return EX_OK;
}

/*
 * Commands
 */

static void
note_keyword(struct lmtp *l, const char *keyword)
{
	struct span line = span_of(keyword);
	struct span word = span_word(&line);

	l->has_8bitmime |= span_is(word, "8BITMIME");
	l->has_smtputf8 |= span_is(word, "SMTPUTF8");
}

/* A server's replies are printed on a terminal. */
static void
make_harmless(char *reply)
{
	for (; *reply; reply++) {
		if (*reply < ' ' || *reply > '~')
			*reply = '?';
	}
}

/* Notes why there is no reply. */
static int
fail_reply(struct lmtp *l, const char *why)
{
	l->why = why;
	return -1;
}

/* Returns the next octet, or -1 after noting why there is none. */
static int
read_octet(struct lmtp *l, int64_t until)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };

	while (l->at == l->len) {
		int64_t left = until - clock_ms();
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
		ssize_t n;

		if (ready == 0)
			return fail_reply(l, "it takes too long");
		if (ready < 0)
			return fail_reply(l, strerror(errno));
		n = recv(l->fd, l->input, sizeof l->input, MSG_DONTWAIT);
		if (n == 0)
			return fail_reply(l, "it closed the connection");
		if (n < 0 && errno != EAGAIN)
			return fail_reply(l, strerror(errno));
		l->at = 0;
		l->len = n > 0 ? (size_t)n : 0;
	}
	return (unsigned char)l->input[l->at++];
}

/* The next line, its end removed; what is too long is cut.  False: none. */
static bool
read_line(struct lmtp *l, int64_t until)
{
	size_t len = 0, octets = 0;
	int c;

	while ((c = read_octet(l, until)) >= 0 && c != '\n') {
		if (++octets > LINE_OCTETS_MAX)
			return fail_reply(l, "it has no end"), false;
		if (len + 1 < sizeof l->reply && c != '\r')
			l->reply[len++] = (char)c;
	}
	l->reply[len] = '\0';
	make_harmless(l->reply);
	if (c < 0)
		return false;
	l->why = "what it says is no reply";
	return len >= 3 && isdigit((unsigned char)l->reply[0]);
}

/*
 * Reads a reply to its end and returns its code; 0: there is none.  The
 * deadline is for all of it, however slowly it comes.
 */
static int
read_reply(struct lmtp *l)
{
	int64_t until = clock_ms() + (int64_t)TIMEOUT_SEC * 1000;

	for (int nlines = 0; nlines < REPLY_LINES_MAX; nlines++) {
		if (!read_line(l, until))
			return 0;
		if (strlen(l->reply) > 4)
			note_keyword(l, l->reply + 4);
		if (l->reply[3] != '-')
			return atoi(l->reply);
	}
	l->why = "it has no end";
	return 0;
}

/*
 * EX_OK where the reply's first digit is as wanted.  A reply is read even
 * after a failed write: a server that has closed the connection may have said
 * why.
 */
static int
expect(struct lmtp *l, char wanted, const char *what)
{
	const char *trouble = fflush(l->out) != 0 ? strerror(errno) : NULL;
	int code = read_reply(l);

	if (code == 0) {
		l->lost = true;
		return smtpdb_fail(EX_TEMPFAIL, "%s: no reply to %s: %s",
		    l->where, what, trouble ? trouble : l->why);
	}
	if (code / 100 == wanted - '0')
		return EX_OK;
	l->lost |= code == 421;
	return smtpdb_fail(code / 100 == 5 ? EX_UNAVAILABLE : EX_TEMPFAIL,
	    "%s: %s: %s", l->where, what, l->reply);
}

/* The same, where it is about one mailbox. */
static int
expect_for(struct lmtp *l, const char *mailbox, const char *what)
{
	char *safe = terminal_safe(span_of(mailbox), TERMINAL_LINE);
	char of[512];
	int status;

	snprintf(of, sizeof of, "%s for <%s>", what, safe);
	free(safe);
	status = expect(l, '2', of);
	return status;
}

__attribute__((format(printf, 2, 3))) static void
say(struct lmtp *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(l->out, format, args);
	va_end(args);
	fputs("\r\n", l->out);
}

/*
 * The mail
 */

static bool
put_file(void *arg, struct span piece)
{
	return fwrite(piece.p, 1, piece.len, arg) == piece.len;
}

/*
 * Where a write fails, octets are missing, so nothing may follow them: with its
 * end, the mail would be a whole one to the server.
 */
static int
send_mail(struct lmtp *l, const struct archive_mail *m)
{
	struct sink to = { put_file, l->out };
	struct span data = { m->data, m->len };
	bool at_start = true;
	int error;

	if (line_convert_to_smtp(span_of(m->trace), &at_start, to) &&
	    line_convert_to_smtp(data, &at_start, to) &&
	    fputs(at_start ? ".\r\n" : "\r\n.\r\n", l->out) >= 0 &&
	    fflush(l->out) == 0)
		return EX_OK;
	error = errno;
	shutdown(l->fd, SHUT_WR);
	if (error == EPIPE || error == ECONNRESET)
		return EX_OK; /* the server may have said why */
	l->lost = true;
	return smtpdb_fail(
	    EX_TEMPFAIL, "%s: sending the mail: %s", l->where, strerror(error));
}

/* A failure that is to be tried again counts more than a refusal. */
static int
worse(int a, int b)
{
	return a == EX_OK || b == EX_TEMPFAIL ? b : a;
}

static bool
is_ascii(const char *text)
{
	while (*text && !(*text & 0x80))
		text++;
	return !*text;
}

/*
 * Does an address need SMTPUTF8?  smtpd accepts such addresses without it,
 * too.
 */
static bool
needs_utf8(const struct envelope *e)
{
	bool needed = e->smtputf8 || !is_ascii(e->reverse_path);

	for (unsigned i = 0; i < e->nrecipients && !needed; i++)
		needed = !is_ascii(recipient_mailbox(&e->recipients[i]));
	return needed;
}

/*
 * Sends MAIL, and RCPT for each recipient that lacks the mail; sets `taken`
 * for those that the server accepts.
 */
static int
send_envelope(
    struct lmtp *l, const struct envelope *e, const bool *had, bool *taken)
{
	int worst;

	say(l, "MAIL FROM:<%s>%s%s", e->reverse_path,
	    l->has_8bitmime ? " BODY=8BITMIME" : "",
	    l->has_smtputf8 && needs_utf8(e) ? " SMTPUTF8" : "");
	worst = expect(l, '2', "MAIL");
	if (worst != EX_OK)
		return worst;
	for (unsigned i = 0; i < e->nrecipients && !l->lost; i++) {
		const char *mailbox = recipient_mailbox(&e->recipients[i]);
		int status;

		if (had[i])
			continue;
		say(l, "RCPT TO:<%s>", mailbox);
		status = expect_for(l, mailbox, "RCPT");
		taken[i] = status == EX_OK;
		worst = worse(worst, status);
	}
	return worst;
}

/* Every recipient that was taken has a reply of its own (RFC 2033 s. 4.2). */
static int
read_verdicts(
    struct lmtp *l, const struct envelope *e, const bool *taken, bool *had)
{
	int worst = EX_OK;

	for (unsigned i = 0; i < e->nrecipients && !l->lost; i++) {
		int status;

		if (!taken[i])
			continue;
		status = expect_for(
		    l, recipient_mailbox(&e->recipients[i]), "the mail");
		had[i] = status == EX_OK;
		worst = worse(worst, status);
	}
	return worst;
}

static int
greet(struct lmtp *l)
{
	int status = expect(l, '2', "the connection");

	if (status == EX_OK) {
		say(l, "LHLO localhost");
		status = expect(l, '2', "LHLO");
	}
	l->lost = status != EX_OK;
	return status;
}

static bool
is_any(const bool *taken, unsigned n)
{
	while (n > 0 && !taken[n - 1])
		n--;
	return n > 0;
}

static int
converse(struct lmtp *l, const struct archive_mail *m, bool *had, bool *taken)
{
	const struct envelope *e = &m->envelope;
	int status = greet(l), data;

	if (status == EX_OK)
		status = send_envelope(l, e, had, taken);
	if (l->lost || !is_any(taken, e->nrecipients))
		return status;
	say(l, "DATA");
	data = expect(l, '3', "DATA");
	if (data == EX_OK)
		data = send_mail(l, m);
	if (data == EX_OK)
		data = read_verdicts(l, e, taken, had);
	return worse(status, data);
}

int
lmtp_deliver(
    const char *where, const struct archive_mail *m, bool *had, bool *ret_lost)
{
	struct lmtp l = { .where = where, .fd = -1 };
	bool *taken = calloc(m->envelope.nrecipients + 1, sizeof *taken);
	int status;

	*ret_lost = true;
	if (!taken)
		return smtpdb_fail_errno(EX_OSERR, where);
	status = start(&l);
	l.lost = status != EX_OK;
	if (status == EX_OK) {
		status = converse(&l, m, had, taken);
		say(&l, "QUIT");
		fflush(l.out);
	}
	if (l.fd >= 0)
		close(l.fd);
	if (l.out)
		fclose(l.out);
	free(taken);
	*ret_lost = l.lost;
	return status;
}
