#include "header.h"

#include <string.h>

enum {
	NAME,  /* in a field name, or before one */
	VALUE, /* behind the colon, to the end of the line */
	BODY,  /* the empty line was seen */
};

static const char *const names[HEADER__COUNT] = {
	[HEADER_DATE] = "Date",
	[HEADER_FROM] = "From",
	[HEADER_MESSAGE_ID] = "Message-ID",
};

void
header_start(struct header *h)
{
	*h = (struct header){ .at = NAME };
}

static void
note_field(struct header *h)
{
	struct span name = { h->name, h->name_len };

	while (name.len > 0 && memchr(" \t", name.p[name.len - 1], 2))
		name.len--;
	for (size_t i = 0; i < HEADER__COUNT; i++) {
		if (span_is(name, names[i]))
			h->has[i] = true;
	}
}

/* One octet of a field name, or of what stands in place of one. */
static void
take_name(struct header *h, char octet)
{
	if (h->name_len == 0 && (octet == ' ' || octet == '\t')) {
		h->at = VALUE; /* the field goes on (RFC 5322 s. 2.2.3) */
	} else if (octet == ':') {
		note_field(h);
		h->at = VALUE;
	} else if (octet == '\n') {
		h->at = BODY; /* an empty line, or the text of a bare mail */
	} else if (octet != '\r' && h->name_len < sizeof h->name) {
		h->name[h->name_len++] = octet;
	} else if (octet != '\r' && octet != ' ' && octet != '\t') {
		h->name[0] = '-'; /* longer than any that is looked for */
	}
}

void
header_feed(struct header *h, struct span data)
{
	const char *end = data.p + data.len;

	for (const char *p = data.p; p < end && h->at != BODY; p++) {
		if (h->at == NAME) {
			take_name(h, *p);
			continue;
		}
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return;
		h->at = NAME;
		h->name_len = 0;
	}
}
