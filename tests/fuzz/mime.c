/*
 * A mail as mime/mime.h sees it, and HTML and charsets by themselves: what
 * comes out is UTF-8 in whole characters and in proportion to what went in,
 * the same however it is cut, and nothing comes after a sink has enough.
 */
#include "../../mime/mime.h"

#include <stdlib.h>
#include <string.h>

#include "../../mime/charset.h"
#include "../../mime/flowed.h"
#include "../../mime/html.h"
#include "../../mime/text.h"
#include "fuzz.h"

enum {
	/* An octet may become U+FFFD, and a link is shown with its URL. */
	OUT_PER_OCTET = 16,
	OUT_MORE = 4096,
	PARTS_SHOWN = 64,
};

/*
 * A sink that looks at what it gets
 */

struct watch {
	struct text all;
	bool is_text; /* UTF-8, in whole characters */
	size_t limit; /* pieces that are wanted; 0: all */
	size_t npieces;
	bool full;
};

static bool
put(void *arg, struct span piece)
{
	struct watch *w = arg;

	fuzz_promise(!w->full, "nothing comes after a sink has enough");
	if (w->is_text) {
		for (struct span rest = piece; rest.len > 0;) {
			uint32_t code;
			size_t n = text_read(rest, &code);

			fuzz_promise_of(code != TEXT_NONE && code != 0,
			    "text is UTF-8 in whole characters: ", piece);
			rest.p += n;
			rest.len -= n;
		}
	}
	text_add(&w->all, piece);
	w->full = ++w->npieces == w->limit;
	return !w->full;
}

static struct sink
sink_of(struct watch *w)
{
	return (struct sink){ put, w };
}

static void
check_text(const char *text)
{
	struct span all = span_of(text);
	uint32_t code;

	for (struct span rest = all; rest.len > 0;) {
		size_t n = text_read(rest, &code);

		fuzz_promise_of(code != TEXT_NONE, "a field is UTF-8: ", all);
		rest.p += n;
		rest.len -= n;
	}
}

static bool
is_same(const struct text *a, const struct text *b)
{
	return a->len == b->len && (a->len == 0 || !memcmp(a->p, b->p, a->len));
}

/*
 * A mail
 */

static void
read_fields(const struct mime *m)
{
	static const char *const names[] = { "From", "To", "Subject", "Date",
		"Content-Type", "X-None" };
	struct header_fields fields = mime_fields(m);
	struct span name, value;
	int n = 0;

	while (n++ < 1000 && header_next(&fields, &name, &value)) {
		char *text = mime_decode(value);

		check_text(text);
		fuzz_promise(
		    strlen(text) <= OUT_PER_OCTET * value.len + OUT_MORE,
		    "a field is no longer than it was");
		mime_holds(text, "a");
		free(text);
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char *text = mime_field(m, names[i]);

		if (text)
			check_text(text);
		free(text);
	}
}

typedef bool read_part(const struct mime_part *part, struct sink to);

/* All of it, and again for a sink that has enough after some pieces. */
static size_t
read_way(const struct mime_part *part, read_part *read, bool is_text)
{
	struct watch all = { .is_text = is_text }, some = { .limit = 1 };
	size_t len, npieces;

	fuzz_promise(read(part, sink_of(&all)), "a sink gets all it wants");
	len = all.all.len;
	npieces = all.npieces;
	fuzz_promise(len <= OUT_PER_OCTET * part->octets.len + OUT_MORE,
	    "what is shown is in proportion to the mail");
	some.limit = npieces > 1 ? npieces / 2 : 1;
	fuzz_promise(!read(part, sink_of(&some)) || npieces == 0,
	    "a sink that has enough stops it");
	fuzz_promise(some.all.len <= len &&
			 (some.all.len == 0 ||
			     !memcmp(some.all.p, all.all.p, some.all.len)),
	    "a part reads the same twice");
	text_free(&some.all);
	text_free(&all.all);
	return len;
}

