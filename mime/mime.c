#include "mime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../mail/scan.h"
#include "charset.h"
#include "flowed.h"
#include "html.h"
#include "mime_split.h"
#include "param.h"
#include "transfer.h"
#include "words.h"

enum {
	VALUE_MAX = 256 * 1024, /* octets of a field that are decoded */
	/* Where HTML tells its charset (HTML Standard, s. 4.2.5.4). */
	PRESCAN_MAX = 1024,
	ID_MAX = 998,
};

struct mime {
	struct mime_split split;
	struct mime_part *parts; /* one for each leaf */
};

/*
 * Fields
 */

/* Is there nothing to decode?  In most fields there is not. */
static bool
is_plain(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.p[i];

		if (c < ' ' || c > '~' ||
		    (c == '=' && i + 1 < value.len && value.p[i + 1] == '?'))
			return false;
	}
	return true;
}

static struct span
trim(struct span text)
{
	while (text.len > 0 && scan_is_space(*text.p)) {
		text.p++;
		text.len--;
	}
	while (text.len > 0 && scan_is_space(text.p[text.len - 1]))
		text.len--;
	return text;
}

char *
mime_decode(struct span value)
{
	struct text text = { 0 }, trimmed = { 0 };
	bool is_cut = value.len > VALUE_MAX;

	if (is_cut)
		value.len = VALUE_MAX;
	value = trim(value);
	if (!is_cut && is_plain(value)) {
		text_add(&text, value);
		return text_take(&text);
	}
	words_decode(value, &text);
	if (is_cut)
		text_add(&text, span_of("\xE2\x80\xA6")); /* ... */
	text_add(&trimmed, trim((struct span){ text.p, text.len }));
	text_free(&text);
	return text_take(&trimmed);
}

/*
 * Plain fields and words, as most are, are compared without a copy: a search
 * may look at a million mails.
 */
bool
mime_holds(const char *value, const char *words)
{
	char *decoded, *folded, *wanted;
	bool result;

	if (is_plain(span_of(value)) && is_plain(span_of(words)))
		return strcasestr(value, words);
	decoded = mime_decode(span_of(value));
	folded = text_fold(span_of(decoded));
	wanted = text_fold(span_of(words));
	result = strstr(folded, wanted);
	free(decoded);
	free(folded);
	free(wanted);
	return result;
}

struct header_fields
mime_fields(const struct mime *m)
{
	return (struct header_fields){ .rest = m->split.header };
}

char *
mime_field(const struct mime *m, const char *name)
{
	struct span value;

	return mime_find(m->split.header, name, &value) ? mime_decode(value)
							: NULL;
}

bool
mime_is_header_open(const struct mime *m)
{
	return !m->split.is_header_plain;
}

bool
mime_is_cut(const struct mime *m)
{
	return m->split.is_cut;
}

/*
 * Parts
 */

static char *
copy_of(struct span text)
{
	struct text copy = { 0 };

	text_add(&copy, text);
	return text_take(&copy);
}

/* The disposition's name goes before the type's; "" is none. */
static char *
file_name(struct span disposition, struct span type)
{
	char *name = param_text(disposition, "filename");

	if (name && *name == '\0') {
		free(name);
		name = NULL;
	}
	if (!name)
		name = param_text(type, "name");
	if (name && *name == '\0') {
		free(name);
		name = NULL;
	}
	return name;
}

static char *
charset_label(struct span type)
{
	struct text label = { 0 }, of_label = { 0 };
	bool is_encoded;

	param_octets(type, "charset", &label, &of_label, &is_encoded);
	text_free(&of_label);
	for (size_t i = 0; i < label.len; i++) {
		if (strchr(" \t;(,", label.p[i]))
			label.len = i;
	}
	return text_take(&label);
}

/* Has the parameter that value, whatever its case? */
static bool
says(struct span type, const char *name, const char *value)
{
	char *text = param_text(type, name);
	bool result = text && strcasecmp(text, value) == 0;

	free(text);
	return result;
}

