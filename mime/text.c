#include "text.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <wctype.h>

#include "../mail/codepoint.h"

void *
text_resize(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p) {
		fprintf(
		    stderr, "%s: no memory\n", program_invocation_short_name);
		exit(EX_OSERR);
	}
	return p;
}

char *
text_copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(text_resize(NULL, size), text, size);
}

static void
grow(struct text *t, size_t more)
{
	if (t->cap - t->len > more)
		return;
	t->cap += t->cap / 2 + more + 1;
	t->p = text_resize(t->p, t->cap);
}

void
text_add(struct text *t, struct span more)
{
	grow(t, more.len);
	if (more.len > 0)
		memcpy(t->p + t->len, more.p, more.len);
	t->len += more.len;
	t->p[t->len] = '\0';
}

void
text_add_char(struct text *t, char c)
{
	text_add(t, (struct span){ &c, 1 });
}

size_t
text_encode(uint32_t c, char p[4])
{
	size_t len;

	if (c < 0x80) {
		p[0] = (char)c;
		len = 1;
	} else if (c < 0x800) {
		p[0] = (char)(0xC0 | c >> 6);
		len = 2;
	} else if (c < 0x10000) {
		p[0] = (char)(0xE0 | c >> 12);
		len = 3;
	} else {
		p[0] = (char)(0xF0 | c >> 18);
		len = 4;
	}
	for (size_t i = 1; i < len; i++)
		p[i] = (char)(0x80 | (c >> 6 * (len - 1 - i) & 0x3F));
	return len;
}

void
text_add_code(struct text *t, uint32_t code)
{
	char p[4];
	size_t len = text_encode(code, p);

	text_add(t, (struct span){ p, len });
}

char *
text_take(struct text *t)
{
	char *p;

	text_add(t, span_of(""));
	p = t->p;
	*t = (struct text){ 0 };
	return p;
}

void
text_free(struct text *t)
{
	free(t->p);
	*t = (struct text){ 0 };
}

/*
 * UTF-8
 */

/* The length of the character that this octet begins; 0: it begins none. */
static size_t
wanted_len(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC2 || first > 0xF4)
		return 0;
	return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/*
 * May the second octet follow?  This excludes overlong forms and surrogates.
 */
static bool
fits(unsigned char first, unsigned char second)
{
	unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
	unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;

	return second >= low && second <= high;
}

/* How many of the `want` octets of a character are there? */
static size_t
found_len(struct span text, size_t want)
{
	const unsigned char *p = (const unsigned char *)text.p;
	size_t len = 1;

	if (text.len < 2 || want < 2 || !fits(p[0], p[1]))
		return 1;
	for (len = 2; len < want && len < text.len; len++) {
		if ((p[len] & 0xC0) != 0x80)
			break;
	}
	return len;
}

size_t
text_read(struct span text, uint32_t *ret_code)
{
	unsigned char first = (unsigned char)*text.p;
	size_t want = wanted_len(first);
	size_t len = found_len(text, want);
	uint32_t c = want == 1 ? first : first & (0xFFu >> (want + 1));

	if (len < want || want == 0) {
		*ret_code = TEXT_NONE;
		return len;
	}
	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)text.p[i] & 0x3F);
	*ret_code = c;
	return len;
}

bool
text_is_cut(struct span text)
{
	size_t want = text.len > 0 ? wanted_len((unsigned char)*text.p) : 0;

	return text.len < want && found_len(text, want) == text.len;
}

locale_t
text_unicode(void)
{
	static locale_t locale; /* never given back */

	if (!locale)
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	return locale;
}

/* These have no width, but shape emoji, and letters of some scripts. */
static bool
is_shaping(uint32_t c)
{
	return c == 0x200C || c == 0x200D || (c >= 0xFE00 && c <= 0xFE0F) ||
	       (c >= 0xE0100 && c <= 0xE01EF);
}

bool
text_is_harmless(uint32_t c)
{
	if (c < 0x7F)
		return c >= ' ';
	if (c < 0xA0)
		return false;
	/* Most characters need no look at the table. */
	if ((c < 0x34F && c != 0xAD) || (c >= 0x2010 && c < 0x2028) ||
	    (c >= 0x2030 && c < 0x205F) || (c >= 0x4E00 && c < 0xA000))
		return true;
	if (is_shaping(c))
		return true;
	if (!codepoint_is_visible(c))
		return false;
	return !text_unicode() || iswprint_l((wint_t)c, text_unicode());
}

char *
text_fold(struct span text)
{
	locale_t locale = text_unicode();
	struct text folded = { 0 };

	while (text.len > 0) {
		uint32_t c;
		size_t len = text_read(text, &c);

		if (c < TEXT_NONE && locale)
			c = (uint32_t)towlower_l(
			    towupper_l((wint_t)c, locale), locale);
		text_add_code(&folded, c < TEXT_NONE ? c : 0xFFFD);
		text.p += len;
		text.len -= len;
	}
	return text_take(&folded);
}

/*
 * Sinks
 */

bool
sink_put(struct sink to, struct span piece)
{
	return piece.len == 0 || to.put(to.arg, piece);
}

static bool
put_text(void *arg, struct span piece)
{
	text_add(arg, piece);
	return true;
}

struct sink
sink_to_text(struct text *t)
{
	return (struct sink){ put_text, t };
}

static bool
put_count(void *arg, struct span piece)
{
	size_t *n = arg;

	*n += piece.len;
	return true;
}

struct sink
sink_to_count(size_t *n)
{
	return (struct sink){ put_count, n };
}
