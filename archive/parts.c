/*
 * Reads CREATE statements into their parts.  This is no parser of SQL: it knows
 * tokens, parentheses, and where a statement of our schemas ends.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "parts.h"

static const char *const kinds[PART__COUNT] = {
	[PART_TABLE] = "TABLE",
	[PART_INDEX] = "INDEX",
	[PART_VIEW] = "VIEW",
	[PART_TRIGGER] = "TRIGGER",
	[PART_FUNCTION] = "FUNCTION",
	[PART_SEQUENCE] = "SEQUENCE",
};

/*
 * Tokens
 */

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c & 0x80;
}

static bool
begins(struct span s, const char *with)
{
	size_t len = strlen(with);

	return s.len >= len && memcmp(s.p, with, len) == 0;
}

/* How many octets it is to the end of `close`, or of the text. */
static size_t
length_to(struct span s, size_t from, const char *close)
{
	const char *end = s.len > from ? memmem(s.p + from, s.len - from, close,
					     strlen(close))
				       : NULL;

	return end ? (size_t)(end - s.p) + strlen(close) : s.len;
}

/* Of a text with a quote in it, which is doubled, these are two. */
static size_t
token_length(struct span s)
{
	size_t len = 0;

	if (begins(s, "--"))
		return length_to(s, 2, "\n");
	if (begins(s, "/*"))
		return length_to(s, 2, "*/");
	if (begins(s, "$$"))
		return length_to(s, 2, "$$");
	if (begins(s, "'"))
		return length_to(s, 1, "'");
	if (begins(s, "\""))
		return length_to(s, 1, "\"");
	while (len < s.len && is_word(s.p[len]))
		len++;
	return len > 0 ? len : 1;
}

static bool
is_gap(struct span token)
{
	return isspace((unsigned char)*token.p) || begins(token, "--") ||
	       begins(token, "/*");
}

struct span
parts_token(struct span *rest)
{
	struct span token = { NULL, 0 };

	while (rest->len > 0) {
		token = (struct span){ rest->p, token_length(*rest) };
		rest->p += token.len;
		rest->len -= token.len;
		if (!is_gap(token))
			return token;
	}
	return (struct span){ NULL, 0 };
}

static struct span
without_quotes(struct span token)
{
	if (token.len >= 2 && *token.p == '"')
		return (struct span){ token.p + 1, token.len - 2 };
	return token;
}

static bool
is_same(struct span a, struct span b)
{
	a = without_quotes(a);
	b = without_quotes(b);
	if (a.len != b.len)
		return false;
	if (a.len == 0 || *a.p == '\'' || *a.p == '$')
		return a.len == 0 || memcmp(a.p, b.p, a.len) == 0;
	return strncasecmp(a.p, b.p, a.len) == 0;
}

bool
parts_are_same(struct span a, struct span b)
{
	struct span one, other;

	do {
		one = parts_token(&a);
		other = parts_token(&b);
		if (!is_same(one, other))
			return false;
	} while (one.len > 0);
	return true;
}

bool
parts_have(struct span text, const char *word)
{
	struct span token;
	int depth = 0;

	while ((token = parts_token(&text)).len > 0) {
		depth += *token.p == '(';
		depth -= *token.p == ')';
		if (depth == 0 && span_is(token, word))
			return true;
	}
	return false;
}

/*
 * Statements
 */

static struct span
between(const char *begin, const char *end)
{
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	return (struct span){ begin, (size_t)(end - begin) };
}

/* The statements of a trigger stand between BEGIN and END. */
static struct span
next_statement(struct span *rest)
{
	struct span token, last = { NULL, 0 };
	const char *begin = NULL;
	bool is_trigger = false, is_inside = false;

	while ((token = parts_token(rest)).len > 0) {
		if (!begin)
			begin = token.p;
		if (*token.p == ';' && (!is_inside || span_is(last, "END")))
			return between(begin, token.p);
		if (span_is(last, "CREATE") && span_is(token, "TRIGGER"))
			is_trigger = true;
		if (is_trigger && span_is(token, "BEGIN"))
			is_inside = true;
		last = token;
	}
	return (struct span){ NULL, 0 };
}

