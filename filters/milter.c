/*
 * A packet is a length of 32 bits, big-endian, of what follows: an octet that
 * says what it is, and its data.  Texts end in NUL.
 */
#include "milter.h"

#include <string.h>

#include "../mail/scan.h"

/*
 * Packets to a filter
 */

void
milter_add_octets(struct pack *m, struct span octets)
{
	if (m->failed || octets.len > m->size - m->len) {
		m->failed = true;
		return;
	}
	if (octets.len > 0)
		memcpy(m->p + m->len, octets.p, octets.len);
	m->len += octets.len;
}

void
milter_add_u8(struct pack *m, char octet)
{
	milter_add_octets(m, (struct span){ &octet, 1 });
}

void
milter_add_u16(struct pack *m, unsigned n)
{
	milter_add_u8(m, (char)(n >> 8));
	milter_add_u8(m, (char)n);
}

void
milter_add_u32(struct pack *m, uint32_t n)
{
	milter_add_u16(m, n >> 16);
	milter_add_u16(m, n & 0xFFFF);
}

void
milter_add_text(struct pack *m, struct span text)
{
	while (text.len > 0) {
		const char *nul = memchr(text.p, '\0', text.len);
		size_t len = nul ? (size_t)(nul - text.p) : text.len;

		milter_add_octets(m, (struct span){ text.p, len });
		len += nul != NULL;
		text.p += len;
		text.len -= len;
	}
	milter_add_u8(m, '\0');
}

void
milter_begin(struct pack *m, enum milter_command command)
{
	m->len = 0;
	m->failed = false;
	milter_add_u32(m, 0); /* milter_end() writes it */
	milter_add_u8(m, (char)command);
}

bool
milter_end(struct pack *m)
{
	struct pack length = { .p = m->p, .size = 4 };

	milter_add_u32(&length, (uint32_t)(m->len - 4));
	return !m->failed;
}

/*
 * Packets from a filter
 */

static uint32_t
u32_of(const unsigned char *octets)
{
	return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
	       (uint32_t)octets[2] << 8 | octets[3];
}

size_t
milter_read_length(const unsigned char octets[4])
{
	uint32_t len = u32_of(octets);

	return len <= MILTER_PACKET_MAX ? len : 0;
}

static bool
take_u32(struct span *rest, uint32_t *ret)
{
	if (rest->len < 4)
		return false;
	*ret = u32_of((const unsigned char *)rest->p);
	rest->p += 4;
	rest->len -= 4;
	return true;
}

static bool
take_text(struct span *rest, struct span *ret)
{
	const char *nul =
	    rest->len > 0 ? memchr(rest->p, '\0', rest->len) : NULL;

	if (!nul)
		return false;
	*ret = (struct span){ rest->p, (size_t)(nul - rest->p) };
	rest->p += ret->len + 1;
	rest->len -= ret->len + 1;
	return true;
}

bool
milter_read_options(struct span packet, struct milter_options *ret)
{
	if (packet.len == 0 || *packet.p != MILTER_OPTIONS)
		return false;
	packet.p++;
	packet.len--;
	/* Names of macros may follow, but every filter gets all macros. */
	return take_u32(&packet, &ret->version) &&
	       take_u32(&packet, &ret->actions) &&
	       take_u32(&packet, &ret->steps) &&
	       ret->version >= MILTER_VERSION_MIN &&
	       ret->version <= MILTER_VERSION &&
	       !(ret->steps & ~(uint32_t)MILTER_ALL_STEPS);
}

/* Takes the angle brackets off a path. */
static struct span
trim_path(struct span text)
{
	text = span_trim(text);
	if (text.len >= 2 && text.p[0] == '<' && text.p[text.len - 1] == '>')
		text = (struct span){ text.p + 1, text.len - 2 };
	return text;
}

/* RFC 3463 s. 2, and of this class. */
static bool
is_enhanced(struct span word, char class)
{
	int ndots = 0;

	if (word.len < 5 || word.len >= ANSWER_ENHANCED_SIZE ||
	    word.p[0] != class || word.p[1] != '.' ||
	    !scan_is_digit(word.p[word.len - 1]))
		return false;
	for (size_t i = 1; i < word.len; i++) {
		if (word.p[i] == '.' && word.p[i - 1] == '.')
			return false;
		if (word.p[i] == '.')
			ndots++;
		else if (!scan_is_digit(word.p[i]))
			return false;
	}
	return ndots == 2;
}

