/*
 * A table of texts.  On a terminal it has a header and columns as wide as
 * their texts, as far as there is room.  Elsewhere its fields are divided by
 * tabs, whole and without a header, for programs that cut lines into fields.
 */
#ifndef READER_COLUMNS_H
#define READER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct column {
	const char *title;
	bool right; /* aligned to the right, for numbers */
};

/*
 * Prints the rows.  `cells` are nrows times ncolumns texts, which are made
 * harmless here.
 */
void columns_print(const struct column *columns, size_t ncolumns,
    char *const *cells, size_t nrows);

enum {
	COLUMNS_GAP = 2, /* blanks between two columns */
};

/* A line of such columns that is being printed; what does not fit is cut. */
struct columns_line {
	int room; /* columns of the terminal that are left */
	bool is_begun;
};
void columns_cell(
    struct columns_line *line, const char *safe, int width, bool right);

#endif
