#include "header.h"

#include <string.h>

#include "scan.h"
#include "utf8.h"

enum {
	LINE_START,
	NAME,  /* in a field name, or in text that may be none */
	VALUE, /* behind the colon */
	TEXT,  /* in a line that is no field */
	BODY,  /* the section is over */
};

static const char *const names[HEADER__COUNT] = {
	[HEADER_FROM] = "From",
	[HEADER_TO] = "To",
	[HEADER_SUBJECT] = "Subject",
	[HEADER_DATE] = "Date",
	[HEADER_MESSAGE_ID] = "Message-ID",
};

static const char byte_order_mark[] = "\xEF\xBB\xBF";

/*
 * Field names that no person writes in a text: lines that begin so are fields,
 * even behind text.
 */
static const char *const usual_names[] = {
	"From",
	"To",
	"Cc",
	"Bcc",
	"Subject",
	"Date",
	"Message-ID",
	"Reply-To",
	"Sender",
	"Received",
	"Return-Path",
	"References",
	"In-Reply-To",
	"MIME-Version",
	NULL,
};
static const char *const usual_prefixes[] = {
	"Content-",
	"Resent-",
	"List-",
	"X-",
	NULL,
};

void
header_start(struct header *h)
{
	h->at = LINE_START;
	h->field = HEADER__COUNT;
	h->size = h->line_len = h->text_len = 0;
	h->is_plain = true;
	h->is_blank = h->was_blank = false;
	memset(h->has, 0, sizeof h->has);
}

/* Puts "?" for each octet that is neither UTF-8 nor printable. */
static void
clean(char *text, size_t len)
{
	struct span rest = { text, len };

	while (rest.len > 0) {
		size_t n = utf8_printable_len(rest);

		if (n == 0) {
			text[rest.p - text] = *rest.p == '\t' ? ' ' : '?';
			n = 1;
		}
		rest.p += n;
		rest.len -= n;
	}
}

/* Completes the field that is kept. */
static void
end_field(struct header *h)
{
	struct span text;
	char *value;

	if (h->field == HEADER__COUNT)
		return;
	value = h->value[h->field];
	clean(value, h->len);
	text = (struct span){ value, h->len };
	/*
	 * Of a value that was cut, keep as much as fits, so that a reader can
	 * tell that it was.
	 */
	if (h->len < HEADER_VALUE_MAX)
		text = span_trim(text);
	value[text.len] = '\0';
	h->has[h->field] = true;
	h->field = HEADER__COUNT;
}

static bool
is_name_octet(char octet)
{
	return octet > ' ' && octet < 0x7F && octet != ':';
}

static bool
is_usual(struct span name)
{
	for (int i = 0; usual_names[i]; i++) {
		if (span_is(name, usual_names[i]))
			return true;
	}
	for (int i = 0; usual_prefixes[i]; i++) {
		struct span rest = name;

		if (span_skip(&rest, usual_prefixes[i]))
			return true;
	}
	return false;
}

/* Is this the first line of the mail? */
static bool
is_first_line(const struct header *h)
{
	return h->size == 0 && h->text_len == 0;
}

/* The octets that are kept of the name begun. */
static struct span
name_of(const struct header *h)
{
	struct span name = { h->name,
		h->name_end < sizeof h->name ? h->name_end : sizeof h->name };

	if (is_first_line(h))
		span_skip(&name, byte_order_mark);
	return name;
}

/* Blanks may stand before the colon (RFC 5322 s. 4.5). */
static void
keep_name(struct header *h, char octet)
{
	bool is_mark = is_first_line(h) && h->name_len < 3 &&
		       octet == byte_order_mark[h->name_len];

	if (!scan_is_blank(octet)) {
		h->is_name = h->is_name && h->name_end == h->name_len &&
			     (is_name_octet(octet) || is_mark);
		h->name_end = h->name_len + 1;
	}
	if (h->name_len < sizeof h->name)
		h->name[h->name_len] = octet;
	h->name_len++;
}

/*
 * Returns the octets of the "From " that begins an mbox's line, as in "From
 * ann@a.example Tue ..."; 0: it is no such line.  "From : x" is a field.
 */