/* Is it a reply code that refuses, as RFC 5321 s. 4.2 has them? */
static int
code_of(struct span text)
{
	if (text.len < 3 || (text.p[0] != '4' && text.p[0] != '5') ||
	    text.p[1] < '0' || text.p[1] > '5' || !scan_is_digit(text.p[2]) ||
	    (text.len > 3 && !strchr(" -\t", text.p[3])))
		return 0;
	return (text.p[0] - '0') * 100 + (text.p[1] - '0') * 10 + text.p[2] -
	       '0';
}

/* Adds a line to the text, printable, as far as there is room. */
static void
add_line(struct span line, char ret[ANSWER_DETAIL_SIZE])
{
	size_t at = strlen(ret);

	if (at > 0 && at + 1 < ANSWER_DETAIL_SIZE)
		ret[at++] = ' ';
	for (size_t i = 0; i < line.len && at + 1 < ANSWER_DETAIL_SIZE; i++)
		ret[at++] =
		    line.p[i] >= ' ' && line.p[i] <= '~' ? line.p[i] : '?';
	ret[at] = '\0';
}

static struct span
take_line(struct span *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->len);
	struct span line = { rest->p, lf ? (size_t)(lf - rest->p) : rest->len };

	rest->p += line.len + (lf != NULL);
	rest->len -= line.len + (lf != NULL);
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* Cuts the enhanced code off, if it begins with one. */
static void
take_enhanced(
    struct span *line, char class, char ret[ANSWER_ENHANCED_SIZE], bool keep)
{
	struct span rest = *line, word = span_word(&rest);

	if (!is_enhanced(word, class))
		return;
	if (keep) {
		memcpy(ret, word.p, word.len);
		ret[word.len] = '\0';
	}
	*line = rest;
}

bool
milter_read_code(struct span text, const char *usual, int *ret_code,
    char ret_enhanced[ANSWER_ENHANCED_SIZE], char ret_text[ANSWER_DETAIL_SIZE])
{
	bool is_first = true;

	*ret_code = code_of(text);
	if (*ret_code == 0)
		return false;
	ret_enhanced[0] = text.p[0];
	ret_enhanced[1] = '.';
	strcpy(ret_enhanced + 2, usual);
	ret_text[0] = '\0';
	while (text.len > 0) {
		struct span line = take_line(&text);

		if (code_of(line) != *ret_code)
			return false;
		line.p += line.len > 3 ? 4 : 3;
		line.len -= line.len > 3 ? 4 : 3;
		take_enhanced(&line, ret_enhanced[0], ret_enhanced, is_first);
		add_line(line, ret_text);
		is_first = false;
	}
	if (ret_text[0] == '\0')
		strcpy(ret_text, "Refused by a filter");
	return true;
}

/* "%%" is how filters write "%" (smfi_setreply). */
static void
halve_percents(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (from[0] == '%' && from[1] == '%')
			from++;
		*to++ = *from;
	}
	*to = '\0';
}

/*
 * Copies a header's value with CRLF for each line end and a TAB behind it
 * where the next line would be another field.  False: it is too long.
 */
static bool
read_value(struct span text, bool adds_space, char *space, struct span *ret)
{
	size_t len = 0;

	while (text.len > 0 && strchr("\r\n", text.p[text.len - 1]))
		text.len--;
	if (adds_space)
		space[len++] = ' ';
	while (text.len > 0) {
		struct span line = take_line(&text);

		if (len + line.len + 3 > CHANGE_VALUE_MAX)
			return false;
		for (size_t i = 0; i < line.len; i++)
			space[len++] = line.p[i] == '\r' ? ' ' : line.p[i];
		if (text.len == 0)
			break;
		memcpy(space + len, "\r\n", 2);
		len += 2;
		if (*text.p != ' ' && *text.p != '\t')
			space[len++] = '\t';
	}
	*ret = (struct span){ space, len };
	return true;
}

