#include "columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

enum {
	WIDTH_MIN = 4, /* no column is made narrower */
};

static void
print_fields(char *const *cells, size_t ncolumns, size_t nrows)
{
	for (size_t i = 0; i < nrows * ncolumns; i++) {
		terminal_print(span_of(cells[i]), TERMINAL_LINE);
		putchar((i + 1) % ncolumns ? '\t' : '\n');
	}
}

/* Finds the width that each column needs. */
static void
measure(const struct column *columns, size_t ncolumns, char *const *cells,
    size_t nrows, int *ret_widths)
{
	for (size_t n = 0; n < ncolumns; n++)
		ret_widths[n] = (int)strlen(columns[n].title);
	for (size_t i = 0; i < nrows * ncolumns; i++) {
		char *safe = terminal_safe(span_of(cells[i]), TERMINAL_LINE);
		int width = terminal_width(safe);

		if (width > ret_widths[i % ncolumns])
			ret_widths[i % ncolumns] = width;
		free(safe);
	}
}

/* Narrows the widest column, until all fit or none can be narrowed. */
static void
narrow(int *widths, size_t ncolumns, int room)
{
	int total = (int)(ncolumns - 1) * COLUMNS_GAP;

	for (size_t n = 0; n < ncolumns; n++)
		total += widths[n];
	while (total > room) {
		size_t widest = 0;

		for (size_t n = 1; n < ncolumns; n++) {
			if (widths[n] > widths[widest])
				widest = n;
		}
		if (widths[widest] <= WIDTH_MIN)
			break;
		widths[widest]--;
		total--;
	}
}

void
columns_cell(struct columns_line *line, const char *safe, int width, bool right)
{
	if (line->is_begun && line->room > COLUMNS_GAP) {
		printf("%*s", COLUMNS_GAP, "");
		line->room -= COLUMNS_GAP;
	} else if (line->is_begun) {
		line->room = 0;
	}
	line->is_begun = true;
	if (width > line->room)
		width = line->room;
	if (width > 0)
		terminal_cell(safe, width, right);
	line->room -= width;
}

static void
print_line(const struct column *columns, size_t ncolumns, char *const *cells,
    const int *widths, int room)
{
	struct columns_line line = { .room = room };

	for (size_t n = 0; n < ncolumns; n++) {
		const char *text = cells ? cells[n] : columns[n].title;
		char *safe = terminal_safe(span_of(text), TERMINAL_LINE);
		int width = widths[n];

		/* The last column is not padded. */
		if (n + 1 == ncolumns && !columns[n].right &&
		    terminal_width(safe) < width)
			width = terminal_width(safe);
		columns_cell(&line, safe, width, columns[n].right);
		free(safe);
	}
}

void
columns_print(const struct column *columns, size_t ncolumns, char *const *cells,
    size_t nrows)
{
	struct terminal terminal;
	int *widths = calloc(ncolumns, sizeof *widths);

	terminal_find(&terminal);
	if (!terminal.is_one || nrows == 0 || !widths) {
		print_fields(cells, ncolumns, nrows);
		free(widths);
		return;
	}
	measure(columns, ncolumns, cells, nrows, widths);
	narrow(widths, ncolumns, terminal.columns);
	fputs(terminal.colour ? "\033[1m" : "", stdout);
	print_line(columns, ncolumns, NULL, widths, terminal.columns);
	puts(terminal.colour ? "\033[0m" : "");
	for (size_t i = 0; i < nrows; i++) {
		print_line(columns, ncolumns, cells + i * ncolumns, widths,
		    terminal.columns);
		putchar('\n');
	}
	free(widths);
}
