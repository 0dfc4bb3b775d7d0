#include "base64.h"

#include "../mail/base64.h"

enum {
	GROUPS = 1024, /* of three octets, and so of four characters */
};

struct encoder {
	struct text *to;
	char held[3 * GROUPS];
	size_t nheld;
};

static void
flush(struct encoder *e)
{
	char characters[4 * GROUPS + 1];
	size_t len =
	    base64_write((struct span){ e->held, e->nheld }, characters);

	text_add(e->to, (struct span){ characters, len });
	e->nheld = 0;
}

static bool
put(void *arg, struct span piece)
{
	struct encoder *e = arg;

	for (size_t i = 0; i < piece.len; i++) {
		e->held[e->nheld++] = piece.p[i];
		if (e->nheld == sizeof e->held)
			flush(e);
	}
	return true;
}

void
base64_part(const struct mime_part *part, struct text *to)
{
	struct encoder e = { .to = to };

	mime_content(part, (struct sink){ put, &e });
	flush(&e);
}