static size_t
from_line_len(struct span line)
{
	size_t quote = line.len > 0 && *line.p == '>';

	return line.len > quote + 5 &&
		       memcmp(line.p + quote, "From ", 5) == 0 &&
		       !scan_is_blank(line.p[quote + 5]) &&
		       line.p[quote + 5] != ':'
		   ? quote + 5
		   : 0;
}

/* Keeps the first of each. */
static void
begin_field(struct header *h)
{
	struct span name = name_of(h);

	h->at = VALUE;
	h->is_blank = h->was_blank = false;
	for (int i = 0; i < HEADER__COUNT; i++) {
		if (h->name_end <= sizeof h->name && !h->has[i] &&
		    span_is(name, names[i])) {
			h->field = i;
			h->len = 0;
			h->has_cr = false;
		}
	}
}

/*
 * Unfolds: removes line ends, and keeps the blanks behind them.  A CR that ends
 * no line becomes a blank.
 */
static void
keep(struct header *h, const char *text, size_t len)
{
	char *value = h->value[h->field];

	for (size_t i = 0; i < len && h->len < HEADER_VALUE_MAX; i++) {
		if (h->has_cr && text[i] != '\n' && h->len > 0)
			value[h->len++] = ' ';
		h->has_cr = text[i] == '\r';
		/* Blanks before the text do not belong to it. */
		if (h->has_cr || text[i] == '\n' ||
		    (h->len == 0 && scan_is_blank(text[i])) ||
		    h->len == HEADER_VALUE_MAX)
			continue;
		value[h->len++] = text[i];
	}
}

static void
end_section(struct header *h)
{
	end_field(h);
	h->at = BODY;
}

static void
begin_line(struct header *h)
{
	end_field(h);
	h->at = NAME;
	h->name_len = h->name_end = 0;
	h->is_name = true;
}

/* One line of text may stand between fields; two begin the body. */
static void
begin_text(struct header *h)
{
	h->is_plain = false;
	if (h->was_blank || h->text_len > 0)
		end_section(h);
	else
		h->at = TEXT;
}

/* Takes the line's colon: it ends a field name, or is part of text. */
static void
take_colon(struct header *h)
{
	struct span name = name_of(h);

	if (!h->is_name || name.len == 0) {
		begin_text(h);
	} else if ((h->was_blank || h->text_len > 0) && !is_usual(name)) {
		end_section(h);
	} else {
		h->size += h->text_len;
		h->text_len = 0;
		begin_field(h);
	}
}

/* An empty line belongs to the section, but not behind text. */
static void
end_empty_line(struct header *h)
{
	if (h->text_len == 0)
		h->size += h->line_len;
	end_section(h);
}

static void
end_text(struct header *h)
{
	h->text_len = h->line_len;
	h->line_len = 0;
	h->at = LINE_START;
}

/* Takes a line that begins with a blank. */
static void
continue_line(struct header *h, char octet)
{
	if (is_first_line(h))
		return; /* in front of the first field */
	if (h->text_len > 0) {
		end_section(h);
		return;
	}
	h->at = VALUE; /* the field goes on (RFC 5322 s. 2.2.3) */
	h->is_blank = true;
	if (h->field != HEADER__COUNT)
		keep(h, &octet, 1);
}

/* Takes one octet at the start of a line, or in a field name. */
static void
take_name(struct header *h, char octet)
{
	if (h->at == LINE_START && scan_is_blank(octet)) {
		continue_line(h, octet);
		return;
	}
	if (h->at == LINE_START)
		begin_line(h);
	if (octet == '\n' && h->name_len == 0) {
		end_empty_line(h);
	} else if (octet == '\n') {
		begin_text(h);
		if (h->at == TEXT)
			end_text(h);
	} else if (octet == ':') {
		take_colon(h);
	} else if (octet == '\r') {
		h->is_name = false; /* unless the line ends */
	} else {
		keep_name(h, octet);
		if (is_first_line(h) && h->name_len < sizeof h->name &&
		    from_line_len((struct span){ h->name, h->name_len }) > 0) {
			h->at = VALUE;
			h->is_plain = false;
		}
	}
}

