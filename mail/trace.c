#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "address.h"

/* Appends to a text that has room for the longest lines (see trace_write). */
__attribute__((format(printf, 3, 4))) static void
append(char *text, size_t size, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

static bool
is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* The name from HELO or EHLO, if it may stand in a Received line. */
static const char *
from_domain(const char *helo)
{
	struct span name = span_of(helo);

	if (is_ascii(helo) && address_is_domain(name, ADDRESS_LENIENT))
		return helo;
	return "unknown";
}

/* RFC 5322 s. 3.3. */
static void
format_date(int64_t microseconds, char *ret, size_t size)
{
	time_t seconds = (time_t)(microseconds / 1000000);
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(ret, size, "%a, %d %b %Y %H:%M:%S +0000", &utc);
}

static void
write_before_id(const struct trace_mail *m, char *text, size_t size)
{
	const struct envelope *e = m->envelope;

	append(text, size, "Return-Path: <%s>\r\n", e->reverse_path);
	append(text, size, "Received: from %s", from_domain(e->helo));
	if (peer_has_address(m->peer))
		append(text, size, " ([%s%s])",
		    strchr(m->peer->address, ':') ? "IPv6:" : "",
		    m->peer->address);
	append(text, size, "\r\n\tby %s with %s id ", m->hostname, e->protocol);
}

/* The name of the cipher suite, which follows the version (RFC 8314 s. 4.3). */
static void
add_tls(const struct facts *f, char *text, size_t size)
{
	const char *cipher = f ? facts_cipher(f) : "";

	if (*cipher)
		append(text, size, "\r\n\ttls %s", cipher);
}

/* Adds the fields that a submitted mail must have (RFC 6409 s. 8). */
static void
add_missing(
    const struct trace_mail *m, const char *date, char *text, size_t size)
{
	const char *reverse_path = m->envelope->reverse_path;

	if (!m->header->has[HEADER_DATE])
		append(text, size, "Date: %s\r\n", date);
	if (!m->header->has[HEADER_FROM] && *reverse_path)
		append(text, size, "From: <%s>\r\n", reverse_path);
	else if (!m->header->has[HEADER_FROM])
		append(text, size, "From: <MAILER-DAEMON@%s>\r\n", m->hostname);
	if (!m->header->has[HEADER_MESSAGE_ID])
		append(text, size, "Message-ID: <%lld.%ld@%s>\r\n",
		    (long long)m->received_at, m->process_id, m->hostname);
}

/*
 * The longest lines come from a reverse-path and a forward-path of 256 octets,
 * a HELO and a host name of 255; twice that is less than 2048.
 */
void
trace_write(const struct trace_mail *mail, struct trace *ret)
{
	const struct envelope *e = mail->envelope;
	char date[64];

	ret->before_id[0] = ret->after_id[0] = '\0';
	format_date(mail->received_at, date, sizeof date);
	write_before_id(mail, ret->before_id, sizeof ret->before_id);

	/*
	 * Only a single recipient is named, since one of several could be a Bcc
	 * of the others.  A mail by SMTP or ESMTP has no UTF-8 here (RFC 6531
	 * s. 3.7.3).
	 */
	if (e->nrecipients == 1 &&
	    (e->smtputf8 || is_ascii(e->recipients[0].forward_path)))
		append(ret->after_id, sizeof ret->after_id, "\r\n\tfor <%s>",
		    e->recipients[0].forward_path);
	add_tls(mail->facts, ret->after_id, sizeof ret->after_id);
	append(ret->after_id, sizeof ret->after_id, ";\r\n\t%s\r\n", date);
	if (mail->header)
		add_missing(mail, date, ret->after_id, sizeof ret->after_id);
}
