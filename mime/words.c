#include "words.h"

#include <string.h>

#include "charset.h"
#include "transfer.h"

struct word {
	struct span charset;
	enum transfer way;
	struct span encoded;
	size_t len; /* from "=?" to "?=" */
};

/* Text is converted by one charset after the other. */
struct words {
	struct text *to;
	bool is_open;
	const struct charset_kind *kind; /* of what is open */
	struct charset charset;
};

static void
close_charset(struct words *w)
{
	if (w->is_open)
		charset_end(&w->charset);
	w->is_open = false;
}

/* Neighbours in one charset share the converter. */
static void
open_charset(struct words *w, const struct charset_kind *kind)
{
	if (w->is_open && kind && kind == w->kind)
		return;
	close_charset(w);
	charset_begin(&w->charset, kind, sink_to_text(w->to));
	w->kind = kind;
	w->is_open = true;
}

/* Octets up to the next line end or tab. */
static size_t
line_len(struct span text)
{
	size_t len = 0;

	while (len < text.len && text.p[len] != '\r' && text.p[len] != '\n' &&
	       text.p[len] != '\t')
		len++;
	return len;
}

/*
 * Drops line ends, but not the blanks that follow them.  A tab becomes a
 * blank, and so does a CR that ends no line.
 */
static void
add_plain(struct words *w, struct span text)
{
	if (text.len == 0)
		return;
	open_charset(w, NULL);
	while (text.len > 0) {
		size_t len = line_len(text);
		bool ends;

		charset_put(&w->charset, (struct span){ text.p, len });
		if (len == text.len)
			break;
		ends = text.p[len] == '\n' ||
		       (text.p[len] == '\r' &&
			   (len + 1 == text.len || text.p[len + 1] == '\n'));
		if (!ends)
			charset_put(&w->charset, span_of(" "));
		text.p += len + 1;
		text.len -= len + 1;
	}
	close_charset(w);
}

static bool
is_label_octet(char c)
{
	return c > ' ' && c < 0x7F && !strchr("?=()<>@,;:\"/[]", c);
}

/* The octets before "?=".  False: there is none before the next word. */
static bool
read_encoded(struct span in, size_t at, struct span *ret)
{
	for (size_t i = at; i + 1 < in.len; i++) {
		if (in.p[i] == '?' && in.p[i + 1] == '=') {
			*ret = (struct span){ in.p + at, i - at };
			return true;
		}
		if (in.p[i] == '=' && in.p[i + 1] == '?' &&
		    !(i + 2 < in.len && in.p[i + 2] == '='))
			return false;
	}
	return false;
}

/* `in` begins with "=?".  False: that is no encoded word. */
static bool
read_word(struct span in, struct word *ret)
{
	size_t at = 2;

	while (at < in.len && is_label_octet(in.p[at]))
		at++;
	ret->charset = (struct span){ in.p + 2, at - 2 };
	if (at + 3 > in.len || in.p[at] != '?' || in.p[at + 2] != '?')
		return false;
	if (in.p[at + 1] == 'B' || in.p[at + 1] == 'b')
		ret->way = TRANSFER_BASE64;
	else if (in.p[at + 1] == 'Q' || in.p[at + 1] == 'q')
		ret->way = TRANSFER_Q;
	else
		return false;
	if (!read_encoded(in, at + 3, &ret->encoded))
		return false;
	ret->len = (size_t)(ret->encoded.p + ret->encoded.len + 2 - in.p);
	return true;
}

/* A language may stand behind the charset (RFC 2231 s. 5). */
static struct span
without_language(struct span label)
{
	const char *star = memchr(label.p, '*', label.len);

	if (star)
		label.len = (size_t)(star - label.p);
	return label;
}

static void
add_word(struct words *w, const struct word *word)
{
	open_charset(w, charset_find(without_language(word->charset)));
	transfer_decode(word->way, word->encoded, charset_sink(&w->charset));
}

static bool
is_blank(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] == '\0' || !strchr(" \t\r\n", text.p[i]))
			return false;
	}
	return true;
}

/* Octets up to the next "=?". */
static size_t
plain_len(struct span in)
{
	const char *next = memmem(in.p, in.len, "=?", 2);

	return next ? (size_t)(next - in.p) : in.len;
}

void
words_decode(struct span value, struct text *to)
{
	struct words w = { .to = to };
	struct span plain = { value.p, 0 }; /* before what comes next */
	bool behind_word = false;

	while (value.len > 0) {
		size_t len = plain_len(value);
		struct word word;

		plain.len += len;
		value.p += len;
		value.len -= len;
		if (value.len == 0)
			break;
		if (!read_word(value, &word)) {
			plain.len += 2;
			value.p += 2;
			value.len -= 2;
			continue;
		}
		if (!behind_word || !is_blank(plain))
			add_plain(&w, plain);
		add_word(&w, &word);
		behind_word = true;
		value.p += word.len;
		value.len -= word.len;
		plain = (struct span){ value.p, 0 };
	}
	add_plain(&w, plain);
	close_charset(&w);
}
