/*
 * The options of smtpd as a table (cli.h), and what --help says of them.
 */
#ifndef OPTION_ROWS_H
#define OPTION_ROWS_H

#include "../cli.h"

/* What is made of the value, or of an option that has none. */
enum option_kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_SIZE,
	KIND_DURATION,
	KIND_FLAG,
	KIND_AUTH,
	KIND_NETWORKS,
	KIND_LIST,
	KIND_VERSION,
	KIND_HELP,
};

extern const struct cli_option option_rows[];

/* Before the first cli_next() for the table. */
void option_rows_start(struct cli *ret);
void option_rows_print(const struct cli *c);

#endif