/*
 * Cuts off what stands up to a comma, or up to the parenthesis that closes the
 * list: then there are no more, and this is false.
 */
static bool
next_item(struct span *rest, struct span *ret)
{
	struct span token;
	const char *begin = NULL;
	int depth = 0;

	*ret = (struct span){ NULL, 0 };
	while ((token = parts_token(rest)).len > 0) {
		if (!begin)
			begin = token.p;
		if (depth == 0 && (*token.p == ',' || *token.p == ')')) {
			*ret = between(begin, token.p);
			return *token.p == ',';
		}
		depth += *token.p == '(';
		depth -= *token.p == ')';
	}
	return false;
}

static int
add(struct parts *p, struct part part)
{
	struct part *more = p->part;

	/* The room is doubled whenever it is full. */
	if ((p->n & (p->n - 1)) == 0)
		more = reallocarray(p->part, p->n ? 2 * p->n : 1, sizeof *more);
	if (!more)
		return -1;
	p->part = more;
	p->part[p->n++] = part;
	return 0;
}

static int
add_item(struct parts *p, struct span table, struct span item)
{
	static const char *const words[] = { "CONSTRAINT", "CHECK", "UNIQUE",
		"PRIMARY", "FOREIGN" };
	struct part part = {
		.kind = PART_COLUMN, .table = table, .text = item
	};
	struct span rest = item, first = parts_token(&rest);

	if (first.len == 0)
		return 0;
	part.name = without_quotes(first);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (span_is(first, words[i])) {
			part.kind = PART_CONSTRAINT;
			part.name = item;
		}
	}
	return add(p, part);
}

/* The table, and what stands between its parentheses. */
static int
add_table(struct parts *p, struct part table, struct span rest)
{
	size_t at = p->n;
	struct span item;
	int rc = add(p, table);
	struct span first = parts_token(&rest);
	bool more = rc == 0 && first.len > 0 && *first.p == '(';

	while (more && rc == 0) {
		more = next_item(&rest, &item);
		rc = add_item(p, table.name, item);
	}
	if (rc == 0)
		p->part[at].tail = rest;
	return rc;
}

static int
add_statement(struct parts *p, struct span statement)
{
	struct part part = { .kind = 0, .text = statement };
	struct span rest = statement, token;
	bool is_known = false;

	if (!span_is(parts_token(&rest), "CREATE"))
		return 0;
	token = parts_token(&rest);
	if (span_is(token, "UNIQUE"))
		token = parts_token(&rest);
	for (int i = 0; i < PART__COUNT && !is_known; i++) {
		is_known = kinds[i] && span_is(token, kinds[i]);
		part.kind = (enum part_kind)i;
	}
	part.name = without_quotes(parts_token(&rest));
	if (!is_known || part.name.len == 0)
		return 0;
	if (part.kind == PART_TABLE && rest.len > 0)
		return add_table(p, part, rest);
	return add(p, part);
}

int
parts_read(const char *text, struct parts *ret)
{
	struct span rest = span_of(text), statement;
	int rc = 0;

	while (rc == 0 && (statement = next_statement(&rest)).p)
		rc = add_statement(ret, statement);
	return rc;
}

void
parts_reset(struct parts *p)
{
	free(p->part);
	*p = (struct parts){ NULL, 0 };
}

/*
 * Writing
 */

static char *
write_line(char *at, struct span text)
{
	struct span token;
	const char *end = NULL;

	while ((token = parts_token(&text)).len > 0) {
		if (end && end != token.p && at[-1] != '(' && *token.p != ')')
			*at++ = ' ';
		end = token.p + token.len;
		if (token.len >= 4 && begins(token, "$$")) {
			at = stpcpy(at, "$$ ");
			at = write_line(
			    at, (struct span){ token.p + 2, token.len - 4 });
			at = stpcpy(at, " $$");
		} else {
			at = mempcpy(at, token.p, token.len);
		}
	}
	return at;
}

char *
parts_line(struct span text)
{
	char *line = malloc(2 * text.len + sizeof "$$  $$");

	if (line)
		*write_line(line, text) = '\0';
	return line;
}
