#include "line.h"

#include <string.h>
#include <strings.h>

#include "../mail/auth.h"

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
begins(struct span text, const char *prefix)
{
	return span_skip(&text, prefix);
}

/*
 * A mechanism's name is short and in letters of one case, as people write it.
 * Base64 in its place is neither, unless it is very short.
 */
static bool
may_be_mechanism(struct span word)
{
	unsigned lower = 0, upper = 0;

	for (size_t i = 0; i < word.len; i++) {
		lower += word.p[i] >= 'a' && word.p[i] <= 'z';
		upper += word.p[i] >= 'A' && word.p[i] <= 'Z';
	}
	return word.len <= AUTH_MECHANISM_MAX && (lower == 0 || upper == 0);
}

struct span
line_to_show(struct span line)
{
	struct span rest = span_trim(line), verb = span_word(&rest), last;

	if (!span_is(verb, "AUTH"))
		return line;
	last = span_word(&rest);
	if (!may_be_mechanism(last))
		last = verb;
	line.len = (size_t)(last.p + last.len - line.p);
	return line;
}

bool
line_has_control(struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char octet = (unsigned char)line.p[i];

		if ((octet < 0x20 && octet != '\t') || octet == 0x7f)
			return true;
	}
	return false;
}

bool
line_may_be_bdat(struct span line, bool is_cut)
{
	static const char verb[] = "BDAT";
	size_t len = sizeof verb - 1;

	while (line.len > 0 && !is_letter(*line.p)) {
		line.p++;
		line.len--;
	}
	if (line.len <= len)
		return (is_cut || line.len == len) &&
		       strncasecmp(line.p, verb, line.len) == 0;
	return begins(line, verb) && !is_letter(line.p[len]);
}

bool
line_has_open_quote(struct span line)
{
	bool is_open = false;

	for (size_t i = 0; i < line.len; i++) {
		if (line.p[i] == '"')
			is_open = !is_open;
		else if (line.p[i] == '\\' && is_open)
			i++;
	}
	return is_open;
}

bool
line_ends_as_request(struct span line)
{
	static const char *const protocols[] = { "HTTP/", "RTSP/", "SIP/",
		"ICAP/" };
	struct span last = span_trim(line);
	size_t at = last.len;

	while (at > 0 && last.p[at - 1] != ' ' && last.p[at - 1] != '\t')
		at--;
	last.p += at;
	last.len -= at;
	for (size_t i = 0; at > 0 && i < sizeof protocols / sizeof *protocols;
	     i++) {
		if (span_skip(&last, protocols[i]))
			return last.len > 0 && *last.p >= '0' && *last.p <= '9';
	}
	return false;
}

bool
line_begins_tls(struct span line)
{
	return line.len >= 2 && memcmp(line.p, "\x16\x03", 2) == 0;
}

bool
line_has_target(struct span line)
{
	struct span rest = span_trim(line), target;

	span_word(&rest);
	target = span_word(&rest);
	return begins(target, "/") || begins(target, "http://") ||
	       begins(target, "https://");
}
