#include "envelope_field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mail/address.h"
#include "../mail/ip.h"
#include "../mail/peer.h"
#include "../mail/protocol.h"
#include "../mail/scan.h"
#include "../mail/utf8.h"

enum {
	ENDS_MAX = 64, /* octets of a word that tells line ends */
};

static const char field_name[] = "X-Smtpd-Envelope:";

/*
 * Writing
 */

static void
write_word(FILE *f, const char *name, const char *value)
{
	if (!value)
		return;
	fprintf(f, " %s=", name);
	for (; *value; value++) {
		if (*value > 0x20 && *value < 0x7F && *value != '%')
			fputc(*value, f);
		else
			fprintf(f, "%%%02X", (unsigned char)*value);
	}
}

static void
write_recipient(FILE *f, const struct recipient *r)
{
	/* The blank that a word begins with is that of a folded line. */
	fputs("\r\n", f);
	write_word(f, "to", r->forward_path);
	write_word(f, "notify", r->notify);
	write_word(f, "orcpt", r->original_recipient);
	write_word(f, "mailbox", r->mailbox);
}

/*
 * Writes the line ends as one or more words "ends=", each of which fits into a
 * line; a reader joins them.
 */
static void
write_ends(FILE *f, const struct envelope_form *form)
{
	struct span rest = { form->ends.p, form->ends.len };

	while (rest.len > 0) {
		size_t len = rest.len < ENDS_MAX ? rest.len : ENDS_MAX;

		fprintf(f, "\r\n ends=%.*s", (int)len, rest.p);
		rest.p += len;
		rest.len -= len;
	}
}

/* clang-format off */
/* Facts that have a word of their own. */
static const struct {
	const char *name;
	enum fact fact;
} facts[] = {
	{ "account",     FACT_ACCOUNT },
	{ "tls",         FACT_TLS },
	{ "certificate", FACT_CLIENT_SUBJECT },
};
/* clang-format on */

/* Writes a line for each of them that the mail has. */
static void
write_security(FILE *f, const struct archive_mail *m)
{
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		if (!facts_has(&m->facts, facts[i].fact))
			continue;
		fputs("\r\n", f);
		write_word(f, facts[i].name, m->facts.text[facts[i].fact]);
	}
	if (m->envelope.claimed_as) {
		fputs("\r\n", f);
		write_word(f, "claimed", m->envelope.claimed_as);
	}
	if (m->envelope.requiretls)
		fputs("\r\n requiretls=1", f);
}

char *
envelope_write(const struct archive_mail *m, const struct envelope_form *form)
{
	const struct envelope *e = &m->envelope;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "%s v=1 id=%lld received=%lld", field_name, (long long)m->id,
	    (long long)m->received_at);
	write_word(f, "client", m->client_address);
	fprintf(f, " port=%d\r\n smtputf8=%d lines=%s open=%d", m->client_port,
	    e->smtputf8, form->line_feeds ? "lf" : "crlf", form->open);
	write_word(f, "protocol", e->protocol);
	write_word(f, "verb", e->verb);
	write_word(f, "body", e->body_type);
	write_word(f, "envid", e->envelope_id);
	write_word(f, "ret", e->dsn_return);
	write_ends(f, form);
	write_security(f, m);
	fputs("\r\n", f);
	write_word(f, "helo", e->helo);
	fputs("\r\n", f);
	write_word(f, "from", e->reverse_path);
	for (unsigned i = 0; i < e->nrecipients; i++)
		write_recipient(f, &e->recipients[i]);
	fputs("\r\n end=1\r\n", f);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/*
 * Finding
 */

/* Returns the octets of the next line with its LF. */
static size_t
line_len(struct span text)
{
	const char *end = memchr(text.p, '\n', text.len);

	return end ? (size_t)(end - text.p) + 1 : text.len;
}

static bool
is_folded(struct span text)
{
	return text.len > 0 && (*text.p == ' ' || *text.p == '\t');
}

static void
skip(struct span *text, size_t len)
{
	text->p += len;
	text->len -= len;
}

/* Does the line end in " end=1"? */
static bool
is_last(struct span line)
{
	static const char last[] = " end=1";
	size_t len = strlen(last);

	while (line.len > 0 && strchr("\r\n", line.p[line.len - 1]))
		line.len--;
	return line.len >= len &&
	       memcmp(line.p + line.len - len, last, len) == 0;
}

