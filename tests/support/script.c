#include "script.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

/* The program's; the replies to EHLO and HELP STATUS name them. */
static const struct session_conf default_conf = {
	.hostname = "mx.example",
	.version = "test",
	.max_size = 52428800,
	.max_recipients = 1000,
	.max_errors = 20,
};

enum {
	SHOWN_MAX = 200,             /* octets of a text in a message */
	ANSWER_MAX = 420,            /* of a text that session.h allows */
	TEXT_MAX = 64 * 1024 * 1024, /* of one line, unescaped */
};

struct parser {
	struct script *script;
	unsigned cap;  /* of script->steps */
	unsigned line; /* the one being read */
	bool talking;  /* a ">" or "<" was seen: no more settings */
	struct script_error *error;
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

__attribute__((format(printf, 2, 3))) static bool
wrong(struct parser *p, const char *format, ...)
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
read_hex(struct parser *p, struct span *in, char *ret)
{
	int high = in->len > 0 ? hex_digit(in->p[0]) : -1;
	int low = in->len > 1 ? hex_digit(in->p[1]) : -1;

	if (high < 0 || low < 0)
		return wrong(p, "\\x needs two hexadecimal digits");
	*ret = (char)(high * 16 + low);
	in->p += 2;
	in->len -= 2;
	return true;
}

/* `*in` is what follows the backslash; one octet of it is there. */
static bool
read_escape(struct parser *p, struct span *in, char *ret)
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
		return wrong(p, "unknown escape \\%c", name);
	*ret = values[at - names];
	return true;
}

static bool unescape(
    struct parser *p, struct span *in, bool repeated, struct buffer *ret);

/* `*in` is what follows the "\{". */
static bool
read_repeated(struct parser *p, struct span *in, struct buffer *ret)
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
		return wrong(p, "want \\{N:TEXT}");
	if (!unescape(p, in, true, &once))
		goto free_once;
	ok = once.len * times <= TEXT_MAX;
	if (!ok)
		wrong(p, "\\{N:TEXT} is too long");
	for (; ok && times > 0; times--)
		buffer_add(ret, buffer_span(&once));
free_once:
	buffer_free(&once);
	return ok;
}

/* To the end; `repeated`: behind the "}" that ends a repeated text. */
static bool
unescape(struct parser *p, struct span *in, bool repeated, struct buffer *ret)
{
	while (in->len > 0) {
		char c = *in->p++;

		in->len--;
		if (repeated && c == '}')
			return true;
		if (c == '\\' && in->len == 0)
			return wrong(p, "backslash at the end");
		if (c == '\\' && !repeated && span_skip(in, "{")) {
			if (!read_repeated(p, in, ret))
				return false;
			continue;
		}
		if (c == '\\' && !read_escape(p, in, &c))
			return false;
		buffer_add(ret, (struct span){ &c, 1 });
	}
	return repeated ? wrong(p, "\\{N:TEXT} without an end") : true;
}

/*
 * Steps
 */

static struct script_step *
add_step(struct parser *p, enum script_kind kind)
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

static void
copy_text(struct script_step *step, struct span text, const char *end)
{
	struct buffer b = { .p = NULL };

	buffer_add(&b, text);
	buffer_add(&b, span_of(end));
	set_text(step, &b);
}

static bool
copy_unescaped(struct parser *p, struct script_step *step, struct span text)
{
	struct buffer b = { .p = NULL };
	bool ok = unescape(p, &text, false, &b);

	set_text(step, &b);
	return ok;
}

/*
 * Settings and events
 */

static bool
find_verdict(struct span name, enum verdict *ret)
{
	static const char *const names[] = {
		[VERDICT_BUSY] = "busy",
		[VERDICT_FULL] = "full",
		[VERDICT_NO_MEMORY] = "no-memory",
		[VERDICT_FAILED] = "failed",
		[VERDICT_TOO_BIG] = "too-big",
		[VERDICT_CORRUPT] = "broken",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i] && span_is(name, names[i])) {
			*ret = (enum verdict)i;
			return true;
		}
	}
	return false;
}

static bool
find_end(struct span name, enum session_end *ret)
{
	static const char *const names[] = {
		[SESSION_TIMEOUT] = "timeout",
		[SESSION_EXPIRED] = "expired",
		[SESSION_CROWDED] = "crowded",
		[SESSION_SHUTDOWN] = "shutdown",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i] && span_is(name, names[i])) {
			*ret = (enum session_end)i;
			return true;
		}
	}
	return false;
}