static bool
is_attachment(struct span disposition)
{
	struct span trimmed = trim(disposition);

	return span_skip(&trimmed, "attachment") &&
	       (trimmed.len == 0 || strchr("; \t\r\n", *trimmed.p));
}

/* "<id>", or without the brackets; NULL: none. */
static char *
content_id(struct span header)
{
	struct span id;

	if (!mime_find(header, "Content-ID", &id))
		return NULL;
	id = trim(id);
	if (id.len > 2 && id.p[0] == '<' && id.p[id.len - 1] == '>')
		id = (struct span){ id.p + 1, id.len - 2 };
	return id.len > 0 && id.len <= ID_MAX ? copy_of(id) : NULL;
}

/* Describes a part.  `is_body` says that it could be one; choose() decides. */
static void
describe(const struct mime_leaf *leaf, struct mime_part *ret)
{
	struct span type, disposition, transfer;
	char name[PARAM_TYPE_MAX];

	mime_find(leaf->header, "Content-Type", &type);
	mime_find(leaf->header, "Content-Disposition", &disposition);
	mime_find(leaf->header, "Content-Transfer-Encoding", &transfer);
	ret->type = copy_of(
	    span_of(param_type(type, name) ? name : leaf->default_type));
	ret->name = file_name(disposition, type);
	ret->charset = charset_label(type);
	ret->transfer = (int)transfer_find(trim(transfer));
	ret->octets = leaf->content;
	ret->is_text = strncmp(ret->type, "text/", 5) == 0;
	ret->is_html = strcmp(ret->type, "text/html") == 0;
	ret->is_flowed = strcmp(ret->type, "text/plain") == 0 &&
			 says(type, "format", "flowed");
	ret->deletes_space = ret->is_flowed && says(type, "delsp", "yes");
	ret->id = content_id(leaf->header);
	ret->is_attachment = is_attachment(disposition);
	ret->is_body = ret->is_text && !ret->is_attachment;
}

/*
 * Alternatives
 */

static bool
put_blank(void *arg, struct span piece)
{
	(void)arg;
	while (piece.len > 0) {
		uint32_t c;
		size_t len = text_read(piece, &c);

		if (c != ' ' && c != '\t' && c != '\r' && c != '\n' &&
		    c != 0xA0 && c != 0xAD && !(c >= 0x2000 && c <= 0x200F) &&
		    c != 0xFEFF)
			return false;
		piece.p += len;
		piece.len -= len;
	}
	return true;
}

static bool
says_nothing(const struct mime_part *part)
{
	return mime_text(part, (struct sink){ put_blank, NULL });
}

/* Which alternative a person wants to read, from the least. */
enum rank {
	RANK_NONE,
	RANK_BLANK,
	RANK_TEXT,
	RANK_HTML,
	RANK_PLAIN,
};

static enum rank
rank_of(const struct mime_part *part)
{
	if (!part->is_body)
		return RANK_NONE;
	if (says_nothing(part))
		return RANK_BLANK;
	if (part->is_html)
		return RANK_HTML;
	return strcmp(part->type, "text/plain") == 0 ? RANK_PLAIN : RANK_TEXT;
}

/* The best child of an alternative so far. */
struct choice {
	enum rank rank;
	unsigned child;
};

static bool
is_alternative(const struct mime_split *s, const struct mime_leaf *leaf)
{
	for (int at = leaf->parent; at >= 0; at = s->multiparts[at].parent) {
		if (s->multiparts[at].is_alternative)
			return true;
	}
	return false;
}

static void
offer(const struct mime_split *s, const struct mime_leaf *leaf, enum rank rank,
    struct choice *choices)
{
	unsigned child = leaf->child;

	for (int at = leaf->parent; at >= 0; at = s->multiparts[at].parent) {
		if (rank > choices[at].rank)
			choices[at] = (struct choice){ rank, child };
		child = s->multiparts[at].child;
	}
}

