#include "span.h"

#include <string.h>

#include "scan.h"

struct span
span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

/*
 * strcasecmp() asks the locale, whose tables are two more pages of each
 * session.
 */
static bool
is_same(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (scan_lower(a[i]) != scan_lower(b[i]))
			return false;
	}
	return true;
}

bool
span_is(struct span text, const char *word)
{
	return text.len == strlen(word) && is_same(text.p, word, text.len);
}

bool
span_skip(struct span *text, const char *prefix)
{
	size_t len = strlen(prefix);

	if (text->len < len || !is_same(text->p, prefix, len))
		return false;
	text->p += len;
	text->len -= len;
	return true;
}

struct span
span_trim(struct span text)
{
	while (text.len > 0 && scan_is_blank(text.p[0])) {
		text.p++;
		text.len--;
	}
	while (text.len > 0 && scan_is_blank(text.p[text.len - 1]))
		text.len--;
	return text;
}

struct span
span_word(struct span *text)
{
	struct span word = { text->p, 0 };

	while (word.len < text->len && !scan_is_blank(text->p[word.len]))
		word.len++;
	text->p += word.len;
	text->len -= word.len;
	*text = span_trim(*text);
	return word;
}

bool
span_number(struct span text, uint64_t *ret)
{
	uint64_t n = 0;

	if (text.len < 1 || text.len > 20)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');

		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		if (n > (UINT64_MAX - digit) / 10)
			n = UINT64_MAX;
		else
			n = n * 10 + digit;
	}
	*ret = n;
	return true;
}

bool
span_port(struct span text, int *ret)
{
	uint64_t port;

	if (text.len > 5 || !span_number(text, &port) || port > UINT16_MAX)
		return false;
	*ret = (int)port;
	return true;
}