static bool
find_question(struct span name, enum question_kind *ret)
{
	static const char *const names[] = {
		[QUESTION_RCPT] = "ask",
		[QUESTION_MAIL] = "ask-mail",
		[QUESTION_VRFY] = "ask-vrfy",
		[QUESTION_EXPN] = "ask-expn",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (span_is(name, names[i])) {
			*ret = (enum question_kind)i;
			return true;
		}
	}
	return false;
}

static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < 0x20 || text.p[i] > 0x7e)
			return false;
	}
	return true;
}

/*
 * A verdict, or a reply with its enhanced code: as session.h has it, whose
 * caller would else break the contract first.
 */
static bool
read_ask(struct parser *p, enum question_kind kind, struct span value)
{
	struct script_step *step = add_step(p, SCRIPT_ASK);
	struct span enhanced;
	uint64_t code;

	step->answer.kind = kind;
	if (find_verdict(value, &step->verdict))
		return true;
	if (!span_number(span_word(&value), &code) || code < 200 || code > 599)
		return wrong(p, "want a verdict or a reply");
	enhanced = span_word(&value);
	if (value.len == 0 || enhanced.len >= sizeof step->answer.enhanced)
		return wrong(p, "want an enhanced code and a text");
	if (value.len > ANSWER_MAX || !is_printable(enhanced) ||
	    !is_printable(value))
		return wrong(p, "want a short text of US-ASCII");
	step->answer.code = (int)code;
	memcpy(step->answer.enhanced, enhanced.p, enhanced.len);
	copy_text(step, value, "");
	return true;
}

static bool
read_auth_step(struct parser *p, struct span value)
{
	static const char *const names[] = {
		[AUTH_MORE] = "more",
		[AUTH_DONE] = "done",
		[AUTH_REFUSED] = "refused",
		[AUTH_MALFORMED] = "malformed",
		[AUTH_TOO_OFTEN] = "too-often",
		[AUTH_TROUBLE] = "trouble",
	};
	struct script_step *step = add_step(p, SCRIPT_AUTH);
	struct span name = span_word(&value);

	p->script->in_process = true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!span_is(name, names[i]))
			continue;
		step->auth = (enum auth_result)i;
		return copy_unescaped(p, step, value);
	}
	return wrong(p, "unknown result of AUTH");
}

static bool
read_sql(struct parser *p, struct span value)
{
	p->script->needs_program = true;
	copy_text(add_step(p, SCRIPT_SQL), value, "");
	return value.len > 0 ? true : wrong(p, "want a statement");
}

static bool
read_event(struct parser *p, struct span name, struct span value)
{
	enum verdict verdict = VERDICT_OK;
	enum session_end end = SESSION_EOF;
	enum question_kind question;
	enum script_kind kind;

	if (find_question(name, &question))
		return read_ask(p, question, value);
	if (span_is(name, "auth-step"))
		return read_auth_step(p, value);
	if (span_is(name, "sql"))
		return read_sql(p, value);
	if (span_is(name, "store"))
		kind = SCRIPT_STORE;
	else if (find_end(name, &end) && value.len == 0)
		kind = SCRIPT_END;
	else
		return wrong(p, "unknown setting or event");
	if (kind != SCRIPT_END && !find_verdict(value, &verdict))
		return wrong(p, "unknown verdict");

	add_step(p, kind);
	p->script->steps[p->script->nsteps - 1].verdict = verdict;
	p->script->steps[p->script->nsteps - 1].end = end;
	return true;
}

static bool
read_input(struct parser *p, struct span value)
{
	if (span_is(value, "file"))
		p->script->input = SCRIPT_FILE;
	else if (span_is(value, "any"))
		p->script->input = SCRIPT_ANY;
	else
		return wrong(p, "want \"! input file\" or \"! input any\"");
	p->script->conf.any_line_end = p->script->input == SCRIPT_FILE;
	return true;
}

static bool
read_flag(struct parser *p, struct span value, bool *ret)
{
	*ret = true;
	return value.len == 0 ? true : wrong(p, "this setting has no value");
}

static bool
read_word(struct parser *p, struct span value, char *ret, size_t size)
{
	if (value.len == 0 || value.len >= size)
		return wrong(p, "want a short text");
	memcpy(ret, value.p, value.len);
	ret[value.len] = '\0';
	p->script->needs_program = true;
	return true;
}

