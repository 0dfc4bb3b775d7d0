#include "terminal.h"

#include <sys/ioctl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "../clock.h"

enum {
	COLUMNS = 80,
	PROGRESS_AFTER_MS = 1000,
	PROGRESS_EVERY_MS = 200,
};

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

void
terminal_find(struct terminal *t)
{
	struct winsize size;
	const char *no_colour = getenv("NO_COLOR"); /* no-color.org */
	const char *kind = getenv("TERM");

	t->is_one = isatty(STDOUT_FILENO);
	t->colour = t->is_one && !(no_colour && *no_colour) &&
		    !(kind && strcmp(kind, "dumb") == 0);
	t->columns = COLUMNS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		t->columns = size.ws_col;
}

bool
terminal_is_harmless(uint32_t c)
{
	switch (g_unichar_type(c)) {
	case G_UNICODE_CONTROL:
	case G_UNICODE_FORMAT:
	case G_UNICODE_LINE_SEPARATOR:
	case G_UNICODE_PARAGRAPH_SEPARATOR:
	case G_UNICODE_PRIVATE_USE:
	case G_UNICODE_SURROGATE:
	case G_UNICODE_UNASSIGNED:
		/* Joins emoji and letters of some scripts. */
		return c == 0x200D || c == 0x200C;
	default:
		return true;
	}
}

static bool
is_blank(gunichar c)
{
	return c == '\n' || c == '\t' || c == '\r';
}

static void
add_safe(GString *s, const char *p, gunichar c, enum terminal_form form)
{
	if (form == TERMINAL_TEXT && (c == '\n' || c == '\t'))
		g_string_append_c(s, (char)c);
	else if (form == TERMINAL_TEXT && c == '\r' && p[1] == '\n')
		return;
	else if (form == TERMINAL_LINE && is_blank(c))
		g_string_append_c(s, ' ');
	else if (terminal_is_harmless(c))
		g_string_append_unichar(s, c);
	else
		g_string_append(s, replacement);
}

char *
terminal_safe(struct span text, enum terminal_form form)
{
	GString *s = g_string_sized_new(text.len + 1);
	const char *end = text.p + text.len;

	for (const char *p = text.p; p < end;) {
		gunichar c;

		if (*p >= ' ' && *p <= '~') {
			g_string_append_c(s, *p++);
			continue;
		}
		c = g_utf8_get_char_validated(p, end - p);

		/* "\r\n" is looked at beyond p, but "\n" ends no span early. */
		if (c == (gunichar)-1 || c == (gunichar)-2 || c == 0) {
			g_string_append(s, replacement);
			p++;
			continue;
		}
		if (c == '\r' && p + 1 == end)
			g_string_append(
			    s, form == TERMINAL_TEXT ? replacement : " ");
		else
			add_safe(s, p, c, form);
		p = g_utf8_next_char(p);
	}
	return g_string_free(s, FALSE);
}

void
terminal_print(struct span text, enum terminal_form form)
{
	char *safe = terminal_safe(text, form);

	fputs(safe, stdout);
	g_free(safe);
}

static int
char_width(gunichar c)
{
	if (g_unichar_iszerowidth(c))
		return 0;
	return g_unichar_iswide(c) ? 2 : 1;
}

int
terminal_width(const char *safe)
{
	int width = 0;

	for (; *safe; safe = g_utf8_next_char(safe))
		width += char_width(g_utf8_get_char(safe));
	return width;
}

/* The end of what fits into so many columns, which `*ret_width` are taken. */
static const char *
fit(const char *safe, int columns, int *ret_width)
{
	int width = 0;

	for (; *safe; safe = g_utf8_next_char(safe)) {
		int more = char_width(g_utf8_get_char(safe));

		if (width + more > columns)
			break;
		width += more;
	}
	*ret_width = width;
	return safe;
}

void
terminal_cell(const char *safe, int columns, bool right)
{
	int width;
	const char *end = fit(safe, columns, &width);

	if (*end != '\0') { /* cut; the mark needs a column */
		end = fit(safe, columns - 1, &width);
		printf("%.*s\xE2\x80\xA6%*s", (int)(end - safe), safe,
		    columns - 1 - width, "");
		return;
	}
	if (right)
		printf("%*s%s", columns - width, "", safe);
	else
		printf("%s%*s", safe, columns - width, "");
}

void
terminal_size(int64_t octets, char *ret)
{
	static const char units[] = "KMGTP";
	double n = (double)octets;
	int unit = -1;

	while (n >= 1000 && unit + 1 < (int)strlen(units)) {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(ret, TERMINAL_SIZE_MAX, "%lld", (long long)octets);
	else
		snprintf(ret, TERMINAL_SIZE_MAX, n < 9.95 ? "%.1f%c" : "%.0f%c",
		    n, units[unit]);
}

void
terminal_time(int64_t microseconds, char *ret)
{
	time_t seconds = (time_t)(microseconds / 1000000);
	struct tm local;

	if (!localtime_r(&seconds, &local) ||
	    strftime(ret, TERMINAL_TIME_MAX, "%Y-%m-%d %H:%M", &local) == 0)
		strcpy(ret, "?");
}

/*
 * Progress
 */

void
progress_begin(struct progress *p, const char *what)
{
	*p = (struct progress){ .what = what };
	p->began_at = isatty(STDERR_FILENO) ? clock_ms() : -1;
}

void
progress_tell(struct progress *p, uint64_t done)
{
	int64_t now;

	if (p->began_at < 0)
		return;
	now = clock_ms();
	if (now < p->began_at + PROGRESS_AFTER_MS ||
	    now < p->told_at + PROGRESS_EVERY_MS)
		return;
	p->told_at = now;
	fprintf(stderr, "\r%s: %llu", p->what, (unsigned long long)done);
}

void
progress_end(struct progress *p)
{
	if (p->told_at > 0)
		fputs("\r\033[K", stderr);
	p->told_at = 0;
}
