/*
 * smtpdb, the reader's tool: what its commands share.  Each command is one
 * function, which gets its arguments parsed and returns an exit status of
 * sysexits.h; ../smtpdb.c has the table of them.  In this folder are
 *
 *	list, watch, show, extract,
 *	search, stats			commands that read
 *	export, import, copy, deliver,
 *	delete				commands that move or delete mails
 *	rules, account, explain		commands about what is accepted
 *	doctor, doctor_*		the command that finds faults
 *	web, elsewhere			other programs that do the work
 *	complete			completion for shells
 *	tell				the commands of ../reader.h
 *	rule_values, password		what rows are made of
 *	deliver_lmtp, lmtp, connect	delivery by LMTP
 *	import_mail, envelope_field,
 *	mbox, line_ends			mail in files
 *	tool, service			the database, the options of smtpd
 *	rights, program, stop		users, other programs, signals
 *	options, names, terminal,
 *	columns, file, distinct,
 *	message				input and output
 *
 * Includes point down this list, and from its end to ../archive.h, the
 * database, ../find.h, the search, and ../mime/, the content of a mail.
 */
#ifndef READER_PRIVATE_H
#define READER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../archive.h"
#include "names.h"

/* All options of all commands; options.c describes them. */
enum smtpdb_option {
	OPT_DATABASE,
	OPT_JSON,
	OPT_FROM,
	OPT_TO,
	OPT_SENT_FROM,
	OPT_SENT_TO,
	OPT_SUBJECT,
	OPT_MAILBOX,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_LARGER,
	OPT_QUARANTINED,
	OPT_MILTER,
	OPT_POLICY,
	OPT_NUMBER,
	OPT_ONE,
	OPT_TIMEOUT,
	OPT_HEADERS,
	OPT_HTML,
	OPT_DATA,
	OPT_OUTPUT,
	OPT_DIRECTORY,
	OPT_MBOX,
	OPT_MAILDIR,
	OPT_EML,
	OPT_BARE,
	OPT_SENDER,
	OPT_RECIPIENT,
	OPT_OLDER,
	OPT_KEEP,
	OPT_MAX_BYTES,
	OPT_HAD_BY,
	OPT_DRY_RUN,
	OPT_VACUUM,
	OPT_NEW,
	OPT_CONSUMER,
	OPT_LEASE,
	OPT_LMTP,
	OPT_SENDMAIL,
	OPT_REBUILD,
	OPT_STATE,
	OPT_MOVED_TO,
	OPT_QUOTA_MESSAGES,
	OPT_QUOTA_OCTETS,
	OPT_QUOTA_PERMANENT,
	OPT_FORWARD,
	OPT_AUTHENTICATED,
	OPT_CERTIFICATE,
	OPT_ACCOUNT,
	OPT_CLIENT,
	OPT_ALLOW,
	OPT_CODE,
	OPT_ENHANCED,
	OPT_TEXT,
	OPT_WINDOW,
	OPT_MAX_MESSAGES,
	OPT_MAX_RECIPIENTS,
	OPT_MAX_OCTETS,
	OPT_NEW_SCHEMA,
	OPT_OPENMETRICS,
	OPT_PLOT,
	OPT_HELP,
	OPT_VERSION,
	OPT__COUNT
};

#define OPTION(name) (UINT64_C(1) << OPT_##name)

_Static_assert(OPT__COUNT <= 64, "a set of options is 64 bits");

struct ids;

struct smtpdb {
	/*
	 * Value of each option; "" if it takes none, cli_no for its contrary;
	 * or NULL.
	 */
	const char *options[OPT__COUNT];
	char **argv; /* what the program was started with */
	char **args; /* what stands behind the command, NULL at the end */
	int nargs;
	const char *path;     /* of the database */
	int64_t deadline_ms;  /* of --timeout, by clock_ms() */
	struct names mailbox; /* of --mailbox */
	struct archive_conf conf;
	struct archive *archive;
	bool names_files; /* uses files or programs of the caller (rights.h) */
};

