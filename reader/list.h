/* How a mail is printed as one line: for list, watch and search. */
#ifndef READER_LIST_H
#define READER_LIST_H

#include "smtpdb.h"
#include "terminal.h"

struct lister {
	bool json;
	struct terminal terminal;
};

void list_start(struct lister *l, const struct smtpdb *t);
/* A JSON object; or columns on a terminal; or fields divided by tabs. */
void list_print(const struct lister *l, const struct archive_row *row);

#endif
