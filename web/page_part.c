/*
 * Mails and parts as they are.  For a browser none of it belongs to our site:
 * HTML has a policy that lets nothing run, be fetched or leave, and other
 * parts are files to be saved, but for a few kinds of pictures.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../mail/scan.h"
#include "base64.h"
#include "page.h"
#include "routes.h"

enum {
	/*
	 * Octets of pictures that stand in one mail's HTML, encoded, and how
	 * often one is looked for: a mail of 70 kB can name a large one ten
	 * thousand times.
	 */
	PICTURES_MAX = 40 * 1024 * 1024,
	LOOKS_MAX = 1000,
	CID_MAX = 998,
};

#define FRAME_POLICY(img)                                                      \
	"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src " img \
	"; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

/* Pictures that a browser may show by itself. */
static bool
is_picture(const char *type)
{
	static const char *const types[] = { "image/png", "image/jpeg",
		"image/gif", "image/webp", "image/avif", "image/bmp" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

/*
 * HTML
 */

static const struct mime_part *
find_cid(const struct letter *l, const char *id)
{
	for (size_t i = 0; i < mime_nparts(l->mime); i++) {
		const struct mime_part *part = mime_part(l->mime, i);

		if (part->id && strcmp(part->id, id) == 0 &&
		    is_picture(part->type))
			return part;
	}
	return NULL;
}

/* Reads the id behind "cid:", without escapes; returns the octets taken. */
static size_t
read_cid(struct span rest, struct text *id)
{
	size_t at = 0;

	while (at < rest.len && at < CID_MAX &&
	       !strchr("\"'<> \t\r\n)", rest.p[at])) {
		char c = rest.p[at++];

		if (c == '%' && at + 1 < rest.len &&
		    scan_hex_value(rest.p[at]) >= 0 &&
		    scan_hex_value(rest.p[at + 1]) >= 0) {
			c = (char)(scan_hex_value(rest.p[at]) * 16 +
				   scan_hex_value(rest.p[at + 1]));
			at += 2;
		}
		text_add_char(id, c);
	}
	return at;
}

/* The pictures that a mail's HTML may still have. */
struct pictures {
	const struct letter *letter;
	size_t room;
	unsigned nlooks;
};

/*
 * Puts the picture itself in place of "cid:...".  Returns how much of `rest`
 * that was; 0: there is no picture.
 */
static size_t
add_picture(struct text *to, struct pictures *p, struct span rest)
{
	struct text id = { 0 };
	const struct mime_part *part = NULL;
	size_t len;

	if (rest.len < 4 || strncasecmp(rest.p, "cid:", 4) != 0 ||
	    p->nlooks >= LOOKS_MAX)
		return 0;
	p->nlooks++;
	len = read_cid((struct span){ rest.p + 4, rest.len - 4 }, &id);
	if (id.len > 0)
		part = find_cid(p->letter, id.p);
	text_free(&id);
	if (!part || part->octets.len > p->room)
		return 0;
	p->room -= part->octets.len;
	text_add(to, span_of("data:"));
	text_add(to, span_of(part->type));
	text_add(to, span_of(";base64,"));
	base64_part(part, to);
	return len + 4;
}

/*
 * Is it an element that reaches other hosts or pages, whatever the policy
 * says?  <link> can have names looked up and connections made ahead.  By
 * another name these elements have no effect.
 */
static bool
is_unwanted(struct span rest)
{
	static const char *const names[] = { "link", "meta", "base" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len = strlen(names[i]);

		if (rest.len > len + 1 &&
		    strncasecmp(rest.p + 1, names[i], len) == 0 &&
		    strchr("/> \t\r\n\f", rest.p[len + 1]))
			return true;
	}
	return false;
}

static void
add_html(struct text *to, const struct letter *l, struct span html)
{
	struct pictures pictures = { .letter = l, .room = PICTURES_MAX };

	while (html.len > 0) {
		size_t len = 0;

		if (*html.p == 'c' || *html.p == 'C')
			len = add_picture(to, &pictures, html);
		if (len == 0) {
			text_add_char(to, *html.p);
			if (*html.p == '<' && is_unwanted(html))
				text_add(to, span_of("no-"));
			len = 1;
		}
		html.p += len;
		html.len -= len;
	}
}

void
page_html(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct text source = { 0 }, html = { 0 };

	if (!request_letter(r, &l, ret))
		return;
	letter_text(&l, PART_HTML, sink_to_text(&source));
	add_html(&html, &l, (struct span){ source.p, source.len });
	/*
	 * Links would lead to a page that is blocked; the page around lists
	 * them.
	 */
	text_add(&html, span_of("<style>a,area,button,input{pointer-events:none"
				"!important}</style>"));
	text_free(&source);
	letter_close(&l);
	response_take(ret, 200, "text/html; charset=utf-8", &html);
	ret->policy = page_is_remote(r) ? FRAME_POLICY("data: http: https:")
					: FRAME_POLICY("data:");
	ret->is_framed = true;
}

void
page_view_html(struct request *r, struct response *ret)
{
	page_html(r, ret);
}

void
page_view_text(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct text text = { 0 };

	if (!request_letter(r, &l, ret))
		return;
	letter_text(&l, PART_TEXT, sink_to_text(&text));
	letter_close(&l);
	response_take(ret, 200, "text/plain; charset=utf-8", &text);
}

/* Sends the mail octet for octet, behind what the server has added. */
void
page_source(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct text text = { 0 };

	if (!request_letter(r, &l, ret))
		return;
	text_add(&text, span_of(l.mail.trace));
	text_add(&text, (struct span){ l.mail.data, l.mail.len });
	response_take(ret, 200, "text/plain; charset=utf-8", &text);
	if (request_query(r, "download"))
		snprintf(ret->disposition, sizeof ret->disposition,
		    "attachment; filename=\"%lld.eml\"", (long long)l.mail.id);
	letter_close(&l);
}

/*
 * Parts
 */

/* Sets the file name, percent-encoded (RFC 8187). */
static void
set_disposition(
    struct response *ret, const struct mime_part *part, size_t number)
{
	char name[FILE_NAME_SIZE];
	char *at = ret->disposition;

	file_name(part, number, name);
	at = stpcpy(at, is_picture(part->type) ? "inline" : "attachment");
	at = stpcpy(at, "; filename*=UTF-8''");
	for (const char *p = name; *p; p++)
		at += sprintf(at, "%%%02X", (unsigned char)*p);
}

/* Does it have only characters that a media type can have? */
static bool
is_type(const char *type)
{
	return type[strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789"
				 "!#$&^_.+-/")] == '\0';
}

/*
 * Returns a type that is valid until the next call; the response is queued
 * before that.
 */
static const char *
find_type(const char *type)
{
	static char kept[128];

	snprintf(kept, sizeof kept, "%s",
	    is_type(type) ? type : "application/octet-stream");
	return kept;
}

static const struct mime_part *
find_part(
    struct request *r, struct letter *l, struct response *ret, size_t *number)
{
	uint64_t n;

	*number = span_number(span_of(r->args[1]), &n) ? (size_t)n : 0;
	if (!request_letter(r, l, ret))
		return NULL;
	if (*number >= 1 && *number <= mime_nparts(l->mime))
		return mime_part(l->mime, *number - 1);
	letter_close(l);
	response_text(ret, 404, "There is no such part");
	return NULL;
}

void
page_part(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	struct text content = { 0 };
	size_t number;
	const struct mime_part *part = find_part(r, &l, ret, &number);

	if (!part)
		return;
	mime_content(part, sink_to_text(&content));
	response_take(ret, 200, find_type(part->type), &content);
	set_disposition(ret, part, number);
	ret->policy = "sandbox; default-src 'none'; frame-ancestors 'none'";
	letter_close(&l);
}

/* Sends the picture itself, which browsers scale; for other parts, an icon. */
void
page_thumb(struct request *r, struct response *ret)
{
	struct letter l = { .mime = NULL };
	size_t number;
	const struct mime_part *part = find_part(r, &l, ret, &number);
	bool is_shown;

	if (!part)
		return;
	is_shown = is_picture(part->type);
	letter_close(&l);
	if (is_shown)
		page_part(r, ret);
	else
		page_icon(r, ret);
}
