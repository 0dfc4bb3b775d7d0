/*
 * The writer with the settings of smtpd, whichever program it is.
 */
#include "../server/options.h"
#include "private.h"

int
writer_serve(const struct options *o, int listener)
{
	const struct writer_conf conf = {
		.database = o->database,
		.hostname = o->hostname,
		.max_size = o->max_size,
		.max_recipients = o->max_recipients,
		.max_spool = o->max_spool,
		.dedupe_sec = o->dedupe_sec,
		.submission = o->submission,
		.auth_required = o->auth_required,
		.takes_claims = o->auth == AUTH_BY_ANY,
		.new_mail = o->new_mail,
		.fronts = &o->fronts,
	};

	return writer_run(&conf, listener);
}
