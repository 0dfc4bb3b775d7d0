#include "mbox.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	WORDS_MAX = 10, /* of a date, and of what may stand behind it */
	LINE_MAX_LEN = 4096,
};

static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
	"Sun", NULL };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL };

/* Time zones that stand in old mboxes; any other is taken for UTC. */
static const struct {
	const char *name;
	int hours;
} zones[] = {
	{ "EST", -5 },
	{ "EDT", -4 },
	{ "CST", -6 },
	{ "CDT", -5 },
	{ "MST", -7 },
	{ "MDT", -6 },
	{ "PST", -8 },
	{ "PDT", -7 },
	{ "AKST", -9 },
	{ "AKDT", -8 },
	{ "HST", -10 },
	{ "BST", 1 },
	{ "WEST", 1 },
	{ "CET", 1 },
	{ "CEST", 2 },
	{ "MET", 1 },
	{ "MEZ", 1 },
	{ "MESZ", 2 },
	{ "MEST", 2 },
	{ "EET", 2 },
	{ "EEST", 3 },
	{ "MSK", 3 },
	{ "MSD", 4 },
	{ "JST", 9 },
	{ "KST", 9 },
	{ "AEST", 10 },
	{ "AEDT", 11 },
	{ "NZST", 12 },
	{ "NZDT", 13 },
};

struct words {
	struct span word[WORDS_MAX];
	int n;
};

static void
split(struct span text, struct words *ret)
{
	ret->n = 0;
	while (text.len > 0 && ret->n < WORDS_MAX) {
		struct span word = { text.p, 0 };

		while (word.len < text.len &&
		       !isspace((unsigned char)text.p[word.len]))
			word.len++;
		if (word.len > 0)
			ret->word[ret->n++] = word;
		text.p += word.len;
		text.len -= word.len;
		if (text.len > 0) {
			text.p++;
			text.len--;
		}
	}
}

/* Returns the word's place in the list, or -1; a comma may stand behind it. */
static int
find(struct span word, const char *const *names)
{
	if (word.len == 4 && word.p[3] == ',')
		word.len--;
	for (int i = 0; names[i]; i++) {
		if (span_is(word, names[i]))
			return i;
	}
	return -1;
}

static bool
read_number(struct span word, int min, int max, int *ret)
{
	uint64_t n;

	if (!span_number(word, &n) || n < (uint64_t)min || n > (uint64_t)max)
		return false;
	*ret = (int)n;
	return true;
}

/* "10:54:24" or "10:54". */
static bool
read_time(struct span word, struct tm *ret)
{
	char text[16];
	int end = 0;

	ret->tm_sec = 0;
	if (word.len >= sizeof text)
		return false;
	snprintf(text, sizeof text, "%.*s", (int)word.len, word.p);
	if (sscanf(text, "%2d:%2d%n", &ret->tm_hour, &ret->tm_min, &end) < 2)
		return false;
	if (text[end] == ':' && sscanf(text + end, ":%2d", &ret->tm_sec) < 1)
		return false;
	return ret->tm_hour >= 0 && ret->tm_hour < 24 && ret->tm_min >= 0 &&
	       ret->tm_min < 60 && ret->tm_sec >= 0 && ret->tm_sec <= 60;
}

/* "+0100" or a name: seconds east of UTC.  False: it is no zone. */
static bool
read_zone(struct span word, int *ret)
{
	int n;

	*ret = 0;
	if (word.len == 5 && (*word.p == '+' || *word.p == '-')) {
		struct span digits = { word.p + 1, 4 };

		if (!read_number(digits, 0, 9999, &n))
			return false;
		*ret = (n / 100 * 60 + n % 100) * 60;
		*ret = *word.p == '-' ? -*ret : *ret;
		return true;
	}
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
		if (span_is(word, zones[i].name))
			*ret = zones[i].hours * 3600;
	}
	for (size_t i = 0; i < word.len; i++) {
		if (!isalpha((unsigned char)word.p[i]))
			return false;
	}
	return word.len > 0;
}

/* "Tue Dec 24 10:54:24 2024", with a zone before or behind the year. */
static bool
read_asctime(const struct words *w, struct tm *tm, int *ret_zone)
{
	int at = 4, year;

	tm->tm_mon = find(w->word[1], months);
	if (tm->tm_mon < 0 || !read_number(w->word[2], 1, 31, &tm->tm_mday) ||
	    !read_time(w->word[3], tm))
		return false;
	if (at < w->n && read_zone(w->word[at], ret_zone))
		at++;
	if (at >= w->n || !read_number(w->word[at], 1970, 9999, &year))
		return false;
	tm->tm_year = year - 1900;
	if (at == 4 && at + 1 < w->n)
		read_zone(w->word[at + 1], ret_zone);
	return true;
}

/* "Tue, 24 Dec 2024 10:54:24 +0100", as fields of mails have it. */
static bool
read_mail_date(const struct words *w, struct tm *tm, int *ret_zone)
{
	int year;

	tm->tm_mon = find(w->word[2], months);
	if (w->n < 5 || tm->tm_mon < 0 ||
	    !read_number(w->word[1], 1, 31, &tm->tm_mday) ||
	    !read_number(w->word[3], 1970, 9999, &year) ||
	    !read_time(w->word[4], tm))
		return false;
	tm->tm_year = year - 1900;
	if (w->n > 5)
		read_zone(w->word[5], ret_zone);
	return true;
}

static bool
read_date(struct span text, int64_t *ret)
{
	struct tm tm = { .tm_isdst = 0 };
	struct words w;
	int zone = 0;

	split(text, &w);
	if (w.n < 5 || find(w.word[0], days) < 0)
		return false;
	if (!read_asctime(&w, &tm, &zone) && !read_mail_date(&w, &tm, &zone))
		return false;
	*ret = (int64_t)timegm(&tm) - zone;
	return true;
}

bool
mbox_read_from(struct span line, struct span *ret_sender, int64_t *ret_date)
{
	struct span rest;

	if (line.len < 5 || memcmp(line.p, "From ", 5) != 0)
		return false;
	rest = (struct span){ line.p + 5,
		line.len < LINE_MAX_LEN ? line.len - 5 : LINE_MAX_LEN - 5 };
	/* A sender may hold blanks; the date begins with a day. */
	for (size_t at = 0; at < rest.len; at++) {
		struct span date = { rest.p + at, rest.len - at };

		if ((at > 0 && rest.p[at - 1] != ' ') || rest.len - at < 3 ||
		    find((struct span){ date.p, 3 }, days) < 0 ||
		    !read_date(date, ret_date))
			continue;
		*ret_sender = span_trim((struct span){ rest.p, at });
		return true;
	}
	return false;
}

bool
mbox_is_quoted(struct span line)
{
	while (line.len > 0 && *line.p == '>') {
		line.p++;
		line.len--;
	}
	return line.len >= 5 && memcmp(line.p, "From ", 5) == 0;
}
