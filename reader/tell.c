#include "../reader.h"

#include <string.h>
#include <sysexits.h>

#include "../mime/json.h"
#include "private.h"

enum {
	HOURS_MAX = 24 * 14,
};

/* Prints the numbers that stats --plot draws. */
static int
hours_run(struct smtpdb *t)
{
	struct archive_hour hours[HOURS_MAX];
	int status = smtpdb_open(t, false);
	int n;

	if (status != EX_OK)
		return status;
	n = archive_hours(t->archive, hours, HOURS_MAX);
	if (n < 0)
		return smtpdb_fail_archive(t);
	for (int i = n - 1; i >= 0; i--) {
		struct json j = { 0 };

		json_open(&j, NULL, '{');
		json_integer(&j, "hour", hours[i].hour);
		json_integer(&j, "messages", hours[i].messages);
		json_close(&j, '}');
	}
	return EX_OK;
}

static int
metrics_run(struct smtpdb *t)
{
	t->options[OPT_JSON] = NULL;
	t->options[OPT_OPENMETRICS] = "";
	return stats_run(t);
}

/* clang-format off */
static const struct {
	const char *what;
	int (*run)(struct smtpdb *t);
	const char *args[2];
} rows[] = {
	{ "stats",   stats_run,   { NULL } },
	{ "metrics", metrics_run, { NULL } },
	{ "hours",   hours_run,   { NULL } },
	{ "doctor",  doctor_run,  { NULL } },
	{ "domain",  domain_run,  { "list" } },
	{ "mailbox", mailbox_run, { "list" } },
	{ "alias",   alias_run,   { "list" } },
	{ "sender",  rule_run,    { "list", "sender" } },
	{ "client",  rule_run,    { "list", "client" } },
	{ "quota",   quota_run,   { "list" } },
	{ "rate",    rate_run,    { "list" } },
};
/* clang-format on */

int
reader_tell(const char *database, const char *what)
{
	struct smtpdb t = { .path = database };
	char *args[3] = { NULL };
	int status = EX_USAGE;

	t.options[OPT_JSON] = "";
	t.args = args;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].what, what) != 0)
			continue;
		for (; t.nargs < 2 && rows[i].args[t.nargs]; t.nargs++)
			args[t.nargs] = (char *)rows[i].args[t.nargs];
		status = rows[i].run(&t);
	}
	archive_free(t.archive);
	return status;
}
