#include "record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "version.h"

struct record {
	FILE *file;
	/* Input whose line has not ended yet. */
	char line[1024];
	size_t len;
	/* Of mails whose reply is still to be written. */
	FILE *stored;
	char *stored_text;
	size_t stored_len;
};

static void
write_escaped(FILE *file, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char octet = (unsigned char)text.p[i];

		if (octet == '\r')
			fputs("\\r", file);
		else if (octet == '\n')
			fputs("\\n", file);
		else if (octet == '\\')
			fputs("\\\\", file);
		else if (octet < 0x20 || octet >= 0x7f)
			fprintf(file, "\\x%02x", octet);
		else
			putc(octet, file);
	}
}

/* A line that can be shown as it is ends in CRLF and has nothing odd in it. */
static void
write_input(struct record *r)
{
	struct span text = { r->line, r->len };

	if (r->len == 0)
		return;
	r->len = 0;
	if (text.len >= 2 && memcmp(text.p + text.len - 2, "\r\n", 2) == 0) {
		struct span shown = { text.p, text.len - 2 };

		if (shown.len == 0 || address_is_utf8(shown)) {
			fprintf(r->file, "> %.*s\n", (int)shown.len, shown.p);
			return;
		}
	}
	fputs(">> ", r->file);
	write_escaped(r->file, text);
	putc('\n', r->file);
}

void
record_close(struct record *r)
{
	if (!r)
		return;
	if (r->file) {
		write_input(r);
		fclose(r->file);
	}
	if (r->stored)
		fclose(r->stored);
	free(r->stored_text);
	free(r);
}

struct record *
record_open(const char *path, const struct options *o, bool is_socket)
{
	struct record *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->file = fopen(path, "we");
	r->stored = open_memstream(&r->stored_text, &r->stored_len);
	if (!r->file || !r->stored) {
		record_close(r);
		return NULL;
	}
	fprintf(
	    r->file, "# Recorded by smtpd %s as %s.\n", VERSION, o->hostname);
	if (!is_socket)
		fputs("! input file\n", r->file);
	if (o->strict)
		fputs("! strict\n", r->file);
	if (o->rfc821)
		fputs("! rfc821\n", r->file);
	fprintf(r->file,
	    "! max-size %llu\n! max-recipients %llu\n! max-errors %llu\n",
	    (unsigned long long)o->max_size,
	    (unsigned long long)o->max_recipients,
	    (unsigned long long)o->max_errors);
	return r;
}

void
record_input(struct record *r, struct span data)
{
	if (!r)
		return;
	for (size_t i = 0; i < data.len; i++) {
		r->line[r->len++] = data.p[i];
		if (data.p[i] == '\n' || r->len == sizeof r->line)
			write_input(r);
	}
}

/* Replies are whole lines of text. */
void
record_output(struct record *r, struct span data)
{
	if (!r)
		return;
	write_input(r);
	while (data.len > 0) {
		const char *end = memchr(data.p, '\r', data.len);
		size_t len = end ? (size_t)(end - data.p) : data.len;

		fprintf(r->file, "< %.*s\n", (int)len, data.p);
		len = len + 2 < data.len ? len + 2 : data.len;
		data.p += len;
		data.len -= len;
	}
	fflush(r->stored);
	fwrite(r->stored_text, 1, r->stored_len, r->file);
	rewind(r->stored);
	fflush(r->file);
}

void
record_event(struct record *r, const char *event)
{
	if (!r)
		return;
	write_input(r);
	fprintf(r->file, "! %s\n", event);
}

void
record_stored(struct record *r, const struct envelope *e)
{
	if (!r)
		return;
	fprintf(r->stored, "= from %s\n", e->reverse_path);
	for (unsigned i = 0; i < e->nrecipients; i++)
		fprintf(
		    r->stored, "= rcpt %s\n", e->recipients[i].forward_path);
}
