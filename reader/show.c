/*
 * show and raw: mails as a person reads them, and as they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mime/json.h"
#include "../mime/mime.h"
#include "distinct.h"
#include "options.h"
#include "private.h"
#include "terminal.h"

struct view {
	const struct archive_mail *mail;
	const struct mime *mime;
	struct terminal terminal;
	bool all_fields;
};

static void
print_field(const struct view *v, struct span name, const char *value)
{
	if (v->terminal.colour)
		fputs("\033[1m", stdout);
	terminal_print(name, TERMINAL_LINE);
	if (name.len > 0)
		putchar(':');
	if (v->terminal.colour)
		fputs("\033[0m", stdout);
	if (name.len > 0)
		putchar(' ');
	terminal_print(span_of(value), TERMINAL_LINE);
	putchar('\n');
}

/*
 * Prints the fields that people look at, in this order.  False: there are
 * none.
 */
static bool
print_some_fields(const struct view *v)
{
	static const char *const names[] = {
		"From",
		"Reply-To",
		"To",
		"Cc",
		"Date",
		"Subject",
	};
	bool found = false;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *value = mime_field(v->mime, names[i]);

		if (value)
			print_field(v, span_of(names[i]), value);
		found |= value != NULL;
		free(value);
	}
	return found;
}

static void
print_all_fields(const struct view *v)
{
	struct header_fields f = mime_fields(v->mime);
	struct span name, raw;

	while (header_next(&f, &name, &raw)) {
		char *value = mime_decode(raw);

		print_field(v, name, value);
		free(value);
	}
}

/* Prints all fields where text of the mail may be taken for one. */
static void
print_header(const struct view *v)
{
	if (v->all_fields || mime_is_header_open(v->mime) ||
	    !print_some_fields(v))
		print_all_fields(v);
}

/*
 * Counts the rows from `i` on that are of one RCPT: the mailboxes of an alias.
 */
static unsigned
count_ways(const struct envelope *e, unsigned i)
{
	unsigned n = 1;

	while (i + n < e->nrecipients &&
	       strcmp(e->recipients[i].forward_path,
		   e->recipients[i + n].forward_path) == 0)
		n++;
	return n;
}

/*
 * Prints "<all@x> went to bob@x, carl@x" where the tables have led it
 * elsewhere.
 */
static void
print_way(const struct recipient *r, unsigned n)
{
	if (n == 1 && strcasecmp(r->forward_path, recipient_mailbox(r)) == 0)
		return;
	putchar('<');
	terminal_print(span_of(r->forward_path), TERMINAL_LINE);
	fputs("> went to", stdout);
	for (unsigned i = 0; i < n; i++) {
		fputs(i > 0 ? ", " : " ", stdout);
		terminal_print(
		    span_of(recipient_mailbox(&r[i])), TERMINAL_LINE);
	}
	putchar('\n');
}

static void
print_ways(const struct envelope *e)
{
	struct distinct seen = { 0 };
	unsigned n;

	for (unsigned i = 0; i < e->nrecipients; i += n) {
		n = count_ways(e, i);
		if (distinct_add(&seen, e->recipients[i].forward_path))
			print_way(&e->recipients[i], n);
	}
	distinct_reset(&seen);
}

/* Prints a line, unless `text` is NULL or empty. */
static void
print_known(const char *what, const char *text)
{
	if (!text || *text == '\0')
		return;
	fputs(what, stdout);
	terminal_print(span_of(text), TERMINAL_LINE);
	putchar('\n');
}

/* Prints who sent it, as TLS and AUTH say. */
static void
print_security(const struct archive_mail *m)
{
	print_known("authenticated as ", m->facts.text[FACT_ACCOUNT]);
	print_known("claimed to be ", m->envelope.claimed_as);
	print_known("inside ", m->facts.text[FACT_TLS]);
	print_known(
	    "with the certificate ", m->facts.text[FACT_CLIENT_SUBJECT]);
	if (m->envelope.requiretls)
		puts("to be passed on inside TLS alone (REQUIRETLS)");
}