static bool
read_header(struct span rest, uint32_t steps, char *space,
    struct milter_reply *ret, enum change_action action)
{
	struct change *c = &ret->change;
	struct span value;

	c->action = action;
	if (action != CHANGE_ADD_HEADER && !take_u32(&rest, &c->place))
		return false;
	if (!take_text(&rest, &c->name) || !take_text(&rest, &value) ||
	    c->place > INT32_MAX)
		return false;
	/* For a filter, the Received of the trace lines is the first field. */
	if (action == CHANGE_INSERT_HEADER && c->place > 0)
		c->place--;
	if (action == CHANGE_CHANGE_HEADER && c->place == 0)
		c->place = 1;
	if (action == CHANGE_CHANGE_HEADER && value.len == 0) {
		c->action = CHANGE_DELETE_HEADER;
		c->value = span_of("");
		return true;
	}
	return read_value(
	    value, !(steps & MILTER_LEADING_SPACE), space, &c->value);
}

static bool
read_path(struct span rest, struct span *ret)
{
	struct span text;

	if (!take_text(&rest, &text))
		return false;
	*ret = trim_path(text);
	return true;
}

static bool
read_reply_code(struct span rest, struct milter_reply *ret)
{
	struct span text;

	if (!take_text(&rest, &text) ||
	    !milter_read_code(
		text, "7.1", &ret->code, ret->enhanced, ret->text))
		return false;
	halve_percents(ret->text);
	return true;
}

/* What it changes; the change is then valid for some filter. */
static bool
read_change(
    struct span rest, uint32_t steps, char *space, struct milter_reply *ret)
{
	struct change *c = &ret->change;

	switch (ret->kind) {
	case MILTER_ADD_HEADER:
		return read_header(rest, steps, space, ret, CHANGE_ADD_HEADER);
	case MILTER_INSERT_HEADER:
		return read_header(
		    rest, steps, space, ret, CHANGE_INSERT_HEADER);
	case MILTER_CHANGE_HEADER:
		return read_header(
		    rest, steps, space, ret, CHANGE_CHANGE_HEADER);
	case MILTER_REPLACE_BODY:
		c->action = CHANGE_REPLACE_BODY;
		c->value = rest;
		return true;
	case MILTER_CHANGE_SENDER:
		c->action = CHANGE_SENDER;
		return read_path(rest, &c->value);
	default:
		c->action = CHANGE_DELETE_RECIPIENT;
		return read_path(rest, &c->value);
	}
}

bool
milter_read_reply(
    struct span packet, uint32_t steps, char *space, struct milter_reply *ret)
{
	struct span rest = packet, text;

	*ret = (struct milter_reply){ .kind = MILTER_CONTINUE };
	if (packet.len == 0)
		return false;
	ret->kind = (enum milter_reply_kind) * packet.p;
	rest.p++;
	rest.len--;
	switch (ret->kind) {
	case MILTER_CONTINUE:
	case MILTER_ACCEPT:
	case MILTER_REJECT:
	case MILTER_TEMPFAIL:
	case MILTER_DISCARD:
	case MILTER_SKIP:
	case MILTER_PROGRESS:
	case MILTER_SHUTDOWN:
	case MILTER_CONNECTION_FAILED:
		return true;
	case MILTER_REPLY_CODE:
		return read_reply_code(rest, ret);
	case MILTER_QUARANTINE:
		if (!take_text(&rest, &text))
			return false;
		add_line(text, ret->text);
		return true;
	case MILTER_ADD_RECIPIENT:
	case MILTER_ADD_RECIPIENT_WITH_PARAMETERS:
		return read_path(rest, &ret->address) && ret->address.len > 0;
	case MILTER_DELETE_RECIPIENT:
	case MILTER_ADD_HEADER:
	case MILTER_INSERT_HEADER:
	case MILTER_CHANGE_HEADER:
	case MILTER_REPLACE_BODY:
	case MILTER_CHANGE_SENDER:
		ret->change.filter = span_of("x");
		ret->change.name = span_of("");
		return read_change(rest, steps, space, ret) &&
		       change_is_valid(&ret->change);
	}
	return false;
}
