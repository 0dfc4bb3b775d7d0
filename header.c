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
	struct span name = span_trim((struct span){ h->name, h->name_len });

	for (size_t i = 0; i < HEADER__COUNT; i++) {
		if (span_is(name, names[i]))
			h->has[i] = true;
	}
}

/* One octet of a field name, or of what stands in place of one. */
static void
take_name(struct header *h, char octet)
{
	if (octet == ':') {
		note_field(h);
		h->at = VALUE;
	} else if (octet == '\n') {
		h->at = BODY; /* an empty line, or the text of a bare mail */
	} else if (octet != '\r' && h->name_len < sizeof h->name) {
		h->name[h->name_len++] = octet;
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