static bool
read_limit(struct parser *p, struct span value, unsigned *ret)
{
	uint64_t n;

	if (!span_number(value, &n) || n > 1000000)
		return wrong(p, "want a number");
	*ret = (unsigned)n;
	return true;
}

/* "any", or who checks is the script: "none", or what is offered. */
static bool
read_auth(struct parser *p, struct span value)
{
	struct script *s = p->script;

	s->conf.auth = SESSION_AUTH_CLAIM;
	if (span_is(value, "any"))
		return true;
	s->conf.auth = SESSION_AUTH_ASK;
	s->in_process = true;
	if (span_is(value, "none"))
		return true;
	if (value.len == 0 || value.len >= sizeof s->mechanisms ||
	    !is_printable(value))
		return wrong(p, "want some mechanisms");
	memcpy(s->mechanisms, value.p, value.len);
	s->mechanisms[value.len] = '\0';
	s->conf.auth_mechanisms = s->mechanisms;
	return true;
}

/* The real program would need a key for it. */
static bool
read_tls(struct parser *p, struct span value, bool *ret)
{
	p->script->in_process = true;
	return read_flag(p, value, ret);
}

/* False without an error: it is no setting. */
static bool
read_setting(struct parser *p, struct span name, struct span value)
{
	struct session_conf *c = &p->script->conf;

	if (span_is(name, "max-size"))
		return span_number(value, &c->max_size)
			   ? true
			   : wrong(p, "want a number");
	if (span_is(name, "max-recipients"))
		return read_limit(p, value, &c->max_recipients);
	if (span_is(name, "max-errors"))
		return read_limit(p, value, &c->max_errors);
	if (span_is(name, "strict"))
		return read_flag(p, value, &c->strict);
	if (span_is(name, "rfc821"))
		return read_flag(p, value, &c->rfc821);
	if (span_is(name, "vrfy"))
		return read_flag(p, value, &c->vrfy);
	if (span_is(name, "lmtp"))
		return read_flag(p, value, &c->lmtp);
	if (span_is(name, "xclient"))
		return read_flag(p, value, &c->xclient);
	if (span_is(name, "auth"))
		return read_auth(p, value);
	if (span_is(name, "starttls"))
		return read_tls(p, value, &c->starttls);
	if (span_is(name, "in-tls"))
		return read_tls(p, value, &c->in_tls);
	if (span_is(name, "option"))
		return read_word(
		    p, value, p->script->option, sizeof p->script->option);
	if (span_is(name, "client"))
		return read_word(
		    p, value, p->script->client, sizeof p->script->client);
	if (span_is(name, "in-process"))
		return read_flag(p, value, &p->script->in_process);
	if (span_is(name, "input"))
		return read_input(p, value);
	return false;
}

static bool
read_bang(struct parser *p, struct span text)
{
	struct span name = span_word(&text);

	if (read_setting(p, name, text))
		return p->talking ? wrong(p, "a setting after the start")
				  : true;
	if (p->error->text[0])
		return false;
	return read_event(p, name, text);
}

/*
 * Expectations
 */

static bool
read_stored(struct parser *p, struct span text)
{
	static const char *const words[SCRIPT_WORD__COUNT] = {
		[SCRIPT_NONE] = "none",
		[SCRIPT_FROM] = "from",
		[SCRIPT_RCPT] = "rcpt",
		[SCRIPT_BODY] = "body",
		[SCRIPT_PROTOCOL] = "protocol",
		[SCRIPT_HELO] = "helo",
		[SCRIPT_VERB] = "verb",
		[SCRIPT_BODY_TYPE] = "body-type",
		[SCRIPT_ENVID] = "envid",
		[SCRIPT_RET] = "ret",
		[SCRIPT_SMTPUTF8] = "smtputf8",
		[SCRIPT_REQUIRETLS] = "requiretls",
		[SCRIPT_BARE_LINE_ENDS] = "bare-line-ends",
		[SCRIPT_CLAIMED_AS] = "claimed-as",
	};
	struct script_step *step = add_step(p, SCRIPT_STORED);
	const char *blank = memchr(text.p, ' ', text.len);
	struct span word = text;

	if (blank)
		word.len = (size_t)(blank - text.p);
	text.p += word.len + (blank != NULL);
	text.len -= word.len + (blank != NULL);
	while (step->word < SCRIPT_WORD__COUNT &&
	       !span_is(word, words[step->word]))
		step->word++;

	switch (step->word) {
	case SCRIPT_NONE:
	case SCRIPT_SMTPUTF8:
	case SCRIPT_REQUIRETLS:
	case SCRIPT_BARE_LINE_ENDS:
		if (text.len > 0)
			return wrong(p, "this expectation has no value");
		copy_text(step, text, step->word == SCRIPT_NONE ? "" : "1");
		return true;
	case SCRIPT_BODY:
		return copy_unescaped(p, step, text);
	case SCRIPT_FROM:
	case SCRIPT_RCPT:
	case SCRIPT_PROTOCOL:
	case SCRIPT_HELO:
	case SCRIPT_VERB:
	case SCRIPT_BODY_TYPE:
	case SCRIPT_ENVID:
	case SCRIPT_RET:
	case SCRIPT_CLAIMED_AS:
		copy_text(step, text, "");
		return true;
	case SCRIPT_WORD__COUNT:
		break;
	}
	return wrong(p, "unknown expectation");
}