static bool
is_chosen(const struct mime_split *s, const struct mime_leaf *leaf,
    const struct choice *choices)
{
	unsigned child = leaf->child;

	for (int at = leaf->parent; at >= 0; at = s->multiparts[at].parent) {
		if (s->multiparts[at].is_alternative &&
		    choices[at].child != child)
			return false;
		child = s->multiparts[at].child;
	}
	return true;
}

static void
choose(struct mime *m)
{
	const struct mime_split *s = &m->split;
	struct choice *choices =
	    text_resize(NULL, (s->nmultiparts + 1) * sizeof *choices);

	memset(choices, 0, (s->nmultiparts + 1) * sizeof *choices);
	for (size_t i = 0; i < s->nleaves; i++) {
		if (is_alternative(s, &s->leaves[i]))
			offer(s, &s->leaves[i], rank_of(&m->parts[i]), choices);
	}
	for (size_t i = 0; i < s->nleaves; i++) {
		struct mime_part *part = &m->parts[i];

		part->is_body =
		    part->is_body && is_chosen(s, &s->leaves[i], choices);
		part->is_listed = !part->is_body || part->name || part->is_html;
	}
	free(choices);
}

struct mime *
mime_open(struct span data)
{
	struct mime *m = text_resize(NULL, sizeof *m);

	mime_split(data, &m->split);
	m->parts = text_resize(NULL, (m->split.nleaves + 1) * sizeof *m->parts);
	for (size_t i = 0; i < m->split.nleaves; i++)
		describe(&m->split.leaves[i], &m->parts[i]);
	choose(m);
	return m;
}

void
mime_free(struct mime *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->split.nleaves; i++) {
		free(m->parts[i].type);
		free(m->parts[i].name);
		free(m->parts[i].id);
		free(m->parts[i].charset);
	}
	free(m->parts);
	mime_split_free(&m->split);
	free(m);
}

size_t
mime_nparts(const struct mime *m)
{
	return m->split.nleaves;
}

const struct mime_part *
mime_part(const struct mime *m, size_t i)
{
	return &m->parts[i];
}

/*
 * Content
 */

bool
mime_content(const struct mime_part *part, struct sink to)
{
	return transfer_decode((enum transfer)part->transfer, part->octets, to);
}

size_t
mime_size(const struct mime_part *part)
{
	size_t n = 0;

	mime_content(part, sink_to_count(&n));
	return n;
}

static bool
put_first(void *arg, struct span piece)
{
	struct text *first = arg;
	size_t room = PRESCAN_MAX - first->len;

	text_add(first,
	    (struct span){ piece.p, piece.len < room ? piece.len : room });
	return first->len < PRESCAN_MAX;
}

/* Asks a byte order mark, then the field, then the HTML itself. */
static struct span
find_charset(const struct mime_part *part, struct text *first)
{
	struct span octets, label;

	mime_content(part, (struct sink){ put_first, first });
	octets = (struct span){ first->p, first->len };
	label = charset_of_mark(octets);
	if (label.len > 0)
		return label;
	label = span_of(part->charset);
	return part->is_html && !charset_find(label) ? html_charset(octets)
						     : label;
}

bool
mime_source(const struct mime_part *part, struct sink to)
{
	struct text first = { 0 };
	struct charset charset;
	bool more;

	charset_begin(&charset, charset_find(find_charset(part, &first)), to);
	more = mime_content(part, charset_sink(&charset));
	more = charset_end(&charset) && more;
	text_free(&first);
	return more;
}

static bool
flowed_text(const struct mime_part *part, struct sink to)
{
	struct flowed flowed;
	bool more;

	flowed_begin(&flowed, part->deletes_space, to);
	more = mime_source(part, flowed_sink(&flowed));
	return flowed_end(&flowed) && more;
}

bool
mime_text(const struct mime_part *part, struct sink to)
{
	struct html *html;
	bool more;

	if (part->is_flowed)
		return flowed_text(part, to);
	if (!part->is_html)
		return mime_source(part, to);
	html = html_begin(to);
	more = mime_source(part, html_sink(html));
	return html_end(html) && more;
}
