#include "letter.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
	SNIPPET_MAX = 250, /* octets */
};

enum part_role
part_role(const struct mime_part *part)
{
	bool is_read = part->is_text && !part->is_attachment && !part->name;

	if (part->is_html && is_read)
		return PART_HTML;
	if (part->is_body && !part->name)
		return PART_TEXT;
	if (is_read && strcmp(part->type, "text/plain") == 0)
		return PART_TEXT;
	return part->id && !part->is_attachment ? PART_INLINE : PART_ATTACHED;
}

/*
 * What a mail is about
 */

static void
read_fields(struct brief *b, const struct mime *mime)
{
	const struct {
		const char *name;
		struct addresses *to;
	} fields[] = {
		{ "From", &b->from },
		{ "To", &b->to },
		{ "Cc", &b->cc },
		{ "Reply-To", &b->reply_to },
	};
	struct header_fields f = mime_fields(mime);
	struct span name, value;

	while (header_next(&f, &name, &value)) {
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
			if (span_is(name, fields[i].name))
				addresses_read(value, fields[i].to);
		}
	}
}

static void
find_bcc(struct brief *b, const struct envelope *e)
{
	for (unsigned i = 0; i < e->nrecipients; i++) {
		const char *path = e->recipients[i].forward_path;

		if (!addresses_have(&b->to, path) &&
		    !addresses_have(&b->cc, path) &&
		    !addresses_have(&b->bcc, path))
			addresses_add(&b->bcc, "", path);
	}
}

/* Adds a piece, in which one blank stands for several. */
static bool
put_snippet(void *arg, struct span piece)
{
	struct text *t = arg;

	for (size_t i = 0; i < piece.len && t->len < SNIPPET_MAX; i++) {
		bool blank = strchr(" \t\r\n", piece.p[i]) != NULL;

		if (!blank)
			text_add_char(t, piece.p[i]);
		else if (t->len > 0 && t->p[t->len - 1] != ' ')
			text_add_char(t, ' ');
	}
	return t->len < SNIPPET_MAX;
}

/* Drops the beginning of a character at the end. */
static void
drop_cut(struct text *t)
{
	for (size_t n = 1; n <= t->len && n < 4; n++) {
		if (text_is_cut((struct span){ t->p + t->len - n, n })) {
			t->len -= n;
			t->p[t->len] = '\0';
			return;
		}
	}
}

static char *
make_snippet(const struct mime *mime)
{
	struct text t = { 0 };

	for (size_t i = 0; i < mime_nparts(mime) && t.len < SNIPPET_MAX; i++) {
		if (mime_part(mime, i)->is_body)
			mime_text(mime_part(mime, i),
			    (struct sink){ put_snippet, &t });
	}
	drop_cut(&t);
	return text_take(&t);
}

static char *
message_id(const struct mime *mime)
{
	char *id = mime_field(mime, "Message-ID");
	size_t len;

	if (!id)
		return text_copy("");
	len = strlen(id);
	if (len > 2 && id[0] == '<' && id[len - 1] == '>') {
		memmove(id, id + 1, len - 2);
		id[len - 2] = '\0';
	}
	return id;
}

static void
make_brief(
    struct brief *b, const struct archive_mail *m, const struct mime *mime)
{
	brief_reset(b);
	b->id = m->id;
	b->received_at = m->received_at;
	b->size = (int64_t)m->len;
	b->reverse_path = text_copy(m->envelope.reverse_path);
	b->subject = mime_field(mime, "Subject");
	if (!b->subject)
		b->subject = text_copy("");
	b->message_id = message_id(mime);
	b->snippet = make_snippet(mime);
	b->aside = text_copy(m->quarantine ? m->quarantine : "");
	read_fields(b, mime);
	find_bcc(b, &m->envelope);
	for (size_t i = 0; i < mime_nparts(mime); i++) {
		if (part_role(mime_part(mime, i)) == PART_ATTACHED)
			b->nattached++;
	}
}

void
brief_reset(struct brief *b)
{
	addresses_reset(&b->from);
	addresses_reset(&b->to);
	addresses_reset(&b->cc);
	addresses_reset(&b->bcc);
	addresses_reset(&b->reply_to);
	free(b->reverse_path);
	free(b->subject);
	free(b->message_id);
	free(b->snippet);
	free(b->aside);
	*b = (struct brief){ 0 };
}

/*
 * A mail
 */

int
letter_open(struct letter *l, struct archive *a, int64_t id)
{
	int found = archive_read(a, id, &l->mail);

	if (found <= 0)
		return found;
	l->mime = mime_open((struct span){ l->mail.data, l->mail.len });
	make_brief(&l->brief, &l->mail, l->mime);
	return 1;
}

void
letter_close(struct letter *l)
{
	brief_reset(&l->brief);
	mime_free(l->mime);
	archive_mail_reset(&l->mail);
	l->mime = NULL;
}

int64_t
letter_date(const struct letter *l)
{
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S %z",
		"%d %b %Y %H:%M:%S %z",
		"%a, %d %b %Y %H:%M %z",
		"%d %b %Y %H:%M %z",
		/* GMT, or a zone that nobody knows (RFC 5322 s. 4.3). */
		"%a, %d %b %Y %H:%M:%S",
		"%d %b %Y %H:%M:%S",
	};
	char *date = mime_field(l->mime, "Date");
	int64_t result = l->mail.received_at / 1000000;

	for (size_t i = 0; date && i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = { 0 };

		if (strptime(date, forms[i], &tm)) {
			long offset = tm.tm_gmtoff;

			result = timegm(&tm) - offset;
			break;
		}
	}
	free(date);
	return result;
}

void
letter_text(const struct letter *l, enum part_role role, struct sink to)
{
	for (size_t i = 0; i < mime_nparts(l->mime); i++) {
		const struct mime_part *part = mime_part(l->mime, i);

		if (part_role(part) != role)
			continue;
		if (!(role == PART_HTML ? mime_source : mime_text)(part, to))
			return;
	}
}