/* Prints what MAIL and RCPT said: "<a@x> to <b@y>, <c@z>". */
static void
print_envelope(const struct view *v)
{
	const struct archive_mail *m = v->mail;
	const struct envelope *e = &m->envelope;
	struct distinct seen = { 0 };
	char time[TERMINAL_TIME_MAX];

	terminal_time(m->received_at, time);
	printf("%s %lld, received %s from ", e->verb, (long long)m->id, time);
	terminal_print(span_of(m->client_address), TERMINAL_LINE);
	fputs("\n<", stdout);
	terminal_print(span_of(e->reverse_path), TERMINAL_LINE);
	fputs("> to", stdout);
	for (unsigned i = 0; i < e->nrecipients; i++) {
		const char *path = e->recipients[i].forward_path;

		if (!distinct_add(&seen, path))
			continue;
		fputs(i > 0 ? ", <" : " <", stdout);
		terminal_print(span_of(path), TERMINAL_LINE);
		putchar('>');
	}
	distinct_reset(&seen);
	putchar('\n');
	print_ways(e);
	print_security(m);
	print_known("put aside: ", m->quarantine);
}

static void
print_text(const struct mime_part *part)
{
	struct terminal_text text = { .form = TERMINAL_TEXT };

	mime_text(part, terminal_sink(&text));
	terminal_end(&text);
}

static void
print_part(const struct view *v, size_t i)
{
	const struct mime_part *part = mime_part(v->mime, i);
	char size[TERMINAL_SIZE_MAX];

	terminal_size((int64_t)mime_size(part), size);
	printf("[%zu] ", i + 1);
	terminal_print(span_of(part->type), TERMINAL_LINE);
	printf(", %s", size);
	if (part->name) {
		fputs(", ", stdout);
		terminal_print(span_of(part->name), TERMINAL_LINE);
	}
	if (part->is_html)
		printf(" (smtpdb show --html %lld)", (long long)v->mail->id);
	putchar('\n');
}

static void
print_parts(const struct view *v)
{
	bool begun = false;

	if (mime_is_cut(v->mime))
		printf("\nOf so many parts only %zu are told apart; the last "
		       "is all the rest.\n",
		    mime_nparts(v->mime));
	for (size_t i = 0; i < mime_nparts(v->mime); i++) {
		if (!mime_part(v->mime, i)->is_listed)
			continue;
		if (!begun)
			printf("\nParts, for smtpdb extract %lld PART:\n",
			    (long long)v->mail->id);
		begun = true;
		print_part(v, i);
	}
}

static void
print_mail(const struct view *v)
{
	print_envelope(v);
	putchar('\n');
	print_header(v);
	putchar('\n');
	for (size_t i = 0; i < mime_nparts(v->mime); i++) {
		if (mime_part(v->mime, i)->is_body)
			print_text(mime_part(v->mime, i));
	}
	print_parts(v);
}

/*
 * JSON
 */