static void
read_parts(const struct mime *m, struct span mail)
{
	size_t n = mime_nparts(m);

	fuzz_promise(n <= mail.len + 1, "parts are in proportion to the mail");
	for (size_t i = 0; i < n && i < PARTS_SHOWN; i++) {
		const struct mime_part *part = mime_part(m, i);

		fuzz_promise(fuzz_is_within(part->octets, mail),
		    "a part is in the mail");
		check_text(part->type);
		if (part->name)
			check_text(part->name);
		fuzz_promise(
		    read_way(part, mime_content, false) == mime_size(part),
		    "a part has as many octets as it says");
		if (!part->is_text)
			continue;
		read_way(part, mime_source, true);
		read_way(part, mime_text, true);
	}
}

static void
read_mail(struct span mail)
{
	struct mime *m = mime_open(mail);

	fuzz_promise(m, "there is no mail that has none");
	read_fields(m);
	read_parts(m, mail);
	mime_is_header_open(m);
	mime_is_cut(m);
	mime_free(m);
}

/*
 * Charsets and HTML
 */

static void
convert(struct span label, struct span octets, size_t step, struct text *ret)
{
	struct watch w = { .is_text = true };
	struct charset c;

	charset_begin(&c, charset_find(label), sink_of(&w));
	while (octets.len > 0) {
		struct span piece = octets;

		if (step > 0 && step < piece.len)
			piece.len = step;
		charset_put(&c, piece);
		octets.p += piece.len;
		octets.len -= piece.len;
	}
	charset_end(&c);
	*ret = w.all;
}

/* Puts the text as a whole, or each character alone. */
static void
put_all(struct sink to, const struct text *text, bool cut)
{
	struct span rest = { text->p, text->len };

	while (rest.len > 0) {
		struct span piece = rest;
		uint32_t code;

		if (cut)
			piece.len = text_read(rest, &code);
		sink_put(to, piece);
		rest.p += piece.len;
		rest.len -= piece.len;
	}
}

static void
read_html(const struct text *html, bool cut, struct text *ret)
{
	struct watch w = { .is_text = true };
	struct html *h = html_begin(sink_of(&w));

	put_all(html_sink(h), html, cut);
	html_end(h);
	*ret = w.all;
}

static void
read_flowed(const struct text *text, bool cut, struct text *ret)
{
	struct watch w = { .is_text = true };
	struct flowed f;

	flowed_begin(&f, false, sink_of(&w));
	put_all(flowed_sink(&f), text, cut);
	flowed_end(&f);
	*ret = w.all;
}

/*
 * Octets of 8 bits where shifts are of 7: each piece of them is taken for
 * itself, and how it is cut has a meaning.
 */
static bool
is_shifted_nonsense(struct span label, struct span octets)
{
	const struct charset_kind *kind = charset_find(label);
	bool is_shifted =
	    kind && (kind->way == CHARSET_HZ || kind->way == CHARSET_JIS);

	for (size_t i = 0; is_shifted && i < octets.len; i++) {
		if (octets.p[i] & 0x80)
			return true;
	}
	return false;
}

/* The first line is the label. */
static void
read_text(struct span input)
{
	const char *lf = memchr(input.p, '\n', input.len);
	struct span label = { input.p, lf ? (size_t)(lf - input.p) : 0 };
	struct text whole, cut, shown, shown_cut, flowed, flowed_cut;

	charset_of_mark(input);
	html_charset(input);
	convert(label, input, 0, &whole);
	convert(label, input, 1, &cut);
	fuzz_promise(is_same(&whole, &cut) || is_shifted_nonsense(label, input),
	    "how text is cut has no meaning");
	read_html(&whole, false, &shown);
	read_html(&whole, true, &shown_cut);
	fuzz_promise(
	    is_same(&shown, &shown_cut), "how HTML is cut has no meaning");
	read_flowed(&whole, false, &flowed);
	read_flowed(&whole, true, &flowed_cut);
	fuzz_promise(is_same(&flowed, &flowed_cut),
	    "how flowed text is cut has no meaning");
	text_free(&flowed);
	text_free(&flowed_cut);
	text_free(&whole);
	text_free(&cut);
	text_free(&shown);
	text_free(&shown_cut);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = fuzz_copy((struct span){ (const char *)data, len });
	struct span input = { copy, len };

	read_mail(input);
	read_text(input);
	free(copy);
	return 0;
}
