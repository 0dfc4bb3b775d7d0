#include "script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "script_parser.h"

/* The program's; the replies to EHLO and HELP STATUS name them. */
static const struct session_conf default_conf = {
	.hostname = "mx.example",
	.version = "test",
	.max_size = 52428800,
	.max_recipients = 1000,
	.max_errors = 20,
};

/*
 * Expectations
 */

static bool
read_stored(struct script_parser *p, struct span text)
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
	struct script_step *step = script_add_step(p, SCRIPT_STORED);
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
			return script_wrong(p, "this expectation has no value");
		script_copy_text(
		    step, text, step->word == SCRIPT_NONE ? "" : "1");
		return true;
	case SCRIPT_BODY:
		return script_copy_unescaped(p, step, text);
	case SCRIPT_FROM:
	case SCRIPT_RCPT:
	case SCRIPT_PROTOCOL:
	case SCRIPT_HELO:
	case SCRIPT_VERB:
	case SCRIPT_BODY_TYPE:
	case SCRIPT_ENVID:
	case SCRIPT_RET:
	case SCRIPT_CLAIMED_AS:
		script_copy_text(step, text, "");
		return true;
	case SCRIPT_WORD__COUNT:
		break;
	}
	return script_wrong(p, "unknown expectation");
}

/*
 * Lines
 */

static bool
read_talk(struct script_parser *p, struct span marker, struct span text)
{
	struct script_step *step;

	p->talking = true;
	if (span_is(marker, "<")) {
		script_copy_text(script_add_step(p, SCRIPT_REPLY), text, "");
		return true;
	}
	step = script_add_step(p, SCRIPT_SEND);
	if (span_is(marker, ">>"))
		return script_copy_unescaped(p, step, text);
	step->is_line = true;
	script_copy_text(step, text, "\r\n");
	return true;
}

static bool
read_line(struct script_parser *p, struct span line)
{
	const char *blank = memchr(line.p, ' ', line.len);
	struct span marker = line, text = line;

	if (blank)
		marker.len = (size_t)(blank - line.p);
	text.p += marker.len + (blank != NULL);
	text.len -= marker.len + (blank != NULL);

	if (p->line == 1 && !span_is(marker, "#"))
		return script_wrong(p, "the first line must be a comment");
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.p[i] < 0x20)
			return script_wrong(p,
			    "a control character, even a tab, "
			    "must be escaped");
	}
	if (span_is(marker, "#"))
		return true;
	if (span_is(marker, "!"))
		return script_read_bang(p, text);
	if (span_is(marker, "="))
		return read_stored(p, text);
	if (span_is(marker, ">") || span_is(marker, ">>") ||
	    span_is(marker, "<"))
		return read_talk(p, marker, text);
	return script_wrong(p, "unknown marker");
}

struct script *
script_parse(const char *path, struct span text, struct script_error *ret_error)
{
	struct script *s = calloc(1, sizeof *s);
	struct script_parser p = { .script = s, .error = ret_error };

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
			script_wrong(&p, "the last line does not end");
			break;
		}
		line.len = (size_t)(end - text.p);
		if (!read_line(&p, line))
			break;
		text.p += line.len + 1;
		text.len -= line.len + 1;
	}
	if (!p.talking && !ret_error->text[0])
		script_wrong(&p, "nobody says anything");
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
