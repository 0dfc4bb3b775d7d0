/*
 * A table of texts: on a terminal in columns under a header, as wide as what
 * they hold and as there is room for; else divided by tabs, whole and without
 * the header, for programs that cut lines into fields.
 */
#ifndef READER_COLUMNS_H
#define READER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct column {
	const char *title;
	bool right; /* numbers */
};

/*
 * Prints the rows; `cells` are nrows times ncolumns texts, which are made
 * harmless here.
 */
void columns_print(const struct column *columns, size_t ncolumns,
    char *const *cells, size_t nrows);

enum {
	COLUMNS_GAP = 2, /* blanks between two */
};

/* One line of such columns, of which the last are cut. */
struct columns_line {
	int room; /* of the terminal, that is left */
	bool is_begun;
};
void columns_cell(
    struct columns_line *line, const char *safe, int width, bool right);

#endif
