/*
 * The command line of a helper program (helper.h), from a table.
 */
#ifndef HELPER_CLI_H
#define HELPER_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "../cli.h"

/* cli_option.kind: what becomes of the value; `field` is its offset. */
enum helper_option {
	HELPER_TEXT, /* const char * */
	HELPER_LIST, /* struct helper_list, of an option that comes again */
	HELPER_FLAG, /* bool */
	HELPER_VERSION,
	HELPER_HELP,
};

enum {
	HELPER_LIST_MAX = 32,
};

struct helper_list {
	const char *texts[HELPER_LIST_MAX];
	size_t n;
};

struct helper_cli {
	const char *name;
	const char *usage; /* above the options */
	const struct cli_option *options;
	int noptions;
	bool in_order; /* the first argument ends the options */
};

/*
 * Opens the log and reads the options into the program's own struct; arguments
 * begin at optind.  Returns -1 to go on, or the exit status.
 */
int helper_read_options(
    const struct helper_cli *h, int argc, char **argv, void *settings);
/* Logs what is wrong with them; returns the exit status. */
int helper_usage_error(const struct helper_cli *h, const char *what);

/*
 * Has it been started by the listener or its like, who speak in whole messages
 * on standard input?
 */
bool helper_is_started(void);

#endif