/*
 * The field ends behind "end=1".  The mail that follows can begin with a
 * blank, and its first line must not be taken for a folded line of the field.
 */
static void
skip_field(struct span *text)
{
	bool last;

	do {
		size_t len = line_len(*text);

		last = is_last((struct span){ text->p, len });
		skip(text, len);
	} while (!last && is_folded(*text));
}

bool
envelope_find(struct span mail, struct span *ret_before, struct span *ret_field,
    struct span *ret_behind)
{
	struct span rest = mail;

	while (rest.len > 0 && *rest.p != '\n' && *rest.p != '\r') {
		struct span field = rest;
		bool ours = span_skip(&field, field_name);

		if (ours)
			skip_field(&rest);
		else
			skip(&rest, line_len(rest));
		field.len = (size_t)(rest.p - field.p);
		if (!ours)
			continue;
		ret_before->p = mail.p;
		ret_before->len =
		    (size_t)(field.p - mail.p) - strlen(field_name);
		*ret_field = field;
		*ret_behind = rest;
		return true;
	}
	return false;
}

/*
 * Reading
 */

/* Decodes in place.  False: "%" without a number, or NUL. */
static bool
decode(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		if (scan_hex_value(p[1]) < 0 || scan_hex_value(p[2]) < 0)
			return false;
		*to = (char)(scan_hex_value(p[1]) * 16 + scan_hex_value(p[2]));
		if (*to++ == '\0')
			return false;
		p += 2;
	}
	*to = '\0';
	return true;
}

static bool
is_one_of(const char *value, const char *const *values)
{
	for (; *values; values++) {
		if (strcmp(value, *values) == 0)
			return true;
	}
	return false;
}

bool
envelope_is_path(const char *path)
{
	char text[ADDRESS_PATH_MAX + 4];
	struct span rest;
	struct address_path parsed;

	if (*path == '\0')
		return true;
	if (snprintf(text, sizeof text, "<%s>", path) >= (int)sizeof text)
		return false;
	rest = span_of(text);
	return address_read_path(&rest, ADDRESS_LENIENT, &parsed) ==
		   ADDRESS_OK &&
	       rest.len == 0;
}

static bool
is_client(const char *value)
{
	struct ip ip;

	return peer_is_name(value) || ip_read(value, &ip);
}

struct reader {
	struct archive_mail *mail;
	struct envelope_form *form;
	struct recipient recipient; /* being read; nothing before "to=" */
	bool has_recipient;
	bool has_version;
	bool has_end;
};

/* Adds the recipient that has been read, if any.  False: it cannot be added. */

static bool
end_recipient(struct reader *r)
{
	bool ok = !r->has_recipient ||
		  envelope_add(&r->mail->envelope, &r->recipient) == 0;

	r->has_recipient = false;
	r->recipient = (struct recipient){ 0 };
	return ok;
}

static bool
read_number(const char *value, uint64_t max, uint64_t *ret)
{
	return span_number(span_of(value), ret) && *ret <= max;
}

/*
 * Takes a word that is no text of the envelope; `*ret_taken`: it is one of
 * these.  False: it cannot have this value.
 */
static bool
take_plain(
    struct reader *r, const char *name, const char *value, bool *ret_taken)
{
	struct archive_mail *m = r->mail;
	uint64_t n = 0;
	bool ok = true;

	*ret_taken = true;
	if (strcmp(name, "v") == 0)
		r->has_version = ok = strcmp(value, "1") == 0;
	else if (strcmp(name, "end") == 0)
		r->has_end = true;
	else if (strcmp(name, "received") == 0) {
		ok = read_number(value, INT64_MAX, &n);
		m->received_at = (int64_t)n;
	} else if (strcmp(name, "port") == 0) {
		ok = read_number(value, 65535, &n);
		m->client_port = (int)n;
	} else if (strcmp(name, "smtputf8") == 0) {
		ok = read_number(value, 1, &n);
		m->envelope.smtputf8 = n;
	} else if (strcmp(name, "requiretls") == 0) {
		ok = read_number(value, 1, &n);
		m->envelope.requiretls = n;
	} else if (strcmp(name, "open") == 0) {
		ok = read_number(value, 1, &n);
		r->form->open = n;
	} else if (strcmp(name, "lines") == 0) {
		/* Older versions wrote "exact", before there was "ends". */
		r->form->line_feeds = strcmp(value, "lf") == 0;
		ok = r->form->line_feeds || strcmp(value, "crlf") == 0 ||
		     strcmp(value, "exact") == 0;
	} else if (strcmp(name, "ends") == 0) {
		text_add(&r->form->ends, span_of(value));
	} else if (strcmp(name, "client") == 0) {
		ok = is_client(value) && !m->client_address &&
		     (m->client_address = strdup(value));
	} else
		*ret_taken = false;
	return ok;
}

