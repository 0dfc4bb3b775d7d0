#include "header.h"

#include <string.h>

#include "address.h"

enum {
	LINE_START,
	NAME,  /* in a field name, or in what stands in place of one */
	VALUE, /* behind the colon */
	BODY,  /* the section is over */
};

static const char *const names[HEADER__COUNT] = {
	[HEADER_FROM] = "From",
	[HEADER_TO] = "To",
	[HEADER_SUBJECT] = "Subject",
	[HEADER_DATE] = "Date",
	[HEADER_MESSAGE_ID] = "Message-ID",
};

void
header_start(struct header *h)
{
	h->at = LINE_START;
	h->field = HEADER__COUNT;
	h->size = h->line_len = 0;
	memset(h->has, 0, sizeof h->has);
}

/* Puts "?" for every octet that no table or terminal should get to see. */
static void
clean(char *text, size_t len)
{
	struct span rest = { text, len };

	while (rest.len > 0) {
		size_t n = address_printable_len(rest);

		if (n == 0) {
			text[rest.p - text] = *rest.p == '\t' ? ' ' : '?';
			n = 1;
		}
		rest.p += n;
		rest.len -= n;
	}
}

/* The field being kept is complete. */
static void
end_field(struct header *h)
{
	struct span text;
	char *value;

	if (h->field == HEADER__COUNT)
		return;
	value = h->value[h->field];
	clean(value, h->len);
	text = span_trim((struct span){ value, h->len });
	memmove(value, text.p, text.len);
	value[text.len] = '\0';
	h->has[h->field] = true;
	h->field = HEADER__COUNT;
}

static bool
is_blank(char octet)
{
	return octet == ' ' || octet == '\t';
}

/* A name that is too long to be one of ours becomes none of them. */
static void
keep_name(struct header *h, char octet)
{
	if (h->name_len < sizeof h->name)
		h->name[h->name_len++] = octet;
	else if (!is_blank(octet))
		h->name[0] = ':';
}

/* Only the first of each is kept. */
static void
begin_field(struct header *h)
{
	struct span name = { h->name, h->name_len };

	h->at = VALUE;
	/* There may be blanks before the colon (RFC 5322 s. 4.5). */
	while (name.len > 0 && is_blank(name.p[name.len - 1]))
		name.len--;
	for (int i = 0; i < HEADER__COUNT; i++) {
		if (!h->has[i] && span_is(name, names[i])) {
			h->field = i;
			h->len = 0;
		}
	}
}

/* Unfolds: line ends go, the blanks that follow them stay. */
static void
keep(struct header *h, const char *text, size_t len)
{
	char *value = h->value[h->field];

	for (size_t i = 0; i < len && h->len < HEADER_VALUE_MAX; i++) {
		if (text[i] != '\r' && text[i] != '\n')
			value[h->len++] = text[i];
	}
}

static void
end_section(struct header *h)
{
	end_field(h);
	h->at = BODY;
}

/* One octet where a line begins, or in a field name. */
static void
take_name(struct header *h, char octet)
{
	if (h->at == LINE_START && is_blank(octet)) {
		h->at = VALUE; /* the field goes on (RFC 5322 s. 2.2.3) */
		if (h->field != HEADER__COUNT)
			keep(h, &octet, 1);
		return;
	}
	if (h->at == LINE_START) {
		end_field(h);
		h->at = NAME;
		h->name_len = 0;
	}
	if (octet == ':') {
		begin_field(h);
	} else if (octet == '\n') {
		/* The empty line belongs to the section; other text does not. */
		if (h->name_len == 0)
			h->size += h->line_len;
		end_section(h);
	} else if (octet != '\r') {
		keep_name(h, octet);
	}
}

/* As much of a field's line as there is; returns its octets. */
static size_t
take_value(struct header *h, struct span data)
{
	const char *lf = memchr(data.p, '\n', data.len);
	size_t len = lf ? (size_t)(lf + 1 - data.p) : data.len;

	if (h->field != HEADER__COUNT)
		keep(h, data.p, len);
	h->line_len += len;
	if (lf) {
		h->size += h->line_len;
		h->line_len = 0;
		h->at = LINE_START;
	}
	return len;
}

void
header_feed(struct header *h, struct span data)
{
	while (data.len > 0 && h->at != BODY) {
		size_t len = 1;

		if (h->at == VALUE) {
			len = take_value(h, data);
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
	if (h->at == VALUE)
		h->size += h->line_len;
	if (h->at != BODY)
		end_section(h);
}