struct command {
	const char *name;
	const char *args; /* in its usage line */
	const char *help; /* one line */
	uint64_t options; /* that it takes */
	int min_args;
	int max_args; /* -1: any number */
	int (*run)(struct smtpdb *t);
};

/*
 * message.c: prints to standard error, behind the name of the program.
 */

__attribute__((format(printf, 2, 3))) int smtpdb_fail(
    int status, const char *format, ...); /* returns `status` */
/* The same for errno and the file that it came from. */
int smtpdb_fail_errno(int status, const char *what);
/* Has all that was printed been written?  EX_OK or EX_IOERR. */
int smtpdb_flush(void);
/* The same for a write that has failed; silent where the reader has gone. */
int smtpdb_fail_output(void);
/*
 * Waits for so long, or until `fd` can be read, unless it is -1.  False:
 * whoever read standard output has gone meanwhile.
 */
bool smtpdb_pause(int ms, int fd);

/*
 * tool.c: the database.  Errors have been told.
 */

/*
 * Is the database one for this program (elsewhere.c)?  If not, becomes the
 * program that it is for, and returns only if that fails, with a status.
 */
int smtpdb_change_over(const struct smtpdb *t);
/* Opens the database, which must exist unless `make`. */
int smtpdb_open(struct smtpdb *t, bool make);
/*
 * The same, but an error of the archive is told only by smtpdb_fail_archive().
 */
int smtpdb_try_open(struct smtpdb *t, bool make);
/*
 * Opens the database; if only its folder is there, says so and waits for it up
 * to t->deadline_ms.  EX_NOINPUT: it did not come.
 */
int smtpdb_open_soon(struct smtpdb *t, bool *ret_waited);
/* Are all arguments ids of mails, as options_ids() reads them? */
int smtpdb_check_ids(const struct smtpdb *t);
/* Reads ids, with "last" as it is in the open database. */
int smtpdb_find_ids(struct smtpdb *t, const char *arg, struct ids *ret);
/* Reads the one mail that `id` names. */
int smtpdb_read(struct smtpdb *t, const char *id, struct archive_mail *ret);
/*
 * Reads the mail of that id, or one after the other those of a range, and
 * calls `one` with each, until that is not EX_OK.  EX_NOINPUT: there is none.
 */
int smtpdb_each(struct smtpdb *t, const char *ids,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg);
/* The same for each of the arguments, which are all checked first. */
int smtpdb_each_arg(struct smtpdb *t,
    int (*one)(struct smtpdb *t, const struct archive_mail *m, void *arg),
    void *arg);
/* Tells why the archive's last call failed, and returns the status. */
int smtpdb_fail_archive(const struct smtpdb *t);

/*
 * Returns the database that `copy` opens itself: the argument beside "-".
 * NULL: there is no "-", and copy starts a process for each database.
 */
const char *copy_database(const struct smtpdb *t);

/* The commands. */
int list_run(struct smtpdb *t);
int watch_run(struct smtpdb *t);
int show_run(struct smtpdb *t);
int raw_run(struct smtpdb *t);
int extract_run(struct smtpdb *t);
int export_run(struct smtpdb *t);
int import_run(struct smtpdb *t);
int copy_run(struct smtpdb *t);
int deliver_run(struct smtpdb *t);
int search_run(struct smtpdb *t);
int index_run(struct smtpdb *t);
int rm_run(struct smtpdb *t);
int prune_run(struct smtpdb *t);
int domain_run(struct smtpdb *t);
int mailbox_run(struct smtpdb *t);
int alias_run(struct smtpdb *t);
int rule_run(struct smtpdb *t);
int quota_run(struct smtpdb *t);
int rate_run(struct smtpdb *t);
int account_run(struct smtpdb *t);
int explain_run(struct smtpdb *t);
int stats_run(struct smtpdb *t);
int doctor_run(struct smtpdb *t);
int web_run(struct smtpdb *t);

#endif