static const char *const verbs[] = { "MAIL", "SEND", "SOML", "SAML", NULL };
static const char *const body_types[] = {
	"7BIT",
	"8BITMIME",
	"BINARYMIME",
	NULL,
};
static const char *const returns[] = { "FULL", "HDRS", NULL };

static bool
is_text(const char *value)
{
	return *value == '\0' || utf8_is_printable(span_of(value));
}

/* Takes what the client had proved when the mail came. */
static bool
take_fact(
    struct reader *r, const char *name, const char *value, bool *ret_taken)
{
	*ret_taken = false;
	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
		if (strcmp(name, facts[i].name) != 0)
			continue;
		*ret_taken = true;
		if (*value == '\0' || strlen(value) >= FACT_SIZE ||
		    !is_text(value))
			return false;
		facts_set(&r->mail->facts, facts[i].fact, span_of(value));
	}
	return true;
}

/* Takes a word that is a text of the envelope. */
static bool
take_text(struct reader *r, const char *name, const char *value)
{
	struct envelope *e = &r->mail->envelope;
	/* clang-format off */
	const struct {
		const char *name;
		const char **field;
		const char *const *values;
		bool is_path;
	} texts[] = {
		{ "protocol", &e->protocol,                     protocol_names, false },
		{ "verb",     &e->verb,                         verbs,          false },
		{ "body",     &e->body_type,                    body_types,     false },
		{ "ret",      &e->dsn_return,                   returns,        false },
		{ "envid",    &e->envelope_id,                  NULL,           false },
		{ "claimed",  &e->claimed_as,                   NULL,           false },
		{ "helo",     &e->helo,                         NULL,           false },
		{ "from",     &e->reverse_path,                 NULL,           true },
		{ "to",       &r->recipient.forward_path,       NULL,           true },
		{ "notify",   &r->recipient.notify,             NULL,           false },
		{ "orcpt",    &r->recipient.original_recipient, NULL,           false },
		{ "mailbox",  &r->recipient.mailbox,            NULL,           true },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (strcmp(name, texts[i].name) != 0)
			continue;
		if (!is_text(value) ||
		    (texts[i].values && !is_one_of(value, texts[i].values)) ||
		    (texts[i].is_path && !envelope_is_path(value)))
			return false;
		*texts[i].field = envelope_text(e, span_of(value));
		return *texts[i].field;
	}
	return true; /* a word of a newer version */
}

static bool
take_word(struct reader *r, char *word)
{
	char *value = strchr(word, '=');
	bool taken, ok;

	if (!value)
		return false;
	*value++ = '\0';
	if (!decode(value))
		return false;
	if (strcmp(word, "to") == 0) {
		if (!end_recipient(r) || *value == '\0')
			return false;
		r->has_recipient = true;
	}
	ok = take_plain(r, word, value, &taken);
	if (!taken)
		ok = take_fact(r, word, value, &taken);
	return taken ? ok : take_text(r, word, value);
}

bool
envelope_read(
    struct span field, struct archive_mail *m, struct envelope_form *ret_form)
{
	struct reader r = { .mail = m, .form = ret_form };
	const struct envelope *e = &m->envelope;
	char *text = strndup(field.p, field.len);
	char *rest = text;
	bool ok = text;

	*ret_form = (struct envelope_form){ 0 };
	while (ok) {
		char *word = strsep(&rest, " \t\r\n");

		if (!word)
			break;
		if (*word != '\0')
			ok = take_word(&r, word);
	}
	ok = ok && end_recipient(&r);
	free(text);
	return ok && r.has_version && r.has_end && m->client_address &&
	       e->protocol && e->verb && e->body_type && e->helo &&
	       e->reverse_path && e->nrecipients > 0;
}
