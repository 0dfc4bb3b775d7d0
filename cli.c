#include "cli.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mail/span.h"

enum {
	/* getopt's value of the first long option; beyond every letter. */
	LONG_NAMES = 256,
	/* That of the first which takes another one back. */
	LONG_NOS = LONG_NAMES + CLI_OPTIONS_MAX,
	WORD_MAX = 32, /* of a name that may be meant */
};

/*
 * Options
 */

const char cli_no[] = "no";

void
cli_start(struct cli *c)
{
	optind = 0; /* glibc: start anew */
	opterr = 0;
	c->error[0] = '\0';
}

static bool
is_taken(const struct cli *c, int i)
{
	return c->set >> i & 1;
}

static const char *
contrary_of(const struct cli *c, int i)
{
	return c->contraries ? c->contraries[i] : NULL;
}

/* Makes getopt_long()'s two descriptions of the table. */
static void
describe(const struct cli *c, struct option *names, char *letters)
{
	if (c->in_order)
		*letters++ = '+';
	*letters++ = ':'; /* report a missing value as ':' */
	for (int i = 0; i < c->noptions; i++) {
		const struct cli_option *o = &c->options[i];

		if (!is_taken(c, i))
			continue;
		*names++ = (struct option){
			.name = o->name,
			.has_arg = o->value ? required_argument : no_argument,
			.val = LONG_NAMES + i,
		};
		if (contrary_of(c, i))
			*names++ = (struct option){
				.name = contrary_of(c, i),
				.val = LONG_NOS + i,
			};
		if (!o->letter)
			continue;
		*letters++ = o->letter;
		if (o->value)
			*letters++ = ':';
	}
	*letters = '\0';
}

/* What getopt_long() returned, or left in optopt.  -1: none of ours. */
static int
find(const struct cli *c, int found)
{
	if (found >= LONG_NAMES)
		return (found - LONG_NAMES) % CLI_OPTIONS_MAX;
	for (int i = 0; i < c->noptions; i++) {
		if (is_taken(c, i) && found != 0 &&
		    c->options[i].letter == found)
			return i;
	}
	return -1;
}

/* The long option that was likely meant by "--word=value"; NULL: none. */
static const char *
nearest_option(const struct cli *c, const char *word)
{
	const char *names[2 * CLI_OPTIONS_MAX + 1];
	char name[WORD_MAX];
	int n = 0;

	for (int i = 0; i < c->noptions; i++) {
		if (!is_taken(c, i))
			continue;
		names[n++] = c->options[i].name;
		if (contrary_of(c, i))
			names[n++] = contrary_of(c, i);
	}
	names[n] = NULL;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	return cli_nearest(name, names);
}

static int
fail(struct cli *c, int found, const char *word)
{
	int i = find(c, optopt);
	const char *meant = NULL;

	if (i >= 0 && found == ':')
		snprintf(c->error, sizeof c->error,
		    "--%s needs a value: --%s=%s", c->options[i].name,
		    c->options[i].name, c->options[i].value);
	else if (i >= 0)
		snprintf(c->error, sizeof c->error, "--%s takes no value",
		    optopt >= LONG_NOS ? contrary_of(c, i)
				       : c->options[i].name);
	else if (optopt != 0)
		snprintf(
		    c->error, sizeof c->error, "unknown option -%c", optopt);
	else if ((meant = nearest_option(c, word + 2)))
		snprintf(c->error, sizeof c->error,
		    "unknown option %s (did you mean --%s?)", word, meant);
	else
		snprintf(c->error, sizeof c->error, "unknown option %s", word);
	return CLI_BAD;
}

int
cli_next(struct cli *c, int argc, char **argv, const char **ret_value)
{
	struct option names[2 * CLI_OPTIONS_MAX + 1] = { { 0 } };
	char letters[2 + 2 * CLI_OPTIONS_MAX + 1];
	int found;

	describe(c, names, letters);
	found = getopt_long(argc, argv, letters, names, NULL);
	if (found == -1)
		return CLI_END;
	if (found == ':' || found == '?')
		return fail(c, found, argv[optind - 1]);
	*ret_value = found >= LONG_NOS ? cli_no : optarg;
	return find(c, found);
}

