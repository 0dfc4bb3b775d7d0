#include "script_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

enum {
	SHOWN_MAX = 200,             /* octets of a text in a message */
	TEXT_MAX = 64 * 1024 * 1024, /* of one line, unescaped */
};

/*
 * Messages
 */

/* Escapes as ">>" does, cut at SHOWN_MAX octets. */
static void
show(struct span octets, char *ret, size_t size)
{
	size_t shown = octets.len < SHOWN_MAX ? octets.len : SHOWN_MAX;
	size_t n = 0;

	for (size_t i = 0; i < shown && n + 8 < size; i++) {
		unsigned char c = (unsigned char)octets.p[i];

		if (c == '\r' || c == '\n')
			n += (size_t)sprintf(
			    ret + n, "\\%c", c == '\r' ? 'r' : 'n');
		else if (c < 0x20 || c >= 0x7f)
			n += (size_t)sprintf(ret + n, "\\x%02X", c);
		else
			ret[n++] = (char)c;
	}
	ret[n] = '\0';
	if (shown < octets.len)
		strcpy(ret + n, "...");
}

bool
script_mismatch(struct script_error *ret_error, const struct script *s,
    const struct script_step *step, struct span got)
{
	char want_text[4 * SHOWN_MAX], got_text[4 * SHOWN_MAX];

	show(step->text, want_text, sizeof want_text);
	show(got, got_text, sizeof got_text);
	snprintf(ret_error->text, sizeof ret_error->text,
	    "%s:%u: want \"%s\", got \"%s\"", s->path, step->line, want_text,
	    got_text);
	return false;
}

bool
script_fault(struct script_error *ret_error, const struct script *s,
    const struct script_step *step, const char *what)
{
	snprintf(ret_error->text, sizeof ret_error->text, "%s:%u: %s", s->path,
	    step ? step->line : s->nlines, what);
	return false;
}

bool
script_fault_at(struct script_error *ret_error, const struct script *s,
    const struct script_step *step, const char *what, struct span octets)
{
	char text[4 * SHOWN_MAX];

	show(octets, text, sizeof text);
	snprintf(ret_error->text, sizeof ret_error->text, "%s:%u: %s \"%s\"",
	    s->path, step ? step->line : s->nlines, what, text);
	return false;
}

bool
script_wrong(struct script_parser *p, const char *format, ...)
{
	struct script_error *e = p->error;
	va_list args;
	int n;

	n = snprintf(
	    e->text, sizeof e->text, "%s:%u: ", p->script->path, p->line);
	if (n > 0 && (size_t)n < sizeof e->text) {
		va_start(args, format);
		vsnprintf(
		    e->text + n, sizeof e->text - (size_t)n, format, args);
		va_end(args);
	}
	return false;
}

/*
 * Escapes
 */

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool
read_hex(struct script_parser *p, struct span *in, char *ret)
{
	int high = in->len > 0 ? hex_digit(in->p[0]) : -1;
	int low = in->len > 1 ? hex_digit(in->p[1]) : -1;

	if (high < 0 || low < 0)
		return script_wrong(p, "\\x needs two hexadecimal digits");
	*ret = (char)(high * 16 + low);
	in->p += 2;
	in->len -= 2;
	return true;
}

/* `*in` is what follows the backslash; one octet of it is there. */
static bool
read_escape(struct script_parser *p, struct span *in, char *ret)
{
	static const char names[] = "rnt0\\}";
	static const char values[] = "\r\n\t\0\\}";
	char name = *in->p++;
	const char *at;

	in->len--;
	if (name == 'x')
		return read_hex(p, in, ret);
	at = memchr(names, name, sizeof names - 1);
	if (!at)
		return script_wrong(p, "unknown escape \\%c", name);
	*ret = values[at - names];
	return true;
}

static bool unescape(struct script_parser *p, struct span *in, bool repeated,
    struct buffer *ret);

/* `*in` is what follows the "\{". */
static bool
read_repeated(struct script_parser *p, struct span *in, struct buffer *ret)
{
	struct buffer once = { .p = NULL };
	size_t times = 0;
	bool ok = false;

	while (
	    in->len > 0 && *in->p >= '0' && *in->p <= '9' && times < TEXT_MAX) {
		times = times * 10 + (size_t)(*in->p - '0');
		in->p++;
		in->len--;
	}
	if (times == 0 || !span_skip(in, ":"))
		return script_wrong(p, "want \\{N:TEXT}");
	if (!unescape(p, in, true, &once))
		goto free_once;
	ok = once.len * times <= TEXT_MAX;
	if (!ok)
		script_wrong(p, "\\{N:TEXT} is too long");
	for (; ok && times > 0; times--)
		buffer_add(ret, buffer_span(&once));
free_once:
	buffer_free(&once);
	return ok;
}

/* To the end; `repeated`: behind the "}" that ends a repeated text. */
static bool
unescape(
    struct script_parser *p, struct span *in, bool repeated, struct buffer *ret)
{
	while (in->len > 0) {
		char c = *in->p++;

		in->len--;
		if (repeated && c == '}')
			return true;
		if (c == '\\' && in->len == 0)
			return script_wrong(p, "backslash at the end");
		if (c == '\\' && !repeated && span_skip(in, "{")) {
			if (!read_repeated(p, in, ret))
				return false;
			continue;
		}
		if (c == '\\' && !read_escape(p, in, &c))
			return false;
		buffer_add(ret, (struct span){ &c, 1 });
	}
	return repeated ? script_wrong(p, "\\{N:TEXT} without an end") : true;
}

/*
 * Steps
 */

struct script_step *
script_add_step(struct script_parser *p, enum script_kind kind)
{
	struct script *s = p->script;

	if (s->nsteps == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		s->steps = realloc(s->steps, p->cap * sizeof *s->steps);
		if (!s->steps)
			abort();
	}
	s->steps[s->nsteps] =
	    (struct script_step){ .kind = kind, .line = p->line };
	return &s->steps[s->nsteps++];
}

/* Hands the buffer's memory to the step. */
static void
set_text(struct script_step *step, struct buffer *b)
{
	buffer_add(b, (struct span){ "", 1 }); /* for who wants a string */
	step->text = (struct span){ b->p, b->len - 1 };
}

void
script_copy_text(struct script_step *step, struct span text, const char *end)
{
	struct buffer b = { .p = NULL };

	buffer_add(&b, text);
	buffer_add(&b, span_of(end));
	set_text(step, &b);
}

bool
script_copy_unescaped(
    struct script_parser *p, struct script_step *step, struct span text)
{
	struct buffer b = { .p = NULL };
	bool ok = unescape(p, &text, false, &b);

	set_text(step, &b);
	return ok;
}

bool
script_is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	}
	return true;
}
