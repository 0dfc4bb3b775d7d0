#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/codepoint.h"
#include "../version.h"
#include "log.h"
#include "mask.h"

enum {
	NFILES = 3,
	LINE_SIZE = 1024,
};

struct record {
	const char *path;
	bool failed; /* which was logged */
	FILE *file;
	bool has_output;
	/* Input of a line that has not ended. */
	char line[LINE_SIZE];
	size_t len;
	struct mask mask;
	bool is_text; /* of a mail */
	/* A line of AUTH, behind which stands what came of it. */
	char held[LINE_SIZE + MASK_ROOM];
	size_t held_len;
	/*
	 * Temporary files: the text of the mail that comes in, and the lines
	 * about mails whose reply is not yet written.
	 */
	FILE *body, *stored;
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

/* Empties a temporary file; if that fails, the file is only longer. */
static void
empty(FILE *file)
{
	rewind(file);
	if (ftruncate(fileno(file), 0) < 0)
		clearerr(file);
}

/* Moves the contents of `from` to the end of `to`. */
static void
move_text(FILE *to, FILE *from)
{
	char piece[4096];
	size_t len;

	rewind(from);
	while ((len = fread(piece, 1, sizeof piece, from)) > 0)
		fwrite(piece, 1, len, to);
	empty(from);
}

/* As it is, if it ends in CRLF and is printable; else with escapes. */
static void
write_line(struct record *r, struct span text)
{
	if (text.len >= 2 && memcmp(text.p + text.len - 2, "\r\n", 2) == 0) {
		struct span shown = { text.p, text.len - 2 };

		if (codepoint_are_visible(shown)) {
			fprintf(r->file, "> %.*s\n", (int)shown.len, shown.p);
			return;
		}
	}
	fputs(">> ", r->file);
	write_escaped(r->file, text);
	putc('\n', r->file);
}

static void
write_held(struct record *r)
{
	if (r->held_len > 0)
		write_line(r, (struct span){ r->held, r->held_len });
	r->held_len = 0;
}

/* In the text of a mail only what was asked for by 334 is. */
static bool
is_of_auth(const struct record *r, struct span line)
{
	if (r->is_text)
		return r->mask.is_response;
	return r->mask.is_inside || mask_is_of_auth(&r->mask, line);
}

static void
write_input(struct record *r)
{
	struct span text = { r->line, r->len };

	write_held(r);
	if (r->len == 0)
		return;
	r->len = 0;
	if (is_of_auth(r, text))
		r->held_len = mask_line(&r->mask, text, r->held);
	else
		write_line(r, text);
	if (text.len == 3 && memcmp(text.p, ".\r\n", 3) == 0)
		r->is_text = false;
}

/* Logs only the first failure. */
static void
tell_trouble(struct record *r)
{
	FILE *const files[NFILES] = { r->body, r->stored, r->file };

	for (size_t i = 0; i < NFILES; i++) {
		errno = EIO; /* of an earlier write, whose reason is gone */
		if (r->failed || (fflush(files[i]) == 0 && !ferror(files[i])))
			continue;
		r->failed = true;
		log_line(LOG_ERR, "--record: %s: %s; it is not complete",
		    r->path, strerror(errno));
	}
}

void
record_close(struct record *r)
{
	if (!r)
		return;
	if (r->file && r->body && r->stored) {
		write_input(r);
		write_held(r);
		tell_trouble(r);
	}
	if (r->file)
		fclose(r->file);
	if (r->body)
		fclose(r->body);
	if (r->stored)
		fclose(r->stored);
	free(r);
}

struct record *
record_open(const char *path)
{
	struct record *r = calloc(1, sizeof *r);
	int fd;

	if (!r) {
		log_line(LOG_ERR, "out of memory");
		return NULL;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	r->path = path;
	r->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	r->body = tmpfile();
	r->stored = tmpfile();
	if (r->file && r->body && r->stored)
		return r;
	log_line(LOG_ERR, "--record: %s: %s", path, strerror(errno));
	if (fd >= 0 && !r->file)
		close(fd);
	record_close(r);
	return NULL;
}

void
record_begin(struct record *r, const struct session_conf *c)
{
	const struct {
		bool is_set;
		const char *line;
	} settings[] = {
		{ c->any_line_end, "input file" },
		{ c->strict, "strict" },
		{ c->rfc821, "rfc821" },
		{ c->auth == SESSION_AUTH_CLAIM, "auth any" },
		{ c->vrfy, "vrfy" },
		{ c->lmtp, "lmtp" },
		{ c->starttls, "starttls" },
		{ c->in_tls, "in-tls" },
		{ c->xclient, "xclient" },
	};

	if (!r)
		return;
	empty(r->file);
	fprintf(r->file, "# Recorded by smtpd %s.\n! hostname %s\n", VERSION,
	    c->hostname);
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (settings[i].is_set)
			fprintf(r->file, "! %s\n", settings[i].line);
	}
	fprintf(r->file,
	    "! max-size %llu\n! max-recipients %u\n! max-errors %u\n",
	    (unsigned long long)c->max_size, c->max_recipients, c->max_errors);
}

void
record_input(struct record *r, struct span data, bool is_text)
{
	if (!r)
		return;
	r->is_text = is_text;
	for (size_t i = 0; i < data.len; i++) {
		r->line[r->len++] = data.p[i];
		if (data.p[i] == '\n' || r->len == sizeof r->line)
			write_input(r);
	}
}

/* Replies come as whole lines of text. */
void
record_output(struct record *r, struct span data)
{
	if (!r)
		return;
	write_input(r);
	write_held(r);
	r->has_output = true;
	while (data.len > 0) {
		const char *end = memchr(data.p, '\r', data.len);
		size_t len = end ? (size_t)(end - data.p) : data.len;

		fprintf(r->file, "< %.*s\n", (int)len, data.p);
		r->mask.is_response =
		    len >= 4 && memcmp(data.p, "334 ", 4) == 0;
		len = len + 2 < data.len ? len + 2 : data.len;
		data.p += len;
		data.len -= len;
	}
	move_text(r->file, r->stored);
	tell_trouble(r);
}

void
record_end(struct record *r, enum session_end why)
{
	static const char *const events[] = {
		[SESSION_TIMEOUT] = "timeout",
		[SESSION_CROWDED] = "crowded",
		[SESSION_EXPIRED] = "expired",
		[SESSION_SHUTDOWN] = "shutdown",
	};

	if (!r || why == SESSION_EOF)
		return;
	write_input(r);
	write_held(r);
	fprintf(r->file, "! %s\n", events[why]);
}

void
record_offer(struct record *r, const char *mechanisms)
{
	if (r && !r->has_output)
		fprintf(
		    r->file, "! auth %s\n", mechanisms ? mechanisms : "none");
}

void
record_auth(struct record *r, enum auth_result result, struct span challenge)
{
	static const char *const results[] = {
		[AUTH_MORE] = "more",
		[AUTH_DONE] = "done",
		[AUTH_REFUSED] = "refused",
		[AUTH_MALFORMED] = "malformed",
		[AUTH_TOO_OFTEN] = "too-often",
		[AUTH_TROUBLE] = "trouble",
	};

	if (!r)
		return;
	fprintf(r->file, "! auth-step %s%s%.*s\n", results[result],
	    challenge.len > 0 ? " " : "", (int)challenge.len,
	    challenge.len > 0 ? challenge.p : "");
}

void
record_body(struct record *r, struct span data)
{
	if (!r)
		return;
	while (data.len > 0) {
		const char *lf = memchr(data.p, '\n', data.len);
		struct span line = data;

		if (lf)
			line.len = (size_t)(lf + 1 - data.p);
		fputs("= body ", r->body);
		write_escaped(r->body, line);
		putc('\n', r->body);
		data.p += line.len;
		data.len -= line.len;
	}
}

void
record_drop(struct record *r)
{
	if (!r)
		return;
	empty(r->body);
}

void
record_stored(struct record *r, const struct envelope *e)
{
	if (!r)
		return;
	fprintf(r->stored, "= from %s\n", e->reverse_path);
	for (unsigned i = 0; i < e->nrecipients; i++) {
		const struct recipient *to = &e->recipients[i];

		fprintf(r->stored, "= rcpt %s", to->forward_path);
		if (to->notify)
			fprintf(r->stored, " NOTIFY=%s", to->notify);
		if (to->original_recipient)
			fprintf(r->stored, " ORCPT=%s", to->original_recipient);
		putc('\n', r->stored);
	}
	move_text(r->stored, r->body);
}
