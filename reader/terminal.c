#include "terminal.h"

#include <sys/ioctl.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "../clock.h"

enum {
	COLUMNS = 80,
	PIECE_MAX = 16 * 1024, /* octets that are made safe at once */
	PROGRESS_AFTER_MS = 1000,
	PROGRESS_EVERY_MS = 200,
};

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

static void
add_safe(struct text *to, uint32_t c, enum terminal_form form)
{
	if (form == TERMINAL_TEXT && (c == '\n' || c == '\t'))
		text_add_char(to, (char)c);
	else if (form == TERMINAL_LINE && (c == '\n' || c == '\t'))
		text_add_char(to, ' ');
	else if (c < TEXT_NONE && text_is_harmless(c))
		text_add_code(to, c);
	else
		text_add(to, span_of(TEXT_REPLACEMENT));
}

/* A CR is an end of a line together with the LF that comes next. */
static void
end_cr(struct terminal_text *t, uint32_t next, struct text *to)
{
	if (!t->has_cr)
		return;
	t->has_cr = false;
	if (t->form == TERMINAL_LINE)
		text_add_char(to, ' ');
	else if (next != '\n')
		text_add(to, span_of(TEXT_REPLACEMENT));
}

static void
add_piece(struct terminal_text *t, struct span piece, struct text *to)
{
	while (piece.len > 0) {
		size_t len = 0;
		uint32_t c;

		while (len < piece.len && piece.p[len] >= ' ' &&
		       piece.p[len] <= '~')
			len++;
		if (len > 0) {
			end_cr(t, ' ', to);
			text_add(to, (struct span){ piece.p, len });
		} else {
			len = text_read(piece, &c);
			end_cr(t, c, to);
			t->has_cr = c == '\r';
			if (!t->has_cr)
				add_safe(to, c, t->form);
		}
		piece.p += len;
		piece.len -= len;
	}
}

char *
terminal_safe(struct span text, enum terminal_form form)
{
	struct terminal_text t = { .form = form };
	struct text safe = { 0 };

	add_piece(&t, text, &safe);
	end_cr(&t, ' ', &safe);
	return text_take(&safe);
}

/* Is nothing to be made safe?  Most texts are so. */
static bool
is_plain(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	}
	return true;
}

static bool
put(void *arg, struct span piece)
{
	struct terminal_text *t = arg;
	struct text safe = { 0 };

	if (!t->has_cr && is_plain(piece)) {
		t->is_open = true;
		return fwrite(piece.p, 1, piece.len, stdout) == piece.len;
	}

	while (piece.len > 0) {
		size_t len = piece.len < PIECE_MAX ? piece.len : PIECE_MAX;

		/* The cut is between two characters, if they are such. */
		while (len < piece.len && len > PIECE_MAX - 4 &&
		       ((unsigned char)piece.p[len] & 0xC0) == 0x80)
			len--;
		safe.len = 0;
		add_piece(t, (struct span){ piece.p, len }, &safe);
		if (safe.len > 0) {
			fwrite(safe.p, 1, safe.len, stdout);
			t->is_open = safe.p[safe.len - 1] != '\n';
		}
		piece.p += len;
		piece.len -= len;
	}
	text_free(&safe);
	return !ferror(stdout);
}

struct sink
terminal_sink(struct terminal_text *t)
{
	return (struct sink){ put, t };
}

void
terminal_end(struct terminal_text *t)
{
	struct text safe = { 0 };

	end_cr(t, ' ', &safe);
	fputs(safe.len > 0 ? safe.p : "", stdout);
	if (t->is_open || safe.len > 0)
		putchar('\n');
	t->is_open = false;
	text_free(&safe);
}

void
terminal_print(struct span text, enum terminal_form form)
{
	struct terminal_text t = { .form = form };
	struct text safe = { 0 };

	sink_put(terminal_sink(&t), text);
	end_cr(&t, ' ', &safe);
	fputs(safe.len > 0 ? safe.p : "", stdout);
	text_free(&safe);
}

static int
char_width(uint32_t c)
{
	locale_t before =
	    text_unicode() ? uselocale(text_unicode()) : (locale_t)0;
	int width = wcwidth((wchar_t)c);

	if (before)
		uselocale(before);
	return width < 0 ? 1 : width;
}

int
terminal_width(const char *safe)
{
	struct span rest = span_of(safe);
	int width = 0;

	while (rest.len > 0) {
		uint32_t c;
		size_t len = text_read(rest, &c);

		width += char_width(c);
		rest.p += len;
		rest.len -= len;
	}
	return width;
}

/*
 * Returns how many octets fit into the columns, and how many columns they
 * take.
 */
static size_t
fit(const char *safe, int columns, int *ret_width)
{
	struct span rest = span_of(safe);
	int width = 0;

	while (rest.len > 0) {
		uint32_t c;
		size_t len = text_read(rest, &c);
		int more = char_width(c);

		if (width + more > columns)
			break;
		width += more;
		rest.p += len;
		rest.len -= len;
	}
	*ret_width = width;
	return (size_t)(rest.p - safe);
}

void
terminal_cell(const char *safe, int columns, bool right)
{
	int width;
	size_t len = fit(safe, columns, &width);

	if (safe[len] != '\0') { /* cut; the mark needs a column */
		len = fit(safe, columns - 1, &width);
		printf("%.*s\xE2\x80\xA6%*s", (int)len, safe,
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
