/*
 * What errors of the server and of the connection to it mean for a mail.  The
 * last octet of a code is one of database.h's; the verdict stands above it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

enum {
	CODE_OTHER = 1,
	VERDICT_SHIFT = 8,
};

const char *
database_error(const struct database *db)
{
	return db->error;
}

enum verdict
database_fail(
    struct database *db, enum verdict verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(db->error, sizeof db->error, format, args);
	va_end(args);
	return verdict;
}

enum verdict
database_fail_errno(struct database *db, const char *what, int error)
{
	return database_fail(
	    db, verdict_of_errno(error), "%s: %s", what, strerror(error));
}

/* A code that a caller has made has no verdict. */
static enum verdict
verdict_of(int rc)
{
	if (rc >> VERDICT_SHIFT)
		return (enum verdict)(rc >> VERDICT_SHIFT);
	return rc == DATABASE_NO_MEMORY ? VERDICT_NO_MEMORY : VERDICT_FAILED;
}

enum verdict
database_fail_code(struct database *db, const char *what, int rc)
{
	if (rc >> VERDICT_SHIFT)
		return database_fail(
		    db, verdict_of(rc), "%s: %s", what, db->message);
	return database_fail(db, verdict_of(rc), "%s: %s", what,
	    rc == DATABASE_NO_MEMORY ? "out of memory" : "I/O error");
}

/*
 * Keeps the lines, one for each server that was tried, as one line.  Leaves
 * out the lines that libpq indents, which are guesses, and all from the
 * address on: one that is not well-formed may contain a password.
 */
static void
keep(struct database *db, const char *message)
{
	const char *address = strstr(message, db->path);
	const char *end = address ? address : message + strlen(message);
	size_t len = 0;

	if (message == db->message)
		return;
	db->message[0] = '\0';
	for (const char *p = message; p < end && len < sizeof db->message;) {
		int line = (int)(strcspn(p, "\n"));

		if (line > end - p)
			line = (int)(end - p);
		if (line > 0 && *p != '\t')
			len += (size_t)snprintf(db->message + len,
			    sizeof db->message - len, "%s%.*s",
			    len > 0 ? "; " : "", line, p);
		p += line + 1;
	}
}

int
error_own(
    struct database *db, int code, enum verdict verdict, const char *message)
{
	keep(db, message);
	return code | (int)verdict << VERDICT_SHIFT;
}

int
error_of_talk(struct database *db, const char *message)
{
	return error_own(db, CODE_OTHER, VERDICT_FAILED,
	    message && *message ? message : "the connection is lost");
}

/* clang-format off */
/*
 * The first row that the server's code begins with counts (PostgreSQL's
 * manual, appendix A).
 */
static const struct {
	const char *state;
	int code;
	enum verdict verdict;
} states[] = {
	{ "53100", CODE_OTHER,          VERDICT_FULL },      /* disk full */
	{ "53200", CODE_OTHER,          VERDICT_NO_MEMORY },
	{ "53",    CODE_OTHER,          VERDICT_BUSY },      /* too many connections */
	{ "40",    CODE_OTHER,          VERDICT_BUSY },      /* deadlock */
	{ "55P03", CODE_OTHER,          VERDICT_BUSY },      /* lock timeout */
	{ "57",    CODE_OTHER,          VERDICT_BUSY },      /* cancelled, shutting down */
	{ "54",    CODE_OTHER,          VERDICT_TOO_BIG },
	{ "23",    DATABASE_CONSTRAINT, VERDICT_FAILED },
	{ "XX001", CODE_OTHER,          VERDICT_CORRUPT },
	{ "XX002", CODE_OTHER,          VERDICT_CORRUPT },
	{ "",      CODE_OTHER,          VERDICT_FAILED },
};
/* clang-format on */

int
error_of_result(struct database *db, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	size_t i = 0;

	if (!state)
		return error_of_talk(db, PQresultErrorMessage(result));
	while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
		i++;
	snprintf(db->message, sizeof db->message, "%s (%s)",
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), state);
	return states[i].code | (int)states[i].verdict << VERDICT_SHIFT;
}
