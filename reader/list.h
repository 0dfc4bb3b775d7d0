/* How a mail is printed as one line: for list, watch and search. */
#ifndef READER_LIST_H
#define READER_LIST_H

#include "private.h"
#include "terminal.h"

struct lister {
	bool json;
	struct terminal terminal;
};

void list_start(struct lister *l, const struct smtpdb *t);
/* A JSON object; or columns on a terminal; or fields divided by tabs. */
void list_print(const struct lister *l, const struct archive_row *row);

struct listing {
	struct lister lister;
	struct archive_filter filter;
	int64_t newest; /* only so many of the newest; -1: all */
	uint64_t most;  /* how many are printed at most */
	uint64_t printed;
	struct archive_page page;
};

/*
 * Fills the listing, which starts as { 0 }, from the options.  EX_OK, or a
 * status that was told.
 */
int listing_start(struct listing *l, struct smtpdb *t);
/* Prints all that match, and goes on behind them the next time.  0 or -1. */
int listing_print(struct listing *l, struct archive *a);
/* Prints the newest of them, as many as are wanted.  0 or -1. */
int listing_print_newest(struct listing *l, struct archive *a);

#endif
