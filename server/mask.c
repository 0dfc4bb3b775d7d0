#include "mask.h"

#include <string.h>

#include "../mail/auth.h"
#include "../mail/base64.h"
#include "../mail/utf8.h"

/* Of a part of a line: nothing else is known of it. */
static size_t
mask_octets(struct span text, char *ret)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];
		bool is_base64 = (c >= 'A' && c <= 'Z') ||
				 (c >= 'a' && c <= 'z') ||
				 (c >= '0' && c <= '9') || c == '+' || c == '/';

		if (is_base64)
			ret[i] = 'A';
		else
			ret[i] = strchr("=\r\n", c) && c ? c : '!';
	}
	return text.len;
}

static bool
is_name(struct span text)
{
	return text.len > 0 && text.len <= AUTH_NAME_MAX &&
	       utf8_is_printable(text);
}

/*
 * What has a name where a name is taken (--auth=any), and has none where that is
 * refused: PLAIN has it between NULs, CRAM-MD5 in front of a blank.
 */
static struct span
find_mask(bool is_plain, struct span text)
{
	static const char plain[] = "\0masked\0masked";
	struct span name = text;

	if (is_plain)
		return auth_read_plain(text, &name) && is_name(name)
			   ? (struct span){ plain, sizeof plain - 1 }
			   : span_of("masked");
	while (name.len > 0 && name.p[name.len - 1] != ' ')
		name.len--;
	if (name.len == 0)
		return is_name(text) ? span_of("masked")
				     : (struct span){ "", 1 };
	name.len--;
	return is_name(name) ? span_of("masked masked")
			     : (struct span){ "", 1 };
}

/* A response that is answered alike. */
static size_t
mask_response(const struct mask *m, struct span text, char *ret)
{
	char octets[BASE64_TEXT_SIZE];
	struct span said = { octets, 0 };

	if (text.len == 0 || (text.len == 1 && strchr("*=", *text.p))) {
		memcpy(ret, text.p, text.len);
		return text.len;
	}
	if (!base64_is(text) || text.len > BASE64_LINE_MAX) {
		*ret = '!';
		return 1;
	}
	said.len = base64_read(text, octets);
	return base64_write(find_mask(m->is_plain, said), ret);
}

/* Octets of a command in front of what is masked; all of them: nothing is. */
static size_t
find_secret(struct mask *m, struct span line)
{
	struct span rest = span_trim(line), mechanism;

	if (!span_is(span_word(&rest), "AUTH"))
		return line.len;
	mechanism = span_word(&rest);
	m->is_plain = span_is(mechanism, "PLAIN");
	if (rest.len > 0)
		return (size_t)(rest.p - line.p);
	/* In the place of a mechanism there may be a password. */
	return mechanism.len > AUTH_MECHANISM_MAX
		   ? (size_t)(mechanism.p - line.p)
		   : line.len;
}

static struct span
without_end(struct span line)
{
	if (line.len > 0 && line.p[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

bool
mask_is_of_auth(const struct mask *m, struct span line)
{
	struct span rest = span_trim(without_end(line));

	return m->is_response || span_is(span_word(&rest), "AUTH");
}

size_t
mask_line(struct mask *m, struct span line, char *ret)
{
	bool has_end = line.len > 0 && line.p[line.len - 1] == '\n';
	bool was_inside = m->is_inside;
	struct span text = without_end(line);
	size_t at = m->is_response || was_inside ? 0 : find_secret(m, text);
	size_t len = at;
	struct span secret =
	    span_trim((struct span){ line.p + at, text.len - at });

	memcpy(ret, line.p, at);
	m->is_inside = !has_end && (m->is_response || secret.len > 0);
	if (was_inside || m->is_inside)
		len += mask_octets(secret, ret + len);
	else
		len += mask_response(m, secret, ret + len);
	if (has_end)
		m->is_response = false;
	memcpy(ret + len, line.p + text.len, line.len - text.len);
	return len + line.len - text.len;
}