/* Takes the rest of a field's line, as far as it goes; returns its octets. */
static size_t
take_value(struct header *h, struct span data)
{
	const char *lf = memchr(data.p, '\n', data.len);
	size_t len = lf ? (size_t)(lf + 1 - data.p) : data.len;

	if (h->field != HEADER__COUNT)
		keep(h, data.p, len);
	for (size_t i = 0; i < len && h->is_blank; i++)
		h->is_blank = scan_is_blank(data.p[i]) || data.p[i] == '\r' ||
			      data.p[i] == '\n';
	h->line_len += len;
	if (lf) {
		h->size += h->line_len;
		h->line_len = 0;
		h->was_blank = h->is_blank;
		h->is_plain = h->is_plain && !h->is_blank;
		h->at = LINE_START;
	}
	return len;
}

/* Does the same for a line that is no field. */
static size_t
take_text(struct header *h, struct span data)
{
	const char *lf = memchr(data.p, '\n', data.len);
	size_t len = lf ? (size_t)(lf + 1 - data.p) : data.len;

	h->line_len += len;
	if (lf)
		end_text(h);
	return len;
}

void
header_feed(struct header *h, struct span data)
{
	while (data.len > 0 && h->at != BODY) {
		size_t len = 1;

		if (h->at == VALUE) {
			len = take_value(h, data);
		} else if (h->at == TEXT) {
			len = take_text(h, data);
		} else {
			h->line_len++;
			take_name(h, *data.p);
		}
		data.p += len;
		data.len -= len;
	}
}

bool
header_is_over(const struct header *h)
{
	return h->at == BODY;
}

void
header_end(struct header *h)
{
	if (h->at == BODY)
		return;
	h->is_plain = false; /* no empty line has come */
	if (h->at == VALUE)
		h->size += h->line_len;
	end_section(h);
}

/*
 * Fields
 */

struct span
header_take_field(struct span *rest)
{
	struct span field = { rest->p, 0 };

	do {
		const char *from = rest->p + field.len;
		const char *lf = memchr(from, '\n', rest->len - field.len);

		field.len = lf ? (size_t)(lf + 1 - rest->p) : rest->len;
	} while (field.len < rest->len && scan_is_blank(rest->p[field.len]));
	rest->p += field.len;
	rest->len -= field.len;
	return field;
}

static bool
is_name(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!is_name_octet(text.p[i]))
			return false;
	}
	return text.len > 0;
}

static bool
is_empty(struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] != '\r' && line.p[i] != '\n')
			return false;
	}
	return true;
}

/* Skips what may stand before the first field.  True: it counts as a field. */
static bool
take_first(struct span *rest, struct span *ret_name, struct span *ret_value)
{
	size_t len = from_line_len(*rest);

	if (len > 0) {
		*ret_name = span_of("From_");
		*ret_value = header_take_field(rest);
		ret_value->p += len;
		ret_value->len -= len;
		return true;
	}
	span_skip(rest, byte_order_mark);
	while (rest->len > 0 && scan_is_blank(*rest->p)) {
		rest->p++;
		rest->len--;
	}
	return false;
}

bool
header_next(
    struct header_fields *f, struct span *ret_name, struct span *ret_value)
{
	if (!f->begun) {
		f->begun = true;
		if (take_first(&f->rest, ret_name, ret_value))
			return true;
	}
	while (f->rest.len > 0) {
		struct span field = header_take_field(&f->rest);
		const char *colon = memchr(field.p, ':', field.len);
		struct span name = { field.p,
			colon ? (size_t)(colon - field.p) : 0 };

		while (name.len > 0 && scan_is_blank(name.p[name.len - 1]))
			name.len--;
		if (!is_name(name)) {
			if (is_empty(field))
				continue;
			*ret_name = span_of("");
			*ret_value = field;
			return true;
		}
		*ret_name = name;
		*ret_value = (struct span){ colon + 1,
			field.len - (size_t)(colon + 1 - field.p) };
		return true;
	}
	return false;
}
