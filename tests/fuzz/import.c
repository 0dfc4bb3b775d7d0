/*
 * import from an mbox, and the envelope field in it; the first octet says
 * whether --recipient was given.  Whatever the file, only rows that smtpd could have written come of it, and
 * each of them is the same when it is exported and imported again.  The archive
 * is none but what is here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../../mail/address.h"
#include "../../mail/utf8.h"
#include "../../reader/envelope_field.h"
#include "../../reader/private.h"
#include "../../reader/terminal.h"
#include "fuzz.h"

/*
 * What a row is
 */

static void
check_text(const char *text, const char *promise)
{
	fuzz_promise(text, promise);
	fuzz_promise_of(*text == '\0' || utf8_is_printable(span_of(text)),
	    promise, span_of(text));
}

static void
check_path(const char *path, bool may_be_empty)
{
	check_text(path, "a path is printable: ");
	fuzz_promise_of(
	    may_be_empty || *path, "a recipient has a path: ", span_of(path));
	fuzz_promise_of(strlen(path) < ADDRESS_PATH_MAX + 4,
	    "a path has its limit: ", span_of(path));
}

static void
check_envelope(const struct envelope *e)
{
	check_path(e->reverse_path, true);
	check_text(e->helo, "HELO is printable: ");
	check_text(e->verb, "the verb is printable: ");
	check_text(e->protocol, "the protocol is printable: ");
	check_text(e->body_type, "the body type is printable: ");
	fuzz_promise(e->nrecipients > 0, "a mail has a recipient");
	for (unsigned i = 0; i < e->nrecipients; i++) {
		const struct recipient *r = &e->recipients[i];

		check_path(r->forward_path, false);
		if (r->mailbox)
			check_path(r->mailbox, true);
		if (r->notify)
			check_text(r->notify, "NOTIFY is printable: ");
		if (r->original_recipient)
			check_text(
			    r->original_recipient, "ORCPT is printable: ");
	}
}

static bool
is_same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* As it is exported, and read again. */
static void
check_again(const struct archive_mail *m)
{
	const struct envelope_form exact = { .open = false };
	const struct envelope *e = &m->envelope;
	char *field = envelope_write(m, &exact);
	struct archive_mail again = { 0 };
	struct envelope_form form;
	struct span before, text, behind;

	if (!field)
		abort();
	fuzz_promise_of(envelope_find(span_of(field), &before, &text, &behind),
	    "what is exported is found: ", span_of(field));
	fuzz_promise_of(before.len == 0 && behind.len == 0,
	    "nothing else is in the field: ", span_of(field));
	fuzz_promise_of(envelope_read(text, &again, &form),
	    "what is exported is read: ", span_of(field));
	fuzz_promise_of(
	    is_same(m->client_address, again.client_address) &&
		m->received_at == again.received_at &&
		is_same(e->reverse_path, again.envelope.reverse_path) &&
		is_same(e->helo, again.envelope.helo) &&
		is_same(e->envelope_id, again.envelope.envelope_id) &&
		is_same(e->claimed_as, again.envelope.claimed_as) &&
		e->nrecipients == again.envelope.nrecipients,
	    "an envelope comes back: ", span_of(field));
	for (int i = 0; i < FACT__COUNT; i++)
		fuzz_promise_of(is_same(m->facts.text[i], again.facts.text[i]),
		    "what was proved comes back: ", span_of(field));
	for (unsigned i = 0; i < e->nrecipients; i++)
		fuzz_promise_of(is_same(e->recipients[i].forward_path,
				    again.envelope.recipients[i].forward_path),
		    "recipients come back: ", span_of(field));
	archive_mail_reset(&again);
	free(field);
}

/*
 * In place of the archive, and of what talks
 */

static size_t nleft; /* octets that may become mails: each at most twice */

static void
check_mail(const struct archive_mail *m)
{
	fuzz_promise(
	    m->data && m->trace && m->client_address, "a mail is whole");
	fuzz_promise(m->data[m->len] == '\0' && m->envelope.size == m->len,
	    "the size is that of the data");
	fuzz_promise(m->len <= nleft, "what is imported was in the file");
	nleft -= m->len;
	check_envelope(&m->envelope);
	/* Before 1970 the field has no number. */
	if (m->received_at >= 0)
		check_again(m);
}

int
archive_add(struct archive *a, const struct archive_mail *mails, size_t n,
    size_t *ret_added)
{
	(void)a;
	for (size_t i = 0; i < n; i++)
		check_mail(&mails[i]);
	*ret_added = n;
	return 0;
}

void
archive_mail_reset(struct archive_mail *m)
{
	free(m->client_address);
	free(m->trace);
	free(m->data);
	envelope_free(&m->envelope);
	*m = (struct archive_mail){ 0 };
}

int
smtpdb_open(struct smtpdb *t, bool make)
{
	(void)t;
	(void)make;
	return EX_OK;
}

int
smtpdb_fail(int status, const char *format, ...)
{
	(void)format;
	return status;
}

int
smtpdb_fail_errno(int status, const char *what)
{
	(void)what;
	return status;
}

int
smtpdb_fail_archive(const struct smtpdb *t)
{
	(void)t;
	abort();
}

void
progress_begin(struct progress *p, const char *what)
{
	(void)p;
	(void)what;
}

void
progress_tell(struct progress *p, uint64_t done)
{
	(void)p;
	(void)done;
}

void
progress_end(struct progress *p)
{
	(void)p;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct smtpdb t = { .path = "mail.db" };
	char *copy;
	FILE *real = stdin;

	if (len < 2)
		return 0;
	t.options[OPT_MBOX] = "-";
	if (data[0] & 1)
		t.options[OPT_RECIPIENT] = "bob@b.example";
	nleft = 2 * len;
	copy = fuzz_copy((struct span){ (const char *)data + 1, len - 1 });
	stdin = fmemopen(copy, len - 1, "r");
	if (!stdin)
		abort();
	import_run(&t);
	fclose(stdin);
	stdin = real;
	free(copy);
	return 0;
}
