/*
 * The child that has an exchange: it gives up what it does not need, and then
 * parses what the client says.
 */
#include <sysexits.h>
#include <unistd.h>

#include "../server/confine.h"
#include "private.h"

void
child_run(struct exchange *x)
{
	const struct settings *s = x->settings;
	int fd = -1;

	if (s->dovecot)
		fd = dovecot_connect(s->dovecot);
	if (!s->no_confine && !confine_tls())
		_exit(EX_OSERR);
	if (s->dovecot)
		dovecot_run(x, fd);
	sasl_run(x);
}
