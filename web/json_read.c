#include "json_read.h"

#include <string.h>

#include "../mail/scan.h"

enum {
	DEPTH_MAX = 32, /* of a value that is passed over */
};

void
json_skip_blanks(struct span *s)
{
	while (s->len > 0 && strchr(" \t\r\n", *s->p)) {
		s->p++;
		s->len--;
	}
}

bool
json_take(struct span *s, char c)
{
	json_skip_blanks(s);
	if (s->len == 0 || *s->p != c)
		return false;
	s->p++;
	s->len--;
	return true;
}

static uint32_t
hex(const char *p)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++) {
		int value = scan_hex_value(p[i]);

		if (value < 0)
			return 0xFFFD;
		code = code * 16 + (uint32_t)value;
	}
	return code;
}

/* Reads what follows a backslash; returns the octets taken. */
static size_t
read_escape(struct span s, struct text *to)
{
	static const char names[] = "bfnrt", means[] = "\b\f\n\r\t";
	const char *at = *s.p ? strchr(names, *s.p) : NULL;
	uint32_t code, low = 0;

	if (*s.p != 'u') {
		text_add_char(to, at ? means[at - names] : *s.p);
		return 1;
	}
	if (s.len < 5)
		return s.len;
	code = hex(s.p + 1);
	if (s.len >= 11 && s.p[5] == '\\' && s.p[6] == 'u')
		low = hex(s.p + 7);
	if (code >= 0xD800 && code < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
		text_add_code(
		    to, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
		return 11;
	}
	text_add_code(
	    to, code == 0 || (code >= 0xD800 && code < 0xE000) ? 0xFFFD : code);
	return 5;
}

bool
json_read_string(struct span *s, struct text *to)
{
	if (!json_take(s, '"'))
		return false;
	while (s->len > 0 && *s->p != '"') {
		size_t len = 1;

		if (*s->p == '\\' && s->len > 1)
			len += read_escape(
			    (struct span){ s->p + 1, s->len - 1 }, to);
		else
			text_add_char(to, *s->p);
		s->p += len;
		s->len -= len;
	}
	return json_take(s, '"');
}

bool
json_skip(struct span *s)
{
	int depth = 0;

	do {
		struct text none = { 0 };
		bool ok = true;

		json_skip_blanks(s);
		if (s->len == 0)
			return false;
		if (*s->p == '"') {
			ok = json_read_string(s, &none);
		} else {
			if (*s->p == '{' || *s->p == '[')
				depth++;
			else if (*s->p == '}' || *s->p == ']')
				depth--;
			s->p++;
			s->len--;
		}
		text_free(&none);
		if (!ok || depth < 0 || depth > DEPTH_MAX)
			return false;
		json_skip_blanks(s);
	} while (depth > 0 || (s->len > 0 && !strchr(",}]", *s->p)));
	return true;
}

bool
json_read_value(struct span *s, struct text *to)
{
	struct span begin;

	json_skip_blanks(s);
	begin = *s;
	if (s->len > 0 && *s->p == '"')
		return json_read_string(s, to);
	if (!json_skip(s))
		return false;
	begin.len -= s->len;
	if (begin.len != 4 || memcmp(begin.p, "null", 4) != 0)
		text_add(to, begin);
	return true;
}
