#include "json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "terminal.h"

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
 * A character beyond ASCII.  What could harm a terminal is escaped (RFC 8259
 * s. 7), since JSON is looked at as well; C1 controls are escaped with it.
 */
static void
write_character(struct span utf8, uint32_t c)
{
	if (terminal_is_harmless(c))
		fwrite_unlocked(utf8.p, 1, utf8.len, stdout);
	else if (c < 0x10000)
		printf("\\u%04x", (unsigned)c);
	else
		printf("\\u%04x\\u%04x",
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
write_odd(struct span text)
{
	char buffer[8];
	uint32_t c;
	size_t len = text_read(text, &c);

	if (c == TEXT_NONE)
		fputs_unlocked(TEXT_REPLACEMENT, stdout);
	else if (c >= 0x80)
		write_character((struct span){ text.p, len }, c);
	else
		fputs_unlocked(
		    escape((unsigned char)c, buffer, sizeof buffer), stdout);
	return len;
}

static void
write_octets(struct span text)
{
	while (text.len > 0) {
		size_t len = plain_len(text);

		if (len > 0)
			fwrite_unlocked(text.p, 1, len, stdout);
		else
			len = write_odd(text);
		text.p += len;
		text.len -= len;
	}
}

static void
write_string(struct span text)
{
	putchar('"');
	write_octets(text);
	putchar('"');
}

static void
begin(struct json *j, const char *name)
{
	if (j->comma)
		putchar(',');
	j->comma = true;
	if (name) {
		write_string(span_of(name));
		putchar(':');
	}
}

void
json_open(struct json *j, const char *name, char bracket)
{
	begin(j, name);
	putchar(bracket);
	j->comma = false;
	j->depth++;
}

void
json_close(struct json *j, char bracket)
{
	putchar(bracket);
	j->comma = --j->depth > 0;
	if (j->depth == 0)
		putchar('\n');
}

void
json_text(struct json *j, const char *name, const char *text)
{
	begin(j, name);
	if (text)
		write_string(span_of(text));
	else
		fputs("null", stdout);
}

static bool
put(void *arg, struct span piece)
{
	(void)arg;
	write_octets(piece);
	return !ferror(stdout);
}

void
json_text_begin(struct json *j, const char *name)
{
	begin(j, name);
	putchar('"');
}

struct sink
json_text_sink(void)
{
	return (struct sink){ put, NULL };
}

void
json_text_end(void)
{
	putchar('"');
}

void
json_integer(struct json *j, const char *name, int64_t n)
{
	begin(j, name);
	printf("%lld", (long long)n);
}

void
json_bool(struct json *j, const char *name, bool value)
{
	begin(j, name);
	fputs(value ? "true" : "false", stdout);
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
