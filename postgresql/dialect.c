/*
 * Store, policy and archive speak SQLite's SQL, and keep to what PostgreSQL
 * knows as well.  The rest is translated here, once for each text:
 *
 *	:name, ?1, ?            $1, $2...
 *	X COLLATE NOCASE        lower(CAST(X AS text) COLLATE "C")
 *	some words              others (the table)
 *
 * With the collation "C", lower() and comparisons do what NOCASE does: they
 * fold the letters of ASCII alone, and compare octets.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	DEPTH_MAX = 32,
	/* No part grows to more than so many times its length. */
	GROWTH = 5,
};

/* clang-format off */
static const struct {
	const char *from, *to;
} words[] = {
	{ "typeof(data) = 'blob' AND ", "" }, /* it can be nothing else */
	{ " IS :",                      " IS NOT DISTINCT FROM :" },
	{ "char(10)",                   "chr(10)" },
	{ "group_concat(",              "string_agg(" },
};
/* clang-format on */

static const char nocase[] = " COLLATE NOCASE";

struct translation {
	const char *at; /* the rest of the text */
	char *out;
	size_t len;
	size_t operand; /* where the last operand in `out` begins */
	size_t open[DEPTH_MAX];
	int depth;
	struct parameters *parameters;
};

static void
put(struct translation *t, const char *text, size_t len)
{
	memcpy(t->out + t->len, text, len);
	t->len += len;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool
take_phrase(struct translation *t)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t len = strlen(words[i].from);
		const char *to = words[i].to;

		if (strncmp(t->at, words[i].from, len) != 0)
			continue;
		t->at += len;
		/* A ":" or "(" at the end is translated next. */
		if (*to && strchr(":(", to[strlen(to) - 1])) {
			t->at--;
			t->operand = t->len;
			put(t, to, strlen(to) - 1);
		} else {
			put(t, to, strlen(to));
		}
		return true;
	}
	return false;
}

static bool
take_nocase(struct translation *t)
{
	static const char before[] = "lower(CAST(",
			  after[] = " AS text) COLLATE \"C\")";
	size_t len = t->len - t->operand;

	if (strncmp(t->at, nocase, sizeof nocase - 1) != 0)
		return false;
	t->at += sizeof nocase - 1;
	memmove(
	    t->out + t->operand + sizeof before - 1, t->out + t->operand, len);
	memcpy(t->out + t->operand, before, sizeof before - 1);
	t->len += sizeof before - 1;
	put(t, after, sizeof after - 1);
	return true;
}

static void
take_parameter(struct translation *t)
{
	struct parameters *p = t->parameters;
	struct span name = { t->at++, 1 };
	int i = 0;

	while (is_word(*t->at))
		t->at++;
	name.len = (size_t)(t->at - name.p);
	while (i < p->n && (p->names[i].len != name.len ||
			       memcmp(p->names[i].p, name.p, name.len) != 0))
		i++;
	if (i == p->n && p->n < PARAMETERS_MAX)
		p->names[p->n++] = name;
	t->operand = t->len;
	t->len += (size_t)sprintf(t->out + t->len, "$%d", i + 1);
}

static void
take_quoted(struct translation *t)
{
	const char *end = strchr(t->at + 1, *t->at);
	size_t len = end ? (size_t)(end - t->at) + 1 : strlen(t->at);

	t->operand = t->len;
	put(t, t->at, len);
	t->at += len;
}

/* An operand may be a.b, or f(...). */
static void
take_word(struct translation *t)
{
	bool goes_on = t->len > 0 && t->out[t->len - 1] == '.';
	size_t len = 0;

	while (is_word(t->at[len]))
		len++;
	if (!goes_on)
		t->operand = t->len;
	put(t, t->at, len);
	t->at += len;
}

static void
take_sign(struct translation *t)
{
	char c = *t->at++;

	if (c == '(' && t->depth < DEPTH_MAX) {
		bool is_call = t->len > 0 && is_word(t->out[t->len - 1]);

		t->open[t->depth++] = is_call ? t->operand : t->len;
	}
	put(t, &c, 1);
	if (c == ')' && t->depth > 0)
		t->operand = t->open[--t->depth];
}

char *
dialect_translate(const char *sql, struct parameters *ret)
{
	struct translation t = { .at = sql, .parameters = ret };

	ret->n = 0;
	t.out = malloc(strlen(sql) * GROWTH + 1);
	if (!t.out)
		return NULL;
	while (*t.at) {
		if (take_phrase(&t) || take_nocase(&t))
			continue;
		if (*t.at == '\'' || *t.at == '"')
			take_quoted(&t);
		else if (*t.at == '?' || (*t.at == ':' && is_word(t.at[1])))
			take_parameter(&t);
		else if (is_word(*t.at))
			take_word(&t);
		else
			take_sign(&t);
	}
	t.out[t.len] = '\0';
	return t.out;
}
