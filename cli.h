/*
 * The command lines of smtpd and smtpdb: options as a table, which getopt_long(3)
 * and --help are served from, and the values that people write.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_option {
	char letter; /* the short option; 0: has none */
	const char *name;
	const char *value; /* what --help calls it; NULL: takes none */
	const char *help;  /* lines, "\n" between them */
	/* What a program makes of the value; cli.c does not look at these. */
	int kind;
	size_t field;
	uint64_t min, max;
};

/* A line of --help above the option, or the command, `before`. */
struct cli_heading {
	const char *before; /* NULL ends a table of them */
	const char *text;
};

enum {
	CLI_OPTIONS_MAX = 64,
	CLI_ERROR_SIZE = 256,
	CLI_END = -1,
	CLI_BAD = -2,
};

struct cli {
	const struct cli_option *options;
	int noptions;
	/* The long options that take others back, at their index; or NULL. */
	const char *const *contraries;
	uint64_t set;  /* which of them are taken, a bit for each */
	bool in_order; /* the first argument ends the options */
	const struct cli_heading *headings; /* NULL: none */
	char error[CLI_ERROR_SIZE];
};

/* Before the first cli_next() for these arguments. */
void cli_start(struct cli *c);
/*
 * The next option: its index in the table, with its value, which is NULL where
 * it takes none, and cli_no where it is taken back.  CLI_END: the arguments begin
 * at optind.  CLI_BAD: `c->error` says what is wrong.
 */
extern const char cli_no[];
int cli_next(struct cli *c, int argc, char **argv, const char **ret_value);

/* The heading above `name`, if there is one; `h` NULL: there are none. */
void cli_print_heading(const struct cli_heading *h, const char *name);
/* The help for those of the set; what it says begins in that column. */
void cli_print_help(const struct cli *c, int column);

/*
 * The name that was likely meant, of a list that NULL ends; NULL: none is near.
 */
const char *cli_nearest(const char *word, const char *const *names);

/*
 * Values, read to the end of the text.  False: it is none.
 */

bool cli_read_number(const char *text, uint64_t *ret);
/* Octets: "10", "10K", "5M", "1G", "2T", in powers of 1024. */
bool cli_read_size(const char *text, uint64_t *ret);
/* Seconds: "90", "90s", "30m", "12h", "7d", "2w". */
bool cli_read_duration(const char *text, uint64_t *ret);

/*
 * Where the database is if nobody says it: $SMTPD_DATABASE, or mail.db in
 * $STATE_DIRECTORY (systemd.exec(5)) or in /var/lib/smtpd.
 */
const char *cli_database(void);
/*
 * Is it a path?  SQLite would take others for a database that is gone when it
 * closes.
 */
bool cli_is_database(const char *path);
/* Is it the address of a PostgreSQL database, and no path? */
bool cli_is_postgresql(const char *database);

#endif