static void
print_option(const struct cli_option *o, const char *no, int column)
{
	const char *help = o->help;
	bool is_no = no && strncmp(no, "no-", 3) == 0;
	int width =
	    o->letter ? printf("  -%c, --", o->letter) : printf("      --");

	width += printf("%s%s", is_no ? "[no-]" : "", o->name);
	if (o->value)
		width += printf("=%s", o->value);
	if (no && !is_no)
		width += printf(", --%s", no);
	if (width >= column) {
		putchar('\n');
		width = 0;
	}
	for (;;) {
		int len = (int)strcspn(help, "\n");

		printf("%*s%.*s\n", column - width, "", len, help);
		if (help[len] == '\0')
			break;
		help += len + 1;
		width = 0;
	}
}

void
cli_print_heading(const struct cli_heading *h, const char *name)
{
	for (; h && h->before; h++) {
		if (strcmp(h->before, name) == 0)
			printf("\n%s:\n", h->text);
	}
}

void
cli_print_help(const struct cli *c, int column)
{
	for (int i = 0; i < c->noptions; i++) {
		if (!is_taken(c, i))
			continue;
		cli_print_heading(c->headings, c->options[i].name);
		print_option(&c->options[i], contrary_of(c, i), column);
	}
}

/*
 * What was meant
 */

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* Letters that are left out, too many, wrong, or swapped with the next one. */
static int
distance(const char *a, const char *b)
{
	int rows[3][WORD_MAX + 1];
	int len = (int)strlen(b);
	int *before = rows[0], *above = rows[1], *row = rows[2];

	for (int j = 0; j <= len; j++)
		above[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		int *oldest = before;

		row[0] = i;
		for (int j = 1; j <= len; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[len];
}

const char *
cli_nearest(const char *word, const char *const *names)
{
	size_t len = strlen(word);
	/* Of three letters, one may be wrong. */
	int near = (int)(len + 2) / 3;
	const char *nearest = NULL;

	for (; len < WORD_MAX && *names; names++) {
		int d;

		if (strlen(*names) >= WORD_MAX)
			continue;
		/* Its beginning, which may be that of others as well. */
		if (len > 1 && strncmp(word, *names, len) == 0)
			return *names;
		d = distance(word, *names);
		if (d < (int)strlen(*names) &&
		    (nearest ? d < near : d <= near)) {
			near = d;
			nearest = *names;
		}
	}
	return nearest;
}

/*
 * Values
 */

struct unit {
	const char *name;
	uint64_t factor;
};

/* A number and a unit of the table, which an empty name ends. */
static bool
read_with_unit(const char *text, const struct unit *units, uint64_t *ret)
{
	struct span digits = { text, strspn(text, "0123456789") };
	uint64_t n;

	/* span_number() stops at the largest number that there is. */
	if (!span_number(digits, &n) || n > INT64_MAX)
		return false;
	for (;; units++) {
		if (strcasecmp(text + digits.len, units->name) == 0)
			break;
		if (*units->name == '\0')
			return false;
	}
	if (__builtin_mul_overflow(n, units->factor, &n) || n > INT64_MAX)
		return false;
	*ret = n;
	return true;
}

bool
cli_read_number(const char *text, uint64_t *ret)
{
	static const struct unit units[] = { { "", 1 } };

	return read_with_unit(text, units, ret);
}

bool
cli_read_size(const char *text, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "K", 1 << 10 },
		{ "M", 1 << 20 },
		{ "G", 1 << 30 },
		{ "T", UINT64_C(1) << 40 },
		{ "", 1 },
	};

	return read_with_unit(text, units, ret);
}

bool
cli_read_duration(const char *text, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "s", 1 },
		{ "m", 60 },
		{ "h", 3600 },
		{ "d", 86400 },
		{ "w", 604800 },
		{ "y", 31536000 },
		{ "", 1 },
	};

	return read_with_unit(text, units, ret);
}

/*
 * The database
 */

const char *
cli_database(void)
{
	static char path[PATH_MAX];
	const char *from_env = getenv("SMTPD_DATABASE");
	const char *folder = getenv("STATE_DIRECTORY");

	if (from_env && *from_env)
		return from_env;
	if (!folder || !*folder)
		return "/var/lib/smtpd/mail.db";
	/* systemd lists several with ":"; ours is first. */
	snprintf(path, sizeof path, "%.*s/mail.db", (int)strcspn(folder, ":"),
	    folder);
	return path;
}

bool
cli_is_database(const char *path)
{
	return path[0] != '\0' && path[0] != ':';
}

bool
cli_is_postgresql(const char *database)
{
	return strncmp(database, "postgresql://", 13) == 0 ||
	       strncmp(database, "postgres://", 11) == 0;
}
