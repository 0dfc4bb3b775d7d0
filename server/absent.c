#include "absent.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../filters.h"
#include "log.h"

enum {
	CONNECT_MS = 1000, /* the listener's first client waits so long */
};

static void
note_filter(void *arg, const char *address, const char *fault)
{
	const struct options *o = arg;

	if (fault)
		log_line(LOG_WARNING, "filter %s: %s; until it is there, %s",
		    address, fault,
		    o->milter_accepts ? "mails are taken without it"
				      : "clients are told to try again");
}

static void
note_dovecot(void *arg, const char *address, const char *fault)
{
	(void)arg;
	if (fault)
		log_line(LOG_WARNING,
		    "--auth: %s: %s; until it is there, nobody can "
		    "authenticate",
		    address, fault);
}

static void
look_at_folder(const char *new_mail)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s", new_mail);
	if (access(dirname(path), W_OK | X_OK) < 0)
		log_line(LOG_WARNING,
		    "--new-mail: folder of %s: %s; until that is mended, the "
		    "file is not made",
		    new_mail, strerror(errno));
}

void
absent_tell(const struct options *o)
{
	const char *const lists[] = { o->milters, o->policies,
		o->end_policies };
	char dovecot[256];

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (lists[i])
			filters_try(
			    lists[i], CONNECT_MS, note_filter, (void *)o);
	}
	if (o->new_mail)
		look_at_folder(o->new_mail);
	if (!o->auth_dovecot)
		return;
	snprintf(dovecot, sizeof dovecot, "unix:%s", o->auth_dovecot);
	filters_try(dovecot, CONNECT_MS, note_dovecot, NULL);
}
