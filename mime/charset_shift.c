#include "charset_shift.h"

#include <string.h>

static void
keep(struct charset *c, char octet)
{
	c->held[c->nheld++] = octet;
}

static bool
holds(const struct charset *c, const char *octets)
{
	return c->nheld == strlen(octets) &&
	       memcmp(c->held, octets, c->nheld) == 0;
}

/* Adds what is held as it is: it is no escape and no whole character. */
static void
spill(struct charset *c, struct text *to)
{
	text_add(to, (struct span){ c->held, c->nheld });
	c->nheld = 0;
}

/* Two octets of one character get their eighth bits. */
static void
add_double(struct charset *c, char octet, struct text *to)
{
	if (octet < 0x21) { /* a blank or control, also within a character */
		spill(c, to);
		text_add_char(to, octet);
		return;
	}
	keep(c, octet);
	if (c->nheld < 2)
		return;
	if (c->set == SET_JIS_0212)
		text_add_char(to, (char)0x8F);
	text_add_char(to, (char)(c->held[0] | 0x80));
	text_add_char(to, (char)(c->held[1] | 0x80));
	c->nheld = 0;
}

static bool
take_jis_escape(struct charset *c)
{
	static const struct {
		const char *escape;
		int set;
	} escapes[] = {
		{ "\033(B", SET_ASCII },
		{ "\033(J", SET_ASCII }, /* JIS X 0201, all but ASCII */
		{ "\033(I", SET_KATAKANA },
		{ "\033$@", SET_DOUBLE },
		{ "\033$B", SET_DOUBLE },
		{ "\033$(D", SET_JIS_0212 },
	};

	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
		if (holds(c, escapes[i].escape)) {
			c->set = escapes[i].set;
			c->nheld = 0;
			return true;
		}
	}
	return false;
}

void
charset_add_jis(struct charset *c, char octet, struct text *to)
{
	if (octet == '\033') {
		spill(c, to);
		keep(c, octet);
	} else if (c->nheld > 0 && c->held[0] == '\033') {
		keep(c, octet);
		if (!take_jis_escape(c) && c->nheld == 4)
			spill(c, to);
	} else if (c->set >= SET_DOUBLE) {
		add_double(c, octet, to);
	} else if (c->set == SET_KATAKANA && octet >= 0x21) {
		text_add_char(to, (char)0x8E);
		text_add_char(to, (char)(octet | 0x80));
	} else {
		text_add_char(to, octet);
	}
	if (octet == '\n' && c->nheld == 0)
		c->set = SET_ASCII; /* RFC 1468: at the end of each line */
}

void
charset_add_hz(struct charset *c, char octet, struct text *to)
{
	if (c->nheld == 1 && c->held[0] == '~') {
		c->nheld = 0;
		if (octet == '{' || octet == '}')
			c->set = octet == '{' ? SET_DOUBLE : SET_ASCII;
		else if (octet == '~')
			text_add_char(to, octet);
		else if (octet != '\n') {
			text_add_char(to, '~');
			text_add_char(to, octet);
		}
	} else if (octet == '~' && c->nheld == 0) {
		keep(c, octet);
	} else if (c->set == SET_DOUBLE && octet != '\n') {
		add_double(c, octet, to);
	} else {
		spill(c, to);
		text_add_char(to, octet);
		c->set = SET_ASCII;
	}
}