/*
 * Lines
 */

static bool
read_talk(struct parser *p, struct span marker, struct span text)
{
	struct script_step *step;

	p->talking = true;
	if (span_is(marker, "<")) {
		copy_text(add_step(p, SCRIPT_REPLY), text, "");
		return true;
	}
	step = add_step(p, SCRIPT_SEND);
	if (span_is(marker, ">>"))
		return copy_unescaped(p, step, text);
	step->is_line = true;
	copy_text(step, text, "\r\n");
	return true;
}

static bool
read_line(struct parser *p, struct span line)
{
	const char *blank = memchr(line.p, ' ', line.len);
	struct span marker = line, text = line;

	if (blank)
		marker.len = (size_t)(blank - line.p);
	text.p += marker.len + (blank != NULL);
	text.len -= marker.len + (blank != NULL);

	if (p->line == 1 && !span_is(marker, "#"))
		return wrong(p, "the first line must be a comment");
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.p[i] < 0x20)
			return wrong(p, "a control character, even a tab, "
					"must be escaped");
	}
	if (span_is(marker, "#"))
		return true;
	if (span_is(marker, "!"))
		return read_bang(p, text);
	if (span_is(marker, "="))
		return read_stored(p, text);
	if (span_is(marker, ">") || span_is(marker, ">>") ||
	    span_is(marker, "<"))
		return read_talk(p, marker, text);
	return wrong(p, "unknown marker");
}

struct script *
script_parse(const char *path, struct span text, struct script_error *ret_error)
{
	struct script *s = calloc(1, sizeof *s);
	struct parser p = { .script = s, .error = ret_error };

	if (!s)
		abort();
	s->path = path;
	s->conf = default_conf;
	ret_error->text[0] = '\0';
	while (text.len > 0) {
		const char *end = memchr(text.p, '\n', text.len);
		struct span line = text;

		p.line = ++s->nlines;
		if (!end) {
			wrong(&p, "the last line does not end");
			break;
		}
		line.len = (size_t)(end - text.p);
		if (!read_line(&p, line))
			break;
		text.p += line.len + 1;
		text.len -= line.len + 1;
	}
	if (!p.talking && !ret_error->text[0])
		wrong(&p, "nobody says anything");
	if (ret_error->text[0]) {
		script_free(s);
		return NULL;
	}
	return s;
}

struct script *
script_read(const char *path, struct script_error *ret_error)
{
	FILE *f = fopen(path, "rb");
	struct buffer text = { .p = NULL };
	struct script *s = NULL;
	char piece[4096];
	size_t n;

	if (!f) {
		snprintf(ret_error->text, sizeof ret_error->text, "%s: %s",
		    path, strerror(errno));
		return NULL;
	}
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buffer_add(&text, (struct span){ piece, n });
	if (ferror(f))
		snprintf(ret_error->text, sizeof ret_error->text,
		    "%s: cannot be read", path);
	else
		s = script_parse(path, buffer_span(&text), ret_error);
	fclose(f);
	buffer_free(&text);
	return s;
}

void
script_free(struct script *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->nsteps; i++)
		free((char *)s->steps[i].text.p);
	free(s->steps);
	free(s);
}

bool
script_expects_reply(const struct script *s, unsigned i)
{
	for (; i < s->nsteps; i++) {
		if (s->steps[i].kind == SCRIPT_REPLY)
			return true;
	}
	return false;
}
