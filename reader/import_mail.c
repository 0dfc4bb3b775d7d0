#include "import_mail.h"

#include <stdlib.h>
#include <string.h>

#include "../mail/utf8.h"
#include "../mime/mime.h"
#include "envelope_field.h"
#include "line_ends.h"

/*
 * Line ends
 */

/* Returns a copy in which CRLF stands for each LF; to be freed. */
static struct span
with_crlf(struct span text)
{
	size_t line_feeds = 0, len = 0;
	char *p;

	for (size_t i = 0; i < text.len; i++)
		line_feeds += text.p[i] == '\n';
	p = malloc(text.len + line_feeds + 1);
	for (size_t i = 0; p && i < text.len; i++) {
		if (text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'))
			p[len++] = '\r';
		p[len++] = text.p[i];
	}
	if (p)
		p[len] = '\0';
	return (struct span){ p, len };
}

static struct span
copy_of(struct span text)
{
	char *p = malloc(text.len + 1);

	if (p) {
		memcpy(p, text.p, text.len);
		p[text.len] = '\0';
	}
	return (struct span){ p, text.len };
}

/*
 * One mail
 */

/* What stands before the field becomes the column `trace`, which is text. */
static bool
is_trace(struct span text)
{
	while (text.len > 0) {
		size_t len = strchr("\r\n\t", *text.p) && *text.p
				 ? 1
				 : utf8_printable_len(text);

		if (len == 0)
			return false;
		text.p += len;
		text.len -= len;
	}
	return true;
}

/*
 * Restores the octets that the client sent.  False: the field is not in order.
 */
static bool
restore_data(
    const struct envelope_form *form, struct span text, struct archive_mail *m)
{
	struct text data = { 0 };
	struct span copy;

	if (form->open && text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (form->open && text.len > 0 && text.p[text.len - 1] == '\r')
		text.len--; /* added by who converted the file to CRLF */
	if (form->ends.len > 0) {
		struct span ends = { form->ends.p, form->ends.len };

		if (!line_ends_bring_back(text, ends, &data)) {
			text_free(&data);
			return false;
		}
		m->len = data.len;
		m->data = text_take(&data);
		return true;
	}
	copy = form->line_feeds ? with_crlf(text) : copy_of(text);
	m->data = (char *)copy.p;
	m->len = copy.len;
	return m->data;
}

/* Makes the row that was exported.  False: the field is not in order. */
static bool
restore(struct span mail, struct archive_mail *m)
{
	struct span before, field, behind, trace;
	struct envelope_form form = { 0 };
	bool ok = envelope_find(mail, &before, &field, &behind) &&
		  envelope_read(field, m, &form) && is_trace(before) &&
		  restore_data(&form, behind, m);

	text_free(&form.ends);
	if (!ok)
		return false;
	trace = form.line_feeds ? with_crlf(before) : copy_of(before);
	m->trace = (char *)trace.p;
	return m->trace;
}

/* Returns the address of a field "<a@b>" or "a@b"; NULL: there is none. */
static const char *
read_address(struct envelope *e, char *value)
{
	char *end;

	if (!value)
		return NULL;
	if (*value == '<')
		value++;
	end = strchr(value, '>');
	if (end)
		*end = '\0';
	return envelope_is_path(value) ? envelope_text(e, span_of(value))
				       : NULL;
}

static const char *
find_address(
    struct envelope *e, const struct mime *mime, const char *const *names)
{
	const char *address = NULL;

	for (; *names && !address; names++) {
		char *value = mime_field(mime, *names);

		address = read_address(e, value);
		free(value);
	}
	return address;
}

/* Takes the envelope from the fields of delivery agents; To is no envelope. */
static bool
find_envelope(
    const struct import_source *s, const struct mime *mime, struct envelope *e)
{
	static const char *const senders[] = { "Return-Path", NULL };
	static const char *const recipients[] = {
		"X-Original-To",
		"Delivered-To",
		"Envelope-To",
		NULL,
	};
	struct recipient r = { .forward_path = s->recipient };

	e->reverse_path = s->sender;
	if (!e->reverse_path)
		e->reverse_path = find_address(e, mime, senders);
	if (!e->reverse_path)
		e->reverse_path = envelope_text(e, span_of(s->from));
	if (!r.forward_path)
		r.forward_path = find_address(e, mime, recipients);
	return e->reverse_path && r.forward_path && *r.forward_path &&
	       envelope_add(e, &r) == 0;
}

/* Makes a row of a mail that has no envelope.  False: none can be found. */
static bool
invent(const struct import_source *s, struct span mail, struct archive_mail *m)
{
	struct envelope *e = &m->envelope;
	struct span data = with_crlf(mail);
	struct mime *mime;
	bool ok;

	m->data = (char *)data.p;
	m->len = data.len;
	m->trace = strdup("");
	m->client_address = strdup("local");
	if (!m->data || !m->trace || !m->client_address)
		return false;
	m->received_at = s->date;
	e->helo = "";
	e->verb = "MAIL";
	e->protocol = "SMTP";
	e->body_type = "8BITMIME";
	mime = mime_open(data);
	ok = find_envelope(s, mime, e);
	mime_free(mime);
	return ok;
}

static bool
has_envelope(const struct import_source *s, struct span mail)
{
	struct span before, field, behind;

	return !s->recipient && envelope_find(mail, &before, &field, &behind);
}

const char *
import_read(
    const struct import_source *s, struct span mail, struct archive_mail *ret)
{
	bool restores = has_envelope(s, mail);

	if (!(restores ? restore(mail, ret) : invent(s, mail, ret))) {
		archive_mail_reset(ret);
		return restores ? ": X-Smtpd-Envelope is damaged"
				: " has no envelope; say --recipient=ADDRESS";
	}
	ret->envelope.size = ret->len;
	return NULL;
}
