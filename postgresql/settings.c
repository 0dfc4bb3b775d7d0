/*
 * The settings with which a COMMIT that has returned survives a crash.  They
 * can change while the server runs, so each batch looks at them, in the answer
 * that has its ids.
 */
#include <stdlib.h>
#include <string.h>

#include "private.h"

enum {
	ENCODING, /* of the settings: it must be right in any case */
};

/* In the order of SETTINGS. */
static const struct {
	const char *name;
	const char *good[2];
} settings[] = {
	[ENCODING] = { "server_encoding", { "UTF8" } },
	{ "fsync", { "on" } },
	{ "full_page_writes", { "on" } },
	{ "synchronous_commit", { "on", "remote_apply" } },
};

bool
settings_may_be_unsafe(const struct database *db)
{
	return db->as_it_is || getenv("SMTPD_POSTGRESQL_UNSAFE");
}

enum verdict
settings_judge(struct database *db, const char *values, bool allow_unsafe)
{
	struct span rest = span_of(values);

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		struct span value = span_word(&rest);
		const char *const *good = settings[i].good;

		if (span_is(value, good[0]) ||
		    (good[1] && span_is(value, good[1])) ||
		    (i != ENCODING && allow_unsafe))
			continue;
		return database_fail(db, VERDICT_UNUSABLE, "%s has %s = %.*s%s",
		    db->place, settings[i].name, (int)value.len, value.p,
		    i != ENCODING ? ", and so may lose mails (--allow-unsafe)"
				  : "; it must be UTF8");
	}
	return VERDICT_OK;
}

enum verdict
settings_check(struct database *db, bool allow_unsafe)
{
	char values[128];
	int rc = query_ask(db, "SELECT " SETTINGS, values, sizeof values);

	return rc == DATABASE_OK ? settings_judge(db, values, allow_unsafe)
				 : database_fail_code(db, db->place, rc);
}
