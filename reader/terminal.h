/*
 * Output for people: text that strangers wrote, made harmless; columns; and
 * the progress of long work.
 */
#ifndef READER_TERMINAL_H
#define READER_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"
#include "../mime/text.h"

/* What standard output is. */
struct terminal {
	bool is_one;
	bool colour; /* a terminal, and $NO_COLOR is not set */
	int columns;
};

void terminal_find(struct terminal *t);

enum terminal_form {
	TERMINAL_LINE, /* one line: line ends and tabs become blanks */
	TERMINAL_TEXT, /* line ends and tabs stay; CRLF is a line end */
};

/*
 * A copy, to be freed, that is UTF-8 and has no control characters, nor those
 * that turn the direction of writing or have no width of their own; U+FFFD
 * stands for them.
 */
char *terminal_safe(struct span text, enum terminal_form form);
/* Prints that copy. */
void terminal_print(struct span text, enum terminal_form form);

/* The same for a text that comes in pieces; starts as { .form = form }. */
struct terminal_text {
	enum terminal_form form;
	bool has_cr;  /* a CR has come; the next octet tells what it is */
	bool is_open; /* the last line has no end */
};

struct sink terminal_sink(struct terminal_text *t);
/* No more pieces; ends the last line. */
void terminal_end(struct terminal_text *t);

/* Columns that a safe text takes. */
int terminal_width(const char *safe);
/*
 * Prints as much of a safe line as fits into the columns, and pads it, on the
 * left if `right`.
 */
void terminal_cell(const char *safe, int columns, bool right);

/* "1.2M", in powers of 1024; up to 5 characters. */
enum {
	TERMINAL_SIZE_MAX = 16,
};
void terminal_size(int64_t octets, char *ret);
/* "2026-11-21 20:41", local time. */
enum {
	TERMINAL_TIME_MAX = 32,
};
void terminal_time(int64_t microseconds, char *ret);

/*
 * Tells on standard error, if it is a terminal, how far work is that takes
 * over a second.
 */
struct progress {
	const char *what;
	int64_t began_at;
	int64_t told_at;
};

void progress_begin(struct progress *p, const char *what);
void progress_tell(struct progress *p, uint64_t done);
void progress_end(struct progress *p);

#endif