/* Adds to whom it was sent, each recipient once, and where that led. */
static void
json_recipients(struct json *j, const struct envelope *e)
{
	struct distinct seen = { 0 };

	json_open(j, "recipients", '[');
	for (unsigned i = 0; i < e->nrecipients; i++) {
		if (distinct_add(&seen, e->recipients[i].forward_path))
			json_text(j, NULL, e->recipients[i].forward_path);
	}
	json_close(j, ']');
	distinct_reset(&seen);
	json_open(j, "went_to", '[');
	for (unsigned i = 0; i < e->nrecipients; i++) {
		const struct recipient *r = &e->recipients[i];

		json_open(j, NULL, '{');
		json_text(j, "recipient", r->forward_path);
		json_text(j, "mailbox", recipient_mailbox(r));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void
json_fact(struct json *j, const char *name, const struct archive_mail *m,
    enum fact fact)
{
	json_text(
	    j, name, facts_has(&m->facts, fact) ? m->facts.text[fact] : NULL);
}

static void
json_envelope(struct json *j, const struct archive_mail *m)
{
	const struct envelope *e = &m->envelope;

	json_time(j, "received", m->received_at);
	json_text(j, "client", m->client_address);
	json_text(j, "helo", e->helo);
	json_text(j, "protocol", e->protocol);
	json_text(j, "verb", e->verb);
	json_text(j, "sender", e->reverse_path);
	json_recipients(j, e);
	json_text(j, "body_type", e->body_type);
	json_bool(j, "smtputf8", e->smtputf8);
	json_integer(j, "size", (int64_t)m->len);
	json_text(j, "quarantine", m->quarantine);
	json_fact(j, "authenticated_as", m, FACT_ACCOUNT);
	json_text(j, "claimed_as", e->claimed_as);
	json_fact(j, "tls", m, FACT_TLS);
	json_fact(j, "client_subject", m, FACT_CLIENT_SUBJECT);
	json_bool(j, "requiretls", e->requiretls);
	json_text(j, "trace", m->trace);
}

/* Adds a part: its text as a person reads it, its HTML as it is. */
static void
json_part(struct json *j, const struct mime_part *part, size_t number)
{
	json_open(j, NULL, '{');
	json_integer(j, "part", (int64_t)number);
	json_text(j, "type", part->type);
	json_text(j, "name", part->name);
	json_integer(j, "size", (int64_t)mime_size(part));
	if (part->is_body) {
		json_text_begin(j, "text");
		mime_text(part, json_text_sink(j));
		json_text_end(j);
	}
	if (part->is_html) {
		json_text_begin(j, "html");
		mime_source(part, json_text_sink(j));
		json_text_end(j);
	}
	json_close(j, '}');
}

static void
json_fields(struct json *j, const struct mime *mime)
{
	struct header_fields f = mime_fields(mime);
	struct span name, raw;

	json_open(j, "header", '[');
	while (header_next(&f, &name, &raw)) {
		char *value = mime_decode(raw);

		json_open(j, NULL, '[');
		json_text_begin(j, NULL);
		sink_put(json_text_sink(j), name);
		json_text_end(j);
		json_text(j, NULL, value);
		json_close(j, ']');
		free(value);
	}
	json_close(j, ']');
}

static void
print_json(const struct view *v)
{
	struct json j = { 0 };

	json_open(&j, NULL, '{');
	json_integer(&j, "id", v->mail->id);
	json_envelope(&j, v->mail);
	json_fields(&j, v->mime);
	json_open(&j, "parts", '[');
	for (size_t i = 0; i < mime_nparts(v->mime); i++)
		json_part(&j, mime_part(v->mime, i), i + 1);
	json_close(&j, ']');
	json_close(&j, '}');
}

/*
 * Commands
 */

static bool
put_output(void *arg, struct span piece)
{
	(void)arg;
	return fwrite(piece.p, 1, piece.len, stdout) == piece.len;
}

/*
 * Prints the HTML as UTF-8, whatever its charset was; a terminal gets it made
 * harmless.
 */
static int
print_html(const struct view *v)
{
	struct terminal_text text = { .form = TERMINAL_TEXT };
	struct sink to = v->terminal.is_one ? terminal_sink(&text)
					    : (struct sink){ put_output, NULL };
	bool found = false;

	for (size_t i = 0; i < mime_nparts(v->mime); i++) {
		if (!mime_part(v->mime, i)->is_html)
			continue;
		found = true;
		mime_source(mime_part(v->mime, i), to);
	}
	terminal_end(&text);
	return found ? EX_OK
		     : smtpdb_fail(EX_NOINPUT, "mail %lld has no HTML",
			   (long long)v->mail->id);
}

static void
print(const struct view *v, const struct smtpdb *t, bool *begun)
{
	if (*begun && !t->options[OPT_JSON])
		putchar('\n');
	*begun = true;
	if (t->options[OPT_JSON])
		print_json(v);
	else
		print_mail(v);
}

static int
show(struct smtpdb *t, const struct archive_mail *m, void *begun)
{
	struct mime *mime = mime_open((struct span){ m->data, m->len });
	struct view view = {
		.mail = m,
		.mime = mime,
		.all_fields = t->options[OPT_HEADERS],
	};
	int status = EX_OK;

	terminal_find(&view.terminal);
	if (t->options[OPT_HTML])
		status = print_html(&view);
	else
		print(&view, t, begun);
	mime_free(mime);
	return status;
}

int
show_run(struct smtpdb *t)
{
	bool begun = false;
	int status = smtpdb_open(t, false);

	return status == EX_OK ? smtpdb_each_arg(t, show, &begun) : status;
}

/* Writes the octets as they are; a terminal gets them made harmless. */
static void
write_octets(struct span octets)
{
	if (isatty(STDOUT_FILENO))
		terminal_print(octets, TERMINAL_TEXT);
	else
		fwrite(octets.p, 1, octets.len, stdout);
}

static int
write_mail(struct smtpdb *t, const struct archive_mail *m, void *arg)
{
	(void)arg;
	if (!t->options[OPT_DATA])
		write_octets(span_of(m->trace));
	write_octets((struct span){ m->data, m->len });
	return EX_OK;
}

int
raw_run(struct smtpdb *t)
{
	int status = smtpdb_open(t, false);

	if (status == EX_OK && t->options[OPT_DATA])
		archive_read_as_sent(t->archive);
	return status == EX_OK ? smtpdb_each_arg(t, write_mail, NULL) : status;
}
