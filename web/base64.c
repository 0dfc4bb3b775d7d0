#include "base64.h"

/* What does not fill three octets is held. */
struct encoder {
	struct text *to;
	uint32_t held;
	int nheld;
};

static void
put_four(struct encoder *e, int nchars)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	char four[4];

	for (int i = 0; i < 4; i++)
		four[i] =
		    i < nchars ? digits[e->held >> (18 - 6 * i) & 63] : '=';
	text_add(e->to, (struct span){ four, 4 });
	e->held = 0;
	e->nheld = 0;
}

static bool
put(void *arg, struct span piece)
{
	struct encoder *e = arg;

	for (size_t i = 0; i < piece.len; i++) {
		e->held |= (uint32_t)(unsigned char)piece.p[i]
			   << (16 - 8 * e->nheld);
		if (++e->nheld == 3)
			put_four(e, 4);
	}
	return true;
}

void
base64_part(const struct mime_part *part, struct text *to)
{
	struct encoder e = { .to = to };

	mime_content(part, (struct sink){ put, &e });
	if (e.nheld > 0)
		put_four(&e, e.nheld + 1);
}
