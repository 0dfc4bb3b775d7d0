#include "json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What stands for an octet below 0x80 that is not plain. */
static const char *
escape(unsigned char c, char *buffer, size_t size)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	}
	snprintf(buffer, size, "\\u%04x", c);
	return buffer;
}

/*
 * A character beyond ASCII.  Characters that could harm a terminal, such as C1
 * controls, are escaped (RFC 8259 s. 7), since people look at JSON as well.
 */
static void
write_character(FILE *to, struct span utf8, uint32_t c)
{
	if (text_is_harmless(c))
		fwrite_unlocked(utf8.p, 1, utf8.len, to);
	else if (c < 0x10000)
		fprintf(to, "\\u%04x", (unsigned)c);
	else
		fprintf(to, "\\u%04x\\u%04x",
		    (unsigned)(0xD800 + ((c - 0x10000) >> 10)),
		    (unsigned)(0xDC00 + ((c - 0x10000) & 0x3FF)));
}

/* Octets that stand for themselves. */
static size_t
plain_len(struct span text)
{
	size_t len = 0;

	while (len < text.len && text.p[len] >= ' ' && text.p[len] <= '~' &&
	       text.p[len] != '"' && text.p[len] != '\\')
		len++;
	return len;
}

static size_t
write_odd(FILE *to, struct span text)
{
	char buffer[8];
	uint32_t c;
	size_t len = text_read(text, &c);

	if (c == TEXT_NONE)
		fputs_unlocked(TEXT_REPLACEMENT, to);
	else if (c >= 0x80)
		write_character(to, (struct span){ text.p, len }, c);
	else
		fputs_unlocked(
		    escape((unsigned char)c, buffer, sizeof buffer), to);
	return len;
}

static void
write_octets(FILE *to, struct span text)
{
	while (text.len > 0) {
		size_t len = plain_len(text);

		if (len > 0)
			fwrite_unlocked(text.p, 1, len, to);
		else
			len = write_odd(to, text);
		text.p += len;
		text.len -= len;
	}
}

static FILE *
out(const struct json *j)
{
	return j->to ? j->to : stdout;
}

static void
write_string(FILE *to, struct span text)
{
	putc('"', to);
	write_octets(to, text);
	putc('"', to);
}

static void
begin(struct json *j, const char *name)
{
	FILE *to = out(j);

	if (j->comma)
		putc(',', to);
	j->comma = true;
	if (name) {
		write_string(to, span_of(name));
		putc(':', to);
	}
}

void
json_open(struct json *j, const char *name, char bracket)
{
	begin(j, name);
	putc(bracket, out(j));
	j->comma = false;
	j->depth++;
}

void
json_close(struct json *j, char bracket)
{
	putc(bracket, out(j));
	j->comma = --j->depth > 0;
	if (j->depth == 0)
		putc('\n', out(j));
}

void
json_text(struct json *j, const char *name, const char *text)
{
	begin(j, name);
	if (text)
		write_string(out(j), span_of(text));
	else
		fputs("null", out(j));
}

static bool
put(void *arg, struct span piece)
{
	write_octets(arg, piece);
	return !ferror((FILE *)arg);
}

void
json_text_begin(struct json *j, const char *name)
{
	begin(j, name);
	putc('"', out(j));
}

struct sink
json_text_sink(const struct json *j)
{
	return (struct sink){ put, out(j) };
}

void
json_text_end(const struct json *j)
{
	putc('"', out(j));
}

void
json_integer(struct json *j, const char *name, int64_t n)
{
	begin(j, name);
	fprintf(out(j), "%lld", (long long)n);
}

void
json_bool(struct json *j, const char *name, bool value)
{
	begin(j, name);
	fputs(value ? "true" : "false", out(j));
}

void
json_time(struct json *j, const char *name, int64_t microseconds)
{
	time_t seconds = (time_t)(microseconds / 1000000);
	struct tm utc;
	char text[64];
	size_t len;

	gmtime_r(&seconds, &utc);
	len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, sizeof text - len, ".%06lldZ",
	    (long long)(microseconds % 1000000));
	json_text(j, name, text);
}
